#!/usr/bin/python3
"""S3 storages beside Ceph's gateway, s3rver (npm) and Swift with its S3 API (Debian): what every back end promises, and what is told of
what a storage does not tell. doc/object-storage.md names them; t/5566 and t/5567 run the tests of files over them."""

import os
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import other_storages
import s3
from chaos import INST, wait_until
from files import file_url, forget_rows, noise, post_raw, sha256, tus_create, tus_head, tus_patch
from mayfly import CHECKOUT, SCRATCH, Client, check, done, note, psql, same, settings, signed_in
from other_storages import PART

LIBRARY = Path(other_storages.__file__)


def contract(storage):
    """Each promise of t/service/object-contract.c, as far as this storage can keep it."""
    command = f"{sys.executable} -B {LIBRARY} {{}} {storage.name}"
    ran = subprocess.run([Path(os.environ["MAYFLY_BUILD"]) / "t/object-contract", "s3", SCRATCH / "etc/mayfly.conf",
                          *(f"{name}={value}" for name, value in storage.settings().items())], capture_output=True, text=True, timeout=other_storages.TEST_S,
                         env={**os.environ, "STORAGE_LACKS": storage.lacks, "STORAGE_PAGE": str(storage.page),
                              "STORAGE_STOP": command.format("stop"), "STORAGE_START": command.format("start")})
    promises = re.findall(r"^(ok|not ok) \d+ - (\w+)(.*)$", ran.stdout, re.M)
    check(len(promises) > 20, f"{storage.name}: the promises are tried", ran.stdout, ran.stderr)
    for kept, name, _ in promises:
        check(kept == "ok", f"{storage.name}: {name.replace('_', ' ')}", *(ran.stderr.splitlines() if kept != "ok" else ()))


def mayflyctl(*words):
    return subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True, timeout=120)


def swept():
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting' AND sweep_at > now()")
    return mayflyctl("sweep")


def by_tus(client, storage):
    content = noise(2 * PART + 1000, 5)
    url = tus_create(client, len(content)).headers["Location"]
    for first, end in ((0, PART + 7), (PART + 7, len(content))):
        same((tus_patch(client, url, first, content[first:end]).status, tus_head(client, url).headers.get("Upload-Offset")),
             (204, str(end)), f"{storage.name}: an upload by tus has {end} bytes")
    same(sha256(client.get(file_url(url)).body), sha256(content), f"{storage.name}: which nginx fetches from there")
    check(wait_until(5, lambda: any(file_url(url) in line and f"127.0.0.1:{storage.port}" in line and '"200 : 200"' in line
                                    for line in (SCRATCH / "log/access.log").read_text(errors="replace").splitlines())),
          f"{storage.name}: itself, at the first try")


def put_there(url, content):
    place = urllib.parse.urlsplit(url)
    return Client(url=f"{place.scheme}://{place.netloc}").put(f"{place.path}?{place.query}", body=content)


def directly(client, storage):
    """The client puts parts there, and tells their ETags where the storage does not."""
    content = noise(2 * PART + 10, 6)
    plan = client.post("/files/direct", json={"name": "direct", "size": len(content)}).json()
    told = []
    for put in plan["put"]:
        reply = put_there(put["url"], content[put["offset"]:put["offset"] + put["size"]])
        same(reply.status, 200, f"{storage.name}: part {put['part']} is put straight there", reply)
        told.append({"part": put["part"], "etag": reply.headers.get("ETag")})

    def complete():
        while (reply := client.post(f"{plan['url']}/complete")).status == 202:
            pass
        return reply

    if "parts" in storage.lacks.split():
        reply = complete()
        same((reply.status, "/parts" in reply.text), (409, True), f"{storage.name}: complete says what to tell", reply)
        same(client.post(f"{plan['url']}/parts", json={"parts": told}).status, 204, f"{storage.name}: which is told")
    same(complete().status, 201, f"{storage.name}: then it is complete")
    same(sha256(client.get(plan["url"]).body), sha256(content), f"{storage.name}: and has the right bytes")
    late = put_there(plan["put"][0]["url"], noise(PART, 7))
    reply = client.get(plan["url"])
    note(f"{storage.name} answers {late.status} to a part that comes late, and the file is {reply.status} then")
    check(reply.status == 500 or sha256(reply.body) == sha256(content), f"{storage.name}: what was checked is not replaced by others", reply.status)


def nothing_stays(client, storage):
    """What can be known goes; what the storage does not tell is said."""
    lacks = storage.lacks.split()
    made = [post_raw(client, noise(size, size)).json()["id"] for size in (10, PART + 10)]
    open_one = tus_create(client, 3 * PART).headers["Location"]
    same(tus_patch(client, open_one, 0, noise(PART + 3, 5)).status, 204, f"{storage.name}: two files, and an upload under way")
    fsck = mayflyctl("fsck")
    same((fsck.returncode, fsck.stdout), (0, ""), f"{storage.name}: fsck finds nothing wrong", fsck.stderr)
    same("does not list unfinished uploads" in fsck.stderr, "uploads" in lacks, f"{storage.name}: and says what it was not told", fsck.stderr)
    same([client.delete(f"/files/{one}").status for one in made] + [client.delete(open_one, headers={"Tus-Resumable": "1.0.0"}).status],
         [204] * 3, f"{storage.name}: all three are deleted")
    ran = swept()
    same((ran.returncode, [key for key in s3.keys() if any(one in key for one in made)]), (0, []),
         f"{storage.name}: a sweep removes the objects", ran.stderr)
    if "uploads" not in lacks:
        same(s3.unfinished(open_one.rpartition("/")[2]), [], f"{storage.name}: and the upload")
    ran = swept()
    same((ran.returncode, psql(f"SELECT count(*) FROM mayfly.file WHERE id IN ('{made[0]}', '{made[1]}', '{open_one[-36:]}')")), (0, "0"),
         f"{storage.name}: after the next one there are no rows either", ran.stderr)


tried = []
for storage in other_storages.running(*other_storages.ALL):
    tried.append(storage.name)
    contract(storage)
    with settings(**storage.settings()):
        forget_rows()
        _, client = signed_in()
        by_tus(client, storage)
        directly(client, storage)
        nothing_stays(client, storage)
        forget_rows()
document = (CHECKOUT / "doc/object-storage.md").read_text()
same([name for name in tried if name.casefold() not in document.casefold()], [], "the document names those that were tried")
done()
