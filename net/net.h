/* net/net.h - one small transport for both faces: I/O threads, connections, blocks, outlets.
 *
 * Not a protocol: a face (pgwire, http) gives a table of callbacks, reads the connection's
 * input buffer and sends blocks.  To add a kind of transport (TLS): one row of NetIo.
 *
 * Threads: an I/O thread owns its connections for life; everything named conn_* is called on
 * that thread only, from a callback of the face.  A worker holds an Outlet: it sends blocks,
 * posts news and looks at the back pressure, all by id and generation, never by pointer.
 *
 * Input buffer of a connection, one block of memory:
 *     0 ......... in_pos ............. in.len .......... in.cap
 *     consumed     what conn_input shows  room for read(2)
 */
#ifndef SKULK_NET_NET_H
#define SKULK_NET_NET_H

#include "base/mem.h"
#include "base/task.h"

enum {
    NET_THREADS_MAX = 16,
    NET_UNSENT_MAX = 512 << 10,    /* a writer that has this much unsent waits ... */
    NET_UNSENT_RESUME = 256 << 10, /* ... until no more than this is left */
    NET_UNPARSED_MAX =
        1 << 20, /* for faces: reading stops while a session has this much unparsed */
    NET_PEER_MAX = 64,
    NET_END_POINT_MAX = 64,
};

typedef struct Net Net;
typedef struct Conn Conn;

/* ---- blocks: immutable counted bytes; any thread ---- */
typedef struct Block {
    Ref ref;
    size_t len;
    const char *data;
    char *memory; /* to free; NULL: static bytes */
} Block;

Block *block_take(Buf *take); /* by move, one reference; the Buf is empty afterwards */
Block *block_copy(Slice bytes);
Block *block_static(Slice bytes);
Block *block_ref(Block *b);
void block_unref(Block *b); /* NULL is fine */

/* ---- faces ---- */
typedef struct NetFace {
    const char *name;
    /* A connection came; the result is its state.  It may send and conn_finish at once. */
    void *(*opened)(void *ctx, Conn *c);
    void (*input)(Conn *c, void *state); /* more bytes in conn_input() */
    void (*ended)(Conn *c, void *state); /* the client sends no more; default: conn_kill */
    void (*posted)(Conn *c, void *state, uint32_t what); /* outlet_post() of a worker */
    void (*deadline)(Conn *c, void *state);              /* conn_set_deadline() passed */
    void (*stopping)(Conn *c, void *state);              /* the server stops: say so and finish */
    void (*closed)(void *state);                         /* the last call */
    int64_t write_stall_ns; /* a client that takes nothing for so long is cut; 0 = never */
} NetFace;

typedef struct NetOptions {
    int threads;
    const Clock *clock;
    Sched *
        sched; /* runs TLS handshakes; without it there is no TLS.  It runs until net_stop is over */
} NetOptions;

typedef struct NetStats { /* all since start */
    _Atomic uint64_t accepted, closed, bytes_in, bytes_out, accept_pauses;
} NetStats;

bool net_new(Net **out, const NetOptions *o, Err *e) MUST_CHECK;
/* Before net_start.  address: one numeric address or "localhost".  port 0: any; *bound says which. */
bool net_listen(Net *n, const NetFace *face, void *ctx, const char *address, uint16_t port,
                uint16_t *bound, Err *e) MUST_CHECK;
bool net_start(Net *n, Err *e) MUST_CHECK;
/* Closes the listeners, calls stopping() for each connection, waits up to grace_ns for them to go,
 * then cuts the rest and joins the threads.  Outlets stay usable (and do nothing). */
void net_stop(Net *n, int64_t grace_ns);
void net_free(Net *n); /* after net_stop, when no worker holds an outlet */
const NetStats *net_stats(const Net *n);
size_t net_open_count(const Net *n);
bool net_address_loopback(const char *address);

/* ---- TLS (net/tls.c): 1.2 and 1.3 ---- */
typedef struct NetTlsOptions {
    const char *cert_file, *key_file; /* PEM; the chain, the key without a password */
    const char *ca_file; /* NULL: clients need no certificate; else one that these signed */
} NetTlsOptions;
typedef struct NetTls NetTls;
bool net_tls_new(NetTls **out, const NetTlsOptions *o, Err *e) MUST_CHECK; /* reads the files */
void net_tls_unref(NetTls *t);
/* For connections from now on; any thread.  NULL: no TLS. */
void net_set_tls(Net *n, NetTls *take);

/* ---- a connection; its I/O thread only ---- */
/* A face's input callback, when the client asked for it or has begun: `answer` goes out as it is,
 * what is in the input buffer is taken as the client's first bytes.  False: not possible. */
bool conn_start_tls(Conn *c, Slice answer);
bool conn_may_start_tls(Conn *c); /* there is a certificate, and no TLS yet */
bool conn_has_tls(const Conn *c);
/* tls-server-end-point of RFC 5929, for SCRAM-SHA-256-PLUS; its length, 0 without TLS. */
size_t conn_tls_end_point(const Conn *c, uint8_t dst[NET_END_POINT_MAX]);
typedef struct NetTlsUse {
    const char *version, *cipher; /* static; NULL: no TLS */
    int bits;
} NetTlsUse;
NetTlsUse conn_tls_use(const Conn *c);
Slice conn_input(Conn *c);
char *conn_input_bytes(Conn *c); /* the same bytes, to decode in place */
void conn_consume(Conn *c, size_t n);
/* Moves the first n bytes out: they begin at *offset of *out (owned by the caller). */
void conn_take(Conn *c, size_t n, Buf *out, size_t *offset);
void conn_cut(Conn *c, size_t offset, size_t n); /* removes bytes inside the input */
/* A hint: the face can go on when this many bytes are there.  Never believed beyond what came. */
void conn_want(Conn *c, size_t n);
void conn_pause(Conn *c);       /* stops reading; the end of the client is still noticed */
void conn_resume(Conn *c);      /* reads on; the face looks at what is buffered itself */
bool conn_ended(const Conn *c); /* the client sends no more */
void conn_send(Conn *c, Block *take);
void conn_finish(Conn *c); /* closes when all is sent; input is thrown away */
bool conn_finishing(const Conn *c);
void conn_kill(Conn *c);                                 /* closes now */
void conn_set_deadline(Conn *c, int64_t ns_from_now);    /* 0 = none */
void conn_set_budget(Conn *c, Budget *b);                /* charged for the input buffer */
size_t conn_peer(const Conn *c, char dst[NET_PEER_MAX]); /* "127.0.0.1:54321" */
bool conn_peer_loopback(const Conn *c);
int64_t conn_now(const Conn *c); /* monotonic */

/* ---- what a worker holds of a connection; any thread ---- */
typedef struct Outlet Outlet;
Outlet *conn_outlet(Conn *c); /* a new reference; I/O thread */
void outlet_unref(Outlet *o);
void outlet_attach(Outlet *o,
                   Task *t);   /* woken by room, by the end of the connection, by outlet_wake */
void outlet_detach(Outlet *o); /* before the task is done */
void outlet_wake(Outlet *o);
/* Thrown away once the connection is gone.  A small block is written at once, on the worker's thread, when
 * nothing else waits to be written. */
void outlet_send(Outlet *o, Block *take);
void outlet_send_more(Outlet *o, Block *take); /* the next follows at once: they go out together */
void outlet_post(Outlet *o, uint32_t what);
void outlet_finish(Outlet *o); /* conn_finish, after what was sent before */
bool outlet_gone(
    const Outlet *o); /* closed, or the client sends no more and the face called it gone */
/* True: more than NET_UNSENT_MAX unsent; the attached task will be woken at half. */
bool outlet_full(Outlet *o);
void conn_mark_gone(Conn *c); /* I/O thread: outlet_gone() is true from now on; wakes the task */

#endif
