-- Installs or updates the schema: psql -d mayfly -f apply.sql, as a superuser or the database's owner with CREATEROLE.
-- Numbered files are applied once each, in order, one transaction per file, under a lock; running it again changes nothing.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT pg_advisory_lock(hashtextextended('mayfly schema', 0)) AS lock \gset

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mayfly_owner') THEN
        CREATE ROLE mayfly_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mayfly') THEN
        CREATE ROLE mayfly LOGIN;
    END IF;
    EXECUTE format('GRANT mayfly_owner TO %I', current_user);
EXCEPTION
    WHEN duplicate_object THEN NULL;
END $$;

CREATE SCHEMA IF NOT EXISTS mayfly AUTHORIZATION mayfly_owner;
SET ROLE mayfly_owner;
SET search_path = mayfly;
CREATE TABLE IF NOT EXISTS schema_change (
    number int PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

\set number 1
\set name '0001-accounts-and-sessions'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0001-accounts-and-sessions.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 2
\set name '0002-partitions-in-steps'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0002-partitions-in-steps.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 3
\set name '0003-files'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0003-files.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 4
\set name '0004-a-logout-wins'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0004-a-logout-wins.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 5
\set name '0005-bounded-texts-and-attempts'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0005-bounded-texts-and-attempts.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 6
\set name '0006-who-waits-for-partitions'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0006-who-waits-for-partitions.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

\set number 7
\set name '0007-thumbnail-shares'
SELECT NOT EXISTS (SELECT FROM schema_change WHERE number = :number) AS todo \gset
\if :todo
\echo applying :name
BEGIN;
\ir 0007-thumbnail-shares.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'name');
COMMIT;
\endif

RESET ROLE;
-- Settings of the role, not of a connection, so that they hold behind PgBouncer's transaction pooling too.
ALTER ROLE mayfly SET search_path = mayfly;
ALTER ROLE mayfly SET statement_timeout = '5s';
ALTER ROLE mayfly SET lock_timeout = '2s';
ALTER ROLE mayfly SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE mayfly SET synchronous_commit = on;
SELECT mayfly.partitions_keep(14) AS partitions \gset
SELECT pg_advisory_unlock(hashtextextended('mayfly schema', 0)) AS unlock \gset
SELECT 'schema is at ' || max(number) AS status FROM mayfly.schema_change \gset
\echo :status
