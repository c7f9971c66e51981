-- ORDER BY a time bucket LIMIT n reads only the first buckets: the answers are those of the whole table.
CREATE TABLE fb (time timestamptz NOT NULL, host text TAG, v int, f float8);
INSERT INTO fb SELECT timestamptz '2026-01-01 00:00:00+00' + i * interval '7 seconds', 'h' || (i % 5), i, i / 4.0 FROM generate_series(0, 9999) AS i;
CHECKPOINT;
SELECT time_bucket('1 minute', time) AS b, max(v), count(*) FROM fb GROUP BY b ORDER BY b DESC LIMIT 3;
SELECT time_bucket('1 minute', time) AS b, max(v), count(*) FROM fb GROUP BY b ORDER BY b LIMIT 3;
SELECT time_bucket('1 minute', time) AS b, max(v), count(*) FROM fb WHERE time < '2026-01-01 05:00:30+00' GROUP BY b ORDER BY b DESC LIMIT 3 OFFSET 2;
SELECT time_bucket('1 minute', time) AS b, max(v), count(*) FROM fb WHERE time > '2026-01-01 05:00:30+00' GROUP BY b ORDER BY b LIMIT 2;
SELECT date_trunc('hour', time) AS b, host, sum(f) FROM fb GROUP BY b, host ORDER BY b DESC, host DESC LIMIT 7;
SELECT date_trunc('hour', time) AS b, host, sum(f) FROM fb GROUP BY b, host ORDER BY host, b DESC LIMIT 3;
-- conditions that leave few rows: the walk goes on until there are enough groups
SELECT time_bucket('1 minute', time) AS b, min(v) FROM fb WHERE v % 2000 = 0 GROUP BY b ORDER BY b DESC LIMIT 4;
SELECT time_bucket('1 minute', time) AS b, min(v) FROM fb WHERE v < 3 GROUP BY b ORDER BY b DESC LIMIT 4;
SELECT time_bucket('1 minute', time) AS b, min(v) FROM fb WHERE host = 'h3' GROUP BY b ORDER BY b DESC LIMIT 2;
SELECT time_bucket('1 minute', time) AS b, min(v) FROM fb WHERE host = 'none' GROUP BY b ORDER BY b DESC LIMIT 2;
-- what needs all groups gets them
SELECT time_bucket('1 hour', time) AS b, count(*) FROM fb GROUP BY b HAVING count(*) < 500 ORDER BY b DESC LIMIT 2;
SELECT time_bucket('1 hour', time) AS b, max(v), sum(count(*)) OVER () AS total FROM fb GROUP BY b ORDER BY b DESC LIMIT 2;
SELECT DISTINCT count(*) AS n, time_bucket('1 hour', time) AS b FROM fb GROUP BY b ORDER BY b DESC LIMIT 2;
SELECT time_bucket('1 hour', time) AS b, max(v) FROM fb GROUP BY b ORDER BY max(v), b LIMIT 2;
SELECT count(*) FROM (SELECT time_bucket('1 minute', time) AS b FROM fb GROUP BY b ORDER BY b DESC LIMIT 1000000) AS x;
SELECT count(*) FROM (SELECT time_bucket('1 minute', time) AS b FROM fb GROUP BY b ORDER BY b DESC LIMIT NULL) AS x;
SELECT count(*) FROM (SELECT time_bucket('1 minute', time) AS b FROM fb GROUP BY b ORDER BY b DESC LIMIT 0) AS x;
PREPARE fb_first(int) AS SELECT time_bucket('1 minute', time) AS b, max(v) FROM fb GROUP BY b ORDER BY b DESC LIMIT $1;
EXECUTE fb_first(2);
-- rows far apart, to the ends of time
INSERT INTO fb VALUES ('1680-01-01 00:00:00+00', 'old', -1, -1), ('2261-12-31 23:59:59.999999+00', 'new', 1000000, 1);
SELECT time_bucket('1 minute', time) AS b, max(v) FROM fb GROUP BY b ORDER BY b DESC LIMIT 2;
SELECT time_bucket('1 minute', time) AS b, max(v) FROM fb GROUP BY b ORDER BY b LIMIT 2;
SELECT time_bucket('1 second', time) AS b, max(v) FROM fb WHERE host IN ('old', 'new') GROUP BY b ORDER BY b DESC LIMIT 2;
-- deleted and rewritten rows
DELETE FROM fb WHERE time > '2026-01-01 19:00:00+00';
UPDATE fb SET v = -v WHERE time >= '2026-01-01 18:59:00+00';
SELECT time_bucket('1 minute', time) AS b, min(v), max(v), count(*) FROM fb GROUP BY b ORDER BY b DESC LIMIT 3;
-- the newest row of each series, from files and from memory
SELECT DISTINCT ON (host) * FROM fb ORDER BY host, time DESC;
INSERT INTO fb VALUES ('2026-01-01 19:30:00+00', 'h1', NULL, 'NaN'), ('2026-01-01 19:31:00+00', 'h2', 5, NULL);
SELECT DISTINCT ON (host) * FROM fb ORDER BY host, time DESC;
CHECKPOINT;
SELECT DISTINCT ON (host) * FROM fb ORDER BY host, time DESC;
SELECT DISTINCT ON (host) host, v FROM fb WHERE time < '2026-01-01 10:00:00+00' ORDER BY host, time DESC;
SELECT DISTINCT ON (host) host, v FROM fb WHERE v % 7 = 0 ORDER BY host, time DESC;
ALTER TABLE fb ADD COLUMN note text;
SELECT DISTINCT ON (host) host, v, note FROM fb ORDER BY host, time DESC;
DROP TABLE fb;
