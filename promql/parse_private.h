/* promql/parse_private.h - what the grammar's actions call: constructors of tree nodes (parse.c).
 * After the first error they return what they were given: the tree is thrown away. */
#ifndef SKULK_PROMQL_PARSE_PRIVATE_H
#define SKULK_PROMQL_PARSE_PRIVATE_H

#include "promql/lexer.h"

typedef struct PqlParse {
    Arena *a;
    Slice text;
    const char *features;
    Err *err;
    bool failed;
    PqlExpr *root;
    uint32_t labels_end; /* after the last closing parenthesis of a list of labels */
    PqlToken last;       /* newest token, for "unexpected ..." */
    PqlToken before;     /* and the one before it */
    uint8_t *codes;      /* of all before it */
    size_t code_count, code_cap;
} PqlParse;

typedef struct PqlMatching { /* what stands between an operator and its right side */
    bool return_bool, has, on;
    PqlCard card;
    PqlNames names, include;
    PqlFill fill;
    uint32_t begin; /* of the operator */
} PqlMatching;

typedef struct PqlGrouping {
    bool without;
    PqlNames names;
    uint32_t end;
} PqlGrouping;

typedef struct PqlArgs {
    PqlExpr **items;
    size_t count, cap;
    uint32_t end;
} PqlArgs;

typedef struct PqlMatchers {
    PqlLabelMatch *items;
    size_t count, cap;
    uint32_t begin, end;
} PqlMatchers;

typedef struct PqlTime {
    int64_t ms;
    double seconds;
    uint32_t begin, end;
} PqlTime;

void pql_fail(PqlParse *ps, uint32_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* unexpected.c: the token, where in the grammar it stands, and what could stand there. */
void pql_unexpected(PqlParse *ps, const PqlToken *t);
void pql_remember(PqlParse *ps, const PqlToken *t);
/* A word that is no plain name is used as one, as Prometheus' grammar does not. */
bool pql_plain_call(PqlParse *ps, const PqlToken *name);
bool pql_plain_metric(PqlParse *ps, const PqlToken *name);
void pql_too_deep(PqlParse *ps);

PqlExpr *px_number(PqlParse *ps, const PqlToken *t, bool duration);
PqlExpr *px_string(PqlParse *ps, const PqlToken *t);
PqlExpr *px_paren(PqlParse *ps, PqlExpr *x, uint32_t begin, uint32_t end);
PqlExpr *px_call(PqlParse *ps, const PqlToken *name, PqlArgs args);
PqlExpr *px_aggregate(PqlParse *ps, const PqlToken *op, const PqlGrouping *g, PqlArgs args,
                      uint32_t end);
PqlExpr *px_selector(PqlParse *ps, const PqlToken *name, const PqlMatchers *m);
PqlExpr *px_matrix(PqlParse *ps, PqlExpr *x, PqlExpr *range, uint32_t end);
PqlExpr *px_subquery(PqlParse *ps, PqlExpr *x, PqlExpr *range, PqlExpr *step /* NULL = default */,
                     uint32_t end);
PqlExpr *px_offset(PqlParse *ps, PqlExpr *x, PqlTime offset, PqlExpr *expr /* or NULL */);
PqlExpr *px_at(PqlParse *ps, PqlExpr *x, PqlTime t, PqlAt at);
PqlExpr *px_smooth(PqlParse *ps, PqlExpr *x, const PqlToken *word, bool smoothed);
PqlExpr *px_unary(PqlParse *ps, const PqlToken *op, PqlExpr *x);
PqlExpr *px_binary(PqlParse *ps, PqlOp op, PqlExpr *left, PqlMatching m, PqlExpr *right);
PqlLabelMatch px_matcher(PqlParse *ps, const PqlToken *name, int op, const PqlToken *value);
PqlMatchers px_matchers(PqlParse *ps, PqlMatchers list, PqlLabelMatch m);
PqlArgs px_args(PqlParse *ps, PqlArgs list, PqlExpr *x);
PqlNames px_names(PqlParse *ps, PqlNames list, Slice name);
Slice px_label(PqlParse *ps, const PqlToken *t);
PqlTime px_time(const PqlToken *t, int sign); /* any */
PqlFill px_fill(PqlParse *ps, PqlFill f, bool left, bool right, double v, const PqlToken *at);

/* check.c: types, arguments, matchers; texts as Prometheus'. */
bool pql_check(PqlParse *ps, PqlExpr *x);
/* Of a selector; false: a matcher is wrong.  *all: each of them takes a series without the label. */
bool pql_takes_empty(PqlParse *ps, const PqlExpr *x, bool *all);

#endif
