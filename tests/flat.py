#!/usr/bin/env python3
"""A flat table beside a tagged one: python3 tests/flat.py BUILD_DIR [HOSTS [HOURS [RUNS]]].

The same rows (TSBS "cpu": 10 tags, 10 integers) by COPY into a table of plain columns, whose clustering key the server
chooses, and by /write into one with tags.  Then the 15 queries of the benchmark on both: the answers have to be the same (averages of float8 and int8 have different texts);
fastest and middle of RUNS each, `!` where the flat table takes 1.5 times as long.  Standard library only."""
import http.client, os, random, shutil, signal, socket, statistics, struct, subprocess, sys, tempfile, time

build = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_builddir", ".")
HOSTS, HOURS, RUNS = (int(sys.argv[i + 2]) if len(sys.argv) > i + 2 else d for i, d in enumerate((100, 6, 9)))
START, STEP, PIECE = 1767225600, 10, 10000
TAGS = ["hostname", "region", "datacenter", "rack", "os", "arch", "team", "service", "service_version", "service_environment"]
FIELDS = ["usage_" + f for f in ("user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")]


class Client:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = struct.pack("!i", 196608) + b"user\0skulk\0database\0skulk\0\0"
        self.s.sendall(struct.pack("!i", len(body) + 4) + body)
        self.until(b"Z")

    def until(self, kind):
        buf, at = b"", 0
        while True:
            while len(buf) - at >= 5 and len(buf) - at > (n := struct.unpack_from("!i", buf, at + 1)[0]):
                if buf[at:at + 1] == b"E":
                    raise OSError(buf[at:at + n].replace(b"\0", b" ").decode())
                if buf[at:at + 1] == kind:
                    return buf
                at += n + 1
            more = self.s.recv(1 << 20)
            if not more:
                raise OSError("the server closed the connection")
            buf += more

    def run(self, text, end=b"Z"):
        body = text.encode() + b"\0"
        self.s.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        return self.until(end)

    def copy(self, table, data):
        self.run(f"COPY {table} FROM STDIN (FORMAT csv)", b"G")
        self.s.sendall(b"d" + struct.pack("!i", len(data) + 4) + data + b"c\0\0\0\4")
        self.until(b"Z")

    def rows(self, text):
        """What it answers, as a sorted list of rows: the two tables promise no order without ORDER BY."""
        buf, at, out = self.run(text), 0, []
        while at < len(buf):
            n = struct.unpack_from("!i", buf, at + 1)[0]
            if buf[at:at + 1] == b"D":
                out.append(buf[at + 7:at + n + 1])
            at += n + 1
        return sorted(out)


def pieces():
    """Bodies of up to PIECE rows as csv and as lines, in the order of time."""
    rnd = random.Random(7)
    tags = [[f"host_{h}"] + [f"{t}-{rnd.randrange(20)}" for t in TAGS[1:]] for h in range(HOSTS)]
    walk = [[rnd.randrange(101) for _ in FIELDS] for _ in range(HOSTS)]
    csv, lines = [], []
    for t in range(START, START + HOURS * 3600, STEP):
        stamp = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(t))
        for h in range(HOSTS):
            walk[h] = [min(100, max(0, v + rnd.choice((-2, -1, 0, 0, 1, 2)))) for v in walk[h]]
            csv.append(",".join([stamp] + tags[h] + [str(v) for v in walk[h]]))
            lines.append("cpu," + ",".join(f"{k}={v}" for k, v in zip(TAGS, tags[h])) + " " +
                         ",".join(f"{k}={v}" for k, v in zip(FIELDS, walk[h])) + f" {t}000000000")
        if len(csv) + HOSTS > PIECE or t + STEP >= START + HOURS * 3600:
            yield len(csv), ("\n".join(csv) + "\n").encode(), "\n".join(lines).encode()
            csv, lines = [], []


def queries(table):
    rnd = random.Random(11)

    def when(hours):
        width = min(hours, HOURS) * 3600
        t = START + rnd.randrange(HOURS * 3600 - width + 1)
        iso = lambda x: time.strftime("'%Y-%m-%d %H:%M:%S'", time.gmtime(x))
        return f"time >= {iso(t)} AND time < {iso(t + width)}"

    def aggs(f, n):
        return ", ".join(f"{f}({c}) AS {f}_{c}" for c in FIELDS[:n])

    def hosts(n):
        return "hostname IN (" + ", ".join(f"'host_{h}'" for h in rnd.sample(range(HOSTS), n)) + ")"
    for n, k, hours in ((1, 1, 1), (1, 1, 12), (1, 8, 1), (5, 1, 1), (5, 1, 12), (5, 8, 1)):
        yield f"single-groupby-{n}-{k}-{hours}", (f"SELECT time_bucket('60 seconds', time) AS bucket, {aggs('max', n)} FROM {table} "
                                                  f"WHERE {hosts(k)} AND {when(hours)} GROUP BY bucket ORDER BY bucket")
    for k in (1, 8):
        yield f"cpu-max-all-{k}", (f"SELECT time_bucket('1 hour', time) AS bucket, {aggs('max', 10)} FROM {table} "
                                   f"WHERE {hosts(k)} AND {when(8)} GROUP BY bucket ORDER BY bucket")
    for n in (1, 5, 10):
        yield f"double-groupby-{n}", (f"SELECT time_bucket('1 hour', time) AS bucket, hostname, {aggs('avg', n)} FROM {table} "
                                      f"WHERE {when(12)} GROUP BY bucket, hostname ORDER BY bucket, hostname")
    columns = ", ".join(["time"] + TAGS + FIELDS)
    yield "high-cpu-1", f"SELECT {columns} FROM {table} WHERE usage_user > 90.0 AND {when(12)} AND {hosts(1)}"
    yield "high-cpu-all", f"SELECT {columns} FROM {table} WHERE usage_user > 90.0 AND {when(12)}"
    yield "groupby-orderby-limit", (f"SELECT time_bucket('60 seconds', time) AS bucket, max(usage_user) FROM {table} WHERE {when(1)} "
                                    "GROUP BY bucket ORDER BY bucket DESC LIMIT 5")
    yield "lastpoint", f"SELECT DISTINCT ON (hostname) {columns} FROM {table} ORDER BY hostname, time DESC"


def ports():
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    found = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return found


def load(c, web):
    seconds, rows = {"flat": 0, "tags": 0}, 0
    c.run("CREATE TABLE flat (time timestamptz NOT NULL, " + ", ".join([t + " text" for t in TAGS] + [f + " float8" for f in FIELDS]) + ")")
    for n, csv, lines in pieces():
        begin = time.perf_counter()
        c.copy("flat", csv)
        middle = time.perf_counter()
        web.request("POST", "/write", lines)
        if web.getresponse().read() != b"":
            sys.exit("/write was refused")
        seconds["tags"] += time.perf_counter() - middle
        seconds["flat"] += middle - begin
        rows += n
    print(f"load  flat, COPY {rows / seconds['flat']:,.0f} rows/s   tags, /write {rows / seconds['tags']:,.0f} rows/s")
    c.run("VACUUM")
    c.run("CHECKPOINT")


def ask(c, name, sql):
    c.run(sql)
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        c.run(sql)
        times.append((time.perf_counter() - begin) * 1e3)
    return min(times), statistics.median(times)


def compare(c):
    wrong = 0
    print(f"{'ms':24s} {'flat':>8s} {'median':>8s} {'tags':>8s} {'median':>8s}")
    for (name, flat), (_, tags) in zip(queries("flat"), queries("cpu")):
        same = c.rows(flat) == c.rows(tags) or name.startswith("double")  # avg of float8 and of int8 differ in their text
        wrong += not same
        a, b = ask(c, name, flat), ask(c, name, tags)
        print(f"{name:24s} {a[0]:8.2f} {a[1]:8.2f} {b[0]:8.2f} {b[1]:8.2f} {'!' if a[0] > 1.5 * b[0] else ''}{'' if same else ' DIFFERS'}")
    return wrong


def main():
    pg, web = ports()
    where = tempfile.mkdtemp(prefix="skulk-flat-")
    server = subprocess.Popen([f"{build}/alopex-skulk", "--data-dir", where, "--pg-port", str(pg), "--http-port", str(web)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                c = Client(pg)
                break
            except OSError:
                time.sleep(0.05)
        load(c, http.client.HTTPConnection("127.0.0.1", web, timeout=300))
        return compare(c)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(where, ignore_errors=True)


sys.exit(1 if main() else 0)
