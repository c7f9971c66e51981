noinst_LTLIBRARIES += libskpgwire.la
libskpgwire_la_SOURCES =
libskpgwire_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
libskpgwire_la_LIBADD = $(EVENT_LIBS)
