#!/usr/bin/python3
"""A worker that is killed within a download: the client learns at once that it is cut, and gets the whole with its next try."""

import hashlib
import http.client
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, dev, done, same, signed_in

SIZE = 32 << 20  # more than all buffers on the way together
PATIENCE_S = 10  # nginx would keep the connection for 75 s


def main():
    _, client = signed_in()
    content = os.urandom(SIZE)
    answer = client.post("/upload", body=content, headers={"Content-Type": "application/octet-stream"})
    same(answer.status, 201, "a file is uploaded", answer)
    url = answer.json()["url"]
    slow = Client(client.token, timeout=PATIENCE_S)
    connection = slow.connect()
    connection.request("GET", url, headers={"Authorization": f"Bearer {client.token}"})
    reply = connection.getresponse()
    head = reply.read(65536)
    time.sleep(0.3)
    dev("kill")
    began = time.monotonic()
    try:
        rest = reply.read()
        what = f"whole, {len(head) + len(rest)} bytes"
    except http.client.IncompleteRead as cut:
        what = "cut" if len(head) + len(cut.partial) < SIZE else "whole"
    except OSError as error:
        what = repr(error)
    same(what, "cut", "the client of a killed worker sees that its download is cut")
    check(time.monotonic() - began < PATIENCE_S / 2, "and sees it at once", time.monotonic() - began)
    answer = Client(client.token).get(url)
    same((answer.status, hashlib.sha256(answer.body).digest()), (200, hashlib.sha256(content).digest()),
         "its next try is answered by another worker, whole")
    done()


main()
