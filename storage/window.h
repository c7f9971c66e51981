/* storage/window.h - windows: the stretches of time by which rows are put into files. */
#ifndef SKULK_STORAGE_WINDOW_H
#define SKULK_STORAGE_WINDOW_H
#include "base/clock.h"
#include "storage/catalog.h"

/* The window that a row belongs to by the catalog's rules (table's own window, else by TTL,
 * else one day): its first nanosecond, clamped to INT64_MIN. */
int64_t window_start(const TableDef *table /* NULL = dropped: one day */, int64_t time_ns);

/* The range of that length, counted from 1970, that holds `time_ns`: first and last ns, clamped. */
void window_bounds(int64_t length_ns, int64_t time_ns, int64_t *first, int64_t *last);

/* Few rows over a long time would make a row group of each: where no TTL asks for single windows,
 * a part takes `stretch` of them as one unit. */
typedef struct WindowRule {
    const CatalogSnap *catalog;
    int64_t stretch; /* a power of two */
} WindowRule;
/* For so many encoded bytes between these times. */
int64_t window_stretch(int64_t t_min, int64_t t_max, uint64_t bytes);
/* The unit that holds `time_ns`: first and last nanosecond, clamped. */
void window_unit(const TableDef *table, int64_t stretch, int64_t time_ns, int64_t *first,
                 int64_t *last);
int64_t window_length(const TableDef *table);

#endif
