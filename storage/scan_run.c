/* storage/scan_run.c - about the run of a scan: statistics, filters, times and values.
 *
 * A run that is rows of one row group which nothing overlaps is answered from the encoded chunks;
 * any other is decoded and merged first. */
#include "storage/scan_private.h"

#include <math.h>

bool scan_stats(Scan *s, size_t column, ChunkStats *out)
{
    must(column < s->column_count && s->run.rows);
    if (s->types[column] == PHYS_NONE || !s->run.part || !s->run.whole || !s->run.group->alone)
        return false;
    if (!part_stats(s->run.part, s->run.group, s->columns[column], out) ||
        out->type != s->types[column])
        return false;
    return true;
}

/* The run is rows of a group that only this series has: its chunks can be asked. */
static bool run_is_encoded(const Scan *s)
{
    return s->run.part && s->run.group->alone;
}

bool scan_has_all(const Scan *s, size_t column)
{
    ChunkStats st;
    must(column < s->column_count && s->run.rows);
    return (s->types[column] == PHYS_I64 || s->types[column] == PHYS_F64) && run_is_encoded(s) &&
           part_stats(s->run.part, s->run.group, s->columns[column], &st) &&
           st.type == s->types[column] && st.count == s->run.group->rows &&
           (st.type == PHYS_I64 || st.nan_count == 0);
}

bool scan_times(Scan *s, const int64_t **times, Err *e)
{
    s->counters.bytes += s->run.rows * sizeof **times;
    return merge_times(s->merge, times, e);
}

bool scan_column(Scan *s, size_t column, ColVec *out, Err *e)
{
    must(column < s->column_count && s->run.rows);
    *out = (ColVec){.type = PHYS_NONE};
    if (s->types[column] == PHYS_NONE)
        return true;
    s->counters.bytes += s->run.rows * sizeof(int64_t);
    return merge_column(s->merge, s->merge_columns[column], out, NULL, e);
}

/* ---- times ---- */

/* First index from `begin` on whose time is >= limit. */
static size_t gallop(const int64_t *times, size_t begin, size_t n, int64_t limit)
{
    size_t step = 1, lo = begin;
    while (lo + step <= n && times[lo + step - 1] < limit) {
        lo += step;
        step *= 2;
    }
    size_t hi = lo + step - 1 < n ? lo + step - 1 : n; /* times[lo - 1] < limit <= times[hi] */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (times[mid] < limit)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool run_grid(Scan *s, bool *regular, Err *e)
{
    *regular = false;
    if (s->grid_known) {
        *regular = s->grid_regular;
        return true;
    }
    if (run_is_encoded(s)) {
        if (!merge_run_here(s->merge, e) ||
            !part_time_grid(s->run.part, s->run.group, &s->grid, regular, e))
            return false;
        s->grid.first += *regular ? s->grid.step * s->run.begin : 0;
    }
    s->grid_known = true;
    s->grid_regular = *regular;
    return true;
}

bool scan_time_grid(Scan *s, int64_t *first, int64_t *step, bool *regular, Err *e)
{
    if (!run_grid(s, regular, e))
        return false;
    *first = s->grid.first;
    *step = s->grid.step;
    return true;
}

bool scan_time_cuts(Scan *s, const int64_t *times, size_t count, uint32_t *rows, Err *e)
{
    bool regular;
    const int64_t *at;
    if (!run_grid(s, &regular, e))
        return false;
    for (size_t i = 0; regular && i < count; i++)
        rows[i] = time_grid_before(&s->grid, times[i], s->run.rows);
    if (regular)
        return true;
    if (!scan_times(s, &at, e))
        return false;
    for (size_t i = 0, row = 0; i < count; i++)
        rows[i] = (uint32_t)(row = gallop(at, row, s->run.rows, times[i]));
    return true;
}

bool scan_time_at(Scan *s, uint32_t row, int64_t *time, Err *e)
{
    bool regular;
    const int64_t *at;
    must(row < s->run.rows);
    if (!run_grid(s, &regular, e))
        return false;
    if (regular) {
        *time = s->grid.first + s->grid.step * row;
        return true;
    }
    if (!scan_times(s, &at, e))
        return false;
    *time = at[row];
    return true;
}

bool scan_constant(Scan *s, size_t column, Slice *text, bool *known, Err *e)
{
    must(column < s->column_count && s->run.rows);
    *known = false;
    if (s->types[column] != PHYS_STR || !run_is_encoded(s))
        return true;
    if (!merge_run_here(s->merge, e) ||
        !part_constant(s->run.part, s->run.group, s->columns[column], text, known, e))
        return false;
    s->counters.bytes += *known ? text->len : 0;
    return true;
}

bool scan_last_row(Scan *s, const LastCell **out, Err *e)
{
    must(s->run.rows);
    *out = NULL;
    if (!run_is_encoded(s) || s->run.begin + s->run.rows != s->run.group->rows)
        return true;
    if (!s->last)
        s->last = arena_zero(&s->arena, (s->column_count + 1) * sizeof *s->last);
    if (!merge_run_here(s->merge, e) || !part_last_row(s->run.part, s->run.group, s->columns,
                                                       s->column_count, &s->scratch, s->last, e))
        return false;
    for (size_t c = 0; c < s->column_count; c++) {
        LastCell *cell = &s->last[c];
        if (s->types[c] == PHYS_NONE)
            cell->state = LAST_NULL;
        else if (cell->state == LAST_VALUE && cell->type != s->types[c])
            cell->state = LAST_LONG; /* a chunk of another type: scan_column() knows what to do */
    }
    s->counters.bytes += s->column_count * sizeof(int64_t);
    *out = s->last;
    return true;
}

/* ---- statistics of pieces ---- */

/* The valid values among [begin, end), without holes. */
static const void *dense(Scan *s, const ColVec *v, uint32_t begin, uint32_t end, size_t *n)
{
    *n = end - begin;
    if (!v->valid)
        return v->v.i64 + begin;
    int64_t *out = arena_alloc(&s->scratch, *n * sizeof *out + 1);
    size_t k = 0;
    for (uint32_t i = begin; i < end; i++)
        if (bitmap_get(v->valid, i))
            out[k++] = v->v.i64[i]; /* a double is moved as its bits */
    *n = k;
    return out;
}

/* Merged rows: there is no chunk that could be asked. */
static bool decoded_cuts(Scan *s, size_t column, const RowCuts *cuts, ChunkStats *out, Err *e)
{
    ColVec v;
    PhysType type = s->types[column];
    if (!scan_column(s, column, &v, e))
        return false;
    for (size_t i = 0; i <= cuts->count; i++) {
        uint32_t begin = i ? cuts->row[i - 1] : 0;
        uint32_t end = i < cuts->count ? cuts->row[i] : s->run.rows;
        size_t n = 0;
        const void *values = v.type == PHYS_NONE ? NULL : dense(s, &v, begin, end, &n);
        out[i] = (ChunkStats){.type = type, .sum_exact = true};
        if (n && type == PHYS_I64)
            stats_of_i64(&out[i], values, n);
        else if (n)
            stats_of_f64(&out[i], values, n);
    }
    return true;
}

/* *done = false: the chunk has another type. */
static bool encoded_cuts(Scan *s, size_t column, const RowCuts *cuts, ChunkStats *out, bool *done,
                         Err *e)
{
    uint32_t begin = s->run.begin;
    size_t count = cuts->count;
    bool whole = s->run.whole, number;
    RowCuts at = *cuts;
    ChunkStats *all = out;
    if (!whole) { /* what lies before and behind the run are two pieces more */
        uint32_t *row = arena_alloc(&s->scratch, (count + 2) * sizeof *row);
        for (size_t i = 0; i < count; i++)
            row[i + 1] = begin + cuts->row[i];
        row[0] = begin;
        row[count + 1] = begin + s->run.rows;
        at.row = row;
        at.count = count + 2;
        at.inner_only = true;
        all = arena_alloc(&s->scratch, (count + 3) * sizeof *all);
    }
    if (!merge_run_here(s->merge, e) ||
        !part_stats_cuts(s->run.part, s->run.group, s->columns[column], &at, &s->scratch, all,
                         &number, e))
        return false;
    PhysType found = number ? all[!whole].type : PHYS_NONE; /* of the run's first piece */
    *done = number && (found == s->types[column] || found == PHYS_NONE);
    if (!*done)
        return true;
    if (!whole)
        memcpy(out, all + 1, (count + 1) * sizeof *out);
    for (size_t i = 0; i <= count; i++)
        out[i].type = s->types[column];
    return true;
}

bool scan_stats_cuts(Scan *s, size_t column, const RowCuts *cuts, ChunkStats *out, Err *e)
{
    must(column < s->column_count && s->run.rows);
    PhysType type = s->types[column];
    bool done = false;
    if (type == PHYS_NONE) {
        for (size_t i = 0; i <= cuts->count; i++)
            out[i] = (ChunkStats){.type = PHYS_I64, .sum_exact = true};
        return true;
    }
    if (type != PHYS_I64 && type != PHYS_F64)
        return err_set(e, ERR_INTERNAL, "statistics of column %u, which has no numbers",
                       s->columns[column]);
    if (run_is_encoded(s) && !encoded_cuts(s, column, cuts, out, &done, e))
        return false;
    if (done)
        s->counters.bytes += s->run.rows * sizeof(int64_t);
    return done || decoded_cuts(s, column, cuts, out, e);
}

/* ---- filters ---- */

/* What the statistics say: 1 all rows pass, -1 none does, 0 one must look. */
static int filter_by_stats(const ChunkStats *st, uint32_t rows, const CodecFilter *f)
{
    bool is_int = st->type == PHYS_I64;
    int low, high; /* min and max against the constant */
    if (st->count == 0)
        return -1;
    if (is_int) {
        low = (st->u.i.min > f->u.i) - (st->u.i.min < f->u.i);
        high = (st->u.i.max > f->u.i) - (st->u.i.max < f->u.i);
    } else {
        low = (st->u.f.min > f->u.f) - (st->u.f.min < f->u.f);
        high = (st->u.f.max > f->u.f) - (st->u.f.max < f->u.f);
    }
    bool all, none;
    switch (f->op) {
    case CODEC_EQ:
        all = low == 0 && high == 0, none = low > 0 || high < 0;
        break;
    case CODEC_NE:
        all = low > 0 || high < 0, none = low == 0 && high == 0;
        break;
    case CODEC_LT:
        all = high < 0, none = low >= 0;
        break;
    case CODEC_LE:
        all = high <= 0, none = low > 0;
        break;
    case CODEC_GT:
        all = low > 0, none = high <= 0;
        break;
    default:
        all = low >= 0, none = high < 0;
    }
    return none ? -1 : all && st->count == rows ? 1 : 0;
}

static const uint64_t *constant_bits(Scan *s, bool set)
{
    size_t words = BITMAP_WORDS(s->run.rows);
    uint64_t *bits = arena_alloc(&s->scratch, words * sizeof *bits);
    memset(bits, set ? 0xff : 0, words * sizeof *bits);
    if (set && s->run.rows % 64)
        bits[words - 1] = (UINT64_C(1) << s->run.rows % 64) - 1;
    return bits;
}

bool scan_filter(Scan *s, size_t column, const CodecFilter *f, const uint64_t **bits, Err *e)
{
    must(column < s->column_count && s->run.rows);
    PhysType type = s->types[column], found;
    ChunkStats st;
    *bits = NULL;
    if (!run_is_encoded(s) || !s->run.whole || (type != PHYS_I64 && type != PHYS_F64) ||
        (type == PHYS_F64 && isnan(f->u.f)))
        return true;
    bool known = part_stats(s->run.part, s->run.group, s->columns[column], &st);
    if (known ? st.type != type || (type == PHYS_F64 && st.nan_count) : type == PHYS_F64)
        return true; /* a NaN may be the stale marker, which is NULL to some */
    int verdict = known ? filter_by_stats(&st, s->run.rows, f) : 0;
    if (verdict) {
        *bits = constant_bits(s, verdict > 0);
        return true;
    }
    uint64_t *out = arena_alloc(&s->scratch, BITMAP_WORDS(s->run.rows) * sizeof *out);
    if (!merge_run_here(s->merge, e) ||
        !part_filter(s->run.part, s->run.group, s->columns[column], f, &s->scratch, out, &found, e))
        return false;
    s->counters.bytes += s->run.rows * sizeof(int64_t);
    *bits = found == type || found == PHYS_NONE ? out : NULL;
    return true;
}

void scan_prune(Scan *s)
{
    s->counters.groups_pruned++;
    s->counters.rows -= s->run.rows;
}

void scan_answered(Scan *s)
{
    s->counters.groups_from_stats++;
    s->counters.rows -= s->run.rows;
}
