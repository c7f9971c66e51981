-- advisory locks: of a session, of a transaction, shared, by one number or two
SELECT pg_advisory_lock(1), pg_advisory_lock(1), pg_advisory_lock_shared(2);
SELECT locktype, classid, objid, objsubid, mode, granted FROM pg_locks WHERE locktype = 'advisory' ORDER BY objid;
SELECT pg_advisory_unlock(1), pg_advisory_unlock(1), pg_advisory_unlock(1);
SELECT pg_advisory_unlock_shared(2), pg_advisory_unlock_shared(2);
SELECT pg_try_advisory_lock(7), pg_try_advisory_lock(1, 7), pg_try_advisory_lock(-1);
SELECT classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' ORDER BY 1, 2, 3;
\session b
SELECT pg_try_advisory_lock(7), pg_try_advisory_lock_shared(7), pg_try_advisory_xact_lock(7), pg_try_advisory_lock(7, 1);
SELECT pg_advisory_unlock(7);
SET lock_timeout = '50ms';
SELECT pg_advisory_lock(7);
RESET lock_timeout;
SET statement_timeout = '50ms';
SELECT pg_advisory_lock(7);
RESET statement_timeout;
-- a wait
\later
SELECT pg_advisory_lock(7);
\session main
SELECT count(*) FROM pg_locks WHERE NOT granted;
SELECT pg_advisory_unlock(7);
\wait b
SELECT pg_try_advisory_lock(7);
SELECT pg_advisory_unlock_all();
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
\session b
SELECT pg_advisory_unlock_all();
-- shared locks go together, and wait for one who wants it alone
SELECT pg_advisory_lock_shared(3);
\session main
SELECT pg_try_advisory_lock_shared(3), pg_try_advisory_lock(3);
SELECT pg_advisory_unlock_shared(3);
\session c
\later
SELECT pg_advisory_lock(3);
\session main
SELECT pg_try_advisory_lock_shared(3);
\session b
SELECT pg_advisory_unlock_shared(3);
\wait c
\session c
SELECT pg_advisory_unlock(3);
-- those of a transaction end with it, or with what it takes back
\session main
BEGIN;
SELECT pg_advisory_xact_lock(4), pg_advisory_lock(5);
SAVEPOINT s;
SELECT pg_advisory_xact_lock(4), pg_advisory_xact_lock_shared(6), pg_advisory_lock(8);
SELECT objid, mode FROM pg_locks WHERE locktype = 'advisory' ORDER BY 1;
ROLLBACK TO s;
SELECT objid, mode FROM pg_locks WHERE locktype = 'advisory' ORDER BY 1;
SELECT pg_advisory_unlock(4);
SAVEPOINT t;
SELECT pg_advisory_xact_lock(9);
RELEASE t;
ROLLBACK TO s;
SELECT objid, mode FROM pg_locks WHERE locktype = 'advisory' ORDER BY 1;
ROLLBACK;
SELECT objid, mode FROM pg_locks WHERE locktype = 'advisory' ORDER BY 1;
SELECT pg_advisory_unlock_all();
-- given back by the statement that waits for it
SELECT pg_advisory_lock(20), pg_advisory_lock(21);
\session b
\later
SELECT pg_advisory_lock(20), pg_advisory_unlock(20), pg_advisory_unlock(20), pg_advisory_lock(22);
\session main
SELECT pg_advisory_unlock(20);
\wait b
\session b
\later
SELECT pg_advisory_lock(21), pg_advisory_lock(23), pg_advisory_unlock_all();
\session main
SELECT pg_advisory_unlock(21);
\wait b
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
-- a deadlock
BEGIN;
SELECT pg_advisory_xact_lock(1);
\session b
BEGIN;
SELECT pg_advisory_xact_lock(2);
\session main
\later
SELECT pg_advisory_xact_lock(2);
\session b
SELECT pg_advisory_xact_lock(1);
ROLLBACK;
\wait main
\session main
COMMIT;
-- whole sets of rows
CREATE TABLE adv (id int);
INSERT INTO adv VALUES (11), (12), (13);
SELECT count(pg_advisory_lock(id)) FROM adv;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
SELECT bool_and(pg_advisory_unlock(id)) FROM adv;
SELECT pg_advisory_lock(NULL), pg_try_advisory_lock(NULL, 1);
DISCARD ALL;
DROP TABLE adv;
-- The text of nothing is empty.
select pg_advisory_lock(7)::text = '' as empty, pg_advisory_unlock(7)::text;
select pg_advisory_lock(7)::int;
