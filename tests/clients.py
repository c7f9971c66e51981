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
    """Only its test and what the editor lists: the server does not speak SELECT of InfluxQL."""
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
    check("influx: nothing", ask('SHOW TAG KEYS FROM "o\'clock"'), {"statement_id": 0})
    check("influx: two", len(json.loads(c.get("/query", q="SHOW MEASUREMENTS; SHOW SERIES", db="telegraf")[1])["results"]), 2)
    check("influx: no database", ask("SHOW MEASUREMENTS", db=""), {"statement_id": 0, "error": "database name required"})
    check("influx: another", ask("SHOW MEASUREMENTS ON nosuch"), {"statement_id": 0, "error": "database not found: nosuch"})
    for q in ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /c.*/", "SHOW TAG VALUES FROM cpu", "SHOW TAG KEYS FROM /c/", "SHOW SERIES LIMIT 5", "SHOW TAG KEYS FROM",
              "SHOW TAG VALUES WITH KEY IN (host", "SHOW TAG VALUES WITH KEY = ", "SHOW MEASUREMENTS cpu", "SELECT usage_idle FROM cpu", "DROP MEASUREMENT cpu"):
        check("influx: refused: " + q, ask(q), (400, "error parsing query:"))


PARTS = (telegraf_1, telegraf_2, grafana_prometheus, grafana_postgres, grafana_influx)
if __name__ == "__main__":
    sys.exit(ways.main(PARTS))
