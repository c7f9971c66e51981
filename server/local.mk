bin_PROGRAMS += alopex-skulk
alopex_skulk_SOURCES = server/main.c
# The only C++ file: server/config_toml.cc belongs into alopex_skulk_SOURCES; automake then
# links with the C++ driver.
alopex_skulk_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
alopex_skulk_CXXFLAGS = $(AM_CXXFLAGS) $(TOML_CFLAGS)
alopex_skulk_LDADD = libskhttp.la libskpgwire.la libsknet.la libskalert.la libskcluster.la \
	$(SK_LIFECYCLE) $(EVENT_LIBS) $(OPENSSL_LIBS) $(TOML_LIBS)
