#!/usr/bin/python3
"""Whoever waits for a password waits for himself: half-sent log-ins hold no place, a worker's queue is bounded, for each address
too, addresses take turns, and workers share what there is to do."""

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
from chaos import at_once, dev, nginx_limits, psql, settings, wait_until
from mayfly import PAGE, PASSWORD, PROBLEM, check, done, new_user, note, same

# What a password costs by default: some tens of milliseconds. Those of the other tests cost next to nothing.
COST = {"password_memory_kib": 19456, "password_passes": 2}
ADDRESSES, HALF_SENT, LOG_INS = 4, 30, 40
PER_ADDRESS = 16  # password_queue_address
NETWORK = f"127.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}"


class Client(mayfly.Client):
    """One who comes from an address of this machine: the last number of it."""

    def __init__(self, last, **more):
        super().__init__(source=f"{NETWORK}.{last}", **more)

    def log_in(self, user, **headers):
        return self.post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers)


@contextlib.contextmanager
def half_sent(last, count):
    """Log-ins whose bodies stop after the first byte."""
    client, sockets = Client(last), []
    for _ in range(count):
        one = socket.create_connection((client.host, client.port), timeout=60, source_address=client.source)
        one.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{")
        sockets.append(one)
    try:
        yield
    finally:
        for one in sockets:
            one.close()


def refused(answer, promise, kind=PROBLEM):
    """429 as every 429 is."""
    good = answer.status == 429 and answer.headers.get("content-type") == kind and "set-cookie" not in answer.headers
    good = good and answer.headers.get("retry-after", "").isdigit() and 1 <= int(answer.headers.get("retry-after")) <= 30
    if good and kind == PROBLEM:
        good = answer.error == "too_many_requests"
    return check(good and "Try again shortly" in answer.text, promise, answer)


class Flood(threading.Thread):
    """Whole log-ins, all at once, from several addresses. answers: (address, answer, when) in the order of their ends."""

    def __init__(self, user, firsts, count):
        super().__init__()
        self.user, self.firsts, self.count, self.answers, self.began = user, firsts, count, [], time.monotonic()
        self.start()

    def run(self):
        def one(number):
            last = self.firsts[number % len(self.firsts)]
            answer = Client(last).log_in(self.user, Accept=PAGE if number % 3 == 2 else "application/json")
            self.answers.append((last, answer, time.monotonic() - self.began))

        at_once(len(self.firsts) * self.count, one)

    def statuses(self):
        return Counter(answer.status for _, answer, _ in self.answers)

    def last_served(self):
        return max(when for _, answer, when in self.answers if answer.status != 429)


def half_sent_ones(user):
    with contextlib.ExitStack() as stack:
        for last in range(10, 10 + ADDRESSES):
            stack.enter_context(half_sent(last, HALF_SENT))
        time.sleep(0.5)
        same([Client(2).log_in(user).status for _ in range(3)], [200] * 3,
             f"beside {ADDRESSES * HALF_SENT} half-sent log-ins of {ADDRESSES} addresses another address logs in")
        same(Client(10).log_in(user).status, 200, "and so does one of theirs")


def whole_ones(user, other):
    flood = Flood(user, range(20, 20 + ADDRESSES), LOG_INS)
    wait_until(10, lambda: len(flood.answers) > 8)
    began = time.monotonic()
    answer = Client(3).log_in(other)
    took = time.monotonic() - began
    flood.join()
    statuses = flood.statuses()
    note(f"{dict(statuses)}; the last was served after {flood.last_served():.2f} s, the stranger in {took:.2f} s")
    same(answer.status, 200, f"beside {ADDRESSES * LOG_INS} whole log-ins of {ADDRESSES} addresses another address logs in")
    check(took < flood.last_served() / 2, "in its turn, not after all of theirs", took, flood.last_served())
    same(set(statuses) - {303}, {200, 429}, "of theirs some are let in, the rest is refused")
    served = Counter(last for last, answer, _ in flood.answers if answer.status != 429)
    check(min(served.values()) >= PER_ADDRESS and max(served.values()) <= 2 * min(served.values()),
          "each of these addresses has about the same share", served)
    first = min(when for _, answer, when in flood.answers if answer.status == 429)
    check(first < flood.last_served() / 2, "who is refused is told at once", first, flood.last_served())
    answers = [answer for _, answer, _ in flood.answers if answer.status == 429]
    refused(next(one for one in answers if "html" not in one.headers.get("content-type")), "as every 429 tells it")
    refused(next(one for one in answers if "html" in one.headers.get("content-type")), "and to a browser as a page",
            "text/html; charset=utf-8")


def busy_workers(user):
    """What comes at once is done by all workers, of one pool and of both."""
    dev("scale", "password-a", 2)
    flood = Flood(user, range(40, 43), PER_ADDRESS)
    flood.join()
    shares = Counter(answer.worker for _, answer, _ in flood.answers)
    same(flood.statuses(), {200: 3 * PER_ADDRESS - sum(flood.statuses()[s] for s in (303,)), **(
        {303: flood.statuses()[303]} if flood.statuses()[303] else {})}, "nobody is refused within the bounds")
    note(f"shares: {dict(shares)}")
    check(len(shares) == 3 and min(shares.values()) >= 3, "no worker is idle while others have a queue", shares)
    dev("scale", "password-a", 1)


def gone_ones(user, other):
    """A queue of those that have left is no queue."""
    client = Client(50)
    body = json.dumps({"username": user.username, "password": PASSWORD}).encode()
    before = int(psql(f"SELECT count(*) FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id "
                      f"WHERE a.username = '{user.username}'"))
    for _ in range(LOG_INS):
        one = socket.create_connection((client.host, client.port), timeout=60, source_address=client.source)
        one.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        one.close()
    same(Client(51).log_in(other).status, 200, "beside clients that left at once another logs in")
    time.sleep(0.5)
    after = int(psql(f"SELECT count(*) FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id "
                     f"WHERE a.username = '{user.username}'"))
    check(after - before < LOG_INS, "and no password is computed for most of them", before, after)


def main():
    with settings(**COST), nginx_limits():
        user, other = new_user(), new_user()
        half_sent_ones(other)
        whole_ones(user, other)
        busy_workers(user)
        gone_ones(user, other)
    with settings(**COST, password_queue=1, password_queue_address=1):
        flood = Flood(user, range(60, 62), LOG_INS)
        flood.join()
        same(flood.statuses()[429], 0, "an address that is exempt is never refused")
    done()


main()
