#!/usr/bin/python3
"""Many requests of one address: nginx passes those within its rates, and answers the others with 429 and Retry-After."""

import secrets
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import at_once, nginx_limits
from mayfly import PASSWORD, PROBLEM, check, done, login, new_user, note, same

# As in nginx/mayfly-limits.conf and nginx/mayfly-locations.conf.
RATE, BURST = 10, 50
SHARED_RATE, SHARED_BURST = 20, 100

AT_ONCE = 16
# Not those of a run before: nginx remembers.
NETWORK = f"127.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}"
user = new_user()
token = login(user)
ORDINARY = ("GET /profile", "GET /login", "GET /register", "GET /sessions", "PATCH /session/data", "PUT /profile/data")


class Client(mayfly.Client):
    """One who comes from an address of this machine, of which there are many: the last number of it."""

    def __init__(self, last, **more):
        super().__init__(source=f"{NETWORK}.{last}", **more)

    def log_in(self, **headers):
        return self.post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers)


def refused(answer, promise, kind=PROBLEM):
    """429 as every 429 is."""
    heads = {"content-type": kind, "retry-after": "1", "cache-control": "no-store", "set-cookie": None}
    good = answer.status == 429 and {name: answer.headers.get(name) for name in heads} == heads
    if good and kind == PROBLEM:
        fields = answer.json()
        good = (fields["error"], fields["status"], fields["title"]) == ("too_many_requests", 429, "Too many requests")
    return check(good and "Try again shortly" in answer.text, promise, answer)


def ask(client, words):
    method, path = words.split()
    return client.request(method, path, json=None if method == "GET" else {})


def many_in_a_row(last, words, rate, burst, passed):
    """Sends as many as fit and more, AT_ONCE at once. Returns the last that was refused."""
    lock, answers, began = threading.Lock(), [], time.monotonic()

    def one_after_the_other(_):
        client = Client(last)
        while len(answers) < 2 * burst and time.monotonic() < began + 20:
            answer = ask(client, words)
            with lock:
                answers.append(answer)

    at_once(AT_ONCE, one_after_the_other)
    took = time.monotonic() - began
    statuses = Counter(answer.status for answer in answers)
    note(f"{words}: {dict(statuses)} in {took:.2f} s")
    same(set(statuses), {passed, 429}, f"{words}: some are let in and some refused")
    # One to begin with, the burst, and what time has made room for.
    check(burst + 1 <= statuses[passed] <= burst + 2 + rate * took,
          f"{words}: {burst} are let in beyond the rate, neither fewer nor more", statuses, took)
    return next((answer for answer in reversed(answers) if answer.status == 429), answers[-1])


def main():
    with nginx_limits():
        answer = many_in_a_row(20, "POST /login", RATE, BURST, 422)
        client = Client(20, token=token)
        refused(answer, "who is refused is told when to come again")
        same({words: ask(client, words).status for words in ORDINARY}, dict.fromkeys(ORDINARY, 200),
             "meanwhile the ordinary pools serve that address as ever")
        same(Client(21).log_in().status, 200, "and other addresses log in")
        time.sleep(int(answer.headers.get("retry-after", 0)))
        same(client.log_in().status, 200, "who comes again when told to is let in")

        refused(many_in_a_row(22, "GET /shared/guess", SHARED_RATE, SHARED_BURST, 404),
                "who guesses links is refused alike")
        same(Client(23).get("/shared/guess").status, 404, "and only that one")
    same(Counter(Client(20).post("/login", json={}).status for _ in range(BURST + 2)), {422: BURST + 2},
         "an address that is exempt is never refused")
    done()


main()
