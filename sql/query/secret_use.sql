-- name: secret_workers
-- -> name, host of each connection of this role's to this database; the keys of the secret are in the name
SELECT application_name, coalesce(host(client_addr), 'the database''s host') FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND application_name LIKE 'mayfly%'
ORDER BY 1, 2;

-- name: secret_links
-- -> how many links are known by a keyed hash alone, until when the last one
SELECT count(*), coalesce(to_iso(max(expires_at)), '') FROM file_link
WHERE token_hash IS NULL AND expires_at > statement_timestamp();
