/* storage/scan_groups.c - a small direct-mapped cache of shared row groups. */
#include "storage/scan_groups.h"

#include "base/hash.h"

enum { CACHE_SLOTS = 128, CACHE_BYTES_MAX = 16 << 20 };

typedef struct CachedColumn {
    ColumnId id;
    ColVec vec; /* of all rows of the group */
    const uint64_t *nulls;
} CachedColumn;

typedef struct CachedGroup {
    Part *part; /* referenced; NULL = free */
    PartGroup whole;
    Arena arena;
    const int64_t *times; /* NULL = not decoded yet */
    CachedColumn *columns;
    size_t column_count, column_cap;
} CachedGroup;

struct GroupCache {
    Budget *budget;
    size_t bytes;
    CachedGroup slots[CACHE_SLOTS];
};

GroupCache *group_cache_new(Budget *budget)
{
    GroupCache *c = MEM_NEW(GroupCache);
    c->budget = budget;
    return c;
}

static void slot_clear(GroupCache *c, CachedGroup *g)
{
    if (!g->part)
        return;
    c->bytes -= g->arena.used;
    arena_free(&g->arena);
    part_unref(g->part);
    *g = (CachedGroup){0};
}

void group_cache_free(GroupCache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        slot_clear(c, &c->slots[i]);
    mem_free(c);
}

static CachedGroup *slot_of(GroupCache *c, Part *p, const PartGroup *g)
{
    CachedGroup *s = &c->slots[hash_mix((uintptr_t)p, g->index) & (CACHE_SLOTS - 1)];
    if (s->part == p && s->whole.index == g->index)
        return s;
    if (c->bytes > CACHE_BYTES_MAX)
        for (size_t i = 0; i < CACHE_SLOTS; i++)
            slot_clear(c, &c->slots[i]);
    slot_clear(c, s);
    s->part = part_ref(p);
    arena_init(&s->arena, c->budget);
    part_group_at(p, g->index, &s->whole);
    return s;
}

static void *copy(Arena *arena, const void *from, size_t begin, size_t n, size_t size)
{
    void *to = arena_alloc(arena, n * size + 1);
    memcpy(to, (const char *)from + begin * size, n * size);
    return to;
}

static const uint64_t *copy_bits(Arena *arena, const uint64_t *bits, size_t begin, size_t n)
{
    if (!bits)
        return NULL;
    uint64_t *to = arena_zero(arena, BITMAP_WORDS(n) * sizeof *to + 1);
    for (size_t i = 0; i < n; i++)
        if (bitmap_get(bits, begin + i))
            bitmap_set(to, i);
    return to;
}

bool group_cache_times(GroupCache *c, Part *p, const PartGroup *g, Arena *arena,
                       const int64_t **times, Err *e)
{
    if (g->alone)
        return part_times(p, g, arena, times, e);
    CachedGroup *s = slot_of(c, p, g);
    if (!s->times) {
        size_t before = s->arena.used;
        if (!part_times(p, &s->whole, &s->arena, &s->times, e)) {
            s->times = NULL;
            return false;
        }
        c->bytes += s->arena.used - before;
    }
    *times = copy(arena, s->times, g->row_begin, g->rows, sizeof **times);
    return true;
}

static bool column_decoded(GroupCache *c, CachedGroup *s, ColumnId col, const CachedColumn **out,
                           Err *e)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (s->columns[i].id == col) {
            *out = &s->columns[i];
            return true;
        }
    }
    size_t before = s->arena.used;
    if (s->column_count == s->column_cap) {
        size_t cap = s->column_cap * 2 + 8;
        CachedColumn *grown = arena_alloc(&s->arena, cap * sizeof *grown);
        if (s->column_count)
            memcpy(grown, s->columns, s->column_count * sizeof *grown);
        s->columns = grown;
        s->column_cap = cap;
    }
    CachedColumn *column = &s->columns[s->column_count];
    *column = (CachedColumn){.id = col};
    bool ok = part_column(s->part, &s->whole, col, &s->arena, &column->vec, &column->nulls, e);
    c->bytes += s->arena.used - before;
    if (!ok)
        return false;
    s->column_count++;
    *out = column;
    return true;
}

bool group_cache_column(GroupCache *c, Part *p, const PartGroup *g, ColumnId col, Arena *arena,
                        ColVec *vec, const uint64_t **null_bits, Err *e)
{
    const CachedColumn *column;
    if (g->alone)
        return part_column(p, g, col, arena, vec, null_bits, e);
    CachedGroup *s = slot_of(c, p, g);
    if (!column_decoded(c, s, col, &column, e))
        return false;
    if (column->vec.type == PHYS_STR) /* its bytes may lie in the cache */
        return part_column(p, g, col, arena, vec, null_bits, e);
    *vec = column->vec;
    if (vec->type != PHYS_NONE)
        vec->v.any = copy(arena, vec->v.any, g->row_begin, g->rows,
                          vec->type == PHYS_BOOL ? 1 : sizeof(int64_t));
    vec->valid = copy_bits(arena, column->vec.valid, g->row_begin, g->rows);
    *null_bits = copy_bits(arena, column->nulls, g->row_begin, g->rows);
    return true;
}
