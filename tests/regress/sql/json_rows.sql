-- Functions on JSON as rows.
select json_each('{"a":1,"b":null}'), json_each_text('{"a":1,"b":null}'), json_object_keys('{"a":1,"b":2}'), json_array_elements('[1,[2]]'), json_array_elements_text('[1,null]');
select jsonb_each(j) from (values ('{"a":1,"b":[2]}'::jsonb), (null), ('{}')) v(j);
select k, jsonb_each_text(j) from (values (1, '{"a":1,"b":[2]}'::jsonb), (2, '{"c":null}')) v(k, j) order by 1;
select json_each('{"a":1}')::text;
select count(*) from (select jsonb_each('{"a":1,"b":2}')) x;
select pg_typeof(json_each('{"a":1}'));
select row_to_json(x) from (select json_each('{"a":1}')) x;
select json_each(null);
select * from (select jsonb_each('{"a":1,"b":2}') e) x order by e desc;
select x from json_each('{"a":1}') x;
