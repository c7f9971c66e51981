#!/usr/bin/env python3
"""Every query of the sample dashboards against the built server, with Grafana's macros expanded.

    grafana.py SERVER DASHBOARD_DIR

SQL goes through psql, PromQL through /api/v1/query_range, with rows of the last hour in the table cpu."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402  (its start of a server)

NOW = int(time.time())
FROM = NOW - 3600
INTERVAL_S = 60


def rfc3339(t):
    return time.strftime("'%Y-%m-%dT%H:%M:%S.000000000Z'", time.gmtime(t))


def group(column, interval):
    seconds = {"s": 1, "m": 60, "h": 3600}[interval[-1]] * int(interval[:-1])
    return f"floor(extract(epoch from {column})/{seconds})*{seconds}"


MACROS = {
    "time": lambda a: f'{a[0]} AS "time"',
    "timeEpoch": lambda a: f'extract(epoch from {a[0]}) as "time"',
    "timeFilter": lambda a: f"{a[0]} BETWEEN {rfc3339(FROM)} AND {rfc3339(NOW)}",
    "timeFrom": lambda a: rfc3339(FROM),
    "timeTo": lambda a: rfc3339(NOW),
    "timeGroup": lambda a: group(a[0], a[1].strip("'")),
    "timeGroupAlias": lambda a: group(a[0], a[1].strip("'")) + ' AS "time"',
    "unixEpochFrom": lambda a: str(FROM),
    "unixEpochTo": lambda a: str(NOW),
}


def expand(sql, values):
    sql = sql.replace("$__interval_ms", str(INTERVAL_S * 1000)).replace("$__interval", "1m")
    for name, value in values.items():
        sql = sql.replace("$" + name, value)
    return re.sub(r"\$__(\w+)\(([^()]*)\)",
                  lambda m: MACROS[m.group(1)]([x.strip() for x in m.group(2).split(",")]), sql)


def psql(port, sql):
    p = subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(port), "-U", "skulk", "-d", "skulk",
                        "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True)
    return p.returncode == 0, p.stdout or p.stderr


def feed(http):
    lines = [f"cpu,host=server{h},region={'ap' if h % 2 else 'eu'} usage_user={(t // 60 * 7 + h * 13) % 100},"
             f"usage_system={h}.5 {t}" for h in range(4) for t in range(FROM, NOW, 30)]
    urllib.request.urlopen(f"http://127.0.0.1:{http}/write?precision=s", "\n".join(lines).encode()).read()


def promql(http, expr):
    expr = expr.replace("$__rate_interval", "4m").replace("$host", "server1|server2")
    url = f"http://127.0.0.1:{http}/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": expr, "start": FROM, "end": NOW, "step": INTERVAL_S})
    answer = json.load(urllib.request.urlopen(url))
    return answer["status"] == "success" and len(answer["data"]["result"]) > 0, json.dumps(answer)[:300]


def queries(board):
    for v in board["templating"]["list"]:
        yield "variable " + v["name"], v["query"]
    for a in board["annotations"]["list"]:
        yield "annotation " + a["name"], a["target"]["rawSql"]
    for p in board["panels"]:
        for t in p["targets"]:
            yield "panel " + p["title"], t.get("rawSql") or t.get("expr")


def variable(http, query):
    metric, label = re.match(r"label_values\((\w+), (\w+)\)", query["query"]).groups()
    url = f"http://127.0.0.1:{http}/api/v1/label/{label}/values?" + urllib.parse.urlencode({"match[]": metric})
    answer = json.load(urllib.request.urlopen(url))
    return len(answer["data"]) > 0, json.dumps(answer)


def run(server, directory):
    failed = 0
    with tempfile.TemporaryDirectory(prefix="skulk-grafana-") as tmp:
        process, port = wire.start(server, tmp)
        http = int(re.search(r"HTTP on port (\d+)", open(os.path.join(tmp, "log")).read()).group(1))
        try:
            feed(http)
            for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
                for name, query in queries(json.load(open(path))):
                    if isinstance(query, dict):
                        ok, answer = variable(http, query)
                    elif "promql" in path:
                        ok, answer = promql(http, query)
                    else:
                        sql = expand(query, {"host": "'server1','server3'", "region": "ap"})
                        ok, answer = psql(port, sql)
                        ok = ok and answer.strip() != ""
                    print("PASS" if ok else "FAIL", os.path.basename(path), name, "" if ok else answer)
                    failed += not ok
        finally:
            process.terminate()
            process.wait(30)
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(run(sys.argv[1], sys.argv[2]) > 0)
