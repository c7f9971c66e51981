-- QuestDB's words: LATEST ON, SAMPLE BY.
CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, region text TAG, v float8, n int4);
INSERT INTO m VALUES
 ('2026-01-05 00:05:00+00', 'a', 'x', 1, 10), ('2026-01-05 00:25:00+00', 'a', 'x', 3, 30), ('2026-01-05 01:10:00+00', 'a', 'x', 12, 120),
 ('2026-01-05 00:40:00+00', 'b', 'x', 100, 5), ('2026-01-05 04:00:00+00', 'b', 'x', 200, 8), ('2026-01-05 00:10:00+00', 'c', 'y', NULL, NULL), ('2026-01-05 03:59:59+00', 'c', 'y', 7, 1);
-- the newest rows
SELECT * FROM m LATEST ON ts PARTITION BY host ORDER BY host;
SELECT region, host, v FROM m LATEST ON ts PARTITION BY region ORDER BY region;
SELECT host, v FROM m WHERE ts < '2026-01-05 01:00+00' LATEST ON ts PARTITION BY host ORDER BY v DESC NULLS LAST LIMIT 2;
SELECT count(*), max(q.v) FROM m AS q LATEST ON q.ts PARTITION BY q.host, q.region;
SELECT x.host, n.n FROM (SELECT * FROM m LATEST ON ts PARTITION BY host) x JOIN (VALUES ('a', 1), ('c', 3)) n(h, n) ON n.h = x.host ORDER BY 1;
SELECT k, v FROM (VALUES (1, timestamp '2026-01-01', 'old'), (1, '2026-01-02', 'new'), (2, NULL, 'none')) AS t(k, at, v) LATEST ON at PARTITION BY k ORDER BY k;
EXPLAIN (COSTS OFF) SELECT host, v FROM m LATEST ON ts PARTITION BY host;
-- buckets
SELECT ts, avg(v), count(*) FROM m SAMPLE BY 1h ORDER BY ts;
SELECT ts, host, sum(n) FROM m WHERE host <> 'c' SAMPLE BY 30m ORDER BY host, ts;
SELECT host, sum(n) AS s FROM m SAMPLE BY 1d ORDER BY s;
SELECT ts AS t, first(v), last(v), max(ts) FROM m WHERE host = 'a' SAMPLE BY '1 hour' ORDER BY t;
SELECT ts::date AS d, upper(host) AS h, max(v) - min(v) AS spread FROM m SAMPLE BY 1M ORDER BY h;
SELECT ts, count(*) FROM m SAMPLE BY 1w;
SELECT ts, count(*) FROM m SAMPLE BY 5d;
SELECT ts, count(*) FROM m SAMPLE BY 2h HAVING count(*) > 1 ORDER BY ts;
-- filling: from the first bucket of all hosts to the last
SELECT ts, host, sum(n) FROM m SAMPLE BY 1h FILL(NULL) ORDER BY host, ts;
SELECT ts, host, sum(n), avg(v), max(v) FROM m WHERE host <> 'c' SAMPLE BY 1h FILL(PREV, LINEAR, -1) ORDER BY host, ts;
SELECT ts, count(*) FROM m SAMPLE BY 1h FILL(0) ORDER BY ts;
SELECT ts, avg(v) AS a FROM m WHERE host = 'b' SAMPLE BY 1h FILL(LINEAR) ORDER BY ts;
SELECT ts, avg(v) AS a FROM m WHERE host = 'b' SAMPLE BY 1h FILL(NONE) ORDER BY ts;
SELECT ts, sum(n) FROM m WHERE host = 'nobody' SAMPLE BY 1h FILL(PREV) ORDER BY ts;
SELECT ts, sum(n) FROM m SAMPLE BY 1h FROM '2026-01-05 01:00+00' TO '2026-01-05 06:00+00' FILL(NULL) ORDER BY ts;
SELECT ts, sum(n) FROM m SAMPLE BY 50m FROM '2026-01-05 00:20+00' TO '2026-01-05 03:00+00' FILL(0) ORDER BY ts;
SELECT ts, sum(n) FROM m SAMPLE BY 1h TO '2026-01-05 02:30+00' FILL(0) ORDER BY ts;
SELECT count(*) FROM (SELECT ts, sum(n) FROM m SAMPLE BY 1s FILL(PREV)) t;
-- alignment
SELECT ts, count(*) FROM m SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'Europe/Berlin' ORDER BY ts;
SELECT ts, count(*) FROM m SAMPLE BY 1h FILL(0) ALIGN TO CALENDAR WITH OFFSET '00:30' ORDER BY ts;
SELECT ts, count(*) FROM m SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'Asia/Kolkata' WITH OFFSET '02:00' ORDER BY ts;
SELECT ts, count(*) FROM m SAMPLE BY 1h ALIGN TO FIRST OBSERVATION ORDER BY ts;
SELECT ts, count(*) FROM m WHERE host = 'b' SAMPLE BY 90m FILL(NULL) ALIGN TO FIRST OBSERVATION ORDER BY ts;
SELECT ts, count(*) FROM (SELECT * FROM m WHERE region = 'x') AS q SAMPLE BY 2h ALIGN TO FIRST OBSERVATION ORDER BY ts;
-- the words are names elsewhere
SELECT sample.v AS fill, 1 AS align FROM m AS sample WHERE sample.n = 10;
SELECT latest.v AS calendar FROM m JOIN m latest ON latest.ts = m.ts WHERE m.n = 10;
-- errors
SELECT * FROM m, m AS k LATEST ON ts PARTITION BY host;
SELECT * FROM m LATEST ON nix PARTITION BY host;
SELECT ts, avg(v) FROM m SAMPLE BY 1x;
SELECT ts, avg(v) FROM m SAMPLE BY '0h';
SELECT x, count(*) FROM (VALUES (1)) AS t(x) SAMPLE BY 1h;
SELECT m.ts, count(*) FROM m, m AS k SAMPLE BY 1h;
SELECT ts, sum(n), avg(v) FROM m SAMPLE BY 1h FILL(NULL, NULL, NULL);
SELECT ts, sum(n), avg(v), max(v) FROM m SAMPLE BY 1h FILL(NULL, PREV);
SELECT ts, max(host) FROM m SAMPLE BY 1h FILL(LINEAR);
SELECT ts, sum(n) FROM m SAMPLE BY 1h FILL(NEXT);
SELECT ts, sum(n) FROM m SAMPLE BY 1h FROM '2026-01-05' ALIGN TO FIRST OBSERVATION;
