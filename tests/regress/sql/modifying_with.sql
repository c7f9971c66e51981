-- INSERT, UPDATE, DELETE in WITH: one snapshot, run to the end, in order; subqueries in RETURNING.
CREATE TABLE a (id int PRIMARY KEY, v text, n int);
CREATE TABLE log (id int, what text);
INSERT INTO a VALUES (1, 'one', 10), (2, 'two', 20), (3, 'three', 30), (4, 'four', 40);
WITH x AS (INSERT INTO a VALUES (5, 'five', 50) RETURNING *) SELECT * FROM x;
WITH x AS (INSERT INTO a VALUES (6, 'six', 60) RETURNING id) SELECT (SELECT count(*) FROM a) AS seen, id FROM x;
SELECT count(*) FROM a;
WITH gone AS (DELETE FROM a WHERE id > 4 RETURNING id, v) INSERT INTO log SELECT * FROM gone;
SELECT * FROM log ORDER BY id;
WITH u AS (UPDATE a SET n = n + 1 WHERE id < 3 RETURNING id, n) SELECT a.id, a.n AS old, u.n AS new FROM a JOIN u ON a.id = u.id ORDER BY 1;
SELECT id, n FROM a ORDER BY id;
-- those that nobody reads run as well
WITH x AS (INSERT INTO log VALUES (100, 'unread')) SELECT 1 AS one;
WITH x AS (INSERT INTO log VALUES (101, 'unread') RETURNING *) SELECT 2 AS two;
WITH x AS (DELETE FROM log WHERE id >= 100 RETURNING id) SELECT id FROM x ORDER BY id LIMIT 1;
SELECT * FROM log ORDER BY id;
-- several, that read each other
WITH i AS (INSERT INTO a SELECT g, 'g' || g, g FROM generate_series(10, 12) g RETURNING id, n),
     l AS (INSERT INTO log SELECT id, 'made' FROM i RETURNING id),
     d AS (DELETE FROM a USING l WHERE a.id = l.id - 8 RETURNING a.id)
SELECT (SELECT array_agg(id ORDER BY id) FROM i) AS i, (SELECT array_agg(id ORDER BY id) FROM l) AS l, (SELECT array_agg(id ORDER BY id) FROM d) AS d;
SELECT id FROM a ORDER BY id;
-- beside plain ones, which run once
WITH r AS (SELECT random() AS x), i AS (INSERT INTO log SELECT 200, x::text FROM r RETURNING what) SELECT i.what = r.x::text AS same FROM i, r;
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5), i AS (INSERT INTO log SELECT n, 'rec' FROM t WHERE n > 3 RETURNING id) SELECT count(*), (SELECT count(*) FROM i) FROM t;
WITH unused AS (SELECT 1 / 0), i AS (INSERT INTO log VALUES (300, 'x') RETURNING id) SELECT id FROM i;
-- the statement itself changes tables
WITH d AS (DELETE FROM log WHERE what = 'rec' RETURNING id) UPDATE a SET v = v || '+' FROM d WHERE a.id = d.id RETURNING a.id, a.v;
WITH d AS (DELETE FROM log RETURNING id) DELETE FROM a WHERE id IN (SELECT id FROM d) RETURNING id;
SELECT count(*) FROM log;
WITH i AS (INSERT INTO log VALUES (1, 'new') RETURNING id) DELETE FROM log;
SELECT * FROM log;
DELETE FROM log;
WITH up AS (UPDATE a SET n = n * 2 WHERE id = 1 RETURNING *) INSERT INTO log SELECT id, v FROM up RETURNING *;
WITH src AS (SELECT 1 AS id, 'k' AS v) INSERT INTO a SELECT id, v FROM src ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING *;
WITH ins AS (INSERT INTO a VALUES (1, 'dup') ON CONFLICT DO NOTHING RETURNING id) SELECT count(*) FROM ins;
WITH ins AS (INSERT INTO a VALUES (1, 'z'), (20, 'y') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id, v) SELECT * FROM ins ORDER BY id;
-- columns named; a name shadows a table
WITH x(key, word) AS (INSERT INTO log VALUES (7, 'seven') RETURNING *) SELECT word, key FROM x;
WITH log AS (INSERT INTO log VALUES (8, 'eight') RETURNING *) SELECT * FROM log;
-- two that change the same row: one does
WITH one AS (UPDATE a SET v = 'same' WHERE id = 20 RETURNING id), two AS (UPDATE a SET v = 'same' WHERE id = 20 RETURNING id) SELECT (SELECT count(*) FROM one) + (SELECT count(*) FROM two) AS changed;
WITH d AS (DELETE FROM a WHERE id = 20) SELECT count(*) FROM a WHERE id = 20;
SELECT count(*) FROM a WHERE id = 20;
-- errors
WITH x AS (INSERT INTO log VALUES (9, 'nine')) SELECT * FROM x;
SELECT * FROM (WITH x AS (INSERT INTO log VALUES (9, 'nine') RETURNING *) SELECT * FROM x) s;
INSERT INTO log WITH x AS (DELETE FROM a RETURNING id, v) SELECT * FROM x;
WITH x AS (WITH y AS (DELETE FROM a RETURNING id) INSERT INTO log SELECT id FROM y RETURNING id) SELECT * FROM x;
WITH x AS (INSERT INTO a VALUES (1, 'dup')) SELECT 1;
WITH x AS (UPDATE a SET nope = 1) SELECT 1;
WITH x AS (INSERT INTO log VALUES (1) RETURNING id), x AS (SELECT 1) SELECT 1;
WITH x(a, b, c) AS (INSERT INTO log VALUES (1) RETURNING id) SELECT 1;
SELECT count(*) FROM log;
BEGIN READ ONLY;
WITH x AS (INSERT INTO log VALUES (9, 'nine') RETURNING id) SELECT * FROM x;
ROLLBACK;
-- undone with the rest
BEGIN;
WITH x AS (DELETE FROM a) INSERT INTO log VALUES (0, 'all gone');
SELECT count(*) FROM a;
ROLLBACK;
SELECT count(*) > 0 FROM a;
PREPARE p(int, text) AS WITH x AS (INSERT INTO log VALUES ($1, $2) RETURNING *) SELECT id + $1, what FROM x;
EXECUTE p(40, 'forty');
EXECUTE p(41, 'forty-one');
-- RETURNING with subqueries
INSERT INTO log VALUES (50, 'fifty') RETURNING id, (SELECT count(*) FROM log l WHERE l.id = log.id) AS before, (SELECT max(v) FROM a WHERE a.id <= log.id) AS v;
INSERT INTO log AS t SELECT g, 'r' FROM generate_series(1, 3) g RETURNING t.*, EXISTS (SELECT FROM a WHERE a.id = t.id) AS there;
WITH c AS (SELECT 5 AS five) INSERT INTO log SELECT five, 'c' FROM c RETURNING id + (SELECT five FROM c), what || (SELECT 'x');
WITH i AS (INSERT INTO log VALUES (60, 'sixty') RETURNING id, (SELECT count(*) FROM a) AS n) SELECT id, n > 0 FROM i;
UPDATE a SET n = 0 WHERE id = 1 RETURNING id, (SELECT count(*) FROM log WHERE log.id = a.id) AS c;
DELETE FROM log WHERE id = 60 RETURNING id, (SELECT max(id) FROM a) > 1 AS c;
INSERT INTO a VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING v, (SELECT count(*) FROM a b WHERE b.v = 'again');
DROP TABLE a, log;
