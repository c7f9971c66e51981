-- Subscripts of jsonb.
CREATE TABLE js (id int, j jsonb, k text, n int);
INSERT INTO js VALUES (1, '{"a": {"b": [1, 2, {"c": "x"}]}, "1": "one"}', 'a', 1), (2, '[10, [20, 21], "s"]', '1', 0), (3, NULL, NULL, NULL), (4, '"scalar"', 'a', 0);
SELECT id, j['a'], j['a']['b'], j['a']['b'][2]['c'], j['nope'] FROM js ORDER BY id;
SELECT id, j[0], j[1], j[-1], j[1][1], j['1'], j[9] FROM js ORDER BY id;
SELECT id, j[k], j[n], j[k][n] FROM js ORDER BY id;
SELECT id FROM js WHERE j['a']['b'][0] = '1' ORDER BY id;
SELECT (j['a']).b FROM js;
SELECT ('{"a": [1, 2]}'::jsonb)['a'][1], (jsonb '[1, 2]')[1::smallint], (jsonb '[1, 2]')[NULL];
SELECT j['a'] ->> 'b', (j -> 'a')['b'] FROM js WHERE id = 1;
SELECT (jsonb '{"a": 1}')[1:2];
SELECT (jsonb '{"a": 1}')['a':];
SELECT (jsonb '{"a": 1}')[1.5];
SELECT (jsonb '{"a": 1}')[true];
SELECT (json '{"a": 1}')['a'];
SELECT (1)[1];
SELECT j[nope] FROM js;
SELECT jsonb_typeof(j['a']['b']) AS t, count(*) FROM js GROUP BY 1 ORDER BY 1;
PREPARE p (text, int) AS SELECT j[$1]['b'][$2] FROM js WHERE id = 1;
EXECUTE p ('a', 1);
SELECT interval '178956971 years';
SELECT interval '-178956971 years';
SELECT interval '1 year 2147483647 months';
-- a jsonb value without parts is its own item 0, for -> alone
select '12.5'::jsonb -> 0, '12.5'::jsonb ->> -1, '"s"'::jsonb ->> 0, '"s"'::jsonb -> 1, 'null'::jsonb ->> 0, '{"a":1}'::jsonb -> 0;
select '12.5'::json -> 0, '12.5'::jsonb #> '{0}', ('12.5'::jsonb)[0];
