noinst_LTLIBRARIES += libsksqlts.la
libsksqlts_la_SOURCES = sqlts/sqlts.h sqlts/ast.h sqlts/ast.c sqlts/lexer.h sqlts/keywords.c \
	sqlts/grammar_private.h sqlts/grammar_actions.c sqlts/parse.c

# Generated into the build directory by the rules in Makefile.am.
sqlts_generated = sqlts/lexer.c sqlts/grammar.c
sqlts_generated_headers = sqlts/grammar.h
EXTRA_DIST += sqlts/lexer.re sqlts/grammar.y sqlts/README.md
nodist_libsksqlts_la_SOURCES = $(sqlts_generated) $(sqlts_generated_headers)
BUILT_SOURCES += $(sqlts_generated) $(sqlts_generated_headers)
CLEANFILES += $(sqlts_generated) $(sqlts_generated_headers) sqlts/grammar.out
$(libsksqlts_la_OBJECTS): $(sqlts_generated_headers)
