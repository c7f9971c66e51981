/* storage/histogram.h - native histograms: the value, its bytes, and what makes one valid.
 *
 * A field of the type `histogram` holds the bytes that hist_write makes: they go through log,
 * memtable and files as any text does, and codec_hist.c packs a column of them.  Buckets are kept by
 * index, populated ones only; there are no spans outside of wire messages.
 * Exponential buckets (schema -4 to 8): bucket i reaches from 2^((i-1) * 2^-schema), left out, to
 * 2^(i * 2^-schema); negative ones mirror that; the zero bucket is [-zero_threshold, zero_threshold].
 * Custom buckets (schema -53): bucket i reaches from bounds[i-1], left out, to bounds[i]; the first one
 * begins at -Inf, the last one (i = bound_count) ends at +Inf.
 * Threads: pure values. */
#ifndef SKULK_STORAGE_HISTOGRAM_H
#define SKULK_STORAGE_HISTOGRAM_H

#include "base/mem.h"

enum {
    HIST_SCHEMA_MIN = -4,
    HIST_SCHEMA_MAX = 8,
    HIST_SCHEMA_WIRE_MAX = 52, /* above 8: reduced when it comes in */
    HIST_SCHEMA_CUSTOM = -53,
    HIST_BUCKETS_MAX = 65536, /* of one side */
    HIST_OID = 4180,          /* of the SQL type: storage only carries it */
};

typedef enum HistHint { HIST_UNKNOWN, HIST_RESET, HIST_NOT_RESET, HIST_GAUGE } HistHint;

typedef struct HistBucket {
    int32_t index;
    double n, c; /* observations; compensation, while sums are built */
} HistBucket;

typedef struct HistSide { /* ascending by index */
    HistBucket *items;
    uint32_t count;
} HistSide;

typedef struct Histogram {
    int8_t schema;
    uint8_t hint;
    bool integer; /* counts came as integers, and are written so */
    double zero_threshold, zero, count, sum;
    double zero_c, count_c, sum_c;
    HistSide positive, negative;
    const double *bounds; /* custom buckets */
    uint32_t bound_count;
} Histogram;

static inline bool hist_is_custom(const Histogram *h)
{
    return h->schema == HIST_SCHEMA_CUSTOM;
}

/* ---- coming in ---- */
typedef struct HistSpan { /* of wire messages */
    int32_t offset;       /* from the end of the span before; of the first: an index */
    uint32_t length;
} HistSpan;
/* Absolute counts by spans: `n` of them. */
bool hist_from_spans(HistSide *out, const HistSpan *spans, size_t span_count, const double *counts,
                     size_t n, Arena *a, Err *e) MUST_CHECK;
/* Valid as Prometheus has it, or INVALID_TEXT; `schema` is the wire's: above 8 it is reduced.
 * Drops buckets that are empty. */
bool hist_check(Histogram *h, int32_t schema, Err *e) MUST_CHECK;
/* Merges buckets down to a lower schema. */
void hist_reduce(Histogram *h, int schema);

/* ---- bytes: docs/format.md, "Histogram" ---- */
void hist_write(Buf *out, const Histogram *h);
/* Fails with DATA_CORRUPTED.  Buckets and bounds live in the arena. */
bool hist_read(Histogram *out, Slice bytes, Arena *a, Err *e) MUST_CHECK;
bool hist_is(Slice bytes); /* looks like one: no text begins so */

#endif
