/* Sorting rows in memory: references with an order-preserving 64-bit prefix of the first key are sorted
 * in runs, the runs are merged while rows are handed out; so no single step is long.
 * With a limit only about twice that many rows are kept, and rows behind the last of them are not even
 * copied. */
#include "exec/op_private.h"

#include <math.h>
#include <stdlib.h>

enum { RUN_ROWS = 32768, TOP_SLACK = 4096 };

typedef struct SortRef {
    uint64_t prefix;
    uint32_t row;
    uint32_t rank; /* 0: NULL in front, 1: a value, 2: NULL behind */
} SortRef;

typedef struct SortKeyDef {
    uint32_t col; /* of the store */
    Phys phys;
    bool desc, nulls_first;
    bool plain;   /* compared by its physical form */
    bool exact;   /* equal prefixes: equal values */
    const TypeDef *def;
} SortKeyDef;

typedef struct SortRun {
    size_t pos, end;
} SortRun;

struct Sorter {
    Budget *budget;
    RowStore rows; /* payload, then keys that are not among it */
    size_t payload;
    SortKeyDef *keys;
    size_t key_count;
    int64_t limit, given;
    SortRef *refs;
    size_t ref_count, ref_cap, sorted; /* sorted: refs that are in a run */
    SortRun *heap;
    size_t heap_count;
    bool bounded;  /* rows behind `bound` need not be kept */
    SortRef bound;
    bool finished;
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
    s->budget = spec->budget;
    s->payload = spec->col_count;
    s->limit = spec->limit;
    s->key_count = spec->key_count;
    s->keys = mem_zero((spec->key_count + 1) * sizeof *s->keys);
    TypeId *types = mem_zero((spec->col_count + spec->key_count + 1) * sizeof *types);
    memcpy(types, spec->types, spec->col_count * sizeof *types);
    size_t cols = spec->col_count;
    for (size_t k = 0; k < spec->key_count; k++)
        key_init(s, spec, k, types, &cols);
    store_init(&s->rows, types, cols, spec->budget);
    mem_free(types);
    return s;
}

void sorter_free(Sorter *s)
{
    if (!s)
        return;
    if (s->budget)
        budget_charge(s->budget, -(int64_t)(s->ref_cap * sizeof *s->refs));
    store_free(&s->rows);
    mem_free(s->keys);
    mem_free(s->refs);
    mem_free(s->heap);
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

static void make_refs(const Sorter *s, const Vector *first, const uint16_t *sel, size_t n, SortRef *refs)
{
    const SortKeyDef *key = s->keys;
    for (size_t i = 0; i < n; i++) {
        refs[i] = (SortRef){0, 0, 1};
        if (!first)
            continue;
        size_t row = sel ? sel[i] : i;
        if (vec_is_null(first, row))
            refs[i].rank = key->nulls_first ? 0 : 2;
        else
            refs[i].prefix = prefix_of(key, first, vec_slot(first, row));
    }
}

static int compare_plain(const SortKeyDef *key, const Vector *a, size_t ra, const Vector *b, size_t rb)
{
    if (key->phys == PH_STR)
        return slice_cmp(a->v.str[ra], b->v.str[rb]);
    uint64_t pa = prefix_of(key, a, ra), pb = prefix_of(key, b, rb);
    int c = (pa > pb) - (pa < pb);
    return key->desc ? -c : c; /* the caller turns it round again */
}

static int compare_key(const Sorter *s, const SortKeyDef *key, uint32_t row_a, uint32_t row_b)
{
    const Vector *a = &s->rows.batches[row_a / BATCH_ROWS]->cols[key->col];
    const Vector *b = &s->rows.batches[row_b / BATCH_ROWS]->cols[key->col];
    size_t ra = row_a % BATCH_ROWS, rb = row_b % BATCH_ROWS;
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

static int compare_prefix(const SortRef *a, const SortRef *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return (a->prefix > b->prefix) - (a->prefix < b->prefix);
}

static int compare_refs(const void *pa, const void *pb, void *arg)
{
    const Sorter *s = arg;
    const SortRef *a = pa, *b = pb;
    int c = compare_prefix(a, b);
    if (c)
        return c;
    size_t k = s->key_count && s->keys[0].exact ? 1 : 0;
    for (; k < s->key_count; k++)
        if ((c = compare_key(s, &s->keys[k], a->row, b->row)) != 0)
            return c;
    return (a->row > b->row) - (a->row < b->row); /* stable */
}

/* ---- adding ---- */

static void push_refs(Sorter *s, const SortRef *refs, size_t n)
{
    if (s->ref_count + n > s->ref_cap) {
        size_t cap = s->ref_cap * 2 > s->ref_count + n ? s->ref_cap * 2 : s->ref_count + n + 64;
        if (s->budget)
            budget_charge(s->budget, (int64_t)((cap - s->ref_cap) * sizeof *refs));
        s->refs = mem_realloc(s->refs, cap * sizeof *refs);
        s->ref_cap = cap;
    }
    memcpy(s->refs + s->ref_count, refs, n * sizeof *refs);
    s->ref_count += n;
}

/* Keeps the best `limit` rows, in order. */
static void cut_to_limit(Sorter *s)
{
    qsort_r(s->refs, s->ref_count, sizeof *s->refs, compare_refs, s);
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
    if (s->limit > 0 && s->ref_count > (size_t)s->limit + TOP_SLACK &&
        s->ref_count / 2 > (size_t)s->limit)
        cut_to_limit(s);
}

/* ---- handing out ---- */

static bool run_before(Sorter *s, size_t a, size_t b)
{
    return compare_refs(&s->refs[s->heap[a].pos], &s->refs[s->heap[b].pos], s) < 0;
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
        SortRun t = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = t;
        i = least;
    }
}

bool sorter_finish(Sorter *s)
{
    if (s->finished)
        return true;
    if (s->sorted < s->ref_count) {
        size_t n = s->ref_count - s->sorted < RUN_ROWS ? s->ref_count - s->sorted : RUN_ROWS;
        qsort_r(s->refs + s->sorted, n, sizeof *s->refs, compare_refs, s);
        s->sorted += n;
        if (s->sorted < s->ref_count)
            return false;
    }
    size_t runs = (s->ref_count + RUN_ROWS - 1) / RUN_ROWS;
    s->heap = mem_zero((runs + 1) * sizeof *s->heap);
    for (size_t i = 0; i < runs; i++) {
        size_t end = (i + 1) * RUN_ROWS;
        s->heap[s->heap_count++] = (SortRun){i * RUN_ROWS, end < s->ref_count ? end : s->ref_count};
    }
    for (size_t i = s->heap_count / 2; i-- > 0;)
        heap_down(s, i);
    s->finished = true;
    return true;
}

static bool pop(Sorter *s, uint32_t *row)
{
    if (s->heap_count == 0 || (s->limit >= 0 && s->given >= s->limit))
        return false;
    SortRun *top = &s->heap[0];
    *row = s->refs[top->pos++].row;
    s->given++;
    if (top->pos == top->end)
        s->heap[0] = s->heap[--s->heap_count];
    if (s->heap_count > 1)
        heap_down(s, 0);
    return true;
}

size_t sorter_next(Sorter *s, Batch *out, Arena *a)
{
    uint32_t ids[BATCH_ROWS];
    size_t n = 0;
    must(s->finished);
    while (n < BATCH_ROWS && pop(s, &ids[n]))
        n++;
    if (n == 0)
        return 0;
    *out = *batch_new(a, s->payload);
    for (size_t c = 0; c < s->payload; c++)
        store_gather(&s->rows, c, ids, n, &out->cols[c], a);
    out->rows = n;
    return n;
}
