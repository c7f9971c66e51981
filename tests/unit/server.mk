# Unit tests of server/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c server/config.c server/config_toml.cc
tests_unit_test_config_CXXFLAGS = $(AM_CXXFLAGS) $(TOML_CFLAGS)
tests_unit_test_config_LDADD = $(SK_NET) $(EVENT_LIBS) $(TOML_LIBS) $(UNIT_LIBS)
