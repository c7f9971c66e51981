CREATE TABLE t (time timestamptz NOT NULL, host text TAG, f float8 DEFAULT 7, i int4, s varchar(5), n numeric(6,2), b bool, j jsonb, d date);
INSERT INTO t VALUES ('2026-01-01 00:00:00+00', 'a', 1.5, 2, 'abc', 3.14159, true, '{"k": 1}', '2026-02-03');
INSERT INTO t (host, time, i) VALUES ('a', '2026-01-01 00:00:01+00', 5);
INSERT INTO t (host, time, f) VALUES ('a', '2026-01-01 00:00:02+00', NULL), ('b', '2026-01-01 00:00:02+00', DEFAULT);
INSERT INTO t (time, host, i) SELECT timestamptz '2026-01-02' + x * interval '1s', 'c', x FROM generate_series(1, 3) x;
SELECT * FROM t ORDER BY host, time;
-- the same tags and time again: only the named columns change
INSERT INTO t (time, host, i) VALUES ('2026-01-01 00:00:00+00', 'a', 99);
SELECT * FROM t WHERE host = 'a' ORDER BY time LIMIT 1;
INSERT INTO t (time, host, s) VALUES ('2026-01-01', 'a', 'too long');
INSERT INTO t (time, host, i) VALUES ('2026-01-01', 'a', 3000000000);
INSERT INTO t (time, host, n) VALUES ('2026-01-01', 'a', 123456);
-- no tags and no key: every row stays
CREATE TABLE k (time timestamptz NOT NULL, v int4);
INSERT INTO k VALUES ('2026-01-01', 1), ('2026-01-01', 1), ('2026-01-01', 2);
SELECT count(*), sum(v) FROM k;
VACUUM;
SELECT count(*), sum(v) FROM k;
\extended off
INSERT INTO k VALUES ('2026-01-02', 3); INSERT INTO k VALUES ('2026-01-03', 4);
SELECT count(*) FROM k;
-- several statements are one transaction
INSERT INTO k VALUES ('2026-01-04', 5); SELECT 1/0;
SELECT count(*) FROM k;
-- tags of any scalar type
CREATE TABLE tagged (time timestamptz NOT NULL, u uuid TAG, n int4 TAG, d date TAG, v float8);
INSERT INTO tagged VALUES ('2026-01-01', '00000000-0000-0000-0000-00000000000a', 10, '2026-02-03', 1), ('2026-01-01', NULL, 9, NULL, 2);
SELECT * FROM tagged ORDER BY n;
SELECT v FROM tagged WHERE u = '00000000-0000-0000-0000-00000000000A' AND n > 9 AND d < '2026-03-01';
