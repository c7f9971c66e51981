# One target per parser of foreign bytes; fuzz_xxx.c holds LLVMFuzzerTestOneInput:
#   fuzz_targets += tests/fuzz/fuzz_xxx
#   tests_fuzz_fuzz_xxx_SOURCES = tests/fuzz/fuzz_xxx.c $(fuzz_driver)
#   tests_fuzz_fuzz_xxx_LDADD = $(SK_INGEST)
#   tests_fuzz_fuzz_xxx_LDFLAGS = $(FUZZ_LDFLAGS)
# Seeds and past crashes lie in tests/fuzz/corpus/xxx/; make check replays them.  With
# --enable-fuzz the targets are libFuzzer programs, else driver.c plays the files.
fuzz_targets =
if FUZZ
fuzz_driver =
else
fuzz_driver = tests/fuzz/driver.c
endif
EXTRA_DIST += tests/fuzz/driver.c tests/fuzz/replay.sh tests/fuzz/corpus

fuzz_targets += tests/fuzz/fuzz_regex
tests_fuzz_fuzz_regex_SOURCES = tests/fuzz/fuzz_regex.c $(fuzz_driver)
tests_fuzz_fuzz_regex_LDADD = $(SK_BASE)
tests_fuzz_fuzz_regex_LDFLAGS = $(FUZZ_LDFLAGS)

fuzz_targets += tests/fuzz/fuzz_codec tests/fuzz/fuzz_part
tests_fuzz_fuzz_codec_SOURCES = tests/fuzz/fuzz_codec.c $(fuzz_driver)
tests_fuzz_fuzz_codec_LDADD = $(SK_STORAGE)
tests_fuzz_fuzz_codec_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_part_SOURCES = tests/fuzz/fuzz_part.c $(fuzz_driver)
tests_fuzz_fuzz_part_LDADD = $(SK_STORAGE)
tests_fuzz_fuzz_part_LDFLAGS = $(FUZZ_LDFLAGS)

check_PROGRAMS += $(fuzz_targets)
TESTS += tests/fuzz/replay.sh
fuzz_targets += tests/fuzz/fuzz_line
tests_fuzz_fuzz_line_SOURCES = tests/fuzz/fuzz_line.c tests/fuzz/ingest_fuzz.h $(fuzz_driver)
tests_fuzz_fuzz_line_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_line_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/ingest_fuzz.h $(fuzz_driver)
tests_fuzz_fuzz_json_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_remote
tests_fuzz_fuzz_remote_SOURCES = tests/fuzz/fuzz_remote.c tests/fuzz/ingest_fuzz.h $(fuzz_driver)
tests_fuzz_fuzz_remote_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_remote_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_remote2
tests_fuzz_fuzz_remote2_SOURCES = tests/fuzz/fuzz_remote2.c tests/fuzz/ingest_fuzz.h $(fuzz_driver)
tests_fuzz_fuzz_remote2_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_remote2_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_body
tests_fuzz_fuzz_body_SOURCES = tests/fuzz/fuzz_body.c $(fuzz_driver)
tests_fuzz_fuzz_body_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_body_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_read
tests_fuzz_fuzz_read_SOURCES = tests/fuzz/fuzz_read.c $(fuzz_driver)
tests_fuzz_fuzz_read_LDADD = $(SK_SESSION)
tests_fuzz_fuzz_read_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_otlp
tests_fuzz_fuzz_otlp_SOURCES = tests/fuzz/fuzz_otlp.c tests/fuzz/ingest_fuzz.h $(fuzz_driver)
tests_fuzz_fuzz_otlp_LDADD = $(SK_INGEST)
tests_fuzz_fuzz_otlp_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_driver)
tests_fuzz_fuzz_http_LDADD = libskhttp.la $(SK_BASE)
tests_fuzz_fuzz_http_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_pgwire
tests_fuzz_fuzz_pgwire_SOURCES = tests/fuzz/fuzz_pgwire.c $(fuzz_driver)
tests_fuzz_fuzz_pgwire_LDADD = libskpgwire.la $(SK_BASE)
tests_fuzz_fuzz_pgwire_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_stream
tests_fuzz_fuzz_stream_SOURCES = tests/fuzz/fuzz_stream.c tests/fuzz/fake_conn.h $(fuzz_driver)
tests_fuzz_fuzz_stream_LDADD = libskpgwire.la $(SK_SESSION)
tests_fuzz_fuzz_stream_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_scram
tests_fuzz_fuzz_scram_SOURCES = tests/fuzz/fuzz_scram.c server/crypto_openssl.c server/saslprep.c session/scram.c $(fuzz_driver)
tests_fuzz_fuzz_scram_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(IDN_CFLAGS)
tests_fuzz_fuzz_scram_LDADD = $(SK_BASE) $(OPENSSL_LIBS) $(IDN_LIBS)
tests_fuzz_fuzz_scram_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_types
tests_fuzz_fuzz_types_SOURCES = tests/fuzz/fuzz_types.c $(fuzz_driver)
tests_fuzz_fuzz_types_LDADD = $(SK_EXEC)
tests_fuzz_fuzz_types_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_sql
tests_fuzz_fuzz_sql_SOURCES = tests/fuzz/fuzz_sql.c tests/unit/sql_env.h $(fuzz_driver)
tests_fuzz_fuzz_sql_LDADD = $(SK_SQLTS)
tests_fuzz_fuzz_sql_LDFLAGS = $(FUZZ_LDFLAGS)

fuzz_targets += tests/fuzz/fuzz_log
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c tests/sim/sim_io.c tests/sim/sim_io.h $(fuzz_driver)
tests_fuzz_fuzz_log_LDADD = $(SK_STORAGE)
tests_fuzz_fuzz_log_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_series
tests_fuzz_fuzz_series_SOURCES = tests/fuzz/fuzz_series.c $(fuzz_driver)
tests_fuzz_fuzz_series_LDADD = $(SK_STORAGE)
tests_fuzz_fuzz_series_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_watch
tests_fuzz_fuzz_watch_SOURCES = tests/fuzz/fuzz_watch.c $(fuzz_driver)
tests_fuzz_fuzz_watch_LDADD = $(SK_STORAGE)
tests_fuzz_fuzz_watch_LDFLAGS = $(FUZZ_LDFLAGS)
fuzz_targets += tests/fuzz/fuzz_promql
tests_fuzz_fuzz_promql_SOURCES = tests/fuzz/fuzz_promql.c $(fuzz_driver)
tests_fuzz_fuzz_promql_LDADD = $(SK_PROMQL)
tests_fuzz_fuzz_promql_LDFLAGS = $(FUZZ_LDFLAGS)

# Fuzzing for FUZZ_SECONDS a target (a build with --enable-fuzz); what is found stays in tests/tmp.
FUZZ_SECONDS = 600
fuzz: $(fuzz_targets)
	@mkdir -p tests/tmp/fuzz; for t in $(fuzz_targets); do n=$${t##*/fuzz_}; \
	  mkdir -p tests/tmp/fuzz/$$n; echo "== $$n"; \
	  $(builddir)/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 \
	    -print_final_stats=1 -artifact_prefix=tests/tmp/fuzz/$$n- \
	    tests/tmp/fuzz/$$n $(top_srcdir)/tests/fuzz/corpus/$$n >tests/tmp/fuzz/$$n.log 2>&1 \
	    || { echo "fuzz_$$n: FOUND, see tests/tmp/fuzz/$$n.log"; exit 1; }; \
	  grep -E 'number_of_executed_units|average_exec_per_sec' tests/tmp/fuzz/$$n.log; done
.PHONY: fuzz
