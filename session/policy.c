/* session/policy.c - InfluxDB's retention policies, and the lists of what is kept how long.
 *
 * A policy is a schema with a TTL for its tables.  "autogen", which every database has, is the schema
 * public with the database's TTL.  The DEFAULT one is where writes without rp= go. */
#include "session/retention_private.h"
#include "session/tier.h"

#define AUTOGEN SLICE_LIT("autogen")

static const DatabaseDef *need_database(const CatalogSnap *cat, Slice name, Err *e)
{
    const DatabaseDef *d = cat_database(cat, name);
    if (!d)
        err_set(e, ERR_DATABASE_NAME, "database not found: \"%.*s\"", SLICE_ARG(name));
    return d;
}

static bool is_autogen(Slice name)
{
    return slice_eq(name, AUTOGEN) || slice_eq_cstr(name, "default");
}

static const SchemaDef *policy_schema(const CatalogSnap *cat, ObjectId database, Slice policy)
{
    const DatabaseDef *d = cat_database_by_id(cat, database);
    const SchemaDef *standard = d && d->standard ? cat_schema_by_id(cat, d->standard) : NULL;
    if (!policy.len && standard)
        return standard;
    if (!policy.len || is_autogen(policy))
        return cat_schema(cat, database, SLICE_LIT("public"));
    const SchemaDef *s = cat_schema(cat, database, policy);
    return s && s->policy ? s : NULL;
}

bool db_resolve_policy(Db *db, ObjectId database, Slice policy, ObjectId *schema, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const SchemaDef *s = policy_schema(cat, database, policy);
    if (s)
        *schema = s->id;
    cat_unref(cat);
    return s || err_set(e, ERR_DATABASE_NAME, "retention policy not found: %.*s",
                        (int)(policy.len < 100 ? policy.len : 100), policy.ptr);
}

/* Where the time is said: 0 and INF are for ever, as in InfluxDB. */
static bool policy_time(Slice text, int64_t *ns, Err *e)
{
    static const char *const zero[] = {"0", "0s", "0d"};
    for (size_t i = 0; i < ARRAY_LEN(zero); i++)
        if (slice_eq_cstr(text, zero[i])) {
            *ns = 0;
            return true;
        }
    return read_ttl(text, ns, e);
}

static bool no_limits(const BoundRetention *b, Err *e)
{
    return !b->limit.len ||
           err_set(e, ERR_FEATURE_NOT_SUPPORTED, "FUTURE LIMIT and PAST LIMIT are not supported");
}

/* What the statement says of the policy. */
static bool describe(const BoundRetention *b, SchemaDef *s, Err *e)
{
    if (b->duration.len && !policy_time(b->duration, &s->ttl_ns, e))
        return false;
    if (b->duration.len && !s->ttl_ns)
        s->ttl_ns = TTL_FOREVER;
    return !b->shard.len || policy_time(b->shard, &s->window_ns, e);
}

static int64_t kept_ns(const DatabaseDef *d, const SchemaDef *s)
{
    int64_t ttl = s->ttl_ns ? s->ttl_ns : d->ttl_ns;
    return ttl ? ttl : TTL_FOREVER;
}

static bool put_policy(Portal *p, const DatabaseDef *d, const SchemaDef *s, bool standard, Err *e)
{
    DatabaseDef with = *d;
    with.standard = s->id;
    CatEdit edits[] = {{.op = CAT_PUT_SCHEMA, .id = s->id, .schema = s},
                       {.op = CAT_PUT_DATABASE, .id = d->id, .database = &with}};
    return ddl_edit(p->session, edits, standard ? 2 : 1, e);
}

bool policy_create(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const DatabaseDef *d = need_database(cat, b->database, e);
    if (!d || !no_limits(b, e))
        return false;
    bool autogen = is_autogen(b->name);
    const SchemaDef *was = cat_schema(cat, d->id, autogen ? SLICE_LIT("public") : b->name);
    SchemaDef s = {.database = d->id, .name = b->name, .policy = true};
    if (!describe(b, &s, e) || (!was && !schema_name_free(cat, d->id, b->name, e)))
        return false;
    bool same = was && (was->policy || autogen) &&
                (!b->duration.len || kept_ns(d, was) == kept_ns(d, &s)) &&
                (!b->shard.len || was->window_ns == s.window_ns);
    if (same && autogen)
        return true;
    if ((was || autogen) && !same)
        return err_set(e, ERR_DUPLICATE_OBJECT,
                       was && !was->policy && !autogen
                           ? "schema \"%.*s\" exists, and is no retention policy"
                           : "retention policy \"%.*s\" already exists",
                       SLICE_ARG(b->name)) ||
               err_hint(e, "ALTER RETENTION POLICY changes one.");
    s.id = was ? was->id : engine_new_id(p->session->db->engine);
    return put_policy(p, d, &s, b->standard, e);
}

static const SchemaDef *need_policy(const CatalogSnap *cat, const DatabaseDef *d, Slice name,
                                    Err *e)
{
    const SchemaDef *s = d ? policy_schema(cat, d->id, name) : NULL;
    if (d && !s)
        err_set(e, ERR_UNDEFINED_OBJECT, "retention policy not found: %.*s", SLICE_ARG(name));
    return s;
}

bool policy_alter(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const DatabaseDef *d = need_database(cat, b->database, e);
    const SchemaDef *was = need_policy(cat, d, b->name, e);
    if (!was || !no_limits(b, e))
        return false;
    SchemaDef s = *was;
    return describe(b, &s, e) && put_policy(p, d, &s, b->standard, e);
}

/* With its rows, as InfluxDB does. */
bool policy_drop(Portal *p, const CatalogSnap *cat, Err *e)
{
    const BoundRetention *b = &p->bound->u.retention;
    const DatabaseDef *d = need_database(cat, b->database, e);
    const SchemaDef *s = need_policy(cat, d, b->name, e);
    if (!s)
        return false;
    if (!s->policy)
        return err_set(e, ERR_DEPENDENT_OBJECTS,
                       "retention policy \"%.*s\" is what the database has without any",
                       SLICE_ARG(b->name)) ||
               err_hint(e,
                        "ALTER RETENTION POLICY \"%.*s\" ON \"%.*s\" DURATION ... changes how "
                        "long it keeps rows.",
                        SLICE_ARG(b->name), SLICE_ARG(d->name));
    size_t n = 0, max = cat_table_count(cat);
    CatEdit *edits = ARENA_ARRAY(&p->arena, CatEdit, max + 2);
    DatabaseDef without = *d;
    without.standard = 0;
    for (size_t i = 0; i < max; i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->schema == s->id)
            edits[n++] = (CatEdit){.op = CAT_DROP_TABLE, .id = t->id, .expect_version = t->version};
    }
    edits[n++] = (CatEdit){.op = CAT_DROP_SCHEMA, .id = s->id};
    if (d->standard == s->id)
        edits[n++] = (CatEdit){.op = CAT_PUT_DATABASE, .id = d->id, .database = &without};
    return ddl_edit(p->session, edits, n, e) &&
           (d->id != p->session->database ||
            ddl_drop_broken_views(p->session, cat, 0, "retention policy", true, e));
}

/* ---- lists ---- */

static Value span(int64_t ns)
{
    if (ns <= 0 || ns == INT64_MAX)
        return value_null();
    return (Value){.phys = PH_INTERVAL,
                   .u.iv = {.days = (int32_t)(ns / NS_PER_DAY), .us = ns % NS_PER_DAY / NS_PER_US}};
}

/* "168h0m0s" */
static Value influx_duration(Arena *a, int64_t ns)
{
    int64_t s = ns > 0 ? ns / NS_PER_S : 0;
    return value_str(
        s < 3600 ? s < 60 ? arena_printf(a, "%llds", (long long)s)
                          : arena_printf(a, "%lldm%llds", (long long)s / 60, (long long)s % 60)
                 : arena_printf(a, "%lldh%lldm%llds", (long long)s / 3600, (long long)s / 60 % 60,
                                (long long)s % 60));
}

/* InfluxDB's choice where nobody has said it. */
static int64_t shard_of(const SchemaDef *s, int64_t ttl_ns)
{
    if (s->window_ns > 0)
        return s->window_ns;
    if (ttl_ns > 0 && ttl_ns < 2 * NS_PER_DAY)
        return 3600 * NS_PER_S;
    return ttl_ns > 0 && ttl_ns <= 180 * NS_PER_DAY ? NS_PER_DAY : 7 * NS_PER_DAY;
}

static bool fill_policies(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_schema_count(cat); i++) {
        const SchemaDef *s = cat_schema_at(cat, i);
        const DatabaseDef *d = cat_database_by_id(cat, s->database);
        bool autogen = slice_eq_cstr(s->name, "public");
        if (!d || (!s->policy && !autogen))
            continue;
        int64_t ttl = s->ttl_ns ? s->ttl_ns : d->ttl_ns;
        Value row[] = {value_str(d->name),
                       value_str(autogen ? AUTOGEN : s->name),
                       influx_duration(ctx->arena, ttl),
                       influx_duration(ctx->arena, shard_of(s, ttl)),
                       value_i64(1),
                       value_bool(d->standard ? d->standard == s->id : autogen)};
        row_sink_add(sink, row);
    }
    return true;
}

static void ttl_row(const CatalogSnap *cat, const TableDef *t, const TtlClass *c, RowSink *sink)
{
    Value tier;
    const TableDef *shown = tier_shown(cat, t, &tier);
    const SchemaDef *s = cat_schema_by_id(cat, shown->schema);
    int64_t keep = c ? c->keep_ns : t->ttl_ns;
    const char *from = c || t->ttl_own ? "table" : s && s->ttl_ns ? "schema" : "database";
    Value row[] = {value_str(s ? s->name : SLICE_NONE),
                   value_str(shown->name),
                   c ? value_str(c->name) : value_null(),
                   c ? value_str(c->condition) : value_null(),
                   span(keep),
                   value_str(slice_cstr(from)),
                   value_str(t->ttl_wall ? SLICE_LIT("wall") : SLICE_LIT("data")),
                   !c && t->size_max ? value_i64(t->size_max) : value_null(),
                   tier};
    row_sink_add(sink, row);
}

static bool fill_ttls(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    const Session *s = ctx->session;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        Value tier;
        if (t->database != s->database || t->kind != TABLE_SERIES ||
            continuous_hidden(cat, tier_shown(cat, t, &tier)))
            continue;
        if (t->ttl_ns || t->ttl_own || t->size_max)
            ttl_row(cat, t, NULL, sink);
        for (size_t k = 0; k < t->ttl_count; k++)
            ttl_row(cat, t, &t->ttls[k], sink);
    }
    return true;
}

static const ViewColumn policy_columns[] = {{"database", T_TEXT}, {"name", T_TEXT},
                                            {"duration", T_TEXT}, {"shardGroupDuration", T_TEXT},
                                            {"replicaN", T_INT4}, {"default", T_BOOL}};
static const ViewColumn ttl_columns[] = {
    {"schema_name", T_TEXT}, {"table_name", T_TEXT}, {"ttl", T_TEXT},
    {"condition", T_TEXT},   {"keep", T_INTERVAL},   {"source", T_TEXT},
    {"clock", T_TEXT},       {"max_size", T_INT8},   {"tier", T_INTERVAL}};
const ViewDef retention_views[] = {
    {"skulk", "retention_policies", policy_columns, ARRAY_LEN(policy_columns), fill_policies,
     .text = "retention policies as InfluxDB lists them: schemas with a TTL"},
    {"skulk", "ttls", ttl_columns, ARRAY_LEN(ttl_columns), fill_ttls,
     .text = "how long tables and classes of series keep rows"},
    {0},
};
