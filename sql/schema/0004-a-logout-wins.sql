-- 0004: what a session began ends with it.

-- For the end of a transaction: an error, and so a rollback, when the session has ended meanwhile; otherwise it can't end before
-- COMMIT. At the end, since changes lock the account first and its sessions later. Names are qualified, since SET search_path
-- would cost more than the rest, at every change.
CREATE FUNCTION session_confirm(session uuid, account uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id
    WHERE s.id = $1 AND s.account_id = $2 AND NOT a.disabled AND s.expires_at > statement_timestamp()
    FOR KEY SHARE OF s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'MF401';
    END IF;
END $$;
