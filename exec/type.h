/* exec/type.h - SQL types as the executor sees them: a row of type_table[] each.
 *
 * A TypeId is PostgreSQL's oid.  Values have few physical forms (Phys); a type is text input,
 * text output, binary input and output, order and hash over one of them.  Text and binary forms
 * are PostgreSQL 15's.  To add a type: one row in type_table[].
 *
 * Physical forms:  int2/4/8, oid, reg*: int64 (range-checked by the type) · date: days since
 * 1970-01-01 · time: us · timetz: timetz_pack() of datetime.h · timestamp, timestamptz: us since 1970-01-01 UTC, INT64_MIN/MAX =
 * -infinity/infinity · float4/8: double (float4 rounded to float) · text, varchar, bpchar, name,
 * "char", bytea (raw bytes), json, jsonb (text), uuid (16 raw bytes): Slice · interval: Interval ·
 * numeric: Num · arrays: Array * · record: Array * of three items a field (exec/array.h).
 * Threads: tables are read-only after exec_init(). */
#ifndef SKULK_EXEC_TYPE_H
#define SKULK_EXEC_TYPE_H

#include "base/mem.h"

typedef uint32_t TypeId;

enum {
    T_BOOL = 16,
    T_BYTEA = 17,
    T_CHAR = 18,
    T_NAME = 19,
    T_INT8 = 20,
    T_INT2 = 21,
    T_INT2VECTOR = 22,
    T_INT4 = 23,
    T_REGPROC = 24,
    T_TEXT = 25,
    T_OID = 26,
    T_XID = 28,
    T_OIDVECTOR = 30,
    T_JSON = 114,
    T_PG_NODE_TREE = 194,
    T_FLOAT4 = 700,
    T_FLOAT8 = 701,
    T_UNKNOWN = 705,
    T_ACLITEM = 1033,
    T_ACLITEM_ARRAY = 1034,
    T_BPCHAR = 1042,
    T_VARCHAR = 1043,
    T_DATE = 1082,
    T_TIME = 1083,
    T_TIMETZ = 1266,
    T_TIMESTAMP = 1114,
    T_TIMESTAMPTZ = 1184,
    T_INTERVAL = 1186,
    T_NUMERIC = 1700,
    T_REGCLASS = 2205,
    T_REGTYPE = 2206,
    T_RECORD = 2249,
    T_RECORD_ARRAY = 2287,
    T_ANY = 2276,
    T_ANYARRAY = 2277,
    T_VOID = 2278,
    T_ANYELEMENT = 2283,
    T_UUID = 2950,
    T_JSONB = 3802,
    T_JSONPATH = 4072,
    T_JSONPATH_ARRAY = 4073,
    T_REGNAMESPACE = 4089,
    T_HISTOGRAM = 4180, /* of our own; storage/histogram.h has the same number */
    T_REGROLE = 4096,
    T_BOOL_ARRAY = 1000,
    T_BYTEA_ARRAY = 1001,
    T_CHAR_ARRAY = 1002,
    T_NAME_ARRAY = 1003,
    T_INT2_ARRAY = 1005,
    T_INT4_ARRAY = 1007,
    T_TEXT_ARRAY = 1009,
    T_INT8_ARRAY = 1016,
    T_FLOAT4_ARRAY = 1021,
    T_FLOAT8_ARRAY = 1022,
    T_OID_ARRAY = 1028,
    T_VARCHAR_ARRAY = 1015,
    T_TIMESTAMP_ARRAY = 1115,
    T_TIMESTAMPTZ_ARRAY = 1185,
    T_NUMERIC_ARRAY = 1231,
    T_INT2VECTOR_ARRAY = 1006,
    T_REGPROC_ARRAY = 1008,
    T_XID_ARRAY = 1011,
    T_OIDVECTOR_ARRAY = 1013,
    T_BPCHAR_ARRAY = 1014,
    T_JSON_ARRAY = 199,
    T_DATE_ARRAY = 1182,
    T_TIME_ARRAY = 1183,
    T_TIMETZ_ARRAY = 1270,
    T_INTERVAL_ARRAY = 1187,
    T_REGCLASS_ARRAY = 2210,
    T_REGTYPE_ARRAY = 2211,
    T_UUID_ARRAY = 2951,
    T_JSONB_ARRAY = 3807,
    T_REGNAMESPACE_ARRAY = 4090,
    T_REGROLE_ARRAY = 4097,
    T_ANYNONARRAY = 2776,
};

typedef enum Phys { PH_BOOL, PH_I64, PH_F64, PH_STR, PH_INTERVAL, PH_NUM, PH_ARRAY } Phys;

typedef struct Interval { /* as PostgreSQL: three parts that do not carry into each other */
    int64_t us;
    int32_t days, months;
} Interval;

/* Exact decimal.  Small: coef / 10^scale.  Big: text digits kept in an arena ("-123.450"). */
typedef enum NumKind { NUM_SMALL, NUM_BIG, NUM_NAN, NUM_PINF, NUM_NINF } NumKind;
typedef struct Num {
    union {
        int64_t coef;
        const char *digits;
    } u;
    uint32_t len;   /* of digits */
    uint16_t scale; /* digits after the point that are shown (dscale) */
    uint16_t kind;
} Num;

typedef struct Array Array;

typedef struct Value { /* one value of any type */
    bool null;
    Phys phys;
    union {
        bool b;
        int64_t i64;
        double f64;
        Slice str;
        Interval iv;
        Num num;
        const Array *arr;
    } u;
} Value;

struct Array {
    TypeId elem;
    int32_t ndim; /* 0 = empty */
    int32_t dims[6], lower[6];
    size_t count;
    const Value *items;
};

/* The settings DateStyle and IntervalStyle; zero is PostgreSQL's default.  DATE_XSD, how JSON holds
 * times, is no setting. */
typedef enum DateStyle { DATE_ISO, DATE_SQL, DATE_POSTGRES, DATE_GERMAN, DATE_XSD } DateStyle;
typedef enum DateOrder { ORDER_MDY, ORDER_DMY, ORDER_YMD } DateOrder;
typedef enum IntervalStyle {
    INTERVAL_POSTGRES,
    INTERVAL_VERBOSE,
    INTERVAL_SQL,
    INTERVAL_ISO
} IntervalStyle;

/* What input and output depend on. */
typedef struct TypeEnv {
    Slice timezone;            /* IANA name or POSIX form; default UTC */
    const struct TimeZone *tz; /* resolved; never NULL */
    int extra_float_digits;    /* default 1: shortest exact */
    DateStyle date_style;
    DateOrder date_order;
    IntervalStyle interval_style;
    bool bytea_escape; /* bytea_output */
    int64_t now_us;    /* for 'now', 'today' */
    void *session;     /* for reg* input and output; may be NULL */
} TypeEnv;

typedef struct TypeDef {
    TypeId oid, array_oid, elem_oid; /* 0 = none */
    const char *name;                /* pg_type.typname */
    const char *display;             /* format_type: "double precision" */
    Phys phys;
    int16_t len; /* pg_type.typlen */
    char category, typtype, align;
    bool by_value, preferred;
    bool (*in)(const TypeEnv *env, Slice text, int32_t typmod, Arena *a, Value *out, Err *e);
    void (*out)(const TypeEnv *env, const Value *v, Buf *dst);
    bool (*recv)(const TypeEnv *env, Slice bytes, int32_t typmod, Arena *a, Value *out, Err *e);
    void (*send)(const TypeEnv *env, const Value *v, Buf *dst);
    int (*cmp)(const Value *a, const Value *b); /* both not null */
    uint64_t (*hash)(const Value *v);           /* equal values hash equally, also 1.0 and 1.00 */
} TypeDef;

const TypeDef *type_find(TypeId oid); /* NULL: unknown */
const TypeDef *type_by_name(
    Slice name); /* typname and SQL spellings: "int", "double precision", "timestamptz", "text[]" */
size_t type_count(void);
const TypeDef *type_at(size_t i);
TypeId type_array_of(TypeId elem);
TypeId type_elem_of(TypeId array);
Slice type_format(Arena *a, TypeId oid,
                  int32_t typmod); /* "numeric(10,2)", "timestamp(3) with time zone" */
bool type_parse_name(Slice text, TypeId *oid, int32_t *typmod,
                     Err *e) MUST_CHECK; /* "numeric(10,2)[]" */
bool type_apply_typmod(TypeId oid, int32_t typmod, bool explicit_cast, Arena *a, Value *v,
                       Err *e) MUST_CHECK;

/* How values are written where they are kept as text: in UTC, whatever the session shows. */
TypeEnv type_stored_env(const TypeEnv *env);

Value value_null(void);
Value value_i64(int64_t v);
Value value_f64(double v);
Value value_bool(bool v);
Value value_str(Slice s);
Value value_copy(Arena *a, const Value *v);

/* Time zones: IANA rules from the system's tzdata (TZif); loaded once, kept for ever. */
const struct TimeZone *tz_find(Slice name, Err *e); /* NULL + 22023 */
const struct TimeZone *tz_utc(void);
int32_t tz_offset_at(const struct TimeZone *tz, int64_t utc_s,
                     Slice *abbreviation); /* seconds east of UTC */
int64_t tz_local_to_utc(const struct TimeZone *tz, int64_t local_s);

bool interval_parse(Slice text, Interval *out,
                    Err *e) MUST_CHECK; /* '1h', '24h', '1 day', 'P1D', '1 mon 2 days 03:04' */
/* Interval without months as ns; false if it has months (or overflows). */
bool interval_to_ns(Interval iv, int64_t *ns);

#endif
