-- Aggregates over time.
CREATE TABLE c (ts timestamptz NOT NULL, host text TAG, dc text TAG, v float8);
INSERT INTO c VALUES
 ('2026-01-01 00:00:00+00', 'a', 'x', 10), ('2026-01-01 00:00:10+00', 'a', 'x', 30), ('2026-01-01 00:00:20+00', 'a', 'x', 30),
 ('2026-01-01 00:00:30+00', 'a', 'x', 5), ('2026-01-01 00:00:50+00', 'a', 'x', 25), ('2026-01-01 00:00:05+00', 'b', 'x', 100), ('2026-01-01 00:00:15+00', 'b', 'x', 90),
 ('2026-01-01 00:00:00+00', 'c', 'y', 7);
SELECT host, delta(v), increase(v), rate(v), irate(v), derivative(v), changes(v), counter_resets(v) FROM c GROUP BY host ORDER BY host;
-- the order of the rows does not matter, that of their times does
SELECT delta(v, t), increase(v, t), rate(v, t), irate(v, t), changes(v, t), counter_resets(v, t), time_weight(v, t)
 FROM (VALUES (7.0, timestamptz '2026-01-01 00:00:20+00'), (1, '2026-01-01 00:00:00+00'), (5, '2026-01-01 00:00:10+00'), (NULL, '2026-01-01 00:00:15+00'), (9, NULL)) x(v, t);
-- several series in one group: their rows by time (7 at 0, 10 at 0: one time, either; so only from 5 s on)
SELECT delta(v), changes(v), counter_resets(v) FROM c WHERE ts > '2026-01-01 00:00:00+00';
SELECT dc, delta(v, ts) FROM c WHERE host IN ('b', 'c') GROUP BY dc ORDER BY dc;
SELECT time_bucket('20 s', ts) AS b, host, increase(v), rate(v) FROM c GROUP BY b, host ORDER BY host, b;
SELECT host, increase(v) FILTER (WHERE v > 20) AS f, count(DISTINCT v) FROM c GROUP BY host HAVING delta(v) IS NOT NULL ORDER BY rate(v) DESC;
EXPLAIN (COSTS OFF) SELECT host, rate(v) FROM c GROUP BY host, dc;
EXPLAIN (COSTS OFF) SELECT rate(v) FROM c WHERE host = 'a' AND dc = 'x';
EXPLAIN (COSTS OFF) SELECT host, rate(v) FROM c GROUP BY host;
-- over a window
SELECT ts, increase(v, ts) OVER (PARTITION BY host ORDER BY ts) FROM c WHERE host = 'a' ORDER BY ts;
SELECT ts, delta(v, ts) OVER (ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM c WHERE host = 'a' ORDER BY ts;
SELECT rate(v, ts) OVER (PARTITION BY host) FROM c;
SELECT rate(v, ts ORDER BY v) FROM c;
-- empty and single
SELECT delta(v), rate(v), changes(v), counter_resets(v), time_weight(v), vwap(v, v), lttb(ts, v, 3), candlestick_agg(ts, v, v) FROM c WHERE false;
SELECT delta(v), rate(v), changes(v), counter_resets(v), time_weight(v) FROM c WHERE host = 'c';
-- Prometheus' numbers
SELECT extrapolated_rate(v, ts, '2026-01-01 00:00:00+00', '2026-01-01 00:01:00+00') AS r, extrapolated_increase(v, ts, '2026-01-01 00:00:00+00', interval '1 min') AS i,
 extrapolated_delta(v, ts, '2026-01-01 00:00:00+00', interval '1 min') AS d FROM c WHERE host = 'a' AND ts > '2026-01-01 00:00:00+00' AND ts <= '2026-01-01 00:01:00+00';
SELECT value FROM promql('rate(c_v{host="a"}[1m])', '2026-01-01 00:01:00+00') UNION ALL SELECT value FROM promql('increase(c_v{host="a"}[1m])', '2026-01-01 00:01:00+00')
 UNION ALL SELECT value FROM promql('delta(c_v{host="a"}[1m])', '2026-01-01 00:01:00+00') UNION ALL SELECT value FROM promql('resets(c_v{host="a"}[1m])', '2026-01-01 00:01:00+00') UNION ALL SELECT value FROM promql('changes(c_v{host="a"}[1m])', '2026-01-01 00:01:00+00');
SELECT b, round(extrapolated_rate(v, ts, b, interval '20 s')::numeric, 6) FROM (SELECT time_bucket('20 s', ts) AS b, ts, v FROM c WHERE host = 'a') t GROUP BY b ORDER BY b;
SELECT extrapolated_rate(v, ts, '2026-01-01', '2025-01-01') FROM c;
-- the mean over time: 10 for 10 s, 30 for 20 s, 5 for 20 s = 800 / 50; lines: 200 + 300 + 175 + 300 = 975 / 50
SELECT time_weight(v), time_weight('LOCF', ts, v), time_weight('Linear', ts, v) FROM c WHERE host = 'a';
SELECT time_weight('cubic', ts, v) FROM c;
-- candlesticks
SELECT vwap(p, q), open(p, t), close(p, t), high(p), low(p) FROM (VALUES (10.0, 1.0, 1), (20, 3, 3), (5, 2, 2)) x(p, q, t);
SELECT host, open(k), high(k), low(k), close(k), volume(k), vwap(k), high_time(k), low_time(k), open_time(k), close_time(k) FROM (SELECT host, candlestick_agg(ts, v, 2) AS k FROM c GROUP BY host) t ORDER BY host;
SELECT candlestick_agg(ts, v, 2) FROM c WHERE host = 'b';
-- histogram: below 0 | [0,10) [10,20) [20,30) | 30 and above
SELECT histogram(v, 0, 30, 3) FROM c;
SELECT host, histogram(v, 0.0, 200.0, 2) FROM c GROUP BY host ORDER BY host;
SELECT histogram(v, 0, 30, 3) FROM c WHERE false;
SELECT histogram(v, 10, 0, 3) FROM c;
SELECT histogram(v, 0, 10, 0) FROM c;
-- sketches
SELECT approx_percentile(0.5, percentile_agg(v)), approx_percentile(v, 0.5), num_vals(percentile_agg(v)), mean(percentile_agg(v)) FROM c WHERE host = 'a';
SELECT abs(approx_percentile(0.9, rollup(p)) - 9000) < 20 AS near FROM (SELECT i % 7 AS k, percentile_agg(i) AS p FROM generate_series(1, 10000) i GROUP BY 1) t;
SELECT approx_percentile(1.5, percentile_agg(v)) FROM c;
SELECT approx_percentile(0.5, 'abc'::bytea);
SELECT approx_percentile(0.5, percentile_agg(v)) FROM c WHERE false;
-- lttb: the first, the last, and what sticks out
SELECT lttb(ts, v, 3) FROM c WHERE host = 'a';
SELECT lttb(ts, v, 2) FROM c WHERE host = 'a';
SELECT lttb(ts, v, 10) FROM c WHERE host = 'b';
SELECT e->>'time' AS t, (e->>'value')::float8 AS v FROM (SELECT jsonb_array_elements(lttb(t, CASE WHEN i = 57 THEN 100 ELSE 0 END, 5)) AS e FROM (SELECT i, timestamptz '2026-01-01' + make_interval(secs => i) AS t FROM generate_series(0, 99) i) s) x ORDER BY 1;
SELECT lttb(ts, v, 1) FROM c;
-- first and last wherever an aggregate may stand
SELECT host, first(v, ts) AS f, last(v, ts) AS l FROM c GROUP BY host HAVING first(v, ts) > 8 ORDER BY last(v, ts) DESC;
SELECT last(host, ts), first(host, v), last(dc, ts) FILTER (WHERE v < 8) FROM c;
SELECT time_bucket('5m', ts) AS b, first(v, ts) FROM c GROUP BY b;
SELECT count(*) FROM c WHERE ts > timestamptz '2026-01-01 00:00:30+00' - '5m'::interval AND ts <= '2026-01-01 00:00:30+00';
SELECT count(*) FROM c WHERE ts > now() - 1h;
SELECT count(*) FROM c WHERE ts > now() - interval 1h;
SELECT v FROM c WHERE ts_ns(ts) = 1767225610000000000;
