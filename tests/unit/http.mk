# Unit tests of http/; the pattern is in tests/unit/local.mk.
