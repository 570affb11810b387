#!/usr/bin/python3
"""200 workers behind PgBouncer with 20 connections to PostgreSQL, under load: no request fails, nothing is lost."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from bouncer import clients, complaints, installed, pgbouncer
from chaos import Client, Threads, check, dev, done, login, new_user, note, psql, same, settings, wait_until, workers

SERVERS = 20
SIZES = {"a": 90, "b": 90, "password-a": 6, "password-b": 6, "files-a": 4, "files-b": 4}
NORMAL = {"a": 2, "b": 2, "password-a": 1, "password-b": 1, "files-a": 1, "files-b": 1}
PEOPLE = 12
LOAD_S = 8


class Person:
    """Writes and reads one document, again and again, by whichever worker; logs in anew every now and then."""

    def __init__(self, name, index):
        self.name, self.index = name, index
        self.token = login(name)
        self.written = self.requests = 0
        self.wrong, self.seen, self.slowest = [], Counter(), 0.0

    def ask(self, wanted, method, path, body=None):
        reply = Client(self.token, keep=False)(method, path, body)
        self.requests += 1
        self.seen[reply.worker] += 1
        self.slowest = max(self.slowest, reply.ended - reply.started)
        if reply.status != wanted:
            self.wrong.append(f"{method} {path}: {reply}")
        return reply

    def live(self):
        self.written += 1
        self.ask(200, "PATCH", "/profile/data", {f"person-{self.index}": self.written})
        if self.written % 5 == 0:
            seen = self.ask(200, "GET", "/profile/data").json().get(f"person-{self.index}")
            if seen != self.written:
                self.wrong.append(f"wrote {self.written}, read {seen}")
        if self.written % 20 == 0:
            self.ask(200, "POST", "/logout")
            self.token = login(self.name)


def scale(sizes):
    for pool, size in sizes.items():
        dev("scale", pool, size)
    return wait_until(60, lambda: len(workers()) == sum(sizes.values()))


def main():
    if not installed():
        print("1..0 # SKIP pgbouncer is not installed")
        return
    name = new_user("many")
    most, over = [], threading.Event()

    def watch():
        while not over.is_set():
            most.append(int(psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly'")))
            over.wait(0.3)

    with pgbouncer(SERVERS) as database, settings(database_prepare="no", database=database):
        try:
            check(scale(SIZES), f"{sum(SIZES.values())} workers run", len(workers()))
            people = [Person(name, index) for index in range(PEOPLE)]
            before = workers()
            with Threads() as threads:
                threads.add(watch)
                for person in people:
                    threads.repeat(person.live)
                time.sleep(LOAD_S)
                wait_until(30, lambda: clients() > 2 * SERVERS)  # on a slow machine most workers have not been asked yet
                held = clients()
                threads.over.set()
                over.set()
            same(threads.errors, [], "no connection is lost")
            same([one for person in people for one in person.wrong], [], "no request fails")
            same(workers(), before, "no worker has died")
            seen = set().union(*(person.seen for person in people))
            note(f"{sum(person.requests for person in people)} requests by {len(seen)} workers, of which {held} held a connection to "
                 f"PgBouncer; at most {max(most)} connections to PostgreSQL; slowest answer {max(person.slowest for person in people):.2f} s")
            check(len(seen) > SERVERS, "more workers have answered than there are connections", len(seen))
            check(held > 2 * SERVERS, "and hold a connection to PgBouncer", held)
            check(0 < max(most) <= SERVERS, f"PostgreSQL never has more than {SERVERS}", max(most))
            document = Client(people[0].token)("GET", "/profile/data").json()
            same(document, {f"person-{person.index}": person.written for person in people}, "the last of all writes of each is there")
            same(complaints(), [], "PgBouncer has nothing to complain about")
        finally:
            scale(NORMAL)
    done()


main()
