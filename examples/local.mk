# noinst_PROGRAMS once examples/embedded.c exists.
EXTRA_PROGRAMS += examples/embedded
examples_embedded_SOURCES = examples/embedded.c
examples_embedded_LDADD = libskulk.la
