-- 0005: no text costs more than its length, and the same wrong password counts once.

-- What two spellings of a name have in common; null for more than a name can have. Canonical ordering takes the square
-- of the combining marks that follow one another and can't be interrupted. Workers check it before; this is for clients
-- that did not. No longer STRICT, since a CASE would then keep its body from taking the place of the call.
CREATE OR REPLACE FUNCTION name_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN char_length(name) <= 255 THEN lower(normalize(name, NFKC)) END
$$;
-- Connections that are open keep the old body within these indexes, and would not find the new one there: this tells them.
ALTER INDEX account_username SET (fillfactor = 90);
ALTER INDEX account_email SET (fillfactor = 90);
-- account_username_plain normalises as well, but after account_username_check, which has the length: in the order of their names.

-- Made when a file gets its name, so that a search normalises nothing but what is searched for. Null for files of before: to
-- make it for all of them would stop uploads for as long as that takes.
ALTER TABLE file ADD COLUMN name_key text;
CREATE FUNCTION file_name_key() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_key := mayfly.name_key(NEW.name);
    RETURN NEW;
END $$;
CREATE TRIGGER file_name_key BEFORE INSERT OR UPDATE OF name ON file FOR EACH ROW EXECUTE FUNCTION file_name_key();

-- Takes one attempt from every bucket, or from none when one is full. Answers the seconds to wait; 0: taken; -1:
-- nothing was taken, since the same was tried in this window. again stands for what "the same" is; null: nothing is.
-- Keys are locked in order, so that two log-ins never wait for each other; again is only ever touched by who has locked
-- the key that it is made of, which is one of keys. A refusal makes no row, so a refused client can't fill the table.
-- In the place of attempt_take, which the release before calls.
CREATE FUNCTION attempt_count(keys bytea[], limits int[], window_s int, again bytea) RETURNS int
LANGUAGE plpgsql SET search_path = mayfly AS $$
DECLARE
    bucket record;
    wait_s double precision := 0;
BEGIN
    FOR bucket IN SELECT k, l FROM unnest(keys, limits) AS u(k, l) ORDER BY k LOOP
        INSERT INTO attempt AS a (key, level, updated_at) VALUES (bucket.k, 0, statement_timestamp())
        ON CONFLICT (key) DO UPDATE SET
            level = greatest(0, a.level - extract(epoch FROM greatest(interval '0', statement_timestamp() - a.updated_at))
                                          * bucket.l / window_s),
            updated_at = greatest(a.updated_at, statement_timestamp());
        SELECT greatest(wait_s, (level + 1 - bucket.l) * window_s / bucket.l) INTO wait_s
        FROM attempt WHERE key = bucket.k;
    END LOOP;
    IF wait_s > 0 THEN
        DELETE FROM attempt WHERE key = ANY (keys) AND level = 0;
        RETURN greatest(1, ceil(wait_s));
    END IF;
    IF EXISTS (SELECT FROM attempt WHERE key = again AND updated_at > statement_timestamp() - make_interval(secs => window_s)) THEN
        RETURN -1;
    END IF;
    UPDATE attempt SET level = level + 1 WHERE key = ANY (keys);
    IF again IS NOT NULL THEN
        INSERT INTO attempt (key, level, updated_at) VALUES (again, 1, statement_timestamp())
        ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at;
    END IF;
    RETURN 0;
END $$;

REVOKE ALL ON FUNCTION file_name_key(), attempt_count(bytea[], int[], int, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION file_name_key(), attempt_count(bytea[], int[], int, bytea) TO mayfly;
