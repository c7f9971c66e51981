/* The life of a task, in Task.state:
 *
 *     NEW --task_start--> QUEUED --picked--> RUNNING --MORE--> QUEUED
 *                           ^                 |   \--DONE--> FINISHED
 *                           |                 |--WAIT--> WAITING --wake--> QUEUED
 *                           '---MORE, WAIT--- WOKEN <--wake-- RUNNING
 *
 * Only whoever moves a task to QUEUED puts it into a queue, and only the one that picked it
 * leaves RUNNING or WOKEN; so a task is in at most one queue, and no wake is lost.  Everything
 * but Task.state needs Sched.mutex.  Timers are set by the thread that ran the step and cleared
 * when the task is picked, so that a running task has none and done() may free it. */
#include "base/task.h"

#include "base/hash.h"
#include "base/mem.h"
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum TaskState {
    STATE_NEW,
    STATE_WAITING,
    STATE_QUEUED,
    STATE_RUNNING,
    STATE_WOKEN, /* running, and to be run again */
    STATE_FINISHED
} TaskState;

enum {
    GROUP_BUCKETS = 256,
    LONG_SHARE = 8,   /* every 8th pick is from the long groups */
    INGEST_SHARE = 2, /* every 2nd pick is TASK_INGEST */
    BACKGROUND_NICE = 5
};
#define SHORT_NS            (50 * NS_PER_MS)
#define BACKGROUND_SLICE_NS (20 * NS_PER_MS)

/* The runnable and running tasks of one session in one class. */
typedef struct TaskGroup {
    struct TaskGroup *next_in_ring;   /* while it has queued tasks; also the list of free groups */
    struct TaskGroup *next_in_bucket; /* by key */
    uint64_t key;
    bool own; /* of one task with group 0; the key is its address */
    TaskClass cls;
    Task *first, *last;
    size_t active;   /* tasks queued or running */
    int64_t used_ns; /* since it became runnable */
} TaskGroup;

typedef struct GroupRing {
    TaskGroup *first, *last;
} GroupRing;

typedef struct RunQueue {
    GroupRing quick, slow; /* groups below and above SHORT_NS */
    unsigned picks;
} RunQueue;

typedef enum PoolKind { POOL_WORKERS, POOL_BLOCKING, POOL_BACKGROUND, POOL_COUNT } PoolKind;

typedef struct Pool {
    struct Sched *sched; /* these four are fixed by sched_new; the threads go in sched_stop */
    struct Runner *runners;
    int thread_count;
    PoolKind kind;
    struct Runner *idle; /* the one that fell idle last first: its caches are warm */
    unsigned picks;      /* both need the mutex */
} Pool;

typedef struct Runner { /* a thread of a pool */
    Pool *pool;
    pthread_t thread;
    Cond work;
    struct Runner *next_idle; /* these need the mutex */
    bool called;              /* not idle any more, though it may not have noticed yet */
} Runner;

static _Thread_local const Task *current; /* its step runs on this thread */

struct Sched {
    const Clock *clock;
    Pool pools[POOL_COUNT];
    Mutex mutex; /* what follows needs it */
    RunQueue queues[TASK_CLASS_COUNT];
    TaskGroup *buckets[GROUP_BUCKETS];
    TaskGroup *free_groups;
    Task **timers; /* heap by wake_at_ns, from index 1 */
    size_t timer_count, timer_cap;
    Cond timer;         /* the one idle worker that waits for the next timer */
    bool timer_awaited; /* there is one */
    Cond outside;       /* callers of sched_run_until */
    bool stopping;
};

/* --- heap of timers --- */

static void timer_put(Sched *s, size_t index, Task *t)
{
    s->timers[index] = t;
    t->timer_index = index;
}

static void timer_sift_up(Sched *s, size_t index, Task *t)
{
    while (index > 1 && s->timers[index / 2]->wake_at_ns > t->wake_at_ns) {
        timer_put(s, index, s->timers[index / 2]);
        index /= 2;
    }
    timer_put(s, index, t);
}

static void timer_sift_down(Sched *s, size_t index, Task *t)
{
    for (;;) {
        size_t child = index * 2;
        if (child > s->timer_count)
            break;
        if (child < s->timer_count &&
            s->timers[child + 1]->wake_at_ns < s->timers[child]->wake_at_ns)
            child++;
        if (s->timers[child]->wake_at_ns >= t->wake_at_ns)
            break;
        timer_put(s, index, s->timers[child]);
        index = child;
    }
    timer_put(s, index, t);
}

/* Takes one of the idle threads; whoever takes it signals it. */
static Cond *call_idle(Pool *pool)
{
    Runner *r = pool->idle;
    pool->idle = r->next_idle;
    r->called = true;
    return &r->work;
}

static void timer_add(Sched *s, Task *t)
{
    must(t->timer_index == 0);
    if (s->timer_count + 1 >= s->timer_cap) {
        s->timer_cap = s->timer_cap ? s->timer_cap * 2 : 64;
        s->timers = mem_realloc(s->timers, s->timer_cap * sizeof(Task *));
    }
    timer_sift_up(s, ++s->timer_count, t);
    if (t->timer_index != 1)
        return;
    /* The new first one: whoever waits, waits too long. */
    if (s->timer_awaited)
        cond_signal(&s->timer);
    else if (s->pools[POOL_WORKERS].idle)
        cond_signal(call_idle(&s->pools[POOL_WORKERS]));
    else if (s->pools[POOL_WORKERS].thread_count == 0)
        cond_broadcast(&s->outside);
}

static void timer_remove(Sched *s, Task *t)
{
    size_t index = t->timer_index;
    if (index == 0)
        return;
    must(s->timers[index] == t);
    Task *last = s->timers[s->timer_count--];
    t->timer_index = 0;
    if (last == t)
        return;
    if (index > 1 && s->timers[index / 2]->wake_at_ns > last->wake_at_ns)
        timer_sift_up(s, index, last);
    else
        timer_sift_down(s, index, last);
}

static int64_t timer_next_ns(const Sched *s)
{
    return s->timer_count > 0 ? s->timers[1]->wake_at_ns : INT64_MAX;
}

/* --- groups and run queues --- */

static TaskGroup **group_bucket(Sched *s, uint64_t key)
{
    return &s->buckets[hash_mix(key, 0) % GROUP_BUCKETS];
}

static TaskGroup *group_join(Sched *s, Task *t)
{
    bool own = t->group == 0;
    uint64_t key = own ? (uint64_t)(uintptr_t)t : t->group;
    TaskGroup **bucket = group_bucket(s, key);
    TaskGroup *g = *bucket;
    while (g && (g->key != key || g->own != own || g->cls != t->cls))
        g = g->next_in_bucket;
    if (!g) {
        g = s->free_groups;
        if (g)
            s->free_groups = g->next_in_ring;
        else
            g = mem_alloc(sizeof *g);
        *g = (TaskGroup){.next_in_bucket = *bucket, .key = key, .own = own, .cls = t->cls};
        *bucket = g;
    }
    g->active++;
    return g;
}

static void group_leave(Sched *s, Task *t)
{
    TaskGroup *g = t->run_group;
    t->run_group = NULL;
    must(g->active > 0);
    if (--g->active > 0)
        return;
    must(g->first == NULL);
    TaskGroup **link = group_bucket(s, g->key);
    while (*link != g)
        link = &(*link)->next_in_bucket;
    *link = g->next_in_bucket;
    g->next_in_ring = s->free_groups;
    s->free_groups = g;
}

static void ring_append(RunQueue *q, TaskGroup *g)
{
    GroupRing *ring = g->used_ns < SHORT_NS ? &q->quick : &q->slow;
    g->next_in_ring = NULL;
    if (ring->last)
        ring->last->next_in_ring = g;
    else
        ring->first = g;
    ring->last = g;
}

static TaskGroup *ring_take(GroupRing *ring)
{
    TaskGroup *g = ring->first;
    ring->first = g->next_in_ring;
    if (!ring->first)
        ring->last = NULL;
    return g;
}

static bool queue_has(const RunQueue *q)
{
    return q->quick.first || q->slow.first;
}

static void enqueue(Sched *s, Task *t)
{
    TaskGroup *g = t->run_group;
    t->next = NULL;
    if (g->first) {
        g->last->next = t;
    } else {
        g->first = t;
        ring_append(&s->queues[t->cls], g);
    }
    g->last = t;
}

static Task *dequeue(RunQueue *q)
{
    bool take_long = q->slow.first && (!q->quick.first || ++q->picks % LONG_SHARE == 0);
    TaskGroup *g = ring_take(take_long ? &q->slow : &q->quick);
    Task *t = g->first;
    g->first = t->next;
    if (g->first)
        ring_append(q, g);
    else
        g->last = NULL;
    return t;
}

static Pool *pool_of(Sched *s, TaskClass cls)
{
    PoolKind kind = cls == TASK_BACKGROUND ? POOL_BACKGROUND
                    : cls == TASK_BLOCKING ? POOL_BLOCKING
                                           : POOL_WORKERS;
    while (kind > POOL_WORKERS && s->pools[kind].thread_count == 0)
        kind--;
    return &s->pools[kind];
}

/* Something is queued for the pool: who is to see it, NULL: nobody is idle.  Who signals gives up the mutex first
 * where he can: else the thread that wakes up would wait for it at once. */
static Cond *idle_one(Sched *s, Pool *pool)
{
    if (pool->idle)
        return call_idle(pool);
    if (pool->kind == POOL_WORKERS && s->timer_awaited)
        return &s->timer;
    return pool->thread_count == 0 ? &s->outside : NULL;
}

static void announce(Sched *s, Cond *to)
{
    if (to == &s->outside)
        cond_broadcast(to);
    else if (to)
        cond_signal(to);
}

/* Moves the state for a wake; true: the caller has to queue the task.  Even where the state
 * stays as it is, it is written: a mere load might overtake the caller's earlier stores, and the
 * step that is about to run would miss both them and the wake. */
static bool wake_claims(Task *t)
{
    int state = atomic_load_explicit(&t->state, memory_order_relaxed);
    for (;;) {
        must(state != STATE_NEW);
        int next = state == STATE_WAITING   ? STATE_QUEUED
                   : state == STATE_RUNNING ? STATE_WOKEN
                                            : state;
        if (atomic_compare_exchange_weak_explicit(&t->state, &state, next, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return state == STATE_WAITING;
    }
}

static Cond *make_runnable(Sched *s, Task *t)
{
    t->used_ns = 0;
    t->run_group = group_join(s, t);
    enqueue(s, t);
    return idle_one(s, pool_of(s, t->cls));
}

/* An exchange, not a store: it takes over what wakers published with the old state. */
static int set_state(Task *t, TaskState state)
{
    return atomic_exchange_explicit(&t->state, (int)state, memory_order_acq_rel);
}

/* A task in the heap waits, or is queued and not picked yet; both need the mutex to go on, so
 * that it cannot end under our hands. */
static void fire_timers(Sched *s, int64_t now_ns)
{
    while (s->timer_count > 0 && s->timers[1]->wake_at_ns <= now_ns) {
        Task *t = s->timers[1];
        timer_remove(s, t);
        if (wake_claims(t))
            announce(s, make_runnable(s, t));
    }
}

static Task *pick(Sched *s, Pool *pool)
{
    RunQueue *query = &s->queues[TASK_QUERY], *ingest = &s->queues[TASK_INGEST];
    RunQueue *q = NULL;
    unsigned turn = pool->picks++;
    /* The one that blocks first, but they take turns where one pool runs both. */
    for (int i = TASK_BLOCKING; i < TASK_CLASS_COUNT; i++)
        if (pool_of(s, (TaskClass)i) == pool && queue_has(&s->queues[i]) && (!q || turn % 2 != 0))
            q = &s->queues[i];
    /* With a pool of their own they are all there is; else they take turns with the others as well. */
    if (pool->kind == POOL_WORKERS && (!q || turn % 3 != 0)) {
        bool ingest_turn = turn % INGEST_SHARE == 0 || !queue_has(query);
        if (queue_has(ingest) && ingest_turn)
            q = ingest;
        else if (queue_has(query))
            q = query;
    }
    if (!q)
        return NULL;
    Task *t = dequeue(q);
    timer_remove(s, t);
    t->wake_at_ns = 0;
    must(set_state(t, STATE_RUNNING) == STATE_QUEUED);
    return t;
}

/* --- running --- */

static void after_wait(Sched *s, Task *t)
{
    int state = STATE_RUNNING;
    group_leave(s, t);
    if (t->wake_at_ns != 0)
        timer_add(s, t);
    if (atomic_compare_exchange_strong_explicit(&t->state, &state, STATE_WAITING,
                                                memory_order_acq_rel, memory_order_acquire))
        return; /* from here on t may be gone */
    must(set_state(t, STATE_QUEUED) == STATE_WOKEN);
    t->run_group = group_join(s, t);
    enqueue(s, t);
}

/* Runs one step; the mutex is held on entry and on return, not in between. */
static void run(Sched *s, Task *t)
{
    mutex_unlock(&s->mutex);
    int64_t begin_ns = s->clock->mono_ns(s->clock);
    current = t;
    TaskStatus status = t->step(t);
    current = NULL;
    int64_t took_ns = s->clock->mono_ns(s->clock) - begin_ns;
    mutex_lock(&s->mutex);
    t->used_ns += took_ns;
    t->run_group->used_ns += took_ns;
    switch (status) {
    case TASK_MORE:
        t->wake_at_ns = 0;
        set_state(t, STATE_QUEUED);
        enqueue(s, t);
        break;
    case TASK_WAIT:
        after_wait(s, t);
        break;
    case TASK_DONE:
        group_leave(s, t);
        set_state(t, STATE_FINISHED);
        mutex_unlock(&s->mutex);
        if (t->done)
            t->done(t);
        mutex_lock(&s->mutex);
        break;
    }
}

/* Nothing to run: one idle worker watches the timers, the others wait for work only. */
static void wait_for_work(Sched *s, Runner *r)
{
    Pool *pool = r->pool;
    int64_t next_ns = timer_next_ns(s);
    if (pool->kind != POOL_WORKERS || s->timer_awaited || next_ns == INT64_MAX) {
        r->called = false;
        r->next_idle = pool->idle;
        pool->idle = r;
        while (!r->called)
            cond_wait(&r->work, &s->mutex);
        return;
    }
    s->timer_awaited = true;
    cond_wait_ns(&s->timer, &s->mutex, next_ns - s->clock->mono_ns(s->clock));
    s->timer_awaited = false;
}

/* Before this thread is busy: another one takes what is left, and watches the timers. */
static void hand_over(Sched *s, Pool *pool)
{
    bool left = false;
    for (int i = 0; i < TASK_CLASS_COUNT; i++)
        left = left || (queue_has(&s->queues[i]) && pool_of(s, (TaskClass)i) == pool);
    if (left)
        announce(s, idle_one(s, pool));
    else if (pool->kind == POOL_WORKERS && s->timer_count > 0 && !s->timer_awaited && pool->idle)
        cond_signal(call_idle(pool));
}

/* Sealing, flushing and merging have time: a thread that wakes up to answer someone takes the processor from
 * them at once.  Where the kernel gives slices by request (sched_setattr(2), Linux 6.12), that needs a longer
 * one here; elsewhere the nice value does it.  A kernel that refuses either loses speed alone. */
static void step_back(void)
{
    struct { /* sched_attr of the kernel, whose header cannot be read beside glibc's */
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof attr,
              .policy = SCHED_OTHER,
              .nice = BACKGROUND_NICE,
              .runtime = BACKGROUND_SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &attr, 0) != 0)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), BACKGROUND_NICE);
}

static void *pool_main(void *arg)
{
    Runner *r = arg;
    Pool *pool = r->pool;
    Sched *s = pool->sched;
    if (pool->kind == POOL_BACKGROUND)
        step_back();
    mutex_lock(&s->mutex);
    while (!s->stopping) {
        if (s->timer_count > 0)
            fire_timers(s, s->clock->mono_ns(s->clock));
        Task *t = pick(s, pool);
        if (!t) {
            wait_for_work(s, r);
            continue;
        }
        hand_over(s, pool);
        run(s, t);
    }
    mutex_unlock(&s->mutex);
    return NULL;
}

/* --- the face --- */

static void pool_start(Pool *pool, int count)
{
    sigset_t all, before;
    pool->thread_count = count;
    pool->runners = count > 0 ? mem_zero((size_t)count * sizeof *pool->runners) : NULL;
    /* Signals are for the owner's threads; those of a fault are delivered all the same. */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    for (int i = 0; i < count; i++) {
        Runner *r = &pool->runners[i];
        r->pool = pool;
        cond_init(&r->work);
        must(pthread_create(&r->thread, NULL, pool_main, r) == 0);
    }
    must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

Sched *sched_new(const Clock *clock, int workers, int blocking, int background)
{
    const int counts[POOL_COUNT] = {workers, blocking, background};
    must(workers >= 0 && blocking >= 0 && background >= 0);
    if (workers == 0)
        must(blocking == 0 && background == 0);
    Sched *s = MEM_NEW(Sched);
    s->clock = clock;
    mutex_init(&s->mutex, RANK_TASK);
    cond_init(&s->timer);
    cond_init(&s->outside);
    for (int i = 0; i < POOL_COUNT; i++) {
        s->pools[i].sched = s;
        s->pools[i].kind = (PoolKind)i;
    }
    /* Threads read all counts: they must not run before these are final. */
    mutex_lock(&s->mutex);
    for (int i = 0; i < POOL_COUNT; i++)
        pool_start(&s->pools[i], counts[i]);
    mutex_unlock(&s->mutex);
    return s;
}

void sched_stop(Sched *s)
{
    mutex_lock(&s->mutex);
    s->stopping = true;
    cond_broadcast(&s->timer);
    cond_broadcast(&s->outside);
    for (int i = 0; i < POOL_COUNT; i++)
        while (s->pools[i].idle)
            cond_signal(call_idle(&s->pools[i]));
    mutex_unlock(&s->mutex);
    for (int i = 0; i < POOL_COUNT; i++) {
        Pool *pool = &s->pools[i];
        for (int k = 0; pool->runners && k < pool->thread_count; k++)
            must(pthread_join(pool->runners[k].thread, NULL) == 0);
    }
}

static void free_groups(TaskGroup *g, bool by_bucket)
{
    while (g) {
        TaskGroup *next = by_bucket ? g->next_in_bucket : g->next_in_ring;
        mem_free(g);
        g = next;
    }
}

void sched_free(Sched *s)
{
    if (!s)
        return;
    if (!s->stopping)
        sched_stop(s);
    for (size_t i = 0; i < GROUP_BUCKETS; i++)
        free_groups(s->buckets[i], true);
    free_groups(s->free_groups, false);
    mem_free(s->timers);
    for (int i = 0; i < POOL_COUNT; i++) {
        for (int k = 0; k < s->pools[i].thread_count; k++)
            cond_destroy(&s->pools[i].runners[k].work);
        mem_free(s->pools[i].runners);
    }
    cond_destroy(&s->timer);
    cond_destroy(&s->outside);
    mutex_destroy(&s->mutex);
    mem_free(s);
}

int sched_workers(const Sched *s)
{
    return s->pools[POOL_WORKERS].thread_count;
}

const Clock *sched_clock(const Sched *s)
{
    return s->clock;
}

bool sched_step(Sched *s)
{
    mutex_lock(&s->mutex);
    must(s->pools[POOL_WORKERS].thread_count == 0);
    Task *t = NULL;
    if (!s->stopping) {
        fire_timers(s, s->clock->mono_ns(s->clock));
        t = pick(s, &s->pools[POOL_WORKERS]);
    }
    if (t)
        run(s, t);
    mutex_unlock(&s->mutex);
    return t != NULL;
}

static bool anything_queued(const Sched *s)
{
    for (int i = 0; i < TASK_CLASS_COUNT; i++)
        if (queue_has(&s->queues[i]))
            return true;
    return false;
}

static void wait_for_timer(Sched *s)
{
    int64_t ns = timer_next_ns(s) - s->clock->mono_ns(s->clock);
    if (s->clock->pass)
        s->clock->pass(s->clock, ns > 0 ? ns : 0);
    else
        cond_wait_ns(&s->outside, &s->mutex, ns);
}

void sched_run_until(Sched *s, const atomic_bool *done)
{
    bool stepped = sched_workers(s) == 0;
    while (!atomic_load_explicit(done, memory_order_acquire)) {
        if (stepped && sched_step(s))
            continue;
        mutex_lock(&s->mutex);
        /* Looked at again under the mutex, so that no news falls between look and wait. */
        bool idle = !atomic_load_explicit(done, memory_order_acquire) && !s->stopping;
        if (stepped)
            idle = idle && !anything_queued(s);
        if (idle && stepped && s->timer_count > 0)
            wait_for_timer(s);
        else if (idle)
            cond_wait(&s->outside, &s->mutex);
        bool stopping = s->stopping;
        mutex_unlock(&s->mutex);
        if (stopping)
            return;
    }
}

void sched_notify(Sched *s)
{
    mutex_lock(&s->mutex);
    cond_broadcast(&s->outside);
    mutex_unlock(&s->mutex);
}

int64_t sched_next_timer_ns(Sched *s)
{
    mutex_lock(&s->mutex);
    int64_t next_ns = timer_next_ns(s);
    mutex_unlock(&s->mutex);
    return next_ns;
}

void task_init(Task *t, TaskStatus (*step)(Task *), TaskClass cls, uint64_t group)
{
    must(cls < TASK_CLASS_COUNT);
    memset(t, 0, sizeof *t);
    t->step = step;
    t->cls = cls;
    t->group = group;
    atomic_init(&t->state, STATE_NEW);
}

void task_start(Sched *s, Task *t)
{
    must(atomic_load_explicit(&t->state, memory_order_relaxed) == STATE_NEW);
    t->sched = s;
    mutex_lock(&s->mutex);
    set_state(t, STATE_QUEUED);
    Cond *to = make_runnable(s, t);
    mutex_unlock(&s->mutex);
    announce(s, to);
}

void task_wake(Task *t)
{
    Sched *s = t->sched;
    if (!wake_claims(t))
        return;
    mutex_lock(&s->mutex);
    Cond *to = make_runnable(s, t);
    mutex_unlock(&s->mutex);
    announce(s, to);
}

bool task_is_current(const Task *t)
{
    return current == t;
}

void task_wake_done(Task *t, atomic_bool *done)
{
    Sched *s = t->sched;
    mutex_lock(&s->mutex);
    atomic_store_explicit(done, true, memory_order_release);
    Cond *to = wake_claims(t) ? make_runnable(s, t) : NULL;
    mutex_unlock(&s->mutex);
    announce(s, to);
}

void task_wake_at(Task *t, int64_t mono_ns)
{
    must(atomic_load_explicit(&t->state, memory_order_relaxed) >= STATE_RUNNING);
    t->wake_at_ns = mono_ns > 0 ? mono_ns : 1;
}
