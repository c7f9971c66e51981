/* The transport: echo, back pressure in both directions, deadlines, clients that go, taken ports. */
#include "net/net.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Probe { /* what the face saw */
    atomic_int opened, closed, deadlines, posted, inputs;
    int64_t deadline_ns;
    size_t want; /* told after each input */
    bool echo, pause_first;
    Sched *sched;
    Outlet *outlet; /* of the only connection */
    Task task;
    size_t to_send;
    bool mixed; /* small blocks, which the worker may write itself, and now and then a long one */
    atomic_size_t sent;
    atomic_bool task_done;
    atomic_bool saw_gone;
} Probe;

enum { PIECE = 32 << 10 };

static char pattern(size_t i)
{
    return (char)(i * 131 + (i >> 9));
}

/* A writer as sessions are: sends while there is room, else waits. */
static TaskStatus writer_step(Task *t)
{
    Probe *p = (Probe *)((char *)t - offsetof(Probe, task));
    while (p->sent < p->to_send && !outlet_gone(p->outlet)) {
        if (outlet_full(p->outlet))
            return TASK_WAIT;
        Buf b;
        buf_init(&b);
        size_t n = p->mixed && p->sent % 7 ? 3001 : PIECE;
        n = n < p->to_send - p->sent ? n : p->to_send - p->sent;
        for (size_t i = 0; i < n; i++)
            buf_put_u8(&b, (uint8_t)pattern(p->sent + i));
        p->sent += n;
        outlet_send(p->outlet, block_take(&b));
    }
    if (outlet_gone(p->outlet))
        atomic_store(&p->saw_gone, true);
    outlet_post(p->outlet, 7);
    outlet_finish(p->outlet);
    outlet_detach(p->outlet);
    return TASK_DONE;
}

static void writer_done(Task *t)
{
    Probe *p = (Probe *)((char *)t - offsetof(Probe, task));
    outlet_unref(p->outlet);
    atomic_store(&p->task_done, true);
}

static void *on_opened(void *ctx, Conn *c)
{
    Probe *p = ctx;
    atomic_fetch_add(&p->opened, 1);
    if (p->deadline_ns)
        conn_set_deadline(c, p->deadline_ns);
    if (p->to_send) {
        p->outlet = conn_outlet(c);
        task_init(&p->task, writer_step, TASK_QUERY, 1);
        p->task.done = writer_done;
        outlet_attach(p->outlet, &p->task);
        task_start(p->sched, &p->task);
    }
    return p;
}

static void on_input(Conn *c, void *state)
{
    Probe *p = state;
    atomic_fetch_add(&p->inputs, 1);
    if (!p->echo)
        return;
    size_t offset;
    Buf b;
    conn_take(c, conn_input(c).len, &b, &offset);
    Block *block = block_copy((Slice){b.ptr + offset, b.len - offset});
    buf_free(&b);
    conn_send(c, block);
    conn_want(c, p->want);
}

static void on_ended(Conn *c, void *state)
{
    Probe *p = state;
    if (p->echo)
        conn_finish(c);
    else
        conn_kill(c);
}

static void on_posted(Conn *c, void *state, uint32_t what)
{
    (void)c;
    ck_assert_uint_eq(what, 7);
    atomic_fetch_add(&((Probe *)state)->posted, 1);
}

static void on_deadline(Conn *c, void *state)
{
    atomic_fetch_add(&((Probe *)state)->deadlines, 1);
    conn_kill(c);
}

static void on_stopping(Conn *c, void *state)
{
    (void)state;
    conn_finish(c);
}

static void on_closed(void *state)
{
    atomic_fetch_add(&((Probe *)state)->closed, 1);
}

static const NetFace face = {
    .name = "probe",
    .opened = on_opened,
    .input = on_input,
    .ended = on_ended,
    .posted = on_posted,
    .deadline = on_deadline,
    .stopping = on_stopping,
    .closed = on_closed,
};

static Net *start(Probe *p, int threads, uint16_t *port)
{
    Net *n;
    Err e;
    ck_assert(net_new(&n, &(NetOptions){.threads = threads, .clock = &clock_real}, &e));
    ck_assert_msg(net_listen(n, &face, p, "127.0.0.1", 0, port, &e), "%s", e.message);
    ck_assert(net_start(n, &e));
    return n;
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void stop(Net *n)
{
    net_stop(n, NS_PER_S);
    net_free(n);
}

static bool becomes(atomic_int *v, int want)
{
    for (int i = 0; i < 500 && atomic_load(v) < want; i++)
        usleep(10000);
    return atomic_load(v) >= want;
}

START_TEST(
    echo) /* with 1 and 3 I/O threads; the head of a message is wanted, or nothing is known */
{
    enum { TOTAL = 3 << 20, INPUT_BYTES_MIN = 1 << 10 };
    Probe p = {.echo = true, .want = _i ? 5 : 0};
    uint16_t port;
    Net *n = start(&p, _i ? 3 : 1, &port);
    int fd = dial(port);
    size_t out = 0, in = 0, wrong = 0;
    char buf[40000];
    while (in < TOTAL) {
        struct pollfd pfd = {.fd = fd, .events = (short)(POLLIN | (out < TOTAL ? POLLOUT : 0))};
        ck_assert_int_ge(poll(&pfd, 1, 10000), 1);
        if (pfd.revents & POLLOUT) {
            size_t k = TOTAL - out < 30011 ? TOTAL - out : 30011;
            for (size_t i = 0; i < k; i++)
                buf[i] = pattern(out + i);
            ssize_t w = send(fd, buf, k, MSG_DONTWAIT);
            out += w > 0 ? (size_t)w : 0;
        }
        if (pfd.revents & POLLIN) {
            ssize_t r = recv(fd, buf, sizeof buf, 0);
            ck_assert_int_gt(r, 0);
            for (ssize_t i = 0; i < r; i++)
                wrong += buf[i] != pattern(in + (size_t)i);
            in += (size_t)r;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(recv(fd, buf, sizeof buf, 0), 0);
    close(fd);
    stop(n);
    ck_assert_int_eq(p.opened, 1);
    ck_assert_int_eq(p.closed, 1);
    ck_assert_int_lt(p.inputs, TOTAL / INPUT_BYTES_MIN); /* few bytes wanted are no small reads */
}
END_TEST

START_TEST(slow_reader) /* the writer stops at the limit, goes on at half, and nothing is lost */
{
    enum { TOTAL = 24 << 20 };
    Probe p = {.to_send = TOTAL, .mixed = _i, .sched = sched_new(&clock_real, 1, 0, 0)};
    uint16_t port;
    Net *n = start(&p, 1, &port);
    int fd = dial(port);
    usleep(300000);
    size_t sent_early = p.sent;
    ck_assert_uint_lt(sent_early, TOTAL); /* kernel buffers and 256 KiB, not all */
    static char buf[1 << 20];
    size_t in = 0, wrong = 0;
    ssize_t r;
    while ((r = recv(fd, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < r; i += 997)
            wrong += buf[i] != pattern(in + (size_t)i);
        in += (size_t)r;
        if (p.mixed && in % 3 == 0)
            usleep(200); /* now the writer is ahead, now the reader */
    }
    ck_assert_uint_eq(in, TOTAL);
    ck_assert_uint_eq(wrong, 0);
    close(fd);
    ck_assert(becomes(&p.posted, 1));
    stop(n);
    ck_assert(atomic_load(&p.task_done));
    sched_stop(p.sched);
    sched_free(p.sched);
}
END_TEST

START_TEST(client_goes) /* a waiting writer is woken and sees it */
{
    Probe p = {.to_send = 64 << 20, .sched = sched_new(&clock_real, 1, 0, 0)};
    uint16_t port;
    Net *n = start(&p, 1, &port);
    int fd = dial(port);
    usleep(200000);
    close(fd);
    ck_assert(becomes(&p.closed, 1));
    for (int i = 0; i < 500 && !atomic_load(&p.task_done); i++)
        usleep(10000);
    ck_assert(atomic_load(&p.saw_gone));
    stop(n);
    sched_stop(p.sched);
    sched_free(p.sched);
}
END_TEST

START_TEST(deadline)
{
    Probe p = {.deadline_ns = 300 * NS_PER_MS};
    uint16_t port;
    Net *n = start(&p, 1, &port);
    int fd = dial(port);
    char byte;
    ck_assert_int_le(recv(fd, &byte, 1, 0), 0); /* cut by the server */
    close(fd);
    ck_assert_int_eq(p.deadlines, 1);
    stop(n);
}
END_TEST

START_TEST(taken_port)
{
    Probe p = {.echo = true};
    uint16_t port, other;
    Net *n = start(&p, 2, &port), *second;
    Err e;
    ck_assert(net_new(&second, &(NetOptions){.threads = 2, .clock = &clock_real}, &e));
    ck_assert(!net_listen(second, &face, &p, "127.0.0.1", port, &other, &e));
    ck_assert_int_eq(e.code, ERR_OBJECT_IN_USE);
    ck_assert(!net_listen(second, &face, &p, "not an address", port, &other, &e));
    ck_assert_int_eq(e.code, ERR_CONFIG);
    net_free(second);
    stop(n);
}
END_TEST

START_TEST(many_connections) /* slots are used again under new generations */
{
    Probe p = {.echo = true};
    uint16_t port;
    Net *n = start(&p, 2, &port);
    for (int round = 0; round < 5; round++) {
        int fds[100];
        for (int i = 0; i < 100; i++) {
            fds[i] = dial(port);
            ck_assert_int_eq(send(fds[i], &i, sizeof i, 0), sizeof i);
        }
        for (int i = 0; i < 100; i++) {
            int back = -1;
            ck_assert_int_eq(recv(fds[i], &back, sizeof back, MSG_WAITALL), sizeof back);
            ck_assert_int_eq(back, i);
            close(fds[i]);
        }
        ck_assert(becomes(&p.closed, 100 * (round + 1)));
    }
    ck_assert_uint_eq(net_open_count(n), 0);
    stop(n);
}
END_TEST

START_TEST(no_descriptors) /* the listener pauses, and goes on by itself */
{
    enum { MOST = 200 };
    Probe p = {.echo = true};
    uint16_t port;
    Net *n = start(&p, 1, &port);
    int fds[MOST], count = 0, probe = dup(0);
    struct rlimit few = {.rlim_cur = (rlim_t)probe + 40, .rlim_max = (rlim_t)probe + 40};
    close(probe);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 100 && atomic_load(&net_stats(n)->accept_pauses) == 0; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
            break;
        fds[count++] = fd;
        usleep(1000);
    }
    for (int i = 0; i < 300 && atomic_load(&net_stats(n)->accept_pauses) == 0; i++)
        usleep(10000);
    ck_assert_uint_gt(atomic_load(&net_stats(n)->accept_pauses), 0);
    for (int i = 0; i < count - 1; i++)
        close(fds[i]);
    char byte = 'x';
    ck_assert_int_eq(send(fds[count - 1], &byte, 1, 0), 1);
    byte = 0;
    ck_assert_int_eq(recv(fds[count - 1], &byte, 1, 0), 1);
    ck_assert_int_eq(byte, 'x');
    close(fds[count - 1]);
    stop(n);
}
END_TEST

START_TEST(addresses)
{
    ck_assert(net_address_loopback("127.0.0.1"));
    ck_assert(net_address_loopback("127.9.9.9"));
    ck_assert(net_address_loopback("localhost"));
    ck_assert(net_address_loopback("::1"));
    ck_assert(!net_address_loopback("0.0.0.0"));
    ck_assert(!net_address_loopback("*"));
    ck_assert(!net_address_loopback("::"));
    ck_assert(!net_address_loopback("192.168.1.1"));
    ck_assert(!net_address_loopback("example.org"));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("net");
    tcase_add_loop_test(tc, echo, 0, 2);
    tcase_add_loop_test(tc, slow_reader, 0, 2);
    tcase_add_test(tc, client_goes);
    tcase_add_test(tc, deadline);
    tcase_add_test(tc, taken_port);
    tcase_add_test(tc, many_connections);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, addresses);
    return unit_run(tc);
}
