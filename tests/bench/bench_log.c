/* Rows in the log: to bytes and back, and a start after a crash (rows with ten integers, or ten
 * floats with two decimals, of 100 hosts, as TSBS has them). */
#include "bench.h"

#include "storage/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOSTS = 100, FIELDS = 10, BATCH = 5000, BATCHES = 8, RECOVER_ROWS = 2000000 };
#define STEP_NS (10 * NS_PER_S)

typedef struct Source {
    int walk[HOSTS][FIELDS]; /* hundredths, 0 to 10,000 */
    uint64_t random;
    int host;
    int64_t time;
    SeriesId series[HOSTS];
} Source;

static int step(Source *s)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)(s->random >> 40) % 201 - 100;
}

static WriteBatch *fill(Source *s, size_t rows, bool decimals)
{
    WriteBatch *wb = wb_new();
    for (size_t i = 0; i < rows; i++) {
        wb_row(wb, 7, s->series[s->host], s->time);
        for (int f = 0; f < FIELDS; f++) {
            int v = s->walk[s->host][f] + step(s);
            v = s->walk[s->host][f] = v < 0 ? 0 : v > 10000 ? 10000 : v;
            if (decimals)
                wb_f64(wb, (ColumnId)(f + 1), v / 100.0);
            else
                wb_i64(wb, (ColumnId)(f + 1), v / 100);
        }
        wb_row_end(wb);
        s->host = (s->host + 1) % HOSTS;
        s->time += s->host ? 0 : STEP_NS;
    }
    return wb;
}

static void source_init(Source *s)
{
    s->random = 1;
    s->time = INT64_C(1700000000) * NS_PER_S;
    for (int h = 0; h < HOSTS; h++) {
        s->series[h] = (SeriesId)h + 1;
        for (int f = 0; f < FIELDS; f++)
            s->walk[h][f] = 5000;
    }
}

/* ---- encode, decode ---- */

typedef struct Payloads {
    Source source;
    WriteBatch *rows[BATCHES], *read;
    Buf bytes[BATCHES];
} Payloads;

static size_t encode_pass(void *arg)
{
    Payloads *p = arg;
    for (int i = 0; i < BATCHES; i++) {
        buf_clear(&p->bytes[i]);
        wb_encode(&p->bytes[i], p->rows[i]);
    }
    return BATCHES * BATCH;
}

static size_t decode_pass(void *arg)
{
    Payloads *p = arg;
    Err e;
    for (int i = 0; i < BATCHES; i++) {
        wb_clear(p->read);
        must(wb_decode(p->read, buf_slice(&p->bytes[i]), &e));
    }
    return BATCHES * BATCH;
}

static void *open_payloads(int decimals)
{
    Payloads *p = MEM_NEW(Payloads);
    source_init(&p->source);
    p->read = wb_new();
    for (int i = 0; i < BATCHES; i++)
        p->rows[i] = fill(&p->source, BATCH, decimals);
    encode_pass(p);
    return p;
}

static void close_payloads(void *arg)
{
    Payloads *p = arg;
    for (int i = 0; i < BATCHES; i++) {
        wb_free(p->rows[i]);
        buf_free(&p->bytes[i]);
    }
    wb_free(p->read);
    mem_free(p);
}

static double payload_bytes(const void *arg)
{
    const Payloads *p = arg;
    size_t bytes = 0;
    for (int i = 0; i < BATCHES; i++)
        bytes += p->bytes[i].len;
    return (double)bytes / (BATCHES * BATCH);
}

/* ---- recovery ---- */

typedef struct Recovery {
    char dir[64];
    EngineOptions o;
    Source source;
} Recovery;

static Engine *open_engine(const EngineOptions *o)
{
    Engine *eng;
    Err e;
    if (engine_open(&eng, o, &e))
        return eng;
    fprintf(stderr, "%s\n", e.message);
    exit(1);
}

static void *open_recovery(int arg)
{
    Recovery *r = MEM_NEW(Recovery);
    Err e;
    (void)arg;
    snprintf(r->dir, sizeof r->dir, "/tmp/skulk-bench-XXXXXX");
    must(mkdtemp(r->dir) != NULL);
    r->o = (EngineOptions){
        .dir = r->dir, .flags = ENGINE_CREATE, .sched = sched_new(&clock_real, 1, 3, 0)};
    Engine *eng = open_engine(&r->o);
    source_init(&r->source);
    for (int h = 0; h < HOSTS; h++) {
        char name[16];
        Tag tag = {60, {name, (size_t)snprintf(name, sizeof name, "host_%d", h)}};
        bool made;
        must(idx_intern(engine_index(eng), 7, &tag, 1, NULL, &r->source.series[h], &made, &e));
    }
    for (int i = 0; i < RECOVER_ROWS / BATCH; i++) {
        Ticket t = {0};
        engine_submit(eng, fill(&r->source, BATCH, false), SYNC_OFF, &t);
        sched_run_until(r->o.sched, &t.done);
        must(t.ok);
    }
    engine_close(eng, false); /* the log has it all: it is less than a memtable */
    return r;
}

static size_t recovery_pass(void *arg)
{
    Recovery *r = arg;
    engine_close(open_engine(&r->o), false);
    return RECOVER_ROWS;
}

static void close_recovery(void *arg)
{
    Recovery *r = arg;
    char cmd[128];
    sched_free(r->o.sched);
    snprintf(cmd, sizeof cmd, "rm -rf %s", r->dir);
    must(system(cmd) == 0);
    mem_free(r);
}

const Bench bench_log[] = {
    {"log/encode/int", open_payloads, encode_pass, close_payloads, payload_bytes, 0},
    {"log/encode/dec2", open_payloads, encode_pass, close_payloads, payload_bytes, 1},
    {"log/decode/int", open_payloads, decode_pass, close_payloads, payload_bytes, 0},
    {"log/decode/dec2", open_payloads, decode_pass, close_payloads, payload_bytes, 1},
    {"log/recover/int", open_recovery, recovery_pass, close_recovery, NULL, 0},
    {0},
};
