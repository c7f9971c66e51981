/* sqlts/lexer.h - SQL text to tokens, by PostgreSQL's lexical rules.
 *
 * Private to sqlts/.  lex_next gives raw tokens (lexer.re); lex_token adds the one token of look-ahead
 * that the grammar needs: NOT before LIKE and friends, NULLS before FIRST, WITH before TIME; and the
 * words of time-series dialects where they stand (ASOF before JOIN, SAMPLE BY).
 * Token numbers are the grammar's (grammar.h, made by lemon).
 * Threads: a Lexer belongs to one call. */
#ifndef SKULK_SQLTS_LEXER_H
#define SKULK_SQLTS_LEXER_H

#include "base/mem.h"

typedef struct Token {
    Slice text;  /* as written */
    Slice value; /* folded name, decoded string */
    uint32_t offset, end;
} Token;

typedef struct Lexer {
    Arena *arena;
    const char *start, *cursor, *limit; /* *limit is NUL */
    int peeked;                         /* code of `ahead`, -1 = none */
    Token ahead;
    bool sampling; /* behind SAMPLE BY: FILL and ALIGN may be meant */
    bool asof;     /* behind ASOF: TOLERANCE may be */
    bool duration; /* the next token may be one */
    int last;      /* code of the token before */
    enum { TQL_NONE, TQL_WORD, TQL_ARGS, TQL_QUERY } tql; /* what comes next behind TQL */
    int depth;                                            /* of parentheses there */
    Err *err;
} Lexer;

enum { LEX_END = 0, LEX_ERROR = -2 };

void lex_init(Lexer *lx, Arena *a, Slice whole /* NUL follows */, Err *e);
/* The code of the token, LEX_END or LEX_ERROR with lx->err set. */
int lex_next(Lexer *lx, Token *out);
int lex_token(Lexer *lx, Token *out);

/* keywords.c: the token of a lower-case word; 0 = an ordinary name. */
int keyword_token(Slice word);

#endif
