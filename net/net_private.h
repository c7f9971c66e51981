/* net/net_private.h - what the files of net/ share. */
#ifndef SKULK_NET_PRIVATE_H
#define SKULK_NET_PRIVATE_H

#include "net/net.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <sys/uio.h>

enum {
    NET_READ_SIZE = 64 << 10,
    NET_AHEAD = 16,     /* a large body is copied once or twice while its buffer grows */
    NET_READ_TURNS = 8, /* read(2) calls for one connection before others have their turn */
    NET_SPARE_MAX = 256 << 10,
    NET_LISTENERS_MAX = 32,
    NET_TICK_MS = 250,
    NET_IOV_MAX = 64,
    NET_DIRECT_MAX =
        16 << 10, /* a longer block goes by the I/O thread, while the worker makes the next */
};
#define NET_LINGER_NS      (2 * NS_PER_S)
#define NET_LINGER_STOP_NS (200 * NS_PER_MS)

typedef struct ConnId {
    uint32_t slot, generation;
} ConnId;

typedef struct IoThread IoThread;

/* read and write return bytes, 0 at the end (read), -1 try later, -2 broken. */
typedef struct NetIo {
    const char *name;
    /* Begins a step of it; conn_shaken() comes with its end.  Until then the I/O thread touches
     * nothing but close(). */
    void (*handshake)(Conn *c);
    ssize_t (*read)(Conn *c, void *dst, size_t len);
    ssize_t (*write)(Conn *c, const struct iovec *iov, int count);
    void (*close)(Conn *c);
    bool (*pending)(const Conn *c); /* has bytes that poll does not know; NULL: never */
    void (*end)(Conn *c);           /* says goodbye; NULL: nothing to say */
} NetIo;
extern const NetIo net_io_plain, net_io_tls;

typedef struct TlsConn TlsConn;

/* How a step of a handshake ended. */
typedef enum NetShake { SHAKE_DONE, SHAKE_READ, SHAKE_WRITE, SHAKE_BROKEN } NetShake;

typedef enum MailKind {
    MAIL_SEND,
    MAIL_REST, /* ... of a block that a worker began to write */
    MAIL_POST,
    MAIL_FINISH,
    MAIL_SHAKEN,
    MAIL_STOP,
    MAIL_KILL_ALL
} MailKind;

typedef struct Mail {
    struct Mail *next;
    MailKind kind;
    ConnId to;
    uint32_t what;
    Block *block;
} Mail;

struct Outlet {
    Ref ref;
    IoThread *thread;
    ConnId id;
    _Atomic size_t unsent; /* posted or queued and not yet written */
    atomic_bool gone;
    atomic_bool waiting; /* the task waits for room */
    Mutex mutex;
    Task *task;  /* needs the mutex, as all below; a worker writes to the socket under it */
    int fd;      /* a worker may write to it while nothing is unsent; -1: only the I/O thread */
    Block *rest; /* what a worker's write left, before all that is queued; NULL: nothing */
    size_t rest_offset;
};

struct Conn {
    IoThread *thread;
    ConnId id;
    int fd;
    const NetIo *io;
    const NetFace *face;
    void *state;
    struct event ev_read, ev_write, ev_closed;
    Outlet *outlet;

    Buf in;
    size_t in_pos, want;
    Budget *budget;
    size_t charged;

    Block **out; /* ring */
    size_t out_head, out_count, out_cap;
    size_t out_offset; /* of the first block: already written */

    int64_t deadline_ns; /* monotonic; 0 = none */
    int64_t progress_ns; /* the last time a write made progress or the queue was empty */
    Conn *next_dirty;
    bool dirty;
    TlsConn *tls; /* NULL: plain */
    bool ended, paused, finishing, lingering, dead, writing;
    bool handshaking, shaking; /* ... and a step of it runs */
};

typedef struct Slot {
    Conn *conn;
    uint32_t generation;
    uint32_t next_free;
} Slot;

typedef struct Listener {
    IoThread *thread;
    const NetFace *face;
    void *ctx;
    int fd;
    struct event ev;
    bool paused;
} Listener;

struct IoThread {
    Net *net;
    int index;
    pthread_t pthread;
    bool started;
    struct event_base *base;
    struct event wake, tick;
    Listener listeners[NET_LISTENERS_MAX];
    size_t listener_count;
    Slot *slots;
    uint32_t slot_count, free_slot; /* free_slot: index + 1; 0 = none */
    Conn *dirty;                    /* have something to write */
    Buf spare;                      /* a read buffer to lend */
    _Atomic size_t open_count;
    int64_t now_ns; /* of this turn of the loop */
    bool stopping;

    Mutex mutex;
    Mail *mail, **mail_end; /* these need the mutex */
    bool woken;
};

struct Net {
    const Clock *clock;
    int thread_count;
    IoThread threads[NET_THREADS_MAX];
    NetStats stats;
    Sched *sched;
    _Atomic int shakes; /* steps of handshakes that are queued or run */
    bool started, stopped;
    Mutex tls_mutex;
    NetTls *tls; /* needs it; for new connections */
};

/* conn.c */
Conn *conn_new(IoThread *t, int fd, const Listener *l);
void conn_reap(Conn *c); /* frees it if it is dead; at the end of every callback */
void conn_flush_dirty(IoThread *t);
void conn_queue(Conn *c, Block *take, bool counted);
void conn_rest(Conn *c); /* the outlet has one */
void conn_tick(Conn *c, int64_t now_ns);
void conn_shaken(Conn *c, NetShake how);
ssize_t net_write_plain(int fd, const struct iovec *iov, int count); /* as NetIo.write */

/* outlet.c */
Outlet *outlet_new(IoThread *t, ConnId id, int fd);
void outlet_close_direct(Outlet *o);    /* workers write to the socket no more */
void outlet_wrote(Outlet *o, size_t n); /* gives room back */
void mail_post(IoThread *t, MailKind kind, ConnId to, uint32_t what, Block *block);
void mail_deliver(IoThread *t);
void mail_drop(IoThread *t);

/* listen.c */
void listener_tick(Listener *l);
void listener_close(Listener *l);

#endif
