-- Bytes of a file in a back end other than the one in its row.

-- name: file_copy_sweep_claim (claim_s, most)
-- As file_sweep_claim.
WITH l AS (
    SELECT file_id, back_end FROM file_copy WHERE sweep_at <= statement_timestamp()
    ORDER BY sweep_at LIMIT $2::int FOR UPDATE SKIP LOCKED)
UPDATE file_copy c SET lease = NULL, sweep_at = statement_timestamp() + make_interval(secs => $1::int)
FROM l WHERE c.file_id = l.file_id AND c.back_end = l.back_end
RETURNING c.back_end, c.file_id, c.object_name, c.object_upload, c.block_bytes, c.removals;

-- name: file_copy_sweep_done (id, removals, again_s, back_end)
-- As file_sweep_done -> id
UPDATE file_copy SET removals = removals + 1, sweep_at = statement_timestamp() + make_interval(secs => $3::int)
WHERE file_id = $1::uuid AND removals = $2::int AND back_end = $4::text AND lease IS NULL RETURNING file_id;

-- name: file_copy_sweep_forget (id, back_end)
-- after the second removal -> id
DELETE FROM file_copy WHERE file_id = $1::uuid AND back_end = $2::text AND removals > 0 AND lease IS NULL
RETURNING file_id;

-- name: file_link_expire (most)
-- -> those that were removed, since they had expired
DELETE FROM file_link WHERE id IN (
    SELECT id FROM file_link WHERE expires_at <= statement_timestamp() LIMIT $1::int FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: file_move_next (back_end, account, only, after, most)
-- -> committed files of the back end: id, back end, object name, size, SHA-256. Of one account, or of all when it is null; only this
-- one, or each. Those of an account are found by the account, all others by the back end.
SELECT id, back_end, object_name, size, sha256 FROM (
    (SELECT id, back_end, object_name, size, sha256 FROM file
    WHERE $2::uuid IS NULL AND back_end = $1::text AND state = 'committed' AND id > $4::uuid
        AND id BETWEEN coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
            AND coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id LIMIT $5::int)
    UNION ALL
    (SELECT id, back_end, object_name, size, sha256 FROM file
    WHERE account_id = $2::uuid AND back_end = $1::text AND state = 'committed' AND id > $4::uuid
        AND id BETWEEN coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
            AND coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id LIMIT $5::int)) f
ORDER BY id LIMIT $5::int;

-- name: file_copy_begin (id, back_end, object_name, block_bytes, holder, lease_s)
-- -> id; none: another is at it, or an older copy is to go first.
-- A copy that another holder has left is started again.
INSERT INTO file_copy AS c (file_id, back_end, object_name, block_bytes, lease, sweep_at)
VALUES ($1::uuid, $2::text, $3::text, $4::bigint, $5::uuid, statement_timestamp() + make_interval(secs => $6::int))
ON CONFLICT (file_id, back_end) DO UPDATE SET lease = excluded.lease, sweep_at = excluded.sweep_at,
    block_bytes = excluded.block_bytes, object_upload = ''
    WHERE c.lease = excluded.lease OR (c.lease IS NOT NULL AND c.sweep_at <= statement_timestamp())
RETURNING file_id;

-- name: file_copy_renew (id, back_end, holder, lease_s, upload)
-- upload: the back end's name of it; null: unchanged -> id
UPDATE file_copy SET sweep_at = statement_timestamp() + make_interval(secs => $4::int),
    object_upload = coalesce($5::text, object_upload)
WHERE file_id = $1::uuid AND back_end = $2::text AND lease = $3::uuid RETURNING file_id;

-- name: file_copy_give_up (id, back_end, holder)
-- The sweeper removes the bytes.
UPDATE file_copy SET lease = NULL, sweep_at = statement_timestamp()
WHERE file_id = $1::uuid AND back_end = $2::text AND lease = $3::uuid;

-- name: file_move_switch (id, from, to, holder, block_bytes, sha256, again_s)
-- again_s: for so long the old copy stays for readers -> id. No row: the file is no longer what was copied, and then this must
-- not be committed.
WITH c AS (
    DELETE FROM file_copy WHERE file_id = $1::uuid AND back_end = $3::text AND lease = $4::uuid RETURNING file_id),
o AS (
    SELECT id, object_name, block_bytes FROM file
    WHERE id = $1::uuid AND back_end = $2::text AND state = 'committed' AND sha256 = $6::bytea
        AND EXISTS (SELECT FROM c) FOR UPDATE),
f AS (
    UPDATE file SET back_end = $3::text, block_bytes = $5::bigint, object_upload = '' FROM o WHERE file.id = o.id)
INSERT INTO file_copy (file_id, back_end, object_name, block_bytes, sweep_at)
SELECT id, $2::text, object_name, block_bytes, statement_timestamp() + make_interval(secs => $7::int) FROM o
RETURNING file_id;

-- name: file_overview (account, before, most)
-- -> committed files before this id (null: from the newest), newest first: id, kind, size, back end, when it was made, name, all as
-- JSON
SELECT id, CASE via WHEN 'thumbnail' THEN 'thumbnail' WHEN 'part' THEN 'part' ELSE 'file' END, size, back_end, created_at, name, row_to_json(r)::text FROM (
    SELECT id, name, size, type, encode(sha256, 'hex') AS sha256, via, back_end, to_iso(created_at) AS created_at FROM file
    WHERE account_id = $1::uuid AND state = 'committed' AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $3::int) r;

-- name: file_show (id)
-- -> names and values of its row, and all of it as JSON
SELECT v.key, coalesce(v.value, ''), to_json(r)::text FROM (
    SELECT f.id, a.username, a.email, f.state, f.via, f.parent_id, f.name, f.size, f.received, f.type, f.claimed_type,
        encode(f.sha256, 'hex') AS sha256, f.back_end, 'uploads/' || f.id || '/' || f.object_name AS object,
        to_iso(f.created_at) AS created_at, to_iso(f.sweep_at) AS sweep_at, f.removals,
        (SELECT count(*) FROM file_link l WHERE l.file_id = f.id AND l.expires_at > statement_timestamp()) AS links,
        (SELECT string_agg(c.back_end, ',') FROM file_copy c WHERE c.file_id = f.id) AS copies
    FROM file f LEFT JOIN account a ON a.id = f.account_id WHERE f.id = $1::uuid) r,
    json_each_text(row_to_json(r)) v;
