/* storage/index.h - the series index: tags to series id and back, postings by tag value.
 *
 * One index per store shard for all tables.  A series is (table, tags); tags are (column id,
 * text value), never empty.  Two hash tables on keyed 128-bit hashes: of the canonical key, and
 * of raw tag bytes as a client sent them (a cache: raw bytes -> id without parsing).
 * Values are interned per (table, tag): a value has a code, codes count from 1; 0 = the tag is
 * absent.  Value text lives as long as the index.
 * Series ids are given densely in arrival order.  A new series is a log record in the same
 * group as its first row.  Persisted as snapshot + series.log (docs/format.md).
 * Threads: any; one reader-writer lock inside. */
#ifndef SKULK_STORAGE_INDEX_H
#define SKULK_STORAGE_INDEX_H

#include "base/hash.h"
#include "storage/types.h"

typedef struct SeriesIndex SeriesIndex;
typedef struct SeriesSet SeriesSet; /* an immutable set of series of one shard (Roaring) */

typedef struct Tag {
    ColumnId column;
    Slice value;
} Tag;

SeriesIndex *idx_new(uint32_t shard, uint64_t hash_key);
void idx_free(SeriesIndex *idx);

/* Raw path: hash of (table, raw tag bytes).  Groups of lookups hide cache misses: 0 = unknown. */
Hash128 idx_raw_hash(const SeriesIndex *idx, TableId table, Slice raw);
void idx_find_raw(SeriesIndex *idx, const Hash128 *raw, SeriesId *out, size_t n);
/* Finds or makes the series of these tags (any order, no doubles); remembers raw (may be NULL).
 * *made: it is new; the caller must log it (WriteBatch does).  LIMIT_EXCEEDED names table and tag. */
bool idx_intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n, const Hash128 *raw,
                SeriesId *id, bool *made, Err *e) MUST_CHECK;
/* Replays a logged series under its old id. */
bool idx_restore(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n,
                 Err *e) MUST_CHECK;
void idx_limits(SeriesIndex *idx, uint64_t per_table, uint64_t total); /* 0 = none */

TableId idx_table(SeriesIndex *idx, SeriesId id);
size_t idx_tags(SeriesIndex *idx, SeriesId id, Tag *out, size_t max); /* by column id */
Slice idx_tag(SeriesIndex *idx, SeriesId id, ColumnId column);        /* SLICE_NONE: absent */
/* Codes: small integers for grouping and dictionaries. */
uint32_t idx_tag_code(SeriesIndex *idx, SeriesId id, ColumnId column);
void idx_tag_codes(SeriesIndex *idx, ColumnId column, const SeriesId *ids, size_t n,
                   uint32_t *codes);
uint32_t idx_code_count(SeriesIndex *idx, TableId table, ColumnId column); /* codes are < this */
Slice idx_code_value(SeriesIndex *idx, TableId table, ColumnId column, uint32_t code);
uint64_t idx_series_count(SeriesIndex *idx, TableId table); /* table 0 = all */

/* ---- cardinality ---- */
typedef struct TagCardinality {
    ColumnId column;
    uint64_t values; /* distinct */
    uint64_t series; /* that have the tag */
} TagCardinality;

/* Tags of a table by column id; writes at most max, returns how many there are. */
size_t idx_cardinality(SeriesIndex *idx, TableId table, TagCardinality *out, size_t max);

typedef struct TagValueCount {
    Slice value;
    uint64_t series;
} TagValueCount;

/* The values with most series, these first (equal ones by text); returns how many were written. */
size_t idx_top_values(SeriesIndex *idx, TableId table, ColumnId column, TagValueCount *out,
                      size_t max);

/* ---- selection ---- */
typedef enum TagMatchKind {
    TAG_EQ,
    TAG_NE, /* `value`; an empty value means absent */
    TAG_IN,
    TAG_NOT_IN, /* `values` */
    TAG_TEST,   /* test() on each distinct value, and once with an empty Slice for absent */
} TagMatchKind;

typedef struct TagMatch {
    ColumnId column;
    TagMatchKind kind;
    Slice value;
    const Slice *values;
    size_t value_count;
    bool (*test)(void *arg, Slice value);
    void *arg;
} TagMatch;

/* Series of `table` that pass all matches.  Never NULL. */
SeriesSet *idx_select(SeriesIndex *idx, TableId table, const TagMatch *m, size_t n);
SeriesSet *set_from_ids(const SeriesId *ids, size_t n);
SeriesSet *set_ref(SeriesSet *s);
void set_unref(SeriesSet *s);
size_t set_count(const SeriesSet *s);
bool set_has(const SeriesSet *s, SeriesId id);
size_t set_ids(const SeriesSet *s, SeriesId *out, size_t max); /* ascending */
SeriesSet *set_and(const SeriesSet *a, const SeriesSet *b);
SeriesSet *set_or(const SeriesSet *a, const SeriesSet *b);
/* Piece i of n with about the same number of series. */
SeriesSet *set_slice(const SeriesSet *s, size_t i, size_t n);
const void *set_bitmap(const SeriesSet *s); /* roaring_bitmap_t, local ids */

/* Series with a greater id, for series.log; nothing if there are none.  The writer of the log can use it
 * as well: series made since the last record, before the rows that may use them (a series that one
 * task made can be used by another whose batch comes first). */
void idx_encode(SeriesIndex *idx, SeriesId after, Buf *out);
/* Takes what idx_encode wrote, once or several times in a row; known series are passed over. */
bool idx_decode(SeriesIndex *idx, Slice src, Err *e) MUST_CHECK;
SeriesId idx_last(SeriesIndex *idx);
size_t idx_memory(SeriesIndex *idx);

#endif
