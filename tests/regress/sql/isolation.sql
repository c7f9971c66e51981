-- Two sessions: locks, what others see, REPEATABLE READ, deadlocks, DDL beside DML.
create table iso (id int primary key, n int);
insert into iso values (1, 0), (2, 0), (3, 0);
create table iso2 (id int, n int);
insert into iso2 values (1, 0);
-- no dirty reads; a commit is seen at once in READ COMMITTED
begin;
insert into iso values (4, 4);
update iso set n = 100 where id = 1;
\session b
select * from iso order by id;
begin;
select count(*) from iso;
\session main
commit;
\session b
select count(*), sum(n) from iso;
commit;
-- lost updates: the second waits and works on what the first wrote
\session main
begin;
update iso set n = n + 1 where id = 1;
\session b
\later
update iso set n = n + 10 where id = 1 returning n;
\session main
select n from iso where id = 1;
commit;
\wait b
select n from iso where id = 1;
-- ... or on what was there before, if the first rolls back
begin;
update iso set n = 0 where id = 1;
\session b
\later
update iso set n = n + 1 where id = 1 returning n;
\session main
rollback;
\wait b
-- REPEATABLE READ: one picture; a change under it is refused
\session b
begin isolation level repeatable read;
select n from iso where id = 1;
\session main
update iso set n = 7 where id = 1;
insert into iso values (5, 5);
delete from iso where id = 2;
\session b
select * from iso order by id;
update iso set n = n + 1 where id = 1;
rollback;
select * from iso order by id;
-- own writes are seen in it
begin isolation level repeatable read;
select count(*) from iso;
\session main
insert into iso2 values (2, 2);
\session b
insert into iso2 values (3, 3);
select * from iso2 order by id;
commit;
select * from iso2 order by id;
-- savepoints keep locks only of what stays
\session main
begin;
savepoint s;
update iso set n = 1 where id = 3;
rollback to s;
\session b
update iso2 set n = 5 where id = 1;
\session main
commit;
-- LOCK, NOWAIT, lock_timeout, statement_timeout
begin;
lock table iso in exclusive mode;
\session b
begin;
lock table iso in exclusive mode nowait;
rollback;
set lock_timeout = '100ms';
update iso set n = 0;
reset lock_timeout;
set statement_timeout = '100ms';
update iso set n = 0;
reset statement_timeout;
select count(*) from iso;
\session main
commit;
-- a deadlock is found
begin;
lock table iso in exclusive mode;
\session b
begin;
lock table iso2 in exclusive mode;
\session main
\later
lock table iso2 in exclusive mode;
\session b
lock table iso in exclusive mode;
rollback;
\wait main
\session main
rollback;
-- two inserts of one key: the second waits
begin;
insert into iso values (50, 1);
\session b
\later
insert into iso values (50, 2);
\session main
commit;
\wait b
begin;
insert into iso values (51, 1);
\session b
\later
insert into iso values (51, 2) on conflict (id) do update set n = excluded.n returning n;
\session main
rollback;
\wait b
-- DDL of a transaction is not seen outside of it
begin;
create table made_in_txn (a int);
\session b
select * from made_in_txn;
\session main
rollback;
-- a cursor keeps its picture
begin;
declare c cursor for select id, n from iso order by id;
fetch 1 from c;
\session b
delete from iso where id > 1;
\session main
fetch all from c;
select count(*) from iso;
commit;
-- a prepared plan follows what others do
prepare p as select * from iso2 order by id;
execute p;
\session b
insert into iso2 values (9, 9);
\session main
execute p;
\session b
alter table iso2 add column x int;
\session main
execute p;
deallocate p;
\session b
drop table iso, iso2;
\session main
select * from iso;
