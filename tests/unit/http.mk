# Unit tests of http/; the pattern is in tests/unit/local.mk.

# The session and the ingest formats are fakes inside the test.
unit_tests += tests/unit/test_http
tests_unit_test_http_SOURCES = tests/unit/test_http.c tests/unit/http_fakes.h
tests_unit_test_http_LDADD = libskhttp.la $(SK_NET) $(EVENT_LIBS) $(ZLIB_LIBS) $(UNIT_LIBS)
