/* session/advisory.h - advisory locks (pg_advisory_lock() and its kin) of the sessions of a Db.
 *
 * Not its business: write locks of tables (storage/lock.h).  Deadlocks are found among advisory locks;
 * one that goes over a table as well ends with lock_timeout or statement_timeout.
 * Threads: advisory_each from any; what takes a Session from its task. */
#ifndef SKULK_SESSION_ADVISORY_H
#define SKULK_SESSION_ADVISORY_H

#include "session/session.h"

typedef struct AdvisoryLocks AdvisoryLocks;
typedef struct AdvisoryKey {
    ObjectId database;
    uint32_t high, low;
    bool two; /* given as two int4, not as one int8 */
} AdvisoryKey;

AdvisoryLocks *advisory_new(void);
void advisory_free(AdvisoryLocks *all); /* when there are no sessions */

/* DONE: what functions of this statement wanted is had; WAIT: the session's waiter is woken;
 * FAIL: 40P01, 55P03. */
RunStatus advisory_wait(Session *s, Err *e);
void advisory_stop_waiting(Session *s); /* the statement has failed */
void advisory_end_transaction(Session *s);
/* To the savepoint with so many marks up to and including it: what was taken later is given back. */
void advisory_rollback_to(Session *s, size_t marks);
/* RELEASE: what was taken later belongs to the marks that are left. */
void advisory_leave_savepoint(Session *s, size_t marks);
void advisory_unlock_all(Session *s); /* the session's, not the transaction's */
void advisory_forget(Session *s);     /* all of it */

/* since_us: waits since then; 0: has it. */
typedef void (*AdvisoryEach)(void *arg, const AdvisoryKey *key, int32_t pid, bool shared,
                             int64_t since_us);
void advisory_each(Db *db, AdvisoryEach each, void *arg); /* under a lock of RANK_TXN */
extern FuncDef advisory_functions[];

#endif
