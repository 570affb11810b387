"""Databases with the schema of an earlier change, and what the release of that time asks all the while it is updated."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from mayfly import CHECKOUT, SCRATCH

SCHEMA = CHECKOUT / "sql/schema"
PGBENCH = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))[-1]
SERVER = ("-h", str(SCRATCH / "run/pg"))

# A request of each kind, as the first release made them; files since they are there. One that waits for a lock for longer than
# two seconds fails; workers go on for five (database_patience_ms).
PATIENCE_MS = 2000
ANY = r"\set n random(1, :rows)" + "\n"
ASKED = {
    "log-in": ANY + """SELECT id, password_hash FROM account WHERE name_key(username) = name_key('load' || :n);
INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
SELECT (left(day_floor(current_date)::text, 13) || substr(gen_random_uuid()::text, 14))::uuid, id, sha256('x'), '1 hour', now() + interval '1 hour', false, ''
FROM account WHERE username = 'load' || :n;
""",
    "profile": ANY + "UPDATE account SET name = 'n' || :n, updated_at = now() WHERE name_key(username) = name_key('load' || :n) RETURNING profile;\n",
    "register": "INSERT INTO account (id, username, password_hash) VALUES (gen_random_uuid(), 'new' || gen_random_uuid(), '!') RETURNING profile;\n",
    "document": ANY + r"""BEGIN;
INSERT INTO outcome AS o (key, fingerprint) VALUES (sha256(gen_random_uuid()::text::bytea), sha256('f')) ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING '\x' || encode(key, 'hex') AS key \gset
INSERT INTO profile_data AS d (account_id, data) SELECT id, '{"a": 1}' FROM account WHERE username = 'load' || :n
ON CONFLICT (account_id) DO UPDATE SET data = excluded.data, version = d.version + 1;
UPDATE outcome SET sealed = 'x' WHERE key = :key;
COMMIT;
""",
    "attempt": ANY + "INSERT INTO attempt AS a (key, level) VALUES (sha256((:n)::text::bytea), 1) ON CONFLICT (key) DO UPDATE SET level = a.level + 1, "
               "updated_at = now();\n",
    "session": ANY + """SELECT s.id, a.profile FROM account a JOIN session s ON s.account_id = a.id
WHERE name_key(a.username) = name_key('load' || :n) AND s.id >= day_floor(current_date);
""",
}
ASKED_OF_FILES = {
    "upload": ANY + """INSERT INTO file (id, account_id, via, back_end, object_name, block_bytes, name, sweep_at)
SELECT gen_random_uuid(), id, 'tus', 'postgres', 'upload', 262144, 'n', now() + interval '1 day' FROM account WHERE username = 'load' || :n;
""",
    "list": ANY + """SELECT f.id, f.name FROM account a JOIN file f ON f.account_id = a.id
WHERE name_key(a.username) = name_key('load' || :n) AND f.state = 'committed' ORDER BY f.id DESC LIMIT 20;
""",
}


# Whose own lower() is not Unicode's.
LOCALES = {"C": "ENCODING 'UTF8' LOCALE 'C'", "Turkish": "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"}


def up_to(number, folder):
    """apply.sql with the changes up to this one."""
    text = (SCHEMA / "apply.sql").read_text()
    kept = re.sub(r"^\\set change (\d{4})-.*\n", lambda found: found.group(0) if int(found.group(1)) <= number else "", text, flags=re.M)
    kept = kept.replace("\\ir later.sql\n", "")
    (folder / "apply.sql").write_text(kept)
    for file in SCHEMA.glob("*.sql"):
        if file.name != "apply.sql":
            shutil.copy(file, folder)
    folder.chmod(0o755)
    return folder / "apply.sql"


class Database:
    """Of its own, in the stack's PostgreSQL, perhaps with another locale than that has."""

    def __init__(self, number, rows, files=0, locale=""):
        self.name, self.number, self.rows, self.files, self.locale = f"schema_{secrets.token_hex(4)}", number, rows, files, locale

    def __enter__(self):
        self._psql(f"CREATE DATABASE {self.name} {self.locale and 'TEMPLATE template0 ' + self.locale}", name="postgres")
        with tempfile.TemporaryDirectory() as folder:
            ran = self.apply(up_to(self.number, Path(folder)))
            if ran.returncode != 0:
                raise RuntimeError(ran.stderr)
        self.fill()
        return self

    def __exit__(self, *_):
        self._psql(f"DROP DATABASE {self.name} WITH (FORCE)", name="postgres")

    def _psql(self, sql, name=None):
        ran = subprocess.run(["psql", "-XAtq", *SERVER, "-U", "postgres", "-d", name or self.name, "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True,
                             text=True, check=False)
        if ran.returncode != 0:
            raise RuntimeError(ran.stderr)
        return ran.stdout.strip()

    def psql(self, sql):
        return self._psql("SET search_path = mayfly; " + sql)

    def words(self, file=SCHEMA / "apply.sql"):
        """Of psql, to apply it."""
        return [*SERVER, "-U", "postgres", "-d", self.name, "-f", file]

    def apply(self, file=SCHEMA / "apply.sql"):
        return subprocess.run(["psql", "-Xq", *self.words(file)], capture_output=True, text=True, check=False)

    def fill(self):
        self.psql(f"INSERT INTO account (id, username, email, password_hash, profile) SELECT gen_random_uuid(), 'load' || n, 'load' || n || "
                  f"'@example.org', '!', '' FROM generate_series(1, {self.rows}) n")
        self.psql(f"CREATE INDEX load_name ON account (username); INSERT INTO session (id, account_id, secret_hash, idle, "
                  f"expires_at, remember, user_agent) SELECT (left(day_floor(current_date)::text, 13) || substr(gen_random_uuid()::text, 14))::uuid, id, "
                  f"sha256('x'), '1 hour', now() + interval '1 hour', false, '' FROM account LIMIT {self.rows // 10}")
        if self.files:
            self.psql(f"""INSERT INTO file (id, account_id, state, via, back_end, object_name, block_bytes, name, size, received, sealed, sha256)
                SELECT gen_random_uuid(), a.id, 'committed', 'upload', 'postgres', 'upload', 262144, 'file ' || n, 0, 0, true, sha256('')
                FROM generate_series(1, {self.files}) n JOIN (SELECT id, row_number() OVER () AS place FROM account) a ON a.place = 1 + n % {self.rows}""")
        self.psql("ANALYZE")


class Load:
    """What is asked until the with block ends, by connections that stay, with plans that they keep, as workers do."""

    def __init__(self, database):
        self.database, self.errors, self.requests, self.longest_ms = database, [], 0, 0.0

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        asked = {**ASKED, **(ASKED_OF_FILES if self.database.files else {})}
        self.running = []
        for name, script in asked.items():
            path = Path(self.folder.name) / f"{name}.sql"
            path.write_text(script + "\\sleep 2 ms\n")
            options = f"-c lock_timeout={PATIENCE_MS} -c statement_timeout={2 * PATIENCE_MS} -c plan_cache_mode=force_generic_plan"
            self.running.append((name, subprocess.Popen(
                [PGBENCH, "-n", "-M", "prepared", "-c", "1", "-T", "600", "-l", "--log-prefix", f"{self.folder.name}/{name}", "-P", "1", "-f", path, "-D",
                 f"rows={self.database.rows}", *SERVER, "-U", "mayfly", self.database.name],
                env={**os.environ, "PGOPTIONS": options}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        return self

    def __exit__(self, *_):
        for name, process in self.running:
            early = process.poll()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
            self.errors += [f"{name}: {line}" for line in said.splitlines() if "aborted" in line or "ERROR" in line or "FATAL" in line or
                            (early is not None and "progress" not in line)]
            rates = re.findall(r"progress: [\d.]+ s, ([\d.]+) tps, lat ([\d.]+) ms", said)
            self.requests += round(sum(float(rate) for rate, _ in rates))
        for log in Path(self.folder.name).glob("*.[0-9]*"):
            for line in log.read_text().splitlines():
                fields = line.split()
                if len(fields) >= 6 and fields[2].isdigit():
                    self.longest_ms = max(self.longest_ms, int(fields[2]) / 1000)
        self.folder.cleanup()


@contextlib.contextmanager
def somebody_reads(database, table, seconds):
    """A transaction that has read a table and goes on for so long, as a backup does."""
    reads = subprocess.Popen(["psql", "-XAtq", *SERVER, "-U", "postgres", "-d", database.name, "-c",
                              f"BEGIN; SELECT FROM mayfly.{table} LIMIT 1; SELECT pg_sleep({seconds}); COMMIT"], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while database.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") == "0" and \
            time.monotonic() < until:
        time.sleep(0.02)
    try:
        yield
    finally:
        reads.terminate()
        reads.wait()
