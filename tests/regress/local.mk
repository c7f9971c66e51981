# Regress runner, SQL and PromQL cases: add to TESTS and EXTRA_DIST.
check_PROGRAMS += tests/regress/regress
tests_regress_regress_SOURCES = tests/regress/regress.c tests/regress/ports.h
tests_regress_regress_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
tests_regress_regress_LDADD = $(LIBPQ_LIBS)
TESTS += tests/regress/sql.sh
EXTRA_DIST += tests/regress/sql.sh tests/regress/sql tests/regress/expected tests/regress/schedule tests/regress/promql
check_PROGRAMS += tests/regress/promql_run
tests_regress_promql_run_SOURCES = tests/regress/promql_run.c tests/regress/ports.h
tests_regress_promql_run_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_regress_promql_run_LDADD = $(JANSSON_LIBS) -lm
TESTS += tests/regress/wire.sh tests/regress/grafana.sh
EXTRA_DIST += tests/regress/grafana.sh tests/regress/grafana.py examples/grafana
EXTRA_DIST += tests/regress/wire.sh tests/regress/wire.py tests/regress/wire
TESTS += tests/regress/promql.sh
EXTRA_DIST += tests/regress/promql.sh
# The same SQL files on PostgreSQL 15: make regress-postgres, make regress-postgres ONLY="select join".
regress-postgres: tests/regress/regress
	python3 $(top_srcdir)/tests/regress/postgres.py $(builddir) $(ONLY) || [ $$? -eq 77 ]
.PHONY: regress-postgres
EXTRA_DIST += tests/regress/postgres.py tests/regress/postgres-differences
# libpq in all its modes.
check_PROGRAMS += tests/regress/tour
tests_regress_tour_SOURCES = tests/regress/tour.c
tests_regress_tour_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
tests_regress_tour_LDADD = $(LIBPQ_LIBS)
TESTS += tests/regress/tour.sh
EXTRA_DIST += tests/regress/tour.sh
