/* exec/kernels.h - the hot leaf loops of operators: plain arrays in, plain arrays out.
 *
 * kernels.c is compiled twice (portable and x86-64-v3); exec_kernels() gives the table for this processor.
 * Both give the same bits.  Kernels never fail and never look beyond the arrays given.
 * No inline functions here: the linker could keep the AVX2 copy for everybody.
 * Threads: pure. */
#ifndef SKULK_EXEC_KERNELS_H
#define SKULK_EXEC_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef enum ExecCompare { EXEC_EQ, EXEC_NE, EXEC_LT, EXEC_LE, EXEC_GT, EXEC_GE } ExecCompare;

enum { EXEC_LANES = 4, EXEC_SUM_MAX = 1 << 30 /* rows of a sum */ };

typedef struct
    ExecFloatSum { /* row i goes to lane i % EXEC_LANES: sum and what rounding took (Neumaier) */
    double hi[EXEC_LANES], lo[EXEC_LANES];
} ExecFloatSum;

typedef struct ExecIntSum { /* the sum is high * 2^32 + low */
    int64_t high;
    uint64_t low;
} ExecIntSum;

typedef struct ExecKernels {
    const char *name;
    /* out[i] = x[i] op y, 0 or 1.  Floats: as the machine compares; y is no NaN, and an x that is
     * NaN is above it. */
    void (*compare_i64)(uint8_t *out, const int64_t *x, int64_t y, size_t n, ExecCompare op);
    void (*compare_f64)(uint8_t *out, const double *x, double y, size_t n, ExecCompare op);
    /* Numbers of the rows whose byte is 1, ascending; room for n.  Returns how many. */
    size_t (*select)(uint16_t *rows, const uint8_t *bytes, size_t n);
    /* out[i] = x[i] + add, less carries; *over < 0: one overflowed.  y = NULL: the constant. */
    void (*add_i64)(int64_t *out, const int64_t *x, const int64_t *y, int64_t constant, size_t n,
                    int64_t *over);
    void (*hash_i64)(uint64_t *hashes, const int64_t *v, size_t n);             /* of HashTable */
    void (*minmax_i64)(const int64_t *v, size_t n, int64_t *min, int64_t *max); /* n > 0 */
    /* NaN is left out and counted; none left: infinity and -infinity. */
    size_t (*minmax_f64)(const double *v, size_t n, double *min, double *max);
    void (*sum_i64)(ExecIntSum *out, const int64_t *v, size_t n); /* n <= EXEC_SUM_MAX */
    void (*sum_f64)(ExecFloatSum *sum, const double *v, size_t n);
} ExecKernels;

extern const ExecKernels exec_kernels_base, exec_kernels_v3;
const ExecKernels *exec_kernels(void); /* vector.c */

#endif
