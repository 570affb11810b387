-- 0009: a use of a link is one transfer of its holder.

-- Who has used a link for a number of downloads, and may go on with the transfer. holder: a hash of the ticket that a browser got, or
-- of the address that a program came from.
CREATE TABLE file_link_use (
    link_id uuid NOT NULL REFERENCES file_link ON DELETE CASCADE,
    holder bytea NOT NULL CHECK (octet_length(holder) = 32),
    bytes_left bigint NOT NULL CHECK (bytes_left >= 0),
    until timestamptz NOT NULL,
    PRIMARY KEY (link_id, holder)
);

-- Counts one use. Answers how many are left; null: none was. The link's row orders those who come at once, and is locked before
-- rows of its uses are. used_at is what the release before goes by.
CREATE FUNCTION file_link_count(link uuid, who bytea, bytes bigint, seconds int) RETURNS int
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    remaining int;
BEGIN
    UPDATE file_link SET uses_left = uses_left - 1, used_at = statement_timestamp()
    WHERE id = link AND expires_at > statement_timestamp() AND uses_left > 0 RETURNING uses_left INTO remaining;
    IF remaining IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM file_link_use WHERE link_id = link AND until <= statement_timestamp();
    INSERT INTO file_link_use AS u (link_id, holder, bytes_left, until)
    VALUES (link, who, bytes, statement_timestamp() + make_interval(secs => seconds))
    ON CONFLICT (link_id, holder) DO UPDATE SET bytes_left = u.bytes_left + excluded.bytes_left,
        until = greatest(u.until, excluded.until);
    RETURN remaining;
END $$;

-- Makes a link, unless the file has as many as it may. The file's row is locked before the others are counted, in a statement of
-- its own: one statement would see them as they were before it waited.
CREATE FUNCTION file_link_make(link uuid, file_of uuid, account uuid, hash bytea, keyed bytea, seconds int, uses int, most int) RETURNS text
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    expiry timestamptz;
BEGIN
    PERFORM FROM file WHERE id = file_of AND account_id = account AND state = 'committed' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM file_link WHERE file_id = file_of AND expires_at <= statement_timestamp();
    INSERT INTO file_link (id, file_id, token_hash, secret_hash, expires_at, uses_left)
    SELECT link, file_of, hash, keyed, statement_timestamp() + make_interval(secs => seconds), uses
    WHERE (SELECT count(*) FROM file_link WHERE file_id = file_of) < most
    RETURNING expires_at INTO expiry;
    RETURN to_iso(expiry);
END $$;

REVOKE ALL ON FUNCTION file_link_count(uuid, bytea, bigint, int), file_link_make(uuid, uuid, uuid, bytea, bytea, int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION file_link_count(uuid, bytea, bigint, int), file_link_make(uuid, uuid, uuid, bytea, bytea, int, int, int) TO mayfly;
GRANT SELECT, INSERT, UPDATE, DELETE ON file_link_use TO mayfly;
