/* ingest/ing_json_hist.h - a native histogram from its JSON form: what the SQL type `histogram` shows.
 *
 * Threads: pure. */
#ifndef SKULK_INGEST_ING_JSON_HIST_H
#define SKULK_INGEST_ING_JSON_HIST_H

#include "storage/histogram.h"
#include <jansson.h>

/* Checked; buckets and bounds live in the arena. */
bool ing_json_histogram(Arena *a, const json_t *o, Histogram *out, Err *e) MUST_CHECK;

#endif
