# Unit tests of exec/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_ops
tests_unit_test_ops_SOURCES = tests/unit/test_ops.c tests/unit/plan_build.h
tests_unit_test_ops_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_query
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/plan_build.h
tests_unit_test_query_LDADD = $(SK_EXEC) $(UNIT_LIBS)
