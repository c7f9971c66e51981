-- A point goes in by line protocol, an answer comes out by SQL, and survives kill -9.
\write
cpu,host=server1,region=ap usage_user=23.5,usage_system=12.3 1767225600000000000
cpu,host=server1,region=ap usage_user=24.5,usage_system=12.5 1767225610000000000
cpu,host=server2,region=eu usage_user=50,usage_system=1 1767225600000000000
\.
SELECT * FROM cpu ORDER BY host, time;
SELECT TIME_BUCKET('1h', time) AS bucket, AVG(usage_user) FROM cpu WHERE time > '2025-12-31' GROUP BY 1;
SELECT host, count(*), max(usage_user), first(usage_user), last(usage_user) FROM cpu GROUP BY host ORDER BY host;
\kill
SELECT * FROM cpu ORDER BY host, time;
CHECKPOINT;
SELECT * FROM cpu ORDER BY host, time;
\kill
SELECT * FROM cpu ORDER BY host, time;
\restart
SELECT count(*) FROM cpu;
\write
cpu,host=server1,region=ap usage_user=99 1767225600000000000
\.
-- the newer value of a field wins, the other field stays
SELECT time, host, usage_user, usage_system FROM cpu WHERE host = 'server1' ORDER BY time;
VACUUM;
SELECT time, host, usage_user, usage_system FROM cpu WHERE host = 'server1' ORDER BY time;
\restart
SELECT time, host, usage_user, usage_system FROM cpu WHERE host = 'server1' ORDER BY time;
