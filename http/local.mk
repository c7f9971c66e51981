noinst_LTLIBRARIES += libskhttp.la
libskhttp_la_SOURCES = \
	http/http.h http/http_private.h \
	http/auth.c http/call.c \
	http/conn.c \
	http/head_fields.c http/head.h \
	http/idempotency.c \
	http/influx.c \
	http/metrics.c \
	http/params.c http/params.h \
	http/prom.c http/prom_admin.c http/prom_read.c \
	http/reply.c \
	http/routes.c \
	http/write.c http/write_reply.c
libskhttp_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(ZLIB_CFLAGS)
libskhttp_la_LIBADD = $(EVENT_LIBS) $(ZLIB_LIBS) -lm

# Made by re2c in the build directory.
http_generated = http/head.c
nodist_libskhttp_la_SOURCES = $(http_generated)
BUILT_SOURCES += $(http_generated)
CLEANFILES += $(http_generated)
EXTRA_DIST += http/head.re http/README.md
