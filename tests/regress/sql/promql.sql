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
