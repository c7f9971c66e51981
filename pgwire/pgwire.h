/* pgwire/pgwire.h - the PostgreSQL face: start-up, simple and extended protocol, COPY.
 *
 * Not SQL: every statement goes through session/session.h.  The I/O thread frames messages
 * (conn.c); one task per connection consumes them (backend.c, extended.c) and stops with WAIT
 * while the client does not read, the session waits, or nothing has come.
 * To add a message: a row in message_table[] (message.c), a case in pgb_message() (backend.c).
 * Threads: any; the face's callbacks are called by net. */
#ifndef SKULK_PGWIRE_PGWIRE_H
#define SKULK_PGWIRE_PGWIRE_H

#include "net/net.h"
#include "session/session.h"

typedef struct PgServer PgServer;

typedef struct PgOptions {
    Sched *sched;
    const Clock *clock;
    int connections_max; /* sessions; the last `connections_reserved` only for the admin_user */
    int connections_reserved;
    size_t message_max; /* bytes */
    Slice admin_user;
    bool passwords; /* a login needs one (SCRAM); else loopback is trusted and the rest refused */
    bool tls_required; /* who does not ask for encryption is refused (28000) */
} PgOptions;

typedef struct PgStats {  /* since start, but sessions */
    _Atomic int sessions; /* those that are still logging in, too */
    _Atomic int places;   /* ... that have come in */
    _Atomic uint64_t logins, refused, statements, errors, rows_batches;
} PgStats;

extern const NetFace pgw_face; /* its ctx is a PgServer */

PgServer *pgw_new(const PgOptions *o);
/* From now on sessions are served; before, clients get 57P03. */
void pgw_set_db(PgServer *p, Db *db);
/* Waits until no session is left (net_stop has told them), at most so long; false: some are. */
bool pgw_wait_idle(PgServer *p, int64_t timeout_ns);
void pgw_free(PgServer *p); /* after net_stop and pgw_wait_idle */
const PgStats *pgw_stats(const PgServer *p);

#endif
