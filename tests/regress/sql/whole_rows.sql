-- The row of a relation is a value also where all its columns are NULL; an outer join leaves it out.
create table wr_a (id int, v text);
create table wr_b (id int, w text);
insert into wr_a values (1, 'x'), (2, null), (null, null);
insert into wr_b values (1, 'y'), (null, null);
select count(*), count(a), count(a.*) from wr_a a;
with w as (select max(v) as m from wr_a where false) select count(*), count(w), count(w.*) from w;
select a.id, b is null as absent, count(b) over () from wr_a a left join wr_b b on a.id = b.id order by a.id;
select count(a), count(b) from wr_a a full join wr_b b on a.id = b.id where a.id = 2 or b.id = 1;
select count(a), count(b) from wr_a a right join wr_b b on a.id = b.id;
select count(a), count(b) from (wr_a a join wr_b b on true);
select row_to_json(a) from wr_a a order by id;
-- where errors of types and functions point to
select case null when 12 then 'a' when 13 then 'b' end;
select coalesce(1 + id, now() - now()) from wr_a;
select v from wr_a union select (id + 1) * 2.5 < 3 from wr_b;
select greatest(now(), id * 2) from wr_a;
select (null)[3];
select extract(year from null);
select extract(epoch from id) from wr_a;
select (timestamp '2024-01-01' - timestamp '2024-01-01') at time zone 'UTC';
select pg_catalog.lower(id) from wr_a;
drop table wr_a, wr_b;
