-- name: invitation_operator
-- As site_operator: gives the transaction the rights to make invitations until its end, and excludes other such
-- transactions.
SELECT set_config('role', 'mayfly_operator', true), pg_advisory_xact_lock(hashtextextended('mayfly invitations', 0));

-- name: invitation_add (id, hash, who, seconds, most)
-- Those that have ended make room. -> id; none: there are as many as `most`. Again: it is there.
WITH d AS (DELETE FROM invitation WHERE expires_at <= statement_timestamp()),
    n AS (INSERT INTO invitation (id, secret_hash, created_by, expires_at)
        SELECT $1::uuid, $2::bytea, $3::text, statement_timestamp() + make_interval(secs => $4::int)
        WHERE (SELECT count(*) FROM invitation WHERE expires_at > statement_timestamp()) < $5::bigint
        ON CONFLICT (id) DO NOTHING RETURNING id)
SELECT id FROM n UNION ALL SELECT id FROM invitation WHERE id = $1::uuid;

-- name: invitation_find (id, hash)
-- -> a row when it is good
SELECT 1 FROM invitation WHERE id = $1::uuid AND secret_hash = $2::bytea AND expires_at > statement_timestamp();

-- name: invitation_use (id, hash)
-- Of several that use it at once, one finds it. -> id when it was valid
DELETE FROM invitation WHERE id = $1::uuid AND secret_hash = $2::bytea AND expires_at > statement_timestamp() RETURNING id;

-- name: invitation_list
-- -> id, made, by whom, ends, all as JSON; the newest first
SELECT r.id, r.created_at, r.created_by, r.expires_at, row_to_json(r)::text
FROM (SELECT id, to_iso(created_at) AS created_at, created_by, to_iso(expires_at) AS expires_at
    FROM invitation WHERE expires_at > statement_timestamp() ORDER BY id DESC) r;

-- name: invitation_revoke (id)
-- -> id when it was there
DELETE FROM invitation WHERE id = $1::uuid RETURNING id;
