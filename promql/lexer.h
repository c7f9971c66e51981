/* promql/lexer.h - the scanner of PromQL (re2c): words depend on where they stand.
 * Inside braces every word is a plain name; elsewhere keywords are known in any case.
 * Threads: a PqlLexer belongs to one parse. */
#ifndef SKULK_PROMQL_LEXER_H
#define SKULK_PROMQL_LEXER_H

#include "promql/ast.h"

typedef struct PqlToken {
    int code; /* PQ_..., 0 = end, -1 = error */
    uint32_t begin, end;
    Slice text;    /* as written */
    Slice value;   /* STRING: decoded */
    double number; /* NUMBER: value; DURATION: seconds */
    int64_t ms;    /* DURATION */
    int op;        /* AGG: PqlAgg */
} PqlToken;

typedef struct PqlLexer {
    Arena *arena;
    const char *start, *cursor, *limit;
    int parens, brackets, braces; /* open ones */
    bool fresh, colon;            /* in brackets: there was no number, there was a colon */
    Err *err;
} PqlLexer;

PqlToken pql_lex(PqlLexer *lx);
bool pql_parse_duration(Slice s,
                        int64_t *ms); /* 1h30m, units ms s m h d w y, each once, descending */

#endif
