/* Changes of the catalog.  They are in force in memory at once, in the order of the queue, so that
 * whoever comes next builds on them; the log has them later, a transaction's together with its rows.
 *
 * A transaction that is refused (the disk is full) must leave nothing behind: the catalog is made again from
 * the one before it and the edits behind it, under new version numbers.  What cannot do without the
 * transaction (a column of a table that it made) goes with it, and so do rows that wait in the queue:
 * they may be of such a table.  Until a transaction is decided, files, compaction and the series
 * index go by the catalog before it (catalog_firm): a table that it drops is not gone yet. */
#include "storage/engine_private.h"

static void catalog_payload(Buf *out, uint64_t version_after, const CatEdit *edits, size_t n)
{
    buf_put_u64(out, version_after);
    cat_encode_edits(out, edits, n);
}

/* Needs the mutex; the request is queued. */
static void await_decision(Engine *eng, WriteRequest *r, CatalogSnap *take_base)
{
    r->base = take_base;
    r->next_edit = NULL;
    *eng->edits_tail = r;
    eng->edits_tail = &r->next_edit;
}

bool engine_apply_catalog(Engine *eng, const CatEdit *edits, size_t n, WriteRequest *r, Err *e)
{
    for (;;) { /* cat_apply works outside the mutex; another edit may come first */
        CatalogSnap *base = engine_catalog(eng), *next = NULL;
        bool ok = cat_apply(&next, base, edits, n, e);
        if (!ok) {
            cat_unref(base);
            return false;
        }
        buf_clear(&r->catalog);
        catalog_payload(&r->catalog, cat_version(next), edits, n);
        mutex_lock(&eng->mutex);
        bool same = eng->catalog == base;
        ok = !same || request_push(eng, r, e);
        if (ok && same) {
            eng->catalog = next;
            eng->queue_bytes += r->catalog.len;
            r->bytes += r->catalog.len;
            if (r->txn)
                await_decision(eng, r, cat_ref(base));
        }
        mutex_unlock(&eng->mutex);
        cat_unref(base);
        if (ok && same) {
            cat_unref(base); /* the engine's reference */
            engine_wake(eng, &eng->writer.task);
            return true;
        }
        cat_unref(next);
        if (!ok)
            return false;
    }
}

bool engine_edit_catalog(Engine *eng, const CatEdit *edits, size_t n, Err *e)
{
    WriteRequest *r = request_new();
    r->sync = SYNC_OFF; /* durable with the first batch that needs it */
    if (engine_apply_catalog(eng, edits, n, r, e))
        return true;
    request_free(r);
    return false;
}

CatalogSnap *catalog_firm(const Engine *eng)
{
    return cat_ref(eng->edits ? eng->edits->base : eng->catalog);
}

CatalogSnap *engine_firm_catalog(Engine *eng)
{
    mutex_lock(&eng->mutex);
    CatalogSnap *c = catalog_firm(eng);
    mutex_unlock(&eng->mutex);
    return c;
}

void catalog_firm_up(Engine *eng, const WriteRequest *group)
{
    for (const WriteRequest *r = group; r; r = r->next) {
        if (!r->base)
            continue;
        must(eng->edits == r); /* both lists are in the order of the queue */
        eng->edits = r->next_edit;
        if (!eng->edits)
            eng->edits_tail = &eng->edits;
    }
}

/* ---- taking back ---- */

typedef struct Rebuild {
    CatalogSnap *at;
    uint64_t version; /* the last that was given */
    Arena arena;
} Rebuild;

/* Puts the request's edits on top of what is left; false: they cannot do without what is gone. */
static bool rebuild_add(Rebuild *b, WriteRequest *r)
{
    CatEdit *edits;
    CatalogSnap *next;
    size_t n;
    Err ignored;
    Slice bytes = slice_of(r->catalog.ptr + 8, r->catalog.len - 8);
    arena_reset(&b->arena);
    if (!cat_decode_edits(&b->arena, bytes, &edits, &n, &ignored) ||
        !cat_apply(&next, b->at, edits, n, &ignored))
        return false;
    cat_renumber(next, ++b->version);
    memcpy(r->catalog.ptr, &b->version, sizeof b->version);
    if (r->base) {
        cat_unref(r->base);
        r->base = cat_ref(b->at);
    }
    cat_unref(b->at);
    b->at = next;
    return true;
}

/* Of a group that was refused: the edits of transactions are dropped, those of others stay. */
static void rebuild_group(Rebuild *b, WriteRequest *group)
{
    for (WriteRequest *r = group; r; r = r->next)
        if (r->catalog.len && (r->txn || !rebuild_add(b, r)))
            buf_clear(&r->catalog);
}

/* What is queued behind; what has to go with it joins the end of the group. */
static void rebuild_queue(Engine *eng, Rebuild *b, WriteRequest *group)
{
    WriteRequest **end = &group, **at = &eng->queue;
    while (*end)
        end = &(*end)->next;
    while (*at) {
        WriteRequest *r = *at;
        bool goes = request_has_rows(r);
        if (r->catalog.len && !(goes && r->txn))
            goes |= !rebuild_add(b, r);
        if (!goes) {
            at = &r->next;
            if (r->base)
                await_decision(eng, r, r->base);
            continue;
        }
        buf_clear(&r->catalog);
        eng->queue_bytes -= r->bytes;
        *at = r->next;
        r->next = NULL;
        *end = r;
        end = &r->next;
    }
    eng->queue_tail = at;
}

/* Even where nothing is left to be done the new catalog has a number of its own. */
static void rebuild_number(Rebuild *b)
{
    CatalogSnap *same;
    Err e;
    must(cat_apply(&same, b->at, NULL, 0, &e));
    cat_renumber(same, ++b->version);
    cat_unref(b->at);
    b->at = same;
}

void engine_undo_edits(Engine *eng, WriteRequest *group)
{
    WriteRequest *first = group;
    while (first && !first->base)
        first = first->next;
    if (!first)
        return;
    mutex_lock(&eng->mutex); /* rare, so catalogs may be made under it */
    CatalogSnap *before = eng->catalog;
    Rebuild b = {.at = cat_ref(first->base), .version = cat_version(before)};
    arena_init(&b.arena, NULL);
    must(eng->edits == first);
    eng->edits = NULL;
    eng->edits_tail = &eng->edits;
    rebuild_group(&b, first);
    rebuild_queue(eng, &b, first);
    rebuild_number(&b);
    eng->catalog = b.at;
    mutex_unlock(&eng->mutex);
    cat_unref(before);
    arena_free(&b.arena);
}
