-- FOR UPDATE takes the write lock of the tables in FROM
create table fu (id int primary key, s text);
insert into fu values (1, 'a'), (2, 'b');
begin;
select * from fu where id = 1 for update;
select * from fu order by id for share nowait;
select * from fu order by id limit 1 for update skip locked;
commit;
select count(*) from fu for update;
select distinct s from fu for update;
select s from fu group by s for update;
select 1 union select 2 for update;
select 1 for update;
drop table fu;
