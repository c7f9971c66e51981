-- PromQL over tables with tiers: samples where they are, buckets where they are gone.
SET TimeZone = 'UTC';
CREATE TABLE tp_total (ts timestamptz NOT NULL, host text TAG, value float8);
CREATE TABLE tr_total (ts timestamptz NOT NULL, host text TAG, value float8);
-- a counter that begins anew each 250 samples, never at the border of a bucket; h2 is there half of the time
INSERT INTO tp_total SELECT '2026-01-01 00:00:30'::timestamptz + i * interval '1 minute', 'h' || (i % 3), (i % 250) * 1.5
  FROM generate_series(0, 10000) i WHERE i % 3 < 2 OR i % 1000 < 500;
INSERT INTO tr_total SELECT * FROM tp_total;
ALTER TABLE tp_total SET (tiers = '1m:1d, 1h:3d, 1d:1y');
-- nothing is gone yet
SELECT count(*), sum(value)::numeric(20,6) FROM promql('rate(tp_total[1h])', '2026-01-02', '2026-01-08', '1h');
SELECT kept_in FROM skulk.tiers WHERE level > 0 ORDER BY level;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16388_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16389_1d;
SELECT level, read_from FROM skulk.tiers WHERE table_name = 'tp_total' ORDER BY level;
-- windows of whole buckets: the same as over the samples
SELECT value, count(*) FROM promql('sum_over_time(tp_total[1d]) - ignoring(__name__) sum_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('count_over_time(tp_total[1d]) - count_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('min_over_time(tp_total[1d]) - min_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('max_over_time(tp_total[2d]) - max_over_time(tr_total[2d])', '2026-01-03', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('avg_over_time(tp_total[1d]) - avg_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('first_over_time(tp_total[1d]) - ignoring(__name__) first_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('last_over_time(tp_total[1d]) - last_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('present_over_time(tp_total[1d]) - present_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('resets(tp_total[1d]) - resets(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT max(abs(value)) < 1e-12 AS good, count(*) FROM promql('rate(tp_total[1d]) / rate(tr_total[1d]) - 1', '2026-01-02', '2026-01-08', '1d');
SELECT max(abs(value)) < 1e-12 AS good, count(*) FROM promql('increase(tp_total[3d]) / increase(tr_total[3d]) - 1', '2026-01-04', '2026-01-08', '1d');
SELECT max(abs(value)) < 1e-12 AS good, count(*) FROM promql('delta(tp_total[1d]) / delta(tr_total[1d]) - 1', '2026-01-02', '2026-01-08', '1d');
SELECT max(abs(value)) < 1e-12 AS good, count(*) FROM promql('rate(tp_total[2h]) / rate(tr_total[2h]) - 1', '2026-01-05 02:00', '2026-01-08', '1h');
SELECT value, count(*) FROM promql('tp_total - tr_total', '2026-01-05 00:00', '2026-01-07 22:30', '1h') GROUP BY 1;
SELECT value, count(*) FROM promql('timestamp(tp_total) - timestamp(tr_total)', '2026-01-05 00:00', '2026-01-07 22:30', '1h') GROUP BY 1;
SELECT max(abs(value)) < 1e-9 AS good, count(*) FROM promql('sum(rate(tp_total[1d])) - sum(rate(tr_total[1d]))', '2026-01-02', '2026-01-08', '1d');
SELECT max(abs(value)) < 1e-9 AS good, count(*) FROM promql('max_over_time(rate(tp_total[1d])[3d:1d]) - max_over_time(rate(tr_total[1d])[3d:1d])', '2026-01-06', '2026-01-08', '1d');
-- where the samples are, to the bit
SELECT count(*) FILTER (WHERE t.value IS DISTINCT FROM r.value) AS differ, count(*) FROM promql('rate(tp_total[7m])', '2026-01-07 00:07', '2026-01-08', '77s') AS t(host text, ts timestamptz, value float8)
  FULL JOIN promql('rate(tr_total[7m])', '2026-01-07 00:07', '2026-01-08', '77s') AS r(host text, ts timestamptz, value float8) USING (host, ts);
-- a window inside a bucket becomes the bucket that ended last; what counts takes its share
SELECT ts, value FROM promql('count_over_time(tp_total{host="h0"}[15m])', '2026-01-05 00:00', '2026-01-05 02:00', '30m') ORDER BY 1;
SELECT ts, value FROM promql('max_over_time(tp_total{host="h0"}[15m])', '2026-01-05 00:00', '2026-01-05 02:00', '30m') ORDER BY 1;
SELECT ts, round(value::numeric, 9) FROM promql('rate(tp_total{host="h0"}[15m])', '2026-01-05 00:00', '2026-01-05 02:00', '30m') ORDER BY 1;
-- a selector has the last value of the bucket before, for two buckets
SELECT ts, value FROM promql('tp_total{host="h2"}', '2026-01-05 00:00', '2026-01-06 00:00', '3h') ORDER BY 1;
SELECT value FROM promql('absent_over_time(tp_total{host="h2"}[1d])', '2026-01-02');
SELECT value FROM promql('absent_over_time(tp_total{host="h9"}[1d])', '2026-01-02');
-- what needs samples that are gone fails
SELECT * FROM promql('stddev_over_time(tp_total[1d])', '2026-01-02');
SELECT * FROM promql('irate(tp_total[1d])', '2026-01-02');
SELECT * FROM promql('quantile_over_time(0.5, tp_total[1d])', '2026-01-02');
SELECT * FROM promql('changes(tp_total[1d])', '2026-01-02');
SELECT * FROM promql('deriv(tp_total[1d])', '2026-01-02');
SELECT * FROM promql('tp_total[1d]', '2026-01-02');
SELECT count(*) FROM promql('stddev_over_time(tp_total[1h])', '2026-01-07 20:00');
-- rows that come late count in their bucket, before and after it is made anew
INSERT INTO tp_total VALUES ('2026-01-02 03:04:05', 'h1', 5000), ('2026-01-05 03:04:05', 'h1', 6000), ('2026-01-02 10:00:01', 'new', 7);
INSERT INTO tr_total VALUES ('2026-01-02 03:04:05', 'h1', 5000), ('2026-01-05 03:04:05', 'h1', 6000), ('2026-01-02 10:00:01', 'new', 7);
SELECT value, count(*) FROM promql('count_over_time(tp_total[1d]) - count_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('max_over_time(tp_total[1d]) - max_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
CREATE TABLE tp_before AS SELECT * FROM promql('increase(tp_total[1d])', '2026-01-02', '2026-01-08', '1d');
REFRESH MATERIALIZED VIEW pg_skulk.tier_16388_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16389_1d;
SELECT value, count(*) FROM promql('count_over_time(tp_total[1d]) - count_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT value, count(*) FROM promql('max_over_time(tp_total[1d]) - max_over_time(tr_total[1d])', '2026-01-02', '2026-01-08', '1d') GROUP BY 1;
SELECT count(*) FILTER (WHERE abs(a.value - b.value) > 1e-9), count(*) FROM tp_before a JOIN promql('increase(tp_total[1d])', '2026-01-02', '2026-01-08', '1d') b ON a.labels = b.labels AND a.ts = b.ts;
-- what is past the time of the last tier is not shown, by SQL either
ALTER TABLE tp_total SET (tiers = '1m:1d, 1h:3d, 1d:4d');
SELECT time_bucket('1 day', ts) AS day, count(*) FROM tp_total GROUP BY 1 ORDER BY 1 LIMIT 2;
SELECT ts, value FROM promql('sum(count_over_time(tp_total[1d]))', '2026-01-02', '2026-01-05', '1d') ORDER BY 1;
-- statements that reach below the rows that are there say so
DELETE FROM tp_total WHERE ts < '2026-01-03';
DELETE FROM tp_total WHERE ts > '2026-01-07 20:00' AND value = 3;
UPDATE tp_total SET value = 4 WHERE ts > '2026-01-05' AND value = 7.5;
DELETE FROM tp_total WHERE ts > '2026-01-07 22:39';
DROP TABLE tp_before, tr_total, tp_total;
