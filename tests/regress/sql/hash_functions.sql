-- hashtext() and its like give PostgreSQL's values.
SELECT s, hashtext(s), hashtextextended(s, 0), hashtextextended(s, 42), hashtextextended(s, -1)
  FROM (VALUES (''), ('a'), ('abc'), ('abcd'), ('abcdefgh'), ('hello world'), ('twelve bytes'), ('thirteen byte'),
        ('schema_migrations'), ('naïve – 日本語 ünïcode'), (NULL), (repeat('xyz', 1000))) v(s) ORDER BY length(s), s;
SELECT i, hashint2(i::int2), hashint4(i), hashint8(i), hashint4extended(i, 7), hashint8extended(i, 0), hashint2extended(i::int2, 9)
  FROM unnest('{0,1,-1,42,32767,-32768}'::int[]) i;
SELECT i, hashint8(i), hashint8extended(i, 123456789012) FROM unnest('{4294967296,-4294967296,9223372036854775807,-9223372036854775808}'::int8[]) i;
SELECT hashoid(4294967295), hashoidextended(1, 1), hashname('pg_class'), hashnameextended('pg_class', 3);
SELECT f, hashfloat8(f), hashfloat8extended(f, 5) FROM unnest('{0,-0,1,-1.5,NaN,Infinity,1e300}'::float8[]) f;
SELECT f, hashfloat4(f), hashfloat4extended(f, 5) FROM unnest('{0,-0,1,0.1,NaN,-Infinity}'::float4[]) f;
SELECT hashtext('a') = hashtext('a'), pg_try_advisory_lock(hashtext('migrations')), pg_advisory_unlock(hashtext('migrations'));
SELECT hashtext(NULL), pg_typeof(hashtext('x')), pg_typeof(hashtextextended('x', 1));
