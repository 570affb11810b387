#!/usr/bin/python3
"""P6: of parallel changes none is lost, and of parallel registrations of one name one wins."""

import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import PASSWORD, Client, at_once, check, done, login, new_name, new_user, note, psql, same

PARALLEL = 50


def increment(token, path, method):
    """Reads, adds one, writes if nobody did meanwhile, else begins anew. Answers how often it had to."""
    client = Client(token)
    for tries in range(1000):
        now = client("GET", path)
        document = now.json()
        document["count"] = document.get("count", 0) + 1
        reply = client(method, path, document, If_Match=now.headers["ETag"])
        if reply.status == 200:
            return tries
        assert reply.status == 412, reply
    raise AssertionError("1000 tries were not enough")


def increments(token, path, method):
    tries = at_once(PARALLEL, lambda _: increment(token, path, method))
    document = Client(token)("GET", path)
    same(document.json(), {"count": PARALLEL}, f"{PARALLEL} parallel increments of {path} by {method}: all are there")
    same(document.headers["ETag"], f'"{PARALLEL}"', f"{path}: each of them made one version")
    note(f"{path} by {method}: {sum(tries)} stale writes were refused with 412")


def patches(token, path):
    def patch(index):
        return Client(token)("PATCH", path, {f"member{index}": index, "nested": {f"member{index}": index}}).status

    same(Counter(at_once(PARALLEL, patch)), {200: PARALLEL}, f"{PARALLEL} parallel merge patches of {path} are taken")
    wanted = {f"member{index}": index for index in range(PARALLEL)}
    same(Client(token)("GET", path).json(), {**wanted, "nested": wanted}, "and all members are there, nested ones too")


def first_writes(token, path):
    statuses = at_once(20, lambda index: Client(token)("PUT", path, {"by": index}, If_Match='"0"').status)
    same(Counter(statuses), {200: 1, 412: 19}, f"of 20 parallel first writes of {path} one is taken")
    same(Client(token)("GET", path).json(), {"by": statuses.index(200)}, "and it is the one that was acknowledged")


def registrations():
    name = new_name("wanted")
    spellings = (name, name.upper(), name.capitalize())

    def register(index):
        return Client()("POST", "/register", {"username": spellings[index % 3], "password": PASSWORD}).status

    same(Counter(at_once(30, register)), {201: 1, 409: 29}, "of 30 parallel registrations of one name one wins")
    same(psql(f"SELECT count(*) FROM mayfly.account WHERE lower(username) = '{name}'"), "1", "and there is one account")
    check(login(name), "which can log in")


def one_key():
    """The same Idempotency-Key at the same time is one request."""
    name = new_user("twin")
    token = login(name)
    replies = at_once(20, lambda _: Client(token)("PATCH", "/profile/data", {"once": True}, key="the-only-one"))
    same(Counter(reply.status for reply in replies), {200: 20}, "20 parallel requests of one key are all answered")
    same({reply.headers["ETag"] for reply in replies}, {'"1"'}, "and done once")


def main():
    increments(login(new_user("counting")), "/profile/data", "PUT")
    increments(login(new_user("counting")), "/session/data", "PATCH")
    patches(login(new_user("patching")), "/profile/data")
    patches(login(new_user("patching")), "/session/data")
    first_writes(login(new_user("first")), "/profile/data")
    registrations()
    one_key()
    done()


main()
