#include "base/sync.h"

#include "base/clock.h"
#include <errno.h>
#include <time.h>

#ifdef SKULK_DEBUG
enum { HELD_MAX = 16 };
static _Thread_local LockRank held[HELD_MAX]; /* ascending, because only that is allowed */
static _Thread_local int held_count;

static void rank_enter(LockRank rank)
{
    must(held_count < HELD_MAX);
    if (held_count > 0)
        must(rank > held[held_count - 1]);
    held[held_count++] = rank;
}

static void rank_leave(LockRank rank)
{
    int i = held_count;
    while (i > 0 && held[i - 1] != rank)
        i--;
    must(i > 0);
    for (; i < held_count; i++)
        held[i - 1] = held[i];
    held_count--;
}
#else
static void rank_enter(LockRank rank)
{
    (void)rank;
}

static void rank_leave(LockRank rank)
{
    (void)rank;
}
#endif

void mutex_init(Mutex *m, LockRank rank)
{
    must(pthread_mutex_init(&m->m, NULL) == 0);
    m->rank = rank;
}

void mutex_destroy(Mutex *m)
{
    must(pthread_mutex_destroy(&m->m) == 0);
}

void mutex_lock(Mutex *m)
{
    rank_enter(m->rank);
    must(pthread_mutex_lock(&m->m) == 0);
}

void mutex_unlock(Mutex *m)
{
    must(pthread_mutex_unlock(&m->m) == 0);
    rank_leave(m->rank);
}

/* Waits are measured on the monotonic clock: a step of the wall clock must not stretch them. */
void cond_init(Cond *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&c->c, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void cond_destroy(Cond *c)
{
    must(pthread_cond_destroy(&c->c) == 0);
}

void cond_wait(Cond *c, Mutex *m)
{
    must(pthread_cond_wait(&c->c, &m->m) == 0);
}

bool cond_wait_ns(Cond *c, Mutex *m, int64_t ns)
{
    struct timespec t;
    if (ns < 0)
        ns = 0;
    if (ns > 1000 * NS_PER_DAY)
        ns = 1000 * NS_PER_DAY;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += t.tv_nsec;
    t.tv_sec += (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    int rc = pthread_cond_timedwait(&c->c, &m->m, &t);
    must(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void cond_signal(Cond *c)
{
    must(pthread_cond_signal(&c->c) == 0);
}

void cond_broadcast(Cond *c)
{
    must(pthread_cond_broadcast(&c->c) == 0);
}

/* ---- crowds ---- */
static _Thread_local uint32_t own_place; /* + 1; 0: none yet */

static struct CrowdPlace *place_of_thread(Crowd *s)
{
    static _Atomic uint32_t threads;
    if (!own_place)
        own_place = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % CROWD_PLACES + 1;
    return &s->place[own_place - 1];
}

void crowd_enter(Crowd *s)
{
    atomic_fetch_add(&place_of_thread(s)->count, 1);
}

void crowd_leave(Crowd *s)
{
    atomic_fetch_sub(&place_of_thread(s)->count, 1);
}

bool crowd_empty(const Crowd *s)
{
    for (size_t i = 0; i < CROWD_PLACES; i++)
        if (atomic_load(&s->place[i].count))
            return false;
    return true;
}
