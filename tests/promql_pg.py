#!/usr/bin/env python3
"""Prometheus' test scripts through PostgreSQL's wire: python3 tests/promql_pg.py RUN.PY OPTION... FILE.test ...

Loads a runner of those scripts (RUN.PY, which has `pg_query()` and `Answer`) and gives it the SQL that all types of
results need, where the runner's own asks for `labels, ts, value` alone:
  - promql() has two columns for a sample, `value` of numbers and `histogram` of native histograms; one of them is NULL.
  - A string has no row of that form: as a column of its own (`SELECT promql(...)`) it is JSON as in Prometheus' API.
  - SQL does not say whether rows of one time are a vector; over a range a range vector is refused by name.
All options are the runner's; `--via pg` is added."""
import csv, importlib.util, io, json, os, subprocess, sys


def load_runner(path):
    spec = importlib.util.spec_from_file_location("runner", path)
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


runner = load_runner(sys.argv[1])


def call(query, t0, t1=None, step=None):
    args = ["'" + query.replace("'", "''") + "'", f"to_timestamp({t0 / 1000})"]
    if t1 is not None:
        args += [f"to_timestamp({t1 / 1000})", f"interval '{step / 1000} seconds'"]
    return f"promql({', '.join(args)})"


def psql(port, sql):
    p = subprocess.run(["psql", "-X", "--csv", "-h", "127.0.0.1", "-p", str(port), "-c", sql],
                       capture_output=True, text=True, timeout=60)
    return p.returncode, list(csv.DictReader(io.StringIO(p.stdout))), p.stderr


def series_of(rows):
    series = {}
    for row in rows:
        s = series.setdefault(row["labels"], {"metric": json.loads(row["labels"]), "values": [], "histograms": []})
        hist = row["histogram"]
        s["histograms" if hist else "values"].append([float(row["ts"]), json.loads(hist) if hist else row["value"]])
    return list(series.values())


def is_range_vector(port, query, t0, rows):
    if rows and all(float(r["ts"]) * 1000 == t0 for r in rows):
        return False
    return '"range vector"' in psql(port, "SELECT FROM " + call(query, t0, t0, 1000))[2]


def pg_query(port, query, t0, t1, step):
    status, rows, notes = psql(port, "SELECT labels, extract(epoch FROM ts) AS ts, value, histogram FROM "
                               + call(query, t0, t1, step))
    if status and "string has no value" in notes and t1 is None:
        status, rows, notes = psql(port, f"SELECT {call(query, t0)}->'value' AS v")
        return runner.Answer("string", json.loads(rows[0]["v"]))
    if status:
        return runner.Answer(error=(422, notes.strip()))
    told = {"warnings": [n for n in notes.splitlines() if n.startswith("WARNING")],
            "infos": [n for n in notes.splitlines() if n.startswith(("INFO", "NOTICE"))]}
    series = series_of(rows)
    if t1 is not None or is_range_vector(port, query, t0, rows):
        return runner.Answer("matrix", series, **told)
    one = [{"metric": s["metric"], "histogram" if s["histograms"] else "value": (s["histograms"] or s["values"])[0]}
           for s in series]
    return runner.Answer("vector", one, **told)


if __name__ == "__main__":
    os.environ.setdefault("PGUSER", "skulk")
    os.environ.setdefault("PGDATABASE", "skulk")
    runner.pg_query = pg_query
    sys.argv[:2] = [sys.argv[1], "--via", "pg"]
    sys.exit(runner.main())
