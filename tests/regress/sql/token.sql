-- tokens: what stands for a role over HTTP; the secret is answered once
CREATE ROLE tk_feeder LOGIN;
CREATE ROLE tk_other LOGIN;
CREATE ROLE tk_admin LOGIN CREATEROLE;
CREATE TABLE tk_made (name text, secret text);
CREATE TOKEN IF NOT EXISTS tk_ingest FOR tk_nobody;
CREATE TOKEN tk_bad FOR tk_feeder VALID UNTIL 'never again';
CREATE TOKEN tk_bad FOR tk_feeder FOREVER;
CREATE TOKEN tk_bad FOR tk_feeder VALID;
CREATE TOKEN tk_bad;
DROP TOKEN tk_none;
DROP TOKEN IF EXISTS tk_none;
SELECT name, role, valid_until FROM skulk.tokens ORDER BY name;
-- TOKEN is still a name
CREATE TABLE token (token text);
INSERT INTO token (token) VALUES ('t');
SELECT token FROM token;
SELECT t.token AS token, 1 token FROM token t;
DROP TABLE token;
-- rights
SET ROLE tk_other;
CREATE TOKEN tk_x FOR tk_feeder;
CREATE TOKEN tk_x FOR skulk;
SET ROLE tk_admin;
CREATE TOKEN tk_x FOR skulk;
RESET ROLE;
DROP TABLE tk_made;
DROP ROLE tk_feeder, tk_other, tk_admin;
