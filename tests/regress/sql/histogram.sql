-- native histograms: a type with a text form, a column of it, and PromQL over it
SELECT '{"count":7,"sum":18.5,"positive":[[0,1],[1,2],[3,4]]}'::histogram;
SELECT '{"schema":2,"count":7.5,"sum":"NaN","zero_threshold":0.001,"zero_count":2.5,"positive":[[-3,1]],"negative":[[4,4]],"hint":"gauge","float":true}'::histogram AS h;
SELECT '{"schema":-53,"bounds":[0.5,1],"count":3,"sum":2,"positive":[[0,1],[2,2]]}'::histogram AS h;
-- empty buckets go, resolutions beyond 8 are reduced
SELECT '{"schema":10,"count":3,"sum":2,"positive":[[1,1],[2,0],[5,2]]}'::histogram AS h;
-- not valid
SELECT 'x'::histogram;
SELECT '{"count":1,"sum":1,"what":3}'::histogram;
SELECT '{"count":1,"sum":1,"positive":[[1,2]]}'::histogram;
SELECT '{"count":1,"sum":1,"positive":[[1,-1]]}'::histogram;
SELECT '{"schema":-7,"count":1,"sum":1,"positive":[[1,1]]}'::histogram;
SELECT '{"schema":-53,"bounds":[2,1],"count":1,"sum":1,"positive":[[0,1]]}'::histogram;
SELECT '{"schema":-53,"bounds":[1],"count":1,"sum":1,"positive":[[5,1]]}'::histogram;
SELECT typname, typlen, typcategory, typinput FROM pg_type WHERE typname = 'histogram';

CREATE TABLE hreq (time timestamptz NOT NULL, job text TAG, histogram histogram, value float8);
INSERT INTO hreq (time, job, histogram) SELECT to_timestamp(i * 60), 'a', format('{"count":%s,"sum":%s,"zero_count":%s,"zero_threshold":0.001,"positive":[[0,%s],[1,%s]]}', 5 * i, 10 * i, i, 3 * i, i)::histogram FROM generate_series(1, 20) i;
INSERT INTO hreq (time, job, histogram) SELECT to_timestamp(i * 60), 'c', format('{"schema":-53,"bounds":[1,5],"count":%s,"sum":%s,"positive":[[0,%s],[1,%s]]}', 2 * i, 4 * i, i, i)::histogram FROM generate_series(1, 20) i;
INSERT INTO hreq (time, job, value) SELECT to_timestamp(i * 60), 'f', i FROM generate_series(1, 20) i;
SELECT job, count(*), count(histogram) FROM hreq GROUP BY 1 ORDER BY 1;
SELECT histogram FROM hreq WHERE job = 'a' ORDER BY time LIMIT 2;
-- the same from a file
CHECKPOINT;
SELECT histogram FROM hreq WHERE job = 'c' ORDER BY time DESC LIMIT 1;
SELECT labels, value, histogram FROM promql('hreq', to_timestamp(1200)) ORDER BY labels->>'job';
SELECT labels, value, histogram FROM promql('rate(hreq[10m])', to_timestamp(1200)) ORDER BY labels->>'job';
SELECT promql('sum(increase(hreq{job="a"}[10m]))', to_timestamp(1200));
SELECT promql_scalar('histogram_count(hreq{job="a"})', to_timestamp(1200)), promql_scalar('histogram_quantile(0.5, hreq{job="a"})', to_timestamp(1200)), promql_scalar('histogram_quantile(0.9, hreq{job="c"})', to_timestamp(1200)), promql_scalar('histogram_fraction(0, 1, hreq{job="a"})', to_timestamp(1200));
SELECT promql_scalar('hreq{job="a"}', to_timestamp(1200));
-- what does not go together is told
SELECT labels, value, histogram FROM promql('sum(hreq)', to_timestamp(1200));
SELECT labels, value, histogram FROM promql('hreq{job="a"} + 1', to_timestamp(1200));
SELECT labels, value, histogram FROM promql('hreq{job="a"} </ 1', to_timestamp(1200));
SELECT ts, value, histogram FROM promql('avg by (job) (hreq{job=~"a|f"})', to_timestamp(60), to_timestamp(120), '1 minute') ORDER BY 1, 2;
DROP TABLE hreq;
