-- Continuous views are the same in every session: times without a zone in their text, the zone, the user.
SET timezone = 'Europe/Berlin';
CREATE TABLE m (ts timestamptz NOT NULL, host text TAG, v int8, d date);
INSERT INTO m SELECT '2023-11-04 03:00+00'::timestamptz + i * interval '15 min', 'h' || i % 2, i FROM generate_series(1, 100) i;
CREATE MATERIALIZED VIEW since WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 day', ts) AS b, count(*) AS n, count(*) FILTER (WHERE ts < timestamptz '2023-11-04 12:00') AS f
  FROM m WHERE 'ä' <> 'it''s' AND ts > '2023-11-04 06:00' AND ts < '2024-01-01 00:00+00' GROUP BY 1 HAVING max(ts)::date > '2000-01-01';
SELECT pg_get_viewdef('since');
TABLE since ORDER BY b;
SET timezone = 'Asia/Tokyo';
TABLE since ORDER BY b;
REFRESH MATERIALIZED VIEW since;
SET timezone = 'UTC';
TABLE since ORDER BY b;
-- what is made when the view is read may ask the session
CREATE MATERIALIZED VIEW shown WITH (continuous, refresh = '0') AS
  SELECT time_bucket('1 day', ts) AS b, to_char(max(ts), 'HH24:MI') AS t, sum(extract(epoch FROM ts)) AS s, max(ts + interval '1 hour') AS h,
  count(*) FILTER (WHERE extract(hour FROM ts AT TIME ZONE 'UTC') < 12) AS c FROM m GROUP BY 1;
REFRESH MATERIALIZED VIEW shown;
TABLE shown ORDER BY b;
SET timezone = 'Asia/Tokyo';
TABLE shown ORDER BY b;
-- what is kept may not
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, count(*) FROM m WHERE extract(hour FROM ts) < 12 GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, min(ts::date) FROM m GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, max(ts::text) FROM m GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, count(*) FROM m WHERE ts > d GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, max(ts + interval '1 day') FROM m GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, to_char(ts, 'Day') AS d, count(*) FROM m GROUP BY 1, 2;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, max(age(ts)) FROM m GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts) AS b, count(*) FROM m WHERE host = current_user GROUP BY 1;
CREATE MATERIALIZED VIEW x WITH (continuous) AS SELECT time_bucket('1 day', ts, '2023-11-01 05:00') AS b, count(*) FROM m GROUP BY 1;
-- time_bucket() with names
SET timezone = 'UTC';
SELECT time_bucket('1 day', ts, 'Europe/Berlin', "offset" => interval '5 hours') AS b, count(*) FROM m GROUP BY 1 ORDER BY 1;
SELECT time_bucket('3 months', ts, 'America/Caracas', origin => '2023-10-29 00:30+00'::timestamptz) AS b, count(*) FROM m GROUP BY 1 ORDER BY 1;
SELECT time_bucket('1 day', ts, origin => '2023-01-01 05:00+00', "offset" => '1 hour') AS b, count(*) FROM m GROUP BY 1 ORDER BY 1;
SELECT time_bucket('1 day', ts, '2023-11-01 05:00') AS b, count(*) FROM m GROUP BY 1 ORDER BY 1;
SELECT time_bucket('1 day', ts, origin => '2023-01-01', origin => '2023-01-01') FROM m;
SELECT time_bucket('1 day', ts, ts => ts) FROM m;
CREATE MATERIALIZED VIEW named WITH (continuous) AS
  SELECT time_bucket('3 months', ts, 'America/Caracas', origin => '2023-10-29 00:30+00'::timestamptz) AS b, count(*) FROM m GROUP BY 1;
TABLE named;
DROP TABLE m CASCADE;
