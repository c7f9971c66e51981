/* storage/lock.h - write locks of tables: one owner (a transaction) at a time, first come first served.
 *
 * A transaction that waits, waits for one table; so who waits for whom is a chain, and a deadlock is
 * a chain that comes back to who asks.  A table remembers the LSN at which it was last changed under
 * its lock: that is what REPEATABLE READ asks for.
 * Not its business: INSERT, COPY and ingest, which take no lock.
 * Threads: any; an owner belongs to one task at a time. */
#ifndef SKULK_STORAGE_LOCK_H
#define SKULK_STORAGE_LOCK_H

#include "storage/engine.h"

typedef struct LockTable LockTable;
typedef struct LockOwner LockOwner;

LockTable *locks_new(void);
void locks_free(LockTable *t); /* no owner may be left */

typedef struct LockWish {
    TableId table;
    bool kept; /* the reader's snapshot is kept: changes after `seen` are conflicts */
    Lsn seen;
    int64_t now_ns, deadline_ns; /* monotonic; 0 = waits for ever */
    Task *waiter;                /* woken when it is worth asking again; may be NULL */
} LockWish;

LockOwner *lock_owner_new(LockTable *t, int32_t who /* for locks_each */);
LockStatus lock_take(LockOwner *o, const LockWish *wish, Err *e);
void lock_cancel(LockOwner *o);
/* Who has or wants what, one after the other, under the mutex (RANK_TXN). */
void locks_each(LockTable *t, LockEach each, void *arg);
/* Gives all back and frees the owner (NULL is fine); changed: LSN of what it did, 0 = nothing. */
void lock_owner_end(LockOwner *o, Lsn changed);

#endif
