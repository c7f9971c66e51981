#!/usr/bin/env python3
"""How long a cancel takes: python3 tests/cancel.py BUILD_DIR [ROUNDS [BOUND_MS]].

Starts the server, runs each kind of long statement and sends a CancelRequest from another connection while it runs.
The statement has to end with 57014 within the bound; the session has to go on.  Then the time limits of sessions and
pg_cancel_backend, pg_terminate_backend.  Standard library only."""
import os, re, signal, socket, struct, subprocess, sys, tempfile, time

build = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_builddir", ".")
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
BOUND = float(sys.argv[3]) if len(sys.argv) > 3 else 1000
ROWS = 400000 if ROUNDS > 1 else 100000
ENDLESS = "generate_series(1,100000000000)"
failed = 0


class Client:
    def __init__(self, port):
        self.port, self.buf = port, b""
        self.s = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = struct.pack("!i", 196608) + b"user\0skulk\0database\0skulk\0\0"
        self.s.sendall(struct.pack("!i", len(body) + 4) + body)
        self.until(b"Z")

    def send(self, text):
        body = text.encode() + b"\0"
        self.s.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)

    def until(self, kinds):
        """Reads up to a message of these kinds: the SQLSTATE of the last error, or None; "closed" at the end."""
        state = None
        while True:
            while len(self.buf) < 5 or len(self.buf) < 1 + struct.unpack("!i", self.buf[1:5])[0]:
                more = self.s.recv(1 << 20)
                if not more:
                    return state if kinds == b"" else "closed"
                self.buf += more
            n = 1 + struct.unpack("!i", self.buf[1:5])[0]
            kind, body, self.buf = self.buf[:1], self.buf[5:n], self.buf[n:]
            if kind == b"K":
                self.pid, self.key = struct.unpack("!i", body[:4])[0], body
            if kind == b"E":
                state = [f[1:] for f in body.split(b"\0") if f[:1] == b"C"][0].decode()
            if kind in kinds and kinds:
                return state

    def run(self, text):
        self.send(text)
        return self.until(b"Z")

    def cancel(self):
        with socket.create_connection(("127.0.0.1", self.port)) as c:
            c.sendall(struct.pack("!ii", 16, 80877102) + self.key)
            c.recv(1)


STATEMENTS = {
    "scan": "SELECT count(*) FROM cbig a, cbig b WHERE a.v + b.v < -1",
    "hash join": "SELECT count(*) FROM cbig a JOIN cbig b ON a.host = b.host JOIN cbig c ON c.host = b.host",
    "sort": "SELECT max(v) FROM (SELECT a.v FROM cbig a, generate_series(1,400) ORDER BY sin(a.v) LIMIT 40000000) s",
    "hash agg": "SELECT count(*) FROM (SELECT a.v+g FROM cbig a, generate_series(1,1000) g GROUP BY 1) s",
    "series": f"SELECT count(*) FROM {ENDLESS}",
    "recursive": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT count(*) FROM r",
    "window": "SELECT max(s) FROM (SELECT sum(v) OVER (ORDER BY v ROWS BETWEEN 50000 PRECEDING AND CURRENT ROW) s "
              "FROM cbig, generate_series(1,10)) x",
    "pg_sleep": "SELECT pg_sleep(60)",
    "promql": "SELECT count(*) FROM promql('sum(quantile_over_time(0.9, cbig_v[12h]))', "
              "'2024-01-01'::timestamptz, '2024-01-03'::timestamptz, '20 s'::interval)",
    "copy out": f"COPY (SELECT count(*) FROM {ENDLESS}) TO STDOUT",
    "copy in": "COPY cbig FROM STDIN",
    "regexp": "SELECT count(*) FROM cbig a, generate_series(1,10000) g WHERE host || g ~ '(a|b|h)*c'",
    "distinct": "SELECT count(DISTINCT a.v+g) FROM cbig a, generate_series(1,1000) g",
    "insert": "INSERT INTO cbig SELECT '2024-01-01'::timestamptz+g*'1 ms'::interval,'x',g "
              "FROM generate_series(1,100000000) g",
    "update": f"UPDATE cbig SET v = v + 1 WHERE (SELECT count(*) FROM {ENDLESS}) > 0",
    "lock": "INSERT INTO ckv VALUES (1)",
    "repeat": "SELECT count(*) FROM (SELECT repeat('x',10000 + g % 2) r FROM generate_series(1,10000000) g) s WHERE r ~ 'y$'",
    "1 MB texts": "SELECT sum(length(replace(repeat('abc', 300000 + g), 'b', 'xyz'))) FROM generate_series(1,100000) g",
    "regexp of 1 MB": "SELECT count(*) FROM generate_series(1,1000) g WHERE (repeat('ab', 500000) || g) ~ '(a|b)*c$'",
    "regexp_replace of 1 MB": "SELECT sum(length(regexp_replace(repeat('ab', 500000) || g, '[ab]', 'xy', 'g'))) FROM generate_series(1,1000) g",
    "numeric": "SELECT sum(length(exp(4000::numeric + g)::text)) FROM generate_series(1,10000) g",
    "jsonpath": "SELECT count(*) FROM generate_series(1,1000) g WHERE jsonb_path_exists(('[' || repeat('1,', 100000) || g || ']')::jsonb, '$[*] ? (@ == 0)')",
}


def check(what, ok, text):
    global failed
    failed |= not ok
    print("PASS" if ok else "FAIL", what, text, flush=True)


def timed(f):
    begin = time.perf_counter()
    state = f()
    return state, (time.perf_counter() - begin) * 1e3


def cancel_one(a, row):
    a.cancel()
    if row:  # as in PostgreSQL, COPY hears of it with the next row at the latest
        a.s.sendall(b"d" + struct.pack("!i", len(row) + 4) + row)
    return a.until(b"Z")


def cancel_each(a):
    for name, text in STATEMENTS.items():
        took, states = [], set()
        for i in range(ROUNDS):
            a.send(text)
            if name == "copy in":
                a.until(b"G")
            time.sleep(0.1 + 0.05 * i)
            row = b"2024-01-01\th\t1\n" if name == "copy in" else None
            state, ms = timed(lambda: cancel_one(a, row))
            took.append(ms)
            states.add(state)
        took.sort()
        text = f"max {took[-1]:.1f} ms, median {took[len(took) // 2]:.1f}, {states}"
        check(f"cancel: {name}", states == {"57014"} and took[-1] < BOUND, text)
    check("the session goes on", a.run("SELECT 1") is None, "")


def limits(port, a, holder):
    for name, text, want in [("statement_timeout", f"SELECT count(*) FROM {ENDLESS}", "57014"),
                             ("lock_timeout", "INSERT INTO ckv VALUES (1)", "55P03")]:
        a.run(f"SET {name} = '200ms'")
        state, ms = timed(lambda: a.run(text))
        check(name, state == want and 190 < ms < 200 + BOUND, f"{state} after {ms:.0f} ms")
        a.run("RESET ALL")
    b = Client(port)
    b.run("SET idle_in_transaction_session_timeout = '300ms'")
    b.run("BEGIN")
    state, ms = timed(lambda: b.until(b""))
    check("idle_in_transaction_session_timeout", state == "25P03" and ms < 300 + BOUND, f"{state} after {ms:.0f} ms")
    for f, want in [("pg_cancel_backend", "57014"), ("pg_terminate_backend", "57P01")]:
        a.send("SELECT pg_sleep(60)")
        time.sleep(0.2)
        state, ms = timed(lambda: (holder.run(f"SELECT {f}({a.pid})"), a.until(b"" if want == "57P01" else b"Z"))[1])
        check(f, state == want and ms < BOUND, f"{state} after {ms:.0f} ms")


def main():
    with tempfile.TemporaryDirectory() as d:
        log = open(os.path.join(d, "log"), "w+")
        server = subprocess.Popen([os.path.join(build, "alopex-skulk"), "--data-dir", os.path.join(d, "data"),
                                   "--pg-port", "0", "--http-port", "0"], stderr=log)
        try:
            port = None
            for _ in range(600):
                found = re.search(r"PostgreSQL on port (\d+)(?s:.*)ready:", open(log.name).read())
                if found or server.poll() is not None:
                    break
                time.sleep(0.05)
            port = int(found.group(1))
            a, holder = Client(port), Client(port)
            for text in ["CREATE TABLE cbig (time timestamptz NOT NULL, host text TAG, v float8)",
                         "INSERT INTO cbig SELECT '2024-01-01'::timestamptz + g*'1 s'::interval, 'h'||(g%50), g "
                         f"FROM generate_series(1,{ROWS}) g",
                         "CREATE TABLE ckv (k int PRIMARY KEY)", "INSERT INTO ckv VALUES (1)"]:
                state = a.run(text)
                check("made", state is None, f"{text[:24]} {state or ''}")
            for text in ["BEGIN", "UPDATE ckv SET k = 1"]:
                holder.run(text)
            cancel_each(a)
            limits(port, a, holder)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


main()
sys.exit(failed)
