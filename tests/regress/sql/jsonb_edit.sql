-- jsonb changed, compared
SELECT jsonb_set('{"a": {"b": 1}}', '{a,b}', '2'), jsonb_set('{"a": 1}', '{b}', '2'), jsonb_set('{"a": 1}', '{b}', '2', false), jsonb_set('[1, 2, 3]', '{1}', '9'), jsonb_set('[1, 2, 3]', '{-1}', '9');
SELECT jsonb_set('[1]', '{5}', '9'), jsonb_set('[1]', '{-5}', '9'), jsonb_set('[]', '{0}', '9'), jsonb_set('{"a": [{"b": 1}]}', '{a,0,b}', '"x"'), jsonb_set('{"a": 1}', '{a}', NULL), jsonb_set('{}', '{a,b}', '1'), jsonb_set('{"a": 1}', '{}', '1');
SELECT jsonb_set('[1]', '{a}', '1');
SELECT jsonb_set('1', '{a}', '1');
SELECT jsonb_set('{"a": 1}', ARRAY[NULL]::text[], '1');
SELECT jsonb_set_lax('{"a": 1}', '{a}', NULL), jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'return_target'), jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'delete_key');
SELECT jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'raise_exception');
SELECT jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'nosuch');
SELECT jsonb_insert('{"a": [0, 1, 2]}', '{a,1}', '"new"'), jsonb_insert('{"a": [0, 1, 2]}', '{a,1}', '"new"', true), jsonb_insert('{"a": 1}', '{b}', '2'), jsonb_insert('[1, 2]', '{-1}', '9'), jsonb_insert('[1, 2]', '{-1}', '9', true), jsonb_insert('[1, 2]', '{9}', '9');
SELECT jsonb_insert('{"a": 1}', '{a}', '2');
SELECT '{"a": {"b": 1, "c": 2}}'::jsonb #- '{a,b}', '[1, [2, 3]]'::jsonb #- '{1,0}', '{"a": 1}'::jsonb #- '{}', '[1, 2]'::jsonb #- '{-1}', '{"a": 1}'::jsonb #- '{b}';
SELECT '1'::jsonb #- '{a}';
SELECT '{"a": 1, "b": 2, "c": 3}'::jsonb - ARRAY['a', 'c'], '["a", "b", 1]'::jsonb - ARRAY['a', 'x'];
SELECT jsonb_strip_nulls('{"a": null, "b": [null, {"c": null}]}'), json_strip_nulls('{"a": null, "b": [null, {"c": null}]}');
SELECT json_object('{a,1,b,2}'), json_object('{{a,1},{b,2}}'), json_object('{a,b}', '{1,2}'), jsonb_object('{a,1,b,2}'), jsonb_object('{a,b}', '{1,NULL}'), json_object('{}');
SELECT json_object('{a,b,c}');
SELECT json_object('{a,b}', '{1}');
SELECT json_object('{a,NULL}', '{1,2}');
SELECT jsonb_build_object(true, 1, 2, 'x');
-- numbers are equal by value, containers are ordered by length first
SELECT '{"a": 1}'::jsonb = '{"a": 1.0}', '[1.0]'::jsonb @> '[1]', '[1, 2]'::jsonb < '[1, 3]', '[9]'::jsonb < '[1, 2]', '{"a": 1, "b": 1}'::jsonb > '{"c": 1}', '[]'::jsonb < 'null', '{}'::jsonb > '[]';
SELECT x FROM (VALUES ('1'::jsonb), ('"a"'), ('null'), ('true'), ('false'), ('[]'), ('{}'), ('[1]'), ('{"a": 1}'), ('2'), ('10'), ('"B"'), ('[0, 1]')) v (x) ORDER BY x;
SELECT count(*), min(n), max(n) FROM (SELECT x, count(*) AS n FROM (VALUES ('{"a": 1}'::jsonb), ('{"a": 1.0}'), ('{"a": 1.00}'), ('{"a": 2}')) v (x) GROUP BY x) g;
SELECT * FROM jsonb_array_elements('[1, "a", null]');
SELECT * FROM json_array_elements_text('[1, "a", null]') WITH ORDINALITY;
