/* sqlts/analyze_hypertable.c - TimescaleDB's calls that define a table: SELECT create_hypertable(...),
 * set_chunk_time_interval(...).  Each is an ALTER TABLE that answers with a row.
 *
 * To add a call: its parameters in calls[], its actions in one function. */
#include "exec/array.h"
#include "exec/func_text.h"
#include "sqlts/analyze.h"

enum { PARAMS_MAX = 17 };

typedef struct HyperCall {
    Analyzer *z;
    const NFunc *n;
    Bound *bound;
    Slice column;
    NameValue option;    /* value "" = RESET */
    NameValue policy[4]; /* more options, SET */
    size_t policy_count;
    bool given[PARAMS_MAX];
    Value values[PARAMS_MAX];
    TypeId types[PARAMS_MAX];
} HyperCall;

/* ---- arguments ---- */

static const char *const old_params[] = {"relation",
                                         "time_column_name",
                                         "partitioning_column",
                                         "number_partitions",
                                         "associated_schema_name",
                                         "associated_table_prefix",
                                         "chunk_time_interval",
                                         "create_default_indexes",
                                         "if_not_exists",
                                         "partitioning_func",
                                         "migrate_data",
                                         "chunk_target_size",
                                         "chunk_sizing_func",
                                         "time_partitioning_func",
                                         "replication_factor",
                                         "data_nodes",
                                         "distributed"};
enum { OLD_COLUMN = 1, OLD_INTERVAL = 6, OLD_IF_NOT_EXISTS = 8, OLD_MIGRATE = 10 };
static const char *const new_params[] = {"relation", "dimension", "create_default_indexes",
                                         "if_not_exists", "migrate_data"};
static const char *const range_params[] = {"column_name", "partition_interval", "partition_func"};
static const char *const interval_params[] = {"hypertable", "chunk_time_interval",
                                              "dimension_name"};

static const char *const policy_params[] = {"relation",           "drop_after",    "if_not_exists",
                                            "schedule_interval",  "initial_start", "timezone",
                                            "drop_created_before"};

static bool refused(HyperCall *c, const SqlNode *at, const char *what, Err *e)
{
    az_fail(c->z, at, ERR_FEATURE_NOT_SUPPORTED, e, "%s is not supported here", what);
    return err_hint(e, "docs/sql.md says which arguments are taken.");
}

static bool const_arg(HyperCall *c, const SqlNode *n, size_t slot, Err *e)
{
    Scope s;
    Expr *x;
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_VALUES;
    if (!az_expr(c->z, &s, n, &x, e))
        return false;
    if (!expr_is_const(x) || x->kind == EXPR_PARAM)
        return refused(c, n, "an argument that is no constant", e);
    c->given[slot] = true;
    c->types[slot] = x->type;
    return expr_value(c->z->env->fold, x, &c->values[slot], e) || az_at(c->z, n, e);
}

static bool read_args(HyperCall *c, const NFunc *call, const char *const *names, size_t count,
                      Err *e)
{
    for (size_t i = 0; i < count; i++)
        c->given[i] = false;
    for (size_t i = 0; i < call->args.count; i++) {
        const NTarget *arg = (const NTarget *)call->args.items[i];
        bool named = arg->n.kind == N_NAMED_ARG;
        size_t slot = named ? 0 : i;
        while (named && slot < count && !slice_eq_cstr(arg->name, names[slot]))
            slot++;
        if (slot >= count || c->given[slot]) {
            az_fail(c->z, &call->n, ERR_UNDEFINED_FUNCTION, e, "function %.*s has no such argument",
                    SLICE_ARG(ast_last_name(&call->names)));
            return err_hint(e, "docs/sql.md says which arguments are taken.");
        }
        const SqlNode *value = named ? arg->expr : &arg->n;
        bool dimension = value->kind == N_FUNC && names == new_params && slot == 1;
        if (!dimension && !const_arg(c, value, slot, e))
            return false;
        c->given[slot] = true;
    }
    return true;
}

static Slice text_of(HyperCall *c, size_t slot)
{
    Buf b;
    if (!c->given[slot] || c->values[slot].null)
        return SLICE_NONE;
    buf_init(&b);
    type_find(c->types[slot])->out(&c->z->env->fold->env, &c->values[slot], &b);
    Slice text = arena_slice(c->z->arena, buf_slice(&b));
    buf_free(&b);
    return text;
}

/* 'cpu', 'public."Cpu"', 'cpu'::regclass */
static bool table_name(HyperCall *c, Err *e)
{
    const SqlNode *at = c->n->args.items[0];
    Value text = value_str(text_of(c, 0)), parts;
    Expr *arg = az_const(c->z, T_TEXT, text, az_position(c->z, at->offset)), *x;
    if (!c->given[0] || c->values[0].null)
        return az_fail(c->z, at, ERR_INVALID_PARAMETER, e, "relation cannot be NULL");
    if (!az_call_named(c->z, at, "parse_ident", &arg, 1, &x, e) ||
        !expr_value(c->z->env->fold, x, &parts, e))
        return az_at(c->z, at, e);
    const Array *names = parts.u.arr;
    QualifiedName *q = &c->bound->u.alter.name;
    q->position = az_position(c->z, at->offset);
    q->name = names->items[names->count - 1].u.str;
    if (names->count > 1)
        q->schema = names->items[names->count - 2].u.str;
    return true;
}

/* An interval, or us as a number. */
static bool window(HyperCall *c, size_t slot, Err *e)
{
    if (!c->given[slot] || c->values[slot].null)
        return true;
    Slice text = text_of(c, slot);
    int64_t us;
    if (c->types[slot] != T_INTERVAL && slice_to_i64(text, &us))
        text = arena_printf(c->z->arena, "%lld us", (long long)us);
    c->option = (NameValue){SLICE_LIT("window"), text};
    (void)e;
    return true;
}

static bool is_true(const HyperCall *c, size_t slot)
{
    Slice yes = c->given[slot] && !c->values[slot].null && c->values[slot].phys == PH_STR
                    ? c->values[slot].u.str
                    : SLICE_NONE;
    return c->given[slot] && !c->values[slot].null &&
           (yes.len ? yes.ptr[0] == 't' || yes.ptr[0] == 'T' : c->values[slot].u.b);
}

/* ---- the calls ---- */

static AlterAction *add_action(HyperCall *c, AlterKind kind)
{
    AlterAction *a = &c->bound->u.alter.actions[c->bound->u.alter.count++];
    *a = (AlterAction){.kind = kind, .name = c->column};
    return a;
}

static void set_actions(HyperCall *c)
{
    c->bound->u.alter.actions = ARENA_ARRAY(c->z->arena, AlterAction, 3);
    if (c->column.len)
        add_action(c, ALTER_TIME_COLUMN);
    if (c->option.name.len) {
        AlterAction *a =
            add_action(c, c->option.value.len ? ALTER_SET_OPTIONS : ALTER_RESET_OPTIONS);
        a->options = &c->option;
        a->option_count = 1;
    }
    if (c->policy_count) {
        AlterAction *a = add_action(c, ALTER_SET_OPTIONS);
        a->options = c->policy;
        a->option_count = c->policy_count;
    }
}

static void put_policy(HyperCall *c, const char *name, Slice value)
{
    c->policy[c->policy_count++] = (NameValue){slice_cstr(name), value};
}

/* create_hypertable('cpu', by_range('ts', INTERVAL '1 day'), ...) */
static bool generalized(HyperCall *c, const NFunc *dimension, Err *e)
{
    const NFunc *call = c->n;
    HyperCall d = {.z = c->z, .n = c->n, .bound = c->bound};
    if (!slice_eq_cstr(ast_last_name(&dimension->names), "by_range"))
        return refused(c, &dimension->n, "a dimension other than by_range()", e);
    if (!read_args(&d, dimension, range_params, ARRAY_LEN(range_params), e) || !window(&d, 1, e) ||
        !read_args(c, call, new_params, ARRAY_LEN(new_params), e))
        return false;
    if (d.given[2])
        return refused(c, &dimension->n, "partition_func", e);
    c->column = text_of(&d, 0);
    c->option = d.option;
    c->bound->u.alter.if_not_exists = is_true(c, 3);
    c->bound->u.alter.migrate = is_true(c, 4);
    c->bound->u.alter.answer = HYPERTABLE_SHORT;
    return true;
}

static bool classic(HyperCall *c, Err *e)
{
    if (!read_args(c, c->n, old_params, ARRAY_LEN(old_params), e) || !window(c, OLD_INTERVAL, e))
        return false;
    static const uint8_t not_here[] = {9, 11, 12, 13, 14, 15, 16};
    for (size_t i = 0; i < ARRAY_LEN(not_here); i++)
        if (c->given[not_here[i]] && !c->values[not_here[i]].null)
            return refused(c, &c->n->n, old_params[not_here[i]], e);
    c->column = text_of(c, OLD_COLUMN);
    c->bound->u.alter.if_not_exists = is_true(c, OLD_IF_NOT_EXISTS);
    c->bound->u.alter.migrate = is_true(c, OLD_MIGRATE);
    c->bound->u.alter.answer = HYPERTABLE_LONG;
    return true;
}

static bool create_hypertable(HyperCall *c, Err *e)
{
    const SqlNode *second = c->n->args.count > 1 ? c->n->args.items[1] : NULL;
    if (second && second->kind == N_NAMED_ARG)
        second = ((const NTarget *)second)->expr;
    bool general = second && second->kind == N_FUNC;
    if (!(general ? generalized(c, (const NFunc *)second, e) : classic(c, e)))
        return false;
    if (!c->column.len)
        return az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e,
                       "the time column of the table has to be named");
    put_policy(c, "tsdb.hypertable", SLICE_LIT("true")); /* a second call finds it */
    return true;
}

static bool set_interval(HyperCall *c, Err *e)
{
    c->bound->u.alter.answer = HYPERTABLE_VOID;
    return read_args(c, c->n, interval_params, ARRAY_LEN(interval_params), e) && window(c, 1, e);
}

/* add_retention_policy('cpu', drop_after => INTERVAL '6 months'): SET (ttl = ...) */
static bool add_policy(HyperCall *c, Err *e)
{
    enum { AFTER = 1, IF_NOT_EXISTS = 2, INTERVAL = 3 };
    if (!read_args(c, c->n, policy_params, ARRAY_LEN(policy_params), e))
        return false;
    for (size_t i = INTERVAL; i < ARRAY_LEN(policy_params); i++)
        if (c->given[i] && !c->values[i].null)
            return refused(c, &c->n->n, policy_params[i], e);
    if (!c->given[AFTER] || c->values[AFTER].null)
        return az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e, "need to specify drop_after");
    if (c->types[AFTER] != T_INTERVAL && c->types[AFTER] != T_UNKNOWN && c->types[AFTER] != T_TEXT)
        return az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e,
                       "invalid value for parameter drop_after") ||
               err_hint(e, "It is an interval: the time column is a timestamp.");
    c->option = (NameValue){SLICE_LIT("ttl"), text_of(c, AFTER)};
    c->bound->u.alter.if_not_exists = is_true(c, IF_NOT_EXISTS);
    c->bound->u.alter.answer = RETENTION_ADDED;
    return true;
}

static bool remove_policy(HyperCall *c, Err *e)
{
    static const char *const params[] = {"relation", "if_exists"};
    c->option = (NameValue){SLICE_LIT("ttl"), SLICE_NONE};
    c->bound->u.alter.answer = RETENTION_REMOVED;
    if (!read_args(c, c->n, params, ARRAY_LEN(params), e))
        return false;
    c->bound->u.alter.if_not_exists = is_true(c, 1);
    return true;
}

/* ---- policies of continuous views ---- */

/* How long ago; NULL: no border.  A month has 30 days, as in a TTL. */
static bool offset(HyperCall *c, size_t slot, const char *param, const char *option, Err *e)
{
    Interval iv;
    Slice text = text_of(c, slot);
    if (!text.len) {
        put_policy(c, option, SLICE_LIT("0"));
        return true;
    }
    if ((c->types[slot] != T_INTERVAL && c->types[slot] != T_UNKNOWN && c->types[slot] != T_TEXT) ||
        !interval_parse(text, &iv, e))
        return az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e, "invalid parameter value for %s",
                       param) ||
               err_hint(e, "It is an interval: the time column is a timestamp.");
    if (!iv.months) {
        put_policy(c, option, text);
        return true;
    }
    Slice value = arena_printf(c->z->arena, "%lld days %lld us",
                               (long long)iv.days + (long long)iv.months * 30, (long long)iv.us);
    put_policy(c, option, value);
    return true;
}

/* add_continuous_aggregate_policy('cpu_1h', start_offset => INTERVAL '3 days', ...): SET (for, lag, refresh) */
static bool add_view_policy(HyperCall *c, Err *e)
{
    static const char *const params[] = {"continuous_aggregate",
                                         "start_offset",
                                         "end_offset",
                                         "schedule_interval",
                                         "if_not_exists",
                                         "initial_start",
                                         "timezone",
                                         "include_tiered_data",
                                         "buckets_per_batch",
                                         "max_batches_per_execution",
                                         "refresh_newest_first"};
    enum { START = 1, END, SCHEDULE, IF_NOT_EXISTS, INITIAL, ZONE };
    if (!read_args(c, c->n, params, ARRAY_LEN(params), e))
        return false;
    for (size_t i = INITIAL; i <= ZONE; i++)
        if (c->given[i] && !c->values[i].null)
            return refused(c, &c->n->n, params[i], e);
    if (!c->given[START] || !c->given[END])
        return az_fail(
            c->z, &c->n->n, ERR_UNDEFINED_FUNCTION, e,
            "function add_continuous_aggregate_policy needs start_offset and end_offset");
    if (!offset(c, START, params[START], "for", e) || !offset(c, END, params[END], "lag", e))
        return false;
    if (!text_of(c, SCHEDULE).len)
        put_policy(c, "refresh", SLICE_LIT("24 hours"));
    else if (!offset(c, SCHEDULE, params[SCHEDULE], "refresh", e))
        return false;
    put_policy(c, "policy", SLICE_LIT("on"));
    c->bound->u.alter.what = 'm';
    c->bound->u.alter.if_not_exists = is_true(c, IF_NOT_EXISTS);
    c->bound->u.alter.answer = VIEW_POLICY_ADDED;
    return true;
}

/* Nobody refreshes it then, as there. */
static bool remove_view_policy(HyperCall *c, Err *e)
{
    static const char *const params[] = {"continuous_aggregate", "not_if_exists", "if_exists"};
    c->option = (NameValue){SLICE_LIT("policy"), SLICE_NONE};
    put_policy(c, "refresh", SLICE_LIT("0"));
    c->bound->u.alter.what = 'm';
    c->bound->u.alter.answer = VIEW_POLICY_REMOVED;
    if (!read_args(c, c->n, params, ARRAY_LEN(params), e))
        return false;
    c->bound->u.alter.if_not_exists = is_true(c, 1) || is_true(c, 2);
    return true;
}

/* A border of drop_chunks: a time, or how long ago. */
static bool chunk_border(HyperCall *c, size_t slot, Slice *out, Err *e)
{
    TypeId type = c->types[slot];
    Slice text = text_of(c, slot);
    if (!text.len)
        return true;
    bool time = type == T_TIMESTAMPTZ || type == T_TIMESTAMP || type == T_DATE;
    if (!time && type != T_INTERVAL && type != T_UNKNOWN && type != T_TEXT)
        return az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e, "invalid time argument") ||
               err_hint(e, "Try an interval or a timestamp.");
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, time ? "TIMESTAMPTZ " : "(now() - INTERVAL ");
    text_put_literal(&sql, text);
    buf_puts(&sql, time ? "" : ")");
    *out = arena_slice(c->z->arena, buf_slice(&sql));
    buf_free(&sql);
    return true;
}

/* drop_chunks('cpu', older_than => INTERVAL '6 months') */
static bool drop_chunks(HyperCall *c, Err *e)
{
    static const char *const params[] = {"relation", "older_than",     "newer_than",
                                         "verbose",  "created_before", "created_after"};
    Bound *b = c->bound;
    if (!read_args(c, c->n, params, ARRAY_LEN(params), e))
        return false;
    for (size_t i = 4; i < ARRAY_LEN(params); i++)
        if (c->given[i] && !c->values[i].null)
            return refused(c, &c->n->n, params[i], e);
    b->u.alter.answer = CHUNKS_DROPPED;
    if (!chunk_border(c, 1, &b->u.alter.older_than, e) ||
        !chunk_border(c, 2, &b->u.alter.newer_than, e))
        return false;
    return b->u.alter.older_than.len || b->u.alter.newer_than.len ||
           az_fail(c->z, &c->n->n, ERR_INVALID_PARAMETER, e,
                   "invalid time range for dropping chunks") ||
           err_hint(e, "At least one of older_than and newer_than must be provided.");
}

static const struct {
    const char *name;
    size_t args_min;
    bool (*run)(HyperCall *c, Err *e);
} calls[] = {
    {"create_hypertable", 2, create_hypertable},
    {"set_chunk_time_interval", 2, set_interval},
    {"add_retention_policy", 2, add_policy},
    {"remove_retention_policy", 1, remove_policy},
    {"drop_chunks", 1, drop_chunks},
    {"add_continuous_aggregate_policy", 1, add_view_policy},
    {"remove_continuous_aggregate_policy", 1, remove_view_policy},
};

/* Words of TimescaleDB without a counterpart here. */
bool az_not_here(Analyzer *z, const NFunc *n, Err *e)
{
    static const char *const names[] = {"show_chunks",
                                        "add_compression_policy",
                                        "remove_compression_policy",
                                        "add_columnstore_policy",
                                        "add_reorder_policy",
                                        "add_dimension",
                                        "add_job",
                                        "compress_chunk",
                                        "decompress_chunk",
                                        "create_distributed_hypertable"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_cstr(ast_last_name(&n->names), names[i])) {
            az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e, "%s() is not supported", names[i]);
            return err_hint(e, "docs/sql.md says what is there.");
        }
    return true;
}

/* SELECT f(...) or SELECT * FROM f(...), and nothing else. */
static const NFunc *only_call(const NSelect *n, bool *star)
{
    const SqlNode *x = NULL;
    if (n->form != SELECT_PLAIN || n->targets.count != 1 || n->where || n->has_group || n->having ||
        n->order.count || n->distinct || n->limit || n->offset || n->ctes.count ||
        n->locking.count || n->into)
        return NULL;
    const SqlNode *target = ((const NTarget *)n->targets.items[0])->expr;
    *star = target && target->kind == N_COLUMN && ((const NColumn *)target)->star;
    if (*star && n->from.count == 1 && n->from.items[0]->kind == N_RANGE_FUNC)
        x = ((const NRange *)n->from.items[0])->func;
    else if (!*star && n->from.count == 0)
        x = target;
    return x && x->kind == N_FUNC ? (const NFunc *)x : NULL;
}

bool az_hypertable(Analyzer *z, const NSelect *n, Bound *b, bool *taken, Err *e)
{
    bool star;
    const NFunc *f = only_call(n, &star);
    size_t i = 0;
    *taken = false;
    while (f && i < ARRAY_LEN(calls) && !slice_eq_cstr(ast_last_name(&f->names), calls[i].name))
        i++;
    if (!f || i == ARRAY_LEN(calls))
        return true;
    *taken = true;
    b->kind = BOUND_HYPERTABLE;
    b->tag = "SELECT";
    b->u.alter.as_row = !star;
    b->u.alter.call = ast_last_name(&f->names);
    HyperCall *c = ARENA_NEW(z->arena, HyperCall);
    *c = (HyperCall){.z = z, .n = f, .bound = b};
    if (f->args.count < calls[i].args_min)
        return az_fail(z, &f->n, ERR_UNDEFINED_FUNCTION, e, "function %s needs %s", calls[i].name,
                       calls[i].args_min > 1 ? "two arguments" : "an argument");
    if (!calls[i].run(c, e) || !table_name(c, e))
        return false;
    z->relation = b->u.alter.name.name;
    set_actions(c);
    return az_finish_params(z, e);
}
