-- INTERVAL with fields and precision.
select interval '1' day, interval '1 2' day to hour, interval '1:02' minute to second, interval '1.5' second(1), interval(2) '1.2345 s', interval '1-2' year to month;
select interval '1 2:03' day to minute, interval '1 2:03:04' day to second, interval '12:34' hour to minute, interval '1' year, interval '1' month, interval '1' hour, interval '1' minute, interval '1' second;
select interval '1 day 2 hours' day, interval '25 hours' day, interval '1 year 2 months 3 days' year, interval '1 2' hour to minute, interval '12:34:56' hour to minute;
select '1 2'::interval day to hour, '1.2345'::interval second(2), '10'::interval minute;
select cast('1 day 2:03:04.567' as interval day to minute), ('1 day 2:03:04.567'::interval)::interval hour;
select interval '1 day 2:03:04.567' second(1), '1 day 2:03:04.567'::interval(1);
create table ivt (a interval day to second(2), b interval year to month, c interval(3), d interval hour);
insert into ivt values ('1 day 2:03:04.567', '3 years 4 months 5 days', '1.23456 s', '3:45');
select * from ivt;
select column_name, data_type, interval_type, datetime_precision from information_schema.columns where table_name='ivt' order by 1;
select format_type(atttypid, atttypmod) from pg_attribute where attrelid='ivt'::regclass and attnum>0 order by attnum;
drop table ivt;
-- an interval is no day of the calendar
select to_char(interval '1 day', 'HH24 TZ');
select to_char(interval '1 mon', 'FMMonth');
select to_char(interval '1 day', 'Dy');
select to_char(interval '-14 months', 'RM'), to_char(interval '1 year', 'rm'), to_char(interval '230 years', 'CC'), to_char(interval '0', 'RM|');
SELECT format_type(1186, 65535), format_type(1186, 5), format_type(1186, 2147483647);
