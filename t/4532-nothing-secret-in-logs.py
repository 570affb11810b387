#!/usr/bin/python3
"""No log has what is secret or personal: requests that succeed, fail and meet nobody leave no password, token, cookie, e-mail
address, name or link in any log of the stack, even when PostgreSQL logs every statement."""

import secrets
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import TUS, metadata, pools_away, tus_create, tus_patch
from mayfly import PAGE, SCRATCH, Client, check, done, psql, same

marks = {}


def mark(what, text):
    """Notes a secret; a text that was cut is found by its middle."""
    marks[what] = text
    return text


def fresh(what, prefix="", suffix=""):
    return mark(what, prefix + secrets.token_hex(10) + suffix)


def cookie(answer, name):
    return next(one.split(";")[0].partition("=")[2] for one in answer.cookies if one.startswith(f"{name}="))


def both(method, path, **more):
    """As a program and as a browser. Returns the statuses."""
    headers = more.pop("headers", {})
    return [Client().request(method, path, headers={**headers, "Accept": form}, **more).status for form in ("application/json", PAGE)]


name, email = fresh("a username", "n"), fresh("an e-mail address", "e", "@secret.example")
password, other = fresh("a password", "pw "), fresh("a wrong password", "pw ")
key = fresh("an Idempotency-Key", "key-")
psql("ALTER SYSTEM SET log_min_duration_statement = 0")
psql("SELECT pg_reload_conf()")
try:
    # --- accounts and sessions

    answer = Client().post("/register", json={"username": name, "email": email, "password": password, "name": fresh("a display name", "Dr. ")},
                           headers={"Idempotency-Key": key})
    same(answer.status, 201, "somebody registers", answer)
    same([both("POST", "/register", json=fields) for fields in (
        {"username": name, "password": password}, {"username": fresh("another username", "n"), "email": email, "password": password},
        {"username": f"{fresh('a name that is none', 'n')}\uff20x", "password": password})], [[409, 409], [409, 409], [422, 422]],
         "and again, under a name and an address that are taken and a name that can't be")
    same(both("POST", "/login", json={"username": email, "password": other}), [401, 401], "with a wrong password nobody logs in")
    answer = Client().post("/login", form={"username": email, "password": password}, headers={"Accept": PAGE})
    token, device = mark("a session's cookie", cookie(answer, "mayfly")), mark("a device's cookie", cookie(answer, "mayfly-device"))
    client = Client(mark("a token", Client().post("/login", json={"username": name, "password": password}).token))
    marks["a token's secret"] = client.token[-40:]
    browser = {"Cookie": f"mayfly={token}; mayfly-device={device}"}
    neighbour = Client().post("/register", json={"username": fresh("a neighbour", "n"), "email": fresh("a neighbour's address", "e", "@secret.example"),
                                                 "password": password})
    same([client.patch("/profile", json={"email": marks["a neighbour's address"], "password": password}).status,
          client.patch("/profile", json={"email": fresh("a new address", "e", "@secret.example"), "password": password}).status,
          client.post("/password", json={"current": other, "new": fresh("a new password", "pw ")}).status], [409, 200, 403],
         "addresses and passwords are changed, and are not")
    same([client.put(path, json={"about": fresh(f"what is in {path}", "doc-")}).status for path in ("/session/data", "/profile/data")],
         [200, 200], "documents are written")
    same([both("GET", "/account", headers=browser)[1], Client(client.token[:-3] + "xxx").get("/profile").status], [200, 401],
         "cookies and tokens are sent, right and wrong")

    # --- files and links

    file = client.post("/upload", body=b"bytes of a file", headers={
        "Content-Disposition": f'attachment; filename="{fresh("a file name", "f")}.txt"'}).json()["id"]
    upload = tus_create(client, 10, Upload_Metadata=metadata(filename=f"{fresh('a resumable file name', 'f')}.txt")).headers["location"]
    same(tus_patch(client, upload, 0, b"half ").status, 204, "half of another file comes")
    psql(f"DELETE FROM mayfly.file_chunk WHERE file_id = '{upload.rpartition('/')[2]}'")
    same((tus_patch(client, upload, 5, b"of it").status, client.delete(upload, headers=TUS).status), (500, 204), "and is lost, which is logged")
    url = client.post(f"/files/{file}/link", json={"uses": 3}).json()["url"]
    mark("a link", url.rpartition("/")[2])
    ticket = Client().post(url).headers["location"]
    mark("a ticket", ticket.rpartition("=")[2])
    same([Client().get(ticket).status, both("GET", url), both("GET", url[:-1]), Client().put(url).status], [200, [200, 200], [404, 404], 405],
         "a link is used, and misused")
    answer = Client().get(url, headers={"Accept": PAGE})
    wrong = Client().get(url[:-1], headers={"Accept": PAGE})
    same([one.headers.get("referrer-policy") for one in (answer, wrong)], ["no-referrer"] * 2, "its pages ask for nothing by its address")
    hash = psql(f"SELECT right(password_hash, 30) FROM mayfly.account WHERE username = '{marks['a neighbour']}'")

    # --- nobody there

    with pools_away("files-a", "files-b", "password-a", "password-b"):
        same([both("GET", one) for one in (url, ticket)], [[503, 503]] * 2, "without workers a link is 503")
        same(both("POST", "/login", json={"username": email, "password": password}, headers={**browser, "Authorization": f"Bearer {client.token}"}),
             [503, 503], "and a log-in")
        same(Client().get(url, headers={"Accept": PAGE}).headers.get("referrer-policy"), "no-referrer", "also on the page that says so")
finally:
    psql("ALTER SYSTEM RESET log_min_duration_statement")
    psql("SELECT pg_reload_conf()")
# What the test itself told PostgreSQL.
del marks["a neighbour"]
marks["a password's hash"] = hash

last = Client().get("/profile").headers["x-request-id"]
access, until = SCRATCH / "log/access.log", time.monotonic() + 20
while last not in access.read_text(errors="replace") and time.monotonic() < until:
    time.sleep(0.05)
logs = {path.name: path.read_text(errors="replace") for path in sorted((SCRATCH / "log").glob("**/*")) if path.is_file()}
check(last in logs["access.log"] and "/shared/-" in logs["access.log"] and 'account_create' in logs["postgres.log"] and
      "violates unique constraint" in logs["postgres.log"] and any(f"the tail of uploads/{upload.rpartition('/')[2]} is gone" in log for log in logs.values()) and
      "connect() to unix:" in logs["nginx.log"] and len(logs) > 6,
      "the logs tell of all that", {name: len(text) for name, text in logs.items()})
for what, text in marks.items():
    same([f"{name}: {line[:300]}" for name, log in logs.items() if text in log for line in log.splitlines() if text in line][:3], [],
         f"{what} is in no log")
done()
