# Unit tests of promql/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_promql
tests_unit_test_promql_SOURCES = tests/unit/test_promql.c tests/unit/ingest_env.h
tests_unit_test_promql_LDADD = libskpromql.la libskingest.la $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_promql_steps
tests_unit_test_promql_steps_SOURCES = tests/unit/test_promql_steps.c
tests_unit_test_promql_steps_LDADD = libskpromql.la $(SK_EXEC) $(UNIT_LIBS)
