#!/usr/bin/python3
"""Large files straight into S3: the client puts parts by signed URLs, the worker checks every byte before it is a file."""

import hashlib
import random
import re
import sys
import time
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from chaos import at_once, workers
from mayfly import CHECKOUT, Client, check, dev, done, note, psql, same, settings, signed_in

MIB = 1024 * 1024
PART = 5 * MIB


def noise(length, seed):
    return random.Random(seed).randbytes(length)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def begin(client, size, name="large.bin", **more):
    return client.post("/files/direct", json={"name": name, "size": size}, headers=more)


def put(url, content, method="PUT", **headers):
    """To S3 itself, without any of our credentials."""
    place = urllib.parse.urlsplit(url)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(url=f"{place.scheme}://{place.netloc}").request(method, f"{place.path}?{place.query}", body=content,
                                                                  headers=fields)


def put_all(plan, content):
    return [put(part["url"], content[part["offset"]:part["offset"] + part["size"]]).status for part in plan["put"]]


def complete(client, plan, **fields):
    """Until it is a file or an error: (answers of 202, the last answer)."""
    for again in range(200):
        answer = client.post(f"{plan['url']}/complete", json=fields)
        if answer.status != 202:
            return again, answer
    raise TimeoutError("the check does not end")


def usage(user):
    return psql(f"SELECT bytes || ' ' || files FROM mayfly.account_usage WHERE account_id = '{user.id}'")


def all_goes_well(user, client):
    for size in (1, PART, 2 * PART + 10):
        content = noise(size, size)
        answer = begin(client, size, "große Datei.bin")
        plan = answer.json()
        same((answer.status, answer.headers.get("location"), plan["parts"], len(plan["put"])),
             (201, plan["url"], -(-size // PART), -(-size // PART)), f"{size} bytes: there is a URL for each part", answer)
        same(client.get(plan["url"]).status, 404, "it is no file yet")
        same(set(put_all(plan, content)), {200}, "S3 takes the parts")
        answer = complete(client, plan, sha256=sha256(content))[1]
        same((answer.status, answer.json().get("sha256"), answer.json().get("name")), (201, sha256(content), "große Datei.bin"),
             "complete makes it a file", answer)
        same(client.get(plan["url"]).body == content, True, "with these bytes")
        same(client.post(f"{plan['url']}/complete").json(), answer.json(), "complete again gives the same answer")
        same(put(plan["put"][0]["url"], noise(plan["put"][0]["size"], 99)).status, 404, "the URLs are dead: nobody can change what was checked")
        same(len(s3.of(plan["id"])), 1, "one object is in the bucket, and no upload")
    same(usage(user), f"{1 + PART + 2 * PART + 10} 3", "they count for the account")
    check("große Datei.bin" in [one["name"] for one in client.get("/files").json()["files"]], "they are in the list")
    plan = begin(client, 25, "page.png").json()
    put_all(plan, b"<script>alert(1)</script>")
    same(client.post(f"{plan['url']}/complete").json()["type"].partition("/")[0], "text", "without a checksum it works too; the type is told by the bytes")


def what_s3_refuses(client):
    content = noise(1000, 3)
    plan = begin(client, len(content)).json()
    url = plan["put"][0]["url"]
    same(put(url, content + b"x").status, 403, "one byte more is refused by S3")
    same(put(url, content[:-1]).status, 403, "one byte less too")
    same(put(url.replace("partNumber=1", "partNumber=2"), content).status, 403, "another part's number too")
    same(put(url, None, "GET").status, 403, "and another method")
    answer = client.post(f"{plan['url']}/complete")
    same((answer.status, answer.error), (409, "conflict"), "complete without the part says so", answer)
    same(put(url, content).status, 200, "the part can still be sent")
    same(complete(client, plan)[1].status, 201, "and then it is complete")
    with settings(direct_url_s=5):
        plan = begin(client, len(content)).json()
        time.sleep(6)
        same(put(plan["put"][0]["url"], content).status, 403, "a URL that is too old is refused")
        fresh = client.get(f"{plan['url']}/parts").json()
        same(put(fresh["put"][0]["url"], content).status, 200, "GET parts gives a new one")
        same(complete(client, plan)[1].status, 201, "with which it is completed")


def what_we_refuse(client):
    for fields, status, field in (({"name": "x", "size": 0}, 422, "size"), ({"name": "x" * 256, "size": 5}, 422, "name"), ({"name": "x"}, 422, "size"),
                                  ({"name": "x", "size": "12x"}, 422, "size"), ({"name": "x", "size": -5}, 422, "size"),
                                  ({"name": "x", "size": 2 ** 60}, 413, None)):
        answer = client.post("/files/direct", json=fields)
        same((answer.status, answer.json().get("field")), (status, field), f"POST /files/direct {fields}", answer)
    same(Client().post("/files/direct", json={"name": "x", "size": 5}).status, 401, "without a log-in there is no URL")
    user, other = signed_in()
    content = noise(500, 4)
    plan = begin(client, 500).json()
    same([other.post(f"{plan['url']}/complete").status, other.get(f"{plan['url']}/parts").status, other.delete(plan["url"]).status],
         [404, 404, 404], "an upload of somebody else is not there")
    same([client.get(f"{plan['url']}/parts?from={n}").status for n in (0, 2, "x")], [422, 422, 422], "parts that are not")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    same(client.patch(f"/uploads/{plan['id']}", body=content, headers=tus).status, 404, "tus knows nothing of it")
    put_all(plan, content)
    same(client.post(f"{plan['url']}/complete", json={"sha256": "xyz"}).status, 422, "what is no SHA-256 is refused")
    answer = complete(client, plan, sha256=sha256(b"other"))[1]
    same((answer.status, answer.error), (460, "checksum_mismatch"), "another SHA-256 than the bytes have is 460", answer)
    same(client.post(f"{plan['url']}/complete").status, 404, "what has wrong bytes is gone")

    before = usage(user)
    with settings(files_max_bytes=10_000):
        same(begin(other, 10_001).status, 413, "more than the account may have is refused before a URL is given")
        plan = begin(other, 9_000).json()
        same((begin(other, 2_000).status, before), (413, ""), "what was promised counts before it comes")
        same(other.delete(plan["url"]).status, 204, "an upload is given up with DELETE")
        same((usage(user), begin(other, 2_000).status), ("0 0", 201), "then its room is free")
    with settings(objects="postgres"):
        same(begin(client, 5).status, 404, "without S3 there is no such way")


def many_parts(client):
    """More than a page of URLs."""
    size = 150 * PART
    first = begin(client, size).json()
    second = client.get(first["next"]).json()
    same((first["parts"], len(first["put"]), second["put"][0]["part"], len(second["put"]), "next" in second),
         (150, 100, 101, 50, False), "150 parts come on two pages")
    same(sum(part["size"] for part in first["put"] + second["put"]), size, "they are the whole file")
    same(client.delete(first["url"]).status, 204, "it is given up")


def kills_and_repeats(client):
    content = noise(8 * PART + 5, 6)
    key = {"Idempotency-Key": "direct-1"}
    plan, again = (client.post("/files/direct", json={"name": "k", "size": len(content)}, headers=key).json() for _ in range(2))
    same(again["id"], plan["id"], "a repeated creation is the same upload")
    dev("kill")
    same(set(put_all(again, content)), {200}, "its URLs work without any worker of then")
    seen = []
    while len(seen) < 100 and (not seen or seen[-1] != 201):
        dev("kill")
        seen += [answer.status for answer in at_once(3, lambda _: Client(client.token).post(f"{plan['url']}/complete"))]
        if 201 not in seen:
            time.sleep(0.3)
        elif seen[-1] != 201:
            seen.append(client.post(f"{plan['url']}/complete").status)
    note(f"answers of complete between kills: {sorted(set(seen))}")
    same((set(seen) <= {201, 202, 423, 503}, seen[-1]), (True, 201), "three at a time, between kills, complete it once", seen)
    same(client.get(plan["url"]).body == content, True, "and its bytes are right")
    same(psql(f"SELECT count(*) FROM mayfly.file WHERE id = '{plan['id']}' AND state = 'committed'"), "1", "it is one file")
    check(len(workers()) > 0, "workers are there")


def browsers():
    """The rule for the bucket that doc/object-storage.md gives lets a page of ours put parts, and no other."""
    text = (CHECKOUT / "doc/object-storage.md").read_text()
    rule = re.search(r"<CORSConfiguration>.*?</CORSConfiguration>", text, re.S).group(0)
    s3.ask("PUT", query="cors=", body=rule)
    _, client = signed_in()
    plan = begin(client, 5).json()
    preflight = {"Access_Control_Request_Method": "PUT"}
    same([put(plan["put"][0]["url"], None, "OPTIONS", Origin=origin, **preflight).status
          for origin in ("https://example.org", "https://evil.example")], [200, 403], "the documented rule for the bucket is taken, and does what it says")


def main():
    s3.start()
    with settings(objects="s3", s3_part_bytes=PART, upload_lease_ms=2000):
        user, client = signed_in()
        all_goes_well(user, client)
        what_s3_refuses(client)
        what_we_refuse(client)
        many_parts(client)
        kills_and_repeats(client)
        browsers()
    done()


main()
