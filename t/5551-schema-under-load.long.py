#!/usr/bin/python3
"""The same as t/5550 with 200,000 accounts and 100,000 files, and at the locales of t/5564."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, note, same
from schema import LOCALES, Database, Load

ACCOUNTS, FILES = 200_000, 100_000

for number, files, locale in ((1, 0, ""), (3, FILES, ""), (7, FILES, ""), (9, FILES, "C"), (3, 0, "Turkish")):
    with Database(number, ACCOUNTS, files, LOCALES.get(locale, "")) as database:
        with Load(database) as load:
            time.sleep(1)
            began = time.monotonic()
            ran = database.apply()
            took = time.monotonic() - began
            time.sleep(1)
        same((ran.returncode, ran.stderr), (0, ""), f"from {number} on each change is applied to {ACCOUNTS:,} accounts and {files:,} files {locale}")
        same(load.errors, [], "no request failed meanwhile")
        check(load.requests > 0, f"of {load.requests}")
        note(f"from {number} {locale}: {took:.1f} s, {load.requests} requests, the longest {load.longest_ms:.0f} ms")
done()
