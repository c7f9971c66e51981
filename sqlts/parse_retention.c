/* sqlts/parse_retention.c - statements about how long rows are kept, and lists of what runs by itself.
 *
 * Words of Skulk (CREATE TTL) and of InfluxDB (RETENTION POLICY).  They are sequences of words, names and
 * durations (1h30m, 52w, INF), which PostgreSQL's scanner does not know, so they are read here word
 * by word: a row of statements[] each.  What only lists something becomes the SELECT that it means. */
#include "exec/func_text.h"
#include "sqlts/ast.h"
#include "sqlts/grammar.h"
#include "sqlts/lexer.h"
#include "sqlts/parse_private.h"

typedef struct Words { /* a statement being read */
    Lexer *lx;
    ParseState *ps;
    Token t; /* not taken yet */
    int code;
    NRetention *node;
} Words;

static void next(Words *w)
{
    w->ps->prev_end = w->t.end;
    w->code = lex_token(w->lx, &w->t);
    if (w->code == LEX_ERROR)
        w->ps->failed = true;
    if (w->code == LEX_END)
        w->t.text.len = 0;
}

static bool is_word(const Token *t, int code, const char *word)
{
    return code > 0 && t->text.len && t->text.ptr[0] != '"' && t->text.ptr[0] != '\'' &&
           slice_eq_cstr(t->value, word);
}

static bool at_end(const Words *w)
{
    return w->code == LEX_END || w->code == TK_SEMI;
}

static void fail(Words *w)
{
    if (!w->ps->failed)
        ast_syntax_error(w->ps, w->t.offset, w->t.text);
}

/* One word, or some. */
static bool take(Words *w, const char *word)
{
    if (w->ps->failed || !is_word(&w->t, w->code, word))
        return false;
    next(w);
    return true;
}

static void need(Words *w, const char *word)
{
    if (!take(w, word))
        fail(w);
}

static Slice need_name(Words *w)
{
    Slice name = w->t.value;
    bool ok = w->code == TK_IDENT || (w->code > 0 && w->t.text.len && w->code != TK_SEMI &&
                                      keyword_token(name) == w->code);
    if (!ok)
        fail(w);
    else
        next(w);
    return name;
}

static QualifiedName need_table(Words *w)
{
    QualifiedName q = {.position = err_position(w->ps->whole, w->t.offset)};
    q.name = need_name(w);
    if (!w->ps->failed && w->code == TK_DOT) {
        next(w);
        q.schema = q.name;
        q.name = need_name(w);
    }
    return q;
}

/* The scanner stands behind the token before: '7 days', INTERVAL '7 days', 1h30m, INF.  `last`: the word
 * that was just seen and not taken. */
static Slice need_duration(Words *w, const char *last)
{
    if (w->ps->failed || !is_word(&w->t, w->code, last)) {
        fail(w);
        return SLICE_NONE;
    }
    Lexer *lx = w->lx;
    const char *p = lx->cursor;
    while (p < lx->limit && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        p++;
    const char *begin = p;
    if (p < lx->limit && *p >= '0' && *p <= '9') {
        while (p < lx->limit && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                                 (*p >= 'A' && *p <= 'Z') || *p == '\xc2' || *p == '\xb5'))
            p++;
        lx->cursor = p;
        w->t.end = (uint32_t)(p - lx->start);
        next(w);
        return slice_of(begin, (size_t)(p - begin));
    }
    next(w);
    if (w->code == TK_INTERVAL)
        next(w);
    Slice text = w->t.value;
    if (w->code != TK_SCONST && w->code != TK_IDENT)
        fail(w);
    else
        next(w);
    return text;
}

static bool if_words(Words *w, bool not )
{
    if (!take(w, "if"))
        return false;
    if (not )
        need(w, "not");
    need(w, "exists");
    return true;
}

/* ---- the statements ---- */

/* CREATE TTL [IF NOT EXISTS] n ON t WHERE condition KEEP duration */
static void create_ttl(Words *w)
{
    int depth = 0;
    w->node->is.verb = TTL_CREATE;
    w->node->is.if_exists = if_words(w, true);
    w->node->is.name = need_name(w);
    need(w, "on");
    w->node->is.table = need_table(w);
    if (w->ps->failed || !is_word(&w->t, w->code, "where")) {
        fail(w);
        return;
    }
    next(w);
    uint32_t begin = w->t.offset, end = begin;
    while (!w->ps->failed && !at_end(w) && (depth || !is_word(&w->t, w->code, "keep"))) {
        depth += (w->code == TK_LP) - (w->code == TK_RP);
        end = w->t.end;
        next(w);
    }
    if (end == begin)
        fail(w);
    w->node->is.condition = ast_span(w->ps, begin, end);
    w->node->is.duration = need_duration(w, "keep");
}

static void drop_ttl(Words *w)
{
    w->node->is.verb = TTL_DROP;
    w->node->is.if_exists = if_words(w, false);
    w->node->is.name = need_name(w);
    need(w, "on");
    w->node->is.table = need_table(w);
}

static void policy_name(Words *w)
{
    w->node->is.name = need_name(w);
    need(w, "on");
    w->node->is.database = need_name(w);
}

static void policy_options(Words *w)
{
    BoundRetention *r = &w->node->is;
    while (!w->ps->failed && !at_end(w)) {
        if (is_word(&w->t, w->code, "duration")) {
            r->duration = need_duration(w, "duration");
        } else if (take(w, "replication")) {
            if (w->code != TK_ICONST)
                fail(w);
            next(w);
        } else if (take(w, "shard")) {
            r->shard = need_duration(w, "duration");
        } else if (take(w, "future") || take(w, "past")) {
            r->limit = need_duration(w, "limit");
        } else if (take(w, "default")) {
            r->standard = true;
        } else {
            fail(w);
        }
    }
}

static void create_policy(Words *w)
{
    w->node->is.verb = POLICY_CREATE;
    policy_name(w);
    if (!w->ps->failed && !is_word(&w->t, w->code, "duration"))
        fail(w);
    policy_options(w);
}

static void alter_policy(Words *w)
{
    w->node->is.verb = POLICY_ALTER;
    policy_name(w);
    if (at_end(w))
        fail(w);
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
    r->name = need_name(w);
    r->reset = take(w, "reset");
    if (!r->reset)
        need(w, "set");
    bool parens = w->code == TK_LP;
    if (parens)
        next(w);
    need(w, "ttl");
    if (!r->reset) {
        if (w->code != TK_EQ && !is_word(&w->t, w->code, "to"))
            fail(w);
        else
            next(w);
        r->duration = w->t.value;
        if (w->code != TK_SCONST)
            fail(w);
        next(w);
    }
    if (parens && w->code != TK_RP)
        fail(w);
    if (parens)
        next(w);
}

static void alter_database(Words *w)
{
    container(w, DATABASE_TTL);
}

static void alter_schema(Words *w)
{
    container(w, SCHEMA_TTL);
}

/* The statement is this query. */
static void becomes(Words *w, Slice sql)
{
    SqlStatement *st;
    size_t count;
    if (w->ps->failed)
        return;
    if (!sql_parse(w->ps->arena, sql, &st, &count, w->ps->err))
        w->ps->failed = true;
    else
        w->ps->result = st[0].node;
}

static void show_jobs(Words *w)
{
    becomes(w, SLICE_LIT("SELECT * FROM skulk.jobs ORDER BY job_id"));
}

static void show_ttls(Words *w)
{
    becomes(w, SLICE_LIT("SELECT * FROM skulk.ttls ORDER BY schema_name, table_name, ttl"));
}

/* SHOW RETENTION POLICIES [ON db]: InfluxDB's columns. */
static void show_policies(Words *w)
{
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, "SELECT name, duration, \"shardGroupDuration\", \"replicaN\", \"default\" FROM "
                   "skulk.retention_policies WHERE database = ");
    if (take(w, "on"))
        text_put_literal(&sql, need_name(w));
    else
        buf_puts(&sql, "current_database()");
    buf_puts(&sql, " ORDER BY name");
    becomes(w, arena_slice(w->ps->arena, buf_slice(&sql)));
    buf_free(&sql);
}

enum { FIRST_WORDS_MAX = 3 };
static const struct {
    const char *words[FIRST_WORDS_MAX];
    const char *needs; /* and this word somewhere later; NULL: none */
    void (*read)(Words *w);
} statements[] = {
    {{"create", "ttl"}, NULL, create_ttl},
    {{"drop", "ttl"}, NULL, drop_ttl},
    {{"create", "retention", "policy"}, NULL, create_policy},
    {{"alter", "retention", "policy"}, NULL, alter_policy},
    {{"drop", "retention", "policy"}, NULL, drop_policy},
    {{"alter", "database"}, "ttl", alter_database},
    {{"alter", "schema"}, "ttl", alter_schema},
    {{"show", "jobs"}, NULL, show_jobs},
    {{"show", "ttls"}, NULL, show_ttls},
    {{"show", "retention", "policies"}, NULL, show_policies},
};

static bool has_word(Lexer lx, const char *word)
{
    Token t;
    int code;
    Err ignored;
    lx.err = &ignored;
    while ((code = lex_token(&lx, &t)) > 0 && code != TK_SEMI)
        if (is_word(&t, code, word))
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
        if (!is_word(&t, code, statements[i].words[n]))
            return 0;
    }
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
        next(&w);
    statements[i].read(&w);
    if (!at_end(&w))
        fail(&w);
    *end = ps->prev_end;
    return true;
}
