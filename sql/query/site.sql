-- columns: site_row
s.id
s.name
s.title
s.place
s.rules
s.rules_form
to_iso(s.created_at) AS created
s.created_by
to_iso(s.updated_at) AS updated
s.updated_by
(SELECT string_agg(o.origin, ' ' ORDER BY o.place) FROM site_origin o WHERE o.site_id = s.id) AS origins

-- name: site_operator
-- Gives the transaction the rights to change sites until its end, and excludes other such transactions.
SELECT set_config('role', 'mayfly_operator', true), pg_advisory_xact_lock(hashtextextended('mayfly sites', 0));

-- name: site_add (id, name, rules, form, title, place, who, most)
-- -> id; none when there are `most` sites. Again: it is there.
INSERT INTO site (id, name, rules, rules_form, title, place, created_by, updated_by)
SELECT $1::uuid, $2::text, $3::text, $4::bytea, $5::text, $6::int, $7::text, $7::text
WHERE (SELECT count(*) FROM site WHERE id <> $1::uuid) < $8::bigint
ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id;

-- name: site_edit (id, who, title, place?, rules, form)
-- Null leaves a column unchanged. -> id
UPDATE site SET title = coalesce($3::text, title), place = coalesce($4::int, place), rules = coalesce($5::text, rules),
    rules_form = coalesce($6::bytea, rules_form), updated_by = $2::text, updated_at = statement_timestamp()
WHERE id = $1::uuid RETURNING id;

-- name: site_remove (id)
DELETE FROM site WHERE id = $1::uuid RETURNING id;

-- name: site_origins_clear (id)
DELETE FROM site_origin WHERE site_id = $1::uuid;

-- name: site_origin_owner (host, port, https, prefix)
-- -> name of the site that is there
SELECT s.name FROM site_origin o JOIN site s ON s.id = o.site_id
WHERE o.host = $1::text AND o.port = $2::int AND o.https = $3::boolean AND o.prefix = $4::text;

-- name: site_origin_add (id, place, host, port, https, prefix, origin)
INSERT INTO site_origin (site_id, place, host, port, https, prefix, origin)
VALUES ($1::uuid, $2::int, $3::text, $4::int, $5::boolean, $6::text, $7::text);

-- name: site_by_name (name)
SELECT {site_row} FROM site s WHERE s.name = $1::text;

-- name: site_list (place, name, most)
-- Those after this place and name. -> by place and name
SELECT {site_row} FROM site s WHERE (s.place, s.name) > ($1::int, $2::text) ORDER BY s.place, s.name LIMIT $3::int;

-- name: sites_at (host, port, https)
-- -> sites there; the last column is the prefix of each. A site may be there more than once.
SELECT {site_row}, o.prefix FROM site_origin o JOIN site s ON s.id = o.site_id
WHERE o.host = $1::text AND o.port = $2::int AND o.https = $3::boolean ORDER BY o.prefix;

-- name: sites_in (buckets)
-- For each bucket (store/site_cache.h) at least one row: bucket, read at (ms), and of each site there host, port, https, prefix, id,
-- name, rules and form
SELECT b, to_ms(statement_timestamp()), o.host, o.port, o.https, o.prefix, s.id, s.name, s.rules, s.rules_form
FROM unnest($1::text[]) b
LEFT JOIN site_origin o ON substr(encode(sha256(decode(o.host, 'escape')), 'hex'), 1, 3) = b
LEFT JOIN site s ON s.id = o.site_id;
