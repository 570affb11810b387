#!/usr/bin/python3
"""
What mayfly is not: a site of two processes that keep sessions in their own memory and files on their own disk, behind a
round robin. It speaks the routes that mayfly-prove uses, so that prove has something to fail on.

  stateful.py FOLDER [--sticky] [--anonymous] [--sin NAME]

Accounts are in FOLDER, which both share. Prints its address; HUP kills the first process and starts another, TERM ends it.

  --sticky       whoever has a name or token always meets the same process: this hides it, until that process ends
  --anonymous    no answer names its process
  --sin NAME     doubled: the process does some writes and uploads twice, as a proxy that repeats requests would make it
                 revived: a log-out is answered, and the session lives on
                 patience: every tenth request with a session is answered with 500, a failure that a repetition hides
                 full: no more than three accounts are made; whoever wants another is to try later
"""

import http.client
import http.server
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import threading
import zlib
from pathlib import Path

FOLDER = Path(sys.argv[1])
STICKY = "--sticky" in sys.argv
ANONYMOUS = "--anonymous" in sys.argv
SIN = sys.argv[sys.argv.index("--sin") + 1] if "--sin" in sys.argv else None
TOKEN = re.compile(r"Bearer (toy([01])-\w+)")


class Problem(Exception):
    def __init__(self, status, word):
        super().__init__(word)
        self.status, self.word = status, word


class Document:
    def __init__(self):
        self.data, self.version = {}, 0

    def answer(self, status=200):
        return status, self.data, {"ETag": f'"{self.version}"'}


class Session:
    def __init__(self, name, is_key=False):
        self.name, self.data, self.id, self.is_key = name, Document(), secrets.token_hex(8), is_key


class Site:
    """One process. Everything here ends with it, but accounts."""

    def __init__(self, index):
        self.index, self.lock = index, threading.Lock()
        self.sessions, self.profiles, self.names, self.files, self.outcomes = {}, {}, {}, {}, {}
        self.disk = FOLDER / f"disk-{index}-{secrets.token_hex(4)}"
        self.disk.mkdir()
        self.asked = 0

    def account(self, name):
        if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            raise Problem(422, "unprocessable")
        return FOLDER / f"account-{name}"

    def register(self, body):
        path = self.account(body["username"])
        if SIN == "full" and len(list(FOLDER.glob("account-*"))) >= 3:
            raise Problem(429, "too_many_requests")
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(body["password"])
        except FileExistsError:
            raise Problem(409, "conflict") from None
        return 201, {"user": {"username": body["username"]}}, {}

    def login(self, body):
        path = self.account(body["username"])
        if not path.exists() or path.read_text(encoding="utf-8") != body["password"]:
            raise Problem(401, "unauthorized")
        return 200, {"token": self.begin(Session(body["username"]))}, {}

    def begin(self, session):
        token = f"toy{self.index}-{secrets.token_hex(16)}"
        self.sessions[token] = session
        return token

    def end(self, ends):
        self.sessions = {token: session for token, session in self.sessions.items() if session.is_key or not ends(session)}

    def end_keys(self, ends):
        self.sessions = {token: session for token, session in self.sessions.items() if not (session.is_key and ends(session))}

    def handle(self, method, path, headers, body):
        """What a key was answered before, or what is answered now."""
        credential = headers.get("Authorization") or body
        outcome = (method, path, credential, headers.get("Idempotency-Key"))
        if outcome[3] and outcome in self.outcomes:
            sent, answer = self.outcomes[outcome]
            if sent != body:
                raise Problem(422, "unprocessable")
            return answer
        answer = self.perform(method, path, headers, body)
        if outcome[3] and SIN != "doubled":
            self.outcomes[outcome] = (body, answer)
        return answer

    def perform(self, method, path, headers, body):
        route = f"{method} {path.partition('?')[0]}"
        if route == "GET /accounts":
            return 200, [path.name for path in FOLDER.glob("account-*")], {}
        if route == "GET /health/live":
            return 200, {}, {}
        if route in ("POST /register", "POST /login"):
            return (self.register if route == "POST /register" else self.login)(json.loads(body))
        found = TOKEN.fullmatch(headers.get("Authorization", ""))
        if not found or found.group(1) not in self.sessions:
            raise Problem(401, "unauthorized")
        session = self.sessions[found.group(1)]
        self.asked += 1
        if SIN == "patience" and self.asked % 10 == 0:
            raise Problem(500, "internal")
        if path.endswith("/data"):
            document = session.data if path == "/session/data" else self.profiles.setdefault(session.name, Document())
            return self.document(method, document, headers, body)
        if route.startswith(("GET /files", "POST /upload")):
            return self.file(route, session.name, body)
        return self.person(route, session, body)

    def person(self, route, session, body):
        name = session.name
        if route == "POST /logout":
            if SIN != "revived":
                self.end(lambda one: one is session)
            return 200, {}, {}
        if route == "GET /profile":
            return 200, {"username": name, "name": self.names.get(name, "")}, {}
        if route == "PATCH /profile":
            self.names[name] = json.loads(body)["name"]
            return 200, {}, {}
        if route == "POST /password":
            self.account(name).write_text(json.loads(body)["new"], encoding="utf-8")
            self.end(lambda one: one.name == name)
            return 200, {"token": self.begin(session)}, {}
        if route == "GET /sessions":
            return 200, {"sessions": [{"id": one.id, "current": one is session} for one in self.sessions.values()
                                      if one.name == name and not one.is_key]}, {}
        if route == "DELETE /sessions":
            self.end(lambda one: one.name == name and one is not session)
            return 200, {}, {}
        if route.startswith("DELETE /sessions/"):
            self.end(lambda one: one.id == route.rpartition("/")[2])
            return 204, None, {}
        if route == "POST /keys":
            key = Session(name, is_key=True)
            return 201, {"id": key.id, "key": self.begin(key)}, {}
        if route.startswith("DELETE /keys/"):
            if SIN != "revived":
                self.end_keys(lambda one: one.id == route.rpartition("/")[2])
            return 204, None, {}
        if route == "DELETE /profile":
            self.account(name).unlink()
            self.end(lambda one: one.name == name)
            self.end_keys(lambda one: one.name == name)
            return 204, None, {}
        raise Problem(404, "not_found")

    def document(self, method, document, headers, body):
        if method == "PATCH":
            if headers.get("If-Match", f'"{document.version}"') != f'"{document.version}"':
                raise Problem(412, "precondition_failed")
            document.data = {**document.data, **json.loads(body)}
            document.version += 2 if SIN == "doubled" and document.version % 7 == 3 else 1
        return document.answer()

    def file(self, route, name, body):
        own = self.files.setdefault(name, {})
        if route == "POST /upload":
            for _ in range(2 if SIN == "doubled" else 1):
                file_id = secrets.token_hex(16)
                (self.disk / file_id).write_bytes(body)
                own[file_id] = len(body)
            return 201, {"id": file_id, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}, {}
        if route == "GET /files":
            return 200, {"files": [{"id": one} for one in own]}, {}
        file_id = route.rpartition("/")[2]
        if file_id not in own:
            raise Problem(404, "not_found")
        return 200, (self.disk / file_id).read_bytes(), {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def everything(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, fields, content = self.answer(body)  # pylint: disable=no-member
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = everything


def process_handler(site):
    class Process(Handler):
        def answer(self, body):
            with site.lock:
                try:
                    status, content, fields = site.handle(self.command, self.path, self.headers, body)
                except Problem as problem:
                    status, content, fields = problem.status, {"error": problem.word}, {}
            if not isinstance(content, bytes):
                content = b"" if content is None else json.dumps(content).encode()
            return status, fields if ANONYMOUS else {**fields, "X-Mayfly-Worker": f"toy/{site.index}"}, content

    return Process


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Balancer:
    """Two processes, and whose turn it is."""

    def __init__(self):
        self.pids, self.ports, self.turn = [0, 0], [0, 0], 0

    def start(self, index):
        server = Server(("127.0.0.1", 0), Handler)
        self.pids[index], self.ports[index] = os.fork(), server.server_address[1]
        if self.pids[index] == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP, signal.SIGTERM})
            server.RequestHandlerClass = process_handler(Site(index))
            server.serve_forever()
        server.socket.close()

    def stop(self, index):
        os.kill(self.pids[index], signal.SIGKILL)
        os.waitpid(self.pids[index], 0)

    def choose(self, headers, path, body):
        found = TOKEN.fullmatch(headers.get("Authorization", ""))
        if STICKY and found:
            return int(found.group(2))
        if STICKY and path in ("/register", "/login"):
            return zlib.crc32(json.loads(body)["username"].encode()) % 2
        self.turn += 1
        return self.turn % 2


def proxy_handler(balancer):
    class Proxy(Handler):
        def answer(self, body):
            port = balancer.ports[balancer.choose(self.headers, self.path, body)]
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request(self.command, self.path, body, {name: value for name, value in self.headers.items()
                                                                   if name.lower() not in ("host", "content-length")})
                reply = connection.getresponse()
                return reply.status, {name: value for name, value in reply.getheaders()
                                      if name.lower() in ("etag", "x-mayfly-worker")}, reply.read()
            except (OSError, http.client.HTTPException):
                return 503, {"Retry-After": "1"}, b"{}"
            finally:
                connection.close()

    return Proxy


def main():
    balancer = Balancer()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
    for index in (0, 1):
        balancer.start(index)
    server = Server(("127.0.0.1", 0), proxy_handler(balancer))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    while signal.sigwait({signal.SIGHUP, signal.SIGTERM}) == signal.SIGHUP:
        balancer.stop(0)
        balancer.start(0)
    for index in (0, 1):
        balancer.stop(index)


main()
