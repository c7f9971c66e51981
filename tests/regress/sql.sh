#!/bin/sh
# Runs the SQL regress files of the schedule against the server that was just built.
# To accept what it prints as right (after reading it): tests/regress/sql.sh --accept [--only NAME]
here=$(dirname "$0")
builddir=${top_builddir:-.}
exec "$builddir/tests/regress/regress" "$builddir/alopex-skulk" "$here/sql" "$here/expected" \
	"$builddir/tests/regress/out" "$here/schedule" "$@"
