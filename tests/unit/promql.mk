# Unit tests of promql/; the pattern is in tests/unit/local.mk.
