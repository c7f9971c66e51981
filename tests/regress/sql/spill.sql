-- Queries that need more memory than they have: the answers are the same, by way of temporary files.
CREATE TABLE sp (id int8, k int4, g int4, f float8, s text, d numeric);
INSERT INTO sp SELECT i, (i * 7919) % 40009, i % 50, CASE WHEN i % 11 = 0 THEN NULL ELSE ((i * 31) % 1000) / 8.0 END,
  'text ' || (i * 17) % 5003, ((i * 13) % 777)::numeric / 4 FROM generate_series(1, 60000) i;
INSERT INTO sp SELECT 100000 + i, 777, 5, 1, 'frequent', 1 FROM generate_series(1, 2000) i;
INSERT INTO sp SELECT 200000 + i, NULL, NULL, NULL, NULL, NULL FROM generate_series(1, 100) i;
CREATE TABLE spd (k int4, name text, v int8);
INSERT INTO spd SELECT (i * 3) % 40009, 'a name of the row ' || i, i FROM generate_series(1, 30000) i;
INSERT INTO spd SELECT NULL, 'null', i FROM generate_series(1, 50) i;
INSERT INTO spd SELECT 777, 'frequent', i FROM generate_series(1, 100) i;
SET skulk.query_memory = '4MB';
-- groups: saved states; DISTINCT and ORDER BY inside
SELECT count(*), sum(c), sum(n), sum(a), min(m), max(m) FROM
  (SELECT k, count(*) c, sum(f) n, avg(d) a, min(s) m FROM sp GROUP BY k) x;
SELECT id, string_agg(s, ','), count(d), bool_and(g > 3) FROM sp GROUP BY id ORDER BY id DESC LIMIT 3;
SELECT k, array_agg(id ORDER BY id DESC), count(DISTINCT s) FROM sp WHERE k <> 777 GROUP BY k ORDER BY k LIMIT 4;
SELECT count(DISTINCT k), count(DISTINCT s), sum(DISTINCT d), count(DISTINCT id), count(DISTINCT (k % 3)) FROM sp;
SELECT g, count(DISTINCT s), sum(DISTINCT k), count(DISTINCT id) FROM sp GROUP BY g ORDER BY g DESC LIMIT 3;
SELECT count(*), sum(p), min(m), max(m) FROM (SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY f) p,
  mode() WITHIN GROUP (ORDER BY s) m FROM sp GROUP BY k) x;
SELECT count(*), sum(c), sum(length(a)) FROM (SELECT s, d, count(*) c, string_agg(g::text, '' ORDER BY id) a FROM sp GROUP BY s, d) x;
SELECT g, k, count(*) FROM sp GROUP BY ROLLUP (g, k) ORDER BY g NULLS FIRST, k NULLS FIRST, 3 LIMIT 3;
-- ordered sets of one group and of many keep only the values that are asked for; lists and texts grow in pieces
-- five of them at once: what a worker holds beside their pieces has to fit as well
SET skulk.query_memory = '5MB';
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY f), percentile_disc(0.9) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY k),
  percentile_cont(ARRAY[0, 0.1, NULL, 1]) WITHIN GROUP (ORDER BY f DESC), percentile_disc(ARRAY[[0, 0.5], [0.7, 1]]) WITHIN GROUP (ORDER BY s) FROM sp;
SET skulk.query_memory = '4MB';
SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY f), percentile_disc(0.5) WITHIN GROUP (ORDER BY s), mode() WITHIN GROUP (ORDER BY s DESC),
  percentile_cont(ARRAY[0.3]) WITHIN GROUP (ORDER BY id) FROM sp GROUP BY g ORDER BY g LIMIT 3;
SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY id) FROM sp;
SELECT percentile_disc(NULL) WITHIN GROUP (ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY f) FILTER (WHERE id > 200000) FROM sp;
SELECT g, count(DISTINCT id), count(DISTINCT s), count(DISTINCT f), count(DISTINCT k) FROM sp GROUP BY g ORDER BY g LIMIT 2;
SELECT md5(string_agg(s, ', ')), md5(json_agg(g)::text), md5(array_agg(k)::text) FROM (SELECT * FROM sp ORDER BY id LIMIT 20000) x;
-- sort
SELECT id, s FROM sp ORDER BY s DESC NULLS LAST, id OFFSET 61000 LIMIT 2;
SELECT id, d FROM (SELECT id, d, s FROM sp ORDER BY d DESC NULLS LAST, s, id LIMIT 40000) x ORDER BY d, id LIMIT 2;
-- joins of all kinds, with frequent and NULL keys
SELECT count(*), sum(sp.id), sum(spd.v), count(spd.name) FROM sp JOIN spd ON sp.k = spd.k;
SELECT count(*), sum(sp.id), sum(spd.v), count(spd.name) FROM sp LEFT JOIN spd ON sp.k = spd.k AND spd.v % 2 = 0;
SELECT count(*), sum(sp.id), sum(spd.v), count(spd.name) FROM sp RIGHT JOIN spd ON sp.k = spd.k AND sp.id < 50000;
SELECT count(*), sum(sp.id), sum(spd.v), count(spd.name) FROM spd FULL JOIN sp ON sp.k = spd.k AND sp.id < 100000;
SELECT count(*), sum(id) FROM sp WHERE k IN (SELECT k FROM spd);
SELECT count(*), sum(id) FROM sp WHERE k NOT IN (SELECT k FROM spd WHERE k IS NOT NULL);
SELECT count(*) FROM sp WHERE k NOT IN (SELECT k FROM spd);
SELECT count(*), sum(v) FROM spd WHERE EXISTS (SELECT 1 FROM sp WHERE sp.k = spd.k AND sp.s <> spd.name);
SELECT count(*), sum(id) FROM sp WHERE NOT EXISTS (SELECT 1 FROM spd WHERE sp.k = spd.k AND spd.v > sp.id);
SELECT count(*), sum(a.id), sum(b.id) FROM sp a JOIN sp b ON a.id = b.id + 1;
SELECT count(*), sum(a.id), sum(b.id) FROM sp a JOIN sp b ON a.s = b.s AND a.g = b.g WHERE a.k <> 777;
SELECT count(*), sum(a.id), sum(b.v) FROM (SELECT * FROM sp WHERE id < 30) a LEFT JOIN spd b ON b.v BETWEEN a.id AND a.id + 3;
SELECT count(*), sum(b.v), count(a.id) FROM spd b LEFT JOIN (SELECT * FROM sp WHERE id < 9) a ON a.id > b.v;
SELECT count(*), sum(a.id) FROM (SELECT * FROM sp WHERE id < 9) a FULL JOIN spd b ON a.id = b.v AND b.name > 'a' AND a.k > 5;
-- DISTINCT and set operations
SELECT count(*), sum(g), min(s) FROM (SELECT DISTINCT s, g FROM sp) x;
SELECT count(*), sum(id) FROM (SELECT DISTINCT ON (k) k, id FROM sp ORDER BY k, id DESC) x;
SELECT count(*), min(s), max(s) FROM (SELECT s FROM sp UNION SELECT name FROM spd) x;
SELECT count(*), sum(k) FROM (SELECT k FROM sp INTERSECT SELECT k FROM spd) x;
SELECT count(*), sum(k) FROM (SELECT k FROM sp INTERSECT ALL SELECT k FROM spd) x;
SELECT count(*), sum(k) FROM (SELECT k FROM sp EXCEPT SELECT k FROM spd) x;
SELECT count(*), sum(k) FROM (SELECT k FROM sp EXCEPT ALL SELECT k FROM spd) x;
SELECT count(*), sum(id), max(s) FROM (SELECT id, s FROM sp EXCEPT SELECT id, s FROM sp WHERE id % 2 = 0) x;
-- WITH queries and subqueries that are kept
WITH x AS MATERIALIZED (SELECT id, s FROM sp) SELECT count(*), sum(a.id), max(b.s) FROM x a JOIN x b ON a.id = b.id + 1;
WITH x AS MATERIALIZED (SELECT g, repeat('x', 200) || g AS s FROM generate_series(1, 60000) g)
  SELECT count(*), sum(length(a.s)), right(max(a.s), 9), right(max(q.s), 9) FROM (SELECT * FROM x LIMIT 1500) a,
    LATERAL (SELECT b.s FROM x b OFFSET (a.g * 37) % 60000 LIMIT 1) q;
WITH RECURSIVE r (n, s) AS (SELECT id, s FROM sp UNION ALL SELECT n + 1000000, s FROM r WHERE n < 3000000)
  SELECT count(*), sum(n), max(s) FROM r;
-- what UNION has seen: rows that come again later, again in the same round, and one new row a round
WITH RECURSIVE r (n, s) AS (SELECT i, 'text ' || i FROM generate_series(1, 50000) i UNION SELECT (n * 7 + 1) % 60007, 'text ' || (n * 7 + 1) % 60007 FROM r)
  SELECT count(*), sum(n), min(s), max(s) FROM r;
WITH RECURSIVE r (n) AS (SELECT 1::int8 UNION SELECT n + 1 FROM r WHERE n < 120000) SELECT count(*), sum(n) FROM r;
WITH RECURSIVE r (n, d) AS (SELECT 1::int8, NULL::numeric UNION SELECT (n * 2 + k) % 100003, (n % 7)::numeric FROM r, generate_series(0, 1) k)
  SELECT count(*), sum(n), sum(d), count(d) FROM r;
SELECT count(*), sum(a.v) FROM (VALUES (1), (2), (3)) t (i), LATERAL (SELECT v FROM spd WHERE name > 'a') a;
-- rows of a transaction and of a temporary table
BEGIN;
CREATE TEMP TABLE spt (id int8, k int4, s text) ON COMMIT DROP;
INSERT INTO spt SELECT i, i % 40009, 'text ' || i % 5003 FROM generate_series(1, 250000) i;
SELECT count(*), sum(id), max(s) FROM spt;
SELECT id, s FROM spt ORDER BY s DESC, id LIMIT 2;
DELETE FROM spt WHERE id % 7 = 0;
UPDATE spt SET k = k + 1 WHERE id < 1000;
SELECT count(*), sum(k), count(DISTINCT k) FROM spt;
COMMIT;
BEGIN;
INSERT INTO sp SELECT i, i % 40009, 3, 1, 'text ' || i % 5003, 2 FROM generate_series(1, 150000) i;
SELECT count(*), sum(id), max(s) FROM sp;
ROLLBACK;
-- windows: one partition of all rows, many of few, frames of any kind
SELECT sum(a), sum(b), max(c), sum(d) FROM (SELECT nth_value(id, 3) OVER w AS a, count(*) OVER (ORDER BY id DESC) AS b,
  lead(s, 2) OVER w AS c, sum(id) OVER (ORDER BY id ROWS BETWEEN 5000 PRECEDING AND 70 FOLLOWING) AS d FROM sp WINDOW w AS (ORDER BY id)) x;
SELECT sum(a), sum(b), sum(c), max(d) FROM (SELECT rank() OVER w AS a, ntile(5) OVER w AS b, sum(id) OVER w AS c,
  last_value(s) OVER (PARTITION BY k ORDER BY id) AS d FROM sp WINDOW w AS (PARTITION BY k ORDER BY g)) x;
SELECT round(sum(a)::numeric, 6), sum(b), sum(c) FROM (SELECT cume_dist() OVER (ORDER BY k) AS a, dense_rank() OVER (ORDER BY k) AS b,
  count(*) OVER (ORDER BY k GROUPS BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) AS c FROM sp) x;
SELECT sum(a), sum(b), sum(c), count(d) FROM (SELECT row_number() OVER w AS a, sum(id) OVER w AS b,
  max(id) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) AS c, lag(s, 7) OVER w AS d FROM sp WINDOW w AS (ORDER BY id)) x;
-- writing from such a query
CREATE TABLE spc AS SELECT s, count(*) AS n, array_agg(id ORDER BY id) AS ids FROM sp GROUP BY s;
SELECT count(*), sum(n), max(array_length(ids, 1)) FROM spc;
RESET skulk.query_memory;
DROP TABLE sp, spd, spc;
