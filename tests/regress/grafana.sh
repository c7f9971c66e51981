#!/bin/sh
# The queries of examples/grafana against the server that was just built.
here=$(dirname "$0")
exec python3 "$here/grafana.py" "${top_builddir:-.}/alopex-skulk" "${top_srcdir:-$here/../..}/examples/grafana"
