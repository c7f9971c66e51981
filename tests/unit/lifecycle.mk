# Unit tests of lifecycle/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_lifecycle
tests_unit_test_lifecycle_SOURCES = tests/unit/test_lifecycle.c tests/unit/life_world.h
tests_unit_test_lifecycle_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)
