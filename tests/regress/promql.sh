#!/bin/sh
# Runs the PromQL scripts against the server that was just built; one file: promql.sh FILE.test
here=$(dirname "$0")
builddir=${top_builddir:-.}
[ $# -gt 0 ] || set -- "$here"/promql/*.test
exec "$builddir/tests/regress/promql_run" "$builddir/alopex-skulk" "$builddir/tests/regress/out" "$@"
