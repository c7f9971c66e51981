/* session/jobs.c - skulk.jobs, and what users do to jobs: run now, pause, resume.
 *
 * The jobs are lifecycle's, which has told the database how to ask for them. */
#include "session/session_private.h"

void db_set_jobs(Db *db, const JobDoor *door)
{
    db->jobs = door ? *door : (JobDoor){0};
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

static void job_row(EvalCtx *ctx, const JobInfo *j, RowSink *sink)
{
    bool ran = j->last_start_ns != 0;
    Value row[] = {value_i64(j->id),
                   value_str(slice_cstr(j->kind)),
                   value_str(arena_slice(ctx->arena, slice_cstr(j->schema_name))),
                   value_str(arena_slice(ctx->arena, slice_cstr(j->table_name))),
                   value_str(slice_cstr(j->state)),
                   span_of(j->interval_ns),
                   time_of(j->last_start_ns),
                   ran ? span_of(j->last_duration_ns) : value_null(),
                   time_of(j->next_ns),
                   span_of(j->lag_ns),
                   value_i64((int64_t)j->runs),
                   value_i64((int64_t)j->failures),
                   ran ? value_i64((int64_t)j->rows) : value_null(),
                   j->error[0] ? value_str(arena_slice(ctx->arena, slice_cstr(j->error)))
                               : value_null()};
    row_sink_add(sink, row);
}

static bool fill_jobs(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    const Session *s = ctx->session;
    const JobDoor *door = &s->db->jobs;
    size_t max = door->list ? door->list(door->arg, NULL, 0) : 0;
    JobInfo *jobs = mem_alloc((max + 1) * sizeof *jobs);
    size_t n = max ? door->list(door->arg, jobs, max) : 0;
    for (size_t i = 0; i < n && i < max; i++)
        if (jobs[i].database == s->database)
            job_row(ctx, &jobs[i], sink);
    mem_free(jobs);
    return true;
}

static const ViewColumn columns[] = {{"job_id", T_INT8},
                                     {"kind", T_TEXT},
                                     {"schema_name", T_TEXT},
                                     {"table_name", T_TEXT},
                                     {"state", T_TEXT},
                                     {"schedule_interval", T_INTERVAL},
                                     {"last_run", T_TIMESTAMPTZ},
                                     {"last_duration", T_INTERVAL},
                                     {"next_run", T_TIMESTAMPTZ},
                                     {"lag", T_INTERVAL},
                                     {"runs", T_INT8},
                                     {"failures", T_INT8},
                                     {"rows", T_INT8},
                                     {"error", T_TEXT}};
const ViewDef job_views[] = {
    {"skulk", "jobs", columns, ARRAY_LEN(columns), fill_jobs,
     .text = "what runs by itself, and how it went"},
    {0},
};

static bool change(EvalCtx *ctx, const Value *args, JobChange what, Value *out, Err *e)
{
    Session *s = ctx->session;
    const JobDoor *door = &s->db->jobs;
    *out = value_bool(true);
    if (!session_must_be_superuser(s, "change jobs", e))
        return false;
    if (!door->change)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "no jobs run in this process");
    return door->change(door->arg, args[0].u.i64, what, e);
}

static bool fn_run(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args, JOB_RUN_NOW, out, e);
}

static bool fn_pause(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args, JOB_PAUSE, out, e);
}

static bool fn_resume(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    return change(ctx, args, JOB_RESUME, out, e);
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
    {.signature = NULL},
};
