noinst_LTLIBRARIES += libskpromql.la
libskpromql_la_SOURCES = # promql/parse.c promql/parse.h ...

# Generated into the build directory by the rules in Makefile.am.  Once the two sources
# exist, fill in the lists:
#   promql_generated = promql/lexer.c promql/grammar.c       (from promql/lexer.re and promql/grammar.y)
#   promql_generated_headers = promql/grammar.h          (token numbers; #include "promql/grammar.h")
#   EXTRA_DIST += promql/lexer.re promql/grammar.y
# Lemon's code breaks three warnings: put the three #pragma lines of CONTRIBUTING.md
# at the head of %include in the grammar.
promql_generated =
promql_generated_headers =
nodist_libskpromql_la_SOURCES = $(promql_generated) $(promql_generated_headers)
BUILT_SOURCES += $(promql_generated) $(promql_generated_headers)
CLEANFILES += $(promql_generated) $(promql_generated_headers)
$(libskpromql_la_OBJECTS): $(promql_generated_headers)
