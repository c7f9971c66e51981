/* sqlts/grammar_private.h - what the actions of grammar.y call beside the constructors of ast.h.
 *
 * Private to grammar.y and grammar_actions.c. */
#ifndef SKULK_SQLTS_GRAMMAR_PRIVATE_H
#define SKULK_SQLTS_GRAMMAR_PRIVATE_H

#include "sqlts/ast.h"
#include "sqlts/lexer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* The parser's stack grows through base/; its size is a limit of the statement. */
void *grammar_realloc(void *old, size_t size);
#define malloc(size)       grammar_realloc(NULL, size)
#define realloc(ptr, size) grammar_realloc(ptr, size)
#define free(ptr)          mem_free(ptr)
#define YYNOERRORRECOVERY  1

#define NONE            ((NodeList){0})
#define LIST(x)         ast_list(ps, (x))
#define MORE(list, x)   ast_append(ps, (list), (x))
#define PAIR(x, y)      ast_append(ps, ast_list(ps, (x)), (y))
#define NAME(t)         ast_literal(ps, N_NAME, (t).offset, (t).value)
#define OPNAME(t, s)    ast_literal(ps, N_NAME, (t).offset, SLICE_LIT(s))
#define INTEGER(t)      ast_integer(ps, (t).offset, (t).value)
#define TYPE(t, name)   ast_type(ps, (t).offset, name, NONE)
#define VALUE_FUNC(t)   ast_literal(ps, N_VALUE_FUNC, (t).offset, (t).value)
#define ACTION(t, kind) grammar_action(ps, (t).offset, (kind))

typedef struct LimitParts {
    SqlNode *limit, *offset;
    bool ties;
} LimitParts;

typedef struct SelectParts {
    NodeList distinct, targets;
    SqlNode *into;
    NodeList from;
    SqlNode *where, *group, *having;
    NodeList windows;
} SelectParts;

typedef struct SampleParts {
    SqlNode *width, *from, *to;
    NodeList fills;
} SampleParts;

typedef struct TxnModes {
    Slice isolation;
    int read_only, deferrable; /* -1: not said */
} TxnModes;

NodeList grammar_names(ParseState *ps, Token first, const NodeList *rest);
NodeList grammar_prepend(ParseState *ps, SqlNode *first, NodeList list);
NodeList grammar_concat(ParseState *ps, NodeList a, NodeList b);
SqlNode *grammar_subscript(ParseState *ps, uint32_t offset, SqlNode *lower, SqlNode *upper,
                           bool slice);
SqlNode *grammar_float(ParseState *ps, uint32_t offset, Token digits);
SqlNode *grammar_collate(ParseState *ps, SqlNode *arg, NodeList names);
SqlNode *grammar_param(ParseState *ps, Token number);
SqlNode *grammar_named_literal(ParseState *ps, NodeList names, Token value);
SqlNode *grammar_named_literal_mods(ParseState *ps, NodeList names, NodeList args, NodeList order,
                                    Token value);
SqlNode *grammar_case(ParseState *ps, uint32_t offset, SqlNode *arg, NodeList whens,
                      SqlNode *otherwise);
SqlNode *grammar_when(ParseState *ps, uint32_t offset, SqlNode *cond, SqlNode *result);
SqlNode *grammar_call(ParseState *ps, NodeList names, NodeList args, NodeList order, int form);
/* CURRENT_TIMESTAMP(3): to so many digits of a second. */
SqlNode *grammar_value_func(ParseState *ps, Token word, const char *type, Token digits);
/* Digits of SECOND(n) above the mask of fields, one more than n: 0 is none. */
int grammar_interval_digits(Token digits);
int grammar_interval_range(int from, int to); /* all fields between two */
SqlNode *grammar_call_tail(ParseState *ps, SqlNode *call, NodeList within, SqlNode *filter,
                           SqlNode *over);
SqlNode *grammar_window_ref(ParseState *ps, Token name);
SqlNode *grammar_bound(ParseState *ps, uint32_t offset, FrameBound bound, SqlNode *value);
SqlNode *grammar_frame(ParseState *ps, SqlNode *start, SqlNode *end);
SqlNode *grammar_select(ParseState *ps, uint32_t offset, SelectParts parts);
SqlNode *grammar_select_tail(ParseState *ps, SqlNode *select, NodeList order,
                             const LimitParts *limit);
SqlNode *grammar_with(ParseState *ps, SqlNode *with, SqlNode *select);
SqlNode *grammar_table(ParseState *ps, uint32_t offset, SqlNode *range);
SqlNode *grammar_star(ParseState *ps, uint32_t offset);
SqlNode *grammar_values(ParseState *ps, uint32_t offset, NodeList row);
SqlNode *grammar_values_more(ParseState *ps, SqlNode *values, uint32_t offset, NodeList row);
NodeList grammar_null_list(ParseState *ps);
LimitParts *grammar_limit(ParseState *ps, SqlNode *limit, bool ties);
SqlNode *grammar_sort(ParseState *ps, SqlNode *expr, int direction, int nulls, Slice op);
SqlNode *grammar_alias_clause(ParseState *ps, Token name, NodeList columns);
SqlNode *grammar_alias(ParseState *ps, SqlNode *range, SqlNode *alias);
SqlNode *grammar_search(ParseState *ps, uint32_t offset, NodeList columns, Slice name,
                        bool breadth);
SqlNode *grammar_cycle(ParseState *ps, SqlNode *search, SqlNode *value, SqlNode *otherwise,
                       Slice path);
SqlNode *grammar_tablesample(ParseState *ps, SqlNode *range, SqlNode *method, SqlNode *repeatable);
SqlNode *grammar_overlaps(ParseState *ps, Token op, SqlNode *left, SqlNode *right);
SqlNode *grammar_range_query(ParseState *ps, SqlNode *query);
SqlNode *grammar_range_func(ParseState *ps, SqlNode *func, bool ordinality);
SqlNode *grammar_join(ParseState *ps, uint32_t offset, int type, SqlNode *left, SqlNode *right,
                      SqlNode *qual);
SqlNode *grammar_asof(ParseState *ps, uint32_t offset, int type, SqlNode *left, SqlNode *right,
                      SqlNode *qual, SqlNode *tolerance);
SqlNode *grammar_latest(ParseState *ps, uint32_t offset, SqlNode *time, NodeList partition);
/* TQL EVAL (start, end, step) query is SELECT * FROM promql('query', start, end, step). */
SqlNode *grammar_tql(ParseState *ps, Token tql, Token word, NodeList args, Token query);
SqlNode *grammar_tql_explain(ParseState *ps, Token tql, NodeList args, Token query, bool analyze);
SqlNode *grammar_sample_align(ParseState *ps, SqlNode *zone, SqlNode *offset, bool first);
SqlNode *grammar_sample(ParseState *ps, uint32_t offset, SqlNode *align, SampleParts parts);
SqlNode *grammar_join_alias(ParseState *ps, SqlNode *join, SqlNode *alias);
/* SET a = x, SET a[1] = x; SET (a, b) = (x, y) is one assignment for each column. */
NodeList grammar_assign(ParseState *ps, Token name, NodeList steps, SqlNode *value);
NodeList grammar_assign_row(ParseState *ps, NodeList names, SqlNode *row);
NodeList grammar_append(ParseState *ps, NodeList list, NodeList more);
SqlNode *grammar_conflict_target(ParseState *ps, uint32_t offset, NodeList names, SqlNode *where);
SqlNode *grammar_insert_rest(ParseState *ps, NodeList columns, SqlNode *query);
SqlNode *grammar_conflict(ParseState *ps, uint32_t offset, int action, SqlNode *target,
                          NodeList set, SqlNode *where);
SqlNode *grammar_insert(ParseState *ps, uint32_t offset, SqlNode *with, SqlNode *table,
                        SqlNode *rest, SqlNode *conflict);
SqlNode *grammar_locking(ParseState *ps, uint32_t offset, const char *words, NodeList of, int wait);
void grammar_select_lock(SqlNode *select, NodeList locking);
SqlNode *grammar_modify(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *with,
                        SqlNode *table);
SqlNode *grammar_copy(ParseState *ps, uint32_t offset, SqlNode *table, NodeList columns,
                      SqlNode *query, bool from);
void grammar_copy_tail(ParseState *ps, SqlNode *copy, int binary, int file, NodeList options);
SqlNode *grammar_list_option(ParseState *ps, uint32_t offset, const char *name, NodeList names,
                             bool star);
Token grammar_minus(ParseState *ps, Token minus, Token number);
SqlNode *grammar_create_table(ParseState *ps, uint32_t offset, SqlNode *table, NodeList elements,
                              NodeList options);
SqlNode *grammar_column_def(ParseState *ps, Token name, SqlNode *type, NodeList constraints);
SqlNode *grammar_constraint(ParseState *ps, uint32_t offset, ConstraintKind con);
SqlNode *grammar_check(ParseState *ps, uint32_t offset, SqlNode *expr, uint32_t begin,
                       uint32_t end);
SqlNode *grammar_table_word(ParseState *ps, Token word);
SqlNode *grammar_duration_option(ParseState *ps, Token word, Token number, Token unit);
SqlNode *grammar_create(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *range);
SqlNode *grammar_create_named(ParseState *ps, NodeKind kind, uint32_t offset, Token name,
                              bool if_not_exists);
SqlNode *grammar_drop(ParseState *ps, uint32_t offset, int what, NodeList names, bool cascade);
SqlNode *grammar_alter(ParseState *ps, uint32_t offset, SqlNode *table, bool if_exists,
                       NodeList actions);
SqlNode *grammar_action(ParseState *ps, uint32_t offset, AlterKind kind);
SqlNode *grammar_add_constraint(ParseState *ps, uint32_t offset, SqlNode *constraint);
SqlNode *grammar_comment(ParseState *ps, uint32_t offset, int what, NodeList names, SqlNode *text);
TxnModes grammar_modes(TxnModes a, TxnModes b);
SqlNode *grammar_txn(ParseState *ps, uint32_t offset, TxnKind kind, TxnModes modes);
Slice grammar_quoted_name(ParseState *ps, Slice name); /* "" where it needs them */
SqlNode *grammar_revoke(ParseState *ps, uint32_t offset, NodeList what, SqlNode *target,
                        NodeList grantees, Token tail, bool only_option);
SqlNode *grammar_default_privileges(ParseState *ps, uint32_t offset, Token word, NodeList places,
                                    SqlNode *grant);
SqlNode *grammar_role(ParseState *ps, uint32_t offset, RoleVerb verb, NodeList names,
                      NodeList options);
SqlNode *grammar_all_privileges(ParseState *ps, Token all, Token word);
/* tail: its offset is the option of GRANT, CASCADE of REVOKE, its value who grants */
SqlNode *grammar_grant(ParseState *ps, uint32_t offset, NodeList what, SqlNode *target,
                       NodeList grantees, Token tail);
SqlNode *grammar_set(ParseState *ps, Token name, Slice value, bool is_default);
void grammar_inner(ParseState *ps, SqlNode *outer, SqlNode *query, uint32_t begin);
SqlNode *grammar_fetch(ParseState *ps, Token name, FetchKind kind, int64_t count);
int64_t grammar_count(ParseState *ps, Token number);
int grammar_vacuum(NodeList options);

#endif
