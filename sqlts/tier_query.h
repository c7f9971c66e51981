/* sqlts/tier_query.h - a query over a table with tiers, while it is cut in parts: what analyze_tier.c finds out
 * and tier_parts.c makes of it.
 *
 * Threads: belongs to one call of sql_analyze. */
#ifndef SKULK_SQLTS_TIER_QUERY_H
#define SKULK_SQLTS_TIER_QUERY_H

#include "exec/state.h"
#include "exec/tiers.h"
#include "sqlts/analyze.h"

typedef enum Kept { /* what is put together of an aggregate */
                    KEPT_COUNT,
                    KEPT_SUM,
                    KEPT_AVG,
                    KEPT_LEAST, /* min(), max(): of themselves */
                    KEPT_PICK,  /* first(), last(): a value and its time */
                    KEPT_KEYS, /* of tags alone, however often each is there: count(DISTINCT tag), min(tag) */
} Kept;

typedef struct Wanted { /* an aggregate of the query */
    Kept kept;
    size_t slot; /* its first one; KEYS: its first further key */
} Wanted;

typedef struct Slot { /* a column of the parts */
    const AggCall *of;
    TierPart part;
    const ColumnDef *field; /* NULL: the rows themselves */
    const Expr *var;        /* the field */
    const Expr *linear;     /* the argument: a times the field plus b; NULL: the field itself */
    const char *final;      /* how parts are put together; NULL: the call's own function */
    TypeId type;            /* of the column */
    bool time;              /* the time of a value: of the rows that have it */
    bool latest;
} Slot;

typedef struct Tiered {
    Analyzer *z;
    Query *q;
    Rte *base;
    Expr *time; /* its time column */
    TierList list;
    Wanted *wanted;
    Slot *slots;
    size_t slot_count;
    Expr **keys; /* of the parts: those of q, then what aggregates of tags read */
    size_t key_count, key_cap;
    Expr **by; /* while a part is made: what stands for the variables of q */
    size_t by_count;
    Expr *low, *high; /* bounds of the time in WHERE, or NULL */
    int64_t low_add, high_add;
    bool plain_time;  /* the time is in such bounds and in one bucket only */
    int64_t grain_ns; /* of that bucket; 0 = none */
} Tiered;

/* The same over the tables behind views and subqueries, DISTINCT as a grouping; q itself if that is nothing new. */
Query *tier_flatten(Analyzer *z, Query *q);
/* The query becomes one over its parts. */
bool tier_put_together(Tiered *t, Err *e) MUST_CHECK;
/* x with `with` in place of one variable. */
Expr *tier_put_in(const Tiered *t, const Expr *x, const Expr *var, const Expr *with);
/* What stands before the field: a copy in which what is added is nothing, and the field is 1. */
bool tier_factor(const Tiered *t, const Slot *s, Expr **out, Err *e) MUST_CHECK;
/* Variables and constants that are handed on as they are do not need a key. */
static inline bool tier_is_key(const Expr *x)
{
    return x && !qx_is_const(x);
}

#endif
