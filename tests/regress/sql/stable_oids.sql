-- numbers of things outlive a restart, and are not given twice
CREATE SCHEMA so;
CREATE TABLE so.t (id int PRIMARY KEY, n int CHECK (n > 0) DEFAULT 3);
CREATE VIEW so.v AS SELECT id FROM so.t;
CREATE SEQUENCE so.q;
CREATE ROLE so_role;
CREATE TABLE so.seen (what text, oid oid);
CREATE VIEW so.things AS SELECT 'class ' || relname AS what, oid FROM pg_class WHERE relname NOT IN ('seen', 'things') UNION ALL
  SELECT 'type ' || typname, oid FROM pg_type WHERE typname NOT IN ('_seen', 'seen', '_things', 'things') UNION ALL
  SELECT 'namespace ' || nspname, oid FROM pg_namespace UNION ALL
  SELECT 'constraint ' || conname, oid FROM pg_constraint UNION ALL
  SELECT 'default ' || adrelid::regclass, oid FROM pg_attrdef UNION ALL
  SELECT 'role ' || rolname, oid FROM pg_roles UNION ALL
  SELECT 'database ' || datname, oid FROM pg_database UNION ALL
  SELECT 'function ' || proname || ' ' || proargtypes::text, oid FROM pg_proc;
WITH w AS (INSERT INTO so.seen SELECT what, oid FROM so.things RETURNING 1) SELECT count(*) > 500 AS many FROM w;
\restart
SELECT s.what FROM so.seen s LEFT JOIN so.things n ON n.what = s.what AND n.oid = s.oid WHERE n.oid IS NULL ORDER BY 1;
SELECT count(*) = count(DISTINCT (split_part(what, ' ', 1), oid)) AS single FROM so.seen;
DROP VIEW so.v;
DROP TABLE so.t;
CREATE TABLE so.t (id int PRIMARY KEY, n int CHECK (n > 0) DEFAULT 3);
CREATE VIEW so.v AS SELECT id FROM so.t;
SELECT c.relname FROM pg_class c JOIN so.seen s ON s.oid = c.oid WHERE c.relname IN ('t', 'v', 't_pkey');
INSERT INTO so.t VALUES (1, 1), (2, 2);
SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'so' AND relname = 't';
-- what reads what, who may use what
SELECT view_name, table_name FROM information_schema.view_table_usage WHERE view_schema = 'so';
GRANT USAGE ON SEQUENCE so.q TO so_role;
SELECT grantee, object_name, object_type, privilege_type, is_grantable FROM information_schema.usage_privileges
 WHERE object_schema = 'so' AND object_type = 'SEQUENCE' ORDER BY 1;
SELECT 'trigger'::regtype::oid, 'pg_catalog.event_trigger'::regtype, format_type(2281, -1);
DROP VIEW so.things;
DROP SCHEMA so CASCADE;
DROP ROLE so_role;
