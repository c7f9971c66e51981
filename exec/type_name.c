#include "exec/interval.h"
#include "exec/type.h"
#include "exec/type_private.h"

/* SQL spellings that are no typname; "char" without quotes is character. */
static const struct Spelling {
    const char *text;
    TypeId oid;
} spellings[] = {
    {"int", T_INT4},
    {"integer", T_INT4},
    {"smallint", T_INT2},
    {"bigint", T_INT8},
    {"real", T_FLOAT4},
    {"float", T_FLOAT8},
    {"double", T_FLOAT8},
    {"double precision", T_FLOAT8},
    {"boolean", T_BOOL},
    {"dec", T_NUMERIC},
    {"decimal", T_NUMERIC},
    {"string", T_TEXT},
    {"char", T_BPCHAR},
    {"character", T_BPCHAR},
    {"character varying", T_VARCHAR},
    {"char varying", T_VARCHAR},
    {"national character", T_BPCHAR},
    {"timestamp without time zone", T_TIMESTAMP},
    {"timestamp with time zone", T_TIMESTAMPTZ},
    {"time without time zone", T_TIME},
    {"time with time zone", T_TIMETZ},
};

/* Lower case, single blanks, no blanks around '[' and '('; false: too long for a type name. */
static bool normalize(Slice in, char *out, size_t room, Slice *result)
{
    size_t n = 0;
    bool blank = false;
    in = type_trim(in);
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            blank = n > 0;
            continue;
        }
        if (n + 2 >= room)
            return false;
        if (blank && c != '[' && c != ']' && out[n - 1] != '[')
            out[n++] = ' ';
        blank = false;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    *result = slice_of(out, n);
    return true;
}

static const TypeDef *find_base(Slice name)
{
    if (slice_starts(name, SLICE_LIT("pg_catalog."))) {
        name = slice_of(name.ptr + 11, name.len - 11);
        if (slice_eq_cstr(name, "char"))
            return type_find(T_CHAR);
    }
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (slice_eq_cstr(name, spellings[i].text))
            return type_find(spellings[i].oid);
    if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
        name = slice_of(name.ptr + 1, name.len - 2);
    for (size_t i = 0; i < type_count(); i++)
        if (slice_eq_cstr(name, type_at(i)->name))
            return type_at(i);
    return NULL;
}

/* Takes "[]", "[3]" and " array" off the end; true: there was one. */
static bool strip_array(Slice *name)
{
    bool array = false;
    for (;;) {
        if (name->len > 6 && memcmp(name->ptr + name->len - 6, " array", 6) == 0) {
            name->len -= 6;
            return true;
        }
        if (name->len < 3 || name->ptr[name->len - 1] != ']')
            return array;
        size_t i = name->len - 1;
        while (i > 0 && name->ptr[i - 1] >= '0' && name->ptr[i - 1] <= '9')
            i--;
        if (i == 0 || name->ptr[i - 1] != '[')
            return array;
        name->len = i - 1;
        array = true;
    }
}

const TypeDef *type_by_name(Slice text)
{
    char room[128];
    Slice name;
    if (!normalize(text, room, sizeof room, &name))
        return NULL;
    bool array = strip_array(&name);
    const TypeDef *def = find_base(name);
    return def && array ? type_find(def->array_oid) : def;
}

/* ---- names with modifiers ---- */

typedef struct Modifiers {
    int count;
    int64_t value[2];
} Modifiers;

/* Cuts "(10, 2)" out of "numeric(10, 2)": the name goes on behind it. */
static bool cut_modifiers(char *room, Slice *name, Modifiers *m)
{
    const char *open = memchr(name->ptr, '(', name->len);
    m->count = 0;
    if (!open)
        return true;
    size_t begin = (size_t)(open - name->ptr), i = begin + 1;
    for (;;) {
        while (i < name->len && name->ptr[i] == ' ')
            i++;
        size_t from = i;
        while (i < name->len && name->ptr[i] != ',' && name->ptr[i] != ')')
            i++;
        Slice number = type_trim(slice_of(name->ptr + from, i - from));
        if (i == name->len || m->count == 2 || !slice_to_i64(number, &m->value[m->count++]))
            return false;
        if (name->ptr[i++] == ')')
            break;
    }
    while (begin > 0 && room[begin - 1] == ' ')
        begin--;
    size_t rest = name->len - i;
    memmove(room + begin, room + i, rest);
    name->len = begin + rest;
    return true;
}

static bool bad_modifier(Err *e, const char *type)
{
    return err_set(e, ERR_INVALID_PARAMETER, "invalid type modifier for type %s", type);
}

static bool numeric_typmod(const Modifiers *m, int32_t *typmod, Err *e)
{
    int64_t p = m->value[0], s = m->count > 1 ? m->value[1] : 0;
    if (p < 1 || p > 1000)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "NUMERIC precision %lld must be between 1 and 1000", (long long)p);
    if (s < -1000 || s > 1000)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "NUMERIC scale %lld must be between -1000 and 1000", (long long)s);
    *typmod = (int32_t)(p << 16 | (s & 0x7ff)) + 4;
    return true;
}

static bool typmod_of(TypeId oid, const Modifiers *m, int32_t *typmod, Err *e)
{
    int64_t n = m->value[0];
    switch (oid) {
    case T_NUMERIC:
        return numeric_typmod(m, typmod, e);
    case T_VARCHAR:
    case T_BPCHAR:
        if (m->count != 1)
            return bad_modifier(e, type_find(oid)->name);
        if (n < 1 || n > 10485760)
            return err_set(e, ERR_INVALID_PARAMETER, "length for type %s %s",
                           oid == T_VARCHAR ? "varchar" : "char",
                           n < 1 ? "must be at least 1" : "cannot exceed 10485760");
        *typmod = (int32_t)n + 4;
        return true;
    case T_TIME:
    case T_TIMETZ:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
    case T_INTERVAL:
        if (m->count != 1 || n < 0)
            return bad_modifier(e, type_find(oid)->name);
        if (n > 6)
            n = 6;
        *typmod = oid == T_INTERVAL ? (int32_t)(0x7fff << 16 | n) : (int32_t)n;
        return true;
    default:
        return err_set(e, ERR_SYNTAX, "type modifier is not allowed for type \"%s\"",
                       type_find(oid)->name);
    }
}

static TypeId float_of_bits(int64_t bits, Err *e)
{
    if (bits < 1)
        err_set(e, ERR_INVALID_PARAMETER, "precision for type float must be at least 1 bit");
    else if (bits > 53)
        err_set(e, ERR_INVALID_PARAMETER, "precision for type float must be less than 54 bits");
    else
        return bits <= 24 ? T_FLOAT4 : T_FLOAT8;
    return 0;
}

bool type_parse_name(Slice text, TypeId *oid, int32_t *typmod, Err *e)
{
    char room[160];
    Slice name;
    Modifiers m;
    if (!normalize(text, room, sizeof room, &name) || !cut_modifiers(room, &name, &m))
        return err_set(e, ERR_UNDEFINED_OBJECT, "type \"%.*s\" does not exist", SLICE_ARG(text));
    bool array = strip_array(&name);
    const TypeDef *def = find_base(name);
    if (!def)
        return err_set(e, ERR_UNDEFINED_OBJECT, "type \"%.*s\" does not exist", SLICE_ARG(name));
    *oid = def->oid;
    *typmod = -1;
    if (m.count > 0 && slice_eq_cstr(name, "float")) {
        *oid = float_of_bits(m.value[0], e);
        if (!*oid)
            return false;
    } else if (m.count > 0) {
        if (!typmod_of(def->oid, &m, typmod, e))
            return false;
    } else if (def->oid == T_BPCHAR && !slice_eq_cstr(name, "bpchar")) {
        *typmod = 5; /* char means char(1) */
    }
    if (array)
        *oid = type_array_of(*oid);
    return true;
}

static Slice format_numeric(Arena *a, int32_t typmod)
{
    int precision = (typmod - 4) >> 16 & 0xffff;
    int scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
    return arena_printf(a, "numeric(%d,%d)", precision, scale);
}

static Slice format_interval(Arena *a, int32_t typmod)
{
    Buf b;
    buf_init(&b);
    buf_puts(&b, "interval");
    interval_print_typmod(typmod, &b);
    Slice text = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return text;
}

Slice type_format(Arena *a, TypeId oid, int32_t typmod)
{
    const TypeDef *def = type_find(oid);
    if (!def)
        return SLICE_LIT("???");
    if (def->category == 'A' && def->name[0] == '_') {
        Slice elem = type_format(a, def->elem_oid, typmod);
        return arena_printf(a, "%.*s[]", SLICE_ARG(elem));
    }
    if (typmod < 0)
        return oid == T_BPCHAR ? SLICE_LIT("bpchar") : slice_cstr(def->display);
    switch (oid) {
    case T_NUMERIC:
        return typmod < 4 ? slice_cstr(def->display) : format_numeric(a, typmod);
    case T_VARCHAR:
    case T_BPCHAR:
        if (typmod <= 4) /* no length in it */
            return slice_cstr(def->display);
        return arena_printf(a, "%s(%d)", def->display, typmod - 4);
    case T_TIME:
        return arena_printf(a, "time(%d) without time zone", typmod);
    case T_TIMETZ:
        return arena_printf(a, "time(%d) with time zone", typmod);
    case T_TIMESTAMP:
        return arena_printf(a, "timestamp(%d) without time zone", typmod);
    case T_TIMESTAMPTZ:
        return arena_printf(a, "timestamp(%d) with time zone", typmod);
    case T_INTERVAL:
        return format_interval(a, typmod);
    default:
        return slice_cstr(def->display);
    }
}
