/* exec/numeric.h - exact decimals: arithmetic with PostgreSQL 15's scale rules.
 *
 * A Num whose coefficient fits int64 is always NUM_SMALL; only larger ones are digits in an arena
 * and are computed with GMP.  NaN is equal to itself and above +Infinity.
 * Limits are PostgreSQL's: 131072 digits before the point, 16383 after; beyond: 22003.
 * Threads: pure functions over the caller's arena. */
#ifndef SKULK_EXEC_NUMERIC_H
#define SKULK_EXEC_NUMERIC_H

#include "exec/type.h"

enum {
    NUM_WEIGHT_DIGITS_MAX = 131072,
    NUM_SCALE_MAX = 16383,
    NUM_DISPLAY_SCALE_MAX = 1000,
    NUM_SIG_DIGITS_MIN = 16,
};

typedef enum NumParse { NUM_PARSE_OK, NUM_PARSE_SYNTAX, NUM_PARSE_RANGE } NumParse;

NumParse num_parse(Slice text, Arena *a, Num *out); /* no surrounding blanks */
void num_print(const Num *n, Buf *dst);
Num num_of_i64(int64_t v);
Num num_of_i128(__int128 v, int scale, Arena *a);
Num num_of_f64(double v, int digits,
               Arena *a); /* rounded to so many significant digits: 15, float4: 6 */
double num_to_f64(const Num *n);
/* Rounded half away from zero; false: NaN, infinite or out of range. */
bool num_to_i64(const Num *n, int64_t *out);
bool num_is_special(const Num *n); /* NaN or infinite */
int num_sign(const Num *n);        /* -1, 0, 1; of NaN 0 */
bool num_is_integral(const Num *n);

int num_cmp(const Num *a, const Num *b);
uint64_t num_hash(const Num *n);
Num num_copy(const Num *n, Arena *a);

typedef bool (*NumOp)(const Num *x, const Num *y, Arena *a, Num *out, Err *e);
bool num_add(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_sub(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_mul(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_div(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_div_trunc(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK; /* div() */
bool num_mod(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_gcd(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_lcm(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;
Num num_neg(const Num *n, Arena *a);
Num num_abs(const Num *n, Arena *a);

typedef enum NumRound { NUM_HALF_AWAY, NUM_TRUNC, NUM_FLOOR, NUM_CEIL } NumRound;
/* To `scale` digits after the point; negative: before it. */
Num num_round(const Num *n, int scale, NumRound how, Arena *a);
Num num_trim_scale(const Num *n, Arena *a);
int num_min_scale(const Num *n);
bool num_fit_typmod(int32_t typmod, Arena *a, Num *n, Err *e) MUST_CHECK;

/* numeric_math.c */
bool num_sqrt_scale(const Num *x, int scale, Arena *a, Num *out,
                    Err *e) MUST_CHECK;  /* -1: as sqrt() */
Num num_factorial(unsigned n, Arena *a); /* n <= 32177 keeps within the limits */
bool num_sqrt(const Num *x, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_exp(const Num *x, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_ln(const Num *x, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_log(const Num *base, const Num *x, Arena *a, Num *out, Err *e) MUST_CHECK;
bool num_power(const Num *x, const Num *y, Arena *a, Num *out, Err *e) MUST_CHECK;

/* PostgreSQL's wire form: base-10000 digits. */
bool num_recv(Slice bytes, Arena *a, Num *out, Err *e) MUST_CHECK;
void num_send(const Num *n, Buf *dst);

#endif
