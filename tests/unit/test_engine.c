/* The engine against the model: write, read, flush, compact, close, open again. */
#include "engine_dir.h"
#include "storage/engine_private.h"

#include "base/log.h"
#include <stdlib.h>
#include <unistd.h>

static void reopen(World *w, bool flush)
{
    Err e;
    engine_close(w->eng, flush);
    ck_assert_msg(world_open(w, &e), "%s", e.message);
}

static void write_some(World *w, size_t batches, size_t rows)
{
    Err e;
    for (size_t i = 0; i < batches; i++)
        ck_assert_msg(
            world_write(w, 1 + (size_t)rand() % rows, rand() % 4 ? SYNC_ON : SYNC_OFF, &e), "%s",
            e.message);
}

START_TEST(write_and_reopen)
{
    World w = world_new((unsigned)_i, _i % 2 ? 2 : 0);
    for (int round = 0; round < 4; round++) {
        write_some(&w, 20, 50);
        world_check(&w);
        reopen(&w, round % 2);
        world_check(&w);
    }
    world_end(&w);
}
END_TEST

START_TEST(flush_and_compact)
{
    World w = world_new((unsigned)_i + 100, _i % 2 ? 2 : 0);
    w.spread = _i < 4 ? 1000 : 40 * NS_PER_DAY;
    for (int round = 0; round < 12; round++) {
        write_some(&w, 10, 400);
        world_maintain(&w, round % 5 == 4);
        world_check(&w);
        if (round % 4 == 3) {
            reopen(&w, round == 3);
            world_check(&w);
        }
    }
    world_maintain(&w, true);
    world_check(&w);
    StorageKind kinds[8];
    Err e;
    size_t n = engine_storage(w.eng, kinds, 8, 0, &e);
    ck_assert_uint_eq(n, 6);
    for (size_t i = 0; i < n; i++)
        if (strcmp(kinds[i].kind, "log") == 0)
            ck_assert_int_le(kinds[i].bytes, 1 << 20);
    world_end(&w);
}
END_TEST

/* More than memtable_max and log_max: everything happens by itself. */
START_TEST(by_itself)
{
    World w = world_new(7, 2);
    write_some(&w, 150, 4000);
    world_check(&w);
    ck_assert_uint_gt(engine_stats(w.eng)->flushes, 0);
    reopen(&w, false);
    world_check(&w);
    world_end(&w);
}
END_TEST

START_TEST(replay_flushes) /* a log that is larger than the memtable may be */
{
    World w = world_new(60 + (unsigned)_i, _i % 2 ? 2 : 0);
    engine_close(w.eng, false);
    Err e;
    w.o.memtable_max = 64 << 20;
    ck_assert(world_open(&w, &e));
    write_some(&w, 40, 4000);
    for (int round = 0; round < 3; round++) {
        w.o.memtable_max = 1 << 20;
        reopen(&w, false);
        ck_assert_uint_gt(round ? 1 : engine_stats(w.eng)->flushes, 0);
        world_check(&w);
        write_some(&w, 3, 100);
    }
    world_end(&w);
}
END_TEST

/* A file cut short while nobody looked: its rows are missing from no answer in silence. */
START_TEST(truncated_file)
{
    World w = world_new(70, 2);
    char path[200];
    Err e, damage = {0};
    FileInfo file;
    write_some(&w, 10, 300);
    world_maintain(&w, true);
    Snapshot *s = engine_snapshot(w.eng, NULL);
    ck_assert_uint_eq(snapshot_files(s, &file, 1), 1);
    snapshot_unref(s);
    engine_close(w.eng, true);
    snprintf(path, sizeof path, "%s/files/%s", dir, file.name);
    ck_assert_int_eq(truncate(path, (off_t)file.bytes / 2), 0);
    ck_assert(!engine_check_dir(&io_real, dir, NULL, NULL, &damage));
    ck_assert_msg(strstr(damage.message, file.name), "%s", damage.message);
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    s = engine_snapshot(w.eng, NULL);
    const char *diff = world_difference(&w, s, w.row_count);
    ck_assert_msg(diff && strstr(diff, file.name), "%s", diff ? diff : "no difference");
    snapshot_unref(s);
    ModelRow row = {.table = MODEL_TABLE + 1, .time = INT64_C(1900000000) * NS_PER_S};
    WriteBatch *wb = wb_new(); /* what does not touch it goes on */
    row.series = world_series(&w, row.table, 0);
    model_write(wb, &row, false);
    Ticket t = {0};
    engine_submit(w.eng, wb, SYNC_ON, &t);
    world_await(&w, &t);
    ck_assert(t.ok);
    world_maintain(&w, true);
    world_end(&w);
}
END_TEST

static bool exists(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void put(const char *name)
{
    char sub[80];
    Err e;
    snprintf(sub, sizeof sub, "%s/files", dir);
    ck_assert_msg(io_replace_file(&io_real, sub, name, SLICE_LIT("what?"), &e), "%s", e.message);
}

START_TEST(strangers)
{
    World w = world_new(72, 2);
    write_some(&w, 5, 100);
    world_maintain(&w, false);
    put("notes.txt");
    put("000999.skulk");
    put("x.tmp");
    reopen(&w, false);
    ck_assert(!exists("files/notes.txt") && exists("orphans/notes.txt"));
    ck_assert(!exists("files/000999.skulk") && !exists("files/x.tmp"));
    world_check(&w);
    world_end(&w);
}
END_TEST

START_TEST(repair)
{
    World w = world_new(73, 2);
    char path[128];
    Err e;
    for (int i = 0; i < 20; i++)
        ck_assert(world_write(&w, 50, SYNC_ON, &e));
    engine_close(w.eng, false);
    snprintf(path, sizeof path, "%s/log/00000001.log", dir);
    int fd = io_real.open(&io_real, path, IO_READ | IO_WRITE, &e);
    ck_assert_msg(fd >= 0 && io_real.pwrite_all(&io_real, fd, "!", 1, 20000, &e), "%s", e.message);
    io_real.close(&io_real, fd);
    ck_assert(!world_open(&w, &e));
    ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
    ck_assert_msg(strstr(e.message, "segment 00000001") && strstr(e.hint, "--repair"), "%s",
                  e.message);
    ck_assert(!engine_check_dir(&io_real, dir, NULL, NULL, &e));
    w.o.flags |= ENGINE_REPAIR;
    log_configure(LOG_OFF, false);
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    size_t rows = 0;
    Snapshot *s = engine_snapshot(w.eng, NULL);
    FileInfo files[4];
    size_t n = snapshot_files(s, files, 4); /* what was repaired is flushed at once */
    for (size_t i = 0; i < n; i++)
        rows += files[i].rows;
    snapshot_unref(s);
    ck_assert_uint_ge(rows, 800);
    w.o.flags &= ~ENGINE_REPAIR;
    engine_close(w.eng, false);
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    ck_assert_msg(world_write(&w, 5, SYNC_ON, &e), "%s", e.message);
    world_end(&w);
}
END_TEST

START_TEST(check_finds_nothing)
{
    World w = world_new(71, 2);
    Err e;
    for (int round = 0; round < 3; round++) {
        write_some(&w, 5, 300);
        engine_close(w.eng, round == 1);
        ck_assert_msg(engine_check_dir(&io_real, dir, NULL, NULL, &e), "%s", e.message);
        ck_assert(world_open(&w, &e));
        world_maintain(&w, round == 0);
    }
    ck_assert(!engine_check_dir(&io_real, dir, NULL, NULL, &e)); /* somebody works there */
    ck_assert_int_eq(e.code, ERR_OBJECT_IN_USE);
    world_end(&w);
}
END_TEST

START_TEST(big_batch) /* spans segments: may not be cut by a flush */
{
    World w = world_new(8, 2);
    Err e;
    ck_assert_msg(world_write(&w, 150000, SYNC_ON, &e), "%s", e.message);
    ck_assert_msg(world_write(&w, 10, SYNC_ON, &e), "%s", e.message);
    world_maintain(&w, false);
    world_check(&w);
    reopen(&w, false);
    world_check(&w);
    world_end(&w);
}
END_TEST

START_TEST(snapshots_stand_still)
{
    World w = world_new(9, 2);
    Snapshot *s[6];
    size_t upto[6];
    for (int i = 0; i < 6; i++) {
        write_some(&w, 5, 300);
        s[i] = engine_snapshot(w.eng, NULL);
        upto[i] = w.row_count;
        world_maintain(&w, i % 2);
    }
    for (int i = 0; i < 6; i++) {
        const char *diff = world_difference(&w, s[i], upto[i]);
        ck_assert_msg(!diff, "%s", diff);
        snapshot_unref(s[i]);
    }
    world_check(&w);
    world_end(&w);
}
END_TEST

/* ---- transactions ---- */

static void commit(World *w, Txn *t, bool want, ErrCode code)
{
    Ticket ticket = {0};
    txn_commit(t, SYNC_ON, &ticket);
    world_await(w, &ticket);
    ck_assert_msg(ticket.ok == want, "%s", ticket.err.message);
    if (!want)
        ck_assert_int_eq(ticket.err.code, code);
}

static void txn_rows(World *w, Txn *t, size_t n, bool keep)
{
    ModelRow *rows = mem_alloc(n * sizeof *rows);
    Err e;
    ck_assert_msg(txn_write(t, world_batch(w, rows, n), &e), "%s", e.message);
    for (size_t i = 0; keep && i < n; i++)
        world_add(w, &rows[i]);
    mem_free(rows);
}

START_TEST(transactions)
{
    World w = world_new((unsigned)_i + 20, _i % 2 ? 2 : 0);
    size_t rows = _i < 4 ? 100 : 70000;
    write_some(&w, 5, 100);
    size_t before = w.row_count;
    Txn *t = txn_begin(w.eng);
    ck_assert(!txn_has_writes(t));
    txn_rows(&w, t, rows, true);
    TxnMark mark = txn_savepoint(t);
    txn_rows(&w, t, rows, false);
    txn_rollback_to(t, mark);
    txn_rows(&w, t, 50, true);
    Snapshot *own = engine_snapshot(w.eng, t), *other = engine_snapshot(w.eng, NULL);
    const char *diff = world_difference(&w, own, w.row_count);
    ck_assert_msg(!diff, "own: %s", diff);
    diff = world_difference(&w, other, before);
    ck_assert_msg(!diff, "other: %s", diff);
    snapshot_unref(own);
    commit(&w, t, true, 0);
    diff = world_difference(&w, other, before);
    ck_assert_msg(!diff, "other, after commit: %s", diff);
    snapshot_unref(other);
    world_check(&w);
    t = txn_begin(w.eng);
    txn_rows(&w, t, rows, false);
    txn_rollback(t);
    world_check(&w);
    reopen(&w, false);
    world_check(&w);
    world_end(&w);
}
END_TEST

static TableDef plain_table(Engine *eng, const char *name, ColumnDef *column)
{
    *column = (ColumnDef){.id = 1,
                          .name = SLICE_LIT("x"),
                          .kind = COL_FIELD,
                          .type_oid = 20,
                          .typmod = -1,
                          .phys = PHYS_I64};
    return (TableDef){.id = engine_new_id(eng),
                      .database = OBJECT_ID_FIRST,
                      .schema = 2200,
                      .name = slice_cstr(name),
                      .kind = TABLE_ORDINARY,
                      .duplicates = DUP_KEEP,
                      .time_index = -1,
                      .column_count = 1,
                      .columns = column,
                      .next_column = 2};
}

static bool has_table(const CatalogSnap *c, const char *name)
{
    return cat_table(c, 2200, slice_cstr(name)) != NULL;
}

START_TEST(ddl)
{
    World w = world_new(30, 2);
    Err e;
    ColumnDef col;
    TableDef def = plain_table(w.eng, "one", &col);
    CatEdit put = {.op = CAT_PUT_TABLE, .table = &def};
    Txn *t = txn_begin(w.eng), *u = txn_begin(w.eng);
    ck_assert_msg(txn_edit_catalog(t, &put, 1, &e), "%s", e.message);
    TxnMark mark = txn_savepoint(t);
    TableDef second = plain_table(w.eng, "two", &col);
    ck_assert(txn_edit_catalog(t, &(CatEdit){.op = CAT_PUT_TABLE, .table = &second}, 1, &e));
    CatalogSnap *mine = txn_catalog(t), *theirs = engine_catalog(w.eng);
    ck_assert(has_table(mine, "one") && has_table(mine, "two") && !has_table(theirs, "one"));
    cat_unref(mine);
    cat_unref(theirs);
    txn_rollback_to(t, mark);
    mine = txn_catalog(t);
    ck_assert(has_table(mine, "one") && !has_table(mine, "two"));
    cat_unref(mine);
    TableDef same = plain_table(w.eng, "one", &col);
    ck_assert(txn_edit_catalog(u, &(CatEdit){.op = CAT_PUT_TABLE, .table = &same}, 1, &e));
    commit(&w, t, true, 0);
    commit(&w, u, false, ERR_SERIALIZATION);
    for (int round = 0; round < 3; round++) {
        reopen(&w, round == 1);
        theirs = engine_catalog(w.eng);
        ck_assert(has_table(theirs, "one") && !has_table(theirs, "two"));
        cat_unref(theirs);
    }
    ck_assert_uint_gt(engine_new_id(w.eng), def.id);
    world_end(&w);
}
END_TEST

START_TEST(dropped_table)
{
    World w = world_new(31, 2);
    Err e;
    write_some(&w, 10, 500);
    world_maintain(&w, true);
    uint64_t bytes = engine_stats(w.eng)->compact_bytes;
    CatEdit drop = {.op = CAT_DROP_TABLE, .id = MODEL_TABLE + DUP_KEEP};
    ck_assert_msg(engine_edit_catalog(w.eng, &drop, 1, &e), "%s", e.message);
    world_maintain(&w, true);
    ck_assert_uint_gt(engine_stats(w.eng)->compact_bytes, bytes);
    Snapshot *s = engine_snapshot(w.eng, NULL);
    FileInfo files[8];
    size_t n = snapshot_files(s, files, 8);
    uint64_t rows = 0, want = 0;
    for (size_t i = 0; i < n; i++)
        rows += files[i].rows;
    for (unsigned k = 0; k < WORLD_SERIES; k++) {
        for (TableId table = MODEL_TABLE + 1; table <= MODEL_TABLE + 3; table += 2) {
            ModelAnswer a = model_answer(w.rows, w.row_count, table, world_series(&w, table, k),
                                         TIME_MIN_NS, TIME_MAX_NS, table - MODEL_TABLE);
            want += a.count;
            mem_free(a.rows);
        }
    }
    ck_assert_uint_eq(rows, want);
    snapshot_unref(s);
    world_end(&w);
}
END_TEST

/* ---- series of tables that come and go, over restarts ---- */

enum { GENERATIONS = 14, PER_TABLE = 300 };

static TableId make_table(World *w, unsigned generation)
{
    char name[32];
    Arena arena;
    Err e;
    arena_init(&arena, NULL);
    CatalogSnap *model = model_catalog();
    TableDef *def = table_def_copy(&arena, cat_table_by_id(model, MODEL_TABLE + 1));
    snprintf(name, sizeof name, "generation_%u", generation);
    def->id = engine_new_id(w->eng);
    def->name = slice_cstr(name);
    CatEdit put = {.op = CAT_PUT_TABLE, .table = def};
    ck_assert_msg(engine_edit_catalog(w->eng, &put, 1, &e), "%s", e.message);
    TableId id = def->id;
    cat_unref(model);
    arena_free(&arena);
    return id;
}

static void fill_table(World *w, TableId table, unsigned generation, SeriesId *ids)
{
    WriteBatch *wb = wb_new();
    Ticket t = {0};
    for (unsigned i = 0; i < PER_TABLE; i++) {
        ModelRow r = {.table = table, .time = ++w->clock};
        r.series = ids[i] = world_series(w, table, generation * PER_TABLE + i);
        model_write(wb, &r, false);
    }
    engine_submit(w->eng, wb, SYNC_ON, &t);
    world_await(w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

static void check_table(World *w, TableId table, unsigned generation, const SeriesId *ids)
{
    SeriesIndex *idx = engine_index(w->eng);
    ck_assert_uint_eq(idx_series_count(idx, table), PER_TABLE);
    for (unsigned i = 0; i < PER_TABLE; i++) {
        char text[16];
        snprintf(text, sizeof text, "s%u", generation * PER_TABLE + i);
        ck_assert_uint_eq(idx_table(idx, ids[i]), table);
        ck_assert(slice_eq_cstr(idx_tag(idx, ids[i], WORLD_TAG), text));
        ck_assert_uint_eq(world_series(w, table, generation * PER_TABLE + i), ids[i]);
    }
}

START_TEST(tables_come_and_go)
{
    World w = world_new(32 + (unsigned)_i, _i % 2 ? 2 : 0);
    TableId tables[GENERATIONS];
    static SeriesId ids[GENERATIONS][PER_TABLE];
    Err e;
    w.o.series_later_max = _i % 3 ? 1 : 1 << 20;
    reopen(&w, false);
    uint32_t greatest = 0;
    for (unsigned g = 0; g < GENERATIONS; g++) {
        tables[g] = make_table(&w, g);
        fill_table(&w, tables[g], g, ids[g]);
        if (g >= 2) {
            CatEdit drop = {.op = CAT_DROP_TABLE, .id = tables[g - 2]};
            ck_assert_msg(engine_edit_catalog(w.eng, &drop, 1, &e), "%s", e.message);
        }
        switch (rand() % 4) {
        case 0:
            reopen(&w, true);
            break;
        case 1:
            reopen(&w, false); /* as if killed: the log has it */
            break;
        case 2:
            world_maintain(&w, rand() % 2);
            break;
        }
        for (unsigned live = g ? g - 1 : 0; live <= g; live++)
            check_table(&w, tables[live], live, ids[live]);
        for (unsigned i = 0; i < PER_TABLE; i++)
            if (series_id_local(ids[g][i]) > greatest)
                greatest = series_id_local(ids[g][i]);
    }
    for (int restart = 0; restart < 3; restart++)
        reopen(&w, true);
    ck_assert_uint_eq(idx_series_count(engine_index(w.eng), 0), 2 * PER_TABLE);
    if (_i % 3)
        ck_assert_uint_lt(greatest, GENERATIONS * PER_TABLE); /* some came back */
    world_end(&w);
}
END_TEST

START_TEST(many_windows) /* 130 years: few files */
{
    World w = world_new(32, 2);
    w.clock = 0;
    w.spread = 0;
    Err e;
    for (int i = 0; i < 40; i++) {
        ModelRow rows[1000];
        WriteBatch *wb = wb_new();
        for (int k = 0; k < 1000; k++) {
            rows[k] = (ModelRow){.table = MODEL_TABLE + 1,
                                 .series = world_series(&w, MODEL_TABLE + 1, (unsigned)k % 5),
                                 .time = (int64_t)(rand() % 47000) * NS_PER_DAY + k};
            for (int c = 0; c < MODEL_COLUMNS; c++)
                rows[k].field[c] = model_field(0);
            model_write(wb, &rows[k], false);
            world_add(&w, &rows[k]);
        }
        Ticket t = {0};
        engine_submit(w.eng, wb, SYNC_OFF, &t);
        world_await(&w, &t);
        ck_assert_msg(t.ok, "%s", t.err.message);
    }
    world_maintain(&w, true);
    world_check(&w);
    ck_assert_uint_lt(engine_stats(w.eng)->files, 10);
    reopen(&w, false);
    world_check(&w);
    (void)e;
    world_end(&w);
}
END_TEST

/* ---- the door ---- */

START_TEST(in_use)
{
    World w = world_new(40, 2);
    Engine *second;
    Err e;
    ck_assert(!engine_open(&second, &w.o, &e));
    ck_assert_int_eq(e.code, ERR_OBJECT_IN_USE);
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    ck_assert_msg(strstr(e.message, pid), "%s", e.message);
    world_end(&w);
}
END_TEST

START_TEST(foreign_directory)
{
    World w = world_new(41, 2);
    char path[128], other[80];
    Err e;
    Engine *eng;
    snprintf(other, sizeof other, "%s/other", dir);
    EngineOptions o = w.o;
    o.dir = other;
    o.flags = 0;
    ck_assert(!engine_open(&eng, &o, &e)); /* is not there */
    ck_assert_int_eq(e.code, ERR_UNDEFINED_FILE);
    ck_assert(io_real.mkdir(&io_real, other, &e));
    ck_assert(io_replace_file(&io_real, other, "holiday.jpg", SLICE_LIT("x"), &e));
    o.flags = ENGINE_CREATE;
    ck_assert(!engine_open(&eng, &o, &e));
    ck_assert_msg(strstr(e.message, "holiday.jpg"), "%s", e.message);
    snprintf(path, sizeof path, "%s/holiday.jpg", other);
    unlink(path);
    ck_assert(io_replace_file(
        &io_real, other, "format",
        SLICE_LIT("skulk-data\nversion 9\nrequired 0\noptional 0\nid 1\ncrc32c 0\n"), &e));
    ck_assert(!engine_open(&eng, &o, &e));
    ck_assert_int_eq(e.code, ERR_FEATURE_NOT_SUPPORTED);
    ck_assert_msg(strstr(e.message, "9"), "%s", e.message);
    world_end(&w);
}
END_TEST

START_TEST(read_only)
{
    World w = world_new(42, 2);
    Err e;
    write_some(&w, 10, 100);
    world_maintain(&w, false);
    write_some(&w, 10, 100);
    engine_close(w.eng, false);
    w.o.flags = ENGINE_READ_ONLY | ENGINE_PREAD;
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    world_check(&w);
    ck_assert(!engine_writable(w.eng, &e));
    ck_assert(!world_write(&w, 1, SYNC_ON, &e));
    w.o.flags = ENGINE_PREAD;
    reopen(&w, false);
    world_check(&w);
    write_some(&w, 10, 100);
    world_maintain(&w, true);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* ---- many writers ---- */

typedef struct Producer {
    World *w;
    pthread_t thread;
    SeriesId series;
    int batches;
} Producer;

static void *produce(void *arg)
{
    Producer *p = arg;
    for (int i = 0; i < p->batches; i++) {
        WriteBatch *wb = wb_new();
        for (int k = 0; k < 20; k++) {
            wb_row(wb, MODEL_TABLE + 1, p->series, i * 20 + k);
            wb_i64(wb, model_ids[0], i * 20 + k);
            wb_row_end(wb);
        }
        Ticket t = {0};
        engine_submit(p->w->eng, wb, SYNC_ON, &t);
        sched_run_until(p->w->o.sched, &t.done);
        must(t.ok);
    }
    return NULL;
}

/* A snapshot holds whole batches only: 20 rows at a time. */
static size_t count_rows(World *w)
{
    Snapshot *s = engine_snapshot(w->eng, NULL);
    ScanSpec spec = {.snapshot = s,
                     .table = MODEL_TABLE + 1,
                     .t_min = TIME_MIN_NS,
                     .t_max = TIME_MAX_NS,
                     .columns = model_ids,
                     .column_count = 1};
    Scan *scan;
    ScanRun run;
    Err e;
    size_t total = 0, in_series = 0;
    SeriesId series = 0;
    ck_assert_msg(scan_open(&scan, &spec, NULL, &e), "%s", e.message);
    while (scan_next(scan, &run, NULL, &e) == SCAN_RUN) {
        if (run.series != series) {
            ck_assert_uint_eq(in_series % 20, 0);
            in_series = 0;
        }
        series = run.series;
        in_series += run.rows;
        total += run.rows;
    }
    ck_assert_uint_eq(in_series % 20, 0);
    scan_close(scan);
    snapshot_unref(s);
    return total;
}

START_TEST(many_writers)
{
    enum { PRODUCERS = 4, BATCHES = 150 };
    World w = world_new(50, 2);
    Producer p[PRODUCERS];
    w.o.memtable_max = 1 << 20;
    for (int i = 0; i < PRODUCERS; i++) {
        p[i] = (Producer){.w = &w, .batches = BATCHES};
        p[i].series = world_series(&w, MODEL_TABLE + 1, (unsigned)i);
        pthread_create(&p[i].thread, NULL, produce, &p[i]);
    }
    for (int i = 0; i < 20; i++) {
        count_rows(&w);
        if (i % 5 == 0)
            world_maintain(&w, i % 2);
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(p[i].thread, NULL);
    ck_assert_uint_eq(count_rows(&w), PRODUCERS * BATCHES * 20);
    reopen(&w, false);
    ck_assert_uint_eq(count_rows(&w), PRODUCERS * BATCHES * 20);
    world_end(&w);
}
END_TEST

static void delete_range(World *w, TableId table, SeriesSet *set, int64_t t_min, int64_t t_max)
{
    DeleteSpec d = {.table = table, .series = set, .t_min = t_min, .t_max = t_max};
    Ticket t = {0};
    engine_delete(w->eng, &d, SYNC_ON, &t);
    world_await(w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
}

/* What is acknowledged as deleted stays so, wherever the rows are; rows written later are seen. */
START_TEST(range_delete)
{
    World w = world_new(400 + (unsigned)_i, _i % 2 ? 2 : 0);
    for (int round = 0; round < 6; round++) {
        write_some(&w, 6, 400);
        if (round % 2)
            world_maintain(&w, round == 5);
        for (TableId table = MODEL_TABLE + 1; table <= MODEL_TABLE + WORLD_TABLES; table++)
            delete_range(&w, table, NULL, TIME_MIN_NS, TIME_MAX_NS);
        w.row_count = 0;
        world_check(&w);
        write_some(&w, 3, 100);
        world_check(&w);
        if (round % 3 == 0)
            reopen(&w, round == 3);
        if (round % 3 == 1)
            world_maintain(&w, false);
        world_check(&w);
    }
    world_maintain(&w, true);
    world_check(&w);
    reopen(&w, true);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* Writes, deletes and changes in a transaction, of which a savepoint takes some back. */
static void random_txn(World *w)
{
    Txn *t = txn_begin(w->eng);
    size_t before = w->row_count, marked = before;
    TxnMark mark = txn_savepoint(t);
    Err e;
    for (int i = 0, n = 1 + rand() % 6; i < n; i++) {
        ModelRow r;
        if (rand() % 3) {
            txn_rows(w, t, 1 + (size_t)rand() % 60, true);
        } else {
            DeleteSpec d = world_range(w, &r);
            ck_assert_msg(txn_delete(t, &d, &e), "%s", e.message);
            set_unref(d.series);
            world_add(w, &r);
        }
        if (rand() % 3 == 0) {
            mark = txn_savepoint(t);
            marked = w->row_count;
        } else if (rand() % 4 == 0) {
            txn_rollback_to(t, mark);
            w->row_count = marked;
        }
        Snapshot *own = engine_snapshot(w->eng, t), *other = engine_snapshot(w->eng, NULL);
        const char *diff = world_difference(w, own, w->row_count);
        ck_assert_msg(!diff, "own: %s", diff);
        diff = world_difference(w, other, before);
        ck_assert_msg(!diff, "other: %s", diff);
        snapshot_unref(own);
        snapshot_unref(other);
    }
    if (rand() % 4) {
        commit(w, t, true, 0);
        return;
    }
    txn_rollback(t);
    w->row_count = before;
}

static void await_spill(World *w, Txn *t)
{
    for (int i = 0; i < 2000; i++) {
        if (sched_workers(w->o.sched) == 0)
            sched_step(w->o.sched);
        else if (txn_full(t, NULL) || i < 20)
            usleep(500);
    }
}

/* A transaction that is larger than the memtable: files beside it, all of it or nothing. */
START_TEST(large_transaction)
{
    World w = world_new(600 + (unsigned)_i, _i % 2 ? 2 : 0);
    Err e;
    engine_close(w.eng, true);
    w.o.memtable_max = 256 << 10;
    w.deletes = _i < 2 ? 0 : 10;
    ck_assert(world_open(&w, &e));
    write_some(&w, 5, 200);
    size_t before = w.row_count;
    for (int round = 0; round < 3; round++) {
        Txn *t = txn_begin(w.eng);
        TxnMark mark = txn_savepoint(t);
        size_t marked = w.row_count;
        for (int i = 0; i < 12; i++) {
            txn_rows(&w, t, 2000, true);
            await_spill(&w, t);
            if (i == 5) {
                mark = txn_savepoint(t);
                marked = w.row_count;
            }
            if (i % 4 == 3) {
                ModelRow r;
                DeleteSpec d = world_range(&w, &r);
                ck_assert(txn_delete(t, &d, &e));
                set_unref(d.series);
                world_add(&w, &r);
            }
            if (i == 9 && round == 1) {
                txn_rollback_to(t, mark);
                w.row_count = marked;
            }
            Snapshot *own = engine_snapshot(w.eng, t), *other = engine_snapshot(w.eng, NULL);
            const char *diff = world_difference(&w, own, w.row_count);
            ck_assert_msg(!diff, "own: %s", diff);
            diff = i % 4 ? NULL : world_difference(&w, other, before);
            ck_assert_msg(!diff, "other: %s", diff);
            snapshot_unref(own);
            snapshot_unref(other);
        }
        if (round == 2) {
            txn_rollback(t);
            w.row_count = before;
        } else {
            commit(&w, t, true, 0);
        }
        before = w.row_count;
        world_check(&w);
        write_some(&w, 3, 100);
        world_check(&w);
        if (round != 1)
            reopen(&w, false);
        world_check(&w);
        before = w.row_count;
    }
    world_maintain(&w, false);
    world_check(&w);
    world_maintain(&w, true);
    world_check(&w);
    reopen(&w, false);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* Everything that can happen to a row, in random order, against the model. */
START_TEST(deletes_and_changes)
{
    World w = world_new(500 + (unsigned)_i, _i % 2 ? 2 : 0);
    w.deletes = 5 + 10 * (_i % 4);
    w.spread = _i % 3 ? 1000 : 3 * NS_PER_DAY;
    Err e;
    for (int step = 0; step < 60; step++) {
        int dice = rand() % 20;
        if (dice < 9)
            write_some(&w, 1, dice ? 60 : 1500);
        else if (dice < 13)
            ck_assert_msg(world_delete(&w, rand() % 2 ? SYNC_ON : SYNC_OFF, &e), "%s", e.message);
        else if (dice < 16)
            random_txn(&w);
        else if (dice < 19)
            world_maintain(&w, dice == 18 && rand() % 2);
        else
            reopen(&w, rand() % 2);
        world_check(&w);
    }
    world_maintain(&w, true);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* The series of a table whose CREATE was rolled back stay: no other table may get its id. */
START_TEST(ids_of_rolled_back_tables)
{
    World w = world_new(420, 2);
    const Tag tag = {.column = 1, .value = SLICE_LIT("a")};
    SeriesId id;
    bool made;
    Err e;
    TableId gone = engine_new_id(w.eng);
    ck_assert(idx_intern(engine_index(w.eng), gone, &tag, 1, NULL, &id, &made, &e) && made);
    write_some(&w, 1, 10); /* logs it */
    reopen(&w, _i);
    TableId next = engine_new_id(w.eng);
    ck_assert_uint_gt(next, gone);
    ck_assert(idx_intern(engine_index(w.eng), next, &tag, 1, NULL, &id, &made, &e) && made);
    write_some(&w, 1, 10);
    reopen(&w, !_i);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* The writer's sync can be held back, so that other tasks meet a group that is under way. */
static StoreOps held_ops;
static const StoreOps *real_ops;
static atomic_bool hold_syncs;
static Completion *held_sync;
static Engine *held_engine;
static atomic_int sync_waits;
static void held_append(Store *s, const LogFrame *f, size_t n, uint64_t epoch, bool sync,
                        Completion *c)
{
    if (sync && n == 0 && c->waiter == &held_engine->writer.task && atomic_load(&hold_syncs)) {
        held_sync = c;
        atomic_store(&sync_waits, 1);
        return;
    }
    real_ops->log_append(s, f, n, epoch, sync, c);
}
static void wait_for_sync(void)
{
    while (!atomic_load(&sync_waits))
        usleep(1000);
    atomic_store(&sync_waits, 0);
}
static void let_sync_go(World *w, bool more)
{
    Completion *c = held_sync;
    atomic_store(&hold_syncs, more);
    real_ops->log_append(w->eng->store, NULL, 0, w->eng->epoch, true, c);
}
/* A flush between a group's rows, which begin a segment, and the end of its sync must not take the
 * group's delete for covered: it is in force only then. */
START_TEST(delete_under_way)
{
    World w = world_new(1, 2);
    TableId A = MODEL_TABLE + 1;
    usleep(50000); /* the tasks have looked around; what they read is ordered before the change */
    (void)sched_next_timer_ns(w.eng->sched);
    held_engine = w.eng;
    real_ops = w.eng->store->ops;
    held_ops = *real_ops;
    held_ops.log_append = held_append;
    w.eng->store->ops = &held_ops;
    write_some(&w, 6, 100);
    world_maintain(&w, false);
    write_some(&w, 40, 2000);
    Ticket t0 = {0}, t1 = {0}, t2 = {0}, ck = {0};
    ModelRow rows[5];
    atomic_store(&hold_syncs, true);
    DeleteSpec none = {.table = 1, .t_min = 0, .t_max = 0};
    engine_delete(w.eng, &none, SYNC_ON, &t0);
    wait_for_sync();
    engine_checkpoint(w.eng, &ck);
    usleep(50000);
    DeleteSpec d = {.table = A, .t_min = TIME_MIN_NS, .t_max = TIME_MAX_NS};
    engine_delete(w.eng, &d, SYNC_ON, &t1);
    engine_submit(w.eng, world_batch(&w, rows, 5), SYNC_ON, &t2);
    let_sync_go(&w, true);
    wait_for_sync(); /* group [delete, rows] is in its sync */
    world_await(&w, &ck);
    ck_assert(ck.ok);
    let_sync_go(&w, false);
    world_await(&w, &t0);
    world_await(&w, &t1);
    world_await(&w, &t2);
    ck_assert(t0.ok && t1.ok && t2.ok);
    ModelRow r = {.op = MODEL_RANGE, .table = A, .time = TIME_MIN_NS, .last = TIME_MAX_NS};
    world_add(&w, &r);
    for (int i = 0; i < 5; i++)
        world_add(&w, &rows[i]);
    world_check(&w);
    reopen(&w, _i);
    world_check(&w);
    world_end(&w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("engine");
    log_configure(LOG_ERROR, false);
    tcase_add_loop_test(tc, write_and_reopen, 0, 4);
    tcase_add_loop_test(tc, range_delete, 0, 4);
    tcase_add_loop_test(tc, delete_under_way, 0, 2);
    tcase_add_loop_test(tc, ids_of_rolled_back_tables, 0, 2);
    tcase_add_loop_test(tc, large_transaction, 0, 4);
    tcase_add_loop_test(tc, deletes_and_changes, 0, 12);
    tcase_add_loop_test(tc, flush_and_compact, 0, 6);
    tcase_add_test(tc, by_itself);
    tcase_add_test(tc, big_batch);
    tcase_add_loop_test(tc, replay_flushes, 0, 2);
    tcase_add_test(tc, truncated_file);
    tcase_add_test(tc, strangers);
    tcase_add_test(tc, repair);
    tcase_add_test(tc, check_finds_nothing);
    tcase_add_test(tc, snapshots_stand_still);
    tcase_add_loop_test(tc, transactions, 0, 6);
    tcase_add_test(tc, ddl);
    tcase_add_test(tc, dropped_table);
    tcase_add_loop_test(tc, tables_come_and_go, 0, 6);
    tcase_add_test(tc, many_windows);
    tcase_add_test(tc, in_use);
    tcase_add_test(tc, foreign_directory);
    tcase_add_test(tc, read_only);
    tcase_add_test(tc, many_writers);
    return unit_run(tc);
}
