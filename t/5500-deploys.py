#!/usr/bin/python3
"""P8: deploys, recycling and scaling under load: zero failed requests."""

import os
import random
import re
import select
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (PASSWORD, STDIN, Client, Threads, WorkerCensus, check, dev, done, fcgi_connect, fcgi_record, fcgi_request, login,
                   new_name, new_user, note, same, service_pid, settings, successors, wait_until, workers)
from mayfly import psql

RESTARTS, SCALE = 20, 50
KEPT = 24
STREAMS = 64  # TURNS_STREAMS_MAX


class Load:
    """Clients that keep their connection and clients that don't, reading and writing."""

    def __init__(self):
        self.name = new_user("deploying")
        self.other = new_user("coming")
        self.seen, self.failed, self.slowest_s, self.writes = Counter(), [], 0, 0

    def ask(self, client, wanted, method, path, body=None, key=None):
        reply = client(method, path, body, key=key)
        what = "kept" if client.keep else "new"
        self.seen[f"{method} on a {what} connection"] += 1
        self.slowest_s = max(self.slowest_s, reply.ended - reply.started)
        if reply.status != wanted:
            self.failed.append(f"{method} {path}: {reply}")

    def read(self, client):
        self.ask(client, 200, "GET", random.choice(("/profile", "/worker", "/session/data")))
        time.sleep(0.001)

    def write(self, client):
        self.ask(client, 200, "PATCH", "/profile/data", {new_name("step")[-4:]: 1}, key=new_name("key"))
        time.sleep(0.002)

    def log_in(self, client):
        self.ask(client, 200, "POST", "/login", {"username": self.other, "password": PASSWORD}, key=new_name("key"))
        time.sleep(0.05)

    def start(self, threads):
        token = login(self.name)
        for keep in (True, False):
            threads.repeat(self.read, Client(token, keep))
            threads.repeat(self.write, Client(login(self.name), keep))
        threads.repeat(self.read, Client(token))
        threads.repeat(self.log_in, Client(keep=False))


def deploy(what, action, replaced):
    """replaced says of the requests how many workers must have come at least, beside those that were there."""
    load = Load()
    began, before, succeeded = time.monotonic(), workers(), successors()
    with WorkerCensus() as census, Threads() as threads:
        load.start(threads)
        time.sleep(0.3)
        action()
        time.sleep(0.3)
    failed = threads.errors + load.failed
    note(f"{what}: {sum(load.seen.values())} requests ({dict(sorted(load.seen.items()))}) in "
         f"{time.monotonic() - began:.1f} s over {len(census.seen)} workers, slowest {load.slowest_s * 1000:.0f} ms, "
         f"{len(failed)} failed")
    same(failed[:10], [], f"{what}: no request failed")
    came, wanted = len(census.seen - before) + successors() - succeeded, replaced(sum(load.seen.values()))
    check(came >= wanted, f"{what}: workers were replaced meanwhile", came, wanted)


def restart_pools():
    for _ in range(RESTARTS):
        dev("restart", "a")
        dev("restart", "b")


def scale():
    for size in (SCALE, 2):
        for pool in ("a", "b"):
            dev("scale", pool, size)
        time.sleep(0.5)


def is_ready(pid):
    """Whether a worker that was started waits for USR2, which it blocks; before, the signal ends it like any program."""
    try:
        blocked = re.search(r"^SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return False
    return bool(int(blocked[1], 16) >> signal.SIGUSR2 - 1 & 1)


def reload():
    for _ in range(10):
        old = workers()
        dev("kill", "-USR2")
        if not wait_until(10, lambda: not old & workers() and sum(map(is_ready, workers())) == 8):  # pylint: disable=cell-var-from-loop
            raise TimeoutError("workers were not replaced after USR2")


def recycle():
    """Each worker is replaced after about 100 requests, by itself under its own process id: t/5505."""
    time.sleep(4)


def asks(connection, patience_s):
    """Whether a kept connection gives an answer, and whether it is closed then."""
    received, closed = b"", False
    try:
        connection.sendall(fcgi_request("GET", "/health/live", keep=True))
        while not closed and b'"live"' not in received:
            part = connection.recv(65536)
            received, closed = received + part, not part
        connection.settimeout(patience_s)
        closed = closed or not connection.recv(1)
    except OSError:
        pass
    return b'"live"' in received, closed


def replaced():
    """What came of kept connections that were used after the workers had closed the first of them."""
    old = workers("a")
    connections = [fcgi_connect("a") for _ in range(KEPT)]
    same([asks(one, 0.01) for one in connections], [(True, False)] * KEPT, "connections are kept")
    for pid in old:
        os.kill(pid, signal.SIGUSR2)
    closed = select.select(connections, [], [], 5)[0]
    check(closed, "workers that are replaced close them")
    answers = [asks(one, 5) for one in connections if one not in closed]
    check(asks(fcgi_connect("a"), 5)[0], "a new connection is accepted meanwhile")
    check(wait_until(5, lambda: not old & workers("a") and len(workers("a")) == len(old)), "successors are there")
    return answers


def lets_go():
    """nginx, which may look up late, must not find all of its kept connections closed."""
    answers = []
    for _ in range(3):  # this process, too, may look up late
        answers += replaced()
    check((True, True) in answers, "they close one after the other: what comes on those that are left is answered", answers)
    check((True, False) not in answers, "and no connection is kept then", answers)


def leaves_while_full():
    """A pool that leaves while its only worker has all the uploads that it may have at a time, and somebody queues."""
    token = login(new_user("uploading"))
    head = {"length": 1000, "keep": False, "CONTENT_TYPE": "application/offset+octet-stream", "MAYFLY_STREAM": "1",
            "HTTP_AUTHORIZATION": f"Bearer {token}", "HTTP_TUS_RESUMABLE": "1.0.0", "HTTP_UPLOAD_LENGTH": "1000"}
    end = fcgi_record(STDIN)
    uploads = [fcgi_connect("files-b") for _ in range(STREAMS)]
    for one in uploads:
        one.sendall(fcgi_request("POST", "/uploads", b"x" * 10, **head).removesuffix(end))
    wait_until(5, lambda: int(psql("SELECT count(*) FROM mayfly.file WHERE state = 'pending' AND size = 1000")) >= STREAMS)
    queued = fcgi_connect("files-b")
    queued.sendall(fcgi_request("GET", "/health/live"))
    os.kill(service_pid("pool-files-b"), signal.SIGTERM)
    for one in uploads:
        one.sendall(fcgi_record(STDIN, b"x" * 990) + end)
    same([one for one in uploads if b"Status: 201" not in one.recv(65536)], [], f"a pool that leaves takes the {STREAMS} uploads in hand")
    check(b'"live"' in queued.recv(65536), "and answers what was queued meanwhile")
    dev("restart", "files-b")


def main():
    random.seed(5500)
    leaves_while_full()
    lets_go()
    deploy(f"pool a, then b restarted {RESTARTS} times", restart_pools, lambda _: RESTARTS * 4)
    deploy("pools of files and of passwords restarted",
           lambda: [dev("restart", pool) for pool in ("files-a", "password-a", "files-b", "password-b") * 3], lambda _: 12)
    deploy(f"scaled from 2 to {SCALE} and back", scale, lambda _: 2 * (SCALE - 2))
    deploy("reloaded by USR2 10 times", reload, lambda _: 10 * 8)
    with settings(worker_max_requests=100):
        # The bound varies by chance, a worker finishes what it has in hand, and the last ones are not through yet.
        deploy("recycled each 100 requests", recycle, lambda requests: requests // 200)
    done()


main()
