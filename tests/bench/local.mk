# Micro-benchmarks: make bench [BENCH="part of a name ..."]; tab-separated lines on stdout.
EXTRA_PROGRAMS += tests/bench/bench
CLEANFILES += tests/bench/bench
tests_bench_bench_SOURCES = tests/bench/bench.c tests/bench/bench.h tests/bench/bench_codec.c \
	tests/bench/bench_index.c tests/bench/bench_ingest.c tests/bench/bench_log.c tests/bench/bench_query.c
tests_bench_bench_CFLAGS = $(FAST_CFLAGS)
tests_bench_bench_LDADD = $(SK_SESSION) -lm

.PHONY: bench
bench: tests/bench/bench$(EXEEXT)
	tests/bench/bench $(BENCH)
