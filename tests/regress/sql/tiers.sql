-- Tiers: buckets of rows that are kept when the rows go; queries read each range of time from where it still is.
CREATE TABLE tcpu (ts timestamptz NOT NULL, host text TAG, load float8, n int, note text);
CREATE TABLE tref (ts timestamptz NOT NULL, host text TAG, load float8, n int, note text);
INSERT INTO tcpu SELECT '2026-01-01'::timestamptz + i * interval '1 minute', 'h' || (i % 3), i % 100, i, 'x' || i FROM generate_series(0, 10000) i;
INSERT INTO tref SELECT * FROM tcpu;
-- bad input
ALTER TABLE tcpu SET (tiers = '1s');
ALTER TABLE tcpu SET (tiers = '1s:1d');
ALTER TABLE tcpu SET (tiers = '1s:1d, 1h');
ALTER TABLE tcpu SET (tiers = '1s:1d, 1h:x');
ALTER TABLE tcpu SET (tiers = '1s:1d,, 1h:3d');
ALTER TABLE tcpu SET (tiers = '1s:1d, 1 month:3 years');
ALTER TABLE tcpu SET (tiers = '1h:1d, 1m:3d');
ALTER TABLE tcpu SET (tiers = '7s:1d, 1m:3d');
ALTER TABLE tcpu SET (tiers = '1s:1h, 1d:1y');
ALTER TABLE tcpu SET (tiers = '1s:3d, 1h:1d');
ALTER TABLE tcpu SET (tiers = '1s:forever, 1h:1d');
ALTER TABLE tcpu SET (tiers = '1s:0s, 1h:1d');
ALTER TABLE tcpu RESET (tiers);
CREATE TABLE tord (a int);
ALTER TABLE tord SET (tiers = '1s:1d, 1h:30d');
CREATE TEMP TABLE ttemp (ts timestamptz, v int);
ALTER TABLE ttemp SET (tiers = '1s:1d, 1h:30d');
-- made
ALTER TABLE tcpu SET (tiers = '1m:1d, 1h:3d, 1d:1y');
SELECT table_name, level, width, keep, kept_in FROM skulk.tiers;
SELECT ttl, keep, tier FROM skulk.ttls WHERE table_name = 'tcpu' ORDER BY keep;
ALTER TABLE tcpu SET (ttl = '5 days');
ALTER TABLE tcpu RESET (ttl);
ALTER TABLE tcpu SET (max_size = '1GB');
CREATE TTL x ON tcpu WHERE host = 'h1' KEEP '1 hour';
ALTER TABLE tcpu SET (tiers = '1m:1d, 2h:3d, 1d:1y');
SELECT drop_chunks('tcpu', older_than => INTERVAL '2 days');
-- nothing is in them yet: all rows are there
SELECT count(*), min(ts) FROM tcpu;
SELECT count(note) FROM tcpu WHERE n = 5;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16391_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16392_1d;
SELECT level, read_from, gone_before, changed_ranges FROM skulk.tiers;
-- the same as over the rows
SELECT count(*), count(load), sum(n), avg(n), sum(load), avg(load), min(n), max(load), min(ts), max(ts), first(note, ts), last(n, ts) FROM tcpu;
SELECT count(*), count(load), sum(n), avg(n), sum(load), avg(load), min(n), max(load), min(ts), max(ts), first(note, ts), last(n, ts) FROM tref;
SELECT time_bucket('1 day', ts) AS b, host, count(*), avg(load), max(n) - min(n) AS d FROM tcpu GROUP BY 1, 2 HAVING count(*) > 400 ORDER BY b DESC, host LIMIT 5;
(SELECT time_bucket('1 day', ts), host, count(*), sum(n), first(note, ts) FROM tcpu GROUP BY 1, 2 EXCEPT ALL SELECT time_bucket('1 day', ts), host, count(*), sum(n), first(note, ts) FROM tref GROUP BY 1, 2)
UNION ALL (SELECT time_bucket('1 day', ts), host, count(*), sum(n), first(note, ts) FROM tref GROUP BY 1, 2 EXCEPT ALL SELECT time_bucket('1 day', ts), host, count(*), sum(n), first(note, ts) FROM tcpu GROUP BY 1, 2);
SELECT host, count(*) FROM tcpu WHERE ts >= '2026-01-02' AND ts < '2026-01-07' AND host <> 'h1' GROUP BY host ORDER BY 1;
SELECT host, count(*) FROM tref WHERE ts >= '2026-01-02' AND ts < '2026-01-07' AND host <> 'h1' GROUP BY host ORDER BY 1;
SELECT count(*) FILTER (WHERE host = 'h0'), rank() OVER (ORDER BY host) FROM tcpu GROUP BY host ORDER BY 2;
CREATE TABLE tdim (name text PRIMARY KEY, rack int);
INSERT INTO tdim VALUES ('h0', 1), ('h1', 1), ('h2', 2);
SELECT d.rack, sum(c.n), count(*) FROM tcpu c JOIN tdim d ON d.name = c.host GROUP BY 1 ORDER BY 1;
SELECT d.rack, sum(c.n), count(*) FROM tref c JOIN tdim d ON d.name = c.host GROUP BY 1 ORDER BY 1;
-- a bucket that the condition of a join cuts is read as rows
ALTER TABLE tdim ADD COLUMN since timestamptz;
UPDATE tdim SET since = '2026-01-07 12:13:14' WHERE rack = 1;
SELECT d.rack, sum(c.n), count(*) FROM tcpu c JOIN tdim d ON d.name = c.host AND c.ts >= d.since GROUP BY 1 ORDER BY 1;
SELECT d.rack, sum(c.n), count(*) FROM tref c JOIN tdim d ON d.name = c.host AND c.ts >= d.since GROUP BY 1 ORDER BY 1;
PREPARE p (timestamptz, text) AS SELECT count(*), sum(n) FROM tcpu WHERE ts >= $1 AND host = $2;
EXECUTE p ('2026-01-03', 'h2');
SELECT count(*), sum(n) FROM tref WHERE ts >= '2026-01-03' AND host = 'h2';
-- where the rows are, bounds may lie as they like
SELECT count(*), sum(n) FROM tcpu WHERE ts > '2026-01-07 07:12:34' AND ts <= '2026-01-07 20:00:01';
SELECT count(*), sum(n) FROM tref WHERE ts > '2026-01-07 07:12:34' AND ts <= '2026-01-07 20:00:01';
-- where they are not, those of a bucket count at its start
SELECT time_bucket('30 minutes', ts) AS b, count(*) FROM tcpu WHERE ts > '2026-01-05 00:10' AND ts < '2026-01-05 03:10' GROUP BY 1 ORDER BY 1;
SELECT time_bucket('1 hour', ts) AS b, count(*) FROM tcpu WHERE ts > '2026-01-05 00:10' AND ts < '2026-01-05 03:10' GROUP BY 1 ORDER BY 1;
-- but a key that would divide a bucket fails: by its width, its origin or its zone
SELECT extract(minute FROM ts) AS m, count(*) FROM tcpu GROUP BY 1;
SELECT time_bucket('1 hour', ts, '2026-01-01 00:30'::timestamptz) AS b, count(*) FROM tcpu WHERE ts < '2026-01-06' GROUP BY 1;
SELECT DISTINCT date_trunc('minute', ts) FROM tcpu WHERE ts < '2026-01-02';
SET timezone = 'Europe/Berlin';
SELECT date_trunc('day', ts) AS b, count(*) FROM tcpu GROUP BY 1 ORDER BY 1;
SELECT date_trunc('day', ts) AS b, count(*) FROM tcpu WHERE ts >= '2026-01-06' GROUP BY 1 ORDER BY 1;
RESET timezone;
SELECT time_bucket('10 minutes', ts) AS b, count(*) FROM tcpu WHERE ts >= '2026-01-07 22:00' GROUP BY 1 ORDER BY 1;
-- nobody but its job writes or drops what is kept
INSERT INTO pg_skulk.tier_16391_1h (t, n) VALUES ('2026-01-01', 5);
UPDATE pg_skulk.tier_16391_1h SET n = 5;
DELETE FROM pg_skulk.tier_16391_1h;
TRUNCATE pg_skulk.tier_16391_1h;
ALTER TABLE pg_skulk.tier_16391_1h RENAME TO x;
ALTER TABLE pg_skulk.tier_16391_1h SET (ttl = '1 hour');
DROP TABLE pg_skulk.tier_16391_1h;
DROP SCHEMA pg_skulk CASCADE;
ALTER SCHEMA pg_skulk RENAME TO mine;
ALTER TABLE tdim SET SCHEMA pg_skulk;
-- what needs rows that are gone fails
SELECT * FROM tcpu WHERE ts < '2026-01-02' LIMIT 1;
SELECT count(*) FROM tcpu WHERE n > 5;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY load) FROM tcpu;
SELECT stddev(load) FROM tcpu;
SELECT count(*) FROM tcpu TABLESAMPLE BERNOULLI (10);
UPDATE tdim SET rack = 3 FROM tcpu c WHERE c.host = name AND c.ts < '2026-01-02';
DELETE FROM tdim USING tcpu c WHERE c.host = name AND c.n = 5;
UPDATE tdim SET rack = 3 FROM tcpu c WHERE c.host = name AND c.ts >= '2026-01-08';
SELECT sum(load * 2) FROM tcpu;
SELECT a.n FROM tcpu a JOIN tcpu b ON a.ts = b.ts LIMIT 1;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY load) FROM tcpu WHERE ts >= '2026-01-07';
SELECT n FROM tcpu WHERE ts > '2026-01-07 22:39';
SET skulk.tiers = 'ignore';
SELECT count(*), min(ts) FROM tcpu;
SELECT stddev(n) FROM tcpu WHERE host = 'h0';
RESET skulk.tiers;
-- a continuous view sees its rows alone
CREATE MATERIALIZED VIEW tview WITH (continuous) AS SELECT time_bucket('1 hour', ts) AS b, count(*) AS n FROM tcpu GROUP BY 1;
SELECT count(*), sum(n), min(b) FROM tview;
REFRESH MATERIALIZED VIEW tview;
SELECT count(*), sum(n), min(b) FROM tview;
DROP MATERIALIZED VIEW tview;
-- late and changed rows
INSERT INTO tcpu VALUES ('2026-01-07 12:00:30', 'h1', 1000, -1, 'late'), ('2026-01-02 03:04:05', 'h1', 5000, -2, 'later'), ('2025-12-01', 'new', 1, 1, 'old');
INSERT INTO tref VALUES ('2026-01-07 12:00:30', 'h1', 1000, -1, 'late'), ('2026-01-02 03:04:05', 'h1', 5000, -2, 'later'), ('2025-12-01', 'new', 1, 1, 'old');
SELECT count(*), sum(n), max(load), min(ts) FROM tcpu;
SELECT count(*), sum(n), max(load), min(ts) FROM tref;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16391_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16392_1d;
SELECT count(*), sum(n), max(load), min(ts) FROM tcpu;
-- a field that comes later
ALTER TABLE tcpu ADD COLUMN temp float8;
SELECT avg(temp), count(temp) FROM tcpu;
INSERT INTO tcpu (ts, host, temp) VALUES ('2026-01-07 12:00:31', 'h1', 20.5), ('2026-01-03', 'h2', 10);
SELECT avg(temp), count(temp) FROM tcpu;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16391_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16392_1d;
SELECT avg(temp), count(temp), first(temp, ts) FROM tcpu;
ALTER TABLE tcpu RENAME COLUMN load TO cpu_load;
ALTER TABLE tcpu RENAME TO tcpu2;
SELECT max(cpu_load) FROM tcpu2;
ALTER TABLE tcpu2 DROP COLUMN temp;
ALTER TABLE tcpu2 ALTER COLUMN n TYPE float8;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16391_1h;
SELECT max(cpu_load), sum(n) FROM tcpu2;
-- plans
EXPLAIN (COSTS OFF) SELECT time_bucket('1 day', ts) AS b, avg(cpu_load) FROM tcpu2 WHERE ts >= '2026-01-01' GROUP BY 1;
-- durations change, tiers are added
ALTER TABLE tcpu2 SET (tiers = '1m:2d, 1h:4d, 1d:2y, 7d:10y');
SELECT table_name, level, width, keep FROM skulk.tiers;
SELECT count(*), sum(n) FROM tcpu2;
-- the end
TRUNCATE tcpu2;
SELECT count(*), sum(n) FROM tcpu2;
INSERT INTO tcpu2 (ts, host, n) VALUES ('2026-01-01', 'a', 1);
SELECT count(*), sum(n) FROM tcpu2;
ALTER TABLE tcpu2 RESET (tiers);
SELECT count(*) FROM skulk.tiers;
SELECT count(*) FROM tcpu2;
CREATE TABLE tnew (ts timestamptz NOT NULL, v int) WITH (tiers = '1s:1d, 1h:30d');
SELECT table_name, level, width, keep FROM skulk.tiers;
DROP TABLE tnew;
SELECT count(*) FROM pg_class WHERE relname LIKE 'tier#_%' ESCAPE '#';
DROP TABLE tcpu2, tref, tdim, tord;
