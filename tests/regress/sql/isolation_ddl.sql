-- Two sessions: what DDL of the one does to transactions of the other. PostgreSQL would let it wait.
create table other (a int);
create table gone (id int, n int);
insert into gone values (1, 1), (2, 2);
create table gone_too (ts timestamptz not null, host text, v int);
insert into gone_too values ('2026-01-01', 'a', 1), ('2026-01-02', 'b', 2);
checkpoint;
\session b
begin isolation level repeatable read;
select count(*) from gone;
\session main
truncate gone;
drop table gone_too;
insert into gone values (7, 7);
\session b
select * from gone order by id;
select host, v from gone_too order by v;
insert into other values (77);
select * from other;
select * from gone order by id;
commit;
select * from gone order by id;
select * from gone_too;
drop table gone;
\session main
-- rows of an open transaction and DDL of others
create table grows (a int, b int);
begin;
insert into grows values (1, 1);
\session b
alter table grows drop column b;
\session main
select * from grows;
insert into grows values (2);
commit;
select * from grows;
begin;
insert into grows values (3);
\session b
drop table grows;
\session main
insert into grows values (4);
rollback;
-- a table made in a REPEATABLE READ transaction
begin isolation level repeatable read;
select count(*) from other;
create table mine (a int);
insert into mine values (1);
select * from mine;
\session b
create table theirs (a int);
select * from mine;
\session main
commit;
select * from theirs;
drop table mine, theirs, other;
