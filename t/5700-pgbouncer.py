#!/usr/bin/python3
"""The real PgBouncer with transaction pooling between workers and PostgreSQL: no state of a connection is relied on."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from bouncer import complaints, installed, pgbouncer
from chaos import PASSWORD, Client, at_once, check, done, login, new_user, note, psql, same, settings

SERVERS = 3  # fewer than workers, so that they must share


def one_life(name, index):
    """Log in, write, read back, look at the sessions, log out. Answers what was not as it should be."""
    token = login(name)
    client = Client(token)
    wrong = []

    def expect(wanted, method, path, body=None, **headers):
        reply = client(method, path, body, **headers)
        if reply.status != wanted:
            wrong.append(f"{method} {path}: {reply}")
        return reply

    for step in range(10):
        expect(200, "PATCH", "/session/data", {"index": index, f"step{step}": step})
        expect(200, "PATCH", "/profile/data", {f"member-{index}-{step}": step})
    document = expect(200, "GET", "/session/data")
    if document.json() != {"index": index, **{f"step{step}": step for step in range(10)}}:
        wrong.append(f"session data: {document}")
    expect(412, "PUT", "/session/data", {}, If_Match='"1"')
    if sum(session["current"] for session in expect(200, "GET", "/sessions").json()["sessions"]) != 1:
        wrong.append("no session is the current one")
    expect(200, "PATCH", "/profile", {"name": f"name {index}"})
    expect(200, "POST", "/logout")
    expect(401, "GET", "/profile")
    return wrong


def backends():
    return int(psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly'"))


def main():
    if not installed():
        note("pgbouncer is not installed")
        print("1..0 # SKIP pgbouncer is not installed")
        return
    name = new_user("pooled")
    with pgbouncer(SERVERS) as database, settings(database_prepare="no", database=database):
        other = new_user("born-in-the-pool")
        wrong = [one for part in at_once(8, lambda index: one_life(name, index)) for one in part]
        same(wrong, [], "log-ins, data, sessions and log-outs work through it")
        document = Client(login(name))("GET", "/profile/data").json()
        same(len(document), 80, "and all that was written at the same time is there")
        check(login(other), "who registered through it can log in")
        same(Client()("POST", "/login", {"username": other, "password": PASSWORD + "!"}).status, 401, "a wrong password is refused")
        same(Client()("POST", "/register", {"username": other, "password": PASSWORD}).status, 409, "a taken name is a conflict")
        count = backends()
        check(0 < count <= SERVERS, f"everybody shares {SERVERS} connections to PostgreSQL", count)
        same(Client()("GET", "/health/ready").status, 200, "the worker calls itself ready")
        note(f"{count} connections to PostgreSQL for all workers")
        same(complaints(), [], "PgBouncer has nothing to complain about")
    check(login(name), "and back without it")
    done()


main()
