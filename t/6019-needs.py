#!/usr/bin/python3
"""
What goes wrong at other gates, and no other test asks: names of hosts in each spelling, dead workers, ranges by HTTP/2 and of an app's answers,
cookies of the app beside the gate's, and an app that is asked once for what it got once.
"""

import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import ctl, front
from mayfly import PAGE, SCRATCH, check, dev, done, login, new_user, same

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /files/ { include snippets/mayfly-protect.conf; alias FOLDER/files/; }
    location /own/ { include snippets/mayfly-protect.conf; add_header Set-Cookie "app=1"; proxy_pass APP; }
"""
BROWSER = {"Accept": PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def check_names(gate, token):
    """A site has one spelling; a request's Host may have others of the same name."""
    try:
        ctl("site", "add", f"{gate.mark}-idn", f"https://bücher.{gate.mark}.example", "--require", "any")
        said = "it was taken"
    except RuntimeError as error:
        said = str(error)
    check("xn--bcher-kva.example" in said, "a name with letters beyond ASCII is written as DNS has it, and whoever writes another is told", said)
    gate.site("xn--bcher-kva", "any")
    host = gate.host("xn--bcher-kva")

    def status(name):
        return gate.client().get("/", headers={"Host": name, "Cookie": f"mayfly={token}"}).status

    same([status(name) for name in (host, host.upper(), host.replace("xn--bcher", "XN--BCHER"), host.replace(":", ".:"))], [200] * 4,
         "such a site lets people in, in upper case, and with a dot at its end")
    same(status(host.replace("xn--bcher-kva", "b\xfccher")), 403, "bytes that are no name are no site")
    name, _, port = host.partition(":")
    same([status(one) for one in (name, f"{name}:", f"{name}:{int(port) + 1}", f"{name}:0{port}", f"{name}:443")], [403, 403, 403, 200, 403],
         "another port is another origin")
    answer = gate.client().get("/a?b", headers={"Host": host.upper(), **BROWSER})
    same(answer.status, 303, "a guest is led to the log-in from each")


def check_dead_workers(gate, token):
    """Nobody is there to ask: neither a log-in page nor a pass."""
    gate.site("app", "any", "public path:/about/")
    gate.stop()
    host = gate.folder / "conf.d/mayfly-host.conf"
    before = host.read_text()
    host.write_text(re.sub(r"server unix:\S+/fcgi\.sock", "server unix:/nowhere/fcgi.sock", before))
    gate.start()
    seen = [gate.ask("app", path, token=one, headers=headers, method=method) for one in (token, None) for path in ("/", "/about/")
            for headers, method in ((BROWSER, "GET"), ({}, "GET"), ({}, "POST"))]
    check(all(answer.stated_503() and answer.error == "unavailable" and "location" not in answer.headers for answer in seen),
          "without a worker each answer is 503 with Retry-After", seen)
    gate.stop()
    host.write_text(before)
    inner = gate.folder / "conf.d/mayfly-inner.conf"
    kept = inner.read_text()
    inner.write_text(kept.replace("/gate.sock max_fails", "/nothing.sock max_fails"))
    gate.start()
    seen = [gate.ask("app", path, token=one).status for one in (token, None) for path in ("/", "/about/")]
    gate.stop()
    inner.write_text(kept)
    gate.start()
    same((seen, gate.ask("app", token=token).status), ([503] * 4, 200), "without the socket by which nginx asks itself it is the same")


def check_ranges(gate, token):
    whole = (gate.folder / "files/a.txt").read_bytes()
    gate.site("two", "any", port=gate.port2)
    ran = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_code} %{http_version}", "-r", "100-299", "-H", f"Cookie: mayfly={token}", "--connect-to",
                          f"::127.0.0.1:{gate.port2}", f"http://{gate.host('two', gate.port2)}/files/a.txt"], capture_output=True, timeout=60, check=True)
    body, _, status = ran.stdout.rpartition(b"\n")
    same((status, body), (b"206 2", whole[100:300]), "a range by HTTP/2")
    seen = gate.seen("app", "/x", token=token, headers={"Range": "bytes=5-9", "If-Range": '"a"', "If-None-Match": '"b"', "If-Match": '"c"'})
    same([seen["headers"].get(name) for name in ("range", "if-range", "if-none-match", "if-match")], [["bytes=5-9"], ['"a"'], ['"b"'], ['"c"']],
         "and an app is asked for the range, on the conditions that the client has")


def check_once(gate, token):
    before = gate.app.seen
    for method in ("GET", "POST", "PUT", "DELETE"):
        gate.ask("app", "/x", method=method, token=token, body=b"x" * 200000 if method in ("POST", "PUT") else None)
    same(gate.app.seen - before, 4, "an app is asked once for each request")
    seen = gate.seen("app", "/x", token=token, headers=[("X_Auth_User", "mallory"), ("X-Auth-User", "mallory"), ("X-Auth-User", "boss"), ("x_auth_groups", "admin")])
    same((seen["headers"]["x-auth-user"], "mallory" in str(seen), "admin" in str(seen["headers"])), ([USER.username], False, False),
         "who it is comes once, whatever the client has sent twice")


def check_cookies(gate, token):
    answer = gate.ask("app", "/own/x", token=token)
    same((answer.status, answer.cookies), (200, ["app=1"]), "the gate's question sets no cookie, so none is lost and the app's own arrives")


USER = new_user()
TOKEN = login(USER)
with front(LOCATIONS, start=False) as made:
    made.conf(lambda text: text.replace("FOLDER", str(made.folder)), "nginx.conf")
    (made.folder / "files").mkdir()
    (made.folder / "files/a.txt").write_bytes(bytes(range(256)) * 100)
    made.start()
    check_names(made, TOKEN)
    made.site("app", "any")
    check_once(made, TOKEN)
    check_cookies(made, TOKEN)
    check_ranges(made, TOKEN)
    check_dead_workers(made, TOKEN)
done()
