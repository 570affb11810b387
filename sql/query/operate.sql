-- name: sweep
SELECT sweep($1::int, $2::int, $3::int);

-- name: partitions_keep
SELECT partitions_keep($1::int);

-- name: schema_number
SELECT coalesce(max(number), 0) FROM schema_change;

-- name: ping
SELECT 1;
