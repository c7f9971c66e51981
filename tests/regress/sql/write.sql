-- Line protocol as /write takes it: what is stored and what the client is told.
\write
m,t=a f=1.5,i=1i,u=2u,b=t,s="text" 1
\.
SELECT * FROM m;
-- escapes
\write
we\,ird\ name,ta\,g=v\ a\=l,b=x fie\ ld="say \"hi\" \\ \n",n=-1e3 2
\.
SELECT * FROM "we,ird name";
-- good lines are stored, bad ones named
\write
m,t=a f=2 10
m,t=a f=
m f=x 11
m,t= f=1 12
m,t=a i=1.5 13
# a comment

m,t=b f=3 14
,t=a f=1 15
m,t=a f=1 notatime
m,time=a f=1 16
m,t=a time=1 17
m,t=a t=1 18
m,t=a,t=b f=1 19
m,t=a f=NaN 20
m,t=a f=9223372036854775807i 21
m,t=a i=9223372036854775808i 22
\.
SELECT t, f, i, ts_ns(time) AS ns FROM m ORDER BY ns;
\write?precision=s
p,t=a v=1 1767225600
\.
\write?precision=ms
p,t=a v=2 1767225601000
\.
\write?precision=x
p,t=a v=2 1767225601000
\.
SELECT time, v FROM p ORDER BY time;
\write?db=nosuch
p v=1 1
\.
\write
\.
-- an integer goes into a float column, a float not into an integer column
\write
m,t=c f=7i 30
\.
SELECT f FROM m WHERE t = 'c';
-- a tag named like the time column or a field stays a label
\write
clash,f1=tagvalue x=1 1
\.
\write
clash,x=lbl y=2 2
\.
SELECT * FROM clash ORDER BY time;
-- new tags and fields of an SQL table
CREATE TABLE made (ts timestamptz NOT NULL, host text TAG, v float8, note text);
\write
made,host=a,note=plain v=1 1767225600000000000
made,host=a,rack=7 v=2,w=3 1767225601000000000
\.
SELECT * FROM made ORDER BY ts;
CREATE TABLE fixed (ts timestamptz NOT NULL, host text TAG, v float8) WITH (schema = 'fixed');
\write
fixed,host=a v=1 1767225600000000000
fixed,host=a w=1 1767225600000000000
\.
SELECT * FROM fixed;
-- a refused line leaves nothing behind: no table, no column, no series
\write
y1 v=1i 1
y1,newt=a newf=2,v=1.5 2
"quoted table",a"b=c"d v=x 1
bad line
\.
SELECT column_name FROM information_schema.columns WHERE table_name = 'y1' ORDER BY ordinal_position;
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND (table_name LIKE '%quot%' OR table_name = 'bad');
SELECT count(*) FROM skulk.series WHERE table_name = 'y1';
