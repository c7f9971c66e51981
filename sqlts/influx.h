/* sqlts/influx.h - InfluxQL's SELECT, DELETE, DROP SERIES and DROP MEASUREMENT as SQL.
 *
 * A statement becomes one SQL statement for each measurement it names, and for SELECT a note of what SQL does not say: how
 * rows become series, which gaps are filled.  What has no meaning in SQL is an error, never left out.
 * To add an aggregate: a row of influx_functions[] (influx_lex.c); another function: one of the tables in influx_select.c.
 * Threads: pure. */
#ifndef SKULK_SQLTS_INFLUX_H
#define SKULK_SQLTS_INFLUX_H

#include "storage/catalog.h"

typedef enum InfluxFill {
    INFLUX_FILL_NONE,
    INFLUX_FILL_NULL,
    INFLUX_FILL_PREVIOUS,
    INFLUX_FILL_LINEAR,
    INFLUX_FILL_NUMBER
} InfluxFill;

enum { INFLUX_COLUMNS_MAX = 512 };

typedef struct
    InfluxRows { /* measurement, tags, time, values: in the order of their series, then of time */
    bool select;
    size_t tags;
    bool descending;
    int64_t width_ns, offset_ns; /* of GROUP BY time(); 0 = none */
    int64_t from_ns, to_ns;      /* the range asked for; INT64_MIN, INT64_MAX: open */
    InfluxFill fill;
    double number;
    uint64_t counts[INFLUX_COLUMNS_MAX / 64]; /* values that are 0 where there is nothing */
    int64_t limit, offset, slimit, soffset;   /* limits: -1 = none */
} InfluxRows;

typedef struct InfluxQuestion {
    Arena *arena;
    const CatalogSnap *catalog;
    ObjectId database, schema; /* of measurements without a policy */
    int64_t now_ns;
} InfluxQuestion;

/* The statement at *p, which then stands behind it.  No SQL: there is nothing to be done. */
bool influx_translate(const InfluxQuestion *q, const char **p, const char *end, Buf *sql,
                      InfluxRows *rows, Err *e) MUST_CHECK;

#endif
