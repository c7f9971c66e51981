/* storage/codec_int_read.c - reads integer blocks: as 64-bit numbers, or narrow, as 32-bit numbers
 * that one multiplication and one addition make the values of.  docs/format.md has the bytes. */
#include "storage/codec_private.h"

typedef struct IntHead {
    IntPlan plan;
    const uint8_t *body;
    size_t main_size;
    unsigned patch_at; /* the bit where the high bits of patches begin */
    Slice symbols;     /* of a dense block */
} IntHead;

static bool read_head(IntHead *h, size_t n, Slice src, Err *e)
{
    Reader r = reader_of(src);
    IntPlan *p = &h->plan;
    *p = (IntPlan){.gcd = 1};
    uint8_t flags = reader_u8(&r);
    p->width = reader_u8(&r);
    p->transform = flags & INT_TRANSFORM;
    p->zigzag = flags & INT_ZIGZAG;
    p->bitmap = flags & INT_BITMAP;
    p->dense = flags & INT_DENSE;
    h->patch_at = p->width + (p->dense ? DENSE_BITS : 0);
    p->first = reader_zigzag(&r);
    if (flags & INT_GCD)
        p->gcd = (int64_t)reader_varint(&r);
    p->base = reader_zigzag(&r);
    if (p->transform >= SK_DELTA2)
        p->step = reader_zigzag(&r);
    uint64_t patches = 0;
    if (flags & INT_PATCHES) {
        patches = reader_varint(&r);
        p->high = reader_u8(&r);
        if (patches == 0 || patches > n || p->high == 0)
            return codec_damaged(e, "integers: wrong number of patches");
    }
    if (r.bad || flags >= 128 || p->gcd <= 0 || h->patch_at > 64 || p->high + h->patch_at > 64 ||
        (p->bitmap && !patches))
        return codec_damaged(e, "integers: wrong header");
    p->patches = (uint32_t)patches;
    h->body = r.cur;
    h->main_size = n == CODEC_VALUES_MAX ? 128 * (size_t)p->width : bits_size(n, p->width);
    size_t size = h->main_size;
    if (patches)
        size += p->bitmap ? (n + 7) / 8 + p->high * ((patches + 7) / 8)
                          : bits_size(patches, position_bits(n)) + bits_size(patches, p->high);
    if (p->dense && size < reader_left(&r))
        h->symbols = slice_of((const char *)r.cur + size, reader_left(&r) - size);
    return size + h->symbols.len == reader_left(&r) || codec_damaged(e, "integers: wrong size");
}

static void read_main(uint64_t *u, const IntHead *h, size_t n)
{
    unsigned width = h->plan.width;
    if (n != CODEC_VALUES_MAX || width == 0) {
        bits_unpack(u, h->body, n, width);
        return;
    }
    uint32_t plane[CODEC_VALUES_MAX];
    unsigned low = width < 32 ? width : 32;
    codec_kernels()->unpack32(plane, h->body, low);
    for (size_t i = 0; i < n; i++)
        u[i] = plane[i];
    if (width > 32) {
        codec_kernels()->unpack32(plane, h->body + 128 * low, width - 32);
        for (size_t i = 0; i < n; i++)
            u[i] |= (uint64_t)plane[i] << 32;
    }
}

/* As many bits as patches, none behind n. */
static bool check_map(const uint8_t *map, size_t n, size_t count, Err *e)
{
    size_t set = 0;
    for (size_t at = 0; at < n; at += 64) {
        uint64_t word = load_u64(map + at / 8);
        if (n - at < 64)
            word &= low_bits((n - at + 7) / 8 * 8);
        if (n - at < 64 && word >> (n - at))
            return codec_damaged(e, "integers: patch bitmap");
        set += (size_t)__builtin_popcountll(word);
    }
    return set == count || codec_damaged(e, "integers: patch bitmap");
}

/* ---- 64-bit numbers ---- */
static bool patch_wide_map(uint64_t *u, const IntHead *h, size_t n, Err *e)
{
    const uint8_t *map = h->body + h->main_size, *planes = map + (n + 7) / 8;
    size_t count = h->plan.patches, stride = (count + 7) / 8, i = 0;
    if (!check_map(map, n, count, e))
        return false;
    for (size_t at = 0; at < n; at++) {
        if (!(map[at / 8] >> at % 8 & 1))
            continue;
        uint64_t high = 0;
        for (unsigned j = 0; j < h->plan.high; j++)
            high |= (uint64_t)(planes[j * stride + i / 8] >> i % 8 & 1) << j;
        u[at] |= high << h->patch_at;
        i++;
    }
    return true;
}

static bool patch_wide(uint64_t *u, const IntHead *h, size_t n, Err *e)
{
    uint64_t pos[CODEC_VALUES_MAX], high[CODEC_VALUES_MAX];
    const uint8_t *p = h->body + h->main_size;
    size_t count = h->plan.patches;
    if (h->plan.bitmap)
        return patch_wide_map(u, h, n, e);
    bits_unpack(pos, p, count, position_bits(n));
    p += bits_size(count, position_bits(n));
    bits_unpack(high, p, count, h->plan.high);
    uint64_t over = 0;
    for (size_t i = 0; i < count; i++) {
        over |= pos[i] >= n;
        u[pos[i]] |= high[i] << h->patch_at; /* a position has ten bits: in bounds */
    }
    return !over || codec_damaged(e, "integers: patch position");
}

/* x += (r + base) * gcd, natural order; the chain is one addition a value. */
static void sum_deltas(int64_t *out, const uint64_t *u, size_t n, const IntPlan *p)
{
    uint64_t gcd = (uint64_t)p->gcd, base = (uint64_t)p->base * gcd, acc = (uint64_t)p->first;
    out[0] = p->first;
    if (p->zigzag) {
        for (size_t i = 1; i < n; i++)
            out[i] = (int64_t)(acc += (uint64_t)zigzag_decode(u[i]) * gcd + base);
    } else {
        for (size_t i = 1; i < n; i++)
            out[i] = (int64_t)(acc += u[i] * gcd + base);
    }
}

static void sum_deltas2(int64_t *out, const uint64_t *u, size_t n, const IntPlan *p)
{
    uint64_t gcd = (uint64_t)p->gcd, delta = (uint64_t)p->step * gcd, acc = (uint64_t)p->first;
    out[0] = p->first;
    if (n > 1)
        out[1] = (int64_t)(acc += delta);
    for (size_t i = 2; i < n; i++) {
        uint64_t r = p->zigzag ? (uint64_t)zigzag_decode(u[i]) : u[i];
        delta += (r + (uint64_t)p->base) * gcd;
        out[i] = (int64_t)(acc += delta);
    }
}

static void integrate(int64_t *out, uint64_t *u, size_t n, const IntPlan *p)
{
    uint64_t gcd = (uint64_t)p->gcd, add = (uint64_t)p->first + (uint64_t)p->base * gcd;
    if (p->transform == SK_DELTA) {
        sum_deltas(out, u, n, p);
    } else if (p->transform == SK_DELTA2) {
        sum_deltas2(out, u, n, p);
    } else {
        if (p->zigzag)
            for (size_t i = 0; i < n; i++)
                u[i] = (uint64_t)zigzag_decode(u[i]);
        if (p->transform == SK_LINEAR)
            for (size_t i = 0; i < n; i++)
                u[i] += i * (uint64_t)p->step;
        codec_kernels()->affine(out, u, n, add, gcd);
    }
}

/* Running sums of 32-bit residuals, 64 bits wide: n = 1,024. */
static void sum_block(int64_t *out, const uint32_t *u, const IntPlan *p)
{
    KernelPrefix how = {(uint64_t)p->first, (uint64_t)p->base, (uint64_t)p->gcd, p->zigzag};
    codec_kernels()->prefix32(out, u, CODEC_VALUES_MAX, &how);
}

/* ---- 32-bit numbers ---- */
static void read_narrow_main(uint32_t *u, const IntHead *h, size_t n, size_t upto)
{
    unsigned width = h->plan.width;
    if (width == 0)
        memset(u, 0, (upto + 7) / 8 * 8 * sizeof *u);
    else if (n == CODEC_VALUES_MAX)
        codec_kernels()->unpack32(u, h->body, width);
    else
        codec_kernels()->unpack_bits(u, h->body, upto, width);
}

/* Puts the high bits of the patched residuals in their places. */
static bool patch_narrow(uint32_t *u, const IntHead *h, size_t n, size_t upto, Err *e)
{
    const IntPlan *p = &h->plan;
    const uint8_t *at = h->body + h->main_size;
    const unsigned pos_width = position_bits(n), high_width = p->high;
    if (p->bitmap) {
        if (!check_map(at, n, p->patches, e))
            return false;
        codec_narrow()->patch_planes(u, at, upto, at + (n + 7) / 8, p->patches, high_width,
                                     h->patch_at);
        return true;
    }
    const uint8_t *high = at + bits_size(p->patches, pos_width);
    uint64_t worst = 0;
    for (size_t i = 0, bit = 0, high_bit = 0; i < p->patches;
         i++, bit += pos_width, high_bit += high_width) {
        uint64_t pos = load_u64(at + bit / 8) >> bit % 8 & low_bits(pos_width);
        uint64_t top = load_u64(high + high_bit / 8) >> high_bit % 8 & low_bits(high_width);
        worst = pos > worst ? pos : worst;
        if (pos < upto)
            u[pos] |= (uint32_t)top << h->patch_at;
    }
    return worst < n || codec_damaged(e, "integers: patch position");
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

/* Can no x of such a block leave 31 bits, and no value 63? */
static bool fits_narrow(const IntPlan *p, size_t n)
{
    const int64_t limit = INT32_MAX;
    unsigned bits = p->width + p->high + (p->dense ? DENSE_BITS : 0);
    if (bits > 31 || p->base > limit || p->base < -limit || p->step > limit || p->step < -limit)
        return false;
    uint64_t top = low_bits(bits), base = magnitude(p->base), step = magnitude(p->step), x;
    uint64_t reach = p->zigzag ? base + top / 2 + 1 : base + top;
    switch (p->transform) {
    case SK_RAW:
        x = reach;
        break;
    case SK_DELTA:
        x = reach * n;
        break;
    case SK_DELTA2:
        x = (step + reach * n) * n;
        break;
    default:
        x = reach + step * n;
    }
    __int128 most = (__int128)x * p->gcd;
    return x <= INT32_MAX && p->first + most <= INT64_MAX && p->first - most >= INT64_MIN;
}

static void integrate_narrow(int32_t *x, size_t n, const IntPlan *p)
{
    const NarrowKernels *k = codec_narrow();
    const uint32_t *u = (const uint32_t *)x;
    int32_t base = (int32_t)p->base, step = (int32_t)p->step;
    size_t padded = (n + 7) / 8 * 8;
    if (p->transform == SK_DELTA) {
        k->sum(x, u, padded, base, p->zigzag);
        return;
    }
    k->residues(x, u, n, base, p->zigzag);
    if (p->transform == SK_LINEAR)
        k->line(x, n, step);
    if (p->transform == SK_DELTA2) {
        if (n > 1)
            x[1] = step;
        k->sum(x, u, padded, 0, 0);
        k->sum(x, u, padded, 0, 0);
    }
}

/* ---- both ---- */
static bool read_wide(int64_t *dst, const IntHead *h, size_t n, Err *e)
{
    uint64_t u[CODEC_VALUES_MAX];
    if (n == CODEC_VALUES_MAX && h->plan.transform == SK_DELTA && !h->plan.dense &&
        h->plan.width + h->plan.high <= 32) {
        uint32_t *low = (uint32_t *)u;
        read_narrow_main(low, h, n, n);
        if (h->plan.patches && !patch_narrow(low, h, n, n, e))
            return false;
        sum_block(dst, low, &h->plan);
        return true;
    }
    read_main(u, h, n);
    if (h->plan.dense) {
        uint8_t sym[CODEC_VALUES_MAX];
        if (!dense_read(sym, n, h->symbols, e))
            return false;
        for (size_t i = 0; i < n; i++)
            u[i] |= (uint64_t)sym[i] << h->plan.width;
    }
    if (h->plan.patches && !patch_wide(u, h, n, e))
        return false;
    integrate(dst, u, n, &h->plan);
    return true;
}

static bool read_narrow(int32_t *x, const IntHead *h, size_t n, size_t upto, Err *e)
{
    uint32_t *u = (uint32_t *)x;
    read_narrow_main(u, h, n, h->plan.dense ? n : upto);
    if (h->plan.dense) {
        uint8_t sym[CODEC_VALUES_MAX];
        if (!dense_read(sym, n, h->symbols, e))
            return false;
        for (size_t i = 0; i < n; i++)
            u[i] |= (uint32_t)sym[i] << h->plan.width;
    }
    if (h->plan.patches && !patch_narrow(u, h, n, upto, e))
        return false;
    integrate_narrow(x, upto, &h->plan);
    return true;
}

static bool open_block(IntHead *h, size_t n, Slice src, Err *e)
{
    *h = (IntHead){0};
    if (n == 0 || n > CODEC_VALUES_MAX)
        return codec_damaged(e, "integers: wrong count");
    return read_head(h, n, src, e);
}

bool int_view(IntView *out, size_t n, size_t upto, Slice src, Err *e)
{
    IntHead h;
    if (!open_block(&h, n, src, e))
        return false;
    out->narrow = fits_narrow(&h.plan, n);
    out->first = h.plan.first;
    out->gcd = h.plan.gcd;
    return out->narrow ? read_narrow(out->u.x, &h, n, upto, e) : read_wide(out->u.v, &h, n, e);
}

/* With x the number before a piece, the sum of its n numbers is n x + the sum of (n - k) r(k). */
bool int_sums(__int128 *sums, size_t n, Slice src, const RowCuts *cuts, bool *done, Err *e)
{
    IntHead h;
    _Alignas(64) uint32_t u[CODEC_VALUES_MAX];
    if (!open_block(&h, n, src, e))
        return false;
    const IntPlan *p = &h.plan;
    *done = p->transform == SK_DELTA && !p->dense && p->width + p->high <= KERNEL_RAMP_BITS &&
            fits_narrow(p, n);
    if (!*done)
        return true;
    read_narrow_main(u, &h, n, n);
    if (p->patches && !patch_narrow(u, &h, n, n, e))
        return false;
    int64_t x = -((p->zigzag ? zigzag_decode(u[0]) : (int64_t)u[0]) + p->base);
    size_t begin = 0;
    for (size_t i = 0; i <= cuts->count; i++) {
        size_t end = i < cuts->count ? cuts->row[i] : n;
        must(begin <= end && end <= n);
        KernelRamp k;
        int64_t rows = (int64_t)(end - begin);
        codec_narrow()->ramp(&k, u + begin, end - begin, p->zigzag);
        int64_t sum = rows * x + k.ramp + p->base * (rows * (rows + 1) / 2);
        x += k.sum + p->base * rows;
        sums[i] = (__int128)p->first * rows + (__int128)p->gcd * sum;
        begin = end;
    }
    return true;
}

bool int_read(int64_t *dst, size_t n, Slice src, Err *e)
{
    IntHead h;
    if (!open_block(&h, n, src, e))
        return false;
    if (!fits_narrow(&h.plan, n))
        return read_wide(dst, &h, n, e);
    _Alignas(64) int32_t x[CODEC_VALUES_MAX];
    if (!read_narrow(x, &h, n, n, e))
        return false;
    codec_narrow()->widen(dst, x, n, h.plan.first, h.plan.gcd);
    return true;
}
