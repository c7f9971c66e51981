# Unit tests of cluster/; the pattern is in tests/unit/local.mk.
