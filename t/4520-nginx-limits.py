#!/usr/bin/python3
"""What one address may take of nginx, with an address of IPv6 counted as its /64; and no long body is taken from anybody who has
not shown who he is."""

import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import INST, Threads, children, nginx_limits, nginx_reload, service_pid, wait_until
from files import half_patch, postgres_away, tus_create, tus_offset
from mayfly import PROBLEM, SCRATCH, check, dev, done, login, new_user, same, settings

NETWORK = f"127.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}"
AT_ONCE = 256  # limit_conn mayfly_address
BURST = 1000  # limit_req mayfly_request_rate
EVERYWHERE = ("/health/live", "/static/mayfly.css", "/login", "/shared/x", "/files", "/upload", "/upload/x", "/UPLOAD", "/upload%0A", "/uploads",
              "/nothing", "/none-of-mayflys")
BODIES = SCRATCH / "tmp/body"
MIB = 1024 * 1024


class Client(mayfly.Client):
    def __init__(self, last=1, **more):
        super().__init__(source=f"{NETWORK}.{last}", **more)


def connect(last=1):
    client = mayfly.Client()
    return socket.create_connection((client.host, client.port), timeout=30, source_address=(f"{NETWORK}.{last}", 0))


def on_disk():
    """Bytes of bodies that nginx has written down. These files have lost their names, but are open."""
    total = 0
    for pid in children(service_pid("nginx")):
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(file).startswith(str(BODIES)):
                    total += os.stat(file).st_blocks * 512
    return total


def send_long(head, length=1024 * MIB, most=8 * MIB, chunked=False):
    """Sends a head and up to `most` bytes of its body. What came as an answer, and the most that nginx had on disk."""
    one, disk, received = connect(), 0, b""
    one.sendall(head.encode() + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {length}\r\n\r\n".encode()))
    piece = bytes(65536)
    if chunked:
        piece = b"10000\r\n" + piece + b"\r\n"
    one.settimeout(5)
    try:
        for _ in range(most // 65536):
            one.sendall(piece)
            disk = max(disk, on_disk())
    except OSError:
        pass
    with contextlib.suppress(OSError):
        received = one.recv(65536)
    disk = max(disk, on_disk())
    one.close()
    return received, disk


def unknown_senders():
    token = "mfs_" + "A" * 64
    for name, head, chunked in (
            ("nobody's upload", "POST /upload HTTP/1.1\r\nHost: x\r\n", False),
            ("one with a made-up token", f"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n", False),
            ("one with a made-up cookie", f"POST /upload HTTP/1.1\r\nHost: x\r\nCookie: mayfly={token}\r\n", False),
            ("one without a length", "POST /upload HTTP/1.1\r\nHost: x\r\n", True),
            ("a body to read with", "GET /upload HTTP/1.1\r\nHost: x\r\n", False),
            ("nobody's PATCH", "PATCH /uploads/x HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n", False),
            ("nobody's creation", "POST /uploads HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n", True)):
        received, disk = send_long(head, chunked=chunked)
        check(received.startswith(b"HTTP/1.1 401 ") and PROBLEM.encode() in received, f"{name} is told to log in", received[:500])
        same(disk, 0, "and not a byte of it is written down")
    client = Client()
    answer = client.post("/upload", body=bytes(200_000))
    same((answer.status, answer.error, "www-authenticate" in answer.headers, answer.headers.get("cache-control")),
         (401, "unauthorized", True, "no-store"), "the refusal is as a worker's own")


def known_senders(user):
    client = Client(token=login(user))
    received, disk = send_long(f"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n")
    check(received == b"" and disk > MIB, "a live session's body is taken", received[:200], disk)
    same(client.post("/upload?name=x", body=bytes(3 * MIB)).status, 201, "and stored when it is whole")
    with settings(files_max_bytes=400_000):
        received, disk = send_long(f"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n", length=500_000)
        check(received.startswith(b"HTTP/1.1 413 ") and PROBLEM.encode() in received and disk == 0,
              "one that can't succeed is refused before it is taken", received[:500], disk)
    keyed = {"Idempotency-Key": "long"}
    first = client.post("/upload?name=keyed", body=bytes(3 * MIB), headers=keyed)
    again = client.post("/upload?name=keyed", body=bytes(3 * MIB), headers=keyed)
    same((first.status, again.status, again.headers.get("idempotent-replayed"), again.body), (201, 201, "true", first.body),
         "sent again under its key, it is told what it was told")
    client.post("/logout")
    same(client.post("/upload?name=x", body=bytes(3 * MIB)).status, 401, "after the log-out it is nobody's")
    received, disk = send_long(f"POST /upload?name=keyed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nIdempotency-Key: long\r\n")
    check(received.startswith(b"HTTP/1.1 401 ") and disk == 0, "also under a key that has an outcome: nothing of it is taken", received[:500],
          disk)
    token = login(user)
    with postgres_away():
        dev("service", "stop", "memcached")
        answer = Client(token=token).post("/upload?name=x", body=bytes(3 * MIB))
        check(answer.stated_503() and "set-cookie" not in answer.headers, "without a database it is an outage, no log-out", answer)
        dev("service", "start", "memcached")
    same(Client(token=token).post("/upload?name=x", body=bytes(3 * MIB)).status, 201, "which ends with the outage")


def short_bodies_only():
    """Everywhere else 128 KiB are the most."""
    for words in ("POST /login", "POST /register", "PUT /session/data", "PATCH /profile/data", "POST /files/x/csv",
                  "POST /files/direct", "GET /shared/x", "POST /health/live", "POST /upload/admit"):
        method, path = words.split()
        received, disk = send_long(f"{method} {path} HTTP/1.1\r\nHost: x\r\n", length=MIB, most=MIB)
        check(received.startswith(b"HTTP/1.1 413 ") and disk == 0, f"{words} takes no long body", received[:200], disk)


@contextlib.contextmanager
def another_location():
    """As a site has it for what is not mayfly's."""
    snippet = SCRATCH / "etc/snippets/bench.conf"
    snippet.write_text("location = /none-of-mayflys {\n    root /nonexistent;\n}\n")
    try:
        yield
    finally:
        snippet.unlink()


def crowd_of_one():
    """One address holds as many requests as it may, with bodies that don't come; others don't notice."""
    statuses = Counter()
    held = []
    for number in range(AT_ONCE + 50):
        one = connect(7)
        one.sendall(f"PUT /session/data HTTP/1.1\r\nHost: x\r\nContent-Length: {1000 + number}\r\nExpect: 100-continue\r\n\r\n".encode())
        statuses[one.recv(12)[9:].decode()] += 1
        held.append(one)
    same(statuses, {"100": AT_ONCE, "429": 50}, f"of {AT_ONCE + 50} requests at a time one address gets {AT_ONCE}")
    same({path: Client(8).get(path).status for path in ("/health/live", "/static/mayfly.css", "/login")},
         dict.fromkeys(("/health/live", "/static/mayfly.css", "/login"), 200), "another address is served beside them")
    same({path: Client(7).get(path).status for path in EVERYWHERE}, dict.fromkeys(EVERYWHERE, 429),
         "and of that one nothing more, wherever it goes")
    began = time.monotonic()
    check(wait_until(20, lambda: Client(7).get("/health/live").status == 200), "until nginx has waited for the bodies long enough",
          time.monotonic() - began)
    for one in held:
        one.close()


@contextlib.contextmanager
def limits_without_rates():
    """What an address has sent at once is not given back to it."""
    path = SCRATCH / "etc/conf.d/mayfly-limits.conf"
    before = path.read_text()
    path.write_text(re.sub(r"rate=\d+r/s", "rate=1r/m", before))
    try:
        with nginx_limits():
            yield
    finally:
        path.write_text(before)
        nginx_reload()


def haste_of_one():
    """Requests of all kinds count together, also where a kind has a limit of its own."""
    client, sent = Client(9), 0
    while client.get("/static/mayfly.css").status == 200 and sent <= BURST + 10:
        sent += 1
    check(BURST <= sent <= BURST + 3, f"of one address {BURST} requests are taken at once", sent)
    same({path: Client(9).get(path).status for path in EVERYWHERE}, dict.fromkeys(EVERYWHERE, 429), "and none more, wherever it goes")
    same(Client(9).post("/login", json={"username": "x", "password": "x"}).status, 429, "to log in neither")
    same({path: Client(10).get(path).status for path in ("/health/live", "/static/mayfly.css", "/login")},
         dict.fromkeys(("/health/live", "/static/mayfly.css", "/login"), 200), "while another is served")


# --- an nginx of its own, that believes what address it is told, with the shipped limits


@contextlib.contextmanager
def nginx_of_its_own(folder, servers):
    limits = re.sub(r"(?s)(geo .*?default\s+)0;", r"\g<1>1;", (SCRATCH / "etc/conf.d/mayfly-limits.conf").read_text(), count=1)
    # So slow that a busy machine gives nothing back meanwhile.
    limits = re.sub(r"(zone=mayfly_password_rate:\S+ rate=)10r/s", r"\g<1>10r/m", limits)
    folder.mkdir(parents=True)
    (folder / "limits.conf").write_text(limits)
    temp = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
        events {{ worker_connections 512; }}
        http {{
            {temp}
            access_log off;
            include {folder}/limits.conf;
            {servers}
        }}""")
    process = subprocess.Popen(["/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    try:
        if not wait_until(10, lambda: (folder / "pid").exists() and (folder / "pid").read_text() != ""):
            raise RuntimeError((folder / "error.log").read_text())
        yield
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def nginx_of_addresses(folder):
    port = 20000 + secrets.randbelow(10000)
    with nginx_of_its_own(folder, f"""
            server {{
                listen 127.0.0.1:{port};
                location / {{ root {folder}; try_files /limits.conf =404; }}
                set_real_ip_from 127.0.0.1;
                real_ip_header X-Address;
                limit_req zone=mayfly_password_rate burst=2 nodelay;
                limit_req_status 429;
            }}"""):
        yield mayfly.Client(url=f"http://127.0.0.1:{port}", timeout=5)


def addresses(folder):
    with nginx_of_addresses(folder) as client:
        def uses_up(*names):
            """Whether the budget of three requests at once is one for all of these."""
            return [client.get("/", headers={"X-Address": name}).status for name in names]

        # Zeroes, line feeds, carriage returns, what ends strings or lines elsewhere, and 0x80 and above.
        for network in ("2001:db8:0:1", "2001:db8:0:0", "2001:db8:a0a:d0a", "fd00:0:0:0", "2a0a:0a0a:0a0a:0a0a", "ffff:ffff:ffff:ffff",
                        "2001:db8:2224:5c7b"):
            hosts = [f"{network}:{host}" for host in ("0:0:0:1", "0a0a:0a0a:0a0a:0a0a", "ffff:ffff:ffff:ffff", "0:0:0:0a0a", "0d0a:0:0:0a")]
            same(uses_up(*hosts), [200, 200, 200, 429, 429], f"{network}::/64 counts as one, whatever the rest is")
        same(uses_up("2001:db8:0:2::1"), [200], "the /64 beside it is another's")
        same(uses_up("2001:db8:0:2::1", "2001:db8::1"), [200, 429], "however they are spelt")
        same(uses_up("::1", "::2", "::3", "::4"), [200, 200, 200, 429], "and the first of all is one, too")
        same(uses_up("198.51.100.1", "::ffff:198.51.100.1", "::ffff:c633:6401", "198.51.100.1"), [200, 200, 200, 429],
             "IPv4 counts as itself, also as part of IPv6")
        same(uses_up("198.51.100.2", "::ffff:198.51.100.10", "::ffff:10.0.0.10", "0.0.0.10", "10.10.10.10"), [200] * 5,
             "and its neighbours as themselves")


def bodies_of_http2(folder):
    """There a body needs no length. Whose sender is asked for: what $mayfly_admit says."""
    port = 20000 + secrets.randbelow(10000)
    conf = SCRATCH / "etc/conf.d"
    # As the installed files say it to the nginx that is here.
    on = "http2 on;" in (INST / "share/mayfly/nginx/site.conf").read_text()
    listen = f"listen 127.0.0.1:{port}; http2 on;" if on else f"listen 127.0.0.1:{port} http2;"
    with nginx_of_its_own(folder, f"""
            include {conf}/mayfly.conf; include {conf}/mayfly-host.conf;
            server {{ {listen} set $mayfly_host x; set $mayfly_length 1; location / {{ return 200 $mayfly_admit; }} }}"""):
        def asked(*options, body=None):
            # nginx answers before it has the body, and curl may be told to stop before it has read that: asked again then.
            for _ in range(10):
                ran = subprocess.run(["curl", "-s", "--http2-prior-knowledge", *options, f"http://127.0.0.1:{port}/upload"],
                                     input=body, capture_output=True, timeout=20, check=False)
                if ran.stdout:
                    break
            return ran.stdout

        same({"no length": asked("-T", "-", body=b"x"), "a short one": asked("-d", "x"), "no method of bodies": asked()},
             {"no length": b"1", "a short one": b"0", "no method of bodies": b"1"},
             "HTTP/2: the sender is asked for unless the body says that it is short")


def edge_without_hosts(folder):
    """A host that has admitted a body and hangs up then: the edge says so as it does elsewhere."""
    edge, host = (port + secrets.randbelow(5000) for port in (20000, 25000))
    shipped = (mayfly.CHECKOUT / "nginx/edge.conf").read_text()
    site = shipped[:shipped.index("server {\n")] + shipped[shipped.rindex("\nserver {\n"):]
    for pattern, put in ((r" +(?:listen \[::\]|ssl_).*\n", ""), (r"listen 443 ssl http2", f"listen 127.0.0.1:{edge}"),
                         (r"server 192\.0\.2\.21:80 max_fails=1", f"server 127.0.0.1:{host} max_fails=0"),
                         (r" +server 192\.0\.2\.22.*\n", ""), ("/var/log/nginx/", f"{folder}/")):
        site = re.sub(pattern, put, site)
    with nginx_of_its_own(folder, f"""{site}
            server {{
                listen 127.0.0.1:{host};
                location = /upload/admit {{ return 204; }}
                location / {{ return 444; }}
            }}"""):
        client = mayfly.Client(url=f"http://127.0.0.1:{edge}", timeout=5)
        for path in ("/upload", "/uploads", "/profile"):
            answer = client.post(path, body=b"some bytes")
            check(answer.stated_503(), f"an edge whose hosts hang up: POST {path}", answer)


def slow_bodies(user):
    """One that comes more slowly than it may on average is cut off, and keeps what it has sent."""
    client = Client(token=login(user))
    with settings(stream_least_bytes_s=1000, stream_grace_s=2):
        urls = [tus_create(client, 50_000_000).headers["Location"] for _ in range(2)]
        with half_patch(client, urls[0], 0, 50_000_000, b"x") as slow, half_patch(client, urls[1], 0, 50_000_000, b"x" * 10) as fast, \
                Threads() as threads:
            def send(connection, piece):
                while not threads.over.wait(0.25):
                    connection.sendall(piece)

            threads.add(send, fast, b"y" * 4000)
            began, cut = time.monotonic(), None
            slow.settimeout(0.25)
            while cut is None and time.monotonic() < began + 15:
                try:
                    slow.sendall(b"y")
                    cut = slow.recv(65536)
                except socket.timeout:
                    continue
                except OSError:
                    cut = b""
            took = time.monotonic() - began
            check(cut is not None and 2 <= took < 8, "four bytes a second are too few after stream_grace_s", took)
            time.sleep(1)
            threads.over.set()
        same(threads.errors, [], "16 kB a second are not")
        check(wait_until(5, lambda: (tus_offset(client, urls[0]) or 0) >= 5), "what the slow one has sent is kept",
              tus_offset(client, urls[0]))


def main():
    user = new_user()
    unknown_senders()
    known_senders(user)
    short_bodies_only()
    with another_location(), nginx_limits():
        crowd_of_one()
    with another_location(), limits_without_rates():
        haste_of_one()
    folder = SCRATCH / "tmp" / f"nginx-{os.getpid()}"
    addresses(folder)
    bodies_of_http2(SCRATCH / "tmp" / f"http2-{os.getpid()}")
    edge_without_hosts(SCRATCH / "tmp" / f"edge-{os.getpid()}")
    slow_bodies(user)
    done()


main()
