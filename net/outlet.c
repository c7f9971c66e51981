/* net/outlet.c - blocks, outlets, and the mail from workers to I/O threads. */
#include "net/net_private.h"

Block *block_take(Buf *take)
{
    Block *b = MEM_NEW(Block);
    ref_init(&b->ref);
    b->len = take->len;
    b->data = b->memory = take->ptr;
    buf_init(take);
    return b;
}

Block *block_copy(Slice bytes)
{
    Buf buf;
    buf_init(&buf);
    buf_put_slice(&buf, bytes);
    return block_take(&buf);
}

Block *block_static(Slice bytes)
{
    Block *b = MEM_NEW(Block);
    ref_init(&b->ref);
    b->len = bytes.len;
    b->data = bytes.ptr;
    return b;
}

Block *block_ref(Block *b)
{
    ref_take(&b->ref);
    return b;
}

void block_unref(Block *b)
{
    if (!b || !ref_drop(&b->ref))
        return;
    mem_free(b->memory);
    mem_free(b);
}

/* ---- outlets ---- */
Outlet *outlet_new(IoThread *t, ConnId id, int fd)
{
    Outlet *o = MEM_NEW(Outlet);
    ref_init(&o->ref);
    o->thread = t;
    o->id = id;
    o->fd = fd;
    mutex_init(&o->mutex, RANK_NET);
    return o;
}

void outlet_unref(Outlet *o)
{
    if (!o || !ref_drop(&o->ref))
        return;
    must(!o->task);
    block_unref(o->rest);
    mutex_destroy(&o->mutex);
    mem_free(o);
}

void outlet_attach(Outlet *o, Task *t)
{
    mutex_lock(&o->mutex);
    must(!o->task);
    o->task = t;
    mutex_unlock(&o->mutex);
}

void outlet_detach(Outlet *o)
{
    mutex_lock(&o->mutex);
    o->task = NULL;
    mutex_unlock(&o->mutex);
}

void outlet_wake(Outlet *o)
{
    mutex_lock(&o->mutex);
    if (o->task)
        task_wake(o->task);
    mutex_unlock(&o->mutex);
}

bool outlet_gone(const Outlet *o)
{
    return atomic_load(&o->gone);
}

void outlet_close_direct(Outlet *o)
{
    mutex_lock(&o->mutex);
    o->fd = -1;
    mutex_unlock(&o->mutex);
}

/* A small answer to a client that waits for it: without the way through the I/O thread.  False: not possible. */
static bool send_direct(Outlet *o, Block *take)
{
    struct iovec iov = {.iov_base = (char *)(uintptr_t)take->data, .iov_len = take->len};
    ssize_t n = -1;
    if (take->len > NET_DIRECT_MAX || atomic_load(&o->unsent))
        return false;
    mutex_lock(&o->mutex);
    if (o->fd >= 0 && !atomic_load(&o->unsent))
        n = net_write_plain(o->fd, &iov, 1);
    bool whole = n == (ssize_t)take->len;
    if (n > 0 && !whole) {
        atomic_fetch_add(&o->unsent, take->len - (size_t)n);
        o->rest = take;
        o->rest_offset = (size_t)n;
    }
    mutex_unlock(&o->mutex);
    if (n <= 0)
        return false; /* the I/O thread will find out why */
    atomic_fetch_add_explicit(&o->thread->net->stats.bytes_out, (uint64_t)n, memory_order_relaxed);
    if (whole)
        block_unref(take);
    else
        mail_post(o->thread, MAIL_REST, o->id, 0, NULL);
    return true;
}

void outlet_send(Outlet *o, Block *take)
{
    if (take->len == 0 || outlet_gone(o) || !send_direct(o, take))
        outlet_send_more(o, take);
}

void outlet_send_more(Outlet *o, Block *take)
{
    if (take->len == 0 || outlet_gone(o)) {
        block_unref(take);
        return;
    }
    atomic_fetch_add(&o->unsent, take->len);
    mail_post(o->thread, MAIL_SEND, o->id, 0, take);
}

void outlet_post(Outlet *o, uint32_t what)
{
    mail_post(o->thread, MAIL_POST, o->id, what, NULL);
}

void outlet_finish(Outlet *o)
{
    mail_post(o->thread, MAIL_FINISH, o->id, 0, NULL);
}

/* The flag is set before the second look: either this task sees the room, or the I/O thread
 * that makes room sees the flag. */
bool outlet_full(Outlet *o)
{
    if (atomic_load(&o->unsent) <= NET_UNSENT_MAX)
        return false;
    atomic_store(&o->waiting, true);
    if (atomic_load(&o->unsent) > NET_UNSENT_RESUME && !outlet_gone(o))
        return true;
    atomic_store(&o->waiting, false);
    return false;
}

void outlet_wrote(Outlet *o, size_t n)
{
    size_t before = atomic_fetch_sub(&o->unsent, n);
    must(before >= n);
    if (before - n <= NET_UNSENT_RESUME && atomic_exchange(&o->waiting, false))
        outlet_wake(o);
}

/* ---- mail ---- */
void mail_post(IoThread *t, MailKind kind, ConnId to, uint32_t what, Block *block)
{
    Mail *m = MEM_NEW(Mail);
    m->kind = kind;
    m->to = to;
    m->what = what;
    m->block = block;
    mutex_lock(&t->mutex);
    *t->mail_end = m;
    t->mail_end = &m->next;
    bool wake = !t->woken;
    t->woken = true;
    mutex_unlock(&t->mutex);
    if (wake)
        event_active(&t->wake, EV_READ, 0);
}

static Mail *mail_take_all(IoThread *t)
{
    mutex_lock(&t->mutex);
    Mail *all = t->mail;
    t->mail = NULL;
    t->mail_end = &t->mail;
    t->woken = false;
    mutex_unlock(&t->mutex);
    return all;
}

static Conn *mail_address(IoThread *t, ConnId id)
{
    if (id.slot >= t->slot_count || t->slots[id.slot].generation != id.generation)
        return NULL;
    return t->slots[id.slot].conn;
}

static void mail_to_conn(IoThread *t, Mail *m)
{
    Conn *c = mail_address(t, m->to);
    if (!c || c->dead) {
        block_unref(m->block);
        return;
    }
    switch (m->kind) {
    case MAIL_SEND:
        conn_queue(c, m->block, true);
        break;
    case MAIL_REST:
        conn_rest(c);
        break;
    case MAIL_POST:
        if (!c->finishing)
            c->face->posted(c, c->state, m->what);
        break;
    case MAIL_FINISH:
        conn_finish(c);
        break;
    case MAIL_SHAKEN:
        conn_shaken(c, (NetShake)m->what);
        break;
    case MAIL_STOP:
    case MAIL_KILL_ALL:
        must(!"mail for a thread");
    }
    conn_reap(c);
}

/* From the last to the first, because a connection that goes frees its slot. */
static void each_conn(IoThread *t, MailKind kind)
{
    for (uint32_t i = t->slot_count; i-- > 0;) {
        Conn *c = t->slots[i].conn;
        if (!c)
            continue;
        if (kind == MAIL_KILL_ALL)
            conn_kill(c);
        else if (!c->finishing)
            c->face->stopping(c, c->state);
        conn_reap(c);
    }
}

void mail_deliver(IoThread *t)
{
    for (Mail *m = mail_take_all(t), *next; m; m = next) {
        next = m->next;
        if (m->kind == MAIL_STOP || m->kind == MAIL_KILL_ALL) {
            t->stopping = true;
            for (size_t i = 0; i < t->listener_count; i++)
                listener_close(&t->listeners[i]);
            each_conn(t, m->kind);
            if (m->kind == MAIL_KILL_ALL)
                event_base_loopbreak(t->base);
        } else {
            mail_to_conn(t, m);
        }
        mem_free(m);
    }
    conn_flush_dirty(t);
}

void mail_drop(IoThread *t)
{
    for (Mail *m = mail_take_all(t), *next; m; m = next) {
        next = m->next;
        block_unref(m->block);
        mem_free(m);
    }
}
