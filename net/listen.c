/* net/listen.c - listening sockets: one per I/O thread and address, with SO_REUSEPORT. */
#include "net/net_private.h"

#include "base/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024, ACCEPTS_A_TURN = 64 };

typedef struct Address {
    struct sockaddr_storage sa;
    socklen_t len;
} Address;

static bool address_parse(Address *a, const char *text, uint16_t port, Err *e)
{
    memset(a, 0, sizeof *a);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->sa;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->sa;
    if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1";
    if (strcmp(text, "*") == 0)
        text = "0.0.0.0";
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a->len = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a->len = sizeof *v6;
        return true;
    }
    return err_set(e, ERR_CONFIG, "\"%s\" is not a numeric address", text);
}

bool net_address_loopback(const char *address)
{
    Address a;
    Err e;
    if (!address_parse(&a, address, 0, &e))
        return false;
    if (a.sa.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&a.sa)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a.sa)->sin6_addr);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg);

static int socket_bind(const Address *a, bool reuse_port)
{
    int one = 1;
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    if (ok && reuse_port)
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0;
    if (ok && a->sa.ss_family == AF_INET6)
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
    if (ok && bind(fd, (const struct sockaddr *)&a->sa, a->len) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int keep = errno;
    close(fd);
    errno = keep;
    return -1;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
                                        : ((struct sockaddr_in6 *)&a)->sin6_port);
}

static void set_port(Address *a, uint16_t port)
{
    if (a->sa.ss_family == AF_INET)
        ((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
}

static bool bind_failed(const char *address, uint16_t port, Err *e)
{
    if (errno == EADDRINUSE) {
        err_set(e, ERR_OBJECT_IN_USE, "port %u of %s is taken by another process", port, address);
        return err_hint(e, "stop it, or choose other ports with --pg-port and --http-port");
    }
    return err_set_errno(e, errno, "cannot listen on %s port %u", address, port);
}

static bool add_listener(IoThread *t, const NetFace *face, void *ctx, int fd, Err *e)
{
    if (t->listener_count == NET_LISTENERS_MAX) {
        close(fd);
        return err_set(e, ERR_CONFIG, "more than %d listeners", NET_LISTENERS_MAX);
    }
    Listener *l = &t->listeners[t->listener_count++];
    *l = (Listener){.thread = t, .face = face, .ctx = ctx, .fd = fd};
    event_assign(&l->ev, t->base, fd, EV_READ | EV_PERSIST, on_acceptable, l);
    event_add(&l->ev, NULL);
    return true;
}

bool net_listen(Net *n, const NetFace *face, void *ctx, const char *address, uint16_t port,
                uint16_t *bound, Err *e)
{
    must(!n->started);
    Address a;
    if (!address_parse(&a, address, port, e))
        return false;
    /* SO_REUSEPORT would let a second server of the same user share our port: look first. */
    int probe = socket_bind(&a, false);
    if (probe < 0)
        return bind_failed(address, port, e);
    *bound = bound_port(probe);
    set_port(&a, *bound);
    if (n->thread_count == 1)
        return add_listener(&n->threads[0], face, ctx, probe, e);
    close(probe);
    for (int i = 0; i < n->thread_count; i++) {
        int fd = socket_bind(&a, true);
        if (fd < 0)
            return bind_failed(address, *bound, e);
        if (!add_listener(&n->threads[i], face, ctx, fd, e))
            return false;
    }
    return true;
}

static void pause_listener(Listener *l, int why)
{
    event_del(&l->ev);
    l->paused = true;
    atomic_fetch_add_explicit(&l->thread->net->stats.accept_pauses, 1, memory_order_relaxed);
    log_warn("net", "%s: no new connections for a moment: %s", l->face->name, strerror(why));
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    Listener *l = arg;
    IoThread *t = l->thread;
    t->now_ns = t->net->clock->mono_ns(t->net->clock);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (got < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_listener(l, errno);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            break;
        }
        int one = 1;
        setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(got, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        conn_reap(conn_new(t, got, l));
    }
    conn_flush_dirty(t);
}

void listener_tick(Listener *l)
{
    if (!l->paused || l->fd < 0)
        return;
    l->paused = false;
    event_add(&l->ev, NULL);
}

void listener_close(Listener *l)
{
    if (l->fd < 0)
        return;
    event_del(&l->ev);
    close(l->fd);
    l->fd = -1;
}
