# The embedded library: no libevent, no OpenSSL, and only skulk_* visible.
include_HEADERS += include/skulk.h
lib_LTLIBRARIES += libskulk.la
libskulk_la_SOURCES =
libskulk_la_LIBADD = $(SK_LIFECYCLE)
libskulk_la_LDFLAGS = $(DEFS_LDFLAGS) -no-undefined -version-info 0:0:0 -export-symbols-regex '^skulk_'
