#!/usr/bin/python3
"""Exactly once: a change that is repeated under one Idempotency-Key has one effect and the first answer, byte for byte."""

import base64
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, PASSWORD, Client, check, dev, done, login, new_name, new_user, psql, same, signed_in, try_login

NEW = "eleven herons on one leg"
told = []  # tokens, of which the database must know nothing


def key():
    return {"Idempotency-Key": f"k-{secrets.token_hex(8)}"}


def replayed(answer):
    return answer.headers.get("idempotent-replayed")


def twice(what, send, status):
    """Sends the same thing three times, at whichever worker. Returns the first answer."""
    first = send()
    same((first.status, replayed(first)), (status, None), f"{what}: the first answers {status}", first)
    for _ in range(2):
        again = send()
        same((again.status, again.body, again.cookies, again.headers.get("location"), again.etag, again.headers.get("content-type")),
             (first.status, first.body, first.cookies, first.headers.get("location"), first.etag, first.headers.get("content-type")),
             f"{what}: again, the answer is the first one", again)
        same(replayed(again), "true", f"{what}: and says that it is")
        check(again.headers["x-request-id"] != first.headers["x-request-id"], f"{what}: under a request id of its own")
    return first


def reused(what, answer):
    same((answer.status, answer.error), (422, "unprocessable"), f"{what}: the key with another body is 422", answer)
    check("Idempotency-Key" in answer.json()["detail"], f"{what}: and says why")


def count(sql):
    return int(psql(f"SELECT count(*) FROM mayfly.{sql}"))


# --- without a session

name, headers = new_name(), key()
twice("register", lambda: Client().post("/register", json={"username": name, "password": PASSWORD}, headers=headers), 201)
same(count(f"account WHERE username = '{name}'"), 1, "register: there is one account")
answer = Client().post("/register", json={"username": name, "password": PASSWORD}, headers=key())
same(answer.status, 409, "register: another key is another request, and finds the name taken")
other = new_name()
answer = Client().post("/register", json={"username": other, "password": PASSWORD}, headers=headers)
same((answer.status, replayed(answer)), (201, None), "register: a stranger who chose the same key is not told another's answer")

user, headers = new_user(), key()
first = twice("login", lambda: Client().post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers), 200)
told.append(first.token)
same(count(f"session WHERE account_id = '{user.id}'"), 1, "login: there is one session")
same(Client(first.token).get("/profile").status, 200, "login: its token is good")
answer = Client().post("/login", json={"username": user.username, "password": "a wrong one, sorry"}, headers=headers)
same((answer.status, answer.token), (401, None), "login: the key alone opens nothing")
headers = key()
first = twice("login of a browser", lambda: Client().post("/login", form={"username": user.username, "password": PASSWORD},
                                                         headers={**headers, "Accept": PAGE}), 303)
told.append(first.cookies[0].split("=")[1].split(";")[0])

# --- with a session

user, client = signed_in()
told.append(client.token)
headers = key()
twice("PATCH /profile", lambda: client.patch("/profile", json={"name": "one"}, headers=headers), 200)
client.patch("/profile", json={"name": "two"})
answer = client.patch("/profile", json={"name": "one"}, headers=headers)
same((answer.json()["name"], replayed(answer), client.get("/profile").json()["name"]), ("one", "true", "two"),
     "PATCH /profile: a late repetition does not undo what came after")
reused("PATCH /profile", client.patch("/profile", json={"name": "three"}, headers=headers))
same(client.get("/profile").json()["name"], "two", "PATCH /profile: and changes nothing")
neighbour = signed_in()[1]
answer = neighbour.patch("/profile", json={"name": "mine"}, headers=headers)
same((answer.status, answer.json()["name"], replayed(answer)), (200, "mine", None), "another user with the same key is another request")
second = Client(login(user))
same(replayed(second.patch("/profile", json={"name": "one"}, headers=headers)), "true", "another session of the same account is no other")
reused("PATCH /profile in another session", second.patch("/profile", json={"name": "again"}, headers=headers))
answer = client.patch("/profile", json={"name": "one"})
same(replayed(answer), None, "without a key each request is its own")

for path in ("/session/data", "/profile/data"):
    for method, body, status in (("PUT", {"n": 1}, 200), ("PATCH", {"m": 2}, 200), ("DELETE", None, 204)):
        headers = key()
        before = int(client.get(path).etag.strip('"'))
        twice(f"{method} {path}", lambda: client.request(method, path, json=body, headers=headers), status)
        same(int(client.get(path).etag.strip('"')), before + 1, f"{method} {path}: one version came of it")
        if body is not None:
            reused(f"{method} {path}", client.request(method, path, json={"other": 1}, headers=headers))
    headers = {**key(), "If-Match": client.get(path).etag}
    twice(f"PUT {path} with If-Match", lambda: client.put(path, json={"n": 3}, headers=headers), 200)
headers = key()
client.put("/session/data", json={"path": 1}, headers=headers)
answer = client.put("/profile/data", json={"path": 1}, headers=headers)
same((answer.status, replayed(answer)), (200, None), "a key belongs to its path")
answer = client.patch("/profile/data", json={"path": 1}, headers=headers)
same((answer.status, replayed(answer)), (200, None), "and to its method")

refused = key()
same(client.put("/session/data", json={"n": 1}, headers={**refused, "If-Match": '"777"'}).status, 412, "a change that was refused")
answer = client.put("/session/data", json={"n": 1}, headers=refused)
same((answer.status, replayed(answer)), (200, None), "may be tried again under its key")

headers = key()
others = [Client(login(user)) for _ in range(3)]
first = twice("DELETE /sessions", lambda: client.delete("/sessions", headers=headers), 200)
check(first.json()["ended"] >= 3, "DELETE /sessions: it counts what ended then")
late = Client(login(user))
client.delete("/sessions", headers=headers)
same(late.get("/profile").status, 200, "DELETE /sessions: a late repetition ends no session that began later")
headers, ended = key(), next(one["id"] for one in late.get("/sessions").json()["sessions"] if one["current"])
twice("DELETE /sessions/ID", lambda: client.delete(f"/sessions/{ended}", headers=headers), 204)

# --- when the first attempt ended the session that the second comes with

headers = key()
answer = client.post("/password", json={"current": "a wrong one, sorry", "new": NEW}, headers=headers)
same(answer.status, 403, "password: a wrong one is refused")
old = client.token
first = twice("password", lambda: Client(old).post("/password", json={"current": PASSWORD, "new": NEW}, headers=headers), 200)
told.append(first.token)
same(Client(old).get("/profile").status, 401, "password: the old token is dead, but for this")
same(Client(first.token).get("/profile").status, 200, "password: the new one is good")
reused("password", Client(old).post("/password", json={"current": PASSWORD, "new": NEW + "s"}, headers=headers))
same(Client(old).post("/password", json={"current": PASSWORD, "new": NEW}, headers=key()).status, 401, "password: another key is 401")
same(Client(secrets.token_hex(8)).post("/password", json={"current": PASSWORD, "new": NEW}, headers=headers).status, 401,
     "password: the key without the token is 401")

client = Client(first.token)
headers = key()
twice("logout", lambda: client.post("/logout", headers=headers), 200)
same(client.post("/logout").status, 401, "logout: without the key it is 401")
same(client.post("/logout", headers=key()).status, 401, "logout: so it is with another")
cookie = Client(cookie=f"mayfly={login(new_user())}")
headers = {**key(), "Sec-Fetch-Site": "same-origin"}
twice("logout by cookie", lambda: cookie.post("/logout", headers=headers), 200)

client = Client(try_login(user.username, NEW).token)
headers, session = key(), next(one["id"] for one in client.get("/sessions").json()["sessions"] if one["current"])
twice("ending one's own session", lambda: client.delete(f"/sessions/{session}", headers=headers), 204)

client = Client(try_login(user.username, NEW).token)
headers = key()
twice("closing the account", lambda: client.delete("/profile", json={"password": NEW}, headers=headers), 204)
same(count(f"account WHERE id = '{user.id}' AND closing_at IS NULL"), 0, "closing the account: it is gone, or on its way")
Client().post("/register", json={"username": user.username, "password": NEW})
client.delete("/profile", json={"password": NEW}, headers=headers)
same(count(f"account WHERE username = '{user.username}'"), 1, "closing the account: a repetition spares who has the name now")

# --- all at once

def at_once(send):
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: send(), range(16)))


def one_effect(what, answers, status):
    same({answer.status for answer in answers}, {status}, f"{what} 16 times at once: all answer {status}",
         *[answer for answer in answers if answer.status != status])
    same((len({answer.body for answer in answers}), sum(replayed(answer) is None for answer in answers)), (1, 1),
         f"{what} 16 times at once: one acts, the others say what it answered")


name, headers = new_name(), key()
one_effect("register", at_once(lambda: Client().post("/register", json={"username": name, "password": PASSWORD}, headers=headers)), 201)
user, headers = new_user(), key()
one_effect("login", at_once(lambda: Client().post("/login", json={"username": user.username, "password": PASSWORD}, headers=headers)), 200)
same(count(f"session WHERE account_id = '{user.id}'"), 1, "login 16 times at once: there is one session")
token, headers = login(user), key()
one_effect("PUT", at_once(lambda: Client(token).put("/session/data", json={"n": 1}, headers=headers)), 200)
same(Client(token).get("/session/data").etag, '"1"', "PUT 16 times at once: there is one version")
headers = key()
one_effect("logout", at_once(lambda: Client(token).post("/logout", headers=headers)), 200)

# --- what is kept of it

told.append(token)
OUTCOMES = ("(SELECT key, fingerprint, sealed FROM mayfly.outcome UNION ALL "
            "SELECT key, fingerprint, sealed FROM mayfly.outcome_request)")
dump = psql("SELECT encode(key, 'escape') || encode(coalesce(sealed, ''), 'escape') || encode(fingerprint, 'escape')"
            f" FROM {OUTCOMES} o")
check(len(dump) > 1000, "outcomes are kept")
found = [token for token in told if token in dump or token[4:] in dump or token[30:] in dump]
same(found, [], "but no token is in them")
check("mfs_" not in dump and PASSWORD not in dump and NEW not in dump, "nor a password, nor the beginning of a token")
raw = [base64.urlsafe_b64decode(token[4:] + "=" * (-len(token[4:]) % 4))[16:].hex() for token in told]
hexes = psql("SELECT string_agg(encode(coalesce(sealed, '') || key || fingerprint, 'hex'), ' ') FROM " + OUTCOMES + " o")
same([one for one in raw if one in hexes], [], "neither in binary")
whole = dev("psql", "-Atqc", "SELECT row_to_json(a)::text FROM mayfly.account a", "-c", "SELECT row_to_json(s)::text FROM mayfly.session s",
            "-c", "SELECT row_to_json(t)::text FROM mayfly.attempt t", "-c", "SELECT row_to_json(o)::text FROM mayfly.outcome o",
            "-c", "SELECT row_to_json(o)::text FROM mayfly.outcome_request o")
check("mfs_" not in whole and not any(token in whole for token in told), "no table has a token in clear")
check(not any(one in whole for one in raw), "nor a token's secret")
check(PASSWORD not in whole and NEW not in whole, "nor a password")
same(count("outcome WHERE sealed IS NULL"), 0, "no outcome is half a one")
done()
