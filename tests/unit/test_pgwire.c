/* The PostgreSQL face: framing at every cut, bodies, and whole conversations with a fake session.
 *
 * Statements of the fake session: "rows N", "copy in", "copy out", "sleep", "fail", "bad", "set";
 * several are separated by ';'. */
#include "pgwire/message.h"
#include "pgwire/pgwire.h"
#include "pgwire/reply.h"
#include "pgwire/rows.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_session.h"

/* ---- bytes ---- */
static void put32(Buf *b, uint32_t v)
{
    buf_put_u32(b, __builtin_bswap32(v));
}

static void put_msg(Buf *b, char type, Slice body)
{
    buf_put_u8(b, (uint8_t)type);
    put32(b, (uint32_t)body.len + 4);
    buf_put_slice(b, body);
}
#define MSG(b, type, text) put_msg(b, type, SLICE_LIT(text))

static void put_execute(Buf *b, uint32_t max_rows)
{
    Buf body;
    buf_init(&body);
    buf_put_u8(&body, 0);
    put32(&body, max_rows);
    put_msg(b, 'E', buf_slice(&body));
    buf_free(&body);
}

static void put_startup(Buf *b, uint32_t version, Slice rest)
{
    put32(b, (uint32_t)rest.len + 8);
    put32(b, version);
    buf_put_slice(b, rest);
}
#define LOGIN_ANN SLICE_LIT("user\0ann\0database\0skulk\0\0")
#define LOGIN     SLICE_LIT("user\0skulk\0database\0skulk\0application_name\0test\0\0")

START_TEST(framing) /* whatever the cuts, the same messages come out */
{
    Buf all;
    buf_init(&all);
    MSG(&all, 'Q', "rows 1\0");
    MSG(&all, 'd', "0123456789abcdef");
    MSG(&all, 'd', "");
    MSG(&all, 'S', "");
    MSG(&all, 'P', "\0rows 1\0\0\0");
    for (size_t step = 1; step <= all.len; step++) {
        PgFramer f = {.message_max = 1000};
        size_t begin = 0, end = 0;
        char types[100] = "";
        size_t copy_bytes = 0, n = 0;
        while (end < all.len) {
            end = end + step < all.len ? end + step : all.len;
            PgMessage m;
            size_t used, want;
            Err e;
            PgFrame st;
            while ((st = pgw_next(&f, (Slice){all.ptr + begin, end - begin}, &m, &used, &want,
                                  &e)) == FRAME_MESSAGE) {
                begin += used;
                if (m.type == 'd')
                    copy_bytes += m.body.len;
                else
                    types[n++] = m.type;
            }
            ck_assert_int_eq(st, FRAME_MORE);
        }
        ck_assert_str_eq(types, "QSP");
        ck_assert_uint_eq(copy_bytes, 16);
        ck_assert_uint_eq(begin, all.len);
    }
    buf_free(&all);
}
END_TEST

START_TEST(bad_frames)
{
    static const struct {
        Slice bytes;
        const char *why;
    } bad[] = {
        {SLICE_LIT("Z\0\0\0\5I"), "a backend's message"},
        {SLICE_LIT("\x80\0\0\0\4"), "no message at all"},
        {SLICE_LIT("Q\0\0\0\3"), "shorter than its own length"},
        {SLICE_LIT("Q\0\0\0\4"), "shorter than the least body"},
        {SLICE_LIT("Q\xff\xff\xff\xff"), "negative"},
        {SLICE_LIT("Q\0\0\4\0"), "beyond message_max"},
        {SLICE_LIT("S\0\0\x40\0"), "a small message that is large"},
        {SLICE_LIT("d\x7f\xff\xff\xff"), "a stream beyond message_max"},
        {SLICE_LIT("E\0\0\0\4"), "Execute without a number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        PgFramer f = {.message_max = 1000};
        PgMessage m;
        size_t used, want;
        Err e;
        ck_assert_msg(pgw_next(&f, bad[i].bytes, &m, &used, &want, &e) == FRAME_BAD, "%s",
                      bad[i].why);
        ck_assert_int_eq(e.code, ERR_PROTOCOL_VIOLATION);
    }
}
END_TEST

START_TEST(startup_packets)
{
    Arena a;
    PgStartup s;
    Err e;
    arena_init(&a, NULL);
    Slice body = SLICE_LIT(
        "user\0me\0options\0-c a-b=1 --work_mem=a\\ b -cx=\0TimeZone\0UTC\0_pq_.x\0y\0\0");
    ck_assert_msg(pgw_read_startup(body, &a, &s, &e), "%s", e.message);
    ck_assert(slice_eq_cstr(s.user, "me"));
    ck_assert(slice_eq_cstr(s.database, "me"));
    ck_assert_uint_eq(s.setting_count, 4);
    ck_assert(slice_eq_cstr(s.settings[0].name, "a_b") && slice_eq_cstr(s.settings[0].value, "1"));
    ck_assert(slice_eq_cstr(s.settings[1].name, "work_mem") &&
              slice_eq_cstr(s.settings[1].value, "a b"));
    ck_assert(slice_eq_cstr(s.settings[2].name, "x") && slice_eq_cstr(s.settings[2].value, ""));
    ck_assert(slice_eq_cstr(s.settings[3].name, "TimeZone"));
    ck_assert_uint_eq(s.unknown_count, 1);
    static const struct {
        Slice body;
        ErrCode code;
    } bad[] = {
        {SLICE_LIT(""), ERR_PROTOCOL_VIOLATION},
        {SLICE_LIT("user\0me\0"), ERR_PROTOCOL_VIOLATION},
        {SLICE_LIT("user\0me\0\0x"), ERR_PROTOCOL_VIOLATION},
        {SLICE_LIT("\0"), ERR_INVALID_AUTHORIZATION},
        {SLICE_LIT("user\0me\0replication\0database\0\0"), ERR_FEATURE_NOT_SUPPORTED},
        {SLICE_LIT("user\0me\0options\0-c \0\0"), ERR_SYNTAX},
        {SLICE_LIT("user\0me\0options\0-x\0\0"), ERR_SYNTAX},
        {SLICE_LIT("user\0\xff\0\0"), ERR_CHARACTER_NOT_IN_REPERTOIRE},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert(!pgw_read_startup(bad[i].body, &a, &s, &e));
        ck_assert_msg(e.code == bad[i].code, "%zu: %s", i, e.message);
    }
    size_t used;
    uint32_t version;
    ck_assert_int_eq(pgw_next_startup(SLICE_LIT("\0\0\0"), &used, &version, &body, &e), START_MORE);
    ck_assert_int_eq(pgw_next_startup(SLICE_LIT("\0\0\0\7"), &used, &version, &body, &e),
                     START_BAD);
    ck_assert_int_eq(pgw_next_startup(SLICE_LIT("GET / HTTP/1.1"), &used, &version, &body, &e),
                     START_BAD);
    ck_assert_int_eq(
        pgw_next_startup(SLICE_LIT("\0\0\0\x8\4\xd2\x16\x2f"), &used, &version, &body, &e),
        START_SSL);
    ck_assert_int_eq(
        pgw_next_startup(SLICE_LIT("\0\0\0\x9\4\xd2\x16\x2fx"), &used, &version, &body, &e),
        START_BAD);
    ck_assert_int_eq(pgw_next_startup(SLICE_LIT("\0\0\0\x8\0\2\0\0"), &used, &version, &body, &e),
                     START_BAD);
    arena_free(&a);
}
END_TEST

START_TEST(bind_bodies) /* every truncation is refused, none reads past its end */
{
    Slice whole = SLICE_LIT("p\0s\0\0\2\0\0\0\1\0\2\0\0\0\3abc\xff\xff\xff\xff\0\1\0\1");
    Arena a;
    PgBind m;
    Err e;
    arena_init(&a, NULL);
    ck_assert_msg(pgw_read_bind(whole, &a, &m, &e), "%s", e.message);
    ck_assert(slice_eq_cstr(m.portal, "p") && slice_eq_cstr(m.statement, "s"));
    ck_assert_uint_eq(m.param_count, 2);
    ck_assert(slice_eq_cstr(m.params[0].value, "abc") && !m.params[0].binary);
    ck_assert(m.params[1].null && m.params[1].binary);
    ck_assert_uint_eq(m.format_count, 1);
    ck_assert_int_eq(m.formats[0], 1);
    for (size_t len = 0; len < whole.len; len++) {
        char *exact = malloc(len ? len : 1);
        memcpy(exact, whole.ptr, len);
        ck_assert(!pgw_read_bind((Slice){exact, len}, &a, &m, &e));
        free(exact);
    }
    ck_assert(!pgw_read_bind(SLICE_LIT("\0\0\0\1\0\7\0\0\0\0"), &a, &m, &e)); /* format 7 */
    ck_assert_int_eq(e.code, ERR_INVALID_PARAMETER);
    ck_assert(
        !pgw_read_bind(SLICE_LIT("\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"), &a, &m, &e)); /* length -2 */
    PgParse p;
    ck_assert(!pgw_read_parse(SLICE_LIT("a\0SELECT 1\0\xff\xff"), &a, &p, &e));
    ck_assert(!pgw_read_parse(SLICE_LIT("a\0\xff\0\0\0"), &a, &p, &e));
    ck_assert_int_eq(e.code, ERR_CHARACTER_NOT_IN_REPERTOIRE);
    arena_free(&a);
}
END_TEST

/* ---- conversations ---- */
typedef struct Peer {
    Sched *sched;
    Net *net;
    PgServer *pg;
    uint16_t port;
} Peer;

static void serve_with(Peer *s, int connections_max, bool passwords)
{
    Err e;
    static bool once;
    if (!once)
        mutex_init(&fake_db.mutex, RANK_DB);
    once = true;
    fake_env.tz = tz_utc();
    s->sched = sched_new(&clock_real, 2, 0, 0);
    PgOptions o = {.sched = s->sched,
                   .clock = &clock_real,
                   .connections_max = connections_max,
                   .connections_reserved = 1,
                   .message_max = 8 << 20,
                   .passwords = passwords,
                   .admin_user = SLICE_LIT("skulk")};
    s->pg = pgw_new(&o);
    pgw_set_db(s->pg, &fake_db);
    ck_assert(net_new(&s->net, &(NetOptions){.threads = 1, .clock = &clock_real}, &e));
    ck_assert(net_listen(s->net, &pgw_face, s->pg, "127.0.0.1", 0, &s->port, &e));
    ck_assert(net_start(s->net, &e));
}

static void serve(Peer *s, int connections_max)
{
    serve_with(s, connections_max, false);
}

static void stop(Peer *s)
{
    net_stop(s->net, 2 * NS_PER_S);
    ck_assert(pgw_wait_idle(s->pg, 5 * NS_PER_S));
    sched_stop(s->sched);
    net_free(s->net);
    pgw_free(s->pg);
    sched_free(s->sched);
}

static int dial(const Peer *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void send_buf(int fd, Buf *b)
{
    ck_assert_int_eq(send(fd, b->ptr, b->len, MSG_NOSIGNAL), (ssize_t)b->len);
    buf_clear(b);
}

static bool recv_exact(int fd, void *dst, size_t n)
{
    return n == 0 || recv(fd, dst, n, MSG_WAITALL) == (ssize_t)n;
}

/* Message types up to `readies` ReadyForQuery (or the end) as a string; errors add their SQLSTATE.
 * Runs of DataRow are one D; their number is counted. */
static const char *converse(int fd, int readies, size_t *rows)
{
    static char seq[1000];
    static char body[4 << 20];
    size_t n = 0, ignored;
    rows = rows ? rows : &ignored;
    *rows = 0;
    while (readies > 0 && n < 900) {
        char head[5];
        uint32_t len;
        if (!recv_exact(fd, head, 5)) {
            seq[n++] = '.';
            break;
        }
        memcpy(&len, head + 1, 4);
        len = __builtin_bswap32(len) - 4;
        ck_assert_uint_le(len, sizeof body);
        ck_assert(recv_exact(fd, body, len));
        if (head[0] == 'D' && (*rows)++ && seq[n - 1] == 'D')
            continue;
        seq[n++] = head[0];
        if (head[0] == 'Z') {
            readies--;
            seq[n++] = body[0];
        }
        if (head[0] == 'E')
            for (size_t i = 0; i < len; i += strlen(body + i) + 1)
                if (body[i] == 'C')
                    n += (size_t)snprintf(seq + n, sizeof seq - n, "[%s]", body + i + 1);
    }
    seq[n] = 0;
    return seq;
}

static int login(const Peer *s)
{
    int fd = dial(s);
    Buf b;
    buf_init(&b);
    put_startup(&b, 196608, LOGIN);
    send_buf(fd, &b);
    buf_free(&b);
    ck_assert_str_eq(converse(fd, 1, NULL), "RSKZI");
    return fd;
}

START_TEST(start_ups)
{
    Peer s;
    serve(&s, 10);
    Buf b;
    buf_init(&b);
    int fd = dial(&s);
    put_startup(&b, 80877103, SLICE_LIT(""));
    put_startup(&b, 80877104, SLICE_LIT(""));
    send_buf(fd, &b);
    char nn[2];
    ck_assert(recv_exact(fd, nn, 2));
    ck_assert_mem_eq(nn, "NN", 2);
    put_startup(&b, 196610, LOGIN); /* 3.2: we speak 3.0 */
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "vRSKZI");
    close(fd);
    fd = dial(&s);
    put_startup(&b, 196608, SLICE_LIT("user\0skulk\0database\0missing\0\0"));
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "E[3D000].");
    close(fd);
    fd = dial(&s);
    put_startup(&b, 131072, LOGIN);
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "E[0A000].");
    close(fd);
    buf_free(&b);
    stop(&s);
}
END_TEST

static void put_sasl(Buf *b, Slice mechanism, Slice data)
{
    size_t mark = pgw_begin(b, 'p');
    if (mechanism.len) {
        pgw_put_cstr(b, mechanism);
        pgw_put_i32(b, (int32_t)data.len);
    }
    buf_put_slice(b, data);
    pgw_end(b, mark);
}

/* With passwords: nothing but the exchange until it is through. */
START_TEST(logins)
{
    static const struct {
        Slice startup, mechanism, first, last;
        const char *seq;
    } cases[] = {
        {LOGIN_ANN, SLICE_LIT("SCRAM-SHA-256"), SLICE_LIT("n,,n=,r=x"), SLICE_LIT("proof"),
         "RRRRSKZI"},
        {LOGIN_ANN, SLICE_LIT("SCRAM-SHA-256"), SLICE_LIT("n,,n=,r=x"), SLICE_LIT("wrong"),
         "RRE[28P01]."},
        {SLICE_LIT("user\0bob\0database\0skulk\0\0"), SLICE_LIT("SCRAM-SHA-256"),
         SLICE_LIT("n,,n=,r=x"), SLICE_LIT("proof"), "RRE[28P01]."},
        {LOGIN_ANN, SLICE_LIT("SCRAM-SHA-1"), SLICE_LIT("n,,n=,r=x"), SLICE_NONE, "RE[08P01]."},
        {LOGIN_ANN, SLICE_NONE, SLICE_LIT("junk"), SLICE_NONE, "RE[08P01]."},
    };
    Peer s;
    serve_with(&s, 10, true);
    Buf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = dial(&s);
        put_startup(&b, 196608, cases[i].startup);
        put_sasl(&b, cases[i].mechanism, cases[i].first);
        if (cases[i].last.len)
            put_sasl(&b, SLICE_NONE, cases[i].last);
        send_buf(fd, &b);
        ck_assert_str_eq(converse(fd, 1, NULL), cases[i].seq);
        close(fd);
    }
    int fd = dial(&s); /* a query instead of a proof */
    put_startup(&b, 196608, LOGIN_ANN);
    MSG(&b, 'Q', "rows 1\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "RE[08P01].");
    close(fd);
    fd = dial(&s); /* nobody keeps megabytes for a stranger */
    put_startup(&b, 196608, LOGIN_ANN);
    buf_put(&b, "Q\0\x10\0\0", 5);
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "RE[08P01].");
    close(fd);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(simple_queries)
{
    static const struct {
        Slice sql;
        const char *seq;
        size_t rows;
    } cases[] = {
        {SLICE_LIT("rows 0\0"), "TCZI", 0},
        {SLICE_LIT("rows 3\0"), "TDCZI", 3},
        {SLICE_LIT("rows 5000\0"), "TDCZI", 5000},
        {SLICE_LIT("\0"), "IZI", 0},
        {SLICE_LIT("rows 1;rows 2\0"), "TDCTDCZI", 3},
        {SLICE_LIT("rows 1;fail;rows 2\0"), "TDCE[22012]ZI", 1},
        {SLICE_LIT("bad\0"), "E[42601]ZI", 0},
        {SLICE_LIT("set\0"), "NCSZI", 0},
        {SLICE_LIT("copy out\0"), "HddcCZI", 0},
        {SLICE_LIT("SELECT '\xff'\0"), "E[22021]ZI", 0},
        {SLICE_LIT("no nul"), "E[08P01]ZI", 0},
    };
    Peer s;
    serve(&s, 10);
    int fd = login(&s);
    Buf b;
    buf_init(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t rows;
        put_msg(&b, 'Q', cases[i].sql);
        send_buf(fd, &b);
        ck_assert_str_eq(converse(fd, 1, &rows), cases[i].seq);
        ck_assert_uint_eq(rows, cases[i].rows);
    }
    MSG(&b, 'F', "\0\0\0\0\0\0\0\0\0\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "E[0A000]ZI");
    MSG(&b, 'X', "");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), ".");
    close(fd);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(extended_queries)
{
    Peer s;
    serve(&s, 10);
    int fd = login(&s);
    Buf b;
    buf_init(&b);
    MSG(&b, 'P', "\0rows 5\0\0\0");
    MSG(&b, 'D', "S\0");
    MSG(&b, 'B', "\0\0\0\0\0\0\0\0");
    MSG(&b, 'D', "P\0");
    put_execute(&b, 2);
    put_execute(&b, 2);
    put_execute(&b, 2);
    MSG(&b, 'C', "P\0");
    MSG(&b, 'S', "");
    send_buf(fd, &b);
    size_t rows;
    ck_assert_str_eq(converse(fd, 1, &rows), "1tT2TDsDsDC3ZI");
    ck_assert_uint_eq(rows, 5);
    /* an error skips to Sync; the next series is served */
    MSG(&b, 'P', "\0bad\0\0\0");
    MSG(&b, 'B', "\0\0\0\0\0\0\0\0");
    put_execute(&b, 0);
    MSG(&b, 'S', "");
    MSG(&b, 'P', "\0rows 1\0\0\0");
    MSG(&b, 'B', "\0\0\0\0\0\0\0\0");
    put_execute(&b, 0);
    MSG(&b, 'S', "");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 2, NULL), "E[42601]ZI12DCZI");
    MSG(&b, 'D', "X\0");
    MSG(&b, 'S', "");
    MSG(&b, 'E', "nope\0\0\0\0\0");
    MSG(&b, 'S', "");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 2, NULL), "E[08P01]ZIE[34000]ZI");
    /* Flush without Sync sends what there is */
    MSG(&b, 'P', "\0rows 1\0\0\0");
    MSG(&b, 'H', "");
    send_buf(fd, &b);
    char one[5];
    ck_assert(recv_exact(fd, one, 5));
    ck_assert_int_eq(one[0], '1');
    MSG(&b, 'S', "");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "ZI");
    close(fd);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(copies)
{
    Peer s;
    serve(&s, 10);
    int fd = login(&s);
    Buf b;
    buf_init(&b);
    MSG(&b, 'Q', "copy in\0");
    MSG(&b, 'd', "0123");
    MSG(&b, 'd', "456789");
    MSG(&b, 'c', "");
    MSG(&b, 'Q', "rows 1\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 2, NULL), "GCZITDCZI");
    MSG(&b, 'Q', "copy in\0");
    MSG(&b, 'd', "0123");
    MSG(&b, 'f', "enough\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "GE[57014]ZI");
    /* what comes after an error of the server is dropped */
    MSG(&b, 'Q', "copy in\0");
    MSG(&b, 'd', "good");
    MSG(&b, 'd', "bad!");
    MSG(&b, 'd', "more");
    MSG(&b, 'c', "");
    MSG(&b, 'Q', "rows 1\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 2, NULL), "GE[22P02]ZITDCZI");
    MSG(&b, 'Q', "copy in\0");
    MSG(&b, 'Q', "rows 1\0");
    send_buf(fd, &b);
    ck_assert_str_eq(converse(fd, 1, NULL), "GE[08P01]ZI");
    /* a large CopyData goes through in pieces, past the limit of what is unparsed */
    Buf big;
    buf_init(&big);
    for (size_t i = 0; i < 5 << 20; i++)
        buf_put_u8(&big, 'x');
    MSG(&b, 'Q', "copy in\0");
    put_msg(&b, 'd', buf_slice(&big));
    MSG(&b, 'c', "");
    size_t sent = 0;
    while (sent < b.len) {
        ssize_t k = send(fd, b.ptr + sent, b.len - sent, MSG_NOSIGNAL);
        ck_assert_int_gt(k, 0);
        sent += (size_t)k;
    }
    ck_assert_str_eq(converse(fd, 1, NULL), "GCZI");
    close(fd);
    buf_free(&big);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(cancels)
{
    Peer s;
    serve(&s, 10);
    int fd = login(&s);
    Buf b;
    buf_init(&b);
    MSG(&b, 'Q', "sleep\0");
    send_buf(fd, &b);
    usleep(100000);
    for (uint32_t secret = 41; secret <= 42; secret++) { /* a wrong key, then the right one */
        int other = dial(&s);
        put32(&b, 16);
        put32(&b, 80877102);
        put32(&b, 4711);
        put32(&b, secret);
        send_buf(other, &b);
        char byte;
        ck_assert_int_eq(recv(other, &byte, 1, 0), 0);
        close(other);
    }
    ck_assert_str_eq(converse(fd, 1, NULL), "E[57014]ZI");
    MSG(&b, 'Q', "sleep\0"); /* a client that goes takes its statement with it */
    send_buf(fd, &b);
    usleep(100000);
    close(fd);
    ck_assert(pgw_wait_idle(s.pg, 5 * NS_PER_S));
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(slow_reader) /* 300,000 rows stay in the server while nobody reads */
{
    Peer s;
    serve(&s, 10);
    int fd = login(&s), other = login(&s);
    Buf b;
    buf_init(&b);
    MSG(&b, 'Q', "rows 300000\0");
    send_buf(fd, &b);
    usleep(300000);
    MSG(&b, 'Q', "rows 1\0"); /* another client is served meanwhile */
    send_buf(other, &b);
    ck_assert_str_eq(converse(other, 1, NULL), "TDCZI");
    size_t rows;
    ck_assert_str_eq(converse(fd, 1, &rows), "TDCZI");
    ck_assert_uint_eq(rows, 300000);
    close(fd);
    close(other);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(limits)
{
    Peer s;
    serve(&s, 2);
    int fd[2] = {login(&s), login(&s)};
    int third = dial(&s);
    Buf b;
    buf_init(&b);
    put_startup(&b, 196608, LOGIN);
    send_buf(third, &b);
    ck_assert_str_eq(converse(third, 1, NULL), "E[53300].");
    close(third);
    close(fd[1]);
    for (int i = 0; i < 200 && atomic_load(&pgw_stats(s.pg)->sessions) > 1; i++)
        usleep(10000);
    third = dial(&s); /* the last place is the administrator's */
    put_startup(&b, 196608, SLICE_LIT("user\0guest\0\0"));
    send_buf(third, &b);
    ck_assert_str_eq(converse(third, 1, NULL), "E[53300].");
    close(third);
    MSG(&b, 'Q', "rows 1\0"); /* a message that cannot be: told so after the answer before it */
    buf_puts(&b, "Z!!!!");
    send_buf(fd[0], &b);
    ck_assert_str_eq(converse(fd[0], 2, NULL), "TDCZIE[08P01].");
    close(fd[0]);
    buf_free(&b);
    stop(&s);
}
END_TEST

START_TEST(shutdown_tells) /* 57P01 to idle and to busy sessions */
{
    Peer s;
    serve(&s, 10);
    int idle = login(&s), busy = login(&s);
    Buf b;
    buf_init(&b);
    MSG(&b, 'Q', "sleep\0");
    send_buf(busy, &b);
    usleep(100000);
    stop(&s);
    ck_assert_str_eq(converse(idle, 1, NULL), "E[57P01].");
    ck_assert_str_eq(converse(busy, 1, NULL), "E[57P01].");
    close(idle);
    close(busy);
    buf_free(&b);
}
END_TEST

START_TEST(row_bytes)
{
    Session session = {.status = 'I'};
    Portal *p = fake_portal(&session, FAKE_ROWS, 3);
    Batch *batch;
    Err e;
    fake_env.tz = tz_utc();
    ck_assert_int_eq(portal_run(p, 0, &batch, &e), RUN_BATCH);
    uint16_t sel[] = {1, 2};
    batch->sel = sel;
    batch->sel_count = 2;
    PgRows r;
    Buf out;
    buf_init(&out);
    pgw_rows_open(&r, p);
    pgw_rows_batch(&r, batch);
    ck_assert(pgw_rows_write(&r, &out, SIZE_MAX));
    Slice want = SLICE_LIT("D\0\0\0\x1b\0\3\0\0\0\1"
                           "1\0\0\0\x8"
                           "constant\xff\xff\xff\xff"
                           "D\0\0\0\x1e\0\3\0\0\0\1"
                           "2\0\0\0\x8"
                           "constant\0\0\0\3"
                           "100");
    ck_assert_uint_eq(out.len, want.len);
    ck_assert_mem_eq(out.ptr, want.ptr, want.len);
    pgw_rows_close(&r);
    buf_free(&out);
}
END_TEST

START_TEST(row_times)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01 00:00:00+00"},
        {INT64_C(1700000000123400), "2023-11-14 22:13:20.1234+00"},
        {-1, "1969-12-31 23:59:59.999999+00"},
        {INT64_C(-62135596800000000), "0001-01-01 00:00:00+00"},
        {INT64_C(-62135596800000001), "-62135596800000001"}, /* left to the type */
        {INT64_MAX, "9223372036854775807"},
    };
    Buf out;
    buf_init(&out);
    fake_env.tz = tz_utc();
    TypeId type = T_TIMESTAMPTZ;
    RowForm form = {.message = 'D', .env = fake_env, .col_count = 1, .types = &type};
    RowBytes *r = rowbytes_new(&form);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = cases[i].us;
        Vector vec = {.type = T_TIMESTAMPTZ, .phys = PH_I64, .v.i64 = &v};
        Batch b = {.rows = 1, .col_count = 1, .cols = &vec};
        buf_clear(&out);
        rowbytes_begin(r, &b);
        ck_assert(rowbytes_write(r, &out, SIZE_MAX));
        buf_put_u8(&out, 0);
        ck_assert_str_eq(out.ptr + 11, cases[i].text);
    }
    rowbytes_free(r);
    buf_free(&out);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pgwire");
    tcase_add_test(tc, framing);
    tcase_add_test(tc, bad_frames);
    tcase_add_test(tc, startup_packets);
    tcase_add_test(tc, bind_bodies);
    tcase_add_test(tc, row_bytes);
    tcase_add_test(tc, row_times);
    tcase_add_test(tc, start_ups);
    tcase_add_test(tc, logins);
    tcase_add_test(tc, simple_queries);
    tcase_add_test(tc, extended_queries);
    tcase_add_test(tc, copies);
    tcase_add_test(tc, cancels);
    tcase_add_test(tc, slow_reader);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, shutdown_tells);
    return unit_run(tc);
}
