# What a unit test links beside the layer under test (SK_* of Makefile.am).
UNIT_LIBS = $(CHECK_LIBS)
AM_TESTS_ENVIRONMENT = top_srcdir="$(abs_top_srcdir)"; top_builddir="$(abs_top_builddir)"; \
	fuzz_targets="$(fuzz_targets)"; export top_srcdir top_builddir fuzz_targets;

include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/sim/local.mk
include tests/regress/local.mk
include tests/bench/local.mk

TESTS += tests/library.sh
EXTRA_DIST += tests/library.sh
