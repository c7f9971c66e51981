-- The newest row of each series, which is remembered beside the directory of its file: each type, NULLs, long texts.
create table last_row (time timestamptz not null, host text, s text, long text, b bool, i int, f float8, n numeric, gone text, mixed text);
insert into last_row select '2026-01-01'::timestamptz + g * interval '1 second', 'h' || h, 's' || g % 7,
  repeat('long ', 10) || g, g % 2 = 0, g - h, g / 8.0, g / 10.0, case when g < 100 then 'x' end,
  case when h = 1 then repeat('y', g % 40) else g::text end
  from generate_series(1, 2500) g, generate_series(1, 3) h;
insert into last_row select '2026-01-02'::timestamptz, 'h2', null, null, null, null, null, null, null, '';
insert into last_row values ('2026-01-02', 'h3', '', 'exactly twenty bytes', false, -1, 'NaN', 1e30, 'ü', 'twenty-one bytes long');
checkpoint;
select distinct on (host) * from last_row order by host, time desc;
select distinct on (host) * from last_row order by host, time desc;
select distinct on (host) host, mixed, gone, b from last_row order by host, time desc;
select distinct on (host) host, time, s, i from last_row where i < 1000 order by host, time desc;
select distinct on (host) host, time, long from last_row where time < '2026-01-01 00:30' order by host, time desc;
insert into last_row (time, host, f) values ('2026-01-03', 'h1', 5);
select distinct on (host) * from last_row order by host, time desc;
delete from last_row where time >= '2026-01-02';
select distinct on (host) * from last_row order by host, time desc;
drop table last_row;
