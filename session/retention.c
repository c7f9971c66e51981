/* session/retention.c - how long rows are kept, as statements say it.
 *
 * One idea under many words: a table, a schema or a database has a TTL, a class of series (CREATE
 * TTL) one of its own.  An InfluxDB retention policy is a schema with a TTL.  What is past it a scan
 * does not show (storage/ttl.h); lifecycle/ frees the space. */
#include "exec/interval.h"
#include "exec/tiers.h"
#include "session/retention_private.h"

/* ---- durations and sizes ---- */

bool retention_ns(Interval iv, int64_t *ns)
{
    int32_t days = iv.months / 12 * 365 + iv.months % 12 * 30;
    return !__builtin_add_overflow(days, iv.days, &days) &&
           interval_to_ns((Interval){.us = iv.us, .days = days}, ns) && *ns > 0;
}

/* "30d", "1 year", or for ever. */
bool read_ttl(Slice text, int64_t *ns, Err *e)
{
    static const char *const forever[] = {"forever", "infinite", "inf", "none"};
    Interval iv;
    *ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(forever); i++)
        if (slice_eq_nocase(text, slice_cstr(forever[i])))
            return true;
    if (!interval_parse(text, &iv, e))
        return err_wrap(e, "ttl") ||
               err_hint(e, "A duration is '30d', '12 hours', '1 year', or 'forever'.");
    if (retention_ns(iv, ns))
        return true;
    if (interval_cmp(iv, (Interval){0}) > 0)
        return err_set(e, ERR_INVALID_PARAMETER, "ttl \"%.*s\" is longer than times reach",
                       SLICE_ARG(text)) ||
               err_hint(e, "The longest is 292 years; to keep rows for ever: ttl = 'forever'.");
    return err_set(e, ERR_INVALID_PARAMETER, "ttl must be longer than nothing, not \"%.*s\"",
                   SLICE_ARG(text)) ||
           err_hint(e, "To keep rows for ever: ttl = 'forever', or RESET (ttl) to inherit what the "
                       "schema and the database say.");
}

/* "10GB", "512 MiB": units of 1024 as PostgreSQL has them. */
static bool read_size(Slice text, int64_t *bytes, Err *e)
{
    static const char units[] = "bkmgt";
    size_t i = 0;
    int64_t n = 0;
    bool ok = true;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        ok &=
            !__builtin_mul_overflow(n, 10, &n) && !__builtin_add_overflow(n, text.ptr[i] - '0', &n);
    ok &= i > 0;
    while (i < text.len && text.ptr[i] == ' ')
        i++;
    Slice unit = slice_of(text.ptr + i, text.len - i);
    char first = unit.len ? (char)(unit.ptr[0] | 0x20) : 'b';
    const char *at = memchr(units, first, sizeof units - 1);
    Slice rest = unit.len ? slice_of(unit.ptr + 1, unit.len - 1) : unit;
    ok &= at && (!rest.len || (at > units && (slice_eq_nocase(rest, SLICE_LIT("b")) ||
                                              slice_eq_nocase(rest, SLICE_LIT("ib")))));
    for (; ok && at > units; at--)
        ok = !__builtin_mul_overflow(n, 1024, &n);
    *bytes = n;
    return (ok && n > 0) ||
           err_set(e, ERR_INVALID_PARAMETER, "invalid size: \"%.*s\"", SLICE_ARG(text)) ||
           err_hint(e, "A whole number above 0 and B, kB, MB, GB or TB, as in max_size = '20GB'.");
}

/* ---- options of a table ---- */

static bool option_ttl(TableDef *t, const Slice *value, Err *e)
{
    t->ttl_own = value != NULL;
    t->ttl_ns = 0; /* inherited: the catalog knows */
    return !value || read_ttl(*value, &t->ttl_ns, e);
}

static bool option_clock(TableDef *t, const Slice *value, Err *e)
{
    t->ttl_wall = value && slice_eq_nocase(*value, SLICE_LIT("wall"));
    return !value || t->ttl_wall || slice_eq_nocase(*value, SLICE_LIT("data")) ||
           err_set(e, ERR_INVALID_PARAMETER, "ttl_clock must be 'data' or 'wall', not '%.*s'",
                   SLICE_ARG(*value)) ||
           err_hint(e, "data: counted from the newest row or the clock, whichever is earlier.");
}

static bool option_size(TableDef *t, const Slice *value, Err *e)
{
    t->size_max = 0;
    return !value || read_size(*value, &t->size_max, e);
}

static const struct {
    const char *name;
    bool (*set)(TableDef *t, const Slice *value, Err *e);
} options[] = {{"ttl", option_ttl}, {"ttl_clock", option_clock}, {"max_size", option_size}};

bool retention_is_option(Slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (slice_eq_nocase(name, slice_cstr(options[i].name)))
            return true;
    return false;
}

bool retention_option(TableDef *t, Slice name, const Slice *value, Err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (slice_eq_nocase(name, slice_cstr(options[i].name)))
            return options[i].set(t, value, e);
    return true;
}

bool retention_fits(const TableDef *t, Err *e)
{
    return t->kind == TABLE_SERIES || (!t->ttl_ns && !t->ttl_wall && !t->size_max) ||
           err_set(e, ERR_INVALID_PARAMETER,
                   "\"%.*s\" is an ordinary table: its rows have no time to count a TTL from",
                   SLICE_ARG(t->name)) ||
           err_hint(e, "Name a timestamp column with TIME INDEX or WITH (time = ...).");
}

/* ---- statements ---- */

static bool put_table(Portal *p, const TableDef *was, TableDef *t, Err *e)
{
    CatEdit c = {.op = CAT_PUT_TABLE, .id = was->id, .expect_version = was->version, .table = t};
    return ddl_edit(p->session, &c, 1, e);
}

static const TableDef *need_series_table(Portal *p, const CatalogSnap *cat, Err *e)
{
    const QualifiedName *name = &p->bound->u.retention.table;
    const TableDef *t = session_find_table(p->session, cat, name);
    if (!t)
        err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", SLICE_ARG(name->name)),
            err_at(e, name->position);
    else if (t->kind != TABLE_SERIES)
        err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a time-series table", SLICE_ARG(t->name));
    return t && t->kind == TABLE_SERIES ? t : NULL;
}

static size_t find_ttl(const TableDef *t, Slice name)
{
    size_t i = 0;
    while (i < t->ttl_count && !slice_eq(t->ttls[i].name, name))
        i++;
    return i;
}

static bool create_ttl(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const TableDef *t = need_series_table(p, cat, e);
    if (!t)
        return false;
    if (find_ttl(t, b->name) < t->ttl_count && b->if_exists) {
        session_notice(p->session, "NOTICE", ERR_DUPLICATE_OBJECT,
                       "TTL \"%.*s\" of table \"%.*s\" already exists, skipping",
                       SLICE_ARG(b->name), SLICE_ARG(t->name));
        return true;
    }
    if (find_ttl(t, b->name) < t->ttl_count)
        return err_set(e, ERR_DUPLICATE_OBJECT, "TTL \"%.*s\" of table \"%.*s\" already exists",
                       SLICE_ARG(b->name), SLICE_ARG(t->name));
    TierList tiers;
    if (tiers_of(t, &tiers))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "series of a table with tiers cannot have a TTL of their own");
    if (t->ttl_count == TTLS_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT, "a table can have at most %d TTLs", TTLS_MAX);
    TableDef *copy = table_def_copy(&p->arena, t);
    TtlClass *list = ARENA_ARRAY(&p->arena, TtlClass, t->ttl_count + 1u);
    for (size_t i = 0; i < t->ttl_count; i++)
        list[i] = copy->ttls[i];
    TtlClass *c = &list[copy->ttl_count++];
    *c = (TtlClass){.name = b->name, .condition = b->condition};
    copy->ttls = list;
    if (!read_ttl(b->duration, &c->keep_ns, e))
        return false;
    if (!c->keep_ns)
        c->keep_ns = INT64_MAX; /* for ever, whatever the table says */
    return ttl_matches(p, cat, t, c, e) && put_table(p, t, copy, e);
}

static bool drop_ttl(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const TableDef *t = need_series_table(p, cat, e);
    if (!t)
        return false;
    size_t at = find_ttl(t, b->name);
    if (at == t->ttl_count && b->if_exists) {
        session_notice(p->session, "NOTICE", ERR_OK,
                       "TTL \"%.*s\" of table \"%.*s\" does not exist, skipping",
                       SLICE_ARG(b->name), SLICE_ARG(t->name));
        return true;
    }
    if (at == t->ttl_count)
        return err_set(e, ERR_UNDEFINED_OBJECT, "TTL \"%.*s\" of table \"%.*s\" does not exist",
                       SLICE_ARG(b->name), SLICE_ARG(t->name));
    TableDef *copy = table_def_copy(&p->arena, t);
    TtlClass *list = ARENA_ARRAY(&p->arena, TtlClass, t->ttl_count);
    for (size_t i = 0, n = 0; i < t->ttl_count; i++)
        if (i != at)
            list[n++] = copy->ttls[i];
    copy->ttls = list;
    copy->ttl_count--;
    return put_table(p, t, copy, e);
}

static bool database_ttl(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const DatabaseDef *was = cat_database(cat, b->name);
    if (!was)
        return err_set(e, ERR_DATABASE_NAME, "database \"%.*s\" does not exist",
                       SLICE_ARG(b->name));
    DatabaseDef d = *was;
    d.ttl_ns = 0;
    CatEdit c = {.op = CAT_PUT_DATABASE, .id = d.id, .database = &d};
    return (b->reset || read_ttl(b->duration, &d.ttl_ns, e)) && ddl_edit(p->session, &c, 1, e);
}

static bool schema_ttl(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const SchemaDef *was = cat_schema(cat, p->session->database, b->name);
    if (!was)
        return err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(b->name));
    SchemaDef d = *was;
    d.ttl_ns = 0;
    if (!b->reset && !read_ttl(b->duration, &d.ttl_ns, e))
        return false;
    if (!b->reset && !d.ttl_ns)
        d.ttl_ns = TTL_FOREVER;
    CatEdit c = {.op = CAT_PUT_SCHEMA, .id = d.id, .schema = &d};
    return ddl_edit(p->session, &c, 1, e);
}

bool retention_policy_there(Portal *p, bool *nothing, Err *e)
{
    const Bound *b = p->bound;
    bool view = b->u.alter.answer == VIEW_POLICY_ADDED || b->u.alter.answer == VIEW_POLICY_REMOVED;
    bool add = b->u.alter.answer == RETENTION_ADDED || b->u.alter.answer == VIEW_POLICY_ADDED;
    *nothing = false;
    if ((!add && !view && b->u.alter.answer != RETENTION_REMOVED) || p->hypertable_step)
        return true;
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t = session_find_table(p->session, cat, &b->u.alter.name);
    bool there = !t     ? false
                 : view ? kept_option(t, SLICE_LIT("policy")).len > 0
                        : t->ttl_own && t->ttl_ns > 0;
    bool ok = !t || there != add || (view && !view_is_continuous(t));
    const char *what = view ? "continuous aggregate policy" : "retention policy";
    const char *how = add ? "already exists" : "not found";
    const char *of = view ? "" : "hypertable ";
    *nothing = !ok && b->u.alter.if_not_exists;
    if (*nothing)
        session_notice(p->session, "NOTICE", ERR_OK, "%s %s for %s\"%.*s\", skipping", what, how,
                       of, SLICE_ARG(t->name));
    else if (!ok)
        err_set(e, add ? ERR_DUPLICATE_OBJECT : ERR_UNDEFINED_OBJECT, "%s %s for %s\"%.*s\"", what,
                how, of, SLICE_ARG(t->name));
    cat_unref(cat);
    return ok || *nothing;
}

bool retention_statement(Portal *p, Err *e)
{
    static bool (*const run[])(Portal * p, const CatalogSnap *cat, Err *e) = {
        [TTL_CREATE] = create_ttl,     [TTL_DROP] = drop_ttl,       [POLICY_CREATE] = policy_create,
        [POLICY_ALTER] = policy_alter, [POLICY_DROP] = policy_drop, [DATABASE_TTL] = database_ttl,
        [SCHEMA_TTL] = schema_ttl,
    };
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = run[p->bound->u.retention.verb](p, cat, e);
    cat_unref(cat);
    return ok;
}
