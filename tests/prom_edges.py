#!/usr/bin/env python3
"""The edges of Prometheus' API, request by request: python3 tests/prom_edges.py BUILD_DIR.

Debian's Prometheus and the server get the same samples and then the same requests: odd times, limits, durations,
repeated parameters, forms, names that do not exist, methods that a path does not take.  Status and JSON must be the
same; where Skulk follows Prometheus 3 or differs on purpose a row of DIFFERENCES says why, and a row that nothing needs
is an error.  Without /usr/bin/prometheus it is skipped."""
import http.client, json, math, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ways
from ways import Server, dbl, msg, num, snappy

END = int(time.time()) // 60 * 60 - 600
START = END - 3600
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# ---- the samples ----
def series(labels, values, exemplars=()):
    out = b"".join(msg(1, msg(1, k.encode()) + msg(2, v.encode())) for k, v in sorted(labels.items()))
    out += b"".join(msg(2, dbl(1, v) + num(2, t)) for t, v in values)
    for t, v, own in exemplars:
        out += msg(3, b"".join(msg(1, msg(1, k.encode()) + msg(2, x.encode())) for k, x in own.items()) + dbl(2, v) + num(3, t))
    return msg(1, out)


def samples():
    times = [(START + 15 * k) * 1000 for k in range(241)]
    out = b""
    for i, host in enumerate(("a", "b", "c")):
        for code in ("200", "500"):
            labels = {"__name__": "req_total", "job": "app", "instance": host, "code": code}
            ex = [(times[20], 0.5 + i, {"trace_id": "t%d" % i})] if code == "200" else ()
            out += series(labels, [(t, float(k * (i + 1))) for k, t in enumerate(times)], ex)
        out += series({"__name__": "up", "job": "app", "instance": host}, [(t, 1.0) for t in times])
        out += series({"__name__": "temp", "job": "lab", "instance": host, "note": 'say "hi" \\ \n é'},
                      [(t, (-1) ** k * k / 7) for k, t in enumerate(times)])
    for le, n in (("0.1", 1), ("1", 3), ("+Inf", 4)):
        out += series({"__name__": "lat_bucket", "job": "app", "le": le}, [(t, float(k * n)) for k, t in enumerate(times)])
    out += series({"__name__": "odd", "kind": "nan"}, [(t, math.nan) for t in times])
    out += series({"__name__": "odd", "kind": "inf"}, [(t, math.inf) for t in times])
    out += series({"__name__": "odd", "kind": "small"}, [(t, 1e-9) for t in times])
    return out + series({"__name__": "early"}, [(t, 2.0) for t in times[:100]])


# ---- the requests: (method, path, parameters as a list of pairs, form or None) ----
def requests():
    q, r = "/api/v1/query", "/api/v1/query_range"
    out = []

    def get(path, *pairs, **named):
        out.append(("GET", path, list(pairs) + list(named.items()), None))

    def post(path, form, *pairs):
        out.append(("POST", path, list(pairs), form))

    rng = dict(start=END - 300, end=END, step=60)
    # values and their JSON
    for text in ("up", "odd", "temp", "1", "NaN", "-Inf", '"text"', "up[1m]", "req_total[30s]", "vector(1)", "time()", "odd * 1e30", "1e-7", "1e21",
                 "123456789012345680000", "0.1+0.2", "-0", "sum by (job) (rate(req_total[5m]))", "sort_desc(temp)", "topk(2, temp)",
                 "absent(nope)", "nope", "histogram_quantile(0.9, lat_bucket)", "count_values(\"v\", up)", "label_replace(up, \"x\", \"$1\", \"instance\", \"(.*)\")",
                 "early", "early offset 30m", "up @ 0", "up @ end()", "{job=\"app\"}"):
        get(q, query=text, time=END)
    # errors of the language
    for text in ("", " ", "up{", "up{a=b}", "sum(", "rate(up)", "up + \"a\"", "1 + on(a) 2", "foo bar", "up{job=~\"(\"}", "{}", "{a=\"\"}", "up[5m",
                 "up offset", "up[0s]", "sum(up) by", "unknown(up)", "up * on(job) req_total", "req_total / on(code) up", "label_replace(up, \"~\", \"\", \"a\", \"b\")",
                 "quantile(up, up)", "up[5m] + 1", "-\"a\"", "up[5m][5m]", "histogram_quantile(0.9)", "\"unterminated", "up{a=\"\\q\"}", "0x", "1e", "up == bool", "1 == 2",
                 "label_join(up, \"instance\", \"-\")", "up unless on () vector(1)", "absent_over_time(up)"):
        get(q, query=text, time=END)
        get(r, query=text, **rng)
    # times
    for t in ("", "0", "-1", "-1.5", str(END), "%d.5" % END, "%d.4996" % END, "1e9", "1e12", "1e18", "1e400", "NaN", "Inf", "-Inf", "now", "now-1h", "2020-01-01T00:00:00Z",
              "2020-01-01T00:00:00.123456789Z", "2020-01-01T00:00:00+02:00", "2020-01-01 00:00:00", "2020-01-01", "0x10", " 5", "5 ", "5s", "1_000", "+5", ".5", "5.",
              "-9223372036854775", "9223372036854776", "292277025-08-18T07:12:54.999999999Z", "-292273086-05-16T16:47:06Z", "2020-13-01T00:00:00Z", "2020-01-01t00:00:00z"):
        if t != "":
            get(q, query="time()", time=t)
        get(r, query="up", start=t, end=END, step=60)
        get("/api/v1/labels", start=t)
        get("/api/v1/series", ("match[]", "up"), ("end", t))
        get("/api/v1/query_exemplars", query="req_total", start=t, end=END)
    # durations
    for d in ("", "0", "-1", "1", "0.5", "1e3", "1m", "1m30s", "30s1m", "1.5m", "90s", "1h", "1d", "1w", "1y", "1ms", "100y", "300y", "1e10", "NaN", "Inf", "-1m", "1M", "m", "5 m", "+5", "0s", "1000000000000", "9223372036"):
        get(q, ("query", "up"), ("time", END), ("timeout", d))
        get(r, query="up", start=END - 300, end=END, step=d)
        get(r, ("query", "up"), ("start", END - 300), ("end", END), ("step", 60), ("timeout", d))
        get(q, ("query", "up"), ("time", END + 200), ("lookback_delta", d))
    get(r, query="up", start=END - 300, end=END, step=0.0001)
    # ranges
    for a, b, s in ((END, END - 1, 60), (END, END, 60), (END - 11000, END, 1), (END - 11001, END, 1), (END - 100, END, 7), (END - 1, END, 0.001), (END - 100, END, 1e6),
                    (-100, 100, 10), (END - 60, END, "0.5s"), (END - 10, END, "1m")):
        get(r, query="up", start=a, end=b, step=s)
    for missing in ("query", "start", "end", "step"):
        get(r, **{k: v for k, v in dict(rng, query="up").items() if k != missing})
    get(r, query="up[5m]", **rng)
    get(r, query='"text"', **rng)
    get(r, query="1", **rng)
    get(q)
    get(q, time=END)
    # repeated parameters, forms
    get(q, ("query", "1"), ("query", "2"), ("time", END))
    get(q, ("query", "1"), ("time", END), ("time", "x"))
    get(q, ("query", "1"), ("time", END), ("unknown", "x"))
    get(q, ("QUERY", "1"), ("time", END))
    post(q, {"query": "1", "time": END})
    post(q, {"query": "1"}, ("query", "2"), ("time", END))
    post(q, {"time": END}, ("query", "2"))
    post(q, {}, ("query", "2"), ("time", END))
    post(r, dict(rng, query="sum(up)"))
    post(r, {"query": "sum(up)"}, *rng.items())
    post("/api/v1/labels", {"match[]": "up"})
    post("/api/v1/labels", {"match[]": "up"}, ("match[]", "odd"))
    post("/api/v1/series", {"match[]": "up", "start": START, "end": END})
    post("/api/v1/series", {"match[]": ["up", "odd"]}, ("match[]", "early"))
    post("/api/v1/query_exemplars", {"query": "req_total", "start": START, "end": END})
    post("/api/v1/label/job/values", {"match[]": "up"})
    post("/api/v1/metadata", {})
    for text in ("query=up&time=%zz", "query=up&time=%", "query=1&&time=5&", "query=1;time=5", "=1&query=1&time=5", "query=%31&time=5", "query=1+%2B+1&time=5", "query&time=5"):
        out.append(("GET", q + "?" + text, [], None))
        out.append(("RAWPOST", q, [], text))
    # labels, values, series
    for path in ("/api/v1/labels", "/api/v1/label/job/values", "/api/v1/label/__name__/values", "/api/v1/label/nope/values", "/api/v1/label/le/values", "/api/v1/label/note/values"):
        get(path)
        get(path, ("match[]", "up"))
        get(path, ("match[]", "up"), ("match[]", "odd"))
        get(path, ("match[]", "{job=\"app\",instance!=\"a\"}"))
        get(path, ("match[]", "nope"))
        get(path, ("match[]", "{}"))
        get(path, ("match[]", "up{"))
        get(path, ("match[]", "sum(up)"))
        get(path, ("match[]", ""))
        get(path, ("start", END), ("end", START))
        get(path, ("start", START), ("end", END))
        get(path, ("start", END + 86400), ("end", END + 90000))
    for sel in ("up", "{__name__=~\".+\"}", "{job=\"app\"}", "{job!=\"app\",__name__=~\"t.*\"}", "up[5m]", "up offset 5m", "up @ 5", "rate(up[5m])", "{}", "{a=\"\"}", "", "up{", "nope", "up or odd", "1", "{job=~\"(\"}", "up,odd"):
        get("/api/v1/series", ("match[]", sel))
        get("/api/v1/query_exemplars", query=sel, start=START, end=END)
    get("/api/v1/series")
    get("/api/v1/series", ("match[]", "up"), ("match[]", "up"), ("match[]", "{job=\"app\"}"))
    get("/api/v1/series", ("match[]", "up"), ("start", END), ("end", START))
    get("/api/v1/series", ("match[]", "early"), ("start", START + 2000), ("end", END))
    get("/api/v1/series", ("match[]", "early"), ("start", START), ("end", START))
    get("/api/v1/series", ("match", "up"))
    for name in ("", "a%2Fb", "a.b", "9a", "a-b", "U__a_2e_b", "U__", "é", "%C3%A9", "a%20b", "%FF", "__name__/", "job/values"):
        get("/api/v1/label/%s/values" % name)
    # exemplars
    get("/api/v1/query_exemplars", query="req_total")
    get("/api/v1/query_exemplars", query="req_total", start=START, end=END)
    get("/api/v1/query_exemplars", query="rate(req_total[5m]) + up", start=START, end=END)
    get("/api/v1/query_exemplars", query="req_total", start=END, end=START)
    get("/api/v1/query_exemplars", start=START, end=END)
    get("/api/v1/query_exemplars", query="1", start=START, end=END)
    # metadata, targets, rules
    for limit in ("", "0", "1", "-1", "x", "1.5", "99999999999999999999"):
        get("/api/v1/metadata", limit=limit)
        get("/api/v1/metadata", limit_per_metric=limit)
        get("/api/v1/status/tsdb", limit=limit)
        get("/api/v1/targets/metadata", limit=limit)
    get("/api/v1/metadata", metric="nope")
    get("/api/v1/targets/metadata", metric="nope")
    get("/api/v1/targets/metadata", match_target="{job=\"x\"}")
    get("/api/v1/targets/metadata", match_target="{job=")
    for kind in ("", "alert", "record", "foo", "ALERT"):
        get("/api/v1/rules", type=kind)
    get("/api/v1/rules", ("rule_name[]", "x"), ("file[]", "y"), ("rule_group[]", "z"))
    get("/api/v1/rules", ("exclude_alerts", "maybe"))
    for state in ("", "active", "dropped", "any", "foo"):
        get("/api/v1/targets", state=state)
    for path in ("alerts", "alertmanagers", "rules", "targets", "scrape_pools", "notifications", "features"):
        get("/api/v1/" + path)
    # format
    for text in ("up", "sum by(job)(rate(req_total[5m]))", "up{", "", "1+1", "{__name__=\"up\"}", "foo offset -5m", "up@start()", "a and on() b", "-1^2", "sum without() (up)", "up{a='b'}"):
        get("/api/v1/format_query", query=text)
        post("/api/v1/format_query", {"query": text})
    get("/api/v1/format_query")
    # stats
    for stats in ("", "true", "all", "false", "x", "0"):
        get(q, query="sum(up)", time=END, stats=stats)
        get(r, query="sum(up)", stats=stats, **rng)
    for text in ("early", "up + on(instance) group_right req_total", "rate(req_total[61s])", "sum(rate(req_total[301s] offset 1m))", "1", "time()", "vector(1)",
                 "max_over_time(temp[2m1s])", "up @ %d" % END, "rate(req_total[61s] @ end())", "early offset 20m", "nope", "topk(1, temp)", "absent(up)",
                 "max_over_time(rate(req_total[61s])[3m1s:20s])", "sum_over_time(up[1m57s:15s] offset 7s)", "timestamp(up)", "quantile_over_time(0.5, temp[77s])",
                 "count_over_time(early[50m1s])", "sum_over_time((up @ end())[61s:10s])", "histogram_quantile(0.9, rate(lat_bucket[121s]))"):
        get(q, query=text, time=END - 7, stats="all")
        get(r, query=text, stats="all", start=END - 307, end=END - 7, step=25)
    for text in ("req_total[61s]", "up[61s:15s]", "rate(req_total[61s])[3m1s:20s]", "(up @ end())[61s:10s]"):
        get(q, query=text, time=END - 7, stats="all")
    # status
    for path in ("config", "flags", "runtimeinfo", "buildinfo", "tsdb", "walreplay", "tsdb/blocks", "nope"):
        get("/api/v1/status/" + path)
    # paths and methods
    for path in ("/api/v1/nope", "/api/v1/", "/api/v1", "/api/v2/query", "/nope", "/api/v1/query/", "//api/v1/query", "/api/v1/query/x", "/api/v1/Query", "/api/v1/label/values",
                 "/-/healthy", "/-/ready", "/-/nope"):
        get(path)
    for path in (q, r, "/api/v1/labels", "/api/v1/series", "/api/v1/label/job/values", "/api/v1/metadata", "/api/v1/rules", "/api/v1/status/buildinfo", "/api/v1/query_exemplars", "/api/v1/read", "/api/v1/write",
                 "/api/v1/targets", "/federate", "/-/healthy", "/-/ready", "/api/v1/alerts", "/api/v1/format_query"):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            out.append((method, path, [], None))
    for path in ("/api/v1/rules", "/federate", "/api/v1/status/tsdb", "/api/v1/targets", "/-/healthy", "/-/ready"):
        out.append(("POST", path, [], {}))
    out.append(("GET", "/api/v1/read", [], None))
    out.append(("GET", "/api/v1/write", [], None))
    out.append(("RAWPOST", "/api/v1/read", [], "garbage"))
    out.append(("RAWPOST", "/api/v1/write", [], "garbage"))
    out.append(("DELETE", "/api/v1/series", [("match[]", "up")], None))
    # federation: with times of now nothing is in the lookback, the form of errors counts
    get("/federate")
    get("/federate", ("match[]", "up"))
    get("/federate", ("match[]", "up{"))
    get("/federate", ("match[]", "{}"))
    get("/federate", ("match[]", "sum(up)"))
    for path in ("delete_series", "clean_tombstones", "snapshot"):
        get("/api/v1/admin/tsdb/" + path)
    return out


class Side:
    def __init__(self, port):
        self.port, self.c = port, None

    def ask(self, method, path, pairs, form):
        path = urllib.parse.quote(path, safe="/%?&=;+")
        if pairs:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(pairs, True)
        body, headers = None, {}
        if method == "RAWPOST":
            method, body, headers = "POST", form, FORM
        elif form is not None:
            body, headers = urllib.parse.urlencode(form, True), FORM
        for attempt in (0, 1):
            try:
                self.c = self.c or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                self.c.request(method, path, body, headers)
                r = self.c.getresponse()
                text = r.read()
                break
            except (http.client.HTTPException, OSError):
                self.c.close()
                self.c = None
                if attempt:
                    raise
        try:
            doc = json.loads(text)
        except ValueError:
            doc = text.decode(errors="replace")
        return r.status, doc


# (pattern of "METHOD path?parameters", of Prometheus' "status text", of ours, why they differ)
DIFFERENCES = [(re.compile(a), re.compile(b, re.S), re.compile(c, re.S), why) for a, b, c, why in (
    ("", "404", "404", "the text behind a status that says all"),
    ("", "405", "405", "the same"),
    ("", "301", "404", "paths are not made right"),
    ("HEAD", "405", "200|400", "HEAD is taken wherever GET is"),
    ("OPTIONS", "200", "204", ""),
    ("DELETE /api/v1/series", "500.*not implemented", "405", ""),
    ("lookback_delta=", "200", "200|400", "since 2.44"),
    ("/label/[^/]*/values", "400.*invalid label name|404", "200|400", "since 3.0 label names are any UTF-8"),
    ("label_replace.*~", "422.*invalid destination", "200", "the same"),
    (r"query=(up\[1m\]|req_total\[30s\])&", "200", "200", "since 3.0 ranges are open at the left"),
    ("query=up offset&", ".*expected duration", ".*expected number, duration", "durations are expressions in 3.x"),
    ("query=(0x|1e)&", ".*error parsing number", ".*bad number or duration syntax", "the same"),
    ("job=~", r".*missing closing \): `\^\(\?:", r".*missing closing \): `\^\(\?s:", "since 3.0"),
    ("/query_range", "400.*bad_data.*(parse error|invalid expression type)", "400.*bad_data.*invalid parameter .query.*(parse error|invalid expression type)", "since 2.5x the parameter is named"),
    ("up @ 5", ".*<Item 57385>", ".*unexpected <op:@>", "a slip of 2.42"),
    ("req_total", ".*duplicate series", ".*duplicate series", "which two of them are named"),
    ("(start|end|time|timeout|step)=(NaN|-?Inf|1_000|1e18|-?922337203685477.)", "", "400.*(cannot parse|out of range)", "Go takes these, and what it makes of them means nothing"),
    ("time=(1e12|-?292)", "200", "200", "Go's nanoseconds run over"),
    ("2020-01-01t00", "400", "200|400", "RFC 3339 allows small letters"),
    ("timeout=", ".*timed out in query queue", ".*timed out in query execution", "which comes first"),
    ("%zz|=%(.|$)|;time", "", "400", "a damaged text is refused, not left out"),
    ("start=(\\d+)&end=", "200.*\\[", r"200.*data.: \[\]", "newer samples are asked for than the head has: it names all labels"),
    ("/query_exemplars.*query=1&", "204", r"200.*\[\]", "an empty list is a list"),
    ("limit_per_metric=", "200", "400.*must be a number", "since 2.46"),
    ("status/tsdb.limit=(0|-1|x|1.5|9+) ", "200", "400.*limit must be a positive number", "status/tsdb has a limit since 2.46"),
    ("/status/", "", "200", "what a server tells of itself"),
    ("/targets", "200", "200.*droppedTargetCounts", "since 2.48"),
    ("/notifications", "404", "200", "since 3.0"),
    ("RAWPOST /api/v1/(read|write)", "400", "400|415", "the words; a form is no remote write"),
)]


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def near(x, y):
    """Equal, but for the last bits of sums."""
    if isinstance(x, dict) and isinstance(y, dict):
        return x.keys() == y.keys() and all(near(x[k], y[k]) for k in x)
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(map(near, x, y))
    if isinstance(x, str) and isinstance(y, str) and x != y:
        a, b = number(x), number(y)
        return isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-12)
    return x == y


def settled(doc):
    """In the order of labels, without what depends on a clock."""
    data = doc.get("data") if isinstance(doc, dict) else None
    if isinstance(data, dict):
        if data.get("resultType") in ("vector", "matrix"):
            data["result"].sort(key=lambda s: json.dumps(s["metric"], sort_keys=True))
        stats = data.get("stats", {})
        stats.pop("timings", None)
        stats.get("samples", {}).pop("peakSamples", None)  # of Prometheus' own buffers
    return doc


def difference(request, x, y):
    """The row that explains it."""
    method, path, pairs, form = request
    text = "%s %s?%s %s" % (method, path, "&".join("%s=%s" % pair for pair in pairs), form or "")
    for row in DIFFERENCES:
        if row[0].search(text) and row[1].match("%d %s" % (x[0], x[1])) and row[2].match("%d %s" % (y[0], y[1])):
            return row
    return None


def prometheus(port, directory):
    config = directory + "/p.yml"
    open(config, "w").write("global: {scrape_interval: 1h}\nstorage: {exemplars: {max_exemplars: 1000}}\n")
    log = open(directory + "/p.log", "w")
    p = subprocess.Popen(["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + directory + "/tsdb",
                          "--web.listen-address=127.0.0.1:%d" % port, "--web.enable-remote-write-receiver",
                          "--enable-feature=exemplar-storage,promql-per-step-stats", "--storage.tsdb.retention.time=10y"], stdout=log, stderr=log)
    for _ in range(600):
        try:
            if Side(port).ask("GET", "/-/ready", [], None)[0] == 200:
                return p
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(open(log.name).read())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    if not shutil.which("prometheus"):
        return 77
    ours = Server(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("top_builddir", "."))
    port, scratch = free_port(), tempfile.TemporaryDirectory(prefix="skulk-edges.")
    theirs = prometheus(port, scratch.name)
    asked = failed = 0
    used = set()
    try:
        a, b = Side(port), Side(ours.port)
        body, head = snappy(samples()), {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
        for p in (port, ours.port):
            c = http.client.HTTPConnection("127.0.0.1", p)
            c.request("POST", "/api/v1/write", body, head)
            r = c.getresponse()
            assert r.status in (200, 204), r.read()
        for request in requests():
            x, y = (side.ask(*request) for side in (a, b))
            x, y = (x[0], settled(x[1])), (y[0], settled(y[1]))
            asked += 1
            if near(list(x), list(y)):
                continue
            row = difference(request, x, y)
            if row:
                used.add(row)
                continue
            failed += 1
            print("FAIL %s %s %s %s\n  Prometheus %s %s\n  Skulk      %s %s" % (*request[:3], request[3] or "", x[0], json.dumps(x[1])[:400],
                                                                          y[0], json.dumps(y[1])[:400]))
    finally:
        theirs.terminate()
        theirs.wait()
        ours.stop()
        scratch.cleanup()
    for row in DIFFERENCES:
        if row not in used:
            failed += 1
            print("FAIL nothing needs the row %s" % (row[0].pattern,))
    print("%d requests, %d failed" % (asked, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
