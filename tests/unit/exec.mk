# Unit tests of exec/; the pattern is in tests/unit/local.mk.
