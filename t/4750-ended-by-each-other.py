#!/usr/bin/python3
"""Two sessions of an account that end each other at once: one of them does, nobody waits for ever; and what is told of a session's end."""

import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import DEV, PASSWORD, SCRATCH, Client, check, done, login, new_user, psql, same, settings, try_login


class Holder:
    """A transaction that has the rows of all sessions of an account, until it is let go."""

    def __init__(self, user):
        self.shell = subprocess.Popen([DEV, "psql", "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, "MAYFLY_SCRATCH": str(SCRATCH)})
        self.say(f"BEGIN; SELECT 'held' FROM mayfly.session WHERE account_id = '{user.id}' FOR UPDATE;")
        while self.shell.stdout.readline().strip() != "held":
            pass

    def say(self, text):
        self.shell.stdin.write(text + "\n")
        self.shell.stdin.flush()

    def let_go(self):
        self.shell.communicate("COMMIT;\n", timeout=30)


def deadlocks():
    return sum(path.read_text(errors="replace").count("deadlock detected") for path in (SCRATCH / "log").rglob("*") if path.is_file())


def waiting():
    return int(psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"))


def id_of(client):
    return next(one["id"] for one in client.get("/sessions").json()["sessions"] if one["current"])


def at_once(what, requests):
    """The requests wait for rows that are let go when each of them does."""
    user = new_user()
    clients = [Client(login(user)), Client(login(user))]
    ids = [id_of(client) for client in clients]
    answers = [None, None]

    def ask(number):
        answers[number] = requests(clients[number], ids[1 - number])

    for client in clients:
        client.get("/profile")
    before, holder = deadlocks(), Holder(user)
    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 10
    while waiting() < 2 and time.monotonic() < until:
        time.sleep(0.02)
    holder.let_go()
    for thread in threads:
        thread.join()
    statuses = sorted(answer.status for answer in answers)
    check(statuses in ([200, 401], [204, 401]), f"{what}: one does, and the other has ended", statuses, *answers)
    same(deadlocks() - before, 0, f"{what}: and neither waits for the other")
    same(sorted(Client(client.token).get("/profile").status for client in clients), [200, 401], f"{what}: so one is left")
    refused = next((answer for answer in answers if answer.status == 401), None)
    check(refused and "MF401" not in refused.text and "_confirm" not in refused.text, f"{what}: which hears it in words", refused)


def words_of_the_end():
    """A change waits for a lock, and its session has ended when it gets it."""
    user = new_user()
    client, other = Client(login(user)), Client(login(user))
    ours, answers = id_of(client), []
    holder = subprocess.Popen([DEV, "psql", "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "MAYFLY_SCRATCH": str(SCRATCH)})
    holder.stdin.write(f"BEGIN; SELECT 'held' FROM mayfly.account WHERE id = '{user.id}' FOR UPDATE;\n")
    holder.stdin.flush()
    holder.stdout.readline()
    thread = threading.Thread(target=lambda: answers.append(client.patch("/profile", json={"name": "late"})))
    thread.start()
    until = time.monotonic() + 10
    while waiting() < 1 and time.monotonic() < until:
        time.sleep(0.02)
    psql(f"DELETE FROM mayfly.session WHERE id = '{ours}'")
    holder.communicate("COMMIT;\n", timeout=30)
    thread.join()
    same((answers[0].status, answers[0].error, answers[0].json().get("detail")),
         (401, "unauthorized", "the session has ended; log in again"), "whose session ended while he waited is told so", answers[0])
    same(other.get("/profile").json()["name"], "", "and nothing came of it")


def one_expiry():
    user = new_user()
    answer = try_login(user.username)
    client = Client(answer.token)
    listed = client.get("/sessions").json()["sessions"][0]
    same(answer.json()["expires_at"], listed["expires_at"], "a session's end at the log-in is that in the list")
    idle = datetime.fromisoformat(listed["expires_at"]) - datetime.fromisoformat(listed["seen_at"])
    check(1799 <= idle.total_seconds() <= 1801, "unless it is used: half an hour", listed)
    changed = client.post("/password", json={"current": PASSWORD, "new": "eleven herons on one leg"})
    same(changed.json()["expires_at"], Client(changed.token).get("/sessions").json()["sessions"][0]["expires_at"],
         "and so it is after a change of the password")
    with settings(session_idle_s=5000, session_absolute_s=3000):
        answer = try_login(user.username, "eleven herons on one leg")
        listed = [one for one in Client(answer.token).get("/sessions").json()["sessions"] if one["current"]][0]
        same(answer.json()["expires_at"], listed["expires_at"], "also when the absolute end is the first")
        ends = datetime.fromisoformat(listed["expires_at"]) - datetime.fromisoformat(listed["created_at"])
        check(2999 <= ends.total_seconds() <= 3001, "which it then is", listed)


one_expiry()
with settings(database_lock_ms=4000, database_budget_ms=6000, database_timeout_ms=8000):
    at_once("DELETE /sessions/ID", lambda client, other: client.delete(f"/sessions/{other}"))
    at_once("DELETE /sessions", lambda client, _: client.delete("/sessions"))
    words_of_the_end()
done()
