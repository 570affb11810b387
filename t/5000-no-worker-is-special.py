#!/usr/bin/python3
"""P1: consecutive requests of one session are answered by different workers of different pools."""

import os
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Client, at_once, check, dev, done, login, new_user, nginx_reload, note, same, workers

REQUESTS, EACH, MOST = 1000, 4, 0.40


def ask(token, count):
    client = Client(token)
    replies = [client("GET", "/profile") for _ in range(count)]
    client.close()
    return replies


def judge(how, replies, name):
    by_worker = Counter(reply.headers["X-Mayfly-Worker"] for reply in replies)
    living = {f"{pool}/{pid}" for pool in ("a", "b") for pid in workers(pool)}

    same(Counter(reply.status for reply in replies), {200: REQUESTS}, f"{how}: all {REQUESTS} are answered with 200")
    check(all(reply.json()["username"] == name for reply in replies), f"{how}: each knows the session's user")
    same(set(by_worker), living, f"{how}: each of the {2 * EACH} workers answered some")
    same({os.sched_getscheduler(pid) for pool in ("a", "b") for pid in workers(pool)}, {os.SCHED_BATCH},
         f"{how}: none preempts nginx by waking up")
    check(max(by_worker.values()) <= MOST * REQUESTS, f"{how}: none answered more than {MOST:.0%}", by_worker)
    note(f"{how}: {', '.join(f'{worker} {count}' for worker, count in sorted(by_worker.items()))}")
    switches = sum(one.headers["X-Mayfly-Worker"] != next_.headers["X-Mayfly-Worker"]
                   for one, next_ in zip(replies, replies[1:]))
    return switches


def main():
    name = new_user("everywhere")
    token = login(name)
    # nginx names each pool twice, and a request that found no worker, in a test before, leaves it going b, b, a, a.
    nginx_reload()
    for pool in ("a", "b"):
        dev("scale", pool, EACH)
    try:
        switches = judge("one after the other", ask(token, REQUESTS), name)
        check(switches > REQUESTS / 2, "most requests are answered by another worker than the one before")
        note(f"{switches} of {REQUESTS - 1} requests went to another worker than the one before")
        parts = at_once(8, lambda _: ask(token, REQUESTS // 8))
        judge("eight at a time", [reply for part in parts for reply in part], name)
    finally:
        for pool in ("a", "b"):
            dev("scale", pool, 2)
    done()


main()
