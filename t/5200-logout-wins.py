#!/usr/bin/python3
"""P4: once a log-out has been answered, no request that starts later is answered with the session."""

import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import SCRATCH, Client, Lost, Threads, check, dev, login, new_user, done, note, same, wait_until, workers
from mayfly import psql

EACH = 100  # log-outs for each state of the cache, 500 in all
LANES, READERS = 2, 2
AFTER_S = 0.06  # readers go on for so long after the answer
FRESH_S = 5  # cache_fresh_s
MEMCACHED = SCRATCH / "run" / "memcached.sock"


class Lane:
    """Logs in, lets readers loose on the session, logs out, and looks at what the readers got."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.name = new_user("leaving")
        self.seen, self.late, self.longest_s = Counter(), [], 0
        self.readers = [Client() for _ in range(READERS)]
        self.client = Client()

    def logout_once(self):
        token = login(self.name)
        answers, over = [], threading.Event()
        self.client.token = token
        with Threads() as threads:
            threads.over = over
            for reader in self.readers:
                reader.token = token
                threads.repeat(lambda reader=reader: answers.append(reader("GET", "/profile")))
            time.sleep(self.random.uniform(0.002, 0.03))
            reply = self.client("POST", "/logout")
            time.sleep(AFTER_S)
        if threads.errors:
            self.seen["errors"] += 1
            note(threads.errors[0])
        self.seen[f"log-out {reply.status}"] += 1
        self.longest_s = max(self.longest_s, reply.ended - reply.started)
        if reply.status != 200:
            return
        for answer in answers:
            after = answer.started > reply.ended
            self.seen[f"{'later' if after else 'earlier'} {answer.status}"] += 1
            if after and answer.status == 200:
                self.late.append(answer.started - reply.ended)

    def run(self, count):
        for _ in range(count):
            self.logout_once()


def race(state, disturb=None):
    """EACH log-outs while disturb is called again and again."""
    lanes = [Lane(5200 + index) for index in range(LANES)]
    began = time.monotonic()
    with Threads() as disturbing:
        disturbing.repeat(pause_a_worker)
        if disturb is not None:
            disturbing.repeat(disturb)
        with Threads() as threads:
            for lane in lanes:
                threads.add(lane.run, EACH // LANES)
            threads.join()
    seen = sum((lane.seen for lane in lanes), Counter())
    late = sorted(delay for lane in lanes for delay in lane.late)
    note(f"{state}: {dict(sorted(seen.items()))} in {time.monotonic() - began:.1f} s, "
         f"slowest log-out {max(lane.longest_s for lane in lanes) * 1000:.0f} ms")
    same(threads.errors + disturbing.errors, [], f"{state}: the test ran through")
    same(seen["log-out 200"], EACH, f"{state}: {EACH} log-outs are answered with 200")
    check(seen["earlier 200"] >= EACH and seen["later 401"] >= EACH, f"{state}: readers raced them before and after")
    same(set(seen) - {"log-out 200", "earlier 200", "earlier 401", "later 401", "later 200"}, set(),
         f"{state}: readers got 200 or 401 and nothing else")
    same([f"{delay * 1000:.1f} ms" for delay in late], [], f"{state}: nobody who came after the answer was let in")


def pause_a_worker():
    """Makes a slow reader: whatever this worker has in hand goes on only some time later."""
    pids = sorted(workers("a", "b"))
    if pids:
        pid = random.choice(pids)
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.01, 0.06))
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    time.sleep(0.01)


def flush():
    with socket.socket(socket.AF_UNIX) as memcached:
        memcached.connect(str(MEMCACHED))
        memcached.sendall(b"flush_all\r\n")
        assert memcached.recv(64) == b"OK\r\n"
    time.sleep(random.uniform(0, 0.01))


def restart():
    dev("service", "stop", "memcached")
    dev("service", "start", "memcached")
    time.sleep(random.uniform(0.02, 0.2))


def hang():
    dev("service", "signal", "memcached", "STOP")
    time.sleep(random.uniform(0.02, 0.4))
    dev("service", "signal", "memcached", "CONT")
    time.sleep(random.uniform(0.02, 0.4))


def cut_off():
    """The one case with a bound: nobody can reach the node at the log-out, and it comes back with its memory."""
    name = new_user("cut-off")
    tokens = [login(name) for _ in range(EACH)]
    reader, late, seen = Client(), [], Counter()
    ended = {}

    def ask(token):
        reader.token = token
        return reader("GET", "/profile")

    for _ in range(2):
        same(Counter(ask(token).status for token in tokens), {200: EACH}, "cut off: the sessions are live and cached")
    hidden = MEMCACHED.with_suffix(".hidden")
    MEMCACHED.rename(hidden)
    # New workers, since the old ones are connected already.
    dev("kill")
    try:
        for token in tokens:
            leaving = Client(token, keep=False)
            reply = leaving("POST", "/logout")
            seen[f"log-out {reply.status}"] += 1
            ended[token] = reply.ended
            seen[f"while cut off {ask(token).status}"] += 1
    finally:
        hidden.rename(MEMCACHED)
    back = time.monotonic()
    until = max(ended.values()) + FRESH_S + 1.5
    while time.monotonic() < until:
        for token in tokens:
            answer = ask(token)
            seen[f"{'within' if answer.started - ended[token] <= FRESH_S else 'past'} the bound {answer.status}"] += 1
            if answer.status == 200:
                late.append(answer.started - ended[token])
        time.sleep(0.05)
    note(f"cut off: {dict(sorted(seen.items()))}; back after {back - min(ended.values()):.2f} s; "
         f"the last 200 came {max(late, default=0):.2f} s after its log-out")
    same(seen["log-out 200"], EACH, f"cut off: {EACH} log-outs are answered with 200")
    same(seen["while cut off 401"], EACH, "cut off: nobody is let in while the node is away")
    check(max(late, default=0) <= FRESH_S, f"cut off: an old copy is trusted for {FRESH_S} s at most")
    check(seen["past the bound 401"] >= EACH, "cut off: after that every session is over")


def activity(condition):
    """How many of the database's connections wait so."""
    return int(psql(f"SELECT count(*) FROM pg_stat_activity WHERE {condition}"))


def begun_before():
    """Changes that wait for a lock while their session is logged out."""
    name = new_user("waiting")
    staying = Client(login(name))
    session = psql(f"SELECT s.id FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id WHERE a.username = '{name}'")
    account_lock = f"SELECT FROM mayfly.account WHERE username = '{name}' FOR NO KEY UPDATE"
    session_lock = f"SELECT FROM mayfly.session WHERE id = '{session}' FOR UPDATE"
    for method, path, body, lock in (("PATCH", "/profile/data", {"late": 1}, account_lock), ("PATCH", "/profile", {"name": "late"}, account_lock),
                                     ("DELETE", "/sessions", None, session_lock)):
        what, answers = f"{method} {path}", []
        waiting, leaving = (Client(token) for token in [login(name)] * 2)
        before = [staying("GET", seen).body for seen in ("/profile", "/profile/data")]
        with Threads() as threads:
            threads.add(psql, f"BEGIN; {lock}; SELECT pg_sleep(1.5); COMMIT")
            check(wait_until(5, lambda: activity("wait_event = 'PgSleep'")), f"{what}: the lock is held")
            threads.add(lambda: answers.append(waiting(method, path, body)))  # pylint: disable=cell-var-from-loop
            check(wait_until(5, lambda: activity("wait_event_type = 'Lock'")), f"{what}: waits for it")
            same(leaving("POST", "/logout").status, 200, f"{what}: its session is logged out meanwhile")
            threads.join()
        same(threads.errors, [], f"{what}: the test ran through")
        same([answer.status for answer in answers], [401], f"{what}: is not done then", answers)
        same([staying("GET", seen).body for seen in ("/profile", "/profile/data")], before, f"{what}: and has changed nothing")


def main():
    random.seed(5200)
    begun_before()
    race("healthy")
    race("flushed", flush)
    race("restarted", restart)
    race("stopped", hang)
    cut_off()
    check(wait_healthy(), "the cache answers again at the end")
    done()


def wait_healthy():
    for _ in range(50):
        try:
            if Client()("GET", "/health/ready").status == 200:
                return True
        except Lost:
            pass
        time.sleep(0.1)
    return False


main()
