/* session/notify.c - LISTEN, UNLISTEN, NOTIFY: short texts from session to session.
 *
 * All of them take effect with the commit of their transaction: until then they are a list of it.  A
 * notification is one counted text, queued at each session of the database that listens; a
 * session gets it between two transactions, an idle one at once.  Who does not read for so long that
 * more than NOTIFY_QUEUE_MAX waits is told so and dropped: the others are not kept waiting.
 * Threads: queues and lists of channels need Db.mutex. */
#include "exec/agg.h"
#include "session/session_private.h"

enum {
    NOTIFY_CHANNEL_MAX = 63,
    NOTIFY_PAYLOAD_MAX = 8000,     /* bytes, the limit itself is too much: as PostgreSQL */
    NOTIFY_QUEUE_MAX = 16 << 20,   /* bytes that may wait for one session */
    NOTIFY_PENDING_MAX = 64 << 20, /* bytes of one transaction */
    CHANNELS_MAX = 10000,          /* of one session */
};

typedef struct Notification {
    Ref ref;
    int32_t pid;
    Slice channel, payload; /* behind it */
    size_t size;
} Notification;

typedef struct Queued {
    struct Queued *next;
    Notification *n;
} Queued;

typedef enum NotifyOp { OP_LISTEN, OP_UNLISTEN, OP_UNLISTEN_ALL, OP_NOTIFY } NotifyOp;

/* Of a transaction, in order. */
typedef struct NotifyAction {
    NotifyOp op;
    Notification *n; /* LISTEN and UNLISTEN: its channel */
} NotifyAction;

struct Notify {
    NotifyAction *actions; /* the task's own */
    size_t count, cap, bytes;
    Queued *taken; /* that session_next_notification gave last */
    /* below: Db.mutex */
    char **channels;
    size_t channel_count;
    Queued *first, *last;
    size_t queued; /* bytes */
    bool overrun;
};

static Notification *make(int32_t pid, Slice channel, Slice payload)
{
    Notification *n = mem_alloc(sizeof *n + channel.len + payload.len + 1);
    char *text = (char *)(n + 1);
    ref_init(&n->ref);
    n->pid = pid;
    if (channel.len)
        memcpy(text, channel.ptr, channel.len);
    if (payload.len)
        memcpy(text + channel.len, payload.ptr, payload.len);
    n->channel = slice_of(text, channel.len);
    n->payload = slice_of(text + channel.len, payload.len);
    n->size = sizeof *n + channel.len + payload.len;
    return n;
}

static void unref(Notification *n)
{
    if (n && ref_drop(&n->ref))
        mem_free(n);
}

static struct Notify *notify_of(Session *s)
{
    struct Notify *y = s->notify;
    if (y)
        return y;
    y = MEM_NEW(struct Notify);
    mutex_lock(&s->db->mutex); /* senders look at it */
    s->notify = y;
    mutex_unlock(&s->db->mutex);
    return y;
}

/* ---- the list of a transaction ---- */

static bool is_there(const struct Notify *y, NotifyOp op, Slice channel, Slice payload)
{
    enum { LOOKED_AT = 1000 }; /* the newest: a transaction of very many pays for them only once */
    for (size_t i = y->count; i-- > 0 && y->count - i <= LOOKED_AT;)
        if (op == OP_NOTIFY && y->actions[i].op == op &&
            slice_eq(y->actions[i].n->channel, channel) &&
            slice_eq(y->actions[i].n->payload, payload))
            return true;
    return false;
}

static bool add(Session *s, NotifyOp op, Slice channel, Slice payload, Err *e)
{
    struct Notify *y = notify_of(s);
    if (is_there(y, op, channel, payload))
        return true;
    if (y->bytes > NOTIFY_PENDING_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "too many notifications in a transaction");
    if (y->count == y->cap) {
        y->cap = y->cap ? y->cap * 2 : 4;
        y->actions = mem_realloc(y->actions, y->cap * sizeof *y->actions);
    }
    Notification *n = make(s->pid, channel, payload);
    y->bytes += n->size;
    y->actions[y->count++] = (NotifyAction){op, n};
    return true;
}

size_t notify_mark(const Session *s)
{
    return s->notify ? s->notify->count : 0;
}

void notify_rollback(Session *s, size_t mark)
{
    struct Notify *y = s->notify;
    while (y && y->count > mark) {
        Notification *n = y->actions[--y->count].n;
        y->bytes -= n->size;
        unref(n);
    }
}

/* ---- channels; Db.mutex ---- */

static char **find_channel(struct Notify *y, Slice name)
{
    for (size_t i = 0; i < y->channel_count; i++)
        if (slice_eq_cstr(name, y->channels[i]))
            return &y->channels[i];
    return NULL;
}

static void listen_to(struct Notify *y, Slice name)
{
    if (find_channel(y, name) || y->channel_count == CHANNELS_MAX)
        return;
    y->channels = mem_realloc(y->channels, (y->channel_count + 1) * sizeof *y->channels);
    y->channels[y->channel_count++] = mem_strdup(name);
}

static void unlisten(struct Notify *y, Slice name)
{
    char **at = find_channel(y, name);
    if (!at)
        return;
    mem_free(*at);
    *at = y->channels[--y->channel_count];
}

static void unlisten_all(struct Notify *y)
{
    while (y->channel_count)
        mem_free(y->channels[--y->channel_count]);
}

/* ---- queues ---- */

static void enqueue(struct Notify *y, Notification *n)
{
    Queued *q = MEM_NEW(Queued);
    ref_take(&n->ref);
    q->n = n;
    if (y->last)
        y->last->next = q;
    else
        y->first = q;
    y->last = q;
    y->queued += n->size + sizeof *q;
    y->overrun |= y->queued > NOTIFY_QUEUE_MAX;
}

static void send(Db *db, ObjectId database, Notification *n)
{
    for (Session *s = db->sessions; s; s = s->next) {
        struct Notify *y = s->notify;
        if (!y || s->database != database || y->overrun || !find_channel(y, n->channel))
            continue;
        enqueue(y, n);
        if (s->waiter)
            task_wake(s->waiter);
    }
}

void notify_commit(Session *s)
{
    struct Notify *y = s->notify;
    if (!y || !y->count)
        return;
    mutex_lock(&s->db->mutex);
    for (size_t i = 0; i < y->count; i++) {
        Notification *n = y->actions[i].n;
        if (y->actions[i].op == OP_LISTEN)
            listen_to(y, n->channel);
        else if (y->actions[i].op == OP_UNLISTEN)
            unlisten(y, n->channel);
        else if (y->actions[i].op == OP_UNLISTEN_ALL)
            unlisten_all(y);
    }
    for (size_t i = 0; i < y->count; i++) /* whoever listens from now on hears these as well */
        if (y->actions[i].op == OP_NOTIFY)
            send(s->db, s->database, y->actions[i].n);
    mutex_unlock(&s->db->mutex);
    notify_rollback(s, 0);
}

void db_notify(Db *db, ObjectId database, Slice channel, Slice payload)
{
    Notification *n = make(0, channel, payload);
    mutex_lock(&db->mutex);
    send(db, database, n);
    mutex_unlock(&db->mutex);
    unref(n);
}

bool session_next_notification(Session *s, int32_t *pid, Slice *channel, Slice *payload)
{
    struct Notify *y = s->notify;
    if (!y || s->tx.state != TX_IDLE)
        return false;
    if (y->taken) {
        unref(y->taken->n);
        mem_free(y->taken);
    }
    mutex_lock(&s->db->mutex);
    Queued *q = y->taken = y->first;
    if (q) {
        y->first = q->next;
        y->last = y->first ? y->last : NULL;
        y->queued -= q->n->size + sizeof *q;
        *pid = q->n->pid;
        *channel = q->n->channel;
        *payload = q->n->payload;
    }
    mutex_unlock(&s->db->mutex);
    return q;
}

bool session_overrun(Session *s, Err *e)
{
    struct Notify *y = s->notify;
    if (!y)
        return false;
    mutex_lock(&s->db->mutex);
    bool overrun = y->overrun;
    mutex_unlock(&s->db->mutex);
    if (overrun)
        err_set(e, ERR_LIMIT_EXCEEDED,
                "terminating connection because it has not read %d MB of notifications",
                NOTIFY_QUEUE_MAX >> 20);
    return overrun;
}

/* The session is in no list any more. */
void notify_free(Session *s)
{
    struct Notify *y = s->notify;
    if (!y)
        return;
    notify_rollback(s, 0);
    if (y->taken) {
        y->taken->next = y->first;
        y->first = y->taken;
    }
    for (Queued *q = y->first, *next; q; q = next) {
        next = q->next;
        unref(q->n);
        mem_free(q);
    }
    unlisten_all(y);
    mem_free(y->channels);
    mem_free(y->actions);
    mem_free(y);
    s->notify = NULL;
}

/* ---- statements and functions ---- */

static bool check_notify(Slice channel, Slice payload, Err *e)
{
    if (!channel.len)
        return err_set(e, ERR_INVALID_PARAMETER, "channel name cannot be empty");
    if (channel.len > NOTIFY_CHANNEL_MAX)
        return err_set(e, ERR_INVALID_PARAMETER, "channel name too long");
    if (payload.len >= NOTIFY_PAYLOAD_MAX)
        return err_set(e, ERR_INVALID_PARAMETER, "payload string too long");
    return true;
}

bool notify_statement(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    Session *s = p->session;
    Slice channel = b->u.notify.channel;
    if (b->kind == BOUND_NOTIFY)
        return check_notify(channel, b->u.notify.payload, e) &&
               add(s, OP_NOTIFY, channel, b->u.notify.payload, e);
    if (b->kind == BOUND_LISTEN)
        return add(s, OP_LISTEN, channel, SLICE_NONE, e);
    if (!s->notify) /* nothing was ever listened to */
        return true;
    return add(s, channel.len ? OP_UNLISTEN : OP_UNLISTEN_ALL, channel, SLICE_NONE, e);
}

bool notify_discard(Session *s, Err *e)
{
    return !s->notify || add(s, OP_UNLISTEN_ALL, SLICE_NONE, SLICE_NONE, e);
}

static bool fn_notify(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Slice channel = args[0].null ? SLICE_NONE : args[0].u.str;
    Slice payload = args[1].null ? SLICE_NONE : args[1].u.str;
    (void)n;
    *out = value_str(SLICE_LIT("")); /* void, as PostgreSQL sends it */
    return check_notify(channel, payload, e) && add(ctx->session, OP_NOTIFY, channel, payload, e);
}

static bool fn_queue_usage(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Session *s = ctx->session;
    size_t most = 0;
    (void)args, (void)n, (void)e;
    mutex_lock(&s->db->mutex);
    for (const Session *o = s->db->sessions; o; o = o->next)
        most = o->notify && o->notify->queued > most ? o->notify->queued : most;
    mutex_unlock(&s->db->mutex);
    *out = value_f64((double)most / NOTIFY_QUEUE_MAX);
    return true;
}

typedef struct ChannelRun {
    Slice *names;
    size_t count, next;
} ChannelRun;

static bool channels_open(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                          void **state, Err *e)
{
    Session *s = ctx->session;
    ChannelRun *r = arena_zero(a, sizeof *r);
    (void)call, (void)args, (void)n, (void)e;
    mutex_lock(&s->db->mutex);
    r->count = s->notify ? s->notify->channel_count : 0;
    r->names = ARENA_ARRAY(a, Slice, r->count + 1);
    for (size_t i = 0; i < r->count; i++)
        r->names[i] = arena_slice(a, slice_cstr(s->notify->channels[i]));
    mutex_unlock(&s->db->mutex);
    *state = r;
    return true;
}

static SrfStatus channels_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    ChannelRun *r = state;
    (void)waiter, (void)e;
    for (out->rows = 0; out->rows < BATCH_ROWS && r->next < r->count; out->rows++) {
        Value v = value_str(r->names[r->next++]);
        vec_set(&out->cols[0], out->rows, &v, BATCH_ROWS, ctx->arena);
    }
    return out->rows ? SRF_ROWS : SRF_END;
}

static void channels_close(void *state)
{
    (void)state;
}

static const SrfDef srf_channels = {
    .open = channels_open, .next = channels_next, .close = channels_close};

FuncDef notify_functions[] = {
    {.signature = "pg_notify(text, text) void",
     .scalar = fn_notify,
     .flags = FN_VOLATILE,
     .text = "NOTIFY, with a channel and a payload that are computed"},
    {.signature = "pg_listening_channels() text",
     .srf = &srf_channels,
     .flags = FN_STABLE | FN_SRF,
     .text = "the channels that this session listens to"},
    {.signature = "pg_notification_queue_usage() float8",
     .scalar = fn_queue_usage,
     .flags = FN_VOLATILE,
     .text = "how full the fullest queue of notifications is, 0 to 1"},
    {.signature = NULL},
};
