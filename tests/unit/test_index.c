/* tests/unit/test_index.c - interning, raw lookup, codes, selection against a plain model, sets, bytes. */
#include "storage/index.h"
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { TABLE = 16385, HOST = 3, REGION = 1, OS = 7 };

static Arena arena;

static Slice text(const char *fmt, unsigned i)
{
    return arena_printf(&arena, fmt, i);
}

static SeriesId intern(SeriesIndex *idx, TableId table, const Tag *tags, size_t n, bool *made)
{
    SeriesId id;
    Err e;
    ck_assert_msg(idx_intern(idx, table, tags, n, NULL, &id, made, &e), "%s", e.message);
    return id;
}

START_TEST(order_of_tags)
{
    SeriesIndex *idx = idx_new(5, 42);
    bool made;
    Tag a[] = {{HOST, SLICE_LIT("h1")}, {REGION, SLICE_LIT("ap")}};
    Tag b[] = {{REGION, SLICE_LIT("ap")}, {OS, SLICE_LIT("")}, {HOST, SLICE_LIT("h1")}};
    SeriesId id = intern(idx, TABLE, a, 2, &made);
    ck_assert(made);
    ck_assert_uint_eq(id, series_id_make(5, 1));
    ck_assert_uint_eq(intern(idx, TABLE, b, 3, &made), id); /* an empty value is no tag */
    ck_assert(!made);
    ck_assert_uint_ne(intern(idx, TABLE + 1, a, 2, &made), id);
    ck_assert_uint_ne(intern(idx, TABLE, a, 1, &made), id);
    SeriesId none = intern(idx, TABLE, NULL, 0, &made);
    ck_assert(made);
    ck_assert_uint_eq(intern(idx, TABLE, NULL, 0, &made), none);
    Tag out[4];
    ck_assert_uint_eq(idx_tags(idx, id, out, 4), 2);
    ck_assert_uint_eq(out[0].column, REGION);
    ck_assert(slice_eq_cstr(out[1].value, "h1"));
    ck_assert_uint_eq(idx_tags(idx, none, out, 4), 0);
    ck_assert(slice_eq_cstr(idx_tag(idx, id, HOST), "h1"));
    ck_assert_ptr_null(idx_tag(idx, id, OS).ptr);
    ck_assert_uint_eq(idx_table(idx, id), TABLE);
    ck_assert_uint_eq(idx_table(idx, id + 100), 0);
    ck_assert_uint_eq(idx_series_count(idx, TABLE), 3);
    ck_assert_uint_eq(idx_series_count(idx, 0), 4);
    Tag twice[] = {{HOST, SLICE_LIT("h1")}, {HOST, SLICE_LIT("h2")}};
    Err e;
    ck_assert(!idx_intern(idx, TABLE, twice, 2, NULL, &id, &made, &e));
    idx_free(idx);
}
END_TEST

START_TEST(raw_lookup)
{
    enum { N = 5000 };
    SeriesIndex *idx = idx_new(0, 99);
    Hash128 raw[N];
    SeriesId want[N], got[N];
    for (unsigned i = 0; i < N; i++) {
        Tag tag = {HOST, text("h%u", i / 2)}; /* two raw forms of one series */
        raw[i] = idx_raw_hash(idx, TABLE, text("host=h%u", i));
        bool made;
        Err e;
        ck_assert(idx_intern(idx, TABLE, &tag, 1, i % 5 ? &raw[i] : NULL, &want[i], &made, &e));
        ck_assert_int_eq(made, i % 2 == 0);
        if (i % 5 == 0)
            want[i] = 0;
    }
    idx_find_raw(idx, raw, got, N);
    unsigned pushed_out = 0; /* it is a cache */
    for (unsigned i = 0; i < N; i++) {
        pushed_out += !got[i] && want[i];
        ck_assert(!got[i] || got[i] == want[i]);
    }
    ck_assert_uint_lt(pushed_out, N / 50);
    Hash128 other = idx_raw_hash(idx, TABLE + 1, SLICE_LIT("host=h1"));
    idx_find_raw(idx, &other, got, 1);
    ck_assert_uint_eq(got[0], 0);
    idx_free(idx);
}
END_TEST

START_TEST(limits)
{
    SeriesIndex *idx = idx_new(0, 1);
    idx_limits(idx, 10, 15);
    bool made;
    SeriesId id;
    Err e;
    unsigned refused = 0;
    for (unsigned i = 0; i < 20; i++) {
        Tag tags[] = {{REGION, SLICE_LIT("eu")}, {HOST, text("h%u", i)}};
        if (idx_intern(idx, i < 12 ? TABLE : TABLE + 1, tags, 2, NULL, &id, &made, &e))
            continue;
        refused++;
        ck_assert_int_eq(e.code, ERR_LIMIT_EXCEEDED);
        ck_assert_ptr_nonnull(strstr(e.message, i < 12 ? "16385" : "16386"));
        ck_assert_ptr_nonnull(strstr(e.detail, "Tag \"3\""));
    }
    ck_assert_uint_eq(refused, 2 + 3);
    Tag known[] = {{REGION, SLICE_LIT("eu")}, {HOST, SLICE_LIT("h1")}};
    ck_assert(idx_intern(idx, TABLE, known, 2, NULL, &id, &made, &e));
    idx_free(idx);
}
END_TEST

START_TEST(tag_codes)
{
    enum { N = 300 };
    SeriesIndex *idx = idx_new(0, 3);
    SeriesId ids[N];
    uint32_t codes[N];
    bool made;
    for (unsigned i = 0; i < N; i++) {
        Tag tags[] = {{REGION, text("r%u", i % 7)}, {HOST, text("h%u", i)}};
        ids[i] = intern(idx, TABLE, tags, i % 3 ? 2 : 1, &made);
    }
    idx_tag_codes(idx, HOST, ids, N, codes);
    for (unsigned i = 0; i < N; i++) {
        Slice value = idx_code_value(idx, TABLE, HOST, codes[i]);
        if (i % 3)
            ck_assert(slice_eq(value, text("h%u", i)));
        else
            ck_assert_uint_eq(codes[i], 0);
        ck_assert_uint_eq(idx_tag_code(idx, ids[i], HOST), codes[i]);
        ck_assert_uint_lt(codes[i], idx_code_count(idx, TABLE, HOST));
    }
    ck_assert_ptr_null(idx_code_value(idx, TABLE, HOST, 0).ptr);
    ck_assert_uint_eq(idx_code_count(idx, TABLE, 99), 1);
    ck_assert_uint_eq(idx_code_count(idx, TABLE, REGION), 8);
    idx_free(idx);
}
END_TEST

START_TEST(cardinality)
{
    enum { N = 400 };
    SeriesIndex *idx = idx_new(0, 3);
    bool made;
    for (unsigned i = 0; i < N; i++) { /* r0 has most series, then r1 ... */
        unsigned r = 0;
        while (r < 20 && (i >> r & 1))
            r++;
        Tag tags[] = {{REGION, text("r%u", r)}, {HOST, text("h%u", i)}};
        intern(idx, TABLE, tags, i % 4 == 3 ? 1 : 2, &made);
    }
    TagCardinality tags[3];
    ck_assert_uint_eq(idx_cardinality(idx, TABLE, tags, 3), 2);
    ck_assert_uint_eq(idx_cardinality(idx, TABLE, tags, 1), 2);
    ck_assert_uint_eq(idx_cardinality(idx, 99, tags, 3), 0);
    ck_assert_uint_eq(tags[0].column, REGION);
    ck_assert_uint_eq(tags[0].values, 9);
    ck_assert_uint_eq(tags[0].series, idx_series_count(idx, TABLE));
    ck_assert_uint_eq(tags[1].values, N * 3 / 4);
    ck_assert_uint_eq(tags[1].series, N * 3 / 4);
    TagValueCount top[20];
    ck_assert_uint_eq(idx_top_values(idx, TABLE, REGION, top, 20), 9);
    ck_assert_uint_eq(top[0].series, N / 2);
    ck_assert(slice_eq_cstr(top[1].value, "r1"));
    ck_assert_uint_eq(idx_top_values(idx, TABLE, REGION, top, 3), 3);
    ck_assert(slice_eq_cstr(top[0].value, "r0"));
    ck_assert_uint_eq(top[1].series, N / 4);
    ck_assert_uint_eq(idx_top_values(idx, TABLE, HOST, top, 2), 2); /* equal: by text */
    ck_assert(slice_eq_cstr(top[0].value, "h0"));
    ck_assert(slice_eq_cstr(top[1].value, "h1"));
    ck_assert_uint_eq(idx_top_values(idx, TABLE, 99, top, 2), 0);
    idx_free(idx);
}
END_TEST

/* ---- selection against a model: an array of values ---- */

enum { MODEL_SERIES = 3000, MODEL_TAGS = 3 };
typedef struct Model {
    SeriesId id;
    unsigned value[MODEL_TAGS]; /* 0 = absent */
} Model;
static Model model[MODEL_SERIES];
static size_t model_count;

static Slice model_value(unsigned v)
{
    return v ? text("v%u", v) : SLICE_LIT("");
}

static SeriesIndex *model_index(void)
{
    static const unsigned distinct[MODEL_TAGS] = {4, 40, 4000};
    SeriesIndex *idx = idx_new(2, 77);
    model_count = 0;
    srand(11);
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        Model m = {0};
        Tag tags[MODEL_TAGS];
        size_t n = 0;
        for (unsigned t = 0; t < MODEL_TAGS; t++) {
            m.value[t] = rand() % 5 ? 1 + (unsigned)rand() % distinct[t] : 0;
            if (m.value[t])
                tags[n++] = (Tag){(ColumnId)(t + 1), model_value(m.value[t])};
        }
        bool made;
        m.id = intern(idx, TABLE, tags, n, &made);
        intern(idx, TABLE + 1, tags, n, &(bool){0}); /* ids of another table in between */
        if (made)
            model[model_count++] = m;
    }
    return idx;
}

static bool ends_in_3(void *arg, Slice value)
{
    ++*(unsigned *)arg;
    return value.len && value.ptr[value.len - 1] == '3';
}

static bool not_ends_in_3(void *arg, Slice value)
{
    return !ends_in_3(arg, value);
}

static bool model_match(const Model *m, const TagMatch *t)
{
    Slice v = model_value(m->value[t->column - 1]);
    bool in = false;
    unsigned calls = 0;
    for (size_t i = 0; i < t->value_count; i++)
        in |= slice_eq(v, t->values[i]);
    switch (t->kind) {
    case TAG_EQ:
        return slice_eq(v, t->value);
    case TAG_NE:
        return !slice_eq(v, t->value);
    case TAG_IN:
        return in;
    case TAG_NOT_IN:
        return !in;
    case TAG_TEST:
        return t->test(&calls, v);
    }
    return false;
}

static void check_select(SeriesIndex *idx, const TagMatch *m, size_t n)
{
    static SeriesId ids[MODEL_SERIES];
    SeriesSet *set = idx_select(idx, TABLE, m, n);
    size_t got = set_ids(set, ids, MODEL_SERIES), k = 0;
    ck_assert_uint_eq(got, set_count(set));
    for (size_t i = 0; i < model_count; i++) {
        bool want = true;
        for (size_t j = 0; j < n; j++)
            want &= model_match(&model[i], &m[j]);
        ck_assert_int_eq(set_has(set, model[i].id), want);
        if (want)
            ck_assert_uint_eq(ids[k++], model[i].id);
    }
    ck_assert_uint_eq(k, got);
    set_unref(set);
}

START_TEST(select_random)
{
    SeriesIndex *idx = model_index();
    static unsigned calls;
    srand(5);
    for (unsigned step = 0; step < 600; step++) {
        TagMatch m[10];
        size_t n = step % 4 ? (size_t)rand() % 4 : (size_t)rand() % 10;
        for (size_t i = 0; i < n; i++) {
            unsigned column = (unsigned)rand() % MODEL_TAGS;
            m[i] = (TagMatch){.column = (ColumnId)(column + 1), .kind = (TagMatchKind)(rand() % 5)};
            m[i].value = model_value((unsigned)rand() % 5);
            m[i].value_count = (size_t)rand() % 6;
            Slice *values = arena_alloc(&arena, 6 * sizeof *values);
            for (size_t k = 0; k < m[i].value_count; k++)
                values[k] = model_value((unsigned)rand() % 60);
            m[i].values = values;
            m[i].test = rand() % 2 ? ends_in_3 : not_ends_in_3;
            m[i].arg = &calls;
        }
        check_select(idx, m, n);
        arena_reset(&arena);
    }
    calls = 0;
    TagMatch test = {.column = 2, .kind = TAG_TEST, .test = ends_in_3, .arg = &calls};
    check_select(idx, &test, 1);
    ck_assert_uint_eq(calls, idx_code_count(idx, TABLE, 2)); /* each value once, absent once */
    test.key = (Hash128){1, 2}; /* kept: asked again only about what is new */
    check_select(idx, &test, 1);
    calls = 0;
    check_select(idx, &test, 1);
    ck_assert_uint_eq(calls, 0);
    bool failed = true, made;
    test.key.lo++;
    test.failed = &failed;
    check_select(idx, &test, 1);
    calls = 0;
    check_select(idx, &test, 1);
    ck_assert_uint_eq(calls, idx_code_count(idx, TABLE, 2));
    test.key.lo--;
    Tag fresh = {2, SLICE_LIT("fresh3")};
    SeriesId id = intern(idx, TABLE, &fresh, 1, &made);
    calls = 0;
    SeriesSet *with_it = idx_select(idx, TABLE, &test, 1);
    ck_assert(set_has(with_it, id));
    ck_assert_uint_eq(calls, 1);
    set_unref(with_it);
    SeriesSet *none = idx_select(idx, 999, &test, 1);
    ck_assert_uint_eq(set_count(none), 0);
    set_unref(none);
    idx_free(idx);
}
END_TEST

START_TEST(sets)
{
    SeriesId a[] = {series_id_make(1, 9), series_id_make(1, 2), series_id_make(1, 70000)};
    SeriesId b[] = {series_id_make(1, 2), series_id_make(1, 3)}, out[8];
    SeriesSet *x = set_from_ids(a, 3), *y = set_from_ids(b, 2), *none = set_from_ids(NULL, 0);
    SeriesSet *both = set_and(x, y), *any = set_or(x, y), *same = set_or(x, none);
    ck_assert_uint_eq(set_ids(both, out, 8), 1);
    ck_assert_uint_eq(out[0], series_id_make(1, 2));
    ck_assert_uint_eq(set_ids(any, out, 8), 4);
    ck_assert_uint_eq(out[3], series_id_make(1, 70000));
    ck_assert_uint_eq(set_ids(any, out, 2), 2);
    ck_assert_uint_eq(set_count(same), 3);
    ck_assert(!set_has(x, series_id_make(0, 9)));
    size_t total = 0;
    for (size_t i = 0; i < 7; i++) {
        SeriesSet *piece = set_slice(any, i, 7);
        total += set_count(piece);
        ck_assert_uint_le(set_count(piece), 1);
        set_unref(piece);
    }
    ck_assert_uint_eq(total, 4);
    set_unref(set_ref(x));
    set_unref(x);
    set_unref(y);
    set_unref(none);
    set_unref(both);
    set_unref(any);
    set_unref(same);
}
END_TEST

/* ---- bytes ---- */

static void same_index(SeriesIndex *a, SeriesIndex *b)
{
    ck_assert_uint_eq(idx_series_count(a, 0), idx_series_count(b, 0));
    for (uint32_t i = 1; i <= 2 * MODEL_SERIES; i++) {
        Tag x[MODEL_TAGS], y[MODEL_TAGS];
        SeriesId id = series_id_make(2, i);
        size_t n = idx_tags(a, id, x, MODEL_TAGS);
        ck_assert_uint_eq(idx_table(a, id), idx_table(b, id));
        ck_assert_uint_eq(idx_tags(b, id, y, MODEL_TAGS), n);
        for (size_t k = 0; k < n; k++) {
            ck_assert_uint_eq(x[k].column, y[k].column);
            ck_assert(slice_eq(x[k].value, y[k].value));
        }
    }
}

START_TEST(persist)
{
    SeriesIndex *idx = model_index(), *read = idx_new(2, 1234);
    Buf whole, pieces;
    Err e;
    buf_init(&whole);
    buf_init(&pieces);
    idx_encode(idx, 0, &whole);
    ck_assert_msg(idx_decode(read, buf_slice(&whole), &e), "%s", e.message);
    same_index(idx, read);
    ck_assert_msg(idx_decode(read, buf_slice(&whole), &e), "%s",
                  e.message); /* once more: nothing new */
    same_index(idx, read);
    idx_encode(idx, idx_serial(idx), &whole);
    idx_free(read);
    /* blocks that follow each other, as series.log has them */
    SeriesIndex *first = idx_new(2, 8);
    Buf half;
    buf_init(&half);
    idx_encode(idx, 1000, &pieces);
    idx_encode(idx, 0, &half);
    ck_assert(idx_decode(first, buf_slice(&half), &e));
    idx_free(first);
    read = idx_new(2, 6);
    buf_put(&half, pieces.ptr, pieces.len);
    ck_assert_msg(idx_decode(read, buf_slice(&half), &e), "%s", e.message);
    same_index(idx, read);
    idx_free(read);
    idx_free(idx);
    buf_free(&whole);
    buf_free(&pieces);
    buf_free(&half);
}
END_TEST

START_TEST(persist_damage)
{
    SeriesIndex *idx = idx_new(0, 1);
    bool made;
    Err e;
    for (unsigned i = 0; i < 40; i++) {
        Tag tags[] = {{REGION, text("r%u", i % 3)}, {HOST, text("host%u", i)}};
        intern(idx, TABLE + i % 2, tags, 1 + i % 2, &made);
    }
    Buf bytes;
    buf_init(&bytes);
    idx_encode(idx, 0, &bytes);
    for (size_t len = 1; len < bytes.len; len++) {
        SeriesIndex *read = idx_new(0, 1);
        char *cut = mem_dup(bytes.ptr, len);
        ck_assert(!idx_decode(read, slice_of(cut, len), &e));
        ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
        mem_free(cut);
        idx_free(read);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        SeriesIndex *read = idx_new(0, 1);
        char *flip = mem_dup(bytes.ptr, bytes.len);
        flip[bit / 8] ^= (char)(1 << bit % 8);
        bool ok = idx_decode(read, slice_of(flip, bytes.len), &e);
        (void)ok;
        mem_free(flip);
        idx_free(read);
    }
    buf_free(&bytes);
    idx_free(idx);
}
END_TEST

/* ---- snapshots ---- */

static void snapshot_of(SeriesIndex *idx, Buf *out, unsigned between)
{
    SeriesWriter *w = series_writer_new(idx, true);
    unsigned frames = 0;
    buf_init(out);
    while (series_writer_next(w, out)) {
        Tag tag = {HOST, text("late%u", frames++)};
        if (between)
            intern(idx, TABLE, &tag, 1, &(bool){0});
    }
    series_writer_free(w, true);
}

static bool load_bytes(SeriesIndex *idx, Slice bytes, Err *e)
{
    SeriesReader *r = series_reader_new(idx, bytes.len);
    bool ok = true, last = false;
    for (uint64_t at = 0, size; ok && !last; at += size) {
        ok = series_frame_size(slice_of(bytes.ptr + at, bytes.len - at), bytes.len - at, &size, e);
        if (ok)
            ok = series_reader_take(r, slice_of(bytes.ptr + at, size), &last, e);
        if (!ok)
            break;
    }
    series_reader_free(r);
    return ok;
}

START_TEST(snapshot)
{
    SeriesIndex *idx = model_index(), *read = idx_new(2, 1);
    uint64_t series = idx_series_count(idx, 0);
    Buf bytes, later;
    Err e;
    buf_init(&later);
    uint64_t serial = idx_serial(idx);
    snapshot_of(idx, &bytes, 1); /* with series made in between: they are not in it */
    ck_assert_uint_gt(idx_series_count(idx, 0), series);
    ck_assert_msg(load_bytes(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(idx_series_count(read, 0), series);
    for (size_t i = 0; i < model_count; i++) {
        Tag tags[MODEL_TAGS];
        bool made;
        size_t n = idx_tags(read, model[i].id, tags, MODEL_TAGS);
        ck_assert_uint_eq(intern(read, TABLE, tags, n, &made), model[i].id);
        ck_assert(!made);
    }
    TagMatch ne = {.column = 2, .kind = TAG_NE, .value = SLICE_LIT("v7")};
    check_select(read, &ne, 1);
    check_select(read, NULL, 0);
    for (unsigned v = 0; v < 60; v++) {
        TagMatch m[] = {{.column = (ColumnId)(1 + v % 3), .kind = TAG_EQ, .value = model_value(v)},
                        {.column = 1, .kind = TAG_NE, .value = model_value(v % 3)}};
        check_select(read, m, 2);
    }
    idx_encode(idx, serial, &later); /* what follows as an increment */
    ck_assert_msg(idx_decode(read, buf_slice(&later), &e), "%s", e.message);
    same_index(idx, read);
    ck_assert_uint_eq(idx_series_count(idx, TABLE), idx_series_count(read, TABLE));
    Buf again;
    snapshot_of(read, &again, 0);
    SeriesIndex *third = idx_new(2, 3);
    ck_assert_msg(load_bytes(third, buf_slice(&again), &e), "%s", e.message);
    same_index(idx, third);
    buf_free(&again);
    buf_free(&bytes);
    buf_free(&later);
    idx_free(idx);
    idx_free(read);
    idx_free(third);
}
END_TEST

START_TEST(snapshot_small)
{
    SeriesIndex *idx = idx_new(2, 9), *read = idx_new(2, 1);
    Buf bytes;
    Err e;
    bool made;
    snapshot_of(idx, &bytes, 0); /* empty */
    ck_assert_msg(load_bytes(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(idx_series_count(read, 0), 0);
    buf_free(&bytes);
    intern(idx, TABLE, NULL, 0, &made); /* a series without tags */
    snapshot_of(idx, &bytes, 0);
    idx_free(read);
    read = idx_new(2, 1);
    ck_assert_msg(load_bytes(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(intern(read, TABLE, NULL, 0, &made), series_id_make(2, 1));
    ck_assert(!made);
    buf_free(&bytes);
    idx_free(idx);
    idx_free(read);
}
END_TEST

/* Each frame with its own checksum put right: the reader must not trust what is inside. */
static void repair_frames(char *bytes, size_t len)
{
    for (size_t at = 0; len - at >= SERIES_FRAME_HEAD;) {
        uint32_t size, crc;
        memcpy(&size, bytes + at + 4, 4);
        if (size > len - at - SERIES_FRAME_HEAD)
            return;
        crc = crc32c(crc32c(0, bytes + at, 8), bytes + at + SERIES_FRAME_HEAD, size);
        memcpy(bytes + at + 8, &crc, 4);
        at += SERIES_FRAME_HEAD + size;
    }
}

START_TEST(snapshot_damage)
{
    SeriesIndex *idx = idx_new(0, 1);
    bool made;
    Err e;
    for (unsigned i = 0; i < 60; i++) {
        Tag tags[] = {{REGION, text("r%u", i % 3)}, {HOST, text("h%u", i)}};
        intern(idx, TABLE + i % 2, tags, 1 + i % 2, &made);
    }
    Buf bytes;
    snapshot_of(idx, &bytes, 0);
    idx_free(idx);
    for (size_t len = 0; len < bytes.len; len++) {
        SeriesIndex *read = idx_new(0, 1);
        char *cut = mem_dup(bytes.ptr, len);
        ck_assert(!load_bytes(read, slice_of(cut, len), &e));
        mem_free(cut);
        idx_free(read);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        SeriesIndex *read = idx_new(0, 1);
        char *flip = mem_dup(bytes.ptr, bytes.len);
        flip[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert(!load_bytes(read, slice_of(flip, bytes.len), &e));
        ck_assert(e.code == ERR_DATA_CORRUPTED || e.code == ERR_FEATURE_NOT_SUPPORTED);
        idx_free(read);
        repair_frames(flip, bytes.len);
        read = idx_new(0, 1);
        if (load_bytes(read, slice_of(flip, bytes.len), &e)) { /* any answer, but no crash */
            Tag tags[2] = {{REGION, SLICE_LIT("r1")}, {HOST, SLICE_LIT("new")}};
            SeriesId id;
            TagMatch m = {.column = REGION, .kind = TAG_NE, .value = SLICE_LIT("r1")};
            set_unref(idx_select(read, TABLE, &m, 1));
            ck_assert(idx_intern(read, TABLE, tags, 2, NULL, &id, &made, &e));
            for (uint32_t i = 0; i < 70; i++)
                idx_tag(read, i, HOST);
        }
        mem_free(flip);
        idx_free(read);
    }
    buf_free(&bytes);
}
END_TEST

/* ---- dropped tables ---- */

static bool alive_not(void *arg, TableId table)
{
    return table != *(const TableId *)arg;
}

static unsigned make_table(SeriesIndex *idx, TableId table, unsigned from, unsigned n)
{
    bool made;
    unsigned all = 0;
    for (unsigned i = from; i < from + n; i++) {
        Tag tags[] = {{REGION, text("r%u", i % 3)}, {HOST, text("h%u", i)}};
        intern(idx, table, tags, 2, &made);
        all += made;
    }
    return all;
}

START_TEST(drop_table)
{
    enum { N = 6000 };
    SeriesIndex *idx = idx_new(2, 1);
    TableId none = 0, gone = TABLE;
    Tag out[2];
    Buf bytes, log;
    Err e;
    buf_init(&log);
    make_table(idx, TABLE, 0, N);
    make_table(idx, TABLE + 1, 0, N);
    size_t memory = idx_memory(idx);
    ck_assert_uint_eq(idx_detach(idx, alive_not, &gone, false), 0); /* never seen alive */
    ck_assert_uint_eq(idx_detach(idx, alive_not, &none, false), 0);
    ck_assert_uint_eq(idx_detach(idx, alive_not, &gone, false), 1);
    SeriesSet *set = idx_select(idx, TABLE, NULL, 0);
    ck_assert_uint_eq(set_count(set), 0);
    set_unref(set);
    ck_assert_uint_eq(idx_series_count(idx, 0), N);
    ck_assert_uint_eq(idx_tags(idx, series_id_make(2, 1), out, 2), 2); /* who has the id may ask */
    snapshot_of(idx, &bytes, 0); /* detached ones are not in it, but their ids stay taken */
    SeriesIndex *read = idx_new(2, 7);
    ck_assert_msg(load_bytes(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_uint_eq(idx_series_count(read, 0), N);
    idx_free(read);
    buf_free(&bytes);
    while (idx_reclaim_step(idx))
        ;
    ck_assert_uint_eq(idx_tags(idx, series_id_make(2, 1), out, 2), 0);
    ck_assert_uint_lt(idx_memory(idx), memory);
    ck_assert_uint_eq(make_table(idx, TABLE + 2, 0, 10), 10);
    ck_assert_uint_eq(idx_table(idx, series_id_make(2, 2 * N + 10)), TABLE + 2); /* new ids */
    snapshot_of(idx, &bytes, 0);
    uint64_t serial = idx_serial(idx);
    ck_assert_uint_eq(make_table(idx, TABLE + 2, 10, N), N);
    ck_assert_uint_eq(idx_table(idx, series_id_make(2, 1)), TABLE + 2); /* they came back */
    ck_assert_uint_eq(idx_table(idx, series_id_make(2, 2 * N + 11)), 0);
    ck_assert_uint_eq(idx_series_count(idx, 0), 2 * N + 10);
    ck_assert_uint_eq(make_table(idx, TABLE + 1, 0, N), 0);
    idx_encode(idx, serial, &log);
    read = idx_new(2, 7);
    ck_assert_msg(load_bytes(read, buf_slice(&bytes), &e), "%s", e.message);
    ck_assert_msg(idx_decode(read, buf_slice(&log), &e), "%s", e.message);
    ck_assert_uint_eq(make_table(read, TABLE + 1, 0, N), 0);
    ck_assert_uint_eq(make_table(read, TABLE + 2, 0, N + 10), 0);
    ck_assert_uint_eq(idx_table(read, series_id_make(2, 1)), TABLE + 2);
    idx_free(read);
    idx_free(idx);
    buf_free(&bytes);
    buf_free(&log);
}
END_TEST

START_TEST(holes)
{
    SeriesIndex *idx = idx_new(0, 1);
    Tag a = {HOST, SLICE_LIT("a")}, b = {HOST, SLICE_LIT("b")}, c = {HOST, SLICE_LIT("c")};
    Err e;
    bool made;
    ck_assert(idx_restore(idx, 2, TABLE, &a, 1, &e));
    idx_find_holes(idx);
    ck_assert_uint_eq(intern(idx, TABLE, &b, 1, &made), 1);
    ck_assert_uint_eq(intern(idx, TABLE, &c, 1, &made), 3);
    ck_assert(!idx_restore(idx, 3, TABLE + 1, &a, 1, &e));
    ck_assert_uint_eq(idx_conflict(idx), TABLE);
    idx_detach_table(idx, TABLE);
    while (idx_reclaim_step(idx))
        ;
    ck_assert(idx_restore(idx, 3, TABLE + 1, &a, 1, &e));
    ck_assert_uint_eq(idx_series_count(idx, 0), 1);
    idx_free(idx);
}
END_TEST

/* ---- against a model: series of several tables come, tables go, snapshots are written and read ---- */

enum { LIFE_TABLES = 5, LIFE_VALUES = 200, LIFE_STEPS = 400 };

typedef struct Lives {
    SeriesIndex *idx;
    TableId tables[LIFE_TABLES], next;
    SeriesId ids[LIFE_TABLES][LIFE_VALUES]; /* 0: not made yet */
    Buf bytes;                              /* a snapshot ... */
    uint64_t serial;                        /* ... of then */
} Lives;

static void lives_write(Lives *l, unsigned t)
{
    for (unsigned i = 0; i < 40; i++) {
        unsigned v = (unsigned)rand() % LIFE_VALUES;
        Tag tags[] = {{REGION, text("r%u", v % 7)}, {HOST, text("h%u", v)}};
        bool made;
        SeriesId id = intern(l->idx, l->tables[t], tags, 2, &made);
        ck_assert_int_eq(made, !l->ids[t][v]);
        ck_assert(made || id == l->ids[t][v]);
        l->ids[t][v] = id;
    }
    arena_reset(&arena);
}

static void lives_drop(Lives *l, unsigned t)
{
    TableId none = 0;
    idx_detach(l->idx, alive_not, &none, false);
    ck_assert_uint_eq(idx_detach(l->idx, alive_not, &l->tables[t], false), 1);
    memset(l->ids[t], 0, sizeof l->ids[t]);
    l->tables[t] = l->next++;
}

static bool lives_alive(void *arg, TableId table)
{
    const Lives *l = arg;
    for (unsigned t = 0; t < LIFE_TABLES; t++)
        if (l->tables[t] == table)
            return true;
    return false;
}

/* Snapshot and what was made since, taken in as recovery does it. */
static void lives_restart(Lives *l)
{
    SeriesIndex *read = idx_new(2, 1);
    Buf log = {0};
    Err e;
    idx_encode(l->idx, l->serial, &log);
    ck_assert_msg(load_bytes(read, buf_slice(&l->bytes), &e), "%s", e.message);
    while (!idx_decode(read, buf_slice(&log), &e)) {
        ck_assert(idx_conflict(read) != 0);
        idx_detach_table(read, idx_conflict(read));
        while (idx_reclaim_step(read))
            ;
    }
    idx_detach(read, lives_alive, l, true);
    idx_set_serial(read, idx_serial(l->idx));
    idx_free(l->idx);
    l->idx = read;
    buf_free(&l->bytes);
    buf_free(&log);
}

static void lives_check(const Lives *l)
{
    uint64_t all = 0;
    for (unsigned t = 0; t < LIFE_TABLES; t++) {
        SeriesSet *set = idx_select(l->idx, l->tables[t], NULL, 0);
        uint64_t here = 0;
        for (unsigned v = 0; v < LIFE_VALUES; v++) {
            here += l->ids[t][v] != 0;
            ck_assert(!l->ids[t][v] || set_has(set, l->ids[t][v]));
        }
        ck_assert_uint_eq(set_count(set), here);
        set_unref(set);
        all += here;
    }
    ck_assert_uint_eq(idx_series_count(l->idx, 0), all);
}

START_TEST(lives)
{
    static Lives l;
    l = (Lives){.idx = idx_new(2, 1), .next = TABLE};
    srand(23);
    for (unsigned t = 0; t < LIFE_TABLES; t++)
        l.tables[t] = l.next++;
    for (unsigned step = 0; step < LIFE_STEPS; step++) {
        unsigned t = (unsigned)rand() % LIFE_TABLES, what = (unsigned)rand() % 10;
        lives_write(&l, t);
        if (what == 0)
            lives_drop(&l, t);
        while (what <= 2 && what && idx_reclaim_step(l.idx))
            ;
        if (what == 2) {
            buf_free(&l.bytes);
            l.serial = idx_serial(l.idx);
            snapshot_of(l.idx, &l.bytes, 0);
        } else if (what == 3 && l.bytes.len) {
            lives_restart(&l);
        }
        lives_check(&l);
    }
    idx_free(l.idx);
    buf_free(&l.bytes);
}
END_TEST

START_TEST(restore)
{
    SeriesIndex *idx = idx_new(0, 1);
    Tag a = {HOST, SLICE_LIT("a")}, b = {HOST, SLICE_LIT("b")}, c = {HOST, SLICE_LIT("c")};
    Err e;
    ck_assert(idx_restore(idx, 9, TABLE, &b, 1, &e)); /* out of order, with holes */
    ck_assert(idx_restore(idx, 4, TABLE, &a, 1, &e));
    ck_assert(idx_restore(idx, 9, TABLE, &b, 1, &e));
    ck_assert(!idx_restore(idx, 9, TABLE, &c, 1, &e));
    ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
    ck_assert(!idx_restore(idx, 10, TABLE, &a, 1, &e));
    ck_assert(!idx_restore(idx, series_id_make(1, 10), TABLE, &c, 1, &e));
    bool made;
    ck_assert_uint_eq(intern(idx, TABLE, &c, 1, &made), 10);
    ck_assert_uint_eq(intern(idx, TABLE, &a, 1, &made), 4);
    ck_assert_uint_eq(idx_table(idx, 5), 0);
    Buf bytes;
    buf_init(&bytes);
    idx_encode(idx, 0, &bytes);
    SeriesIndex *read = idx_new(0, 2);
    ck_assert(idx_decode(read, buf_slice(&bytes), &e));
    ck_assert_uint_eq(idx_series_count(read, 0), 3);
    ck_assert(slice_eq_cstr(idx_tag(read, 10, HOST), "c"));
    buf_free(&bytes);
    idx_free(read);
    idx_free(idx);
}
END_TEST

/* ---- threads: every series is made by exactly one of them ---- */

enum { THREADS = 4, SHARED_SERIES = 3000 };
static SeriesIndex *shared;
static _Atomic unsigned made_total;
static SeriesId seen[THREADS][SHARED_SERIES];

static void *intern_all(void *arg)
{
    unsigned thread = *(unsigned *)arg;
    for (unsigned i = 0; i < SHARED_SERIES; i++) {
        char host[32];
        unsigned k = (i * 7 + thread * 1000) % SHARED_SERIES;
        Slice value = {host, (size_t)snprintf(host, sizeof host, "h%u", k)};
        Tag tag = {HOST, value};
        Hash128 raw = idx_raw_hash(shared, TABLE, value);
        SeriesId id = 0;
        bool made = false;
        Err e;
        idx_find_raw(shared, &raw, &id, 1);
        if (!id && !idx_intern(shared, TABLE, &tag, 1, &raw, &id, &made, &e))
            abort();
        atomic_fetch_add(&made_total, made);
        seen[thread][k] = id;
        if (!slice_eq(idx_tag(shared, id, HOST), value))
            abort();
        if (i % 512 == 0)
            set_unref(idx_select(shared, TABLE,
                                 &(TagMatch){.column = HOST, .kind = TAG_NE, .value = value}, 1));
    }
    return NULL;
}

/* Beside them: snapshots, tables that come and go, the caches given back. */
static void *keep_all(void *arg)
{
    atomic_bool *stop = arg;
    for (TableId table = TABLE + 10; !atomic_load(stop); table++) {
        TableId none = 0;
        Buf bytes;
        Tag tag = {HOST, SLICE_LIT("x")};
        SeriesId id;
        bool made;
        Err e;
        for (unsigned i = 0; i < 50; i++) {
            char host[32];
            tag.value = (Slice){host, (size_t)snprintf(host, sizeof host, "k%u", i)};
            if (!idx_intern(shared, table, &tag, 1, NULL, &id, &made, &e) || !made)
                abort();
        }
        idx_detach(shared, alive_not, &none, false);
        idx_detach(shared, alive_not, &table, false);
        while (idx_reclaim_step(shared))
            ;
        snapshot_of(shared, &bytes, 0);
        buf_clear(&bytes);
        idx_encode(shared, 0, &bytes);
        buf_free(&bytes);
        idx_trim(shared, idx_serial(shared) / 2);
        idx_forget_raw(shared);
    }
    return NULL;
}

START_TEST(threads)
{
    pthread_t keeper;
    atomic_bool stop = false;
    pthread_t thread[THREADS];
    unsigned number[THREADS];
    shared = idx_new(0, 5);
    for (unsigned i = 0; i < THREADS; i++) {
        number[i] = i;
        ck_assert_int_eq(pthread_create(&thread[i], NULL, intern_all, &number[i]), 0);
    }
    ck_assert_int_eq(pthread_create(&keeper, NULL, keep_all, &stop), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&stop, true);
    pthread_join(keeper, NULL);
    ck_assert_uint_eq(made_total, SHARED_SERIES);
    for (unsigned i = 1; i < THREADS; i++)
        ck_assert_mem_eq(seen[i], seen[0], sizeof seen[0]);
    ck_assert_uint_gt(idx_memory(shared), SHARED_SERIES * 30);
    idx_free(shared);
}
END_TEST

int main(void)
{
    arena_init(&arena, NULL);
    TCase *tc = tcase_create("index");
    tcase_add_test(tc, order_of_tags);
    tcase_add_test(tc, raw_lookup);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, tag_codes);
    tcase_add_test(tc, cardinality);
    tcase_add_test(tc, select_random);
    tcase_add_test(tc, sets);
    tcase_add_test(tc, persist);
    tcase_add_test(tc, persist_damage);
    tcase_add_test(tc, restore);
    tcase_add_test(tc, snapshot);
    tcase_add_test(tc, snapshot_small);
    tcase_add_test(tc, snapshot_damage);
    tcase_add_test(tc, drop_table);
    tcase_add_test(tc, holes);
    tcase_add_test(tc, lives);
    tcase_add_test(tc, threads);
    int rc = unit_run(tc);
    arena_free(&arena);
    return rc;
}
