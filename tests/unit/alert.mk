# Unit tests of alert/; the pattern is in tests/unit/local.mk.
