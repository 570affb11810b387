#!/usr/bin/python3
"""Uploads as clients in the wild send them: slashes and commas of tus, parts that are no files, types, names and charsets."""

import json
import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, psql, same, signed_in

UNKNOWN = "application/octet-stream"
user, client = signed_in()


def raw(body, kind=None, name="a", **headers):
    return client.post(f"/upload?name={name}", body=body, headers={**({"Content-Type": kind} if kind else {}), **headers})


def form(*fields, accept=None):
    """fields: (name, value), or (name, file's name, bytes)."""
    parts = b""
    for name, *rest in fields:
        file = f'; filename="{rest[0]}"\r\nContent-Type: {UNKNOWN}' if len(rest) == 2 else ""
        body = rest[1] if len(rest) == 2 else rest[0].encode()
        parts += f'--xyz\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + body + b"\r\n"
    return client.post("/upload", body=parts + b"--xyz--\r\n",
                       headers={"Content-Type": "multipart/form-data; boundary=xyz", **({"Accept": accept} if accept else {})})


def rows():
    return psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND state <> 'deleting'")


# --- tus

for path, fields in (("/uploads/", "filename Zm9v"), ("/uploads", "filename Zm9v,"), ("/uploads", "filename Zm9v, note"), ("/uploads/", ",, filename Zm9v ,")):
    answer = client.post(path, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "0", "Upload-Metadata": fields})
    same((answer.status, answer.headers.get("location", "")[:9]), (201, "/uploads/"), f"POST {path} with {fields!r} creates", answer)
    where = answer.headers.get("location", "")
    same(client.get(where.replace("/uploads/", "/files/")).headers.get("content-disposition"), 'attachment; filename="foo"', "a file of that name")
same(client.request("OPTIONS", "/uploads/").headers.get("tus-version"), "1.0.0", "OPTIONS /uploads/ tells what OPTIONS /uploads does")
same(client.get("/uploads/").status, 405, "whatever else is asked of it")

# --- parts of files

there = rows()
for first in ("dzchunkindex", "resumableChunkNumber", "flowChunkNumber", "qqpartindex"):
    answer = form(("uuid", "1-2"), (first, "0"), ("file", "big.bin", b"the first of two"))
    same((answer.status, answer.json().get("field")), (422, first), f"a part by {first} is no file", answer)
    check("tus" in answer.json()["detail"], "and its client hears of a way that works", answer)
same(form(("file", "big.bin", b"x"), ("dzchunkindex", "0")).status, 422, "so when the number comes last")
same(form(("chunk", "0"), ("chunks", "2"), ("file", "big.bin", b"x")).status, 422, "so with Plupload's two fields")
same(raw(b"x", "text/plain", **{"Content-Range": "bytes 0-0/2"}).status, 422, "so with Content-Range")
same(rows(), there, "nothing of them is kept")
same(form(("chunk", "of cheese"), ("file", "a.bin", b"x")).status, 201, "a form may have a field chunk of another meaning")

# --- an id for who wants no more

answer = form(("file", "a.txt", b"words"), accept="text/plain")
same((answer.status, answer.headers["content-type"], answer.headers.get("location")), (201, "text/plain; charset=utf-8", f"/files/{answer.text}"),
     "Accept: text/plain gets the id alone", answer)
same(client.get(f"/files/{answer.text}").body, b"words", "which is the file's")
answer = form(("a", "a.txt", b"1"), ("b", "b.txt", b"2"), accept="text/plain")
same([client.get(f"/files/{one}").body for one in answer.text.split("\n")], [b"1", b"2"], "of several files an id a line")
answers = [client.post("/upload?name=a", body=b"1", headers={"Accept": "text/plain", "Idempotency-Key": "plain"}) for _ in range(2)]
same((answers[0].text, answers[0].headers["content-type"]), (answers[1].text, answers[1].headers["content-type"]), "again it is the same")
same(form(("file", "a.txt", b"words"), accept="*/*").headers["content-type"], "application/json", "who takes anything gets JSON")
for accept, kind in (("Text/Plain", "text"), ("text/plain;q=0.5, */*;q=0.1", "text"), ("application/json;q=0.2, text/plain;q=0.3", "text"), ("*/*, text/plain", "text"),
                     ("text/plain, text/html;q=0.9", "text"), ("text/plain;q=0.1, application/json", "json"), ("text/plain;q=0, */*", "json"),
                     ("application/json, text/plain, */*", "json"), ("text/plainly", "json"), ("text/*", "page"), ("text/html, text/plain", "page")):
    answer = form(("file", "a.txt", b"words"), accept=accept)
    got = "page" if answer.status == 303 else answer.headers["content-type"].partition(";")[0].rpartition("/")[2].replace("plain", "text")
    same(got, kind, f"Accept: {accept} gets {kind}", answer)

# --- types

noise = random.Random(4475)
wrong = {}
for number in range(150):
    # The beginnings that libmagic takes for programs, sound or archives.
    beginning = (b"", b"\xe9", b"\xeb\x10\x90", b"\x78\x9c", b"\x56\xe0", b"\xff\xfb\x90", b"\xff\x0a")[number % 7]
    kind = raw(beginning + noise.randbytes(3000), UNKNOWN).json()["type"]
    if kind != UNKNOWN:
        wrong[kind] = wrong.get(kind, 0) + 1
same(wrong, {}, "random bytes are of no known type, whatever they begin with")
for body, claimed, kept in (
        (b"\xff\xfb\x90\x00" + noise.randbytes(2000), "audio/mpeg", "audio/mpeg"), (b"\x78\x9c" + noise.randbytes(200), "application/x-own", "application/x-own"),
        (noise.randbytes(500), "model/gltf-binary", "model/gltf-binary"), (b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + b"\xff\xfb\x90\0" + bytes(400), UNKNOWN, "audio/mpeg"),
        (b'{"type": "Feature"}\n', "application/geo+json", "application/geo+json"), (b'{"a": 1}\n', UNKNOWN, "application/json"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm", "audio/webm", "audio/webm"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "audio/mp4", "audio/mp4"), (b"<?xml version='1.0'?><gpx/>", "application/gpx+xml", "application/gpx+xml"),
        (b"", "text/csv", "text/csv"), (b"", None, UNKNOWN), (b"MZ\x90\0\3\0\0\0\4\0" + bytes(200), UNKNOWN, "application/x-dosexec"),
        # What the bytes contradict, or what needs their proof.
        (b"<script>", "text/plain", "text/html"), (noise.randbytes(500), "image/png", UNKNOWN), (noise.randbytes(500), "text/html", UNKNOWN),
        (b"some words\n", "text/css", "text/plain"), (b"\x89PNG\r\n\x1a\n", "application/x-own", "image/png")):
    same(raw(body, claimed).json()["type"], kept, f"{body[:12]!r} as {claimed} is {kept}")

# --- charsets

for body, claimed, served in (
        ("Grüße aus Köln\n".encode(), "text/plain; charset=utf-8", "text/plain; charset=utf-8"), (b"words\n", None, "text/plain; charset=utf-8"),
        ("Größe;Preis\n".encode(), "text/csv", "text/csv; charset=utf-8"), ("Grüße\n".encode("latin-1") * 9, "text/plain", "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain", "text/plain"), (b"a" * 16383 + "ü".encode() + b"b", "text/plain", "text/plain; charset=utf-8")):
    answer = raw(body, claimed)
    got = client.get(answer.headers["location"])
    same((got.headers["content-type"], got.headers["content-disposition"][:6], got.body),
         (served, "inline" if "plain" in served else "attach", body), f"{body[:12]!r} goes out as {served}")
    same(client.request("HEAD", answer.headers["location"]).headers["content-type"], served, "so by HEAD")
    same(answer.json()["type"], served.split(";")[0], "and its type is told without it")
kinds = {one["type"] for one in client.get("/files?limit=100").json()["files"]}
check(not any(";" in kind for kind in kinds), "so in the list", kinds)

# --- names

for sent, kept in (("AC\\DC.mp3", "AC_DC.mp3"), ("C:\\fakepath\\photo.jpg", "photo.jpg"), ("\\\\server\\share\\photo.jpg", "photo.jpg"), ("a/b\\c", "b_c"),
                   ("a\u3164b\u034f.txt", "ab.txt"), ("❤️.txt", "❤️.txt")):
    answer = client.post("/files/" + raw(b"x").json()["id"] + "/rename", body=json.dumps({"name": sent}), headers={"Content-Type": "application/json"})
    same(answer.status, 204, f"{sent!r} is taken")
    same(client.get("/files?limit=1").json()["files"][0]["name"], kept, f"as {kept!r}")
done()
