#!/usr/bin/python3
"""Links to files: a holder gets the file, as long and as often as the owner said, and nothing else."""

import base64
import hashlib
import os
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PROBLEM, SCRATCH, Client, check, done, psql, same, signed_in

ABSENT = (404, "not_found")


def upload(client, body, name="picture.png", kind="image/png"):
    answer = client.post(f"/upload?name={name}", body=body, headers={"Content-Type": kind})
    if answer.status != 201:
        raise RuntimeError(f"/upload answers {answer}")
    return answer.json()["id"]


def make(client, file, **more):
    return client.post(f"/files/{file}/link", **more)


def links(client, file):
    return client.get(f"/files/{file}/links").json()["links"]


user, client = signed_in()
guest = Client()
body = os.urandom(400_000)
file = upload(client, body, "Entw%C3%BCrfe.bin", "application/octet-stream")

# --- any number of times

answer = make(client, file)
same((answer.status, sorted(answer.json())), (201, ["expires_at", "id", "url", "uses_left"]), "a link is made", answer)
url = answer.json()["url"]
token = url.removeprefix("/shared/")
check(url.startswith("/shared/") and len(base64.urlsafe_b64decode(token)) == 48 and make(client, file).json()["url"] != url,
      "of 32 random bytes behind its id", url)
own, shared = client.get(f"/files/{file}"), guest.get(url)
same((shared.status, shared.body == body), (200, True), "a guest gets the file by it", shared.status)
names = ("content-type", "content-disposition", "content-security-policy", "x-content-type-options", "etag", "accept-ranges",
         "cache-control", "content-length", "cross-origin-resource-policy")
same([shared.headers.get(name) for name in names], [own.headers.get(name) for name in names], "with the headers that the owner gets")
same((shared.headers.get("referrer-policy"), shared.headers.get("x-robots-tag")), ("no-referrer", "noindex, nofollow"),
     "and those that keep the address to whoever has it")
same([guest.get(url).status for _ in range(3)], [200] * 3, "as often as one likes")
answer = guest.get(url, headers={"Range": "bytes=399990-"})
same((answer.status, answer.body, answer.headers["content-range"]), (206, body[-10:], "bytes 399990-399999/400000"), "or a part of it")
answer = guest.request("HEAD", url)
same((answer.status, answer.headers["content-length"], answer.body), (200, "400000", b""), "or its head")
same(guest.get(url, headers={"If-None-Match": own.etag}).status, 304, "or that it is the same as before")

kept = psql(f"SELECT row_to_json(l)::text FROM mayfly.file_link l WHERE id = '{links(client, file)[-1]['id']}'")
secret = base64.urlsafe_b64decode(token)
found = [form for form in (token, secret.hex(), secret[16:].hex(), base64.b64encode(secret[16:]).decode()) if form in kept]
same(found, [], "the database has nothing of the token's 256 random bits", kept)
same(psql(f"SELECT encode(token_hash, 'hex') FROM mayfly.file_link WHERE id = '{links(client, file)[-1]['id']}'"),
     hashlib.sha256(secret).hexdigest(), "but their SHA-256, which needs no key of the installation")
logs = "".join(path.read_text(errors="replace") for path in (SCRATCH / "log").glob("*.log"))
check("/shared/" in logs and token not in logs, "no log has the token")

# --- a number of times

url = make(client, file, json={"uses": 3}).json()["url"]
same(guest.get(url, headers={"Range": "bytes=100-199"}).body, body[100:200], "a part counts when no download has begun")
same(links(client, file)[0]["uses_left"], 2, "so two of three are left")
guest.request("HEAD", url)
guest.get(url, headers={"If-None-Match": own.etag})
guest.get(url, headers={"Range": "bytes=400000-"})
guest.get(url, headers={"Range": "bytes=5-9"})
same(links(client, file)[0]["uses_left"], 2, "HEAD, 304, 416 and what goes on do not count")
key = {"Idempotency-Key": "mine"}
same([guest.get(url, headers=key).status for _ in range(2)], [200, 200], "each download from the first byte on does, whatever key it has")
answer = guest.get(url)
same((answer.status, answer.error), ABSENT, "then the link is used up", answer)
same((guest.get(url, headers={"Range": "bytes=0-"}).status, guest.get(url, headers=key).status), (404, 404), "in every way")
same(guest.get(url, headers={"Range": "bytes=1000-"}).status, 206, "but a download that was cut off can go on")
same(psql("SELECT bool_and(until BETWEEN now() + interval '59 minutes' AND now() + interval '1 hour') FROM mayfly.file_link_use u "
          f"JOIN mayfly.file_link l ON l.id = u.link_id WHERE l.file_id = '{file}'"), "t",
     "for an hour")
psql("UPDATE mayfly.file_link_use SET until = until - interval '61 minutes'")
same([guest.get(url, headers={"Range": "bytes=1000-"}).status, guest.request("HEAD", url).status], [404, 404],
     "and no longer")
same(links(client, file)[0]["uses_left"], 0, "the owner sees that it is used up")

url = make(client, file, json={"uses": 5}).json()["url"]
statuses = []


def download():
    answer = Client().get(url)
    statuses.append((answer.status, len(answer.body) if answer.status == 200 else answer.error))


threads = [threading.Thread(target=download) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
same(sorted(statuses, key=str), [(200, 400_000)] * 5 + [(404, "not_found")] * 15, "of twenty at once five get it")

# --- an end

answer = make(client, file, json={"expires_in": 60})
psql(f"UPDATE mayfly.file_link SET expires_at = statement_timestamp() WHERE id = '{answer.json()['id']}'")
same((guest.get(answer.json()["url"]).status, answer.json()["id"] in [one["id"] for one in links(client, file)]), (404, False),
     "an expired link opens nothing and is not listed")
answer = make(client, file, form={"expires_in": "60", "uses": ""})
same(answer.status, 201, "a form can ask for a link", answer)
link = answer.json()
stranger, other = signed_in()
strange = upload(other, b"theirs")
same([other.delete(f"/files/{file}/links/{link['id']}").status, other.delete(f"/files/{strange}/links/{link['id']}").status,
      guest.get(link["url"]).status], [404, 404, 200], "nobody else can revoke it")
same((client.delete(f"/files/{file}/links/{link['id']}").status, guest.get(link["url"]).status), (204, 404), "revoked it opens nothing")
same(client.delete(f"/files/{file}/links/{link['id']}").status, 404, "and is not there to be revoked")

kept = make(client, file).json()["url"]
again = [make(client, file, json={"uses": 7}, headers={"Idempotency-Key": "one-link"}).json()["url"] for _ in range(2)]
same(again[0], again[1], "asked for twice with one key it is one link")
passing = upload(client, b"soon gone")
gone = make(client, passing).json()["url"]
client.delete(f"/files/{passing}")
same(guest.get(gone).status, 404, "with the file the link goes")

# --- what is refused

for what, answer, status, error in (
    ("somebody else's file", make(other, file), 404, "not_found"),
    ("no file", make(client, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), 404, "not_found"),
    ("a guest's wish", make(guest, file), 401, "unauthorized"),
    ("no time", make(client, file, json={"expires_in": 0}), 422, "unprocessable"),
    ("too long a time", make(client, file, json={"expires_in": 7776001}), 422, "unprocessable"),
    ("no uses", make(client, file, json={"uses": 0}), 422, "unprocessable"),
    ("half a use", make(client, file, json={"uses": 0.5}), 422, "unprocessable"),
    ("a word", make(client, file, form={"uses": "many"}), 422, "unprocessable"),
    ("a list of somebody else's", other.get(f"/files/{file}/links"), 404, "not_found"),
):
    same((answer.status, answer.error), (status, error), f"{what}: {status}", answer)
swapped = kept[:-1] + ("A" if kept[-1] != "A" else "B")
for what, path in (("another last letter", swapped), ("half of it", kept[:40]), ("more of it", kept + "A"),
                   ("another id", "/shared/" + "A" * 22 + kept[-42:]), ("a slash", kept + "/x"), ("nothing", "/shared/")):
    answer = guest.get(path)
    same((answer.status, answer.error, answer.headers.get("content-type")), (*ABSENT, PROBLEM), f"{what} opens nothing", answer)
answer = guest.get(swapped, headers={"Accept": "text/html"})
same((answer.status, answer.headers.get("referrer-policy"), answer.headers.get("x-robots-tag")),
     (404, "no-referrer", "noindex, nofollow"), "a browser is shown a page that says so", answer)
same(guest.put(kept).status, 405, "and a link is for reading only")
for _ in range(120):
    answer = make(client, file)
    if answer.status != 201:
        break
same((answer.status, answer.error, len(links(client, file))), (409, "conflict", 100), "a file has a hundred links at most", answer)
done()
