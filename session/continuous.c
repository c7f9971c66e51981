/* session/continuous.c - continuous views: made, dropped, refreshed (sqlts/continuous.h says what they are).
 *
 * REFRESH is one transaction: rows of the buckets that are out of date leave the hidden table, the same
 * buckets made anew come, and the watch of the view says so (storage/watch.h).  Whatever happens on
 * the way, each row counts once: what is not committed was not done, and what was written meanwhile is
 * marked. */
#include "exec/func_text.h"
#include "exec/grid.h"
#include "session/session_private.h"

#include "session/pieces.h"
#include "session/tier.h"
#include "storage/watch.h"
#include <stdio.h>

#define STATES_SCHEMA SLICE_LIT("pg_skulk") /* dumps and lists leave schemas named pg_ out */

bool continuous_schema(const SchemaDef *s)
{
    return s && slice_eq(s->name, STATES_SCHEMA);
}

bool continuous_hidden(const CatalogSnap *cat, const TableDef *t)
{
    return continuous_schema(cat_schema_by_id(cat, t->schema));
}

/* ---- options ---- */

static bool option_ns(const NameValue *o, int64_t *ns, Err *e)
{
    Interval iv;
    if (!interval_parse(o->value, &iv, e))
        err_wrap(e, "option \"%.*s\"", SLICE_ARG(o->name));
    else if (interval_to_ns(iv, ns) && *ns >= 0)
        return true;
    else
        err_set(e, ERR_INVALID_PARAMETER,
                "option \"%.*s\" must be an interval without months, not below zero",
                SLICE_ARG(o->name));
    return err_hint(e, "An interval is '10 minutes', '1h' or '7 days'.");
}

static bool option_bool(const NameValue *o, bool *out, Err *e)
{
    static const char *const yes[] = {"", "true", "on", "1", "yes"}, *const no[] = {"false", "off",
                                                                                    "0", "no"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (slice_eq_nocase(o->value, slice_cstr(yes[i])))
            return *out = true;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (slice_eq_nocase(o->value, slice_cstr(no[i]))) {
            *out = false;
            return true;
        }
    return err_set(e, ERR_INVALID_PARAMETER, "option \"%.*s\" must be true or false, not \"%.*s\"",
                   SLICE_ARG(o->name), SLICE_ARG(o->value));
}

typedef struct ViewOption {
    const char *name;
    size_t at; /* in ContinuousDef: an int64_t of ns, or */
    bool flag; /* a bool */
    const char *without;
} ViewOption;
static const ViewOption view_options[] = {
    {"refresh", offsetof(ContinuousDef, refresh_ns), false, "10 min"},
    {"lag", offsetof(ContinuousDef, lag_ns), false, "0"},
    {"for", offsetof(ContinuousDef, for_ns), false, "0"},
    {"realtime", offsetof(ContinuousDef, realtime), true, "true"},
};

/* The opposite of realtime. */
static bool is_materialized_only(Slice name)
{
    return slice_eq_cstr(name, "timescaledb.materialized_only") ||
           slice_eq_cstr(name, "tsdb.materialized_only");
}

/* Words of other systems, and what says nothing of the states. */
static bool foreign_option(ContinuousDef *d, const NameValue *o, bool *taken, Err *e)
{
    static const char *const no_matter[] = {"continuous",
                                            "query_name",
                                            "policy",
                                            "timescaledb.continuous",
                                            "tsdb.continuous",
                                            "timescaledb.create_group_indexes",
                                            "timescaledb.finalized"};
    for (size_t i = 0; i < ARRAY_LEN(no_matter); i++)
        if (slice_eq_cstr(o->name, no_matter[i]))
            return *taken = true;
    if (!is_materialized_only(o->name))
        return true;
    *taken = true;
    bool only;
    if (!option_bool(o, &only, e))
        return false;
    d->realtime = !only;
    return true;
}

static const ViewOption *find_option(Slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(view_options); i++)
        if (slice_eq_cstr(name, view_options[i].name))
            return &view_options[i];
    return NULL;
}

static bool put_option(ContinuousDef *d, const ViewOption *to, const NameValue *o, Err *e)
{
    char *at = (char *)d + to->at;
    return to->flag ? option_bool(o, (bool *)(void *)at, e)
                    : option_ns(o, (int64_t *)(void *)at, e);
}

static bool unknown_option(Slice name, const char *known, Err *e)
{
    return err_set(e, ERR_INVALID_PARAMETER, "unrecognized parameter \"%.*s\"", SLICE_ARG(name)) ||
           err_hint(e, "%s", known);
}

static bool read_option(ContinuousDef *d, const NameValue *o, Err *e)
{
    bool taken = false;
    if (!foreign_option(d, o, &taken, e) || taken)
        return taken;
    const ViewOption *to = find_option(o->name);
    return to ? put_option(d, to, o, e)
              : unknown_option(o->name, "continuous, refresh, lag, for and realtime are there.", e);
}

static bool default_option(ContinuousDef *d, const ViewOption *to, Err *e)
{
    NameValue o = {.name = slice_cstr(to->name), .value = slice_cstr(to->without)};
    return put_option(d, to, &o, e);
}

static bool read_options(ContinuousDef *d, const Bound *b, TableDef *view, Arena *a, Err *e)
{
    const NameValue *o = b->u.create_view.options;
    size_t n = b->u.create_view.option_count;
    for (size_t i = 0; i < ARRAY_LEN(view_options); i++)
        if (!default_option(d, &view_options[i], e))
            return false;
    for (size_t i = 0; i < n; i++)
        if (!read_option(d, &o[i], e))
            return false;
    view->options = ddl_merge_options(a, SLICE_NONE, o, n, true);
    return true;
}

void continuous_put(TableDef *view, Arena *a, const ContinuousDef *d)
{
    Buf bytes;
    buf_init(&bytes);
    continuous_encode(&bytes, d);
    view->extra = arena_slice(a, buf_slice(&bytes));
    buf_free(&bytes);
}

bool continuous_alter(Portal *p, TableDef *view, const NameValue *o, size_t n, bool set, Err *e)
{
    const NameValue realtime[] = {{.name = SLICE_LIT("realtime")},
                                  {.name = SLICE_LIT("timescaledb.materialized_only")},
                                  {.name = SLICE_LIT("tsdb.materialized_only")}};
    ContinuousDef d;
    if (!continuous_decode(&d, &p->arena, view, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool only = is_materialized_only(o[i].name), policy = slice_eq_cstr(o[i].name, "policy");
        if (policy) { /* only that there is one */
            view->options = ddl_merge_options(&p->arena, view->options, &o[i], 1, set);
            continue;
        }
        const ViewOption *to = find_option(only ? realtime[0].name : o[i].name);
        if (!to)
            return unknown_option(o[i].name, "refresh, lag, for and realtime can be changed.", e);
        if (!(set ? read_option(&d, &o[i], e) : default_option(&d, to, e)))
            return false;
        if (to->flag) /* one of its names alone is kept */
            view->options =
                ddl_merge_options(&p->arena, view->options, realtime, ARRAY_LEN(realtime), false);
        view->options = ddl_merge_options(&p->arena, view->options, &o[i], 1, set);
    }
    continuous_put(view, &p->arena, &d);
    return next_alter(p, &d, o, n, set, e);
}

/* ---- the hidden table ---- */

bool states_schema(Session *s, ObjectId *id, Err *e)
{
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *known = cat_schema(cat, s->database, STATES_SCHEMA);
    *id = known ? known->id : 0;
    cat_unref(cat);
    if (*id)
        return true;
    SchemaDef d = {
        .id = engine_new_id(s->db->engine), .database = s->database, .name = STATES_SCHEMA};
    CatEdit c = {.op = CAT_PUT_SCHEMA, .id = d.id, .schema = &d};
    *id = d.id;
    return ddl_edit_unchecked(s, &c, 1, e);
}

static ColumnDef state_column(Arena *a, const ContinuousDef *d, size_t i)
{
    bool key = i < d->key_count, time = i == d->bucket;
    const StateColumn *c = key ? NULL : &d->aggs[i - d->key_count];
    TypeId type = key ? d->keys[i] : c->state ? T_BYTEA : c->result;
    return (ColumnDef){.id = time ? COLUMN_TIME : (ColumnId)(i + 1),
                       .name = arena_printf(a, "c%zu", i),
                       .kind = time ? COL_TIME : COL_FIELD,
                       .type_oid = type,
                       .typmod = -1,
                       .not_null = time,
                       .phys = ddl_phys(type)};
}

static bool states_create(Portal *p, ContinuousDef *d, Err *e)
{
    Session *s = p->session;
    ObjectId schema;
    if (!states_schema(s, &schema, e))
        return false;
    size_t n = (size_t)d->key_count + d->agg_count;
    d->states = engine_new_id(s->db->engine);
    TableDef *t = ARENA_NEW(&p->arena, TableDef);
    *t = (TableDef){.id = d->states,
                    .database = s->database,
                    .schema = schema,
                    .name = arena_printf(&p->arena, "states_%u", d->states),
                    .kind = TABLE_SERIES,
                    .duplicates = DUP_KEEP,
                    .time_index = (int16_t)d->bucket,
                    .next_column = (ColumnId)(n + 1),
                    .ttl_own = true,
                    .columns = ARENA_ARRAY(&p->arena, ColumnDef, n + 1)};
    for (size_t i = 0; i < n; i++)
        t->columns[t->column_count++] = state_column(&p->arena, d, i);
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .table = t};
    return ddl_edit_unchecked(s, &c, 1, e);
}

/* ---- time ---- */

/* The buckets of a grid are asked for their borders each time: there are few questions in a REFRESH. */
static int64_t grain_down(const ContinuousDef *d, int64_t t)
{
    Bucket b;
    Err ignored;
    if (d->grid.len)
        return grid_decode(&b, d->grid, &ignored) ? grid_down(&b, t) : INT64_MIN;
    int64_t rest = (t - d->origin_ns) % d->width_ns;
    return t - (rest < 0 ? rest + d->width_ns : rest);
}

static int64_t grain_up(const ContinuousDef *d, int64_t t)
{
    Bucket b;
    Err ignored;
    if (d->grid.len)
        return grid_decode(&b, d->grid, &ignored) ? grid_up(&b, t) : INT64_MAX;
    int64_t down = grain_down(d, t);
    return down == t ? t : down + d->width_ns;
}

/* Buckets before it are over, and as old as the view wants. */
static int64_t finished_line(const Db *db, const ContinuousDef *d)
{
    return grain_down(d, db->clock->wall_ns(db->clock) - d->lag_ns);
}

/* Up to where all buckets can be kept.  Of a view: behind the newest row there is nothing, so that a clock that runs
 * ahead for a while covers no time that rows are still to come for.  Of a tier: finer buckets are there up to where
 * they were made. */
static int64_t line_of(const Db *db, const Snapshot *snap, const ContinuousDef *d, bool tier)
{
    int64_t finished = finished_line(db, d), line = finished;
    const Watch *finer = tier ? watches_find(snapshot_watches(snap), d->base) : NULL;
    TableInfo info;
    if (finer)
        line = grain_down(d, finer->state.upto_ns);
    if (!tier) {
        snapshot_table_about(snap, d->base, &info);
        line = info.rows && info.t_max < finished ? grain_up(d, info.t_max + 1) : finished;
    }
    return line < finished ? line : finished;
}

bool view_job_idle(Db *db, TableId view)
{
    Snapshot *snap = engine_snapshot(db->engine, NULL);
    const CatalogSnap *cat = snapshot_catalog(snap);
    const TableDef *t = cat_table_by_id(cat, view);
    ContinuousDef d;
    Arena a;
    Err ignored;
    arena_init(&a, NULL);
    bool tier = t && tier_def(cat, t, &d);
    bool known = tier || (t && view_is_continuous(t) && continuous_decode(&d, &a, t, &ignored));
    const Watch *w =
        known ? watches_find(snapshot_watches(snap), tier ? view : continuous_watch(&d, t)) : NULL;
    bool idle = w && !d.replaces && !w->mark_count && w->state.from_ns == INT64_MIN &&
                line_of(db, snap, &d, tier) <= w->state.upto_ns;
    arena_free(&a);
    snapshot_unref(snap);
    return idle;
}

/* ---- making and dropping ---- */

/* Nothing is kept yet: the watch begins where the newest bucket that is over ends. */
static bool watch_anew(Portal *p, TableDef *view, const ContinuousDef *d, Err *e)
{
    Session *s = p->session;
    continuous_put(view, &p->arena, d);
    int64_t line = finished_line(s->db, d);
    WatchEdit edit = {.what = WATCH_NEW,
                      .state = {.id = continuous_watch(d, view),
                                .table = d->base,
                                .grain_ns = d->width_ns,
                                .origin_ns = d->origin_ns,
                                .watched_to_ns = INT64_MIN,
                                .from_ns = line,
                                .upto_ns = line,
                                .horizon_ns = INT64_MIN}};
    edit.state.other_count = d->other_count;
    memcpy(edit.state.others, d->others, sizeof d->others);
    return txn_watch(tx_storage(s), &edit, e);
}

/* What other views have merged is of the query that is to be replaced; and no view is made of itself. */
bool continuous_alone(Session *s, const CatalogSnap *cat, const TableDef *view, TableId lower,
                      Err *e)
{
    Arena a;
    ContinuousDef d;
    bool ok = lower != view->id ||
              err_set(e, ERR_INVALID_RECURSION, "view \"%.*s\" cannot be made of itself",
                      SLICE_ARG(view->name));
    arena_init(&a, NULL);
    for (size_t i = 0; ok && i < cat_table_count(cat); i++) {
        const TableDef *v = cat_table_at(cat, i);
        if (!view_is_continuous(v))
            continue;
        ok = continuous_decode(&d, &a, v, e);
        if (ok && d.lower == view->id) {
            char of[DDL_LABEL_MAX], reader[DDL_LABEL_MAX];
            ddl_label(s, cat, view, of);
            ddl_label(s, cat, v, reader);
            ok = err_set(e, ERR_DEPENDENT_OBJECTS, "cannot replace %s because %s is made of it", of,
                         reader) ||
                 err_hint(e, "Drop the view above first, or make another one.");
        }
    }
    arena_free(&a);
    return ok;
}

bool continuous_define(Portal *p, TableDef *view, const TableDef *old, Err *e)
{
    Session *s = p->session;
    ContinuousDef *d = p->bound->u.create_view.continuous;
    ContinuousDef was;
    if (old && !continuous_decode(&was, &p->arena, old, e))
        return false;
    if (!read_options(d, p->bound, view, &p->arena, e))
        return false;
    if (old && p->bound->u.create_view.keeps_options) {
        d->realtime = was.realtime;
        d->refresh_ns = was.refresh_ns;
        d->lag_ns = was.lag_ns;
        d->for_ns = was.for_ns;
        view->options = old->options;
    }
    bool later = false;
    if (old && !next_wanted(s, old, d, &later, e))
        return false;
    if (later)
        return next_begin(p, view, old, e) && states_create(p, d, e) && watch_anew(p, view, d, e);
    return (!old || continuous_forget(s, old, e)) && states_create(p, d, e) &&
           watch_anew(p, view, d, e);
}

/* Of any format: one that cannot be read has no next version and the watch of its id. */
bool continuous_drop_states(Session *s, const TableDef *view, Err *e)
{
    Arena a;
    Err ignored;
    ContinuousDef d;
    bool ok = true;
    arena_init(&a, NULL);
    if (!continuous_decode(&d, &a, view, &ignored))
        d = (ContinuousDef){0};
    CatalogSnap *cat = session_catalog(s);
    const TableDef *states = cat_table_by_id(cat, continuous_states(view));
    if (states) {
        CatEdit c = {.op = CAT_DROP_TABLE, .id = states->id, .expect_version = states->version};
        ok = ddl_edit_unchecked(s, &c, 1, e);
    }
    WatchEdit edit = {.what = WATCH_DROP, .state = {.id = continuous_watch(&d, view)}};
    ok = ok && txn_watch(tx_storage(s), &edit, e);
    cat_unref(cat);
    arena_free(&a);
    return ok;
}

bool continuous_forget(Session *s, const TableDef *view, Err *e)
{
    if (view_is_stored(view))
        return matview_forget(s, view, e);
    if (!view_is_continuous(view))
        return tiers_forget(s, view, e);
    return next_forget(s, view, e) && continuous_drop_states(s, view, e);
}

/* ---- lists ---- */

Slice kept_option(const TableDef *view, Slice name)
{
    const char *p = view->options.ptr, *end = p + view->options.len;
    while (p && p < end) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        Slice all = slice_of(p, (size_t)((line ? line : end) - p));
        if (all.len > name.len && all.ptr[name.len] == '=' && memcmp(p, name.ptr, name.len) == 0)
            return slice_of(p + name.len + 1, all.len - name.len - 1);
        p = line ? line + 1 : end;
    }
    return SLICE_NONE;
}

static bool fill_queries(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    const CatalogSnap *cat = snapshot_catalog(snap);
    const Session *s = ctx->session;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        if (t->database != s->database || !view_is_continuous(t) || continuous_hidden(cat, t))
            continue;
        const SchemaDef *in = cat_schema_by_id(cat, t->schema);
        const DatabaseDef *d = cat_database_by_id(cat, t->database);
        Slice name = kept_option(t, SLICE_LIT("query_name"));
        Value row[] = {value_str(d ? d->name : SLICE_NONE), value_str(name.len ? name : t->name),
                       value_str(t->definition), value_str(in ? in->name : SLICE_NONE),
                       value_str(t->name)};
        row_sink_add(sink, row);
    }
    return true;
}

static const ViewColumn query_columns[] = {{"database", T_TEXT},
                                           {"name", T_TEXT},
                                           {"query", T_TEXT},
                                           {"view_schema", T_TEXT},
                                           {"view_name", T_TEXT}};
const ViewDef continuous_views[] = {
    {"skulk", "continuous_queries", query_columns, ARRAY_LEN(query_columns), fill_queries,
     .text = "continuous views; the name is that of CREATE CONTINUOUS QUERY"},
    {0},
};

/* ---- the table changes ---- */

/* All that was known of the rows is void: the view begins anew. */
static bool begin_anew(Portal *p, const TableDef *view, TableId from, TableId to, Err *e)
{
    Session *s = p->session;
    ContinuousDef d;
    if (!continuous_decode(&d, &p->arena, view, e) || !continuous_drop_states(s, view, e))
        return false;
    d.base = d.base == from ? to : d.base;
    for (size_t i = 0; i < d.other_count; i++)
        d.others[i] = d.others[i] == from ? to : d.others[i];
    TableDef *copy = table_def_copy(&p->arena, view);
    if (!states_create(p, &d, e) || !watch_anew(p, copy, &d, e))
        return false;
    CatEdit c = {
        .op = CAT_PUT_TABLE, .id = view->id, .expect_version = view->version, .table = copy};
    return ddl_edit_unchecked(s, &c, 1, e);
}

bool continuous_truncated(Portal *p, const CatalogSnap *cat, TableId from, TableId to, Err *e)
{
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *v = cat_table_at(cat, i);
        ContinuousDef d;
        if (!view_is_continuous(v))
            continue;
        if (!continuous_decode(&d, &p->arena, v, e))
            return false;
        if (continuous_reads(&d, from) && !begin_anew(p, v, from, to, e))
            return false;
    }
    return true;
}

/* ---- REFRESH ---- */

struct RefreshRun {   /* one REFRESH */
    CatalogSnap *cat; /* what the statements inside were analyzed under */
    const TableDef *view;
    ContinuousDef def;
    int64_t from_ns, to_ns;             /* wanted: whole buckets */
    int64_t repair_from_ns;             /* marks before it stay */
    int64_t cover_from_ns, cover_to_ns; /* afterwards */
    int64_t horizon_ns;                 /* as the snapshot has it */
    Lsn place;                          /* marks up to it are settled */
    Pieces pieces;
    PieceKey *keys; /* tags of GROUP BY */
    size_t key_count, next;
    Slice groups;    /* the condition of the piece at hand */
    bool emptied;    /* what it replaces is gone */
    bool whole;      /* no range was given */
    bool tier;       /* it is no view, but a tier of a table */
    bool takes_over; /* it is a next version, and all of it is kept */
    ObjectId watch;
    ViewRefresh inside; /* the piece at hand */
};

void refresh_free(Portal *p)
{
    if (p->refresh)
        cat_unref(p->refresh->cat);
    p->refresh = NULL;
}

static bool time_arg(Portal *p, const Expr *x, int64_t *ns, Err *e)
{
    Value v;
    EvalCtx ctx;
    session_eval_ctx(p->session, &ctx);
    ctx.arena = ctx.scratch = &p->arena;
    if (!expr_value(&ctx, x, &v, e))
        return false;
    if (v.null)
        return err_set(e, ERR_NULL_NOT_ALLOWED, "the range of REFRESH must not be null");
    if (__builtin_mul_overflow(v.u.i64, (int64_t)1000, ns))
        *ns = v.u.i64 < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

enum { SLICE_ROWS = 2000000 }; /* about so many rows are back-filled in one transaction */

/* A job brings the view up to date and back-fills one slice, the newest that is not there. */
static void job_range(Portal *p, RefreshRun *r)
{
    const ContinuousDef *d = &r->def;
    TableInfo info;
    Snapshot *snap = tx_snapshot(p->session);
    const Watch *w = watches_find(snapshot_watches(snap), r->watch);
    snapshot_table_about(snap, d->base, &info);
    if (d->for_ns && d->for_ns < r->to_ns)
        r->repair_from_ns = grain_down(d, r->to_ns - d->for_ns);
    int64_t from = w ? w->state.from_ns : INT64_MIN, first = info.rows ? info.t_min : INT64_MAX;
    if (info.rows && from > info.t_max)
        from = grain_up(d, info.t_max + 1);
    double span = (double)info.t_max - (double)first + 1;
    double slice = info.rows ? span * SLICE_ROWS / (double)info.rows : 0;
    if (first < from && (double)from - (double)first > slice) /* else what is left is one slice */
        r->from_ns = grain_down(
            d, from - (int64_t)(slice > (double)d->width_ns ? slice : (double)d->width_ns));
    snapshot_unref(snap);
}

static bool wanted_range(Portal *p, RefreshRun *r, Err *e)
{
    const Bound *b = p->bound;
    int64_t now = p->session->db->clock->wall_ns(p->session->db->clock), from, to;
    r->whole = !b->u.refresh.from;
    r->from_ns = r->repair_from_ns = INT64_MIN;
    Snapshot *snap = tx_snapshot(p->session);
    r->to_ns = line_of(p->session->db, snap, &r->def, r->tier);
    snapshot_unref(snap);
    if (p->session->view_job)
        job_range(p, r);
    if (r->whole)
        return true;
    if (!time_arg(p, b->u.refresh.from, &from, e) || !time_arg(p, b->u.refresh.to, &to, e))
        return false;
    if (from >= to)
        return err_set(e, ERR_INVALID_PARAMETER, "the range of REFRESH is empty") ||
               err_hint(e, "FROM is the first moment, TO the first one behind the range.");
    to = to < now ? to : now; /* the future has no rows yet */
    from = from < to ? from : to;
    r->from_ns = from < INT64_MIN + r->def.width_ns ? INT64_MIN : grain_down(&r->def, from);
    r->to_ns = grain_up(&r->def, to);
    return true;
}

static bool not_one(const TableDef *t, Err *e)
{
    bool view = t->kind == TABLE_VIEW;
    return err_set(e, view ? ERR_WRONG_OBJECT : ERR_FEATURE_NOT_SUPPORTED,
                   view ? "\"%.*s\" is not a table or materialized view"
                        : "\"%.*s\" is not a materialized view",
                   SLICE_ARG(t->name));
}

/* REFRESH of all of a view that has a next version makes that, and it takes over. */
static bool refresh_of_view(Portal *p, RefreshRun *r, Err *e)
{
    bool ok = view_is_continuous(r->view) ? continuous_decode(&r->def, &p->arena, r->view, e)
                                          : not_one(r->view, e);
    const TableDef *next = ok && r->def.next && !p->session->view_job && !p->bound->u.refresh.from
                               ? cat_table_by_id(r->cat, r->def.next)
                               : NULL;
    if (next) {
        r->view = next;
        ok = continuous_decode(&r->def, &p->arena, next, e);
    }
    r->takes_over = next != NULL;
    r->watch = ok ? continuous_watch(&r->def, r->view) : 0;
    return ok;
}

/* What the name stands for; a tier gets columns for what its table got. */
static bool refresh_of(Portal *p, RefreshRun *r, Err *e)
{
    TierOf of;
    bool grew;
    r->tier = tier_def(r->cat, r->view, &r->def);
    if (!r->tier)
        return refresh_of_view(p, r, e);
    r->watch = r->view->id;
    must(tier_is_one(r->view, &of));
    if (!tier_follow(p, cat_table_by_id(r->cat, of.raw), r->view, &grew, e))
        return false;
    if (grew) {
        TableId id = r->view->id;
        cat_unref(r->cat);
        r->cat = session_catalog(p->session);
        r->view = cat_table_by_id(r->cat, id);
    }
    return true;
}

/* Only what is stored can be without data. */
static bool has_data(const BoundRefresh *r, const TableDef *view, Err *e)
{
    return view_is_stored(view) || !r->no_data ||
           err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "REFRESH MATERIALIZED VIEW ... WITH NO DATA is not supported") ||
           err_hint(e, "A continuous view is never without data: it reads the rows of its table "
                       "where nothing is kept.");
}

static RefreshRun *refresh_open(Portal *p, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    RefreshRun *r = p->refresh = ARENA_NEW(&p->arena, RefreshRun);
    r->cat = session_catalog(s);
    r->view = session_find_table(s, r->cat, &b->u.refresh.name);
    Slice name = b->u.refresh.name.name;
    bool ok = r->view != NULL;
    if (!ok)
        err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", SLICE_ARG(name));
    ok = ok && session_owns(s, r->cat, GRANT_TABLE, r->view->id, name, e) &&
         has_data(&b->u.refresh, r->view, e) &&
         (view_is_stored(r->view) ||
          (tx_refuse_block(s, "REFRESH MATERIALIZED VIEW of a continuous view", e) &&
           refresh_of(p, r, e) && wanted_range(p, r, e)));
    return ok ? r : NULL;
}

/* Rows below the range are marked from now on: those that come while it is computed, too. */
static void announce(Portal *p, const RefreshRun *r)
{
    WatchEdit edit = {.what = WATCH_TO, .state = {.id = r->watch, .watched_to_ns = r->to_ns}};
    p->ticket = (Ticket){.waiter = p->session->waiter};
    p->ticket_busy = true;
    engine_watch(p->session->db->engine, &edit, 1, SYNC_OFF, &p->ticket);
}

/* ---- which pieces ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Marks are of whole buckets, but where those are not all equally long. */
static int64_t mark_from(const RefreshRun *r, const WatchMark *m)
{
    return r->def.grid.len ? grain_down(&r->def, m->from_ns) : m->from_ns;
}

static int64_t mark_to(const RefreshRun *r, const WatchMark *m)
{
    return r->def.grid.len ? grain_up(&r->def, m->to_ns) : m->to_ns;
}

/* The keys that are tags, as the hidden table calls them. */
static void tag_keys(Portal *p, RefreshRun *r)
{
    const ContinuousDef *d = &r->def;
    r->pieces.arena = &p->arena;
    if (r->tier)
        return;
    r->keys = ARENA_ARRAY(&p->arena, PieceKey, d->key_count + 1u);
    for (size_t i = 0; i < d->key_count; i++)
        if (d->tags[i])
            r->keys[r->key_count++] = (PieceKey){d->tags[i], arena_printf(&p->arena, "c%zu", i)};
    r->pieces.by_series = r->key_count > 0;
}

static void choose_pieces(Portal *p, RefreshRun *r, const Watch *w, int64_t horizon)
{
    Pieces *l = &r->pieces;
    int64_t from = w->state.from_ns, upto = w->state.upto_ns;
    horizon = r->def.grid.len ? grain_up(&r->def, horizon) : horizon;
    if (from >= upto)
        from = upto = r->to_ns;
    pieces_add(l, r->from_ns, from, PIECE_NEW, 0);
    pieces_add(l, upto, r->to_ns, PIECE_NEW, 0);
    r->cover_from_ns = smaller(from, r->from_ns);
    r->cover_to_ns = larger(upto, r->to_ns);
    int64_t low = larger(larger(from, r->from_ns), larger(horizon, r->repair_from_ns)),
            high = r->whole ? upto : smaller(upto, r->to_ns);
    if (p->bound->u.refresh.force)
        pieces_add(l, low, high, PIECE_REPLACES, 0);
    for (size_t i = 0; !p->bound->u.refresh.force && i < w->mark_count; i++)
        if (w->marks[i].to_ns > low && w->marks[i].from_ns < high)
            pieces_add(l, larger(mark_from(r, &w->marks[i]), low),
                       smaller(mark_to(r, &w->marks[i]), high), PIECE_REPLACES, w->marks[i].series);
    for (size_t i = 0; r->tier && i < w->mark_count; i++)
        pieces_add(l, larger(w->marks[i].from_ns, r->from_ns), smaller(w->marks[i].to_ns, horizon),
                   PIECE_ADDS, 0);
    pieces_join(l);
}

/* The rows of the snapshot may have fields that the tier has no columns for. */
static bool as_analyzed(const RefreshRun *r, const Snapshot *snap, Err *e)
{
    TierOf of;
    if (!r->tier || !tier_is_one(r->view, &of))
        return true;
    const TableDef *was = cat_table_by_id(r->cat, of.raw),
                   *is = cat_table_by_id(snapshot_catalog(snap), of.raw);
    return (was && is && was->version == is->version) ||
           err_set(e, ERR_SERIALIZATION, "the table was changed meanwhile");
}

static bool plan_pieces(Portal *p, RefreshRun *r, Err *e)
{
    int64_t horizon = INT64_MIN;
    Snapshot *snap = tx_snapshot(p->session);
    const Watch *w = watches_find(snapshot_watches(snap), r->watch);
    bool ok = w ? watch_horizon(snap, w, &horizon, e) && as_analyzed(r, snap, e)
                : err_set(e, ERR_SERIALIZATION, "the view was dropped or replaced");
    if (ok) {
        r->place = snapshot_place(snap);
        r->horizon_ns = horizon;
        r->takes_over |= r->def.replaces && w->state.from_ns == INT64_MIN;
        tag_keys(p, r);
        choose_pieces(p, r, w, horizon);
    }
    snapshot_unref(snap);
    return ok;
}

/* ---- doing them ---- */

static Slice taken(Arena *a, Buf *text)
{
    Slice sql = arena_slice(a, buf_slice(text));
    buf_free(text);
    return sql;
}

static Slice view_statement(Arena *a, const RefreshRun *r)
{
    Buf text;
    buf_init(&text);
    buf_printf(&text, "INSERT INTO pg_skulk.states_%u SELECT * FROM ", r->def.states);
    const SchemaDef *schema = cat_schema_by_id(r->cat, r->view->schema);
    text_put_ident(&text, schema->name);
    buf_put_u8(&text, '.');
    text_put_ident(&text, r->view->name);
    buf_printf(&text, " WHERE true%.*s", SLICE_ARG(r->groups));
    return taken(a, &text);
}

/* What is kept of some groups. */
static Slice groups_statement(Arena *a, const RefreshRun *r, const Piece *piece)
{
    Buf text;
    buf_init(&text);
    buf_printf(&text,
               "DELETE FROM pg_skulk.states_%u WHERE ts_ns(c%u) >= %lld AND ts_ns(c%u) < %lld%.*s",
               r->def.states, r->def.bucket, (long long)piece->from_ns, r->def.bucket,
               (long long)piece->to_ns, SLICE_ARG(r->groups));
    return taken(a, &text);
}

static bool open_inner(Portal *p, RefreshRun *r, Slice sql, Err *e)
{
    Session *s = p->session;
    EvalCtx fold;
    SqlStatement *st;
    size_t count;
    Bound *bound;
    session_eval_ctx(s, &fold);
    fold.arena = fold.scratch = &p->arena;
    SqlEnv env = session_sql_env(s, r->cat, &fold);
    env.allow = NULL;
    env.may_look = NULL;
    env.refresh = &r->inside;
    if (!sql_parse(&p->arena, sql, &st, &count, e) ||
        !sql_analyze(&env, &p->arena, st, NULL, 0, &bound, e))
        return false;
    p->inner = portal_within(p, bound);
    p->inner->analyze = true;
    return true;
}

/* The rows of the buckets go at once, those of some groups by a statement; false: that is under way. */
static bool empty_piece(Portal *p, RefreshRun *r, const Piece *piece, Err *e)
{
    DeleteSpec all = {.table = r->def.states, .t_min = piece->from_ns, .t_max = piece->to_ns - 1};
    Buf groups;
    buf_init(&groups);
    bool some = piece->how == PIECE_REPLACES &&
                piece_condition(&groups, engine_index(p->session->db->engine), r->def.base, piece,
                                r->keys, r->key_count);
    r->groups = taken(&p->arena, &groups);
    if (some)
        return open_inner(p, r, groups_statement(&p->arena, r, piece), e);
    return piece->how != PIECE_REPLACES || txn_delete(tx_storage(p->session), &all, e);
}

static bool fill_piece(Portal *p, RefreshRun *r, const Piece *piece, Err *e)
{
    r->inside = (ViewRefresh){.view = r->view->id,
                              .all_ages = r->tier,
                              .from_us = piece->from_ns / 1000,
                              .to_us = piece->to_ns / 1000};
    Slice sql = r->tier ? tier_statement(&p->arena, r->cat, r->view, piece->from_ns, piece->to_ns,
                                         piece->how == PIECE_ADDS)
                        : view_statement(&p->arena, r);
    return open_inner(p, r, sql, e);
}

/* Rows that were added to their bucket go: unless more came since, which the next run adds. */
static bool piece_done(Portal *p, RefreshRun *r, const Piece *piece, Err *e)
{
    DeleteSpec added = {.table = r->def.base, .t_min = piece->from_ns, .t_max = piece->to_ns - 1};
    WatchEdit edit = {.what = WATCH_UNCHANGED,
                      .state = {.id = r->watch},
                      .clear_lsn = r->place,
                      .clear_from_ns = piece->from_ns,
                      .clear_to_ns = piece->to_ns};
    if (piece->how != PIECE_ADDS)
        return true;
    return txn_watch(tx_storage(p->session), &edit, e) &&
           txn_delete(tx_storage(p->session), &added, e);
}

static bool open_next(Portal *p, RefreshRun *r, Err *e)
{
    const Piece *piece = &r->pieces.items[r->next];
    bool first = !r->emptied;
    if (first && !empty_piece(p, r, piece, e))
        return false;
    r->emptied = true;
    return (first && p->inner) || fill_piece(p, r, piece, e);
}

static bool close_inner(Portal *p, RefreshRun *r, Err *e)
{
    const Piece *piece = &r->pieces.items[r->next];
    bool filled = p->inner->bound->kind == BOUND_INSERT;
    p->rows += filled ? p->inner->rows + p->inner->changed : 0;
    p->rows_read += p->inner->analyzed ? query_rows_read(p->inner->analyzed) : 0;
    portal_free(p->inner);
    p->inner = NULL;
    if (!filled)
        return true;
    r->emptied = false;
    r->next++;
    return piece_done(p, r, piece, e);
}

static RunStatus run_pieces(Portal *p, RefreshRun *r, Err *e)
{
    Batch *b;
    while (r->next < r->pieces.count) {
        if (!p->inner && !open_next(p, r, e))
            return RUN_FAIL;
        RunStatus st = portal_run(p->inner, 0, &b, e);
        if (st != RUN_DONE)
            return st;
        if (!close_inner(p, r, e))
            return RUN_FAIL;
    }
    return RUN_DONE;
}

static bool settle(Portal *p, const RefreshRun *r, Err *e)
{
    WatchEdit edit = {.what = WATCH_COVER | WATCH_CLEAR | WATCH_HORIZON,
                      .state = {.id = r->watch,
                                .horizon_ns = r->horizon_ns,
                                .from_ns = r->cover_from_ns,
                                .upto_ns = r->cover_to_ns},
                      .clear_lsn = r->place,
                      .clear_from_ns = larger(r->from_ns, r->repair_from_ns),
                      .clear_to_ns = r->whole ? INT64_MAX : r->to_ns};
    return txn_watch(tx_storage(p->session), &edit, e);
}

enum { REFRESH_BEGIN, REFRESH_ANNOUNCED, REFRESH_LOCK, REFRESH_WORK };

RunStatus refresh_run(Portal *p, Batch **out, Err *e)
{
    RunStatus st;
    (void)out;
    if (p->phase == REFRESH_BEGIN) {
        if (!refresh_open(p, e))
            return RUN_FAIL;
        p->phase = MATVIEW_LOCK;
    }
    if (view_is_stored(p->refresh->view))
        return matview_refresh(p, p->refresh->cat, p->refresh->view, e);
    if (p->phase == MATVIEW_LOCK) {
        announce(p, p->refresh);
        p->phase = REFRESH_ANNOUNCED;
    }
    RefreshRun *r = p->refresh;
    if (p->phase == REFRESH_ANNOUNCED) {
        if ((st = ticket_run(p, e)) != RUN_DONE)
            return st;
        p->phase = REFRESH_LOCK;
    }
    if (p->phase == REFRESH_LOCK) {
        if ((st = tx_lock_table(p, r->def.states, e)) != RUN_DONE)
            return st;
        if (!plan_pieces(p, r, e))
            return RUN_FAIL;
        p->phase = REFRESH_WORK;
    }
    if ((st = run_pieces(p, r, e)) != RUN_DONE)
        return st;
    return settle(p, r, e) && (!r->takes_over || next_takes_over(p, r->view, &r->def, e))
               ? portal_set_tag(p, p->bound->tag)
               : RUN_FAIL;
}
