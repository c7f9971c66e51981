/* net/conn.c - one connection on its I/O thread: reading, writing, ending. */
#include "net/net_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_closed(evutil_socket_t fd, short what, void *arg);

/* ---- the plain row ---- */
static ssize_t plain_result(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -2;
}

static ssize_t plain_read(Conn *c, void *dst, size_t len)
{
    return plain_result(read(c->fd, dst, len));
}

ssize_t net_write_plain(int fd, const struct iovec *iov, int count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    return plain_result(sendmsg(fd, &m, MSG_NOSIGNAL));
}

static ssize_t plain_write(Conn *c, const struct iovec *iov, int count)
{
    return net_write_plain(c->fd, iov, count);
}

static void plain_close(Conn *c)
{
    close(c->fd);
}

const NetIo net_io_plain = {"plain", NULL, plain_read, plain_write, plain_close, NULL, NULL};

/* ---- birth and death ---- */
static uint32_t slot_get(IoThread *t)
{
    if (!t->free_slot) {
        uint32_t count = t->slot_count ? t->slot_count * 2 : 64;
        t->slots = mem_realloc(t->slots, count * sizeof *t->slots);
        for (uint32_t i = count; i-- > t->slot_count;) {
            t->slots[i] = (Slot){.next_free = t->free_slot};
            t->free_slot = i + 1;
        }
        t->slot_count = count;
    }
    uint32_t i = t->free_slot - 1;
    t->free_slot = t->slots[i].next_free;
    return i;
}

Conn *conn_new(IoThread *t, int fd, const Listener *l)
{
    Conn *c = MEM_NEW(Conn);
    c->thread = t;
    c->fd = fd;
    c->io = &net_io_plain;
    c->face = l->face;
    c->id.slot = slot_get(t);
    Slot *s = &t->slots[c->id.slot];
    c->id.generation = ++s->generation;
    s->conn = c;
    c->outlet = outlet_new(t, c->id, fd);
    c->progress_ns = t->now_ns;
    event_assign(&c->ev_read, t->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->ev_write, t->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    event_assign(&c->ev_closed, t->base, fd, EV_CLOSED | EV_PERSIST, on_closed, c);
    atomic_fetch_add(&t->open_count, 1);
    atomic_fetch_add_explicit(&t->net->stats.accepted, 1, memory_order_relaxed);
    c->state = c->face->opened(l->ctx, c);
    if (!c->dead && !c->paused)
        event_add(&c->ev_read, NULL);
    return c;
}

static void charge(Conn *c)
{
    if (!c->budget || c->in.cap == c->charged)
        return;
    budget_charge(c->budget, (int64_t)c->in.cap - (int64_t)c->charged);
    c->charged = c->in.cap;
}

static void drop_output(Conn *c)
{
    for (; c->out_count; c->out_count--, c->out_head = (c->out_head + 1) % c->out_cap)
        block_unref(c->out[c->out_head]);
}

static void unlink_dirty(Conn *c)
{
    if (!c->dirty)
        return;
    Conn **p = &c->thread->dirty;
    while (*p != c)
        p = &(*p)->next_dirty;
    *p = c->next_dirty;
    c->dirty = false;
}

void conn_reap(Conn *c)
{
    if (!c->dead)
        return;
    IoThread *t = c->thread;
    unlink_dirty(c);
    Slot *s = &t->slots[c->id.slot];
    s->conn = NULL;
    s->next_free = t->free_slot;
    t->free_slot = c->id.slot + 1;
    c->face->closed(c->state);
    drop_output(c);
    mem_free(c->out);
    buf_free(&c->in);
    charge(c);
    outlet_unref(c->outlet);
    mem_free(c);
    atomic_fetch_add_explicit(&t->net->stats.closed, 1, memory_order_relaxed);
    atomic_fetch_sub(&t->open_count, 1);
}

void conn_mark_gone(Conn *c)
{
    if (!atomic_exchange(&c->outlet->gone, true))
        outlet_wake(c->outlet);
}

void conn_kill(Conn *c)
{
    if (c->dead)
        return;
    c->dead = true;
    event_del(&c->ev_read);
    event_del(&c->ev_write);
    event_del(&c->ev_closed);
    outlet_close_direct(c->outlet);
    c->io->close(c);
    conn_mark_gone(c);
}

/* ---- reading ---- */
/* Room for the next read(2).  Never more than NET_AHEAD times what has come, whatever was claimed. */
static void make_room(Conn *c)
{
    IoThread *t = c->thread;
    if (c->in_pos == c->in.len)
        c->in_pos = c->in.len = 0;
    if (!c->in.ptr && t->spare.ptr) {
        c->in = t->spare;
        buf_init(&t->spare);
    }
    size_t have = c->in.len - c->in_pos;
    size_t more = c->want > have ? c->want - have : NET_READ_SIZE;
    size_t most = have >= NET_READ_SIZE ? have * (NET_AHEAD - 1) : NET_READ_SIZE;
    if (more > most)
        more = most;
    size_t room = c->in.cap - c->in.len;
    if (room >= more || room >= NET_READ_SIZE)
        return;
    if (more < NET_READ_SIZE) /* the head of a message is wanted: what follows may come with it */
        more = NET_READ_SIZE;
    if (c->in_pos && c->in_pos >= have) { /* cheap: at most half of what was read is moved */
        memmove(c->in.ptr, c->in.ptr + c->in_pos, have);
        c->in.len = have;
        c->in_pos = 0;
    }
    if (c->in.cap - c->in.len < more)
        buf_reserve(&c->in, more);
    charge(c);
}

/* An idle connection keeps no buffer. */
static void give_back_buffer(Conn *c)
{
    if (c->in_pos != c->in.len || !c->in.ptr)
        return;
    IoThread *t = c->thread;
    c->in_pos = c->in.len = 0;
    if (!t->spare.ptr && c->in.cap <= NET_SPARE_MAX) {
        t->spare = c->in;
        buf_init(&c->in);
    } else {
        buf_free(&c->in);
    }
    charge(c);
}

static void input_ended(Conn *c)
{
    c->ended = true;
    event_del(&c->ev_read);
    if (c->finishing) { /* nothing to wait for any more */
        if (c->out_count == 0)
            conn_kill(c);
        return;
    }
    if (c->face->ended)
        c->face->ended(c, c->state);
    else
        conn_kill(c);
}

static void mark_dirty(Conn *c);

/* Bytes that OpenSSL has already make no event. */
static void look_again(Conn *c)
{
    if (!c->dead && !c->paused && !c->ended && !c->handshaking && c->io->pending &&
        c->io->pending(c))
        event_active(&c->ev_read, EV_READ, 0);
}

/* Until it is done nothing is read or written; true: it is.  Its steps take milliseconds of the CPU, so
 * that others run them. */
static bool shake_hands(Conn *c)
{
    if (!c->handshaking)
        return true;
    if (c->shaking)
        return false;
    c->shaking = true;
    event_del(&c->ev_read);
    if (c->writing)
        event_del(&c->ev_write);
    c->writing = false;
    c->io->handshake(c);
    return false;
}

void conn_shaken(Conn *c, NetShake how)
{
    c->shaking = false;
    if (how == SHAKE_BROKEN) {
        conn_kill(c);
        return;
    }
    c->handshaking = how != SHAKE_DONE;
    c->writing = how == SHAKE_WRITE;
    if (c->writing)
        event_add(&c->ev_write, NULL);
    if (!c->paused)
        event_add(&c->ev_read, NULL);
    if (how == SHAKE_DONE) {
        mark_dirty(c);
        look_again(c);
    }
}

static bool read_once(Conn *c)
{
    if (!shake_hands(c))
        return false;
    make_room(c);
    size_t room = c->in.cap - c->in.len;
    ssize_t n = c->io->read(c, c->in.ptr + c->in.len, room);
    if (n == -1)
        return false;
    if (n == -2) {
        conn_kill(c);
        return false;
    }
    if (n == 0) {
        input_ended(c);
        return false;
    }
    atomic_fetch_add_explicit(&c->thread->net->stats.bytes_in, (uint64_t)n, memory_order_relaxed);
    c->in.len += (size_t)n;
    if (c->finishing)
        c->in_pos = c->in.len; /* thrown away */
    else
        c->face->input(c, c->state);
    bool more = c->handshaking ? c->io->pending(c) : (size_t)n == room;
    return more && !c->dead && !c->paused && !c->ended;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    Conn *c = arg;
    IoThread *t = c->thread;
    t->now_ns = t->net->clock->mono_ns(t->net->clock);
    for (int i = 0; i < NET_READ_TURNS; i++)
        if (!read_once(c))
            break;
    if (!c->dead)
        give_back_buffer(c);
    look_again(c);
    conn_reap(c);
    conn_flush_dirty(t);
}

/* While reading is paused the end of the peer is only seen this way. */
static void on_closed(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    Conn *c = arg;
    IoThread *t = c->thread;
    event_del(&c->ev_closed);
    if (c->paused && !c->finishing && !c->face->ended)
        conn_kill(c);
    else if (c->paused && !c->finishing)
        c->face->ended(c, c->state);
    conn_reap(c);
    conn_flush_dirty(t);
}

void conn_pause(Conn *c)
{
    if (c->paused || c->dead)
        return;
    c->paused = true;
    event_del(&c->ev_read);
    event_add(&c->ev_closed, NULL);
}

void conn_resume(Conn *c)
{
    if (!c->paused || c->dead)
        return;
    c->paused = false;
    event_del(&c->ev_closed);
    if (!c->ended && !c->shaking)
        event_add(&c->ev_read, NULL);
    look_again(c);
}

Slice conn_input(Conn *c)
{
    return c->in.ptr ? (Slice){c->in.ptr + c->in_pos, c->in.len - c->in_pos} : SLICE_LIT("");
}

char *conn_input_bytes(Conn *c)
{
    return c->in.ptr + c->in_pos;
}

void conn_consume(Conn *c, size_t n)
{
    must(n <= c->in.len - c->in_pos);
    c->in_pos += n;
    c->want = 0;
}

void conn_take(Conn *c, size_t n, Buf *out, size_t *offset)
{
    size_t rest = c->in.len - c->in_pos;
    must(n <= rest);
    rest -= n;
    buf_init(out);
    if (n < (NET_READ_SIZE / 4) || rest > n) {
        buf_put(out, c->in.ptr + c->in_pos, n);
        *offset = 0;
        conn_consume(c, n);
        return;
    }
    *out = c->in;
    *offset = c->in_pos;
    buf_init(&c->in);
    if (rest)
        buf_put(&c->in, out->ptr + *offset + n, rest);
    out->len = *offset + n;
    c->in_pos = c->want = 0;
    charge(c);
}

void conn_cut(Conn *c, size_t offset, size_t n)
{
    size_t at = c->in_pos + offset;
    must(at + n <= c->in.len);
    if (n == 0)
        return;
    memmove(c->in.ptr + at, c->in.ptr + at + n, c->in.len - at - n);
    c->in.len -= n;
}

void conn_want(Conn *c, size_t n)
{
    c->want = n;
}

bool conn_ended(const Conn *c)
{
    return c->ended;
}

/* ---- writing ---- */
static void mark_dirty(Conn *c)
{
    if (c->dirty || c->writing)
        return;
    c->dirty = true;
    c->next_dirty = c->thread->dirty;
    c->thread->dirty = c;
}

static void make_place(Conn *c)
{
    if (c->out_count < c->out_cap)
        return;
    size_t cap = c->out_cap ? c->out_cap * 2 : 4;
    Block **ring = mem_alloc(cap * sizeof *ring);
    for (size_t i = 0; i < c->out_count; i++)
        ring[i] = c->out[(c->out_head + i) % c->out_cap];
    mem_free(c->out);
    c->out = ring;
    c->out_cap = cap;
    c->out_head = 0;
}

void conn_queue(Conn *c, Block *take, bool counted)
{
    if (!counted)
        atomic_fetch_add(&c->outlet->unsent, take->len);
    if (c->dead || take->len == 0) {
        block_unref(take);
        return;
    }
    make_place(c);
    if (c->out_count == 0)
        c->progress_ns = c->thread->now_ns;
    c->out[(c->out_head + c->out_count++) % c->out_cap] = take;
    mark_dirty(c);
}

void conn_rest(Conn *c)
{
    if (c->out_count == 0)
        c->progress_ns = c->thread->now_ns;
    mark_dirty(c);
}

/* What a worker's write left comes before all that is queued, and none of that has been begun: the worker
 * wrote when nothing was unsent.  It writes no more from here to the end of the queue, and after the end of
 * a connection that finishes never again. */
static void take_rest(Conn *c)
{
    Outlet *o = c->outlet;
    mutex_lock(&o->mutex);
    if (o->rest) {
        make_place(c);
        c->out_head = (c->out_head + c->out_cap - 1) % c->out_cap;
        c->out[c->out_head] = o->rest;
        c->out_count++;
        c->out_offset = o->rest_offset;
        o->rest = NULL;
    }
    if (c->finishing)
        o->fd = -1;
    mutex_unlock(&o->mutex);
}

void conn_send(Conn *c, Block *take)
{
    conn_queue(c, take, false);
}

static void wrote(Conn *c, size_t n)
{
    atomic_fetch_add_explicit(&c->thread->net->stats.bytes_out, n, memory_order_relaxed);
    c->progress_ns = c->thread->now_ns;
    for (size_t left = n; left;) {
        Block *b = c->out[c->out_head];
        size_t part = b->len - c->out_offset;
        if (left < part) {
            c->out_offset += left;
            break;
        }
        left -= part;
        c->out_offset = 0;
        block_unref(b);
        c->out_head = (c->out_head + 1) % c->out_cap;
        c->out_count--;
    }
    outlet_wrote(c->outlet, n);
}

/* All is sent: half close, then throw away what still comes for a moment, so that the client
 * can read the answer before a reset destroys it. */
static void linger(Conn *c)
{
    if (c->ended) {
        conn_kill(c);
        return;
    }
    IoThread *t = c->thread;
    c->lingering = true;
    if (c->io->end)
        c->io->end(c);
    shutdown(c->fd, SHUT_WR);
    c->deadline_ns = t->now_ns + (t->stopping ? NET_LINGER_STOP_NS : NET_LINGER_NS);
    c->in_pos = c->in.len;
    if (c->paused)
        conn_resume(c);
}

static bool write_some(Conn *c, bool *later)
{
    struct iovec iov[NET_IOV_MAX];
    int count = 0;
    size_t total = 0;
    for (size_t i = 0; i < c->out_count && count < NET_IOV_MAX; i++, count++) {
        Block *b = c->out[(c->out_head + i) % c->out_cap];
        size_t skip = i ? 0 : c->out_offset;
        iov[count].iov_base = (char *)(uintptr_t)b->data + skip;
        iov[count].iov_len = b->len - skip;
        total += iov[count].iov_len;
    }
    ssize_t n = c->io->write(c, iov, count);
    *later = n == -1;
    if (n == -2)
        conn_kill(c);
    if (n <= 0)
        return false;
    wrote(c, (size_t)n);
    *later = (size_t)n < total;
    return !*later;
}

static void write_out(Conn *c)
{
    bool later = false;
    if (c->handshaking)
        return;
    take_rest(c);
    while (c->out_count && !c->dead)
        if (!write_some(c, &later))
            break;
    if (c->dead)
        return;
    if (later != c->writing) {
        c->writing = later;
        if (later)
            event_add(&c->ev_write, NULL);
        else
            event_del(&c->ev_write);
    }
    if (c->out_count == 0 && c->finishing && !c->lingering)
        linger(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    Conn *c = arg;
    IoThread *t = c->thread;
    t->now_ns = t->net->clock->mono_ns(t->net->clock);
    if (shake_hands(c))
        write_out(c);
    conn_reap(c);
    conn_flush_dirty(t);
}

void conn_flush_dirty(IoThread *t)
{
    for (Conn *c; (c = t->dirty);) {
        t->dirty = c->next_dirty;
        c->dirty = false;
        if (!c->dead)
            write_out(c);
        conn_reap(c);
    }
}

void conn_finish(Conn *c)
{
    if (c->finishing || c->dead)
        return;
    if (c->handshaking) { /* nothing can be said */
        conn_kill(c);
        return;
    }
    c->finishing = true;
    c->deadline_ns = 0;
    mark_dirty(c);
}

bool conn_finishing(const Conn *c)
{
    return c->finishing || c->dead;
}

/* ---- time ---- */
void conn_set_deadline(Conn *c, int64_t ns_from_now)
{
    if (!c->finishing)
        c->deadline_ns = ns_from_now ? c->thread->now_ns + ns_from_now : 0;
}

void conn_tick(Conn *c, int64_t now_ns)
{
    int64_t stall = c->face->write_stall_ns;
    if (c->finishing && stall == 0)
        stall = 60 * NS_PER_S;
    if (c->out_count && stall && now_ns - c->progress_ns > stall) {
        conn_kill(c);
    } else if (c->deadline_ns && now_ns >= c->deadline_ns) {
        c->deadline_ns = 0;
        if (c->lingering)
            conn_kill(c);
        else
            c->face->deadline(c, c->state);
    }
    conn_reap(c);
}

int64_t conn_now(const Conn *c)
{
    return c->thread->now_ns;
}

/* ---- the rest ---- */
void conn_set_budget(Conn *c, Budget *b)
{
    must(!c->budget);
    c->budget = b;
    charge(c);
}

Outlet *conn_outlet(Conn *c)
{
    ref_take(&c->outlet->ref);
    return c->outlet;
}

static bool peer_address(const Conn *c, struct sockaddr_storage *a)
{
    socklen_t len = sizeof *a;
    return getpeername(c->fd, (struct sockaddr *)a, &len) == 0;
}

size_t conn_peer(const Conn *c, char dst[NET_PEER_MAX])
{
    struct sockaddr_storage a;
    char text[INET6_ADDRSTRLEN] = "";
    dst[0] = 0;
    if (!peer_address(c, &a))
        return 0;
    int n = 0;
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        n = snprintf(dst, NET_PEER_MAX, "%s:%u", text, ntohs(v4->sin_port));
    } else if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        n = snprintf(dst, NET_PEER_MAX, "[%s]:%u", text, ntohs(v6->sin6_port));
    }
    return n > 0 ? (size_t)n : 0;
}

bool conn_peer_loopback(const Conn *c)
{
    struct sockaddr_storage a;
    if (!peer_address(c, &a))
        return false;
    if (a.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24 == 127;
    if (a.ss_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
