-- How long rows are kept: a TTL of a table, counted from its newest row.
CREATE TABLE ttl_cpu (ts timestamptz NOT NULL, host text TAG, load float8, n int8) WITH (ttl = '30 days');
INSERT INTO ttl_cpu VALUES
  ('2020-01-01 00:00:00+00', 'a', 1, 1), ('2020-01-15 00:00:00+00', 'a', 2, 2),
  ('2020-01-31 00:00:00+00', 'a', 3, 3), ('2020-01-05 00:00:00+00', 'b', 4, 4),
  ('2020-01-20 12:00:00+00', 'b', 5, 5);
-- the newest row is of January 31: the first one is exactly as old as is allowed
SELECT ts, host, load FROM ttl_cpu ORDER BY ts;
INSERT INTO ttl_cpu VALUES ('2020-02-10 00:00:00+00', 'b', 6, 6);
SELECT ts, host, load FROM ttl_cpu ORDER BY ts;
SELECT count(*), min(ts), max(ts), sum(n), min(load) FROM ttl_cpu;
SELECT host, count(*), first(load, ts), last(load, ts), min(n), max(n) FROM ttl_cpu GROUP BY host ORDER BY host;
SELECT time_bucket('10 days', ts) AS b, count(*) FROM ttl_cpu GROUP BY b ORDER BY b;
SELECT DISTINCT ON (host) host, ts, load FROM ttl_cpu ORDER BY host, ts DESC;
SELECT host, ts FROM ttl_cpu WHERE ts < '2020-01-12 00:00:00+00' ORDER BY ts;
-- what is past it cannot be changed, and comes too late
UPDATE ttl_cpu SET load = 0 WHERE ts < '2020-01-12 00:00:00+00';
DELETE FROM ttl_cpu WHERE ts < '2020-01-12 00:00:00+00';
INSERT INTO ttl_cpu VALUES ('2019-01-01 00:00:00+00', 'c', 9, 9);
SELECT count(*) FROM ttl_cpu WHERE host = 'c';
-- the same from files
CHECKPOINT;
SELECT ts, host, load FROM ttl_cpu ORDER BY ts;
SELECT count(*), min(ts), max(ts), sum(n), min(load) FROM ttl_cpu;
SELECT host, count(*), first(load, ts), last(load, ts), min(n), max(n) FROM ttl_cpu GROUP BY host ORDER BY host;
SELECT labels->>'host' AS host, value FROM promql('count_over_time(ttl_cpu_load[60d])', '2020-02-10 00:00:00+00') ORDER BY host;
-- a longer TTL shows what is still there, a shorter one hides at once
ALTER TABLE ttl_cpu SET (ttl = '60 days');
SELECT count(*), min(ts) FROM ttl_cpu;
ALTER TABLE ttl_cpu SET (ttl = '15 days');
SELECT count(*), min(ts) FROM ttl_cpu;
ALTER TABLE ttl_cpu RESET (ttl);
SELECT count(*), min(ts) FROM ttl_cpu;
ALTER TABLE ttl_cpu SET (ttl = 'forever');
SELECT count(*), min(ts) FROM ttl_cpu;
-- by the clock even if the feed has stopped
ALTER TABLE ttl_cpu SET (ttl = '1 year', ttl_clock = 'wall');
SELECT count(*), min(ts) FROM ttl_cpu;
ALTER TABLE ttl_cpu RESET (ttl_clock);
SELECT count(*), min(ts) FROM ttl_cpu;
-- other systems' words
ALTER TABLE ttl_cpu SET TTL 2 weeks;
SELECT count(*), min(ts) FROM ttl_cpu;
CREATE TABLE ttl_quest (ts TIMESTAMP, host SYMBOL, load DOUBLE) TIMESTAMP(ts) PARTITION BY DAY TTL 7 DAYS WAL;
CREATE TABLE ttl_greptime (ts TIMESTAMP TIME INDEX, host text TAG, load DOUBLE) WITH ('ttl' = '7d');
INSERT INTO ttl_quest SELECT '2020-01-01'::timestamp + i * interval '1 day', 'a', i FROM generate_series(0, 19) i;
INSERT INTO ttl_greptime SELECT ts, host, load FROM ttl_quest;
SELECT count(*), min(ts) FROM ttl_quest;
SELECT count(*), min(ts) FROM ttl_greptime;
-- in a transaction: its own rows count
BEGIN;
INSERT INTO ttl_quest VALUES ('2020-02-01', 'a', 99);
SELECT count(*), min(ts) FROM ttl_quest;
ROLLBACK;
SELECT count(*), min(ts) FROM ttl_quest;
-- a key that is past its TTL is free
CREATE TABLE ttl_key (ts timestamptz, host text, v int, PRIMARY KEY (host, ts)) WITH (ttl = '1 day');
INSERT INTO ttl_key VALUES ('2020-01-01 00:00:00+00', 'a', 1), ('2020-01-05 00:00:00+00', 'a', 2);
INSERT INTO ttl_key VALUES ('2020-01-01 00:00:00+00', 'a', 3);
INSERT INTO ttl_key VALUES ('2020-01-05 00:00:00+00', 'a', 3);
SELECT * FROM ttl_key;
-- tables without tags, and many rows
CREATE TABLE ttl_log (ts timestamptz NOT NULL, v int8) WITH (ttl = '1 hour', duplicates = 'keep');
INSERT INTO ttl_log SELECT '2020-01-01 00:00:00+00'::timestamptz + i * interval '1 second', i FROM generate_series(1, 10000) i;
SELECT count(*), min(v), max(v), sum(v) FROM ttl_log;
CHECKPOINT;
SELECT count(*), min(v), max(v), sum(v) FROM ttl_log;
SELECT time_bucket('30 minutes', ts) AS b, count(*), min(v) FROM ttl_log GROUP BY b ORDER BY b;
SELECT v FROM ttl_log ORDER BY ts LIMIT 2;
SELECT v FROM ttl_log ORDER BY ts DESC LIMIT 2;
VACUUM ttl_log;
SELECT count(*), min(v), max(v), sum(v) FROM ttl_log;
-- errors
CREATE TABLE ttl_bad (ts timestamptz NOT NULL, v int) WITH (ttl = 'soon');
CREATE TABLE ttl_bad (ts timestamptz NOT NULL, v int) WITH (ttl = '0');
CREATE TABLE ttl_bad (ts timestamptz NOT NULL, v int) WITH (ttl = '-3 days');
CREATE TABLE ttl_bad (ts timestamptz NOT NULL, v int) WITH (ttl = '3 days', ttl_clock = 'moon');
CREATE TABLE ttl_bad (id int PRIMARY KEY, v int) WITH (ttl = '3 days');
CREATE TABLE ttl_plain (id int PRIMARY KEY, v int);
ALTER TABLE ttl_plain SET (ttl = '3 days');
ALTER TABLE ttl_cpu SET (ttl = '3 dogs');
ALTER TABLE ttl_cpu RESET (window);
DROP TABLE ttl_cpu, ttl_quest, ttl_greptime, ttl_key, ttl_log, ttl_plain;
