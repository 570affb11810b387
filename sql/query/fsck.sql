-- Rows that are compared with the objects of back ends.

-- name: fsck_now (ago_s)
-- -> the time so long ago, as listings of objects have it
SELECT to_char(statement_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => $1::int), 'YYYY-MM-DD"T"HH24:MI:SS');

-- name: fsck_files (back_end, after, most)
-- -> committed files after this id: id, object name, size, SHA-256, whether it is a thumbnail, and
-- whether that lost its file
SELECT id, object_name, size, sha256, via = 'thumbnail', via = 'thumbnail' AND parent_id IS NULL FROM file
WHERE back_end = $1::text AND state = 'committed' AND id > $2::uuid ORDER BY id LIMIT $3::int;

-- name: fsck_file (id, back_end)
-- -> whether it is a committed file there, now
SELECT state = 'committed' AND back_end = $2::text FROM file WHERE id = $1::uuid;

-- name: fsck_object (id, back_end)
-- -> of the file: state, whether it is there, object name; the object name of a copy that is there
SELECT f.state, f.back_end = $2::text, f.object_name, c.object_name
FROM (SELECT $1::uuid AS id) o LEFT JOIN file f USING (id)
    LEFT JOIN file_copy c ON c.file_id = o.id AND c.back_end = $2::text;

-- name: fsck_usage (after, most)
-- -> accounts after this one that are not closing: id, bytes and files as counted, bytes and files as they are. Of one
-- moment, and every change counts itself in its own statement, so what differs is wrong.
SELECT a.id, coalesce(u.bytes, 0), coalesce(u.files, 0), coalesce(s.bytes, 0), s.files
FROM (SELECT id FROM account WHERE id > $1::uuid AND closing_at IS NULL ORDER BY id LIMIT $2::int) a
    LEFT JOIN account_usage u ON u.account_id = a.id,
    LATERAL (
        SELECT sum(reserved) AS bytes, count(*) AS files FROM file f
        WHERE f.account_id = a.id AND f.state <> 'deleting' AND f.via <> 'thumbnail') s
ORDER BY a.id;

-- name: fsck_usage_lock (account)
-- From here on no other transaction counts for the account, so that the next statement sees every change.
INSERT INTO account_usage (account_id, bytes, files) VALUES ($1::uuid, 0, 0)
ON CONFLICT (account_id) DO UPDATE SET bytes = account_usage.bytes;

-- name: fsck_usage_repair (account)
-- -> account
UPDATE account_usage SET bytes = s.bytes, files = s.files
FROM (SELECT coalesce(sum(reserved), 0) AS bytes, count(*)::int AS files FROM file
    WHERE account_id = $1::uuid AND state <> 'deleting' AND via <> 'thumbnail') s
WHERE account_id = $1::uuid RETURNING account_id;
