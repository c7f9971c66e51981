/* A client of the PostgreSQL protocol that sends messages in any order, cut anywhere, to a whole server in
 * one thread; a model of the protocol says what the answers must be: each message of the extended protocol
 * has its answer, an error skips what follows up to Sync, each Sync and Query has one ReadyForQuery with
 * the right status, portals end with their transaction, COPY takes what is its own.
 *
 * The input is a program: two bytes a message, see next_message(). */
#include "pgwire/message.h"
#include "pgwire/pgwire.h"
#include "tests/fuzz/fake_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the server ---- */
static struct World {
    Sched *sched;
    Db *db;
    PgServer *server;
    char dir[64];
    pid_t pid;
    Io io;
} world;

static bool no_sync(const Io *io, int fd, Err *e)
{
    (void)io, (void)fd, (void)e;
    return true;
}

static void world_end(void)
{
    if (getpid() != world.pid)
        return;
    char rm[80];
    db_close(world.db);
    pgw_free(world.server);
    sched_stop(world.sched);
    sched_free(world.sched);
    snprintf(rm, sizeof rm, "rm -rf '%s'", world.dir);
    if (system(rm) != 0)
        perror(rm);
}

static void world_begin(void)
{
    Err e;
    world.pid = getpid();
    snprintf(world.dir, sizeof world.dir, "%s/skulk-stream-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(world.dir));
    world.io = io_real;
    world.io.fdatasync = no_sync;
    world.sched = sched_new(&clock_real, 0, 0, 0);
    DbOptions o = {.data_dir = world.dir,
                   .engine_flags = ENGINE_CREATE,
                   .sched = world.sched,
                   .io = &world.io,
                   .memory = 256 << 20,
                   .memtable_max = 1 << 20};
    if (!db_open(&world.db, &o, &e))
        must(!"the database opens");
    world.server = pgw_new(&(PgOptions){.sched = world.sched,
                                        .clock = &clock_real,
                                        .connections_max = 10,
                                        .message_max = 1 << 20,
                                        .admin_user = SLICE_LIT("skulk")});
    pgw_set_db(world.server, world.db);
    atexit(world_end);
}

/* ---- the model ---- */
typedef enum Kind {
    ROWS,   /* n rows */
    CHANGE, /* a tag, once */
    EMPTY,
    COPY_IN,
    COPY_OUT,
    RUN_FAILS,
    NOT_SQL,
    BEGIN,
    COMMIT,
    ROLLBACK,
} Kind;

typedef struct Sql {
    const char *text;
    Kind kind;
    int rows;
    int params;
} Sql;

static const Sql sqls[] = {
    {"SELECT 1", ROWS, 1, 0},
    {"SELECT * FROM generate_series(1, 5)", ROWS, 5, 0},
    {"SELECT $1::int", ROWS, 1, 1},
    {"", EMPTY, 0, 0},
    {"INSERT INTO stream VALUES (1)", CHANGE, 0, 0},
    {"COPY stream FROM STDIN", COPY_IN, 0, 0},
    {"COPY (SELECT * FROM generate_series(1, 3)) TO STDOUT", COPY_OUT, 3, 0},
    {"SELECT 1 / g FROM generate_series(0, 0) g", RUN_FAILS, 0, 0},
    {"SELEC", NOT_SQL, 0, 0},
    {"BEGIN", BEGIN, 0, 0},
    {"COMMIT", COMMIT, 0, 0},
    {"ROLLBACK", ROLLBACK, 0, 0},
};
enum { PLAIN_SQLS = 9 }; /* from then on: the ends of transactions */

enum { NAMES = 3 }; /* "", "a", "b" */
typedef struct Cursor {
    const Sql *sql; /* NULL: no such portal */
    int sent;
    bool done, failed;
} Cursor;

static struct Model {
    const Sql *statements[NAMES];
    Cursor portals[NAMES];
    char status; /* I T E */
    bool skip, over;
    const Sql *copying; /* COPY takes data */
    bool copy_simple;
    Buf send, want;
} m;

static void want(const char *text)
{
    buf_puts(&m.want, text);
}

static void drop_portals(void)
{
    memset(m.portals, 0, sizeof m.portals);
}

static void ready(void)
{
    m.skip = false;
    if (m.status == 'I')
        drop_portals();
    want("Z");
    buf_put_u8(&m.want, (uint8_t)m.status);
}

/* The transaction has failed. */
static void fails(bool simple)
{
    want("E");
    if (m.status == 'T')
        m.status = 'E';
    for (int i = 0; i < NAMES; i++)
        m.portals[i].failed = true;
    if (m.status == 'I')
        drop_portals();
    if (simple)
        ready();
    else
        m.skip = true;
}

static bool refused_now(const Sql *s)
{
    return m.status == 'E' && s->kind != COMMIT && s->kind != ROLLBACK && s->kind != EMPTY;
}

static bool has_columns(const Sql *s)
{
    return s->kind == ROWS || s->kind == RUN_FAILS;
}

static void end_transaction(void)
{
    m.status = 'I';
    drop_portals();
    want("C");
}

/* What begins here ends with CopyDone in copy_done(). */
static bool runs(const Sql *s, bool simple)
{
    switch (s->kind) {
    case CHANGE:
        want("C");
        return true;
    case EMPTY:
        want("I");
        return true;
    case COPY_IN:
        want("G");
        m.copying = s;
        m.copy_simple = simple;
        return true;
    case COPY_OUT:
        want("HdddcC");
        return true;
    case BEGIN:
        m.status = 'T';
        want("C");
        return true;
    case COMMIT:
    case ROLLBACK:
        end_transaction();
        return true;
    default:
        return false;
    }
}

static void model_query(const Sql *s)
{
    m.statements[0] = NULL;
    m.portals[0] = (Cursor){0};
    if (s->kind == NOT_SQL || s->params || refused_now(s)) {
        fails(true);
        return;
    }
    if (s->kind == RUN_FAILS || s->kind == COPY_IN) /* one that fails stays with its transaction */
        m.portals[0] = (Cursor){.sql = s, .done = true};
    if (s->kind == RUN_FAILS) {
        fails(true);
        return;
    }
    if (s->kind == ROWS) {
        want("T");
        for (int i = 0; i < s->rows; i++)
            want("D");
        want("C");
    } else {
        must(runs(s, true));
    }
    if (!m.copying)
        ready();
}

static void model_parse(int name, const Sql *s)
{
    if (s->kind == NOT_SQL || refused_now(s) || (name && m.statements[name])) {
        fails(false);
        return;
    }
    m.statements[name] = s;
    want("1");
}

static void model_bind(int portal, int name, int params)
{
    const Sql *s = m.statements[name];
    if (!s || refused_now(s) || (m.status == 'E' && s->kind == EMPTY) || params != s->params ||
        (portal && m.portals[portal].sql)) {
        fails(false);
        return;
    }
    m.portals[portal] = (Cursor){.sql = s};
    want("2");
}

static void model_describe(bool statement, int name)
{
    const Sql *s = statement ? m.statements[name] : m.portals[name].sql;
    if (!s || (m.status == 'E' && has_columns(s))) {
        fails(false);
        return;
    }
    if (statement)
        want("t");
    want(has_columns(s) ? "T" : "n");
}

static void model_execute(int name, int limit)
{
    Cursor *c = &m.portals[name];
    const Sql *s = c->sql;
    if (s && s->kind == EMPTY) {
        want("I");
        return;
    }
    if (!s || c->failed || refused_now(s) || s->kind == RUN_FAILS || (c->done && s->kind != ROWS)) {
        fails(false);
        return;
    }
    if (s->kind != ROWS) {
        c->done = true;
        must(runs(s, false));
        return;
    }
    int left = s->rows - c->sent, n = limit && limit <= left ? limit : left;
    for (int i = 0; i < n; i++)
        want("D");
    c->sent += n;
    want(limit && n == limit ? "s" : "C");
}

/* False: the message is not one of COPY's. */
static bool model_copy(char type, bool good)
{
    if (!m.copying)
        return false;
    if (type == 'S' || type == 'H' || (type == 'd' && good))
        return true;
    bool simple = m.copy_simple;
    m.copying = NULL;
    if (type != 'c') {
        fails(simple);
    } else {
        want("C");
        if (simple) {
            m.portals[0] = (Cursor){0};
            ready();
        }
    }
    return true;
}

/* ---- messages ---- */
static void put32(Buf *b, uint32_t v)
{
    buf_put_u32(b, __builtin_bswap32(v));
}

static void put16(Buf *b, uint16_t v)
{
    buf_put_u16(b, (uint16_t)(v << 8 | v >> 8));
}

static void put_cstr(Buf *b, const char *s)
{
    buf_put(b, s, strlen(s) + 1);
}

static void put_message(char type, const Buf *body)
{
    buf_put_u8(&m.send, (uint8_t)type);
    put32(&m.send, (uint32_t)body->len + 4);
    buf_put(&m.send, body->ptr ? body->ptr : "", body->len);
}

static const char *const names[NAMES] = {"", "a", "b"};

/* Is the message one that the state of the protocol takes now? */
static bool heard(char type, bool good)
{
    if (m.over || (m.skip && type != 'S' && type != 'X'))
        return false;
    return !model_copy(type, good);
}

static void send_parse(int name, const Sql *s)
{
    Buf b = {0};
    put_cstr(&b, names[name]);
    put_cstr(&b, s->text);
    put16(&b, 0);
    put_message('P', &b);
    buf_free(&b);
    if (heard('P', true))
        model_parse(name, s);
}

static void send_bind(int portal, int name, int params)
{
    Buf b = {0};
    put_cstr(&b, names[portal]);
    put_cstr(&b, names[name]);
    put16(&b, 0);
    put16(&b, (uint16_t)params);
    if (params) {
        put32(&b, 1);
        buf_puts(&b, "7");
    }
    put16(&b, 0);
    put_message('B', &b);
    buf_free(&b);
    if (heard('B', true))
        model_bind(portal, name, params);
}

static void send_execute(int name, int limit)
{
    Buf b = {0};
    put_cstr(&b, names[name]);
    put32(&b, (uint32_t)limit);
    put_message('E', &b);
    buf_free(&b);
    if (heard('E', true))
        model_execute(name, limit);
}

static void send_named(char type, bool statement, int name)
{
    Buf b = {0};
    buf_put_u8(&b, statement ? 'S' : 'P');
    put_cstr(&b, names[name]);
    put_message(type, &b);
    buf_free(&b);
    if (!heard(type, true))
        return;
    if (type == 'D') {
        model_describe(statement, name);
        return;
    }
    if (statement)
        m.statements[name] = NULL;
    else
        m.portals[name] = (Cursor){0};
    want("3");
}

static void send_query(const Sql *s)
{
    Buf b = {0};
    put_cstr(&b, s->text);
    put_message('Q', &b);
    buf_free(&b);
    if (heard('Q', true))
        model_query(s);
}

static void send_text(char type, const char *text, bool good)
{
    Buf b = {0};
    if (type == 'f')
        put_cstr(&b, text);
    else
        buf_puts(&b, text);
    put_message(type, &b);
    buf_free(&b);
    if (!heard(type, good))
        return;
    if (type == 'S')
        ready();
    else if (type == 'X')
        m.over = true;
}

/* ---- the program ---- */
static void send_transaction(const Sql *s, bool simple)
{
    if (simple) {
        send_query(s);
        return;
    }
    send_parse(0, s);
    send_bind(0, 0, 0);
    send_execute(0, 0);
}

/* The stream so far, but for its last `keep` bytes; the session may run or not. */
static void deliver(size_t keep, bool run)
{
    size_t n = m.send.len > keep ? m.send.len - keep : 0;
    fake_deliver(slice_of(m.send.ptr ? m.send.ptr : "", n));
    memmove(m.send.ptr, m.send.ptr + n, m.send.len - n);
    m.send.len -= n;
    if (run)
        fake_run(world.sched);
}

static void next_message(uint8_t op, uint8_t arg)
{
    int one = arg % NAMES, two = arg / NAMES % NAMES;
    const Sql *plain = &sqls[arg / NAMES % PLAIN_SQLS], *any = &sqls[arg % ARRAY_LEN(sqls)];
    switch (op % 16) {
    case 0:
    case 1:
        send_parse(one, plain);
        break;
    case 2:
    case 3:
        send_bind(one, two, arg >= 128 ? 1 : 0);
        break;
    case 4:
        send_named('D', arg & 128, one);
        break;
    case 5:
    case 6:
        send_execute(one, arg / NAMES % 4);
        break;
    case 7:
        send_named('C', arg & 128, one);
        break;
    case 8:
        send_text('H', "", true);
        break;
    case 9:
    case 10:
        send_text('S', "", true);
        break;
    case 11:
        send_query(any);
        break;
    case 12:
        send_transaction(&sqls[PLAIN_SQLS + arg % 3], arg & 128);
        break;
    case 13:
        send_text('d', arg & 1 ? "5\n" : "x\n", arg & 1);
        break;
    case 14:
        if (arg == 255)
            send_text('X', "", true);
        else
            send_text(arg & 1 ? 'c' : 'f', arg & 1 ? "" : "no", true);
        break;
    default:
        deliver(arg >> 1, arg & 1);
        break;
    }
}

/* ---- answers ---- */

/* Types of the messages, with the status behind Z; news of the server are left out. */
static void read_answers(Slice in, Buf *out)
{
    while (in.len) {
        uint32_t len;
        must(in.len >= 5);
        memcpy(&len, in.ptr + 1, 4);
        len = __builtin_bswap32(len);
        must(len >= 4 && in.len >= 1 + (size_t)len);
        if (!strchr("NSARK", in.ptr[0]))
            buf_put_u8(out, (uint8_t)in.ptr[0]);
        if (in.ptr[0] == 'Z')
            buf_put_u8(out, (uint8_t)in.ptr[5]);
        in = slice_of(in.ptr + 1 + len, in.len - 1 - len);
    }
}

static void start_session(void)
{
    static const char packet[] = "\0\3\0\0user\0skulk\0database\0skulk\0";
    put32(&m.send, sizeof packet + 4);
    buf_put(&m.send, packet, sizeof packet);
    m.status = 'I';
    want("ZI");
    send_query(&(Sql){"CREATE TABLE IF NOT EXISTS stream (a int)", CHANGE, 0, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Buf got = {0};
    if (!world.db)
        world_begin();
    memset(&m, 0, sizeof m);
    fake_open(&pgw_face, world.server);
    start_session();
    for (size_t i = 0; i + 2 <= size && i < 400; i += 2)
        next_message(data[i], data[i + 1]);
    send_text('f', "end", true); /* out of COPY, out of the transaction */
    send_text('S', "", true);
    send_query(&sqls[11]);
    deliver(0, true);
    read_answers(buf_slice(&fake_conn.out), &got);
    buf_put_u8(&got, 0);
    buf_put_u8(&m.want, 0);
    if (strcmp(got.ptr, m.want.ptr) != 0)
        fprintf(stderr, "want %s\ngot  %s\n", m.want.ptr, got.ptr);
    must(strcmp(got.ptr, m.want.ptr) == 0);
    fake_close(world.sched);
    must(atomic_load(&pgw_stats(world.server)->sessions) == 0);
    buf_free(&got);
    buf_free(&m.send);
    buf_free(&m.want);
    return 0;
}
