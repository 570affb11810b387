#!/usr/bin/python3
"""
What statements lock: an account before a file of its own, as everybody does, and a session's look-up no more of the partitions
than a few dozen weeks have, however many days there are.
"""

import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Session
from files import part, post_form
from images import png
from mayfly import DEV, check, done, note, psql, same, signed_in
from statements import statement

DAYS = 60  # the most that partitions_keep makes ahead
LOCKS_MAX = 120  # 13 weeks, of each the table and three indexes, and as many again for what is not in a partition


def prepared(name):
    return f"SET search_path = mayfly; SET plan_cache_mode = force_generic_plan; PREPARE {name} AS {statement(name)}"


# --- an account and its picture

user, client = signed_in()
answer = post_form(client, part("photo", png(4, 4), "me.png", "image/png"))
file = answer.json()["id"]
same((answer.status, client.get("/profile").json()["photo"]), (201, f"/files/{file}"), "an account has a picture", answer)
with Session() as changing, Session() as looking:
    changing.ask(f"BEGIN; SELECT FROM mayfly.account WHERE id = '{user.id}' FOR UPDATE")
    dropping = subprocess.Popen([DEV, "psql", "-Atqc", f"SET application_name = 'dropping'; {prepared('file_drop')}; EXECUTE file_drop('{file}', '{user.id}', false)"],
                                stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while looking.ask("SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'dropping'") != ["Lock"] and time.monotonic() < until:
        time.sleep(0.02)
    same(looking.ask("SELECT wait_event_type FROM pg_stat_activity WHERE application_name = 'dropping'"), ["Lock"],
         "whoever removes the picture waits for the account")
    free = looking.ask(f"BEGIN; SELECT 'free' FROM mayfly.file WHERE id = '{file}' FOR UPDATE SKIP LOCKED; ROLLBACK") == ["free"]
    if check(free, "and holds no lock of the file meanwhile, for which the account's change may wait"):
        changing.ask(f"SELECT FROM mayfly.file WHERE id = '{file}' FOR KEY SHARE")
    changing.ask("COMMIT")
    same(dropping.communicate(timeout=30)[0].split(), [file], "then the picture goes")
same(psql(f"SELECT photo_id IS NULL, profile::jsonb ->> 'photo' IS NULL FROM mayfly.account WHERE id = '{user.id}'"), "t|t", "from the profile, too")

# --- partitions

before = set(psql("SELECT name FROM mayfly.session_partition").split())
try:
    while psql(f"SELECT mayfly.partitions_keep({DAYS})") != "0":
        pass
    span, count = psql("SELECT max(until) - current_date, count(*) FROM mayfly.session_partition WHERE until > current_date").split("|")
    check(int(span) > DAYS, f"there are partitions for the next {span} days")
    none = "'00000000-0000-7000-8000-000000000000'"
    locks = int(psql(f"{prepared('sessions_find')}; BEGIN; EXECUTE sessions_find(ARRAY[{none}]::uuid[], {none}, {none}); "
                     "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'; COMMIT").split()[-1])
    check(locks < LOCKS_MAX, "the first look-up of a session locks few of them", locks)
    note(f"{count} partitions, {locks} locks")
finally:
    for name in set(psql("SELECT name FROM mayfly.session_partition").split()) - before:
        psql(f"DROP TABLE mayfly.{name}, mayfly.{name.replace('session_', 'session_data_')}")
done()
