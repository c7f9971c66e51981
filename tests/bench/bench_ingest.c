/* tests/bench/bench_ingest.c - rows on their way in: text to batch, batch to memtable, segment to
 * part, and all of it in one thread: lines to durable, sealed and encoded rows. */
#include "ingest/ingest.h"
#include "storage/memtable.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_ROWS = 10000, ENGINE_BODIES = 14 /* two segments and some */, FIELDS = 10 };

typedef struct IngestBench {
    char dir[64];
    Sched *sched; /* no threads: the caller's does it all */
    Engine *engine;
    IngContext context;
    const char *path;
    Buf body;
    size_t *time_at; /* of each line */
    WriteBatch *batch;
    Segment *segment;
    int hosts;
    int64_t time_s;
} IngestBench;

static void fail(const Err *e)
{
    fprintf(stderr, "%s\n", e->message);
    abort();
}

/* TSBS "cpu": ten tags, ten integers; BODY_ROWS lines, all hosts every 10 seconds. */
static void make_lines(IngestBench *b)
{
    static const char *const fields[FIELDS] = {
        "usage_user", "usage_system",  "usage_idle",  "usage_nice",  "usage_iowait",
        "usage_irq",  "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice"};
    buf_clear(&b->body);
    for (int i = 0; i < BODY_ROWS; i++) {
        int host = i % b->hosts;
        if (host == 0)
            b->time_s += 10;
        buf_printf(&b->body,
                   "cpu,hostname=host_%d,region=eu-west-%d,datacenter=eu-west-%dc,rack=%d,"
                   "os=Ubuntu16.04LTS,arch=x64,team=SF,service=%d,service_version=%d,"
                   "service_environment=%s ",
                   host, host % 3, host % 3, host % 97, host % 19, host % 2,
                   host % 3 ? "production" : "test");
        for (int f = 0; f < FIELDS; f++)
            buf_printf(
                &b->body, "%s%s=%di", f ? "," : "", fields[f],
                (int)(50 +
                      49 * (((unsigned)b->time_s / 10 * 7919 + (unsigned)(host * 31 + f)) % 997) /
                          997));
        b->time_at[i] = b->body.len + 1;
        buf_printf(&b->body, " %lld000000000\n", (long long)b->time_s);
    }
}

/* The same lines, but later than all before. */
static void move_on(IngestBench *b)
{
    char text[24] = "";
    for (int i = 0; i < BODY_ROWS; i++) {
        if (i % b->hosts == 0) {
            b->time_s += 10;
            snprintf(text, sizeof text, "%lld", (long long)b->time_s);
        }
        memcpy(b->body.ptr + b->time_at[i], text, 10);
    }
}

/* 500 series of 50 metrics with four samples each, as a Prometheus sends them. */
static void make_samples(IngestBench *b)
{
    enum { METRICS = 50, SERIES = 500, SAMPLES = 4 };
    buf_clear(&b->body);
    for (int s = 0; s < SERIES; s++) {
        Buf series = {0}, label = {0}, sample = {0};
        char text[4][32];
        snprintf(text[0], sizeof text[0], "node_metric_%d_total", s % METRICS);
        snprintf(text[1], sizeof text[1], "node-%05d:9100", s / METRICS);
        snprintf(text[2], sizeof text[2], "node-exporter");
        snprintf(text[3], sizeof text[3], "mode-%d", s % 7);
        static const char *const names[4] = {"__name__", "instance", "job", "mode"};
        for (int l = 0; l < 4; l++) {
            buf_clear(&label);
            buf_put_u8(&label, 0x0a);
            buf_put_str(&label, slice_cstr(names[l]));
            buf_put_u8(&label, 0x12);
            buf_put_str(&label, slice_cstr(text[l]));
            buf_put_u8(&series, 0x0a);
            buf_put_str(&series, buf_slice(&label));
        }
        for (int k = 0; k < SAMPLES; k++) {
            double v = s * 1.25 + k;
            uint64_t bits;
            memcpy(&bits, &v, sizeof bits);
            buf_clear(&sample);
            buf_put_u8(&sample, 0x09);
            buf_put_u64(&sample, bits);
            buf_put_u8(&sample, 0x10);
            buf_put_varint(&sample, (uint64_t)(b->time_s + k * 15) * 1000);
            buf_put_u8(&series, 0x12);
            buf_put_str(&series, buf_slice(&sample));
        }
        buf_put_u8(&b->body, 0x0a);
        buf_put_str(&b->body, buf_slice(&series));
        buf_free(&series);
        buf_free(&label);
        buf_free(&sample);
    }
}

static WriteBatch *parse(IngestBench *b)
{
    Err e;
    bool done = false;
    IngJob *j = ing_job_new(ing_find(slice_cstr(b->path), SLICE_NONE, &e), &b->context,
                            buf_slice(&b->body));
    while (!done)
        if (!ing_job_step(j, &done, &e))
            fail(&e);
    WriteBatch *wb = ing_job_take_batch(j);
    ing_job_free(j);
    return wb;
}

static IngestBench *open_engine(int hosts, const char *path)
{
    IngestBench *b = MEM_NEW(IngestBench);
    Err e;
    snprintf(b->dir, sizeof b->dir, "/tmp/skulk-bench.XXXXXX");
    must(mkdtemp(b->dir) != NULL);
    b->sched = sched_new(&clock_real, 0, 0, 0);
    EngineOptions o = {.dir = b->dir, .flags = ENGINE_CREATE | ENGINE_PREAD, .sched = b->sched};
    if (!engine_open(&b->engine, &o, &e))
        fail(&e);
    CatalogSnap *cat = engine_catalog(b->engine);
    ObjectId database = cat_database_at(cat, 0)->id;
    b->context = (IngContext){.engine = b->engine,
                              .database = database,
                              .schema = cat_schema(cat, database, SLICE_LIT("public"))->id,
                              .now_ns = 1};
    cat_unref(cat);
    b->hosts = hosts;
    b->time_at = mem_zero(BODY_ROWS * sizeof *b->time_at);
    b->path = path;
    b->time_s = 1767225600;
    mem_keep_freed(1);
    return b;
}

static void *open_lines(int hosts)
{
    IngestBench *b = open_engine(hosts, "/write");
    make_lines(b);
    b->batch = parse(b);
    return b;
}

static void *open_samples(int unused)
{
    (void)unused;
    IngestBench *b = open_engine(0, "/api/v1/write");
    make_samples(b);
    b->batch = parse(b);
    return b;
}

static void fill_segment(IngestBench *b)
{
    b->segment = seg_new(NULL);
    while (!seg_full(b->segment))
        seg_append(b->segment, b->batch, 0, 1);
}

static void *open_segment(int hosts)
{
    IngestBench *b = open_lines(hosts);
    fill_segment(b);
    return b;
}

static void close_engine(void *s)
{
    IngestBench *b = s;
    char command[96];
    engine_close(b->engine, false);
    sched_free(b->sched);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    must(system(command) == 0);
    wb_free(b->batch);
    seg_unref(b->segment);
    buf_free(&b->body);
    mem_free(b->time_at);
    mem_free(b);
}

static size_t parse_pass(void *s)
{
    WriteBatch *wb = parse(s);
    size_t rows = wb_rows(wb);
    wb_free(wb);
    return rows;
}

static size_t append_pass(void *s)
{
    IngestBench *b = s;
    fill_segment(b);
    size_t rows = seg_rows(b->segment);
    seg_unref(b->segment);
    b->segment = NULL;
    return rows;
}

static int64_t one_window(void *arg, TableId table, int64_t time_ns)
{
    (void)arg, (void)table, (void)time_ns;
    return 0;
}

static size_t seal_pass(void *s)
{
    IngestBench *b = s;
    Part *part;
    Err e;
    SealSpec spec = {.window_of = one_window};
    if (!seg_seal(b->segment, &part, &spec, &e))
        fail(&e);
    part_unref(part);
    return seg_rows(b->segment);
}

/* Parse, log with one sync at the end, memtable, seal, flush. */
static size_t engine_pass(void *s)
{
    IngestBench *b = s;
    size_t rows = 0;
    for (int i = 0; i < ENGINE_BODIES; i++) {
        Ticket t = {0};
        move_on(b);
        WriteBatch *wb = parse(b);
        rows += wb_rows(wb);
        engine_submit(b->engine, wb, i + 1 < ENGINE_BODIES ? SYNC_OFF : SYNC_ON, &t);
        while (!atomic_load(&t.done) || sched_step(b->sched))
            sched_step(b->sched);
        must(t.ok);
    }
    return rows;
}

const Bench bench_ingest[] = {
    {"ingest/line/100-hosts", open_lines, parse_pass, close_engine, NULL, 100},
    {"ingest/line/4000-hosts", open_lines, parse_pass, close_engine, NULL, 4000},
    {"ingest/remote-write/500-series", open_samples, parse_pass, close_engine, NULL, 0},
    {"ingest/memtable-append/100-hosts", open_lines, append_pass, close_engine, NULL, 100},
    {"ingest/memtable-append/4000-hosts", open_lines, append_pass, close_engine, NULL, 4000},
    {"ingest/seal/100-hosts", open_segment, seal_pass, close_engine, NULL, 100},
    {"ingest/seal/4000-hosts", open_segment, seal_pass, close_engine, NULL, 4000},
    {"ingest/engine/100-hosts", open_lines, engine_pass, close_engine, NULL, 100},
    {"ingest/engine/4000-hosts", open_lines, engine_pass, close_engine, NULL, 4000},
    {0},
};
