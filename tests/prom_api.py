#!/usr/bin/env python3
"""Prometheus' API beside queries: python3 tests/prom_api.py BUILD_DIR.

Native histograms out of every door, deletes of single fields, times in the calls for labels, status."""
import json, os, struct, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ways import Bits, NOW, Server, check, dbl, fields, has, labels_of, msg, num, read_varint, snappy, unsnappy, varint, xor_chunk
import ways

T = NOW * 1000
zigzag = lambda n: (n << 1 ^ n >> 63) & (1 << 64) - 1
unzigzag = lambda z: z >> 1 ^ -(z & 1)
double = lambda b: struct.unpack("<d", b)[0]


# ---- what a reader of Prometheus' histogram chunks does (tsdb/docs/format/chunks.md) ----
def varbit(bits, signed):
    ones = 0
    while ones < 8 and bits.take(1):
        ones += 1
    width = (0, 3, 6, 9, 12, 18, 25, 56, 64)[ones]
    v = bits.take(width) if width else 0
    return v - (1 << width) if signed and width and v > 1 << width - 1 else v


class Xor:
    def __init__(self):
        self.v = self.leading = self.trailing = 0

    def read(self, bits, first):
        if first:
            self.v = bits.take(64)
        elif bits.take(1):
            if bits.take(1):
                self.leading = bits.take(5)
                self.trailing = 64 - self.leading - (bits.take(6) or 64)
            self.v ^= bits.take(64 - self.leading - self.trailing) << self.trailing
        return struct.unpack("<d", struct.pack("<Q", self.v))[0]


class Delta:
    def __init__(self):
        self.v = self.d = 0

    def read(self, bits, first, unsigned=False):
        if first:
            self.v = varbit(bits, not unsigned)
        else:
            self.d += varbit(bits, True)
            self.v += self.d
        return self.v


def hist_chunk(data, integer):
    """[(ms, count, zero, sum, positive, negative)], and what all share."""
    n, flags, bits = struct.unpack(">H", data[:2])[0], data[2], Bits(data[3:])
    power = bits.take(8)
    threshold = 0 if power == 0 else struct.unpack(">d", struct.pack(">Q", bits.take(64)))[0] if power == 255 else 0.5 * 2.0 ** (power - 243)
    schema, indexes = varbit(bits, True), []
    for _ in range(2):
        index, at = [], 0
        for _ in range(varbit(bits, False)):
            length = varbit(bits, False)
            at += varbit(bits, True)
            index += range(at, at + length)
            at += length
        indexes.append(index)
    bounds = []
    if schema == -53:
        for _ in range(varbit(bits, False)):
            z = varbit(bits, False)
            bounds.append((z - 1) / 1000 if z else struct.unpack(">d", struct.pack(">Q", bits.take(64)))[0])
    time, count, zero, total = Delta(), *((Delta(), Delta()) if integer else (Xor(), Xor())), Xor()
    tracks = [[Delta() if integer else Xor() for _ in x] for x in indexes]
    out = []
    for i in range(n):
        one = [time.read(bits, i == 0)]
        one += [x.read(bits, i == 0, True) if integer else x.read(bits, i == 0) for x in (count, zero)]
        one.append(total.read(bits, i == 0))
        for index, track in zip(indexes, tracks):
            values, before = {}, 0
            for k, t in zip(index, track):
                v = t.read(bits, i == 0)
                before = before + v if integer else v
                if before:
                    values[k] = before
            one.append(values)
        out.append(tuple(one))
    return out, (flags >> 6, schema, threshold, bounds)


# ---- histograms that go in ----
def spans_of(buckets):
    spans, last = [], None
    for k in sorted(buckets):
        if last is not None and k == last + 1:
            spans[-1][1] += 1
        else:
            spans.append([k if last is None else k - last - 1, 1])
        last = k
    return spans


def histogram(ms, schema, positive, negative={}, zero=0, threshold=0.0, total=1.5, integer=True, hint=0, bounds=()):
    count = sum(positive.values()) + sum(negative.values()) + zero
    out = num(1, count) if integer else dbl(2, count)
    out += dbl(3, total) + num(4, zigzag(schema)) + dbl(5, threshold) + (num(6, zero) if integer else dbl(7, zero))
    for at, side in ((8, negative), (11, positive)):
        for offset, length in spans_of(side):
            out += msg(at, num(1, zigzag(offset)) + num(2, length))
        values = [side[k] for k in sorted(side)]
        if integer and values:
            deltas = [b - a for a, b in zip([0] + values, values)]
            out += msg(at + 1, b"".join(varint(zigzag(d)) for d in deltas))
        elif values:
            out += msg(at + 2, b"".join(struct.pack("<d", v) for v in values))
    out += num(14, hint) + num(15, ms)
    return out + (msg(16, b"".join(struct.pack("<d", b) for b in bounds)) if bounds else b"")


def read_histogram(data):
    """The message back, as hist_chunk() tells it."""
    f, out = fields(data), {}
    for n, v in f:
        out.setdefault(n, []).append(v)
    integer = 1 in out
    sides = []
    for at in (11, 8):
        index, k = [], 0
        for s in out.get(at, []):
            d = dict(fields(s))
            k += unzigzag(d.get(1, 0))
            index += range(k, k + d[2])
            k += d[2]
        values, raw = [], out.get(at + 1 if integer else at + 2, [b""])[0]
        if integer:
            p, last = 0, 0
            while p < len(raw):
                z, p = read_varint(raw, p)
                last += unzigzag(z)
                values.append(last)
        else:
            values = list(struct.unpack("<%dd" % (len(raw) // 8), raw))
        sides.append(dict(zip(index, values)))
    number = (lambda i, f: out[i][0] if integer else double(out[f][0]))
    return (out[15][0], number(1, 2), number(6, 7), double(out[3][0]), sides[0], sides[1])


SERIES = {
    "ints": [dict(schema=0, positive={0: 1, 1: 2, 5: 3}), dict(schema=0, positive={0: 1, 1: 4, 2: 1, 5: 3}, negative={-3: 2}),
             dict(schema=0, positive={0: 7, 1: 4, 2: 1, 5: 30000}, negative={-3: 2})],
    "reset": [dict(schema=2, positive={0: 5}, zero=2, threshold=2.0**-128), dict(schema=2, positive={0: 1}, zero=2, threshold=2.0**-128)],
    "floats": [dict(schema=-1, positive={-2: 0.5, 3: 2.25}, integer=False, total=-7.25, zero=0.25, threshold=0.001),
               dict(schema=-1, positive={-2: 0.5, 3: 4.25}, integer=False, total=9e99, zero=0.25, threshold=0.001)],
    "custom": [dict(schema=-53, positive={0: 1, 2: 5}, bounds=(0.005, 1, 2.5e7)), dict(schema=-53, positive={0: 1, 2: 9, 3: 1}, bounds=(0.005, 1, 2.5e7))],
    "gauge": [dict(schema=0, positive={0: 9}, hint=3), dict(schema=0, positive={0: 1}, hint=3)],
    "many": [dict(schema=3, positive={k: 3 * i + k * k for k in range(1, 12)}, total=i * 0.1) for i in range(300)],
}


def expected(name):
    out = []
    for i, h in enumerate(SERIES[name]):
        h = dict(dict(negative={}, zero=0, total=1.5), **h)
        out.append((T - 200000 + i * 500, sum(h["positive"].values()) + sum(h["negative"].values()) + h["zero"], h["zero"], h["total"],
                    h["positive"], h["negative"]))
    return out


def ask_read(s, name, chunks):
    query = msg(1, num(1, T - 400000) + num(2, T + 1000) + msg(3, num(1, 0) + msg(2, b"__name__") + msg(3, name.encode())))
    status, body, h = s.ask("POST", "/api/v1/read", snappy(query + (msg(2, bytes([1])) if chunks else b"")))
    check("read " + name, status, 200)
    return body


def histograms(s):
    label = lambda k, v: msg(1, msg(1, k.encode()) + msg(2, v.encode()))
    body = b""
    for name in SERIES:
        hists = b"".join(msg(4, histogram(T - 200000 + i * 500, **h)) for i, h in enumerate(SERIES[name]))
        body += msg(1, label("__name__", "h_" + name) + label("job", "a") + hists)
    body += msg(1, label("__name__", "h_mixed") + msg(2, dbl(1, 4.5) + num(2, T - 2000)) + msg(4, histogram(T - 1000, 0, {1: 1})))
    status, text, _ = s.ask("POST", "/api/v1/write", snappy(body))
    check("histograms go in", (status, text), (204, b""))
    for name in SERIES:
        response = [v for n, v in fields(unsnappy(ask_read(s, "h_" + name, False))) if n == 1][0]
        series = [v for n, v in fields(response) if n == 1]
        got = [read_histogram(v) for n, v in fields(series[0]) if n == 4]
        check("samples of " + name, (len(series), got), (1, expected(name)))
        got, kinds, shapes, data, at = [], [], [], ask_read(s, "h_" + name, True), 0
        while at < len(data):
            size, at = read_varint(data, at)
            frame = data[at + 4:at + 4 + size]
            at += 4 + size
            for chunk in (dict(fields(v)) for n, v in fields(dict(fields(frame))[1]) if n == 2):
                rows, shape = hist_chunk(chunk[4], chunk[3] == 2)
                check("bounds of the chunk", (rows[0][0], rows[-1][0]), (chunk[1], chunk[2]))
                got, kinds, shapes = got + rows, kinds + [chunk[3]], shapes + [shape]
        check("chunks of " + name, got, expected(name))
        wanted = {"ints": ([2], [(0, 0, 0, [])]), "reset": ([2, 2], [(0, 2, 2.0**-128, [])] * 2), "floats": ([3], [(0, -1, 0.001, [])]),
                  "custom": ([2], [(0, -53, 0, [0.005, 1, 2.5e7])]), "gauge": ([2], [(3, 0, 0, [])]), "many": ([2] * 3, [(0, 3, 0, [])] * 3)}
        check("its shape", (kinds, [x[1:] for x in shapes]), (wanted[name][0], [x[1:] for x in wanted[name][1]]))
        check("its flag", shapes[0][0], wanted[name][1][0][0])
    data = ask_read(s, "h_mixed", True)
    size, at = read_varint(data, 0)
    chunks = [dict(fields(v)) for n, v in fields(dict(fields(data[at + 4:]))[1]) if n == 2]
    check("numbers and histograms are chunks apart", ([c[3] for c in chunks], xor_chunk(chunks[0][4])), ([1, 2], [(T - 2000, 4.5)]))


def numbers_and_histograms(s):
    """In one table by turns, a request each: what the rows of the request before looked like must not matter."""
    label = lambda k, v: msg(1, msg(1, k.encode()) + msg(2, v.encode()))
    for i in range(12):
        own = label("__name__", "h_turns") + label("n", "x")
        number, hist = msg(2, dbl(1, i + 0.5) + num(2, T - 60000 + i * 1000)), msg(4, histogram(T - 60500 + i * 1000, 0, {1: i}))
        body = msg(1, own + (number + hist if i % 3 == 0 else hist if i % 3 == 1 else number))
        check("by turns", s.ask("POST", "/api/v1/write", snappy(body))[0], 204)
    line = json.loads(s.get("/api/v1/export", **{"match[]": "h_turns"})[1])
    check("numbers", line["values"], [i + 0.5 for i in range(12) if i % 3 != 1])
    check("histograms", [h["count"] for _, h in line["histograms"]], [i for i in range(12) if i % 3 != 2])
    s.ask("POST", "/api/v1/admin/tsdb/delete_series?match[]=h_turns")


def federation(s):
    sel = '{__name__=~"h_(ints|gauge|mixed)"}'
    s.ask("POST", "/api/v1/import", json.dumps({"metric": {"__name__": "plain", "job": "a"}, "values": [1.5], "timestamps": [T]}))
    status, body, h = s.get("/federate", **{"match[]": [sel, "plain"]})
    check("text has numbers only", (status, body.decode()), (200, '# TYPE plain untyped\nplain{job="a",instance=""} 1.5 %d\n' % T))
    accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;q=0.3"
    status, body, h = s.ask("GET", "/federate?match[]=h_gauge&match[]=h_ints&match[]=plain", Accept=accept)
    check("protobuf on request", (status, h["Content-Type"].split(";")[0]), (200, "application/vnd.google.protobuf"))
    got, at = [], 0
    while at < len(body):
        size, at = read_varint(body, at)
        family = fields(body[at:at + size])
        at += size
        head = dict(family)
        metric = dict(fields(head[4]))
        pairs = [dict(fields(v)) for n, v in fields(head[4]) if n == 1]
        got.append((head[1], head[3], {p[1]: p[2] for p in pairs}, 7 in metric, metric[6]))
        if 7 in metric:
            hist = dict(fields(metric[7]))
            check("its count", double(hist[4]), float(expected(head[1].decode()[2:])[-1][1]))
    both = {b"job": b"a", b"instance": b""}
    check("families", got, [(b"h_gauge", 5, both, True, T - 199500), (b"h_ints", 4, both, True, T - 199000), (b"plain", 3, both, False, T)])
    check("text where it weighs more", s.ask("GET", "/federate?match[]=plain", Accept=accept.replace("0.3", "0.9"))[2]["Content-Type"].split(";")[0],
          "text/plain")


def export(s):
    status, body, _ = s.get("/api/v1/export", **{"match[]": '{__name__=~"h_.*"}'})
    lines = [json.loads(x) for x in body.splitlines()]
    check("a line a series", len(lines), len(SERIES) + 1)
    mixed = [x for x in lines if x["metric"]["__name__"] == "h_mixed"][0]
    check("both in one", mixed, {"metric": {"__name__": "h_mixed"}, "values": [4.5], "timestamps": [T - 2000], "histograms": [
        [T - 1000, {"schema": 0, "count": 1, "sum": 1.5, "positive": [[1, 1]]}]]})
    check("import", s.ask("POST", "/api/v1/import?db=again", "x")[0], 404)
    again = body.replace(b'"__name__":"h_', b'"__name__":"g_')
    check("import", s.ask("POST", "/api/v1/import", again)[0], 204)
    back = s.get("/api/v1/export", **{"match[]": '{__name__=~"g_.*"}'})[1]
    order = lambda b: sorted(b.splitlines())
    check("export again is the same", order(back.replace(b'"__name__":"g_', b'"__name__":"h_')), order(body))
    bad = '{"metric":{"__name__":"bad"},"values":[],"timestamps":[],"histograms":[[1,%s]]}'
    for what in ("1", '{"schema":9000000000}', '{"positive":[[1]]}', '{"count":"x"}', '{"hint":"no"}', '{"count":1,"positive":[[0,2]]}'):
        check("refused: " + what, s.ask("POST", "/api/v1/import", bad % what)[0], 400)


def fields_of_tables(s):
    """A metric that is one of several fields of its table."""
    lines = "".join("multi,host=%s a=%d,b=%d %d\n" % (h, i, i * 2, (NOW - 10 + i) * 10**9) for h in "xy" for i in range(10))
    lines += "multi,host=x a=77 %d\n" % ((NOW + 5) * 10**9)
    check("rows", s.ask("POST", "/write", lines)[0], 204)
    count = lambda q: sum(len(r["values"]) for r in s.data("/api/v1/query", query=q + "[1h]", time=NOW + 60)["result"])
    remove = lambda **p: s.ask("POST", "/api/v1/admin/tsdb/delete_series?" + ways.urllib.parse.urlencode(p, True))[0]
    check("before", (count("multi_a"), count("multi_b")), (21, 20))
    check("one field of one series", remove(**{"match[]": 'multi_a{host="x"}', "start": NOW - 8}), 204)
    check("its values are gone", (count('multi_a{host="x"}'), count('multi_a{host="y"}'), count("multi_b")), (2, 10, 20))
    check("both fields of the rest", remove(**{"match[]": ['multi_a{host="y"}', 'multi_b{host="y"}']}), 204)
    check("the series is gone", (count('{__name__=~"multi_.*",host="y"}'), count('multi_b{host="x"}')), (0, 10))
    check("again", remove(**{"match[]": "multi_a"}), 204)
    check("only b is left", (count("multi_a"), count("multi_b")), (0, 10))
    check("written later it is seen", s.ask("POST", "/write", "multi,host=x a=5 %d\n" % (NOW * 10**9))[0], 204)
    check("it is", count("multi_a"), 1)
    rows = s.get("/api/v1/export", **{"match[]": ["multi_b", '{__name__=~"multi_.*"}']})[1].splitlines()
    check("and in an export", sorted(json.loads(r)["metric"]["__name__"] for r in rows), ["multi_a", "multi_b"])
    check("clean_tombstones", s.ask("PUT", "/api/v1/admin/tsdb/clean_tombstones")[0], 204)
    check("as before", (count("multi_a"), count("multi_b")), (1, 10))


def times_of_labels(s):
    s.ask("POST", "/write", "old,zone=ancient v=1 %d\nnew,zone=modern v=1 %d\n" % (10**18, NOW * 10**9))
    s.ask("POST", "/write", "old,era=late v=1 %d\n" % (NOW * 10**9))
    for params, zones, names in (({}, ["ancient", "modern"], True), ({"start": NOW - 60}, ["modern"], True),
                                 ({"end": 1000000001}, ["ancient"], True), ({"start": 5, "end": 6}, [], False)):
        check("values %r" % params, s.data("/api/v1/label/zone/values", **params), zones)
        check("labels %r" % params, "zone" in s.data("/api/v1/labels", **params), bool(zones))
        check("names %r" % params, bool(s.data("/api/v1/label/__name__/values", **params)), names)
    check("old names", s.data("/api/v1/label/__name__/values", end=1000000001), ["old_v"])
    check("all labels of then", s.data("/api/v1/labels", end=1000000001), ["__name__", "zone"])


def kept_lists(s):
    """Lists of what lies in files are kept: whatever changes them must be seen."""
    zones = lambda **p: s.data("/api/v1/label/zone/values", **p)
    series = lambda m, **p: len(s.data("/api/v1/series", **{"match[]": m}, **p))
    for when in ("fresh", "in files", "once more"):
        if when == "in files":
            s.restart()
        times_of_labels(s) if when == "fresh" else None
        check("zones " + when, (zones(), zones(end=1000000001), zones(start=5, end=6)),
              (["ancient", "modern"], ["ancient"], []))
        check("by selector " + when, (zones(**{"match[]": "new_v"}), series("new_v"), series("new_v", end=1000000001)), (["modern"], 1, 0))
        check("limits " + when, (zones(limit=1), zones(limit=2)), (["ancient"], ["ancient", "modern"]))
    s.ask("POST", "/write", "new,zone=modern v=2 %d\n" % 10**18)
    check("an old row of a series that is there", (zones(end=1000000001), series("new_v", end=1000000001)), (["ancient", "modern"], 1))
    s.ask("POST", "/write", "new,zone=next v=2 %d\n" % (NOW * 10**9))
    check("a new series", (zones(), zones(end=1000000001), series("new_v")), (["ancient", "modern", "next"], ["ancient", "modern"], 2))
    s.restart()
    check("in files again", (zones(), series("new_v"), series('{zone="next"}')), (["ancient", "modern", "next"], 2, 1))
    s.ask("POST", "/write", "third,zone=next v=2 %d\n" % (NOW * 10**9))
    check("a new table", series('{zone="next"}'), 2)
    check("delete", s.ask("POST", "/api/v1/admin/tsdb/delete_series?match[]=third_v")[0], 204)
    check("clean", s.ask("POST", "/api/v1/admin/tsdb/clean_tombstones")[0], 204)


def status(s):
    db = dict(db="counted")
    s.ask("POST", "/query", "q=CREATE+DATABASE+counted", Content_Type="application/x-www-form-urlencoded")
    lines = "".join("cpu,host=%s,dc=%s user=1,sys=2 %d\n" % (h, dc, NOW * 10**9) for h, dc in (("a", "x"), ("b", "x"), ("c", "y")))
    s.ask("POST", "/write?db=counted", lines + "mem,host=a value=1 %d\n" % (NOW * 10**9))
    got = s.data("/api/v1/status/tsdb", **db)
    flat = lambda key: {x["name"]: x["value"] for x in got[key]}
    check("head", [got["headStats"][k] for k in ("numSeries", "numLabelPairs", "minTime", "maxTime")], [7, 8, T, T])
    check("metrics", flat("seriesCountByMetricName"), {"cpu_user": 3, "cpu_sys": 3, "mem": 1})
    check("values", flat("labelValueCountByLabelName"), {"__name__": 3, "host": 3, "dc": 2})
    check("pairs", flat("seriesCountByLabelValuePair"), {"dc=x": 4, "host=a": 3, "__name__=cpu_user": 3, "__name__=cpu_sys": 3,
                                                         "dc=y": 2, "host=b": 2, "host=c": 2, "__name__=mem": 1})
    check("bytes", flat("memoryInBytesByLabelName"), {"__name__": 18, "host": 3, "dc": 2})
    check("limit", len(s.data("/api/v1/status/tsdb", limit=2, **db)["seriesCountByLabelValuePair"]), 2)
    for path, text in (("/-/healthy", b"Prometheus Server is Healthy.\n"), ("/-/ready", b"Prometheus Server is Ready.\n")):
        check(path, s.get(path)[:2], (200, text))
    has("config", s.data("/api/v1/status/config")["yaml"], 'access_log: "true"')
    flags = s.data("/api/v1/status/flags")
    check("flags", (flags["web.cors.origin"], flags["storage.tsdb.path"]), ("http://page", s.dir.name + "/data"))
    info = s.data("/api/v1/status/runtimeinfo")
    check("runtimeinfo", (info["CWD"], info["corruptionCount"], info["goroutineCount"] > 3), (os.getcwd(), 0, True))
    replay = s.data("/api/v1/status/walreplay")
    check("walreplay", (replay["min"], replay["current"]), (0, replay["max"]))


# ---- OTLP: JSON and protobuf are one ----
def any_value(v):
    if isinstance(v, bool):
        return num(2, v)
    return num(3, v) if isinstance(v, int) else dbl(4, v) if isinstance(v, float) else msg(1, v.encode())


def any_json(v):
    kind = "boolValue" if isinstance(v, bool) else "intValue" if isinstance(v, int) else "doubleValue" if isinstance(v, float) else "stringValue"
    return {kind: str(v) if kind == "intValue" else v}


def attributes(number, d):
    return b"".join(msg(number, msg(1, k.encode()) + msg(2, any_value(v))) for k, v in d.items())


def attributes_json(d):
    return [{"key": k, "value": any_json(v)} for k, v in d.items()]


def otlp_resources(metrics):
    """Two resources; the URL of a schema stands behind the scopes, the resource behind them, too."""
    pb, js = b"", []
    for r in range(2):
        own = {"service.name": "shop%d" % r, "service.instance.id": "i", "host.name": "h%d" % r}
        resource = msg(1, attributes(1, own))
        scopes, scopes_js = b"", []
        for k in range(2):
            items = metrics(r, k)
            scopes += msg(2, msg(1, msg(1, b"lib%d" % k)) + b"".join(msg(2, x) for x, _ in items) + msg(3, b"http://schema"))
            scopes_js.append(({"name": "lib%d" % k}, [x for _, x in items]))
        pb += msg(1, (scopes + resource if r else resource + scopes) + msg(3, b"http://schema"))
        js.append(({"attributes": attributes_json(own)}, scopes_js))
    return pb, js


def otlp_metrics(r, k):
    ns, out = (NOW - 100) * 10**9, []
    for i in range(900):  # more than a piece
        labels = {"n": i, "path": "/some/long/path/%d" % i, "ok": True, "f": 0.5}
        at = ns + (i if r else -i) * 10**6
        point = attributes(7, labels) + ways.fix(3, at) + dbl(4, i + 0.25)
        point_js = {"attributes": attributes_json(labels), "timeUnixNano": str(at), "asDouble": i + 0.25}
        out.append((msg(1, b"gauge.%d" % k) + msg(3, b"By") + msg(5, msg(1, point)), {"name": "gauge.%d" % k, "unit": "By", "gauge": {"dataPoints": [point_js]}}))
    hist = ways.fix(3, ns) + ways.fix(4, 6) + dbl(5, 9.5) + num(6, zigzag(1)) + ways.fix(7, 1) + msg(8, num(1, zigzag(-2)) + msg(2, varint(2) + varint(3)))
    hist_js = {"timeUnixNano": str(ns), "count": "6", "sum": 9.5, "scale": 1, "zeroCount": "1", "positive": {"offset": -2, "bucketCounts": ["2", "3"]}}
    out.append((msg(1, b"exp.%d" % k) + msg(10, msg(1, hist) + num(2, 2)),
                {"name": "exp.%d" % k, "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [hist_js]}}))
    delta = ways.fix(3, ns) + dbl(4, 1)
    out.append((msg(1, b"delta.%d" % k) + msg(7, msg(1, delta) + num(2, 1) + num(3, 1)),
                {"name": "delta.%d" % k, "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [{"timeUnixNano": str(ns), "asDouble": 1}]}}))
    return out


def otlp_logs(r, k):
    out = []
    for i in range(900):
        ns, body = (NOW - 100) * 10**9 + i * 10**6, "message %d of a text that takes its place" % i
        out.append((ways.fix(1, ns) + num(2, 9) + msg(3, b"INFO") + msg(5, msg(1, body.encode())) + attributes(6, {"a": i}),
                    {"timeUnixNano": str(ns), "severityNumber": 9, "severityText": "INFO", "body": {"stringValue": body}, "attributes": attributes_json({"a": i})}))
    return out


def otlp(s):
    for path, items, names in (("metrics", otlp_metrics, ("resourceMetrics", "scopeMetrics", "metrics")), ("logs", otlp_logs, ("resourceLogs", "scopeLogs", "logRecords"))):
        pb, js = otlp_resources(items)
        js = {names[0]: [{"resource": r, names[1]: [{"scope": sc, names[2]: x} for sc, x in scopes]} for r, scopes in js]}
        answers, rows = [], []
        for name, body, kind in (("pb", pb, "application/x-protobuf"), ("js", json.dumps(js), "application/json")):
            s.ask("POST", "/query", "q=CREATE+DATABASE+%s%s" % (path, name), Content_Type="application/x-www-form-urlencoded")
            status, answer, _ = s.ask("POST", "/v1/%s?db=%s%s" % (path, path, name), body, Content_Type=kind)
            answers.append(status)
            lines = s.get("/api/v1/export", **{"match[]": '{__name__=~".+"}', "db": path + name})[1].splitlines()
            rows.append(sorted(lines))
        check("OTLP %s, both" % path, answers, [200, 200])
        check("OTLP %s: a body of several pieces" % path, len(pb) > 4 * 65536, True)
        samples = sum(len(json.loads(x)["values"]) for x in rows[0])
        check("OTLP %s: many rows" % path, samples, 3602 if path == "metrics" else 3600)
        check("OTLP %s: the same rows" % path, [x for x in rows[0] if x not in set(rows[1])][:3], [])
        check("OTLP %s: as many" % path, len(rows[0]), len(rows[1]))
    check("OTLP cut short", s.ask("POST", "/v1/logs", pb[:-7], Content_Type="application/x-protobuf")[0], 400)


PARTS = (histograms, numbers_and_histograms, federation, export, fields_of_tables, kept_lists, status, otlp)
if __name__ == "__main__":
    sys.exit(ways.main(PARTS))
