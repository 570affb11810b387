-- Documents of apps (store/app_document.h). A document that has ended, or whose account may not log in, counts as
-- absent.

-- columns: app_document_state
-- Of a document d.
d.version
d.account_id
d.ends_at > statement_timestamp() AND (d.account_id IS NULL OR EXISTS (SELECT FROM account a WHERE a.id = d.account_id AND NOT a.disabled)) AS lives
coalesce(extract(epoch FROM d.idle), 0)::bigint AS idle_s
(d.idle IS NULL OR d.ends_at > statement_timestamp() + d.idle * 0.95) AS fresh

-- name: app_document_get (site, key)
SELECT {app_document_state}, d.data::text FROM app_document d WHERE d.site_id = $1::uuid AND d.key = $2::bytea;

-- name: app_document_lock (site, key, wants_text)
SELECT {app_document_state}, CASE WHEN $3::boolean THEN d.data::text END
FROM app_document d WHERE d.site_id = $1::uuid AND d.key = $2::bytea FOR NO KEY UPDATE OF d;

-- name: app_document_renew (site, key)
-- A transaction that has locked its row renews it itself.
UPDATE app_document SET ends_at = statement_timestamp() + idle
WHERE site_id = $1::uuid AND key = ANY (ARRAY(
    SELECT key FROM app_document WHERE site_id = $1::uuid AND key = $2::bytea AND idle IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED));

-- name: app_document_make (site, key, account, idle_s?, data)
-- -> version; none when another made it meanwhile
INSERT INTO app_document (site_id, key, account_id, version, idle, ends_at, data)
VALUES ($1::uuid, $2::bytea, $3::uuid, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint,
    make_interval(secs => $4::int),
    coalesce(statement_timestamp() + make_interval(secs => $4::int), 'infinity'), $5::jsonb)
ON CONFLICT (site_id, key) DO NOTHING RETURNING version;

-- name: app_document_put (site, key, data)
-- -> version
UPDATE app_document SET data = $3::jsonb,
    version = greatest(version + 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
WHERE site_id = $1::uuid AND key = $2::bytea RETURNING version;

-- name: app_document_keep (site, key, idle_s)
UPDATE app_document SET idle = make_interval(secs => $3::int),
    ends_at = statement_timestamp() + make_interval(secs => $3::int)
WHERE site_id = $1::uuid AND key = $2::bytea;

-- name: app_document_bind (site, key, account)
UPDATE app_document SET account_id = $3::uuid WHERE site_id = $1::uuid AND key = $2::bytea;

-- name: app_document_remove (site, key)
DELETE FROM app_document WHERE site_id = $1::uuid AND key = $2::bytea;

-- name: app_documents_trim (site, account, most, keep)
-- Ends sessions of an account at a site, but for those that were used last and for one.
DELETE FROM app_document WHERE site_id = $1::uuid AND key = ANY (ARRAY(
    SELECT key FROM app_document WHERE account_id = $2::uuid AND site_id = $1::uuid AND idle IS NOT NULL AND key <> $4::bytea
    ORDER BY ends_at DESC OFFSET greatest($3::int - 1, 0)));

-- name: app_account_lives (account)
SELECT FROM account WHERE id = $1::uuid AND NOT disabled;

-- name: app_documents_count (site)
-- -> of guests, of accounts
SELECT coalesce(sum(guests), 0)::bigint, coalesce(sum(members), 0)::bigint FROM app_usage WHERE site_id = $1::uuid;

-- name: app_documents_sweep (most)
-- -> a row for each that has ended
DELETE FROM app_document d USING (
    SELECT site_id, key FROM app_document WHERE ends_at <= statement_timestamp() ORDER BY ends_at LIMIT $1::int
    FOR UPDATE SKIP LOCKED) o
WHERE d.site_id = o.site_id AND d.key = o.key RETURNING 1;
