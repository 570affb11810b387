#!/usr/bin/python3
"""Uploads straight into S3, and files that are there: every answer is as doc/openapi.json says, and all that it says was seen."""

import hashlib
import sys
import time
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from files import CHUNK, TUS, postgres_away
from mayfly import Client, check, done, login, new_user, psql, same
from reference import Reference, Watched, refuse, send, status, twice
from s3_wrong import between

REFERENCE = Watched.reference = Reference()
OPERATIONS = [key for key, operation in REFERENCE.operations.items() if operation["tags"] == ["Direct uploads"]]
NOBODY = "01900000-0000-7000-8000-000000000000"
MIB = 1024 * 1024
PART = 5 * MIB


def put(part, content):
    """To S3 itself. The part as POST parts takes it."""
    place = urllib.parse.urlsplit(part["url"])
    body = content[part["offset"]:part["offset"] + part["size"]]
    answer = Client(url=f"{place.scheme}://{place.netloc}").put(f"{place.path}?{place.query}", body=body)
    return {"part": part["part"], "etag": status(answer, 200, "a part").etag}


def begin(client, content, **headers):
    return status(client.post("/files/direct", json={"size": len(content)}, headers=headers), 201, "a beginning").json()


def beginnings(client):
    twice(client, "POST", "/files/direct", 201, json={"name": "a.txt", "type": "text/plain", "size": 5, "csrf": ""})
    twice(client, "POST", "/files/direct", 201, form={"size": "5"})
    status(client.post("/files/direct", json={"name": None, "type": None, "size": 5}), 201, "null is nothing said")
    status(client.post("/files/direct", json={"size": 0}), 422, "no bytes")
    status(client.post("/files/direct", json={"size": 1 << 50}), 413, "too many bytes")
    plan = begin(client, range(101 * PART))
    rest = status(client.get(plan["next"]), 200, "the other parts").json()
    same(([one["part"] for one in rest["put"]], "next" in rest), ([101], False), "101 parts are two pages")
    status(client.get(f"{plan['url']}/parts?from=102"), 422, "a part too many")
    status(client.delete(plan["url"]), 204, "it is given up")


def completions(client, storage):
    content = b"hello"
    digest = hashlib.sha256(content).hexdigest()
    key = {"Idempotency-Key": "a-direct-upload"}
    plan = begin(client, content, **key)
    status(client.post(f"{plan['url']}/complete"), 409, "without its part")
    part = put(plan["put"][0], content)
    twice(client, "POST", f"{plan['url']}/parts", 204, json={"parts": [part]})
    status(client.post(f"{plan['url']}/parts", json={"parts": [{"part": 2, "etag": part["etag"]}]}), 422, "a part that is not")
    status(client.post(f"{plan['url']}/complete", json={"sha256": "x"}), 422, "no SHA-256")
    status(client.post(f"{plan['url']}/complete", json={"sha256": digest}), 201, "complete")
    status(client.post(f"{plan['url']}/complete", form={"sha256": digest, "csrf": ""}), 201, "complete already")
    for more in ({"json": {"sha256": None}}, {"json": {}}, {}):
        status(client.post(f"{plan['url']}/complete", **more), 201, "complete already")
    same(begin(client, content, **key)["sha256"], digest, "who begins again by the same key is told the file")
    status(client.get(f"{plan['url']}/parts"), 409, "complete already")
    status(client.post(f"{plan['url']}/parts", json={"parts": [part]}), 409, "complete already")
    for headers, wanted in (({}, 200), ({"Range": "bytes=1-2"}, 206), ({"If-None-Match": f'"{digest}"'}, 304),
                            ({"Range": "bytes=5-"}, 416)):
        status(client.get(plan["url"], headers=headers), wanted, "a file in S3")

    content = bytes(PART + 5)
    plan = begin(client, content)
    for part in plan["put"]:
        put(part, content)
    with storage.answers(lambda asked: (time.sleep(0.5), asked.passed_on())[1], when=lambda asked: asked.method == "GET"):
        status(client.post(f"{plan['url']}/complete"), 202, "a check that takes longer")
    while (answer := client.post(f"{plan['url']}/complete")).status == 202:
        pass
    status(answer, 201, "when all is checked")
    whole = status(client.get(plan["url"]), 200, "a file that nginx fetches from S3")
    check(whole.body == content, "has its bytes")

    plan = begin(client, b"hello")
    put(plan["put"][0], b"hello")
    status(client.post(f"{plan['url']}/complete", json={"sha256": hashlib.sha256(b"other").hexdigest()}), 460, "other bytes")


def locked(client):
    """As while another worker has the lease."""
    key = {"Idempotency-Key": "while-another-has-it"}
    plan = begin(client, b"hello", **key)
    url = status(client.post("/uploads", headers={**TUS, "Upload-Length": "5"}), 201, "tus").headers["Location"]
    for file in (plan["id"], url.rpartition("/")[2]):
        psql("UPDATE mayfly.file SET object_upload = '', lease = gen_random_uuid(), lease_until = now() + interval '1 minute' "
             f"WHERE id = '{file}'")
    status(client.get(f"{plan['url']}/parts"), 423, "parts")
    status(client.post(f"{plan['url']}/complete"), 423, "complete")
    status(client.post("/files/direct", json={"size": 5}, headers=key), 423, "the same beginning")
    status(client.patch(url, body=b"hello", headers={**TUS, "Content-Type": CHUNK, "Upload-Offset": "0"}), 423, "PATCH of tus")


user = new_user()
with between(s3_part_bytes=PART) as storage:
    client = Watched(login(user))
    beginnings(client)
    completions(client, storage)
    locked(client)
    plan, browser, fresh = begin(client, b"hello"), Watched(cookie=f"mayfly={login(user)}"), Watched(login(user))
    for key in OPERATIONS:
        refuse(key, lambda path, there: path.replace("{id}", plan["id"] if there else NOBODY), client, browser)
    with postgres_away():
        for method, path in OPERATIONS:
            status(send(fresh, method, path, path.replace("{id}", plan["id"])), 503, f"{method} {path} without a database")
    check(wait_until(15, lambda: Watched().get("/health/ready").status == 200), "the database is back")
status(client.post("/files/direct", json={"size": 5}), 404, "without S3")

EXCUSED = {414: "t/4771", 429: "t/4771", 431: "t/4771", 500: "t/4771"}
# What is said of all routes t/4771 has seen.
left = [one for one in REFERENCE.unseen(OPERATIONS, EXCUSED) if "#/components/schemas/Problem" not in str(one) and one[0] != "parameter"]
same(left, [], "all that the reference says of uploads straight into S3 was seen")
same(REFERENCE.complaints, 0, "and nothing else")
done()
