#!/bin/sh
# Plays every corpus file through its fuzz target; called by make check.
set -u
passed=0 failed=0
for target in ${fuzz_targets:-}; do
    name=$(basename "$target")
    corpus=$top_srcdir/tests/fuzz/corpus/${name#fuzz_}
    [ -d "$corpus" ] || { echo "$name: no corpus at $corpus"; failed=$((failed + 1)); continue; }
    if find "$corpus" -type f -print0 | xargs -0 "$top_builddir/$target" >replay.$$ 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name: FAILED"
        tail -50 replay.$$
    fi
    rm -f replay.$$
done
echo "fuzz corpus: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
