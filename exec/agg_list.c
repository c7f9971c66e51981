/* Aggregates that keep all their values: string_agg, array_agg, json_agg, percentiles, mode. */
#include "exec/agg_private.h"
#include "exec/func_json.h"
#include <math.h>
#include <stdlib.h>

/* ---- a growing text ---- */

typedef struct Text {
    char *ptr;
    size_t len, room;
    bool set;
} Text;

enum { AGG_TEXT_MAX = 1 << 30 };

static bool text_add(Text *t, const char *bytes, size_t len, Arena *a, Err *e)
{
    if (t->len + len > t->room) {
        size_t room = (t->len + len) * 2 + 64;
        if (room > AGG_TEXT_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT,
                           "the result of an aggregate is longer than %d bytes", AGG_TEXT_MAX);
        char *p = arena_try(a, room, e);
        if (!p)
            return false;
        if (t->len)
            memcpy(p, t->ptr, t->len);
        t->ptr = p;
        t->room = room;
    }
    if (len)
        memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    return true;
}

static bool text_add_slice(Text *t, Slice s, Arena *a, Err *e)
{
    return text_add(t, s.ptr, s.len, a, e);
}

static void text_init(AggCtx *c, void *state)
{
    (void)c;
    *(Text *)state = (Text){0};
}

static void text_save(AggCtx *c, const void *state, Buf *out)
{
    const Text *t = state;
    (void)c;
    buf_put_u8(out, t->set);
    buf_put(out, t->ptr, t->len);
}

static bool text_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Text *t = state;
    *t = (Text){0};
    if (bytes.len < 1)
        return agg_bad_state(e);
    t->set = bytes.ptr[0] != 0;
    return text_add(t, bytes.ptr + 1, bytes.len - 1, c->arena, e);
}

/* ---- string_agg(value, separator): the state begins with the first separator's length ---- */

typedef struct Joined {
    Text text;
    size_t skip; /* the separator in front of the first value, needed when states are merged */
} Joined;

static void joined_init(AggCtx *c, void *state)
{
    (void)c;
    *(Joined *)state = (Joined){0};
}

static bool joined_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    Joined *s = state;
    AGG_ROWS(sel, n, row)
    {
        Value v = vec_get(&args[0], row), sep = vec_get(&args[1], row);
        if (v.null)
            continue;
        Slice between = sep.null ? SLICE_NONE : sep.u.str;
        if (!s->text.set)
            s->skip = between.len;
        s->text.set = true;
        if (!text_add_slice(&s->text, between, c->arena, e) ||
            !text_add_slice(&s->text, v.u.str, c->arena, e))
            return false;
    }
    return true;
}

static bool joined_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Joined *s = into;
    const Joined *f = from;
    if (!f->text.set)
        return true;
    if (!s->text.set)
        s->skip = f->skip;
    s->text.set = true;
    return text_add(&s->text, f->text.ptr, f->text.len, c->arena, e);
}

static bool joined_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Joined *s = state;
    (void)c, (void)e;
    *out = value_str(s->text.set ? slice_of(s->text.ptr + s->skip, s->text.len - s->skip)
                                 : SLICE_NONE);
    out->null = !s->text.set;
    return true;
}

static void joined_save(AggCtx *c, const void *state, Buf *out)
{
    const Joined *s = state;
    buf_put_u64(out, s->skip);
    text_save(c, &s->text, out);
}

static bool joined_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Joined *s = state;
    Reader r = reader_of(bytes);
    s->skip = (size_t)reader_u64(&r);
    if (r.bad || !text_load(c, &s->text, slice_of(bytes.ptr + 8, bytes.len - 8), e) ||
        s->skip > s->text.len)
        return agg_bad_state(e);
    return true;
}

static const AggDef agg_string = {
    .state_size = sizeof(Joined),
    .init = joined_init,
    .update = joined_update,
    .merge = joined_merge,
    .final = joined_final,
    .save = joined_save,
    .load = joined_load,
    .ordered = true,
    .grows = true,
};

/* ---- json_agg, jsonb_agg, json_object_agg ---- */

/* Arrays and rows stand on lines of their own in json_agg (jsonb has one form). */
static const char *json_separator(const AggCtx *c, bool null)
{
    TypeId type = c->arg_types[0];
    bool structured = type == T_RECORD || type_elem_of(type);
    return c->arg_count == 1 && c->result == T_JSON && structured && !null ? ", \n " : ", ";
}

static bool json_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e)
{
    Text *t = state;
    bool canonical = c->result == T_JSONB;
    Buf b;
    buf_init(&b);
    bool ok = true;
    AGG_ROWS(sel, n, row)
    {
        buf_clear(&b);
        Value v = vec_get(&args[c->arg_count - 1], row);
        if (t->set)
            buf_puts(&b, json_separator(c, v.null));
        t->set = true;
        if (c->arg_count == 2) {
            Value key = vec_get(&args[0], row);
            ok = json_put_key(&c->eval->env, c->arg_types[0], &key, canonical, &b, e);
        }
        ok = ok &&
             json_put_value(&c->eval->env, c->arg_types[c->arg_count - 1], &v, canonical, &b, e) &&
             text_add(t, b.ptr, b.len, c->arena, e);
        if (!ok)
            break;
    }
    buf_free(&b);
    return ok;
}

static bool json_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Text *t = into;
    const Text *f = from;
    if (!f->set)
        return true;
    bool first = !t->set;
    t->set = true;
    const char *separator = json_separator(c, f->ptr[0] == 'n');
    return (first || text_add(t, separator, strlen(separator), c->arena, e)) &&
           text_add(t, f->ptr, f->len, c->arena, e);
}

static bool json_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Text *t = state;
    Buf b;
    bool object = c->arg_count == 2, ok = true;
    *out = (Value){.null = !t->set, .phys = PH_STR};
    if (!t->set)
        return true;
    buf_init(&b);
    buf_puts(&b, object ? (c->result == T_JSON ? "{ " : "{") : "[");
    buf_put(&b, t->ptr, t->len);
    buf_puts(&b, object ? (c->result == T_JSON ? " }" : "}") : "]");
    if (c->result == T_JSONB)
        ok = jsonb_normalize(buf_slice(&b), c->arena, &out->u.str, e);
    else
        out->u.str = arena_slice(c->arena, buf_slice(&b));
    buf_free(&b);
    return ok;
}

static const AggDef agg_json = {
    .state_size = sizeof(Text),
    .init = text_init,
    .update = json_update,
    .merge = json_merge,
    .final = json_final,
    .save = text_save,
    .load = text_load,
    .ordered = true,
    .grows = true,
};

/* ---- a growing list of values ---- */

typedef struct List {
    Value *items;
    size_t count, room;
} List;

static bool list_add(List *l, const Value *v, Arena *a, Err *e)
{
    if (l->count == l->room) {
        if (l->count >= ARRAY_ITEMS_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                           ARRAY_ITEMS_MAX);
        size_t room = l->room ? l->room * 2 : 16;
        Value *items = arena_try(a, room * sizeof *items, e);
        if (!items)
            return false;
        if (l->count)
            memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->room = room;
    }
    l->items[l->count++] = value_copy(a, v);
    return true;
}

static void list_init(AggCtx *c, void *state)
{
    (void)c;
    *(List *)state = (List){0};
}

static bool list_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e)
{
    AGG_ROWS(sel, n, row)
    {
        Value v = vec_get(&args[0], row);
        if (!list_add(state, &v, c->arena, e))
            return false;
    }
    return true;
}

static bool list_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    const List *f = from;
    for (size_t i = 0; i < f->count; i++)
        if (!list_add(into, &f->items[i], c->arena, e))
            return false;
    return true;
}

static void list_put(const List *l, Buf *out)
{
    buf_put_varint(out, l->count);
    for (size_t i = 0; i < l->count; i++)
        value_save(&l->items[i], out);
}

static bool list_get(List *l, Reader *r, Arena *a, Err *e)
{
    *l = (List){0};
    uint64_t n = reader_varint(r);
    for (uint64_t i = 0; i < n; i++) {
        Value v;
        if (!value_load(&v, r, a))
            return agg_bad_state(e);
        if (!list_add(l, &v, a, e))
            return false;
    }
    return !r->bad || agg_bad_state(e);
}

static void list_save(AggCtx *c, const void *state, Buf *out)
{
    (void)c;
    list_put(state, out);
}

static bool list_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    return list_get(state, &r, c->arena, e);
}

static bool array_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const List *l = state;
    if (l->count && c->arg_types[0] == c->result)
        return array_nest(c->arena, type_elem_of(c->result), l->items, l->count, true, out, e);
    *out = (Value){.null = l->count == 0, .phys = PH_ARRAY};
    if (l->count)
        out->u.arr = array_new(c->arena, type_elem_of(c->result), l->items, l->count);
    return true;
}

static const AggDef agg_array = {
    .state_size = sizeof(List),
    .init = list_init,
    .update = list_update,
    .merge = list_merge,
    .final = array_final,
    .save = list_save,
    .load = list_load,
    .ordered = true,
    .grows = true,
};

/* ---- percentile_cont, percentile_disc, mode: sorted here unless the rows came sorted ---- */

typedef struct Ranked {
    Value fraction; /* of the first row: a constant */
    bool set;
    List list;
} Ranked;

static void ranked_init(AggCtx *c, void *state)
{
    (void)c;
    *(Ranked *)state = (Ranked){0};
}

static bool ranked_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    Ranked *s = state;
    size_t value_arg = c->arg_count - 1;
    AGG_ROWS(sel, n, row)
    {
        if (!s->set && c->arg_count == 2) {
            Value f = vec_get(&args[0], row);
            s->fraction = value_copy(c->arena, &f);
        }
        s->set = true;
        Value v = vec_get(&args[value_arg], row);
        if (!v.null && !list_add(&s->list, &v, c->arena, e))
            return false;
    }
    return true;
}

static bool ranked_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Ranked *s = into;
    const Ranked *f = from;
    if (!s->set && f->set)
        s->fraction = value_copy(c->arena, &f->fraction);
    s->set = s->set || f->set;
    return list_merge(c, &s->list, &f->list, e);
}

static void ranked_save(AggCtx *c, const void *state, Buf *out)
{
    const Ranked *s = state;
    (void)c;
    buf_put_u8(out, s->set);
    value_save(&s->fraction, out);
    list_put(&s->list, out);
}

static bool ranked_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Ranked *s = state;
    Reader r = reader_of(bytes);
    s->set = reader_u8(&r) != 0;
    if (!value_load(&s->fraction, &r, c->arena))
        return agg_bad_state(e);
    return list_get(&s->list, &r, c->arena, e);
}

typedef int (*CompareFn)(const Value *, const Value *);

static int compare_with(const void *x, const void *y, void *cmp)
{
    return (*(const CompareFn *)cmp)(x, y);
}

/* ORDER BY may have sorted them, in either direction: then they stay as they came. */
static Value *sorted(const AggCtx *c, const List *l)
{
    CompareFn cmp = type_find(c->arg_types[c->arg_count - 1])->cmp;
    bool up = true, down = true;
    for (size_t i = 1; i < l->count && (up || down); i++) {
        int order = cmp(&l->items[i - 1], &l->items[i]);
        up = up && order <= 0;
        down = down && order >= 0;
    }
    if (up || down)
        return l->items;
    Value *copy = arena_alloc(c->arena, l->count * sizeof *copy);
    memcpy(copy, l->items, l->count * sizeof *copy);
    qsort_r(copy, l->count, sizeof *copy, compare_with, &cmp);
    return copy;
}

static bool fraction_ok(double f, Err *e)
{
    if (f >= 0 && f <= 1)
        return true;
    return err_set(e, ERR_NUMERIC_RANGE, "percentile value %g is not between 0 and 1", f);
}

static bool interpolate(const Value *v, size_t n, double f, Value *out, Err *e)
{
    double at = f * (double)(n - 1);
    size_t lo = (size_t)floor(at), hi = (size_t)ceil(at);
    if (!fraction_ok(f, e))
        return false;
    *out = v[lo];
    if (lo == hi)
        return true;
    double part = at - (double)lo;
    if (v[lo].phys == PH_F64) {
        out->u.f64 = v[lo].u.f64 + part * (v[hi].u.f64 - v[lo].u.f64);
        return true;
    }
    Interval step;
    return interval_sub(v[hi].u.iv, v[lo].u.iv, &step, e) && interval_mul(step, part, &step, e) &&
           interval_add(v[lo].u.iv, step, &out->u.iv, e);
}

static bool pick(const Value *v, size_t n, double f, Value *out, Err *e)
{
    if (!fraction_ok(f, e))
        return false;
    size_t row = (size_t)ceil(f * (double)n);
    *out = v[row ? row - 1 : 0];
    return true;
}

typedef bool (*PercentileFn)(const Value *v, size_t n, double f, Value *out, Err *e);

static bool percentile(AggCtx *c, const Ranked *s, PercentileFn one, Value *out, Err *e)
{
    *out = (Value){.null = true, .phys = type_phys(c->result)};
    if (s->list.count == 0 || s->fraction.null)
        return true;
    const Value *v = sorted(c, &s->list);
    if (s->fraction.phys != PH_ARRAY)
        return one(v, s->list.count, s->fraction.u.f64, out, e);
    const Array *fractions = s->fraction.u.arr;
    Value *items = arena_zero(c->arena, (fractions->count + 1) * sizeof *items);
    for (size_t i = 0; i < fractions->count; i++) {
        items[i].null = true;
        if (!fractions->items[i].null &&
            !one(v, s->list.count, fractions->items[i].u.f64, &items[i], e))
            return false;
    }
    Array *arr = arena_alloc(c->arena, sizeof *arr);
    *arr = *fractions; /* the same shape */
    arr->elem = type_elem_of(c->result);
    arr->items = items;
    *out = value_array(arr);
    return true;
}

static bool cont_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    return percentile(c, state, interpolate, out, e);
}

static bool disc_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    return percentile(c, state, pick, out, e);
}

/* The most frequent value, the first of them in order. */
static bool mode_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Ranked *s = state;
    CompareFn cmp = type_find(c->arg_types[0])->cmp;
    size_t best = 0;
    (void)e;
    *out = (Value){.null = true, .phys = type_phys(c->result)};
    if (s->list.count == 0)
        return true;
    const Value *v = sorted(c, &s->list);
    for (size_t i = 0; i < s->list.count;) {
        size_t from = i;
        while (i < s->list.count && cmp(&v[from], &v[i]) == 0)
            i++;
        if (i - from > best) {
            best = i - from;
            *out = v[from];
        }
    }
    return true;
}

#define RANKED(name, fin)                                                                          \
    static const AggDef name = {                                                                   \
        .state_size = sizeof(Ranked),                                                              \
        .init = ranked_init,                                                                       \
        .update = ranked_update,                                                                   \
        .merge = ranked_merge,                                                                     \
        .final = fin,                                                                              \
        .save = ranked_save,                                                                       \
        .load = ranked_load,                                                                       \
        .ordered = true,                                                                           \
    }
RANKED(agg_cont, cont_final);
RANKED(agg_disc, disc_final);
RANKED(agg_mode, mode_final);

/* ---- the tables ---- */

FuncDef agg_list[] = {
    AGG("string_agg(text, text) text", agg_string, "values joined by a separator"),
    AGG("string_agg(bytea, bytea) bytea", agg_string, "values joined by a separator"),
    AGG("array_agg(anynonarray) anyarray", agg_array, "values as an array"),
    AGG("array_agg(anyarray) anyarray", agg_array, "arrays as one of a dimension more"),
    AGG("json_agg(any) json", agg_json, "values as a JSON array"),
    AGG("jsonb_agg(any) jsonb", agg_json, "values as a JSON array"),
    AGG("json_object_agg(any, any) json", agg_json, "pairs as a JSON object"),
    AGG("jsonb_object_agg(any, any) jsonb", agg_json, "pairs as a JSON object"),
    FUNC_END,
};

/* WITHIN GROUP (ORDER BY x): x is the last argument and AggCall.order. */
FuncDef agg_ordered[] = {
    AGG("percentile_cont(float8, float8) float8", agg_cont, "percentile, interpolated"),
    AGG("percentile_cont(float8, interval) interval", agg_cont, "percentile, interpolated"),
    AGG("percentile_cont(_float8, float8) _float8", agg_cont, "percentiles, interpolated"),
    AGG("percentile_cont(_float8, interval) _interval", agg_cont, "percentiles, interpolated"),
    AGG("percentile_disc(float8, anyelement) anyelement", agg_disc,
        "percentile, one of the values"),
    AGG("percentile_disc(_float8, anyelement) anyarray", agg_disc, "percentiles, of the values"),
    AGG("mode(anyelement) anyelement", agg_mode, "the most frequent value"),
    FUNC_END,
};
