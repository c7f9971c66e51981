/* Parts: written and read back against a plain model; damage is found, named and local. */
#include "storage/mapped.h"
#include "storage/part_private.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <pthread.h>
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t seed = 88172645463325252u;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

/* ---- the model: rows in part order ---- */
enum { COLS = 5 }; /* ids 1, 2, 3, 4, 700: int, float, bool, string, int */
static const ColumnId col_id[COLS] = {1, 2, 3, 4, 700};
static const PhysType col_type[COLS] = {PHYS_I64, PHYS_F64, PHYS_BOOL, PHYS_STR, PHYS_I64};

typedef struct Row {
    int64_t window, time;
    TableId table;
    SeriesId series;
    uint8_t state[COLS];
    int64_t i[COLS];
    double f;
    char text[12];
} Row;

typedef struct Model {
    Row *row;
    size_t n, cap;
} Model;

static Row *model_add(Model *m)
{
    if (m->n == m->cap)
        m->row = realloc(m->row, (m->cap = m->cap ? m->cap * 2 : 256) * sizeof *m->row);
    memset(&m->row[m->n], 0, sizeof *m->row);
    return &m->row[m->n++];
}

/* Series of `table` in `window`: rows with times 10 s apart; mode chooses which columns there are. */
static void model_series(Model *m, int64_t window, TableId table, SeriesId series, size_t rows,
                         unsigned mode)
{
    int64_t level = 50;
    for (size_t r = 0; r < rows; r++) {
        Row *row = model_add(m);
        row->window = window;
        row->table = table;
        row->series = series;
        row->time = window + (int64_t)r * 10000000000;
        level += (int64_t)(rnd() % 7) - 3;
        row->i[0] = level;
        row->f = (double)level / 100;
        row->i[2] = (level >> 2) & 1;
        snprintf(row->text, sizeof row->text, "h%d", (int)(rnd() % 30));
        row->i[4] = (int64_t)(rnd() << 9);
        for (unsigned c = 0; c < COLS; c++) {
            switch (mode >> 2 * c & 3) {
            case 0:
                row->state[c] = STATE_VALUE;
                break;
            case 1: /* sparse */
                row->state[c] = rnd() % 40 ? STATE_ABSENT : STATE_VALUE;
                break;
            case 2: /* all three */
                row->state[c] = (uint8_t)(rnd() % 3);
                break;
            default:
                row->state[c] = STATE_ABSENT;
            }
        }
    }
}

typedef struct MemSink {
    PartSink sink;
    Buf buf;
} MemSink;

static bool mem_write(PartSink *sink, const void *ptr, size_t len, Err *e)
{
    (void)e;
    buf_put(&((MemSink *)sink)->buf, ptr, len);
    return true;
}

/* Writes rows [begin, end), all of one series, as one run. */
static void write_rows(PartWriter *w, const Row *row, size_t n, Lsn seq)
{
    int64_t times[ROW_GROUP_ROWS], ints[COLS][ROW_GROUP_ROWS];
    double floats[ROW_GROUP_ROWS];
    uint8_t bools[ROW_GROUP_ROWS];
    Slice texts[ROW_GROUP_ROWS];
    uint64_t valid[COLS][ROW_WORDS], nulls[COLS][ROW_WORDS];
    memset(valid, 0, sizeof valid);
    memset(nulls, 0, sizeof nulls);
    PartColumn cols[COLS];
    size_t used = 0;
    for (size_t r = 0; r < n; r++) {
        times[r] = row[r].time;
        floats[r] = row[r].f;
        bools[r] = (uint8_t)row[r].i[2];
        texts[r] = slice_cstr(row[r].text);
    }
    for (size_t c = 0; c < COLS; c++) {
        size_t values = 0, null_count = 0;
        for (size_t r = 0; r < n; r++) {
            ints[c][r] = row[r].i[c];
            if (row[r].state[c] == STATE_VALUE)
                bitmap_set(valid[c], r), values++;
            if (row[r].state[c] == STATE_NULL)
                bitmap_set(nulls[c], r), null_count++;
        }
        PartColumn *out = &cols[used];
        *out = (PartColumn){.id = col_id[c]};
        out->vec.type = values ? col_type[c] : PHYS_NONE;
        out->vec.v.any = c == 1   ? (const void *)floats
                         : c == 2 ? (const void *)bools
                         : c == 3 ? (const void *)texts
                                  : (const void *)ints[c];
        out->vec.valid = values == n ? NULL : valid[c];
        out->null_bits = null_count ? nulls[c] : NULL;
        used += values || null_count;
    }
    PartRun run = {row->window, row->table, row->series, n, times, seq, seq + 3, cols, used};
    Err e;
    ck_assert_msg(part_writer_add(w, &run, &e), "%s", e.message);
}

static Buf write_model(const Model *m, bool final)
{
    MemSink sink = {.sink.write = mem_write};
    PartWriter *w = part_writer_new(&sink.sink, final ? EFFORT_FINAL : EFFORT_FLUSH);
    for (size_t i = 0; i < m->n;) {
        size_t n = 1, most = rnd() % 4 ? ROW_GROUP_ROWS : 1 + rnd() % 300;
        while (n < most && i + n < m->n && m->row[i + n].window == m->row[i].window &&
               m->row[i + n].table == m->row[i].table && m->row[i + n].series == m->row[i].series)
            n++;
        write_rows(w, &m->row[i], n, 100 + i);
        i += n;
    }
    Err e;
    ck_assert_uint_eq(part_writer_rows(w), m->n);
    ck_assert_msg(part_writer_finish(w, &e), "%s", e.message);
    part_writer_free(w);
    return sink.buf;
}

/* ---- sources ---- */
typedef struct TestSource {
    PartSource s;
    Buf *own; /* freed at close; may be NULL */
    size_t pins;
    const uint8_t *bytes;
    bool waits; /* some pins answer WAIT first */
} TestSource;

static void source_close(PartSource *s)
{
    TestSource *t = (TestSource *)s;
    ck_assert_uint_eq(t->pins, 0);
    free(t);
}

/* Every pin is a copy of exactly the bytes asked for, so that ASan sees more. */
static PinStatus source_pin(PartSource *s, uint64_t offset, size_t len, struct Task *waiter,
                            const uint8_t **ptr, Err *e)
{
    TestSource *t = (TestSource *)s;
    (void)e;
    if (waiter && t->waits && rnd() % 3 == 0)
        return PIN_WAIT;
    ck_assert(offset + len <= s->size);
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, t->bytes + offset, len);
    *ptr = copy;
    t->pins++;
    return PIN_OK;
}

static void source_unpin(PartSource *s, const uint8_t *ptr, size_t len)
{
    (void)len;
    ((TestSource *)s)->pins--;
    free((void *)(uintptr_t)ptr);
}

static TestSource *source_of(const void *bytes, size_t len, bool pinned)
{
    TestSource *t = calloc(1, sizeof *t);
    t->bytes = bytes;
    t->s = (PartSource){.base = pinned ? NULL : bytes,
                        .size = len,
                        .pin = source_pin,
                        .unpin = source_unpin,
                        .close = source_close};
    snprintf(t->s.name, sizeof t->s.name, "test.skulk");
    return t;
}

static Part *open_part(const Buf *b, bool pinned)
{
    Part *p;
    Err e;
    bool ok = part_open(&p, &source_of(b->ptr, b->len, pinned)->s, &e);
    ck_assert_msg(ok, "%s", e.message);
    return p;
}

/* part_find, asked again while the source lets it wait. */
static bool find(Part *p, TableId table, SeriesId series, int64_t t_min, int64_t t_max, Buf *out,
                 Err *e)
{
    PartQuery q = {table, series, t_min, t_max};
    struct Task *waiter = (struct Task *)(uintptr_t)&q; /* not looked at by the source */
    PinStatus status;
    size_t before = out->len;
    unsigned tries = 0;
    while ((status = part_find(p, &q, out, waiter, e)) == PIN_WAIT) {
        ck_assert_uint_eq(out->len, before);
        ck_assert_uint_lt(tries++, 1000);
    }
    return status == PIN_OK;
}

/* ---- comparing ---- */
static bool tolerant; /* damage is expected: an error that names its place is as good as the rows */
static unsigned tolerated;

static bool fine(bool ok, const Err *e)
{
    if (ok)
        return true;
    ck_assert_msg(tolerant && (e->code == ERR_DATA_CORRUPTED || e->code == ERR_IO) &&
                      strstr(e->message, "test.skulk") && strstr(e->message, "offset") &&
                      strstr(e->message, "table") && strstr(e->message, "series") &&
                      strstr(e->message, "times"),
                  "%s", e->message);
    tolerated++;
    return false;
}

static void compare_value(const ColVec *vec, size_t c, size_t r, const Row *row)
{
    switch (col_type[c]) {
    case PHYS_F64:
        ck_assert(vec->v.f64[r] == row->f);
        break;
    case PHYS_BOOL:
        ck_assert_int_eq(vec->v.b[r], row->i[c]);
        break;
    case PHYS_STR:
        ck_assert(slice_eq(vec->v.str[r], slice_cstr(row->text)));
        break;
    default:
        ck_assert_int_eq(vec->v.i64[r], row->i[c]);
    }
}

static _Atomic unsigned grids; /* groups whose times are an arithmetic run */

static void compare_group(Part *p, const PartGroup *g, const Row *row)
{
    Arena a;
    Err e;
    const int64_t *times;
    arena_init(&a, NULL);
    unsigned tries = 0;
    struct Task *waiter = (struct Task *)(uintptr_t)&a; /* not looked at by the source */
    PinStatus pinned;
    while ((pinned = part_pin_group(p, g, col_id, COLS, waiter, &e)) == PIN_WAIT)
        ck_assert_uint_lt(tries++, 100);
    if (!fine(pinned == PIN_OK, &e)) {
        arena_free(&a);
        return;
    }
    ColumnId listed[COLS];
    size_t listed_count;
    if (fine(part_columns(p, g, listed, COLS, &listed_count, &e), &e))
        ck_assert_uint_le(listed_count, COLS);
    bool have_times = fine(part_times(p, g, &a, &times, &e), &e);
    for (size_t r = 0; have_times && r < g->rows; r++) {
        ck_assert_int_eq(times[r], row[r].time);
        ck_assert(row[r].series == g->series && row[r].table == g->table);
        ck_assert(row[r].time >= g->t_min && row[r].time <= g->t_max);
    }
    TimeGrid grid;
    bool regular = false;
    (void)fine(part_time_grid(p, g, &grid, &regular, &e), &e);
    for (size_t r = 0; regular && r < g->rows; r++)
        ck_assert_int_eq(grid.first + grid.step * (int64_t)r, row[r].time);
    grids += regular;
    for (size_t c = 0; c < COLS; c++) {
        ColVec vec;
        const uint64_t *nulls;
        if (!fine(part_column(p, g, col_id[c], &a, &vec, &nulls, &e), &e))
            continue;
        for (size_t r = 0; r < g->rows; r++) {
            bool value = vec.type != PHYS_NONE && bitmap_get(vec.valid, r);
            bool null = nulls && bitmap_get(nulls, r);
            ck_assert_int_eq(value  ? STATE_VALUE
                             : null ? STATE_NULL
                                    : STATE_ABSENT,
                             row[r].state[c]);
            if (value)
                compare_value(&vec, c, r, &row[r]);
        }
    }
    part_unpin_group(p, g);
    arena_free(&a);
}

static void compare_stats(Part *p, const PartGroup *g, const Row *row)
{
    for (size_t c = 0; c < COLS; c++) {
        ChunkStats st;
        if (!part_stats(p, g, col_id[c], &st))
            continue;
        ck_assert(g->alone);
        int64_t min = INT64_MAX, max = INT64_MIN, count = 0, first = 0, last = 0;
        __int128 sum = 0;
        for (size_t r = 0; r < g->rows; r++) {
            if (row[r].state[c] != STATE_VALUE)
                continue;
            int64_t v = c == 1 ? llround(row[r].f * 100) : row[r].i[c];
            min = v < min ? v : min;
            max = v > max ? v : max;
            sum += v;
            first = count++ ? first : v;
            last = v;
        }
        ck_assert_int_eq(st.count, count);
        if (col_type[c] == PHYS_I64) {
            ck_assert(st.u.i.min == min && st.u.i.max == max && st.u.i.sum == sum);
            ck_assert(st.u.i.first == first && st.u.i.last == last);
        } else {
            ck_assert(st.u.f.min == (double)min / 100 && st.u.f.max == (double)max / 100);
            ck_assert(st.u.f.first == (double)first / 100 && st.u.f.last == (double)last / 100);
            ck_assert(fabs(st.u.f.sum_hi - (double)sum / 100) < 1e-9);
        }
    }
}

/* Every series of every table through part_find, in order of the model. */
static void compare_part(Part *p, const Model *m)
{
    Err e;
    ck_assert_uint_eq(part_info(p)->rows, m->n);
    size_t groups_seen = 0;
    for (size_t i = 0; i < m->n;) {
        size_t n = 1;
        while (i + n < m->n && m->row[i + n].window == m->row[i].window &&
               m->row[i + n].table == m->row[i].table && m->row[i + n].series == m->row[i].series)
            n++;
        Buf found = {0};
        bool ok = fine(find(p, m->row[i].table, m->row[i].series, m->row[i].time,
                            m->row[i + n - 1].time, &found, &e),
                       &e);
        const PartGroup *g = (const PartGroup *)(void *)found.ptr;
        size_t at = i;
        for (size_t k = 0; k < found.len / sizeof *g; k++) {
            if (m->row[i].window != part_block_of(p, g[k].index, 0)->window)
                continue; /* a shared group's range may reach over the edge */
            compare_group(p, &g[k], &m->row[at]);
            compare_stats(p, &g[k], &m->row[at]);
            ck_assert_uint_ge(g[k].seq_max, g[k].seq_min);
            ck_assert_uint_le(g[k].seq_min, 100 + at);
            at += g[k].rows;
            groups_seen++;
        }
        if (ok)
            ck_assert_uint_eq(at, i + n);
        buf_free(&found);
        i += n;
    }
    if (!tolerant)
        ck_assert_uint_ge(groups_seen, part_group_count(p));
}

static Model big_model(void)
{
    Model m = {0};
    const int64_t day = INT64_C(86400000000000);
    for (int64_t w = 0; w < 3; w++) {
        for (TableId t = 20; t < 24; t++) {
            for (SeriesId s = 1; s < 60; s++) {
                if (rnd() % 3 == 0)
                    continue;
                unsigned mode = t == 20   ? 0
                                : t == 21 ? (unsigned)rnd() & 0x3ff
                                : t == 22 ? 0x555
                                          : 0x2aa;
                size_t rows = s == 7    ? 3000
                              : s == 8  ? 1024
                              : s == 9  ? 256
                              : s == 10 ? 1030
                                        : 1 + rnd() % 40;
                model_series(&m, w * day, t, series_id_make(1, (uint32_t)s), rows, mode);
            }
        }
        model_series(&m, w * day, 5000 + (TableId)w, series_id_make(1, 4000000000u), 5, 0);
    }
    return m;
}

START_TEST(round_trip)
{
    Model m = big_model();
    Buf bytes = write_model(&m, _i & 1);
    Part *p = open_part(&bytes, _i & 2);
    if (_i & 2)
        ((TestSource *)p->source)->waits = true;
    compare_part(p, &m);
    ck_assert(part_check(p, NULL, NULL));
    ck_assert_uint_eq(part_table_count(p), 7);
    ck_assert_uint_eq(part_table_at(p, 0), 20);
    int64_t lo, hi;
    ck_assert(part_has_table(p, 21, &lo, &hi) && !part_has_table(p, 19, &lo, &hi));
    uint64_t total = 0;
    for (uint32_t i = 0; i < part_group_count(p); i++) {
        PartGroup g;
        part_group_at(p, i, &g);
        total += g.rows;
    }
    ck_assert_uint_eq(total, m.n);
    ck_assert_uint_gt(grids, 0);
    part_unref(p);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

static void add_to_set(void *arg, SeriesId id)
{
    roaring_bitmap_add(arg, series_id_local(id));
}

START_TEST(series_are_exact)
{
    Model m = big_model();
    Buf bytes = write_model(&m, false);
    Part *p = open_part(&bytes, false);
    for (size_t t = 0; t < part_table_count(p); t++) {
        TableId id = part_table_at(p, t);
        roaring_bitmap_t *want = roaring_bitmap_create(), *got = roaring_bitmap_create();
        for (size_t i = 0; i < m.n; i++)
            if (m.row[i].table == id)
                roaring_bitmap_add(want, series_id_local(m.row[i].series));
        part_series(p, id, add_to_set, got);
        ck_assert(roaring_bitmap_equals(want, got));
        ck_assert(roaring_bitmap_equals(want, part_series_bitmap(p, id)));
        roaring_bitmap_free(want);
        roaring_bitmap_free(got);
    }
    part_unref(p);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

/* 4,000 series with 12 rows each: about 12,000 rows / 1,024 shared groups, little more. */
START_TEST(small_series_share)
{
    Model m = {0};
    for (uint32_t s = 1; s <= 4000; s++)
        model_series(&m, 0, 30, series_id_make(0, s * 3), 12, 0x3fc);
    Buf bytes = write_model(&m, false);
    Part *p = open_part(&bytes, false);
    ck_assert_uint_le(part_group_count(p), 48000 / 1020 + 1);
    compare_part(p, &m);
    Buf found = {0};
    Err e;
    ck_assert(find(p, 30, series_id_make(0, 4), 0, INT64_MAX, &found, &e));
    ck_assert(find(p, 30, series_id_make(1, 3), 0, INT64_MAX, &found, &e));
    ck_assert(find(p, 31, series_id_make(0, 3), 0, INT64_MAX, &found, &e));
    ck_assert(find(p, 30, series_id_make(0, 3), -5, -1, &found, &e));
    ck_assert_uint_eq(found.len, 0);
    part_unref(p);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

START_TEST(copy_keeps_rows)
{
    Model m = big_model();
    Buf bytes = write_model(&m, false);
    Part *p = open_part(&bytes, _i);
    MemSink sink = {.sink.write = mem_write};
    PartWriter *w = part_writer_new(&sink.sink, EFFORT_FLUSH);
    Err e;
    for (size_t i = 0; i < m.n;) {
        size_t n = 1;
        while (i + n < m.n && m.row[i + n].window == m.row[i].window &&
               m.row[i + n].table == m.row[i].table && m.row[i + n].series == m.row[i].series)
            n++;
        Buf found = {0};
        ck_assert(find(p, m.row[i].table, m.row[i].series, m.row[i].time, m.row[i + n - 1].time,
                       &found, &e));
        const PartGroup *g = (const PartGroup *)(void *)found.ptr;
        for (size_t k = 0; k < found.len / sizeof *g; k++)
            if (m.row[i].window == part_block_of(p, g[k].index, 0)->window)
                ck_assert_msg(part_writer_copy(w, p, &g[k], part_group_window(p, &g[k]), &e), "%s",
                              e.message);
        buf_free(&found);
        i += n;
    }
    ck_assert(part_writer_finish(w, &e));
    part_writer_free(w);
    Part *copy = open_part(&sink.buf, false);
    compare_part(copy, &m);
    ck_assert(part_check(copy, NULL, NULL));
    part_unref(copy);
    part_unref(p);
    buf_free(&sink.buf);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

typedef struct Shared {
    Part *part;
    const Model *model;
} Shared;

static void *read_all(void *arg)
{
    const Shared *s = arg;
    compare_part(s->part, s->model);
    for (size_t t = 0; t < part_table_count(s->part); t++)
        must(part_series_bitmap(s->part, part_table_at(s->part, t)));
    return NULL;
}

/* Directory, checksums and bitmaps come into being under several readers at once. */
START_TEST(threads_share_a_part)
{
    Model m = big_model();
    Buf bytes = write_model(&m, false);
    Shared s = {open_part(&bytes, false), &m};
    pthread_t thread[4];
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, read_all, &s), 0);
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        pthread_join(thread[i], NULL);
    part_unref(s.part);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

START_TEST(empty_part)
{
    Model m = {0};
    Buf bytes = write_model(&m, false);
    Part *p = open_part(&bytes, false);
    ck_assert_uint_eq(part_info(p)->rows, 0);
    ck_assert_uint_eq(part_group_count(p), 0);
    ck_assert(part_check(p, NULL, NULL));
    part_unref(p);
    buf_free(&bytes);
}
END_TEST

/* Strings of a megabyte: groups end early, nothing is lost. */
START_TEST(large_strings)
{
    MemSink sink = {.sink.write = mem_write};
    PartWriter *w = part_writer_new(&sink.sink, EFFORT_FLUSH);
    enum { ROWS = 40 };
    size_t len = 1 << 20;
    int64_t times[ROWS];
    Slice text[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        times[i] = (int64_t)i;
        char *s = malloc(len);
        memset(s, 'a' + (int)i % 26, len);
        s[i] = '!';
        text[i] = slice_of(s, len);
    }
    PartColumn col = {.id = 9, .vec = {.type = PHYS_STR, .v.str = text}};
    PartRun run = {0, 40, 1, ROWS, times, 1, 1, &col, 1};
    Err e;
    ck_assert(part_writer_add(w, &run, &e) && part_writer_finish(w, &e));
    part_writer_free(w);
    Part *p = open_part(&sink.buf, false);
    Buf found = {0};
    ck_assert(find(p, 40, 1, 0, 100, &found, &e));
    const PartGroup *g = (const PartGroup *)(void *)found.ptr;
    size_t count = found.len / sizeof *g, at = 0;
    ck_assert_uint_ge(count, 8);
    for (size_t k = 0; k < count; k++) {
        Arena a;
        ColVec vec;
        const uint64_t *nulls;
        arena_init(&a, NULL);
        ck_assert_msg(part_column(p, &g[k], 9, &a, &vec, &nulls, &e), "%s", e.message);
        for (size_t r = 0; r < g[k].rows; r++)
            ck_assert(slice_eq(vec.v.str[r], text[at++]));
        arena_free(&a);
    }
    ck_assert_uint_eq(at, ROWS);
    for (size_t i = 0; i < ROWS; i++)
        free((void *)(uintptr_t)text[i].ptr);
    part_unref(p);
    buf_free(&found);
    buf_free(&sink.buf);
}
END_TEST

/* ---- damage ---- */
static Model small_model(void)
{
    Model m = {0};
    model_series(&m, 0, 50, 1, 700, 0);
    model_series(&m, 0, 50, 2, 20, 0x2a4);
    model_series(&m, 0, 50, 3, 30, 0x2a4);
    model_series(&m, 0, 51, 1, 300, 0x155);
    return m;
}

static void *copy_of(const void *bytes, size_t len)
{
    void *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    return copy;
}

START_TEST(every_truncation_fails)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    for (size_t len = 0; len < bytes.len; len++) {
        Part *p;
        Err e;
        void *copy = copy_of(bytes.ptr, len);
        ck_assert_msg(!part_open(&p, &source_of(copy, len, false)->s, &e), "%zu of %zu bytes", len,
                      bytes.len);
        ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        free(copy);
    }
    buf_free(&bytes);
    free(m.row);
}
END_TEST

typedef struct Damages {
    unsigned count;
    bool named;
} Damages;

static void count_damage(void *arg, const Err *e)
{
    Damages *d = arg;
    d->count++;
    d->named = strstr(e->message, "test.skulk") && strstr(e->message, "offset");
}

/* Every flipped bit: refused at open, or found by the check, or it lies in the zeros between. */
START_TEST(every_flip_is_found)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    Part *whole = open_part(&bytes, false);
    uint64_t slack = whole->payload_end;
    part_unref(whole);
    unsigned missed = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        uint8_t *copy = copy_of(bytes.ptr, bytes.len);
        copy[at] ^= (uint8_t)(1u << rnd() % 8);
        Part *p;
        Err e;
        if (part_open(&p, &source_of(copy, bytes.len, false)->s, &e)) {
            Damages d = {0};
            bool ok = part_check(p, count_damage, &d);
            ck_assert(ok == (d.count == 0));
            ck_assert(ok || d.named);
            bool harmless = (at >= slack && at < slack + PART_SLACK) || (at >= 28 && at < 32);
            if (ok && !harmless)
                missed++, fprintf(stderr, "flip at %zu of %zu not found\n", at, bytes.len);
            part_unref(p);
        }
        free(copy);
    }
    ck_assert_uint_eq(missed, 0);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

START_TEST(damage_stays_local)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    Part *p = open_part(&bytes, false);
    Buf found = {0};
    Err e;
    ck_assert(find(p, 50, 1, INT64_MIN, INT64_MAX, &found, &e));
    PartGroup g = *(const PartGroup *)(void *)found.ptr;
    Chunk chunk;
    ck_assert(part_chunk(p, &g, 2, &chunk, &e));
    uint64_t offset = chunk.entry.offset;
    part_unref(p);
    bytes.ptr[offset + 10] ^= 4;
    p = open_part(&bytes, false);
    Arena a;
    ColVec vec;
    const uint64_t *nulls;
    arena_init(&a, NULL);
    ck_assert(!part_column(p, &g, 2, &a, &vec, &nulls, &e));
    ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
    ck_assert_msg(strstr(e.message, "test.skulk") && strstr(e.message, "table 50") &&
                      strstr(e.message, "series 1"),
                  "%s", e.message);
    ck_assert(!part_column(p, &g, 2, &a, &vec, &nulls, &e)); /* not forgotten */
    ck_assert(part_column(p, &g, 1, &a, &vec, &nulls, &e));
    found.len = 0;
    ck_assert(find(p, 51, 1, INT64_MIN, INT64_MAX, &found, &e));
    compare_group(p, (const PartGroup *)(void *)found.ptr, &m.row[750]);
    Damages d = {0};
    ck_assert(!part_check(p, count_damage, &d));
    ck_assert_uint_eq(d.count, 1);
    part_unref(p);
    arena_free(&a);
    buf_free(&found);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

/* What a part told its source. */
static uint64_t told[4096];
static unsigned told_count;

static void note_damage(PartSource *s, TableId table, SeriesId series, const Err *e)
{
    uint64_t offset = strtoull(strstr(e->message, "offset ") + 7, NULL, 10);
    (void)s, (void)table, (void)series;
    for (unsigned i = 0; i < told_count; i++)
        ck_assert_uint_ne(told[i], offset); /* once each */
    ck_assert_uint_lt(told_count, ARRAY_LEN(told));
    told[told_count++] = offset;
}

/* Flipped, zeroed and random bytes and cut ends: never a wrong row, every error names its place. */
START_TEST(damage_is_named)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    unsigned refused = 0, partly = 0;
    tolerant = true;
    for (int round = 0; round < 600; round++) {
        uint8_t *copy = copy_of(bytes.ptr, bytes.len);
        size_t at = rnd() % bytes.len, len = 1 + rnd() % (round % 4 ? 8 : 600), size = bytes.len;
        len = len < bytes.len - at ? len : bytes.len - at;
        switch (rnd() % 4) {
        case 0:
            memset(copy + at, 0, len);
            break;
        case 1:
            for (size_t i = 0; i < len; i++)
                copy[at + i] = (uint8_t)rnd();
            break;
        case 2:
            copy[at] ^= (uint8_t)(1u << rnd() % 8);
            break;
        default:
            size = round % 8 ? size : at;
        }
        Part *p;
        Err e;
        TestSource *s = source_of(copy, size, round & 1);
        s->s.damaged = note_damage;
        told_count = tolerated = 0;
        if (part_open(&p, &s->s, &e)) {
            compare_part(p, &m);
            unsigned before = told_count;
            compare_part(p, &m); /* told once, refused again */
            ck_assert_uint_eq(told_count, before);
            ck_assert(!tolerated == !told_count);
            partly += told_count > 0;
            part_unref(p);
        } else {
            ck_assert(strstr(e.message, "test.skulk"));
            refused++;
        }
        free(copy);
    }
    tolerant = false;
    ck_assert_uint_gt(partly, 100);
    ck_assert_uint_gt(refused, 20);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

/* A mapped file loses its middle: what lies there is refused by name, the rest is served. */
START_TEST(unreadable_pages)
{
    enum { CHUNKS_TO_LOSE = 2 * 4096 };
    Model m = big_model();
    Buf bytes = write_model(&m, false);
    char path[] = "/tmp/skulk-part-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, bytes.ptr, bytes.len), (ssize_t)bytes.len);
    const uint8_t *map = io_real.map(&io_real, fd, bytes.len);
    mapped_add(map, bytes.len);
    TestSource *s = source_of(map, bytes.len, false);
    s->s.damaged = note_damage;
    Part *p;
    Err e;
    ck_assert_msg(part_open(&p, &s->s, &e), "%s", e.message);
    compare_part(p, &m); /* all is decoded once: checksums are not looked at again */
    size_t keep = (p->payload_end / 4096 - 1) * 4096 - CHUNKS_TO_LOSE;
    ck_assert_int_eq(ftruncate(fd, (off_t)keep), 0);
    told_count = tolerated = 0;
    tolerant = true;
    compare_part(p, &m);
    ck_assert_uint_gt(told_count, 0);
    ck_assert_uint_lt(tolerated, part_group_count(p) * (COLS + 2)); /* of COLS + 3 answers each */
    ck_assert(!mapped_lost(map, keep) && mapped_lost(map, bytes.len));
    compare_part(p, &m);
    tolerant = false;
    part_unref(p);
    mapped_remove(map, bytes.len);
    io_real.unmap(&io_real, map, bytes.len);
    ck_assert(!mapped_lost(map, bytes.len));
    close(fd);
    unlink(path);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

/* Many readers, and room for a few directory blocks only. */
START_TEST(directories_are_bounded)
{
    Model m = big_model();
    Buf bytes = write_model(&m, false);
    Budget budget;
    budget_init(&budget, "cache", NULL, 50000);
    PartCache *cache = part_cache_new(&budget);
    Shared s[2];
    pthread_t thread[4];
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        TestSource *source = source_of(bytes.ptr, bytes.len, false);
        Err e;
        source->s.cache = cache;
        s[i].model = &m;
        ck_assert(part_open(&s[i].part, &source->s, &e));
    }
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, read_all, &s[i % 2]), 0);
    for (size_t i = 0; i < ARRAY_LEN(thread); i++)
        pthread_join(thread[i], NULL);
    compare_part(s[0].part, &m);
    ck_assert_int_eq(atomic_load(&budget.used), part_cache_bytes(cache));
    ck_assert_int_gt(part_cache_bytes(cache), 0);
    /* what a reader still held when the others looked may stay until the next look */
    ck_assert_int_le(part_cache_bytes(cache), 2 * budget.limit);
    part_unref(s[0].part);
    part_unref(s[1].part);
    ck_assert_int_eq(part_cache_bytes(cache), 0);
    ck_assert_int_eq(atomic_load(&budget.used), 0);
    part_cache_free(cache);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

/* Checksums not looked at: random damage must give errors or other values, never a crash. */
START_TEST(hostile_bytes)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    for (int round = 0; round < 3000; round++) {
        uint8_t *copy = copy_of(bytes.ptr, bytes.len);
        for (unsigned flips = 1 + rnd() % 3; flips; flips--) {
            /* half of them into the metadata */
            size_t at = rnd() & 1 ? rnd() % bytes.len : bytes.len - 1 - rnd() % 900;
            copy[at] ^= (uint8_t)(1u << rnd() % 8);
        }
        Part *p;
        Err e;
        if (part_open_with(&p, &source_of(copy, bytes.len, round & 1)->s, true, &e)) {
            part_check(p, NULL, NULL);
            Buf found = {0};
            (void)!find(p, 50, 2, INT64_MIN, INT64_MAX, &found, &e);
            buf_free(&found);
            for (uint32_t i = 0; i < part_group_count(p) && i < 10; i++) {
                PartGroup g;
                ChunkStats st;
                part_group_at(p, i, &g);
                part_stats(p, &g, 1, &st);
            }
            part_unref(p);
        }
        free(copy);
    }
    buf_free(&bytes);
    free(m.row);
}
END_TEST

START_TEST(newer_formats_are_refused)
{
    Model m = small_model();
    Buf bytes = write_model(&m, false);
    Part *p;
    Err e;
    bytes.ptr[12] = 8; /* a required feature */
    ck_assert(!part_open_with(&p, &source_of(bytes.ptr, bytes.len, false)->s, true, &e));
    ck_assert_int_eq(e.code, ERR_FEATURE_NOT_SUPPORTED);
    ck_assert_msg(strstr(e.message, "0x8"), "%s", e.message);
    bytes.ptr[12] = 0;
    bytes.ptr[8] = 2; /* version */
    ck_assert(!part_open_with(&p, &source_of(bytes.ptr, bytes.len, false)->s, true, &e));
    ck_assert_int_eq(e.code, ERR_FEATURE_NOT_SUPPORTED);
    buf_free(&bytes);
    free(m.row);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("part");
    tcase_add_loop_test(tc, round_trip, 0, 4);
    tcase_add_test(tc, series_are_exact);
    tcase_add_test(tc, small_series_share);
    tcase_add_loop_test(tc, copy_keeps_rows, 0, 2);
    tcase_add_test(tc, threads_share_a_part);
    tcase_add_test(tc, empty_part);
    tcase_add_test(tc, large_strings);
    tcase_add_test(tc, every_truncation_fails);
    tcase_add_test(tc, every_flip_is_found);
    tcase_add_test(tc, damage_stays_local);
    tcase_add_test(tc, damage_is_named);
    tcase_add_test(tc, unreadable_pages);
    tcase_add_test(tc, directories_are_bounded);
    tcase_add_test(tc, hostile_bytes);
    tcase_add_test(tc, newer_formats_are_refused);
    return unit_run(tc);
}
