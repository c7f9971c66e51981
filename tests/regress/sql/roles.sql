-- roles, memberships, grants; SET ROLE shows what each may do
CREATE TABLE rt (time timestamptz NOT NULL, host text TAG, v float8);
INSERT INTO rt VALUES ('2026-01-01', 'a', 1);
CREATE TABLE rsecret (a int);
CREATE VIEW rv AS SELECT a FROM rsecret;
CREATE ROLE r_readers;
CREATE USER r_ann PASSWORD 'x' IN ROLE r_readers;
CREATE ROLE r_bob LOGIN NOINHERIT CONNECTION LIMIT 2 VALID UNTIL '2030-01-01 00:00:00+00';
GRANT r_readers TO r_bob;
GRANT SELECT ON rt, rv TO r_readers;
GRANT INSERT, UPDATE ON rt TO r_bob WITH GRANT OPTION;
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit, rolvaliduntil
  FROM pg_roles WHERE rolname LIKE 'r\_%' ORDER BY 1;
SELECT r.rolname, m.rolname AS member, admin_option FROM pg_auth_members a
  JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member ORDER BY 1, 2;
SELECT relname, relacl FROM pg_class WHERE relname IN ('rt', 'rv', 'rsecret') ORDER BY 1;
-- what a password becomes
SELECT rolpassword LIKE 'SCRAM-SHA-256$4096:%$%:%' AS scram FROM pg_authid WHERE rolname = 'r_ann';
ALTER ROLE r_ann PASSWORD NULL;
SELECT rolpassword FROM pg_authid WHERE rolname = 'r_ann';
ALTER ROLE r_ann PASSWORD 'md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
-- a reader
SET ROLE r_ann;
SHOW is_superuser;
SELECT current_user, current_setting('role');
SELECT v FROM rt;
SELECT * FROM rv;
SELECT * FROM rsecret;
SELECT * FROM rt JOIN rsecret ON true;
INSERT INTO rt VALUES ('2026-01-02', 'b', 2);
UPDATE rt SET v = 2;
DELETE FROM rt;
TRUNCATE rt;
COPY rt FROM STDIN;
ALTER TABLE rt ADD COLUMN w int;
DROP TABLE rt;
CREATE TABLE rmine (a int);
CREATE SCHEMA rs;
CREATE DATABASE rd;
CREATE ROLE r_more;
ALTER ROLE r_bob SUPERUSER;
GRANT SELECT ON rt TO r_bob;
GRANT r_readers TO r_bob;
DROP ROLE r_bob;
SELECT rolpassword FROM pg_authid;
EXPLAIN SELECT * FROM rsecret;
SELECT count(*) FROM promql('rt_v');
BACKUP TO '/tmp/nowhere';
CHECKPOINT;
RESET ROLE;
SHOW is_superuser;
BEGIN;
SET ROLE r_ann;
ROLLBACK;
SHOW is_superuser;
-- without INHERIT the rights of the role come with SET ROLE only
SET ROLE r_bob;
SELECT v FROM rt;
INSERT INTO rt VALUES ('2026-01-03', 'b', 3);
INSERT INTO rt VALUES ('2026-01-03', 'c', 3) RETURNING v;
UPDATE rt SET v = 4;
UPDATE rt SET v = 5 WHERE host = 'a';
GRANT INSERT ON rt TO r_ann;
GRANT DELETE ON rt TO r_ann;
RESET ROLE;
REVOKE GRANT OPTION FOR INSERT ON rt FROM r_bob;
SELECT relacl FROM pg_class WHERE relname = 'rt';
SELECT has_table_privilege('r_ann', 'rt', 'SELECT'), has_table_privilege('r_ann', 'rt', 'DELETE'),
       has_table_privilege('r_bob', 'rt', 'INSERT'), has_table_privilege('r_ann', 'rt', 'FOO');
SELECT pg_has_role('r_ann', 'r_readers', 'MEMBER'), has_schema_privilege('r_ann', 'public', 'CREATE'),
       has_database_privilege('r_ann', 'skulk', 'CONNECT');
-- who makes something owns it
GRANT CREATE ON SCHEMA public TO r_bob;
SET ROLE r_bob;
CREATE TABLE rmine (a int);
INSERT INTO rmine VALUES (1);
GRANT SELECT ON rmine TO r_ann;
RESET ROLE;
SELECT pg_get_userbyid(relowner), relacl FROM pg_class WHERE relname = 'rmine';
TRUNCATE rmine;
SELECT pg_get_userbyid(relowner), relacl FROM pg_class WHERE relname = 'rmine';
DROP ROLE r_bob;
-- a role with every reading right
GRANT pg_read_all_data TO r_ann;
SET ROLE r_ann;
SELECT count(*) FROM rsecret;
SELECT count(*) FROM promql('rt_v');
RESET ROLE;
-- PUBLIC
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT nspacl FROM pg_namespace WHERE nspname = 'public';
GRANT USAGE ON SCHEMA public TO PUBLIC;
-- words that do not fit
CREATE ROLE r_readers;
CREATE ROLE pg_mine;
CREATE ROLE public;
CREATE ROLE r_x SUPERUSER NOSUPERUSER;
CREATE ROLE r_x FOO;
GRANT FOO ON rt TO r_ann;
GRANT USAGE ON TABLE rt TO r_ann;
GRANT SELECT (v) ON rt TO r_ann;
GRANT SELECT ON rnone TO r_ann;
GRANT SELECT ON rt TO r_none;
GRANT r_ann TO r_readers;
DROP ROLE skulk;
DROP ROLE r_none;
DROP ROLE IF EXISTS r_none;
ALTER ROLE r_none LOGIN;
SET ROLE r_none;
-- in a transaction
BEGIN;
CREATE ROLE r_gone;
ROLLBACK;
DROP ROLE r_gone;
-- the end
DROP VIEW rv;
DROP TABLE rt, rsecret, rmine;
REVOKE CREATE ON SCHEMA public FROM r_bob;
ALTER ROLE r_ann RENAME TO r_anna;
DROP ROLE r_anna, r_bob, r_readers;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'r\_%';
-- CREATEROLE does not lead to a superuser
CREATE ROLE role_maker CREATEROLE;
CREATE ROLE role_root SUPERUSER;
SET ROLE role_maker;
CREATE ROLE role_in IN ROLE role_root;
CREATE ROLE role_in IN GROUP role_root;
CREATE ROLE role_in REPLICATION;
CREATE ROLE role_in BYPASSRLS;
CREATE ROLE role_in NOREPLICATION IN ROLE role_maker;
CREATE ROLE role_in NOREPLICATION IN ROLE pg_monitor;
ALTER ROLE role_in REPLICATION;
ALTER ROLE role_in NOBYPASSRLS;
ALTER ROLE role_root PASSWORD 'x';
ALTER ROLE role_root RENAME TO role_boot;
ALTER ROLE pg_monitor LOGIN;
DROP ROLE role_root;
DROP ROLE role_in;
RESET ROLE;
DROP ROLE role_maker;
DROP ROLE role_root;
