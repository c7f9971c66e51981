/* tests/fuzz/fake_conn.h - the transport of net/ for one connection in memory, stepped by the test.
 *
 * Bytes come by fake_deliver, answers collect in fake_conn.out; posts of the session are told when it has
 * nothing more to do.  One thread. */
#ifndef SKULK_TESTS_FAKE_CONN_H
#define SKULK_TESTS_FAKE_CONN_H

#include "net/net.h"

struct Outlet {
    Task *task;
    bool gone;
};

struct Conn {
    const NetFace *face;
    void *state;
    Buf in, out;
    size_t in_pos;
    bool paused, finishing, dead;
    Outlet outlet;
    uint32_t posts[16];
    size_t post_count;
};
static Conn fake_conn;

Block *block_take(Buf *take)
{
    Block *b = MEM_NEW(Block);
    b->data = b->memory = take->ptr;
    b->len = take->len;
    buf_init(take);
    return b;
}
Block *block_static(Slice bytes)
{
    Block *b = MEM_NEW(Block);
    b->data = bytes.ptr;
    b->len = bytes.len;
    return b;
}
Slice conn_input(Conn *c)
{
    return slice_of(c->in.ptr ? c->in.ptr + c->in_pos : "", c->in.len - c->in_pos);
}
void conn_consume(Conn *c, size_t n)
{
    must(n <= c->in.len - c->in_pos);
    c->in_pos += n;
}
void conn_take(Conn *c, size_t n, Buf *out, size_t *offset)
{
    buf_init(out);
    buf_put(out, c->in.ptr + c->in_pos, n); /* a block of its size: ASan sees one byte too many */
    *offset = 0;
    conn_consume(c, n);
}
void conn_want(Conn *c, size_t n)
{
    (void)c;
    must(n > 0);
}
void conn_send(Conn *c, Block *take)
{
    if (!c->dead)
        buf_put(&c->out, take->data, take->len);
    mem_free(take->memory);
    mem_free(take);
}
void conn_kill(Conn *c)
{
    c->dead = c->outlet.gone = true;
    if (c->outlet.task)
        task_wake(c->outlet.task);
}
void conn_finish(Conn *c)
{
    c->finishing = true;
}
bool conn_finishing(const Conn *c)
{
    return c->finishing || c->dead;
}
void conn_pause(Conn *c)
{
    c->paused = true;
}
void conn_resume(Conn *c)
{
    c->paused = false;
}
void conn_set_deadline(Conn *c, int64_t ns_from_now)
{
    (void)c, (void)ns_from_now;
}
bool conn_has_tls(const Conn *c)
{
    (void)c;
    return false;
}
NetTlsUse conn_tls_use(const Conn *c)
{
    (void)c;
    return (NetTlsUse){0};
}
bool conn_may_start_tls(Conn *c)
{
    (void)c;
    return false;
}
bool conn_start_tls(Conn *c, Slice answer)
{
    (void)c, (void)answer;
    return false;
}
size_t conn_tls_end_point(const Conn *c, uint8_t dst[NET_END_POINT_MAX])
{
    (void)c, (void)dst;
    return 0;
}
size_t conn_peer(const Conn *c, char dst[NET_PEER_MAX])
{
    (void)c;
    memcpy(dst, "127.0.0.1:1", 12);
    return 11;
}
bool conn_peer_loopback(const Conn *c)
{
    (void)c;
    return true;
}
Outlet *conn_outlet(Conn *c)
{
    return &c->outlet;
}
void outlet_attach(Outlet *o, Task *t)
{
    o->task = t;
}
void outlet_detach(Outlet *o)
{
    o->task = NULL;
}
void outlet_unref(Outlet *o)
{
    must(!o->task);
}
void outlet_wake(Outlet *o)
{
    if (o->task)
        task_wake(o->task);
}
void outlet_send(Outlet *o, Block *take)
{
    must(o == &fake_conn.outlet);
    conn_send(&fake_conn, take);
}
void outlet_post(Outlet *o, uint32_t what)
{
    (void)o;
    must(fake_conn.post_count < ARRAY_LEN(fake_conn.posts));
    fake_conn.posts[fake_conn.post_count++] = what;
}
void outlet_finish(Outlet *o)
{
    (void)o;
    conn_finish(&fake_conn);
}
bool outlet_gone(const Outlet *o)
{
    return o->gone;
}
bool outlet_full(Outlet *o)
{
    (void)o;
    return false;
}

static void fake_open(const NetFace *face, void *ctx)
{
    Conn *c = &fake_conn;
    *c = (Conn){.face = face};
    c->state = face->opened(ctx, c);
}

/* Until nothing is left to do. */
static void fake_run(Sched *s)
{
    Conn *c = &fake_conn;
    for (bool more = true; more;) {
        more = false;
        while (sched_step(s))
            ;
        for (size_t i = 0; i < c->post_count && !c->dead; i++, more = true)
            c->face->posted(c, c->state, c->posts[i]);
        c->post_count = 0;
        if (more && !c->paused && !conn_finishing(c) && conn_input(c).len)
            c->face->input(c, c->state);
    }
}

static void fake_deliver(Slice bytes)
{
    Conn *c = &fake_conn;
    if (conn_finishing(c))
        return;
    buf_put_slice(&c->in, bytes);
    if (!c->paused)
        c->face->input(c, c->state);
}

/* The client goes; the session is followed to its end. */
static void fake_close(Sched *s)
{
    Conn *c = &fake_conn;
    if (!c->dead)
        conn_kill(c);
    fake_run(s);
    c->face->closed(c->state);
    buf_free(&c->in);
    buf_free(&c->out);
}

#endif
