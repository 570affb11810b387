#!/usr/bin/python3
"""
P4 beside a cache node that hangs: it has a copy of the session, it may go on at any time, and it may serve a reader before it reads
that the session has ended. So whoever ends a session is answered when the node has been told, or when its copies are too old.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST, SCRATCH, Client, Threads, check, dev, done, login, new_user, note, same, wait_until, workers
from mayfly import settings

HUNG_S = 1  # several tries of the tombstone, and much less than cache_fresh_s
COUNT = 6
ROUNDS = 20  # of readers after each log-out


class Leaving:
    """Sessions whose copies are cached, and what is answered when they end."""

    def __init__(self):
        self.name = new_user("leaving")
        self.clients = [Client(login(self.name)) for _ in range(COUNT)]
        self.answers = []
        same({client("GET", "/profile").status for _ in range(8) for client in self.clients}, {200}, "the sessions are live and cached")

    def begin(self, threads):
        for client in self.clients:
            threads.add(lambda client=client: self.answers.append(Client(client.token, keep=False)("POST", "/logout")))

    def read(self):
        return {client("GET", "/profile").status for _ in range(ROUNDS) for client in self.clients}


def hang(what, patience, during=None):
    """Log-outs while the node hangs: the answers that came before it went on, all of them, and when it went on."""
    leaving, other = Leaving(), Client(login(new_user("other")))
    dev("service", "signal", "memcached", "STOP")
    try:
        with Threads() as threads:
            began = time.monotonic()
            leaving.begin(threads)
            until = began + patience
            seen = set()
            while time.monotonic() < until and len(leaving.answers) < COUNT:
                seen.add(other("GET", "/profile").status)
                if during is not None and time.monotonic() > began + HUNG_S / 2:
                    during()
                    during = None
            early = list(leaving.answers)
            if len(early) < COUNT:
                dev("service", "signal", "memcached", "CONT")
            threads.join()
    finally:
        dev("service", "signal", "memcached", "CONT")
    same(leaving.read(), {401}, f"{what}: nobody is let in after the answer")
    same(threads.errors, [], f"{what}: the test ran through")
    same([answer.status for answer in leaving.answers], [200] * COUNT, f"{what}: all log-outs are answered")
    same(seen, {200}, f"{what}: others are served meanwhile")
    return early, [answer.ended - began for answer in leaving.answers]


def kill_workers():
    for pid in workers("a", "b"):
        os.kill(pid, signal.SIGKILL)


def ctl(*words):
    return subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True, check=False)


def operator():
    leaving, ran = Leaving(), []
    dev("service", "signal", "memcached", "STOP")
    try:
        with Threads() as threads:
            threads.add(lambda: ran.append(ctl("user", "disable", leaving.name)))
            time.sleep(HUNG_S)
            early = list(ran)
            dev("service", "signal", "memcached", "CONT")
            threads.join()
    finally:
        dev("service", "signal", "memcached", "CONT")
    same(leaving.read(), {401}, "mayflyctl user disable: nobody is let in after it has ended")
    same(early, [], "mayflyctl user disable: waits for the node")
    same([(one.returncode, "warning" in one.stderr) for one in ran], [(0, False)], "mayflyctl user disable: and has no warning", ran)


early, took = hang("a node hangs", HUNG_S)
same(len(early), 0, "a node hangs: no log-out is answered before the node has been told")
early, took = hang("workers are killed meanwhile", 2 * HUNG_S, kill_workers)
same(len(early), 0, "workers are killed meanwhile: nor does another worker answer before that")
operator()
with settings(cache_fresh_s=1):
    early, took = hang("a node hangs for longer", 30)
    same(len(early), COUNT, "a node hangs for longer: log-outs are answered when its copies are too old to be trusted")
    check(min(took) >= 1, "a node hangs for longer: not before", took)
    note(f"a node hangs for longer: answered after {min(took):.2f} to {max(took):.2f} s")
    check(wait_until(10, lambda: Client()("GET", "/health/ready").status == 200), "the cache answers again at the end")
done()
