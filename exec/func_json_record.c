/* exec/func_json_record.c - json_to_record(), json_to_recordset(): members of objects as columns.
 *
 * The columns are those of the definition list in FROM: the analyzer hands types and typmods on as one more
 * argument, the names come with the call. */
#include "exec/agg.h"
#include "exec/func_private.h"

typedef struct Records {
    const Array *types; /* type, typmod of each column */
    const Slice *names;
    size_t count;
    JsonIter it;
    Slice one; /* json_to_record(): the object */
    bool set;
    const char *name;
} Records;

/* ---- a value ---- */

static bool fill_value(EvalCtx *ctx, Slice json, TypeId type, int32_t typmod, Arena *a, Value *out,
                       Err *e);

static bool fill_array(EvalCtx *ctx, Slice json, TypeId elem, int32_t typmod, Arena *a, Value *out,
                       Err *e)
{
    size_t n = (size_t)json_length(json, a), i = 0;
    Value *items = arena_try(a, (n + 1) * sizeof *items, e);
    JsonIter it = json_iter(json);
    bool nested = n > 0;
    Slice key, v;
    if (!items)
        return false;
    for (; json_next(&it, a, &key, &v); i++) {
        bool inner = json_kind(v) == JSON_ARRAY;
        nested = nested && inner;
        if (!(inner ? fill_array(ctx, v, elem, typmod, a, &items[i], e)
                    : fill_value(ctx, v, elem, typmod, a, &items[i], e)))
            return false;
    }
    if (nested)
        return array_nest(a, elem, items, n, false, out, e);
    *out = value_array(array_new(a, elem, items, n));
    return true;
}

static bool fill_value(EvalCtx *ctx, Slice json, TypeId type, int32_t typmod, Arena *a, Value *out,
                       Err *e)
{
    const TypeDef *def = type_find(type);
    JsonKind kind = json_kind(json);
    *out = (Value){.null = true, .phys = def->phys};
    if (kind == JSON_NULL)
        return true;
    if (type == T_JSON || type == T_JSONB)
        return def->in(&ctx->env, json, -1, a, out, e);
    if (def->phys == PH_ARRAY && type_elem_of(type) && kind != JSON_STRING) {
        if (kind != JSON_ARRAY)
            return err_set(e, ERR_INVALID_TEXT, "expected JSON array");
        return fill_array(ctx, json, type_elem_of(type), typmod, a, out, e);
    }
    return def->in(&ctx->env, json_text(json, a), typmod, a, out, e);
}

static bool fill_row(EvalCtx *ctx, const Records *r, Slice object, Batch *b, Err *e)
{
    Arena *a = ctx->scratch;
    for (size_t i = 0; i < r->count; i++) {
        TypeId type = (TypeId)r->types->items[2 * i].u.i64;
        int32_t typmod = (int32_t)r->types->items[2 * i + 1].u.i64;
        Value v = {.null = true};
        Slice member;
        if (json_field(object, r->names[i], a, &member) &&
            !fill_value(ctx, member, type, typmod, a, &v, e))
            return false;
        vec_set(&b->cols[i], b->rows, &v, BATCH_ROWS, a);
    }
    b->rows++;
    return true;
}

/* ---- the source ---- */

static bool open_records(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                         void **state, Err *e)
{
    /* NULL: a row of NULLs, or no rows. */
    Slice json = !args[0].null ? args[0].u.str : SLICE_LIT("[]");
    const char *name = call->func->name;
    if (n < 2 || !ctx->srf_names)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "could not determine row type for result of %s", name) ||
               err_hint(e, "Provide a non-null record argument, or call the function in the FROM "
                           "clause using a column definition list.");
    Records *r = ARENA_NEW(a, Records);
    r->types = args[1].u.arr;
    r->count = r->types->count / 2;
    r->names = ctx->srf_names;
    r->name = name;
    r->set = name[strlen(name) - 1] == 't';
    if (args[0].null && !r->set)
        json = SLICE_LIT("{}");
    if (r->set && json_kind(json) != JSON_ARRAY)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot call %s on %s", name,
                       json_kind(json) == JSON_OBJECT ? "an object" : "a scalar");
    if (!r->set && json_kind(json) != JSON_OBJECT)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot call populate_composite on %s",
                       json_kind(json) == JSON_ARRAY ? "an array" : "a scalar");
    r->it = json_iter(json);
    r->one = json;
    *state = r;
    return true;
}

static SrfStatus next_records(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    Records *r = state;
    Slice key, item;
    (void)waiter;
    out->rows = 0;
    if (!r->set) {
        item = r->one;
        r->one = SLICE_NONE;
        if (!item.len)
            return SRF_END;
        return fill_row(ctx, r, item, out, e) ? SRF_ROWS : SRF_FAIL;
    }
    while (out->rows < BATCH_ROWS && json_next(&r->it, ctx->scratch, &key, &item)) {
        if (json_kind(item) != JSON_OBJECT) {
            err_set(e, ERR_INVALID_PARAMETER, "argument of %s must be an array of objects",
                    r->name);
            return SRF_FAIL;
        }
        if (!fill_row(ctx, r, item, out, e))
            return SRF_FAIL;
    }
    return out->rows ? SRF_ROWS : SRF_END;
}

static const SrfDef srf_records = {
    .open = open_records, .next = next_records, .by_definition = true};

#define RECORDS(sig, txt)                                                                          \
    {                                                                                              \
        .signature = sig, .flags = FN_SRF | FN_STABLE, .text = txt, .srf = &srf_records            \
    }

FuncDef func_json_record[] = {
    RECORDS("json_to_record(json) setof record", "members of an object as columns"),
    RECORDS("jsonb_to_record(jsonb) setof record", "members of an object as columns"),
    RECORDS("json_to_recordset(json) setof record", "an array of objects as rows"),
    RECORDS("jsonb_to_recordset(jsonb) setof record", "an array of objects as rows"),
    FUNC_END,
};
