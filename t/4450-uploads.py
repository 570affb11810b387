#!/usr/bin/python3
"""POST /upload: forms and raw bodies become files once and whole, whatever their names; a refused upload leaves nothing."""

import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import BOUNDARY, form, half_sent, noise, part, post_form, post_raw, rows, sha256, usage
from mayfly import CHECKOUT, PAGE, SCRATCH, Client, check, done, psql, same, settings, signed_in

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da636460f80f000105"
                    "010127182d720000000049454e44ae426082")
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

user, client = signed_in()


def arrived(answer, content, promise, **wanted):
    """One file that has exactly these bytes and tells so."""
    fields = answer.json() if answer.status == 201 else {}
    wanted = {"size": len(content), "sha256": sha256(content), **wanted}
    good = same({name: fields.get(name) for name in wanted}, wanted, promise, answer)
    return check(good and answer.headers.get("Location") == fields["url"] == f"/files/{fields['id']}" and
                 client.get(fields["url"]).body == content, f"{promise}, and is read back as it was sent", answer)


# --- forms

several = [("one.txt", b"first"), ("two.bin", noise(700_000)), ("empty", b""), ("dashes.txt", b"\r\n--edg\r\n--Edge\r" * 999)]
answer = post_form(client, part("title", "no file"), *(part("any-name", content, name) for name, content in several),
                   part("after", "x" * 1000))
files = answer.json().get("files", []) if answer.status == 201 else []
same([(one["name"], one["size"], one["sha256"]) for one in files],
     [(name, len(content), sha256(content)) for name, content in several], "a form's files come in their order", answer)
check(all(client.get(one["url"]).body == content for one, (_, content) in zip(files, several)),
      "and are read back as they were sent")
same(usage(user), (sum(len(content) for _, content in several), len(several)), "exactly their bytes are counted")
arrived(post_form(client, part("file", b"only", "only.txt")), b"only", "a single file", name="only.txt")
arrived(post_form(client, part("file", b"", "nothing.txt")), b"", "an empty file", name="nothing.txt")
boundary = "b" * 70
answer = client.post("/upload", body=form(part("a", b"x", "x")).replace(b"--edge", b"--" + boundary.encode()),
                     headers={"Content-Type": f'multipart/form-data; boundary="{boundary}"'})
arrived(answer, b"x", "a boundary of 70 characters in quotes")
answer = post_form(client, part("a", b"from a page", "page.txt"), Accept=PAGE, Sec_Fetch_Site="same-origin")
same((answer.status, answer.headers.get("location")), (303, "/files?uploaded=1"), "a form in a page leads back to the page")

# --- names

NAMES = {
    "Grüße, 世界 🌍.txt": "Grüße, 世界 🌍.txt", "../../../etc/passwd": "passwd", "..\\..\\boot.ini": "boot.ini",
    "/etc/shadow": "shadow", "..": "file", ".": "file", "/": "file", " ": "file", "a\tb\x01c\x7f.txt": "abc.txt",
    "invoice\u202egpj.exe": "invoicegpj.exe", "x" * 300: "x" * 255, "é" * 200 + ".jpeg": "é" * 125 + ".jpeg",
    "100%25.txt": "100%25.txt", "quote%22.txt": 'quote".txt',
}
for sent, shown in NAMES.items():
    arrived(post_form(client, part("f", b"named", sent)), b"named", f"the name {sent[:24]!r} is {shown[:24]!r}", name=shown)
arrived(post_form(client, part("f", b"latin", b"caf\xe9.txt")), b"latin", "a name that is no UTF-8", name="caf_.txt")
answer = post_form(client, part("f", b"nul", b"a\0b.txt"))
check(answer.status == 400 or answer.json()["name"] == "ab.txt", "a NUL in a form's name is refused or left out", answer)
for sent, shown in (("../%00../x.txt", "x.txt"), ("a/b/Ünï.txt", "Ünï.txt"), ("x" * 300 + ".tar", "x" * 251 + ".tar")):
    answer = client.post("/upload", body=b"raw", headers={"Content-Disposition": f"attachment; filename*=UTF-8''"
                         + sent.replace("Ü", "%C3%9C").replace("ï", "%C3%AF")})
    arrived(answer, b"raw", f"a raw body's name {sent[:24]!r}", name=shown)
arrived(post_raw(client, b"raw", "../Größe\x01\n.txt"), b"raw", "a name in the query", name="Größe.txt")
arrived(post_raw(client, b"raw"), b"raw", "no name", name="file")
same(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND object_name !~ '^[A-Za-z0-9._~-]+$'"), "0",
     "no name is used as a path")

# --- raw bodies and types

arrived(post_raw(client, b""), b"", "an empty body")
arrived(post_raw(client, noise(3_000_001)), noise(3_000_001), "three megabytes and a byte")
arrived(post_raw(client, PNG, "p.png", "image/png"), PNG, "a picture is what it is", type="image/png")
answer = post_raw(client, b"<html><script>alert(1)</script></html>", "cat.png", "image/png")
same((answer.status, answer.json()["type"]), (201, "text/html"), "HTML that is called a picture is not one", answer)
answer = post_raw(client, b"plain words", "doc.pdf", "application/pdf")
check(answer.status == 201 and answer.json()["type"] != "application/pdf", "words that are called a PDF are none", answer)
answer = post_raw(client, b"x", "x", "nonsense;;;/<>\"")
check(answer.status == 201 and "<" not in answer.json()["type"], "a claimed type that is none does no harm", answer)

# --- the profile's photo

answer = post_form(client, part("photo", PNG, "me.png", "image/png"))
same((answer.status, client.get("/profile").json()["photo"]), (201, answer.json().get("url")),
     "a picture in the field `photo` is the profile's", answer)
photo = answer.json().get("url")
before = usage(user)
answer = post_form(client, part("photo", b"words", "me.png", "image/png"))
same((answer.status, answer.error), (415, "unsupported_type"), "words in the field `photo` are refused", answer)
same((client.get("/profile").json()["photo"], usage(user)), (photo, before), "and change nothing")
same((client.delete(photo).status, client.get("/profile").json()["photo"]), (204, None),
     "a photo that is deleted is no longer the profile's")

# --- what is refused leaves nothing


def refused(answer, status, promise, words=""):
    """A clear error, and neither bytes nor rows of it are counted."""
    check(answer.status == status and answer.error is not None and words in answer.json()["detail"], promise, answer)
    same((usage(user), rows(user)), (before, before[1]), f"{promise}, and nothing is left of it")


before = usage(user)
refused(post_form(client, part("a", "b")), 422, "a form without a file")
refused(client.post("/upload", body=b"x", headers={"Content-Type": "multipart/form-data"}), 400, "a form without a boundary")
for path in sorted((CHECKOUT / "t/data/multipart/invalid").glob("*.err")):
    body, name = path.with_suffix("").read_bytes(), path.stem
    answer = client.post("/upload", body=body, headers=MULTIPART)
    check(answer.status in (400, 413, 415, 422) and answer.error, f"a form that is wrong: {name}", answer)
    # The same after a file that came whole.
    answer = client.post("/upload", body=form(part("f", noise(300_000), "kept.bin")).removesuffix(b"--\r\n").removesuffix(b"--edge")
                         + body, headers=MULTIPART)
    check(answer.status in (400, 413, 415, 422) and answer.error, f"a form that is wrong after its first file: {name}", answer)
same((usage(user), rows(user)), (before, before[1]), "and nothing is left of all of them")
with settings(file_max_bytes=1_000_000, files_max_bytes=before[0] + 1_500_000):
    refused(post_raw(client, noise(1_000_001)), 413, "a body over the limit of a file", "1000000")
    refused(post_form(client, part("f", noise(1_000_001), "x")), 413, "a form's file over the limit of a file", "1000000")
    refused(post_form(client, part("f", noise(900_000), "x"), part("f", noise(1_000_001), "x")), 413, "the second of them")
    with half_sent(client, "POST", "/uploads", 1, b"", {}) as connection:
        pass  # a connection that only opens and closes harms nobody
    answer = post_raw(client, noise(999_999), "first")
    same(answer.status, 201, "what fits is taken", answer)
    before = usage(user)
    refused(post_raw(client, noise(500_002)), 413, "a body over the quota says what is left", "500001 more bytes")
    refused(post_form(client, part("f", noise(500_002), "x")), 413, "a form over the quota")
    answer = post_form(client, *(part("f", noise(160_000), f"{n}.bin") for n in range(3)))
    same((answer.status, usage(user)), (201, (before[0] + 480_000, before[1] + 3)), "a form of three files that fits is taken",
         answer)
    before = usage(user)
with settings(files_max_count=before[1] + 1):
    same(post_raw(client, b"last").status, 201, "the last file of the allowed number")
    before = usage(user)
    refused(post_raw(client, b"one more"), 413, "one file more", "files")
started = time.monotonic()
with half_sent(client, "POST", "/upload", 1_000_000, noise(500_000), MULTIPART):
    pass
with half_sent(client, "POST", "/upload", 1_000_000, noise(500_000), {}):
    pass
time.sleep(0.5)
same((usage(user), rows(user)), (before, before[1]), "nothing is left of bodies that were cut off")
same(Client().post("/upload", body=b"x").status, 401, "nobody uploads without an account")
answer = Client(cookie=f"mayfly={client.token}").post("/upload", body=b"x", headers={"Sec-Fetch-Site": "cross-site"})
same((answer.status, usage(user)), (403, before), "no other site uploads in a user's name", answer)

# --- once

key = {"Idempotency-Key": "once-only"}
first = post_raw(client, b"once", "once.txt", **key)
again = post_raw(client, b"once", "once.txt", **key)
same((again.status, again.headers.get("idempotent-replayed"), again.json()), (201, "true", first.json()),
     "the same key gives the first one's file", again)
same((usage(user), rows(user)), ((before[0] + 4, before[1] + 1), before[1] + 1), "which is there once")
other = post_raw(client, b"another", "once.txt", **key)
same((other.status, rows(user)), (422, before[1] + 1), "another file by the same key is refused", other)
form_key = {"Idempotency_Key": "once-as-form"}
first, again = (post_form(client, part("f", b"1", "1"), part("f", b"2", "2"), **form_key) for _ in range(2))
same((first.json(), rows(user)), (again.json(), before[1] + 3), "a form's files are there once as well", again)

# --- whatever the program that finds types does

TUS = {"Tus-Resumable": "1.0.0"}
UNKNOWN = "application/octet-stream"


def stand_in(script):
    """A program that misbehaves in place of mayfly-sniff."""
    path = SCRATCH / "tmp" / "sniff"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def tus_at_once(client, content):
    return client.post("/uploads", body=content, headers={**TUS, "Upload-Length": str(len(content)), "Content-Type": "application/offset+octet-stream"})


def type_of(client, identity):
    return psql(f"SELECT type FROM mayfly.file WHERE id = '{identity}' AND state = 'committed'")


_, sender = signed_in()
with settings(sniff_program=stand_in("kill -s SEGV $$")):
    answer = post_raw(sender, b"some words", "words")
    same((answer.status, answer.json().get("type")), (201, UNKNOWN), "it crashes: the file is kept as of no known type", answer)
    answer = post_raw(sender, PNG, "a.png")
    same((answer.status, answer.json().get("type")), (201, "image/png"), "what our own rules know does not ask it", answer)
    answer = post_form(sender, part("a", b"some words", "words"), part("b", PNG, "a.png"), part("c", b"others", "words"))
    same([one["type"] for one in answer.json().get("files", [])], [UNKNOWN, "image/png", UNKNOWN], "so with several files", answer)
    answer = tus_at_once(sender, b"words by tus")
    same((answer.status, answer.headers.get("upload-offset"), type_of(sender, answer.headers["location"].rsplit("/", 1)[1])),
         (201, "12", UNKNOWN), "and by tus", answer)
with settings(sniff_program="/nowhere/mayfly-sniff"):
    answer = post_raw(sender, b"some words", "words")
    same((answer.status, answer.json().get("type")), (201, UNKNOWN), "it is not there: so, too", answer)
with settings(sniff_program=stand_in("exec sleep 60")):
    answers, slowest = [], 0
    _, second = signed_in()
    threads = [threading.Thread(target=lambda: answers.append(post_raw(Client(sender.token), b"some words", "words"))),
               threading.Thread(target=lambda: answers.append(tus_at_once(Client(sender.token), b"words by tus")))]
    threads += [threading.Thread(target=lambda: answers.append(post_raw(Client(second.token), b"others", "words")))]
    for thread in threads:
        thread.start()
    asked = 0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        answer = post_raw(second, PNG, "a.png")
        slowest = max(slowest, time.monotonic() - began) if answer.status == 201 else 99
        asked += 1
    same([one.status for one in answers], [201, 201, 201], "it hangs: the files are kept all the same", *answers)
    same(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = (SELECT account_id FROM mayfly.file WHERE id = "
              f"'{answers[0].json()['id'] if answers[0].body else answers[1].json()['id']}') AND state = 'pending'"), "0", "and none is left behind")
    check(asked > 5 and slowest < 1, "meanwhile the workers serve others", asked, slowest)
    hurried = Client(sender.token, timeout=0.3)
    try:
        post_raw(hurried, b"left alone", "left-alone")
    except OSError:
        hurried.close()
    creation = sender.post("/uploads", headers={**TUS, "Upload-Length": "5"})
    where = creation.headers["location"]
    hurried = Client(sender.token, timeout=0.3)
    try:
        hurried.request("PATCH", where, body=b"words", headers={**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
    except OSError:
        hurried.close()
until = time.monotonic() + 10
while psql("SELECT count(*) FROM mayfly.file WHERE name = 'left-alone' AND state = 'pending'") != "0" and time.monotonic() < until:
    time.sleep(0.1)
same(psql("SELECT count(*) FROM mayfly.file WHERE name = 'left-alone' AND state = 'pending'"), "0", "who goes away before the type is found leaves nothing")
answer = sender.request("HEAD", where, headers=TUS)
same((answer.status, answer.headers.get("upload-offset"), type_of(sender, where.rsplit("/", 1)[1])), (200, "5", "text/plain; charset=utf-8"),
     "or, by tus, an upload that the next HEAD completes", answer)

# --- the account's end

ids = [one["id"] for one in client.get("/files?limit=100").json()["files"]]
check(len(ids) > 20, "the account has many files")
answer = client.request("DELETE", "/profile", json={"password": user.password})
same(answer.status, 204, "the account is deleted", answer)
same(client.get(f"/files/{ids[0]}").status, 401, "its token opens nothing")
stranger = signed_in()[1]
same({stranger.get(f"/files/{one}").status for one in ids}, {404}, "its files are nobody's")
same(psql(f"SELECT count(*) FROM mayfly.file f JOIN mayfly.account a ON a.id = f.account_id WHERE a.id = '{user.id}' AND a.closing_at IS NULL"), "0",
     "and wait for the sweeper")
done()
