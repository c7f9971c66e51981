/* The scrub: once a week every file is read and checked, slowly, while the compactor has nothing to do.
 * A damaged file is named in the log and left aside by compaction until a repair.  The time of the last
 * scrub is in the manifest, so that restarts do not put it off.
 * A file is read through a part of its own, whose directory goes with it. */
#include "storage/engine_private.h"

#include "base/log.h"

enum { SCRUB_BYTES_PER_S = 16 << 20 };
#define SCRUB_EVERY_NS (7 * NS_PER_DAY)
#define SCRUB_LOOK_NS  (600 * NS_PER_S)

typedef struct Scrub {
    EngineFile *file, *copy; /* file: referenced, so that it stays; copy: what is read */
    uint64_t next;           /* files from this number on are still to be read */
    size_t block;
    uint64_t files, damaged, damages;
    bool finished;   /* only the edit is left */
    int64_t wall_ns; /* of the edit */
    Buf edit;
    Completion completion;
    bool committing;
} Scrub;

static void close_file(Scrub *s)
{
    file_unref(s->copy);
    file_unref(s->file);
    s->file = s->copy = NULL;
}

void scrub_free(Engine *eng)
{
    Scrub *s = eng->compactor.scrub;
    if (!s)
        return;
    close_file(s);
    buf_free(&s->edit);
    mem_free(s);
    eng->compactor.scrub = NULL;
}

/* The file has told of the block and counted it. */
static void see_damage(void *arg, const Err *e)
{
    Engine *eng = arg;
    (void)e;
    eng->compactor.scrub->damages++;
}

/* The file with the smallest number from `next` on. */
static bool open_next(Engine *eng, Scrub *s)
{
    EngineFile *best = NULL;
    mutex_lock(&eng->mutex);
    for (size_t i = 0; i < eng->file_count; i++) {
        EngineFile *f = eng->files[i];
        if (f->info.number >= s->next && (!best || f->info.number < best->info.number))
            best = f;
    }
    if (best)
        file_ref(best);
    mutex_unlock(&eng->mutex);
    if (!best)
        return false;
    s->file = best;
    s->copy = file_new(eng, &best->info);
    s->next = best->info.number + 1;
    s->block = 0;
    s->damages = 0;
    s->files++;
    if (!s->copy->part) {
        log_error("engine", "scrub: %s", s->copy->err.message);
        atomic_fetch_add(&eng->stats.blocks_damaged, 1);
        s->damages++;
    }
    return true;
}

static void end_file(Scrub *s)
{
    if (s->damages) {
        s->damaged++;
        s->file->quarantined = true;
    }
    close_file(s);
}

/* Reads one directory block's worth of a file. */
static int64_t read_some(Engine *eng, Scrub *s)
{
    Part *p = s->copy->part;
    size_t blocks = p ? part_block_count(p) : 0;
    if (s->block < blocks)
        (void)part_check_block(p, s->block++, see_damage, eng); /* damage goes to see_damage */
    int64_t bytes = blocks ? (int64_t)(s->file->info.bytes / blocks) : 0;
    if (s->block >= blocks)
        end_file(s);
    return engine_now(eng) + bytes * NS_PER_S / SCRUB_BYTES_PER_S;
}

static void commit_time(Engine *eng, Scrub *s)
{
    if (!s->committing) {
        buf_clear(&s->edit);
        s->wall_ns = eng->clock->wall_ns(eng->clock);
        manifest_put_scrubbed(&s->edit, s->wall_ns);
        s->committing = commit_begin(eng, &s->edit, &s->completion, &eng->compactor.task);
    }
}

static int64_t finish(Engine *eng, Scrub *s)
{
    Err e;
    commit_time(eng, s);
    if (!s->committing || !atomic_load_explicit(&s->completion.done, memory_order_acquire))
        return engine_now(eng) + NS_PER_S; /* the flusher commits, or this one is under way */
    if (!commit_end(eng, buf_slice(&s->edit), &s->completion, &e))
        log_warn("engine", "the time of the scrub is not recorded: %s", e.message);
    engine_wake(eng, &eng->flusher.task);
    atomic_store(&eng->stats.scrubbed_ns, s->wall_ns);
    if (s->files)
        log_info("engine", "scrub: %llu files read, %llu damaged", (unsigned long long)s->files,
                 (unsigned long long)s->damaged);
    scrub_free(eng);
    return engine_now(eng) + SCRUB_LOOK_NS;
}

/* The clock may leap: a time of the last scrub that lies ahead counts as none. */
static bool is_due(Engine *eng, bool *first)
{
    int64_t wall = eng->clock->wall_ns(eng->clock);
    mutex_lock(&eng->mutex);
    int64_t last = eng->manifest.scrubbed_ns;
    bool failed = eng->failed;
    mutex_unlock(&eng->mutex);
    *first = last == 0;
    return !failed && (last == 0 || last > wall || wall - last >= SCRUB_EVERY_NS);
}

int64_t scrub_step(Engine *eng)
{
    Scrub *s = eng->compactor.scrub;
    bool first;
    if (!s) {
        if (!is_due(eng, &first))
            return engine_now(eng) + SCRUB_LOOK_NS;
        s = eng->compactor.scrub = MEM_NEW(Scrub);
        s->finished = first; /* a new directory: a week from now */
    }
    if (s->finished)
        return finish(eng, s);
    if (s->file || open_next(eng, s))
        return read_some(eng, s);
    s->finished = true;
    return finish(eng, s);
}
