\extended off
CREATE TABLE c (time timestamptz NOT NULL, host text TAG, f float8, s text);
COPY c FROM STDIN;
2026-01-01 00:00:00+00	a	1.5	plain
2026-01-01 00:00:01+00	a	\N	tab\there
2026-01-01 00:00:02+00	b	-1e3	back\\slash
\.
COPY c (time, host, s) FROM STDIN WITH (FORMAT csv, HEADER true, NULL 'NA');
time,host,s
2026-01-02 00:00:00+00,c,"quoted, ""text"""
2026-01-02 00:00:01+00,c,NA
2026-01-02 00:00:02+00,c,""
\.
SELECT * FROM c ORDER BY host, time;
COPY c TO STDOUT;
COPY (SELECT host, f, s FROM c ORDER BY host, time) TO STDOUT WITH CSV HEADER;
COPY c (host, f) TO STDOUT (FORMAT csv, DELIMITER ';', NULL 'x');
-- a bad row: nothing of the command stays
COPY c FROM STDIN;
2026-02-01 00:00:00+00	z	1	ok
2026-02-01 00:00:01+00	z	notanumber	bad
\.
SELECT count(*) FROM c WHERE host = 'z';
COPY c FROM STDIN;
2026-02-01 00:00:00+00	z
\.
COPY c FROM STDIN;
2026-02-01 00:00:00+00	z	1	ok	extra
\.
COPY nope FROM STDIN;
COPY c (nope) TO STDOUT;
BEGIN;
COPY c FROM STDIN;
2026-03-01 00:00:00+00	y	1	rolled back
\.
SELECT count(*) FROM c WHERE host = 'y';
ROLLBACK;
SELECT count(*) FROM c WHERE host = 'y';
-- an escape of its own does not end the quotes
CREATE TABLE esc (t text);
COPY esc FROM STDIN WITH (FORMAT csv, QUOTE '''', ESCAPE '\');
'a\'b'
'c\'d'
'two
lines'
\.
SELECT t FROM esc ORDER BY t;
-- HEADER MATCH, FORCE_NULL
CREATE TABLE ch (a int, b text);
COPY ch FROM STDIN WITH (FORMAT csv, HEADER match);
a,b
1,x
\.
COPY ch FROM STDIN WITH (FORMAT csv, HEADER match);
b,a
1,x
\.
COPY ch FROM STDIN WITH (FORMAT csv, HEADER match);
a
1,x
\.
COPY ch FROM STDIN WITH (FORMAT csv, FORCE_NULL (b));
2,""
3,y
\.
COPY ch TO STDOUT WITH (FORMAT csv, HEADER match);
SELECT a, b, b IS NULL AS n FROM ch ORDER BY a;
DROP TABLE ch;
