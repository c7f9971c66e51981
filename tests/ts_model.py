#!/usr/bin/env python3
"""Time-series SQL against models that one can read: python3 tests/ts_model.py [BUILD_DIR [SEED [ROUNDS]]].

Random series (duplicates of time replaced, resets, NULLs, gaps), asked through psql: gap filling with locf and
interpolate, ASOF joins with TOLERANCE, delta/increase/rate/irate, LATEST ON, SAMPLE BY, sketches within their bounds,
each also with little memory.  The seed is printed; standard library only."""
import bisect, os, random, re, subprocess, sys, tempfile, time

build = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_builddir", ".")
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
R = random.Random(seed)
failed = 0


def ask(port, sql):
    p = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", "skulk",
                        "skulk"], input=sql, capture_output=True, text=True, timeout=120)
    if p.returncode:
        sys.exit(f"seed {seed}: {sql[-600:]}\n{p.stderr}")
    return [line.split("|") for line in p.stdout.splitlines()]


def same(what, want, got):
    global failed
    for a, b in zip(want, got):
        for x, y in zip(a, b):
            x = "" if x is None else x
            near = isinstance(x, float) and y != "" and abs(float(y) - x) <= 1e-9 * max(1, abs(x))
            if not near and str(x) != y:
                failed += 1
                return print(f"not ok {what}, seed {seed}: wanted {a}, got {b}")
    if len(want) != len(got):
        failed += 1
        return print(f"not ok {what}, seed {seed}: wanted {len(want)} rows, got {len(got)}")
    print("ok", what)


def series(n, span):
    """host -> {second: value}; values in quarters, so that they are exact."""
    return {f"h{h}": {R.randrange(span): (None if R.random() < .1 else R.randint(0, 400) / 4) for _ in range(n)} for h in range(3)}


def write(table, data):
    rows = [(h, t, v) for h, s in data.items() for t, v in s.items()]
    R.shuffle(rows)
    values = ",".join(f"(to_timestamp({t}), '{h}', {'NULL' if v is None else v})" for h, t, v in rows)
    return (f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (time timestamptz NOT NULL, host text TAG, v float8);"
            f"INSERT INTO {table} VALUES {values};")


def buckets(s, width):
    """bucket -> [first, last, sum, count] of the values that are there; every bucket with a row is a key."""
    out = {}
    for t in sorted(s):
        out.setdefault(t // width * width, []).append(s[t])
    return out


def average(values):
    there = [v for v in values if v is not None]
    return sum(there) / len(there) if there else None


def gapfill(data, width, span):
    want = []
    for h in sorted(data):
        have = {b: average(v) for b, v in buckets(data[h], width).items()}
        known, last = sorted(have), None
        for b in range(0, span, width):
            line = last = have[b] if b in have else last  # locf carries on what the last row had, NULL too
            i = bisect.bisect_left(known, b)
            if b not in have:
                x, y = (known[i - 1], known[i]) if 0 < i < len(known) else (None, None)
                ends = x is not None and have[x] is not None and have[y] is not None
                line = have[x] + (have[y] - have[x]) * (b - x) / (y - x) if ends else None
            want.append((h, b, have.get(b), last, line))
    return want


def asof(left, right, tolerance):
    want = []
    for h in sorted(left):
        times = sorted(right.get(h, {}))
        for t in sorted(left[h]):
            i = bisect.bisect_right(times, t)
            hit = times[i - 1] if i and t - times[i - 1] <= tolerance else None
            want.append((h, t, hit, right[h][hit] if hit is not None else None))
    return want


def counters(data):
    want = []
    for h in sorted(data):
        points = [(t, v) for t, v in sorted(data[h].items()) if v is not None]
        rises = sum(b - a if b >= a else b for (_, a), (_, b) in zip(points, points[1:]))
        (t0, v0), (t1, v1) = points[0], points[-1]
        (tp, vp) = points[-2]
        want.append((h, v1 - v0, float(rises), rises / (t1 - t0), (v1 - vp if v1 >= vp else v1) / (t1 - tp)))
    return want


def check(port, memory):
    width, span = R.choice([10, 60, 300]), R.choice([600, 3600])
    a, b = series(R.randint(5, 300), span), series(R.randint(5, 300), span)
    ask(port, write("m_a", a) + write("m_b", b))
    q = lambda sql: ask(port, f"SET skulk.query_memory = '{memory}'; SET TimeZone = 'UTC'; {sql}")
    epoch = "extract(epoch FROM {})::int8"
    got = q(f"""SELECT host, {epoch.format('b')}, x, l, i FROM (SELECT host, time_bucket_gapfill('{width} s', time, to_timestamp(0),
        to_timestamp({span // width * width})) AS b, avg(v) x, locf(avg(v)) l, interpolate(avg(v)) i FROM m_a
        WHERE time >= to_timestamp(0) AND time < to_timestamp({span // width * width}) GROUP BY 1, 2) x ORDER BY host, b""")
    cut = {h: {t: v for t, v in s.items() if t < span // width * width} for h, s in a.items()}
    if 946857600 % width == 0:  # buckets count from Monday 2000-01-03
        same("gapfill, locf, interpolate", gapfill(cut, width, span // width * width), got)
    tolerance = R.choice([0, 3, 50])
    got = q(f"""SELECT a.host, {epoch.format('a.time')}, {epoch.format('b.time')}, b.v FROM m_a a ASOF LEFT JOIN m_b b
        ON a.host = b.host AND a.time >= b.time TOLERANCE INTERVAL '{tolerance} s' ORDER BY 1, 2""")
    same(f"ASOF JOIN with TOLERANCE {tolerance} s", [(h, t, x, v) for h, t, x, v in asof(a, b, tolerance)], got)
    got = q("SELECT host, delta(v, time), increase(v, time), rate(v, time), irate(v, time) FROM m_a GROUP BY host ORDER BY host")
    same("delta, increase, rate, irate", counters(a), got)
    got = q(f"SELECT host, {epoch.format('time')}, v FROM (SELECT * FROM m_a LATEST ON time PARTITION BY host) x ORDER BY host")
    same("LATEST ON", [(h, max(a[h]), a[h][max(a[h])]) for h in sorted(a)], got)
    got = q(f"SELECT host, {epoch.format('time')}, n, s FROM (SELECT time, host, count(*) n, sum(v) s FROM m_a SAMPLE BY 1m) x ORDER BY 1, 2")
    want = [(h, t, len(v), sum(x for x in v if x is not None) if any(x is not None for x in v) else None)
            for h in sorted(a) for t, v in sorted(buckets(a[h], 60).items())]
    same("SAMPLE BY", [(h, t, n, None if s is None else float(s)) for h, t, n, s in want], got)
    sketches(q)


def sketches(q):
    """The whole at once, and parts that are merged: both near the truth."""
    global failed
    n, values = R.choice([1000, 20000]), R.choice([200, 3000, 10 ** 6])
    rows = f"(SELECT (i::int8 * {R.randrange(1, 10 ** 6) * 2 + 1} % 1000003 % {values})::float8 AS v, i % 7 AS part FROM generate_series(1, {n}) i) x"
    (p, distinct, exact, merged), = q(f"""SELECT (SELECT count(*) FILTER (WHERE v <= p) / count(*)::float8 FROM {rows}), d, e, m FROM
        (SELECT approx_percentile(v, 0.9) p, approx_count_distinct(v) d, count(DISTINCT v) e FROM {rows}) w,
        (SELECT approx_percentile(0.9, rollup(s)) AS q FROM (SELECT part, percentile_agg(v) s FROM {rows} GROUP BY part) y) z,
        LATERAL (SELECT count(*) FILTER (WHERE v <= z.q) / count(*)::float8 AS m FROM {rows}) k""")
    for what, error, bound in (("approx_percentile", abs(float(p) - .9), .01 + 1 / min(values, n)),
                               ("rollup of percentile_agg", abs(float(merged) - .9), .01 + 1 / min(values, n)),
                               ("approx_count_distinct", abs(int(distinct) / int(exact) - 1), .08)):
        failed += error > bound
        print("ok" if error <= bound else f"not ok (seed {seed}, error {error})", what)


def main():
    print("seed", seed)
    with tempfile.TemporaryDirectory() as d:
        server = subprocess.Popen([build + "/alopex-skulk", "--data-dir", d + "/data", "--pg-port", "0", "--http-port", "0"],
                                  stderr=subprocess.PIPE, text=True)
        try:
            port = next(m.group(1) for line in server.stderr if (m := re.search(r"PostgreSQL on port (\d+)", line)))
            time.sleep(.2)
            for i in range(rounds):
                check(port, ("0", "4MB")[i % 2])
        finally:
            server.terminate()
            server.wait()
    return failed > 0


sys.exit(main())
