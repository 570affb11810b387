#!/usr/bin/python3
"""What an upload costs: one that is small is one transaction, a larger one is one for each block and two more; and whatever was held for that
is neither lost, nor left behind, nor more than may be."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import half_sent, noise, part, post_form, post_raw, rows, sha256, usage
from mayfly import check, done, psql, same, settings, signed_in

BLOCK = 256 * 1024
user, client = signed_in()


def transactions(work, tries=6):
    """That have written something, the least of some tries: a session's last use, a sweep and statistics come between at times."""
    def once():
        before = int(psql("SELECT pg_current_xact_id()"))
        answer = work()
        check(answer.status == 201, "it is uploaded", answer)
        return int(psql("SELECT pg_current_xact_id()")) - before - 1
    return min(once() for _ in range(tries))


def same_bytes(answer, content, promise):
    told = answer.json()
    same((told.get("size"), told.get("sha256"), client.get(told["url"]).body == content), (len(content), sha256(content), True), promise, answer)


# --- transactions

for size in (0, 1, 4096, BLOCK - 1):
    content = noise(size)
    same(transactions(lambda content=content: post_raw(client, content, "a")), 1, f"{size} bytes take one transaction")
    same_bytes(post_raw(client, content, "a"), content, "and are what was sent")
many = [part(f"f{number}", noise(2000, number), f"{number}.txt") for number in range(9)]
same(transactions(lambda: post_form(client, *many)), 1, "so does a form of nine small files")
for size, wanted in ((BLOCK, 3), (BLOCK + 1, 3), (1_000_000, 5), (4 * BLOCK, 6)):
    content = noise(size)
    same(transactions(lambda content=content: post_raw(client, content, "a")), wanted, f"{size} bytes take {wanted}: the row, each block and the commit")
    same_bytes(post_raw(client, content, "a"), content, "and are what was sent")

# --- what is held

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da636460f80f000105"
                    "010127182d720000000049454e44ae426082")
files = [("a.png", PNG + noise(300_000)), ("b.txt", b"some words\n" * 40_000), ("c", noise(BLOCK)), ("d", b""), ("e.txt", b"the last words")]
answer = post_form(client, *(part("f", content, name) for name, content in files))
told = answer.json().get("files", [])
same([(one["size"], one["sha256"]) for one in told], [(len(content), sha256(content)) for _, content in files], "a form of large and small files", answer)
same([client.get(one["url"]).body for one in told] == [content for _, content in files], True, "is read back as it was sent")
same([one["type"].split(";")[0] for one in told], ["image/png", "text/plain", "application/octet-stream", "application/octet-stream", "text/plain"],
     "each with the type of its first bytes")
photo = post_form(client, part("photo", PNG, "me.png"), part("other", b"words", "words.txt"))
same((photo.status, psql(f"SELECT photo_id FROM mayfly.account WHERE id = '{user.id}'")), (201, photo.json()["files"][0]["id"]),
     "a picture and another file come together", photo)

# --- what is not

before = usage(user), rows(user)
with half_sent(client, "POST", "/upload", 5000, b"x" * 2000):
    time.sleep(0.2)
    same((usage(user), rows(user)), before, "what comes has no row and no room yet")
time.sleep(0.2)
same((usage(user), rows(user)), before, "and leaves none when its client goes away")
stranger, other = signed_in()
with settings(files_max_bytes=10_000):
    same(post_raw(other, noise(9_000), "a").status, 201, "what has room is taken")
    answer = post_raw(other, noise(1_001), "b")
    same((answer.status, answer.json().get("field"), usage(stranger)), (413, "quota", (9_000, 1)), "what has none is refused, and counts nothing", answer)
    answer = post_form(other, part("a", b"x" * 600, "a"), part("b", b"x" * 600, "b"))
    same((answer.status, usage(stranger), rows(stranger)), (413, (9_000, 1), 1), "of a form all files or none", answer)
    same(post_raw(other, noise(1_000), "b").status, 201, "to the last byte")
with settings(files_max_count=2):
    answer = post_raw(other, b"x", "c")
    same((answer.status, usage(stranger)), (413, (10_000, 2)), "nor is one file too many taken", answer)
done()
