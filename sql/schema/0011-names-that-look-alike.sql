-- 0011: a new name or address can't look like an older one that has invisible characters.

-- The visible part of a name, to be compared with the name_key of others: without Unicode's
-- Default_Ignorable_Code_Point and U+2800, a Braille pattern of no dots. t/4110 compares the list with Unicode's data.
CREATE FUNCTION name_seen(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mayfly.name_key(regexp_replace(name,
        '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164'
        '\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]', '', 'g'))
$$;

-- Whether a name has such characters. Most names are ASCII, which is found by their length.
CREATE FUNCTION name_hides(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT octet_length(name) > char_length(name) AND mayfly.name_seen(name) IS DISTINCT FROM mayfly.name_key(name)
$$;

-- For clients that do not check themselves, and for conditions that only the table can check. Older accounts keep their
-- names, which are checked only when they change.
CREATE FUNCTION account_seen() RETURNS trigger
LANGUAGE plpgsql SET search_path = mayfly, pg_temp AS $$
DECLARE
    username_is_new boolean := TG_OP = 'INSERT' OR NEW.username IS DISTINCT FROM OLD.username;
    email_is_new boolean := TG_OP = 'INSERT' OR NEW.email IS DISTINCT FROM OLD.email;
BEGIN
    IF username_is_new AND name_hides(NEW.username) THEN
        RAISE EXCEPTION 'a username holds characters that show nothing'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_username_plain';
    END IF;
    IF email_is_new AND name_hides(NEW.email) THEN
        RAISE EXCEPTION 'an e-mail address holds characters that show nothing'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_email_plain';
    END IF;
    IF username_is_new AND EXISTS (SELECT FROM account
            WHERE name_hides(username) AND name_seen(username) = name_key(NEW.username) AND id <> NEW.id) THEN
        RAISE EXCEPTION 'a username looks like that of another account'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'account_username';
    END IF;
    IF email_is_new AND EXISTS (SELECT FROM account
            WHERE name_hides(email) AND name_seen(email) = name_key(NEW.email) AND id <> NEW.id) THEN
        RAISE EXCEPTION 'an e-mail address looks like that of another account'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'account_email';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_seen BEFORE INSERT OR UPDATE OF username, email ON account
    FOR EACH ROW EXECUTE FUNCTION account_seen();

REVOKE ALL ON FUNCTION name_hides(text), name_seen(text), account_seen() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION name_hides(text), name_seen(text), account_seen() TO mayfly;
