-- INSERT ... ON CONFLICT, RETURNING
CREATE TABLE c_o (id int PRIMARY KEY, n int, note text DEFAULT 'new');
INSERT INTO c_o VALUES (1, 10), (2, 20) RETURNING *;
INSERT INTO c_o VALUES (3, 30) RETURNING id + 1 AS next, upper(note);
INSERT INTO c_o (id) SELECT 100 + i FROM generate_series(1, 3) i RETURNING id, n, note;
DELETE FROM c_o WHERE id > 100;
INSERT INTO c_o VALUES (1, 11), (4, 40) ON CONFLICT DO NOTHING RETURNING id, n;
INSERT INTO c_o VALUES (1, 11), (5, 50), (5, 51) ON CONFLICT (id) DO NOTHING;
SELECT * FROM c_o ORDER BY id;
INSERT INTO c_o VALUES (1, 12), (6, 60) ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING *;
INSERT INTO c_o AS t VALUES (1, 1), (2, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + excluded.n, note = 'sum' WHERE t.n < 15 RETURNING id, n, note;
INSERT INTO c_o VALUES (2, 5) ON CONFLICT ON CONSTRAINT c_o_pkey DO UPDATE SET n = c_o.n * 2;
INSERT INTO c_o VALUES (3, NULL) ON CONFLICT (id) DO UPDATE SET (n, note) = (excluded.n, DEFAULT);
SELECT * FROM c_o ORDER BY id;
INSERT INTO c_o VALUES (7, 1), (7, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO c_o VALUES (1, 1), (1, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT (n) DO NOTHING;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT DO UPDATE SET n = 1;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT (nothing) DO NOTHING;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT ON CONSTRAINT nothing DO NOTHING;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1;
INSERT INTO c_o VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET nothing = 1;
-- tags and time
CREATE TABLE c_m (host text, ts timestamptz, hits int, top int, PRIMARY KEY (host, ts));
INSERT INTO c_m VALUES ('a', '2026-01-01', 1, 5), ('b', '2026-01-01', 1, 7);
INSERT INTO c_m VALUES ('a', '2026-01-01', 1, 3), ('c', '2026-01-01', 1, 3) ON CONFLICT (host, ts) DO UPDATE SET hits = c_m.hits + 1, top = greatest(c_m.top, excluded.top) RETURNING *;
INSERT INTO c_m VALUES ('a', '2026-01-01', 0, 0) ON CONFLICT (ts, host) DO NOTHING;
INSERT INTO c_m (host, ts, hits) VALUES ('b', '2026-01-01', 100) ON CONFLICT (host, ts) DO UPDATE SET hits = excluded.hits;
INSERT INTO c_m VALUES ('b', '2026-01-01', 1, 2) ON CONFLICT (host, ts) DO UPDATE SET hits = excluded.hits, top = excluded.top;
SELECT * FROM c_m ORDER BY host;
INSERT INTO c_m SELECT 's' || i % 2, timestamptz '2026-02-01' + i / 2 * interval '1 second', 1, i FROM generate_series(0, 2999) i;
INSERT INTO c_m SELECT 's' || i % 2, timestamptz '2026-02-01' + i / 2 * interval '1 second', 1, i FROM generate_series(1000, 3999) i ON CONFLICT (host, ts) DO UPDATE SET hits = c_m.hits + excluded.hits;
SELECT hits, count(*) FROM c_m WHERE host LIKE 's%' GROUP BY hits ORDER BY hits;
INSERT INTO c_m SELECT 's' || i % 2, timestamptz '2026-02-01' + i / 2 * interval '1 second', 9, i FROM generate_series(3000, 4999) i ON CONFLICT DO NOTHING;
SELECT hits, count(*) FROM c_m WHERE host LIKE 's%' GROUP BY hits ORDER BY hits;
PREPARE ups(text, timestamptz, int) AS INSERT INTO c_m VALUES ($1, $2, $3, 0) ON CONFLICT (host, ts) DO UPDATE SET hits = c_m.hits + excluded.hits RETURNING hits;
EXECUTE ups('a', '2026-01-01', 40);
EXECUTE ups('new', '2026-01-01', 41);
-- newer rows win by themselves where there are tags: the same key
CREATE TABLE c_t (ts timestamptz NOT NULL, host text TAG, v int);
INSERT INTO c_t VALUES ('2026-01-01', 'a', 1), ('2026-01-01', 'a', 2);
INSERT INTO c_t VALUES ('2026-01-01', 'a', 3), ('2026-01-01', 'b', 3) ON CONFLICT (host, ts) DO NOTHING;
INSERT INTO c_t VALUES ('2026-01-01', 'a', 10) ON CONFLICT (host, ts) DO UPDATE SET v = c_t.v + excluded.v RETURNING v;
SELECT * FROM c_t ORDER BY host;
CREATE TABLE c_l (ts timestamptz NOT NULL, v int);
INSERT INTO c_l VALUES ('2026-01-01', 1) ON CONFLICT DO NOTHING RETURNING *;
INSERT INTO c_l VALUES ('2026-01-01', 1) ON CONFLICT (ts) DO NOTHING;
DROP TABLE c_o, c_m, c_t, c_l;

-- tags and time together are the key of a table that keeps the last row
CREATE TABLE oc_last (time timestamptz NOT NULL, host text TAG, a float8);
INSERT INTO oc_last VALUES ('2026-01-01', 'x', 1);
INSERT INTO oc_last VALUES ('2026-01-01', 'q', 2) ON CONFLICT (host, time) DO UPDATE SET a = oc_last.a + excluded.a;
INSERT INTO oc_last VALUES ('2026-01-01', 'q', 2) ON CONFLICT (time, host) DO UPDATE SET a = oc_last.a + excluded.a;
INSERT INTO oc_last VALUES ('2026-01-01', 'q', 2) ON CONFLICT (time) DO NOTHING;
SELECT * FROM oc_last ORDER BY host;
DROP TABLE oc_last;
-- the proposed row has to be allowed even if its key is there
CREATE TABLE oc_p (id int PRIMARY KEY, a int CHECK (a < 9), c text UNIQUE);
INSERT INTO oc_p VALUES (1, 1, 'x');
INSERT INTO oc_p VALUES (NULL, 2, 'x') ON CONFLICT (c) DO UPDATE SET a = excluded.a;
INSERT INTO oc_p VALUES (2, 20, 'x') ON CONFLICT (c) DO UPDATE SET a = 3;
INSERT INTO oc_p (a, c) VALUES (2, 'x') ON CONFLICT (c) DO UPDATE SET a = excluded.a WHERE false;
INSERT INTO oc_p VALUES (2, 2, 'x') ON CONFLICT (c) DO UPDATE SET a = excluded.a RETURNING *;
-- a UNIQUE over a time that may be NULL makes no time-series table
CREATE TABLE oc_when (id int UNIQUE, seen timestamptz UNIQUE);
INSERT INTO oc_when VALUES (1, NULL), (2, NULL), (3, '2026-01-01 00:00+00'), (3, '2026-01-02 00:00+00') ON CONFLICT (id) DO NOTHING;
SELECT * FROM oc_when ORDER BY id;
COPY oc_when FROM STDIN;
7	\N
2	\N
8	\N
\.
