/* exec/tiers.h - tiers: what is kept of a table's rows when they leave, bucket by bucket.
 *
 * The raw table's TableDef.extra is a TierList: entry 0 are its rows, each further one a hidden time-series
 * table whose extra names the raw table and its place in the list (TierOf).  A hidden table has the time (the
 * start of the bucket, "t"), the tags ("g" and the column's id), the number of rows ("n"), the times of
 * the first and last of them ("ft", "lt"), and of each field columns named by its id: tier_column().  Its
 * watch (storage/watch.h; id = the hidden table's, of the table before it in the list) says what it covers.
 * Who makes it: session/tier.c; who reads it: sqlts/analyze_tier.c.
 * Threads: pure. */
#ifndef SKULK_EXEC_TIERS_H
#define SKULK_EXEC_TIERS_H

#include "exec/type.h"
#include "storage/watch.h"

enum { TIERS_MAX = 8, TIER_NAME_MAX = 48 };

typedef struct TierEntry {
    int64_t width_ns, keep_ns; /* keep: 0 = for ever */
    TableId table;
} TierEntry;

typedef struct TierList {
    size_t count;
    TierEntry items[TIERS_MAX]; /* the raw rows first, then coarser and coarser */
} TierList;

typedef struct TierOf {
    TableId raw;
    size_t level; /* from 1 */
} TierOf;

/* What is kept of a field: numbers have all of it, others count, first and last. */
typedef enum TierPart {
    TIER_COUNT,
    TIER_FIRST,
    TIER_LAST,
    TIER_FIRST_TIME,
    TIER_LAST_TIME,
    TIER_SUM,
    TIER_MIN,
    TIER_MAX,
    TIER_INCREASE,
    TIER_RESETS,
    TIER_PARTS,
} TierPart;

bool tiers_of(const TableDef *t, TierList *out); /* false: it has none */
bool tier_is_one(const TableDef *t, TierOf *of); /* a hidden table */
void tiers_encode(Buf *out, const TierList *l);
void tier_of_encode(Buf *out, TierOf of);
/* '1s:72h, 1h:30d, 1d:1y'.  22023 with what is wrong. */
bool tiers_parse(Slice text, TierList *out, Err *e) MUST_CHECK;
int64_t tier_origin(int64_t width_ns); /* where time_bucket() of this width begins to count */

bool tier_is_number(TypeId type);
bool tier_has(TypeId field, TierPart part);
TypeId tier_type(TypeId field, TypeId time, TierPart part);
const char *tier_column_name(char buf[TIER_NAME_MAX], ColumnId field, TierPart part);
const ColumnDef *tier_column(const TableDef *tier, ColumnId field,
                             TierPart part); /* NULL: none yet */
const ColumnDef *tier_tag(const TableDef *tier, ColumnId tag);

#endif
