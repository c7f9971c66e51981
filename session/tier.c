/* session/tier.c - tiers: made, changed and dropped with their table, and the statements that fill them
 * (exec/tiers.h says what they are; session/continuous.c runs their REFRESH as that of a view).
 *
 * Everything is computed by SQL that is written here: buckets of rows, buckets of finer buckets, and, for
 * rows that came when those of their bucket were gone, both added up. */
#include "exec/func_text.h"
#include "session/session_private.h"

#include "session/tier.h"
#include "storage/watch.h"
#include <stdio.h>

/* ---- the hidden table ---- */

static ColumnDef hidden_column(Arena *a, const char *name, ColumnKind kind, TypeId type)
{
    return (ColumnDef){.name = arena_slice(a, slice_cstr(name)),
                       .kind = kind,
                       .type_oid = type,
                       .typmod = -1,
                       .not_null = kind == COL_TIME,
                       .phys = kind == COL_TAG ? PHYS_STR : ddl_phys(type)};
}

typedef struct Growth { /* columns that a hidden table does not have yet */
    Arena *a;
    TableDef *t;
    bool grew;
} Growth;

static bool grow(Growth *g, const char *name, ColumnKind kind, TypeId type, Err *e)
{
    for (size_t i = 0; i < g->t->column_count; i++)
        if (slice_eq_cstr(g->t->columns[i].name, name))
            return true;
    if (g->t->column_count == COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS,
                       "tiers keep up to ten columns of a field, and %d "
                       "are the most that a table can have",
                       COLUMNS_MAX);
    ColumnDef *more = ARENA_ARRAY(g->a, ColumnDef, g->t->column_count + 1u);
    if (g->t->column_count)
        memcpy(more, g->t->columns, g->t->column_count * sizeof *more);
    ColumnDef *c = &more[g->t->column_count++];
    *c = hidden_column(g->a, name, kind, type);
    c->id = kind == COL_TIME ? COLUMN_TIME : g->t->next_column++;
    g->t->columns = more;
    return g->grew = true;
}

static bool grow_all(Growth *g, const TableDef *raw, Err *e)
{
    char name[TIER_NAME_MAX];
    TypeId time = raw->columns[raw->time_index].type_oid;
    if (!grow(g, "t", COL_TIME, time, e) || !grow(g, "n", COL_FIELD, T_INT8, e) ||
        !grow(g, "ft", COL_FIELD, time, e) || !grow(g, "lt", COL_FIELD, time, e))
        return false;
    for (size_t i = 0; i < raw->column_count; i++) {
        const ColumnDef *c = &raw->columns[i];
        if (c->dropped || c->kind == COL_TIME)
            continue;
        snprintf(name, sizeof name, "g%u", c->id);
        if (c->kind == COL_TAG && !grow(g, name, COL_TAG, c->type_oid, e))
            return false;
        for (TierPart p = 0; c->kind == COL_FIELD && p < TIER_PARTS; p++)
            if (tier_has(c->type_oid, p) && !grow(g, tier_column_name(name, c->id, p), COL_FIELD,
                                                  tier_type(c->type_oid, time, p), e))
                return false;
    }
    return true;
}

bool tier_follow(Portal *p, const TableDef *raw, const TableDef *tier, bool *grew, Err *e)
{
    Growth g = {.a = &p->arena, .t = table_def_copy(&p->arena, tier)};
    *grew = false;
    if (!grow_all(&g, raw, e) || !g.grew)
        return !e->code;
    CatEdit c = {
        .op = CAT_PUT_TABLE, .id = tier->id, .expect_version = tier->version, .table = g.t};
    *grew = true;
    return ddl_edit_unchecked(p->session, &c, 1, e);
}

static Slice encoded(Arena *a, Buf *bytes)
{
    Slice s = arena_slice(a, buf_slice(bytes));
    buf_free(bytes);
    return s;
}

static Slice width_name(int64_t ns, char buf[32])
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{NS_PER_DAY, "d"}, {3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "m"}, {NS_PER_S, "s"}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (ns % units[i].ns == 0) {
            snprintf(buf, 32, "%lld%s", (long long)(ns / units[i].ns), units[i].name);
            return slice_cstr(buf);
        }
    snprintf(buf, 32, "%lldus", (long long)(ns / NS_PER_US));
    return slice_cstr(buf);
}

static bool make_tier(Portal *p, const TableDef *raw, TierList *l, size_t level, Err *e)
{
    Session *s = p->session;
    ObjectId schema;
    Buf extra;
    char width[32];
    TierEntry *at = &l->items[level];
    if (!states_schema(s, &schema, e))
        return false;
    at->table = engine_new_id(s->db->engine);
    TableDef *t = ARENA_NEW(&p->arena, TableDef);
    *t = (TableDef){.id = at->table,
                    .database = s->database,
                    .schema = schema,
                    .name = arena_printf(&p->arena, "tier_%u_%.*s", at->table,
                                         SLICE_ARG(width_name(at->width_ns, width))),
                    .kind = TABLE_SERIES,
                    .duplicates = DUP_LAST,
                    .next_column = 1,
                    .ttl_own = true,
                    .ttl_ns = at->keep_ns,
                    .ttl_wall = raw->ttl_wall};
    Growth g = {.a = &p->arena, .t = t};
    buf_init(&extra);
    tier_of_encode(&extra, (TierOf){raw->id, level});
    t->extra = encoded(&p->arena, &extra);
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .table = t};
    WatchEdit edit = {.what = WATCH_NEW,
                      .state = {.id = t->id,
                                .table = l->items[level - 1].table,
                                .grain_ns = at->width_ns,
                                .origin_ns = tier_origin(at->width_ns),
                                .watched_to_ns = INT64_MIN,
                                .horizon_ns = INT64_MIN,
                                .keeps = true}};
    int64_t now = s->db->clock->wall_ns(s->db->clock);
    edit.state.from_ns = edit.state.upto_ns = watch_grain_down(&edit.state, now);
    return grow_all(&g, raw, e) && ddl_edit_unchecked(s, &c, 1, e) &&
           txn_watch(tx_storage(s), &edit, e);
}

static bool drop_tier(Session *s, const CatalogSnap *cat, TableId id, Err *e)
{
    const TableDef *t = cat_table_by_id(cat, id);
    WatchEdit edit = {.what = WATCH_DROP, .state = {.id = id}};
    if (!t)
        return true;
    CatEdit c = {.op = CAT_DROP_TABLE, .id = id, .expect_version = t->version};
    return ddl_edit_unchecked(s, &c, 1, e) && txn_watch(tx_storage(s), &edit, e);
}

bool tiers_forget(Session *s, const TableDef *raw, Err *e)
{
    TierList l;
    bool ok = true;
    if (!tiers_of(raw, &l))
        return true;
    CatalogSnap *cat = session_catalog(s);
    for (size_t i = 1; ok && i < l.count; i++)
        ok = drop_tier(s, cat, l.items[i].table, e);
    cat_unref(cat);
    return ok;
}

/* ---- SET, RESET ---- */

static void put_list(TableDef *t, Arena *a, const TierList *l)
{
    Buf bytes;
    buf_init(&bytes);
    tiers_encode(&bytes, l);
    t->extra = encoded(a, &bytes);
}

static bool can_have_tiers(const Portal *p, const TableDef *t, Err *e)
{
    TypeId time = t->kind == TABLE_SERIES ? t->columns[t->time_index].type_oid : 0;
    TierOf of;
    if (t->kind != TABLE_SERIES) {
        err_set(e, ERR_INVALID_PARAMETER,
                "\"%.*s\" is an ordinary table: its rows have no time to make tiers of",
                SLICE_ARG(t->name));
        return err_hint(e, "Name a timestamp column with TIME INDEX or WITH (time = ...).");
    }
    if (session_is_temp(p->session, t) || tier_is_one(t, &of))
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "table \"%.*s\" cannot have tiers",
                       SLICE_ARG(t->name));
    if (time != T_TIMESTAMPTZ && time != T_TIMESTAMP)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "tiers are kept of tables whose time column is a timestamp");
    if (t->ttl_count) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "a table with a TTL of its series cannot have tiers");
        return err_hint(e, "DROP TTL ... ON %.*s comes first.", SLICE_ARG(t->name));
    }
    if (t->size_max) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "a table with max_size cannot have tiers");
        return err_hint(e, "ALTER TABLE ... RESET (max_size) comes first.");
    }
    return true;
}

bool tiers_fit(const TableDef *t, Err *e)
{
    TierList l;
    if (!tiers_of(t, &l))
        return true;
    if (t->ttl_ns != l.items[0].keep_ns || t->ttl_count) {
        err_set(e, ERR_INVALID_PARAMETER,
                "rows of table \"%.*s\" are kept for as long as its first tier says",
                SLICE_ARG(t->name));
        return err_hint(e, "ALTER TABLE ... SET (tiers = ...) changes it, RESET (tiers) ends it.");
    }
    if (t->size_max)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "a table with tiers cannot have max_size");
    return true;
}

/* What was there is kept: durations may change, and coarser tiers may come. */
static bool change_tiers(Portal *p, TableDef *t, const TierList *old, TierList *l, Err *e)
{
    bool same = l->count >= old->count;
    for (size_t i = 1; same && i < old->count; i++)
        same = old->items[i].width_ns == l->items[i].width_ns;
    if (!same) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "the tiers that are there keep their widths");
        return err_hint(e, "Durations can change, and coarser tiers can be added at the end. RESET "
                           "(tiers) drops them all.");
    }
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = true;
    l->items[0].table = t->id;
    for (size_t i = 1; ok && i < l->count; i++) {
        if (i >= old->count) {
            ok = make_tier(p, t, l, i, e);
            continue;
        }
        l->items[i].table = old->items[i].table;
        const TableDef *was = cat_table_by_id(cat, l->items[i].table);
        if (!was || was->ttl_ns == l->items[i].keep_ns)
            continue;
        TableDef *copy = table_def_copy(&p->arena, was);
        copy->ttl_ns = l->items[i].keep_ns;
        CatEdit c = {
            .op = CAT_PUT_TABLE, .id = was->id, .expect_version = was->version, .table = copy};
        ok = ddl_edit_unchecked(p->session, &c, 1, e);
    }
    cat_unref(cat);
    return ok;
}

static bool drop_tiers(Portal *p, TableDef *t, Err *e)
{
    TierList old;
    if (!tiers_of(t, &old))
        return true;
    session_notice(p->session, "NOTICE", ERR_OK,
                   "what the tiers of \"%.*s\" kept of older rows is dropped; its rows are kept as "
                   "the schema and the database say",
                   SLICE_ARG(t->name));
    if (!tiers_forget(p->session, t, e))
        return false;
    t->extra = SLICE_NONE;
    t->ttl_own = false;
    t->ttl_ns = 0;
    return true;
}

bool tiers_set(Portal *p, TableDef *t, Slice value, Err *e)
{
    TierList old = {0}, l;
    bool had = tiers_of(t, &old), ok = true;
    bool empty = true;
    for (size_t i = 0; i < value.len; i++)
        empty &= value.ptr[i] == ' ';
    if (empty)
        return drop_tiers(p, t, e);
    if (!tiers_parse(value, &l, e) || !can_have_tiers(p, t, e))
        return false;
    if (had) {
        ok = change_tiers(p, t, &old, &l, e);
    } else {
        l.items[0].table = t->id;
        for (size_t i = 1; ok && i < l.count; i++)
            ok = make_tier(p, t, &l, i, e);
    }
    t->ttl_own = true;
    t->ttl_ns = l.items[0].keep_ns;
    if (ok)
        put_list(t, &p->arena, &l);
    return ok;
}

bool tiers_truncated(Portal *p, const TableDef *was, TableDef *fresh, Err *e)
{
    TierList l;
    if (!tiers_of(was, &l))
        return true;
    if (!tiers_forget(p->session, was, e))
        return false;
    l.items[0].table = fresh->id;
    for (size_t i = 1; i < l.count; i++)
        if (!make_tier(p, fresh, &l, i, e))
            return false;
    put_list(fresh, &p->arena, &l);
    return true;
}

/* ---- as a view ---- */

bool tier_def(const CatalogSnap *cat, const TableDef *t, ContinuousDef *d)
{
    TierOf of;
    TierList l;
    if (!tier_is_one(t, &of))
        return false;
    const TableDef *raw = cat_table_by_id(cat, of.raw);
    if (!raw || !tiers_of(raw, &l) || of.level >= l.count)
        return false;
    *d = (ContinuousDef){.states = t->id,
                         .base = l.items[of.level - 1].table,
                         .width_ns = l.items[of.level].width_ns,
                         .origin_ns = tier_origin(l.items[of.level].width_ns),
                         .refresh_ns = tier_refresh_ns(t),
                         .realtime = true};
    return true;
}

static Value span_of(int64_t ns)
{
    return (Value){.phys = PH_INTERVAL,
                   .null = ns == 0,
                   .u.iv = {.days = (int32_t)(ns / NS_PER_DAY), .us = ns % NS_PER_DAY / NS_PER_US}};
}

const TableDef *tier_shown(const CatalogSnap *cat, const TableDef *t, Value *width)
{
    TierOf of;
    TierList l;
    const TableDef *raw = t && tier_is_one(t, &of) ? cat_table_by_id(cat, of.raw) : NULL;
    bool hidden = raw && tiers_of(raw, &l) && of.level < l.count;
    *width = hidden ? span_of(l.items[of.level].width_ns) : value_null();
    return hidden ? raw : t;
}

int64_t tier_refresh_ns(const TableDef *t)
{
    TierOf of;
    return tier_is_one(t, &of) ? 60 * NS_PER_S : 0;
}

/* ---- statements ---- */

typedef struct Text {
    Buf *out;
    const TableDef *raw;
    const char *time; /* of the source */
} Text;

static void put_name(Buf *out, Slice name)
{
    text_put_ident(out, name);
}

/* The columns in the order in which all lists have them: time, tags, n, ft, lt, parts of fields. */
static void put_columns(Buf *out, const TableDef *raw)
{
    char name[TIER_NAME_MAX];
    buf_puts(out, "t");
    for (size_t i = 0; i < raw->column_count; i++)
        if (raw->columns[i].kind == COL_TAG && !raw->columns[i].dropped)
            buf_printf(out, ", g%u", raw->columns[i].id);
    buf_puts(out, ", n, ft, lt");
    for (size_t i = 0; i < raw->column_count; i++) {
        const ColumnDef *c = &raw->columns[i];
        for (TierPart p = 0; c->kind == COL_FIELD && !c->dropped && p < TIER_PARTS; p++)
            if (tier_has(c->type_oid, p))
                buf_printf(out, ", %s", tier_column_name(name, c->id, p));
    }
}

/* What each part of a field is: # the field, @ the time. */
static const char *const of_rows[TIER_PARTS] = {
    [TIER_COUNT] = "count(#)",
    [TIER_FIRST] = "first(#, @)",
    [TIER_LAST] = "last(#, @)",
    [TIER_FIRST_TIME] = "min(@) FILTER (WHERE # IS NOT NULL)",
    [TIER_LAST_TIME] = "max(@) FILTER (WHERE # IS NOT NULL)",
    [TIER_SUM] = "sum(#)",
    [TIER_MIN] = "min(#)",
    [TIER_MAX] = "max(#)",
    [TIER_INCREASE] = "CASE WHEN count(#) > 0 THEN coalesce(increase(#::float8, @), 0) END",
    [TIER_RESETS] = "counter_resets(#::float8, @)",
};
/* Of buckets: # with a part is its column. */
static const char *const of_buckets[TIER_PARTS] = {
    [TIER_COUNT] = "sum(#_n)::int8",
    [TIER_FIRST] = "first(#_first, #_ft)",
    [TIER_LAST] = "last(#_last, #_lt)",
    [TIER_FIRST_TIME] = "min(#_ft)",
    [TIER_LAST_TIME] = "max(#_lt)",
    [TIER_SUM] = "sum(#_sum)",
    [TIER_MIN] = "min(#_min)",
    [TIER_MAX] = "max(#_max)",
    [TIER_INCREASE] =
        "tier_increase(#_first::float8, #_last::float8, #_increase, #_resets, #_lt, #_ft)",
    [TIER_RESETS] =
        "tier_resets(#_first::float8, #_last::float8, #_increase, #_resets, #_lt, #_ft)",
};

static void put_part(Buf *out, const char *form, Slice field, Slice time)
{
    for (const char *f = form; *f; f++)
        if (*f == '#')
            buf_put_slice(out, field);
        else if (*f == '@')
            buf_put_slice(out, time);
        else
            buf_put_u8(out, (uint8_t)*f);
}

static Slice ident(Arena *a, Slice name)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, name);
    return encoded(a, &b);
}

/* The list for SELECT, in the order of put_columns. */
static void put_list_of(Buf *out, Arena *a, const TableDef *raw, int64_t width, bool rows)
{
    Slice time = rows ? ident(a, raw->columns[raw->time_index].name) : SLICE_LIT("t");
    buf_printf(out, "time_bucket('%lld us', %.*s)", (long long)(width / NS_PER_US),
               SLICE_ARG(time));
    for (size_t i = 0; i < raw->column_count; i++) {
        const ColumnDef *c = &raw->columns[i];
        if (c->kind != COL_TAG || c->dropped)
            continue;
        buf_puts(out, ", ");
        if (rows)
            put_name(out, c->name);
        else
            buf_printf(out, "g%u", c->id);
    }
    put_part(out, rows ? ", count(*), min(@), max(@)" : ", sum(n)::int8, min(ft), max(lt)",
             SLICE_NONE, time);
    for (size_t i = 0; i < raw->column_count; i++) {
        const ColumnDef *c = &raw->columns[i];
        Slice field = rows ? ident(a, c->name) : arena_printf(a, "f%u", c->id);
        const char *const *forms = rows ? of_rows : of_buckets;
        for (TierPart p = 0; c->kind == COL_FIELD && !c->dropped && p < TIER_PARTS; p++) {
            if (!tier_has(c->type_oid, p))
                continue;
            buf_puts(out, ", ");
            put_part(out, forms[p], field, time);
        }
    }
}

static void put_group(Buf *out, const TableDef *raw)
{
    size_t keys = 1;
    for (size_t i = 0; i < raw->column_count; i++)
        keys += raw->columns[i].kind == COL_TAG && !raw->columns[i].dropped;
    buf_puts(out, " GROUP BY 1");
    for (size_t i = 2; i <= keys; i++)
        buf_printf(out, ", %zu", i);
}

static void put_where(Buf *out, Slice time, int64_t from, int64_t to)
{
    buf_printf(out, " WHERE ts_ns(%.*s) < %lld", SLICE_ARG(time), (long long)to);
    if (from > INT64_MIN)
        buf_printf(out, " AND ts_ns(%.*s) >= %lld", SLICE_ARG(time), (long long)from);
}

static void put_table(Buf *out, const CatalogSnap *cat, const TableDef *t)
{
    put_name(out, cat_schema_by_id(cat, t->schema)->name);
    buf_put_u8(out, '.');
    put_name(out, t->name);
}

Slice tier_statement(Arena *a, const CatalogSnap *cat, const TableDef *tier, int64_t from,
                     int64_t to, bool adds)
{
    TierOf of = {0};
    TierList l = {0};
    Buf out;
    bool ok = tier_is_one(tier, &of);
    const TableDef *raw = ok ? cat_table_by_id(cat, of.raw) : NULL;
    must(raw && tiers_of(raw, &l) && of.level < l.count);
    const TableDef *source = cat_table_by_id(cat, l.items[of.level - 1].table);
    int64_t width = l.items[of.level].width_ns;
    bool rows = of.level == 1;
    Slice time = rows ? ident(a, raw->columns[raw->time_index].name) : SLICE_LIT("t");
    buf_init(&out);
    buf_puts(&out, "INSERT INTO ");
    put_table(&out, cat, tier);
    buf_puts(&out, " (");
    put_columns(&out, raw);
    buf_puts(&out, ") SELECT ");
    if (adds) {
        put_list_of(&out, a, raw, width, false);
        buf_puts(&out, " FROM (SELECT ");
        put_columns(&out, raw);
        buf_puts(&out, " FROM ");
        put_table(&out, cat, tier);
        put_where(&out, SLICE_LIT("t"), from, to);
        buf_puts(&out, " UNION ALL SELECT ");
    }
    put_list_of(&out, a, raw, width, rows);
    buf_puts(&out, " FROM ");
    put_table(&out, cat, source);
    put_where(&out, time, from, to);
    put_group(&out, raw);
    if (adds) {
        buf_puts(&out, ") u");
        put_group(&out, raw);
    }
    return encoded(a, &out);
}

/* ---- skulk.tiers ---- */

static Value time_of(int64_t ns)
{
    Value v = value_i64(floor_div(ns, NS_PER_US));
    v.null = ns == INT64_MIN;
    return v;
}

static bool list_tiers(Snapshot *snap, const TableDef *raw, const TierList *l, RowSink *sink,
                       Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < l->count; i++) {
        const TableDef *t = cat_table_by_id(cat, l->items[i].table);
        const Watch *w = i ? watches_find(snapshot_watches(snap), l->items[i].table) : NULL;
        TableInfo info;
        TierSeam seam;
        if (!t || !tier_seam(snap, raw->id, i, &seam, e))
            return !t;
        snapshot_table_info(snap, t->id, &info);
        Value row[] = {value_str(cat_schema_by_id(cat, raw->schema)->name),
                       value_str(raw->name),
                       value_i64((int64_t)i),
                       span_of(l->items[i].width_ns),
                       span_of(l->items[i].keep_ns),
                       value_str(t->name),
                       w ? time_of(w->state.upto_ns) : value_null(),
                       time_of(seam.seam),
                       time_of(seam.gone),
                       value_i64(w ? (int64_t)w->mark_count : 0),
                       value_i64((int64_t)info.rows),
                       value_i64((int64_t)info.bytes)};
        row[10].null = row[11].null = false;
        row_sink_add(sink, row);
    }
    return true;
}

static bool fill_tiers(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    const CatalogSnap *cat = snapshot_catalog(snap);
    const Session *s = ctx->session;
    TierList l;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->database == s->database && tiers_of(t, &l) && !list_tiers(snap, t, &l, sink, e))
            return false;
    }
    return true;
}

static const ViewColumn tier_columns[] = {{"schema_name", T_TEXT},
                                          {"table_name", T_TEXT},
                                          {"level", T_INT8},
                                          {"width", T_INTERVAL},
                                          {"keep", T_INTERVAL},
                                          {"kept_in", T_TEXT},
                                          {"made_to", T_TIMESTAMPTZ},
                                          {"read_from", T_TIMESTAMPTZ},
                                          {"gone_before", T_TIMESTAMPTZ},
                                          {"changed_ranges", T_INT8},
                                          {"rows", T_INT8},
                                          {"bytes", T_INT8}};
const ViewDef tier_views[] = {
    {"skulk", "tiers", tier_columns, ARRAY_LEN(tier_columns), fill_tiers,
     .text = "tiers of tables: what is kept of rows that are gone, and up to where"},
    {0},
};
