/* session/hypertable.c - TimescaleDB's calls that define a table: an ALTER TABLE, and then its answer.
 *
 * "Created" says whether there was something to make: a table that has rows by its time already is one. */
#include "exec/array.h"
#include "session/session_private.h"

/* ---- the columns of the answer ---- */

static const OutColumn columns[] = {
    {.name = {"hypertable_id", 13}, .type = T_INT4, .typmod = -1},
    {.name = {"schema_name", 11}, .type = T_NAME, .typmod = -1},
    {.name = {"table_name", 10}, .type = T_NAME, .typmod = -1},
    {.name = {"created", 7}, .type = T_BOOL, .typmod = -1},
};

static bool shown(const Bound *b, size_t column)
{
    return b->u.alter.answer == HYPERTABLE_LONG ||
           (b->u.alter.answer == HYPERTABLE_SHORT && (column == 0 || column == 3));
}

static bool is_void(const Bound *b)
{
    return b->u.alter.answer == HYPERTABLE_VOID || b->u.alter.answer == RETENTION_REMOVED ||
           b->u.alter.answer == VIEW_POLICY_REMOVED;
}

static bool gives_job(const Bound *b)
{
    return b->u.alter.answer == RETENTION_ADDED || b->u.alter.answer == VIEW_POLICY_ADDED;
}

const OutColumn *hypertable_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    OutColumn *out = ARENA_ARRAY(a, OutColumn, ARRAY_LEN(columns));
    (void)s;
    *count = 0;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (shown(b, i) && !b->u.alter.as_row)
            out[(*count)++] = columns[i];
    if (*count == 0) {
        TypeId type = gives_job(b)                          ? T_INT4
                      : b->u.alter.answer == CHUNKS_DROPPED ? T_TEXT
                      : is_void(b)                          ? T_VOID
                                                            : T_RECORD;
        out[(*count)++] = (OutColumn){.name = b->u.alter.call, .type = type, .typmod = -1};
    }
    return out;
}

/* ---- the answer ---- */

static bool answer(Portal *p, bool created, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t = session_find_table(p->session, cat, &b->u.alter.name);
    Value all[] = {value_i64((int32_t)t->id),
                   value_str(arena_slice(&p->arena, cat_schema_by_id(cat, t->schema)->name)),
                   value_str(arena_slice(&p->arena, t->name)), value_bool(created)};
    Value row[ARRAY_LEN(columns)], fields[ARRAY_LEN(columns) * RECORD_ITEMS];
    size_t n = 0;
    cat_unref(cat);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (!shown(b, i))
            continue;
        fields[n * RECORD_ITEMS + RECORD_TYPE] = value_i64(columns[i].type);
        fields[n * RECORD_ITEMS + RECORD_NAME] = value_str(columns[i].name);
        fields[n * RECORD_ITEMS + RECORD_VALUE] = row[n] = all[i];
        n++;
    }
    int kind = b->u.alter.answer == RETENTION_ADDED ? JOB_TTL : JOB_VIEW;
    if (gives_job(b))
        row[0] = value_i64(created ? job_id_of(t->id, kind) : -1);
    else if (is_void(b))
        row[0] = value_str(SLICE_NONE);
    else if (b->u.alter.as_row)
        row[0] = value_array(array_new(&p->arena, T_RECORD, fields, n * RECORD_ITEMS));
    rows_begin(p, p->cols, p->col_count);
    return rows_add(p, row, e);
}

/* A table that was made a hypertable by its CREATE or by its rows is one, and may be told so once. */
static bool already(Portal *p, bool *known, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t = session_find_table(p->session, cat, &b->u.alter.name);
    bool makes = b->u.alter.answer == HYPERTABLE_SHORT || b->u.alter.answer == HYPERTABLE_LONG;
    bool told = t && makes && kept_option(t, SLICE_LIT("tsdb.hypertable")).ptr;
    bool done = told || (t && makes && t->kind == TABLE_SERIES && ddl_has_rows(p->session, t->id));
    cat_unref(cat);
    *known = done;
    if (told && !b->u.alter.if_not_exists)
        return err_set(e, ERR_DUPLICATE_OBJECT, "table \"%.*s\" is already a hypertable",
                       SLICE_ARG(b->u.alter.name.name));
    if (done && b->u.alter.if_not_exists)
        session_notice(p->session, "NOTICE", ERR_OK,
                       "table \"%.*s\" is already a hypertable, skipping",
                       SLICE_ARG(b->u.alter.name.name));
    return true;
}

enum { CREATED = 100, KNOWN, ANSWERED };

RunStatus hypertable_run(Portal *p, Batch **out, Err *e)
{
    if (p->hypertable_step == ANSWERED)
        return rows_send(p, p->max_rows, out, e);
    bool nothing = false;
    if (p->bound->u.alter.answer == CHUNKS_DROPPED) {
        RunStatus dropped = chunks_drop(p, e);
        p->hypertable_step = dropped == RUN_DONE ? ANSWERED : p->hypertable_step;
        return dropped == RUN_DONE ? rows_send(p, p->max_rows, out, e) : dropped;
    }
    if (!retention_policy_there(p, &nothing, e))
        return RUN_FAIL;
    bool known = nothing;
    if (p->hypertable_step == 0 && !nothing && !already(p, &known, e))
        return RUN_FAIL;
    if (p->hypertable_step == 0)
        p->hypertable_step = known ? KNOWN : CREATED;
    RunStatus st = nothing ? RUN_DONE : run_alter(p, out, e);
    if (st != RUN_DONE)
        return st;
    if (!answer(p, p->hypertable_step == CREATED, e))
        return RUN_FAIL;
    p->hypertable_step = ANSWERED;
    return rows_send(p, p->max_rows, out, e);
}
