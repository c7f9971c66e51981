-- Views over views: states are passed on, and the upper view is right whatever was refreshed when.
CREATE TABLE cot (ts timestamptz NOT NULL, host text TAG, load float8, n int);
INSERT INTO cot SELECT '2026-01-01'::timestamptz + i * interval '7 minutes', 'h' || (i % 3), i % 101, i % 7 FROM generate_series(0, 999) i;
CREATE MATERIALIZED VIEW coh WITH (continuous) AS
  SELECT time_bucket('1 hour', ts) AS b, host, avg(load) AS load, sum(n) AS s, count(*) AS c, max(load) AS peak, stddev(n) AS dev,
         first(load, ts) AS f, last(load, ts) AS l, avg(n) AS an FROM cot GROUP BY 1, 2;
CREATE MATERIALIZED VIEW cod WITH (continuous) AS
  SELECT time_bucket('1 day', b) AS d, host, avg(load) AS load, sum(s) AS s, sum(c) AS c, max(peak) AS peak, stddev(dev) AS dev,
         first(f, b) AS f, last(l, b) AS l, avg(an) AS an FROM coh GROUP BY 1, 2;
CREATE MATERIALIZED VIEW cow WITH (continuous) AS
  SELECT time_bucket('2 days', d, '2000-01-01'::timestamptz) AS w, avg(load) AS load, sum(c) AS c, max(peak) - min(peak) AS span, stddev(dev) AS dev, avg(an) AS an FROM cod GROUP BY 1;
-- what they are of the rows
CREATE VIEW coq AS
  SELECT time_bucket('1 day', ts) AS d, host, avg(load) AS load, sum(sum(n)) OVER (PARTITION BY time_bucket('1 day', ts), host) AS s, count(*)::numeric AS c, max(load) AS peak, stddev(n) AS dev,
         first(load, ts) AS f, last(load, ts) AS l, avg(n) AS an FROM cot GROUP BY 1, 2;
CREATE VIEW cor AS
  SELECT time_bucket('2 days', ts, '2000-01-01'::timestamptz) AS w, round(avg(load)::numeric, 9) AS load, count(*)::numeric AS c, round(stddev(n), 9) AS dev, round(avg(n), 9) AS an FROM cot GROUP BY 1;
CREATE VIEW cox AS SELECT d, host, round(load::numeric, 9) AS load, s, c, peak, round(dev, 9) AS dev, f, l, round(an, 9) AS an FROM cod;
CREATE VIEW coy AS SELECT d, host, round(load::numeric, 9) AS load, s, c, peak, round(dev, 9) AS dev, f, l, round(an, 9) AS an FROM coq;
CREATE VIEW cows AS SELECT w, round(load::numeric, 9) AS load, c, round(dev, 9) AS dev, round(an, 9) AS an FROM cow;
CREATE VIEW codiff AS
  (TABLE cox EXCEPT ALL TABLE coy) UNION ALL (TABLE coy EXCEPT ALL TABLE cox);
CREATE VIEW cowdiff AS
  (TABLE cows EXCEPT ALL TABLE cor) UNION ALL (TABLE cor EXCEPT ALL TABLE cows);
SELECT * FROM codiff;
SELECT * FROM cowdiff;
SELECT d, host, round(load::numeric, 6) AS load, s, c, peak, round(dev, 6) AS dev, f, l FROM cod ORDER BY d, host LIMIT 4;
-- the upper one first
REFRESH MATERIALIZED VIEW cod;
SELECT * FROM codiff;
SELECT * FROM cowdiff;
REFRESH MATERIALIZED VIEW cow;
SELECT * FROM cowdiff;
REFRESH MATERIALIZED VIEW coh;
REFRESH MATERIALIZED VIEW cod FORCE;
REFRESH MATERIALIZED VIEW cow FORCE;
SELECT * FROM codiff;
SELECT * FROM cowdiff;
SELECT w, round(load::numeric, 6) AS load, c, span, round(dev, 6) AS dev, round(an, 6) AS an FROM cow ORDER BY w;
-- late, changed and deleted rows reach all of them
INSERT INTO cot VALUES ('2026-01-02 03:00:01', 'h1', 5000, 3), ('2025-12-30', 'new', 1, 1);
SELECT * FROM codiff;
SELECT * FROM cowdiff;
SELECT d, host, peak FROM cod WHERE peak > 100 OR d < '2026-01-01' ORDER BY 1, 2;
REFRESH MATERIALIZED VIEW cow;
SELECT * FROM cowdiff;
UPDATE cot SET load = -7 WHERE ts < '2026-01-01 00:30';
DELETE FROM cot WHERE host = 'h2' AND ts >= '2026-01-03' AND ts < '2026-01-04';
SELECT * FROM codiff;
SELECT * FROM cowdiff;
REFRESH MATERIALIZED VIEW coh;
SELECT * FROM codiff;
REFRESH MATERIALIZED VIEW cod;
SELECT * FROM cowdiff;
REFRESH MATERIALIZED VIEW cow;
SELECT * FROM cowdiff;
-- what the lower one shows does not matter to the upper one
ALTER MATERIALIZED VIEW coh SET (realtime = false);
INSERT INTO cot VALUES ('2026-01-02 03:00:02', 'h1', 6000, 3);
SELECT max(peak) FROM coh;
SELECT max(peak) FROM cod;
SELECT * FROM codiff;
ALTER MATERIALIZED VIEW coh RESET (realtime);
BEGIN;
INSERT INTO cot VALUES ('2026-01-02 03:00:03', 'h1', 7000, 3);
SELECT max(peak) FROM cod;
SELECT * FROM cowdiff;
ROLLBACK;
-- numbers that are not states: as the query says
CREATE MATERIALIZED VIEW coc WITH (continuous) AS
  SELECT time_bucket('1 day', b) AS d, count(*) AS hours, count(c), avg(c) AS per_hour, avg(DISTINCT peak) AS dp, avg(peak + 1) FROM coh WHERE host <> 'h0' GROUP BY 1 HAVING count(*) > 1;
CREATE VIEW cocq AS
  SELECT time_bucket('1 day', b) AS d, count(*) AS hours, count(c), avg(c) AS per_hour, avg(DISTINCT peak) AS dp, avg(peak + 1) FROM coh WHERE host <> 'h0' GROUP BY 1 HAVING count(*) > 1;
(TABLE coc EXCEPT ALL TABLE cocq) UNION ALL (TABLE cocq EXCEPT ALL TABLE coc);
REFRESH MATERIALIZED VIEW coc;
(TABLE coc EXCEPT ALL TABLE cocq) UNION ALL (TABLE cocq EXCEPT ALL TABLE coc);
INSERT INTO cot VALUES ('2026-01-02 03:00:04', 'h1', 1000, 3);
(TABLE coc EXCEPT ALL TABLE cocq) UNION ALL (TABLE cocq EXCEPT ALL TABLE coc);
DROP VIEW cocq;
DROP MATERIALIZED VIEW coc;
-- joined with an ordinary table, above
CREATE TABLE com (host text PRIMARY KEY, rack int);
INSERT INTO com VALUES ('h0', 1), ('h1', 1), ('h2', 2);
CREATE MATERIALIZED VIEW coj WITH (continuous) AS
  SELECT time_bucket('1 day', b) AS d, rack, avg(load) AS load FROM coh JOIN com USING (host) GROUP BY 1, 2;
CREATE VIEW cojq AS
  SELECT time_bucket('1 day', ts) AS d, rack, round(avg(load)::numeric, 9) AS load FROM cot JOIN com USING (host) GROUP BY 1, 2;
CREATE VIEW cojr AS SELECT d, rack, round(load::numeric, 9) AS load FROM coj;
(TABLE cojr EXCEPT ALL TABLE cojq) UNION ALL (TABLE cojq EXCEPT ALL TABLE cojr);
REFRESH MATERIALIZED VIEW coj;
UPDATE com SET rack = 3 WHERE host = 'h1';
(TABLE cojr EXCEPT ALL TABLE cojq) UNION ALL (TABLE cojq EXCEPT ALL TABLE cojr);
REFRESH MATERIALIZED VIEW coj;
(TABLE cojr EXCEPT ALL TABLE cojq) UNION ALL (TABLE cojq EXCEPT ALL TABLE cojr);
DROP VIEW cojr, cojq;
DROP MATERIALIZED VIEW coj;
DROP TABLE com;
-- what cannot be
CREATE MATERIALIZED VIEW coz WITH (continuous) AS SELECT time_bucket('90 minutes', b) AS d, sum(c) FROM coh GROUP BY 1;
CREATE MATERIALIZED VIEW coz WITH (continuous) AS SELECT time_bucket('1 day', b, '30 minutes'::interval) AS d, sum(c) FROM coh GROUP BY 1;
CREATE MATERIALIZED VIEW coz WITH (continuous) AS SELECT host, sum(c) FROM coh GROUP BY 1;
CREATE MATERIALIZED VIEW coz WITH (continuous) AS SELECT time_bucket('1 day', b) AS d, sum(c) FROM (SELECT * FROM coh) x GROUP BY 1;
CREATE OR REPLACE MATERIALIZED VIEW coh WITH (continuous) AS SELECT time_bucket('1 day', d) AS b, host, avg(load) AS load, sum(s) AS s, sum(c) AS c, max(peak) AS peak, stddev(dev) AS dev, first(f, d) AS f, last(l, d) AS l, avg(an) AS an FROM cod GROUP BY 1, 2;
CREATE OR REPLACE MATERIALIZED VIEW coh WITH (continuous) AS SELECT time_bucket('1 day', b) AS b, host, avg(load) AS load FROM coh GROUP BY 1, 2;
CREATE OR REPLACE MATERIALIZED VIEW cow WITH (continuous) AS SELECT time_bucket('4 days', w, '2000-01-01'::timestamptz) AS w, avg(load) AS load FROM cow GROUP BY 1;
-- who depends on whom
DROP MATERIALIZED VIEW coh;
DROP MATERIALIZED VIEW cod;
TRUNCATE cot;
SELECT count(*) FROM cow;
INSERT INTO cot VALUES ('2026-02-01 00:31:30', 'h1', 5, 1000), ('2026-02-02', 'h1', 6, 1);
SELECT * FROM codiff;
REFRESH MATERIALIZED VIEW cod;
SELECT * FROM cowdiff;
-- rows that left for their TTL are still in the lower view: the upper one is made of it
DROP MATERIALIZED VIEW cow CASCADE;
TRUNCATE cot;
ALTER TABLE cot SET (ttl = '10 days');
INSERT INTO cot SELECT '2026-03-01'::timestamptz + i * interval '1 hour', 'h1', i, 1 FROM generate_series(0, 95) i;
REFRESH MATERIALIZED VIEW coh;
INSERT INTO cot VALUES ('2026-03-13', 'h1', 1000, 1);
SELECT min(ts), count(*) FROM cot;
REFRESH MATERIALIZED VIEW coh;
SELECT d, c, load, peak FROM cod ORDER BY d;
REFRESH MATERIALIZED VIEW cod;
SELECT d, c, load, peak FROM cod ORDER BY d;
REFRESH MATERIALIZED VIEW cod FORCE;
SELECT d, c, load, peak FROM cod ORDER BY d;
DROP TABLE cot CASCADE;
SELECT count(*) FROM pg_tables WHERE schemaname = 'pg_skulk';
-- EXPLAIN says what comes from where
CREATE TABLE cop (ts timestamptz NOT NULL, host text TAG, v int);
CREATE MATERIALIZED VIEW coe WITH (continuous) AS
  SELECT time_bucket('1 hour', ts) AS b, sum(v) AS s, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS p FROM cop GROUP BY 1;
CREATE MATERIALIZED VIEW cof WITH (continuous, realtime = false) AS SELECT time_bucket('1 day', b) AS b, sum(p) FROM coe GROUP BY 1;
EXPLAIN (COSTS OFF) SELECT b, s FROM coe WHERE b > '2026-01-01';
EXPLAIN (COSTS OFF) SELECT * FROM cof;
ALTER MATERIALIZED VIEW coe SET (realtime = false);
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT * FROM coe;
DROP TABLE cop CASCADE;
