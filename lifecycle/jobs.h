/* lifecycle/jobs.h - a kind of job is a row of job_kinds[]; a job is a kind and the table it works on.
 *
 * Jobs come and go with the catalog: a table that a kind wants has one.  A run is stepped until it
 * says DONE or FAIL; a failed one is tried again after retry_ns, then twice as long, up to
 * retry_max_ns.  A run takes at most busy_percent of a core.  How often: what alter_job() said, else
 * what the table says, else interval_ns.
 * Each kind has JOB_LANES lanes, so no kind waits for another one.  A run that says SLICE can be ended there
 * and begun again: it does so while others of its kind wait.
 * To add a kind: its file, a row in job_kinds[] (jobs.c), a regress case.
 * Threads: a job belongs to the task of its lane while it has one, else to the scheduler's; what others see
 * is changed and copied under the mutex. */
#ifndef SKULK_LIFECYCLE_JOBS_H
#define SKULK_LIFECYCLE_JOBS_H

#include "lifecycle/lifecycle.h"

typedef struct Job Job;
typedef struct JobLane JobLane;
typedef enum JobStatus {
    JOB_MORE,
    JOB_WAIT,  /* the task is woken */
    JOB_SLICE, /* all so far is kept: end() loses nothing, and step() goes on */
    JOB_DONE,
    JOB_FAIL
} JobStatus;
enum { JOB_LANES = 3 }; /* of a kind: so many of its jobs run at once */

typedef struct JobKind {
    const char *name;
    int number; /* JOB_... of session/session.h */
    int64_t interval_ns, retry_ns, retry_max_ns;
    int jitter_percent; /* of the interval: runs of many jobs do not come together */
    int busy_percent;
    bool (*wanted)(const TableDef *t);
    int64_t (*interval)(const TableDef *t); /* NULL: interval_ns of all */
    JobStatus (*step)(Job *j, Err *e);
    void (*end)(Job *j);    /* of a run, however it ended: gives back what it held */
    void (*forget)(Job *j); /* of the job: gives back j->memory */
} JobKind;

struct Job {
    const JobKind *kind;
    Lifecycle *owner;
    TableId table;
    ObjectId database;
    void *memory; /* the kind's, between runs */
    void *run;    /* the kind's, of this run; NULL at its begin */
    /* what others see needs the owner's mutex */
    char schema_name[NAME_MAX_BYTES + 1], table_name[NAME_MAX_BYTES + 1];
    JobLane *lane; /* it runs there; NULL: it waits, though a run may be half done */
    bool running, paused;
    bool asked;              /* to run, paused or not */
    bool unsaved;            /* the catalog does not have its state yet: what a user changed */
    bool unkept;             /* nor that of the last run, which had nothing to do */
    int64_t kept_ns;         /* monotonic, when it got that */
    bool alive;              /* the catalog has the table */
    int64_t interval_ns;     /* what the kind or the table says */
    int64_t own_interval_ns; /* what alter_job() said; 0 = nothing */
    int64_t due_ns;          /* monotonic */
    int64_t started_ns;      /* monotonic, of this run */
    int64_t last_start_ns;   /* wall; 0 = never */
    int64_t last_duration_ns;
    uint64_t runs, failures; /* failures: since the last success */
    uint64_t rows;           /* of the last run: written or deleted */
    uint64_t rows_read;      /* of the last run, from tables */
    char error[256];         /* of the last run, or empty */
};

/* For kinds. */
Db *job_db(const Job *j);
const Clock *job_clock(const Job *j);
Task *job_task(const Job *j); /* to be woken after JOB_WAIT */

extern const JobKind job_ttl, job_view, job_tier, job_replace;

#endif
