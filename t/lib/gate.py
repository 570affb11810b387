"""An nginx of a test's own in front of apps that are behind the gate, by the shipped files and around this stack's workers; and an app
that answers with what it has received."""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import mayfly
from mayfly import SCRATCH
from nginx import KEPT, free_ports

CONFIG = SCRATCH / "etc/mayfly.conf"


def ctl(*words, typed=""):
    """mayflyctl; what it says on standard error."""
    ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", CONFIG, *words], input=typed, capture_output=True, text=True, timeout=60)
    if ran.returncode != 0:
        raise RuntimeError(f"mayflyctl {' '.join(map(str, words))}: {ran.stderr}")
    return ran.stderr


def key(client, *scopes, **fields):
    """A new key of the account that client is logged in to."""
    answer = client.post("/keys", json={"name": "a robot", "scopes": scopes, **fields})
    if answer.status != 201:
        raise RuntimeError(f"POST /keys answers {answer}")
    return answer.json()["key"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


# --- the app


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "nginx"

    def _body(self):
        digest, length = hashlib.sha256(), 0
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, 1 << 20))):
            digest.update(piece)
            length += len(piece)
            left -= len(piece)
        return length, digest.hexdigest()

    def _upgrade(self):
        """A WebSocket's handshake (RFC 6455), then each byte back."""
        key = self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        while piece := self.connection.recv(4096):
            self.connection.sendall(piece)
        self.close_connection = True

    def _answer(self):
        self.server.seen += 1
        if self.headers.get("Upgrade") == "websocket":
            self._upgrade()
            return
        length, digest = self._body()
        body = json.dumps({"method": self.command, "target": self.path, "headers": self.headers.items(), "length": length,
                           "sha256": digest}).encode()
        status = int(self.path.rpartition("/status/")[2]) if re.search(r"/status/\d+$", self.path) else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    seen = 0


class Front:
    """
    port speaks HTTP/1.1, port2 HTTP/2. locations are nginx's, with APP for the app's address; a site's host is NAME.MARK.localhost.
    """

    def __init__(self, folder, locations, http=""):
        self.folder = folder
        self.mark = f"g{secrets.token_hex(4)}"
        self.port, self.port2 = free_ports(2)
        self.app = _Server(str(folder / "app.sock"), _Echo)
        os.chmod(folder / "app.sock", 0o777)
        threading.Thread(target=self.app.serve_forever, daemon=True).start()
        self._sites = []
        for name in ("conf.d", "snippets", "main.d"):
            shutil.copytree(SCRATCH / "etc" / name, folder / name)
        self.conf(lambda text: text.replace(f"{SCRATCH}/run/gate.sock", f"{folder}/gate.sock"), "conf.d/mayfly-inner.conf")
        (folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
            include main.d/*.conf;
            events {{ worker_connections 512; }}
            http {{
                variables_hash_max_size 2048;
                proxy_headers_hash_max_size 1024;
                {"".join(f"{kind}_temp_path {folder}/{kind};" for kind in KEPT)}
                include /etc/nginx/mime.types;
                include conf.d/*.conf;
                {http.replace("APP", f"http://unix:{folder}/app.sock")}
                server {{
                    listen 127.0.0.1:{self.port};
                    server_name home.{self.mark}.localhost;
                    include snippets/mayfly-errors.conf;
                    include snippets/mayfly-locations.conf;
                    location = / {{ include snippets/mayfly-pass.conf; }}
                    include snippets/mayfly-gate.conf;
                    location /behind {{ include snippets/mayfly-protect.conf; proxy_pass http://unix:{folder}/app.sock; }}
                }}
                server {{
                    listen 127.0.0.1:{self.port} default_server; listen 127.0.0.1:{self.port2} http2;
                    access_log {folder}/access.log mayfly;
                    include snippets/mayfly-gate.conf;
                    {locations.replace("APP", f"http://unix:{folder}/app.sock")}
                }}
            }}""")
        self.process = None

    def conf(self, change, name):
        path = self.folder / name
        path.write_text(change(path.read_text()))

    def start(self):
        (self.folder / "gate.sock").unlink(missing_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", self.folder / "start.log", "-c", self.folder / "nginx.conf"])
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                self.client().connect().connect()
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"nginx does not start: {(self.folder / 'start.log').read_text()}")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
        self.process = None

    def close(self):
        self.stop()
        self.app.shutdown()
        self.app.server_close()
        for name in self._sites:
            with contextlib.suppress(RuntimeError):
                ctl("site", "remove", name)

    def host(self, name, port=None):
        return f"{name}.{self.mark}.localhost:{port or self.port}"

    def site(self, name, *rules, path="", port=None):
        """Adds a site, or gives it other rules."""
        known = f"{self.mark}-{name}"
        words = [word for rule in rules for word in ("--require", rule)]
        if known in self._sites:
            ctl("site", "edit", known, *words)
        else:
            ctl("site", "add", known, f"http://{self.host(name, port)}{path}", *words)
            self._sites.append(known)
        return known

    def client(self, **more):
        return mayfly.Client(url=f"http://127.0.0.1:{self.port}", **more)

    def ask(self, name, path="/", method="GET", token=None, headers=(), **more):
        """One request to a site, with the token as the cookie that a browser has."""
        fields = [("Host", self.host(name)), *(headers.items() if isinstance(headers, dict) else headers)]
        if token is not None:
            fields.append(("Cookie", f"mayfly={token}"))
        client = self.client()
        try:
            return client.request(method, path, headers=fields, **more)
        finally:
            client.close()

    def seen(self, name, path="/", **more):
        """What the app has received: what _Echo tells, with the values of each header's name in lower case."""
        answer = self.ask(name, path, **more)
        if answer.headers.get("content-type") != "application/json":
            raise RuntimeError(f"the app did not answer: {answer}")
        told = answer.json()
        told["headers"] = {field.lower(): [value for other, value in told["headers"] if other.lower() == field.lower()]
                           for field, _ in told["headers"]}
        return told


@contextlib.contextmanager
def front(locations="location / { include snippets/mayfly-protect.conf; proxy_pass APP; }", start=True, **more):
    with tempfile.TemporaryDirectory(dir=SCRATCH / "tmp") as folder:
        os.chmod(folder, 0o755)
        made = Front(Path(folder), locations, **more)
        try:
            yield made.start() if start else made
        finally:
            made.close()
