/* Aggregates that keep all their values: string_agg, array_agg, json_agg, percentiles, mode. */
#include "exec/agg_private.h"
#include "exec/func_json.h"
#include <math.h>
#include <stdlib.h>

/* ---- a growing text ---- */

typedef struct TextChunk {
    struct TextChunk *next;
    size_t len, room;
    char bytes[];
} TextChunk;

typedef struct Text {
    TextChunk *first, *last;
    size_t len;
    bool set;
} Text;

enum { AGG_TEXT_MAX = 1 << 30, CHUNK_MIN = 112, CHUNK_MAX = 64 << 10 };

/* Room for `len` bytes that lie together. */
static char *text_room(Text *t, size_t len, Arena *a, Err *e)
{
    TextChunk *c = t->last;
    if (!c || c->room - c->len < len) {
        size_t room = c && c->room * 2 < CHUNK_MAX ? c->room * 2 : c ? CHUNK_MAX : CHUNK_MIN;
        room = room < len ? len : room;
        if (!(c = arena_try(a, sizeof *c + room, e)))
            return NULL;
        *c = (TextChunk){.room = room};
        *(t->last ? &t->last->next : &t->first) = c;
        t->last = c;
    }
    return c->bytes + c->len;
}

static bool text_add(Text *t, const char *bytes, size_t len, Arena *a, Err *e)
{
    if (t->len + len > AGG_TEXT_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT, "the result of an aggregate is longer than %d bytes",
                       AGG_TEXT_MAX);
    t->len += len;
    while (len > 0) {
        TextChunk *c = t->last;
        size_t n = c ? c->room - c->len : 0;
        n = n && n < len ? n : len;
        char *to = text_room(t, n, a, e);
        if (!to)
            return false;
        memcpy(to, bytes, n);
        t->last->len += n;
        bytes += n;
        len -= n;
    }
    return true;
}

static bool text_add_text(Text *t, const Text *from, Arena *a, Err *e)
{
    for (const TextChunk *c = from->first; c; c = c->next)
        if (!text_add(t, c->bytes, c->len, a, e))
            return false;
    return true;
}

static void text_put(const Text *t, Buf *out)
{
    for (const TextChunk *c = t->first; c; c = c->next)
        buf_put(out, c->bytes, c->len);
}

/* Without its first `skip` bytes. */
static bool text_flat(const Text *t, size_t skip, Arena *a, Slice *out, Err *e)
{
    if (t->first == t->last) {
        *out = t->first ? slice_of(t->first->bytes + skip, t->len - skip) : SLICE_NONE;
        return true;
    }
    char *all = arena_try(a, t->len, e), *end = all;
    for (const TextChunk *c = t->first; all && c; c = c->next) {
        memcpy(end, c->bytes, c->len);
        end += c->len;
    }
    *out = slice_of(all + skip, t->len - skip);
    return all != NULL;
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
    text_put(t, out);
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
    return text_add_text(&s->text, &f->text, c->arena, e);
}

static bool joined_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Joined *s = state;
    *out = value_str(SLICE_NONE);
    out->null = !s->text.set;
    return text_flat(&s->text, s->skip, c->arena, &out->u.str, e);
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
    const char *separator = json_separator(c, f->first->bytes[0] == 'n');
    return (first || text_add(t, separator, strlen(separator), c->arena, e)) &&
           text_add_text(t, f, c->arena, e);
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
    text_put(t, &b);
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

typedef struct ListChunk {
    struct ListChunk *next;
    size_t count, room;
    Value items[];
} ListChunk;

typedef struct List {
    ListChunk *first, *last;
    size_t count;
} List;

enum { LIST_CHUNK_MIN = 4, LIST_CHUNK_MAX = 1024 };

static bool list_add(List *l, const Value *v, Arena *a, Err *e)
{
    ListChunk *c = l->last;
    if (!c || c->count == c->room) {
        if (l->count >= ARRAY_ITEMS_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                           ARRAY_ITEMS_MAX);
        size_t room = !c ? LIST_CHUNK_MIN : c->room < LIST_CHUNK_MAX ? c->room * 2 : c->room;
        if (!(c = arena_try(a, sizeof *c + room * sizeof *c->items, e)))
            return false;
        *c = (ListChunk){.room = room};
        *(l->last ? &l->last->next : &l->first) = c;
        l->last = c;
    }
    c->items[c->count++] = value_copy(a, v);
    l->count++;
    return true;
}

static bool list_flat(const List *l, Arena *a, Value **out, Err *e)
{
    *out = l->first ? l->first->items : NULL;
    if (l->first == l->last)
        return true;
    Value *all = *out = arena_try(a, l->count * sizeof *all, e);
    for (const ListChunk *c = l->first; all && c; all += c->count, c = c->next)
        memcpy(all, c->items, c->count * sizeof *all);
    return *out != NULL;
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
    for (const ListChunk *from_chunk = f->first; from_chunk; from_chunk = from_chunk->next)
        for (size_t i = 0; i < from_chunk->count; i++)
            if (!list_add(into, &from_chunk->items[i], c->arena, e))
                return false;
    return true;
}

static void list_put(const List *l, Buf *out)
{
    buf_put_varint(out, l->count);
    for (const ListChunk *c = l->first; c; c = c->next)
        for (size_t i = 0; i < c->count; i++)
            value_save(&c->items[i], out);
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
    Value *items;
    if (!list_flat(l, c->arena, &items, e))
        return false;
    if (l->count && c->arg_types[0] == c->result)
        return array_nest(c->arena, type_elem_of(c->result), items, l->count, true, out, e);
    *out = (Value){.null = l->count == 0, .phys = PH_ARRAY};
    if (l->count)
        out->u.arr = array_new(c->arena, type_elem_of(c->result), items, l->count);
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

/* ---- percentile_cont, percentile_disc, percentile_nearest, mode ----
 * Rows that are announced come in order: then only the values at the places that the fractions ask for are kept,
 * or of mode the most frequent so far.  Else all are kept and sorted here, unless they came sorted. */

typedef struct Wanted {
    uint64_t place;
    Value value;
} Wanted;

typedef struct Ordered {
    uint64_t at;    /* values so far */
    Wanted *wanted; /* ascending places */
    size_t wanted_count, next;
    Kept now, best; /* mode */
    uint64_t now_count, best_count;
} Ordered;

typedef struct Ranked {
    Value fraction; /* of the first row: a constant */
    bool set;
    List list;
    uint64_t announced; /* values */
    Ordered *ordered;   /* they are coming */
} Ranked;

static void ranked_init(AggCtx *c, void *state)
{
    (void)c;
    *(Ranked *)state = (Ranked){0};
}

static void ranked_begin(AggCtx *c, Ranked *s, const Vector *args, size_t row)
{
    if (!s->set && c->arg_count == 2) {
        Value f = vec_get(&args[0], row);
        s->fraction = value_copy(c->arena, &f);
    }
    s->set = true;
}

/* Where the value of a fraction stands among n: the discrete one, the two beside a continuous one, the
 * one of the nearest rank. */
enum { PLACES = 4 };
static void places_of(double f, uint64_t n, uint64_t out[PLACES])
{
    uint64_t row = (uint64_t)ceil(f * (double)n), near = (uint64_t)floor(f * (double)n + 0.5);
    double at = f * (double)(n - 1);
    out[0] = row ? row - 1 : 0;
    out[1] = (uint64_t)floor(at);
    out[2] = (uint64_t)ceil(at);
    out[3] = near ? near - 1 : n; /* n: none, the fraction is less than half a row */
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = ((const Wanted *)a)->place, y = ((const Wanted *)b)->place;
    return (x > y) - (x < y);
}

static bool fraction_in_range(double f)
{
    return f >= 0 && f <= 1;
}

static void want(Ordered *o, const Value *fraction, uint64_t n)
{
    uint64_t place[PLACES];
    if (fraction->null || !fraction_in_range(fraction->u.f64))
        return; /* NULL, or refused in the end */
    places_of(fraction->u.f64, n, place);
    for (size_t i = 0; i < PLACES; i++)
        o->wanted[o->wanted_count++].place = place[i];
}

static Ordered *ordered_new(AggCtx *c, const Ranked *s)
{
    Ordered *o = ARENA_NEW(c->arena, Ordered);
    if (c->arg_count < 2 || s->fraction.null)
        return o;
    const Array *all = s->fraction.phys == PH_ARRAY ? s->fraction.u.arr : NULL;
    size_t count = all ? all->count : 1;
    o->wanted = arena_zero(c->arena, (count * PLACES + 1) * sizeof *o->wanted);
    for (size_t i = 0; i < count; i++)
        want(o, all ? &all->items[i] : &s->fraction, s->announced);
    qsort(o->wanted, o->wanted_count, sizeof *o->wanted, by_place);
    return o;
}

static void ordered_mode(AggCtx *c, Ordered *o, const Value *v)
{
    bool same = o->now_count > 0 && type_find(c->arg_types[0])->cmp(v, &o->now.v) == 0;
    if (!same)
        kept_set(&o->now, v, c->arena);
    o->now_count = same ? o->now_count + 1 : 1;
    if (o->now_count == o->best_count + 1) /* now it leads: its count moves alone from here on */
        kept_set(&o->best, v, c->arena);
    o->best_count = o->now_count > o->best_count ? o->now_count : o->best_count;
}

static bool ordered_update(AggCtx *c, Ranked *s, const Vector *args, const uint16_t *sel, size_t n)
{
    Ordered *o = s->ordered ? s->ordered : (s->ordered = ordered_new(c, s));
    AGG_ROWS(sel, n, row)
    {
        if (vec_is_null(args, row))
            continue;
        Value v;
        if (c->arg_count == 1) {
            v = vec_get(args, row);
            ordered_mode(c, o, &v);
        }
        for (; o->next < o->wanted_count && o->wanted[o->next].place == o->at; o->next++) {
            v = vec_get(args, row);
            o->wanted[o->next].value = value_copy(c->arena, &v);
        }
        o->at++;
    }
    return true;
}

static bool ranked_announce(AggCtx *c, void *state, const Vector *args, const uint16_t *sel,
                            size_t n, Err *e)
{
    Ranked *s = state;
    const Vector *v = &args[c->arg_count - 1];
    (void)e;
    AGG_ROWS(sel, n, row)
    {
        ranked_begin(c, s, args, row);
        s->announced += !vec_is_null(v, row);
    }
    return true;
}

static bool ranked_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    Ranked *s = state;
    size_t value_arg = c->arg_count - 1;
    if (s->announced)
        return ordered_update(c, s, &args[value_arg], sel, n);
    AGG_ROWS(sel, n, row)
    {
        ranked_begin(c, s, args, row);
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
static bool sorted(const AggCtx *c, const List *l, Value **out, Err *e)
{
    CompareFn cmp = type_find(c->arg_types[c->arg_count - 1])->cmp;
    bool up = true, down = true;
    Value *v;
    if (!list_flat(l, c->arena, &v, e))
        return false;
    for (size_t i = 1; i < l->count && (up || down); i++) {
        int order = cmp(&v[i - 1], &v[i]);
        up = up && order <= 0;
        down = down && order >= 0;
    }
    *out = v;
    if (up || down)
        return true;
    Value *copy = *out = arena_alloc(c->arena, l->count * sizeof *copy);
    memcpy(copy, v, l->count * sizeof *copy);
    qsort_r(copy, l->count, sizeof *copy, compare_with, &cmp);
    return true;
}

/* All values, or those at the wanted places. */
typedef struct Ranks {
    const Value *all;
    const Ordered *ordered;
    uint64_t count;
} Ranks;

static const Value *rank_at(const Ranks *r, uint64_t place)
{
    if (r->all)
        return &r->all[place];
    Wanted key = {.place = place};
    const Wanted *found =
        bsearch(&key, r->ordered->wanted, r->ordered->wanted_count, sizeof key, by_place);
    must(found); /* of equal places each has the value */
    return &found->value;
}

static bool fraction_ok(double f, Err *e)
{
    return fraction_in_range(f) ||
           err_set(e, ERR_NUMERIC_RANGE, "percentile value %g is not between 0 and 1", f);
}

static bool interpolate(const Ranks *r, double f, Value *out, Err *e)
{
    uint64_t place[PLACES];
    if (!fraction_ok(f, e))
        return false;
    places_of(f, r->count, place);
    const Value *lo = rank_at(r, place[1]), *hi = rank_at(r, place[2]);
    *out = *lo;
    if (place[1] == place[2])
        return true;
    double part = f * (double)(r->count - 1) - (double)place[1];
    if (lo->phys == PH_F64) {
        out->u.f64 = lo->u.f64 + part * (hi->u.f64 - lo->u.f64);
        return true;
    }
    Interval step;
    return interval_sub(hi->u.iv, lo->u.iv, &step, e) && interval_mul(step, part, &step, e) &&
           interval_add(lo->u.iv, step, &out->u.iv, e);
}

static bool pick(const Ranks *r, double f, Value *out, Err *e)
{
    uint64_t place[PLACES];
    if (!fraction_ok(f, e))
        return false;
    places_of(f, r->count, place);
    *out = *rank_at(r, place[0]);
    return true;
}

/* InfluxQL's percentile(): the rank floor(f n + 1/2), no value where that is 0. */
static bool pick_nearest(const Ranks *r, double f, Value *out, Err *e)
{
    uint64_t place[PLACES];
    if (!fraction_ok(f, e))
        return false;
    places_of(f, r->count, place);
    if (place[3] < r->count)
        *out = *rank_at(r, place[3]);
    return true;
}

typedef bool (*PercentileFn)(const Ranks *r, double f, Value *out, Err *e);

static bool percentile(AggCtx *c, const Ranked *s, PercentileFn one, Value *out, Err *e)
{
    Ranks ranks = {.ordered = s->ordered, .count = s->announced};
    *out = (Value){.null = true, .phys = type_phys(c->result)};
    if (!s->ordered) {
        Value *all;
        if (!sorted(c, &s->list, &all, e))
            return false;
        ranks.all = all;
        ranks.count = s->list.count;
    }
    if (ranks.count == 0 || s->fraction.null)
        return true;
    if (s->fraction.phys != PH_ARRAY)
        return one(&ranks, s->fraction.u.f64, out, e);
    const Array *fractions = s->fraction.u.arr;
    Value *items = arena_zero(c->arena, (fractions->count + 1) * sizeof *items);
    for (size_t i = 0; i < fractions->count; i++) {
        items[i].null = true;
        if (!fractions->items[i].null && !one(&ranks, fractions->items[i].u.f64, &items[i], e))
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

static bool nearest_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    return percentile(c, state, pick_nearest, out, e);
}

/* The most frequent value, the first of them in order. */
static bool mode_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Ranked *s = state;
    CompareFn cmp = type_find(c->arg_types[0])->cmp;
    size_t best = 0;
    Value *v;
    *out = (Value){.null = true, .phys = type_phys(c->result)};
    if (s->ordered && s->ordered->best_count > 0)
        *out = s->ordered->best.v;
    if (s->list.count == 0)
        return true;
    if (!sorted(c, &s->list, &v, e))
        return false;
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
        .announce = ranked_announce,                                                               \
        .update = ranked_update,                                                                   \
        .merge = ranked_merge,                                                                     \
        .final = fin,                                                                              \
        .save = ranked_save,                                                                       \
        .load = ranked_load,                                                                       \
        .ordered = true,                                                                           \
    }
RANKED(agg_cont, cont_final);
RANKED(agg_disc, disc_final);
RANKED(agg_nearest, nearest_final);
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
    AGG("percentile_nearest(float8, anyelement) anyelement", agg_nearest,
        "percentile, the value of the nearest rank"),
    AGG("mode(anyelement) anyelement", agg_mode, "the most frequent value"),
    FUNC_END,
};
