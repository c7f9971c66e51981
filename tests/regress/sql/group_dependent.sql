-- Columns that depend on a grouped primary key (SQL:1999 T301).
create table fd (k int primary key, v int, w text);
create table fe (a int, b int, v int, primary key (b, a));
insert into fd values (1, 10, 'x'), (2, 10, 'y'), (3, null, 'z');
insert into fe values (1, 1, 5), (1, 2, 6), (2, 1, 7), (9, 9, 9);
select k, v from fd group by k order by k;
select v, w, count(*) from fd group by k order by k;
select v from fd group by k having v > 1 order by 1;
select k, (select v) from fd group by k order by k;
select k, upper(w) || v, sum(v) over (order by w desc) from fd group by k order by w;
select v from fd group by v, k order by 1;
select v from fd group by w;
select fd.*, count(fe.a), sum(fe.v) from fd left join fe on fe.b = fd.k group by fd.k order by fd.k;
select fe.a, fe.b, fe.v, count(*) from fe join fd on fd.k = fe.a group by fe.b, fe.a order by 1, 2;
select fe.a, fe.v from fe group by fe.a;
select fd.v, fe.v from fd join fe on fe.a = fd.k group by fd.k;
select k, v, count(*) from fd group by grouping sets ((k), ());
select k, v, count(*) from fd group by grouping sets ((k, w), (k)) order by 1, 2, 3, w;
select k, v, grouping(k) from fd group by rollup (k);
select x.v from (select * from fd) x group by x.k;
select array_agg(fe.v order by fe.v), v from fd f join fe using (v) group by v;
select f.w, (select count(*) from fe where fe.a = f.v - 9) from fd f group by f.k order by 1;
select distinct v from fd group by k order by v;
create view fv as select k, v, count(*) c from fd group by k;
select * from fv order by k;
prepare p(int) as select w from fd where k > $1 group by k order by w;
execute p(1);
drop view fv;
drop table fd, fe;
-- in locf(), interpolate() and direct arguments
create table fh (k int primary key, p float8, v int);
insert into fh values (1, 0.5, 10), (2, 0.25, 20);
select k, percentile_cont(p) within group (order by i) from fh, generate_series(1, 9) i group by k order by k;
select k, rank(v) within group (order by i) from fh, generate_series(1, 30) i group by k order by k;
select percentile_cont(p) within group (order by v) from fh;
select time_bucket_gapfill('1 hour', t, '2026-01-01 00:00+00', '2026-01-01 03:00+00') as b, k,
  locf(max(p + v)), locf(max(p), v::float8) from fh, (values (timestamptz '2026-01-01 01:00+00')) x(t) group by k, b order by k, b;
drop table fh;
