-- ASOF joins: the nearest row of the other side.
CREATE TABLE trades (ts timestamptz NOT NULL, sym text TAG, price float8);
CREATE TABLE quotes (ts timestamptz NOT NULL, sym text TAG, bid float8, note text);
INSERT INTO trades VALUES ('2026-01-01 00:00:10+00','A',1),('2026-01-01 00:00:20+00','A',2),('2026-01-01 00:00:30+00','A',3),
 ('2026-01-01 00:00:05+00','B',4),('2026-01-01 00:05:00+00','B',5),('2026-01-01 00:00:20+00','C',6),('2026-01-01 00:00:20+00',NULL,7);
INSERT INTO quotes VALUES ('2026-01-01 00:00:01+00','A',10,'a1'),('2026-01-01 00:00:20+00','A',11,'a2'),('2026-01-01 00:00:25+00','A',12,NULL),
 ('2026-01-01 00:00:06+00','B',20,'b1'),('2026-01-01 00:00:10+00','B',21,'b2'),('2026-01-01 00:00:00+00',NULL,99,'null');
SELECT t.sym, t.ts, t.price, q.ts AS qts, q.bid, q.note FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts ORDER BY 1, 2;
SELECT t.sym, t.ts, q.ts AS qts, q.bid FROM trades t ASOF LEFT JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts ORDER BY 1, 2;
SELECT t.sym, t.ts, q.bid FROM trades t ASOF LEFT OUTER JOIN quotes q ON t.sym = q.sym AND t.ts > q.ts ORDER BY 1, 2;
SELECT t.sym, t.ts, q.bid FROM trades t ASOF LEFT JOIN quotes q ON t.sym = q.sym AND t.ts <= q.ts ORDER BY 1, 2;
SELECT t.sym, t.ts, q.bid FROM trades t ASOF LEFT JOIN quotes q ON q.sym = t.sym AND q.ts > t.ts ORDER BY 1, 2;
-- at most so far away, the distance itself included
SELECT t.sym, t.ts, q.bid FROM trades t ASOF LEFT JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts TOLERANCE INTERVAL '5 s' ORDER BY 1, 2;
SELECT t.sym, t.ts, q.bid FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts TOLERANCE '4.999999 s' ORDER BY 1, 2;
SELECT t.sym, t.ts, q.bid FROM trades t ASOF INNER JOIN quotes q ON t.sym = q.sym AND t.ts < q.ts TOLERANCE 1s ORDER BY 1, 2;
-- QuestDB's and DuckDB's spelling
SELECT sym, t.ts, q.ts AS qts, bid FROM trades t ASOF JOIN quotes q ON (sym) ORDER BY 1, 2;
SELECT sym, ts, bid FROM trades ASOF JOIN quotes USING (sym, ts) ORDER BY 1, 2;
SELECT * FROM trades ASOF JOIN quotes USING (sym, ts) ORDER BY 1, 2;
SELECT t.sym, t.ts, q.sym AS qsym, q.bid FROM trades t ASOF JOIN quotes q ORDER BY t.ts, t.sym;
-- conditions: those on the left choose rows, those on the right look at what was found
SELECT t.sym, t.ts, q.bid FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts WHERE t.sym = 'A' AND q.bid > 11 ORDER BY 1, 2;
SELECT count(*) FROM trades t ASOF LEFT JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts WHERE q.ts IS NULL;
SELECT t.sym, t.ts, q.bid, r.bid AS next FROM trades t ASOF LEFT JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts ASOF LEFT JOIN quotes r ON t.sym = r.sym AND t.ts < r.ts ORDER BY 1, 2;
CREATE TABLE names (sym text, name text);
INSERT INTO names VALUES ('A', 'Alpha'), ('B', 'Beta');
SELECT n.name, t.ts, q.bid FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts JOIN names n ON n.sym = t.sym ORDER BY 1, 2;
SELECT n.name, q.ts, q.bid FROM (VALUES ('A', timestamptz '2026-01-01 00:00:22+00'), ('B', '2026-01-01 00:00:07+00')) AS v(sym, at) ASOF JOIN quotes q ON v.sym = q.sym AND v.at >= q.ts, names n WHERE n.sym = q.sym ORDER BY 1;
-- numbers, dates; several rows of one time: the last one
SELECT a.x, b.y, b.w FROM (VALUES (5), (10), (NULL), (1)) a(x) ASOF LEFT JOIN (VALUES (2, 'p'), (5, 'q'), (5, 'r'), (NULL, 's')) b(y, w) ON a.x >= b.y ORDER BY a.x;
SELECT a.x, b.y FROM (VALUES (5), (10)) a(x) ASOF LEFT JOIN (VALUES (2::int8), (6)) b(y) ON a.x >= b.y TOLERANCE 3 ORDER BY a.x;
SELECT a.d, b.e FROM (VALUES (date '2026-01-05'), ('2026-01-09')) a(d) ASOF LEFT JOIN (VALUES (timestamp '2026-01-04 12:00'), ('2026-01-07')) b(e) ON a.d >= b.e TOLERANCE '1 day' ORDER BY 1;
-- the same as a lateral join
CREATE TABLE l (ts timestamptz NOT NULL, k int TAG, v int);
CREATE TABLE r (ts timestamptz NOT NULL, k int TAG, v int);
INSERT INTO l SELECT timestamptz '2026-01-01' + make_interval(secs => (i * 7919) % 100000), i % 13, i FROM generate_series(1, 6000) i;
INSERT INTO r SELECT timestamptz '2026-01-01' + make_interval(secs => (i * 104729) % 100000), i % 11, i FROM generate_series(1, 5000) i;
SELECT count(*), sum(d), count(rv), sum(rv) FROM (SELECT l.v AS d, r.v AS rv FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.ts >= r.ts) t;
SELECT count(*) FROM (SELECT l.v, x.v AS rv FROM l LEFT JOIN LATERAL (SELECT v FROM r WHERE r.k = l.k AND r.ts <= l.ts ORDER BY r.ts DESC LIMIT 1) x ON true
 EXCEPT SELECT l.v, r.v FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.ts >= r.ts) d;
SELECT count(*) FROM (SELECT l.v, x.v AS rv FROM l JOIN LATERAL (SELECT v FROM r WHERE r.k = l.k AND r.ts > l.ts AND r.ts <= l.ts + INTERVAL '30 s' ORDER BY r.ts LIMIT 1) x ON true
 EXCEPT SELECT l.v, r.v FROM l ASOF JOIN r ON l.k = r.k AND l.ts < r.ts TOLERANCE 30s) d;
-- the words are names elsewhere
SELECT asof.v AS tolerance FROM l AS asof JOIN r AS sample ON asof.v = sample.v WHERE asof.v = 3;
-- errors
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym;
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts AND t.price > q.bid;
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts AND q.bid = 3;
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= now();
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym OR t.ts >= q.ts;
SELECT 1 FROM trades t ASOF JOIN names n ON (sym);
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts TOLERANCE INTERVAL '-1 s';
SELECT 1 FROM trades t ASOF JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts TOLERANCE q.bid;
SELECT 1 FROM trades t ASOF RIGHT JOIN quotes q ON t.sym = q.sym AND t.ts >= q.ts;
