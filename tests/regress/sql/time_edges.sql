-- Buckets at both ends of the range of times.
select time_bucket('1 hour', timestamptz '1677-09-21 00:30:00+00');
select time_bucket('1 day', timestamptz '1677-09-21 00:30:00+00');
select time_bucket('1 year', timestamptz '1677-09-21 00:30:00+00');
create table tbm (ts timestamptz not null, h text tag, v float8);
insert into tbm values ('1677-09-21 00:12:44', 'a', 1), ('1677-09-21 00:30:00', 'a', 2), ('1677-09-21 02:30:00', 'a', 3), ('2262-04-11 23:47:16', 'a', 4);
select time_bucket('1 hour', ts) b, count(*) from tbm group by b order by b;
select time_bucket('1 day', ts) b, h, sum(v) from tbm group by b, h order by b;
select time_bucket('1 hour', ts), v from tbm order by v;
select time_bucket('1 month', ts) b, sum(v) from tbm group by b order by b;
select date_bin('1 hour', ts, '2000-01-01') b, sum(v) from tbm group by b order by b;
select date_trunc('hour', ts) b, sum(v) from tbm group by b order by b;
select time_bucket('1 hour', ts, 'Europe/Berlin') b, sum(v) from tbm group by b order by b;
select time_bucket_gapfill('1 hour', ts) b, sum(v) from tbm where ts >= '1677-09-21 00:20' and ts < '1677-09-21 04:00' group by b order by b;
drop table tbm;
