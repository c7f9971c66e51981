noinst_LTLIBRARIES += libskcluster.la
libskcluster_la_SOURCES =
