/* sqlts/analyze_ddl.c - CREATE, ALTER, DROP: syntax to the typed nodes that session/ carries out. */
#include "exec/func_text.h"
#include "sqlts/analyze.h"
#include "sqlts/analyze_view.h"

/* ---- columns ---- */

static bool column_type(Analyzer *z, const NType *t, ColumnSpec *c, Err *e)
{
    static const struct {
        const char *name;
        TypeId type;
    } serials[] = {{"serial", T_INT4},
                   {"serial4", T_INT4},
                   {"bigserial", T_INT8},
                   {"serial8", T_INT8},
                   {"smallserial", T_INT2}};
    for (size_t i = 0; i < ARRAY_LEN(serials) && !t->schema.len && !t->dims; i++) {
        if (slice_eq_cstr(t->name, serials[i].name)) {
            c->type = serials[i].type;
            c->typmod = -1;
            c->serial = c->not_null = true;
            return true;
        }
    }
    c->tag = slice_eq_cstr(t->name, "symbol"); /* QuestDB */
    return az_type(z, t, &c->type, &c->typmod, e);
}

static bool column_spec(Analyzer *z, const NColumnDef *n, ColumnSpec *c, Err *e)
{
    *c = (ColumnSpec){.name = n->name, .position = az_position(z, n->n.offset)};
    return column_type(z, n->type, c, e) && az_column_facts(z, n, c, e);
}

/* ---- options ---- */

static Slice name_list(Analyzer *z, const NodeList *names)
{
    Slice out = SLICE_NONE;
    for (size_t i = 0; i < names->count; i++)
        out = arena_printf(z->arena, "%.*s%s%.*s", SLICE_ARG(out), i ? ", " : "",
                           SLICE_ARG(ast_name_text(names->items[i])));
    return out;
}

/* QuestDB's words for what is our way anyway (WAL), or said by our own option, are translated. */
static bool options(Analyzer *z, const NodeList *list, NameValue **out, size_t *count, Err *e)
{
    *out = ARENA_ARRAY(z->arena, NameValue, list->count + 1);
    *count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const NOption *o = (const NOption *)list->items[i];
        NameValue v = {o->name, o->value};
        if (slice_eq_cstr(o->name, "wal") || slice_eq_cstr(o->name, "bypass") ||
            slice_eq_cstr(o->name, "dedup"))
            continue;
        if (slice_eq_cstr(o->name, "upsert") || slice_eq_cstr(o->name, "keys")) {
            v = (NameValue){SLICE_LIT("duplicates"), SLICE_LIT("last")};
            if (o->names.count == 0)
                continue;
        } else if (slice_eq_cstr(o->name, "partition_by")) {
            static const struct {
                const char *word, *window;
            } windows[] = {{"hour", "1 hour"},
                           {"day", "1 day"},
                           {"week", "7 days"},
                           {"month", "30 days"},
                           {"year", "365 days"}};
            v = (NameValue){SLICE_LIT("window"), SLICE_NONE};
            for (size_t w = 0; w < ARRAY_LEN(windows); w++)
                if (slice_eq_nocase(o->value, slice_cstr(windows[w].word)))
                    v.value = slice_cstr(windows[w].window);
            if (!v.value.len && !slice_eq_nocase(o->value, SLICE_LIT("none")))
                return az_fail(z, &o->n, ERR_FEATURE_NOT_SUPPORTED, e,
                               "PARTITION BY %.*s is not supported", SLICE_ARG(o->value)) ||
                       err_hint(e, "HOUR, DAY, WEEK, MONTH and YEAR set the window of a "
                                   "time-series table.");
            if (!v.value.len)
                continue;
        } else if (o->names.count) {
            v.value = name_list(z, &o->names);
        }
        (*out)[(*count)++] = v;
    }
    return true;
}

/* Room for one more; 42701. */
static bool add_column(Analyzer *z, Bound *b, const SqlNode *at, const ColumnSpec *c, Err *e)
{
    ColumnSpec *cols = b->u.create_table.cols;
    size_t *n = &b->u.create_table.col_count;
    if (*n >= COLUMNS_MAX)
        return az_fail(z, at, ERR_TOO_MANY_COLUMNS, e, "tables can have at most %d columns",
                       COLUMNS_MAX);
    for (size_t k = 0; k < *n; k++)
        if (slice_eq(cols[k].name, c->name))
            return err_set(e, ERR_DUPLICATE_COLUMN, "column \"%.*s\" specified more than once",
                           SLICE_ARG(c->name));
    cols[(*n)++] = *c;
    return true;
}

/* ---- LIKE: columns of another relation ---- */

typedef enum LikeWhat {
    LIKE_COMMENTS = 1,
    LIKE_CONSTRAINTS = 2,
    LIKE_DEFAULTS = 4,
    LIKE_IDENTITY = 8,
    LIKE_INDEXES = 16,
    LIKE_NOTHING = 32, /* what there is none of */
} LikeWhat;

static bool like_options(Analyzer *z, const NRange *like, unsigned *what, Err *e)
{
    static const struct {
        const char *word;
        unsigned what;
    } words[] = {{"all", LIKE_NOTHING * 2 - 1},     {"comments", LIKE_COMMENTS},
                 {"constraints", LIKE_CONSTRAINTS}, {"defaults", LIKE_DEFAULTS},
                 {"identity", LIKE_IDENTITY},       {"indexes", LIKE_INDEXES},
                 {"compression", LIKE_NOTHING},     {"generated", LIKE_NOTHING},
                 {"statistics", LIKE_NOTHING},      {"storage", LIKE_NOTHING}};
    *what = 0;
    for (size_t i = 0; i < like->columns.count; i++) {
        const NOption *o = (const NOption *)like->columns.items[i];
        size_t k = 0;
        while (k < ARRAY_LEN(words) && !slice_eq_cstr(o->name, words[k].word))
            k++;
        if (k == ARRAY_LEN(words))
            return az_fail(z, &o->n, ERR_SYNTAX, e, "syntax error at or near \"%.*s\"",
                           SLICE_ARG(o->name));
        *what = o->has_value ? *what | words[k].what : *what & ~words[k].what;
    }
    return true;
}

static bool like_source(Analyzer *z, const NRange *like, const TableDef **out, Err *e)
{
    Relation rel;
    if (!az_relation(z, like->schema, like->name, &like->n, &rel, e))
        return false;
    *out = rel.table;
    if (!rel.table || rel.table->kind == TABLE_SEQUENCE) {
        az_fail(z, &like->n, ERR_WRONG_OBJECT, e, "relation \"%.*s\" is invalid in LIKE clause",
                SLICE_ARG(like->name));
        return err_detail(e, "This operation is not supported for %s.",
                          rel.table ? "sequences" : "views of the system");
    }
    az_use(z, rel.table, PRIV_SELECT);
    return true;
}

/* The new table is of the kind of the other one: its tags and its time column are taken over. */
static bool like_columns(Analyzer *z, const NCreateTable *n, const NRange *like, Bound *b, Err *e)
{
    const TableDef *t;
    unsigned what;
    if (!like_options(z, like, &what, e) || !like_source(z, like, &t, e))
        return false;
    for (uint16_t i = 0; i < t->column_count; i++) {
        const ColumnDef *from = &t->columns[i];
        if (from->dropped)
            continue;
        bool identity = from->identity && what & LIKE_IDENTITY;
        ColumnSpec c = {.name = from->name,
                        .type = from->type_oid,
                        .typmod = from->typmod,
                        .not_null = from->not_null,
                        .tag = from->kind == COL_TAG && !n->temporary,
                        .time_index = from->kind == COL_TIME && !n->temporary,
                        .identity = identity ? from->identity : 0};
        if (identity) {
            c.sequence.like = t->id;
            c.sequence.like_column = from->id;
        }
        if (what & LIKE_DEFAULTS && !from->identity)
            c.default_sql = from->default_sql;
        if (what & LIKE_COMMENTS)
            c.comment = from->comment;
        if (!add_column(z, b, &like->n, &c, e))
            return false;
    }
    return true;
}

static bool like_constraints(Analyzer *z, const NRange *like, ConstraintList *list, Err *e)
{
    const TableDef *t;
    unsigned what;
    if (!like_options(z, like, &what, e) || !like_source(z, like, &t, e))
        return false;
    for (uint16_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *from = &t->constraints[i];
        bool check = from->type == CONSTRAINT_CHECK;
        if (!(what & (check ? LIKE_CONSTRAINTS : LIKE_INDEXES)))
            continue;
        ConstraintSpec *c = AZ_PUSH(z, list->items, list->count, list->cap);
        *c = (ConstraintSpec){.type = from->type,
                              .name = check ? from->name : SLICE_NONE,
                              .columns = ARENA_ARRAY(z->arena, Slice, from->column_count + 1u),
                              .text = from->text};
        for (uint16_t k = 0; k < from->column_count; k++)
            c->columns[c->column_count++] = t->columns[from->columns[k]].name;
    }
    return true;
}

/* ---- CREATE TABLE ---- */

/* The table that will be, for what its constraints say. */
static const TableDef *future_table(Analyzer *z, const Bound *b)
{
    TableDef *t = ARENA_NEW(z->arena, TableDef);
    size_t n = b->u.create_table.col_count;
    t->name = b->u.create_table.name.name;
    t->kind = TABLE_ORDINARY;
    t->columns = ARENA_ARRAY(z->arena, ColumnDef, n + 1);
    for (size_t i = 0; i < n; i++) {
        const ColumnSpec *c = &b->u.create_table.cols[i];
        t->columns[t->column_count++] = (ColumnDef){
            .name = c->name, .kind = COL_FIELD, .type_oid = c->type, .typmod = c->typmod};
    }
    return t;
}

static bool table_constraints(Analyzer *z, const NCreateTable *n, Bound *b, Err *e)
{
    const TableDef *t = future_table(z, b);
    ConstraintList list = {0};
    for (size_t i = 0; i < n->elements.count; i++) {
        const SqlNode *el = n->elements.items[i];
        if (el->kind == N_CONSTRAINT || el->kind == N_RANGE_TABLE) {
            if (el->kind == N_CONSTRAINT
                    ? !az_constraint(z, (const NConstraint *)el, SLICE_NONE, t, &list, e)
                    : !like_constraints(z, (const NRange *)el, &list, e))
                return false;
            continue;
        }
        const NColumnDef *c = (const NColumnDef *)el;
        for (size_t k = 0; k < c->constraints.count; k++)
            if (!az_constraint(z, (const NConstraint *)c->constraints.items[k], c->name, t, &list,
                               e))
                return false;
    }
    b->u.create_table.constraints = list.items;
    b->u.create_table.constraint_count = list.count;
    return true;
}

static bool table_columns(Analyzer *z, const NCreateTable *n, Bound *b, Err *e)
{
    b->u.create_table.cols = ARENA_ARRAY(z->arena, ColumnSpec, COLUMNS_MAX + 1);
    for (size_t i = 0; i < n->elements.count; i++) {
        const SqlNode *el = n->elements.items[i];
        ColumnSpec c;
        if (el->kind == N_CONSTRAINT)
            continue;
        if (el->kind == N_RANGE_TABLE) {
            if (!like_columns(z, n, (const NRange *)el, b, e))
                return false;
        } else if (!column_spec(z, (const NColumnDef *)el, &c, e) || !add_column(z, b, el, &c, e)) {
            return false;
        }
    }
    return table_constraints(z, n, b, e);
}

static bool table_as(Analyzer *z, const NCreateTable *n, Bound *b, Err *e)
{
    BoundQuery *q = &b->u.create_table.as;
    if (n->query->kind == N_EXECUTE) {
        b->u.create_table.execute = ARENA_NEW(z->arena, Bound);
        b->u.create_table.names = ARENA_ARRAY(z->arena, Slice, n->names.count + 1);
        for (size_t i = 0; i < n->names.count; i++)
            b->u.create_table.names[b->u.create_table.name_count++] =
                ast_name_text(n->names.items[i]);
        return az_utility(z, (const NSimple *)n->query, b->u.create_table.execute, e);
    }
    z->top = &((const NSelect *)n->query)->ctes;
    if (!az_bound_query(z, (const NSelect *)n->query, q, e) || !az_plan_parts(z, b, e))
        return false;
    if (z->param_count)
        return err_set(e, ERR_UNDEFINED_PARAMETER, "there is no parameter $1");
    if (n->names.count > q->col_count)
        return az_fail(z, n->names.items[q->col_count], ERR_SYNTAX, e,
                       "too many column names were specified");
    b->u.create_table.cols = ARENA_ARRAY(z->arena, ColumnSpec, q->col_count + 1);
    b->u.create_table.col_count = q->col_count;
    for (size_t i = 0; i < q->col_count; i++)
        b->u.create_table.cols[i] = (ColumnSpec){
            .name = i < n->names.count ? ast_name_text(n->names.items[i]) : q->cols[i].name,
            .type = q->cols[i].type,
            .typmod = q->cols[i].typmod};
    return true;
}

bool az_new_relation(Analyzer *z, const NRange *r, bool temporary, Err *e)
{
    const SchemaDef *temp = z->env->temp;
    Slice schema = r->schema;
    if (!schema.len || slice_eq_cstr(schema, "pg_temp") || (temp && slice_eq(schema, temp->name)))
        return true;
    bool is_system =
        slice_eq_cstr(schema, "pg_catalog") || slice_eq_cstr(schema, "information_schema");
    if (!is_system && !cat_schema(z->env->catalog, z->env->database, schema))
        return az_fail(z, &r->n, ERR_SCHEMA_NAME, e, "schema \"%.*s\" does not exist",
                       SLICE_ARG(schema));
    return !temporary || az_fail(z, &r->n, ERR_INVALID_TABLE_DEFINITION, e,
                                 "cannot create temporary relation in non-temporary schema");
}

bool az_create_table(Analyzer *z, const NCreateTable *n, Bound *b, Err *e)
{
    if (!az_new_relation(z, n->table, n->temporary, e))
        return false;
    b->kind = n->query ? BOUND_CREATE_TABLE_AS : BOUND_CREATE_TABLE;
    b->tag = n->query ? "SELECT" : "CREATE TABLE";
    b->u.create_table.name = az_qualified(z, n->table);
    z->relation = n->table->name;
    b->u.create_table.if_not_exists = n->if_not_exists;
    b->u.create_table.temporary = n->temporary;
    b->u.create_table.with_no_data = n->with_no_data;
    if (n->with_no_data)
        b->tag = "CREATE TABLE AS";
    return options(z, &n->options, &b->u.create_table.options, &b->u.create_table.option_count,
                   e) &&
           (n->query ? table_as(z, n, b, e) : table_columns(z, n, b, e));
}

/* ---- views, schemas, databases, extensions, indexes ---- */

/* Its rows are stored; the words of continuous views say nothing of them. */
static bool plain_materialized(const Bound *b, Err *e)
{
    if (b->u.create_view.or_replace)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "CREATE OR REPLACE MATERIALIZED VIEW is for continuous views alone") ||
               err_hint(e, "DROP MATERIALIZED VIEW first.");
    for (size_t i = 0; i < b->u.create_view.option_count; i++) {
        Slice name = b->u.create_view.options[i].name;
        if (slice_eq_cstr(name, "fillfactor") || slice_eq_cstr(name, "continuous"))
            continue;
        return err_set(e, ERR_INVALID_PARAMETER, "unrecognized parameter \"%.*s\"",
                       SLICE_ARG(name)) ||
               err_hint(e, "Options of continuous views need the word: WITH (continuous, ...).");
    }
    return true;
}

/* CREATE MATERIALIZED VIEW: its options, and whether it is a continuous one. */
static bool materialized(Analyzer *z, const NCreate *n, Bound *b, Err *e)
{
    Query *q;
    bool continuous = false;
    b->tag = "CREATE MATERIALIZED VIEW";
    b->u.create_view.materialized = true;
    b->u.create_view.if_not_exists = n->if_not_exists;
    b->u.create_view.with_no_data = n->with_no_data;
    if (!options(z, &n->options, &b->u.create_view.options, &b->u.create_view.option_count, e))
        return false;
    for (size_t i = 0; i < b->u.create_view.option_count; i++) {
        const NameValue *o = &b->u.create_view.options[i];
        if (slice_eq_cstr(o->name, "continuous") ||
            slice_eq_cstr(o->name, "timescaledb.continuous") ||
            slice_eq_cstr(o->name, "tsdb.continuous"))
            continuous = !slice_eq_nocase(o->value, SLICE_LIT("false")) &&
                         !slice_eq_nocase(o->value, SLICE_LIT("off"));
    }
    if (!continuous)
        return plain_materialized(b, e);
    b->u.create_view.continuous = ARENA_NEW(z->arena, ContinuousDef);
    z->give_states = true;
    bool ok = az_select(z, NULL, n->query, 0, &q, e);
    z->give_states = false;
    return ok && az_continuous(z, q, b->u.create_view.continuous, e);
}

/* The text gives the columns the names of the list: what pg_get_viewdef() shows, and dumps, has them. */
static Slice named_columns(Analyzer *z, const NCreate *n)
{
    Buf text;
    buf_init(&text);
    buf_printf(&text, "SELECT * FROM (%.*s) AS ", SLICE_ARG(n->text));
    text_put_ident(&text, n->range->name);
    for (size_t i = 0; i < n->columns.count; i++) {
        buf_puts(&text, i ? ", " : " (");
        text_put_ident(&text, ast_name_text(n->columns.items[i]));
    }
    buf_puts(&text, ")");
    Slice named = arena_slice(z->arena, buf_slice(&text));
    buf_free(&text);
    return named;
}

static bool create_view(Analyzer *z, const NCreate *n, Bound *b, Err *e)
{
    BoundQuery *q = &b->u.create_view.query;
    if (!az_refuse_parts(n->query, "views", e) || !az_new_relation(z, n->range, n->temporary, e))
        return false;
    b->kind = BOUND_CREATE_VIEW;
    b->tag = "CREATE VIEW";
    b->u.create_view.name = az_qualified(z, n->range);
    b->u.create_view.or_replace = n->or_replace;
    b->u.create_view.temporary = n->temporary;
    b->u.create_view.text = n->text;
    if (n->materialized && !materialized(z, n, b, e))
        return false;
    z->defines = !n->materialized || n->with_no_data;
    if (!az_bound_query(z, n->query, q, e))
        return false;
    b->u.create_view.reads_temporary = z->reads_temporary;
    if (z->param_count)
        return err_set(e, ERR_UNDEFINED_PARAMETER, "there is no parameter $1");
    if (n->columns.count > q->col_count)
        return n->materialized ? err_set(e, ERR_SYNTAX, "too many column names were specified")
                               : az_fail(z, n->columns.items[q->col_count], ERR_SYNTAX, e,
                                         "CREATE VIEW specifies more column names than columns");
    for (size_t i = 0; i < n->columns.count; i++)
        q->cols[i].name = ast_name_text(n->columns.items[i]);
    if (n->columns.count && n->materialized && !b->u.create_view.continuous)
        b->u.create_view.text = named_columns(z, n);
    for (size_t i = 0; i < q->col_count; i++)
        for (size_t k = 0; k < i; k++)
            if (slice_eq(q->cols[i].name, q->cols[k].name))
                return err_set(e, ERR_DUPLICATE_COLUMN, "column \"%.*s\" specified more than once",
                               SLICE_ARG(q->cols[i].name));
    return true;
}

/* An index is recorded as a constraint is: as one action of ALTER TABLE. */
static bool create_index(Analyzer *z, const NCreate *n, Bound *b, Err *e)
{
    const TableDef *t;
    ConstraintSpec *spec = ARENA_NEW(z->arena, ConstraintSpec);
    AlterAction *a = ARENA_NEW(z->arena, AlterAction);
    b->kind = BOUND_CREATE_INDEX;
    b->tag = "CREATE INDEX";
    if (!az_table(z, n->range, &t, e))
        return false;
    *spec = (ConstraintSpec){.type = n->unique ? CONSTRAINT_UNIQUE_INDEX : CONSTRAINT_INDEX,
                             .name = n->name,
                             .columns = ARENA_ARRAY(z->arena, Slice, n->columns.count + 1)};
    *a = (AlterAction){.kind = ALTER_ADD_CONSTRAINT,
                       .if_exists = n->if_not_exists,
                       .constraints = spec,
                       .constraint_count = 1};
    b->u.alter.name = az_qualified(z, n->range);
    b->u.alter.actions = a;
    b->u.alter.count = 1;
    if (n->unique && n->or_replace)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "partial and covering unique indexes are not supported");
    for (size_t i = 0; i < n->columns.count; i++) {
        const SqlNode *c = n->columns.items[i];
        bool plain = c->kind == N_NAME;
        if (!plain && n->unique)
            return az_fail(z, c, ERR_FEATURE_NOT_SUPPORTED, e,
                           "unique indexes over expressions are not supported");
        if (plain && !table_column(t, ast_name_text(c)))
            return err_set(e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" does not exist",
                           SLICE_ARG(ast_name_text(c)));
        if (plain)
            spec->columns[spec->column_count++] = ast_name_text(c);
    }
    return true;
}

bool az_create(Analyzer *z, const NCreate *n, Bound *b, Err *e)
{
    if (n->n.kind == N_CREATE_VIEW)
        return create_view(z, n, b, e);
    if (n->n.kind == N_CREATE_INDEX)
        return create_index(z, n, b, e);
    b->u.create_named.name = n->name;
    b->u.create_named.owner = n->text;
    b->u.create_named.if_not_exists = n->if_not_exists;
    b->kind = n->n.kind == N_CREATE_SCHEMA     ? BOUND_CREATE_SCHEMA
              : n->n.kind == N_CREATE_DATABASE ? BOUND_CREATE_DATABASE
                                               : BOUND_CREATE_EXTENSION;
    b->tag = n->n.kind == N_CREATE_SCHEMA     ? "CREATE SCHEMA"
             : n->n.kind == N_CREATE_DATABASE ? "CREATE DATABASE"
                                              : "CREATE EXTENSION";
    return true;
}

/* ---- DROP ---- */

bool az_drop(Analyzer *z, const NDrop *n, Bound *b, Err *e)
{
    static const char *const tags[] = {[DROP_TABLE] = "DROP TABLE",
                                       [DROP_VIEW] = "DROP VIEW",
                                       [DROP_MATVIEW] = "DROP MATERIALIZED VIEW",
                                       [DROP_SCHEMA] = "DROP SCHEMA",
                                       [DROP_DATABASE] = "DROP DATABASE",
                                       [DROP_INDEX] = "DROP INDEX",
                                       [DROP_SEQUENCE] = "DROP SEQUENCE"};
    b->kind = BOUND_DROP;
    b->tag = tags[n->what];
    b->u.drop.what = n->what;
    b->u.drop.if_exists = n->if_exists;
    b->u.drop.cascade = n->cascade;
    b->u.drop.names = ARENA_ARRAY(z->arena, QualifiedName, n->names.count);
    for (size_t i = 0; i < n->names.count; i++)
        b->u.drop.names[i] = az_qualified(z, (const NRange *)n->names.items[i]);
    b->u.drop.count = n->names.count;
    if (n->what == DROP_DATABASE && n->names.count > 1)
        return az_fail(z, n->names.items[1], ERR_SYNTAX, e, "syntax error at or near \",\"");
    return true;
}

/* ---- ALTER TABLE ---- */

/* The table with the column that this statement adds. */
static const TableDef *with_column(Analyzer *z, const TableDef *t, const ColumnSpec *c)
{
    TableDef *more = ARENA_NEW(z->arena, TableDef);
    *more = *t;
    more->columns = ARENA_ARRAY(z->arena, ColumnDef, t->column_count + 1u);
    memcpy(more->columns, t->columns, t->column_count * sizeof *t->columns);
    more->columns[more->column_count++] =
        (ColumnDef){.name = c->name, .kind = COL_FIELD, .type_oid = c->type, .typmod = c->typmod};
    return more;
}

static bool added_constraints(Analyzer *z, const NAlterAction *n, const TableDef *t, AlterAction *a,
                              Err *e)
{
    ConstraintList list = {0};
    bool ok = true;
    if (!t)
        return true;
    if (n->constraint)
        ok = az_constraint(z, n->constraint, SLICE_NONE, t, &list, e);
    for (size_t i = 0; ok && n->column && i < n->column->constraints.count; i++)
        ok = az_constraint(z, (const NConstraint *)n->column->constraints.items[i], n->column->name,
                           with_column(z, t, &a->column), &list, e);
    a->constraints = list.items;
    a->constraint_count = list.count;
    return ok;
}

/* SET GENERATED, beside what the sequence of the column is told. */
static bool identity_changes(Analyzer *z, const NodeList *options, AlterAction *a, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    NodeList rest = {0};
    for (size_t i = 0; i < options->count; i++) {
        const NOption *o = (const NOption *)options->items[i];
        bool generated = slice_eq_cstr(o->name, "generated");
        if (slice_eq_cstr(o->name, "as") || slice_eq_cstr(o->name, "owned") ||
            slice_eq_cstr(o->name, "name"))
            return az_fail(z, &o->n, ERR_SYNTAX, e, "sequence option \"%s\" not supported here",
                           slice_eq_cstr(o->name, "as")      ? "as"
                           : slice_eq_cstr(o->name, "owned") ? "owned_by"
                                                             : "sequence_name");
        if (generated && a->identity)
            return az_fail(z, &o->n, ERR_SYNTAX, e, "conflicting or redundant options");
        if (generated)
            a->identity = o->value.ptr[0];
        else
            rest = ast_append(&ps, rest, options->items[i]);
    }
    a->changes_sequence = rest.count > 0;
    return az_sequence_spec(z, &rest, &a->column.sequence, e);
}

static bool alter_action(Analyzer *z, const NAlterAction *n, const TableDef *t, AlterAction *a,
                         Err *e)
{
    *a = (AlterAction){.kind = n->action,
                       .name = n->name,
                       .new_name = n->new_name,
                       .if_exists = n->if_exists || n->if_not_exists,
                       .cascade = n->cascade};
    a->column.name = n->name;
    switch (n->action) {
    case ALTER_ADD_COLUMN:
        return column_spec(z, n->column, &a->column, e) && added_constraints(z, n, t, a, e);
    case ALTER_ADD_CONSTRAINT:
        return added_constraints(z, n, t, a, e);
    case ALTER_TYPE:
        if (n->using_expr)
            a->using_sql = ((const NConstraint *)n->using_expr)->text;
        return az_type(z, n->type, &a->column.type, &a->column.typmod, e);
    case ALTER_SET_DEFAULT: {
        const ColumnDef *c = t ? table_column(t, n->name) : NULL;
        Expr *ignored;
        a->column.default_sql = n->text;
        if (!c)
            return true;
        a->column.type = c->type_oid;
        return sql_expression(z->env, z->arena, n->text, NULL, 0, &ignored, e) &&
               (sql_expression(z->env, z->arena, n->text, NULL, c->type_oid, &ignored, e) ||
                az_default_mismatch(z, &a->column, ignored->type, e));
    }
    case ALTER_ADD_IDENTITY:
        a->identity = n->identity;
        return az_sequence_spec(z, &n->options, &a->column.sequence, e);
    case ALTER_SET_IDENTITY:
        return identity_changes(z, &n->options, a, e);
    case ALTER_SET_OPTIONS:
    case ALTER_RESET_OPTIONS:
        return options(z, &n->options, &a->options, &a->option_count, e);
    default:
        return true;
    }
}

bool az_alter(Analyzer *z, const NAlter *n, Bound *b, Err *e)
{
    Relation rel = {0};
    Err missing;
    b->kind = BOUND_ALTER_TABLE;
    b->tag = n->what == 'v'   ? "ALTER VIEW"
             : n->what == 'm' ? "ALTER MATERIALIZED VIEW"
             : n->what == 'i' ? "ALTER INDEX"
             : n->what == 'S' ? "ALTER SEQUENCE"
                              : "ALTER TABLE";
    b->u.alter.what = n->what;
    b->u.alter.name = az_qualified(z, n->table);
    z->relation = n->table->name;
    b->u.alter.if_exists = n->if_exists;
    err_clear(&missing);
    if (n->what != 'i' && !az_relation(z, n->table->schema, n->table->name, NULL, &rel, &missing) &&
        !n->if_exists) {
        *e = missing;
        return false;
    }
    AlterKind kind = ((const NAlterAction *)n->actions.items[0])->action;
    if ((n->what == 'v' || n->what == 'i') &&
        (kind == ALTER_SET_OPTIONS || kind == ALTER_RESET_OPTIONS))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "options of a%s are not supported",
                       n->what == 'v' ? " view" : "n index");
    if (kind == ALTER_ADD_COLUMN && n->what)
        return rel.table ? az_view_add_column(z, n, rel.table, b, e) : true;
    b->u.alter.actions = ARENA_ARRAY(z->arena, AlterAction, n->actions.count);
    for (size_t i = 0; i < n->actions.count; i++)
        if (!alter_action(z, (const NAlterAction *)n->actions.items[i], rel.table,
                          &b->u.alter.actions[b->u.alter.count++], e))
            return false;
    return true;
}

/* ---- REFRESH MATERIALIZED VIEW ---- */

static bool refresh_time(Analyzer *z, const SqlNode *n, Expr **out, Err *e)
{
    Scope s;
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_EXECUTE;
    return az_expr(z, &s, n, out, e) && az_coerce(z, *out, T_TIMESTAMPTZ, -1, CAST_ASSIGN, out, e);
}

bool az_refresh(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    b->kind = BOUND_REFRESH;
    b->tag = "REFRESH MATERIALIZED VIEW";
    b->u.refresh.name = az_qualified(z, n->range);
    b->u.refresh.force = n->flag;
    if (n->flag2 && n->flag3)
        return err_set(e, ERR_SYNTAX,
                       "CONCURRENTLY and WITH NO DATA options cannot be used together");
    b->u.refresh.no_data = n->flag2;
    b->u.refresh.concurrently = n->flag3;
    return n->args.count == 0 || (refresh_time(z, n->args.items[0], &b->u.refresh.from, e) &&
                                  refresh_time(z, n->args.items[1], &b->u.refresh.to, e));
}
