noinst_LTLIBRARIES += libsklifecycle.la
libsklifecycle_la_SOURCES = lifecycle/lifecycle.h lifecycle/jobs.h lifecycle/jobs.c lifecycle/ttl.c lifecycle/view.c
