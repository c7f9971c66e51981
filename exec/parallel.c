/* Pieces of one query on the worker pool.
 *
 * A gang is a set of tasks that each run one piece.  The owner waits without blocking: it is woken
 * when all pieces are done or one failed.  Closing early is safe at any time: under the mutex the gang
 * becomes `closed`; a piece that is inside a step (at most one slice) is waited for, one that is queued
 * finds `closed` when its turn comes and touches nothing but the gang itself, which is counted. */
#include "exec/op_private.h"

#include <time.h>

typedef struct Piece {
    Task task;
    Gang *gang;
    size_t index;
    Exec x;
    void *state;
    bool opened, finished; /* finished: needs the mutex */
} Piece;

struct Gang {
    Ref refs; /* the owner and each task */
    const GangDef *def;
    void *arg;
    Exec *parent; /* not after close */
    size_t count;
    Piece *pieces;
    atomic_bool stop;
    Mutex mutex;
    Cond idle; /* running became 0 */
    /* these need the mutex */
    size_t running, finished;
    bool closed, failed;
    Err err;
    Task *waiter;
    /* of the owner */
    Gang *next;
};

enum { RANK_GANG = RANK_TASK - 1 }; /* held while waking the owner */

static _Atomic int64_t gangs_alive;

static void gang_unref(Gang *g)
{
    if (!ref_drop(&g->refs))
        return;
    atomic_fetch_sub(&gangs_alive, 1);
    mutex_destroy(&g->mutex);
    cond_destroy(&g->idle);
    mem_free(g->pieces);
    mem_free(g);
}

/* ---- in the piece's task ---- */

static QueryStatus piece_run(Piece *p, Err *e)
{
    Gang *g = p->gang;
    if (!p->opened) {
        p->x.waiter = &p->task;
        exec_slice_begin(&p->x);
        if (!g->def->open(&p->x, p->state, g->arg, p->index, e))
            return QUERY_FAIL;
        p->opened = true;
    }
    exec_slice_begin(&p->x);
    return g->def->step(&p->x, p->state, e);
}

/* Called with the mutex held. */
static void piece_finish(Piece *p, QueryStatus st, const Err *e)
{
    Gang *g = p->gang;
    p->finished = true;
    g->finished++;
    if (st == QUERY_FAIL && !g->failed) {
        g->failed = true;
        g->err = *e;
        atomic_store_explicit(&g->stop, true, memory_order_relaxed);
    }
    if (g->waiter)
        task_wake(g->waiter);
}

static TaskStatus piece_step(Task *t)
{
    Piece *p = (Piece *)t; /* task is its first member */
    Gang *g = p->gang;
    Err e;
    err_clear(&e);
    mutex_lock(&g->mutex);
    if (g->closed) {
        mutex_unlock(&g->mutex);
        return TASK_DONE;
    }
    g->running++;
    mutex_unlock(&g->mutex);
    QueryStatus st = piece_run(p, &e);
    bool over = st == QUERY_END || st == QUERY_FAIL;
    mutex_lock(&g->mutex);
    if (over)
        piece_finish(p, st, &e);
    if (--g->running == 0 && g->closed)
        cond_signal(&g->idle);
    mutex_unlock(&g->mutex);
    return over ? TASK_DONE : st == QUERY_WAIT ? TASK_WAIT : TASK_MORE;
}

static void piece_done(Task *t)
{
    gang_unref(((Piece *)t)->gang);
}

/* ---- in the owner's task ---- */

Gang *gang_start(Exec *parent, const GangDef *def, void *arg, size_t count)
{
    Query *q = parent->query;
    Gang *g = MEM_NEW(Gang);
    atomic_fetch_add(&gangs_alive, 1);
    ref_init(&g->refs);
    g->def = def;
    g->arg = arg;
    g->parent = parent;
    g->count = count;
    g->waiter = parent->waiter;
    g->pieces = mem_zero(count * sizeof *g->pieces);
    atomic_init(&g->stop, false);
    mutex_init(&g->mutex, (LockRank)RANK_GANG);
    cond_init(&g->idle);
    g->next = q->gangs;
    q->gangs = g;
    for (size_t i = 0; i < count; i++) {
        Piece *p = &g->pieces[i];
        p->gang = g;
        p->index = i;
        p->state = mem_zero(def->piece_size);
        exec_setup(&p->x, q, &parent->ctx);
        p->x.stop = &g->stop;
        p->x.gang = g;
        ref_take(&g->refs);
        task_init(&p->task, piece_step, TASK_QUERY, q->group);
        p->task.done = piece_done;
    }
    for (size_t i = 0; i < count; i++)
        task_start(q->sched, &g->pieces[i].task);
    return g;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* All pieces look at the same files. */
static void add_scan(ScanCounters *to, const ScanCounters *from)
{
    uint64_t files = greater(to->files, from->files);
    uint64_t all = greater(to->files + to->files_pruned, from->files + from->files_pruned);
    scan_counters_add(to, from);
    to->files = files;
    to->files_pruned = all - files;
}

static void gang_stats(Gang *g)
{
    for (size_t i = 0; i < g->count; i++) {
        Exec *x = &g->pieces[i].x;
        for (size_t s = 0; s < x->stats_count; s++) {
            OpStats *from = &x->stats[s], *to = exec_stats(g->parent, from->plan);
            if (!to || from->loops == 0)
                continue;
            to->loops = to->loops ? to->loops : 1; /* a plan node that only the pieces run */
            to->rows += from->rows;
            to->batches += from->batches;
            to->removed += from->removed;
            to->ns += from->ns;
            to->bytes_max += from->bytes_max;
            to->series += from->series;
            to->runs += from->runs;
            to->stat_runs += from->stat_runs;
            add_scan(&to->scan, &from->scan);
            *from = (OpStats){.plan = from->plan};
        }
    }
}

QueryStatus gang_wait(Gang *g, Exec *parent, Err *e)
{
    mutex_lock(&g->mutex);
    QueryStatus st = QUERY_WAIT;
    if (g->failed) {
        *e = g->err;
        st = QUERY_FAIL;
    } else if (g->finished == g->count && g->running == 0) {
        st = QUERY_BATCH;
    } else {
        g->waiter = parent->waiter;
        /* The last piece has finished but is still leaving its step: it does not wake again. */
        if (g->finished == g->count || !g->waiter)
            st = QUERY_YIELD;
    }
    mutex_unlock(&g->mutex);
    if (st == QUERY_BATCH && parent->query->analyze)
        gang_stats(g);
    return st;
}

void *gang_piece(Gang *g, size_t i)
{
    must(i < g->count);
    return g->pieces[i].state;
}

void gang_lock(Gang *g)
{
    mutex_lock(&g->mutex);
}

void gang_unlock(Gang *g)
{
    mutex_unlock(&g->mutex);
}

void gang_wake_owner(Gang *g)
{
    if (g->waiter)
        task_wake(g->waiter);
}

void gang_wake_piece(Gang *g, size_t i)
{
    if (!g->pieces[i].finished)
        task_wake(&g->pieces[i].task);
}

QueryStatus gang_status(Gang *g, Exec *parent, Err *e)
{
    if (g->failed) {
        *e = g->err;
        return QUERY_FAIL;
    }
    g->waiter = parent->waiter;
    return g->waiter ? QUERY_WAIT : QUERY_YIELD;
}

QueryStatus gang_piece_status(Gang *g, size_t i, Exec *parent, Err *e)
{
    return !g->failed && g->pieces[i].finished ? QUERY_END : gang_status(g, parent, e);
}

size_t gang_count(const Gang *g)
{
    return g->count;
}

static void gang_unlist(Gang *g)
{
    Gang **at = &g->parent->query->gangs;
    while (*at && *at != g)
        at = &(*at)->next;
    must(*at == g);
    *at = g->next;
}

void gang_close(Gang *g)
{
    if (!g)
        return;
    atomic_store_explicit(&g->stop, true, memory_order_relaxed);
    mutex_lock(&g->mutex);
    g->closed = true;
    g->waiter = NULL;
    /* One that waits for data must find that it is over.  Woken under the mutex: a piece that has not
     * finished cannot be done before it has seen `closed`. */
    for (size_t i = 0; i < g->count; i++)
        if (!g->pieces[i].finished)
            task_wake(&g->pieces[i].task);
    while (g->running > 0)
        cond_wait(&g->idle, &g->mutex);
    mutex_unlock(&g->mutex);
    gang_unlist(g);
    /* From here on no piece touches anything but the gang. */
    for (size_t i = 0; i < g->count; i++) {
        Piece *p = &g->pieces[i];
        g->def->close(p->state);
        mem_free(p->state);
    }
    if (g->parent->query->analyze)
        gang_stats(g);
    for (size_t i = 0; i < g->count; i++)
        exec_clear(&g->pieces[i].x);
    gang_unref(g);
}

void gang_set_waiter(Query *q, Task *waiter)
{
    for (Gang *g = q->gangs; g; g = g->next) {
        mutex_lock(&g->mutex);
        g->waiter = waiter;
        mutex_unlock(&g->mutex);
    }
}

void query_drain_count(int by)
{
    atomic_fetch_add(&gangs_alive, by);
}

void query_drain(Sched *sched)
{
    struct timespec pause = {.tv_nsec = NS_PER_MS};
    for (int i = 0; i < 1000 && atomic_load(&gangs_alive) > 0; i++)
        if (sched_workers(sched) > 0 || !sched_step(sched))
            nanosleep(&pause, NULL);
}
