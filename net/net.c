/* net/net.c - the I/O threads: making, running and stopping them. */
#include "net/net_private.h"

#include <event2/thread.h>
#include <signal.h>
#include <stdio.h>

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    IoThread *t = arg;
    t->now_ns = t->net->clock->mono_ns(t->net->clock);
    mail_deliver(t);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    IoThread *t = arg;
    t->now_ns = t->net->clock->mono_ns(t->net->clock);
    for (size_t i = 0; i < t->listener_count; i++)
        listener_tick(&t->listeners[i]);
    for (uint32_t i = t->slot_count; i-- > 0;)
        if (t->slots[i].conn)
            conn_tick(t->slots[i].conn, t->now_ns);
    conn_flush_dirty(t);
}

static bool thread_init(Net *n, int index, Err *e)
{
    IoThread *t = &n->threads[index];
    t->net = n;
    t->index = index;
    t->mail_end = &t->mail;
    t->now_ns = n->clock->mono_ns(n->clock);
    mutex_init(&t->mutex, RANK_NET);
    buf_init(&t->spare);
    t->base = event_base_new();
    if (!t->base)
        return err_set(e, ERR_INTERNAL, "libevent gives no event base");
    event_assign(&t->wake, t->base, -1, EV_READ, on_wake, t);
    event_assign(&t->tick, t->base, -1, EV_PERSIST, on_tick, t);
    struct timeval tv = {.tv_usec = NET_TICK_MS * 1000};
    event_add(&t->tick, &tv);
    return true;
}

bool net_new(Net **out, const NetOptions *o, Err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, (void (*)(void))evthread_use_pthreads);
    must(o->threads >= 1 && o->threads <= NET_THREADS_MAX);
    Net *n = MEM_NEW(Net);
    n->clock = o->clock;
    n->sched = o->sched;
    mutex_init(&n->tls_mutex, RANK_LEAF);
    for (n->thread_count = 0; n->thread_count < o->threads; n->thread_count++)
        if (!thread_init(n, n->thread_count, e)) {
            n->thread_count++;
            net_free(n);
            return false;
        }
    *out = n;
    return true;
}

static void *thread_main(void *arg)
{
    IoThread *t = arg;
    event_base_loop(t->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

/* Signals are the main thread's business. */
bool net_start(Net *n, Err *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    for (int i = 0; i < n->thread_count && rc == 0; i++) {
        IoThread *t = &n->threads[i];
        rc = pthread_create(&t->pthread, NULL, thread_main, t);
        t->started = rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    n->started = true;
    return rc == 0 || err_set_errno(e, rc, "cannot start an I/O thread");
}

static void post_all(Net *n, MailKind kind)
{
    for (int i = 0; i < n->thread_count; i++)
        mail_post(&n->threads[i], kind, (ConnId){0, 0}, 0, NULL);
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS}, NULL);
}

void net_stop(Net *n, int64_t grace_ns)
{
    if (!n || n->stopped)
        return;
    n->stopped = true;
    int64_t end = n->clock->mono_ns(n->clock) + grace_ns;
    post_all(n, MAIL_STOP);
    while (net_open_count(n) > 0 && n->clock->mono_ns(n->clock) < end)
        sleep_ms(5);
    post_all(n, MAIL_KILL_ALL);
    for (int i = 0; i < n->thread_count; i++)
        if (n->threads[i].started)
            pthread_join(n->threads[i].pthread, NULL);
    while (atomic_load(&n->shakes) > 0)
        sleep_ms(1);
}

static void thread_free(IoThread *t)
{
    for (size_t i = 0; i < t->listener_count; i++)
        listener_close(&t->listeners[i]);
    if (t->base) {
        event_del(&t->tick);
        event_base_free(t->base);
    }
    mail_drop(t);
    buf_free(&t->spare);
    mem_free(t->slots);
    mutex_destroy(&t->mutex);
}

void net_free(Net *n)
{
    if (!n)
        return;
    must(n->stopped || !n->started);
    for (int i = 0; i < n->thread_count; i++)
        thread_free(&n->threads[i]);
    net_tls_unref(n->tls);
    mutex_destroy(&n->tls_mutex);
    mem_free(n);
}

const NetStats *net_stats(const Net *n)
{
    return &n->stats;
}

size_t net_open_count(const Net *n)
{
    size_t count = 0;
    for (int i = 0; i < n->thread_count; i++)
        count += atomic_load(&n->threads[i].open_count);
    return count;
}
