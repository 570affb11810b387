#!/usr/bin/python3
"""What nginx holds of one account's bodies until they are whole: 8 of 10 MB and more, and 64 in all, from however many addresses
and sessions. That is less than its files may have."""

import contextlib
import re
import secrets
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import nginx_limits, wait_until
from mayfly import CHECKOUT, PROBLEM, SCRATCH, check, done, login, new_user, same

GIB, LONG, SHORT = 1 << 30, 10_000_000, 9_999_999
LONG_ONES, ALL, OF_ADDRESS = 8, 64, 64
NETWORK = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(200) + 20}"


class Bodies:
    """Heads of uploads that are open: "100" says that nginx waits for the body."""

    def __init__(self, port):
        self.port, self.open, self.last = port, [], 0

    def begin(self, token, length, address=None, path="/upload", chunked=False):
        """The status; each comes from an address of its own unless one is named."""
        self.last += 1
        one = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(address or f"{NETWORK}.{self.last}", 0))
        size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        one.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{size}\r\nExpect: 100-continue\r\n\r\n".encode())
        self.answer = one.recv(65536)
        self.open.append(one)
        return self.answer[9:12].decode()

    def close(self, count=None):
        for one in self.open[:count]:
            one.close()
        self.open = self.open[count:] if count else []


def taken(bodies, token, length):
    """Whether there is room again: nginx sees a moment later that somebody has gone."""
    return wait_until(10, lambda: bodies.begin(token, length) == "100")


def account_of_many(bodies):
    user, other = new_user(), login(new_user())
    sessions = [login(user) for _ in range(4)]
    got = [bodies.begin(sessions[number % 4], GIB) for number in range(LONG_ONES)]
    same(got, ["100"] * LONG_ONES, f"{LONG_ONES} bodies of 1 GiB are waited for, by any session from any address")
    same(bodies.begin(sessions[0], GIB), "429", "and no further one")
    check(b"Retry-After" in bodies.answer and PROBLEM.encode() in bodies.answer, "which is told to come again", bodies.answer)
    same((bodies.begin(sessions[1], LONG), bodies.begin(sessions[2], 0, chunked=True)), ("429", "429"),
         "neither one of 10 MB nor one of any length")
    same((bodies.begin(other, GIB), bodies.begin(sessions[0], SHORT)), ("100", "100"), "another account's is, and a shorter one")
    client = mayfly.Client(token=sessions[0])
    same([client.post("/upload?name=x", body=bytes(1000)).status, client.post("/upload?name=x", body=bytes(200_000)).status], [201, 201],
         "small files are stored meanwhile")
    bodies.close(1)
    check(taken(bodies, sessions[0], LONG), "when one has gone another is taken")
    bodies.close()
    check(wait_until(10, lambda: bodies.begin(sessions[0], GIB) == "100" or bodies.close()), "nothing is counted for ever")
    bodies.close()
    got = Counter(bodies.begin(sessions[number % 4], SHORT, address=f"{NETWORK}.{200 + number % 8}") for number in range(ALL + 4))
    check(wait_until(1, lambda: got == {"100": ALL, "429": 4}), f"of shorter ones {ALL} are waited for", got)
    same(client.post("/upload?name=x", body=bytes(1000)).status, 201, "what nginx has in one piece is not counted")
    bodies.close()


def addresses_as_before(bodies):
    """Also of /upload, where they are counted later than elsewhere: with all else that the address asks for."""
    tokens = [login(new_user()) for _ in range(2)]
    place = f"{NETWORK}.250"
    got = Counter(bodies.begin(tokens[number % 2], SHORT, address=place) for number in range(OF_ADDRESS + 4))
    same(got, {"100": OF_ADDRESS, "429": 4}, f"of one address {OF_ADDRESS} are waited for, whosever they are")
    same(bodies.begin(tokens[0], 1000, address=place), "429", "a short one is none more")
    same(mayfly.Client(token=tokens[0], source=place).get("/files").status, 429, "nor is a download, which counts with them")
    bodies.close()


@contextlib.contextmanager
def edge(folder):
    """The shipped one, before a host that says whose the body is."""
    front, host = (port + secrets.randbelow(5000) for port in (20000, 25000))
    shipped = (CHECKOUT / "nginx/edge.conf").read_text()
    site = shipped[:shipped.index("server {\n")] + shipped[shipped.rindex("\nserver {\n"):]
    for pattern, put in ((r" +(?:listen \[::\]|ssl_).*\n", ""), (r"listen 443 ssl http2", f"listen 127.0.0.1:{front}"),
                         (r"server 192\.0\.2\.21:80 max_fails=1", f"server 127.0.0.1:{host} max_fails=0"),
                         (r" +server 192\.0\.2\.22.*\n", ""), ("/var/log/nginx/", f"{folder}/")):
        site = re.sub(pattern, put, site)
    folder.mkdir(parents=True)
    limits = re.sub(r"(?s)(geo .*?default\s+)0;", r"\g<1>1;", (SCRATCH / "etc/conf.d/mayfly-limits.conf").read_text(), count=1)
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
        events {{ worker_connections 512; }}
        http {{
            {"".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))}
            {limits}
            {site}
            server {{
                listen 127.0.0.1:{host};
                location = /upload/admit {{ add_header X-Mayfly-Account $http_authorization; return 204; }}
                location / {{ return 200; }}
            }}
        }}""")
    process = subprocess.Popen(["/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    try:
        if not wait_until(10, lambda: (folder / "pid").exists() and (folder / "pid").read_text() != ""):
            raise RuntimeError((folder / "error.log").read_text())
        yield front
    finally:
        process.terminate()
        process.wait()


def main():
    bodies = Bodies(mayfly.Client().port)
    with nginx_limits():
        account_of_many(bodies)
        addresses_as_before(bodies)
    with edge(SCRATCH / "tmp" / f"edge-{secrets.token_hex(4)}") as port:
        bodies = Bodies(port)
        got = Counter(bodies.begin("one", GIB) for _ in range(LONG_ONES + 2))
        same(got, {"100": LONG_ONES, "429": 2}, "an edge server holds no more of one account")
        same((bodies.begin("one", SHORT), bodies.begin("two", GIB)), ("100", "100"), "but shorter ones, and another's")
        bodies.close()
    # The most that one account can have on nginx's disk.
    most = LONG_ONES * 1025 * (1 << 20) + ALL * LONG
    files = int(re.search(r"^#?files_max_bytes = (\d+)$", (CHECKOUT / "etc/mayfly.conf").read_text(), re.M)[1])
    check(most < files, "this is less than one account's files may have", most, files)
    stated = re.search(r"at most ([0-9.]+) GB of disk", (CHECKOUT / "doc/threat-model.md").read_text())
    check(0 <= float(stated[1]) * 1e9 - most < 1e8, "and as much as the threat model says", stated, most)
    done()


main()
