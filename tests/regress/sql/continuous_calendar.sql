-- Continuous views whose buckets are not all equally long: months, years, days of a time zone.
SET TimeZone = 'UTC';
CREATE TABLE cal (ts timestamptz NOT NULL, host text TAG, v int8);
INSERT INTO cal SELECT t, 'h' || h, extract(epoch FROM t)::int8 / 1800 % 997
  FROM generate_series('2023-09-15 00:00+00'::timestamptz, '2024-05-02 00:00+00', '90 min') t, generate_series(1, 2) h;
CREATE MATERIALIZED VIEW cal_month WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 month', ts) AS b, host, count(*) AS n, sum(v) AS s, avg(v)::numeric(10, 4) AS a FROM cal GROUP BY 1, 2;
CREATE MATERIALIZED VIEW cal_day WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, host, count(*) AS n, sum(v) AS s FROM cal GROUP BY 1, 2;
CREATE MATERIALIZED VIEW cal_year WITH (continuous, refresh = '0') AS
  SELECT date_trunc('year', ts, 'Asia/Kolkata') AS b, count(*) AS n, max(v) AS m FROM cal GROUP BY b;
CREATE MATERIALIZED VIEW cal_week WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 week', ts, 'America/New_York') AS b, count(*) AS n FROM cal GROUP BY b;
-- date_trunc() without a zone keeps that of the session that made the view.
SET TimeZone = 'America/Havana';
CREATE MATERIALIZED VIEW cal_here WITH (continuous, refresh = '0') AS
  SELECT date_trunc('month', ts) AS b, date_trunc('day', cal.ts) AS d, count(*) AS n FROM cal GROUP BY 1, 2;
SET TimeZone = 'UTC';
SELECT pg_get_viewdef('cal_here');
-- Each view against its query: what is only in one of them.
CREATE VIEW q_month AS SELECT time_bucket('1 month', ts) AS b, host, count(*) AS n, sum(v) AS s, avg(v)::numeric(10, 4) AS a FROM cal GROUP BY 1, 2;
CREATE VIEW q_day AS SELECT time_bucket('1 day', ts, 'Europe/Berlin') AS b, host, count(*) AS n, sum(v) AS s FROM cal GROUP BY 1, 2;
CREATE VIEW q_year AS SELECT date_trunc('year', ts, 'Asia/Kolkata') AS b, count(*) AS n, max(v) AS m FROM cal GROUP BY b;
CREATE VIEW q_week AS SELECT time_bucket('1 week', ts, 'America/New_York') AS b, count(*) AS n FROM cal GROUP BY b;
CREATE VIEW q_here AS SELECT date_trunc('month', ts, 'America/Havana') AS b, date_trunc('day', ts, 'America/Havana') AS d, count(*) AS n FROM cal GROUP BY 1, 2;
CREATE VIEW differ AS
  SELECT 'month', count(*) FROM ((TABLE cal_month EXCEPT ALL TABLE q_month) UNION ALL (TABLE q_month EXCEPT ALL TABLE cal_month)) x
  UNION ALL SELECT 'day', count(*) FROM ((TABLE cal_day EXCEPT ALL TABLE q_day) UNION ALL (TABLE q_day EXCEPT ALL TABLE cal_day)) x
  UNION ALL SELECT 'year', count(*) FROM ((TABLE cal_year EXCEPT ALL TABLE q_year) UNION ALL (TABLE q_year EXCEPT ALL TABLE cal_year)) x
  UNION ALL SELECT 'week', count(*) FROM ((TABLE cal_week EXCEPT ALL TABLE q_week) UNION ALL (TABLE q_week EXCEPT ALL TABLE cal_week)) x
  UNION ALL SELECT 'here', count(*) FROM ((TABLE cal_here EXCEPT ALL TABLE q_here) UNION ALL (TABLE q_here EXCEPT ALL TABLE cal_here)) x;
TABLE differ;
REFRESH MATERIALIZED VIEW cal_month;
REFRESH MATERIALIZED VIEW cal_day;
REFRESH MATERIALIZED VIEW cal_year;
REFRESH MATERIALIZED VIEW cal_week;
REFRESH MATERIALIZED VIEW cal_here;
TABLE differ;
SELECT * FROM cal_month WHERE host = 'h1' ORDER BY b;
SET TimeZone = 'Europe/Berlin';
SELECT b, n FROM cal_day WHERE host = 'h1' AND b BETWEEN '2024-03-30' AND '2024-04-01' ORDER BY b;
SELECT b, n FROM cal_day WHERE host = 'h1' AND b BETWEEN '2023-10-28' AND '2023-10-30' ORDER BY b;
SET TimeZone = 'UTC';
-- Late rows, changed and deleted ones, around the clock changes.
INSERT INTO cal VALUES ('2024-03-31 00:59:59.999999+00', 'h1', 1), ('2024-03-31 01:00+00', 'h1', 2),
  ('2023-10-29 00:30+00', 'h2', 3), ('2023-10-28 21:59:59+00', 'h2', 4), ('2023-10-28 22:00+00', 'h2', 5),
  ('2024-02-29 23:59:59+00', 'h3', 6), ('2023-11-05 04:30+00', 'h3', 7), ('2023-11-05 05:30+00', 'h3', 8);
DELETE FROM cal WHERE ts >= '2023-12-31 18:30+00' AND ts < '2024-01-01';
UPDATE cal SET v = -5 WHERE ts = '2024-01-31 22:30+00';
TABLE differ;
SELECT count(*) FROM cal_month WHERE host = 'h3';
REFRESH MATERIALIZED VIEW cal_month;
REFRESH MATERIALIZED VIEW cal_day FROM '2024-01-01' TO '2024-04-01';
REFRESH MATERIALIZED VIEW cal_year;
REFRESH MATERIALIZED VIEW cal_here FORCE;
TABLE differ;
REFRESH MATERIALIZED VIEW cal_day;
TABLE differ;
-- Views over them: months of days of the same zone, quarters of months; states are merged.
CREATE MATERIALIZED VIEW cal_over WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 month', b, 'Europe/Berlin') AS m, sum(n) AS n, sum(s) AS s FROM cal_day GROUP BY 1;
CREATE MATERIALIZED VIEW cal_quarter WITH (continuous, refresh = '0') AS
  SELECT date_trunc('quarter', b) AS q, sum(n) AS n, sum(s) AS s FROM cal_month GROUP BY 1;
REFRESH MATERIALIZED VIEW cal_over;
REFRESH MATERIALIZED VIEW cal_quarter;
SELECT * FROM cal_over EXCEPT ALL SELECT time_bucket('1 month', ts, 'Europe/Berlin'), count(*), sum(v) FROM cal GROUP BY 1;
SELECT * FROM cal_quarter ORDER BY q;
SELECT date_trunc('quarter', ts) AS q, count(*) AS n, sum(v) AS s FROM cal GROUP BY 1 ORDER BY 1;
-- What cannot be.
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('1 week', b) AS w, sum(n) FROM cal_month GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('1 month', b) AS w, sum(n) FROM cal_day GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('10 seconds', ts, 'Europe/Berlin') AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('1 month', ts, '1 month'::interval) AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('1 month', ts, host) AS w, sum(v) FROM cal GROUP BY 1, host;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT date_trunc('dow', ts) AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT date_trunc('millennium', ts) AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT date_trunc('month', (ts)) AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT time_bucket('1 month', ts, 'Mars/Olympus') AS w, sum(v) FROM cal GROUP BY 1;
CREATE MATERIALIZED VIEW cal_no WITH (continuous) AS SELECT date_trunc('month', ts + interval '1 day') AS w, sum(v) FROM cal GROUP BY 1;
DROP VIEW differ, q_month, q_day, q_year, q_week, q_here;
DROP TABLE cal CASCADE;
