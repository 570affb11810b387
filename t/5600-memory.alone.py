#!/usr/bin/python3
"""Workers stay small: memory does not grow over 200,000 requests, little of it is private, and they start with nothing to do."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (INST, PASSWORD, SCRATCH, Client, Threads, check, done, fcgi_request, flush_cache, login, new_user, note, same,
                   settings, worker_size, workers)
from files import forget_others

FIRST, LAST = 20_000, 200_000
GROWTH_KIB = 256  # what an allocator may still take
PRIVATE_KIB = 4096
OTHER_WORK = 4  # times 1,300 requests
OTHER_GROWTH_KIB = 64
SETTLING = 6
STARTS = 20
MOST_START = 1.25  # times what loading the program takes: it is 0.9 to 1, and with a connection to PostgreSQL 1.5 to 1.6


def load_by_wrk(token, count):
    """Until about so many were served. Answers how many, and how many of them not by 200."""
    served = failed = 0
    url = f"http://127.0.0.1:{(SCRATCH / 'port').read_text().strip()}/profile"
    while served < count:
        ran = subprocess.run(["wrk", "-t1", "-c16", "-d1s", "-H", f"Authorization: Bearer {token}", url], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        served += int(re.search(r"(\d+) requests in", ran)[1])
        errors = re.search(r"Non-2xx or 3xx responses: (\d+)", ran)
        failed += int(errors[1]) if errors else 0
    return served, failed


def load_by_pipeline(token, count):
    """As load_by_wrk, by sending many requests ahead."""
    ahead, port = 100, int((SCRATCH / "port").read_text())
    request = f"GET /profile HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode() * ahead
    totals = []

    def client():
        served = failed = 0
        with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
            while served < count // 4:
                connection.sendall(request)
                for _ in range(ahead):
                    failed += answers.readline().split()[1] != b"200"
                    length = 0
                    while (line := answers.readline().strip()):
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    answers.read(length)
                served += ahead
        totals.append((served, failed))

    with Threads() as threads:
        for _ in range(4):
            threads.add(client)
    assert not threads.errors, threads.errors
    return tuple(sum(column) for column in zip(*totals))


def other_work(name):
    """Some of everything: documents of many sizes, pages, refusals, sessions that are not in the cache, log-ins and -outs."""
    client, stranger, coming = Client(login(name)), Client("mfs_nobody"), Client()
    for index in range(200):
        client("PATCH", "/profile/data", {"member": "x" * (index * 100)})
        client("PUT", "/session/data", {"member": index})
        client("GET", "/sessions")
        client("GET", "/account")
        client("GET", "/nothing")
        stranger("GET", "/profile")
        if index % 5 == 0:
            coming.token = None
            coming.token = coming("POST", "/login", {"username": name, "password": PASSWORD}).json()["token"]
            coming("POST", "/logout")
            flush_cache()


def growth(before, after):
    """Resident KiB that each of the same workers has taken meanwhile."""
    return {pid: after[pid][0] - before[pid][0] for pid in before}


def sizes(*pools):
    return {pid: worker_size(pid) for pid in sorted(workers(*pools))}


def settled(name):
    """
    The sizes of workers that have taken each path: which of them gets which request is chance, and the first time maps some pages
    of the program. What leaks never settles, and is found by the rounds that follow.
    """
    before = sizes()
    for _ in range(SETTLING):
        other_work(name)
        now = sizes()
        still = max(growth(before, now).values()) <= OTHER_GROWTH_KIB / OTHER_WORK
        before = now
        if still:
            break
    return before


def first_answer_ms():
    """From exec to the first answer of one worker of our own."""
    path = SCRATCH / "tmp" / f"first-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(path))
        listener.listen()
        client.connect(str(path))
        client.sendall(fcgi_request())
        began = time.monotonic()
        worker = subprocess.Popen([INST / "bin" / "mayfly-worker", "-c", SCRATCH / "etc" / "mayfly.conf", "--pool", "own"],
                                  stdin=listener, stderr=subprocess.DEVNULL)
        client.settimeout(10)
        received = client.recv(65536)
        took = (time.monotonic() - began) * 1000
        worker.terminate()
        worker.wait()
    path.unlink(missing_ok=True)
    assert b"Status: 200" in received, received
    return took


def load_ms():
    """How long the program takes to be loaded, and to do nothing."""
    began = time.monotonic()
    subprocess.run([INST / "bin" / "mayfly-worker", "--version"], stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - began) * 1000


def main():
    forget_others()
    load = load_by_wrk if shutil.which("wrk") else load_by_pipeline
    name = new_user("heavy")
    token = login(name)
    with settings(worker_max_requests=0, worker_max_age_s=0):
        began = time.monotonic()
        pids = workers()
        # Each path has been taken before memory is looked at.
        other_work(name)
        served, failed = load(token, FIRST)
        early = sizes("a", "b")
        more, failed_more = load(token, LAST - served)
        served += more
        late = sizes("a", "b")
        note(f"{served} requests by {load.__name__} in {time.monotonic() - began:.1f} s; RSS and private KiB of each worker: "
             f"early {list(early.values())}, late {list(late.values())}")
        before = settled(name)  # finds room between what the load before has left
        for _ in range(OTHER_WORK):
            other_work(name)
        after = sizes()
        note(f"other work: RSS and private KiB of each worker: before {list(before.values())}, after {list(after.values())}")
        same(failed + failed_more, 0, f"more than {LAST} requests are all answered with 200")
        same(workers(), pids, "by the same workers")
        check(max(growth(early, late).values()) <= GROWTH_KIB,
              f"resident memory does not grow from {FIRST} to {LAST} requests ({GROWTH_KIB} KiB allowed)", growth(early, late))
        check(max(growth(before, after).values()) <= OTHER_GROWTH_KIB,
              f"nor by changes, pages, refusals, misses and log-ins ({OTHER_GROWTH_KIB} KiB allowed)", growth(before, after))
        check(max(private for _, private in late.values()) < PRIVATE_KIB, "each has less than 4 MB of private memory", late)
        same([pid for pid in pids if "libcurl" in Path(f"/proc/{pid}/maps").read_text()], [],
             "none has loaded libcurl: the files are in PostgreSQL")
    pairs = [(first_answer_ms(), load_ms()) for _ in range(STARTS)]
    times, loads = map(sorted, zip(*pairs))
    note(f"exec to first answer: median {times[STARTS // 2]:.1f} ms, fastest {times[0]:.1f} ms, slowest {times[-1]:.1f} ms; "
         f"loading the program: median {loads[STARTS // 2]:.1f} ms, fastest {loads[0]:.1f} ms")
    check(times[0] < 10, "a worker can give its first answer within 10 ms of exec")
    check(times[0] < MOST_START * loads[0], "a worker does nothing before its first answer that can wait", times[0], loads[0])
    done()


main()
