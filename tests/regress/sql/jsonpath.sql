-- paths
SELECT jsonb_path_query_array('{"a": [1, 2, 3, 4]}', '$.a[*] ? (@ > 2)'), jsonb_path_query_first('{"a": [1, 2]}', '$.a[*]'), jsonb_path_exists('{"a": [1, 2, 3]}', '$.a[*] ? (@ > 2)'), jsonb_path_match('{"a": [1, 2, 3]}', 'exists($.a[*] ? (@ >= 3))');
SELECT * FROM jsonb_path_query('{"a": [{"b": 1}, {"b": 2}, {"c": 3}]}', '$.a[*].b');
SELECT '{"a": [1, 2]}'::jsonb @? '$.a[*] ? (@ > 1)', '{"a": [1, 2]}'::jsonb @? '$.a[*] ? (@ > 2)', '{"a": [1, 2]}'::jsonb @@ '$.a[*] > 1', '{"a": [1, 2]}'::jsonb @@ '$.a', '{}'::jsonb @? 'strict $.a';
SELECT jsonb_path_query_array('[1, 2, 3]', '$[0 to 1]'), jsonb_path_query_array('[1, 2, 3]', '$[last]'), jsonb_path_query_array('[1, 2, 3]', '$[last - 1, 0]'), jsonb_path_query_array('[1, 2, 3]', '$[5]'), jsonb_path_query_array('1', '$[0]');
SELECT jsonb_path_query_array('{"a": 1, "b": 2}', '$.*'), jsonb_path_query_array('{"a": {"b": {"c": 1}}}', '$.**.c'), jsonb_path_query_array('{"a": {"b": {"c": 1}}}', '$.**{1 to 2}'), jsonb_path_query_array('{"a": {"b": {"c": 1}}}', '$.**{last}');
SELECT jsonb_path_query_first('{"a": "x"}', '$.a.type()'), jsonb_path_query_first('[1, 2]', '$.size()'), jsonb_path_query_array('[-1.5, 2.5]', '$[*].abs()'), jsonb_path_query_array('[-1.5, 2.5]', '$.floor()'), jsonb_path_query_array('[-1.5, 2.5]', '$.ceiling()'), jsonb_path_query_first('"1.5"', '$.double()'), jsonb_path_query_array('{"a": 1}', '$.keyvalue().key');
SELECT jsonb_path_query_first('{"x": 5}', '$.x + 3 * 2'), jsonb_path_query_first('{"x": 5}', '-$.x'), jsonb_path_query_first('{"x": 5}', '($.x - 1) / 2'), jsonb_path_query_first('{"x": 5}', '$.x % 3'), jsonb_path_query_first('{}', '"a"'), jsonb_path_query_first('{}', '1.50');
SELECT jsonb_path_query_array('["abc", "Abd", "x", 1]', '$[*] ? (@ like_regex "^ab")'), jsonb_path_query_array('["abc", "Abd", "x"]', '$[*] ? (@ like_regex "^ab" flag "i")'), jsonb_path_query_array('["abc", "x"]', '$[*] ? (@ starts with "a")'), jsonb_path_query_array('["abc", "x"]', '$[*] ? (@ starts with $p)', '{"p": "x"}');
SELECT jsonb_path_query_array('[1, 5, 9]', '$[*] ? (@ > $min && @ < $max)', '{"min": 2, "max": 8}'), jsonb_path_query_array('[1, 5, 9]', '$[*] ? (@ < 2 || @ > 8)'), jsonb_path_query_array('[1, 5, 9]', '$[*] ? (!(@ == 5))'), jsonb_path_query_array('[1, "a", null, true]', '$[*] ? ((@ > 0) is unknown)'), jsonb_path_query_array('[1, null]', '$[*] ? (@ == null)'), jsonb_path_query_array('[1, null]', '$[*] ? (@ <> null)');
SELECT jsonb_path_query_array('{"a": [{"b": [1, 2]}, {"b": 3}]}', '$.a.b'), jsonb_path_query_array('{"a b": {"c": 1}}', '$."a b".c'), jsonb_path_query_array('[[1, 2], [3]]', '$[*][*]'), jsonb_path_query_array('{"a": {"x": 1, "y": 2}}', '$.a ? (@.x == 1).y'), jsonb_path_query('[1, 2]', '$[*] > 1');
-- strict and lax
SELECT jsonb_path_query('{"a": 1}', 'strict $.b');
SELECT jsonb_path_query('[1]', 'strict $.b');
SELECT jsonb_path_query('[1]', 'strict $[3]');
SELECT jsonb_path_query('1', 'strict $[*]');
SELECT jsonb_path_query('1', 'strict $.size()');
SELECT jsonb_path_query_array('{"a": 1}', 'strict $.b', '{}', true), jsonb_path_exists('{"a": 1}', 'strict $.b', '{}', true), jsonb_path_query_array('{"a": 1}', 'lax $.b');
SELECT jsonb_path_query('"a"', '$.abs()');
SELECT jsonb_path_query('{"a": "x"}', '$.a + 1');
SELECT jsonb_path_query('1', '$ / 0');
SELECT jsonb_path_query('1', '$x');
SELECT jsonb_path_query('1', '$', '[]');
SELECT jsonb_path_match('{"a": 1}', '$.a');
-- syntax
SELECT '$.a['::jsonpath;
SELECT ''::jsonpath;
SELECT '@ > 1'::jsonpath;
SELECT '$ ? (1)'::jsonpath;
SELECT 'last'::jsonpath;
SELECT jsonb_path_exists(NULL, '$'), jsonb_path_query_first('{}', '$.a');
SELECT count(*) FROM (VALUES ('{"v": 1}'::jsonb), ('{"v": 5}'), (NULL)) t (j) WHERE j @@ '$.v > 2';
