# One Check program per module, listed in the fragment of its folder:
#   unit_tests += tests/unit/test_xxx
#   tests_unit_test_xxx_SOURCES = tests/unit/test_xxx.c
#   tests_unit_test_xxx_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
# make check builds and runs all of them; one alone:
#   make tests/unit/test_xxx && tests/unit/test_xxx
# main() is the four lines of tests/unit/unit.h.
unit_tests =
include tests/unit/base.mk
include tests/unit/storage.mk
include tests/unit/exec.mk
include tests/unit/sqlts.mk
include tests/unit/promql.mk
include tests/unit/ingest.mk
include tests/unit/session.mk
include tests/unit/lifecycle.mk
include tests/unit/net.mk
include tests/unit/pgwire.mk
include tests/unit/http.mk
include tests/unit/alert.mk
include tests/unit/cluster.mk
include tests/unit/server.mk
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
EXTRA_DIST += tests/unit/unit.h
