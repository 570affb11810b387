-- columns: key_told
-- A key k as its account and administrators see it.
k.id
k.name
array_remove(ARRAY[CASE WHEN k.scopes & 1 > 0 THEN 'gate' END, CASE WHEN k.scopes & 2 > 0 THEN 'data' END, CASE WHEN k.scopes & 4 > 0 THEN 'files' END, CASE WHEN k.scopes & 8 > 0 THEN 'password' END], NULL) AS scopes
CASE WHEN NOT k.all_sites THEN ARRAY(SELECT s.name FROM site s WHERE s.id = ANY (k.sites) ORDER BY s.name) END AS sites
to_iso(k.created_at) AS created_at
to_iso(k.seen_at) AS seen_at
to_iso(k.expires_at) AS expires_at

-- name: keys_find (ids)
-- -> of those that are good: id, hash, read at, seen at (0: never), expires at (all ms), account id, profile, username,
-- e-mail, groups, scopes, whether at all sites, sites
SELECT k.id, k.secret_hash, to_ms(statement_timestamp()), coalesce(to_ms(k.seen_at), 0), to_ms(k.expires_at), a.id, a.profile,
    coalesce(a.username, ''), coalesce(a.email, ''), array_to_string(a.groups, ','), k.scopes, k.all_sites, array_to_string(k.sites, '')
FROM key k CROSS JOIN LATERAL (
    SELECT id, profile, username, email, groups FROM account WHERE id = k.account_id AND NOT disabled OFFSET 0) a
WHERE k.id = ANY ($1::uuid[]) AND k.expires_at > statement_timestamp();

-- name: key_touch (id)
UPDATE key SET seen_at = statement_timestamp()
WHERE id = $1::uuid AND coalesce(seen_at < statement_timestamp(), true)
RETURNING to_ms(seen_at);

-- name: key_confirm (id, account)
-- As session_confirm.
SELECT key_confirm($1::uuid, $2::uuid);

-- name: key_add (id, account, hash, name, scopes, all_sites, sites, seconds, most)
-- The account's row is locked (sessions_lock), so that the count is exact. Those that have ended make room.
-- -> when it ends; none: there are as many as `most`. Again: it is there.
WITH d AS (DELETE FROM key WHERE account_id = $2::uuid AND expires_at <= statement_timestamp())
INSERT INTO key (id, account_id, secret_hash, name, scopes, all_sites, sites, expires_at)
SELECT $1::uuid, $2::uuid, $3::bytea, $4::text, $5::int, $6::boolean, $7::uuid[], statement_timestamp() + make_interval(secs => $8::int)
WHERE (SELECT count(*) FROM key WHERE account_id = $2::uuid AND id <> $1::uuid AND expires_at > statement_timestamp()) < $9::bigint
ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING to_iso(expires_at);

-- name: key_list (account)
-- -> JSON array, the newest first
SELECT coalesce(json_agg(row_to_json(r)), '[]')::text FROM (
    SELECT {key_told} FROM key k WHERE k.account_id = $1::uuid AND k.expires_at > statement_timestamp() ORDER BY k.id DESC) r;

-- name: key_overview (account)
-- -> id, name, scopes, sites, seen, expires, all as JSON; the newest first
SELECT r.id, r.name, array_to_string(r.scopes, ','), coalesce(array_to_string(r.sites, ','), '*'), coalesce(r.seen_at, ''), r.expires_at,
    row_to_json(r)::text
FROM (SELECT {key_told} FROM key k WHERE k.account_id = $1::uuid AND k.expires_at > statement_timestamp()) r ORDER BY r.id DESC;

-- name: key_owner (id)
SELECT account_id FROM key WHERE id = $1::uuid;

-- name: key_revoke (id, account)
-- -> id when it was there
DELETE FROM key WHERE id = $1::uuid AND account_id = $2::uuid RETURNING id;

-- name: sites_named (names)
-- -> id, name of those that there are
SELECT id, name FROM site WHERE name = ANY ($1::text[]);
