/* storage/types.h - ids, physical types and columns: the words that all of storage shares.
 *
 * Ids, not names, are written to disk; they are never reused.  Names live in the catalog.
 * Threads: pure values. */
#ifndef SKULK_STORAGE_TYPES_H
#define SKULK_STORAGE_TYPES_H

#include "base/mem.h"

typedef uint32_t
    ObjectId; /* databases, schemas, tables: one counter, from OBJECT_ID_FIRST; also the PostgreSQL oid */
typedef ObjectId TableId;
typedef uint16_t ColumnId; /* within a table, from 1; never reused */
typedef uint64_t
    SeriesId;         /* store shard << 32 | u32 of that shard's series index, from 1; 0 = none */
typedef uint64_t Lsn; /* log sequence number = sequence of a write; from 1; 0 = none */

enum {
    OBJECT_ID_FIRST = 16384,
    COLUMN_TIME = 0,         /* "the time column" wherever a ColumnId is asked for */
    COLUMN_ID_LAST = 0xffef, /* of a table; above: hidden columns */
    COLUMN_ROW = 0xfffe,     /* int64: makes the key of a row of a `keep` table unique */
    COLUMN_MARK = 0xffff,    /* bool: older rows of the key are hidden; true: this one as well */
    COLUMNS_MAX = 1600,      /* of one table */
    NAME_MAX_BYTES = 255,
    ROW_GROUP_ROWS = 1024,
    STRING_VALUE_MAX = 16 << 20, /* bytes of one string field */
};

#define TIME_MIN_NS INT64_MIN /* open bounds of a range */
#define TIME_MAX_NS INT64_MAX
/* Valid row times: 1677-09-21 00:12:43.145224193 .. 2262-04-11 23:47:16.854775806 UTC. */
#define ROW_TIME_MIN (INT64_MIN + 1)
#define ROW_TIME_MAX (INT64_MAX - 1)

static inline SeriesId series_id_make(uint32_t shard, uint32_t local)
{
    return (uint64_t)shard << 32 | local;
}
static inline uint32_t series_id_local(SeriesId id)
{
    return (uint32_t)id;
}

typedef enum PhysType {
    PHYS_NONE = 0,
    PHYS_I64 = 1,
    PHYS_F64 = 2,
    PHYS_BOOL = 3,
    PHYS_STR = 4
} PhysType;

/* One column of up to ROW_GROUP_ROWS values, decoded.  valid: bit i%64 of word i/64;
 * NULL = all valid.  A value under a cleared bit is unspecified but initialised. */
typedef struct ColVec {
    PhysType type; /* PHYS_NONE: the column is absent in these rows: all null */
    union {
        const int64_t *i64;
        const double *f64;
        const uint8_t *b; /* 0 or 1, a byte each */
        const Slice *str;
        const void *any;
    } v;
    const uint64_t *valid;
} ColVec;

/* Statistics of one chunk.  Exact; count counts non-null values (NaN included). */
typedef struct ChunkStats {
    PhysType type;      /* PHYS_I64 or PHYS_F64 */
    bool sum_exact;     /* false: sum overflowed and is absent (integers) */
    uint32_t count;     /* non-null */
    uint32_t nan_count; /* floats; min/max/sum ignore them */
    union {
        struct {
            int64_t min, max, first, last;
            __int128 sum;
        } i;
        struct {
            double min, max, first, last, sum_hi, sum_lo;
        } f;
    } u;
} ChunkStats;

/* A column in the last row of a row group, as far as storage remembers it. */
enum { LAST_BYTES_MAX = 20 };
enum { LAST_NULL, LAST_VALUE, LAST_LONG /* a longer text: decode it */ };
typedef struct LastCell {
    uint8_t state, type, len;   /* type: PhysType of a value */
    char bytes[LAST_BYTES_MAX]; /* len of a text; 8 of a number; a bool is one */
} LastCell;

static inline bool bitmap_get(const uint64_t *bits, size_t i)
{
    return !bits || (bits[i >> 6] >> (i & 63) & 1);
}
static inline void bitmap_set(uint64_t *bits, size_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void bitmap_clear(uint64_t *bits, size_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
#define BITMAP_WORDS(n) (((n) + 63) / 64)

#endif
