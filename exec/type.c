#include "exec/type.h"
#include "exec/array.h"
#include "exec/datetime.h"
#include "exec/numeric.h"
#include "exec/type_private.h"
#include "storage/histogram.h"
#include <stdio.h>

/* ---- helpers of the type files ---- */

bool type_bad_input(Err *e, const char *type, Slice text)
{
    return err_set(e, ERR_INVALID_TEXT, "invalid input syntax for type %s: \"%.*s\"", type,
                   SLICE_ARG(text));
}

bool type_bad_range(Err *e, const char *type, Slice text)
{
    return err_set(e, ERR_NUMERIC_RANGE, "value \"%.*s\" is out of range for type %s",
                   SLICE_ARG(text), type);
}

bool type_bad_binary(Err *e)
{
    return err_set(e, ERR_INVALID_BINARY, "incorrect binary data format");
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

Slice type_trim(Slice t)
{
    while (t.len > 0 && is_space(t.ptr[0]))
        t = slice_of(t.ptr + 1, t.len - 1);
    while (t.len > 0 && is_space(t.ptr[t.len - 1]))
        t.len--;
    return t;
}

void put_be16(Buf *dst, uint16_t v)
{
    char b[2] = {(char)(v >> 8), (char)v};
    buf_put(dst, b, sizeof b);
}

void put_be32(Buf *dst, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_put(dst, &v, sizeof v);
}

void put_be64(Buf *dst, uint64_t v)
{
    v = __builtin_bswap64(v);
    buf_put(dst, &v, sizeof v);
}

uint16_t get_be16(const char *p)
{
    return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

uint32_t get_be32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

uint64_t get_be64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

/* ---- the table ---- */

#define ARRAY_TYPES(X)                                                                             \
    X(BOOL, bool, "boolean", 'i')                                                                  \
    X(BYTEA, bytea, "bytea", 'i')                                                                  \
    X(CHAR, char, "\"char\"", 'i')                                                                 \
    X(NAME, name, "name", 'i')                                                                     \
    X(INT8, int8, "bigint", 'd')                                                                   \
    X(INT2, int2, "smallint", 'i')                                                                 \
    X(INT2VECTOR, int2vector, "int2vector", 'i')                                                   \
    X(INT4, int4, "integer", 'i')                                                                  \
    X(REGPROC, regproc, "regproc", 'i')                                                            \
    X(TEXT, text, "text", 'i')                                                                     \
    X(OID, oid, "oid", 'i')                                                                        \
    X(XID, xid, "xid", 'i')                                                                        \
    X(OIDVECTOR, oidvector, "oidvector", 'i')                                                      \
    X(JSON, json, "json", 'i')                                                                     \
    X(FLOAT4, float4, "real", 'i')                                                                 \
    X(FLOAT8, float8, "double precision", 'd')                                                     \
    X(ACLITEM, aclitem, "aclitem", 'i')                                                            \
    X(BPCHAR, bpchar, "character", 'i')                                                            \
    X(VARCHAR, varchar, "character varying", 'i')                                                  \
    X(DATE, date, "date", 'i')                                                                     \
    X(TIME, time, "time without time zone", 'd')                                                   \
    X(TIMETZ, timetz, "time with time zone", 'd')                                                  \
    X(TIMESTAMP, timestamp, "timestamp without time zone", 'd')                                    \
    X(TIMESTAMPTZ, timestamptz, "timestamp with time zone", 'd')                                   \
    X(INTERVAL, interval, "interval", 'd')                                                         \
    X(NUMERIC, numeric, "numeric", 'i')                                                            \
    X(REGCLASS, regclass, "regclass", 'i')                                                         \
    X(REGTYPE, regtype, "regtype", 'i')                                                            \
    X(UUID, uuid, "uuid", 'i')                                                                     \
    X(JSONB, jsonb, "jsonb", 'i')                                                                  \
    X(JSONPATH, jsonpath, "jsonpath", 'i')                                                         \
    X(REGNAMESPACE, regnamespace, "regnamespace", 'i')                                             \
    X(REGROLE, regrole, "regrole", 'i')

/* The input functions do not know their row: an array needs one of its own. */
#define ARRAY_INPUT(UPPER, lower_name, shown, alignment)                                           \
    static TYPE_IN(array_in_##lower_name)                                                          \
    {                                                                                              \
        return array_in(env, T_##UPPER, text, typmod, a, out, e);                                  \
    }                                                                                              \
    static TYPE_IN(array_recv_##lower_name)                                                        \
    {                                                                                              \
        return array_recv(env, T_##UPPER, text, typmod, a, out, e);                                \
    }
ARRAY_TYPES(ARRAY_INPUT)

static TYPE_IN(int2vector_in)
{
    (void)typmod;
    return array_vector_in(env, T_INT2, text, a, out, e);
}

static TYPE_IN(oidvector_in)
{
    (void)typmod;
    return array_vector_in(env, T_OID, text, a, out, e);
}

#define SCALAR(id, arr, tname, shown, ph, tlen, cat, al, byval, pref, infn, outfn, rin, rout, ord) \
    {                                                                                              \
        .oid = id, .array_oid = arr, .name = tname, .display = shown, .phys = ph, .len = tlen,     \
        .category = cat, .typtype = 'b', .align = al, .by_value = byval, .preferred = pref,        \
        .in = infn, .out = outfn, .recv = rin, .send = rout, .cmp = cmp_##ord, .hash = hash_##ord  \
    }
#define PSEUDO(id, tname, shown, tlen, al)                                                         \
    {                                                                                              \
        .oid = id, .name = tname, .display = shown, .phys = PH_STR, .len = tlen, .category = 'P',  \
        .typtype = 'p', .align = al, .by_value = tlen > 0, .in = void_in, .out = void_out,         \
        .recv = void_in, .send = void_out, .cmp = cmp_str, .hash = hash_str                        \
    }
#define ARRAY_ROW(UPPER, lower_name, shown, al)                                                    \
    {.oid = T_##UPPER##_ARRAY,                                                                     \
     .elem_oid = T_##UPPER,                                                                        \
     .name = "_" #lower_name,                                                                      \
     .display = shown "[]",                                                                        \
     .phys = PH_ARRAY,                                                                             \
     .len = -1,                                                                                    \
     .category = 'A',                                                                              \
     .typtype = 'b',                                                                               \
     .align = al,                                                                                  \
     .in = array_in_##lower_name,                                                                  \
     .out = array_out,                                                                             \
     .recv = array_recv_##lower_name,                                                              \
     .send = array_send,                                                                           \
     .cmp = cmp_array,                                                                             \
     .hash = hash_array},

static const TypeDef type_table[] = {
    SCALAR(T_BOOL, T_BOOL_ARRAY, "bool", "boolean", PH_BOOL, 1, 'B', 'c', true, true, bool_in,
           bool_out, bool_recv, bool_send, bool),
    SCALAR(T_BYTEA, T_BYTEA_ARRAY, "bytea", "bytea", PH_STR, -1, 'U', 'i', false, false, bytea_in,
           bytea_out, bytea_recv, text_out, str),
    SCALAR(T_CHAR, T_CHAR_ARRAY, "char", "\"char\"", PH_STR, 1, 'Z', 'c', true, false, char_in,
           char_out, char_recv, char_send, str),
    SCALAR(T_NAME, T_NAME_ARRAY, "name", "name", PH_STR, 64, 'S', 'c', false, false, name_in,
           text_out, name_in, text_out, str),
    SCALAR(T_INT8, T_INT8_ARRAY, "int8", "bigint", PH_I64, 8, 'N', 'd', true, false, int8_in,
           int_out, int8_recv, int8_send, i64),
    SCALAR(T_INT2, T_INT2_ARRAY, "int2", "smallint", PH_I64, 2, 'N', 's', true, false, int2_in,
           int_out, int2_recv, int2_send, i64),
    {.oid = T_INT2VECTOR,
     .array_oid = T_INT2VECTOR_ARRAY,
     .elem_oid = T_INT2,
     .name = "int2vector",
     .display = "int2vector",
     .phys = PH_ARRAY,
     .len = -1,
     .category = 'A',
     .typtype = 'b',
     .align = 'i',
     .in = int2vector_in,
     .out = array_vector_out,
     .recv = array_recv_int2,
     .send = array_send,
     .cmp = cmp_array,
     .hash = hash_array},
    SCALAR(T_INT4, T_INT4_ARRAY, "int4", "integer", PH_I64, 4, 'N', 'i', true, false, int4_in,
           int_out, int4_recv, int4_send, i64),
    SCALAR(T_REGPROC, T_REGPROC_ARRAY, "regproc", "regproc", PH_I64, 4, 'N', 'i', true, false,
           regproc_in, regproc_out, oid_recv, int4_send, i64),
    SCALAR(T_TEXT, T_TEXT_ARRAY, "text", "text", PH_STR, -1, 'S', 'i', false, true, text_in,
           text_out, text_recv, text_out, str),
    SCALAR(T_OID, T_OID_ARRAY, "oid", "oid", PH_I64, 4, 'N', 'i', true, true, oid_in, oid_out,
           oid_recv, int4_send, i64),
    SCALAR(T_XID, T_XID_ARRAY, "xid", "xid", PH_I64, 4, 'U', 'i', true, false, oid_in, oid_out,
           oid_recv, int4_send, i64),
    {.oid = T_OIDVECTOR,
     .array_oid = T_OIDVECTOR_ARRAY,
     .elem_oid = T_OID,
     .name = "oidvector",
     .display = "oidvector",
     .phys = PH_ARRAY,
     .len = -1,
     .category = 'A',
     .typtype = 'b',
     .align = 'i',
     .in = oidvector_in,
     .out = array_vector_out,
     .recv = array_recv_oid,
     .send = array_send,
     .cmp = cmp_array,
     .hash = hash_array},
    SCALAR(T_JSON, T_JSON_ARRAY, "json", "json", PH_STR, -1, 'U', 'i', false, false, json_in,
           text_out, json_in, text_out, str),
    SCALAR(T_PG_NODE_TREE, 0, "pg_node_tree", "pg_node_tree", PH_STR, -1, 'Z', 'i', false, false,
           text_in, text_out, text_in, text_out, str),
    SCALAR(T_FLOAT4, T_FLOAT4_ARRAY, "float4", "real", PH_F64, 4, 'N', 'i', true, false, float4_in,
           float4_out, float4_recv, float4_send, f64),
    SCALAR(T_FLOAT8, T_FLOAT8_ARRAY, "float8", "double precision", PH_F64, 8, 'N', 'd', true, true,
           float8_in, float8_out, float8_recv, float8_send, f64),
    {.oid = T_UNKNOWN,
     .name = "unknown",
     .display = "unknown",
     .phys = PH_STR,
     .len = -2,
     .category = 'X',
     .typtype = 'p',
     .align = 'c',
     .in = text_in,
     .out = text_out,
     .recv = text_in,
     .send = text_out,
     .cmp = cmp_str,
     .hash = hash_str},
    SCALAR(T_ACLITEM, T_ACLITEM_ARRAY, "aclitem", "aclitem", PH_STR, 12, 'U', 'i', false, false,
           text_in, text_out, text_in, text_out, str),
    SCALAR(T_BPCHAR, T_BPCHAR_ARRAY, "bpchar", "character", PH_STR, -1, 'S', 'i', false, false,
           bpchar_in, text_out, bpchar_recv, text_out, bpchar),
    SCALAR(T_VARCHAR, T_VARCHAR_ARRAY, "varchar", "character varying", PH_STR, -1, 'S', 'i', false,
           false, varchar_in, text_out, varchar_recv, text_out, str),
    SCALAR(T_DATE, T_DATE_ARRAY, "date", "date", PH_I64, 4, 'D', 'i', true, false, date_in,
           date_out, date_recv, date_send, i64),
    SCALAR(T_TIME, T_TIME_ARRAY, "time", "time without time zone", PH_I64, 8, 'D', 'd', true, false,
           time_in, time_out, time_recv, int8_send, i64),
    SCALAR(T_TIMETZ, T_TIMETZ_ARRAY, "timetz", "time with time zone", PH_I64, 12, 'D', 'd', false,
           false, timetz_in, timetz_out, timetz_recv, timetz_send, i64),
    SCALAR(T_TIMESTAMP, T_TIMESTAMP_ARRAY, "timestamp", "timestamp without time zone", PH_I64, 8,
           'D', 'd', true, false, timestamp_in, timestamp_out, timestamp_recv, timestamp_send, i64),
    SCALAR(T_TIMESTAMPTZ, T_TIMESTAMPTZ_ARRAY, "timestamptz", "timestamp with time zone", PH_I64, 8,
           'D', 'd', true, true, timestamptz_in, timestamptz_out, timestamp_recv, timestamp_send,
           i64),
    SCALAR(T_INTERVAL, T_INTERVAL_ARRAY, "interval", "interval", PH_INTERVAL, 16, 'T', 'd', false,
           true, interval_in, interval_out, interval_recv, interval_send, interval),
    SCALAR(T_NUMERIC, T_NUMERIC_ARRAY, "numeric", "numeric", PH_NUM, -1, 'N', 'i', false, false,
           numeric_in, numeric_out, numeric_recv, numeric_send, num),
    SCALAR(T_REGCLASS, T_REGCLASS_ARRAY, "regclass", "regclass", PH_I64, 4, 'N', 'i', true, false,
           regclass_in, regclass_out, oid_recv, int4_send, i64),
    SCALAR(T_REGTYPE, T_REGTYPE_ARRAY, "regtype", "regtype", PH_I64, 4, 'N', 'i', true, false,
           regtype_in, regtype_out, oid_recv, int4_send, i64),
    SCALAR(T_UUID, T_UUID_ARRAY, "uuid", "uuid", PH_STR, 16, 'U', 'c', false, false, uuid_in,
           uuid_out, uuid_recv, text_out, str),
    SCALAR(T_JSONB, T_JSONB_ARRAY, "jsonb", "jsonb", PH_STR, -1, 'U', 'i', false, false, jsonb_in,
           text_out, jsonb_recv, jsonb_send, jsonb),
    SCALAR(T_JSONPATH, T_JSONPATH_ARRAY, "jsonpath", "jsonpath", PH_STR, -1, 'U', 'i', false, false,
           jsonpath_in, text_out, jsonpath_recv, jsonb_send, str),
    SCALAR(T_HISTOGRAM, 0, "histogram", "histogram", PH_STR, -1, 'U', 'i', false, false,
           histogram_in, histogram_out, histogram_in, histogram_out, str),
    SCALAR(T_REGNAMESPACE, T_REGNAMESPACE_ARRAY, "regnamespace", "regnamespace", PH_I64, 4, 'N',
           'i', true, false, regnamespace_in, regnamespace_out, oid_recv, int4_send, i64),
    SCALAR(T_REGROLE, T_REGROLE_ARRAY, "regrole", "regrole", PH_I64, 4, 'N', 'i', true, false,
           regrole_in, regrole_out, oid_recv, int4_send, i64),
    {.oid = T_RECORD,
     .array_oid = T_RECORD_ARRAY,
     .name = "record",
     .display = "record",
     .phys = PH_ARRAY,
     .len = -1,
     .category = 'P',
     .typtype = 'p',
     .align = 'd',
     .in = record_in,
     .out = record_out,
     .recv = record_in,
     .send = record_send,
     .cmp = cmp_record,
     .hash = hash_record},
    {.oid = T_RECORD_ARRAY,
     .elem_oid = T_RECORD,
     .name = "_record",
     .display = "record[]",
     .phys = PH_ARRAY,
     .len = -1,
     .category = 'P',
     .typtype = 'p',
     .align = 'd',
     .in = record_in,
     .out = array_out,
     .recv = record_in,
     .send = array_send,
     .cmp = cmp_array,
     .hash = hash_array},
    PSEUDO(T_ANY, "any", "\"any\"", 4, 'i'),
    PSEUDO(T_ANYARRAY, "anyarray", "anyarray", -1, 'd'),
    PSEUDO(T_VOID, "void", "void", 4, 'i'),
    PSEUDO(T_ANYELEMENT, "anyelement", "anyelement", 4, 'i'),
    PSEUDO(T_ANYNONARRAY, "anynonarray", "anynonarray", 4, 'i'),
    ARRAY_TYPES(ARRAY_ROW)};

/* Every oid is below this; a flat index makes type_find one load. */
enum { TYPE_OID_MAX = 4200 };

_Static_assert((int)T_HISTOGRAM == (int)HIST_OID, "one type, two names");

static uint8_t type_index[TYPE_OID_MAX]; /* row + 1 */

_Static_assert(ARRAY_LEN(type_table) < 255, "type_index holds bytes");

__attribute__((constructor)) static void build_index(void)
{
    for (size_t i = 0; i < ARRAY_LEN(type_table); i++)
        type_index[type_table[i].oid] = (uint8_t)(i + 1);
}

const TypeDef *type_find(TypeId oid)
{
    return oid < TYPE_OID_MAX && type_index[oid] ? &type_table[type_index[oid] - 1] : NULL;
}

size_t type_count(void)
{
    return ARRAY_LEN(type_table);
}

const TypeDef *type_at(size_t i)
{
    return &type_table[i];
}

TypeId type_array_of(TypeId elem)
{
    const TypeDef *def = type_find(elem);
    if (elem == T_ANYELEMENT)
        return T_ANYARRAY;
    return def ? def->array_oid : 0;
}

TypeId type_elem_of(TypeId array)
{
    const TypeDef *def = type_find(array);
    if (array == T_ANYARRAY)
        return T_ANYELEMENT;
    return def ? def->elem_oid : 0;
}

/* ---- values ---- */

Value value_null(void)
{
    return (Value){.null = true};
}

Value value_i64(int64_t v)
{
    return (Value){.phys = PH_I64, .u.i64 = v};
}

Value value_f64(double v)
{
    return (Value){.phys = PH_F64, .u.f64 = v};
}

Value value_bool(bool v)
{
    return (Value){.phys = PH_BOOL, .u.b = v};
}

Value value_str(Slice s)
{
    return (Value){.phys = PH_STR, .u.str = s};
}

Value value_copy(Arena *a, const Value *v)
{
    Value copy = *v;
    if (v->null)
        return copy;
    if (v->phys == PH_STR) {
        copy.u.str = arena_slice(a, v->u.str);
    } else if (v->phys == PH_NUM) {
        copy.u.num = num_copy(&v->u.num, a);
    } else if (v->phys == PH_ARRAY) {
        Array *arr = arena_alloc(a, sizeof *arr);
        Value *items = arena_alloc(a, v->u.arr->count * sizeof *items + 1);
        *arr = *v->u.arr;
        for (size_t i = 0; i < arr->count; i++)
            items[i] = value_copy(a, &v->u.arr->items[i]);
        arr->items = items;
        copy.u.arr = arr;
    }
    return copy;
}

/* ---- typmods ---- */

static size_t prefix_of_chars(Slice s, size_t chars)
{
    size_t i = 0;
    for (; i < s.len; i++)
        if (((unsigned char)s.ptr[i] & 0xC0) != 0x80 && chars-- == 0)
            break;
    return i;
}

/* Blanks beyond n are cut silently, other characters only by an explicit cast. */
static bool fit_chars(TypeId oid, int32_t max, bool explicit_cast, Arena *a, Value *v, Err *e)
{
    Slice s = v->u.str;
    size_t chars = slice_utf8_count(s, s.len);
    if (chars > (size_t)max) {
        size_t keep = prefix_of_chars(s, (size_t)max);
        if (!explicit_cast && bpchar_trim(s).len > keep)
            return err_set(e, ERR_STRING_TRUNCATION, "value too long for type %s(%d)",
                           type_find(oid)->display, max);
        v->u.str.len = keep;
    } else if (oid == T_BPCHAR && chars < (size_t)max) {
        size_t pad = (size_t)max - chars;
        char *text = arena_try(a, s.len + pad, e);
        if (!text)
            return false;
        if (s.len)
            memcpy(text, s.ptr, s.len);
        memset(text + s.len, ' ', pad);
        v->u.str = slice_of(text, s.len + pad);
    }
    return true;
}

/* To 10^-digits seconds, half away from zero. */
static int64_t round_us(int64_t us, int digits)
{
    static const int64_t unit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (digits < 0 || digits >= 6 || us == INT64_MIN || us == INT64_MAX)
        return us;
    int64_t u = unit[digits], rest = us % u, down = us - rest;
    if (rest * 2 >= u && down <= INT64_MAX - u)
        return down + u;
    if (rest * 2 <= -u && down >= INT64_MIN + u)
        return down - u;
    return down;
}

bool type_apply_typmod(TypeId oid, int32_t typmod, bool explicit_cast, Arena *a, Value *v, Err *e)
{
    if (typmod < 0 || v->null)
        return true;
    switch (oid) {
    case T_VARCHAR:
    case T_BPCHAR:
        return typmod < 4 || fit_chars(oid, typmod - 4, explicit_cast, a, v, e);
    case T_NUMERIC:
        return num_fit_typmod(typmod, a, &v->u.num, e);
    case T_TIME:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
        v->u.i64 = round_us(v->u.i64, typmod);
        return true;
    case T_TIMETZ:
        v->u.i64 = timetz_pack(round_us(timetz_us(v->u.i64), typmod), timetz_offset(v->u.i64));
        return true;
    case T_INTERVAL:
        interval_keep_fields(interval_typmod_fields(typmod), &v->u.iv);
        v->u.iv.us = round_us(v->u.iv.us, interval_typmod_digits(typmod));
        return true;
    default:
        break;
    }
    TypeId elem = type_elem_of(oid);
    if (!elem || v->phys != PH_ARRAY)
        return true;
    Value copy = value_copy(a, v);
    Value *items = arena_alloc(a, copy.u.arr->count * sizeof *items + 1);
    for (size_t i = 0; i < copy.u.arr->count; i++) {
        items[i] = copy.u.arr->items[i];
        if (!type_apply_typmod(elem, typmod, explicit_cast, a, &items[i], e))
            return false;
    }
    Array *arr = arena_alloc(a, sizeof *arr);
    *arr = *copy.u.arr;
    arr->items = items;
    v->u.arr = arr;
    return true;
}
