/* The offline check: every checksum of a data directory, without starting an engine.
 * Reads what recovery would read and everything it would not: all chunks of all files. */
#include "storage/engine_private.h"

#include <stdio.h>

typedef struct Check {
    Store *store;
    Manifest manifest;
    SeriesIndex *index;
    void (*each)(void *arg, const Err *e);
    void *arg;
    Err first;
    uint64_t damages;
} Check;

static void report(void *arg, const Err *e)
{
    Check *c = arg;
    if (!c->damages++)
        c->first = *e;
    if (c->each)
        c->each(c->arg, e);
}

static bool check_edit(void *arg, Slice edit, Err *e)
{
    return manifest_apply(&((Check *)arg)->manifest, edit, e);
}

/* ---- parts ---- */

typedef struct CheckSource {
    PartSource base;
    Store *store;
    BlobId id;
} CheckSource;

static PinStatus check_pin(PartSource *s, uint64_t offset, size_t len, Task *waiter,
                           const uint8_t **ptr, Err *e)
{
    CheckSource *c = (CheckSource *)s;
    return c->store->ops->blob_pin(c->store, c->id, offset, len, waiter, ptr, e);
}

static void check_unpin(PartSource *s, const uint8_t *ptr, size_t len)
{
    CheckSource *c = (CheckSource *)s;
    c->store->ops->blob_unpin(c->store, c->id, ptr, len);
}

static void check_close(PartSource *s)
{
    mem_free(s);
}

static void check_part(Check *c, const ManifestPart *m)
{
    CheckSource *s = MEM_NEW(CheckSource);
    Part *part;
    Err e;
    s->store = c->store;
    s->id = blob_id(BLOB_PART, m->number);
    s->base = (PartSource){
        .size = m->bytes, .pin = check_pin, .unpin = check_unpin, .close = check_close};
    snprintf(s->base.name, sizeof s->base.name, "%06llu.skulk", (unsigned long long)m->number);
    if (!part_open(&part, &s->base, &e)) {
        report(c, &e);
        return;
    }
    const PartInfo *info = part_info(part);
    if (info->rows != m->rows || info->seq_max != m->seq_max) {
        err_set(&e, ERR_DATA_CORRUPTED, "%06llu.skulk is not the file that the manifest names",
                (unsigned long long)m->number);
        report(c, &e);
    }
    (void)part_check(part, report, c); /* each damage goes to report */
    part_unref(part);
}

/* ---- series, catalog, log ---- */

/* The file and its copy, each on its own. */
static void check_catalog_file(Check *c, const ManifestCatalog *m, BlobId id)
{
    CatalogSnap *cat;
    Err e;
    if (catalog_load_file(c->store, &cat, m, id, &e))
        cat_unref(cat);
    else
        report(c, &e);
}

/* Increments build on the files before them; a copy is read into an index of its own. */
static void check_series(Check *c, bool copies)
{
    const Manifest *m = &c->manifest;
    SeriesIndex *idx = copies ? idx_new(0, 1) : c->index;
    Err e;
    for (size_t i = 0; i < m->series_count; i++) {
        BlobId id = blob_id(BLOB_SERIES, m->series[i].number);
        if (!series_load_file(c->store, idx, &m->series[i], copies ? cache_copy(id) : id, &e))
            report(c, &e);
    }
    if (copies)
        idx_free(idx);
}

static bool check_record(void *arg, Lsn lsn, const LogFrame *f, Err *e)
{
    Check *c = arg;
    bool ok = true;
    if (f->type == REC_SERIES) {
        ok = series_replay(c->index, NULL, f->payload, e);
    } else if (f->type == REC_ROWS) {
        WriteBatch *wb = wb_new();
        ok = wb_decode(wb, f->payload, e);
        wb_free(wb);
    } else if (f->type == REC_DELETE) {
        Tombstone *t = NULL;
        ok = tomb_decode(&t, f->payload, lsn, e);
        tomb_unref(t);
    } else if (f->type == REC_FILE) {
        ManifestPart p;
        ok = manifest_one_part(&p, f->payload, e);
        if (ok)
            check_part(c, &p);
    } else if (f->type == REC_CATALOG) {
        Arena arena;
        CatEdit *edits;
        size_t n;
        arena_init(&arena, NULL);
        ok = f->payload.len >= 8
                 ? cat_decode_edits(&arena, slice_of(f->payload.ptr + 8, f->payload.len - 8),
                                    &edits, &n, e)
                 : err_set(e, ERR_DATA_CORRUPTED, "a catalog record is cut short");
        arena_free(&arena);
    }
    if (!ok) {
        err_wrap(e, "log record %llu", (unsigned long long)lsn);
        report(c, e);
    }
    return true;
}

static void check_all(Check *c)
{
    Err e;
    if (c->store->worn)
        report(c, c->store->worn);
    if (!c->store->ops->manifest_read(c->store, check_edit, c, &e)) {
        report(c, &e);
        return;
    }
    const Manifest *m = &c->manifest;
    check_series(c, true);
    check_series(c, false);
    if (m->catalog.number) {
        BlobId id = blob_id(BLOB_CATALOG, m->catalog.number);
        check_catalog_file(c, &m->catalog, id);
        check_catalog_file(c, &m->catalog, cache_copy(id));
    }
    for (size_t i = 0; i < m->part_count; i++)
        check_part(c, &m->parts[i]);
    if (!c->store->ops->log_read(c->store, m->covered, check_record, c, &e))
        report(c, &e);
}

bool engine_check_dir(const Io *io, const char *dir, void (*each)(void *arg, const Err *e),
                      void *arg, Err *e)
{
    Check c = {.each = each, .arg = arg};
    manifest_init(&c.manifest);
    if (!store_local_open(&c.store, dir, ENGINE_READ_ONLY | ENGINE_PREAD, io, NULL, e)) {
        if (e->code == ERR_DATA_CORRUPTED)
            report(&c, e);
        return false;
    }
    c.index = idx_new(0, 1);
    check_all(&c);
    c.store->ops->close(c.store);
    idx_free(c.index);
    manifest_reset(&c.manifest);
    if (c.damages)
        *e = c.first;
    return c.damages == 0;
}
