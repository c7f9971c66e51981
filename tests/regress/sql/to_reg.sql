-- Names behind oids, or NULL.
select to_regclass('pg_class'), to_regclass('nope'), to_regclass('pg_catalog.pg_type'), to_regclass(null), to_regclass('nope.nope');
select to_regtype('int4'), to_regtype('nope'), to_regtype('numeric(5,2)'), to_regtype('text[]');
select to_regnamespace('public'), to_regnamespace('nope'), to_regrole('nope'), to_regproc('nope');
select to_regclass('t_none') is null as missing;
