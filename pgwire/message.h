/* pgwire/message.h - bytes of a PostgreSQL client to messages, and messages to their parts.
 *
 * Knows no sockets and no sessions: pure functions over slices, used by the I/O thread (how
 * many bytes are whole messages?), by the session's task (what do they say?) and by the fuzz
 * target.  To add a message: a row in message_table[] and a case in backend.c.
 * A claimed length is only compared with limits; nothing is allocated for it.
 * Threads: pure. */
#ifndef SKULK_PGWIRE_MESSAGE_H
#define SKULK_PGWIRE_MESSAGE_H

#include "base/mem.h"

enum {
    PG_STARTUP_MAX = 10000, /* bytes of a start-up packet, as PostgreSQL */
    PG_SMALL_MAX = 10000,   /* bytes of messages that carry only names and numbers */
    PG_MESSAGE_MAX_DEFAULT = 64 << 20,
    PG_MESSAGE_MAX_MAX = 1 << 30,
    PG_STARTUP_PARAMS_MAX = 64,
};

typedef struct PgMessageDef {
    const char *name; /* NULL: no such message */
    bool large;       /* may be as long as message_max, else PG_SMALL_MAX */
    bool stream;      /* its body is handed over in pieces as it comes */
    uint8_t len_min;  /* of the body */
} PgMessageDef;
const PgMessageDef *pgw_message_def(uint8_t type);

/* ---- framing ---- */
typedef struct PgFramer {
    size_t message_max;
    size_t stream_left; /* of a CopyData that is being handed over */
} PgFramer;

typedef struct PgMessage {
    char type;
    Slice body; /* CopyData: a piece of it */
} PgMessage;

typedef enum PgFrame { FRAME_MORE, FRAME_MESSAGE, FRAME_BAD } PgFrame;
/* FRAME_MESSAGE: *used bytes of `in` are *m.  FRAME_MORE: goes on with *want bytes.
 * FRAME_BAD: 08P01; the stream cannot be followed any more. */
PgFrame pgw_next(PgFramer *f, Slice in, PgMessage *m, size_t *used, size_t *want, Err *e);

/* ---- start-up ---- */
typedef enum PgStartKind {
    START_MORE,
    START_BAD,
    START_SSL,
    START_GSS,
    START_CANCEL,
    START_LOGIN
} PgStartKind;
/* One packet without type byte.  *used bytes; *body is what follows the version. */
PgStartKind pgw_next_startup(Slice in, size_t *used, uint32_t *version, Slice *body, Err *e);

typedef struct PgParam {
    Slice name, value;
} PgParam;

typedef struct PgStartup {
    Slice user, database, application_name;
    PgParam settings[PG_STARTUP_PARAMS_MAX]; /* with those of options=-c name=value */
    size_t setting_count;
    Slice unknown[8]; /* _pq_.* protocol options */
    size_t unknown_count;
} PgStartup;
/* Texts live in `a`. */
bool pgw_read_startup(Slice body, Arena *a, PgStartup *out, Err *e) MUST_CHECK;
bool pgw_read_cancel(Slice body, int32_t *pid, int32_t *secret);

/* ---- bodies; slices borrow from the body, arrays live in the arena ---- */
typedef struct PgParse {
    Slice name, sql;
    uint32_t *types;
    size_t type_count;
} PgParse;

typedef struct PgBindParam {
    Slice value;
    bool null, binary;
} PgBindParam;

typedef struct PgBind {
    Slice portal, statement;
    PgBindParam *params;
    size_t param_count;
    int16_t *formats;
    size_t format_count;
} PgBind;

typedef struct PgNamed { /* Describe, Close: kind S or P; Execute: max_rows */
    char kind;
    Slice name;
    int32_t max_rows;
} PgNamed;

/* The first SASLInitialResponse: which mechanism, and the client's first message. */
bool pgw_read_sasl(Slice body, Slice *mechanism, Slice *data, Err *e) MUST_CHECK;
bool pgw_read_text(Slice body, Slice *text, Err *e) MUST_CHECK; /* Query, CopyFail */
bool pgw_read_parse(Slice body, Arena *a, PgParse *out, Err *e) MUST_CHECK;
bool pgw_read_bind(Slice body, Arena *a, PgBind *out, Err *e) MUST_CHECK;
bool pgw_read_named(Slice body, const char *message, PgNamed *out, Err *e) MUST_CHECK;
bool pgw_read_execute(Slice body, PgNamed *out, Err *e) MUST_CHECK;

#endif
