# Unit tests of lifecycle/; the pattern is in tests/unit/local.mk.

unit_tests += tests/unit/test_lifecycle
tests_unit_test_lifecycle_SOURCES = tests/unit/test_lifecycle.c tests/unit/life_world.h
tests_unit_test_lifecycle_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)

unit_tests += tests/unit/test_life
tests_unit_test_life_SOURCES = tests/unit/test_life.c tests/unit/life_world.h
tests_unit_test_life_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)

# Long lives: make life, make life LIFE_STEPS=100000 LIFE_SEED=7 (a seed that fails is printed).
LIFE_STEPS = 10000
LIFE_SEED = 1
life: tests/unit/test_life
	CK_TIMEOUT_MULTIPLIER=20 SKULK_LIFE_STEPS=$(LIFE_STEPS) SKULK_LIFE_SEED=$(LIFE_SEED) $(builddir)/tests/unit/test_life
.PHONY: life

unit_tests += tests/unit/test_views
tests_unit_test_views_SOURCES = tests/unit/test_views.c tests/unit/life_random.h tests/unit/life_world.h
tests_unit_test_views_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)

# Long lives of continuous views: make views, make views VIEWS_STEPS=100000 VIEWS_SEED=7
VIEWS_STEPS = 10000
VIEWS_SEED = 1
views: tests/unit/test_views
	CK_TIMEOUT_MULTIPLIER=20 SKULK_VIEWS_STEPS=$(VIEWS_STEPS) SKULK_VIEWS_SEED=$(VIEWS_SEED) $(builddir)/tests/unit/test_views
.PHONY: views

unit_tests += tests/unit/test_tiers
tests_unit_test_tiers_SOURCES = tests/unit/test_tiers.c tests/unit/life_random.h tests/unit/life_world.h
tests_unit_test_tiers_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)

# Long lives of tables with tiers: make tiers, make tiers TIERS_STEPS=100000 TIERS_SEED=7
TIERS_STEPS = 10000
TIERS_SEED = 1
tiers: tests/unit/test_tiers
	CK_TIMEOUT_MULTIPLIER=20 SKULK_TIERS_STEPS=$(TIERS_STEPS) SKULK_TIERS_SEED=$(TIERS_SEED) $(builddir)/tests/unit/test_tiers
.PHONY: tiers

unit_tests += tests/unit/test_cascade
tests_unit_test_cascade_SOURCES = tests/unit/test_cascade.c tests/unit/life_world.h
tests_unit_test_cascade_LDADD = $(SK_LIFECYCLE) $(UNIT_LIBS)

# The cascade at speed, 259 million rows in some minutes: make cascade, make cascade CASCADE_DAYS=10 CASCADE_SERIES=50
CASCADE_DAYS = 30
CASCADE_SERIES = 100
cascade: tests/unit/test_cascade
	CK_TIMEOUT_MULTIPLIER=100 SKULK_CASCADE_DAYS=$(CASCADE_DAYS) SKULK_CASCADE_SERIES=$(CASCADE_SERIES) $(builddir)/tests/unit/test_cascade
.PHONY: cascade
