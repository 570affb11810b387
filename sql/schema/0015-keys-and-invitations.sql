-- 0015: keys for machines and native apps, and invitations to register. The release before knows nothing of either, but that an
-- account's row goes with what is its.

CREATE TABLE key (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 60),
    -- Bits of store/key.h.
    scopes int NOT NULL CHECK (scopes BETWEEN 1 AND 15),
    -- The sites that it opens at the gate: all, or these. The id of a removed site opens nothing.
    all_sites boolean NOT NULL,
    sites uuid[] NOT NULL CHECK (cardinality(sites) <= 20),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    expires_at timestamptz NOT NULL,
    seen_at timestamptz,
    CONSTRAINT key_account UNIQUE (account_id, id)
);

-- Valid for one registration, which deletes it. Only administrators make them (mayfly_operator, see 0013).
CREATE TABLE invitation (
    id uuid PRIMARY KEY,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by text NOT NULL CHECK (char_length(created_by) <= 100),
    expires_at timestamptz NOT NULL
);

-- As session_confirm (0004), of a key: an error when it was revoked meanwhile; otherwise it can't be before COMMIT.
CREATE FUNCTION key_confirm(key uuid, account uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM mayfly.key k JOIN mayfly.account a ON a.id = k.account_id
    WHERE k.id = $1 AND k.account_id = $2 AND NOT a.disabled AND k.expires_at > statement_timestamp()
    FOR KEY SHARE OF k;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key was revoked' USING ERRCODE = 'MF401';
    END IF;
END $$;

REVOKE ALL ON FUNCTION key_confirm(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION key_confirm(uuid, uuid) TO mayfly;
GRANT SELECT, INSERT, UPDATE, DELETE ON key TO mayfly;
GRANT SELECT, DELETE ON invitation TO mayfly;
GRANT SELECT, INSERT, DELETE ON invitation TO mayfly_operator;
