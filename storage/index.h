/* storage/index.h - the series index: tags to series id and back, postings by tag value.
 *
 * One index per store shard for all tables.  A series is (table, tags); tags are (column id,
 * text value), never empty.  Two hash tables on keyed 128-bit hashes: of the canonical key, and
 * of raw tag bytes as a client sent them (a cache: raw bytes -> id without parsing).
 * Values are interned per (table, tag): a value has a code, codes count from 1; 0 = the tag is
 * absent.  Value text lives as long as its table, and as the snapshots that know the table.
 * Series ids are given densely in arrival order; those of dropped tables come back into use.
 * A new series is a log record in the same group as its first row.  Persisted as a snapshot and
 * increments, the .series files (docs/format.md).
 * Threads: any; one reader-writer lock inside, which idx_find_raw does not need. */
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
 * *made: it is new; the log has it before the next batch.  LIMIT_EXCEEDED names table and tag. */
bool idx_intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n, const Hash128 *raw,
                SeriesId *id, bool *made, Err *e) MUST_CHECK;
/* The same for at most SERIES_ASK_MAX at once, which costs half. */
typedef struct SeriesAsk {
    TableId table;
    const Tag *tags;
    size_t count;
    Hash128 raw;
    SeriesId id; /* 0: refused; idx_intern says why */
} SeriesAsk;
enum { SERIES_ASK_MAX = 32 };
void idx_intern_many(SeriesIndex *idx, SeriesAsk *asks, size_t n);
/* Makes none: 0 = there is no such series. */
SeriesId idx_find(SeriesIndex *idx, TableId table, const Tag *tags, size_t n);
/* Replays a logged series under its old id. */
bool idx_restore(SeriesIndex *idx, SeriesId id, TableId table, const Tag *tags, size_t n,
                 Err *e) MUST_CHECK;

/* Names for messages, and the database of a table (its series are limited together). */
typedef struct SeriesName {
    ObjectId database;
    char database_name[NAME_MAX_BYTES + 1], table_name[NAME_MAX_BYTES + 1],
        column_name[NAME_MAX_BYTES + 1];
} SeriesName;
typedef struct SeriesNames {
    bool (*find)(void *arg, TableId table, ColumnId column, SeriesName *out);
    void *arg;
} SeriesNames;
/* At the start, before the first write.  Tables are looked up in `names` without the index's lock. */
void idx_limits(SeriesIndex *idx, uint64_t per_table, uint64_t per_database); /* 0 = none */
void idx_set_names(SeriesIndex *idx, SeriesNames names, Budget *budget /* may be NULL */);

TableId idx_table(SeriesIndex *idx, SeriesId id);
size_t idx_tags(SeriesIndex *idx, SeriesId id, Tag *out, size_t max); /* by column id */
Slice idx_tag(SeriesIndex *idx, SeriesId id, ColumnId column);        /* SLICE_NONE: absent */
/* Codes: small integers for grouping and dictionaries. */
uint32_t idx_tag_code(SeriesIndex *idx, SeriesId id, ColumnId column);
void idx_tag_codes(SeriesIndex *idx, ColumnId column, const SeriesId *ids, size_t n,
                   uint32_t *codes);
/* Of many columns of one series. */
void idx_series_codes(SeriesIndex *idx, SeriesId id, const ColumnId *columns, size_t n,
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
    Hash128 key; /* of a test that will say the same again: answers are kept by it; 0 = none */
    const bool *failed; /* NULL, or: set by test() when what it says is not to be kept */
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
/* Those at [begin, end) in ascending order. */
SeriesSet *set_range(const SeriesSet *s, size_t begin, size_t end);
SeriesSet *set_slice(const SeriesSet *s, size_t i, size_t n);
const void *set_bitmap(const SeriesSet *s); /* roaring_bitmap_t, local ids */

/* ---- as bytes ----
 * Series are numbered in the order in which they were made: the serial, also over restarts. */
uint64_t idx_serial(SeriesIndex *idx); /* of the newest */
/* Series with a greater serial; nothing if there are none.  The writer of the log can use it
 * as well: series made since the last record, before the rows that may use them (a series that one
 * task made can be used by another whose batch comes first). */
void idx_encode(SeriesIndex *idx, uint64_t after, Buf *out);
/* Takes what idx_encode wrote, once or several times in a row; known series are passed over. */
bool idx_decode(SeriesIndex *idx, Slice src, Err *e) MUST_CHECK;
void idx_set_serial(SeriesIndex *idx, uint64_t serial); /* of all that was loaded from files */
void idx_trim(SeriesIndex *idx, uint64_t serial); /* series up to here need not be encoded again */
size_t idx_memory(SeriesIndex *idx);
void idx_forget_raw(SeriesIndex *idx); /* gives the raw cache back */

/* The whole index as frames, for a file; loading it is hardly more than copying.  In pieces of
 * about SERIES_FRAME bytes, between which series may come; none are taken apart meanwhile. */
enum { SERIES_FRAME = 256 << 10, SERIES_FRAME_HEAD = 16 };
typedef struct SeriesWriter SeriesWriter;
/* release: ids of series that are gone may be given again once it is on disk. */
SeriesWriter *series_writer_new(SeriesIndex *idx, bool release);
uint64_t series_writer_serial(const SeriesWriter *w); /* what it covers */
bool series_writer_next(SeriesWriter *w, Buf *out); /* appends a frame; false: that was the last */
void series_writer_free(SeriesWriter *w, bool committed); /* committed: a start will find it */

typedef struct SeriesReader SeriesReader;
SeriesReader *series_reader_new(SeriesIndex *idx, uint64_t file_size); /* the index is empty */
bool series_frame_size(Slice head, uint64_t left, uint64_t *size, Err *e) MUST_CHECK;
bool series_reader_take(SeriesReader *r, Slice frame, bool *last, Err *e) MUST_CHECK;
void series_reader_free(SeriesReader *r);

/* ---- dropped tables ---- */
/* Detaches tables that are not alive any more (`all`: or never were): nothing finds them now. */
size_t idx_detach(SeriesIndex *idx, bool (*alive)(void *arg, TableId table), void *arg, bool all);
void idx_detach_table(SeriesIndex *idx, TableId table);
/* Table whose series was in the way when idx_decode or idx_restore failed; 0 = another reason. */
TableId idx_conflict(SeriesIndex *idx);
/* Once nobody holds an id or a text of what was detached: frees a bit; false: nothing is left. */
bool idx_reclaim_step(SeriesIndex *idx);
bool idx_reclaiming(SeriesIndex *idx);     /* it began, and is not through */
TableId idx_last_table(SeriesIndex *idx);  /* the greatest id, detached ones aside; 0 = none */
void idx_resolve_tables(SeriesIndex *idx); /* after recovery: which database is each table of */
void idx_find_holes(SeriesIndex *idx);     /* after recovery: ids that no series has can be given */

#endif
