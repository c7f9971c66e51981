/* base/mem.h - the only place that calls malloc: heap, budgets, arenas, growing buffers.
 *
 * mem_* never return NULL (out of address space aborts with a message); sizes that come
 * from input go through arena_try or buf_try_reserve, which can fail with 53200.
 * A Budget is an atomic counter with a limit and a parent; charging never fails, operators
 * look at budget_over() once per batch.
 * Threads: an Arena or Buf belongs to one thread or task; a Budget may be shared. */
#ifndef SKULK_BASE_MEM_H
#define SKULK_BASE_MEM_H

#include "base/err.h"
#include <stdatomic.h>

void *mem_alloc(size_t size);
void *mem_zero(size_t size);
void *mem_zero_spread(size_t size); /* for random access: large pages where it is large */
void *mem_realloc(void *ptr, size_t size);
void mem_free(void *ptr); /* NULL is fine */
void *mem_dup(const void *ptr, size_t size);
char *mem_strdup(Slice s); /* NUL-terminated copy */
/* For a server, before its threads start: buffers of a few megabytes come and go with every request, so
 * freed memory is kept (up to 32 MiB a heap) and not asked of the kernel again; a heap a core. */
void mem_keep_freed(int cores);
#define MEM_NEW(type) ((type *)mem_zero(sizeof(type)))

typedef struct Budget {
    struct Budget *parent; /* also charged; may be NULL */
    _Atomic int64_t used;
    _Atomic int64_t peak;
    int64_t limit; /* bytes; 0 = unlimited */
    const char *name;
} Budget;

void budget_init(Budget *b, const char *name, Budget *parent, int64_t limit);
void budget_charge(Budget *b, int64_t bytes);          /* negative gives back */
bool budget_over(const Budget *b);                     /* this one or a parent is over its limit */
bool budget_check(const Budget *b, Err *e) MUST_CHECK; /* 53200 naming budget and limit */

typedef struct ArenaBlock ArenaBlock;
typedef struct Arena {
    ArenaBlock *head;
    char *cur, *end;
    size_t used;    /* bytes of all blocks */
    Budget *budget; /* may be NULL */
} Arena;

typedef struct ArenaMark {
    ArenaBlock *head;
    char *cur;
} ArenaMark;

void arena_init(Arena *a, Budget *budget);
void arena_reset(Arena *a); /* frees all but one block; what was allocated is gone */
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t size); /* 16-byte aligned, not cleared, never NULL */
void *arena_zero(Arena *a, size_t size);
void *arena_try(Arena *a, size_t size,
                Err *e) MUST_CHECK; /* NULL + 53200 if the budget would be exceeded */
ArenaMark arena_mark(const Arena *a);
void arena_rewind(Arena *a, ArenaMark m);
Slice arena_slice(Arena *a, Slice s); /* copy, NUL follows */
char *arena_cstr(Arena *a, Slice s);
Slice arena_printf(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define ARENA_NEW(a, type)      ((type *)arena_zero((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zero((a), (n) * sizeof(type)))

/* A growing byte buffer on the heap. */
typedef struct Buf {
    char *ptr;
    size_t len, cap;
} Buf;

void buf_init(Buf *b);
void buf_free(Buf *b);
void buf_clear(Buf *b); /* keeps the memory */
void buf_reserve(Buf *b, size_t more);
bool buf_try_reserve(Buf *b, size_t more, size_t len_max,
                     Err *e) MUST_CHECK; /* 54000 beyond len_max */
void buf_put(Buf *b, const void *ptr, size_t len);
void buf_puts(Buf *b, const char *s);
void buf_put_slice(Buf *b, Slice s);
void buf_printf(Buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_put_u8(Buf *b, uint8_t v);
void buf_put_u16(Buf *b, uint16_t v); /* these four little endian */
void buf_put_u32(Buf *b, uint32_t v);
void buf_put_u64(Buf *b, uint64_t v);
void buf_put_varint(Buf *b, uint64_t v); /* LEB128 */
void buf_put_zigzag(Buf *b, int64_t v);
void buf_put_str(Buf *b, Slice s);                /* varint length + bytes */
void buf_put_quoted(Buf *b, char quote, Slice s); /* between quotes, those inside it doubled */
void buf_put_json(Buf *b, Slice s); /* "quoted", escaped; invalid UTF-8 becomes U+FFFD */
/* The shortest text that reads back to the same bits: plain decimals for 1e-6 <= |v| < 1e21,
 * else "1.5e+21", "1e-07" (what Prometheus writes into JSON); "NaN", "+Inf", "-Inf". */
void buf_put_f64(Buf *b, double v);
static inline Slice buf_slice(const Buf *b)
{
    return (Slice){b->ptr, b->len};
}

/* Reading foreign bytes: every get is bounded; after the first failure all further gets
 * return 0 and `bad` stays set.  Check it once at the end. */
typedef struct Reader {
    const uint8_t *cur, *end;
    bool bad;
} Reader;

Reader reader_of(Slice s);
/* Little endian; one load where the size is a constant. */
static inline uint64_t reader_le(Reader *r, size_t size)
{
    uint64_t v = 0;
    if (r->bad || (size_t)(r->end - r->cur) < size) {
        r->bad = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)r->cur[i] << (8 * i);
    r->cur += size;
    return v;
}
static inline uint8_t reader_u8(Reader *r)
{
    return (uint8_t)reader_le(r, 1);
}
static inline uint16_t reader_u16(Reader *r)
{
    return (uint16_t)reader_le(r, 2);
}
static inline uint32_t reader_u32(Reader *r)
{
    return (uint32_t)reader_le(r, 4);
}
static inline uint64_t reader_u64(Reader *r)
{
    return reader_le(r, 8);
}
uint64_t reader_varint(Reader *r);
int64_t reader_zigzag(Reader *r);
Slice reader_bytes(Reader *r, size_t len);
Slice reader_str(Reader *r); /* varint length + bytes */
static inline size_t reader_left(const Reader *r)
{
    return (size_t)(r->end - r->cur);
}

static inline uint64_t zigzag_encode(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t zigzag_decode(uint64_t u)
{
    return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

#endif
