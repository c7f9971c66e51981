-- pg_settings, SHOW, SET and set_config() are one thing
SELECT name, setting, unit, context, vartype, source, min_val, max_val, enumvals, boot_val, reset_val
  FROM pg_settings WHERE name IN ('statement_timeout', 'IntervalStyle', 'random_page_cost', 'block_size',
    'enable_seqscan', 'effective_cache_size', 'DateStyle') ORDER BY lower(name);
SHOW effective_cache_size;
SET effective_cache_size = '1GB';
SHOW effective_cache_size;
SELECT setting, source, reset_val FROM pg_settings WHERE name = 'effective_cache_size';
SET effective_cache_size = 3;
SELECT current_setting('effective_cache_size');
RESET effective_cache_size;
SELECT setting, source FROM pg_settings WHERE name = 'effective_cache_size';
-- numbers with a point
SELECT set_config('random_page_cost', '1.1', false);
SET random_page_cost = -1;
SET random_page_cost = 'cheap';
SET random_page_cost = 1e10;
SHOW random_page_cost;
SET jit_above_cost = -2;
RESET random_page_cost;
-- not for a session to change
SET max_connections = 5;
SET server_version = '1';
SET enable_seqscan = blue;
SET enable_seqscan = off;
SHOW enable_seqscan;
RESET enable_seqscan;
-- what would change answers is not taken
SET array_nulls = off;
SET array_nulls = on;
SET transform_null_equals = on;
-- what only the server knows
SELECT name, context, vartype FROM pg_settings
 WHERE name IN ('port', 'max_connections', 'data_directory', 'ssl', 'listen_addresses') ORDER BY name;
SELECT count(*) FROM pg_settings WHERE setting IS NULL OR short_desc IS NULL OR category IS NULL;
SELECT count(*) FROM pg_settings WHERE name IN ('role', 'is_superuser', 'session_authorization');
-- a transaction that fails takes it back
BEGIN;
SET LOCAL work_mem = '8MB';
SELECT setting, source FROM pg_settings WHERE name = 'work_mem';
ROLLBACK;
SELECT setting, source FROM pg_settings WHERE name = 'work_mem';
