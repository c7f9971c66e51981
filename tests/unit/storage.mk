# Unit tests of storage/; the pattern is in tests/unit/local.mk.
