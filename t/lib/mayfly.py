"""What all tests share: TAP, a raw HTTP client, people who are registered and logged in, ./dev."""

import contextlib
import http.client
import json as jsons
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
URL = os.environ.get("MAYFLY_URL", "").rstrip("/")
DEV = os.environ.get("MAYFLY_DEV", str(CHECKOUT / "dev"))
SCRATCH = Path(os.environ.get("MAYFLY_SCRATCH", "/nowhere"))
PASSWORD = "a quiet green lamp"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"  # what browsers send as Accept
TOKEN = re.compile(r"^mfs_[A-Za-z0-9_-]{60,80}$")

# --- TAP

_passed = []


def check(condition, name, *why):
    """One line of TAP. What stands in why is printed when it fails."""
    _passed.append(bool(condition))
    print(f"{'ok' if condition else 'not ok'} {len(_passed)} - {name}", flush=True)
    if not condition:
        for one in why:
            for line in str(one).splitlines():
                print(f"# {name}: {line[:2000]}", file=sys.stderr, flush=True)  # the harness shows only this
    return bool(condition)



def same(got, wanted, name, *why):
    return check(got == wanted, name, f"got    {got!r}", f"wanted {wanted!r}", *why)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line[:2000]}", flush=True)


def done():
    print(f"1..{len(_passed)}", flush=True)
    sys.exit(0 if _passed and all(_passed) else 1)


# --- HTTP


class Headers(dict):
    """By names of either case. One that came several times has its values joined by line breaks."""

    def __init__(self, fields):
        super().__init__()
        for name, value in fields:
            self[name.lower()] = f"{self[name]}\n{value}" if name in self else value

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Response:
    """started and ended are times of time.monotonic(); started is None when nobody noted it."""

    def __init__(self, status, fields, body, started=None):
        self.started, self.ended = started, time.monotonic()
        self.status = status
        self.fields = fields
        self.headers = Headers(fields)
        self.body = body

    def json(self):
        return jsons.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def error(self):
        """The word of a problem; None when this is not one."""
        if self.headers.get("content-type") != PROBLEM:
            return None
        return self.json().get("error")

    @property
    def token(self):
        """Of an answer to a log-in or a change of password."""
        return self.json().get("token") if self.status == 200 else None

    @property
    def worker(self):
        return self.headers.get("x-mayfly-worker", "")

    @property
    def pool(self):
        return self.worker.partition("/")[0]

    @property
    def etag(self):
        return self.headers.get("etag")

    @property
    def cookies(self):
        """Set-Cookie fields as they came."""
        return [value for name, value in self.fields if name.lower() == "set-cookie"]

    def stated_503(self):
        return self.status == 503 and "Retry-After" in self.headers

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


class Client:
    """
    Keeps its connection. Nothing is sent that is not asked for, but Host and the length of a body. source is an address of this
    machine to come from.
    """

    def __init__(self, token=None, cookie=None, url=None, timeout=60, source=None):
        place = urllib.parse.urlsplit(url or URL)
        self.host, self.port = place.hostname, place.port
        self.token = token
        self.cookie = cookie
        self.timeout = timeout
        self.source = (source, 0) if source else None
        self.connection = None

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout, source_address=self.source)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def request(self, method, path, body=None, headers=(), json=None, form=None):
        """headers: a dict, or pairs when a name shall come several times. json and form set the type as well."""
        fields = list(headers.items()) if isinstance(headers, dict) else list(headers)
        given = {name.lower() for name, _ in fields}
        if json is not None:
            body = jsons.dumps(json)
            kind = "application/json"
        elif form is not None:
            body = urllib.parse.urlencode(form)
            kind = FORM
        else:
            kind = None
        if kind is not None and "content-type" not in given:
            fields.append(("Content-Type", kind))
        if self.token is not None and "authorization" not in given:
            fields.append(("Authorization", f"Bearer {self.token}"))
        if self.cookie is not None and "cookie" not in given:
            fields.append(("Cookie", self.cookie))
        if isinstance(body, str):
            body = body.encode()
        if body is not None or method in ("POST", "PUT", "PATCH"):
            if not given & {"content-length", "transfer-encoding"}:
                fields.append(("Content-Length", str(len(body or b""))))
        for last in (False, True):
            fresh = self.connection is None
            try:
                return self._exchange(method, path, body, fields)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()
                if fresh or last:
                    raise
            except BaseException:
                self.close()
                raise

    def _exchange(self, method, path, body, fields):
        started = time.monotonic()
        if self.connection is None:
            self.connection = self.connect()
        own_host = any(name.lower() == "host" for name, _ in fields)
        self.connection.putrequest(method, path, skip_host=own_host, skip_accept_encoding=True)
        for name, value in fields:
            self.connection.putheader(name, value)
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        return Response(answer.status, answer.getheaders(), answer.read(), started)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def put(self, path, **more):
        return self.request("PUT", path, **more)

    def patch(self, path, **more):
        return self.request("PATCH", path, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)


# --- people


class User:
    def __init__(self, username, password=PASSWORD, email=None, id=None):
        self.username = username
        self.password = password
        self.email = email
        self.id = id


def new_name(prefix="u"):
    return f"{prefix}{secrets.token_hex(6)}"


def new_user(password=PASSWORD, **fields):
    """Registers somebody new."""
    fields = {"username": new_name(), **fields}
    answer = Client().post("/register", json={**fields, "password": password})
    if answer.status != 201:
        raise RuntimeError(f"/register answers {answer}")
    return User(fields["username"], password, fields.get("email"), answer.json()["user"]["id"])


def try_login(username, password=PASSWORD, **fields):
    return Client().post("/login", json={"username": username, "password": password, **fields})


def login(user, **fields):
    """A new token of the user's."""
    answer = try_login(user.username, user.password, **fields)
    if answer.status != 200:
        raise RuntimeError(f"/login answers {answer}")
    return answer.token


def signed_in(**fields):
    """Somebody new: (user, a client with a token)."""
    user = new_user(**fields)
    return user, Client(login(user))


# --- the stack


def dev(*words, stdin=None, **environment):
    """What ./dev prints with these words; MAYFLY_CRASH="point:N" and the like as keywords."""
    ran = subprocess.run([DEV, *map(str, words)], env={**os.environ, "MAYFLY_SCRATCH": str(SCRATCH), **environment},
                         input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"dev {' '.join(map(str, words))}: {ran.stderr.strip()}")
    return ran.stdout


def psql(sql):
    return dev("psql", "-Atqc", sql).strip()


@contextlib.contextmanager
def settings(**wanted):
    """Settings for the time of a with block; the file is afterwards what it was."""
    path = SCRATCH / "etc" / "mayfly.conf"
    before = path.read_text()
    try:
        _configure([line for line in before.splitlines() if line.partition("=")[0].strip() not in wanted] +
                   [f"{name} = {value}" for name, value in wanted.items()])
        yield
    finally:
        _configure(before.splitlines())


def _configure(lines):
    """The last line is set by ./dev, which returns when all workers have read the file."""
    (SCRATCH / "etc" / "mayfly.conf").write_text("".join(line + "\n" for line in lines))
    name, _, value = lines[-1].partition("=")
    dev("config", name.strip(), value.strip())
