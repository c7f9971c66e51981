#!/bin/sh
# Messages of the PostgreSQL protocol against the server that was just built: wire/*.wire.
# To accept what it prints as right (after comparing with PostgreSQL): tests/regress/wire.sh --accept
here=$(dirname "$0")
exec python3 "$here/wire.py" run "${top_builddir:-.}/alopex-skulk" "$here/wire" "$@"
