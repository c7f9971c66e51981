/* exec/jsonpath_eval.c - jsonpath over jsonb (PostgreSQL's jsonpath_exec.c), and its functions.
 *
 * In lax mode arrays are opened where items are wanted, items count as arrays of one, and what is not
 * there is nothing; in strict mode these are errors.  In predicates errors make the result unknown. */
#include "exec/func_private.h"
#include "exec/func_text.h"
#include "exec/jsonpath.h"

typedef struct Walk {
    EvalCtx *ctx;
    Arena *a;
    bool strict;
    Slice root, current, vars;
    int64_t last; /* of the innermost array in subscripts */
} Walk;

typedef enum Truth { IS_FALSE, IS_TRUE, IS_UNKNOWN } Truth;

static bool eval(Walk *w, const PathNode *n, PathItems *out, Err *e);
static Truth truth(Walk *w, const PathNode *n);

static bool add(Walk *w, PathItems *out, Slice item)
{
    if (out->count == out->room) {
        size_t room = out->room ? out->room * 2 : 4;
        Slice *more = ARENA_ARRAY(w->a, Slice, room);
        if (out->count)
            memcpy(more, out->items, out->count * sizeof *more);
        out->items = more;
        out->room = room;
    }
    out->items[out->count++] = item;
    return true;
}

static void add_children(Walk *w, PathItems *out, Slice json)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    while (json_next(&it, w->a, &key, &v))
        (void)add(w, out, v);
}

/* The items; in lax mode those of arrays in their place. */
static bool eval_open(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    PathItems all = {0};
    if (!eval(w, n, &all, e))
        return false;
    for (size_t i = 0; i < all.count; i++) {
        if (!w->strict && json_kind(all.items[i]) == JSON_ARRAY)
            add_children(w, out, all.items[i]);
        else
            (void)add(w, out, all.items[i]);
    }
    return true;
}

/* ---- accessors ---- */

static bool key_of(Walk *w, const PathNode *n, Slice item, PathItems *out, Err *e)
{
    Slice v;
    if (json_kind(item) != JSON_OBJECT)
        return !w->strict || err_set(e, ERR_JSON_MEMBER,
                                     "jsonpath member accessor can only be "
                                     "applied to an object");
    if (json_field(item, n->text, w->a, &v))
        return add(w, out, v);
    return !w->strict || err_set(e, ERR_JSON_MEMBER, "JSON object does not contain key \"%.*s\"",
                                 SLICE_ARG(n->text));
}

static void add_below(Walk *w, PathItems *out, Slice json, int64_t level, const PathNode *n)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    bool leaf = json_kind(json) < JSON_ARRAY;
    if ((level >= n->from && level <= n->to) || (n->from == INT64_MAX && leaf))
        (void)add(w, out, json);
    if (leaf || level >= n->to)
        return;
    while (json_next(&it, w->a, &key, &v))
        add_below(w, out, v, level + 1, n);
}

/* A subscript: one number, its fraction is cut. */
static bool index_value(Walk *w, const PathNode *n, int64_t *index, Err *e)
{
    PathItems items = {0};
    Num num;
    if (!eval(w, n, &items, e))
        return false;
    if (items.count != 1 || json_kind(items.items[0]) != JSON_NUMBER ||
        num_parse(items.items[0], w->a, &num) != NUM_PARSE_OK)
        return err_set(e, ERR_JSON_SUBSCRIPT,
                       "jsonpath array subscript is not a single numeric value");
    num = num_round(&num, 0, NUM_TRUNC, w->a);
    if (num_to_i64(&num, index) && *index == (int32_t)*index)
        return true;
    return err_set(e, ERR_JSON_SUBSCRIPT, "jsonpath array subscript is out of integer range");
}

static bool items_at(Walk *w, const PathNode *range, Slice array, int64_t count, PathItems *out,
                     Err *e)
{
    int64_t from, to;
    bool list = json_kind(array) == JSON_ARRAY;
    if (!index_value(w, range->left, &from, e))
        return false;
    to = from;
    if (range->right && !index_value(w, range->right, &to, e))
        return false;
    if (w->strict && (from < 0 || from > to || to >= count))
        return err_set(e, ERR_JSON_SUBSCRIPT, "jsonpath array subscript is out of bounds");
    from = from < 0 ? 0 : from;
    to = to >= count ? count - 1 : to;
    for (int64_t i = from; i <= to; i++) {
        Slice v = array;
        if (!list || json_element(array, i, w->a, &v))
            (void)add(w, out, v);
    }
    return true;
}

static bool index_of(Walk *w, const PathNode *n, Slice item, PathItems *out, Err *e)
{
    bool list = json_kind(item) == JSON_ARRAY;
    if (!list && w->strict)
        return err_set(e, ERR_JSON_ARRAY,
                       "jsonpath array accessor can only be applied to an array");
    int64_t count = list ? json_length(item, w->a) : 1, outer = w->last;
    w->last = count - 1;
    bool ok = true;
    for (const PathNode *r = n->right; ok && r; r = r->next)
        ok = items_at(w, r, item, count, out, e);
    w->last = outer;
    return ok;
}

static bool filter_item(Walk *w, const PathNode *n, Slice item, PathItems *out)
{
    Slice outer = w->current;
    w->current = item;
    Truth t = truth(w, n->right);
    w->current = outer;
    return t != IS_TRUE || add(w, out, item);
}

/* ---- methods ---- */

static Slice num_json(Walk *w, const Num *n)
{
    Buf b;
    buf_init(&b);
    num_print(n, &b);
    Slice text = arena_slice(w->a, buf_slice(&b));
    buf_free(&b);
    return text;
}

static bool number_method(Walk *w, const PathNode *n, Slice item, PathItems *out, Err *e)
{
    Num num;
    if (json_kind(item) != JSON_NUMBER || num_parse(item, w->a, &num) != NUM_PARSE_OK)
        return err_set(e, ERR_JSON_NOT_NUMBER,
                       "jsonpath item method .%s() can only be applied to a numeric value",
                       jsonpath_method_name(n->method));
    if (n->method == METHOD_ABS)
        num = num_abs(&num, w->a);
    else
        num = num_round(&num, 0, n->method == METHOD_FLOOR ? NUM_FLOOR : NUM_CEIL, w->a);
    return add(w, out, num_json(w, &num));
}

static bool double_method(Walk *w, Slice item, PathItems *out, Err *e)
{
    Value v;
    JsonKind kind = json_kind(item);
    if (kind != JSON_NUMBER && kind != JSON_STRING)
        return err_set(e, ERR_JSON_NOT_NUMBER,
                       "jsonpath item method .double() can only be applied "
                       "to a string or numeric value");
    Err ignored;
    if (!type_find(T_FLOAT8)->in(&w->ctx->env, json_text(item, w->a), -1, w->a, &v, &ignored) ||
        v.u.f64 - v.u.f64 != 0)
        return err_set(e, ERR_JSON_NOT_NUMBER,
                       "%s argument of jsonpath item method .double() is not a valid "
                       "representation of a double precision number",
                       kind == JSON_NUMBER ? "numeric" : "string");
    if (kind == JSON_NUMBER)
        return add(w, out, item);
    Num num = num_of_f64(v.u.f64, 15, w->a);
    return add(w, out, num_json(w, &num));
}

static bool keyvalue_method(Walk *w, Slice item, PathItems *out, Err *e)
{
    JsonIter it = json_iter(item);
    Slice key, v;
    if (json_kind(item) != JSON_OBJECT)
        return err_set(e, ERR_JSON_OBJECT,
                       "jsonpath item method .keyvalue() can only be applied to "
                       "an object");
    while (json_next(&it, w->a, &key, &v)) {
        Buf b;
        buf_init(&b);
        buf_puts(&b, "{\"id\": 0, \"key\": ");
        json_put_string(&b, key);
        buf_puts(&b, ", \"value\": ");
        buf_put_slice(&b, v);
        buf_puts(&b, "}");
        (void)add(w, out, arena_slice(w->a, buf_slice(&b)));
        buf_free(&b);
    }
    return true;
}

static bool method_of(Walk *w, const PathNode *n, Slice item, PathItems *out, Err *e)
{
    static const char *const kinds[] = {"null", "boolean", "number", "string", "array", "object"};
    switch (n->method) {
    case METHOD_TYPE:
        return add(w, out, arena_printf(w->a, "\"%s\"", kinds[json_kind(item)]));
    case METHOD_SIZE:
        if (json_kind(item) == JSON_ARRAY)
            return add(w, out, arena_printf(w->a, "%lld", (long long)json_length(item, w->a)));
        if (!w->strict)
            return add(w, out, SLICE_LIT("1"));
        return err_set(e, ERR_JSON_ARRAY,
                       "jsonpath item method .size() can only be applied to an array");
    case METHOD_DOUBLE:
        return double_method(w, item, out, e);
    case METHOD_KEYVALUE:
        return keyvalue_method(w, item, out, e);
    default:
        return number_method(w, n, item, out, e);
    }
}

/* ---- one item through one accessor ---- */

static bool opens_arrays(const PathNode *n)
{
    if (n->kind == PATH_METHOD)
        return n->method != METHOD_TYPE && n->method != METHOD_SIZE;
    return n->kind == PATH_KEY || n->kind == PATH_ANY_KEY || n->kind == PATH_FILTER;
}

static bool access_item(Walk *w, const PathNode *n, Slice item, PathItems *out, Err *e)
{
    switch (n->kind) {
    case PATH_KEY:
        return key_of(w, n, item, out, e);
    case PATH_ANY_KEY:
        if (json_kind(item) == JSON_OBJECT)
            add_children(w, out, item);
        else if (w->strict)
            return err_set(e, ERR_JSON_OBJECT,
                           "jsonpath wildcard member accessor can only be "
                           "applied to an object");
        return true;
    case PATH_ANYWHERE:
        add_below(w, out, item, 0, n);
        return true;
    case PATH_ANY_ITEM:
        if (json_kind(item) == JSON_ARRAY)
            add_children(w, out, item);
        else if (w->strict)
            return err_set(e, ERR_JSON_ARRAY,
                           "jsonpath wildcard array accessor can only be applied "
                           "to an array");
        else
            (void)add(w, out, item);
        return true;
    case PATH_INDEX:
        return index_of(w, n, item, out, e);
    case PATH_METHOD:
        return method_of(w, n, item, out, e);
    default:
        return filter_item(w, n, item, out);
    }
}

static bool access(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    PathItems items = {0};
    bool ok = opens_arrays(n) ? eval_open(w, n->left, &items, e) : eval(w, n->left, &items, e);
    for (size_t i = 0; ok && i < items.count; i++)
        ok = access_item(w, n, items.items[i], out, e);
    return ok;
}

/* ---- arithmetic ---- */

static bool one_number(Walk *w, const PathNode *n, const char *side, char op, Num *out, Err *e)
{
    PathItems items = {0};
    if (!eval_open(w, n, &items, e))
        return false;
    if (items.count == 1 && json_kind(items.items[0]) == JSON_NUMBER &&
        num_parse(items.items[0], w->a, out) == NUM_PARSE_OK)
        return true;
    return err_set(e, ERR_JSON_SINGLETON,
                   "%s operand of jsonpath operator %c is not a single numeric value", side, op);
}

static bool binary(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    static const NumOp ops[] = {num_add, num_sub, num_mul, num_div, num_mod};
    static const char names[] = "+-*/%";
    Num x, y, r;
    return one_number(w, n->left, "left", n->op, &x, e) &&
           one_number(w, n->right, "right", n->op, &y, e) &&
           ops[strchr(names, n->op) - names](&x, &y, w->a, &r, e) && add(w, out, num_json(w, &r));
}

static bool unary(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    PathItems items = {0};
    Num x;
    if (!eval_open(w, n->left, &items, e))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (json_kind(items.items[i]) != JSON_NUMBER ||
            num_parse(items.items[i], w->a, &x) != NUM_PARSE_OK)
            return err_set(e, ERR_JSON_NOT_NUMBER,
                           "operand of unary jsonpath operator %c is not a numeric value", n->op);
        if (n->op == '-')
            x = num_neg(&x, w->a);
        (void)add(w, out, num_json(w, &x));
    }
    return true;
}

/* ---- predicates ---- */

static bool order_fits(char op, int c)
{
    switch (op) {
    case '=':
        return c == 0;
    case '!':
        return c != 0;
    case '<':
        return c < 0;
    case '>':
        return c > 0;
    case 'l':
        return c <= 0;
    default:
        return c >= 0;
    }
}

static Truth compare(Walk *w, char op, Slice x, Slice y)
{
    JsonKind kx = json_kind(x), ky = json_kind(y);
    if (kx != ky)
        return kx == JSON_NULL || ky == JSON_NULL ? (op == '!' ? IS_TRUE : IS_FALSE) : IS_UNKNOWN;
    if (kx >= JSON_ARRAY)
        return IS_UNKNOWN;
    return order_fits(op, jsonb_compare_inner(x, y, w->a)) ? IS_TRUE : IS_FALSE;
}

static Truth like(Walk *w, const PathNode *n, Slice x)
{
    Value args[3] = {value_str(json_text(x, w->a)), value_str(n->text), value_str(n->flags)},
          *found;
    size_t count;
    Err ignored;
    if (json_kind(x) != JSON_STRING ||
        !func_regexp_matches(w->ctx, args, 3, &found, &count, &ignored))
        return IS_UNKNOWN;
    return count ? IS_TRUE : IS_FALSE;
}

static Truth starts(Walk *w, Slice x, Slice y)
{
    if (json_kind(x) != JSON_STRING || json_kind(y) != JSON_STRING)
        return IS_UNKNOWN;
    return slice_starts(json_text(x, w->a), json_text(y, w->a)) ? IS_TRUE : IS_FALSE;
}

/* Some pair of items fits: any in lax mode; in strict mode one that is unknown spoils all. */
static Truth some_pair(Walk *w, const PathNode *n)
{
    PathItems left = {0}, right = {0};
    Err ignored;
    bool found = false, unknown = false;
    if (!eval_open(w, n->left, &left, &ignored))
        return IS_UNKNOWN;
    if (n->right && !(n->kind == PATH_STARTS ? eval(w, n->right, &right, &ignored)
                                             : eval_open(w, n->right, &right, &ignored)))
        return IS_UNKNOWN;
    if (!n->right)
        (void)add(w, &right, SLICE_LIT("null"));
    for (size_t i = 0; i < left.count; i++) {
        for (size_t k = 0; k < right.count; k++) {
            Slice x = left.items[i], y = right.items[k];
            Truth t = n->kind == PATH_COMPARE ? compare(w, n->op, x, y)
                      : n->kind == PATH_LIKE  ? like(w, n, x)
                                              : starts(w, x, y);
            if (t == IS_UNKNOWN && w->strict)
                return IS_UNKNOWN;
            if (t == IS_TRUE && !w->strict)
                return IS_TRUE;
            found |= t == IS_TRUE;
            unknown |= t == IS_UNKNOWN;
        }
    }
    return found ? IS_TRUE : unknown ? IS_UNKNOWN : IS_FALSE;
}

static Truth logic(Walk *w, const PathNode *n, Truth decides)
{
    Truth left = truth(w, n->left);
    if (left == decides)
        return left;
    Truth right = truth(w, n->right);
    return right == decides || left != IS_UNKNOWN ? right : left;
}

static Truth truth(Walk *w, const PathNode *n)
{
    PathItems items = {0};
    Err ignored;
    Truth t;
    switch (n->kind) {
    case PATH_OR:
        return logic(w, n, IS_TRUE);
    case PATH_AND:
        return logic(w, n, IS_FALSE);
    case PATH_NOT:
        t = truth(w, n->left);
        return t == IS_UNKNOWN ? t : t == IS_TRUE ? IS_FALSE : IS_TRUE;
    case PATH_UNKNOWN:
        return truth(w, n->left) == IS_UNKNOWN ? IS_TRUE : IS_FALSE;
    case PATH_EXISTS:
        if (!eval(w, n->left, &items, &ignored))
            return IS_UNKNOWN;
        return items.count ? IS_TRUE : IS_FALSE;
    default:
        return some_pair(w, n);
    }
}

/* ---- any node ---- */

static bool eval_variable(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    Slice v;
    if (w->vars.len && json_field(w->vars, n->text, w->a, &v))
        return add(w, out, v);
    return err_set(e, ERR_UNDEFINED_OBJECT, "could not find jsonpath variable \"%.*s\"",
                   SLICE_ARG(n->text));
}

static bool eval(Walk *w, const PathNode *n, PathItems *out, Err *e)
{
    static const char *const words[] = {
        [IS_FALSE] = "false", [IS_TRUE] = "true", [IS_UNKNOWN] = "null"};
    switch (n->kind) {
    case PATH_ROOT:
        return add(w, out, w->root);
    case PATH_CURRENT:
        return add(w, out, w->current);
    case PATH_LAST:
        return add(w, out, arena_printf(w->a, "%lld", (long long)w->last));
    case PATH_VARIABLE:
        return eval_variable(w, n, out, e);
    case PATH_CONST:
        return add(w, out, n->text);
    case PATH_BINARY:
        return binary(w, n, out, e);
    case PATH_UNARY:
        return unary(w, n, out, e);
    default:
        break;
    }
    if (jsonpath_is_predicate(n))
        return add(w, out, slice_cstr(words[truth(w, n)]));
    return access(w, n, out, e);
}

bool jsonpath_query(EvalCtx *ctx, const JsonPath *path, Slice json, Slice vars, PathItems *out,
                    Err *e)
{
    Walk w = {.ctx = ctx,
              .a = ctx->scratch,
              .strict = path->strict,
              .root = json,
              .current = json,
              .vars = vars};
    *out = (PathItems){0};
    return eval(&w, path->root, out, e);
}

/* ---- functions: target, path [, vars [, silent]] ---- */

bool func_path_items(EvalCtx *ctx, const Value *args, size_t n, bool silent, PathItems *out,
                     bool *failed, Err *e)
{
    JsonPath path;
    Slice vars = n > 2 ? args[2].u.str : SLICE_NONE;
    *failed = false;
    *out = (PathItems){0};
    if (vars.len && json_kind(vars) != JSON_OBJECT) {
        err_set(e, ERR_INVALID_PARAMETER, "\"vars\" argument is not an object");
        return err_detail(e, "Jsonpath parameters should be encoded as key-value pairs of \"vars\" "
                             "object.");
    }
    if (!jsonpath_parse(args[1].u.str, ctx->scratch, &path, e))
        return false;
    if (jsonpath_query(ctx, &path, args[0].u.str, vars, out, e))
        return true;
    *failed = silent || (n > 3 && args[3].u.b);
    if (*failed)
        out->count = 0;
    return *failed;
}

FUNC_SCALAR(path_exists)
{
    PathItems items;
    bool failed;
    if (!func_path_items(ctx, args, n, false, &items, &failed, e))
        return false;
    *out = value_bool(items.count > 0);
    out->null = failed;
    return true;
}

/* The operator is silent. */
FUNC_SCALAR(path_exists_op)
{
    PathItems items;
    bool failed;
    if (!func_path_items(ctx, args, n, true, &items, &failed, e))
        return false;
    *out = value_bool(items.count > 0);
    out->null = failed;
    return true;
}

static bool match(EvalCtx *ctx, const Value *args, size_t n, bool silent, Value *out, Err *e)
{
    PathItems items;
    bool failed;
    silent |= n > 3 && args[3].u.b;
    if (!func_path_items(ctx, args, n, silent, &items, &failed, e))
        return false;
    *out = value_bool(false);
    if (items.count == 1 && json_kind(items.items[0]) == JSON_BOOL) {
        out->u.b = *items.items[0].ptr == 't';
        return true;
    }
    out->null = true;
    if (silent || (items.count == 1 && json_kind(items.items[0]) == JSON_NULL))
        return true;
    return err_set(e, ERR_JSON_SINGLETON, "single boolean result is expected");
}

FUNC_SCALAR(path_match)
{
    return match(ctx, args, n, false, out, e);
}

FUNC_SCALAR(path_match_op)
{
    return match(ctx, args, n, true, out, e);
}

FUNC_SCALAR(path_query_array)
{
    PathItems items;
    bool failed;
    Buf b;
    if (!func_path_items(ctx, args, n, false, &items, &failed, e))
        return false;
    buf_init(&b);
    for (size_t i = 0; i < items.count; i++) {
        buf_puts(&b, i ? ", " : "[");
        buf_put_slice(&b, items.items[i]);
    }
    buf_puts(&b, items.count ? "]" : "[]");
    *out = func_take(ctx, &b);
    return true;
}

FUNC_SCALAR(path_query_first)
{
    PathItems items;
    bool failed;
    if (!func_path_items(ctx, args, n, false, &items, &failed, e))
        return false;
    func_null(out);
    if (items.count)
        *out = value_str(items.items[0]);
    return true;
}

/* ---- the table ---- */

#define PATH_FUNC(name, result, fn, txt)                                                           \
    FS(name "(jsonb, jsonpath) " result, fn, STRICT, txt),                                         \
        FS(name "(jsonb, jsonpath, jsonb) " result, fn, STRICT, txt ", with variables"),           \
        FS(name "(jsonb, jsonpath, jsonb, bool) " result, fn, STRICT,                              \
           txt ", with variables; errors are nothing")

FuncDef func_jsonpath[] = {
    PATH_FUNC("jsonb_path_exists", "bool", path_exists, "the path finds something"),
    PATH_FUNC("jsonb_path_match", "bool", path_match, "the predicate of the path is true"),
    PATH_FUNC("jsonb_path_query_array", "jsonb", path_query_array, "all that the path finds"),
    PATH_FUNC("jsonb_path_query_first", "jsonb", path_query_first, "the first that the path finds"),
    FS("@?(jsonb, jsonpath) bool", path_exists_op, OP, "the path finds something"),
    FS("@@(jsonb, jsonpath) bool", path_match_op, OP, "the predicate of the path is true"),
    FUNC_END,
};
