# Unit tests of net/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_net
tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_LDADD = $(SK_NET) $(EVENT_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c
tests_unit_test_tls_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_LDADD = $(SK_NET) $(EVENT_LIBS) $(OPENSSL_LIBS) $(UNIT_LIBS)
