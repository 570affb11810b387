-- name: outcome_lock (key)
-- A claim: a request with the same key waits here for the first one's transaction to end.
SELECT outcome_lock($1::bytea);

-- name: outcome_find (key, fingerprint)
-- -> whether the fingerprint is the same, sealed outcome, sessions to forget. After outcome_lock a statement of
-- its own, since one that waited goes on with its snapshot from before it waited.
SELECT o.fingerprint = $2::bytea, o.sealed, array_to_string(o.forgets, ',') FROM (
    SELECT fingerprint, sealed, forgets FROM outcome WHERE key = $1::bytea
    UNION ALL
    SELECT fingerprint, sealed, forgets FROM outcome_request WHERE key = $1::bytea) o
LIMIT 1;

-- name: outcome_count (account, most)
-- -> outcomes of its own keys that are kept
SELECT count(*) FROM (SELECT FROM outcome WHERE account_id = $1::uuid LIMIT $2::int) o;

-- name: outcome_keep (key, fingerprint, sealed, forgets, account)
-- An outcome under a client's own key, with the sessions to forget. There is one when a log-in is done again whose
-- session has ended.
INSERT INTO outcome (key, fingerprint, sealed, forgets, account_id)
VALUES ($1::bytea, $2::bytea, $3::bytea, $4::uuid[], $5::uuid)
ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, sealed = excluded.sealed, forgets = excluded.forgets;

-- name: outcome_request_keep (key, fingerprint, sealed, forgets)
-- An outcome under nginx's request id.
INSERT INTO outcome_request (key, fingerprint, sealed, forgets) VALUES ($1::bytea, $2::bytea, $3::bytea, $4::uuid[])
ON CONFLICT (key, hour) DO UPDATE SET fingerprint = excluded.fingerprint, sealed = excluded.sealed, forgets = excluded.forgets;
