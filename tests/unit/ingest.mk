# Unit tests of ingest/; the pattern is in tests/unit/local.mk.
