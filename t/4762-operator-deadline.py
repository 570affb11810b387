#!/usr/bin/python3
"""mayflyctl has its own deadline: commands that go through whole tables may take longer than a worker's statement, but not for ever."""

import contextlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, check, done, psql, same, signed_in

WORKERS_MS = 100  # the deadline of a worker's statement
SLOW_S = 0.4  # what one takes here


def ctl(operator_ms, *words):
    """By settings that no worker has."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write((SCRATCH / "etc/mayfly.conf").read_text() + f"database_timeout_ms = {WORKERS_MS}\ndatabase_budget_ms = {WORKERS_MS}\n"
                     f"operator_timeout_ms = {operator_ms}\ndatabase_connect_ms = 500\n")
        config.flush()
        return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", config.name, *words], capture_output=True, text=True, check=False)


def is_late(ran):
    return ran.returncode != 0 and re.search("statement timeout|in time", ran.stderr) is not None


@contextlib.contextmanager
def slow(table):
    """Each statement that reads the table as a worker's role takes its time, as it does when the table is large and the disk busy."""
    psql(f"CREATE POLICY slow ON mayfly.{table} USING ((SELECT pg_sleep({SLOW_S})::text) IS NOT NULL); ALTER TABLE mayfly.{table} ENABLE ROW LEVEL SECURITY")
    try:
        yield
    finally:
        psql(f"ALTER TABLE mayfly.{table} DISABLE ROW LEVEL SECURITY; DROP POLICY slow ON mayfly.{table}")


_, client = signed_in()
file = client.post("/upload?name=a", body=b"bytes").json()["id"]
for table, command in (("account", "fsck"), ("file_link", "sweep")):
    with slow(table):
        for deadline_ms in (60_000, WORKERS_MS):
            # For the sweep to find.
            psql(f"INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at) SELECT gen_random_uuid(), '{file}', sha256('x'), now()")
            ran = ctl(deadline_ms, command)
            if deadline_ms > WORKERS_MS:
                check(ran.returncode in (0, 1) and not is_late(ran), f"{command} goes on though a statement takes longer than {WORKERS_MS} ms", ran)
            else:
                check(is_late(ran), f"{command} ends at operator_timeout_ms, and says why", ran)
try:
    # The server waits before it reads what a client says.
    psql("ALTER SYSTEM SET pre_auth_delay = 1")
    psql("SELECT pg_reload_conf()")
    ran = ctl(60_000, "user", "list")
    check(ran.returncode == 0, "a database that takes a second to let anybody in is waited for, longer than by a worker", ran)
finally:
    psql("ALTER SYSTEM RESET pre_auth_delay")
    psql("SELECT pg_reload_conf()")
with slow("account"):
    ran = ctl(60_000, "user", "list")
    check(is_late(ran), "what asks for one thing only has a worker's deadline", ran)
same(psql("SELECT count(*) FROM pg_policies WHERE schemaname = 'mayfly'"), "0", "nothing is slow any more")
done()
