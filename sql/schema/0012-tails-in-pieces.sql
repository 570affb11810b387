-- 0012: the bytes of an upload are added to its last block in pieces, instead of writing the whole block anew.

-- How many pieces the tail has, chunks of file_chunk that follow one another. A worker that takes the lease and can
-- read pieces changes the sign, which the release before does not.
ALTER TABLE file ADD COLUMN tail_pieces int NOT NULL DEFAULT 0;

-- The release before reads one piece: when it takes the lease of an upload that has more, they become one. A piece counts up to where
-- the next one begins. Goes one release later, as do the signs.
CREATE FUNCTION file_tail_whole() RETURNS trigger
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    start bigint := NEW.received - NEW.received % NEW.block_bytes;
    tail bytea;
BEGIN
    SELECT string_agg(substr(p.bytes, 1, least(octet_length(p.bytes), p.until - p.at)::int), '' ORDER BY p.at) INTO tail FROM (
        SELECT at, bytes, coalesce(lead(at) OVER (ORDER BY at), NEW.received) AS until FROM file_chunk
        WHERE file_id = NEW.id AND at >= start AND at < NEW.received) p;
    IF tail IS NOT NULL THEN
        DELETE FROM file_chunk WHERE file_id = NEW.id AND at > start AND at < NEW.received;
        INSERT INTO file_chunk (file_id, at, bytes) VALUES (NEW.id, start, tail)
        ON CONFLICT (file_id, at) DO UPDATE SET bytes = excluded.bytes;
    END IF;
    NEW.tail_pieces := 0;
    RETURN NEW;
END $$;
CREATE TRIGGER file_tail_whole BEFORE UPDATE OF lease ON file FOR EACH ROW
    WHEN (abs(OLD.tail_pieces) > 1 AND NEW.tail_pieces = OLD.tail_pieces AND NEW.lease IS NOT NULL
        AND NEW.lease IS DISTINCT FROM OLD.lease AND NOT NEW.sealed)
    EXECUTE FUNCTION file_tail_whole();

REVOKE ALL ON FUNCTION file_tail_whole() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION file_tail_whole() TO mayfly;
