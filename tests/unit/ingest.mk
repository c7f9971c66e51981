# Unit tests of ingest/; the pattern is in tests/unit/local.mk.
unit_tests += tests/unit/test_ingest
tests_unit_test_ingest_SOURCES = tests/unit/test_ingest.c tests/unit/ingest_env.h
tests_unit_test_ingest_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(SNAPPY_CFLAGS)
tests_unit_test_ingest_LDADD = $(SK_INGEST) $(UNIT_LIBS) $(ZLIB_LIBS) $(SNAPPY_LIBS)
unit_tests += tests/unit/test_line
tests_unit_test_line_SOURCES = tests/unit/test_line.c tests/unit/line_model.h tests/unit/ingest_env.h
tests_unit_test_line_LDADD = $(SK_INGEST) $(UNIT_LIBS)
