-- the tables of types, functions, operators, casts and relations contradict neither themselves nor each other: no query finds a row
SELECT oid, typname FROM pg_type t WHERE (SELECT count(*) FROM pg_type x WHERE x.oid = t.oid OR (x.typname = t.typname AND x.typnamespace = t.typnamespace)) > 1 ORDER BY 1;
SELECT typname FROM pg_type t WHERE typelem <> 0 AND NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.oid = t.typelem) ORDER BY 1;
SELECT typname FROM pg_type t WHERE typarray <> 0 AND NOT EXISTS (SELECT 1 FROM pg_type a WHERE a.oid = t.typarray AND a.typelem = t.oid) ORDER BY 1;
SELECT typname FROM pg_type t WHERE typlen = 0 OR (typbyval AND typlen NOT IN (1, 2, 4, 8)) OR typtype NOT IN ('b', 'p', 'c', 'd', 'e') OR typalign NOT IN ('c', 's', 'i', 'd') ORDER BY 1;
SELECT typname FROM pg_type t WHERE typnamespace NOT IN (SELECT oid FROM pg_namespace) OR typinput = 0 OR typoutput = 0 ORDER BY 1;
SELECT typname FROM pg_type t WHERE typinput::oid NOT IN (SELECT oid FROM pg_proc) OR typoutput::oid NOT IN (SELECT oid FROM pg_proc) OR (typsend <> 0 AND typsend::oid NOT IN (SELECT oid FROM pg_proc)) OR (typreceive <> 0 AND typreceive::oid NOT IN (SELECT oid FROM pg_proc)) OR (typmodin <> 0 AND typmodin::oid NOT IN (SELECT oid FROM pg_proc)) ORDER BY 1;
SELECT typname FROM pg_type t WHERE format_type(oid, NULL)::regtype::oid <> oid AND typtype = 'b' AND oid <> 1042 ORDER BY 1;
SELECT count(*) > 20 FROM pg_type WHERE typinput = 'array_in'::regproc;
-- functions
SELECT proname, count(*) FROM pg_proc GROUP BY proname, pronamespace, proargtypes HAVING count(*) > 1 ORDER BY 1;
SELECT oid, count(*) FROM pg_proc GROUP BY oid HAVING count(*) > 1 ORDER BY 1;
SELECT proname FROM pg_proc p WHERE prorettype NOT IN (SELECT oid FROM pg_type) OR pronamespace NOT IN (SELECT oid FROM pg_namespace) ORDER BY 1;
SELECT proname FROM pg_proc p WHERE EXISTS (SELECT 1 FROM unnest(p.proargtypes::oid[]) a (t) WHERE t NOT IN (SELECT oid FROM pg_type)) ORDER BY 1;
SELECT proname FROM pg_proc WHERE prosrc IS NULL OR prosrc = '' OR proname = '' OR pronargs <> cardinality(proargtypes::oid[]) OR prokind NOT IN ('f', 'a', 'w', 'p') OR provolatile NOT IN ('i', 's', 'v') ORDER BY 1;
-- operators
SELECT oprname, oprleft::regtype, oprright::regtype FROM pg_operator o WHERE (oprleft <> 0 AND oprleft NOT IN (SELECT oid FROM pg_type)) OR oprright NOT IN (SELECT oid FROM pg_type) OR oprresult NOT IN (SELECT oid FROM pg_type) OR oprkind NOT IN ('b', 'l') OR (oprkind = 'l') <> (oprleft = 0) ORDER BY 1, 2, 3;
SELECT oprname, oprleft::regtype, oprright::regtype, count(*) FROM pg_operator GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY 1, 2, 3;
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype FROM pg_operator o LEFT JOIN pg_operator c ON c.oid = o.oprcom WHERE o.oprcom <> 0 AND (c.oid IS NULL OR c.oprcom <> o.oid OR c.oprleft <> o.oprright OR c.oprright <> o.oprleft) ORDER BY 1, 2, 3;
SELECT o.oprname, o.oprleft::regtype, o.oprright::regtype FROM pg_operator o LEFT JOIN pg_operator n ON n.oid = o.oprnegate WHERE o.oprnegate <> 0 AND (n.oid IS NULL OR n.oprnegate <> o.oid OR n.oprleft <> o.oprleft OR n.oprright <> o.oprright OR n.oprresult <> 16) ORDER BY 1, 2, 3;
SELECT oprname, oprleft::regtype, oprright::regtype FROM pg_operator WHERE oprname IN ('=', '<>', '<', '<=', '>', '>=') AND oprresult <> 16 ORDER BY 1, 2, 3;
-- casts
SELECT castsource::regtype, casttarget::regtype FROM pg_cast WHERE castsource NOT IN (SELECT oid FROM pg_type) OR casttarget NOT IN (SELECT oid FROM pg_type) OR castcontext NOT IN ('i', 'a', 'e') OR castmethod NOT IN ('f', 'b', 'i') OR (castmethod = 'f') <> (castfunc <> 0) ORDER BY 1, 2;
SELECT castsource::regtype, casttarget::regtype, count(*) FROM pg_cast GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2;
SELECT castsource::regtype, casttarget::regtype FROM pg_cast c WHERE castfunc <> 0 AND NOT EXISTS (SELECT 1 FROM pg_proc p WHERE p.oid = c.castfunc AND p.prorettype = c.casttarget) ORDER BY 1, 2;
-- relations and their columns
SELECT relname FROM pg_class c WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace) OR relkind NOT IN ('r', 'v', 'i', 'S', 'm', 'c', 't', 'p') ORDER BY 1;
SELECT oid, count(*) FROM pg_class GROUP BY oid HAVING count(*) > 1 ORDER BY 1;
SELECT relname, relnamespace, count(*) FROM pg_class GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1;
SELECT attrelid, attname FROM pg_attribute WHERE attrelid NOT IN (SELECT oid FROM pg_class) OR (atttypid <> 0 AND atttypid NOT IN (SELECT oid FROM pg_type)) ORDER BY 1, 2;
SELECT attrelid::regclass, attnum, count(*) FROM pg_attribute GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2;
SELECT attrelid::regclass, attname, count(*) FROM pg_attribute WHERE NOT attisdropped GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2;
SELECT relname FROM pg_class c WHERE relkind IN ('r', 'v') AND relnatts <> (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) ORDER BY 1;
SELECT table_name, column_name FROM information_schema.columns c WHERE NOT EXISTS (SELECT 1 FROM pg_class r WHERE r.relname = c.table_name) ORDER BY 1, 2;
SELECT name, count(*) FROM pg_settings GROUP BY name HAVING count(*) > 1 ORDER BY 1;
SELECT name FROM pg_settings WHERE short_desc IS NULL OR short_desc = '' ORDER BY 1;
-- every relation can be read
SELECT count(*) > 0 FROM pg_operator WHERE oprname = '=' AND oprleft = 'int4'::regtype AND oprright = 'int4'::regtype;
SELECT castcontext FROM pg_cast WHERE castsource = 'int4'::regtype AND casttarget = 'int8'::regtype;
