#include "base/hash.h"
#include "exec/resolve_private.h"

/* ---- the table ---- */

/* Casts that change no byte.  Functions with FN_CAST_* flags add the others. */
static const struct Relabel {
    TypeId from, to;
    CastLevel level;
} relabels[] = {
    {T_TEXT, T_VARCHAR, CAST_IMPLICIT},
    {T_TEXT, T_BPCHAR, CAST_IMPLICIT},
    {T_VARCHAR, T_TEXT, CAST_IMPLICIT},
    {T_VARCHAR, T_BPCHAR, CAST_IMPLICIT},
    {T_VARCHAR, T_VARCHAR, CAST_IMPLICIT},
    {T_NAME, T_TEXT, CAST_IMPLICIT},
    {T_NAME, T_VARCHAR, CAST_ASSIGN},
    {T_NAME, T_BPCHAR, CAST_ASSIGN},
    {T_CHAR, T_TEXT, CAST_IMPLICIT},
    {T_CHAR, T_VARCHAR, CAST_ASSIGN},
    {T_CHAR, T_BPCHAR, CAST_ASSIGN},
    {T_PG_NODE_TREE, T_TEXT, CAST_IMPLICIT},
    {T_JSONB, T_JSON, CAST_ASSIGN},
    {T_INT2, T_INT4, CAST_IMPLICIT},
    {T_INT2, T_INT8, CAST_IMPLICIT},
    {T_INT4, T_INT8, CAST_IMPLICIT},
    {T_FLOAT4, T_FLOAT8, CAST_IMPLICIT},
    {T_OID, T_INT8, CAST_ASSIGN},
    {T_INT2, T_REGPROC, CAST_IMPLICIT},
    {T_INT2, T_REGTYPE, CAST_IMPLICIT},
    {T_INT2, T_REGNAMESPACE, CAST_IMPLICIT},
    {T_INT2, T_REGROLE, CAST_IMPLICIT},
    {T_OID, T_REGPROC, CAST_IMPLICIT},
    {T_OID, T_REGCLASS, CAST_IMPLICIT},
    {T_OID, T_REGTYPE, CAST_IMPLICIT},
    {T_OID, T_REGNAMESPACE, CAST_IMPLICIT},
    {T_OID, T_REGROLE, CAST_IMPLICIT},
    {T_REGPROC, T_OID, CAST_IMPLICIT},
    {T_REGCLASS, T_OID, CAST_IMPLICIT},
    {T_REGTYPE, T_OID, CAST_IMPLICIT},
    {T_REGNAMESPACE, T_OID, CAST_IMPLICIT},
    {T_REGROLE, T_OID, CAST_IMPLICIT},
    {T_REGPROC, T_INT8, CAST_ASSIGN},
    {T_REGCLASS, T_INT8, CAST_ASSIGN},
    {T_REGTYPE, T_INT8, CAST_ASSIGN},
    {T_REGNAMESPACE, T_INT8, CAST_ASSIGN},
    {T_REGROLE, T_INT8, CAST_ASSIGN},
    {T_INT2VECTOR, T_INT2_ARRAY, CAST_IMPLICIT},
    {T_OIDVECTOR, T_OID_ARRAY, CAST_IMPLICIT},
};

typedef struct CastSlot {
    uint64_t key; /* from << 32 | to; 0 = free */
    CastPath path;
} CastSlot;

enum { CAST_SLOTS = 1024 };

static CastSlot slots[CAST_SLOTS];

static CastSlot *find_slot(TypeId from, TypeId to)
{
    uint64_t key = (uint64_t)from << 32 | to;
    size_t i = hash_mix(key, 3) % CAST_SLOTS;
    while (slots[i].key && slots[i].key != key)
        i = (i + 1) % CAST_SLOTS;
    return &slots[i];
}

static void add_cast(TypeId from, TypeId to, CastPath path)
{
    CastSlot *s = find_slot(from, to);
    s->key = (uint64_t)from << 32 | to;
    s->path = path;
}

__attribute__((constructor)) static void add_relabels(void)
{
    for (size_t i = 0; i < ARRAY_LEN(relabels); i++)
        add_cast(relabels[i].from, relabels[i].to,
                 (CastPath){.kind = CAST_RELABEL, .level = relabels[i].level});
}

void cast_add_func(const FuncDef *f)
{
    CastLevel level = f->flags & FN_CAST_IMPLICIT ? CAST_IMPLICIT
                      : f->flags & FN_CAST_ASSIGN ? CAST_ASSIGN
                                                  : CAST_EXPLICIT;
    must(f->arg_count == 1);
    add_cast(f->args[0], f->result, (CastPath){.kind = CAST_FUNC, .level = level, .func = f});
}

size_t cast_slots(void)
{
    return CAST_SLOTS;
}

bool cast_at(size_t i, CastInfo *out)
{
    const CastSlot *s = &slots[i];
    *out = (CastInfo){(TypeId)(s->key >> 32), (TypeId)s->key, s->path.level,
                      s->path.kind == CAST_FUNC ? s->path.func : NULL};
    return s->key != 0;
}

static bool is_string(TypeId t)
{
    const TypeDef *def = type_find(t);
    return def && def->category == 'S';
}

static bool is_pseudo(TypeId t)
{
    const TypeDef *def = type_find(t);
    return !def || (def->typtype == 'p' && t != T_UNKNOWN && t != T_RECORD && t != T_RECORD_ARRAY);
}

bool cast_find(TypeId from, TypeId to, CastPath *out)
{
    *out = (CastPath){.kind = CAST_SAME};
    if (from == to)
        return true;
    if ((is_pseudo(from) && !(from == T_VOID && is_string(to))) || is_pseudo(to))
        return false;
    CastSlot *s = find_slot(from, to);
    if (s->key) {
        *out = s->path;
        return true;
    }
    if (from == T_UNKNOWN) {
        *out = (CastPath){.kind = CAST_IO, .level = CAST_IMPLICIT};
        return true;
    }
    TypeId from_elem = type_elem_of(from), to_elem = type_elem_of(to);
    if (from_elem && to_elem && to != T_INT2VECTOR && to != T_OIDVECTOR) {
        if (!cast_find(from_elem, to_elem, out))
            return false;
        *out = (CastPath){.kind = CAST_ARRAY, .level = out->level};
        return true;
    }
    if (is_string(to))
        *out = (CastPath){.kind = CAST_IO, .level = CAST_ASSIGN};
    else if (is_string(from))
        *out = (CastPath){.kind = CAST_IO, .level = CAST_EXPLICIT};
    else if (from == T_JSON && to == T_JSONB)
        *out = (CastPath){.kind = CAST_IO, .level = CAST_ASSIGN};
    else
        return false;
    return true;
}

bool cast_exists(TypeId from, TypeId to, CastLevel level)
{
    CastPath path;
    return cast_find(from, to, &path) && path.level <= level;
}

/* ---- one value ---- */

bool expr_io_cast_value(EvalCtx *ctx, TypeId from, TypeId to, int32_t typmod, const Value *in,
                        Value *out, Err *e)
{
    const TypeDef *source = type_find(from), *target = type_find(to);
    if (in->null) {
        *out = (Value){.null = true, .phys = target->phys};
        return true;
    }
    if (from == T_UNKNOWN || is_string(from))
        return target->in(&ctx->env, in->u.str, typmod, ctx->scratch, out, e);
    Buf text;
    buf_init(&text);
    source->out(&ctx->env, in, &text);
    bool ok = target->in(&ctx->env, buf_slice(&text), typmod, ctx->scratch, out, e);
    if (ok)
        *out = value_copy(ctx->scratch, out);
    buf_free(&text);
    return ok;
}

static bool cast_array_value(EvalCtx *ctx, TypeId from, TypeId to, int32_t typmod, const Value *in,
                             Value *out, Err *e)
{
    const Array *arr = in->u.arr;
    TypeId from_elem = type_elem_of(from), to_elem = type_elem_of(to);
    Array *copy = arena_alloc(ctx->scratch, sizeof *copy);
    Value *items = arena_try(ctx->scratch, (arr->count + 1) * sizeof *items, e);
    if (!items)
        return false;
    *copy = *arr;
    for (size_t i = 0; i < arr->count; i++)
        if (!cast_value(ctx, from_elem, to_elem, typmod, &arr->items[i], &items[i], e))
            return false;
    copy->elem = to_elem;
    copy->items = items;
    *out = (Value){.phys = PH_ARRAY, .u.arr = copy};
    return true;
}

bool cast_value(EvalCtx *ctx, TypeId from, TypeId to, int32_t typmod, const Value *in, Value *out,
                Err *e)
{
    CastPath path;
    bool ok = true;
    if (in->null) {
        *out = (Value){.null = true, .phys = type_phys(to)};
        return true;
    }
    if (!cast_find(from, to, &path))
        return err_set(e, ERR_CANNOT_COERCE, "cannot cast type %s to %s", type_find(from)->display,
                       type_find(to)->display);
    switch (path.kind) {
    case CAST_FUNC:
        ok = func_call(ctx, path.func, to, &from, in, 1, out, e);
        break;
    case CAST_IO:
        ok = expr_io_cast_value(ctx, from, to, -1, in, out, e);
        break;
    case CAST_ARRAY:
        ok = cast_array_value(ctx, from, to, -1, in, out, e);
        break;
    default:
        *out = *in;
        break;
    }
    return ok && type_apply_typmod(to, typmod, true, ctx->scratch, out, e);
}

/* ---- hidden functions behind casts ---- */

static bool kernel_array_cast(FnCall *c, Err *e)
{
    TypeId from = c->args[0].type;
    for (size_t i = 0; i < c->n; i++) {
        size_t row = c->sel ? c->sel[i] : i;
        Value in = vec_get(&c->args[0], row), out;
        if (!cast_array_value(c->ctx, from, c->expr->type, c->expr->typmod, &in, &out, e))
            return false;
        vec_set(c->out, row, &out, c->rows, c->ctx->scratch);
    }
    return true;
}

static bool apply_typmod(FnCall *c, bool explicit_cast, Err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t row = c->sel ? c->sel[i] : i;
        Value v = vec_get(&c->args[0], row);
        if (!type_apply_typmod(c->expr->type, c->expr->typmod, explicit_cast, c->ctx->scratch, &v,
                               e))
            return false;
        vec_set(c->out, row, &v, c->rows, c->ctx->scratch);
    }
    return true;
}

static bool kernel_typmod_explicit(FnCall *c, Err *e)
{
    return apply_typmod(c, true, e);
}

static bool kernel_typmod_assign(FnCall *c, Err *e)
{
    return apply_typmod(c, false, e);
}

static FuncDef cast_functions[] = {
    {.signature = "$array_cast(anyarray) anyarray",
     .kernel = kernel_array_cast,
     .flags = FN_STRICT | FN_STABLE | FN_HIDDEN,
     .text = "elements of an array in another type"},
    {.signature = "$typmod(any) anyelement",
     .kernel = kernel_typmod_explicit,
     .flags = FN_STRICT | FN_HIDDEN,
     .text = "length or precision, by an explicit cast"},
    {.signature = "$typmod_assign(any) anyelement",
     .kernel = kernel_typmod_assign,
     .flags = FN_STRICT | FN_HIDDEN,
     .text = "length or precision, by assignment"},
    {.signature = NULL},
};

void cast_register(void)
{
    func_register(cast_functions);
}

/* ---- expressions ---- */

static Expr *wrap(Arena *a, const FuncDef *f, Expr *x, TypeId type, int32_t typmod)
{
    Expr *call = expr_call(a, f, type, &x, 1, x->position);
    call->typmod = typmod;
    return call;
}

static bool no_cast(const Expr *x, TypeId to, CastLevel level, Err *e)
{
    const TypeDef *from = type_find(x->type), *target = type_find(to);
    const char *a = from ? from->display : "???", *b = target ? target->display : "???";
    if (level == CAST_EXPLICIT)
        err_set(e, ERR_CANNOT_COERCE, "cannot cast type %s to %s", a, b);
    else
        err_set(e, ERR_DATATYPE_MISMATCH, "expression of type %s cannot be converted to type %s", a,
                b);
    return err_at(e, x->position);
}

/* An untyped literal is read by the input function of its type; the length is applied after it. */
static bool cast_literal(Arena *a, EvalCtx *ctx, const Expr *x, TypeId to, int32_t typmod,
                         CastLevel level, Expr **out, Err *e)
{
    static const TypeEnv no_env = {.extra_float_digits = 1};
    const TypeDef *def = type_find(to);
    Value v = {.null = true, .phys = def->phys};
    if (!x->value.null) {
        TypeEnv env = ctx ? ctx->env : no_env;
        if (!env.tz)
            env.tz = tz_utc();
        /* The fields of an interval say how its text is read. */
        int32_t reading = to == T_INTERVAL ? typmod : -1;
        if (!def->in(&env, x->value.u.str, reading, a, &v, e) ||
            !type_apply_typmod(to, typmod, level == CAST_EXPLICIT, a, &v, e))
            return err_at(e, x->position);
    }
    *out = expr_const(a, to, &v);
    (*out)->typmod = typmod;
    (*out)->position = x->position;
    return true;
}

static Expr *apply_path(Arena *a, const CastPath *path, Expr *x, TypeId to)
{
    Expr *r;
    switch (path->kind) {
    case CAST_FUNC:
        return wrap(a, path->func, x, to, -1);
    case CAST_ARRAY:
        return wrap(a, &cast_functions[0], x, to, -1);
    case CAST_SAME:
        return x;
    default:
        r = expr_new(a, path->kind == CAST_IO ? EXPR_IO_CAST : EXPR_RELABEL, to, 1);
        r->args[0] = x;
        r->position = x->position;
        return r;
    }
}

static bool has_typmod(TypeId t)
{
    TypeId elem = type_elem_of(t);
    switch (elem ? elem : t) {
    case T_VARCHAR:
    case T_BPCHAR:
    case T_NUMERIC:
    case T_TIME:
    case T_TIMETZ:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
    case T_INTERVAL:
        return true;
    default:
        return false;
    }
}

bool expr_cast(Arena *a, EvalCtx *fold_ctx, Expr *x, TypeId to, int32_t typmod, CastLevel level,
               Expr **out, Err *e)
{
    CastPath path;
    if (to == T_ANY || to == T_ANYELEMENT || to == T_ANYNONARRAY || to == T_ANYARRAY)
        to = x->type == T_UNKNOWN ? T_TEXT : x->type;
    if (!type_find(to))
        return no_cast(x, to, level, e);
    if (x->type == T_UNKNOWN && to != T_UNKNOWN && x->kind == EXPR_CONST)
        return cast_literal(a, fold_ctx, x, to, typmod, level, out, e);
    if (!cast_find(x->type, to, &path) || path.level > level)
        return no_cast(x, to, level, e);
    Expr *r = apply_path(a, &path, x, to);
    if (typmod >= 0 && has_typmod(to) && r->typmod != typmod) {
        r = wrap(a, &cast_functions[level == CAST_EXPLICIT ? 1 : 2], r, to, typmod);
    }
    *out = r;
    return r == x || !fold_ctx || expr_fold(a, fold_ctx, out, e);
}
