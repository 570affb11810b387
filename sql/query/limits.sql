-- name: limits_set
-- ms that a statement may take, ms that it may wait for a lock, whether for this transaction only
SELECT set_config('statement_timeout', $1::text, $3::boolean), set_config('lock_timeout', $2::text, $3::boolean);
