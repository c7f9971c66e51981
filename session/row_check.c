/* session/row_check.c - NOT NULL and CHECK of new rows, and what is said of a row that is refused.
 *
 * Asked by row_writer.c.  A row is its values by column of the table, dropped ones included. */
#include "session/session_private.h"
#include <stdlib.h>

typedef struct Check {
    const ConstraintDef *def;
    Expr *expr;
} Check;

struct RowCheck {
    Session *session;
    const TableDef *table;
    Arena arena, scratch;
    Check *checks; /* in the order of their names, as PostgreSQL looks at them */
    size_t count;
    Batch batch; /* of one row: the columns that the checks read */
    size_t *used;
    size_t used_count;
    bool ready;
};

bool table_has_checks(const TableDef *t)
{
    for (size_t i = 0; i < t->constraint_count; i++)
        if (t->constraints[i].type == CONSTRAINT_CHECK)
            return true;
    return false;
}

RowCheck *row_check_new(Session *s, const TableDef *t)
{
    RowCheck *k = MEM_NEW(RowCheck);
    k->session = s;
    k->table = t;
    arena_init(&k->arena, &s->db->query_pool);
    arena_init(&k->scratch, &s->db->query_pool);
    return k;
}

void row_check_free(RowCheck *k)
{
    if (!k)
        return;
    arena_free(&k->arena);
    arena_free(&k->scratch);
    mem_free(k);
}

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const Check *)a)->def->name, ((const Check *)b)->def->name);
}

static void note_column(void *arg, Expr *x)
{
    RowCheck *k = arg;
    if (x->kind != EXPR_COLUMN)
        return;
    for (size_t i = 0; i < k->used_count; i++)
        if (k->used[i] == x->index)
            return;
    k->used[k->used_count++] = x->index;
}

static bool prepare(RowCheck *k, Err *e)
{
    const TableDef *t = k->table;
    EvalCtx fold;
    session_eval_ctx(k->session, &fold);
    fold.arena = fold.scratch = &k->arena;
    CatalogSnap *cat = session_catalog(k->session);
    SqlEnv env = session_sql_env(k->session, cat, &fold);
    k->checks = ARENA_ARRAY(&k->arena, Check, t->constraint_count + 1u);
    k->used = ARENA_ARRAY(&k->arena, size_t, t->column_count + 1u);
    bool ok = true;
    for (size_t i = 0; ok && i < t->constraint_count; i++) {
        Check *c = &k->checks[k->count];
        c->def = &t->constraints[i];
        if (c->def->type != CONSTRAINT_CHECK)
            continue;
        ok = sql_expression(&env, &k->arena, c->def->text, t, T_BOOL, &c->expr, e) ||
             err_wrap(e, "check constraint \"%.*s\"", SLICE_ARG(c->def->name));
        if (ok)
            expr_walk(c->expr, note_column, k);
        k->count++;
    }
    cat_unref(cat);
    qsort(k->checks, k->count, sizeof *k->checks, by_name);
    k->batch = (Batch){.rows = 1,
                       .col_count = t->column_count,
                       .cols = ARENA_ARRAY(&k->arena, Vector, t->column_count + 1u)};
    k->ready = ok;
    return ok;
}

/* ---- messages ---- */

static bool about(const RowCheck *k, ErrName which, Slice name, Err *e)
{
    err_name(e, which, name);
    return row_error_table(k->session, k->table, e);
}

bool row_error_table(Session *s, const TableDef *t, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *d = cat_schema_by_id(cat, t->schema);
    if (d)
        err_name(e, ERR_NAME_SCHEMA, d->name);
    cat_unref(cat);
    return err_name(e, ERR_NAME_TABLE, t->name);
}

/* DETAIL of a refused new row, as PostgreSQL shows it: long values are cut. */
static bool failing_row(RowCheck *k, const Value *row, Err *e)
{
    enum { SHOWN_MAX = 64 };
    Buf b, text;
    buf_init(&b);
    buf_init(&text);
    for (size_t c = 0; c < k->table->column_count; c++) {
        const ColumnDef *col = &k->table->columns[c];
        if (col->dropped)
            continue;
        buf_clear(&text);
        if (row[c].null)
            buf_puts(&text, "null");
        else
            type_find(col->type_oid)->out(&k->session->env, &row[c], &text);
        Slice shown = buf_slice(&text);
        bool cut = shown.len > SHOWN_MAX;
        shown.len = cut ? SHOWN_MAX : shown.len;
        while (cut && shown.len && ((unsigned char)shown.ptr[shown.len] & 0xc0) == 0x80)
            shown.len--; /* not inside a character */
        buf_printf(&b, "%s%.*s%s", b.len ? ", " : "", SLICE_ARG(shown), cut ? "..." : "");
    }
    err_detail(e, "Failing row contains (%.*s).", SLICE_ARG(buf_slice(&b)));
    buf_free(&b);
    buf_free(&text);
    return false;
}

bool row_check_null(RowCheck *k, const ColumnDef *c, const Value *row, Err *e)
{
    err_set(e, ERR_NOT_NULL,
            "null value in column \"%.*s\" of relation \"%.*s\" violates not-null constraint",
            SLICE_ARG(c->name), SLICE_ARG(k->table->name));
    failing_row(k, row, e);
    return about(k, ERR_NAME_COLUMN, c->name, e);
}

/* ---- CHECK ---- */

bool row_check(RowCheck *k, const Value *row, Err *e)
{
    EvalCtx ctx;
    if (!k->ready && !prepare(k, e))
        return false;
    arena_reset(&k->scratch);
    session_eval_ctx(k->session, &ctx);
    ctx.arena = ctx.scratch = &k->scratch;
    for (size_t i = 0; i < k->used_count; i++) {
        size_t c = k->used[i];
        vec_init_flat(&k->batch.cols[c], k->table->columns[c].type_oid, 1, &k->scratch);
        memset(k->batch.cols[c].v.any, 0, phys_size(k->batch.cols[c].phys));
        vec_set(&k->batch.cols[c], 0, &row[c], 1, &k->scratch);
    }
    for (size_t i = 0; i < k->count; i++) {
        Vector result;
        if (!expr_eval(&ctx, k->checks[i].expr, &k->batch, &result, e))
            return false;
        Value v = vec_get(&result, 0);
        if (v.null || v.u.b)
            continue;
        const ConstraintDef *def = k->checks[i].def;
        err_set(e, ERR_CHECK, "new row for relation \"%.*s\" violates check constraint \"%.*s\"",
                SLICE_ARG(k->table->name), SLICE_ARG(def->name));
        failing_row(k, row, e);
        return about(k, ERR_NAME_CONSTRAINT, def->name, e);
    }
    return true;
}
