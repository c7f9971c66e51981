/* ingest/ing_line_fast.c - line protocol: lines that look like those before them.
 *
 * Two guesses, each one comparison of bytes.  The head (measurement and tags): after head a came head
 * b last time, so it does again; else the raw tags are hashed and looked up.  The fields: the k-th has
 * the key and the type that it had in a row of the table before; then its value goes straight into its slot.
 * Whatever does not fit leaves no trace and takes the whole grammar of ing_line.c: what is taken here
 * must mean the same there (tests/unit/test_ingest.c compares both with a plain parser).
 * Loads reach beyond a value, never beyond the body: lines in its last FAST_SLACK bytes are not taken. */
#include "ingest/ingest_private.h"

#include <emmintrin.h>

enum {
    FAST_SLACK = 128, /* a number and a time from any place before it end in the body */
    HEADS_MAX = 1 << 16,
    HEAD_SLOTS_MIN = 64,
    INT_DIGITS = 18, /* always fit */
    TIME_DIGITS = 19,
    DIGITS_MAX = 24, /* that a run reads */
    NO_HEAD = UINT32_MAX,
};

/* ---- heads ---- */

void ing_heads_free(IngHeads *hs)
{
    mem_free(hs->heads);
    mem_free(hs->slots);
}

void ing_heads_clear(IngHeads *hs)
{
    hs->count = 0;
    if (hs->slots)
        memset(hs->slots, 0, (hs->mask + 1) * sizeof *hs->slots);
}

static void heads_place(IngHeads *hs, uint32_t index)
{
    uint32_t i = (uint32_t)hs->heads[index].hash.lo & hs->mask;
    while (hs->slots[i])
        i = (i + 1) & hs->mask;
    hs->slots[i] = index + 1;
}

static void heads_grow(IngHeads *hs)
{
    if (hs->count >= HEADS_MAX) /* what is known is only a help */
        hs->count = 0;
    uint32_t slots = hs->slots && hs->count ? (hs->mask + 1) * 2 : HEAD_SLOTS_MIN;
    hs->cap = slots / 2;
    hs->heads = mem_realloc(hs->heads, hs->cap * sizeof *hs->heads);
    mem_free(hs->slots);
    hs->slots = mem_zero(slots * sizeof *hs->slots);
    hs->mask = slots - 1;
    for (uint32_t i = 0; i < hs->count; i++)
        heads_place(hs, i);
}

static uint32_t heads_find(const IngHeads *hs, const Hash128 *h)
{
    for (uint32_t i = (uint32_t)h->lo & hs->mask; hs->slots && hs->slots[i];
         i = (i + 1) & hs->mask) {
        const IngHead *head = &hs->heads[hs->slots[i] - 1];
        if (head->hash.lo == h->lo && head->hash.hi == h->hi)
            return hs->slots[i] - 1;
    }
    return NO_HEAD;
}

/* The head of this line is known: the one before points at it from now on. */
static IngHead *heads_follow(IngHeads *hs, uint32_t index)
{
    hs->heads[hs->last].next = index;
    hs->last = index;
    return &hs->heads[index];
}

void ing_head_add(IngJob *j, Slice text, const Hash128 *h, IngTable *t, SeriesId id)
{
    IngHeads *hs = &j->heads;
    if (text.len > UINT32_MAX || memchr(text.ptr, '\\', text.len))
        return;
    uint32_t index = heads_find(hs, h);
    if (index == NO_HEAD) {
        if (hs->count == hs->cap)
            heads_grow(hs);
        index = hs->count++;
        hs->heads[index] = (IngHead){.hash = *h, .table = t, .series = id};
        heads_place(hs, index);
        if (hs->last >= hs->count)
            hs->last = index;
    }
    hs->heads[index].text = text.ptr;
    hs->heads[index].len = (uint32_t)text.len;
    heads_follow(hs, index);
}

/* First blank; NULL if a byte comes before it that needs the whole grammar. */
static const char *head_end(const char *p, const char *limit)
{
    const __m128i blank = _mm_set1_epi8(' '), escape = _mm_set1_epi8('\\'),
                  line = _mm_set1_epi8('\n');
    for (; p < limit; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, blank), _mm_or_si128(_mm_cmpeq_epi8(x, escape),
                                                                          _mm_cmpeq_epi8(x, line)));
        int mask = _mm_movemask_epi8(hit);
        if (mask) {
            p += __builtin_ctz((unsigned)mask);
            return *p == ' ' ? p : NULL;
        }
    }
    return NULL;
}

static IngHead *head_look_up(IngJob *j, const char *begin, const char *limit)
{
    const char *end = head_end(begin, limit);
    if (!end)
        return NULL;
    const char *comma = memchr(begin, ',', (size_t)(end - begin));
    const char *tags = comma ? comma : end;
    IngTable *t = ing_known_table(j, slice_of(begin, (size_t)(tags - begin)));
    if (!t)
        return NULL;
    Hash128 h = idx_raw_hash(j->index, t->id, slice_of(tags, (size_t)(end - tags)));
    uint32_t index = heads_find(&j->heads, &h);
    if (index != NO_HEAD)
        return heads_follow(&j->heads, index);
    SeriesId id = 0;
    idx_find_raw(j->index, &h, &id, 1);
    if (!id)
        return NULL;
    ing_head_add(j, slice_of(begin, (size_t)(end - begin)), &h, t, id);
    return &j->heads.heads[j->heads.last];
}

static IngHead *head_of(IngJob *j, const char *begin, const char *limit)
{
    IngHeads *hs = &j->heads;
    if (hs->count) {
        uint32_t next = hs->heads[hs->last].next;
        IngHead *h = &hs->heads[next];
        if (next < hs->count && (size_t)(limit - begin) > h->len && begin[h->len] == ' ' &&
            memcmp(begin, h->text, h->len) == 0) {
            h->text = begin; /* the next look finds it in the cache */
            hs->last = next;
            return h;
        }
    }
    return head_look_up(j, begin, limit);
}

/* ---- numbers ---- */

static const uint64_t pow10_u64[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
static const double pow10_f64[INT_DIGITS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                 1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                 1e14, 1e15, 1e16, 1e17, 1e18};

/* Digits at p, up to 8; eight bytes at once as in "Parsing series of integers with SIMD" (Lemire, Mula). */
static inline unsigned digits8(const char *p, uint64_t *value)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    x ^= UINT64_C(0x3030303030303030);
    uint64_t other =
        ((x + UINT64_C(0x7676767676767676)) | x) & UINT64_C(0x8080808080808080); /* no digit */
    unsigned n = other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
    if (n == 0)
        return 0;
    if (n <= 4) { /* most are short: one step less */
        uint32_t y = (uint32_t)x << (32 - 8 * n);
        y = (y * 10 + (y >> 8)) & 0x00ff00ff;
        *value = (y * 100 + (y >> 16)) & 0xffff;
        return n;
    }
    x <<= 64 - 8 * n; /* the first digit moves up, zeros come before it */
    x = (x * 10 + (x >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x * 100 + (x >> 16)) & UINT64_C(0x0000ffff0000ffff);
    *value = (x * 10000 + (x >> 32)) & UINT64_C(0xffffffff);
    return n;
}

/* A run of digits; the value is right up to 19 of them. */
static inline unsigned digits(const char *p, uint64_t *value)
{
    uint64_t v = 0, more;
    unsigned n = digits8(p, &v);
    if (n == 8) {
        for (unsigned k = 8; k == 8 && n < DIGITS_MAX; n += k) {
            k = digits8(p + n, &more);
            if (k)
                v = v * pow10_u64[k] + more;
        }
    }
    *value = v;
    return n;
}

static inline bool ends_value(char c)
{
    return c == ',' || c == ' ' || c == '\n';
}

/* Each takes the value at p into its slot and returns its end; NULL: let the whole grammar look. */
static const char *take_int(const char *p, uint64_t *slot)
{
    uint64_t v;
    bool minus = *p == '-';
    unsigned n = digits(p += minus, &v);
    if (n == 0 || n > INT_DIGITS || p[n] != 'i')
        return NULL;
    *slot = minus ? 0 - v : v;
    return p + n + 1;
}

static const char *take_float(const char *p, uint64_t *slot)
{
    uint64_t v, part = 0;
    bool minus = *p == '-';
    unsigned n = digits(p += minus, &v), decimals = 0;
    if (n == 0 || n > INT_DIGITS)
        return NULL;
    p += n;
    if (*p == '.') {
        decimals = digits(++p, &part);
        if (decimals == 0 || n + decimals > INT_DIGITS)
            return NULL;
        p += decimals;
        for (unsigned left = decimals; left; left -= left > 8 ? 8 : left)
            v *= pow10_u64[left > 8 ? 8 : left];
        v += part;
    } else if (*p == 'i') {
        p++;
    }
    if (v >= UINT64_C(1) << 53)
        return NULL;
    double d = (double)v / pow10_f64[decimals]; /* both exact: rounded once */
    if (minus && v == 0 && p[-1] == 'i')        /* -0i is the integer 0 */
        return NULL;
    d = minus ? -d : d;
    memcpy(slot, &d, sizeof d);
    return p;
}

static const char *take_bool(const char *p, uint64_t *slot)
{
    size_t n = 0;
    bool b;
    while (n < 6 && !ends_value(p[n]))
        n++;
    if (!ing_bool(slice_of(p, n), &b))
        return NULL;
    *slot = b;
    return p + n;
}

/* ASCII without escapes and line ends. */
static const char *take_text(WriteBatch *wb, const char *p, const char *limit, uint64_t *slot)
{
    const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'),
                  line = _mm_set1_epi8('\n'), zero = _mm_setzero_si128();
    if (*p++ != '"')
        return NULL;
    const char *begin = p;
    for (; p < limit; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)),
                         _mm_or_si128(_mm_cmpeq_epi8(x, line), _mm_cmplt_epi8(x, zero)));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(x, zero));
        int mask = _mm_movemask_epi8(hit);
        if (mask) {
            p += __builtin_ctz((unsigned)mask);
            break;
        }
    }
    if (p >= limit || *p != '"' || p - begin > STRING_VALUE_MAX)
        return NULL;
    *slot = wb_shaped_str(wb, slice_of(begin, (size_t)(p - begin)));
    return p + 1;
}

/* ---- rows ---- */

static inline bool key_is(const IngField *f, const char *p)
{
    __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)f->text),
                               _mm_loadu_si128((const __m128i *)(const void *)p));
    __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)(f->text + 16)),
                               _mm_loadu_si128((const __m128i *)(const void *)(p + 16)));
    uint32_t same = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
    return (same & f->mask) == f->mask;
}

static inline const char *take_value(WriteBatch *wb, PhysType type, const char *p,
                                     const char *limit, uint64_t *slot)
{
    switch (type) {
    case PHYS_I64:
        return take_int(p, slot);
    case PHYS_F64:
        return take_float(p, slot);
    case PHYS_BOOL:
        return take_bool(p, slot);
    case PHYS_STR:
        return take_text(wb, p, limit, slot);
    case PHYS_NONE:
        break;
    }
    return NULL;
}

static const char *take_fields(IngJob *j, const IngLayout *l, const char *p, const char *limit,
                               uint64_t *slots)
{
    const IngField *f = l->fields, *end = f + wb_shape_columns(l->shape);
    for (;;) {
        if (p >= limit || !key_is(f, p))
            return NULL;
        p = take_value(j->batch, f->phys, p + f->key.len + 1, limit, slots++);
        if (!p || ++f == end)
            return p;
        if (*p++ != ',')
            return NULL;
    }
}

static const char *take_time(const IngJob *j, const char *p, int64_t *ns)
{
    uint64_t v;
    Err ignored;
    if (*p == '\n') {
        *ns = ing_now(j);
        return p;
    }
    if (*p++ != ' ')
        return NULL;
    bool minus = *p == '-';
    unsigned n = digits(p += minus, &v);
    if (n == 0 || n > TIME_DIGITS || v > INT64_MAX || p[n] != '\n' ||
        !ing_time(j, minus ? -(int64_t)v : (int64_t)v, ns, &ignored))
        return NULL;
    return p + n;
}

/* Fields and time as this layout has them; the end of the line, or NULL. */
static const char *take_row(IngJob *j, const IngLayout *l, SeriesId series, const char *p,
                            const char *limit)
{
    int64_t ns;
    uint64_t *slots = wb_shaped_row(j->batch, l->shape);
    if (!(p = take_fields(j, l, p, limit, slots)) || !(p = take_time(j, p, &ns))) {
        wb_shaped_cancel(j->batch);
        return NULL;
    }
    wb_shaped_end(j->batch, l->shape, series, ns);
    return p;
}

/* The last layout first, then the others in turn. */
static const char *take_any_row(IngJob *j, IngTable *t, SeriesId series, const char *p,
                                const char *limit)
{
    for (uint32_t i = 0, k = t->layout_last; i < t->layout_count; i++) {
        const char *end = take_row(j, &t->layouts[k], series, p, limit);
        if (end) {
            t->layout_last = k;
            return end;
        }
        k = k + 1 < t->layout_count ? k + 1 : 0;
    }
    return NULL;
}

bool ing_fast_line(IngJob *j)
{
    const char *begin = j->body.ptr + j->pos;
    if (j->body.len - j->pos <= FAST_SLACK || (unsigned char)*begin <= ' ' || *begin == '#')
        return false;
    const char *limit = j->body.ptr + j->body.len - FAST_SLACK;
    const IngHead *h = head_of(j, begin, limit);
    if (!h || h->table->labelled)
        return false;
    const char *end = take_any_row(j, h->table, h->series, begin + h->len + 1, limit);
    if (!end)
        return false;
    j->rows++;
    j->line++;
    j->pos = (size_t)(end - j->body.ptr) + 1;
    return true;
}

/* ---- learning ---- */

static bool key_is_plain(Slice key)
{
    return key.len < sizeof((IngField *)0)->text && !memchr(key.ptr, '\\', key.len) &&
           !memchr(key.ptr, ',', key.len) && !memchr(key.ptr, ' ', key.len) &&
           !memchr(key.ptr, '=', key.len);
}

/* Its values are stored as they are written: no conversion, no range of a smaller type. */
static bool field_learn(IngField *f)
{
    if (!ing_stored_plainly(f))
        return false;
    if (!f->plain) {
        if (!key_is_plain(f->key))
            return false;
        memset(f->text, 0, sizeof f->text);
        memcpy(f->text, f->key.ptr, f->key.len);
        f->text[f->key.len] = '=';
        f->mask = f->key.len + 1 < 32 ? (UINT32_C(1) << (f->key.len + 1)) - 1 : UINT32_MAX;
        f->plain = true;
    }
    return true;
}

void ing_fast_learn(IngJob *j, IngTable *t)
{
    const RowShape *shape = wb_last_shape(j->batch);
    uint32_t n = shape ? wb_shape_columns(shape) : 0;
    if (n == 0 || n > t->field_count || t->layout_count == ING_LAYOUTS_MAX)
        return;
    for (uint32_t i = 0; i < t->layout_count; i++)
        if (t->layouts[i].shape == shape)
            return;
    for (uint32_t i = 0; i < n; i++)
        if (!wb_shape_has(shape, i, t->fields[i].id, t->fields[i].phys) ||
            !field_learn(&t->fields[i]))
            return;
    IngLayout *l = &t->layouts[t->layout_count];
    l->shape = shape;
    l->fields = arena_alloc(&j->arena, n * sizeof *l->fields);
    memcpy(l->fields, t->fields, n * sizeof *l->fields);
    t->layout_last = t->layout_count++;
}
