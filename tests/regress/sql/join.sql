CREATE TABLE hosts (name text, rack int, owner text);
INSERT INTO hosts VALUES ('a', 1, 'ann'), ('b', 2, 'bob'), ('d', 4, NULL);
CREATE TABLE m (time timestamptz NOT NULL, host text TAG, v float8);
INSERT INTO m VALUES ('2026-01-01', 'a', 1), ('2026-01-02', 'a', 2), ('2026-01-01', 'b', 3), ('2026-01-01', 'c', 4);
SELECT h.owner, sum(m.v) FROM m JOIN hosts h ON h.name = m.host GROUP BY h.owner ORDER BY 1;
SELECT m.host, h.rack FROM m LEFT JOIN hosts h ON h.name = m.host ORDER BY m.host, m.time;
SELECT h.name, count(m.v) FROM hosts h LEFT JOIN m ON h.name = m.host GROUP BY h.name ORDER BY h.name;
SELECT h.name, m.v FROM m RIGHT JOIN hosts h ON h.name = m.host AND m.v > 1 ORDER BY 1, 2;
SELECT h.name, m.host FROM m FULL JOIN hosts h ON h.name = m.host ORDER BY 1, 2;
SELECT count(*) FROM m, hosts;
SELECT count(*) FROM m CROSS JOIN hosts h WHERE h.rack < m.v;
SELECT host FROM m WHERE host IN (SELECT name FROM hosts WHERE owner IS NOT NULL) GROUP BY host ORDER BY host;
SELECT name FROM hosts h WHERE NOT EXISTS (SELECT 1 FROM m WHERE m.host = h.name);
SELECT h.name, (SELECT max(v) FROM m WHERE m.host = h.name) AS best FROM hosts h ORDER BY h.name;
SELECT x.host, x.v, h.owner FROM (SELECT host, max(v) AS v FROM m GROUP BY host) x JOIN hosts h ON x.host = h.name ORDER BY 1;
SELECT h.name, l.v FROM hosts h, LATERAL (SELECT v FROM m WHERE m.host = h.name ORDER BY time DESC LIMIT 1) l ORDER BY 1;
SELECT * FROM hosts a JOIN hosts b USING (rack) ORDER BY rack;
SELECT a.name, b.name FROM hosts a JOIN hosts b ON a.rack < b.rack ORDER BY 1, 2;
\restart
SELECT * FROM hosts ORDER BY rack;
-- a condition joins a LATERAL item with what it reads
SELECT a.i, l.v FROM (VALUES (1), (2), (3)) a(i) JOIN LATERAL (SELECT i * 2 AS v, i AS k LIMIT 1) l ON a.i = l.k AND l.v > 2 ORDER BY 1;
SELECT a.i, l.v FROM (VALUES (1), (2), (3)) a(i), LATERAL (SELECT b.v FROM (VALUES (1, 1), (2, 5), (2, 2)) b(i, v) WHERE b.i = a.i ORDER BY b.v LIMIT 2) l, (VALUES (2), (5)) c(v) WHERE a.i = c.v AND l.v = c.v ORDER BY 1;
