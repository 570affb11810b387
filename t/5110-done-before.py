#!/usr/bin/python3
"""P3: a request that nginx repeats after COMMIT is not refused because of its own effect."""

import json
import os
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (PASSWORD, Client, WorkerCensus, check, dev, done, fcgi_connect, fcgi_request, login, new_name, new_user, psql,
                   same)
from mayfly import settings

NEW = "eleven geese across the lake"


def cached(what, name):
    """A client of name's whose session every worker would take from the cache."""
    client = Client(login(name))
    same([client("GET", "/profile").status for _ in range(4)], [200] * 4, f"{what}: the session is live and cached")
    return client


def killed_after_commit(what, client, method, path, body):
    """One worker commits and dies before it could end the session that is cached. Nothing is committed by another."""
    with WorkerCensus() as census:
        dev("restart", MAYFLY_CRASH="after-commit:1")
        census.seen.clear()
        reply = client(method, path, body)
        died = census.died()
    dev("restart")
    check(died >= 1, f"{what}: a worker died after COMMIT")
    return reply


def password():
    name = new_user("changing")
    client, other = (cached("a new password", name) for _ in range(2))
    reply = killed_after_commit("a new password", client, "POST", "/password", {"current": PASSWORD, "new": NEW})
    same(reply.status, 200, "a new password: is acknowledged all the same", reply)
    same(Client(reply.json()["token"])("GET", "/profile").status, 200, "a new password: the new token is good")
    same([one("GET", "/profile").status for one in (client, other)], [401, 401], "a new password: the old ones are not")
    same([Client()("POST", "/login", {"username": name, "password": one}).status for one in (NEW, PASSWORD)], [200, 401],
         "a new password: it logs in, and the old one does not")


def closing():
    name = new_user("closing")
    client = cached("a closed account", name)
    reply = killed_after_commit("a closed account", client, "DELETE", "/profile", {"password": PASSWORD})
    same(reply.status, 204, "a closed account: is acknowledged all the same", reply)
    same(client("GET", "/profile").status, 401, "a closed account: its session is over")
    same(psql(f"SELECT count(*) FROM mayfly.account WHERE username = '{name}'"), "0", "a closed account: is gone")


def ask_raw(pool, name, request_id):
    """A registration as nginx would send it from an address that only nginx can name: (status, whether it is a repetition)"""
    connection = fcgi_connect(pool)
    connection.sendall(fcgi_request("POST", "/register", json.dumps({"username": name, "password": PASSWORD}).encode(),
                                    REMOTE_ADDR="203.0.113.51", MAYFLY_REQUEST_ID=request_id))
    received = connection.recv(65536)
    return int(re.search(rb"Status: (\d+)", received).group(1)), b"Idempotent-Replayed" in received


def last_registration():
    with settings(login_failures_per_address=2):
        names, ids = [new_name("last") for _ in range(3)], [os.urandom(16).hex() for _ in range(3)]
        same(ask_raw("password-a", names[0], ids[0]), (201, False), "registrations: the first of two that are allowed")
        same([ask_raw(pool, names[1], ids[1]) for pool in ("password-a", "password-b")], [(201, False), (201, True)],
             "registrations: the second, which is the last, may be repeated")
        same(ask_raw("password-b", names[2], ids[2]), (429, False), "registrations: the third is refused")


def main():
    password()
    closing()
    last_registration()
    done()


main()
