/* tests/unit/test_scan.c - scans of random layers against the naive answer.
 *
 * The snapshot is made by hand: this file has its own snapshot_view and its like, so that rows can
 * be put into any layer (parts, tails) with any overlap. */
#include "rows_model.h"
#include "storage/scan.h"
#include "storage/version.h"
#include "storage/watch.h"

enum { ROWS_MAX = 8000, LAYERS_MAX = 8, SERIES = 12, SHARD = 3 };

struct Snapshot {
    Ref ref;
    VersionPart parts[LAYERS_MAX];
    VersionTail tails[LAYERS_MAX];
    size_t part_count, tail_count;
    CatalogSnap *catalog;
    Segment *segments[LAYERS_MAX];
    size_t segment_count;
    VersionDamage damage;
    size_t damaged_count;
};

void snapshot_view(const Snapshot *s, SnapshotView *out)
{
    *out = (SnapshotView){.parts = s->parts,
                          .part_count = s->part_count,
                          .tails = s->tails,
                          .tail_count = s->tail_count,
                          .catalog = s->catalog,
                          .damaged = &s->damage,
                          .damaged_count = s->damaged_count};
}

Snapshot *snapshot_ref(Snapshot *s)
{
    ref_take(&s->ref);
    return s;
}

Engine *snapshot_engine(const Snapshot *s)
{
    (void)s;
    return NULL;
}

int64_t snapshot_wall(const Snapshot *s)
{
    (void)s;
    return 0;
}

const CatalogSnap *snapshot_catalog(const Snapshot *s)
{
    return s->catalog;
}

const WatchList *snapshot_watches(const Snapshot *s)
{
    (void)s;
    return NULL;
}

int64_t watch_seam(const Snapshot *s, TableId table, int64_t cut)
{
    (void)s;
    (void)table;
    return cut;
}

void snapshot_table_about(const Snapshot *s, TableId table, TableInfo *out)
{
    (void)s;
    (void)table;
    *out = (TableInfo){0};
}

static SeriesIndex *model_index;

SeriesIndex *engine_index(Engine *eng)
{
    (void)eng;
    return model_index;
}

void engine_trim_mapped(Engine *eng)
{
    (void)eng;
}

void snapshot_unref(Snapshot *s)
{
    if (!ref_drop(&s->ref))
        return;
    for (size_t i = 0; i < s->part_count; i++)
        part_unref(s->parts[i].part);
    for (size_t i = 0; i < s->segment_count; i++)
        seg_unref(s->segments[i]);
    cat_unref(s->catalog);
    mem_free(s);
}

static ModelRow rows[ROWS_MAX];
static size_t row_count;

static int64_t window_of(void *arg, TableId table, int64_t time)
{
    (void)table;
    return floor_div(time, *(int64_t *)arg) * *(int64_t *)arg;
}

static SeriesId series_of(TableId table, unsigned i)
{
    return series_id_make(SHARD, (table - MODEL_TABLE) * 100000 + 1 + i * 777);
}

typedef struct Layout {
    unsigned parts, tails;
    size_t rows_each; /* of a layer */
    int sparse;
    int64_t span; /* times of one layer */
    int64_t step; /* how far the next layer begins after the one before; < span: overlaps */
    int64_t window;
    bool irregular;
} Layout;

static Snapshot *snapshot_new(void)
{
    Snapshot *s = MEM_NEW(Snapshot);
    ref_init(&s->ref);
    s->catalog = model_catalog();
    row_count = 0;
    return s;
}

/* Adds a layer with the model's rows from `from` on. */
static void add_layer(Snapshot *s, size_t from, bool sealed, int64_t window, unsigned hidden)
{
    Err e;
    WriteBatch *wb = wb_new();
    Segment *seg = seg_new(NULL);
    for (size_t i = from; i < row_count; i++)
        model_write(wb, &rows[i], i % 64 == 0);
    ck_assert_uint_eq(seg_append(seg, wb, 0, from + 1), row_count - from);
    uint32_t age = (uint32_t)(s->part_count + s->tail_count + 1);
    if (sealed) {
        VersionPart *p = &s->parts[s->part_count++];
        ck_assert_msg(
            seg_seal(seg, &p->part,
                     &(SealSpec){.window_of = window_of, .arg = &window, .catalog = s->catalog},
                     &e),
            "%s", e.message);
        p->age = age;
        seg_unref(seg);
    } else {
        s->tails[s->tail_count++] =
            (VersionTail){.segment = seg, .rows = seg_rows(seg), .age = age};
        s->segments[s->segment_count++] = seg;
        wb_clear(wb);
        for (unsigned i = 0; i < hidden; i++) { /* rows above the watermark are nobody's business */
            ModelRow r = {.table = MODEL_TABLE + 1,
                          .series = series_of(MODEL_TABLE + 1, i % SERIES),
                          .time = i};
            model_write(wb, &r, false);
        }
        seg_append(seg, wb, 0, from + 2);
    }
    wb_free(wb);
}

static Snapshot *make_snapshot(const Layout *l, unsigned seed)
{
    Snapshot *s = snapshot_new();
    srand(seed);
    for (unsigned layer = 0; layer < l->parts + l->tails; layer++) {
        size_t from = row_count;
        for (size_t i = 0; i < l->rows_each; i++) {
            ModelRow *r = &rows[row_count++];
            unsigned which = (unsigned)rand() % SERIES;
            r->table = MODEL_TABLE + 1 + (unsigned)rand() % 3;
            if (which == layer) /* a series that is missing in this layer */
                which = (which + 1) % SERIES;
            if (l->rows_each > 1000) /* few series with many rows */
                which =
                    which / 4 * 4 == layer % SERIES / 4 * 4 ? (which + 4) % SERIES / 4 : which / 4;
            r->series = series_of(r->table, which);
            int64_t at =
                l->irregular ? rand() % l->span : (int64_t)i * l->span / (int64_t)l->rows_each;
            r->time = l->step * layer + at - 5000;
            for (int c = 0; c < MODEL_COLUMNS; c++)
                r->field[c] = model_field(l->sparse);
        }
        add_layer(s, from, layer < l->parts, l->window, 30);
    }
    return s;
}

static int64_t dense_i64(const ColVec *v, size_t i)
{
    return bitmap_get(v->valid, i) ? v->v.i64[i] : 0;
}

/* Statistics of [begin, end) of a column against a loop over its values. */
static void check_piece(const ChunkStats *got, const ColVec *v, uint32_t begin, uint32_t end)
{
    uint32_t count = 0;
    double sum = 0, min = 0, max = 0;
    __int128 total = 0;
    for (uint32_t i = begin; i < end && v->type != PHYS_NONE; i++) {
        if (!bitmap_get(v->valid, i))
            continue;
        double x = v->type == PHYS_F64 ? v->v.f64[i] : (double)v->v.i64[i];
        total += v->type == PHYS_I64 ? dense_i64(v, i) : 0;
        sum += x;
        min = !count || x < min ? x : min;
        max = !count || x > max ? x : max;
        count++;
    }
    ck_assert_uint_eq(got->count, count);
    if (!count)
        return;
    ck_assert_int_eq(got->type, v->type);
    if (got->type == PHYS_I64) {
        ck_assert_int_eq(got->u.i.min, (int64_t)min);
        ck_assert(!got->sum_exact || got->u.i.sum == total);
    } else {
        ck_assert_double_eq(got->u.f.min, min);
        ck_assert_double_eq(got->u.f.max, max);
        ck_assert_double_eq_tol(got->u.f.sum_hi, sum, 1e-9 * (1 + (sum < 0 ? -sum : sum)));
    }
}

static void check_stats(Scan *scan, const ScanRun *run, size_t column, const ColVec *v)
{
    uint32_t cuts[8];
    ChunkStats got[ARRAY_LEN(cuts) + 1], whole;
    Err e;
    size_t count = (size_t)rand() % (ARRAY_LEN(cuts) + 1);
    for (size_t i = 0; i < count; i++) {
        uint32_t from = i ? cuts[i - 1] : 0;
        cuts[i] = from + (uint32_t)rand() % ((run->rows - from) / 2 + 1);
    }
    ck_assert_msg(scan_stats_cuts(scan, column, &(RowCuts){cuts, count, false, false}, got, &e),
                  "%s", e.message);
    for (size_t i = 0; i <= count; i++)
        check_piece(&got[i], v, i ? cuts[i - 1] : 0, i < count ? cuts[i] : run->rows);
    if (scan_stats(scan, column, &whole)) {
        ck_assert(run->stats_exact);
        check_piece(&whole, v, 0, run->rows);
    }
}

static int compare_at(const ColVec *v, uint32_t i, const CodecFilter *f)
{
    return v->type == PHYS_I64 ? (v->v.i64[i] > f->u.i) - (v->v.i64[i] < f->u.i)
                               : (v->v.f64[i] > f->u.f) - (v->v.f64[i] < f->u.f);
}

/* Filters with a constant that is one of the values, or none of them. */
static void check_filter(Scan *scan, const ScanRun *run, size_t column, const ColVec *v)
{
    static const bool pass[][3] = {
        [CODEC_EQ] = {0, 1, 0}, [CODEC_NE] = {1, 0, 1}, [CODEC_LT] = {1, 0, 0},
        [CODEC_LE] = {1, 1, 0}, [CODEC_GT] = {0, 0, 1}, [CODEC_GE] = {0, 1, 1}};
    CodecFilter f = {.op = (CodecCompare)(rand() % 6)};
    const uint64_t *bits;
    uint32_t at = (uint32_t)rand() % run->rows;
    Err e;
    if (v->type != PHYS_NONE && bitmap_get(v->valid, at))
        f.u.i = v->v.i64[at]; /* or the bits of a double */
    else if (column == 0)
        f.u.i = rand() % 1000 - 500;
    else
        f.u.f = rand() % 1000 - 500;
    ck_assert_msg(scan_filter(scan, column, &f, &bits, &e), "%s", e.message);
    for (uint32_t i = 0; bits && i < run->rows; i++) {
        bool want =
            v->type != PHYS_NONE && bitmap_get(v->valid, i) && pass[f.op][1 + compare_at(v, i, &f)];
        ck_assert_int_eq(bitmap_get(bits, i), want);
    }
}

static void check_time_cuts(Scan *scan, const ScanRun *run, const ModelRow *want)
{
    int64_t bounds[5], time;
    uint32_t before_at[5], at = (uint32_t)rand() % run->rows;
    Err e;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        bounds[i] = (i ? bounds[i - 1] : run->t_first - 2) +
                    rand() % ((run->t_last - run->t_first) / 4 + 3);
    ck_assert_msg(scan_time_cuts(scan, bounds, ARRAY_LEN(bounds), before_at, &e), "%s", e.message);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        uint32_t before = 0;
        while (before < run->rows && want[before].time < bounds[i])
            before++;
        ck_assert_uint_eq(before_at[i], before);
    }
    ck_assert_msg(scan_time_at(scan, at, &time, &e), "%s", e.message);
    ck_assert_int_eq(time, want[at].time);
}

/* One run: the rows of the answer from `at` on (forwards), or up to it (backwards). */
static void check_run(Scan *scan, const ScanRun *run, const ModelAnswer *want, size_t at, bool look)
{
    const int64_t *times;
    Err e;
    ck_assert_uint_gt(run->rows, 0);
    ck_assert_uint_le(run->rows, ROW_GROUP_ROWS);
    ck_assert_uint_le(at + run->rows, want->count);
    ck_assert_int_eq(run->t_first, want->rows[at].time);
    ck_assert_int_eq(run->t_last, want->rows[at + run->rows - 1].time);
    if (!look)
        return;
    if (rand() % 2)
        check_time_cuts(scan, run, &want->rows[at]);
    if (rand() % 2) {
        ck_assert_msg(scan_times(scan, &times, &e), "%s", e.message);
        for (uint32_t i = 0; i < run->rows; i++)
            ck_assert_int_eq(times[i], want->rows[at + i].time);
    }
    for (int c = MODEL_COLUMNS - 1; c >= 0; c--) {
        ColVec v;
        ck_assert_msg(scan_column(scan, (size_t)c, &v, &e), "%s", e.message);
        for (uint32_t i = 0; i < run->rows; i++)
            ck_assert_msg(model_is(&v, i, c, want->rows[at + i].field[c]),
                          "time %lld column %d: %d", (long long)want->rows[at + i].time, c,
                          want->rows[at + i].field[c]);
        if (c == 0 || c == 1) {
            check_stats(scan, run, (size_t)c, &v);
            check_filter(scan, run, (size_t)c, &v);
        }
    }
}

static uint64_t exact_runs, all_runs;

static void check_scan(Snapshot *s, TableId table, const SeriesSet *set, int64_t t_min,
                       int64_t t_max, bool backward)
{
    ScanSpec spec = {.snapshot = s,
                     .table = table,
                     .t_min = t_min,
                     .t_max = t_max,
                     .series = (SeriesSet *)(uintptr_t)set,
                     .columns = model_ids,
                     .column_count = MODEL_COLUMNS,
                     .backward = backward};
    Scan *scan;
    Err e;
    ck_assert_msg(scan_open(&scan, &spec, NULL, &e), "%s", e.message);
    ScanRun run;
    ScanStatus st = scan_next(scan, &run, NULL, &e);
    uint64_t total = 0;
    for (unsigned i = 0; i < SERIES; i++) {
        SeriesId id = series_of(table, i);
        ModelAnswer want = {0};
        if (!set || set_has(set, id))
            want = model_answer(rows, row_count, table, id, t_min, t_max, table - MODEL_TABLE);
        size_t left = want.count;
        while (left && st == SCAN_RUN) {
            ck_assert_uint_eq(run.series, id);
            ck_assert_uint_le(run.rows, left);
            check_run(scan, &run, &want, backward ? left - run.rows : want.count - left,
                      rand() % 8);
            left -= run.rows;
            total += run.rows;
            exact_runs += run.stats_exact;
            all_runs++;
            if (rand() % 64 == 0) {
                scan_skip_series(scan);
                left = 0;
            }
            st = scan_next(scan, &run, NULL, &e);
        }
        ck_assert_uint_eq(left, 0);
        mem_free(want.rows);
    }
    ck_assert_msg(st == SCAN_END, "%s", st == SCAN_FAIL ? e.message : "too many runs");
    ck_assert_uint_eq(scan_counters(scan)->rows, total);
    scan_close(scan);
}

static const Layout layouts[] = {
    {.parts = 3,
     .tails = 1,
     .rows_each = 400,
     .sparse = 10,
     .span = 3000,
     .step = 1000,
     .window = 5000,
     .irregular = true},
    {.parts = 3,
     .tails = 2,
     .rows_each = 400,
     .sparse = 40,
     .span = 100,
     .step = 10,
     .window = 50,
     .irregular = true},
    {.parts = 4,
     .tails = 1,
     .rows_each = 500,
     .sparse = 0,
     .span = 1000,
     .step = 1000,
     .window = 100000},
    {.parts = 2,
     .tails = 0,
     .rows_each = 4000,
     .sparse = 0,
     .span = 40000,
     .step = 40000,
     .window = 100000},
    {.parts = 1,
     .tails = 1,
     .rows_each = 4000,
     .sparse = 3,
     .span = 40000,
     .step = 30000,
     .window = 100000},
    {.parts = 0,
     .tails = 2,
     .rows_each = 1000,
     .sparse = 20,
     .span = 500,
     .step = 400,
     .window = 100,
     .irregular = true},
    {.parts = 2,
     .tails = 0,
     .rows_each = 3500,
     .sparse = 20,
     .span = 200,
     .step = 100,
     .window = 1000,
     .irregular = true},
    {.parts = 5,
     .tails = 2,
     .rows_each = 200,
     .sparse = 95,
     .span = 50,
     .step = 0,
     .window = 1000,
     .irregular = true},
    {.parts = 1,
     .tails = 0,
     .rows_each = 7500,
     .sparse = 0,
     .span = 75000,
     .step = 1,
     .window = 1000000},
};

START_TEST(against_model)
{
    const Layout *l = &layouts[_i];
    Snapshot *s = make_snapshot(l, (unsigned)_i + 1);
    int64_t first = -5000, whole = l->step * (l->parts + l->tails) + l->span;
    for (unsigned step = 0; step < 36; step++) {
        TableId table = MODEL_TABLE + 1 + step % 3;
        int64_t a = first + rand() % whole, b = a + rand() % whole;
        SeriesId ids[SERIES];
        size_t n = 1 + (size_t)rand() % 4;
        for (size_t i = 0; i < n; i++)
            ids[i] = series_of(table, (unsigned)rand() % SERIES);
        SeriesSet *set = step % 2 ? set_from_ids(ids, n) : NULL;
        bool all = step < 6;
        check_scan(s, table, set, all ? INT64_MIN : a, all ? INT64_MAX : b, step % 4 >= 2);
        set_unref(set);
    }
    snapshot_unref(s);
}
END_TEST

/* Parts that follow each other in time are read by their statistics, also when a time range cuts some. */
START_TEST(statistics)
{
    Snapshot *s = make_snapshot(&layouts[3], 1);
    exact_runs = all_runs = 0;
    check_scan(s, MODEL_TABLE + 1, NULL, INT64_MIN, INT64_MAX, false);
    ck_assert_uint_gt(exact_runs, 0);
    uint64_t exact = exact_runs;
    exact_runs = all_runs = 0;
    check_scan(s, MODEL_TABLE + 1, NULL, 1000, 2000, false); /* inside one group: cut */
    ck_assert_uint_lt(exact_runs, exact);
    snapshot_unref(s);
}
END_TEST

static void index_series(SeriesId id, TableId table)
{
    Err e;
    Tag tag = {.column = 1, .value = slice_of((const char *)&id, sizeof id)};
    if (!idx_table(model_index, id))
        ck_assert(idx_restore(model_index, id, table, &tag, 1, &e));
}

START_TEST(metadata) /* with and without a series that has no rows */
{
    Snapshot *s = make_snapshot(&layouts[0], 9);
    int64_t t_min, t_max, low = INT64_MAX, high = INT64_MIN;
    model_index = idx_new((uint32_t)(rows[0].series >> 32), 1);
    for (size_t i = 0; i < row_count; i++)
        index_series(rows[i].series, rows[i].table);
    if (_i)
        index_series(series_of(MODEL_TABLE + 3, SERIES), MODEL_TABLE + 2);
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].table != MODEL_TABLE + 2)
            continue;
        low = rows[i].time < low ? rows[i].time : low;
        high = rows[i].time > high ? rows[i].time : high;
    }
    ck_assert(snapshot_table_bounds(s, MODEL_TABLE + 2, &t_min, &t_max));
    ck_assert_int_eq(t_min, low);
    ck_assert_int_eq(t_max, high);
    ck_assert(!snapshot_table_bounds(s, MODEL_TABLE, &t_min, &t_max));
    SeriesSet *all = snapshot_series(s, MODEL_TABLE + 2, INT64_MIN, INT64_MAX);
    for (size_t i = 0; i < row_count; i++)
        ck_assert_int_eq(set_has(all, rows[i].series), rows[i].table == MODEL_TABLE + 2);
    set_unref(all);
    all = snapshot_series(s, MODEL_TABLE, INT64_MIN, INT64_MAX);
    ck_assert_uint_eq(set_count(all), 0);
    set_unref(all);
    snapshot_unref(s);
    idx_free(model_index);
    model_index = NULL;
}
END_TEST

START_TEST(odd_requests)
{
    Snapshot *s = make_snapshot(&layouts[0], 3);
    ColumnId columns[] = {3, 4242}; /* a column that the table does not have is null */
    ScanSpec spec = {.snapshot = s,
                     .table = MODEL_TABLE + 1,
                     .t_min = 10,
                     .t_max = 5,
                     .columns = columns,
                     .column_count = 2};
    Scan *scan;
    ScanRun run;
    Err e;
    ck_assert(scan_open(&scan, &spec, NULL, &e)); /* an empty range */
    ck_assert_int_eq(scan_next(scan, &run, NULL, &e), SCAN_END);
    scan_close(scan);
    spec.t_min = INT64_MIN;
    spec.t_max = INT64_MAX;
    ck_assert(scan_open(&scan, &spec, NULL, &e));
    ck_assert_int_eq(scan_next(scan, &run, NULL, &e), SCAN_RUN);
    ColVec v;
    ChunkStats stats;
    ck_assert(scan_column(scan, 1, &v, &e));
    ck_assert_int_eq(v.type, PHYS_NONE);
    ck_assert(scan_stats_cuts(scan, 1, &(RowCuts){0}, &stats, &e));
    ck_assert_uint_eq(stats.count, 0);
    scan_close(scan);
    spec.table = 12345;
    ck_assert(!scan_open(&scan, &spec, NULL, &e));
    ck_assert_int_eq(e.code, ERR_UNDEFINED_TABLE);
    spec.table = MODEL_TABLE + 1;
    Err damage;
    err_set(&damage, ERR_IO, "file 7 cannot be read");
    s->damage = (VersionDamage){.t_min = 100, .t_max = 200, .err = &damage};
    s->damaged_count = 1;
    ck_assert(!scan_open(&scan, &spec, NULL, &e));
    ck_assert_int_eq(e.code, ERR_IO);
    spec.t_min = 201;
    ck_assert(scan_open(&scan, &spec, NULL, &e)); /* other times can still be read */
    scan_close(scan);
    snapshot_unref(s);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("scan");
    tcase_add_loop_test(tc, against_model, 0, (int)ARRAY_LEN(layouts));
    tcase_add_test(tc, statistics);
    tcase_add_loop_test(tc, metadata, 0, 2);
    tcase_add_test(tc, odd_requests);
    return unit_run(tc);
}
