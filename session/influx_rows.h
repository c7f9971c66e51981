/* session/influx_rows.h - rows in the order of their series as InfluxDB's JSON: series, gaps filled, limits.
 * Threads: belongs to one statement. */
#ifndef SKULK_SESSION_INFLUX_ROWS_H
#define SKULK_SESSION_INFLUX_ROWS_H

#include "session/session.h"

typedef struct InfluxCell {
    Slice json;
    bool null;
    double number; /* of numbers, for fill(linear) */
} InfluxCell;

typedef struct InfluxSeries InfluxSeries;
InfluxSeries *influx_series_new(const InfluxForm *form);
void influx_series_free(InfluxSeries *s);
/* A row of n columns; the names live as long as the rows do. */
bool influx_series_row(InfluxSeries *s, const OutColumn *columns, const InfluxCell *cells, size_t n,
                       int64_t time_ns, Buf *json, Err *e) MUST_CHECK;
bool influx_series_end(InfluxSeries *s, Buf *json, Err *e) MUST_CHECK;

#endif
