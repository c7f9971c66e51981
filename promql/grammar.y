/* promql/grammar.y - the grammar of PromQL (lemon).  Shape only: meaning is check.c's.
 * Keywords are names wherever the grammar leaves room for one (%fallback, and `label`). */
%include {
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "promql/parse_private.h"
}
%name PqlGrammar
%token_prefix PQ_
%token_type {PqlToken}
%default_type {PqlExpr *}
%extra_context {PqlParse *ps}
%stack_size 3000
%start_symbol query
%syntax_error { pql_unexpected(ps, &ps->last); }
%stack_overflow { pql_too_deep(ps); }

%left OR.
%left AND UNLESS.
%left EQL NEQ LSS LTE GTR GTE TRIM_UPPER TRIM_LOWER.
%left ADD SUB.
%left MUL DIV MOD ATAN2.
%right POW.
%nonassoc OFFSET AT SMOOTHED ANCHORED.
%right LBRACKET.
/* group_left (x) takes the parenthesis for its own, as Prometheus does */
%nonassoc LP.

%type modifier {PqlMatching}
%type bool_opt {bool}
%type matching {PqlMatching}
%type group_side {PqlMatching}
%type labels_opt {PqlNames}
%type label_list {PqlNames}
%type labels {PqlNames}
%type label {Slice}
%type grouping {PqlGrouping}
%type arguments {PqlArgs}
%type args {PqlArgs}
%type matchers {PqlMatchers}
%type matcher_list {PqlMatchers}
%type matcher {PqlLabelMatch}
%type match_op {int}
%type name {PqlToken}
%type signed_duration {PqlTime}
%type unary {PqlToken}
%type fills {PqlFill}
%type fill_value {double}
%type fill_number {PqlToken}

query ::= expr(A). { ps->root = A; }

expr(A) ::= LP(B) expr(C) RP(D). { A = px_paren(ps, C, B.begin, D.end); }
expr(A) ::= NUMBER(B). { A = px_number(ps, &B, false); }
expr(A) ::= DURATION(B). { A = px_number(ps, &B, true); }
expr(A) ::= STRING(B). { A = px_string(ps, &B); }
expr(A) ::= selector(B). { A = B; }
expr(A) ::= IDENT(B) arguments(C). { A = px_call(ps, &B, C); }
expr(A) ::= START(B) arguments(C). { A = px_call(ps, &B, C); }
expr(A) ::= END(B) arguments(C). { A = px_call(ps, &B, C); }
expr(A) ::= AGG(B) arguments(C). { A = px_aggregate(ps, &B, NULL, C, C.end); }
expr(A) ::= AGG(B) grouping(C) arguments(D). { A = px_aggregate(ps, &B, &C, D, D.end); }
expr(A) ::= AGG(B) arguments(C) grouping(D). { A = px_aggregate(ps, &B, &D, C, D.end); }

expr(A) ::= expr(B) LBRACKET expr(C) RBRACKET(D). { A = px_matrix(ps, B, C, D.end); }
expr(A) ::= expr(B) LBRACKET expr(C) COLON RBRACKET(D). { A = px_subquery(ps, B, C, NULL, D.end); }
expr(A) ::= expr(B) LBRACKET expr(C) COLON expr(D) RBRACKET(E). { A = px_subquery(ps, B, C, D, E.end); }
expr(A) ::= expr(B) OFFSET signed_duration(C). { A = px_offset(ps, B, C, NULL); }
expr(A) ::= expr(B) OFFSET duration_call(C). { A = px_offset(ps, B, (PqlTime){.end = C->end}, C); }
expr(A) ::= expr(B) AT signed_duration(C). { A = px_at(ps, B, C, PT_TIME); }
expr(A) ::= expr(B) AT START LP RP(C). { A = px_at(ps, B, (PqlTime){.end = C.end}, PT_START); }
expr(A) ::= expr(B) AT END LP RP(C). { A = px_at(ps, B, (PqlTime){.end = C.end}, PT_END); }
expr(A) ::= expr(B) SMOOTHED(C). { A = px_smooth(ps, B, &C, true); }
expr(A) ::= expr(B) ANCHORED(C). { A = px_smooth(ps, B, &C, false); }

expr(A) ::= unary(B) expr(C). [MUL] { A = px_unary(ps, &B, C); }
unary(A) ::= ADD(B). { A = B; }
unary(A) ::= SUB(B). { A = B; }

expr(A) ::= expr(B) ADD(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_ADD, B, M, C); }
expr(A) ::= expr(B) SUB(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_SUB, B, M, C); }
expr(A) ::= expr(B) MUL(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_MUL, B, M, C); }
expr(A) ::= expr(B) DIV(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_DIV, B, M, C); }
expr(A) ::= expr(B) MOD(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_MOD, B, M, C); }
expr(A) ::= expr(B) POW(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_POW, B, M, C); }
expr(A) ::= expr(B) ATAN2(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_ATAN2, B, M, C); }
expr(A) ::= expr(B) EQL(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_EQ, B, M, C); }
expr(A) ::= expr(B) NEQ(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_NE, B, M, C); }
expr(A) ::= expr(B) LSS(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_LT, B, M, C); }
expr(A) ::= expr(B) LTE(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_LE, B, M, C); }
expr(A) ::= expr(B) GTR(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_GT, B, M, C); }
expr(A) ::= expr(B) GTE(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_GE, B, M, C); }
expr(A) ::= expr(B) TRIM_UPPER(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_TRIM_UPPER, B, M, C); }
expr(A) ::= expr(B) TRIM_LOWER(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_TRIM_LOWER, B, M, C); }
expr(A) ::= expr(B) AND(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_AND, B, M, C); }
expr(A) ::= expr(B) OR(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_OR, B, M, C); }
expr(A) ::= expr(B) UNLESS(O) modifier(M) expr(C). { M.begin = O.begin; A = px_binary(ps, PO_UNLESS, B, M, C); }

modifier(A) ::= bool_opt(B) fills(F). { A = (PqlMatching){.return_bool = B, .fill = F}; }
modifier(A) ::= bool_opt(B) matching(C) fills(F). { A = C; A.return_bool = B; A.fill = F; }
modifier(A) ::= bool_opt(B) matching(C) group_side(D) fills(F). {
    A = C;
    A.return_bool = B;
    A.card = D.card;
    A.include = D.include;
    A.fill = F;
}
fills(A) ::= . { A = (PqlFill){0}; }
fills(A) ::= fills(B) FILL(W) LP fill_value(V) RP. { A = px_fill(ps, B, true, true, V, &W); }
fills(A) ::= fills(B) FILL_LEFT(W) LP fill_value(V) RP. { A = px_fill(ps, B, true, false, V, &W); }
fills(A) ::= fills(B) FILL_RIGHT(W) LP fill_value(V) RP. { A = px_fill(ps, B, false, true, V, &W); }
fill_value(A) ::= fill_number(B). { A = B.number; }
fill_value(A) ::= ADD fill_number(B). { A = B.number; }
fill_value(A) ::= SUB fill_number(B). { A = -B.number; }
fill_number(A) ::= NUMBER(B). { A = B; }
fill_number(A) ::= DURATION(B). { A = B; }
bool_opt(A) ::= . { A = false; }
bool_opt(A) ::= BOOL. { A = true; }
matching(A) ::= ON labels(B). { A = (PqlMatching){.has = true, .on = true, .names = B}; }
matching(A) ::= IGNORING labels(B). { A = (PqlMatching){.has = true, .names = B}; }
group_side(A) ::= GROUP_LEFT labels_opt(B). { A = (PqlMatching){.card = PC_MANY_TO_ONE, .include = B}; }
group_side(A) ::= GROUP_RIGHT labels_opt(B). { A = (PqlMatching){.card = PC_ONE_TO_MANY, .include = B}; }
labels_opt(A) ::= . [OR] { A = (PqlNames){0}; }
labels_opt(A) ::= labels(B). { A = B; }

grouping(A) ::= BY labels(B). { A = (PqlGrouping){.names = B, .end = ps->labels_end}; }
grouping(A) ::= WITHOUT labels(B). { A = (PqlGrouping){.without = true, .names = B, .end = ps->labels_end}; }
labels(A) ::= LP RP(B). { A = (PqlNames){0}; ps->labels_end = B.end; }
labels(A) ::= LP label_list(B) RP(C). { A = B; ps->labels_end = C.end; }
labels(A) ::= LP label_list(B) COMMA RP(C). { A = B; ps->labels_end = C.end; }
label_list(A) ::= label(B). { A = px_names(ps, (PqlNames){0}, B); }
label_list(A) ::= label_list(B) COMMA label(C). { A = px_names(ps, B, C); }
label(A) ::= name(B). { A = px_label(ps, &B); }
label(A) ::= STRING(B). { A = B.value; }

%fallback IDENT BY WITHOUT ON IGNORING GROUP_LEFT GROUP_RIGHT BOOL FILL FILL_LEFT FILL_RIGHT OFFSET AND OR UNLESS ATAN2 SMOOTHED ANCHORED.
name(A) ::= IDENT(B). { A = B; }
name(A) ::= METRIC(B). { A = B; }
name(A) ::= AGG(B). { A = B; }
name(A) ::= START(B). { A = B; }
name(A) ::= END(B). { A = B; }

selector(A) ::= name(B). { A = px_selector(ps, &B, NULL); }
selector(A) ::= name(B) matchers(C). { A = px_selector(ps, &B, &C); }
selector(A) ::= matchers(B). { A = px_selector(ps, NULL, &B); }
matchers(A) ::= LBRACE(B) RBRACE(C). { A = (PqlMatchers){.begin = B.begin, .end = C.end}; }
matchers(A) ::= LBRACE(B) matcher_list(C) RBRACE(D). { A = C; A.begin = B.begin; A.end = D.end; }
matchers(A) ::= LBRACE(B) matcher_list(C) COMMA RBRACE(D). { A = C; A.begin = B.begin; A.end = D.end; }
matcher_list(A) ::= matcher(B). { A = px_matchers(ps, (PqlMatchers){0}, B); }
matcher_list(A) ::= matcher_list(B) COMMA matcher(C). { A = px_matchers(ps, B, C); }
matcher(A) ::= name(B) match_op(C) STRING(D). { A = px_matcher(ps, &B, C, &D); }
matcher(A) ::= STRING(B) match_op(C) STRING(D). { A = px_matcher(ps, &B, C, &D); }
matcher(A) ::= STRING(B). { A = px_matcher(ps, NULL, PM_EQ, &B); }
match_op(A) ::= ASSIGN. { A = PM_EQ; }
match_op(A) ::= NEQ. { A = PM_NE; }
match_op(A) ::= MATCH. { A = PM_RE; }
match_op(A) ::= NMATCH. { A = PM_NRE; }

arguments(A) ::= LP RP(B). { A = (PqlArgs){.end = B.end}; }
arguments(A) ::= LP args(B) RP(C). { A = B; A.end = C.end; }
arguments(A) ::= LP args COMMA(C) RP. { pql_fail(ps, C.begin, "trailing commas not allowed in function call args"); A = (PqlArgs){0}; }
args(A) ::= expr(B). { A = px_args(ps, (PqlArgs){0}, B); }
args(A) ::= args(B) COMMA expr(C). { A = px_args(ps, B, C); }

/* an expression of durations after OFFSET: a call, or in parentheses */
duration_call(A) ::= duration_atom(B). { A = B; }
duration_call(A) ::= ADD duration_atom(B). { A = B; }
duration_call(A) ::= SUB(O) duration_atom(B). { A = px_unary(ps, &O, B); }
duration_atom(A) ::= IDENT(B) arguments(C). { A = px_call(ps, &B, C); }
duration_atom(A) ::= LP(B) expr(C) RP(D). { A = px_paren(ps, C, B.begin, D.end); }
signed_duration(A) ::= DURATION(B). { A = px_time(&B, 1); }
signed_duration(A) ::= NUMBER(B). { A = px_time(&B, 1); }
signed_duration(A) ::= ADD DURATION(B). { A = px_time(&B, 1); }
signed_duration(A) ::= ADD NUMBER(B). { A = px_time(&B, 1); }
signed_duration(A) ::= SUB DURATION(B). { A = px_time(&B, -1); }
signed_duration(A) ::= SUB NUMBER(B). { A = px_time(&B, -1); }
