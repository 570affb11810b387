-- name: attempt_count (keys, limits, window_s, again)
-- again stands for the same attempt, by each key of the secret; perhaps it is empty -> seconds to wait; 0: taken; -1: the same was taken before
SELECT attempt_count($1::bytea[], $2::int[], $3::int, coalesce(
    (SELECT key FROM attempt WHERE key = ANY ($4::bytea[]) AND updated_at > statement_timestamp() - make_interval(secs => $3::int) LIMIT 1),
    ($4::bytea[])[1]));

-- name: attempt_clear (pair, others, again)
-- The password was right: removes the failures of this pair and this attempt, and takes the attempt back from the other buckets. Rows are locked in the order of their keys, as attempt_count does; count reads them all
-- before the first is changed.
WITH locked AS MATERIALIZED (
        SELECT key FROM attempt WHERE key = ANY ($2::bytea[] || $1::bytea[]) ORDER BY key FOR UPDATE),
    own AS (DELETE FROM attempt WHERE key = ANY ($1::bytea[] || $3::bytea[]) AND (SELECT count(*) FROM locked) > 0)
UPDATE attempt SET level = greatest(0, level - 1)
WHERE key = ANY ($2::bytea[]) AND (SELECT count(*) FROM locked) > 0;

-- name: attempt_known_address (account, network)
-- -> whether it has a session from there: its owner is not locked out by strangers.
SELECT EXISTS (SELECT FROM session WHERE account_id = $1::uuid AND address <<= $2::inet);
