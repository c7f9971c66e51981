noinst_LTLIBRARIES += libsknet.la
libsknet_la_SOURCES =
libsknet_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
libsknet_la_LIBADD = $(EVENT_LIBS) $(OPENSSL_LIBS)
