/* tests/bench/bench.h - micro-benchmarks: one row of a table each, selected by name.
 *
 * To add one: write a row into the table of your bench_<area>.c (or a new file, named in
 * bench_groups[] of bench.c and in local.mk).  What a pass does is up to the row; it says how
 * many values (rows, samples) it handled.  The fastest pass of many counts: noise only adds. */
#ifndef SKULK_TESTS_BENCH_H
#define SKULK_TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct Bench {
    const char *name;        /* "area/what/data" */
    void *(*open)(int arg);  /* everything that is not timed */
    size_t (*pass)(void *s); /* timed; returns the values handled */
    void (*close)(void *s);
    double (*bytes)(const void *s); /* bytes a value of what was written; NULL: no such figure */
    int arg;
} Bench;

extern const Bench bench_codec[], bench_ingest[], bench_query[]; /* each ends with name = NULL */
extern const Bench bench_index[], bench_log[];

#endif
