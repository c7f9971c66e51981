-- zones that the system has, and abbreviations
SELECT name, abbrev, utc_offset, is_dst FROM pg_timezone_names WHERE name IN ('UTC', 'Asia/Tokyo', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5') ORDER BY name;
SELECT count(*) > 400 AS many, count(*) = count(DISTINCT name) AS single FROM pg_timezone_names;
SELECT count(*) FROM pg_timezone_names WHERE name = 'Europe/Berlin' AND utc_offset = (now() AT TIME ZONE 'Europe/Berlin') - (now() AT TIME ZONE 'UTC');
SELECT * FROM pg_timezone_abbrevs WHERE abbrev IN ('CET', 'CEST', 'UTC', 'NPT') ORDER BY abbrev;
SELECT count(*) = count(DISTINCT abbrev) AS single FROM pg_timezone_abbrevs;
