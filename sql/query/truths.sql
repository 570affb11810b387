-- name: truths (sampled_bytes)
-- bytes of a table that are read -> what store/truths.c lists, in its order
-- Bounded: a table of more than that is estimated from a sample of that much of it, and a queue is counted to 100,000.
WITH share AS MATERIALIZED (
    SELECT least(100, 100.0 * $1::bigint / greatest(1, pg_relation_size('account')))::real AS account,
        least(100, 100.0 * $1::bigint / greatest(1, pg_relation_size('account_usage')))::real AS account_usage,
        least(100, 100.0 * $1::bigint / greatest(1, pg_relation_size('outcome')))::real AS outcome,
        least(100, 100.0 * $1::bigint / greatest(1,
            (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('outcome_request'))))::real AS outcome_request,
        least(100, 100.0 * $1::bigint / greatest(1,
            (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('session'))))::real AS session
), accounts AS (
    SELECT count(*) FILTER (WHERE closing_at IS NULL) AS all,
        count(*) FILTER (WHERE disabled AND closing_at IS NULL) AS disabled
    FROM account TABLESAMPLE SYSTEM ((SELECT account FROM share))
), usage AS (
    SELECT coalesce(sum(files), 0) AS files, coalesce(sum(bytes), 0) AS bytes
    FROM account_usage TABLESAMPLE SYSTEM ((SELECT account_usage FROM share))
), pending AS (
    SELECT count(*) AS files, coalesce(sum(received), 0) AS received
    FROM (SELECT received FROM file WHERE state = 'pending' LIMIT 100000) f
)
SELECT round(accounts.all * 100 / share.account)::bigint,
    round(accounts.disabled * 100 / share.account)::bigint,
    (SELECT round(count(*) * 100 / (SELECT session FROM share))::bigint
        FROM session TABLESAMPLE SYSTEM ((SELECT session FROM share))
        WHERE expires_at > now() AND seen_at + idle > now()),
    round(usage.files * 100 / share.account_usage)::bigint,
    round((usage.bytes * 100 / share.account_usage)::numeric)::bigint,
    pending.files,
    pending.received,
    (SELECT count(*) FROM (
        (SELECT id FROM file WHERE state <> 'committed' AND sweep_at <= now() LIMIT 100000) UNION
        (SELECT id FROM file WHERE account_id IS NULL AND state <> 'deleting' LIMIT 100000) LIMIT 100000) f),
    (SELECT greatest(0, coalesce(extract(epoch FROM now() - min(sweep_at)), 0))::bigint
        FROM file WHERE state <> 'committed'),
    (SELECT round(count(*) * 100 / (SELECT outcome FROM share))::bigint
        FROM outcome TABLESAMPLE SYSTEM ((SELECT outcome FROM share)))
    + (SELECT round(count(*) * 100 / (SELECT outcome_request FROM share))::bigint
        FROM outcome_request TABLESAMPLE SYSTEM ((SELECT outcome_request FROM share))),
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::bigint FROM outcome),
    (SELECT coalesce(max(until) - 1 - current_date, 0) FROM session_partition),
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user),
    current_setting('max_connections')::bigint,
    pg_database_size(current_database()),
    (SELECT coalesce(max(number), 0) FROM schema_change)
FROM share, accounts, usage, pending;
