#!/bin/bash
# What pg_dump writes, psql reads into a fresh server, whose dump is the same.  Needs psql and pg_dump.
set -u
server=${top_builddir:-.}/alopex-skulk
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$dir"' EXIT
export PGHOST=127.0.0.1 PGUSER=skulk PGDATABASE=skulk

start() { # name; sets PGPORT
	"$server" --data-dir "$dir/$1" --pg-port 0 --http-port 0 2> "$dir/log.$1" &
	for _ in $(seq 600); do
		grep -q ready: "$dir/log.$1" && break
		sleep 0.05
	done
	PGPORT=$(sed -n 's/.*PostgreSQL on port \([0-9]*\).*/\1/p' "$dir/log.$1")
	export PGPORT
}

run() { psql -Xqv ON_ERROR_STOP=1 -o /dev/null "$@"; }
dump() { pg_dump > "$dir/raw" && grep -v '^\\\(un\)\?restrict' "$dir/raw" > "$1"; }
fail() { echo "FAIL $1"; exit 1; }

start first
run <<'END' || fail "the database is made"
CREATE ROLE reader;
CREATE SCHEMA plant;
CREATE TABLE plant.kind (id serial PRIMARY KEY, name text UNIQUE DEFAULT 'x''y', price numeric(8,2) CHECK (price > 0));
CREATE TABLE cpu (time timestamptz, host text TAG, region text TAG, usage float8, n int8);
CREATE TABLE kept (time timestamptz, host text TAG, v float8) WITH (tiers = '1m:1d, 1h:30d, 1d:1y');
INSERT INTO kept SELECT '2024-01-01'::timestamptz + i * interval '1 hour', 'a', i FROM generate_series(0, 100) i;
CREATE VIEW priced AS SELECT k.name, k.price * 2 AS twice FROM plant.kind k WHERE k.price > 1;
CREATE VIEW twofold AS SELECT count(*) AS n FROM priced;
CREATE VIEW hot AS SELECT host, max(usage) FROM cpu GROUP BY host;
CREATE MATERIALIZED VIEW hourly WITH (continuous, refresh = '5m') AS
  SELECT time_bucket('1 hour', time) AS b, host, avg(usage) AS mean, max(n) AS top FROM cpu GROUP BY 1, 2;
CREATE MATERIALIZED VIEW daily WITH (continuous) AS SELECT time_bucket('1 day', b) AS d, max(top) AS top FROM hourly GROUP BY 1;
CREATE MATERIALIZED VIEW hosts AS SELECT host, count(*) AS n FROM cpu GROUP BY host;
CREATE MATERIALIZED VIEW later AS SELECT max(top) AS top FROM daily WITH NO DATA;
CREATE VIEW tops AS SELECT d, top FROM daily WHERE top IS NOT NULL;
COMMENT ON MATERIALIZED VIEW hourly IS 'by hour';
GRANT SELECT ON hourly TO reader;
CREATE TABLE plant.part (id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5), n int CONSTRAINT positive CHECK (n > 0));
CREATE INDEX part_n ON plant.part (n);
ALTER DEFAULT PRIVILEGES IN SCHEMA plant GRANT SELECT ON TABLES TO reader;
COMMENT ON SCHEMA plant IS 'the plant';
COMMENT ON CONSTRAINT positive ON plant.part IS 'not none';
COMMENT ON INDEX plant.part_n IS 'recorded';
COMMENT ON TABLE cpu IS 'it''s one';
COMMENT ON VIEW priced IS 'a view';
COMMENT ON COLUMN priced.twice IS 'two of it';
GRANT SELECT ON priced TO reader;
INSERT INTO plant.kind (name, price) VALUES ('a', 1.5), (E'tab\there', 2), ('back\\slash', NULL);
INSERT INTO plant.part (n) VALUES (1), (2);
INSERT INTO cpu VALUES ('2024-01-01', 'a', 'eu', 1.5, 2), ('2024-01-02', 'b', NULL, 'NaN', NULL);
END
run -c 'REFRESH MATERIALIZED VIEW hourly' -c 'REFRESH MATERIALIZED VIEW daily' -c 'REFRESH MATERIALIZED VIEW hosts'
for t in $(psql -XAtc 'SELECT kept_in FROM skulk.tiers WHERE level > 0 ORDER BY level'); do
	run -c "REFRESH MATERIALIZED VIEW pg_skulk.$t"
done
run -c 'COPY kept TO STDOUT' 2>&1 | grep -q 'WARNING.*"kept".*gone' || fail "rows that are gone are told of"
dump "$dir/a.sql" || fail "it is dumped"
start second
run -c 'CREATE ROLE reader' && run -f "$dir/a.sql" || fail "the dump is restored"
dump "$dir/b.sql" && diff "$dir/a.sql" "$dir/b.sql" || fail "the second dump is the first"
[ "$(psql -XAtc 'SELECT n FROM twofold')" = 2 ] || fail "views of the second server answer"
[ "$(psql -XAtc 'SELECT count(*), max(mean), max(top) FROM hourly')" = '2|NaN|2' ] || fail "a continuous view has its buckets"
[ "$(psql -XAtc 'SELECT d::date, top FROM tops')" = '2024-01-01|2' ] || fail "and so has the one over it"
[ "$(psql -XAtc 'SELECT sum(n), (SELECT relispopulated FROM pg_class WHERE relname = $$later$$) FROM hosts')" = '2|f' ] || fail "materialized views are filled, or not, as they were"
[ "$(psql -XAtc 'SELECT count(*), min(v) FROM kept')" = '25|76' ] || fail "a table with tiers has its rows"
[ "$(psql -XAtc "SELECT count(*) FROM skulk.tiers WHERE table_name = 'kept'")" = 3 ] || fail "and its tiers"
run -c 'INSERT INTO plant.part (n) VALUES (3)'
[ "$(psql -XAtc 'SELECT max(id) FROM plant.part')" = 20 ] || fail "an identity column goes on"
grep -q 'public' "$dir/a.sql" && grep -q 'REVOKE' "$dir/a.sql" && fail "schema public has its rights"
run -c 'CREATE DATABASE other'
pg_dump -Fc > "$dir/a.custom" && pg_restore -d other "$dir/a.custom" || fail "a custom dump is restored"
dump "$dir/c.sql" || fail "a database is dumped beside another"
echo "PASS a dump restores"
