#!/usr/bin/python3
"""A thousand slow readers and a thousand slow writers cost a bounded memory each, and nobody beside them notices; one account can't
take all places, and what writers hold together is bounded too."""

import contextlib
import re
import socket
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST, at_once, psql, settings, wait_until, workers
from files import TUS, half_patch, noise, post_raw, tus_create, tus_offset
from mayfly import Client, check, done, note, same, signed_in, try_login

READERS = WRITERS = 1000
STREAM_KIB = 64  # as etc/mayfly.conf promises
POOLS = ("files-a", "files-b")
# A sanitizer keeps what is freed.
SANITIZED = b"__asan_init" in (INST / "bin/mayfly-worker").read_bytes()
TIMES = 15
BIG = 8_000_000


def private_kib():
    return {pid: sum(int(kib) for kib in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text()))
            for pid in workers(*POOLS)}


def pace(user, client, small):
    """Medians, in milliseconds, of what somebody does who comes by."""
    def timed(work):
        took = []
        for _ in range(TIMES):
            began = time.monotonic()
            answer = work()
            took.append((time.monotonic() - began) * 1000)
            if answer.status not in (200, 201):
                raise RuntimeError(f"somebody who comes by gets {answer}")
        return round(statistics.median(took), 1)

    return {"log-in": timed(lambda: try_login(user.username)), "download": timed(lambda: client.get(small)),
            "upload": timed(lambda: post_raw(client, b"x", "x.txt"))}


def judge(alone, beside, promise):
    """Twice as long at most. What is shorter than 25 ms tells more of the machine than of us."""
    note(f"{promise}: {beside}, alone {alone}")
    check(all(beside[name] <= 2 * max(alone[name], 25) for name in alone), promise, beside, alone)


class Crowd(threading.Thread):
    """Sockets of which each is sipped from, or sent a byte to, once in some seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.readers, self.writers, self.over, self.cut = [], [], threading.Event(), Counter()
        self.start()

    def run(self):
        while not self.over.wait(2):
            for kind, sockets in (("reader", list(self.readers)), ("writer", list(self.writers))):
                for one in sockets:
                    try:
                        if kind == "writer":
                            one.sendall(b"y")
                        elif not one.recv(512, socket.MSG_DONTWAIT):
                            self.cut[kind] += 1
                    except BlockingIOError:
                        pass
                    except OSError:
                        self.cut[kind] += 1
                    if self.over.wait(0.0005):
                        return

    def end(self):
        self.over.set()
        self.join()
        for one in self.readers + self.writers:
            one.close()


def reader(client, path):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(30)
    one.connect((client.host, client.port))
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return one


def writer(client, url, length=100_000):
    one = socket.create_connection((client.host, client.port), timeout=30)
    one.sendall(f"PATCH {url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nTus-Resumable: 1.0.0\r\n"
                "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
                f"Content-Length: {length}\r\n\r\nx".encode())
    return one


def thousands():
    passer_by, client = signed_in()
    small = post_raw(client, b"hello", "small.txt").json()["url"]
    _, owner = signed_in()
    big = post_raw(owner, noise(BIG), "big.bin").json()["url"]
    link = owner.post(f"{big}/link", json={}).json()["url"]
    link = link[link.index("/shared/"):]
    pace(passer_by, client, small)
    alone, before = pace(passer_by, client, small), private_kib()
    crowd = Crowd()
    try:
        for number in range(READERS):
            crowd.readers.append(reader(client, link))
            if number % 10 == 9:
                time.sleep(0.02)
        check(wait_until(60, lambda: quiet(crowd)), f"{READERS} slow readers are sent what they take, and no more is fetched")
        judge(alone, pace(passer_by, client, small), f"beside {READERS} slow readers")
        with_readers = private_kib()
        most = (sum(with_readers.values()) - sum(before.values())) / READERS
        check(set(with_readers) == set(before) and (most <= STREAM_KIB or SANITIZED), f"a slow reader costs {STREAM_KIB} KiB of memory at most",
              f"{most:.0f} KiB", before, with_readers)
        note(f"a reader: {most:.1f} KiB")

        urls = [answer.headers["Location"] for answer in at_once(WRITERS, lambda _: tus_create(Client(owner.token), 100_000))]
        for number, url in enumerate(urls):
            crowd.writers.append(writer(owner, url))
            if number % 10 == 9:
                time.sleep(0.02)
        time.sleep(3)
        judge(alone, pace(passer_by, client, small), f"and {WRITERS} slow writers")
        with_both = private_kib()
        most = (sum(with_both.values()) - sum(with_readers.values())) / WRITERS
        check(set(with_both) == set(before) and (most <= STREAM_KIB or SANITIZED), f"a slow writer costs {STREAM_KIB} KiB of memory at most",
              f"{most:.0f} KiB", with_readers, with_both)
        note(f"a writer: {most:.1f} KiB")
        same(dict(crowd.cut), {}, "none of them was cut off")
    finally:
        crowd.end()
    check(wait_until(60, lambda: all((tus_offset(owner, url) or 0) >= 1 for url in urls[::50])),
          "and what each writer has sent is kept when it leaves", [tus_offset(owner, url) for url in urls[::50]])


def quiet(crowd):
    """Whether nginx holds for all readers what it may. Until then workers fetch for it as fast as they can; what the readers sip
    is a fifth of a megabyte a second."""
    first = fetched()
    time.sleep(2)
    return not crowd.over.is_set() and fetched() - first < 4_000_000


def fetched():
    """Bytes of pages that PostgreSQL has looked at; backends tell it once in a second."""
    return 8192 * int(psql("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"))


def account_share():
    """Of 64 places in each worker an account has 16."""
    _, greedy = signed_in()
    _, other = signed_in()
    with settings(worker_streams_max=64):
        urls = [tus_create(greedy, 100_000).headers["Location"] for _ in range(60)]
        held = [writer(greedy, url) for url in urls]
        time.sleep(1)
        statuses = Counter()
        for one in held:
            one.settimeout(0.01)
            try:
                statuses[one.recv(12)[9:].decode()] += 1
            except socket.timeout:
                statuses["held"] += 1
        same(dict(statuses), {"held": 32, "429": 28}, "of 60 writers of one account two workers of 64 places hold a quarter")
        same(tus_create(other, 5, b"12345").status, 201, "somebody else's upload is taken")
        for one in held:
            one.close()


def memory_together():
    """Beyond worker_stream_bytes the largest that waits is stored, and goes on when its client comes again."""
    _, client = signed_in()
    sent = 200_000
    with settings(worker_stream_bytes=1_048_576):
        urls = [tus_create(client, 1_000_000).headers["Location"] for _ in range(24)]
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(half_patch(client, url, 0, 1_000_000, noise(sent))) for url in urls]

            def ended(one):
                one.setblocking(False)
                try:
                    return one.recv(12, socket.MSG_PEEK) is not None
                except BlockingIOError:
                    return False

            check(wait_until(10, lambda: 8 <= sum(map(ended, held)) < 24), "some are let go, and some are not", list(map(ended, held)))
            gone = [url for one, url in zip(held, urls) if ended(one)]
            offsets = [tus_offset(client, url) for url in gone]
            check(all(sent / 2 < offset <= sent for offset in offsets), "of those that are, what had come is kept", offsets)
        answer = client.patch(gone[0], body=noise(1_000_000)[offsets[0]:], headers={
            **TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offsets[0])})
        same((answer.status, client.get(gone[0].replace("/uploads/", "/files/")).body == noise(1_000_000)), (204, True),
             "and the upload is finished from there")


def main():
    thousands()
    account_share()
    memory_together()
    done()


main()
