-- Expressions over large values need the memory of a few rows, not of a batch.
set skulk.query_memory = '32MB';
select sum(length(repeat('abc', 1000000 + i))) from generate_series(1, 60) i;
select max(length(replace(upper(repeat('ab', 500000)) || i, 'B', 'xy'))) from generate_series(1, 60) i;
select count(*), max(i) from generate_series(1, 60) i where reverse(repeat('x', 1000000) || i) like '1%';
select md5(string_agg(md5(repeat('x', 10000 + i)), ',' order by i)) from generate_series(1, 1500) i;
select i, length(x) from (select i, lpad(i::text, 2000000, 'ab') as x from generate_series(1, 40) i) s where x like '%9' order by repeat(i::text, 100000) limit 3;
select sum(n), max(length(w)) from (select i as n, unnest(string_to_array(repeat('a,', 50000), ',')) as w from generate_series(1, 30) i) s;
select length(upper(repeat('x', 40000) || i)) as l, count(*) from generate_series(1, 1200) i group by l order by l;
select count(distinct lower(repeat('X', 10000) || i % 7)) from generate_series(1, 3000) i;
select sum(length(case when i % 3 = 0 then repeat('z', i * 100) else i::text end)) from generate_series(1, 2500) i;
reset skulk.query_memory;
