"""What the tests share that break things on purpose: a stack to break, clients that notice, and load around it."""

import http.client
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DEV = os.environ.get("MAYFLY_DEV", str(CHECKOUT / "dev"))
SCRATCH = Path(os.environ.get("MAYFLY_SCRATCH", "/nowhere"))
INST = Path(os.environ.get("MAYFLY_INST", SCRATCH / "inst"))
PASSWORD = "a quiet green lamp"
POOLS = ("a", "b", "heavy-a", "heavy-b")

# --- TAP

_results = []


def check(passed, promise, *why):
    """One TAP line; why is printed when it failed."""
    _results.append(bool(passed))
    print(f"{'ok' if passed else 'not ok'} {len(_results)} - {promise}", flush=True)
    if not passed:
        for line in why:
            print(f"# {promise}: {line}", file=sys.stderr, flush=True)  # the harness shows only this
    return bool(passed)


def same(got, wanted, promise):
    return check(got == wanted, promise, f"got {got!r}", f"wanted {wanted!r}")


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def done():
    print(f"1..{len(_results)}", flush=True)
    sys.exit(0 if all(_results) else 1)


# --- the stack


def dev(*words, **environment):
    """./dev with these words; MAYFLY_CRASH="point:N" and the like as keywords."""
    ran = subprocess.run([DEV, *map(str, words)], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"dev {' '.join(map(str, words))}: {ran.stderr.strip()}")
    return ran.stdout


def psql(sql):
    return dev("psql", "-Atqc", sql).strip()


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


class Settings:
    """Settings for the time of a with block; what was there before comes back."""

    def __init__(self, **wanted):
        self.wanted = wanted
        self.path = SCRATCH / "etc" / "mayfly.conf"

    def __enter__(self):
        self.before = self.path.read_text()
        for name, value in self.wanted.items():
            dev("config", name, value)
        return self

    def __exit__(self, *_):
        self.path.write_text(self.before)
        dev("restart")


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


# --- clients


class Lost(Exception):
    """The connection ended without an answer."""


class Reply:
    def __init__(self, started, status, headers, body):
        self.started, self.ended = started, time.monotonic()
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def stated_503(self):
        return self.status == 503 and self.headers.get("Retry-After") is not None

    def __repr__(self):
        return f"{self.status} {self.body[:200]!r}"


class Client:
    """One HTTP client. It has a bearer token, or with cookie=True the cookie that a browser would have."""

    def __init__(self, token=None, keep=True, cookie=False, timeout=40):
        self.token, self.keep, self.cookie, self.timeout = token, keep, cookie, timeout
        self.connection = None

    def __call__(self, method, path, body=None, key=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Accept"] = "application/json"
        if self.token is not None and self.cookie:
            headers.update({"Cookie": f"mayfly={self.token}", "Sec-Fetch-Site": "same-origin"})
        elif self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        if not self.keep:
            headers["Connection"] = "close"
        if self.connection is None:
            self.connection = self.connect()
        started = time.monotonic()
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            reply = Reply(started, answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Lost(f"{method} {path}: {error!r}") from error
        if not self.keep:
            self.close()
        return reply

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", int((SCRATCH / "port").read_text()), timeout=self.timeout)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


_names = itertools.count(1)
# The database may be that of the run before.
_run = f"{int(time.time() * 1000):x}"


def new_name(prefix="user"):
    return f"{prefix}-{_run}-{os.getpid()}-{next(_names)}"


def new_user(prefix="user"):
    name = new_name(prefix)
    reply = Client()("POST", "/register", {"username": name, "password": PASSWORD})
    assert reply.status == 201, reply
    return name


def login(name):
    reply = Client()("POST", "/login", {"username": name, "password": PASSWORD})
    assert reply.status == 200, reply
    return reply.json()["token"]


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
    return (fcgi_record(BEGIN, struct.pack(">HB5x", 1, 1 if keep else 0)) + fcgi_record(PARAMS, pairs) +
            fcgi_record(PARAMS) + (fcgi_record(STDIN, body) if body else b"") + fcgi_record(STDIN))


def fcgi_connect(pool, timeout=20):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(SCRATCH / "run" / pool / "fcgi.sock"))
    return connection
