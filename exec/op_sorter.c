/* Sorting rows: references with an order-preserving 64-bit prefix of the first key are sorted in runs, the
 * runs are merged while rows are handed out; so no single step is long.
 * With a small limit only about twice that many rows are kept, and rows behind the last of them are not even
 * copied.  When memory is short, all rows so far are merged into one run in a temporary file; such runs take
 * part in the last merge a block at a time.  Too many runs of one level are merged into one of the next, in
 * another file. */
#include "exec/op_private.h"

#include <math.h>
#include <stdlib.h>

enum {
    RUN_ROWS = 16384,
    TOP_SLACK = 4096,
    SPILL_BLOCKS = 16,
    BLOCK_BYTES_MIN = 4 << 10,
    BLOCK_BYTES_MAX = 256 << 10,
    FILE_LEVELS = 8, /* level 0: what was in memory */
    FAN_MIN = 4,
    FAN_MAX = 128
};

typedef struct SortRef {
    uint64_t prefix;
    uint32_t row;
    uint32_t rank; /* 0: NULL in front, 1: a value, 2: NULL behind */
} SortRef;

typedef struct SortKeyDef {
    uint32_t col; /* of the store */
    Phys phys;
    bool desc, nulls_first;
    bool plain; /* compared by its physical form */
    bool exact; /* equal prefixes: equal values */
    const TypeDef *def;
} SortKeyDef;

/* A run that is being merged, at its current row. */
typedef struct SortRun {
    SortRef ref;
    const Batch *batch; /* the row's, */
    size_t row;
    size_t order;               /* among equals, earlier runs first */
    size_t pos, end;            /* in memory: of refs */
    SpillFile *file;            /* or in the file: */
    int64_t offset, offset_end; /* of the next block; pos counts rows of the block */
    Batch *block;
    Arena arenas[2]; /* this block and the one before, whose rows may just have been handed out */
    int arena;
} SortRun;

typedef struct FileRun {
    int64_t begin, end;
} FileRun;

typedef struct FileLevel {
    SpillFile *file;
    FileRun *runs;
    size_t count, blocks;
} FileLevel;

struct Sorter {
    Query *query;
    Budget *budget;
    RowStore rows; /* payload, then keys that are not among it */
    size_t payload;
    SortKeyDef *keys;
    size_t key_count;
    int64_t limit, given;
    size_t share;
    SortRef *refs;
    size_t ref_count, ref_cap;
    size_t *run_ends, run_count, sorted; /* sorted runs of refs; sorted: the last end */
    SortRun **heap;
    size_t heap_count, retired; /* retired: ended runs behind the heap, until the next batch */
    bool bounded;               /* rows behind `bound` need not be kept */
    SortRef bound;
    bool merging;
    FileLevel levels[FILE_LEVELS];
    size_t block_rows; /* in files; also of a batch that is merged from them: see SortRun.arenas */
    size_t row_bytes;  /* of the widest rows */
    int writing;       /* level that is being written from the one below it; -1: none */
    uint64_t spilled;
};

static void key_init(Sorter *s, const SorterSpec *spec, size_t k, TypeId *types, size_t *col_count)
{
    SortKeyDef *key = &s->keys[k];
    TypeId type = spec->key_types[k];
    if (spec->key_cols && spec->key_cols[k] != ROW_NONE) {
        key->col = spec->key_cols[k];
    } else {
        key->col = (uint32_t)*col_count;
        types[(*col_count)++] = type;
    }
    key->phys = type_phys(type);
    key->def = type_find(type);
    key->desc = spec->desc[k];
    key->nulls_first = spec->nulls_first[k];
    bool str = key->phys == PH_STR && type != T_BPCHAR && type != T_JSONB;
    key->exact = key->phys == PH_I64 || key->phys == PH_F64 || key->phys == PH_BOOL;
    key->plain = key->exact || str;
}

Sorter *sorter_new(const SorterSpec *spec)
{
    Sorter *s = MEM_NEW(Sorter);
    s->query = spec->query;
    s->budget = &spec->query->budget;
    s->writing = -1;
    s->payload = spec->col_count;
    s->limit = spec->limit;
    s->share = spec->share ? spec->share : 1;
    s->key_count = spec->key_count;
    s->block_rows = BATCH_ROWS;
    s->keys = mem_zero((spec->key_count + 1) * sizeof *s->keys);
    TypeId *types = mem_zero((spec->col_count + spec->key_count + 1) * sizeof *types);
    memcpy(types, spec->types, spec->col_count * sizeof *types);
    size_t cols = spec->col_count;
    for (size_t k = 0; k < spec->key_count; k++)
        key_init(s, spec, k, types, &cols);
    store_init(&s->rows, types, cols, s->budget);
    mem_free(types);
    return s;
}

static void run_free(SortRun *r)
{
    arena_free(&r->arenas[0]);
    arena_free(&r->arenas[1]);
    mem_free(r);
}

static void heap_clear(Sorter *s)
{
    for (size_t i = 0; i < s->heap_count + s->retired; i++)
        run_free(s->heap[i]);
    mem_free(s->heap);
    s->heap = NULL;
    s->heap_count = s->retired = 0;
    s->merging = false;
}

static void level_clear(FileLevel *l)
{
    spill_close(l->file);
    mem_free(l->runs);
    *l = (FileLevel){0};
}

void sorter_free(Sorter *s)
{
    if (!s)
        return;
    heap_clear(s);
    for (int i = 0; i < FILE_LEVELS; i++)
        level_clear(&s->levels[i]);
    mem_free(s->run_ends);
    budget_charge(s->budget, -(int64_t)(s->ref_cap * sizeof *s->refs));
    store_free(&s->rows);
    mem_free(s->keys);
    mem_free(s->refs);
    mem_free(s);
}

/* ---- order ---- */

static uint64_t prefix_of(const SortKeyDef *key, const Vector *v, size_t slot)
{
    uint64_t p = 0;
    switch (key->phys) {
    case PH_BOOL:
        p = v->v.b[slot] != 0;
        break;
    case PH_I64:
        p = (uint64_t)v->v.i64[slot] ^ UINT64_C(1) << 63;
        break;
    case PH_F64: {
        double d = v->v.f64[slot];
        if (isnan(d)) { /* above all, as in PostgreSQL */
            p = UINT64_MAX;
            break;
        }
        d = d == 0 ? 0 : d;
        memcpy(&p, &d, sizeof p);
        p = p >> 63 ? ~p : p | UINT64_C(1) << 63;
        break;
    }
    case PH_STR:
        if (key->plain) {
            Slice str = v->v.str[slot];
            for (size_t i = 0; i < 8; i++)
                p = p << 8 | (i < str.len ? (uint8_t)str.ptr[i] : 0);
        }
        break;
    default:
        break;
    }
    return key->desc ? ~p : p;
}

static void set_prefix(const SortKeyDef *key, const Vector *v, size_t row, SortRef *r)
{
    bool null = vec_is_null(v, row);
    r->rank = !null ? 1 : key->nulls_first ? 0 : 2;
    r->prefix = null ? 0 : prefix_of(key, v, vec_slot(v, row));
}

static void make_refs(const Sorter *s, const Vector *first, const uint16_t *sel, size_t n,
                      SortRef *refs)
{
    const SortKeyDef *key = s->keys;
    for (size_t i = 0; i < n; i++) {
        refs[i] = (SortRef){0, 0, 1};
        if (first)
            set_prefix(key, first, sel ? sel[i] : i, &refs[i]);
    }
}

static int compare_plain(const SortKeyDef *key, const Vector *a, size_t ra, const Vector *b,
                         size_t rb)
{
    if (key->phys == PH_STR)
        return slice_cmp(a->v.str[ra], b->v.str[rb]);
    uint64_t pa = prefix_of(key, a, ra), pb = prefix_of(key, b, rb);
    int c = (pa > pb) - (pa < pb);
    return key->desc ? -c : c; /* the caller turns it round again */
}

static int compare_key(const SortKeyDef *key, const Batch *batch_a, size_t ra, const Batch *batch_b,
                       size_t rb)
{
    const Vector *a = &batch_a->cols[key->col], *b = &batch_b->cols[key->col];
    bool null_a = vec_is_null(a, ra), null_b = vec_is_null(b, rb);
    if (null_a || null_b)
        return null_a == null_b ? 0 : null_a == key->nulls_first ? -1 : 1;
    int c;
    if (key->plain) {
        c = compare_plain(key, a, ra, b, rb);
    } else {
        Value va = vec_get(a, ra), vb = vec_get(b, rb);
        c = key->def && key->def->cmp ? key->def->cmp(&va, &vb) : 0;
    }
    return key->desc ? -c : c;
}

/* By key k and those behind it. */
static int compare_from(const Sorter *s, size_t k, const Batch *a, size_t ra, const Batch *b,
                        size_t rb)
{
    for (; k < s->key_count; k++) {
        int c = compare_key(&s->keys[k], a, ra, b, rb);
        if (c)
            return c;
    }
    return 0;
}

/* Rows whose prefixes are equal. */
static int compare_rest(const Sorter *s, const Batch *a, size_t ra, const Batch *b, size_t rb)
{
    return compare_from(s, s->key_count && s->keys[0].exact, a, ra, b, rb);
}

static int compare_prefix(const SortRef *a, const SortRef *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->prefix > b->prefix) - (a->prefix < b->prefix);
}

static const Batch *batch_of(const Sorter *s, const SortRef *r)
{
    return s->rows.batches[r->row / BATCH_ROWS];
}

/* ---- sorting references ---- */

enum { FEW_REFS = 24 };

static void sort_few(SortRef *refs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        SortRef r = refs[i];
        size_t at = i;
        for (; at > 0 && compare_prefix(&refs[at - 1], &r) > 0; at--)
            refs[at] = refs[at - 1];
        refs[at] = r;
    }
}

/* One stable pass of a radix sort, by the byte of the prefix, or by the rank. */
static void radix_pass(SortRef *to, const SortRef *from, size_t n, unsigned shift)
{
    uint32_t at[256] = {0}, sum = 0;
    bool by_rank = shift >= 64;
    for (size_t i = 0; i < n; i++)
        at[by_rank ? from[i].rank : from[i].prefix >> shift & 0xff]++;
    for (size_t d = 0; d < 256; d++) {
        uint32_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[by_rank ? from[i].rank : from[i].prefix >> shift & 0xff]++] = from[i];
}

/* By rank and prefix, stable; tmp has room for n.  Only bytes that differ somewhere take a pass. */
static void sort_prefixes(SortRef *refs, SortRef *tmp, size_t n)
{
    uint64_t differ = 0;
    uint32_t ranks = 0;
    bool sorted = true;
    for (size_t i = 1; i < n; i++) {
        differ |= refs[i].prefix ^ refs[0].prefix;
        ranks |= refs[i].rank ^ refs[0].rank;
        sorted &= compare_prefix(&refs[i - 1], &refs[i]) <= 0;
    }
    if (sorted)
        return;
    if (n <= FEW_REFS) {
        sort_few(refs, n);
        return;
    }
    SortRef *from = refs, *to = tmp;
    for (unsigned shift = 0; shift <= 64; shift += 8) {
        if (shift < 64 ? !(differ >> shift & 0xff) : !ranks)
            continue;
        radix_pass(to, from, n, shift);
        SortRef *last = to;
        to = from;
        from = last;
    }
    if (from != refs)
        memcpy(refs, from, n * sizeof *refs);
}

typedef struct RefOrder {
    const Sorter *sorter;
    size_t key; /* by this one and those behind it */
} RefOrder;

static int compare_refs(const void *pa, const void *pb, void *arg)
{
    const RefOrder *o = arg;
    const Sorter *s = o->sorter;
    const SortRef *a = pa, *b = pb;
    int c = compare_from(s, o->key, batch_of(s, a), a->row % BATCH_ROWS, batch_of(s, b),
                         b->row % BATCH_ROWS);
    return c ? c : (a->row > b->row) - (a->row < b->row); /* stable */
}

static void sort_by_key(const Sorter *s, size_t k, SortRef *refs, SortRef *tmp, size_t n);

/* refs are in the order of the prefixes of key k: settles those that are equal. */
static void sort_equals(const Sorter *s, size_t k, SortRef *refs, SortRef *tmp, size_t n)
{
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && compare_prefix(&refs[begin], &refs[end]) == 0;)
            end++;
        if (end - begin == 1)
            continue;
        if (s->keys[k].exact || refs[begin].rank != 1) {
            sort_by_key(s, k + 1, refs + begin, tmp, end - begin);
        } else {
            RefOrder order = {s, k};
            qsort_r(refs + begin, end - begin, sizeof *refs, compare_refs, &order);
        }
    }
}

/* Rows that are equal up to key k, by it and the others; their prefixes are those of the first key
 * again at the end. */
static void sort_by_key(const Sorter *s, size_t k, SortRef *refs, SortRef *tmp, size_t n)
{
    if (k >= s->key_count)
        return;
    SortRef common = refs[0];
    const SortKeyDef *key = &s->keys[k];
    for (size_t i = 0; k > 0 && i < n; i++)
        set_prefix(key, &batch_of(s, &refs[i])->cols[key->col], refs[i].row % BATCH_ROWS, &refs[i]);
    sort_prefixes(refs, tmp, n);
    sort_equals(s, k, refs, tmp, n);
    for (size_t i = 0; k > 0 && i < n; i++) {
        refs[i].prefix = common.prefix;
        refs[i].rank = common.rank;
    }
}

static void sort_refs(const Sorter *s, SortRef *refs, size_t n)
{
    SortRef *tmp = mem_alloc(n * sizeof *tmp);
    sort_by_key(s, 0, refs, tmp, n);
    mem_free(tmp);
}

/* ---- adding ---- */

/* Twice as many, but no step that takes much of what is left for all sorters of the query. */
static size_t refs_more(const Sorter *s)
{
    size_t step = s->budget->limit > 0
                      ? (size_t)s->budget->limit / 64 / s->share / sizeof *s->refs + BATCH_ROWS
                      : SIZE_MAX;
    return s->ref_cap < step ? s->ref_cap : step;
}

static void push_refs(Sorter *s, const SortRef *refs, size_t n)
{
    if (s->ref_count + n > s->ref_cap) {
        size_t need = s->ref_count + n, cap = s->ref_cap + refs_more(s);
        cap = cap > need ? cap : need + 64;
        budget_charge(s->budget, (int64_t)((cap - s->ref_cap) * sizeof *refs));
        s->refs = mem_realloc(s->refs, cap * sizeof *refs);
        s->ref_cap = cap;
    }
    memcpy(s->refs + s->ref_count, refs, n * sizeof *refs);
    s->ref_count += n;
}

static void add_run(Sorter *s, size_t end)
{
    s->run_ends = mem_realloc(s->run_ends, (s->run_count + 1) * sizeof *s->run_ends);
    s->run_ends[s->run_count++] = s->sorted = end;
}

/* Keeps the best `limit` rows, in order. */
static void cut_to_limit(Sorter *s)
{
    sort_refs(s, s->refs, s->ref_count);
    s->ref_count = (size_t)s->limit;
    RowStore kept;
    store_init(&kept, s->rows.types, s->rows.col_count, s->budget);
    Arena scratch;
    arena_init(&scratch, s->budget);
    for (size_t begin = 0; begin < s->ref_count; begin += BATCH_ROWS) {
        uint32_t ids[BATCH_ROWS];
        size_t n = s->ref_count - begin < BATCH_ROWS ? s->ref_count - begin : BATCH_ROWS;
        arena_reset(&scratch);
        Vector *cols = ARENA_ARRAY(&scratch, Vector, s->rows.col_count + 1);
        for (size_t i = 0; i < n; i++)
            ids[i] = s->refs[begin + i].row;
        for (size_t c = 0; c < s->rows.col_count; c++)
            store_gather(&s->rows, c, ids, n, &cols[c], &scratch);
        store_add(&kept, cols, NULL, n);
        for (size_t i = 0; i < n; i++)
            s->refs[begin + i].row = (uint32_t)(begin + i);
    }
    arena_free(&scratch);
    store_free(&s->rows);
    s->rows = kept;
    s->run_count = 0;
    add_run(s, s->ref_count);
    s->bounded = true;
    s->bound = s->refs[s->ref_count - 1];
}

/* Leaves out the rows that are surely behind the last wanted one. */
static const uint16_t *before_bound(const Sorter *s, SortRef *refs, const uint16_t *sel, size_t *n,
                                    uint16_t *kept)
{
    size_t count = 0;
    for (size_t i = 0; i < *n; i++) {
        kept[count] = (uint16_t)(sel ? sel[i] : i);
        refs[count] = refs[i];
        count += compare_prefix(&refs[i], &s->bound) <= 0;
    }
    *n = count;
    return kept;
}

void sorter_add(Sorter *s, const Batch *b, const Vector *keys)
{
    SortRef refs[BATCH_ROWS];
    uint16_t kept[BATCH_ROWS];
    size_t n = batch_count(b);
    const uint16_t *sel = b->sel;
    if (s->limit == 0)
        return;
    make_refs(s, s->key_count ? &keys[0] : NULL, sel, n, refs);
    if (s->bounded)
        sel = before_bound(s, refs, sel, &n, kept);
    if (n == 0)
        return;
    Vector *cols = mem_zero((s->rows.col_count + 1) * sizeof *cols);
    memcpy(cols, b->cols, s->payload * sizeof *cols);
    for (size_t k = 0; k < s->key_count; k++)
        if (s->keys[k].col >= s->payload)
            cols[s->keys[k].col] = keys[k];
    for (size_t i = 0; i < n; i++)
        refs[i].row = (uint32_t)(s->rows.rows + i);
    store_add(&s->rows, cols, sel, n);
    mem_free(cols);
    push_refs(s, refs, n);
    if (s->limit > 0 && s->limit <= RUN_ROWS && s->ref_count > (size_t)s->limit + TOP_SLACK &&
        s->ref_count / 2 > (size_t)s->limit)
        cut_to_limit(s);
}

/* ---- merging ---- */

static bool run_before(const Sorter *s, size_t i, size_t k)
{
    const SortRun *a = s->heap[i], *b = s->heap[k];
    int c = compare_prefix(&a->ref, &b->ref);
    if (!c)
        c = compare_rest(s, a->batch, a->row, b->batch, b->row);
    return c ? c < 0 : a->order < b->order;
}

static void heap_down(Sorter *s, size_t i)
{
    for (;;) {
        size_t least = i, l = 2 * i + 1, r = l + 1;
        if (l < s->heap_count && run_before(s, l, least))
            least = l;
        if (r < s->heap_count && run_before(s, r, least))
            least = r;
        if (least == i)
            return;
        SortRun *t = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = t;
        i = least;
    }
}

/* Moves to the row at pos, reading the next block if needed; *ended: there is none. */
static bool run_load(Sorter *s, SortRun *r, bool *ended, Err *e)
{
    *ended = false;
    if (!r->block) {
        *ended = r->pos == r->end;
        if (*ended)
            return true;
        r->ref = s->refs[r->pos];
        r->batch = batch_of(s, &r->ref);
        r->row = r->ref.row % BATCH_ROWS;
        return true;
    }
    if (r->pos == r->block->rows) {
        *ended = r->offset == r->offset_end;
        if (*ended)
            return true;
        r->arena = !r->arena;
        Arena *a = &r->arenas[r->arena];
        arena_reset(a);
        r->block = ARENA_NEW(a, Batch);
        if (!spill_get(r->file, &r->offset, s->rows.types, s->rows.col_count, r->block, a, e))
            return false;
        r->pos = 0;
    }
    r->batch = r->block;
    r->row = r->pos;
    uint16_t row = (uint16_t)r->pos;
    make_refs(s, s->key_count ? &r->block->cols[s->keys[0].col] : NULL, &row, 1, &r->ref);
    return true;
}

static bool heap_add(Sorter *s, SortRun run, Err *e)
{
    bool ended;
    SortRun *r = mem_dup(&run, sizeof run);
    r->order = s->heap_count;
    arena_init(&r->arenas[0], s->budget);
    arena_init(&r->arenas[1], s->budget);
    if (r->offset_end > 0)
        r->block = ARENA_NEW(&r->arenas[0], Batch); /* empty: the first block comes next */
    s->heap = mem_realloc(s->heap, (s->heap_count + 1) * sizeof *s->heap);
    s->heap[s->heap_count++] = r;
    return run_load(s, r, &ended, e);
}

static bool heap_add_level(Sorter *s, const FileLevel *l, Err *e)
{
    for (size_t i = 0; i < l->count; i++) {
        SortRun run = {.file = l->file, .offset = l->runs[i].begin, .offset_end = l->runs[i].end};
        if (!heap_add(s, run, e))
            return false;
    }
    return true;
}

static bool heap_add_memory(Sorter *s, Err *e)
{
    for (size_t i = 0, begin = 0; i < s->run_count; begin = s->run_ends[i++])
        if (!heap_add(s, (SortRun){.pos = begin, .end = s->run_ends[i]}, e))
            return false;
    return true;
}

static void merge_begin(Sorter *s)
{
    for (size_t i = s->heap_count / 2; i-- > 0;)
        heap_down(s, i);
    s->merging = true;
}

/* Higher levels hold older rows. */
static bool merge_all(Sorter *s, Err *e)
{
    heap_clear(s);
    for (int i = FILE_LEVELS; i-- > 0;)
        if (!heap_add_level(s, &s->levels[i], e))
            return false;
    if (!heap_add_memory(s, e))
        return false;
    merge_begin(s);
    return true;
}

/* Takes the least row; false with *ended: none left. */
static bool merge_pop(Sorter *s, const Batch **batch, uint32_t *row, bool *ended, Err *e)
{
    *ended = s->heap_count == 0;
    if (*ended)
        return true;
    SortRun *top = s->heap[0];
    bool over;
    *batch = top->batch;
    *row = (uint32_t)top->row;
    top->pos++;
    if (!run_load(s, top, &over, e))
        return false;
    if (over) {
        /* Its blocks stay: rows of this batch may lie in them. */
        s->heap[0] = s->heap[--s->heap_count];
        s->heap[s->heap_count] = top;
        s->retired++;
    }
    if (s->heap_count > 1)
        heap_down(s, 0);
    return true;
}

static void gather(const Batch *const *batches, const uint32_t *rows, size_t n, size_t col,
                   Vector *out, TypeId type, Arena *a)
{
    vec_init_flat(out, type, n, a);
    size_t size = phys_size(out->phys);
    char *dst = out->v.any;
    for (size_t i = 0; i < n; i++, dst += size) {
        const Vector *src = &batches[i]->cols[col];
        if (vec_is_null(src, rows[i])) {
            memset(dst, 0, size);
            vec_set_null(out, i, n, a);
        } else if (size == 8) {
            memcpy(dst, src->v.i64 + rows[i], 8);
        } else {
            memcpy(dst, (const char *)src->v.any + rows[i] * size, size);
        }
    }
}

/* The next rows of the merge, all columns of the store or the payload only. */
static bool merge_batch(Sorter *s, size_t max, size_t cols, Batch *out, Arena *a, Err *e)
{
    const Batch *batches[BATCH_ROWS];
    uint32_t rows[BATCH_ROWS];
    size_t n = 0;
    bool ended = false;
    while (s->retired > 0) /* runs that ended in the batch before */
        run_free(s->heap[s->heap_count + --s->retired]);
    while (n < max) {
        if (!merge_pop(s, &batches[n], &rows[n], &ended, e))
            return false;
        if (ended)
            break;
        n++;
    }
    *out = *batch_new(a, cols);
    for (size_t c = 0; c < cols; c++)
        gather(batches, rows, n, c, &out->cols[c], s->rows.types[c], a);
    out->rows = n;
    return true;
}

/* ---- spilling ---- */

size_t sorter_bytes(const Sorter *s)
{
    return s->rows.arena.used + s->ref_cap * sizeof *s->refs;
}

static bool should_spill(const Sorter *s)
{
    bool full = s->ref_count + BATCH_ROWS > s->ref_cap;
    return s->ref_count > 0 &&
           spill_due(s->query, sorter_bytes(s), full ? refs_more(s) * sizeof *s->refs : 0);
}

/* At the end: what was never written is merged where it is and needs no more, but sorters beside this one may
 * need a quarter of the memory for their merges. */
static bool should_make_room(const Sorter *s)
{
    if (s->spilled)
        return should_spill(s);
    int64_t used = atomic_load_explicit(&s->budget->used, memory_order_relaxed);
    return s->share > 1 && s->budget->limit > 0 && used > s->budget->limit / 2 && s->query->spill &&
           sorter_bytes(s) >= (size_t)s->budget->limit / 64;
}

/* So many runs can be merged at once: each needs two blocks in memory. */
static size_t fan_in(const Sorter *s)
{
    uint64_t bytes = 0, blocks = 0;
    for (int i = 0; i < FILE_LEVELS; i++) {
        bytes += s->levels[i].file ? (uint64_t)spill_end(s->levels[i].file) : 0;
        blocks += s->levels[i].blocks;
    }
    if (blocks == 0 || s->budget->limit <= 0)
        return FAN_MAX;
    uint64_t block = bytes / blocks + s->block_rows * s->row_bytes; /* as read, and as rows */
    uint64_t fan = (uint64_t)s->budget->limit / 4 / s->share / (2 * block);
    return fan < FAN_MIN ? FAN_MIN : fan > FAN_MAX ? FAN_MAX : (size_t)fan;
}

/* The level whose runs should be merged into one of the next; -1: none. */
static int crowded_level(const Sorter *s, bool last)
{
    size_t fan = fan_in(s), total = 0;
    int lowest = -1;
    for (int i = FILE_LEVELS - 2; i >= 0; i--) {
        total += s->levels[i].count;
        if (s->levels[i].count > 0)
            lowest = i;
        if (s->levels[i].count >= fan)
            return i;
    }
    return last && total > fan ? lowest : -1;
}

static void drop_memory(Sorter *s)
{
    arena_free(&s->rows.arena); /* store_clear would keep a block */
    store_clear(&s->rows);
    budget_charge(s->budget, -(int64_t)(s->ref_cap * sizeof *s->refs));
    mem_free(s->refs);
    s->refs = NULL;
    s->ref_count = s->ref_cap = s->run_count = s->sorted = 0;
}

/* Few rows a block where rows are wide or memory is small: two blocks of each run are in memory. */
static void measure_blocks(Sorter *s)
{
    size_t row = s->rows.arena.used / s->rows.rows + 1;
    int64_t bytes = s->budget->limit / 256;
    bytes = bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : bytes;
    bytes = bytes > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : bytes;
    s->row_bytes = row > s->row_bytes ? row : s->row_bytes;
    size_t rows = (size_t)bytes / row + 1;
    s->block_rows = rows < s->block_rows ? rows : s->block_rows;
}

/* Begins a run of the level: out of memory, or of all runs of the level below. */
static QueryStatus write_begin(Sorter *s, int level, Err *e)
{
    FileLevel *to = &s->levels[level];
    if (!to->file && !spill_open(&to->file, s->query->spill, e))
        return QUERY_FAIL;
    to->runs = mem_realloc(to->runs, (to->count + 1) * sizeof *to->runs);
    to->runs[to->count] = (FileRun){spill_end(to->file), 0};
    heap_clear(s);
    if (level == 0)
        measure_blocks(s);
    if (level == 0 ? !heap_add_memory(s, e) : !heap_add_level(s, &s->levels[level - 1], e))
        return QUERY_FAIL;
    merge_begin(s);
    s->writing = level;
    return QUERY_YIELD;
}

static QueryStatus write_some(Sorter *s, Err *e)
{
    FileLevel *to = &s->levels[s->writing];
    Arena scratch;
    arena_init(&scratch, s->budget);
    QueryStatus st = QUERY_YIELD;
    for (int i = 0; i < SPILL_BLOCKS && st == QUERY_YIELD; i++) {
        Batch b;
        arena_reset(&scratch);
        if (!merge_batch(s, s->block_rows, s->rows.col_count, &b, &scratch, e))
            st = QUERY_FAIL;
        else if (b.rows == 0)
            st = QUERY_END;
        else if (!spill_put(to->file, &b, e))
            st = QUERY_FAIL;
        else
            to->blocks++;
    }
    arena_free(&scratch);
    if (st != QUERY_END)
        return st;
    heap_clear(s);
    to->runs[to->count++].end = spill_end(to->file);
    s->spilled += (uint64_t)(to->runs[to->count - 1].end - to->runs[to->count - 1].begin);
    if (s->writing == 0)
        drop_memory(s);
    else
        level_clear(&s->levels[s->writing - 1]);
    s->writing = -1;
    return QUERY_YIELD;
}

uint64_t sorter_spilled(const Sorter *s)
{
    return s->spilled;
}

/* ---- handing out ---- */

QueryStatus sorter_settle(Sorter *s, bool last, Err *e)
{
    if (s->writing >= 0)
        return write_some(s, e);
    if (s->merging)
        return QUERY_BATCH;
    bool spill = last ? should_make_room(s) : should_spill(s);
    size_t unsorted = s->ref_count - s->sorted;
    if (unsorted >= RUN_ROWS || (unsorted > 0 && (last || spill))) {
        size_t n = unsorted < RUN_ROWS ? unsorted : RUN_ROWS;
        sort_refs(s, s->refs + s->sorted, n);
        add_run(s, s->sorted + n);
        return QUERY_YIELD;
    }
    int crowded = crowded_level(s, last);
    if (spill || crowded >= 0)
        return write_begin(s, spill ? 0 : crowded + 1, e);
    if (last && !merge_all(s, e))
        return QUERY_FAIL;
    return QUERY_BATCH;
}

bool sorter_next(Sorter *s, Batch *out, size_t *rows, Arena *a, Err *e)
{
    must(s->merging && s->writing < 0);
    size_t max = s->spilled ? s->block_rows : BATCH_ROWS;
    if (s->limit >= 0 && s->limit - s->given < (int64_t)max)
        max = (size_t)(s->limit - s->given);
    if (!merge_batch(s, max, s->payload, out, a, e))
        return false;
    *rows = out->rows;
    s->given += (int64_t)out->rows;
    return true;
}
