-- Installs or updates the schema: psql -d mayfly -f apply.sql, as a superuser or the database's owner with CREATEROLE.
-- Since PostgreSQL 16 that is not enough when another user has made the roles mayfly and mayfly_owner, for another database:
-- the owner needs both WITH ADMIN OPTION.
-- Numbered files are applied once each, in order, one transaction per file, under a lock; running it again changes nothing. What
-- takes longer than requests may wait for is in later.sql, outside of these transactions.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;

-- normalize() works in UTF8 only, and a text that is no UTF-8 could not be sent as JSON.
DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database % has the encoding %, but mayfly needs UTF8',
            current_database(), current_setting('server_encoding')
            USING HINT = format('Make it anew: dropdb %1$I; createdb -T template0 -E UTF8 --locale=C.UTF-8 %1$I', current_database());
    END IF;
END $$;

-- wait.sql tries the lock repeatedly: a statement that waits would hold a snapshot, for which CREATE INDEX CONCURRENTLY
-- waits.
\ir wait.sql

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mayfly_owner') THEN
        CREATE ROLE mayfly_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mayfly') THEN
        CREATE ROLE mayfly LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mayfly_operator') THEN
        CREATE ROLE mayfly_operator NOLOGIN;
    END IF;
    BEGIN
        EXECUTE format('GRANT mayfly_owner TO %I', current_user);
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'insufficient_privilege',
                HINT = format('Let a superuser run: GRANT mayfly, mayfly_owner TO %I WITH ADMIN OPTION', current_user);
    END;
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
-- The steps of later.sql that are done.
CREATE TABLE IF NOT EXISTS schema_step (
    name text COLLATE "C" PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Locks tables for a change, all or none of them; without a table it does nothing. All other statements wait behind a
-- statement that waits for such a lock, so it waits for a moment only and then tries again, for five minutes. A
-- transaction that holds a table for longer, such as a backup, has to end first.
CREATE OR REPLACE FUNCTION tables_lock(VARIADIC names text[]) RETURNS void
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    until timestamptz := clock_timestamp() + interval '5 minutes';
    list text := (SELECT string_agg(quote_ident(name), ', ') FROM unnest(names) name);
BEGIN
    IF list IS NULL THEN
        RETURN;
    END IF;
    LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '50ms', true);
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', list);
            RETURN;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                IF clock_timestamp() > until THEN
                    RAISE EXCEPTION '% can not be locked', list USING ERRCODE = 'lock_not_available',
                        HINT = 'A transaction holds it for minutes, see pg_stat_activity. When it has ended, run apply.sql again.';
                END IF;
        END;
        PERFORM pg_sleep(0.1 + random() * 0.3);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION tables_lock(text[]) FROM PUBLIC;

-- Each change, and the tables that it locks as a whole.
\set change 0001-accounts-and-sessions \set locks '' \ir change.sql
\set change 0002-partitions-in-steps \set locks session \ir change.sql
\set change 0003-files \set locks account \ir change.sql
\set change 0004-a-logout-wins \set locks '' \ir change.sql
\set change 0005-bounded-texts-and-attempts \set locks file \ir change.sql
\set change 0006-who-waits-for-partitions \set locks '' \ir change.sql
\set change 0007-thumbnail-shares \set locks 'account file' \ir change.sql
\set change 0008-links-without-a-key \set locks file_link \ir change.sql
\set change 0009-who-uses-a-link \set locks file_link \ir change.sql
\set change 0010-accounts-close-outcomes-turn \set locks 'account outcome attempt file file_copy' \ir change.sql
\set change 0011-names-that-look-alike \set locks account \ir change.sql
\set change 0012-tails-in-pieces \set locks file \ir change.sql
\set change 0013-sites \set locks '' \ir change.sql
\set change 0014-app-documents \set locks 'account site' \ir change.sql
\set change 0015-keys-and-invitations \set locks account \ir change.sql

\ir later.sql

RESET ROLE;
-- Commands of administrators change their tables in the role mayfly_operator, which they take for a transaction.
DO $$
BEGIN
    IF (SELECT rolinherit FROM pg_roles WHERE rolname = 'mayfly') THEN
        ALTER ROLE mayfly NOINHERIT;
    END IF;
    IF NOT pg_has_role('mayfly', 'mayfly_operator', 'MEMBER') THEN
        GRANT mayfly_operator TO mayfly;
    END IF;
END $$;
-- Settings of the role, not of a connection, so that they hold behind PgBouncer's transaction pooling too.
ALTER ROLE mayfly SET search_path = mayfly;
ALTER ROLE mayfly SET statement_timeout = '5s';
ALTER ROLE mayfly SET lock_timeout = '2s';
ALTER ROLE mayfly SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE mayfly SET synchronous_commit = on;
-- The formats that workers read, whatever the settings of the database or the cluster.
ALTER ROLE mayfly SET bytea_output = hex;
ALTER ROLE mayfly SET timezone = 'UTC';
ALTER ROLE mayfly SET standard_conforming_strings = on;
-- Keeps secrets out of the server's log: no details of errors, which quote rows and keys (e-mail addresses, hashes),
-- and no parameters, which may be tokens. Only a superuser may set this.
ALTER ROLE mayfly SET log_parameter_max_length_on_error = 0;
DO $$
BEGIN
    ALTER ROLE mayfly SET log_error_verbosity = terse;
    ALTER ROLE mayfly SET log_parameter_max_length = 0;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'the server''s log may quote e-mail addresses: let a superuser run ALTER ROLE mayfly SET log_error_verbosity = terse; ALTER ROLE mayfly SET log_parameter_max_length = 0';
END $$;
SELECT mayfly.partitions_keep(14) AS partitions \gset
SELECT pg_advisory_unlock(hashtextextended('mayfly schema', 0)) AS unlock \gset
SELECT 'schema is at ' || max(number) AS status FROM mayfly.schema_change \gset
\echo :status
