-- Documents of sessions and of accounts: the same statements on two tables. A document that was never written counts as
-- {} with version 0.
-- for: document=session_data owner=session key=session_id
-- for: document=profile_data owner=account key=account_id

-- name: {document}_get (owner)
SELECT version, data::text FROM {document} WHERE {key} = $1::uuid;

-- name: {document}_lock (owner)
-- Keeps the owner alive and makes writers of one document take turns, also of one that is not there yet.
SELECT FROM {owner} WHERE id = $1::uuid FOR NO KEY UPDATE;

-- name: {document}_read (owner, wants_text)
-- A statement of its own: one that waited for the lock goes on with its snapshot from before it waited.
SELECT coalesce(d.version, 0), CASE WHEN $2::boolean THEN coalesce(d.data::text, '{}') END
FROM {owner} o LEFT JOIN {document} d ON d.{key} = o.id WHERE o.id = $1::uuid;

-- name: {document}_put (owner, data)
INSERT INTO {document} AS d ({key}, data) VALUES ($1::uuid, $2::jsonb)
ON CONFLICT ({key}) DO UPDATE SET data = excluded.data, version = d.version + 1;
