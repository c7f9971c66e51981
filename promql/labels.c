/* promql/labels.c - label sets: sorted arrays, and a map that numbers them. */
#include "promql/eval_private.h"
#include <stdlib.h>

enum { MAP_SLOTS_MIN = 64 };

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const PqlLabel *)a)->name, ((const PqlLabel *)b)->name);
}

void labels_sort(PqlLabel *items, size_t count)
{
    qsort(items, count, sizeof *items, by_name);
}

Slice labels_get(const Labels *l, Slice name)
{
    for (size_t i = 0; i < l->count; i++)
        if (slice_eq(l->items[i].name, name))
            return l->items[i].value;
    return slice_of("", 0);
}

uint64_t labels_hash(const Labels *l)
{
    uint64_t h = l->count;
    for (size_t i = 0; i < l->count; i++) {
        h = hash64(l->items[i].name.ptr, l->items[i].name.len, h);
        h = hash64(l->items[i].value.ptr, l->items[i].value.len, h);
    }
    return h;
}

bool labels_equal(const Labels *a, const Labels *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!slice_eq(a->items[i].name, b->items[i].name) ||
            !slice_eq(a->items[i].value, b->items[i].value))
            return false;
    return true;
}

int labels_compare(const Labels *a, const Labels *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        int c = slice_cmp(a->items[i].name, b->items[i].name);
        if (c == 0)
            c = slice_cmp(a->items[i].value, b->items[i].value);
        if (c != 0)
            return c;
    }
    return (a->count > b->count) - (a->count < b->count);
}

Labels labels_copy(Arena *a, const Labels *l)
{
    PqlLabel *items = arena_alloc(a, (l->count + 1) * sizeof *items);
    if (l->count)
        memcpy(items, l->items, l->count * sizeof *items);
    return (Labels){items, l->count};
}

bool names_have(const PqlNames *n, Slice name)
{
    for (size_t i = 0; i < n->count; i++)
        if (slice_eq(n->names[i], name))
            return true;
    return false;
}

bool describes_metric(Slice name)
{
    return slice_eq_cstr(name, "__name__") || slice_eq_cstr(name, "__type__") ||
           slice_eq_cstr(name, "__unit__");
}

bool labels_has_name(const Labels *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (describes_metric(l->items[i].name))
            return true;
    return false;
}

Labels labels_drop_name(Arena *a, const Labels *l)
{
    PqlLabel *items = arena_alloc(a, (l->count + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        if (!describes_metric(l->items[i].name))
            items[n++] = l->items[i];
    return (Labels){items, n};
}

Labels labels_keep(Arena *a, const Labels *l, const PqlNames *names)
{
    PqlLabel *items = arena_alloc(a, (l->count + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        if (names_have(names, l->items[i].name))
            items[n++] = l->items[i];
    return (Labels){items, n};
}

Labels labels_omit(Arena *a, const Labels *l, const PqlNames *names, bool metric_too)
{
    PqlLabel *items = arena_alloc(a, (l->count + 1) * sizeof *items);
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (names_have(names, l->items[i].name) ||
            (metric_too && slice_eq_cstr(l->items[i].name, "__name__")))
            continue;
        items[n++] = l->items[i];
    }
    return (Labels){items, n};
}

Labels labels_set(Arena *a, const Labels *l, Slice name, Slice value)
{
    PqlLabel *items = arena_alloc(a, (l->count + 1) * sizeof *items);
    size_t n = 0;
    bool placed = value.len == 0;
    for (size_t i = 0; i < l->count; i++) {
        int c = slice_cmp(l->items[i].name, name);
        if (!placed && c >= 0) {
            items[n++] = (PqlLabel){name, value};
            placed = true;
        }
        if (c != 0)
            items[n++] = l->items[i];
    }
    if (!placed)
        items[n++] = (PqlLabel){name, value};
    return (Labels){items, n};
}

void labels_print(Buf *b, const Labels *l)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < l->count; i++) {
        if (i)
            buf_puts(b, ", ");
        buf_put_slice(b, l->items[i].name);
        buf_puts(b, "=");
        buf_put_json(b, l->items[i].value);
    }
    buf_puts(b, "}");
}

/* ---- the map ---- */

void label_map_init(LabelMap *m, Arena *a)
{
    *m = (LabelMap){.arena = a, .slot_count = MAP_SLOTS_MIN};
    m->slots = ARENA_ARRAY(a, uint32_t, m->slot_count);
}

static size_t map_slot(const LabelMap *m, const Labels *l, uint64_t hash)
{
    size_t i = hash & (m->slot_count - 1);
    for (; m->slots[i]; i = (i + 1) & (m->slot_count - 1)) {
        uint32_t k = m->slots[i] - 1;
        if (m->hashes[k] == hash && labels_equal(&m->items[k], l))
            break;
    }
    return i;
}

/* The old arrays stay in the arena: at most as much again. */
static void map_grow(LabelMap *m)
{
    size_t cap = m->cap ? m->cap * 2 : MAP_SLOTS_MIN / 2;
    Labels *items = arena_alloc(m->arena, cap * sizeof *items);
    uint64_t *hashes = arena_alloc(m->arena, cap * sizeof *hashes);
    if (m->count) {
        memcpy(items, m->items, m->count * sizeof *items);
        memcpy(hashes, m->hashes, m->count * sizeof *hashes);
    }
    m->items = items;
    m->hashes = hashes;
    m->cap = cap;
    if (cap * 2 <= m->slot_count)
        return;
    m->slot_count = cap * 2;
    m->slots = ARENA_ARRAY(m->arena, uint32_t, m->slot_count);
    for (size_t k = 0; k < m->count; k++) {
        size_t i = hashes[k] & (m->slot_count - 1);
        while (m->slots[i])
            i = (i + 1) & (m->slot_count - 1);
        m->slots[i] = (uint32_t)k + 1;
    }
}

uint32_t label_map_put(LabelMap *m, const Labels *l, bool *made)
{
    uint64_t hash = labels_hash(l);
    size_t i = map_slot(m, l, hash);
    *made = m->slots[i] == 0;
    if (!*made)
        return m->slots[i] - 1;
    if (m->count == m->cap) {
        map_grow(m);
        i = map_slot(m, l, hash);
    }
    m->items[m->count] = labels_copy(m->arena, l);
    m->hashes[m->count] = hash;
    m->slots[i] = (uint32_t)++m->count;
    return (uint32_t)m->count - 1;
}

bool label_map_find(const LabelMap *m, const Labels *l, uint32_t *index)
{
    size_t i = map_slot(m, l, labels_hash(l));
    if (m->slots[i])
        *index = m->slots[i] - 1;
    return m->slots[i] != 0;
}
