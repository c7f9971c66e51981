/* sqlts/influx_private.h - a statement of InfluxQL on its way to SQL. */
#ifndef SKULK_SQLTS_INFLUX_PRIVATE_H
#define SKULK_SQLTS_INFLUX_PRIVATE_H

#include "exec/func_text.h"
#include "sqlts/influx.h"
#include "sqlts/influx_lex.h"

typedef struct InfluxStatement {
    InfluxLex l;
    const InfluxQuestion *q;
    InfluxRows *rows;
    const TableDef *t;        /* the measurement that is being written */
    const TableDef **sources; /* that FROM names */
    size_t source_count;
} InfluxStatement;

bool influx_wrong(const InfluxStatement *s, Err *e);
bool influx_not_here(const char *what, Slice text, Err *e);
bool influx_need_punct(InfluxStatement *s, const char *text, Err *e);

/* A key of the measurement, as its writers say it; NULL: it has none such. */
const ColumnDef *influx_column(const InfluxStatement *s, Slice key);
Slice influx_time_column(const InfluxStatement *s);
Slice influx_key(const ColumnDef *c); /* as its writers say it */
void influx_put_table(const InfluxStatement *s, Buf *out);

/* The token is the first of a duration or number of ns: "10m", "1h30m". */
bool influx_duration(Slice text, int64_t *ns);
/* Behind FROM: names, lists, regular expressions. */
bool influx_sources(InfluxStatement *s, Err *e);
/* Behind WHERE, up to the next clause; notes the bounds of the time.  fields: they may be asked for. */
bool influx_where(InfluxStatement *s, Buf *out, bool fields, Err *e);

#endif
