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
} CodecDef;

extern const CodecDef codec_table[];    /* ends with name = NULL */
const CodecDef *codec_find(uint8_t id); /* NULL if no such codec */

/* Chooses the cheapest codec for these values, encodes into out (appended), returns its id.
 * hint: the id that the column used last (0 = none), tried first.  final: full search. */
uint8_t codec_encode_best(Buf *out, CodecKind kind, const void *src, size_t n, uint8_t hint,
                          bool final);

/* Fused kernels of the integer domain: statistics without materialising, where the codec can;
 * else decodes.  Half-open value range [begin, end). */
bool codec_stats(ChunkStats *out, uint8_t id, PhysType type, size_t n, Slice src, size_t begin,
                 size_t end, Arena *scratch, Err *e) MUST_CHECK;
void stats_of_i64(ChunkStats *out, const int64_t *v, size_t n);
void stats_of_f64(ChunkStats *out, const double *v, size_t n); /* compensated sum */
void stats_merge(ChunkStats *into, const ChunkStats *later);   /* later follows in time */

#endif
