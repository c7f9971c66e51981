# Unit tests of session/; the pattern is in tests/unit/local.mk.
