/* sqlts/parse_retention.c - statements about how long rows are kept, and lists of what runs by itself.
 *
 * Words of Skulk (CREATE TTL) and of InfluxDB (RETENTION POLICY).  They are sequences of words, names and
 * durations (1h30m, 52w, INF), which PostgreSQL's scanner does not know, so they are read here word
 * by word: a row of statements[] each.  What only lists something becomes the SELECT that it means. */
#include "exec/func_text.h"
#include "sqlts/grammar.h"
#include "sqlts/parse_private.h"
#include "sqlts/parse_words.h"

/* ---- the statements ---- */

/* CREATE TTL [IF NOT EXISTS] n ON t WHERE condition KEEP duration */
static void create_ttl(Words *w)
{
    int depth = 0;
    w->node->is.verb = TTL_CREATE;
    w->node->is.if_exists = words_if(w, true);
    w->node->is.name = words_name(w);
    words_need(w, "on");
    w->node->is.table = words_table(w);
    if (w->ps->failed || !words_is(&w->t, w->code, "where")) {
        words_fail(w);
        return;
    }
    words_next(w);
    uint32_t begin = w->t.offset, end = begin;
    while (!w->ps->failed && !words_at_end(w) && (depth || !words_is(&w->t, w->code, "keep"))) {
        depth += (w->code == TK_LP) - (w->code == TK_RP);
        end = w->t.end;
        words_next(w);
    }
    if (end == begin)
        words_fail(w);
    w->node->is.condition = ast_span(w->ps, begin, end);
    w->node->is.duration = words_duration(w, "keep");
}

static void drop_ttl(Words *w)
{
    w->node->is.verb = TTL_DROP;
    w->node->is.if_exists = words_if(w, false);
    w->node->is.name = words_name(w);
    words_need(w, "on");
    w->node->is.table = words_table(w);
}

static void policy_name(Words *w)
{
    w->node->is.name = words_name(w);
    words_need(w, "on");
    w->node->is.database = words_name(w);
}

static void policy_options(Words *w)
{
    BoundRetention *r = &w->node->is;
    while (!w->ps->failed && !words_at_end(w)) {
        if (words_is(&w->t, w->code, "duration")) {
            r->duration = words_duration(w, "duration");
        } else if (words_take(w, "replication")) {
            if (w->code != TK_ICONST)
                words_fail(w);
            words_next(w);
        } else if (words_take(w, "shard")) {
            r->shard = words_duration(w, "duration");
        } else if (words_take(w, "future") || words_take(w, "past")) {
            r->limit = words_duration(w, "limit");
        } else if (words_take(w, "default")) {
            r->standard = true;
        } else {
            words_fail(w);
        }
    }
}

static void create_policy(Words *w)
{
    w->node->is.verb = POLICY_CREATE;
    policy_name(w);
    if (!w->ps->failed && !words_is(&w->t, w->code, "duration"))
        words_fail(w);
    policy_options(w);
}

static void alter_policy(Words *w)
{
    w->node->is.verb = POLICY_ALTER;
    policy_name(w);
    if (words_at_end(w))
        words_fail(w);
    policy_options(w);
}

static void drop_policy(Words *w)
{
    w->node->is.verb = POLICY_DROP;
    policy_name(w);
}

/* ALTER DATABASE n, ALTER SCHEMA n: SET ttl = '30d', SET (ttl = '30d'), RESET ttl */
static void container(Words *w, RetentionVerb verb)
{
    BoundRetention *r = &w->node->is;
    r->verb = verb;
    r->name = words_name(w);
    r->reset = words_take(w, "reset");
    if (!r->reset)
        words_need(w, "set");
    bool parens = w->code == TK_LP;
    if (parens)
        words_next(w);
    words_need(w, "ttl");
    if (!r->reset) {
        if (w->code != TK_EQ && !words_is(&w->t, w->code, "to"))
            words_fail(w);
        else
            words_next(w);
        r->duration = w->t.value;
        if (w->code != TK_SCONST)
            words_fail(w);
        words_next(w);
    }
    if (parens && w->code != TK_RP)
        words_fail(w);
    if (parens)
        words_next(w);
}

static void alter_database(Words *w)
{
    container(w, DATABASE_TTL);
}

static void alter_schema(Words *w)
{
    container(w, SCHEMA_TTL);
}

static void show_jobs(Words *w)
{
    words_become(w, SLICE_LIT("SELECT * FROM skulk.jobs ORDER BY job_id"));
}

static void show_ttls(Words *w)
{
    words_become(w, SLICE_LIT("SELECT * FROM skulk.ttls ORDER BY schema_name, table_name, ttl"));
}

/* SHOW RETENTION POLICIES [ON db]: InfluxDB's columns. */
static void show_policies(Words *w)
{
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, "SELECT name, duration, \"shardGroupDuration\", \"replicaN\", \"default\" FROM "
                   "skulk.retention_policies WHERE database = ");
    if (words_take(w, "on"))
        text_put_literal(&sql, words_name(w));
    else
        buf_puts(&sql, "current_database()");
    buf_puts(&sql, " ORDER BY name");
    words_become(w, arena_slice(w->ps->arena, buf_slice(&sql)));
    buf_free(&sql);
}

enum { FIRST_WORDS_MAX = 3 };
static const struct {
    const char *words[FIRST_WORDS_MAX];
    const char *needs; /* and this word somewhere later; NULL: none */
    void (*read)(Words *w);
    bool (*when)(Lexer behind); /* these words; NULL: always */
} statements[] = {
    {{"create", "ttl"}, NULL, create_ttl, NULL},
    {{"drop", "ttl"}, NULL, drop_ttl, NULL},
    {{"create", "retention", "policy"}, NULL, create_policy, NULL},
    {{"alter", "retention", "policy"}, NULL, alter_policy, NULL},
    {{"drop", "retention", "policy"}, NULL, drop_policy, NULL},
    {{"alter", "database"}, "ttl", alter_database, NULL},
    {{"alter", "schema"}, "ttl", alter_schema, NULL},
    {{"show", "jobs"}, NULL, show_jobs, NULL},
    {{"show", "ttls"}, NULL, show_ttls, NULL},
    {{"show", "retention", "policies"}, NULL, show_policies, NULL},
    {{"create", "continuous", "query"}, NULL, parse_create_continuous, NULL},
    {{"drop", "continuous", "query"}, NULL, parse_drop_continuous, NULL},
    {{"show", "continuous", "queries"}, NULL, parse_show_continuous, NULL},
    {{"create", "materialized", "view"}, NULL, parse_questdb_view, parse_is_questdb_view},
    {{"refresh", "materialized", "view"}, NULL, parse_refresh, parse_is_questdb_refresh},
    {{"call", "refresh_continuous_aggregate"}, NULL, parse_call_refresh, NULL},
};

static bool has_word(Lexer lx, const char *word)
{
    Token t;
    int code;
    Err ignored;
    lx.err = &ignored;
    while ((code = lex_token(&lx, &t)) > 0 && code != TK_SEMI)
        if (words_is(&t, code, word))
            return true;
    return false;
}

/* The number of first words that fit; 0: another statement. */
static size_t fits(const Lexer *at, const Token *first, int code, size_t i)
{
    Lexer lx = *at;
    Token t = *first;
    Err ignored;
    size_t n = 0;
    lx.err = &ignored;
    for (; n < FIRST_WORDS_MAX && statements[i].words[n]; n++) {
        if (n)
            code = lex_token(&lx, &t);
        if (!words_is(&t, code, statements[i].words[n]))
            return 0;
    }
    if (statements[i].when && !statements[i].when(lx))
        return 0;
    return statements[i].needs && !has_word(lx, statements[i].needs) ? 0 : n;
}

bool parse_retention(Lexer *lx, ParseState *ps, Token first, int code, uint32_t *end)
{
    size_t i = 0, n = 0;
    while (i < ARRAY_LEN(statements) && !(n = fits(lx, &first, code, i)))
        i++;
    if (!n)
        return false;
    Words w = {.lx = lx, .ps = ps, .t = first, .code = code};
    w.node = AST(ps, NRetention, N_RETENTION, first.offset);
    ps->result = &w.node->n;
    while (n--)
        words_next(&w);
    statements[i].read(&w);
    if (!words_at_end(&w))
        words_fail(&w);
    *end = ps->prev_end;
    return true;
}
