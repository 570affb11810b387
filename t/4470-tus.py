#!/usr/bin/python3
"""tus 1.0.0, rule by rule: https://tus.io/protocols/resumable-upload, and what its clients do besides."""

import base64
import contextlib
import email.utils
import http.client
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from crash import ctl
from files import (CHUNK, TUS, checksum, file_url, half_patch, half_sent, metadata, noise, pools_away, postgres_away, rows, sha256,
                   tus_create, tus_head, tus_offset, tus_patch, usage)
from mayfly import CHECKOUT, Client, check, done, login, psql, same, settings, signed_in

NOBODY = "/uploads/01900000-0000-7000-8000-000000000000"
user, client = signed_in()
stranger = signed_in()[1]


def created(length=None, **more):
    answer = tus_create(client, length, **more)
    assert answer.status == 201, answer
    return answer.headers["Location"]


def tus(answer, status, promise, **wanted):
    """An answer of tus's: status, version, and what the names with underscores say."""
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    got = {name: answer.headers.get(name) for name in wanted}
    return same((answer.status, answer.headers.get("tus-resumable"), got), (status, "1.0.0", wanted), promise, answer)


def complete(url, content, promise, **fields):
    """A finished upload is a file like any other."""
    answer = client.get(file_url(url))
    check(answer.status == 200 and answer.body == content, f"{promise}: it is a file with exactly these bytes", answer.status)
    listed = {one["url"]: one for one in client.get("/files?limit=100").json()["files"]}.get(file_url(url), {})
    wanted = {"size": len(content), "sha256": sha256(content), **fields}
    same({name: listed.get(name) for name in wanted}, wanted, f"{promise}: the list knows it")


# --- OPTIONS and the version

for path in ("/uploads", NOBODY):
    for headers in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = Client().request("OPTIONS", path, headers=headers)
        tus(answer, 204, f"OPTIONS {path[:9]} needs no log-in and no version", tus_version="1.0.0",
            tus_checksum_algorithm="sha1,sha256", tus_max_size=str(1 << 30))
check({"creation", "creation-with-upload", "creation-defer-length", "termination", "checksum", "expiration"} <=
      set(answer.headers["tus-extension"].split(",")), "and names the extensions")
check("checksum-trailer" not in answer.headers["tus-extension"], "but none that FastCGI can't carry")
url = created(10)
for version in ({}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0"}, {"Tus-Resumable": "2.0.0"}):
    for method, path, more in (("POST", "/uploads", {"Upload-Length": "5"}), ("HEAD", url, {}), ("DELETE", url, {}),
                               ("PATCH", url, {"Upload-Offset": "0", "Content-Type": CHUNK})):
        answer = client.request(method, path, headers={**version, **more}, body=b"12345" if method == "PATCH" else None)
        tus(answer, 412, f"{method} with version {version.get('Tus-Resumable')} is 412", tus_version="1.0.0")
same((tus_offset(client, url), rows(user)), (0, 1), "and nothing was done")

# --- creation

answer = tus_create(client, 10, Upload_Metadata=metadata(filename="plan.txt", filetype="text/plain", empty=""))
url = answer.headers["Location"]
tus(answer, 201, "POST creates")
expires = email.utils.parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp()
check(abs(expires - time.time() - 86400) < 60, "and tells when it expires", answer)
tus(tus_head(client, url), 200, "HEAD tells all that is known", upload_offset="0", upload_length="10",
    upload_metadata=metadata(filename="plan.txt", filetype="text/plain", empty="").strip(), cache_control="no-store",
    upload_defer_length=None)
for headers, status in (({}, 400), ({"Upload-Length": "-1"}, 400), ({"Upload-Length": "x"}, 400), ({"Upload-Length": "1.5"}, 400),
                        ({"Upload-Length": "99999999999999999999"}, 400), ({"Upload-Defer-Length": "2"}, 400),
                        ({"Upload-Defer-Length": "1", "Upload-Length": "5"}, 400),
                        ({"Upload-Length": str((1 << 30) + 1)}, 413), ({"Upload-Length": "5", "Upload-Concat": "whole"}, 400),
                        ({"Upload-Concat": f"final;\xff{NOBODY}"}, 400), ({"Upload-Concat": f"final;{NOBODY} \xc3{NOBODY}"}, 400)):
    there = rows(user)
    tus(client.post("/uploads", headers={**TUS, **headers}), status, f"POST with {headers} is {status}")
    same(rows(user), there, f"POST with {headers} makes nothing")
answer = tus_create(client, 0, Upload_Metadata=metadata(filename="nothing"))
tus(answer, 201, "an upload of no bytes")
complete(answer.headers["Location"], b"", "it needs no PATCH", name="nothing")
tus(tus_head(client, answer.headers["Location"]), 200, "HEAD says that it is whole", upload_offset="0", upload_length="0")

# --- metadata

ascii_key = "k " + base64.b64encode(b"v").decode()
for text, promise in (("filename", "a key alone"), ("a YQ==, b", "spaces after commas"), (ascii_key, "any key"), ("", "none"), (",", "nothing but a comma"),
                      ("filename " + base64.b64encode("../../Ünï\x01\0.txt".encode()).decode(), "a hostile name")):
    tus(tus_create(client, 1, Upload_Metadata=text), 201, f"metadata: {promise}")
for text, promise in (("a YQ==,a Yg==", "a key twice"), ("a !!!", "no base64"), ("a YQ== YQ==", "two values"),
                      ("k\xff YQ==", "a key that is no UTF-8"), ("k\x01 YQ==", "a control character"),
                      (",".join(f"k{n} YQ==" for n in range(33)), "33 pairs"), ("a " + "QUFB" * 1100, "more than 4096 bytes")):
    answer = tus_create(client, 1, Upload_Metadata=text)
    tus(answer, 400, f"metadata: {promise} is refused")
    check("Upload-Metadata" in answer.json()["detail"], f"metadata: {promise}: the error names the header", answer)
for path in sorted((CHECKOUT / "t/data/tus-metadata/invalid").iterdir()):
    text = path.read_bytes().removesuffix(b"\n")
    if path.suffix != ".err" and len(text) < 6000 and b"\n" not in text and b"\0" not in text:
        check(tus_create(client, 1, Upload_Metadata=text.decode("latin-1")).status == 400, f"metadata is refused: {path.name}")
for name, shown in (("../../etc/passwd", "passwd"), ("Grüße 🌍.txt", "Grüße 🌍.txt"), ("x" * 300, "x" * 255), ("a\0b", "ab"), ("", "file")):
    url = created(1, body=b"x", Upload_Metadata=metadata(filename=name))
    complete(url, b"x", f"the name {name[:20]!r}", name=shown)
url = created(5, body=b"<html", Upload_Metadata=metadata(filename="a.png", filetype="image/png"))
check(not client.get(file_url(url)).headers["Content-Type"].startswith("image/"), "a claimed type is not believed")

# --- PATCH

content = noise(700_000)
url = created(len(content), Upload_Metadata=metadata(filename="noise.bin"))
tus(tus_patch(client, url, 0, content[:300_000]), 204, "PATCH takes a piece", upload_offset="300000")
for offset in (0, 299_999, 300_001, 700_000):
    tus(tus_patch(client, url, offset, b"x"), 409, f"PATCH at {offset} is 409")
for offset in ("", "x", "-1"):
    tus(client.patch(url, body=b"x", headers={**TUS, "Content-Type": CHUNK, "Upload-Offset": offset}), 400, f"offset {offset!r} is 400")
tus(client.patch(url, body=b"x", headers={**TUS, "Content-Type": CHUNK}), 400, "PATCH without an offset is 400")
for kind in ("application/octet-stream", "", "application/json"):
    tus(client.patch(url, body=b"x", headers={**TUS, "Content-Type": kind, "Upload-Offset": "300000"}), 415, f"PATCH of {kind!r} is 415")
tus(tus_patch(client, url, 300_000, noise(400_001)), 413, "more than its length is 413")
tus(tus_head(client, url), 200, "and the upload is as it was", upload_offset="300000", upload_length="700000")
tus(tus_patch(client, url, 300_000, b""), 204, "PATCH of no bytes changes nothing", upload_offset="300000")
answer = tus_patch(client, url, 300_000, content[300_000:300_001])
check("Upload-Expires" in answer.headers, "each PATCH tells when the upload expires", answer)
tus(client.post(url, body=content[300_001:400_000], headers={**TUS, "X-HTTP-Method-Override": "PATCH", "Content-Type": CHUNK,
                                                              "Upload-Offset": "300001"}),
    204, "POST with X-HTTP-Method-Override: PATCH is one", upload_offset="400000")
tus(tus_patch(client, url, 400_000, content[400_000:]), 204, "the last piece", upload_offset="700000")
complete(url, content, "the last byte makes a file", name="noise.bin")
tus(tus_head(client, url), 200, "HEAD of a complete upload", upload_offset="700000", upload_length="700000", upload_expires=None)
tus(tus_patch(client, url, 700_000, b""), 204, "a PATCH of nothing at its end changes nothing", upload_offset="700000")
tus(tus_patch(client, url, 700_000, b"x"), 413, "nothing is added to it")
tus(tus_patch(client, url, 0, content), 409, "nor written over it")
tus(tus_patch(client, url, 699_999, content[-1:]), 409, "nor its last byte again, by who has not asked how far it is")
complete(url, content, "after that")
for method in ("HEAD", "PATCH", "DELETE"):
    for somebody, path in ((client, NOBODY), (client, "/uploads/nonsense"), (stranger, url)):
        answer = somebody.request(method, path, headers={**TUS, "Content-Type": CHUNK, "Upload-Offset": "0"},
                                  body=b"" if method == "PATCH" else None)
        tus(answer, 404, f"{method} of {'another user' if somebody is stranger else path[9:17]}'s upload is 404", upload_offset=None)
    same(Client().request(method, url, headers=TUS, body=b"" if method == "PATCH" else None).status, 401, f"{method} by a guest is 401")

# --- creation-with-upload, and lengths that come later

answer = tus_create(client, 10, body=b"first")
tus(answer, 201, "POST with bytes", upload_offset="5")
url = answer.headers["Location"]
tus(tus_patch(client, url, 5, b"other"), 204, "and the others", upload_offset="10")
complete(url, b"firstother", "created with bytes")
answer = tus_create(client, 5, body=b"whole")
tus(answer, 201, "POST with all bytes", upload_offset="5")
complete(answer.headers["Location"], b"whole", "created with all bytes")
there = rows(user)
check(tus_create(client, 3, body=b"more than that").status == 413, "POST with more bytes than it says is 413")
with half_sent(client, "POST", "/uploads", 300_000, b"x" * 270_000, {**TUS, "Content-Type": CHUNK, "Upload-Length": "400000"}):
    time.sleep(0.1)
check(tus_create(client, 5, body=b"abcde", Upload_Checksum=checksum("sha1", b"x")).status == 460, "POST with a wrong checksum is 460")
check(tus_create(client, 5, body=b"abcde", Upload_Checksum="md5 x").status == 400, "POST with an unknown checksum is 400")
check(wait_until(5, lambda: rows(user) == there), "of what the client can't know the place of nothing is left", rows(user), there)
answers = [tus_create(client, 10, body=b"12345", Idempotency_Key="with-bytes") for _ in range(2)]
same([(answer.status, answer.headers["Location"], answer.headers.get("Upload-Offset")) for answer in answers],
     [(201, answers[0].headers["Location"], "5")] * 2, "POST with bytes that is repeated tells the same place and offset")
check("\n" not in answers[0].headers["Upload-Expires"], "and one expiry", answers[0])
url = created(Upload_Defer_Length="1")
tus(tus_head(client, url), 200, "without a length", upload_defer_length="1", upload_length=None, upload_offset="0")
tus(tus_patch(client, url, 0, noise(300_000)), 204, "bytes before the length", upload_offset="300000")
tus(tus_patch(client, url, 300_000, b"", Upload_Length="299999"), 400, "a length below what is there is 400")
tus(tus_patch(client, url, 300_000, b"ab", Upload_Length="300004"), 204, "the length with a PATCH", upload_offset="300002")
tus(tus_head(client, url), 200, "then it is known", upload_length="300004", upload_defer_length=None)
tus(tus_patch(client, url, 300_002, b"", Upload_Length="300005"), 400, "and stays")
tus(tus_patch(client, url, 300_002, b"cd", Upload_Length="300004"), 204, "the same again does no harm", upload_offset="300004")
complete(url, noise(300_000) + b"abcd", "deferred length")
url = created(Upload_Defer_Length="1")
tus_patch(client, url, 0, b"abc")
tus(tus_patch(client, url, 3, b"", Upload_Length="3"), 204, "the length may come last, with no bytes", upload_offset="3")
complete(url, b"abc", "length last")
tus(tus_patch(client, created(Upload_Defer_Length="1"), 0, b"abcd", Upload_Length="3"), 413, "more bytes than the length with them")

# --- checksum

for algorithm in ("sha1", "sha256"):
    url = created(600_000)
    tus(tus_patch(client, url, 0, b"plain"), 204, f"{algorithm}: without a checksum", upload_offset="5")
    for wrong in (b"", noise(300_000)):
        tus(tus_patch(client, url, 5, noise(300_000, 2), Upload_Checksum=checksum(algorithm, wrong)), 460, f"{algorithm}: wrong is 460")
        same(tus_offset(client, url), 5, f"{algorithm}: the offset is unchanged")
    for text in (f"{algorithm}", f"{algorithm} !!!", f"{algorithm} YWJj", f"{algorithm.upper()} YWJj"):
        tus(tus_patch(client, url, 5, b"x", Upload_Checksum=text), 400, f"{algorithm}: {text!r} is 400")
    tus(tus_patch(client, url, 5, noise(300_000), Upload_Checksum=checksum(algorithm, noise(300_000))), 204, f"{algorithm}: right",
        upload_offset="300005")
    rest = noise(299_995, 3)
    with half_patch(client, url, 300_005, len(rest), rest[:280_000], Upload_Checksum=checksum(algorithm, rest)):
        time.sleep(0.1)
    time.sleep(0.1)
    same(tus_offset(client, url), 300_005, f"{algorithm}: of a chunk that is cut off nothing is kept, since nobody knows it is right")
    tus(tus_patch(client, url, 300_005, rest, Upload_Checksum=checksum(algorithm, rest)), 204, f"{algorithm}: the rest",
        upload_offset="600000")
    complete(url, b"plain" + noise(300_000) + rest, algorithm)
for text in ("md5 YWJj", "crc32 YWJj", "nonsense"):
    tus(tus_patch(client, created(5), 0, b"x", Upload_Checksum=text), 400, f"the algorithm of {text!r} is 400")
answer = tus_create(client, 5, body=b"abcde", Upload_Checksum=checksum("sha1", b"other"))
tus(answer, 460, "creation with bytes and a wrong checksum is 460")

# --- termination

counted = usage(user)
url = created(100_000)
tus_patch(client, url, 0, noise(50_000))
same(usage(user), (counted[0] + 100_000, counted[1] + 1), "a promised length counts from the beginning")
tus(client.delete(url, headers=TUS), 204, "DELETE ends an upload")
same(usage(user), counted, "and gives its room back")
tus(tus_head(client, url), 404, "then HEAD is 404", upload_offset=None)
tus(tus_patch(client, url, 50_000, b"x"), 404, "PATCH is 404")
tus(client.delete(url, headers=TUS), 404, "DELETE is 404")
url = created(5, body=b"whole")
tus(client.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}), 204, "DELETE by override, of a complete one")
same(client.get(file_url(url)).status, 404, "which is gone as a file")

# --- expiration

url = created(10)
tus_patch(client, url, 0, b"half")
psql(f"UPDATE mayfly.file SET sweep_at = now() - interval '1 second' WHERE id = '{url[9:]}'")
tus(tus_head(client, url), 404, "an expired upload is gone", upload_offset=None)
tus(tus_patch(client, url, 4, b"more"), 404, "and takes nothing")
# Its ten bytes count until it is swept, which an idle worker may do at any moment: what is counted below must not change by that.
ctl("sweep")
check(wait_until(10, lambda: psql(f"SELECT count(*) FROM mayfly.file WHERE id = '{url[9:]}' AND state = 'pending'") == "0"), "and is swept")

# --- limits

counted = usage(user)
with settings(file_max_bytes=1_000_000, files_max_bytes=counted[0] + 1_500_000):
    same(Client().request("OPTIONS", "/uploads").headers["Tus-Max-Size"], "1000000", "OPTIONS tells the limit of a file")
    tus(tus_create(client, 1_000_001), 413, "a length over the limit of a file is 413")
    url = created(1_000_000)
    answer = tus_create(client, 500_001)
    tus(answer, 413, "a length over the quota is 413")
    check("500000 more bytes" in answer.json()["detail"], "and tells what is left", answer)
    deferred = created(Upload_Defer_Length="1")
    tus(tus_patch(client, deferred, 0, noise(500_001)), 413, "without a length, bytes over the quota are 413")
    got = tus_offset(client, deferred)
    check(got is not None and got <= 500_000 and usage(user)[0] <= counted[0] + 1_500_000, "what came before counts", got)
    client.delete(url, headers=TUS)
    rest = noise(600_000)[got:]
    tus(tus_patch(client, deferred, got, rest, Upload_Length="600000"), 204, "with room again it goes on", upload_offset="600000")
    deferred = created(Upload_Defer_Length="1")
    tus(tus_patch(client, deferred, 0, b"", Upload_Length="1000001"), 413, "a late length over the limit is 413")

# --- repeated, broken off, interrupted

key = {"Idempotency_Key": "create-once"}
same(created(10, **key), created(10, **key), "a creation that is repeated gives the same upload")
there = rows(user)
for length, more in ((11, {}), (None, {"Upload_Defer_Length": "1"}), (10, {"Upload_Metadata": metadata(filename="other")}),
                     (10, {"Upload_Concat": "partial"})):
    answer = tus_create(client, length, **more, **key)
    tus(answer, 422, f"the same key with {more or length} is 422", location=None)
    check("Idempotency-Key" in answer.json()["detail"], "and the error names the key", answer)
key = {"Idempotency_Key": "create-in-full", "Upload_Metadata": metadata(filename="same"), "Upload_Concat": "partial"}
same(created(10, **key), created(10, **key), "with all of the same headers it is the same upload")
same(rows(user), there + 1, "one for each key")
content = noise(2_000_000)
url = created(len(content))
offset, breaks = 0, 0
while offset < len(content) and breaks < 20:
    with half_patch(client, url, offset, len(content) - offset, content[offset:offset + 150_001]):
        time.sleep(0.1)  # nginx itself forgets what it read together with the connection's end
    breaks += 1
    wanted = min(offset + 150_001, len(content))
    check(wait_until(10, lambda: tus_offset(client, url) == wanted), f"break {breaks}: every byte that arrived is kept",  # pylint: disable=cell-var-from-loop
          tus_offset(client, url), wanted)
    offset = tus_offset(client, url)
complete(url, content, f"after {breaks} broken connections")
url = created(1000)
with half_patch(client, url, 0, 1000, b"old writer") as old:
    time.sleep(0.2)
    tus(tus_patch(client, url, 0, b"newer"), 204, "a client that comes again takes over from its own dead connection",
        upload_offset="5")
    old.sendall(b"x" * 990)
    answer = http.client.HTTPResponse(old)
    answer.begin()
    check(answer.status in (409, 423), "whose late bytes are refused", answer.status)
same(tus_offset(client, url), 5, "and change nothing")
url, wrong = created(len(content)), noise(len(content), 9)
with half_patch(client, url, 0, len(content), wrong[:600_000], Upload_Checksum=checksum("sha1", wrong)) as old:
    time.sleep(0.2)
    tus(tus_patch(client, url, 0, content), 204, "so it does from one with a checksum", upload_offset=str(len(content)))
    with contextlib.suppress(ConnectionError):
        old.sendall(wrong[600_000:])
        answer = http.client.HTTPResponse(old)
        answer.begin()
        check(answer.status in (409, 423), "whose late bytes are refused too", answer.status)
complete(url, content, "and nothing of them is in the file")
url = created(Upload_Defer_Length="1")
tus(tus_patch(client, url, 0, wrong, Upload_Checksum=checksum("sha1", content)), 460, "a wrong chunk that is longer than the file")
tus(tus_patch(client, url, 0, b"short", Upload_Length="5"), 204, "will be", upload_offset="5")
complete(url, b"short", "after a wrong chunk")
same(psql(f"SELECT count(*) FROM mayfly.file_chunk WHERE file_id = '{url[9:]}'"), "1", "leaves nothing behind")

# --- a logout wins over what began before it

leaver, first = signed_in()
client_before, client = client, first
url = created(1000)
with half_patch(first, url, 0, 1000, b"x" * 400) as slow:
    time.sleep(0.2)
    same(first.post("/logout").status, 200, "a log-out while an upload's last bytes are still to come")
    slow.sendall(b"x" * 600)
    answer = http.client.HTTPResponse(slow)
    answer.begin()
    same(answer.status, 401, "which then end nothing")
same(rows(leaver, "'committed'"), 0, "so there is no file")
client = Client(login(leaver))
same(tus_offset(client, url), 1000, "who logs in again finds every byte")
complete(url, b"x" * 1000, "and with that")
with half_sent(client, "POST", "/upload?name=late", 10, b"12345") as slow:
    time.sleep(0.2)
    client.post("/logout")
    slow.sendall(b"67890")
    answer = http.client.HTTPResponse(slow)
    answer.begin()
    same(answer.status, 401, "nor does a whole body that began before and ends after it")
client = client_before

# --- what is away

content = noise(400_000)
url = created(len(content))
tus_patch(client, url, 0, content[:200_000])
with postgres_away():
    answer = tus_head(client, url)
    tus(answer, 423, "HEAD is 423 while the database is away, so clients come again", upload_offset=None)
    answer = tus_patch(client, url, 200_000, content[200_000:])
    check(answer.stated_503() and answer.headers.get("tus-resumable") == "1.0.0", "PATCH is 503", answer)
    answer = tus_create(client, 5)
    check(answer.stated_503() and answer.headers.get("tus-resumable") == "1.0.0", "POST is 503", answer)
check(wait_until(15, lambda: tus_offset(client, url) == 200_000), "when it is back HEAD tells the offset")
with pools_away("files-a", "files-b"):
    answer = tus_head(client, url)
    tus(answer, 423, "HEAD is 423 while no worker answers", upload_offset=None, cache_control="no-store")
    check("Retry-After" in answer.headers, "and says when to come again", answer)
    answer = tus_patch(client, url, 200_000, content[200_000:])
    check(answer.stated_503() and answer.headers.get("tus-resumable") == "1.0.0", "PATCH is 503 then", answer)
tus(tus_patch(client, url, 200_000, content[200_000:]), 204, "and goes on when they are back", upload_offset="400000")
complete(url, content, "after both")
done()
