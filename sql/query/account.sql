-- name: account_create (id, username, email, name, password_hash)
-- -> profile
INSERT INTO account AS a (id, username, email, name, password_hash)
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text)
RETURNING a.profile;

-- name: account_by_login (login, as_it_came)
-- username or e-mail, without spaces around it and as it came -> what it is compared by, then id, password hash, disabled,
-- profile; null when there is none. Older addresses may have other than ASCII spaces around them; they are found first.
SELECT k.key, a.id, a.password_hash, a.disabled, a.profile
FROM (SELECT name_key($1::text) AS key, name_key($2::text) AS came) k LEFT JOIN LATERAL (
    SELECT a.id, a.password_hash, a.disabled, a.profile FROM account a
    WHERE (strpos(k.key, '@') = 0 AND name_key(a.username) COLLATE "C" = k.key)
        OR (strpos(k.key, '@') > 0 AND name_key(a.email) COLLATE "C" = ANY (ARRAY[k.key, k.came]))
    ORDER BY name_key(a.email) IS NOT DISTINCT FROM k.came DESC LIMIT 1) a ON true;

-- name: account_by_id (id)
-- -> password hash, disabled, profile
SELECT a.password_hash, a.disabled, a.profile FROM account a WHERE a.id = $1::uuid;

-- name: account_confirm (id, password_hash)
-- -> id when this is still the password of an account that may log in; it stays so until COMMIT
SELECT id FROM account WHERE id = $1::uuid AND password_hash = $2::text AND NOT disabled FOR NO KEY UPDATE;

-- name: account_update (id, name, changes_email, email)
-- -> profile. The name stays when it is null, the address unless it changes.
UPDATE account a SET name = coalesce($2::text, a.name), email = CASE WHEN $3::boolean THEN $4::text ELSE a.email END,
    updated_at = now()
WHERE a.id = $1::uuid
RETURNING a.profile;

-- name: account_set_password (id, password_hash, replaced)
-- replaced: only when this is still the hash; null: whatever it is
UPDATE account SET password_hash = $2::text, updated_at = now()
WHERE id = $1::uuid AND ($3::text IS NULL OR password_hash = $3::text)
RETURNING id;

-- name: account_close (id)
-- -> ids of its sessions and keys, whose cached copies must be removed. Its row is locked already. Its names are free from
-- now on, and personal data is removed. The number of its files does not matter here.
WITH s AS (SELECT id FROM session WHERE account_id = $1::uuid),
    d AS (DELETE FROM session_data WHERE session_id = ANY (ARRAY(SELECT id FROM s))),
    e AS (DELETE FROM session WHERE id = ANY (ARRAY(SELECT id FROM s))),
    k AS (DELETE FROM key WHERE account_id = $1::uuid RETURNING id),
    p AS (DELETE FROM profile_data WHERE account_id = $1::uuid),
    o AS (DELETE FROM app_document WHERE account_id = $1::uuid),
    u AS (DELETE FROM account_usage WHERE account_id = $1::uuid),
    a AS (UPDATE account SET username = NULL, email = NULL, name = '', password_hash = '', groups = '{}', photo_id = NULL,
            disabled = true, closing_at = statement_timestamp(), updated_at = statement_timestamp()
        WHERE id = $1::uuid AND closing_at IS NULL)
SELECT s.id FROM s UNION ALL SELECT k.id FROM k;

-- name: account_remove (most)
-- -> of the account that has been closing for longest, and that no other sweeper has locked: how many files were dropped,
-- and whether its row was deleted. A file whose row is locked is skipped, and found again later.
WITH c AS MATERIALIZED (
    SELECT id FROM account WHERE closing_at IS NOT NULL ORDER BY closing_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
l AS MATERIALIZED (
    SELECT id FROM file WHERE account_id = (SELECT id FROM c) ORDER BY id LIMIT $1::int FOR UPDATE SKIP LOCKED),
f AS (
    UPDATE file SET account_id = NULL, state = 'deleting', sweep_at = statement_timestamp(), reserved = 0, lease = NULL,
        lease_until = NULL
    WHERE id = ANY (ARRAY(SELECT id FROM l)) RETURNING id),
a AS (
    DELETE FROM account WHERE id = (SELECT id FROM c)
        AND NOT EXISTS (SELECT FROM file WHERE account_id = (SELECT id FROM c)) RETURNING id)
SELECT (SELECT count(*) FROM f), (SELECT count(*) FROM a);

-- name: account_set_disabled (id, disabled)
UPDATE account SET disabled = $2::boolean, updated_at = now() WHERE id = $1::uuid RETURNING id;

-- name: account_set_groups (id, groups)
UPDATE account SET groups = $2::text[], updated_at = now() WHERE id = $1::uuid RETURNING id;

-- name: account_list (after, most)
-- those made after this one, oldest first -> id, username, e-mail, groups, disabled, created, all as JSON
SELECT r.id, coalesce(r.username, ''), coalesce(r.email, ''), array_to_string(r.groups, ','), r.disabled, r.created_at,
    row_to_json(r)::text
FROM (SELECT id, username, email, name, groups, disabled, to_iso(created_at) AS created_at
    FROM account WHERE id > $1::uuid AND closing_at IS NULL ORDER BY id LIMIT $2::int) r
ORDER BY r.id;

-- name: account_set_photo (id, file)
UPDATE account SET photo_id = $2::uuid, updated_at = now() WHERE id = $1::uuid RETURNING id;

-- name: account_find (login)
-- -> id, username, e-mail, disabled, groups
SELECT id, coalesce(username, ''), coalesce(email, ''), disabled, array_to_string(groups, ',') FROM account
WHERE name_key(username) COLLATE "C" = name_key($1::text) OR name_key(email) COLLATE "C" = name_key($1::text)
ORDER BY (name_key(username) COLLATE "C" = name_key($1::text)) DESC NULLS LAST LIMIT 1;

-- name: account_lock (id)
-- Until the transaction ends no session of this account can be made: its foreign key waits here.
SELECT id FROM account WHERE id = $1::uuid FOR UPDATE;

-- name: group_used (group)
-- -> an account that has it
SELECT id FROM account WHERE groups @> ARRAY[$1::text] AND closing_at IS NULL LIMIT 1;
