noinst_LTLIBRARIES += libsksqlts.la
libsksqlts_la_SOURCES = sqlts/sqlts.h \
	sqlts/ast.h sqlts/ast.c sqlts/lexer.h sqlts/keywords.c \
	sqlts/grammar_private.h sqlts/grammar_actions.c sqlts/grammar_statements.c sqlts/parse.c sqlts/parse_private.h sqlts/parse_words.h sqlts/parse_words.c sqlts/parse_retention.c sqlts/parse_continuous.c \
	sqlts/query.h sqlts/query_expr.c sqlts/query_same.c sqlts/analyze.h sqlts/analyze.c \
	sqlts/analyze_type.c sqlts/analyze_expr.c sqlts/analyze_sublink.c sqlts/analyze_func.c sqlts/analyze_agg.c \
	sqlts/analyze_from.c sqlts/analyze_from_func.c sqlts/analyze_select.c sqlts/analyze_group.c sqlts/analyze_gapfill.c \
	sqlts/analyze_sample.c sqlts/analyze_asof.c sqlts/analyze_sets.c \
	sqlts/analyze_dml.c sqlts/analyze_copy.c \
	sqlts/analyze_modify.c sqlts/analyze_conflict.c sqlts/analyze_constraint.c sqlts/analyze_sequence.c sqlts/analyze_ddl.c sqlts/analyze_cursor.c sqlts/analyze_utility.c \
	sqlts/analyze_hypertable.c sqlts/analyze_influx.c sqlts/analyze_window.c sqlts/analyze_with.c sqlts/view_text.c sqlts/continuous.h sqlts/continuous.c sqlts/matview.h sqlts/matview.c sqlts/analyze_view.h sqlts/analyze_tier.c sqlts/tier_query.h sqlts/tier_parts.c sqlts/tier_flat.c sqlts/analyze_view.c sqlts/analyze_view_bucket.c sqlts/influx_lex.c sqlts/influx_lex.h sqlts/influx.h sqlts/influx_select.c sqlts/influx_where.c sqlts/influx_private.h sqlts/analyze_view_add.c sqlts/analyze_ordered.c sqlts/analyze_cycle.c sqlts/analyze_assign.c sqlts/analyze_role.c \
	sqlts/plan_private.h sqlts/plan_node.c sqlts/plan_query.c sqlts/plan_from.c \
	sqlts/plan_join.c sqlts/plan_scan.c sqlts/plan_agg.c sqlts/plan_gapfill.c \
	sqlts/plan_asof.c sqlts/plan_estimate.c sqlts/plan_sublink.c

# Generated into the build directory by the rules in Makefile.am.
sqlts_generated = sqlts/lexer.c sqlts/grammar.c
sqlts_generated_headers = sqlts/grammar.h
EXTRA_DIST += sqlts/lexer.re sqlts/grammar.y sqlts/README.md
nodist_libsksqlts_la_SOURCES = $(sqlts_generated) $(sqlts_generated_headers)
BUILT_SOURCES += $(sqlts_generated) $(sqlts_generated_headers)
CLEANFILES += $(sqlts_generated) $(sqlts_generated_headers) sqlts/grammar.out
$(libsksqlts_la_OBJECTS): $(sqlts_generated_headers)
