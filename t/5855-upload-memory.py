#!/usr/bin/python3
"""
What uploads hold in a worker while the object storage is slow is bounded: a body that can't be left half way waits for its memory
where it is, with nginx, and is taken later. No account takes all of it.
"""

import contextlib
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from chaos import INST, wait_until, worker_size, workers
from files import half_patch, half_sent, noise, post_raw, tus_create
from mayfly import Client, check, dev, done, note, psql, same, settings, signed_in

MIB = 1024 * 1024
PART = 5 * MIB
BODY = noise(6 * MIB, 1)  # a full part and some more
BUDGET = 32 * MIB
PATIENCE_S = 20  # bin/turns.c
POOLS = ("files-a", "files-b")
SLACK = 8 * MIB  # of each worker: buffers of connections, coroutines, what the allocator keeps
SANITIZED = b"__asan_init" in (INST / "bin/mayfly-worker").read_bytes()


@contextlib.contextmanager
def silent():
    """The storage takes connections, as its kernel does, and says nothing."""
    dev("service", "signal", "radosgw", "STOP")
    try:
        yield
    finally:
        dev("service", "signal", "radosgw", "CONT")


def private():
    return {pid: worker_size(pid)[1] * 1024 for pid in workers(*POOLS)}


def most_growth(before, seconds):
    """Of one worker, looked at for so long; and of all."""
    single = together = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = private()
        single = max([single, *(now[pid] - size for pid, size in before.items() if pid in now)])
        together = max(together, sum(now.values()) - sum(before.values()))
        time.sleep(0.05)
    check(set(before) == workers(*POOLS), "by the same workers")
    return single, together


class Requests:
    """Made at the same time, each by a thread of its own."""

    def __init__(self, asks):
        self.answers = [None] * len(asks)
        self.threads = [threading.Thread(target=self.one, args=(index, ask), daemon=True) for index, ask in enumerate(asks)]
        for thread in self.threads:
            thread.start()

    def one(self, index, ask):
        try:
            self.answers[index] = ask()
        except OSError as failure:
            self.answers[index] = failure

    def statuses(self):
        return [getattr(answer, "status", answer) for answer in self.answers]

    def join(self):
        for thread in self.threads:
            thread.join()
        return self.statuses()


def post(client, name):
    return lambda: post_raw(Client(client.token, timeout=90), BODY, name, Idempotency_Key=name)


def settle():
    """Workers have what they always have."""
    same(post_raw(someone, BODY, "first").status, 201, "a file is stored")
    time.sleep(0.3)
    return private()


def crowd():
    before = settle()
    with silent():
        made = Requests([post(people[index % len(people)], f"crowd-{index}") for index in range(24)])
        single, _ = most_growth(before, 4)
        same(set(made.statuses()), {None}, "all 24 wait")
        began = time.monotonic()
        same(someone.get(here).body, b"here", "somebody gets another file meanwhile")
        check(time.monotonic() - began < 2, "and does not wait", time.monotonic() - began)
    note(f"24 uploads of {len(BODY)} bytes: a worker grows by {single / MIB:.1f} MiB")
    check(single <= BUDGET / 2 + SLACK or SANITIZED, "uploads that wait for the storage hold half of worker_stream_bytes at most", single)
    same(made.join(), [201] * 24, "and each of them is stored when it answers again")
    check(all(people[index % len(people)].get(made.answers[index].json()["url"]).body == BODY for index in (0, 11, 23)), "with its bytes")


def one_account():
    before = settle()
    with silent():
        made = Requests([post(people[0], f"greedy-{index}") for index in range(12)])
        single, _ = most_growth(before, 3)
        other = Requests([post(people[1], f"other-{index}") for index in range(2)])
        with_other, _ = most_growth(before, 2)
    note(f"12 uploads of one account: a worker grows by {single / MIB:.1f} MiB, with two of another account by {with_other / MIB:.1f}")
    check(single <= BUDGET / 8 + PART + SLACK / 4 or SANITIZED, "one account has a quarter of that at most, or one upload", single)
    same((made.join(), other.join()), ([201] * 12, [201] * 2), "all of them are stored")


def pending(name):
    return int(psql(f"SELECT count(*) FROM mayfly.file WHERE name LIKE '{name}%' AND state = 'pending'"))


def patience():
    with silent():
        made = Requests([post(people[0], f"patient-{index}") for index in range(6)])
        # One that goes away while it is in the line.
        with half_sent(people[0], "POST", "/upload?name=patient-gone", len(BODY), BODY):
            check(wait_until(10, lambda: pending("patient-gone") == 1), "one more has come")
        check(wait_until(10, lambda: pending("patient-gone") == 0), "one that leaves the line leaves nothing")
        began = time.monotonic()
        check(wait_until(PATIENCE_S + 5, lambda: made.statuses().count(503) == 4), "who waits for memory for too long is 503",
              made.statuses())
        note(f"after {time.monotonic() - began:.0f} s")
    refused = [answer for answer in (made.join() and made.answers) if answer.status == 503]
    same(sorted(made.statuses()), [201] * 2 + [503] * 4, "who had memory is stored")
    check(all(answer.stated_503() for answer in refused), "with Retry-After", *refused)
    same(pending("patient"), 0, "what was refused has left nothing")
    again = Requests([post(people[0], f"patient-{index}") for index in range(6)])
    same(again.join(), [201] * 6, "sent again, each is a file")
    names = psql("SELECT name FROM mayfly.file WHERE name LIKE 'patient%' AND state = 'committed' ORDER BY name").split()
    same(names, [f"patient-{index}" for index in range(6)], "and one only")


def nearly_done():
    """Resumable uploads whose bodies are over are not let go any more, though they hold the most: they have only to be told what they are."""
    size = 260_000
    for _ in range(3):
        before = workers(*POOLS)
        urls = [tus_create(people[index % 8], size).headers["Location"] for index in range(6)]
        beside = [tus_create(people[index % 8], size).headers["Location"] for index in range(16)]
        with contextlib.ExitStack() as stack:
            whole = [stack.enter_context(half_patch(people[index % 8], url, 0, size, BODY[:size - 1])) for index, url in enumerate(urls)]
            time.sleep(0.2)
            for one in whole:
                one.sendall(BODY[size - 1:size])
            for index, url in enumerate(beside):
                stack.enter_context(half_patch(people[index % 8], url, 0, size, BODY[:120_000]))
            # One whose last byte nginx still has is let go.
            statuses = [one.recv(12)[9:] for one in whole]
            check(set(statuses) <= {b"204", b"503"} and b"204" in statuses, "uploads that are nearly done are finished beside many that wait",
                  statuses)
        same(workers(*POOLS), before, "by workers that live on")


s3.start()
with settings(objects="postgres"):
    _, someone = signed_in()
    here = post_raw(someone, b"here", "here").json()["url"]
people = [signed_in()[1] for _ in range(8)]
with settings(objects="s3", s3_part_bytes=PART, worker_stream_bytes=BUDGET, s3_accel="no", sweep_every_s=0, upload_lease_ms=3000,
              s3_timeout_ms=60000, s3_stall_s=60):
    crowd()
    one_account()
with settings(objects="s3", s3_part_bytes=PART, worker_stream_bytes=BUDGET, s3_accel="no", sweep_every_s=0, s3_timeout_ms=60000,
              s3_stall_s=60):
    patience()
with settings(objects="postgres", worker_stream_bytes=1_048_576, sweep_every_s=0):
    nearly_done()
done()
