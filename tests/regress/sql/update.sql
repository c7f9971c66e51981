-- UPDATE of fields, of tags and time, with FROM and RETURNING
CREATE TABLE u_cpu (time timestamptz NOT NULL, host text TAG, v float8, n int, note text NOT NULL DEFAULT 'none', name varchar(5));
INSERT INTO u_cpu (time, host, v, n) SELECT timestamptz '2026-01-01' + i * interval '1 hour', 'h' || i % 3, i, i FROM generate_series(0, 11) i;
UPDATE u_cpu SET v = v + 100 WHERE host = 'h0';
SELECT host, n, v, note FROM u_cpu ORDER BY n;
UPDATE u_cpu SET v = n, n = v WHERE n = 6 RETURNING host, v, n;
UPDATE u_cpu SET n = 6, v = DEFAULT, note = 'six' WHERE n = 106;
UPDATE u_cpu SET (v, note) = (6.5, 'half') WHERE n = 6 RETURNING *;
UPDATE u_cpu SET note = DEFAULT, name = 'abcde' WHERE n = 6 RETURNING note, name;
UPDATE u_cpu SET n = NULL WHERE n = 11 RETURNING n, v;
SELECT count(*), count(n) FROM u_cpu;
UPDATE u_cpu SET n = 11 WHERE n IS NULL;
UPDATE u_cpu SET n = 1 WHERE host = 'nobody';
EXPLAIN (COSTS OFF) UPDATE u_cpu SET n = n + 1 WHERE host = 'h1';
-- FROM, subqueries, WITH
CREATE TABLE u_new (host text, add int);
INSERT INTO u_new VALUES ('h1', 1000), ('h2', 2000), ('h2', 3000);
UPDATE u_cpu c SET v = u.add FROM u_new u WHERE u.host = c.host AND u.host = 'h1' AND c.n < 5 RETURNING c.n, c.v, u.add;
UPDATE u_cpu SET note = 'twice' FROM u_new WHERE u_new.host = u_cpu.host AND u_cpu.host = 'h2';
SELECT note, count(*) FROM u_cpu GROUP BY note ORDER BY note;
UPDATE u_cpu SET v = (SELECT max(add) FROM u_new WHERE u_new.host = u_cpu.host) WHERE n IN (1, 2, 3);
SELECT n, v FROM u_cpu WHERE n <= 4 ORDER BY n;
WITH s AS (SELECT 5 AS k) UPDATE u_cpu SET note = 'five' FROM s WHERE n = s.k RETURNING n, note;
-- tags and time: the row moves
UPDATE u_cpu SET host = 'h7' WHERE n IN (0, 3) RETURNING host, n, v;
SELECT host, n, v FROM u_cpu WHERE host IN ('h0', 'h7') ORDER BY n;
UPDATE u_cpu SET time = time + interval '3 hours' WHERE host = 'h1';
SELECT time, host, n FROM u_cpu WHERE host = 'h1' ORDER BY time;
UPDATE u_cpu SET time = time - interval '1 day', host = upper(host), n = -n WHERE host = 'h2' RETURNING time, host, n;
SELECT count(*) FROM u_cpu;
-- own updates are seen; rollback
BEGIN;
UPDATE u_cpu SET n = n * 10 WHERE host = 'h7';
UPDATE u_cpu SET n = n + 1 WHERE host = 'h7';
SELECT n FROM u_cpu WHERE host = 'h7' ORDER BY n;
SAVEPOINT s;
UPDATE u_cpu SET host = 'h8' WHERE host = 'h7';
SELECT count(*) FROM u_cpu WHERE host = 'h8';
ROLLBACK TO s;
SELECT count(*) FROM u_cpu WHERE host = 'h7';
ROLLBACK;
SELECT n FROM u_cpu WHERE host = 'h7' ORDER BY n;
-- prepared, with parameters
PREPARE up(float8, text) AS UPDATE u_cpu SET v = $1 WHERE host = $2 RETURNING v;
EXECUTE up(0.5, 'h7');
-- survives a flush
CHECKPOINT;
UPDATE u_cpu SET v = 1 WHERE n = 0;
SELECT host, n, v, note FROM u_cpu ORDER BY n;
-- tables that keep every row: one of two equal rows
CREATE TABLE u_log (ts timestamptz NOT NULL, msg text, k int);
INSERT INTO u_log VALUES ('2026-01-01', 'a', 1), ('2026-01-01', 'a', 2), ('2026-01-01', 'a', 3);
UPDATE u_log SET msg = 'b' WHERE k = 2;
SELECT * FROM u_log ORDER BY k;
UPDATE u_log SET ts = '2026-02-01' WHERE k = 3;
SELECT * FROM u_log ORDER BY k;
UPDATE u_new SET add = add + 1;
SELECT * FROM u_new ORDER BY add;
-- errors
UPDATE u_nothing SET a = 1;
UPDATE u_cpu SET nothing = 1;
UPDATE u_cpu SET n = 1, n = 2;
UPDATE u_cpu SET n = 'x';
UPDATE u_cpu SET n = now();
UPDATE u_cpu SET note = NULL WHERE host = 'h7';
UPDATE u_cpu SET time = NULL WHERE host = 'h7';
UPDATE u_cpu SET name = 'abcdef' WHERE host = 'h7';
UPDATE u_cpu SET n = count(*);
UPDATE u_cpu SET n = generate_series(1, 2);
UPDATE u_cpu SET (n, v) = (1);
UPDATE u_cpu SET (n, v) = (1, 2, 3);
UPDATE u_cpu SET n = 1 / 0 WHERE host = 'h7';
UPDATE u_cpu c SET c.n = 1;
UPDATE u_cpu SET u_cpu.n = 1;
BEGIN READ ONLY;
UPDATE u_cpu SET n = 1;
ROLLBACK;
SELECT n, v, note FROM u_cpu WHERE host = 'h7' ORDER BY n;
DROP TABLE u_cpu, u_new, u_log;
-- several columns from a list, a row, a sub-select
CREATE TABLE u_many (a int PRIMARY KEY, b text, c numeric);
INSERT INTO u_many VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3);
CREATE TABLE u_from (a int, x text);
INSERT INTO u_from VALUES (1, 'one'), (2, 'two');
UPDATE u_many SET (b, c) = (SELECT x, a * 2 FROM u_from f WHERE f.a = u_many.a) RETURNING *;
UPDATE u_many SET (b, c) = (SELECT x, a FROM u_from) WHERE a = 1;
UPDATE u_many SET (b, c) = (SELECT x FROM u_from) WHERE a = 1;
UPDATE u_many SET (b) = ('single'), (c) = ROW(9) WHERE a = 2 RETURNING *;
UPDATE u_many SET (b, c) = (1) WHERE a = 1;
UPDATE u_many SET (b, c) = (VALUES ('v', 8)), a = 30 WHERE a = 3 RETURNING *;
INSERT INTO u_many VALUES (1, 'q', 4) ON CONFLICT (a) DO UPDATE SET (b, c) = (SELECT x || excluded.b, excluded.c FROM u_from f WHERE f.a = excluded.a) RETURNING *;
CREATE TABLE IF NOT EXISTS u_many AS SELECT 1;
DROP TABLE u_many, u_from;
