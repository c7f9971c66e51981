/* exec/type_private.h - what the files of the type system share: input and output functions of
 * families of types, and the error texts PostgreSQL gives for them.
 *
 * Not for other folders.  To add a type: its functions here, one row in type.c.
 * Threads: pure functions. */
#ifndef SKULK_EXEC_TYPE_PRIVATE_H
#define SKULK_EXEC_TYPE_PRIVATE_H

#include "exec/type.h"

#define TYPE_IN(name)                                                                              \
    bool name(const TypeEnv *env, Slice text, int32_t typmod, Arena *a, Value *out, Err *e)
#define TYPE_OUT(name) void name(const TypeEnv *env, const Value *v, Buf *dst)

/* 22P02 invalid input syntax for type integer: "x" */
bool type_bad_input(Err *e, const char *type, Slice text);
/* 22003 value "x" is out of range for type integer */
bool type_bad_range(Err *e, const char *type, Slice text);
/* 22P03 incorrect binary data format */
bool type_bad_binary(Err *e);
Slice type_trim(Slice text); /* ASCII white space at both ends */

/* Big-endian, as the wire has it. */
void put_be16(Buf *dst, uint16_t v);
void put_be32(Buf *dst, uint32_t v);
void put_be64(Buf *dst, uint64_t v);
uint16_t get_be16(const char *p);
uint32_t get_be32(const char *p);
uint64_t get_be64(const char *p);

/* type_number.c */
TYPE_IN(record_in); /* type_record.c */
TYPE_OUT(record_out);
TYPE_OUT(record_send);
int cmp_record(const Value *a, const Value *b);
uint64_t hash_record(const Value *v);
TYPE_IN(histogram_in); /* type_histogram.c */
TYPE_OUT(histogram_out);
TYPE_IN(bool_in);
TYPE_OUT(bool_out);
TYPE_IN(bool_recv);
TYPE_OUT(bool_send);
TYPE_IN(int2_in);
TYPE_IN(int4_in);
TYPE_IN(int8_in);
TYPE_IN(oid_in);
TYPE_OUT(int_out);
TYPE_OUT(oid_out);
TYPE_IN(int2_recv);
TYPE_IN(int4_recv);
TYPE_IN(int8_recv);
TYPE_IN(oid_recv);
TYPE_OUT(int2_send);
TYPE_OUT(int4_send);
TYPE_OUT(int8_send);
TYPE_IN(float4_in);
TYPE_IN(float8_in);
TYPE_OUT(float4_out);
TYPE_OUT(float8_out);
TYPE_IN(float4_recv);
TYPE_IN(float8_recv);
TYPE_OUT(float4_send);
TYPE_OUT(float8_send);
TYPE_IN(numeric_in);
TYPE_OUT(numeric_out);
TYPE_IN(numeric_recv);
TYPE_OUT(numeric_send);
void float8_print(Buf *dst, double v, int extra_float_digits);
void float4_print(Buf *dst, float v, int extra_float_digits);

/* type_string.c */
TYPE_IN(text_in);
TYPE_OUT(text_out);
TYPE_IN(text_recv);
TYPE_IN(varchar_in);
TYPE_IN(varchar_recv);
TYPE_IN(bpchar_in);
TYPE_IN(bpchar_recv);
TYPE_IN(name_in);
TYPE_IN(char_in);
TYPE_OUT(char_out);
TYPE_IN(char_recv);
TYPE_OUT(char_send);
TYPE_IN(bytea_in);
TYPE_OUT(bytea_out);
TYPE_IN(bytea_recv);
TYPE_IN(uuid_in);
TYPE_OUT(uuid_out);
TYPE_IN(uuid_recv);
TYPE_IN(void_in);
TYPE_OUT(void_out);
Slice bpchar_trim(Slice s); /* without trailing blanks */

/* type_json.c */
TYPE_IN(json_in);
TYPE_IN(jsonb_in);
TYPE_IN(jsonb_recv);
TYPE_OUT(jsonb_send);

/* type_time.c */
TYPE_IN(date_in);
TYPE_OUT(date_out);
TYPE_IN(date_recv);
TYPE_OUT(date_send);
TYPE_IN(time_in);
TYPE_OUT(time_out);
TYPE_IN(time_recv);
TYPE_IN(timetz_in);
TYPE_OUT(timetz_out);
TYPE_IN(timetz_recv);
TYPE_OUT(timetz_send);
TYPE_IN(timestamp_in);
TYPE_OUT(timestamp_out);
TYPE_IN(timestamp_recv);
TYPE_OUT(timestamp_send);
TYPE_IN(timestamptz_in);
TYPE_OUT(timestamptz_out);
TYPE_IN(interval_in);
TYPE_OUT(interval_out);
TYPE_IN(interval_recv);
TYPE_OUT(interval_send);

/* type_reg.c */
TYPE_IN(regproc_in);
TYPE_IN(regclass_in);
TYPE_IN(regtype_in);
TYPE_IN(regnamespace_in);
TYPE_IN(regrole_in);
TYPE_OUT(regproc_out);
TYPE_OUT(regclass_out);
TYPE_OUT(regtype_out);
TYPE_OUT(regnamespace_out);
TYPE_OUT(regrole_out);

/* type_order.c: one comparison and one hash per physical form */
int cmp_bool(const Value *a, const Value *b);
int cmp_i64(const Value *a, const Value *b);
int cmp_f64(const Value *a, const Value *b);
int cmp_str(const Value *a, const Value *b);
int cmp_bpchar(const Value *a, const Value *b);
int cmp_interval(const Value *a, const Value *b);
int cmp_num(const Value *a, const Value *b);
TYPE_IN(jsonpath_in);
TYPE_IN(jsonpath_recv);
int cmp_jsonb(const Value *a, const Value *b);
int cmp_array(const Value *a, const Value *b);
uint64_t hash_bool(const Value *v);
uint64_t hash_i64(const Value *v);
uint64_t hash_f64(const Value *v);
uint64_t hash_str(const Value *v);
uint64_t hash_bpchar(const Value *v);
uint64_t hash_interval(const Value *v);
uint64_t hash_num(const Value *v);
uint64_t hash_jsonb(const Value *v);
void bytea_put_escape(Slice s, Buf *dst);
uint64_t hash_array(const Value *v);

#endif
