-- a table with tiers is renamed, its columns come, go and are renamed, late rows follow: what the tiers keep goes with it
CREATE TABLE tal (ts timestamptz NOT NULL, host text TAG, v float8, w float8) WITH (tiers = '1m:2d, 1h:30d, 1d:1y');
INSERT INTO tal SELECT timestamptz '2026-01-01 00:00+00' + g * interval '10 minutes', 'h' || g % 3, g, -g FROM generate_series(0, 2879) g;
SELECT kept_in FROM skulk.tiers ORDER BY level;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16387_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16388_1d;
ALTER TABLE tal RENAME TO tal2;
ALTER TABLE tal2 RENAME COLUMN v TO vv;
ALTER TABLE tal2 RENAME COLUMN host TO node;
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), min(w) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 3;
ALTER TABLE tal2 DROP COLUMN w;
ALTER TABLE tal2 ADD COLUMN z float8;
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), sum(z) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 6;
-- the rows of these days are gone
INSERT INTO tal2 (ts, node, vv, z) VALUES ('2026-01-01 05:00+00', 'h1', 5000, 1), ('2026-01-02 05:00+00', 'h3', 6000, 2);
REFRESH MATERIALIZED VIEW pg_skulk.tier_16387_1h;
REFRESH MATERIALIZED VIEW pg_skulk.tier_16388_1d;
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), sum(z) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 6;
-- durations can change, coarser tiers come at the end, widths stay
ALTER TABLE tal2 SET (tiers = '1m:2d, 2h:30d');
ALTER TABLE tal2 SET (tiers = '1m:2d, 1h:40d, 1d:2y');
SELECT level, width, keep FROM skulk.tiers ORDER BY level;
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), sum(z) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 6;
TRUNCATE tal2;
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), sum(z) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 6;
INSERT INTO tal2 VALUES ('2026-01-01 05:00+00', 'h1', 1, 2);
SELECT node, time_bucket('1 day', ts) AS d, count(vv), max(vv), sum(z) FROM tal2 GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 6;
ALTER TABLE tal2 RESET (tiers);
SELECT count(*) FROM skulk.tiers;
SELECT * FROM tal2;
DROP TABLE tal2;
SELECT count(*) FROM skulk.jobs;
