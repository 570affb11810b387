#!/usr/bin/python3
"""P2 and P3: every worker is killed again and again, and nothing that was acknowledged is lost or done twice."""

import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (PASSWORD, Client, Lost, Threads, WorkerCensus, check, dev, done, login, new_name, new_user, note, psql,
                   same, wait_until, workers)

KILLS = 200
POINTS = ("before-commit", "after-commit", "after-tombstone", "before-answer")
POINT_SECONDS = 2
PATIENCE_S = 60


class Persistent:
    """Sends each request with an Idempotency-Key until there is an answer; notes each answer that no client should see."""

    def __init__(self):
        self.client = Client()
        self.seen = Counter()
        self.surprises = []

    def __call__(self, method, path, body=None, key=None, **headers):
        key = key or new_name("key")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                reply = self.client(method, path, body, key=key, **headers)
            except Lost as lost:
                self.surprises.append(str(lost))
                continue
            self.seen[reply.status] += 1
            self.seen["replayed"] += reply.headers.get("Idempotent-Replayed") == "true"
            if reply.status != 503:
                return reply
            if not reply.stated_503():
                self.surprises.append(f"{method} {path}: 503 without Retry-After")
            time.sleep(0.02)
        raise TimeoutError(f"{method} {path}: only 503 for {PATIENCE_S} s")

    def expect(self, status, method, path, body=None, **headers):
        reply = self(method, path, body, **headers)
        if reply.status != status:
            self.surprises.append(f"{method} {path}: {reply}")
        return reply


class Counting:
    """Logs in and raises a counter of its own, one acknowledged step after the other; logs in and out anew at times."""

    def __init__(self):
        self.name = new_user("counting")
        self.http = Persistent()
        self.acknowledged = self.logins = self.logouts = 0
        self.etag = '"0"'

    def log_in(self):
        self.http.client.token = None
        reply = self.http.expect(200, "POST", "/login", {"username": self.name, "password": PASSWORD})
        self.http.client.token = reply.json()["token"]
        self.logins += 1

    def run(self, threads):
        self.log_in()
        while not threads.over.is_set():
            self.step()
            if self.acknowledged % 10 == 0 and self.logins < 80:
                if self.logins % 3 == 0:
                    self.http.expect(200, "POST", "/logout")
                    self.logouts += 1
                self.log_in()

    def step(self):
        wanted = self.acknowledged + 1
        reply = self.http.expect(200, "PATCH", "/profile/data", {"counter": wanted, f"step{wanted % 50}": wanted},
                                 If_Match=self.etag)
        if reply.status == 200:
            if reply.json()["counter"] != wanted:
                self.http.surprises.append(f"{self.name}: {reply}, wanted {wanted}")
            self.acknowledged = wanted
            self.etag = reply.headers["ETag"]

    def differences(self):
        """What is there against what was acknowledged. The version counts writes, so a second one would show."""
        reply = self.http("GET", "/profile/data")
        version = int(reply.headers["ETag"].strip('"'))
        sessions = int(psql(f"SELECT count(*) FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id "
                            f"WHERE a.username = '{self.name}'"))
        found = [("counter", reply.json().get("counter", 0), self.acknowledged),
                 ("version", version, self.acknowledged),
                 ("sessions", sessions, self.logins - self.logouts)]
        return [f"{self.name}: {what} is {got}, wanted {wanted}" for what, got, wanted in found if got != wanted]


class Registering:
    def __init__(self):
        self.http = Persistent()
        self.names = []

    def run(self, threads):
        while not threads.over.is_set():
            name = new_name("registered")
            reply = self.http.expect(201, "POST", "/register",
                                     {"username": name, "password": PASSWORD, "email": f"{name}@example.org"})
            if reply.status == 201:
                self.names.append(name)
            time.sleep(0.08)


def kill_rounds():
    """Until enough have died by ./dev kill. The next round comes when new ones work, or a little before."""
    killed = rounds = 0
    while killed < KILLS:
        victims = workers()
        dev("kill")
        wait_until(5, lambda: not victims & workers())  # pylint: disable=cell-var-from-loop
        killed += len(victims - workers())
        rounds += 1
        time.sleep(0.02 + rounds % 5 * 0.05)
    return killed, rounds


def crash_at(point):
    with WorkerCensus() as census:
        # Everyone at the third passage: a repeated request gets through, if it is repeated often enough.
        dev("restart", MAYFLY_CRASH=f"{point}:3")
        census.seen.clear()
        time.sleep(POINT_SECONDS)
        died = census.died()
    dev("restart")
    return died


def main():
    counting = [Counting() for _ in range(4)]
    registering = [Registering() for _ in range(2)]

    with Threads() as threads:
        for client in counting + registering:
            threads.add(client.run, threads)
        time.sleep(0.5)
        before = time.monotonic()
        killed, rounds = kill_rounds()
        note(f"{killed} workers killed in {rounds} rounds of {time.monotonic() - before:.1f} s")
        crashed = {point: crash_at(point) for point in POINTS}
        note("crashed at " + ", ".join(f"{point}: {count}" for point, count in crashed.items()))
        time.sleep(0.5)
    clients = [client.http for client in counting + registering]
    names = [name for client in registering for name in client.names]
    surprises = threads.errors + [surprise for http in clients for surprise in http.surprises]
    note(f"answers: {dict(sum((http.seen for http in clients), Counter()))}")
    note(f"acknowledged: {sum(c.acknowledged for c in counting)} writes, {sum(c.logins for c in counting)} log-ins, "
         f"{sum(c.logouts for c in counting)} log-outs, {len(names)} registrations")

    check(killed >= KILLS, f"at least {KILLS} workers were killed from outside")
    for point, count in crashed.items():
        check(count >= 3, f"workers died at the point {point}")
    same(surprises[:10], [], "no client saw anything but success or a stated 503")
    check(all(client.acknowledged > 0 for client in counting) and names, "every client got on with its work")
    differences = [difference for client in counting for difference in client.differences()]
    same(differences, [], "each counter equals its acknowledgements, and each log-in and log-out happened once")
    steps = [client.http("GET", "/profile/data").json() for client in counting]
    check(all(document[f"step{number % 50}"] == number for client, document in zip(counting, steps)
              for number in range(max(1, client.acknowledged - 49), client.acknowledged + 1)),
          "each acknowledged write is there")
    quoted = ",".join(f"'{name}'" for name in names)
    same(int(psql(f"SELECT count(*) FROM mayfly.account WHERE username IN ({quoted})")), len(names),
         "every registered user exists once")
    same([name for name in names if not login(name)], [], "and can log in")
    done()


main()
