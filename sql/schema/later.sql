-- Included by apply.sql: the slow steps of changes, which run while requests are served. Nothing here may hold a lock
-- on a whole table that requests wait for, or more than some hundred rows at once. Each step is done once; one that is
-- broken off begins anew.
SET lock_timeout = 0;

-- The beginning and the end of each step: whether it is to be done, and that it is done.
\set asked 'SELECT NOT EXISTS (SELECT FROM schema_step WHERE name = :''step'') AS todo'
\set done 'INSERT INTO schema_step (name) VALUES (:''step'');'

-- Assigns to the rows of a table that meet a condition, some hundred in a transaction, in the order of their ids.
CREATE OR REPLACE PROCEDURE pg_temp.rewrite_rows(table_name text, assignment text, condition text)
LANGUAGE plpgsql AS $$
DECLARE
    at uuid := '00000000-0000-0000-0000-000000000000';
    ids uuid[];
BEGIN
    LOOP
        EXECUTE format('SELECT ARRAY(SELECT id FROM %I WHERE id > $1 ORDER BY id LIMIT 200)', table_name) INTO ids USING at;
        EXIT WHEN ids = '{}';
        EXECUTE format('UPDATE %I SET %s WHERE id = ANY ($1) AND (%s)', table_name, assignment, condition) USING ids;
        at := ids[cardinality(ids)];
        COMMIT;
    END LOOP;
END $$;

-- Indexes that were broken off.
SELECT format('DROP INDEX CONCURRENTLY %s', indexrelid::regclass) FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE NOT indisvalid AND relnamespace = 'mayfly'::regnamespace \gexec

\set step 'account_photo'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS account_photo ON account (photo_id) WHERE photo_id IS NOT NULL;
:done
\endif

\set step 'file_thumbnail_claims'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS file_thumbnail_claims ON file (account_id) WHERE via = 'thumbnail' AND state = 'pending';
:done
\endif

-- Profiles of before 0003 have no photo; the trigger makes them anew.
\set step 'profile_photo'
:asked \gset
\if :todo
CALL pg_temp.rewrite_rows('account', 'updated_at = updated_at', $$(profile::json -> 'photo') IS NULL$$);
:done
\endif

\set step 'account_has_login'
:asked \gset
\if :todo
ALTER TABLE account VALIDATE CONSTRAINT account_has_login;
:done
\endif

\set step 'token_hash_size'
:asked \gset
\if :todo
ALTER TABLE file_link VALIDATE CONSTRAINT token_hash_size;
:done
\endif

\set step 'account_closing'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS account_closing ON account (closing_at) WHERE closing_at IS NOT NULL;
:done
\endif

-- Names compare alike whatever locale the database was made with: where its own lower() knows other letters than
-- ASCII's, and no dotless i, name_key stays as it is; elsewhere ICU's root locale takes its place. Indexes are of a
-- function, not of a name: those of the new one are made beside those of the old one, and then both change places.
-- Until both are complete, both decide which names are taken.
\set step 'name_key'
:asked \gset
SELECT name_key(E'I\u00C9') <> E'i\u00E9' AS differs, lower(E'I\u00C9') <> E'i\u00E9' AS differed \gset
\if :todo
\if :differs
CREATE OR REPLACE FUNCTION name_key_icu(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN char_length(name) <= 255 THEN lower(normalize(name, NFKC) COLLATE "und-x-icu") END
$$;
REVOKE ALL ON FUNCTION name_key_icu(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION name_key_icu(text) TO mayfly;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS account_username_icu ON account (name_key_icu(username));
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS account_email_icu ON account (name_key_icu(email));
BEGIN;
ALTER FUNCTION name_key(text) RENAME TO name_key_before;
ALTER FUNCTION name_key_icu(text) RENAME TO name_key;
ALTER INDEX account_username RENAME TO account_username_before;
ALTER INDEX account_username_icu RENAME TO account_username;
ALTER INDEX account_email RENAME TO account_email_before;
ALTER INDEX account_email_icu RENAME TO account_email;
COMMIT;
\endif
DROP INDEX CONCURRENTLY IF EXISTS account_username_before;
DROP INDEX CONCURRENTLY IF EXISTS account_email_before;
DROP FUNCTION IF EXISTS name_key_before(text);
\if :differed
-- What files are found by; a trigger makes it anew.
CALL pg_temp.rewrite_rows('file', 'name = name', 'name_key <> name_key(name)');
\endif
:done
\endif

-- In the order of bytes, which no new C library changes. The release before looks names up by account_username and account_email.
\set step 'account_names'
:asked \gset
\if :todo
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS account_username_bytes ON account ((name_key(username)) COLLATE "C");
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS account_email_bytes ON account ((name_key(email)) COLLATE "C");
:done
\endif

-- For fsck and files move, which walk through what a back end has, and for pages of an account's list, which pass by thumbnails and
-- parts. Neither has what an upload writes all the time.
\set step 'file_back_end'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS file_back_end ON file (back_end, id) WHERE state = 'committed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS file_listed ON file (account_id, id) WHERE state = 'committed' AND via IN ('upload', 'tus', 'direct');
:done
\endif

-- For a form that gives files back: without it the planner may read all files of the account.
\set step 'file_pending'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS file_pending ON file (account_id) WHERE via = 'upload' AND state = 'pending';
:done
\endif

\set step 'outcome_account'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS outcome_account ON outcome (account_id) WHERE account_id IS NOT NULL;
:done
\endif

\set step 'attempt_made'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempt_made ON attempt (made_at);
DROP INDEX CONCURRENTLY IF EXISTS attempt_updated;
:done
\endif

-- Of names that show less than they hold, which only accounts of before 0011 have: hardly any row is in them.
\set step 'account_hides'
:asked \gset
\if :todo
DROP INDEX CONCURRENTLY IF EXISTS account_username_hides;
CREATE INDEX CONCURRENTLY account_username_hides ON account (name_seen(username)) WHERE name_hides(username);
DROP INDEX CONCURRENTLY IF EXISTS account_email_hides;
CREATE INDEX CONCURRENTLY account_email_hides ON account (name_seen(email)) WHERE name_hides(email);
:done
\endif

-- What the gate looks sites up by (store/site_cache.h).
\set step 'site_origin_bucket'
:asked \gset
\if :todo
CREATE INDEX CONCURRENTLY IF NOT EXISTS site_origin_bucket ON site_origin (substr(encode(sha256(decode(host, 'escape')), 'hex'), 1, 3));
:done
\endif
