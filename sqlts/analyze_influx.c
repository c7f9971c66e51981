/* sqlts/analyze_influx.c - InfluxDB's CREATE and DROP CONTINUOUS QUERY as the statement of Skulk that they mean.
 *
 *   SELECT mean("load") AS "load" INTO "year"."cpu_1h" FROM "cpu" GROUP BY time(1h), *
 * becomes a continuous view named as the target, with the bucket as "time", the tags and the aggregates.
 * To add a function: a row of influx_functions[] in influx_lex.c. */
#include "exec/func_text.h"
#include "sqlts/analyze.h"
#include "sqlts/influx_lex.h"

typedef struct Influx {
    Analyzer *z;
    const NContinuous *n;
    InfluxLex l;
    const TableDef *source;
    QualifiedName target, from;
    Slice width, offset;
    Buf targets, where, tags; /* tags: names for the target list, a comma before each */
    int names_used[16];       /* of each function, for mean, mean_1, ... */
} Influx;

static bool wrong(Influx *q, Err *e)
{
    if (q->l.kind == INFLUX_END)
        return err_set(e, ERR_SYNTAX,
                       "syntax error at end of the query of CONTINUOUS QUERY \"%.*s\"",
                       SLICE_ARG(q->n->name));
    return err_set(e, ERR_SYNTAX, "syntax error at or near \"%.*s\"", SLICE_ARG(q->l.text));
}

static bool not_here(const char *what, Slice text, Err *e)
{
    err_set(e, ERR_FEATURE_NOT_SUPPORTED, "%s%.*s is not supported in a CONTINUOUS QUERY", what,
            SLICE_ARG(text));
    return err_hint(e, "CREATE MATERIALIZED VIEW ... WITH (continuous) takes any SQL query of "
                       "GROUP BY time_bucket().");
}

static bool need_punct(Influx *q, const char *text, Err *e)
{
    if (!influx_is_punct(&q->l, text))
        return wrong(q, e);
    influx_next(&q->l);
    return true;
}

static bool need_name(Influx *q, Slice *out, Err *e)
{
    *out = q->l.text;
    if (q->l.kind != INFLUX_NAME)
        return wrong(q, e);
    influx_next(&q->l);
    return true;
}

/* ---- names of measurements ---- */

/* [db.][policy.]name; db..name takes the default policy. */
static bool measurement(Influx *q, QualifiedName *out, Err *e)
{
    Slice parts[3] = {0};
    size_t n = 0;
    if (influx_is_punct(&q->l, "/") || influx_is_punct(&q->l, ":"))
        return not_here("a regular expression or :MEASUREMENT as a measurement", SLICE_LIT(""), e);
    if (!need_name(q, &parts[n++], e))
        return false;
    while (influx_is_punct(&q->l, ".") && n < 3) {
        influx_next(&q->l);
        if (influx_is_punct(&q->l, "."))
            parts[n++] = SLICE_LIT("autogen");
        else if (influx_is_punct(&q->l, ":"))
            return not_here(":MEASUREMENT", SLICE_LIT(""), e);
        else if (!need_name(q, &parts[n++], e))
            return false;
    }
    if (n == 3 && !slice_eq(parts[0], q->n->database))
        return not_here("a measurement of another database: ", parts[0], e);
    *out = (QualifiedName){.name = parts[n - 1]};
    if (n > 1)
        out->schema =
            slice_eq_cstr(parts[n - 2], "autogen") || slice_eq_cstr(parts[n - 2], "default")
                ? SLICE_LIT("public")
                : parts[n - 2];
    return true;
}

static void put_name(Buf *b, const QualifiedName *name)
{
    if (name->schema.len) {
        text_put_ident(b, name->schema);
        buf_puts(b, ".");
    }
    text_put_ident(b, name->name);
}

/* ---- the select list ---- */

/* f(*): all fields, named f_field. */
static void put_all_fields(Influx *q, size_t f, Slice number)
{
    const TableDef *t = q->source;
    bool any_type = influx_functions[f].any_type;
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        bool number_type = c->phys == PHYS_I64 || c->phys == PHYS_F64;
        if (c->dropped || c->kind != COL_FIELD || (!any_type && !number_type))
            continue;
        buf_puts(&q->targets, ", ");
        influx_put_call(&q->targets, f, c->name, number, false);
        buf_puts(&q->targets, " AS ");
        text_put_ident(&q->targets, arena_printf(q->z->arena, "%s_%.*s", influx_functions[f].name,
                                                 SLICE_ARG(c->name)));
    }
}

/* The arguments of a call, up to and with the parenthesis. */
static bool arguments(Influx *q, size_t f, Slice *field, Slice *number, bool *distinct, Err *e)
{
    bool parens = false;
    *distinct = false;
    if (influx_is_word(&q->l, "distinct")) {
        *distinct = true;
        influx_next(&q->l);
        parens = influx_is_punct(&q->l, "(");
        if (parens)
            influx_next(&q->l);
    }
    *field = SLICE_NONE;
    if (influx_is_punct(&q->l, "*"))
        influx_next(&q->l);
    else if (q->l.kind == INFLUX_PUNCT)
        return not_here("a regular expression of fields", SLICE_LIT(""), e);
    else if (!need_name(q, field, e))
        return false;
    if (parens && !need_punct(q, ")", e))
        return false;
    if (influx_functions[f].number) {
        if (!need_punct(q, ",", e))
            return false;
        *number = q->l.text;
        if (q->l.kind != INFLUX_NUMBER)
            return wrong(q, e);
        influx_next(&q->l);
    }
    return need_punct(q, ")", e);
}

static bool call(Influx *q, Buf *out, size_t *f, bool *all, Err *e)
{
    Slice name = q->l.text, field, number = SLICE_NONE;
    bool distinct;
    *f = influx_function_find(name);
    influx_next(&q->l);
    if (!influx_is_punct(&q->l, "("))
        return not_here("a field without an aggregate: ", name, e);
    if (*f == INFLUX_FUNCTIONS)
        return not_here("function ", name, e);
    influx_next(&q->l);
    if (!arguments(q, *f, &field, &number, &distinct, e))
        return false;
    *all = !field.len;
    if (*all)
        put_all_fields(q, *f, number);
    else
        influx_put_call(out, *f, field, number, distinct);
    return true;
}

/* One item of the list: calls, numbers and operators between them. */
static bool target(Influx *q, Err *e)
{
    Buf sql;
    size_t f, first = INFLUX_FUNCTIONS, depth = 0;
    bool all = false, ok = true;
    buf_init(&sql);
    while (ok && q->l.kind != INFLUX_END && !influx_is_word(&q->l, "as") &&
           !influx_is_word(&q->l, "into") && (depth || !influx_is_punct(&q->l, ","))) {
        if (q->l.kind == INFLUX_NAME) {
            ok = call(q, &sql, &f, &all, e);
            first = first == INFLUX_FUNCTIONS ? f : first;
            continue;
        }
        if (q->l.kind == INFLUX_STRING ||
            (q->l.kind == INFLUX_PUNCT && !strchr("+-*/%()", *q->l.text.ptr)))
            ok = wrong(q, e);
        depth += influx_is_punct(&q->l, "(");
        depth -= depth && influx_is_punct(&q->l, ")");
        buf_printf(&sql, " %.*s ", SLICE_ARG(q->l.text));
        influx_next(&q->l);
    }
    if (ok && first == INFLUX_FUNCTIONS)
        ok = wrong(q, e);
    Slice name = SLICE_NONE;
    if (ok && influx_take_word(&q->l, "as"))
        ok = need_name(q, &name, e);
    else if (ok && !all)
        name = q->names_used[first]
                   ? arena_printf(q->z->arena, "%s_%d", influx_functions[first].name,
                                  q->names_used[first])
                   : slice_cstr(influx_functions[first].name);
    if (ok && !all) {
        q->names_used[first]++;
        buf_printf(&q->targets, ", %.*s AS ", SLICE_ARG(buf_slice(&sql)));
        text_put_ident(&q->targets, name);
    } else if (ok && sql.len) {
        ok = not_here("f(*) in an expression", SLICE_LIT(""), e);
    }
    buf_free(&sql);
    return ok;
}

/* ---- WHERE, GROUP BY ---- */

static bool where(Influx *q, Err *e)
{
    buf_puts(&q->where, " WHERE");
    while (q->l.kind != INFLUX_END && !influx_is_word(&q->l, "group")) {
        bool regex = influx_is_punct(&q->l, "=~") || influx_is_punct(&q->l, "!~");
        if (influx_is_word(&q->l, "time"))
            return not_here("a condition on the time", SLICE_LIT(""), e);
        buf_puts(&q->where, " ");
        if (regex) {
            buf_puts(&q->where, influx_is_punct(&q->l, "=~") ? "~ " : "!~ ");
            Slice pattern;
            if (!influx_regex(&q->l, &pattern))
                return wrong(q, e);
            text_put_literal(&q->where, pattern);
        } else if (influx_is_word(&q->l, "and") || influx_is_word(&q->l, "or") ||
                   influx_is_word(&q->l, "true") || influx_is_word(&q->l, "false") ||
                   q->l.kind == INFLUX_NUMBER || q->l.kind == INFLUX_PUNCT) {
            buf_put(&q->where, q->l.text.ptr, q->l.text.len);
        } else if (q->l.kind == INFLUX_STRING) {
            text_put_literal(&q->where, q->l.text);
        } else {
            text_put_ident(&q->where, q->l.text);
        }
        influx_next(&q->l);
    }
    return true;
}

static void add_tag(Influx *q, Slice name)
{
    buf_puts(&q->tags, ", ");
    text_put_ident(&q->tags, name);
}

static bool group_item(Influx *q, Err *e)
{
    Slice name;
    if (influx_is_punct(&q->l, "*")) {
        for (size_t i = 0; i < q->source->column_count; i++)
            if (!q->source->columns[i].dropped && q->source->columns[i].kind == COL_TAG)
                add_tag(q, q->source->columns[i].name);
        influx_next(&q->l);
        return true;
    }
    if (influx_is_punct(&q->l, "/"))
        return not_here("GROUP BY of a regular expression", SLICE_LIT(""), e);
    if (!need_name(q, &name, e))
        return false;
    if (!influx_is_punct(&q->l, "(")) {
        add_tag(q, name);
        return true;
    }
    if (!slice_eq_nocase(name, SLICE_LIT("time")) || q->width.len)
        return wrong(q, e);
    influx_next(&q->l);
    q->width = q->l.text;
    if (q->l.kind != INFLUX_NUMBER)
        return wrong(q, e);
    influx_next(&q->l);
    if (influx_is_punct(&q->l, ",")) {
        influx_next(&q->l);
        bool minus = influx_is_punct(&q->l, "-");
        if (minus)
            influx_next(&q->l);
        if (q->l.kind != INFLUX_NUMBER)
            return wrong(q, e);
        q->offset = arena_printf(q->z->arena, "%s%.*s", minus ? "-" : "", SLICE_ARG(q->l.text));
        influx_next(&q->l);
    }
    return need_punct(q, ")", e);
}

static bool fill(Influx *q, Err *e)
{
    if (!influx_take_word(&q->l, "fill"))
        return true;
    if (!need_punct(q, "(", e))
        return false;
    if (!influx_is_word(&q->l, "none") && !influx_is_word(&q->l, "null"))
        return not_here("fill() with values", SLICE_LIT(""), e);
    influx_next(&q->l);
    return need_punct(q, ")", e);
}

/* ---- the whole ---- */

static bool find_source(Influx *q, Err *e)
{
    ParseState ps = {.arena = q->z->arena, .err = e};
    NRange *r = AST(&ps, NRange, N_RANGE_TABLE, q->n->n.offset);
    r->schema = q->from.schema;
    r->name = q->from.name;
    return az_table(q->z, r, &q->source, e) &&
           (q->source->time_index >= 0 ||
            err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" has no time column", SLICE_ARG(q->from.name)));
}

/* What FROM names has to be known for SELECT mean(*). */
static bool look_ahead(Influx *q, Err *e)
{
    Influx copy = *q;
    while (copy.l.kind != INFLUX_END && !influx_is_word(&copy.l, "into"))
        influx_next(&copy.l);
    if (copy.l.kind == INFLUX_END)
        return not_here("a query without INTO", SLICE_LIT(""), e);
    influx_next(&copy.l);
    if (!measurement(&copy, &q->target, e) || !influx_take_word(&copy.l, "from"))
        return e->code ? false : wrong(&copy, e);
    return measurement(&copy, &q->from, e) && find_source(q, e);
}

static bool clauses(Influx *q, Err *e)
{
    QualifiedName again;
    influx_next(&q->l);
    if (!influx_take_word(&q->l, "select"))
        return wrong(q, e);
    if (!look_ahead(q, e))
        return false;
    for (bool more = true; more; more = influx_is_punct(&q->l, ",")) {
        if (influx_is_punct(&q->l, ","))
            influx_next(&q->l);
        if (!target(q, e))
            return false;
    }
    if (!influx_take_word(&q->l, "into"))
        return wrong(q, e);
    if (!measurement(q, &again, e) || !influx_take_word(&q->l, "from") ||
        !measurement(q, &again, e))
        return e->code ? false : wrong(q, e);
    if (influx_take_word(&q->l, "where") && !where(q, e))
        return false;
    if (!influx_take_word(&q->l, "group") || !influx_take_word(&q->l, "by"))
        return q->l.kind == INFLUX_END ? err_set(e, ERR_SYNTAX, "GROUP BY time() is missing")
                                       : wrong(q, e);
    for (bool more = true; more; more = influx_is_punct(&q->l, ",")) {
        if (influx_is_punct(&q->l, ","))
            influx_next(&q->l);
        if (!group_item(q, e))
            return false;
    }
    if (!fill(q, e))
        return false;
    if (q->l.kind != INFLUX_END)
        return wrong(q, e);
    return q->width.len || err_set(e, ERR_SYNTAX, "GROUP BY time() is missing");
}

static bool span_ns(Slice text, int64_t *ns, Err *e)
{
    Interval iv;
    return interval_parse(text, &iv, e) &&
           (interval_to_ns(iv, ns) ||
            err_set(e, ERR_INVALID_PARAMETER, "invalid duration \"%.*s\"", SLICE_ARG(text)));
}

/* InfluxDB counts from 1970, time_bucket() from Monday, January 3 of 2000. */
static bool put_bucket(Influx *q, Buf *sql, Err *e)
{
    int64_t width, offset = 0, every;
    if (!span_ns(q->width, &width, e) || (q->offset.len && !span_ns(q->offset, &offset, e)))
        return false;
    if (width <= 0)
        return err_set(e, ERR_INVALID_PARAMETER, "time() must be longer than nothing");
    if (q->n->for_.len && (!span_ns(q->n->for_, &every, e) || every < width))
        return e->code
                   ? false
                   : err_set(e, ERR_INVALID_PARAMETER,
                             "FOR duration must be >= GROUP BY time duration: must be a minimum "
                             "of %.*s, got %.*s",
                             SLICE_ARG(q->width), SLICE_ARG(q->n->for_));
    offset = (offset - INT64_C(10959) * NS_PER_DAY % width) % width;
    offset += offset < 0 ? width : 0;
    buf_puts(sql, "SELECT time_bucket(INTERVAL ");
    text_put_literal(sql, q->width);
    buf_puts(sql, ", ");
    text_put_ident(sql, q->source->columns[q->source->time_index].name);
    if (offset)
        buf_printf(sql, ", INTERVAL '%lld us'", (long long)(offset / NS_PER_US));
    buf_puts(sql, ") AS \"time\"");
    return true;
}

static void put_option(Buf *sql, const char *name, Slice value)
{
    buf_printf(sql, ", %s = ", name);
    text_put_literal(sql, value);
}

static bool view_text(Influx *q, Buf *sql, Err *e)
{
    buf_puts(sql, "CREATE MATERIALIZED VIEW ");
    put_name(sql, &q->target);
    buf_puts(sql, " WITH (continuous");
    put_option(sql, "query_name", q->n->name);
    put_option(sql, "refresh", q->n->every.len ? q->n->every : q->width);
    if (q->n->for_.len)
        put_option(sql, "for", q->n->for_);
    buf_puts(sql, ") AS ");
    if (!put_bucket(q, sql, e))
        return false;
    buf_printf(sql, "%.*s%.*s FROM ", SLICE_ARG(buf_slice(&q->tags)),
               SLICE_ARG(buf_slice(&q->targets)));
    put_name(sql, &q->from);
    buf_printf(sql, "%.*s GROUP BY 1%.*s", SLICE_ARG(buf_slice(&q->where)),
               SLICE_ARG(buf_slice(&q->tags)));
    return true;
}

/* ---- statements ---- */

/* Analyzes another text in the place of this statement. */
static bool instead(Analyzer *z, Slice text, Bound *b, Err *e)
{
    SqlStatement *st;
    size_t count;
    Bound *inner;
    bool ok = sql_parse(z->arena, text, &st, &count, e) && count == 1 &&
              sql_analyze(z->env, z->arena, &st[0], NULL, 0, &inner, e);
    e->position = 0; /* of a text that nobody has written */
    if (ok)
        *b = *inner;
    return ok;
}

static bool known_database(Analyzer *z, Slice name, Err *e)
{
    const DatabaseDef *d = name.len ? cat_database(z->env->catalog, name) : NULL;
    if (name.len && !d)
        return err_set(e, ERR_DATABASE_NAME, "database not found: \"%.*s\"", SLICE_ARG(name));
    return !d || d->id == z->env->database ||
           err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "a CONTINUOUS QUERY of another database than the connection's") ||
           err_hint(e, "Connect to database \"%.*s\".", SLICE_ARG(name));
}

/* The value of an option of a view: lines of name=value. */
static bool has_name(const TableDef *view, Slice name)
{
    static const char key[] = "query_name=";
    const char *p = view->options.ptr, *end = p + view->options.len;
    while (p && p < end) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((line ? line : end) - p);
        if (len >= sizeof key - 1 && memcmp(p, key, sizeof key - 1) == 0)
            return slice_eq(slice_of(p + sizeof key - 1, len - (sizeof key - 1)), name);
        p = line ? line + 1 : end;
    }
    return slice_eq(view->name, name);
}

static bool drop(Analyzer *z, const NContinuous *n, Bound *b, Err *e)
{
    const CatalogSnap *cat = z->env->catalog;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->database != z->env->database || !view_is_continuous(t) || !has_name(t, n->name))
            continue;
        const SchemaDef *s = cat_schema_by_id(cat, t->schema);
        if (slice_eq_cstr(s->name, "pg_skulk"))
            continue; /* the next version of one */
        Buf sql;
        buf_init(&sql);
        buf_puts(&sql, "DROP MATERIALIZED VIEW ");
        put_name(&sql, &(QualifiedName){.schema = s->name, .name = t->name});
        bool ok = instead(z, arena_slice(z->arena, buf_slice(&sql)), b, e);
        buf_free(&sql);
        return ok;
    }
    return err_set(e, ERR_UNDEFINED_OBJECT, "continuous query not found: \"%.*s\"",
                   SLICE_ARG(n->name)) ||
           err_hint(e, "SHOW CONTINUOUS QUERIES lists them.");
}

bool az_influx(Analyzer *z, const NContinuous *n, Bound *b, Err *e)
{
    if (!known_database(z, n->database, e))
        return false;
    if (n->drop)
        return drop(z, n, b, e);
    Influx q = {.z = z,
                .n = n,
                .l = {.arena = z->arena, .p = n->body.ptr, .limit = n->body.ptr + n->body.len}};
    Buf sql;
    buf_init(&sql);
    buf_init(&q.targets);
    buf_init(&q.where);
    buf_init(&q.tags);
    bool ok = clauses(&q, e) && view_text(&q, &sql, e) &&
              instead(z, arena_slice(z->arena, buf_slice(&sql)), b, e);
    buf_free(&q.tags);
    buf_free(&q.where);
    buf_free(&q.targets);
    buf_free(&sql);
    return ok;
}
