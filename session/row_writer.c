/* session/row_writer.c - SQL values to storage rows: INSERT, COPY, CREATE TABLE AS, UPDATE and DELETE
 * end here.
 *
 * Rows of a table with a PRIMARY KEY or UNIQUE wait, up to a batch of them, until key_check.c has
 * looked whether their keys are free.  row_check.c knows NOT NULL and CHECK.  The stored form of a field follows its physical type: integers, dates and times as the executor
 * holds them (int64), float8, bool, strings as bytes; numeric, interval and arrays as their text. */
#include "session/session_private.h"
#include <stdlib.h>

typedef struct Target {
    const ColumnDef *col;
    const TypeDef *type;
    int16_t index;
} Target;

typedef struct UniqueKey {
    const ConstraintDef *def; /* NULL: tags and time, where newer rows win */
    const int16_t *columns;   /* ordinary tables */
    size_t count;
    KeyCheck *check;
    KeyPolicy policy;
    WriterKey *pending; /* of the rows that wait */
    WriterKey *leaving; /* moving: what they were */
    bool *stored;       /* ... and whether the table has them */
} UniqueKey;

struct RowWriter {
    Session *session;
    TableDef *table; /* own copy in arena */
    Arena arena;
    Target *targets;
    size_t target_count;
    int16_t *columns;  /* of the targets */
    size_t *tag_order; /* indexes of targets that are tags or cluster, by column id */
    size_t tag_count;
    bool *in_series; /* of each target: the series of the current row has its value */
    bool clustered;  /* that of a field, too */
    int time_target; /* -1: none */
    bool moving;     /* an UPDATE of keys: without a new time the old one stays */
    RowAddress moved_from;
    int64_t next_id;
    size_t ids_left, ids_taken;
    WriteBatch *batch;
    Buf held; /* WriteBatch *: full, to be written later */
    int64_t held_bytes;
    SeriesId last_series;
    Hash128 last_hash;
    Buf key, text;
    Tag *tags;
    size_t rows;   /* seen */
    bool whole;    /* rows have all columns, not only those of UPDATE */
    bool complete; /* ... and no NOT NULL column is missing among the targets */
    RowCheck *check;
    bool has_checks;
    Value *full; /* the row by column of the table, for checks and messages */
    const int16_t *kept;
    size_t kept_count;
    const int16_t *old; /* behind those: columns of keys as they were */
    size_t old_count;
    /* the first rows of a table that may get a clustering key; NULL: not held back (any more) */
    Value **sample;
    size_t sample_count, sample_cap;
    Arena sample_arena;
    /* keys that must be free; none: nothing to look for */
    UniqueKey *keys;
    size_t key_count;
    Arena pending_arena;
    Value **pending;
    uint64_t *pending_input;
    size_t pending_count;
    uint64_t input,
        refused; /* numbers of what the caller reads: now, and that of a row with a taken key */
    bool *took;  /* of the last drain */
};

static int by_column(const void *a, const void *b, void *arg)
{
    const RowWriter *w = arg;
    ColumnId x = w->targets[*(const size_t *)a].col->id, y = w->targets[*(const size_t *)b].col->id;
    return (x > y) - (x < y);
}

static void find_tags(RowWriter *w)
{
    w->tag_count = 0;
    for (size_t i = 0; i < w->target_count; i++)
        if (w->targets[i].col->kind == COL_TAG || w->targets[i].col->clusters)
            w->tag_order[w->tag_count++] = i;
    qsort_r(w->tag_order, w->tag_count, sizeof(size_t), by_column, w);
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
    w->columns = ARENA_ARRAY(&w->arena, int16_t, n + 1);
    w->in_series = ARENA_ARRAY(&w->arena, bool, n + 1);
    w->target_count = n;
    w->time_target = -1;
    for (size_t i = 0; i < n; i++) {
        const ColumnDef *c = &w->table->columns[targets[i]];
        w->targets[i] = (Target){.col = c, .type = type_find(c->type_oid), .index = targets[i]};
        must(w->targets[i].type != NULL);
        w->columns[i] = targets[i];
        if (c->kind == COL_TIME)
            w->time_target = (int)i;
    }
    find_tags(w);
    w->batch = wb_new();
    w->check = row_check_new(s, w->table);
    w->has_checks = table_has_checks(w->table);
    w->full = ARENA_ARRAY(&w->arena, Value, w->table->column_count + 1u);
    buf_init(&w->key);
    buf_init(&w->text);
    return w;
}

void row_writer_keep(RowWriter *w, const int16_t *columns, size_t n)
{
    w->kept = columns;
    w->kept_count = n;
}

void row_writer_leave(RowWriter *w, const int16_t *columns, size_t n)
{
    w->old = columns;
    w->old_count = n;
}

static void add_key(RowWriter *w, const ConstraintDef *def, KeyPolicy policy)
{
    UniqueKey *k = &w->keys[w->key_count++];
    bool series = w->table->kind == TABLE_SERIES;
    *k = (UniqueKey){.def = def,
                     .columns = series ? NULL : def->columns,
                     .count = series ? 0 : def->column_count,
                     .policy = policy,
                     .pending = ARENA_ARRAY(&w->arena, WriterKey, BATCH_ROWS),
                     .leaving = ARENA_ARRAY(&w->arena, WriterKey, BATCH_ROWS),
                     .stored = ARENA_ARRAY(&w->arena, bool, BATCH_ROWS)};
    k->check = key_check_new(w->session, w->table, k->columns, k->count, policy);
}

void row_writer_check_keys(RowWriter *w, KeyPolicy policy, ObjectId arbiter)
{
    const TableDef *t = w->table;
    w->keys = ARENA_ARRAY(&w->arena, UniqueKey, t->constraint_count + 1u);
    for (size_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *def = &t->constraints[i];
        /* Those of a series table are all the same: tags and time. */
        if (!constraint_is_unique(def) || (t->kind == TABLE_SERIES && w->key_count))
            continue;
        bool other = arbiter && arbiter != def->id && t->kind != TABLE_SERIES;
        add_key(w, def, other ? KEYS_FREE : policy);
    }
    if (w->key_count == 0 && t->kind == TABLE_SERIES)
        add_key(w, NULL, policy);
    arena_init(&w->pending_arena, &w->session->db->query_pool);
    w->pending = ARENA_ARRAY(&w->arena, Value *, BATCH_ROWS);
    w->pending_input = ARENA_ARRAY(&w->arena, uint64_t, BATCH_ROWS);
    w->took = ARENA_ARRAY(&w->arena, bool, BATCH_ROWS);
}

static WriteBatch **held_batches(const RowWriter *w)
{
    return (WriteBatch **)(void *)w->held.ptr;
}

void row_writer_free(RowWriter *w)
{
    if (!w)
        return;
    if (w->batch)
        wb_free(w->batch);
    for (size_t i = 0; i < w->held.len / sizeof(WriteBatch *); i++)
        wb_free(held_batches(w)[i]);
    budget_charge(&w->session->db->query_pool, -w->held_bytes);
    buf_free(&w->held);
    buf_free(&w->key);
    buf_free(&w->text);
    for (size_t i = 0; i < w->key_count; i++)
        key_check_free(w->keys[i].check);
    if (w->sample)
        arena_free(&w->sample_arena);
    if (w->keys)
        arena_free(&w->pending_arena);
    row_check_free(w->check);
    arena_free(&w->arena);
    mem_free(w);
}

size_t row_writer_rows(const RowWriter *w)
{
    return w->rows;
}

static void fill_row(RowWriter *w, const Value *row)
{
    for (size_t i = 0; i < w->table->column_count; i++)
        w->full[i] = value_null();
    for (size_t i = 0; i < w->kept_count; i++)
        w->full[w->kept[i]] = row[w->target_count + i];
    for (size_t i = 0; i < w->target_count; i++)
        w->full[w->targets[i].index] = row[i];
}

static bool not_null(RowWriter *w, const ColumnDef *c, const Value *row, Err *e)
{
    fill_row(w, row);
    return row_check_null(w->check, c, w->full, e);
}

/* A NOT NULL column that is not among the targets has no value at all. */
static bool misses_column(const RowWriter *w)
{
    for (size_t i = 0; i < w->table->column_count; i++) {
        const ColumnDef *c = &w->table->columns[i];
        if (c->dropped || (!c->not_null && c->kind != COL_TIME) ||
            (w->moving && c->kind == COL_TIME))
            continue;
        bool found = false;
        for (size_t k = 0; k < w->target_count && !found; k++)
            found = w->targets[k].col == c;
        if (!found)
            return true;
    }
    return false;
}

/* A number that no other row has: the hidden time in ordinary tables. */
static int64_t next_id(RowWriter *w)
{
    if (w->ids_left == 0) { /* a few at first: most statements write few rows */
        w->ids_taken = w->ids_taken ? w->ids_taken * 8 : 1;
        if (w->ids_taken > BATCH_ROWS)
            w->ids_taken = BATCH_ROWS;
        w->ids_left = w->ids_taken;
        w->next_id = engine_row_ids(w->session->db->engine, w->ids_left);
    }
    w->ids_left--;
    return w->next_id++;
}

static bool row_time(RowWriter *w, const Value *row, int64_t *ns, Err *e)
{
    if (w->table->kind == TABLE_ORDINARY) {
        *ns = next_id(w);
        return true;
    }
    if (w->moving && w->time_target < 0) {
        *ns = w->moved_from.time_ns;
        return true;
    }
    must(w->time_target >= 0);
    const Value *v = &row[w->time_target];
    const ColumnDef *c = w->targets[w->time_target].col;
    if (v->null)
        return not_null(w, c, row, e);
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
    TypeEnv env = type_stored_env(&w->session->env);
    w->text.len = 0;
    t->type->out(&env, v, &w->text);
    return buf_slice(&w->text);
}

/* Canonical bytes of the row's tags; the same tags as in the row before cost one comparison. */
static bool build_key(RowWriter *w, const Value *row, Err *e)
{
    w->key.len = 0;
    w->clustered = false;
    for (size_t i = 0; i < w->tag_count; i++) {
        const Target *t = &w->targets[w->tag_order[i]];
        const Value *v = &row[w->tag_order[i]];
        w->in_series[w->tag_order[i]] = false;
        if (v->null)
            continue;
        Slice text = t->type->category == 'S' ? v->u.str : text_of(w, t, v);
        if (text.len == 0 && t->col->not_null && t->col->kind == COL_TAG)
            return not_null(w, t->col, row, e) ||
                   err_hint(e, "an empty text in a tag is NULL: the series has no such label");
        if (text.len == 0)
            continue; /* '' in a tag is NULL: an absent label; in other columns it stays a field */
        w->in_series[w->tag_order[i]] = true;
        w->clustered |= t->col->kind == COL_FIELD;
        buf_put_u16(&w->key, t->col->id);
        buf_put_str(&w->key, text);
    }
    return true;
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

static bool find_series(RowWriter *w, SeriesId *series, bool *too_many, Err *e)
{
    SeriesIndex *idx = engine_index(w->session->db->engine);
    Hash128 h = idx_raw_hash(idx, w->table->id, buf_slice(&w->key));
    *too_many = false;
    if (session_is_temp(w->session, w->table)) {
        *series = TEMP_SERIES;
        return true;
    }
    if (w->last_series && h.lo == w->last_hash.lo && h.hi == w->last_hash.hi) {
        *series = w->last_series;
        return true;
    }
    idx_find_raw(idx, &h, series, 1);
    if (!*series) {
        bool made;
        size_t n = key_tags(w);
        *too_many = w->clustered && idx_series_count(idx, w->table->id) >= CLUSTER_SERIES_MAX;
        if (*too_many)
            return true;
        if (!idx_intern(idx, w->table->id, w->tags, n, &h, series, &made, e))
            return false;
    }
    w->last_series = *series;
    w->last_hash = h;
    return true;
}

/* Nothing of the row stands in its series but what is a tag by the table's definition. */
static void leave_key(RowWriter *w)
{
    Buf kept;
    size_t n = key_tags(w);
    buf_init(&kept);
    for (size_t i = 0; i < n; i++) {
        if (table_column_by_id(w->table, w->tags[i].column)->kind != COL_TAG)
            continue;
        buf_put_u16(&kept, w->tags[i].column);
        buf_put_str(&kept, w->tags[i].value);
    }
    for (size_t i = 0; i < w->tag_count; i++)
        if (w->targets[w->tag_order[i]].col->kind != COL_TAG)
            w->in_series[w->tag_order[i]] = false;
    w->clustered = false;
    buf_free(&w->key);
    w->key = kept;
}

static bool row_series(RowWriter *w, const Value *row, SeriesId *series, Err *e)
{
    bool too_many;
    if (!build_key(w, row, e) || !find_series(w, series, &too_many, e))
        return false;
    if (!too_many)
        return true;
    leave_key(w);
    return find_series(w, series, &too_many, e);
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

static bool needs_value(const RowWriter *w, const ColumnDef *c, const Value *row)
{
    if (c->dropped || (!c->not_null && c->kind != COL_TIME))
        return false;
    for (size_t k = 0; k < w->target_count; k++)
        if (w->targets[k].col == c)
            return row[k].null;
    return w->whole && !(w->moving && c->kind == COL_TIME);
}

/* Of several the first column of the table is named. */
static bool null_found(RowWriter *w, const Value *row, Err *e)
{
    const ColumnDef *c = w->table->columns;
    while (!needs_value(w, c, row))
        c++;
    return not_null(w, c, row, e);
}

static bool check_not_null(RowWriter *w, const Value *row, Err *e)
{
    for (size_t i = 0; i < w->target_count; i++)
        if (row[i].null && w->targets[i].col->not_null)
            return null_found(w, row, e);
    return true;
}

static bool check_row(RowWriter *w, const Value *row, Err *e)
{
    if (!check_not_null(w, row, e))
        return false;
    if (!w->has_checks)
        return true;
    fill_row(w, row);
    return row_check(w->check, w->full, e);
}

static void put_fields(RowWriter *w, const Value *row)
{
    for (size_t i = 0; i < w->target_count; i++)
        if (w->targets[i].col->kind == COL_FIELD && !w->in_series[i])
            put_field(w, &w->targets[i], &row[i]);
}

/* Tells rows with the same key apart where all of them are kept. */
static void put_number(RowWriter *w, int64_t number)
{
    if (w->table->duplicates == DUP_KEEP)
        wb_i64(w->batch, COLUMN_ROW, number);
}

static void put_row(RowWriter *w, const Value *row, const WriterKey *key)
{
    wb_row(w->batch, w->table->id, key->series, key->time_ns);
    if (w->table->duplicates == DUP_KEEP)
        put_number(w, next_id(w));
    put_fields(w, row);
    wb_row_end(w->batch);
}

/* ---- keys ---- */

/* What tells the rows of the table apart: series and time, in ordinary tables a hash of the columns. */
static void row_key(RowWriter *w, const UniqueKey *k, const Value *row, bool old, WriterKey *key)
{
    if (w->table->kind == TABLE_SERIES) {
        key->hash = (Hash128){key->series, (uint64_t)key->time_ns};
        return;
    }
    fill_row(w, row);
    for (size_t i = 0; old && i < w->old_count; i++)
        w->full[w->old[i]] = row[w->target_count + w->kept_count + i];
    w->key.len = 0;
    for (size_t i = 0; i < k->count; i++) {
        const ColumnDef *c = &w->table->columns[k->columns[i]];
        const Value *v = &w->full[k->columns[i]];
        const Target t = {.col = c, .type = type_find(c->type_oid)};
        key->null |= v->null;
        switch (v->null ? PH_BOOL : v->phys) {
        case PH_I64:
            key_put_i64(&w->key, v->u.i64);
            break;
        case PH_F64:
            key_put_f64(&w->key, v->u.f64);
            break;
        case PH_BOOL:
            key_put_i64(&w->key, v->u.b);
            break;
        case PH_STR:
            key_put_str(&w->key, c->type_oid, v->u.str);
            break;
        default:
            key_put_str(&w->key, c->type_oid, text_of(w, &t, v));
        }
    }
    key->hash = key_hash(k->check, buf_slice(&w->key));
}

/* 23505 as PostgreSQL says it: Key (a, b)=(1, x) already exists. */
static bool duplicate_key(RowWriter *w, const UniqueKey *k, const Value *row, Err *e)
{
    Buf names, values;
    buf_init(&names);
    buf_init(&values);
    fill_row(w, row);
    for (size_t i = 0; i < k->def->column_count; i++) {
        const ColumnDef *c = &w->table->columns[k->def->columns[i]];
        const Target t = {.col = c, .type = type_find(c->type_oid)};
        const Value *v = &w->full[k->def->columns[i]];
        buf_printf(&names, "%s%.*s", i ? ", " : "", SLICE_ARG(c->name));
        buf_puts(&values, i ? ", " : "");
        buf_put_slice(&values, v->null ? SLICE_LIT("null") : text_of(w, &t, v));
    }
    err_set(e, ERR_UNIQUE, "duplicate key value violates unique constraint \"%.*s\"",
            SLICE_ARG(k->def->name));
    err_detail(e, "Key (%.*s)=(%.*s) already exists.", SLICE_ARG(buf_slice(&names)),
               SLICE_ARG(buf_slice(&values)));
    err_name(e, ERR_NAME_CONSTRAINT, k->def->name);
    buf_free(&names);
    buf_free(&values);
    return row_error_table(w->session, w->table, e);
}

static bool twice(Err *e)
{
    err_set(e, ERR_CARDINALITY, "ON CONFLICT DO UPDATE command cannot affect row a second time");
    return err_hint(e, "Ensure that no rows proposed for insertion within the same command have "
                       "duplicate constrained values.");
}

/* A row behind row i, which moves as well but later, still has this key. */
static bool still_there(const RowWriter *w, const UniqueKey *u, size_t i, size_t n)
{
    const Hash128 *key = &u->pending[i].hash;
    for (size_t j = i + 1; w->moving && j < n; j++)
        if (u->leaving[j].hash.lo == key->lo && u->leaving[j].hash.hi == key->hi &&
            !u->leaving[j].null)
            return true;
    return false;
}

/* One row of n: left out, refused, or its keys are taken. */
static bool settle(RowWriter *w, size_t i, size_t n, Err *e)
{
    w->took[i] = true;
    for (int skips = 1; skips >= 0; skips--) /* what ON CONFLICT names is asked first */
        for (size_t k = 0; k < w->key_count && w->took[i]; k++) {
            const UniqueKey *u = &w->keys[k];
            if ((u->policy != KEYS_FREE) != skips || u->pending[i].null)
                continue;
            bool repeated = key_check_seen(u->check, u->pending[i].hash);
            if (!repeated && !u->stored[i] && !still_there(w, u, i, n))
                continue;
            if (u->policy == KEYS_ONCE)
                return twice(e);
            w->refused = w->pending_input[i];
            if (u->policy == KEYS_FREE)
                return duplicate_key(w, u, w->pending[i], e);
            w->took[i] = false;
        }
    for (size_t k = 0; k < w->key_count && w->took[i]; k++)
        if (!w->keys[k].pending[i].null)
            key_check_take(w->keys[k].check, w->keys[k].pending[i].hash);
    return true;
}

bool row_writer_drain(RowWriter *w, bool last, Err *e)
{
    size_t n = w->pending_count;
    w->pending_count = 0;
    if (!w->keys)
        return true;
    for (size_t k = 0; k < w->key_count; k++)
        if (!key_check_batch(w->keys[k].check, w->keys[k].pending, n, last, w->keys[k].stored, e))
            return false;
    for (size_t i = 0; i < n; i++) {
        if (!settle(w, i, n, e))
            return false;
        if (w->took[i])
            put_row(w, w->pending[i], &w->keys[0].pending[i]);
    }
    arena_reset(&w->pending_arena);
    return true;
}

void row_writer_input(RowWriter *w, uint64_t number)
{
    w->input = number;
}

uint64_t row_writer_refused(const RowWriter *w)
{
    return w->refused;
}

bool row_writer_took(const RowWriter *w, size_t i)
{
    return !w->keys || w->took[i];
}

static bool add_pending(RowWriter *w, const Value *row, const WriterKey *at, Err *e)
{
    if (w->pending_count == BATCH_ROWS && !row_writer_drain(w, false, e))
        return false;
    Value *copy = ARENA_ARRAY(&w->pending_arena, Value, w->target_count + w->kept_count + 1);
    for (size_t i = 0; i < w->target_count + w->kept_count; i++)
        copy[i] = value_copy(&w->pending_arena, &row[i]);
    for (size_t k = 0; k < w->key_count; k++) {
        WriterKey *key = &w->keys[k].pending[w->pending_count];
        *key = *at;
        row_key(w, &w->keys[k], row, false, key);
        key = &w->keys[k].leaving[w->pending_count];
        *key = (WriterKey){.series = w->moved_from.series, .time_ns = w->moved_from.time_ns};
        if (w->moving)
            row_key(w, &w->keys[k], row, true, key);
    }
    w->pending_input[w->pending_count] = w->input;
    w->pending[w->pending_count++] = copy;
    return true;
}

/* ---- rows ---- */

static bool write_row(RowWriter *w, const Value *row, int64_t time_ns, Err *e)
{
    WriterKey key = {.time_ns = time_ns};
    if (!row_series(w, row, &key.series, e))
        return false;
    if (w->keys)
        return add_pending(w, row, &key, e);
    put_row(w, row, &key);
    return true;
}

/* ---- the first rows of a table say what its clustering key is ---- */

static void refresh_key(RowWriter *w)
{
    cluster_refresh(w->session, w->table);
    find_tags(w);
}

static void sample_begin(RowWriter *w)
{
    SeriesIndex *idx = engine_index(w->session->db->engine);
    if (!cluster_possible(w->table) || w->moving || w->keys || w->time_target < 0)
        return;
    refresh_key(w); /* another session may have chosen it since this statement began */
    if (!cluster_possible(w->table) || idx_series_count(idx, w->table->id) > 1)
        return;
    arena_init(&w->sample_arena, &w->session->db->query_pool);
    w->sample_cap = 16;
    w->sample = ARENA_ARRAY(&w->sample_arena, Value *, w->sample_cap);
}

static void sample_row(RowWriter *w, const Value *row)
{
    Value *copy = ARENA_ARRAY(&w->sample_arena, Value, w->target_count + w->kept_count + 1);
    for (size_t i = 0; i < w->target_count + w->kept_count; i++)
        copy[i] = value_copy(&w->sample_arena, &row[i]);
    if (w->sample_count == w->sample_cap) {
        Value **grown = ARENA_ARRAY(&w->sample_arena, Value *, w->sample_cap * 2);
        memcpy(grown, w->sample, w->sample_cap * sizeof *grown);
        w->sample = grown;
        w->sample_cap *= 2;
    }
    w->sample[w->sample_count++] = copy;
}

static bool sample_end(RowWriter *w, Err *e)
{
    size_t key[CLUSTER_COLUMNS_MAX], count = w->sample_count;
    int16_t columns[CLUSTER_COLUMNS_MAX];
    Value **rows = w->sample;
    bool ok = true;
    if (!rows)
        return true;
    w->sample = NULL;
    size_t n = cluster_choose(w->table, w->columns, w->target_count, rows, count, key);
    for (size_t i = 0; i < n; i++)
        columns[i] = w->columns[key[i]];
    if (n > 0)
        cluster_set_key(w->session, w->table, columns, n);
    refresh_key(w);
    for (size_t i = 0; ok && i < count; i++) {
        int64_t time_ns;
        ok = row_time(w, rows[i], &time_ns, e) && write_row(w, rows[i], time_ns, e);
    }
    arena_free(&w->sample_arena);
    return ok;
}

bool row_writer_allows(RowWriter *w, const Value *row, Err *e)
{
    w->whole = true;
    if (!w->complete && misses_column(w))
        return null_found(w, row, e);
    w->complete = true;
    return check_row(w, row, e);
}

bool row_writer_add(RowWriter *w, const Value *row, Err *e)
{
    int64_t time_ns;
    if (!row_writer_allows(w, row, e) || !row_time(w, row, &time_ns, e))
        return false;
    if (w->rows++ == 0)
        sample_begin(w);
    if (!w->sample)
        return write_row(w, row, time_ns, e);
    sample_row(w, row);
    return w->sample_count < CLUSTER_SAMPLE_ROWS || sample_end(w, e);
}

bool row_writer_update(RowWriter *w, const RowAddress *at, const Value *row, Err *e)
{
    if (!check_row(w, row, e))
        return false;
    wb_row(w->batch, w->table->id, at->series, at->time_ns);
    put_number(w, at->number);
    put_fields(w, row);
    wb_row_end(w->batch);
    w->rows++;
    return true;
}

bool row_writer_once(RowWriter *w, const Value *row, Err *e)
{
    for (size_t k = 0; k < w->key_count; k++) {
        const UniqueKey *u = &w->keys[k];
        WriterKey key = {0};
        if (u->policy != KEYS_ONCE)
            continue;
        if (!row_time(w, row, &key.time_ns, e) || !row_series(w, row, &key.series, e))
            return false;
        row_key(w, u, row, false, &key);
        if (!key_check_take(u->check, key.hash))
            return twice(e);
    }
    return true;
}

bool row_writer_move(RowWriter *w, const RowAddress *from, const Value *row, Err *e)
{
    w->moving = true;
    w->moved_from = *from;
    return row_writer_add(w, row, e);
}

void row_writer_delete(RowWriter *w, const RowAddress *at)
{
    wb_row(w->batch, w->table->id, at->series, at->time_ns);
    put_number(w, at->number);
    wb_delete(w->batch);
    wb_row_end(w->batch);
    w->rows++;
}

bool row_writer_full(const RowWriter *w)
{
    return wb_rows(w->batch) >= WRITER_ROWS || wb_bytes(w->batch) >= WRITER_BYTES;
}

bool row_writer_hold(RowWriter *w, Err *e)
{
    Budget *pool = &w->session->db->query_pool;
    int64_t bytes = (int64_t)wb_bytes(w->batch);
    budget_charge(pool, bytes);
    w->held_bytes += bytes;
    buf_put(&w->held, &w->batch, sizeof w->batch);
    w->batch = wb_new();
    return budget_check(pool, e);
}

static bool write_held(RowWriter *w, Txn *t, Err *e)
{
    size_t n = w->held.len / sizeof(WriteBatch *), i = 0;
    bool ok = true;
    for (; ok && i < n; i++)
        ok = txn_write(t, held_batches(w)[i], e);
    for (; i < n; i++)
        wb_free(held_batches(w)[i]);
    w->held.len = 0;
    return ok;
}

bool row_writer_flush(RowWriter *w, Txn *t, Err *e)
{
    if (!sample_end(w, e) || !write_held(w, t, e))
        return false;
    if (wb_rows(w->batch) == 0)
        return true;
    WriteBatch *full = w->batch;
    w->batch = wb_new();
    if (!txn_write(t, full, e))
        return false;
    for (size_t k = 0; k < w->key_count; k++)
        key_check_written(w->keys[k].check);
    return true;
}
