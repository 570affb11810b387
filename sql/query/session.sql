-- Lists of ids are given on as arrays: these are looked up one by one, where IN (SELECT …) may read whole tables.

-- columns: session_told
-- A session s as its account and administrators see it.
s.id
s.user_agent
coalesce(host(s.address), '') AS address
to_iso(s.created_at) AS created_at
to_iso(s.seen_at) AS seen_at
to_iso(least(s.expires_at, s.seen_at + s.idle)) AS expires_at

-- name: session_create (id, account, hash, idle_s, absolute_s, remember, user_agent, address)
-- -> when it ends at the latest, and when it does
-- unless it is used (ms)
INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent, address)
VALUES ($1::uuid, $2::uuid, $3::bytea, make_interval(secs => $4::int), now() + make_interval(secs => $5::int),
    $6::boolean, $7::text, $8::inet)
RETURNING to_ms(expires_at), to_ms(least(expires_at, seen_at + idle));

-- name: sessions_find (ids, first, last)
-- ids, the first and the last of them -> of those alive: id, hash, read at, seen at, idle, expires at (all ms),
-- account id, profile, username, e-mail, groups. By first and last a general plan prunes partitions when it starts; it takes
-- each of them for a session found, and would rather read thousands of accounts than look these up, but for OFFSET 0.
SELECT s.id, s.secret_hash, to_ms(statement_timestamp()), to_ms(s.seen_at), (date_part('epoch', s.idle) * 1000)::bigint,
    to_ms(s.expires_at), a.id, a.profile, coalesce(a.username, ''), coalesce(a.email, ''), array_to_string(a.groups, ',')
FROM session s CROSS JOIN LATERAL (
    SELECT id, profile, username, email, groups FROM account WHERE id = s.account_id AND NOT disabled OFFSET 0) a
WHERE s.id = ANY ($1::uuid[]) AND s.id BETWEEN $2::uuid AND $3::uuid
    AND s.expires_at > statement_timestamp() AND s.seen_at + s.idle > statement_timestamp();

-- name: session_confirm (id, account)
-- An error when it has ended. Locked, so that a logout is before or after the whole transaction.
SELECT session_confirm($1::uuid, $2::uuid);

-- name: session_lives (id, hash)
-- -> a row when it is alive
SELECT 1 FROM session s JOIN account a ON a.id = s.account_id
WHERE s.id = $1::uuid AND s.secret_hash = $2::bytea AND NOT a.disabled
    AND s.expires_at > statement_timestamp() AND s.seen_at + s.idle > statement_timestamp();

-- name: session_touch (id)
UPDATE session SET seen_at = statement_timestamp()
WHERE id = $1::uuid AND seen_at < statement_timestamp()
RETURNING to_ms(seen_at);

-- name: sessions_lock (account)
-- Transactions that end sessions of an account take turns
SELECT id FROM account WHERE id = $1::uuid FOR NO KEY UPDATE;

-- name: session_end (id, account)
-- -> id when it was there
WITH d AS (DELETE FROM session_data WHERE session_id = ANY (ARRAY(
    SELECT id FROM session WHERE id = $1::uuid AND account_id = $2::uuid)))
DELETE FROM session WHERE id = $1::uuid AND account_id = $2::uuid RETURNING id;

-- name: session_end_others (account, keep)
-- -> ids that ended. The account's sessions at apps end too, all of them: nothing says which browser has which.
WITH s AS (DELETE FROM session WHERE account_id = $1::uuid AND id <> $2::uuid RETURNING id),
    o AS (DELETE FROM app_document WHERE account_id = $1::uuid AND idle IS NOT NULL),
    d AS (DELETE FROM session_data WHERE session_id = ANY (ARRAY(
        SELECT id FROM session WHERE account_id = $1::uuid AND id <> $2::uuid)))
SELECT id FROM s;

-- name: session_rotate (old_id, account, id, hash)
-- -> remember, the two ends as of session_create; the document moves along
WITH o AS (DELETE FROM session WHERE id = $1::uuid AND account_id = $2::uuid RETURNING *),
    d AS (DELETE FROM session_data WHERE session_id = $1::uuid RETURNING version, data),
    m AS (INSERT INTO session_data (session_id, version, data) SELECT $3::uuid, version, data FROM d),
    n AS (INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent, address)
        SELECT $3::uuid, account_id, $4::bytea, idle, expires_at, remember, user_agent, address FROM o
        RETURNING remember, expires_at, seen_at, idle)
SELECT remember, to_ms(expires_at), to_ms(least(expires_at, seen_at + idle)) FROM n;

-- name: session_end_oldest (account, most, keep)
-- how many may stay, and the one that stays in any case -> ids that ended
WITH o AS MATERIALIZED (SELECT id FROM session WHERE account_id = $1::uuid AND id <> $3::uuid
        ORDER BY seen_at DESC OFFSET greatest($2::int - 1, 0)),
    d AS (DELETE FROM session_data WHERE session_id = ANY (ARRAY(SELECT id FROM o)))
DELETE FROM session WHERE id = ANY (ARRAY(SELECT id FROM o)) RETURNING id;

-- name: session_list (account, current, most)
-- -> JSON array, newest use first
SELECT coalesce(json_agg(row_to_json(r)), '[]')::text FROM (
    SELECT {session_told}, s.id = $2::uuid AS current
    FROM session s WHERE account_id = $1::uuid AND s.expires_at > now() AND s.seen_at + idle > now()
    ORDER BY s.seen_at DESC LIMIT $3::int) r;

-- name: session_ids (account)
-- -> of its sessions and its keys, which have copies too
SELECT id FROM session WHERE account_id = $1::uuid UNION ALL SELECT id FROM key WHERE account_id = $1::uuid;

-- name: session_recent (id, account, recent_s)
-- -> a row when somebody logged in to it, or changed the password in it, not longer ago than this
SELECT 1 FROM session
WHERE id = $1::uuid AND account_id = $2::uuid AND created_at > statement_timestamp() - make_interval(secs => $3::int);

-- name: session_owner (id)
SELECT account_id FROM session WHERE id = $1::uuid;

-- name: session_overview (account)
-- -> id, seen, expires, address, user agent, all as JSON; of live sessions, newest use first
SELECT r.id, r.seen_at, r.expires_at, r.address, r.user_agent, row_to_json(r)::text
FROM (SELECT {session_told}, s.remember
    FROM session s WHERE account_id = $1::uuid AND s.expires_at > now() AND s.seen_at + idle > now()
    ORDER BY s.seen_at DESC, s.id) r;
