noinst_LTLIBRARIES += libskexec.la
libskexec_la_SOURCES =
libskexec_la_CFLAGS = $(FAST_CFLAGS) $(GMP_CFLAGS)
libskexec_la_LIBADD = libskexec_kernels.la $(GMP_LIBS) -lm

# Compiled twice, as in storage/local.mk.
exec_kernels =
noinst_LTLIBRARIES += libskexec_kernels.la
libskexec_kernels_la_SOURCES = $(exec_kernels)
libskexec_kernels_la_CFLAGS = $(FAST_CFLAGS)
if KERNELS_V3
noinst_LTLIBRARIES += libskexec_kernels_v3.la
libskexec_kernels_v3_la_SOURCES = $(exec_kernels)
libskexec_kernels_v3_la_CFLAGS = $(FAST_CFLAGS) -march=x86-64-v3 -DKERNEL_V3
libskexec_la_LIBADD += libskexec_kernels_v3.la
endif
