-- columns: file_row
-- Of a file f, as file_read of store/file.c takes it.
f.id
f.account_id
f.state
f.via
f.back_end
f.object_name
f.object_upload
f.block_bytes
f.name
f.claimed_type
f.type
f.metadata
f.size
f.reserved
f.received
f.hash_state
f.sha256
to_ms(f.created_at) AS created_at
to_ms(f.sweep_at) AS sweep_at
f.sealed
f.concat

-- name: file_create (id, account, via, back_end, object_name, block_bytes, name, claimed_type, metadata, size?, reserved, keep_s, most_bytes, most_files, concat, holder, lease_ms)
-- -> the row. No row: the account would have more than it may. With a holder it has a lease. May be repeated, since the
-- answer to the first time may be lost: the row then exists, and is counted.
WITH e AS MATERIALIZED (SELECT f.* FROM file f WHERE f.id = $1::uuid),
u AS (
    INSERT INTO account_usage AS a (account_id, bytes, files)
    SELECT $2::uuid, $11::bigint, 1 WHERE $11::bigint <= $13::bigint AND NOT EXISTS (SELECT FROM e)
    ON CONFLICT (account_id) DO UPDATE SET bytes = a.bytes + excluded.bytes, files = a.files + 1
        WHERE a.bytes + excluded.bytes <= $13::bigint AND a.files < $14::int
    RETURNING account_id),
n AS (
    INSERT INTO file (id, account_id, via, back_end, object_name, block_bytes, name, claimed_type, metadata, size, reserved,
        sweep_at, concat, lease, lease_until)
    SELECT $1::uuid, account_id, $3::text, $4::text, $5::text, $6::bigint, $7::text, $8::text, $9::text, $10::bigint,
        $11::bigint, statement_timestamp() + make_interval(secs => $12::int), $15::text, $16::uuid,
        CASE WHEN $16::uuid IS NOT NULL THEN statement_timestamp() + make_interval(secs => $17::int / 1000.0) END
    FROM u
    RETURNING *)
SELECT {file_row}
FROM (SELECT * FROM n UNION ALL SELECT * FROM e WHERE account_id = $2::uuid) f;

-- name: file_put (id, account, via, back_end, object_name, block_bytes, name, claimed_type, bytes, sha256, type, most_bytes, most_files, made_ms)
-- An error (22003) when the account would have more than it may, so that the statement can be sent together with
-- COMMIT: a transaction that waits for its client delays the account's other files. A file that was sent as a whole has
-- no row before this.
WITH u AS (
    INSERT INTO account_usage AS a (account_id, bytes, files)
    SELECT $2::uuid, $9::bigint, 1 WHERE $9::bigint <= $12::bigint
    ON CONFLICT (account_id) DO UPDATE SET bytes = a.bytes + excluded.bytes, files = a.files + 1
        WHERE a.bytes + excluded.bytes <= $12::bigint AND a.files < $13::int
    RETURNING account_id),
c AS (SELECT 9223372036854775807 + (1 - count(*)) AS good FROM u)
INSERT INTO file (id, account_id, created_at, state, via, back_end, object_name, sealed, block_bytes, name, claimed_type, type, sha256,
    size, reserved, received)
SELECT $1::uuid, $2::uuid, to_timestamp($14::bigint / 1000.0), 'committed', $3::text, $4::text, $5::text, true, $6::bigint, $7::text,
    $8::text, $11::text, $10::bytea, $9::bigint, $9::bigint, $9::bigint
FROM c WHERE c.good > 0;

-- name: file_usage (account)
-- -> bytes, files
SELECT bytes, files FROM account_usage WHERE account_id = $1::uuid;

-- name: file_find (id, account)
-- -> the row, unless its bytes are to be removed
SELECT {file_row}
FROM file f WHERE id = $1::uuid AND account_id = $2::uuid AND state <> 'deleting' AND via <> 'thumbnail'
    AND (state = 'committed' OR sweep_at > statement_timestamp());

-- name: file_find_small (id, account, most_bytes)
-- -> as file_find, and all bytes of a file in the database that has no more than so many; otherwise null. It is one
-- statement with that for its only chunk: for a small file a second statement would cost as much as the first.
SELECT {file_row}, CASE WHEN f.state = 'committed' AND f.back_end = 'postgres' AND f.size <= $3::bigint
    THEN (SELECT bytes FROM file_chunk c WHERE c.file_id = f.id AND c.at = 0) END
FROM file f WHERE id = $1::uuid AND account_id = $2::uuid AND state <> 'deleting' AND via <> 'thumbnail'
    AND (state = 'committed' OR sweep_at > statement_timestamp());

-- name: file_lease (id, account, holder, lease_ms)
-- -> the row. With a back end in the database PostgreSQL orders two writers, so the newer one takes over at once. With
-- another one the older writer may still be sending a block. The sign of tail_pieces tells the trigger of schema 0012
-- that the new holder can read pieces.
UPDATE file f SET tail_pieces = -tail_pieces, lease = $3::uuid, lease_until = statement_timestamp() + make_interval(secs => $4::int / 1000.0)
WHERE id = $1::uuid AND account_id = $2::uuid AND state = 'pending' AND sweep_at > statement_timestamp()
    AND (lease IS NULL OR lease = $3::uuid OR lease_until <= statement_timestamp() OR back_end = 'postgres')
RETURNING {file_row};

-- name: file_advance (id, holder, before, received, hash_state, lease_ms, keep_s, sealed, pieces)
-- received before and now; a lease of 0 ms gives it back; pieces of the tail -> expiry in ms. May be repeated, since
-- the answer to the first time may be lost. The expiry is written when a twentieth of its time has passed: an index has
-- it, and all other writes are heap-only updates.
UPDATE file SET received = $4::bigint, hash_state = $5::bytea, sealed = $8::boolean, tail_pieces = $9::int, lease = CASE WHEN $6::int > 0 THEN lease END,
    lease_until = statement_timestamp() + make_interval(secs => $6::int / 1000.0),
    sweep_at = CASE WHEN sweep_at > statement_timestamp() + make_interval(secs => $7::int * 0.95) THEN sweep_at
        ELSE statement_timestamp() + make_interval(secs => $7::int) END
WHERE id = $1::uuid AND lease = $2::uuid AND received IN ($3::bigint, $4::bigint) AND state = 'pending'
RETURNING to_ms(sweep_at);

-- name: file_block_put (id, holder, before, received, hash_state, lease_ms, keep_s, place, bytes, is_told)
-- received before and now, offset of a full block, whether a client may be told of it before the commit -> expiry in
-- ms. Like file_advance, with the block itself for a back end in the database: one statement is one round trip, and a
-- worker that has lost the lease writes nothing. A block that no client is told of need not be on the disk before the
-- commit.
WITH u AS (
    UPDATE file SET received = $4::bigint, hash_state = $5::bytea, tail_pieces = 0,
        lease_until = statement_timestamp() + make_interval(secs => $6::int / 1000.0),
        sweep_at = CASE WHEN sweep_at > statement_timestamp() + make_interval(secs => $7::int * 0.95) THEN sweep_at
            ELSE statement_timestamp() + make_interval(secs => $7::int) END
    WHERE id = $1::uuid AND lease = $2::uuid AND received IN ($3::bigint, $4::bigint) AND state = 'pending'
    RETURNING id, sweep_at),
c AS (
    INSERT INTO file_chunk (file_id, at, bytes) SELECT id, $8::bigint, $9::bytea FROM u
    ON CONFLICT (file_id, at) DO UPDATE SET bytes = excluded.bytes)
SELECT to_ms(sweep_at),
    set_config('synchronous_commit', CASE WHEN $10::boolean THEN current_setting('synchronous_commit') ELSE 'off' END, true)
FROM u;

-- name: file_renew (id, holder, lease_ms)
UPDATE file SET lease_until = statement_timestamp() + make_interval(secs => $3::int / 1000.0)
WHERE id = $1::uuid AND lease = $2::uuid AND state = 'pending' RETURNING id;

-- name: file_release (id, holder)
UPDATE file SET lease = NULL, lease_until = NULL WHERE id = $1::uuid AND lease = $2::uuid;

-- name: file_reserve (id, holder, before, reserved, most_bytes)
-- reserved before and now, bytes that the account may have -> what is reserved; no row: too much. Giving back is always
-- allowed, and so is a repetition, since the answer to the first time may be lost. The row is locked first, as in all
-- statements, so that what the sweeper has given back is not counted again.
WITH o AS (
    SELECT id, account_id, $4::bigint - reserved AS more FROM file
    WHERE id = $1::uuid AND lease = $2::uuid AND reserved IN ($3::bigint, $4::bigint) AND state = 'pending' FOR UPDATE),
u AS (
    UPDATE account_usage a SET bytes = a.bytes + o.more FROM o
    WHERE a.account_id = o.account_id AND (a.bytes + o.more <= $5::bigint OR o.more <= 0)
    RETURNING a.account_id)
UPDATE file f SET reserved = $4::bigint FROM o WHERE f.id = o.id AND EXISTS (SELECT FROM u) RETURNING f.reserved;

-- name: file_set_size (id, account, size)
-- Sets it once, or to the same value again, since the answer to the first time may be lost -> size
UPDATE file SET size = $3::bigint
WHERE id = $1::uuid AND account_id = $2::uuid AND state = 'pending' AND (size IS NULL OR size = $3::bigint) AND received <= $3::bigint
RETURNING size;

-- name: file_set_upload (id, holder, upload)
-- upload: the back end's name of it
UPDATE file SET object_upload = $3::text WHERE id = $1::uuid AND lease = $2::uuid AND state = 'pending' RETURNING id;

-- name: file_commit (id, holder, size, sha256, type)
-- -> time of creation in ms; what was reserved too much is given back. A thumbnail does not count, and is not committed
-- when its original was removed meanwhile, perhaps before the removal could see the thumbnail's row.
WITH o AS (
    SELECT id, reserved, via, parent_id FROM file WHERE id = $1::uuid AND lease = $2::uuid AND state = 'pending' FOR UPDATE),
p AS (
    SELECT f.id FROM file f JOIN o ON o.via = 'thumbnail' AND f.id = o.parent_id WHERE f.state = 'committed' FOR SHARE OF f),
c AS (
    UPDATE file f SET state = 'committed', size = $3::bigint, received = $3::bigint, sealed = true,
        reserved = CASE WHEN o.via = 'thumbnail' THEN 0 ELSE $3::bigint END,
        sha256 = $4::bytea, type = $5::text, hash_state = NULL, lease = NULL, lease_until = NULL, sweep_at = NULL
    FROM o WHERE f.id = o.id AND (o.via <> 'thumbnail' OR EXISTS (SELECT FROM p))
    RETURNING f.account_id, f.created_at, o.reserved - f.reserved AS spare),
u AS (
    UPDATE account_usage a SET bytes = a.bytes - c.spare FROM c WHERE a.account_id = c.account_id AND c.spare <> 0),
b AS (
    DELETE FROM file_block WHERE file_id IN (SELECT id FROM o))
SELECT to_ms(created_at) FROM c;

-- name: file_drop (id, account, pending_only)
-- -> id; the sweeper removes the bytes. Thumbnails are removed with their file and do not count. The account, whose
-- picture it may be, is locked before the file, as in all statements.
WITH a AS MATERIALIZED (
    SELECT id FROM account WHERE id = $2::uuid AND photo_id = $1::uuid FOR NO KEY UPDATE),
o AS MATERIALIZED (
    SELECT id, reserved FROM file
    WHERE id = $1::uuid AND account_id = $2::uuid AND state <> 'deleting' AND via <> 'thumbnail'
        AND (state = 'pending' OR NOT $3::boolean) AND (SELECT count(*) FROM a) >= 0 FOR UPDATE),
d AS (
    UPDATE file SET state = 'deleting', sweep_at = statement_timestamp(), reserved = 0, lease = NULL, lease_until = NULL
    WHERE id IN (SELECT id FROM o) OR (parent_id IN (SELECT id FROM o) AND removals = 0)),
u AS (
    UPDATE account_usage a SET bytes = a.bytes - o.reserved, files = a.files - 1 FROM o WHERE a.account_id = $2::uuid),
p AS (
    UPDATE account SET photo_id = NULL WHERE id IN (SELECT id FROM a) AND EXISTS (SELECT FROM o))
SELECT id FROM o;

-- name: file_give_back (account, holder, ours)
-- -> how many pending files of requests the holder has besides these; they are dropped. A commit of one of them that is
-- under way is waited for.
WITH o AS (
    SELECT id, reserved FROM file
    WHERE account_id = $1::uuid AND lease = $2::uuid AND id <> ALL ($3::uuid[]) AND via = 'upload' AND state = 'pending'
    ORDER BY id FOR UPDATE),
d AS (
    UPDATE file SET state = 'deleting', sweep_at = statement_timestamp(), reserved = 0, lease = NULL, lease_until = NULL
    WHERE id IN (SELECT id FROM o)),
u AS (
    UPDATE account_usage SET bytes = bytes - (SELECT sum(reserved) FROM o)::bigint, files = files - (SELECT count(*) FROM o)::int
    WHERE account_id = $1::uuid AND EXISTS (SELECT FROM o))
SELECT count(*) FROM o;

-- name: file_parts_claim (account, parts, keep_s)
-- -> how many of them are whole parts, and their bytes. They no longer belong to the account and no longer count; the
-- same transaction makes them the parts of a file.
WITH p AS (
    SELECT id, size, reserved FROM file
    WHERE id = ANY ($2::uuid[]) AND account_id = $1::uuid AND via = 'part' AND state = 'pending' AND sealed
        AND sweep_at > statement_timestamp()
    ORDER BY id FOR UPDATE),
c AS (
    UPDATE file SET state = 'deleting', reserved = 0, lease = NULL,
        sweep_at = statement_timestamp() + make_interval(secs => $3::int)
    WHERE id IN (SELECT id FROM p)),
u AS (
    UPDATE account_usage SET bytes = bytes - (SELECT coalesce(sum(reserved), 0) FROM p)::bigint,
        files = files - (SELECT count(*) FROM p)::int
    WHERE account_id = $1::uuid)
SELECT count(*), coalesce(sum(size), 0)::bigint FROM p;

-- name: file_parts_adopt (whole, parts)
-- The parts in order.
UPDATE file SET parent_id = $1::uuid, part_number = array_position($2::uuid[], id) WHERE id = ANY ($2::uuid[]);

-- name: file_parts (whole)
-- -> rows of its parts in order
SELECT {file_row}
FROM file f WHERE parent_id = $1::uuid AND via = 'part' AND removals = 0 AND account_id IS NOT NULL ORDER BY part_number;

-- name: file_parts_whole (account, part, concat)
-- -> id of the file that this request has made of the part
SELECT f.id FROM file p JOIN file f ON f.id = p.parent_id
WHERE p.id = $2::uuid AND p.account_id = $1::uuid AND p.via = 'part' AND f.account_id = $1::uuid AND f.state <> 'deleting'
    AND f.concat = $3::text;

-- name: file_parts_drop (whole)
-- The parts are not needed any more.
UPDATE file SET sweep_at = statement_timestamp()
WHERE parent_id = $1::uuid AND via = 'part' AND state = 'deleting' AND removals = 0;

-- name: file_rename (id, account, name)
-- -> id
UPDATE file SET name = $3::text WHERE id = $1::uuid AND account_id = $2::uuid AND state = 'committed' RETURNING id;

-- name: file_list (account, contains, before, most)
-- Names that contain this, of files that are older than this one (null: from the newest) -> JSON array
-- What is searched for is normalised once, not once a row; so are names, but those of files that are older than name_key.
WITH k AS MATERIALIZED (SELECT name_key($2::text) AS key)
SELECT coalesce(json_agg(row_to_json(r) ORDER BY r.id DESC), '[]')::text FROM (
    SELECT id, '/files/' || id AS url, name, size, split_part(type, ';', 1) AS type, encode(sha256, 'hex') AS sha256, to_iso(created_at) AS created_at
    FROM file
    WHERE account_id = $1::uuid AND state = 'committed' AND via IN ('upload', 'tus', 'direct')
        AND ($2::text = '' OR strpos(coalesce(name_key, name_key(name)), (SELECT key FROM k)) > 0)
        AND id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY id DESC LIMIT $4::int) r;

-- name: file_block_add (id, number, tag)
-- The last block with a number counts.
INSERT INTO file_block (file_id, number, tag) VALUES ($1::uuid, $2::bigint, $3::text)
ON CONFLICT (file_id, number) DO UPDATE SET tag = excluded.tag;

-- name: file_blocks_note (id, numbers, tags)
-- As file_block_add, for several.
INSERT INTO file_block (file_id, number, tag)
SELECT DISTINCT ON (b.number) $1::uuid, b.number, b.tag
FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS b (number, tag, place) ORDER BY b.number, b.place DESC
ON CONFLICT (file_id, number) DO UPDATE SET tag = excluded.tag;

-- name: file_blocks (id)
-- -> numbers and tags in order
SELECT number, tag FROM file_block WHERE file_id = $1::uuid ORDER BY number;

-- name: file_chunk_put (id, place, bytes)
-- place: in the file
INSERT INTO file_chunk (file_id, at, bytes) VALUES ($1::uuid, $2::bigint, $3::bytea)
ON CONFLICT (file_id, at) DO UPDATE SET bytes = excluded.bytes;

-- name: file_tail_read (id, start, end)
-- where the tail begins in the file, and where it ends -> its pieces in order: place in the tail, bytes
SELECT at - $2::bigint, bytes FROM file_chunk WHERE file_id = $1::uuid AND at >= $2::bigint AND at < $3::bigint ORDER BY at;

-- name: file_tail_trim (id, after, before)
-- Places in the file: pieces that begin between them are in another one now
DELETE FROM file_chunk WHERE file_id = $1::uuid AND at > $2::bigint AND at < $3::bigint;

-- name: file_object_read (id, place, most, block_bytes)
-- offset in the file, at most so many bytes, the length of a full block -> bytes from there to the end of their chunk.
-- Only of a finished object, whose last chunk is not a full block. A whole chunk is given as it is, since substr would
-- make one more copy.
SELECT CASE WHEN at = $2::bigint AND octet_length(bytes) <= $3::int THEN bytes
    ELSE substr(bytes, ($2::bigint - at)::int + 1, $3::int) END FROM file_chunk
WHERE file_id = $1::uuid AND at <= $2::bigint AND (
    SELECT octet_length(bytes) < $4::int FROM file_chunk WHERE file_id = $1::uuid ORDER BY at DESC LIMIT 1)
ORDER BY at DESC LIMIT 1;

-- name: file_object_end (id, place, bytes)
-- The last chunk. Removes what a write that was rolled back has left behind it.
WITH d AS (DELETE FROM file_chunk WHERE file_id = $1::uuid AND at > $2::bigint)
INSERT INTO file_chunk (file_id, at, bytes) VALUES ($1::uuid, $2::bigint, $3::bytea)
ON CONFLICT (file_id, at) DO UPDATE SET bytes = excluded.bytes;

-- name: file_chunk_count (id, place)
-- -> how many chunks are before it
SELECT count(*) FROM file_chunk WHERE file_id = $1::uuid AND at < $2::bigint;

-- name: file_chunk_size (id)
-- -> end of the last chunk, its length; no row without chunks
SELECT at + octet_length(bytes), octet_length(bytes) FROM file_chunk WHERE file_id = $1::uuid ORDER BY at DESC LIMIT 1;

-- name: file_chunks_remove (id, place, most)
-- From this offset on -> their offsets
DELETE FROM file_chunk WHERE file_id = $1::uuid AND at IN (
    SELECT at FROM file_chunk WHERE file_id = $1::uuid AND at >= $2::bigint ORDER BY at LIMIT $3::int)
RETURNING at;

-- name: file_tails_remove (id, place)
-- Tails before this offset
DELETE FROM file_chunk WHERE file_id = $1::uuid AND at < $2::bigint;

-- name: file_chunks_list (after, most)
-- -> ids after this one that have chunks, the ends of their last ones, and these ones' lengths. One step
-- down the index for each, however many chunks it has.
WITH RECURSIVE ids AS (
    (SELECT file_id, 1 AS n FROM file_chunk WHERE file_id > $1::uuid ORDER BY file_id LIMIT 1)
    UNION ALL
    SELECT (SELECT file_id FROM file_chunk WHERE file_id > ids.file_id ORDER BY file_id LIMIT 1), ids.n + 1
    FROM ids WHERE ids.file_id IS NOT NULL AND ids.n < $2::int)
SELECT ids.file_id, l.at + octet_length(l.bytes), octet_length(l.bytes)
FROM ids, LATERAL (SELECT at, bytes FROM file_chunk c WHERE c.file_id = ids.file_id ORDER BY at DESC LIMIT 1) l
ORDER BY ids.file_id;

-- name: file_sweep_claim (claim_s, most)
-- seconds until another sweeper may try -> rows whose bytes are to be removed: back end, id, object name, upload, block
-- bytes, removals before. Concurrent sweepers take different rows. A writer still holds its lease, so its upload is
-- spared although it has expired. A wrong count, which fsck repairs, does not keep a row. Accounts are locked in one
-- order, so that no two sweepers wait for each other.
WITH o AS (
    SELECT id, account_id, reserved, state, via FROM file
    WHERE state <> 'committed' AND sweep_at <= statement_timestamp()
        AND (state = 'deleting' OR lease IS NULL OR lease_until <= statement_timestamp())
    ORDER BY sweep_at LIMIT $2::int FOR UPDATE SKIP LOCKED),
n AS (
    SELECT id, account_id, reserved, state, via FROM file
    WHERE account_id IS NULL AND state <> 'deleting' LIMIT $2::int FOR UPDATE SKIP LOCKED),
l AS (SELECT * FROM o UNION SELECT * FROM n LIMIT $2::int),
a AS (
    SELECT account_id FROM account_usage WHERE account_id IN (SELECT account_id FROM l WHERE state <> 'deleting')
    ORDER BY account_id FOR UPDATE),
u AS (
    UPDATE account_usage SET bytes = greatest(0, account_usage.bytes - s.bytes),
        files = greatest(0, account_usage.files - s.files)
    FROM a JOIN (
        SELECT account_id, sum(reserved) AS bytes, count(*)::int AS files FROM l
        WHERE state <> 'deleting' AND via <> 'thumbnail' GROUP BY 1) s USING (account_id)
    WHERE account_usage.account_id = a.account_id)
UPDATE file f SET state = 'deleting', reserved = 0, lease = NULL, lease_until = NULL,
    sweep_at = statement_timestamp() + make_interval(secs => $1::int)
FROM l WHERE f.id = l.id
RETURNING f.back_end, f.id, f.object_name, f.object_upload, f.block_bytes, f.removals;

-- name: file_sweep_done (id, removals, again_s)
-- removals before, seconds until the second one -> id. The row stays as a tombstone, since a write that was under way
-- may arrive late. A thumbnail that was made while its file was removed is removed next.
WITH t AS (
    UPDATE file SET state = 'deleting', sweep_at = statement_timestamp(), reserved = 0
    WHERE parent_id = $1::uuid AND state <> 'deleting')
UPDATE file SET removals = removals + 1, sweep_at = statement_timestamp() + make_interval(secs => $3::int)
WHERE id = $1::uuid AND state = 'deleting' AND removals = $2::int RETURNING id;

-- name: file_sweep_forget (id)
-- after the second removal -> id
WITH t AS (
    UPDATE file SET state = 'deleting', sweep_at = statement_timestamp(), reserved = 0
    WHERE parent_id = $1::uuid AND state <> 'deleting')
DELETE FROM file WHERE id = $1::uuid AND state = 'deleting' AND removals > 0 RETURNING id;

-- name: file_link_add (id, file, account, hash, seconds, uses?, most, keyed_hash)
-- most: links that a file may have; keyed_hash: for the release before -> expiry; null:
-- there are as many already
SELECT file_link_make($1::uuid, $2::uuid, $3::uuid, $4::bytea, $8::bytea, $5::int, $6::int, $7::int);

-- name: file_link_list (file, account)
-- -> JSON array of what has not expired, newest first; no row: there is no such file
SELECT (
    SELECT coalesce(json_agg(row_to_json(r) ORDER BY r.id DESC), '[]')::text FROM (
        SELECT id, to_iso(created_at) AS created_at, to_iso(expires_at) AS expires_at, uses_left FROM file_link
        WHERE file_id = f.id AND expires_at > statement_timestamp()) r)
FROM file f WHERE f.id = $1::uuid AND f.account_id = $2::uuid AND f.state = 'committed';

-- name: file_link_revoke (file, account, link)
-- -> id
DELETE FROM file_link l USING file f
WHERE l.id = $3::uuid AND l.file_id = $1::uuid AND f.id = l.file_id AND f.account_id = $2::uuid RETURNING l.id;

-- name: file_link_find (link, holder)
-- -> the row of its file, hash or null, keyed hash, uses left or null, whether this holder has used it and may go on. A disabled account's
-- links open nothing.
SELECT {file_row}, l.token_hash, l.secret_hash, l.uses_left,
    EXISTS (SELECT FROM file_link_use u WHERE u.link_id = l.id AND u.holder = $2::bytea AND u.until > statement_timestamp())
FROM file_link l JOIN file f ON f.id = l.file_id JOIN account a ON a.id = f.account_id
WHERE l.id = $1::uuid AND l.expires_at > statement_timestamp() AND f.state = 'committed' AND NOT a.disabled;

-- name: file_link_use (link, holder, bytes, seconds)
-- bytes that it may ask for -> uses left; null: none was left
SELECT file_link_count($1::uuid, $2::bytea, $3::bigint, $4::int);

-- name: file_link_go_on (link, holder, bytes)
-- -> what is left of those that it may ask for; no row: it may not
UPDATE file_link_use SET bytes_left = bytes_left - $3::bigint
WHERE link_id = $1::uuid AND holder = $2::bytea AND until > statement_timestamp() AND bytes_left >= $3::bigint
RETURNING bytes_left;

-- name: file_thumbnail_find (original, box)
-- -> the row, and whether it is claimed
SELECT {file_row}, coalesce(lease_until > statement_timestamp(), false)
FROM file f WHERE parent_id = $1::uuid AND via = 'thumbnail' AND box = $2::int AND state <> 'deleting' AND account_id IS NOT NULL;

-- name: file_thumbnail_retire (original, box)
-- A row whose claim has expired.
UPDATE file SET state = 'deleting', sweep_at = statement_timestamp(), lease = NULL
WHERE parent_id = $1::uuid AND via = 'thumbnail' AND box = $2::int AND state = 'pending'
    AND (lease_until IS NULL OR lease_until <= statement_timestamp());

-- name: file_thumbnail_drop (id)
-- A thumbnail whose bytes are lost, or whose file is gone -> id. The next request for it makes another.
UPDATE file SET state = 'deleting', sweep_at = statement_timestamp()
WHERE id = $1::uuid AND via = 'thumbnail' AND state = 'committed' RETURNING id;

-- name: file_thumbnail_budget (account)
INSERT INTO thumbnail_budget (account_id) VALUES ($1::uuid) ON CONFLICT DO NOTHING;

-- name: file_thumbnail_turn (account)
-- -> ms of computing time that the account's thumbnails have spent; no row: another request of the account is making a
-- claim. No request waits for the row. It orders the account's claims, so that each sees those before it.
SELECT thumbnail_spent(spent_ms, at) FROM thumbnail_budget WHERE account_id = $1::uuid FOR UPDATE SKIP LOCKED;

-- name: file_thumbnail_spend (account, ms)
UPDATE thumbnail_budget SET spent_ms = thumbnail_spent(spent_ms, at) + $2::bigint, at = statement_timestamp()
WHERE account_id = $1::uuid;

-- name: file_thumbnail_claim (id, account, original, box, back_end, block_bytes, holder, lease_ms, keep_s, share)
-- share: how many the account may claim at once -> id; no row: another request has it, the account makes as many as it
-- may, or there is no such original. May be repeated, since the answer to COMMIT may be lost.
INSERT INTO file (id, account_id, via, parent_id, box, back_end, object_name, block_bytes, name, lease, lease_until, sweep_at)
SELECT $1::uuid, o.account_id, 'thumbnail', o.id, $4::int, $5::text, 'thumbnail', $6::bigint, o.name, $7::uuid,
    statement_timestamp() + make_interval(secs => $8::int / 1000.0), statement_timestamp() + make_interval(secs => $9::int)
FROM file o WHERE o.id = $3::uuid AND o.account_id = $2::uuid AND o.state = 'committed' AND (
    SELECT count(*) FROM file c WHERE c.account_id = $2::uuid AND c.via = 'thumbnail' AND c.state = 'pending'
        AND c.lease IS NOT NULL AND c.lease_until > statement_timestamp() AND c.id <> $1::uuid) < $10::int
ON CONFLICT (parent_id, box) WHERE via = 'thumbnail' AND state <> 'deleting'
    DO UPDATE SET lease_until = excluded.lease_until WHERE file.id = excluded.id
RETURNING id;

-- name: file_thumbnail_refuse (id, holder, kind, reason, seconds)
-- seconds for which it counts
UPDATE file SET claimed_type = $3::text, metadata = $4::text, lease = NULL,
    lease_until = statement_timestamp() + make_interval(secs => $5::int),
    sweep_at = statement_timestamp() + make_interval(secs => $5::int)
WHERE id = $1::uuid AND lease = $2::uuid AND state = 'pending';
