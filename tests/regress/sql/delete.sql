-- DELETE by range, by row, with USING, RETURNING, in transactions
CREATE TABLE d_cpu (time timestamptz NOT NULL, host text TAG, region text TAG, v float8, n int);
INSERT INTO d_cpu SELECT timestamptz '2026-01-01' + i * interval '1 hour', 'h' || i % 4, CASE WHEN i % 2 = 0 THEN 'eu' ELSE 'us' END, i, i FROM generate_series(0, 99) i;
SELECT count(*) FROM d_cpu;
-- only tags and time: ranges
EXPLAIN (COSTS OFF) DELETE FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
DELETE FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
SELECT host, count(*), min(n), max(n) FROM d_cpu GROUP BY host ORDER BY host;
DELETE FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
DELETE FROM d_cpu WHERE host = 'nobody';
DELETE FROM d_cpu WHERE host IN ('h0', 'h2') AND time BETWEEN '2026-01-03' AND '2026-01-03 06:00';
DELETE FROM d_cpu WHERE host ~ '^h[23]$' AND time = '2026-01-01 03:00';
SELECT count(*), sum(n) FROM d_cpu;
-- fields decide: row by row
EXPLAIN (COSTS OFF) DELETE FROM d_cpu WHERE n > 90;
DELETE FROM d_cpu WHERE n > 90;
DELETE FROM d_cpu AS c WHERE c.v BETWEEN 50 AND 52 RETURNING c.host, n, c.v * 2 AS twice;
DELETE FROM d_cpu WHERE n IS NULL RETURNING *;
SELECT count(*), sum(n) FROM d_cpu;
-- subqueries and USING
CREATE TABLE d_gone (host text, upto int);
INSERT INTO d_gone VALUES ('h3', 20), ('h3', 10), ('h0', 8);
DELETE FROM d_cpu WHERE host IN (SELECT host FROM d_gone) AND n < 8 RETURNING host, n;
DELETE FROM d_cpu c USING d_gone g WHERE c.host = g.host AND c.n <= g.upto RETURNING c.host, c.n;
DELETE FROM d_cpu WHERE EXISTS (SELECT 1 FROM d_gone g WHERE g.host = d_cpu.host AND g.upto + 20 = d_cpu.n);
WITH last AS (SELECT max(time) AS t FROM d_cpu) DELETE FROM d_cpu USING last WHERE d_cpu.time = last.t RETURNING n;
SELECT count(*), sum(n) FROM d_cpu;
-- a deleted key may come again
INSERT INTO d_cpu VALUES ('2026-01-01 01:00', 'h1', 'us', 1000, NULL);
SELECT * FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
-- transactions: own deletes are seen, savepoints and rollback bring rows back
BEGIN;
DELETE FROM d_cpu WHERE host = 'h2';
SELECT count(*) FROM d_cpu WHERE host = 'h2';
SAVEPOINT a;
DELETE FROM d_cpu WHERE n = 1 OR v = 1000;
SELECT count(*) FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
ROLLBACK TO a;
SELECT count(*) FROM d_cpu WHERE host = 'h1' AND time < '2026-01-02';
ROLLBACK;
SELECT host, count(*) FROM d_cpu GROUP BY host ORDER BY host;
BEGIN;
INSERT INTO d_cpu VALUES ('2027-01-01', 'h9', 'eu', 1, 1), ('2027-01-02', 'h9', 'eu', 2, 2);
DELETE FROM d_cpu WHERE host = 'h9' AND n = 1;
INSERT INTO d_cpu VALUES ('2027-01-03', 'h9', 'eu', 3, 3);
SELECT n FROM d_cpu WHERE host = 'h9' ORDER BY n;
COMMIT;
SELECT n FROM d_cpu WHERE host = 'h9' ORDER BY n;
-- prepared, with parameters
PREPARE del(text, timestamptz) AS DELETE FROM d_cpu WHERE host = $1 AND time >= $2;
EXECUTE del('h9', '2027-01-03');
EXECUTE del('h9', '2027-01-03');
PREPARE del2(int) AS DELETE FROM d_cpu WHERE n = $1 RETURNING n;
EXECUTE del2(2);
-- rows stay away through flush and compaction
CHECKPOINT;
SELECT host, count(*) FROM d_cpu GROUP BY host ORDER BY host;
DELETE FROM d_cpu WHERE host = 'h0';
DELETE FROM d_cpu WHERE n % 2 = 1 AND n < 60;
SELECT host, count(*), sum(n) FROM d_cpu GROUP BY host ORDER BY host;
SELECT count(*) FROM d_cpu;
-- tables that keep every row, and ordinary ones
CREATE TABLE d_log (ts timestamptz NOT NULL, msg text);
INSERT INTO d_log VALUES ('2026-01-01', 'a'), ('2026-01-01', 'a'), ('2026-01-01', 'b'), ('2026-01-02', 'c');
DELETE FROM d_log WHERE msg = 'b';
SELECT * FROM d_log ORDER BY ts, msg;
DELETE FROM d_log WHERE ts < '2026-01-02';
SELECT * FROM d_log ORDER BY ts, msg;
DELETE FROM d_gone WHERE upto = 10;
SELECT * FROM d_gone ORDER BY upto;
DELETE FROM d_gone;
SELECT count(*) FROM d_gone;
INSERT INTO d_gone VALUES ('x', 1);
SELECT * FROM d_gone;
-- errors
DELETE FROM d_nothing;
DELETE FROM d_cpu WHERE nothing = 1;
DELETE FROM d_cpu WHERE n;
DELETE FROM d_cpu WHERE count(*) > 1;
DELETE FROM d_cpu c WHERE d_cpu.n = 1;
DELETE FROM d_cpu RETURNING count(*);
DELETE FROM skulk.files;
BEGIN READ ONLY;
DELETE FROM d_cpu;
ROLLBACK;
DELETE FROM d_cpu;
SELECT count(*) FROM d_cpu;
TRUNCATE d_log, d_gone;
SELECT count(*) FROM d_log;
DROP TABLE d_cpu, d_log, d_gone;
