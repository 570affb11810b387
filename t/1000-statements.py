#!/usr/bin/python3
"""Every statement of sql/query fits the schema, for a role that can do nothing else."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from mayfly import check, done, psql, same
from statements import STATEMENTS as found
from statements import AS_WRITTEN, COLUMNS, parameters

AS_WORKER = "SET ROLE mayfly; SET search_path = mayfly;"

check(len(found) > 30, f"there are statements to look at: {len(found)}")
same(len(found), len({name for name, _ in found}), "no two statements share a name")
for name, text in found:
    wanted = parameters(text)
    answer = psql(f"{AS_WORKER} PREPARE {name} AS {text};"
                  f" SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = '{name}'")
    same(answer.split()[-1:], [str(wanted)], f"{name} can be prepared by the workers' role and has {wanted} parameters")


# Six of a list's columns in a row are the list, written out once more.
check("file_row" in COLUMNS, "the columns of a file's row are a list")
for list_name, columns in COLUMNS.items():
    names = [re.sub(r".*( AS |\.)", "", column) for column in columns]
    runs = [r",\s*".join(rf"(?:\w+\()?(?:\w+\.)?{column}\)?(?: AS \w+)?" for column in names[at:at + 6]) for at in range(len(names) - 5)]
    same([name for name, text in AS_WRITTEN if any(re.search(run, text) for run in runs)], [], f"the columns of {list_name} are written out in one place")

# A worker keeps one general plan for each statement, made without the values. With a thousand accounts, and more
# partitions than sessions asked for, reading all accounts once seemed cheaper to it than looking a few up.
# What other tests have left is gone until the end of the transaction; ANALYZE, since the planner keeps their statistics.
CROWD = """BEGIN; SET LOCAL search_path = mayfly; SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL client_min_messages = warning; TRUNCATE account, session, session_data CASCADE;
CREATE TEMP TABLE crowd ON COMMIT DROP AS SELECT n, gen_random_uuid() AS id FROM generate_series(1, 1000) n;
INSERT INTO account (id, username, password_hash) SELECT id, 'crowd' || n, '!' FROM crowd;
INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
    SELECT (left(day_floor(current_date)::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, id, sha256('x'), '1 hour',
        now() + interval '1 hour', false, '' FROM crowd;
INSERT INTO session_data (session_id, data) SELECT id, '{}' FROM session WHERE account_id IN (SELECT id FROM crowd);
INSERT INTO key (id, account_id, secret_hash, name, scopes, all_sites, sites, expires_at)
    SELECT gen_random_uuid(), id, sha256('x'), 'key', 1, true, '{}', now() + interval '1 hour' FROM crowd;
INSERT INTO profile_data (account_id, data) SELECT id, '{}' FROM crowd;
INSERT INTO account_usage (account_id, bytes, files) SELECT id, 0, 0 FROM crowd;
WITH s AS (INSERT INTO site (id, name, rules, rules_form, created_by, updated_by)
    VALUES (gen_random_uuid(), 'crowd', 'any', 'x', '', '') RETURNING id)
INSERT INTO app_document (site_id, key, account_id, version, ends_at, data)
    SELECT s.id, sha256(c.n::text::bytea), c.id, 1, now() + interval '1 hour', '{}' FROM crowd c, s;
ANALYZE account, session, session_data, key, profile_data, account_usage, app_document;"""
for name in ("sessions_find", "session_end", "session_end_others", "session_end_oldest", "session_list", "account_close"):
    text = dict(found)[name]
    nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", text))))
    plan = psql(f"{CROWD} PREPARE {name} AS {text}; EXPLAIN EXECUTE {name}({nothing}); ROLLBACK")
    # Of an empty table its one page is read, which costs nothing.
    whole = [line.strip() for line in plan.splitlines() if "Seq Scan" in line and "cost=0.00..0.0" not in line]
    check("Index" in plan and whole == [], f"{name} reads no table as a whole", whole or plan)


def refused(sql):
    answer = psql(f"{AS_WORKER} DO $$ BEGIN EXECUTE $q${sql}$q$; RAISE NOTICE 'done'; EXCEPTION"
                  f" WHEN insufficient_privilege THEN PERFORM set_config('mayfly.refused', 'yes', false); END $$;"
                  " SELECT coalesce(current_setting('mayfly.refused', true), 'no')")
    return answer.split()[-1:] == ["yes"]


for sql in ("DROP TABLE mayfly.session", "ALTER TABLE mayfly.account ADD COLUMN x int", "TRUNCATE mayfly.account",
            "CREATE TABLE mayfly.x (y int)", "CREATE OR REPLACE FUNCTION mayfly.to_ms(timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
            "UPDATE mayfly.schema_change SET number = 0", "SELECT * FROM pg_authid"):
    check(refused(sql), f"the workers' role may not: {sql[:60]}")
same(psql("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'mayfly'").split()[-1:],
     ["0"], "the workers' role owns nothing")
done()
