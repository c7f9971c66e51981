/* session/advisory.c - advisory locks: numbers that sessions agree on, of a session or a transaction.
 *
 * A lock is here as long as somebody has or wants it.  A function cannot wait: it notes a wish, and
 * the portal hands nothing on until the wishes of its session came true, one after the other
 * (advisory_wait).  First come, first served; who has the lock in any form goes before those who wait.
 * Threads: what hangs on AdvisoryLocks needs its mutex. */
#include "session/advisory.h"
#include "base/hash.h"
#include "session/catalog_private.h"

enum {
    BUCKETS = 1024,
    HOLDS_MAX = 100000, /* locks and wishes of all sessions: 53200 beyond */
    CHAIN_MAX = 8,      /* processes that a deadlock names */
};

typedef struct AdvisoryLock AdvisoryLock;
typedef struct AdvisorySession AdvisorySession;

typedef struct Hold {
    AdvisoryLock *lock;
    AdvisorySession *of;
    bool shared;
    size_t level; /* 0: of the session; else of the transaction, one more with each savepoint */
    uint64_t count;
    struct Hold *next_of_lock, *next_of_session;
} Hold;

struct AdvisoryLock {
    AdvisoryKey key;
    AdvisoryLock *next; /* in the bucket */
    Hold *holds;
    AdvisorySession *first, *last; /* who waits */
};

typedef struct Wish {
    AdvisoryKey key;
    bool shared;
    bool given_back; /* by its own statement, before it came true: waited for, and not kept */
    size_t level;
} Wish;

struct AdvisorySession {
    Session *session;
    Hold *holds;
    Wish *wishes; /* in the order of their calls; those before `next_wish` came true */
    size_t wish_count, next_wish;
    AdvisoryLock *waits; /* for wishes[next_wish]; NULL: in no queue */
    int64_t since_us, deadline_ns;
    AdvisorySession *next_waiter;
    /* would_deadlock() */
    AdvisorySession *next_todo, *from; /* `from` waits for this one */
    uint64_t stamp;
};

struct AdvisoryLocks {
    Mutex mutex; /* RANK_TXN */
    AdvisoryLock *buckets[BUCKETS];
    size_t count; /* holds and wishes */
    uint64_t stamp;
};

AdvisoryLocks *advisory_new(void)
{
    AdvisoryLocks *all = MEM_NEW(AdvisoryLocks);
    mutex_init(&all->mutex, RANK_TXN);
    return all;
}

void advisory_free(AdvisoryLocks *all)
{
    if (!all)
        return;
    must(all->count == 0);
    mutex_destroy(&all->mutex);
    mem_free(all);
}

/* ---- locks ---- */

static bool same_key(const AdvisoryKey *a, const AdvisoryKey *b)
{
    return a->database == b->database && a->high == b->high && a->low == b->low && a->two == b->two;
}

static AdvisoryLock **bucket_of(AdvisoryLocks *all, const AdvisoryKey *k)
{
    uint64_t h = hash_mix(((uint64_t)k->high << 32 | k->low) ^ k->two, k->database + 1);
    return &all->buckets[h % BUCKETS];
}

static AdvisoryLock *lock_of(AdvisoryLocks *all, const AdvisoryKey *k, bool make)
{
    AdvisoryLock **b = bucket_of(all, k);
    AdvisoryLock *l = *b;
    while (l && !same_key(&l->key, k))
        l = l->next;
    if (!l && make) {
        l = MEM_NEW(AdvisoryLock);
        l->key = *k;
        l->next = *b;
        *b = l;
    }
    return l;
}

static void drop_if_free(AdvisoryLocks *all, AdvisoryLock *l)
{
    if (l->holds || l->first)
        return;
    AdvisoryLock **p = bucket_of(all, &l->key);
    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    mem_free(l);
}

static const Wish *wish_of(const AdvisorySession *a)
{
    return &a->wishes[a->next_wish];
}

static bool held_by_others(const AdvisoryLock *l, const AdvisorySession *a, bool shared)
{
    for (const Hold *h = l->holds; h; h = h->next_of_lock)
        if (h->of != a && !(shared && h->shared))
            return true;
    return false;
}

/* Who comes now must wait behind those who wait already, unless it is one of those they wait for. */
static bool must_wait(const AdvisoryLock *l, const AdvisorySession *a, bool shared)
{
    bool has = false;
    for (const Hold *h = l->holds; h; h = h->next_of_lock) {
        if (h->of == a && h->shared == shared)
            return false;
        has |= h->of == a;
    }
    if (held_by_others(l, a, shared))
        return true;
    for (const AdvisorySession *w = l->first; w && !has; w = w->next_waiter)
        if (!(shared && wish_of(w)->shared))
            return true;
    return false;
}

static void grant(AdvisoryLocks *all, AdvisoryLock *l, AdvisorySession *a, bool shared,
                  size_t level)
{
    for (Hold *h = l->holds; h; h = h->next_of_lock)
        if (h->of == a && h->shared == shared && h->level == level) {
            h->count++;
            return;
        }
    Hold *h = MEM_NEW(Hold);
    *h = (Hold){.lock = l,
                .of = a,
                .shared = shared,
                .level = level,
                .count = 1,
                .next_of_lock = l->holds,
                .next_of_session = a->holds};
    l->holds = a->holds = h;
    all->count++;
}

static void come_true(AdvisoryLocks *all, AdvisoryLock *l, AdvisorySession *a)
{
    const Wish *w = wish_of(a);
    if (!w->given_back)
        grant(all, l, a, w->shared, w->level);
    a->next_wish++;
}

/* ---- the queue of a lock ---- */

static void enqueue(AdvisoryLock *l, AdvisorySession *a)
{
    a->waits = l;
    a->next_waiter = NULL;
    if (l->last)
        l->last->next_waiter = a;
    else
        l->first = a;
    l->last = a;
}

static void dequeue(AdvisorySession *a)
{
    AdvisoryLock *l = a->waits;
    AdvisorySession *before = NULL;
    for (AdvisorySession *w = l->first; w != a; w = w->next_waiter)
        before = w;
    if (before)
        before->next_waiter = a->next_waiter;
    else
        l->first = a->next_waiter;
    if (l->last == a)
        l->last = before;
    a->waits = NULL;
}

/* Something was given back: who can go on has the lock now, and is woken. */
static void serve(AdvisoryLocks *all, AdvisoryLock *l)
{
    bool ahead = false, ahead_alone = false; /* those before that still wait; for it alone */
    for (AdvisorySession *w = l->first, *next; w; w = next) {
        bool shared = wish_of(w)->shared;
        next = w->next_waiter;
        if (held_by_others(l, w, shared) || ahead_alone || (ahead && !shared)) {
            ahead = true;
            ahead_alone |= !shared;
            continue;
        }
        dequeue(w);
        come_true(all, l, w);
        task_wake(w->session->waiter);
    }
    drop_if_free(all, l);
}

static void release(AdvisoryLocks *all, Hold *h)
{
    AdvisoryLock *l = h->lock;
    Hold **p = &l->holds;
    while (*p != h)
        p = &(*p)->next_of_lock;
    *p = h->next_of_lock;
    for (p = &h->of->holds; *p != h;)
        p = &(*p)->next_of_session;
    *p = h->next_of_session;
    mem_free(h);
    all->count--;
    serve(all, l);
}

/* ---- deadlocks ---- */

static void add_todo(AdvisorySession **todo, AdvisorySession *blocker, AdvisorySession *waits,
                     uint64_t stamp)
{
    if (blocker->stamp == stamp)
        return;
    blocker->stamp = stamp;
    blocker->from = waits;
    blocker->next_todo = *todo;
    *todo = blocker;
}

/* Whom `a` waits for. */
static void add_blockers(AdvisorySession **todo, AdvisorySession *a, uint64_t stamp)
{
    const AdvisoryLock *l = a->waits;
    bool shared = wish_of(a)->shared;
    for (const Hold *h = l->holds; h; h = h->next_of_lock)
        if (h->of != a && !(shared && h->shared))
            add_todo(todo, h->of, a, stamp);
    for (AdvisorySession *w = l->first; w != a; w = w->next_waiter)
        if (!(shared && wish_of(w)->shared))
            add_todo(todo, w, a, stamp);
}

static void put_link(Buf *b, const AdvisorySession *waits, const AdvisorySession *by)
{
    const AdvisoryKey *k = &waits->waits->key;
    buf_printf(b,
               "%sProcess %d waits for %s on advisory lock [%u,%u,%u,%d]; blocked by process %d.",
               b->len ? "\n" : "", waits->session->pid,
               wish_of(waits)->shared ? "ShareLock" : "ExclusiveLock", k->database, k->high, k->low,
               k->two ? 2 : 1, by->session->pid);
}

static bool report_deadlock(const AdvisorySession *a, Err *e)
{
    const AdvisorySession *chain[CHAIN_MAX];
    size_t n = 0;
    for (const AdvisorySession *x = a->from; x != a && n < CHAIN_MAX; x = x->from)
        chain[n++] = x;
    Buf text;
    buf_init(&text);
    const AdvisorySession *before = a;
    while (n > 0) {
        put_link(&text, before, chain[--n]);
        before = chain[n];
    }
    put_link(&text, before, a);
    err_set(e, ERR_DEADLOCK, "deadlock detected");
    err_detail(e, "%.*s", (int)text.len, text.ptr);
    buf_free(&text);
    return false;
}

/* Does somebody whom `a` waits for, perhaps over others, wait for `a`? */
static bool no_deadlock(AdvisoryLocks *all, AdvisorySession *a, Err *e)
{
    AdvisorySession *todo = NULL;
    uint64_t stamp = ++all->stamp;
    add_blockers(&todo, a, stamp);
    while (todo) {
        AdvisorySession *x = todo;
        todo = x->next_todo;
        if (x == a)
            return report_deadlock(a, e);
        if (x->waits)
            add_blockers(&todo, x, stamp);
    }
    return true;
}

/* ---- sessions ---- */

static AdvisorySession *of_session(Session *s)
{
    if (!s->advisory) {
        s->advisory = MEM_NEW(AdvisorySession);
        s->advisory->session = s;
    }
    return s->advisory;
}

static void forget_wishes(AdvisoryLocks *all, AdvisorySession *a)
{
    AdvisoryLock *l = a->waits;
    if (l) {
        dequeue(a);
        serve(all, l); /* those behind may go on */
    }
    all->count -= a->wish_count;
    mem_free(a->wishes);
    a->wishes = NULL;
    a->wish_count = a->next_wish = 0;
}

void advisory_stop_waiting(Session *s)
{
    AdvisorySession *a = s->advisory;
    if (!a || !a->wish_count)
        return;
    mutex_lock(&s->db->advisory->mutex);
    forget_wishes(s->db->advisory, a);
    mutex_unlock(&s->db->advisory->mutex);
    atomic_store(&s->wait_event, NULL);
}

/* Gives back those of levels in [first, last]. */
static void release_levels(Session *s, size_t first, size_t last)
{
    if (!s->advisory)
        return;
    mutex_lock(&s->db->advisory->mutex);
    for (Hold *h = s->advisory->holds, *next; h; h = next) {
        next = h->next_of_session;
        if (h->level >= first && h->level <= last)
            release(s->db->advisory, h);
    }
    mutex_unlock(&s->db->advisory->mutex);
}

void advisory_end_transaction(Session *s)
{
    release_levels(s, 1, SIZE_MAX);
}

void advisory_rollback_to(Session *s, size_t marks)
{
    release_levels(s, marks + 1, SIZE_MAX);
}

void advisory_unlock_all(Session *s)
{
    const AdvisorySession *a = s->advisory;
    release_levels(s, 0, 0);
    for (size_t i = 0; a && i < a->wish_count; i++)
        a->wishes[i].given_back |= a->wishes[i].level == 0; /* not in a queue yet: its own */
}

void advisory_leave_savepoint(Session *s, size_t marks)
{
    if (!s->advisory)
        return;
    mutex_lock(&s->db->advisory->mutex);
    for (Hold *h = s->advisory->holds; h; h = h->next_of_session)
        if (h->level > marks + 1)
            h->level = marks + 1;
    mutex_unlock(&s->db->advisory->mutex);
}

void advisory_forget(Session *s)
{
    advisory_stop_waiting(s);
    release_levels(s, 0, SIZE_MAX);
    mem_free(s->advisory);
    s->advisory = NULL;
}

/* ---- waiting ---- */

/* The next wish: true, or in the queue for it.  40P01 */
static bool ask(AdvisoryLocks *all, AdvisorySession *a, int64_t timeout_ms, Err *e)
{
    const Wish *w = wish_of(a);
    const Clock *c = a->session->db->clock;
    AdvisoryLock *l = lock_of(all, &w->key, true);
    if (!must_wait(l, a, w->shared)) {
        come_true(all, l, a);
        drop_if_free(all, l);
        return true;
    }
    enqueue(l, a);
    a->since_us = c->wall_ns(c) / NS_PER_US;
    a->deadline_ns = timeout_ms > 0 ? c->mono_ns(c) + timeout_ms * NS_PER_MS : 0;
    return no_deadlock(all, a, e);
}

RunStatus advisory_wait(Session *s, Err *e)
{
    AdvisorySession *a = s->advisory;
    if (!a || !a->wish_count)
        return RUN_DONE;
    const Clock *c = s->db->clock;
    int64_t timeout_ms = setting_int(s, "lock_timeout");
    RunStatus st = RUN_DONE;
    mutex_lock(&s->db->advisory->mutex);
    while (st == RUN_DONE && a->next_wish < a->wish_count) {
        if (!a->waits) {
            st = ask(s->db->advisory, a, timeout_ms, e) ? RUN_DONE : RUN_FAIL;
        } else if (a->deadline_ns && c->mono_ns(c) >= a->deadline_ns) {
            err_set(e, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
            st = RUN_FAIL;
        } else {
            st = RUN_WAIT;
        }
    }
    if (st != RUN_WAIT)
        forget_wishes(s->db->advisory, a);
    int64_t wake_ns = st == RUN_WAIT ? a->deadline_ns : 0;
    mutex_unlock(&s->db->advisory->mutex);
    atomic_store(&s->wait_event, st == RUN_WAIT ? "advisory" : NULL);
    if (wake_ns)
        task_wake_at(s->waiter, wake_ns);
    return st;
}

/* ---- for pg_locks ---- */

/* Of several levels, one tells. */
static bool told(const Hold *h)
{
    for (const Hold *x = h->lock->holds; x != h; x = x->next_of_lock)
        if (x->of == h->of && x->shared == h->shared)
            return true;
    return false;
}

void advisory_each(Db *db, AdvisoryEach each, void *arg)
{
    AdvisoryLocks *all = db->advisory;
    mutex_lock(&all->mutex);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const AdvisoryLock *l = all->buckets[i]; l; l = l->next) {
            for (const Hold *h = l->holds; h; h = h->next_of_lock)
                if (!told(h))
                    each(arg, &l->key, h->of->session->pid, h->shared, 0);
            for (const AdvisorySession *w = l->first; w; w = w->next_waiter)
                each(arg, &l->key, w->session->pid, wish_of(w)->shared, w->since_us);
        }
    mutex_unlock(&all->mutex);
}

/* ---- functions ---- */

enum { HOW_SHARED = 1, HOW_TRY = 2, HOW_XACT = 4 };

static AdvisoryKey key_of(const Session *s, const Value *args, size_t n)
{
    AdvisoryKey k = {.database = s->database, .two = n == 2};
    k.high = n == 2 ? (uint32_t)args[0].u.i64 : (uint32_t)((uint64_t)args[0].u.i64 >> 32);
    k.low = (uint32_t)args[n - 1].u.i64;
    return k;
}

static void add_wish(AdvisoryLocks *all, AdvisorySession *a, const Wish *w)
{
    a->wishes = mem_realloc(a->wishes, (a->wish_count + 1) * sizeof *a->wishes);
    a->wishes[a->wish_count++] = *w;
    all->count++;
}

static bool take(Session *s, const Value *args, size_t n, int how, Value *out, Err *e)
{
    AdvisoryLocks *all = s->db->advisory;
    AdvisorySession *a = of_session(s);
    Wish w = {.key = key_of(s, args, n),
              .shared = how & HOW_SHARED,
              .level = how & HOW_XACT ? s->tx.mark_count + 1 : 0};
    bool taken = false;
    mutex_lock(&all->mutex);
    bool full = all->count >= HOLDS_MAX;
    if (!full && (how & HOW_TRY || !a->wish_count)) {
        AdvisoryLock *l = lock_of(all, &w.key, true);
        taken = !must_wait(l, a, w.shared);
        if (taken)
            grant(all, l, a, w.shared, w.level);
        drop_if_free(all, l);
    }
    if (!full && !taken && !(how & HOW_TRY))
        add_wish(all, a, &w);
    mutex_unlock(&all->mutex);
    if (full)
        return err_set(e, ERR_OUT_OF_MEMORY, "out of shared memory") ||
               err_hint(e, "there are %d advisory locks", HOLDS_MAX);
    *out = how & HOW_TRY ? value_bool(taken) : value_str(SLICE_NONE);
    return true;
}

/* A wish of this statement that no unlock has taken back; level 0: of the session. */
static Wish *wished(AdvisorySession *a, const AdvisoryKey *k, bool shared, size_t level)
{
    for (size_t i = a ? a->wish_count : 0; i-- > 0;) {
        Wish *w = &a->wishes[i];
        if (same_key(&w->key, k) && w->shared == shared && w->level == level && !w->given_back)
            return w;
    }
    return NULL;
}

static bool give(Session *s, const Value *args, size_t n, bool shared, Value *out)
{
    AdvisoryLocks *all = s->db->advisory;
    AdvisoryKey key = key_of(s, args, n);
    mutex_lock(&all->mutex);
    const AdvisoryLock *l = lock_of(all, &key, false);
    Hold *h = l ? l->holds : NULL;
    while (h && !(h->of == s->advisory && h->shared == shared && h->level == 0))
        h = h->next_of_lock;
    Wish *w = h ? NULL : wished(s->advisory, &key, shared, 0);
    if (h && --h->count == 0)
        release(all, h);
    else if (w)
        w->given_back = true;
    mutex_unlock(&all->mutex);
    if (!h && !w)
        session_notice(s, "WARNING", ERR_WARNING, "you don't own a lock of type %s",
                       shared ? "ShareLock" : "ExclusiveLock");
    *out = value_bool(h || w);
    return true;
}

#define FN(name, call)                                                                             \
    static bool name(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)                \
    {                                                                                              \
        (void)args, (void)n, (void)e;                                                              \
        return call;                                                                               \
    }
#define TAKE(how) take(ctx->session, args, n, how, out, e)

FN(fn_lock, TAKE(0))
FN(fn_lock_shared, TAKE(HOW_SHARED))
FN(fn_try, TAKE(HOW_TRY))
FN(fn_try_shared, TAKE(HOW_TRY | HOW_SHARED))
FN(fn_xact, TAKE(HOW_XACT))
FN(fn_xact_shared, TAKE(HOW_XACT | HOW_SHARED))
FN(fn_try_xact, TAKE(HOW_TRY | HOW_XACT))
FN(fn_try_xact_shared, TAKE(HOW_TRY | HOW_XACT | HOW_SHARED))
FN(fn_unlock, give(ctx->session, args, n, false, out))
FN(fn_unlock_shared, give(ctx->session, args, n, true, out))

static bool fn_unlock_all(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n, (void)e;
    advisory_unlock_all(ctx->session);
    *out = value_str(SLICE_NONE);
    return true;
}

#define BOTH(name, type, fn, txt)                                                                  \
    {.signature = name "(int8) " type,                                                             \
     .scalar = fn,                                                                                 \
     .flags = FN_VOLATILE | FN_STRICT,                                                             \
     .text = txt},                                                                                 \
    {                                                                                              \
        .signature = name "(int4, int4) " type, .scalar = fn, .flags = FN_VOLATILE | FN_STRICT,    \
        .text = txt                                                                                \
    }

FuncDef advisory_functions[] = {
    BOTH("pg_advisory_lock", "void", fn_lock,
         "takes an advisory lock of the session, waits for it"),
    BOTH("pg_advisory_lock_shared", "void", fn_lock_shared, "the same, together with others"),
    BOTH("pg_try_advisory_lock", "bool", fn_try,
         "takes an advisory lock of the session if it is free"),
    BOTH("pg_try_advisory_lock_shared", "bool", fn_try_shared, "the same, together with others"),
    BOTH("pg_advisory_xact_lock", "void", fn_xact,
         "takes an advisory lock until the transaction ends, waits for it"),
    BOTH("pg_advisory_xact_lock_shared", "void", fn_xact_shared, "the same, together with others"),
    BOTH("pg_try_advisory_xact_lock", "bool", fn_try_xact,
         "takes an advisory lock until the transaction ends if it is free"),
    BOTH("pg_try_advisory_xact_lock_shared", "bool", fn_try_xact_shared,
         "the same, together with others"),
    BOTH("pg_advisory_unlock", "bool", fn_unlock, "gives back an advisory lock of the session"),
    BOTH("pg_advisory_unlock_shared", "bool", fn_unlock_shared,
         "gives back a shared advisory lock of the session"),
    {.signature = "pg_advisory_unlock_all() void",
     .scalar = fn_unlock_all,
     .flags = FN_VOLATILE,
     .text = "gives back all advisory locks of the session"},
    {.signature = NULL},
};
