-- 0007: one account's share of what makes thumbnails.

-- Computing time that was spent for an account's thumbnails, as of the last change; what has drained away since is reckoned when
-- it is read. The row is also what two claims of an account are ordered by.
CREATE TABLE thumbnail_budget (
    account_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    spent_ms bigint NOT NULL DEFAULT 0 CHECK (spent_ms >= 0),
    at timestamptz NOT NULL DEFAULT statement_timestamp()
);
-- The index of claims comes with later.sql.

-- What is left of it: a tenth of the time that passes drains away.
CREATE FUNCTION thumbnail_spent(spent_ms bigint, at timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
SELECT greatest(0, spent_ms - (extract(epoch FROM statement_timestamp() - at) * 100)::bigint)
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON thumbnail_budget TO mayfly;
