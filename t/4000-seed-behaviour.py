#!/usr/bin/python3
"""The behaviour that this project began with: a form logs in, and its token is valid at every worker until it expires."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PASSWORD, TOKEN, Client, check, done, login, new_name, new_user, same, settings

GUEST = Client()


def everywhere(token, wanted, seconds=20):
    """Asks until two workers of each of the pools a and b have answered. Answers (all as wanted, who answered)."""
    seen, right = set(), True
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = Client(token).get("/profile")
        right = right and answer.status == wanted
        seen.add(answer.worker)
        if all(sum(worker.startswith(f"{pool}/") for worker in seen) >= 2 for pool in "ab"):
            return right, seen
    return False, seen


name = new_name()
answer = GUEST.post("/register", form={"username": name, "password": PASSWORD})
same(answer.status, 201, "a form registers an account", answer)
answer = GUEST.post("/login", form={"username": name, "password": PASSWORD})
same((answer.status, answer.headers.get("content-type")), (200, "application/json"), "a form logs in, and the answer is JSON",
     answer)
token = answer.json()["token"]
check(TOKEN.match(token), "its token is a token", token)

answer = GUEST.get("/profile", headers={"Authorization": f"Bearer {token}"})
same((answer.status, answer.json()["username"]), (200, name), "GET /profile with the token as Bearer is the profile")
bare = GUEST.get("/profile", headers={"Authorization": token})
same(bare.json(), answer.json(), "and so it is with the bare token in Authorization")
same(GUEST.get("/profile", headers={"Authorization": f"bearer {token}"}).status, 200, "the scheme may be in lower case")
same(sorted(answer.json()), ["created_at", "email", "groups", "id", "name", "photo", "username"],
     "the profile has what it promises")
right, seen = everywhere(token, 200)
check(right, "every worker of both pools answers it", sorted(seen))

forged = token[:-1] + ("A" if token[-1] != "A" else "Q")
other_case = token.swapcase()
for what, headers in (
    ("without a token", {}),
    ("with a token that never was", {"Authorization": f"Bearer {forged}"}),
    ("with a token of other letters' case", {"Authorization": f"Bearer {other_case}"}),
    ("with half a token", {"Authorization": f"Bearer {token[:40]}"}),
    ("with a longer token", {"Authorization": f"Bearer {token}A"}),
    ("with two tokens", {"Authorization": f"Bearer {token} {token}"}),
    ("with an empty Bearer", {"Authorization": "Bearer "}),
    ("with Basic", {"Authorization": "Basic dTpw"}),
    ("with a token of other bytes", {"Authorization": "Bearer mfs_" + "\xff" * 64}),
):
    answer = GUEST.get("/profile", headers=headers)
    same((answer.status, answer.error), (401, "unauthorized"), f"{what}: 401 unauthorized", answer)
    check("www-authenticate" in answer.headers, f"{what}: WWW-Authenticate says how")
for path in (f"/profile?token={token}", f"/profile?sid={token}", f"/profile?mayfly={token}"):
    same(GUEST.get(path).status, 401, f"a token in the address ({path.split('=')[0]}) is not one")

same(GUEST.post("/logout", headers={"Authorization": f"Bearer {token}"}).status, 200, "POST /logout ends it")
right, seen = everywhere(token, 401)
check(right, "then no worker of any pool knows it", sorted(seen))
answer = GUEST.get("/profile", headers={"Authorization": f"Bearer {token}"})
same((answer.status, answer.error), (401, "unauthorized"), "and the answer is 401 unauthorized")

user = new_user()
with settings(session_idle_s=2, session_absolute_s=30):
    token = login(user)
    same(Client(token).get("/profile").status, 200, "a session begins")
    time.sleep(2.6)
    same(Client(token).get("/profile").status, 401, "and is over after its idle time")
    token = login(user)
    used = []
    for _ in range(7):
        time.sleep(0.6)
        used.append(Client(token).get("/profile").status)
    same(used, [200] * 7, "one that is used lives on past its idle time")
with settings(session_idle_s=2, session_absolute_s=3):
    token = login(user)
    began = time.monotonic()
    used = []
    while time.monotonic() - began < 5:
        used.append((time.monotonic() - began, Client(token).get("/profile").status))
        time.sleep(0.2)
    early = [one for one in used if one[0] < 2.4]
    late = [one for one in used if one[0] > 3.6]
    check(early and all(status == 200 for _, status in early), "one in constant use is good until its absolute time", early)
    check(late and all(status == 401 for _, status in late), "and never after it", late)
token = login(user)
same(Client(token).get("/profile").status, 200, "with the settings as before a session is good again")
done()
