noinst_LTLIBRARIES += libskexec.la
libskexec_la_SOURCES =
libskexec_la_CFLAGS = $(FAST_CFLAGS) $(GMP_CFLAGS) $(UTF8PROC_CFLAGS)
libskexec_la_LIBADD = libskexec_kernels.la $(GMP_LIBS) $(UTF8PROC_LIBS) -lm

# Compiled twice, as in storage/local.mk.
exec_kernels = exec/kernels.c exec/kernels.h
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
	exec/explain.c exec/explain_writer.c exec/explain_writer.h \
	exec/hashtable.c exec/hashtable.h \
	exec/op_agg.c exec/op_aggset.c \
	exec/op_apply.c \
	exec/op_asof.c \
	exec/op_cte.c \
	exec/op_distinct.c \
	exec/op_gapfill.c \
	exec/op_gather.c \
	exec/op_groups.c \
	exec/op_join.c \
	exec/op_private.h exec/op_rows.c \
	exec/op_scan.c exec/op_scan_filter.c exec/op_scan_open.c exec/op_scan_private.h \
	exec/op_series_agg.c exec/op_series_walk.c \
	exec/op_simple.c exec/op_portion.c \
	exec/op_sort.c exec/op_sorter.c \
	exec/op_spill.c \
	exec/op_srf.c \
	exec/func_state.c exec/state.h exec/op_window.c exec/op_window_call.c exec/op_window_agg.c exec/op_window_frame.c exec/op_window_private.h \
	exec/parallel.c \
	exec/query.c exec/query.h exec/plan.h \
	exec/row_bytes.c exec/row_bytes.h exec/row_stream.c \
	exec/tiers.c exec/tiers.h \
	exec/row_file.c exec/row_file.h \
	exec/seen.c exec/seen_private.h \
	exec/spill.c exec/spill.h \
	exec/virtual.c exec/virtual.h

# types, functions, aggregates
libskexec_la_SOURCES += \
	exec/agg.h exec/agg_private.h \
	exec/agg_basic.c exec/agg_chart.c exec/agg_list.c exec/agg_order.c exec/agg_sketch.c exec/agg_srf.c exec/agg_stat.c \
	exec/agg_sum.c exec/agg_time.c \
	exec/array.c exec/array.h \
	exec/cast.c \
	exec/datetime.c exec/datetime.h exec/datetime_parse.c exec/datetime_print.c exec/interval_print.c exec/jsonb_order.c exec/jsonpath.h exec/jsonpath_parse.c exec/jsonpath_eval.c exec/func_bytea.c exec/func_hash.c exec/func_jsonb.c \
	exec/expr.c exec/expr.h exec/expr_eval.c exec/expr_items.c exec/expr_print.c \
	exec/expr_private.h \
	exec/func_arith.c exec/func_array.c exec/func_bucket.c exec/func_cast.c exec/func_compare.c \
	exec/func_format.c exec/func_json.c exec/func_json_record.c exec/func_json.h exec/func_keywords.def exec/func_math.c \
	exec/interval_fields.c exec/func_misc.c exec/func_timetz.c exec/func_numeric.c exec/func_pattern.c exec/func_private.h exec/func_table.c \
	exec/func_text.c exec/func_text.h exec/func_unicode.c exec/func_to_char.c exec/func_from_char.c exec/time_format.h exec/time_format.c exec/func_to_number.c exec/func_window.c \
	exec/bucket.h exec/grid.c exec/grid.h exec/func_time.c exec/func_time.h exec/func_time_bucket.c \
	exec/interval.c exec/interval.h \
	exec/numeric.c exec/numeric.h exec/numeric_io.c exec/numeric_math.c exec/numeric_private.h \
	exec/resolve.c exec/resolve_private.h \
	exec/type.c exec/type.h exec/type_histogram.c exec/type_histogram.h exec/json_scan.h exec/json_scan.c exec/type_json.c exec/type_json.h exec/type_name.c \
	exec/type_number.c exec/type_order.c exec/type_private.h exec/type_record.c exec/type_reg.c exec/type_reg.h \
	exec/type_io.def \
	exec/type_string.c exec/type_time.c \
	exec/tz.c exec/tz.h exec/tz_abbrev.def \
	exec/vector.c exec/vector.h
