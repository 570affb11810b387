#!/usr/bin/python3
"""P5: an outage is not a log-out. Services go and come back under load; everything heals by itself."""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import (PASSWORD, Client, Threads, at_once, check, children, dev, done, login, new_user, note, same, service_pid,
                   wait_until, workers)
from mayfly import PAGE, PROBLEM

AWAY_S = 6
HEAL_S = 10
FRESH_S = 5  # cache_fresh_s
READY = {(200, "ready", "up", "up")}
NO_CACHE = {(200, "ready", "up", "down")}  # without it mayfly is only slower
NO_DATABASE = {(503, "unavailable", "down", "up")}
HUNG_RATIO = 10  # a median while the node hangs to the one before; cache_timeout_ms for each request would be far more


class Load:
    """Readers, writers and people who log in, all with cookies, and what each was answered."""

    def __init__(self):
        self.name = new_user("weathering")
        # Somebody else: who logs in too often ends his own oldest sessions.
        self.other = new_user("coming")
        self.replies = []

    def ask(self, client, method, path, body=None):
        reply = client(method, path, body)
        reply.what = f"{method} {path}"
        self.replies.append(reply)
        time.sleep(0.01)
        return reply

    def read(self, client, path):
        self.ask(client, "GET", path)

    def write(self, client):
        self.ask(client, "PATCH", "/session/data", {"at": time.monotonic()})

    def log_in(self, client):
        self.ask(client, "POST", "/login", {"username": self.other, "password": PASSWORD})
        time.sleep(0.05)

    def start(self, threads):
        def client():
            return Client(login(self.name), cookie=True)

        for path in ("/profile", "/profile", "/session/data", "/sessions"):
            threads.repeat(self.read, client(), path)
        threads.repeat(self.write, client())
        threads.repeat(self.log_in, Client())


def health():
    """What the workers of the ordinary pools say of themselves, the database and the cache; each of them is heard."""
    said, silent = set(), workers("a", "b")
    until = time.monotonic() + HEAL_S
    while silent and time.monotonic() < until:
        for reply in at_once(8, lambda _: Client(keep=False)("GET", "/health/ready")):
            document = reply.json()
            said.add((reply.status, document["status"], document["database"]["state"], document["cache"]["state"]))
            silent.discard(int(reply.worker.partition("/")[2]))
    return said | {f"worker {pid} says nothing" for pid in silent}


def outage(what, stop, start, health_away, during=lambda load: None, statuses=(200, 503)):
    """
    Judges every answer from before the outage until all is well again, and what /health/ready says meanwhile. Returns the
    answers from before and while away.
    """
    load, before = Load(), workers()
    with Threads() as threads:
        load.start(threads)
        time.sleep(0.5)
        stopped = time.monotonic()
        stop()
        health_seen = health()
        during(load)
        time.sleep(max(0, stopped + AWAY_S - time.monotonic()))
        start()
        back = time.monotonic()
        witness = Client(login_when_possible(load.name), cookie=True)
        healed = time.monotonic()
        time.sleep(1)
    replies = load.replies
    away = [reply for reply in replies if stopped < reply.ended < back]
    seen = Counter(f"{reply.what} {reply.status}" for reply in away)
    note(f"{what}: while away {dict(sorted(seen.items()))}")
    note(f"{what}: slowest answer {max(reply.ended - reply.started for reply in replies):.2f} s, "
         f"first log-in {healed - back:.2f} s after the return")
    same(threads.errors, [], f"{what}: no connection is lost")
    same({reply.status for reply in replies} - set(statuses), set(),
         f"{what}: under load nobody gets anything but {' or '.join(map(str, statuses))}")
    check(all(reply.stated_503() for reply in replies if reply.status == 503), f"{what}: a 503 says when to try again")
    check(not any(clears_cookie(reply) for reply in replies), f"{what}: no answer clears a cookie")
    check(len(away) > 20, f"{what}: requests are answered while it is away")
    statuses_after = Counter(witness("GET", path).status for path in ("/profile", "/session/data") * 50)
    same(statuses_after, {200: 100}, f"{what}: afterwards 100 of 100 requests are answered with 200")
    same(workers(), before, f"{what}: by the same workers as before")
    same(health_seen, health_away, f"{what}: /health/ready says what is away")
    check(wait_until(HEAL_S, lambda: health() == READY), f"{what}: and that it is back", health())
    return [reply for reply in replies if reply.ended < stopped], away


def login_when_possible(name):
    found = []

    def try_it():
        reply = Client()("POST", "/login", {"username": name, "password": PASSWORD})
        if reply.status == 200:
            found.append(reply.json()["token"])
        return found

    if not wait_until(HEAL_S, try_it):
        raise TimeoutError(f"no log-in within {HEAL_S} s after the return")
    return found[0]


def clears_cookie(reply):
    return any("max-age=0" in value.lower() or "1970" in value or value.startswith("mayfly=;") for value in reply.cookies)


def cached_goes_on(name, stop):
    """Returns a function that stops the service just after a session was read, and looks at what the copy is good for."""
    client = Client(login(name), cookie=True)
    answers = []

    def stop_and_look():
        client("GET", "/profile")
        read_at = time.monotonic()
        stop()
        while time.monotonic() < read_at + FRESH_S + 0.7:
            reply = client("GET", "/profile")
            answers.append((reply.ended - read_at, reply.status))
            time.sleep(0.05)

    def judge(what):
        last = max((at for at, status in answers if status == 200), default=0)
        same({status for at, status in answers if at < FRESH_S - 0.3}, {200},
             f"{what}: a cached session goes on for the freshness time")
        check(last < FRESH_S + 0.3, f"{what}: and not for longer", f"{last:.2f} s")
        note(f"{what}: {len(answers)} requests of a cached session, the last 200 after {last:.2f} s")

    return stop_and_look, judge


class Browsers:
    """Two people's, whose sessions have no fresh copy by the time they look: one page was read before, or none ever."""

    PAGES = ("/account", "/files", "/", "/login", "/workers")

    def __init__(self):
        self.clients = [mayfly.Client(cookie=f"mayfly={mayfly.login(mayfly.new_user())}") for _ in range(2)]
        self.form_tokens = [self.form_token(self.clients[0].get("/account", headers={"Accept": PAGE})), "not yet"]

    @staticmethod
    def form_token(page):
        return page.text.partition('name="csrf" value="')[2].partition('"')[0]

    def get(self, path, accept=PAGE):
        return [client.get(path, headers={"Accept": accept}) for client in self.clients]

    def log_out(self):
        return [client.post("/logout", form={"csrf": token}, headers={"Accept": PAGE, "Sec-Fetch-Site": "same-origin"})
                for client, token in zip(self.clients, self.form_tokens)]

    def wait(self, what):
        """Who can't be known is asked to come again, is not led to the log-in and keeps the cookie."""
        for words, answers in [*((f"GET {path}", self.get(path)) for path in self.PAGES), ("POST /logout", self.log_out())]:
            check(all(come_again(answer, "text/html; charset=utf-8") and "<h1>Service unavailable</h1>" in answer.text and
                      'href="/login"' not in answer.text for answer in answers),
                  f"{what}: a browser's {words} is a page that says to come again, and not to log in", *answers)
        for path in ("/account", "/profile", "/session/data"):
            answers = self.get(path, "application/json")
            check(all(come_again(answer, PROBLEM) and answer.error == "unavailable" for answer in answers),
                  f"{what}: GET {path} as JSON is problem+json that does", *answers)

    def look(self, what):
        for path in self.PAGES:
            pages = self.get(path)
            check(all(page.status == 200 and page.headers["content-type"].startswith("text/html") and not page.cookies
                      for page in pages), f"{what}: browsers are shown {path}", *pages)
            if path == "/account":
                self.form_tokens = [self.form_token(page) for page in pages]

    def leave(self, what):
        answers = self.log_out()
        check(all(answer.status == 303 and clears_cookie(answer) for answer in answers), f"{what}: and may log out", *answers)
        same([(page.status, page.headers.get("location")) for page in self.get("/account")], [(303, "/login?rd=/account")] * 2,
             f"{what}: who did is led to the log-in")


def come_again(answer, kind):
    return (answer.stated_503() and answer.headers.get("content-type") == kind and
            answer.headers.get("cache-control") == "no-store" and not answer.cookies and "location" not in answer.headers)


def signal_postgres(number):
    """The whole server: what it has forked as well."""
    postmaster = service_pid("postgres")
    for pid in [postmaster, *children(postmaster)]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def health_of_idle_workers():
    """Those that nobody but /health/ready asks have no failure to go by."""
    same(health(), READY, "/health/ready names the database and the cache, which are up")
    dev("service", "stop", "memcached")
    same(health(), NO_CACHE, "a worker that is asked for nothing else knows at once that the cache is down, and is ready")
    dev("service", "start", "memcached")
    check(wait_until(HEAL_S, lambda: health() == READY), "and that it is back", health())


def main():
    name = new_user("cached")
    health_of_idle_workers()

    stop, judge = cached_goes_on(name, lambda: dev("service", "stop", "postgres"))
    browsers = Browsers()
    outage("PostgreSQL stopped", stop, lambda: dev("service", "start", "postgres"), NO_DATABASE,
           during=lambda _: browsers.wait("PostgreSQL stopped"))
    judge("PostgreSQL stopped")
    browsers.look("PostgreSQL is back")

    def look_and_leave(_):
        browsers.look("memcached stopped")
        browsers.leave("memcached stopped")

    outage("memcached stopped", lambda: dev("service", "stop", "memcached"), lambda: dev("service", "start", "memcached"),
           NO_CACHE, during=look_and_leave, statuses=(200,))
    before, away = outage("memcached hangs", lambda: dev("service", "signal", "memcached", "STOP"),
                          lambda: dev("service", "signal", "memcached", "CONT"), NO_CACHE, statuses=(200,))
    usual, now = (median(reply.ended - reply.started for reply in replies if reply.what == "GET /profile")
                  for replies in (before, away))
    note(f"memcached hangs: the median GET /profile takes {now * 1000:.1f} ms, {now / usual:.1f} times what it took before")
    check(now < HUNG_RATIO * usual, "memcached hangs: it is skipped for a while, not waited for by each request",
          f"{now * 1000:.1f} ms after {usual * 1000:.1f} ms")

    try:
        outage("PostgreSQL hangs", lambda: signal_postgres(signal.SIGSTOP), lambda: signal_postgres(signal.SIGCONT), NO_DATABASE)
    finally:
        signal_postgres(signal.SIGCONT)
    done()


main()
