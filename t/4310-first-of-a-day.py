#!/usr/bin/python3
"""Today's partitions are missing, as when no sweep ran for weeks: a log-in makes them and gets its session."""

import base64
import hashlib
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PASSWORD, Client, done, new_user, psql, same, try_login

TODAY, YESTERDAY = psql("SELECT to_char(now(), 'YYYYMMDD'), to_char(now() - interval '1 day', 'YYYYMMDD')").split("|")


def drop(days):
    """The partitions of days, a condition on since and until, with whatever sessions they have."""
    for name in psql(f"SELECT name FROM mayfly.session_partition WHERE {days}").split():
        psql(f"DROP TABLE mayfly.{name}, mayfly.{name.replace('session_', 'session_data_')}")


def drop_today():
    drop("since <= current_date AND until > current_date")


def yesterday_alone():
    """Yesterday has partitions of its own, as releases before made them; else they may be those of today's week."""
    drop("since <= current_date AND until > current_date - 1")
    for parent in ("session", "session_data"):
        psql(f"SET ROLE mayfly_owner; SET search_path = mayfly; CREATE TABLE {parent}_{YESTERDAY} PARTITION OF {parent} "
             f"FOR VALUES FROM ('{psql('SELECT mayfly.day_floor(current_date - 1)')}') TO ('{psql('SELECT mayfly.day_floor(current_date)')}')")


def partitions():
    return psql(f"SELECT count(*) FROM pg_class WHERE relname IN ('session_{TODAY}', 'session_data_{TODAY}') AND relispartition")


def session_of_yesterday(user):
    ident = int((time.time() - 86400) * 1000).to_bytes(6, "big") + b"\x70" + os.urandom(1) + b"\x80" + os.urandom(7)
    secret = os.urandom(32)
    psql(f"INSERT INTO mayfly.session (id, account_id, secret_hash, idle, expires_at, remember, user_agent) VALUES "
         f"('{ident.hex()}', '{user.id}', '\\x{hashlib.blake2b(secret, digest_size=32).hexdigest()}', '1 hour', "
         "now() + interval '1 hour', false, '')")
    return "mfs_" + base64.urlsafe_b64encode(ident + secret).decode().rstrip("=")


user = new_user()
yesterday_alone()
yesterday = Client(session_of_yesterday(user))
same(yesterday.put("/session/data", json={"kept": True}).status, 200, "a session of yesterday goes on")
same(partitions(), "0", "there is no partition for today")
answer = try_login(user.username)
same(answer.status, 200, "a log-in succeeds", answer)
same(partitions(), "2", "because it has made both partitions")
same(Client(answer.token).get("/profile").status, 200, "and its session is good")

drop_today()
answer = yesterday.post("/password", json={"current": PASSWORD, "new": "eleven geese across the lake"})
same(answer.status, 200, "a new password, which comes with a new session, is taken in the same way", answer)
same(partitions(), "2", "and makes the partitions too")
same(Client(answer.token).get("/session/data").json(), {"kept": True}, "with what the session had")
same(yesterday.get("/profile").status, 401, "and yesterday's token is over")
done()
