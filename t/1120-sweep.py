#!/usr/bin/python3
"""mayflyctl sweep removes outcomes, attempts and links that have expired, however many there are, and nothing younger."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, done, psql, same, signed_in

KEEP_S = {"outcome": 7200, "attempt": 3600}
ROWS = 2500  # of each kind: more than one step takes
KEY = "sha256(('sweep ' || n)::bytea)"  # of row n, in SQL


def sweep(factor=1):
    """How many rows it says it removed, by these settings times a factor; no worker needs to know them."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write((SCRATCH / "etc/mayfly.conf").read_text() +
                     f"outcome_keep_s = {factor * KEEP_S['outcome']}\nlogin_window_s = {factor * KEEP_S['attempt']}\n")
        config.flush()
        ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", config.name, "sweep"], stderr=subprocess.PIPE, text=True,
                             check=True)
    return int(re.match(r"(\d+) rows removed, ", ran.stderr).group(1))


def age(keep_s):
    """Of row n: the first is new, the second has a minute left, the others are over."""
    return f"CASE n WHEN 1 THEN interval '0' WHEN 2 THEN interval '{keep_s - 60} s' ELSE interval '{keep_s + 60} s' END"


def make(table, columns, values):
    psql(f"INSERT INTO mayfly.{table} (key, {columns}) SELECT {KEY}, {values}, now() - {age(KEEP_S[table])} "
         f"FROM generate_series(1, {ROWS}) n")


def left(table):
    return [int(n) for n in psql(f"SELECT n FROM generate_series(1, {ROWS}) n WHERE EXISTS "
                                 f"(SELECT FROM mayfly.{table} WHERE key = {KEY})").split()]


user, client = signed_in()
file = client.post("/upload?name=a.txt", body=b"linked", headers={"Content-Type": "text/plain"}).json()["id"]
sweep()
make("outcome", "fingerprint, created_at", "sha256('x')")
make("attempt", "level, made_at, updated_at", f"1, now() - {age(KEEP_S['attempt'])}")
psql("INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at) "
     f"SELECT gen_random_uuid(), '{file}', sha256('x'), now() + interval '1 hour' - {age(3600)} FROM generate_series(1, {ROWS}) n")

same(sweep(2), 0, "with twice the time nothing has had it")
same([len(left(table)) for table in KEEP_S], [ROWS, ROWS], "and all rows are there")
same(psql(f"SELECT count(*) FROM mayfly.file_link WHERE file_id = '{file}'"), "2", "of the links only those that work")
same(sweep(), 2 * (ROWS - 2), "all that had theirs are removed, in as many steps as that takes, and counted")
same([left(table) for table in KEEP_S], [[1, 2], [1, 2]], "and those that have a minute left are not")
same(sweep(), 0, "then there is nothing to do")
for table in KEEP_S:
    psql(f"DELETE FROM mayfly.{table} WHERE key IN (SELECT {KEY} FROM generate_series(1, 2) n)")
done()
