#!/usr/bin/python3
"""A worker that ends a connection before its time says why (fastcgi_closed): the reasons that need a database. t/3055 has the
others of the worker, t/2070 those of the connection itself."""

import contextlib
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import STDIN, fcgi_connect, fcgi_record, fcgi_request, held, wait_until
from files import CHUNK, noise, post_raw, tus_create, tus_offset
from mayfly import SCRATCH, check, done, psql, same, settings, signed_in

LOGS = sorted((SCRATCH / "log").glob("pool-*.log"))
PIECE = 200_000
user, client = signed_in()
AUTH = {"HTTP_AUTHORIZATION": f"Bearer {client.token}"}


def said(reason):
    return sum('"fastcgi_closed"' in line and f'"reason":"{reason}"' in line for path in LOGS
               for line in path.read_text(errors="replace").splitlines())


@contextlib.contextmanager
def closes(reason, name, count=1):
    """The log has this reason so many times more, for what is done within."""
    before = said(reason)
    yield
    check(wait_until(10, lambda: said(reason) - before >= count), f"{name}: {reason}", said(reason) - before)
    same(said(reason) - before, count, "said once for each")


def half(pool, method, path, length, sent, **more):
    """A request on the pool's own socket, of whose body `sent` bytes have come."""
    one = fcgi_connect(pool)
    whole = fcgi_request(method, path, length=length, **{**AUTH, "CONTENT_TYPE": "application/octet-stream", "MAYFLY_STREAM": "1", **more})
    one.sendall(whole.removesuffix(fcgi_record(STDIN)) + b"".join(fcgi_record(STDIN, bytes(min(32768, sent - at))) for at in range(0, sent, 32768)))
    return one


def half_patch(url, sent=PIECE):
    return half("files-a", "PATCH", url, 50_000_000, sent, HTTP_TUS_RESUMABLE="1.0.0", HTTP_UPLOAD_OFFSET="0", CONTENT_TYPE=CHUNK)


def new_upload():
    return tus_create(client, 50_000_000).headers["Location"]


def bodies():
    url = new_upload()
    with closes("the body is cut off", "a sender who goes"):
        one = half_patch(url)
        one.close()
    check(wait_until(10, lambda: tus_offset(client, url) == PIECE), "what has come is stored", tus_offset(client, url))
    url = new_upload()
    with settings(log_level="debug", stream_least_bytes_s=1_000_000, stream_grace_s=1):
        with closes("the body is too slow", "a sender of some bytes a second"):
            one = half_patch(url)
            for _ in range(100):
                time.sleep(0.1)
                try:
                    one.sendall(fcgi_record(STDIN, b"x"))
                except OSError:
                    break
            one.close()
    check(wait_until(10, lambda: (tus_offset(client, url) or 0) >= PIECE), "what has come is stored", tus_offset(client, url))


def memory():
    urls = [new_upload() for _ in range(8)]
    with settings(log_level="debug", worker_stream_bytes=1 << 20, worker_stream_patience_ms=60_000):
        # Of one worker: its pool's socket, and one process behind it.
        before = said("its body is stored as far as it came")
        senders = [half_patch(url) for url in urls]
        check(wait_until(10, lambda: said("its body is stored as far as it came") > before), "more bodies than there is memory for: "
              "its body is stored as far as it came", said("its body is stored as far as it came"))
        ended = []
        for one in senders:
            one.settimeout(0.2)
            with contextlib.suppress(OSError):
                ended.append(one.recv(1) == b"")
        check(0 < len(ended) < len(urls), "some are let go, and no more than must be", len(ended))
        for one in senders:
            one.close()
        check(wait_until(10, lambda: all(tus_offset(client, url) == PIECE for url in urls)), "and each has what it has sent",
              [tus_offset(client, url) for url in urls])
        # What can't be left half way waits for its memory.
        first = half("files-a", "POST", "/upload", 900_000, 300_000)
        check(wait_until(10, lambda: psql("SELECT count(*) FROM mayfly.file WHERE state = 'pending' AND size = 900000") == "1"), "one upload has the memory")
        with closes("the peer has gone", "who leaves the line"):
            second = half("files-a", "POST", "/upload", 900_000, 50_000)  # as much as a socket holds: none of it is read
            check(wait_until(10, lambda: psql("SELECT count(*) FROM mayfly.file WHERE state = 'pending' AND size = 900000") == "2"), "another waits")
            second.close()
        first.close()


def put_aside():
    same(client.put("/profile/data", json={"n": 1}).status, 200, "there is a document")
    account = psql(f"SELECT id FROM mayfly.account WHERE username = '{user.username}'")
    with settings(log_level="debug", database_patience_ms=10_000), \
            held(f"SELECT 1 FROM mayfly.profile_data WHERE account_id = '{account}' FOR UPDATE"):
        before = said("the peer has gone")
        # Who goes before his handler has run takes no answer; then once more.
        for pause in (0.2, 1, 4):
            one = fcgi_connect("a")
            one.sendall(fcgi_request("PUT", "/profile/data", b'{"n":2}', **AUTH))
            time.sleep(pause)
            one.close()
            if wait_until(3, lambda: said("the peer has gone") > before):
                break
        same(said("the peer has gone") - before, 1, "who waits for another's lock and goes: the peer has gone")
    same(client.get("/profile/data").json(), {"n": 1}, "nothing of it was done")


def answers():
    content = noise(8_000_000, 9)
    file = post_raw(client, content, "vanishing").json()
    with settings(log_level="debug"):
        one = fcgi_connect("files-a")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(fcgi_request("GET", file["url"], MAYFLY_STREAM="1", **AUTH))
        one.recv(1000)
        with closes("the answer is cut off", "a file whose bytes are lost meanwhile"):
            psql(f"DELETE FROM mayfly.file_chunk WHERE file_id = '{file['id']}'")
            with contextlib.suppress(OSError):
                while one.recv(1 << 20):
                    pass
        one.close()
        client.delete(file["url"])
        file = post_raw(client, content, "read in part").json()
        with closes("the peer takes no answer", "a reader who goes"):
            one = fcgi_connect("files-a")
            one.sendall(fcgi_request("GET", file["url"], MAYFLY_STREAM="1", **AUTH))
            one.recv(1000)
            one.close()
        client.delete(file["url"])


def main():
    with settings(log_level="debug"):
        bodies()
    memory()
    put_aside()
    answers()
    done()


main()
