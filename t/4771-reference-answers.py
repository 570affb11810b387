#!/usr/bin/python3
"""
Requests of each kind to each route, refused ones and some during outages: every answer is as doc/openapi.json says, and all that it
says was seen. Uploads straight into S3 are t/4772's, what apps keep is t/6051's.
"""

import contextlib
import re
import secrets
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import reference
from chaos import nginx_reload, wait_until
from files import CHUNK, TUS, checksum, form, metadata, part, postgres_away
from images import png
from mayfly import PAGE, PASSWORD, SCRATCH, check, done, new_name, note, psql, same, settings
from reference import Reference, Watched, refuse, send, status, twice

REFERENCE = Watched.reference = Reference()
OPERATIONS = [key for key, operation in REFERENCE.operations.items() if operation["tags"] not in (["Direct uploads"], ["Apps"])]
BROWSER = {"Accept": PAGE}
NOBODY = "01900000-0000-7000-8000-000000000000"
NEW_PASSWORD = "eleven herons on one leg"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=edge"}


class Person:
    def __init__(self, **fields):
        self.name, self.fields = new_name(), fields
        status(Watched().post("/register", json={"username": self.name, "password": PASSWORD, **fields}), 201, "a registration")
        self.client = self.log_in()

    def log_in(self, **headers):
        answer = Watched().post("/login", json={"username": self.name, "password": PASSWORD}, headers=headers)
        return Watched(status(answer, 200, "a log-in").token)

    def browser(self):
        """(a client with a cookie, the token of its forms)."""
        client = Watched(cookie=f"mayfly={self.log_in().token}")
        return client, re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text).group(1)


# --- accounts


def registering():
    guest, name = Watched(), new_name()
    twice(guest, "POST", "/register", 201, other=False,
          json={"username": name, "email": f"{name}@example.org", "name": "Ann", "password": PASSWORD, "rd": "/files", "csrf": ""})
    twice(guest, "POST", "/register", 201, other=False, form={"email": f"{new_name()}@example.org", "password": PASSWORD})
    twice(guest, "POST", "/register", 303, other=False, headers=BROWSER,
          form={"username": new_name(), "password": PASSWORD, "rd": "/files"})
    status(guest.post("/register", json={"username": new_name(), "password": PASSWORD, "invite": None}), 201, "null is nothing")
    status(guest.post("/register", json={"username": new_name(), "password": PASSWORD, "invite": "mfi_"}), 201, "an invitation is not looked at")
    for one, other in (("username", "email"), ("email", "username")):
        fields = {one: f"{new_name()}@example.org" if one == "email" else new_name(), other: None, "name": None, "rd": None}
        status(guest.post("/register", json={**fields, "password": PASSWORD}), 201, "null is nothing")
    status(guest.post("/register", json={"username": name, "password": PASSWORD}), 409, "a name that is taken")
    status(guest.post("/register", json={"username": new_name(), "password": "password"}), 422, "a password that everybody has")
    return name


def logging_in(name):
    guest = Watched()
    psql(f"UPDATE mayfly.account SET groups = '{{staff,editors}}' WHERE username = '{name}'")
    answer = twice(guest, "POST", "/login", 200, other=False,
                   json={"username": name, "password": PASSWORD, "remember": True, "rd": None, "csrf": ""})
    same(answer.json()["user"]["groups"], ["staff", "editors"], "groups are those that were given")
    twice(guest, "POST", "/login", 200, other=False, form={"username": f"{name}@example.org", "password": PASSWORD, "remember": "on"})
    twice(guest, "POST", "/login", 303, other=False, form={"username": name, "password": PASSWORD, "rd": "/files"}, headers=BROWSER)
    status(guest.post("/login", json={"username": name, "password": PASSWORD, "remember": None}), 200, "null is no")
    status(guest.post("/login", json={"username": name, "password": "a wrong one, sorry"}), 401, "a wrong password")


def logging_out(person):
    twice(person.log_in(), "POST", "/logout", 200)
    for headers, wanted in (({}, 200), (BROWSER, 303)):
        browser, csrf = person.browser()
        twice(browser, "POST", "/logout", wanted, form={"csrf": csrf}, headers=headers)
    browser, csrf = person.browser()
    status(browser.post("/logout", headers={"X-CSRF-Token": csrf}), 200, "with the form's token in a header")


def profile(taken):
    person = Person(name="Ann")
    client, mail = person.client, f"{person.name}@example.org"
    status(client.get("/profile"), 200, "the profile")
    status(client.get("/profile/identity"), 200, "as apps are told")
    for method in ("PATCH", "POST"):
        patch = {"Content-Type": "application/merge-patch+json"}
        twice(client, method, "/profile", 200, json={"name": f"By {method}"})
        twice(client, method, "/profile", 200, json={"name": None, "csrf": ""}, headers=patch)
        twice(client, method, "/profile", 200, form={"name": f"Form {method}", "csrf": ""})
        twice(client, method, "/profile", 303, form={"name": f"Page {method}"}, headers=BROWSER)
        twice(client, method, "/profile", 200, json={"email": mail, "password": PASSWORD})
        status(client.request(method, "/profile", json={"email": mail, "password": None}), 200, "the address as it is")
        twice(client, method, "/profile", 200, json={"email": None, "password": PASSWORD})
        status(client.request(method, "/profile", json={"email": f"{taken}@example.org", "password": PASSWORD}), 409, "somebody's address")
        status(client.request(method, "/profile", json={"email": mail, "password": "a wrong one, sorry"}), 403, "a wrong password")
        status(client.request(method, "/profile", json={"groups": ["staff"]}), 422, "what can't be changed")


def password():
    person = Person()
    client, now, then = person.client, PASSWORD, NEW_PASSWORD
    for kind, fields, wanted, headers in (("json", {"end_others": False}, 200, {}), ("json", {"end_others": None}, 200, {}),
                                          ("json", {}, 200, {}), ("form", {"end_others": "on", "csrf": ""}, 200, {}),
                                          ("form", {}, 303, BROWSER)):
        answer = twice(client, "POST", "/password", wanted, other=False, headers=headers, **{kind: {"current": now, "new": then, **fields}})
        client = Watched(re.search(r"mayfly=(mfs_[\w-]+)", answer.cookies[0]).group(1))
        now, then = then, now
    status(client.post("/password", json={"current": "a wrong one, sorry", "new": then}), 403, "a wrong password")
    status(client.post("/password", json={"current": now, "new": "short"}), 422, "a short password")


def closing():
    for method, path in (("DELETE", "/profile"), ("POST", "/profile/delete")):
        for more, wanted in (({"json": {"password": PASSWORD, "csrf": ""}}, 204), ({"form": {"password": PASSWORD}}, 204),
                             ({"form": {"password": PASSWORD}, "headers": BROWSER}, 303)):
            client = Person().client
            status(client.request(method, path, json={"password": "a wrong one, sorry"}), 403, "a wrong password")
            twice(client, method, path, wanted, other=False, **more)  # its session has ended by then


def sessions(person):
    for method, one, all_others in (("DELETE", "/sessions/{}", "/sessions"), ("POST", "/sessions/{}/end", "/sessions/end-others")):
        body = {} if method == "DELETE" else {"form": {"csrf": ""}}
        for headers, wanted, wanted_of_all in (({}, 204, 200), (BROWSER, 303, 303)):
            client = person.log_in()
            person.log_in()
            twice(client, method, all_others, wanted_of_all, headers=headers, **body)
            other, listed = person.log_in(**{"User-Agent": "another"}), status(client.get("/sessions"), 200, "the list").json()["sessions"]
            same({(one["user_agent"], one["current"]) for one in listed}, {("another", False), ("", True)}, "both sessions are listed")
            for current in (False, True):
                which = next(one["id"] for one in listed if one["current"] is current)
                twice(client, method, one.format(which), wanted, other=not current, headers=headers, **body)
            status(other.get("/sessions"), 401, "what has ended")
    status(person.log_in().post("/sessions/end-others", form={}), 200, "a form without a field")


# --- documents


def documents(person):
    client = person.log_in()
    for path in ("/session/data", "/profile/data"):
        tag = status(client.get(path), 200, path).etag
        status(client.get(path, headers={"If-None-Match": tag}), 304, path)
        patch = {"Content-Type": "application/merge-patch+json"}
        answer = twice(client, "PUT", path, 200, json={"n": 1}, headers={"If-Match": tag, "If-None-Match": '"none"'})
        twice(client, "PATCH", path, 200, json={"m": {"deep": [None, True]}}, headers={**patch, "If-Match": answer.etag})
        twice(client, "PATCH", path, 200, json={"n": None}, headers={"If-None-Match": '"none"'})
        key = {"Idempotency-Key": f"long-{secrets.token_hex(8)}"}
        for _ in range(2):
            answer = status(client.patch(path, json={"long": "x" * 2000}, headers=key), 200, "a long document")
            client.patch(path, json={"changed": True})
        same(answer.body, b"", "a repeated PATCH of a long document that was changed since has no body")
        status(client.put(path, json={"long": "x" * 70_000}), 413, "a document that is too long")
        for method in ("PUT", "PATCH"):
            status(client.request(method, path, json=[1]), 422, "a document that is no object")
        twice(client, "DELETE", path, 204, headers={"If-Match": "*", "If-None-Match": '"none"'})


# --- uploads


def uploads(person):
    client, one = person.client, part("file", "hello", "a.txt")
    twice(client, "POST", "/upload", 201, body=form(one), headers=MULTIPART)
    twice(client, "POST", "/upload", 201, body=form(one, part("note", "no file"), part("other", png(8, 8), "b.png")), headers=MULTIPART)
    status(client.post("/upload", body=form(one, part("other", "x", "b")), headers={**MULTIPART, "Accept": "text/plain"}), 201, "ids alone")
    twice(client, "POST", "/upload", 303, body=form(one), headers={**MULTIPART, **BROWSER})
    twice(client, "POST", "/upload", 201, body=b"raw",
          headers={"Content-Disposition": 'attachment; filename="c.txt"', "Content-Type": "text/plain"})
    key = {"Idempotency-Key": f"raw-{secrets.token_hex(8)}"}
    for replayed in (None, "true"):
        answer = status(client.post("/upload?name=d.bin", body=b"\0raw", headers=key), 201, "a raw body")
        same(answer.headers.get("idempotent-replayed"), replayed, "a raw body, again")
    status(client.post("/upload", body=form(part("photo", "no image", "me.png")), headers=MULTIPART), 415, "a photo that is none")
    same(client.get("/profile").json()["photo"], None, "there is no photo")
    photo = status(client.post("/upload", body=form(part("photo", png(8, 8), "me.png")), headers=MULTIPART), 201, "a photo").json()["url"]
    same(person.log_in().get("/profile").json()["photo"], photo, "there is one")
    status(client.post("/upload", body=form(part("note", "no file")), headers=MULTIPART), 422, "a form without a file")
    status(client.post("/upload", body=b"x", headers={"Content-Range": "bytes 0-0/2"}), 422, "a piece of a file")
    status(client.post("/upload", body=b"x" * 1000, headers={"Content-Type": "multipart/form-data"}), 400, "a form without a boundary")
    status(client.get("/upload/admit?length=5"), 204, "a body that may come")
    status(client.get("/upload/admit?length=x"), 422, "no number")
    status(client.get(f"/upload/admit?length={10 ** 15}"), 413, "a body that is hopeless")


def resumable(person):
    client = person.client
    for base in ("/uploads", "/uploads/"):
        def create(body=None, wanted=201, **headers):
            fields = {**TUS, **{name.replace("_", "-"): value for name, value in headers.items()}}
            if body is not None:
                fields["Content-Type"] = CHUNK
            return status(client.post(base, body=body, headers=fields), wanted, f"a creation with {headers}")

        status(client.request("OPTIONS", base), 204, "OPTIONS")
        named = metadata(filename="a.txt", filetype="text/plain")
        # tus's requests say all in headers; a query tells nothing, so a key is not for another because of it.
        twice(client, "POST", base, 201, other=False, headers={**TUS, "Upload-Length": "5", "Upload-Metadata": named})
        url = create(b"hel", Upload_Length="5", Upload_Checksum=checksum("sha1", b"hel"), Upload_Metadata=named,
                     Idempotency_Key=(key := secrets.token_hex(8))).headers["Location"]
        create(b"hel", 422, Upload_Length="6", Idempotency_Key=key)
        create(b"hello", 460, Upload_Length="5", Upload_Checksum=checksum("sha256", b"other"))
        create(wanted=400, Upload_Length="x")
        create(wanted=412, Upload_Length="5", Tus_Resumable="0.2.2")
        create(wanted=413, Upload_Length=str(1 << 40))
        create(wanted=404, Upload_Concat=f"final;/uploads/{NOBODY}")
        create(b"x", wanted=403, Upload_Concat=f"final;{url}")

        def head(url, wanted=200):
            return status(client.request("HEAD", url, headers=TUS), wanted, "HEAD")

        def patch(url, offset, body, wanted=204, **headers):
            fields = {**TUS, "Content-Type": CHUNK, "Upload-Offset": str(offset),
                      **{name.replace("_", "-"): value for name, value in headers.items()}}
            return status(client.patch(url, body=body, headers=fields), wanted, f"PATCH at {offset} with {headers}")

        head(url)
        patch(url, 3, b"l", Upload_Checksum=checksum("sha256", b"l"))
        patch(url, 4, b"x", 460, Upload_Checksum=checksum("sha256", b"o"))
        patch(url, 0, b"x", 409)
        patch(url, "x", b"x", 400)
        patch(url, 4, b"too much", 413)
        patch(url, 4, b"o", 415, Content_Type="text/plain")
        patch(url, 4, b"o", 412, Tus_Resumable="0.2.2")
        instead = {**TUS, "Content-Type": CHUNK, "Upload-Offset": "4", "X-HTTP-Method-Override": "PATCH"}
        status(client.post(url, body=b"o", headers=instead), 204, "POST instead of PATCH")
        head(url)
        later = create(Upload_Defer_Length="1").headers["Location"]
        head(later)
        patch(later, 0, b"ab", Upload_Length="3")
        parts = [create(body, Upload_Length="2", Upload_Concat="partial").headers["Location"] for body in (b"he", b"y!")]
        head(parts[0])
        whole = create(Upload_Concat=f"final;{' '.join(parts)}").headers["Location"]
        same(client.get(whole.replace("/uploads/", "/files/")).body, b"hey!", "a file is made of parts")
        head(whole)
        patch(whole, 4, b"x", 403)
        status(client.request("OPTIONS", whole), 204, "OPTIONS")
        twice(client, "DELETE", whole, 204, headers=TUS)
        head(whole, 404)


# --- files


def file_of(client, body, name="a.txt"):
    return status(client.post(f"/upload?name={name}", body=body), 201, "an upload").json()["id"]


def bytes_at(client, path, length):
    """All that reading takes; path has no query yet, or is of whoever may read it again and again."""
    answer = status(client.get(path), 200, path)
    for headers, wanted in (({"If-Match": answer.etag}, 200), ({"If-None-Match": answer.etag}, 304), ({"Range": "bytes=0-1"}, 206),
                            ({"Range": "bytes=0-1", "If-Range": answer.etag}, 206), ({"Range": "bytes=0-1", "If-Range": '"other"'}, 200),
                            ({"If-Modified-Since": answer.headers["last-modified"]}, 304),
                            ({"If-Unmodified-Since": answer.headers["last-modified"]}, 200),
                            ({"Range": f"bytes={length}-"}, 416), ({"If-Match": '"other"'}, 412), ({"If-Match": "nonsense"}, 400)):
        status(client.get(path, headers=headers), wanted, f"{path} with {headers}")
    return answer


def files(person):
    client = person.client
    ids = [file_of(client, b"hello", name) for name in ("one.txt", "two.txt", "three.txt")]
    status(client.get(f"/files?q=two&limit=5&before={ids[2]}"), 200, "the list")
    for query, wanted in (("limit=0", 422), ("before=x", 422), ("q=" + "x" * 256, 422), ("q=a&q=b", 400)):
        status(client.get(f"/files?{query}"), wanted, f"/files?{query[:9]}")
    for query in ("", "?uploaded=1", "?renamed=1", "?deleted=1"):
        status(client.get(f"/files{query}", headers=BROWSER), 200, "the page")
    bytes_at(client, f"/files/{ids[0]}", 5)
    status(client.request("HEAD", f"/files/{ids[0]}"), 200, "HEAD")
    for method, suffix in (("PATCH", ""), ("POST", "/rename")):
        path = f"/files/{ids[0]}{suffix}"
        tag = client.get(f"/files/{ids[0]}").etag
        now = client.get(f"/files/{ids[0]}").headers["last-modified"]
        conditions = {"If-Match": tag, "If-None-Match": '"other"'}
        twice(client, method, path, 204, json={"name": "json.txt", "csrf": ""}, headers=conditions)
        twice(client, method, path, 204, form={"name": "form.txt"}, headers={"If-Unmodified-Since": now})
        twice(client, method, path, 303, form={"name": "page.txt"}, headers=BROWSER)
    for method, suffix in (("DELETE", ""), ("POST", "/delete")):
        for headers, wanted in (({}, 204), (BROWSER, 303)):
            path = f"/files/{file_of(client, b'short-lived')}{suffix}"
            twice(client, method, path, wanted, headers=headers, **({"form": {"csrf": ""}} if method == "POST" else {}))


def thumbnails(person):
    client = person.client
    image = file_of(client, png(80, 80), "a.png")
    length = len(bytes_at(client, f"/files/{image}/thumbnail", 1 << 20).body)
    status(client.get(f"/files/{image}/thumbnail?size=64"), 200, "a small one")
    status(client.get(f"/files/{image}/thumbnail?size=65"), 422, "another size")
    status(client.get(f"/files/{file_of(client, b'no image')}/thumbnail"), 415, "a text")
    check(length > 0, "a thumbnail has bytes")


def csv(person):
    client = person.client
    rest = b",1,no,2026-11-29,x,\n"
    first = file_of(client, b"integer,decimal,boolean,date,text,empty\n1,1.5,yes,2026-11-29,word,\n2,2\n" +
                    b"".join(begins + rest for begins in (b'a"b', b'"a"b', b"\0", b"\xff")))
    second, third = file_of(client, b'1;2\n3;"'), file_of(client, b"")
    report = status(client.post(f"/files/{first}/csv"), 200, "a CSV").json()
    same((report["types"], len({one["reason"] for one in report["bad_lines"]})),
         (["integer", "decimal", "boolean", "date", "text", "empty"], 5), "a column of each type, a line with each fault", report)
    report = status(client.post(f"/files/{second}/csv", form={"csrf": ""}), 200, "a CSV").json()
    same((report["header"], report["bad_lines"][0]["reason"]), (None, "a quote that is never closed"), "numbers are no header", report)
    status(client.post(f"/files/{third}/csv"), 200, "an empty file")


def links(person):
    client, guest = person.client, Watched()
    file = file_of(client, b"shared bytes", "shared.bin")
    base = f"/files/{file}"
    link = twice(client, "POST", f"{base}/link", 201).json()
    twice(client, "POST", f"{base}/link", 201, json={"expires_in": 60, "uses": 3, "csrf": ""})
    twice(client, "POST", f"{base}/link", 201, form={"expires_in": "60", "uses": ""})
    twice(client, "POST", f"{base}/link", 201, json={"expires_in": 60})
    status(client.post(f"{base}/link", json={"expires_in": None, "uses": None}), 201, "null is nothing said")
    status(client.post(f"{base}/link", form={"uses": "2"}, headers=BROWSER), 201, "a page with the link")
    for fields in ({"uses": 0}, {"expires_in": 10 ** 9}):
        status(client.post(f"{base}/link", json=fields), 422, "a wrong link")
    status(client.get(f"{base}/links"), 200, "the list")
    for query in ("", "?revoked=1"):
        status(client.get(f"{base}/links{query}", headers=BROWSER), 200, "the page")

    bytes_at(guest, link["url"], 12)
    status(guest.request("HEAD", link["url"]), 200, "HEAD")
    since = client.get(base).headers["last-modified"]
    status(guest.post(link["url"], headers={"If-Unmodified-Since": since}), 303, "the button")
    counted = client.post(f"{base}/link", json={"uses": 5}).json()
    twice(guest, "POST", counted["url"], 303, other=False, form={"csrf": ""}, headers={"If-Match": "*", "If-None-Match": '"other"'})
    twice(person.log_in(), "POST", counted["url"], 303)  # who has a token is the owner of a key
    counted = client.post(f"{base}/link", json={"uses": 2}).json()
    status(guest.get(counted["url"], headers=BROWSER), 200, "a page with a button")
    place = status(guest.post(counted["url"], headers=BROWSER), 303, "the button").headers["Location"]
    same(status(guest.get(place), 200, "by the ticket").body, b"shared bytes", "the ticket leads to the bytes")
    status(guest.get(counted["url"]), 200, "the second use")
    for method in ("GET", "POST"):
        status(Watched(source="127.0.0.2").request(method, counted["url"]), 404, "a link that is used up")
    for method, suffix in (("DELETE", ""), ("POST", "/revoke")):
        for headers, wanted in (({}, 204), (BROWSER, 303)):
            made = client.post(f"{base}/link").json()["id"]
            more = {"form": {"csrf": ""}} if method == "POST" else {}
            twice(client, method, f"{base}/links/{made}{suffix}", wanted, headers=headers, **more)
    psql("INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at) SELECT gen_random_uuid(), "
         f"'{file}', decode(repeat('00', 32), 'hex'), now() + interval '1 day' FROM generate_series(1, 100)")
    status(client.post(f"{base}/link"), 409, "a link too many")


def keys(person):
    client, site = person.log_in(), f"s{secrets.token_hex(6)}"
    subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "site", "add", site, f"https://{site}.example",
                    "--require", "any"], check=True, capture_output=True)
    whole = {"name": "a robot", "scopes": ["gate", "data", "files", "password"]}
    made = twice(client, "POST", "/keys", 201, json={**whole, "sites": [site], "expires_in": 60}).json()
    for sites, seconds in ((None, None), (site, "60"), ("", "")):
        status(client.post("/keys", json={**whole, "sites": sites, "expires_in": seconds}), 201, "a key")
    twice(client, "POST", "/keys", 201, form={"name": "a robot", "scope_gate": "on"})
    status(client.post("/keys", form={"name": "a robot", "scope_data": "on", "scope_files": "on", "scope_password": "on", "sites": site,
                                      "expires_in": "60", "csrf": ""}, headers=BROWSER), 201, "a page with the key")
    status(client.post("/keys", json={"name": "", "scopes": []}), 422, "a wrong key")
    status(Watched(made["key"]).get("/profile/data"), 200, "the document by a key")
    status(client.get("/keys"), 200, "the list")
    for method, suffix in (("DELETE", ""), ("POST", "/revoke")):
        for headers, wanted in (({}, 204), (BROWSER, 303)):
            one = client.post("/keys", json=whole).json()["id"]
            more = {"form": {"csrf": ""}} if method == "POST" else {}
            twice(client, method, f"/keys/{one}{suffix}", wanted, headers=headers, **more)
    psql("INSERT INTO mayfly.key (id, account_id, secret_hash, name, scopes, all_sites, sites, expires_at) SELECT gen_random_uuid(), "
         f"account_id, secret_hash, name, scopes, all_sites, sites, now() + interval '1 day' FROM mayfly.key, generate_series(1, 50) WHERE id = '{made['id']}'")
    status(client.post("/keys", json=whole), 409, "a key too many")
    subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "site", "remove", site], check=True, capture_output=True)


# --- pages and operation


def pages(person):
    guest = Watched()
    for path in ("/", "/?closed=1", "/login", "/login?registered=1&rd=/files", "/register?rd=/files&invite=mfi_", "/workers"):
        status(guest.get(path, headers=BROWSER), 200, path)
    for to, wanted in (("", 303), ("?in=1", 303), ("?to=x", 422), ("?to=%ff", 400)):
        status(Watched().get("/enter" + to, headers=BROWSER), wanted, f"/enter{to}")
    for path in ("/account?saved=1", "/account?ended=1", "/account?key_revoked=1"):
        status(person.client.get(path, headers=BROWSER), 200, path)
    for path in ("/account", "/files", f"/files/{NOBODY}/links"):
        status(guest.get(path, headers=BROWSER), 303, path)
    for path in ("/worker", "/health/live", "/health/ready"):
        status(guest.get(path), 200, path)
    status(guest.get("/metrics"), 403, "/metrics")
    for method, path, wanted in (("GET", "/nothing", 404), ("PUT", "/login", 405), ("DELETE", "/upload", 405), ("OPTIONS", "/login", 204),
                                 ("OPTIONS", "/files", 204)):
        status(guest.request(method, path), wanted, f"{method} {path}")


def by_settings(person):
    """What only other settings show."""
    client, name = person.client, Person().name
    image = file_of(client, png(300, 300), "large.png")
    with settings(worker_header="no", metrics_allow="127.0.0.1", login_failures_per_pair=1, thumbnail_max_pixels=1000,
                  files_max_bytes=1000, demo="no"):
        status(Watched().get("/worker"), 404, "/worker")
        status(Watched().get("/workers", headers={"Accept": PAGE}), 404, "/workers")
        status(Watched().get("/metrics"), 200, "/metrics")
        for word, wanted in (("one", 401), ("other", 429)):
            status(Watched().post("/login", json={"username": name, "password": f"a wrong {word}, sorry"}), wanted, "a wrong password")
        status(client.get(f"/files/{image}/thumbnail?size=64"), 413, "an image of many pixels")
        status(client.post("/upload", body=b"x" * 2000), 413, "a file for which there is no room")
        with postgres_away():
            outage(person)


# --- what every route refuses

def places(person):
    """The path of each operation with things that are there, and with things that are not."""
    client = person.client
    file = file_of(client, png(8, 8), "kept.png")
    link = client.post(f"/files/{file}/link", json={"uses": 100}).json()
    upload = client.post("/uploads", headers={**TUS, "Upload-Length": "5"}).headers["Location"].rpartition("/")[2]
    key = client.post("/keys", json={"name": "a robot", "scopes": ["data"]}).json()["id"]
    session = next(one["id"] for one in person.log_in().get("/sessions").json()["sessions"] if not one["current"])
    ids = {"/uploads/": upload, "/sessions/": session, "/keys/": key, "/files/": file}

    def fill(path, there):
        owner = next((ids[start] for start in ids if path.startswith(start)), NOBODY)
        return path.replace("{id}", owner if there else NOBODY).replace("{link}", link["id"]) \
            .replace("{token}", link["url"].removeprefix("/shared/") if there else "x" * 64)

    return fill


def refusals(person):
    fill, client, browser = places(person), person.log_in(), f"mayfly={person.log_in().token}"
    for key in OPERATIONS:
        refuse(key, fill, client, Watched(cookie=browser))
    status(client.post(fill("/files/{id}/csv", True).replace("/csv", "%01/csv")), 400, "a control character in the path")
    status(Watched().get("/health/live?" + "x" * 9000), 414, "a long address")
    status(Watched().get("/health/live", headers={"Accept": "x" * 9000}), 431, "a long header")
    lost = file_of(client, b"x" * 1000)
    psql(f"DELETE FROM mayfly.file_chunk WHERE file_id = '{lost}'")
    status(client.get(f"/files/{lost}"), 500, "a file whose bytes are lost")
    status(client.delete(f"/files/{lost}"), 204, "which is deleted")


@contextlib.contextmanager
def no_sockets():
    """nginx finds no worker, who need not end for that; and has none of its kept connections any more."""
    sockets = list((SCRATCH / "run").glob("*/fcgi.sock"))
    for one in sockets:
        one.rename(one.with_suffix(".away"))
    try:
        nginx_reload()
        yield
    finally:
        for one in sockets:
            one.with_suffix(".away").rename(one)


def outage(person):
    """While the database or all workers are away."""
    fill = away
    for method, path in OPERATIONS:
        send(fresh, method, path, fill(path, True))


name = registering()
logging_in(name)
person = Person(name="Ann Example")
logging_out(person)
profile(name)
password()
closing()
sessions(Person())
documents(person)
person.client = person.log_in()
uploads(person)
resumable(person)
files(person)
thumbnails(person)
csv(person)
links(person)
keys(Person())
pages(person)
refusals(person)

person = Person()
away, fresh = places(person), person.log_in()
by_settings(person)
check(wait_until(15, lambda: Watched().get("/health/ready").status == 200), "the database is back")
with no_sockets():
    outage(person)
status(Watched().get("/health/ready"), 200, "when the workers are found again")

SLOT = ("/uploads", "/uploads/", "/uploads/{id}", "/upload")
EXCUSED = {
    414: "of nginx before it knows the route; seen of one route", 431: "the same", 500: "a fault; seen of one route",
    429: "of nginx for any route, of log-ins here; t/4200, t/4520 and t/4985 have more",
    ("answer", "GET", "/enter", 200): "of a site's own way: t/6013",
    ("parameter", "to", "query"): "the same", ("content", ("GET", "/enter", 200), "text/html"): "the same",
    ("answer", "POST", "/password", 409): "two changes at the same moment: t/4120",
    ("answer", "POST", "/upload", 409): "an outcome that is swept at that moment",
    **{("answer", method, path, 423): "of uploads to S3 only: t/5960" for method in ("POST", "PATCH") for path in SLOT},
    **{("answer", "POST", path, 409): "two requests for the same parts at the same moment: t/4960" for path in SLOT},
    ("answer", "HEAD", "/uploads/{id}", 409): "a storage that loses what it had: t/5962",
    ("answer", "#/components/schemas/Problem/error", "locked"): "of HEAD only, which has no body; t/4772",
    ("answer", "#/components/schemas/Ready/database/state", "old schema"): "t/5510",
    ("answer", "#/components/schemas/Ready/database/state", "wrong settings"): "t/5555",
    ("answer", "#/components/schemas/Ready/cache/state", "down"): "t/5300",
    ("answer", "#/components/schemas/Ready/cache/state", "off"): "t/5320",
    ("answer", "#/components/schemas/Ready/nginx/state", "old files"): "t/5745",
    **{("answer", f"#/components/schemas/Ready/nginx/{name}", "there"): "t/5745" for name in ("found", "needed", "command")},
}
same({status: any(REFERENCE.seen["answer", *key, status] for key in OPERATIONS) for status in (414, 429, 431, 500)},
     {414: True, 429: True, 431: True, 500: True}, "what is of any route was seen of one")
left = REFERENCE.unseen(OPERATIONS, EXCUSED)
same(left, [], "all that the reference says was seen")
same(REFERENCE.complaints, 0, "and nothing else")
note(f"{sum(count for key, count in REFERENCE.seen.items() if key[0] == 'answer' and len(key) == 4 and isinstance(key[3], int))} answers")
done()
