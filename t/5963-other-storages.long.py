#!/usr/bin/python3
"""S3 storages beside Ceph's gateway, s3rver (npm) and Swift with its S3 API (Debian): what every back end promises, the tests of uploads,
downloads, links, CSV and thumbnails, and what is told of what a storage does not tell. doc/object-storage.md names them;
MAYFLY_STORAGES=swift tries one of them."""

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
from chaos import INST, nginx_reload, wait_until
from files import file_url, forget_rows, noise, post_raw, sha256, tus_create, tus_head, tus_patch
from mayfly import CHECKOUT, SCRATCH, Client, check, done, note, psql, same, settings, signed_in

PART = 5 * 1024 * 1024
TEST_S = 600
SLOW = {"s3_timeout_ms": 120_000, "s3_stall_s": 60}  # a whole Swift is one process, and a test among others
LIBRARY = Path(other_storages.__file__)


def contract(storage):
    """Each promise of t/service/object-contract.c, as far as this storage can keep it."""
    command = f"{sys.executable} -B {LIBRARY} {{}} {storage.name}"
    wanted = {"objects": "s3", "s3_part_bytes": PART, **storage.settings(), **SLOW}
    ran = subprocess.run([Path(os.environ["MAYFLY_BUILD"]) / "t/object-contract", "s3", SCRATCH / "etc/mayfly.conf",
                          *(f"{name}={value}" for name, value in wanted.items())], capture_output=True, text=True, timeout=TEST_S,
                         env={**os.environ, "STORAGE_LACKS": storage.lacks, "STORAGE_STOP": command.format("stop"),
                              "STORAGE_START": command.format("start")})
    promises = re.findall(r"^(ok|not ok) \d+ - (\w+)(.*)$", ran.stdout, re.M)
    check(len(promises) > 20, f"{storage.name}: the promises are tried", ran.stdout, ran.stderr)
    for kept, name, _ in promises:
        check(kept == "ok", f"{storage.name}: {name.replace('_', ' ')}", *(ran.stderr.splitlines() if kept != "ok" else ()))


def nginx_asks(endpoint):
    """nginx fetches large files there ("": from nobody); what the file was."""
    path = SCRATCH / "etc/conf.d/mayfly-host.conf"
    before = path.read_text()
    path.write_text(re.sub(r'(map "" \$mayfly_s3 \{\s*default )[^;]*;', rf'\g<1>{endpoint or chr(34) * 2};', before))
    nginx_reload()
    return before


def same_tests(storage):
    """Those of uploads and downloads, and those of a storage that misbehaves, which stands before it then."""
    for name in storage.tests:
        ran = subprocess.run([sys.executable, Path(__file__).parent / name], capture_output=True, text=True, timeout=TEST_S,
                             env={**os.environ, "OTHER_STORAGE": storage.name})
        failed = [line for line in ran.stdout.splitlines() if line.startswith("not ok")]
        check(ran.returncode == 0 and not failed, f"{storage.name}: {name}", *failed, ran.stderr)


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


def main():
    tried = []
    wanted = os.environ.get("MAYFLY_STORAGES", "").split()
    for storage in (one() for one in other_storages.ALL if not wanted or one.name in wanted):
        missing = storage.missing()
        if missing:
            note(f"SKIP {storage.name}: {missing}")
            continue
        tried.append(storage.name)
        storage.start()
        before = nginx_asks(storage.endpoint)
        try:
            contract(storage)
            with settings(objects="s3", s3_part_bytes=PART, **storage.settings(), **SLOW):
                forget_rows()
                _, client = signed_in()
                by_tus(client, storage)
                directly(client, storage)
                nothing_stays(client, storage)
                same_tests(storage)
                forget_rows()
        finally:
            (SCRATCH / "etc/conf.d/mayfly-host.conf").write_text(before)
            nginx_reload()
            storage.stop()
    if not tried:
        print("1..0 # SKIP neither s3rver nor Swift is here: apt-get install npm python3-swift")
        sys.exit(0)
    document = (CHECKOUT / "doc/object-storage.md").read_text()
    same([name for name in tried if name.casefold() not in document.casefold()], [], "the document names those that were tried")
    done()


main()
