-- names, CHECK, UNIQUE, DEFAULT
CREATE TABLE con_t (a int CONSTRAINT con_pk PRIMARY KEY, b text NOT NULL, c int CHECK (c > 0), d int DEFAULT 5, CONSTRAINT cc CHECK (c < d), UNIQUE (b), e numeric(5,2) DEFAULT 1.5, f text DEFAULT upper('x') || 'y');
INSERT INTO con_t (a, b, c) VALUES (1, 'x', 1);
INSERT INTO con_t (a, b, c) VALUES (1, 'y', 1);
INSERT INTO con_t (a, b, c) VALUES (2, 'x', 1);
INSERT INTO con_t (a, b, c) VALUES (3, 'z', -1);
INSERT INTO con_t (a, b, c) VALUES (3, 'z', 7);
INSERT INTO con_t (a, b, c) VALUES (3, NULL, 7);
INSERT INTO con_t (b, c) VALUES ('q', 1);
INSERT INTO con_t (a, b, c) VALUES (5, 'r', NULL);
UPDATE con_t SET c = 100 WHERE a = 1;
UPDATE con_t SET b = 'r' WHERE a = 1;
UPDATE con_t SET b = NULL WHERE a = 1;
UPDATE con_t SET a = 5 WHERE a = 1;
UPDATE con_t SET a = 6 WHERE a = 5;
SELECT * FROM con_t ORDER BY a;
-- ON CONFLICT means one of the keys, or all
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 1) ON CONFLICT DO NOTHING;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 1) ON CONFLICT (a) DO NOTHING;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 1) ON CONFLICT (b) DO NOTHING;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 3) ON CONFLICT (b) DO UPDATE SET c = excluded.c, b = excluded.b RETURNING a, b, c;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 3) ON CONFLICT (b) DO UPDATE SET c = -1;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 3) ON CONFLICT ON CONSTRAINT con_t_b_key DO UPDATE SET c = 2;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 3) ON CONFLICT ON CONSTRAINT cc DO UPDATE SET c = 2;
INSERT INTO con_t (a, b, c) VALUES (7, 'r', 3) ON CONFLICT (c) DO UPDATE SET c = 2;
INSERT INTO con_t (a, b, c) VALUES (10, 'n1', 1), (11, 'n1', 1) ON CONFLICT (b) DO NOTHING;
INSERT INTO con_t (a, b, c) VALUES (12, 'n2', 1), (13, 'n2', 1) ON CONFLICT (b) DO UPDATE SET c = 4;
SELECT a, b, c FROM con_t ORDER BY a;
-- the catalogs
SELECT conname, contype, conkey, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'con_t'::regclass ORDER BY 1;
SELECT indexrelid::regclass, indisunique, indisprimary, indkey FROM pg_index WHERE indrelid = 'con_t'::regclass ORDER BY 1;
SELECT constraint_name, constraint_type FROM information_schema.table_constraints WHERE table_name = 'con_t' AND constraint_name NOT LIKE '%not_null' ORDER BY 1;
SELECT constraint_name, check_clause FROM information_schema.check_constraints WHERE constraint_name IN ('cc', 'con_t_c_check') ORDER BY 1;
SELECT constraint_name, column_name, ordinal_position FROM information_schema.key_column_usage WHERE table_name = 'con_t' ORDER BY 1, 3;
-- NULLs are distinct
CREATE TABLE con_u (a int, b int, UNIQUE (a, b));
INSERT INTO con_u VALUES (1, NULL), (1, NULL), (NULL, NULL);
INSERT INTO con_u VALUES (1, 2), (1, 2);
INSERT INTO con_u VALUES (1, 2);
INSERT INTO con_u SELECT 1, g % 3 FROM generate_series(1, 5) g;
UPDATE con_u SET a = 1, b = 2;
SELECT * FROM con_u ORDER BY 1, 2;
COPY con_u FROM STDIN;
1	2
\.
-- refused
CREATE TABLE con_2 (a int PRIMARY KEY, b int PRIMARY KEY);
CREATE TABLE con_2 (a int, PRIMARY KEY (x));
CREATE TABLE con_2 (a int, UNIQUE (a, a));
CREATE TABLE con_2 (a int, CONSTRAINT x CHECK (a > 0), CONSTRAINT x CHECK (a > 1));
CREATE TABLE con_2 (a int CONSTRAINT con_t UNIQUE);
CREATE TABLE con_2 (a int CHECK (a + 1));
CREATE TABLE con_2 (a int CHECK ((SELECT true)));
CREATE TABLE con_2 (a int CHECK (sum(a) > 1));
CREATE TABLE con_2 (a int NULL NOT NULL);
CREATE TABLE con_2 (a int DEFAULT 1 DEFAULT 2);
CREATE TABLE con_2 (a int DEFAULT now());
CREATE TABLE con_2 (a int DEFAULT b, b int);
CREATE TABLE con_2 (a int DEFAULT (SELECT 1));
CREATE TABLE con_2 (a int DEFAULT generate_series(1, 2));
CREATE TABLE con_2 (a int UNIQUE DEFERRABLE);
-- a time-series table: its one key is tags and time
CREATE TABLE con_s (ts timestamptz NOT NULL, host text, v float8 CHECK (v >= 0), UNIQUE (host, ts));
INSERT INTO con_s VALUES ('2026-01-01', 'a', 1);
INSERT INTO con_s VALUES ('2026-01-01', 'a', 2);
INSERT INTO con_s VALUES ('2026-01-01', 'a', 3) ON CONFLICT (ts, host) DO UPDATE SET v = excluded.v;
INSERT INTO con_s VALUES ('2026-01-01', 'a', -3) ON CONFLICT (ts, host) DO UPDATE SET v = excluded.v;
UPDATE con_s SET v = -1;
SELECT * FROM con_s;
CREATE TABLE con_s2 (ts timestamptz NOT NULL, host text TAG, v float8 UNIQUE);
DROP TABLE con_t, con_u, con_s;
