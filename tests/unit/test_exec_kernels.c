/* Both builds of exec's kernels against loops that one can read. */
#include "base/simd.h"
#include "exec/kernels.h"
#include "tests/unit/unit.h"
#include <math.h>

enum { N_MAX = 1024 };

static const ExecKernels *tables[2];
static size_t table_count;
static uint64_t seed = 88172645463325252u;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* Lengths around the width of vectors; few values, so that equal ones are frequent, and extremes. */
static size_t fill(int64_t *i64, double *f64)
{
    static const double special[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e300, -1e300, 0.1};
    size_t n = 1 + next() % (next() % 2 ? 40 : N_MAX);
    bool wild = next() % 2;
    for (size_t i = 0; i < n; i++) {
        uint64_t r = next();
        i64[i] = wild ? (r % 7 ? (int64_t)r : r % 2 ? INT64_MIN : INT64_MAX) : (int64_t)(r % 20);
        f64[i] = wild && r % 5 == 0 ? special[r / 5 % 8] : (double)(r % 2000) / 8 - 100;
    }
    return n;
}

static bool plain(int order, bool nan_above, ExecCompare op)
{
    int o = nan_above ? 1 : order;
    switch (op) {
    case EXEC_EQ:
        return o == 0;
    case EXEC_NE:
        return o != 0;
    case EXEC_LT:
        return o < 0;
    case EXEC_LE:
        return o <= 0;
    case EXEC_GT:
        return o > 0;
    default:
        return o >= 0;
    }
}

START_TEST(filters)
{
    const ExecKernels *k = tables[_i];
    int64_t x[N_MAX];
    double f[N_MAX];
    uint8_t out[N_MAX];
    uint16_t rows[N_MAX];
    for (int round = 0; round < 500; round++) {
        size_t n = fill(x, f);
        int64_t y = x[next() % n];
        double g = f[next() % n];
        g = isnan(g) ? 3 : g;
        for (int op = EXEC_EQ; op <= EXEC_GE; op++) {
            k->compare_i64(out, x, y, n, (ExecCompare)op);
            for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(out[i], plain((x[i] > y) - (x[i] < y), false, (ExecCompare)op));
            size_t count = 0, found = k->select(rows, out, n);
            for (size_t i = 0; i < n; i++)
                if (out[i])
                    ck_assert_uint_eq(rows[count++], i);
            ck_assert_uint_eq(count, found);
            k->compare_f64(out, f, g, n, (ExecCompare)op);
            for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(out[i],
                                 plain((f[i] > g) - (f[i] < g), isnan(f[i]), (ExecCompare)op));
        }
    }
}
END_TEST

START_TEST(arithmetic)
{
    const ExecKernels *k = tables[_i];
    int64_t x[N_MAX], y[N_MAX], out[N_MAX], over;
    double f[N_MAX];
    uint64_t hashes[N_MAX], same[N_MAX];
    for (int round = 0; round < 500; round++) {
        size_t n = fill(x, f), m = fill(y, f);
        n = n < m ? n : m;
        for (int constant = 0; constant < 2; constant++) {
            bool bad = false;
            k->add_i64(out, x, constant ? NULL : y, y[0], n, &over);
            for (size_t i = 0; i < n; i++) {
                int64_t sum;
                bad |= __builtin_add_overflow(x[i], y[constant ? 0 : i], &sum);
                ck_assert_int_eq(out[i], sum);
            }
            ck_assert_int_eq(over < 0, bad);
        }
        k->hash_i64(hashes, x, n);
        tables[0]->hash_i64(same, x, n);
        ck_assert_mem_eq(hashes, same, n * sizeof *same);
    }
}
END_TEST

START_TEST(aggregates)
{
    const ExecKernels *k = tables[_i];
    int64_t x[N_MAX], min, max;
    double f[N_MAX], low, high;
    for (int round = 0; round < 500; round++) {
        size_t n = fill(x, f), nans = 0;
        __int128 sum = 0;
        int64_t least = x[0], most = x[0];
        double f_least = INFINITY, f_most = -INFINITY;
        long double total = 0;
        ExecIntSum parts;
        ExecFloatSum lanes = {{0}, {0}}, same = {{0}, {0}};
        for (size_t i = 0; i < n; i++) {
            sum += x[i];
            least = x[i] < least ? x[i] : least;
            most = x[i] > most ? x[i] : most;
            nans += isnan(f[i]) != 0;
            f_least = f[i] < f_least ? f[i] : f_least;
            f_most = f[i] > f_most ? f[i] : f_most;
            total += f[i];
        }
        k->minmax_i64(x, n, &min, &max);
        ck_assert_int_eq(min, least);
        ck_assert_int_eq(max, most);
        ck_assert_uint_eq(k->minmax_f64(f, n, &low, &high), nans);
        ck_assert(low == f_least && high == f_most);
        k->sum_i64(&parts, x, n);
        ck_assert(((__int128)parts.high * ((__int128)1 << 32)) + parts.low == sum);
        k->sum_f64(&lanes, f, n);
        tables[0]->sum_f64(&same, f, n);
        if (isfinite((double)total) && fabsl(total) < 1e290L && f_most < 1e290 &&
            f_least > -1e290) {
            long double got = 0;
            for (size_t l = 0; l < EXEC_LANES; l++)
                got += (long double)lanes.hi[l] + lanes.lo[l];
            ck_assert(fabsl(got - total) <= 1e-9L);
            ck_assert_mem_eq(&lanes, &same, sizeof same);
        }
    }
}
END_TEST

int main(void)
{
    tables[table_count++] = &exec_kernels_base;
#ifdef SKULK_KERNELS_V3
    if (simd_has_v3())
        tables[table_count++] = &exec_kernels_v3;
#endif
    TCase *tc = tcase_create("exec kernels");
    tcase_add_loop_test(tc, filters, 0, (int)table_count);
    tcase_add_loop_test(tc, arithmetic, 0, (int)table_count);
    tcase_add_loop_test(tc, aggregates, 0, (int)table_count);
    return unit_run(tc);
}
