#!/usr/bin/python3
"""
Accounts with many files are closed while others work and sweepers die: nothing of theirs is reached from the answer on, each is closed
once, and nobody else notices. MAYFLY_FILES=100000 takes as many for each of them.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST, Threads
from files import fill
from mayfly import PASSWORD, SCRATCH, Client, User, check, done, login, new_name, note, psql, same, settings, signed_in

FILES = int(os.environ.get("MAYFLY_FILES", "3000"))
CLOSED = 3
PATIENCE_S = 30 + FILES / 500


class Owner:
    """Has many files, and closes the account."""

    def __init__(self):
        self.user, self.client = signed_in()
        self.file = self.client.post("/upload?name=a.txt", body=b"mine").json()["id"]
        self.link = self.client.post(f"/files/{self.file}/link", json={}).json()["url"]
        fill(self.user.id, FILES)
        self.answers, self.seen = [], []

    def close(self):
        """Twice under one key, at once; then asks whether anything is left."""
        key = {"Idempotency-Key": f"close-{self.user.username}"}

        def ask():
            self.answers.append(Client(self.client.token).delete("/profile", json={"password": PASSWORD}, headers=key))

        with Threads() as pair:
            pair.add(ask)
            ask()
        assert pair.errors == [], pair.errors
        for _ in range(20):
            self.seen.append((Client(self.client.token).get("/profile").status, Client().get(self.link).status))


class Worker:
    """Has nothing to do with them."""

    def __init__(self):
        self.user, self.client = signed_in()
        self.count, self.wrong, self.longest_s = 0, [], 0

    def ask(self, wanted, method, path, **more):
        began = time.monotonic()
        answer = self.client.request(method, path, **more)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if answer.status != wanted:
            self.wrong.append(f"{method} {path}: {answer}")
        return answer

    def live(self):
        self.count += 1
        self.ask(200, "PATCH", "/profile/data", json={"n": self.count}, headers={"Idempotency-Key": f"{self.user.username}-{self.count}"})
        file = self.ask(201, "POST", "/upload?name=w", body=b"bytes").json()["url"]
        self.ask(200, "GET", file)
        self.ask(204, "DELETE", file)
        self.ask(200, "GET", "/files")
        if self.count % 4 == 0:
            name = new_name("brief")
            for _ in range(2):  # a name is free as soon as its account is closed
                self.ask(201, "POST", "/register", json={"username": name, "password": PASSWORD})
                answer = Client(login(User(name))).delete("/profile", json={"password": PASSWORD})
                if answer.status != 204:
                    self.wrong.append(f"DELETE /profile: {answer}")


def sweepers_die(owners):
    """mayflyctl sweep again and again, each killed after a moment."""
    until = time.monotonic() + PATIENCE_S
    while left(owners) > 0 and time.monotonic() < until:
        with subprocess.Popen([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], stderr=subprocess.DEVNULL) as sweep:
            try:
                sweep.wait(timeout=0.4)
            except subprocess.TimeoutExpired:
                sweep.send_signal(signal.SIGKILL)


def ids(owners):
    return ", ".join(f"'{owner.user.id}'" for owner in owners)


def left(owners):
    return int(psql(f"SELECT count(*) FROM mayfly.account WHERE id IN ({ids(owners)})"))


owners, workers = [Owner() for _ in range(CLOSED)], [Worker() for _ in range(2)]
with settings(sweep_every_s=1), Threads() as threads:
    for worker in workers:
        threads.repeat(worker.live)
    time.sleep(0.5)
    began = time.monotonic()
    with Threads() as closing:
        for owner in owners:
            closing.add(owner.close)
    closed_s = time.monotonic() - began
    sweepers_die(owners)
    time.sleep(0.5)
same((closing.errors, threads.errors), ([], []), "every request is answered")
for owner in owners:
    same(sorted((answer.status, answer.headers.get("idempotent-replayed", "false")) for answer in owner.answers), [(204, "false"), (204, "true")],
         f"an account with {FILES:,} files is closed, and once", *owner.answers)
    same(set(owner.seen), {(401, 404)}, "from then on nothing of it is reached")
same(left(owners), 0, "sweepers let go of all of it, though one after the other was killed")
same(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id IN ({ids(owners)})"), "0", "so of its files")
same([line for worker in workers for line in worker.wrong][:5], [], "whoever works beside it sees no request fail")
same([int(psql(f"SELECT version FROM mayfly.profile_data WHERE account_id = '{worker.user.id}'")) for worker in workers],
     [worker.count for worker in workers], "and each change is made once")
same(psql("SELECT count(*) FROM mayfly.account_usage u LEFT JOIN mayfly.account a ON a.id = u.account_id WHERE a.closing_at IS NOT NULL"), "0",
     "nothing is counted for who is not there any more")
note(f"closed in {closed_s:.1f} s together; {sum(worker.count for worker in workers)} rounds beside it, the longest request "
     f"{max(worker.longest_s for worker in workers):.2f} s")
psql("DELETE FROM mayfly.file WHERE state = 'deleting' AND size = 0")
done()
