/* base/task.h - tasks and the worker pool: the only way work runs.
 *
 * A task is a state plus step().  step() does at most one batch or 10 ms of work and returns
 *   TASK_MORE  run me again when it is my turn,
 *   TASK_WAIT  do not run me before task_wake(),
 *   TASK_DONE  finished; done() is called once and then the scheduler forgets the task.
 * Nothing in a step blocks, except in tasks of class TASK_BLOCKING and TASK_BACKGROUND, which run on the few
 * threads made for them: the former for what someone waits for (the log), the latter, at a lower priority, for
 * flush and compaction.
 * A wake that comes while step() runs is not lost: WAIT then acts as MORE.
 * A step never runs twice at once; successive steps are ordered (happens-before).
 * With workers = 0 nothing runs until the owner calls sched_step (tests/sim, skulk_step).
 * Fairness: by group (session), round robin; a group that has used less than 50 ms since it
 * became runnable goes first (but every 8th pick is a long one, so that those never starve);
 * TASK_INGEST has its own share (every 2nd pick while there are any).
 * Threads: task_wake and task_start from any thread. */
#ifndef SKULK_BASE_TASK_H
#define SKULK_BASE_TASK_H

#include "base/clock.h"
#include "base/sync.h"

typedef enum TaskStatus { TASK_MORE, TASK_WAIT, TASK_DONE } TaskStatus;
typedef enum TaskClass {
    TASK_QUERY,
    TASK_INGEST,
    TASK_BLOCKING,
    TASK_BACKGROUND,
    TASK_CLASS_COUNT
} TaskClass;

typedef struct Sched Sched;
typedef struct Task Task;
struct Task {
    TaskStatus (*step)(Task *t);
    void (*done)(Task *t); /* may free the task; may be NULL */
    TaskClass cls;
    uint64_t group; /* session id; 0 = a group of its own */
    /* the scheduler's own fields */
    Sched *sched;
    Task *next;
    _Atomic int state;
    int64_t used_ns;             /* since it last became runnable */
    int64_t wake_at_ns;          /* timer, monotonic; 0 = none; needs the scheduler's mutex */
    size_t timer_index;          /* place in the heap of timers, from 1; 0 = none */
    struct TaskGroup *run_group; /* while runnable or running; needs the scheduler's mutex */
};

#define TASK_SLICE_NS (10 * NS_PER_MS)
/* What strangers can ask for (handshakes, passwords): all of them share the turn of one session. */
#define TASK_GROUP_STRANGERS (UINT64_C(3) << 32)

/* workers = 0: stepped by the owner, the others must be 0 as well.  blocking, background: threads for
 * TASK_BLOCKING and TASK_BACKGROUND; background = 0: those share the threads of the former; both 0: all run
 * among the others. */
Sched *sched_new(const Clock *clock, int workers, int blocking, int background);
void sched_stop(Sched *s); /* runs no further step; joins the threads; tasks stay as they are */
void sched_free(Sched *s);
int sched_workers(const Sched *s);
const Clock *sched_clock(const Sched *s);
/* Runs one step of some runnable task; false: nothing was runnable.  For workers = 0. */
bool sched_step(Sched *s);
/* For a caller outside the pool (tests, the library): returns once *done is set.  With workers = 0
 * it steps and sleeps until the next timer, else it waits; sched_notify wakes it. */
void sched_run_until(Sched *s, const atomic_bool *done);
void sched_notify(Sched *s);
int64_t sched_next_timer_ns(Sched *s); /* monotonic time of the next timer; INT64_MAX: none */

void task_init(Task *t, TaskStatus (*step)(Task *), TaskClass cls, uint64_t group);
void task_start(Sched *s, Task *t); /* first run; the task must stay alive until done() */
void task_wake(Task *t);            /* safe at any time between task_start and done() */
/* *done = true and task_wake(), in one move: the task may end as soon as it sees what it waits for, and
 * without this a wake for another reason could let it see that before task_wake() is through with it. */
void task_wake_done(Task *t, atomic_bool *done);
bool task_is_current(const Task *t); /* this thread is inside its step */
/* Inside step(), before returning TASK_WAIT: also wake me at this monotonic time. */
void task_wake_at(Task *t, int64_t mono_ns);

#endif
