/* storage/index_stats.c - how many series and values there are, and which values have most. */
#include "storage/index_private.h"

static uint64_t dict_series(const TableIndex *t, ColumnId column)
{
    uint64_t n = 0;
    for (const KeySet *k = t->key_sets; k; k = k->next)
        n += key_set_place(k, column) < k->count ? k->series_count : 0;
    return n;
}

size_t idx_cardinality(SeriesIndex *idx, TableId table, TagCardinality *out, size_t max)
{
    idx_read_lock(idx);
    const TableIndex *t = idx_table_find(idx, table);
    size_t count = t ? t->dict_count : 0;
    for (size_t i = 0; i < count && i < max; i++)
        out[i] = (TagCardinality){.column = t->dicts[i]->column,
                                  .values = t->dicts[i]->count,
                                  .series = dict_series(t, t->dicts[i]->column)};
    idx_unlock(idx);
    return count;
}

/* ---- top values: a heap of the best, the least of them on top ---- */

static bool ranks_below(const TagValueCount *a, const TagValueCount *b)
{
    return a->series != b->series ? a->series < b->series : slice_cmp(a->value, b->value) > 0;
}

static void sift_down(TagValueCount *heap, size_t n, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        if (left < n && ranks_below(&heap[left], &heap[least]))
            least = left;
        if (left + 1 < n && ranks_below(&heap[left + 1], &heap[least]))
            least = left + 1;
        if (least == i)
            return;
        TagValueCount t = heap[i];
        heap[i] = heap[least];
        heap[least] = t;
        i = least;
    }
}

static void heapify(TagValueCount *heap, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, n, i);
}

size_t idx_top_values(SeriesIndex *idx, TableId table, ColumnId column, TagValueCount *out,
                      size_t max)
{
    size_t n = 0;
    idx_read_lock(idx);
    const TableIndex *t = idx_table_find(idx, table);
    const TagDict *d = t ? table_dict(t, column) : NULL;
    for (uint32_t i = 0; max && d && i < d->count; i++) {
        TagValueCount v = {text_slice(d->texts[i]), d->postings[i].count};
        if (n < max) {
            out[n++] = v;
            if (n == max)
                heapify(out, n);
        } else if (ranks_below(&out[0], &v)) {
            out[0] = v;
            sift_down(out, n, 0);
        }
    }
    idx_unlock(idx);
    if (n < max)
        heapify(out, n);
    for (size_t end = n; end > 1; end--) { /* the least goes behind the others */
        TagValueCount least = out[0];
        out[0] = out[end - 1];
        out[end - 1] = least;
        sift_down(out, end - 1, 0);
    }
    return n;
}
