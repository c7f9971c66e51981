-- Continuous views in the words of InfluxDB, TimescaleDB and QuestDB.
CREATE TABLE cd_cpu (ts timestamptz NOT NULL, host text TAG, dc text TAG, load float8, temp int8, note text);
INSERT INTO cd_cpu SELECT '2026-01-01'::timestamptz + i * interval '7 minutes', 'h' || (i % 3), CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END, i, i % 7, 'n' FROM generate_series(0, 199) i;
CREATE RETENTION POLICY cd_year ON skulk DURATION INF REPLICATION 1;
-- InfluxQL
CREATE CONTINUOUS QUERY "cd_1h" ON "skulk" RESAMPLE EVERY 10m FOR 3h
BEGIN SELECT mean("load") AS "load", max("load") AS "peak" INTO "skulk"."cd_year"."cd_cpu_1h" FROM "cd_cpu" GROUP BY time(1h), * END;
SELECT * FROM cd_year.cd_cpu_1h ORDER BY time, host LIMIT 4;
SELECT count(*), sum(load), max(peak) FROM cd_year.cd_cpu_1h;
REFRESH MATERIALIZED VIEW cd_year.cd_cpu_1h;
SELECT count(*), sum(load), max(peak) FROM cd_year.cd_cpu_1h;
CREATE CONTINUOUS QUERY cd_names ON skulk BEGIN
  SELECT mean(load), count(load), mean(temp), sum(temp) / count(temp) * 2 AS twice, percentile(load, 90) AS p90, median(temp), spread(load), first(note), count(distinct(temp)) AS kinds
  INTO cd_names FROM skulk.autogen.cd_cpu WHERE host =~ /^h[01]$/ AND dc <> 'z' GROUP BY time(1d, 6h), dc fill(none) END;
SELECT * FROM cd_names ORDER BY time, dc;
SELECT time_bucket('1 day', ts, INTERVAL '6 hours') AS b, dc, avg(load), count(load), percentile_nearest(0.9) WITHIN GROUP (ORDER BY load) AS p, percentile_cont(0.5) WITHIN GROUP (ORDER BY temp) AS m, count(DISTINCT temp) AS k FROM cd_cpu WHERE host ~ '^h[01]$' GROUP BY 1, 2 ORDER BY 1, 2;
CREATE CONTINUOUS QUERY cd_all ON skulk BEGIN SELECT mean(*) INTO cd_all FROM cd_cpu GROUP BY time(1w) END;
SELECT * FROM cd_all ORDER BY time;
CREATE CONTINUOUS QUERY cd_plain AS SELECT time_bucket('6 hours', ts) AS b, count(*) AS c FROM cd_cpu GROUP BY b;
SELECT * FROM cd_plain ORDER BY b LIMIT 2;
SHOW CONTINUOUS QUERIES;
DROP CONTINUOUS QUERY cd_names ON skulk;
SELECT * FROM cd_names;
DROP CONTINUOUS QUERY cd_names ON skulk;
DROP CONTINUOUS QUERY "cd_1h" ON "skulk";
DROP CONTINUOUS QUERY cd_all;
DROP CONTINUOUS QUERY cd_plain;
SHOW CONTINUOUS QUERIES;
-- errors
CREATE CONTINUOUS QUERY x ON skulk RESAMPLE BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk RESAMPLE FOR 30m BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON nosuch BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_cpu END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY host END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT load INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT elapsed(load) INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO :MEASUREMENT FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_cpu WHERE time > now() - 1h GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY time(1h) fill(0) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_nosuch GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(nosuch) INTO y FROM cd_cpu GROUP BY time(1h) END;
CREATE CONTINUOUS QUERY x ON skulk BEGIN SELECT mean(load) INTO y FROM cd_cpu GROUP BY time(1h);
CREATE CONTINUOUS QUERY x ON skulk BEGIN END;
CREATE CONTINUOUS QUERY x;
DROP CONTINUOUS QUERY nosuch ON skulk;
-- TimescaleDB
CREATE MATERIALIZED VIEW cd_ts WITH (timescaledb.continuous) AS
  SELECT time_bucket('1 hour', ts) AS bucket, host, avg(load) FROM cd_cpu GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW cd_only WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 hour', ts) AS bucket, host, avg(load) FROM cd_cpu GROUP BY 1, 2 WITH NO DATA;
SELECT count(*) FROM cd_ts;
SELECT count(*) FROM cd_only;
CALL refresh_continuous_aggregate('cd_only', '2026-01-01', '2026-01-01 06:00');
SELECT count(*), min(bucket), max(bucket) FROM cd_only;
CALL refresh_continuous_aggregate('public.cd_only', window_start => NULL, window_end => '2026-01-01 12:00'::timestamptz);
SELECT count(*), min(bucket), max(bucket) FROM cd_only;
CALL refresh_continuous_aggregate('cd_only', NULL, NULL);
SELECT count(*), min(bucket), max(bucket) FROM cd_only;
CALL refresh_continuous_aggregate('cd_nosuch', NULL, NULL);
CALL refresh_continuous_aggregate();
DROP MATERIALIZED VIEW cd_ts, cd_only;
-- QuestDB
CREATE MATERIALIZED VIEW cd_q WITH BASE cd_cpu REFRESH EVERY 10m DEFERRED AS (SELECT ts, host, avg(load) FROM cd_cpu SAMPLE BY 1h) PARTITION BY MONTH;
SELECT count(*), min(ts), max(ts) FROM cd_q;
REFRESH MATERIALIZED VIEW cd_q FULL;
REFRESH MATERIALIZED VIEW cd_q INCREMENTAL;
REFRESH MATERIALIZED VIEW cd_q RANGE FROM '2026-01-01' TO '2026-01-02';
SELECT count(*), min(ts), max(ts) FROM cd_q;
CREATE MATERIALIZED VIEW IF NOT EXISTS cd_q REFRESH IMMEDIATE AS SELECT time_bucket('1 hour', ts) AS ts, count(*) FROM cd_cpu GROUP BY 1;
CREATE MATERIALIZED VIEW cd_m REFRESH MANUAL AS (SELECT time_bucket('1 hour', ts) AS ts, count(*) FROM cd_cpu GROUP BY 1);
SELECT count(*) FROM cd_m;
CREATE MATERIALIZED VIEW cd_x REFRESH EVERY 10m AS (SELECT ts, avg(load) FROM cd_cpu SAMPLE BY 1h) TTL 2 YEARS;
CREATE MATERIALIZED VIEW cd_x REFRESH EVERY 1h START '2026-01-01' AS (SELECT ts, avg(load) FROM cd_cpu SAMPLE BY 1h);
DROP MATERIALIZED VIEW cd_q, cd_m;
-- a database before the schema has to be the connection's
SELECT count(*) FROM skulk.public.cd_cpu;
SELECT count(*) FROM nosuch.public.cd_cpu;
SELECT count(*) FROM skulk.public.cd_cpu a, nosuch.public.cd_cpu b;
INSERT INTO nosuch.public.cd_cpu (ts) VALUES (now());
DROP TABLE nosuch.public.cd_cpu;
ALTER TABLE cd_cpu SET (tiers = '1s:72h, 1h:30d');
DROP TABLE cd_cpu;
DROP RETENTION POLICY cd_year ON skulk;
