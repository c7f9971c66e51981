/* Codecs: encoding at each effort, decoding, statistics, filters over generated columns.
 * The generators follow the shapes for which docs/performance.md states goals. */
#include "storage/codec_private.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>

enum { N = CODEC_VALUES_MAX, CHUNKS = 64, ROWS = N * CHUNKS, HOUR_ROWS = 360 };

static uint64_t seed;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}
static double uniform(void)
{
    return ((double)(rnd() & 0xffffffffffff) + 0.5) / 281474976710656.0;
}
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}
static int64_t poisson(double mean)
{
    double limit = exp(-mean), p = uniform();
    int64_t k = 0;
    for (; p > limit; k++)
        p *= uniform();
    return k;
}

/* ---- columns: `state` is what the generator remembers, from 0 ---- */
static double clamped_walk(double *state)
{
    *state += normal() + (*state == 0 ? 50 : 0);
    *state = *state < 0 ? 1e-9 : *state > 100 ? 100 : *state;
    return *state;
}
static double g_walk_int(size_t i, double *state)
{
    return (void)i, floor(clamped_walk(state));
}
static double g_walk_2(size_t i, double *state)
{
    return (void)i, round(clamped_walk(state) * 100) / 100;
}
static double g_walk_full(size_t i, double *state)
{
    return (void)i, clamped_walk(state);
}
static double g_counter(size_t i, double *state)
{
    return *state = i % 5000 == 4999 ? 0 : *state + (double)poisson(40);
}
static double g_cpu_seconds(size_t i, double *state)
{
    return (void)i, round((*state += fabs(8 + 0.41 * normal())) * 100) / 100;
}
static double g_rare(size_t i, double *state)
{
    return *state = i == 0 || rnd() % 300 == 0 ? (double)(rnd() % 64) : *state;
}
static double g_pages(size_t i, double *state)
{
    *state += i == 0 ? 1e6 : round(21 * normal());
    return *state * 4096;
}
static double g_bucket(size_t i, double *state)
{
    return (void)i, *state += (double)poisson(0.25);
}
static double g_temperature(size_t i, double *state)
{
    *state += i == 0 ? 21 : 0.04 * normal();
    return round(*state * 10) / 10;
}
static double g_latency(size_t i, double *state)
{
    return (void)i, (void)state, round(exp(normal() * 0.7) * 900) / 1000;
}
static double g_regular(size_t i, double *state)
{
    return (void)state, 1.7e15 + (double)i * 1e7; /* us */
}
static double g_grid_3ms(size_t i, double *state)
{
    return g_regular(i, state) + ((double)(rnd() % 7) - 3) * 1e3;
}
static double g_grid_500ms(size_t i, double *state)
{
    return g_regular(i, state) + ((double)(rnd() % 1001) - 500) * 1e3;
}
static double g_drift(size_t i, double *state)
{
    *state += i ? 1e7 + round(normal()) * 1e3 : 1.7e15;
    return *state;
}
static double g_events(size_t i, double *state)
{
    *state += i ? round(-log(uniform()) * 1e6) : 1.7e15;
    return *state;
}
static double g_gaps(size_t i, double *state)
{
    *state += i ? (rnd() % 100 ? 1e7 : 7e7) : 1.7e15;
    return *state;
}

static const struct {
    CodecKind kind;
    double (*at)(size_t i, double *state);
} columns[] = {
#define DATA(id, kind, at) {kind, at},
#define ALL_DATA                                                                                   \
    DATA(tsbs_int, CODEC_INT, g_walk_int)                                                          \
    DATA(tsbs_int_f64, CODEC_FLOAT, g_walk_int)                                                    \
    DATA(tsbs_2_decimals, CODEC_FLOAT, g_walk_2)                                                   \
    DATA(full_mantissa, CODEC_FLOAT, g_walk_full)                                                  \
    DATA(counter, CODEC_INT, g_counter)                                                            \
    DATA(counter_f64, CODEC_FLOAT, g_counter)                                                      \
    DATA(cpu_seconds, CODEC_FLOAT, g_cpu_seconds)                                                  \
    DATA(rare_change, CODEC_FLOAT, g_rare)                                                         \
    DATA(pages, CODEC_FLOAT, g_pages)                                                              \
    DATA(bucket, CODEC_FLOAT, g_bucket)                                                            \
    DATA(temperature, CODEC_FLOAT, g_temperature)                                                  \
    DATA(latency, CODEC_FLOAT, g_latency)                                                          \
    DATA(time_regular, CODEC_TIME, g_regular)                                                      \
    DATA(time_3ms, CODEC_TIME, g_grid_3ms)                                                         \
    DATA(time_500ms, CODEC_TIME, g_grid_500ms)                                                     \
    DATA(time_drift, CODEC_TIME, g_drift)                                                          \
    DATA(time_events, CODEC_TIME, g_events)                                                        \
    DATA(time_gaps, CODEC_TIME, g_gaps)
    ALL_DATA
#undef DATA
};
enum {
#define DATA(id, kind, at) D_##id,
    ALL_DATA
#undef DATA
};

typedef struct CodecRun {
    CodecKind kind;
    CodecEffort effort;
    Buf out;
    uint8_t id[CHUNKS];
    size_t at[CHUNKS + 1]; /* in out */
    Arena arena;
    union {
        int64_t i[ROWS];
        double f[ROWS];
    } v;
    int64_t back[N];
} CodecRun;

static size_t encode_pass(void *state)
{
    CodecRun *r = state;
    CodecHint hint = {0};
    buf_clear(&r->out);
    for (size_t c = 0; c < CHUNKS; c++) {
        ChunkMeta m;
        r->at[c] = r->out.len;
        codec_encode_chunk(&r->out, r->kind, r->v.i + c * N, N, &hint, r->effort, &m);
        r->id[c] = m.codec;
    }
    r->at[CHUNKS] = r->out.len;
    return ROWS;
}

static void *open_run(int data, CodecEffort effort)
{
    CodecRun *r = MEM_NEW(CodecRun);
    r->kind = columns[data].kind;
    r->effort = effort;
    arena_init(&r->arena, NULL);
    buf_init(&r->out);
    double remembered = 0;
    seed = 88172645463325252u + (unsigned)data;
    for (size_t i = 0; i < ROWS; i++) {
        double v = columns[data].at(i, &remembered);
        if (r->kind == CODEC_FLOAT)
            r->v.f[i] = v;
        else
            r->v.i[i] = (int64_t)v * (r->kind == CODEC_TIME ? 1000 : 1);
    }
    encode_pass(r);
    buf_reserve(&r->out, CODEC_SLACK);
    return r;
}
static void *open_flush(int data)
{
    return open_run(data, EFFORT_FLUSH);
}
static void *open_final(int data)
{
    return open_run(data, EFFORT_FINAL);
}
static void *open_dense(int data)
{
    return open_run(data, EFFORT_DENSE);
}

static void close_run(void *state)
{
    CodecRun *r = state;
    buf_free(&r->out);
    arena_free(&r->arena);
    mem_free(r);
}

static double bytes_of(const void *state)
{
    return (double)((const CodecRun *)state)->at[CHUNKS] / ROWS;
}

static CodecChunk chunk_of(const CodecRun *r, size_t c)
{
    return (CodecChunk){.id = r->id[c],
                        .type = r->kind == CODEC_FLOAT ? PHYS_F64 : PHYS_I64,
                        .n = N,
                        .src = {r->out.ptr + r->at[c], r->at[c + 1] - r->at[c]}};
}

static size_t decode_pass(void *state)
{
    CodecRun *r = state;
    Err e;
    for (size_t c = 0; c < CHUNKS; c++) {
        CodecChunk chunk = chunk_of(r, c);
        must(codec_find(chunk.id)->decode(r->back, N, chunk.src, &r->arena, &e));
    }
    return ROWS;
}

static size_t stats_pass(void *state)
{
    CodecRun *r = state;
    ChunkStats st;
    Err e;
    for (size_t c = 0; c < CHUNKS; c++) {
        CodecChunk chunk = chunk_of(r, c);
        must(codec_stats(&st, &chunk, 0, N, &r->arena, &e));
    }
    return ROWS;
}

/* An hour each: three or four pieces a chunk. */
static size_t pieces_pass(CodecRun *r, bool sums_only)
{
    ChunkStats st[N / HOUR_ROWS + 2];
    Err e;
    for (size_t c = 0; c < CHUNKS; c++) {
        CodecChunk chunk = chunk_of(r, c);
        uint32_t cuts[N / HOUR_ROWS + 1], count = 0;
        for (size_t at = (c * N / HOUR_ROWS + 1) * HOUR_ROWS - c * N; at < N; at += HOUR_ROWS)
            cuts[count++] = (uint32_t)at;
        must(
            codec_stats_cuts(st, &chunk, &(RowCuts){cuts, count, sums_only, false}, &r->arena, &e));
    }
    return ROWS;
}

static size_t hours_pass(void *state)
{
    return pieces_pass(state, false);
}

static size_t sums_pass(void *state)
{
    return pieces_pass(state, true);
}

static size_t filter_pass(void *state)
{
    CodecRun *r = state;
    uint64_t bits[BITMAP_WORDS(N)];
    size_t passed;
    CodecFilter f = {.op = CODEC_GT, .u.i = r->v.i[ROWS / 2]};
    Err e;
    for (size_t c = 0; c < CHUNKS; c++) {
        CodecChunk chunk = chunk_of(r, c);
        must(codec_filter(bits, &passed, &chunk, &f, &r->arena, &e));
    }
    return ROWS;
}

#define ROW(what, data, open, pass, bytes)                                                         \
    {                                                                                              \
        "codec/" what "/" #data, open, pass, close_run, bytes, D_##data                            \
    }
const Bench bench_codec[] = {
#define DATA(id, kind, at) ROW("flush", id, open_flush, encode_pass, bytes_of),
    ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("final", id, open_final, encode_pass, bytes_of),
        ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("decode", id, open_flush, decode_pass, bytes_of),
            ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("dense", id, open_dense, decode_pass, bytes_of),
                ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("stats", id, open_flush, stats_pass, NULL),
                    ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("hours", id, open_flush, hours_pass, NULL),
                        ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("sums", id, open_flush, sums_pass, NULL),
                            ALL_DATA
#undef DATA
#define DATA(id, kind, at) ROW("filter", id, open_flush, filter_pass, NULL),
                                ALL_DATA
#undef DATA
    {0},
};
