/* session/ddl.c - CREATE, ALTER, DROP: statements that edit the catalog inside the transaction.
 *
 * Which tables are time-series tables: docs/sql.md, "Tables". */
#include "session/session_private.h"

#include "session/tier.h"

bool ddl_edit_unchecked(Session *s, const CatEdit *edits, size_t n, Err *e)
{
    Txn *t = tx_writer(s, e);
    return t && txn_edit_catalog(t, edits, n, e);
}

bool ddl_edit(Session *s, const CatEdit *edits, size_t n, Err *e)
{
    Arena a;
    size_t count;
    arena_init(&a, NULL);
    CatalogSnap *cat = session_catalog(s);
    const CatEdit *with_owners = roles_check_edits(s, cat, &a, edits, n, &count, e);
    bool ok = with_owners && ddl_edit_unchecked(s, with_owners, count, e);
    cat_unref(cat);
    arena_free(&a);
    return ok;
}

static bool put_table(Session *s, TableDef *t, uint32_t expect_version, Err *e)
{
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = expect_version, .table = t};
    return ddl_edit(s, &c, 1, e);
}

PhysType ddl_phys(TypeId type)
{
    const TypeDef *d = type_find(type);
    must(d != NULL);
    static const PhysType map[] = {
        [PH_BOOL] = PHYS_BOOL,    [PH_I64] = PHYS_I64, [PH_F64] = PHYS_F64,  [PH_STR] = PHYS_STR,
        [PH_INTERVAL] = PHYS_STR, [PH_NUM] = PHYS_STR, [PH_ARRAY] = PHYS_STR};
    return map[d->phys];
}

static bool is_time_type(TypeId t)
{
    return t == T_TIMESTAMPTZ || t == T_TIMESTAMP;
}

/* ---- WITH (...) ---- */

static bool option_ns(const NameValue *o, int64_t *ns, Err *e)
{
    Interval iv;
    if (!interval_parse(o->value, &iv, e))
        return err_wrap(e, "option \"%.*s\"", SLICE_ARG(o->name));
    return retention_ns(iv, ns) ||
           err_set(e, ERR_INVALID_PARAMETER, "option \"%.*s\" must be a positive interval",
                   SLICE_ARG(o->name));
}

static bool option_duplicates(TableDef *t, Slice v, Err *e)
{
    if (slice_eq_nocase(v, SLICE_LIT("last")))
        t->duplicates = DUP_LAST;
    else if (slice_eq_nocase(v, SLICE_LIT("keep")))
        t->duplicates = DUP_KEEP;
    else if (slice_eq_nocase(v, SLICE_LIT("error")))
        t->duplicates = DUP_ERROR;
    else
        return err_set(e, ERR_INVALID_PARAMETER,
                       "duplicates must be 'last', 'keep' or 'error', not '%.*s'", SLICE_ARG(v));
    return true;
}

static bool option_schema(TableDef *t, Slice v, Err *e)
{
    t->schema_fixed = slice_eq_nocase(v, SLICE_LIT("fixed"));
    if (t->schema_fixed || slice_eq_nocase(v, SLICE_LIT("write")))
        return true;
    return err_set(e, ERR_INVALID_PARAMETER, "schema must be 'fixed' or 'write', not '%.*s'",
                   SLICE_ARG(v));
}

typedef struct TableOptions {
    Slice time, segment_by, on_commit, tiers;
    bool has_duplicates, has_tiers;
} TableOptions;

/* The part after "tsdb." or "timescaledb." says the same as our own name. */
static Slice option_name(Slice name)
{
    const char *dot = memchr(name.ptr, '.', name.len);
    Slice tail = dot ? slice_of(dot + 1, name.len - (size_t)(dot + 1 - name.ptr)) : name;
    Slice head = dot ? slice_of(name.ptr, (size_t)(dot - name.ptr)) : SLICE_NONE;
    if (!slice_eq_cstr(head, "tsdb") && !slice_eq_cstr(head, "timescaledb"))
        return name;
    if (slice_eq_cstr(tail, "partition_column"))
        return SLICE_LIT("time");
    if (slice_eq_cstr(tail, "chunk_interval"))
        return SLICE_LIT("window");
    return tail;
}

static bool apply_option(TableDef *t, TableOptions *to, const NameValue *o, Err *e)
{
    Slice n = option_name(o->name);
    if (slice_eq_nocase(n, SLICE_LIT("time")))
        to->time = o->value;
    else if (slice_eq_nocase(n, SLICE_LIT("segmentby")))
        to->segment_by = o->value;
    else if (slice_eq_cstr(n, "on commit"))
        to->on_commit = o->value;
    else if (retention_is_option(n))
        return retention_option(t, n, &o->value, e);
    else if (slice_eq_nocase(n, SLICE_LIT("window")))
        return option_ns(o, &t->window_ns, e);
    else if (slice_eq_nocase(n, SLICE_LIT("duplicates")))
        return to->has_duplicates = true, option_duplicates(t, o->value, e);
    else if (slice_eq_nocase(n, SLICE_LIT("compression")))
        return slice_eq_cstr(o->value, "packed") || slice_eq_cstr(o->value, "dense") ||
               err_set(e, ERR_INVALID_PARAMETER, "compression is packed or dense, not \"%.*s\"",
                       SLICE_ARG(o->value));
    else if (slice_eq_nocase(n, SLICE_LIT("schema")))
        return option_schema(t, o->value, e);
    else if (slice_eq_nocase(n, SLICE_LIT("tiers")))
        return to->tiers = o->value, to->has_tiers = true;
    else if (!slice_eq_nocase(n, SLICE_LIT("hypertable")) &&
             !slice_eq_nocase(n, SLICE_LIT("orderby")))
        return err_set(e, ERR_INVALID_PARAMETER, "unrecognized parameter \"%.*s\"",
                       SLICE_ARG(o->name)) ||
               err_hint(e,
                        "known are time, window, duplicates, schema, segmentby, compression, ttl, "
                        "ttl_clock, max_size, tiers");
    return true;
}

/* "name=value" lines; a name given again replaces its line, or takes it away. */
Slice ddl_merge_options(Arena *a, Slice lines, const NameValue *o, size_t n, bool set)
{
    Buf b;
    buf_init(&b);
    for (size_t i = 0; i < lines.len;) {
        const char *nl = memchr(lines.ptr + i, '\n', lines.len - i);
        size_t len = nl ? (size_t)(nl - lines.ptr) - i : lines.len - i;
        Slice line = slice_of(lines.ptr + i, len);
        const char *eq = memchr(line.ptr, '=', line.len);
        Slice name = slice_of(line.ptr, eq ? (size_t)(eq - line.ptr) : line.len);
        bool replaced = false;
        for (size_t k = 0; k < n; k++)
            replaced |= slice_eq_nocase(name, o[k].name);
        if (!replaced)
            buf_printf(&b, "%.*s\n", SLICE_ARG(line));
        i += len + 1;
    }
    for (size_t k = 0; set && k < n; k++)
        if (!slice_eq_cstr(o[k].name, "on commit"))
            buf_printf(&b, "%.*s=%.*s\n", SLICE_ARG(o[k].name), SLICE_ARG(o[k].value));
    Slice merged = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return merged;
}

bool ddl_has_rows(Session *s, TableId table)
{
    Snapshot *snap = tx_snapshot(s);
    TableInfo info;
    snapshot_table_info(snap, table, &info);
    snapshot_unref(snap);
    return info.rows > 0;
}

/* ALTER TABLE ... SET: what decides where rows lie is fixed once there are some. */
bool ddl_set_options(Portal *p, TableDef *t, const NameValue *o, size_t n, Err *e)
{
    TableOptions to = {0};
    Duplicates duplicates = t->duplicates;
    int64_t window = t->window_ns;
    if (view_is_stored(t))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "a materialized view that is not continuous has no options");
    if (view_is_continuous(t))
        return continuous_alter(p, t, o, n, true, e);
    for (size_t i = 0; i < n; i++)
        if (!apply_option(t, &to, &o[i], e))
            return false;
    if (to.time.len || to.segment_by.len)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "the time column and the tags of a table cannot be changed");
    bool error = t->duplicates == DUP_ERROR;
    if (t->duplicates != duplicates && (t->kind != TABLE_SERIES || error || t->key_count))
        return err_set(e, ERR_INVALID_PARAMETER,
                       error ? "duplicates = 'error' needs a PRIMARY KEY"
                             : "duplicates of an ordinary table or under a PRIMARY KEY are fixed");
    if ((t->duplicates != duplicates || t->window_ns != window) && ddl_has_rows(p->session, t->id))
        return err_set(e, ERR_OBJECT_STATE, "%s of table \"%.*s\" cannot change while it has rows",
                       t->duplicates != duplicates ? "duplicates" : "window", SLICE_ARG(t->name)) ||
               err_hint(e, "Make a new table, or TRUNCATE this one first.");
    t->options = ddl_merge_options(&p->arena, t->options, o, n, true);
    return retention_fits(t, e) && (!to.has_tiers || tiers_set(p, t, to.tiers, e)) &&
           tiers_fit(t, e);
}

/* ALTER TABLE ... RESET: what was SET becomes what it is without. */
bool ddl_reset_options(Portal *p, TableDef *t, const NameValue *o, size_t n, Err *e)
{
    if (view_is_continuous(t))
        return continuous_alter(p, t, o, n, false, e);
    for (size_t i = 0; i < n; i++) {
        Slice name = option_name(o[i].name);
        if (slice_eq_nocase(name, SLICE_LIT("tiers"))) {
            if (!tiers_set(p, t, SLICE_NONE, e))
                return false;
            continue;
        }
        if (!retention_is_option(name))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "ALTER TABLE RESET (%.*s) is not supported", SLICE_ARG(name)) ||
                   err_hint(e, "SET the option to the value that it shall have.");
        if (!retention_option(t, name, NULL, e))
            return false;
    }
    t->options = ddl_merge_options(&p->arena, t->options, o, n, false);
    return tiers_fit(t, e);
}

static bool cannot_be_series(const TableDef *t, const ColumnDef *c, Err *e)
{
    if (t->kind == TABLE_SERIES)
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "the time column of table \"%.*s\" is \"%.*s\"",
                SLICE_ARG(t->name), SLICE_ARG(t->columns[t->time_index].name));
    else if (!is_time_type(c->type_oid))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "column \"%.*s\" is no timestamp",
                       SLICE_ARG(c->name)) ||
               err_hint(e, "Make the column a timestamptz.");
    else
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "table \"%.*s\" has rows or a key: it cannot become a time-series table",
                SLICE_ARG(t->name));
    return err_hint(e, "Make a new table with WITH (time = '%.*s'), and INSERT the rows.",
                    SLICE_ARG(c->name));
}

bool ddl_make_series(Portal *p, TableDef *t, Slice time, Err *e)
{
    size_t i = 0;
    while (i < t->column_count && (t->columns[i].dropped || !slice_eq(t->columns[i].name, time)))
        i++;
    if (i == t->column_count)
        return err_set(e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" does not exist", SLICE_ARG(time));
    ColumnDef *c = &t->columns[i];
    if (t->kind == TABLE_SERIES && t->time_index == (int)i)
        return true;
    if (t->kind != TABLE_ORDINARY || !is_time_type(c->type_oid) || t->key_count ||
        session_is_temp(p->session, t) || ddl_has_rows(p->session, t->id))
        return cannot_be_series(t, c, e);
    if (!c->not_null)
        session_notice(p->session, "NOTICE", ERR_OK,
                       "adding not-null constraint to column \"%.*s\"", SLICE_ARG(time));
    t->kind = TABLE_SERIES;
    t->time_index = (int16_t)i;
    t->duplicates = DUP_KEEP;
    c->kind = COL_TIME;
    c->not_null = true;
    c->phys = PHYS_I64;
    c->id = COLUMN_TIME;
    return true;
}

/* ---- CREATE TABLE ---- */

typedef struct Creation {
    Session *session;
    const Bound *bound;
    Arena *arena;
    TableDef *t;
    TableOptions options;
} Creation;

static int find_spec(const Creation *c, Slice name)
{
    for (size_t i = 0; i < c->bound->u.create_table.col_count; i++)
        if (slice_eq(c->bound->u.create_table.cols[i].name, name))
            return (int)i;
    return -1;
}

static bool time_by_name(Slice n)
{
    return slice_eq_cstr(n, "time") || slice_eq_cstr(n, "ts") || slice_eq_cstr(n, "timestamp");
}

/* A time by its name or NOT NULL: any other may be NULL, and a UNIQUE lets it be. */
static bool has_time(const Creation *c, const ConstraintSpec *con)
{
    for (size_t i = 0; i < con->column_count; i++) {
        int at = find_spec(c, con->columns[i]);
        const ColumnSpec *spec = at < 0 ? NULL : &c->bound->u.create_table.cols[at];
        if (spec && is_time_type(spec->type) && (spec->not_null || time_by_name(spec->name)))
            return true;
    }
    return false;
}

/* The key that makes tags: PRIMARY KEY, or without one a UNIQUE with a time in it. */
static const ConstraintSpec *series_key(const Creation *c)
{
    const ConstraintSpec *list = c->bound->u.create_table.constraints;
    size_t n = c->bound->u.create_table.constraint_count;
    for (size_t i = 0; i < n; i++)
        if (list[i].type == CONSTRAINT_PRIMARY_KEY)
            return &list[i];
    for (size_t i = 0; i < n; i++)
        if (list[i].type == CONSTRAINT_UNIQUE && has_time(c, &list[i]))
            return &list[i];
    return NULL;
}

static bool in_key(const Creation *c, Slice name)
{
    const ConstraintSpec *key = series_key(c);
    for (size_t i = 0; key && i < key->column_count; i++)
        if (slice_eq(key->columns[i], name))
            return true;
    return false;
}

static bool has_key(const Creation *c)
{
    for (size_t i = 0; i < c->bound->u.create_table.constraint_count; i++)
        if (c->bound->u.create_table.constraints[i].type != CONSTRAINT_CHECK)
            return true;
    return false;
}

/* The rules of the manual, in order; -1: an ordinary table. */
static int choose_time(const Creation *c)
{
    const ColumnSpec *cols = c->bound->u.create_table.cols;
    size_t n = c->bound->u.create_table.col_count;
    if (c->options.time.len)
        return find_spec(c, c->options.time);
    int named = -1, not_null = -1, any = -1;
    bool tags = c->options.segment_by.len > 0;
    for (size_t i = 0; i < n; i++) {
        if (cols[i].time_index)
            return (int)i;
        tags |= cols[i].tag;
        if (!is_time_type(cols[i].type))
            continue;
        if (in_key(c, cols[i].name))
            return (int)i;
        any = any < 0 ? (int)i : any;
        named = named < 0 && time_by_name(cols[i].name) ? (int)i : named;
        not_null = not_null < 0 && cols[i].not_null ? (int)i : not_null;
    }
    if (has_key(c) && !tags)
        return -1;
    return named >= 0 ? named : not_null >= 0 ? not_null : tags ? any : -1;
}

static bool in_segment_by(const Creation *c, Slice name)
{
    Slice list = c->options.segment_by;
    for (size_t i = 0; i < list.len;) {
        size_t end = i;
        while (end < list.len && list.ptr[end] != ',')
            end++;
        size_t a = i, b = end;
        while (a < b && list.ptr[a] == ' ')
            a++;
        while (b > a && list.ptr[b - 1] == ' ')
            b--;
        if (slice_eq(slice_of(list.ptr + a, b - a), name))
            return true;
        i = end + 1;
    }
    return false;
}

/* Sequences may get another name: a default that calls one says its oid. */
bool ddl_stored_default(Portal *p, const CatalogSnap *cat, ColumnDef *c, Err *e)
{
    static const char word[] = "nextval";
    EvalCtx fold;
    if (!c->default_sql.len ||
        !memmem(c->default_sql.ptr, c->default_sql.len, word, sizeof word - 1))
        return true;
    session_eval_ctx(p->session, &fold);
    fold.arena = fold.scratch = &p->arena;
    SqlEnv env = session_sql_env(p->session, cat, &fold);
    return sql_expression_print(&env, &p->arena, c->default_sql, NULL, c->type_oid, STYLE_STORED,
                                &c->default_sql, e);
}

static bool make_columns(Creation *c, int time_index, Err *e)
{
    TableDef *t = c->t;
    const ColumnSpec *specs = c->bound->u.create_table.cols;
    size_t n = c->bound->u.create_table.col_count;
    if (n > COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMNS_MAX);
    t->columns = ARENA_ARRAY(c->arena, ColumnDef, n + 1);
    t->next_column = 1;
    bool tags = false;
    for (size_t i = 0; i < n; i++) {
        const ColumnSpec *s = &specs[i];
        if (find_spec(c, s->name) != (int)i)
            return err_set(e, ERR_DUPLICATE_COLUMN, "column \"%.*s\" specified more than once",
                           SLICE_ARG(s->name));
        if (!type_find(s->type) || s->type == T_RECORD || s->type == T_UNKNOWN || s->type == T_VOID)
            return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                           "column \"%.*s\" has a type that cannot be stored", SLICE_ARG(s->name));
        ColumnDef *d = &t->columns[t->column_count++];
        *d = (ColumnDef){.name = s->name,
                         .type_oid = s->type,
                         .typmod = s->typmod,
                         .phys = ddl_phys(s->type),
                         .not_null = s->not_null,
                         .default_sql = s->default_sql,
                         .comment = s->comment,
                         .identity = s->identity,
                         .kind = COL_FIELD};
        bool key_tag = time_index >= 0 && in_key(c, s->name);
        if ((int)i == time_index) {
            d->kind = COL_TIME;
            d->not_null = true;
            d->phys = PHYS_I64;
        } else if (s->tag || key_tag || in_segment_by(c, s->name)) {
            d->kind = COL_TAG;
            d->phys = PHYS_STR;
            tags = true;
        }
        d->id = d->kind == COL_TIME ? COLUMN_TIME : t->next_column++;
    }
    if (has_key(c) && c->options.has_duplicates && t->duplicates != DUP_ERROR)
        return err_set(e, ERR_INVALID_PARAMETER, "a table with a key has duplicates = 'error'");
    if (has_key(c))
        return true;
    if (c->options.has_duplicates && t->duplicates == DUP_ERROR)
        return err_set(e, ERR_INVALID_PARAMETER, "duplicates = 'error' needs a PRIMARY KEY");
    if (c->options.has_duplicates && t->kind == TABLE_ORDINARY && t->duplicates == DUP_LAST)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "duplicates = 'last' needs a time column: this is an ordinary table");
    /* The hidden time of an ordinary row is its own: every row is kept without a number beside it. */
    if (t->kind == TABLE_ORDINARY || (tags && !c->options.has_duplicates))
        t->duplicates = DUP_LAST;
    else if (!c->options.has_duplicates)
        t->duplicates = DUP_KEEP;
    return true;
}

static bool add_constraints(Portal *p, const CatalogSnap *cat, Creation *c, Err *e)
{
    for (size_t i = 0; i < c->bound->u.create_table.constraint_count; i++)
        if (!ddl_add_constraint(p, cat, c->t, &c->bound->u.create_table.constraints[i], e))
            return false;
    return true;
}

/* The one that SEQUENCE NAME gives, or one made of the table's and the column's. */
static bool name_sequence(Portal *p, const CatalogSnap *cat, const SchemaDef *schema,
                          const TableDef *t, Slice column, const QualifiedName *given, Slice *name,
                          Err *e)
{
    *name = given->name;
    if (given->schema.len && !slice_eq(given->schema, schema->name))
        return err_set(e, ERR_OBJECT_STATE,
                       "sequence must be in same schema as table it is linked to");
    if (given->name.len)
        return !ddl_name_taken(cat, schema->id, *name) ||
               err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                       SLICE_ARG(*name));
    *name = ddl_make_name(&p->arena, t->name, column, "seq");
    for (int n = 1; ddl_name_taken(cat, schema->id, *name); n++)
        *name = ddl_make_name(&p->arena, t->name, column,
                              arena_cstr(&p->arena, arena_printf(&p->arena, "seq%d", n)));
    return true;
}

bool ddl_own_sequence(Portal *p, const CatalogSnap *cat, const SchemaDef *schema, const TableDef *t,
                      const ColumnSpec *spec, ColumnDef *c, Err *e)
{
    TableId id;
    Slice name;
    if (!name_sequence(p, cat, schema, t, c->name, &spec->sequence.name, &name, e) ||
        !sequence_create_owned(p, cat, schema, name, &spec->sequence, c->type_oid, t->id, c->id,
                               &id, e))
        return false;
    c->default_sql = arena_printf(&p->arena, "nextval('%u'::regclass)", id);
    return true;
}

static bool own_sequences(Portal *p, const CatalogSnap *cat, Creation *c, const SchemaDef *schema,
                          Err *e)
{
    for (size_t i = 0; i < c->t->column_count; i++) {
        const ColumnSpec *s = &c->bound->u.create_table.cols[i];
        if (!ddl_stored_default(p, cat, &c->t->columns[i], e))
            return false;
        if ((s->serial || s->identity) &&
            !ddl_own_sequence(p, cat, schema, c->t, s, &c->t->columns[i], e))
            return false;
    }
    return true;
}

static bool on_commit(Creation *c, bool temporary, Err *e)
{
    Slice action = c->options.on_commit;
    if (action.len && !temporary)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                       "ON COMMIT can only be used on temporary tables");
    if (!slice_eq_cstr(action, "preserve"))
        c->t->extra = action;
    return true;
}

/* A temporary table is an ordinary one, whatever columns it has. */
static bool plain_columns(const Creation *c, Err *e)
{
    bool series = c->options.time.len || c->options.segment_by.len || c->t->window_ns;
    for (size_t i = 0; i < c->bound->u.create_table.col_count; i++)
        series |=
            c->bound->u.create_table.cols[i].tag || c->bound->u.create_table.cols[i].time_index;
    if (!series)
        return true;
    err_set(e, ERR_FEATURE_NOT_SUPPORTED, "a temporary table cannot be a time-series table");
    return err_hint(e, "Leave out TAG and the options of time-series tables; its times are plain "
                       "columns.");
}

static bool create_in(Portal *p, const CatalogSnap *cat, Creation *c, const SchemaDef *schema,
                      Err *e)
{
    TableDef *t = c->t;
    for (size_t i = 0; i < c->bound->u.create_table.option_count; i++)
        if (!apply_option(t, &c->options, &c->bound->u.create_table.options[i], e))
            return false;
    bool temporary = session_is_temp(c->session, &(TableDef){.schema = schema->id});
    if (!on_commit(c, temporary, e) || (temporary && !plain_columns(c, e)))
        return false;
    int time_index = temporary ? -1 : choose_time(c);
    if (c->options.time.len && time_index < 0)
        return err_set(e, ERR_UNDEFINED_COLUMN, "time column \"%.*s\" does not exist",
                       SLICE_ARG(c->options.time));
    t->kind = time_index >= 0 ? TABLE_SERIES : TABLE_ORDINARY;
    t->time_index = (int16_t)time_index;
    t->database = schema->database;
    t->schema = schema->id;
    t->id = engine_new_id(c->session->db->engine);
    if (!make_columns(c, time_index, e) || !add_constraints(p, cat, c, e))
        return false;
    t->options = ddl_merge_options(c->arena, SLICE_NONE, c->bound->u.create_table.options,
                                   c->bound->u.create_table.option_count, true);
    if (!retention_fits(t, e) || (c->options.has_tiers && !tiers_set(p, t, c->options.tiers, e)) ||
        !tiers_fit(t, e))
        return false;
    return own_sequences(p, cat, c, schema, e) && put_table(c->session, t, 0, e);
}

/* CREATE TABLE AS: columns come from the query. */
static void columns_of_query(Creation *c, Bound *b)
{
    BoundQuery *q = &b->u.create_table.as;
    ColumnSpec *specs = ARENA_ARRAY(c->arena, ColumnSpec, q->col_count + 1);
    for (size_t i = 0; i < q->col_count; i++)
        specs[i] =
            (ColumnSpec){.name = i < b->u.create_table.col_count ? b->u.create_table.cols[i].name
                                                                 : q->cols[i].name,
                         .type = q->cols[i].type == T_UNKNOWN ? T_TEXT : q->cols[i].type,
                         .typmod = q->cols[i].typmod};
    b->u.create_table.cols = specs;
    b->u.create_table.col_count = q->col_count;
}

bool ddl_create_table(Portal *p, Err *e)
{
    Session *s = p->session;
    Bound *b = p->bound;
    const QualifiedName *name = &b->u.create_table.name;
    if (name->name.len > NAME_MAX_BYTES)
        return err_set(e, ERR_NAME_TOO_LONG, "identifier of %zu bytes is longer than %d",
                       name->name.len, NAME_MAX_BYTES);
    if (!temp_enter(s, name, b->u.create_table.temporary, e))
        return false;
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *schema = session_target_schema(s, cat, name, b->u.create_table.temporary, e);
    bool ok = schema != NULL;
    if (ok && cat_table(cat, schema->id, name->name)) {
        if (b->u.create_table.if_not_exists)
            session_notice(s, "NOTICE", ERR_DUPLICATE_TABLE,
                           "relation \"%.*s\" already exists, skipping", SLICE_ARG(name->name));
        else
            ok = err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                         SLICE_ARG(name->name));
        cat_unref(cat);
        return ok;
    }
    Creation c = {
        .session = s, .bound = b, .arena = &p->arena, .t = ARENA_NEW(&p->arena, TableDef)};
    c.t->name = name->name;
    if (b->kind == BOUND_CREATE_TABLE_AS)
        columns_of_query(&c, b);
    ok = ok && create_in(p, cat, &c, schema, e);
    cat_unref(cat);
    if (ok && b->kind == BOUND_CREATE_TABLE_AS) {
        int16_t targets[COLUMNS_MAX];
        for (int16_t i = 0; i < (int16_t)c.t->column_count; i++)
            targets[i] = i;
        p->writer = row_writer_new(s, c.t, targets, c.t->column_count);
    }
    return ok;
}
