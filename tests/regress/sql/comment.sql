-- COMMENT ON what there is, and where it is read
CREATE SCHEMA cs;
CREATE TABLE cs.t (id int PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0));
CREATE INDEX t_n ON cs.t (n);
CREATE VIEW cs.v AS SELECT id FROM cs.t;
CREATE SEQUENCE cs.q;
CREATE ROLE cr;
COMMENT ON SCHEMA cs IS 'a schema';
COMMENT ON TABLE cs.t IS 'a table';
COMMENT ON COLUMN cs.t.n IS 'a column';
COMMENT ON CONSTRAINT positive ON cs.t IS 'a condition';
COMMENT ON CONSTRAINT t_pkey ON cs.t IS 'a key';
COMMENT ON INDEX cs.t_n IS 'an index';
COMMENT ON VIEW cs.v IS 'a view';
COMMENT ON COLUMN cs.v.id IS 'of a view';
COMMENT ON SEQUENCE cs.q IS 'a sequence';
COMMENT ON ROLE cr IS 'a role';
COMMENT ON DATABASE skulk IS 'a database';
SELECT obj_description('cs'::regnamespace, 'pg_namespace'), obj_description('cs.t'::regclass, 'pg_class'),
  obj_description('cs.t_n'::regclass, 'pg_class'), col_description('cs.t'::regclass, 2),
  obj_description('cs.v'::regclass), obj_description('cs.q'::regclass, 'pg_class');
SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = 'cs.t'::regclass ORDER BY 1;
SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'cr';
SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database();
SELECT classoid::regclass, objsubid, description FROM pg_description
 WHERE description LIKE 'a %' OR description LIKE 'an %' OR description LIKE 'of %' ORDER BY description COLLATE "C";
SELECT classoid::regclass, description FROM pg_shdescription WHERE description LIKE 'a %' ORDER BY description;
\restart
-- it stays, is replaced, and taken back
SELECT obj_description('cs'::regnamespace, 'pg_namespace'), obj_description('cs.t_n'::regclass, 'pg_class');
COMMENT ON SCHEMA cs IS 'another';
COMMENT ON INDEX cs.t_n IS NULL;
COMMENT ON CONSTRAINT t_pkey ON cs.t IS '';
SELECT classoid::regclass, description FROM pg_description WHERE description IN ('another', 'an index', 'a key');
BEGIN;
COMMENT ON SCHEMA cs IS 'for a while';
SELECT obj_description('cs'::regnamespace, 'pg_namespace');
ROLLBACK;
SELECT obj_description('cs'::regnamespace, 'pg_namespace');
-- what is not there, or something else
COMMENT ON SCHEMA nope IS 'x';
COMMENT ON TABLE nope IS 'x';
COMMENT ON TABLE cs.v IS 'x';
COMMENT ON VIEW cs.t IS 'x';
COMMENT ON SEQUENCE cs.t IS 'x';
COMMENT ON INDEX cs.t IS 'x';
COMMENT ON INDEX cs.nope IS 'x';
COMMENT ON COLUMN cs.t.nope IS 'x';
COMMENT ON CONSTRAINT nope ON cs.t IS 'x';
COMMENT ON CONSTRAINT nope ON cs.nope IS 'x';
COMMENT ON ROLE nope IS 'x';
COMMENT ON DATABASE nope IS 'x';
COMMENT ON EXTENSION nope IS 'x';
-- only for the owner
GRANT USAGE ON SCHEMA cs TO cr;
SET ROLE cr;
COMMENT ON SCHEMA cs IS 'x';
COMMENT ON TABLE cs.t IS 'x';
COMMENT ON INDEX cs.t_n IS 'x';
COMMENT ON CONSTRAINT positive ON cs.t IS 'x';
COMMENT ON DATABASE skulk IS 'x';
COMMENT ON ROLE cr IS 'x';
RESET ROLE;
-- what is dropped takes its comment with it
REVOKE ALL ON SCHEMA cs FROM cr;
DROP ROLE cr;
DROP SCHEMA cs CASCADE;
COMMENT ON DATABASE skulk IS NULL;
SELECT count(*) FROM pg_shdescription WHERE description LIKE 'a %';
SELECT count(*) FROM pg_description WHERE description IN ('another', 'a condition');
