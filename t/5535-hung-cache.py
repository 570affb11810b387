#!/usr/bin/python3
"""A cache node that hangs is waited for once by each operation, however many sessions end in it, and nobody else waits with it."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Threads, workers
from mayfly import Client, check, dev, done, login, new_user, note, psql, same, settings

MANY = 60
WORKERS = len(workers("a"))


def sessions(account, count):
    """Others of the account, made in the database: what ends them does not know whether they were ever used."""
    psql(f"""SET search_path = mayfly;
        INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
        SELECT (left(day_floor(current_date)::text, 13) || substr(gen_random_uuid()::text, 14))::uuid, '{account}', sha256('x'), '1 hour',
            now() + interval '1 hour', false, '' FROM generate_series(1, {count})""")


def end_others(count):
    """The longest that a request of another member takes meanwhile, in seconds, and the answers of all."""
    sessions(user.id, count)
    ended, seen, longest = [], set(), 0
    with Threads() as threads:
        threads.add(lambda: ended.append(client.delete("/sessions").status))
        while not ended and not threads.errors:
            began = time.monotonic()
            seen.add(other.get("/profile").status)
            longest = max(longest, time.monotonic() - began)
    return longest, threads.errors, ended, seen


def shortest(count):
    """Of three tries, since the machine may be busy."""
    tries = [end_others(count) for _ in range(3)]
    same([rest for _, *rest in tries], [[[], [200], {200}]] * 3,
         f"{count} sessions are ended while memcached hangs, and others are served")
    return min(longest for longest, *_ in tries)


user = new_user()
client, other = Client(login(user)), Client(login(new_user()))
for pool in "ab":
    dev("scale", pool, 1)  # another worker would take what one that waits leaves
with settings(cache_fresh_s=1):
    dev("service", "signal", "memcached", "STOP")
    try:
        few, many = shortest(2), shortest(MANY)
    finally:
        dev("service", "signal", "memcached", "CONT")
for pool in "ab":
    dev("scale", pool, WORKERS)
note(f"the longest request beside 2 sessions {few * 1000:.0f} ms, beside {MANY} sessions {many * 1000:.0f} ms")
check(many < 4 * few, f"{MANY} sessions hold others up no longer than 2 do", few, many)
same(psql(f"SELECT count(*) FROM mayfly.session WHERE account_id = '{user.id}'"), "1", "and have ended")
done()
