# Unit tests of lifecycle/; the pattern is in tests/unit/local.mk.
