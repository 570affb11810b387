-- 0014: what the apps behind the gate keep: a document for each of their own sessions, and one for each account; and
-- keys of sites, by which the apps' servers read and write them. The release before knows nothing of them.

CREATE TABLE site_key (
    id uuid PRIMARY KEY,
    site_id uuid NOT NULL CONSTRAINT site_key_site REFERENCES site ON DELETE CASCADE,
    secret_hash bytea NOT NULL CONSTRAINT site_key_hash CHECK (octet_length(secret_hash) = 32),
    label text NOT NULL CONSTRAINT site_key_label CHECK (char_length(label) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by text NOT NULL CHECK (char_length(created_by) <= 100),
    seen_at timestamptz
);
CREATE INDEX site_key_of_site ON site_key (site_id);

-- As session_confirm (0004): an error when it was revoked meanwhile; otherwise it can't be before COMMIT.
CREATE FUNCTION site_key_confirm(key uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM mayfly.site_key WHERE id = $1 FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key was revoked' USING ERRCODE = 'MF401';
    END IF;
END $$;

CREATE TABLE app_document (
    site_id uuid NOT NULL CONSTRAINT app_document_site REFERENCES site ON DELETE CASCADE,
    -- SHA-256 of the app's own id, so that a reader of this table can't present the id.
    key bytea NOT NULL CONSTRAINT app_document_key CHECK (octet_length(key) = 32),
    -- Whose it is since the log-in; null: a guest's.
    account_id uuid CONSTRAINT app_document_account REFERENCES account ON DELETE CASCADE,
    -- The time in microseconds, or one more than before: it grows also when a document is removed and made anew.
    version bigint NOT NULL,
    -- Null: an account's document, which does not end by itself.
    idle interval,
    -- Written when a twentieth of idle has passed, since it is indexed.
    ends_at timestamptz NOT NULL,
    data jsonb NOT NULL CONSTRAINT app_document_object CHECK (jsonb_typeof(data) = 'object'),
    PRIMARY KEY (site_id, key)
);
CREATE INDEX app_document_of_account ON app_document (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX app_document_ends ON app_document (ends_at);

-- How many there are, in sixteen rows for each site, so that requests at the same time rarely wait for each other.
CREATE TABLE app_usage (
    site_id uuid NOT NULL CONSTRAINT app_usage_site REFERENCES site ON DELETE CASCADE,
    slot int NOT NULL,
    guests bigint NOT NULL,
    members bigint NOT NULL,
    PRIMARY KEY (site_id, slot)
) WITH (fillfactor = 50);

CREATE FUNCTION app_slot(key bytea) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT get_byte(key, 0) % 16 $$;

-- When a site is removed its counts may go before its documents. Then there is no row, and nothing is counted down.
CREATE FUNCTION app_usage_add(site uuid, place int, more_guests bigint, more_members bigint) RETURNS void
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
BEGIN
    UPDATE app_usage SET guests = guests + more_guests, members = members + more_members
    WHERE site_id = site AND slot = place;
    IF NOT FOUND AND more_guests + more_members > 0 THEN
        INSERT INTO app_usage AS u (site_id, slot, guests, members) VALUES (site, place, more_guests, more_members)
        ON CONFLICT (site_id, slot) DO UPDATE SET guests = u.guests + more_guests, members = u.members + more_members;
    END IF;
END $$;

-- With the owner's rights, since documents also go with their site or account, which other roles remove.
CREATE FUNCTION app_document_counted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = mayfly, pg_temp AS $$
DECLARE
    gone_here record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM app_usage_add(NEW.site_id, app_slot(NEW.key),
            (NEW.account_id IS NULL)::int, (NEW.account_id IS NOT NULL)::int);
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM app_usage_add(NEW.site_id, app_slot(NEW.key),
            (NEW.account_id IS NULL)::int - (OLD.account_id IS NULL)::int,
            (NEW.account_id IS NOT NULL)::int - (OLD.account_id IS NOT NULL)::int);
    ELSE
        -- In one order, so that two statements that remove many do not wait for each other.
        FOR gone_here IN
            SELECT g.site_id, app_slot(g.key) AS slot, count(*) FILTER (WHERE g.account_id IS NULL) AS guests,
                count(g.account_id) AS members
            FROM gone g GROUP BY 1, 2 ORDER BY 1, 2
        LOOP
            PERFORM app_usage_add(gone_here.site_id, gone_here.slot, -gone_here.guests, -gone_here.members);
        END LOOP;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER app_document_made AFTER INSERT ON app_document FOR EACH ROW EXECUTE FUNCTION app_document_counted();
CREATE TRIGGER app_document_bound AFTER UPDATE OF account_id ON app_document FOR EACH ROW
    WHEN (OLD.account_id IS DISTINCT FROM NEW.account_id) EXECUTE FUNCTION app_document_counted();
CREATE TRIGGER app_document_gone AFTER DELETE ON app_document REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION app_document_counted();

REVOKE ALL ON FUNCTION app_slot(bytea), app_usage_add(uuid, int, bigint, bigint), app_document_counted() FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON app_document TO mayfly;
GRANT SELECT ON app_usage TO mayfly;

-- As of sites, workers make no keys.
REVOKE ALL ON FUNCTION site_key_confirm(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION site_key_confirm(uuid) TO mayfly;
GRANT SELECT, UPDATE (seen_at) ON site_key TO mayfly;
GRANT SELECT, INSERT, UPDATE (id), DELETE ON site_key TO mayfly_operator;
