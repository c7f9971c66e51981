/* ingest/remote_private.h - what remote write 1.0, 2.0 and OTLP share: a metric with its labels to a series,
 * samples, exemplars, metadata.
 * Threads: belongs to one job. */
#ifndef SKULK_INGEST_REMOTE_PRIVATE_H
#define SKULK_INGEST_REMOTE_PRIVATE_H

#include "base/sync.h"
#include "ingest/ingest_private.h"

enum { SEEN_SLOTS = 1 << 16, SEEN_MAX = SEEN_SLOTS / 2 };

struct IngSeen { /* all of it needs the mutex */
    Mutex mutex;
    IngJob *kept;
    size_t kept_count, count;
    uint64_t slots[SEEN_SLOTS]; /* 0 = free */
};

enum { REMOTE_EXEMPLAR_LABELS_MAX = 32 };

typedef struct Labels {
    Slice name; /* of the metric */
    Slice
        raw; /* the bytes of all labels as remote write 1.0 sends them: the key of the quick look-up */
    Slice keys[ING_TAGS_MAX], values[ING_TAGS_MAX];
    size_t count;
} Labels;

/* ---- ing_remote.c ---- */
/* The table of the metric and the series of the labels; made if missing. */
bool remote_series(IngJob *j, const Labels *l, IngTable **t, SeriesId *id, Err *e) MUST_CHECK;
/* The next series by `one`, again if a table of it was dropped meanwhile; else it is refused. */
void remote_take(IngJob *j, Slice series, bool (*one)(IngJob *j, Slice series, Err *e));
/* time: in the precision of the job. */
bool remote_sample(IngJob *j, IngTable *t, SeriesId id, uint64_t bits, int64_t time,
                   Err *e) MUST_CHECK;
/* Writes the labels as remote write 1.0 sends them: l->raw, which lives in `raw`. */
void remote_raw(Labels *l, Buf *raw);
/* The message Sample: a double and a time. */
bool remote_read_sample(Slice bytes, uint64_t *bits, int64_t *ms) MUST_CHECK;
bool remote_intern(IngJob *j, IngTable *t, const Labels *l, const Hash128 *h, SeriesId *id,
                   Err *e) MUST_CHECK;

/* ---- ing_extra.c: exemplars in tables of the schema `exemplars`, metadata in prometheus.metadata ---- */
typedef struct Exemplar {
    double value;
    int64_t ms; /* in the precision of the job */
    const Slice *keys, *values;
    size_t count;
} Exemplar;
bool remote_exemplar(IngJob *j, const Labels *series, const Exemplar *x, Err *e) MUST_CHECK;

typedef struct Metadata {
    Slice metric, help, unit;
    unsigned type; /* of remote write: 0 unknown, 1 counter, ... */
} Metadata;
/* Written once: what is known is not written again. */
bool remote_metadata(IngJob *j, const Metadata *m, Err *e) MUST_CHECK;

#endif
