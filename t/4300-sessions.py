#!/usr/bin/python3
"""Sessions: a device list that is true, ends that are at once and everywhere, tokens that nobody guesses."""

import base64
import re
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import (PASSWORD, TOKEN, Client, check, done, login, new_user, psql, same, settings, signed_in,
                    try_login)

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def listed(client):
    answer = client.get("/sessions")
    assert answer.status == 200, answer
    return answer.json()["sessions"]


def statuses(client, times=12):
    """Of many requests, at whichever worker."""
    return {client.get("/profile").status for _ in range(times)}


def current(client):
    return next(one["id"] for one in listed(client) if one["current"])


# --- the list

user = new_user()
clients = [Client(Client().post("/login", json={"username": user.username, "password": PASSWORD},
                                headers={"User-Agent": agent}).token)
           for agent in ("phone", "laptop", "téléphone".encode().decode("latin-1"))]
phone, laptop, third = clients
sessions = listed(phone)
same(len(sessions), 3, "three log-ins are three sessions")
same(sorted(sessions[0]), ["address", "created_at", "current", "expires_at", "id", "seen_at", "user_agent"],
     "each with what the list promises")
same({one["user_agent"] for one in sessions}, {"phone", "laptop", "téléphone"}, "by the name of their devices")
same({one["address"] for one in sessions}, {"127.0.0.1"}, "and their address")
check(all(TIME.match(one[field]) for one in sessions for field in ("created_at", "seen_at", "expires_at")), "and times",
      sessions)
same([[one["user_agent"] for one in listed(client) if one["current"]][0] for client in (phone, laptop)],
     ["phone", "laptop"], "each knows which is its own")
check(all(client.token not in phone.get("/sessions").text and TOKEN.match(client.token) for client in clients),
      "no token is in the list")
long = Client().post("/login", json={"username": user.username, "password": PASSWORD},
                     headers={"User-Agent": "x" * 3000})
same(max(len(one["user_agent"]) for one in listed(phone)), 256, "of a long name 256 characters are kept", long)
broken = Client().post("/login", json={"username": user.username, "password": PASSWORD},
                       headers={"User-Agent": "bro\xffken \"<b>\""})
same(broken.status, 200, "a name of broken UTF-8 logs in")
check(any(one["user_agent"].startswith("bro") for one in listed(phone)), "and is listed")

# --- ending

stranger, other = signed_in()
answer = other.delete(f"/sessions/{current(phone)}")
same((answer.status, answer.error), (404, "not_found"), "somebody else's session is 404", answer)
same(statuses(phone), {200}, "and goes on")
ended = Client(login(user))
gone = current(ended)
same(ended.get("/profile").status, 200, "a session is cached")
psql(f"DELETE FROM mayfly.session WHERE id = '{gone}'")
if check(ended.get("/profile").status == 200, "a worker that ended it and died before it told the cache leaves a copy"):
    same((phone.delete(f"/sessions/{gone}").status, ended.get("/profile").status), (404, 401),
         "who ends it again is told 404, and the copy is gone")
unknown = other.delete(f"/sessions/{uuid.uuid4()}")
same(unknown.body, answer.body, "just as one that never was")
for bad in ("x", "%00", "..", "1" * 36, f"{current(phone)}0", "%7B" + current(phone) + "%7D"):
    answer = other.delete(f"/sessions/{bad}")
    check(answer.status in (400, 404, 405), f"/sessions/{bad[:8]} is none", answer)
same(phone.delete(f"/sessions/{current(laptop)}").status, 204, "my own laptop's I end")
same(statuses(laptop), {401}, "and no worker knows it any more")
check(all(one["user_agent"] != "laptop" for one in listed(phone)), "nor the list")
same(other.post(f"/sessions/{current(third)}/end").status, 404, "POST …/end reaches no one else's either")
same(phone.post(f"/sessions/{current(third)}/end").status, 204, "and mine without a form as well")
same(statuses(third), {401}, "with the same end")
more = [Client(login(user)) for _ in range(4)]
answer = phone.delete("/sessions")
check(answer.status == 200 and answer.json()["ended"] >= 4, "DELETE /sessions ends all others and counts them", answer)
same((statuses(phone), {status for client in more for status in statuses(client)}), ({200}, {401}),
     "those and not this one")
same(phone.delete("/sessions").json(), {"ended": 0}, "then there are none")
same(statuses(other), {200}, "nobody else lost one")
more = Client(login(user))
same((phone.post("/sessions/end-others").json(), statuses(more)), ({"ended": 1}, {401}), "POST /sessions/end-others alike")
same(phone.delete(f"/sessions/{current(phone)}").status, 204, "one may end one's own")
same(statuses(phone), {401}, "and is out")
same(phone.post("/logout").status, 401, "out twice is 401")
token = login(user)
same((Client(token).post("/logout").json(), statuses(Client(token))), ({}, {401}), "POST /logout is for every worker")
gone = Client(login(user))
gone_id = current(gone)
gone.put("/session/data", json={"a": 1})
gone.post("/logout")
same(psql(f"SELECT (SELECT count(*) FROM mayfly.session WHERE id = '{gone_id}'),"
          f" (SELECT count(*) FROM mayfly.session_data WHERE session_id = '{gone_id}')"), "0|0", "with its data")

client = Client(login(user))
client.get("/profile")
psql(f"UPDATE mayfly.account SET disabled = true WHERE id = '{user.id}'")
time.sleep(6)  # by hand, so nobody told the cache: cache_fresh_s
same(statuses(client), {401}, "a disabled account's sessions are no good")
same(try_login(user.username).status, 401, "and it logs in no more")
psql(f"UPDATE mayfly.account SET disabled = false WHERE id = '{user.id}'")

# --- seen_at

user, client = signed_in()
with settings(session_idle_s=160):  # written once in a twentieth of it: 8 s are enough for 200 requests on a busy machine
    client = Client(login(user))
    ask = f"SELECT date_part('epoch', seen_at), xmin FROM mayfly.session WHERE id = '{current(client)}'"
    first, written = psql(ask).split("|")
    for _ in range(200):
        client.get("/profile")
    again = psql(ask).split("|")
    same(again[1], written, "200 requests at once do not write seen_at", first, again)
with settings(session_idle_s=8):
    client = Client(login(user))
    ask = f"SELECT date_part('epoch', seen_at), xmin FROM mayfly.session WHERE id = '{current(client)}'"
    first = psql(ask).split("|")[0]
    until = time.monotonic() + 7
    while time.monotonic() < until:
        client.get("/profile")
        time.sleep(0.5)
    later = float(psql(ask).split("|")[0])
    check(later - float(first) >= 2, "but use is noted in time", first, later)
    time.sleep(4)
    same(statuses(client), {200}, "so that a session in use is not idle")

# --- how many

with settings(sessions_per_account=5):
    crowd = new_user()
    clients = []
    for index in range(5):
        clients.append(Client(login(crowd)))
        time.sleep(0.02)
    same({client.get("/profile").status for client in clients}, {200}, "five sessions are allowed: five are good")
    last = Client(login(crowd))
    same([client.get("/profile").status for client in (*clients, last)], [401, 200, 200, 200, 200, 200],
         "the sixth ends the one that was unused the longest")
    most = 0
    for _ in range(12):
        with ThreadPoolExecutor(8) as pool:
            tokens = list(pool.map(lambda _: login(crowd), range(24)))
        most = max(most, int(psql(f"SELECT count(*) FROM mayfly.session WHERE account_id = '{crowd.id}'")))
    same(most, 5, "parallel log-ins do not get past the limit")
    same(sum(Client(token).get("/profile").status == 200 for token in tokens), 5, "five of the last are good")

# --- how long

LIMITS = {"session_idle_s": 1000, "session_absolute_s": 2000, "remember_idle_s": 3000, "remember_absolute_s": 4000}


def limits(user):
    """Idle and absolute seconds of the ordinary session and of the remembered one."""
    return psql("SELECT date_part('epoch', idle), date_part('epoch', expires_at - created_at) FROM mayfly.session "
                f"WHERE account_id = '{user.id}' ORDER BY remember").split()


def max_age(answer):
    found = re.search(r"; Max-Age=(\d+)$", answer.cookies[0])
    return found and int(found.group(1))


def later(unused_s, age_s):
    """What an ordinary session and a remembered one are answered that were last used and made so long ago."""
    user = new_user()
    clients = [Client(login(user)), Client(login(user, remember=True))]
    psql(f"UPDATE mayfly.session SET seen_at = seen_at - interval '{unused_s} s', created_at = created_at - interval '{age_s} s', "
         f"expires_at = expires_at - interval '{age_s} s' WHERE account_id = '{user.id}'")
    return [client.get("/profile").status for client in clients]


user = new_user()
with settings(**LIMITS):
    ordinary, remembered = try_login(user.username), try_login(user.username, remember=True)
    same(limits(user), ["1000|2000", "3000|4000"], "a session that is remembered has its own idle and absolute time")
    same(max_age(ordinary), None, "an ordinary one's cookie lasts until the browser ends")
    check(max_age(remembered) and 3900 < max_age(remembered) <= 4000, "the other's until its absolute time", remembered.cookies)
    client = Client(remembered.token)
    ends = [datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["seen_at"]) for one in listed(client)]
    same(sorted(one.total_seconds() for one in ends), [1000, 3000], "and each is listed with its own end")
    ask = f"SELECT remember, idle, expires_at FROM mayfly.session WHERE account_id = '{user.id}' ORDER BY remember"
    before = psql(ask)
    answer = client.post("/password", json={"current": PASSWORD, "new": "eleven herons on one leg", "end_others": False})
    same((answer.status, psql(ask)), (200, before), "a change of the password leaves it remembered and moves no end", answer)
    check(max_age(answer) and 3900 < max_age(answer) <= 4000, "nor its cookie's", answer.cookies)
    for unused_s, age_s, wanted in ((990, 990, [200, 200]), (1010, 1010, [401, 200]), (2990, 2990, [401, 200]),
                                    (3010, 3010, [401, 401]), (0, 1990, [200, 200]), (0, 2010, [401, 200]),
                                    (0, 3990, [401, 200]), (0, 4010, [401, 401])):
        same(later(unused_s, age_s), wanted,
             f"an ordinary session and a remembered one, made {age_s} s ago and unused for {unused_s} s, are answered {wanted}")

# --- tokens

crowd = new_user()


def logins(count):
    client = Client()
    fields = {"username": crowd.username, "password": PASSWORD}
    return [client.post("/login", json=fields).token for _ in range(count)]


def raw_token(token):
    return base64.urlsafe_b64decode(token[4:] + "=" * (-len(token[4:]) % 4))


with ThreadPoolExecutor(8) as pool:
    tokens = sum(pool.map(logins, [125] * 8), [])
same(len(set(tokens)), 1000, "1000 log-ins have 1000 tokens")
check(all(TOKEN.match(token) for token in tokens), "all of one form", tokens[0])
raw = [raw_token(token) for token in tokens]
parts = [bytes_[16:] for bytes_ in raw]
check(all(len(part) >= 32 for part in parts), "with 256 bits of secret", len(parts[0]))
same(len(set(parts)), 1000, "all secrets differ")
weak = [position for position in range(len(parts[0]) * 8)
        if not 400 <= sum(part[position // 8] >> position % 8 & 1 for part in parts) <= 600]
same(weak, [], "each bit of which is set in about half of them")
ids = {uuid.UUID(bytes=bytes_[:16]) for bytes_ in raw}
check(len(ids) == 1000 and {one.version for one in ids} == {7}, "and ids ordered by time")
# Of the thousand only a hundred live, and threads end in any order: these two certainly do.
alive = [login(crowd) for _ in range(2)]
same({Client(token).get("/profile").status for token in alive}, {200}, "whole tokens are good")
stolen = bytearray(raw_token(alive[0]))
survived = []
for position in range(0, len(stolen), 3):
    changed = bytearray(stolen)
    changed[position] ^= 1
    text = "mfs_" + base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
    survived.append(Client(text).get("/profile").status)
same(set(survived), {401}, "one bit off is dead", survived)
mixed = raw_token(alive[0])[:16] + raw_token(alive[1])[16:]
same(Client("mfs_" + base64.urlsafe_b64encode(mixed).decode().rstrip("=")).get("/profile").status, 401,
     "one's id with another's secret is dead")
stored = psql(f"SELECT string_agg(encode(secret_hash, 'hex'), ',') FROM mayfly.session WHERE account_id = '{crowd.id}'")
check(len(stored) > 60 and not any(part.hex() in stored for part in parts), "the database has none of the secrets")
same(int(psql(f"SELECT count(*) FROM mayfly.session WHERE account_id = '{crowd.id}'")), 100,
     "and no more sessions of one account than 100")
invented = "mfs_" + "A" * 64
answer = Client(cookie=f"mayfly={invented}").post("/login", form={"username": crowd.username, "password": PASSWORD})
check(answer.status == 200 and answer.token != invented, "an invented token is never taken over", answer)
before = Client(cookie=f"mayfly={alive[0]}")
good_before = before.get("/profile").status
csrf = before.get("/login", headers={"Accept": "text/html"}).text.partition('name="csrf" value="')[2].partition('"')[0]
answer = before.post("/login", form={"username": crowd.username, "password": PASSWORD, "csrf": csrf})
same((good_before, answer.status, answer.token != alive[0], Client(alive[0]).get("/profile").status),
     (200, 200, True, 401), "a log-in over a session ends that one", answer, f"csrf {csrf!r}")
done()
