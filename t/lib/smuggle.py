"""Requests inside of requests: bodies made of FastCGI records, clients that send them, and what must never come of it."""

import os
import socket
import struct
import threading
import time

from chaos import BEGIN, END, GET_VALUES, PARAMS, STDIN, STDOUT, fcgi_pair, fcgi_record
from mayfly import FORM, PASSWORD, SCRATCH, Client, Response

ABORT = 2
FORGED_ID = "5810f09d"  # what each forged request's id and trace begin with
FORGED_ADDRESS = "203.0.113.66"  # of a network for documentation: nobody comes from there
KEEP, LINE = 1, b"\r\n"
BLOCKS = (8192, 16384, 20000, 32768, 65536, 131072, 262144, 1048576)  # that readers of all kinds read at once


# --- records


def padded(kind, content=b""):
    """As nginx sends records: a multiple of 8 bytes."""
    rest = -len(content) % 8
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), rest) + content + bytes(rest)


def forged_request(rng, method="GET", path="/health/live", body=b"", **more):
    """A whole request that keeps the connection, with an id, an address and a trace that nginx never gave."""
    mark = FORGED_ID + rng.randbytes(4).hex()
    fields = {"REQUEST_METHOD": method, "DOCUMENT_URI": path, "MAYFLY_REQUEST_ID": mark, **more}
    if body:
        fields["CONTENT_LENGTH"] = str(len(body))
    pairs = b"".join(fcgi_pair(*pair) for pair in fields.items())
    return (padded(BEGIN, struct.pack(">HB5x", 1, KEEP)) + padded(PARAMS, pairs) + padded(PARAMS) +
            (padded(STDIN, body) if body else b"") + padded(STDIN))


class Forger:
    """Makes bodies of records. token and username are the attacker's own: nobody else's are known to him."""

    def __init__(self, rng, token, username):
        self.rng, self.token, self.username = rng, token, username

    def short(self):
        """The shorter, the more likely that a reader comes upon its beginning."""
        return forged_request(self.rng)

    def slow(self):
        """While this one is answered, the connection has its next request, which its answer is taken for."""
        form = f"username={self.username}&password={PASSWORD.replace(' ', '+')}".encode()
        return forged_request(self.rng, "POST", "/login", form, CONTENT_TYPE=FORM, REMOTE_ADDR=FORGED_ADDRESS)

    def request(self):
        known = {"REMOTE_ADDR": FORGED_ADDRESS, "HTTP_AUTHORIZATION": f"Bearer {self.token}",
                 "HTTP_TRACEPARENT": f"00-{FORGED_ID}{self.rng.randbytes(12).hex()}-{self.rng.randbytes(8).hex()}-01"}
        kind = self.rng.random()
        if kind < 0.6:
            return self.short()
        if kind < 0.8:
            return forged_request(self.rng, "GET", "/profile", **known)
        if kind < 0.97:
            return forged_request(self.rng, "PUT", "/profile/data", b'{"smuggled":true}', CONTENT_TYPE="application/json",
                                  **known)
        return self.slow()

    def records(self):
        """What comes around the requests."""
        return self.rng.choice((
            b"", b"", padded(STDIN), padded(STDIN) * 2, padded(ABORT), padded(PARAMS), padded(BEGIN, struct.pack(">HB5x", 1, KEEP)),
            padded(STDOUT, b"Status: 200\r\n\r\nsmuggled") + padded(STDOUT), padded(END, bytes(8)),
            padded(STDOUT) + padded(END, bytes(8)),
            fcgi_record(GET_VALUES, fcgi_pair("FCGI_MPXS_CONNS", "") * 3, 0), fcgi_record(ABORT, b"", 2)))

    def body(self, length):
        """So many bytes: after a beginning of any length whole requests, one after the other."""
        start = self.rng.randrange(40) * 8 if self.rng.random() < 0.8 else self.rng.randrange(300)
        repeated = self.records() + self.request() * self.rng.randrange(1, 4)
        whole = self.rng.randbytes(min(start, length)) + repeated * (length // len(repeated) + 1)
        return whole[:length]

    def dense(self, length, make):
        """So many bytes of nothing but requests that make() makes: wherever a reader gets to, one begins soon."""
        parts, have = [bytes(self.rng.randrange(16) * 8)], 0
        while have < length:
            parts.append(make())
            have += len(parts[-1])
        return b"".join(parts)[:length]

    def length(self, most):
        """Just below, at or just beyond a block, counted from the body's beginning or, as far as that is known, the request's."""
        block = self.rng.choice([one for one in BLOCKS if one <= most + 4096])
        nearby = self.rng.choice((0, 1, -1, 8, -8, self.rng.randrange(-24, 24), -8 * self.rng.randrange(250),
                                  -self.rng.randrange(2000)))
        return max(1, min(block + nearby, most))


# --- answers


class Wire:
    """A client's connection to nginx, on which bytes go out as they are. Each answer is waited for in the order of the requests."""

    def __init__(self, timeout=30):
        place = Client()
        self.host = f"{place.host}:{place.port}"
        self.connection = socket.create_connection((place.host, place.port), timeout=timeout)
        self.received = b""

    def close(self):
        self.connection.close()

    def more(self):
        part = self.connection.recv(1 << 18)
        if not part:
            raise EOFError(self.received[:200])
        self.received += part

    def until(self, mark):
        while mark not in self.received:
            self.more()
        taken, _, self.received = self.received.partition(mark)
        return taken

    def take(self, length):
        while len(self.received) < length:
            self.more()
        taken, self.received = self.received[:length], self.received[length:]
        return taken

    def answer(self, method):
        first, *lines = self.until(LINE + LINE).split(LINE)
        status = int(first.split()[1])
        fields = [tuple(part.strip() for part in line.decode("latin-1").split(":", 1)) for line in lines]
        given = {name.lower(): value for name, value in fields}
        body = b""
        if method == "HEAD" or status in (204, 304):
            pass
        elif given.get("transfer-encoding") == "chunked":
            while (length := int(self.until(LINE), 16)) > 0:
                body += self.take(length)
                self.take(2)
            self.until(LINE)
        else:
            body = self.take(int(given.get("content-length", "0")))
        answer = Response(status, fields, body)
        answer.closes = given.get("connection") == "close"
        return answer


class FastCgi:
    """A kept connection to a pool, as nginx has them."""

    def __init__(self, pool, timeout=10):
        self.connection, self.timeout = socket.socket(socket.AF_UNIX), timeout
        self.connection.settimeout(timeout)
        self.connection.connect(str(SCRATCH / "run" / pool / "fcgi.sock"))
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, data):
        self.connection.sendall(data)

    def answer(self):
        """Up to END_REQUEST: its bytes. EOFError: the connection ended before; what had come is its argument."""
        output = b""
        while True:
            while len(self.received) >= 8:
                _, kind, request_id, length, padding = struct.unpack(">BBHHBx", self.received[:8])
                whole = 8 + length + padding
                if len(self.received) < whole:
                    break
                content, self.received = self.received[8:8 + length], self.received[whole:]
                if request_id != 1 or kind not in (STDOUT, END):
                    raise ValueError(f"a record of type {kind} for request {request_id}: {content[:100]!r}")
                if kind == END:
                    return output
                output += content
            part = self.connection.recv(1 << 18)
            if not part:
                raise EOFError(output)
            self.received += part

    def is_over(self):
        """Whether the peer has closed by now. It is not waited for: nginx's next request would not wait either."""
        self.connection.setblocking(False)
        try:
            part = self.connection.recv(1 << 16)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self.connection.settimeout(self.timeout)
        self.received += part
        return not part


def is_answer(output, request_id, status, method="GET"):
    """Whether it is all of the answer to this request, by its own length, whether or not END_REQUEST came behind it."""
    head, _, body = output.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"Content-Length: ")), len(body))
    return (lines[0] == b"Status: %d" % status and f"X-Request-Id: {request_id}".encode() in lines and
            len(body) == (0 if method == "HEAD" else length))


def trace(rng):
    """(traceparent, its trace id), by which nginx's log is found again."""
    name = os.urandom(4).hex() + rng.randbytes(12).hex()
    return f"00-{name}-{rng.randbytes(8).hex()}-01", name


class Witness:
    """Keeps what was asked and answered, and what should not have been."""

    def __init__(self, most_s):
        self.most_s, self.lock = most_s, threading.Lock()
        self.answers = []  # (trace id, request id of the answer, status, who)
        self.wrong = []
        self.slowest_s = 0
        self.count = {}

    def saw(self, who, trace_id, answer, took_s):
        with self.lock:
            self.answers.append((trace_id, answer.headers.get("x-request-id", ""), answer.status, who))
            self.slowest_s = max(self.slowest_s, took_s)
            key = f"{who} {answer.status}"
            self.count[key] = self.count.get(key, 0) + 1
            if took_s > self.most_s:
                self.wrong.append(f"{who}: waited {took_s:.1f} s")

    def blame(self, text):
        with self.lock:
            self.wrong.append(text)

    def result(self):
        return {"answers": self.answers, "wrong": self.wrong, "slowest_s": self.slowest_s, "count": self.count}


def run_until(end, threads_of, witness):
    """Runs functions in threads again and again until time.monotonic() is end; what one raises is wrong."""

    def repeat(function):
        try:
            while time.monotonic() < end:
                function()
        except Exception as error:  # pylint: disable=broad-except
            witness.blame(f"{getattr(function, '__qualname__', function)}: {error!r}")

    threads = [threading.Thread(target=repeat, args=(function,), daemon=True) for function in threads_of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()) + 60)
        if thread.is_alive():
            witness.blame("a client never came back")
    return witness.result()
