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
-- A year of four places is what it says; shorter fields mean the years around 2020.
select to_timestamp('2','YYYY-MM-DD'), to_date('12','YYYY'), to_date('123','YYYY'), to_date('2','FMYYYY'), to_date('12 BC','YYYY BC');
select to_date('1','YYY'), to_date('519','YYY'), to_date('520','YYY'), to_date('1999','YYY'), to_date('69','YY'), to_date('70','YY'), to_date('123','YY'), to_date('9','Y'), to_date('020101','YYMMDD');
-- Calendar words of intervals count from their year and month.
select f, to_char(i, f) from (values (1, interval '1 year 2 mons 3 days'), (2, '0'), (3, '-1 year -2 mons -3 days'), (4, '400 days'), (5, '-400 days'), (6, '2000 years')) v(n, i), (values ('IDDD'), ('DDD'), ('WW'), ('IW'), ('FMIW'), ('IYYY'), ('IYY'), ('IY'), ('I'), ('J'), ('Q')) w(f) order by n, f collate "C";
select to_char(d, 'IYYY IYY IY I IDDD IW WW J') from (values (timestamp '0044-03-15 BC'), ('2024-12-31'), ('2021-01-01'), ('12345-06-07')) v(d);
-- Years BC in JSON.
select to_jsonb('0001-12-31 BC'::date), json_build_array('0001-12-31 BC'::date, '0044-03-15 10:11:12.5 BC'::timestamp), to_json('0044-03-15 BC'::timestamptz), to_json('-infinity'::timestamptz);
