noinst_LTLIBRARIES += libskingest.la
EXTRA_DIST += ingest/README.md
libskingest_la_SOURCES = \
	ingest/ing_body.c ingest/ing_snappy.c ingest/snappy.h \
	ingest/ing_json.c ingest/ing_json_hist.c ingest/ing_json_hist.h \
	ingest/ing_line.c \
	ingest/ing_line_fast.c \
	ingest/ing_extra.c ingest/ing_expired.c ingest/ing_follow.c ingest/follow.h ingest/ing_keep.c \
	ingest/ing_histogram.c ingest/ing_remote.c ingest/ing_remote2.c \
	ingest/protobuf.h ingest/remote_private.h \
	ingest/ing_otlp.c ingest/otlp_message.c ingest/otlp_stream.c ingest/otlp_metrics.c ingest/otlp_names.c ingest/otlp_rows.c ingest/otlp_private.h \
	ingest/ing_schema.c \
	ingest/ingest.c ingest/ingest.h ingest/ingest_private.h
libskingest_la_CFLAGS = $(FAST_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS) $(SNAPPY_CFLAGS) $(JANSSON_CFLAGS)
libskingest_la_LIBADD = $(ZLIB_LIBS) $(ZSTD_LIBS) $(SNAPPY_LIBS) $(JANSSON_LIBS)
