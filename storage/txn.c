/* Transactions: a private copy of everything until COMMIT.
 *
 * Rows live twice: in private segments, which the transaction's own snapshots read as their newest
 * layers, and in the batches that COMMIT hands to the writer as one group.  A savepoint is a length
 * of each list.  From TXN_SPILL_BYTES on, rows since the last savepoint go to a file beside the
 * memtable (txn_spill.c): the file is the layer then, and a log record of it stands for the batches. */
#include "storage/engine_private.h"

enum { TXN_SPILL_BYTES = 32 << 20, TXN_WAIT_FACTOR = 3 };

typedef struct TxnEdits { /* one call of txn_edit_catalog */
    Buf bytes;
} TxnEdits;

struct Txn {
    Engine *eng;
    int32_t who;
    TxnLayer *layers;
    size_t layer_count, layer_cap;
    size_t mark_layers, mark_items; /* of the last savepoint: what is older stays as it is */
    SpillJob *spill;
    size_t spill_first, spill_count; /* layers that it makes a file of */
    size_t spill_items;              /* up to this item */
    bool close_layer;                /* the next row begins a new segment */
    WriteRequest *request;           /* the batches and deletes, encoded for the log already */
    Tombstone **tombs;               /* the same deletes, as its own snapshots see them */
    size_t tomb_count, tomb_cap;
    Lsn writes;      /* places in the order of its writes, above LSN_PRIVATE */
    Snapshot *kept;  /* REPEATABLE READ */
    TempSpace *temp; /* the session's; may be NULL */
    LockOwner *locks;
    size_t charged;
    TxnEdits *edits;
    size_t edit_count, edit_cap;
    /* the newest committed catalog with the edits on top, and what it was made from */
    CatalogSnap *base, *mine;
    size_t mine_edits;
};

Txn *txn_begin(Engine *eng)
{
    Txn *t = MEM_NEW(Txn);
    t->eng = eng;
    t->request = request_new();
    t->request->txn = true;
    return t;
}

void txn_set_who(Txn *t, int32_t who)
{
    t->who = who;
}

static void drop_mine(Txn *t)
{
    cat_unref(t->base);
    cat_unref(t->mine);
    t->base = t->mine = NULL;
}

/* Keeps the budget in step with what the request holds. */
static void charge(Txn *t)
{
    size_t now = t->request ? t->request->bytes : 0;
    if (t->eng->o.budget)
        budget_charge(t->eng->o.budget, (int64_t)now - (int64_t)t->charged);
    t->charged = now;
}

static void layers_cut(Txn *t, size_t count)
{
    while (t->layer_count > count)
        seg_unref(t->layers[--t->layer_count].segment); /* a file belongs to its item */
}

static void txn_free(Txn *t)
{
    if (t->spill)
        spill_cancel(t->spill);
    layers_cut(t, 0);
    for (size_t i = 0; i < t->edit_count; i++)
        buf_free(&t->edits[i].bytes);
    for (size_t i = 0; i < t->tomb_count; i++)
        tomb_unref(t->tombs[i]);
    request_free(t->request);
    t->request = NULL;
    charge(t);
    drop_mine(t);
    snapshot_unref(t->kept);
    lock_owner_end(t->locks, 0);
    mem_free(t->tombs);
    mem_free(t->layers);
    mem_free(t->edits);
    mem_free(t);
}

const TxnLayer *txn_layers(const Txn *t, size_t *count)
{
    *count = t ? t->layer_count : 0;
    return t ? t->layers : NULL;
}

const WriteRequest *txn_request(const Txn *t)
{
    return t->request;
}

Tombstone *const *txn_tombs(const Txn *t, size_t *count)
{
    *count = t ? t->tomb_count : 0;
    return t ? t->tombs : NULL;
}

void txn_use_temp(Txn *t, TempSpace *temp)
{
    t->temp = temp;
    drop_mine(t);
}

TempSpace *txn_temp(const Txn *t)
{
    return t ? t->temp : NULL;
}

void txn_keep_snapshot(Txn *t, Snapshot *base)
{
    snapshot_unref(t->kept);
    t->kept = snapshot_ref(base);
}

Snapshot *txn_base(const Txn *t)
{
    return t ? t->kept : NULL;
}

/* ---- rows ---- */

static Segment *layer_add(Txn *t, bool begins)
{
    if (t->layer_count == t->layer_cap) {
        t->layer_cap = t->layer_cap ? t->layer_cap * 2 : 4;
        t->layers = mem_realloc(t->layers, t->layer_cap * sizeof *t->layers);
    }
    TxnLayer *l = &t->layers[t->layer_count++];
    *l = (TxnLayer){
        .segment = seg_new(t->eng->o.budget), .first_item = t->request->count, .begins = begins};
    t->close_layer = false;
    return l->segment;
}

static void append(Txn *t, const WriteBatch *wb)
{
    size_t n = wb_rows(wb), from = 0;
    while (from < n) {
        Segment *s = t->layer_count ? t->layers[t->layer_count - 1].segment : NULL;
        if (!s || t->close_layer || seg_full(s))
            s = layer_add(t, from == 0);
        from = seg_append(s, wb, from, LSN_PRIVATE + t->writes);
    }
    t->writes++;
}

/* Segments that hold only rows since the last savepoint: from this layer on. */
static size_t spill_from(const Txn *t, size_t *bytes)
{
    size_t from = t->layer_count;
    *bytes = 0;
    for (size_t i = t->layer_count; i-- > t->mark_layers && t->layers[i].segment;) {
        const TxnLayer *l = &t->layers[i];
        if (l->first_item < t->mark_items)
            break;
        *bytes += seg_bytes(l->segment);
        if (l->begins)
            from = i;
    }
    return from;
}

/* A small memtable means little memory for transactions as well. */
static size_t spill_bytes(const Txn *t)
{
    int64_t max = t->eng->o.memtable_max;
    return max < TXN_SPILL_BYTES ? (size_t)max : TXN_SPILL_BYTES;
}

static void spill_begin(Txn *t)
{
    size_t bytes, from = spill_from(t, &bytes);
    if (bytes < spill_bytes(t) || from == t->layer_count)
        return;
    if (t->eng->o.archive_dir) /* the archive has the log, not the files that it names */
        return;
    SpillSpec spec = {.layers = t->layers + from,
                      .count = t->layer_count - from,
                      .tombs = t->tombs,
                      .tomb_count = t->tomb_count,
                      .catalog = txn_catalog(t)};
    t->spill_first = from;
    t->spill_count = spec.count;
    t->spill_items = t->request->count;
    t->close_layer = true;
    t->spill = spill_start(t->eng, &spec);
    cat_unref(spec.catalog);
}

/* Takes in what a spill has made; false: it failed. */
static bool spill_end(Txn *t, Err *e)
{
    EngineFile *file;
    if (!t->spill || spill_busy(t->spill, NULL))
        return true;
    SpillJob *job = t->spill;
    t->spill = NULL;
    if (!spill_take(job, &file, e))
        return false;
    TxnLayer *l = &t->layers[t->spill_first];
    size_t first = l->first_item, gone = t->request->count, after = t->spill_first + t->spill_count;
    request_spilled(t->request, first, t->spill_items, file);
    gone -= t->request->count;
    for (size_t i = 0; i < t->spill_count; i++)
        seg_unref(l[i].segment);
    size_t stay = file ? 1 : 0;
    *l = (TxnLayer){.file = file, .first_item = first, .begins = true};
    memmove(l + stay, t->layers + after, (t->layer_count - after) * sizeof *l);
    t->layer_count -= t->spill_count - stay;
    for (size_t i = t->spill_first + stay; i < t->layer_count; i++)
        t->layers[i].first_item -= gone;
    return true;
}

bool txn_full(Txn *t, Task *waiter)
{
    size_t bytes;
    if (temp_full(t->temp, waiter))
        return true;
    spill_from(t, &bytes);
    return t->spill && bytes > TXN_WAIT_FACTOR * spill_bytes(t) && spill_busy(t->spill, waiter);
}

bool txn_write(Txn *t, WriteBatch *take_wb, Err *e)
{
    Budget *budget = t->eng->o.budget;
    TableId table = wb_last_table(take_wb);
    if (temp_has(t->temp, table))
        return temp_write(t->temp, table, take_wb, e);
    if (!engine_writable(t->eng, e) || !spill_end(t, e) || (budget && !budget_check(budget, e))) {
        wb_free(take_wb);
        return false;
    }
    append(t, take_wb);
    request_add(t->request, take_wb);
    if (!t->spill)
        spill_begin(t);
    charge(t);
    return true;
}

bool txn_delete(Txn *t, const DeleteSpec *d, Err *e)
{
    if (temp_has(t->temp, d->table)) {
        temp_delete(t->temp, d);
        return true;
    }
    if (!engine_deletable(t->eng, e))
        return false;
    if (t->tomb_count == t->tomb_cap) {
        t->tomb_cap = t->tomb_cap ? t->tomb_cap * 2 : 4;
        t->tombs = mem_realloc(t->tombs, t->tomb_cap * sizeof *t->tombs);
    }
    Tombstone *tomb = tomb_new(d->table, d->series, d->t_min, d->t_max, LSN_PRIVATE + t->writes++);
    t->tombs[t->tomb_count++] = tomb;
    request_delete(t->request, tomb_ref(tomb));
    charge(t);
    return true;
}

bool txn_watch(Txn *t, const WatchEdit *edit, Err *e)
{
    if (!engine_deletable(t->eng, e))
        return false;
    request_watch(t->request, edit);
    charge(t);
    return true;
}

/* ---- locks ---- */

LockStatus txn_lock_table(Txn *t, TableId table, int64_t deadline_ns, Task *waiter, Err *e)
{
    if (!t->locks)
        t->locks = lock_owner_new(t->eng->locks, t->who);
    LockWish wish = {.table = table,
                     .kept = t->kept != NULL,
                     .seen = t->kept ? snapshot_seen(t->kept) : 0,
                     .now_ns = engine_now(t->eng),
                     .deadline_ns = deadline_ns,
                     .waiter = waiter};
    return lock_take(t->locks, &wish, e);
}

void engine_locks(Engine *eng, LockEach each, void *arg)
{
    locks_each(eng->locks, each, arg);
}

void txn_lock_cancel(Txn *t)
{
    if (t->locks)
        lock_cancel(t->locks);
}

/* ---- catalog ---- */

/* Puts the edits [0, count) on top of base. */
static bool overlay(const Txn *t, const CatalogSnap *base, size_t count, CatalogSnap **out, Err *e)
{
    CatalogSnap *at = cat_ref(base);
    Arena arena;
    bool ok = true;
    arena_init(&arena, NULL);
    for (size_t i = 0; ok && i < count; i++) {
        CatEdit *edits;
        CatalogSnap *next;
        size_t n;
        arena_reset(&arena);
        ok = cat_decode_edits(&arena, buf_slice(&t->edits[i].bytes), &edits, &n, e) &&
             cat_apply(&next, at, edits, n, e);
        if (ok) {
            cat_unref(at);
            at = next;
        }
    }
    arena_free(&arena);
    if (ok)
        *out = at;
    else
        cat_unref(at);
    return ok;
}

/* What its own edits stand upon. */
static CatalogSnap *firm_base(const Txn *t)
{
    CatalogSnap *newest = engine_catalog(t->eng), *base = temp_catalog(t->temp, newest);
    cat_unref(newest);
    return base;
}

/* Brings `mine` up to date with what others committed. */
static bool refresh(Txn *t, Err *e)
{
    CatalogSnap *newest = firm_base(t), *mine;
    if (t->mine && t->base == newest && t->mine_edits == t->edit_count) {
        cat_unref(newest);
        return true;
    }
    if (!overlay(t, newest, t->edit_count, &mine, e)) {
        cat_unref(newest);
        return false;
    }
    drop_mine(t);
    t->base = newest;
    t->mine = mine;
    t->mine_edits = t->edit_count;
    return true;
}

static void add_edits(Txn *t, const CatEdit *edits, size_t n)
{
    if (t->edit_count == t->edit_cap) {
        t->edit_cap = t->edit_cap ? t->edit_cap * 2 : 8;
        t->edits = mem_realloc(t->edits, t->edit_cap * sizeof *t->edits);
    }
    TxnEdits *te = &t->edits[t->edit_count++];
    buf_init(&te->bytes);
    cat_encode_edits(&te->bytes, edits, n);
}

bool txn_edit_catalog(Txn *t, const CatEdit *edits, size_t n, Err *e)
{
    CatalogSnap *next;
    if (!engine_deletable(t->eng, e) || !refresh(t, e) || !cat_apply(&next, t->mine, edits, n, e))
        return false;
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 0; i + run < n && !temp_owns_edit(t->temp, &edits[i + run]);)
            run++;
        if (run)
            add_edits(t, edits + i, run);
        else
            temp_edit(t->temp, &edits[i]), run = 1;
    }
    cat_unref(t->mine);
    t->mine = next;
    t->mine_edits = t->edit_count;
    return true;
}

CatalogSnap *txn_catalog(Txn *t)
{
    Err conflict; /* with what others committed: COMMIT will say so, until then the old view stays */
    if (t->edit_count == 0 || (!refresh(t, &conflict) && !t->mine))
        return firm_base(t);
    return cat_ref(t->mine);
}

/* ---- savepoints ---- */

/* A mark is a place in the lists, so no spill may be under way that will shorten them. */
static void spill_stop(Txn *t)
{
    Err ignored; /* the rows are still in their segments */
    if (t->spill && !spill_busy(t->spill, NULL) && spill_end(t, &ignored))
        return;
    if (t->spill)
        spill_cancel(t->spill);
    t->spill = NULL;
}

TxnMark txn_savepoint(Txn *t)
{
    spill_stop(t);
    const Segment *last = t->layer_count ? t->layers[t->layer_count - 1].segment : NULL;
    t->mark_layers = t->layer_count;
    t->mark_items = t->request->count;
    return (TxnMark){
        .segment_rows = last ? seg_rows(last) : 0,
        .edits = t->edit_count,
        .opaque = {t->layer_count, t->request->count, t->tomb_count, temp_savepoint(t->temp)}};
}

void txn_rollback_to(Txn *t, TxnMark m)
{
    spill_stop(t);
    must(m.opaque[0] <= t->layer_count && m.opaque[1] <= t->request->count &&
         m.opaque[2] <= t->tomb_count && m.edits <= t->edit_count);
    temp_rollback_to(t->temp, m.opaque[3]);
    layers_cut(t, m.opaque[0]);
    if (t->layer_count && t->layers[t->layer_count - 1].segment)
        seg_truncate(t->layers[t->layer_count - 1].segment, m.segment_rows);
    while (t->tomb_count > m.opaque[2])
        tomb_unref(t->tombs[--t->tomb_count]);
    request_shorten(t->request, m.opaque[1]);
    t->mark_layers = m.opaque[0];
    t->mark_items = m.opaque[1];
    charge(t);
    if (t->edit_count > m.edits)
        drop_mine(t);
    while (t->edit_count > m.edits)
        buf_free(&t->edits[--t->edit_count].bytes);
}

bool txn_has_writes(const Txn *t)
{
    return t->request->count || t->edit_count;
}

void txn_rollback(Txn *take_t)
{
    if (take_t)
        txn_free(take_t);
}

/* ---- commit ---- */

/* All edits as one list; they live in the arena. */
static bool all_edits(const Txn *t, Arena *arena, CatEdit **out, size_t *count, Err *e)
{
    Buf list = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < t->edit_count; i++) {
        CatEdit *edits;
        size_t n;
        ok = cat_decode_edits(arena, buf_slice(&t->edits[i].bytes), &edits, &n, e);
        if (ok)
            buf_put(&list, edits, n * sizeof *edits);
    }
    *count = list.len / sizeof(CatEdit);
    *out = arena_alloc(arena, list.len + 1);
    if (list.len)
        memcpy(*out, list.ptr, list.len);
    buf_free(&list);
    return ok;
}

static bool commit_catalog(Txn *t, WriteRequest *r, Err *e)
{
    Arena arena;
    CatEdit *edits;
    size_t n;
    arena_init(&arena, NULL);
    bool ok = all_edits(t, &arena, &edits, &n, e) && engine_apply_catalog(t->eng, edits, n, r, e);
    arena_free(&arena);
    return ok;
}

void txn_commit(Txn *take_t, SyncMode sync, Ticket *ticket)
{
    Txn *t = take_t;
    Engine *eng = t->eng;
    Err e;
    atomic_store_explicit(&ticket->done, false, memory_order_relaxed);
    if (!txn_has_writes(t)) {
        txn_free(t);
        ticket_end(eng, ticket, true, 0, NULL);
        return;
    }
    spill_stop(t); /* what is in no file yet goes the way of all rows */
    WriteRequest *r = t->request;
    r->ticket = ticket;
    r->sync = sync;
    r->locks = t->locks;
    t->request = NULL;
    t->locks = NULL;
    bool ok = true;
    if (t->edit_count)
        ok = commit_catalog(t, r, &e);
    else
        engine_push(eng, r);
    if (!ok) {
        request_free(r);
        if (e.code != ERR_ADMIN_SHUTDOWN && e.code != ERR_DISK_FULL && e.code != ERR_IO &&
            e.code != ERR_OUT_OF_MEMORY && e.code != ERR_OBJECT_STATE &&
            e.code != ERR_PROGRAM_LIMIT) {
            err_wrap(&e, "another transaction changed the catalog");
            e.code = ERR_SERIALIZATION;
        }
    }
    txn_free(t);
    if (!ok)
        ticket_end(eng, ticket, false, 0, &e);
}
