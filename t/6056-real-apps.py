#!/usr/bin/python3
"""
Apps under php-fpm, gunicorn and node behind the gate receive each request as it was sent: its method, its body, its address. They learn who it
is, from the gate alone, and get their own cookies without mayfly's. A WebSocket is opened for whoever may pass, and nobody else.
"""

import hashlib
import json
import os
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import ctl, front
from mayfly import check, done, login, new_user, same
from real_apps import Apps, lacks, masked

if lacks():
    print(f"1..0 # SKIP {', '.join(lacks())}")
    sys.exit()
LOCATIONS = """
    location /php/ { include /etc/nginx/fastcgi_params; include snippets/mayfly-protect-fastcgi.conf;
        fastcgi_param SCRIPT_FILENAME FOLDER/echo.php; fastcgi_pass unix:FOLDER/php.sock; }
    location /flask/ { include snippets/mayfly-protect.conf; proxy_pass http://unix:FOLDER/flask.sock; }
    location /node/ { include snippets/mayfly-protect.conf; proxy_pass http://unix:FOLDER/node.sock; }
"""
APPS = ("php", "flask", "node")
KINDS = {"POST": "application/json", "PUT": "text/plain; charset=utf-8", "PATCH": "application/merge-patch+json", "DELETE": "application/json"}
BODY = os.urandom(300_000)  # more than nginx holds in memory


def told_by(gate, path, **more):
    """What the app has received; nothing when it was not reached."""
    answer = gate.ask("apps", path, **more)
    return answer.json() if answer.status == 200 else dict.fromkeys(("method", "target", "type", "length", "sha256", "user", "groups", "cookie", "authorization"), answer.status) | {"all": ""}


def check_requests(gate, name, token, user):
    path = f"/{name}/admin?a=1&b=%26"
    for method, kind in KINDS.items():
        told = told_by(gate, path, method=method, token=token, body=BODY, headers={"Content-Type": kind})
        same({word: told[word] for word in ("method", "target", "type", "length", "sha256", "user")},
             {"method": method, "target": path, "type": kind, "length": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest(), "user": user.username},
             f"{name}: {method} stays {method}, with its body and type, and somebody's")
    told = told_by(gate, path, method="DELETE", token=token)
    same((told["method"], told["target"], told["length"]), ("DELETE", path, 0), f"{name}: also a DELETE without a body")
    head = gate.ask("apps", path, method="HEAD", token=token)
    same((head.status, head.body), (200, b""), f"{name}: HEAD")


def check_identity(gate, name, token, user):
    forged = [(spelling, "mallory") for spelling in ("X-Auth-User", "X_Auth_User", "X-Auth-Groups", "Remote-User", "REMOTE_USER", "X-Auth-Id", "MAYFLY_USER")]
    forged.append(("Authorization", "Basic c29tZWJvZHk6eA=="))
    told = told_by(gate, f"/{name}/", token=token, headers=[*forged, ("Cookie", "theirs=1; mayfly-device=x")])
    same((told["user"], told["groups"], told["cookie"], "mallory" in told["all"]), (user.username, "staff", "theirs=1", False),
         f"{name}: who it is comes from the gate alone; its own cookie comes without mayfly's", told)
    check(token not in told["all"] and told["authorization"] == "Basic c29tZWJvZHk6eA==", f"{name}: an Authorization of its own comes through, mayfly's token does not", told)
    public = told_by(gate, f"/{name}/public/", headers=forged)
    same((public["user"], public["groups"], "mallory" in public["all"]), ("", "", False), f"{name}: a guest on a public path is nobody", public)


def check_guests(gate, name):
    answers = [gate.ask("apps", f"/{name}/admin", method=method, body=b"x" * 1000 if method in KINDS else None) for method in ("GET", *KINDS, "OPTIONS")]
    same([(answer.status, answer.error) for answer in answers], [(401, "unauthorized")] * 6, f"{name}: a guest is told 401, whatever the method, and never 500")


def check_websocket(gate, token, user):
    def shake(cookie):
        connection = socket.create_connection(("127.0.0.1", gate.port), timeout=20)
        connection.sendall(f"GET /node/chat?room=1 HTTP/1.1\r\nHost: {gate.host('apps')}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                           f"{cookie}X-Auth-User: mallory\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        stream = connection.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        return connection, stream, head.decode()

    connection, stream, head = shake(f"Cookie: mayfly={token}\r\n")
    check(head.startswith("HTTP/1.1 101") and "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "a WebSocket under node is opened", head)

    def read():
        first, length = stream.read(2)
        return stream.read(int.from_bytes(stream.read(2), "big") if length == 126 else length).decode() if first == 0x81 else None

    told = json.loads(read())
    same((told["user"], told["target"], token in told["all"]), (user.username, "/node/chat?room=1", False), "which knows who opened it")
    connection.sendall(masked("hello") + masked("again"))
    same((read(), read()), ("hello", "again"), "and both talk over it")
    connection.close()
    connection, stream, head = shake("")
    check(head.startswith("HTTP/1.1 401"), "for a guest it is not", head)
    connection.close()


ann = new_user()
ctl("user", "groups", ann.username, "staff")
mark = login(ann)
with front(LOCATIONS, start=False) as made:
    made.conf(lambda text: text.replace("FOLDER", str(made.folder)), "nginx.conf")
    with Apps(made.folder):
        made.start()
        made.site("apps", "any", "public path:" + ",".join(f"/{name}/public/" for name in APPS))
        for app in APPS:
            check_requests(made, app, mark, ann)
            check_identity(made, app, mark, ann)
            check_guests(made, app)
        check_websocket(made, mark, ann)
done()
