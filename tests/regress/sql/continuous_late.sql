-- Late rows: the groups of their series are made anew, and nothing else of the bucket.
CREATE TABLE cl (ts timestamptz NOT NULL, host text TAG, dc text TAG, load float8);
INSERT INTO cl SELECT '2026-01-01'::timestamptz + i * interval '1 minute', CASE WHEN h < 9 THEN 'it''s \ ' || h END, CASE h % 3 WHEN 0 THEN 'a' WHEN 1 THEN '' END, i FROM generate_series(0, 299) i, generate_series(1, 9) h;
CREATE MATERIALIZED VIEW clh WITH (continuous, refresh = '0') AS SELECT time_bucket('1 hour', ts) AS b, host, dc, count(*) AS c, sum(load) AS s FROM cl GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW cld WITH (continuous, refresh = '0') AS SELECT dc, time_bucket('2 hours', ts) AS b, host IS NULL AS n, count(*) AS c, sum(load) AS s FROM cl GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW clu WITH (continuous, refresh = '0') AS SELECT time_bucket('1 day', b) AS d, host, sum(c) AS c, sum(s) AS s FROM clh GROUP BY 1, 2;
CREATE VIEW qlh AS SELECT time_bucket('1 hour', ts) AS b, host, dc, count(*) AS c, sum(load) AS s FROM cl GROUP BY 1, 2, 3;
CREATE VIEW qld AS SELECT dc, time_bucket('2 hours', ts) AS b, host IS NULL AS n, count(*) AS c, sum(load) AS s FROM cl GROUP BY 1, 2, 3;
CREATE VIEW qlu AS SELECT time_bucket('1 day', ts) AS d, host, count(*)::numeric AS c, sum(load) AS s FROM cl GROUP BY 1, 2;
REFRESH MATERIALIZED VIEW clh;
REFRESH MATERIALIZED VIEW cld;
REFRESH MATERIALIZED VIEW clu;
-- a tag that is absent, one that is empty, one with quotes, a new series, one that is deleted, one that moves
INSERT INTO cl VALUES ('2026-01-01 01:00:30', NULL, 'a', 1000), ('2026-01-01 02:00:30', 'it''s \ 1', '', 500), ('2026-01-01 03:00:30', 'new', NULL, 7);
DELETE FROM cl WHERE host = 'it''s \ 2' AND ts < '2026-01-01 02:30';
UPDATE cl SET host = 'moved' WHERE host = 'it''s \ 3' AND ts >= '2026-01-01 04:00';
DELETE FROM cl WHERE load = 250;
REFRESH MATERIALIZED VIEW clh;
REFRESH MATERIALIZED VIEW cld;
REFRESH MATERIALIZED VIEW clu;
-- only what is kept is looked at: none may differ
ALTER MATERIALIZED VIEW clh SET (realtime = false);
ALTER MATERIALIZED VIEW cld SET (realtime = false);
ALTER MATERIALIZED VIEW clu SET (realtime = false);
(TABLE clh EXCEPT ALL TABLE qlh) UNION ALL (TABLE qlh EXCEPT ALL TABLE clh);
(TABLE cld EXCEPT ALL TABLE qld) UNION ALL (TABLE qld EXCEPT ALL TABLE cld);
(TABLE clu EXCEPT ALL TABLE qlu) UNION ALL (TABLE qlu EXCEPT ALL TABLE clu);
SELECT count(*), sum(c), sum(s) FROM clh;
DROP TABLE cl CASCADE;
