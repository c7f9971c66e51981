/* The scheduler: which jobs there are, which is due, and what it said. */
#include "lifecycle/jobs.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

#define LOOK_NS (NS_PER_S) /* how soon a change of the catalog is seen */
#define KEEP_DULL_NS                                                                               \
    (600 * NS_PER_S) /* how often the state of a job that has nothing to do is kept */

static const JobKind *const job_kinds[] = {&job_ttl, &job_view, &job_tier, &job_replace};

/* Tasks of lanes live as long as all: what a run has asked for may wake them late. */
struct JobLane {
    Task task;
    Lifecycle *owner;
    Job *current;          /* needs the owner's mutex; the lane alone takes it away */
    int64_t rest_until_ns; /* it has worked enough for now */
};

struct Lifecycle {
    Db *db;
    Engine *engine;
    Sched *sched;
    const Clock *clock;
    Task task;
    JobLane lanes[ARRAY_LEN(job_kinds)][JOB_LANES];
    atomic_int tasks; /* that are not done */
    atomic_bool closing, gone;
    uint64_t catalog_seen; /* version of the catalog that the list was made from */
    Mutex mutex;           /* RANK_DB; guards the list, and the fields of Job that say so */
    bool dropped;          /* the catalog has no table any more of a job that was running */
    bool changes;          /* some job is unsaved */
    Job **jobs;            /* by id */
    size_t count, cap;
};

static int64_t mono(const Lifecycle *l)
{
    return l->clock->mono_ns(l->clock);
}

static int64_t job_id(const Job *j)
{
    return job_id_of(j->table, j->kind->number);
}

Db *job_db(const Job *j)
{
    return j->owner->db;
}

const Clock *job_clock(const Job *j)
{
    return j->owner->clock;
}

Task *job_task(const Job *j)
{
    return &j->lane->task;
}

/* ---- states, kept in the catalog ---- */

static Slice state_name(const Job *j, char name[NAME_MAX_BYTES])
{
    int n = snprintf(name, NAME_MAX_BYTES, CAT_JOB_PREFIX "%s/%u", j->kind->name, j->table);
    return slice_of(name, (size_t)n);
}

static void state_write(Job *j, Buf *out)
{
    mutex_lock(&j->owner->mutex);
    buf_printf(out, "3 %lld %lld %llu %llu %llu %d %lld %llu %s", (long long)j->last_start_ns,
               (long long)j->last_duration_ns, (unsigned long long)j->runs,
               (unsigned long long)j->failures, (unsigned long long)j->rows, j->paused,
               (long long)j->own_interval_ns, (unsigned long long)j->rows_read, j->error);
    mutex_unlock(&j->owner->mutex);
}

/* What cannot be read counts as nothing: a job without a past. */
static void state_read(Job *j, const CatalogSnap *cat)
{
    char name[NAME_MAX_BYTES], text[512];
    Slice value;
    long long start, duration, own = 0;
    unsigned long long runs, failures, rows, read = 0;
    int format, paused, error = 0, more = 0;
    if (!cat_setting(cat, j->database, state_name(j, name), &value))
        return;
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(value));
    if (sscanf(text, "%d %lld %lld %llu %llu %llu %d %n", &format, &start, &duration, &runs,
               &failures, &rows, &paused, &error) != 7 ||
        format < 1 || format > 3)
        return;
    if (format > 1 && sscanf(text + error, "%lld %n", &own, &more) != 1)
        return;
    error += more;
    more = 0;
    if (format > 2 && sscanf(text + error, "%llu %n", &read, &more) != 1)
        return;
    j->own_interval_ns = own;
    j->last_start_ns = start;
    j->last_duration_ns = duration;
    j->runs = runs;
    j->failures = failures;
    j->rows = rows;
    j->rows_read = read;
    j->paused = paused;
    snprintf(j->error, sizeof j->error, "%.250s", text + error + more);
}

/* An edit that cannot be made now (a full disk) is made with the next run. */
static void state_keep(Job *j, bool forget)
{
    char name[NAME_MAX_BYTES];
    Buf text;
    Err e;
    buf_init(&text);
    if (!forget)
        state_write(j, &text);
    CatEdit edit = {.op = CAT_PUT_SETTING,
                    .id = j->database,
                    .setting = state_name(j, name),
                    .value = buf_slice(&text)};
    if (!engine_edit_catalog(j->owner->engine, &edit, 1, &e) && !forget)
        log_warn("jobs", "the state of job %lld is not kept: %s", (long long)job_id(j), e.message);
    buf_free(&text);
}

/* ---- the list follows the catalog ---- */

static size_t find(const Lifecycle *l, int64_t id)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (job_id(l->jobs[mid]) < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int64_t interval(const Job *j)
{
    return j->own_interval_ns ? j->own_interval_ns : j->interval_ns;
}

static int64_t jitter_max(const Job *j)
{
    return interval(j) / 100 * j->kind->jitter_percent;
}

static int64_t jitter(const Lifecycle *l, const Job *j)
{
    int64_t span = jitter_max(j);
    return span ? (int64_t)(l->clock->random(l->clock) % (uint64_t)span) : 0;
}

/* What the catalog says of it. */
static void describe_job(Job *j, const CatalogSnap *cat, const TableDef *t)
{
    j->interval_ns = j->kind->interval ? j->kind->interval(t) : j->kind->interval_ns;
    const SchemaDef *s = cat_schema_by_id(cat, t->schema);
    snprintf(j->schema_name, sizeof j->schema_name, "%.*s", SLICE_ARG(s ? s->name : SLICE_NONE));
    snprintf(j->table_name, sizeof j->table_name, "%.*s", SLICE_ARG(t->name));
}

static void want_job(Lifecycle *l, const CatalogSnap *cat, const JobKind *k, const TableDef *t)
{
    size_t at = find(l, job_id_of(t->id, k->number));
    if (at < l->count && l->jobs[at]->table == t->id && l->jobs[at]->kind == k) {
        l->jobs[at]->alive = true;
        describe_job(l->jobs[at], cat, t);
        return;
    }
    Job *j = MEM_NEW(Job);
    *j = (Job){.kind = k, .owner = l, .table = t->id, .database = t->database, .alive = true};
    describe_job(j, cat, t);
    state_read(j, cat);
    j->due_ns = mono(l) + jitter(l, j) / 8;
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->jobs = mem_realloc(l->jobs, l->cap * sizeof *l->jobs);
    }
    memmove(l->jobs + at + 1, l->jobs + at, (l->count++ - at) * sizeof *l->jobs);
    l->jobs[at] = j;
}

static void job_free(Job *j)
{
    j->kind->forget(j);
    mem_free(j);
}

/* Those that nobody wants any more; a running one ends first. */
static void drop_unwanted(Lifecycle *l)
{
    Buf gone;
    size_t kept = 0;
    buf_init(&gone);
    mutex_lock(&l->mutex);
    for (size_t i = 0; i < l->count; i++) {
        Job *j = l->jobs[i];
        if (j->alive || j->running)
            l->jobs[kept++] = j;
        else
            buf_put(&gone, &j, sizeof j);
    }
    l->count = kept;
    mutex_unlock(&l->mutex);
    for (size_t i = 0; i < gone.len; i += sizeof(Job *)) {
        Job *j;
        memcpy(&j, gone.ptr + i, sizeof j);
        if (j->runs || j->paused || j->own_interval_ns)
            state_keep(j, true);
        job_free(j);
    }
    buf_free(&gone);
}

static void follow_catalog(Lifecycle *l)
{
    CatalogSnap *cat = engine_catalog(l->engine);
    uint64_t version = cat_version(cat);
    mutex_lock(&l->mutex);
    bool news = version != l->catalog_seen || l->dropped;
    l->dropped = false;
    for (size_t i = 0; news && i < l->count; i++)
        l->jobs[i]->alive = false;
    for (size_t i = 0; news && i < cat_table_count(cat); i++)
        for (size_t k = 0; k < ARRAY_LEN(job_kinds); k++)
            if (job_kinds[k]->wanted(cat_table_at(cat, i)))
                want_job(l, cat, job_kinds[k], cat_table_at(cat, i));
    mutex_unlock(&l->mutex);
    l->catalog_seen = version;
    if (news)
        drop_unwanted(l);
    cat_unref(cat);
}

/* What a user has changed. */
static void save_changes(Lifecycle *l)
{
    mutex_lock(&l->mutex);
    bool changes = l->changes;
    l->changes = false;
    mutex_unlock(&l->mutex);
    for (size_t i = 0; changes && i < l->count; i++) { /* only this task changes the list */
        mutex_lock(&l->mutex);
        bool unsaved = l->jobs[i]->unsaved;
        l->jobs[i]->unsaved = false;
        mutex_unlock(&l->mutex);
        if (unsaved)
            state_keep(l->jobs[i], false);
    }
}

/* ---- running: a lane and its job ---- */

/* Of a kind, the first that waits for a lane; NULL: there is none.  Needs the mutex. */
static Job *next_due(const Lifecycle *l, const JobKind *k)
{
    Job *first = NULL;
    for (size_t i = 0; i < l->count; i++) {
        Job *j = l->jobs[i];
        if (j->kind == k && !j->lane && (!j->paused || j->asked || j->running) &&
            (!first || j->due_ns < first->due_ns))
            first = j;
    }
    return first;
}

static void begin(JobLane *lane, Job *j)
{
    const Lifecycle *l = lane->owner;
    j->lane = lane;
    lane->current = j;
    lane->rest_until_ns = 0;
    if (j->running) /* its next slice */
        return;
    j->running = true;
    j->started_ns = mono(l);
    j->last_start_ns = l->clock->wall_ns(l->clock);
    j->rows = j->rows_read = 0;
}

static int64_t back_off(const JobKind *k, uint64_t failures)
{
    int64_t wait = k->retry_ns;
    for (uint64_t i = 1; i < failures && wait < k->retry_max_ns; i++)
        wait *= 2;
    return wait < k->retry_max_ns ? wait : k->retry_max_ns;
}

/* Its lane is free; the scheduler's task may have waited for that. */
static void leave(JobLane *lane)
{
    Lifecycle *l = lane->owner;
    mutex_lock(&l->mutex);
    Job *j = lane->current;
    l->dropped |= !j->alive; /* it could not be dropped meanwhile */
    lane->current = NULL;
    j->lane = NULL;
    mutex_unlock(&l->mutex);
    task_wake(&l->task);
}

static void finish(JobLane *lane, Job *j, const Err *failure)
{
    const JobKind *k = j->kind;
    const Lifecycle *l = lane->owner;
    int64_t now = mono(l);
    char name[sizeof j->table_name];
    k->end(j);
    mutex_lock(&lane->owner->mutex);
    bool failed = j->failures > 0;
    j->running = j->asked = false;
    j->runs++;
    j->last_duration_ns = now - j->started_ns;
    j->failures = failure ? j->failures + 1 : 0;
    snprintf(j->error, sizeof j->error, "%.250s", failure ? failure->message : "");
    j->due_ns = now + jitter(l, j) + (failure ? back_off(k, j->failures) : interval(j));
    bool dull = !failure && !failed && !j->rows && j->kept_ns && now - j->kept_ns < KEEP_DULL_NS;
    j->unkept = dull;
    j->kept_ns = dull ? j->kept_ns : now;
    memcpy(name, j->table_name, sizeof name);
    mutex_unlock(&lane->owner->mutex);
    if (failure)
        log_warn("jobs", "%s of \"%s\": %s", k->name, name, failure->message);
    if (!dull)
        state_keep(j, false);
    leave(lane);
}

/* Others of its kind that are due come first; at the end, and when it was paused, it is as if it were done. */
static void slice_done(JobLane *lane, Job *j)
{
    Lifecycle *l = lane->owner;
    bool stop = atomic_load(&l->closing);
    mutex_lock(&l->mutex);
    const Job *other = next_due(l, j->kind);
    bool give_way = other && other->due_ns <= mono(l);
    stop |= j->paused && !j->asked;
    mutex_unlock(&l->mutex);
    if (stop) {
        finish(lane, j, NULL);
    } else if (give_way) {
        j->kind->end(j);
        mutex_lock(&l->mutex);
        j->due_ns = mono(l);
        mutex_unlock(&l->mutex);
        leave(lane);
    }
}

/* Whatever it takes, no more than its share of a core. */
static void rest(JobLane *lane, const JobKind *k, int64_t worked_ns)
{
    int64_t pause = worked_ns / k->busy_percent * (100 - k->busy_percent);
    if (pause > NS_PER_MS && !atomic_load(&lane->owner->closing))
        lane->rest_until_ns = mono(lane->owner) + pause;
}

static TaskStatus step_current(JobLane *lane, Job *j)
{
    Err e;
    const Lifecycle *l = lane->owner;
    int64_t before = mono(l);
    if (before < lane->rest_until_ns && !atomic_load(&l->closing)) {
        task_wake_at(&lane->task, lane->rest_until_ns);
        return TASK_WAIT;
    }
    err_clear(&e);
    JobStatus st = j->kind->step(j, &e);
    rest(lane, j->kind, mono(l) - before);
    if (st == JOB_DONE || st == JOB_FAIL)
        finish(lane, j, st == JOB_FAIL ? &e : NULL);
    else if (st == JOB_SLICE)
        slice_done(lane, j);
    return st == JOB_WAIT ? TASK_WAIT : TASK_MORE;
}

static TaskStatus lane_step(Task *t)
{
    JobLane *lane = (JobLane *)((char *)t - offsetof(JobLane, task));
    Lifecycle *l = lane->owner;
    mutex_lock(&l->mutex);
    Job *j = lane->current;
    mutex_unlock(&l->mutex);
    if (j)
        return step_current(lane, j);
    return atomic_load(&l->closing) ? TASK_DONE : TASK_WAIT;
}

/* ---- the scheduler: what is due gets a lane ---- */

static void fill_lanes(Lifecycle *l, size_t kind, int64_t now, int64_t *next)
{
    for (size_t i = 0; i < JOB_LANES; i++) {
        JobLane *lane = &l->lanes[kind][i];
        Job *j = lane->current ? NULL : next_due(l, job_kinds[kind]);
        if (!j)
            continue;
        if (j->due_ns > now) {
            *next = j->due_ns < *next ? j->due_ns : *next;
            return;
        }
        begin(lane, j);
        task_wake(&lane->task);
    }
}

static TaskStatus step(Task *t)
{
    Lifecycle *l = (Lifecycle *)((char *)t - offsetof(Lifecycle, task));
    int64_t now = mono(l), next = now + LOOK_NS;
    if (atomic_load(&l->closing))
        return TASK_DONE;
    follow_catalog(l);
    save_changes(l);
    mutex_lock(&l->mutex);
    for (size_t k = 0; k < ARRAY_LEN(job_kinds); k++)
        fill_lanes(l, k, now, &next);
    mutex_unlock(&l->mutex);
    task_wake_at(t, next);
    return TASK_WAIT;
}

static void task_gone(Lifecycle *l)
{
    Sched *sched = l->sched;
    if (atomic_fetch_sub(&l->tasks, 1) > 1)
        return;
    atomic_store(&l->gone, true);
    sched_notify(sched);
}

static void done(Task *t)
{
    task_gone((Lifecycle *)((char *)t - offsetof(Lifecycle, task)));
}

static void lane_done(Task *t)
{
    task_gone(((JobLane *)((char *)t - offsetof(JobLane, task)))->owner);
}

/* ---- what others ask ---- */

static JobInfo job_info(const Lifecycle *l, const Job *j)
{
    int64_t now = mono(l), late = now - j->due_ns;
    bool waits = !j->running && !j->paused;
    JobInfo i = {.id = job_id(j),
                 .kind = j->kind->name,
                 .state = j->running    ? "running"
                          : j->paused   ? "paused"
                          : j->failures ? "retrying"
                                        : "waiting",
                 .database = j->database,
                 .interval_ns = interval(j),
                 .jitter_ns = jitter_max(j),
                 .busy_percent = j->kind->busy_percent,
                 .last_start_ns = j->last_start_ns,
                 .last_duration_ns = j->running ? now - j->started_ns : j->last_duration_ns,
                 .next_ns = waits ? l->clock->wall_ns(l->clock) + j->due_ns - now : 0,
                 .lag_ns = waits && late > 0 ? late : 0,
                 .runs = j->runs,
                 .failures = j->failures,
                 .rows = j->rows,
                 .rows_read = j->rows_read};
    memcpy(i.schema_name, j->schema_name, sizeof i.schema_name);
    memcpy(i.table_name, j->table_name, sizeof i.table_name);
    memcpy(i.error, j->error, sizeof i.error);
    return i;
}

static size_t list(void *arg, JobInfo *out, size_t max)
{
    Lifecycle *l = arg;
    mutex_lock(&l->mutex);
    for (size_t i = 0; i < l->count && i < max; i++)
        out[i] = job_info(l, l->jobs[i]);
    size_t n = l->count;
    mutex_unlock(&l->mutex);
    return n;
}

static void change_job(Lifecycle *l, Job *j, const JobChange *c)
{
    int64_t now = mono(l), wait = 0;
    if (c->run_now) {
        j->due_ns = now;
        j->asked = true;
    }
    if (c->interval_ns) { /* counted from the end of the last run, as it was */
        if (!j->failures)
            j->due_ns += c->interval_ns - interval(j);
        j->own_interval_ns = c->interval_ns;
    }
    if (c->next_ns && (__builtin_sub_overflow(c->next_ns, l->clock->wall_ns(l->clock), &wait) ||
                       wait > JOB_INTERVAL_MAX_NS))
        wait = c->next_ns > 0 ? JOB_INTERVAL_MAX_NS : 0;
    if (c->next_ns)
        j->due_ns = now + wait;
    if (j->due_ns < now)
        j->due_ns = now;
    if (c->pause || c->resume)
        j->paused = c->pause;
    j->unsaved |= c->pause || c->resume || c->interval_ns;
    l->changes |= j->unsaved;
}

static bool change(void *arg, int64_t id, const JobChange *what, Err *e)
{
    Lifecycle *l = arg;
    mutex_lock(&l->mutex);
    size_t at = find(l, id);
    Job *j = at < l->count && job_id(l->jobs[at]) == id ? l->jobs[at] : NULL;
    if (j)
        change_job(l, j, what);
    mutex_unlock(&l->mutex);
    task_wake(&l->task);
    return j || err_set(e, ERR_UNDEFINED_OBJECT, "job %lld does not exist", (long long)id) ||
           err_hint(e, "SHOW JOBS lists them.");
}

/* ---- start and stop ---- */

static void start_lanes(Lifecycle *l)
{
    for (size_t k = 0; k < ARRAY_LEN(job_kinds); k++)
        for (size_t i = 0; i < JOB_LANES; i++) {
            JobLane *lane = &l->lanes[k][i];
            lane->owner = l;
            task_init(&lane->task, lane_step, TASK_QUERY, 0);
            lane->task.done = lane_done;
            task_start(l->sched, &lane->task);
        }
}

Lifecycle *lifecycle_start(Db *db)
{
    Lifecycle *l = MEM_NEW(Lifecycle);
    l->db = db;
    l->engine = db_engine(db);
    l->sched = db_sched(db);
    l->clock = sched_clock(l->sched);
    mutex_init(&l->mutex, RANK_DB);
    task_init(&l->task, step, TASK_QUERY, 0);
    l->task.done = done;
    atomic_init(&l->tasks, 1 + (int)ARRAY_LEN(job_kinds) * JOB_LANES);
    db_set_jobs(db, &(JobDoor){.arg = l, .list = list, .change = change});
    start_lanes(l);
    task_start(l->sched, &l->task);
    return l;
}

/* The tasks themselves stay in place until all are done, so a wake that comes late does no harm. */
void lifecycle_stop(Lifecycle *l)
{
    if (!l)
        return;
    atomic_store(&l->closing, true);
    for (size_t k = 0; k < ARRAY_LEN(job_kinds); k++)
        for (size_t i = 0; i < JOB_LANES; i++)
            task_wake(&l->lanes[k][i].task);
    task_wake(&l->task);
    sched_run_until(l->sched, &l->gone);
    db_set_jobs(l->db, NULL);
    for (size_t i = 0; i < l->count; i++) {
        if (l->jobs[i]->unkept)
            state_keep(l->jobs[i], false);
        job_free(l->jobs[i]);
    }
    mem_free(l->jobs);
    mutex_destroy(&l->mutex);
    mem_free(l);
}
