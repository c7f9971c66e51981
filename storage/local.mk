noinst_LTLIBRARIES += libskstorage.la
libskstorage_la_SOURCES =
libskstorage_la_CFLAGS = $(FAST_CFLAGS) $(ZSTD_CFLAGS)
libskstorage_la_LIBADD = libskstorage_kernels.la $(ZSTD_LIBS) $(ROARING_LIBS)

# A kernel file is compiled twice: portable, and for x86-64-v3 with -DKERNEL_V3, under which
# it gives its table of pointers another name.  It includes no header with inline functions
# but <immintrin.h>, whose functions never exist out of line,
# and the caller takes the second table if simd_has_v3() and SKULK_KERNELS_V3 is defined.
storage_kernels = storage/kernels.c storage/kernels_narrow.c storage/kernels.h
noinst_LTLIBRARIES += libskstorage_kernels.la
libskstorage_kernels_la_SOURCES = $(storage_kernels)
libskstorage_kernels_la_CFLAGS = $(FAST_CFLAGS)
if KERNELS_V3
noinst_LTLIBRARIES += libskstorage_kernels_v3.la
libskstorage_kernels_v3_la_SOURCES = $(storage_kernels)
libskstorage_kernels_v3_la_CFLAGS = $(FAST_CFLAGS) -march=x86-64-v3 -DKERNEL_V3
libskstorage_la_LIBADD += libskstorage_kernels_v3.la
endif

libskstorage_la_SOURCES += storage/codec.h storage/codec_private.h storage/codec.c storage/codec_dense.c storage/codec_filter.c \
	storage/codec_float.c storage/codec_hist.c storage/codec_gorilla.c storage/codec_int.c storage/codec_int_read.c \
	storage/codec_raw.c storage/codec_stats.c storage/codec_str.c

libskstorage_la_SOURCES += storage/types.h storage/catalog.h storage/catalog_private.h storage/cache.c storage/cache.h storage/acl.c storage/acl.h storage/catalog.c \
	storage/catalog_map.c storage/catalog_table.c storage/catalog_codec.c
libskstorage_la_SOURCES += storage/batch.h storage/batch_private.h storage/batch.c storage/batch_codec.c \
	storage/index.h storage/index_private.h storage/index.c storage/index_dict.c storage/index_select.c storage/index_stats.c \
	storage/index_cache.c storage/index_hash.c storage/index_raw.c storage/index_table.c storage/index_limit.c storage/index_snapshot.c storage/index_load.c \
	storage/index_persist.c storage/memtable.h storage/memtable_private.h storage/memtable.c \
	storage/memtable_read.c storage/memtable_seal.c storage/scan.h storage/scan_private.h storage/scan.c storage/scan_run.c storage/keys.c
libskstorage_la_SOURCES += storage/part.h storage/part_private.h storage/part_writer_private.h storage/part_bits.c storage/part_cache.c storage/part_check.c storage/part_data.c storage/part_last.c \
	storage/part_dir.c storage/part_emit.c storage/part_memory.c storage/part_read.c storage/part_stats.c storage/part_write.c
libskstorage_la_SOURCES += storage/engine.h storage/engine_private.h storage/engine.c storage/engine_write.c storage/engine_edits.c \
	storage/engine_mem.c storage/engine_fold.c storage/engine_flush.c storage/engine_compact.c storage/engine_pick.c storage/engine_space.c storage/engine_repair.c storage/engine_scrub.c \
	storage/engine_recover.c storage/expiry.h storage/expiry.c storage/ttl.h storage/ttl.c \
	storage/engine_cache.c storage/engine_check.c storage/engine_backup.c storage/backup.h storage/backup_private.h storage/backup.c storage/backup_restore.c storage/engine_series.c storage/engine_delete.c storage/txn.c storage/txn_spill.c storage/temp.c storage/lock.h storage/lock.c storage/tombstone.h storage/tombstone.c storage/watch.h storage/watch.c storage/engine_watch.c storage/version.h storage/version.c storage/window.h storage/window.c storage/merge.h storage/merge_private.h storage/merge.c storage/merge_value.c \
	storage/compact.h storage/compact.c storage/manifest.h storage/manifest.c \
	storage/manifest_file.h storage/manifest_file.c storage/log.h storage/log_private.h storage/log.c storage/log_read.c storage/log_archive.c storage/store.h \
	storage/mapped.h storage/mapped.c storage/store_slow.c storage/store_private.h storage/store_local.c storage/store_local_blob.c storage/store_local_queue.c
libskstorage_la_SOURCES += storage/engine_info.c storage/histogram.h storage/histogram.c
