#!/bin/sh
# A tour by libpq in all its modes against the server that was just built.
here=$(dirname "$0")
exec python3 - "$here" "${top_builddir:-.}" <<'END'
import os, subprocess, sys, tempfile
sys.path.insert(0, sys.argv[1])
import wire
with tempfile.TemporaryDirectory(prefix="skulk-tour-") as tmp:
    process, port = wire.start(os.path.join(sys.argv[2], "alopex-skulk"), tmp)
    try:
        code = subprocess.run([os.path.join(sys.argv[2], "tests/regress/tour"),
                               f"host=127.0.0.1 port={port} user=skulk dbname=skulk"], timeout=120).returncode
    finally:
        process.terminate()
        process.wait(30)
sys.exit(code)
END
