#!/usr/bin/env python3
"""Rows spread evenly over 1970-2100: few files, memory in the budget, a quick start.

usage: spread.py BUILD_DIR [ROWS]

ROWS (default 1,000,000) rows of 100 series go through /write in random order; after VACUUM there are
fewer than 300 files, every row is there, and a start takes less than a second."""
import os, random, shutil, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from damage import Server

YEARS_NS = 130 * 365.25 * 86400 * 10**9


def rss(pid, key="VmHWM"):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key)) // 1024


def files(data):
    return [n for n in os.listdir(os.path.join(data, "files")) if n.endswith(".skulk")]


def main():
    build, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    program, home = os.path.join(build, "alopex-skulk"), tempfile.mkdtemp(prefix="skulk-spread-")
    data = os.path.join(home, "data")
    order = list(range(rows))
    random.Random(1).shuffle(order)
    server, bad = Server(program, data), []
    try:
        if not server.up():
            sys.exit("the server does not start")
        began = time.monotonic()
        for at in range(0, rows, 10000):
            server.write([f"m,host=h{i % 100} a={i % 1000}i,b={i % 100000 / 100} {int(i * YEARS_NS / rows)}"
                          for i in order[at:at + 10000]])
        wrote = time.monotonic()
        ok, said = server.sql("VACUUM")
        if not ok:
            bad.append(said)
        vacuumed = time.monotonic()
        count = len(files(data))
        size = sum(os.path.getsize(os.path.join(data, "files", n)) for n in files(data))
        ok, said = server.sql("SELECT count(*), sum(a) FROM m")
        if said.strip() != f"{rows}|{sum(i % 1000 for i in range(rows))}":
            bad.append(f"the rows are {said.strip()}")
        peak = rss(server.p.pid)
        server.stop()
        again = time.monotonic()
        server = Server(program, data)
        server.up()
        start = time.monotonic() - again
        server.stop()
        print(f"{rows} rows: written in {wrote - began:.1f} s, vacuum {vacuumed - wrote:.1f} s, {count} files, "
              f"{size} bytes, peak memory {peak} MB, start {start:.2f} s")
        bad += [f"{count} files"] if count >= 300 else []
        bad += [f"a start takes {start:.2f} s"] if start >= 1 else []
    finally:
        if server.p.poll() is None:
            server.p.kill()
        shutil.rmtree(home)
    print("\n".join(bad) if bad else "good")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
