/* sqlts/matview.h - plain materialized views: what the catalog keeps of one.
 *
 * One is a TABLE_VIEW whose `extra` names a hidden ordinary table in the schema pg_skulk: the rows that its query gave
 * at the last REFRESH.  Where its name is read, that table is; REFRESH itself reads the query (SqlEnv.refresh).
 * Continuous views are others: sqlts/continuous.h.
 * Threads: pure. */
#ifndef SKULK_SQLTS_MATVIEW_H
#define SKULK_SQLTS_MATVIEW_H

#include "storage/catalog.h"

typedef struct StoredView {
    TableId rows;   /* the hidden table */
    bool populated; /* false: WITH NO DATA, it cannot be read */
} StoredView;

bool view_is_stored(const TableDef *t);
bool view_is_materialized(const TableDef *t); /* this kind, or a continuous one */
StoredView stored_view(const TableDef *t);
void stored_view_put(TableDef *t, Arena *a, StoredView v);

#endif
