/* pgwire/login.c - the start of a session: start-up packet, SCRAM where passwords are asked for, the
 * session, ReadyForQuery. */
#include "base/log.h"
#include "pgwire/backend_private.h"

void pgl_free(PgSession *s)
{
    buf_free(&s->startup);
    arena_free(&s->start_arena);
    login_free(s->login);
    s->login = NULL;
    mem_free(s->refusal);
    s->refusal = NULL;
}

static bool open_session(PgSession *s, Err *e)
{
    Db *db = atomic_load(&s->server->db);
    const PgStartup *m = &s->start;
    NameValue settings[PG_STARTUP_PARAMS_MAX];
    for (size_t i = 0; i < m->setting_count; i++)
        settings[i] = (NameValue){m->settings[i].name, m->settings[i].value};
    SessionOptions o = {
        .user = m->user,
        .database = m->database,
        .application_name = m->application_name,
        .settings = settings,
        .setting_count = m->setting_count,
        .pid = db_new_pid(db),
        .waiter = &s->task,
        .client_address = slice_cstr(s->peer),
        .tls_version = s->tls.version,
        .tls_cipher = s->tls.cipher,
        .tls_bits = s->tls.bits,
    };
    return session_new(&s->session, db, &o, e);
}

/* The last places are the administrator's. */
static bool place_left(const PgSession *s, int taken, Err *e)
{
    const PgOptions *o = &s->server->options;
    bool admin = slice_eq(s->start.user, o->admin_user);
    if (taken >= o->connections_max)
        return err_set(e, ERR_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    if (!admin && taken >= o->connections_max - o->connections_reserved)
        return err_set(e, ERR_TOO_MANY_CONNECTIONS,
                       "remaining connection slots are reserved for the administrator");
    return true;
}

/* Only who has come in takes a place: a login that is never finished keeps nobody out. */
static bool take_place(PgSession *s, Err *e)
{
    PgStats *stats = &s->server->stats;
    s->placed = place_left(s, atomic_fetch_add(&stats->places, 1), e);
    if (!s->placed)
        atomic_fetch_sub(&stats->places, 1);
    return s->placed;
}

static void refuse(PgSession *s, const Err *e)
{
    atomic_fetch_add(&s->server->stats.refused, 1);
    log_warn("auth", "login from %s refused: %s", s->peer, e->message);
    pgb_fatal(s, e);
    pgl_free(s);
}

/* The client is who it says it is. */
static void enter(PgSession *s)
{
    Err e;
    err_clear(&e);
    if (!take_place(s, &e) || !open_session(s, &e)) {
        refuse(s, &e);
        return;
    }
    atomic_fetch_add(&s->server->stats.logins, 1);
    s->mode = PG_IDLE;
    s->task.group = session_group(s->session); /* joined by its parallel parts */
    pgw_auth_ok(&s->out);
    pgb_send_parameters(s);
    pgw_key(&s->out, session_pid(s->session), session_secret(s->session));
    pgw_ready(&s->out, session_txn_status(s->session));
    pgl_free(s);
    outlet_post(s->outlet, PG_POST_LOGGED_IN);
}

void pgl_start(PgSession *s)
{
    Err e;
    Db *db = atomic_load(&s->server->db);
    const PgStartup *m = &s->start;
    err_clear(&e);
    bool ok = pgw_read_startup(buf_slice(&s->startup), &s->start_arena, &s->start, &e) &&
              place_left(s, atomic_load(&s->server->stats.places), &e);
    if (ok && !db)
        ok = err_set(&e, ERR_NOT_READY, "the database system is starting up");
    if (!ok) {
        refuse(s, &e);
        return;
    }
    if ((s->version & 0xffff) != 0 || m->unknown_count)
        pgw_negotiate(&s->out, m->unknown, m->unknown_count);
    if (!s->server->options.passwords) {
        enter(s);
        return;
    }
    s->login = login_new(db, m->user, slice_of((const char *)s->end_point, s->end_point_len),
                         slice_cstr(s->peer));
    s->mode = PG_LOGIN;
    pgw_auth_sasl(&s->out, s->end_point_len > 0);
}

static bool prove(PgSession *s, Slice body, Err *e)
{
    Buf reply = {0};
    Slice mechanism, data;
    bool ok;
    if (s->proving)
        ok = login_final(s->login, body, &reply, e);
    else
        ok = pgw_read_sasl(body, &mechanism, &data, e) &&
             login_first(s->login, mechanism, data, &reply, e);
    if (ok)
        pgw_auth_sasl_data(&s->out, s->proving, buf_slice(&reply));
    buf_free(&reply);
    return ok;
}

/* Who guesses passwords is slow to be heard, and slower to be answered. */
static bool must_wait(PgSession *s, int64_t until_ns)
{
    const Clock *clock = s->server->options.clock;
    if (until_ns <= clock->mono_ns(clock))
        return false;
    task_wake_at(&s->task, until_ns);
    return true;
}

static PgTurn end_login(PgSession *s)
{
    Err e;
    err_clear(&e);
    if (must_wait(s, s->refusal ? s->answer_ns : s->look_ns))
        return TURN_WAIT;
    if (s->refusal)
        refuse(s, s->refusal);
    else if (prove(s, s->held.body, &e))
        enter(s);
    else
        s->refusal = mem_dup(&e, sizeof e);
    return TURN_AGAIN;
}

PgTurn pgl_turn(PgSession *s)
{
    PgMessage m;
    Err e;
    if (s->look_ns)
        return end_login(s);
    if (!pgb_next_message(s, &m))
        return s->ending ? TURN_AGAIN : TURN_WAIT;
    err_clear(&e);
    if (m.type != 'p')
        err_set(&e, ERR_PROTOCOL_VIOLATION, "expected SASL response, got message type %d", m.type);
    if (m.type == 'X') {
        s->ending = true;
    } else if (m.type != 'p' ||
               !(s->proving ? login_may_end(s->login, &s->look_ns, &s->answer_ns, &e)
                            : prove(s, m.body, &e))) {
        refuse(s, &e);
    } else {
        s->proving = true;
        s->held = m;
    }
    return TURN_AGAIN;
}
