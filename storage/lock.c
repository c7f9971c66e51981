#include "storage/lock.h"

enum { FORGET_MIN = 256 };

typedef struct TableLock {
    TableId table;
    LockOwner *owner;        /* NULL: free */
    LockOwner *first, *last; /* who waits */
    Lsn changed;             /* under the lock, last */
} TableLock;

struct LockOwner {
    LockTable *all;
    int32_t who;
    /* what follows needs the table's mutex */
    TableLock **held;
    size_t count, cap;
    TableLock *waits; /* NULL: for nothing */
    LockOwner *next;  /* in the same queue */
    Task *waiter;
};

struct LockTable {
    Mutex mutex;
    TableLock **locks; /* by table; of those that are, or lately were, locked */
    size_t count, cap;
    size_t forget_at; /* entries */
    Lsn forgotten;    /* no table without an entry was changed later than that */
};

LockTable *locks_new(void)
{
    LockTable *t = MEM_NEW(LockTable);
    mutex_init(&t->mutex, RANK_TXN);
    t->forget_at = FORGET_MIN;
    return t;
}

void locks_free(LockTable *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        must(!t->locks[i]->owner);
        mem_free(t->locks[i]);
    }
    mem_free(t->locks);
    mutex_destroy(&t->mutex);
    mem_free(t);
}

LockOwner *lock_owner_new(LockTable *t, int32_t who)
{
    LockOwner *o = MEM_NEW(LockOwner);
    o->all = t;
    o->who = who;
    return o;
}

void locks_each(LockTable *t, LockEach each, void *arg)
{
    mutex_lock(&t->mutex);
    for (size_t i = 0; i < t->count; i++) {
        const TableLock *l = t->locks[i];
        if (l->owner)
            each(arg, l->table, l->owner->who, true);
        for (const LockOwner *o = l->first; o; o = o->next)
            each(arg, l->table, o->who, false);
    }
    mutex_unlock(&t->mutex);
}

/* Tables that nobody has or wants lose their entry: most of them are dropped by now. */
static void forget_free(LockTable *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        TableLock *l = t->locks[i];
        if (l->owner || l->first) {
            t->locks[kept++] = l;
            continue;
        }
        t->forgotten = l->changed > t->forgotten ? l->changed : t->forgotten;
        mem_free(l);
    }
    t->count = kept;
    t->forget_at = kept * 2 > FORGET_MIN ? kept * 2 : FORGET_MIN;
}

static TableLock *lock_of(LockTable *t, TableId table)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (t->locks[mid]->table < table)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < t->count && t->locks[low]->table == table)
        return t->locks[low];
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->locks = mem_realloc(t->locks, t->cap * sizeof(TableLock *));
    }
    memmove(t->locks + low + 1, t->locks + low, (t->count++ - low) * sizeof(TableLock *));
    t->locks[low] = MEM_NEW(TableLock);
    t->locks[low]->table = table;
    t->locks[low]->changed = t->forgotten;
    return t->locks[low];
}

static void grant(TableLock *l, LockOwner *o)
{
    l->owner = o;
    if (o->count == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 4;
        o->held = mem_realloc(o->held, o->cap * sizeof(TableLock *));
    }
    o->held[o->count++] = l;
}

static void enqueue(TableLock *l, LockOwner *o)
{
    o->waits = l;
    o->next = NULL;
    if (l->last)
        l->last->next = o;
    else
        l->first = o;
    l->last = o;
}

static void dequeue(LockOwner *o)
{
    TableLock *l = o->waits;
    LockOwner *before = NULL;
    if (!l)
        return;
    for (LockOwner *q = l->first; q != o; q = q->next)
        before = q;
    if (before)
        before->next = o->next;
    else
        l->first = o->next;
    if (l->last == o)
        l->last = before;
    o->waits = NULL;
    o->waiter = NULL;
}

/* Whoever holds l waits, perhaps over others, for something that o holds. */
static bool would_deadlock(const TableLock *l, const LockOwner *o)
{
    const LockOwner *x = l->owner;
    while (x && x != o && x->waits)
        x = x->waits->owner;
    return x == o;
}

static LockStatus take_locked(LockOwner *o, const LockWish *wish, Err *e)
{
    if (o->all->count >= o->all->forget_at)
        forget_free(o->all);
    TableLock *l = lock_of(o->all, wish->table);
    if (o->waits && o->waits != l)
        dequeue(o);
    if (!l->owner)
        grant(l, o);
    if (l->owner == o) {
        if (!wish->kept || l->changed <= wish->seen)
            return LOCK_OK;
        err_set(e, ERR_SERIALIZATION, "could not serialize access due to concurrent update");
        err_hint(e, "the table was changed after this transaction's snapshot; try it again");
        return LOCK_FAIL;
    }
    if (wish->deadline_ns && wish->now_ns >= wish->deadline_ns) {
        dequeue(o);
        err_set(e, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
        return LOCK_FAIL;
    }
    if (!o->waits) {
        if (would_deadlock(l, o)) {
            err_set(e, ERR_DEADLOCK, "deadlock detected");
            err_hint(e,
                     "each of these transactions waits for a table that the next one has locked");
            return LOCK_FAIL;
        }
        enqueue(l, o);
    }
    o->waiter = wish->waiter;
    return LOCK_WAIT;
}

LockStatus lock_take(LockOwner *o, const LockWish *wish, Err *e)
{
    mutex_lock(&o->all->mutex);
    LockStatus st = take_locked(o, wish, e);
    mutex_unlock(&o->all->mutex);
    if (st == LOCK_WAIT && wish->waiter && wish->deadline_ns)
        task_wake_at(wish->waiter, wish->deadline_ns);
    return st;
}

void lock_cancel(LockOwner *o)
{
    mutex_lock(&o->all->mutex);
    dequeue(o);
    mutex_unlock(&o->all->mutex);
}

static void release(TableLock *l, Lsn changed)
{
    LockOwner *next = l->first;
    l->changed = changed > l->changed ? changed : l->changed;
    l->owner = NULL;
    if (!next)
        return;
    Task *waiter = next->waiter;
    dequeue(next);
    grant(l, next);
    if (waiter)
        task_wake(waiter);
}

void lock_owner_end(LockOwner *o, Lsn changed)
{
    if (!o)
        return;
    mutex_lock(&o->all->mutex);
    dequeue(o);
    for (size_t i = 0; i < o->count; i++)
        release(o->held[i], changed);
    mutex_unlock(&o->all->mutex);
    mem_free(o->held);
    mem_free(o);
}
