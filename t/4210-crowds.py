#!/usr/bin/python3
"""A crowd that logs in: nginx lets in what is within its limits, and tells the rest from that address to come again."""

import contextlib
import http.client
import json
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import at_once, nginx_limits, wait_until
from mayfly import PAGE, PASSWORD, PROBLEM, Response, check, done, login, new_user, note, same

# As in nginx/mayfly-limits.conf and nginx/mayfly-locations.conf.
PER_ADDRESS, QUEUE = 16, 64
RATE, BURST = 10, 50
SHARED_RATE, SHARED_BURST = 20, 100

# Not those of a run before: nginx remembers.
NETWORK = f"127.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}"
user = new_user()
token = login(user)
CROWD = [new_user().username for _ in range(PER_ADDRESS)]
HEAVY = ("POST /login", "POST /register", "POST /password", "POST /profile", "PATCH /profile", "POST /profile/delete",
         "DELETE /profile")
ORDINARY = ("GET /profile", "GET /login", "GET /register", "GET /sessions", "PATCH /session/data", "PUT /profile/data")


class Client(mayfly.Client):
    """One who comes from an address of this machine, of which there are many: the last number of it."""

    def __init__(self, last, **more):
        super().__init__(source=f"{NETWORK}.{last}", **more)

    def log_in(self, **headers):
        return self.post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers)


class Held:
    """A log-in whose body is still to come. nginx has asked for it, so it counts; else there is an answer already."""

    def __init__(self, last, name):
        self.body = json.dumps({"username": name, "password": PASSWORD}).encode()
        client = Client(last)
        self.socket = socket.create_connection((client.host, client.port), timeout=60, source_address=client.source)
        self.socket.sendall(f"POST /login HTTP/1.1\r\nHost: {client.host}:{client.port}\r\nConnection: close\r\n"
                            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
                            "Expect: 100-continue\r\n\r\n".encode())
        self.first = self.socket.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL)[9:].decode()

    def rest(self):
        """The answer to all of it."""
        self.socket.sendall(self.body)
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()  # not what came first, which only asks for the body
        return Response(answer.status, answer.getheaders(), answer.read())


@contextlib.contextmanager
def held(last, count):
    """So many at once, each with a name of its own."""
    logins = []
    try:
        for number in range(count):
            logins.append(Held(last, CROWD[number]))
        yield logins
    finally:
        for one in logins:
            one.socket.close()


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


def many_at_once():
    crowd, stranger = Client(2, token=token), Client(3)
    with held(2, PER_ADDRESS) as logins:
        same(Counter(one.first for one in logins), {"100": PER_ADDRESS},
             f"{PER_ADDRESS} log-ins at once from one address are let in")
        for words in HEAVY:
            refused(ask(crowd, words), f"beside them {words} is one too many")
        page = crowd.log_in(Accept=PAGE)
        policy = page.headers.get("content-security-policy", "")
        refused(page, "which a browser is shown as a page", "text/html; charset=utf-8")
        check("<h1>Too many requests</h1>" in page.text and policy.startswith("default-src 'none';"),
              "with its heading and no more than it needs", page)
        same({words: ask(crowd, words).status for words in ORDINARY}, dict.fromkeys(ORDINARY, 200),
             "the ordinary pools serve that address as ever")
        same(stranger.log_in().status, 200, "somebody else logs in from another address")
        answers = at_once(PER_ADDRESS, lambda number: logins[number].rest())
        same(Counter(answer.status for answer in answers), {200: PER_ADDRESS},
             "and each of those that were let in is logged in")
    with contextlib.ExitStack() as stack:
        logins = [one for last in range(4, 4 + QUEUE // PER_ADDRESS)
                  for one in stack.enter_context(held(last, PER_ADDRESS))]
        same(Counter(one.first for one in logins), {"100": QUEUE}, f"{QUEUE} from several addresses are let in")
        refused(stranger.log_in(), "then the queue is full for everybody")
        same(ask(crowd, "GET /profile").status, 200, "but the ordinary pools have none")
    check(wait_until(5, lambda: stranger.log_in().status == 200), "who leaves makes room")


def many_in_a_row(last, words, rate, burst, passed):
    """Sends as many as fit and more, never more than PER_ADDRESS at once. Returns the last that was refused."""
    lock, answers, began = threading.Lock(), [], time.monotonic()

    def one_after_the_other(_):
        client = Client(last)
        while len(answers) < 2 * burst and time.monotonic() < began + 20:
            answer = ask(client, words)
            with lock:
                answers.append(answer)

    at_once(PER_ADDRESS, one_after_the_other)
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
        many_at_once()

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
