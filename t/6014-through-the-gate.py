#!/usr/bin/python3
"""
What goes through the gate: WebSockets, HEAD, bodies of 200 MB that are read once, ranges, HTTP/2, an app under gunicorn. The question that nginx
asks has neither the body nor the method of the request, and costs no new connection.
"""

import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import check, done, login, new_user, same

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; client_max_body_size 0; proxy_pass APP; }
    location /stream/ { client_max_body_size 0; include snippets/mayfly-protect.conf; proxy_request_buffering off; proxy_pass APP; }
    location /files/ { include snippets/mayfly-protect.conf; alias FOLDER/files/; }
    location /wsgi/ { include snippets/mayfly-protect.conf; proxy_pass http://unix:FOLDER/wsgi.sock; }
"""
BIG = 200_000_000
WSGI = """
def app(environ, start):
    start('200 OK', [('Content-Type', 'text/plain')])
    return [repr(sorted((k, v) for k, v in environ.items() if k.startswith('HTTP_'))).encode()]
"""


def check_websocket(gate, token):
    def shake(cookie):
        connection = socket.create_connection(("127.0.0.1", gate.port), timeout=20)
        connection.sendall(f"GET /chat HTTP/1.1\r\nHost: {gate.host('app')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{cookie}"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(4096)
        return connection, answer

    connection, answer = shake(f"Cookie: mayfly={token}\r\n")
    check(answer.startswith(b"HTTP/1.1 101") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, "a WebSocket's handshake comes through", answer)
    connection.sendall(b"\x81\x05hello")
    same(connection.recv(100), b"\x81\x05hello", "and what is sent over it")
    connection.close()
    connection, answer = shake("")
    check(answer.startswith(b"HTTP/1.1 401"), "a guest's does not", answer)
    connection.close()


def check_bodies(gate, token):
    body = os.urandom(1 << 20) * (BIG >> 20)
    digest = hashlib.sha256(body).hexdigest()
    before = gate.app.seen
    for path in ("/big", "/stream/big"):
        answer = gate.ask("app", path, method="POST", token=token, body=body).json()
        same((answer["method"], answer["length"], answer["sha256"]), ("POST", len(body), digest), f"a body of 200 MB arrives whole at {path}")
    same(gate.app.seen - before, 2, "once")
    checked = (gate.folder / "gate.log").read_text()
    check(re.search(r"GET /gate 0 POST /big", checked) is not None, "and the gate got nothing of it, and was asked by GET", checked[-500:])
    before, began = gate.app.seen, time.monotonic()
    with socket.create_connection(("127.0.0.1", gate.port), timeout=20) as connection:
        connection.sendall(f"POST /stream/x HTTP/1.1\r\nHost: {gate.host('app')}\r\nContent-Length: {BIG}\r\n\r\n".encode())
        answer = connection.recv(4096)
    check(answer.startswith(b"HTTP/1.1 401") and gate.app.seen == before, "who may not pass is told before the body was sent", answer, time.monotonic() - began)


def check_methods(gate, token):
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = gate.ask("app", "/m?a=b", method=method, token=token, **({"body": b"abc"} if method in ("POST", "PUT", "PATCH") else {}))
        told = answer.json() if method != "HEAD" else {"method": "HEAD", "target": "/m?a=b"}
        same((answer.status, told["method"], told["target"]), (200, method, "/m?a=b"), f"{method} arrives as it is")
    head = gate.ask("app", "/m", method="HEAD", token=token)
    check(head.body == b"" and int(head.headers["content-length"]) > 100, "HEAD has the length of GET and no body", head)
    same(gate.ask("app", "/x%2Fy/..;/%2e/z?q=%20&&", token=token).json()["target"], "/x%2Fy/..;/%2e/z?q=%20&&", "an address arrives as it was sent")


def check_files(gate, token):
    whole = (gate.folder / "files/a.txt").read_bytes()
    answer = gate.ask("app", "/files/a.txt", token=token, headers={"Range": "bytes=10-19"})
    same((answer.status, answer.body, answer.headers["content-range"]), (206, whole[10:20], f"bytes 10-19/{len(whole)}"), "a range of a file")
    same(gate.ask("app", "/files/a.txt", headers={"Range": "bytes=10-19"}).status, 401, "but not for guests")
    tag = gate.ask("app", "/files/a.txt", token=token).headers["etag"]
    same(gate.ask("app", "/files/a.txt", token=token, headers={"If-None-Match": tag}).status, 304, "and a file that is known already")


def check_http2(gate, token):
    def curl(*options, body=None):
        ran = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_code} %{http_version}", *options, "--connect-to",
                              f"::127.0.0.1:{gate.port2}", f"http://{gate.host('two', gate.port2)}/h2?a"], input=body, capture_output=True, timeout=60, check=True)
        body, _, status = ran.stdout.decode().rpartition("\n")
        return status, body

    gate.site("two", "any", port=gate.port2)
    same(curl()[0], "401 2", "HTTP/2: a guest")
    status, body = curl("-H", f"Cookie: mayfly={token}", "-H", "Cookie: a=b", "--data-binary", "@-", body=b"x" * 100000)
    check(status == "200 2" and '"length": 100000' in body and token not in body and "a=b" in body, "and somebody, with cookies in several fields, and a body", status, body)


def check_connections(gate, token):
    for _ in range(20):
        gate.ask("app", "/x", token=token)
    log = (gate.folder / "gate.log").read_text().splitlines()
    kept = {line.split()[-1] for line in log[-20:]}
    check(len(kept) <= 2, "the gate is asked over connections that stay open", kept)
    for _ in range(20):
        gate.ask("app", "/x")
    kept = {line.split()[-1] for line in (gate.folder / "gate.log").read_text().splitlines()[-20:]}
    check(len(kept) <= 2, "also for those who do not pass", kept)


def check_gunicorn(gate, token):
    folder = gate.folder
    (folder / "wsgi_app.py").write_text(WSGI)
    process = subprocess.Popen(["gunicorn", "-w", "1", "-b", f"unix:{folder}/wsgi.sock", "wsgi_app:app"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while (answer := gate.ask("app", "/wsgi/", token=token, headers={"X_Auth_User": "mallory", "X-Auth-Groups": "admin"})).status == 502 and time.monotonic() < until:
            time.sleep(0.1)
        check(f"('HTTP_X_AUTH_USER', '{USER.username}')" in answer.text and "mallory" not in answer.text and "GROUPS" not in answer.text,
              "an app under gunicorn reads who it is", answer)
        same(gate.ask("app", "/wsgi/").status, 401, "and guests do not get there")
    finally:
        process.terminate()
        process.wait(20)


USER = new_user()
TOKEN = login(USER)
with front(LOCATIONS, start=False) as made:
    made.conf(lambda text: text.replace("FOLDER", str(made.folder)), "nginx.conf")
    made.conf(lambda text: text.replace("access_log off;", f"access_log {made.folder}/gate.log asked;"), "conf.d/mayfly-inner.conf")
    made.conf(lambda text: text.replace("include conf.d/*.conf;", "log_format asked '$request_method $uri $body $http_x_mayfly_method $http_x_mayfly_target "
                                        "$connection'; include conf.d/*.conf;"), "nginx.conf")
    made.conf(lambda text: text.replace("include conf.d/*.conf;", "map $content_length $body { default $content_length; '' 0; } include conf.d/*.conf;"), "nginx.conf")
    (made.folder / "files").mkdir()
    (made.folder / "files/a.txt").write_bytes(bytes(range(256)) * 100)
    made.start()
    made.site("app", "any")
    check_websocket(made, TOKEN)
    check_methods(made, TOKEN)
    check_bodies(made, TOKEN)
    check_files(made, TOKEN)
    check_http2(made, TOKEN)
    check_connections(made, TOKEN)
    check_gunicorn(made, TOKEN)
done()
