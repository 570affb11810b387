-- name: rows_expire (outcome_keep_s, attempt_keep_s, most)
SELECT sweep($1::int, $2::int, $3::int);

-- name: outcomes_turn
-- -> whether there was anything to remove; see schema 0010
SELECT outcomes_turn();

-- name: partitions_keep (days)
-- -> how many were made and dropped; again while that is not 0
SELECT partitions_keep($1::int);
