/* ingest/otlp_private.h - OTLP: messages as JSON trees, whichever way they came, and what the signals share.
 *
 * Protobuf is read into the tree that the JSON form of the message would give (otlp_message.c), so that there
 * is one consumer.  Bytes are hexadecimal in it, 64-bit numbers integers, NaN and infinities texts.
 * Threads: belongs to one job. */
#ifndef SKULK_INGEST_OTLP_PRIVATE_H
#define SKULK_INGEST_OTLP_PRIVATE_H

#include "ingest/remote_private.h"
#include <jansson.h>

enum { OTLP_DEPTH_MAX = 32, OTLP_JSON_MAX = 32 << 20 /* a tree is some thirty times larger */ };

typedef enum OtlpSignal { OTLP_METRICS, OTLP_LOGS, OTLP_TRACES } OtlpSignal;

/* One resource with its scopes as a tree; the caller decrefs.  NULL: INVALID_TEXT. */
json_t *otlp_read_resource(OtlpSignal signal, Slice bytes, Err *e);

/* ---- otlp_stream.c: a request in protobuf, piece by piece ---- */
typedef struct OtlpPiece { /* of a resource: of large ones there are several */
    int64_t newest_ns;     /* of its points so far */
    bool last;
} OtlpPiece;
typedef struct OtlpStream {
    OtlpSignal signal;
    Reader body, resource, scope;
    Slice resource_of, scope_of;
    bool fresh; /* nothing of the resource was handed out */
} OtlpStream;
void otlp_stream_init(OtlpStream *s, OtlpSignal signal, Slice body);
/* The caller decrefs; NULL: *done, or INVALID_TEXT.  *p is kept from piece to piece. */
json_t *otlp_stream_next(OtlpStream *s, OtlpPiece *p, bool *done, Err *e);

typedef struct OtlpResource {
    json_t *attributes; /* array of {key, value}; may be NULL */
    json_t *scope;
} OtlpResource;

/* ---- values of the tree ---- */
bool otlp_i64(const json_t *v, int64_t *out); /* a number or its text */
bool otlp_f64(const json_t *v, double *out);
Slice otlp_text(const json_t *object, const char *key);      /* "" if there is none */
json_t *otlp_attribute(json_t *attributes, const char *key); /* its AnyValue, or NULL */
Slice otlp_any_text(Arena *a, const json_t *any);
/* The number of an enum: itself, or the place of its name; 0 if it is none. */
int64_t otlp_enum(const json_t *v, const char *prefix, const char *const *names, size_t n);
/* Attributes as a JSON object of plain values. */
Slice otlp_attributes_json(Arena *a, const json_t *attributes);

/* ---- the signals: a resource, or a piece of one ---- */
void otlp_metrics(IngJob *j, json_t *resource_metrics, OtlpPiece *p);
void otlp_logs(IngJob *j, json_t *resource_logs, OtlpPiece *p);
void otlp_traces(IngJob *j, json_t *resource_spans, OtlpPiece *p);

/* ---- otlp_names.c: names as Prometheus makes them (underscores, suffixes for unit and kind) ---- */
Slice otlp_metric_name(Arena *a, Slice name, Slice unit, bool counter, bool gauge);
Slice otlp_label_name(Arena *a, Slice key);

#endif
