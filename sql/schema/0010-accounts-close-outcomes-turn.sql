-- 0010: what outgrows one statement: an account that closes, the outcomes of a day, the partitions of a year.

-- An account that is closing has no name, no session and no document any more, and is disabled, which is also what the release
-- before knows. The sweeper lets go of its files, a bounded number a call, and then removes it.
ALTER TABLE account ADD COLUMN closing_at timestamptz,
    DROP CONSTRAINT account_has_login,
    ADD CONSTRAINT account_has_login
        CHECK (username IS NOT NULL OR email IS NOT NULL OR closing_at IS NOT NULL) NOT VALID;

-- Outcomes under a client's Idempotency-Key stay in outcome, for a day, and count for their account.
ALTER TABLE outcome ADD COLUMN account_id uuid;

-- Those under nginx's request id, which nobody repeats after some minutes: nearly all. A ring of four partitions, one for each
-- hour; the one of the next hour has what is three hours old, and is emptied at once instead of row by row.
CREATE TABLE outcome_request (
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    sealed bytea NOT NULL,
    forgets uuid[] NOT NULL,
    hour smallint NOT NULL DEFAULT (floor(extract(epoch FROM statement_timestamp()) / 3600) % 4)::smallint,
    PRIMARY KEY (key, hour)
) PARTITION BY LIST (hour);
CREATE TABLE outcome_request_0 PARTITION OF outcome_request FOR VALUES IN (0);
CREATE TABLE outcome_request_1 PARTITION OF outcome_request FOR VALUES IN (1);
CREATE TABLE outcome_request_2 PARTITION OF outcome_request FOR VALUES IN (2);
CREATE TABLE outcome_request_3 PARTITION OF outcome_request FOR VALUES IN (3);

-- Empties the partition of the next hour -> whether there was anything in it. It is read only to look for a key; such a
-- statement is waited for, and waits, only for a moment. Runs with its owner's rights: workers can't empty a table.
CREATE FUNCTION outcomes_turn() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mayfly, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    next text := 'outcome_request_' || (floor(extract(epoch FROM statement_timestamp()) / 3600) + 1)::bigint % 4;
BEGIN
    IF pg_relation_size(format('mayfly.%I', next)::regclass) = 0 OR
        NOT pg_try_advisory_xact_lock(hashtextextended('mayfly outcomes', 0)) THEN
        RETURN false;
    END IF;
    EXECUTE format('TRUNCATE %I', next);
    RETURN true;
EXCEPTION
    WHEN lock_not_available THEN RETURN false; -- busy: the next sweep tries again
END $$;

-- What claims of one key wait for.
CREATE FUNCTION outcome_lock(key bytea) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(('x' || encode(substr(key, 1, 8), 'hex'))::bit(64)::bigint)
$$;

-- The release before claims with an empty row in outcome: it finds there what this one has done under the same request id.
CREATE FUNCTION outcome_elsewhere() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    kept record;
BEGIN
    PERFORM mayfly.outcome_lock(NEW.key);
    SELECT fingerprint, sealed, forgets INTO kept FROM mayfly.outcome_request WHERE key = NEW.key;
    IF FOUND THEN
        NEW.fingerprint := kept.fingerprint;
        NEW.sealed := kept.sealed;
        NEW.forgets := kept.forgets;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER outcome_elsewhere BEFORE INSERT ON outcome FOR EACH ROW WHEN (NEW.sealed IS NULL)
    EXECUTE FUNCTION outcome_elsewhere();

-- Makes the partitions of today and of the days ahead, a week each, then drops the oldest one in which nothing lives any more:
-- to be called again while the answer, the number of tables made and dropped, is not 0. A connection's first look-up locks each
-- partition and its indexes, so a few dozen are better than hundreds. Partitions of a day that are there stay, and what a week
-- has no partition for yet gets one, up to the next that is there.
CREATE OR REPLACE FUNCTION partitions_keep(days_ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mayfly, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    -- From yesterday on: a worker's clock may be behind.
    day date := current_date - 1;
    ends date;
    parent text;
    part record;
    last timestamptz;
    changed int := 0;
BEGIN
    IF days_ahead NOT BETWEEN 0 AND 60 THEN
        RAISE EXCEPTION 'days_ahead is % but may be 0 to 60', days_ahead;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('mayfly partitions', 0)) THEN
        RETURN 0;
    END IF;
    WHILE day <= current_date + days_ahead LOOP
        SELECT p.until INTO ends FROM session_partition p WHERE p.since <= day AND p.until > day;
        IF ends IS NULL THEN
            ends := least(date_trunc('week', day)::date + 7, (SELECT min(p.since) FROM session_partition p WHERE p.since > day));
            FOREACH parent IN ARRAY ARRAY['session', 'session_data'] LOOP
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 80)',
                    parent || '_' || to_char(day, 'YYYYMMDD'), parent, day_floor(day), day_floor(ends));
                changed := changed + 1;
            END LOOP;
        END IF;
        day := ends;
    END LOOP;
    -- In a block of its own: what is refused here takes nothing of the above along.
    BEGIN
        FOR part IN SELECT p.name FROM session_partition p WHERE p.until < current_date ORDER BY p.since LOOP
            -- Not EXISTS (… > now()): without statistics the planner takes that for easily found, and reads the whole table.
            EXECUTE format('SELECT max(expires_at) FROM %I', part.name) INTO last;
            IF last IS NULL OR last <= now() THEN
                EXECUTE format('DROP TABLE %I, %I', part.name, replace(part.name, 'session_', 'session_data_'));
                RETURN changed + 2;
            END IF;
        END LOOP;
    EXCEPTION
        WHEN lock_not_available THEN NULL; -- busy: the next sweep tries again
    END;
    RETURN changed;
EXCEPTION
    WHEN lock_not_available THEN RETURN 0;
END $$;

-- The day of the least id that has it, the reverse of day_floor.
CREATE FUNCTION id_day(id uuid) RETURNS date
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (timestamp 'epoch' + make_interval(secs => (('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000)))::date
$$;

-- The partitions of session, with the first day of each and the first one after it.
CREATE VIEW session_partition AS
SELECT c.relname::text AS name, id_day(b.bounds[1]::uuid) AS since, id_day(b.bounds[2]::uuid) AS until
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
    LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS bounds) b
WHERE i.inhparent = 'mayfly.session'::regclass;

-- Counting an attempt stays a heap-only update: what is swept is found by when its row was made.
ALTER TABLE attempt ADD COLUMN made_at timestamptz NOT NULL DEFAULT statement_timestamp();

-- Removes what has had its time, a bounded number of rows a call; several may run at once.
CREATE OR REPLACE FUNCTION sweep(outcome_keep_s int, attempt_keep_s int, most int) RETURNS int
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    removed int;
    total int := 0;
BEGIN
    DELETE FROM outcome WHERE key IN (
        SELECT key FROM outcome WHERE created_at < now() - make_interval(secs => outcome_keep_s)
        ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS removed = ROW_COUNT;
    total := total + removed;
    DELETE FROM attempt WHERE key IN (
        SELECT key FROM attempt WHERE made_at < now() - make_interval(secs => attempt_keep_s)
            AND updated_at < now() - make_interval(secs => attempt_keep_s)
        ORDER BY made_at LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN total + removed;
END $$;

-- What identifies is in the order of bytes, which no new C library changes.
ALTER TABLE file_copy ALTER COLUMN back_end TYPE text COLLATE "C";

-- Room on each page for the row that an upload writes next, beside the one before it.
ALTER TABLE file SET (fillfactor = 80);

-- A table of the caller's own may have any name, and would be looked for first.
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN SELECT oid FROM pg_proc WHERE pronamespace = 'mayfly'::regnamespace AND 'search_path=mayfly' = ANY (proconfig) LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = mayfly, pg_temp', function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION outcomes_turn(), outcome_lock(bytea), outcome_elsewhere(), id_day(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outcomes_turn(), outcome_lock(bytea), outcome_elsewhere(), id_day(uuid) TO mayfly;
GRANT SELECT, INSERT, UPDATE, DELETE ON outcome_request TO mayfly;
GRANT SELECT ON session_partition TO mayfly;
