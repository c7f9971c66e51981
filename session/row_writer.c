/* session/row_writer.c - SQL values to storage rows: INSERT, COPY and CREATE TABLE AS end here.
 *
 * The stored form of a field follows its physical type: integers, dates and times as the executor
 * holds them (int64), float8, bool, strings as bytes; numeric, interval and arrays as their text. */
#include "session/session_private.h"
#include <stdlib.h>

typedef struct Target {
    const ColumnDef *col;
    const TypeDef *type;
} Target;

struct RowWriter {
    Session *session;
    const TableDef *table; /* own copy in arena */
    Arena arena;
    Target *targets;
    size_t target_count;
    size_t *tag_order; /* indexes of targets that are tags, by column id */
    size_t tag_count;
    int time_target; /* -1: none */
    WriteBatch *batch;
    SeriesId last_series;
    Hash128 last_hash;
    Buf key, text;
    Tag *tags;
    size_t rows;
};

static int by_column(const void *a, const void *b, void *arg)
{
    const RowWriter *w = arg;
    ColumnId x = w->targets[*(const size_t *)a].col->id, y = w->targets[*(const size_t *)b].col->id;
    return (x > y) - (x < y);
}

RowWriter *row_writer_new(Session *s, const TableDef *t, const int16_t *targets, size_t n)
{
    RowWriter *w = MEM_NEW(RowWriter);
    w->session = s;
    arena_init(&w->arena, &s->db->query_pool);
    w->table = table_def_copy(&w->arena, t);
    w->targets = ARENA_ARRAY(&w->arena, Target, n + 1);
    w->tag_order = ARENA_ARRAY(&w->arena, size_t, n + 1);
    w->tags = ARENA_ARRAY(&w->arena, Tag, n + 1);
    w->target_count = n;
    w->time_target = -1;
    for (size_t i = 0; i < n; i++) {
        const ColumnDef *c = &w->table->columns[targets[i]];
        w->targets[i] = (Target){.col = c, .type = type_find(c->type_oid)};
        must(w->targets[i].type != NULL);
        if (c->kind == COL_TAG)
            w->tag_order[w->tag_count++] = i;
        else if (c->kind == COL_TIME)
            w->time_target = (int)i;
    }
    qsort_r(w->tag_order, w->tag_count, sizeof(size_t), by_column, w);
    w->batch = wb_new();
    buf_init(&w->key);
    buf_init(&w->text);
    return w;
}

void row_writer_free(RowWriter *w)
{
    if (!w)
        return;
    if (w->batch)
        wb_free(w->batch);
    buf_free(&w->key);
    buf_free(&w->text);
    arena_free(&w->arena);
    mem_free(w);
}

size_t row_writer_rows(const RowWriter *w)
{
    return w->rows;
}

static bool not_null(const RowWriter *w, const ColumnDef *c, Err *e)
{
    return err_set(
        e, ERR_NOT_NULL,
        "null value in column \"%.*s\" of relation \"%.*s\" violates not-null constraint",
        SLICE_ARG(c->name), SLICE_ARG(w->table->name));
}

/* A NOT NULL column that is not among the targets has no value at all. */
static bool check_missing(const RowWriter *w, Err *e)
{
    for (size_t i = 0; i < w->table->column_count; i++) {
        const ColumnDef *c = &w->table->columns[i];
        if (c->dropped || (!c->not_null && c->kind != COL_TIME))
            continue;
        bool found = false;
        for (size_t k = 0; k < w->target_count && !found; k++)
            found = w->targets[k].col == c;
        if (!found)
            return not_null(w, c, e);
    }
    return true;
}

static bool row_time(RowWriter *w, const Value *row, int64_t *ns, Err *e)
{
    if (w->table->kind == TABLE_ORDINARY) {
        *ns = atomic_fetch_add(&w->session->db->row_clock, 1);
        return true;
    }
    must(w->time_target >= 0);
    const Value *v = &row[w->time_target];
    const ColumnDef *c = w->targets[w->time_target].col;
    if (v->null)
        return not_null(w, c, e);
    int64_t value = v->u.i64;
    bool infinite = value == INT64_MIN || value == INT64_MAX;
    int64_t unit = c->type_oid == T_DATE ? NS_PER_DAY : NS_PER_US;
    bool integer = c->type_oid == T_INT8 || c->type_oid == T_INT4;
    if (infinite || __builtin_mul_overflow(value, integer ? 1 : unit, ns))
        return err_set(e, ERR_DATETIME_RANGE, "time of column \"%.*s\" is out of range",
                       SLICE_ARG(c->name)) ||
               err_hint(e, "times from 1677-09-21 to 2262-04-11 can be stored");
    return true;
}

static Slice text_of(RowWriter *w, const Target *t, const Value *v)
{
    w->text.len = 0;
    t->type->out(&w->session->env, v, &w->text);
    return buf_slice(&w->text);
}

/* Canonical bytes of the row's tags; the same tags as in the row before cost one comparison. */
static void build_key(RowWriter *w, const Value *row)
{
    w->key.len = 0;
    for (size_t i = 0; i < w->tag_count; i++) {
        const Target *t = &w->targets[w->tag_order[i]];
        const Value *v = &row[w->tag_order[i]];
        if (v->null)
            continue;
        Slice text = t->type->category == 'S' ? v->u.str : text_of(w, t, v);
        if (text.len == 0)
            continue; /* '' in a tag is NULL: an absent label */
        buf_put_u16(&w->key, t->col->id);
        buf_put_str(&w->key, text);
    }
}

static size_t key_tags(RowWriter *w)
{
    Reader r = reader_of(buf_slice(&w->key));
    size_t n = 0;
    while (reader_left(&r)) {
        w->tags[n].column = reader_u16(&r);
        w->tags[n++].value = reader_str(&r);
    }
    must(!r.bad);
    return n;
}

static bool row_series(RowWriter *w, const Value *row, SeriesId *series, Err *e)
{
    SeriesIndex *idx = engine_index(w->session->db->engine);
    build_key(w, row);
    Hash128 h = idx_raw_hash(idx, w->table->id, buf_slice(&w->key));
    if (w->last_series && h.lo == w->last_hash.lo && h.hi == w->last_hash.hi) {
        *series = w->last_series;
        return true;
    }
    idx_find_raw(idx, &h, series, 1);
    if (!*series) {
        bool made;
        size_t n = key_tags(w);
        if (!idx_intern(idx, w->table->id, w->tags, n, &h, series, &made, e))
            return false;
        if (made)
            wb_new_series(w->batch, *series, w->table->id, w->tags, n);
    }
    w->last_series = *series;
    w->last_hash = h;
    return true;
}

static void put_field(RowWriter *w, const Target *t, const Value *v)
{
    ColumnId id = t->col->id;
    switch (v->null ? PH_BOOL : v->phys) {
    case PH_BOOL:
        if (v->null)
            wb_null(w->batch, id);
        else
            wb_bool(w->batch, id, v->u.b);
        break;
    case PH_I64:
        wb_i64(w->batch, id, v->u.i64);
        break;
    case PH_F64:
        wb_f64(w->batch, id, v->u.f64);
        break;
    case PH_STR:
        wb_str(w->batch, id, v->u.str);
        break;
    default:
        wb_str(w->batch, id, text_of(w, t, v));
    }
}

bool row_writer_add(RowWriter *w, const Value *row, Err *e)
{
    if (w->rows == 0 && !check_missing(w, e))
        return false;
    int64_t ns = 0;
    SeriesId series = 0;
    for (size_t i = 0; i < w->target_count; i++)
        if (row[i].null && w->targets[i].col->not_null)
            return not_null(w, w->targets[i].col, e);
    if (!row_time(w, row, &ns, e) || !row_series(w, row, &series, e))
        return false;
    wb_row(w->batch, w->table->id, series, ns);
    for (size_t i = 0; i < w->target_count; i++)
        if (w->targets[i].col->kind == COL_FIELD)
            put_field(w, &w->targets[i], &row[i]);
    wb_row_end(w->batch);
    w->rows++;
    return true;
}

bool row_writer_flush(RowWriter *w, Txn *t, Err *e)
{
    if (wb_rows(w->batch) == 0)
        return true;
    WriteBatch *full = w->batch;
    w->batch = wb_new();
    return txn_write(t, full, e);
}
