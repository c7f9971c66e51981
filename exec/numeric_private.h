/* exec/numeric_private.h - a Num taken apart for GMP: coefficient and scale.
 * Threads: a NumVar belongs to the function that holds it; free it with numvar_free. */
#ifndef SKULK_EXEC_NUMERIC_PRIVATE_H
#define SKULK_EXEC_NUMERIC_PRIVATE_H

#include "exec/numeric.h"
#include <gmp.h>

typedef struct NumVar { /* z / 10^scale; finite only */
    mpz_t z;
    int scale;
} NumVar;

void numvar_init(NumVar *v, const Num *n);
void numvar_free(NumVar *v);
Num numvar_num(const NumVar *v, Arena *a);
/* As numvar_num, with the limits checked: 22003 value overflows numeric format. */
bool numvar_finish(const NumVar *v, Arena *a, Num *out, Err *e) MUST_CHECK;
void mpz_pow10(mpz_t z, unsigned long exponent);
/* v to another scale, rounding as told when digits are lost. */
void numvar_rescale(NumVar *v, int scale, NumRound how);
/* z / d rounded (d > 0). */
void mpz_div_round(mpz_t z, const mpz_t d, NumRound how);
/* Position of the leading digit: 0 for 1..9, -1 for 0.1; and PostgreSQL's base-10000 weight and first digit. */
int mpz_decimal_exponent(const mpz_t z, int scale);
void numvar_weight(const NumVar *v, int *weight, int *first_digit);
double numvar_to_f64(const NumVar *v); /* overflows to infinity, no error */

#endif
