-- Continuous views: their answer is that of their query over the rows, whatever was refreshed when.
CREATE TABLE cvt (ts timestamptz NOT NULL, host text TAG, load float8, n int);
INSERT INTO cvt SELECT '2026-01-01'::timestamptz + i * interval '1 minute', 'h' || (i % 3), i, i % 7 FROM generate_series(0, 299) i;
CREATE MATERIALIZED VIEW cvv WITH (continuous) AS
  SELECT time_bucket('1 hour', ts) AS b, host, avg(load) AS a, count(*) AS c, max(n), stddev(load) - min(load) AS x FROM cvt GROUP BY 1, 2;
CREATE VIEW cvq AS
  SELECT time_bucket('1 hour', ts) AS b, host, avg(load) AS a, count(*) AS c, max(n), stddev(load) - min(load) AS x FROM cvt GROUP BY 1, 2;
-- nothing is kept yet
SELECT * FROM cvv ORDER BY b, host LIMIT 4;
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
REFRESH MATERIALIZED VIEW cvv;
SELECT * FROM cvv ORDER BY b, host LIMIT 4;
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
-- late, changed, deleted
INSERT INTO cvt VALUES ('2026-01-01 00:30:30', 'h1', 1e6, 99), ('2025-12-31 23:59', 'h0', -1, 0), ('2026-01-01 02:00:00.5', 'new', 1, 1);
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
SELECT b, host, c, max FROM cvv WHERE max = 99 OR host = 'new' OR b < '2026-01-01' ORDER BY b, host;
UPDATE cvt SET load = -5 WHERE ts = '2026-01-01 03:00';
DELETE FROM cvt WHERE host = 'h2' AND ts < '2026-01-01 02:00';
DELETE FROM cvt WHERE n = 3;
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
REFRESH MATERIALIZED VIEW cvv FROM '2026-01-01' TO '2026-01-01 02:00';
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
REFRESH MATERIALIZED VIEW cvv;
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
REFRESH MATERIALIZED VIEW cvv FORCE;
(TABLE cvv EXCEPT ALL TABLE cvq) UNION ALL (TABLE cvq EXCEPT ALL TABLE cvv);
-- a transaction sees its own rows
BEGIN;
INSERT INTO cvt VALUES ('2026-01-01 00:31', 'h1', 5, 1000);
SELECT max(max) FROM cvv;
REFRESH MATERIALIZED VIEW cvv;
ROLLBACK;
SELECT max(max) FROM cvv;
-- HAVING, WHERE, results that are kept as they are
CREATE MATERIALIZED VIEW cvh WITH (continuous, refresh = '1 min', lag = '5 min', for = '3 days') AS
  SELECT time_bucket('30 minutes', ts, '15 minutes'::interval) AS b, percentile_cont(0.5) WITHIN GROUP (ORDER BY load) AS p,
         count(DISTINCT host) AS d, string_agg(host, ',' ORDER BY load) FILTER (WHERE load < 5) AS s
  FROM cvt WHERE n <> 2 GROUP BY b HAVING count(*) > 3;
SELECT count(*), sum(p), sum(d), string_agg(s, '|') FROM cvh;
REFRESH MATERIALIZED VIEW cvh;
SELECT count(*), sum(p), sum(d), string_agg(s, '|') FROM cvh;
-- only what is kept
CREATE MATERIALIZED VIEW cvs WITH (continuous, realtime = false) AS SELECT time_bucket('1 day', ts) AS b, count(*) FROM cvt GROUP BY 1;
SELECT * FROM cvs ORDER BY b;
REFRESH MATERIALIZED VIEW cvs;
SELECT * FROM cvs ORDER BY b;
INSERT INTO cvt VALUES ('2026-01-01 00:31:30', 'h1', 5, 1000);
SELECT * FROM cvs ORDER BY b;
-- with an ordinary table
CREATE TABLE cvd (host text PRIMARY KEY, rack int);
INSERT INTO cvd VALUES ('h0', 1), ('h1', 1), ('h2', 2);
CREATE MATERIALIZED VIEW cvj WITH (continuous) AS
  SELECT time_bucket('1 hour', t.ts) AS b, d.rack, sum(t.load) AS s FROM cvt t JOIN cvd d ON d.host = t.host GROUP BY 1, 2;
SELECT count(*), sum(s) FROM cvj;
REFRESH MATERIALIZED VIEW cvj;
SELECT count(*), sum(s) FROM cvj;
INSERT INTO cvd VALUES ('new', 3);
UPDATE cvd SET rack = 4 WHERE host = 'h0';
SELECT rack, count(*), sum(s) FROM cvj GROUP BY 1 ORDER BY 1;
REFRESH MATERIALIZED VIEW cvj;
SELECT rack, count(*), sum(s) FROM cvj GROUP BY 1 ORDER BY 1;
DELETE FROM cvd WHERE rack = 4;
SELECT rack, count(*), sum(s) FROM cvj GROUP BY 1 ORDER BY 1;
-- what cannot be kept
CREATE MATERIALIZED VIEW cvx WITH (continuous) AS SELECT host, count(*) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous) AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt WHERE ts > now() - interval '1 day' GROUP BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous) AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1 ORDER BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous) AS SELECT time_bucket('1 hour', ts) b, count(*), rank() OVER (ORDER BY count(*)) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous) AS SELECT DISTINCT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous, every = '1 h') AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW cvx WITH (continuous, refresh = 'soon') AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW cvv WITH (continuous) AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1;
CREATE MATERIALIZED VIEW IF NOT EXISTS cvv WITH (continuous) AS SELECT time_bucket('1 hour', ts) b, count(*) FROM cvt GROUP BY 1;
REFRESH MATERIALIZED VIEW cvt;
REFRESH MATERIALIZED VIEW nothing;
REFRESH MATERIALIZED VIEW cvv FROM '2026-01-02' TO '2026-01-01';
INSERT INTO cvv VALUES (now());
DELETE FROM cvv;
-- who depends on whom
DROP TABLE cvt;
DROP VIEW cvv;
DROP MATERIALIZED VIEW cvq;
DROP MATERIALIZED VIEW cvv;
DROP MATERIALIZED VIEW IF EXISTS cvv;
COMMENT ON MATERIALIZED VIEW cvs IS 'by day';
SELECT matviewname, ispopulated, definition FROM pg_matviews WHERE matviewname = 'cvs';
SELECT relname, relkind FROM pg_class WHERE relname LIKE 'cv_' ORDER BY 1;
ALTER MATERIALIZED VIEW cvs RENAME TO cvr;
SELECT * FROM cvr ORDER BY b;
REFRESH MATERIALIZED VIEW cvr;
SELECT * FROM cvr ORDER BY b;
CREATE OR REPLACE MATERIALIZED VIEW cvr WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, min(load) FROM cvt GROUP BY 1;
SELECT * FROM cvr ORDER BY b;
TRUNCATE cvt;
SELECT * FROM cvr;
INSERT INTO cvt VALUES ('2026-02-01 00:31:30', 'h1', 5, 1000), ('2026-02-02', 'h1', 6, 1);
REFRESH MATERIALIZED VIEW cvr;
INSERT INTO cvt VALUES ('2026-02-01 00:31:31', 'h1', 4, 1000);
SELECT * FROM cvr ORDER BY b;
-- others may read the view alone, not refresh it
CREATE ROLE cvu;
GRANT SELECT ON cvr TO cvu;
SET ROLE cvu;
SELECT count(*) FROM cvr;
SELECT count(*) FROM cvt;
REFRESH MATERIALIZED VIEW cvr;
DROP MATERIALIZED VIEW cvr;
RESET ROLE;
REVOKE ALL ON cvr FROM cvu;
DROP ROLE cvu;
DROP TABLE cvt CASCADE;
SELECT count(*) FROM pg_tables WHERE schemaname = 'pg_skulk';
DROP TABLE cvd;
-- rows that leave for their TTL leave what is kept
CREATE TABLE cve (ts timestamptz NOT NULL, host text TAG, v int) WITH (ttl = '2 days');
INSERT INTO cve SELECT '2026-01-01'::timestamptz + i * interval '1 hour', 'h' || i % 2, i FROM generate_series(0, 71) i;
CREATE MATERIALIZED VIEW cvy WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, sum(v), count(*) FROM cve GROUP BY 1;
REFRESH MATERIALIZED VIEW cvy;
SELECT * FROM cvy ORDER BY b;
INSERT INTO cve VALUES ('2026-01-05 06:00', 'h0', 1000);
SELECT min(ts), count(*) FROM cve;
SELECT * FROM cvy ORDER BY b;
INSERT INTO cve VALUES ('2026-01-02 06:30', 'h0', 5), ('2026-01-04 06:30', 'h0', 7);
DELETE FROM cve WHERE ts < '2026-01-03 12:00';
SELECT * FROM cvy ORDER BY b;
REFRESH MATERIALIZED VIEW cvy;
SELECT * FROM cvy ORDER BY b;
ALTER TABLE cve RESET (ttl);
REFRESH MATERIALIZED VIEW cvy FORCE;
SELECT * FROM cvy ORDER BY b;
DROP TABLE cve CASCADE;
-- options are changed
CREATE TABLE cvo (ts timestamptz NOT NULL, v int);
INSERT INTO cvo SELECT '2026-01-01'::timestamptz + i * interval '1 hour', i FROM generate_series(0, 71) i;
CREATE MATERIALIZED VIEW cvm WITH (timescaledb.continuous, timescaledb.materialized_only = true, refresh = '0') AS
  SELECT time_bucket('1 day', ts) AS b, sum(v), count(*) FROM cvo GROUP BY 1;
SELECT count(*) FROM cvm;
PREPARE cvp AS SELECT sum(count) FROM cvm;
EXECUTE cvp;
ALTER MATERIALIZED VIEW cvm SET (realtime = true, lag = '2 hours', for = '30 days', refresh = '1 hour');
EXECUTE cvp;
SELECT reloptions FROM pg_class WHERE relname = 'cvm';
REFRESH MATERIALIZED VIEW cvm;
INSERT INTO cvo VALUES ('2026-01-01 00:30', 1000);
ALTER MATERIALIZED VIEW cvm SET (tsdb.materialized_only);
SELECT * FROM cvm ORDER BY b;
ALTER MATERIALIZED VIEW cvm RESET (realtime, lag);
SELECT * FROM cvm ORDER BY b;
SELECT reloptions FROM pg_class WHERE relname = 'cvm';
ALTER MATERIALIZED VIEW cvm SET (timescaledb.materialized_only = true);
ALTER MATERIALIZED VIEW cvm RESET (timescaledb.materialized_only);
SELECT sum(count) FROM cvm;
BEGIN;
ALTER MATERIALIZED VIEW cvm SET (realtime = false);
SELECT sum FROM cvm ORDER BY b;
ROLLBACK;
SELECT sum FROM cvm ORDER BY b;
ALTER MATERIALIZED VIEW cvm SET (lag = 'never');
ALTER MATERIALIZED VIEW cvm SET (lag = '1 min', realtime = 'perhaps');
ALTER MATERIALIZED VIEW cvm SET (continuous = false);
ALTER MATERIALIZED VIEW cvm RESET (fillfactor);
ALTER MATERIALIZED VIEW IF EXISTS cvn SET (lag = '1 min');
ALTER MATERIALIZED VIEW cvo SET (lag = '1 min');
ALTER TABLE cvm SET (lag = '1 min');
ALTER VIEW cvm SET (lag = '1 min');
SELECT reloptions FROM pg_class WHERE relname = 'cvm';
-- without data it is not
REFRESH MATERIALIZED VIEW cvm WITH NO DATA;
REFRESH MATERIALIZED VIEW CONCURRENTLY cvm WITH NO DATA;
REFRESH MATERIALIZED VIEW CONCURRENTLY cvm;
SELECT sum(count) FROM cvm;
CREATE ROLE cvu;
SET ROLE cvu;
ALTER MATERIALIZED VIEW cvm SET (lag = '1 min');
RESET ROLE;
DROP ROLE cvu;
DROP TABLE cvo CASCADE;
