noinst_LTLIBRARIES += libskpgwire.la
libskpgwire_la_SOURCES = \
	pgwire/pgwire.h \
	pgwire/backend.c pgwire/backend_private.h \
	pgwire/conn.c \
	pgwire/extended.c \
	pgwire/login.c \
	pgwire/message.c pgwire/message.h \
	pgwire/reply.c pgwire/reply.h \
	pgwire/rows.c pgwire/rows.h
libskpgwire_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
libskpgwire_la_LIBADD = $(EVENT_LIBS)
EXTRA_DIST += pgwire/README.md
