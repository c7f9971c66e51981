bin_PROGRAMS += alopex-skulk
alopex_skulk_SOURCES = \
	server/main.c server/tools.c server/tools.h \
	server/config.c server/config.h \
	server/crypto_openssl.c server/crypto_openssl.h server/saslprep.c \
	server/config_toml.cc server/config_toml.h
alopex_skulk_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(IDN_CFLAGS)
alopex_skulk_CXXFLAGS = $(AM_CXXFLAGS) $(TOML_CFLAGS)
alopex_skulk_LDADD = libskhttp.la libskpgwire.la libsknet.la libskalert.la libskcluster.la \
	$(SK_LIFECYCLE) $(EVENT_LIBS) $(OPENSSL_LIBS) $(IDN_LIBS) $(TOML_LIBS)
EXTRA_DIST += server/README.md
