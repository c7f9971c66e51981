#!/bin/bash
# Logins from outside: TLS, SCRAM with psql, HTTP with curl, roles, what is refused.  Needs psql, curl, openssl.
set -u
server=${top_builddir:-.}/alopex-skulk
dir=$(mktemp -d)
failed=0
pid=
trap 'kill "$pid" 2>/dev/null; wait; rm -rf "$dir"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" \
	-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 600 "$dir/key.pem"

config() { # mode of TLS, method, more lines
	printf '[tls]\nmode = "%s"\n' "$1"
	[ "$1" = off ] || printf 'cert_file = "%s"\nkey_file = "%s"\n' "$dir/cert.pem" "$dir/key.pem"
	printf '[auth]\nmethod = "%s"\n' "$2"
	printf "%s\n" "${@:3}"
}

start() {
	config "$@" > "$dir/c.toml"
	rm -f "$dir/log" # what the server before said must not be read
	"$server" --config "$dir/c.toml" --data-dir "$dir/data" --pg-port 0 --http-port 0 2> "$dir/log" &
	pid=$!
	for _ in $(seq 600); do
		grep -q ready: "$dir/log" && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.05
	done
	PGPORT=$(sed -n 's/.*PostgreSQL on port \([0-9]*\).*/\1/p' "$dir/log")
	http=$(sed -n 's/.*HTTP on port \([0-9]*\).*/\1/p' "$dir/log")
	[ "$PGPORT" ] || tail -40 "$dir/log"
	export PGPORT PGHOST=127.0.0.1
}

stop() {
	kill $pid
	wait $pid
}

is() { # what, wanted, got
	if [ "$2" = "$3" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: wanted \"$2\", got \"$3\""
		failed=1
	fi
}

says() { # what, a part of what is wanted, got
	case $3 in
	*"$2"*) is "$1" "$2" "$2" ;;
	*) is "$1" "$2" "$3" ;;
	esac
}

as() { # user, password, sslmode, statement
	PGPASSWORD=$2 PGSSLMODE=$3 psql -U "$1" -XAtqc "$4" skulk 2>&1
}

code() { curl -sk -o /dev/null -w '%{http_code}' "$@"; }

start allow scram-sha-256 'admin_password = "s3cret"'
is "the administrator" skulk "$(as skulk s3cret disable 'SELECT current_user')"
is "over TLS" skulk "$(as skulk s3cret require 'SELECT current_user')"
is "the certificate is checked" skulk "$(PGSSLROOTCERT=$dir/cert.pem as skulk s3cret verify-full 'SELECT current_user')"
is "bound to the channel" skulk "$(PGCHANNELBINDING=require as skulk s3cret require 'SELECT current_user')"
says "a wrong password" 'password authentication failed for user "skulk"' "$(as skulk wrong require 'SELECT 1')"
says "nobody" 'password authentication failed for user "nobody"' "$(as nobody x require 'SELECT 1')"
is "large answers over TLS" 1048577000 "$(as skulk s3cret require "COPY (SELECT repeat('x', 1048576) FROM generate_series(1, 1000)) TO STDOUT" | wc -c)"
as skulk s3cret require "CREATE TABLE t (a int); INSERT INTO t VALUES (1);
	CREATE ROLE reader LOGIN PASSWORD 'rpass'; GRANT SELECT ON t TO reader;
	CREATE ROLE feeder LOGIN PASSWORD 'fpass'; GRANT pg_write_all_data TO feeder;
	CREATE ROLE looker LOGIN PASSWORD 'lpass'; GRANT pg_read_all_data TO looker;
	CREATE ROLE late LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'; CREATE ROLE nologin PASSWORD 'x'"
is "a reader reads" 1 "$(as reader rpass require 'SELECT a FROM t')"
says "and does not write" "permission denied for table t" "$(as reader rpass require 'INSERT INTO t VALUES (2)')"
says "a password that has expired" "password authentication failed" "$(as late x require 'SELECT 1')"
says "a role without LOGIN" "password authentication failed" "$(as nologin x require 'SELECT 1')"
says "the verifier is nobody's" "permission denied" "$(as reader rpass require 'SELECT rolpassword FROM pg_authid')"
as skulk s3cret require "ALTER ROLE reader CONNECTION LIMIT 0"
says "no place for the role" 'too many connections for role "reader"' "$(as reader rpass require 'SELECT 1')"
as skulk s3cret require "REVOKE CONNECT ON DATABASE skulk FROM PUBLIC; ALTER ROLE reader CONNECTION LIMIT -1"
says "no CONNECT" 'permission denied for database "skulk"' "$(as reader rpass require 'SELECT 1')"
as skulk s3cret require "GRANT CONNECT ON DATABASE skulk TO PUBLIC"

url=127.0.0.1:$http
for s in http https; do
	is "$s without a login" 401 "$(code $s://$url/write -d 'm v=1')"
	is "$s with a wrong one" 401 "$(code -u skulk:wrong $s://$url/write -d 'm v=1')"
	is "$s writes" 204 "$(code -u feeder:fpass $s://$url/write -d 'm v=1')"
	is "$s reads" 200 "$(code -u looker:lpass "$s://$url/api/v1/query?query=m")"
done
sql() { as skulk s3cret require "$1"; }
is "a reader does not write" 403 "$(code -u looker:lpass http://$url/write -d 'm v=1')"
is "a writer does not read" 403 "$(code -u feeder:fpass "http://$url/api/v1/query?query=m")"
is "Token user:password" 204 "$(code -H 'Authorization: Token feeder:fpass' http://$url/write -d 'm v=1')"
is "u and p" 204 "$(code "http://$url/write?u=feeder&p=fpass" -d 'm v=1')"
sql "CREATE ROLE nine LOGIN PASSWORD U&'\\2168'"
is "a password beyond ASCII" nine "$(as nine $'\xe2\x85\xa8' require 'SELECT current_user')"
is "... in another form" nine "$(as nine IX disable 'SELECT current_user')"
is "... over HTTP" 200 "$(code -u nine:IX "http://$url/api/v1/labels")"
says "refusals are logged" 'refused: password authentication failed for user "nobody"' "$(cat "$dir/log")"
# tokens
secret=$(sql "CREATE TOKEN ingest FOR feeder")
says "the secret, once" skulk_ "$secret"
is "a second look" "ingest|feeder|t" "$(sql "SELECT name, role, valid_until IS NULL FROM skulk.tokens")"
is "not in any view" 0 "$(sql "SELECT count(*) FROM skulk.tokens t WHERE t::text LIKE '%skulk\\_%'")"
says "IF NOT EXISTS" "already exists, skipping" "$(sql "CREATE TOKEN IF NOT EXISTS ingest FOR feeder")"
says "taken" 'token "ingest" already exists' "$(sql "CREATE TOKEN ingest FOR feeder")"
for s in http https; do
	is "$s Bearer" 204 "$(code -H "Authorization: Bearer $secret" $s://$url/write -d 'm v=2')"
	is "$s Token" 204 "$(code -H "Authorization: Token $secret" $s://$url/write -d 'm v=2')"
	is "$s its role does not read" 403 "$(code -H "Authorization: Bearer $secret" "$s://$url/api/v1/query?query=m")"
done
is "not in the URL" 401 "$(code "http://$url/write?token=$secret" -d 'm v=2')"
is "nor as p" 401 "$(code "http://$url/write?u=feeder&p=$secret" -d 'm v=2')"
is "nor as a password" 401 "$(code -u "feeder:$secret" "http://$url/write" -d 'm v=2')"
is "another secret" 401 "$(code -H "Authorization: Bearer ${secret%?}x" http://$url/write -d 'm v=2')"
is "no secret" 401 "$(code -H "Authorization: Bearer skulk" http://$url/write -d 'm v=2')"
is "hashed in the data directory" none "$(grep -rqa -e "$secret" -e s3cret -e rpass "$dir/data" && echo some || echo none)"
late=$(sql "CREATE TOKEN late FOR feeder VALID UNTIL '2001-01-01'")
is "one that has expired" 401 "$(code -H "Authorization: Bearer $late" http://$url/write -d 'm v=2')"
is "no CONNECT" 403 "$(sql "REVOKE CONNECT ON DATABASE skulk FROM PUBLIC"; code -H "Authorization: Bearer $secret" http://$url/write -d 'm v=2')"
sql "GRANT CONNECT ON DATABASE skulk TO PUBLIC"
own=$(as feeder fpass require "CREATE TOKEN own FOR feeder")
is "one's own" 204 "$(code -H "Authorization: Bearer $own" http://$url/write -d 'm v=2')"
is "one sees one's own" "ingest late own" "$(as feeder fpass require "SELECT string_agg(name, ' ' ORDER BY name) FROM skulk.tokens")"
is "others do not" "" "$(as looker lpass require "SELECT name FROM skulk.tokens")"
sql "ALTER ROLE feeder NOLOGIN"
is "a role that must not come in" 401 "$(code -H "Authorization: Bearer $own" http://$url/write -d 'm v=2')"
sql "ALTER ROLE feeder LOGIN; DROP TOKEN own, late"
is "gone at once" 401 "$(code -H "Authorization: Bearer $own" http://$url/write -d 'm v=2')"
# notifications
heard=$(PGPASSWORD=s3cret PGSSLMODE=require psql -U skulk -XAtq skulk -c 'LISTEN ch' -c "BEGIN" -c "NOTIFY ch, 'a b'" -c "NOTIFY ch, 'a b'" -c COMMIT -c "SELECT pg_notify('ch', 'c')" 2>&1 | sed 's/ received.*//')
is "what is notified comes once, after the commit" 'Asynchronous notification "ch" with payload "a b"Asynchronous notification "ch" with payload "c"' "$(tr -d '\n' <<< "$heard")"
# tables one by one
sql "CREATE ROLE meter LOGIN PASSWORD 'mpass'; GRANT CREATE ON SCHEMA public TO meter; CREATE ROLE one LOGIN PASSWORD 'opass'"
is "who makes a table" 204 "$(code -u meter:mpass http://$url/write -d 'power,room=a watts=1 1')"
is "owns it" meter "$(sql "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'power'")"
is "another field" 204 "$(code -u meter:mpass http://$url/write -d 'power,room=a volts=1 2')"
is "a table of others" 403 "$(code -u meter:mpass http://$url/write -d 'm v=3')"
is "all of the body" 403 "$(code -u meter:mpass http://$url/write -d $'power watts=5\nm v=3')"
is "nothing of it" 2 "$(sql "SELECT count(*) FROM power")"
is "JSON" 403 "$(code -u meter:mpass http://$url/api/v1/ingest -d '{"metric": "m", "fields": {"v": 3}}')"
is "a new table without CREATE" 403 "$(code -u one:opass http://$url/write -d 'fresh v=3')"
sql "GRANT SELECT ON power TO one; GRANT INSERT ON m TO meter"
is "INSERT on it" 204 "$(code -u meter:mpass http://$url/write -d 'm v=3')"
is "one table is read" 200 "$(code -u one:opass "http://$url/api/v1/query?query=power_watts")"
is "the other is not" 403 "$(code -u one:opass "http://$url/api/v1/query?query=m_v")"
is "nor within" 403 "$(code -u one:opass "http://$url/api/v1/query?query=power_watts%2Bm_v")"
sql "CHECKPOINT" # lists of what lies in files are kept
is "names" '{"status":"success","data":["power_volts","power_watts"]}' "$(curl -s -u one:opass "http://$url/api/v1/label/__name__/values")"
is "labels" '{"status":"success","data":["__name__","room"]}' "$(curl -s -u one:opass "http://$url/api/v1/labels")"
is "nobody's" '{"status":"success","data":[]}' "$(sql "REVOKE SELECT ON power FROM one"; curl -s -u one:opass "http://$url/api/v1/labels")"
is "all series are those one may read" '[]' "$(curl -s -u one:opass "http://$url/api/v1/query?query=%7B__name__%3D~%22.%2B%22%7D" | sed 's/.*"result":\(.*\)}}/\1/')"
# columns one by one
sql "CREATE ROLE part LOGIN PASSWORD 'ppass'; GRANT SELECT (time, room, watts), INSERT (time, room, watts) ON power TO part"
part() { code -u part:ppass "$@"; }
part_says() { curl -s -u part:ppass "$@"; }
all='query=%7B__name__%3D~%22power.%2B%22%7D'
is "a column is read" 200 "$(part "http://$url/api/v1/query?query=power_watts&time=1")"
is "its neighbour is not" 403 "$(part "http://$url/api/v1/query?query=power_volts")"
is "nor the whole table" 403 "$(part "http://$url/api/v1/query?query=power")"
is "of which a field may be named" 200 "$(part "http://$url/api/v1/query?query=power%7B__field__%3D%22watts%22%7D")"
says "in SQL as well" "permission denied for table power" "$(as part ppass require "SELECT * FROM promql('power_volts', '2000-01-01'::timestamptz)")"
is "names of columns" '{"status":"success","data":["power_watts"]}' "$(part_says "http://$url/api/v1/label/__name__/values")"
is "labels of columns" '{"status":"success","data":["__name__","room"]}' "$(part_says "http://$url/api/v1/labels")"
is "a column is written" 204 "$(part http://$url/write -d "power,room=a watts=7")"
is "federate passes over the others" power_watts "$(part_says "http://$url/federate?match%5B%5D=%7B__name__%3D~%22power.%2B%22%7D" | sed -n 's/^\(power[a-z_]*\).*/\1/p' | sort -u)"
is "a query too" power_watts "$(part_says "http://$url/api/v1/query?$all" | grep -o 'power_[a-z]*' | sort -u)"
is "federate of the other" 403 "$(part "http://$url/federate?match%5B%5D=power_volts")"
is "export of the other" 403 "$(part "http://$url/api/v1/export?match%5B%5D=power_volts")"
is "an export passes over it" power_watts "$(part_says "http://$url/api/v1/export?match%5B%5D=%7B__name__%3D~%22power.%2B%22%7D" | grep -o 'power_[a-z]*' | sort -u)"
is "another is not written" 403 "$(part http://$url/write -d "power,room=a volts=7")"
is "nor beside it" 403 "$(part http://$url/write -d "power,room=a watts=8,volts=7")"
is "nor in a later line" 403 "$(part http://$url/write -d $'power,room=a watts=8\npower,room=a volts=7')"
is "nor JSON" 403 "$(part http://$url/api/v1/ingest -d '{"metric": "power", "tags": {"room": "a"}, "fields": {"volts": 3}}')"
is "no new field" 403 "$(part http://$url/write -d "power,room=a amperes=7")"
is "no new tag" 403 "$(part http://$url/write -d "power,room=a,floor=1 watts=7")"
is "nothing of these" "1 2" "$(sql "SELECT count(*) FILTER (WHERE watts > 1), count(*) FILTER (WHERE watts IS NOT NULL) FROM power" | tr '|' ' ')"
# The connection of who may all remembers the table; the column is asked for all the same.
is "after a writer of all" 204403 "$(curl -s -o /dev/null -w '%{http_code}' -u meter:mpass http://$url/write -d 'power,room=a volts=7 3' --next -s -o /dev/null -w '%{http_code}' -u part:ppass http://$url/write -d 'power,room=a volts=7 4')"
is "no more once it is taken" 403 "$(sql "REVOKE INSERT (watts) ON power FROM part"; part http://$url/write -d "power,room=a watts=9")"
is "nor read without a tag" 403 "$(sql "REVOKE SELECT (room) ON power FROM part"; part "http://$url/api/v1/query?query=power_watts")"
is "no database without CREATEDB" 403 "$(code -u one:opass http://$url/query --data-urlencode 'q=CREATE DATABASE mine')"
# guesses
guesses() { # a password each, all at once
	for i in $(seq 16); do
		code --max-time 2 -u "looker:guess$i" "http://$url/api/v1/labels" &
	done
	wait
}
answers=$(guesses)
says "who guesses is refused" 429 "$answers"
begun=$(date +%s%N)
is "another role is not held up" one "$(as one opass require 'SELECT current_user')"
is "nor is it over HTTP" 200 "$(code -u meter:mpass "http://$url/api/v1/labels")"
is "at once" yes "$([ $((($(date +%s%N) - begun) / 1000000)) -lt 3000 ] && echo yes)"
begun=$(date +%s%N)
for i in $(seq 7); do as feeder "guess$i" require 'SELECT 1' > "$dir/guess"; done
is "one after the other: slow answers" yes "$([ $((($(date +%s%N) - begun) / 1000000)) -gt 1700 ] && echo yes)"
begun=$(date +%s%N)
is "then the right one" feeder "$(as feeder fpass require 'SELECT current_user')"
is "at once, too" yes "$([ $((($(date +%s%N) - begun) / 1000000)) -lt 1500 ] && echo yes)"
is "we live" 204 "$(code http://$url/ping)"
is "no password in the log" none "$(grep -q -e skulk_0 -e s3cret -e rpass -e fpass -e wrong "$dir/log" && echo some || echo none)"
stop

start require scram-sha-256
is "the token is kept" 204 "$(code -H "Authorization: Bearer $secret" https://127.0.0.1:$http/write -d 'm v=2')"
is "the password is kept" skulk "$(as skulk s3cret require 'SELECT current_user')"
says "not without TLS" "the connection is not encrypted" "$(as skulk s3cret disable 'SELECT 1')"
is "not without TLS over HTTP" 400 "$(code http://127.0.0.1:$http/ping)"
is "https" 204 "$(code https://127.0.0.1:$http/ping)"
stop

start off trust
is "trust on loopback" skulk "$(as skulk '' disable 'SELECT current_user')"
says "TLS is refused" "server does not support SSL" "$(as skulk '' require 'SELECT 1')"
says "an unknown role" 'role "nobody" does not exist' "$(as nobody '' disable 'SELECT 1')"
stop

refuses() { # what, wanted, lines of the configuration
	printf '%s\n' "${@:3}" > "$dir/c.toml"
	says "$1" "$2" "$("$server" --config "$dir/c.toml" --check-config 2>&1)"
}
refuses "a wide address with trust" "needs a login with password" '[server]' 'listen = "0.0.0.0"'
refuses "a wide address without TLS" "needs TLS" '[server]' 'listen = "0.0.0.0"' '[auth]' 'method = "scram-sha-256"'
refuses "told twice" "fine" '[server]' 'listen = "0.0.0.0"' 'allow_plaintext = true' '[auth]' 'method = "scram-sha-256"'
refuses "TLS without a certificate" "tls.cert_file" '[tls]' 'mode = "require"'
exit $failed
