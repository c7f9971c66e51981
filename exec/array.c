#include "exec/array.h"
#include "exec/type_private.h"

Array *array_new(Arena *a, TypeId elem, const Value *items, size_t count)
{
    Array *arr = ARENA_NEW(a, Array);
    arr->elem = elem;
    arr->ndim = count > 0;
    arr->dims[0] = (int32_t)count;
    arr->lower[0] = 1;
    arr->count = count;
    arr->items = items;
    return arr;
}

Value value_array(const Array *arr)
{
    return (Value){.phys = PH_ARRAY, .u.arr = arr};
}

static bool same_shape(const Array *x, const Array *y)
{
    bool same = x->ndim == y->ndim;
    for (int d = 0; same && d < x->ndim; d++)
        same = x->dims[d] == y->dims[d] && x->lower[d] == y->lower[d];
    return same;
}

static bool bad_part(bool gathered, bool null, bool empty, Err *e)
{
    if (!gathered)
        return err_set(e, ERR_ARRAY_SUBSCRIPT,
                       "multidimensional arrays must have array "
                       "expressions with matching dimensions");
    if (null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "cannot accumulate null arrays");
    return err_set(e, ERR_ARRAY_SUBSCRIPT, "cannot accumulate %s",
                   empty ? "empty arrays" : "arrays of different dimensionality");
}

bool array_nest(Arena *a, TypeId elem, const Value *items, size_t n, bool gathered, Value *out,
                Err *e)
{
    Array *arr = array_new(a, elem, NULL, 0);
    const Array *first = n && !items[0].null ? items[0].u.arr : NULL;
    *out = value_array(arr);
    for (size_t i = 0; i < n; i++) {
        bool null = items[i].null, empty = !null && items[i].u.arr->ndim == 0;
        if (null || (gathered && empty) || !same_shape(items[i].u.arr, first))
            return bad_part(gathered, null, empty, e);
        arr->count += items[i].u.arr->count;
    }
    if (!first || first->ndim == 0)
        return true;
    if (first->ndim == ARRAY_DIMS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                       ARRAY_DIMS_MAX + 1, ARRAY_DIMS_MAX);
    Value *all = arena_try(a, (arr->count + 1) * sizeof *all, e);
    if (!all)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(all + at, items[i].u.arr->items, items[i].u.arr->count * sizeof *all);
        at += items[i].u.arr->count;
    }
    arr->ndim = first->ndim + 1;
    arr->dims[0] = (int32_t)n;
    arr->lower[0] = 1;
    memcpy(arr->dims + 1, first->dims, (size_t)first->ndim * sizeof *arr->dims);
    memcpy(arr->lower + 1, first->lower, (size_t)first->ndim * sizeof *arr->lower);
    arr->items = all;
    return true;
}

int64_t array_offset(const Array *arr, const int64_t *subscripts, size_t n)
{
    if (arr->ndim == 0 || (size_t)arr->ndim != n)
        return -1;
    int64_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        if (subscripts[i] < arr->lower[i] || subscripts[i] >= (int64_t)arr->lower[i] + arr->dims[i])
            return -1;
        offset = offset * arr->dims[i] + (subscripts[i] - arr->lower[i]);
    }
    return offset;
}

Array *array_slice(Arena *a, const Array *arr, const int64_t *lower, const int64_t *upper, size_t n)
{
    Array *out = array_new(a, arr->elem, NULL, 0);
    int32_t from[ARRAY_DIMS_MAX], at[ARRAY_DIMS_MAX] = {0};
    size_t count = 1, dims = (size_t)arr->ndim;
    if (dims == 0 || n > dims)
        return out;
    for (size_t d = 0; d < dims; d++) {
        int64_t first = arr->lower[d], last = first + arr->dims[d] - 1;
        int64_t l = d < n && lower[d] > first ? lower[d] : first;
        int64_t u = d < n && upper[d] < last ? upper[d] : last;
        if (l > u)
            return out;
        from[d] = (int32_t)(l - first);
        out->dims[d] = (int32_t)(u - l + 1);
        out->lower[d] = 1;
        count *= (size_t)out->dims[d];
    }
    Value *items = arena_alloc(a, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        size_t offset = 0;
        for (size_t d = 0; d < dims; d++)
            offset = offset * (size_t)arr->dims[d] + (size_t)(from[d] + at[d]);
        items[i] = arr->items[offset];
        for (size_t d = dims; d-- > 0 && ++at[d] == out->dims[d];)
            at[d] = 0;
    }
    out->ndim = arr->ndim;
    out->count = count;
    out->items = items;
    return out;
}

/* ---- text input ---- */

typedef struct ArrayParser {
    const TypeEnv *env;
    const TypeDef *elem;
    int32_t typmod;
    Arena *arena;
    Slice text; /* whole, for the message */
    size_t at;
    Value *items;
    size_t count, room;
    int32_t dims[ARRAY_DIMS_MAX];
    int ndim; /* -1: not known yet */
    char *scratch;
} ArrayParser;

static bool malformed(const ArrayParser *p, Err *e, const char *detail)
{
    err_set(e, ERR_INVALID_TEXT, "malformed array literal: \"%.*s\"", SLICE_ARG(p->text));
    return err_detail(e, "%s", detail);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(ArrayParser *p)
{
    while (p->at < p->text.len && is_space(p->text.ptr[p->at]))
        p->at++;
}

static char peek(const ArrayParser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool add_item(ArrayParser *p, const Value *v, Err *e)
{
    if (p->count == p->room) {
        if (p->count >= ARRAY_ITEMS_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                           ARRAY_ITEMS_MAX);
        size_t room = p->room ? p->room * 2 : 8;
        Value *items = arena_try(p->arena, room * sizeof *items, e);
        if (!items)
            return false;
        if (p->count)
            memcpy(items, p->items, p->count * sizeof *items);
        p->items = items;
        p->room = room;
    }
    p->items[p->count++] = *v;
    return true;
}

/* An element up to the next comma or brace; quotes and backslashes taken off into scratch. */
static bool read_element(ArrayParser *p, Slice *out, bool *quoted, Err *e)
{
    size_t len = 0, keep = 0; /* keep: no trimming below this length */
    *quoted = false;
    while (p->at < p->text.len) {
        char c = p->text.ptr[p->at];
        if (c == ',' || c == '}')
            break;
        if (c == '{')
            return malformed(p, e, "Unexpected \"{\" character.");
        if (*quoted ? !is_space(c) : c == '"' && len > 0)
            return malformed(p, e, "Unexpected array element.");
        p->at++;
        if (c == '"') {
            *quoted = true;
            for (;; p->at++) {
                if (p->at >= p->text.len)
                    return malformed(p, e, "Unexpected end of input.");
                c = p->text.ptr[p->at];
                if (c == '"')
                    break;
                if (c == '\\' && ++p->at >= p->text.len)
                    return malformed(p, e, "Unexpected end of input.");
                p->scratch[len++] = p->text.ptr[p->at];
            }
            p->at++;
            keep = len;
        } else if (c == '\\') {
            if (p->at >= p->text.len)
                return malformed(p, e, "Unexpected end of input.");
            p->scratch[len++] = p->text.ptr[p->at++];
            keep = len;
        } else {
            p->scratch[len++] = c;
        }
    }
    while (len > keep && is_space(p->scratch[len - 1]))
        len--;
    *out = slice_of(p->scratch, len);
    return true;
}

static bool parse_element(ArrayParser *p, Err *e)
{
    Slice text;
    bool quoted;
    Value v = value_null();
    if (!read_element(p, &text, &quoted, e))
        return false;
    if (text.len == 0 && !quoted)
        return malformed(
            p, e, peek(p) == ',' ? "Unexpected \",\" character." : "Unexpected \"}\" character.");
    if (quoted || !slice_eq_nocase(text, SLICE_LIT("null"))) {
        if (!p->elem->in(p->env, text, p->typmod, p->arena, &v, e))
            return false;
    } else {
        v.phys = p->elem->phys;
    }
    return add_item(p, &v, e);
}

static bool parse_level(ArrayParser *p, int depth, Err *e)
{
    int32_t n = 0;
    if (depth >= ARRAY_DIMS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                       depth + 1, ARRAY_DIMS_MAX);
    p->at++; /* { */
    skip_spaces(p);
    if (peek(p) == '}' && depth == 0) {
        p->at++;
        p->ndim = 0;
        return true;
    }
    for (;;) {
        skip_spaces(p);
        bool nested = peek(p) == '{';
        if (p->ndim >= 0 && nested != (depth + 1 < p->ndim))
            return malformed(
                p, e,
                n == 0   ? "Multidimensional arrays must have sub-arrays with matching dimensions."
                : nested ? "Unexpected \"{\" character."
                         : "Unexpected array element.");
        if (!nested && p->ndim < 0)
            p->ndim = depth + 1;
        if (!(nested ? parse_level(p, depth + 1, e) : parse_element(p, e)))
            return false;
        n++;
        skip_spaces(p);
        char c = peek(p);
        p->at++;
        if (c == '}')
            break;
        if (c != ',')
            return malformed(p, e, c ? "Unexpected array element." : "Unexpected end of input.");
    }
    if (p->dims[depth] >= 0 && p->dims[depth] != n)
        return malformed(p, e,
                         "Multidimensional arrays must have sub-arrays with matching dimensions.");
    p->dims[depth] = n;
    return true;
}

static bool read_bound(ArrayParser *p, int64_t *out)
{
    size_t from = p->at;
    while (p->at < p->text.len && ((p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9') ||
                                   p->text.ptr[p->at] == '-' || p->text.ptr[p->at] == '+'))
        p->at++;
    return slice_to_i64(slice_of(p->text.ptr + from, p->at - from), out) && *out >= INT32_MIN &&
           *out <= INT32_MAX;
}

/* "[0:2][1:3]=" before the braces; *n = 0: none. */
static bool parse_bounds(ArrayParser *p, int32_t *lower, int32_t *dims, int *n, Err *e)
{
    *n = 0;
    for (;;) {
        int64_t lo, hi;
        skip_spaces(p);
        if (peek(p) != '[')
            break;
        if (*n >= ARRAY_DIMS_MAX)
            return malformed(p, e, "Too many dimensions.");
        p->at++;
        if (!read_bound(p, &hi))
            return malformed(p, e, "\"[\" must introduce explicitly-specified array dimensions.");
        lo = 1;
        if (peek(p) == ':') {
            p->at++;
            lo = hi;
            if (!read_bound(p, &hi))
                return malformed(p, e, "Missing array dimension value.");
        }
        if (peek(p) != ']')
            return malformed(p, e, "Missing \"]\" after array dimensions.");
        p->at++;
        if (hi < lo)
            return err_set(e, ERR_ARRAY_SUBSCRIPT, "upper bound cannot be less than lower bound");
        lower[*n] = (int32_t)lo;
        dims[(*n)++] =
            hi - lo >= ARRAY_ITEMS_MAX ? -1 : (int32_t)(hi - lo + 1); /* -1: fits nothing */
    }
    if (*n == 0)
        return true;
    if (peek(p) != '=')
        return malformed(p, e, "Missing \"=\" after array dimensions.");
    p->at++;
    skip_spaces(p);
    return true;
}

static bool finish_array(ArrayParser *p, const int32_t *lower, const int32_t *dims, int n,
                         Value *out, Err *e)
{
    skip_spaces(p);
    if (p->at < p->text.len)
        return malformed(p, e, "Junk after closing right brace.");
    if (n > 0 && n != p->ndim)
        return malformed(p, e, "Specified array dimensions do not match array contents.");
    Array *arr = array_new(p->arena, p->elem->oid, p->items, p->count);
    arr->ndim = p->ndim;
    for (int i = 0; i < p->ndim; i++) {
        if (n > 0 && dims[i] != p->dims[i])
            return malformed(p, e, "Specified array dimensions do not match array contents.");
        arr->dims[i] = p->dims[i];
        arr->lower[i] = n > 0 ? lower[i] : 1;
    }
    *out = value_array(arr);
    return array_check_bounds(arr, e);
}

bool array_check_bounds(const Array *arr, Err *e)
{
    for (int i = 0; i < arr->ndim; i++)
        if ((int64_t)arr->lower[i] + arr->dims[i] > INT32_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array lower bound is too large: %d",
                           arr->lower[i]);
    return true;
}

bool array_in(const TypeEnv *env, TypeId elem, Slice text, int32_t typmod, Arena *a, Value *out,
              Err *e)
{
    ArrayParser p = {.env = env,
                     .elem = type_find(elem),
                     .typmod = typmod,
                     .arena = a,
                     .text = text,
                     .ndim = -1};
    int32_t lower[ARRAY_DIMS_MAX], dims[ARRAY_DIMS_MAX];
    int n = 0;
    for (int i = 0; i < ARRAY_DIMS_MAX; i++)
        p.dims[i] = -1;
    if (!parse_bounds(&p, lower, dims, &n, e))
        return false;
    if (peek(&p) != '{')
        return malformed(&p, e, "Array value must start with \"{\" or dimension information.");
    p.scratch = mem_alloc(text.len + 1);
    bool ok = parse_level(&p, 0, e);
    mem_free(p.scratch);
    return ok && finish_array(&p, lower, dims, n, out, e);
}

/* ---- text output ---- */

static bool needs_quotes(Slice s)
{
    if (s.len == 0 || slice_eq_nocase(s, SLICE_LIT("null")))
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (strchr("\"\\{},", s.ptr[i]) || is_space(s.ptr[i]))
            return true;
    return false;
}

static void put_element(Buf *dst, Slice s)
{
    if (!needs_quotes(s)) {
        buf_put_slice(dst, s);
        return;
    }
    buf_put_u8(dst, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            buf_put_u8(dst, '\\');
        buf_put_u8(dst, (uint8_t)s.ptr[i]);
    }
    buf_put_u8(dst, '"');
}

static void put_level(const TypeEnv *env, const Array *arr, int depth, size_t *next, Buf *text,
                      Buf *dst)
{
    const TypeDef *elem = type_find(arr->elem);
    buf_put_u8(dst, '{');
    for (int32_t i = 0; i < arr->dims[depth]; i++) {
        if (i > 0)
            buf_put_u8(dst, ',');
        if (depth + 1 < arr->ndim) {
            put_level(env, arr, depth + 1, next, text, dst);
            continue;
        }
        const Value *v = &arr->items[(*next)++];
        if (v->null) {
            buf_puts(dst, "NULL");
            continue;
        }
        buf_clear(text);
        elem->out(env, v, text);
        put_element(dst, buf_slice(text));
    }
    buf_put_u8(dst, '}');
}

void array_out(const TypeEnv *env, const Value *v, Buf *dst)
{
    const Array *arr = v->u.arr;
    if (arr->ndim == 0) {
        buf_puts(dst, "{}");
        return;
    }
    bool bounds = false;
    for (int i = 0; i < arr->ndim; i++)
        bounds = bounds || arr->lower[i] != 1;
    if (bounds) {
        for (int i = 0; i < arr->ndim; i++)
            buf_printf(dst, "[%d:%d]", arr->lower[i], arr->lower[i] + (arr->dims[i] - 1));
        buf_put_u8(dst, '=');
    }
    Buf text;
    buf_init(&text);
    size_t next = 0;
    put_level(env, arr, 0, &next, &text, dst);
    buf_free(&text);
}

/* ---- binary ---- */

static bool recv_header(Slice bytes, TypeId elem, Array *arr, size_t *at, Err *e)
{
    if (bytes.len < 12)
        return type_bad_binary(e);
    uint32_t ndim = get_be32(bytes.ptr), flags = get_be32(bytes.ptr + 4);
    TypeId sent = get_be32(bytes.ptr + 8);
    if (ndim > ARRAY_DIMS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "number of array dimensions (%u) exceeds the maximum allowed (%d)", ndim,
                       ARRAY_DIMS_MAX);
    if (flags > 1)
        return err_set(e, ERR_INVALID_BINARY, "invalid array flags");
    if (sent != elem)
        return err_set(e, ERR_DATATYPE_MISMATCH,
                       "binary data has array element type %u instead of expected %u", sent, elem);
    if (bytes.len < 12 + 8 * (size_t)ndim)
        return type_bad_binary(e);
    uint64_t count = ndim > 0;
    for (uint32_t i = 0; i < ndim; i++) {
        int32_t dim = (int32_t)get_be32(bytes.ptr + 12 + 8 * i);
        int32_t lower = (int32_t)get_be32(bytes.ptr + 16 + 8 * i);
        if (dim < 0 || (int64_t)lower + dim > INT32_MAX)
            return type_bad_binary(e);
        arr->dims[i] = dim;
        arr->lower[i] = lower;
        count *= (uint32_t)dim;
        if (count > ARRAY_ITEMS_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                           ARRAY_ITEMS_MAX);
    }
    *at = 12 + 8 * (size_t)ndim;
    if (count > (bytes.len - *at) / 4)
        return type_bad_binary(e);
    arr->ndim = count ? (int32_t)ndim : 0;
    arr->count = (size_t)count;
    return true;
}

bool array_recv(const TypeEnv *env, TypeId elem, Slice bytes, int32_t typmod, Arena *a, Value *out,
                Err *e)
{
    const TypeDef *def = type_find(elem);
    Array *arr = array_new(a, elem, NULL, 0);
    size_t at = 0;
    if (!recv_header(bytes, elem, arr, &at, e))
        return false;
    Value *items = arena_try(a, (arr->count + 1) * sizeof *items, e);
    if (!items)
        return false;
    for (size_t i = 0; i < arr->count; i++) {
        if (bytes.len - at < 4)
            return type_bad_binary(e);
        int32_t len = (int32_t)get_be32(bytes.ptr + at);
        at += 4;
        items[i] = value_null();
        items[i].phys = def->phys;
        if (len == -1)
            continue;
        if (len < 0 || (size_t)len > bytes.len - at)
            return type_bad_binary(e);
        if (!def->recv(env, slice_of(bytes.ptr + at, (size_t)len), typmod, a, &items[i], e))
            return false;
        at += (size_t)len;
    }
    if (at != bytes.len)
        return type_bad_binary(e);
    arr->items = items;
    *out = value_array(arr);
    return true;
}

void array_send(const TypeEnv *env, const Value *v, Buf *dst)
{
    const Array *arr = v->u.arr;
    const TypeDef *elem = type_find(arr->elem);
    bool nulls = false;
    for (size_t i = 0; i < arr->count; i++)
        nulls = nulls || arr->items[i].null;
    put_be32(dst, (uint32_t)arr->ndim);
    put_be32(dst, nulls);
    put_be32(dst, arr->elem);
    for (int i = 0; i < arr->ndim; i++) {
        put_be32(dst, (uint32_t)arr->dims[i]);
        put_be32(dst, (uint32_t)arr->lower[i]);
    }
    Buf item;
    buf_init(&item);
    for (size_t i = 0; i < arr->count; i++) {
        if (arr->items[i].null) {
            put_be32(dst, UINT32_MAX);
            continue;
        }
        buf_clear(&item);
        elem->send(env, &arr->items[i], &item);
        put_be32(dst, (uint32_t)item.len);
        buf_put(dst, item.ptr, item.len);
    }
    buf_free(&item);
}

/* ---- int2vector, oidvector ---- */

bool array_vector_in(const TypeEnv *env, TypeId elem, Slice text, Arena *a, Value *out, Err *e)
{
    ArrayParser p = {.env = env, .elem = type_find(elem), .typmod = -1, .arena = a, .text = text};
    for (;;) {
        skip_spaces(&p);
        size_t from = p.at;
        while (p.at < text.len && !is_space(text.ptr[p.at]))
            p.at++;
        if (p.at == from)
            break;
        Value v;
        if (!p.elem->in(env, slice_of(text.ptr + from, p.at - from), -1, a, &v, e) ||
            !add_item(&p, &v, e))
            return false;
    }
    Array *arr = array_new(a, elem, p.items, p.count);
    arr->ndim = 1;
    arr->lower[0] = 0;
    *out = value_array(arr);
    return true;
}

void array_vector_out(const TypeEnv *env, const Value *v, Buf *dst)
{
    const Array *arr = v->u.arr;
    const TypeDef *elem = type_find(arr->elem);
    for (size_t i = 0; i < arr->count; i++) {
        if (i > 0)
            buf_put_u8(dst, ' ');
        if (!arr->items[i].null)
            elem->out(env, &arr->items[i], dst);
    }
}
