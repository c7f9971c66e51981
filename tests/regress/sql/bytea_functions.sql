-- bits and bytes
SELECT get_bit('\x1234'::bytea, 3), get_byte('\x1234'::bytea, 1), set_bit('\x1234'::bytea, 3, 1), set_byte('\x1234'::bytea, 1, 255), bit_count('\x1234'::bytea);
SELECT get_bit('\x1234'::bytea, 33);
SELECT get_byte('\x1234'::bytea, -1);
SELECT set_bit('\x1234'::bytea, 3, 2);
SELECT md5('abc'::bytea), sha224('abc'), sha256('abc');
SELECT sha384('abc'), sha512('');
SELECT encode(sha256(repeat('a', 1000)::bytea), 'hex'), encode(sha512(repeat('a', 111)::bytea), 'hex'), encode(sha256(repeat('a', 55)::bytea), 'hex'), encode(sha256(repeat('a', 56)::bytea), 'hex');
SELECT position('\x02'::bytea IN '\x010203'::bytea), overlay('\x010203'::bytea PLACING '\xff' FROM 2), trim('\x00'::bytea FROM '\x000100'::bytea), ltrim('\x0102'::bytea, '\x01'), rtrim('\x0102'::bytea, '\x02');
SELECT convert_from('\xe9'::bytea, 'latin1'), convert_to('é', 'latin1'), convert('\xe9'::bytea, 'latin1', 'utf8'), length('\xc3a9'::bytea, 'utf8');
SELECT convert_from('\xc328', 'utf8');
SELECT convert_from('\xff', 'nosuch');
-- regular expressions with a position
SELECT regexp_instr('foobarbaz', 'b..'), regexp_instr('foobarbaz', 'b..', 1, 2), regexp_instr('foobarbaz', 'b(.)(.)', 1, 1, 0, 'i', 2), regexp_instr('foobarbaz', 'b..', 1, 1, 1), regexp_instr('foobarbaz', 'x');
SELECT regexp_substr('foobarbaz', 'b..'), regexp_substr('foobarbaz', 'b..', 1, 2), regexp_substr('foobarbaz', 'B(.)(.)', 1, 1, 'i', 2), regexp_substr('foobarbaz', 'x');
SELECT regexp_count('123123123', '123'), regexp_count('ABCABC', 'b', 1, 'i'), regexp_count('abcabc', 'b', 3), regexp_count('abc', 'b', 9);
SELECT regexp_substr('foobarbaz', 'b..', 0);
SELECT regexp_instr('foobarbaz', 'b..', 1, 0);
SELECT regexp_instr('foobarbaz', 'b..', 1, 1, 2);
SELECT regexp_count('a', 'a', 1, 'g');
SELECT 'x' || true, false || 'x'::text;
