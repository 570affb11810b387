"""What the tests share that break things on purpose: workers and services, clients that notice, load around them.
TAP, people and ./dev are those of mayfly.py."""

import contextlib
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import mayfly
from mayfly import (CHECKOUT, DEV, PASSWORD, SCRATCH, check, dev, done, new_name, note, psql, same,  # pylint: disable=unused-import
                    settings)

INST = Path(os.environ.get("MAYFLY_INST", SCRATCH / "inst"))
POOLS = ("a", "b", "password-a", "password-b", "files-a", "files-b")
MEMCACHED = SCRATCH / "run" / "memcached.sock"

# --- the stack


def children(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def service_pid(name):
    return int((SCRATCH / "pid" / f"{name}.pid").read_text())


def workers(*pools):
    """The processes of the pools as they are now."""
    found = set()
    for pool in pools or POOLS:
        try:
            found.update(children(service_pid(f"pool-{pool}")))
        except (OSError, ValueError):
            pass  # just being restarted
    return found


def successors(*pools):
    """How many workers have been replaced by themselves so far: the process stays, so its parent's list does not tell."""
    return sum((SCRATCH / "log" / f"pool-{pool}.log").read_text(errors="replace").count('"event":"took_over"') for pool in pools or POOLS)


def worker_size(pid):
    """Resident and private memory in KiB."""
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0])
    return fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"]


def cpu_seconds(pid):
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(seconds, condition):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def nginx_limits():
    """nginx's limits are in force, which tests have switched off."""
    path = SCRATCH / "etc" / "conf.d" / "mayfly-limits.conf"
    before = path.read_text()
    try:
        path.write_text(re.sub(r"(?s)(geo .*?default\s+)0;", r"\g<1>1;", before, count=1))
        nginx_reload()
        yield
    finally:
        path.write_text(before)
        nginx_reload()


def nginx_reload():
    """Returns when none that has the old files takes a connection any more."""
    old = children(service_pid("nginx"))
    dev("service", "signal", "nginx", "HUP")
    if not wait_until(10, lambda: all(leaving(pid) for pid in old)):
        raise TimeoutError("nginx goes on with its old files")


def leaving(pid):
    try:
        return b"shutting down" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def flush_cache():
    with socket.socket(socket.AF_UNIX) as memcached:
        memcached.connect(str(MEMCACHED))
        memcached.sendall(b"flush_all\r\n")
        assert memcached.recv(64) == b"OK\r\n"


class WorkerCensus(threading.Thread):
    """Notes every worker that ever lived while it runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.over = set(), threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.is_set():
            self.seen |= workers()
            self.over.wait(0.01)

    def died(self):
        return len(self.seen - workers())


class Session:
    """psql's, kept open: what ask says is done in one transaction after `BEGIN`, and locks are held until the end."""

    def __init__(self):
        self.process = subprocess.Popen([DEV, "psql", "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate("ROLLBACK;\n")

    def ask(self, sql):
        """The lines of what it answers."""
        print(f"{sql}; SELECT '.';", file=self.process.stdin, flush=True)
        lines = []
        while (line := self.process.stdout.readline()) not in (".\n", ""):
            lines.append(line.rstrip("\n"))
        return lines


@contextlib.contextmanager
def held(sql):
    """Another transaction has done sql and is not over; it is rolled back in the end."""
    with Session() as other:
        other.ask(f"BEGIN; {sql}")
        yield


# --- clients


class Lost(Exception):
    """The connection ended without an answer."""


class Client(mayfly.Client):
    """
    Asks in JSON, unless a body is bytes, and never asks twice: a connection that ends without an answer is Lost. It has a bearer
    token, or with cookie=True the cookie that a browser would have.
    """

    def __init__(self, token=None, keep=True, cookie=False, timeout=40):
        super().__init__(token, timeout=timeout)
        self.keep, self.cookie = keep, cookie

    def __call__(self, method, path, body=None, key=None, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields["Accept"] = "application/json"
        if self.token is not None and self.cookie:
            fields.update({"Cookie": f"mayfly={self.token}", "Sec-Fetch-Site": "same-origin"})
        elif self.token is not None:
            fields["Authorization"] = f"Bearer {self.token}"
        if key is not None:
            fields["Idempotency-Key"] = key
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        if body is not None or method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(len(body or b""))
        if not self.keep:
            fields["Connection"] = "close"
        try:
            reply = self._exchange(method, path, body, list(fields.items()))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Lost(f"{method} {path}: {error!r}") from error
        if not self.keep:
            self.close()
        return reply


def new_user(prefix="user"):
    """The name of somebody new."""
    return mayfly.new_user(username=new_name(prefix)).username


def login(name):
    return mayfly.login(mayfly.User(name))


class Threads:
    """Runs functions at the same time. What one of them raises is kept and is a failure of the test."""

    def __init__(self):
        self.threads, self.errors, self.over = [], [], threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def add(self, function, *arguments):
        thread = threading.Thread(target=self._run, args=(function, *arguments), daemon=True)
        self.threads.append(thread)
        thread.start()

    def repeat(self, function, *arguments):
        self.add(self._repeat, function, *arguments)

    def join(self):
        for thread in self.threads:
            thread.join()

    def _repeat(self, function, *arguments):
        while not self.over.is_set():
            function(*arguments)

    def _run(self, function, *arguments):
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(f"{getattr(function, '__name__', function)}: {error!r}")


def at_once(count, function):
    """function(0) to function(count - 1), all started together; their results in order."""
    results, gate = [None] * count, threading.Barrier(count)

    def one(index):
        gate.wait()
        results[index] = function(index)

    with Threads() as threads:
        for index in range(count):
            threads.add(one, index)
    if threads.errors:
        raise RuntimeError(threads.errors[0])
    return results


# --- load that keeps account

PATIENCE_S = 60


class Persistent:
    """Sends each request with an Idempotency-Key until there is an answer; notes each answer that no client should see."""

    def __init__(self):
        self.client = Client()
        self.seen = Counter()
        self.surprises = []

    def __call__(self, method, path, body=None, key=None, **headers):
        key = key or new_name("key")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                reply = self.client(method, path, body, key=key, **headers)
            except Lost as lost:
                self.surprises.append(str(lost))
                continue
            self.seen[reply.status] += 1
            self.seen["replayed"] += reply.headers.get("Idempotent-Replayed") == "true"
            if reply.status != 503:
                return reply
            if not reply.stated_503():
                self.surprises.append(f"{method} {path}: 503 without Retry-After")
            time.sleep(0.02)
        raise TimeoutError(f"{method} {path}: only 503 for {PATIENCE_S} s")

    def expect(self, status, method, path, body=None, **headers):
        reply = self(method, path, body, **headers)
        if reply.status != status:
            self.surprises.append(f"{method} {path}: {reply}")
        return reply


class Unknown(Exception):
    """Without an answer, or with a 503, a client that has no key can't know what was done."""


class Once(Persistent):
    """Sends each request once and without a key: that it is done once is then up to nginx and the workers alone."""

    def __call__(self, method, path, body=None, key=None, **headers):
        try:
            reply = self.client(method, path, body, key=key, **headers)
        except Lost as lost:
            self.surprises.append(str(lost))
            raise Unknown from lost
        self.seen[reply.status] += 1
        if reply.status != 503:
            return reply
        if not reply.stated_503():
            self.surprises.append(f"{method} {path}: 503 without Retry-After")
        raise Unknown(f"{method} {path}")


class Counting:
    """Logs in and raises a counter of its own, one acknowledged step after the other; logs in and out anew at times."""

    def __init__(self, name=None, http=None):
        self.name = name or new_user("counting")
        self.http = http or Persistent()
        self.acknowledged = self.logins = self.logouts = 0
        self.etag = '"0"'

    def log_in(self):
        self.http.client.token = None
        reply = self.http.expect(200, "POST", "/login", {"username": self.name, "password": PASSWORD})
        self.http.client.token = reply.json()["token"]
        self.logins += 1

    def run(self, threads):
        self.log_in()
        while not threads.over.is_set():
            self.step()
            if self.acknowledged % 10 == 0 and self.logins < 80:
                if self.logins % 3 == 0:
                    self.http.expect(200, "POST", "/logout")
                    self.logouts += 1
                self.log_in()

    def step(self):
        wanted = self.acknowledged + 1
        reply = self.http.expect(200, "PATCH", "/profile/data", {"counter": wanted, f"step{wanted % 50}": wanted},
                                 If_Match=self.etag)
        if reply.status == 200:
            if reply.json()["counter"] != wanted:
                self.http.surprises.append(f"{self.name}: {reply}, wanted {wanted}")
            self.acknowledged = wanted
            self.etag = reply.headers["ETag"]

    def differences(self, psql=psql):
        """What is there against what was acknowledged. The version counts writes, so a second one would show."""
        reply = self.http("GET", "/profile/data")
        version = int(reply.headers["ETag"].strip('"'))
        sessions = int(psql(f"SELECT count(*) FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id "
                            f"WHERE a.username = '{self.name}'"))
        found = [("counter", reply.json().get("counter", 0), self.acknowledged),
                 ("version", version, self.acknowledged),
                 ("sessions", sessions, self.logins - self.logouts)]
        return [f"{self.name}: {what} is {got}, wanted {wanted}" for what, got, wanted in found if got != wanted]


# --- FastCGI without nginx

BEGIN, END, PARAMS, STDIN, STDOUT, GET_VALUES = 1, 3, 4, 5, 6, 9


def fcgi_record(kind, content=b"", request_id=1):
    return struct.pack(">BBHHBx", 1, kind, request_id, len(content), 0) + content


def fcgi_pair(name, value):
    name, value = name.encode(), value.encode()
    lengths = b"".join(struct.pack(">B", len(text)) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)
                       for text in (name, value))
    return lengths + name + value


def fcgi_request(method="GET", path="/health/live", body=b"", keep=False, length=None, **more):
    parameters = {"REQUEST_METHOD": method, "DOCUMENT_URI": path, "QUERY_STRING": "", "CONTENT_TYPE": "application/json",
                  "CONTENT_LENGTH": str(len(body) if length is None else length), "REMOTE_ADDR": "127.0.0.1",
                  "MAYFLY_REQUEST_ID": os.urandom(16).hex(), "MAYFLY_ORIGIN": "http://127.0.0.1", **more}
    pairs = b"".join(fcgi_pair(name, value) for name, value in parameters.items())
    parts = b"".join(fcgi_record(STDIN, body[at:at + 32768]) for at in range(0, len(body), 32768))
    return (fcgi_record(BEGIN, struct.pack(">HB5x", 1, 1 if keep else 0)) + fcgi_record(PARAMS, pairs) +
            fcgi_record(PARAMS) + parts + fcgi_record(STDIN))


def fcgi_connect(pool, timeout=20):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(SCRATCH / "run" / pool / "fcgi.sock"))
    return connection
