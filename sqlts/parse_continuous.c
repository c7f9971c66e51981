/* Continuous views as InfluxDB, TimescaleDB and QuestDB say them: each becomes the statement of Skulk that it means.
 *
 * InfluxQL's query is put aside as text: what its * and its time column are only the catalog knows
 * (analyze_influx.c). */
#include "exec/func_text.h"
#include "sqlts/grammar.h"
#include "sqlts/parse_words.h"

static void refuse(Words *w, const char *what, const char *hint)
{
    if (w->ps->failed)
        return;
    w->ps->failed = true;
    err_set(w->ps->err, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported", what);
    err_at(w->ps->err, err_position(w->ps->whole, w->t.offset));
    err_hint(w->ps->err, "%s", hint);
}

static void put_words(Words *w, Buf *sql)
{
    if (!w->ps->failed)
        words_become(w, arena_slice(w->ps->arena, buf_slice(sql)));
    buf_free(sql);
}

static Slice rest(Words *w)
{
    uint32_t begin = w->t.offset, end = begin;
    while (!w->ps->failed && !words_at_end(w)) {
        end = w->t.end;
        words_next(w);
    }
    if (end == begin)
        words_fail(w);
    return ast_span(w->ps, begin, end);
}

/* ---- InfluxDB ---- */

/* The word END that is in no quotes; NULL: there is none. */
static const char *find_end(const char *p, const char *limit)
{
    for (bool word = false; p < limit; p++) {
        if (*p == '"' || *p == '\'') {
            const char quote = *p++;
            while (p < limit && *p != quote)
                p += 1 + (*p == '\\');
            word = false;
            continue;
        }
        bool letter = (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z';
        if (!word && letter && limit - p >= 3 &&
            slice_eq_nocase(slice_of(p, 3), SLICE_LIT("end")) &&
            (limit - p == 3 || !(p[3] == '_' || (p[3] >= '0' && p[3] <= '9') ||
                                 ((p[3] | 0x20) >= 'a' && (p[3] | 0x20) <= 'z'))))
            return p;
        word = letter || *p == '_' || (*p >= '0' && *p <= '9');
    }
    return NULL;
}

/* BEGIN ... END, which the scanner does not read. */
static void influx_body(Words *w, NContinuous *n)
{
    if (!words_is(&w->t, w->code, "begin")) {
        words_fail(w);
        return;
    }
    const char *begin = w->lx->cursor, *end = find_end(begin, w->lx->limit);
    if (!end) {
        w->lx->cursor = w->lx->limit;
        words_next(w);
        words_fail(w);
        return;
    }
    n->body = slice_of(begin, (size_t)(end - begin));
    w->lx->cursor = end;
    words_next(w);
    words_need(w, "end");
}

/* CREATE CONTINUOUS QUERY n AS SELECT ... */
static void plain_query(Words *w, Slice name)
{
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, "CREATE MATERIALIZED VIEW ");
    text_put_ident(&sql, name);
    buf_puts(&sql, " WITH (continuous, query_name = ");
    text_put_literal(&sql, name);
    Slice query = rest(w);
    buf_printf(&sql, ") AS %.*s", SLICE_ARG(query));
    put_words(w, &sql);
}

void parse_create_continuous(Words *w)
{
    Slice name = words_name(w);
    if (words_take(w, "as")) {
        plain_query(w, name);
        return;
    }
    NContinuous *n = AST(w->ps, NContinuous, N_CONTINUOUS, w->t.offset);
    n->name = name;
    words_need(w, "on");
    n->database = words_name(w);
    if (words_take(w, "resample")) {
        if (words_is(&w->t, w->code, "every"))
            n->every = words_duration(w, "every");
        if (words_is(&w->t, w->code, "for"))
            n->for_ = words_duration(w, "for");
        if (!n->every.len && !n->for_.len)
            words_fail(w);
    }
    influx_body(w, n);
    w->ps->result = &n->n;
}

void parse_drop_continuous(Words *w)
{
    NContinuous *n = AST(w->ps, NContinuous, N_CONTINUOUS, w->t.offset);
    n->drop = true;
    n->name = words_name(w);
    if (words_take(w, "on"))
        n->database = words_name(w);
    w->ps->result = &n->n;
}

void parse_show_continuous(Words *w)
{
    words_become(w, SLICE_LIT("SELECT name, query FROM skulk.continuous_queries ORDER BY name"));
}

/* ---- QuestDB ---- */

/* REFRESH or WITH BASE before AS. */
bool parse_is_questdb_view(Lexer lx)
{
    Token t;
    Err ignored;
    int code, depth = 0;
    lx.err = &ignored;
    while ((code = lex_token(&lx, &t)) > 0 && code != TK_SEMI) {
        depth += (code == TK_LP) - (code == TK_RP);
        if (!depth && words_is(&t, code, "as"))
            return false;
        if (!depth && (words_is(&t, code, "refresh") || words_is(&t, code, "base")))
            return true;
    }
    return false;
}

/* REFRESH IMMEDIATE | MANUAL | EVERY 10m [DEFERRED] */
static bool refresh_clause(Words *w, Buf *sql)
{
    Slice every = SLICE_LIT("10s");
    if (words_take(w, "manual"))
        every = SLICE_LIT("0");
    else if (words_is(&w->t, w->code, "every"))
        every = words_duration(w, "every");
    else
        words_take(w, "immediate");
    bool deferred = words_take(w, "deferred");
    if (words_is(&w->t, w->code, "start") || words_is(&w->t, w->code, "period"))
        refuse(w, "REFRESH with START or PERIOD",
               "Leave out young rows with WITH (lag = '2 hours').");
    buf_puts(sql, ", refresh = ");
    text_put_literal(sql, every);
    return deferred;
}

static void in_parentheses(Words *w, Buf *sql)
{
    int depth = 0;
    uint32_t begin = w->t.offset, end = begin;
    if (w->code != TK_LP)
        words_fail(w);
    do {
        depth += (w->code == TK_LP) - (w->code == TK_RP);
        end = w->t.end;
        words_next(w);
    } while (depth && !w->ps->failed && !words_at_end(w));
    if (depth)
        words_fail(w);
    Slice query = ast_span(w->ps, begin, end);
    buf_put(sql, query.ptr + 1, query.len > 2 ? query.len - 2 : 0);
}

/* CREATE MATERIALIZED VIEW v [WITH BASE t] [REFRESH ...] AS (SELECT ...) [PARTITION BY unit] */
void parse_questdb_view(Words *w)
{
    Buf sql;
    bool deferred = false, parens;
    buf_init(&sql);
    buf_puts(&sql, "CREATE MATERIALIZED VIEW ");
    buf_puts(&sql, words_if(w, true) ? "IF NOT EXISTS " : "");
    QualifiedName name = words_table(w);
    if (name.schema.len) {
        text_put_ident(&sql, name.schema);
        buf_puts(&sql, ".");
    }
    text_put_ident(&sql, name.name);
    buf_puts(&sql, " WITH (continuous");
    if (words_take(w, "with")) {
        words_need(w, "base");
        words_table(w);
    }
    if (words_take(w, "refresh"))
        deferred = refresh_clause(w, &sql);
    words_need(w, "as");
    buf_puts(&sql, ") AS ");
    parens = w->code == TK_LP;
    if (parens) {
        in_parentheses(w, &sql);
    } else if (!w->ps->failed) {
        Slice query = rest(w);
        buf_put(&sql, query.ptr, query.len);
    }
    if (words_take(w, "partition")) {
        words_need(w, "by");
        words_name(w); /* windows follow what is kept */
    }
    if (words_is(&w->t, w->code, "ttl"))
        refuse(w, "TTL of a view", "A view keeps its buckets when the rows have gone.");
    buf_puts(&sql, deferred ? " WITH NO DATA" : "");
    put_words(w, &sql);
}

bool parse_is_questdb_refresh(Lexer lx)
{
    Token t;
    Err ignored;
    lx.err = &ignored;
    for (int code; (code = lex_token(&lx, &t)) > 0 && code != TK_SEMI;)
        if (words_is(&t, code, "full") || words_is(&t, code, "incremental") ||
            words_is(&t, code, "range"))
            return true;
    return false;
}

/* REFRESH MATERIALIZED VIEW v FULL | INCREMENTAL | RANGE FROM a TO b */
void parse_refresh(Words *w)
{
    Buf sql;
    buf_init(&sql);
    buf_puts(&sql, "REFRESH MATERIALIZED VIEW ");
    QualifiedName name = words_table(w);
    if (name.schema.len) {
        text_put_ident(&sql, name.schema);
        buf_puts(&sql, ".");
    }
    text_put_ident(&sql, name.name);
    if (words_take(w, "full")) {
        buf_puts(&sql, " FORCE");
    } else if (words_take(w, "range")) {
        Slice range = rest(w);
        buf_printf(&sql, " %.*s", SLICE_ARG(range));
    } else {
        words_need(w, "incremental");
    }
    put_words(w, &sql);
}

/* ---- TimescaleDB ---- */

/* One argument, up to a comma or the end of the list: its text behind "name =>". */
static Slice argument(Words *w, size_t *slot, size_t count)
{
    static const char *const names[] = {"continuous_aggregate", "window_start", "window_end",
                                        "force"};
    int depth = 0;
    for (size_t i = 0; i < ARRAY_LEN(names) && i < count; i++)
        if (words_is(&w->t, w->code, names[i])) {
            *slot = i;
            words_next(w);
            if (w->code != TK_EQUALS_GREATER && w->code != TK_COLON_EQUALS)
                words_fail(w);
            words_next(w);
        }
    uint32_t begin = w->t.offset, end = begin;
    while (!w->ps->failed && !words_at_end(w) &&
           (depth || (w->code != TK_COMMA && w->code != TK_RP))) {
        depth += (w->code == TK_LP) - (w->code == TK_RP);
        end = w->t.end;
        words_next(w);
    }
    if (end == begin)
        words_fail(w);
    return ast_span(w->ps, begin, end);
}

static bool is_null(Slice text)
{
    return !text.len || slice_eq_nocase(text, SLICE_LIT("null"));
}

static void put_bound(Buf *sql, const char *word, Slice text, const char *open)
{
    if (is_null(text))
        buf_printf(sql, " %s TIMESTAMPTZ '%s'", word, open);
    else
        buf_printf(sql, " %s (%.*s)", word, SLICE_ARG(text));
}

/* CALL refresh_continuous_aggregate('v', from, to) */
void parse_call_refresh(Words *w)
{
    enum { VIEW, FROM, TO, FORCE, ARGS };
    Slice args[ARGS] = {0};
    Buf sql;
    if (w->code != TK_LP)
        words_fail(w);
    for (size_t i = 0; !w->ps->failed && w->code != TK_RP && i < ARGS; i++) {
        size_t slot = i;
        words_next(w);
        Slice text = argument(w, &slot, ARGS);
        args[slot] = text;
    }
    if (w->code != TK_RP)
        words_fail(w);
    words_next(w);
    bool literal =
        args[VIEW].len >= 3 && args[VIEW].ptr[0] == '\'' &&
        memchr(args[VIEW].ptr + 1, '\'', args[VIEW].len - 1) == args[VIEW].ptr + args[VIEW].len - 1;
    if (!literal)
        words_fail(w);
    if (w->ps->failed)
        return;
    buf_init(&sql);
    buf_printf(&sql, "REFRESH MATERIALIZED VIEW %.*s", (int)args[VIEW].len - 2, args[VIEW].ptr + 1);
    if (!is_null(args[FROM]) || !is_null(args[TO])) {
        put_bound(&sql, "FROM", args[FROM], "-infinity");
        put_bound(&sql, "TO", args[TO], "infinity");
    }
    if (slice_eq_nocase(args[FORCE], SLICE_LIT("true")))
        buf_puts(&sql, " FORCE");
    put_words(w, &sql);
}
