/* Set-returning functions: series, array items, JSON members, pieces of text. */
#include "base/regex.h"
#include "exec/agg_private.h"
#include "exec/func_text.h"
#include "exec/jsonpath.h"

#define SRF(sig, def, txt)                                                                         \
    {                                                                                              \
        .signature = sig, .flags = FN_SRF | FN_STRICT, .text = txt, .srf = &(def)                  \
    }
#define SRF_OPEN(fn)                                                                               \
    static bool fn(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,          \
                   void **state, Err *e)

/* ---- generate_series ---- */

typedef struct IntSeries {
    int64_t next, stop, step;
    bool done;
} IntSeries;

SRF_OPEN(ints_open)
{
    IntSeries *s = ARENA_NEW(a, IntSeries);
    (void)ctx, (void)call;
    s->next = args[0].u.i64;
    s->stop = args[1].u.i64;
    s->step = n > 2 ? args[2].u.i64 : 1;
    if (s->step == 0)
        return err_set(e, ERR_INVALID_PARAMETER, "step size cannot equal zero");
    *state = s;
    return true;
}

static SrfStatus ints_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    IntSeries *s = state;
    (void)ctx, (void)waiter, (void)e;
    size_t n = 0;
    while (n < BATCH_ROWS && !s->done && (s->step > 0 ? s->next <= s->stop : s->next >= s->stop)) {
        out->cols[0].v.i64[n++] = s->next;
        s->done = __builtin_add_overflow(s->next, s->step, &s->next);
    }
    out->rows = n;
    return n ? SRF_ROWS : SRF_END;
}

typedef struct TimeSeries {
    int64_t next, stop;
    Interval step;
    const TimeZone *tz; /* NULL: timestamp */
    bool up, done;
} TimeSeries;

SRF_OPEN(times_open)
{
    static const Interval zero;
    TimeSeries *s = ARENA_NEW(a, TimeSeries);
    (void)n;
    s->next = args[0].u.i64;
    s->stop = args[1].u.i64;
    s->step = args[2].u.iv;
    s->tz = call->type == T_TIMESTAMPTZ ? ctx->env.tz : NULL;
    int sign = interval_cmp(s->step, zero);
    if (sign == 0)
        return err_set(e, ERR_INVALID_PARAMETER, "step size cannot equal zero");
    s->up = sign > 0;
    s->done = time_is_infinite(s->next);
    *state = s;
    return true;
}

static SrfStatus times_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    TimeSeries *s = state;
    (void)ctx, (void)waiter;
    size_t n = 0;
    while (n < BATCH_ROWS && !s->done && (s->up ? s->next <= s->stop : s->next >= s->stop)) {
        out->cols[0].v.i64[n++] = s->next;
        bool ok = s->tz ? timestamptz_add(s->tz, s->next, s->step, &s->next, e)
                        : timestamp_add(s->next, s->step, &s->next, e);
        if (!ok)
            return SRF_FAIL;
    }
    out->rows = n;
    return n ? SRF_ROWS : SRF_END;
}

typedef struct NumSeries {
    Num next, stop, step;
    bool up, done;
    Arena *arena;
} NumSeries;

SRF_OPEN(nums_open)
{
    NumSeries *s = ARENA_NEW(a, NumSeries);
    (void)ctx, (void)call;
    s->arena = a;
    s->next = num_copy(&args[0].u.num, a);
    s->stop = num_copy(&args[1].u.num, a);
    s->step = n > 2 ? num_copy(&args[2].u.num, a) : num_of_i64(1);
    if (num_is_special(&s->next) || num_is_special(&s->stop) || num_is_special(&s->step))
        return err_set(e, ERR_INVALID_PARAMETER, "%s value cannot be NaN or infinity",
                       num_is_special(&s->next)   ? "start"
                       : num_is_special(&s->stop) ? "stop"
                                                  : "step size");
    if (num_sign(&s->step) == 0)
        return err_set(e, ERR_INVALID_PARAMETER, "step size cannot equal zero");
    s->up = num_sign(&s->step) > 0;
    *state = s;
    return true;
}

static SrfStatus nums_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    NumSeries *s = state;
    (void)ctx, (void)waiter;
    size_t n = 0;
    while (n < BATCH_ROWS) {
        int order = num_cmp(&s->next, &s->stop);
        if (s->up ? order > 0 : order < 0)
            break;
        out->cols[0].v.num[n++] = s->next;
        if (!num_add(&s->next, &s->step, s->arena, &s->next, e))
            return SRF_FAIL;
    }
    out->rows = n;
    return n ? SRF_ROWS : SRF_END;
}

/* ---- rows that are known when the function is opened ---- */

typedef struct RowList {
    Value *items; /* col_count a row */
    size_t cols, count, room, next;
    Arena *arena;
} RowList;

static RowList *list_new(Arena *a, size_t cols)
{
    RowList *l = ARENA_NEW(a, RowList);
    l->cols = cols;
    l->arena = a;
    return l;
}

static bool list_add(RowList *l, const Value *row, Err *e)
{
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 16;
        Value *items = arena_try(l->arena, room * l->cols * sizeof *items, e);
        if (!items)
            return false;
        if (l->count)
            memcpy(items, l->items, l->count * l->cols * sizeof *items);
        l->items = items;
        l->room = room;
    }
    for (size_t i = 0; i < l->cols; i++)
        l->items[l->count * l->cols + i] = value_copy(l->arena, &row[i]);
    l->count++;
    return true;
}

static SrfStatus list_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    RowList *l = state;
    (void)waiter, (void)e;
    size_t n = 0;
    for (; n < BATCH_ROWS && l->next < l->count; n++, l->next++)
        for (size_t c = 0; c < l->cols; c++)
            vec_set(&out->cols[c], n, &l->items[l->next * l->cols + c], BATCH_ROWS, ctx->scratch);
    out->rows = n;
    return n ? SRF_ROWS : SRF_END;
}

SRF_OPEN(unnest_open)
{
    const Array *arr = args[0].u.arr;
    RowList *l = list_new(a, 1);
    (void)ctx, (void)call, (void)n;
    for (size_t i = 0; i < arr->count; i++)
        if (!list_add(l, &arr->items[i], e))
            return false;
    *state = l;
    return true;
}

/* information_schema._pg_expandarray: item and its number from 1. */
SRF_OPEN(expand_open)
{
    const Array *arr = args[0].u.arr;
    RowList *l = list_new(a, 2);
    (void)ctx, (void)call, (void)n;
    for (size_t i = 0; i < arr->count; i++) {
        Value row[2] = {arr->items[i], value_i64((int64_t)i + 1)};
        if (!list_add(l, row, e))
            return false;
    }
    *state = l;
    return true;
}

SRF_OPEN(subscripts_open)
{
    const Array *arr = args[0].u.arr;
    IntSeries *s = ARENA_NEW(a, IntSeries);
    (void)ctx, (void)call, (void)e;
    int64_t dim = args[1].u.i64;
    bool reverse = n > 2 && args[2].u.b;
    *state = s;
    s->step = reverse ? -1 : 1;
    s->done = dim < 1 || dim > arr->ndim;
    if (s->done)
        return true;
    int64_t lower = arr->lower[dim - 1], upper = lower + arr->dims[dim - 1] - 1;
    s->next = reverse ? upper : lower;
    s->stop = reverse ? lower : upper;
    return true;
}

/* ---- JSON ---- */

/* The words for an argument that is not what the function takes apart differ with function and form. */
static bool not_an_array(const Expr *call, JsonKind kind, Err *e)
{
    const char *name = call->func->name;
    bool scalar = kind != JSON_OBJECT;
    if (call->func->args[0] == T_JSON)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot call %s on a %s", name,
                       scalar ? "scalar" : "non-array");
    return err_set(e, ERR_INVALID_PARAMETER, "cannot extract elements from %s",
                   scalar ? "a scalar" : "an object");
}

static bool not_an_object(const Expr *call, size_t cols, JsonKind kind, Err *e)
{
    const char *name = call->func->name;
    bool array = kind == JSON_ARRAY;
    if (cols == 1)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot call %s on %s", name,
                       array ? "an array" : "a scalar");
    if (call->func->args[0] == T_JSONB)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot call %s on a non-object", name);
    return err_set(e, ERR_INVALID_PARAMETER, "cannot deconstruct %s",
                   array ? "an array as an object" : "a scalar");
}

static Value json_value(Slice v, bool as_text, Arena *a)
{
    Value r = value_str(as_text ? json_text(v, a) : v);
    r.null = as_text && json_kind(v) == JSON_NULL;
    return r;
}

static bool elements(const Expr *call, const Value *arg, bool as_text, Arena *a, void **state,
                     Err *e)
{
    RowList *l = list_new(a, 1);
    JsonIter it = json_iter(arg->u.str);
    Slice key, v;
    if (json_kind(arg->u.str) != JSON_ARRAY)
        return not_an_array(call, json_kind(arg->u.str), e);
    while (json_next(&it, a, &key, &v)) {
        Value row = json_value(v, as_text, a);
        if (!list_add(l, &row, e))
            return false;
    }
    *state = l;
    return true;
}

SRF_OPEN(elements_open)
{
    (void)ctx, (void)n;
    return elements(call, &args[0], false, a, state, e);
}

SRF_OPEN(elements_text_open)
{
    (void)ctx, (void)n;
    return elements(call, &args[0], true, a, state, e);
}

static bool members(const Expr *call, const Value *arg, bool as_text, Arena *a, void **state,
                    Err *e)
{
    size_t cols = call->func->srf->column_count ? call->func->srf->column_count : 1;
    RowList *l = list_new(a, cols);
    JsonIter it = json_iter(arg->u.str);
    Slice key, v;
    if (json_kind(arg->u.str) != JSON_OBJECT)
        return not_an_object(call, cols, json_kind(arg->u.str), e);
    while (json_next(&it, a, &key, &v)) {
        Value row[2] = {value_str(key), json_value(v, as_text, a)};
        if (!list_add(l, row, e))
            return false;
    }
    *state = l;
    return true;
}

SRF_OPEN(each_open)
{
    (void)ctx, (void)n;
    return members(call, &args[0], false, a, state, e);
}

SRF_OPEN(each_text_open)
{
    (void)ctx, (void)n;
    return members(call, &args[0], true, a, state, e);
}

SRF_OPEN(keys_open)
{
    (void)ctx, (void)n;
    return members(call, &args[0], false, a, state, e);
}

SRF_OPEN(path_open)
{
    RowList *l = list_new(a, 1);
    PathItems items;
    bool failed;
    (void)call;
    if (!func_path_items(ctx, args, n, false, &items, &failed, e))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        Value v = value_str(items.items[i]);
        if (!list_add(l, &v, e))
            return false;
    }
    *state = l;
    return true;
}

/* ---- text ---- */

SRF_OPEN(string_table_open)
{
    Array *parts;
    RowList *l = list_new(a, 1);
    (void)call;
    if (args[0].null) {
        *state = l;
        return true;
    }
    if (!func_split(ctx, args, n, &parts, e))
        return false;
    for (size_t i = 0; i < parts->count; i++)
        if (!list_add(l, &parts->items[i], e))
            return false;
    *state = l;
    return true;
}

SRF_OPEN(regexp_table_open)
{
    Array *parts;
    RowList *l = list_new(a, 1);
    (void)call;
    if (!func_regexp_split(ctx, args, n, &parts, e))
        return false;
    for (size_t i = 0; i < parts->count; i++)
        if (!list_add(l, &parts->items[i], e))
            return false;
    *state = l;
    return true;
}

SRF_OPEN(regexp_matches_open)
{
    Value *found;
    size_t count;
    RowList *l = list_new(a, 1);
    (void)call;
    if (!func_regexp_matches(ctx, args, n, &found, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!list_add(l, &found[i], e))
            return false;
    *state = l;
    return true;
}

/* "key=value" texts as pg_class.reloptions has them. */
SRF_OPEN(options_open)
{
    const Array *arr = args[0].u.arr;
    RowList *l = list_new(a, 2);
    (void)ctx, (void)call, (void)n;
    for (size_t i = 0; i < arr->count; i++) {
        if (arr->items[i].null)
            return err_set(e, ERR_NULL_NOT_ALLOWED,
                           "null array element not allowed in this context");
        Slice s = arr->items[i].u.str;
        const char *eq = s.len ? memchr(s.ptr, '=', s.len) : NULL;
        size_t at = eq ? (size_t)(eq - s.ptr) : s.len;
        Value row[2] = {value_str(slice_of(s.ptr, at)), value_null()};
        if (eq)
            row[1] = value_str(slice_of(s.ptr + at + 1, s.len - at - 1));
        if (!list_add(l, row, e))
            return false;
    }
    *state = l;
    return true;
}

/* ---- the table ---- */

static const SrfDef srf_ints = {.open = ints_open, .next = ints_next};
static const SrfDef srf_times = {.open = times_open, .next = times_next};
static const SrfDef srf_nums = {.open = nums_open, .next = nums_next};
static const SrfDef srf_unnest = {.open = unnest_open, .next = list_next};
static const SrfDef srf_subscripts = {.open = subscripts_open, .next = ints_next};
static const SrfColumn json_elements_column[] = {{"value", T_JSON}};
static const SrfColumn jsonb_elements_column[] = {{"value", T_JSONB}};
static const SrfColumn text_elements_column[] = {{"value", T_TEXT}};
static const SrfDef srf_json_elements = {
    .columns = json_elements_column, .column_count = 1, .open = elements_open, .next = list_next};
static const SrfDef srf_jsonb_elements = {
    .columns = jsonb_elements_column, .column_count = 1, .open = elements_open, .next = list_next};
static const SrfDef srf_elements_text = {.columns = text_elements_column,
                                         .column_count = 1,
                                         .open = elements_text_open,
                                         .next = list_next};
static const SrfDef srf_path = {.open = path_open, .next = list_next};
static const SrfDef srf_keys = {.open = keys_open, .next = list_next};
static const SrfDef srf_string_table = {.open = string_table_open, .next = list_next};
static const SrfDef srf_regexp_table = {.open = regexp_table_open, .next = list_next};
static const SrfDef srf_regexp_matches = {.open = regexp_matches_open, .next = list_next};

static const SrfColumn json_each_columns[] = {{"key", T_TEXT}, {"value", T_JSON}};
static const SrfColumn jsonb_each_columns[] = {{"key", T_TEXT}, {"value", T_JSONB}};
static const SrfColumn text_each_columns[] = {{"key", T_TEXT}, {"value", T_TEXT}};
static const SrfDef srf_json_each = {
    .columns = json_each_columns, .column_count = 2, .open = each_open, .next = list_next};
static const SrfDef srf_jsonb_each = {
    .columns = jsonb_each_columns, .column_count = 2, .open = each_open, .next = list_next};
static const SrfDef srf_each_text = {
    .columns = text_each_columns, .column_count = 2, .open = each_text_open, .next = list_next};
static const SrfColumn option_columns[] = {{"option_name", T_TEXT}, {"option_value", T_TEXT}};
static const SrfDef srf_options = {
    .columns = option_columns, .column_count = 2, .open = options_open, .next = list_next};
static const SrfColumn expand_int2_columns[] = {{"x", T_INT2}, {"n", T_INT4}};
static const SrfColumn expand_int4_columns[] = {{"x", T_INT4}, {"n", T_INT4}};
static const SrfColumn expand_oid_columns[] = {{"x", T_OID}, {"n", T_INT4}};
static const SrfColumn expand_text_columns[] = {{"x", T_TEXT}, {"n", T_INT4}};
#define EXPAND(type)                                                                               \
    static const SrfDef srf_expand_##type = {.columns = expand_##type##_columns,                   \
                                             .column_count = 2,                                    \
                                             .open = expand_open,                                  \
                                             .next = list_next}
EXPAND(int2);
EXPAND(int4);
EXPAND(oid);
EXPAND(text);

FuncDef agg_srf[] = {
    SRF("generate_series(int4, int4) setof int4", srf_ints, "numbers from, to"),
    SRF("generate_series(int4, int4, int4) setof int4", srf_ints, "numbers from, to, step"),
    SRF("generate_series(int8, int8) setof int8", srf_ints, "numbers from, to"),
    SRF("generate_series(int8, int8, int8) setof int8", srf_ints, "numbers from, to, step"),
    SRF("generate_series(numeric, numeric) setof numeric", srf_nums, "numbers from, to"),
    SRF("generate_series(numeric, numeric, numeric) setof numeric", srf_nums,
        "numbers from, to, step"),
    SRF("generate_series(timestamp, timestamp, interval) setof timestamp", srf_times,
        "times from, to, step"),
    SRF("generate_series(timestamptz, timestamptz, interval) setof timestamptz", srf_times,
        "times from, to, step"),
    SRF("unnest(anyarray) setof anyelement", srf_unnest, "items of an array"),
    SRF("generate_subscripts(anyarray, int4) setof int4", srf_subscripts,
        "subscripts of a dimension"),
    SRF("generate_subscripts(anyarray, int4, bool) setof int4", srf_subscripts,
        "subscripts of a dimension, backwards"),
    SRF("json_array_elements(json) setof json", srf_json_elements, "items of a JSON array"),
    SRF("jsonb_array_elements(jsonb) setof jsonb", srf_jsonb_elements, "items of a JSON array"),
    SRF("json_array_elements_text(json) setof text", srf_elements_text, "items of a JSON array"),
    SRF("jsonb_array_elements_text(jsonb) setof text", srf_elements_text, "items of a JSON array"),
    SRF("jsonb_path_query(jsonb, jsonpath) setof jsonb", srf_path, "what the path finds"),
    SRF("jsonb_path_query(jsonb, jsonpath, jsonb) setof jsonb", srf_path,
        "what the path finds, with variables"),
    SRF("jsonb_path_query(jsonb, jsonpath, jsonb, bool) setof jsonb", srf_path,
        "what the path finds, with variables; errors are nothing"),
    SRF("json_object_keys(json) setof text", srf_keys, "keys of a JSON object"),
    SRF("jsonb_object_keys(jsonb) setof text", srf_keys, "keys of a JSON object"),
    SRF("json_each(json) setof record", srf_json_each, "members of a JSON object"),
    SRF("jsonb_each(jsonb) setof record", srf_jsonb_each, "members of a JSON object"),
    SRF("json_each_text(json) setof record", srf_each_text, "members of a JSON object"),
    SRF("jsonb_each_text(jsonb) setof record", srf_each_text, "members of a JSON object"),
    {.signature = "string_to_table(text, text) setof text",
     .flags = FN_SRF,
     .text = "pieces between separators",
     .srf = &srf_string_table},
    {.signature = "string_to_table(text, text, text) setof text",
     .flags = FN_SRF,
     .text = "pieces between separators; one text stands for NULL",
     .srf = &srf_string_table},
    SRF("regexp_split_to_table(text, text) setof text", srf_regexp_table, "pieces between matches"),
    SRF("regexp_split_to_table(text, text, text) setof text", srf_regexp_table,
        "pieces between matches, with flags"),
    SRF("regexp_matches(text, text) setof _text", srf_regexp_matches, "groups of the first match"),
    SRF("regexp_matches(text, text, text) setof _text", srf_regexp_matches,
        "groups of the matches, with flags"),
    SRF("pg_options_to_table(_text) setof record", srf_options, "options as names and values"),
    SRF("_pg_expandarray(int2vector) setof record", srf_expand_int2, "items with their numbers"),
    SRF("_pg_expandarray(_int2) setof record", srf_expand_int2, "items with their numbers"),
    SRF("_pg_expandarray(_int4) setof record", srf_expand_int4, "items with their numbers"),
    SRF("_pg_expandarray(oidvector) setof record", srf_expand_oid, "items with their numbers"),
    SRF("_pg_expandarray(_oid) setof record", srf_expand_oid, "items with their numbers"),
    SRF("_pg_expandarray(_text) setof record", srf_expand_text, "items with their numbers"),
    FUNC_END,
};
