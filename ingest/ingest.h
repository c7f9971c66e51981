/* ingest/ingest.h - wire formats to row batches.
 *
 * One row a format in ing_formats[]: path, content type, parser; the HTTP routes come from it.
 * A parse is a resumable job over one body: it resolves measurement, tags and fields against the
 * newest catalog (schema on write: new tables, tags and fields are catalog edits), interns series,
 * fills a WriteBatch and collects refused lines.  The caller submits the batch and answers.
 * Threads: an IngestJob belongs to one task; many jobs run in parallel. */
#ifndef SKULK_INGEST_INGEST_H
#define SKULK_INGEST_INGEST_H

#include "storage/engine.h"

typedef enum IngPrecision { ING_NS, ING_US, ING_MS, ING_S, ING_M, ING_H, ING_AUTO } IngPrecision;

/* Whose words a client of the path understands. */
typedef enum IngReply {
    REPLY_INFLUX1,     /* {"error": ...} */
    REPLY_INFLUX2,     /* {"code": ..., "message": ...} */
    REPLY_INFLUX3,     /* {"error": ..., "data": [...]} */
    REPLY_PROMETHEUS,  /* text */
    REPLY_PROMETHEUS2, /* text, and how much of each kind was written */
    REPLY_OTLP_JSON,   /* Export...ServiceResponse, or Status */
    REPLY_OTLP_PROTO,
} IngReply;
/* The names that clients of the path use; "" is its default. */
bool ing_precision(Slice text, IngReply dialect, IngPrecision *out, Err *e) MUST_CHECK;
int64_t ing_precision_ns(IngPrecision p); /* its unit; of ING_AUTO: 1 */

/* Metadata that was stored since the start: it is not stored again.  Any thread. */
typedef struct IngSeen IngSeen;
IngSeen *ing_seen_new(void);
void ing_seen_free(IngSeen *s);

typedef struct IngContext {
    Engine *engine;
    IngSeen *seen; /* may be NULL */
    ObjectId database, schema;
    IngPrecision precision;
    bool precision_given; /* by the client */
    int64_t now_ns;       /* for rows without a time, cut to the precision */
    size_t body_max;      /* decompressed bytes */
    /* May rows go into the table (NULL: may one be made in the schema)?  With a column: rows of the time, the
     * tags and that column.  NULL: yes. */
    bool (*may_write)(void *arg, const CatalogSnap *cat, const TableDef *t, const ColumnDef *column,
                      ObjectId schema, Err *e);
    void *arg;
    /* The rights on a table that is made; NULL, or gives NULL: the first superuser's. */
    const AclDef *(*rights)(void *arg, const CatalogSnap *cat, Arena *a, const TableDef *t);
} IngContext;

enum { ING_ERRORS_KEPT = 100 };

typedef struct IngLineError {
    size_t line;    /* from 1; 0: not known */
    char text[200]; /* the start of the line */
    Err err;
    bool type_conflict;
    bool expired; /* older than its table keeps rows; the text is table and time */
} IngLineError;

typedef struct IngJob IngJob;

typedef struct IngFormat {
    const char *path; /* "/write"; rows of one path stand together and differ by the content type */
    const char *name; /* "line protocol" */
    const char *content_type; /* NULL = any */
    const char *proto;        /* parameter "proto" of the content type; NULL = any */
    const char *encodings;    /* "gzip,zstd,snappy" that it takes; "" = none */
    bool always_encoded;      /* remote write: snappy, whether the request says so or not */
    /* Parses some more; false on a failure of the whole body. *done when the end is reached.  Stops after about
     * 10 ms of work. */
    bool (*step)(IngJob *job, bool *done, Err *e);
    IngReply reply;
    const char *rejected; /* OTLP: the answer's name of the count of refused items */
} IngFormat;
extern const IngFormat ing_formats[]; /* ends with path = NULL */
/* By the content type of the request ("" = the first row of the path).  NULL: INVALID_PARAMETER (415). */
const IngFormat *ing_find(Slice path, Slice content_type, Err *e);

/* Undoes the content encoding ("" = none): gzip members, zstd, snappy block; PROGRAM_LIMIT (413) at body_max, before
 * memory is taken for it; INVALID_TEXT (400) for damaged data.  INVALID_PARAMETER (415) for an unknown one. */
bool ing_decode_body(Buf *out, Slice body, Slice encoding, size_t body_max, Err *e) MUST_CHECK;

void ing_encode_snappy(Buf *out, Slice bytes); /* appends a block */

/* The body is borrowed until ing_job_free. */
IngJob *ing_job_new(const IngFormat *f, const IngContext *c, Slice body);
/* 42501: nothing of the body is stored. */
bool ing_job_step(IngJob *job, bool *done, Err *e) MUST_CHECK;
/* The key under which the body is written, with its answer: a row of idempotency.keys in the same batch. */
typedef struct IngKey {
    int64_t time_ns; /* no two keys have the same */
    Slice key;
    int status;
    Slice content_type, answer;
} IngKey;
bool ing_job_put_key(IngJob *job, const IngKey *k, Err *e) MUST_CHECK;
WriteBatch *ing_job_take_batch(IngJob *job); /* the good rows; caller owns; NULL if none */
size_t ing_job_rows(const IngJob *job);
typedef struct IngWritten { /* of remote write, as its answer counts them */
    size_t samples, histograms, exemplars;
} IngWritten;
IngWritten ing_job_written(const IngJob *job);
size_t ing_job_error_count(const IngJob *job);                  /* all refused lines */
const IngLineError *ing_job_error(const IngJob *job, size_t i); /* the first ING_ERRORS_KEPT */
void ing_job_stored(IngJob *job);                               /* the batch was committed */
void ing_job_free(IngJob *job);

#endif
