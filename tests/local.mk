# What a unit test links beside the layer under test (SK_* of Makefile.am).
UNIT_LIBS = $(CHECK_LIBS)
AM_TESTS_ENVIRONMENT = top_srcdir="$(abs_top_srcdir)"; top_builddir="$(abs_top_builddir)"; \
	fuzz_targets="$(fuzz_targets)"; export top_srcdir top_builddir fuzz_targets;

include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/sim/local.mk
include tests/regress/local.mk
include tests/bench/local.mk

TESTS += tests/library.sh tests/auth.sh tests/dump.sh tests/ways.py tests/prom_api.py tests/prom_edges.py tests/clients.py tests/ts_model.py tests/dml_postgres.py tests/cancel.py
EXTRA_DIST += tests/pgclient.py tests/dml_postgres.py tests/promql_pg.py tests/library.sh tests/auth.sh tests/dump.sh tests/ways.py tests/prom_api.py tests/prom_edges.py tests/clients.py tests/ts_model.py tests/cancel.py

# Damaged data directories against the built server: make damage, make damage ROUNDS=10000 SEED=7.
ROUNDS = 1000
SEED = 1
damage: alopex-skulk
	python3 $(top_srcdir)/tests/damage.py $(builddir) $(ROUNDS) $(SEED)
.PHONY: damage
EXTRA_DIST += tests/damage.py
# A real Prometheus, from Debian, writes to the server for ten minutes: make prometheus, make prometheus SECONDS=60.
SECONDS = 600
prometheus: alopex-skulk
	python3 $(top_srcdir)/tests/prometheus.py $(builddir) $(SECONDS)
.PHONY: prometheus
EXTRA_DIST += tests/prometheus.py
# Rows spread over 130 years: make spread, make spread ROWS=1000000.
spread: alopex-skulk
	python3 $(top_srcdir)/tests/spread.py $(builddir) $(ROWS)
.PHONY: spread
EXTRA_DIST += tests/spread.py
# The 15 queries of the benchmark on a flat table loaded by COPY and on a tagged one loaded by /write: answers and times.
flat: alopex-skulk
	python3 $(top_srcdir)/tests/flat.py $(builddir) 100 24
.PHONY: flat
EXTRA_DIST += tests/flat.py

# How soon a statement of each kind ends when it is canceled, eight times each: make cancel. `make check` has one of each.
cancel: alopex-skulk
	python3 $(top_srcdir)/tests/cancel.py $(builddir) 8 100
.PHONY: cancel
# Random programs of DML and transactions against PostgreSQL 15: make dml, make dml STORIES=5000 SEED=7.
STORIES = 1000
dml: alopex-skulk
	python3 $(top_srcdir)/tests/dml_postgres.py $(builddir) $(SEED) $(STORIES)
.PHONY: dml
# What an idle connection costs in memory: make idle, make idle CONNECTIONS=5000.
CONNECTIONS = 1000
idle: alopex-skulk
	python3 $(top_srcdir)/tests/idle.py $(builddir) $(CONNECTIONS)
.PHONY: idle
EXTRA_DIST += tests/idle.py
