-- 0004: what a session began ends with it, and one account has one set of log-in buckets.

-- For the end of a transaction: an error, and so a rollback, when the session has ended meanwhile. It can't end before COMMIT
-- then. At the end, since changes lock the account first and its sessions later. Qualified: it is part of every change.
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
