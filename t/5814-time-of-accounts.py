#!/usr/bin/python3
"""A member who has a hundred long files read at the same time takes a worker's time from himself: others' downloads and uploads do
not wait behind all of his."""

import socket
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST
from files import noise, post_raw
from mayfly import check, done, note, same, signed_in

READINGS = 128  # of CSV, by two workers
ROW = b'a,b,c,1,2,3,"quoted, text",xyz\n'
CONTENT = noise(5_000_000, 5814)
# It was 150 times. What is left: each round has a step of the readings, and a download takes some ten; and the machine is theirs too.
MOST, FLOOR_S = 40, 0.02
# A sanitizer makes a step of a reading several times longer, and a download not.
SANITIZED = b"__asan_init" in (INST / "bin/mayfly-worker").read_bytes()

client, other = signed_in()[1], signed_in()[1]


def took(ask):
    began = time.monotonic()
    ask()
    return time.monotonic() - began


def main():
    table = post_raw(client, ROW * (40_000_000 // len(ROW)), "table.csv").json()["url"]
    file = post_raw(other, CONTENT, "file").json()["url"]

    def download():
        same(other.get(file).body == CONTENT, True, "a download is whole")

    def upload():
        same(post_raw(other, CONTENT[:1_000_000], "sent").status, 201, "an upload is stored")

    idle = {ask: statistics.median(took(ask) for _ in range(5)) for ask in (download, upload)}
    held = []
    for _ in range(READINGS):
        one = socket.create_connection((client.host, client.port), timeout=60)
        one.sendall(f"POST {table}/csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nContent-Length: 0\r\n\r\n".encode())
        held.append(one)
    for ask in (download, upload):
        busy = statistics.median(took(ask) for _ in range(3))
        note(f"{ask.__name__}: {idle[ask] * 1000:.0f} ms, beside {READINGS} readings {busy * 1000:.0f} ms")
        check(busy < MOST * max(idle[ask], FLOOR_S) or SANITIZED, f"{ask.__name__} is not behind all of the readings", idle[ask], busy)
    ready = 0
    for one in held:
        one.setblocking(False)
        try:
            ready += one.recv(1) != b""
        except BlockingIOError:
            pass
    check(ready < READINGS / 2, "most of which went on all the time", ready)
    for one in held:
        one.close()
    for url, owner in ((table, client), (file, other)):
        owner.delete(url)
    done()


main()
