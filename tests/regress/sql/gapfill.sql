-- time_bucket_gapfill, locf, interpolate: what TimescaleDB's manual says.
CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, v float8, n int4);
INSERT INTO m VALUES
 ('2026-01-01 00:05:00+00', 'a', 1, 10), ('2026-01-01 00:25:00+00', 'a', 3, 30),
 ('2026-01-01 01:10:00+00', 'a', 12, 120), ('2026-01-01 02:55:00+00', 'a', NULL, 7),
 ('2026-01-01 00:40:00+00', 'b', 100, 5), ('2026-01-01 04:00:00+00', 'b', 200, 8),
 ('2025-12-31 22:00:00+00', 'a', -4, -40), ('2026-01-01 09:00:00+00', 'a', 40, 400);
-- bounds from WHERE: the end is not part of it, a bucket that it cuts is
SELECT time_bucket_gapfill('1 hour', ts) AS b, avg(v), count(*) FROM m
 WHERE ts >= '2026-01-01 00:00+00' AND ts < '2026-01-01 05:00+00' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m
 WHERE ts > '2026-01-01 00:30+00' AND ts <= '2026-01-01 04:00+00' GROUP BY 1 ORDER BY 1;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m
 WHERE ts BETWEEN '2025-12-31 23:59:59.999999+00' AND '2026-01-01 01:59:59.999999+00' AND host = 'a' GROUP BY 1 ORDER BY 1;
-- per group; the constant may stand on the left; several bounds
SELECT time_bucket_gapfill('1 hour', ts) AS b, host, locf(avg(v)), interpolate(avg(v)), coalesce(avg(v), 0) AS c, round(locf(sum(n)) / 2.0, 1) AS half
 FROM m WHERE '2026-01-01 00:00+00' <= ts AND ts >= '2025-01-01' AND ts < '2026-01-01 05:00+00' AND ts < '2027-01-01' GROUP BY host, b ORDER BY host, b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, host, locf(avg(v), treat_null_as_missing => true) AS l FROM m
 WHERE ts >= '2026-01-01 00:00+00' AND ts < '2026-01-01 05:00+00' GROUP BY host, b ORDER BY host, b;
-- the rows before and behind
SELECT time_bucket_gapfill('1 hour', ts) AS b, host,
  locf(avg(v), (SELECT v FROM m p WHERE p.host = m.host AND p.ts < '2026-01-01 02:00+00' ORDER BY p.ts DESC LIMIT 1)) AS l,
  interpolate(avg(v), (SELECT (p.ts, p.v) FROM m p WHERE p.host = m.host AND p.ts < '2026-01-01 02:00+00' ORDER BY p.ts DESC LIMIT 1),
                      (SELECT (p.ts, p.v) FROM m p WHERE p.host = m.host AND p.ts >= '2026-01-01 06:00+00' ORDER BY p.ts LIMIT 1)) AS i
 FROM m WHERE ts >= '2026-01-01 02:00+00' AND ts < '2026-01-01 06:00+00' GROUP BY b, host ORDER BY host, b;
-- whole numbers stay whole
SELECT time_bucket_gapfill('20 min', ts) AS b, interpolate(max(n)) AS i, interpolate(max(n)::float4) AS f4, interpolate(avg(n)) AS nu, pg_typeof(interpolate(max(n))), pg_typeof(interpolate(avg(n))) FROM m
 WHERE host = 'a' AND ts >= '2026-01-01' AND ts < '2026-01-01 01:30+00' GROUP BY b ORDER BY b;
-- start and finish as arguments; rows outside stay
SELECT time_bucket_gapfill('1 hour', ts, '2026-01-01 03:00+00', '2026-01-01 06:00+00') AS b, sum(n) FROM m WHERE host = 'a' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts, start => '2026-01-01 03:00+00', finish => '2026-01-01 05:00+00') AS b, sum(n) FROM m WHERE host = 'b' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts, '2026-01-01 03:00+00'::timestamptz) AS b, sum(n) FROM m WHERE host = 'b' AND ts < '2026-01-01 05:00+00' GROUP BY b ORDER BY b;
-- no row at all: one group is filled, no group is not
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n), locf(sum(n)) FROM m WHERE ts >= '2030-01-01' AND ts < '2030-01-01 03:00' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, host, sum(n) FROM m WHERE ts >= '2030-01-01' AND ts < '2030-01-01 03:00' GROUP BY b, host ORDER BY b;
-- months, zones, clock changes
SELECT time_bucket_gapfill('1 month', ts) AS b, sum(n) FROM m WHERE ts >= '2025-11-15' AND ts < '2026-03-01 00:00:01' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 day', ts, 'Europe/Berlin') AS b, count(*) FROM m WHERE ts >= '2026-03-27 12:00+00' AND ts < '2026-03-31 00:00+00' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts, 'Europe/Berlin') AS b, count(*) FROM m WHERE ts >= '2026-10-24 23:00+00' AND ts < '2026-10-25 04:00+00' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts, 'Europe/Berlin') AS b, count(*) FROM m WHERE ts >= '2026-03-28 23:00+00' AND ts < '2026-03-29 04:00+00' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 month', ts, 'America/New_York', '2026-02-10', '2026-05-02') AS b, count(*) FROM m WHERE ts < '2000-01-01' GROUP BY b ORDER BY b;
-- other types of time
SELECT time_bucket_gapfill('1 day', d) AS b, sum(x) FROM (VALUES (date '2026-01-02', 1), ('2026-01-04', 2)) AS t(d, x) WHERE d >= '2026-01-01' AND d < '2026-01-06' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill('1 day', d) AS b, sum(x) FROM (VALUES (timestamp '2026-01-02 13:00', 1), ('2026-01-04', 2)) AS t(d, x) WHERE d >= '2026-01-01' AND d < '2026-01-06' GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill(10, d) AS b, locf(sum(x)) FROM (VALUES (12, 1), (35, 2)) AS t(d, x) WHERE d >= 1 AND d < 60 GROUP BY b ORDER BY b;
SELECT time_bucket_gapfill(10, d, -15, 20) AS b, sum(x) FROM (VALUES (12, 1), (35, 2)) AS t(d, x) GROUP BY b ORDER BY b;
-- a window, HAVING, LIMIT, sub-selects
SELECT b, s, sum(s) OVER (ORDER BY b) FROM (SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) AS s FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-01 05:00' GROUP BY 1) t WHERE b > '2026-01-01 01:00' ORDER BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) AS s, lag(sum(n)) OVER (ORDER BY time_bucket_gapfill('1 hour', ts)) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-01 05:00' GROUP BY 1 HAVING sum(n) > 10 ORDER BY b LIMIT 3 OFFSET 1;
SELECT time_bucket_gapfill('1 hour', ts) AS b, max(host), extract(hour FROM time_bucket_gapfill('1 hour', ts)) AS h FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-01 05:00' GROUP BY 1 ORDER BY b DESC LIMIT 2;
SELECT count(*), min(b), max(b) FROM (SELECT time_bucket_gapfill('1 ms', ts) AS b, host FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-01 00:10:00' GROUP BY 1, 2) t;
-- errors
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m WHERE ts >= '2026-01-01' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts), n FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02';
SELECT sum(n) FROM m WHERE time_bucket_gapfill('1 hour', ts) > '2026-01-01';
SELECT time_bucket_gapfill('0 hours', ts) AS b, sum(n) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m WHERE ts >= '2026-01-01' AND ts < 'infinity' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m WHERE ts >= NULL AND ts < '2026-01-01' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, time_bucket_gapfill('2 hours', ts) AS c, sum(n) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY b, c;
SELECT locf(sum(n)) FROM m;
SELECT interpolate(sum(n)), host FROM m GROUP BY host;
SELECT host FROM m WHERE locf(n) > 1;
SELECT time_bucket_gapfill('1 hour', ts) AS b, locf(interpolate(sum(n))) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, interpolate(max(host)) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, interpolate(sum(v), 5) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY b;
SELECT time_bucket_gapfill('1 hour', ts) AS b, sum(n) FROM m WHERE ts >= '2026-01-01' AND ts < '2026-01-02' GROUP BY ROLLUP (b);
