/* base/sync.h - mutexes with ranks, reference counts.
 *
 * A thread may only lock a mutex of a higher rank than all it holds (docs/locks.md lists the
 * ranks); debug builds assert it.  Nothing that can wait (I/O, a query) happens under one.
 * Threads: all. */
#ifndef SKULK_BASE_SYNC_H
#define SKULK_BASE_SYNC_H

#include "base/err.h"
#include <pthread.h>
#include <stdatomic.h>

typedef enum LockRank {
    RANK_SERVER = 10,
    RANK_SESSION = 20,
    RANK_DB = 30,    /* session's shared tables */
    RANK_TXN = 40,   /* table write locks */
    RANK_STORE = 50, /* engine: version swap, write queue */
    RANK_INDEX = 60, /* series index */
    RANK_LOG = 70,
    RANK_FILE = 80, /* one file's mapping */
    RANK_NET = 85,  /* output queue of a connection */
    RANK_TASK = 90, /* scheduler queues */
    RANK_LEAF = 100,
} LockRank;

typedef struct Mutex {
    pthread_mutex_t m;
    LockRank rank;
} Mutex;

void mutex_init(Mutex *m, LockRank rank);
void mutex_destroy(Mutex *m);
void mutex_lock(Mutex *m);
void mutex_unlock(Mutex *m);

typedef struct Cond {
    pthread_cond_t c;
} Cond;
void cond_init(Cond *c);
void cond_destroy(Cond *c);
void cond_wait(Cond *c, Mutex *m);
bool cond_wait_ns(Cond *c, Mutex *m, int64_t ns); /* false: time ran out */
void cond_signal(Cond *c);
void cond_broadcast(Cond *c);

/* A counter that many threads move at the same time: each has a place of its own in memory, so that no cache
 * line goes between cores.  A thread that counts up counts down again itself. */
enum { CROWD_PLACES = 4, CACHE_LINE = 64 };
typedef struct Crowd {
    struct CrowdPlace {
        _Atomic uint32_t count;
        char apart[CACHE_LINE - sizeof(uint32_t)];
    } place[CROWD_PLACES];
} Crowd;
void crowd_enter(Crowd *s);
void crowd_leave(Crowd *s);
bool crowd_empty(const Crowd *s); /* each place was at zero when it was looked at */

typedef struct Ref {
    _Atomic uint32_t count;
} Ref;
static inline void ref_init(Ref *r)
{
    atomic_store_explicit(&r->count, 1, memory_order_relaxed);
}
static inline void ref_take(Ref *r)
{
    atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
}
static inline bool ref_drop(Ref *r) /* true: that was the last one */
{
    return atomic_fetch_sub_explicit(&r->count, 1, memory_order_acq_rel) == 1;
}

#endif
