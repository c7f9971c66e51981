noinst_PROGRAMS += examples/embedded
examples_embedded_SOURCES = examples/embedded.c
examples_embedded_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/include
examples_embedded_LDADD = libskulk.la
