#!/usr/bin/python3
"""Partitions are made and dropped within the workers' statement_timeout, however many sessions of old days there are."""

import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, check, dev, done, new_user, note, psql, same

SESSIONS = 400_000
TIMEOUT = "40ms"  # a fraction of what reading so many sessions takes
DAYS = ("20240101", "20240102", "20240103")


def partition(day, count, alive=False):
    """A past day with so many expired sessions, of which the last one made lives if wanted."""
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    psql(f"""
        SET search_path = mayfly; SET session_replication_role = replica;
        CREATE TABLE session_{day} PARTITION OF session FOR VALUES FROM (day_floor('{date}')) TO (day_floor('{date}'::date + 1));
        CREATE TABLE session_data_{day} PARTITION OF session_data
            FOR VALUES FROM (day_floor('{date}')) TO (day_floor('{date}'::date + 1));
        ALTER TABLE session_{day} OWNER TO mayfly_owner; ALTER TABLE session_data_{day} OWNER TO mayfly_owner;
        ALTER TABLE session_{day} SET (autovacuum_enabled = off);
        INSERT INTO session_{day} (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
        SELECT (left(day_floor('{date}')::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, '{account.id}', '\\x{"00" * 32}', '1 hour',
            now() + CASE WHEN n = {count} AND {alive} THEN interval '1 day' ELSE interval '-1 day' END, false, ''
        FROM generate_series(1, {count}) n""")


def there():
    return psql("SELECT string_agg(right(inhrelid::regclass::text, 8), ' ' ORDER BY inhrelid::regclass::text) FROM pg_inherits "
                "WHERE inhparent = 'mayfly.session'::regclass AND right(inhrelid::regclass::text, 8) < '20250101'").split()


def as_worker(sql):
    """As a worker's role, whose settings hold when it connects; dev psql is a superuser."""
    return dev("psql", "-U", "mayfly", "-Atqc", sql).strip()


def keep():
    """One step; on a busy machine so short a time may pass without any fault, so it is tried again."""
    for _ in range(9):
        try:
            return int(as_worker("SELECT partitions_keep(14)"))
        except RuntimeError as error:
            note(error)
    raise RuntimeError("partitions_keep never comes to its end")


account = new_user()
began = time.monotonic()
partition(DAYS[0], SESSIONS)
partition(DAYS[1], SESSIONS, alive=True)
partition(DAYS[2], 10)
note(f"{2 * SESSIONS} sessions of past days made in {time.monotonic() - began:.1f} s")
same(there(), list(DAYS), "three past days are there, of which one has a session that lives")
tomorrow = psql("SELECT to_char(since, 'YYYYMMDD') FROM mayfly.session_partition ORDER BY since DESC LIMIT 1")
psql(f"DROP TABLE mayfly.session_{tomorrow}, mayfly.session_data_{tomorrow}; ALTER ROLE mayfly SET statement_timeout = '{TIMEOUT}'")
try:
    try:
        as_worker("SELECT count(*) FROM session WHERE id < day_floor('2025-01-01') AND seen_at > now() + interval '1 day'")
        refused = False
    except RuntimeError as error:
        refused = "statement timeout" in str(error)
    check(refused, f"reading one of them takes longer than a statement_timeout of {TIMEOUT}")
    steps = []
    while not steps or (steps[-1] > 0 and len(steps) < 10):
        steps.append(keep())
    same(steps, [4, 2, 0], "each call drops one partition at most, and the first one makes what is missing as well")
    same(there(), [DAYS[1]], "what has nothing alive is gone, what has one session alive stays")
    same(psql(f"SELECT to_regclass('mayfly.session_{tomorrow}') IS NOT NULL"), "t", "the week that was missing is there")
finally:
    psql("ALTER ROLE mayfly SET statement_timeout = '5s'")
partition(DAYS[0], 10)
partition(DAYS[2], 10)
same(psql(f"DELETE FROM mayfly.session_{DAYS[1]} WHERE expires_at > now() RETURNING 1"), "1", "its last session ends")
ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], stderr=subprocess.PIPE,
                     text=True, check=True)
check("6 partitions" in ran.stderr, "mayflyctl sweep goes on until nothing is left to do", ran.stderr)
same(there(), [], "no past day is left")
done()
