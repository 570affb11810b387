-- Documents of sessions and of accounts: the same statements on two tables. A document that was never written counts as
-- {} with version 0.

-- name: session_data_get
SELECT version, data::text FROM session_data WHERE session_id = $1::uuid;

-- name: session_data_lock
-- Keeps the owner alive and makes writers of one document take turns, also of one that is not there yet.
SELECT FROM session WHERE id = $1::uuid FOR NO KEY UPDATE;

-- name: session_data_read
-- A statement of its own: one that waited for the lock goes on with its snapshot from before it waited.
SELECT coalesce(d.version, 0), CASE WHEN $2::boolean THEN coalesce(d.data::text, '{}') END
FROM session o LEFT JOIN session_data d ON d.session_id = o.id WHERE o.id = $1::uuid;

-- name: session_data_put
INSERT INTO session_data AS d (session_id, data) VALUES ($1::uuid, $2::jsonb)
ON CONFLICT (session_id) DO UPDATE SET data = excluded.data, version = d.version + 1;

-- name: profile_data_get
SELECT version, data::text FROM profile_data WHERE account_id = $1::uuid;

-- name: profile_data_lock
SELECT FROM account WHERE id = $1::uuid FOR NO KEY UPDATE;

-- name: profile_data_read
SELECT coalesce(d.version, 0), CASE WHEN $2::boolean THEN coalesce(d.data::text, '{}') END
FROM account o LEFT JOIN profile_data d ON d.account_id = o.id WHERE o.id = $1::uuid;

-- name: profile_data_put
INSERT INTO profile_data AS d (account_id, data) VALUES ($1::uuid, $2::jsonb)
ON CONFLICT (account_id) DO UPDATE SET data = excluded.data, version = d.version + 1;
