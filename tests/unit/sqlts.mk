# Unit tests of sqlts/; the pattern is in tests/unit/local.mk.
unit_tests += tests/unit/test_sql
tests_unit_test_sql_SOURCES = tests/unit/test_sql.c tests/unit/sql_env.h
tests_unit_test_sql_LDADD = $(SK_SQLTS) $(UNIT_LIBS)
