#!/usr/bin/python3
"""GET /files/ID/thumbnail: made once however many requests come, kept like a file, removed with its original; an image without one is refused."""

import io
import random
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from mayfly import PROBLEM, Client, check, done, note, psql, same, settings, signed_in

from PIL import Image


def picture(width, height, kind="PNG", mode="RGB"):
    image = Image.frombytes("RGB", (width // 8, height // 8), random.Random(width).randbytes(width // 8 * (height // 8) * 3))
    out = io.BytesIO()
    image.resize((width, height), Image.Resampling.NEAREST).convert(mode).save(out, kind, compress_level=1)
    return out.getvalue()


def upload(client, body, name="a.png", kind="image/png"):
    answer = client.post(f"/upload?name={name}", body=body, headers={"Content-Type": kind})
    if answer.status != 201:
        raise RuntimeError(f"/upload answers {answer}")
    return answer.json()["id"]


def thumbnail(client, file, size=None, method="GET", **more):
    return client.request(method, f"/files/{file}/thumbnail" + (f"?size={size}" if size is not None else ""), **more)


def opened(answer):
    with Image.open(io.BytesIO(answer.body)) as image:
        return image.format, image.size


def rows(file, condition="state <> 'deleting'"):
    return psql(f"SELECT count(*) FROM mayfly.file WHERE parent_id = '{file}' AND {condition}")


def usage(user):
    return psql(f"SELECT bytes || ' in ' || files FROM mayfly.account_usage WHERE account_id = '{user.id}'")


user, client = signed_in()
body = picture(1600, 800)
file = upload(client, body)
before = usage(user)

answer = thumbnail(client, file)
same((answer.status, answer.headers.get("content-type")), (200, "image/jpeg"), "a thumbnail is made", answer.status)
same(opened(answer), ("JPEG", (256, 128)), "that fits into 256 x 256 pixels")
same((answer.headers["cache-control"], answer.headers["x-content-type-options"], answer.headers["accept-ranges"]),
     ("private, no-cache", "nosniff", "bytes"), "to be kept by nobody between us")
check(answer.headers["content-disposition"].startswith("inline"), "and shown where it is asked for")
again = thumbnail(client, file, 256)
same((again.etag, again.body == answer.body), (answer.etag, True), "the next time it is the same")
same(thumbnail(client, file, headers={"If-None-Match": answer.etag}).status, 304, "and need not be sent again")
same(thumbnail(client, file, headers={"Range": "bytes=0-2"}).body, b"\xff\xd8\xff", "or in part")
head = thumbnail(client, file, method="HEAD")
same((head.status, head.headers["content-length"], head.body), (200, str(len(answer.body)), b""), "HEAD tells of it")
same([opened(thumbnail(client, file, size))[1] for size in (64, 128, 512, 1024)], [(64, 32), (128, 64), (512, 256), (1024, 512)],
     "each size is one of its own")
same((usage(user), len(client.get("/files").json()["files"])), (before, 1), "thumbnails count for nobody and are not listed")
identity = psql(f"SELECT id FROM mayfly.file WHERE parent_id = '{file}' AND box = 64")
same((client.get(f"/files/{identity}").status, client.delete(f"/files/{identity}").status), (404, 404), "nor files of their own")

for kind, mode, made in (("JPEG", "RGB", "JPEG"), ("WEBP", "RGB", "JPEG"), ("GIF", "P", "JPEG"), ("PNG", "RGBA", None)):
    other = upload(client, picture(320, 320, kind, mode), f"a.{kind.lower()}", f"image/{kind.lower()}")
    answer = thumbnail(client, other, 64)
    same((answer.status, opened(answer)[1]), (200, (64, 64)), f"{kind} {mode} gets one")
    check(made is None or opened(answer)[0] == made, f"which is {made or 'what suits it'}")

# --- a storm makes one

large = upload(client, picture(4800, 3600, "PNG"), "large.png")
answers = []


def ask():
    began = time.monotonic()
    answers.append((thumbnail(Client(client.token), large, 512), time.monotonic() - began))


threads = [threading.Thread(target=ask) for _ in range(40)]
for thread in threads:
    thread.start()
slowest = others = 0
while any(thread.is_alive() for thread in threads):
    began = time.monotonic()
    if client.get("/files?limit=1").status != 200:
        break
    slowest = max(slowest, time.monotonic() - began)
    others += 1
for thread in threads:
    thread.join()
same({(one.status, one.etag, one.body == answers[0][0].body) for one, _ in answers}, {(200, answers[0][0].etag, True)},
     "forty who ask at once get the same", *[one for one, _ in answers if one.status != 200])
same(psql(f"SELECT count(*) FROM mayfly.file WHERE parent_id = '{large}'"), "1", "which was made once")
note(f"the last waited {max(took for _, took in answers):.2f} s; {others} others meanwhile, the slowest {slowest * 1000:.0f} ms")
check(others > 0 and slowest < 1, "meanwhile others are answered within a second", f"{others}, {slowest:.3f} s")

# --- whoever made it went away, or died

slow = upload(client, picture(4000, 4000, "PNG"), "slow.png")
hurried = Client(client.token, timeout=0.02)
try:
    thumbnail(hurried, slow)
except OSError:
    hurried.close()
began = time.monotonic()
same(thumbnail(client, slow).status, 200, "who comes after one that went away gets it")
check(time.monotonic() - began < 10, "without waiting for a claim to run out", time.monotonic() - began)
dead = upload(client, body, "dead.png")
psql("INSERT INTO mayfly.file (id, account_id, via, parent_id, box, back_end, object_name, block_bytes, name, lease, lease_until, "
     f"sweep_at) SELECT gen_random_uuid(), account_id, 'thumbnail', id, 256, 'postgres', 'thumbnail', 262144, name, id, "
     f"statement_timestamp() + interval '300 ms', statement_timestamp() + interval '1 day' FROM mayfly.file WHERE id = '{dead}'")
began = time.monotonic()
answer = thumbnail(client, dead)
check(answer.status == 200 and time.monotonic() - began > 0.2, "a claim of a dead worker runs out, and another makes it", answer)
same((rows(dead), rows(dead, "state = 'deleting'")), ("1", "1"), "what the dead one left is for the sweeper")

# --- the storage has lost it, or has another in its place


def put_in_place(row, content):
    """content None: nothing at all."""
    identity, back_end = row.split("|")
    if back_end == "s3":
        s3.ask("DELETE" if content is None else "PUT", f"/uploads/{identity}/thumbnail", body=content)
    elif content is None:
        psql(f"DELETE FROM mayfly.file_chunk WHERE file_id = '{identity}'")
    else:
        psql(f"UPDATE mayfly.file_chunk SET bytes = '{content}' WHERE file_id = '{identity}'")


losing = upload(client, body, "losing.png")
whole = {size: thumbnail(client, losing, size) for size in (64, 1024)}
for what, content in (("is lost", None), ("has become another", "not an image")):
    for size, was in whole.items():
        put_in_place(psql(f"SELECT id, back_end FROM mayfly.file WHERE parent_id = '{losing}' AND box = {size} AND state = 'committed'"), content)
        answers = [thumbnail(Client(client.token), losing, size) for _ in range(2)]
        same([(one.status, opened(one) if one.status == 200 else one.error) for one in answers], [(200, opened(was))] * 2,
             f"a thumbnail of {size} pixels that {what} in the storage is made anew", *answers)
same((rows(losing), rows(losing, "state = 'deleting'") != "0"), ("2", True), "there is one of each size, and what is lost is for the sweeper")
answers.clear()

# --- with the original

same((client.delete(f"/files/{file}").status, rows(file), thumbnail(client, file).status), (204, "0", 404),
     "with the original its thumbnails go")

# --- refused

broken = upload(client, body[: len(body) // 2], "broken.png")
text = upload(client, b"hello", "a.txt", "text/plain")
fake = upload(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml")
stranger, other = signed_in()
for what, answer, status, error in (
    ("half an image", thumbnail(client, broken), 422, "unprocessable"),
    ("half an image again", thumbnail(client, broken), 422, "unprocessable"),
    ("a text", thumbnail(client, text), 415, "unsupported_type"),
    ("an SVG", thumbnail(client, fake), 415, "unsupported_type"),
    ("another size", thumbnail(client, large, 100), 422, "unprocessable"),
    ("no size", thumbnail(client, large, "big"), 422, "unprocessable"),
    ("somebody else's", thumbnail(other, large), 404, "not_found"),
    ("no file", thumbnail(client, "x"), 404, "not_found"),
    ("a guest", thumbnail(Client(), large), 401, "unauthorized"),
):
    same((answer.status, answer.error, answer.headers.get("content-type")), (status, error, PROBLEM), f"{what}: {status}", answer)
same(psql(f"SELECT claimed_type FROM mayfly.file WHERE parent_id = '{broken}'"), "unprocessable",
     "that half an image has none is remembered, so that it costs one attempt an hour")
with settings(thumbnail_max_pixels=1000, thumbnail_image_bytes=20000):
    small, long = upload(client, picture(64, 64), "small.png"), upload(client, picture(800, 800), "long.png")
    for what, one, words in (("too many pixels", small, "pixels"), ("too many bytes", long, "bytes")):
        answer = thumbnail(client, one)
        check((answer.status, answer.error) == (413, "too_large") and words in answer.json()["detail"], f"{what}: 413", answer)
with settings(thumbnail_program="/nowhere/mayfly-thumbnail"):
    answer = thumbnail(client, upload(client, body, "b.png"))
    check(answer.stated_503, "no program: 503 that says when to come again", answer)
done()
