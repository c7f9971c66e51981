#!/usr/bin/env python3
"""Every way in and out over HTTP, as clients see it: python3 tests/ways.py BUILD_DIR.

Starts the server and plays InfluxDB 1, 2 and 3 clients (Telegraf's order of requests too), Prometheus' remote write
1.0 and 2.0, remote read, Grafana's requests, the admin calls.  Standard library only; messages are encoded here."""
import gzip, http.client, json, os, re, signal, struct, subprocess, sys, tempfile, time, urllib.parse

NOW = int(time.time())
failed = 0


# ---- protobuf and snappy, as little as is needed ----
def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def msg(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def num(number, n):
    return varint(number << 3) + varint(n)


def dbl(number, v):
    return varint(number << 3 | 1) + struct.pack("<d", v)


def fix(number, n):
    return varint(number << 3 | 1) + struct.pack("<Q", n)


def snappy(data):
    out = varint(len(data))
    for i in range(0, len(data), 60):
        piece = data[i:i + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return out


def unsnappy(data):
    size, at = read_varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            n = (tag >> 2) + 1
            if n > 60:
                extra = n - 60
                n = int.from_bytes(data[at:at + extra], "little") + 1
                at += extra
            out += data[at:at + n]
            at += n
            continue
        if tag & 3 == 1:
            n, back, at = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[at], at + 1
        elif tag & 3 == 2:
            n, back, at = (tag >> 2) + 1, int.from_bytes(data[at:at + 2], "little"), at + 2
        else:
            n, back, at = (tag >> 2) + 1, int.from_bytes(data[at:at + 4], "little"), at + 4
        for _ in range(n):
            out.append(out[-back])
    assert len(out) == size
    return bytes(out)


def read_varint(data, at):
    v = shift = 0
    while True:
        b = data[at]
        at += 1
        v |= (b & 127) << shift
        shift += 7
        if b < 128:
            return v, at


def fields(data):
    at, out = 0, []
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            v, at = read_varint(data, at)
        elif key & 7 == 1:
            v, at = data[at:at + 8], at + 8
        elif key & 7 == 5:
            v, at = data[at:at + 4], at + 4
        else:
            n, at = read_varint(data, at)
            v, at = data[at:at + n], at + n
        out.append((key >> 3, v))
    return out


def labels_of(data):
    pairs = [fields(v) for n, v in fields(data) if n == 1]
    return {dict(p).get(1, b"").decode(): dict(p).get(2, b"").decode() for p in pairs}


class Bits:
    def __init__(self, data):
        self.v, self.left = int.from_bytes(data, "big"), len(data) * 8

    def take(self, n):
        self.left -= n
        return self.v >> self.left & (1 << n) - 1

    def varint(self):
        v = shift = 0
        while True:
            b = self.take(8)
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v


def xor_chunk(data):
    """Samples of a Prometheus XOR chunk, by its documented format."""
    n, bits, out = struct.unpack(">H", data[:2])[0], Bits(data[2:]), []
    t = delta = value = leading = trailing = 0
    for i in range(n):
        if i == 0:
            z = bits.varint()
            t, value = z >> 1 ^ -(z & 1), bits.take(64)
        else:
            if i == 1:
                delta = bits.varint()
            else:
                ones = 0
                while ones < 4 and bits.take(1):
                    ones += 1
                width = (0, 14, 17, 20, 64)[ones]
                d = bits.take(width) if width else 0
                if d > 1 << max(width, 1) - 1:
                    d -= 1 << width
                delta += d
            t += delta
            if bits.take(1):
                if bits.take(1):
                    leading = bits.take(5)
                    trailing = 64 - leading - (bits.take(6) or 64)
                value ^= bits.take(64 - leading - trailing) << trailing
        out.append((t, struct.unpack("<d", struct.pack("<Q", value))[0]))
    return out


# ---- the server and what is asked of it ----
class Server:
    def __init__(self, build):
        self.dir = tempfile.TemporaryDirectory(prefix="skulk-ways.")
        config = self.dir.name + "/c.toml"
        open(config, "w").write('[server]\ncors_origin = "http://page"\naccess_log = true\n')
        self.build, self.config = build, config
        self.start()

    def start(self):
        self.log = open(self.dir.name + "/log", "w+")
        self.process = subprocess.Popen(
            [self.build + "/alopex-skulk", "--config", self.config, "--data-dir", self.dir.name + "/data",
             "--pg-port", "0", "--http-port", "0"], stderr=self.log)
        for _ in range(1200):
            text = open(self.log.name).read()
            if "ready:" in text:
                break
            time.sleep(0.05)
        self.port = int(re.search(r"HTTP on port (\d+)", text).group(1))
        self.pg_port = int(re.search(r"PostgreSQL on port (\d+)", text).group(1))

    def crash(self):
        self.process.kill()
        self.process.wait(60)
        self.start()

    def restart(self):
        """A clean stop makes files of all rows."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        text = open(self.log.name).read()
        self.dir.cleanup()
        return code, text

    def ask(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, data, r.headers

    def get(self, path, **params):
        query = "?" + urllib.parse.urlencode(params, True) if params else ""
        return self.ask("GET", path + query)

    def data(self, path, **params):
        status, data, _ = self.get(path, **params)
        answer = json.loads(data)
        return answer["data"] if status == 200 else (status, answer)


def check(what, got, wanted):
    global failed
    if got == wanted:
        print("PASS", what)
    else:
        failed += 1
        print("FAIL %s\n  wanted %r\n  got    %r" % (what, wanted, got))


def has(what, got, part):
    text = got.decode(errors="replace") if isinstance(got, bytes) else got
    check(what, text if part not in text else part, part)


def influx(s):
    status, _, h = s.ask("GET", "/ping")
    check("ping", (status, h["X-Influxdb-Version"]), (204, "1.8.10"))
    check("ping HEAD", s.ask("HEAD", "/ping")[0], 204)
    check("ping verbose", s.get("/ping", verbose="true")[0], 200)
    check("health", json.loads(s.get("/health")[1])["status"], "pass")
    # Telegraf: a database that is missing, CREATE DATABASE, again
    status, body, _ = s.ask("POST", "/write?db=telegraf", "cpu,host=a usage=1 1\n")
    check("unknown database", (status, json.loads(body)), (404, {"error": 'database not found: "telegraf"'}))
    status, body, _ = s.ask("POST", "/query", "q=" + urllib.parse.quote('CREATE DATABASE "telegraf"'),
                            Content_Type="application/x-www-form-urlencoded")
    check("create database", (status, json.loads(body)), (200, {"results": [{"statement_id": 0}]}))
    check("write", s.ask("POST", "/write?db=telegraf&precision=ns&consistency=any", "cpu,host=a usage=1 1\n")[0], 204)
    has("show databases", s.get("/query", q="SHOW DATABASES")[1], '["telegraf"]')
    query = lambda q, **p: json.loads(s.get("/query", q=q, **p)[1])["results"]
    columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"]
    listed = lambda *rows: [{"statement_id": 1, "series": [{"columns": columns, "values": list(rows)}]}]
    check("policy", query('CREATE RETENTION POLICY "A b" ON telegraf DURATION 7d REPLICATION 1 DEFAULT; SHOW RETENTION POLICIES', db="telegraf")[1:],
          listed(["A b", "168h0m0s", "24h0m0s", 1, True], ["autogen", "0s", "168h0m0s", 1, False]))
    check("written into it", s.ask("POST", "/write?db=telegraf&rp=A+b", "cpu,host=a usage=1\n")[0], 204)
    check("policy altered and dropped", query('ALTER RETENTION POLICY "A b" ON "telegraf" DURATION 2h SHARD DURATION 1h;'
                                              'SHOW RETENTION POLICIES ON telegraf; DROP RETENTION POLICY "A b" ON telegraf'),
          [{"statement_id": 0}] + listed(["A b", "2h0m0s", "1h0m0s", 1, True], ["autogen", "0s", "168h0m0s", 1, False]) + [{"statement_id": 2}])
    check("unknown policy", query('DROP RETENTION POLICY "A b" ON telegraf; SHOW DATABASES'),
          [{"statement_id": 0, "error": "retention policy not found: A b"}])
    check("unknown database", query("SHOW RETENTION POLICIES ON nosuch"), [{"statement_id": 0, "error": "database not found: nosuch"}])
    check("CREATE DATABASE WITH", query('CREATE DATABASE withs WITH DURATION 3d REPLICATION 1 NAME "first"; SHOW RETENTION POLICIES ON withs')[1:],
          listed(["autogen", "0s", "168h0m0s", 1, False], ["first", "72h0m0s", "24h0m0s", 1, True]))
    for q in ("CREATE RETENTION POLICY x ON telegraf", "NOTHING 1", "SHOW RETENTION POLICIES ON", "CREATE DATABASE y WITH"):
        check("parse error: " + q, s.get("/query", q=q)[0], 400)
    check("gzip in two members", s.ask("POST", "/write?db=telegraf", gzip.compress(b"cpu,host=b usage=1 2\n") +
                                       gzip.compress(b"cpu,host=c usage=1 3\n"), Content_Encoding="gzip")[0], 204)
    status, body, _ = s.ask("POST", "/write?db=telegraf&precision=s", "cpu,host=a usage=1 5\ncpu,host= x=1\ncpu usage=\"t\"")
    has("partial write", body, "partial write: unable to parse 'cpu,host= x=1': missing tag value")
    has("type conflict", body, 'field type conflict: input field \\"usage\\" on measurement \\"cpu\\" is type string, '
        'already exists as type float')
    check("partial write is 400", status, 400)
    has("an element of an array is shown", s.ask("POST", "/api/v1/ingest?db=telegraf", '[{"metric":"jm","fields":{"v":1}},{"a":1}]')[1],
        "unable to parse '{\\\"a\\\":1}': missing metric (line 1) dropped=1")
    check("steps below a millisecond are counted", [s.get("/api/v1/query_range", query="1", start="0", end="10", step=x)[0] for x in ("1e-9", "0.0005", "0.001")],
          [400, 400, 200])
    check("unknown retention policy", s.ask("POST", "/write?db=telegraf&rp=x", "cpu usage=1")[0], 404)
    check("bad precision", s.ask("POST", "/write?precision=x", "cpu usage=1")[0], 400)
    check("empty body", s.ask("POST", "/write", "")[0], 200)
    key = dict(Idempotency_Key="k1")
    check("key", s.ask("POST", "/write?db=telegraf", "once v=1", **key)[0], 204)
    status, _, h = s.ask("POST", "/write?db=telegraf", "once v=1", **key)
    check("key again", (status, h["Idempotency-Replayed"]), (204, "true"))
    time.sleep(0.01)
    check("another key", s.ask("POST", "/write?db=telegraf", "once v=1", Idempotency_Key="k2")[2]["Idempotency-Replayed"], None)
    check("written once each", len(s.data("/api/v1/query", query="once_v[1m]", time=time.time() + 1, db="telegraf")["result"][0]["values"]), 2)
    bad = "once v=3 3\nonce v="
    told = s.ask("POST", "/write?db=telegraf", bad, Idempotency_Key="k3")[:2]
    s.crash()
    for i, (key, body, wanted) in enumerate((("k1", "once v=1", (204, b"")), ("k3", bad, told), ("k1", "once v=1", (204, b"")))):
        status, body, h = s.ask("POST", "/write?db=telegraf", body, Idempotency_Key=key)
        check("key after a crash %d" % i, (status, body, h["Idempotency-Replayed"]), wanted + ("true",))
    check("of another path", s.ask("POST", "/write?db=telegraf&precision=s", "other v=1", Idempotency_Key="k1")[2]["Idempotency-Replayed"], None)
    check("still once each", len(s.data("/api/v1/query", query="once_v[1m]", time=time.time() + 1, db="telegraf")["result"][0]["values"]), 2)
    # 2
    v2 = "/api/v2/write?org=o&bucket=telegraf/autogen&precision="
    check("v2", s.ask("POST", v2 + "s", "m2 v=1 7\n", Authorization="Token t")[0], 204)
    status, body, _ = s.ask("POST", v2 + "h", "m2 v=1 7\n")
    check("v2 bad precision", (status, json.loads(body)["code"]), (400, "invalid"))
    status, body, _ = s.ask("POST", "/api/v2/write?bucket=none", "m2 v=1 7\n")
    check("v2 unknown bucket", (status, json.loads(body)["code"]), (404, "not found"))
    status, body, _ = s.ask("POST", v2 + "s", 'm2 v="t" 8\n')
    check("v2 type conflict", (status, json.loads(body)["code"]), (422, "unprocessable entity"))
    status, body, _ = s.ask("POST", v2 + "s", "m2 v= 8\nm2 v=3 9")
    check("v2 partial", (status, json.loads(body)["code"]), (400, "invalid"))
    # 3
    v3 = "/api/v3/write_lp?db=telegraf"
    check("v3 auto precision", s.ask("POST", v3, "m3 v=1 %d\nm3 v=2 %d" % (NOW - 1, NOW * 1000))[0], 204)
    status, body, _ = s.ask("POST", v3 + "&precision=second", "m3 v=1 1\nm3 v=\n")
    check("v3 partial", (status, json.loads(body)),
          (400, {"error": "partial write of line protocol occurred",
                 "data": [{"original_line": "m3 v=", "line_number": 2, "error_message": "missing field value"}]}))
    status, body, _ = s.ask("POST", v3 + "&accept_partial=false", "m4 v=1 1\nm4 v=\n")
    check("v3 all or nothing", (status, json.loads(body)["error"]), (400, "parsing failed for write_lp endpoint"))
    check("v3 nothing was stored", s.data("/api/v1/series", **{"match[]": '{__name__="m4_v"}', "db": "telegraf"}), [])
    check("v3 times", [p[0] for p in s.data("/api/v1/query", query="m3_v[1h]", time=NOW + 1, db="telegraf")
                       ["result"][0]["values"]], [NOW - 1, NOW])


def retention(s):
    """Points that are older than their table keeps: refused in the words of each client, the others are stored."""
    query = lambda q: json.loads(s.get("/query", q=q)[1])["results"]
    check("policies", query('CREATE DATABASE aged WITH DURATION 7d NAME "week"; CREATE RETENTION POLICY tiny ON aged DURATION 1h REPLICATION 1'),
          [{"statement_id": 0}, {"statement_id": 1}])
    old, fresh = NOW - 30 * 86400, NOW - 60
    lines = lambda m, *times: "".join("%s,host=a v=1 %d\n" % (m, t) for t in times)
    write = lambda path, body, **h: (lambda a: (a[0], json.loads(a[1]) if a[1] else None))(s.ask("POST", path, body, **h)[:2])
    error = "partial write: points beyond retention policy dropped=%d"
    one = "/write?db=aged&precision=s"
    status, answer = write(one, lines("aged", old, fresh, old + 1))
    check("v1: too old", (status, answer["error"]), (400, error % 2))
    check("v1: its rows", [(l["line"], l["text"]) for l in answer["line_errors"]],
          [(None, "aged " + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))) for t in (old, old + 1)])
    check("v1: the good one", s.ask("POST", one, lines("aged", fresh + 1))[0], 204)
    sql = lambda q: subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(s.pg_port), "-U", "skulk", "-d", "aged", "-c", q],
                                   capture_output=True, text=True, timeout=60)
    check("v1: what is stored", sql("SELECT count(*) FROM week.aged").stdout.strip(), "2")
    status, answer = write(one, lines("aged", old) + "aged,host= v=1\n" + lines("aged", fresh + 2))
    check("v1: with a bad line", (status, answer["error"]),
          (400, "partial write: unable to parse 'aged,host= v=1': missing tag value (line 2)\npoints beyond retention policy dropped=2"))
    check("v1: of another policy", write(one + "&rp=tiny", lines("aged", fresh - 7200, fresh))[1]["error"], error % 1)
    check("v1: kept for ever", write(one + "&rp=autogen", lines("aged", old))[0], 204)
    check("a stopped feed keeps its last rows", write(one, lines("stopped", old))[0], 204)
    status, answer = write("/api/v2/write?bucket=aged/week&precision=s", lines("aged", old))
    check("v2: too old", (status, answer["code"], answer["message"]), (422, "unprocessable entity", error % 1))
    three = "/api/v3/write_lp?db=aged&precision=second"
    status, answer = write(three, lines("aged", old, fresh + 3))
    check("v3: too old", (status, answer["error"], answer["data"][0]["error_message"]),
          (400, "partial write of line protocol occurred", "points beyond retention policy"))
    check("v3: nothing is stored", write(three + "&accept_partial=false", lines("aged", old, fresh + 4))[0], 400)
    status, answer = write("/api/v1/ingest?db=aged&precision=s", json.dumps([{"metric": "aged", "tags": {"host": "a"}, "fields": {"v": 1}, "timestamp": t}
                                                                             for t in (old, fresh + 5)]))
    check("json: too old", (status, answer["error"]), (400, error % 1))
    label = lambda k, v: msg(1, msg(1, k.encode()) + msg(2, v.encode()))
    sample = lambda v, t: msg(2, dbl(1, v) + num(2, t * 1000))
    body = msg(1, label("__name__", "aged_rw") + label("job", "a") + sample(1, old) + sample(2, fresh))
    status, answer, _ = s.ask("POST", "/api/v1/write?db=aged", snappy(body))
    check("remote write: too old", (status, answer), (400, b"points beyond retention policy dropped=1\n"))
    symbols = ["", "__name__", "aged_rw", "job", "a"]
    hist = lambda t: msg(3, num(1, 3) + dbl(3, 6) + num(4, 0) + msg(11, num(1, 2) + num(2, 2)) + msg(12, varint(2) + varint(2)) + num(15, t * 1000))
    body = b"".join(msg(4, x.encode()) for x in symbols) + msg(5, msg(1, bytes([1, 2, 3, 4])) + hist(old) + hist(fresh + 1) + sample(1, old))
    status, _, h = s.ask("POST", "/api/v1/write?db=aged", snappy(body), Content_Type="application/x-protobuf;proto=io.prometheus.write.v2.Request")
    check("remote write 2: too old", (status, [h["X-Prometheus-Remote-Write-%s-Written" % k] for k in ("Samples", "Histograms")]), (400, ["0", "1"]))
    point = lambda t: {"timeUnixNano": str(t * 10**9), "asDouble": 1}
    status, answer = write("/v1/metrics?db=aged", json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "aged.gauge", "gauge": {"dataPoints": [point(old), point(fresh)]}}]}]}]}), Content_Type="application/json")
    check("OTLP: too old", (status, answer["partialSuccess"]["rejectedDataPoints"]), (200, "1"))
    check("skulk.rejected", sql("SELECT DISTINCT reason FROM skulk.rejected WHERE text LIKE 'aged %'").stdout.strip(), "points beyond retention policy")
    # what a tier still keeps is taken
    check("tiers", sql("ALTER TABLE week.aged RESET (ttl); ALTER TABLE week.aged SET (tiers = '1s:2d, 1h:60d')").stderr, "")
    check("inside a tier", write(one, lines("aged", old, NOW - 50 * 86400))[0], 204)
    check("below the tiers", write(one, lines("aged", old, NOW - 70 * 86400))[1]["error"], error % 1)
    check("below the tiers, counted", sql("SELECT count(v) FROM week.aged WHERE time < now() - INTERVAL '20 days'").stdout.strip(), "2")


def remote_write(s):
    t = NOW * 1000
    label = lambda k, v: msg(1, msg(1, k.encode()) + msg(2, v.encode()))
    sample = lambda v, ms: msg(2, dbl(1, v) + num(2, ms))
    up = label("__name__", "rw") + label("job", "a")
    exemplar = msg(3, label("trace_id", "abc") + dbl(2, 7.5) + num(3, t))
    body = msg(1, up + sample(1, t - 60000) + sample(2, t) + exemplar)
    body += msg(3, num(1, 1) + msg(2, b"rw") + msg(4, b"the help") + msg(5, b"s"))
    proto = "application/x-protobuf"
    check("remote write", s.ask("POST", "/api/v1/write", snappy(body), Content_Type=proto, Content_Encoding="snappy")[0], 204)
    check("metadata again", s.ask("POST", "/api/v1/write", snappy(body))[0], 204)
    check("not snappy", s.ask("POST", "/api/v1/write", body, Content_Encoding="gzip")[0], 415)
    check("damaged snappy", s.ask("POST", "/api/v1/write", b"\xff\xff\xff\xff\x7f")[0], 400)
    check("no message", s.ask("POST", "/api/v1/write", snappy(b"\x0a\xff"))[0], 400)
    check("no name", s.ask("POST", "/api/v1/write", snappy(msg(1, label("job", "a") + sample(1, t))))[0], 400)
    check("another content type", s.ask("POST", "/api/v1/write", snappy(body), Content_Type="text/plain")[0], 415)
    v2 = proto + ";proto=io.prometheus.write.v2.Request"
    symbols = ["", "__name__", "rw2", "job", "a", "help of rw2", "trace_id", "xyz"]
    series = msg(1, bytes([1, 2, 3, 4])) + sample(5, t) + msg(4, msg(1, bytes([6, 7])) + dbl(2, 4) + num(3, t - 1))
    series += msg(5, num(1, 2) + num(3, 5)) + num(6, t - 1000)
    hist = msg(1, bytes([1, 7, 3, 4])) + msg(3, num(1, 3) + dbl(3, 6) + num(4, 0) + msg(11, num(1, 2) + num(2, 2)) +
                                             msg(12, varint(2) + varint(2)) + num(15, t))
    body2 = b"".join(msg(4, x.encode()) for x in symbols) + msg(5, series) + msg(5, hist)
    status, _, h = s.ask("POST", "/api/v1/write", snappy(body2), Content_Type=v2, Content_Encoding="snappy",
                         X_Prometheus_Remote_Write_Version="2.0.0")
    written = [h["X-Prometheus-Remote-Write-%s-Written" % k] for k in ("Samples", "Histograms", "Exemplars")]
    check("remote write 2.0", (status, written), (204, ["1", "1", "1"]))
    bad = body2 + msg(5, msg(1, bytes([3, 4])) + sample(1, t))
    status, body, h = s.ask("POST", "/api/v1/write", snappy(bad), Content_Type=v2)
    check("2.0 partial", (status, h["X-Prometheus-Remote-Write-Samples-Written"]), (400, "1"))
    status, body, _ = s.ask("POST", "/api/v1/write", snappy(msg(4, b"x") + body2), Content_Type=v2)
    check("2.0 symbols start with the empty text", (status, body), (400, b"symbols must start with the empty text\n"))
    check("2.0 samples", s.data("/api/v1/query", query="rw2", time=NOW)["result"],
          [{"metric": {"__name__": "rw2", "job": "a"}, "value": [NOW, "5"]}])
    check("metadata", s.data("/api/v1/metadata"), {"rw": [{"type": "counter", "help": "the help", "unit": "s"}],
                                                   "rw2": [{"type": "gauge", "help": "help of rw2", "unit": ""}]})
    check("metadata of one", list(s.data("/api/v1/metadata", metric="rw2")), ["rw2"])
    check("metadata limit", list(s.data("/api/v1/metadata", limit=1)), ["rw"])
    check("targets/metadata", s.data("/api/v1/targets/metadata", metric="rw"),
          [{"target": {}, "type": "counter", "help": "the help", "unit": "s"}])
    check("exemplars", s.data("/api/v1/query_exemplars", query='rate(rw{job="a"}[5m]) + rw2', start=NOW - 10, end=NOW + 1),
          [{"seriesLabels": {"__name__": "rw", "job": "a"},
            "exemplars": [{"labels": {"trace_id": "abc"}, "value": "7.5", "timestamp": NOW}]},
           {"seriesLabels": {"__name__": "rw2", "job": "a"},
            "exemplars": [{"labels": {"trace_id": "xyz"}, "value": "4", "timestamp": NOW - 0.001}]}])
    check("exemplars outside", s.data("/api/v1/query_exemplars", query="rw", start=1, end=2), [])
    check("exemplars, bad query", s.get("/api/v1/query_exemplars", query="rw{")[0], 400)


def read(s):
    t = NOW * 1000
    matcher = lambda kind, k, v: msg(3, num(1, kind) + msg(2, k) + msg(3, v))
    query = msg(1, num(1, t - 100000) + num(2, t) + matcher(0, b"__name__", b"rw") + matcher(2, b"job", b"a|b"))
    status, body, h = s.ask("POST", "/api/v1/read", snappy(query), Content_Encoding="snappy",
                            Content_Type="application/x-protobuf")
    check("remote read", (status, h["Content-Type"], h["Content-Encoding"]), (200, "application/x-protobuf", "snappy"))
    result = [v for n, v in fields(unsnappy(body)) if n == 1]
    series = [v for n, v in fields(result[0]) if n == 1]
    check("its labels", [labels_of(x) for x in series], [{"__name__": "rw", "job": "a"}])
    samples = [dict(fields(v)) for n, v in fields(series[0]) if n == 2]
    check("its samples", [(struct.unpack("<d", x[1])[0], x[2]) for x in samples], [(1.0, t - 60000), (2.0, t)])
    status, body, _ = s.ask("POST", "/api/v1/read", snappy(msg(1, num(1, t - 100000) + num(2, t)) + msg(2, bytes([0]))))
    names = {labels_of(v)["__name__"] for n, r in fields(unsnappy(body)) if n == 1 for k, v in fields(r) if k == 1}
    check("no matcher: all series", (status, {"rw", "rw2"} <= names), (200, True))
    many = "".join("chunky value=%r %d\n" % (v, (NOW - 1000) * 10**9 + i * 15_000_000_000 + (i % 7) * 1_000_000)
                   for i, v in enumerate([1.5, 1.5, -2, 1e300, 0, 3.25] * 50))
    check("more samples", s.ask("POST", "/write", many)[0], 204)
    query = msg(1, num(1, 0) + num(2, t * 2) + matcher(0, b"__name__", b"chunky")) + msg(2, bytes([1]))
    status, body, h = s.ask("POST", "/api/v1/read", snappy(query))
    check("streamed", (status, h["Content-Type"]),
          (200, "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"))
    size, at = read_varint(body, 0)
    frame = dict(fields(body[at + 4:at + 4 + size]))
    got = []
    for n, chunk in fields(frame[1]):
        if n == 2:
            c = dict(fields(chunk))
            got += xor_chunk(c[4])
    want = s.data("/api/v1/query", query="chunky[10d]", time=NOW + 10000)["result"][0]["values"]
    check("chunks", got, [(round(a * 1000), float(v)) for a, v in want])
    check("read: damaged", s.ask("POST", "/api/v1/read", b"\xff\xff")[0], 400)
    lines = s.get("/api/v1/export", **{"match[]": ['{__name__="rw"}', 'rw{job="a"}']})[1].decode().splitlines()
    check("export", [json.loads(x) for x in lines],
          [{"metric": {"__name__": "rw", "job": "a"}, "values": [1, 2], "timestamps": [t - 60000, t]}])
    check("import", s.ask("POST", "/api/v1/import?db=telegraf", "\n".join(lines))[0], 204)
    check("imported", s.get("/api/v1/export", db="telegraf", **{"match[]": "rw"})[1].decode().splitlines(), lines[:1])
    put = [{"metric": "tsdb", "timestamp": NOW - i * 1000, "value": i, "tags": {"a": "b"}} for i in (0, 1)]
    put[1]["timestamp"] = (NOW - 1) * 1000
    check("OpenTSDB", s.ask("POST", "/api/put", json.dumps(put))[0], 204)
    check("its times", s.data("/api/v1/query", query="tsdb[1m]", time=NOW)["result"][0]["values"],
          [[NOW - 1, "1"], [NOW, "0"]])
    seed = {"metric": "seed", "tags": {"host": "a"}, "fields": {"load": 1.5, "cores": 8}, "timestamp": NOW * 10**9}
    check("JSON", s.ask("POST", "/api/v1/ingest", gzip.compress(json.dumps(seed).encode()), Content_Encoding="gzip")[0], 204)
    status, body, h = s.get("/federate", **{"match[]": ["rw", '{__name__="rw2"}']})
    check("federate", body.decode(), '# TYPE rw untyped\nrw{job="a",instance=""} 2 %d\n'
          '# TYPE rw2 untyped\nrw2{job="a",instance=""} 5 %d\n' % (t, t))


def otlp(s):
    t = NOW * 10**9
    attr = lambda **kv: [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in kv.items()]
    resource = {"attributes": attr(service__name="shop", service__namespace="eu", service__instance__id="i1", host__name="h")}
    point = lambda **kv: dict({"timeUnixNano": str(t), "attributes": attr(http__route="/a")}, **kv)
    metrics = [
        {"name": "http.server.duration", "unit": "ms", "description": "how long", "histogram": {
            "aggregationTemporality": 2, "dataPoints": [point(count="3", sum=12.5, bucketCounts=["1", "2", "0"], explicitBounds=[5, 10],
            exemplars=[{"timeUnixNano": str(t), "asDouble": 7, "traceId": "ab", "spanId": "cd"}])]}},
        {"name": "requests", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point(asInt="7")]}},
        {"name": "queue.size", "unit": "{items}", "sum": {"aggregationTemporality": 2, "dataPoints": [point(asInt=4)]}},
        {"name": "cpu.utilization", "unit": "1", "gauge": {"dataPoints": [point(asDouble=0.5)]}},
        {"name": "delta", "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [point(asInt="7")]}},
        {"name": "lat", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [point(
            count="6", sum=10, scale=0, zeroCount="1", positive={"offset": 0, "bucketCounts": ["2", "3"]})]}},
        {"name": "whole", "histogram": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE", "dataPoints": [point(count="9", sum=2)]}},
        {"name": "rpc", "summary": {"dataPoints": [point(count="2", sum=3, quantileValues=[{"quantile": 0.5, "value": 1}])]}},
    ]
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": {"name": "x"}, "metrics": metrics}]}]}
    status, answer, h = s.ask("POST", "/api/v1/otlp/v1/metrics", json.dumps(body), Content_Type="application/json")
    partial = json.loads(answer)["partialSuccess"]
    check("OTLP metrics", (status, partial["rejectedDataPoints"]), (200, "1"))
    has("delta is refused", partial["errorMessage"], "delta temporality")
    common = {"job": "eu/shop", "instance": "i1", "http_route": "/a"}
    value = lambda q: [(x["metric"], x["value"][1]) for x in s.data("/api/v1/query", query=q, time=NOW)["result"]]
    check("OTLP counter", value("requests_total"), [(dict(common, __name__="requests_total"), "7")])
    check("OTLP up and down", value("queue_size"), [(dict(common, __name__="queue_size"), "4")])
    check("OTLP gauge", value("cpu_utilization_ratio"), [(dict(common, __name__="cpu_utilization_ratio"), "0.5")])
    check("OTLP histogram", sorted((m["le"], v) for m, v in value("http_server_duration_milliseconds_bucket")),
          [("+Inf", "3"), ("10", "3"), ("5", "1")])
    check("OTLP histogram without bounds", [(m["le"], v) for m, v in value("whole_bucket")], [("+Inf", "9")])
    check("OTLP sum and count", value("http_server_duration_milliseconds_sum / http_server_duration_milliseconds_count")[0][1][:5], "4.166")
    check("OTLP native histogram", value("histogram_count(lat)")[0][1], "6")
    check("OTLP summary", value("rpc")[0], (dict(common, __name__="rpc", quantile="0.5"), "1"))
    check("target_info", value("target_info"), [({"__name__": "target_info", "job": "eu/shop", "instance": "i1", "host_name": "h"}, "1")])
    check("OTLP metadata", s.data("/api/v1/metadata", metric="http_server_duration_milliseconds"),
          {"http_server_duration_milliseconds": [{"type": "histogram", "help": "how long", "unit": "ms"}]})
    check("OTLP exemplar", [(x["seriesLabels"]["le"], x["exemplars"][0]["labels"]) for x in s.data(
        "/api/v1/query_exemplars", query="http_server_duration_milliseconds_bucket", start=NOW - 9, end=NOW + 9)],
          [("10", {"trace_id": "ab", "span_id": "cd"})])
    # the same in protobuf: another value of the counter
    kv = lambda k, v: msg(1, k) + msg(2, msg(1, v))
    number = fix(3, t + 10**9) + fix(6, 8) + msg(7, kv(b"http.route", b"/a"))
    metric = msg(1, b"requests") + msg(3, b"1") + msg(7, msg(1, number) + num(2, 2) + num(3, 1))
    attributes = msg(1, kv(b"service.name", b"shop")) + msg(1, kv(b"service.namespace", b"eu")) + msg(1, kv(b"service.instance.id", b"i1"))
    body = msg(1, msg(1, attributes) + msg(2, msg(2, metric)))
    status, answer, h = s.ask("POST", "/v1/metrics", gzip.compress(body), Content_Type="application/x-protobuf", Content_Encoding="gzip")
    check("OTLP protobuf", (status, answer, h["Content-Type"]), (200, b"", "application/x-protobuf"))
    check("its value", [x["value"][1] for x in s.data("/api/v1/query", query="requests_total", time=NOW + 1)["result"]], ["8"])
    check("OTLP damaged", s.ask("POST", "/v1/metrics", b"\x0a\xff", Content_Type="application/x-protobuf")[0], 400)
    for bad in ("{", "[]", '{"resourceMetrics":5}', '"x"'):
        check("OTLP bad JSON " + bad, s.ask("POST", "/v1/metrics", bad, Content_Type="application/json")[0], 400)
    check("OTLP empty", s.ask("POST", "/v1/metrics", '{"resourceMetrics":null}', Content_Type="application/json")[0], 200)
    check("OTLP other type", s.ask("POST", "/v1/metrics", "{}", Content_Type="text/plain")[0], 415)
    whole = {"name": "whole.number", "gauge": {"dataPoints": [{"timeUnixNano": str(t), "asInt": 3.0, "attributes": attr(**{"value": "v", "a__\u00e9": "u"})}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [whole]}]}]}
    check("OTLP whole number", s.ask("POST", "/v1/metrics", json.dumps(body), Content_Type="application/json")[1], b'{"partialSuccess":{}}\n')
    check("an underscore a character", value("whole_number"), [({"__name__": "whole_number", "value": "v", "a__": "u"}, "3")])
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": "x"}, "logRecords": [
        {"timeUnixNano": str(t), "severityNumber": 9, "severityText": "INFO", "body": {"stringValue": "hello"},
         "attributes": attr(a="b"), "traceId": "ab"}] * 2}]}]}
    check("OTLP logs", s.ask("POST", "/v1/logs", json.dumps(logs), Content_Type="application/json")[0], 200)
    check("both are kept", value("count_over_time(otel_logs_severity_number[1m])")[0][1] in ("1", "2"), True)
    spans = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [
        {"traceId": "ab", "spanId": "cd", "name": "GET /", "kind": 2, "startTimeUnixNano": str(t), "endTimeUnixNano": str(t + 5000),
         "status": {"code": 2, "message": "no"}}]}]}]}
    check("OTLP traces", s.ask("POST", "/v1/traces", json.dumps(spans), Content_Type="application/json")[0], 200)
    check("duration", value("otel_spans_duration_ns")[0][1], "5000")
    named = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": str(t + 7), "severityNumber": "SEVERITY_NUMBER_WARN2",
                                                              "traceId": "ABCDEF", "body": {"stringValue": "named"}}]}]}]}
    check("OTLP enum by name", s.ask("POST", "/v1/logs", json.dumps(named), Content_Type="application/json")[0], 200)
    spans["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(kind="SPAN_KIND_CONSUMER", traceId="AB", name="named")
    check("OTLP enum by name", s.ask("POST", "/v1/traces", json.dumps(spans), Content_Type="application/json")[0], 200)
    found = lambda sql: subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(s.pg_port), "-U", "skulk", "-c", sql],
                                       capture_output=True, text=True).stdout.strip()
    check("OTLP log of that name", found("SELECT severity_number, trace_id FROM otel_logs WHERE body = 'named'"), "14|abcdef")
    check("OTLP span of that name", found("SELECT kind, trace_id, status_code FROM otel_spans WHERE name = 'named'"), "consumer|ab|error")


def admin(s):
    for path in ("rules", "alerts", "targets", "alertmanagers", "scrape_pools", "notifications", "status/config",
                 "status/flags", "status/runtimeinfo", "status/buildinfo", "status/tsdb", "status/walreplay",
                 "status/tsdb/blocks"):
        check(path, s.get("/api/v1/" + path)[0], 200)
    check("tsdb", [x for x in s.data("/api/v1/status/tsdb", limit=1000)["seriesCountByMetricName"] if x["name"] == "rw"],
          [{"name": "rw", "value": 1}])
    check("delete needs match[]", s.ask("POST", "/api/v1/admin/tsdb/delete_series")[0], 400)
    check("delete", s.ask("POST", "/api/v1/admin/tsdb/delete_series?match[]=rw2&match[]=chunky&start=1")[0], 204)
    check("it is gone", s.data("/api/v1/query", query="rw2", time=NOW)["result"], [])
    check("the rest is not", len(s.data("/api/v1/query", query="rw", time=NOW)["result"]), 1)
    check("clean_tombstones", s.ask("PUT", "/api/v1/admin/tsdb/clean_tombstones")[0], 204)
    status, body, _ = s.ask("POST", "/api/v1/admin/tsdb/snapshot")
    check("snapshot", status, 200)
    name = json.loads(body)["data"]["name"]
    check("its directory", os.path.exists(s.dir.name + "/data/snapshots/" + name + "/backup.manifest"), True)


def http_itself(s):
    status, _, h = s.ask("OPTIONS", "/api/v1/query", Origin="http://page")
    check("OPTIONS", (status, h["Access-Control-Allow-Origin"]), (204, "http://page"))
    check("another page", s.ask("GET", "/ping", Origin="http://other")[2]["Access-Control-Allow-Origin"], None)
    status, body, h = s.ask("GET", "/api/v1/query_range?query=vector(1)&start=0&end=1000&step=1", Accept_Encoding="gzip")
    check("gzip answer", (status, h["Content-Encoding"], len(json.loads(gzip.decompress(body))["data"]["result"][0]["values"])),
          (200, "gzip", 1001))
    check("too many points", s.get("/api/v1/query_range", query="1", start=0, end=11001, step=1)[0], 400)
    has("metrics", s.get("/metrics")[1], 'skulk_http_requests_total{path="/write",code="2xx"}')


def memory(s, what):
    text = open("/proc/%d/status" % s.process.pid).read()
    return int(re.search(what + r":\s+(\d+) kB", text).group(1)) >> 10


def bombs(s):
    """1 GB of nothing, packed: refused, and it costs less than 64 MB."""
    member = gzip.compress(b" " * (16 << 20))
    blocks = [struct.pack("<I", 1 << 1 | (128 << 10) << 3)[:3] + b" "] * 8191 + [struct.pack("<I", 1 | 1 << 1 | (128 << 10) << 3)[:3] + b" "]
    zstd = b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(blocks)  # runs of 128 KiB, in a window of that size
    copies = varint(1 << 30) + b"\x00 " + b"\xfe\x01\x00" * ((1 << 30) // 64)
    texts = ["/write", "/api/v2/write?bucket=telegraf", "/api/v3/write_lp?db=telegraf", "/api/v1/ingest", "/api/v1/import", "/api/put"]
    otlp = [root + "/v1/" + what for root in ("", "/api/v1/otlp") for what in ("metrics", "logs", "traces")]
    ways_in = [(name, path, body) for path in texts + otlp for name, body in (("gzip", member * 64), ("zstd", zstd))]
    ways_in += [("gzip", "/v1/logs?json", member * 64)] + [("snappy", path, copies) for path in ("/api/v1/write", "/api/v1/read")]
    for name, path, body in ways_in:
        open("/proc/%d/clear_refs" % s.process.pid, "w").write("5")
        before = memory(s, "VmRSS")
        status, _, _ = s.ask("POST", path, body[:30 << 20], Content_Encoding=name,
                             Content_Type="application/json" if path in texts or "json" in path else "application/x-protobuf")
        grown = memory(s, "VmHWM") - before - (min(len(body), 30 << 20) >> 20)
        check("bomb of %s at %s: %d, %d MB" % (name, path, status, grown), (status, grown < 64), (413, True))


def grafana(s):
    """What its Prometheus data source asks: test, variables, a panel."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    post = lambda path, **p: s.ask("POST", path, urllib.parse.urlencode(p, True), **form)
    check("test", post("/api/v1/query", query="1+1", time=NOW)[0], 200)
    check("buildinfo", s.data("/api/v1/status/buildinfo")["version"][:2], "3.")
    check("labels", "job" in json.loads(post("/api/v1/labels", start=NOW - 600, end=NOW)[1])["data"], True)
    check("values", s.data("/api/v1/label/__name__/values", start=NOW - 600, end=NOW, **{"match[]": "rw"}), ["rw"])
    check("series", json.loads(post("/api/v1/series", **{"match[]": "rw", "start": NOW - 600, "end": NOW})[1])["data"],
          [{"__name__": "rw", "job": "a"}])
    answer = json.loads(post("/api/v1/query_range", query="rate(rw[5m])", start=NOW - 60, end=NOW, step=15)[1])
    check("panel", answer["data"]["resultType"], "matrix")


def main(parts, logged=""):
    """Runs the parts on one server, which then has to stop and to have logged what is asked."""
    s = Server(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_builddir", "."))
    try:
        for part in parts:
            part(s)
    finally:
        code, log = s.stop()
    check("stopped", code, 0)
    has("access log", log, logged)
    print("%d failed" % failed)
    return failed > 0


PARTS = (influx, retention, remote_write, read, grafana, otlp, admin, http_itself, bombs)
if __name__ == "__main__":
    sys.exit(main(PARTS, "POST /write 204"))
