#include "sqlts/parse_words.h"

#include "sqlts/grammar.h"

void words_next(Words *w)
{
    w->ps->prev_end = w->t.end;
    w->code = lex_token(w->lx, &w->t);
    if (w->code == LEX_ERROR)
        w->ps->failed = true;
    if (w->code == LEX_END)
        w->t.text.len = 0;
}

bool words_is(const Token *t, int code, const char *word)
{
    return code > 0 && t->text.len && t->text.ptr[0] != '"' && t->text.ptr[0] != '\'' &&
           slice_eq_cstr(t->value, word);
}

bool words_at_end(const Words *w)
{
    return w->code == LEX_END || w->code == TK_SEMI;
}

void words_fail(Words *w)
{
    if (!w->ps->failed)
        ast_syntax_error(w->ps, w->t.offset, w->t.text);
}

/* One word, or some. */
bool words_take(Words *w, const char *word)
{
    if (w->ps->failed || !words_is(&w->t, w->code, word))
        return false;
    words_next(w);
    return true;
}

void words_need(Words *w, const char *word)
{
    if (!words_take(w, word))
        words_fail(w);
}

Slice words_name(Words *w)
{
    Slice name = w->t.value;
    bool ok = w->code == TK_IDENT || (w->code > 0 && w->t.text.len && w->code != TK_SEMI &&
                                      keyword_token(name) == w->code);
    if (!ok)
        words_fail(w);
    else
        words_next(w);
    return name;
}

QualifiedName words_table(Words *w)
{
    QualifiedName q = {.position = err_position(w->ps->whole, w->t.offset)};
    q.name = words_name(w);
    if (!w->ps->failed && w->code == TK_DOT) {
        words_next(w);
        q.schema = q.name;
        q.name = words_name(w);
    }
    return q;
}

/* The scanner stands behind the token before: '7 days', INTERVAL '7 days', 1h30m, INF.  `last`: the word
 * that was just seen and not taken. */
Slice words_duration(Words *w, const char *last)
{
    if (w->ps->failed || !words_is(&w->t, w->code, last)) {
        words_fail(w);
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
        words_next(w);
        return slice_of(begin, (size_t)(p - begin));
    }
    words_next(w);
    if (w->code == TK_INTERVAL)
        words_next(w);
    Slice text = w->t.value;
    if (w->code != TK_SCONST && w->code != TK_IDENT)
        words_fail(w);
    else
        words_next(w);
    return text;
}

bool words_if(Words *w, bool not )
{
    if (!words_take(w, "if"))
        return false;
    if (not )
        words_need(w, "not");
    words_need(w, "exists");
    return true;
}

/* The statement is this query. */
void words_become(Words *w, Slice sql)
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
