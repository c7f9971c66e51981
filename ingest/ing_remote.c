/* ingest/ing_remote.c - Prometheus remote write 1.0: a hand walk over the protobuf message.
 *
 * WriteRequest { 1: TimeSeries { 1: Label { 1: name, 2: value }, 2: Sample { 1: double, 2: int64 ms },
 * 3: Exemplar { 1: Label, 2: double, 3: ms }, 4: Histogram }, 3: MetricMetadata { 1: type, 2: family, 4: help,
 * 5: unit } }.  Fields that are not named here are skipped.  Metric m is table m, its samples the field
 * "value", native histograms the field "histogram".
 * The fast path hashes the bytes of a series' labels as sent, those of the series that followed last time first.  Source: prometheus/prompb, remote write spec 1.0. */
#include "ingest/follow.h"
#include "ingest/protobuf.h"
#include "ingest/remote_private.h"

enum { GROUP_SERIES = SERIES_ASK_MAX, GROUP_TAGS_MAX = 32 * GROUP_SERIES };

typedef struct Remote { /* the job's state */
    Follow follow;
    uint32_t expected; /* place of the series that should come next; 0 = not known */
    Labels labels;
    Tag tags[GROUP_TAGS_MAX]; /* of the new series of a group */
} Remote;

static void remote_free(void *p)
{
    follow_free(&((Remote *)p)->follow);
    mem_free(p);
}

static bool malformed(Err *e)
{
    return err_set(e, ERR_INVALID_TEXT, "body is no valid remote write message");
}

static bool read_label(Slice bytes, Slice *name, Slice *value)
{
    Reader r = reader_of(bytes);
    PbField f;
    *name = *value = SLICE_LIT("");
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_BYTES)
            *name = f.bytes;
        else if (f.number == 2 && f.wire == WIRE_BYTES)
            *value = f.bytes;
    }
    return !r.bad;
}

static bool bad_label(Err *e, const char *what, Slice name)
{
    return err_set(e, ERR_INVALID_TEXT, "%s \"%.*s\"", what, SLICE_ARG(name));
}

static bool is_duplicate(const Labels *l, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_eq(l->keys[k], l->keys[i]))
            return true;
    return false;
}

/* Unique and not empty; in any order, as Prometheus takes them. */
static bool check_labels(const Labels *l, Err *e)
{
    bool sorted = true;
    for (size_t i = 0; i < l->count; i++) {
        if (l->keys[i].len == 0)
            return err_set(e, ERR_INVALID_TEXT, "label name is empty");
        if (!slice_utf8_valid(l->keys[i]) || !slice_utf8_valid(l->values[i]) ||
            memchr(l->values[i].ptr, 0, l->values[i].len))
            return bad_label(e, "label is not valid UTF-8:", l->keys[i]);
        sorted = sorted && (i == 0 || slice_cmp(l->keys[i - 1], l->keys[i]) < 0);
        if (!sorted && is_duplicate(l, i))
            return bad_label(e, "duplicate label", l->keys[i]);
    }
    return l->name.len > 0 || err_set(e, ERR_INVALID_TEXT, "series has no label __name__");
}

static bool read_labels(Slice series, Labels *l, Err *e)
{
    Reader r = reader_of(series);
    PbField f;
    l->count = 0;
    l->name = SLICE_NONE;
    const uint8_t *begin = NULL, *end = NULL, *before = r.cur;
    for (; pb_next(&r, &f); before = r.cur) {
        if (f.number != 1 || f.wire != WIRE_BYTES)
            continue;
        if (end && end != before)
            return err_set(e, ERR_INVALID_TEXT, "labels of a series do not stand together");
        begin = begin ? begin : before;
        end = r.cur;
        if (l->count == ING_TAGS_MAX)
            return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d labels", ING_TAGS_MAX);
        if (!read_label(f.bytes, &l->keys[l->count], &l->values[l->count]))
            return malformed(e);
        if (slice_eq_cstr(l->keys[l->count], "__name__"))
            l->name = l->values[l->count];
        l->count++;
    }
    if (r.bad)
        return malformed(e);
    l->raw = begin ? slice_of((const char *)begin, (size_t)(end - begin)) : SLICE_NONE;
    return true;
}

/* The labels as tags: the first of j->tags. */
static bool put_tags(IngJob *j, IngTable *t, const Labels *l, size_t *count, Err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (slice_eq_cstr(l->keys[i], "__name__") || l->values[i].len == 0)
            continue; /* an empty value is an absent label */
        if (!ing_label(j, t, l->keys[i], &j->tags[n].column, e))
            return false;
        j->tags[n++].value = l->values[i];
    }
    *count = n;
    return true;
}

bool remote_intern(IngJob *j, IngTable *t, const Labels *l, const Hash128 *h, SeriesId *id, Err *e)
{
    size_t n;
    return put_tags(j, t, l, &n, e) && ing_series(j, t, n, h, id, e);
}

bool remote_sample(IngJob *j, IngTable *t, SeriesId id, uint64_t bits, int64_t ms, Err *e)
{
    int64_t ns;
    if (!ing_time(j, ms, &ns, e))
        return false;
    if (t->layout_count) { /* there is but one: the value */
        const RowShape *shape = t->layouts[0].shape;
        *wb_shaped_row(j->batch, shape) = bits;
        wb_shaped_end(j->batch, shape, id, ns);
        j->rows++;
        return true;
    }
    IngValue v = {.kind = ING_FLOAT};
    memcpy(&v.u.f64, &bits, sizeof bits); /* the stale marker's bits survive */
    IngField *col;
    if (!ing_field(j, t, 0, SLICE_LIT("value"), ING_FLOAT, &col, e))
        return false;
    wb_row(j->batch, t->id, id, ns);
    if (!ing_put(j, t, col, &v, e) || !ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    ing_row_end(j, t);
    ing_fast_learn(j, t);
    j->rows++;
    return true;
}

bool remote_read_sample(Slice bytes, uint64_t *bits, int64_t *ms)
{
    Reader r = reader_of(bytes);
    PbField f;
    *bits = 0;
    *ms = 0;
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_FIXED64)
            *bits = f.value;
        else if (f.number == 2 && f.wire == WIRE_VARINT)
            *ms = (int64_t)f.value;
    }
    return !r.bad;
}

/* All samples of a series, or of the rest of it. */
static bool put_samples(IngJob *j, IngTable *t, SeriesId id, Slice series, Err *e)
{
    Reader r = reader_of(series);
    PbField f;
    while (pb_next(&r, &f)) {
        uint64_t bits;
        int64_t ms;
        if (f.number == 4 && f.wire == WIRE_BYTES) {
            if (!ing_histogram_message(j, t, id, f.bytes, e))
                return false;
            j->written.histograms++;
        }
        if (f.number != 2 || f.wire != WIRE_BYTES)
            continue;
        if (!remote_read_sample(f.bytes, &bits, &ms))
            return malformed(e);
        if (!remote_sample(j, t, id, bits, ms, e))
            return false;
    }
    return true;
}

static size_t str_size(Slice s)
{
    return 2 + s.len + (s.len >= 128) + (s.len >= 16384) + (s.len >= 2097152);
}

void remote_raw(Labels *l, Buf *raw)
{
    buf_clear(raw);
    for (size_t i = 0; i < l->count; i++) {
        buf_put_u8(raw, 1 << 3 | WIRE_BYTES);
        buf_put_varint(raw, str_size(l->keys[i]) + str_size(l->values[i]));
        buf_put_u8(raw, 1 << 3 | WIRE_BYTES);
        buf_put_str(raw, l->keys[i]);
        buf_put_u8(raw, 2 << 3 | WIRE_BYTES);
        buf_put_str(raw, l->values[i]);
    }
    l->raw = buf_slice(raw);
}

bool remote_series(IngJob *j, const Labels *l, IngTable **t, SeriesId *id, Err *e)
{
    Hash128 h;
    *t = NULL;
    *id = 0;
    if (l->name.len == 0)
        return check_labels(l, e);
    if (!slice_utf8_valid(l->name) || l->name.len > NAME_MAX_BYTES)
        return check_labels(l, e) && bad_label(e, "metric name is not allowed:", l->name);
    if (!(*t = ing_known_table(j, l->name)) &&
        (!check_labels(l, e) || !(*t = ing_table(j, l->name, e))))
        return false;
    h = idx_raw_hash(j->index, (*t)->id, l->raw);
    idx_find_raw(j->index, &h, id, 1);
    return *id || (check_labels(l, e) && remote_intern(j, *t, l, &h, id, e));
}

/* Exemplar { 1: Label, 2: double, 3: ms }; one that is refused does not fail the request. */
static bool put_exemplar(IngJob *j, const Labels *series, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    Exemplar x = {0};
    Slice keys[REMOTE_EXEMPLAR_LABELS_MAX], values[REMOTE_EXEMPLAR_LABELS_MAX];
    Err ignored;
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_BYTES && x.count < REMOTE_EXEMPLAR_LABELS_MAX) {
            if (!read_label(f.bytes, &keys[x.count], &values[x.count]))
                return malformed(e);
            x.count++;
        } else if (f.number == 2 && f.wire == WIRE_FIXED64) {
            x.value = pb_double(f.value);
        } else if (f.number == 3 && f.wire == WIRE_VARINT) {
            x.ms = (int64_t)f.value;
        }
    }
    if (r.bad)
        return malformed(e);
    x.keys = keys;
    x.values = values;
    (void)!remote_exemplar(j, series, &x, &ignored);
    return true;
}

static bool put_exemplars(IngJob *j, const Labels *l, Slice series, Err *e)
{
    Reader r = reader_of(series);
    PbField f;
    while (pb_next(&r, &f))
        if (f.number == 3 && f.wire == WIRE_BYTES && !put_exemplar(j, l, f.bytes, e))
            return false;
    return true;
}

static bool one_series(IngJob *j, Slice series, Err *e)
{
    Labels *l = &((Remote *)j->state)->labels;
    IngTable *t;
    SeriesId id;
    return read_labels(series, l, e) && remote_series(j, l, &t, &id, e) &&
           put_samples(j, t, id, series, e) && put_exemplars(j, l, series, e);
}

static bool put_metadata(IngJob *j, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    Metadata m = {0};
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_VARINT)
            m.type = (unsigned)f.value;
        else if (f.number == 2 && f.wire == WIRE_BYTES)
            m.metric = f.bytes;
        else if (f.number == 4 && f.wire == WIRE_BYTES)
            m.help = f.bytes;
        else if (f.number == 5 && f.wire == WIRE_BYTES)
            m.unit = f.bytes;
    }
    return r.bad ? malformed(e) : remote_metadata(j, &m, e);
}

void remote_take(IngJob *j, Slice series, bool (*one)(IngJob *j, Slice series, Err *e))
{
    Err e;
    size_t dropped = j->tables_dropped, rows = j->rows;
    int tries = 0;
    bool ok;
    do {
        err_clear(&e);
        ok = one(j, series, &e);
    } while (!ok && j->rows == rows && ing_again(j, &dropped, &tries));
    if (!ok)
        ing_refuse(j, j->line, SLICE_LIT(""), &e);
    j->line++;
}

static void slow_series(IngJob *j, Slice series)
{
    remote_take(j, series, one_series);
}

/* ---- series as senders write them, a group at a time ---- */

typedef struct Group { /* series in their order; look-ups of many at once hide the cache misses */
    size_t count;
    IngTable *tables[GROUP_SERIES];
    Slice series[GROUP_SERIES];
    const uint8_t *samples[GROUP_SERIES]; /* behind the labels */
    Hash128 hashes[GROUP_SERIES];
    SeriesId ids[GROUP_SERIES];    /* 0 = to be looked up */
    uint32_t places[GROUP_SERIES]; /* where it is remembered; 0 = nowhere */
    bool made[GROUP_SERIES];       /* it is new: may be it never comes again */
    size_t unknown;                /* to be looked up */
} Group;

/* A length below 16,384; NULL: longer, or cut off. */
static inline const uint8_t *short_length(const uint8_t *p, const uint8_t *end, size_t *len)
{
    if (end - p < 2)
        return NULL;
    *len = p[0];
    if (p[0] < 0x80)
        return p + 1;
    *len = (p[0] & 0x7fu) | (size_t)p[1] << 7;
    return p[1] < 0x80 ? p + 2 : NULL;
}

/* The first label is __name__, as it is when names are lower case. */
static const uint8_t *metric_name(const uint8_t *p, const uint8_t *end, Slice *name)
{
    static const char begin[10] = "\x0a\x08__name__";
    size_t label, len;
    if (p == end || *p++ != 0x0a || !(p = short_length(p, end, &label)) ||
        label > (size_t)(end - p) || label < sizeof begin + 2)
        return NULL;
    end = p + label;
    if (memcmp(p, begin, sizeof begin) != 0 || p[sizeof begin] != 0x12 ||
        !(p = short_length(p + sizeof begin + 1, end, &len)) || len != (size_t)(end - p) || !len)
        return NULL;
    *name = slice_of((const char *)p, len);
    return end;
}

/* Nothing but samples. */
static bool only_samples(const uint8_t *p, const uint8_t *end)
{
    size_t len;
    for (; p < end; p += len)
        if (*p != 0x12 || !(p = short_length(p + 1, end, &len)) || len > (size_t)(end - p))
            return false;
    return true;
}

static void group_put(IngJob *j, Group *g, Slice series, const FollowSeries *f, uint32_t place)
{
    Remote *r = j->state;
    g->tables[g->count] = f->table;
    g->series[g->count] = series;
    g->samples[g->count] = (const uint8_t *)series.ptr + f->len;
    g->hashes[g->count] = f->hash;
    g->ids[g->count] = f->series;
    g->made[g->count] = false;
    g->places[g->count++] = place;
    g->unknown += !f->series;
    r->expected = follow_next(&r->follow, place);
}

/* The series that followed the one before it last time. */
static bool group_add_expected(IngJob *j, Group *g, Slice series)
{
    Remote *r = j->state;
    FollowSeries f;
    if (!follow_get(&r->follow, r->expected, &f) || f.len >= series.len ||
        !only_samples((const uint8_t *)series.ptr + f.len,
                      (const uint8_t *)series.ptr + series.len))
        return false;
    Hash128 h = idx_raw_hash(j->index, f.table->id, slice_of(series.ptr, f.len));
    if (h.lo != f.hash.lo || h.hi != f.hash.hi || !ing_table_usable(j, f.table))
        return false;
    group_put(j, g, series, &f, r->expected);
    return true;
}

/* Labels, then samples, and nothing else; false: the series needs the slow way. */
static bool group_add(IngJob *j, Group *g, Slice series)
{
    const uint8_t *begin = (const uint8_t *)series.ptr, *end = begin + series.len, *p;
    Remote *r = j->state;
    size_t len;
    Slice name;
    if (group_add_expected(j, g, series))
        return true;
    r->expected = 0;
    if (!series.len || !(p = metric_name(begin, end, &name)))
        return false;
    while (p < end && *p == 0x0a) {
        if (!(p = short_length(p + 1, end, &len)) || len > (size_t)(end - p))
            return false;
        p += len;
    }
    if (!only_samples(p, end))
        return false;
    IngTable *t = ing_known_table(j, name);
    Err ignored;
    if (!t && slice_utf8_valid(name) && cat_table(j->catalog, j->c.schema, name))
        t = ing_table(j, name, &ignored);
    if (!t)
        return false;
    FollowSeries f = {.table = t, .len = (uint32_t)(p - begin)};
    f.hash = idx_raw_hash(j->index, t->id, slice_of(series.ptr, f.len));
    uint32_t place = follow_find(&r->follow, &f.hash, t);
    if (place)
        (void)follow_get(&r->follow, place, &f);
    group_put(j, g, series, &f, place);
    return true;
}

/* A sample in the order of its fields, zeros left out: its end; NULL: something else. */
static inline const uint8_t *read_sample(const uint8_t *p, const uint8_t *end, uint64_t *bits,
                                         int64_t *ms)
{
    enum { SAMPLE_MAX = 2 + 9 + 11, VALUE = 0x09, TIME = 0x10 };
    if (end - p < 2 || p[0] != 0x12 || p[1] > SAMPLE_MAX - 2 || p[1] > end - p - 2)
        return NULL;
    end = p + 2 + p[1];
    p += 2;
    *bits = 0;
    if (end - p >= 9 && *p == VALUE) {
        memcpy(bits, p + 1, sizeof *bits);
        p += 9;
    }
    if (p == end || *p++ != TIME)
        return NULL;
    uint64_t v = 0;
    for (unsigned shift = 0; p < end && shift < 63; shift += 7) {
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p++ < 0x80) {
            *ms = (int64_t)v;
            return p == end ? p : NULL;
        }
    }
    return NULL;
}

static bool known_series(IngJob *j, const Group *g, size_t i, SeriesId id, Err *e)
{
    const uint8_t *p = g->samples[i], *next;
    const uint8_t *end = (const uint8_t *)g->series[i].ptr + g->series[i].len;
    uint64_t bits;
    int64_t ms;
    while (p < end && (next = read_sample(p, end, &bits, &ms))) {
        if (!remote_sample(j, g->tables[i], id, bits, ms, e))
            return false;
        p = next;
    }
    if (p == end)
        return true;
    return put_samples(j, g->tables[i], id, slice_of((const char *)p, (size_t)(end - p)), e);
}

/* False: something is wrong with it, or there is no room; the slow way will tell. */
static bool group_ask(IngJob *j, const Group *g, size_t i, SeriesAsk *ask, Tag *tags, size_t room)
{
    Labels *l = &((Remote *)j->state)->labels;
    const uint8_t *begin = (const uint8_t *)g->series[i].ptr;
    Slice labels = slice_of(g->series[i].ptr, (size_t)(g->samples[i] - begin));
    size_t n;
    Err ignored;
    if (!read_labels(labels, l, &ignored) || !check_labels(l, &ignored) ||
        !put_tags(j, g->tables[i], l, &n, &ignored) || n > room ||
        !ing_series_check(j, g->tables[i], n, &ignored))
        return false;
    memcpy(tags, j->tags, n * sizeof *tags);
    *ask = (SeriesAsk){.table = g->tables[i]->id, .tags = tags, .count = n, .raw = g->hashes[i]};
    return true;
}

/* Makes those that are new. */
static void group_intern(IngJob *j, const Group *g, SeriesId *ids)
{
    SeriesAsk asks[GROUP_SERIES];
    size_t places[GROUP_SERIES], count = 0, used = 0;
    Tag *tags = ((Remote *)j->state)->tags;
    for (size_t i = 0; i < g->count; i++) {
        if (ids[i] || !group_ask(j, g, i, &asks[count], tags + used, GROUP_TAGS_MAX - used))
            continue;
        used += asks[count].count;
        places[count++] = i;
    }
    idx_intern_many(j->index, asks, count);
    for (size_t k = 0; k < count; k++)
        ids[places[k]] = asks[k].id;
}

/* The ids of those that were not expected. */
static void group_look_up(IngJob *j, Group *g)
{
    SeriesId ids[GROUP_SERIES];
    size_t known = 0;
    idx_find_raw(j->index, g->hashes, ids, g->count);
    for (size_t i = 0; i < g->count; i++) {
        ids[i] = g->ids[i] ? g->ids[i] : ids[i];
        g->made[i] = !ids[i];
        known += ids[i] != 0;
    }
    if (known < g->count)
        group_intern(j, g, ids);
    memcpy(g->ids, ids, g->count * sizeof *ids);
    g->unknown = 0;
}

static void group_follow(IngJob *j, Group *g)
{
    Remote *r = j->state;
    for (size_t i = 0; i < g->count; i++) {
        if (!g->places[i] && g->ids[i] && !g->made[i]) {
            const uint8_t *begin = (const uint8_t *)g->series[i].ptr;
            FollowSeries f = {.hash = g->hashes[i],
                              .table = g->tables[i],
                              .series = g->ids[i],
                              .len = (uint32_t)(g->samples[i] - begin)};
            g->places[i] = follow_add(&r->follow, &f);
        }
        follow_link(&r->follow, g->places[i]);
    }
}

static void group_end(IngJob *j, Group *g)
{
    if (g->unknown)
        group_look_up(j, g);
    for (size_t i = 0; i < g->count; i++) {
        Err e;
        if (!g->ids[i]) {
            slow_series(j, g->series[i]);
            continue;
        }
        err_clear(&e);
        if (!known_series(j, g, i, g->ids[i], &e))
            ing_refuse(j, j->line, SLICE_LIT(""), &e);
        j->line++;
    }
    group_follow(j, g);
    g->count = 0;
}

/* The first group tells how many rows the rest of the body will have. */
static void expect_rest(IngJob *j, size_t rest, size_t seen)
{
    wb_expect(j->batch, wb_rows(j->batch) * (rest / 8) / (seen / 8 + 1) + GROUP_SERIES);
}

bool ing_remote_step(IngJob *j, bool *done, Err *e)
{
    if (!j->state) {
        j->state = mem_zero(sizeof(Remote));
        j->state_free = remote_free;
    }
    j->c.precision = ING_MS;
    const char *begin = j->body.ptr + j->pos;
    Reader r = reader_of(slice_of(begin, j->body.len - j->pos));
    PbField f;
    int n = 0;
    Group group = {0};
    while (n < ING_STEP_LINES && pb_next(&r, &f)) {
        Err why;
        if (f.number == 3 && f.wire == WIRE_BYTES && !put_metadata(j, f.bytes, &why))
            ing_refuse(j, j->line++, SLICE_LIT(""), &why);
        if (f.number != 1 || f.wire != WIRE_BYTES)
            continue;
        if (!group_add(j, &group, f.bytes)) {
            group_end(j, &group);
            slow_series(j, f.bytes);
        } else if (group.count == GROUP_SERIES) {
            group_end(j, &group);
            if (n < GROUP_SERIES)
                expect_rest(j, (size_t)(r.end - r.cur), (size_t)((const char *)r.cur - begin));
        }
        n++;
    }
    group_end(j, &group);
    if (r.bad)
        return malformed(e);
    j->pos = (size_t)((const char *)r.cur - j->body.ptr);
    *done = j->pos >= j->body.len;
    return true;
}
