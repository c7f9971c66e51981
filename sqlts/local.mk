noinst_LTLIBRARIES += libsksqlts.la
libsksqlts_la_SOURCES = # sqlts/parse.c sqlts/parse.h ...

# Generated into the build directory by the rules in Makefile.am.  Once the two sources
# exist, fill in the lists:
#   sqlts_generated = sqlts/lexer.c sqlts/grammar.c       (from sqlts/lexer.re and sqlts/grammar.y)
#   sqlts_generated_headers = sqlts/grammar.h          (token numbers; #include "sqlts/grammar.h")
#   EXTRA_DIST += sqlts/lexer.re sqlts/grammar.y
# Lemon's code breaks three warnings: put the three #pragma lines of CONTRIBUTING.md
# at the head of %include in the grammar.
sqlts_generated =
sqlts_generated_headers =
nodist_libsksqlts_la_SOURCES = $(sqlts_generated) $(sqlts_generated_headers)
BUILT_SOURCES += $(sqlts_generated) $(sqlts_generated_headers)
CLEANFILES += $(sqlts_generated) $(sqlts_generated_headers)
$(libsksqlts_la_OBJECTS): $(sqlts_generated_headers)
