#!/usr/bin/python3
"""A file that is put where none is taken (curl -T file https://…/) is told that there is nothing, or what is taken there; "too long" is
said only where a shorter body would do. So on a host, and on an edge server in front of it."""

import os
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, PROBLEM, SCRATCH, Headers, check, done, same, signed_in
from nginx import DIRECT, nginx_around

SHORT, LONG, HUGE = 5, 5_000_000, 5_000_000_000
NOWHERE = ("/film.mp4", "/a/film.mp4", "/uploader/film.mp4", "/filesystem")
TAKEN_OTHERWISE = ("/", "/files", "/files/film.mp4", "/uploads/film.mp4", "/profile", "/login", "/sessions", "/static/mayfly.css")
DOCUMENTS = ("/session/data", "/profile/data")

_, member = signed_in()


def announce(nginx, port, method, path, length, *headers):
    """(status, headers, body) of the answer to a request of which the body has not come."""
    lines = [f"{method} {path} HTTP/1.1", "Host: example.org", f"Authorization: Bearer {member.token}", f"Content-Length: {length}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(DIRECT if port == nginx.host else "127.0.0.1", 0)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + ("x" * length if length == SHORT else "")).encode())
        answer = connection.makefile("rb")  # of which the end of the connection would be waited for
        status = int(answer.readline().split()[1])
        fields = Headers(line.decode().rstrip("\r\n").split(": ", 1) for line in iter(answer.readline, b"\r\n"))
        return status, fields, answer.read(int(fields["content-length"])).decode()


with nginx_around(SCRATCH / "tmp" / f"puts-{os.getpid()}") as nginx:
    for name, port in (("a host", nginx.host), ("an edge", nginx.edge)):
        for wanted, paths in (({404, 405}, NOWHERE), ({405}, TAKEN_OTHERWISE)):  # a short one to a folder of nginx's is 405, too
            for path in paths:
                found = [announce(nginx, port, "PUT", path, length)[0] for length in (SHORT, LONG, HUGE)]
                check(set(found) <= wanted, f"{name}: PUT {path} is {wanted}, however long", found)
        for path in TAKEN_OTHERWISE:
            status, headers, body = announce(nginx, port, "PUT", path, LONG)
            check(headers.get("content-type") == PROBLEM and "PUT" not in headers.get("allow", "PUT").split(", "), f"{name}: {path} says what it takes", headers, body)
        status, headers, body = announce(nginx, port, "PUT", "/film.mp4?a=b", LONG)
        check(headers.get("content-type") == PROBLEM and "not_found" in body and "x-request-id" in headers, f"{name}: what is not there is said in words", headers, body)
        same([announce(nginx, port, "PUT", path, LONG)[0] for path in DOCUMENTS], [413, 413], f"{name}: a document that is too long is that")
        same([announce(nginx, port, *request)[0] for request in (("POST", "/login", LONG), ("PATCH", "/profile", LONG), ("POST", "/upload", HUGE), ("POST", "/shared/x", LONG))],
             [413] * 4, f"{name}: so is what is sent where something is taken")
    status, headers, body = announce(nginx, nginx.host, "PUT", "/film.mp4", LONG, f"Accept: {PAGE}")
    same((status, headers.get("content-type")), (404, "text/html; charset=utf-8"), "a browser gets a page")
done()
