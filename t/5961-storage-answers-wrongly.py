#!/usr/bin/python3
"""
Downloads from a storage that misbehaves: nothing is promised before the storage has given a byte of the right file. Whoever
asks hears 503 and when to come again, or 500 when the file is lost; what nginx is refused once, a worker fetches.
"""

import contextlib
import http.client
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
import s3_wrong
from chaos import INST, wait_until
from files import noise, post_raw
from gate import ctl, key
from mayfly import PROBLEM, SCRATCH, Client, check, done, same, signed_in
from s3_wrong import RESET, answer, refusal

LARGE, SMALL = noise(600_000, 1), noise(1000, 2)  # nginx fetches the first, a worker the second
XML = refusal("200 OK", "InternalError")
LENGTHLESS = b"HTTP/1.0 200 OK\r\nContent-Type: binary/octet-stream\r\n\r\n"
SHUT_OUT = {
    "403": refusal("403 Forbidden", "AccessDenied"),
    "a 404 of a proxy's": answer("404 Not Found", "<html>not here</html>", [("Content-Type", "text/html")]),
    "301 to another region": refusal("301 Moved Permanently", "PermanentRedirect", "<Endpoint>elsewhere</Endpoint>",
                                     [("x-amz-bucket-region", "eu-central-1"), ("Location", "http://127.0.0.1:1/")]),
    "a clock that is three days off": refusal("403 Forbidden", "RequestTimeTooSkewed", "", [("Date", "Thu, 01 Jan 2015 00:00:00 GMT")]),
}
WRONG = {
    **SHUT_OUT,
    "503": refusal("503 Slow Down", "SlowDown"),
    "a reset": RESET,
    "200 with an error in XML": XML,
    "HTTP/1.0, cut off": LENGTHLESS + LARGE[:1000],
    "another part": answer("206 Partial Content", b"x" * 10, [("Content-Range", "bytes 7-16/20")]),
}


def dressed_as_file(reply):
    return [name for name in ("etag", "content-disposition", "accept-ranges", "content-range") if name in reply.headers]


def refused(client, storage, urls):
    """Whatever the storage does, and whoever asks it."""
    for name, said in WRONG.items():
        with storage.answers(said):
            for kind, url in urls.items():
                for headers in ({}, {"Range": "bytes=5-300000"}):
                    reply = client.get(url, headers=headers)
                    check(reply.stated_503() and reply.error == "unavailable" and not dressed_as_file(reply),
                          f"{name}: a {kind} file{' in part' if headers else ''} is 503, and nothing of a file", reply)
                same(client.request("HEAD", url).status, 200, f"{name}: what needs no bytes of a {kind} file works")
            if name in SHUT_OUT:
                check(int(client.get(urls["small"]).headers.get("Retry-After", 0)) > 1, f"{name}: somebody has to see to it first")
    same([client.get(url).body for url in urls.values()], [LARGE, SMALL], "once that is over both are there")
    with storage.answers(WRONG["503"], times=1):
        same(client.get(urls["small"]).body, SMALL, "a single 503 is not noticed")


def lost(client, storage, urls):
    """The storage says itself that there is no such object: coming again is of no use."""
    for kind, url in urls.items():
        with storage.answers(refusal("404 Not Found", "NoSuchKey")):
            reply = client.get(url)
            same((reply.status, reply.headers.get("content-type"), reply.headers.get("retry-after"), dressed_as_file(reply)),
                 (500, PROBLEM, None, []), f"a {kind} file that the storage has lost is 500, and never said to pass", reply)
        with storage.answers(answer("206 Partial Content", b"x", [("Content-Range", "bytes 0-0/1")]),
                             lambda asked: "range" in [name.lower() for name, _ in asked.fields]):
            same(client.get(url).status in (500, 503), True, f"a {kind} file that is another there is not given out")
    key = next(key for key in s3.keys() if urls["large"].rpartition("/")[2] in key)
    s3.ask("DELETE", f"/{key}")
    same([client.get(urls["large"], headers=headers).status for headers in ({}, {"Range": "bytes=0-299999"})], [500, 500],
         "and so it is when it is really gone")
    same(client.get(f"{urls['large']}/csv").status in (404, 405), True, "CSV is asked for by POST")
    same(client.post(f"{urls['large']}/csv").status, 500, "other readers say the same")
    ran = subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "fsck"], capture_output=True, text=True,
                         timeout=120)
    check(ran.returncode != 0 and urls["large"].rpartition("/")[2] in ran.stdout + ran.stderr, "fsck names it", ran)
    same([client.delete(url).status for url in urls.values()], [204, 204], "it can be deleted like any other")


def nginx_alone(client, storage, url):
    """A worker was given a byte, and nginx is refused: a worker sends the file, and the client notices nothing."""
    right = client.get(url)
    skip = ("date", "x-request-id", "x-mayfly-worker", "connection")
    fields = sorted((name.lower(), value) for name, value in right.fields if name.lower() not in skip)
    for name in ("403", "a 404 of a proxy's", "301 to another region", "503", "a reset"):
        with storage.answers(WRONG[name], lambda asked: asked.by_url):
            reply = client.get(url)
            same((reply.status, reply.body == LARGE), (200, True), f"{name} to nginx alone: the file comes")
            same(sorted((name.lower(), value) for name, value in reply.fields if name.lower() not in skip), fields,
                 f"{name} to nginx alone: and looks as it always does")
            reply = client.get(url, headers={"Range": "bytes=1-400000"})
            same((reply.status, reply.body == LARGE[1:400_001], reply.headers.get("content-range")),
                 (206, True, f"bytes 1-400000/{len(LARGE)}"), f"{name} to nginx alone: so does a part")
    for sent, whole in ((LARGE, True), (LARGE[:400_000], False)):
        with storage.answers(LENGTHLESS + sent, lambda asked: asked.by_url):
            fresh = Client(client.token)
            try:
                reply = fresh.get(url)
                got = (reply.body == LARGE, reply.headers.get("content-length"))
            except http.client.IncompleteRead as cut:
                got = len(cut.partial) == len(sent)
            same(got, (True, str(len(LARGE))) if whole else True, f"HTTP/1.0 that is {'whole' if whole else 'cut'} looks like that")


def script_of_a_site(client, storage, url):
    """It reads with a key what nginx fetches as it reads what a worker sends."""
    name = f"script-{time.time_ns()}"
    origin = f"https://{name}.example"
    ctl("site", "add", name, origin, "--require", "any")
    try:
        script = Client(key(client, "files"))
        sent = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        by_nginx = script.get(url, headers=sent)
        with storage.answers(WRONG["403"], lambda asked: asked.by_url):
            by_worker = script.get(url, headers=sent)
    finally:
        ctl("site", "remove", name)
    seen = [[answer.headers.get(field) for field in ("access-control-allow-origin", "access-control-expose-headers", "vary")] for answer in (by_nginx, by_worker)]
    same((by_nginx.body == LARGE, seen[0]), (True, seen[1]), "a site's script may read a file that nginx fetches as it may what a worker sends")
    same((seen[0][0], seen[0][2]), (origin, "Accept, Origin"), "with its origin, and no cache gives the answer to another")


@contextlib.contextmanager
def workers_vanish(storage):
    """When nginx asks the storage, it is refused, and then finds no worker to ask instead."""
    sockets = [SCRATCH / "run" / pool / "fcgi.sock" for pool in ("files-a", "files-b")]

    def refuse(_):
        for socket in sockets:
            socket.rename(socket.with_suffix(".away"))
        return WRONG["403"]

    with storage.answers(refuse, lambda asked: asked.by_url, times=1):
        try:
            yield
        finally:
            for socket in sockets:
                socket.with_suffix(".away").rename(socket)


def no_link_is_logged(client, storage, url):
    """nginx follows a link to the storage, and back to a worker: whatever goes wrong on the way, no log has the link."""
    link = client.post(f"{url}/link", json={}).json()["url"]
    with storage.answers(WRONG["403"], lambda asked: asked.by_url):
        same(Client().get(link).body == LARGE, True, "a link whose storage refuses nginx is followed by a worker")
    with workers_vanish(storage):
        got = Client().get(link)
        check(got.stated_503(), "and is 503 when there is none", [got.status, got.headers, got.body[:200]])
    same(Client().get(link).body == LARGE, True, "then it is good again")
    token = link.rpartition("/")[2]
    same([path.name for path in sorted((SCRATCH / "log").iterdir()) if path.is_file() and token in path.read_text(errors="replace")], [],
         "no log has it")


def taken(client, url, headers):
    """Whether a client has all that it was promised: what it has of it."""
    fresh = Client(client.token)
    try:
        return "whole", fresh.get(url, headers=headers).body
    except http.client.IncompleteRead as cut:
        return "cut", cut.partial
    finally:
        fresh.close()


def never_as_the_file(client, storage, url):
    """What the row knows is held against what comes with a 2xx. It has no status left to say so, so it is cut."""
    part = [("Content-Range", f"bytes 5-300000/{len(LARGE)}")]
    for name, headers, said in (
        ("an error in XML", {}, XML),
        ("an error in XML in place of a part", {"Range": "bytes=5-300000"}, XML),
        ("a file that is shorter", {}, answer("200 OK", LARGE[:-1])),
        ("a file that is longer", {}, answer("200 OK", LARGE + b"x")),
        ("a part that is shorter", {"Range": "bytes=5-300000"}, answer("206 Partial Content", LARGE[5:300_000], part)),
        ("the whole in place of a part", {"Range": "bytes=5-300000"}, answer("200 OK", LARGE)),
        ("a page that has no <", {}, answer("200 OK", b"log in first")),
        ("an error of the file's length", {}, answer("200 OK", LARGE, [("Content-Type", "application/xml; charset=utf-8")])),
        ("a page of the part's length", {"Range": "bytes=5-300000"},
         answer("206 Partial Content", LARGE[5:300_001], [("Content-Type", "text/html"), *part])),
    ):
        with storage.answers(said, lambda asked: asked.by_url):
            got, body = taken(client, url, headers)
            same((got, body == said.partition(b"\r\n\r\n")[2]), ("cut", True), f"{name} under a 2xx, to nginx alone, is cut for whoever takes it")
    same([taken(client, url, headers) == ("whole", right) for headers, right in (({}, LARGE), ({"Range": "bytes=5-300000"}, LARGE[5:300_001]))],
         [True, True], "what has the right length is whole")


def no_signature_is_logged():
    """nginx writes its error log at once."""
    files = [path for path in (SCRATCH / "log").iterdir() if path.is_file() and not path.name.startswith(("radosgw", "ceph"))]
    check(wait_until(5, lambda: "upstream_status" in (SCRATCH / "log/access.log").read_text(errors="replace")), "there are logs")
    same([path.name for path in files if "X-Amz-Signature" in path.read_text(errors="replace")], [], "no log has a signed URL")


def main():
    with s3_wrong.between(s3_retries=1, s3_timeout_ms=5000, s3_retry_ms=0) as storage:
        _, client = signed_in()
        urls = {"large": post_raw(client, LARGE).json()["url"], "small": post_raw(client, SMALL).json()["url"]}
        # nginx's new workers have come when the storage is asked by it.
        check(wait_until(10, lambda: client.get(urls["large"]).status == 200 and any(asked.by_url for asked in storage.asked)),
              "nginx fetches the large file itself")
        storage.asked.clear()
        client.get(urls["small"])
        same([asked.by_url for asked in storage.asked], [False], "a small one is asked for once, by a worker")
        began = time.monotonic()
        refused(client, storage, urls)
        check(time.monotonic() - began < 60, "nobody waits for what is refused", time.monotonic() - began)
        nginx_alone(client, storage, urls["large"])
        script_of_a_site(client, storage, urls["large"])
        no_link_is_logged(client, storage, urls["large"])
        never_as_the_file(client, storage, urls["large"])
        lost(client, storage, urls)
        no_signature_is_logged()
    done()


main()
