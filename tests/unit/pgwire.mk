# Unit tests of pgwire/; the pattern is in tests/unit/local.mk.

# The session is a fake inside the test: session/ and exec/ are not linked.
unit_tests += tests/unit/test_pgwire
# The writer of rows stands on the fake types.
tests_unit_test_pgwire_SOURCES = tests/unit/test_pgwire.c tests/unit/fake_session.h exec/row_bytes.c
tests_unit_test_pgwire_LDADD = libskpgwire.la $(SK_NET) $(EVENT_LIBS) $(UNIT_LIBS)
