-- PRIMARY KEY: tags and time
CREATE TABLE k_m (host text, ts timestamptz, v float8, PRIMARY KEY (host, ts));
INSERT INTO k_m VALUES ('a', '2026-01-01', 1), ('b', '2026-01-01', 2), ('a', '2026-01-02', 3);
INSERT INTO k_m VALUES ('a', '2026-01-01', 9);
INSERT INTO k_m VALUES ('c', '2026-01-01', 1), ('c', '2026-01-01', 2);
INSERT INTO k_m VALUES (NULL, '2026-01-01', 9);
INSERT INTO k_m (host, v) VALUES ('a', 9);
SELECT * FROM k_m ORDER BY 1, 2;
-- own writes count, also after a rollback to a savepoint
BEGIN;
INSERT INTO k_m VALUES ('d', '2026-01-01', 1);
SAVEPOINT s;
INSERT INTO k_m VALUES ('d', '2026-01-01', 2);
ROLLBACK TO s;
INSERT INTO k_m VALUES ('d', '2026-01-02', 2);
ROLLBACK TO s;
INSERT INTO k_m VALUES ('d', '2026-01-02', 3);
DELETE FROM k_m WHERE host = 'd' AND ts = '2026-01-01';
INSERT INTO k_m VALUES ('d', '2026-01-01', 4);
COMMIT;
SELECT * FROM k_m WHERE host = 'd' ORDER BY ts;
-- keys that move
UPDATE k_m SET ts = '2026-01-02' WHERE host = 'a' AND ts = '2026-01-01';
UPDATE k_m SET ts = ts + interval '1 day' WHERE host = 'a';
UPDATE k_m SET host = 'z' WHERE host = 'd' AND v = 4;
SELECT * FROM k_m ORDER BY 1, 2;
-- after a flush, and within one statement of several batches
CHECKPOINT;
INSERT INTO k_m VALUES ('b', '2026-01-01', 9);
INSERT INTO k_m SELECT 's' || i % 3, timestamptz '2026-03-01' + i * interval '1 second', i FROM generate_series(1, 5000) i;
INSERT INTO k_m SELECT 's1', timestamptz '2026-03-01' + i * interval '1 second', i FROM generate_series(6000, 3000, -1) i;
SELECT count(*) FROM k_m;
COPY k_m FROM STDIN;
e	2026-01-01	1
e	2026-01-02	2
e	2026-01-01	3
\.
SELECT count(*) FROM k_m WHERE host = 'e';
-- ordinary tables: any columns
CREATE TABLE k_o (id int PRIMARY KEY, name text);
INSERT INTO k_o VALUES (1, 'one'), (2, 'two');
INSERT INTO k_o VALUES (2, 'zwei');
INSERT INTO k_o VALUES (3, 'a'), (3, 'b');
INSERT INTO k_o VALUES (NULL, 'x');
INSERT INTO k_o (name) VALUES ('x');
UPDATE k_o SET id = 2 WHERE id = 1;
UPDATE k_o SET id = -id;
UPDATE k_o SET name = 'minus' WHERE id = -1;
SELECT * FROM k_o ORDER BY id;
DELETE FROM k_o WHERE id = -2;
INSERT INTO k_o VALUES (-2, 'again');
SELECT * FROM k_o ORDER BY id;
INSERT INTO k_o SELECT i, 'n' || i FROM generate_series(1, 3000) i;
INSERT INTO k_o SELECT i, 'n' || i FROM generate_series(5000, 2500, -1) i;
SELECT count(*) FROM k_o;
CREATE TABLE k_two (a text, b numeric, c text, CONSTRAINT k_two_pkey PRIMARY KEY (a, b));
INSERT INTO k_two VALUES ('x', 1.0, 'first');
INSERT INTO k_two VALUES ('x', 1.00, 'same number');
INSERT INTO k_two VALUES ('x', 1.01, 'other'), ('', 1, 'empty');
SELECT * FROM k_two ORDER BY a, b;
SELECT conname, contype, conkey FROM pg_constraint WHERE conrelid = 'k_two'::regclass;
SELECT indexrelid::regclass, indisprimary, indisunique, indkey FROM pg_index WHERE indrelid = 'k_two'::regclass;
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = 'k_m'::regclass AND i.indisprimary ORDER BY a.attnum;
-- errors
CREATE TABLE k_bad (a int PRIMARY KEY, b int PRIMARY KEY);
CREATE TABLE k_bad (a int, PRIMARY KEY (a), PRIMARY KEY (a));
CREATE TABLE k_bad (a int, PRIMARY KEY (b));
CREATE TABLE k_bad (a int, PRIMARY KEY (a, a));
CREATE TABLE k_bad (a int PRIMARY KEY) WITH (duplicates = 'last');
DROP TABLE k_m, k_o, k_two;
