-- What TimescaleDB's tools ask: tables, windows, jobs, continuous views.
CREATE TABLE ti_cpu (ts timestamptz NOT NULL, host text TAG, v int8) WITH (window = '7 days');
INSERT INTO ti_cpu SELECT '2026-01-01'::timestamptz + i * interval '1 day', 'a', i FROM generate_series(0, 19) i;
CREATE TABLE ti_plain (id int PRIMARY KEY);
CREATE MATERIALIZED VIEW ti_v WITH (timescaledb.continuous, timescaledb.materialized_only) AS SELECT time_bucket('1 day', ts) AS b, sum(v) FROM ti_cpu GROUP BY 1;
SELECT hypertable_schema, hypertable_name, owner, num_dimensions, num_chunks, primary_dimension, primary_dimension_type FROM timescaledb_information.hypertables WHERE hypertable_name LIKE 'ti%';
SELECT hypertable_name, chunk_name, range_start, range_end FROM timescaledb_information.chunks WHERE hypertable_name LIKE 'ti%' ORDER BY range_start;
SELECT hypertable_name, view_schema, view_name, view_owner, materialized_only, view_definition FROM timescaledb_information.continuous_aggregates WHERE view_name LIKE 'ti%';
SELECT count(*) >= 0 FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention';
SELECT drop_chunks('ti_cpu', older_than => TIMESTAMPTZ '2026-01-09');
SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'timescaledb_information' ORDER BY 2;
DROP MATERIALIZED VIEW ti_v;
DROP TABLE ti_cpu, ti_plain;
