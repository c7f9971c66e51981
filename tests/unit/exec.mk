# Unit tests of exec/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_ops
tests_unit_test_ops_SOURCES = tests/unit/test_ops.c tests/unit/plan_build.h
tests_unit_test_ops_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_query
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/plan_build.h
tests_unit_test_query_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_grid
tests_unit_test_grid_SOURCES = tests/unit/test_grid.c
tests_unit_test_grid_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_types
tests_unit_test_types_SOURCES = tests/unit/test_types.c tests/unit/expr_text.h
tests_unit_test_types_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_numeric
tests_unit_test_numeric_SOURCES = tests/unit/test_numeric.c tests/unit/expr_text.h
tests_unit_test_numeric_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_datetime
tests_unit_test_datetime_SOURCES = tests/unit/test_datetime.c tests/unit/expr_text.h
tests_unit_test_datetime_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_expr
tests_unit_test_expr_SOURCES = tests/unit/test_expr.c tests/unit/expr_text.h
tests_unit_test_expr_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_func
tests_unit_test_func_SOURCES = tests/unit/test_func.c tests/unit/expr_text.h
tests_unit_test_func_LDADD = $(SK_EXEC) $(UNIT_LIBS)

unit_tests += tests/unit/test_exec_kernels
tests_unit_test_exec_kernels_SOURCES = tests/unit/test_exec_kernels.c
tests_unit_test_exec_kernels_LDADD = $(SK_EXEC) $(UNIT_LIBS)
