noinst_LTLIBRARIES += libskingest.la
libskingest_la_SOURCES =
libskingest_la_CFLAGS = $(FAST_CFLAGS) $(SNAPPY_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
libskingest_la_LIBADD = $(SNAPPY_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS)
