/* tests/unit/test_memtable.c - batches, their bytes, segments, selection, sealing. */
#include "rows_model.h"
#include "storage/batch_private.h"
#include "storage/memtable.h"

#include <math.h>
#include <pthread.h>

enum { ROWS = 3000, SERIES = 40 };

static ModelRow rows[ROWS];
static Arena arena;

static void make_rows(size_t n, int sparse, unsigned seed)
{
    srand(seed);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (ModelRow){.table = MODEL_TABLE + (unsigned)rand() % 3,
                             .time = (int64_t)i * 7 - rand() % 500};
        rows[i].series = series_id_make(3, rows[i].table * 100 + 1 + (uint32_t)rand() % SERIES);
        for (int c = 0; c < MODEL_COLUMNS; c++)
            rows[i].field[c] = model_field(sparse);
    }
}

static WriteBatch *batch_of(size_t from, size_t to, bool shuffle)
{
    WriteBatch *wb = wb_new();
    for (size_t i = from; i < to; i++) {
        if (i % 11 == 3) { /* a row that is given up leaves no trace */
            wb_row(wb, rows[i].table, 77, 1);
            wb_str(wb, 6, SLICE_LIT("gone"));
            wb_null(wb, 3);
            wb_row_cancel(wb);
        }
        model_write(wb, &rows[i], shuffle);
    }
    ck_assert_uint_eq(wb_rows(wb), to - from);
    return wb;
}

/* All fields of row `i` of the model, at place `at` of the segment. */
static void check_row(const Segment *s, uint32_t at, const ModelRow *want)
{
    SegRow ref = {.row = at};
    for (int c = 0; c < MODEL_COLUMNS; c++) {
        ColVec vec;
        const uint64_t *nulls;
        seg_column(s, &ref, 1, model_ids[c], model_types[c], &arena, &vec, &nulls);
        ck_assert_msg(model_is(&vec, 0, c, want->field[c]), "row %u column %d", at, c);
        ck_assert_int_eq(nulls && bitmap_get(nulls, 0), want->field[c] == FIELD_NULL);
    }
}

static void check_segment(const Segment *s, size_t first)
{
    for (size_t i = 0; i < seg_rows(s); i++)
        check_row(s, (uint32_t)i, &rows[first + i]);
    arena_reset(&arena);
}

START_TEST(batch_to_segment)
{
    static const int sparse[] = {0, 5, 30, 70};
    make_rows(ROWS, sparse[_i], 1);
    WriteBatch *wb = batch_of(0, ROWS, _i % 2);
    Segment *s = seg_new(NULL);
    ck_assert_uint_eq(seg_append(s, wb, 0, 9), ROWS);
    ck_assert_uint_eq(seg_rows(s), ROWS);
    check_segment(s, 0);
    Lsn seq_min, seq_max;
    int64_t t_min, t_max;
    seg_bounds(s, &seq_min, &seq_max, &t_min, &t_max);
    ck_assert_uint_eq(seq_min, 9);
    ck_assert_uint_eq(seg_row_seq(s, 5), 9);
    for (size_t i = 0; i < ROWS; i++)
        ck_assert(rows[i].time >= t_min && rows[i].time <= t_max);
    seg_unref(s);
    wb_clear(wb); /* used again, with the shapes it knows */
    ck_assert_uint_eq(wb_rows(wb), 0);
    model_write(wb, &rows[5], false);
    s = seg_new(NULL);
    seg_append(s, wb, 0, 1);
    check_segment(s, 5);
    seg_unref(s);
    wb_free(wb);
}
END_TEST

START_TEST(encode_roundtrip)
{
    static const int sparse[] = {0, 5, 30, 70};
    make_rows(ROWS, sparse[_i], 2);
    WriteBatch *wb = batch_of(0, ROWS, _i % 2), *read = wb_new();
    Buf bytes, again;
    Err e;
    buf_init(&bytes);
    buf_init(&again);
    wb_encode(&bytes, wb);
    ck_assert_msg(wb_decode(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(wb_rows(read), ROWS);
    Segment *s = seg_new(NULL);
    seg_append(s, read, 0, 1);
    check_segment(s, 0);
    wb_encode(&again, read);
    ck_assert_uint_lt(again.len, bytes.len + bytes.len / 50); /* how texts are shared may differ */
    seg_unref(s);
    wb_free(wb);
    wb_free(read);
    buf_free(&bytes);
    buf_free(&again);
}
END_TEST

START_TEST(encode_damage)
{
    make_rows(60, 20, 3);
    WriteBatch *wb = batch_of(0, 60, true);
    Buf bytes;
    Err e;
    buf_init(&bytes);
    wb_encode(&bytes, wb);
    for (size_t len = 0; len < bytes.len; len++) {
        WriteBatch *read = wb_new();
        char *cut = mem_dup(bytes.ptr, len + 1);
        ck_assert(!wb_decode(read, slice_of(cut, len), &e));
        ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        mem_free(cut);
        wb_free(read);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        WriteBatch *read = wb_new();
        char *flip = mem_dup(bytes.ptr, bytes.len);
        flip[bit / 8] ^= (char)(1 << bit % 8);
        if (wb_decode(read, slice_of(flip, bytes.len), &e)) { /* what is taken must be usable */
            Segment *s = seg_new(NULL);
            seg_append(s, read, 0, 1);
            seg_unref(s);
        }
        mem_free(flip);
        wb_free(read);
    }
    wb_free(wb);
    buf_free(&bytes);
}
END_TEST

START_TEST(floats_exact)
{
    static const double values[] = {0.0,     -0.0,      1,        -1,         0.1,
                                    23.5,    99.99,     1e15,     1e16,       1e300,
                                    -1e-300, 1.0 / 3,   0x1p51,   0x1p53 + 2, 123456.789012,
                                    1e-14,   12345e-14, INFINITY, -INFINITY,  5e-324};
    WriteBatch *wb = wb_new(), *read = wb_new();
    for (size_t i = 0; i < 4000; i++) {
        double v = values[i % ARRAY_LEN(values)];
        if (i % 97 == 5) {
            uint64_t stale = 0x7ff0000000000002;
            memcpy(&v, &stale, sizeof v);
        }
        wb_row(wb, MODEL_TABLE, 1, (int64_t)i);
        wb_f64(wb, 4, v);
        wb_f64(wb, 9, (double)i / 100);
        wb_row_end(wb);
    }
    Buf bytes;
    Err e;
    buf_init(&bytes);
    wb_encode(&bytes, wb);
    ck_assert(wb_decode(read, buf_slice(&bytes), &e));
    Segment *a = seg_new(NULL), *b = seg_new(NULL);
    seg_append(a, wb, 0, 1);
    seg_append(b, read, 0, 1);
    for (uint32_t i = 0; i < 4000; i++) {
        SegRow ref = {.row = i};
        for (int c = 4; c <= 9; c += 5) {
            ColVec x, y;
            seg_column(a, &ref, 1, (ColumnId)c, PHYS_F64, &arena, &x, NULL);
            seg_column(b, &ref, 1, (ColumnId)c, PHYS_F64, &arena, &y, NULL);
            ck_assert_mem_eq(x.v.f64, y.v.f64, sizeof(double));
        }
        arena_reset(&arena);
    }
    buf_free(&bytes);
    seg_unref(a);
    seg_unref(b);
    wb_free(wb);
    wb_free(read);
}
END_TEST

START_TEST(payload_size)
{
    WriteBatch *ints = wb_new(), *decimals = wb_new();
    srand(4);
    for (uint32_t i = 0; i < 5000; i++) {
        wb_row(ints, MODEL_TABLE, 1 + i % 4000,
               1700000000 * INT64_C(1000000000) + i / 4000 * INT64_C(10000000000));
        wb_row(decimals, MODEL_TABLE, 1 + i % 4000, 1700000000 * INT64_C(1000000000));
        for (ColumnId c = 1; c <= 10; c++) {
            wb_i64(ints, c, rand() % 101);
            wb_f64(decimals, c, rand() % 10001 / 100.0);
        }
        wb_row_end(ints);
        wb_row_end(decimals);
    }
    Buf bytes;
    buf_init(&bytes);
    wb_encode(&bytes, ints);
    ck_assert_uint_lt(bytes.len, 5000 * 13);
    buf_clear(&bytes);
    wb_encode(&bytes, decimals);
    ck_assert_uint_lt(bytes.len, 5000 * 24);
    buf_free(&bytes);
    wb_free(ints);
    wb_free(decimals);
}
END_TEST

/* Rows of one shape in blocks: every width, scale and type, every count around the limits. */
static void block_row(WriteBatch *wb, int width, size_t i)
{
    uint64_t wide = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
    uint64_t v = width ? wide >> (64 - width) : 7;
    double raw;
    memcpy(&raw, &wide, sizeof raw);
    wb_row(wb, MODEL_TABLE, 1 + (rand() % 3 ? i % 5 : 0), (int64_t)(i / 5) * 1000 + rand() % 2);
    wb_i64(wb, 3, (int64_t)(i % 2 ? v : -v));
    wb_f64(wb, 1, (double)(int64_t)(v % 100000) / 100);
    wb_bool(wb, 2, i % 3 == 0);
    wb_f64(wb, 9, width % 2 ? raw : 0.125);
    if (width % 3 == 0)
        wb_str(wb, 4, slice_of("abcdefghijklmnop", (size_t)rand() % 16));
    wb_row_end(wb);
}

static void same_rows(const WriteBatch *a, const WriteBatch *b)
{
    ck_assert_uint_eq(wb_rows(a), wb_rows(b));
    for (size_t i = 0; i < wb_rows(a); i++) {
        const BatchRow *x = wb_row_at(a, i), *y = wb_row_at(b, i);
        const RowShape *shape = wb_shape(a, x->shape);
        ck_assert_mem_eq(x, y, sizeof *x);
        for (uint32_t c = 0; c < shape->count; c++) {
            uint64_t p = batch_row_slots(x)[c], q = batch_row_slots(y)[c];
            if (shape_key_type(shape->keys[c]) == PHYS_STR)
                ck_assert(slice_eq(wb_string(a, p), wb_string(b, q)));
            else
                ck_assert_uint_eq(p, q);
        }
    }
}

START_TEST(encode_blocks)
{
    static const size_t counts[] = {1, 3, 4, 5, 60, 255, 256, 257, 700};
    int width = _i;
    for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
        WriteBatch *wb = wb_new(), *read = wb_new();
        Buf bytes = {0}, again = {0};
        Err e;
        for (size_t i = 0; i < counts[k]; i++)
            block_row(wb, width, i);
        wb_encode(&bytes, wb);
        char *exact = mem_dup(bytes.ptr, bytes.len); /* no byte behind its end is read */
        ck_assert_msg(wb_decode(read, slice_of(exact, bytes.len), &e), "%s", e.message);
        ck_assert_uint_eq(read->rows.len, wb->rows.len);
        same_rows(wb, read);
        wb_encode(&again, read);
        if (width % 3) /* how texts are shared may differ */
            ck_assert(slice_eq(buf_slice(&bytes), buf_slice(&again)));
        for (size_t len = 0; counts[k] < 10 && len < bytes.len; len++) {
            WriteBatch *cut = wb_new();
            char *head = mem_dup(bytes.ptr, len + 1);
            ck_assert(!wb_decode(cut, slice_of(head, len), &e));
            mem_free(head);
            wb_free(cut);
        }
        mem_free(exact);
        buf_free(&bytes);
        buf_free(&again);
        wb_free(wb);
        wb_free(read);
    }
}
END_TEST

static Slice some_text(char *room, size_t size, size_t i, size_t different)
{
    int len = snprintf(room, size, "%0*zu", (int)(i % different % 23), i % different);
    return slice_of(room, (size_t)len);
}

/* Equal texts stand once in batch, log and segment, also where more lie between them than are remembered. */
START_TEST(equal_texts)
{
    enum { COUNT = 20000, TEXTS = 3 };
    static const size_t different[] = {1, 2, 100, 700, 3000, 5000, COUNT};
    WriteBatch *wb = wb_new(), *read = wb_new();
    Buf bytes = {0};
    Err e;
    char room[64];
    for (size_t i = 0; i < COUNT; i++) {
        wb_row(wb, MODEL_TABLE, 1 + i % 10, (int64_t)i);
        for (size_t c = 0; c < TEXTS; c++)
            wb_str(wb, (ColumnId)(4 + c), some_text(room, sizeof room, i + c, different[_i]));
        if (i % 7 == 0) { /* a row that is given up leaves nothing behind */
            wb_row_cancel(wb);
            wb_row(wb, MODEL_TABLE, 1 + i % 10, (int64_t)i);
            for (size_t c = 0; c < TEXTS; c++)
                wb_str(wb, (ColumnId)(4 + c), some_text(room, sizeof room, i + c, different[_i]));
        }
        wb_row_end(wb);
    }
    wb_encode(&bytes, wb);
    if (different[_i] <= 100) {
        ck_assert_uint_lt(wb->strings.len, different[_i] * 32);
        ck_assert_uint_lt(bytes.len, COUNT * (3 + 2 * TEXTS));
    }
    ck_assert_msg(wb_decode(read, buf_slice(&bytes), &e), "%s", e.message);
    Segment *s = seg_new(NULL);
    ck_assert_uint_eq(seg_append(s, read, 0, 1), COUNT);
    SegRow *refs = arena_alloc(&arena, COUNT * sizeof *refs);
    for (uint32_t i = 0; i < COUNT; i++)
        refs[i] = (SegRow){.row = i};
    for (size_t c = 0; c < TEXTS; c++) {
        ColVec v;
        seg_column(s, refs, COUNT, (ColumnId)(4 + c), PHYS_STR, &arena, &v, NULL);
        for (size_t i = 0; i < COUNT; i++)
            ck_assert(slice_eq(v.v.str[i], some_text(room, sizeof room, i + c, different[_i])));
    }
    arena_reset(&arena);
    seg_unref(s);
    wb_free(wb);
    wb_free(read);
    buf_free(&bytes);
}
END_TEST

/* Logs of before: each text with its bytes. */
START_TEST(old_format)
{
    static const char payload[] = {2,          0, 2,                  /* no series, two rows */
                                   1 << 2,     7, 1,      4 << 3 | 4, /* the shape of the first */
                                   2 << 1 | 0, 3, 'a',    'b',        'c', /* series 1; a text */
                                   0,          1, 2 << 1, 1,          'x'};
    WriteBatch *wb = wb_new();
    Err e;
    ck_assert_int_eq(PHYS_STR, 4);
    ck_assert_msg(wb_decode(wb, slice_of(payload, sizeof payload), &e), "%s", e.message);
    ck_assert_uint_eq(wb_rows(wb), 2);
    ck_assert(slice_eq_cstr(wb_string(wb, *batch_row_slots(wb_row_at(wb, 0))), "abc"));
    ck_assert(slice_eq_cstr(wb_string(wb, *batch_row_slots(wb_row_at(wb, 1))), "x"));
    wb_free(wb);
}
END_TEST

START_TEST(wide_rows)
{
    WriteBatch *wb = wb_new();
    for (int64_t row = 0; row < 40; row++) {
        wb_row(wb, MODEL_TABLE, 1, row);
        for (unsigned c = 0; c < COLUMNS_MAX; c++) {
            unsigned id = row % 2 ? COLUMNS_MAX - c : c + 1; /* two orders */
            if (id % 3)
                wb_i64(wb, (ColumnId)id, row * 10000 + id);
        }
        wb_row_end(wb);
    }
    Segment *s = seg_new(NULL);
    ck_assert_uint_eq(seg_append(s, wb, 0, 1), 40);
    SegRow refs[40];
    for (uint32_t i = 0; i < 40; i++)
        refs[i] = (SegRow){.row = i};
    for (unsigned id = 1; id <= COLUMNS_MAX; id++) {
        ColVec v;
        seg_column(s, refs, 40, (ColumnId)id, PHYS_I64, &arena, &v, NULL);
        if (id % 3 == 0) {
            ck_assert_int_eq(v.type, PHYS_NONE);
            continue;
        }
        for (uint32_t i = 0; i < 40; i++)
            ck_assert_int_eq(v.v.i64[i], i * 10000 + id);
    }
    arena_reset(&arena);
    seg_unref(s);
    wb_free(wb);
}
END_TEST

START_TEST(full_segments)
{
    enum { COUNT = SEGMENT_ROWS + 34464 };
    Budget budget;
    budget_init(&budget, "memtable", NULL, 0);
    WriteBatch *wb = wb_new();
    for (int64_t i = 0; i < COUNT; i++) {
        wb_row(wb, MODEL_TABLE, 1 + (uint64_t)i % 10, i);
        wb_i64(wb, 3, i);
        wb_row_end(wb);
    }
    Segment *a = seg_new(&budget), *b = seg_new(&budget);
    size_t next = seg_append(a, wb, 0, 1);
    ck_assert_uint_eq(next, SEGMENT_ROWS);
    ck_assert(seg_full(a));
    ck_assert_uint_eq(seg_append(a, wb, next, 1), next);
    ck_assert_uint_eq(seg_append(b, wb, next, 1), COUNT);
    ck_assert(!seg_full(b));
    ck_assert_uint_eq(seg_rows(b), COUNT - SEGMENT_ROWS);
    ck_assert_int_gt(budget.used, COUNT * 16);
    seg_unref(seg_ref(a));
    seg_unref(a);
    seg_unref(b);
    ck_assert_int_eq(budget.used, 0);
    wb_clear(wb); /* large texts fill a segment by bytes */
    char *text = mem_zero(1 << 20);
    for (int64_t i = 0; i < 10; i++) {
        text[0] = (char)i; /* equal ones would be kept once */
        wb_row(wb, MODEL_TABLE, 1, i);
        wb_str(wb, 6, slice_of(text, 1 << 20));
        wb_row_end(wb);
    }
    a = seg_new(&budget);
    next = seg_append(a, wb, 0, 1);
    ck_assert_uint_ge(next, 4);
    ck_assert_uint_lt(next, 6);
    seg_unref(a);
    ck_assert_int_eq(budget.used, 0);
    mem_free(text);
    wb_free(wb);
}
END_TEST

/* seg_select against a look at every row. */
static void check_select(const Segment *s, size_t watermark, TableId table, const SeriesSet *set,
                         int64_t t_min, int64_t t_max)
{
    SegRow *got;
    size_t n = seg_select(s, watermark, table, set, t_min, t_max, &arena, &got), want = 0;
    for (size_t i = 0; i < watermark; i++)
        want += rows[i].table == table && rows[i].time >= t_min && rows[i].time <= t_max &&
                (!set || set_has(set, rows[i].series));
    ck_assert_uint_eq(n, want);
    for (size_t i = 0; i < n; i++) {
        const ModelRow *r = &rows[got[i].row];
        ck_assert(got[i].row < watermark && r->table == table && r->time == got[i].time &&
                  r->series == got[i].series && (!set || set_has(set, r->series)));
        if (i) {
            const SegRow *p = &got[i - 1];
            ck_assert(
                p->series < got[i].series ||
                (p->series == got[i].series &&
                 (p->time < got[i].time || (p->time == got[i].time && p->order < got[i].order))));
        }
    }
    arena_reset(&arena);
}

START_TEST(select_rows)
{
    make_rows(ROWS, 50, 5);
    WriteBatch *wb = batch_of(0, ROWS, false);
    Segment *s = seg_new(NULL);
    seg_append(s, wb, 0, 1);
    for (unsigned step = 0; step < 300; step++) {
        SeriesId ids[SERIES];
        size_t n = step % 3 ? 1 + (size_t)rand() % 3 : (size_t)rand() % SERIES;
        TableId table = MODEL_TABLE + (unsigned)rand() % 4;
        for (size_t i = 0; i < n; i++)
            ids[i] = series_id_make(3, table * 100 + 1 + (uint32_t)rand() % SERIES);
        SeriesSet *set = step % 5 ? set_from_ids(ids, n) : NULL;
        int64_t a = rand() % (ROWS * 7), b = a + rand() % (ROWS * 7);
        check_select(s, (size_t)rand() % (ROWS + 1), table, set, step % 4 ? a : INT64_MIN,
                     step % 4 ? b : INT64_MAX);
        set_unref(set);
    }
    int64_t t_min, t_max;
    ck_assert(seg_has_table(s, ROWS, MODEL_TABLE, &t_min, &t_max));
    ck_assert(!seg_has_table(s, ROWS, MODEL_TABLE + 9, &t_min, &t_max));
    size_t first = 0;
    while (rows[first].table != MODEL_TABLE + 1)
        first++;
    ck_assert(!seg_has_table(s, first, MODEL_TABLE + 1, &t_min,
                             &t_max)); /* not yet for an older reader */
    ck_assert(seg_has_table(s, first + 1, MODEL_TABLE + 1, &t_min, &t_max));
    seg_unref(s);
    wb_free(wb);
}
END_TEST

START_TEST(truncate_rows)
{
    make_rows(ROWS, 30, 6);
    Segment *s = seg_new(NULL);
    WriteBatch *a = batch_of(0, 1000, false), *b = batch_of(0, 2000, false),
               *c = batch_of(1000, ROWS, true);
    seg_append(s, a, 0, 1);
    size_t mark = seg_rows(s);
    seg_append(s, b, 0, 1);
    seg_truncate(s, mark);
    ck_assert_uint_eq(seg_rows(s), mark);
    seg_append(s, c, 0, 2);
    check_segment(s, 0);
    for (unsigned t = 0; t < 3; t++)
        check_select(s, ROWS, MODEL_TABLE + t, NULL, INT64_MIN, INT64_MAX);
    SeriesId id = rows[1500].series;
    SeriesSet *one = set_from_ids(&id, 1);
    check_select(s, ROWS, rows[1500].table, one, INT64_MIN, INT64_MAX);
    set_unref(one);
    wb_free(a);
    wb_free(b);
    wb_free(c);
    seg_unref(s);
}
END_TEST

/* ---- one writer, readers at their watermarks ---- */

static Segment *shared;
static _Atomic bool stop;

static void *reader(void *arg)
{
    Arena a;
    arena_init(&a, NULL);
    unsigned seed = *(unsigned *)arg;
    while (!stop) {
        size_t watermark = seg_rows(shared);
        SeriesId id = series_id_make(0, 1 + rand_r(&seed) % 50);
        SeriesSet *set = rand_r(&seed) % 4 ? set_from_ids(&id, 1) : NULL;
        SegRow *got;
        size_t n = seg_select(shared, watermark, MODEL_TABLE, set, INT64_MIN, INT64_MAX, &a, &got),
               want = 0;
        for (size_t i = 0; i < watermark; i++)
            want += !set || 1 + i % 50 == id;
        if (n != want)
            abort();
        ColVec v;
        seg_column(shared, got, n, 3, PHYS_I64, &a, &v, NULL);
        for (size_t i = 0; i < n; i++)
            if (v.v.i64[i] != got[i].time)
                abort();
        set_unref(set);
        arena_reset(&a);
    }
    arena_free(&a);
    return NULL;
}

START_TEST(concurrent_readers)
{
    enum { READERS = 2, BATCHES = 400, EACH = 50 };
    pthread_t thread[READERS];
    unsigned seeds[READERS] = {1, 2};
    shared = seg_new(NULL);
    stop = false;
    for (int i = 0; i < READERS; i++)
        pthread_create(&thread[i], NULL, reader, &seeds[i]);
    WriteBatch *wb = wb_new();
    for (int64_t b = 0; b < BATCHES; b++) {
        wb_clear(wb);
        for (int64_t i = b * EACH; i < (b + 1) * EACH; i++) {
            wb_row(wb, MODEL_TABLE, 1 + (uint64_t)i % 50, i);
            wb_i64(wb, 3, i);
            wb_row_end(wb);
        }
        ck_assert_uint_eq(seg_append(shared, wb, 0, (Lsn)b + 1), EACH);
    }
    stop = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(thread[i], NULL);
    wb_free(wb);
    seg_unref(shared);
}
END_TEST

/* ---- sealing ---- */

static int64_t window_of(void *arg, TableId table, int64_t time)
{
    int64_t size = *(int64_t *)arg + (table == MODEL_TABLE + 1 ? 100 : 0);
    int64_t q = time / size - (time % size < 0);
    return q * size;
}

static void check_sealed_series(Part *p, TableId table, SeriesId series, size_t n)
{
    Buf found;
    Err e;
    buf_init(&found);
    ModelAnswer want =
        model_answer(rows, n, table, series, INT64_MIN, INT64_MAX, table - MODEL_TABLE);
    PartQuery q = {table, series, INT64_MIN, INT64_MAX};
    ck_assert_msg(part_find(p, &q, &found, NULL, &e) == PIN_OK, "%s", e.message);
    size_t at = 0;
    for (size_t g = 0; g < found.len / sizeof(PartGroup); g++) {
        const PartGroup *group = (const PartGroup *)(const void *)found.ptr + g;
        const int64_t *times;
        ck_assert_int_eq(part_pin_group(p, group, model_ids, MODEL_COLUMNS, NULL, &e), PIN_OK);
        ck_assert_msg(part_times(p, group, &arena, &times, &e), "%s", e.message);
        for (int c = 0; c < MODEL_COLUMNS; c++) {
            ColVec v;
            const uint64_t *nulls;
            ck_assert_msg(part_column(p, group, model_ids[c], &arena, &v, &nulls, &e), "%s",
                          e.message);
            for (uint32_t i = 0; i < group->rows; i++) {
                ck_assert_int_eq(times[i], want.rows[at + i].time);
                int field = want.rows[at + i].field[c];
                ck_assert_msg(model_is(&v, i, c, field), "series %u row %zu column %d",
                              (unsigned)series, at + i, c);
                ck_assert_int_eq(nulls && bitmap_get(nulls, i), field == FIELD_NULL);
            }
        }
        at += group->rows;
        part_unpin_group(p, group);
        arena_reset(&arena);
    }
    ck_assert_uint_eq(at, want.count);
    mem_free(want.rows);
    buf_free(&found);
}

START_TEST(seal_random)
{
    static const int sparse[] = {0, 10, 50, 0, 90};
    static const int64_t windows[] = {100000000, 5000, 700, 64, 3000};
    make_rows(ROWS, sparse[_i], 7);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i].table = MODEL_TABLE + 1 + i % 3; /* all three modes */
        rows[i].series =
            series_id_make(3, (rows[i].table - MODEL_TABLE) * 100 + 1 + (uint32_t)rand() % SERIES);
        rows[i].time =
            rand() % 8 ? rows[i].time : rows[(unsigned)rand() % (i + 1)].time; /* equal times */
    }
    Segment *s = seg_new(NULL);
    WriteBatch *wb = batch_of(0, 1500, true), *later = batch_of(1500, ROWS, false);
    seg_append(s, wb, 0, 5);
    seg_append(s, later, 0, 6);
    CatalogSnap *cat = model_catalog();
    Part *p;
    Err e;
    int64_t window = windows[_i];
    ck_assert_msg(
        seg_seal(s, &p, &(SealSpec){.window_of = window_of, .arg = &window, .catalog = cat}, &e),
        "%s", e.message);
    ck_assert_uint_eq(part_info(p)->seq_min, 5);
    ck_assert_uint_eq(part_info(p)->seq_max, 6);
    for (uint32_t mode = 1; mode <= DUP_ERROR; mode++)
        for (uint32_t i = 0; i <= SERIES; i++)
            check_sealed_series(p, MODEL_TABLE + mode, series_id_make(3, mode * 100 + 1 + i), ROWS);
    part_unref(p);
    cat_unref(cat);
    wb_free(wb);
    wb_free(later);
    seg_unref(s);
}
END_TEST

START_TEST(seal_large)
{
    enum { COUNT = 50000 };
    WriteBatch *wb = wb_new();
    for (int64_t i = 0; i < COUNT; i++) { /* one long series, one late block, many equal times */
        int64_t t = i < 30000 ? i : i < 40000 ? i - 20000 : 5;
        wb_row(wb, MODEL_TABLE + DUP_LAST, 7, t);
        wb_i64(wb, 3, i);
        wb_row_end(wb);
        wb_row(wb, MODEL_TABLE + DUP_KEEP, 8, t);
        wb_i64(wb, 3, i);
        wb_row_end(wb);
        if (wb_rows(wb) >= SEGMENT_ROWS)
            break;
    }
    Segment *s = seg_new(NULL);
    size_t n = seg_append(s, wb, 0, 1) / 2;
    CatalogSnap *cat = model_catalog();
    Part *p;
    Err e;
    int64_t window = INT64_MAX / 4;
    ck_assert_msg(
        seg_seal(s, &p, &(SealSpec){.window_of = window_of, .arg = &window, .catalog = cat}, &e),
        "%s", e.message);
    uint64_t distinct = n < 30000 ? n : 30000;
    ck_assert_uint_eq(part_info(p)->rows, distinct + n);
    part_unref(p);
    cat_unref(cat);
    seg_unref(s);
    wb_free(wb);
}
END_TEST

int main(void)
{
    arena_init(&arena, NULL);
    TCase *tc = tcase_create("memtable");
    tcase_add_loop_test(tc, batch_to_segment, 0, 4);
    tcase_add_loop_test(tc, encode_roundtrip, 0, 4);
    tcase_add_test(tc, encode_damage);
    tcase_add_test(tc, floats_exact);
    tcase_add_test(tc, payload_size);
    tcase_add_loop_test(tc, encode_blocks, 0, 65);
    tcase_add_loop_test(tc, equal_texts, 0, 7);
    tcase_add_test(tc, old_format);
    tcase_add_test(tc, wide_rows);
    tcase_add_test(tc, full_segments);
    tcase_add_test(tc, select_rows);
    tcase_add_test(tc, truncate_rows);
    tcase_add_test(tc, concurrent_readers);
    tcase_add_loop_test(tc, seal_random, 0, 5);
    tcase_add_test(tc, seal_large);
    int rc = unit_run(tc);
    arena_free(&arena);
    return rc;
}
