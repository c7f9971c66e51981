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
bool ing_precision(Slice text, IngPrecision *out,
                   Err *e) MUST_CHECK; /* "", n, ns, u, us, ms, s, m, h */

typedef struct IngContext {
    Engine *engine;
    ObjectId database, schema;
    IngPrecision precision;
    int64_t now_ns;  /* for rows without a time, cut to the precision */
    size_t body_max; /* decompressed bytes */
    /* May rows go into the table (NULL: may one be made in the schema)?  NULL: yes. */
    bool (*may_write)(void *arg, const CatalogSnap *cat, const TableDef *t, ObjectId schema,
                      Err *e);
    void *arg;
    ObjectId owner; /* the role of tables that are made; 0 = the first superuser */
} IngContext;

enum { ING_ERRORS_KEPT = 100 };

typedef struct IngLineError {
    size_t line;    /* from 1 */
    char text[200]; /* the start of the line */
    Err err;
    bool type_conflict;
} IngLineError;

typedef struct IngJob IngJob;

typedef struct IngFormat {
    const char *path;         /* "/write" */
    const char *name;         /* "line protocol" */
    const char *content_type; /* NULL = any */
    const char *encodings;    /* "gzip,zstd,snappy" that it takes; "" = none */
    bool encoding_required;   /* remote write: snappy */
    /* Parses some more; false on a failure of the whole body. *done when the end is reached.  Stops after about
     * 10 ms of work. */
    bool (*step)(IngJob *job, bool *done, Err *e);
    enum { REPLY_INFLUX1, REPLY_PROMETHEUS } reply;
} IngFormat;
extern const IngFormat ing_formats[]; /* ends with path = NULL */
const IngFormat *ing_find(Slice path);

/* Undoes the content encoding ("" = none): gzip members, zstd, snappy block; PROGRAM_LIMIT (413) at body_max, before
 * memory is taken for it; INVALID_TEXT (400) for damaged data.  INVALID_PARAMETER (415) for an unknown one. */
bool ing_decode_body(Buf *out, Slice body, Slice encoding, size_t body_max, Err *e) MUST_CHECK;

/* The body is borrowed until ing_job_free. */
IngJob *ing_job_new(const IngFormat *f, const IngContext *c, Slice body);
/* 42501: nothing of the body is stored. */
bool ing_job_step(IngJob *job, bool *done, Err *e) MUST_CHECK;
WriteBatch *ing_job_take_batch(IngJob *job); /* the good rows; caller owns; NULL if none */
size_t ing_job_rows(const IngJob *job);
size_t ing_job_error_count(const IngJob *job);                  /* all refused lines */
const IngLineError *ing_job_error(const IngJob *job, size_t i); /* the first ING_ERRORS_KEPT */
void ing_job_free(IngJob *job);

#endif
