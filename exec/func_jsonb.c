/* exec/func_jsonb.c - jsonb changed: jsonb_set, jsonb_insert, paths removed, objects from arrays, nulls
 * stripped (PostgreSQL's setPath and its callers). */
#include "exec/func_private.h"

typedef enum SetMode {
    SET_REPLACE = 1,
    SET_CREATE = 2,
    SET_BEFORE = 4,
    SET_AFTER = 8,
    SET_DELETE = 16,
    SET_FILL = 32 /* what the path wants and is not there comes to be */
} SetMode;

typedef struct Path {
    const Value *steps;
    size_t count;
    int mode;
    Slice value; /* JSON */
    Arena *a;
    Buf *out;
} Path;

static bool set_path(const Path *p, size_t level, Slice json, Err *e);

static void begin_item(const Path *p, bool *first)
{
    buf_puts(p->out, *first ? "" : ", ");
    *first = false;
}

static void put_key(const Path *p, bool *first, Slice key)
{
    begin_item(p, first);
    json_put_string(p->out, key);
    buf_puts(p->out, ": ");
}

/* j[5] of an empty array: nulls before it. */
static bool put_nulls(const Path *p, bool *first, int64_t count, Err *e)
{
    enum { NULLS_MAX = 1 << 22 };
    if (count > NULLS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of jsonb array elements exceeds the maximum allowed (%d)",
                       NULLS_MAX);
    for (; count > 0; count--) {
        begin_item(p, first);
        buf_puts(p->out, "null");
    }
    return true;
}

static bool is_index(Slice s, int64_t *index)
{
    return slice_to_i64(s, index) && *index == (int32_t)*index;
}

/* What is below a key that is new: numbers make arrays, words objects. */
static bool put_new(const Path *p, size_t level, Err *e)
{
    int64_t index;
    bool first = true;
    if (level == p->count) {
        buf_put_slice(p->out, p->value);
        return true;
    }
    bool array = is_index(p->steps[level].u.str, &index);
    buf_puts(p->out, array ? "[" : "{");
    if (array && !put_nulls(p, &first, index, e))
        return false;
    if (array)
        begin_item(p, &first);
    else
        put_key(p, &first, p->steps[level].u.str);
    if (!put_new(p, level + 1, e))
        return false;
    buf_puts(p->out, array ? "]" : "}");
    return true;
}

static bool set_in_object(const Path *p, size_t level, Slice json, Err *e)
{
    JsonIter it = json_iter(json);
    Slice key, v, want = p->steps[level].u.str;
    bool first = true, last = level + 1 == p->count, done = false;
    buf_puts(p->out, "{");
    while (json_next(&it, p->a, &key, &v)) {
        bool here = slice_eq(key, want);
        done |= here;
        if (!here) {
            put_key(p, &first, key);
            buf_put_slice(p->out, v);
        } else if (!last) {
            put_key(p, &first, key);
            if (!set_path(p, level + 1, v, e))
                return false;
        } else if (p->mode & (SET_BEFORE | SET_AFTER)) {
            err_set(e, ERR_INVALID_PARAMETER, "cannot replace existing key");
            return err_hint(e, "Try using the function jsonb_set to replace key value.");
        } else if (!(p->mode & SET_DELETE)) {
            put_key(p, &first, key);
            buf_put_slice(p->out, p->value);
        }
    }
    if (!done && last && (p->mode & (SET_CREATE | SET_BEFORE | SET_AFTER))) {
        put_key(p, &first, want);
        buf_put_slice(p->out, p->value);
    } else if (!done && p->mode & SET_FILL) {
        put_key(p, &first, want);
        if (!put_new(p, level + 1, e))
            return false;
    }
    buf_puts(p->out, "}");
    return true;
}

static bool step_index(const Path *p, size_t level, int64_t *index, Err *e)
{
    Slice s = p->steps[level].u.str;
    if (is_index(s, index))
        return true;
    return err_set(e, ERR_INVALID_TEXT, "path element at position %zu is not an integer: \"%.*s\"",
                   level + 1, SLICE_ARG(s));
}

static void put_item(const Path *p, bool *first, Slice v)
{
    begin_item(p, first);
    buf_put_slice(p->out, v);
}

static bool set_in_array(const Path *p, size_t level, Slice json, Err *e)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    int64_t want, count = json_length(json, p->a);
    bool first = true, last = level + 1 == p->count;
    if (!step_index(p, level, &want, e))
        return false;
    bool below = want < 0 && -want > count;
    int64_t gap = p->mode & SET_FILL && want > count ? want - count : 0;
    if (below && p->mode & SET_FILL)
        return err_set(e, ERR_INVALID_PARAMETER, "path element at position %zu is out of range: %d",
                       level + 1, (int)want);
    want = below ? INT32_MIN : want < 0 ? want + count : want > count ? count : want;
    bool create = last && (p->mode & (SET_CREATE | SET_BEFORE | SET_AFTER));
    buf_puts(p->out, "[");
    if (create && (below || (count == 0 && !gap)))
        put_item(p, &first, p->value);
    for (int64_t i = 0; json_next(&it, p->a, &key, &v); i++) {
        if (i != want) {
            put_item(p, &first, v);
        } else if (!last) {
            begin_item(p, &first);
            if (!set_path(p, level + 1, v, e))
                return false;
        } else {
            if (p->mode & (SET_BEFORE | SET_CREATE | SET_REPLACE) && !(p->mode & SET_AFTER))
                put_item(p, &first, p->value);
            if (p->mode & (SET_BEFORE | SET_AFTER))
                put_item(p, &first, v);
            if (p->mode & SET_AFTER)
                put_item(p, &first, p->value);
        }
    }
    if (!put_nulls(p, &first, gap, e))
        return false;
    if (create && want == count && (count > 0 || gap)) {
        put_item(p, &first, p->value);
    } else if (!last && want == count && p->mode & SET_FILL) {
        begin_item(p, &first);
        if (!put_new(p, level + 1, e))
            return false;
    }
    buf_puts(p->out, "]");
    return true;
}

static bool set_path(const Path *p, size_t level, Slice json, Err *e)
{
    if (p->steps[level].null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "path element at position %zu is null", level + 1);
    switch (json_kind(json)) {
    case JSON_OBJECT:
        return set_in_object(p, level, json, e);
    case JSON_ARRAY:
        return set_in_array(p, level, json, e);
    default:
        if (p->mode & SET_FILL) {
            err_set(e, ERR_INVALID_PARAMETER, "cannot replace existing key");
            return err_detail(
                e, "The path assumes key is a composite object, but it is a scalar value.");
        }
        buf_put_slice(p->out, json);
        return true;
    }
}

static bool change(EvalCtx *ctx, const Value *json, const Value *path, int mode, Slice value,
                   Value *out, Err *e)
{
    static const char *const verbs[] = {"set", "delete"};
    Buf b;
    JsonKind kind = json_kind(json->u.str);
    const Array *steps = path->u.arr;
    bool remove = mode & SET_DELETE;
    if (steps->ndim > 1)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    if (kind < JSON_ARRAY && !(mode & SET_FILL))
        return err_set(e, ERR_INVALID_PARAMETER, "cannot %s path in scalar", verbs[remove]);
    *out = value_str(json->u.str);
    bool empty = json_length(json->u.str, ctx->scratch) == 0;
    if (steps->count == 0 || (empty && (mode == SET_REPLACE || remove)))
        return true;
    buf_init(&b);
    Path p = {steps->items, steps->count, mode, value, ctx->scratch, &b};
    bool ok = set_path(&p, 0, json->u.str, e);
    *out = value_str(SLICE_NONE);
    ok = ok && jsonb_normalize(buf_slice(&b), ctx->scratch, &out->u.str, e);
    buf_free(&b);
    return ok;
}

FUNC_SCALAR(jsonb_set)
{
    bool create = n < 4 || args[3].u.b;
    return change(ctx, &args[0], &args[1], create ? SET_CREATE : SET_REPLACE, args[2].u.str, out,
                  e);
}

/* jsonb_assign(json, value or NULL, path): UPDATE ... SET j['a'][1] = value */
FUNC_SCALAR(jsonb_assign)
{
    (void)n;
    func_null(out);
    if (args[0].null || args[2].null)
        return true;
    const Array *path = args[2].u.arr;
    for (size_t i = 0; i < path->count; i++)
        if (path->items[i].null)
            return err_set(e, ERR_NULL_NOT_ALLOWED,
                           "jsonb subscript in assignment must not be null");
    return change(ctx, &args[0], &args[2], SET_CREATE | SET_FILL,
                  args[1].null ? SLICE_LIT("null") : args[1].u.str, out, e);
}

FUNC_SCALAR(jsonb_insert)
{
    bool after = n > 3 && args[3].u.b;
    return change(ctx, &args[0], &args[1], after ? SET_AFTER : SET_BEFORE, args[2].u.str, out, e);
}

FUNC_SCALAR(jsonb_delete_path)
{
    FUNC_UNUSED;
    return change(ctx, &args[0], &args[1], SET_DELETE, SLICE_NONE, out, e);
}

/* jsonb_set where a NULL value means what the fifth argument says. */
FUNC_SCALAR(jsonb_set_lax)
{
    Slice treat = n > 4 ? args[4].u.str : SLICE_LIT("use_json_null");
    func_null(out);
    if (args[0].null || args[1].null || (n > 3 && args[3].null))
        return true;
    if (n > 4 && args[4].null)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "null_value_treatment must be \"delete_key\", \"return_target\", "
                       "\"use_json_null\", or \"raise_exception\"");
    if (!args[2].null)
        return jsonb_set(ctx, args, n < 4 ? 3 : 4, out, e);
    if (slice_eq_cstr(treat, "raise_exception")) {
        err_set(e, ERR_NULL_NOT_ALLOWED, "JSON value must not be null");
        err_detail(e, "Exception was raised because null_value_treatment is \"raise_exception\".");
        return err_hint(e,
                        "To avoid, either change the null_value_treatment argument or ensure that "
                        "an SQL NULL is not passed.");
    }
    if (slice_eq_cstr(treat, "use_json_null")) {
        Value with[4] = {args[0], args[1], value_str(SLICE_LIT("null")), value_bool(true)};
        if (n > 3)
            with[3] = args[3];
        return jsonb_set(ctx, with, 4, out, e);
    }
    if (slice_eq_cstr(treat, "delete_key"))
        return jsonb_delete_path(ctx, args, 2, out, e);
    if (slice_eq_cstr(treat, "return_target")) {
        *out = args[0];
        return true;
    }
    return err_set(e, ERR_INVALID_PARAMETER,
                   "null_value_treatment must be \"delete_key\", \"return_target\", "
                   "\"use_json_null\", or \"raise_exception\"");
}

static bool in_keys(const Array *keys, Slice key)
{
    for (size_t i = 0; i < keys->count; i++)
        if (!keys->items[i].null && slice_eq(keys->items[i].u.str, key))
            return true;
    return false;
}

/* jsonb - text[] */
FUNC_SCALAR(jsonb_without_keys)
{
    FUNC_UNUSED;
    Slice json = args[0].u.str, key, v;
    const Array *keys = args[1].u.arr;
    JsonIter it = json_iter(json);
    bool first = true;
    Buf b;
    if (keys->ndim > 1)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    if (json_kind(json) < JSON_ARRAY)
        return err_set(e, ERR_INVALID_PARAMETER, "cannot delete from scalar");
    buf_init(&b);
    Path p = {.out = &b};
    buf_puts(&b, it.object ? "{" : "[");
    while (json_next(&it, ctx->scratch, &key, &v)) {
        if (!it.object && json_kind(v) != JSON_STRING) {
            put_item(&p, &first, v);
            continue;
        }
        if (in_keys(keys, it.object ? key : json_text(v, ctx->scratch)))
            continue;
        if (it.object)
            put_key(&p, &first, key);
        else
            begin_item(&p, &first);
        buf_put_slice(&b, v);
    }
    buf_puts(&b, it.object ? "}" : "]");
    *out = func_take(ctx, &b);
    return true;
}

/* ---- nulls of objects ---- */

static void strip(Buf *b, Slice json, bool canonical, Arena *a)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    bool first = true;
    if (json_kind(json) < JSON_ARRAY) {
        buf_put_slice(b, type_trim(json));
        return;
    }
    buf_puts(b, it.object ? "{" : "[");
    while (json_next(&it, a, &key, &v)) {
        if (it.object && json_kind(v) == JSON_NULL)
            continue;
        buf_puts(b, first ? "" : canonical ? ", " : ",");
        first = false;
        if (it.object) {
            json_put_string(b, key);
            buf_puts(b, canonical ? ": " : ":");
        }
        strip(b, v, canonical, a);
    }
    buf_puts(b, it.object ? "}" : "]");
}

static bool strip_nulls(FnCall *c, Err *e)
{
    (void)e;
    FUNC_ROWS(c, row)
    {
        Buf b;
        Value v = vec_get(&c->args[0], row);
        buf_init(&b);
        strip(&b, v.u.str, c->expr->type == T_JSONB, c->ctx->scratch);
        c->out->v.str[row] = func_take(c->ctx, &b).u.str;
    }
    return true;
}

/* ---- objects from arrays of text ---- */

static bool put_pair(Buf *b, bool canonical, bool *first, const Value *key, const Value *v, Err *e)
{
    if (key->null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "null value not allowed for object key");
    buf_puts(b, *first ? "" : ", ");
    *first = false;
    json_put_string(b, key->u.str);
    buf_puts(b, canonical ? ": " : " : ");
    if (v->null)
        buf_puts(b, "null");
    else
        json_put_string(b, v->u.str);
    return true;
}

static bool pairs_of_one(Buf *b, bool canonical, const Array *arr, Err *e)
{
    bool first = true;
    if (arr->ndim > 2)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    if (arr->ndim == 1 && arr->count % 2)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "array must have even number of elements");
    if (arr->ndim == 2 && arr->dims[1] != 2)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "array must have two columns");
    for (size_t i = 0; i + 1 < arr->count; i += 2)
        if (!put_pair(b, canonical, &first, &arr->items[i], &arr->items[i + 1], e))
            return false;
    return true;
}

static bool pairs_of_two(Buf *b, bool canonical, const Array *keys, const Array *values, Err *e)
{
    bool first = true;
    if (keys->ndim > 1 || keys->ndim != values->ndim)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    if (keys->count != values->count)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "mismatched array dimensions");
    for (size_t i = 0; i < keys->count; i++)
        if (!put_pair(b, canonical, &first, &keys->items[i], &values->items[i], e))
            return false;
    return true;
}

static bool object_of_arrays(FnCall *c, Err *e)
{
    bool canonical = c->expr->type == T_JSONB;
    FUNC_ROWS(c, row)
    {
        Buf b;
        Value x = vec_get(&c->args[0], row);
        Value y = c->arg_count > 1 ? vec_get(&c->args[1], row) : value_null();
        Slice text = SLICE_NONE;
        buf_init(&b);
        buf_puts(&b, "{");
        bool ok = c->arg_count > 1 ? pairs_of_two(&b, canonical, x.u.arr, y.u.arr, e)
                                   : pairs_of_one(&b, canonical, x.u.arr, e);
        buf_puts(&b, "}");
        if (ok && canonical)
            ok = jsonb_normalize(buf_slice(&b), c->ctx->scratch, &text, e);
        else if (ok)
            text = arena_slice(c->ctx->scratch, buf_slice(&b));
        buf_free(&b);
        if (!ok)
            return false;
        c->out->v.str[row] = text;
    }
    return true;
}

/* ---- the table ---- */

FuncDef func_jsonb[] = {
    FS("jsonb_assign(jsonb, jsonb, _text) jsonb", jsonb_assign, FN_HIDDEN,
       "with a value in its place"),
    FS("jsonb_set(jsonb, _text, jsonb) jsonb", jsonb_set, STRICT, "with a value at a path"),
    FS("jsonb_set(jsonb, _text, jsonb, bool) jsonb", jsonb_set, STRICT,
       "with a value at a path; made if the last is true"),
    FS("jsonb_set_lax(jsonb, _text, jsonb) jsonb", jsonb_set_lax, 0, "jsonb_set that takes NULL"),
    FS("jsonb_set_lax(jsonb, _text, jsonb, bool) jsonb", jsonb_set_lax, 0,
       "jsonb_set that takes NULL"),
    FS("jsonb_set_lax(jsonb, _text, jsonb, bool, text) jsonb", jsonb_set_lax, 0,
       "jsonb_set that takes NULL, and what it means"),
    FS("jsonb_insert(jsonb, _text, jsonb) jsonb", jsonb_insert, STRICT, "with a value put before"),
    FS("jsonb_insert(jsonb, _text, jsonb, bool) jsonb", jsonb_insert, STRICT,
       "with a value put before or after"),
    FS("#-(jsonb, _text) jsonb", jsonb_delete_path, OP, "without what is at a path"),
    FS("jsonb_delete_path(jsonb, _text) jsonb", jsonb_delete_path, STRICT | FN_HIDDEN,
       "without what is at a path"),
    FS("-(jsonb, _text) jsonb", jsonb_without_keys, OP, "without keys"),
    FK("json_strip_nulls(json) json", strip_nulls, STRICT, "without members that are null"),
    FK("jsonb_strip_nulls(jsonb) jsonb", strip_nulls, STRICT, "without members that are null"),
    FK("json_object(_text) json", object_of_arrays, STRICT, "an object of keys and values in turn"),
    FK("json_object(_text, _text) json", object_of_arrays, STRICT, "an object of keys, values"),
    FK("jsonb_object(_text) jsonb", object_of_arrays, STRICT,
       "an object of keys and values in turn"),
    FK("jsonb_object(_text, _text) jsonb", object_of_arrays, STRICT, "an object of keys, values"),
    FUNC_END,
};
