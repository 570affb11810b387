#!/usr/bin/python3
"""A cache node that hangs is waited for once by each operation, however many sessions end in it."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, dev, done, login, new_user, note, psql, same

MANY = 60


def sessions(account, count):
    """Others of the account, made in the database: what ends them does not know whether they were ever used."""
    psql(f"""SET search_path = mayfly;
        INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)
        SELECT (left(day_floor(current_date)::text, 13) || substr(gen_random_uuid()::text, 14))::uuid, '{account}', sha256('x'), '1 hour',
            now() + interval '1 hour', false, '' FROM generate_series(1, {count})""")


def end_others(count):
    """Seconds that it takes; of three tries the shortest, since the machine may be busy."""
    times = []
    for _ in range(3):
        sessions(user.id, count)
        began = time.monotonic()
        answer = client.delete("/sessions")
        times.append(time.monotonic() - began)
        if answer.status >= 300:
            return answer
    return min(times)


user = new_user()
client = Client(login(user))
dev("service", "signal", "memcached", "STOP")
try:
    few, many = end_others(2), end_others(MANY)
finally:
    dev("service", "signal", "memcached", "CONT")
if check(isinstance(few, float) and isinstance(many, float), "all other sessions are ended while memcached hangs", few, many):
    note(f"2 sessions {few * 1000:.0f} ms, {MANY} sessions {many * 1000:.0f} ms")
    check(many < 4 * few, f"{MANY} sessions wait no longer than 2 do", few, many)
same(psql(f"SELECT count(*) FROM mayfly.session WHERE account_id = '{user.id}'"), "1", "and have ended")
done()
