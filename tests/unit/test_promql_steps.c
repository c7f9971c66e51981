/* tests/unit/test_promql_steps.c - kernels over whole series against the functions of one window, in both builds. */
#include "tests/unit/unit.h"

#include "base/simd.h"
#include "promql/eval_private.h"
#include "promql/grid_kernels.h"
#include "promql/kernels.h"

enum { SAMPLES = 700, STEPS = 301, TRIES = 120 };

static uint64_t seed = 1;

static unsigned any_below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static const GridKernels *kernels_of(int i)
{
#ifdef SKULK_KERNELS_V3
    return i == 0 ? &grid_base : simd_has_v3() ? &grid_v3 : NULL;
#else
    return i == 0 ? &grid_base : NULL;
#endif
}

static double odd_value(int kind, double before)
{
    switch (any_below(kind ? 40 : 400)) {
    case 0:
        return NAN;
    case 1:
        return INFINITY;
    case 2:
        return (double)any_below(3);
    case 3:
        return -(double)any_below(100);
    case 4:
        return before;
    default:
        return before + (double)any_below(1000) / 8;
    }
}

static size_t fill(int64_t *t, double *v, int kind)
{
    size_t n = any_below(SAMPLES);
    int64_t at = any_below(100000);
    double before = any_below(50);
    for (size_t i = 0; i < n; i++) {
        at += kind == 1 ? 15000 : 1 + any_below(kind ? 30000 : 20000);
        t[i] = at;
        v[i] = before = odd_value(kind, isfinite(before) ? before : 1);
    }
    return n;
}

typedef bool (*OneWindow)(const PqlWindow *w, double *out);

static void compare(const PqlSteps *s, OneWindow one, bool some)
{
    unsigned notes = 0;
    PqlMemo memo = {0};
    bool any = false;
    for (size_t i = 0; i < s->steps; i++) {
        int64_t end = s->end_ms + (int64_t)i * s->step_ms;
        size_t lo = 0, hi = 0;
        double want = pql_absent();
        while (hi < s->count && s->t_ms[hi] <= end)
            hi++;
        while (lo < hi && s->t_ms[lo] <= end - s->range_ms)
            lo++;
        PqlWindow w = {.t_ms = s->t_ms + lo,
                       .v = s->v + lo,
                       .count = hi - lo,
                       .first = lo,
                       .notes = &notes,
                       .memo = &memo,
                       .params = s->param ? s->param + i : NULL,
                       .now_ms = end + s->offset_ms,
                       .begin_ms = end - s->range_ms,
                       .end_ms = end,
                       .range_s = (double)s->range_ms / 1000};
        if (hi > lo && one(&w, &want))
            any = true;
        if (isnan(want) && !pql_missing(want)) /* of NaNs the sign may differ */
            ck_assert(isnan(s->out[i]) && !pql_missing(s->out[i]));
        else
            ck_assert_mem_eq(&want, &s->out[i], sizeof want);
    }
    ck_assert(some == any);
}

START_TEST(windows)
{
    static int64_t t[SAMPLES];
    static double v[SAMPLES], room[SAMPLES], out[STEPS], param[STEPS];
    for (size_t i = 0; i < STEPS; i++)
        param[i] = (double)i * 10;
    for (int i = 0; i < TRIES; i++) {
        size_t n = fill(t, v, i % 3);
        PqlSteps s = {.t_ms = t,
                      .v = v,
                      .count = n,
                      .end_ms = (int64_t)any_below(200000) - 50000,
                      .step_ms = 1 + any_below(60000),
                      .steps = 1 + any_below(STEPS),
                      .range_ms = 1 + any_below(i % 2 ? 900000 : 40000),
                      .room = room,
                      .out = out};
        if (i % 3 == 1 && i % 2) { /* windows that lie alike on regular samples */
            s.step_ms = 15000 * (1 + any_below(4));
            s.range_ms = 15000 * (1 + any_below(20)) + (any_below(2) ? any_below(15000) : 0);
            s.end_ms += n && any_below(2) ? floor_div(t[0] - s.end_ms, 15000) * 15000 : 0;
        }
        if (i % 4 == 3) { /* many samples in each, none in two */
            s.range_ms = 1000000 + any_below(2000000);
            s.step_ms = s.range_ms + (any_below(2) ? any_below(100000) : 0);
        }
        compare(&s, fw_rate, fg_rate(&s));
        compare(&s, fw_increase, fg_increase(&s));
        compare(&s, fw_delta, fg_delta(&s));
        compare(&s, fw_sum, fg_sum(&s));
        compare(&s, fw_avg, fg_avg(&s));
        compare(&s, fw_min, fg_min(&s));
        compare(&s, fw_max, fg_max(&s));
        compare(&s, fw_stddev, fg_stddev(&s));
        compare(&s, fw_stdvar, fg_stdvar(&s));
        compare(&s, fw_deriv, fg_deriv(&s));
        s.param = param;
        s.offset_ms = any_below(100000);
        compare(&s, fw_predict, fg_predict(&s));
    }
}
END_TEST

/* A quantile of values in any order is that of the sorted ones. */
START_TEST(quantiles)
{
    static double v[SAMPLES], moved[SAMPLES], sorted[SAMPLES];
    static const double qs[] = {0, 0.01, 0.3, 0.5, 0.9, 0.99, 1, -1, 2, NAN};
    for (int i = 0; i < TRIES; i++) {
        size_t n = 1 + any_below(i % 2 ? 5 : SAMPLES - 1);
        for (size_t k = 0; k < n; k++)
            v[k] = i % 3 ? odd_value(i % 3 == 1, (double)any_below(20)) : (double)k;
        memcpy(sorted, v, n * sizeof *v);
        pql_sort_doubles(sorted, n);
        for (size_t k = 0; k < sizeof qs / sizeof *qs; k++) {
            double got, want = pql_quantile(qs[k], sorted, n);
            PqlWindow w = {.v = v, .count = n, .sorted = moved, .params = &qs[k]};
            ck_assert(fw_quantile(&w, &got));
            ck_assert(got == want || (isnan(got) && isnan(want)));
        }
    }
}
END_TEST

static void check_sum(const GridKernels *k, double *v, size_t n)
{
    static double sum[SAMPLES], extra[SAMPLES], want[SAMPLES], more[SAMPLES];
    double none = pql_absent();
    for (size_t j = 0; j < n; j++) {
        double s = any_below(4) ? (double)any_below(9) * 1e15 : v[j];
        memcpy(&sum[j], any_below(5) ? &s : &none, sizeof s);
        extra[j] = more[j] = any_below(2);
        if (any_below(5) == 0)
            memcpy(&v[j], &none, sizeof none);
        memcpy(&want[j], pql_missing(sum[j]) ? &v[j] : &sum[j], sizeof *v);
        if (!pql_missing(sum[j]) && !pql_missing(v[j]))
            kahan_add(v[j], &want[j], &more[j]);
        ck_assert(k->any_missing(&v[j], 1) == pql_missing(v[j]));
    }
    k->sum(sum, extra, v, n);
    for (size_t j = 0; j < n; j++) {
        ck_assert(memcmp(&want[j], &sum[j], sizeof *want) == 0 ||
                  (isnan(want[j]) && isnan(sum[j])));
        ck_assert(more[j] == extra[j] || (isnan(more[j]) && isnan(extra[j])));
    }
}

START_TEST(kernels) /* _i: which build */
{
    const GridKernels *k = kernels_of(_i);
    static int64_t ns[SAMPLES], ms[SAMPLES];
    static double v[SAMPLES];
    static uint32_t drops[SAMPLES];
    for (int i = 0; k && i < TRIES; i++) {
        size_t n = fill(ns, v, i % 3), found = 0, same = 0;
        for (size_t j = 0; j < n; j++) /* before 1970, too, and two of one millisecond */
            ns[j] = (ns[j] - (i % 4 ? 0 : 10000000)) * (i % 5 ? 1000000 : 100);
        bool equal = k->to_ms(ms, ns, n);
        for (size_t j = 0; j < n; j++) {
            ck_assert_int_eq(ms[j], floor_div(ns[j], 1000000));
            same += j && ms[j] == ms[j - 1];
        }
        ck_assert(equal == (same > 0));
        size_t count = k->drops(drops, v, n);
        for (size_t j = 1; j < n; j++)
            if (v[j] < v[j - 1])
                ck_assert_uint_eq(drops[found++], j);
        ck_assert_uint_eq(count, found);
        bool even = true;
        for (size_t j = 1; j < n; j++)
            even &= ns[j] - ns[j - 1] == ns[1] - ns[0];
        ck_assert(n < 2 || k->regular(ns, n, (uint64_t)(ns[1] - ns[0])) == even);
        ck_assert(!k->any_missing(v, n));
        check_sum(k, v, n);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("steps");
    tcase_add_test(tc, quantiles);
    tcase_add_test(tc, windows);
    tcase_add_loop_test(tc, kernels, 0, 2);
    return unit_run(tc);
}
