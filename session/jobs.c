/* session/jobs.c - skulk.jobs, and what users do to jobs: run now, pause, resume, another interval.
 *
 * The jobs are lifecycle's, which has told the database how to ask for them. */
#include "session/tier.h"

#include <math.h>

void db_set_jobs(Db *db, const JobDoor *door)
{
    db->jobs = door ? *door : (JobDoor){0};
}

size_t db_jobs(const Db *db, JobInfo **out)
{
    const JobDoor *door = &db->jobs;
    size_t max = door->list ? door->list(door->arg, NULL, 0) : 0;
    *out = mem_alloc((max + 1) * sizeof **out);
    size_t n = max ? door->list(door->arg, *out, max) : 0;
    return n < max ? n : max;
}

static Value time_of(int64_t ns)
{
    return ns ? value_i64(floor_div(ns, NS_PER_US)) : value_null();
}

static Value span_of(int64_t ns)
{
    return (Value){.phys = PH_INTERVAL,
                   .u.iv = {.days = (int32_t)(ns / NS_PER_DAY), .us = ns % NS_PER_DAY / NS_PER_US}};
}

/* How much of the time of the table's rows is in what is kept: 0 to 1. */
static Value progress_of(EvalCtx *ctx, Snapshot *snap, const TableDef *t)
{
    ContinuousDef d;
    TableInfo info;
    Err ignored;
    const CatalogSnap *cat = snapshot_catalog(snap);
    if (!t || !(tier_def(cat, t, &d) ||
                (view_is_continuous(t) && continuous_decode(&d, ctx->arena, t, &ignored))))
        return value_null();
    const Watch *w = watches_find(snapshot_watches(snap), continuous_watch(&d, t));
    snapshot_table_about(snap, d.base, &info);
    if (!w || !info.rows)
        return w ? value_f64(1) : value_null();
    double first = (double)info.t_min, span = (double)info.t_max - first + 1;
    double from = fmax((double)w->state.from_ns, first),
           upto = fmin((double)w->state.upto_ns, first + span);
    return value_f64(round(fmax(upto - from, 0) / span * 1000) / 1000);
}

static void job_row(EvalCtx *ctx, Snapshot *snap, const JobInfo *j, RowSink *sink)
{
    bool ran = j->last_start_ns != 0;
    Value tier;
    const CatalogSnap *cat = snapshot_catalog(snap);
    const TableDef *own = cat_table_by_id(cat, (TableId)(j->id / JOB_KINDS_MAX)),
                   *t = next_shown(cat, tier_shown(cat, own, &tier));
    const SchemaDef *schema = t != own ? cat_schema_by_id(cat, t->schema) : NULL;
    Slice name = schema ? t->name : slice_cstr(j->table_name),
          in = schema ? schema->name : slice_cstr(j->schema_name);
    Value row[] = {value_i64(j->id),
                   value_str(slice_cstr(j->kind)),
                   value_str(arena_slice(ctx->arena, in)),
                   value_str(arena_slice(ctx->arena, name)),
                   value_str(slice_cstr(j->state)),
                   span_of(j->interval_ns),
                   span_of(j->jitter_ns),
                   value_i64(j->busy_percent),
                   time_of(j->last_start_ns),
                   ran ? span_of(j->last_duration_ns) : value_null(),
                   time_of(j->next_ns),
                   span_of(j->lag_ns),
                   value_i64((int64_t)j->runs),
                   value_i64((int64_t)j->failures),
                   ran ? value_i64((int64_t)j->rows) : value_null(),
                   ran ? value_i64((int64_t)j->rows_read) : value_null(),
                   j->error[0] ? value_str(arena_slice(ctx->arena, slice_cstr(j->error)))
                               : value_null(),
                   tier,
                   progress_of(ctx, snap, own)};
    row_sink_add(sink, row);
}

static bool fill_jobs(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const Session *s = ctx->session;
    JobInfo *jobs;
    size_t n = db_jobs(s->db, &jobs);
    for (size_t i = 0; i < n; i++)
        if (jobs[i].database == s->database)
            job_row(ctx, snap, &jobs[i], sink);
    mem_free(jobs);
    return true;
}

static const ViewColumn columns[] = {{"job_id", T_INT8},
                                     {"kind", T_TEXT},
                                     {"schema_name", T_TEXT},
                                     {"table_name", T_TEXT},
                                     {"state", T_TEXT},
                                     {"schedule_interval", T_INTERVAL},
                                     {"jitter", T_INTERVAL},
                                     {"budget_percent", T_INT4},
                                     {"last_run", T_TIMESTAMPTZ},
                                     {"last_duration", T_INTERVAL},
                                     {"next_run", T_TIMESTAMPTZ},
                                     {"lag", T_INTERVAL},
                                     {"runs", T_INT8},
                                     {"failures", T_INT8},
                                     {"rows", T_INT8},
                                     {"rows_read", T_INT8},
                                     {"error", T_TEXT},
                                     {"tier", T_INTERVAL},
                                     {"progress", T_FLOAT8}};
const ViewDef job_views[] = {
    {"skulk", "jobs", columns, ARRAY_LEN(columns), fill_jobs,
     .text = "what runs by itself, and how it went"},
    {0},
};

static bool change(EvalCtx *ctx, int64_t id, const JobChange *what, Value *out, Err *e)
{
    Session *s = ctx->session;
    const JobDoor *door = &s->db->jobs;
    *out = value_bool(true);
    if (!session_must_be_superuser(s, "change jobs", e))
        return false;
    if (!door->change)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "no jobs run in this process");
    return door->change(door->arg, id, what, e);
}

static bool fn_run(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args[0].u.i64, &(JobChange){.run_now = true}, out, e);
}

static bool fn_pause(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args[0].u.i64, &(JobChange){.pause = true}, out, e);
}

static bool fn_resume(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args[0].u.i64, &(JobChange){.resume = true}, out, e);
}

/* TimescaleDB's arguments, in its order.  NULL changes nothing. */
enum {
    ALTER_ID,
    ALTER_INTERVAL,
    ALTER_RUNTIME,
    ALTER_RETRIES,
    ALTER_RETRY_PERIOD,
    ALTER_SCHEDULED,
    ALTER_CONFIG,
    ALTER_NEXT,
    ALTER_IF_EXISTS
};

static bool read_change(const Value *args, JobChange *c, Err *e)
{
    static const struct {
        int arg;
        const char *name;
    } refused[] = {{ALTER_RUNTIME, "max_runtime"},
                   {ALTER_RETRIES, "max_retries"},
                   {ALTER_RETRY_PERIOD, "retry_period"},
                   {ALTER_CONFIG, "config"}};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (!args[refused[i].arg].null)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s of a job cannot be changed",
                           refused[i].name);
    const Value *every = &args[ALTER_INTERVAL], *next = &args[ALTER_NEXT];
    if (!every->null &&
        (!retention_ns(every->u.iv, &c->interval_ns) || c->interval_ns < JOB_INTERVAL_MIN_NS ||
         c->interval_ns > JOB_INTERVAL_MAX_NS))
        return err_set(e, ERR_INVALID_PARAMETER,
                       "schedule_interval of a job is between a second and ten years");
    if (!next->null && __builtin_mul_overflow(next->u.i64, NS_PER_US, &c->next_ns))
        return err_set(e, ERR_DATETIME_RANGE, "timestamp out of range");
    c->pause = !args[ALTER_SCHEDULED].null && !args[ALTER_SCHEDULED].u.b;
    c->resume = !args[ALTER_SCHEDULED].null && args[ALTER_SCHEDULED].u.b;
    return true;
}

static bool fn_alter(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    JobChange c = {0};
    bool if_exists = !args[ALTER_IF_EXISTS].null && args[ALTER_IF_EXISTS].u.b;
    if (args[ALTER_ID].null) {
        *out = value_null();
        return true;
    }
    if (!read_change(args, &c, e))
        return false;
    if (change(ctx, args[ALTER_ID].u.i64, &c, out, e))
        return true;
    if (!if_exists || e->code != ERR_UNDEFINED_OBJECT)
        return false;
    session_notice(ctx->session, "NOTICE", ERR_OK, "job %lld does not exist, skipping",
                   (long long)args[ALTER_ID].u.i64);
    *out = value_bool(false);
    return true;
}

FuncDef job_functions[] = {
    {.signature = "run_job(int8) bool",
     .scalar = fn_run,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "the job of skulk.jobs with this id runs as soon as it can"},
    {.signature = "pause_job(int8) bool",
     .scalar = fn_pause,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "the job does not run until resume_job"},
    {.signature = "resume_job(int8) bool",
     .scalar = fn_resume,
     .flags = FN_VOLATILE | FN_STRICT,
     .text = "the job runs at its intervals again"},
    {.signature =
         "alter_job(int8, interval, interval, int4, interval, bool, jsonb, timestamptz, bool) bool",
     .scalar = fn_alter,
     .flags = FN_VOLATILE,
     .text = "schedule_interval, scheduled, next_start of a job; named arguments"},
    {.signature = NULL},
};
