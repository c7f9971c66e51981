/* storage/index_select.c - sets of series: selection by tags, and algebra on sets.
 *
 * Each match becomes a term: a bitmap, to be intersected or taken away.  The smallest positive
 * term starts; a match that most values pass is turned around into what it leaves out.
 * Tests (regular expressions) run on distinct values without the lock: texts live as long as the
 * index. */
#include "storage/index_private.h"

enum { TEST_GROUP = 256, TERMS_SMALL = 8 };

/* ---- sets ---- */

SeriesSet *set_take(uint32_t shard, roaring_bitmap_t *take_bits)
{
    roaring_bitmap_t *bits = take_bits;
    SeriesSet *s = MEM_NEW(SeriesSet);
    ref_init(&s->ref);
    s->shard = shard;
    s->bits = bits;
    s->count = roaring_bitmap_get_cardinality(bits);
    return s;
}

SeriesSet *set_from_ids(const SeriesId *ids, size_t n)
{
    uint32_t shard = n ? (uint32_t)(ids[0] >> 32) : 0;
    roaring_bitmap_t *bits = roaring_bitmap_create();
    for (size_t i = 0; i < n; i++) {
        must(ids[i] >> 32 == shard);
        roaring_bitmap_add(bits, series_id_local(ids[i]));
    }
    return set_take(shard, bits);
}

SeriesSet *set_ref(SeriesSet *s)
{
    ref_take(&s->ref);
    return s;
}

void set_unref(SeriesSet *s)
{
    if (!s || !ref_drop(&s->ref))
        return;
    roaring_bitmap_free(s->bits);
    mem_free(s);
}

size_t set_count(const SeriesSet *s)
{
    return s->count;
}

bool set_has(const SeriesSet *s, SeriesId id)
{
    return id >> 32 == s->shard && roaring_bitmap_contains(s->bits, series_id_local(id));
}

size_t set_ids(const SeriesSet *s, SeriesId *out, size_t max)
{
    roaring_uint32_iterator_t it;
    roaring_init_iterator(s->bits, &it);
    size_t n = 0;
    for (; it.has_value && n < max; roaring_advance_uint32_iterator(&it))
        out[n++] = series_id_make(s->shard, it.current_value);
    return n;
}

SeriesSet *set_and(const SeriesSet *a, const SeriesSet *b)
{
    if (a->shard != b->shard)
        return set_take(a->shard, roaring_bitmap_create());
    return set_take(a->shard, roaring_bitmap_and(a->bits, b->bits));
}

SeriesSet *set_or(const SeriesSet *a, const SeriesSet *b)
{
    if (!a->count || !b->count) {
        const SeriesSet *s = a->count ? a : b;
        return set_take(s->shard, roaring_bitmap_copy(s->bits));
    }
    must(a->shard == b->shard);
    return set_take(a->shard, roaring_bitmap_or(a->bits, b->bits));
}

SeriesSet *set_slice(const SeriesSet *s, size_t i, size_t n)
{
    must(i < n);
    return set_range(s, s->count * i / n, s->count * (i + 1) / n);
}

SeriesSet *set_range(const SeriesSet *s, size_t begin, size_t end)
{
    uint32_t first, last;
    if (begin == end || !roaring_bitmap_select(s->bits, (uint32_t)begin, &first) ||
        !roaring_bitmap_select(s->bits, (uint32_t)end - 1, &last))
        return set_take(s->shard, roaring_bitmap_create());
    roaring_bitmap_t *range = roaring_bitmap_from_range(first, (uint64_t)last + 1, 1);
    roaring_bitmap_and_inplace(range, s->bits);
    return set_take(s->shard, range);
}

const void *set_bitmap(const SeriesSet *s)
{
    return s->bits;
}

/* ---- selection ---- */

typedef struct Term {
    const roaring_bitmap_t *bits; /* own, or of a posting */
    roaring_bitmap_t *own;
    uint64_t count;
    bool negative;
} Term;

static void term_own(Term *t, roaring_bitmap_t *bits, bool negative)
{
    t->bits = t->own = bits;
    t->negative = negative;
}

/* Series that do not have the tag: all of the key sets without it. */
static void or_absent(roaring_bitmap_t *bits, const TableIndex *table, ColumnId column)
{
    for (const KeySet *k = table->key_sets; k; k = k->next)
        if (key_set_place(k, column) == k->count)
            roaring_bitmap_or_inplace(bits, k->series);
}

typedef struct TagSource { /* one tag of one table */
    const SeriesIndex *idx;
    const TableIndex *table;
    const TagDict *dict; /* NULL: no series has it */
    ColumnId column;
} TagSource;

/* Series whose value is this one; an empty value means absent. */
static void or_value(roaring_bitmap_t *bits, const TagSource *tag, Slice value)
{
    uint32_t code = value.len && tag->dict ? dict_find(tag->idx, tag->dict, value) : 0;
    if (!value.len)
        or_absent(bits, tag->table, tag->column);
    else if (code)
        bitmap_or_posting(bits, &tag->dict->postings[code - 1]);
}

static void term_values(Term *t, const TagSource *tag, const Slice *values, size_t n)
{
    const TagDict *d = tag->dict;
    uint32_t code = d && n == 1 && values[0].len ? dict_find(tag->idx, d, values[0]) : 0;
    if (code && d->postings[code - 1].count > POSTING_FEW_MAX) {
        t->bits = d->postings[code - 1].u.many;
        return;
    }
    roaring_bitmap_t *bits = roaring_bitmap_create();
    for (size_t i = 0; i < n; i++)
        or_value(bits, tag, values[i]);
    term_own(t, bits, t->negative);
}

static void test_values(Tested *out, const TagMatch *m, const Slice *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool pass = m->test(m->arg, values[i]);
        buf_put_u8(&out->passed, pass);
        out->passes += pass;
    }
}

static size_t dict_values(const TagDict *d, size_t from, Slice *out, size_t max)
{
    size_t n = 0;
    for (; d && n < max && from + n < d->count; n++)
        out[n] = text_slice(d->texts[from + n]);
    return n;
}

static void test_unlocked(SeriesIndex *idx, TableId table, const TagMatch *m, Tested *out)
{
    Slice values[TEST_GROUP];
    size_t n;
    bool kept = (m->key.lo || m->key.hi) && tests_find(&idx->tests, table, m, out);
    if (!kept)
        out->absent_passes = m->test(m->arg, (Slice){"", 0});
    do {
        idx_read_lock(idx);
        const TableIndex *t = idx_table_find(idx, table);
        n = dict_values(t ? table_dict(t, m->column) : NULL, out->passed.len, values, TEST_GROUP);
        idx_unlock(idx);
        test_values(out, m, values, n);
    } while (n == TEST_GROUP);
}

/* With the lock held: finishes what came in since test_unlocked. */
static void term_test(Term *t, const TagSource *tag, const TagMatch *m, Tested *tested)
{
    const TagDict *d = tag->dict;
    Slice values[TEST_GROUP];
    size_t n;
    while ((n = dict_values(d, tested->passed.len, values, TEST_GROUP)) > 0)
        test_values(tested, m, values, n);
    size_t codes = d ? d->count : 0; /* fewer than were tested: the table was dropped meanwhile */
    codes = codes < tested->passed.len ? codes : tested->passed.len;
    bool negative = tested->passes * 2 > tested->passed.len;
    roaring_bitmap_t *bits = roaring_bitmap_create();
    for (size_t i = 0; i < codes; i++)
        if ((bool)tested->passed.ptr[i] != negative)
            bitmap_or_posting(bits, &d->postings[i]);
    if (tested->absent_passes != negative)
        or_absent(bits, tag->table, tag->column);
    term_own(t, bits, negative);
}

static void term_make(const SeriesIndex *idx, Term *t, const TableIndex *table, const TagMatch *m,
                      Tested *tested)
{
    TagSource tag = {idx, table, table_dict(table, m->column), m->column};
    *t = (Term){.negative = m->kind == TAG_NE || m->kind == TAG_NOT_IN};
    switch (m->kind) {
    case TAG_EQ:
    case TAG_NE:
        term_values(t, &tag, &m->value, 1);
        break;
    case TAG_IN:
    case TAG_NOT_IN:
        term_values(t, &tag, m->values, m->value_count);
        break;
    case TAG_TEST:
        term_test(t, &tag, m, tested);
        break;
    }
    t->count = roaring_bitmap_get_cardinality(t->bits);
}

static int term_compare(const void *a, const void *b)
{
    const Term *x = a, *y = b;
    if (x->negative != y->negative)
        return x->negative - y->negative;
    return (x->count > y->count) - (x->count < y->count);
}

static roaring_bitmap_t *combine(const TableIndex *table, Term *terms, size_t n)
{
    qsort(terms, n, sizeof *terms, term_compare);
    roaring_bitmap_t *bits = NULL;
    size_t i = 0;
    if (n >= 2 && !terms[1].negative) {
        bits = roaring_bitmap_and(terms[0].bits, terms[1].bits);
        i = 2;
    } else if (n && !terms[0].negative) {
        bits = roaring_bitmap_copy(terms[0].bits);
        i = 1;
    } else if (n) {
        bits = roaring_bitmap_andnot(table->all, terms[0].bits);
        i = 1;
    } else {
        bits = roaring_bitmap_copy(table->all);
    }
    for (; i < n; i++) {
        if (terms[i].negative)
            roaring_bitmap_andnot_inplace(bits, terms[i].bits);
        else
            roaring_bitmap_and_inplace(bits, terms[i].bits);
    }
    return bits;
}

SeriesSet *idx_select(SeriesIndex *idx, TableId table, const TagMatch *m, size_t n)
{
    Term small_terms[TERMS_SMALL];
    Tested small_tested[TERMS_SMALL];
    Term *terms = n <= TERMS_SMALL ? small_terms : mem_alloc(n * sizeof *terms);
    Tested *tested = n <= TERMS_SMALL ? small_tested : mem_alloc(n * sizeof *tested);
    for (size_t i = 0; i < n; i++) {
        tested[i] = (Tested){0};
        if (m[i].kind == TAG_TEST)
            test_unlocked(idx, table, &m[i], &tested[i]);
    }
    roaring_bitmap_t *bits;
    idx_read_lock(idx);
    const TableIndex *t = idx_table_find(idx, table);
    if (t) {
        for (size_t i = 0; i < n; i++)
            term_make(idx, &terms[i], t, &m[i], &tested[i]);
        bits = combine(t, terms, n);
    } else {
        bits = roaring_bitmap_create();
    }
    idx_unlock(idx);
    for (size_t i = 0; i < n; i++) {
        if (t && terms[i].own)
            roaring_bitmap_free(terms[i].own);
        if (t && (m[i].key.lo || m[i].key.hi) && !(m[i].failed && *m[i].failed))
            tests_keep(&idx->tests, table, &m[i], &tested[i]);
        buf_free(&tested[i].passed);
    }
    if (terms != small_terms)
        mem_free(terms);
    if (tested != small_tested)
        mem_free(tested);
    return set_take(idx->shard, bits);
}
