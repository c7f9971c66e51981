\extended off
-- what ends a line is what ended the first one
CREATE TABLE co (a int, b text, c text);
COPY co FROM STDIN;
1	a	x
2	b	y
\.
COPY co FROM STDIN;
1	a	x
2	b	y
\.
COPY co FROM STDIN;
1	a	x
2	b	y
\.
SELECT a, b, c, length(c) FROM co ORDER BY a;
TRUNCATE co;
COPY co FROM STDIN CSV;
1,"a",x
2,"b
c",y
\.
COPY co FROM STDIN CSV;
3,a,x
4,b,y
\.
-- \. in csv ends the data only alone on its line
COPY co FROM STDIN CSV;
5,\.,x
6,"\.",y
\.
SELECT a, b = E'a\r' AS cr, b = E'b\nc' AS lf, b = '\.' AS dot FROM co ORDER BY a;
TRUNCATE co;
COPY co FROM STDIN CSV;
1,"never closed,x
2,b,y
\.
COPY co FROM STDIN CSV;
1,a,x
2,b
\.
COPY co FROM STDIN;
1	a	x
x	b	y
\.
COPY co FROM STDIN;
1	a\xff	x
\.
COPY co FROM STDIN;
1	a
\.
COPY co FROM STDIN;
\.
-- which text is NULL
COPY co FROM STDIN WITH (FORMAT csv, NULL '-', FORCE_NULL (b), FORCE_NOT_NULL (c));
1,-,-
2,"-","-"
3,x,y
\.
SELECT * FROM co ORDER BY a;
COPY (SELECT * FROM co ORDER BY a) TO STDOUT WITH (FORMAT csv, HEADER, NULL '-', FORCE_QUOTE (c), DELIMITER ';');
COPY (SELECT * FROM co ORDER BY a) TO STDOUT WITH (FORMAT csv, QUOTE '''', ESCAPE '\', FORCE_QUOTE *);
COPY (SELECT '\.') TO STDOUT CSV;
COPY (SELECT E'a\tb\\c\nd\re\bf\fg\vh', NULL, '') TO STDOUT;
COPY (SELECT 1 AS a, 'x' AS b) TO STDOUT WITH (HEADER, DELIMITER '|');
-- only some rows
TRUNCATE co;
COPY co FROM STDIN WHERE a > 1 AND c LIKE 'y%';
1	a	y
2	b	y1
3	c	\N
4	d	yy
\.
SELECT * FROM co ORDER BY a;
COPY co FROM STDIN WHERE 1 / (a - 5) > 0;
6	a	y
5	b	y
\.
COPY co FROM STDIN WHERE sum(a) > 1;
COPY co FROM STDIN WHERE a;
-- binary: what goes out comes in
CREATE TABLE types (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text, v varchar(5), c char(3), y bytea, d date, tm time, s timestamp, z timestamptz, iv interval, u uuid, j json, jb jsonb, ia int4[], ta text[]);
INSERT INTO types VALUES (true, -1, 2, -3, 1.5, 'NaN', 12345678901234567890.0123456789, 'é', 'v', 'c', '\x00ff', '2026-01-01', '12:34:56.789', '1999-12-31 23:59:59.999999', '2026-01-01 00:00:00+02', '1 mon -2 days 03:04:05.6', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b":[1,2]}', '{1,NULL,3}', '{"a b",NULL,""}');
INSERT INTO types (b, d, s) VALUES (NULL, '-infinity', 'infinity');
CREATE TABLE types2 AS SELECT * FROM types WHERE false;
\pipe COPY types TO STDOUT (FORMAT binary) | COPY types2 FROM STDIN (FORMAT binary)
SELECT * FROM types2 ORDER BY i4;
\pipe COPY types TO STDOUT CSV | COPY types2 FROM STDIN CSV
\pipe COPY types TO STDOUT | COPY types2 FROM STDIN
SELECT count(*), count(DISTINCT n), count(DISTINCT s) FROM types2;
COPY co FROM STDIN (FORMAT binary);
not a binary file
\.
\pipe COPY (SELECT 1, 'a') TO STDOUT BINARY | COPY co FROM STDIN BINARY
\pipe COPY (SELECT 1::int8, 'a', 'b') TO STDOUT BINARY | COPY co FROM STDIN BINARY
-- an encoding of one byte a character
\pipe COPY (SELECT 7, 'Grüße', 'é') TO STDOUT (ENCODING 'latin1') | COPY co FROM STDIN (ENCODING 'win1252')
SELECT b, c, length(b) FROM co WHERE a = 7;
COPY (SELECT '→') TO STDOUT (ENCODING 'latin1');
-- options that do not go together
COPY co FROM STDIN (FORMAT xml);
COPY co FROM STDIN (NOSUCH);
COPY co FROM STDIN (DELIMITER ',', DELIMITER ';');
COPY co FROM STDIN (DELIMITER 'ab');
COPY co FROM STDIN (DELIMITER 'a');
COPY co FROM STDIN (NULL E'a\nb');
COPY co FROM STDIN (QUOTE 'x');
COPY co FROM STDIN (ESCAPE 'x');
COPY co FROM STDIN (FORMAT csv, QUOTE ',');
COPY co FROM STDIN (FORMAT csv, FORCE_QUOTE (a));
COPY co TO STDOUT (FORMAT csv, FORCE_NULL (a));
COPY co FROM STDIN (FORCE_NOT_NULL (a));
COPY co (a, b) FROM STDIN (FORMAT csv, FORCE_NULL (c));
COPY co FROM STDIN (FORMAT csv, FORCE_NULL (zz));
COPY co FROM STDIN (HEADER 2);
COPY co FROM STDIN (FORMAT binary, DELIMITER ',');
COPY co FROM STDIN (FORMAT binary, HEADER);
COPY co FROM STDIN (ENCODING 'nosuch');
COPY co FROM STDIN (FORMAT csv, NULL '"');
DROP TABLE co, types, types2;
