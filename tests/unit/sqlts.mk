# Unit tests of sqlts/; the pattern is in tests/unit/local.mk.
