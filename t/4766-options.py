#!/usr/bin/python3
"""What a path takes is told to everybody (OPTIONS, by which tus begins), by HTTP/1.1 and HTTP/2, by a host and by an edge server in
front of it; and the bodies of strangers are taken by neither."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, done, same, signed_in
from nginx import nginx_around

PATHS = {"/upload": "POST, OPTIONS", "/uploads": "POST, OPTIONS", "/uploads/": "POST, OPTIONS",
         "/uploads/01890000-0000-7000-8000-000000000000": "OPTIONS, HEAD, PATCH, DELETE"}
LONG = 200_000  # of which a sender is asked for
_, member = signed_in()


def told(status, headers):
    allowed = headers.get("allow")
    return status, allowed and {one.strip() for one in allowed.split(",")}, headers.get("tus-version")


with nginx_around(SCRATCH / "tmp" / f"options-{os.getpid()}") as nginx:
    for name, port, port2 in (("a host", nginx.host, nginx.host2), ("an edge", nginx.edge, nginx.edge2)):
        stranger = nginx.client(port)
        for path, methods in PATHS.items():
            wanted = (204, set(methods.split(", ")), "1.0.0" if path != "/upload" else None)
            answer = stranger.request("OPTIONS", path)
            same(told(answer.status, answer.headers), wanted, f"{name}, HTTP/1.1: OPTIONS {path} needs no log-in", answer)
            same(told(*nginx.http2(port2, "OPTIONS", path)[:2]), wanted, f"{name}, HTTP/2: OPTIONS {path} needs no log-in")
            same((nginx.http2(port2, "GET", path)[0], stranger.get(path).status), (405, 405), "what there is no GET of is told, too")
        for path in ("/upload", "/uploads"):
            same((stranger.request("OPTIONS", path, body=bytes(LONG)).status, nginx.status2(port2, "OPTIONS", path, bytes(LONG))),
                 (401, 401), f"{name}: a long body beside it is a stranger's")
            # Without a length nobody knows that it will be long.
            status = nginx.status2(port2, "OPTIONS", path, bytes(LONG), told=False)
            same(status, 413, "and one that comes without its length is cut")
            same((nginx.status2(port2, "POST", path, b"x", told=False), stranger.post(path, body=bytes(LONG)).status), (401, 401),
                 "a POST is still asked whose it is")
        answer = nginx.http2(port2, "POST", "/upload?name=a", "-H", f"Authorization: Bearer {member.token}", "-T", "-", body=b"bytes")
        same(answer[0], 201, f"{name}, HTTP/2: whoever is known is served", answer)
done()
