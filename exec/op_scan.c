/* Reading a table.  A long run becomes one batch without copying: tags constant, time and fields as
 * storage decoded them, columns that the filter reads first.  Short runs are packed together, with the
 * tags as dictionaries, so that a series with one row costs a row and not a batch. */
#include "exec/op_scan_private.h"

enum {
    DIRECT_ROWS_MIN = 256,
    STREAM_ROWS_MIN = 24, /* rows that are written at once are not copied for less */
    TICK_RUNS = 16
};
#define STALE_NAN UINT64_C(0x7ff0000000000002)

/* ---- the source ---- */

bool src_start(ScanSrc *s, Err *e)
{
    if (s->none)
        return true;
    ScanSpec spec = {.snapshot = s->x->query->snapshot,
                     .table = s->plan->table,
                     .t_min = s->t_min,
                     .t_max = s->t_max,
                     .series = s->x->slice ? s->x->slice : s->set,
                     .columns = s->columns,
                     .column_count = s->column_count,
                     .backward = s->plan->backward,
                     .all_ages = s->plan->all_ages};
    return scan_open(&s->scan, &spec, &s->x->query->budget, e);
}

void scan_counters_add(ScanCounters *to, const ScanCounters *from)
{
    to->files += from->files;
    to->files_pruned += from->files_pruned;
    to->groups += from->groups;
    to->groups_pruned += from->groups_pruned;
    to->groups_from_stats += from->groups_from_stats;
    to->rows += from->rows;
    to->bytes += from->bytes;
}

void src_count(ScanSrc *s)
{
    OpStats *st = s->scan ? exec_stats(s->x, &s->plan->p) : NULL;
    if (!st)
        return;
    ScanCounters now = *scan_counters(s->scan), more = now, *old = &s->counted;
    more.files -= old->files;
    more.files_pruned -= old->files_pruned;
    more.groups -= old->groups;
    more.groups_pruned -= old->groups_pruned;
    more.groups_from_stats -= old->groups_from_stats;
    more.rows -= old->rows;
    more.bytes -= old->bytes;
    scan_counters_add(&st->scan, &more);
    s->counted = now;
    st->loops = st->loops ? st->loops : 1;
    st->series += s->series_seen;
    s->series_seen = 0;
}

void src_stop(ScanSrc *s)
{
    src_count(s);
    if (s->scan)
        scan_close(s->scan);
    s->scan = NULL;
    s->counted = (ScanCounters){0};
}

void src_close(ScanSrc *s)
{
    src_stop(s);
    if (s->set)
        set_unref(s->set);
    s->set = NULL;
}

/* What was decoded since the last run counts against skulk.max_bytes. */
static bool src_meter(ScanSrc *s, Err *e)
{
    Query *q = s->x->query;
    uint64_t now = scan_counters(s->scan)->bytes, more = now - s->metered;
    if (q->scan_bytes_max == 0 || more == 0)
        return true;
    s->metered = now;
    uint64_t all = atomic_fetch_add_explicit(&q->scan_bytes, more, memory_order_relaxed) + more;
    if (all <= (uint64_t)q->scan_bytes_max)
        return true;
    err_set(e, ERR_LIMIT_EXCEEDED, "query reads more than skulk.max_bytes (%lld bytes)",
            (long long)q->scan_bytes_max);
    return err_hint(e, "Narrow the time range or the series in WHERE, or raise skulk.max_bytes.");
}

ScanStatus src_next(ScanSrc *s, Err *e)
{
    if (s->none)
        return SCAN_END;
    for (;;) {
        if (!src_meter(s, e))
            return SCAN_FAIL;
        ScanStatus st = scan_next(s->scan, &s->run, s->x->waiter, e);
        if (st != SCAN_RUN || s->prune_count == 0 || !src_pruned(s))
            return st;
        scan_prune(s->scan);
    }
}

TagReader *src_tag_reader(ScanSrc *s, ColumnId column, TypeId type)
{
    TagReader *t = ARENA_NEW(s->arena, TagReader);
    t->column = column;
    t->type = type;
    t->def = type_find(type);
    t->text = type_find(type)->category == 'S'; /* others are read from their text */
    t->value = value_null();
    return t;
}

bool src_tag_value(ScanSrc *s, TagReader *t, uint32_t code, Value *out, Err *e)
{
    *out = value_null();
    if (code == 0)
        return true;
    if (code >= t->cap) {
        uint32_t count = idx_code_count(s->idx, s->plan->table, t->column);
        uint32_t cap = (count > code ? count : code + 1) + 16;
        Value *values = ARENA_ARRAY(s->arena, Value, cap);
        uint8_t *known = ARENA_ARRAY(s->arena, uint8_t, cap);
        if (t->cap) {
            memcpy(values, t->values, t->cap * sizeof *values);
            memcpy(known, t->known, t->cap);
        }
        t->values = values;
        t->known = known;
        t->cap = cap;
    }
    if (!t->known[code]) {
        TypeEnv env = type_stored_env(&s->x->ctx.env);
        Slice text = idx_code_value(s->idx, s->plan->table, t->column, code);
        if (t->text)
            t->values[code] = value_str(text);
        else if (!t->def->in(&env, text, -1, s->arena, &t->values[code], e))
            return false;
        t->known[code] = 1;
    }
    *out = t->values[code];
    return true;
}

bool src_series(ScanSrc *s, bool *changed, Err *e)
{
    *changed = s->run.series != s->series;
    if (!*changed)
        return true;
    s->series = s->run.series;
    s->series_seen++;
    if (s->tag_count)
        idx_series_codes(s->idx, s->series, s->tag_columns, s->tag_count, s->tag_codes);
    s->filter = &s->strict;
    for (size_t c = 0, i = 0; i < s->tag_count; c++) {
        TagReader *t = s->tags[c] ? s->tags[c] : s->keyed[c];
        if (!t)
            continue;
        t->code = s->tag_codes[i++];
        if (s->keyed[c] && t->code == 0)
            s->filter = &s->loose;
        if (!src_tag_value(s, t, t->code, &t->value, e))
            return false;
    }
    return true;
}

/* ---- columns ---- */

static void times_to_us(int64_t *restrict us, const int64_t *restrict ns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t q = ns[i] / NS_PER_US; /* a multiplication */
        us[i] = q - (ns[i] % NS_PER_US < 0);
    }
}

static bool time_column(ScanSrc *s, TypeId type, Vector *out, Arena *a, Err *e)
{
    const int64_t *ns;
    size_t n = s->run.rows;
    if (!scan_times(s->scan, &ns, e))
        return false;
    vec_init_flat(out, type, n, a);
    if (type == T_INT8) /* ts_ns(): exact */
        memcpy(out->v.i64, ns, n * sizeof *ns);
    else if (type == T_DATE)
        for (size_t i = 0; i < n; i++)
            out->v.i64[i] = floor_div(ns[i], NS_PER_DAY);
    else
        times_to_us(out->v.i64, ns, n);
    return true;
}

/* Storage's arrays are read only, and so are batches; only the type does not say it. */
static void *unconst(const void *p)
{
    union {
        const void *in;
        void *out;
    } cast = {p};
    return cast.out;
}

/* The stale marker of Prometheus is NULL in SQL. */
static void hide_stale(Vector *v, size_t n, Arena *a)
{
    const uint64_t *bits = v->v.any;
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bits[i] == STALE_NAN;
    if (!any)
        return;
    uint64_t *valid = arena_alloc(a, BITMAP_WORDS(n) * 8);
    if (v->valid)
        memcpy(valid, v->valid, BITMAP_WORDS(n) * 8);
    else
        memset(valid, 0xff, BITMAP_WORDS(n) * 8);
    for (size_t i = 0; i < n; i++)
        if (bits[i] == STALE_NAN)
            bitmap_clear(valid, i);
    v->valid = valid;
}

/* Values that are stored in another form: texts of numeric, interval and arrays; retyped columns. */
static bool convert_column(ScanSrc *s, const ColVec *in, TypeId type, Vector *out, Arena *a, Err *e)
{
    size_t n = s->run.rows;
    const TypeDef *def = type_find(type);
    TypeEnv env = type_stored_env(&s->x->ctx.env);
    vec_init_flat(out, type, n, a);
    for (size_t i = 0; i < n; i++) {
        Value v = value_null();
        if (!bitmap_get(in->valid, i))
            ;
        else if (in->type == PHYS_STR && def && def->in && out->phys != PH_STR) {
            if (!def->in(&env, in->v.str[i], -1, a, &v, e))
                return err_wrap(e, "stored value of table \"%.*s\"",
                                SLICE_ARG(s->plan->table_name));
        } else if (in->type == PHYS_I64 && out->phys == PH_F64) {
            v = value_f64((double)in->v.i64[i]);
        } else if (in->type == PHYS_I64 && out->phys == PH_NUM) {
            v = (Value){.phys = PH_NUM, .u.num = {.u.coef = in->v.i64[i], .kind = NUM_SMALL}};
        } else if (in->type == PHYS_BOOL && out->phys == PH_I64) {
            v = value_i64(in->v.b[i]);
        } else {
            return err_set(e, ERR_INTERNAL,
                           "a column of table \"%.*s\" is stored as physical type %d",
                           SLICE_ARG(s->plan->table_name), (int)in->type);
        }
        vec_set(out, i, &v, n, a);
    }
    return true;
}

static bool field_column(ScanSrc *s, size_t c, Vector *out, Arena *a, Err *e)
{
    static const Phys same[] = {
        [PHYS_I64] = PH_I64, [PHYS_F64] = PH_F64, [PHYS_BOOL] = PH_BOOL, [PHYS_STR] = PH_STR};
    TypeId type = s->plan->cols[c].type;
    ColVec in;
    if (s->field[c] == NO_FIELD) {
        vec_null_const(out, type);
        return true;
    }
    Phys phys = type_phys(type);
    bool known = false;
    Value text = value_str(SLICE_NONE);
    if (phys == PH_STR && !scan_constant(s->scan, s->field[c], &text.u.str, &known, e))
        return false;
    if (known) {
        vec_init_const(out, type, &text, a);
        return true;
    }
    if (!scan_column(s->scan, s->field[c], &in, e))
        return false;
    if (in.type == PHYS_NONE) {
        vec_null_const(out, type);
        return true;
    }
    if (same[in.type] != phys)
        return convert_column(s, &in, type, out, a, e);
    *out = (Vector){.type = type, .phys = phys, .kind = VEC_FLAT};
    out->v.any = unconst(in.v.any);
    out->valid = unconst(in.valid);
    if (phys == PH_F64)
        hide_stale(out, s->run.rows, a);
    return true;
}

/* What tells rows with the same key apart; 0 where the key is unique. */
static bool row_column(ScanSrc *s, size_t c, Vector *out, Arena *a, Err *e)
{
    size_t n = s->run.rows;
    ColVec in = {.type = PHYS_NONE};
    if (s->field[c] != NO_FIELD && !scan_column(s->scan, s->field[c], &in, e))
        return false;
    vec_init_flat(out, T_INT8, n, a);
    for (size_t i = 0; i < n; i++)
        out->v.i64[i] = in.type == PHYS_I64 && bitmap_get(in.valid, i) ? in.v.i64[i] : 0;
    return true;
}

bool src_column(ScanSrc *s, size_t c, Vector *out, Arena *a, Err *e)
{
    const ScanCol *col = &s->plan->cols[c];
    Value oid = value_i64(s->plan->table), series = value_i64((int64_t)s->run.series);
    switch (col->kind) {
    case SCAN_TIME:
        return time_column(s, col->type, out, a, e);
    case SCAN_TAG:
        if (s->tags[c]->value.null)
            vec_null_const(out, col->type);
        else
            vec_init_const(out, col->type, &s->tags[c]->value, a);
        return true;
    case SCAN_FIELD:
        if (!s->keyed[c] || s->keyed[c]->code == 0)
            return field_column(s, c, out, a, e);
        vec_init_const(out, col->type, &s->keyed[c]->value, a);
        return true;
    case SCAN_TABLEOID:
        vec_init_const(out, col->type, &oid, a);
        return true;
    case SCAN_SERIES:
        vec_init_const(out, col->type, &series, a);
        return true;
    case SCAN_ROW:
        return row_column(s, c, out, a, e);
    }
    return false;
}

/* ---- the operator ---- */

typedef struct OpScan {
    Op op;
    ScanSrc src;
    const PlanScan *plan;
    bool pending; /* src.run is announced and not used yet */
    bool ended;
    bool changed;     /* it is of another series than the one before */
    uint32_t fetched; /* runs */
    uint32_t given;   /* rows of this series, for per_series_limit */
    SeriesId given_series;
    Batch direct;
    /* packed short runs */
    Batch pack;
    Arena pack_arena; /* bytes of strings, dictionaries */
    bool pack_started;
    Gather *gather; /* pieces do it; nothing of the above is used */
} OpScan;

static bool scan_op_open(Op *op, Err *e)
{
    OpScan *s = (OpScan *)op;
    s->plan = (const PlanScan *)op->plan;
    arena_init(&s->pack_arena, &op->x->query->budget);
    s->direct = *batch_new(&op->arena, s->plan->p.col_count);
    if (!src_open(&s->src, op->x, s->plan, &op->arena, e))
        return false;
    /* Without a condition the rows would be copied for nothing: what comes after is the work. */
    ScanSpread spread = {NULL, 1};
    bool filter = s->src.loose.all != NULL;
    if ((filter || s->plan->per_series_limit) && !op->x->slice)
        src_spread(&s->src, filter ? 1 : 0, &spread);
    if (spread.pieces > 1) {
        s->gather = gather_start(op, &spread);
        return true;
    }
    return src_start(&s->src, e);
}

static bool one_by_one(const OpScan *s) /* rows of a run are chosen before they are packed */
{
    return s->plan->backward || s->plan->per_series_limit > 0;
}

static bool filter_batch(OpScan *s, Batch *b, Err *e)
{
    size_t before = batch_count(b);
    if (!s->src.loose.all)
        return true;
    if (!expr_filter(op_ctx(&s->op), s->src.loose.all, b, e))
        return false;
    if (s->op.stats)
        s->op.stats->removed += before - batch_count(b);
    return true;
}

/* The run as a batch in s->direct: the filter's columns first, the others only if a row passes. */
static bool run_batch(OpScan *s, Err *e)
{
    Batch *b = &s->direct;
    Arena *a = &s->op.scratch;
    const Expr *filter;
    const bool *reads;
    b->rows = s->src.run.rows;
    if (!src_filter(&s->src, b, a, &filter, &reads, e))
        return false;
    for (size_t c = 0; c < b->col_count; c++) {
        if (batch_count(b) > 0 && reads[c]) {
            if (!src_column(&s->src, c, &b->cols[c], a, e))
                return false;
        } else {
            vec_null_const(&b->cols[c], s->plan->cols[c].type);
        }
    }
    if (filter && batch_count(b) > 0 && !expr_filter(op_ctx(&s->op), filter, b, e))
        return false;
    if (s->op.stats)
        s->op.stats->removed += b->rows - batch_count(b);
    bool pack = one_by_one(s); /* which takes tags from their readers */
    for (size_t c = 0; c < b->col_count && batch_count(b) > 0; c++)
        if (!reads[c] && !(pack && s->src.tags[c]) && !src_column(&s->src, c, &b->cols[c], a, e))
            return false;
    return true;
}

/* ---- packing ---- */

static void pack_begin(OpScan *s)
{
    const PlanScan *plan = s->plan;
    if (!s->pack_started) {
        s->pack = *batch_new(&s->op.arena, plan->p.col_count);
        for (size_t c = 0; c < plan->p.col_count; c++) {
            Vector *v = &s->pack.cols[c];
            vec_init_flat(v, plan->cols[c].type, BATCH_ROWS, &s->op.arena);
            if (plan->cols[c].kind == SCAN_TAG) {
                v->kind = VEC_DICT;
                v->codes = arena_alloc(&s->op.arena, BATCH_ROWS * sizeof *v->codes);
            }
        }
        s->pack_started = true;
    }
    arena_reset(&s->pack_arena);
    s->pack.rows = 0;
    s->pack.sel = NULL;
    for (size_t c = 0; c < plan->p.col_count; c++) {
        s->pack.cols[c].valid = NULL;
        s->pack.cols[c].dict_count = 0;
    }
}

/* Tags: one more dictionary entry unless the series before had the same value. */
static void pack_tag(Vector *v, const TagReader *t, size_t at, size_t n, bool same_series, Arena *a)
{
    if (!same_series || v->dict_count == 0) {
        uint32_t entry = v->dict_count++;
        v->kind = VEC_FLAT; /* vec_set writes flat vectors: here the dictionary */
        vec_set(v, entry, &t->value, BATCH_ROWS, a);
        v->kind = VEC_DICT;
    }
    for (size_t i = 0; i < n; i++)
        v->codes[at + i] = v->dict_count - 1;
}

static void pack_nulls(Vector *dst, size_t at, const Vector *src, const uint16_t *sel, size_t n,
                       Arena *a)
{
    if (!src->valid && !dst->valid)
        return;
    for (size_t i = 0; i < n; i++) {
        if (vec_is_null(src, sel ? sel[i] : i))
            vec_set_null(dst, at + i, BATCH_ROWS, a);
        else if (dst->valid)
            bitmap_set(dst->valid, at + i);
    }
}

/* Rows sel[0..n) of the run (all if NULL), whose columns are in b, go to the end of the pack. */
static void pack_rows(OpScan *s, const Batch *b, const uint16_t *sel, size_t n, bool same_series)
{
    size_t at = s->pack.rows;
    for (size_t c = 0; c < b->col_count; c++) {
        Vector *v = &s->pack.cols[c];
        if (s->src.tags[c]) {
            pack_tag(v, s->src.tags[c], at, n, same_series && at > 0, &s->pack_arena);
            continue;
        }
        col_append(v, at, BATCH_ROWS, &b->cols[c], sel, n, &s->pack_arena);
        pack_nulls(v, at, &b->cols[c], sel, n, &s->pack_arena);
    }
    s->pack.rows += n;
}

/* A field of the last row, which storage remembers; false: it must be decoded. */
static bool cell_value(const LastCell *cell, Phys phys, Value *out)
{
    static const Phys same[] = {
        [PHYS_I64] = PH_I64, [PHYS_F64] = PH_F64, [PHYS_BOOL] = PH_BOOL, [PHYS_STR] = PH_STR};
    *out = value_null();
    if (cell->state == LAST_NULL)
        return true;
    if (cell->state == LAST_LONG || same[cell->type] != phys)
        return false;
    if (phys == PH_STR) {
        *out = value_str(slice_of(cell->bytes, cell->len));
    } else if (phys == PH_BOOL) {
        *out = value_bool(cell->bytes[0]);
    } else {
        int64_t bits;
        memcpy(&bits, cell->bytes, sizeof bits);
        if (phys == PH_F64 && (uint64_t)bits == STALE_NAN)
            return true;
        *out = (Value){.phys = phys, .u.i64 = bits};
    }
    return true;
}

/* Column c in the last row of the run, if that is known without decoding; `cells` may be NULL. */
static bool last_value(const OpScan *s, size_t c, const LastCell *cells, Value *out)
{
    const ScanCol *col = &s->plan->cols[c];
    const ScanSrc *src = &s->src;
    if (col->kind == SCAN_TIME && col->type != T_DATE) {
        int64_t ns = src->run.t_last;
        *out = value_i64(col->type == T_INT8 ? ns : floor_div(ns, NS_PER_US));
        return true;
    }
    bool tagged = src->keyed[c] && src->keyed[c]->code;
    return cells && col->kind == SCAN_FIELD && !tagged && src->field[c] != NO_FIELD &&
           cell_value(&cells[src->field[c]], type_phys(col->type), out);
}

/* The newest row of a series, the last one of its first run, goes to the end of the pack. */
static bool pack_newest(OpScan *s, bool same_series, Err *e)
{
    const LastCell *cells;
    Arena *a = &s->pack_arena;
    size_t at = s->pack.rows;
    uint16_t last = (uint16_t)(s->src.run.rows - 1);
    if (!scan_last_row(s->src.scan, &cells, e))
        return false;
    for (size_t c = 0; c < s->pack.col_count; c++) {
        Vector *v = &s->pack.cols[c], *from = &s->direct.cols[c];
        Value value;
        if (s->src.tags[c]) {
            pack_tag(v, s->src.tags[c], at, 1, same_series && at > 0, a);
        } else if (last_value(s, c, cells, &value)) {
            if (value.null)
                memset((char *)v->v.any + at * phys_size(v->phys), 0, phys_size(v->phys));
            else if (v->phys == PH_STR)
                value.u.str = arena_slice(a, value.u.str);
            vec_set(v, at, &value, BATCH_ROWS, a);
        } else if (src_column(&s->src, c, from, &s->op.scratch, e)) {
            col_append(v, at, BATCH_ROWS, from, &last, 1, a);
            pack_nulls(v, at, from, &last, 1, a);
        } else {
            return false;
        }
    }
    s->pack.rows++;
    s->given++;
    scan_skip_series(s->src.scan);
    return true;
}

static bool pack_run(OpScan *s, Err *e)
{
    for (size_t c = 0; c < s->direct.col_count; c++)
        if (!s->src.tags[c] && !src_column(&s->src, c, &s->direct.cols[c], &s->op.scratch, e))
            return false;
    pack_rows(s, &s->direct, NULL, s->src.run.rows, !s->changed);
    return true;
}

/* Rows of a series without a keyed column's tag are not all alike in it: all of them are needed. */
static size_t series_limit(const OpScan *s)
{
    return s->src.filter == &s->src.loose ? 0 : s->plan->per_series_limit;
}

/* Chooses rows of the run: those that pass the filter, newest first with backward, up to the limit. */
static bool pack_chosen(OpScan *s, Err *e)
{
    bool same = s->src.run.series == s->given_series;
    if (!same) {
        s->given = 0;
        s->given_series = s->src.run.series;
    }
    size_t limit = series_limit(s);
    if (s->plan->backward && limit == 1 && !s->src.filter->all)
        return pack_newest(s, same && s->given > 0, e);
    if (!run_batch(s, e))
        return false;
    uint16_t rows[BATCH_ROWS];
    size_t n = batch_count(&s->direct);
    if (limit && n > limit - s->given)
        n = limit - s->given;
    size_t all = batch_count(&s->direct);
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint16_t)batch_row(&s->direct, s->plan->backward ? all - 1 - i : i);
    if (n > 0) /* a dictionary entry may be missing if the series' first rows did not pass */
        pack_rows(s, &s->direct, rows, n, same && s->given > 0);
    s->given += (uint32_t)n;
    if (limit && s->given >= limit)
        scan_skip_series(s->src.scan);
    return true;
}

static QueryStatus pack_emit(OpScan *s, Batch **out, Err *e)
{
    arena_reset(&s->op.scratch);
    s->direct = (Batch){.cols = s->direct.cols, .col_count = s->direct.col_count};
    /* A view: filtering must not touch the buffers. */
    Batch *view = batch_new(&s->op.scratch, s->pack.col_count);
    memcpy(view->cols, s->pack.cols, s->pack.col_count * sizeof(Vector));
    view->rows = s->pack.rows;
    s->pack.rows = 0;
    if (!one_by_one(s) && !filter_batch(s, view, e))
        return QUERY_FAIL;
    *out = view;
    return QUERY_BATCH;
}

/* ---- next ---- */

static QueryStatus scan_fetch(OpScan *s, Err *e)
{
    switch (src_next(&s->src, e)) {
    case SCAN_RUN:
        s->pending = true;
        return src_series(&s->src, &s->changed, e) ? QUERY_BATCH : QUERY_FAIL;
    case SCAN_END:
        s->ended = true;
        return QUERY_END;
    case SCAN_WAIT:
        return QUERY_WAIT;
    case SCAN_FAIL:
        break;
    }
    return QUERY_FAIL;
}

/* At most so many rows of the run will be packed. */
static size_t rows_wanted(const OpScan *s)
{
    size_t rows = s->src.run.rows, limit = series_limit(s);
    if (limit == 0)
        return rows;
    size_t left = s->src.run.series == s->given_series ? limit - s->given : limit;
    return rows < left ? rows : left;
}

static QueryStatus scan_batch(Op *op, Batch **out, Err *e)
{
    OpScan *s = (OpScan *)op;
    if (s->pack.rows == 0)
        arena_reset(&op->scratch);
    while (!s->ended) {
        QueryStatus st;
        /* Short runs: not a look at the clock for each. */
        if (!s->pending && s->fetched++ % TICK_RUNS == 0 &&
            (st = exec_tick(op->x, e)) != QUERY_BATCH)
            return st;
        if (!s->pending && (st = scan_fetch(s, e)) != QUERY_BATCH) {
            if (st == QUERY_END)
                break;
            return st;
        }
        size_t rows = rows_wanted(s);
        size_t direct_min = op->x->query->stream ? STREAM_ROWS_MIN : DIRECT_ROWS_MIN;
        bool direct = rows >= direct_min && !one_by_one(s);
        if (s->pack.rows > 0 && (direct || s->pack.rows + rows > BATCH_ROWS))
            return pack_emit(s, out, e);
        s->pending = false;
        if (direct) {
            arena_reset(&op->scratch);
            *out = &s->direct;
            return run_batch(s, e) ? QUERY_BATCH : QUERY_FAIL;
        }
        if (s->pack.rows == 0)
            pack_begin(s);
        if (!(one_by_one(s) ? pack_chosen(s, e) : pack_run(s, e)))
            return QUERY_FAIL;
        arena_reset(&op->scratch); /* what was packed is copied */
    }
    return s->pack.rows > 0 ? pack_emit(s, out, e) : QUERY_END;
}

static QueryStatus scan_op_next(Op *op, Batch **out, Err *e)
{
    OpScan *s = (OpScan *)op;
    if (s->gather)
        return gather_next(s->gather, out, e);
    QueryStatus st = scan_batch(op, out, e);
    if (op->stats)
        src_count(&s->src);
    return st;
}

static void scan_op_close(Op *op)
{
    OpScan *s = (OpScan *)op;
    gather_close(s->gather);
    src_close(&s->src);
    arena_free(&s->pack_arena);
}

const OpDef op_scan = {"Seq Scan", sizeof(OpScan), scan_op_open, scan_op_next, scan_op_close};
