#include "exec/type_reg.h"
#include "exec/expr.h"
#include "exec/type_private.h"

static const RegHooks *reg_hooks;

void type_set_reg_hooks(const RegHooks *hooks)
{
    reg_hooks = hooks;
}

/* ---- functions of types ---- */

static const IoFunction io_functions[] = {
#define IO_FUNCTION(oid, name) {oid, name},
#define IO_TYPE(...)
#include "exec/type_io.def"
#undef IO_FUNCTION
#undef IO_TYPE
};

static const struct {
    TypeId type;
    uint32_t oids[IO_ANALYZE];
} io_types[] = {
#define IO_FUNCTION(oid, name)
#define IO_TYPE(type, ...) {type, {__VA_ARGS__}},
#include "exec/type_io.def"
#undef IO_FUNCTION
#undef IO_TYPE
};

uint32_t type_io_oid(const TypeDef *def, TypeIo which)
{
    static const uint32_t of_arrays[TYPE_IO_COUNT] = {
        [IO_IN] = 750, [IO_OUT] = 751, [IO_RECV] = 2400, [IO_SEND] = 2401, [IO_ANALYZE] = 3816};
    if (which == IO_TYPMOD_IN || which == IO_TYPMOD_OUT)
        def = def->elem_oid ? type_find(def->elem_oid) : def;
    for (size_t i = 0; i < ARRAY_LEN(io_types); i++)
        if (io_types[i].type == def->oid)
            return which < IO_ANALYZE ? io_types[i].oids[which] : 0;
    return def->elem_oid ? of_arrays[which] : 0;
}

size_t type_io_count(void)
{
    return ARRAY_LEN(io_functions);
}

const IoFunction *type_io_at(size_t i)
{
    return &io_functions[i];
}

/* ---- oids ---- */

/* "-" is 0, digits are an oid. */
static bool number_in(Slice text, Value *out)
{
    Slice t = type_trim(text);
    uint64_t v = 0;
    if (!slice_eq_cstr(t, "-") &&
        (t.len == 0 || t.ptr[0] < '0' || t.ptr[0] > '9' || !slice_to_u64(t, &v) || v > UINT32_MAX))
        return false;
    *out = value_i64((int64_t)v);
    return true;
}

static bool hook_in(const TypeEnv *env, TypeId kind, Slice text, Value *out, Err *e)
{
    uint32_t oid = 0;
    if (number_in(text, out))
        return true;
    if (!reg_hooks)
        return type_bad_input(e, type_find(kind)->name, text);
    if (!reg_hooks->find(env->session, kind, type_trim(text), &oid, e))
        return false;
    *out = value_i64(oid);
    return true;
}

static void hook_out(const TypeEnv *env, TypeId kind, const Value *v, Buf *dst)
{
    uint32_t oid = (uint32_t)v->u.i64;
    if (oid == 0)
        buf_put_u8(dst, '-');
    else if (!reg_hooks || !reg_hooks->name(env ? env->session : NULL, kind, oid, dst))
        buf_printf(dst, "%u", oid);
}

#define HOOKED(prefix, kind)                                                                       \
    TYPE_IN(prefix##_in)                                                                           \
    {                                                                                              \
        (void)typmod, (void)a;                                                                     \
        return hook_in(env, kind, text, out, e);                                                   \
    }                                                                                              \
    TYPE_OUT(prefix##_out)                                                                         \
    {                                                                                              \
        hook_out(env, kind, v, dst);                                                               \
    }

HOOKED(regclass, T_REGCLASS)
HOOKED(regnamespace, T_REGNAMESPACE)
HOOKED(regrole, T_REGROLE)

TYPE_IN(regtype_in)
{
    (void)typmod, (void)a;
    TypeId oid;
    int32_t ignored;
    Err other;
    if (number_in(text, out))
        return true;
    if (!type_parse_name(type_trim(text), &oid, &ignored, e))
        return reg_hooks && hook_in(env, T_REGTYPE, text, out, &other);
    *out = value_i64(oid);
    return true;
}

TYPE_OUT(regtype_out)
{
    const TypeDef *def = type_find((TypeId)v->u.i64);
    if (v->u.i64 == 0)
        buf_put_u8(dst, '-');
    else if (def)
        buf_puts(dst, def->display);
    else
        hook_out(env, T_REGTYPE, v, dst);
}

static Slice without_schema(Slice t)
{
    return slice_starts(t, SLICE_LIT("pg_catalog.")) ? slice_of(t.ptr + 11, t.len - 11) : t;
}

TYPE_IN(regproc_in)
{
    (void)env, (void)typmod, (void)a;
    if (number_in(text, out))
        return true;
    Slice t = without_schema(type_trim(text));
    for (size_t i = 0; i < func_count(); i++) {
        const FuncDef *f = func_at(i);
        if (!slice_eq_cstr(t, f->name) || (f->flags & FN_OPERATOR))
            continue;
        *out = value_i64(f->oid);
        return true;
    }
    for (size_t i = 0; i < type_io_count(); i++) {
        if (slice_eq_cstr(t, io_functions[i].name)) {
            *out = value_i64(io_functions[i].oid);
            return true;
        }
    }
    return err_set(e, ERR_UNDEFINED_FUNCTION, "function \"%.*s\" does not exist", SLICE_ARG(t));
}

TYPE_OUT(regproc_out)
{
    (void)env;
    uint32_t oid = (uint32_t)v->u.i64;
    if (oid == 0) {
        buf_put_u8(dst, '-');
        return;
    }
    for (size_t i = 0; i < func_count(); i++) {
        if (func_at(i)->oid == oid) {
            buf_puts(dst, func_at(i)->name);
            return;
        }
    }
    for (size_t i = 0; i < type_io_count(); i++) {
        if (io_functions[i].oid == oid) {
            buf_puts(dst, io_functions[i].name);
            return;
        }
    }
    buf_printf(dst, "%u", oid);
}
