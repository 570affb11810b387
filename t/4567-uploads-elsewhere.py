#!/usr/bin/python3
"""Uploads as clients in the wild send them: to addresses near ours, with boundaries of all kinds."""

import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, Client, done, same, signed_in

_, client = signed_in()
guest = Client()


def announce(method, path, length, who=client):
    """Says that a long body will come, and reads the head of the answer before any of it is sent."""
    with socket.create_connection((client.host, client.port), timeout=20) as connection:
        token = f"Authorization: Bearer {who.token}\r\n" if who.token else ""
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {client.host}\r\n{token}Content-Length: {length}\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n".encode())
        head = connection.makefile("rb").readline()
    return int(head.split()[1]) if head else None  # nothing: it waited for the body


for who, name in ((client, "somebody"), (guest, "a stranger")):
    same([announce("PUT", "/upload/film.mp4", length, who) for length in (5, 5_000_000, 5_000_000_000)], [404] * 3,
         f"PUT /upload/film.mp4 of {name} is 404, however long")
    same([announce("PUT", "/upload", length, who) for length in (5_000, 500_000_000)], [405] * 2, f"PUT /upload of {name} is 405 at once")
answer = client.put("/upload", body=b"x" * 10)
same((answer.status, answer.error, answer.headers.get("allow")), (405, "method_not_allowed", "POST, OPTIONS"), "and says what it takes", answer)
answer = client.put("/upload/x", body=b"x" * 10, headers={"Accept": PAGE})
same((answer.status, answer.headers.get("content-type")), (404, "text/html; charset=utf-8"), "a browser gets a page", answer)
same(client.get("/upload/admit?length=5").status, 204, "an edge server may ask as before")

for boundary, header in (("*****", "*****"), ("*****", '"*****"'), ("===1700000000000===", "===1700000000000==="),
                         ("----=_Part_1_2.3@host", '"----=_Part_1_2.3@host"'), ("c0ffee-dotnet", '"c0ffee-dotnet"'),
                         ("a b:c", '"a b:c"'), ("{a}|#%&!$^~`", '"{a}|#%&!$^~`"'), ("x" * 70, "x" * 70),
                         ("Boundary+0xAbCdEf", "Boundary+0xAbCdEf; charset=utf-8")):
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nbytes\r\n--{boundary}--\r\n'
    answer = client.post("/upload", body=body, headers={"Content-Type": f"multipart/form-data; boundary={header}"})
    same((answer.status, answer.status == 201 and answer.json()["size"]), (201, 5), f"a boundary written {header[:24]} is taken", answer)
done()
