# One target per parser of foreign bytes; fuzz_xxx.c holds LLVMFuzzerTestOneInput:
#   fuzz_targets += tests/fuzz/fuzz_xxx
#   tests_fuzz_fuzz_xxx_SOURCES = tests/fuzz/fuzz_xxx.c $(fuzz_driver)
#   tests_fuzz_fuzz_xxx_LDADD = $(SK_INGEST)
#   tests_fuzz_fuzz_xxx_LDFLAGS = $(FUZZ_LDFLAGS)
# Seeds and past crashes lie in tests/fuzz/corpus/xxx/; make check replays them.  With
# --enable-fuzz the targets are libFuzzer programs, else driver.c plays the files.
fuzz_targets =
if FUZZ
fuzz_driver =
else
fuzz_driver = tests/fuzz/driver.c
endif
EXTRA_DIST += tests/fuzz/driver.c tests/fuzz/replay.sh tests/fuzz/corpus

fuzz_targets += tests/fuzz/fuzz_regex
tests_fuzz_fuzz_regex_SOURCES = tests/fuzz/fuzz_regex.c $(fuzz_driver)
tests_fuzz_fuzz_regex_LDADD = $(SK_BASE)
tests_fuzz_fuzz_regex_LDFLAGS = $(FUZZ_LDFLAGS)

check_PROGRAMS += $(fuzz_targets)
TESTS += tests/fuzz/replay.sh
