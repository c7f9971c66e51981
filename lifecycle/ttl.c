/* Space of rows that are past their TTL, or beyond their table's size.
 *
 * Scans hide such rows at once (storage/ttl.h).  Here they are deleted by range, so that whole files
 * go: what a clock said counts only when it says the same an hour later by the monotonic
 * clock, so that a wall clock that jumps deletes nothing. */
#include "storage/ttl.h"
#include "lifecycle/jobs.h"
#include "storage/watch.h"

#define LOOK_AGAIN_NS (3600 * NS_PER_S)

typedef struct Look { /* what would go, and when that was seen first */
    bool taken;
    int64_t cut, mono_ns;
} Look;

typedef struct Looks {
    uint32_t version; /* of the table: with another one all begin anew */
    size_t count;
    Look *items; /* a class each */
} Looks;

typedef struct TtlRun {
    size_t class; /* to be done next; those of the TTL, then the size */
    bool deleting;
    Ticket ticket;
} TtlRun;

static bool wanted(const TableDef *t)
{
    return ttl_any(t) || t->size_max > 0;
}

/* Up to where rows may go, because an earlier look said so too; INT64_MIN: not yet. */
static int64_t confirm(Job *j, const TableDef *t, size_t class, int64_t cut)
{
    Looks *l = j->memory;
    const Clock *clock = job_clock(j);
    int64_t now = clock->mono_ns(clock);
    if (!l)
        l = j->memory = MEM_NEW(Looks);
    if (l->version != t->version || l->count != t->ttl_count + 1u) {
        l->version = t->version;
        l->count = t->ttl_count + 1u;
        mem_free(l->items);
        l->items = mem_zero(l->count * sizeof *l->items);
    }
    Look *first = &l->items[class];
    int64_t both = first->cut < cut ? first->cut : cut;
    if (first->taken && now - first->mono_ns < LOOK_AGAIN_NS) {
        first->cut = both;
        return INT64_MIN;
    }
    bool second = first->taken;
    *first = (Look){true, cut, now};
    return second ? both : INT64_MIN;
}

/* Deletes what is older; *began = false: there is nothing. */
static bool delete_before(Job *j, const Snapshot *s, const TableDef *t, SeriesSet *series,
                          int64_t cut, bool *began)
{
    TtlRun *r = j->run;
    *began = false;
    if (cut == INT64_MIN || (series && !set_count(series)))
        return true;
    ExpiredRows old = snapshot_expired(s, t->id, series, cut);
    if (!old.any)
        return true;
    DeleteSpec d = {.table = t->id, .series = series, .t_min = INT64_MIN, .t_max = cut - 1};
    engine_watch_expired(db_engine(job_db(j)), t->id, cut);
    j->rows += old.rows;
    r->ticket = (Ticket){.waiter = job_task(j)};
    r->deleting = *began = true;
    engine_delete(db_engine(job_db(j)), &d, SYNC_ON, &r->ticket);
    return true;
}

/* Rows that tiers keep go when they are in the tier, and those of the tier before it are gone; in one
 * transaction with the word that they are.  It fails if rows came meanwhile: the next run looks again. */
static bool delete_kept(Job *j, const Snapshot *s, const TableDef *t, const Watch *keeper,
                        int64_t cut, bool *began, Err *e)
{
    TtlRun *r = j->run;
    const Watch *finer = watches_find(snapshot_watches(s), t->id);
    int64_t gone = keeper->state.horizon_ns, seam = watch_seam(s, t->id, cut);
    if (finer && finer->state.keeps && finer->state.horizon_ns < seam)
        seam = watch_grain_down(&keeper->state, finer->state.horizon_ns);
    if (cut == INT64_MIN || seam <= gone)
        return true;
    WatchEdit edit = {.what = WATCH_HORIZON | WATCH_UNCHANGED,
                      .state = {.id = keeper->state.id, .horizon_ns = seam},
                      .clear_lsn = snapshot_place(s),
                      .clear_from_ns = gone,
                      .clear_to_ns = seam};
    DeleteSpec old = {.table = t->id, .t_min = gone, .t_max = seam - 1};
    engine_watch_expired(db_engine(job_db(j)), t->id, seam);
    Txn *txn = txn_begin(db_engine(job_db(j)));
    if (!txn_watch(txn, &edit, e) || !txn_delete(txn, &old, e)) {
        txn_rollback(txn);
        return false;
    }
    j->rows += snapshot_expired(s, t->id, NULL, seam).rows;
    r->ticket = (Ticket){.waiter = job_task(j)};
    r->deleting = *began = true;
    txn_commit(txn, SYNC_ON, &r->ticket);
    return true;
}

static bool ttl_class(Job *j, const Snapshot *s, const TableDef *t, bool *began, Err *e)
{
    const TtlRun *r = j->run;
    TtlView *v;
    SeriesSet *series = NULL;
    *began = false;
    if (!ttl_open(&v, s, t, e))
        return false;
    int64_t keep = r->class ? t->ttls[r->class - 1].keep_ns : t->ttl_ns;
    int64_t cut = ttl_class_cut(v, r->class);
    if (cut != INT64_MIN)
        cut = confirm(j, t, r->class, ttl_align(t, keep, cut));
    const Watch *keeper = watch_keeper(snapshot_watches(s), t->id);
    bool ok = keeper ? delete_kept(j, s, t, keeper, cut, began, e)
                     : cut == INT64_MIN || (ttl_class_series(v, r->class, &series, e) &&
                                            delete_before(j, s, t, series, cut, began));
    set_unref(series);
    ttl_close(v);
    return ok;
}

/* One class, or the size; *done: that was all. */
static bool one_piece(Job *j, bool *done, bool *began, Err *e)
{
    TtlRun *r = j->run;
    Snapshot *s = engine_snapshot(db_engine(job_db(j)), NULL);
    const TableDef *t = cat_table_by_id(snapshot_catalog(s), j->table);
    size_t classes = t && ttl_any(t) ? t->ttl_count + 1u : 0;
    bool ok = true;
    *done = *began = false;
    if (t && r->class < classes)
        ok = ttl_class(j, s, t, began, e);
    else if (t && r->class == classes && t->size_max)
        ok = delete_before(j, s, t, NULL, snapshot_size_cut(s, t, t->size_max), began);
    else
        *done = true;
    r->class ++;
    snapshot_unref(s);
    return ok;
}

static JobStatus step(Job *j, Err *e)
{
    TtlRun *r = j->run;
    bool done, began;
    if (!r)
        r = j->run = MEM_NEW(TtlRun);
    if (r->deleting) {
        if (!atomic_load_explicit(&r->ticket.done, memory_order_acquire))
            return JOB_WAIT;
        r->deleting = false;
        if (!r->ticket.ok) {
            *e = r->ticket.err;
            return JOB_FAIL;
        }
    }
    if (!one_piece(j, &done, &began, e))
        return JOB_FAIL;
    return done ? JOB_DONE : began ? JOB_WAIT : JOB_MORE;
}

static void end(Job *j)
{
    mem_free(j->run);
    j->run = NULL;
}

static void forget(Job *j)
{
    Looks *l = j->memory;
    if (l)
        mem_free(l->items);
    mem_free(l);
    j->memory = NULL;
}

const JobKind job_ttl = {.name = "ttl",
                         .number = JOB_TTL,
                         .interval_ns = LOOK_AGAIN_NS,
                         .retry_ns = 60 * NS_PER_S,
                         .retry_max_ns = LOOK_AGAIN_NS,
                         .jitter_percent = 5,
                         .busy_percent = 20,
                         .wanted = wanted,
                         .step = step,
                         .end = end,
                         .forget = forget};
