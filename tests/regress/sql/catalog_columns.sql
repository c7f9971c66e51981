-- Every relation of the two catalogs with its columns, as PostgreSQL 15 has them.
SELECT n.nspname, c.relname, c.relkind,
       string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN '!' ELSE '' END, ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v')
GROUP BY 1, 2, 3 ORDER BY 1, 2;
-- and the same told by information_schema
SELECT table_name, count(*), sum(ordinal_position), count(column_default), min(is_nullable), string_agg(DISTINCT data_type::text, ' ' ORDER BY data_type::text),
       string_agg(DISTINCT udt_name::text, ' ' ORDER BY udt_name::text), string_agg(DISTINCT domain_name::text, ' ' ORDER BY domain_name::text)
FROM information_schema.columns WHERE table_schema = 'information_schema' GROUP BY 1 ORDER BY 1;
-- the types that only these have
SELECT oid, typname, typnamespace::regnamespace, typlen, typbyval, typtype, typcategory, typelem, typarray, typalign, typbasetype, typtypmod, typcollation
FROM pg_type WHERE typname ~ '^_?(cardinal_number|character_data|sql_identifier|time_stamp|yes_or_no|inet|pg_lsn)$' ORDER BY oid;
SELECT * FROM information_schema.domains ORDER BY domain_name;
-- oids of the catalogs themselves
SELECT oid, relname FROM pg_class WHERE oid < 10000 AND relkind = 'r' AND relnamespace = 11 ORDER BY oid;
-- views over views
SELECT usename, usecreatedb, usesuper, passwd FROM pg_user WHERE usename = current_user;
SELECT groname FROM pg_group ORDER BY 1;
SELECT catalog_name = current_database() AS here FROM information_schema.information_schema_catalog_name;
CREATE TABLE granted (a int);
CREATE VIEW seen AS SELECT a FROM granted;
CREATE ROLE catalog_reader;
SELECT grantee = current_user AS mine, privilege_type, is_grantable, with_hierarchy FROM information_schema.table_privileges WHERE table_name = 'granted' ORDER BY 1, 2;
GRANT SELECT, INSERT ON granted TO catalog_reader;
GRANT SELECT ON granted TO PUBLIC;
SELECT grantor = current_user AS by_me, CASE WHEN grantee = current_user THEN 'owner' ELSE grantee END AS grantee, privilege_type, is_grantable FROM information_schema.table_privileges WHERE table_name = 'granted' ORDER BY 2, 3;
SELECT CASE WHEN grantee = current_user THEN 'owner' ELSE grantee END AS grantee, count(*) FROM information_schema.role_table_grants WHERE table_name = 'granted' GROUP BY 1 ORDER BY 1;
SELECT table_name, check_option, is_updatable FROM information_schema.views WHERE table_schema = 'public';
SELECT grantee::regrole = current_user::regrole AS mine, privilege_type, is_grantable FROM aclexplode(acldefault('r', current_user::regrole::oid)) ORDER BY 2;
SELECT count(*) FROM aclexplode(NULL);
DROP VIEW seen;
DROP TABLE granted;
DROP ROLE catalog_reader;
SELECT extname, extrelocatable FROM pg_extension WHERE extname IN ('skulk', 'timescaledb') ORDER BY 1;
