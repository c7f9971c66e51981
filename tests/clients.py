#!/usr/bin/env python3
"""What Telegraf's outputs and Grafana's data sources send, in their order: python3 tests/clients.py BUILD_DIR.

The sequences are those of Telegraf's outputs influxdb and influxdb_v2 and of Grafana's data sources Prometheus,
PostgreSQL and InfluxDB, read in their sources; the answers are judged as those programs judge them.  Each client keeps
one connection, compresses and cuts its bodies as Go's net/http does."""
import gzip, http.client, json, os, subprocess, sys, urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ways
from ways import NOW, Server, check, has

FORM = "application/x-www-form-urlencoded"


class Client:
    """One connection kept, as long as the server keeps it."""

    def __init__(self, s, **headers):
        self.c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
        self.headers = {"Accept-Encoding": "gzip", **headers}

    def send(self, method, path, body=None, chunked=False, **headers):
        headers = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if chunked:  # a body whose length is not known before
            body = iter([body[i:i + 1000] for i in range(0, len(body), 1000)])
        self.c.request(method, path, body, headers, encode_chunked=chunked)
        r = self.c.getresponse()
        data = r.read()
        if r.headers["Content-Encoding"] == "gzip":
            data = gzip.decompress(data)
        return r.status, data, r.headers

    def form(self, path, **params):
        return self.send("POST", path, urllib.parse.urlencode(params, True), Content_Type=FORM)

    def get(self, path, **params):
        return self.send("GET", path + ("?" + urllib.parse.urlencode(params, True) if params else ""))


def metrics(n, extra=""):
    return "".join("cpu,cpu=cpu%d,host=web\\ 1 usage_idle=%d.5,usage_user=%d%s %d\n" % (i % 4, i % 100, i % 7, extra, (NOW - n + i) * 10**9)
                   for i in range(n)).encode()


# ---- Telegraf, [[outputs.influxdb]] ----
def telegraf_1(s):
    """204 is success; a description that has "database not found" makes it create the database; other 4xx are dropped."""
    c = Client(s, **{"User-Agent": "Telegraf/1.33.0 Go/1.23.4"})

    def create(name):
        status, body, _ = c.form("/query", q='CREATE DATABASE "%s"' % name)
        answer = json.loads(body)
        check("telegraf: CREATE DATABASE", (status, [r.get("error") for r in answer["results"]], answer.get("error")), (200, [None], None))

    def write(db, body, packed=True, **params):
        url = "/write?" + urllib.parse.urlencode({"db": db, **params})
        own = dict(Content_Encoding="gzip") if packed else {}
        status, body, _ = c.send("POST", url, gzip.compress(body) if packed else body, chunked=True, Content_Type="text/plain; charset=utf-8", **own)
        return status, json.loads(body)["error"] if body else ""

    create("telegraf")
    create("telegraf")  # at each start
    check("telegraf: metrics", write("telegraf", metrics(5000)), (204, ""))
    check("telegraf: not compressed", write("telegraf", metrics(10), packed=False), (204, ""))
    check("telegraf: consistency", write("telegraf", metrics(10), consistency="any"), (204, ""))
    status, error = write("by_tag", metrics(10))  # database_tag: a database of its own
    check("telegraf: no such database", (status, "database not found" in error), (404, True))
    create("by_tag")
    check("telegraf: again", write("by_tag", metrics(10)), (204, ""))
    status, error = write("telegraf", metrics(10), rp="nosuch")
    check("telegraf: no such policy", (status, "retention policy not found" in error), (404, True))
    status, error = write("telegraf", b"cpu,cpu=cpu0 usage_idle=\"text\"\n" + metrics(1))
    check("telegraf: a conflict", (status, "partial write" in error and "field type conflict" in error), (400, True))
    status, error = write("telegraf", b"cpu,cpu= usage_idle=1\n")
    check("telegraf: not to be parsed", (status, "unable to parse" in error), (400, True))
    check("telegraf: one connection for all", c.c.sock is not None, True)
    rows = json.loads(c.get("/api/v1/query", query="count(count_over_time(cpu_usage_idle[3h]))", time=NOW, db="telegraf")[1])
    check("telegraf: its series are there", rows["data"]["result"][0]["value"][1], "4")


# ---- Telegraf, [[outputs.influxdb_v2]] ----
def telegraf_2(s):
    """Any of 200 to 208 is success; 400, 422, 406 are dropped, 413 is halved, 429 and 503 wait for Retry-After."""
    c = Client(s, **{"User-Agent": "Telegraf", "Authorization": "Token secret"})
    write = lambda bucket, body: c.send("POST", "/api/v2/write?" + urllib.parse.urlencode({"bucket": bucket, "org": "mine"}), gzip.compress(body),
                                        Content_Type="text/plain; charset=utf-8", Content_Encoding="gzip")
    check("telegraf 2: metrics", write("telegraf", metrics(2000))[0], 204)
    check("telegraf 2: a policy", write("telegraf/autogen", metrics(20))[0], 204)
    for what, bucket, body, status in (("a bad line", "telegraf", b"cpu usage_idle=\n", 400), ("a conflict", "telegraf", b'cpu usage_idle="t"\n', 422),
                                       ("no such bucket", "nosuch", metrics(1), 404)):
        got, answer, _ = write(bucket, body)
        answer = json.loads(answer)
        check("telegraf 2: " + what, (got, sorted(answer), bool(answer["message"])), (status, ["code", "message"], True))


# ---- Grafana: Prometheus ----
def grafana_prometheus(s):
    c = Client(s, **{"User-Agent": "Grafana/11.4.0"})
    ok = lambda answer: (answer[0], json.loads(answer[1])["status"])
    data = lambda answer: json.loads(answer[1])["data"]
    start, end = NOW - 3600, NOW
    # save and test; what kind of server it is
    check("grafana: test", data(c.form("/api/v1/query", query="1+1", time="4"))["result"], [4, "2"])
    info = data(c.get("/api/v1/status/buildinfo"))
    check("grafana: buildinfo", (info["version"] >= "2.37", "features" in info), (True, False))
    check("grafana: rules", data(c.get("/api/v1/rules")), {"groups": []})
    # the editor: metrics, labels, values, metadata
    names = data(c.get("/api/v1/label/__name__/values", start=start, end=end, limit=40000, db="telegraf"))
    check("grafana: metrics", names, ["cpu_usage_idle", "cpu_usage_user"])
    check("grafana: labels of a metric", data(c.form("/api/v1/labels", start=start, end=end, **{"match[]": "cpu_usage_idle"}, db="telegraf")),
          ["__name__", "cpu", "host"])
    check("grafana: values", data(c.get("/api/v1/label/cpu/values", start=start, end=end, **{"match[]": '{__name__="cpu_usage_idle"}'}, db="telegraf")),
          ["cpu0", "cpu1", "cpu2", "cpu3"])
    cut = json.loads(c.get("/api/v1/label/cpu/values", limit=2, db="telegraf")[1])
    check("grafana: a list that is cut", (cut["data"], cut["warnings"]), (["cpu0", "cpu1"], ["results truncated due to limit"]))
    check("grafana: series", len(data(c.form("/api/v1/series", start=start, end=end, **{"match[]": "cpu_usage_idle"}, db="telegraf"))), 4)
    check("grafana: metadata", ok(c.get("/api/v1/metadata", limit=5000)), (200, "success"))
    check("grafana: the tree of a query", data(c.get("/api/v1/parse_query", query="rate(a[5m])"))["type"], "call")
    # a panel: range, instant and exemplars of the same expression
    expr = "sum by (cpu) (rate(cpu_usage_idle[1m0s]))"
    panel = data(c.form("/api/v1/query_range", query=expr, start="%d.123" % start, end="%d.5" % end, step="15", db="telegraf"))
    check("grafana: panel", (panel["resultType"], len(panel["result"])), ("matrix", 4))
    check("grafana: table", len(data(c.form("/api/v1/query", query=expr, time="%d.5" % end, db="telegraf"))["result"]), 4)
    check("grafana: exemplars", ok(c.form("/api/v1/query_exemplars", query=expr, start=start, end=end, db="telegraf")), (200, "success"))
    status, body, _ = c.form("/api/v1/query_range", query="rate(", start=start, end=end, step=15)
    check("grafana: an error", (status, json.loads(body)["errorType"]), (400, "bad_data"))
    # alerts
    check("grafana: alerts", data(c.get("/api/v1/alerts")), {"alerts": []})


# ---- Grafana: PostgreSQL ----
IN_PATH = """quote_ident(table_schema) IN (
  SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
  FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1),
                       array_upper(string_to_array(current_setting('search_path'),','),1)) as i,
       string_to_array(current_setting('search_path'),',') s)"""
NOT_OURS = """('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal',
  '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')"""
SQL = (
    ("health", "SELECT 1", "1"),
    ("version", "SELECT current_setting('server_version_num')::int/100 as version", "1500"),
    ("TimescaleDB", "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", "2.0.0"),
    ("schemas", """SELECT schema_name AS "name" FROM information_schema.schemata
      WHERE schema_name NOT IN ('pg_toast', 'skulk', 'idempotency') AND schema_name NOT IN %s ORDER BY schema_name""" % NOT_OURS, "public"),
    ("tables", """SELECT CASE WHEN %s THEN quote_ident(table_name)
      ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
      FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN %s AND table_schema <> 'skulk'
      ORDER BY CASE WHEN %s THEN 0 ELSE 1 END, 1""" % (IN_PATH, NOT_OURS, IN_PATH), "cpu"),
    ("columns", """SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
      WHERE CASE WHEN array_length(parse_ident('cpu'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('cpu'))[1] AND quote_ident(table_name) = (parse_ident('cpu'))[2]
        ELSE quote_ident(table_name) = 'cpu' AND %s END""" % IN_PATH,
     "\"time\"|timestamp with time zone\ncpu|text\nhost|text\nusage_idle|double precision\nusage_user|double precision"),
    ("columns with a schema", """SELECT quote_ident(column_name) FROM information_schema.columns
      WHERE quote_ident(table_schema) = (parse_ident('public.cpu'))[1] AND quote_ident(table_name) = (parse_ident('public.cpu'))[2]
      AND data_type = 'text' ORDER BY 1""", "cpu\nhost"),
    ("panel", """SELECT floor(extract(epoch from time)/3600)*3600 AS "time", cpu AS metric, count(usage_idle) FROM cpu
      WHERE time BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z' AND host IN ('web 1') GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 0""", ""),
    ("variable", "SELECT DISTINCT cpu FROM cpu ORDER BY 1", "cpu0\ncpu1\ncpu2\ncpu3"),
)


def grafana_postgres(s):
    for name, sql, wanted in SQL:
        p = subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(s.pg_port), "-U", "skulk", "-d", "telegraf", "-v", "ON_ERROR_STOP=1",
                            "-c", sql], capture_output=True, text=True, timeout=60)
        check("grafana sql: " + name, (p.stdout or p.stderr).strip(), wanted)


# ---- Grafana: InfluxDB, InfluxQL ----
def grafana_influx(s):
    """Its test, what the editor lists, and panels."""
    c = Client(s, **{"User-Agent": "Grafana/11.4.0"})
    check("influx: another measurement", c.send("POST", "/write?db=telegraf", 'disk,path=/a\\ b used=1i,full=f,what="x" 1\n')[0], 204)

    def ask(q, **params):
        status, body, _ = c.get("/query", q=q, **{"db": "telegraf", "epoch": "ms", **params})
        answer = json.loads(body)
        return answer["results"][0] if status == 200 else (status, answer["error"][:20])

    series = lambda *rows: {"statement_id": 0, "series": [{"name": n, "columns": k, "values": v} for n, k, v in rows]}
    check("influx: test", ask("SHOW measurements"), series(("measurements", ["name"], [["cpu"], ["disk"]])))
    check("influx: measurements, ON", ask('show measurements on "telegraf"', db=""), series(("measurements", ["name"], [["cpu"], ["disk"]])))
    check("influx: tag keys", ask("SHOW TAG KEYS"), series(("cpu", ["tagKey"], [["cpu"], ["host"]]), ("disk", ["tagKey"], [["path"]])))
    check("influx: tag keys of one", ask('SHOW TAG KEYS FROM "disk"'), series(("disk", ["tagKey"], [["path"]])))
    check("influx: field keys", ask("SHOW FIELD KEYS"), series(
        ("cpu", ["fieldKey", "fieldType"], [["usage_idle", "float"], ["usage_user", "float"]]),
        ("disk", ["fieldKey", "fieldType"], [["full", "boolean"], ["used", "integer"], ["what", "string"]])))
    check("influx: tag values", ask('SHOW TAG VALUES FROM cpu WITH KEY = "host"'), series(("cpu", ["key", "value"], [["host", "web 1"]])))
    check("influx: of several", ask('SHOW TAG VALUES FROM "cpu", "disk" WITH KEY IN ("host", path)'), series(
        ("cpu", ["key", "value"], [["host", "web 1"]]), ("disk", ["key", "value"], [["path", "/a b"]])))
    check("influx: series", ask("SHOW SERIES FROM disk"), {"statement_id": 0, "series": [{"columns": ["key"], "values": [["disk,path=/a\\ b"]]}]})
    names = lambda *n: series(("measurements", ["name"], [[x] for x in n]))
    for q, wanted in (("SHOW MEASUREMENTS LIMIT 1", names("cpu")), ("SHOW MEASUREMENTS LIMIT 100 OFFSET 1", names("disk")),
                      ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)^DI/ LIMIT 100", names("disk")),
                      ('SHOW MEASUREMENTS WITH MEASUREMENT = "cpu"', names("cpu")),
                      ("SHOW TAG KEYS FROM /^d/", series(("disk", ["tagKey"], [["path"]]))),
                      ("SHOW TAG KEYS LIMIT 1", series(("cpu", ["tagKey"], [["cpu"]]), ("disk", ["tagKey"], [["path"]]))),
                      ('SHOW TAG VALUES FROM "cpu" WITH KEY = "cpu" WHERE "host" = \'web 1\' AND (cpu =~ /[12]$/ OR nosuch != \'\') LIMIT 1',
                       series(("cpu", ["key", "value"], [["cpu", "cpu1"]]))),
                      ('SHOW TAG VALUES FROM cpu WITH KEY !~ /cpu/', series(("cpu", ["key", "value"], [["host", "web 1"]]))),
                      ("SHOW SERIES FROM /./ WHERE path =~ /\\/a/", {"statement_id": 0, "series": [{"columns": ["key"], "values": [["disk,path=/a\\ b"]]}]}),
                      ("SHOW SERIES WHERE host = 'nosuch'", {"statement_id": 0})):
        check("influx: " + q, ask(q), wanted)
    check("influx: nothing", ask('SHOW TAG KEYS FROM "o\'clock"'), {"statement_id": 0})
    check("influx: two", len(json.loads(c.get("/query", q="SHOW MEASUREMENTS; SHOW SERIES", db="telegraf")[1])["results"]), 2)
    check("influx: no database", ask("SHOW MEASUREMENTS", db=""), {"statement_id": 0, "error": "database name required"})
    check("influx: another", ask("SHOW MEASUREMENTS ON nosuch"), {"statement_id": 0, "error": "database not found: nosuch"})
    for q in ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /c.*", "SHOW TAG VALUES FROM cpu", "SHOW TAG KEYS FROM /c", "SHOW SERIES LIMIT x", "SHOW TAG KEYS FROM",
              "SHOW TAG VALUES WITH KEY IN (host", "SHOW TAG VALUES WITH KEY = ", "SHOW MEASUREMENTS cpu", "SELECT usage_idle FROM", "SELECT FROM cpu",
              "SELECT usage_idle FROM cpu GROUP BY time(1m)", "SELECT mean(usage_idle) FROM cpu LIMIT x", "DROP MEASUREMENT", "DELETE cpu"):
        check("influx: refused: " + q, ask(q), (400, "error parsing query:"))


# ---- InfluxQL: what panels and client libraries ask, with the answers of InfluxDB's rules ----
def influxql(s):
    c, T = Client(s, **{"User-Agent": "Grafana/11.4.0"}), 1767225600
    points = (("a", "eu", 1.5, 1, 0), ("a", "eu", 2.5, 2, 60), ("a", "eu", 4, 3, 180), ("b", "us", 10, 10, 0), ("b", "us", 20, 20, 120))
    body = "".join('load,host=%s,dc=%s v=%s,n=%di,name="x%d" %d\n' % (h, dc, v, n, n, T + t) for h, dc, v, n, t in points)
    c.form("/query", q="CREATE DATABASE iql")
    check("influxql: points", c.send("POST", "/write?db=iql&precision=s", body + "mem,host=a used=5i %d\nmem used=7i %d\n" % (T, T + 60))[0], 204)

    def ask(q, **params):
        status, body, _ = c.form("/query", q=q, **{"db": "iql", "epoch": "s", **params})
        r = json.loads(body)["results"][0] if status == 200 else json.loads(body)
        return r["error"] if "error" in r else [
            [m.get("name"), *([m["tags"]] if "tags" in m else []), m["columns"][1:], [[v[0] - T if v[0] and not params else v[0]] + v[1:] for v in m["values"]]]
            for m in r.get("series", [])]

    span = "WHERE time >= %dms and time <= %dms" % (T * 1000, T * 1000 + 239999)
    panel = 'SELECT mean("v") FROM "load" %s GROUP BY time(1m), "host" fill(%%s)' % span
    hosts = lambda a, b: [["load", {"host": h}, ["mean"], [[60 * i, v] for i, v in enumerate(r) if v != "-"]] for h, r in (("a", a), ("b", b))]
    for fill, a, b in (("null", (1.5, 2.5, None, 4), (10, None, 20, None)), ("none", (1.5, 2.5, "-", 4), (10, "-", 20, "-")),
                       ("previous", (1.5, 2.5, 2.5, 4), (10, 10, 20, 20)), ("linear", (1.5, 2.5, 3.25, 4), (10, 15, 20, None)),
                       ("0", (1.5, 2.5, 0, 4), (10, 0, 20, 0))):
        check("influxql: fill(%s)" % fill, ask(panel % fill), hosts(a, b))
    for q, wanted in (
            ("SELECT * FROM load LIMIT 1", [["load", ["dc", "host", "n", "name", "v"], [[0, "eu", "a", 1, "x1", 1.5]]]]),
            ('SELECT "v", "host" FROM "load" WHERE "host" =~ /^(a|c)$/ ORDER BY time DESC LIMIT 1 OFFSET 1', [["load", ["v", "host"], [[60, 2.5, "a"]]]]),
            ("SELECT count(v) FROM load %s AND host = 'b' GROUP BY time(1m)" % span, [["load", ["count"], [[0, 1], [60, 0], [120, 1], [180, 0]]]]),
            ("SELECT sum(n), max(n), mean(n) FROM load", [["load", ["sum", "max", "mean"], [[0, 36, 20, 7.2]]]]),
            ("SELECT max(v) FROM load", [["load", ["max"], [[120, 20]]]]),
            ("SELECT last(v) AS now FROM load GROUP BY host", [["load", {"host": "a"}, ["now"], [[180, 4]]], ["load", {"host": "b"}, ["now"], [[120, 20]]]]),
            ("SELECT non_negative_derivative(mean(v), 1m) FROM load %s GROUP BY time(1m), dc" % span,
             [["load", {"dc": "eu"}, ["non_negative_derivative"], [[60, 1], [180, 0.75]]], ["load", {"dc": "us"}, ["non_negative_derivative"], [[120, 5]]]]),
            ("SELECT cumulative_sum(v), moving_average(v, 2), elapsed(v, 1s) FROM load WHERE host = 'a'",
             [["load", ["cumulative_sum", "moving_average", "elapsed"], [[0, 1.5, None, None], [60, 4, 2, 60], [180, 8, 3.25, 120]]]]),
            ("SELECT mean(*) FROM load GROUP BY * SLIMIT 1 SOFFSET 1", [["load", {"dc": "us", "host": "b"}, ["mean_n", "mean_v"], [[0, 15, 15]]]]),
            ("SELECT v * 2 + n / 2 AS z, abs(-v) FROM load WHERE host != 'a' AND v > 10", [["load", ["z", "abs"], [[120, 50, 20]]]]),
            ("SELECT max(v) - min(v) FROM load", [["load", ["max_min"], [[0, 18.5]]]]),
            ("SELECT percentile(v, 90), median(v), spread(n), first(name), count(distinct(v)) FROM load",
             [["load", ["percentile", "median", "spread", "first", "count"], [[0, 20, 4, 19, "x10", 5]]]]),
            ("SELECT percentile(v, 25), percentile(v, 5), percentile(v, 100) FROM load",
             [["load", ["percentile", "percentile_1", "percentile_2"], [[0, 1.5, None, 20]]]]),
            ("SELECT count(*) FROM /^(load|mem)$/", [["load", ["count_n", "count_name", "count_v"], [[0, 5, 5, 5]]], ["mem", ["count_used"], [[0, 2]]]]),
            ("SELECT used FROM mem WHERE host = ''", [["mem", ["used"], [[60, 7]]]]),
            ("SELECT used FROM mem WHERE host !~ /a/ OR host = 'a' LIMIT 1", [["mem", ["used"], [[0, 5]]]]),
            ("SELECT used FROM iql.autogen.mem WHERE nosuch = '' GROUP BY host", [["mem", {"host": ""}, ["used"], [[60, 7]]], ["mem", {"host": "a"}, ["used"], [[0, 5]]]]),
            ("SELECT v, nosuch FROM load LIMIT 1", [["load", ["v", "nosuch"], [[0, 1.5, None]]]]),
            ("SELECT nosuch FROM load", []), ("SELECT mean(v) FROM nosuch", []), ("SELECT mean(v) FROM load WHERE time > now() - 1h GROUP BY time(10s)", []),
            ("SELECT mean(v) FROM load WHERE host = 'a''; DROP TABLE load'", "syntax error at or near \"'; DROP TABLE load'\""),
            ("SELECT mean(v) FROM load WHERE time > -9223372036854775807 GROUP BY time(1m, 59s)", "more than 1000000 buckets in a series"),
            ("SELECT v FROM load LIMIT 9223372036854775807 OFFSET 4", [["load", ["v"], [[180, 4]]]]),
            ("SELECT top(v, 2) FROM load", "function top is not supported; ask in SQL on the PostgreSQL port"),
            ("SELECT mean(v), host FROM load", "mixing aggregate and non-aggregate queries is not supported; ask in SQL on the PostgreSQL port"),
            ("SELECT v FROM (SELECT v FROM load)", "a subquery is not supported; ask in SQL on the PostgreSQL port"),
            ("SELECT v FROM nosuch.load", "retention policy not found: nosuch")):
        got = ask(q)
        check("influxql: " + q, got[len("error parsing query: "):] if str(got).startswith("error parsing") else got, wanted)
    check("influxql: times as texts", ask("SELECT used FROM mem LIMIT 1", epoch=""), [["mem", ["used"], [["2026-01-01T00:00:00Z", 5]]]])
    check("influxql: times in ns", ask("SELECT used FROM mem LIMIT 1", epoch="ns"), [["mem", ["used"], [[T * 10**9, 5]]]])
    check("influxql: DELETE", ask("DELETE FROM load WHERE host = 'b' AND time <= %ds" % T), [])
    check("influxql: deleted", ask("SELECT v FROM load WHERE host = 'b'"), [["load", ["v"], [[120, 20]]]])
    check("influxql: DELETE by a field", ask("DELETE FROM load WHERE v > 1"), "fields not allowed in WHERE clause of this statement")
    check("influxql: DROP SERIES", (ask("DROP SERIES FROM load WHERE dc = 'us'"), ask("SELECT count(v) FROM load")), ([], [["load", ["count"], [[0, 3]]]]))
    check("influxql: DROP MEASUREMENT", (ask("DROP MEASUREMENT load"), ask("SELECT v FROM load")), ([], []))


PARTS = (telegraf_1, telegraf_2, grafana_prometheus, grafana_postgres, grafana_influx, influxql)
if __name__ == "__main__":
    sys.exit(ways.main(PARTS))
