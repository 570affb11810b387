#!/usr/bin/python3
"""Preconditions (RFC 9110, section 13) on every route of the table: what does not hold stops the method, and changes nothing."""

import re
import sys
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from images import png
from mayfly import CHECKOUT, PASSWORD, PROBLEM, Client, check, done, same, signed_in

ROUTE = re.compile(r'\{METHOD_([A-Z]+), "([^"]+)", NEED_([A-Z]+), (\w+), \w+, ([^}]*)\}')
OTHER = '"other"'
JSON = {"Content-Type": "application/json"}
TUS = {"Tus-Resumable": "1.0.0"}

user, client = signed_in()


def upload(body=b"hello", name="a.txt"):
    answer = client.post(f"/upload?name={name}", body=body)
    if answer.status != 201:
        raise RuntimeError(f"/upload answers {answer}")
    return answer.json()["id"]


def link(file):
    return client.post(f"/files/{file}/link", json={}).json()


kept = upload(png(8, 8), "kept.png")
shared = link(kept)
pending = client.post("/uploads", headers={**TUS, "Upload-Length": "5"}).headers["Location"].rpartition("/")[2]
client.put("/session/data", json={"kept": 1})
client.put("/profile/data", json={"kept": 1})
other_session = Client(client.post("/login", json={"username": user.username, "password": PASSWORD}).token)
other = next(one["id"] for one in client.get("/sessions").json()["sessions"] if not one["current"])

key = client.post("/keys", json={"name": "kept", "scopes": ["data"]}).json()["id"]

# A path of the table with whatever is there in the place of its parameters. A new parameter is named here.
PLACES = {"/sessions/:id": f"/sessions/{other}", "/sessions/:id/end": f"/sessions/{other}/end", "/shared/:token": shared["url"],
          "/keys/:id": f"/keys/{key}", "/keys/:id/revoke": f"/keys/{key}/revoke",
          "/uploads/:id": f"/uploads/{pending}", "/files/:id/links/:link": f"/files/{kept}/links/{shared['id']}",
          "/files/:id/links/:link/revoke": f"/files/{kept}/links/{shared['id']}/revoke"}
# What a method needs beside its conditions.
BODIES = {"/session/data": '{"changed": 1}', "/profile/data": '{"changed": 1}', "/profile": '{"name": "changed"}',
          "/files/:id": '{"name": "changed"}', "/files/:id/rename": '{"name": "changed"}'}
HEADERS = {"/uploads": TUS, "/uploads/:id": TUS}
# Other ways to what has the tag of another address.
ALIASES = {"/files/:id/rename": "/files/:id", "/files/:id/delete": "/files/:id"}
# These end the session that asks or the account: their turn is last.
LAST = ("/logout", "/profile", "/profile/delete")


def place(path):
    known = PLACES.get(path, path).replace("/files/:id", f"/files/{kept}")
    if ":" in known:
        raise RuntimeError(f"t/4540 has nothing for {path}; add it to PLACES")
    return known


def ask(method, path, **conditions):
    headers = {**HEADERS.get(path, {}), **{name.replace("_", "-"): value for name, value in conditions.items()}}
    body = BODIES.get(path, "{}") if method in ("PUT", "PATCH", "POST") else None
    if body is not None:
        headers.update(JSON)
    if method == "PATCH" and path.startswith("/uploads/"):
        headers.update({"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
        body = "hello"
    return client.request(method, place(path), body=body, headers=headers)


def table():
    """But for what a key of a site asks for: t/6050, t/6051."""
    rows = ROUTE.findall((CHECKOUT / "src" / "app" / "routes.c").read_text())
    if len(rows) < 50:
        raise RuntimeError("t/4540 can't read src/app/routes.c")
    # t/6050 asks for what a site's key opens, and a client can't ask for what only nginx asks for.
    return [row[:4] for row in rows if row[2] != "KEY" and "AT_SITE" not in row[4]]


def state():
    """All that the walk could change."""
    return [client.get(path).json() for path in ("/profile", "/session/data", "/profile/data", "/files")] + \
        [[one["id"] for one in client.get("/sessions").json()["sessions"]],
         client.get(f"/files/{kept}/links").json(), client.request("HEAD", f"/uploads/{pending}", headers=TUS).headers.get("upload-offset")]


def tags(rows):
    """The entity tag of each path that has one, by asking."""
    found = {}
    for method, path, need, _ in rows:
        if method == "GET" and path not in ("/metrics", "/upload/admit"):
            answer = client.get(place(path))
            if answer.etag:
                found[path] = answer.etag
    return {**found, **{alias: found[path] for alias, path in ALIASES.items()}}


def walk():
    rows = table()
    tagged = tags(rows)
    check({"/files/:id", "/session/data", "/profile/data", "/shared/:token", "/files/:id/thumbnail"} <= set(tagged),
          "what is meant to have a tag has one", tagged)
    before = state()
    for method, path, need, _ in rows:
        for method in (("GET", "HEAD") if method == "GET" and path in tagged else (method,)):
            if path in tagged:
                answer = ask(method, path, If_Match=OTHER)
                same(answer.status, 412, f"{method} {path}: another tag in If-Match is 412", answer)
                answer = ask(method, path, If_Match=f"W/{tagged[path]}")
                same(answer.status, 412, f"{method} {path}: If-Match compares strongly", answer)
                if method not in ("GET", "HEAD"):
                    answer = ask(method, path, If_None_Match=f"W/{tagged[path]}")
                    same(answer.status, 412, f"{method} {path}: the tag in If-None-Match is 412, weakly compared", answer)
                    same(ask(method, path, If_None_Match="*").status, 412, f"{method} {path}: so is *")
                else:
                    same([ask(method, path, If_None_Match=value).status for value in (tagged[path], f'"x", W/{tagged[path]}', "*", '"x"')],
                         [304, 304, 304, 200], f"{method} {path}: If-None-Match")
                    same([ask(method, path, If_Match=value).status for value in (tagged[path], f'"x" ,, {tagged[path]}', "*")],
                         [200] * 3, f"{method} {path}: If-Match that holds")
            elif method not in ("POST", "OPTIONS") and need != "NOTHING":
                answer = ask(method, path, If_Match=OTHER)
                same(answer.status, 412, f"{method} {path}: nothing there has a tag, so If-Match is 412", answer)
    odd = {path: ask("OPTIONS", path, If_Match=OTHER).status for path in sorted({path for _, path, _, _ in rows})}
    same({path: status for path, status in odd.items() if status != 204}, {}, "OPTIONS has no conditions, whatever comes with it")
    same([ask("POST", path, If_Match=OTHER, If_None_Match="*").status for path in ("/upload/admit", "/files/:id/csv")],
         [ask("POST", path).status for path in ("/upload/admit", "/files/:id/csv")], "nor has a POST of what has no tag")
    same(state(), before, "and nothing was changed by all of that")


def order():
    """Section 13.2.2."""
    file = upload()
    path = f"/files/{file}"
    now = client.get(path)
    tag, modified = now.etag, now.headers.get("last-modified", "")
    check(modified and abs(parsedate_to_datetime(modified).timestamp() - time.time()) < 60, "a file says since when it is so", now)
    early, late = formatdate(1_000_000_000, usegmt=True), formatdate(time.time() + 3600, usegmt=True)

    def get(**conditions):
        return client.get(path, headers={name.replace("_", "-"): value for name, value in conditions.items()}).status

    same([get(If_Modified_Since=early), get(If_Modified_Since=modified), get(If_Modified_Since=late),
          get(If_Unmodified_Since=early), get(If_Unmodified_Since=modified), get(If_Unmodified_Since=late)],
         [200, 304, 304, 412, 200, 200], "dates")
    same([get(If_Modified_Since="yesterday"), get(If_Unmodified_Since="yesterday")], [200, 200], "what is no date says nothing")
    same(get(If_Match=tag, If_Unmodified_Since=early), 200, "If-Match comes instead of If-Unmodified-Since")
    same(get(If_None_Match='"x"', If_Modified_Since=late), 200, "If-None-Match comes instead of If-Modified-Since")
    same(get(If_Match=OTHER, If_None_Match=tag), 412, "412 comes before 304")
    same(get(If_Match=tag, If_None_Match=tag), 304, "both that hold are 304")
    same(get(If_Match=OTHER, Range="bytes=0-1"), 412, "412 comes before 206")
    same(get(If_Match=OTHER, Range="bytes=99-"), 412, "and before 416")
    same([get(If_Match="nonsense"), get(If_None_Match='"')], [400, 400], "tags that can't be read are 400")
    for method, body in (("PATCH", '{"name": "b.txt"}'), ("DELETE", None)):
        answer = client.request(method, path, body=body, headers={**JSON, "If-Unmodified-Since": early})
        same((answer.status, answer.headers.get("content-type"), answer.error), (412, PROBLEM, "precondition_failed"),
             f"{method} of what was changed since is 412", answer)
    same(client.get("/files", ).json()["files"][0]["name"], "a.txt", "and nothing came of it")
    same(client.patch(path, json={"name": "b.txt"}, headers={"If-Match": tag}).status, 204, "PATCH with its tag")
    key = {"Idempotency-Key": f"delete {file}".replace(" ", "-"), "If-Match": tag}
    same([client.delete(path, headers=key).status for _ in range(2)], [204, 204], "DELETE with its tag, and again by the same key")
    same(client.delete(path, headers={"If-Match": tag}).status, 404, "what is not there is 404 before 412")


def documents():
    for path in ("/session/data", "/profile/data"):
        _, fresh = signed_in()
        tag = fresh.get(path).etag
        same(fresh.put(path, json={"n": 1}, headers={"If-None-Match": "*"}).status, 412,
             f"{path}: what GET gives a tag of is there for If-None-Match: *")
        same(fresh.get(path, headers={"If-None-Match": "*"}).status, 304, f"{path}: for GET as well")
        same([fresh.put(path, json={"n": n}, headers={"If-Match": tag}).status for n in (1, 2)], [200, 412],
             f"{path}: that tag makes the first, and no second")
        same(fresh.delete(path, headers={"If-Match": "*"}).status, 204, f"{path}: * is whatever is there")
        same(fresh.put(path, json={"n": 3}, headers={"If-None-Match": "*"}).status, 412, f"{path}: an emptied one is there too")


walk()
order()
documents()
done()
