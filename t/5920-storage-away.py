#!/usr/bin/python3
"""
What holds the bytes is stopped in the middle of uploads and downloads: a clear 503, HEAD of tus 423, and everything goes on
when it is back. A worker that is killed in the middle of a download breaks it off at once.
"""

import contextlib
import http.client
import os
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import Threads, children, fcgi_connect, fcgi_request, service_pid, wait_until, workers
from files import (half_patch, half_sent, noise, part, post_form, post_raw, postgres_away, rows, sha256, tus_create, tus_head,
                   tus_patch, file_url, usage)
from mayfly import Client, check, dev, done, note, same, signed_in

CONTENT = noise(20_000_000)
BACK_S = 15  # until the first answers come again

user, client = signed_in()


def stated(answer, promise):
    return check(answer.stated_503() and answer.error == "unavailable" and "detail" in answer.json(), promise, answer)


def answered(ask):
    """As every client does: again while it is 423 or 503, since one worker may find the database before another."""
    until = time.monotonic() + BACK_S
    while (answer := ask()).status in (423, 503) and time.monotonic() < until:
        time.sleep(0.05)
    return answer


def found_again(url):
    """Until each worker has found the database: nginx, which names each pool twice, goes b, b, a, a, so four answers in a row are
    of both. A worker that is refused connects again after half a second at the earliest."""
    until = time.monotonic() + BACK_S
    row = 0
    while row < 4 and time.monotonic() < until:
        row = row + 1 if client.get(url).status == 200 else 0
        time.sleep(0 if row else 0.05)
    return row == 4


def answer_of(connection):
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer


class Download:
    """A GET that reads so much and then waits."""

    def __init__(self, url, first):
        self.connection = client.connect()
        self.connection.request("GET", url, headers={"Authorization": f"Bearer {client.token}"})
        self.answer = self.connection.getresponse()
        self.etag = self.answer.getheader("ETag")
        self.got = self.answer.read(first)

    def rest(self):
        """Reads until the end, or until it breaks off. True when it is whole."""
        try:
            while chunk := self.answer.read(65536):
                self.got += chunk
        except (http.client.IncompleteRead, ConnectionError):
            pass
        self.connection.close()
        return self.got == CONTENT

    def resume(self, url):
        headers = {"Range": f"bytes={len(self.got)}-", "If-Range": self.etag}
        answer = client.get(url, headers=headers)
        return answer.status == 206 and self.got + answer.body == CONTENT


def sockets(pool):
    """How many the pool's workers have open."""
    return sum(os.readlink(fd).startswith("socket:") for pid in workers(pool) for fd in Path(f"/proc/{pid}/fd").iterdir())


class LateDownload:
    """The same on the pool's socket, by a nginx that was interrupted between connecting and sending, as on a busy machine."""

    def __init__(self, url, first):
        before = sockets("files-a")
        self.connection = fcgi_connect("files-a")
        check(wait_until(10, lambda: sockets("files-a") > before), "a connection is accepted before anything comes on it")
        self.connection.sendall(fcgi_request("GET", url, HTTP_AUTHORIZATION=f"Bearer {client.token}", MAYFLY_STREAM="1"))
        while first > 0:
            first -= len(self.connection.recv(first))

    def breaks(self):
        """Not by a mere end, which nginx takes for the end of the answer: its client would wait for the rest for 75 s."""
        with self.connection:
            try:
                while self.connection.recv(1 << 20):
                    pass
            except ConnectionResetError:
                return True
        return False


@contextlib.contextmanager
def postgres_silent():
    """Its connections stay, and nothing comes on them."""
    pids = [service_pid("postgres"), *children(service_pid("postgres"))]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def main():
    url = post_raw(client, CONTENT, "big").json()["url"]
    upload = tus_create(client, len(CONTENT)).headers["Location"]
    assert tus_patch(client, upload, 0, CONTENT[:3_000_001]).status == 204
    counted, there = usage(user), rows(user)
    download, late = Download(url, 100_000), LateDownload(url, 100_000)

    with half_patch(client, upload, 3_000_001, len(CONTENT) - 3_000_001, CONTENT[3_000_001:5_000_000]) as patching, \
            half_sent(client, "POST", "/upload", 1_000_000, CONTENT[:500_000]) as posting:
        time.sleep(0.3)
        with postgres_away():
            same(tus_head(client, upload).status, 423, "HEAD of an upload is 423 while PostgreSQL is away")
            patching.sendall(CONTENT[5_000_000:])
            answer = answer_of(patching)
            check(answer.status == 503 and answer.getheader("Tus-Resumable") == "1.0.0",
                  "a PATCH that was in the middle of it is 503", answer.status)
            posting.sendall(CONTENT[500_000:1_000_000])
            answer = answer_of(posting)
            check(answer.status == 503 and answer.getheader("Retry-After"), "a POST /upload that was in the middle is 503",
                  answer.status)
            stated(post_raw(client, b"x"), "a new raw upload is 503")
            stated(post_form(client, part("f", b"x", "x")), "a new form is 503")
            stated(client.get(url), "a download is 503")
            stated(client.get("/files"), "the list is 503")
            stated(client.delete(url), "a DELETE is 503")
            check(not download.rest(), "a download that was in the middle breaks off", len(download.got))
            check(CONTENT.startswith(download.got), "with nothing wrong in what came")
            check(late.breaks(), "so does one whose request came late")
            began = time.monotonic()
    answer = answered(lambda: tus_head(client, upload))
    note(f"{time.monotonic() - began:.1f} s after the end of the stop")
    same(answer.status, 200, "HEAD tells the offset when it is back", answer)
    offset = int(answer.headers["Upload-Offset"])
    check(3_000_001 <= offset < len(CONTENT), "the upload has what was acknowledged before, at least", offset)
    same(answered(lambda: tus_patch(client, upload, offset, CONTENT[offset:])).status, 204, "it goes on from there")
    check(found_again(file_url(upload)) and client.get(file_url(upload)).body == CONTENT, "and is whole")
    check(download.resume(url), "the download goes on where it broke off")
    same(usage(user), (counted[0], counted[1]), "what was refused counts for nothing")
    same(rows(user, "'committed'"), there, "and is not there")

    # A database that does not even say no: database_timeout_ms is 2 s.
    downloads = [Download(url, 100_000), LateDownload(url, 100_000)]
    with postgres_silent():
        began = time.monotonic()
        check(not downloads[0].rest() and downloads[1].breaks() and time.monotonic() - began < 20,
              "downloads break off when the database says nothing, too", time.monotonic() - began)
    check(found_again(url) and client.get(url).body == CONTENT and downloads[0].resume(url), "and go on when it speaks again")

    # A worker that dies.
    download, late = Download(url, 100_000), LateDownload(url, 100_000)
    dying = workers("files-a", "files-b")
    dev("kill")
    began = time.monotonic()
    whole = download.rest()
    took = time.monotonic() - began
    check(not whole and took < 5, "a download whose worker is killed breaks off at once, so the client can come again",
          len(download.got), took)
    check(late.breaks(), "also one whose request came late")
    check(wait_until(5, lambda: len(workers("files-a", "files-b") - dying) == 2) and download.resume(url), "and is resumed")
    with half_sent(client, "POST", "/upload", len(CONTENT), CONTENT[:10_000_000]) as posting:
        time.sleep(0.2)
        dev("kill")
        posting.sendall(CONTENT[10_000_000:])
        answer = answer_of(posting)
        check(answer.status == 201, "a whole upload does not notice that workers were killed while it came", answer.status)

    # Away and back again and again, under uploads that are tried until they succeed.
    results = []

    def persist(number):
        content, until = noise(2_000_000, number), time.monotonic() + 60
        one = Client(client.token)
        while time.monotonic() < until:
            answer = post_raw(one, content, f"persistent {number}", **{"Idempotency-Key": f"persist-{number}"})
            if answer.status != 503:
                break
            time.sleep(0.1)
        results.append((answer.status, answer.status == 201 and answer.json()["sha256"] == sha256(content)))

    there = rows(user, "'committed'")
    with Threads() as threads:
        for number in range(6):
            threads.add(persist, number)
        for _ in range(2):
            with postgres_away():
                time.sleep(0.2)
            time.sleep(0.3)
        threads.join()
    same((threads.errors, results), ([], [(201, True)] * 6), "uploads that are tried again all arrive")
    same(rows(user, "'committed'"), there + 6, "once each")
    # A worker that met the outage answers 503 for a moment longer; whoever comes next should not meet it.
    check(wait_until(10, lambda: all(client.get("/files").status == 200 for _ in range(12))), "and every worker has healed")
    done()


main()
