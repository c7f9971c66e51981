/* pgwire/backend_private.h - one session of the PostgreSQL face, as its files share it.
 *
 *     I/O thread                         task (a worker)
 *     PgConn --ref--> PgSession <--ref-- the scheduler
 *        whole messages -> chunks (mutex) -> pgb_next_message -> handlers -> out -> outlet
 */
#ifndef SKULK_PGWIRE_BACKEND_PRIVATE_H
#define SKULK_PGWIRE_BACKEND_PRIVATE_H

#include "pgwire/message.h"
#include "pgwire/pgwire.h"
#include "pgwire/reply.h"
#include "pgwire/rows.h"

enum {
    PG_LOGINS_MAX = 10000, /* that may be going on, besides the sessions */
    PG_FLUSH_BYTES = 32 << 10,
    PG_ROWS_BYTES = 64 << 10,
    PG_POST_RESUME = 1,
    PG_POST_LOGGED_IN = 2,
    PG_POST_DROP = 3,
};

struct PgServer {
    PgOptions options;
    _Atomic(Db *) db;
    PgStats stats;
};

/* Whole messages (or parts of a CopyData) on their way to the task. */
typedef struct PgChunk {
    struct PgChunk *next;
    Buf mem;
    size_t pos; /* of the first unread byte */
} PgChunk;

typedef enum PgMode {
    PG_STARTING, /* nothing said to the client yet */
    PG_LOGIN,    /* the client has to prove who it is */
    PG_IDLE,     /* takes the next message */
    PG_SIMPLE,   /* between the statements of a Query */
    PG_RUN,      /* s->portal runs */
    PG_COPY_IN,  /* s->portal wants CopyData */
    PG_SYNC,     /* the implicit transaction ends, then ReadyForQuery */
} PgMode;

typedef enum PgTurn { TURN_AGAIN, TURN_WAIT, TURN_YIELD } PgTurn;

typedef struct PgSession {
    Task task; /* first: the scheduler's pointer is ours */
    Ref ref;   /* the connection and the task */
    PgServer *server;
    Outlet *outlet;
    Buf startup; /* the body of the start-up packet; gone after the login */
    uint8_t end_point[NET_END_POINT_MAX]; /* of the server's certificate; none without TLS */
    size_t end_point_len;
    uint32_t version;
    char peer[NET_PEER_MAX];
    NetTlsUse tls;
    atomic_bool stopping; /* the server stops */

    Mutex mutex;
    PgChunk *first, *last; /* these need the mutex */
    size_t unparsed;
    bool paused;
    Err *broken; /* the stream cannot be followed after the chunks */

    /* the task's own */
    Session *session;
    PgStartup start; /* of the login; lives in startup and start_arena */
    Arena start_arena;
    Login *login;
    bool proving;      /* the client's first message was answered */
    int64_t look_ns;   /* its last one, `held`, is looked at then; 0: it has not come */
    int64_t answer_ns; /* and a refusal is told then */
    PgMessage held;
    Err *refusal;
    bool placed; /* it has one of the places */
    PgFramer framer;
    PgChunk *current;
    Buf out;
    Arena arena; /* of one message */
    PgMode mode;
    bool simple;         /* the portal belongs to a Query */
    bool skip_to_sync;   /* after an error in the extended protocol */
    bool ending;         /* all is said; give up the session */
    bool canceled;       /* what ran when the end came was told so */
    bool described;      /* RowDescription or CopyOutResponse went out for this portal */
    bool copy_done;      /* the portal took its CopyDone or CopyFail */
    size_t portal_count; /* of this Query */
    Portal *portal;
    int64_t max_rows;
    PgRows rows;
    int64_t idle_since_ns; /* 0: it is not */
} PgSession;

/* backend.c */
PgSession *pgb_new(PgServer *server, Conn *c, uint32_t version, Slice startup);
void pgb_unref(PgSession *s);
void pgb_fail(PgSession *s,
              const Err *e); /* ERROR to the client, then to the next Sync or statement */
void pgb_fatal(PgSession *s, const Err *e); /* FATAL, and the end */
bool pgb_next_message(PgSession *s, PgMessage *m);
void pgb_run_portal(PgSession *s, Portal *p, int64_t max_rows, bool simple);

/* login.c */
void pgl_start(PgSession *s);
PgTurn pgl_turn(PgSession *s);
void pgl_free(PgSession *s);
void pgb_send_news(PgSession *s);       /* notices */
void pgb_send_parameters(PgSession *s); /* those that changed */

/* extended.c: one handler a message of the extended protocol */
void pgb_parse(PgSession *s, Slice body);
void pgb_bind(PgSession *s, Slice body);
void pgb_describe(PgSession *s, Slice body);
void pgb_execute(PgSession *s, Slice body);
void pgb_close(PgSession *s, Slice body);

#endif
