# Unit tests of pgwire/; the pattern is in tests/unit/local.mk.
