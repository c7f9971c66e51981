/* The series index: 1 M and 10 M series with 8 tags, as a scrape of hosts by job, zone, service,
 * cpu and mode makes them.  The index of a size is made once and kept for the rows behind it. */
#include "storage/index.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOB = 1, INSTANCE, REGION, ZONE, OS, SERVICE, CPU, MODE, TAGS = MODE };
enum { TABLE = 16384, TABLES = 4, CPUS = 4, MODES = 8, HOST_SERIES = TABLES * CPUS * MODES };
enum { LOOKUPS = 1 << 16, M = 1000 * 1000, IN_VALUES = 100, GROUP = 16 };

typedef struct Made { /* the tags of one series */
    TableId table;
    Tag tags[TAGS];
    char text[TAGS][40], raw[TAGS * 40];
    size_t raw_len;
} Made;

static void make(Made *m, size_t s)
{
    static const char *const names[TAGS] = {"job-%zu",    "host-%zu.example.net:9100",
                                            "region-%zu", "zone-%zu",
                                            "os-%zu",     "service-%zu",
                                            "%zu",        "mode%zu"};
    size_t host = s / HOST_SERIES;
    const size_t v[TAGS] = {host % 20, host,      host % 10,        host % 30,
                            host % 3,  host % 50, s / MODES % CPUS, s % MODES};
    m->table = (TableId)(TABLE + s / MODES / CPUS % TABLES);
    m->raw_len = 0;
    for (size_t i = 0; i < TAGS; i++) {
        int len = snprintf(m->text[i], sizeof m->text[i], names[i], v[i]);
        m->tags[i] = (Tag){(ColumnId)(i + 1), {m->text[i], (size_t)len}};
        memcpy(m->raw + m->raw_len, m->text[i], (size_t)len);
        m->raw_len += (size_t)len;
    }
}

typedef struct State {
    SeriesIndex *idx;
    size_t series;
    Hash128 *raw; /* LOOKUPS of them, random */
    Buf snapshot;
    size_t memory;
} State;

static State shared;

static void add_series(SeriesIndex *idx, const Made *m)
{
    Hash128 raw = idx_raw_hash(idx, m->table, (Slice){m->raw, m->raw_len});
    SeriesId id;
    bool made;
    Err e;
    if (!idx_intern(idx, m->table, m->tags, TAGS, &raw, &id, &made, &e))
        abort();
}

static void *open_index(int series)
{
    State *s = &shared;
    if (s->series == (size_t)series)
        return s;
    idx_free(s->idx);
    mem_free(s->raw);
    buf_free(&s->snapshot);
    *s = (State){.series = (size_t)series, .idx = idx_new(0, 1)};
    s->raw = mem_alloc(LOOKUPS * sizeof *s->raw);
    Made m;
    for (size_t i = 0; i < s->series; i++) {
        make(&m, i);
        add_series(s->idx, &m);
    }
    uint64_t x = 1;
    for (size_t i = 0; i < LOOKUPS; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        make(&m, (x >> 20) % s->series);
        s->raw[i] = idx_raw_hash(s->idx, m.table, (Slice){m.raw, m.raw_len});
    }
    s->memory = idx_memory(s->idx);
    return s;
}

static void keep(void *state)
{
    (void)state;
}

static double memory_bytes(const void *state)
{
    const State *s = state;
    return (double)s->memory / (double)s->series;
}

static size_t pass_lookup(void *state)
{
    State *s = state;
    SeriesId ids[GROUP];
    for (size_t i = 0; i < LOOKUPS; i += GROUP)
        idx_find_raw(s->idx, s->raw + i, ids, GROUP);
    return LOOKUPS;
}

/* ---- insert: texts are made before ---- */

enum { INSERTS = 50000 };
typedef struct Inserts {
    Made *made;
} Inserts;

static void *open_insert(int n)
{
    Inserts *s = MEM_NEW(Inserts);
    s->made = mem_alloc((size_t)n * sizeof *s->made);
    for (int i = 0; i < n; i++) {
        make(&s->made[i], (size_t)i);
        for (size_t t = 0; t < TAGS; t++)
            s->made[i].tags[t].value.ptr = s->made[i].text[t];
    }
    return s;
}

static size_t pass_insert(void *state)
{
    Inserts *s = state;
    SeriesIndex *idx = idx_new(0, 1);
    for (size_t i = 0; i < INSERTS; i++)
        add_series(idx, &s->made[i]);
    idx_free(idx);
    return INSERTS;
}

static void close_insert(void *state)
{
    Inserts *s = state;
    mem_free(s->made);
    mem_free(s);
}

/* ---- selection: ns a value is ns a query ---- */

static size_t run_select(void *state, const TagMatch *m, size_t n)
{
    set_unref(idx_select(((State *)state)->idx, TABLE, m, n));
    return 1;
}

static size_t pass_job_mode(void *state)
{
    TagMatch m[] = {{.column = JOB, .kind = TAG_EQ, .value = SLICE_LIT("job-3")},
                    {.column = MODE, .kind = TAG_EQ, .value = SLICE_LIT("mode2")}};
    return run_select(state, m, 2);
}

static size_t pass_cpu_mode(void *state)
{
    TagMatch m[] = {{.column = CPU, .kind = TAG_EQ, .value = SLICE_LIT("1")},
                    {.column = MODE, .kind = TAG_EQ, .value = SLICE_LIT("mode2")}};
    return run_select(state, m, 2);
}

static size_t pass_in(void *state)
{
    State *s = state;
    char text[IN_VALUES][40];
    Slice values[IN_VALUES];
    for (size_t i = 0; i < IN_VALUES; i++) {
        size_t host = i * (s->series / HOST_SERIES) / IN_VALUES;
        values[i].len =
            (size_t)snprintf(text[i], sizeof text[i], "host-%zu.example.net:9100", host);
        values[i].ptr = text[i];
    }
    TagMatch m = {.column = INSTANCE, .kind = TAG_IN, .values = values, .value_count = IN_VALUES};
    return run_select(s, &m, 1);
}

static size_t pass_not(void *state)
{
    TagMatch m = {.column = MODE, .kind = TAG_NE, .value = SLICE_LIT("mode2")};
    return run_select(state, &m, 1);
}

/* ---- on disk ---- */

static size_t pass_snapshot(void *state)
{
    State *s = state;
    SeriesWriter *w = series_writer_new(s->idx, false);
    buf_clear(&s->snapshot);
    while (series_writer_next(w, &s->snapshot))
        ;
    series_writer_free(w, false);
    return s->series;
}

static double snapshot_bytes(const void *state)
{
    const State *s = state;
    return (double)s->snapshot.len / (double)s->series;
}

static void *open_load(int series)
{
    State *s = open_index(series);
    if (!s->snapshot.len)
        pass_snapshot(s);
    return s;
}

static size_t pass_load(void *state)
{
    State *s = state;
    SeriesIndex *idx = idx_new(0, 2);
    SeriesReader *r = series_reader_new(idx, s->snapshot.len);
    bool last = false;
    Err e;
    for (uint64_t at = 0, size; !last; at += size) {
        Slice left = {s->snapshot.ptr + at, s->snapshot.len - at};
        if (!series_frame_size(left, left.len, &size, &e) ||
            !series_reader_take(r, (Slice){left.ptr, size}, &last, &e))
            abort();
    }
    series_reader_free(r);
    idx_free(idx);
    return s->series;
}

static size_t pass_decode(void *state)
{
    State *s = state;
    SeriesIndex *idx = idx_new(0, 2);
    Buf bytes = {0};
    Err e;
    idx_encode(s->idx, s->series - M / 10, &bytes);
    if (!idx_decode(idx, buf_slice(&bytes), &e))
        abort();
    idx_free(idx);
    buf_free(&bytes);
    return M / 10;
}

#define ROWS(size, n)                                                                              \
    {"index/" size "/lookup, groups of 16, bytes of memory",                                       \
     open_index,                                                                                   \
     pass_lookup,                                                                                  \
     keep,                                                                                         \
     memory_bytes,                                                                                 \
     n},                                                                                           \
        {"index/" size "/select job= mode= (a query)", open_index, pass_job_mode, keep, NULL, n},  \
        {"index/" size "/select cpu= mode= (a query)", open_index, pass_cpu_mode, keep, NULL, n},  \
        {"index/" size "/select 100 instances (a query)", open_index, pass_in, keep, NULL, n},     \
        {"index/" size "/select mode!= (a query)", open_index, pass_not, keep, NULL, n},           \
        {"index/" size "/increment, encode and decode", open_index, pass_decode, keep, NULL, n},   \
        {"index/" size "/snapshot, write", open_index, pass_snapshot, keep, snapshot_bytes, n},    \
    {                                                                                              \
        "index/" size "/snapshot, load", open_load, pass_load, keep, snapshot_bytes, n             \
    }

const Bench bench_index[] = {
    {"index/50k/insert", open_insert, pass_insert, close_insert, NULL, INSERTS},
    ROWS("1M", M),
    ROWS("10M", 10 * M),
    {0},
};
