#!/usr/bin/python3
"""Whatever is sent, the answer is a clear error with its place, and nothing is kept, cached or broken by it."""

import os
import re
import socket
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import FORM, PAGE, PASSWORD, PROBLEM, SCRATCH, URL, Client, Response, check, done, new_name, psql, same, signed_in

WORDS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
         409: "conflict", 412: "precondition_failed", 413: "too_large", 414: "too_large", 415: "unsupported_type",
         422: "unprocessable", 429: "too_many_requests", 431: "too_large", 501: "bad_request", 503: "unavailable",
         505: "bad_request"}
JSON = {"Content-Type": "application/json"}
FORMS = {"Content-Type": FORM}

user, client = signed_in()
written = {path: path.stat().st_size for path in (SCRATCH / "log").glob("pool-*.log")}  # by the tests before


def problem(answer, status, promise, detail=None):
    """An error as every error is: its word, its status within, nosniff, no-store."""
    wanted = status if isinstance(status, tuple) else (status,)
    good = (answer.status in wanted and answer.headers.get("content-type") == PROBLEM and
            answer.headers.get("cache-control") == "no-store" and
            answer.headers.get("x-content-type-options") == "nosniff")
    fields = {}
    if good:
        fields = answer.json()
        good = (fields["status"] == answer.status and fields["error"] == WORDS[answer.status] and
                fields["type"] == "about:blank" and fields["title"] and fields["detail"])
    return check(good and (detail is None or re.search(detail, fields["detail"])), promise, answer)


def raw(data, wait=True):
    """What nginx says to these very bytes."""
    place = urllib.parse.urlsplit(URL)
    with socket.create_connection((place.hostname, place.port), timeout=15) as connection:
        connection.sendall(data)
        if not wait:
            return None
        whole = b""
        while chunk := connection.recv(65536):
            whole += chunk
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines[1:]]
    return Response(int(lines[0].split()[1]), fields, body)


# --- methods and paths

ROUTES = {
    "/login": "GET POST", "/register": "GET POST", "/logout": "POST", "/password": "POST", "/profile": "GET POST PATCH DELETE",
    "/profile/delete": "POST", "/sessions": "GET DELETE", "/sessions/end-others": "POST", "/sessions/x": "DELETE",
    "/sessions/x/end": "POST", "/session/data": "GET PUT PATCH DELETE", "/profile/data": "GET PUT PATCH DELETE",
    "/account": "GET", "/workers": "GET", "/worker": "GET", "/health/live": "GET", "/health/ready": "GET", "/": "GET",
}
for path, methods in ROUTES.items():
    allowed = set(methods.split()) | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    if path == "/sessions/end-others":
        allowed.add("DELETE")  # it looks like an id
    answer = client.request("OPTIONS", path)
    same((answer.status, set(answer.headers.get("allow", "").split(", "))), (204, allowed), f"OPTIONS {path} says what it takes")
    for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed) + ["BREW"]:
        answer = client.request(method, path, json={} if method[0] == "P" else None)
        problem(answer, 405, f"{method} {path} is 405")
        same(set(answer.headers.get("allow", "").split(", ")), allowed, f"{method} {path}: Allow says what it takes")
for path in ("/profile/", "/profile/x", "/Profile", "/sessions/a/b", "/session", "/health", "/login/x", "/profile%2Fdata/x",
             "/account.php", "/session/data/" + "x" * 2000, "/nothing-here", "/profile;x", "/sessions/"):
    problem(client.get(path), 404, f"{path[:40]} is 404")
same(client.get("/workers/../profile").status, 200, "a path is taken as it is after its dots are resolved")
problem(client.get("/workers/..%2f..%2fetc"), (400, 404), "a path above the root is refused")
for path in ("/profile/%ff%fe", "/sessions/%c3%28", "/profile%00"):
    problem(client.get(path), (400, 404), f"{path}: no UTF-8 is refused")
same(client.get("/profile?" + "x" * 2000).status, 200, "a query is not looked at where none is taken")
problem(client.get("/files?q=%zz"), 400, "a broken query is 400 where a program's is looked at", "byte 3")

for path in ("/profile", "/login", "/worker", "/health/live", "/sessions", "/session/data", "/nothing-here", "/account"):
    headers = {"Authorization": f"Bearer {client.token}"}
    get, head = client.get(path, headers=headers), client.request("HEAD", path, headers=headers)
    same((head.status, head.body, head.headers.get("content-type"), head.headers.get("content-length")),
         (get.status, b"", get.headers.get("content-type"), get.headers.get("content-length")),
         f"HEAD {path} is GET without a body", get.headers, head.headers)

# --- JSON

for what, body, detail in (
    ("an open brace", "{", "line 1, column 1"), ("text", "hello", "line 1, column"), ("a missing value", '{\n "a":\n }', "line 3, column"),
    ("a trailing comma", '{"a":1,}', "line 1, column 8"), ("a single quote", "{'a':1}", "line 1, column"),
    ("a member twice", '{"username":"a",\n"username":"b"}', "line 2, column"), ("something behind", '{}\n{}', "line 2, column"),
    ("an open string", '{"a":"', "line 1, column"), ("a raw line break in a string", '{"a":"\n"}', "line 1, column|line 2, column"),
    ("a lone surrogate", '{"a":"\\ud800"}', "line 1, column"), ("NaN", '{"a":NaN}', "line 1, column"),
    ("a number too large", '{"a":1e999}', "line 1, column"), ("a NUL", '{"a":"\\u0000"}', "line 1, column"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "line 1, column|byte 1"), ("Latin-1", b'{"a":"\xe9"}', "byte 7"),
    ("overlong UTF-8", b'{"a":"\xc0\x80"}', "byte 7"), ("UTF-16", '{"a":1}'.encode("utf-16"), "byte 1"),
    ("a surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', "byte 7"), ("a raw NUL", b'{"a":"\x00"}', "line 1, column|byte 7"),
    ("10,000 brackets", "[" * 10000, "nested deeper"), ("10,000 objects", '{"a":' * 10000, "nested deeper"),
):
    for path in ("/login", "/register"):
        problem(Client().post(path, body=body, headers=JSON), 400, f"POST {path} with JSON of {what}: 400 with the place", detail)
    problem(client.put("/session/data", body=body, headers=JSON), 400, f"PUT /session/data with {what}: alike", detail)
    problem(client.patch("/profile", body=body, headers=JSON), 400, f"PATCH /profile with {what}: alike", detail)
for body in ("[]", '"x"', "null", "1", "true"):
    problem(Client().post("/login", body=body, headers=JSON), 422, f"POST /login with {body} is 422")
problem(Client().post("/login", body="", headers=JSON), (400, 422), "an empty body is no JSON")
for value in (1, True, [], {}, ["x"]):
    answer = Client().post("/login", json={"username": value, "password": PASSWORD})
    problem(answer, 422, f"a username of {value!r} is 422", "username")

# --- forms

for what, body, detail in (
    ("% at the end", "username=a%", "byte 11"), ("% and one digit", "username=a%2", "byte 11"), ("% and no digits", "username=%zz&password=x", "byte 10"),
    ("a NUL", "username=a%00b", "byte 11"), ("a raw NUL", b"username=a\x00b", "byte 11"), ("bad UTF-8", "username=%ff", "byte 10"),
    ("raw bad UTF-8", b"username=a\xff", "byte 1"), ("overlong UTF-8", "username=%c0%80", "byte 10"),
    ("a bad name", "%zz=1", "byte 1"), ("a field twice", "username=a&username=b&password=c", "username.*twice"),
    ("1000 fields", "&".join(f"f{number}=1" for number in range(1000)), "more than \\d+ fields"),
):
    for path in ("/login", "/register"):
        problem(Client().post(path, body=body, headers=FORMS), 400, f"POST {path} with a form of {what}: 400 with the place", detail)
problem(Client().post("/login", body="", headers=FORMS), 422, "an empty form is 422", "username")
problem(Client().post("/login", body="=x&&&username", headers=FORMS), 422, "a form of nothings is 422")
same(Client().post("/login", body=f"username={user.username}&password=a+quiet%20green+lamp&other=%F0%9F%90%9D", headers=FORMS).status,
     200, "plus and percent are what they are in forms")

# --- types

for kind in ("text/plain", "multipart/form-data; boundary=x", "application/xml", "text/json", "application/jsonp", "x", ""):
    answer = Client().post("/login", body="username=a&password=b", headers={"Content-Type": kind} if kind else {})
    problem(answer, 415, f"POST /login of {kind or 'no type'} is 415")
problem(client.patch("/profile", body="name=x", headers={"Content-Type": "text/plain"}), 415, "PATCH /profile of text is 415")

# --- sizes

for size in (200_000, 5_000_000):
    problem(Client().post("/login", body="a" * size, headers=FORMS), 413, f"a body of {size} bytes is 413")
problem(Client().post("/register", body='{"name":"' + "a" * 100_000, headers=JSON), (400, 413), "100 kB of open JSON are refused")
lengths = raw(b"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n")
problem(lengths, 413, "an announced length of 100 GB is 413 before it came")
for value in (b"-1", b"x", b"1x", b"99999999999999999999999"):
    problem(raw(b"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + value + b"\r\n\r\n"),
            (400, 413), f"Content-Length: {value.decode()} is refused")
problem(client.get("/profile", headers={"X-Long": "x" * 40_000}), (400, 431), "a header of 40 kB is refused")
problem(client.get("/profile", headers={"Cookie": "x=" + "x" * 20_000}), (400, 431), "so is such a cookie")
client.close()
problem(client.get("/profile?" + "x" * 40_000), 414, "an address of 40 kB is 414")
client.close()
many = {f"X-{number}": "x" * 50 for number in range(2000)}
answer = client.get("/profile", headers=many)
problem(answer, (400, 431), "2000 headers are refused")
client.close()
answer = client.get("/profile", headers={**{f"X-{number}": "x" for number in range(90)}, "Cookie": "x=" + "y" * 7000})
same(answer.status, 200, "90 headers and a cookie of 7 kB are not too many")
for kind in ("Cookie", "User-Agent", "Accept", "If-None-Match", "Idempotency-Key", "Origin", "Authorization"):
    answer = Client().get("/profile", headers={"Authorization": f"Bearer {client.token}", kind: "z" * 8000})
    check(answer.status in (200, 400, 401, 403, 431), f"{kind} of 8000 bytes breaks nothing", answer)
    answer = Client().request("PATCH", "/profile", json={}, headers={"Authorization": f"Bearer {client.token}", kind: "\xff\xfe\x80"})
    check(answer.status in (200, 400, 401, 403), f"{kind} of bytes that are no UTF-8 breaks nothing", answer)

# --- HTTP itself

for what, data, status in (
    ("no Host", b"GET /profile HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    ("a header without a colon", b"GET /profile HTTP/1.1\r\nHost: x\r\nnonsense\r\nConnection: close\r\n\r\n", (200, 400, 401)),
    ("a method in lower case", b"get /profile HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
    ("HTTP/3.0", b"GET /profile HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ("two lengths", b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", 400),
    ("a length and chunks", b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
     b"Connection: close\r\n\r\n0\r\n\r\n", (400, 415, 422)),
    ("an unknown transfer encoding", b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n", 501),
    ("a bad chunk", b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", 400),
    ("a NUL in a header", b"GET /profile HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\nConnection: close\r\n\r\n", 400),
    ("TRACE", b"TRACE /profile HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
    ("two Authorizations", b"GET /profile HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\nConnection: close\r\n\r\n", (400, 401)),
):
    problem(raw(data), status, f"{what} is refused like anything else")
body = f"username={user.username}&password=" + urllib.parse.quote(PASSWORD)
chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (body[:7], body[7:20], body[20:]))
answer = raw(f"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
             f"{chunks}0\r\n\r\n".encode())
same(answer.status, 200, "a body in chunks is a body", answer)
for data in (b"", b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(300),
             b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf"):
    raw(data, wait=False)
same(Client().get("/health/live").status, 200, "one who hangs up in the middle harms nobody")

# --- keys and tokens

for bad in ("a b", "x" * 256, "ключ".encode().decode("latin-1")):
    answer = client.patch("/profile", json={"name": "K"}, headers={"Idempotency-Key": bad})
    problem(answer, 400, f"an Idempotency-Key of {ascii(bad)[:12]} is 400", "Idempotency-Key")
    same(answer.json().get("field"), "Idempotency-Key", "and the field says so")

# --- pages

for method, path, status, more in (
    ("GET", "/nothing-here", 404, {}), ("PUT", "/login", 405, {"json": {}}), ("POST", "/login", 400, {"body": "username=%zz", "headers": FORMS}),
    ("POST", "/login", 422, {"form": {"username": ""}}), ("POST", "/login", 401, {"form": {"username": "nobody", "password": "wrong one"}}),
    ("POST", "/register", 422, {"form": {"username": "x y", "password": PASSWORD}}), ("GET", "/profile", 401, {}),
    ("POST", "/login", 413, {"body": "x" * 300_000, "headers": FORMS}), ("POST", "/login", 415, {"body": "x", "headers": {"Content-Type": "text/plain"}}),
    ("GET", "/profile", 431, {"headers": {"Cookie": "y" * 40_000}}),
):
    headers = {"Accept": PAGE, **more.pop("headers", {})}  # in this order: nginx stops reading at a header that is too long
    answer = Client().request(method, path, headers=headers, **more)
    accepted = (400, 431) if status == 431 else (status,)
    check(answer.status in accepted and answer.headers.get("content-type") == "text/html; charset=utf-8" and
          answer.headers.get("cache-control") == "no-store" and "<h1>" in answer.text and "default-src 'none'" in
          answer.headers.get("content-security-policy", ""), f"a browser is shown a page: {method} {path[:20]} {status}", answer)
    check(PASSWORD not in answer.text and "wrong one" not in answer.text, "without the password that was typed")
same(Client().get("/nothing-here", headers={"Accept": "application/json, text/html"}).headers["content-type"], PROBLEM,
     "who would rather have JSON is given JSON")
evil = "<script>alert(1)</script>"
for answer in (Client().post("/login", form={"username": evil, "password": "x"}, headers={"Accept": PAGE}),
               Client().post("/register", form={"username": evil, "email": f'"{evil}', "password": "x"}, headers={"Accept": PAGE}),
               Client().post("/login", body=f"{urllib.parse.quote(evil)}=1&{urllib.parse.quote(evil)}=2",
                             headers={**FORMS, "Accept": PAGE}),
               Client().get("/" + urllib.parse.quote(evil), headers={"Accept": PAGE}),
               Client().get("/login?rd=/" + urllib.parse.quote('"' + evil), headers={"Accept": PAGE})):
    check(answer.headers["content-type"].startswith("text/html") and evil not in answer.text,
          f"what was typed is shown as text ({answer.status})", answer.text)
answer = Client().get("/account", headers={"Accept": PAGE})
same((answer.status, answer.headers.get("location")), (303, "/login?rd=/account"), "a guest on /account is shown the way in")

browser = Client(cookie=f"mayfly={signed_in()[1].token}")
same([['href="/login"' in client.get(path, headers={"Accept": PAGE}).text for path in ("/", "/nothing-here")]
      for client in (Client(), Client(cookie=f"mayfly=mfs_{'A' * 64}"), browser)],
     [[True, True], [True, True], [False, False]], "a guest is shown the way in, also on the page of an error, and nobody else")
check("Log out" in browser.get("/nothing-here", headers={"Accept": PAGE}).text, "who is logged in finds the way on, also on the page of an error")

# --- private answers

for path in ("/profile", "/sessions", "/session/data", "/profile/data", "/worker", "/health/live", "/health/ready", "/",
             "/login", "/register", "/account", "/workers"):
    answer = client.get(path)
    same((answer.headers.get("cache-control"), answer.headers.get("x-content-type-options")), ("no-store", "nosniff"),
         f"{path} is not to be stored, nor sniffed ({answer.status})")
    if answer.headers["content-type"].startswith("text/html"):
        check("frame-ancestors 'none'" in answer.headers["content-security-policy"], f"{path} can't be framed")

# --- nothing broke

name = new_name()
for bad in (f'{{"username":"{name}"', f'{{"username":"{name}","password":"short"}}',
            f'{{"username":"{name}","password":"{PASSWORD}","email":"x"}}'):
    Client().post("/register", body=bad, headers=JSON)
same(psql(f"SELECT count(*) FROM mayfly.account WHERE username = '{name}'"), "0", "no refused registration left a row")
same((client.get("/profile").json()["name"], client.get("/session/data").json()), ("", {}), "no refused change left a trace")
trouble = [line for path in (SCRATCH / "log").glob("pool-*.log") for line in path.read_bytes()[written.get(path, 0):].decode("utf-8", "replace").splitlines()
           if re.search(r'"level":"error"|Sanitizer|runtime error|SIGSEGV|SIGABRT|signal 6|signal 11', line)]
same(trouble, [], "no worker logged an error or died")
done()
