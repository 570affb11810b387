-- Keeping partitions in bounded steps: the role's statement_timeout must not stop it for ever when old ones are large.

-- The last moment at which anything in a partition lives is then one look-up, however many rows there are. expires_at never
-- changes, so writing seen_at stays a heap-only update. Log-ins wait while it is built, about a second per million sessions.
CREATE INDEX session_expires ON session (expires_at);

-- Makes the partitions of today and of the days ahead, then drops the oldest one in which nothing lives any more: to be
-- called again while the answer, the number of tables made and dropped, is not 0.
-- Runs with its owner's rights: workers may call it, but can't alter a table.
CREATE OR REPLACE FUNCTION partitions_keep(days_ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mayfly SET lock_timeout = '500ms' AS $$
DECLARE
    day date;
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
    -- From yesterday on: a worker's clock may be behind.
    FOR day IN SELECT generate_series(current_date - 1, current_date + days_ahead, interval '1 day')::date LOOP
        FOREACH parent IN ARRAY ARRAY['session', 'session_data'] LOOP
            IF to_regclass(format('%I', parent || '_' || to_char(day, 'YYYYMMDD'))) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 80)',
                    parent || '_' || to_char(day, 'YYYYMMDD'), parent, day_floor(day), day_floor(day + 1));
                changed := changed + 1;
            END IF;
        END LOOP;
    END LOOP;
    -- In a block of its own: what is refused here takes nothing of the above along.
    BEGIN
        FOR part IN
            SELECT inhrelid::regclass::text AS name, right(inhrelid::regclass::text, 8) AS day
            FROM pg_inherits WHERE inhparent = 'session'::regclass
                AND right(inhrelid::regclass::text, 8) < to_char(current_date - 1, 'YYYYMMDD')
            ORDER BY 1
        LOOP
            -- Not EXISTS (… > now()): without statistics the planner takes that for easily found, and reads the whole table.
            EXECUTE format('SELECT max(expires_at) FROM %s', part.name) INTO last;
            IF last IS NULL OR last <= now() THEN
                EXECUTE format('DROP TABLE %s, %I', part.name, 'session_data_' || part.day);
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
