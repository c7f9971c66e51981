# Unit tests of net/; the pattern is in tests/unit/local.mk.
