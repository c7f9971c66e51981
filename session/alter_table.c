/* session/alter_table.c - ALTER TABLE.
 *
 * All actions are worked into one new definition.  Where rows must change (a new column with a
 * DEFAULT, another type) an UPDATE runs over an interim definition, which has the new columns beside
 * the old ones; what the rows must fulfil is asked by queries under the final one.  Both are
 * statements of their own (p->inner) within this one: an error undoes all. */
#include "exec/func_text.h"
#include "exec/tiers.h"
#include "session/session_private.h"
#include <stdio.h>

typedef struct Retype { /* a column that gets new values under a new id */
    struct Retype *next;
    size_t index;
    ColumnDef to;
} Retype;

typedef struct Question { /* no row may come: then it is this error */
    struct Question *next;
    Slice sql;
    ErrCode code;
    Slice message, keys; /* keys: names of the columns that come, for DETAIL */
    Slice column, constraint;
} Question;

struct AlterRun {
    CatalogSnap *before;
    const TableDef *old;
    const SchemaDef *schema;
    TableDef *t; /* becomes the final definition */
    Buf set;     /* SET list of the UPDATE */
    Retype *retypes;
    Question *questions, **questions_end;
    uint32_t version; /* of the definition that was put last */
    int stage;
};

typedef struct AlterRun Alter;

/* ---- tools ---- */

static ColumnDef *need_column(TableDef *t, Slice name, Err *e)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped && slice_eq(t->columns[i].name, name))
            return &t->columns[i];
    err_set(e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" of relation \"%.*s\" does not exist",
            SLICE_ARG(name), SLICE_ARG(t->name));
    return NULL;
}

static Slice quoted(Portal *p, Slice name)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, name);
    Slice out = arena_slice(&p->arena, buf_slice(&b));
    buf_free(&b);
    return out;
}

static Slice full_name(Portal *p, const Alter *a)
{
    Slice schema = quoted(p, a->schema->name), name = quoted(p, a->t->name);
    return arena_printf(&p->arena, "%.*s.%.*s", SLICE_ARG(schema), SLICE_ARG(name));
}

static Question *ask(Portal *p, Alter *a, ErrCode code, Slice sql, Slice message)
{
    Question *q = ARENA_NEW(&p->arena, Question);
    *q = (Question){.sql = sql, .code = code, .message = message};
    *a->questions_end = q;
    a->questions_end = &q->next;
    return q;
}

static void ask_not_null(Portal *p, Alter *a, const ColumnDef *c)
{
    Arena *m = &p->arena;
    Slice name = quoted(p, c->name), table = full_name(p, a);
    Question *q = ask(p, a, ERR_NOT_NULL,
                      arena_printf(m, "SELECT 1 FROM %.*s WHERE %.*s IS NULL LIMIT 1",
                                   SLICE_ARG(table), SLICE_ARG(name)),
                      arena_printf(m, "column \"%.*s\" of relation \"%.*s\" contains null values",
                                   SLICE_ARG(c->name), SLICE_ARG(a->t->name)));
    q->column = c->name;
}

static void ask_unique(Portal *p, Alter *a, const ConstraintDef *c)
{
    Arena *m = &p->arena;
    Slice shown = SLICE_LIT(""), group = shown, where = shown, names = shown;
    for (size_t i = 0; i < c->column_count; i++) {
        Slice plain = a->t->columns[c->columns[i]].name, name = quoted(p, plain);
        const char *comma = i ? ", " : "";
        shown = arena_printf(m, "%.*s%s%.*s::text", SLICE_ARG(shown), comma, SLICE_ARG(name));
        group = arena_printf(m, "%.*s%s%.*s", SLICE_ARG(group), comma, SLICE_ARG(name));
        names = arena_printf(m, "%.*s%s%.*s", SLICE_ARG(names), comma, SLICE_ARG(plain));
        where = arena_printf(m, "%.*s%s%.*s IS NOT NULL", SLICE_ARG(where), i ? " AND " : "",
                             SLICE_ARG(name));
    }
    Slice table = full_name(p, a);
    Question *q =
        ask(p, a, ERR_UNIQUE,
            arena_printf(m,
                         "SELECT %.*s FROM %.*s WHERE %.*s GROUP BY %.*s "
                         "HAVING count(*) > 1 LIMIT 1",
                         SLICE_ARG(shown), SLICE_ARG(table), SLICE_ARG(where), SLICE_ARG(group)),
            arena_printf(m, "could not create unique index \"%.*s\"", SLICE_ARG(c->name)));
    q->keys = names;
    q->constraint = c->name;
}

static void ask_check(Portal *p, Alter *a, const ConstraintDef *c)
{
    Slice table = full_name(p, a);
    Question *q =
        ask(p, a, ERR_CHECK,
            arena_printf(&p->arena, "SELECT 1 FROM %.*s WHERE NOT (%.*s) LIMIT 1", SLICE_ARG(table),
                         SLICE_ARG(c->text)),
            arena_printf(&p->arena,
                         "check constraint \"%.*s\" of relation \"%.*s\" is violated by some row",
                         SLICE_ARG(c->name), SLICE_ARG(a->t->name)));
    q->constraint = c->name;
}

static void ask_constraint(Portal *p, Alter *a, const ConstraintDef *c)
{
    if (c->type == CONSTRAINT_CHECK)
        ask_check(p, a, c);
    for (size_t i = 0; c->type == CONSTRAINT_PRIMARY_KEY && i < c->column_count; i++)
        ask_not_null(p, a, &a->t->columns[c->columns[i]]);
    if (constraint_is_unique(c))
        ask_unique(p, a, c);
}

/* ---- columns ---- */

static ColumnDef *append_column(Portal *p, TableDef *t, ColumnDef c)
{
    ColumnDef *cols = ARENA_ARRAY(&p->arena, ColumnDef, t->column_count + 1u);
    memcpy(cols, t->columns, t->column_count * sizeof *cols);
    cols[t->column_count] = c;
    t->columns = cols;
    return &cols[t->column_count++];
}

static void add_set(Alter *a, Slice name, Slice value)
{
    buf_printf(&a->set, "%s%.*s = %.*s", a->set.len ? ", " : "", SLICE_ARG(name), SLICE_ARG(value));
}

/* The leading columns of an index, as far as they may make series, are those that rows are kept by. */
static void index_made(Portal *p, TableDef *t, const ConstraintSpec *spec)
{
    size_t n = 0;
    while (cluster_possible(t) && n < spec->column_count && n < CLUSTER_COLUMNS_MAX) {
        ColumnDef *c = NULL;
        for (size_t i = 0; i < t->column_count; i++)
            if (!t->columns[i].dropped && slice_eq(t->columns[i].name, spec->columns[n]))
                c = &t->columns[i];
        if (!c || c->kind != COL_FIELD || !cluster_type(c->type_oid))
            break;
        c->keyed = c->clusters = true;
        n++;
    }
    session_notice(p->session, "NOTICE", ERR_OK,
                   n ? "new rows are kept by the leading columns of the index and time; scans need "
                       "no other index"
                     : "scans need no index here: rows are kept by series and time, tags are "
                       "indexed; its name was recorded");
}

static bool add_constraints(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    for (size_t i = 0; i < act->constraint_count; i++) {
        const ConstraintSpec *spec = &act->constraints[i];
        for (size_t k = 0; spec->type == CONSTRAINT_PRIMARY_KEY && k < a->t->constraint_count; k++)
            if (a->t->constraints[k].type == CONSTRAINT_PRIMARY_KEY)
                return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                               "multiple primary keys for table \"%.*s\" are not allowed",
                               SLICE_ARG(a->t->name));
        bool keeps = a->t->kind == TABLE_SERIES && a->t->duplicates == DUP_KEEP;
        bool key = spec->type != CONSTRAINT_CHECK && spec->type != CONSTRAINT_INDEX;
        if (keeps && key && ddl_has_rows(p->session, a->t->id))
            return err_set(
                e, ERR_OBJECT_STATE,
                "table \"%.*s\" keeps every row: it can get a key only while it is empty",
                SLICE_ARG(a->t->name));
        if (act->if_exists && spec->name.len && spec->type >= CONSTRAINT_INDEX &&
            ddl_name_taken(a->before, a->t->schema, spec->name)) {
            session_notice(p->session, "NOTICE", ERR_DUPLICATE_TABLE,
                           "relation \"%.*s\" already exists, skipping", SLICE_ARG(spec->name));
            continue;
        }
        if (!ddl_add_constraint(p, a->before, a->t, spec, e))
            return false;
        ask_constraint(p, a, &a->t->constraints[a->t->constraint_count - 1]);
        if (spec->type == CONSTRAINT_INDEX)
            index_made(p, a->t, spec);
    }
    return true;
}

static bool add_column(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    const ColumnSpec *s = &act->column;
    TableDef *t = a->t;
    Err missing;
    if (need_column(t, s->name, &missing)) {
        if (!act->if_exists)
            return err_set(e, ERR_DUPLICATE_COLUMN,
                           "column \"%.*s\" of relation \"%.*s\" already exists",
                           SLICE_ARG(s->name), SLICE_ARG(t->name));
        session_notice(p->session, "NOTICE", ERR_DUPLICATE_COLUMN,
                       "column \"%.*s\" of relation \"%.*s\" already exists, skipping",
                       SLICE_ARG(s->name), SLICE_ARG(t->name));
        return true;
    }
    if (t->column_count == COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMNS_MAX);
    bool tag = s->tag && t->kind == TABLE_SERIES;
    if (tag && (s->not_null || s->default_sql.len || act->constraint_count))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "a new tag cannot have a constraint or default") ||
               err_hint(e, "The series that are there do not have it.");
    ColumnDef *c = append_column(p, t,
                                 (ColumnDef){.id = t->next_column++,
                                             .name = s->name,
                                             .type_oid = s->type,
                                             .typmod = s->typmod,
                                             .kind = tag ? COL_TAG : COL_FIELD,
                                             .phys = tag ? PHYS_STR : ddl_phys(s->type),
                                             .not_null = s->not_null,
                                             .identity = s->identity,
                                             .default_sql = s->default_sql});
    if ((s->serial || s->identity) && !ddl_own_sequence(p, a->before, a->schema, t, s, c, e))
        return false;
    if (!ddl_stored_default(p, a->before, c, e))
        return false;
    if (c->default_sql.len)
        add_set(a, quoted(p, c->name), SLICE_LIT("DEFAULT"));
    if (c->not_null)
        ask_not_null(p, a, c);
    return add_constraints(p, a, act, e);
}

static bool drop_column(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    TableDef *t = a->t;
    Err missing;
    ColumnDef *c = need_column(t, act->name, &missing);
    if (!c && act->if_exists) {
        session_notice(p->session, "NOTICE", ERR_OK,
                       "column \"%.*s\" of relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(act->name), SLICE_ARG(t->name));
        return true;
    }
    if (!c) {
        *e = missing;
        return false;
    }
    if (c->kind != COL_FIELD)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "cannot drop column \"%.*s\": it is the time or a tag",
                       SLICE_ARG(act->name));
    for (size_t i = t->constraint_count; i-- > 0;) { /* constraints of the column go with it */
        const ConstraintDef *con = &t->constraints[i];
        bool reads = false;
        for (size_t k = 0; k < con->column_count; k++)
            reads |= con->columns[k] == (int16_t)(c - t->columns);
        if (reads)
            ddl_remove_constraint(t, i);
    }
    c->dropped = true;
    c->default_sql = SLICE_NONE;
    c->identity = 0;
    return ddl_drop_column_sequence(p->session, a->before, t->id, c->id, e);
}

/* ---- ALTER COLUMN TYPE ---- */

/* The stored values are those of the new type already. */
static bool same_values(const ColumnDef *c, TypeId to, int32_t typmod)
{
    static const struct {
        TypeId from, to;
    } same[] = {{T_INT2, T_INT4},       {T_INT2, T_INT8},      {T_INT4, T_INT8},
                {T_FLOAT4, T_FLOAT8},   {T_VARCHAR, T_TEXT},   {T_TEXT, T_VARCHAR},
                {T_NUMERIC, T_NUMERIC}, {T_VARCHAR, T_VARCHAR}};
    if (c->type_oid == to && c->typmod == typmod)
        return true;
    bool longer = to == T_VARCHAR && c->typmod >= 0 && typmod > c->typmod;
    if (typmod >= 0 && !(longer && c->type_oid == T_VARCHAR))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (same[i].from == c->type_oid && same[i].to == to)
            return true;
    return false;
}

static Slice type_text(Portal *p, TypeId type, int32_t typmod)
{
    return type_format(&p->arena, type, typmod);
}

static bool castable(Portal *p, const ColumnDef *c, const AlterAction *act, Err *e)
{
    TypeId to = act->column.type;
    Slice want = type_text(p, to, -1), name = quoted(p, c->name);
    if (act->using_sql.len || c->type_oid == to || cast_exists(c->type_oid, to, CAST_ASSIGN))
        return true;
    err_set(e, ERR_DATATYPE_MISMATCH, "column \"%.*s\" cannot be cast automatically to type %.*s",
            SLICE_ARG(c->name), SLICE_ARG(want));
    return err_hint(e, "You might need to specify \"USING %.*s::%.*s\".", SLICE_ARG(name),
                    SLICE_ARG(type_text(p, to, act->column.typmod)));
}

static bool default_fits(Portal *p, const Alter *a, const ColumnDef *to, Err *e)
{
    EvalCtx fold;
    Expr *x;
    Err why;
    session_eval_ctx(p->session, &fold);
    fold.arena = fold.scratch = &p->arena;
    SqlEnv env = session_sql_env(p->session, a->before, &fold);
    Slice want = type_text(p, to->type_oid, -1);
    return sql_column_default(&env, &p->arena, to, &x, &why) ||
           err_set(e, ERR_DATATYPE_MISMATCH,
                   "default for column \"%.*s\" cannot be cast automatically to type %.*s",
                   SLICE_ARG(to->name), SLICE_ARG(want));
}

/* What the table promises of this column is to be looked at again. */
static void ask_again(Portal *p, Alter *a, size_t index)
{
    for (size_t i = 0; i < a->t->constraint_count; i++)
        for (size_t k = 0; k < a->t->constraints[i].column_count; k++)
            if (a->t->constraints[i].columns[k] == (int16_t)index)
                ask_constraint(p, a, &a->t->constraints[i]);
    if (a->t->columns[index].not_null)
        ask_not_null(p, a, &a->t->columns[index]);
}

static bool change_type(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    ColumnDef *c = need_column(a->t, act->name, e);
    TypeId type = act->column.type;
    int32_t typmod = act->column.typmod;
    if (!c || !castable(p, c, act, e))
        return false;
    ColumnDef to = *c;
    to.type_oid = type;
    to.typmod = typmod;
    if (!default_fits(p, a, &to, e))
        return false;
    TierList tiers;
    if (tiers_of(a->t, &tiers) && (act->using_sql.len || type != c->type_oid))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "the type of a column of a table with tiers cannot change") ||
               err_hint(e, "Its tiers keep values of that type. RESET (tiers) drops them.");
    if (!act->using_sql.len && same_values(c, type, typmod)) {
        *c = to;
        return true;
    }
    if (c->kind != COL_FIELD)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "cannot change the type of \"%.*s\" so: it is the time or a tag",
                       SLICE_ARG(c->name)) ||
               err_hint(e, "Make a new table and INSERT INTO it ... SELECT.");
    Retype *r = ARENA_NEW(&p->arena, Retype);
    r->index = (size_t)(c - a->t->columns);
    to.id = a->t->next_column++;
    to.phys = ddl_phys(type);
    to.keyed = to.clusters = false;
    r->to = to;
    r->next = a->retypes;
    a->retypes = r;
    Slice value = act->using_sql.len ? arena_printf(&p->arena, "(%.*s)", SLICE_ARG(act->using_sql))
                                     : quoted(p, c->name);
    add_set(a, arena_printf(&p->arena, "\"pg_retyped_%u\"", to.id), value);
    ask_again(p, a, r->index);
    return true;
}

/* ---- names ---- */

/* Conditions of TTLs as they are shown; what they mean is kept by id. */
static void rename_in_ttls(Portal *p, TableDef *t, Slice from, Slice to)
{
    TtlClass *list = ARENA_ARRAY(&p->arena, TtlClass, t->ttl_count + 1u);
    for (size_t i = 0; i < t->ttl_count; i++) {
        list[i] = t->ttls[i];
        list[i].condition = sql_rename(&p->arena, list[i].condition, from, to);
    }
    t->ttls = list;
}

static bool rename_column(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    ColumnDef *c = need_column(a->t, act->name, e);
    Err missing;
    if (!c)
        return false;
    if (need_column(a->t, act->new_name, &missing))
        return err_set(e, ERR_DUPLICATE_COLUMN,
                       "column \"%.*s\" of relation \"%.*s\" already exists",
                       SLICE_ARG(act->new_name), SLICE_ARG(a->t->name));
    for (size_t i = 0; i < a->t->constraint_count; i++)
        if (a->t->constraints[i].type == CONSTRAINT_CHECK)
            a->t->constraints[i].text =
                sql_rename(&p->arena, a->t->constraints[i].text, act->name, act->new_name);
    rename_in_ttls(p, a->t, act->name, act->new_name);
    if (c->label.len == 0 && a->t->made_by_ingest)
        c->label = c->name; /* what clients of /write go on calling it */
    c->name = act->new_name;
    return true;
}

static bool rename_table(Alter *a, Slice name, Err *e)
{
    if (ddl_name_taken(a->before, a->t->schema, name))
        return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists", SLICE_ARG(name));
    a->t->name = name;
    return true;
}

static ConstraintDef *need_constraint(TableDef *t, Slice name, Err *e)
{
    for (size_t i = 0; i < t->constraint_count; i++)
        if (slice_eq(t->constraints[i].name, name) && t->constraints[i].type < CONSTRAINT_INDEX)
            return &t->constraints[i];
    err_set(e, ERR_UNDEFINED_OBJECT, "constraint \"%.*s\" of relation \"%.*s\" does not exist",
            SLICE_ARG(name), SLICE_ARG(t->name));
    return NULL;
}

static bool rename_constraint(Alter *a, const AlterAction *act, Err *e)
{
    ConstraintDef *c = need_constraint(a->t, act->name, e);
    if (!c)
        return err_set(e, ERR_UNDEFINED_OBJECT,
                       "constraint \"%.*s\" for table \"%.*s\" does not exist",
                       SLICE_ARG(act->name), SLICE_ARG(a->t->name));
    if (table_constraint(a->t, act->new_name))
        return err_set(e, ERR_DUPLICATE_OBJECT,
                       "constraint \"%.*s\" for relation \"%.*s\" already exists",
                       SLICE_ARG(act->new_name), SLICE_ARG(a->t->name));
    if (c->type != CONSTRAINT_CHECK && ddl_name_taken(a->before, a->t->schema, act->new_name))
        return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                       SLICE_ARG(act->new_name));
    c->name = act->new_name;
    return true;
}

static bool drop_constraint(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    Err missing;
    ConstraintDef *c = need_constraint(a->t, act->name, &missing);
    if (!c && act->if_exists) {
        session_notice(p->session, "NOTICE", ERR_OK,
                       "constraint \"%.*s\" of relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(act->name), SLICE_ARG(a->t->name));
        return true;
    }
    if (!c) {
        *e = missing;
        return false;
    }
    ddl_remove_constraint(a->t, (size_t)(c - a->t->constraints));
    return true;
}

static bool set_schema(Portal *p, Alter *a, Slice name, Err *e)
{
    const SchemaDef *d = session_schema(p->session, a->before, name);
    if (!d)
        return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(name));
    if (d->id == a->t->schema)
        return true;
    if (temp_schema_name(d->name) || session_is_temp(p->session, a->t))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "cannot move objects into or out of temporary schemas");
    if (ddl_name_taken(a->before, d->id, a->t->name))
        return err_set(e, ERR_DUPLICATE_TABLE,
                       "relation \"%.*s\" already exists in schema \"%.*s\"", SLICE_ARG(a->t->name),
                       SLICE_ARG(name));
    a->t->schema = d->id;
    for (size_t i = 0; i < cat_table_count(a->before); i++) { /* its sequences move, too */
        const TableDef *t = cat_table_at(a->before, i);
        SequenceDef seq;
        if (t->kind != TABLE_SEQUENCE)
            continue;
        sequence_def(t, &seq);
        if (seq.owner != a->t->id)
            continue;
        TableDef *copy = table_def_copy(&p->arena, t);
        copy->schema = d->id;
        CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
        if (!ddl_edit(p->session, &c, 1, e))
            return false;
    }
    return true;
}

/* ---- defaults, NOT NULL, identity ---- */

static bool identity_error(const Alter *a, Slice name, const char *what, ErrCode code, Err *e)
{
    return err_set(e, code, "column \"%.*s\" of relation \"%.*s\" %s", SLICE_ARG(name),
                   SLICE_ARG(a->t->name), what);
}

static bool set_default(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    ColumnDef *c = need_column(a->t, act->name, e);
    if (!c)
        return false;
    if (c->identity) {
        identity_error(a, c->name, "is an identity column", ERR_SYNTAX, e);
        if (act->kind == ALTER_DROP_DEFAULT)
            err_hint(e, "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.");
        return false;
    }
    c->default_sql = act->kind == ALTER_SET_DEFAULT ? act->column.default_sql : SLICE_NONE;
    return ddl_stored_default(p, a->before, c, e);
}

static bool in_primary_key(const TableDef *t, const ColumnDef *c)
{
    for (size_t i = 0; i < t->constraint_count; i++)
        for (size_t k = 0; k < t->constraints[i].column_count; k++)
            if (t->constraints[i].type == CONSTRAINT_PRIMARY_KEY &&
                t->constraints[i].columns[k] == (int16_t)(c - t->columns))
                return true;
    return false;
}

static bool set_not_null(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    ColumnDef *c = need_column(a->t, act->name, e);
    if (!c)
        return false;
    if (act->kind == ALTER_SET_NOT_NULL) {
        if (!c->not_null)
            ask_not_null(p, a, c);
        c->not_null = true;
        return true;
    }
    if (c->kind == COL_TIME)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION, "column \"%.*s\" is the time column",
                       SLICE_ARG(act->name));
    if (in_primary_key(a->t, c))
        return err_set(e, ERR_INVALID_TABLE_DEFINITION, "column \"%.*s\" is in a primary key",
                       SLICE_ARG(act->name));
    if (c->identity)
        return identity_error(a, c->name, "is an identity column", ERR_SYNTAX, e);
    c->not_null = false;
    return true;
}

static bool change_identity(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    ColumnDef *c = need_column(a->t, act->name, e);
    if (!c)
        return false;
    if (act->kind == ALTER_ADD_IDENTITY) {
        if (c->identity)
            return identity_error(a, c->name, "is already an identity column", ERR_OBJECT_STATE, e);
        if (c->default_sql.len)
            return identity_error(a, c->name, "already has a default value", ERR_OBJECT_STATE, e);
        if (!c->not_null)
            return identity_error(a, c->name,
                                  "must be declared NOT NULL before identity can be added",
                                  ERR_OBJECT_STATE, e);
        c->identity = act->identity;
        return ddl_own_sequence(p, a->before, a->schema, a->t, &act->column, c, e);
    }
    if (!c->identity && act->kind == ALTER_DROP_IDENTITY && act->if_exists) {
        session_notice(p->session, "NOTICE", ERR_OK,
                       "column \"%.*s\" of relation \"%.*s\" is not an identity column, skipping",
                       SLICE_ARG(c->name), SLICE_ARG(a->t->name));
        return true;
    }
    if (!c->identity)
        return identity_error(a, c->name, "is not an identity column", ERR_OBJECT_STATE, e);
    if (act->kind == ALTER_SET_IDENTITY) {
        c->identity = act->identity ? act->identity : c->identity;
        return !act->changes_sequence ||
               sequence_change_owned(p, a->t->id, c->id, &act->column.sequence, e);
    }
    c->identity = 0;
    c->default_sql = SLICE_NONE;
    return ddl_drop_column_sequence(p->session, a->before, a->t->id, c->id, e);
}

static bool alter_one(Portal *p, Alter *a, const AlterAction *act, Err *e)
{
    switch (act->kind) {
    case ALTER_ADD_COLUMN:
        return add_column(p, a, act, e);
    case ALTER_DROP_COLUMN:
        return drop_column(p, a, act, e);
    case ALTER_TYPE:
        return change_type(p, a, act, e);
    case ALTER_RENAME_COLUMN:
        return rename_column(p, a, act, e);
    case ALTER_RENAME_TABLE:
        return rename_table(a, act->new_name, e);
    case ALTER_ADD_CONSTRAINT:
        return add_constraints(p, a, act, e);
    case ALTER_DROP_CONSTRAINT:
        return drop_constraint(p, a, act, e);
    case ALTER_RENAME_CONSTRAINT:
        return rename_constraint(a, act, e);
    case ALTER_SET_SCHEMA:
        return set_schema(p, a, act->new_name, e);
    case ALTER_SET_DEFAULT:
    case ALTER_DROP_DEFAULT:
        return set_default(p, a, act, e);
    case ALTER_SET_NOT_NULL:
    case ALTER_DROP_NOT_NULL:
        return set_not_null(p, a, act, e);
    case ALTER_ADD_IDENTITY:
    case ALTER_SET_IDENTITY:
    case ALTER_DROP_IDENTITY:
        return change_identity(p, a, act, e);
    case ALTER_SET_OPTIONS:
        return ddl_set_options(p, a->t, act->options, act->option_count, e);
    case ALTER_TIME_COLUMN:
        return ddl_make_series(p, a->t, act->name, e);
    case ALTER_OWNER:
        return owner_change(p->session, a->before, GRANT_TABLE, a->old->id, act->new_name, e);
    case ALTER_RESET_OPTIONS:
        return ddl_reset_options(p, a->t, act->options, act->option_count, e);
    }
    return true;
}

/* ---- steps ---- */

static bool put_definition(Portal *p, Alter *a, TableDef *t, Err *e)
{
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = a->version, .table = t};
    if (!ddl_edit(p->session, &c, 1, e))
        return false;
    a->version++;
    return true;
}

/* The table during the UPDATE: the new columns beside the old ones, and no constraint. */
static bool put_interim(Portal *p, Alter *a, Err *e)
{
    TableDef *t = table_def_copy(&p->arena, a->t);
    t->schema = a->old->schema;
    t->name = a->old->name;
    t->constraint_count = t->key_count = 0;
    t->duplicates = a->old->duplicates;
    for (size_t i = 0; i < t->column_count; i++)
        t->columns[i].not_null &= t->columns[i].kind == COL_TIME;
    for (const Retype *r = a->retypes; r; r = r->next) {
        ColumnDef c = r->to;
        c.name = arena_printf(&p->arena, "pg_retyped_%u", c.id);
        c.not_null = false;
        c.identity = 0;
        c.default_sql = SLICE_NONE;
        append_column(p, t, c);
    }
    return put_definition(p, a, t, e);
}

static bool put_final(Portal *p, Alter *a, Err *e)
{
    for (const Retype *r = a->retypes; r; r = r->next) {
        ColumnDef old = a->t->columns[r->index];
        ColumnDef to = r->to;
        to.not_null = old.not_null;
        to.name = old.name;
        a->t->columns[r->index] = to;
        old.dropped = true;
        old.not_null = false;
        old.default_sql = SLICE_NONE;
        old.identity = 0;
        append_column(p, a->t, old);
    }
    return put_definition(p, a, a->t, e);
}

static bool views_still_work(Portal *p, Alter *a, Err *e)
{
    const Bound *b = p->bound;
    for (size_t i = 0; i < b->u.alter.count; i++) {
        const AlterAction *act = &b->u.alter.actions[i];
        char label[DDL_LABEL_MAX], what[DDL_LABEL_MAX + NAME_MAX_BYTES + 16];
        if (act->kind != ALTER_DROP_COLUMN)
            continue;
        ddl_label(p->session, a->before, a->old, label);
        snprintf(what, sizeof what, "column %.*s of %s", SLICE_ARG(act->name), label);
        if (!ddl_drop_broken_views(p->session, a->before, a->old->id, what, act->cascade, e))
            return false;
    }
    return ddl_views_follow(p->session, a->before, e) &&
           ddl_views_unchanged(p->session, a->before, e);
}

static bool open_inner(Portal *p, Slice sql, Err *e)
{
    SqlStatement st = {.text = sql};
    Prepared *inner = prepared_new(p->session, SLICE_NONE, &st, NULL, 0, e);
    if (!inner)
        return false;
    p->inner = portal_new(p->session, SLICE_NONE, inner);
    return true;
}

static void close_inner(Portal *p)
{
    portal_free(p->inner);
    p->inner = NULL;
}

static RunStatus run_update(Portal *p, Alter *a, Err *e)
{
    Batch *ignored;
    RunStatus st;
    if (!p->inner) {
        Slice schema = quoted(p, a->schema->name), name = quoted(p, a->old->name);
        Slice sql = arena_printf(&p->arena, "UPDATE %.*s.%.*s SET %.*s", SLICE_ARG(schema),
                                 SLICE_ARG(name), SLICE_ARG(buf_slice(&a->set)));
        if (!put_interim(p, a, e) || !open_inner(p, sql, e))
            return RUN_FAIL;
    }
    st = portal_run(p->inner, 0, &ignored, e);
    if (st == RUN_DONE)
        close_inner(p);
    return st;
}

static RunStatus violated(Portal *p, const Alter *a, const Question *q, const Batch *b, Err *e)
{
    err_set(e, q->code, "%.*s", SLICE_ARG(q->message));
    if (q->keys.len) {
        Buf values;
        buf_init(&values);
        for (size_t c = 0; c < b->col_count; c++) {
            Value v = vec_get(&b->cols[c], batch_row(b, 0));
            buf_printf(&values, "%s%.*s", c ? ", " : "", SLICE_ARG(v.u.str));
        }
        err_detail(e, "Key (%.*s)=(%.*s) is duplicated.", SLICE_ARG(q->keys),
                   SLICE_ARG(buf_slice(&values)));
        buf_free(&values);
    }
    err_name(e, ERR_NAME_COLUMN, q->column);
    err_name(e, ERR_NAME_CONSTRAINT, q->constraint);
    row_error_table(p->session, a->t, e);
    return RUN_FAIL;
}

static RunStatus run_questions(Portal *p, Alter *a, Err *e)
{
    while (a->questions) {
        const Question *q = a->questions;
        Batch *b;
        if (!p->inner && !open_inner(p, q->sql, e))
            return RUN_FAIL;
        RunStatus st = portal_run(p->inner, 0, &b, e);
        if (st == RUN_BATCH && batch_count(b))
            return violated(p, a, q, b, e);
        if (st == RUN_BATCH)
            continue;
        if (st != RUN_DONE)
            return st;
        close_inner(p);
        a->questions = q->next;
    }
    return RUN_DONE;
}

void alter_free(Portal *p)
{
    if (!p->alter)
        return;
    cat_unref(p->alter->before);
    buf_free(&p->alter->set);
    p->alter = NULL;
}

static bool right_kind(const Bound *b, const TableDef *t, Err *e)
{
    static const char *const names[] = {
        ['v'] = "view", ['m'] = "materialized view", ['S'] = "sequence"};
    int what = b->u.alter.what;
    bool view = t->kind == TABLE_VIEW, sequence = t->kind == TABLE_SEQUENCE;
    if (what ? (what == 'v'   ? view && !view_is_materialized(t)
                : what == 'm' ? view_is_materialized(t)
                              : sequence)
             : !view && !sequence)
        return true;
    for (size_t i = 0; !what && i < b->u.alter.count; i++) /* ALTER TABLE may rename all of them */
        if (b->u.alter.actions[i].kind != ALTER_RENAME_TABLE &&
            b->u.alter.actions[i].kind != ALTER_SET_SCHEMA &&
            b->u.alter.actions[i].kind != ALTER_OWNER)
            return err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a table", SLICE_ARG(t->name));
    return !what ||
           err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a %s", SLICE_ARG(t->name), names[what]);
}

static bool begin(Portal *p, bool *nothing, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    Alter *a = p->alter = ARENA_NEW(&p->arena, Alter);
    a->before = session_catalog(s);
    buf_init(&a->set);
    a->questions_end = &a->questions;
    a->old = session_find_table(s, a->before, &b->u.alter.name);
    *nothing = !a->old && b->u.alter.if_exists;
    if (*nothing) {
        session_notice(s, "NOTICE", ERR_OK, "relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(b->u.alter.name.name));
        return true;
    }
    if (!a->old)
        return err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                       SLICE_ARG(b->u.alter.name.name));
    if (!right_kind(b, a->old, e))
        return false;
    a->schema = cat_schema_by_id(a->before, a->old->schema);
    a->version = a->old->version;
    a->t = table_def_copy(&p->arena, a->old);
    for (size_t i = 0; i < b->u.alter.count; i++)
        if (!alter_one(p, a, &b->u.alter.actions[i], e))
            return false;
    return true;
}

enum { STAGE_UPDATE = 1, STAGE_FINAL, STAGE_ASK };

RunStatus ddl_alter_run(Portal *p, Err *e)
{
    RunStatus st = RUN_DONE;
    bool nothing = false;
    if (p->bound->u.alter.what == 'i')
        return ddl_rename_index(p, e) ? RUN_DONE : RUN_FAIL;
    if (!p->alter) {
        if (!begin(p, &nothing, e))
            return RUN_FAIL;
        if (nothing)
            return RUN_DONE;
        p->phase = p->alter->stage = STAGE_UPDATE;
    }
    Alter *a = p->alter;
    if (a->stage == STAGE_UPDATE) {
        if (a->set.len && (st = run_update(p, a, e)) != RUN_DONE)
            return st;
        a->stage = STAGE_FINAL;
    }
    if (a->stage == STAGE_FINAL) {
        if (!put_final(p, a, e) || !views_still_work(p, a, e))
            return RUN_FAIL;
        a->stage = STAGE_ASK;
    }
    return run_questions(p, a, e);
}
