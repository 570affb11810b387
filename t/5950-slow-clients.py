#!/usr/bin/python3
"""Clients that read or write 1 kB/s delay no other, though each pool for files has one worker; transfers without progress are cut."""

import os
import select
import signal
import socket
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Threads, fcgi_connect, fcgi_request, nginx_limits, wait_until, workers
from files import half_patch, half_sent, noise, post_raw, tus_create, tus_offset
from mayfly import check, done, new_user, note, same, settings, signed_in, try_login

RATE = 1000  # bytes a second, as over a bad line
WRITERS = 50
LOGINS = 40
# Nothing but the work of the slow ones themselves may be added: some bytes a second each. Twice the median and 50 ms are
# what a machine that does other things as well makes of that; being held up would be seconds.
SLOWER, SLACK_S = 2, 0.05
STALL_MS = 3000
GREEDY, ALLOWED = 140, 64  # by nginx; without that it would be more than both workers have room for
BIG = noise(20_000_000)

client = signed_in()[1]


def pace(path_client, paths):
    """Median and longest time of log-ins, and of small requests to the same workers."""
    took, somebody = [], new_user()  # whose old sessions end as new ones come
    for number in range(LOGINS):
        began = time.monotonic()
        if number % 2 == 0:
            answer = try_login(somebody.username)
        else:
            answer = path_client.get(paths[number // 2 % len(paths)])
        took.append(time.monotonic() - began)
        if answer.status != 200:
            raise RuntimeError(answer)
    return statistics.median(took), max(took)


def dribble(connection, content, threads):
    """Sends what remains at RATE, until it is over."""
    step = RATE // 10
    for at in range(0, len(content), step):
        if threads.over.is_set():
            return
        connection.sendall(content[at:at + step])
        time.sleep(0.1)


def sip(connection, threads, received, step=RATE // 10):
    """Reads step bytes ten times a second."""
    while not threads.over.is_set():
        ready, _, _ = select.select([connection], [], [], 0.1)
        if ready:
            chunk = connection.recv(step)
            received.append(len(chunk))
            if not chunk:
                return
        time.sleep(0.1)


def slow_reader(url):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel would take it all at once
    connection.connect((client.host, client.port))
    connection.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n\r\n".encode())
    return connection


def drain(connection):
    """How many bytes come until the end."""
    total = 0
    connection.settimeout(20)
    with connection:
        try:
            while total < len(BIG) and (chunk := connection.recv(1 << 20)):
                total += len(chunk)
        except ConnectionResetError:
            pass
    return total


def judge(alone, beside, promise):
    note(f"{promise}: median {beside[0] * 1000:.1f} ms, longest {beside[1] * 1000:.1f} ms; alone {alone[0] * 1000:.1f} and "
         f"{alone[1] * 1000:.1f} ms; ratio {beside[0] / alone[0]:.2f}")
    check(beside[0] <= alone[0] * SLOWER + SLACK_S and beside[1] <= alone[1] + 1, promise, alone, beside)


def new_upload(length=50_000_000):
    answer = tus_create(client, length)
    assert answer.status == 201, answer
    return answer.headers["Location"]


def main():
    big = post_raw(client, BIG, "big").json()["url"]
    small = post_raw(client, noise(300_000), "small").json()["url"]
    paths = ["/files", small]
    alone = pace(client, paths)

    with Threads() as threads:
        uploads = [new_upload() for _ in range(3)]
        slow = [half_patch(client, uploads[0], 0, 50_000_000, b"x"),
                half_sent(client, "POST", "/upload", 50_000_000, b"x", {"Content-Type": "application/octet-stream"}),
                half_sent(client, "POST", "/login", 100_000, b"{", {"Content-Type": "application/json"})]
        sockets = [one.__enter__() for one in slow]
        for connection in sockets:
            threads.add(dribble, connection, b" " * 200_000, threads)
        received = []
        reader = slow_reader(big)
        threads.add(sip, reader, threads, received)
        time.sleep(1)
        judge(alone, pace(client, paths), "a slow reader and slow writers of each kind hold nobody up")
        time.sleep(5)  # what came is stored from time to time, so that a kill costs little
        check(1000 <= (tus_offset(client, uploads[0]) or 0) <= 20_000, "what a slow writer has sent is kept while it goes on",
              tus_offset(client, uploads[0]))
        check(1000 <= sum(received) < 100_000, "the slow reader gets its bytes, slowly", sum(received))
        threads.over.set()
        threads.join()
        for one in slow:
            one.__exit__(None, None, None)
        reader.close()
    same(threads.errors, [], "nobody slow was cut off")

    with Threads() as threads:
        uploads = [new_upload() for _ in range(WRITERS)]
        slow = [half_patch(client, url, 0, 50_000_000, b"x") for url in uploads]
        sockets = [one.__enter__() for one in slow]
        for connection in sockets:
            threads.add(dribble, connection, b"y" * 100_000, threads)
        time.sleep(1)
        judge(alone, pace(client, paths), f"{WRITERS} slow writers hold nobody up")
        threads.over.set()
        threads.join()
        for one in slow:
            one.__exit__(None, None, None)
    same(threads.errors, [], f"none of the {WRITERS} was cut off")
    check(wait_until(10, lambda: all((tus_offset(client, url) or 0) > 100 for url in uploads)),
          "and what each has sent is kept when it breaks off", [tus_offset(client, url) for url in uploads])

    readers = [slow_reader(big) for _ in range(WRITERS)]
    time.sleep(1)
    judge(alone, pace(client, paths), f"{WRITERS} readers that take nothing hold nobody up")
    for worker in workers("files-a", "files-b"):
        os.kill(worker, signal.SIGUSR2)
    time.sleep(0.5)
    judge(alone, pace(client, paths), "nor while workers that are to end let them finish")
    for reader in readers:
        reader.close()

    with nginx_limits():
        readers = [slow_reader(big) for _ in range(GREEDY)]
        statuses = Counter(reader.recv(12)[9:] for reader in readers)
        same(statuses, {b"200": ALLOWED, b"429": GREEDY - ALLOWED}, f"of {GREEDY} downloads at once one address gets {ALLOWED}")
        judge(alone, pace(signed_in()[1], ["/profile"]), "and whoever takes all of them holds nobody up")
        for reader in readers:
            reader.close()

    with settings(stream_timeout_ms=STALL_MS):
        url = new_upload(1_000_000)
        with half_patch(client, url, 0, 1_000_000, noise(500_000)) as stalled, \
                half_patch(client, new_upload(), 0, 50_000_000, b"x") as moving, Threads() as threads:
            threads.add(dribble, moving, b"z" * 100_000, threads)
            began = time.monotonic()
            stalled.settimeout(STALL_MS / 1000 * 3 + 5)
            stalled.recv(65536)
            took = time.monotonic() - began
            check(STALL_MS / 1000 * 0.9 <= took <= STALL_MS / 1000 + 3, "an upload that stands still is cut after stream_timeout_ms",
                  took)
            check(wait_until(5, lambda: tus_offset(client, url) == 500_000), "and has what it had sent", tus_offset(client, url))
            time.sleep(STALL_MS / 1000)
            threads.over.set()
        same(threads.errors, [], "one that goes on slowly is not cut")
        # Without nginx, whose own buffers hide for long that somebody reads.
        idle, slow, received = slow_reader(big), fcgi_connect("files-a"), []
        slow.sendall(fcgi_request("GET", big, HTTP_AUTHORIZATION=f"Bearer {client.token}", MAYFLY_STREAM="1"))
        with Threads() as threads:
            threads.add(sip, slow, threads, received, 2000)
            began = time.monotonic()
            time.sleep(STALL_MS / 1000 * 3 + 2)
            check(drain(idle) < len(BIG), "a download that stands still is cut")
            threads.over.set()
        total = sum(received)
        note(f"the slow one had {total} bytes in {time.monotonic() - began:.1f} s")
        check(total + drain(slow) > len(BIG), "one that goes on slowly is not, and gets the rest when it can")
    done()


main()
