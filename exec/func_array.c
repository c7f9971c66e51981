#include "exec/func_private.h"

/* ---- shape ---- */

static bool dimension(const Value *args, const Array **arr, int64_t *dim, Value *out)
{
    *arr = args[0].u.arr;
    *dim = args[1].u.i64;
    out->null = *dim < 1 || *dim > (*arr)->ndim;
    return !out->null;
}

FUNC_SCALAR(array_length)
{
    FUNC_UNUSED;
    const Array *arr;
    int64_t dim;
    if (dimension(args, &arr, &dim, out))
        *out = value_i64(arr->dims[dim - 1]);
    return true;
}

FUNC_SCALAR(array_lower)
{
    FUNC_UNUSED;
    const Array *arr;
    int64_t dim;
    if (dimension(args, &arr, &dim, out))
        *out = value_i64(arr->lower[dim - 1]);
    return true;
}

FUNC_SCALAR(array_upper)
{
    FUNC_UNUSED;
    const Array *arr;
    int64_t dim;
    if (dimension(args, &arr, &dim, out))
        *out = value_i64((int64_t)arr->lower[dim - 1] + arr->dims[dim - 1] - 1);
    return true;
}

FUNC_SCALAR(array_ndims)
{
    FUNC_UNUSED;
    *out = value_i64(args[0].u.arr->ndim);
    out->null = args[0].u.arr->ndim == 0;
    return true;
}

FUNC_SCALAR(array_cardinality)
{
    FUNC_UNUSED;
    *out = value_i64((int64_t)args[0].u.arr->count);
    return true;
}

FUNC_SCALAR(array_dims)
{
    FUNC_UNUSED;
    const Array *arr = args[0].u.arr;
    Buf b;
    if (arr->ndim == 0) {
        func_null(out);
        return true;
    }
    buf_init(&b);
    for (int i = 0; i < arr->ndim; i++)
        buf_printf(&b, "[%d:%d]", arr->lower[i], arr->lower[i] + (arr->dims[i] - 1));
    *out = func_take(ctx, &b);
    return true;
}

/* ---- building ---- */

static bool one_dimension(const Array *arr, const char *doing, Err *e)
{
    return arr->ndim <= 1 || err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                                     "%s elements %s multidimensional arrays is not supported",
                                     doing, doing[0] == 's' ? "in" : "from");
}

/* Items of x, then of y; x decides the lower bound. */
static Value joined(Arena *a, TypeId elem, const Value *x, size_t nx, const Value *y, size_t ny,
                    int32_t lower)
{
    Value *items = arena_alloc(a, (nx + ny + 1) * sizeof *items);
    if (nx)
        memcpy(items, x, nx * sizeof *items);
    if (ny)
        memcpy(items + nx, y, ny * sizeof *items);
    Array *arr = array_new(a, elem, items, nx + ny);
    arr->lower[0] = lower;
    return value_array(arr);
}

static bool append(FnCall *c, size_t array_arg, Err *e)
{
    TypeId elem = type_elem_of(c->expr->type);
    FUNC_ROWS(c, row)
    {
        Value arr = vec_get(&c->args[array_arg], row), item = vec_get(&c->args[1 - array_arg], row),
              v;
        const Array *old = arr.null ? NULL : arr.u.arr;
        if (old && old->ndim > 1)
            return err_set(e, ERR_DATA_EXCEPTION,
                           "argument must be empty or one-dimensional array");
        const Value *items = old ? old->items : NULL;
        size_t n = old ? old->count : 0;
        int32_t lower = old && old->ndim ? old->lower[0] : 1;
        if (lower > 0 && n >= (size_t)(INT32_MAX - lower))
            return func_int_range(T_INT4, e);
        v = array_arg == 0 ? joined(c->ctx->scratch, elem, items, n, &item, 1, lower)
                           : joined(c->ctx->scratch, elem, &item, 1, items, n, lower);
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

static bool array_append(FnCall *c, Err *e)
{
    return append(c, 0, e);
}

static bool array_prepend(FnCall *c, Err *e)
{
    return append(c, 1, e);
}

static bool bad_cat(Err *e)
{
    err_set(e, ERR_ARRAY_SUBSCRIPT, "cannot concatenate incompatible arrays");
    return err_detail(e, "Arrays with differing dimensions are not compatible for concatenation.");
}

/* Arrays of n dimensions, or n and n - 1: the outer dimension grows. */
static bool cat(Arena *a, const Array *x, const Array *y, Value *out, Err *e)
{
    if (x->ndim == 0 || y->ndim == 0) {
        *out = value_array(x->ndim == 0 ? y : x);
        return true;
    }
    const Array *big = x->ndim >= y->ndim ? x : y;
    int diff = x->ndim - y->ndim;
    if (diff < -1 || diff > 1)
        return bad_cat(e);
    int sx = diff >= 0, sy = diff <= 0; /* the dimension of each that is the first inner one */
    for (int i = 0; i + 1 < big->ndim; i++)
        if (x->dims[sx + i] != y->dims[sy + i] || x->lower[sx + i] != y->lower[sy + i])
            return bad_cat(e);
    *out = joined(a, x->elem, x->items, x->count, y->items, y->count, 1);
    Array *arr = arena_alloc(a, sizeof *arr);
    *arr = *big;
    arr->items = out->u.arr->items;
    arr->count = x->count + y->count;
    arr->dims[0] = (diff == 0 ? x->dims[0] + y->dims[0] : big->dims[0] + 1);
    if (arr->lower[0] > 0 && arr->dims[0] > INT32_MAX - arr->lower[0])
        return func_int_range(T_INT4, e);
    *out = value_array(arr);
    return true;
}

FUNC_SCALAR(array_cat)
{
    FUNC_UNUSED;
    if (args[0].null || args[1].null) {
        *out = args[0].null ? args[1] : args[0];
        return true;
    }
    return cat(ctx->scratch, args[0].u.arr, args[1].u.arr, out, e);
}

static bool same_item(const TypeDef *def, const Value *x, const Value *y)
{
    return x->null || y->null ? x->null && y->null : def->cmp(x, y) == 0;
}

static bool array_remove(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Value arr = vec_get(&c->args[0], row), item = vec_get(&c->args[1], row);
        if (arr.null) {
            vec_set_null(c->out, row, c->rows, c->ctx->scratch);
            continue;
        }
        const Array *old = arr.u.arr;
        const TypeDef *def = type_find(old->elem);
        if (!one_dimension(old, "removing", e))
            return false;
        Value *items = arena_alloc(c->ctx->scratch, (old->count + 1) * sizeof *items);
        size_t n = 0;
        for (size_t i = 0; i < old->count; i++)
            if (!same_item(def, &old->items[i], &item))
                items[n++] = old->items[i];
        Array *kept = array_new(c->ctx->scratch, old->elem, items, n);
        kept->lower[0] = n ? old->lower[0] : 1;
        c->out->v.arr[row] = kept;
    }
    return true;
}

FUNC_SCALAR(array_replace)
{
    FUNC_UNUSED;
    if (args[0].null) {
        func_null(out);
        return true;
    }
    Array *arr = arena_alloc(ctx->scratch, sizeof *arr);
    *arr = *args[0].u.arr;
    const TypeDef *def = type_find(arr->elem);
    Value *items = arena_alloc(ctx->scratch, (arr->count + 1) * sizeof *items);
    for (size_t i = 0; i < arr->count; i++)
        items[i] = same_item(def, &arr->items[i], &args[1]) ? args[2] : arr->items[i];
    arr->items = items;
    *out = value_array(arr);
    return true;
}

static bool find_from(const Value *args, size_t n, int64_t *position, Err *e)
{
    const Array *arr = args[0].u.arr;
    const TypeDef *def = type_find(arr->elem);
    int64_t lower = arr->ndim ? arr->lower[0] : 1, from = lower;
    *position = INT64_MIN;
    if (!one_dimension(arr, "searching for", e))
        return false;
    if (n > 2 && args[2].null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "initial position must not be null");
    if (n > 2 && args[2].u.i64 > from)
        from = args[2].u.i64;
    for (int64_t i = from - lower; i < (int64_t)arr->count; i++) {
        if (same_item(def, &arr->items[i], &args[1])) {
            *position = i + lower;
            break;
        }
    }
    return true;
}

FUNC_SCALAR(array_position)
{
    FUNC_UNUSED;
    int64_t at = INT64_MIN;
    if (!args[0].null && !find_from(args, n, &at, e))
        return false;
    *out = value_i64(at);
    out->null = at == INT64_MIN;
    return true;
}

FUNC_SCALAR(array_positions)
{
    FUNC_UNUSED;
    if (args[0].null) {
        func_null(out);
        return true;
    }
    const Array *arr = args[0].u.arr;
    if (!one_dimension(arr, "searching for", e))
        return false;
    const TypeDef *def = type_find(arr->elem);
    Value *items = arena_alloc(ctx->scratch, (arr->count + 1) * sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < arr->count; i++)
        if (same_item(def, &arr->items[i], &args[1]))
            items[count++] = value_i64((int64_t)i + arr->lower[0]);
    *out = value_array(array_new(ctx->scratch, T_INT4, items, count));
    return true;
}

static bool low_bound(const Array *low, size_t i, size_t dims, int32_t *out, Err *e)
{
    if (low->count != dims)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts") ||
               err_detail(e, "Low bound array has different size than dimensions array.");
    if (low->items[i].null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "dimension values cannot be null");
    *out = (int32_t)low->items[i].u.i64;
    return true;
}

static bool array_fill(FnCall *c, Err *e)
{
    FUNC_ROWS(c, row)
    {
        Value item = vec_get(&c->args[0], row), dims = vec_get(&c->args[1], row);
        if (dims.null)
            return err_set(e, ERR_NULL_NOT_ALLOWED,
                           "dimension array or low bound array cannot be null");
        const Array *d = dims.u.arr, *low = NULL;
        if (c->arg_count > 2) {
            Value v = vec_get(&c->args[2], row);
            if (v.null)
                return err_set(e, ERR_NULL_NOT_ALLOWED,
                               "dimension array or low bound array cannot be null");
            low = v.u.arr;
        }
        if (d->ndim > 1 || (low && low->ndim > 1)) {
            err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
            return err_detail(e, d->ndim > 1 ? "Dimension array must be one dimensional."
                                             : "Low bound array must be one dimensional.");
        }
        uint64_t count = d->count > 0;
        Array *arr = array_new(c->ctx->scratch, type_elem_of(c->expr->type), NULL, 0);
        if (d->count > ARRAY_DIMS_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT,
                           "number of array dimensions (%zu) exceeds the maximum allowed (%d)",
                           d->count, ARRAY_DIMS_MAX);
        for (size_t i = 0; i < d->count; i++) {
            if (d->items[i].null)
                return err_set(e, ERR_NULL_NOT_ALLOWED, "dimension values cannot be null");
            int64_t dim = d->items[i].u.i64;
            if (dim < 0 || dim > ARRAY_ITEMS_MAX || (count *= (uint64_t)dim) > ARRAY_ITEMS_MAX)
                return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                               ARRAY_ITEMS_MAX);
            arr->dims[i] = (int32_t)dim;
            arr->lower[i] = 1;
            if (low && !low_bound(low, i, d->count, &arr->lower[i], e))
                return false;
        }
        Value *items = arena_try(c->ctx->scratch, ((size_t)count + 1) * sizeof *items, e);
        if (!items)
            return false;
        for (uint64_t i = 0; i < count; i++)
            items[i] = item;
        arr->ndim = count ? (int32_t)d->count : 0;
        if (!array_check_bounds(arr, e))
            return false;
        arr->count = (size_t)count;
        arr->items = items;
        c->out->v.arr[row] = arr;
    }
    return true;
}

/* A slice of the array: every dimension begins at 1 again. */
FUNC_SCALAR(trim_array)
{
    FUNC_UNUSED;
    const Array *arr = args[0].u.arr;
    int64_t cut = args[1].u.i64, rows = arr->ndim ? arr->dims[0] : 0;
    if (cut < 0 || cut > rows)
        return err_set(e, ERR_ARRAY_SUBSCRIPT,
                       "number of elements to trim must be between 0 and %lld", (long long)rows);
    Array *copy = arena_alloc(ctx->scratch, sizeof *copy);
    *copy = *arr;
    for (int32_t i = 0; i < arr->ndim; i++)
        copy->lower[i] = 1;
    if (rows) {
        copy->count = arr->count / (size_t)rows * (size_t)(rows - cut);
        copy->dims[0] = (int32_t)(rows - cut);
        copy->ndim = copy->count ? arr->ndim : 0;
    }
    *out = value_array(copy);
    return true;
}

/* ---- comparison as sets ---- */

static bool array_has(const Array *arr, const Value *item)
{
    const TypeDef *def = type_find(arr->elem);
    for (size_t i = 0; i < arr->count && !item->null; i++)
        if (!arr->items[i].null && def->cmp(&arr->items[i], item) == 0)
            return true;
    return false;
}

static bool has_all(const Array *outer, const Array *inner)
{
    for (size_t i = 0; i < inner->count; i++)
        if (!array_has(outer, &inner->items[i]))
            return false;
    return true;
}

FUNC_SCALAR(array_contains)
{
    FUNC_UNUSED;
    *out = value_bool(has_all(args[0].u.arr, args[1].u.arr));
    return true;
}

FUNC_SCALAR(array_contained)
{
    FUNC_UNUSED;
    *out = value_bool(has_all(args[1].u.arr, args[0].u.arr));
    return true;
}

FUNC_SCALAR(array_overlap)
{
    FUNC_UNUSED;
    bool any = false;
    for (size_t i = 0; i < args[1].u.arr->count && !any; i++)
        any = array_has(args[0].u.arr, &args[1].u.arr->items[i]);
    *out = value_bool(any);
    return true;
}

/* ---- text ---- */

FUNC_SCALAR(array_to_string)
{
    FUNC_UNUSED;
    if (args[0].null || args[1].null) {
        func_null(out);
        return true;
    }
    const Array *arr = args[0].u.arr;
    const TypeDef *def = type_find(arr->elem);
    bool first = true, show_null = n > 2 && !args[2].null;
    Buf b;
    buf_init(&b);
    for (size_t i = 0; i < arr->count; i++) {
        const Value *item = &arr->items[i];
        if (item->null && !show_null)
            continue;
        if (!first)
            buf_put_slice(&b, args[1].u.str);
        first = false;
        if (item->null)
            buf_put_slice(&b, args[2].u.str);
        else
            def->out(&ctx->env, item, &b);
    }
    *out = func_take(ctx, &b);
    return true;
}

/* ---- assignment to a part: UPDATE ... SET a[i] = v ---- */

static bool too_large(Err *e)
{
    return err_set(e, ERR_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                   ARRAY_ITEMS_MAX);
}

/* The shape of the array when the stretches [lower, upper] are in it: a single dimension grows. */
static bool grown_shape(const Array *arr, const int64_t *lower, const int64_t *upper, size_t dims,
                        Array *out, Err *e)
{
    size_t count = 1;
    for (size_t d = 0; d < dims; d++) {
        int64_t first = arr->ndim ? arr->lower[d] : lower[d];
        int64_t last = arr->ndim ? first + arr->dims[d] - 1 : upper[d];
        if (arr->ndim && lower[d] > upper[d])
            return err_set(e, ERR_ARRAY_SUBSCRIPT, "upper bound cannot be less than lower bound");
        if (dims > 1 && (lower[d] < first || upper[d] > last))
            return err_set(e, ERR_ARRAY_SUBSCRIPT, "array subscript out of range");
        first = lower[d] < first ? lower[d] : first;
        last = upper[d] > last ? upper[d] : last;
        if (last - first + 1 < 0 || last - first + 1 > ARRAY_ITEMS_MAX)
            return too_large(e);
        count *= (size_t)(last - first + 1);
        if (count > ARRAY_ITEMS_MAX)
            return too_large(e);
        if (last >= INT32_MAX)
            return err_set(e, ERR_PROGRAM_LIMIT, "array lower bound is too large: %d", (int)first);
        out->lower[d] = (int32_t)first;
        out->dims[d] = (int32_t)(last - first + 1);
    }
    out->ndim = count ? (int)dims : 0;
    out->count = count;
    return true;
}

static bool fill_part(EvalCtx *ctx, const Array *arr, const int64_t *lower, const int64_t *upper,
                      const Value *src, Array *out, Err *e)
{
    int64_t at[ARRAY_DIMS_MAX];
    size_t dims = (size_t)out->ndim;
    Value *items = arena_try(ctx->scratch, out->count * sizeof *items, e);
    if (!items)
        return false;
    for (size_t d = 0; d < dims; d++)
        at[d] = out->lower[d];
    for (size_t i = 0; i < out->count; i++) {
        bool inside = true;
        for (size_t d = 0; d < dims; d++)
            inside &= at[d] >= lower[d] && at[d] <= upper[d];
        int64_t old = inside ? -1 : array_offset(arr, at, dims);
        items[i] = inside ? *src++ : old < 0 ? (Value){.null = true} : arr->items[old];
        for (size_t d = dims; d-- > 0 && ++at[d] == (int64_t)out->lower[d] + out->dims[d];)
            at[d] = out->lower[d];
    }
    out->items = items;
    return true;
}

/* The items at src, in their order, become those of the stretches. */
static bool assign_part(EvalCtx *ctx, const Array *arr, const int64_t *lower, const int64_t *upper,
                        size_t dims, const Value *src, size_t count, Value *out, Err *e)
{
    size_t span = 1;
    Array *grown = array_new(ctx->scratch, arr->elem, NULL, 0);
    if (!grown_shape(arr, lower, upper, dims, grown, e))
        return false;
    for (size_t d = 0; d < dims; d++)
        span *= (size_t)(upper[d] - lower[d] + 1);
    if (span > count)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "source array too small");
    *out = value_array(grown);
    return grown->count == 0 || fill_part(ctx, arr, lower, upper, src, grown, e);
}

/* Subscripts of at most ARRAY_DIMS_MAX dimensions: `per` of each, at[d] the first ones. */
static bool part_subscripts(const Value *list, size_t per, int64_t at[][ARRAY_DIMS_MAX], Err *e)
{
    if (list->null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "array subscript in assignment must not be null");
    const Array *subs = list->u.arr;
    if (subs->count == 0 || subs->count % per || subs->count / per > ARRAY_DIMS_MAX)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    for (size_t i = 0; i < subs->count; i++) {
        if (subs->items[i].null)
            return err_set(e, ERR_NULL_NOT_ALLOWED,
                           "array subscript in assignment must not be null");
        at[i % per][i / per] = subs->items[i].u.i64;
    }
    return true;
}

/* array_assign(array, item, subscripts) */
FUNC_SCALAR(array_assign)
{
    (void)n;
    int64_t at[1][ARRAY_DIMS_MAX];
    *out = args[0];
    if (args[0].null)
        return true;
    if (!part_subscripts(&args[2], 1, at, e))
        return false;
    const Array *arr = args[0].u.arr;
    size_t dims = args[2].u.arr->count;
    if (arr->ndim && (size_t)arr->ndim != dims)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    return assign_part(ctx, arr, at[0], at[0], dims, &args[1], 1, out, e);
}

/* array_assign_slice(array, array, lower and upper of each dimension, a bit for each left out) */
FUNC_SCALAR(array_assign_slice)
{
    (void)n;
    int64_t at[2][ARRAY_DIMS_MAX], left_out = args[3].null ? 0 : args[3].u.i64;
    *out = args[0];
    if (args[0].null)
        return true;
    if (!part_subscripts(&args[2], 2, at, e))
        return false;
    if (args[1].null)
        return true;
    const Array *arr = args[0].u.arr, *src = args[1].u.arr;
    size_t dims = args[2].u.arr->count / 2;
    if (arr->ndim == 0 && left_out) {
        err_set(e, ERR_ARRAY_SUBSCRIPT, "array slice subscript must provide both boundaries");
        return err_detail(e, "When assigning to a slice of an empty array value, slice boundaries "
                             "must be fully specified.");
    }
    if (arr->ndim && (size_t)arr->ndim < dims)
        return err_set(e, ERR_ARRAY_SUBSCRIPT, "wrong number of array subscripts");
    for (size_t d = 0; d < (size_t)arr->ndim; d++) {
        if (d >= dims || left_out >> (d * 2) & 1)
            at[0][d] = arr->lower[d];
        if (d >= dims || left_out >> (d * 2 + 1) & 1)
            at[1][d] = (int64_t)arr->lower[d] + arr->dims[d] - 1;
    }
    return assign_part(ctx, arr, at[0], at[1], arr->ndim ? (size_t)arr->ndim : dims, src->items,
                       src->count, out, e);
}

/* ---- the table ---- */

FuncDef func_array[] = {
    FS("array_assign(anyarray, anyelement, _int4) anyarray", array_assign, FN_HIDDEN,
       "with an item in its place"),
    FS("array_assign_slice(anyarray, anyarray, _int4, int4) anyarray", array_assign_slice,
       FN_HIDDEN, "with the items of a slice in their places"),
    FS("array_length(anyarray, int4) int4", array_length, STRICT, "items of a dimension"),
    FS("array_lower(anyarray, int4) int4", array_lower, STRICT, "lower bound of a dimension"),
    FS("array_upper(anyarray, int4) int4", array_upper, STRICT, "upper bound of a dimension"),
    FS("array_ndims(anyarray) int4", array_ndims, STRICT, "number of dimensions"),
    FS("array_dims(anyarray) text", array_dims, STRICT, "bounds as text"),
    FS("cardinality(anyarray) int4", array_cardinality, STRICT, "number of items"),
    FK("array_append(anyarray, anyelement) anyarray", array_append, 0, "with an item at the end"),
    FK("array_prepend(anyelement, anyarray) anyarray", array_prepend, 0, "with an item in front"),
    FS("array_cat(anyarray, anyarray) anyarray", array_cat, 0, "joined"),
    FK("||(anyarray, anyelement) anyarray", array_append, FN_OPERATOR, "with an item at the end"),
    FK("||(anyelement, anyarray) anyarray", array_prepend, FN_OPERATOR, "with an item in front"),
    FS("||(anyarray, anyarray) anyarray", array_cat, FN_OPERATOR, "joined"),
    FK("array_remove(anyarray, anyelement) anyarray", array_remove, 0, "without the equal items"),
    FS("array_replace(anyarray, anyelement, anyelement) anyarray", array_replace, 0,
       "equal items replaced"),
    FS("array_position(anyarray, anyelement) int4", array_position, 0, "subscript of the first"),
    FS("array_position(anyarray, anyelement, int4) int4", array_position, 0,
       "subscript of the first from a position on"),
    FS("array_positions(anyarray, anyelement) _int4", array_positions, 0, "subscripts of all"),
    FK("array_fill(anyelement, _int4, _int4) anyarray", array_fill, 0,
       "an array of equal items, with low bounds"),
    FK("array_fill(anyelement, _int4) anyarray", array_fill, 0, "an array of equal items"),
    FS("trim_array(anyarray, int4) anyarray", trim_array, STRICT, "without the last items"),
    FS("array_to_string(anyarray, text) text", array_to_string, FN_STABLE, "items joined"),
    FS("array_to_string(anyarray, text, text) text", array_to_string, FN_STABLE,
       "items joined, with a text for NULL"),
    FS("@>(anyarray, anyarray) bool", array_contains, OP, "contains"),
    FS("<@(anyarray, anyarray) bool", array_contained, OP, "is contained in"),
    FS("&&(anyarray, anyarray) bool", array_overlap, OP, "has an item in common"),
    FUNC_END,
};
