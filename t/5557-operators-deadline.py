#!/usr/bin/python3
"""Operators' commands that go through whole tables have their own deadline: longer than a request's, but finite."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, same
from schema import Database

LAST = max(int(path.name[:4]) for path in (CHECKOUT / "sql/schema").glob("[0-9]*.sql"))
SLOW_S = 0.6  # to read a row of a file, as from a disk that is busy
REQUEST_MS, OPERATOR_MS = 300, 20000


def ctl(database, *words, operator_ms=OPERATOR_MS):
    """(status, what it said)"""
    changed = {"database": f"host={SCRATCH / 'run/pg'} dbname={database.name} user=mayfly", "database_timeout_ms": REQUEST_MS,
               "operator_timeout_ms": operator_ms}
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        # Without S3, which has what other databases know.
        kept = [line for line in (SCRATCH / "etc/mayfly.conf").read_text().splitlines()
                if line.partition("=")[0].strip() not in changed and not line.startswith(("s3_", "objects"))]
        config.write("\n".join(kept + [f"{name} = {value}" for name, value in changed.items()]) + "\n")
        config.flush()
        ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", config.name, *words], capture_output=True, text=True, timeout=120, check=False)
    return ran.returncode, ran.stdout + ran.stderr


with Database(LAST, 1, 1) as database:
    file = database.psql("SELECT id FROM file")
    database.apply()
    database.psql(f"INSERT INTO file_chunk VALUES ('{file}', 0, ''); INSERT INTO account_usage SELECT account_id, 0, 1 FROM file; "
                  "INSERT INTO file (id, account_id, state, via, back_end, object_name, block_bytes, name, sweep_at) SELECT gen_random_uuid(), "
                  "account_id, 'deleting', 'upload', back_end, object_name, block_bytes, name, now() - interval '1 hour' FROM file; "
                  "ALTER TABLE file ENABLE ROW LEVEL SECURITY; "
                  f"CREATE POLICY slow ON file USING (pg_sleep({SLOW_S})::text IS NOT NULL)")
    status, said = ctl(database, "files", "show", file)
    check(status != 0 and file not in said, "what looks at one file has the deadline of a request", said)
    for words, wanted in ((("fsck",), "1 files, 1 objects, 1 accounts looked at; 0 findings"), (("files", "list", "load1"), file),
                          (("sweep",), " 1 files' bytes removed")):
        status, said = ctl(database, *words)
        same((status, wanted in said), (0, True), f"mayflyctl {' '.join(words)} takes what it needs", said)
    status, said = ctl(database, "fsck", operator_ms=REQUEST_MS)
    same(status, 2, "but not for ever", said)
done()
