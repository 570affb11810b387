-- name: limits_set (statement_ms, lock_ms, for_transaction)
-- How long a statement may take and wait for a lock; for this transaction, or until it is set anew.
SELECT set_config('statement_timeout', $1::bigint::text, $3::boolean), set_config('lock_timeout', $2::bigint::text, $3::boolean);
