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

# operators
libskexec_la_SOURCES += \
	exec/explain.c \
	exec/hashtable.c exec/hashtable.h \
	exec/op_agg.c exec/op_aggset.c \
	exec/op_apply.c \
	exec/op_cte.c \
	exec/op_distinct.c \
	exec/op_join.c \
	exec/op_private.h exec/op_rows.c \
	exec/op_scan.c exec/op_scan_open.c exec/op_scan_private.h \
	exec/op_series_agg.c \
	exec/op_simple.c \
	exec/op_sort.c exec/op_sorter.c \
	exec/op_srf.c \
	exec/op_window.c \
	exec/parallel.c \
	exec/query.c exec/query.h exec/plan.h \
	exec/virtual.c exec/virtual.h
