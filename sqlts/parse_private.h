/* sqlts/parse_private.h - parsers beside the grammar. */
#ifndef SKULK_SQLTS_PARSE_PRIVATE_H
#define SKULK_SQLTS_PARSE_PRIVATE_H

#include "sqlts/ast.h"
#include "sqlts/lexer.h"

/* parse_retention.c: reads the statement, with the token that ends it, if it is one of its own; else nothing
 * is taken.  *end: of its last token. */
bool parse_retention(Lexer *lx, ParseState *ps, Token first, int code, uint32_t *end);

#endif
