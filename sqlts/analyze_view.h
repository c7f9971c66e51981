/* sqlts/analyze_view.h - continuous views: private to sqlts/, used by analyze_from.c and analyze_ddl.c.
 * Threads: one. */
#ifndef SKULK_SQLTS_ANALYZE_VIEW_H
#define SKULK_SQLTS_ANALYZE_VIEW_H

#include "sqlts/continuous.h"
#include "sqlts/query.h"

struct Analyzer;
struct SqlNode;
/* 0A000: the part that cannot be kept up to date. */
bool az_view_cannot(const char *part, const char *hint, Err *e);
/* The time that a key of GROUP BY puts into buckets; NULL: it is no bucket. */
Expr *az_bucket_time(const Expr *key);
/* Fills in what the bucket of a view is; the key is one of those. */
bool az_view_bucket(struct Analyzer *z, const Expr *key, ContinuousDef *d, Err *e) MUST_CHECK;
/* Are the buckets of d made of whole ones of the view below? */
bool az_view_nests(const ContinuousDef *d, const ContinuousDef *below, Err *e) MUST_CHECK;
/* Can this query be one?  0A000 names the part that cannot.  Fills in what the query says. */
bool az_continuous(struct Analyzer *z, Query *q, ContinuousDef *d, Err *e) MUST_CHECK;
/* How EXPLAIN calls it. */
Slice az_view_part_name(struct Analyzer *z, const TableDef *view, ViewPart part, size_t number);
/* Makes the view's query, just analyzed, one part of the view. */
bool az_view_part(struct Analyzer *z, const TableDef *view, const struct SqlNode *at, ViewPart part,
                  size_t number, Query *q, Err *e) MUST_CHECK;
/* A plain materialized view, by its stored rows. */
bool az_stored_view(struct Analyzer *z, const TableDef *view, Slice alias, Rte **out,
                    Err *e) MUST_CHECK;
/* All parts that together are the view. */
bool az_view_union(struct Analyzer *z, const TableDef *view, Query **q, Err *e) MUST_CHECK;
/* ALTER MATERIALIZED VIEW ... ADD COLUMN: becomes CREATE OR REPLACE of the query with a column more. */
struct NAlter;
struct Bound;
bool az_view_add_column(struct Analyzer *z, const struct NAlter *n, const TableDef *view,
                        struct Bound *b, Err *e) MUST_CHECK;

#endif
