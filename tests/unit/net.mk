# Unit tests of net/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_net
tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_LDADD = $(SK_NET) $(EVENT_LIBS) $(UNIT_LIBS)
