#!/usr/bin/python3
"""P2 and P3: every worker is killed again and again, and nothing that was acknowledged is lost or done twice."""

import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (PASSWORD, Counting, Persistent, Threads, WorkerCensus, check, dev, done, login, new_name, note, psql,
                   same, wait_until, workers)

KILLS = 200
POINTS = ("before-commit", "after-commit", "after-tombstone", "before-answer")
POINT_SECONDS = 2


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
