# Unit tests of base/; the pattern is in tests/unit/local.mk.
