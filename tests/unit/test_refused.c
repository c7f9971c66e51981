/* What is refused or lost is so as a whole: transactions on a full disk and under --repair, records
 * that are too long.  And what a kept snapshot shows stays, whatever happens to its table. */
#include "../sim/sim_io.h"
#include "engine_dir.h"
#include "storage/engine_private.h"

#include "base/log.h"

/* ---- on a disk in memory, one thread ---- */

typedef struct Sim {
    World w;
    SimDisk *disk;
    SimClock clock;
} Sim;

static void sim_start(Sim *s, unsigned seed)
{
    Err e;
    srand(seed);
    *s = (Sim){.disk = sim_disk_new(seed)};
    sim_clock_init(&s->clock, seed);
    s->w.clock = INT64_C(1700000000) * NS_PER_S;
    s->w.spread = 1000;
    s->w.o = (EngineOptions){.dir = "/db",
                             .flags = ENGINE_CREATE,
                             .io = sim_disk_io(s->disk),
                             .sched = sched_new(&s->clock.clock, 0, 0, 0),
                             .memtable_max = 1 << 20,
                             .log_max = 16 << 20};
    ck_assert_msg(world_open(&s->w, &e), "%s", e.message);
}

static void sim_end(Sim *s)
{
    engine_close(s->w.eng, false);
    sched_free(s->w.o.sched);
    sim_disk_free(s->disk);
    mem_free(s->w.rows);
}

/* Until it is done, or for so long. */
static void sim_run(Sim *s, const atomic_bool *done, int64_t ns)
{
    int64_t until = s->clock.now_ns + ns;
    while (done ? !atomic_load(done) : s->clock.now_ns < until) {
        if (sched_step(s->w.o.sched))
            continue;
        int64_t next = sched_next_timer_ns(s->w.o.sched);
        if (!done && next > until)
            next = until;
        ck_assert_int_ne(next, INT64_MAX);
        if (next > s->clock.now_ns)
            s->clock.now_ns = next;
    }
}

static TableDef table_def(World *w, Arena *arena, const char *name)
{
    CatalogSnap *model = model_catalog();
    TableDef def = *table_def_copy(arena, cat_table_by_id(model, MODEL_TABLE + DUP_LAST));
    cat_unref(model);
    def.id = engine_new_id(w->eng);
    def.name = slice_cstr(name);
    return def;
}

static WriteBatch *big_batch(World *w, TableId table, size_t rows)
{
    WriteBatch *wb = wb_new();
    ModelRow r = {.table = table};
    r.series = world_series(w, table, 0);
    for (size_t i = 0; i < rows; i++) {
        r.time = ++w->clock;
        for (int c = 0; c < MODEL_COLUMNS; c++)
            r.field[c] = rand() % 1000;
        model_write(wb, &r, false);
    }
    return wb;
}

static bool known(World *w, const char *name)
{
    CatalogSnap *c = engine_catalog(w->eng);
    bool is = cat_table(c, 2200, slice_cstr(name)) != NULL;
    cat_unref(c);
    return is;
}

static bool put_table(World *w, const TableDef *def, uint32_t expect)
{
    Err e;
    CatEdit put = {.op = CAT_PUT_TABLE, .table = def, .expect_version = expect};
    return engine_edit_catalog(w->eng, &put, 1, &e);
}

static Txn *table_with_rows(World *w, const TableDef *def, size_t rows)
{
    Err e;
    Txn *t = txn_begin(w->eng);
    CatEdit put = {.op = CAT_PUT_TABLE, .table = def};
    ck_assert_msg(txn_edit_catalog(t, &put, 1, &e), "%s", e.message);
    ck_assert_msg(txn_write(t, big_batch(w, def->id, rows), &e), "%s", e.message);
    return t;
}

enum { TOO_MANY = 60000 }; /* rows: more than the log has room for */

/* CREATE TABLE and its rows meet a full disk: neither is there, then or after a restart, and what
 * others did meanwhile is there if it can do without. */
START_TEST(tables_on_a_full_disk)
{
    Sim s;
    World *w = &s.w;
    Arena arena;
    Err e;
    sim_start(&s, 1 + (unsigned)_i);
    arena_init(&arena, NULL);
    ck_assert(world_write(w, 50, SYNC_ON, &e));
    TableDef def = table_def(w, &arena, "made"), more = table_def(w, &arena, "more"),
             other = table_def(w, &arena, "other"), late = table_def(w, &arena, "late");
    Txn *t = table_with_rows(w, &def, TOO_MANY), *u = table_with_rows(w, &more, 10);
    Ticket first = {0}, second = {0}, rows = {0}, empty = {0};
    sim_disk_space(s.disk, sim_disk_used(s.disk) + 1000);
    txn_commit(t, SYNC_ON, &first); /* takes the whole group: what follows waits in the queue */
    if (_i % 2)
        for (int k = 0; k < 3; k++)
            sched_step(w->o.sched);
    if (known(w, "made")) { /* it is not decided yet */
        ck_assert(put_table(w, &other, 0));
        ck_assert(put_table(w, &def, 1)); /* a column of a table that will not be there */
        engine_submit(w->eng, big_batch(w, def.id, 10), SYNC_ON, &rows);
    } else {
        ck_assert(put_table(w, &other, 0));
        atomic_store(&rows.done, true);
    }
    txn_commit(u, SYNC_ON, &second);
    t = txn_begin(w->eng);
    ck_assert(txn_edit_catalog(t, &(CatEdit){.op = CAT_PUT_TABLE, .table = &late}, 1, &e));
    txn_commit(t, SYNC_ON, &empty);
    sim_run(&s, &first.done, 0);
    sim_run(&s, &rows.done, 0);
    sim_run(&s, &second.done, 0);
    sim_run(&s, &empty.done, 0);
    ck_assert(!first.ok && !rows.ok && !second.ok);
    ck_assert_int_eq(first.err.code, ERR_DISK_FULL);
    ck_assert_msg(strstr(first.err.message, "data directory \"/db\""), "%s", first.err.message);
    ck_assert_int_eq(second.err.code, ERR_DISK_FULL);
    ck_assert(!known(w, "made") && !known(w, "more") && known(w, "other"));
    ck_assert_int_eq(known(w, "late"), empty.ok);
    ck_assert(!engine_writable(w->eng, &e));
    ck_assert_int_eq(e.code, ERR_DISK_FULL);
    sim_disk_space(s.disk, 0);
    sim_run(&s, NULL, 2 * NS_PER_S);
    ck_assert_msg(engine_writable(w->eng, &e), "%s", e.message);
    if (_i < 2) { /* once more, with room */
        Ticket again = {0};
        def.id = engine_new_id(w->eng);
        txn_commit(table_with_rows(w, &def, 100), SYNC_ON, &again);
        sim_run(&s, &again.done, 0);
        ck_assert_msg(again.ok, "%s", again.err.message);
    }
    ck_assert(world_write(w, 50, SYNC_ON, &e));
    world_check(w);
    bool late_known = known(w, "late");
    engine_close(w->eng, _i % 4 < 2);
    sim_disk_crash(s.disk);
    ck_assert_msg(world_open(w, &e), "%s", e.message);
    ck_assert(!known(w, "more") && known(w, "other"));
    ck_assert_int_eq(known(w, "made"), _i < 2);
    ck_assert_int_eq(known(w, "late"), late_known);
    world_check(w);
    arena_free(&arena);
    sim_end(&s);
}
END_TEST

/* ---- --repair ---- */

static void flip_in_log(const char *what)
{
    char path[128];
    Err e;
    snprintf(path, sizeof path, "%s/log/00000001.log", dir);
    int fd = io_real.open(&io_real, path, IO_READ | IO_WRITE, &e);
    ck_assert_msg(fd >= 0, "%s", e.message);
    static char bytes[1 << 20];
    int64_t n = io_real.pread(&io_real, fd, bytes, sizeof bytes, 0, &e);
    char *at = memmem(bytes, (size_t)n, what, strlen(what));
    ck_assert_ptr_nonnull(at);
    ck_assert(io_real.pwrite_all(&io_real, fd, "!", 1, at - bytes, &e));
    io_real.close(&io_real, fd);
}

static void put_text(WriteBatch *wb, World *w, TableId table, int64_t time, const char *text)
{
    SeriesId series = world_series(w, table, 0);
    wb_row(wb, table, series, time);
    wb_str(wb, model_ids[3], slice_cstr(text));
    wb_row_end(wb);
}

/* Three rows, a table of its own, a range delete: in this order. */
static void whole(World *w, const TableDef *own, const char *name)
{
    Err e;
    Ticket ticket = {0};
    char text[64];
    Txn *t = txn_begin(w->eng);
    CatEdit put = {.op = CAT_PUT_TABLE, .table = own};
    ck_assert(txn_edit_catalog(t, &put, 1, &e));
    for (int i = 0; i < 3; i++) {
        WriteBatch *wb = wb_new();
        snprintf(text, sizeof text, "%s row %d", name, i);
        put_text(wb, w, MODEL_TABLE + DUP_LAST, ++w->clock, text);
        ck_assert(txn_write(t, wb, &e));
    }
    DeleteSpec d = {.table = MODEL_TABLE + DUP_ERROR, .t_min = w->clock, .t_max = w->clock};
    ck_assert(txn_delete(t, &d, &e));
    txn_commit(t, SYNC_ON, &ticket);
    world_await(w, &ticket);
    ck_assert_msg(ticket.ok, "%s", ticket.err.message);
}

static size_t count_rows(Snapshot *s, TableId table)
{
    ScanSpec spec = {.snapshot = s,
                     .table = table,
                     .t_min = TIME_MIN_NS,
                     .t_max = TIME_MAX_NS,
                     .columns = model_ids,
                     .column_count = MODEL_COLUMNS};
    Scan *scan;
    ScanRun run;
    ScanStatus st;
    Err e;
    size_t n = 0;
    ck_assert_msg(scan_open(&scan, &spec, NULL, &e), "%s", e.message);
    while ((st = scan_next(scan, &run, NULL, &e)) == SCAN_RUN)
        n += run.rows;
    ck_assert_msg(st == SCAN_END, "%s", e.message);
    scan_close(scan);
    return n;
}

/* One record of the middle one of three transactions is damaged: all of it is left out. */
START_TEST(repair_whole_transactions)
{
    static const char *const damage[] = {"b row 0", "b row 1", "b row 2", "table_b"};
    World w = world_new(2, 2);
    Arena arena;
    Err e;
    arena_init(&arena, NULL);
    TableDef a = table_def(&w, &arena, "table_a"), b = table_def(&w, &arena, "table_b"),
             c = table_def(&w, &arena, "table_c");
    WriteBatch *wb = wb_new();
    Ticket t = {0};
    int64_t hidden = w.clock + 6; /* by the delete of the second */
    put_text(wb, &w, MODEL_TABLE + DUP_ERROR, hidden, "to be deleted");
    put_text(wb, &w, MODEL_TABLE + DUP_ERROR, hidden + 100, "stays");
    engine_submit(w.eng, wb, SYNC_ON, &t);
    world_await(&w, &t);
    ck_assert(t.ok);
    whole(&w, &a, "a");
    whole(&w, &b, "b");
    whole(&w, &c, "c");
    engine_close(w.eng, false);
    flip_in_log(damage[_i]);
    ck_assert(!world_open(&w, &e));
    w.o.flags |= ENGINE_REPAIR;
    log_configure(LOG_OFF, false);
    ck_assert_msg(world_open(&w, &e), "%s", e.message);
    for (int round = 0; round < 2; round++) {
        ck_assert(known(&w, "table_a") && !known(&w, "table_b") && known(&w, "table_c"));
        Snapshot *s = engine_snapshot(w.eng, NULL);
        ck_assert_uint_eq(count_rows(s, MODEL_TABLE + DUP_LAST), 6);
        ck_assert_uint_eq(count_rows(s, MODEL_TABLE + DUP_ERROR), 2);
        snapshot_unref(s);
        w.o.flags &= ~ENGINE_REPAIR;
        engine_close(w.eng, false);
        ck_assert_msg(world_open(&w, &e), "%s", e.message);
    }
    arena_free(&arena);
    world_end(&w);
}
END_TEST

/* A damaged format file that looks like one of a newer program: its copy is used all the same. */
START_TEST(format_flips)
{
    Sim s;
    Err e;
    char where[300];
    size_t damages = 0;
    sim_start(&s, 9);
    for (unsigned seed = 0; seed < 200; seed++) {
        engine_close(s.w.eng, false);
        ck_assert(sim_disk_flip(s.disk, "/db/format", seed, where, sizeof where));
        /* (A checksum in capitals is no damage.) */
        bool whole = engine_check_dir(sim_disk_io(s.disk), "/db", NULL, NULL, &e);
        ck_assert_msg(whole || strstr(e.message, "/db/format"), "%s: %s", where, e.message);
        damages += !whole;
        ck_assert_msg(world_open(&s.w, &e), "%s: %s", where, e.message);
    }
    ck_assert_uint_ge(damages, 190);
    sim_end(&s);
}
END_TEST

/* ---- limits ---- */

START_TEST(record_too_long)
{
    World w = world_new(3, 2);
    Ticket t = {0};
    Err e;
    WriteRequest *r = request_new();
    r->ticket = &t;
    request_add(r, big_batch(&w, MODEL_TABLE + DUP_LAST, 1));
    r->items[0].payload.len = (size_t)LOG_PAYLOAD_MAX + 1; /* nobody looks at the bytes */
    Lsn before = 0, after = 0;
    WalInfo info;
    engine_wal_info(w.eng, &info);
    before = info.visible;
    engine_push(w.eng, r);
    world_await(&w, &t);
    ck_assert(!t.ok);
    ck_assert_int_eq(t.err.code, ERR_PROGRAM_LIMIT);
    ck_assert(world_write(&w, 10, SYNC_ON, &e));
    engine_wal_info(w.eng, &info);
    after = info.visible;
    ck_assert_uint_gt(after, before);
    world_check(&w);
    world_end(&w);
}
END_TEST

/* ---- kept snapshots ---- */

/* A table is dropped (TRUNCATE makes another one in its place) under a kept snapshot: it shows the
 * rows as they were, in memory, in files, and after its series would have been freed. */
START_TEST(kept_snapshot_of_dropped_table)
{
    World w = world_new(4 + (unsigned)_i, _i % 2 ? 2 : 0);
    Err e;
    for (int i = 0; i < 5; i++)
        ck_assert(world_write(&w, 400, SYNC_ON, &e));
    if (_i & 2)
        world_maintain(&w, false);
    ck_assert(world_write(&w, 100, SYNC_ON, &e));
    Snapshot *kept = engine_snapshot(w.eng, NULL);
    size_t rows = count_rows(kept, MODEL_TABLE + DUP_KEEP), upto = w.row_count;
    CatEdit drop = {.op = CAT_DROP_TABLE, .id = MODEL_TABLE + DUP_KEEP};
    ck_assert_msg(engine_edit_catalog(w.eng, &drop, 1, &e), "%s", e.message);
    for (int i = 0; i < 3; i++) {
        Ticket t = {0};
        WriteBatch *wb = big_batch(&w, MODEL_TABLE + DUP_LAST, 5000);
        engine_submit(w.eng, wb, SYNC_ON, &t);
        world_await(&w, &t);
        ck_assert(t.ok);
        world_maintain(&w, true);
    }
    Txn *t = txn_begin(w.eng);
    txn_keep_snapshot(t, kept);
    Snapshot *s = engine_snapshot(w.eng, t);
    ck_assert_ptr_nonnull(cat_table_by_id(snapshot_catalog(kept), MODEL_TABLE + DUP_KEEP));
    ck_assert_uint_eq(count_rows(kept, MODEL_TABLE + DUP_KEEP), rows);
    const char *diff = world_difference(&w, kept, upto);
    ck_assert_msg(!diff, "%s", diff);
    snapshot_unref(s);
    txn_rollback(t);
    snapshot_unref(kept);
    world_maintain(&w, true);
    world_end(&w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("refused");
    log_configure(LOG_OFF, false);
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, tables_on_a_full_disk, 0, 4);
    tcase_add_loop_test(tc, repair_whole_transactions, 0, 4);
    tcase_add_test(tc, format_flips);
    tcase_add_test(tc, record_too_long);
    tcase_add_loop_test(tc, kept_snapshot_of_dropped_table, 0, 4);
    return unit_run(tc);
}
