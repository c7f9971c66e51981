-- The order of joins and the side that is hashed follow the sizes of the tables, whatever the order of FROM.
CREATE TABLE es_big (time timestamptz NOT NULL, host text TAG, v float8);
INSERT INTO es_big SELECT timestamptz '2026-01-01' + i * interval '10 s', 'h' || i % 50, i FROM generate_series(1, 20000) i;
CREATE TABLE es_mid (host text, x int4);
INSERT INTO es_mid SELECT 'h' || i % 50, i FROM generate_series(1, 2000) i;
CREATE TABLE es_small (host text, region text);
INSERT INTO es_small SELECT 'h' || i, 'r' || i % 5 FROM generate_series(0, 49) i;
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_big JOIN es_small USING (host);
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_small JOIN es_big USING (host);
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_mid JOIN es_big USING (host);
-- one host of fifty in a hundredth of the time is less than the other table has
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_mid JOIN es_big USING (host)
  WHERE es_big.host = 'h3' AND time < '2026-01-01 00:30:00';
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_small JOIN generate_series(1, 100000) g ON g = length(region);
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_mid JOIN generate_series(1, 10) g ON g = x;
SELECT region, count(*), sum(v) FROM es_big JOIN es_small USING (host) GROUP BY region ORDER BY region;
-- temporary tables count what they have; fields are estimated by their statistics: a narrow range, NULLs, few values
CREATE TEMP TABLE es_temp AS SELECT i AS id, i % 40 AS g, CASE WHEN i % 1000 = 0 THEN i END AS rare FROM generate_series(1, 30000) i;
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_temp JOIN es_mid ON id = x;
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_temp JOIN es_mid ON id = x WHERE id BETWEEN 20000 AND 20500;
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_temp JOIN es_mid ON id = x WHERE rare IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT count(*) FROM es_temp JOIN es_mid ON id = x WHERE rare IS NULL;
EXPLAIN (COSTS OFF) SELECT count(*) FROM (SELECT g, count(*) AS n FROM es_temp GROUP BY g) a JOIN es_mid ON n = x;
EXPLAIN (COSTS OFF) SELECT count(*) FROM (SELECT id, count(*) AS n FROM es_temp GROUP BY id) a JOIN es_mid ON n = x;
DROP TABLE es_big, es_mid, es_small, es_temp;
