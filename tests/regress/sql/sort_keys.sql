-- Several keys, many equals: integers, texts longer and shorter than eight bytes, NULL, NaN.
CREATE TABLE s (i int, a int, b int8, f float8, s text, n numeric, y bytea);
INSERT INTO s SELECT i, i * 7919 % 13, CASE WHEN i % 17 = 0 THEN NULL ELSE (i * 31 % 7 - 3) * 5000000000 END,
    CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN -0.0 WHEN 4 THEN 0.0 ELSE i % 5 - 2.5 END,
    CASE WHEN i % 19 = 0 THEN NULL ELSE substr('a common prefix that goes on and on', 1, i % 23) || (i % 3) END,
    CASE WHEN i % 29 = 0 THEN NULL ELSE (i % 9 - 4) / 4.0 END,
    decode(substr('00ff0000ff', 1, i % 6 / 2 * 2), 'hex')
    FROM generate_series(1, 5000) i;
SELECT 'a, s, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY a, s, i) q;
SELECT 'a, s DESC, i DESC', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY a, s DESC, i DESC) q;
SELECT 'b, a, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY b, a, i) q;
SELECT 'b DESC, s NULLS FIRST, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY b DESC, s NULLS FIRST, i) q;
SELECT 'b NULLS FIRST, f, i DESC', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY b NULLS FIRST, f, i DESC) q;
SELECT 'f DESC, b, s, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY f DESC, b, s, i) q;
SELECT 's, f, b DESC NULLS LAST, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY s, f, b DESC NULLS LAST, i) q;
SELECT 'n, s, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY n, s, i) q;
SELECT 'a, n DESC, y, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY a, n DESC, y, i) q;
SELECT 'y DESC, a, i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY y DESC, a, i) q;
SELECT 'i', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY i) q;
SELECT 'i DESC', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s ORDER BY i DESC) q;
SELECT 'few', string_agg(i::text, ',') FROM (SELECT i FROM s WHERE i <= 20 ORDER BY a, s DESC, i) q;
SELECT 'limit', string_agg(i::text, ',') FROM (SELECT i FROM s ORDER BY b, s DESC, i LIMIT 40) q;
SELECT 'constant', md5(string_agg(i::text, ',')) FROM (SELECT i FROM s WHERE a = 5 ORDER BY a, s, b, i) q;
-- Averages of integers: all their digits.
SELECT n, avg(v) FROM (SELECT n, generate_series(1, n) * 37 % 11 - 5 v FROM generate_series(1, 7) n) q GROUP BY n ORDER BY n;
SELECT avg(v) FROM (VALUES (9223372036854775807), (9223372036854775806)) t (v);
SELECT avg(v) FROM (VALUES (-9223372036854775808), (-1::int8), (0)) t (v);
SELECT a::numeric / b, -a::numeric / b FROM (VALUES (1, 3), (2, 3), (10, 5), (99999999, 7), (1, 99999999), (15, 1000), (0, 7)) t (a, b);
SELECT 0.5 / 3, 1.25 / 0.5, -0.0001 / 7, 123456789012345678 / 1000::numeric, 99999999999999.9999 / 3;
DROP TABLE s;
