/* session/influx_rows.c - rows as series.
 *
 * A row is: the measurement (if the form says so), tags, the time (of SELECT), values.  A series ends where measurement or tags
 * change.  Where gaps are filled its rows wait for its end. */
#include "session/influx_rows.h"

#include "base/clock.h"
#include "session/session_private.h"
#include <stdio.h>

enum { BUCKETS_MAX = 1000000 };

typedef struct Kept { /* a row that waits for the end of its series */
    int64_t time_ns;
    InfluxCell *cells; /* of its values */
} Kept;

struct InfluxSeries {
    const InfluxForm *form;
    Buf key;       /* measurement and tags */
    Buf head;      /* the JSON up to "values" */
    bool any;      /* a series was begun */
    bool written;  /* the head was: there is a row */
    bool series;   /* the answer has one */
    int64_t seen;  /* series so far */
    int64_t rows;  /* of this one */
    size_t values; /* columns of values */
    Arena arena;   /* of this series' waiting rows */
    Kept *kept;
    size_t kept_count, kept_cap;
};

InfluxSeries *influx_series_new(const InfluxForm *form)
{
    InfluxSeries *s = MEM_NEW(InfluxSeries);
    s->form = form;
    buf_init(&s->key);
    buf_init(&s->head);
    arena_init(&s->arena, NULL);
    return s;
}

void influx_series_free(InfluxSeries *s)
{
    if (!s)
        return;
    arena_free(&s->arena);
    buf_free(&s->key);
    buf_free(&s->head);
    mem_free(s->kept);
    mem_free(s);
}

/* Columns in front of the values. */
static size_t first_value(const InfluxForm *f)
{
    return f->by_name + f->rows.tags + f->rows.select;
}

/* ---- one row ---- */

/* Is this series one of those that SLIMIT and SOFFSET let through, and the row one of LIMIT and OFFSET? */
static bool wanted(InfluxSeries *s)
{
    const InfluxRows *r = &s->form->rows;
    int64_t at = s->rows++, series = s->seen - 1;
    return series >= r->soffset && (r->slimit < 0 || series - r->soffset < r->slimit) &&
           at >= r->offset && (r->limit < 0 || at - r->offset < r->limit);
}

static void put_time(const InfluxForm *f, int64_t ns, Buf *json)
{
    char text[40];
    if (f->unit_ns) {
        buf_printf(json, "%lld", (long long)floor_div(ns, f->unit_ns));
        return;
    }
    size_t n = clock_rfc3339(text, ns);
    buf_printf(json, "\"%.*s\"", (int)n, text);
}

static void put_row(InfluxSeries *s, int64_t time_ns, const InfluxCell *cells, Buf *json)
{
    if (!wanted(s))
        return;
    if (!s->written) {
        buf_puts(json, s->series ? "," : ",\"series\":[");
        buf_put_slice(json, buf_slice(&s->head));
    } else {
        buf_puts(json, ",");
    }
    s->written = s->series = true;
    buf_puts(json, "[");
    if (s->form->rows.select)
        put_time(s->form, time_ns, json);
    for (size_t i = 0; i < s->values; i++) {
        buf_puts(json, i || s->form->rows.select ? "," : "");
        buf_put_slice(json, cells[i].null ? SLICE_LIT("null") : cells[i].json);
    }
    buf_puts(json, "]");
}

/* ---- gaps ---- */

static bool bucket_of(const InfluxRows *r, int64_t ns, int64_t *begin)
{
    int64_t from;
    return !__builtin_sub_overflow(ns, r->offset_ns, &from) &&
           !__builtin_mul_overflow(floor_div(from, r->width_ns), r->width_ns, &from) &&
           !__builtin_add_overflow(from, r->offset_ns, begin);
}

/* From the begin of the range, or the first row, to its end, or now. */
static bool bucket_bounds(const InfluxSeries *s, int64_t *first, int64_t *last, Err *e)
{
    const InfluxRows *r = &s->form->rows;
    int64_t a = s->kept[0].time_ns, b = s->kept[s->kept_count - 1].time_ns, span;
    int64_t low = a < b ? a : b, high = a < b ? b : a, to = r->to_ns;
    if (to == INT64_MAX)
        to = s->form->now_ns > high ? s->form->now_ns : high;
    *first = low;
    if ((r->from_ns == INT64_MIN || bucket_of(r, r->from_ns, first)) && bucket_of(r, to, last)) {
        *first = *first > low ? low : *first;
        *last = *last < high ? high : *last;
        if (!__builtin_sub_overflow(*last, *first, &span) && span / r->width_ns < BUCKETS_MAX)
            return true;
    }
    return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d buckets in a series", BUCKETS_MAX);
}

static InfluxCell number_cell(InfluxSeries *s, double v)
{
    char text[40];
    InfluxCell c = {.number = v};
    if (v == (double)(int64_t)v && v > -1e15 && v < 1e15)
        snprintf(text, sizeof text, "%lld", (long long)v);
    else
        snprintf(text, sizeof text, "%.15g", v);
    c.json = arena_slice(&s->arena, slice_cstr(text));
    return c;
}

/* Between the row before and the next one that have the column. */
static InfluxCell between(InfluxSeries *s, size_t column, const Kept *before, size_t next,
                          int64_t time_ns)
{
    while (next < s->kept_count && s->kept[next].cells[column].null)
        next++;
    if (!before || next == s->kept_count)
        return (InfluxCell){.null = true};
    const Kept *after = &s->kept[next];
    double share = (double)(time_ns - before->time_ns) / (double)(after->time_ns - before->time_ns);
    double a = before->cells[column].number, b = after->cells[column].number;
    return number_cell(s, a + (b - a) * share);
}

static InfluxCell fill_cell(InfluxSeries *s, size_t column, const Kept *before, size_t next,
                            int64_t time_ns)
{
    const InfluxRows *r = &s->form->rows;
    bool count = bitmap_get(r->counts, column);
    switch (r->fill) {
    case INFLUX_FILL_NUMBER:
        return number_cell(s, r->number);
    case INFLUX_FILL_PREVIOUS:
        return before ? before->cells[column] : (InfluxCell){.null = true};
    case INFLUX_FILL_LINEAR:
        return between(s, column, before, next, time_ns);
    default:
        return count ? number_cell(s, 0) : (InfluxCell){.null = true};
    }
}

/* The rows of the series with every bucket, in the order asked for. */
static bool put_filled(InfluxSeries *s, Buf *json, Err *e)
{
    const InfluxRows *r = &s->form->rows;
    int64_t first = 0, last = 0, step = r->descending ? -r->width_ns : r->width_ns;
    size_t next = 0;
    if (!bucket_bounds(s, &first, &last, e))
        return false;
    const Kept **before = ARENA_ARRAY(&s->arena, const Kept *, s->values + 1);
    for (size_t i = 0; i < s->values; i++)
        before[i] = NULL;
    InfluxCell *cells = ARENA_ARRAY(&s->arena, InfluxCell, s->values + 1);
    int64_t t = r->descending ? last : first;
    for (int64_t left = (last - first) / r->width_ns; left >= 0; left--, t += left < 0 ? 0 : step) {
        const Kept *row =
            next < s->kept_count && s->kept[next].time_ns == t ? &s->kept[next++] : NULL;
        for (size_t i = 0; i < s->values; i++) {
            bool has = row && !row->cells[i].null;
            cells[i] = has ? row->cells[i] : fill_cell(s, i, before[i], next, t);
            before[i] = has ? row : before[i];
        }
        put_row(s, t, cells, json);
    }
    return true;
}

static void keep_row(InfluxSeries *s, int64_t time_ns, const InfluxCell *cells)
{
    if (s->kept_count == s->kept_cap) {
        s->kept_cap = s->kept_cap ? s->kept_cap * 2 : 64;
        s->kept = mem_realloc(s->kept, s->kept_cap * sizeof *s->kept);
    }
    InfluxCell *copy = ARENA_ARRAY(&s->arena, InfluxCell, s->values + 1);
    for (size_t i = 0; i < s->values; i++) {
        copy[i] = cells[i];
        copy[i].json = arena_slice(&s->arena, cells[i].json);
    }
    s->kept[s->kept_count++] = (Kept){time_ns, copy};
}

/* ---- series ---- */

static bool end_series(InfluxSeries *s, Buf *json, Err *e)
{
    bool ok = !s->kept_count || put_filled(s, json, e);
    if (s->written)
        buf_puts(json, "]}");
    s->kept_count = 0;
    s->written = false;
    arena_reset(&s->arena);
    return ok;
}

static void put_head(InfluxSeries *s, const OutColumn *columns, const InfluxCell *cells, size_t n)
{
    const InfluxForm *f = s->form;
    Buf *b = &s->head;
    buf_clear(b);
    buf_puts(b, "{");
    if (f->by_name || f->name) {
        buf_puts(b, "\"name\":");
        if (f->by_name)
            buf_put_slice(b, cells[0].json);
        else
            buf_put_json(b, slice_cstr(f->name));
        buf_puts(b, ",");
    }
    for (size_t i = 0; i < f->rows.tags; i++) {
        buf_puts(b, i ? "," : "\"tags\":{");
        buf_put_json(b, columns[i + 1].name);
        buf_puts(b, ":");
        buf_put_slice(b, cells[i + 1].null ? SLICE_LIT("\"\"") : cells[i + 1].json);
    }
    buf_puts(b, f->rows.tags ? "},\"columns\":[" : "\"columns\":[");
    for (size_t i = f->by_name + f->rows.tags; i < n; i++) {
        buf_puts(b, i > f->by_name + f->rows.tags ? "," : "");
        buf_put_json(b, columns[i].name);
    }
    buf_puts(b, "],\"values\":[");
}

static bool same_series(InfluxSeries *s, const InfluxCell *cells)
{
    Buf key;
    buf_init(&key);
    for (size_t i = 0; i < s->form->by_name + s->form->rows.tags; i++) {
        buf_put_u8(&key, cells[i].null);
        buf_put_str(&key, cells[i].null ? SLICE_NONE : cells[i].json);
    }
    bool same = s->any && slice_eq(buf_slice(&key), buf_slice(&s->key));
    buf_free(&s->key);
    s->key = key;
    return same;
}

bool influx_series_row(InfluxSeries *s, const OutColumn *columns, const InfluxCell *cells, size_t n,
                       int64_t time_ns, Buf *json, Err *e)
{
    size_t first = first_value(s->form);
    bool empty = s->form->rows.select;
    for (size_t i = first; i < n && empty; i++)
        empty = cells[i].null;
    if (empty) /* no point has one of the values */
        return true;
    if (!same_series(s, cells)) {
        if (s->any && !end_series(s, json, e))
            return false;
        s->any = true;
        s->seen++;
        s->rows = 0;
        s->values = n - first;
        put_head(s, columns, cells, n);
    }
    if (s->form->rows.fill != INFLUX_FILL_NONE)
        keep_row(s, time_ns, cells + first);
    else
        put_row(s, time_ns, cells + first, json);
    return true;
}

bool influx_series_end(InfluxSeries *s, Buf *json, Err *e)
{
    if (!end_series(s, json, e))
        return false;
    if (s->series)
        buf_puts(json, "]");
    return true;
}
