#!/usr/bin/python3
"""
Keys by which programs come: what one opens is what its scopes say and nothing else, by Bearer and as a password of Basic; it ends at
once with its revocation, its time and its account, also beside a copy; only somebody who has just logged in makes one.
"""

import base64
import hashlib
import json
import re
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import reference
from mayfly import CHECKOUT, PAGE, PASSWORD, SCRATCH, Client, check, done, login, new_user, psql, same, settings, signed_in
from memcached import Item, Memcached, is_sealed, key_of, raw, session_id, wrong_secret

ALL = ["gate", "data", "files", "password"]
BROWSER = {"Accept": PAGE}
NOBODY = "01900000-0000-7000-8000-000000000000"
MARK = f"k{secrets.token_hex(4)}"
KEY_ITEM = 4  # store/session_cache.c
cache = Memcached()


def ctl(*words):
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def made(client, *scopes, **fields):
    answer = client.post("/keys", json={"name": "a robot", "scopes": scopes or ALL, **fields})
    if answer.status != 201:
        raise RuntimeError(f"POST /keys answers {answer}")
    return answer.json()["key"]


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def listed(client):
    return client.get("/keys").json()["keys"]


def refused(promise, answer, status, words):
    check(answer.status == status and answer.error and re.search(words, answer.json()["detail"]), promise, answer)


# --- one key


def check_making(user, client):
    answer = client.post("/keys", json={"name": "backup", "scopes": ["files", "data"], "expires_in": 3600})
    key = answer.json().get("key", "")
    check(answer.status == 201 and re.fullmatch(r"mfk_[A-Za-z0-9_-]{64}", key), "a key is made", answer)
    row = psql(f"SELECT encode(secret_hash, 'hex'), row_to_json(key) FROM mayfly.key WHERE id = '{session_id(key)}'")
    check(row.startswith(hashlib.blake2b(raw(key)[16:], digest_size=32).hexdigest()) and key[4:] not in row, "and kept as a hash of its secret", row)
    one = listed(client)[0]
    same({name: one[name] for name in ("id", "name", "scopes", "sites", "seen_at", "expires_at")},
         {"id": answer.json()["id"], "name": "backup", "scopes": ["data", "files"], "sites": None, "seen_at": None,
          "expires_at": answer.json()["expires_at"]}, "its account sees it, and that nobody has used it")
    check(key not in client.get("/keys").text and key not in client.get("/account", headers=BROWSER).text, "it is shown once")
    robot = Client(key)
    same(robot.put("/profile/data", json={"by": "robot"}).status, 200, "it writes the account's document")
    same(client.get("/profile/data").json(), {"by": "robot"}, "which is the account's")
    first = listed(client)[0]["seen_at"]
    check(first is not None, "its use is noted", listed(client))
    before = psql(f"SELECT xmin FROM mayfly.key WHERE id = '{session_id(key)}'")
    cache.delete(key_of(key))
    for _ in range(5):
        robot.get("/profile/data")
    same(psql(f"SELECT xmin FROM mayfly.key WHERE id = '{session_id(key)}'"), before, "and not written again at each use, with a copy or without")
    file = robot.post("/upload?name=a.txt", body=b"by a robot")
    same((file.status, client.get(f"/files/{file.json().get('id')}").body), (201, b"by a robot"), "it uploads for the account", file)
    same([robot.get(f"/files/{file.json()['id']}").body, robot.delete(f"/files/{file.json()['id']}").status], [b"by a robot", 403],
         "reads it, and may not delete it")
    fields, headers = {"name": "twice", "scopes": ["gate"]}, {"Idempotency-Key": secrets.token_hex(8)}
    once, again = (client.post("/keys", json=fields, headers=headers) for _ in range(2))
    same((again.json(), again.headers.get("idempotent-replayed")), (once.json(), "true"), "the same request again has the same key", again)


def check_who_makes(user, client):
    robot = Client(made(client))
    refused("a key makes no key", robot.post("/keys", json={"name": "x", "scopes": ["gate"]}), 403, "a key can't do this; log in")
    same([robot.get("/keys").status, robot.delete(f"/keys/{session_id(robot.token)}").status], [403, 403], "sees none and revokes none")
    old = Client(login(user))
    psql(f"UPDATE mayfly.session SET created_at = now() - interval '601 s' WHERE id = '{session_id(old.token)}'")
    refused("nor does a session of before", old.post("/keys", json={"name": "x", "scopes": ["gate"]}), 403, "within 10 minutes after a log-in; log in again")
    page = old.get("/account", headers=BROWSER).text
    check('action="/keys"' not in page and "log in again" in page, "to whom the page says so", page)
    changed = Client(old.post("/password", json={"current": PASSWORD, "new": "eleven herons on one leg", "end_others": False}).token)
    same(changed.post("/keys", json={"name": "x", "scopes": ["gate"]}).status, 201, "a change of the password is a proof as well")
    same(robot.get("/profile/data").status, 200, "and keys outlive it")
    for what, fields, field in (("no name", {"scopes": ["gate"]}, "name"), ("an empty name", {"name": "", "scopes": ["gate"]}, "name"),
                                ("a long name", {"name": "a" * 61, "scopes": ["gate"]}, "name"), ("a bell in its name", {"name": "a\a", "scopes": ["gate"]}, "name"),
                                ("no scope", {"name": "x"}, "scopes"), ("an empty list of scopes", {"name": "x", "scopes": []}, "scopes"),
                                ("an unknown scope", {"name": "x", "scopes": ["gate", "root"]}, "scopes"), ("a scope as a text", {"name": "x", "scopes": "gate"}, "scopes"),
                                ("a scope that is a number", {"name": "x", "scopes": [1]}, "scopes"),
                                ("no time", {"name": "x", "scopes": ["gate"], "expires_in": 0}, "expires_in"),
                                ("more time than there may be", {"name": "x", "scopes": ["gate"], "expires_in": 31622401}, "expires_in"),
                                ("an unknown site", {"name": "x", "scopes": ["gate"], "sites": [f"{MARK}-none"]}, "sites"),
                                ("21 sites", {"name": "x", "scopes": ["gate"], "sites": ["a"] * 21}, "sites"), ("a site that is a number", {"name": "x", "scopes": ["gate"], "sites": [1]}, "sites"),
                                ("sites as an object", {"name": "x", "scopes": ["gate"], "sites": {}}, "sites")):
        answer = changed.post("/keys", json=fields)
        same((answer.status, answer.json().get("field")), (422, field), f"{what} is refused", answer)
    with settings(keys_per_account=len(listed(changed))):
        refused("there are keys_per_account of them", changed.post("/keys", json={"name": "x", "scopes": ["gate"]}), 409, "at most \\d+ keys; revoke one")
        psql(f"UPDATE mayfly.key SET expires_at = now() WHERE id = '{session_id(robot.token)}'")
        same(changed.post("/keys", json={"name": "x", "scopes": ["gate"]}).status, 201, "one that has ended makes room")


# --- what it opens


def check_scopes(client):
    """Each route, by its row in the table."""
    keys = {scope: Client(made(client, scope)) for scope in ALL}
    whole = Client(made(client))
    ids = {"{id}": NOBODY, "{link}": NOBODY, "{token}": "x" * 64}
    opened, odd = {scope: set() for scope in ALL}, []
    for method, path, need, rest in reference.table():
        found = re.search(r"KEY_OF_(\w+)", rest)
        place = re.sub(r"\{\w+\}", lambda one: ids[one[0]], path)
        if need == "NOTHING" or "AT_SITE" in rest:
            continue
        for scope, robot in (*keys.items(), ("whole", whole)):
            if need == "KEY":  # a site's own, which no account's is
                answer = robot.request(method, place)
                odd += [f"{method} {path} by {scope}: {answer}"] if answer.status != 401 else []
                continue
            may = found is not None and scope in ("whole", found[1].lower())
            answer = robot.request(method, place, headers={"Tus-Resumable": "1.0.0"})
            if (answer.status == 403) == may or answer.status == 401 or (method != "HEAD" and not may and answer.error != "forbidden"):
                odd.append(f"{method} {path} by {scope}: {answer}")
            if may and scope != "whole":
                opened[scope].add((method, path))
    same(odd, [], "a route opens to the scope of its row, and to no other key; what is for keys of sites, to none of an account")
    check(("GET", "/profile/data") in opened["data"] and {("POST", "/upload"), ("GET", "/files/{id}"), ("PATCH", "/uploads/{id}")} <= opened["files"],
          "which are the documents of the account, uploads and downloads", opened)
    check(not any("/session" in path or "/sessions" in path or "/link" in path for one in opened.values() for _, path in one),
          "and no session's documents, and no links", opened)
    refused("it is told what it lacks", keys["gate"].get("/profile/data"), 403, "it does not have the scope data")
    refused("and where no key will do", keys["gate"].get("/profile"), 403, "a key can't do this; log in")
    for path in ("/account", "/", "/files", "/nothing"):
        answer = whole.get(path, headers=BROWSER)
        check("csrf" not in answer.text and "text/html" not in answer.headers["content-type"], f"no page for a program: {path}", answer)
    same(whole.post("/profile", form={"name": "x"}, headers=BROWSER).status, 403, "not of a form that is refused either")


def check_basic(user, client):
    key, plain = made(client, "password", "data"), made(client, "data", "files")
    robot = Client()
    for name in (user.username, user.username.upper(), user.email):
        answer = robot.get("/profile/data", headers=basic(name, key))
        check(answer.status == 200 and not answer.pool.startswith("password"), f"as the password of {name}", answer)
    same(robot.get("/profile/data", headers=basic(f"ann:{user.username}", key)).status, 401, "a name ends with the first colon")
    for name in ("somebody", ""):
        refused(f"of '{name}' it is none", robot.get("/profile/data", headers=basic(name, key)), 401, "revoked, has expired, or is none of this name")
    refused("one without the scope is no password", robot.get("/profile/data", headers=basic(user.username, plain)), 403, "no app password")
    same(robot.get("/files", headers=basic(user.username, key)).status, 403, "and an app password has its scopes")
    before = psql("SELECT count(*) FROM mayfly.attempt")
    same(robot.get("/profile/data", headers=basic(user.username, PASSWORD)).status, 401, "the account's own password is none here")
    cookie = {"Cookie": f"mayfly={client.token}"}
    same([robot.get("/profile", headers={**basic("staff", "of a staging site"), **cookie}).status,
          robot.get("/profile", headers={**basic(user.username, wrong_key(key)), **cookie}).status,
          robot.get("/profile", headers={"Authorization": f"Bearer {wrong_key(key)}", **cookie}).status,
          robot.get("/profile", headers={"Authorization": "Bearer mfk_", **cookie}).status], [200, 401, 401, 401],
         "Basic of somebody else leaves the cookie alone; a key hides it, however bad it is")
    same(psql("SELECT count(*) FROM mayfly.attempt"), before, "none of this was counted as a password that was tried")
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        answer = robot.put("/profile/data", json={}, headers={**basic(user.username, key), "Sec-Fetch-Site": site})
        same(answer.status, status, f"a browser that sends it by itself, {site}", answer)
    same(robot.put("/profile/data", json={}, headers={**basic(user.username, key), "Origin": "https://evil.example"}).status, 403, "or another origin")
    same(robot.put("/profile/data", json={}, headers={"Authorization": f"Bearer {key}", "Origin": "https://evil.example"}).status, 200, "Bearer it does not")
    for text in ("Basic", "Basic ", "Basic !", "Basic " + "A" * 8000, "Basic " + base64.b64encode(b"\xff:" + key.encode()).decode(),
                 "Basic " + base64.b64encode(b"a\0:" + key.encode()).decode(), "Basic " + base64.b64encode(key.encode()).decode()):
        same(robot.get("/profile/data", headers={"Authorization": text}).status, 401, f"{text[:20]!r} is nobody")


def wrong_key(key):
    return "mfk_" + wrong_secret(key)[4:]


# --- what it is not


def check_forged(client):
    key = made(client, "data")
    for cached in (False, True):
        cache.delete(key_of(key))
        if cached:
            same(Client(key).get("/profile/data").status, 200, "a key has a copy")
            item = cache.get(key_of(key))
            check(item is not None and is_sealed(item) and Item.read(item).kind == KEY_ITEM, "of its own kind", item)
        else:
            psql(f"UPDATE mayfly.key SET seen_at = now() - interval '1 day' WHERE id = '{session_id(key)}'")
        before = psql(f"SELECT xmin FROM mayfly.key WHERE id = '{session_id(key)}'"), cache.get(key_of(key))
        what = "beside a copy" if cached else "without a copy"
        same([Client(wrong_key(key)).get("/profile/data").status, Client("mfs_" + key[4:]).get("/profile/data").status,
              Client("mfk_" + client.token[4:]).get("/profile/data").status], [401, 401, 401],
             f"another secret, a key as a session and a session as a key open nothing, {what}")
        same((psql(f"SELECT xmin FROM mayfly.key WHERE id = '{session_id(key)}'"), cache.get(key_of(key))), before, "and leave no trace")
    same([Client(key).get("/profile/data").status, client.get("/profile").status], [200, 200], "the key and the session are good all the while")
    for text in ("mfk_", "mfk_x", key[:-1], key + "A", key.replace("mfk_", "mfk-")):
        same(Client(text).get("/profile/data").status, 401, f"{text[:8]} of {len(text)} characters is none")
    log = "".join(path.read_text(errors="replace") for path in (SCRATCH / "log").glob("*.log"))
    check(re.search(rf'"event":"key_refused".*"key_id":"{session_id(key)}","reason":"unknown"', log) and key not in log,
          "the log has a line for each, by the key's id")


def check_statements(client):
    """With a copy at hand the database is not asked for it."""
    key, log = made(client, "files"), SCRATCH / "log" / "postgres.log"
    robot = Client(key)
    psql("ALTER SYSTEM SET log_statement = 'all'")
    psql("SELECT pg_reload_conf()")
    try:
        deadline = time.monotonic() + 10
        while (mark := secrets.token_hex(8)) and psql(f"SELECT '{mark}'") and mark not in log.read_text(errors="replace"):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        begin = log.stat().st_size

        def asked():
            return len(re.findall(r"execute \w+: SELECT k\.id, k\.secret_hash", log.read_bytes()[begin:].decode(errors="replace")))

        same((robot.get("/files").status, asked()), (200, 1), "the first use of a key asks the database for it")
        same(([robot.get("/files").status for _ in range(10)], asked()), ([200] * 10, 1), "ten more do not")
    finally:
        psql("ALTER SYSTEM SET log_statement = 'none'")
        psql("SELECT pg_reload_conf()")


# --- its end


def check_revoked(client):
    other = signed_in()[1]
    key = made(client, "data")
    same([other.delete(f"/keys/{session_id(key)}").status, other.delete("/keys/x").status, Client(key).get("/profile/data").status],
         [404, 404, 200], "nobody else revokes it")
    key = made(client, "data")  # of the other there is no copy after that
    id = session_id(key)
    begun, ended, stop = [], [], threading.Event()

    def use():
        robot = Client(key)
        while not stop.is_set():
            started = time.monotonic()
            begun.append((started, robot.get("/profile/data").status))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(begun) < 100:
        time.sleep(0.01)
    answer = client.delete(f"/keys/{id}")
    ended.append(time.monotonic())
    while not any(started > ended[0] for started, _ in list(begun)) or len(begun) < 200:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    same((answer.status, {status for started, status in begun if started > ended[0]}), (204, {401}),
         "once it is revoked no request opens anything, whatever copies there were", len(begun))
    check({200} <= {status for _, status in begun}, "and before, all did", len(begun))
    same([client.delete(f"/keys/{id}").status, id in [one["id"] for one in listed(client)]], [404, False], "it is gone")
    key = made(client, "data", expires_in=1)
    robot, until = Client(key), time.monotonic() + 10
    same(robot.get("/profile/data").status, 200, "a key for a second is good")
    while robot.get("/profile/data").status == 200 and time.monotonic() < until:
        time.sleep(0.1)
    refused("and ends by itself, also beside its copy", robot.get("/profile/data"), 401, "revoked, has expired")


def check_account():
    user, client = signed_in()
    robot = Client(made(client))
    same(robot.get("/profile/data").status, 200, "a key is good")
    same((ctl("user", "disable", user.username)[0], robot.get("/profile/data").status), (0, 401), "a disabled account's is dead at once")
    same(ctl("key", "add", user.username, "x", "--scopes", "gate")[0], 1, "and gets no further one")
    same((ctl("user", "enable", user.username)[0], robot.get("/profile/data").status), (0, 200), "and good again when it is enabled")
    client = Client(login(user))
    same((client.delete("/profile", json={"password": PASSWORD}).status, robot.get("/profile/data").status), (204, 401), "a closed account's is dead at once")
    same(psql(f"SELECT count(*) FROM mayfly.key WHERE id = '{session_id(robot.token)}'"), "0", "and gone")


# --- by hand


def check_page():
    user = new_user()
    browser = Client(cookie=f"mayfly={login(user)}")
    page = browser.get("/account", headers=BROWSER).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    check('action="/keys"' in page, "the account's page has a form for keys")
    same(browser.post("/keys", form={"name": "x", "scope_data": "on"}, headers=BROWSER).status, 403, "which another site's page can't send")
    answer = browser.post("/keys", form={"csrf": csrf, "name": "<b>phone", "scope_data": "on", "sites": "", "expires_in": ""}, headers=BROWSER)
    key = re.search(r'value="(mfk_[^"]+)"', answer.text)
    check(answer.status == 201 and key and "&lt;b&gt;phone" in answer.text and "never used" in answer.text, "it shows the key, once", answer.text)
    same(Client(key[1]).get("/profile/data").status, 200, "which is good")
    check(key[1] not in browser.get("/account", headers=BROWSER).text, "and not shown again")
    for fields, input in (({"name": "", "scope_data": "on"}, "key-name"), ({"name": "tablet"}, "scope_gate"),
                          ({"name": "tablet", "scope_data": "on", "sites": f"{MARK}-none"}, "key-sites")):
        answer = browser.post("/keys", form={"csrf": csrf, **fields}, headers=BROWSER)
        focus = re.search(r"<input[^>]*\bautofocus\b[^>]*>", answer.text)
        check(answer.status == 422 and focus and input in focus[0] and re.search(r"<details\s+open\s*>", answer.text) and f'value="{fields["name"]}" autocomplete="off"' in answer.text and
              f'value="{user.username}"' in answer.text, f"a form that is refused is shown again at {input}", answer.text)
    gone = browser.post(f"/keys/{session_id(key[1])}/revoke", form={"csrf": csrf}, headers=BROWSER)
    same((gone.status, gone.headers["Location"], Client(key[1]).get("/profile/data").status), (303, "/account?key_revoked=1", 401), "and revoked by a button")
    check("The key is revoked" in browser.get("/account?key_revoked=1", headers=BROWSER).text, "which is said")


def check_ctl():
    user, client = signed_in()
    site = f"{MARK}-git"
    ctl("site", "add", site, f"https://{MARK}.example", "--require", "key any")
    made_by = ctl("key", "add", user.username, "nightly job", "--scopes", "files,gate", "--sites", site, "--days", "7")
    key = made_by[1].strip()
    check(made_by[0] == 0 and re.fullmatch(r"mfk_\S{64}\n", made_by[1]) and "it is shown this once" in made_by[2], "mayflyctl key add prints the key, alone", made_by)
    same((Client(key).get("/files").status, [(one["name"], one["scopes"], one["sites"]) for one in listed(client)]),
         (200, [("nightly job", ["gate", "files"], [site])]), "it is as it was described")
    left = psql(f"SELECT round(extract(epoch FROM expires_at - created_at) / 86400) FROM mayfly.key WHERE id = '{session_id(key)}'")
    same(left, "7", "for so many days")
    shown = ctl("key", "list", user.username)
    check(re.search(rf"(?m)^{session_id(key)} +gate,files +{site} +\S+Z +\S+Z +nightly job$", shown[1]), "key list shows it, and its last use", shown)
    same(json.loads(ctl("key", "list", user.username, "--json")[1])[0]["id"], session_id(key), "to programs as well")
    ctl("site", "remove", site)
    same(listed(client)[0]["sites"], [], "a site that is removed leaves none, and not all")
    for words, status, said in ((("add", user.username, "x"), 2, "say what it opens: --scopes"), (("add", user.username, "x", "--scopes", "root"), 2, "none of gate"),
                                (("add", user.username, "x", "--scopes", "gate", "--days", "0"), 2, "--days: a number from 1 to 366"),
                                (("add", user.username, "x", "--scopes", "gate", "--sites", site), 1, "there is no site"),
                                (("add", user.username, "", "--scopes", "gate"), 1, "name: 1 to 60 characters"),
                                (("add", f"{MARK}-none", "x", "--scopes", "gate"), 1, "no such account"), (("revoke", "x"), 2, "not a key's id"),
                                (("revoke", NOBODY), 1, "there is no such key"), (("list", f"{MARK}-none"), 1, "no such account")):
        seen = ctl("key", *words)
        check(seen[0] == status and said in seen[2] and not seen[1], f"key {' '.join(words)}", seen)
    seen = ctl("key", "revoke", session_id(key))
    same((seen[0], Client(key).get("/files").status, ctl("key", "list", user.username)[1].count("nightly")), (0, 401, 0), "key revoke ends it at once", seen)


user, client = signed_in(email=f"{MARK}@example.org")
check_making(user, client)
check_basic(user, client)
check_forged(client)
check_scopes(client)
check_statements(client)
check_revoked(client)
check_who_makes(user, client)
check_account()
check_page()
check_ctl()
done()
