/* storage/codec_private.h - what the codec_*.c files share: bounded cursors, the integer core.
 *
 * Not for others than storage/codec*.c and storage/part*.c.
 * Writers assume room (bound()); readers never trust: a get beyond the end sets `bad`.
 * Threads: pure. */
#ifndef SKULK_STORAGE_CODEC_PRIVATE_H
#define SKULK_STORAGE_CODEC_PRIVATE_H

#include "storage/codec.h"
#include "storage/kernels.h"

enum { /* ids on disk; never reused */
       CODEC_RAW_I64 = 1,
       CODEC_RAW_F64 = 2,
       CODEC_RAW_BOOL = 3,
       CODEC_RAW_STR = 4,
       CODEC_GORILLA_TIME = 5,
       CODEC_GORILLA_F64 = 6,
       CODEC_CONST_I64 = 7,
       CODEC_LINEAR_I64 = 8,
       CODEC_CONST_F64 = 9,
       CODEC_SK_I64 = 10,
       CODEC_SK_F64 = 11,
       CODEC_FRONT_F64 = 12,
       CODEC_TIME_LINEAR = 13,
       CODEC_TIME_DELTA = 14,
       CODEC_TIME_TILE = 15,
       CODEC_CONST_BOOL = 16,
       CODEC_BITMAP_BOOL = 17,
       CODEC_CONST_STR = 18,
       CODEC_DICT_STR = 19,
       CODEC_ZSTD_STR = 20,
       CODEC_DENSE_I64 = 21,
       CODEC_DENSE_F64 = 22,
       CODEC_DENSE_TIME = 23,
       CODEC_HIST_STR = 24,
       CODEC_VALUES_MAX = ROW_GROUP_ROWS, /* of one chunk */
       CODEC_STR_BYTES_MAX = 64 << 20,    /* of one chunk, decoded */
};

/* ---- little endian bytes ---- */
static inline uint64_t load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint8_t *store_u64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}
static inline uint64_t f64_bits(double v)
{
    return load_u64(&v);
}
static inline double f64_of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
static inline unsigned bit_length(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}
static inline uint64_t low_bits(unsigned width) /* width <= 64 */
{
    return width >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1;
}
uint8_t *codec_put_varint(uint8_t *p, uint64_t v); /* at most 10 bytes */
static inline uint8_t *codec_put_zigzag(uint8_t *p, int64_t v)
{
    return codec_put_varint(p, zigzag_encode(v));
}

/* ---- horizontal bit packing of any count: `(n * width + 7) / 8` bytes ---- */
static inline size_t bits_size(size_t n, unsigned width)
{
    return (n * width + 7) / 8;
}
static inline unsigned position_bits(size_t n) /* of a position below n */
{
    return n > 1 ? bit_length(n - 1) : 1;
}
uint8_t *bits_pack(uint8_t *dst, const uint64_t *src, size_t n, unsigned width);
/* Reads up to 8 bytes behind the packed bytes. */
void bits_unpack(uint64_t *dst, const uint8_t *src, size_t n, unsigned width);

/* ---- the integer core ("SK"): docs/format.md, "Integer block" ---- */
enum { SK_RAW = 0, SK_DELTA = 1, SK_DELTA2 = 2, SK_LINEAR = 3 };
enum { /* flags of an integer block */
       INT_TRANSFORM = 3,
       INT_ZIGZAG = 4,
       INT_GCD = 8,
       INT_PATCHES = 16,
       INT_BITMAP = 32,
       INT_DENSE = 64,
};

typedef struct IntPlan {
    uint8_t transform; /* SK_* */
    bool zigzag;       /* residuals lie on both sides of base */
    bool bitmap;       /* patch positions are a bitmap */
    bool dense;        /* DENSE_BITS above `width` are entropy-coded */
    uint8_t width;     /* bits of every residual in the main array */
    uint8_t high;      /* further bits of a patched one */
    uint32_t patches;
    int64_t first, gcd, base, step;
    uint64_t cost_bits;
} IntPlan;

typedef struct IntStats {
    int64_t min, max, first, last;
    __int128 sum;
} IntStats;

typedef struct IntSearch {
    unsigned mask; /* bit t allows transform t */
    CodecEffort effort;
    CodecHint *hint; /* read and renewed; NULL: none */
} IntSearch;
enum { /* masks */
       INT_ANY = 1u << SK_RAW | 1u << SK_DELTA | 1u << SK_DELTA2,
       INT_TIMES = 1u << SK_DELTA | 1u << SK_LINEAR,
};
/* Chooses; `st` are the statistics of v. */
void int_plan(IntPlan *p, const int64_t *v, size_t n, const IntStats *st, const IntSearch *how);
size_t int_bound(size_t n);       /* of a plan that is not dense */
size_t int_bound_dense(size_t n); /* of any plan */
size_t int_write(uint8_t *dst, const IntPlan *p, const int64_t *v, size_t n);
bool int_read(int64_t *dst, size_t n, Slice src, Err *e) MUST_CHECK;
typedef struct IntView { /* a block as it is cheapest to look at */
    bool narrow;         /* number i is first + gcd * x[i], without overflow of x; else v[i] */
    int64_t first, gcd;  /* gcd > 0 */
    union {
        _Alignas(64) int32_t x[CODEC_VALUES_MAX];
        int64_t v[CODEC_VALUES_MAX];
    } u;
} IntView;
/* Numbers from `upto` on may be left out. */
bool int_view(IntView *out, size_t n, size_t upto, Slice src, Err *e) MUST_CHECK;
void int_stats(IntStats *st, const int64_t *v, size_t n);
/* The sum of each piece between the cuts, from a block of small deltas whose numbers are not made;
 * *done = false: the block is another one. */
bool int_sums(__int128 *sums, size_t n, Slice src, const RowCuts *cuts, bool *done,
              Err *e) MUST_CHECK;

/* ---- entropy-coded symbols: codec_dense.c ---- */
enum { DENSE_BITS = 6, DENSE_SYMBOLS = 1 << DENSE_BITS };
size_t dense_bound(size_t n);
uint8_t *dense_write(uint8_t *p, const uint8_t *sym, size_t n); /* n > 0 */
bool dense_read(uint8_t *sym, size_t n, Slice src, Err *e) MUST_CHECK;
uint64_t dense_cost(const uint32_t count[DENSE_SYMBOLS], size_t n);

/* ---- one chunk with its statistics in the domain that is cheapest to store ---- */
typedef enum StatsKind {
    STATS_NONE = 0,
    STATS_INT = 1,
    STATS_DECIMAL = 2,
    STATS_DOUBLE = 3
} StatsKind;
typedef struct ChunkMeta {
    uint8_t codec;
    StatsKind kind;
    uint8_t k;  /* STATS_DECIMAL: values are i / 10^k */
    IntStats i; /* STATS_INT, STATS_DECIMAL: of the numbers that are not NaN */
    uint32_t nan_count;
    ChunkStats f; /* STATS_DOUBLE */
} ChunkMeta;
/* Appends the chunk; meta is filled for CODEC_INT and CODEC_FLOAT. */
void codec_encode_chunk(Buf *out, CodecKind kind, const void *src, size_t n, CodecHint *hint,
                        CodecEffort effort, ChunkMeta *meta);
void stats_of_decimal(ChunkStats *out, const IntStats *i, uint8_t k, size_t n, uint32_t nan_count);
void stats_of_int(ChunkStats *out, const IntStats *i, size_t n);

/* ---- a chunk in the form in which questions are cheapest: codec_stats.c ---- */
typedef enum CodecDomain { AS_INTS, AS_DECIMALS, AS_DOUBLES } CodecDomain;
typedef struct CodecValues {
    CodecDomain domain;
    uint8_t k;  /* AS_DECIMALS: the integers of `view` / 10^k, but for the exceptions */
    size_t bad; /* exceptions: positions, ascending, and 8 bytes each */
    const uint8_t *bad_bits;
    uint16_t bad_at[CODEC_VALUES_MAX];
    IntView view; /* AS_DOUBLES: v holds doubles */
} CodecValues;
/* As int_view. */
bool codec_read_values(CodecValues *x, const CodecChunk *c, size_t upto, Arena *scratch,
                       Err *e) MUST_CHECK;
static inline const double *codec_doubles(const CodecValues *x)
{
    return (const double *)x->view.u.v;
}

/* ---- the codecs: rows of codec_table ---- */
#define CODEC_DECLARE(name)                                                                        \
    size_t name##_bound(const void *src, size_t n);                                                \
    size_t name##_encode(uint8_t *dst, const void *src, size_t n);                                 \
    bool name##_decode(void *dst, size_t n, Slice src, Arena *arena, Err *e) MUST_CHECK;
CODEC_DECLARE(raw64)
CODEC_DECLARE(raw_bool)
CODEC_DECLARE(raw_str)
CODEC_DECLARE(gorilla_time)
CODEC_DECLARE(gorilla_f64)
CODEC_DECLARE(const64)
CODEC_DECLARE(linear)
CODEC_DECLARE(sk_i64)
CODEC_DECLARE(sk_f64)
CODEC_DECLARE(front_f64)
CODEC_DECLARE(time_linear)
CODEC_DECLARE(time_delta)
CODEC_DECLARE(time_tile)
CODEC_DECLARE(const_bool)
CODEC_DECLARE(bitmap_bool)
CODEC_DECLARE(const_str)
CODEC_DECLARE(dict_str)
CODEC_DECLARE(zstd_str)
CODEC_DECLARE(dense_i64)
CODEC_DECLARE(dense_f64)
CODEC_DECLARE(dense_time)
CODEC_DECLARE(hist_str)
#undef CODEC_DECLARE

/* ---- decimal blocks ---- */
typedef struct DecimalHead {
    unsigned k;
    bool wide;
    size_t bad; /* exceptions */
    const uint8_t *positions, *values;
    Slice block; /* of integers */
} DecimalHead;
bool sk_f64_range(void *dst, size_t n, size_t begin, size_t end, Slice src, Err *e) MUST_CHECK;
bool decimal_open(DecimalHead *h, size_t n, Slice src, Err *e) MUST_CHECK;
/* Where the exceptions stand, ascending. */
bool decimal_exceptions(uint16_t *at, const DecimalHead *h, size_t n, Err *e) MUST_CHECK;
/* 0: no decimals.  *dense: the integers are entropy-coded. */
size_t sk_f64_encode_meta(uint8_t *dst, const double *v, size_t n, const IntSearch *how,
                          ChunkMeta *m, bool *dense);
size_t gorilla_f64_size(const double *v, size_t n); /* what its encoder writes */
size_t hist_str_encode_effort(uint8_t *dst, const void *src, size_t n, CodecEffort effort);
size_t zstd_str_encode_level(uint8_t *dst, const void *src, size_t n, int level);
bool sk_f64_one(double v, uint8_t *k, int64_t *d); /* v = d / 10^k exactly */
extern const double codec_pow10[23];

static inline bool codec_damaged(Err *e, const char *what)
{
    return err_set(e, ERR_DATA_CORRUPTED, "damaged chunk: %s", what);
}

#endif
