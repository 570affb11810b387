#!/usr/bin/python3
"""
A change of the schema has a table for itself for a moment only, at whatever locale the database was made: no numbered change
writes a table or an index anew, since that takes the longer the more rows there are. And where names come to compare otherwise, each
is found, and taken, all the while.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, same
from schema import LOCALES, SCHEMA, Database, Load, up_to

LAST = max(int(path.name[:4]) for path in SCHEMA.glob("[0-9]*.sql"))
ROWS = 2_000
# (file_copy's index is of a column that becomes COLLATE "C": it has rows only while `mayflyctl files move` copies.)
STORED = """SELECT string_agg(c.oid::regclass || ' ' || pg_relation_filenode(c.oid), ',' ORDER BY c.oid) FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = 'mayfly'::regnamespace AND c.relkind IN ('r', 'i') AND c.oid = ANY ('{%s}') AND 'file_copy' <> coalesce(i.indrelid, c.oid)::regclass::text"""
# As the release before and this one look a name up; the first row of each is what both must find.
FIND = {"before": "SELECT username FROM account WHERE name_key(username) = name_key('%s')",
        "now": "SELECT username FROM account WHERE name_key(username) COLLATE \"C\" = name_key('%s')"}
UNIQUE = """SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index
WHERE indrelid = 'account'::regclass AND indisunique AND indisvalid"""
INDEXES = "account_email account_email_bytes account_pkey account_username account_username_bytes"
NAMES = ("INFO", "\u00c9VA", "I\u0130", "load7")
LATER = (SCHEMA / "later.sql").read_text()
STEPS = ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS account_email_icu", "ALTER INDEX account_username_icu",
         "DROP INDEX CONCURRENTLY IF EXISTS account_email_before")


class Seeker:
    """Looks for each name, as it is written, by a connection with plans of its own until the block ends; what was not found."""

    def __init__(self, database):
        self.database, self.lost, self.rounds = database, [], 0

    def __enter__(self):
        words = ["psql", "-XAtq", "-U", "mayfly", *self.database.words()[:2], "-d", self.database.name]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.over = threading.Event()
        self._say("SET enable_seqscan = off; SET lock_timeout = '2s'; " +
                  " ".join(f"PREPARE {how}{n} AS {sql % name};" for how, sql in FIND.items() for n, name in enumerate(NAMES)))
        self.thread = threading.Thread(target=self._seek)
        self.thread.start()
        return self

    def _say(self, sql):
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def _seek(self):
        while not self.over.is_set():
            for how in FIND:
                for n, name in enumerate(NAMES):
                    self._say(f"EXECUTE {how}{n}; \\echo .")
                    found = []
                    while (line := self.process.stdout.readline().strip()) not in (".", ""):
                        found.append(line)
                    if name not in found:
                        self.lost.append((how, name, found))
            self.rounds += 1

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.process.stdin.close()
        self.process.wait()


for locale, number, files in (("C", 9, 200), ("Turkish", 1, 0)):
    with Database(number, ROWS, files, LOCALES[locale]) as database, tempfile.TemporaryDirectory() as folder:
        database.psql("INSERT INTO account (id, username, password_hash, profile) SELECT gen_random_uuid(), name, '!', '' "
                      f"FROM unnest(ARRAY{list(NAMES[:3])}) name")
        if files:
            database.psql("UPDATE file SET name = E'\\u00C9T\\u00C9' WHERE name < 'file 2'")
        there = database.psql("SELECT string_agg(oid::text, ',') FROM pg_class WHERE relnamespace = 'mayfly'::regnamespace")
        stored = database.psql(STORED % there)
        ran = database.apply(up_to(LAST, Path(folder)))
        same((ran.returncode, ran.stderr), (0, ""), f"{locale}: changes from {number} on are applied")
        after = database.psql(STORED % there)
        same([one for one in stored.split(",") if one not in after.split(",")], [],
             "none of them writes a table or an index anew")
        # The rest takes its time, beside requests, and goes on when it is broken off.
        shutil.copy(SCHEMA / "apply.sql", folder)
        with Load(database) as load, Seeker(database) as seeker:
            for step in STEPS if locale == "C" else ():
                (Path(folder) / "later.sql").write_text(LATER.replace(step, f"SELECT 1 / 0;\n{step}"))
                ran = database.apply(Path(folder) / "apply.sql")
                same((LATER.count(step), ran.returncode), (1, 3), f"it may be broken off before {step[:50]}")
            ran = database.apply()
            until = seeker.rounds + 2
            while seeker.rounds < until and seeker.process.poll() is None:
                time.sleep(0.02)
        same((ran.returncode, ran.stderr, load.errors), (0, "", []), f"{locale}: what remains is done, and no request fails")
        same((seeker.lost[:3], seeker.rounds > 2), ([], True), f"each name is found all the while, {seeker.rounds} times")
        same(database.psql("SELECT name_key('INFO') = name_key('info'), name_key(E'\\u00C9va') = name_key(E'\\u00E9va'), "
                           "name_key('I') <> name_key(E'\\u0131')"), "t|t|t", "in the end names compare alike")
        same(database.psql("SELECT count(*) FROM file WHERE name_key <> name_key(name)"), "0", "those of files, too")
        same(database.psql(UNIQUE), INDEXES, "by these indexes")
        for name in ("info", "\u00e9va"):
            try:
                database.psql(f"INSERT INTO account (id, username, password_hash) VALUES (gen_random_uuid(), '{name}', '!')")
                said = ""
            except RuntimeError as error:
                said = str(error)
            check("account_username" in said and "duplicate key" in said, f"nobody can take {name} as well", said)
        same(database.psql("SELECT count(*) FROM pg_proc WHERE proname LIKE 'name\\_key\\_%'"), "0", "and nothing of the old is left")

done()
