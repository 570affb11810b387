#!/usr/bin/python3
"""What apps keep: every answer is as doc/openapi.json says, and all that it says was seen."""

import secrets
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from files import postgres_away
from mayfly import SCRATCH, check, done, login, new_user, same, settings
from reference import Reference, Watched, refuse, send, status, twice

REFERENCE = Watched.reference = Reference()
OPERATIONS = [key for key, operation in REFERENCE.operations.items() if operation["tags"] == ["Apps"]]
NOBODY = "01900000-0000-7000-8000-000000000000"
MERGE = {"Content-Type": "application/merge-patch+json"}
NEW = {"If-None-Match": "*"}
SITE = f"s{secrets.token_hex(4)}"


def ctl(*words):
    return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True,
                          timeout=60, check=True).stdout.strip()


def fresh():
    return f"/app/sessions/{secrets.token_urlsafe(32)}"


ctl("site", "add", SITE, f"https://{SITE}.example", "--require", "any")
shop, user, other = Watched(ctl("site", "key", SITE, "reference")), new_user(), new_user()
session = fresh()
kept = f"/app/accounts/{user.id}"
for path in (session, kept):
    made = status(shop.put(path, json={"n": 1}, headers=NEW), 201, "it is made")
    status(shop.get(path), 200, "it is there")
    status(shop.get(path, headers={"If-None-Match": made.etag}), 304, "the same")
    status(shop.put(path, json={"n": 2}, headers=NEW), 412, "it is there")
    answer = twice(shop, "PUT", path, 200, json={"n": 2}, headers={"If-Match": made.etag})
    twice(shop, "PATCH", path, 200, json={"m": {"deep": [None, True]}}, headers={**MERGE, "If-Match": answer.etag})
    twice(shop, "PATCH", path, 200, json={"n": None}, headers={"If-None-Match": '"none"'})
    status(shop.put(path, json={}), 400, "without a condition")
    status(shop.put(path, json={"long": "x" * 70_000}, headers={"If-Match": "*"}), 413, "a document that is too long")
for path in (fresh(), f"/app/accounts/{other.id}"):
    twice(shop, "PUT", path, 201, json={}, headers=NEW)
    twice(shop, "DELETE", path, 204, headers={"If-Match": "*", "If-None-Match": '"none"'})
bound = fresh()
status(shop.put(f"{bound}?idle=100&account=", json={}, headers=NEW), 201, "a guest's")
status(shop.post(f"{bound}/touch?idle=200&account={user.id}"), 204, "it is bound")
status(shop.post(f"{bound}/touch?idle=0&account={user.id}"), 400, "no time at all")
status(shop.get(bound), 404, "which is an account's now")
status(shop.put("/app/sessions/short", json={}, headers=NEW), 422, "an id that is none")
for path, query in ((session, f"?account={NOBODY}"), (session + "/touch", f"?account={NOBODY}")):
    status(shop.request("POST" if "touch" in path else "PATCH", path + query, json=None if "touch" in path else {}), 422, "an account that is none")

browser = Watched(cookie=f"mayfly={login(user)}")


def fill(path, there):
    if "accounts" in path:
        return path.replace("{id}", user.id if there else NOBODY if "put" not in path else "none")
    return path.replace("{id}", session.rpartition("/")[2] if there else "x" * 43)


for key in OPERATIONS:
    refuse(key, lambda path, there, key=key: "/app/accounts/none" if key == ("PUT", "/app/accounts/{id}") and not there else fill(path, there), shop, browser)
with settings(app_guests_max=0, app_documents_max=0):
    for path in (fresh(), f"/app/accounts/{other.id}"):
        status(shop.put(path, json={}, headers=NEW), 429, "one too many")
with postgres_away():
    for method, path in OPERATIONS:
        status(send(shop, method, path, fill(path, True)), 503, f"{method} {path} without a database")
check(wait_until(15, lambda: Watched().get("/health/ready").status == 200), "the database is back")

EXCUSED = {414: "t/4771", 431: "t/4771", 500: "t/4771",
           **{("answer", *key, 429): "of nginx, t/4771" for key in OPERATIONS if key[0] != "PUT"}}
# What is said of all routes t/4771 has seen.
left = [one for one in REFERENCE.unseen(OPERATIONS, EXCUSED) if "#/components/schemas/Problem" not in str(one)]
same(left, [], "all that the reference says of what apps keep was seen")
same(REFERENCE.complaints, 0, "and nothing else")
done()
