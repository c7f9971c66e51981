#include "exec/func_json.h"
#include "exec/func_private.h"
#include <math.h>

/* ---- values to JSON ---- */

/* `between` separates the items of the outermost level: a line each, when they are to be pretty. */
static bool put_array(const TypeEnv *env, const Array *arr, int depth, size_t *next,
                      const char *between, bool canonical, Buf *dst, Err *e)
{
    buf_put_u8(dst, '[');
    for (int32_t i = 0; arr->ndim > 0 && i < arr->dims[depth]; i++) {
        if (i > 0)
            buf_puts(dst, between);
        if (depth + 1 < arr->ndim) {
            if (!put_array(env, arr, depth + 1, next, ",", canonical, dst, e))
                return false;
        } else if (!json_put_value(env, arr->elem, &arr->items[(*next)++], canonical, dst, e)) {
            return false;
        }
    }
    buf_put_u8(dst, ']');
    return true;
}

/* "2024-01-01T00:00:00+00:00" */
static void put_iso(const TypeEnv *env, TypeId type, const Value *v, Buf *dst)
{
    Buf text;
    TypeEnv iso = *env;
    iso.date_style = DATE_XSD;
    buf_init(&text);
    type_find(type)->out(&iso, v, &text);
    json_put_string(dst, buf_slice(&text));
    buf_free(&text);
}

static void put_text(const TypeEnv *env, TypeId type, const Value *v, bool quote, Buf *dst)
{
    Buf text;
    buf_init(&text);
    type_find(type)->out(env, v, &text);
    if (quote)
        json_put_string(dst, buf_slice(&text));
    else
        buf_put_slice(dst, buf_slice(&text));
    buf_free(&text);
}

static bool put_record(const TypeEnv *env, const Array *r, const char *between, bool canonical,
                       Buf *dst, Err *e)
{
    buf_put_u8(dst, '{');
    for (size_t i = 0; i < record_fields(r); i++) {
        TypeId type = (TypeId)record_item(r, i, RECORD_TYPE)->u.i64;
        if (i > 0)
            buf_puts(dst, between);
        json_put_string(dst, record_item(r, i, RECORD_NAME)->u.str);
        buf_puts(dst, canonical ? ": " : ":");
        if (!json_put_value(env, type, record_item(r, i, RECORD_VALUE), canonical, dst, e))
            return false;
    }
    buf_put_u8(dst, '}');
    return true;
}

bool json_put_value(const TypeEnv *env, TypeId type, const Value *v, bool canonical, Buf *dst,
                    Err *e)
{
    size_t next = 0;
    if (v->null) {
        buf_puts(dst, "null");
        return true;
    }
    if (type == T_RECORD)
        return put_record(env, v->u.arr, ",", canonical, dst, e);
    if (v->phys == PH_ARRAY && type != T_INT2VECTOR && type != T_OIDVECTOR)
        return put_array(env, v->u.arr, 0, &next, ",", canonical, dst, e);
    switch (type) {
    case T_BOOL:
        buf_puts(dst, v->u.b ? "true" : "false");
        break;
    case T_INT2:
    case T_INT4:
    case T_INT8:
        put_text(env, type, v, false, dst);
        break;
    case T_FLOAT4:
    case T_FLOAT8:
        put_text(env, type, v, !isfinite(v->u.f64), dst);
        break;
    case T_NUMERIC:
        put_text(env, type, v, num_is_special(&v->u.num), dst);
        break;
    case T_JSON:
    case T_JSONB:
        buf_put_slice(dst, v->u.str);
        break;
    case T_DATE:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
        put_iso(env, type, v, dst);
        break;
    default:
        put_text(env, type, v, true, dst);
        break;
    }
    return true;
}

bool json_put_key(const TypeEnv *env, TypeId type, const Value *v, bool canonical, Buf *dst, Err *e)
{
    if (v->null)
        return err_set(e, ERR_INVALID_PARAMETER, "field name must not be null");
    if (v->phys == PH_ARRAY || type == T_JSON || type == T_JSONB)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "key value must be scalar, not array, composite, or json");
    if (type == T_BOOL)
        buf_puts(dst, v->u.b ? "\"true\"" : "\"false\"");
    else
        put_text(env, type, v, true, dst);
    buf_puts(dst, canonical ? ": " : " : ");
    return true;
}

/* ---- construction ---- */

static bool finish(FnCall *c, size_t row, Buf *b, bool ok, Err *e)
{
    Slice text;
    if (ok && c->expr->type == T_JSONB)
        ok = jsonb_normalize(buf_slice(b), c->ctx->scratch, &text, e);
    else if (ok)
        text = arena_slice(c->ctx->scratch, buf_slice(b));
    if (ok)
        c->out->v.str[row] = text;
    buf_free(b);
    return ok;
}

static bool to_json(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Buf b;
        Value v = vec_get(&c->args[0], row);
        buf_init(&b);
        bool ok =
            json_put_value(&c->ctx->env, c->args[0].type, &v, c->expr->type == T_JSONB, &b, e);
        if (!finish(c, row, &b, ok, e))
            return false;
    }
    return true;
}

/* row_to_json(r, true), array_to_json(a, true) */
static bool to_json_lines(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Buf b;
        Value v = vec_get(&c->args[0], row), pretty = vec_get(&c->args[1], row);
        const char *between = pretty.u.b ? ",\n " : ",";
        const TypeEnv *env = &c->ctx->env;
        size_t next = 0;
        buf_init(&b);
        bool ok = c->args[0].type == T_RECORD
                      ? put_record(env, v.u.arr, between, false, &b, e)
                      : put_array(env, v.u.arr, 0, &next, between, false, &b, e);
        if (!finish(c, row, &b, ok, e))
            return false;
    }
    return true;
}

static bool build_array(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Buf b;
        bool ok = true;
        buf_init(&b);
        buf_put_u8(&b, '[');
        for (size_t k = 0; k < c->arg_count && ok; k++) {
            Value v = vec_get(&c->args[k], row);
            buf_puts(&b, k ? ", " : "");
            ok = json_put_value(&c->ctx->env, c->args[k].type, &v, c->expr->type == T_JSONB, &b, e);
        }
        buf_put_u8(&b, ']');
        if (!finish(c, row, &b, ok, e))
            return false;
    }
    return true;
}

static bool build_object(FnCall *c, Err *e)
{
    bool canonical = c->expr->type == T_JSONB;
    if (c->arg_count % 2) {
        err_set(e, ERR_INVALID_PARAMETER, "argument list must have even number of elements");
        return err_hint(e, "The arguments of %s() must consist of alternating keys and values.",
                        c->expr->func->name);
    }
    FUNC_ROWS(c, row)
    {
        Buf b;
        bool ok = true;
        buf_init(&b);
        buf_put_u8(&b, '{');
        for (size_t k = 0; k < c->arg_count && ok; k += 2) {
            Value key = vec_get(&c->args[k], row), v = vec_get(&c->args[k + 1], row);
            if (key.null) {
                ok = err_set(e, ERR_INVALID_PARAMETER, "argument %zu cannot be null", k + 1);
                err_hint(e, "Object keys should be text.");
                break;
            }
            buf_puts(&b, k ? ", " : "");
            ok = json_put_key(&c->ctx->env, c->args[k].type, &key, canonical, &b, e) &&
                 json_put_value(&c->ctx->env, c->args[k + 1].type, &v, canonical, &b, e);
        }
        buf_put_u8(&b, '}');
        if (!finish(c, row, &b, ok, e))
            return false;
    }
    return true;
}

/* ---- access ---- */

static bool put_found(Value *out, bool found, Slice json, bool as_text, Arena *a, Err *e)
{
    *out = value_str(json);
    out->null = !found || (as_text && json_kind(json) == JSON_NULL);
    return out->null || !as_text || json_to_text(json, a, &out->u.str, e);
}

#define JSON_ACCESS(name, find, as_text)                                                           \
    FUNC_SCALAR(name)                                                                              \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        Slice v = SLICE_NONE;                                                                      \
        bool found = find;                                                                         \
        return put_found(out, found, v, as_text, ctx->scratch, e);                                 \
    }
JSON_ACCESS(get_field, json_field(args[0].u.str, args[1].u.str, ctx->scratch, &v), false)
JSON_ACCESS(get_field_text, json_field(args[0].u.str, args[1].u.str, ctx->scratch, &v), true)
JSON_ACCESS(get_element, json_element(args[0].u.str, args[1].u.i64, ctx->scratch, &v), false)
JSON_ACCESS(get_element_text, json_element(args[0].u.str, args[1].u.i64, ctx->scratch, &v), true)

/* In PostgreSQL a jsonb value that is neither an array nor an object is the item 0 (and -1) of itself. */
static bool item_of(Slice json, int64_t index, Arena *a, Slice *v)
{
    JsonKind kind = json_kind(json);
    if (kind == JSON_ARRAY || kind == JSON_OBJECT)
        return json_element(json, index, a, v);
    *v = json;
    return index == 0 || index == -1;
}
JSON_ACCESS(get_item, item_of(args[0].u.str, args[1].u.i64, ctx->scratch, &v), false)
JSON_ACCESS(get_item_text, item_of(args[0].u.str, args[1].u.i64, ctx->scratch, &v), true)

static bool walk_step(Slice json, Slice step, Arena *a, Slice *v)
{
    int64_t index;
    if (json_kind(json) == JSON_ARRAY)
        return slice_to_i64(step, &index) && json_element(json, index, a, v);
    return json_field(json, step, a, v);
}

static bool walk_path(EvalCtx *ctx, const Value *args, size_t n, bool array, Slice *v)
{
    *v = args[0].u.str;
    size_t steps = array ? args[1].u.arr->count : n - 1;
    for (size_t i = 0; i < steps; i++) {
        const Value *step = array ? &args[1].u.arr->items[i] : &args[i + 1];
        if (step->null || !walk_step(*v, step->u.str, ctx->scratch, v))
            return false;
    }
    return true;
}

JSON_ACCESS(get_path, walk_path(ctx, args, n, true, &v), false)
JSON_ACCESS(get_path_text, walk_path(ctx, args, n, true, &v), true)
JSON_ACCESS(extract_path, walk_path(ctx, args, n, false, &v), false)
JSON_ACCESS(extract_path_text, walk_path(ctx, args, n, false, &v), true)

FUNC_SCALAR(json_typeof)
{
    FUNC_UNUSED;
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    *out = value_str(slice_cstr(names[json_kind(args[0].u.str)]));
    return true;
}

FUNC_SCALAR(json_array_length)
{
    FUNC_UNUSED;
    JsonKind kind = json_kind(args[0].u.str);
    if (kind != JSON_ARRAY)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot get array length of a %s",
                       kind == JSON_OBJECT ? "non-array" : "scalar");
    *out = value_i64(json_length(args[0].u.str, ctx->scratch));
    return true;
}

/* ---- jsonb containment, keys, joining ---- */

static bool contains(Slice outer, Slice inner, Arena *a);

static bool array_has(Slice array, Slice item, Arena *a)
{
    JsonIter it = json_iter(array);
    Slice key, v;
    while (json_next(&it, a, &key, &v)) {
        if (json_kind(v) != json_kind(item))
            continue;
        if (json_kind(item) >= JSON_ARRAY ? contains(v, item, a)
                                          : jsonb_compare_inner(v, item, a) == 0)
            return true;
    }
    return false;
}

static bool contains(Slice outer, Slice inner, Arena *a)
{
    JsonKind ko = json_kind(outer), ki = json_kind(inner);
    Slice key, v, mine;
    if (ko == JSON_ARRAY && ki < JSON_ARRAY)
        return array_has(outer, inner, a);
    if (ko != ki)
        return false;
    if (ki < JSON_ARRAY)
        return jsonb_compare_inner(outer, inner, a) == 0;
    JsonIter it = json_iter(inner);
    while (json_next(&it, a, &key, &v)) {
        bool ok = ki == JSON_ARRAY ? array_has(outer, v, a)
                                   : json_field(outer, key, a, &mine) && contains(mine, v, a);
        if (!ok)
            return false;
    }
    return true;
}

FUNC_SCALAR(jsonb_contains)
{
    FUNC_UNUSED;
    *out = value_bool(contains(args[0].u.str, args[1].u.str, ctx->scratch));
    return true;
}

FUNC_SCALAR(jsonb_contained)
{
    FUNC_UNUSED;
    *out = value_bool(contains(args[1].u.str, args[0].u.str, ctx->scratch));
    return true;
}

static bool has_key(Slice json, Slice key, Arena *a)
{
    Slice k, v;
    if (json_kind(json) == JSON_OBJECT)
        return json_field(json, key, a, &v);
    if (json_kind(json) == JSON_STRING)
        return slice_eq(json_text(json, a), key);
    JsonIter it = json_iter(json);
    while (json_next(&it, a, &k, &v))
        if (json_kind(v) == JSON_STRING && slice_eq(json_text(v, a), key))
            return true;
    return false;
}

FUNC_SCALAR(jsonb_exists)
{
    FUNC_UNUSED;
    *out = value_bool(has_key(args[0].u.str, args[1].u.str, ctx->scratch));
    return true;
}

static bool exists_many(EvalCtx *ctx, const Value *args, bool all)
{
    const Array *keys = args[1].u.arr;
    for (size_t i = 0; i < keys->count; i++)
        if (!keys->items[i].null &&
            has_key(args[0].u.str, keys->items[i].u.str, ctx->scratch) != all)
            return !all;
    return all;
}

FUNC_SCALAR(jsonb_exists_any)
{
    FUNC_UNUSED;
    *out = value_bool(exists_many(ctx, args, false));
    return true;
}

FUNC_SCALAR(jsonb_exists_all)
{
    FUNC_UNUSED;
    *out = value_bool(exists_many(ctx, args, true));
    return true;
}

static void put_members(Buf *b, Slice json, bool *first, Arena *a)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    if (json_kind(json) < JSON_ARRAY) {
        buf_puts(b, *first ? "" : ", ");
        *first = false;
        buf_put_slice(b, json);
        return;
    }
    while (json_next(&it, a, &key, &v)) {
        buf_puts(b, *first ? "" : ", ");
        *first = false;
        if (it.object) {
            json_put_string(b, key);
            buf_puts(b, ": ");
        }
        buf_put_slice(b, v);
    }
}

/* Objects are joined member by member; otherwise both sides become array items. */
FUNC_SCALAR(jsonb_concat)
{
    FUNC_UNUSED;
    Buf b;
    bool first = true;
    JsonKind kx = json_kind(args[0].u.str), ky = json_kind(args[1].u.str);
    bool objects = kx == JSON_OBJECT && ky == JSON_OBJECT;
    buf_init(&b);
    buf_puts(&b, objects ? "{" : "[");
    for (int i = 0; i < 2; i++) {
        if (!objects && (i ? ky : kx) == JSON_OBJECT) {
            buf_puts(&b, first ? "" : ", ");
            buf_put_slice(&b, args[i].u.str);
            first = false;
        } else {
            put_members(&b, args[i].u.str, &first, ctx->scratch);
        }
    }
    buf_puts(&b, objects ? "}" : "]");
    *out = value_str(SLICE_NONE);
    bool ok = jsonb_normalize(buf_slice(&b), ctx->scratch, &out->u.str, e);
    buf_free(&b);
    return ok;
}

/* jsonb - key, jsonb - index. */
static bool without(EvalCtx *ctx, Slice json, const Slice *key, int64_t index, Value *out, Err *e)
{
    JsonIter it = json_iter(json);
    Slice k, v;
    bool first = true;
    Buf b;
    if (json_kind(json) < JSON_ARRAY)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot delete from scalar");
    if (!key && it.object)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot delete from object using integer index");
    if (index < 0)
        index += json_length(json, ctx->scratch);
    buf_init(&b);
    buf_puts(&b, it.object ? "{" : "[");
    for (int64_t i = 0; json_next(&it, ctx->scratch, &k, &v); i++) {
        if (key ? slice_eq(*key, it.object ? k : json_text(v, ctx->scratch)) &&
                      (it.object || json_kind(v) == JSON_STRING)
                : i == index)
            continue;
        buf_puts(&b, first ? "" : ", ");
        first = false;
        if (it.object) {
            json_put_string(&b, k);
            buf_puts(&b, ": ");
        }
        buf_put_slice(&b, v);
    }
    buf_puts(&b, it.object ? "}" : "]");
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(jsonb_without_key)
{
    FUNC_UNUSED;
    return without(ctx, args[0].u.str, &args[1].u.str, 0, out, e);
}

FUNC_SCALAR(jsonb_without_index)
{
    FUNC_UNUSED;
    return without(ctx, args[0].u.str, NULL, args[1].u.i64, out, e);
}

static void put_pretty(Slice json, int depth, Buf *b, Arena *a)
{
    JsonIter it = json_iter(json);
    Slice k, v;
    bool first = true;
    if (json_kind(json) < JSON_ARRAY) {
        buf_put_slice(b, json);
        return;
    }
    buf_puts(b, it.object ? "{" : "[");
    while (json_next(&it, a, &k, &v)) {
        buf_puts(b, first ? "\n" : ",\n");
        buf_printf(b, "%*s", (depth + 1) * 4, "");
        first = false;
        if (it.object) {
            json_put_string(b, k);
            buf_puts(b, ": ");
        }
        put_pretty(v, depth + 1, b, a);
    }
    buf_puts(b, "\n");
    buf_printf(b, "%*s%s", depth * 4, "", it.object ? "}" : "]");
}

FUNC_SCALAR(jsonb_pretty)
{
    FUNC_UNUSED;
    Buf b;
    buf_init(&b);
    put_pretty(args[0].u.str, 0, &b, ctx->scratch);
    *out = func_take(ctx, &b);
    return true;
}

/* ---- the table ---- */

enum { SOP = FN_OPERATOR | FN_STRICT };

#define JSON_BOTH(t, element, element_text)                                                        \
    FS("->(" t ", text) " t, get_field, SOP, "member of an object"),                               \
        FS("->(" t ", int4) " t, element, SOP, "item of an array, from 0"),                        \
        FS("->>(" t ", text) text", get_field_text, SOP, "member of an object as text"),           \
        FS("->>(" t ", int4) text", element_text, SOP, "item of an array as text"),                \
        FS("#>(" t ", _text) " t, get_path, SOP, "what a path leads to"),                          \
        FS("#>>(" t ", _text) text", get_path_text, SOP, "what a path leads to, as text"),         \
        FS(t "_extract_path(" t ", text) " t, extract_path, STRICT | FN_VARIADIC,                  \
           "what a path leads to"),                                                                \
        FS(t "_extract_path_text(" t ", text) text", extract_path_text, STRICT | FN_VARIADIC,      \
           "what a path leads to, as text"),                                                       \
        FS(t "_typeof(" t ") text", json_typeof, STRICT, "object, array, string, number ..."),     \
        FS(t "_array_length(" t ") int4", json_array_length, STRICT, "number of items")
#define JSON_BUILD(t)                                                                              \
    FK(t "_build_object() " t, build_object, FN_STABLE, "an empty object"),                        \
        FK(t "_build_object(any) " t, build_object, FN_STABLE | FN_VARIADIC,                       \
           "an object of alternating keys and values"),                                            \
        FK(t "_build_array() " t, build_array, FN_STABLE, "an empty array"),                       \
        FK(t "_build_array(any) " t, build_array, FN_STABLE | FN_VARIADIC, "an array")

FuncDef func_json[] = {
    FK("to_json(any) json", to_json, STRICT | FN_STABLE, "any value as JSON"),
    FK("to_jsonb(any) jsonb", to_json, STRICT | FN_STABLE, "any value as JSON"),
    FK("row_to_json(record) json", to_json, STRICT | FN_STABLE, "a row as JSON"),
    FK("row_to_json(record, bool) json", to_json_lines, STRICT | FN_STABLE,
       "a row as JSON, with line feeds between its fields"),
    FK("array_to_json(anyarray) json", to_json, STRICT | FN_STABLE, "an array as JSON"),
    FK("array_to_json(anyarray, bool) json", to_json_lines, STRICT | FN_STABLE,
       "an array as JSON, with line feeds between its items"),
    JSON_BUILD("json"),
    JSON_BUILD("jsonb"),
    JSON_BOTH("json", get_element, get_element_text),
    JSON_BOTH("jsonb", get_item, get_item_text),
    FS("@>(jsonb, jsonb) bool", jsonb_contains, SOP, "contains"),
    FS("<@(jsonb, jsonb) bool", jsonb_contained, SOP, "is contained in"),
    FS("?(jsonb, text) bool", jsonb_exists, SOP, "has the key"),
    FS("?|(jsonb, _text) bool", jsonb_exists_any, SOP, "has one of the keys"),
    FS("?&(jsonb, _text) bool", jsonb_exists_all, SOP, "has all of the keys"),
    FS("||(jsonb, jsonb) jsonb", jsonb_concat, SOP, "joined"),
    FS("-(jsonb, text) jsonb", jsonb_without_key, SOP, "without a key"),
    FS("-(jsonb, int4) jsonb", jsonb_without_index, SOP, "without an item"),
    FS("jsonb_pretty(jsonb) text", jsonb_pretty, STRICT, "on many lines"),
    FUNC_END,
};
