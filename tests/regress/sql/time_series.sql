-- The words that time-series users bring along.
\write
net,if=eth0 bytes=100i 1767225600000000000
net,if=eth0 bytes=160i 1767225610000000000
net,if=eth0 bytes=20i 1767225620000000000
net,if=eth0 bytes=50i 1767225630000000000
net,if=eth1 bytes=5i 1767225600000000000
net,if=eth1 bytes=25i 1767225640000000000
\.
SELECT "if", FIRST(bytes), LAST(bytes), DELTA(bytes), INCREASE(bytes), RATE(bytes) FROM net GROUP BY "if" ORDER BY "if";
SELECT TIME_BUCKET('20s', time) AS b, RATE(bytes) FROM net WHERE "if" = 'eth0' GROUP BY b ORDER BY b;
SELECT time_bucket(interval '1 month', time) AS m, count(*) FROM net GROUP BY m;
SELECT time_bucket('1 week', time) AS w, count(*) FROM net GROUP BY w;
SELECT time_bucket('30s', time, origin => '2026-01-01 00:00:05+00') AS b, count(*) FROM net GROUP BY b ORDER BY b;
SELECT floor(extract(epoch from time)/60)*60 AS "time", sum(bytes) FROM net GROUP BY 1 ORDER BY 1;
SELECT last(bytes, time) AS l, first(bytes, time) AS f FROM net;
-- nanoseconds: SQL time is the floor to microseconds, ts_ns is exact
\write
ns v=1 1767225600000000001
ns v=2 1767225600000000999
ns v=3 1767225600000001000
\.
SELECT time, ts_ns(time) AS ns, v FROM ns ORDER BY ns;
SELECT count(*) FROM ns WHERE time = '2026-01-01 00:00:00+00';
SELECT count(*) FROM ns WHERE time > '2026-01-01 00:00:00+00';
SELECT count(*) FROM ns WHERE time >= '-infinity' AND time < 'infinity';
-- before 1970
INSERT INTO ns (time, v) VALUES ('1969-12-31 23:59:59.5+00', 0);
SELECT time_bucket('1 day', time) AS d, count(*) FROM ns GROUP BY d ORDER BY d;
