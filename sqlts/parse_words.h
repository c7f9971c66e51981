/* sqlts/parse_words.h - statements that are read word by word, beside the grammar.
 *
 * Words, names and durations (1h30m, 52w, INF), which PostgreSQL's scanner does not know.  A statement is a row of
 * statements[] in parse_retention.c; its reader takes what it knows and calls words_fail() else.
 * Threads: a Words belongs to one statement being parsed. */
#ifndef SKULK_SQLTS_PARSE_WORDS_H
#define SKULK_SQLTS_PARSE_WORDS_H

#include "sqlts/ast.h"
#include "sqlts/lexer.h"

typedef struct Words { /* a statement being read */
    Lexer *lx;
    ParseState *ps;
    Token t; /* not taken yet */
    int code;
    NRetention *node;
} Words;

void words_next(Words *w);
bool words_is(const Token *t, int code, const char *word);
bool words_at_end(const Words *w);
void words_fail(Words *w);
bool words_take(Words *w, const char *word);
void words_need(Words *w, const char *word);
Slice words_name(Words *w);
QualifiedName words_table(Words *w);
Slice words_duration(Words *w, const char *last);
bool words_if(Words *w, bool not );
void words_become(Words *w, Slice sql);

/* parse_continuous.c: continuous views as other systems say them. */
void parse_create_continuous(Words *w);
void parse_drop_continuous(Words *w);
void parse_show_continuous(Words *w);
void parse_questdb_view(Words *w);
void parse_refresh(Words *w);
void parse_call_refresh(Words *w);
bool parse_is_questdb_view(Lexer lx);
bool parse_is_questdb_refresh(Lexer lx);

#endif
