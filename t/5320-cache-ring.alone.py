#!/usr/bin/python3
"""P4 and P5 over a ring of two memcached nodes, one of which dies, hangs and returns: the other one's keys keep hitting."""

import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import SCRATCH, Client, Threads, check, done, login, new_user, note, same, settings, wait_until

FOLDER = SCRATCH / "ring"
SESSIONS, LEAST = 40, 12
AWAY_S = 3
HEAL_S = 5  # libmemcached too skips a node for cache_retry_s, after ours
FRESH_S = 5  # cache_fresh_s
# A worker that tries the lost node again, once a second, misses what it asked for together with it.
HITS_LEAST = 0.8
PATHS = {"one": "/profile", "two": "/session/data"}  # what the log tells sessions of the two nodes apart by


class Node:
    def __init__(self, name):
        self.name, self.socket, self.process = name, FOLDER / f"{name}.sock", None

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(["/usr/bin/memcached", "-s", self.socket, "-a", "0660", "-m", "16", "-t", "1"],
                                        stdin=subprocess.DEVNULL)
        if not wait_until(5, self.socket.exists):
            raise RuntimeError(f"memcached {self.name} does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        os.kill(self.process.pid, number)

    def has(self, key):
        with socket.socket(socket.AF_UNIX) as memcached:
            memcached.settimeout(5)
            memcached.connect(str(self.socket))
            memcached.sendall(f"get {key}\r\n".encode())
            return memcached.recv(65536).startswith(b"VALUE")


def key_of(token):
    raw = base64.urlsafe_b64decode(token.removeprefix("mfs_"))
    return f"mfs:{uuid.UUID(bytes=raw[:16])}"


class Logs:
    """What the workers of the ordinary pools log from here on."""

    def __init__(self):
        self.paths = [SCRATCH / "log" / f"pool-{pool}.log" for pool in ("a", "b")]
        self.starts = [path.stat().st_size for path in self.paths]

    def hits(self, route):
        """The share of requests whose session came from the cache."""
        hits = []
        for path, start in zip(self.paths, self.starts):
            with open(path, "rb") as log:
                log.seek(start)
                events = [json.loads(line) for line in log if line.endswith(b"\n")]
            hits += [event["cache_hit"] for event in events if event["event"] == "request" and event["route"] == route]
        return sum(hits) / max(1, len(hits)), len(hits)


def status(token):
    """One answer on a connection of its own, and when it was asked for."""
    reply = Client(token, keep=False)("GET", "/profile")
    return reply.status, reply.started


def outage(what, live, fall, rise, trusted_s):
    """
    fall() takes node two away, rise() brings it back. live: tokens by node; some of both are logged out meanwhile.
    trusted_s: for so long after its log-out a session may still be taken from the node that came back.
    """
    leaving = {name: [tokens.pop() for _ in range(5)] for name, tokens in live.items()}
    seen, slowest, ended, late = Counter(), [0.0], {}, []

    def read(name):
        client = Client()
        while not threads.over.is_set():
            client.token = random.choice(live[name])
            reply = client("GET", PATHS[name])
            seen[f"{name} {reply.status}"] += 1
            slowest[0] = max(slowest[0], reply.ended - reply.started)

    with Threads() as threads:
        for name in ("one", "one", "two"):
            threads.add(read, name)
        time.sleep(0.5)
        fall()
        time.sleep(0.2)
        logs = Logs()
        for token in leaving["one"] + leaving["two"]:
            reply = Client(token, keep=False)("POST", "/logout")
            seen[f"log-out {reply.status}"] += 1
            ended[token] = reply.ended
            seen[f"logged out {status(token)[0]}"] += 1
        time.sleep(AWAY_S)
        share, count = logs.hits(PATHS["one"])
        rise()
        until = max(time.monotonic(), max(ended.values()) + trusted_s) + 1.5
        while time.monotonic() < until:
            for token in ended:
                code, asked = status(token)
                seen[f"after the return {code}"] += 1
                if code == 200:
                    late.append(asked - ended[token])
            time.sleep(0.05)
        until, share_after, count_after = time.monotonic() + HEAL_S, 0, 0
        while (share_after < 0.95 or count_after <= 50) and time.monotonic() < until:
            # As long as it takes to see enough: a busy machine answers few in half a second.
            logs, look_until = Logs(), time.monotonic() + 3
            while count_after <= 50 and time.monotonic() < look_until:
                time.sleep(0.5)
                share_after, count_after = logs.hits(PATHS["two"])
            if share_after < 0.95:
                count_after = 0
    note(f"{what}: {dict(sorted(seen.items()))}, slowest {slowest[0] * 1000:.0f} ms; the other node's keys hit {share:.1%} of "
         f"{count} times, afterwards this one's {share_after:.1%} of {count_after}; last 200 {max(late, default=0):.2f} s "
         "after its log-out")
    same(threads.errors, [], f"{what}: no connection is lost")
    same({name for name in seen if name.startswith(("one", "two"))}, {"one 200", "two 200"},
         f"{what}: nobody is told anything but 200")
    same((seen["log-out 200"], seen["logged out 401"]), (10, 10), f"{what}: log-outs work meanwhile, at once")
    check(count > 100 and share >= HITS_LEAST, f"{what}: keys of the other node keep hitting", f"{share:.1%} of {count}")
    check(seen["after the return 401"] >= 10 and max(late, default=0) <= trusted_s, f"{what}: no session comes back with the node"
          + (f" {trusted_s} s after its log-out" if trusted_s else ""), late[:5])
    check(count_after > 50 and share_after >= 0.95, f"{what}: afterwards its own keys hit again, by themselves",
          f"{share_after:.1%} of {count_after}")


def main():
    random.seed(5320)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    one, two = Node("one"), Node("two")
    try:
        one.start()
        two.start()
        with settings(cache=f"unix:{one.socket},unix:{two.socket}"):
            scenes(one, two)
    finally:
        for node in (one, two):
            if node.process is not None and node.process.poll() is None:
                node.kill()


def scenes(one, two):
    name = new_user("ringing")
    tokens = []
    live = {"one": [], "two": []}
    # Which node has a session is chance, and one may have a larger part of the ring.
    while min(map(len, live.values())) < LEAST and len(tokens) < 10 * SESSIONS:
        tokens += [login(name) for _ in range(SESSIONS)]
        for token in tokens[-SESSIONS:]:
            status(token)
        live = {node.name: [token for token in tokens if node.has(key_of(token))] for node in (one, two)}
    same(sorted(live["one"] + live["two"]), sorted(tokens), "each session is cached on one of the two nodes")
    if not check(min(map(len, live.values())) >= LEAST, "and both have their share", {name: len(them) for name, them in live.items()}):
        return

    outage("dies", live, two.kill, two.start, 0)
    # With its memory: it may be believed about sessions that ended meanwhile, for the freshness time.
    outage("hangs", live, lambda: two.signal(signal.SIGSTOP), lambda: two.signal(signal.SIGCONT), FRESH_S)


main()
done()
