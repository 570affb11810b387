#!/usr/bin/python3
"""Being replaced costs nobody anything. A worker whose time has come serves until its successor does; what it has in hand it answers; and
whatever happens to either of the two meanwhile, no request is lost and the pool has a worker again."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import files
from chaos import INST, SCRATCH, check, dev, done, fcgi_connect, fcgi_request, note, same, service_pid, settings, successors, wait_until, workers
from mayfly import signed_in

LEAVING_S = 15


def alone(pid):
    """The processes of a pool beside those that multiwatch knows: predecessors."""
    session = os.getsid(service_pid(f"pool-{pid}"))
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(entry.name)) == session and os.readlink(entry / "exe").startswith(str(INST / "bin/mayfly-worker")):
                found.add(int(entry.name))
    return found - workers(pid)


def ask(pool, times=1):
    """Straight to the pool, a connection for each: nginx would go to the other pool. The slowest."""
    slowest = 0
    for _ in range(times):
        began = time.monotonic()
        with fcgi_connect(pool) as connection:
            connection.sendall(fcgi_request("GET", "/health/live"))
            answer = connection.recv(65536)
        assert b'"live"' in answer, answer
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def respawned(pool):
    return (SCRATCH / "log" / f"pool-{pool}.log").read_text(errors="replace").count("died, respawn")


def stays_the_same():
    """multiwatch notices nothing: the process that it started is the successor's."""
    before, ended = workers("a"), respawned("a")
    ask_for("a", 4)
    same((workers("a"), respawned("a")), (before, ended), "a worker is replaced again and again under the same process id, for which multiwatch goes on waiting")
    check(wait_until(LEAVING_S, lambda: not alone("a")), "and those before them have ended", alone("a"))
    check(wait_until(5, lambda: ask("a") and not unburied(before)), "and are buried", unburied(before))


def unburied(parents):
    return [str(entry) for entry in Path("/proc").glob("[0-9]*") for parent in parents if f"(mayfly-worker) Z {parent} " in read(entry / "stat")]


def read(path):
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def next_successor(pool):
    """Asks until a worker has been replaced, whose predecessor has just begun to leave."""
    ask_for(pool, 1)


def ask_for(pool, wanted):
    """Asks until so many workers have been replaced."""
    taken, until = successors(pool), time.monotonic() + 30
    while successors(pool) < taken + wanted:
        if time.monotonic() > until:
            raise TimeoutError(f"no worker of {pool} is replaced")
        ask(pool, 5)


def serves_meanwhile():
    """A successor connects before it serves. With a database that hangs that takes as long as it may: nobody else waits for it."""
    postgres = service_pid("postgres")
    taken, slowest, asked = successors("a"), 0, 0
    dev("service", "signal", "postgres", "STOP")
    try:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            slowest = max(slowest, ask("a"))
            asked += 1
    finally:
        dev("service", "signal", "postgres", "CONT")
    check(postgres == service_pid("postgres") and asked > 300, "a pool of one worker, each of whose successors waits for a database that hangs", asked)
    note(f"{asked} requests, the slowest {slowest * 1e3:.0f} ms; {successors('a') - taken} successors")
    check(slowest < 1, "answers all the time", slowest)
    check(wait_until(10, lambda: ask("a") and successors("a") > taken), "and is replaced at last")


def in_hand():
    """What is in hand stays there: a download that has begun, and an upload that goes on."""
    _, client = signed_in()
    content = files.noise(6_000_000)
    url = files.post_raw(client, content).json()["url"]
    place = files.tus_create(client, len(content)).headers["location"]
    with files.half_patch(client, place, 0, len(content), content[:100_000]) as half:
        for pool in ("files-a", "files-b"):
            next_successor(pool)
            next_successor(pool)
        check(any(alone(pool) for pool in ("files-a", "files-b")), "a predecessor goes on with an upload")
        half.sendall(content[100_000:])
        status = half.recv(65536).split(b"\r\n")[0]
    check(status.startswith(b"HTTP/1.1 204"), "which ends as if nothing had been", status)
    same(client.get(url).body == content and client.get(place.replace("/uploads/", "/files/")).body == content, True, "every byte of both is there")
    check(wait_until(LEAVING_S, lambda: not alone("files-a") and not alone("files-b")), "then it ends")


def killed():
    """The one and the other, at any point between the fork and the end."""
    for victim in ("successor", "predecessor", "both"):
        for _ in range(6):
            next_successor("a")
            hit = (workers("a") if victim != "predecessor" else set()) | (alone("a") if victim != "successor" else set())
            for pid in hit:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            check_serves(f"the {victim} is killed")
    check(wait_until(LEAVING_S, lambda: not alone("a")), "no process is left over", alone("a"))


def check_serves(what):
    if not wait_until(10, lambda: len(workers("a")) == 1 and attempt()):
        check(False, f"{what}: the pool has a worker again")


def attempt():
    try:
        return ask("a") is not None
    except (AssertionError, OSError):
        return False


def told_to_leave():
    """A pool that ends takes predecessors along."""
    next_successor("a")
    dev("restart", "a")
    check(wait_until(5, lambda: not alone("a")) and attempt(), "a restart of the pool ends predecessors too")
    next_successor("a")
    old = workers("a")
    for pid in old:
        os.kill(pid, signal.SIGUSR2)
    check(wait_until(10, lambda: workers("a") and not old & workers("a")), "USR2 still ends a worker, and multiwatch starts another")
    check_serves("after USR2")


def main():
    for pool in ("a", "b"):
        dev("scale", pool, 1)
    try:
        with settings(worker_max_requests=100):
            stays_the_same()
            serves_meanwhile()
            in_hand()
            killed()
            check(attempt(), "whichever is killed, the pool has a worker again")
            told_to_leave()
    finally:
        for pool in ("a", "b"):
            dev("scale", pool, 2)
    done()


main()
