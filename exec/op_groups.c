/* Groups of any keys with their states; and groups that memory did not hold: their saved states lie in parts
 * of files and are merged a part at a time. */
#include "exec/op_private.h"

enum { STATES_BYTES = 256 << 10 };

bool groups_init(Groups *g, Exec *x, const GroupShape *shape, Err *e)
{
    *g = (Groups){.x = x, .shape = shape};
    arena_init(&g->scratch, &x->query->budget);
    ht_init(&g->keys, shape->types, shape->key_count, &x->query->budget);
    return aggset_init(&g->set, x, shape, &g->scratch, e);
}

void groups_free(Groups *g)
{
    if (!g->x)
        return;
    ht_free(&g->keys);
    aggset_free(&g->set);
    arena_free(&g->scratch);
    *g = (Groups){0};
}

void groups_clear(Groups *g)
{
    aggset_clear(&g->set);
    ht_clear(&g->keys);
    if (!spill_due(g->x->query, ht_bytes(&g->keys), 0))
        return;
    ht_free(&g->keys); /* others need the memory of its arrays */
    ht_init(&g->keys, g->shape->types, g->shape->key_count, &g->x->query->budget);
}

size_t groups_bytes(const Groups *g)
{
    return ht_bytes(&g->keys) + aggset_bytes(&g->set);
}

bool groups_full(const Groups *g)
{
    return spill_due(g->x->query, groups_bytes(g),
                     ht_growth(&g->keys, BATCH_ROWS) + aggset_growth(&g->set, BATCH_ROWS));
}

void group_shape(GroupShape *s, size_t keys, const AggCall *calls, size_t n, Arena *a)
{
    *s = (GroupShape){keys, calls, n, ARENA_ARRAY(a, TypeId, keys + 1)};
    s->types[keys] = T_BYTEA;
}

/* ---- into a file ---- */

bool states_put(SpillParts *to, AggSet *set, const Vector *keys, size_t key_count,
                const uint32_t *groups, size_t n, Err *e)
{
    uint64_t hashes[BATCH_ROWS];
    size_t ends[BATCH_ROWS];
    Vector *cols = ARENA_ARRAY(set->scratch, Vector, key_count + 1);
    Buf buf;
    bool ok = true;
    memcpy(cols, keys, key_count * sizeof *cols);
    vec_init_flat(&cols[key_count], T_BYTEA, n, set->scratch);
    ht_hash(hashes, keys, key_count, NULL, n);
    buf_init(&buf);
    for (size_t begin = 0, end; ok && begin < n; begin = end) {
        buf_clear(&buf);
        for (end = begin; end < n && buf.len < STATES_BYTES; end++) {
            aggset_save(set, groups[end], &buf);
            ends[end] = buf.len;
        }
        for (size_t i = begin, at = 0; i < end; at = ends[i++])
            cols[key_count].v.str[i] = slice_of(buf.ptr + at, ends[i] - at);
        ok = parts_add(to, cols, row_ident + begin, end - begin, hashes + begin, e);
    }
    buf_free(&buf);
    return ok;
}

QueryStatus groups_flush(Groups *g, SpillParts **to, uint32_t level, Err *e)
{
    const GroupShape *s = g->shape;
    uint32_t ids[BATCH_ROWS];
    if (!*to && !parts_open(to, g->x->query, s->types, s->key_count + 1, level, e))
        return QUERY_FAIL;
    while (g->flushed < g->set.group_count) {
        size_t left = g->set.group_count - g->flushed, n = left < BATCH_ROWS ? left : BATCH_ROWS;
        arena_reset(&g->scratch);
        Vector *keys = ARENA_ARRAY(&g->scratch, Vector, s->key_count + 1);
        for (size_t k = 0; k < s->key_count; k++)
            ht_keys(&g->keys, k, g->flushed, &keys[k]);
        for (size_t i = 0; i < n; i++)
            ids[i] = (uint32_t)(g->flushed + i);
        if (!states_put(*to, &g->set, keys, s->key_count, ids, n, e))
            return QUERY_FAIL;
        g->flushed += n;
        QueryStatus st = exec_tick(g->x, e);
        if (st != QUERY_BATCH)
            return st;
    }
    g->flushed = 0;
    groups_clear(g);
    return QUERY_BATCH;
}

/* ---- out of files ---- */

struct GroupMerge {
    Groups groups;
    PartWalk walk;
    SpillParts *below; /* of this part, cut once more */
    bool in_part, flushing, loaded;
    size_t at; /* groups handed out */
};

static bool files_end(SpillParts **files, size_t count, Err *e)
{
    for (size_t i = 0; i < count; i++)
        if (!parts_end(files[i], e))
            return false;
    return true;
}

bool groups_merge_open(GroupMerge **out, Op *op, const GroupShape *shape, SpillParts **take_files,
                       size_t count, Err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (take_files[i])
            take_files[n++] = take_files[i];
    *out = NULL;
    if (n == 0)
        return true;
    GroupMerge *m = *out = MEM_NEW(GroupMerge);
    partwalk_init(&m->walk, op->x->query);
    partwalk_push(&m->walk, take_files, n);
    if (!files_end(take_files, n, e))
        return false;
    for (size_t i = 0; op->stats && i < n; i++)
        op->stats->spilled += parts_bytes(take_files[i]);
    return groups_init(&m->groups, op->x, shape, e);
}

void groups_merge_close(GroupMerge *m)
{
    if (!m)
        return;
    parts_close(m->below);
    partwalk_free(&m->walk);
    groups_free(&m->groups);
    mem_free(m);
}

uint64_t groups_merge_parts(const GroupMerge *m)
{
    return m->walk.parts;
}

size_t groups_merge_bytes(const GroupMerge *m)
{
    return groups_bytes(&m->groups);
}

static bool merge_batch(GroupMerge *m, const Batch *b, Err *e)
{
    Groups *g = &m->groups;
    uint32_t ids[BATCH_ROWS];
    size_t keys = g->shape->key_count;
    ht_put(&g->keys, b->cols, NULL, b->rows, ids);
    aggset_grow(&g->set, g->keys.count);
    for (size_t i = 0; i < b->rows; i++) {
        arena_reset(&g->scratch);
        if (!aggset_load(&g->set, ids[i], b->cols[keys].v.str[i], e))
            return false;
    }
    return true;
}

/* One part into memory.  What does not fit is cut into parts of its own, which come next. */
static QueryStatus merge_load(GroupMerge *m, Err *e)
{
    Groups *g = &m->groups;
    uint32_t level = partwalk_level(&m->walk);
    for (;;) {
        QueryStatus st = exec_tick(g->x, e);
        if (st == QUERY_BATCH && m->flushing) {
            st = groups_flush(g, &m->below, level + 1, e);
            m->flushing = st != QUERY_BATCH;
        }
        if (st != QUERY_BATCH)
            return st;
        Batch b;
        if (!partwalk_batch(&m->walk, &b, e))
            return QUERY_FAIL;
        if (b.rows > 0) {
            if (!merge_batch(m, &b, e))
                return QUERY_FAIL;
            m->flushing = g->set.group_count > 1 && level < SPILL_LEVEL_MAX && groups_full(g);
        } else if (m->below && g->set.group_count > 0) {
            m->flushing = true;
        } else {
            break;
        }
    }
    if (!m->below)
        return QUERY_BATCH;
    if (!parts_end(m->below, e))
        return QUERY_FAIL;
    partwalk_push(&m->walk, &m->below, 1);
    m->below = NULL;
    return QUERY_BATCH;
}

QueryStatus groups_merge_next(GroupMerge *m, Batch *out, Arena *a, Err *e)
{
    Groups *g = &m->groups;
    for (;;) {
        QueryStatus st;
        if (!m->in_part && !partwalk_next(&m->walk))
            return QUERY_END;
        m->in_part = true;
        if (!m->loaded && (st = merge_load(m, e)) != QUERY_BATCH)
            return st;
        m->loaded = true;
        if (m->at < g->set.group_count) {
            st = groups_output(g, m->at, out, a, e);
            m->at += st == QUERY_BATCH ? out->rows : 0;
            return st;
        }
        m->in_part = m->loaded = false;
        m->at = 0;
        groups_clear(g);
    }
}

/* Keys from any group on: their bitmaps begin at a multiple of 64. */
static void key_rows(const Groups *g, size_t key, size_t at, size_t n, Vector *out, Arena *a)
{
    uint16_t rows[BATCH_ROWS];
    Vector v;
    size_t skip = at % 64;
    ht_keys(&g->keys, key, at - skip, &v);
    if (skip == 0) {
        *out = v;
        return;
    }
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint16_t)(skip + i);
    vec_gather(out, &v, rows, n, a);
}

QueryStatus groups_output(Groups *g, size_t at, Batch *out, Arena *a, Err *e)
{
    size_t keys = g->shape->key_count, n;
    *out = *batch_new(a, keys + g->shape->call_count);
    QueryStatus st = aggset_output(&g->set, at, &n, out->cols + keys, a, e);
    for (size_t k = 0; st == QUERY_BATCH && k < keys; k++)
        key_rows(g, k, at, n, &out->cols[k], a);
    out->rows = n;
    return st;
}
