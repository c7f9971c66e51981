noinst_LTLIBRARIES += libsksession.la
libsksession_la_SOURCES =
