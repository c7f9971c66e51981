/* storage/catalog_map.c - the persistent map under a catalog snapshot.
 *
 * Invariants: chunks are in id order and never empty; every node is in exactly one chunk and one
 * bucket; a chunk or bucket with a count of 1 belongs to this map alone and may be changed
 * in place, any other is copied first.  Only cat_apply and decoding change maps, before the
 * snapshot is given to anybody. */
#include "storage/catalog_private.h"

#include "base/hash.h"

uint64_t node_hash(ObjectId parent, Slice name)
{
    return hash64(name.ptr, name.len, parent);
}

void node_unref(CatNode *n)
{
    if (ref_drop(&n->ref))
        mem_free(n);
}

static bool ref_alone(Ref *r)
{
    return atomic_load_explicit(&r->count, memory_order_acquire) == 1;
}

static void chunk_unref(CatChunk *c)
{
    if (!ref_drop(&c->ref))
        return;
    for (uint32_t i = 0; i < c->count; i++)
        node_unref(c->nodes[i]);
    mem_free(c);
}

static void bucket_unref(CatBucket *b)
{
    if (b && ref_drop(&b->ref))
        mem_free(b);
}

static CatChunk *chunk_new(CatNode *const *nodes, uint32_t count)
{
    CatChunk *c = mem_alloc(sizeof *c);
    ref_init(&c->ref);
    c->count = count;
    for (uint32_t i = 0; i < count; i++) {
        c->nodes[i] = nodes[i];
        ref_take(&nodes[i]->ref);
    }
    return c;
}

/* The chunk at i, ours to change. */
static CatChunk *chunk_own(CatMap *m, size_t i)
{
    CatChunk *c = m->chunks[i].chunk;
    if (!ref_alone(&c->ref)) {
        m->chunks[i].chunk = chunk_new(c->nodes, c->count);
        chunk_unref(c);
    }
    return m->chunks[i].chunk;
}

static CatBucket *bucket_new(uint32_t cap)
{
    CatBucket *b = mem_alloc(sizeof *b + cap * sizeof b->entries[0]);
    ref_init(&b->ref);
    b->count = 0;
    b->cap = cap;
    return b;
}

/* The bucket at i, ours to change, with room for one more entry. */
static CatBucket *bucket_own(CatMap *m, size_t i)
{
    CatBucket *b = m->buckets[i];
    if (b && ref_alone(&b->ref) && b->count < b->cap)
        return b;
    CatBucket *own = bucket_new(b ? b->count + b->count / 2 + 2 : 4);
    if (b) {
        own->count = b->count;
        memcpy(own->entries, b->entries, b->count * sizeof b->entries[0]);
        bucket_unref(b);
    }
    m->buckets[i] = own;
    return own;
}

void map_copy(CatMap *to, const CatMap *from)
{
    *to = *from;
    to->chunk_cap = from->chunk_count;
    to->chunks =
        from->chunk_count ? mem_dup(from->chunks, from->chunk_count * sizeof *to->chunks) : NULL;
    to->buckets = from->bucket_count
                      ? mem_dup(from->buckets, from->bucket_count * sizeof *to->buckets)
                      : NULL;
    for (size_t i = 0; i < to->chunk_count; i++)
        ref_take(&to->chunks[i].chunk->ref);
    for (size_t i = 0; i < to->bucket_count; i++)
        if (to->buckets[i])
            ref_take(&to->buckets[i]->ref);
}

void map_free(CatMap *m)
{
    for (size_t i = 0; i < m->bucket_count; i++)
        bucket_unref(m->buckets[i]);
    for (size_t i = 0; i < m->chunk_count; i++)
        chunk_unref(m->chunks[i].chunk);
    mem_free(m->buckets);
    mem_free(m->chunks);
}

void map_seal(CatMap *m)
{
    uint32_t before = 0;
    for (size_t i = 0; i < m->chunk_count; i++) {
        m->chunks[i].before = before;
        before += m->chunks[i].chunk->count;
    }
    must(before == m->count);
}

/* The last chunk that begins at or before id; chunk_count if there is none. */
static size_t chunk_of(const CatMap *m, ObjectId id)
{
    size_t low = 0, high = m->chunk_count; /* chunks below low begin at or before id */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->chunks[mid].first <= id)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : m->chunk_count;
}

/* Where id is, or would be, in the chunk. */
static uint32_t chunk_position(const CatChunk *c, ObjectId id)
{
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (c->nodes[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

CatNode *map_find(const CatMap *m, ObjectId id)
{
    size_t i = chunk_of(m, id);
    if (i == m->chunk_count)
        return NULL;
    const CatChunk *c = m->chunks[i].chunk;
    uint32_t at = chunk_position(c, id);
    return at < c->count && c->nodes[at]->id == id ? c->nodes[at] : NULL;
}

CatNode *map_find_name(const CatMap *m, ObjectId parent, Slice name)
{
    if (!m->bucket_count)
        return NULL;
    uint64_t hash = node_hash(parent, name);
    const CatBucket *b = m->buckets[hash & (m->bucket_count - 1)];
    for (uint32_t i = 0; b && i < b->count; i++) {
        CatNode *n = b->entries[i].node;
        if (b->entries[i].hash == hash && n->parent == parent && slice_eq(n->name, name))
            return n;
    }
    return NULL;
}

CatNode *map_at(const CatMap *m, size_t i)
{
    must(i < m->count);
    size_t low = 0, high = m->chunk_count - 1;
    while (low < high) {
        size_t mid = (low + high + 1) / 2;
        if (m->chunks[mid].before <= i)
            low = mid;
        else
            high = mid - 1;
    }
    return m->chunks[low].chunk->nodes[i - m->chunks[low].before];
}

static void bucket_add(CatMap *m, CatNode *n)
{
    CatBucket *b = bucket_own(m, n->hash & (m->bucket_count - 1));
    b->entries[b->count++] = (CatEntry){n->hash, n};
}

static void bucket_remove(CatMap *m, const CatNode *n)
{
    CatBucket *b = bucket_own(m, n->hash & (m->bucket_count - 1));
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->entries[i].node == n) {
            b->entries[i] = b->entries[--b->count];
            return;
        }
    }
    must(!"a node is missing in its bucket");
}

/* Makes the buckets four times as many when they are full on average. */
static void buckets_grow(CatMap *m)
{
    if (m->count < m->bucket_count * CAT_BUCKET_AVG)
        return;
    for (size_t i = 0; i < m->bucket_count; i++)
        bucket_unref(m->buckets[i]);
    mem_free(m->buckets);
    m->bucket_count = m->bucket_count ? m->bucket_count * 4 : 1;
    m->buckets = mem_zero(m->bucket_count * sizeof *m->buckets);
    for (size_t i = 0; i < m->chunk_count; i++)
        for (uint32_t k = 0; k < m->chunks[i].chunk->count; k++)
            bucket_add(m, m->chunks[i].chunk->nodes[k]);
}

static void chunks_insert(CatMap *m, size_t at, CatChunk *take_chunk)
{
    if (m->chunk_count == m->chunk_cap) {
        m->chunk_cap = m->chunk_cap * 2 + 4;
        m->chunks = mem_realloc(m->chunks, m->chunk_cap * sizeof *m->chunks);
    }
    memmove(m->chunks + at + 1, m->chunks + at, (m->chunk_count - at) * sizeof *m->chunks);
    m->chunks[at] = (CatChunkRef){.chunk = take_chunk, .first = take_chunk->nodes[0]->id};
    m->chunk_count++;
}

/* Splits the full chunk at i: in half, or, where ids only grow, keeps it full and opens an empty
 * place behind it.  Returns the chunk that takes id. */
static size_t chunk_split(CatMap *m, size_t i, CatNode *n)
{
    CatChunk *c = m->chunks[i].chunk;
    if (i + 1 == m->chunk_count && c->nodes[c->count - 1]->id < n->id) {
        chunks_insert(m, i + 1, chunk_new(&n, 1));
        return m->chunk_count;
    }
    c = chunk_own(m, i);
    CatChunk *upper = chunk_new(c->nodes + CAT_CHUNK / 2, CAT_CHUNK - CAT_CHUNK / 2);
    for (uint32_t k = CAT_CHUNK / 2; k < CAT_CHUNK; k++)
        node_unref(c->nodes[k]);
    c->count = CAT_CHUNK / 2;
    chunks_insert(m, i + 1, upper);
    return upper->nodes[0]->id <= n->id ? i + 1 : i;
}

static void chunk_add(CatMap *m, CatNode *n)
{
    if (!m->chunk_count) {
        chunks_insert(m, 0, chunk_new(&n, 1));
        return;
    }
    size_t i = chunk_of(m, n->id);
    if (i == m->chunk_count)
        i = 0; /* smaller than all */
    if (m->chunks[i].chunk->count == CAT_CHUNK) {
        i = chunk_split(m, i, n);
        if (i == m->chunk_count)
            return;
    }
    CatChunk *c = chunk_own(m, i);
    uint32_t at = chunk_position(c, n->id);
    memmove(c->nodes + at + 1, c->nodes + at, (c->count - at) * sizeof c->nodes[0]);
    c->nodes[at] = n;
    c->count++;
    ref_take(&n->ref);
    m->chunks[i].first = c->nodes[0]->id;
}

void map_put(CatMap *m, CatNode *take_node)
{
    CatNode *old = map_find(m, take_node->id);
    if (old) {
        size_t i = chunk_of(m, take_node->id);
        CatChunk *c = chunk_own(m, i);
        bucket_remove(m, old);
        c->nodes[chunk_position(c, take_node->id)] =
            take_node; /* takes over the caller's reference */
        node_unref(old);
        bucket_add(m, take_node);
        return;
    }
    buckets_grow(m);
    chunk_add(m, take_node);
    bucket_add(m, take_node);
    m->count++;
    node_unref(take_node);
}

void map_remove(CatMap *m, ObjectId id)
{
    size_t i = chunk_of(m, id);
    must(i < m->chunk_count);
    CatChunk *c = chunk_own(m, i);
    uint32_t at = chunk_position(c, id);
    must(at < c->count && c->nodes[at]->id == id);
    CatNode *n = c->nodes[at];
    bucket_remove(m, n);
    c->count--;
    memmove(c->nodes + at, c->nodes + at + 1, (c->count - at) * sizeof c->nodes[0]);
    m->count--;
    if (c->count) {
        m->chunks[i].first = c->nodes[0]->id;
    } else {
        chunk_unref(c);
        m->chunk_count--;
        memmove(m->chunks + i, m->chunks + i + 1, (m->chunk_count - i) * sizeof *m->chunks);
    }
    node_unref(n);
}
