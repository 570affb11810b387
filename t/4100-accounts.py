#!/usr/bin/python3
"""Accounts: which names and passwords are accepted, how they are changed, and that no answer reveals another account."""

import secrets
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import (PAGE, PASSWORD, SCRATCH, Client, check, done, login, new_name, new_user, psql, same, settings,
                    signed_in, try_login)

GUEST = Client()
WRONG = "not it at all, sorry"


def register(**fields):
    return GUEST.post("/register", json={"password": PASSWORD, **fields})


def refused(answer, field, promise):
    same((answer.status, answer.error, answer.status == 422 and answer.json().get("field")),
         (422, "unprocessable", field), promise, answer)


# --- registering

name = new_name()
answer = register(username=name, email=f"{name}@example.org", name="Ann Ö. Lamp")
same(answer.status, 201, "JSON registers", answer)
user = answer.json()["user"]
same((user["username"], user["email"], user["name"], user["groups"]), (name, f"{name}@example.org", "Ann Ö. Lamp", []),
     "and answers the profile")
check("password" not in answer.text and "argon2" not in answer.text, "in which nothing of the password is")
same(register(email=f"{new_name()}@example.org").status, 201, "an e-mail address is enough")
same(register(username=new_name()).status, 201, "a name is enough")
refused(register(), "username", "neither is not")
same(register(username=new_name("ä名")).status, 201, "a name may be in any script")
for spelling in (name, name.upper(), name.replace("u", "\uff55", 1)):
    answer = register(username=spelling)
    same((answer.status, answer.error), (409, "conflict"), f"{ascii(spelling)} is taken by {name}", answer)
answer = register(username=new_name(), email=f"{name.upper()}@EXAMPLE.org")
same((answer.status, answer.error), (409, "conflict"), "so is an e-mail address, however written", answer)
for bad in ("", "a b", "a@b", "x" * 65, "tab\there", "a<b", "line\nbreak", "nul\x00"):
    answer = register(username=bad)
    if bad == "nul\x00":
        check(answer.status in (400, 422), "a NUL in a name is refused", answer)
    else:
        refused(answer, "username", f"{bad[:12]!r} can't be a name")
for bad in ("nobody", "@", "a@", "@b", "a b@c.de", "x" * 250 + "@c.de", "a@b\r\nBcc: c"):
    refused(register(username=new_name(), email=bad), "email", f"{bad[:16]!r} can't be an e-mail address")
refused(register(username=new_name(), name="x" * 201), "name", "a display name has at most 200 characters")
refused(register(username=7), "username", "a number can't be a name")
refused(register(username=new_name(), password=None), "password", "there must be a password")
refused(register(username=new_name(), password=["a", "b"]), "password", "that is a string")

for what, bad in (("a full-width @", "x\uff20y.org"), ("a small @", "x\ufe6by.org"), ("a no-break space", "x\u00a0y"),
                  ("an ideographic space", "x\u3000y"), ("a full-width slash", "x\uff0fy"), ("a line separator", "x\u2028y"),
                  ("a change of direction", "\u202ex"), ("a zero-width space", "\u200bx"), ("a byte order mark", "\ufeffx")):
    refused(register(username=bad[:1] + new_name() + bad[1:]), "username", f"{what} can't be in a name")
mail = f"{new_name()}@example.org"
new_user(email=mail)
squatter = register(username=mail.replace("@", "\uff20"), password="eleven herons on one leg")
same((try_login(mail).status, try_login(mail, "eleven herons on one leg").status), (200, 401),
     "nobody takes an e-mail address over by a name that looks like it", squatter)

answer = GUEST.post("/register", form={"username": new_name(), "password": PASSWORD}, headers={"Accept": PAGE})
same((answer.status, answer.headers.get("location", "").split("?")[0]), (303, "/login"), "a browser goes on to /login", answer)

# --- passwords

for bad in ("", "seven77", "password", "password1", "12345678", "qwertyuiop", "aaaaaaaaaaaa", "iloveyou1", "letmein123"):
    refused(register(username=new_name(), password=bad), "password", f"{bad!r} is too weak a password")
own = new_name()
refused(register(username=own, password=own), "password", "one's own name is no password")
for good in ("quietgreenlampsburn", "x" + secrets.token_hex(31) + "y", "Ünïcödé fünf Störche", secrets.token_urlsafe(40), "  leading and trailing  "):
    somebody = new_name()
    same(register(username=somebody, password=good).status, 201, f"{good[:20]!r} ({len(good)} characters) is a good one")
    same(try_login(somebody, good).status, 200, f"and logs in: {good[:20]!r}")
somebody = new_name()
long = secrets.token_hex(32)
register(username=somebody, password=long)
for what, near in (("without its last character", long[:-1]), ("with another last character", long[:-1] + "_"),
                   ("in upper case", long.upper()), ("with a space behind", long + " ")):
    same(try_login(somebody, near).status, 401, f"a password {what} is another")
same(register(username=new_name(), password=secrets.token_hex(3000)).status, 422, "6000 characters are too many")
same(try_login(somebody, "x" * 60000).status, 401, "and log nobody in")

# --- logging in

user = new_user(email=f"{new_name()}@example.org")
same(try_login(user.email).status, 200, "the e-mail address logs in as well")
same(try_login(user.username.upper()).status, 200, "the name in upper case too")
wrong, unknown = try_login(user.username, WRONG), try_login(new_name(), WRONG)
same((wrong.status, wrong.error), (401, "unauthorized"), "a wrong password is 401")
same(unknown.body, wrong.body, "an unknown user is told the same, byte for byte")
same(sorted(set(unknown.headers) ^ set(wrong.headers)), [], "with the same headers")
check("set-cookie" not in wrong.headers, "and no cookie is touched")


def seconds(who, word):
    began = time.monotonic()
    try_login(who, word)
    return time.monotonic() - began


cheap = min(seconds(user.username, WRONG) for _ in range(10))
# The stack's passwords cost next to nothing. Dearer ones take most of a log-in's time, so one that is not hashed stands out.
with settings(password_memory_kib=16384, password_passes=2):
    known, disabled = new_user(), new_user()
    psql(f"UPDATE mayfly.account SET disabled = true WHERE id = '{disabled.id}'")
    same(try_login(disabled.username).body, wrong.body, "nor is a disabled one told that his password is right")
    times = {"a wrong password": [], "an unknown user": [], "a disabled one": []}
    for _ in range(15):
        times["a wrong password"].append(seconds(known.username, WRONG))
        times["an unknown user"].append(seconds(new_name(), WRONG))
        times["a disabled one"].append(seconds(disabled.username, PASSWORD))
medians = {what: statistics.median(times[what]) for what in times}
check(medians["a wrong password"] > 3 * cheap, "most of a log-in's time is hashing", cheap, medians)
check(max(medians.values()) < 1.5 * min(medians.values()), "which an unknown user and a disabled one cost as well", medians)
for field in ("username", "password"):
    answer = GUEST.post("/login", json={"username": user.username, "password": PASSWORD, field: ""})
    refused(answer, field, f"a log-in without {field} is 422")
for who in ("admin", "root", "mayfly", "postgres"):
    check(all(try_login(who, word).status == 401 for word in ("admin", "password", who, "mayfly")),
          f"there is no account {who} that anybody could guess")

crowd = [new_user() for _ in range(4)]
with settings(password_passes=3):
    for one in crowd:
        deadlocks = (SCRATCH / "log/postgres.log").read_text().count("deadlock detected")
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: try_login(one.username), range(12)))
        same({answer.status for answer in answers}, {200}, "12 log-ins at once, after passwords became dearer, all succeed",
             *[answer for answer in answers if answer.status != 200])
        same((SCRATCH / "log/postgres.log").read_text().count("deadlock detected") - deadlocks, 0, "without a deadlock")
    hashes = psql(f"SELECT string_agg(password_hash, ' ') FROM mayfly.account WHERE id IN ({','.join(repr(one.id) for one in crowd)})")
    same(hashes.count(",t=3,"), 4, "each password is kept at the new cost")
    same(try_login(user.username).status, 200, "one that was not is good as well")
same(try_login(crowd[0].username).status, 200, "and so it is when the cost goes down again")

# --- the profile

user, client = signed_in(email=f"{new_name()}@example.org")
answer = client.patch("/profile", json={"name": "Ann"})
same((answer.status, answer.json()["name"], answer.json()["email"]), (200, "Ann", user.email), "PATCH changes what it names")
check(all(client.get("/profile").json()["name"] == "Ann" for _ in range(12)), "and every worker sees it at once")
same(client.patch("/profile", json={"name": None}).json()["name"], "", "null empties the name")
same(client.patch("/profile", json={"email": user.email, "name": "Ann"}).status, 200, "the same e-mail address is no change")
new_mail = f"{new_name()}@example.org"
for given, promise in (({}, "no password"), ({"password": ""}, "an empty password"), ({"password": "not it at all"}, "a wrong one"),
                       ({"password": None}, "null for one")):
    answer = client.patch("/profile", json={"email": new_mail, "name": "half", **given})
    same((answer.status, answer.error, answer.json().get("field")), (403, "forbidden", "password"),
         f"another e-mail address with {promise} is 403", answer)
    check("password" in answer.json()["detail"], "which says what is wanted", answer)
same([client.get("/profile").json()[member] for member in ("email", "name")], [user.email, "Ann"], "and nothing is changed")
same(client.patch("/profile", json={"email": None}).status, 403, "nor is it removed without the password")
answer = client.patch("/profile", json={"email": new_mail, "password": PASSWORD})
same((answer.status, answer.json().get("email")), (200, new_mail), "with the password it is changed")
same((try_login(user.email).status, try_login(new_mail).status), (401, 200), "and logs in from then on")
same(client.patch("/profile", json={"email": None, "password": PASSWORD}).json()["email"], None, "null removes the e-mail address")
same(try_login(new_mail).status, 401, "which then logs in no more")
form_client = Client(cookie=f"mayfly={client.token}")
page = form_client.get("/account", headers={"Accept": PAGE})
csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
for typed, status, promise in (("", 403, "without"), ("wrong", 403, "with a wrong"), (PASSWORD, 303, "with the")):
    answer = form_client.post("/profile", form={"csrf": csrf, "name": "Ann", "email": new_mail, "password": typed},
                              headers={"Accept": PAGE})
    same(answer.status, status, f"the page's form {promise} password is {status}", answer)
    if status == 403:
        check('id="confirmation"' in answer.text and 'aria-invalid="true"' in
              answer.text.partition('id="confirmation"')[2].partition(">")[0] and f'value="{new_mail}"' in answer.text,
              "the form is shown again with what was typed, and the field that is meant", answer)
same(form_client.post("/profile", form={"csrf": csrf, "name": "Ann B", "email": new_mail, "password": ""},
                      headers={"Accept": PAGE}).status, 303, "a form that keeps the address needs none")
same(client.patch("/profile", body='{"name":"Merged"}', headers={"Content-Type": "application/merge-patch+json"})
     .json()["name"], "Merged", "a merge patch may be called one")
same(client.patch("/profile", json={}).status, 200, "an empty patch is good")
for field, value in (("id", "1"), ("username", "x"), ("groups", ["admin"]), ("created_at", "now"), ("disabled", False),
                     ("password", PASSWORD), ("nonsense", 1)):
    refused(client.patch("/profile", json={"name": "half", field: value}), field, f"PATCH can't change {field}")
same(client.get("/profile").json()["name"], "Merged", "and a refused patch changes nothing")
taken = new_user(email=f"{new_name()}@example.org")
answer = client.patch("/profile", json={"email": taken.email.upper(), "password": PASSWORD})
same((answer.status, answer.error), (409, "conflict"), "another's e-mail address is 409", answer)
refused(client.patch("/profile", json={"email": "nobody"}), "email", "a malformed one is 422")
refused(client.patch("/profile", json={"name": 5}), "name", "a number is no name")
mail_only = register(email=f"{new_name()}@example.org").json()["user"]
mail_client = Client(try_login(mail_only["email"]).token)
answer = mail_client.patch("/profile", json={"email": None, "password": PASSWORD})
check(answer.status in (409, 422), "who has no name keeps the e-mail address", answer)
evil = "<script>alert(1)</script>\"'&"
client.patch("/profile", json={"name": evil})
same(client.get("/profile").json()["name"], evil, "a name of HTML is kept as it is")
page = Client(cookie=f"mayfly={client.token}").get("/account", headers={"Accept": PAGE})
check(page.status == 200 and "<script>alert" not in page.text and "&lt;script&gt;" in page.text, "and escaped on the page")

# --- a new password

user, client = signed_in()
other = Client(login(user))
old, new = client.token, "eleven herons on one leg"
answer = client.post("/password", json={"current": "not it at all, sorry", "new": new})
same((answer.status, answer.error, answer.json()["field"]), (403, "forbidden", "current"), "a new password needs the current one", answer)
refused(client.post("/password", json={"new": new}), "current", "and not without it")
refused(client.post("/password", json={"current": PASSWORD, "new": "password1"}), "new", "a weak one is refused")
refused(client.post("/password", json={"current": PASSWORD, "new": PASSWORD}), "new", "and the old one again")
form_client = Client(cookie=f"mayfly={client.token}")
csrf = form_client.get("/account", headers={"Accept": PAGE}).text.partition('name="csrf" value="')[2].partition('"')[0]
for wrong, fields in (("current", {"current": WRONG, "new": new}), ("new", {"current": PASSWORD, "new": "password1"})):
    answer = form_client.post("/password", form={"csrf": csrf, **fields}, headers={"Accept": PAGE, "Sec-Fetch-Site": "same-origin"})
    inputs = {one: 'aria-invalid="true"' in answer.text.partition(f'id="{one}"')[2].partition(">")[0] for one in ("current", "new")}
    same(inputs, {"current": wrong == "current", "new": wrong == "new"}, f"and the page's form shows that it is {wrong}", answer.status)
same((client.get("/profile").status, other.get("/profile").status), (200, 200), "none of which ended a session")
client.put("/session/data", json={"cart": 1})
answer = client.post("/password", json={"current": PASSWORD, "new": new})
same(answer.status, 200, "the right one is taken", answer)
client.token = answer.token
check(client.token and client.token != old, "the session has a new token")
same(client.get("/profile").status, 200, "which is good")
same(Client(old).get("/profile").status, 401, "the old one is dead")
same(other.get("/profile").status, 401, "so are the other sessions")
same(client.get("/session/data").json(), {"cart": 1}, "the session's data moved along")
same((try_login(user.username).status, try_login(user.username, new).status), (401, 200), "only the new password logs in")
user.password = new
other = Client(login(user))
answer = client.post("/password", json={"current": new, "new": PASSWORD, "end_others": False})
same((answer.status, other.get("/profile").status), (200, 200), "with end_others false the others go on")
client.token = answer.token

# --- closing

same(client.delete("/profile", json={"password": "not it at all, sorry"}).status, 403, "closing needs the password")
refused(client.delete("/profile"), "password", "and not without")
client.put("/profile/data", json={"mine": 1})
same(client.delete("/profile", json={"password": PASSWORD}).status, 204, "with it the account is closed")
same((client.get("/profile").status, other.get("/profile").status), (401, 401), "all its sessions end")
same(try_login(user.username).status, 401, "nobody logs in")
same(psql(f"SELECT (SELECT count(*) FROM mayfly.session WHERE account_id = '{user.id}'),"
          f" (SELECT count(*) FROM mayfly.profile_data WHERE account_id = '{user.id}'),"
          f" (SELECT count(*) FROM mayfly.account WHERE id = '{user.id}' AND (closing_at IS NULL OR username IS NOT NULL OR email IS NOT NULL))"),
     "0|0|0", "nothing of it is left but a row without a name, which the sweeper takes")
answer = register(username=user.username)
same(answer.status, 201, "and the name is free again")
check(answer.json()["user"]["id"] != user.id, "for somebody else")

# --- what was never written down

told = {}
with settings(log_level="debug"):  # says most
    secret = f"secret {secrets.token_hex(12)} lamp"
    user, client = signed_in(password=secret)
    told["password"] = secret
    told["token"] = client.token
    try_login(user.username, told.setdefault("wrong password", f"wrong {secrets.token_hex(12)}"))
    cookie = Client(cookie=f"mayfly={client.token}")
    told["form token"] = cookie.get("/account", headers={"Accept": PAGE}).text.split('name="csrf" value="')[1].split('"')[0]
    told["new password"] = f"secret {secrets.token_hex(12)} lamps"
    told["idempotency key"] = secrets.token_hex(12)
    answer = client.post("/password", json={"current": secret, "new": told["new password"]},
                         headers={"Idempotency-Key": told["idempotency key"]})
    told["new token"] = answer.token
    told["query"] = secrets.token_hex(12)
    GUEST.get(f"/profile?token={told['query']}")
    told["JSON"] = secrets.token_hex(12)
    GUEST.post("/login", body='{"password":"' + told["JSON"], headers={"Content-Type": "application/json"})
    # As a parser would quote it: short, and of letters only.
    told["unquoted JSON"] = secrets.token_hex(6).translate(str.maketrans("0123456789", "ghijklmnop"))
    GUEST.post("/login", body='{"password":' + told["unquoted JSON"] + "}", headers={"Content-Type": "application/json"})
time.sleep(1.5)  # nginx writes its log each second
logs = {path.name: path.read_text(errors="replace") for path in (SCRATCH / "log").glob("*.log")}
check(len(logs) >= 6 and any("request_id" in text for text in logs.values()), "there are logs", sorted(logs))
for what, value in told.items():
    forms = [value, value.replace(" ", "+"), value.replace(" ", "%20")]
    same([name for name, text in logs.items() if any(form in text for form in forms)], [], f"no log has the {what}")
done()
