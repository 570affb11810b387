#!/usr/bin/python3
"""P2 and P3: every worker is killed again and again, and nothing that was acknowledged is lost or done twice."""

import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (PASSWORD, Client, Counting, Once, Persistent, Threads, Unknown, WorkerCensus, check, dev, done, login,
                   new_name, note, psql, same, wait_until, workers)

KILLS = 200
POINTS = ("before-commit", "after-commit", "after-tombstone", "before-answer")
POINT_SECONDS = 2
# A round can cost each of the four clients without a key a request, and a crash point some fifty. So many are answered for each
# round, however slow the machine is: on a busy one there were fewer answers, and as many deaths.
ANSWERS_PER_ROUND = 200


class Registering:
    def __init__(self, _, http):
        self.http = http
        self.names = []

    def run(self, threads):
        while not threads.over.is_set():
            name = new_name("registered")
            reply = self.http.expect(201, "POST", "/register",
                                     {"username": name, "password": PASSWORD, "email": f"{name}@example.org"})
            if reply.status == 201:
                self.names.append(name)
            time.sleep(0.08)


class Changing:
    """Does each of the other things that change something, and looks whether it was done."""

    def __init__(self, name, http):
        self.name, self.password, self.http, self.rounds = name, PASSWORD, http, 0

    def log_in(self):
        self.http.client.token = None
        fields = {"username": self.name, "password": self.password}
        return self.http.expect(200, "POST", "/login", fields).json()["token"]

    def ask(self, token, status, method, path, body=None, **headers):
        self.http.client.token = token
        return self.http.expect(status, method, path, body, **headers)

    def is_there(self, token, path, **wanted):
        found = self.ask(token, 200, "GET", path).json()
        if any(found.get(name) != value for name, value in wanted.items()):
            self.http.surprises.append(f"{self.name}: {path} has {found}, wanted {wanted}")

    def run(self, threads):
        while not threads.over.is_set():
            self.round()
            self.rounds += 1

    def round(self):
        mine, other, third = (self.log_in() for _ in range(3))
        for path in ("/session/data", "/profile/data"):
            etag = self.ask(mine, 200, "PUT", path, {"round": self.rounds}).headers["ETag"]
            etag = self.ask(mine, 200, "PATCH", path, {"more": "x"}, If_Match=etag).headers["ETag"]
            self.is_there(mine, path, round=self.rounds, more="x")
            self.ask(mine, 204, "DELETE", path, If_Match=etag)
            self.is_there(mine, path, round=None, more=None)
        self.ask(mine, 200, "PATCH", "/profile", {"name": f"round {self.rounds}"})
        self.is_there(mine, "/profile", name=f"round {self.rounds}")
        ids = [one["id"] for one in self.ask(other, 200, "GET", "/sessions").json()["sessions"] if one["current"]]
        self.ask(mine, 204, "DELETE", f"/sessions/{ids[0]}")
        self.ask(other, 401, "GET", "/profile")
        if self.ask(mine, 200, "DELETE", "/sessions").json()["ended"] < 1:
            self.http.surprises.append(f"{self.name}: the third session was not ended")
        self.ask(third, 401, "GET", "/profile")
        new = f"a quiet green lamp {self.rounds}"
        token = self.ask(mine, 200, "POST", "/password", {"current": self.password, "new": new}).json()["token"]
        self.password = new
        self.ask(mine, 401, "GET", "/profile")
        self.ask(token, 200, "POST", "/logout")
        self.ask(token, 401, "GET", "/profile")
        if self.rounds % 5 == 4:
            token = self.log_in()
            self.ask(token, 204, "DELETE", "/profile", {"password": self.password})
            self.ask(token, 401, "GET", "/profile")
            self.http.client.token = None
            self.http.expect(201, "POST", "/register", {"username": self.name, "password": self.password})


class Clients:
    """One of a kind after the other. With keys that is a single one; without, whoever meets a 503 leaves, and another comes."""

    def __init__(self, kind, http):
        self.kind, self.http = kind, http
        self.all, self.unknown = [], []
        self.add()

    def add(self):
        name = new_name("killed")
        Persistent().expect(201, "POST", "/register", {"username": name, "password": PASSWORD})
        self.all.append(self.kind(name, self.http()))

    def run(self, threads):
        while not threads.over.is_set():
            try:
                self.all[-1].run(threads)
            except Unknown:
                self.unknown.append(self.all[-1])
                self.add()

    def certain(self):
        return [client for client in self.all if client not in self.unknown]


def keyless_answers(groups):
    return sum(sum(client.http.seen.values()) for clients in groups for client in list(clients.all) if isinstance(client.http, Once))


def kill_rounds(groups):
    """Until enough have died by ./dev kill. The next round comes when new ones work, or a little before; each fifth when enough is done."""
    killed = rounds = 0
    while killed < KILLS:
        victims = workers()
        dev("kill")
        wait_until(5, lambda: not victims & workers())  # pylint: disable=cell-var-from-loop
        killed += len(victims - workers())
        rounds += 1
        time.sleep(0.02 + rounds % 5 * 0.05)
        if rounds % 5 == 0:
            wait_until(30, lambda: keyless_answers(groups) >= rounds * ANSWERS_PER_ROUND)  # pylint: disable=cell-var-from-loop
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
    counting, registering, changing = ([Clients(kind, http) for http in (Persistent, Once) for _ in range(count)]
                                       for kind, count in ((Counting, 2), (Registering, 1), (Changing, 1)))

    with Threads() as threads:
        for clients in counting + registering + changing:
            threads.add(clients.run, threads)
        time.sleep(0.5)
        before = time.monotonic()
        killed, rounds = kill_rounds(counting + registering + changing)
        note(f"{killed} workers killed in {rounds} rounds of {time.monotonic() - before:.1f} s")
        crashed = {point: crash_at(point) for point in POINTS}
        note("crashed at " + ", ".join(f"{point}: {count}" for point, count in crashed.items()))
        time.sleep(0.5)
    report(threads, killed, crashed, counting, registering, changing)
    done()


def done_twice(client):
    """What is wrong with a counter whose last step may have been done or not."""
    reply = Client(login(client.name))("GET", "/profile/data")
    counter, version = reply.json().get("counter", 0), int(reply.headers["ETag"].strip('"'))
    right = counter in (client.acknowledged, client.acknowledged + 1) and version == counter
    return [] if right else [f"{client.name}: counter {counter}, version {version}, acknowledged {client.acknowledged}"]


def report(threads, killed, crashed, counting, registering, changing):
    everyone = [client for clients in counting + registering + changing for client in clients.all]
    counters = [client for clients in counting for client in clients.certain()]
    names = [name for clients in registering for client in clients.all for name in client.names]
    surprises = threads.errors + [surprise for client in everyone for surprise in client.http.surprises]
    keyless = keyless_answers(counting + registering + changing)
    unknown = sum(len(clients.unknown) for clients in counting + registering + changing)
    note(f"answers: {dict(sum((client.http.seen for client in everyone), Counter()))}")
    note(f"without a key {keyless} answers, and {unknown} clients that met a 503")
    note(f"acknowledged: {sum(c.acknowledged for c in counters)} writes, {sum(c.logins for c in counters)} log-ins, "
         f"{sum(c.logouts for c in counters)} log-outs, {len(names)} registrations, "
         f"{sum(client.rounds for clients in changing for client in clients.all)} rounds of all changes")

    check(killed >= KILLS, f"at least {KILLS} workers were killed from outside")
    for point, count in crashed.items():
        check(count >= 3, f"workers died at the point {point}")
    same(surprises[:10], [], "no client saw anything but success or a stated 503")
    check(keyless > 500 and unknown * 20 < keyless, "nearly all that was asked without a key was answered", keyless, unknown)
    check(all(sum(client.acknowledged for client in clients.all) > 0 for clients in counting) and
          all(client.names for clients in registering for client in clients.all[:1]) and
          all(sum(client.rounds for client in clients.all) > 0 for clients in changing), "every client got on with its work")
    differences = [difference for client in counters for difference in client.differences()]
    same(differences, [], "each counter equals its acknowledgements, and each log-in and log-out happened once")
    same([difference for clients in counting for client in clients.unknown for difference in done_twice(client)], [],
         "what met a 503 without a key was done once or not at all")
    steps = [client.http("GET", "/profile/data").json() for client in counters]
    check(all(document[f"step{number % 50}"] == number for client, document in zip(counters, steps)
              for number in range(max(1, client.acknowledged - 49), client.acknowledged + 1)),
          "each acknowledged write is there")
    quoted = ",".join(f"'{name}'" for name in names)
    same(int(psql(f"SELECT count(*) FROM mayfly.account WHERE username IN ({quoted})")), len(names),
         "every registered user exists once")
    same([name for name in names if not login(name)], [], "and can log in")


main()
