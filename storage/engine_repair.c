/* --repair: every file is read.  One that cannot be opened leaves the manifest; of one with damaged row
 * groups the others go into a new file in its place.  The damaged file moves to orphans/ (the sweep at
 * the end of recovery does that), and what is lost is named. */
#include "storage/engine_private.h"

#include "base/log.h"

typedef struct Salvage { /* the new file */
    PartSink sink;
    Store *store;
    BlobId id;
    uint64_t bytes;
} Salvage;

static bool put_now(Salvage *s, Slice bytes, bool last, Err *e)
{
    Completion c = {0};
    s->store->ops->blob_put(s->store, s->id, bytes, last, &c);
    must(atomic_load(&c.done)); /* a local store completes at once */
    s->bytes += bytes.len;
    if (!c.ok)
        *e = c.err;
    return c.ok;
}

static bool salvage_write(PartSink *sink, const void *ptr, size_t len, Err *e)
{
    return put_now((Salvage *)sink, slice_of(ptr, len), false, e);
}

static void name_damage(void *arg, const Err *e)
{
    (void)arg; /* the file has counted it */
    log_error("engine", "repair: lost: %s", e->message);
}

static void name_file(const EngineFile *f, uint64_t rows_kept)
{
    log_error(
        "engine",
        "repair: %06llu.skulk moves to orphans/: %llu of its %llu rows are lost, times %lld to "
        "%lld, log records %llu to %llu",
        (unsigned long long)f->info.number, (unsigned long long)(f->info.rows - rows_kept),
        (unsigned long long)f->info.rows, (long long)f->info.t_min, (long long)f->info.t_max,
        (unsigned long long)f->info.seq_min, (unsigned long long)f->info.seq_max);
}

/* A new file with all that can be read; rows = 0: nothing. */
static bool salvage_file(Engine *eng, EngineFile *f, ManifestPart *out, Err *e)
{
    Salvage s = {.sink = {.write = salvage_write}, .store = eng->store};
    *out = f->info;
    out->number = engine_next_file(eng);
    s.id = blob_id(BLOB_PART, out->number);
    PartWriter *w = part_writer_new(&s.sink, EFFORT_FLUSH);
    bool ok =
        part_salvage(f->part, w, e) && part_writer_finish(w, e) && put_now(&s, SLICE_NONE, true, e);
    out->rows = part_writer_rows(w);
    out->bytes = s.bytes;
    part_writer_free(w);
    if (!ok)
        eng->store->ops->blob_abort(eng->store, s.id);
    return ok;
}

/* What the new file says of itself: its ranges may be narrower than those of the old one. */
static EngineFile *open_salvaged(Engine *eng, ManifestPart *m)
{
    EngineFile *f = file_new(eng, m);
    if (f->part) {
        const PartInfo *in = part_info(f->part);
        f->info.t_min = m->t_min = in->t_min;
        f->info.t_max = m->t_max = in->t_max;
        f->info.seq_min = m->seq_min = in->seq_min;
        f->info.seq_max = m->seq_max = in->seq_max;
    }
    return f;
}

static bool repair_file(Engine *eng, EngineFile **at, Buf *edit, Err *e)
{
    EngineFile *f = *at;
    ManifestPart fresh = {0};
    if (f->part && part_check(f->part, name_damage, eng))
        return true;
    if (f->part && !salvage_file(eng, f, &fresh, e))
        return err_wrap(e, "repair of %06llu.skulk", (unsigned long long)f->info.number);
    name_file(f, fresh.rows);
    manifest_drop_part(edit, f->info.number);
    *at = fresh.rows ? open_salvaged(eng, &fresh) : NULL;
    if (*at)
        manifest_put_part(edit, &fresh);
    file_unref(f);
    return true;
}

bool engine_repair_files(Engine *eng, Err *e)
{
    Buf edit = {0};
    Completion c;
    size_t kept = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < eng->file_count; i++)
        ok = repair_file(eng, &eng->files[i], &edit, e);
    for (size_t i = 0; i < eng->file_count; i++)
        if (eng->files[i])
            eng->files[kept++] = eng->files[i];
    eng->file_count = kept;
    if (ok && edit.len) {
        must(commit_begin(eng, &edit, &c, NULL) && atomic_load(&c.done));
        ok = commit_end(eng, buf_slice(&edit), &c, e);
    }
    buf_free(&edit);
    return ok;
}
