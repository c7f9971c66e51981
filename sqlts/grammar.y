/* sqlts/grammar.y - the grammar of SQL-TS (lemon): PostgreSQL's, with its precedences.
 * Shape only, no meaning: each action is one constructor of ast.h.  Words are classed as in PostgreSQL
 * (reserved, type or function name, column name, unreserved; the token classes below), so that every
 * non-reserved word stays usable as a name.  A word that no rule needs is no token at all: keywords.c. */
%include {
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "sqlts/grammar_private.h"
}
%name SqlGrammar
%token_prefix TK_
%token_type {Token}
%default_type {SqlNode *}
%extra_context {ParseState *ps}
%stack_size 0
%token SEMI.
%start_symbol input
%syntax_error { ast_syntax_error(ps, TOKEN.offset, TOKEN.text); }
%stack_overflow { ast_fail(ps, ERR_TOO_COMPLEX, 0, "statement is nested too deeply"); }

/* an IF begins IF [NOT] EXISTS, never a name that is not quoted */
/* Words of time-series dialects, names elsewhere: the scanner makes these tokens where they may be meant. */
%fallback IDENT TOLERANCE FILL ALIGN CALENDAR OBSERVATION.

%nonassoc NO_QUAL.
%nonassoc ON USING TO.
%nonassoc NO_IF.
%nonassoc IF.
%nonassoc SET.
%left UNION EXCEPT.
%left INTERSECT.
%left OR.
%left AND.
%right NOT.
%nonassoc IS ISNULL NOTNULL OVERLAPS.
%nonassoc LT GT EQ LE GE NE.
%nonassoc BETWEEN IN LIKE ILIKE SIMILAR NOT_LA.
%nonassoc ESCAPE.
%nonassoc UNBOUNDED.
%nonassoc IDENT PARTITION RANGE ROWS GROUPS PRECEDING FOLLOWING CUBE ROLLUP.
%left OP OPERATOR.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%left CARET.
%left AT.
%left COLLATE.
%right UMINUS.
%left LB RB.
%left LP RP.
%left TYPECAST.
%left DOT.
%left JOIN CROSS LEFT FULL RIGHT INNER NATURAL ASOF TOLERANCE.



input ::= stmt(S). { ps->result = S; }

stmt(A) ::= select_stmt(B). { A = B; }
stmt(A) ::= insert_stmt(B). { A = B; }
stmt(A) ::= update_stmt(B). { A = B; }
stmt(A) ::= delete_stmt(B). { A = B; }
stmt(A) ::= utility_stmt(B). { A = B; }
stmt(A) ::= TQL(X) IDENT(W) tql_args(L) TQL_TEXT(T). { A = grammar_tql(ps, X, W, L, T); }
stmt(A) ::= TQL(X) EXPLAIN opt_verbose tql_args(L) TQL_TEXT(T). { A = grammar_tql_explain(ps, X, L, T, false); }
stmt(A) ::= TQL(X) ANALYZE opt_verbose tql_args(L) TQL_TEXT(T). { A = grammar_tql_explain(ps, X, L, T, true); }
%type tql_args {NodeList}
tql_args(A) ::= . { A = NONE; }
tql_args(A) ::= LP expr_list(B) RP. { A = B; }

/* ---- names ---- */
%type col_id {Token}
col_id(A) ::= IDENT(X). { A = X; }
col_id(A) ::= unreserved_kw(X). { A = X; }
col_id(A) ::= col_name_kw(X). { A = X; }
%type type_func_name {Token}
type_func_name(A) ::= IDENT(X). { A = X; }
type_func_name(A) ::= unreserved_kw(X). { A = X; }
type_func_name(A) ::= type_func_kw(X). { A = X; }
%type non_reserved_word {Token}
non_reserved_word(A) ::= IDENT(X). { A = X; }
non_reserved_word(A) ::= unreserved_kw(X). { A = X; }
non_reserved_word(A) ::= col_name_kw(X). { A = X; }
non_reserved_word(A) ::= type_func_kw(X). { A = X; }
%type col_label {Token}
col_label(A) ::= IDENT(X). { A = X; }
col_label(A) ::= unreserved_kw(X). { A = X; }
col_label(A) ::= col_name_kw(X). { A = X; }
col_label(A) ::= type_func_kw(X). { A = X; }
col_label(A) ::= reserved_kw(X). { A = X; }
%type bare_label {Token}
bare_label(A) ::= IDENT(X). { A = X; }
bare_label(A) ::= bare_label_kw(X). { A = X; }

%type name_list {NodeList}
name_list(A) ::= col_id(X). { A = LIST(NAME(X)); }
name_list(A) ::= name_list(B) COMMA col_id(X). { A = MORE(B, NAME(X)); }
%type opt_name_list {NodeList}
opt_name_list(A) ::= . { A = NONE; }
opt_name_list(A) ::= LP name_list(B) RP. { A = B; }

/* a.b.c as a name; subscripts are refused where names are wanted */
%type any_name {NodeList}
any_name(A) ::= col_id(X). { A = LIST(NAME(X)); }
any_name(A) ::= any_name(B) DOT col_label(X). { A = MORE(B, NAME(X)); }
qualified_name(A) ::= col_id(X). { A = ast_range(ps, X.offset, LIST(NAME(X))); }
qualified_name(A) ::= col_id(X) indirection(B). { A = ast_range(ps, X.offset, grammar_names(ps, X, &B)); }
%type qualified_name_list {NodeList}
qualified_name_list(A) ::= qualified_name(B). { A = LIST(B); }
qualified_name_list(A) ::= qualified_name_list(B) COMMA qualified_name(C). { A = MORE(B, C); }

relation_expr(A) ::= qualified_name(B). { A = B; }
relation_expr(A) ::= qualified_name(B) STAR. { A = B; }
relation_expr(A) ::= ONLY qualified_name(B). { A = B; }
relation_expr(A) ::= ONLY LP qualified_name(B) RP. { A = B; }
%type relation_list {NodeList}
relation_list(A) ::= relation_expr(B). { A = LIST(B); }
relation_list(A) ::= relation_list(B) COMMA relation_expr(C). { A = MORE(B, C); }

%type func_name {NodeList}
func_name(A) ::= type_func_name(X). { A = LIST(NAME(X)); }
func_name(A) ::= col_id(X) indirection(B). { A = grammar_names(ps, X, &B); }

%type indirection {NodeList}
indirection(A) ::= indirection_el(B). { A = LIST(B); }
indirection(A) ::= indirection(B) indirection_el(C). { A = MORE(B, C); }
%type opt_indirection {NodeList}
opt_indirection(A) ::= . { A = NONE; }
opt_indirection(A) ::= opt_indirection(B) indirection_el(C). { A = MORE(B, C); }
indirection_el(A) ::= DOT col_label(X). { A = NAME(X); }
indirection_el(A) ::= DOT STAR(X). { A = ast_alloc(ps, sizeof(SqlNode), N_STAR, X.offset); }
indirection_el(A) ::= LB(X) a_expr(B) RB. { A = grammar_subscript(ps, X.offset, NULL, B, false); }
indirection_el(A) ::= LB(X) opt_slice_bound(B) COLON opt_slice_bound(C) RB. { A = grammar_subscript(ps, X.offset, B, C, true); }
opt_slice_bound(A) ::= . { A = NULL; }
opt_slice_bound(A) ::= a_expr(B). { A = B; }

/* ---- types ---- */
typename(A) ::= simple_typename(B) array_bounds(C). { A = B; ((NType *)A)->dims = C; }
typename(A) ::= SETOF simple_typename(B) array_bounds(C). { A = B; ((NType *)A)->dims = C; ((NType *)A)->setof = true; }
typename(A) ::= simple_typename(B) ARRAY LB ICONST RB. { A = B; ((NType *)A)->dims = 1; }
typename(A) ::= simple_typename(B) ARRAY. { A = B; ((NType *)A)->dims = 1; }
%type array_bounds {int}
array_bounds(A) ::= . { A = 0; }
array_bounds(A) ::= array_bounds(B) LB RB. { A = B + 1; }
array_bounds(A) ::= array_bounds(B) LB ICONST RB. { A = B + 1; }

simple_typename(A) ::= generic_type(B). { A = B; }
simple_typename(A) ::= const_typename(B). { A = B; }
simple_typename(A) ::= INTERVAL(X) opt_interval(B). { A = ast_type(ps, X.offset, "interval", NONE); ((NType *)A)->percent = B; }
simple_typename(A) ::= INTERVAL(X) LP ICONST(N) RP. { A = ast_type(ps, X.offset, "interval", LIST(INTEGER(N))); }

generic_type(A) ::= type_func_name(X) opt_type_modifiers(B). {
    A = ast_type(ps, X.offset, "", B);
    ((NType *)A)->name = X.value;
}
generic_type(A) ::= type_func_name(X) attrs(B) opt_type_modifiers(C). {
    A = ast_type(ps, X.offset, "", C);
    ((NType *)A)->name = ast_last_name(&B);
    ((NType *)A)->schema = B.count > 1 ? ast_name_text(B.items[B.count - 2]) : X.value;
}
%type attrs {NodeList}
attrs(A) ::= DOT col_label(X). { A = LIST(NAME(X)); }
attrs(A) ::= attrs(B) DOT col_label(X). { A = MORE(B, NAME(X)); }
%type opt_type_modifiers {NodeList}
opt_type_modifiers(A) ::= . { A = NONE; }
opt_type_modifiers(A) ::= LP expr_list(B) RP. { A = B; }

const_typename(A) ::= INT(X). { A = TYPE(X, "int4"); }
const_typename(A) ::= INTEGER(X). { A = TYPE(X, "int4"); }
const_typename(A) ::= SMALLINT(X). { A = TYPE(X, "int2"); }
const_typename(A) ::= BIGINT(X). { A = TYPE(X, "int8"); }
const_typename(A) ::= REAL(X). { A = TYPE(X, "float4"); }
const_typename(A) ::= FLOAT(X). { A = TYPE(X, "float8"); }
const_typename(A) ::= FLOAT(X) LP ICONST(N) RP. { A = grammar_float(ps, X.offset, N); }
const_typename(A) ::= DOUBLE(X) PRECISION. { A = TYPE(X, "float8"); }
const_typename(A) ::= DECIMAL(X) opt_type_modifiers(B). { A = ast_type(ps, X.offset, "numeric", B); }
const_typename(A) ::= DEC(X) opt_type_modifiers(B). { A = ast_type(ps, X.offset, "numeric", B); }
const_typename(A) ::= NUMERIC(X) opt_type_modifiers(B). { A = ast_type(ps, X.offset, "numeric", B); }
const_typename(A) ::= BOOLEAN(X). { A = TYPE(X, "bool"); }
const_typename(A) ::= BIT(X) opt_varying(V) opt_length(B). { A = ast_type(ps, X.offset, V ? "varbit" : "bit", B); }
const_typename(A) ::= character(X) opt_varying(V) opt_length(B). {
    A = ast_type(ps, X.offset, V ? "varchar" : "bpchar", B.count || V ? B : LIST(ast_integer(ps, X.offset, SLICE_LIT("1"))));
}
const_typename(A) ::= VARCHAR(X) opt_length(B). { A = ast_type(ps, X.offset, "varchar", B); }
const_typename(A) ::= TIMESTAMP(X) opt_length(B) opt_timezone(Z). { A = ast_type(ps, X.offset, Z ? "timestamptz" : "timestamp", B); }
const_typename(A) ::= TIME(X) opt_length(B) opt_timezone(Z). { A = ast_type(ps, X.offset, Z ? "timetz" : "time", B); }
%type character {Token}
character(A) ::= CHARACTER(X). { A = X; }
character(A) ::= CHAR(X). { A = X; }
character(A) ::= NCHAR(X). { A = X; }
character(A) ::= NATIONAL(X) CHARACTER. { A = X; }
character(A) ::= NATIONAL(X) CHAR. { A = X; }
%type opt_varying {int}
opt_varying(A) ::= . { A = 0; }
opt_varying(A) ::= VARYING. { A = 1; }
%type opt_length {NodeList}
opt_length(A) ::= . { A = NONE; }
opt_length(A) ::= LP ICONST(N) RP. { A = LIST(INTEGER(N)); }
%type opt_timezone {int}
opt_timezone(A) ::= . { A = 0; }
opt_timezone(A) ::= WITH_LA TIME ZONE. { A = 1; }
opt_timezone(A) ::= WITHOUT TIME ZONE. { A = 0; }
%type opt_interval {int}
opt_interval(A) ::= . { A = 0; }
opt_interval(A) ::= interval_field(B). [NO_QUAL] { A = B; }
opt_interval(A) ::= interval_field(B) TO interval_field(C). { A = grammar_interval_range(B, C); }
%type interval_field {int}
interval_field(A) ::= YEAR. { A = 1; }
interval_field(A) ::= MONTH. { A = 2; }
interval_field(A) ::= DAY. { A = 4; }
interval_field(A) ::= HOUR. { A = 8; }
interval_field(A) ::= MINUTE. { A = 16; }
interval_field(A) ::= SECOND. { A = 32; }
interval_field(A) ::= SECOND LP ICONST(N) RP. { A = 32 | grammar_interval_digits(N); }

/* ---- expressions ---- */
a_expr(A) ::= c_expr(B). { A = B; }
a_expr(A) ::= a_expr(B) TYPECAST(X) typename(C). { A = ast_cast(ps, X.offset, B, C); }
a_expr(A) ::= a_expr(B) COLLATE any_name(C). { A = grammar_collate(ps, B, C); }
a_expr(A) ::= a_expr(B) AT(X) TIME ZONE a_expr(C). [AT] { A = ast_func(ps, X.offset, "timezone", PAIR(C, B)); }
a_expr(A) ::= PLUS(X) a_expr(B). [UMINUS] { A = ast_op(ps, X.offset, X.value, NULL, B); }
a_expr(A) ::= MINUS(X) a_expr(B). [UMINUS] { A = ast_negate(ps, X.offset, B); }
a_expr(A) ::= a_expr(B) PLUS(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) MINUS(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) STAR(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) SLASH(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) PERCENT(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) CARET(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) LT(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) GT(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) EQ(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) LE(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) GE(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) NE(X) a_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
a_expr(A) ::= a_expr(B) qual_op(O) a_expr(C). [OP] { A = ast_op_named(ps, O.items[0]->offset, O, B, C); }
a_expr(A) ::= qual_op(O) a_expr(B). [OP] { A = ast_op_named(ps, O.items[0]->offset, O, NULL, B); }
a_expr(A) ::= a_expr(B) AND(X) a_expr(C). { A = ast_logic(ps, N_AND, X.offset, B, C); }
a_expr(A) ::= a_expr(B) OR(X) a_expr(C). { A = ast_logic(ps, N_OR, X.offset, B, C); }
a_expr(A) ::= NOT(X) a_expr(B). { A = ast_test(ps, N_NOT, X.offset, B, false); }
a_expr(A) ::= NOT_LA(X) a_expr(B). [NOT] { A = ast_test(ps, N_NOT, X.offset, B, false); }
a_expr(A) ::= a_expr(B) LIKE(X) a_expr(C). { A = ast_like(ps, X.offset, "~~", B, C, NULL); }
a_expr(A) ::= a_expr(B) LIKE(X) a_expr(C) ESCAPE a_expr(D). [LIKE] { A = ast_like(ps, X.offset, "~~", B, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(X) LIKE a_expr(C). [NOT_LA] { A = ast_like(ps, X.offset, "!~~", B, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(X) LIKE a_expr(C) ESCAPE a_expr(D). [NOT_LA] { A = ast_like(ps, X.offset, "!~~", B, C, D); }
a_expr(A) ::= a_expr(B) ILIKE(X) a_expr(C). { A = ast_like(ps, X.offset, "~~*", B, C, NULL); }
a_expr(A) ::= a_expr(B) ILIKE(X) a_expr(C) ESCAPE a_expr(D). [ILIKE] { A = ast_like(ps, X.offset, "~~*", B, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(X) ILIKE a_expr(C). [NOT_LA] { A = ast_like(ps, X.offset, "!~~*", B, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(X) ILIKE a_expr(C) ESCAPE a_expr(D). [NOT_LA] { A = ast_like(ps, X.offset, "!~~*", B, C, D); }
a_expr(A) ::= a_expr(B) SIMILAR(X) TO a_expr(C). [SIMILAR] { A = ast_similar(ps, X.offset, false, B, C, NULL); }
a_expr(A) ::= a_expr(B) SIMILAR(X) TO a_expr(C) ESCAPE a_expr(D). [SIMILAR] { A = ast_similar(ps, X.offset, false, B, C, D); }
a_expr(A) ::= a_expr(B) NOT_LA(X) SIMILAR TO a_expr(C). [NOT_LA] { A = ast_similar(ps, X.offset, true, B, C, NULL); }
a_expr(A) ::= a_expr(B) NOT_LA(X) SIMILAR TO a_expr(C) ESCAPE a_expr(D). [NOT_LA] { A = ast_similar(ps, X.offset, true, B, C, D); }
a_expr(A) ::= a_expr(B) IS(X) NULL. [IS] { A = ast_test(ps, N_IS_NULL, X.offset, B, false); }
a_expr(A) ::= a_expr(B) OVERLAPS(X) a_expr(C). [IS] { A = grammar_overlaps(ps, X, B, C); }
a_expr(A) ::= a_expr(B) ISNULL(X). { A = ast_test(ps, N_IS_NULL, X.offset, B, false); }
a_expr(A) ::= a_expr(B) IS(X) NOT NULL. [IS] { A = ast_test(ps, N_IS_NULL, X.offset, B, true); }
a_expr(A) ::= a_expr(B) NOTNULL(X). { A = ast_test(ps, N_IS_NULL, X.offset, B, true); }
a_expr(A) ::= a_expr(B) IS(X) TRUE. [IS] { A = ast_test(ps, N_IS_TRUE, X.offset, B, false); }
a_expr(A) ::= a_expr(B) IS(X) NOT TRUE. [IS] { A = ast_test(ps, N_IS_TRUE, X.offset, B, true); }
a_expr(A) ::= a_expr(B) IS(X) FALSE. [IS] { A = ast_test(ps, N_IS_FALSE, X.offset, B, false); }
a_expr(A) ::= a_expr(B) IS(X) NOT FALSE. [IS] { A = ast_test(ps, N_IS_FALSE, X.offset, B, true); }
a_expr(A) ::= a_expr(B) IS(X) UNKNOWN. [IS] { A = ast_test(ps, N_IS_UNKNOWN, X.offset, B, false); }
a_expr(A) ::= a_expr(B) IS(X) NOT UNKNOWN. [IS] { A = ast_test(ps, N_IS_UNKNOWN, X.offset, B, true); }
a_expr(A) ::= a_expr(B) IS(X) DISTINCT FROM a_expr(C). [IS] { A = ast_distinct_from(ps, X.offset, B, C, false); }
a_expr(A) ::= a_expr(B) IS(X) NOT DISTINCT FROM a_expr(C). [IS] { A = ast_distinct_from(ps, X.offset, B, C, true); }
a_expr(A) ::= a_expr(B) IS(X) NORMALIZED. [IS] { A = ast_func(ps, X.offset, "is_normalized", LIST(B)); }
a_expr(A) ::= a_expr(B) IS(X) normal_form(F) NORMALIZED. [IS] { A = ast_func(ps, X.offset, "is_normalized", PAIR(B, ast_literal(ps, N_STRING, F.offset, F.value))); }
a_expr(A) ::= a_expr(B) IS(X) NOT NORMALIZED. [IS] { A = ast_test(ps, N_NOT, X.offset, ast_func(ps, X.offset, "is_normalized", LIST(B)), false); }
a_expr(A) ::= a_expr(B) IS(X) NOT normal_form(F) NORMALIZED. [IS] { A = ast_test(ps, N_NOT, X.offset, ast_func(ps, X.offset, "is_normalized", PAIR(B, ast_literal(ps, N_STRING, F.offset, F.value))), false); }
a_expr(A) ::= a_expr(B) BETWEEN(X) opt_asymmetric b_expr(C) AND a_expr(D). [BETWEEN] { A = ast_between(ps, X.offset, B, C, D, 0); }
a_expr(A) ::= a_expr(B) NOT_LA(X) BETWEEN opt_asymmetric b_expr(C) AND a_expr(D). [NOT_LA] { A = ast_between(ps, X.offset, B, C, D, AST_NEGATED); }
a_expr(A) ::= a_expr(B) BETWEEN(X) SYMMETRIC b_expr(C) AND a_expr(D). [BETWEEN] { A = ast_between(ps, X.offset, B, C, D, AST_SYMMETRIC); }
a_expr(A) ::= a_expr(B) NOT_LA(X) BETWEEN SYMMETRIC b_expr(C) AND a_expr(D). [NOT_LA] { A = ast_between(ps, X.offset, B, C, D, AST_NEGATED | AST_SYMMETRIC); }
opt_asymmetric ::= .
opt_asymmetric ::= ASYMMETRIC.
a_expr(A) ::= a_expr(B) IN(X) in_expr(C). { A = ast_in(ps, X.offset, B, C, false); }
a_expr(A) ::= a_expr(B) NOT_LA(X) IN in_expr(C). [NOT_LA] { A = ast_in(ps, X.offset, B, C, true); }
a_expr(A) ::= a_expr(B) subquery_op(O) sub_type(T) select_with_parens(C). [OP] {
    A = ast_quantified(ps, O.items[0]->offset, B, O, T, ast_sublink(ps, SUB_SCALAR, C->offset, C));
}
a_expr(A) ::= a_expr(B) subquery_op(O) sub_type(T) LP a_expr(C) RP. [OP] {
    C->parens = true;
    A = ast_quantified(ps, O.items[0]->offset, B, O, T, C);
}
a_expr(A) ::= DEFAULT(X). { A = ast_alloc(ps, sizeof(SqlNode), N_DEFAULT, X.offset); }
in_expr(A) ::= select_with_parens(B). { A = ast_sublink(ps, SUB_SCALAR, B->offset, B); }
in_expr(A) ::= LP(X) expr_list(B) RP. { A = ast_multi(ps, N_ROW, X.offset, B); }
%type sub_type {int}
sub_type(A) ::= ANY. { A = 0; }
sub_type(A) ::= SOME. { A = 0; }
sub_type(A) ::= ALL. { A = 1; }

b_expr(A) ::= c_expr(B). { A = B; }
b_expr(A) ::= b_expr(B) TYPECAST(X) typename(C). { A = ast_cast(ps, X.offset, B, C); }
b_expr(A) ::= PLUS(X) b_expr(B). [UMINUS] { A = ast_op(ps, X.offset, X.value, NULL, B); }
b_expr(A) ::= MINUS(X) b_expr(B). [UMINUS] { A = ast_negate(ps, X.offset, B); }
b_expr(A) ::= b_expr(B) PLUS(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) MINUS(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) STAR(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) SLASH(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) PERCENT(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) CARET(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) LT(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) GT(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) EQ(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) LE(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) GE(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) NE(X) b_expr(C). { A = ast_op(ps, X.offset, X.value, B, C); }
b_expr(A) ::= b_expr(B) qual_op(O) b_expr(C). [OP] { A = ast_op_named(ps, O.items[0]->offset, O, B, C); }
b_expr(A) ::= qual_op(O) b_expr(B). [OP] { A = ast_op_named(ps, O.items[0]->offset, O, NULL, B); }
b_expr(A) ::= b_expr(B) IS(X) DISTINCT FROM b_expr(C). [IS] { A = ast_distinct_from(ps, X.offset, B, C, false); }
b_expr(A) ::= b_expr(B) IS(X) NOT DISTINCT FROM b_expr(C). [IS] { A = ast_distinct_from(ps, X.offset, B, C, true); }

%type qual_op {NodeList}
qual_op(A) ::= OP(X). { A = LIST(NAME(X)); }
qual_op(A) ::= OPERATOR LP any_operator(B) RP. { A = B; }
%type any_operator {NodeList}
any_operator(A) ::= all_op(X). { A = LIST(NAME(X)); }
any_operator(A) ::= col_id(S) DOT any_operator(B). { A = grammar_prepend(ps, NAME(S), B); }
%type all_op {Token}
all_op(A) ::= OP(X). { A = X; }
all_op(A) ::= math_op(X). { A = X; }
%type subquery_op {NodeList}
subquery_op(A) ::= all_op(X). { A = LIST(NAME(X)); }
subquery_op(A) ::= OPERATOR LP any_operator(B) RP. { A = B; }
subquery_op(A) ::= LIKE(X). { A = LIST(OPNAME(X, "~~")); }
subquery_op(A) ::= NOT_LA(X) LIKE. { A = LIST(OPNAME(X, "!~~")); }
subquery_op(A) ::= ILIKE(X). { A = LIST(OPNAME(X, "~~*")); }
subquery_op(A) ::= NOT_LA(X) ILIKE. { A = LIST(OPNAME(X, "!~~*")); }

c_expr(A) ::= columnref(B). { A = B; }
c_expr(A) ::= aexpr_const(B). { A = B; }
c_expr(A) ::= PARAM(X) opt_indirection(B). { A = ast_indirect(ps, grammar_param(ps, X), B); }
c_expr(A) ::= LP a_expr(B) RP opt_indirection(C). { B->parens = true; A = ast_indirect(ps, B, C); }
c_expr(A) ::= case_expr(B). { A = B; }
c_expr(A) ::= func_expr(B). { A = B; }
c_expr(A) ::= select_with_parens(B). [UMINUS] { A = ast_sublink(ps, SUB_SCALAR, B->offset, B); }
c_expr(A) ::= select_with_parens(B) indirection(C). { A = ast_indirect(ps, ast_sublink(ps, SUB_SCALAR, B->offset, B), C); }
c_expr(A) ::= EXISTS(X) select_with_parens(B). { A = ast_sublink(ps, SUB_EXISTS, X.offset, B); }
c_expr(A) ::= ARRAY(X) select_with_parens(B). { A = ast_sublink(ps, SUB_ARRAY, X.offset, B); }
c_expr(A) ::= ARRAY(X) array_expr(B). { A = B; A->offset = X.offset; }
c_expr(A) ::= explicit_row(B). { A = B; }
c_expr(A) ::= LP(X) expr_list(B) COMMA a_expr(C) RP. { A = ast_multi(ps, N_ROW, X.offset, MORE(B, C)); }
c_expr(A) ::= GROUPING(X) LP expr_list(B) RP. { A = ast_multi(ps, N_GROUPING, X.offset, B); }
explicit_row(A) ::= ROW(X) LP expr_list(B) RP. { A = ast_multi(ps, N_ROW, X.offset, B); }
explicit_row(A) ::= ROW(X) LP RP. { A = ast_multi(ps, N_ROW, X.offset, NONE); }

columnref(A) ::= col_id(X). { A = ast_column(ps, X.offset, X.value, NULL); }
columnref(A) ::= col_id(X) indirection(B). { A = ast_column(ps, X.offset, X.value, &B); }

aexpr_const(A) ::= ICONST(X). { A = INTEGER(X); }
aexpr_const(A) ::= FCONST(X). { A = ast_literal(ps, N_NUMERIC, X.offset, X.value); }
aexpr_const(A) ::= SCONST(X). { A = ast_literal(ps, N_STRING, X.offset, X.value); }
aexpr_const(A) ::= BCONST(X). { A = ast_literal(ps, N_BITS, X.offset, X.value); }
aexpr_const(A) ::= XCONST(X). { A = ast_literal(ps, N_HEX, X.offset, X.value); }
aexpr_const(A) ::= func_name(B) SCONST(X). { A = grammar_named_literal(ps, B, X); }
aexpr_const(A) ::= func_name(B) LP func_arg_list(C) opt_sort_clause(D) RP SCONST(X). { A = grammar_named_literal_mods(ps, B, C, D, X); }
aexpr_const(A) ::= const_typename(B) SCONST(X). { A = ast_typed_literal(ps, B->offset, B, X.offset, X.value); }
aexpr_const(A) ::= INTERVAL(T) SCONST(X) opt_interval(F). {
    SqlNode *type = ast_type(ps, T.offset, "interval", NONE);
    ((NType *)type)->percent = F;
    A = ast_typed_literal(ps, T.offset, type, X.offset, X.value);
}
aexpr_const(A) ::= INTERVAL(T) LP ICONST(N) RP SCONST(X). {
    A = ast_typed_literal(ps, T.offset, ast_type(ps, T.offset, "interval", LIST(INTEGER(N))), X.offset, X.value);
}
aexpr_const(A) ::= TRUE(X). { A = ast_bool(ps, X.offset, true); }
aexpr_const(A) ::= FALSE(X). { A = ast_bool(ps, X.offset, false); }
aexpr_const(A) ::= NULL(X). { A = ast_literal(ps, N_NULL, X.offset, SLICE_NONE); }

case_expr(A) ::= CASE(X) opt_case_arg(B) when_list(C) opt_case_else(D) END. { A = grammar_case(ps, X.offset, B, C, D); }
opt_case_arg(A) ::= . { A = NULL; }
opt_case_arg(A) ::= a_expr(B). { A = B; }
%type when_list {NodeList}
when_list(A) ::= when_clause(B). { A = LIST(B); }
when_list(A) ::= when_list(B) when_clause(C). { A = MORE(B, C); }
when_clause(A) ::= WHEN(X) a_expr(B) THEN a_expr(C). { A = grammar_when(ps, X.offset, B, C); }
opt_case_else(A) ::= . { A = NULL; }
opt_case_else(A) ::= ELSE a_expr(B). { A = B; }

array_expr(A) ::= LB(X) expr_list(B) RB. { A = ast_multi(ps, N_ARRAY, X.offset, B); }
array_expr(A) ::= LB(X) array_expr_list(B) RB. { A = ast_multi(ps, N_ARRAY, X.offset, B); }
array_expr(A) ::= LB(X) RB. { A = ast_multi(ps, N_ARRAY, X.offset, NONE); }
%type array_expr_list {NodeList}
array_expr_list(A) ::= array_expr(B). { A = LIST(B); }
array_expr_list(A) ::= array_expr_list(B) COMMA array_expr(C). { A = MORE(B, C); }

%type expr_list {NodeList}
expr_list(A) ::= a_expr(B). { A = LIST(B); }
expr_list(A) ::= expr_list(B) COMMA a_expr(C). { A = MORE(B, C); }

/* ---- function calls ---- */
func_expr(A) ::= func_application(B) within_group(C) filter_clause(D) over_clause(E). { A = grammar_call_tail(ps, B, C, D, E); }
func_expr(A) ::= func_common(B). { A = B; }
func_windowless(A) ::= func_application(B). { A = B; }
func_windowless(A) ::= func_common(B). { A = B; }

func_application(A) ::= func_name(B) LP RP. { A = ast_func_named(ps, B.items[0]->offset, B, NONE); }
func_application(A) ::= func_name(B) LP func_arg_list(C) opt_sort_clause(D) RP. { A = grammar_call(ps, B, C, D, 0); }
func_application(A) ::= func_name(B) LP VARIADIC func_arg(C) opt_sort_clause(D) RP. { A = grammar_call(ps, B, LIST(C), D, 'v'); }
func_application(A) ::= func_name(B) LP func_arg_list(C) COMMA VARIADIC func_arg(V) opt_sort_clause(D) RP. { A = grammar_call(ps, B, MORE(C, V), D, 'v'); }
func_application(A) ::= func_name(B) LP ALL func_arg_list(C) opt_sort_clause(D) RP. { A = grammar_call(ps, B, C, D, 0); }
func_application(A) ::= func_name(B) LP DISTINCT func_arg_list(C) opt_sort_clause(D) RP. { A = grammar_call(ps, B, C, D, 'd'); }
func_application(A) ::= func_name(B) LP STAR RP. { A = grammar_call(ps, B, NONE, NONE, '*'); }
%type func_arg_list {NodeList}
func_arg_list(A) ::= func_arg(B). { A = LIST(B); }
func_arg_list(A) ::= func_arg_list(B) COMMA func_arg(C). { A = MORE(B, C); }
func_arg(A) ::= a_expr(B). { A = B; }
func_arg(A) ::= type_func_name(X) COLON_EQUALS a_expr(B). { A = ast_target(ps, N_NAMED_ARG, X.offset, X.value, B); }
func_arg(A) ::= type_func_name(X) EQUALS_GREATER a_expr(B). { A = ast_target(ps, N_NAMED_ARG, X.offset, X.value, B); }

func_common(A) ::= CURRENT_DATE(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_TIME(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_TIME(X) LP ICONST(N) RP. { A = grammar_value_func(ps, X, "timetz", N); }
func_common(A) ::= CURRENT_TIMESTAMP(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_TIMESTAMP(X) LP ICONST(N) RP. { A = grammar_value_func(ps, X, "timestamptz", N); }
func_common(A) ::= LOCALTIME(X). { A = VALUE_FUNC(X); }
func_common(A) ::= LOCALTIME(X) LP ICONST(N) RP. { A = grammar_value_func(ps, X, "time", N); }
func_common(A) ::= LOCALTIMESTAMP(X). { A = VALUE_FUNC(X); }
func_common(A) ::= LOCALTIMESTAMP(X) LP ICONST(N) RP. { A = grammar_value_func(ps, X, "timestamp", N); }
func_common(A) ::= CURRENT_ROLE(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_USER(X). { A = VALUE_FUNC(X); }
func_common(A) ::= SESSION_USER(X). { A = VALUE_FUNC(X); }
func_common(A) ::= USER(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_CATALOG(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CURRENT_SCHEMA(X). { A = VALUE_FUNC(X); }
func_common(A) ::= CAST(X) LP a_expr(B) AS typename(C) RP. { A = ast_cast(ps, X.offset, B, C); }
func_common(A) ::= EXTRACT(X) LP extract_arg(F) FROM a_expr(B) RP. {
    A = ast_func(ps, X.offset, "extract", PAIR(ast_literal(ps, N_STRING, F.offset, F.value), B));
}
%type extract_arg {Token}
extract_arg(A) ::= IDENT(X). { A = X; }
extract_arg(A) ::= SCONST(X). { A = X; }
extract_arg(A) ::= YEAR(X). { A = X; }
extract_arg(A) ::= MONTH(X). { A = X; }
extract_arg(A) ::= DAY(X). { A = X; }
extract_arg(A) ::= HOUR(X). { A = X; }
extract_arg(A) ::= MINUTE(X). { A = X; }
extract_arg(A) ::= SECOND(X). { A = X; }
func_common(A) ::= OVERLAY(X) LP a_expr(B) PLACING a_expr(C) FROM a_expr(D) RP. { A = ast_func(ps, X.offset, "overlay", MORE(PAIR(B, C), D)); }
func_common(A) ::= OVERLAY(X) LP a_expr(B) PLACING a_expr(C) FROM a_expr(D) FOR a_expr(E) RP. { A = ast_func(ps, X.offset, "overlay", MORE(MORE(PAIR(B, C), D), E)); }
func_common(A) ::= OVERLAY(X) LP func_arg_list(B) RP. { A = ast_func(ps, X.offset, "overlay", B); }
func_common(A) ::= POSITION(X) LP b_expr(B) IN b_expr(C) RP. { A = ast_func(ps, X.offset, "position", PAIR(C, B)); }
func_common(A) ::= SUBSTRING(X) LP a_expr(B) FROM a_expr(C) FOR a_expr(D) RP. { A = ast_func(ps, X.offset, "substring", MORE(PAIR(B, C), D)); }
func_common(A) ::= SUBSTRING(X) LP a_expr(B) FOR a_expr(D) FROM a_expr(C) RP. { A = ast_func(ps, X.offset, "substring", MORE(PAIR(B, C), D)); }
func_common(A) ::= SUBSTRING(X) LP a_expr(B) FROM a_expr(C) RP. { A = ast_func(ps, X.offset, "substring", PAIR(B, C)); }
func_common(A) ::= SUBSTRING(X) LP a_expr(B) FOR a_expr(D) RP. { A = ast_func(ps, X.offset, "substring", MORE(PAIR(B, ast_integer(ps, X.offset, SLICE_LIT("1"))), D)); }
func_common(A) ::= SUBSTRING(X) LP a_expr(B) SIMILAR a_expr(C) ESCAPE a_expr(D) RP. { A = ast_func(ps, X.offset, "substring", MORE(PAIR(B, C), D)); }
func_common(A) ::= NORMALIZE(X) LP a_expr(B) RP. { A = ast_func(ps, X.offset, "normalize", LIST(B)); }
func_common(A) ::= NORMALIZE(X) LP a_expr(B) COMMA normal_form(F) RP. { A = ast_func(ps, X.offset, "normalize", PAIR(B, ast_literal(ps, N_STRING, F.offset, F.value))); }
%type normal_form {Token}
normal_form(A) ::= NFC(X). { A = X; }
normal_form(A) ::= NFD(X). { A = X; }
normal_form(A) ::= NFKC(X). { A = X; }
normal_form(A) ::= NFKD(X). { A = X; }
func_common(A) ::= SUBSTRING(X) LP func_arg_list(B) RP. { A = ast_func(ps, X.offset, "substring", B); }
func_common(A) ::= TRIM(X) LP trim_kind(K) trim_list(B) RP. { A = ast_func(ps, X.offset, K, B); }
%type trim_kind {const char *}
trim_kind(A) ::= . { A = "btrim"; }
trim_kind(A) ::= BOTH. { A = "btrim"; }
trim_kind(A) ::= LEADING. { A = "ltrim"; }
trim_kind(A) ::= TRAILING. { A = "rtrim"; }
%type trim_list {NodeList}
trim_list(A) ::= a_expr(B) FROM expr_list(C). { A = MORE(C, B); }
trim_list(A) ::= FROM expr_list(B). { A = B; }
trim_list(A) ::= expr_list(B). { A = B; }
func_common(A) ::= NULLIF(X) LP a_expr(B) COMMA a_expr(C) RP. { A = ast_multi(ps, N_NULLIF, X.offset, PAIR(B, C)); }
func_common(A) ::= COALESCE(X) LP expr_list(B) RP. { A = ast_multi(ps, N_COALESCE, X.offset, B); }
func_common(A) ::= GREATEST(X) LP expr_list(B) RP. { A = ast_multi(ps, N_GREATEST, X.offset, B); }
func_common(A) ::= LEAST(X) LP expr_list(B) RP. { A = ast_multi(ps, N_LEAST, X.offset, B); }

%type within_group {NodeList}
within_group(A) ::= . { A = NONE; }
within_group(A) ::= WITHIN(W) GROUP LP sort_clause(B) RP. { A = B; A.items[0]->offset = W.offset; }
filter_clause(A) ::= . { A = NULL; }
filter_clause(A) ::= FILTER LP WHERE a_expr(B) RP. { A = B; }
over_clause(A) ::= . { A = NULL; }
over_clause(A) ::= OVER window_specification(B). { A = B; }
over_clause(A) ::= OVER col_id(X). { A = grammar_window_ref(ps, X); }
window_specification(A) ::= LP(X) opt_window_name(N) opt_partition(P) opt_sort_clause(S) opt_frame(F). {
    A = F;
    A->offset = X.offset;
    ((NWindow *)A)->base = N;
    ((NWindow *)A)->partition = P;
    ((NWindow *)A)->order = S;
    ast_adopt_list(ps, A, &P);
    ast_adopt_list(ps, A, &S);
}
%type opt_window_name {Slice}
opt_window_name(A) ::= col_id(X). { A = X.value; }
opt_window_name(A) ::= . [OP] { A = SLICE_NONE; }
%type opt_partition {NodeList}
opt_partition(A) ::= . { A = NONE; }
opt_partition(A) ::= PARTITION BY expr_list(B). { A = B; }
/* the frame takes the closing parenthesis along, so that an empty one can be made here */
opt_frame(A) ::= RP(X). { A = ast_alloc(ps, sizeof(NWindow), N_WINDOW, X.offset); }
opt_frame(A) ::= frame_unit(U) frame_extent(B) opt_exclusion(E) RP. { A = B; ((NWindow *)A)->has_frame = true; ((NWindow *)A)->unit = (FrameUnit)U; ((NWindow *)A)->exclude = (FrameExclude)E; }
%type frame_unit {int}
frame_unit(A) ::= RANGE. { A = FRAME_RANGE; }
frame_unit(A) ::= ROWS. { A = FRAME_ROWS; }
frame_unit(A) ::= GROUPS. { A = FRAME_GROUPS; }
frame_extent(A) ::= frame_bound(B). { A = grammar_frame(ps, B, NULL); }
frame_extent(A) ::= BETWEEN frame_bound(B) AND frame_bound(C). { A = grammar_frame(ps, B, C); }
frame_bound(A) ::= UNBOUNDED(X) PRECEDING. { A = grammar_bound(ps, X.offset, FRAME_UNBOUNDED_PRECEDING, NULL); }
frame_bound(A) ::= UNBOUNDED(X) FOLLOWING. { A = grammar_bound(ps, X.offset, FRAME_UNBOUNDED_FOLLOWING, NULL); }
frame_bound(A) ::= CURRENT(X) ROW. { A = grammar_bound(ps, X.offset, FRAME_CURRENT, NULL); }
frame_bound(A) ::= a_expr(B) PRECEDING. { A = grammar_bound(ps, B->offset, FRAME_PRECEDING, B); }
frame_bound(A) ::= a_expr(B) FOLLOWING. { A = grammar_bound(ps, B->offset, FRAME_FOLLOWING, B); }
%type opt_exclusion {int}
opt_exclusion(A) ::= . { A = EXCLUDE_NONE; }
opt_exclusion(A) ::= EXCLUDE CURRENT ROW. { A = EXCLUDE_CURRENT; }
opt_exclusion(A) ::= EXCLUDE GROUP. { A = EXCLUDE_GROUP; }
opt_exclusion(A) ::= EXCLUDE TIES. { A = EXCLUDE_TIES; }
opt_exclusion(A) ::= EXCLUDE NO OTHERS. { A = EXCLUDE_NONE; }

/* ---- SELECT ---- */
select_stmt(A) ::= select_no_parens(B). { A = B; }
select_stmt(A) ::= select_with_parens(B). { A = B; }
select_with_parens(A) ::= LP(X) select_no_parens(B) RP. { A = B; A->offset = X.offset; }
select_with_parens(A) ::= LP(X) select_with_parens(B) RP. { A = B; A->offset = X.offset; }
select_no_parens(A) ::= simple_select(B). { A = B; }
select_no_parens(A) ::= select_clause(B) sort_clause(C). { A = grammar_select_tail(ps, B, C, NULL); }
select_no_parens(A) ::= select_clause(B) opt_sort_clause(C) for_locking(E) opt_select_limit(D). { A = grammar_select_tail(ps, B, C, D); grammar_select_lock(A, E); }
select_no_parens(A) ::= select_clause(B) opt_sort_clause(C) select_limit(D) opt_for_locking(E). { A = grammar_select_tail(ps, B, C, D); grammar_select_lock(A, E); }
select_no_parens(A) ::= with_clause(W) select_clause(B). { A = grammar_with(ps, W, B); }
select_no_parens(A) ::= with_clause(W) select_clause(B) sort_clause(C). { A = grammar_with(ps, W, grammar_select_tail(ps, B, C, NULL)); }
select_no_parens(A) ::= with_clause(W) select_clause(B) opt_sort_clause(C) for_locking(E) opt_select_limit(D). {
    A = grammar_with(ps, W, grammar_select_tail(ps, B, C, D));
    grammar_select_lock(A, E);
}
select_no_parens(A) ::= with_clause(W) select_clause(B) opt_sort_clause(C) select_limit(D) opt_for_locking(E). {
    A = grammar_with(ps, W, grammar_select_tail(ps, B, C, D));
    grammar_select_lock(A, E);
}
select_clause(A) ::= simple_select(B). { A = B; }
select_clause(A) ::= select_with_parens(B). { A = B; }

simple_select(A) ::= SELECT(X) opt_all opt_target_list(T) into_clause(I) from_clause(F) where_clause(W) group_clause(G) having_clause(H) window_clause(V). {
    A = grammar_select(ps, X.offset, (SelectParts){NONE, T, I, F, W, G, H, V});
}
simple_select(A) ::= SELECT(X) distinct_clause(D) target_list(T) into_clause(I) from_clause(F) where_clause(W) group_clause(G) having_clause(H) window_clause(V). {
    A = grammar_select(ps, X.offset, (SelectParts){D, T, I, F, W, G, H, V});
}
simple_select(A) ::= values_clause(B). { A = B; }
simple_select(A) ::= TABLE(X) relation_expr(B). { A = grammar_table(ps, X.offset, B); }
simple_select(A) ::= select_clause(B) UNION(X) set_quantifier(Q) select_clause(C). { A = ast_setop(ps, SELECT_UNION, X.offset, Q, B, C); }
simple_select(A) ::= select_clause(B) INTERSECT(X) set_quantifier(Q) select_clause(C). { A = ast_setop(ps, SELECT_INTERSECT, X.offset, Q, B, C); }
simple_select(A) ::= select_clause(B) EXCEPT(X) set_quantifier(Q) select_clause(C). { A = ast_setop(ps, SELECT_EXCEPT, X.offset, Q, B, C); }
%type set_quantifier {int}
set_quantifier(A) ::= . { A = 0; }
set_quantifier(A) ::= ALL. { A = 1; }
set_quantifier(A) ::= DISTINCT. { A = 0; }
opt_all ::= .
opt_all ::= ALL.
/* DISTINCT alone is a list of one NULL */
%type distinct_clause {NodeList}
distinct_clause(A) ::= DISTINCT. { A = grammar_null_list(ps); }
distinct_clause(A) ::= DISTINCT ON LP expr_list(B) RP. { A = B; }

with_clause(A) ::= WITH(X) cte_list(B). { A = ast_multi(ps, N_CTE, X.offset, B); }
with_clause(A) ::= WITH(X) RECURSIVE cte_list(B). { A = ast_multi(ps, N_CTE, X.offset, B); ((NMulti *)A)->form = 'r'; }
opt_with_clause(A) ::= . { A = NULL; }
opt_with_clause(A) ::= with_clause(B). { A = B; }
%type cte_list {NodeList}
cte_list(A) ::= cte(B). { A = LIST(B); }
cte_list(A) ::= cte_list(B) COMMA cte(C). { A = MORE(B, C); }
cte(A) ::= col_id(X) opt_name_list(N) AS opt_materialized(M) LP preparable(Q) RP opt_search(S) opt_cycle(C). {
    NCte *c = AST(ps, NCte, N_CTE, X.offset);
    c->name = X.value;
    c->columns = N;
    c->materialized = (char)M;
    c->query = Q;
    ast_adopt(ps, c, Q);
    A = &c->n;
    ((NCte *)A)->search = (NSearch *)S;
    ((NCte *)A)->cycle = (NSearch *)C;
    ast_adopt(ps, A, C);
}
opt_search(A) ::= . { A = NULL; }
opt_search(A) ::= SEARCH(X) DEPTH FIRST BY name_list(L) SET col_id(N). { A = grammar_search(ps, X.offset, L, N.value, false); }
opt_search(A) ::= SEARCH(X) BREADTH FIRST BY name_list(L) SET col_id(N). { A = grammar_search(ps, X.offset, L, N.value, true); }
opt_cycle(A) ::= . { A = NULL; }
opt_cycle(A) ::= CYCLE(X) name_list(L) SET col_id(M) USING col_id(P). { A = grammar_cycle(ps, grammar_search(ps, X.offset, L, M.value, false), ast_bool(ps, X.offset, true), ast_bool(ps, X.offset, false), P.value); }
opt_cycle(A) ::= CYCLE(X) name_list(L) SET col_id(M) TO c_expr(V) DEFAULT c_expr(D) USING col_id(P). { A = grammar_cycle(ps, grammar_search(ps, X.offset, L, M.value, false), V, D, P.value); }
%type opt_materialized {int}
opt_materialized(A) ::= . { A = 0; }
opt_materialized(A) ::= MATERIALIZED. { A = 'y'; }
opt_materialized(A) ::= NOT MATERIALIZED. { A = 'n'; }
preparable(A) ::= select_stmt(B). { A = B; }
preparable(A) ::= insert_stmt(B). { A = B; }
preparable(A) ::= update_stmt(B). { A = B; }
preparable(A) ::= delete_stmt(B). { A = B; }

into_clause(A) ::= . { A = NULL; }
into_clause(A) ::= INTO qualified_name(B). { A = B; }
into_clause(A) ::= INTO TABLE qualified_name(B). { A = B; }
into_clause(A) ::= INTO TEMP opt_table qualified_name(B). { A = B; ((NRange *)A)->lateral = true; }
into_clause(A) ::= INTO TEMPORARY opt_table qualified_name(B). { A = B; ((NRange *)A)->lateral = true; }
opt_table ::= .
opt_table ::= TABLE.

%type target_list {NodeList}
target_list(A) ::= target_el(B). { A = LIST(B); }
target_list(A) ::= target_list(B) COMMA target_el(C). { A = MORE(B, C); }
%type opt_target_list {NodeList}
opt_target_list(A) ::= . { A = NONE; }
opt_target_list(A) ::= target_list(B). { A = B; }
target_el(A) ::= a_expr(B) AS col_label(X). { A = ast_target(ps, N_TARGET, B->offset, X.value, B); }
target_el(A) ::= a_expr(B) bare_label(X). { A = ast_target(ps, N_TARGET, B->offset, X.value, B); }
target_el(A) ::= a_expr(B). { A = ast_target(ps, N_TARGET, B->offset, SLICE_NONE, B); }
target_el(A) ::= STAR(X). { A = grammar_star(ps, X.offset); }

values_clause(A) ::= VALUES(X) LP expr_list(B) RP. { A = grammar_values(ps, X.offset, B); }
values_clause(A) ::= values_clause(B) COMMA LP(X) expr_list(C) RP. { A = grammar_values_more(ps, B, X.offset, C); }

%type from_clause {NodeList}
from_clause(A) ::= . { A = NONE; }
from_clause(A) ::= FROM from_list(B). { A = B; }
%type from_list {NodeList}
from_list(A) ::= table_ref(B). { A = LIST(B); }
from_list(A) ::= from_list(B) COMMA table_ref(C). { A = MORE(B, C); }

table_ref(A) ::= relation_expr(B) opt_alias_clause(C). { A = grammar_alias(ps, B, C); }
table_ref(A) ::= relation_expr(B) opt_alias_clause(C) TABLESAMPLE func_name(F) LP expr_list(L) RP opt_repeatable(R). { A = grammar_tablesample(ps, grammar_alias(ps, B, C), ast_func_named(ps, F.items[0]->offset, F, L), R); }
table_ref(A) ::= func_table(B) func_alias_clause(C). { A = grammar_alias(ps, B, C); }
table_ref(A) ::= LATERAL func_table(B) func_alias_clause(C). { A = grammar_alias(ps, B, C); ((NRange *)A)->lateral = true; }
table_ref(A) ::= select_with_parens(B) opt_alias_clause(C). { A = grammar_alias(ps, grammar_range_query(ps, B), C); }
table_ref(A) ::= LATERAL select_with_parens(B) opt_alias_clause(C). { A = grammar_alias(ps, grammar_range_query(ps, B), C); ((NRange *)A)->lateral = true; }
table_ref(A) ::= joined_table(B). { A = B; }
table_ref(A) ::= LP joined_table(B) RP alias_clause(C). { A = grammar_join_alias(ps, B, C); }

opt_repeatable(A) ::= . { A = NULL; }
opt_repeatable(A) ::= REPEATABLE LP a_expr(B) RP. { A = B; }

joined_table(A) ::= LP joined_table(B) RP. { A = B; }
joined_table(A) ::= table_ref(B) CROSS(X) JOIN table_ref(C). { A = grammar_join(ps, X.offset, JOIN_INNER, B, C, NULL); }
joined_table(A) ::= table_ref(B) join_type(T) JOIN(X) table_ref(C) join_qual(Q). { A = grammar_join(ps, X.offset, T, B, C, Q); }
joined_table(A) ::= table_ref(B) JOIN(X) table_ref(C) join_qual(Q). { A = grammar_join(ps, X.offset, JOIN_INNER, B, C, Q); }
joined_table(A) ::= table_ref(B) ASOF asof_type(T) JOIN(X) table_ref(C) join_qual(Q) opt_tolerance(L). { A = grammar_asof(ps, X.offset, T, B, C, Q, L); }
joined_table(A) ::= table_ref(B) ASOF asof_type(T) JOIN(X) table_ref(C) opt_tolerance(L). [JOIN] { A = grammar_asof(ps, X.offset, T, B, C, NULL, L); }
joined_table(A) ::= table_ref(B) NATURAL join_type(T) JOIN(X) table_ref(C). { A = grammar_join(ps, X.offset, T, B, C, NULL); ((NJoin *)A)->natural = true; }
joined_table(A) ::= table_ref(B) NATURAL JOIN(X) table_ref(C). { A = grammar_join(ps, X.offset, JOIN_INNER, B, C, NULL); ((NJoin *)A)->natural = true; }
%type join_type {int}
join_type(A) ::= FULL opt_outer. { A = JOIN_FULL; }
join_type(A) ::= LEFT opt_outer. { A = JOIN_LEFT; }
join_type(A) ::= RIGHT opt_outer. { A = JOIN_RIGHT; }
join_type(A) ::= INNER. { A = JOIN_INNER; }
%type asof_type {int}
asof_type(A) ::= . { A = JOIN_INNER; }
asof_type(A) ::= INNER. { A = JOIN_INNER; }
asof_type(A) ::= LEFT opt_outer. { A = JOIN_LEFT; }
opt_tolerance(A) ::= . [NO_QUAL] { A = NULL; }
opt_tolerance(A) ::= TOLERANCE duration(B). { A = B; }
duration(A) ::= DURATION(X). { A = ast_cast(ps, X.offset, ast_literal(ps, N_STRING, X.offset, X.value), TYPE(X, "interval")); }
duration(A) ::= a_expr(B). { A = B; }
opt_outer ::= .
opt_outer ::= OUTER.
join_qual(A) ::= USING(X) LP name_list(B) RP. { A = ast_multi(ps, N_NAME, X.offset, B); }
join_qual(A) ::= USING(X) LP name_list(B) RP AS col_id(C). { A = ast_multi(ps, N_NAME, X.offset, MORE(B, NAME(C))); ((NMulti *)A)->form = 'a'; }
join_qual(A) ::= ON a_expr(B). { A = B; }

alias_clause(A) ::= AS col_id(X) LP name_list(B) RP. { A = grammar_alias_clause(ps, X, B); }
alias_clause(A) ::= AS col_id(X). { A = grammar_alias_clause(ps, X, NONE); }
alias_clause(A) ::= col_id(X) LP name_list(B) RP. { A = grammar_alias_clause(ps, X, B); }
alias_clause(A) ::= col_id(X). { A = grammar_alias_clause(ps, X, NONE); }
opt_alias_clause(A) ::= . { A = NULL; }
opt_alias_clause(A) ::= alias_clause(B). { A = B; }
func_alias_clause(A) ::= . { A = NULL; }
func_alias_clause(A) ::= alias_clause(B). { A = B; }
func_alias_clause(A) ::= AS LP(X) func_element_list(B) RP. { X.value = SLICE_NONE; A = grammar_alias_clause(ps, X, B); }
func_alias_clause(A) ::= AS col_id(X) LP func_element_list(B) RP. { A = grammar_alias_clause(ps, X, B); }
func_alias_clause(A) ::= col_id(X) LP func_element_list(B) RP. { A = grammar_alias_clause(ps, X, B); }
%type func_element_list {NodeList}
func_element_list(A) ::= func_element(B). { A = LIST(B); }
func_element_list(A) ::= func_element_list(B) COMMA func_element(C). { A = MORE(B, C); }
func_element(A) ::= col_id(X) typename(T) opt_collate. { A = grammar_column_def(ps, X, T, NONE); }
opt_collate ::= .
opt_collate ::= COLLATE any_name.

func_table(A) ::= func_windowless(B) opt_ordinality(C). { A = grammar_range_func(ps, B, C); }
func_table(A) ::= ROWS(X) FROM LP rowsfrom_list(L) RP opt_ordinality(C). {
    A = grammar_range_func(ps, L.items[0], C);
    A->offset = X.offset;
    ((NRange *)A)->rows_from = L;
    ast_adopt_list(ps, A, &L);
}
%type rowsfrom_list {NodeList}
rowsfrom_list(A) ::= func_windowless(B). { A = LIST(B); }
rowsfrom_list(A) ::= rowsfrom_list(B) COMMA func_windowless(C). { A = MORE(B, C); }
%type opt_ordinality {int}
opt_ordinality(A) ::= . { A = 0; }
opt_ordinality(A) ::= WITH_LA ORDINALITY. { A = 1; }

where_clause(A) ::= . { A = NULL; }
where_clause(A) ::= WHERE a_expr(B). { A = B; }
having_clause(A) ::= . { A = NULL; }
having_clause(A) ::= HAVING a_expr(B). { A = B; }

group_clause(A) ::= . { A = NULL; }
group_clause(A) ::= LATEST_ON(X) columnref(B) PARTITION BY expr_list(C). { A = grammar_latest(ps, X.offset, B, C); }
group_clause(A) ::= SAMPLE_BY(X) duration(W) sample_from(F) sample_to(T) sample_fill(L) sample_align(B). {
    A = grammar_sample(ps, X.offset, B, (SampleParts){W, F, T, L});
}
sample_from(A) ::= . { A = NULL; }
sample_from(A) ::= FROM a_expr(B). { A = B; }
sample_to(A) ::= . { A = NULL; }
sample_to(A) ::= TO a_expr(B). { A = B; }
%type sample_fill {NodeList}
sample_fill(A) ::= . { A = NONE; }
sample_fill(A) ::= FILL LP expr_list(B) RP. { A = B; }
sample_align(A) ::= . { A = grammar_sample_align(ps, NULL, NULL, false); }
sample_align(A) ::= ALIGN TO CALENDAR sample_zone(Z) sample_offset(O). { A = grammar_sample_align(ps, Z, O, false); }
sample_align(A) ::= ALIGN TO FIRST OBSERVATION. { A = grammar_sample_align(ps, NULL, NULL, true); }
sample_zone(A) ::= . { A = NULL; }
sample_zone(A) ::= TIME ZONE a_expr(B). { A = B; }
sample_offset(A) ::= . { A = NULL; }
sample_offset(A) ::= WITH_OFFSET a_expr(B). { A = B; }
group_clause(A) ::= GROUP(X) BY group_list(B). { A = ast_multi(ps, N_GROUP_SET, X.offset, B); }
group_clause(A) ::= GROUP(X) BY ALL group_list(B). { A = ast_multi(ps, N_GROUP_SET, X.offset, B); }
group_clause(A) ::= GROUP(X) BY DISTINCT group_list(B). { A = ast_multi(ps, N_GROUP_SET, X.offset, B); ((NMulti *)A)->form = 'd'; }
%type group_list {NodeList}
group_list(A) ::= group_item(B). { A = LIST(B); }
group_list(A) ::= group_list(B) COMMA group_item(C). { A = MORE(B, C); }
group_item(A) ::= a_expr(B). { A = B; }
group_item(A) ::= LP(X) RP. { A = ast_multi(ps, N_GROUP_SET, X.offset, NONE); ((NMulti *)A)->form = 'e'; }
group_item(A) ::= CUBE(X) LP expr_list(B) RP. { A = ast_multi(ps, N_GROUP_SET, X.offset, B); ((NMulti *)A)->form = 'c'; }
group_item(A) ::= ROLLUP(X) LP expr_list(B) RP. { A = ast_multi(ps, N_GROUP_SET, X.offset, B); ((NMulti *)A)->form = 'r'; }
group_item(A) ::= GROUPING(X) SETS LP group_list(B) RP. { A = ast_multi(ps, N_GROUP_SET, X.offset, B); ((NMulti *)A)->form = 's'; }

%type window_clause {NodeList}
window_clause(A) ::= . { A = NONE; }
window_clause(A) ::= WINDOW window_def_list(B). { A = B; }
%type window_def_list {NodeList}
window_def_list(A) ::= window_def(B). { A = LIST(B); }
window_def_list(A) ::= window_def_list(B) COMMA window_def(C). { A = MORE(B, C); }
window_def(A) ::= col_id(X) AS window_specification(B). { A = B; ((NWindow *)A)->name = X.value; }

%type sort_clause {NodeList}
sort_clause(A) ::= ORDER BY sortby_list(B). { A = B; }
%type opt_sort_clause {NodeList}
opt_sort_clause(A) ::= . { A = NONE; }
opt_sort_clause(A) ::= sort_clause(B). { A = B; }
%type sortby_list {NodeList}
sortby_list(A) ::= sortby(B). { A = LIST(B); }
sortby_list(A) ::= sortby_list(B) COMMA sortby(C). { A = MORE(B, C); }
sortby(A) ::= a_expr(B) USING qual_all_op(O) opt_nulls(N). { A = grammar_sort(ps, B, 'u', N, ast_last_name(&O)); A->offset = O.items[0]->offset; }
sortby(A) ::= a_expr(B) opt_asc_desc(D) opt_nulls(N). { A = grammar_sort(ps, B, D, N, SLICE_NONE); }
%type qual_all_op {NodeList}
qual_all_op(A) ::= all_op(X). { A = LIST(NAME(X)); }
qual_all_op(A) ::= OPERATOR LP any_operator(B) RP. { A = B; }
%type opt_asc_desc {int}
opt_asc_desc(A) ::= . { A = 'a'; }
opt_asc_desc(A) ::= ASC. { A = 'a'; }
opt_asc_desc(A) ::= DESC. { A = 'd'; }
%type opt_nulls {int}
opt_nulls(A) ::= . { A = 0; }
opt_nulls(A) ::= NULLS_LA FIRST. { A = 'f'; }
opt_nulls(A) ::= NULLS_LA LAST. { A = 'l'; }

%type opt_select_limit {LimitParts *}
%type select_limit {LimitParts *}
%type limit_clause {LimitParts *}
opt_select_limit(A) ::= . { A = NULL; }
opt_select_limit(A) ::= select_limit(B). { A = B; }
select_limit(A) ::= limit_clause(B) offset_clause(C). { A = B; A->offset = C; }
select_limit(A) ::= offset_clause(C) limit_clause(B). { A = B; A->offset = C; }
select_limit(A) ::= limit_clause(B). { A = B; }
select_limit(A) ::= offset_clause(C). { A = grammar_limit(ps, NULL, false); A->offset = C; }
limit_clause(A) ::= LIMIT limit_value(B). { A = grammar_limit(ps, B, false); }
limit_clause(A) ::= LIMIT(X) limit_value COMMA limit_value. {
    A = grammar_limit(ps, NULL, false);
    ast_fail(ps, ERR_SYNTAX, X.offset, "LIMIT #,# syntax is not supported");
}
limit_clause(A) ::= FETCH first_or_next fetch_value(B) row_or_rows ONLY. { A = grammar_limit(ps, B, false); }
limit_clause(A) ::= FETCH first_or_next fetch_value(B) row_or_rows WITH TIES. { A = grammar_limit(ps, B, true); }
limit_clause(A) ::= FETCH(X) first_or_next row_or_rows ONLY. { A = grammar_limit(ps, ast_integer(ps, X.offset, SLICE_LIT("1")), false); }
limit_clause(A) ::= FETCH(X) first_or_next row_or_rows WITH TIES. { A = grammar_limit(ps, ast_integer(ps, X.offset, SLICE_LIT("1")), true); }
limit_value(A) ::= a_expr(B). { A = B; }
limit_value(A) ::= ALL(X). { A = ast_literal(ps, N_NULL, X.offset, SLICE_NONE); }
offset_clause(A) ::= OFFSET a_expr(B). { A = B; }
offset_clause(A) ::= OFFSET fetch_value(B) row_or_rows. { A = B; }
fetch_value(A) ::= c_expr(B). { A = B; }
fetch_value(A) ::= PLUS ICONST(X). { A = INTEGER(X); }
fetch_value(A) ::= MINUS(M) ICONST(X). { A = ast_negate(ps, M.offset, INTEGER(X)); }
row_or_rows ::= ROW.
row_or_rows ::= ROWS.
first_or_next ::= FIRST.
first_or_next ::= NEXT.

%type opt_for_locking {NodeList}
opt_for_locking(A) ::= . { A = NONE; }
opt_for_locking(A) ::= for_locking(B). { A = B; }
%type for_locking {NodeList}
for_locking(A) ::= locking_items(B). { A = B; }
for_locking(A) ::= FOR READ ONLY. { A = NONE; }
%type locking_items {NodeList}
locking_items(A) ::= locking_item(B). { A = LIST(B); }
locking_items(A) ::= locking_items(B) locking_item(C). { A = MORE(B, C); }
locking_item(A) ::= FOR(X) lock_strength(S) lock_of(L) lock_wait(W). { A = grammar_locking(ps, X.offset, S, L, W); }
%type lock_strength {const char *}
lock_strength(A) ::= UPDATE. { A = "FOR UPDATE"; }
lock_strength(A) ::= NO KEY UPDATE. { A = "FOR NO KEY UPDATE"; }
lock_strength(A) ::= SHARE. { A = "FOR SHARE"; }
lock_strength(A) ::= KEY SHARE. { A = "FOR KEY SHARE"; }
%type lock_of {NodeList}
lock_of(A) ::= . { A = NONE; }
lock_of(A) ::= OF qualified_name_list(B). { A = B; }
%type lock_wait {int}
lock_wait(A) ::= . { A = ROWS_LOCK_WAIT; }
lock_wait(A) ::= NOWAIT. { A = ROWS_LOCK_NOWAIT; }
lock_wait(A) ::= SKIP LOCKED. { A = ROWS_LOCK_SKIP; }

/* ---- INSERT, UPDATE, DELETE ---- */
insert_stmt(A) ::= opt_with_clause(W) INSERT(X) INTO insert_target(T) insert_rest(R) opt_on_conflict(C) returning(G). {
    A = grammar_insert(ps, X.offset, W, T, R, C);
    ((NInsert *)A)->returning = G;
}
insert_target(A) ::= qualified_name(B). { A = B; }
insert_target(A) ::= qualified_name(B) AS col_id(X). { A = B; ((NRange *)A)->alias = X.value; }
insert_rest(A) ::= select_stmt(B). { A = grammar_insert_rest(ps, NONE, B); }
insert_rest(A) ::= OVERRIDING overriding(O) VALUE select_stmt(B). { A = grammar_insert_rest(ps, NONE, B); ((NInsert *)A)->overriding = (char)O; }
insert_rest(A) ::= LP insert_column_list(C) RP select_stmt(B). { A = grammar_insert_rest(ps, C, B); }
insert_rest(A) ::= LP insert_column_list(C) RP OVERRIDING overriding(O) VALUE select_stmt(B). { A = grammar_insert_rest(ps, C, B); ((NInsert *)A)->overriding = (char)O; }
%type overriding {int}
overriding(A) ::= SYSTEM. { A = 's'; }
overriding(A) ::= USER. { A = 'u'; }
insert_rest(A) ::= DEFAULT VALUES. { A = grammar_insert_rest(ps, NONE, NULL); }
%type insert_column_list {NodeList}
insert_column_list(A) ::= insert_column(X). { A = LIST(X); }
insert_column_list(A) ::= insert_column_list(B) COMMA insert_column(X). { A = MORE(B, X); }
insert_column(A) ::= col_id(X) opt_indirection(B). { A = ast_indirect(ps, NAME(X), B); }
opt_on_conflict(A) ::= . { A = NULL; }
opt_on_conflict(A) ::= ON(X) CONFLICT opt_conf_target(T) DO UPDATE SET set_clause_list(S) where_clause(W). { A = grammar_conflict(ps, X.offset, 'u', T, S, W); }
opt_on_conflict(A) ::= ON(X) CONFLICT opt_conf_target(T) DO NOTHING. { A = grammar_conflict(ps, X.offset, 'n', T, NONE, NULL); }
opt_conf_target(A) ::= . { A = NULL; }
opt_conf_target(A) ::= LP(X) name_list(B) RP where_clause(W). { A = grammar_conflict_target(ps, X.offset, B, W); }
opt_conf_target(A) ::= ON CONSTRAINT col_id(X). { A = ast_multi(ps, N_NAME, X.offset, LIST(NAME(X))); ((NMulti *)A)->form = 'c'; }
%type returning {NodeList}
returning(A) ::= . { A = NONE; }
returning(A) ::= RETURNING target_list(B). { A = B; }

update_stmt(A) ::= opt_with_clause(W) UPDATE(X) relation_opt_alias(T) SET set_clause_list(S) from_clause(F) where_or_current(C) returning(G). {
    A = grammar_modify(ps, N_UPDATE, X.offset, W, T);
    ((NModify *)A)->set = S;
    ((NModify *)A)->from = F;
    ((NModify *)A)->where = C;
    ((NModify *)A)->returning = G;
}
delete_stmt(A) ::= opt_with_clause(W) DELETE(X) FROM relation_opt_alias(T) using_clause(F) where_or_current(C) returning(G). {
    A = grammar_modify(ps, N_DELETE, X.offset, W, T);
    ((NModify *)A)->from = F;
    ((NModify *)A)->where = C;
    ((NModify *)A)->returning = G;
}
%type using_clause {NodeList}
using_clause(A) ::= . { A = NONE; }
using_clause(A) ::= USING from_list(B). { A = B; }
relation_opt_alias(A) ::= relation_expr(B). [UMINUS] { A = B; }
relation_opt_alias(A) ::= relation_expr(B) col_id(X). { A = B; ((NRange *)A)->alias = X.value; }
relation_opt_alias(A) ::= relation_expr(B) AS col_id(X). { A = B; ((NRange *)A)->alias = X.value; }
where_or_current(A) ::= where_clause(B). { A = B; }
where_or_current(A) ::= WHERE CURRENT(X) OF col_id(N). { A = ast_literal(ps, N_CURRENT_OF, X.offset, N.value); }
%type set_clause_list {NodeList}
set_clause_list(A) ::= set_clause(B). { A = B; }
set_clause_list(A) ::= set_clause_list(B) COMMA set_clause(C). { A = grammar_append(ps, B, C); }
%type set_clause {NodeList}
set_clause(A) ::= col_id(X) opt_indirection(I) EQ a_expr(B). { A = grammar_assign(ps, X, I, B); }
set_clause(A) ::= LP insert_column_list(L) RP EQ a_expr(B). { A = grammar_assign_row(ps, L, B); }

/* ---- utility statements ---- */
utility_stmt(A) ::= COPY(X) opt_binary(O) qualified_name(T) opt_name_list(C) copy_direction(D) copy_file(F) opt_with_word copy_options(P) where_clause(W). {
    A = grammar_copy(ps, X.offset, T, C, NULL, D == 'f');
    grammar_copy_tail(ps, A, O, F, P);
    ((NCopy *)A)->where = W;
}
utility_stmt(A) ::= COPY(X) LP preparable(Q) RP TO copy_file(F) opt_with_word copy_options(P). {
    A = grammar_copy(ps, X.offset, NULL, NONE, Q, false);
    grammar_copy_tail(ps, A, 0, F, P);
}
%type opt_binary {int}
opt_binary(A) ::= . { A = 0; }
opt_binary(A) ::= BINARY. { A = 1; }
%type copy_direction {int}
copy_direction(A) ::= FROM. { A = 'f'; }
copy_direction(A) ::= TO. { A = 't'; }
%type copy_file {int}
copy_file(A) ::= STDIN. { A = 0; }
copy_file(A) ::= STDOUT. { A = 0; }
copy_file(A) ::= SCONST. { A = 1; }
copy_file(A) ::= PROGRAM SCONST. { A = 1; }
opt_with_word ::= .
opt_with_word ::= WITH.
%type copy_options {NodeList}
copy_options(A) ::= copy_old_list(B). { A = B; }
copy_options(A) ::= LP copy_new_list(B) RP. { A = B; }
%type copy_old_list {NodeList}
copy_old_list(A) ::= . { A = NONE; }
copy_old_list(A) ::= copy_old_list(B) copy_old(C). { A = MORE(B, C); }
copy_old(A) ::= BINARY(X). { A = ast_option(ps, X.offset, SLICE_LIT("format"), SLICE_LIT("binary"), true); }
copy_old(A) ::= CSV(X). { A = ast_option(ps, X.offset, SLICE_LIT("format"), SLICE_LIT("csv"), true); }
copy_old(A) ::= FREEZE(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
copy_old(A) ::= HEADER(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
copy_old(A) ::= DELIMITER(X) opt_as SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_old(A) ::= NULL(X) opt_as SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_old(A) ::= QUOTE(X) opt_as SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_old(A) ::= ESCAPE(X) opt_as SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_old(A) ::= ENCODING(X) SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_old(A) ::= FORCE(X) QUOTE name_list(C). { A = grammar_list_option(ps, X.offset, "force_quote", C, false); }
copy_old(A) ::= FORCE(X) QUOTE STAR. { A = grammar_list_option(ps, X.offset, "force_quote", NONE, true); }
copy_old(A) ::= FORCE(X) NOT NULL name_list(C). { A = grammar_list_option(ps, X.offset, "force_not_null", C, false); }
copy_old(A) ::= FORCE(X) NULL name_list(C). { A = grammar_list_option(ps, X.offset, "force_null", C, false); }
opt_as ::= .
opt_as ::= AS.
%type copy_new_list {NodeList}
copy_new_list(A) ::= copy_new(B). { A = LIST(B); }
copy_new_list(A) ::= copy_new_list(B) COMMA copy_new(C). { A = MORE(B, C); }
copy_new(A) ::= col_label(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
copy_new(A) ::= col_label(X) option_word(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
copy_new(A) ::= col_label(X) STAR. { A = grammar_list_option(ps, X.offset, "", NONE, true); ((NOption *)A)->name = X.value; }
copy_new(A) ::= col_label(X) LP name_list(C) RP. { A = grammar_list_option(ps, X.offset, "", C, false); ((NOption *)A)->name = X.value; }
/* a word, string or number as the value of an option */
%type option_word {Token}
option_word(A) ::= non_reserved_word(X). { A = X; }
option_word(A) ::= SCONST(X). { A = X; }
option_word(A) ::= signed_number(X). { A = X; }
option_word(A) ::= TRUE(X). { A = X; }
option_word(A) ::= FALSE(X). { A = X; }
option_word(A) ::= ON(X). { A = X; }
%type signed_number {Token}
signed_number(A) ::= ICONST(X). { A = X; }
signed_number(A) ::= FCONST(X). { A = X; }
signed_number(A) ::= PLUS ICONST(X). { A = X; }
signed_number(A) ::= PLUS FCONST(X). { A = X; }
signed_number(A) ::= MINUS(M) ICONST(X). { A = grammar_minus(ps, M, X); }
signed_number(A) ::= MINUS(M) FCONST(X). { A = grammar_minus(ps, M, X); }

/* CREATE */
utility_stmt(A) ::= CREATE(X) opt_temp(T) TABLE opt_if_not_exists(I) qualified_name(N) LP opt_element_list(E) RP table_options(O). {
    A = grammar_create_table(ps, X.offset, N, E, O);
    ((NCreateTable *)A)->temporary = T;
    ((NCreateTable *)A)->if_not_exists = I;
}
utility_stmt(A) ::= create_as_stmt(B). { A = B; }
create_as_stmt(A) ::= CREATE(X) opt_temp(T) TABLE opt_if_not_exists(I) qualified_name(N) opt_name_list(C) table_options(O) AS create_as_query(Q) opt_with_data(D). {
    A = grammar_create_table(ps, X.offset, N, NONE, O);
    A->kind = N_CREATE_TABLE_AS;
    ((NCreateTable *)A)->temporary = T;
    ((NCreateTable *)A)->if_not_exists = I;
    ((NCreateTable *)A)->names = C;
    ((NCreateTable *)A)->query = Q;
    ((NCreateTable *)A)->with_no_data = D;
}
create_as_query(A) ::= select_stmt(B). { A = B; }
create_as_query(A) ::= execute_stmt(B). { A = B; }
%type opt_temp {int}
opt_temp(A) ::= . { A = 0; }
opt_temp(A) ::= TEMP. { A = 1; }
opt_temp(A) ::= TEMPORARY. { A = 1; }
opt_temp(A) ::= LOCAL TEMP. { A = 1; }
opt_temp(A) ::= LOCAL TEMPORARY. { A = 1; }
opt_temp(A) ::= GLOBAL TEMP. { A = 1; }
opt_temp(A) ::= GLOBAL TEMPORARY. { A = 1; }
opt_temp(A) ::= UNLOGGED. { A = 0; }
%type opt_if_not_exists {int}
opt_if_not_exists(A) ::= . [NO_IF] { A = 0; }
opt_if_not_exists(A) ::= IF NOT EXISTS. { A = 1; }
%type opt_with_data {int}
opt_with_data(A) ::= . { A = 0; }
opt_with_data(A) ::= WITH DATA. { A = 0; }
opt_with_data(A) ::= WITH NO DATA. { A = 1; }
%type opt_element_list {NodeList}
opt_element_list(A) ::= . { A = NONE; }
opt_element_list(A) ::= element_list(B). { A = B; }
%type element_list {NodeList}
element_list(A) ::= table_element(B). { A = LIST(B); }
element_list(A) ::= element_list(B) COMMA table_element(C). { A = MORE(B, C); }
table_element(A) ::= column_def(B). { A = B; }
table_element(A) ::= table_constraint(B). { A = B; }
table_element(A) ::= LIKE qualified_name(N) like_options(O). { A = N; ((NRange *)A)->columns = O; }
%type like_options {NodeList}
like_options(A) ::= . { A = NONE; }
like_options(A) ::= like_options(B) INCLUDING like_what(W). { A = MORE(B, ast_option(ps, W.offset, W.value, SLICE_NONE, true)); }
like_options(A) ::= like_options(B) EXCLUDING like_what(W). { A = MORE(B, ast_option(ps, W.offset, W.value, SLICE_NONE, false)); }
%type like_what {Token}
like_what(A) ::= col_id(X). { A = X; }
like_what(A) ::= ALL(X). { A = X; }
column_def(A) ::= col_id(X) typename(T) column_constraints(C). { A = grammar_column_def(ps, X, T, C); }
%type column_constraints {NodeList}
column_constraints(A) ::= . { A = NONE; }
column_constraints(A) ::= column_constraints(B) column_constraint(C). { A = MORE(B, C); }
column_constraint(A) ::= CONSTRAINT col_id(X) column_constraint_el(B). { A = B; ((NConstraint *)A)->name = X.value; }
column_constraint(A) ::= column_constraint_el(B). { A = B; }
column_constraint(A) ::= COLLATE(X) any_name(N). { A = grammar_constraint(ps, X.offset, CON_NONE); ((NConstraint *)A)->columns = N; }
column_constraint(A) ::= constraint_attr(B). { A = B; }
column_constraint_el(A) ::= NOT(X) NULL. { A = grammar_constraint(ps, X.offset, CON_NOT_NULL); }
column_constraint_el(A) ::= NULL(X). { A = grammar_constraint(ps, X.offset, CON_NULL); }
column_constraint_el(A) ::= UNIQUE(X). { A = grammar_constraint(ps, X.offset, CON_UNIQUE); }
column_constraint_el(A) ::= PRIMARY(X) KEY. { A = grammar_constraint(ps, X.offset, CON_PRIMARY_KEY); }
column_constraint_el(A) ::= CHECK(X) LP(B) a_expr(E) RP(C). { A = grammar_check(ps, X.offset, E, B.end, C.offset); }
column_constraint_el(A) ::= DEFAULT(X) b_expr(E). { A = grammar_check(ps, X.offset, E, X.end, ps->prev_end); ((NConstraint *)A)->con = CON_DEFAULT; }
column_constraint_el(A) ::= GENERATED(X) generated_when(W) AS IDENTITY opt_sequence_options(O). { A = grammar_constraint(ps, X.offset, CON_IDENTITY); ((NConstraint *)A)->identity = (char)W; ((NConstraint *)A)->options = O; }
column_constraint_el(A) ::= GENERATED(X) generated_when AS LP(L) a_expr RP(R) STORED. {
    A = grammar_constraint(ps, X.offset, CON_GENERATED);
    ((NConstraint *)A)->text = ast_span(ps, L.end, R.offset);
}
column_constraint_el(A) ::= REFERENCES(X) qualified_name opt_name_list key_actions. { A = grammar_constraint(ps, X.offset, CON_FOREIGN_KEY); }
column_constraint_el(A) ::= TAG(X). { A = grammar_constraint(ps, X.offset, CON_TAG); }
column_constraint_el(A) ::= TIME(X) INDEX. { A = grammar_constraint(ps, X.offset, CON_TIME_INDEX); }
%type opt_sequence_options {NodeList}
opt_sequence_options(A) ::= . { A = NONE; }
opt_sequence_options(A) ::= LP sequence_options(B) RP. { A = B; }
%type sequence_options {NodeList}
sequence_options(A) ::= sequence_option(B). { A = LIST(B); }
sequence_options(A) ::= sequence_options(B) sequence_option(C). { A = MORE(B, C); }
sequence_option(A) ::= AS(X) typename(T). { A = grammar_list_option(ps, X.offset, "as", LIST(T), false); }
sequence_option(A) ::= CACHE(X) signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
sequence_option(A) ::= CYCLE(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, true); }
sequence_option(A) ::= NO(X) CYCLE(Y). { A = ast_option(ps, X.offset, Y.value, SLICE_NONE, false); }
sequence_option(A) ::= INCREMENT(X) opt_by signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
sequence_option(A) ::= MAXVALUE(X) signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
sequence_option(A) ::= MINVALUE(X) signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
sequence_option(A) ::= NO(X) MAXVALUE(Y). { A = ast_option(ps, X.offset, Y.value, SLICE_NONE, false); }
sequence_option(A) ::= NO(X) MINVALUE(Y). { A = ast_option(ps, X.offset, Y.value, SLICE_NONE, false); }
sequence_option(A) ::= OWNED(X) BY any_name(N). { A = grammar_list_option(ps, X.offset, "owned", N, false); }
sequence_option(A) ::= SEQUENCE(X) col_id any_name(N). { A = grammar_list_option(ps, X.offset, "name", N, false); }
sequence_option(A) ::= START(X) opt_with_word signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
sequence_option(A) ::= RESTART(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
sequence_option(A) ::= RESTART(X) opt_with_word signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
opt_by ::= .
opt_by ::= BY.
%type generated_when {int}
generated_when(A) ::= ALWAYS. { A = 'a'; }
generated_when(A) ::= BY DEFAULT. { A = 'd'; }
constraint_attr(A) ::= DEFERRABLE(X). { A = grammar_constraint(ps, X.offset, CON_DEFERRABLE); }
constraint_attr(A) ::= NOT(X) DEFERRABLE. { A = grammar_constraint(ps, X.offset, CON_NONE); }
constraint_attr(A) ::= INITIALLY(X) DEFERRED. { A = grammar_constraint(ps, X.offset, CON_DEFERRABLE); }
constraint_attr(A) ::= INITIALLY(X) IMMEDIATE. { A = grammar_constraint(ps, X.offset, CON_NONE); }
key_actions ::= .
key_actions ::= key_actions ON UPDATE key_action.
key_actions ::= key_actions ON DELETE key_action.
key_action ::= NO ACTION.
key_action ::= RESTRICT.
key_action ::= CASCADE.
key_action ::= SET NULL.
key_action ::= SET DEFAULT.
table_constraint(A) ::= CONSTRAINT col_id(X) constraint_el(B) constraint_attrs(L). { A = B; ((NConstraint *)A)->name = X.value; ((NConstraint *)A)->attributes = L; }
table_constraint(A) ::= constraint_el(B) constraint_attrs(L). { A = B; ((NConstraint *)A)->attributes = L; }
%type constraint_attrs {NodeList}
constraint_attrs(A) ::= . { A = NONE; }
constraint_attrs(A) ::= constraint_attrs(B) constraint_attr(C). { A = MORE(B, C); }
constraint_el(A) ::= CHECK(X) LP(B) a_expr(E) RP(C). { A = grammar_check(ps, X.offset, E, B.end, C.offset); }
constraint_el(A) ::= UNIQUE(X) LP name_list(C) RP. { A = grammar_constraint(ps, X.offset, CON_UNIQUE); ((NConstraint *)A)->columns = C; }
constraint_el(A) ::= PRIMARY(X) KEY LP name_list(C) RP. { A = grammar_constraint(ps, X.offset, CON_PRIMARY_KEY); ((NConstraint *)A)->columns = C; }
constraint_el(A) ::= FOREIGN(X) KEY LP name_list RP REFERENCES qualified_name opt_name_list key_actions. { A = grammar_constraint(ps, X.offset, CON_FOREIGN_KEY); }

/* WITH (...), and the words of QuestDB: TIMESTAMP(ts) PARTITION BY DAY TTL 7 DAYS WAL DEDUP UPSERT KEYS(ts, h) */
%type table_options {NodeList}
table_options(A) ::= . { A = NONE; }
table_options(A) ::= table_options(B) WITH LP option_list(C) RP. { A = grammar_concat(ps, B, C); }
table_options(A) ::= table_options(B) WITHOUT OIDS. { A = B; }
table_options(A) ::= table_options(B) ON(X) COMMIT DROP. { A = MORE(B, ast_option(ps, X.offset, SLICE_LIT("on commit"), SLICE_LIT("drop"), true)); }
table_options(A) ::= table_options(B) ON(X) COMMIT DELETE ROWS. { A = MORE(B, ast_option(ps, X.offset, SLICE_LIT("on commit"), SLICE_LIT("delete"), true)); }
table_options(A) ::= table_options(B) ON(X) COMMIT PRESERVE ROWS. { A = MORE(B, ast_option(ps, X.offset, SLICE_LIT("on commit"), SLICE_LIT("preserve"), true)); }
table_options(A) ::= table_options(B) TIMESTAMP(X) LP col_id(C) RP. { A = MORE(B, ast_option(ps, X.offset, SLICE_LIT("time"), C.value, true)); }
table_options(A) ::= table_options(B) PARTITION(X) BY col_id(C). { A = MORE(B, ast_option(ps, X.offset, SLICE_LIT("partition_by"), C.value, true)); }
table_options(A) ::= table_options(B) IDENT(X). { A = MORE(B, grammar_table_word(ps, X)); }
table_options(A) ::= table_options(B) IDENT(X) ICONST(N) col_id(U). { A = MORE(B, grammar_duration_option(ps, X, N, U)); }
table_options(A) ::= table_options(B) IDENT(X) LP name_list(C) RP. { A = MORE(B, grammar_list_option(ps, X.offset, "", C, false)); ((NOption *)A.items[A.count - 1])->name = X.value; }
%type option_list {NodeList}
option_list(A) ::= option(B). { A = LIST(B); }
option_list(A) ::= option_list(B) COMMA option(C). { A = MORE(B, C); }
option(A) ::= option_name(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
option(A) ::= option_name(X) EQ option_word(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
option(A) ::= SCONST(X) EQ option_word(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
%type option_name {Token}
option_name(A) ::= col_label(X). { A = X; }
option_name(A) ::= col_label(X) DOT col_label(Y). { A = X; A.value = arena_printf(ps->arena, "%.*s.%.*s", SLICE_ARG(X.value), SLICE_ARG(Y.value)); }

utility_stmt(A) ::= CREATE(X) opt_temp(T) VIEW view_rest(B). { A = B; A->offset = X.offset; ((NCreate *)A)->temporary = T; }
utility_stmt(A) ::= CREATE(X) OR REPLACE opt_temp(T) VIEW view_rest(B). { A = B; A->offset = X.offset; ((NCreate *)A)->or_replace = true; ((NCreate *)A)->temporary = T; }
view_rest(A) ::= qualified_name(N) opt_name_list(C) AS(B) select_stmt(Q). {
    A = grammar_create(ps, N_CREATE_VIEW, B.offset, N);
    ((NCreate *)A)->columns = C;
    ((NCreate *)A)->query = (NSelect *)Q;
    ((NCreate *)A)->text = ast_span(ps, B.end, ps->prev_end);
    ast_adopt(ps, A, Q);
}
utility_stmt(A) ::= CREATE(X) MATERIALIZED VIEW opt_if_not_exists(I) matview_rest(B). { A = B; A->offset = X.offset; ((NCreate *)A)->if_not_exists = I; }
utility_stmt(A) ::= CREATE(X) OR REPLACE MATERIALIZED VIEW matview_rest(B). { A = B; A->offset = X.offset; ((NCreate *)A)->or_replace = true; }
matview_rest(A) ::= qualified_name(N) opt_name_list(C) table_options(O) matview_query(Q) opt_with_data(D). {
    A = Q;
    ((NCreate *)A)->range = (NRange *)N;
    ((NCreate *)A)->columns = C;
    ((NCreate *)A)->options = O;
    ((NCreate *)A)->with_no_data = D;
}
matview_query(A) ::= AS(B) select_stmt(Q). {
    A = grammar_create(ps, N_CREATE_VIEW, B.offset, NULL);
    ((NCreate *)A)->materialized = true;
    ((NCreate *)A)->query = (NSelect *)Q;
    ((NCreate *)A)->text = ast_span(ps, B.end, ps->prev_end);
    ast_adopt(ps, A, Q);
}
utility_stmt(A) ::= REFRESH(X) MATERIALIZED VIEW opt_concurrent(C) qualified_name(N) refresh_range(R) opt_force(F) opt_with_data(D). {
    NSimple *n = (NSimple *)R;
    A = R;
    A->offset = X.offset;
    n->range = (NRange *)N;
    n->flag = F;
    n->flag2 = D;
    n->flag3 = C;
}
%type opt_concurrent {int}
opt_concurrent(A) ::= . { A = 0; }
opt_concurrent(A) ::= CONCURRENTLY. { A = 1; }
%type opt_force {int}
opt_force(A) ::= . { A = 0; }
opt_force(A) ::= FORCE. { A = 1; }
refresh_range(A) ::= . { A = ast_simple(ps, N_REFRESH, 0, 0, SLICE_NONE); }
refresh_range(A) ::= FROM b_expr(B) TO b_expr(C). {
    A = ast_simple(ps, N_REFRESH, 0, 0, SLICE_NONE);
    ((NSimple *)A)->args = MORE(LIST(B), C);
}
utility_stmt(A) ::= CREATE(X) SCHEMA opt_if_not_exists(I) col_id(N) opt_authorization(R). { A = grammar_create_named(ps, N_CREATE_SCHEMA, X.offset, N, I); ((NCreate *)A)->text = R.value; }
utility_stmt(A) ::= CREATE(X) SCHEMA opt_if_not_exists(I) AUTHORIZATION role_spec(R). { A = grammar_create_named(ps, N_CREATE_SCHEMA, X.offset, R, I); ((NCreate *)A)->text = R.value; }
%type opt_authorization {Token}
opt_authorization(A) ::= . { A = (Token){0}; }
opt_authorization(A) ::= AUTHORIZATION role_spec(R). { A = R; }
utility_stmt(A) ::= ALTER(X) SCHEMA col_id(N) OWNER TO role_spec(R). { A = ast_simple(ps, N_OWNER, X.offset, GRANT_ON_SCHEMAS, N.value); ((NSimple *)A)->text = R.value; }
utility_stmt(A) ::= ALTER(X) DATABASE col_id(N) OWNER TO role_spec(R). { A = ast_simple(ps, N_OWNER, X.offset, GRANT_ON_DATABASES, N.value); ((NSimple *)A)->text = R.value; }
utility_stmt(A) ::= ALTER(X) DATABASE col_id(N) setting_change(S). { A = ast_simple(ps, N_ROLE_SETTING, X.offset, GRANT_ON_DATABASES, N.value); ((NSimple *)A)->query = S; }
utility_stmt(A) ::= ALTER(X) SCHEMA col_id(N) RENAME TO col_id(M). { A = ast_simple(ps, N_OWNER, X.offset, GRANT_ON_SCHEMAS, N.value); ((NSimple *)A)->text = M.value; ((NSimple *)A)->flag = true; }
utility_stmt(A) ::= ALTER(X) DATABASE col_id(N) RENAME TO col_id(M). { A = ast_simple(ps, N_OWNER, X.offset, GRANT_ON_DATABASES, N.value); ((NSimple *)A)->text = M.value; ((NSimple *)A)->flag = true; }
utility_stmt(A) ::= REASSIGN(X) OWNED BY role_list(L) TO role_spec(R). { A = ast_simple(ps, N_OWNED, X.offset, 0, R.value); ((NSimple *)A)->list = L; }
utility_stmt(A) ::= DROP(X) OWNED BY role_list(L) opt_behavior(B). { A = ast_simple(ps, N_OWNED, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; ((NSimple *)A)->flag = true; ((NSimple *)A)->flag3 = B; }
setting_change(A) ::= SET(X) set_rest(B). { A = B; A->offset = X.offset; }
setting_change(A) ::= RESET(X) show_name(N). { A = ast_simple(ps, N_RESET, X.offset, 0, N.value); }
utility_stmt(A) ::= CREATE(X) DATABASE opt_if_not_exists(I) col_id(N) database_options. { A = grammar_create_named(ps, N_CREATE_DATABASE, X.offset, N, I); }
database_options ::= .
database_options ::= WITH database_option_list.
database_options ::= database_option_list.
database_option_list ::= database_option.
database_option_list ::= database_option_list database_option.
database_option ::= database_option_name EQ option_word.
database_option ::= database_option_name EQ DEFAULT.
database_option ::= database_option_name option_word.
database_option ::= database_option_name DEFAULT.
database_option_name ::= IDENT.
database_option_name ::= OWNER.
database_option_name ::= ENCODING.
utility_stmt(A) ::= CREATE(X) EXTENSION opt_if_not_exists(I) col_id(N) opt_with_word extension_options. { A = grammar_create_named(ps, N_CREATE_EXTENSION, X.offset, N, I); }
extension_options ::= .
extension_options ::= extension_options SCHEMA col_id.
extension_options ::= extension_options CASCADE.
extension_options ::= extension_options IDENT option_word.
utility_stmt(A) ::= CREATE(X) opt_unique(U) INDEX opt_concurrently opt_if_not_exists(I) opt_index_name(M) ON relation_expr(T) opt_access_method LP index_elements(C) RP opt_include(L) table_options(O) where_clause(W). {
    A = grammar_create(ps, N_CREATE_INDEX, X.offset, T);
    ((NCreate *)A)->unique = U;
    ((NCreate *)A)->if_not_exists = I;
    ((NCreate *)A)->name = M;
    ((NCreate *)A)->columns = C;
    ((NCreate *)A)->options = O;
    ((NCreate *)A)->or_replace = W || L; /* partial, or covering */
}
%type opt_include {int}
opt_include(A) ::= . { A = 0; }
opt_include(A) ::= INCLUDE LP name_list RP. { A = 1; }
%type opt_unique {int}
opt_unique(A) ::= . { A = 0; }
opt_unique(A) ::= UNIQUE. { A = 1; }
opt_concurrently ::= .
opt_concurrently ::= CONCURRENTLY.
%type opt_index_name {Slice}
opt_index_name(A) ::= . { A = SLICE_NONE; }
opt_index_name(A) ::= col_id(X). { A = X.value; }
opt_access_method ::= .
opt_access_method ::= USING col_id.
%type index_elements {NodeList}
index_elements(A) ::= index_element(B). { A = LIST(B); }
index_elements(A) ::= index_elements(B) COMMA index_element(C). { A = MORE(B, C); }
index_element(A) ::= col_id(X) index_element_tail. { A = NAME(X); }
index_element(A) ::= func_windowless(B) index_element_tail. { A = B; }
index_element(A) ::= LP a_expr(B) RP index_element_tail. { A = B; A->parens = true; }
index_element_tail ::= opt_collate opt_class opt_asc_desc opt_nulls.
opt_class ::= .
opt_class ::= any_name.

/* DROP, ALTER, TRUNCATE, COMMENT */
utility_stmt(A) ::= DROP(X) drop_what(W) IF EXISTS qualified_name_list(L) opt_behavior(B). { A = grammar_drop(ps, X.offset, W, L, B); ((NDrop *)A)->if_exists = true; }
utility_stmt(A) ::= DROP(X) drop_what(W) qualified_name_list(L) opt_behavior(B). { A = grammar_drop(ps, X.offset, W, L, B); }
%type drop_what {int}
drop_what(A) ::= TABLE. { A = DROP_TABLE; }
drop_what(A) ::= VIEW. { A = DROP_VIEW; }
drop_what(A) ::= MATERIALIZED VIEW. { A = DROP_MATVIEW; }
drop_what(A) ::= SCHEMA. { A = DROP_SCHEMA; }
drop_what(A) ::= DATABASE. { A = DROP_DATABASE; }
drop_what(A) ::= SEQUENCE. { A = DROP_SEQUENCE; }
drop_what(A) ::= INDEX. { A = DROP_INDEX; }
drop_what(A) ::= INDEX CONCURRENTLY. { A = DROP_INDEX; }
%type opt_behavior {int}
opt_behavior(A) ::= . { A = 0; }
opt_behavior(A) ::= CASCADE. { A = 1; }
opt_behavior(A) ::= RESTRICT. { A = 0; }

utility_stmt(A) ::= ALTER(X) TABLE opt_if_exists(I) relation_expr(T) alter_actions(L). { A = grammar_alter(ps, X.offset, T, I, L); }
utility_stmt(A) ::= ALTER(X) TABLE opt_if_exists(I) relation_expr(T) alter_single(C). { A = grammar_alter(ps, X.offset, T, I, LIST(C)); }
%type opt_if_exists {int}
opt_if_exists(A) ::= . [NO_IF] { A = 0; }
opt_if_exists(A) ::= IF EXISTS. { A = 1; }
%type alter_actions {NodeList}
alter_actions(A) ::= alter_action(B). { A = LIST(B); }
alter_actions(A) ::= alter_actions(B) COMMA alter_action(C). { A = MORE(B, C); }
opt_column ::= . [NO_IF]
opt_column ::= COLUMN.
alter_action(A) ::= alter_add(B). { A = B; }
alter_add(A) ::= ADD(X) opt_column column_def(D). { A = ACTION(X, ALTER_ADD_COLUMN); ((NAlterAction *)A)->column = (NColumnDef *)D; }
alter_add(A) ::= ADD(X) opt_column IF NOT EXISTS column_def(D). {
    A = ACTION(X, ALTER_ADD_COLUMN);
    ((NAlterAction *)A)->column = (NColumnDef *)D;
    ((NAlterAction *)A)->if_not_exists = true;
}
alter_action(A) ::= ADD(X) table_constraint(C). { A = grammar_add_constraint(ps, X.offset, C); }
alter_action(A) ::= DROP(X) opt_column col_id(N) opt_behavior(B). {
    A = ACTION(X, ALTER_DROP_COLUMN);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->cascade = B;
}
alter_action(A) ::= DROP(X) opt_column IF EXISTS col_id(N) opt_behavior(B). {
    A = ACTION(X, ALTER_DROP_COLUMN);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->cascade = B;
    ((NAlterAction *)A)->if_exists = true;
}
alter_action(A) ::= ALTER(X) opt_column col_id(N) opt_set_data TYPE typename(T) opt_collate alter_using(U). {
    A = ACTION(X, ALTER_TYPE);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->type = (NType *)T;
    ((NAlterAction *)A)->using_expr = U;
}
opt_set_data ::= .
opt_set_data ::= SET DATA.
alter_using(A) ::= . { A = NULL; }
alter_using(A) ::= USING(X) a_expr(B). { A = grammar_check(ps, X.offset, B, X.end, ps->prev_end); }
alter_action(A) ::= ALTER(X) opt_column col_id(N) SET DEFAULT(D) a_expr. {
    A = ACTION(X, ALTER_SET_DEFAULT);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->text = ast_span(ps, D.end, ps->prev_end);
}
alter_action(A) ::= ALTER(X) opt_column col_id(N) DROP DEFAULT. { A = ACTION(X, ALTER_DROP_DEFAULT); ((NAlterAction *)A)->name = N.value; }
alter_action(A) ::= ALTER(X) opt_column col_id(N) SET NOT NULL. { A = ACTION(X, ALTER_SET_NOT_NULL); ((NAlterAction *)A)->name = N.value; }
alter_action(A) ::= ALTER(X) opt_column col_id(N) DROP NOT NULL. { A = ACTION(X, ALTER_DROP_NOT_NULL); ((NAlterAction *)A)->name = N.value; }
alter_action(A) ::= ALTER(X) opt_column col_id(N) ADD GENERATED generated_when(W) AS IDENTITY opt_sequence_options(O). {
    A = ACTION(X, ALTER_ADD_IDENTITY);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->identity = (char)W;
    ((NAlterAction *)A)->options = O;
}
alter_action(A) ::= ALTER(X) opt_column col_id(N) identity_changes(O). { A = ACTION(X, ALTER_SET_IDENTITY); ((NAlterAction *)A)->name = N.value; ((NAlterAction *)A)->options = O; }
%type identity_changes {NodeList}
identity_changes(A) ::= identity_change(B). { A = LIST(B); }
identity_changes(A) ::= identity_changes(B) identity_change(C). { A = MORE(B, C); }
identity_change(A) ::= RESTART(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
identity_change(A) ::= RESTART(X) opt_with_word signed_number(N). { A = ast_option(ps, X.offset, X.value, N.value, true); }
identity_change(A) ::= SET sequence_option(B). { A = B; }
identity_change(A) ::= SET GENERATED(X) generated_when(W). { A = ast_option(ps, X.offset, X.value, W == 'a' ? SLICE_LIT("a") : SLICE_LIT("d"), true); }
alter_action(A) ::= ALTER(X) opt_column col_id(N) DROP IDENTITY opt_if_exists(I). { A = ACTION(X, ALTER_DROP_IDENTITY); ((NAlterAction *)A)->name = N.value; ((NAlterAction *)A)->if_exists = I; }
alter_action(A) ::= DROP(X) CONSTRAINT opt_if_exists(I) col_id(N) opt_behavior(B). {
    A = ACTION(X, ALTER_DROP_CONSTRAINT);
    ((NAlterAction *)A)->name = N.value;
    ((NAlterAction *)A)->cascade = B;
    ((NAlterAction *)A)->if_exists = I;
}
alter_action(A) ::= alter_options(B). { A = B; }
alter_options(A) ::= SET(X) LP option_list(O) RP. { A = ACTION(X, ALTER_SET_OPTIONS); ((NAlterAction *)A)->options = O; }
alter_options(A) ::= RESET(X) LP option_list(O) RP. { A = ACTION(X, ALTER_RESET_OPTIONS); ((NAlterAction *)A)->options = O; }
alter_action(A) ::= SET(X) IDENT(W) ICONST(N) col_id(U). { A = ACTION(X, ALTER_SET_OPTIONS); ((NAlterAction *)A)->options = LIST(grammar_duration_option(ps, W, N, U)); }
alter_action(A) ::= OWNER(X) TO role_spec(N). { A = ACTION(X, ALTER_OWNER); ((NAlterAction *)A)->new_name = N.value; }
alter_alone(A) ::= alter_single(B). { A = B; }
alter_alone(A) ::= OWNER(X) TO role_spec(N). { A = ACTION(X, ALTER_OWNER); ((NAlterAction *)A)->new_name = N.value; }
alter_single(A) ::= RENAME(X) TO col_id(N). { A = ACTION(X, ALTER_RENAME_TABLE); ((NAlterAction *)A)->new_name = N.value; }
alter_single(A) ::= RENAME(X) opt_column col_id(O) TO col_id(N). {
    A = ACTION(X, ALTER_RENAME_COLUMN);
    ((NAlterAction *)A)->name = O.value;
    ((NAlterAction *)A)->new_name = N.value;
}
alter_single(A) ::= RENAME(X) CONSTRAINT col_id(O) TO col_id(N). {
    A = ACTION(X, ALTER_RENAME_CONSTRAINT);
    ((NAlterAction *)A)->name = O.value;
    ((NAlterAction *)A)->new_name = N.value;
}
alter_single(A) ::= SET(X) SCHEMA col_id(N). { A = ACTION(X, ALTER_SET_SCHEMA); ((NAlterAction *)A)->new_name = N.value; }

utility_stmt(A) ::= ALTER(X) alter_other(W) opt_if_exists(I) qualified_name(T) alter_alone(C). { A = grammar_alter(ps, X.offset, T, I, LIST(C)); ((NAlter *)A)->what = W; }
utility_stmt(A) ::= ALTER(X) alter_other(W) opt_if_exists(I) qualified_name(T) alter_options(C). { A = grammar_alter(ps, X.offset, T, I, LIST(C)); ((NAlter *)A)->what = W; }
utility_stmt(A) ::= ALTER(X) alter_other(W) opt_if_exists(I) qualified_name(T) alter_add(C). { A = grammar_alter(ps, X.offset, T, I, LIST(C)); ((NAlter *)A)->what = W; }
%type alter_other {int}
alter_other(A) ::= VIEW. { A = 'v'; }
alter_other(A) ::= MATERIALIZED VIEW. { A = 'm'; }
alter_other(A) ::= INDEX. { A = 'i'; }
utility_stmt(A) ::= ALTER(X) SEQUENCE opt_if_exists(I) qualified_name(T) alter_alone(C). { A = grammar_alter(ps, X.offset, T, I, LIST(C)); ((NAlter *)A)->what = 'S'; }
utility_stmt(A) ::= ALTER(X) SEQUENCE opt_if_exists(I) qualified_name(T) sequence_options(O). {
    A = grammar_create(ps, N_ALTER_SEQUENCE, X.offset, T);
    ((NCreate *)A)->if_not_exists = I;
    ((NCreate *)A)->options = O;
}
utility_stmt(A) ::= CREATE(X) opt_temp(T) SEQUENCE opt_if_not_exists(I) qualified_name(N). {
    A = grammar_create(ps, N_CREATE_SEQUENCE, X.offset, N);
    ((NCreate *)A)->if_not_exists = I;
    ((NCreate *)A)->temporary = T;
}
utility_stmt(A) ::= CREATE(X) opt_temp(T) SEQUENCE opt_if_not_exists(I) qualified_name(N) sequence_options(O). {
    A = grammar_create(ps, N_CREATE_SEQUENCE, X.offset, N);
    ((NCreate *)A)->if_not_exists = I;
    ((NCreate *)A)->temporary = T;
    ((NCreate *)A)->options = O;
}

utility_stmt(A) ::= TRUNCATE(X) opt_table relation_list(L) opt_restart(R) opt_behavior. { A = ast_simple(ps, N_TRUNCATE, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; ((NSimple *)A)->flag = R; }
%type opt_restart {int}
opt_restart(A) ::= . { A = 0; }
opt_restart(A) ::= RESTART IDENTITY. { A = 1; }
opt_restart(A) ::= CONTINUE IDENTITY. { A = 0; }

utility_stmt(A) ::= COMMENT(X) ON TABLE any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_TABLE, N, T); }
utility_stmt(A) ::= COMMENT(X) ON SEQUENCE any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_SEQUENCE, N, T); }
utility_stmt(A) ::= COMMENT(X) ON MATERIALIZED VIEW any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_VIEW, N, T); }
utility_stmt(A) ::= COMMENT(X) ON VIEW any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_VIEW, N, T); }
utility_stmt(A) ::= COMMENT(X) ON COLUMN any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_COLUMN, N, T); }
utility_stmt(A) ::= COMMENT(X) ON INDEX any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_INDEX, N, T); }
utility_stmt(A) ::= COMMENT(X) ON ROLE any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_ROLE, N, T); }
utility_stmt(A) ::= COMMENT(X) ON CONSTRAINT col_id(C) ON any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_CONSTRAINT, N, T); ((NSimple *)A)->name = C.value; }
utility_stmt(A) ::= COMMENT(X) ON DATABASE any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_DATABASE, N, T); }
utility_stmt(A) ::= COMMENT(X) ON SCHEMA any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_SCHEMA, N, T); }
utility_stmt(A) ::= COMMENT(X) ON EXTENSION any_name(N) IS comment_text(T). { A = grammar_comment(ps, X.offset, COMMENT_EXTENSION, N, T); }
comment_text(A) ::= SCONST(X). { A = ast_literal(ps, N_STRING, X.offset, X.value); }
comment_text(A) ::= NULL. { A = NULL; }

/* transactions */
utility_stmt(A) ::= ABORT(X) opt_work opt_chain(C). { A = ast_simple(ps, N_TXN, X.offset, TXN_ROLLBACK, SLICE_NONE); ((NSimple *)A)->flag = C; }
utility_stmt(A) ::= BEGIN(X) opt_work txn_modes(M). { A = grammar_txn(ps, X.offset, TXN_BEGIN, M); }
utility_stmt(A) ::= START(X) TRANSACTION txn_modes(M). { A = grammar_txn(ps, X.offset, TXN_BEGIN, M); ((NSimple *)A)->flag2 = true; }
utility_stmt(A) ::= COMMIT(X) opt_work opt_chain(C). { A = ast_simple(ps, N_TXN, X.offset, TXN_COMMIT, SLICE_NONE); ((NSimple *)A)->flag = C; }
utility_stmt(A) ::= END(X) opt_work opt_chain(C). { A = ast_simple(ps, N_TXN, X.offset, TXN_COMMIT, SLICE_NONE); ((NSimple *)A)->flag = C; }
utility_stmt(A) ::= ROLLBACK(X) opt_work opt_chain(C). { A = ast_simple(ps, N_TXN, X.offset, TXN_ROLLBACK, SLICE_NONE); ((NSimple *)A)->flag = C; }
utility_stmt(A) ::= ROLLBACK(X) opt_work TO SAVEPOINT col_id(N). { A = ast_simple(ps, N_TXN, X.offset, TXN_ROLLBACK_TO, N.value); }
utility_stmt(A) ::= ROLLBACK(X) opt_work TO col_id(N). { A = ast_simple(ps, N_TXN, X.offset, TXN_ROLLBACK_TO, N.value); }
utility_stmt(A) ::= SAVEPOINT(X) col_id(N). { A = ast_simple(ps, N_TXN, X.offset, TXN_SAVEPOINT, N.value); }
utility_stmt(A) ::= RELEASE(X) SAVEPOINT col_id(N). { A = ast_simple(ps, N_TXN, X.offset, TXN_RELEASE, N.value); }
utility_stmt(A) ::= RELEASE(X) col_id(N). { A = ast_simple(ps, N_TXN, X.offset, TXN_RELEASE, N.value); }
opt_work ::= .
opt_work ::= WORK.
opt_work ::= TRANSACTION.
%type opt_chain {int}
opt_chain(A) ::= . { A = 0; }
opt_chain(A) ::= AND CHAIN. { A = 1; }
opt_chain(A) ::= AND NO CHAIN. { A = 0; }
%type txn_modes {TxnModes}
%type txn_mode_list {TxnModes}
%type txn_mode {TxnModes}
txn_modes(A) ::= . { A = (TxnModes){SLICE_NONE, -1, -1}; }
txn_modes(A) ::= txn_mode_list(B). { A = B; }
txn_mode_list(A) ::= txn_mode(B). { A = B; }
txn_mode_list(A) ::= txn_mode_list(B) COMMA txn_mode(C). { A = grammar_modes(B, C); }
txn_mode_list(A) ::= txn_mode_list(B) txn_mode(C). { A = grammar_modes(B, C); }
txn_mode(A) ::= ISOLATION LEVEL isolation(B). { A = (TxnModes){B, -1, -1}; }
txn_mode(A) ::= READ ONLY. { A = (TxnModes){SLICE_NONE, 1, -1}; }
txn_mode(A) ::= READ WRITE. { A = (TxnModes){SLICE_NONE, 0, -1}; }
txn_mode(A) ::= DEFERRABLE. { A = (TxnModes){SLICE_NONE, -1, 1}; }
txn_mode(A) ::= NOT DEFERRABLE. { A = (TxnModes){SLICE_NONE, -1, 0}; }
%type isolation {Slice}
isolation(A) ::= READ UNCOMMITTED. { A = SLICE_LIT("read uncommitted"); }
isolation(A) ::= READ COMMITTED. { A = SLICE_LIT("read committed"); }
isolation(A) ::= REPEATABLE READ. { A = SLICE_LIT("repeatable read"); }
isolation(A) ::= SERIALIZABLE. { A = SLICE_LIT("serializable"); }

/* settings */
utility_stmt(A) ::= SET(X) set_rest(B). { A = B; A->offset = X.offset; }
utility_stmt(A) ::= SET(X) SESSION set_rest(B). { A = B; A->offset = X.offset; ((NSimple *)A)->flag3 = true; }
utility_stmt(A) ::= SET(X) LOCAL set_rest(B). { A = B; A->offset = X.offset; ((NSimple *)A)->flag = true; }
set_rest(A) ::= TRANSACTION(X) txn_mode_list(M). { A = grammar_txn(ps, X.offset, TXN_SET_MODES, M); }
set_rest(A) ::= SESSION(X) CHARACTERISTICS AS TRANSACTION txn_mode_list(M). { A = grammar_txn(ps, X.offset, TXN_SET_MODES, M); ((NSimple *)A)->flag2 = true; }
set_rest(A) ::= var_name(N) to_or_eq var_list(V). { A = grammar_set(ps, N, slice_eq_nocase(N.value, SLICE_LIT("search_path")) ? V.text : V.value, false); }
set_rest(A) ::= var_name(N) to_or_eq DEFAULT. { A = grammar_set(ps, N, SLICE_NONE, true); }
set_rest(A) ::= TIME(X) ZONE zone_value(V). { X.value = SLICE_LIT("timezone"); A = grammar_set(ps, X, V.value, V.text.len == 0); }
set_rest(A) ::= NAMES(X) option_word(V). { X.value = SLICE_LIT("client_encoding"); A = grammar_set(ps, X, V.value, false); }
set_rest(A) ::= ROLE(X) option_word(V). { A = grammar_set(ps, X, V.value, false); }
set_rest(A) ::= SESSION AUTHORIZATION(X) option_word(V). { X.value = SLICE_LIT("session_authorization"); A = grammar_set(ps, X, V.value, false); }
set_rest(A) ::= SESSION AUTHORIZATION(X) DEFAULT. { X.value = SLICE_LIT("session_authorization"); A = grammar_set(ps, X, SLICE_NONE, true); }
to_or_eq ::= TO.
to_or_eq ::= EQ.
%type var_name {Token}
var_name(A) ::= col_id(X). { A = X; }
var_name(A) ::= var_name(B) DOT col_id(X). { A = B; A.value = arena_printf(ps->arena, "%.*s.%.*s", SLICE_ARG(B.value), SLICE_ARG(X.value)); }
/* value: as written; text: as a list of names */
%type var_list {Token}
var_list(A) ::= option_word(X). { A = X; A.text = grammar_quoted_name(ps, X.value); }
var_list(A) ::= var_list(B) COMMA option_word(X). {
    A = B;
    A.value = arena_printf(ps->arena, "%.*s, %.*s", SLICE_ARG(B.value), SLICE_ARG(X.value));
    Slice quoted = grammar_quoted_name(ps, X.value);
    A.text = arena_printf(ps->arena, "%.*s, %.*s", SLICE_ARG(B.text), SLICE_ARG(quoted));
}
/* text "" = the default */
%type zone_value {Token}
zone_value(A) ::= SCONST(X). { A = X; }
zone_value(A) ::= IDENT(X). { A = X; }
zone_value(A) ::= signed_number(X). { A = X; }
zone_value(A) ::= INTERVAL SCONST(X) opt_interval. { A = X; A.value = arena_printf(ps->arena, "interval %.*s", SLICE_ARG(X.value)); }
zone_value(A) ::= DEFAULT(X). { A = X; A.text = SLICE_NONE; }
zone_value(A) ::= LOCAL(X). { A = X; A.text = SLICE_NONE; }

utility_stmt(A) ::= SHOW(X) show_name(N). { A = ast_simple(ps, N_SHOW, X.offset, 0, N.value); }
utility_stmt(A) ::= RESET(X) show_name(N). { A = ast_simple(ps, N_RESET, X.offset, 0, N.value); }
%type show_name {Token}
show_name(A) ::= var_name(X). { A = X; }
show_name(A) ::= TIME(X) ZONE. { A = X; A.value = SLICE_LIT("timezone"); }
show_name(A) ::= TRANSACTION(X) ISOLATION LEVEL. { A = X; A.value = SLICE_LIT("transaction_isolation"); }
show_name(A) ::= SESSION(X) AUTHORIZATION. { A = X; A.value = SLICE_LIT("session_authorization"); }
show_name(A) ::= ALL(X). { A = X; }
utility_stmt(A) ::= DISCARD(X) ALL. { A = ast_simple(ps, N_DISCARD, X.offset, 0, SLICE_LIT("all")); }
utility_stmt(A) ::= DISCARD(X) TEMP. { A = ast_simple(ps, N_DISCARD, X.offset, 0, SLICE_LIT("temp")); }
utility_stmt(A) ::= DISCARD(X) TEMPORARY. { A = ast_simple(ps, N_DISCARD, X.offset, 0, SLICE_LIT("temp")); }
utility_stmt(A) ::= DISCARD(X) PLANS. { A = ast_simple(ps, N_DISCARD, X.offset, 0, SLICE_LIT("plans")); }
utility_stmt(A) ::= DISCARD(X) SEQUENCES. { A = ast_simple(ps, N_DISCARD, X.offset, 0, SLICE_LIT("sequences")); }

/* prepared statements and cursors */
utility_stmt(A) ::= PREPARE(X) col_id(N) opt_type_list(T) AS(B) preparable(Q). {
    A = ast_simple(ps, N_PREPARE, X.offset, 0, N.value);
    ((NSimple *)A)->list = T;
    grammar_inner(ps, A, Q, B.end);
}
%type opt_type_list {NodeList}
opt_type_list(A) ::= . { A = NONE; }
opt_type_list(A) ::= LP type_list(B) RP. { A = B; }
%type type_list {NodeList}
type_list(A) ::= typename(B). { A = LIST(B); }
type_list(A) ::= type_list(B) COMMA typename(C). { A = MORE(B, C); }
utility_stmt(A) ::= execute_stmt(B). { A = B; }
execute_stmt(A) ::= EXECUTE(X) col_id(N) opt_execute_args(L). { A = ast_simple(ps, N_EXECUTE, X.offset, 0, N.value); ((NSimple *)A)->args = L; ast_adopt_list(ps, A, &L); }
%type opt_execute_args {NodeList}
opt_execute_args(A) ::= . { A = NONE; }
opt_execute_args(A) ::= LP expr_list(B) RP. { A = B; }
utility_stmt(A) ::= DEALLOCATE(X) col_id(N). { A = ast_simple(ps, N_DEALLOCATE, X.offset, 0, N.value); }
utility_stmt(A) ::= DEALLOCATE(X) PREPARE col_id(N). { A = ast_simple(ps, N_DEALLOCATE, X.offset, 0, N.value); }
utility_stmt(A) ::= DEALLOCATE(X) ALL. { A = ast_simple(ps, N_DEALLOCATE, X.offset, 0, SLICE_NONE); }
utility_stmt(A) ::= DEALLOCATE(X) PREPARE ALL. { A = ast_simple(ps, N_DEALLOCATE, X.offset, 0, SLICE_NONE); }
utility_stmt(A) ::= DECLARE(X) col_id(N) cursor_options(O) CURSOR opt_hold(H) FOR(B) select_stmt(Q). {
    A = ast_simple(ps, N_DECLARE, X.offset, O, N.value);
    ((NSimple *)A)->flag = H;
    grammar_inner(ps, A, Q, B.end);
}
%type cursor_options {int}
cursor_options(A) ::= . { A = 0; }
cursor_options(A) ::= cursor_options(B) NO SCROLL. { A = B | CURSOR_NO_SCROLL; }
cursor_options(A) ::= cursor_options(B) SCROLL. { A = B | CURSOR_SCROLL; }
cursor_options(A) ::= cursor_options(B) BINARY. { A = B | CURSOR_BINARY; }
cursor_options(A) ::= cursor_options(B) ASENSITIVE. { A = B | CURSOR_ASENSITIVE; }
cursor_options(A) ::= cursor_options(B) INSENSITIVE. { A = B | CURSOR_INSENSITIVE; }
%type opt_hold {int}
opt_hold(A) ::= . { A = 0; }
opt_hold(A) ::= WITH HOLD. { A = 1; }
opt_hold(A) ::= WITHOUT HOLD. { A = 0; }
utility_stmt(A) ::= FETCH(X) fetch_args(B). { A = B; A->offset = X.offset; }
utility_stmt(A) ::= MOVE(X) fetch_args(B). { A = B; A->offset = X.offset; ((NSimple *)A)->flag2 = true; }
fetch_args(A) ::= col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, 1); }
fetch_args(A) ::= from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, 1); }
fetch_args(A) ::= NEXT opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, 1); }
fetch_args(A) ::= PRIOR opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, -1); }
fetch_args(A) ::= FIRST opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_ABSOLUTE, 1); }
fetch_args(A) ::= LAST opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_ABSOLUTE, -1); }
fetch_args(A) ::= ABSOLUTE signed_number(C) opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_ABSOLUTE, grammar_count(ps, C)); }
fetch_args(A) ::= RELATIVE signed_number(C) opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_RELATIVE, grammar_count(ps, C)); }
fetch_args(A) ::= signed_number(C) opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, grammar_count(ps, C)); }
fetch_args(A) ::= ALL opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, FETCH_ALL); }
fetch_args(A) ::= FORWARD opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, 1); }
fetch_args(A) ::= FORWARD signed_number(C) opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, grammar_count(ps, C)); }
fetch_args(A) ::= FORWARD ALL opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, FETCH_ALL); }
fetch_args(A) ::= BACKWARD opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, -1); }
fetch_args(A) ::= BACKWARD signed_number(C) opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, -grammar_count(ps, C)); }
fetch_args(A) ::= BACKWARD ALL opt_from_in col_id(N). { A = grammar_fetch(ps, N, FETCH_STEP, -FETCH_ALL); }
from_in ::= FROM.
from_in ::= IN.
opt_from_in ::= .
opt_from_in ::= from_in.
utility_stmt(A) ::= CLOSE(X) col_id(N). { A = ast_simple(ps, N_CLOSE, X.offset, 0, N.value); }
utility_stmt(A) ::= CLOSE(X) ALL. { A = ast_simple(ps, N_CLOSE, X.offset, 0, SLICE_NONE); }

/* the rest */
utility_stmt(A) ::= EXPLAIN(X) explainable(Q). { A = ast_simple(ps, N_EXPLAIN, X.offset, 0, SLICE_NONE); grammar_inner(ps, A, Q, X.end); }
utility_stmt(A) ::= EXPLAIN(X) ANALYZE opt_verbose(V) explainable(Q). {
    A = ast_simple(ps, N_EXPLAIN, X.offset, 0, SLICE_NONE);
    ((NSimple *)A)->list = LIST(ast_option(ps, X.offset, SLICE_LIT("analyze"), SLICE_NONE, false));
    if (V)
        ((NSimple *)A)->list = MORE(((NSimple *)A)->list, ast_option(ps, X.offset, SLICE_LIT("verbose"), SLICE_NONE, false));
    grammar_inner(ps, A, Q, Q->offset);
}
utility_stmt(A) ::= EXPLAIN(X) VERBOSE explainable(Q). {
    A = ast_simple(ps, N_EXPLAIN, X.offset, 0, SLICE_NONE);
    ((NSimple *)A)->list = LIST(ast_option(ps, X.offset, SLICE_LIT("verbose"), SLICE_NONE, false));
    grammar_inner(ps, A, Q, Q->offset);
}
utility_stmt(A) ::= EXPLAIN(X) LP explain_options(O) RP(B) explainable(Q). {
    A = ast_simple(ps, N_EXPLAIN, X.offset, 0, SLICE_NONE);
    ((NSimple *)A)->list = O;
    grammar_inner(ps, A, Q, B.end);
}
explainable(A) ::= preparable(B). { A = B; }
explainable(A) ::= create_as_stmt(B). { A = B; }
explainable(A) ::= execute_stmt(B). { A = B; }
explainable(A) ::= DECLARE(X) col_id cursor_options CURSOR opt_hold FOR select_stmt(Q). { A = Q; (void)X; }
%type opt_verbose {int}
opt_verbose(A) ::= . { A = 0; }
opt_verbose(A) ::= VERBOSE. { A = 1; }
%type explain_options {NodeList}
explain_options(A) ::= explain_option(B). { A = LIST(B); }
explain_options(A) ::= explain_options(B) COMMA explain_option(C). { A = MORE(B, C); }
explain_option(A) ::= explain_name(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
explain_option(A) ::= explain_name(X) option_word(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
%type explain_name {Token}
explain_name(A) ::= non_reserved_word(X). { A = X; }
explain_name(A) ::= ANALYZE(X). { A = X; }

utility_stmt(A) ::= VACUUM(X) vacuum_words(W) opt_relation_list(L). { A = ast_simple(ps, N_VACUUM, X.offset, W, SLICE_NONE); ((NSimple *)A)->list = L; }
utility_stmt(A) ::= VACUUM(X) LP explain_options(O) RP opt_relation_list(L). { A = ast_simple(ps, N_VACUUM, X.offset, grammar_vacuum(O), SLICE_NONE); ((NSimple *)A)->list = L; }
utility_stmt(A) ::= ANALYZE(X) opt_verbose opt_relation_list(L). { A = ast_simple(ps, N_ANALYZE, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; }
utility_stmt(A) ::= ANALYZE(X) LP explain_options RP opt_relation_list(L). { A = ast_simple(ps, N_ANALYZE, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; }
%type vacuum_words {int}
vacuum_words(A) ::= . { A = 0; }
vacuum_words(A) ::= vacuum_words(B) FULL. { A = B | 1; }
vacuum_words(A) ::= vacuum_words(B) ANALYZE. { A = B | 2; }
vacuum_words(A) ::= vacuum_words(B) VERBOSE. { A = B; }
vacuum_words(A) ::= vacuum_words(B) FREEZE. { A = B; }
%type opt_relation_list {NodeList}
opt_relation_list(A) ::= . { A = NONE; }
opt_relation_list(A) ::= vacuum_relations(B). { A = B; }
%type vacuum_relations {NodeList}
vacuum_relations(A) ::= qualified_name(B) opt_name_list. { A = LIST(B); }
vacuum_relations(A) ::= vacuum_relations(B) COMMA qualified_name(C) opt_name_list. { A = MORE(B, C); }
utility_stmt(A) ::= CHECKPOINT(X). { A = ast_simple(ps, N_CHECKPOINT, X.offset, 0, SLICE_NONE); }
utility_stmt(A) ::= BACKUP(X) TO SCONST(P). { A = ast_simple(ps, N_BACKUP, X.offset, 0, P.value); }
utility_stmt(A) ::= LISTEN(X) col_id(N). { A = ast_simple(ps, N_LISTEN, X.offset, 0, N.value); }
utility_stmt(A) ::= UNLISTEN(X) col_id(N). { A = ast_simple(ps, N_UNLISTEN, X.offset, 0, N.value); }
utility_stmt(A) ::= UNLISTEN(X) STAR. { A = ast_simple(ps, N_UNLISTEN, X.offset, 0, SLICE_NONE); }
utility_stmt(A) ::= NOTIFY(X) col_id(N). { A = ast_simple(ps, N_NOTIFY, X.offset, 0, N.value); }
utility_stmt(A) ::= NOTIFY(X) col_id(N) COMMA SCONST(P). { A = ast_simple(ps, N_NOTIFY, X.offset, 0, N.value); ((NSimple *)A)->text = P.value; }
utility_stmt(A) ::= LOCK(X) opt_table relation_list(L) opt_lock_mode opt_nowait(W). { A = ast_simple(ps, N_LOCK, X.offset, W, SLICE_NONE); ((NSimple *)A)->list = L; }
opt_lock_mode ::= .
opt_lock_mode ::= IN lock_mode_words MODE.
lock_mode_words ::= lock_mode_word.
lock_mode_words ::= lock_mode_words lock_mode_word.
lock_mode_word ::= IDENT.
lock_mode_word ::= ROW.
lock_mode_word ::= SHARE.
lock_mode_word ::= UPDATE.
%type opt_nowait {int}
opt_nowait(A) ::= . { A = 0; }
opt_nowait(A) ::= NOWAIT. { A = 1; }

/* ---- roles and grants: analyze_role.c knows the words ---- */
%type role_word {int}
role_word(A) ::= ROLE. { A = 0; }
role_word(A) ::= GROUP. { A = 0; }
role_word(A) ::= USER. { A = 1; }
utility_stmt(A) ::= CREATE(X) role_word(W) role_spec(N) opt_with_word create_role_options(O). { A = grammar_role(ps, X.offset, ROLE_DO_CREATE, LIST(NAME(N)), O); ((NSimple *)A)->flag = W; }
utility_stmt(A) ::= ALTER(X) role_word role_spec(N) opt_with_word role_options(O). { A = grammar_role(ps, X.offset, ROLE_DO_ALTER, LIST(NAME(N)), O); }
utility_stmt(A) ::= ALTER(X) role_word role_spec(N) opt_in_database(D) setting_change(S). { A = ast_simple(ps, N_ROLE_SETTING, X.offset, 0, D.value); ((NSimple *)A)->list = LIST(NAME(N)); ((NSimple *)A)->query = S; }
utility_stmt(A) ::= ALTER(X) role_word ALL opt_in_database(D) setting_change(S). { A = ast_simple(ps, N_ROLE_SETTING, X.offset, 0, D.value); ((NSimple *)A)->query = S; }
%type opt_in_database {Token}
opt_in_database(A) ::= . { A = (Token){0}; }
opt_in_database(A) ::= IN DATABASE col_id(X). { A = X; }
utility_stmt(A) ::= DROP(X) role_word role_list(L). { A = grammar_role(ps, X.offset, ROLE_DO_DROP, L, NONE); }
utility_stmt(A) ::= DROP(X) role_word IF EXISTS role_list(L). { A = grammar_role(ps, X.offset, ROLE_DO_DROP, L, NONE); ((NSimple *)A)->flag = true; }
utility_stmt(A) ::= CREATE(X) TOKEN opt_if_not_exists(I) col_id(N) FOR role_spec(R) role_options(O). { A = grammar_role(ps, X.offset, ROLE_DO_CREATE, LIST(NAME(R)), O); A->kind = N_CREATE_TOKEN; ((NSimple *)A)->name = N.value; ((NSimple *)A)->flag = I; }
utility_stmt(A) ::= DROP(X) TOKEN name_list(L). { A = ast_simple(ps, N_DROP_TOKEN, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; }
utility_stmt(A) ::= DROP(X) TOKEN IF EXISTS name_list(L). { A = ast_simple(ps, N_DROP_TOKEN, X.offset, 0, SLICE_NONE); ((NSimple *)A)->list = L; ((NSimple *)A)->flag = true; }
%type role_spec {Token}
role_spec(A) ::= non_reserved_word(X). { A = X; }
role_spec(A) ::= CURRENT_USER(X). { A = X; A.value = SLICE_LIT("current_user"); }
role_spec(A) ::= CURRENT_ROLE(X). { A = X; A.value = SLICE_LIT("current_user"); }
role_spec(A) ::= SESSION_USER(X). { A = X; A.value = SLICE_LIT("session_user"); }
%type role_list {NodeList}
role_list(A) ::= role_spec(X). { A = LIST(NAME(X)); }
role_list(A) ::= role_list(B) COMMA role_spec(X). { A = MORE(B, NAME(X)); }
%type role_options {NodeList}
role_options(A) ::= . { A = NONE; }
role_options(A) ::= role_options(B) role_option(C). { A = MORE(B, C); }
role_option(A) ::= IDENT(X). { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); }
role_option(A) ::= IDENT(X) SCONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
role_option(A) ::= IDENT(X) NULL. { A = ast_option(ps, X.offset, X.value, SLICE_NONE, true); }
role_option(A) ::= IDENT(X) ICONST(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
role_option(A) ::= IDENT(X) LIMIT signed_number(V). { A = ast_option(ps, X.offset, X.value, V.value, true); }
role_option(A) ::= RENAME(X) TO role_spec(V). { A = ast_option(ps, X.offset, SLICE_LIT("rename"), V.value, true); }
%type create_role_options {NodeList}
create_role_options(A) ::= . { A = NONE; }
create_role_options(A) ::= create_role_options(B) role_option(C). { A = MORE(B, C); }
create_role_options(A) ::= create_role_options(B) role_members(C). { A = MORE(B, C); }
role_members(A) ::= IN(X) role_word role_list(L). { A = ast_option(ps, X.offset, SLICE_LIT("in role"), SLICE_NONE, false); ((NOption *)A)->names = L; }
role_members(A) ::= role_word role_list(L). { A = ast_option(ps, L.items[0]->offset, SLICE_LIT("role"), SLICE_NONE, false); ((NOption *)A)->names = L; }
role_members(A) ::= ADMIN(X) role_list(L). { A = ast_option(ps, X.offset, SLICE_LIT("admin"), SLICE_NONE, false); ((NOption *)A)->names = L; }
utility_stmt(A) ::= GRANT(X) grant_items(P) ON grant_target(T) TO grantees(G) grant_tail(W). { A = grammar_grant(ps, X.offset, P, T, G, W); }
utility_stmt(A) ::= GRANT(X) grant_items(P) TO grantees(G) grant_tail(W). { A = grammar_grant(ps, X.offset, P, NULL, G, W); }
utility_stmt(A) ::= REVOKE(X) grant_items(P) ON grant_target(T) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, T, G, W, false); }
utility_stmt(A) ::= REVOKE(X) grant_items(P) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, NULL, G, W, false); }
utility_stmt(A) ::= REVOKE(X) col_label non_reserved_word FOR grant_items(P) ON grant_target(T) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, T, G, W, true); }
utility_stmt(A) ::= REVOKE(X) col_label non_reserved_word FOR grant_items(P) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, NULL, G, W, true); }
utility_stmt(A) ::= ALTER(X) DEFAULT non_reserved_word(W) default_places(L) default_grant(B). { A = grammar_default_privileges(ps, X.offset, W, L, B); }
default_grant(A) ::= GRANT(X) grant_items(P) ON non_reserved_word(T) TO grantees(G) grant_tail(W). { A = grammar_grant(ps, X.offset, P, ast_simple(ps, N_GRANT, T.offset, GRANT_ON_DEFAULTS, T.value), G, W); }
default_grant(A) ::= REVOKE(X) grant_items(P) ON non_reserved_word(T) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, ast_simple(ps, N_GRANT, T.offset, GRANT_ON_DEFAULTS, T.value), G, W, false); }
default_grant(A) ::= REVOKE(X) col_label non_reserved_word FOR grant_items(P) ON non_reserved_word(T) FROM grantees(G) revoke_tail(W). { A = grammar_revoke(ps, X.offset, P, ast_simple(ps, N_GRANT, T.offset, GRANT_ON_DEFAULTS, T.value), G, W, true); }
%type default_places {NodeList}
default_places(A) ::= . { A = NONE; }
default_places(A) ::= default_places(B) FOR(X) role_word role_list(L). { SqlNode *o = ast_option(ps, X.offset, SLICE_LIT("roles"), SLICE_NONE, false); ((NOption *)o)->names = L; A = MORE(B, o); }
default_places(A) ::= default_places(B) IN(X) SCHEMA name_list(L). { SqlNode *o = ast_option(ps, X.offset, SLICE_LIT("schemas"), SLICE_NONE, false); ((NOption *)o)->names = L; A = MORE(B, o); }
/* offset: 1 = with the option (GRANT), CASCADE (REVOKE); value: GRANTED BY */
%type grant_tail {Token}
grant_tail(A) ::= opt_granted_by(B). { A = B; A.offset = 0; }
grant_tail(A) ::= WITH grant_option_word non_reserved_word opt_granted_by(B). { A = B; A.offset = 1; }
grant_option_word ::= col_label.
%type revoke_tail {Token}
revoke_tail(A) ::= opt_granted_by(B) opt_behavior(C). { A = B; A.offset = (uint32_t)C; }
%type opt_granted_by {Token}
opt_granted_by(A) ::= . { A = (Token){0}; }
opt_granted_by(A) ::= GRANTED BY role_spec(X). { A = X; }
%type grant_items {NodeList}
grant_items(A) ::= grant_item(B). { A = LIST(B); }
grant_items(A) ::= grant_items(B) COMMA grant_item(C). { A = MORE(B, C); }
grant_item(A) ::= col_label(X). { A = NAME(X); }
grant_item(A) ::= col_label(X) non_reserved_word(Y). { A = grammar_all_privileges(ps, X, Y); }
grant_item(A) ::= col_label(X) LP name_list(L) RP. { A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); ((NOption *)A)->names = L; }
grant_item(A) ::= col_label(X) non_reserved_word(Y) LP name_list(L) RP. { grammar_all_privileges(ps, X, Y); A = ast_option(ps, X.offset, X.value, SLICE_NONE, false); ((NOption *)A)->names = L; }
grant_target(A) ::= qualified_name_list(L). { A = ast_simple(ps, N_GRANT, 0, GRANT_ON_TABLES, SLICE_NONE); ((NSimple *)A)->list = L; }
grant_target(A) ::= TABLE qualified_name_list(L). { A = ast_simple(ps, N_GRANT, 0, GRANT_ON_TABLES, SLICE_NONE); ((NSimple *)A)->list = L; }
grant_target(A) ::= SEQUENCE qualified_name_list(L). { A = ast_simple(ps, N_GRANT, 0, GRANT_ON_SEQUENCES, SLICE_NONE); ((NSimple *)A)->list = L; }
grant_target(A) ::= SCHEMA name_list(L). { A = ast_simple(ps, N_GRANT, 0, GRANT_ON_SCHEMAS, SLICE_NONE); ((NSimple *)A)->list = L; }
grant_target(A) ::= DATABASE name_list(L). { A = ast_simple(ps, N_GRANT, 0, GRANT_ON_DATABASES, SLICE_NONE); ((NSimple *)A)->list = L; }
grant_target(A) ::= ALL non_reserved_word(X) IN SCHEMA name_list(L). { A = ast_simple(ps, N_GRANT, X.offset, GRANT_ON_ALL_TABLES, X.value); ((NSimple *)A)->list = L; }
%type grantees {NodeList}
grantees(A) ::= grantee(B). { A = LIST(NAME(B)); }
grantees(A) ::= grantees(B) COMMA grantee(C). { A = MORE(B, NAME(C)); }
%type grantee {Token}
grantee(A) ::= role_spec(X). { A = X; }
grantee(A) ::= GROUP role_spec(X). { A = X; }

/* ---- words, by class ---- */
%type unreserved_kw {Token}
unreserved_kw(A) ::= ABORT(X). { A = X; }
unreserved_kw(A) ::= ABSOLUTE(X). { A = X; }
unreserved_kw(A) ::= ACTION(X). { A = X; }
unreserved_kw(A) ::= ADD(X). { A = X; }
unreserved_kw(A) ::= ADMIN(X). { A = X; }
unreserved_kw(A) ::= GRANTED(X). { A = X; }
unreserved_kw(A) ::= REASSIGN(X). { A = X; }
unreserved_kw(A) ::= ALTER(X). { A = X; }
unreserved_kw(A) ::= ALWAYS(X). { A = X; }
unreserved_kw(A) ::= ASENSITIVE(X). { A = X; }
unreserved_kw(A) ::= AT(X). { A = X; }
unreserved_kw(A) ::= BACKUP(X). { A = X; }
unreserved_kw(A) ::= BACKWARD(X). { A = X; }
unreserved_kw(A) ::= BEGIN(X). { A = X; }
unreserved_kw(A) ::= BY(X). { A = X; }
unreserved_kw(A) ::= CASCADE(X). { A = X; }
unreserved_kw(A) ::= PRESERVE(X). { A = X; }
unreserved_kw(A) ::= INCLUDE(X). { A = X; }
unreserved_kw(A) ::= EXCLUDING(X). { A = X; }
unreserved_kw(A) ::= INCLUDING(X). { A = X; }
unreserved_kw(A) ::= SEQUENCE(X). { A = X; }
unreserved_kw(A) ::= OWNED(X). { A = X; }
unreserved_kw(A) ::= MINVALUE(X). { A = X; }
unreserved_kw(A) ::= MAXVALUE(X). { A = X; }
unreserved_kw(A) ::= INCREMENT(X). { A = X; }
unreserved_kw(A) ::= CYCLE(X). { A = X; }
unreserved_kw(A) ::= CACHE(X). { A = X; }
unreserved_kw(A) ::= CHAIN(X). { A = X; }
unreserved_kw(A) ::= CHARACTERISTICS(X). { A = X; }
unreserved_kw(A) ::= CHECKPOINT(X). { A = X; }
unreserved_kw(A) ::= CLOSE(X). { A = X; }
unreserved_kw(A) ::= COLUMNS(X). { A = X; }
unreserved_kw(A) ::= COMMENT(X). { A = X; }
unreserved_kw(A) ::= COMMIT(X). { A = X; }
unreserved_kw(A) ::= COMMITTED(X). { A = X; }
unreserved_kw(A) ::= CONFLICT(X). { A = X; }
unreserved_kw(A) ::= CONSTRAINTS(X). { A = X; }
unreserved_kw(A) ::= CONTINUE(X). { A = X; }
unreserved_kw(A) ::= COPY(X). { A = X; }
unreserved_kw(A) ::= CSV(X). { A = X; }
unreserved_kw(A) ::= CUBE(X). { A = X; }
unreserved_kw(A) ::= CURRENT(X). { A = X; }
unreserved_kw(A) ::= CURSOR(X). { A = X; }
unreserved_kw(A) ::= DATA(X). { A = X; }
unreserved_kw(A) ::= DATABASE(X). { A = X; }
unreserved_kw(A) ::= DAY(X). { A = X; }
unreserved_kw(A) ::= DEALLOCATE(X). { A = X; }
unreserved_kw(A) ::= DECLARE(X). { A = X; }
unreserved_kw(A) ::= DEFERRED(X). { A = X; }
unreserved_kw(A) ::= DELETE(X). { A = X; }
unreserved_kw(A) ::= DELIMITER(X). { A = X; }
unreserved_kw(A) ::= DISCARD(X). { A = X; }
unreserved_kw(A) ::= DOUBLE(X). { A = X; }
unreserved_kw(A) ::= DROP(X). { A = X; }
unreserved_kw(A) ::= ENCODING(X). { A = X; }
unreserved_kw(A) ::= ESCAPE(X). { A = X; }
unreserved_kw(A) ::= EXCLUDE(X). { A = X; }
unreserved_kw(A) ::= EXECUTE(X). { A = X; }
unreserved_kw(A) ::= EXPLAIN(X). { A = X; }
unreserved_kw(A) ::= EXTENSION(X). { A = X; }
unreserved_kw(A) ::= FILTER(X). { A = X; }
unreserved_kw(A) ::= FIRST(X). { A = X; }
unreserved_kw(A) ::= FOLLOWING(X). { A = X; }
unreserved_kw(A) ::= FORCE(X). { A = X; }
unreserved_kw(A) ::= FORWARD(X). { A = X; }
unreserved_kw(A) ::= GENERATED(X). { A = X; }
unreserved_kw(A) ::= GLOBAL(X). { A = X; }
unreserved_kw(A) ::= GROUPS(X). { A = X; }
unreserved_kw(A) ::= HEADER(X). { A = X; }
unreserved_kw(A) ::= HOLD(X). { A = X; }
unreserved_kw(A) ::= HOUR(X). { A = X; }
unreserved_kw(A) ::= IDENTITY(X). { A = X; }
unreserved_kw(A) ::= IF(X). { A = X; }
unreserved_kw(A) ::= IMMEDIATE(X). { A = X; }
unreserved_kw(A) ::= INDEX(X). { A = X; }
unreserved_kw(A) ::= INSENSITIVE(X). { A = X; }
unreserved_kw(A) ::= INSERT(X). { A = X; }
unreserved_kw(A) ::= ISOLATION(X). { A = X; }
unreserved_kw(A) ::= KEY(X). { A = X; }
unreserved_kw(A) ::= LAST(X). { A = X; }
unreserved_kw(A) ::= LEVEL(X). { A = X; }
unreserved_kw(A) ::= LISTEN(X). { A = X; }
unreserved_kw(A) ::= LOCAL(X). { A = X; }
unreserved_kw(A) ::= LOCK(X). { A = X; }
unreserved_kw(A) ::= LOCKED(X). { A = X; }
unreserved_kw(A) ::= MATERIALIZED(X). { A = X; }
unreserved_kw(A) ::= REFRESH(X). { A = X; }
unreserved_kw(A) ::= MINUTE(X). { A = X; }
unreserved_kw(A) ::= MODE(X). { A = X; }
unreserved_kw(A) ::= MONTH(X). { A = X; }
unreserved_kw(A) ::= MOVE(X). { A = X; }
unreserved_kw(A) ::= NAMES(X). { A = X; }
unreserved_kw(A) ::= NEXT(X). { A = X; }
unreserved_kw(A) ::= NFC(X). { A = X; }
unreserved_kw(A) ::= NFD(X). { A = X; }
unreserved_kw(A) ::= NFKC(X). { A = X; }
unreserved_kw(A) ::= NFKD(X). { A = X; }
unreserved_kw(A) ::= NORMALIZED(X). { A = X; }
unreserved_kw(A) ::= NO(X). { A = X; }
unreserved_kw(A) ::= NOTHING(X). { A = X; }
unreserved_kw(A) ::= NOTIFY(X). { A = X; }
unreserved_kw(A) ::= NOWAIT(X). { A = X; }
unreserved_kw(A) ::= NULLS(X). { A = X; }
unreserved_kw(A) ::= OF(X). { A = X; }
unreserved_kw(A) ::= OIDS(X). { A = X; }
unreserved_kw(A) ::= OPERATOR(X). { A = X; }
unreserved_kw(A) ::= ORDINALITY(X). { A = X; }
unreserved_kw(A) ::= OTHERS(X). { A = X; }
unreserved_kw(A) ::= OVER(X). { A = X; }
unreserved_kw(A) ::= OVERRIDING(X). { A = X; }
unreserved_kw(A) ::= OWNER(X). { A = X; }
unreserved_kw(A) ::= PARTITION(X). { A = X; }
unreserved_kw(A) ::= PLANS(X). { A = X; }
unreserved_kw(A) ::= PRECEDING(X). { A = X; }
unreserved_kw(A) ::= PREPARE(X). { A = X; }
unreserved_kw(A) ::= PRIOR(X). { A = X; }
unreserved_kw(A) ::= PROGRAM(X). { A = X; }
unreserved_kw(A) ::= QUOTE(X). { A = X; }
unreserved_kw(A) ::= RANGE(X). { A = X; }
unreserved_kw(A) ::= READ(X). { A = X; }
unreserved_kw(A) ::= RECURSIVE(X). { A = X; }
unreserved_kw(A) ::= RELATIVE(X). { A = X; }
unreserved_kw(A) ::= RELEASE(X). { A = X; }
unreserved_kw(A) ::= RENAME(X). { A = X; }
unreserved_kw(A) ::= REPEATABLE(X). { A = X; }
unreserved_kw(A) ::= BREADTH(X). { A = X; }
unreserved_kw(A) ::= DEPTH(X). { A = X; }
unreserved_kw(A) ::= SEARCH(X). { A = X; }
unreserved_kw(A) ::= REPLACE(X). { A = X; }
unreserved_kw(A) ::= RESET(X). { A = X; }
unreserved_kw(A) ::= RESTART(X). { A = X; }
unreserved_kw(A) ::= RESTRICT(X). { A = X; }
unreserved_kw(A) ::= REVOKE(X). { A = X; }
unreserved_kw(A) ::= ROLE(X). { A = X; }
unreserved_kw(A) ::= ROLLBACK(X). { A = X; }
unreserved_kw(A) ::= ROLLUP(X). { A = X; }
unreserved_kw(A) ::= ROWS(X). { A = X; }
unreserved_kw(A) ::= SAVEPOINT(X). { A = X; }
unreserved_kw(A) ::= SCHEMA(X). { A = X; }
unreserved_kw(A) ::= SCROLL(X). { A = X; }
unreserved_kw(A) ::= SECOND(X). { A = X; }
unreserved_kw(A) ::= SEQUENCES(X). { A = X; }
unreserved_kw(A) ::= SERIALIZABLE(X). { A = X; }
unreserved_kw(A) ::= SESSION(X). { A = X; }
unreserved_kw(A) ::= SET(X). { A = X; }
unreserved_kw(A) ::= SETS(X). { A = X; }
unreserved_kw(A) ::= SHARE(X). { A = X; }
unreserved_kw(A) ::= SHOW(X). { A = X; }
unreserved_kw(A) ::= SKIP(X). { A = X; }
unreserved_kw(A) ::= START(X). { A = X; }
unreserved_kw(A) ::= STDIN(X). { A = X; }
unreserved_kw(A) ::= STDOUT(X). { A = X; }
unreserved_kw(A) ::= STORAGE(X). { A = X; }
unreserved_kw(A) ::= STORED(X). { A = X; }
unreserved_kw(A) ::= SYSTEM(X). { A = X; }
unreserved_kw(A) ::= TAG(X). { A = X; }
unreserved_kw(A) ::= TEMP(X). { A = X; }
unreserved_kw(A) ::= TEMPORARY(X). { A = X; }
unreserved_kw(A) ::= TIES(X). { A = X; }
unreserved_kw(A) ::= TOKEN(X). { A = X; }
unreserved_kw(A) ::= TRANSACTION(X). { A = X; }
unreserved_kw(A) ::= TRUNCATE(X). { A = X; }
unreserved_kw(A) ::= TYPE(X). { A = X; }
unreserved_kw(A) ::= UNBOUNDED(X). { A = X; }
unreserved_kw(A) ::= UNCOMMITTED(X). { A = X; }
unreserved_kw(A) ::= UNKNOWN(X). { A = X; }
unreserved_kw(A) ::= UNLISTEN(X). { A = X; }
unreserved_kw(A) ::= UNLOGGED(X). { A = X; }
unreserved_kw(A) ::= UPDATE(X). { A = X; }
unreserved_kw(A) ::= VACUUM(X). { A = X; }
unreserved_kw(A) ::= VALUE(X). { A = X; }
unreserved_kw(A) ::= VARYING(X). { A = X; }
unreserved_kw(A) ::= VIEW(X). { A = X; }
unreserved_kw(A) ::= WITHIN(X). { A = X; }
unreserved_kw(A) ::= WITHOUT(X). { A = X; }
unreserved_kw(A) ::= WORK(X). { A = X; }
unreserved_kw(A) ::= WRITE(X). { A = X; }
unreserved_kw(A) ::= YEAR(X). { A = X; }
unreserved_kw(A) ::= ZONE(X). { A = X; }
%type col_name_kw {Token}
col_name_kw(A) ::= BETWEEN(X). { A = X; }
col_name_kw(A) ::= BIGINT(X). { A = X; }
col_name_kw(A) ::= BIT(X). { A = X; }
col_name_kw(A) ::= BOOLEAN(X). { A = X; }
col_name_kw(A) ::= CHAR(X). { A = X; }
col_name_kw(A) ::= CHARACTER(X). { A = X; }
col_name_kw(A) ::= COALESCE(X). { A = X; }
col_name_kw(A) ::= DEC(X). { A = X; }
col_name_kw(A) ::= DECIMAL(X). { A = X; }
col_name_kw(A) ::= EXISTS(X). { A = X; }
col_name_kw(A) ::= EXTRACT(X). { A = X; }
col_name_kw(A) ::= FLOAT(X). { A = X; }
col_name_kw(A) ::= GREATEST(X). { A = X; }
col_name_kw(A) ::= GROUPING(X). { A = X; }
col_name_kw(A) ::= INT(X). { A = X; }
col_name_kw(A) ::= INTEGER(X). { A = X; }
col_name_kw(A) ::= INTERVAL(X). { A = X; }
col_name_kw(A) ::= LEAST(X). { A = X; }
col_name_kw(A) ::= NATIONAL(X). { A = X; }
col_name_kw(A) ::= NCHAR(X). { A = X; }
col_name_kw(A) ::= NONE(X). { A = X; }
col_name_kw(A) ::= NORMALIZE(X). { A = X; }
col_name_kw(A) ::= NULLIF(X). { A = X; }
col_name_kw(A) ::= NUMERIC(X). { A = X; }
col_name_kw(A) ::= OVERLAY(X). { A = X; }
col_name_kw(A) ::= POSITION(X). { A = X; }
col_name_kw(A) ::= PRECISION(X). { A = X; }
col_name_kw(A) ::= REAL(X). { A = X; }
col_name_kw(A) ::= ROW(X). { A = X; }
col_name_kw(A) ::= SETOF(X). { A = X; }
col_name_kw(A) ::= SMALLINT(X). { A = X; }
col_name_kw(A) ::= SUBSTRING(X). { A = X; }
col_name_kw(A) ::= TIME(X). { A = X; }
col_name_kw(A) ::= TIMESTAMP(X). { A = X; }
col_name_kw(A) ::= TREAT(X). { A = X; }
col_name_kw(A) ::= TRIM(X). { A = X; }
col_name_kw(A) ::= VALUES(X). { A = X; }
col_name_kw(A) ::= VARCHAR(X). { A = X; }
%type type_func_kw {Token}
type_func_kw(A) ::= AUTHORIZATION(X). { A = X; }
type_func_kw(A) ::= BINARY(X). { A = X; }
type_func_kw(A) ::= COLLATION(X). { A = X; }
type_func_kw(A) ::= CONCURRENTLY(X). { A = X; }
type_func_kw(A) ::= CROSS(X). { A = X; }
type_func_kw(A) ::= CURRENT_SCHEMA(X). { A = X; }
type_func_kw(A) ::= FREEZE(X). { A = X; }
type_func_kw(A) ::= FULL(X). { A = X; }
type_func_kw(A) ::= ILIKE(X). { A = X; }
type_func_kw(A) ::= INNER(X). { A = X; }
type_func_kw(A) ::= IS(X). { A = X; }
type_func_kw(A) ::= ISNULL(X). { A = X; }
type_func_kw(A) ::= JOIN(X). { A = X; }
type_func_kw(A) ::= LEFT(X). { A = X; }
type_func_kw(A) ::= LIKE(X). { A = X; }
type_func_kw(A) ::= NATURAL(X). { A = X; }
type_func_kw(A) ::= NOTNULL(X). { A = X; }
type_func_kw(A) ::= OUTER(X). { A = X; }
type_func_kw(A) ::= OVERLAPS(X). { A = X; }
type_func_kw(A) ::= RIGHT(X). { A = X; }
type_func_kw(A) ::= SIMILAR(X). { A = X; }
type_func_kw(A) ::= TABLESAMPLE(X). { A = X; }
type_func_kw(A) ::= VERBOSE(X). { A = X; }
%type reserved_kw {Token}
reserved_kw(A) ::= ALL(X). { A = X; }
reserved_kw(A) ::= ANALYZE(X). { A = X; }
reserved_kw(A) ::= AND(X). { A = X; }
reserved_kw(A) ::= ANY(X). { A = X; }
reserved_kw(A) ::= ARRAY(X). { A = X; }
reserved_kw(A) ::= AS(X). { A = X; }
reserved_kw(A) ::= ASC(X). { A = X; }
reserved_kw(A) ::= ASYMMETRIC(X). { A = X; }
reserved_kw(A) ::= BOTH(X). { A = X; }
reserved_kw(A) ::= CASE(X). { A = X; }
reserved_kw(A) ::= CAST(X). { A = X; }
reserved_kw(A) ::= CHECK(X). { A = X; }
reserved_kw(A) ::= COLLATE(X). { A = X; }
reserved_kw(A) ::= COLUMN(X). { A = X; }
reserved_kw(A) ::= CONSTRAINT(X). { A = X; }
reserved_kw(A) ::= CREATE(X). { A = X; }
reserved_kw(A) ::= CURRENT_CATALOG(X). { A = X; }
reserved_kw(A) ::= CURRENT_DATE(X). { A = X; }
reserved_kw(A) ::= CURRENT_ROLE(X). { A = X; }
reserved_kw(A) ::= CURRENT_TIME(X). { A = X; }
reserved_kw(A) ::= CURRENT_TIMESTAMP(X). { A = X; }
reserved_kw(A) ::= CURRENT_USER(X). { A = X; }
reserved_kw(A) ::= DEFAULT(X). { A = X; }
reserved_kw(A) ::= DEFERRABLE(X). { A = X; }
reserved_kw(A) ::= DESC(X). { A = X; }
reserved_kw(A) ::= DISTINCT(X). { A = X; }
reserved_kw(A) ::= DO(X). { A = X; }
reserved_kw(A) ::= ELSE(X). { A = X; }
reserved_kw(A) ::= END(X). { A = X; }
reserved_kw(A) ::= EXCEPT(X). { A = X; }
reserved_kw(A) ::= FALSE(X). { A = X; }
reserved_kw(A) ::= FETCH(X). { A = X; }
reserved_kw(A) ::= FOR(X). { A = X; }
reserved_kw(A) ::= FOREIGN(X). { A = X; }
reserved_kw(A) ::= FROM(X). { A = X; }
reserved_kw(A) ::= GRANT(X). { A = X; }
reserved_kw(A) ::= GROUP(X). { A = X; }
reserved_kw(A) ::= HAVING(X). { A = X; }
reserved_kw(A) ::= IN(X). { A = X; }
reserved_kw(A) ::= INITIALLY(X). { A = X; }
reserved_kw(A) ::= INTERSECT(X). { A = X; }
reserved_kw(A) ::= INTO(X). { A = X; }
reserved_kw(A) ::= LATERAL(X). { A = X; }
reserved_kw(A) ::= LEADING(X). { A = X; }
reserved_kw(A) ::= LIMIT(X). { A = X; }
reserved_kw(A) ::= LOCALTIME(X). { A = X; }
reserved_kw(A) ::= LOCALTIMESTAMP(X). { A = X; }
reserved_kw(A) ::= NOT(X). { A = X; }
reserved_kw(A) ::= NULL(X). { A = X; }
reserved_kw(A) ::= OFFSET(X). { A = X; }
reserved_kw(A) ::= ON(X). { A = X; }
reserved_kw(A) ::= ONLY(X). { A = X; }
reserved_kw(A) ::= OR(X). { A = X; }
reserved_kw(A) ::= ORDER(X). { A = X; }
reserved_kw(A) ::= PLACING(X). { A = X; }
reserved_kw(A) ::= PRIMARY(X). { A = X; }
reserved_kw(A) ::= REFERENCES(X). { A = X; }
reserved_kw(A) ::= RETURNING(X). { A = X; }
reserved_kw(A) ::= SELECT(X). { A = X; }
reserved_kw(A) ::= SESSION_USER(X). { A = X; }
reserved_kw(A) ::= SOME(X). { A = X; }
reserved_kw(A) ::= SYMMETRIC(X). { A = X; }
reserved_kw(A) ::= TABLE(X). { A = X; }
reserved_kw(A) ::= THEN(X). { A = X; }
reserved_kw(A) ::= TO(X). { A = X; }
reserved_kw(A) ::= TRAILING(X). { A = X; }
reserved_kw(A) ::= TRUE(X). { A = X; }
reserved_kw(A) ::= UNION(X). { A = X; }
reserved_kw(A) ::= UNIQUE(X). { A = X; }
reserved_kw(A) ::= USER(X). { A = X; }
reserved_kw(A) ::= USING(X). { A = X; }
reserved_kw(A) ::= VARIADIC(X). { A = X; }
reserved_kw(A) ::= WHEN(X). { A = X; }
reserved_kw(A) ::= WHERE(X). { A = X; }
reserved_kw(A) ::= WINDOW(X). { A = X; }
reserved_kw(A) ::= WITH(X). { A = X; }
%type bare_label_kw {Token}
bare_label_kw(A) ::= ABORT(X). { A = X; }
bare_label_kw(A) ::= ABSOLUTE(X). { A = X; }
bare_label_kw(A) ::= ACTION(X). { A = X; }
bare_label_kw(A) ::= ADD(X). { A = X; }
bare_label_kw(A) ::= ADMIN(X). { A = X; }
bare_label_kw(A) ::= GRANTED(X). { A = X; }
bare_label_kw(A) ::= REASSIGN(X). { A = X; }
bare_label_kw(A) ::= ALTER(X). { A = X; }
bare_label_kw(A) ::= ALWAYS(X). { A = X; }
bare_label_kw(A) ::= ASENSITIVE(X). { A = X; }
bare_label_kw(A) ::= AT(X). { A = X; }
bare_label_kw(A) ::= BACKUP(X). { A = X; }
bare_label_kw(A) ::= BACKWARD(X). { A = X; }
bare_label_kw(A) ::= BEGIN(X). { A = X; }
bare_label_kw(A) ::= BY(X). { A = X; }
bare_label_kw(A) ::= CASCADE(X). { A = X; }
bare_label_kw(A) ::= PRESERVE(X). { A = X; }
bare_label_kw(A) ::= INCLUDE(X). { A = X; }
bare_label_kw(A) ::= EXCLUDING(X). { A = X; }
bare_label_kw(A) ::= INCLUDING(X). { A = X; }
bare_label_kw(A) ::= SEQUENCE(X). { A = X; }
bare_label_kw(A) ::= OWNED(X). { A = X; }
bare_label_kw(A) ::= MINVALUE(X). { A = X; }
bare_label_kw(A) ::= MAXVALUE(X). { A = X; }
bare_label_kw(A) ::= INCREMENT(X). { A = X; }
bare_label_kw(A) ::= CYCLE(X). { A = X; }
bare_label_kw(A) ::= CACHE(X). { A = X; }
bare_label_kw(A) ::= CHAIN(X). { A = X; }
bare_label_kw(A) ::= CHARACTERISTICS(X). { A = X; }
bare_label_kw(A) ::= CHECKPOINT(X). { A = X; }
bare_label_kw(A) ::= CLOSE(X). { A = X; }
bare_label_kw(A) ::= COLUMNS(X). { A = X; }
bare_label_kw(A) ::= COMMENT(X). { A = X; }
bare_label_kw(A) ::= COMMIT(X). { A = X; }
bare_label_kw(A) ::= COMMITTED(X). { A = X; }
bare_label_kw(A) ::= CONFLICT(X). { A = X; }
bare_label_kw(A) ::= CONSTRAINTS(X). { A = X; }
bare_label_kw(A) ::= CONTINUE(X). { A = X; }
bare_label_kw(A) ::= COPY(X). { A = X; }
bare_label_kw(A) ::= CSV(X). { A = X; }
bare_label_kw(A) ::= CUBE(X). { A = X; }
bare_label_kw(A) ::= CURRENT(X). { A = X; }
bare_label_kw(A) ::= CURSOR(X). { A = X; }
bare_label_kw(A) ::= DATA(X). { A = X; }
bare_label_kw(A) ::= DATABASE(X). { A = X; }
bare_label_kw(A) ::= DEALLOCATE(X). { A = X; }
bare_label_kw(A) ::= DECLARE(X). { A = X; }
bare_label_kw(A) ::= DEFERRED(X). { A = X; }
bare_label_kw(A) ::= DELETE(X). { A = X; }
bare_label_kw(A) ::= DELIMITER(X). { A = X; }
bare_label_kw(A) ::= DISCARD(X). { A = X; }
bare_label_kw(A) ::= DOUBLE(X). { A = X; }
bare_label_kw(A) ::= DROP(X). { A = X; }
bare_label_kw(A) ::= ENCODING(X). { A = X; }
bare_label_kw(A) ::= ESCAPE(X). { A = X; }
bare_label_kw(A) ::= EXCLUDE(X). { A = X; }
bare_label_kw(A) ::= EXECUTE(X). { A = X; }
bare_label_kw(A) ::= EXPLAIN(X). { A = X; }
bare_label_kw(A) ::= EXTENSION(X). { A = X; }
bare_label_kw(A) ::= FIRST(X). { A = X; }
bare_label_kw(A) ::= FOLLOWING(X). { A = X; }
bare_label_kw(A) ::= FORCE(X). { A = X; }
bare_label_kw(A) ::= FORWARD(X). { A = X; }
bare_label_kw(A) ::= GENERATED(X). { A = X; }
bare_label_kw(A) ::= GLOBAL(X). { A = X; }
bare_label_kw(A) ::= GROUPS(X). { A = X; }
bare_label_kw(A) ::= HEADER(X). { A = X; }
bare_label_kw(A) ::= HOLD(X). { A = X; }
bare_label_kw(A) ::= IDENTITY(X). { A = X; }
bare_label_kw(A) ::= IF(X). { A = X; }
bare_label_kw(A) ::= IMMEDIATE(X). { A = X; }
bare_label_kw(A) ::= INDEX(X). { A = X; }
bare_label_kw(A) ::= INSENSITIVE(X). { A = X; }
bare_label_kw(A) ::= INSERT(X). { A = X; }
bare_label_kw(A) ::= ISOLATION(X). { A = X; }
bare_label_kw(A) ::= KEY(X). { A = X; }
bare_label_kw(A) ::= LAST(X). { A = X; }
bare_label_kw(A) ::= LEVEL(X). { A = X; }
bare_label_kw(A) ::= LISTEN(X). { A = X; }
bare_label_kw(A) ::= LOCAL(X). { A = X; }
bare_label_kw(A) ::= LOCK(X). { A = X; }
bare_label_kw(A) ::= LOCKED(X). { A = X; }
bare_label_kw(A) ::= MATERIALIZED(X). { A = X; }
bare_label_kw(A) ::= REFRESH(X). { A = X; }
bare_label_kw(A) ::= MODE(X). { A = X; }
bare_label_kw(A) ::= MOVE(X). { A = X; }
bare_label_kw(A) ::= NAMES(X). { A = X; }
bare_label_kw(A) ::= NEXT(X). { A = X; }
bare_label_kw(A) ::= NFC(X). { A = X; }
bare_label_kw(A) ::= NFD(X). { A = X; }
bare_label_kw(A) ::= NFKC(X). { A = X; }
bare_label_kw(A) ::= NFKD(X). { A = X; }
bare_label_kw(A) ::= NORMALIZE(X). { A = X; }
bare_label_kw(A) ::= NORMALIZED(X). { A = X; }
bare_label_kw(A) ::= NO(X). { A = X; }
bare_label_kw(A) ::= NOTHING(X). { A = X; }
bare_label_kw(A) ::= NOTIFY(X). { A = X; }
bare_label_kw(A) ::= NOWAIT(X). { A = X; }
bare_label_kw(A) ::= NULLS(X). { A = X; }
bare_label_kw(A) ::= OF(X). { A = X; }
bare_label_kw(A) ::= OIDS(X). { A = X; }
bare_label_kw(A) ::= OPERATOR(X). { A = X; }
bare_label_kw(A) ::= ORDINALITY(X). { A = X; }
bare_label_kw(A) ::= OTHERS(X). { A = X; }
bare_label_kw(A) ::= OVERRIDING(X). { A = X; }
bare_label_kw(A) ::= OWNER(X). { A = X; }
bare_label_kw(A) ::= PARTITION(X). { A = X; }
bare_label_kw(A) ::= PLANS(X). { A = X; }
bare_label_kw(A) ::= PRECEDING(X). { A = X; }
bare_label_kw(A) ::= PREPARE(X). { A = X; }
bare_label_kw(A) ::= PRIOR(X). { A = X; }
bare_label_kw(A) ::= PROGRAM(X). { A = X; }
bare_label_kw(A) ::= QUOTE(X). { A = X; }
bare_label_kw(A) ::= RANGE(X). { A = X; }
bare_label_kw(A) ::= READ(X). { A = X; }
bare_label_kw(A) ::= RECURSIVE(X). { A = X; }
bare_label_kw(A) ::= RELATIVE(X). { A = X; }
bare_label_kw(A) ::= RELEASE(X). { A = X; }
bare_label_kw(A) ::= RENAME(X). { A = X; }
bare_label_kw(A) ::= REPEATABLE(X). { A = X; }
bare_label_kw(A) ::= BREADTH(X). { A = X; }
bare_label_kw(A) ::= DEPTH(X). { A = X; }
bare_label_kw(A) ::= SEARCH(X). { A = X; }
bare_label_kw(A) ::= REPLACE(X). { A = X; }
bare_label_kw(A) ::= RESET(X). { A = X; }
bare_label_kw(A) ::= RESTART(X). { A = X; }
bare_label_kw(A) ::= RESTRICT(X). { A = X; }
bare_label_kw(A) ::= REVOKE(X). { A = X; }
bare_label_kw(A) ::= ROLE(X). { A = X; }
bare_label_kw(A) ::= ROLLBACK(X). { A = X; }
bare_label_kw(A) ::= ROLLUP(X). { A = X; }
bare_label_kw(A) ::= ROWS(X). { A = X; }
bare_label_kw(A) ::= SAVEPOINT(X). { A = X; }
bare_label_kw(A) ::= SCHEMA(X). { A = X; }
bare_label_kw(A) ::= SCROLL(X). { A = X; }
bare_label_kw(A) ::= SEQUENCES(X). { A = X; }
bare_label_kw(A) ::= SERIALIZABLE(X). { A = X; }
bare_label_kw(A) ::= SESSION(X). { A = X; }
bare_label_kw(A) ::= SET(X). { A = X; }
bare_label_kw(A) ::= SETS(X). { A = X; }
bare_label_kw(A) ::= SHARE(X). { A = X; }
bare_label_kw(A) ::= SHOW(X). { A = X; }
bare_label_kw(A) ::= SKIP(X). { A = X; }
bare_label_kw(A) ::= START(X). { A = X; }
bare_label_kw(A) ::= STDIN(X). { A = X; }
bare_label_kw(A) ::= STDOUT(X). { A = X; }
bare_label_kw(A) ::= STORAGE(X). { A = X; }
bare_label_kw(A) ::= STORED(X). { A = X; }
bare_label_kw(A) ::= SYSTEM(X). { A = X; }
bare_label_kw(A) ::= TAG(X). { A = X; }
bare_label_kw(A) ::= TEMP(X). { A = X; }
bare_label_kw(A) ::= TEMPORARY(X). { A = X; }
bare_label_kw(A) ::= TIES(X). { A = X; }
bare_label_kw(A) ::= TOKEN(X). { A = X; }
bare_label_kw(A) ::= TRANSACTION(X). { A = X; }
bare_label_kw(A) ::= TRUNCATE(X). { A = X; }
bare_label_kw(A) ::= TYPE(X). { A = X; }
bare_label_kw(A) ::= UNBOUNDED(X). { A = X; }
bare_label_kw(A) ::= UNCOMMITTED(X). { A = X; }
bare_label_kw(A) ::= UNKNOWN(X). { A = X; }
bare_label_kw(A) ::= UNLISTEN(X). { A = X; }
bare_label_kw(A) ::= UNLOGGED(X). { A = X; }
bare_label_kw(A) ::= UPDATE(X). { A = X; }
bare_label_kw(A) ::= VACUUM(X). { A = X; }
bare_label_kw(A) ::= VALUE(X). { A = X; }
bare_label_kw(A) ::= VIEW(X). { A = X; }
bare_label_kw(A) ::= WORK(X). { A = X; }
bare_label_kw(A) ::= WRITE(X). { A = X; }
bare_label_kw(A) ::= ZONE(X). { A = X; }
bare_label_kw(A) ::= BETWEEN(X). { A = X; }
bare_label_kw(A) ::= BIGINT(X). { A = X; }
bare_label_kw(A) ::= BIT(X). { A = X; }
bare_label_kw(A) ::= BOOLEAN(X). { A = X; }
bare_label_kw(A) ::= COALESCE(X). { A = X; }
bare_label_kw(A) ::= DEC(X). { A = X; }
bare_label_kw(A) ::= DECIMAL(X). { A = X; }
bare_label_kw(A) ::= EXISTS(X). { A = X; }
bare_label_kw(A) ::= EXTRACT(X). { A = X; }
bare_label_kw(A) ::= FLOAT(X). { A = X; }
bare_label_kw(A) ::= GREATEST(X). { A = X; }
bare_label_kw(A) ::= GROUPING(X). { A = X; }
bare_label_kw(A) ::= INT(X). { A = X; }
bare_label_kw(A) ::= INTEGER(X). { A = X; }
bare_label_kw(A) ::= INTERVAL(X). { A = X; }
bare_label_kw(A) ::= LEAST(X). { A = X; }
bare_label_kw(A) ::= NATIONAL(X). { A = X; }
bare_label_kw(A) ::= NCHAR(X). { A = X; }
bare_label_kw(A) ::= NONE(X). { A = X; }
bare_label_kw(A) ::= NULLIF(X). { A = X; }
bare_label_kw(A) ::= NUMERIC(X). { A = X; }
bare_label_kw(A) ::= OVERLAY(X). { A = X; }
bare_label_kw(A) ::= POSITION(X). { A = X; }
bare_label_kw(A) ::= REAL(X). { A = X; }
bare_label_kw(A) ::= ROW(X). { A = X; }
bare_label_kw(A) ::= SETOF(X). { A = X; }
bare_label_kw(A) ::= SMALLINT(X). { A = X; }
bare_label_kw(A) ::= SUBSTRING(X). { A = X; }
bare_label_kw(A) ::= TIME(X). { A = X; }
bare_label_kw(A) ::= TIMESTAMP(X). { A = X; }
bare_label_kw(A) ::= TREAT(X). { A = X; }
bare_label_kw(A) ::= TRIM(X). { A = X; }
bare_label_kw(A) ::= VALUES(X). { A = X; }
bare_label_kw(A) ::= VARCHAR(X). { A = X; }
bare_label_kw(A) ::= AUTHORIZATION(X). { A = X; }
bare_label_kw(A) ::= BINARY(X). { A = X; }
bare_label_kw(A) ::= COLLATION(X). { A = X; }
bare_label_kw(A) ::= CONCURRENTLY(X). { A = X; }
bare_label_kw(A) ::= CROSS(X). { A = X; }
bare_label_kw(A) ::= CURRENT_SCHEMA(X). { A = X; }
bare_label_kw(A) ::= FREEZE(X). { A = X; }
bare_label_kw(A) ::= FULL(X). { A = X; }
bare_label_kw(A) ::= ILIKE(X). { A = X; }
bare_label_kw(A) ::= INNER(X). { A = X; }
bare_label_kw(A) ::= IS(X). { A = X; }
bare_label_kw(A) ::= JOIN(X). { A = X; }
bare_label_kw(A) ::= LEFT(X). { A = X; }
bare_label_kw(A) ::= LIKE(X). { A = X; }
bare_label_kw(A) ::= NATURAL(X). { A = X; }
bare_label_kw(A) ::= OUTER(X). { A = X; }
bare_label_kw(A) ::= RIGHT(X). { A = X; }
bare_label_kw(A) ::= SIMILAR(X). { A = X; }
bare_label_kw(A) ::= TABLESAMPLE(X). { A = X; }
bare_label_kw(A) ::= VERBOSE(X). { A = X; }
bare_label_kw(A) ::= ALL(X). { A = X; }
bare_label_kw(A) ::= ANALYZE(X). { A = X; }
bare_label_kw(A) ::= AND(X). { A = X; }
bare_label_kw(A) ::= ANY(X). { A = X; }
bare_label_kw(A) ::= ASC(X). { A = X; }
bare_label_kw(A) ::= ASYMMETRIC(X). { A = X; }
bare_label_kw(A) ::= BOTH(X). { A = X; }
bare_label_kw(A) ::= CASE(X). { A = X; }
bare_label_kw(A) ::= CAST(X). { A = X; }
bare_label_kw(A) ::= CHECK(X). { A = X; }
bare_label_kw(A) ::= COLLATE(X). { A = X; }
bare_label_kw(A) ::= COLUMN(X). { A = X; }
bare_label_kw(A) ::= CONSTRAINT(X). { A = X; }
bare_label_kw(A) ::= CURRENT_CATALOG(X). { A = X; }
bare_label_kw(A) ::= CURRENT_DATE(X). { A = X; }
bare_label_kw(A) ::= CURRENT_ROLE(X). { A = X; }
bare_label_kw(A) ::= CURRENT_TIME(X). { A = X; }
bare_label_kw(A) ::= CURRENT_TIMESTAMP(X). { A = X; }
bare_label_kw(A) ::= CURRENT_USER(X). { A = X; }
bare_label_kw(A) ::= DEFAULT(X). { A = X; }
bare_label_kw(A) ::= DEFERRABLE(X). { A = X; }
bare_label_kw(A) ::= DESC(X). { A = X; }
bare_label_kw(A) ::= DISTINCT(X). { A = X; }
bare_label_kw(A) ::= DO(X). { A = X; }
bare_label_kw(A) ::= ELSE(X). { A = X; }
bare_label_kw(A) ::= END(X). { A = X; }
bare_label_kw(A) ::= FALSE(X). { A = X; }
bare_label_kw(A) ::= FOREIGN(X). { A = X; }
bare_label_kw(A) ::= IN(X). { A = X; }
bare_label_kw(A) ::= INITIALLY(X). { A = X; }
bare_label_kw(A) ::= LATERAL(X). { A = X; }
bare_label_kw(A) ::= LEADING(X). { A = X; }
bare_label_kw(A) ::= LOCALTIME(X). { A = X; }
bare_label_kw(A) ::= LOCALTIMESTAMP(X). { A = X; }
bare_label_kw(A) ::= NOT(X). { A = X; }
bare_label_kw(A) ::= NULL(X). { A = X; }
bare_label_kw(A) ::= ONLY(X). { A = X; }
bare_label_kw(A) ::= OR(X). { A = X; }
bare_label_kw(A) ::= PLACING(X). { A = X; }
bare_label_kw(A) ::= PRIMARY(X). { A = X; }
bare_label_kw(A) ::= REFERENCES(X). { A = X; }
bare_label_kw(A) ::= SELECT(X). { A = X; }
bare_label_kw(A) ::= SESSION_USER(X). { A = X; }
bare_label_kw(A) ::= SOME(X). { A = X; }
bare_label_kw(A) ::= SYMMETRIC(X). { A = X; }
bare_label_kw(A) ::= TABLE(X). { A = X; }
bare_label_kw(A) ::= THEN(X). { A = X; }
bare_label_kw(A) ::= TRAILING(X). { A = X; }
bare_label_kw(A) ::= TRUE(X). { A = X; }
bare_label_kw(A) ::= UNIQUE(X). { A = X; }
bare_label_kw(A) ::= USER(X). { A = X; }
bare_label_kw(A) ::= USING(X). { A = X; }
bare_label_kw(A) ::= VARIADIC(X). { A = X; }
bare_label_kw(A) ::= WHEN(X). { A = X; }
%type math_op {Token}
math_op(A) ::= PLUS(X). { A = X; }
math_op(A) ::= MINUS(X). { A = X; }
math_op(A) ::= STAR(X). { A = X; }
math_op(A) ::= SLASH(X). { A = X; }
math_op(A) ::= PERCENT(X). { A = X; }
math_op(A) ::= CARET(X). { A = X; }
math_op(A) ::= LT(X). { A = X; }
math_op(A) ::= GT(X). { A = X; }
math_op(A) ::= EQ(X). { A = X; }
math_op(A) ::= LE(X). { A = X; }
math_op(A) ::= GE(X). { A = X; }
math_op(A) ::= NE(X). { A = X; }
