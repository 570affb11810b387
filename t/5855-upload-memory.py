#!/usr/bin/python3
"""
What uploads hold in a worker while the object storage is slow is bounded: a body that can't be left half way waits for its memory
where it is, with nginx, and is taken later. No account takes all of it.
"""

import contextlib
import re
import select
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from chaos import INST, STDIN, Session, fcgi_connect, fcgi_record, fcgi_request, wait_until, worker_size, workers
from files import half_patch, half_sent, noise, post_raw, tus_create
from mayfly import Client, check, done, note, psql, same, settings, signed_in

MIB = 1024 * 1024
PART = 5 * MIB
BODY = noise(6 * MIB, 1)  # a full part and some more
BUDGET = 32 * MIB
POOLS = ("files-a", "files-b")
SLACK = 8 * MIB  # of each worker: buffers of connections, coroutines, what the allocator keeps
SANITIZED = b"__asan_init" in (INST / "bin/mayfly-worker").read_bytes()


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
    with s3.silent():
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


def pending(name):
    return int(psql(f"SELECT count(*) FROM mayfly.file WHERE name LIKE '{name}%' AND state = 'pending'"))


def one_account():
    before = settle()
    with s3.silent():
        made = Requests([post(people[0], f"greedy-{index}") for index in range(12)])
        single, _ = most_growth(before, 3)
        other = Requests([post(people[1], f"other-{index}") for index in range(2)])
        with_other, _ = most_growth(before, 2)
        with half_sent(people[0], "POST", "/upload?name=greedy-gone", len(BODY), BODY):
            check(wait_until(10, lambda: pending("greedy-gone") == 1), "one more has come")
        check(wait_until(10, lambda: pending("greedy-gone") == 0), "one that leaves the line leaves nothing")
    note(f"12 uploads of one account: a worker grows by {single / MIB:.1f} MiB, with two of another account by {with_other / MIB:.1f}")
    check(single <= BUDGET / 8 + PART + SLACK / 4 or SANITIZED, "one account has a quarter of that at most, or one upload", single)
    same((made.join(), other.join()), ([201] * 12, [201] * 2), "all of them are stored")


def until_stored(ask):
    """As clients do that are told when to come again."""
    def asked():
        while (answer := ask()).status == 503:
            time.sleep(0.2)
        return answer
    return asked


def patience():
    """nginx sends to each pool in turn, so both workers have some of the six, and each has memory for one of them."""
    asks = [post(people[0], f"patient-{index}") for index in range(6)]
    with s3.silent():
        made = Requests(asks)
        check(wait_until(60, lambda: made.statuses().count(503) == 4), "who waits for memory for too long is 503", made.statuses())
    same(sorted(made.join()), [201] * 2 + [503] * 4, "who had memory is stored")
    refused = [answer for answer in made.answers if answer.status == 503]
    check(all(answer.stated_503() for answer in refused), "with Retry-After", *refused)
    same(pending("patient"), 0, "what was refused has left nothing")
    same(Requests([until_stored(ask) for ask in asks]).join(), [201] * 6, "sent again, each is a file")
    names = psql("SELECT name FROM mayfly.file WHERE name LIKE 'patient%' AND state = 'committed' ORDER BY name").split()
    same(names, [f"patient-{index}" for index in range(6)], "and one only")


class Sender:
    """POST /upload by nginx, as far as it is told to."""

    CONTENT = BODY[:390_000]  # more than a block, so that it has a row; two of these are all that bodies may reserve

    def __init__(self, client, name):
        self.name = name
        self.connection = fcgi_connect("files-a")
        self.connection.sendall(fcgi_request("POST", "/upload", length=len(self.CONTENT), QUERY_STRING=f"name={name}", MAYFLY_STREAM="1",
                                             CONTENT_TYPE="application/octet-stream", HTTP_AUTHORIZATION=f"Bearer {client.token}")
                                .removesuffix(fcgi_record(STDIN)))
        check(wait_until(10, lambda: pending(name) == 1), f"{name} has come")

    def send(self):
        for at in range(0, len(self.CONTENT), 32768):
            self.connection.sendall(fcgi_record(STDIN, self.CONTENT[at:at + 32768]))
        self.connection.sendall(fcgi_record(STDIN))

    def is_answered(self):
        return bool(select.select([self.connection], [], [], 0)[0])

    def status(self):
        """None: the connection ends without an answer."""
        came = b""
        with self.connection, contextlib.suppress(ConnectionResetError):
            while chunk := self.connection.recv(65536):
                came += chunk
        found = re.search(rb"Status: (\d+)", came)
        return int(found[1]) if found else None


def refused_one_after_the_other():
    """While one refusal waits for a lock the next of the line is refused, and those who have memory go on."""
    before = workers(*POOLS)
    holders = [Sender(people[0], "holds-0"), Sender(people[1], "holds-1")]
    with Session() as other:
        first = Sender(people[0], "line-0")
        same(len(other.ask("BEGIN; SELECT id FROM mayfly.file WHERE name = 'line-0' FOR UPDATE")), 1, "its row is locked")
        second = Sender(people[1], "line-1")
        check(wait_until(20, second.is_answered) and not first.is_answered(), "the next is refused meanwhile")
        same(second.status(), 503, "with 503")
        for holder in holders:
            holder.send()
        same([holder.status() for holder in holders], [201, 201], "who has memory goes on")
    same(first.status(), 503, "when the lock is gone the first is refused too")
    same((pending("line"), workers(*POOLS)), (0, before), "nothing is left, and no worker has died")


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
              s3_stall_s=60, worker_stream_patience_ms=3000):
    patience()
with settings(objects="postgres", worker_stream_bytes=1_572_864, sweep_every_s=0, worker_stream_patience_ms=2000):
    refused_one_after_the_other()
with settings(objects="postgres", worker_stream_bytes=1_048_576, sweep_every_s=0):
    nearly_done()
done()
