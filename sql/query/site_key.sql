-- Keys of sites, which their servers send. They are changed after site_operator.

-- name: site_key_find (id)
-- -> site, hash, whether its last use was noted long ago
SELECT site_id, secret_hash, coalesce(seen_at < statement_timestamp() - interval '10 minutes', true)
FROM site_key WHERE id = $1::uuid;

-- name: site_key_touch (id)
UPDATE site_key SET seen_at = statement_timestamp()
WHERE id = ANY (ARRAY(SELECT id FROM site_key WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED));

-- name: site_key_confirm (id)
-- An error when it was revoked.
SELECT site_key_confirm($1::uuid);

-- name: site_key_add (id, site, hash, label, who, most)
-- -> id; none when the site has `most`. Again: it is there.
INSERT INTO site_key (id, site_id, secret_hash, label, created_by)
SELECT $1::uuid, $2::uuid, $3::bytea, $4::text, $5::text
WHERE (SELECT count(*) FROM site_key WHERE site_id = $2::uuid AND id <> $1::uuid) < $6::bigint
ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id;

-- name: site_key_remove (id)
DELETE FROM site_key WHERE id = $1::uuid RETURNING id;

-- name: site_key_list (site, most)
-- -> id, label, made, by whom, last used, all as JSON; the newest first
SELECT r.id, r.label, r.created_at, r.created_by, coalesce(r.seen_at, ''), row_to_json(r)::text
FROM (SELECT id, label, to_iso(created_at) AS created_at, created_by, to_iso(seen_at) AS seen_at
    FROM site_key WHERE site_id = $1::uuid ORDER BY id DESC LIMIT $2::int) r;
