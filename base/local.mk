noinst_LTLIBRARIES += libskbase.la
libskbase_la_SOURCES = \
	base/clock.c base/clock.h \
	base/crypto.c base/crypto.h \
	base/err.c base/err.h base/sqlstate.def \
	base/hash.c base/hash.h \
	base/io.c base/io.h \
	base/log.c base/log.h \
	base/mem.c base/buf.c base/mem.h \
	base/pow10.c base/pow10.h base/pow10.def \
	base/queue.c base/queue.h \
	base/regex.c base/regex_literal.c base/regex_syntax.c base/regex.h base/regex_private.h \
	base/simd.c base/simd.h \
	base/slice.c base/slice.h \
	base/sync.c base/sync.h \
	base/task.c base/task.h
libskbase_la_CFLAGS = $(AM_CFLAGS) $(PCRE2_CFLAGS) $(XXHASH_CFLAGS)
libskbase_la_LIBADD = $(PCRE2_LIBS) $(XXHASH_LIBS) -lm -lpthread
