#!/usr/bin/python3
"""
Lists, walks and look-ups of files, with 100,000 of them and the plans that workers keep: what a page reads does not depend on how many
come before it, and what is asked for an account or a file not on how many others have.
"""

import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, note
from schema import Database
from statements import statement

FILES = 100_000
ACCOUNTS = 500
PAGE = 20
THUMBNAILS = 10_000
LAST = max(int(path.name[:4]) for path in (CHECKOUT / "sql/schema").glob("[0-9]*.sql"))
HOLDER = "11111111-1111-1111-1111-111111111111"

# Every second file is the first account's, as are thumbnails; the second account has one in 10,000; the third has two
# pages of files, and then thumbnails only. Ids are in the order of time.
FILL = f"""SET session_replication_role = replica;
INSERT INTO file (id, account_id, state, via, back_end, object_name, block_bytes, name, name_key, size, received, sealed, sha256)
SELECT id_of(n), CASE WHEN n % 2 = 0 THEN (SELECT id FROM a1) WHEN n % 10000 = 1 THEN (SELECT id FROM a2) ELSE a.id END, 'committed',
    CASE WHEN n % 20 = 0 THEN 'thumbnail' ELSE 'upload' END, CASE WHEN n % 10000 = 3 THEN 's3' ELSE 'postgres' END, 'upload', 262144, 'file ' || n,
    'file ' || n, 1, 1, true, sha256('')
FROM generate_series(1, {FILES}) n JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM account) a ON a.place = 1 + n % {ACCOUNTS};
INSERT INTO file (id, account_id, state, via, back_end, object_name, block_bytes, name, lease, sweep_at)
SELECT id_of({FILES} + n), (SELECT id FROM a1), CASE WHEN n > 3 THEN 'deleting' ELSE 'pending' END, 'upload', 'postgres', 'upload', 262144, 'n',
    '{HOLDER}', now() + CASE WHEN n > 3 THEN interval '-1 hour' ELSE interval '1 hour' END FROM generate_series(1, 6) n;
INSERT INTO file (id, account_id, state, via, back_end, object_name, block_bytes, name, name_key, size, received, sealed, sha256)
SELECT id_of({2 * FILES} + n), (SELECT id FROM a3), 'committed', CASE WHEN n > 2 * {PAGE} THEN 'thumbnail' ELSE 'upload' END, 'postgres', 'upload', 262144,
    'file ' || n, 'file ' || n, 1, 1, true, sha256('') FROM generate_series(1, {THUMBNAILS}) n;
INSERT INTO file_link (id, file_id, secret_hash, expires_at)
SELECT id_of(n), id_of(n), sha256('x'), now() + interval '1 hour' FROM generate_series(1, 20000) n;
SET session_replication_role = origin;"""


def id_of(number):
    text = f"{0x7000_0000_0000_0000_0000 + number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


with Database(LAST, ACCOUNTS) as database:
    database.psql("CREATE FUNCTION id_of(n int) RETURNS uuid LANGUAGE sql AS "
                  f"$$ SELECT ('{id_of(0)[:24]}' || lpad(to_hex(n), 12, '0'))::uuid $$; "
                  + "".join(f"CREATE VIEW a{n} AS SELECT id FROM account WHERE username = 'load{n}'; " for n in (1, 2, 3)) + FILL)
    ran = database.apply()
    check(ran.returncode == 0, "the steps of later.sql are done", ran.stderr)
    database.psql("ANALYZE")
    first, second, third = (database.psql(f"SELECT id FROM a{n}") for n in (1, 2, 3))

    def pages(name, *values):
        """How many pages of the database the statement reads, and its plan."""
        given = ", ".join("NULL" if value is None else f"'{value}'" for value in values)
        said = database.psql("SET ROLE mayfly; SET plan_cache_mode = force_generic_plan; "
                             f"PREPARE p AS {statement(name)}; BEGIN; EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) "
                             f"EXECUTE p({given}); ROLLBACK")
        plan = json.loads(said)[0]["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], said

    def few(name, values, most, what):
        read, plan = pages(name, *values)
        note(f"{name}: {read} pages, {what}")
        check(read <= most, f"{name}, {what}: at most {most} pages are read", read, plan)

    # A page of a list has some rows, each of which may be on a page of its own; an index has three levels.
    for name, before, after in (("file_list", (first, ""), (PAGE,)), ("file_overview", (first,), (PAGE,))):
        few(name, (*before, None, *after), 4 * PAGE, "the first page")
        few(name, (*before, id_of(FILES // 2), *after), 4 * PAGE, "one in the middle")
        few(name, (*before, id_of(FILES // 100), *after), 4 * PAGE, "one of the last")
    few("file_list", (third, "", None, PAGE), 4 * PAGE, "behind thumbnails that no list has")
    few("file_overview", (third, None, PAGE), 4 * PAGE, "behind thumbnails that no list has")
    for place in (1, FILES // 2, FILES - 100):
        few("fsck_files", ("postgres", id_of(place), PAGE), 4 * PAGE, f"after {place}")
        few("file_move_next", ("postgres", None, None, id_of(place), PAGE), 4 * PAGE, f"of all accounts, after {place}")
    few("fsck_files", ("s3", id_of(0), PAGE), 4 * PAGE, "of the back end that has few")
    few("file_move_next", ("postgres", second, None, id_of(0), PAGE), 4 * PAGE, "of an account that has few")
    few("file_move_next", ("postgres", None, id_of(FILES - 1), id_of(0), PAGE), 20, "this file only")
    few("file_move_next", ("postgres", first, id_of(FILES), id_of(0), PAGE), 20, "this file of this account only")
    few("file_give_back", (first, HOLDER, "{}"), 100, "of an account that has many")
    few("file_thumbnail_claim", (id_of(FILES + 9), first, id_of(2), 64, "postgres", 262144, HOLDER, 1000, 1000, 2), 300, "of an account that has many")
    few("file_sweep_claim", (60, 100), 300, "when few are due")
    few("file_link_expire", (1000,), 20, "when none has expired")
    few("account_remove", (100,), 20, "when no account closes")
    plan = pages("truths", 1 << 26)[1]
    check(not re.search(r'"Node Type": "Seq Scan"[^}]*"Relation Name": "file"', plan), "gauges are read without all files", plan)
done()
