noinst_LTLIBRARIES += libsklifecycle.la
libsklifecycle_la_SOURCES =
