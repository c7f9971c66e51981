/* http/metrics.c - GET /metrics: counters of all parts in Prometheus' text form. */
#include "http/http_private.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STORAGE_AGE_NS (15 * NS_PER_S) /* the directory is not walked for each scrape */
enum { JOBS_SHOWN_MAX = 500 };

static void put(Buf *out, const char *name, const char *type, const char *help, double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, type, name);
    buf_put_f64(out, value);
    buf_puts(out, "\n");
}

static double open_files(void)
{
    double n = -3; /* . and .. and the directory itself */
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n < 0 ? 0 : n;
}

static void process_metrics(Buf *out, int64_t started_ns)
{
    unsigned long pages, resident;
    struct timespec cpu;
    struct rlimit files;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        put(out, "process_cpu_seconds_total", "counter", "user and system time",
            (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        put(out, "process_max_fds", "gauge", "file descriptors that may be open",
            (double)files.rlim_cur);
    put(out, "process_open_fds", "gauge", "file descriptors that are open", open_files());
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu %lu", &pages, &resident) == 2)
        put(out, "process_resident_memory_bytes", "gauge", "memory in use",
            (double)resident * (double)sysconf(_SC_PAGESIZE));
    if (f)
        fclose(f);
    put(out, "process_start_time_seconds", "gauge", "start of the server, Unix time",
        (double)started_ns / 1e9);
    buf_puts(out, "# HELP skulk_build_info always 1\n# TYPE skulk_build_info gauge\n"
                  "skulk_build_info{version=\"" SKULK_VERSION "\"} 1\n");
}

/* What skulk.storage, skulk.wal and skulk.compactions show. */
static void storage_metrics(Buf *out, Engine *eng)
{
    StorageKind kinds[16];
    WalInfo wal;
    CompactionInfo last;
    Err e;
    size_t n = engine_storage(eng, kinds, ARRAY_LEN(kinds), STORAGE_AGE_NS, &e);
    if (n)
        buf_puts(out, "# HELP skulk_storage_bytes what the data directory takes\n"
                      "# TYPE skulk_storage_bytes gauge\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "skulk_storage_bytes{kind=\"%s\"} %lld\n", kinds[i].kind,
                   (long long)kinds[i].bytes);
    engine_wal_info(eng, &wal);
    put(out, "skulk_log_segments", "gauge", "segments of the log on disk", (double)wal.segments);
    put(out, "skulk_log_unflushed_bytes", "gauge", "log written since the last flush",
        (double)wal.unflushed);
    put(out, "skulk_log_visible_lsn", "gauge", "newest record that readers see",
        (double)wal.visible);
    put(out, "skulk_log_covered_lsn", "gauge", "newest record that files cover",
        (double)wal.covered);
    put(out, "skulk_log_epoch", "gauge", "starts of the database", (double)wal.epoch);
    if (wal.archives) {
        put(out, "skulk_archive_waiting_segments", "gauge", "log segments still to be copied",
            (double)wal.archive_waiting);
        put(out, "skulk_archive_waiting_bytes", "gauge", "their bytes",
            (double)wal.archive_waiting_bytes);
        put(out, "skulk_archive_last_time_seconds", "gauge",
            "newest copy since the start, Unix time", (double)wal.archived_ns / 1e9);
        put(out, "skulk_archive_failing", "gauge", "1: the last copy failed",
            wal.archive_err.code != ERR_OK);
    }
    bool running = engine_compactions(eng, &last, 1) && last.running;
    put(out, "skulk_compaction_running", "gauge", "1 while files are merged", running);
    put(out, "skulk_series", "gauge", "series in the index",
        (double)idx_series_count(engine_index(eng), 0));
    put(out, "skulk_index_bytes", "gauge", "memory of the series index",
        (double)idx_memory(engine_index(eng)));
}

static void engine_metrics(Buf *out, Db *db)
{
    const EngineStats *s = engine_stats(db_engine(db));
    const struct {
        const char *name, *type, *help;
        const _Atomic uint64_t *value;
    } rows[] = {
        {"skulk_rows_written_total", "counter", "rows acknowledged", &s->rows_written},
        {"skulk_batches_written_total", "counter", "write batches acknowledged",
         &s->batches_written},
        {"skulk_log_syncs_total", "counter", "fdatasync calls of the log", &s->syncs},
        {"skulk_log_bytes_total", "counter", "bytes written to the log", &s->log_bytes},
        {"skulk_flushes_total", "counter", "memtables written to files", &s->flushes},
        {"skulk_flush_bytes_total", "counter", "bytes written by flushes", &s->flush_bytes},
        {"skulk_compactions_total", "counter", "compactions", &s->compactions},
        {"skulk_compact_bytes_total", "counter", "bytes written by compactions", &s->compact_bytes},
        {"skulk_memtable_bytes", "gauge", "bytes in memtables", &s->memtable_bytes},
        {"skulk_memtable_rows", "gauge", "rows in memtables", &s->memtable_rows},
        {"skulk_files", "gauge", "data files of the newest version", &s->files},
        {"skulk_blocks_damaged_total", "counter", "blocks whose checksum was wrong",
         &s->blocks_damaged},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put(out, rows[i].name, rows[i].type, rows[i].help,
            (double)atomic_load_explicit(rows[i].value, memory_order_relaxed));
    storage_metrics(out, db_engine(db));
    const Budget *pools[] = {db_query_pool(db), db_ingest_pool(db)};
    const char *names[] = {"query", "ingest"};
    buf_puts(out,
             "# HELP skulk_pool_bytes memory of a pool in use\n# TYPE skulk_pool_bytes gauge\n");
    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        buf_printf(out, "skulk_pool_bytes{pool=\"%s\"} %lld\n", names[i],
                   (long long)atomic_load(&pools[i]->used));
    buf_puts(out, "# HELP skulk_pool_limit_bytes its limit\n# TYPE skulk_pool_limit_bytes gauge\n");
    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        buf_printf(out, "skulk_pool_limit_bytes{pool=\"%s\"} %lld\n", names[i],
                   (long long)pools[i]->limit);
}

static double job_last_run(const JobInfo *j)
{
    return (double)j->last_start_ns / 1e9;
}

static double job_duration(const JobInfo *j)
{
    return (double)j->last_duration_ns / 1e9;
}

static double job_lag(const JobInfo *j)
{
    return (double)j->lag_ns / 1e9;
}

static double job_runs(const JobInfo *j)
{
    return (double)j->runs;
}

static double job_failures(const JobInfo *j)
{
    return (double)j->failures;
}

static double job_rows(const JobInfo *j)
{
    return (double)j->rows;
}

static double job_rows_read(const JobInfo *j)
{
    return (double)j->rows_read;
}

static double job_paused(const JobInfo *j)
{
    return strcmp(j->state, "paused") == 0;
}

static void put_label(Buf *out, const char *name, Slice value)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\n')
            buf_puts(out, "\\n");
        else
            buf_printf(out, "%s%c", value.ptr[i] == '"' || value.ptr[i] == '\\' ? "\\" : "",
                       value.ptr[i]);
    buf_puts(out, "\"");
}

static void job_metric(Buf *out, const CatalogSnap *cat, const JobInfo *j, const char *name,
                       double value)
{
    const DatabaseDef *d = cat_database_by_id(cat, j->database);
    buf_printf(out, "%s{job_id=\"%lld\",kind=\"%s\",", name, (long long)j->id, j->kind);
    put_label(out, "database", d ? d->name : SLICE_NONE);
    put_label(out, ",schema", slice_cstr(j->schema_name));
    put_label(out, ",table", slice_cstr(j->table_name));
    buf_puts(out, "} ");
    buf_put_f64(out, value);
    buf_puts(out, "\n");
}

/* What skulk.jobs shows. */
static void jobs_metrics(Buf *out, Db *db)
{
    static const struct {
        const char *name, *type, *help;
        double (*of)(const JobInfo *j);
    } rows[] = {
        {"skulk_job_runs_total", "counter", "runs of a job since it was made", job_runs},
        {"skulk_job_failures", "gauge", "failed runs since the last success", job_failures},
        {"skulk_job_last_run_time_seconds", "gauge", "begin of the last run, Unix time",
         job_last_run},
        {"skulk_job_last_duration_seconds", "gauge", "of the last run", job_duration},
        {"skulk_job_lag_seconds", "gauge", "how long a job is past its time", job_lag},
        {"skulk_job_rows", "gauge", "rows that the last run worked on, about", job_rows},
        {"skulk_job_rows_read", "gauge", "rows that the last run read of tables", job_rows_read},
        {"skulk_job_paused", "gauge", "1: it does not run", job_paused},
    };
    JobInfo *jobs;
    size_t n = db_jobs(db, &jobs);
    CatalogSnap *cat = engine_catalog(db_engine(db));
    put(out, "skulk_jobs", "gauge", "jobs; those beyond the first 500 are not shown one by one",
        (double)n);
    n = n < JOBS_SHOWN_MAX ? n : JOBS_SHOWN_MAX;
    for (size_t i = 0; n && i < ARRAY_LEN(rows); i++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help, rows[i].name,
                   rows[i].type);
        for (size_t k = 0; k < n; k++)
            job_metric(out, cat, &jobs[k], rows[i].name, rows[i].of(&jobs[k]));
    }
    cat_unref(cat);
    mem_free(jobs);
}

static void http_metrics(Buf *out, const HttpServer *s)
{
    put(out, "skulk_http_connections", "gauge", "open HTTP connections",
        atomic_load(&s->connections));
    put(out, "skulk_http_calls", "gauge", "requests being worked on", atomic_load(&s->calls));
    put(out, "skulk_http_body_bytes_total", "counter", "bytes of request bodies",
        (double)atomic_load(&s->body_bytes));
    buf_puts(out, "# HELP skulk_http_requests_total answers by path and class of status\n"
                  "# TYPE skulk_http_requests_total counter\n");
    for (size_t i = 0; i <= HTTP_ROUTES_MAX; i++) {
        const char *path = i == HTTP_ROUTES_MAX ? "refused" : s->routes[i].path;
        for (int k = 0; path && k < 6; k++) {
            uint64_t n = atomic_load_explicit(&s->route_stats[i].by_class[k], memory_order_relaxed);
            if (n)
                buf_printf(out, "skulk_http_requests_total{path=\"%s\",code=\"%dxx\"} %llu\n", path,
                           k, (unsigned long long)n);
        }
    }
    buf_puts(out, "# HELP skulk_http_request_seconds_total time to the answer, by path\n"
                  "# TYPE skulk_http_request_seconds_total counter\n");
    for (size_t i = 0; i < s->route_count; i++) {
        uint64_t ns = atomic_load_explicit(&s->route_stats[i].time_ns, memory_order_relaxed);
        if (ns)
            buf_printf(out, "skulk_http_request_seconds_total{path=\"%s\"} %.9f\n",
                       s->routes[i].path, (double)ns / 1e9);
    }
    buf_puts(out, "# HELP skulk_http_response_bytes_total bodies of answers, by path\n"
                  "# TYPE skulk_http_response_bytes_total counter\n");
    for (size_t i = 0; i < s->route_count; i++) {
        uint64_t n = atomic_load_explicit(&s->route_stats[i].bytes, memory_order_relaxed);
        if (n)
            buf_printf(out, "skulk_http_response_bytes_total{path=\"%s\"} %llu\n",
                       s->routes[i].path, (unsigned long long)n);
    }
}

static void net_metrics(Buf *out, const Net *net)
{
    const NetStats *n = net_stats(net);
    put(out, "skulk_net_connections", "gauge", "open connections", (double)net_open_count(net));
    put(out, "skulk_net_accepted_total", "counter", "connections accepted",
        (double)atomic_load(&n->accepted));
    put(out, "skulk_net_received_bytes_total", "counter", "bytes received",
        (double)atomic_load(&n->bytes_in));
    put(out, "skulk_net_sent_bytes_total", "counter", "bytes sent",
        (double)atomic_load(&n->bytes_out));
    put(out, "skulk_net_accept_pauses_total", "counter", "pauses for want of file descriptors",
        (double)atomic_load(&n->accept_pauses));
}

CallStatus http_run_metrics(HttpCall *c)
{
    HttpServer *s = c->server;
    Buf *out = &c->reply;
    process_metrics(out, s->started_ns);
    put(out, "skulk_ready", "gauge", "1 once the database is open", c->db != NULL);
    if (c->db) {
        engine_metrics(out, c->db);
        jobs_metrics(out, c->db);
    }
    http_metrics(out, s);
    if (s->options.net)
        net_metrics(out, s->options.net);
    if (s->options.more_metrics)
        s->options.more_metrics(s->options.more_arg, out);
    return http_reply(c, 200, "text/plain; version=0.0.4; charset=utf-8");
}
