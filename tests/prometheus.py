#!/usr/bin/env python3
"""A real Prometheus beside the server: python3 tests/prometheus.py BUILD_DIR [SECONDS [PORT]].

Debian's Prometheus scrapes itself and node exporter and writes everything to the server (remote write 1.0, 2.0 where its
version has it, with metadata and exemplars).  At the end both are asked what dashboards ask; the answers must be the same.
A second Prometheus reads the server's samples through remote read."""
import json, math, os, re, shutil, signal, subprocess, sys, tempfile, time, urllib.parse, urllib.request

QUERIES = """
up
count by (job) (up)
prometheus_tsdb_head_series
rate(prometheus_tsdb_head_samples_appended_total[1m])
sum by (handler, code) (rate(prometheus_http_requests_total[1m]))
histogram_quantile(0.9, sum by (le, handler) (rate(prometheus_http_request_duration_seconds_bucket[1m])))
histogram_quantile(0.99, sum by (le) (rate(prometheus_tsdb_compaction_chunk_range_seconds_bucket[2m])))
process_resident_memory_bytes / 1024 / 1024
rate(process_cpu_seconds_total[1m])
sum by (mode) (rate(node_cpu_seconds_total[1m]))
1 - avg(rate(node_cpu_seconds_total{mode="idle"}[1m]))
100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)
node_load1 + node_load5 > 0
topk(3, node_filesystem_avail_bytes)
node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes
sum by (device) (rate(node_network_receive_bytes_total[1m])) * 8
irate(node_disk_io_time_seconds_total[1m])
predict_linear(node_filesystem_avail_bytes[2m], 3600)
deriv(node_memory_MemFree_bytes[2m])
avg_over_time(node_load1[2m])
max_over_time(go_goroutines[2m])
quantile_over_time(0.5, go_memstats_alloc_bytes[2m])
changes(process_start_time_seconds[2m])
count({__name__=~"node_.*"})
count by (__name__) ({job="node"})
label_replace(node_uname_info, "short", "$1", "nodename", "([^.]*).*")
node_uname_info * on (instance) group_right node_load1
absent(nonexistent)
avg by (job) (scrape_duration_seconds offset 1m)
max_over_time(rate(prometheus_tsdb_head_samples_appended_total[1m])[2m:15s])
sort_desc(sum by (quantile) (go_gc_duration_seconds))
time() - node_boot_time_seconds
stddev by (job) (scrape_samples_scraped)
sum without (cpu, mode) (rate(node_cpu_seconds_total[1m]))
rate(node_cpu_seconds_total[1m]) * on (instance) group_left (nodename) node_uname_info
sum by (nodename, mode) (rate(node_cpu_seconds_total[1m]) * on (instance) group_left (nodename) node_uname_info)
bottomk by (job) (2, scrape_samples_scraped)
count_values("value", node_load1 > bool 0)
node_load1 - node_load1 offset 30s
node_load1 offset -30s
sum(rate(prometheus_http_requests_total[1m] offset 1m)) by (handler)
process_resident_memory_bytes @ end()
rate(node_cpu_seconds_total{mode="user"}[1m] @ start())
absent(up{job="node"})
absent_over_time(nonexistent{job="x"}[5m])
avg_over_time((sum by (job) (up))[1m:10s])
deriv(sum(node_memory_MemFree_bytes)[61s500ms:5s])
label_join(up, "both", "/", "job", "instance")
up and on (job) node_load1 or up unless on (job) node_load1
clamp_max(node_load1, 0.5) == bool node_load1
quantile by (mode) (0.9, rate(node_cpu_seconds_total[1m]))
sum by (le) (increase(prometheus_tsdb_compaction_chunk_size_bytes_bucket[2m]))
group by (job) ({__name__=~"(go|process)_.+"})
resets(process_cpu_seconds_total[2m]) + changes(node_load1[2m])
last_over_time(up[1m]) + present_over_time(up[1m])
stdvar_over_time(node_load1[2m]) + stddev_over_time(node_load1[2m])
hour() + minute(process_start_time_seconds) + day_of_week() + days_in_month()
round(idelta(node_cpu_seconds_total{mode="idle"}[1m]), 0.01)
scalar(sum(up)) * vector(2) ^ 3 % 5
sgn(delta(node_memory_MemFree_bytes[1m]))
""".strip().splitlines()


class Run:
    def __init__(self, build, port):
        self.dir, self.processes = tempfile.mkdtemp(prefix="skulk-prometheus."), []
        self.build, self.base = build, port
        self.skulk, self.prom, self.node, self.reader = (
            "http://127.0.0.1:%d" % (port + i) for i in range(4))

    def start(self, name, *command):
        log = open("%s/%s.log" % (self.dir, name), "w")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def config(self, name, text):
        path = "%s/%s.yml" % (self.dir, name)
        open(path, "w").write(text)
        return path

    def prometheus(self, name, url, config):
        self.start(name, "prometheus", "--config.file=" + self.config(name, config),
                   "--web.listen-address=" + url[7:], "--storage.tsdb.path=%s/%s" % (self.dir, name))

    def up(self):
        self.start("skulk", self.build + "/alopex-skulk", "--data-dir", self.dir + "/skulk", "--pg-port", "0",
                   "--http-port", str(self.base))
        self.start("node", "prometheus-node-exporter", "--web.listen-address=" + self.node[7:])
        self.prometheus("prometheus", self.prom, """
global: {scrape_interval: 5s, scrape_timeout: 4s}
remote_write:
  - url: %s/api/v1/write
    send_exemplars: true
    metadata_config: {send: true, send_interval: 10s}%s
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["%s"]}]
  - job_name: node
    static_configs: [{targets: ["%s"]}]
""" % (self.skulk, "\n    protobuf_message: io.prometheus.write.v2.Request" if version() >= (2, 54) else "",
            self.prom[7:], self.node[7:]))
        self.prometheus("reader", self.reader, "remote_read: [{url: %s/api/v1/read, read_recent: true}]\n" % self.skulk)

    def down(self):
        for p in self.processes:
            p.send_signal(signal.SIGTERM)
        for p in self.processes:
            p.wait(60)
        shutil.rmtree(self.dir)


def version():
    text = subprocess.run(["prometheus", "--version"], capture_output=True, text=True)
    return tuple(int(x) for x in re.search(r"version (\d+)\.(\d+)", text.stdout + text.stderr).groups())


def ask(url, path, **params):
    try:
        with urllib.request.urlopen(url + path + "?" + urllib.parse.urlencode(params, True), timeout=60) as r:
            return json.load(r)["data"]
    except urllib.error.HTTPError as e:
        return {"failed": e.code, "text": e.read().decode(errors="replace")}


def near(a, b):
    a, b = float(a), float(b)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def differs(a, b):
    """None, or the first difference of two answers."""
    if "result" not in a or "result" not in b:
        return "%.200r / %.200r" % (a, b)
    if a["resultType"] != b["resultType"]:
        return "%s / %s" % (a["resultType"], b["resultType"])
    key = lambda s: json.dumps(s["metric"], sort_keys=True)
    one, two = ({key(s): s for s in x["result"]} for x in (a, b))
    if one.keys() != two.keys():
        return "series " + " ".join(sorted(one.keys() ^ two.keys()))[:300]
    for k in one:
        p, q = (s.get("values") or [s["value"]] for s in (one[k], two[k]))
        if [x[0] for x in p] != [x[0] for x in q]:
            return "%s: %d / %d points" % (k, len(p), len(q))
        for x, y in zip(p, q):
            if not near(x[1], y[1]):
                return "%s at %s: %s / %s" % (k, x[0], x[1], y[1])
    return None


def compare(run, end, start):
    failed = 0
    for query in QUERIES:
        for path, params in (("/api/v1/query", {"time": end}),
                             ("/api/v1/query_range", {"start": start, "end": end, "step": 7})):
            answers = [ask(url, path, query=query, **params) for url in (run.prom, run.skulk)]
            d = differs(*answers)
            print("FAIL %s %s: %s" % (path[8:], query, d) if d else "PASS %s %s (%d series)" % (
                path[8:], query, len(answers[0]["result"])))
            failed += d is not None
    for query in ("up", "rate(node_cpu_seconds_total[1m])"):
        params = {"query": query, "start": start, "end": end, "step": 15}
        d = differs(ask(run.prom, "/api/v1/query_range", **params), ask(run.reader, "/api/v1/query_range", **params))
        print("FAIL remote read %s: %s" % (query, d) if d else "PASS remote read " + query)
        failed += d is not None
    told, ours = ask(run.prom, "/api/v1/metadata"), ask(run.skulk, "/api/v1/metadata")
    missing = [m for m in told if m not in ours or told[m][0] not in ours[m]]
    print("FAIL metadata: %s" % missing[:5] if missing else "PASS metadata of %d metrics" % len(told))
    return failed + bool(missing)


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "."
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    run = Run(build, int(sys.argv[3]) if len(sys.argv) > 3 else 18086)
    try:
        run.up()
        begin = time.time() + 240  # 2.42 extrapolates counters near zero in an older way; the longest look back
        time.sleep(seconds)
        end = int(time.time()) - 15  # what is still on its way
        failed = compare(run, end, max(int(begin), end - 600))
    finally:
        run.down()
    print("%d failed" % failed)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
