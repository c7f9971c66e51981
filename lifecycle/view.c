/* Continuous views are brought up to date: new buckets, those that were changed, and at first all
 * that there is, the newest slice first (session/continuous.c). */
#include "lifecycle/jobs.h"

static bool view_wanted(const TableDef *t)
{
    return view_refresh_ns(t) > 0;
}

static bool tier_wanted(const TableDef *t)
{
    return tier_refresh_ns(t) > 0;
}

static bool replace_wanted(const TableDef *t)
{
    return replace_refresh_ns(t) > 0;
}

static JobStatus step(Job *j, Err *e)
{
    ViewJob *v = j->run;
    if (!v) {
        if (view_job_idle(job_db(j), j->table))
            return JOB_DONE;
        if (!view_job_new(&v, job_db(j), j->database, j->table, job_task(j), e))
            return JOB_FAIL;
        j->run = v;
    }
    switch (view_job_run(v, &j->rows, &j->rows_read, e)) {
    case RUN_DONE:
        return JOB_DONE;
    case RUN_WAIT:
        return JOB_WAIT;
    case RUN_FAIL:
        return JOB_FAIL;
    default:
        return view_job_between(v) ? JOB_SLICE : JOB_MORE;
    }
}

static void end(Job *j)
{
    view_job_free(j->run);
    j->run = NULL;
}

static void forget(Job *j)
{
    (void)j;
}

#define KEEPER(what, its_number)                                                                   \
    const JobKind job_##what = {.name = #what,                                                     \
                                .number = its_number,                                              \
                                .interval_ns = 600 * NS_PER_S,                                     \
                                .retry_ns = 10 * NS_PER_S,                                         \
                                .retry_max_ns = 3600 * NS_PER_S,                                   \
                                .jitter_percent = 2,                                               \
                                .busy_percent = 50,                                                \
                                .wanted = what##_wanted,                                           \
                                .interval = what##_refresh_ns,                                     \
                                .step = step,                                                      \
                                .end = end,                                                        \
                                .forget = forget}
KEEPER(view, JOB_VIEW);
KEEPER(replace, JOB_REPLACE); /* the next version of a view, until it takes over */
KEEPER(tier, JOB_TIER);       /* of a table: the same for its hidden tables (exec/tiers.h) */
