#!/usr/bin/python3
"""An Idempotency-Key belongs to the account and to one request, and never returns a token that has ended."""

import re
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, PAGE, PASSWORD, Client, check, done, login, new_user, same, signed_in

NEW = "eleven herons on one leg"
TUS = {"Tus-Resumable": "1.0.0"}


def key():
    return {"Idempotency-Key": f"k-{secrets.token_hex(8)}"}


def replayed(answer):
    return answer.headers.get("idempotent-replayed")


def form(field="file", name="a.txt", kind="text/plain", body=b"some bytes"):
    """A form with one file, whose boundary is chosen anew."""
    boundary = secrets.token_hex(12)
    text = (f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
            ).encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return {"body": text, "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"}}


def send(client, request, headers):
    method, path, more = request
    return client.request(method, path, **{**more, "headers": {**more.get("headers", {}), **headers}})


def files(client):
    return len(client.get("/files").json()["files"])


PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000"
                    "1f15c4890000000d4944415478da63fcffff3f0300050201ff9d8b9d1b0000000049454e44ae426082")

# --- a new log-in

user, first = signed_in()
second = Client(login(user))
for what, request in (
    ("a raw upload", ("POST", "/upload?name=a.txt", {"body": b"raw"})),
    ("a form's upload", ("POST", "/upload", form())),
    ("a resumable upload", ("POST", "/uploads", {"headers": {**TUS, "Upload-Length": "5"}})),
    ("a link", ("POST", None, {"json": {"uses": 2}})),
    ("a change of the profile", ("PATCH", "/profile", {"json": {"name": "one"}})),
    ("a document", ("PATCH", "/profile/data", {"json": {"n": 1}})),
):
    if request[1] is None:
        request = (request[0], f"/files/{first.get('/files').json()['files'][0]['id']}/link", request[2])
    headers, before = key(), files(first)
    one = send(first, request, headers)
    made = files(first) - before
    check(one.status in (200, 201), f"{what} is done", one)
    other = send(second, request, headers)
    same((other.status, other.body, other.headers.get("location"), replayed(other), files(first) - before),
         (one.status, one.body, one.headers.get("location"), "true", made), f"{what}: after a new log-in it is not done again", other)
stranger = signed_in()[1]
headers = key()
answers = [send(client, ("PATCH", "/profile", {"json": {"name": "mine"}}), headers) for client in (first, stranger)]
same([(one.status, replayed(one)) for one in answers], [(200, None)] * 2, "another account with the same key is another request")

# --- what belongs to a session

for what, request in (("the session's document", ("PUT", "/session/data", {"json": {"n": 1}})),
                      ("ending the others", ("DELETE", "/sessions", {})),
                      ("a log-out", ("POST", "/logout", {}))):
    pair, headers = [Client(login(user)), Client(login(user))], key()
    if what == "ending the others":
        pair.reverse()
        same(send(pair[0], request, headers).json()["ended"] > 0, True, f"{what}: the first session does it")
        pair[1] = Client(login(user))
        answer = send(pair[1], request, headers)
        same((replayed(answer), pair[0].get("/profile").status), (None, 401), f"{what}: with another session it is another request")
        continue
    answers = [send(client, request, headers) for client in pair]
    same([(one.status, replayed(one)) for one in answers], [(200, None)] * 2, f"{what}: with another session it is another request")
same([client.get("/profile").status for client in pair], [401, 401], "so both of them are logged out")

# --- the same key for something else

user, client = signed_in()
etag = client.put("/profile/data", json={"n": 0}).etag
client.put("/session/data", json={"n": 0})
for what, request, other in (
    ("a body", ("PUT", "/profile/data", {"json": {"n": 1}}), {"json": {"n": 2}}),
    ("If-Match", ("PUT", "/profile/data", {"json": {"n": 1}}), {"headers": {"If-Match": '"777"'}}),
    ("no If-Match", ("PUT", "/session/data", {"json": {"n": 1}, "headers": {"If-Match": '"1"'}}), {"headers": {}}),
    ("If-None-Match", ("PUT", "/profile/data", {"json": {"n": 1}}), {"headers": {"If-None-Match": "*"}}),
    ("a type", ("PATCH", "/profile", {"body": '{"name":"x"}', "headers": {"Content-Type": "application/json"}}),
     {"headers": {"Content-Type": "application/json; charset=utf-8"}}),
    ("a field's name", ("POST", "/upload", form(body=PNG)), form(field="photo", body=PNG)),
    ("a file's name", ("POST", "/upload", form()), form(name="b.txt")),
    ("a file's type", ("POST", "/upload", form()), form(kind="text/csv")),
    ("a file's bytes", ("POST", "/upload", form()), form(body=b"other bytes")),
    ("a name in the query", ("POST", "/upload?name=a", {"body": b"x"}), "/upload?name=b"),
    ("Content-Disposition", ("POST", "/upload", {"body": b"x"}), {"headers": {"Content-Disposition": 'attachment; filename="c"'}}),
    ("a raw upload's type", ("POST", "/upload", {"body": b"x"}), {"headers": {"Content-Type": "text/plain"}}),
    ("Upload-Metadata", ("POST", "/uploads", {"headers": {**TUS, "Upload-Length": "9"}}),
     {"headers": {**TUS, "Upload-Length": "9", "Upload-Metadata": "filename YQ=="}}),
    ("Upload-Length", ("POST", "/uploads", {"headers": {**TUS, "Upload-Length": "9"}}), {"headers": {**TUS, "Upload-Length": "8"}}),
):
    headers = key()
    one = send(client, request, headers)
    check(one.status in (200, 201), f"another {what}: the first request is done", one)
    before = (files(client), client.get("/profile/data").etag, client.get("/session/data").etag, client.get("/profile").body)
    changed = (request[0], other, request[2]) if isinstance(other, str) else (request[0], request[1], {**request[2], **other})
    answer = send(client, changed, headers)
    same((answer.status, answer.error, "Idempotency-Key" in answer.text), (422, "unprocessable", True),
         f"another {what} under the same key is refused, and the answer says why", answer)
    same((files(client), client.get("/profile/data").etag, client.get("/session/data").etag, client.get("/profile").body), before,
         f"another {what}: nothing is changed")
headers = key()
answers = [send(client, ("POST", "/upload", form()), headers) for _ in range(2)]
same([(one.status, replayed(one)) for one in answers], [(201, None), (201, "true")], "a form with another boundary is the same form")

# --- log-ins

user = new_user()


def log_in(headers, **more):
    return Client(**more).post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers)


def lives(token):
    return Client(token).get("/profile").status == 200


headers = key()
one, again = log_in(headers), log_in(headers)
same((again.token, replayed(again)), (one.token, "true"), "a log-in that is repeated while its session lives tells the same token")
Client(one.token).post("/logout")
fresh = log_in(headers)
check(fresh.token not in (None, one.token) and replayed(fresh) is None and lives(fresh.token) and not lives(one.token),
      "after the log-out it is a log-in of its own, with a token that is good", fresh)
same((log_in(headers).token, replayed(log_in(headers))), (fresh.token, "true"), "which is repeated from then on")
Client(fresh.token).post("/logout")
with ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda _: log_in(headers), range(8)))
same(({one.status for one in answers}, len({one.token for one in answers}), lives(answers[0].token)), ({200}, 1, True),
     "eight at once after a log-out are one log-in")
headers = {**key(), "Accept": PAGE, "Sec-Fetch-Site": "same-origin"}
browser = log_in(headers)
cookie = browser.cookies[0].split(";")[0]
again = log_in(headers, cookie=cookie)
same((again.status, again.cookies[0].split(";")[0], replayed(again)), (303, cookie, "true"), "a browser's is, with the cookie that it got",
     again)
answer = Client().post("/login", json={"username": user.username, "password": "a wrong one, sorry"}, headers=headers)
same((answer.status, answer.cookies), (401, []), "a wrong password gets nothing by the key")

client, headers = Client(login(user)), key()
body = {"current": PASSWORD, "new": NEW}
one = client.post("/password", json=body, headers=headers)
again = Client(one.token).post("/password", json=body, headers=headers)
same((again.status, again.token, replayed(again)), (200, one.token, "true"), "a change of the password that is repeated with its new token", again)
Client(one.token).post("/logout")
answer = client.post("/password", json=body, headers=headers)
same((answer.status, answer.error, one.token in answer.text), (401, "unauthorized", False), "after the log-out tells no dead token", answer)
other = Client(Client().post("/login", json={"username": user.username, "password": NEW}).token)
answer = other.post("/password", json=body, headers=headers)
same((answer.status, one.token in answer.text), (401, False), "nor to another session", answer)
# --- what is to come

# What is new in a request has a meaning, and belongs in the fingerprint, or has none, and belongs here.
SAYS_NOTHING = {
    "traceparent", "sec_purpose", "purpose", "cookie", "authorization", "accept", "user_agent", "origin_header", "fetch_site", "preflight", "csrf_token", "range", "if_range",
    "idempotency_key", "tus_resumable", "upload_checksum",
    "method_override",  # it is the method by then, and in the key
}
headers = set(re.findall(r'ROW\("HTTP_\w+", (\w+)\)', (CHECKOUT / "src/http/request.c").read_text()))
counted = set(re.findall(r"request->(\w+)", re.search(r"\nstatic bool fingerprint\(.*?\n}\n", (CHECKOUT / "src/app/once_names.c").read_text(), re.S)[0]))
check(len(headers) > 15 and "if_match" in counted, "the headers of a request and those of the fingerprint are found", headers, counted)
same(headers - counted - SAYS_NOTHING, set(), "each header with a meaning is in the fingerprint")
done()
