noinst_LTLIBRARIES += libskalert.la
libskalert_la_SOURCES =
