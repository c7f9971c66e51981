noinst_LTLIBRARIES += libskpromql.la
libskpromql_la_SOURCES = promql/promql.h promql/ast.h promql/lexer.h promql/parse_private.h \
	promql/eval_private.h promql/kernels.h \
	promql/parse.c promql/unexpected.c promql/check.c promql/duration.c promql/print.c promql/ast_json.c promql/functions.c \
	promql/hist.h promql/hist.c promql/hist_value.c promql/func_hist.c \
	promql/func_sample.c promql/func_steps.c promql/func_window.c promql/func_rate.c promql/func_tier.c \
	promql/labels.c promql/names.c promql/eval.c \
	promql/node_agg.c promql/node_binary.c promql/node_call.c promql/node_func.c \
	promql/node_hist.c promql/node_info.c promql/node_label.c promql/node_match.c promql/node_pick.c \
	promql/node_select.c promql/node_spread.c promql/tier_read.h promql/tier_read.c promql/raw.c promql/tally.c

libskpromql_la_CFLAGS = $(FAST_CFLAGS)
libskpromql_la_LIBADD = libskpromql_kernels.la

# Compiled twice, as in storage/local.mk.
promql_kernels = promql/grid_kernels.c promql/grid_kernels.h
noinst_LTLIBRARIES += libskpromql_kernels.la
libskpromql_kernels_la_SOURCES = $(promql_kernels)
libskpromql_kernels_la_CFLAGS = $(FAST_CFLAGS)
if KERNELS_V3
noinst_LTLIBRARIES += libskpromql_kernels_v3.la
libskpromql_kernels_v3_la_SOURCES = $(promql_kernels)
libskpromql_kernels_v3_la_CFLAGS = $(FAST_CFLAGS) -march=x86-64-v3 -DKERNEL_V3
libskpromql_la_LIBADD += libskpromql_kernels_v3.la
endif

# Generated into the build directory by the rules in Makefile.am.
promql_generated = promql/lexer.c promql/grammar.c
promql_generated_headers = promql/grammar.h
EXTRA_DIST += promql/lexer.re promql/grammar.y promql/README.md
nodist_libskpromql_la_SOURCES = $(promql_generated) $(promql_generated_headers)
BUILT_SOURCES += $(promql_generated) $(promql_generated_headers)
CLEANFILES += $(promql_generated) $(promql_generated_headers) promql/grammar.out
$(libskpromql_la_OBJECTS): $(promql_generated_headers)
