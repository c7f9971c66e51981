/* Runs the benchmarks whose names contain one of the arguments (all without arguments) and
 * prints tab-separated lines: name, ns a value, million values a second, bytes a value.
 * Options: -l lists the names, -t MS spends that long on each (default 100). */
#include "tests/bench/bench.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Bench *const bench_groups[] = {bench_codec, bench_index, bench_ingest, bench_log,
                                            bench_query};

static bool wanted(const char *name, char **words, int count)
{
    for (int i = 0; i < count; i++)
        if (strstr(name, words[i]))
            return true;
    return count == 0;
}

static void run(const Bench *b, int64_t limit_ns)
{
    enum { PASSES_MIN = 5 };
    void *state = b->open(b->arg);
    double best = 1e300;
    int64_t start = clock_real.mono_ns(&clock_real), now = start;
    for (int i = 0; i < PASSES_MIN || now - start < limit_ns; i++) {
        int64_t before = clock_real.mono_ns(&clock_real);
        size_t values = b->pass(state);
        now = clock_real.mono_ns(&clock_real);
        double ns = (double)(now - before) / (double)(values ? values : 1);
        best = ns < best ? ns : best;
    }
    printf("%s\t%.3f\t%.1f\t", b->name, best, 1e3 / best);
    if (b->bytes)
        printf("%.3f", b->bytes(state));
    printf("\n");
    fflush(stdout);
    b->close(state);
}

int main(int argc, char **argv)
{
    bool list = false;
    int64_t limit_ms = 100;
    for (int c; (c = getopt(argc, argv, "lt:")) != -1;) {
        if (c == 'l') {
            list = true;
        } else if (c == 't') {
            limit_ms = atoll(optarg);
        } else {
            fprintf(stderr, "usage: %s [-l] [-t ms] [part of a name ...]\n", argv[0]);
            return 2;
        }
    }
    printf("# name\tns/value\tM values/s\tbytes/value\n");
    for (size_t g = 0; g < ARRAY_LEN(bench_groups); g++)
        for (const Bench *b = bench_groups[g]; b->name; b++) {
            if (!wanted(b->name, argv + optind, argc - optind))
                continue;
            if (list)
                printf("%s\n", b->name);
            else
                run(b, limit_ms * NS_PER_MS);
        }
    return 0;
}
