#include "storage/engine_private.h"

#include "base/log.h"
#include <stdio.h>

int64_t engine_window_of(void *arg, TableId table, int64_t time_ns)
{
    const WindowRule *rule = arg;
    int64_t first, last;
    window_unit(cat_table_by_id(rule->catalog, table), rule->stretch, time_ns, &first, &last);
    return first;
}

/* ---- files ---- */

typedef struct FileSource { /* how a part reads its file; lives as long as the part */
    PartSource base;
    Engine *eng;
    BlobId id;
    const uint8_t *whole; /* pinned as a whole */
    atomic_bool drop;
} FileSource;

static PinStatus source_pin(PartSource *s, uint64_t offset, size_t len, Task *waiter,
                            const uint8_t **ptr, Err *e)
{
    FileSource *f = (FileSource *)s;
    return f->eng->store->ops->blob_pin(f->eng->store, f->id, offset, len, waiter, ptr, e);
}

static void source_unpin(PartSource *s, const uint8_t *ptr, size_t len)
{
    FileSource *f = (FileSource *)s;
    f->eng->store->ops->blob_unpin(f->eng->store, f->id, ptr, len);
}

static void source_close(PartSource *s)
{
    FileSource *f = (FileSource *)s;
    if (f->whole)
        f->eng->store->ops->blob_unpin(f->eng->store, f->id, f->whole, f->base.size);
    if (atomic_load(&f->drop))
        engine_drop_blob(f->eng, f->id);
    mem_free(f);
}

/* A block of bytes is bad: told once, with names; what does not need it is served. */
static void source_damaged(PartSource *s, TableId table, SeriesId series, const Err *e)
{
    FileSource *f = (FileSource *)s;
    CatalogSnap *cat = engine_catalog(f->eng);
    const TableDef *def = cat_table_by_id(cat, table);
    log_error("engine", "damaged: table \"%.*s\", series %llu: %s",
              SLICE_ARG(def ? def->name : SLICE_LIT("?")), (unsigned long long)series, e->message);
    cat_unref(cat);
    atomic_fetch_add(&f->eng->stats.blocks_damaged, 1);
}

static bool file_open(EngineFile *f, Err *e)
{
    Store *store = f->eng->store;
    FileSource *s = MEM_NEW(FileSource);
    s->eng = f->eng;
    s->id = blob_id(BLOB_PART, f->info.number);
    s->base.size = f->info.bytes;
    s->base.close = source_close;
    s->base.pin = source_pin;
    s->base.unpin = source_unpin;
    s->base.damaged = source_damaged;
    s->base.cache = f->eng->part_cache;
    snprintf(s->base.name, sizeof s->base.name, "%06llu.skulk", (unsigned long long)f->info.number);
    if (store->mapped) {
        if (store->ops->blob_pin(store, s->id, 0, f->info.bytes, NULL, &s->whole, e) != PIN_OK) {
            mem_free(s);
            return false;
        }
        s->base.base = s->whole;
        s->base.mapped = true;
    }
    f->source = s;
    return part_open(&f->part, &s->base, e); /* takes the source, also on failure */
}

EngineFile *file_new(Engine *eng, const ManifestPart *info)
{
    EngineFile *f = MEM_NEW(EngineFile);
    ref_init(&f->ref);
    f->eng = eng;
    f->info = *info;
    f->created_ns = engine_now(eng);
    if (!file_open(f, &f->err)) {
        f->part = NULL;
        f->source = NULL;
    }
    return f;
}

EngineFile *file_ref(EngineFile *f)
{
    ref_take(&f->ref);
    return f;
}

void file_unref(EngineFile *f)
{
    if (!f || !ref_drop(&f->ref))
        return;
    part_unref(f->part);
    mem_free(f);
}

void file_drop(EngineFile *f)
{
    if (f->source)
        atomic_store(&f->source->drop, true);
    else
        engine_drop_blob(f->eng, blob_id(BLOB_PART, f->info.number));
}

/* ---- part lists ---- */

PartList *part_list_ref(PartList *l)
{
    ref_take(&l->ref);
    return l;
}

void part_list_unref(PartList *l)
{
    if (!l || !ref_drop(&l->ref))
        return;
    for (size_t i = 0; i < l->count; i++)
        part_unref(l->parts[i].part);
    for (size_t i = 0; i < l->damaged_count; i++)
        file_unref(l->damaged_files[i]);
    tombs_unref(l->tombs);
    mem_free(l->parts);
    mem_free(l->damaged);
    mem_free(l->damaged_files);
    mem_free(l);
}

static void list_add_damaged(PartList *l, EngineFile *f)
{
    size_t n = l->damaged_count + 1;
    l->damaged = mem_realloc(l->damaged, n * sizeof *l->damaged);
    l->damaged_files = mem_realloc(l->damaged_files, n * sizeof *l->damaged_files);
    l->damaged[n - 1] = (VersionDamage){f->info.t_min, f->info.t_max, &f->err};
    l->damaged_files[n - 1] = file_ref(f);
    l->damaged_count = n;
}

/* Files are kept sorted by sequence; sealed segments are newer than all of them. */
PartList *part_list_build(Engine *eng)
{
    PartList *l = MEM_NEW(PartList);
    ref_init(&l->ref);
    l->tombs = tombs_ref(eng->tombs);
    l->parts = mem_zero((eng->file_count + eng->mem_count + 1) * sizeof *l->parts);
    for (size_t i = 0; i < eng->file_count; i++) {
        EngineFile *f = eng->files[i];
        if (!f->part) {
            list_add_damaged(l, f);
            continue;
        }
        l->parts[l->count] = (VersionPart){.part = part_ref(f->part),
                                           .file = f->info.number,
                                           .level = f->info.level,
                                           .window = window_start(NULL, f->info.t_min),
                                           .age = (uint32_t)l->count};
        l->count++;
    }
    for (; l->mem_count < eng->mem_count; l->mem_count++) {
        const MemSegment *ms = eng->mem[l->mem_count];
        if (!ms->sealed || !ms->visible)
            break;
        part_ref(ms->sealed);
        l->parts[l->count] = mem_version_part(ms, (uint32_t)l->count);
        l->count++;
    }
    return l;
}

void engine_swap_parts(Engine *eng, PartList **old)
{
    *old = eng->parts;
    eng->parts = part_list_build(eng);
}

/* ---- snapshots ---- */

struct Snapshot {
    Ref ref;
    Engine *eng;
    uint64_t round; /* snapshot_round when it was taken */
    PartList *parts;
    CatalogSnap *catalog;
    TombList *tombs;
    WatchList *watches;
    Lsn seen;        /* records up to here are in it */
    int64_t wall_ns; /* when it was taken */
    uint32_t next_age;
    VersionPart *parts_more; /* the list's and more; NULL: just the list's */
    size_t part_count;
    size_t tail_count;
    VersionTail tails[];
};

static Snapshot *snapshot_new(PartList *parts, CatalogSnap *cat, Lsn seen, size_t layers)
{
    Snapshot *s = mem_zero(sizeof *s + layers * sizeof s->tails[0]);
    ref_init(&s->ref);
    s->parts = part_list_ref(parts);
    s->catalog = cat_ref(cat);
    s->seen = seen;
    s->part_count = parts->count;
    s->next_age = (uint32_t)parts->count;
    return s;
}

static void add_tail(Snapshot *s, Segment *segment, size_t rows)
{
    if (!rows)
        return;
    s->tails[s->tail_count++] =
        (VersionTail){.segment = seg_ref(segment), .rows = rows, .age = s->next_age++};
}

/* A part that is newer than some tail. */
static void add_part(Snapshot *s, VersionPart p)
{
    size_t n = s->part_count + 1;
    s->parts_more = mem_realloc(s->parts_more, n * sizeof p);
    if (s->part_count == s->parts->count && s->part_count)
        memcpy(s->parts_more, s->parts->parts, s->part_count * sizeof p);
    part_ref(p.part);
    p.age = s->next_age++;
    s->parts_more[s->part_count++] = p;
}

/* What is committed now; room for `more` layers.  Needs the mutex. */
static Snapshot *snapshot_newest(Engine *eng, size_t more)
{
    Snapshot *s = snapshot_new(eng->parts, eng->catalog, eng->applied, eng->mem_count + more);
    for (size_t i = eng->parts->mem_count; i < eng->mem_count; i++) {
        const MemSegment *ms = eng->mem[i];
        if (!ms->sealed)
            add_tail(s, ms->segment, ms->visible);
        else if (ms->visible)
            add_part(s, mem_version_part(ms, 0));
    }
    return s;
}

/* The same as `base` shows: layers with the ages they have. */
static Snapshot *snapshot_again(const Snapshot *base, size_t more)
{
    Snapshot *s = snapshot_new(base->parts, base->catalog, base->seen, base->tail_count + more);
    for (size_t i = base->parts->count; i < base->part_count; i++) {
        add_part(s, base->parts_more[i]);
        s->parts_more[i].age = base->parts_more[i].age;
    }
    for (size_t i = 0; i < base->tail_count; i++) {
        add_tail(s, base->tails[i].segment, base->tails[i].rows);
        s->tails[i].age = base->tails[i].age;
    }
    s->next_age = base->next_age;
    return s;
}

static void add_layers(Snapshot *s, const TxnLayer *layer, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (layer[i].segment)
            add_tail(s, layer[i].segment, seg_rows(layer[i].segment));
        else
            add_part(s, (VersionPart){.part = layer[i].file->part});
    }
}

static void add_tombs(Snapshot *s, Tombstone *const *tombs, size_t n)
{
    TombList *old = s->tombs;
    if (n == 0)
        return;
    s->tombs = tombs_build(old ? old : s->parts->tombs, NULL, 0, tombs, n);
    tombs_unref(old);
}

/* A transaction's writes as the newest layers, and the session's temporary tables. */
static void add_own(Snapshot *s, Txn *own)
{
    size_t n;
    WatchList *committed = s->watches;
    s->watches = watches_with(committed, txn_request(own), LSN_PRIVATE);
    watches_unref(committed);
    const TxnLayer *layers = txn_layers(own, &n);
    add_layers(s, layers, n);
    const TempSpace *temp = txn_temp(own);
    for (size_t i = 0; temp_layers(temp, i, &layers, &n); i++)
        add_layers(s, layers, n);
    Tombstone *const *tombs = txn_tombs(own, &n);
    add_tombs(s, tombs, n);
    tombs = temp_tombs(temp, &n);
    add_tombs(s, tombs, n);
}

Snapshot *engine_snapshot(Engine *eng, Txn *own)
{
    size_t more;
    txn_layers(own, &more);
    temp_collect(txn_temp(own));
    more += temp_layer_count(txn_temp(own));
    CatalogSnap *own_catalog = own ? txn_catalog(own) : NULL, *old_catalog = NULL;
    const Snapshot *base = txn_base(own);
    mutex_lock(&eng->mutex);
    Snapshot *s = base ? snapshot_again(base, more) : snapshot_newest(eng, more);
    s->watches = watches_ref(base ? base->watches : eng->watches);
    s->eng = eng;
    s->wall_ns = base ? base->wall_ns : eng->clock->wall_ns(eng->clock);
    s->round = eng->snapshot_round;
    eng->snapshots++;
    eng->snapshots_of[s->round & 1]++;
    mutex_unlock(&eng->mutex);
    if (own)
        add_own(s, own);
    if (!s->tombs)
        s->tombs = tombs_ref(s->parts->tombs);
    if (own_catalog) {
        old_catalog = s->catalog;
        s->catalog = own_catalog;
    }
    cat_unref(old_catalog);
    return s;
}

Lsn snapshot_seen(const Snapshot *s)
{
    return s->seen;
}

Snapshot *snapshot_ref(Snapshot *s)
{
    ref_take(&s->ref);
    return s;
}

void snapshot_unref(Snapshot *s)
{
    if (!s || !ref_drop(&s->ref))
        return;
    for (size_t i = 0; i < s->tail_count; i++)
        seg_unref(s->tails[i].segment);
    for (size_t i = s->parts->count; i < s->part_count; i++)
        part_unref(s->parts_more[i].part);
    mem_free(s->parts_more);
    part_list_unref(s->parts);
    cat_unref(s->catalog);
    tombs_unref(s->tombs);
    watches_unref(s->watches);
    mutex_lock(&s->eng->mutex);
    s->eng->snapshots--;
    s->eng->snapshots_of[s->round & 1]--;
    mutex_unlock(&s->eng->mutex);
    mem_free(s);
}

const CatalogSnap *snapshot_catalog(const Snapshot *s)
{
    return s->catalog;
}

Engine *snapshot_engine(const Snapshot *s)
{
    return s->eng;
}

int64_t snapshot_wall(const Snapshot *s)
{
    return s->wall_ns;
}

const WatchList *snapshot_watches(const Snapshot *s)
{
    return s->watches;
}

Lsn snapshot_place(const Snapshot *s)
{
    return s->seen;
}

void snapshot_view(const Snapshot *s, SnapshotView *out)
{
    *out = (SnapshotView){.parts = s->parts_more ? s->parts_more : s->parts->parts,
                          .part_count = s->part_count,
                          .tails = s->tails,
                          .tail_count = s->tail_count,
                          .catalog = s->catalog,
                          .tombs = s->tombs,
                          .damaged = s->parts->damaged,
                          .damaged_count = s->parts->damaged_count};
}

static uint64_t dead_bytes(const Part *p, const CatalogSnap *cat)
{
    const PartInfo *info = part_info(p);
    uint64_t dead = 0;
    for (size_t i = 0; i < part_table_count(p); i++)
        if (!cat_table_by_id(cat, part_table_at(p, i)))
            dead += part_table_rows(p, i);
    return dead ? (uint64_t)((double)info->bytes * (double)dead / (double)info->rows) : 0;
}

size_t snapshot_files(const Snapshot *s, FileInfo *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < s->parts->count; i++) {
        const VersionPart *p = &s->parts->parts[i];
        if (!p->file)
            continue;
        if (n < max) {
            const PartInfo *info = part_info(p->part);
            out[n] = (FileInfo){.level = p->level,
                                .rows = info->rows,
                                .bytes = info->bytes,
                                .dead_bytes = dead_bytes(p->part, s->catalog),
                                .t_min = info->t_min,
                                .t_max = info->t_max,
                                .tables = (uint32_t)part_table_count(p->part)};
            snprintf(out[n].name, sizeof out[n].name, "%s", part_name(p->part));
        }
        n++;
    }
    return n;
}
