-- What administrators and their tools ask.
SELECT txid_current() = txid_current() AS same, txid_current_if_assigned() IS NOT NULL AS has;
BEGIN;
SELECT txid_current_if_assigned();
SELECT pg_current_xact_id() > 0 AS has;
SELECT txid_current_if_assigned() = txid_current() AS kept;
ROLLBACK;
SELECT txid_current_if_assigned();
CREATE TABLE sized (time timestamptz, host text, v float8);
SELECT pg_relation_size('sized'), pg_table_size('sized'), pg_total_relation_size('sized'::regclass), pg_indexes_size('sized');
INSERT INTO sized SELECT '2024-01-01'::timestamptz + g * interval '1 s', 'h', g FROM generate_series(1, 5000) g;
CHECKPOINT;
SELECT pg_relation_size('sized') >= 0 AS known, pg_database_size(current_database()) >= pg_relation_size('sized') AS more;
SELECT pg_size_pretty(pg_total_relation_size('nope'));
SELECT pg_database_size('nope');
SELECT to_regclass('sized'), to_regclass('public.sized'), to_regclass('nope'), to_regclass('nope.sized'), to_regclass('pg_class');
SELECT to_regtype('int4'), to_regtype('double precision'), to_regtype('nope'), to_regtype('inet'), to_regnamespace('public'), to_regnamespace('nope'), to_regrole('nope');
SELECT pg_relation_is_updatable('sized', false), pg_relation_is_updatable('pg_tables'::regclass, false);
SELECT pg_opclass_is_visible(1), pg_operator_is_visible(1), row_security_active('sized'), pg_trigger_depth(), pg_jit_available(), pg_is_wal_replay_paused(), pg_blocking_pids(1);
SELECT pg_relation_filenode('sized') = 'sized'::regclass::oid AS own;
-- sessions
SELECT pg_terminate_backend(0);
SELECT pg_cancel_backend(0);
SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid();
\session other
CREATE TABLE other_pid AS SELECT pg_backend_pid() AS pid;
\session main
SELECT pg_terminate_backend(pid) FROM other_pid;
SELECT pg_sleep(0.2);
SELECT count(*) FROM pg_stat_activity WHERE pid = (SELECT pid FROM other_pid);
-- a running statement ends, too
\session third
UPDATE other_pid SET pid = pg_backend_pid();
\later
SELECT pg_sleep(20);
\session main
SELECT pg_terminate_backend(pid) FROM other_pid;
SELECT pg_sleep(0.2);
SELECT count(*) FROM pg_stat_activity WHERE pid = (SELECT pid FROM other_pid);
-- system columns of the catalogs
SELECT tableoid::regclass, typname[0], typname[3], typname[4] = '' AS behind, xmin IS NULL AS no_xmin FROM pg_type WHERE oid = 23;
SELECT tableoid FROM pg_tables LIMIT 0;
SELECT age(xmin) >= 0 AS old FROM pg_class WHERE oid = 1259;
-- who needs whom
CREATE TABLE owner_of (id serial, v int);
CREATE VIEW reads AS SELECT s.v, o.id FROM sized s, owner_of o;
SELECT d.classid::regclass, d.refclassid::regclass, c.relname, d.refobjsubid, d.deptype FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid
WHERE d.refclassid = 'pg_class'::regclass AND d.objid IN (SELECT oid FROM pg_rewrite UNION SELECT 'owner_of_id_seq'::regclass) ORDER BY 1, 3;
SELECT rulename, ev_class::regclass, ev_type, is_instead FROM pg_rewrite WHERE ev_class = 'reads'::regclass;
SELECT reloptions FROM pg_class WHERE relname = 'sized';
CREATE TABLE tagged (time timestamptz, a text TAG, b text TAG, v float8);
SELECT reloptions FROM pg_class WHERE relname = 'tagged';
-- the text of a view by its name
SELECT pg_get_viewdef('reads') = pg_get_viewdef('reads'::regclass) AS same, pg_get_viewdef('public.reads', true) IS NOT NULL AS has,
pg_get_viewdef('reads'::regclass, 0) IS NOT NULL AS wrapped, pg_get_viewdef('sized') IS NULL AS of_table, pg_get_viewdef(NULL::text) IS NULL AS of_null, pg_get_viewdef(0::oid) IS NULL AS none;
SELECT pg_get_viewdef('nope');
DROP VIEW reads;
DROP TABLE owner_of, tagged, sized, other_pid;
-- the regress server has no TLS
SELECT ssl, version, cipher, bits, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid();
