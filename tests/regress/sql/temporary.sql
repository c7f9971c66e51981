-- Temporary tables: of one session, before all others in the path of names, gone with it.
CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (1, 'lasting');
CREATE TEMP TABLE t (a int, b text);
SELECT count(*) FROM t;
INSERT INTO t VALUES (2, 'temporary'), (3, 'again');
SELECT * FROM t ORDER BY a;
SELECT * FROM public.t;
SELECT * FROM pg_temp.t ORDER BY a;
SELECT p.a, t.b FROM public.t p JOIN t ON t.a > p.a ORDER BY t.b;
SELECT relname, relpersistence, relkind, relnamespace = pg_my_temp_schema() AS mine, pg_table_is_visible(oid) FROM pg_class WHERE relname = 't' ORDER BY relpersistence;
SELECT table_name, table_type FROM information_schema.tables WHERE table_name = 't' ORDER BY table_type;
SELECT 't'::regclass::oid = (SELECT oid FROM pg_class WHERE relname = 't' AND relpersistence = 't'), 'public.t'::regclass, 'pg_temp.t'::regclass;
SELECT nspname LIKE 'pg_temp_%', pg_is_other_temp_schema(oid) FROM pg_namespace WHERE oid = pg_my_temp_schema();
SELECT current_schema(), array_length(current_schemas(true), 1), (current_schemas(true))[1] LIKE 'pg_temp_%', current_schemas(false);
UPDATE t SET b = b || '!' WHERE a = 2 RETURNING *;
DELETE FROM t WHERE a = 3 RETURNING *;
SELECT * FROM t;
TRUNCATE t;
SELECT * FROM t;
SELECT * FROM public.t;
DROP TABLE t;
SELECT * FROM t;
-- kinds of words
CREATE TEMPORARY TABLE k1 (x int);
CREATE LOCAL TEMPORARY TABLE k2 (x int);
CREATE LOCAL TEMP TABLE k3 (x int) ON COMMIT PRESERVE ROWS;
CREATE TABLE pg_temp.k4 (x int);
SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'k_' ORDER BY 1;
CREATE TEMP TABLE k1 (x int);
CREATE TEMP TABLE IF NOT EXISTS k1 (x int);
CREATE TEMP TABLE public.k9 (x int);
CREATE TEMP TABLE nowhere.k9 (x int);
CREATE TABLE k9 (x int) ON COMMIT DROP;
CREATE TABLE k9 (x int) ON COMMIT DELETE ROWS;
DROP TABLE k1, k2, k3, pg_temp.k4;
-- keys, defaults, checks, identity
CREATE TEMP TABLE c (id serial PRIMARY KEY, name text NOT NULL UNIQUE, n int DEFAULT 7 CHECK (n > 0), g int GENERATED ALWAYS AS IDENTITY);
INSERT INTO c (name) VALUES ('a'), ('b') RETURNING *;
INSERT INTO c (name) VALUES ('a');
INSERT INTO c (name, n) VALUES ('c', -1);
INSERT INTO c (id, name) VALUES (1, 'd');
INSERT INTO c (name) VALUES (NULL);
INSERT INTO c (name) VALUES ('b') ON CONFLICT (name) DO UPDATE SET n = c.n + 1 RETURNING id, name, n;
INSERT INTO c (name) VALUES ('z') RETURNING id, g;
SELECT currval('c_id_seq'), pg_get_serial_sequence('c', 'name');
SELECT conname, contype FROM pg_constraint WHERE conrelid = 'c'::regclass ORDER BY 1;
CREATE INDEX c_n ON c (n);
SELECT indexname, tablename FROM pg_indexes WHERE tablename = 'c' ORDER BY 1;
ALTER TABLE c ADD COLUMN extra text DEFAULT 'x';
SELECT * FROM c ORDER BY id;
ALTER TABLE c RENAME COLUMN extra TO more;
ALTER TABLE c ALTER COLUMN n TYPE numeric(8,2);
SELECT id, n, more FROM c ORDER BY id;
ALTER TABLE c RENAME TO cc;
SELECT count(*) FROM cc;
ALTER TABLE cc SET SCHEMA public;
DROP TABLE cc;
SELECT count(*) FROM pg_class WHERE relname IN ('c_id_seq', 'c_g_seq', 'c_pkey');
-- CREATE TABLE AS, SELECT INTO
CREATE TEMP TABLE s AS SELECT g AS n, g::text AS word FROM generate_series(1, 5) g;
SELECT sum(n), min(word) FROM s;
SELECT n * 10 AS ten INTO TEMP s2 FROM s WHERE n > 2;
SELECT * FROM s2 ORDER BY 1;
SELECT n INTO TEMPORARY TABLE s3 FROM s;
CREATE TEMP TABLE s4 (a, b) ON COMMIT PRESERVE ROWS AS SELECT 1, 'x' WITH NO DATA;
SELECT * FROM s4;
CREATE TABLE lasting AS SELECT * FROM s;
SELECT count(*), (SELECT relpersistence FROM pg_class WHERE relname = 'lasting') FROM lasting;
INSERT INTO lasting SELECT * FROM s;
INSERT INTO s SELECT * FROM lasting;
SELECT count(*) FROM s;
-- transactions and savepoints
BEGIN;
CREATE TEMP TABLE x1 (a int);
INSERT INTO x1 VALUES (1);
SAVEPOINT sp;
INSERT INTO x1 VALUES (2);
CREATE TEMP TABLE x2 (a int);
UPDATE s SET word = 'changed';
DELETE FROM s2;
SELECT (SELECT count(*) FROM x1), (SELECT count(*) FROM s2), (SELECT count(*) FROM s WHERE word = 'changed');
ROLLBACK TO sp;
SELECT (SELECT count(*) FROM x1), (SELECT count(*) FROM s2), (SELECT count(*) FROM s WHERE word = 'changed');
SELECT * FROM x2;
ROLLBACK TO sp;
INSERT INTO x1 VALUES (3);
COMMIT;
SELECT * FROM x1 ORDER BY a;
BEGIN;
DROP TABLE x1;
TRUNCATE s2;
INSERT INTO s3 VALUES (99);
ROLLBACK;
SELECT * FROM x1 ORDER BY a;
SELECT * FROM s2 ORDER BY 1;
SELECT max(n) FROM s3;
-- ON COMMIT
CREATE TEMP TABLE od (a int) ON COMMIT DELETE ROWS;
INSERT INTO od VALUES (1);
SELECT * FROM od;
BEGIN;
INSERT INTO od VALUES (1), (2);
CREATE TEMP TABLE dropped (id serial, a int) ON COMMIT DROP;
INSERT INTO dropped (a) VALUES (5);
CREATE TEMP VIEW over AS SELECT a FROM dropped;
SELECT count(*), (SELECT a FROM over) FROM od;
COMMIT;
SELECT count(*) FROM od;
SELECT * FROM dropped;
SELECT * FROM over;
CREATE TEMP TABLE at_once (a int) ON COMMIT DROP;
SELECT * FROM at_once;
BEGIN;
CREATE TEMP TABLE asx ON COMMIT DROP AS SELECT 1 AS one;
SELECT * FROM asx;
COMMIT;
SELECT * FROM asx;
-- sequences and views
CREATE TEMP SEQUENCE q START 10;
SELECT nextval('q'), nextval('q'), currval('q');
SELECT last_value, is_called FROM q;
BEGIN;
SELECT nextval('q');
ROLLBACK;
SELECT nextval('q');
SELECT setval('q', 50), nextval('q');
CREATE TEMP VIEW v AS SELECT n FROM s WHERE n < 3;
SELECT * FROM v ORDER BY n LIMIT 2;
CREATE VIEW implied AS SELECT max(n) AS m FROM s;
SELECT relname, relpersistence, relkind FROM pg_class WHERE relname IN ('v', 'implied', 'q') ORDER BY 1;
CREATE OR REPLACE TEMP VIEW v AS SELECT n FROM s WHERE n < 2;
SELECT DISTINCT n FROM v;
DROP TABLE s;
DROP TABLE s CASCADE;
SELECT * FROM v;
-- read-only transactions write temporary tables, and make none
BEGIN READ ONLY;
INSERT INTO x1 VALUES (7) RETURNING a;
UPDATE x1 SET a = 8 WHERE a = 7;
DELETE FROM x1 WHERE a = 1;
SELECT nextval('q');
INSERT INTO lasting VALUES (1, 'x');
ROLLBACK;
BEGIN READ ONLY;
CREATE TEMP TABLE ro (a int);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM lasting;
CREATE TEMP TABLE rr AS SELECT * FROM lasting;
INSERT INTO rr VALUES (0, 'zero');
SELECT count(*) FROM rr;
COMMIT;
SELECT count(*) FROM rr;
-- COPY
COPY rr (n, word) FROM STDIN WITH (FORMAT csv);
100,hundred
101,"a, b"
\.
SELECT * FROM rr WHERE n >= 100 ORDER BY n;
COPY (SELECT * FROM rr WHERE n = 101) TO STDOUT;
-- prepared statements follow
PREPARE p AS SELECT count(*) FROM lasting;
EXECUTE p;
CREATE TEMP TABLE again AS SELECT 1 AS n;
PREPARE p2 AS SELECT n FROM again;
EXECUTE p2;
DROP TABLE again;
EXECUTE p2;
CREATE TEMP TABLE again AS SELECT 2 AS n;
EXECUTE p2;
DISCARD SEQUENCES;
SELECT currval('q');
-- cursors
BEGIN;
DECLARE cu CURSOR FOR SELECT n FROM rr ORDER BY n;
FETCH 2 FROM cu;
DELETE FROM rr;
FETCH 2 FROM cu;
COMMIT;
SELECT count(*) FROM rr;
-- search_path
SET search_path = public, pg_temp;
CREATE TABLE order_test (w text);
CREATE TEMP TABLE order_test (w text);
INSERT INTO order_test VALUES ('public first');
SELECT * FROM public.order_test;
SELECT * FROM pg_temp.order_test;
SET search_path = pg_temp, public;
CREATE TABLE made_here (a int);
SELECT relpersistence FROM pg_class WHERE relname = 'made_here';
RESET search_path;
-- rights of a session
COMMENT ON TABLE rr IS 'a remark';
SELECT obj_description('rr'::regclass, 'pg_class');
\session other
SELECT * FROM rr;
SELECT * FROM lasting ORDER BY n LIMIT 1;
CREATE TEMP TABLE rr (mine text);
INSERT INTO rr VALUES ('of the other session');
SELECT * FROM rr;
\session main
SELECT count(*) FROM rr;
DISCARD TEMP;
SELECT * FROM rr;
SELECT * FROM q;
\session other
SELECT * FROM rr;
DISCARD ALL;
SELECT * FROM rr;
CREATE TEMP TABLE gone (a int);
INSERT INTO gone VALUES (1);
\reconnect
SELECT * FROM gone;
\session main
CREATE TEMP TABLE last (a int);
SELECT count(*) FROM last;
DROP TABLE public.t, public.lasting, public.order_test;
