-- Files: their rows, the state of unfinished ones, and the usage of an account. Runs as mayfly_owner in schema mayfly.

-- What an account's files take, in bytes as reserved: exact under any number of parallel uploads, since each one counts
-- itself in the statement that makes its row.
CREATE TABLE account_usage (
    account_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    files int NOT NULL CHECK (files >= 0)
);

-- pending -> committed -> deleting -> gone. A row without an account is garbage, whatever its state.
CREATE TABLE file (
    id uuid PRIMARY KEY,
    account_id uuid REFERENCES account ON DELETE SET NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'committed', 'deleting')),
    via text NOT NULL CHECK (via IN ('upload', 'tus', 'part', 'direct', 'thumbnail')),
    -- The file that this is a thumbnail of, and the size of its box: made once. Or the file that this part went into (then
    -- it is 'deleting' already, but nobody removes it before sweep_at), and its place there.
    parent_id uuid REFERENCES file ON DELETE SET NULL,
    box int NOT NULL DEFAULT 0,
    part_number int NOT NULL DEFAULT 0,
    -- Upload-Concat of a file that is made of parts, as it was sent.
    concat text NOT NULL DEFAULT '' CHECK (octet_length(concat) <= 8192),
    back_end text NOT NULL,
    object_name text NOT NULL CHECK (object_name ~ '^[A-Za-z0-9._~-]{1,100}$'),
    -- Of an upload that the back end has begun.
    object_upload text NOT NULL DEFAULT '',
    block_bytes bigint NOT NULL CHECK (block_bytes > 0),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    claimed_type text NOT NULL DEFAULT '' CHECK (octet_length(claimed_type) <= 255),
    type text NOT NULL DEFAULT '',
    metadata text NOT NULL DEFAULT '' CHECK (octet_length(metadata) <= 8192),
    -- Bytes: of the whole file when that is known, counted for the account, and stored so far.
    size bigint CHECK (size >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    received bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    -- The back end has made the object whole: there is no tail any more, and it can be read.
    sealed boolean NOT NULL DEFAULT false,
    -- The running SHA-256 of what was received, and that of the whole.
    hash_state bytea,
    sha256 bytea CHECK (octet_length(sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    -- A writer holds the lease.
    lease uuid,
    lease_until timestamptz,
    -- When the sweeper may look: a pending row's expiry, a deleting row's next try. NULL: never.
    sweep_at timestamptz,
    removals int NOT NULL DEFAULT 0,
    CHECK (state <> 'committed' OR (sha256 IS NOT NULL AND size IS NOT NULL AND sweep_at IS NULL))
);
-- The list of an account: newest first, by key. Of all states, since it also finds what a closed account leaves behind.
CREATE INDEX file_account ON file (account_id, id);
CREATE UNIQUE INDEX file_thumbnail ON file (parent_id, box) WHERE via = 'thumbnail' AND state <> 'deleting';
CREATE INDEX file_parent ON file (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX file_sweep ON file (sweep_at) WHERE state <> 'committed';
CREATE INDEX file_orphan ON file (id) WHERE account_id IS NULL AND state <> 'deleting';

-- Full blocks that a back end other than PostgreSQL has of a growing file.
CREATE TABLE file_block (
    file_id uuid NOT NULL REFERENCES file ON DELETE CASCADE,
    number bigint NOT NULL,
    tag text NOT NULL,
    PRIMARY KEY (file_id, number)
);

-- Bytes: the blocks of objects of the back end "postgres", and the tails of growing files of any. No reference to file: an
-- object may outlive its row for a moment, as in any other back end.
CREATE TABLE file_chunk (
    file_id uuid NOT NULL,
    at bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (file_id, at)
);
-- Most files are compressed already, and a part of an uncompressed value is read without the rest.
ALTER TABLE file_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Bytes of a living file in a back end that is not its row's: the old copy after `mayflyctl files move`, or the new one
-- while it is made. They belong to the holder of the lease; the sweeper removes them at sweep_at.
CREATE TABLE file_copy (
    file_id uuid NOT NULL,
    back_end text NOT NULL,
    object_name text NOT NULL,
    object_upload text NOT NULL DEFAULT '',
    block_bytes bigint NOT NULL,
    lease uuid,
    sweep_at timestamptz NOT NULL,
    removals int NOT NULL DEFAULT 0,
    PRIMARY KEY (file_id, back_end)
);
CREATE INDEX file_copy_sweep ON file_copy (sweep_at);

-- Links by which people without an account get a file. The token is not kept, only its hash with the installation's
-- secret. uses_left: downloads that may still begin, null for any number; used_at: when the last one that counted
-- began.
CREATE TABLE file_link (
    id uuid PRIMARY KEY,
    file_id uuid NOT NULL REFERENCES file ON DELETE CASCADE,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    expires_at timestamptz NOT NULL,
    uses_left int CHECK (uses_left >= 0),
    used_at timestamptz
);
CREATE INDEX file_link_file ON file_link (file_id);
CREATE INDEX file_link_expiry ON file_link (expires_at);

-- The profile's picture. Its index and the profiles of accounts that are there come with later.sql: both take their time.
ALTER TABLE account ADD COLUMN photo_id uuid REFERENCES file ON DELETE SET NULL;
CREATE OR REPLACE FUNCTION account_profile() RETURNS trigger
LANGUAGE plpgsql SET search_path = mayfly AS $$
BEGIN
    NEW.profile := (SELECT row_to_json(p)::text FROM (
        SELECT NEW.id, NEW.username, NEW.email, NEW.name, NEW.groups, '/files/' || NEW.photo_id AS photo,
            to_iso(NEW.created_at) AS created_at) p);
    RETURN NEW;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON account_usage, file, file_block, file_chunk, file_copy, file_link TO mayfly;
