# Unit tests of storage/; the pattern is in tests/unit/local.mk.
unit_tests += tests/unit/test_codec tests/unit/test_part
tests_unit_test_codec_SOURCES = tests/unit/test_codec.c
tests_unit_test_codec_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
tests_unit_test_part_SOURCES = tests/unit/test_part.c
tests_unit_test_part_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_catalog tests/unit/test_index
tests_unit_test_catalog_SOURCES = tests/unit/test_catalog.c
tests_unit_test_catalog_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
tests_unit_test_index_SOURCES = tests/unit/test_index.c
tests_unit_test_index_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_memtable
tests_unit_test_memtable_SOURCES = tests/unit/test_memtable.c tests/unit/rows_model.h
tests_unit_test_memtable_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_scan
tests_unit_test_scan_SOURCES = tests/unit/test_scan.c tests/unit/rows_model.h
tests_unit_test_scan_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_fold
tests_unit_test_fold_SOURCES = tests/unit/test_fold.c tests/unit/engine_dir.h \
	tests/unit/engine_model.h tests/unit/rows_model.h
tests_unit_test_fold_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_engine
tests_unit_test_engine_SOURCES = tests/unit/test_engine.c tests/unit/engine_dir.h \
	tests/unit/engine_model.h tests/unit/rows_model.h
tests_unit_test_engine_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_compact
tests_unit_test_compact_SOURCES = tests/unit/test_compact.c tests/unit/engine_dir.h tests/unit/engine_model.h \
	tests/unit/rows_model.h
tests_unit_test_compact_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_wal
tests_unit_test_wal_SOURCES = tests/unit/test_wal.c tests/sim/sim_io.c tests/sim/sim_io.h
tests_unit_test_wal_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c
tests_unit_test_store_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_backup
tests_unit_test_backup_SOURCES = tests/unit/test_backup.c tests/unit/engine_model.h tests/unit/rows_model.h
tests_unit_test_backup_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_lock
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c tests/unit/engine_dir.h tests/unit/engine_model.h tests/unit/rows_model.h
tests_unit_test_lock_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
unit_tests += tests/unit/test_refused
tests_unit_test_refused_SOURCES = tests/unit/test_refused.c tests/sim/sim_io.c tests/sim/sim_io.h \
	tests/unit/engine_dir.h tests/unit/engine_model.h tests/unit/rows_model.h
tests_unit_test_refused_LDADD = $(SK_STORAGE) $(UNIT_LIBS)
