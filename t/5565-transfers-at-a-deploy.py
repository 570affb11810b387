#!/usr/bin/python3
"""Uploads and downloads that a pool has in hand when it is restarted go on for leave_streams_s, as README says: what takes longer is cut
then, no sooner and not much later, and goes on where it was, by Range or tus."""

import contextlib
import http.client
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until, workers
from files import half_patch, tus_create, tus_offset, tus_patch
from mayfly import SCRATCH, Client, check, dev, done, note, psql, same, settings, signed_in

LIMIT_S = 3
LATE_S = 8  # what a busy machine may add; without a limit it would be a minute
SIZE = 8 << 20  # more than all buffers on the way together
POOLS = ("files-a", "files-b")


class Download:
    """Begun, and then not read until it shall go on."""

    def __init__(self, client, url):
        self.connection = Client(client.token).connect()
        self.connection.sock = socket.socket()
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.connection.sock.settimeout(60)
        self.connection.sock.connect((client.host, client.port))
        self.connection.request("GET", url, headers={"Authorization": f"Bearer {client.token}"})
        self.reply = self.connection.getresponse()
        self.head = self.reply.read(65536)
        self.pool = self.reply.headers["X-Mayfly-Worker"].partition("/")[0]

    def rest(self):
        """(all that came, whether that is the file)"""
        try:
            return self.head + self.reply.read(), True
        except http.client.IncompleteRead as cut:
            return self.head + cut.partial, False


def download_of(pool):
    """nginx takes them in turns, but each of its processes does so by itself."""
    for _ in range(50):
        one = Download(client, url)
        if one.pool == pool:
            return one
        one.reply.close()
        one.connection.close()
    raise RuntimeError(f"no download comes by {pool}")


user, client = signed_in()
content = os.urandom(SIZE)
url = client.post("/upload", body=content).json()["url"]
with settings(leave_streams_s=LIMIT_S), contextlib.ExitStack() as stack:
    short, long = ([download_of(pool) for pool in POOLS] for _ in range(2))
    check(short[0].pool != short[1].pool and long[0].pool != long[1].pool, "downloads are under way in both pools")
    uploads = [tus_create(client, 1000).headers["location"] for _ in range(2)]
    soon, never = (stack.enter_context(half_patch(client, one, 0, 1000, b"x" * 400)) for one in uploads)
    held = f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND lease IS NOT NULL"
    check(wait_until(20, lambda: psql(held) == "2"), "and two uploads")
    old = workers(*POOLS)
    began = time.monotonic()
    restarts = [threading.Thread(target=dev, args=("restart", pool)) for pool in POOLS]
    for one in restarts:
        one.start()
    check(wait_until(20, lambda: not any((SCRATCH / "run" / pool / "fcgi.sock").exists() for pool in POOLS)), "both pools are leaving")
    soon.sendall(b"y" * 600)
    with ThreadPoolExecutor(2) as readers:
        same(list(readers.map(lambda one: one.rest() == (content, True), short)), [True] * 2, "a download that ends within that time is whole")
    line = soon.makefile("rb").readline()
    check(line.startswith(b"HTTP/1.1 204"), "so is an upload", line)
    gone = {}
    while len(gone) < len(old) and time.monotonic() < began + 60:
        gone |= {pid: time.monotonic() - began for pid in old - set(gone) if not Path(f"/proc/{pid}").exists()}
        time.sleep(0.02)
    check(len(gone) == len(old) and all(LIMIT_S <= one < LIMIT_S + LATE_S for one in gone.values()), "then the workers end", gone)
    note(f"after {', '.join(f'{one:.1f} s' for one in gone.values())}")
    for one in restarts:
        one.join()
    cut = [one.rest() for one in long]
    same([whole or not content.startswith(came) for came, whole in cut], [False] * 2, "what takes longer is cut, and what came is right")
    for came, _ in cut:
        answer = Client(client.token).get(url, headers={"Range": f"bytes={len(came)}-"})
        same((answer.status, came + answer.body == content), (206, True), "a download goes on where it was")
    offset = tus_offset(Client(client.token), uploads[1])
    same((offset, tus_patch(Client(client.token), uploads[1], offset, b"z" * (1000 - offset)).status), (400, 204), "and so does an upload")
done()
