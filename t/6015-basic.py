#!/usr/bin/python3
"""
Native apps at the gate, by Basic: they are asked for it where a key passes, and browsers never are, since those would ask in a window of their
own and send what was typed there from every page. What a page of another site makes a browser send by itself is refused.
"""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import basic, bearer, ctl, front, key
from mayfly import PAGE, SCRATCH, Client, check, done, login, new_user, same
from memcached import session_id

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /dav/staff/ { set $mayfly_require "any"; include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /dav/robots/ { set $mayfly_require "any key"; include snippets/mayfly-protect.conf; proxy_pass APP; }
"""
EVIL = "https://evil.example"


def challenges(answer):
    return sorted((answer.headers.get("www-authenticate") or "").split("\n"))


def check_asked(gate):
    both = [f'Basic realm="{gate.mark}-dav", charset="UTF-8"', 'Bearer realm="mayfly"']
    same([(answer.status, challenges(answer)) for answer in (gate.ask("dav", "/dav/x"), gate.ask("dav", "/dav/robots/x"),
                                                             gate.ask("dav", "/dav/x", method="PUT", body=b"x" * 200000))], [(401, both)] * 3,
         "a program is asked for Basic, and for Bearer, where a key passes")
    same([(answer.status, challenges(answer)) for answer in (gate.ask("dav", "/x"), gate.ask("dav", "/dav/staff/x"), gate.ask("plain", "/dav/x"))],
         [(401, both[1:])] * 3, "and not for Basic where none does: beside the row's path, where a location narrows it, at a site without keys")
    same(challenges(gate.ask("dav", "/dav/x", headers=basic("ann", "mfk_" + "A" * 64))), both, "a bad key is asked for a better one")


def check_browsers(gate):
    """Whatever a browser does: chromium, Firefox and Safari of today say Sec-Fetch-…, an old Safari says where it comes from."""
    fetch = {"Accept": "*/*", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    for name, method, fields in (
            ("a script", "GET", fetch), ("a script that writes", "POST", {**fetch, "Origin": f"http://{gate.host('dav')}"}),
            ("an image", "GET", {"Accept": "image/*", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
            ("a frame", "GET", {"Accept": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
            ("a form", "POST", {"Accept": PAGE, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}),
            ("a WebSocket", "GET", {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": f"http://{gate.host('dav')}"}),
            ("an old browser's script", "GET", {"Accept": "*/*", "Referer": f"http://{gate.host('dav')}/"})):
        answer = gate.ask("dav", "/dav/x", method=method, headers=fields)
        same((answer.status, challenges(answer)), (401, ['Bearer realm="mayfly"']), f"{name} of a browser is not asked for Basic")
    for fields in ({"Accept": PAGE, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, {"Accept": PAGE}):
        answer = gate.ask("dav", "/dav/x", headers=fields)
        check(answer.status == 303 and "Basic" not in str(answer.headers), "nor is somebody on the way to a page", answer)


def check_clients(gate, ann, password):
    def curl(*options, path="/dav/a%20b?c=d"):
        ran = subprocess.run(["curl", "-s", "-o", "-", "-w", "\n%{http_code} %{num_connects}", "-u", f"{ann.username}:{password}", "--connect-to",
                              f"::127.0.0.1:{gate.port}", *options, f"http://{gate.host('dav')}{path}"], capture_output=True, timeout=60, check=True)
        body, _, told = ran.stdout.decode().rpartition("\n")
        return told.split()[0], body

    status, body = curl()
    check(status == "200" and ann.username in body and password not in body and "Basic" not in body, "curl -u gets there, and the app gets no password", status, body)
    status, body = curl("--anyauth")
    check(status == "200" and ann.username in body, "also when it sends nothing before it is asked", status, body)
    status, body = curl("-T", "/etc/hostname", path="/dav/hostname")
    check(status == "200" and '"method": "PUT"' in body, "and puts a file", status, body)
    status, body = curl("-X", "PROPFIND", "-H", "Depth: 1")
    same(status, "501", "any method passes, which the app of this test does not know")
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, f"http://127.0.0.1:{gate.port}/", ann.username, password)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    request = urllib.request.Request(f"http://127.0.0.1:{gate.port}/dav/x", headers={"Host": gate.host("dav")})
    with opener.open(request, timeout=60) as answer:
        same((answer.status, ann.username in answer.read().decode()), (200, True), "Python's client, which sends none before it is asked")
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{gate.port}/x", headers={"Host": gate.host("dav")})
        status = opener.open(request, timeout=60).status
    except (urllib.error.HTTPError, ValueError) as error:
        status = getattr(error, "code", str(error))
    check(status == 401 or "Bearer" in str(status), "is not let in where no key passes", status)


def check_caused(gate, ann, password, robot):
    own, at = f"http://{gate.host('dav')}", {**basic(ann.username, password)}

    def seen(method, fields, path="/dav/x"):
        return gate.ask("dav", path, method=method, headers={**at, **fields}, **({"body": b"x"} if method in ("POST", "PUT", "PATCH") else {})).status

    caused = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": EVIL}, {"Origin": "null"},
              {"Sec-Fetch-Site": "cross-site", "Origin": EVIL}, {"Sec-Fetch-Site": "same-origin", "Origin": EVIL})
    before = gate.app.seen
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        same([seen(method, fields) for fields in caused], [403] * 6, f"{method} with Basic is refused when a page of another site has caused it")
    same([seen("POST", fields, "/dav/public/x") for fields in caused], [403] * 6, "where everybody passes, too: it would be somebody's")
    same([seen("GET", {"Upgrade": "websocket", "Connection": "Upgrade", **fields}) for fields in caused], [403] * 6, "so is a WebSocket, which GET opens")
    same(gate.app.seen - before, 0, "the app got none of these")
    same([seen("POST", fields) for fields in ({}, {"Origin": own}, {"Origin": own.upper().replace("HTTP", "http")}, {"Sec-Fetch-Site": "same-origin"},
                                              {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin", "Origin": own})], [200] * 6,
         "a native client, and the site's own pages, are not")
    same([seen("GET", fields) for fields in caused], [200] * 6, "a link from another site is followed")
    same(gate.ask("dav", "/dav/x", method="POST", body=b"x", headers={**bearer(robot), "Origin": EVIL, "Sec-Fetch-Site": "cross-site"}).status, 200,
         "Bearer is sent by no browser of its own accord")
    same(gate.ask("dav", "/x", method="POST", body=b"x", token=TOKEN, headers={"Authorization": "Basic YTpi", "Origin": EVIL}).status, 200,
         "a Basic of the app's own is the app's own matter")
    connection = socket.create_connection(("127.0.0.1", gate.port), timeout=20)
    fields = "".join(f"{name}: {value}\r\n" for name, value in {**at, "Origin": own}.items())
    connection.sendall(f"GET /dav/chat HTTP/1.1\r\nHost: {gate.host('dav')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{fields}"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    same(connection.recv(4096)[:12], b"HTTP/1.1 101", "the site's own WebSocket is opened")
    connection.close()
    log = "".join(path.read_text(errors="replace") for path in (SCRATCH / "log").glob("pool-*.log"))
    check(f'"key_id":"{session_id(password)}","reason":"cross-site"' in log and password not in log, "and the log names the key")


ANN = new_user()
TOKEN = login(ANN)
with front(LOCATIONS) as started:
    started.site("dav", "any", "any key path:/dav/", "public path:/dav/public/")
    started.site("plain", "any")
    client = Client(TOKEN)
    secret = key(client, "password")
    check_asked(started)
    check_browsers(started)
    check_clients(started, ANN, secret)
    check_caused(started, ANN, secret, key(client, "gate"))
done()
