-- CREATE OR REPLACE: the next version is made while the old one answers (here: since it shows only what is kept).
CREATE TABLE cr (ts timestamptz NOT NULL, host text TAG, load float8);
INSERT INTO cr SELECT '2026-01-01'::timestamptz + i * interval '1 minute', 'h' || (i % 3), i % 10 FROM generate_series(0, 599) i;
CREATE MATERIALIZED VIEW crv WITH (continuous, refresh = '0') AS SELECT time_bucket('1 hour', ts) AS b, host, avg(load) AS a FROM cr GROUP BY 1, 2;
CREATE VIEW crp AS SELECT b, a FROM crv WHERE host = 'h1';
GRANT SELECT ON crv TO PUBLIC;
COMMENT ON MATERIALIZED VIEW crv IS 'loads';
REFRESH MATERIALIZED VIEW crv;
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous, refresh = '0', realtime = false) AS SELECT time_bucket('2 hours', ts) AS b, host, avg(load) AS a, max(load) AS m FROM cr GROUP BY 1, 2;
-- REFRESH does not wait for the job
REFRESH MATERIALIZED VIEW crv;
SELECT * FROM crv ORDER BY b, host LIMIT 3;
SELECT count(*), sum(a), sum(m) FROM crv;
SELECT count(*) FROM crp;
SELECT name, view_schema FROM skulk.continuous_queries WHERE view_name LIKE 'cr%' OR view_schema = 'pg_skulk' ORDER BY 1;
SELECT obj_description('crv'::regclass);
SELECT count(*) FROM pg_class WHERE relname LIKE 'next_%';
-- it goes on as any other
INSERT INTO cr VALUES ('2026-01-01 01:00:30', 'h1', 1000);
REFRESH MATERIALIZED VIEW crv;
SELECT * FROM crv WHERE m = 1000;
-- what cannot be computed leaves the old version
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous, refresh = '0', realtime = false) AS SELECT time_bucket('2 hours', ts) AS b, host, max(1 / (load - 5)::int) AS x FROM cr GROUP BY 1, 2;
REFRESH MATERIALIZED VIEW crv;
SELECT * FROM crv WHERE m = 1000;
REFRESH MATERIALIZED VIEW crv FROM '2026-01-01' TO '2026-01-02';
-- nor does what cannot be a view
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous) AS SELECT host, count(*) FROM cr GROUP BY 1;
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous) AS SELECT time_bucket('1 hour', ts) AS b, nothing FROM cr GROUP BY 1;
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous, every = '1 h') AS SELECT time_bucket('1 hour', ts) AS b, count(*) FROM cr GROUP BY 1;
SELECT * FROM crv WHERE m = 1000;
-- another one takes its place; little, and shown as rows: in force at once
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous, refresh = '0') AS SELECT time_bucket('5 hours', ts) AS b, count(*) AS a FROM cr GROUP BY 1;
SELECT * FROM crv ORDER BY b;
-- while it is made
CREATE OR REPLACE MATERIALIZED VIEW crv WITH (continuous, refresh = '0', realtime = false) AS SELECT time_bucket('2 hours', ts) AS b, max(1 / (load - 5)::int) AS a FROM cr GROUP BY 1;
ALTER MATERIALIZED VIEW crv SET (lag = '1 min');
ALTER MATERIALIZED VIEW crv RENAME TO crw;
SELECT * FROM crw ORDER BY b;
BEGIN;
CREATE OR REPLACE MATERIALIZED VIEW crw WITH (continuous, refresh = '0', realtime = false) AS SELECT time_bucket('1 day', ts) AS b, count(*) AS a FROM cr GROUP BY 1;
ROLLBACK;
ALTER TABLE cr RENAME load TO l;
REFRESH MATERIALIZED VIEW crw;
TRUNCATE cr;
REFRESH MATERIALIZED VIEW crw;
SELECT * FROM crw;
DROP TABLE cr;
-- what it keeps of rows that are gone is not thrown away
CREATE TABLE crt (ts timestamptz NOT NULL, v int) WITH (ttl = '2 days');
INSERT INTO crt SELECT '2026-01-01'::timestamptz + i * interval '1 hour', i FROM generate_series(0, 47) i;
CREATE MATERIALIZED VIEW cru WITH (continuous, refresh = '0') AS SELECT time_bucket('1 day', ts) AS b, sum(v) AS s FROM crt GROUP BY 1;
REFRESH MATERIALIZED VIEW cru;
INSERT INTO crt VALUES ('2026-01-10', 100);
CREATE OR REPLACE MATERIALIZED VIEW cru WITH (continuous, refresh = '0') AS SELECT time_bucket('1 day', ts) AS b, max(v) AS s FROM crt GROUP BY 1;
SELECT * FROM cru ORDER BY b;
DROP TABLE crt CASCADE;
DROP TABLE cr CASCADE;
SELECT count(*) FROM pg_class WHERE relname LIKE 'next_%';
