-- Bytes of a living file in a back end that is not its row's.

-- name: file_copy_sweep_claim
-- As file_sweep_claim.
WITH l AS (
    SELECT file_id, back_end FROM file_copy WHERE sweep_at <= statement_timestamp()
    ORDER BY sweep_at LIMIT $2::int FOR UPDATE SKIP LOCKED)
UPDATE file_copy c SET lease = NULL, sweep_at = statement_timestamp() + make_interval(secs => $1::int)
FROM l WHERE c.file_id = l.file_id AND c.back_end = l.back_end
RETURNING c.back_end, c.file_id, c.object_name, c.object_upload, c.block_bytes, c.removals;

-- name: file_copy_sweep_done
-- id, removals before, seconds until the second removal, back end -> id
UPDATE file_copy SET removals = removals + 1, sweep_at = statement_timestamp() + make_interval(secs => $3::int)
WHERE file_id = $1::uuid AND removals = $2::int AND back_end = $4::text AND lease IS NULL RETURNING file_id;

-- name: file_copy_sweep_forget
-- id, back end, after the second removal -> id
DELETE FROM file_copy WHERE file_id = $1::uuid AND back_end = $2::text AND removals > 0 AND lease IS NULL
RETURNING file_id;

-- name: file_link_sweep
-- at most so many -> those that were removed, since they had expired
DELETE FROM file_link WHERE id IN (
    SELECT id FROM file_link WHERE expires_at <= statement_timestamp() LIMIT $1::int FOR UPDATE SKIP LOCKED)
RETURNING id;
