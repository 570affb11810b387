-- name: attempt_take
SELECT attempt_take($1::bytea[], $2::int[], $3::int);

-- name: attempt_clear
-- The account's owner is in: forget the failures of this pair and give back what this attempt took elsewhere.
-- Rows are locked in the order of their keys, as attempt_take does; count reads them all before the first is changed.
WITH locked AS MATERIALIZED (
        SELECT key FROM attempt WHERE key = ANY ($2::bytea[] || $1::bytea) ORDER BY key FOR UPDATE),
    own AS (DELETE FROM attempt WHERE key = $1::bytea AND (SELECT count(*) FROM locked) > 0)
UPDATE attempt SET level = greatest(0, level - 1)
WHERE key = ANY ($2::bytea[]) AND (SELECT count(*) FROM locked) > 0;

-- name: attempt_known_address
-- account or null, address -> whether it has a session from there: its owner is not locked out by strangers.
SELECT EXISTS (SELECT FROM session WHERE account_id = $1::uuid AND address = $2::inet);
