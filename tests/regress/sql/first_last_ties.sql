-- of several rows at the first or the last time the greatest value counts, whichever way the rows come
CREATE TABLE flt (ts timestamptz NOT NULL, host text TAG, v float8, n bigint, note text);
INSERT INTO flt VALUES ('2026-01-01 00:00+00','a',1,1,'x'), ('2026-01-01 00:00+00','b',3,NULL,'z'), ('2026-01-01 00:00+00','c',2,3,'y'),
  ('2026-01-01 00:10+00','c',7,7,'p'), ('2026-01-01 00:10+00','a',9,8,'q'), ('2026-01-01 00:10+00','b',8,9,NULL);
SELECT first(v), last(v), first(n, ts), last(n, ts), first(note, ts), last(note, ts) FROM flt;
SELECT time_bucket('10 minutes', ts) AS b, first(v), last(v), first(n), last(note) FROM flt GROUP BY 1 ORDER BY 1;
CREATE MATERIALIZED VIEW flt_v WITH (continuous) AS
  SELECT time_bucket('1 hour', ts) AS b, first(v) AS fv, last(v) AS lv, first(n, ts) AS fn, last(n, ts) AS ln, first(note, ts) AS ft, last(note, ts) AS lt FROM flt GROUP BY 1;
REFRESH MATERIALIZED VIEW flt_v;
INSERT INTO flt VALUES ('2026-01-01 00:00+00','d',2.5,2,'zz'), ('2026-01-01 00:10+00','d',8.5,20,'a');
REFRESH MATERIALIZED VIEW flt_v;
SELECT * FROM flt_v;
SELECT first(v), last(v), first(n, ts), last(n, ts), first(note, ts), last(note, ts) FROM flt;
DROP MATERIALIZED VIEW flt_v;
DROP TABLE flt;
CREATE TABLE flp (k int, v int);
INSERT INTO flp SELECT 1, g FROM generate_series(1, 5) g;
INSERT INTO flp SELECT 2, 6 - g FROM generate_series(1, 5) g;
SELECT first(v, k), last(v, k), first(v, v), last(v, 0) FROM flp;
SELECT k, first(v, 1), last(v, 1) FROM flp GROUP BY k ORDER BY k;
SELECT first(json_build_object('v', v)::text, k), first(v::text::json, k)::text FROM (SELECT * FROM flp ORDER BY v) x;
DROP TABLE flp;
