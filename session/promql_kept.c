#include "session/promql_kept.h"

#include "base/hash.h"
#include "base/sync.h"

enum { KEPT_MAX = 64, KEPT_BYTES_MAX = 1 << 20 }; /* lists; bytes of one */

typedef struct Kept {
    Buf key, tables, json; /* key empty: free */
    PromKeptAt at;
    uint64_t mark; /* of all tables */
    uint64_t used;
} Kept;

struct PromKept {
    Mutex mutex; /* RANK_LEAF; the rest needs it */
    uint64_t clock;
    Kept lists[KEPT_MAX];
};

PromKept *prom_kept_new(void)
{
    PromKept *k = MEM_NEW(PromKept);
    mutex_init(&k->mutex, RANK_LEAF);
    return k;
}

static void kept_clear(Kept *x)
{
    buf_free(&x->key);
    buf_free(&x->tables);
    buf_free(&x->json);
    *x = (Kept){0};
}

void prom_kept_free(PromKept *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        kept_clear(&k->lists[i]);
    mutex_destroy(&k->mutex);
    mem_free(k);
}

PromKeptAt prom_kept_at(const PqlListing *l)
{
    return (PromKeptAt){cat_version(snapshot_catalog(l->snapshot)),
                        idx_serial(engine_index(snapshot_engine(l->snapshot)))};
}

/* Of all tables; 0: it cannot be told. */
static uint64_t marks(const PqlListing *l, Slice tables)
{
    uint64_t all = 1;
    TableId id;
    for (size_t at = 0; at < tables.len && all; at += sizeof id) {
        memcpy(&id, tables.ptr + at, sizeof id);
        uint64_t mark = pql_alive_mark(l, id);
        all = mark ? hash_mix(all, mark) | 1 : 0;
    }
    return all;
}

/* Needs the mutex. */
static Kept *find(PromKept *k, Slice key)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (k->lists[i].key.len && slice_eq(buf_slice(&k->lists[i].key), key))
            return &k->lists[i];
    return NULL;
}

/* Appends the list; marks are compared without the mutex: they look at the index, which has one of its own. */
static bool copy_out(PromKept *k, Slice key, PromKeptAt at, Buf *tables, uint64_t *mark, Buf *json)
{
    mutex_lock(&k->mutex);
    Kept *x = find(k, key);
    bool hit = x && x->at.catalog == at.catalog && x->at.series == at.series;
    if (hit) {
        x->used = ++k->clock;
        *mark = x->mark;
        buf_put_slice(tables, buf_slice(&x->tables));
        buf_put_slice(json, buf_slice(&x->json));
    }
    mutex_unlock(&k->mutex);
    return hit;
}

bool prom_kept_find(PromKept *k, Slice key, const PqlListing *l, PromKeptAt at, Buf *json)
{
    Buf tables;
    uint64_t mark;
    size_t begin = json->len;
    buf_init(&tables);
    bool hit = copy_out(k, key, at, &tables, &mark, json) && marks(l, buf_slice(&tables)) == mark;
    if (!hit)
        json->len = begin;
    buf_free(&tables);
    return hit;
}

/* Its own, or the one that nobody has asked for longest.  Needs the mutex. */
static Kept *place(PromKept *k, Slice key)
{
    Kept *x = find(k, key);
    if (x)
        return x;
    x = &k->lists[0];
    for (size_t i = 1; i < KEPT_MAX; i++)
        if (k->lists[i].used < x->used)
            x = &k->lists[i];
    return x;
}

void prom_kept_put(PromKept *k, Slice key, const PqlListing *l, PromKeptAt at, Slice tables,
                   Slice json)
{
    uint64_t mark = json.len <= KEPT_BYTES_MAX ? marks(l, tables) : 0;
    if (!mark)
        return;
    mutex_lock(&k->mutex);
    Kept *x = place(k, key);
    kept_clear(x);
    x->at = at;
    x->mark = mark;
    x->used = ++k->clock;
    buf_put_slice(&x->key, key);
    buf_put_slice(&x->tables, tables);
    buf_put_slice(&x->json, json);
    mutex_unlock(&k->mutex);
}
