/* storage/codec.h - chunk codecs: one column of one row group to bytes and back.
 *
 * A codec knows nothing of files, series or SQL.  The table is indexed by the id
 * written on disk; ids are never reused.  To add a codec: write codec_<name>.c, add one
 * row to codec_table[], describe its bytes in docs/format.md.  The unit test and the
 * fuzz target walk the table, so a new codec is tested from its first build.
 * Values are dense (no holes): presence is the row group's business.
 * Threads: every function is pure; any thread may call it. */
#ifndef SKULK_STORAGE_CODEC_H
#define SKULK_STORAGE_CODEC_H

#include "storage/types.h"

typedef enum CodecKind { CODEC_INT, CODEC_FLOAT, CODEC_BOOL, CODEC_STR, CODEC_TIME } CodecKind;

enum { CODEC_SLACK = 64 }; /* bytes after an encoded chunk that decoders may read (but not use) */

typedef struct CodecDef {
    uint8_t id;
    const char *name; /* shown by EXPLAIN and check */
    CodecKind kind;   /* CODEC_TIME codecs take int64 too */
    /* Most bytes that encode() writes for n values (src as for encode: strings need their sizes). */
    size_t (*bound)(const void *src, size_t n);
    /* src: int64_t[], double[], uint8_t[] or Slice[] by kind.  Returns the bytes written, or 0:
     * this codec cannot hold these values (the caller takes another; raw codecs never do). */
    size_t (*encode)(uint8_t *dst, const void *src, size_t n);
    /* src comes from disk and may be anything; CODEC_SLACK readable bytes follow it.
     * Fails with DATA_CORRUPTED.  Strings point into src or into arena. */
    bool (*decode)(void *dst, size_t n, Slice src, Arena *arena, Err *e) MUST_CHECK;
    /* As decode(), but only [begin, end) of dst is wanted, the rest may be anything.  NULL: decode(). */
    bool (*decode_range)(void *dst, size_t n, size_t begin, size_t end, Slice src,
                         Err *e) MUST_CHECK;
} CodecDef;

extern const CodecDef codec_table[];    /* ends with name = NULL */
const CodecDef *codec_find(uint8_t id); /* NULL if no such codec */
/* The values [begin, end) of dst; the rest of dst may be anything. */
bool codec_decode_range(const CodecDef *def, void *dst, size_t n, size_t begin, size_t end,
                        Slice src, Arena *arena, Err *e) MUST_CHECK;

/* How hard the encoder looks for the smallest form. */
typedef enum CodecEffort {
    EFFORT_FLUSH, /* the column's last plan first; at most some 10 ns a value */
    EFFORT_FINAL, /* every plan; strings at zstd 3 */
    EFFORT_DENSE, /* as FINAL, and entropy-coded where that is smaller: decodes slower */
} CodecEffort;

/* How the last chunk of a column was encoded: the first guess for the next.  Zero: nothing known. */
typedef struct CodecHint {
    uint8_t codec;
    uint8_t k;         /* decimals */
    uint8_t transform; /* of the integer block */
    uint8_t age;       /* chunks since everything was tried; 0: never */
    uint32_t cost;     /* bits of 1,024 values then */
} CodecHint;

/* Chooses the cheapest codec for these values, encodes into out (appended), returns its id.
 * hint: read and renewed; NULL: none is kept. */
uint8_t codec_encode_best(Buf *out, CodecKind kind, const void *src, size_t n, CodecHint *hint,
                          CodecEffort effort);

/* ---- answers from an encoded chunk, in the integer domain where the codec has one ---- */
typedef struct CodecChunk { /* as its directory entry tells */
    uint8_t id;
    PhysType type; /* PHYS_I64 or PHYS_F64 */
    size_t n;      /* values: 1 to 1,024 */
    Slice src;     /* CODEC_SLACK readable bytes follow */
} CodecChunk;

/* Statistics of the values [begin, end). */
bool codec_stats(ChunkStats *out, const CodecChunk *c, size_t begin, size_t end, Arena *scratch,
                 Err *e) MUST_CHECK;
typedef struct RowCuts {
    const uint32_t *row; /* ascending, at most the number of rows */
    size_t count;
    bool sums_only;  /* only count and sum are wanted: the other statistics may be anything */
    bool inner_only; /* the first and the last piece are not wanted: they may be anything */
} RowCuts;
/* Statistics of all pieces between the cuts with at most one decode: out[0] is [0, row[0]),
 * out[i] is [row[i-1], row[i]), out[count] is [row[count-1], n).  An empty piece has count = 0. */
bool codec_stats_cuts(ChunkStats *out, const CodecChunk *c, const RowCuts *cuts, Arena *scratch,
                      Err *e) MUST_CHECK;

typedef enum CodecCompare {
    CODEC_EQ,
    CODEC_NE,
    CODEC_LT,
    CODEC_LE,
    CODEC_GT,
    CODEC_GE
} CodecCompare;
typedef struct CodecFilter { /* value `op` constant */
    CodecCompare op;
    union {
        int64_t i; /* chunk of PHYS_I64 */
        double f;  /* chunk of PHYS_F64 */
    } u;
} CodecFilter;
/* Sets bit i where value i passes, clears the others up to the end of the last word; bits has
 * BITMAP_WORDS(n) words.  SQL's order: NaN equals NaN and is above everything, -0 equals 0.
 * *passed: how many bits are set. */
bool codec_filter(uint64_t *bits, size_t *passed, const CodecChunk *c, const CodecFilter *f,
                  Arena *scratch, Err *e) MUST_CHECK;

void stats_of_i64(ChunkStats *out, const int64_t *v, size_t n);
void stats_of_f64(ChunkStats *out, const double *v, size_t n); /* compensated sum */
void stats_merge(ChunkStats *into, const ChunkStats *later);   /* later follows in time */

#endif
