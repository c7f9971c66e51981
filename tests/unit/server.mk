# Unit tests of server/; the pattern is in tests/unit/local.mk.
