# Unit tests of session/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_scram
tests_unit_test_scram_SOURCES = tests/unit/test_scram.c server/crypto_openssl.c server/saslprep.c session/scram.c
tests_unit_test_scram_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(IDN_CFLAGS)
tests_unit_test_scram_LDADD = libskbase.la $(OPENSSL_LIBS) $(IDN_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/test_throttle
tests_unit_test_throttle_SOURCES = tests/unit/test_throttle.c session/throttle.c
tests_unit_test_throttle_CFLAGS = $(AM_CFLAGS)
tests_unit_test_throttle_LDADD = libskbase.la $(UNIT_LIBS)
