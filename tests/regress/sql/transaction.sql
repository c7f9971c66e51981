CREATE TABLE t (time timestamptz NOT NULL, host text TAG, v float8);
BEGIN;
INSERT INTO t VALUES ('2026-01-01 00:00:00+00', 'a', 1), ('2026-01-01 00:00:01+00', 'a', 2);
-- a block sees its own writes
SELECT count(*), sum(v) FROM t;
ROLLBACK;
SELECT count(*) FROM t;
BEGIN;
INSERT INTO t VALUES ('2026-01-01 00:00:00+00', 'a', 1);
SAVEPOINT s1;
INSERT INTO t VALUES ('2026-01-01 00:00:01+00', 'a', 2);
ROLLBACK TO s1;
INSERT INTO t VALUES ('2026-01-01 00:00:02+00', 'a', 3);
RELEASE s1;
COMMIT;
SELECT time, v FROM t ORDER BY time;
-- an error aborts the block
BEGIN;
SELECT 1/0;
SELECT 1;
COMMIT;
SELECT 1 AS alive;
COMMIT;
ROLLBACK;
-- DDL is transactional
BEGIN;
CREATE TABLE gone (time timestamptz NOT NULL, v int);
INSERT INTO gone VALUES ('2026-01-01', 1);
SELECT count(*) FROM gone;
ROLLBACK;
SELECT * FROM gone;
BEGIN READ ONLY;
INSERT INTO t VALUES ('2026-01-01 00:00:09+00', 'a', 9);
ROLLBACK;
ROLLBACK TO nothing;
SAVEPOINT outside;
\kill
SELECT time, v FROM t ORDER BY time;
