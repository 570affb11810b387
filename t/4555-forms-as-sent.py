#!/usr/bin/python3
"""Forms as browsers and programs send them: an input without a chosen file makes none, and no file is lost because of its name."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from images import png
from mayfly import check, done, same, signed_in

OCTETS = "application/octet-stream"


def part(disposition, content=b"", kind=None):
    head = f"Content-Disposition: form-data; {disposition}\r\n" + (f"Content-Type: {kind}\r\n" if kind else "")
    return b"--B\r\n" + head.encode() + b"\r\n" + content + b"\r\n"


def send(client, *parts):
    return client.post("/upload", body=b"".join(parts) + b"--B--\r\n", headers={"Content-Type": "multipart/form-data; boundary=B"})


def names(client):
    return sorted((one["name"], one["size"]) for one in client.get("/files").json()["files"])


def empty_inputs():
    _, client = signed_in()
    some = part('name="a"; filename="a.txt"', b"hello", "text/plain")
    for what, parts in (("alone", ()), ("with a text field", (part('name="title"', b"words"),))):
        for kind in (OCTETS, None, ""):
            answer = send(client, *parts, part('name="file"; filename=""', b"", kind))
            same((answer.status, answer.error), (422, "unprocessable"), f"a file input without a choice, {what}, {kind!r}: there is no file", answer)
    same(names(client), [], "and nothing is stored for it")
    for name in ("second", "photo"):
        for order in (1, -1):
            answer = send(client, *(some, part(f'name="{name}"; filename=""', b"", OCTETS))[::order])
            same((answer.status, answer.json().get("name")), (201, "a.txt"), f"beside a file, {name}: only the file", answer)
    same((names(client), client.get("/profile").json()["photo"]), ([("a.txt", 5)] * 4, None), "nothing else came of it")
    answer = send(client, part('name="file"; filename=""', b"bytes", OCTETS), part('name="file"; filename=""', b"more"),
                  part('name="file"; filename="empty.txt"'))
    same([(one["name"], one["size"]) for one in answer.json().get("files", [])], [("file", 5), ("file", 4), ("empty.txt", 0)],
         "bytes without a name are a file, and so is a name without bytes", answer)
    answer = send(client, some, part('name="photo"; filename=""', png(4, 4), OCTETS))
    check(answer.status == 201 and client.get("/profile").json()["photo"] == answer.json()["files"][1]["url"],
          "a photo without a name is the profile's picture", answer)


def lost_names():
    for sent, shown in (("iso-8859-1''na%EFve.txt", "naïve.txt"), ("ISO-8859-1'en'%A3%201", "£ 1"), ("windows-1252''na%EFve.txt", "na_ve.txt"),
                        ("utf-8''na%EFve.txt", "na_ve.txt"), ("plain.txt", "plain.txt"), ("UTF-8''100%.txt", "100%.txt"), ("''x.txt", "x.txt")):
        _, client = signed_in()
        answer = send(client, part(f"name=a; filename*={sent}", b"first"), part('name="b"; filename="b.txt"', b"second"))
        same((answer.status, names(client)), (201, sorted([(shown, 5), ("b.txt", 6)])), f"filename*={sent} alone is a file's name", answer)
        answer = send(client, part(f"name=a; filename*={sent}; filename=other.txt", b"first"))
        check(answer.status == 201 and answer.json()["name"] == "other.txt", f"filename*={sent}: another that can be read is better", answer)


empty_inputs()
lost_names()
done()
