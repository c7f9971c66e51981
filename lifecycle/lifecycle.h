/* lifecycle/lifecycle.h - data that looks after itself: jobs that run at intervals.
 *
 * One task looks which jobs are due, others step them, a few of each kind at once; nothing blocks.
 * Intervals are measured by the monotonic clock.  What jobs have done is in the catalog (states survive a restart), what they do
 * now is in skulk.jobs.  To add a kind of job: lifecycle/jobs.h.
 * Threads: start and stop from outside of the pool. */
#ifndef SKULK_LIFECYCLE_LIFECYCLE_H
#define SKULK_LIFECYCLE_LIFECYCLE_H

#include "session/session.h"

typedef struct Lifecycle Lifecycle;

Lifecycle *lifecycle_start(Db *db);
void lifecycle_stop(
    Lifecycle *l); /* blocking: a job ends where it can go on later; before db_close */

#endif
