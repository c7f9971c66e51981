#include "exec/spill.h"
#include "exec/agg_private.h"

#include <stdio.h>
#include <unistd.h>

/* Block: u32 bytes that follow, u32 rows, then each column: u8 has NULLs, [bitmap], values.  Values of fixed
 * size as in memory, strings with their length (NULL: 0), others as aggregates save them. */
enum { KEEP_BUFFER_MAX = 256 << 10 };

struct SpillFile {
    SpillSpace *space;
    int fd;
    int64_t end;
    Buf buf;
};

bool spill_open(SpillFile **out, SpillSpace *space, Err *e)
{
    static _Atomic uint64_t counter;
    char path[512];
    int len = snprintf(path, sizeof path, "%s/%ld-%llu.tmp", space->dir, (long)getpid(),
                       (unsigned long long)atomic_fetch_add(&counter, 1));
    if (len < 0 || (size_t)len >= sizeof path)
        return err_set(e, ERR_IO, "path of the spill directory is too long");
    SpillFile *f = MEM_NEW(SpillFile);
    const Io *io = space->io;
    f->space = space;
    f->fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE | IO_EXCL, e);
    if (f->fd < 0) {
        mem_free(f);
        return err_wrap(e, "temporary file");
    }
    Err ignored; /* a file that keeps its name is removed by the next start */
    (void)!io->unlink(io, path, &ignored);
    buf_init(&f->buf);
    *out = f;
    return true;
}

void spill_close(SpillFile *f)
{
    if (!f)
        return;
    f->space->io->close(f->space->io, f->fd);
    atomic_fetch_sub(&f->space->used, f->end);
    buf_free(&f->buf);
    mem_free(f);
}

int64_t spill_end(const SpillFile *f)
{
    return f->end;
}

static bool fixed(Phys p)
{
    return p == PH_BOOL || p == PH_I64 || p == PH_F64 || p == PH_INTERVAL;
}

static void put_column(Buf *b, const Vector *v, size_t rows)
{
    must(v->kind == VEC_FLAT);
    buf_put_u8(b, v->valid != NULL);
    if (v->valid)
        buf_put(b, v->valid, BITMAP_WORDS(rows) * 8);
    if (fixed(v->phys)) {
        buf_put(b, v->v.any, rows * phys_size(v->phys));
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        Value value = vec_get(v, i);
        if (v->phys == PH_STR)
            buf_put_str(b, value.null ? SLICE_NONE : value.u.str);
        else
            value_save(&value, b);
    }
}

static bool take_space(SpillSpace *s, int64_t bytes, Err *e)
{
    int64_t used = atomic_fetch_add(&s->used, bytes) + bytes;
    if (s->limit <= 0 || used <= s->limit)
        return true;
    atomic_fetch_sub(&s->used, bytes);
    err_set(e, ERR_LIMIT_EXCEEDED, "temporary files would exceed limits.spill_max (%lld bytes)",
            (long long)s->limit);
    return err_hint(e, "Give the query more memory (skulk.query_memory), or raise the limit.");
}

bool spill_put(SpillFile *f, const Batch *b, Err *e)
{
    buf_clear(&f->buf);
    buf_put_u32(&f->buf, 0);
    buf_put_u32(&f->buf, (uint32_t)b->rows);
    for (size_t c = 0; c < b->col_count; c++)
        put_column(&f->buf, &b->cols[c], b->rows);
    uint32_t size = (uint32_t)(f->buf.len - sizeof size);
    memcpy(f->buf.ptr, &size, sizeof size);
    const Io *io = f->space->io;
    if (!take_space(f->space, (int64_t)f->buf.len, e))
        return false;
    if (!io->pwrite_all(io, f->fd, f->buf.ptr, f->buf.len, f->end, e)) {
        atomic_fetch_sub(&f->space->used, (int64_t)f->buf.len);
        return err_wrap(e, "temporary file");
    }
    f->end += (int64_t)f->buf.len;
    if (f->buf.cap > KEEP_BUFFER_MAX)
        buf_free(&f->buf);
    return true;
}

static bool get_column(Reader *r, Vector *v, size_t rows, Arena *a)
{
    bool nulls = reader_u8(r) != 0;
    if (nulls) {
        Slice bits = reader_bytes(r, BITMAP_WORDS(rows) * 8);
        v->valid = arena_alloc(a, bits.len + 1);
        if (bits.len)
            memcpy(v->valid, bits.ptr, bits.len);
    }
    if (fixed(v->phys)) {
        Slice data = reader_bytes(r, rows * phys_size(v->phys));
        if (data.len)
            memcpy(v->v.any, data.ptr, data.len);
        return !r->bad;
    }
    for (size_t i = 0; v->phys == PH_STR && i < rows; i++)
        v->v.str[i] = reader_str(r); /* stays in the block */
    for (size_t i = 0; v->phys != PH_STR && i < rows; i++) {
        Value value;
        if (!value_load(&value, r, a))
            return false;
        if (!value.null)
            value.phys = v->phys;
        vec_set(v, i, &value, rows, a);
    }
    return !r->bad;
}

static bool read_all(const SpillFile *f, int64_t offset, char *dst, size_t len, Err *e)
{
    const Io *io = f->space->io;
    while (len > 0) {
        int64_t n = io->pread(io, f->fd, dst, len, offset, e);
        if (n < 0)
            return err_wrap(e, "temporary file");
        if (n == 0)
            return err_set(e, ERR_IO, "temporary file ends early");
        dst += n;
        offset += n;
        len -= (size_t)n;
    }
    return true;
}

bool spill_get(SpillFile *f, int64_t *offset, const TypeId *types, size_t n, Batch *out, Arena *a,
               Err *e)
{
    uint32_t size;
    if (!read_all(f, *offset, (char *)&size, sizeof size, e))
        return false;
    char *bytes = arena_alloc(a, size + 1); /* strings may stay in here */
    if (!read_all(f, *offset + (int64_t)sizeof size, bytes, size, e))
        return false;
    Reader r = reader_of(slice_of(bytes, size));
    *out = (Batch){.rows = reader_u32(&r), .col_count = n, .cols = ARENA_ARRAY(a, Vector, n + 1)};
    if (r.bad || out->rows > BATCH_ROWS)
        return err_set(e, ERR_IO, "temporary file is damaged");
    for (size_t c = 0; c < n; c++) {
        vec_init_flat(&out->cols[c], types[c], out->rows, a);
        if (!get_column(&r, &out->cols[c], out->rows, a))
            return err_set(e, ERR_IO, "temporary file is damaged");
    }
    *offset += (int64_t)sizeof size + size;
    return true;
}
