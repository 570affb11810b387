-- name: rows_expire (outcome_keep_s, attempt_keep_s, most)
SELECT sweep($1::int, $2::int, $3::int);

-- name: outcomes_turn
-- -> whether there was anything to remove; see schema 0010
SELECT outcomes_turn();

-- name: partitions_keep (days)
-- -> how many were made and dropped; again while that is not 0
SELECT partitions_keep($1::int);

-- name: account_find (login)
-- -> id, username, e-mail, disabled, groups
SELECT id, coalesce(username, ''), coalesce(email, ''), disabled, array_to_string(groups, ',') FROM account
WHERE name_key(username) COLLATE "C" = name_key($1::text) OR name_key(email) COLLATE "C" = name_key($1::text)
ORDER BY (name_key(username) COLLATE "C" = name_key($1::text)) DESC NULLS LAST LIMIT 1;

-- name: group_used (group)
-- -> an account that has it
SELECT id FROM account WHERE groups @> ARRAY[$1::text] AND closing_at IS NULL LIMIT 1;

-- name: account_lock (id)
-- Until the transaction ends no session of this account can be made: its foreign key waits here.
SELECT id FROM account WHERE id = $1::uuid FOR UPDATE;

-- name: session_overview (account)
-- -> id, seen, expires, address, user agent, all as JSON; of live sessions, newest use first
SELECT r.id, r.seen_at, r.expires_at, r.address, r.user_agent, row_to_json(r)::text
FROM (SELECT {session_told}, s.remember
    FROM session s WHERE account_id = $1::uuid AND s.expires_at > now() AND s.seen_at + idle > now()
    ORDER BY s.seen_at DESC, s.id) r;

-- name: schema_place
-- -> the database's name, whether mayfly's list of changes is in it
SELECT current_database(), to_regclass('schema_change') IS NOT NULL;

-- name: schema_list
-- -> number, name, when it was applied
SELECT number, name, to_iso(applied_at) FROM schema_change ORDER BY number;

-- name: schema_number
-- -> of the last change that was applied, 0: none; whether texts and bytes come as workers read them
SELECT coalesce(max(number), 0),
    current_setting('server_encoding') = 'UTF8' AND current_setting('client_encoding') = 'UTF8' AND current_setting('bytea_output') = 'hex'
FROM schema_change;

-- name: secret_workers
-- -> name, host of each connection of this role's to this database; the keys of the secret are in the name
SELECT application_name, coalesce(host(client_addr), 'the database''s host') FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND application_name LIKE 'mayfly%'
ORDER BY 1, 2;

-- name: secret_links
-- -> how many links are known by a keyed hash alone, until when the last one
SELECT count(*), coalesce(to_iso(max(expires_at)), '') FROM file_link
WHERE token_hash IS NULL AND expires_at > statement_timestamp();
