-- PromQL in SQL: promql() in FROM and in a select list, promql_scalar().
\write
cpu,host=a,core=0 user=1,sys=10i 60000000000
cpu,host=a,core=0 user=2,sys=10i 120000000000
cpu,host=b,core=0 user=5,sys=20i 60000000000
m,k=x value=1.5 60000000000
\.
SET TimeZone = 'UTC';
SELECT * FROM promql('cpu_user', to_timestamp(60)) ORDER BY labels::text;
SELECT * FROM promql('sum(cpu_user)', to_timestamp(60), to_timestamp(120), '1 minute') ORDER BY ts;
SELECT ts, value FROM promql('cpu_user{host="a"} * 2', to_timestamp(60), to_timestamp(120), '30s') ORDER BY 1;
-- names that are no columns are labels
SELECT host, nosuch, value FROM promql('cpu_user', to_timestamp(60)) AS t(host, nosuch, value) ORDER BY host;
SELECT * FROM promql('sum by (host) (cpu)', to_timestamp(60)) AS t(host text, ts timestamptz, value float8) ORDER BY host;
SELECT t.host, t.value, c.sys FROM promql('cpu_user', to_timestamp(60)) AS t(host text, value float8)
  JOIN cpu c ON c.host = t.host AND c.time = to_timestamp(60) ORDER BY 1;
-- the alias of all fields
SELECT labels->>'__field__' AS field, value FROM promql('cpu{host="b"}', to_timestamp(60)) ORDER BY 1;
-- in a select list: jsonb
SELECT promql('m', to_timestamp(60));
SELECT promql('1 + 1', to_timestamp(60));
SELECT promql('"text"', to_timestamp(60));
SELECT promql('m', to_timestamp(60), to_timestamp(120), '60s');
SELECT promql(NULL);
-- one number
SELECT promql_scalar('sum(cpu_user)', to_timestamp(60)), promql_scalar('nosuch', to_timestamp(60)), promql_scalar('2 * 3');
SELECT promql_scalar('cpu_user', to_timestamp(60));
-- errors stand where they are in the statement
SELECT * FROM promql('sum(');
SELECT * FROM promql('m{k=''x'', j=1}', to_timestamp(60));
SELECT promql('rate(m)');
SELECT * FROM promql('m + on(k) cpu_user', to_timestamp(60));
SELECT * FROM promql('cpu_user / on(core) cpu_user', to_timestamp(60));
SELECT * FROM promql('"text"', to_timestamp(60));
SELECT * FROM promql('m', to_timestamp(60), to_timestamp(120), '1 month');
SELECT * FROM promql('m', to_timestamp(60), to_timestamp(120), '0s');
SELECT * FROM promql('m', 'infinity');
-- parameters and columns as arguments
PREPARE q(text, timestamptz, timestamptz, interval) AS SELECT ts, value FROM promql($1, $2, $3, $4) ORDER BY ts;
EXECUTE q('cpu_user{host="a"}', to_timestamp(60), to_timestamp(120), '1 minute');
SELECT t.at, promql_scalar('sum(cpu_user)', t.at) AS v FROM (VALUES (to_timestamp(60)), (to_timestamp(120))) AS t(at) ORDER BY 1;
SELECT t.h, p.value FROM (VALUES ('a'), ('b'), ('c')) AS t(h) LEFT JOIN LATERAL promql('cpu_user{host="' || t.h || '"}', to_timestamp(60)) p ON true ORDER BY 1;
SELECT h.name, sum(p.value) FROM (VALUES ('a', 'Alpha'), ('b', 'Beta')) AS h(host, name) JOIN promql('cpu_user', to_timestamp(60), to_timestamp(120), '1m') AS p(host, ts, value) ON p.host = h.host GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM cpu WHERE "user" > promql_scalar('avg(cpu_user)', to_timestamp(60));
SELECT promql_scalar('cpu_user[1m]', to_timestamp(60));
SELECT promql_scalar('sum(', to_timestamp(60));
SELECT * FROM promql_scalar('sum(cpu_user)', to_timestamp(60));
-- TQL: seconds or times, seconds or lengths
TQL EVAL (60, 120, '60s') sum(cpu_user);
TQL EVAL ('1970-01-01 00:01:00+00', '1970-01-01T00:02:00Z', 30) cpu_user{host="a"} * 2;
TQL EVALUATE (60.5) 1 + 1;
TQL EVAL (60, 60, '1m') label_replace(m, "x", ';', "k", `x`) # all of it; really
;
TQL EXPLAIN (60, 120, '60s') sum(cpu_user);
TQL EVAL (60, 120, '60s') sum(;
TQL EVAL (60, 120, '60s');
TQL EVAL (60, 120, '60s', '5m') up;
TQL SING (60, 120, '60s') up;
SELECT tql FROM (VALUES (1)) AS x(tql);
-- the tree of the query in a select list, too
EXPLAIN (COSTS OFF) SELECT promql('sum by (k) (rate(m[5m]))');
EXPLAIN (COSTS OFF) SELECT promql_scalar('sum(m)');
