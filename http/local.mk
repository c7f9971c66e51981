noinst_LTLIBRARIES += libskhttp.la
libskhttp_la_SOURCES = # http/head.h ...
libskhttp_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
libskhttp_la_LIBADD = $(EVENT_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS)

# Made by re2c: http_generated = http/head.c, and EXTRA_DIST += http/head.re
http_generated =
nodist_libskhttp_la_SOURCES = $(http_generated)
BUILT_SOURCES += $(http_generated)
CLEANFILES += $(http_generated)
