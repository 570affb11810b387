#!/usr/bin/python3
"""
Changes of the schema, from the first one on, while requests go on and somebody holds a table for seconds, as a backup does: none
fails, since whoever needs a whole table waits for a moment only and tries again, and what takes long is done beside.
"""

import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, note, same
from schema import Database, Load, somebody_reads

ROWS = 2_000
HELD_S = 4  # longer than requests wait
LAST = max(int(path.name[:4]) for path in (CHECKOUT / "sql/schema").glob("[0-9]*.sql"))

for number, files in ((1, 0), (3, 1_000)):
    with Database(number, ROWS, files) as database:
        with Load(database) as load, somebody_reads(database, "account", HELD_S):
            began = time.monotonic()
            ran = database.apply()
            took = time.monotonic() - began
            time.sleep(0.3)  # those who go on see what they have now
        same((ran.returncode, ran.stderr), (0, ""), f"from {number} on each change is applied")
        same(database.psql("SELECT max(number) FROM schema_change"), str(LAST), "up to the last")
        check(took > HELD_S * 0.7, "after what held the table has ended", took)
        same(load.errors, [], "no request failed meanwhile")
        check(load.requests > 0, f"of {load.requests}")
        note(f"from {number}: {took:.1f} s, {load.requests} requests, the longest {load.longest_ms:.0f} ms")
        same(database.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0", "all indexes are whole")
        same(database.psql("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0", "and all that is checked is checked for all rows")
        same(database.psql("SELECT count(*) FROM account WHERE NOT profile::jsonb ? 'photo'"), "0", "profiles of before have what they lacked")
        steps = database.psql("SELECT count(*) FROM schema_step")
        same((database.apply().stderr, database.psql("SELECT count(*) FROM schema_step")), ("", steps), "applying it again changes nothing")

# One that was broken off, between two steps or within one, goes on.
with Database(LAST, 10) as database:
    database.psql("CREATE INDEX account_closing ON account (id); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'account_closing'::regclass")
    ran = [subprocess.Popen(["psql", "-Xq", *words], stderr=subprocess.PIPE, text=True) for words in [database.words()] * 2]
    said = [one.communicate()[1] for one in ran]
    same([one.returncode for one in ran], [0, 0], "two that are run at once follow each other", said)
    check("closing_at IS NOT NULL" in database.psql("SELECT pg_get_indexdef('account_closing'::regclass)"), "what one had left is made anew")
done()
