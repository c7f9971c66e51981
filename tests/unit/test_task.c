#include "base/mem.h"
#include "base/task.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

/* --- a clock in hand, for workers = 0 --- */

static int64_t now_ns;

static int64_t fake_ns(const Clock *c)
{
    (void)c;
    return now_ns;
}

static uint64_t fake_random(const Clock *c)
{
    (void)c;
    return 4;
}

static const Clock fake = {fake_ns, fake_ns, fake_random, NULL};

typedef struct Probe {
    Task task;
    int id, steps, steps_max;
    int64_t cost_ns;
    int64_t sleep_ns;
    TaskStatus status; /* of all steps but the last */
    bool finished;
} Probe;

static int order[256];
static int order_count;

static TaskStatus probe_step(Task *t)
{
    Probe *p = (Probe *)t;
    order[order_count++ % 256] = p->id;
    now_ns += p->cost_ns;
    if (++p->steps == p->steps_max)
        return TASK_DONE;
    if (p->sleep_ns > 0)
        task_wake_at(t, now_ns + p->sleep_ns);
    return p->status;
}

static void probe_done(Task *t)
{
    ((Probe *)t)->finished = true;
}

static void probe_start(Sched *s, Probe *p, int id, TaskClass cls, uint64_t group)
{
    task_init(&p->task, probe_step, cls, group);
    p->task.done = probe_done;
    p->id = id;
    task_start(s, &p->task);
}

START_TEST(lifecycle)
{
    Sched *s = sched_new(&fake, 0, 0, 0);
    Probe p = {.steps_max = 3, .status = TASK_WAIT};
    ck_assert(!sched_step(s));
    probe_start(s, &p, 1, TASK_QUERY, 7);
    ck_assert(sched_step(s) && !sched_step(s));
    task_wake(&p.task);
    task_wake(&p.task); /* once is enough, twice does no harm */
    ck_assert(sched_step(s) && !sched_step(s));
    task_wake(&p.task);
    ck_assert(sched_step(s) && !sched_step(s));
    ck_assert(p.finished && p.steps == 3);
    ck_assert_int_eq(sched_workers(s), 0);
    ck_assert_ptr_eq(sched_clock(s), &fake);
    sched_free(s);
    sched_free(NULL);
}
END_TEST

START_TEST(timers)
{
    enum { N = 50 };
    Sched *s = sched_new(&fake, 0, 0, 0);
    Probe p[N];
    now_ns = 1000;
    order_count = 0;
    for (int i = 0; i < N; i++) {
        p[i] = (Probe){.steps_max = 2, .status = TASK_WAIT, .sleep_ns = 1 + (i * 37) % N};
        probe_start(s, &p[i], i, TASK_QUERY, 0);
    }
    while (sched_step(s))
        ;
    ck_assert_int_eq(order_count, N);
    ck_assert_int_eq(sched_next_timer_ns(s), 1001);
    task_wake(&p[5].task); /* before its timer, which then must not count */
    ck_assert(sched_step(s) && p[5].finished && !sched_step(s));
    order_count = 0;
    while (sched_next_timer_ns(s) != INT64_MAX) {
        now_ns = sched_next_timer_ns(s);
        while (sched_step(s))
            ;
    }
    ck_assert_int_eq(order_count, N - 1);
    for (int i = 1; i < order_count; i++)
        ck_assert_int_lt(p[order[i - 1]].sleep_ns, p[order[i]].sleep_ns);
    sched_free(s);
}
END_TEST

/* Five tasks of one session and one of another: the two sessions take turns. */
START_TEST(fair_by_group)
{
    Sched *s = sched_new(&fake, 0, 0, 0);
    Probe p[6];
    order_count = 0;
    for (int i = 0; i < 6; i++) {
        p[i] = (Probe){.steps_max = 100, .status = TASK_MORE};
        probe_start(s, &p[i], i < 5 ? 0 : 1, TASK_QUERY, i < 5 ? 11 : 12);
    }
    int other = 0;
    for (int i = 0; i < 40; i++) {
        ck_assert(sched_step(s));
        other += order[i];
    }
    ck_assert_int_eq(other, 20);
    sched_stop(s);
    ck_assert(!sched_step(s));
    sched_free(s);
}
END_TEST

START_TEST(short_before_long)
{
    Sched *s = sched_new(&fake, 0, 0, 0);
    Probe slow = {.steps_max = 1000, .status = TASK_MORE, .cost_ns = 10 * NS_PER_MS};
    Probe quick = {.steps_max = 5, .status = TASK_MORE, .cost_ns = NS_PER_MS};
    probe_start(s, &slow, 0, TASK_QUERY, 1);
    for (int i = 0; i < 20; i++)
        ck_assert(sched_step(s));
    probe_start(s, &quick, 1, TASK_QUERY, 2);
    int steps = 0;
    for (; !quick.finished; steps++)
        ck_assert(sched_step(s));
    ck_assert_int_le(steps, 6);
    /* … but an endless row of short ones leaves the long one its share. */
    int before = slow.steps;
    quick = (Probe){.steps_max = -1, .status = TASK_MORE};
    probe_start(s, &quick, 1, TASK_QUERY, 2);
    for (int i = 0; i < 80; i++)
        ck_assert(sched_step(s));
    ck_assert_int_ge(slow.steps - before, 9);
    sched_free(s);
}
END_TEST

START_TEST(ingest_share)
{
    Sched *s = sched_new(&fake, 0, 0, 0);
    Probe q[10], ingest = {.steps_max = -1, .status = TASK_MORE};
    order_count = 0;
    for (int i = 0; i < 10; i++) {
        q[i] = (Probe){.steps_max = -1, .status = TASK_MORE};
        probe_start(s, &q[i], 0, TASK_QUERY, (uint64_t)i + 1);
    }
    probe_start(s, &ingest, 1, TASK_INGEST, 99);
    for (int i = 0; i < 100; i++)
        ck_assert(sched_step(s));
    ck_assert_int_eq(ingest.steps, 50);
    Probe blocking = {.steps_max = -1, .status = TASK_MORE};
    probe_start(s, &blocking, 2, TASK_BLOCKING, 0);
    for (int i = 0; i < 90; i++)
        ck_assert(sched_step(s));
    ck_assert_int_ge(blocking.steps, 25);
    ck_assert_int_le(blocking.steps, 65);
    sched_free(s);
}
END_TEST

/* --- real threads --- */

typedef struct Counter {
    Task task;
    Sched *sched;
    atomic_int wanted; /* raised before each wake */
    int seen;          /* by the step; never more than one at once */
    int total;
    int slow_every;
    atomic_int running;
    atomic_bool done;
} Counter;

/* Sees every wake: whatever was raised before it, is seen by this or a later step. */
static TaskStatus counter_step(Task *t)
{
    Counter *c = (Counter *)t;
    ck_assert_int_eq(atomic_fetch_add(&c->running, 1), 0);
    c->seen = atomic_load_explicit(&c->wanted, memory_order_relaxed);
    if (c->slow_every && c->seen % c->slow_every == 0)
        sched_yield();
    atomic_fetch_sub(&c->running, 1);
    return c->seen == c->total ? TASK_DONE : TASK_WAIT;
}

static void counter_done(Task *t)
{
    Counter *c = (Counter *)t;
    Sched *s = c->sched;
    atomic_store(&c->done, true);
    sched_notify(s);
}

enum { WAKERS = 3, WAKES = 30000 };

static void *waker_main(void *arg)
{
    Counter *c = arg;
    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add_explicit(&c->wanted, 1, memory_order_relaxed);
        task_wake(&c->task);
    }
    return NULL;
}

static void race(int workers, TaskClass cls)
{
    Sched *s = sched_new(&clock_real, workers, 1, 0);
    Counter c = {.sched = s, .total = WAKERS * WAKES + 1, .slow_every = 3};
    pthread_t threads[WAKERS];
    task_init(&c.task, counter_step, cls, 1);
    c.task.done = counter_done;
    task_start(s, &c.task);
    for (int i = 0; i < WAKERS; i++)
        pthread_create(&threads[i], NULL, waker_main, &c);
    for (int i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    /* Only this last one lets the task end. */
    atomic_fetch_add(&c.wanted, 1);
    task_wake(&c.task);
    sched_run_until(s, &c.done);
    ck_assert_int_eq(c.seen, c.total);
    sched_stop(s);
    sched_free(s);
}

START_TEST(no_wake_is_lost)
{
    race(1, TASK_QUERY);
    race(2, TASK_QUERY);
    race(2, TASK_BLOCKING);
    race(2, TASK_BACKGROUND);
}
END_TEST

/* Two tasks hand a ball to and fro: one lost wake and the game stands still. */
typedef struct Player {
    Task task;
    struct Player *other;
    Sched *sched;
    atomic_bool ball;
    int hits, hits_max;
    atomic_bool done;
} Player;

static TaskStatus player_step(Task *t)
{
    Player *p = (Player *)t;
    if (!atomic_exchange_explicit(&p->ball, false, memory_order_relaxed))
        return TASK_WAIT;
    if (++p->hits == p->hits_max)
        return TASK_DONE; /* and keeps the ball, so that nobody wakes it any more */
    atomic_store_explicit(&p->other->ball, true, memory_order_relaxed);
    task_wake(&p->other->task);
    return TASK_WAIT;
}

static void player_done(Task *t)
{
    Player *p = (Player *)t;
    atomic_store(&p->done, true);
    sched_notify(p->sched);
}

START_TEST(ping_pong)
{
    enum { HITS = 20000 };
    Sched *s = sched_new(&clock_real, 2, 0, 0);
    Player a = {.sched = s, .hits_max = HITS}, b = {.sched = s, .hits_max = HITS + 10};
    a.other = &b;
    b.other = &a;
    task_init(&a.task, player_step, TASK_QUERY, 1);
    task_init(&b.task, player_step, TASK_INGEST, 2);
    a.task.done = player_done;
    task_start(s, &a.task);
    task_start(s, &b.task);
    atomic_store(&a.ball, true);
    task_wake(&a.task);
    sched_run_until(s, &a.done);
    sched_stop(s);
    ck_assert_int_eq(a.hits, HITS);
    ck_assert_int_ge(b.hits, HITS - 1);
    sched_free(s);
}
END_TEST

typedef struct Sleeper {
    Task task;
    Sched *sched;
    int64_t due_ns, late_ns;
    int naps;
    atomic_int *left;
    atomic_bool *done;
} Sleeper;

static TaskStatus sleeper_step(Task *t)
{
    Sleeper *p = (Sleeper *)t;
    int64_t now = clock_real.mono_ns(&clock_real);
    if (p->due_ns != 0) {
        ck_assert_int_ge(now, p->due_ns);
        if (now - p->due_ns > p->late_ns)
            p->late_ns = now - p->due_ns;
    }
    if (p->naps-- == 0)
        return TASK_DONE;
    p->due_ns = now + (p->naps % 7 + 1) * NS_PER_MS;
    task_wake_at(t, p->due_ns);
    return TASK_WAIT;
}

static void sleeper_done(Task *t)
{
    Sleeper *p = (Sleeper *)t;
    if (atomic_fetch_sub(p->left, 1) == 1) {
        atomic_store(p->done, true);
        sched_notify(p->sched);
    }
}

static void sleep_with(int workers, int blocking, int background)
{
    enum { N = 20 };
    Sched *s = sched_new(&clock_real, workers, blocking, background);
    Sleeper p[N];
    atomic_int left = N;
    atomic_bool done = false;
    for (int i = 0; i < N; i++) {
        p[i] = (Sleeper){.sched = s, .naps = 15, .left = &left, .done = &done};
        task_init(&p[i].task, sleeper_step, (TaskClass)(i % TASK_CLASS_COUNT), (uint64_t)i % 4);
        p[i].task.done = sleeper_done;
        task_start(s, &p[i].task);
    }
    sched_run_until(s, &done);
    for (int i = 0; i < N; i++)
        ck_assert_int_lt(p[i].late_ns, 5 * NS_PER_S);
    ck_assert_int_eq(sched_next_timer_ns(s), INT64_MAX);
    sched_stop(s);
    sched_free(s);
}

START_TEST(real_timers)
{
    sleep_with(2, 1, 1);
    sleep_with(2, 2, 0);
    sleep_with(2, 0, 1);
    sleep_with(1, 0, 0);
    sleep_with(0, 0, 0);
}
END_TEST

/* Many short-lived tasks, each on the heap and freed by done(). */
typedef struct Brief {
    Task task;
    int steps;
} Brief;

enum { BRIEF = 5000 };
static atomic_int briefs_left;
static atomic_bool briefs_done;

static TaskStatus brief_step(Task *t)
{
    Brief *b = (Brief *)t;
    if (b->steps-- == 0)
        return TASK_DONE;
    task_wake(t); /* from inside: WAIT then acts as MORE */
    return b->steps % 2 ? TASK_MORE : TASK_WAIT;
}

static void brief_done(Task *t)
{
    Sched *s = t->sched;
    mem_free(t);
    if (atomic_fetch_sub(&briefs_left, 1) == 1) {
        atomic_store(&briefs_done, true);
        sched_notify(s);
    }
}

START_TEST(many_tasks)
{
    Sched *s = sched_new(&clock_real, 2, 1, 0);
    atomic_store(&briefs_left, BRIEF);
    for (int i = 0; i < BRIEF; i++) {
        Brief *b = MEM_NEW(Brief);
        task_init(&b->task, brief_step, (TaskClass)(i % TASK_CLASS_COUNT), (uint64_t)i % 17);
        b->task.done = brief_done;
        b->steps = i % 5;
        task_start(s, &b->task);
    }
    sched_run_until(s, &briefs_done);
    sched_free(s);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("task");
    tcase_add_test(tc, lifecycle);
    tcase_add_test(tc, timers);
    tcase_add_test(tc, fair_by_group);
    tcase_add_test(tc, short_before_long);
    tcase_add_test(tc, ingest_share);
    tcase_add_test(tc, no_wake_is_lost);
    tcase_add_test(tc, ping_pong);
    tcase_add_test(tc, real_timers);
    tcase_add_test(tc, many_tasks);
    return unit_run(tc);
}
