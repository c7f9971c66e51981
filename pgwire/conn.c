/* pgwire/conn.c - the I/O thread's half: start-up packets, framing, cancel requests, the end. */
#include "pgwire/backend_private.h"

#define STARTUP_DEADLINE_NS (60 * NS_PER_S)

typedef struct PgConn {
    PgServer *server;
    PgSession *session; /* NULL before the start-up packet */
    PgFramer framer;
    bool refused_ssl, refused_gss;
} PgConn;

static void *pg_opened(void *ctx, Conn *c)
{
    PgConn *pc = MEM_NEW(PgConn);
    pc->server = ctx;
    pc->framer.message_max = pc->server->options.message_max;
    conn_set_deadline(c, STARTUP_DEADLINE_NS);
    return pc;
}

static void refuse(Conn *c, const Err *e)
{
    Buf b;
    buf_init(&b);
    pgw_error(&b, 'E', "FATAL", e);
    conn_send(c, block_take(&b));
    conn_finish(c);
}

static void cancel(PgServer *server, Slice body)
{
    int32_t pid, secret;
    Db *db = atomic_load(&server->db);
    if (db && pgw_read_cancel(body, &pid, &secret))
        db_cancel(db, pid, secret);
}

/* Trust is for this machine alone: the server refuses to listen wider, and this is the second look. */
static bool login_allowed(Conn *c, const PgServer *s, Err *e)
{
    if (s->options.tls_required && !conn_has_tls(c)) {
        err_set(e, ERR_INVALID_AUTHORIZATION, "the connection is not encrypted");
        return err_hint(e, "the server demands TLS: use sslmode=require");
    }
    if (s->options.passwords || conn_peer_loopback(c))
        return true;
    return err_set(e, ERR_INVALID_AUTHORIZATION,
                   "login without password is for loopback addresses only");
}

/* The limit is looked at again with the user's name, in the task; this one keeps a flood of
 * connections from making tasks. */
static bool places_left(PgServer *s, Err *e)
{
    if (atomic_load(&s->stats.sessions) < s->options.connections_max + PG_LOGINS_MAX)
        return true;
    atomic_fetch_add(&s->stats.refused, 1);
    return err_set(e, ERR_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
}

static void login(Conn *c, PgConn *pc, uint32_t version, Slice body)
{
    Err e;
    err_clear(&e);
    if (!login_allowed(c, pc->server, &e) || !places_left(pc->server, &e)) {
        refuse(c, &e);
        return;
    }
    pc->session = pgb_new(pc->server, c, version, body);
    if (pc->server->options.passwords) /* who has not proved anything gets no room */
        pc->framer.message_max = PG_SMALL_MAX;
}

/* "N": go on without encryption, on the same connection. */
static void refuse_encryption(Conn *c, bool *once)
{
    Err e;
    err_clear(&e);
    if (*once) {
        err_set(&e, ERR_PROTOCOL_VIOLATION, "unsupported frontend protocol 1234.5679");
        refuse(c, &e);
        return;
    }
    *once = true;
    conn_send(c, block_static(SLICE_LIT("N")));
}

/* Nothing may stand between the request and the handshake: it would be taken for encrypted
 * (CVE-2021-23214). */
static void start_encryption(Conn *c, PgConn *pc)
{
    Err e;
    err_clear(&e);
    if (!conn_may_start_tls(c)) {
        refuse_encryption(c, &pc->refused_ssl);
    } else if (conn_input(c).len) {
        err_set(&e, ERR_PROTOCOL_VIOLATION, "received unencrypted data after SSL request");
        refuse(c, &e);
    } else if (!conn_start_tls(c, SLICE_LIT("S"))) {
        conn_kill(c);
    }
}

static void startup_input(Conn *c, PgConn *pc)
{
    while (!pc->session && !conn_finishing(c)) {
        size_t used = 0;
        uint32_t version = 0;
        Slice body = SLICE_NONE;
        Err e;
        err_clear(&e);
        switch (pgw_next_startup(conn_input(c), &used, &version, &body, &e)) {
        case START_MORE:
            return;
        case START_BAD:
            refuse(c, &e);
            return;
        case START_SSL:
            conn_consume(c, used);
            start_encryption(c, pc);
            continue;
        case START_GSS:
            refuse_encryption(c, &pc->refused_gss);
            break;
        case START_CANCEL:
            cancel(pc->server, body);
            conn_finish(c);
            return;
        case START_LOGIN:
            login(c, pc, version, body);
            break;
        }
        conn_consume(c, used);
    }
}

/* Hands n bytes, whole messages, to the task. */
static void hand_over(Conn *c, PgSession *s, size_t n)
{
    PgChunk *k = MEM_NEW(PgChunk);
    conn_take(c, n, &k->mem, &k->pos);
    mutex_lock(&s->mutex);
    if (s->last)
        s->last->next = k;
    else
        s->first = k;
    s->last = k;
    s->unparsed += k->mem.len;
    bool pause = s->unparsed > NET_UNPARSED_MAX;
    s->paused = pause;
    mutex_unlock(&s->mutex);
    if (pause)
        conn_pause(c);
}

static void broken(Conn *c, PgSession *s, const Err *e)
{
    mutex_lock(&s->mutex);
    if (!s->broken)
        s->broken = mem_dup(e, sizeof *e);
    mutex_unlock(&s->mutex);
    conn_pause(c);
}

static void session_input(Conn *c, PgConn *pc)
{
    Slice in = conn_input(c);
    size_t ready = 0, want = 0;
    PgFrame st;
    Err e;
    err_clear(&e);
    for (;;) {
        PgMessage m;
        size_t used;
        Slice rest = {in.ptr + ready, in.len - ready};
        if ((st = pgw_next(&pc->framer, rest, &m, &used, &want, &e)) != FRAME_MESSAGE)
            break;
        ready += used;
    }
    if (ready)
        hand_over(c, pc->session, ready);
    if (st == FRAME_BAD)
        broken(c, pc->session, &e);
    else
        conn_want(c, want);
    if (ready || st == FRAME_BAD)
        outlet_wake(pc->session->outlet);
}

static void pg_input(Conn *c, void *state)
{
    PgConn *pc = state;
    if (!pc->session)
        startup_input(c, pc);
    if (pc->session && !conn_finishing(c) && conn_input(c).len)
        session_input(c, pc);
}

static void pg_posted(Conn *c, void *state, uint32_t what)
{
    PgConn *pc = state;
    if (what == PG_POST_RESUME) {
        conn_resume(c);
    } else if (what == PG_POST_DROP) {
        conn_kill(c);
    } else {
        pc->framer.message_max = pc->server->options.message_max;
        conn_set_deadline(c, 0);
    }
}

static void pg_deadline(Conn *c, void *state)
{
    (void)state;
    conn_kill(c);
}

static void pg_stopping(Conn *c, void *state)
{
    PgConn *pc = state;
    if (pc->session) {
        atomic_store(&pc->session->stopping, true);
        outlet_wake(pc->session->outlet);
        return;
    }
    Err e;
    err_clear(&e);
    err_set(&e, ERR_ADMIN_SHUTDOWN, "the database system is shutting down");
    refuse(c, &e);
}

static void pg_closed(void *state)
{
    PgConn *pc = state;
    if (pc->session)
        pgb_unref(pc->session);
    mem_free(pc);
}

const NetFace pgw_face = {
    .name = "pgwire",
    .opened = pg_opened,
    .input = pg_input,
    .ended = NULL, /* the client has gone: what runs is canceled */
    .posted = pg_posted,
    .deadline = pg_deadline,
    .stopping = pg_stopping,
    .closed = pg_closed,
};

/* ---- the server ---- */
PgServer *pgw_new(const PgOptions *o)
{
    PgServer *p = MEM_NEW(PgServer);
    p->options = *o;
    return p;
}

void pgw_set_db(PgServer *p, Db *db)
{
    atomic_store(&p->db, db);
}

bool pgw_wait_idle(PgServer *p, int64_t timeout_ns)
{
    const Clock *clock = p->options.clock;
    int64_t end = clock->mono_ns(clock) + timeout_ns;
    while (atomic_load(&p->stats.sessions) > 0) {
        if (clock->mono_ns(clock) >= end)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
    }
    return true;
}

void pgw_free(PgServer *p)
{
    mem_free(p);
}

const PgStats *pgw_stats(const PgServer *p)
{
    return &p->stats;
}
