-- Accounts, sessions, their documents, outcomes of mutations, log-in attempts. Runs as mayfly_owner in schema mayfly.

-- RFC 7396: members of patch replace those of target, null removes, nested objects merge.
CREATE FUNCTION merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = mayfly AS $$
BEGIN
    IF jsonb_typeof(patch) <> 'object' THEN
        RETURN patch;
    END IF;
    IF jsonb_typeof(target) <> 'object' THEN
        target := '{}';
    END IF;
    -- One pass over both: adding members one by one would copy the whole for each.
    RETURN (SELECT coalesce(jsonb_object_agg(key, CASE
                WHEN p.value IS NULL THEN t.value
                WHEN jsonb_typeof(p.value) = 'object' THEN merge_patch(coalesce(t.value, 'null'), p.value)
                ELSE p.value END), '{}')
            FROM jsonb_each(target) t FULL JOIN jsonb_each(patch) p USING (key)
            WHERE p.value IS NULL OR jsonb_typeof(p.value) <> 'null');
END $$;

-- What two spellings of a name have in common.
CREATE FUNCTION name_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT lower(normalize(name, NFKC)) $$;

-- Stable as date_part is: only then does PostgreSQL put its body in the place of the call.
CREATE FUNCTION to_ms(moment timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT (date_part('epoch', moment) * 1000)::bigint $$;

CREATE FUNCTION to_iso(moment timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

CREATE TABLE account (
    id uuid PRIMARY KEY,
    username text CHECK (char_length(username) BETWEEN 1 AND 64),
    email text CHECK (char_length(email) BETWEEN 3 AND 254),
    name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 200),
    password_hash text NOT NULL,
    groups text[] NOT NULL DEFAULT '{}',
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    profile text NOT NULL,
    -- As normalised, since name_key compares so: a full-width @ would make a name look like another's address.
    CONSTRAINT account_username_plain CHECK (normalize(username, NFKC) !~
        '[@[:space:]"''<>/\\:;,\u00AD\u180E\u200B-\u200F\u2028-\u202F\u2060-\u206F\uFEFF]'),
    CONSTRAINT account_has_login CHECK (username IS NOT NULL OR email IS NOT NULL)
);
CREATE UNIQUE INDEX account_username ON account (name_key(username));
CREATE UNIQUE INDEX account_email ON account (name_key(email));

-- What a client sees of an account, ready-made at each change, since it is read far more often than changed.
CREATE FUNCTION account_profile() RETURNS trigger
LANGUAGE plpgsql SET search_path = mayfly AS $$
BEGIN
    NEW.profile := (SELECT row_to_json(p)::text FROM (SELECT NEW.id, NEW.username, NEW.email, NEW.name, NEW.groups,
                                                             to_iso(NEW.created_at) AS created_at) p);
    RETURN NEW;
END $$;
CREATE TRIGGER account_profile BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION account_profile();

-- Partitioned by the day that the time-ordered id carries, so a look-up by id prunes to one partition.
CREATE TABLE session (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    idle interval NOT NULL,
    expires_at timestamptz NOT NULL,
    remember boolean NOT NULL,
    user_agent text NOT NULL CHECK (char_length(user_agent) <= 256),
    address inet
) PARTITION BY RANGE (id);
-- No index on seen_at: writing it stays a heap-only update.
CREATE INDEX session_account ON session (account_id);

-- The document of a session: apart, so that seen_at can be written without copying it.
CREATE TABLE session_data (
    session_id uuid PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1,
    data jsonb NOT NULL,
    CONSTRAINT data_size CHECK (octet_length(data::text) <= 65536)
) PARTITION BY RANGE (session_id);

CREATE TABLE profile_data (
    account_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    version bigint NOT NULL DEFAULT 1,
    data jsonb NOT NULL,
    CONSTRAINT data_size CHECK (octet_length(data::text) <= 65536)
);

-- The first outcome of each mutation. key is a MAC of request, route and credential; sealed is encrypted with a key that
-- is not in this database; forgets are the sessions whose cached copies must go whenever the outcome is repeated.
CREATE TABLE outcome (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    sealed bytea,
    forgets uuid[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);
CREATE INDEX outcome_created ON outcome (created_at);

-- Leaky buckets: level drains at a constant rate, one more attempt raises it by one.
CREATE TABLE attempt (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    level double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX attempt_updated ON attempt (updated_at);

-- Takes one attempt from every bucket, or from none when one is full. Answers the seconds to wait; 0: taken.
-- Keys are locked in order, so that two log-ins never wait for each other.
CREATE FUNCTION attempt_take(keys bytea[], limits int[], window_s int) RETURNS int
LANGUAGE plpgsql SET search_path = mayfly AS $$
DECLARE
    bucket record;
    wait_s double precision := 0;
BEGIN
    FOR bucket IN SELECT k, l FROM unnest(keys, limits) AS u(k, l) ORDER BY k LOOP
        INSERT INTO attempt AS a (key, level, updated_at) VALUES (bucket.k, 0, statement_timestamp())
        ON CONFLICT (key) DO UPDATE SET
            level = greatest(0, a.level - extract(epoch FROM greatest(interval '0', statement_timestamp() - a.updated_at))
                                          * bucket.l / window_s),
            updated_at = greatest(a.updated_at, statement_timestamp());
        SELECT greatest(wait_s, (level + 1 - bucket.l) * window_s / bucket.l) INTO wait_s
        FROM attempt WHERE key = bucket.k;
    END LOOP;
    IF wait_s > 0 THEN
        RETURN greatest(1, ceil(wait_s));
    END IF;
    UPDATE attempt SET level = level + 1 WHERE key = ANY (keys);
    RETURN 0;
END $$;

-- Makes the partitions of today and of the days ahead, drops those in which nothing lives any more.
-- Runs with its owner's rights: workers may call it, but can't alter a table.
CREATE FUNCTION partitions_keep(days_ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mayfly SET lock_timeout = '500ms' AS $$
DECLARE
    day date;
    parent text;
    part record;
    alive boolean;
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
    FOR part IN
        SELECT inhrelid::regclass::text AS name, right(inhrelid::regclass::text, 8) AS day
        FROM pg_inherits WHERE inhparent = 'session'::regclass
            AND right(inhrelid::regclass::text, 8) < to_char(current_date - 1, 'YYYYMMDD')
        ORDER BY 1
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE expires_at > now())', part.name) INTO alive;
        IF NOT alive THEN
            EXECUTE format('DROP TABLE %s, %I', part.name, 'session_data_' || part.day);
            changed := changed + 2;
        END IF;
    END LOOP;
    RETURN changed;
EXCEPTION
    WHEN lock_not_available THEN RETURN changed; -- busy: the next sweep tries again
END $$;

-- The least id of a day: 48 bits of milliseconds (RFC 9562, version 7), then zeroes.
CREATE FUNCTION day_floor(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SET search_path = mayfly AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM day::timestamp AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Removes what has had its time, a bounded number of rows a call; several may run at once.
CREATE FUNCTION sweep(outcome_keep_s int, attempt_keep_s int, most int) RETURNS int
LANGUAGE plpgsql SET search_path = mayfly AS $$
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
        SELECT key FROM attempt WHERE updated_at < now() - make_interval(secs => attempt_keep_s)
        ORDER BY updated_at LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN total + removed;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mayfly FROM PUBLIC;
GRANT USAGE ON SCHEMA mayfly TO mayfly;
GRANT SELECT, INSERT, UPDATE, DELETE ON account, session, session_data, profile_data, outcome, attempt TO mayfly;
GRANT SELECT ON schema_change TO mayfly;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mayfly TO mayfly;
