#!/usr/bin/python3
"""tus concatenation: parts become one file, once, also when the request is repeated and when workers are killed."""

import base64
import hashlib
import os
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, dev, done, psql, same, signed_in

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}


def part(client, body, send=None):
    """A partial upload with its first bytes; its URL."""
    answer = client.post("/uploads", headers={**CHUNK, "Upload-Concat": "partial", "Upload-Length": str(len(body))},
                         body=body if send is None else body[:send])
    if answer.status != 201:
        raise RuntimeError(f"a part: {answer}")
    return answer.headers["location"]


def join(client, urls, name="whole.bin", **more):
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    return client.post("/uploads", headers={**TUS, "Upload-Concat": f"final;{' '.join(urls)}", "Upload-Metadata": metadata, **more})


def head(client, url):
    return client.request("HEAD", url, headers=TUS)


def usage(user):
    return psql(f"SELECT bytes || ' in ' || files FROM mayfly.account_usage WHERE account_id = '{user.id}'")


def file_of(location):
    return location.replace("/uploads/", "/files/")


user, client = signed_in()

# --- one file out of three parts whose ends lie within blocks

bodies = [os.urandom(300_000), os.urandom(1), b"", os.urandom(700_001)]
urls = [part(client, body) for body in bodies]
whole = b"".join(bodies)
answer = head(client, urls[0])
same((answer.status, answer.headers["upload-concat"], answer.headers["upload-offset"]), (200, "partial", "300000"),
     "a part says that it is one")
same(client.get("/files").json()["files"], [], "parts are no files")
same(usage(user), f"{len(whole)} in 4", "but they count")
answer = join(client, [urls[0], f"http://example.org{urls[1]}", *urls[2:]])
location = answer.headers.get("location", "")
same((answer.status, answer.headers.get("tus-resumable")), (201, "1.0.0"), "they are joined", answer)
same(usage(user), f"{len(whole)} in 1", "and count once")
stored = client.get(file_of(location))
same((stored.status, hashlib.sha256(stored.body).hexdigest(), stored.headers["etag"]),
     (200, hashlib.sha256(whole).hexdigest(), f'"{hashlib.sha256(whole).hexdigest()}"'), "into a file with their bytes in order")
same([(one["name"], one["size"]) for one in client.get("/files").json()["files"]], [("whole.bin", len(whole))],
     "which is a file like any other")
answer = head(client, location)
same((answer.status, answer.headers["upload-concat"], answer.headers["upload-offset"], answer.headers["upload-length"]),
     (200, f"final;{urls[0]} http://example.org{urls[1]} {urls[2]} {urls[3]}", str(len(whole)), str(len(whole))),
     "HEAD tells of what it was made, and that it is complete", answer.headers)
answer = client.patch(location, headers={**CHUNK, "Upload-Offset": str(len(whole))}, body=b"x")
same(answer.status, 403, "nothing can be added to it", answer)
same([head(client, url).status for url in urls], [404] * 4, "the parts are gone")
same(psql(f"SELECT count(*) FROM mayfly.file WHERE via = 'part' AND account_id = '{user.id}' "
          "AND NOT (state = 'deleting' AND sweep_at <= statement_timestamp())"), "0", "and wait for the sweeper")

again = join(client, [urls[0], f"http://example.org{urls[1]}", *urls[2:]])
same((again.status, again.headers.get("location")), (201, location), "asked again it is the same file", again)
answer = join(client, [urls[1], urls[0]])
same(answer.status, 404, "in another order they are no parts any more", answer)

# --- what is refused, and changes nothing

one, half, empty = part(client, b"abc"), part(client, b"abcdef", send=3), part(client, b"")
stranger, other = signed_in()
foreign = part(other, b"xyz")
ordinary = client.post("/uploads", headers={**CHUNK, "Upload-Length": "3"}, body=b"abc").headers["location"]
before = usage(user)
for what, answer, status in (
    ("a part that is not complete", join(client, [one, half]), 400),
    ("no part, but an upload", join(client, [one, ordinary]), 400),
    ("a part of somebody else", join(client, [one, foreign]), 404),
    ("a part that is not there", join(client, [one, "/uploads/017f22e2-79b0-7cc3-98c4-dc0c0c07398f"]), 404),
    ("a part twice", join(client, [one, one]), 400),
    ("no part", join(client, []), 400),
    ("what is no URL of a part", join(client, ["/files/x"]), 400),
    ("a length of its own", join(client, [one], **{"Upload-Length": "3"}), 400),
    ("a guest", join(Client(), [one]), 401),
):
    same(answer.status, status, f"{what}: {status}", answer)
answer = client.post("/uploads", headers={**CHUNK, "Upload-Concat": f"final;{one}"}, body=b"abc")
same(answer.status, 403, "bytes together with parts: 403", answer)
same((usage(user), head(client, one).status), (before, 200), "and nothing has changed")
answer = join(client, [empty], name="nothing")
same((answer.status, client.get(file_of(answer.headers["location"])).body), (201, b""), "an empty part makes an empty file", answer)

# --- no room for both the parts and the whole is needed

user, client = signed_in()
body = os.urandom(600_000)
url = part(client, body)
room = int(psql(f"UPDATE mayfly.account_usage SET bytes = bytes + 10737418240 - 600000 WHERE account_id = '{user.id}' RETURNING bytes"))
same(room, 10737418240, "the account is full")
answer = join(client, [url])
same((answer.status, client.get(file_of(answer.headers.get("location", ""))).body == body), (201, True),
     "its parts can be joined all the same", answer)
same(client.delete(file_of(answer.headers["location"])).status, 204, "and the file be removed")
same(usage(user), f"{room - 600000} in 0", "which gives its bytes back")
psql(f"UPDATE mayfly.account_usage SET bytes = bytes - {room - 600000} WHERE account_id = '{user.id}'")
same(usage(user), "0 in 0", "(the account counts what it has again)")

# --- ten at once, each of whom wants the same parts

user, client = signed_in()
bodies = [os.urandom(2_000_000), os.urandom(1_999_999)]
urls = [part(client, body) for body in bodies]
answers = []


def ask():
    """As clients do: 423 is asked again. With S3 the lease of a worker that was killed has to end first."""
    until = time.monotonic() + 60
    while True:
        answer = join(Client(client.token), urls)
        if answer.status != 423 or time.monotonic() > until:
            break
        time.sleep(0.1)
    answers.append(answer)


threads = [threading.Thread(target=ask) for _ in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
same({(one.status, one.headers.get("location")) for one in answers}, {(201, answers[0].headers["location"])},
     "ten who ask at once get one file", *answers)
same([client.get("/files").json()["files"][0]["sha256"], usage(user)],
     [hashlib.sha256(b"".join(bodies)).hexdigest(), "3999999 in 1"], "whole, and once")

# --- a worker that is killed in the middle

user, client = signed_in()
bodies = [os.urandom(20 * 1024 * 1024 + 17) for _ in range(2)]
urls = [part(client, body) for body in bodies]
answers.clear()
thread = threading.Thread(target=ask)
thread.start()
for _ in range(3):
    dev("kill")
thread.join()
if answers[0].status != 201:
    ask()
location = answers[-1].headers.get("location", "")
same((answers[-1].status, hashlib.sha256(client.get(file_of(location)).body).hexdigest()),
     (201, hashlib.sha256(b"".join(bodies)).hexdigest()), "workers are killed while they join: the file is whole", *answers)
same([len(client.get("/files").json()["files"]), usage(user)], [1, f"{2 * len(bodies[0])} in 1"], "and there once")
check(head(client, location).headers.get("upload-offset") == str(2 * len(bodies[0])), "and complete")

# --- what is not finished goes with its parts

user, client = signed_in()
urls = [part(client, b"abc"), part(client, b"def")]
location = join(client, urls).headers["location"]
same(client.delete(location, headers=TUS).status, 204, "termination takes a joined upload")
same((head(client, location).status, usage(user)), (404, "0 in 0"), "and all its bytes")
done()
