#!/usr/bin/python3
"""GET /files: exactly the bytes that were asked for, to their owner only, and nothing of it runs in a browser."""

import re
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from files import noise, post_raw, rows, sha256, usage
from mayfly import SCRATCH, Client, check, done, psql, same, signed_in

SIZE = 600_001  # three blocks of 256 KiB
CONTENT = noise(SIZE)
NOBODY = "01900000-0000-7000-8000-000000000000"

LOG = SCRATCH / "log/postgres.log"


def statements_of(url, content):
    """How many of them look for a file, or read one, in a download."""
    begin = LOG.stat().st_size
    assert client.get(url).body == content
    with LOG.open(errors="replace") as log:
        log.seek(begin)
        return len(re.findall(r"execute file_(?:find\w*|object_read): ", log.read()))


def faults():
    """Pages that PostgreSQL's processes for connections were given so far, by process."""
    pids = psql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'").split()
    return {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7]) for pid in pids if Path(f"/proc/{pid}").exists()}


user, client = signed_in()
stranger = signed_in()[1]


def put(content, name, kind="application/octet-stream"):
    answer = post_raw(client, content, name, kind)
    assert answer.status == 201, answer
    return answer.json()["url"]


url = put(CONTENT, "noise.bin")
etag = f'"{sha256(CONTENT)}"'

# --- whole

whole = client.get(url)
check(whole.status == 200 and whole.body == CONTENT, "a download is what was uploaded", whole.status)
same({name: whole.headers.get(name) for name in ("etag", "accept-ranges", "cache-control", "x-content-type-options",
                                                  "content-security-policy", "cross-origin-resource-policy")},
     {"etag": etag, "accept-ranges": "bytes", "cache-control": "private, no-cache", "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'", "cross-origin-resource-policy": "same-origin"},
     "its headers let it be resumed and kept by its owner only, and nothing of it run")
head = client.request("HEAD", url)
skip = ("date", "x-request-id", "x-mayfly-worker", "connection")
same((head.status, head.body, {k: v for k, v in head.headers.items() if k not in skip}),
     (200, b"", {k: v for k, v in whole.headers.items() if k not in skip}), "HEAD is GET without the body")
same(client.request("HEAD", url, headers={"Range": "bytes=0-0"}).headers["Content-Length"], str(SIZE), "HEAD has no ranges")
empty = put(b"", "empty")
answer = client.get(empty)
same((answer.status, answer.body, answer.headers["Content-Length"]), (200, b"", "0"), "an empty file is downloaded", answer)

# --- ranges

for ask, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("262143-262144", 262143, 262144), ("100-", 100, SIZE - 1),
                         ("-1", SIZE - 1, SIZE - 1), ("-300000", SIZE - 300000, SIZE - 1), ("0-99999999999999999999", 0, SIZE - 1),
                         (f"{SIZE - 1}-{SIZE + 5}", SIZE - 1, SIZE - 1), ("-9999999999", 0, SIZE - 1), (" 5-6 ,", 5, 6)):
    answer = client.get(url, headers={"Range": f"bytes={ask}"})
    check((answer.status, answer.headers.get("content-range"), answer.headers["content-length"]) ==
          (206, f"bytes {first}-{last}/{SIZE}", str(last - first + 1)) and answer.body == CONTENT[first:last + 1],
          f"Range {ask} is exactly that part", answer.status, answer.headers)
for ask in (f"{SIZE}-", f"{SIZE}-{SIZE + 1}", "99999999999999999999-", "-0"):
    answer = client.get(url, headers={"Range": f"bytes={ask}"})
    same((answer.status, answer.headers.get("content-range"), answer.error), (416, f"bytes */{SIZE}", "range_not_satisfiable"),
         f"Range {ask} is outside", answer)
    check("attachment" not in answer.headers.get("content-disposition", "") and "ETag" not in answer.headers,
          f"Range {ask}: the error is not dressed as the file")
for ask in ("bytes=0-1,5-6", "bytes=5-1", "bytes=a-b", "bytes=", "bytes", "lines=1-2", "bytes=--5", "bytes=1-2-3"):
    answer = client.get(url, headers={"Range": ask})
    check(answer.status == 200 and answer.body == CONTENT, f"Range {ask!r} counts as not asked", answer.status)
for ask in ("0-", "0-1048575", "-5", "7-9", "-0"):
    answer = client.get(empty, headers={"Range": f"bytes={ask}"})
    same((answer.status, answer.body, answer.headers.get("content-range")), (200, b"", None), f"of an empty file {ask} is all there is", answer)
for tag, status in ((etag, 206), ('"another"', 200), (f"W/{etag}", 200), ("Tue, 24 Nov 2026 10:00:00 GMT", 200)):
    answer = client.get(url, headers={"Range": "bytes=1-3", "If-Range": tag})
    check(answer.status == status and answer.body == (CONTENT[1:4] if status == 206 else CONTENT),
          f"If-Range {tag[:12]} gives {status}", answer.status)
resumed = bytearray()
while len(resumed) < SIZE:
    resumed += client.get(url, headers={"Range": f"bytes={len(resumed)}-{len(resumed) + 99_999}", "If-Range": etag}).body
check(bytes(resumed) == CONTENT, "a download that is resumed part by part is whole")

# --- conditions

for tag, status in ((etag, 304), ("*", 304), (f'"x", {etag}', 304), (f"W/{etag}", 304), ('"x"', 200)):
    answer = client.get(url, headers={"If-None-Match": tag})
    same((answer.status, len(answer.body)), (status, 0 if status == 304 else SIZE), f"If-None-Match {tag[:12]} gives {status}")
    check(answer.headers["ETag"] == etag and answer.headers["Cache-Control"] == "private, no-cache",
          f"If-None-Match {tag[:12]}: with the tag to keep")
same(client.get(url, headers={"If-None-Match": etag, "Range": "bytes=0-1"}).status, 304, "304 comes before the range")
for tag, ask, status in ((etag, f"{SIZE}-", 304), ("*", "-0", 304), ('"x"', f"{SIZE}-", 416)):
    answer = client.get(url, headers={"If-None-Match": tag, "Range": f"bytes={ask}"})
    same((answer.status, answer.headers.get("content-range")), (status, f"bytes */{SIZE}" if status == 416 else None),
         f"If-None-Match {tag[:12]} and a range outside give {status}", answer)
same(client.request("HEAD", url, headers={"If-None-Match": etag}).status, 304, "HEAD too says what is still true")

# --- names and types

for name in ("plain.txt", "Grüße 世界 🌍.txt", 'with "quotes" and \\.txt', "semi;colon, comma.txt", "é" * 127, "100%.txt"):
    disposition = client.get(put(b"name", name)).headers["Content-Disposition"]
    shown = name.replace("\\", "_")
    star = re.search(r"filename\*=UTF-8''(\S+)$", disposition)
    plain = re.search(r'filename="((?:[^"\\]|\\.)*)"', disposition)
    check(plain and disposition.isascii() and (urllib.parse.unquote(star[1]) if star else re.sub(r"\\(.)", r"\1", plain[1])) ==
          shown, f"Content-Disposition has the name {name[:20]!r}", disposition)
HTML = b"<!doctype html><html><body><script>document.title = 'ran'</script></body></html>"
INERT = ("text/plain", "application/pdf")
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
for content, name, kind in ((HTML, "cat.png", "image/png"), (HTML, "page.html", "text/html"), (SVG, "cat.svg", "image/svg+xml"),
                            (HTML, "x", ""), (b"alert(1)", "x.js", "text/javascript"), (b"%PDF-1.4\n<script>", "x.pdf", "text/html")):
    answer = client.get(put(content, name, kind))
    headers = answer.headers
    check(headers["X-Content-Type-Options"] == "nosniff" and
          headers["Content-Security-Policy"] == "sandbox; default-src 'none'" and
          (headers["Content-Disposition"].startswith("attachment") or headers["Content-Type"].partition(";")[0] in INERT),
          f"{name} as {kind or 'no type'} can't run: it is saved, or no program for a browser", headers)
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da636460f80f000105"
                    "010127182d720000000049454e44ae426082")
answer = client.get(put(PNG, "dot.png", "image/png"))
check(answer.headers["Content-Type"] == "image/png" and answer.headers["Content-Disposition"].startswith("inline"),
      "a real picture is shown", answer.headers)

# --- whose

for method in ("GET", "HEAD", "DELETE", "PATCH"):
    body = {"json": {"name": "mine"}} if method == "PATCH" else {}
    answers = [stranger.request(method, path, **body) for path in (url, f"/files/{NOBODY}", "/files/nonsense")]
    same({answer.status for answer in answers}, {404}, f"{method}: another's file is as absent as one that never was")
    same(len({answer.body for answer in answers}), 1, f"{method}: in the same words")
    same(Client().request(method, url, **body).status, 401, f"{method}: a guest has to log in")
same((stranger.get("/files").json()["files"], client.get(url).status), ([], 200), "and the file is where it was")
answer = Client(cookie=f"mayfly={client.token}").delete(url, headers={"Sec-Fetch-Site": "cross-site"})
same((answer.status, client.get(url).status), (403, 200), "no other site deletes in a user's name")
answer = client.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"})
same(client.get(answer.headers["Location"].replace("uploads", "files")).status, 404, "an upload is no file yet")

# --- rename

for wanted, kept in (("Neuer Näme.txt", "Neuer Näme.txt"), ("../../up.txt", "up.txt"), ("x" * 300, "x" * 255), ("a\u202eb\n", "ab")):
    same((client.patch(url, json={"name": wanted}).status, client.get("/files?limit=100").json()["files"][-1]["name"]), (204, kept),
         f"a file is renamed to {wanted[:16]!r}, made safe")
same([client.patch(url, json=json).status for json in ({}, {"name": ""}, {"name": 5}, ["name"], {"name": None})],
     [422, 422, 422, 422, 422], "a name must be given, and be text")
check(client.get(url).body == CONTENT and client.get(url).headers["ETag"] == etag, "the bytes and their tag stay")

# --- list

lister, listing = signed_in()
names = [f"file {number:02} {'Straße' if number % 5 == 0 else 'road'} {'100%' if number == 7 else '_'}.txt" for number in range(23)]
for name in names:
    assert post_raw(listing, name.encode(), name).status == 201
listed = listing.get("/files").json()["files"]
same([one["name"] for one in listed], names[::-1], "the newest file comes first")
same(sorted(listed[0]), ["created_at", "id", "name", "sha256", "size", "type", "url"], "with all that is to be known")
pages, before = [], ""
while len(pages) < 10:
    page = listing.get(f"/files?limit=10{before}").json()["files"]
    if not page:
        break
    pages.append([one["name"] for one in page])
    before = f"&before={page[-1]['id']}"
    if len(pages) == 1:
        post_raw(listing, b"new", "came meanwhile")
same(([len(page) for page in pages], sum(pages, [])), ([10, 10, 3], names[::-1]),
     "page by page everything comes once, whatever is added meanwhile")
for ask, found in (("straße", 5), ("STRASSE", 0), ("ROAD", 18), ("100%", 1), ("%", 1), ("file 0", 10), ("nothing", 0),
                   ("' OR 1=1", 0), ("\\", 0)):
    answer = listing.get(f"/files?q={urllib.parse.quote(ask)}")
    got = len(answer.json()["files"]) if answer.status == 200 else answer
    check(got == found or ask == "STRASSE" and got == 5, f"a search for {ask!r} finds {found}", got)
for query in ("limit=0", "limit=-1", "limit=x", "limit=5x", "limit=99999999999999999999", "before=x", "limit=1001"):
    same(listing.get(f"/files?{query}").status, 422, f"{query} is refused")

# --- what of PostgreSQL a download takes

small, limit = put(CONTENT[:4096], "small"), 16 * 1024
SMALL_ID = small.rpartition("/")[2]
in_database = psql(f"SELECT back_end FROM mayfly.file WHERE id = '{SMALL_ID}'").strip() == "postgres"
psql("ALTER SYSTEM SET log_statement = 'all'")
psql("SELECT pg_reload_conf()")
try:
    # A worker's connection reads its settings between two statements.
    check(wait_until(10, lambda: statements_of(small, CONTENT[:4096]) > 0), "statements are in PostgreSQL's log")
    for content, name, most in ((CONTENT[:4096], "4 KiB", 1), (b"x", "a byte", 1), (CONTENT[:limit], "16 KiB", 1), (CONTENT[:limit + 1], "more than that", 1 + in_database)):
        same(statements_of(put(content, name), content), most, f"a file of {name} takes {most} of PostgreSQL's statements")
    same([client.get(small, headers=headers).body for headers in ({"Range": "bytes=5-9"}, {"If-Match": "*"}, {"If-None-Match": "*"})],
         [CONTENT[5:10], CONTENT[:4096], b""], "a small file has its parts and conditions too")
    psql(f"UPDATE mayfly.file_chunk SET bytes = substr(bytes, 1, 4095) WHERE file_id = '{SMALL_ID}'")
    answer = client.get(small)
    same((answer.status, answer.error), (500, "internal") if in_database else (200, None),
         "a small file of which the database has lost a byte is not delivered as if it was whole", answer)
finally:
    psql("ALTER SYSTEM RESET log_statement")
    psql("SELECT pg_reload_conf()")
assert client.delete(small).status == 204

blocks = 40
long = put(noise(blocks * 256 * 1024), "long")
for _ in range(4):  # until all workers have seen it
    client.get(long)
before = faults()
same(len(client.get(long).body), blocks * 256 * 1024, "a file of many blocks is downloaded")
after = faults()
took = max(after[pid] - before[pid] for pid in after.keys() & before.keys()) / blocks
check(took < 32 or not in_database, "PostgreSQL's process needs no new memory for each block, which has 64 pages", took)
assert client.delete(long).status == 204

# --- delete

counted, there = usage(user), rows(user)
same(client.delete(url).status, 204, "a file is deleted")
same((usage(user), rows(user)), ((counted[0] - SIZE, counted[1] - 1), there - 1), "and counts no more")
same([client.get(url).status, client.delete(url).status, client.patch(url, json={"name": "x"}).status,
      client.request("HEAD", url.replace("files", "uploads"), headers={"Tus-Resumable": "1.0.0"}).status],
     [404, 404, 404, 404], "nobody sees it any more")
check(url.rpartition("/")[2] not in client.get("/files?limit=100").text, "the list does not either")
key = {"Idempotency-Key": "delete-once"}
url = put(b"again", "again")
same([client.delete(url, headers=key).status for _ in range(2)], [204, 204], "a DELETE that is repeated says the same")
same(usage(user)[1], rows(user), "and counts once")
done()
