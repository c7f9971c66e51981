/* sqlts/analyze_utility.c - the small statements: transactions, settings, cursors, maintenance. */
#include "sqlts/analyze.h"

static QualifiedName *names(Analyzer *z, const NodeList *list, size_t *count)
{
    QualifiedName *out = ARENA_ARRAY(z->arena, QualifiedName, list->count + 1);
    for (size_t i = 0; i < list->count; i++)
        out[i] = az_qualified(z, (const NRange *)list->items[i]);
    *count = list->count;
    return out;
}

static bool txn(const NSimple *n, Bound *b)
{
    static const char *const tags[] = {
        [TXN_BEGIN] = "BEGIN",         [TXN_COMMIT] = "COMMIT",   [TXN_ROLLBACK] = "ROLLBACK",
        [TXN_SAVEPOINT] = "SAVEPOINT", [TXN_RELEASE] = "RELEASE", [TXN_ROLLBACK_TO] = "ROLLBACK",
        [TXN_SET_MODES] = "SET"};
    bool modes = n->form == TXN_BEGIN || n->form == TXN_SET_MODES;
    b->kind = BOUND_TXN;
    b->tag = n->form == TXN_BEGIN && n->flag2 ? "START TRANSACTION" : tags[n->form];
    b->u.txn.kind = (TxnKind)n->form;
    b->u.txn.name = n->name;
    b->u.txn.isolation = n->text;
    b->u.txn.has_isolation = n->text.len > 0;
    b->u.txn.read_only = modes ? (int)n->count : -1;
    b->u.txn.deferrable = modes ? n->deferrable : -1;
    b->u.txn.session = n->form == TXN_SET_MODES && n->flag2;
    b->u.txn.chain = n->flag;
    return true;
}

static bool setting(const NSimple *n, Bound *b)
{
    b->kind = n->n.kind == N_SET     ? BOUND_SET
              : n->n.kind == N_SHOW  ? BOUND_SHOW
              : n->n.kind == N_RESET ? BOUND_RESET
                                     : BOUND_DISCARD;
    b->tag = n->n.kind == N_SET     ? "SET"
             : n->n.kind == N_SHOW  ? "SHOW"
             : n->n.kind == N_RESET ? "RESET"
                                    : "DISCARD";
    b->u.set.name = n->name;
    b->u.set.value = n->text;
    if (n->n.kind == N_SET) {
        b->u.set.local = n->flag;
        b->u.set.is_default = n->flag2;
        b->u.set.session = n->flag3;
    }
    if (n->n.kind == N_DISCARD)
        b->tag = slice_eq_cstr(n->name, "all")         ? "DISCARD ALL"
                 : slice_eq_cstr(n->name, "plans")     ? "DISCARD PLANS"
                 : slice_eq_cstr(n->name, "sequences") ? "DISCARD SEQUENCES"
                                                       : "DISCARD TEMP";
    b->read_only = n->n.kind == N_SHOW;
    return true;
}

static bool prepare(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    b->kind = BOUND_PREPARE;
    b->tag = "PREPARE";
    b->u.prepare.name = n->name;
    b->u.prepare.statement =
        (SqlStatement){.node = n->query, .text = n->text, .offset = n->query_begin};
    b->u.prepare.types = ARENA_ARRAY(z->arena, TypeId, n->list.count + 1);
    b->u.prepare.type_count = n->list.count;
    for (size_t i = 0; i < n->list.count; i++) {
        int32_t typmod;
        const NType *t = (const NType *)n->list.items[i];
        if (slice_eq_cstr(t->name, "unknown"))
            b->u.prepare.types[i] = 0;
        else if (!az_type(z, t, &b->u.prepare.types[i], &typmod, e))
            return false;
    }
    return true;
}

static bool execute(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    Scope s;
    b->kind = n->n.kind == N_EXECUTE ? BOUND_EXECUTE : BOUND_DEALLOCATE;
    b->tag = n->n.kind == N_EXECUTE ? "EXECUTE" : n->name.len ? "DEALLOCATE" : "DEALLOCATE ALL";
    b->u.execute.name = n->name;
    b->u.execute.args = ARENA_ARRAY(z->arena, Expr *, n->args.count + 1);
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_EXECUTE;
    for (size_t i = 0; i < n->args.count; i++) {
        Expr *x;
        if (!az_expr(z, &s, n->args.items[i], &x, e))
            return false;
        if (qx_has(x, QX_SUBLINK))
            return az_fail(z, n->args.items[i], ERR_FEATURE_NOT_SUPPORTED, e,
                           "cannot use subquery in EXECUTE parameter");
        b->u.execute.args[b->u.execute.arg_count++] = x;
    }
    return true;
}

static bool fetch(const NSimple *n, Bound *b)
{
    b->kind = BOUND_FETCH;
    b->tag = n->flag2 ? "MOVE" : "FETCH";
    b->read_only = true;
    b->u.fetch.name = n->name;
    b->u.fetch.kind = (FetchKind)n->form;
    b->u.fetch.count = n->count;
    b->u.fetch.move = n->flag2;
    return true;
}

static bool boolean(Analyzer *z, const NOption *o, bool *out, Err *e)
{
    static const char *const words[2][3] = {{"false", "off", "0"}, {"true", "on", "1"}};
    *out = true;
    if (!o->has_value)
        return true;
    for (size_t i = 0; i < 6; i++)
        if (slice_eq_nocase(o->value, slice_cstr(words[i / 3][i % 3]))) {
            *out = i / 3;
            return true;
        }
    return az_fail(z, NULL, ERR_SYNTAX, e, "%.*s requires a Boolean value", SLICE_ARG(o->name));
}

static bool explain_format(Analyzer *z, const NOption *o, ExplainOptions *out, Err *e)
{
    static const char *const names[] = {"text", "json", "yaml", "xml"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_cstr(o->value, names[i])) {
            out->format = (ExplainFormat)i;
            return true;
        }
    if (!o->has_value)
        return az_fail(z, NULL, ERR_SYNTAX, e, "format requires a parameter");
    return az_fail(z, &o->n, ERR_INVALID_PARAMETER, e,
                   "unrecognized value for EXPLAIN option \"format\": \"%.*s\"",
                   SLICE_ARG(o->value));
}

typedef struct ExplainWords { /* those without a place of their own */
    bool wal, timing_given, summary_given, buffers_given;
} ExplainWords;

static bool explain_option(Analyzer *z, const NOption *o, Bound *b, ExplainWords *words, Err *e)
{
    ExplainOptions *to = &b->u.explain.options;
    const struct {
        const char *name;
        bool *to;
    } booleans[] = {
        {"analyze", &to->analyze}, {"verbose", &to->verbose}, {"costs", &to->costs},
        {"timing", &to->timing},   {"summary", &to->summary}, {"settings", &b->u.explain.settings},
        {"buffers", &to->buffers}, {"wal", &words->wal},
    };
    words->timing_given |= slice_eq_cstr(o->name, "timing");
    words->summary_given |= slice_eq_cstr(o->name, "summary");
    words->buffers_given |= slice_eq_cstr(o->name, "buffers");
    if (slice_eq_cstr(o->name, "format"))
        return explain_format(z, o, to, e);
    for (size_t i = 0; i < ARRAY_LEN(booleans); i++)
        if (slice_eq_cstr(o->name, booleans[i].name))
            return boolean(z, o, booleans[i].to, e);
    return az_fail(z, &o->n, ERR_SYNTAX, e, "unrecognized EXPLAIN option \"%.*s\"",
                   SLICE_ARG(o->name));
}

static bool explain(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    ExplainOptions *o = &b->u.explain.options;
    ExplainWords words = {0};
    b->kind = BOUND_EXPLAIN;
    b->tag = "EXPLAIN";
    o->costs = true;
    for (size_t i = 0; i < n->list.count; i++)
        if (!explain_option(z, (const NOption *)n->list.items[i], b, &words, e))
            return false;
    if ((words.wal || (words.timing_given && o->timing)) && !o->analyze)
        return err_set(e, ERR_INVALID_PARAMETER, "EXPLAIN option %s requires ANALYZE",
                       words.wal ? "WAL" : "TIMING");
    if (!words.timing_given)
        o->timing = o->analyze;
    if (!words.summary_given)
        o->summary = o->analyze;
    if (!words.buffers_given)
        o->buffers = o->analyze;
    b->u.explain.inner = ARENA_NEW(z->arena, Bound);
    if (!az_statement(z, n->query, b->u.explain.inner, e))
        return false;
    b->read_only = !o->analyze || b->u.explain.inner->read_only;
    return true;
}

static bool listed_tables(Analyzer *z, const NSimple *n, Bound *b)
{
    if (n->n.kind == N_TRUNCATE) {
        b->kind = BOUND_TRUNCATE;
        b->tag = "TRUNCATE TABLE";
        b->u.truncate.restart = n->flag;
        b->u.truncate.names = names(z, &n->list, &b->u.truncate.count);
        return true;
    }
    b->kind = n->n.kind == N_VACUUM    ? BOUND_VACUUM
              : n->n.kind == N_ANALYZE ? BOUND_ANALYZE
                                       : BOUND_LOCK;
    b->tag = n->n.kind == N_VACUUM ? "VACUUM" : n->n.kind == N_ANALYZE ? "ANALYZE" : "LOCK TABLE";
    b->u.vacuum.tables = names(z, &n->list, &b->u.vacuum.count);
    b->u.vacuum.full = n->form & 1;
    b->u.vacuum.analyze = n->form & 2;
    return true;
}

static bool channel(const NSimple *n, Bound *b)
{
    b->kind = n->n.kind == N_LISTEN   ? BOUND_LISTEN
              : n->n.kind == N_NOTIFY ? BOUND_NOTIFY
                                      : BOUND_UNLISTEN;
    b->tag = n->n.kind == N_LISTEN ? "LISTEN" : n->n.kind == N_NOTIFY ? "NOTIFY" : "UNLISTEN";
    b->u.notify.channel = n->name;
    b->u.notify.payload = n->text;
    return true;
}

static bool comment(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    b->kind = BOUND_COMMENT;
    b->tag = "COMMENT";
    (void)e;
    b->u.comment.what = (CommentKind)n->form;
    b->u.comment.name = az_qualified(z, n->range);
    b->u.comment.column = n->name;
    b->u.comment.text = n->text;
    b->u.comment.null_text = n->null_text;
    return true;
}

bool az_retention(const NRetention *n, Bound *b)
{
    static const char *const tags[] = {
        [TTL_CREATE] = "CREATE TTL",
        [TTL_DROP] = "DROP TTL",
        [POLICY_CREATE] = "CREATE RETENTION POLICY",
        [POLICY_ALTER] = "ALTER RETENTION POLICY",
        [POLICY_DROP] = "DROP RETENTION POLICY",
        [DATABASE_TTL] = "ALTER DATABASE",
        [SCHEMA_TTL] = "ALTER SCHEMA",
    };
    b->kind = BOUND_RETENTION;
    b->tag = tags[n->is.verb];
    b->u.retention = n->is;
    return true;
}

bool az_utility(Analyzer *z, const NSimple *n, Bound *b, Err *e)
{
    switch (n->n.kind) {
    case N_TXN:
        return txn(n, b);
    case N_SET:
    case N_SHOW:
    case N_RESET:
    case N_DISCARD:
        return setting(n, b);
    case N_PREPARE:
        return prepare(z, n, b, e);
    case N_EXECUTE:
    case N_DEALLOCATE:
        return execute(z, n, b, e);
    case N_DECLARE:
        return az_declare(z, n, b, e);
    case N_FETCH:
        return fetch(n, b);
    case N_CLOSE:
        b->kind = BOUND_CLOSE;
        b->tag = n->name.len ? "CLOSE CURSOR" : "CLOSE CURSOR ALL";
        b->u.fetch.name = n->name;
        return true;
    case N_EXPLAIN:
        return explain(z, n, b, e);
    case N_TRUNCATE:
    case N_VACUUM:
    case N_ANALYZE:
    case N_LOCK:
        return listed_tables(z, n, b);
    case N_CHECKPOINT:
        b->kind = BOUND_CHECKPOINT;
        b->tag = "CHECKPOINT";
        return true;
    case N_BACKUP:
        b->kind = BOUND_BACKUP;
        b->tag = "BACKUP";
        b->u.backup.target = n->name;
        return true;
    case N_LISTEN:
    case N_NOTIFY:
    case N_UNLISTEN:
        return channel(n, b);
    case N_COMMENT:
        return comment(z, n, b, e);
    default:
        return az_fail(z, &n->n, ERR_INTERNAL, e, "no such statement: node %d", n->n.kind);
    }
}
