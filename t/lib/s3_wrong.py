"""A storage that does wrong on demand: it stands before the stack's own gateway (s3.py), passes everything on, and answers
what a test says where it says so."""

import contextlib
import http.client
import socket
import struct
import threading
import urllib.parse

import s3
from mayfly import SCRATCH, dev, settings

PATIENCE_S = 60


def answer(status, body=b"", fields=(), version="HTTP/1.1"):
    """The bytes of an answer that tells its length; the connection ends with it."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"{version} {status}", *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(body)}",
             "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(status, code, more="", fields=()):
    """As S3 words it."""
    return answer(status, f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message>{more}</Error>', fields)


RESET = None  # in place of an answer


class Asked:
    """One request as it came. real() has the gateway answer it: status, fields, body."""

    def __init__(self, real_port, method, target, fields, body):
        self.method, self.target, self.fields, self.body = method, target, fields, body
        place = urllib.parse.urlsplit(target)
        self.path = place.path
        self.query = urllib.parse.parse_qs(place.query, keep_blank_values=True)
        self.by_url = "X-Amz-Signature" in self.query  # nginx's, or a browser's
        self._real_port = real_port

    def real(self):
        gateway = http.client.HTTPConnection("127.0.0.1", self._real_port, timeout=PATIENCE_S)
        gateway.putrequest(self.method, self.target, skip_host=True, skip_accept_encoding=True)
        for name, value in self.fields:
            gateway.putheader(name, value)
        gateway.endheaders(self.body)
        reply = gateway.getresponse()
        fields = [(name, value) for name, value in reply.getheaders() if name.lower() not in ("transfer-encoding", "connection")]
        body = reply.read()
        gateway.close()
        return f"{reply.status} {reply.reason}", fields, body

    def passed_on(self, change=lambda fields: fields):
        status, fields, body = self.real()
        if self.method == "HEAD":
            return "\r\n".join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields),
                                "Connection: close"]).encode() + b"\r\n\r\n"
        return answer(status, body, [(name, value) for name, value in change(fields) if name.lower() != "content-length"])


class Storage:
    """answers() says what is answered wrongly; asked has all requests since it was cleared."""

    def __init__(self):
        self.real_port = int(s3.setting("s3_endpoint").rpartition(":")[2])
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked, self.rules = [], []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            connection.settimeout(PATIENCE_S)
            method, target, _ = stream.readline().decode().split()
            fields = []
            while line := stream.readline().decode().strip():
                name, _, value = line.partition(":")
                fields.append((name, value.strip()))
            length = int(dict((name.lower(), value) for name, value in fields).get("content-length", 0))
            asked = Asked(self.real_port, method, target, fields, stream.read(length))
            self.asked.append(asked)
            said = self._say(asked)
            if said is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(said)

    def _say(self, asked):
        for rule in self.rules:
            if rule["times"] and rule["when"](asked):
                rule["times"] -= 1
                return rule["said"](asked) if callable(rule["said"]) else rule["said"]
        return asked.passed_on()

    @contextlib.contextmanager
    def answers(self, said, when=lambda asked: True, times=-1):
        """said: bytes, RESET, or what gives them for an Asked. times: how often at most."""
        rule = {"said": said, "when": when, "times": times}
        self.rules.insert(0, rule)
        try:
            yield rule
        finally:
            self.rules.remove(rule)


@contextlib.contextmanager
def between(**more):
    """The stack's workers and nginx ask a Storage; new files go there. more: settings."""
    s3.start()
    storage = Storage()
    host = SCRATCH / "etc/conf.d/mayfly-host.conf"
    before = host.read_text()

    def nginx(text):
        host.write_text(text)
        dev("service", "signal", "nginx", "HUP")

    try:
        nginx(before.replace(f"http://127.0.0.1:{storage.real_port};", f"{storage.url};"))
        with settings(objects="s3", s3_endpoint=storage.url, **more):
            yield storage
    finally:
        nginx(before)
        storage.listener.close()
