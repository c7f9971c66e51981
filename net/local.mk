noinst_LTLIBRARIES += libsknet.la
libsknet_la_SOURCES = \
	net/net.c net/net.h net/net_private.h \
	net/conn.c \
	net/listen.c \
	net/outlet.c \
	net/tls.c
libsknet_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
libsknet_la_LIBADD = $(EVENT_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += net/README.md
