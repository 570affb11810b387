-- name: outcome_claim
-- key, fingerprint -> whether the fingerprint is the same, sealed outcome or null, sessions to forget.
-- A second claimer waits here for the first one's transaction to end.
INSERT INTO outcome AS o (key, fingerprint) VALUES ($1::bytea, $2::bytea)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING o.fingerprint = $2::bytea, o.sealed, array_to_string(o.forgets, ',');

-- name: outcome_find
SELECT o.fingerprint = $2::bytea, o.sealed, array_to_string(o.forgets, ',') FROM outcome o WHERE o.key = $1::bytea;

-- name: outcome_keep
-- key, sealed, sessions to forget
UPDATE outcome SET sealed = $2::bytea, forgets = $3::uuid[] WHERE key = $1::bytea RETURNING 1;
