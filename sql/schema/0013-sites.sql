-- 0013: sites behind the gate, and the rules that say who may pass. The release before knows nothing of them.

CREATE TABLE site (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT site_name UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    -- The title that people see, and the site's place in lists.
    title text NOT NULL DEFAULT '' CHECK (char_length(title) <= 200),
    place int NOT NULL DEFAULT 0,
    -- The rules as they were written, and the form by which requests are judged (gate/rules_form.h).
    rules text NOT NULL CHECK (octet_length(rules) BETWEEN 1 AND 4096),
    rules_form bytea NOT NULL CHECK (octet_length(rules_form) BETWEEN 1 AND 16384),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by text NOT NULL CHECK (char_length(created_by) <= 100),
    updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    updated_by text NOT NULL CHECK (char_length(updated_by) <= 100)
);

-- Where it is: an origin and the prefix of paths, as gate/origin.h spells them. No two sites are at the same one.
CREATE TABLE site_origin (
    site_id uuid NOT NULL REFERENCES site ON DELETE CASCADE,
    place int NOT NULL CHECK (place BETWEEN 0 AND 7),
    host text COLLATE "C" NOT NULL CHECK (octet_length(host) BETWEEN 1 AND 253),
    port int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    https boolean NOT NULL,
    prefix text COLLATE "C" NOT NULL CHECK (octet_length(prefix) <= 255 AND prefix ~ '^/(.*/)?$'),
    -- The four as they are shown.
    origin text NOT NULL,
    CONSTRAINT site_origin_site PRIMARY KEY (site_id, place),
    CONSTRAINT site_origin_once UNIQUE (host, port, https, prefix)
);

-- Workers may only read. A command that changes sites takes this role for a transaction (site_operator in
-- sql/query/site.sql). The role mayfly does not inherit its rights, so no other statement has them.
GRANT USAGE ON SCHEMA mayfly TO mayfly_operator;
GRANT SELECT ON site, site_origin TO mayfly;
GRANT SELECT, INSERT, UPDATE, DELETE ON site, site_origin TO mayfly_operator;
