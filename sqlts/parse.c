/* sqlts/parse.c - sql_parse: text to statements.
 *
 * Tokens go straight from the scanner into the parser; a statement ends at a semicolon.  Statements
 * that Skulk does not have are known by their first words, so that they give 0A000 with a hint
 * instead of a syntax error. */
#include "exec/func_text.h"
#include "sqlts/ast.h"
#include "sqlts/grammar.h"
#include "sqlts/lexer.h"
#include "sqlts/parse_private.h"

/* The parser that lemon makes; grammar.h holds token numbers only. */
void *SqlGrammarAlloc(void *(*alloc)(size_t), ParseState *ps);
void SqlGrammar(void *parser, int code, Token token);
void SqlGrammarFree(void *parser, void (*release)(void *));

static bool parse_statement(Lexer *lx, ParseState *ps, Token first, int code, SqlStatement *out);
static const char *unsupported(const Token *words, size_t count);
static int skip_statement(Lexer *lx, Token *last, uint32_t *end);

bool sql_parse(Arena *a, Slice text, SqlStatement **out, size_t *count, Err *e)
{
    *out = NULL;
    *count = 0;
    err_clear(e);
    if (text.len > SQL_TEXT_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT, "statement of %zu bytes is longer than %d", text.len,
                       SQL_TEXT_MAX);
    if (!slice_utf8_valid(text) || (text.len && memchr(text.ptr, 0, text.len)))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "invalid byte sequence for encoding \"UTF8\"");
    Slice whole = arena_slice(a, text);
    Lexer lx;
    lex_init(&lx, a, whole, e);
    size_t cap = 0;
    for (;;) {
        Token t;
        int code = lex_token(&lx, &t);
        if (code == LEX_ERROR)
            return false;
        if (code == LEX_END)
            return true;
        if (code == TK_SEMI)
            continue;
        if (*count == cap) {
            size_t grown = cap ? cap * 2 : 1;
            SqlStatement *more = ARENA_ARRAY(a, SqlStatement, grown);
            if (cap)
                memcpy(more, *out, cap * sizeof *more);
            *out = more;
            cap = grown;
        }
        ParseState ps = {.arena = a, .whole = whole, .err = e};
        if (!parse_statement(&lx, &ps, t, code, &(*out)[*count]))
            return false;
        ++*count;
    }
}

/* Looks at the first words without moving the scanner. */
static const char *first_words(const Lexer *lx, Token first, int code)
{
    Token words[4] = {first};
    size_t n = 1;
    Lexer ahead = *lx;
    Err ignored;
    ahead.err = &ignored;
    if (code != TK_IDENT && !keyword_token(first.value))
        return NULL;
    while (n < ARRAY_LEN(words)) {
        code = lex_token(&ahead, &words[n]);
        if (code == LEX_ERROR || code == LEX_END || code == TK_SEMI)
            break;
        n++;
    }
    return unsupported(words, n);
}

static bool parse_statement(Lexer *lx, ParseState *ps, Token first, int code, SqlStatement *out)
{
    uint32_t begin = first.offset, end = first.end;
    Token t = first;
    if (parse_retention(lx, ps, first, code, &end)) {
        must(ps->failed || ps->result);
        if (ps->failed)
            return false;
        *out =
            (SqlStatement){.node = ps->result, .text = ast_span(ps, begin, end), .offset = begin};
        return true;
    }
    const char *what = first_words(lx, first, code);
    if (what) {
        ps->result = ast_literal(ps, N_UNSUPPORTED, begin, slice_cstr(what));
        if (skip_statement(lx, &t, &end) == LEX_ERROR)
            return false;
    } else {
        void *parser = SqlGrammarAlloc(mem_alloc, ps);
        while (code != LEX_ERROR && code != LEX_END && code != TK_SEMI && !ps->failed) {
            SqlGrammar(parser, code, t);
            ps->prev_end = end = t.end;
            code = lex_token(lx, &t);
        }
        if (code == TK_SEMI) {
            Slice semi = t.text;
            t.text = slice_of(semi.ptr, 0);
            if (!ps->failed)
                SqlGrammar(parser, LEX_END, t);
            /* what PostgreSQL points at is the semicolon */
            if (ps->failed && strcmp(ps->err->message, "syntax error at end of input") == 0)
                err_set(ps->err, ERR_SYNTAX, "syntax error at or near \";\""),
                    err_at(ps->err, err_position(ps->whole, t.offset));
        } else if (code == LEX_END && !ps->failed) {
            SqlGrammar(parser, LEX_END, t);
        }
        SqlGrammarFree(parser, mem_free);
        if (ps->failed || code == LEX_ERROR)
            return false;
    }
    must(ps->result);
    *out = (SqlStatement){.node = ps->result,
                          .text = ast_span(ps, begin, end),
                          .offset = begin,
                          .databases = {ps->databases[0], ps->databases[1]}};
    return true;
}

static int skip_statement(Lexer *lx, Token *last, uint32_t *end)
{
    int code;
    do {
        code = lex_token(lx, last);
        if (code != LEX_END && code != TK_SEMI && code != LEX_ERROR)
            *end = last->end;
    } while (code != LEX_END && code != TK_SEMI && code != LEX_ERROR);
    return code;
}

/* First words of statements that exist in PostgreSQL or its relatives and not here. */
static const struct {
    const char *words;
} refused[] = {
    {"create function"},
    {"create or replace function"},
    {"create procedure"},
    {"create or replace procedure"},
    {"create aggregate"},
    {"create operator"},
    {"create trigger"},
    {"create or replace trigger"},
    {"create constraint"},
    {"create event"},
    {"create rule"},
    {"create or replace rule"},
    {"create type"},
    {"create domain"},
    {"create policy"},
    {"create publication"},
    {"create subscription"},
    {"create server"},
    {"create foreign"},
    {"create cast"},
    {"create collation"},
    {"create conversion"},
    {"create language"},
    {"create statistics"},
    {"create tablespace"},
    {"create text"},
    {"create transform"},
    {"create access"},
    {"create recursive view"},
    {"create alert"},
    {"create recording"},
    {"create flow"},
    {"create stream"},
    {"alter type"},
    {"alter domain"},
    {"alter function"},
    {"alter procedure"},
    {"alter extension"},
    {"alter system"},
    {"alter policy"},
    {"alter publication"},
    {"alter subscription"},
    {"alter server"},
    {"alter foreign"},
    {"alter alert"},
    {"drop function"},
    {"drop procedure"},
    {"drop routine"},
    {"drop aggregate"},
    {"drop operator"},
    {"drop trigger"},
    {"drop rule"},
    {"drop type"},
    {"drop domain"},
    {"drop policy"},
    {"drop publication"},
    {"drop subscription"},
    {"drop server"},
    {"drop foreign"},
    {"drop cast"},
    {"drop collation"},
    {"drop extension"},
    {"drop statistics"},
    {"drop tablespace"},
    {"drop alert"},
    {"drop series"},
    {"drop measurement"},
    {"call"},
    {"do"},
    {"merge"},
    {"reindex"},
    {"cluster"},
    {"security"},
    {"import"},
    {"load"},
    {"set constraints"},
    {"prepare transaction"},
    {"commit prepared"},
    {"rollback prepared"},
};

static const char *unsupported(const Token *words, size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const char *p = refused[i].words;
        size_t n = 0;
        while (*p && n < count) {
            size_t len = strcspn(p, " ");
            if (!slice_eq(words[n].value, slice_of(p, len)))
                break;
            p += len;
            p += *p == ' ';
            n++;
        }
        if (!*p)
            return refused[i].words;
    }
    return NULL;
}

/* A name behind :: is a type, one before ( a function, one before a literal its type. */
Slice sql_rename(Arena *a, Slice text, Slice from, Slice to)
{
    Lexer lx;
    Token t, next;
    Err ignored;
    Buf out;
    Slice whole = slice_cstr(arena_cstr(a, text));
    size_t done = 0;
    lex_init(&lx, a, whole, &ignored);
    buf_init(&out);
    int code = lex_token(&lx, &t), before = 0;
    while (code != LEX_END && code != LEX_ERROR) {
        int after = lex_token(&lx, &next);
        bool word = code == TK_IDENT || (code != TK_SCONST && keyword_token(t.value));
        if (word && slice_eq(t.value, from) && before != TK_TYPECAST && after != TK_LP &&
            after != TK_SCONST) {
            buf_put(&out, whole.ptr + done, t.offset - done);
            text_put_ident(&out, to);
            done = t.end;
        }
        before = code;
        code = after;
        t = next;
    }
    buf_put(&out, whole.ptr + done, whole.len - done);
    Slice renamed = arena_slice(a, buf_slice(&out));
    buf_free(&out);
    return renamed;
}

bool sql_is_txn_end(const SqlStatement *st)
{
    const NSimple *s = (const NSimple *)st->node;
    return s && s->n.kind == N_TXN && /* NULL: an empty Parse message */
           (s->form == TXN_COMMIT || s->form == TXN_ROLLBACK || s->form == TXN_ROLLBACK_TO);
}
