"""Load that keeps a ledger: everything a client was told is done is written down, and compared with what is there later."""

import random
import threading
import time
from collections import Counter

from chaos import PASSWORD, Lost, Threads, check, new_name, note, same

WRITERS, READERS = 3, 3
PATIENCE_S = 40


class Ledger:
    """with Ledger(machine) as ledger: an event; then ledger.judge(what, …)."""

    def __init__(self, machine):
        self.machine = machine
        self.threads, self.lock = Threads(), threading.Lock()
        self.answers, self.failed, self.unauthorised = Counter(), [], []
        self.retried = 0
        self.last_success = self.longest_s = 0.0
        self.workers = Counter()
        self.writers = [Writer(self) for _ in range(WRITERS)]
        self.comer = Comer(self)

    def __enter__(self):
        self.last_success = time.monotonic()
        for writer in self.writers:
            self.threads.add(writer.run)
        for index in range(READERS):
            client = self.machine.client(self.writers[index % WRITERS].client.token, keep=index % 2 == 0)
            self.threads.repeat(self.read, client)
        self.threads.add(self.comer.run)
        time.sleep(0.5)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            time.sleep(0.5)
        self.threads.over.set()
        self.threads.join()

    def ask(self, client, wanted, method, path, body=None, key=None, **headers):
        """One request. Notes whether it was answered as it should be; None when there was no answer."""
        try:
            reply = client(method, path, body, key=key, **headers)
        except Lost as lost:
            with self.lock:
                self.answers["none"] += 1
                self.failed.append(f"{method} {path}: {lost}")
            return None
        with self.lock:
            self.answers[reply.status] += 1
            self.workers[reply.headers.get("X-Mayfly-Worker", "").partition("/")[0]] += 1
            if reply.status == wanted:
                self.longest_s = max(self.longest_s, reply.ended - self.last_success)
                self.last_success = max(self.last_success, reply.ended)
            else:
                self.failed.append(f"{method} {path}: {reply}")
            if reply.status == 401 and wanted != 401:
                self.unauthorised.append(f"{method} {path}")
        return reply

    def insist(self, client, wanted, method, path, body=None, **headers):
        """The same request under the same key until it is answered with something else than a stated 503."""
        key = new_name("key")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            reply = self.ask(client, wanted, method, path, body, key=key, **headers)
            if reply is not None and not reply.stated_503():
                return reply
            with self.lock:
                self.retried += 1
            time.sleep(0.05)
        raise TimeoutError(f"{method} {path}: no answer but 503 for {PATIENCE_S} s")

    def read(self, client):
        self.ask(client, 200, "GET", random.choice(("/profile", "/session/data", "/profile/data")))
        time.sleep(0.01)

    def effects(self):
        """(lost, doubled, revived): what differs from the ledger, in words."""
        lost, doubled, revived = [], [], []
        for writer in self.writers:
            writer.compare(lost, doubled)
        self.comer.compare(lost, doubled, revived)
        return lost, doubled, revived

    def judge(self, what, rolling, longest_s=None):
        lost, doubled, revived = self.effects()
        done = sum(writer.acknowledged for writer in self.writers)
        note(f"{what}: {sum(self.answers.values())} requests ({dict(sorted(self.answers.items(), key=str))}), {done} writes, "
             f"{self.comer.log_ins} log-ins, {len(self.comer.names)} registrations; {self.retried} retries, {len(self.failed)} "
             f"failed, {len(lost)} lost, {len(doubled)} doubled, {len(revived)} revived; longest interruption "
             f"{self.longest_s * 1000:.0f} ms")
        same(self.threads.errors, [], f"{what}: every client got on")
        check(done > 10 and self.comer.log_ins > 0, f"{what}: there was load", done, self.comer.log_ins)
        if rolling:
            same(self.failed[:5], [], f"{what}: failed 0")
        else:
            stated = [one for one in self.failed if ": 503 " not in one]
            same(stated[:5], [], f"{what}: nobody gets anything but success or 503")
        same(self.unauthorised[:5], [], f"{what}: nobody is logged out")
        same((lost[:5], doubled[:5], revived[:5]), ([], [], []), f"{what}: lost 0, doubled 0, revived 0")
        if longest_s is not None:
            check(self.longest_s < longest_s, f"{what}: no interruption of {longest_s} s", self.longest_s)


def account(machine, prefix):
    name = new_name(prefix)
    client = machine.client()
    reply = client("POST", "/register", {"username": name, "password": PASSWORD})
    assert reply.status == 201, reply
    reply = client("POST", "/login", {"username": name, "password": PASSWORD})
    assert reply.status == 200, reply
    client.token = reply.json()["token"]
    return name, client


class Writer:
    """Raises a counter, one acknowledged step after the other. Each write makes one version, so a second one would show."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.name, self.client = account(ledger.machine, "writing")
        self.acknowledged, self.etag = 0, '"0"'

    def run(self):
        while not self.ledger.threads.over.is_set():
            wanted = self.acknowledged + 1
            reply = self.ledger.insist(self.client, 200, "PATCH", "/profile/data", {"counter": wanted, f"step{wanted % 50}": wanted},
                                       If_Match=self.etag)
            if reply.status != 200:
                raise RuntimeError(f"{self.name}: {reply}")
            self.acknowledged, self.etag = wanted, reply.headers["ETag"]
            time.sleep(0.01)

    def compare(self, lost, doubled):
        reply = self.ledger.machine.client(self.client.token)("GET", "/profile/data")
        if reply.status != 200:
            lost.append(f"{self.name}'s session: {reply}")
            return
        document, version = reply.json(), int(reply.headers["ETag"].strip('"'))
        steps = range(max(1, self.acknowledged - 49), self.acknowledged + 1)
        lost += [f"{self.name}'s write {step}" for step in steps if document.get(f"step{step % 50}") != step]
        doubled += [f"{self.name}: version {version} after {self.acknowledged} writes"] * (version > self.acknowledged)


class Comer:
    """Registers, logs in and out. What was logged out must never be accepted again."""

    def __init__(self, ledger):
        self.ledger, self.machine = ledger, ledger.machine
        self.name, self.client = account(ledger.machine, "coming")
        self.names, self.dead, self.live, self.log_ins = [], [], [self.client.token], 0
        self.revived = []

    def run(self):
        client = self.machine.client()
        while not self.ledger.threads.over.is_set():
            name = new_name("registered")
            if self.ledger.insist(client, 201, "POST", "/register", {"username": name, "password": PASSWORD}).status == 201:
                self.names.append(name)
            token = self.ledger.insist(client, 200, "POST", "/login", {"username": self.name, "password": PASSWORD}).json()["token"]
            self.log_ins += 1
            self.live.append(token)
            if len(self.live) > 2:
                self.log_out(self.live.pop(0))
            for token in self.dead[-3:]:
                self.try_dead(token)

    def log_out(self, token):
        if self.ledger.insist(self.machine.client(token), 200, "POST", "/logout").status == 200:
            self.dead.append(token)

    def try_dead(self, token):
        try:
            reply = self.machine.client(token)("GET", "/profile")
        except Lost:
            return
        if reply.status == 200:
            self.revived.append(token[:12])

    def compare(self, lost, doubled, revived):
        for token in self.dead:
            self.try_dead(token)
        revived += self.revived
        for token in self.live:
            reply = self.machine.client(token)("GET", "/profile")
            lost += [f"{self.name}'s session: {reply}"] * (reply.status != 200)
        sessions = int(self.machine.psql(f"SELECT count(*) FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id "
                                         f"WHERE a.username = '{self.name}'"))
        doubled += [f"{self.name}: {sessions} sessions, {len(self.live)} are known"] * (sessions > len(self.live))
        if self.names:
            quoted = ",".join(f"'{name}'" for name in self.names)
            there = set(self.machine.psql(f"SELECT username FROM mayfly.account WHERE username IN ({quoted})").split())
            lost += [f"account {name}" for name in self.names if name not in there]
