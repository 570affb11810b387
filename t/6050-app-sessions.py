#!/usr/bin/python3
"""
What apps keep: only a key of the site's own server reads and writes it; nothing is written over what was not seen; a session that is
bound to an account is that account's alone and ends with it; guests fill their own part only; an outage is no empty session.
"""

import json
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
import reference
from files import postgres_away
from mayfly import PASSWORD, SCRATCH, Client, check, done, new_user, psql, same, settings, signed_in

MARK = f"s{secrets.token_hex(4)}"  # the lane's stack may have sites of other scripts
NEW = {"If-None-Match": "*"}
REVERSED = {"b": 1, "a": {"c": None}}


def ctl(*words):
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stdout, run.stderr


def make_site(name):
    """(name, a client with a key of it)."""
    name = f"{MARK}-{name}"
    same(ctl("site", "add", name, f"https://{name}.example", "--require", "any")[0], 0, f"the site {name} is made")
    status, key, said = ctl("site", "key", name, "the shop's server")
    check(status == 0 and key.startswith("mfk_") and "shown this once" in said, "its server gets a key", status, said)
    return name, Client(key.strip())


def id_of(name):
    return psql(f"SELECT id FROM mayfly.site WHERE name = '{name}'")


def fresh():
    return f"/app/sessions/{secrets.token_urlsafe(32)}"


def made(client, document, path=None, **query):
    """The path of a new session with this document."""
    path = path or fresh()
    asked = path + "".join(f"{'&' if i else '?'}{name}={value}" for i, (name, value) in enumerate(query.items()))
    answer = client.put(asked, json=document, headers=NEW)
    if answer.status != 201:
        check(False, f"a session is made with {query}", answer)
    return path


def all_verbs(client, path, headers=()):
    """The statuses of each way to ask for a session."""
    return [client.request(method, path + more, json={"x": 1} if method in ("PUT", "PATCH") else None, headers={**dict(headers), **wanted}).status
            for method, more, wanted in (("GET", "", {}), ("PUT", "", NEW), ("PUT", "", {"If-Match": "*"}), ("PATCH", "", {}),
                                         ("POST", "/touch", {}), ("DELETE", "", {}))]


def check_document(shop):
    path = fresh()
    same(shop.get(path).status, 404, "a session that never was is not there")
    same(shop.put(path, json=REVERSED).status, 400, "PUT says whether it makes or replaces")
    same(shop.put(path, json=REVERSED, headers={"If-None-Match": '"1"'}).status, 400, "by * alone")
    same(shop.put(path, json=REVERSED, headers={"If-Match": '"1"'}).status, 412, "what is not there can't be replaced")
    same(shop.patch(path, json=REVERSED).status, 404, "nor be patched")
    answer = shop.put(path, json=REVERSED, headers=NEW)
    same((answer.status, answer.json()), (201, REVERSED), "it is made")
    seen = shop.get(path)
    same((seen.status, seen.json(), seen.etag), (200, REVERSED, answer.etag), "and read")
    same(shop.get(path, headers={"If-None-Match": seen.etag}).status, 304, "304 for who has it")
    same(shop.put(path, json={}, headers=NEW).status, 412, "it is made once")
    after = shop.put(path, json={"n": 1, "m": 1}, headers={"If-Match": seen.etag})
    same((after.status, after.json()), (200, {"n": 1, "m": 1}), "it is replaced by who has read it")
    same(shop.put(path, json={"n": 2}, headers={"If-Match": seen.etag}).status, 412, "and not by who has read the one before")
    last = shop.patch(path, json={"m": None, "o": 3}, headers={"If-Match": after.etag})
    same((last.status, last.json()), (200, {"n": 1, "o": 3}), "a merge patch")
    check(int(seen.etag.strip('"')) < int(after.etag.strip('"')) < int(last.etag.strip('"')), "versions grow", seen.etag, after.etag, last.etag)
    same(shop.put(path, json={"long": "x" * 65536}, headers={"If-Match": "*"}).status, 413, "it has 64 KiB at most")
    same(shop.delete(path).status, 204, "it is ended")
    same([shop.get(path).status, shop.patch(path, json={}).status, shop.delete(path).status, shop.post(f"{path}/touch").status], [404] * 4,
         "and not there")
    same(shop.put(path, json={}, headers={"If-Match": last.etag}).status, 412, "a slow request does not bring it back")
    again = shop.put(path, json={}, headers=NEW)
    check(int(again.etag.strip('"')) > int(last.etag.strip('"')), "a version does not come again in another life of its id", again.etag)
    for bad in ("short", "x" * 21, "x" * 30 + ".", "x" * 128):
        same((shop.get(f"/app/sessions/{bad}").status, shop.put(f"/app/sessions/{bad}", json={}, headers=NEW).status in (404, 422)),
             (404, True), f"an id is 22 to 127 characters, not {bad[:40]}")
    for query in ("idle=0", "idle=x", "idle=99999999999", "account=ann", "idle=1&idle=2"):
        same(shop.get(f"{path}?{query}").status, 400, f"?{query}")


def check_who(shop, other, name):
    user, person = signed_in()
    path = made(shop, {"price": 10})
    mine = f"/app/accounts/{user.id}"
    same(shop.put(mine, json={"role": "buyer"}, headers=NEW).status, 201, "the app's document of an account")
    for who, client in (("nobody", Client()), ("a token", person), ("a browser's cookie", Client(cookie=f"mayfly={person.token}")),
                        ("a key that is none", Client("mfk_" + person.token[4:])),
                        ("a key with another secret", Client(shop.token[:-4] + ("AAAA" if shop.token[-4:] != "AAAA" else "BBBA"))),
                        ("a cookie with the key", Client(cookie=f"mayfly={shop.token}")),
                        ("the key as Basic", Client(cookie="x=y"))):
        headers = {"Origin": "http://x"} if "cookie" in who else {"Authorization": f"Basic {shop.token}"} if "Basic" in who else {}
        same(set(all_verbs(client, path, headers) + all_verbs(client, mine, headers)) - {404}, {401}, f"{who} reads and writes nothing")
    same((shop.get(path).json(), shop.get(mine).json()), ({"price": 10}, {"role": "buyer"}), "both are what they were")
    rows = [(method, re.sub(r"\{\w+\}", user.id, path), need) for method, path, need, _ in reference.table() if need in ("GUEST", "LOGIN", "PAGE")]
    odd = [(method, place, answer) for method, place, need in rows for answer in [shop.request(method, place)]
           if answer.status != (401 if need != "GUEST" else Client().request(method, place).status)]
    check(not odd and len(rows) > 50, "the site's key is none for anything of an account's, and nobody's elsewhere", odd)
    account = person.post("/keys", json={"name": "x", "scopes": ["gate", "data", "files", "password"]}).json()["key"]
    same(Client(account).get("/profile/data").status, 200, "a key of an account opens what is the account's")
    same(set(all_verbs(Client(account), path) + all_verbs(Client(account), mine)) - {404}, {401}, "but nothing that apps keep")
    same((shop.get(path).json(), shop.get(mine).json()), ({"price": 10}, {"role": "buyer"}), "which is as it was")

    same(other.get(path).status, 404, "another site's key has not this session")
    same([other.patch(path, json={"price": 0}).status, other.delete(path).status, other.put(path, json={}, headers={"If-Match": "*"}).status],
         [404, 404, 412], "nor changes it")
    made(other, {"price": 1}, path)
    same((shop.get(path).json(), other.get(path).json()), ({"price": 10}, {"price": 1}), "its session with this id is another one")
    same(other.get(mine).status, 404, "and so is its document of an account")
    same(shop.get(f"/app/sessions/{user.id}").status, 404, "an account's id is no session's, whatever a browser sends")

    told = path.rpartition("/")[2]
    dump = psql(f"SELECT string_agg(d::text, ' ') FROM mayfly.app_document d WHERE site_id = '{id_of(name)}'")
    check(told not in dump and "price" in dump, "the table has no id that a reader could present", dump)
    return told


def check_logs(told):
    def logs():
        return "".join(one.read_text(errors="replace") for one in (SCRATCH / "log").iterdir())

    check(wait_until(15, lambda: "/app/sessions/-" in logs()), "nginx's log tells of sessions")
    check(told not in logs(), "and of no id", [line for line in logs().splitlines() if told in line][:3])


def check_keys(name):
    key = ctl("site", "key", name, "another")[1].strip()
    client = Client(key)
    path = made(client, {})
    listed = json.loads(ctl("site", "keys", name, "--json")[1])
    same(([one["label"] for one in listed], bool(listed[0]["seen_at"])), (["another", "the shop's server"], True), "keys are listed, with their last use")
    check("LABEL" in ctl("site", "keys", name)[1] and key not in json.dumps(listed), "as a table too, and no key is shown again")
    same((ctl("site", "revoke", listed[0]["id"])[0], client.get(path).status), (0, 401), "a revoked key opens nothing from then on")
    check("revoked already" in ctl("site", "revoke", listed[0]["id"])[2], "and can't be revoked again")
    same(ctl("site", "key", name, "")[0], 2, "a label is not empty")
    same(ctl("site", "key", f"{MARK}-none", "x")[0], 1, "nor is there a key without a site")
    for _ in range(9):
        ctl("site", "key", name, "many")
    status, out, said = ctl("site", "key", name, "many")
    same((status, out, "the site has 10 keys" in said), (1, "", True), "a site has ten keys at most", said)
    same(psql(f"SET ROLE mayfly; SELECT has_table_privilege('mayfly.site_key', 'INSERT'), has_column_privilege('mayfly.site_key', 'secret_hash', 'UPDATE')"),
         "f|f", "workers can make none")


def check_account(shop):
    ann, ann_client = signed_in()
    bob = new_user()
    path = made(shop, {"cart": ["tea"]})
    same(shop.get(f"{path}?account={ann.id}").json(), {"cart": ["tea"]}, "who logs in still has the guest's session")
    same(shop.get(path).status, 200, "which reading does not bind")
    same(shop.post(f"{path}/touch?account={ann.id}").status, 204, "a touch with an account binds it")
    same(shop.get(f"{path}?account={ann.id}").json(), {"cart": ["tea"]}, "it is hers, as it was")
    for whose, query in (("a guest", ""), ("another account", f"?account={bob.id}")):
        same(all_verbs(shop, f"{path}{query}") if not query else
             [shop.get(path + query).status, shop.put(path + query, json={}, headers=NEW).status, shop.put(path + query, json={}, headers={"If-Match": "*"}).status,
              shop.patch(path + query, json={}).status, shop.post(f"{path}/touch{query}").status, shop.delete(path + query).status],
             [404, 412, 412, 404, 404, 404], f"it is not there for {whose} in the same browser")
    patched = made(shop, {})
    same(shop.patch(f"{patched}?account={ann.id}", json={"a": 1}).status, 200, "a write binds as well")
    same((shop.get(patched).status, shop.get(f"{patched}?account={ann.id}").json()), (404, {"a": 1}), "and is hers")
    nobody = "01900000-0000-7000-8000-000000000000"
    same(shop.put(f"{fresh()}?account={nobody}", json={}, headers=NEW).status, 422, "an account that is none has no session")

    mine, guest = f"/app/accounts/{ann.id}", made(shop, {})
    shop.put(mine, json={"cart": 1}, headers=NEW)
    same(ann_client.delete("/sessions").status, 200, "she ends all other sessions")
    same([shop.get(f"{one}?account={ann.id}").status for one in (path, patched, guest)], [404, 404, 200], "what is bound to her has ended, a guest's not")
    same(shop.get(mine).json(), {"cart": 1}, "the app's document of her is no session, and stays")

    path = made(shop, {}, account=ann.id)
    same(ctl("user", "disable", ann.username)[0], 0, "an administrator disables her account")
    same((shop.get(f"{path}?account={ann.id}").status, shop.get(mine).status), (404, 404), "her session is over, her document out of reach")
    same(shop.put(f"{fresh()}?account={ann.id}", json={}, headers=NEW).status, 422, "and no other is begun")
    ctl("user", "enable", ann.username)
    same((shop.get(f"{path}?account={ann.id}").status, shop.get(mine).json()), (404, {"cart": 1}), "enabled, she has her document, and no old session")
    path = made(shop, {}, account=ann.id)
    client = Client(Client().post("/login", json={"username": ann.username, "password": PASSWORD}).token)
    same(client.delete("/profile", json={"password": PASSWORD}).status, 204, "she closes her account")
    same((shop.get(f"{path}?account={ann.id}").status, shop.get(mine).status, psql(f"SELECT count(*) FROM mayfly.app_document WHERE account_id = '{ann.id}'")),
         (404, 404, "0"), "and all of it is gone")


def usage(name):
    """(guests, accounts') as they are counted, which is to be as they are."""
    site = id_of(name)
    counted = psql(f"SELECT coalesce(sum(guests), 0), coalesce(sum(members), 0) FROM mayfly.app_usage WHERE site_id = '{site}'")
    there = psql(f"SELECT count(*) FILTER (WHERE account_id IS NULL), count(account_id) FROM mayfly.app_document WHERE site_id = '{site}'")
    same(counted, there, "the counts are those of the rows")
    return tuple(map(int, counted.split("|")))


def check_limits():
    name, shop = make_site("small")
    ann, bob = new_user(), new_user()
    with settings(app_guests_max=3, app_documents_max=4, app_sessions_per_account=2):
        guests = [made(shop, {"n": n}) for n in range(3)]
        full = shop.put(fresh(), json={}, headers=NEW)
        same((full.status, full.headers.get("retry-after")), (429, "60"), "a flood of guests ends at the site's limit", full)
        same([shop.patch(one, json={"m": 1}).status for one in guests], [200] * 3, "those that are there go on")
        first, second = made(shop, {}, account=ann.id), made(shop, {}, account=ann.id)
        check(True, "who has logged in has room of his own")
        psql(f"UPDATE mayfly.app_document SET ends_at = ends_at - interval '1 minute' WHERE account_id = '{ann.id}' AND site_id = '{id_of(name)}'"
             f" AND key = sha256('session\\000{first.rpartition('/')[2]}'::bytea)")
        third = made(shop, {}, account=ann.id)
        same([shop.get(f"{one}?account={ann.id}").status for one in (first, second, third)], [404, 200, 200],
             "one session of an account too many ends the one that was unused the longest")
        same(usage(name), (3, 2), "so many there are")
        same(shop.put(f"/app/accounts/{bob.id}", json={}, headers=NEW).status, 201, "a document of an account counts with them")
        made(shop, {}, account=bob.id)
        same([shop.put(f"{fresh()}?account={bob.id}", json={}, headers=NEW).status, shop.patch(f"{guests[0]}?account={bob.id}", json={}).status],
             [429, 429], "up to their limit, by whichever way")
        same((shop.delete(guests[0]).status, shop.put(fresh(), json={}, headers=NEW).status), (204, 201), "what ends makes room")
    same(usage(name), (3, 4), "the counts follow")
    same(ctl("site", "remove", name)[0], 0, "a site is removed")
    same((psql(f"SELECT count(*) FROM mayfly.app_document d LEFT JOIN mayfly.site s ON s.id = d.site_id WHERE s.id IS NULL"), shop.get(guests[1]).status),
         ("0", 401), "with all that it kept, and its keys")


def age(name, path, by):
    psql(f"UPDATE mayfly.app_document SET ends_at = ends_at - interval '{by}' WHERE site_id = '{id_of(name)}'"
         f" AND key = sha256('session\\000{path.rpartition('/')[2]}'::bytea)")


def left(name, path):
    return int(psql("SELECT round(extract(epoch FROM ends_at - now())) FROM mayfly.app_document WHERE "
                    f"site_id = '{id_of(name)}' AND key = sha256('session\\000{path.rpartition('/')[2]}'::bytea)"))


def check_idle(shop, name):
    path = made(shop, {"n": 1}, idle=1000)
    check(990 <= left(name, path) <= 1000, "the app says how long it may be unused", left(name, path))
    default = made(shop, {})
    check(1790 <= left(name, default) <= 1800, "else it is app_session_idle_s")
    for how, use in (("reading", lambda: shop.get(path)), ("touching", lambda: shop.post(f"{path}/touch")), ("writing", lambda: shop.patch(path, json={"n": 2}))):
        tag = shop.get(path).etag
        age(name, path, "30 seconds")
        use()
        check(left(name, path) <= 970, f"{how} writes nothing before a twentieth has passed", left(name, path))
        age(name, path, "300 seconds")
        use()
        check(left(name, path) >= 990, f"then {how} begins the time anew", left(name, path))
        check((shop.get(path).etag == tag) == (how != "writing"), "and only writing makes a version")
    same((shop.post(f"{path}/touch?idle=50").status, left(name, path) <= 50), (204, True), "the time may be changed")
    age(name, path, "51 seconds")
    same([shop.get(path).status, shop.put(path, json={}, headers={"If-Match": "*"}).status, shop.patch(path, json={}).status,
          shop.post(f"{path}/touch").status, shop.delete(path).status], [404, 412, 404, 404, 404], "when it is over it is not there")
    same(shop.put(path, json={"n": 3}, headers=NEW).status, 201, "and a new one may have its id")
    over = [made(shop, {}) for _ in range(3)]
    for one in over:
        age(name, one, "1 hour")
    same([shop.get(one).status for one in over], [404] * 3, "three have ended")
    before = sum(usage(name))
    same(ctl("sweep")[0], 0, "the sweep comes")
    same((psql(f"SELECT count(*) FROM mayfly.app_document WHERE ends_at < now() AND site_id = '{id_of(name)}'"), before - sum(usage(name)) >= 3), ("0", True),
         "and takes them away")


def check_parallel(shop):
    path = made(shop, {"n": 0})

    def patch(n):
        return Client(shop.token).patch(path, json={f"m{n}": n}).status

    def count(_):
        client = Client(shop.token)
        while True:
            seen = client.get(path)
            answer = client.put(path, json={**seen.json(), "n": seen.json()["n"] + 1}, headers={"If-Match": seen.etag})
            if answer.status != 412:
                return answer.status

    with ThreadPoolExecutor(8) as pool:
        results = [*pool.map(patch, range(16)), *pool.map(count, range(16))]
    same(set(results), {200}, "16 patches and 16 times reading and writing at once")
    same(shop.get(path).json(), {"n": 16, **{f"m{n}": n for n in range(16)}}, "and none is lost")
    path = fresh()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: Client(shop.token).put(path, json={"n": n}, headers=NEW).status, range(16)))
    same(sorted(results), [201] + [412] * 15, "of 16 that make one session one does")


def check_cart(shop):
    """As the decision has it: the app merges, by If-Match, each guest's cart once."""
    user = new_user()
    mine = f"/app/accounts/{user.id}"

    def join(guest):
        client, name = Client(shop.token), guest.rpartition("/")[2]
        cart = client.get(guest).json()["cart"]
        while True:
            seen = client.get(mine)
            have = seen.json() if seen.status == 200 else {"joined": [], "cart": {}}
            if name in have["joined"]:
                return
            have = {"joined": [*have["joined"], name], "cart": {item: have["cart"].get(item, 0) + cart.get(item, 0) for item in {**have["cart"], **cart}}}
            if client.put(mine, json=have, headers={"If-Match": seen.etag} if seen.status == 200 else NEW).status in (200, 201):
                return

    guests = [made(shop, {"cart": {"tea": 1, f"of{n}": n}}) for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(join, guests + guests))
    same(shop.get(mine).json()["cart"], {"tea": 8, **{f"of{n}": n for n in range(1, 9)}}, "eight carts join at once, each tried twice, and each counts once")


def check_once(shop, other):
    path, key = fresh(), {"Idempotency-Key": secrets.token_hex(8)}
    first = shop.put(path, json={"n": 1}, headers={**NEW, **key})
    again = shop.put(path, json={"n": 1}, headers={**NEW, **key})
    same((first.status, again.status, again.etag, again.headers.get("idempotent-replayed")), (201, 201, first.etag, "true"), "a repetition is answered the same")
    stranger = other.put(path, json={"n": 1}, headers={**NEW, **key})
    check(stranger.status == 201 and "idempotent-replayed" not in stranger.headers, "another site with the same key, path and body has a change of its own", stranger)
    same(shop.put(path, json={"n": 1}, headers={"If-Match": first.etag, **key}).status, 422, "a key is for one thing, its condition included")
    key = {"Idempotency-Key": secrets.token_hex(8)}
    long = {"long": "x" * 2000}
    first, again = (shop.patch(path, json=long, headers=key) for _ in range(2))
    same((again.etag, again.json()), (first.etag, {"n": 1, **long}), "so is one of a long document")
    key = {"Idempotency-Key": secrets.token_hex(8)}
    begun = fresh()
    first, again = (shop.put(begun, json=long, headers={**NEW, **key}) for _ in range(2))
    same((first.status, again.status, again.json(), again.etag), (201, 201, long, first.etag), "and one that makes a long document")
    key = {"Idempotency-Key": secrets.token_hex(8)}
    same([shop.delete(path, headers=key).status for _ in range(2)], [204, 204], "a repeated DELETE too")


def check_away(shop):
    path = made(shop, {"kept": True})
    with postgres_away():
        check(wait_until(15, lambda: shop.get(path).status == 503), "the database is away")
        same((set(all_verbs(shop, path)), shop.get(fresh()).status), ({503}, 503), "without the database everything is 503, and nothing is 404")
        check(shop.get(path).stated_503(), "which says when to come again")
    check(wait_until(15, lambda: shop.get(path).status == 200), "and comes back")
    same(shop.get(path).json(), {"kept": True}, "and the session is there")


NAME, SHOP = make_site("shop")
OTHER = make_site("other")[1]
check_document(SHOP)
TOLD = check_who(SHOP, OTHER, NAME)
check_keys(f"{MARK}-shop")
check_account(SHOP)
check_limits()
check_idle(SHOP, NAME)
check_parallel(SHOP)
check_cart(SHOP)
check_once(SHOP, OTHER)
check_away(SHOP)
check_logs(TOLD)
done()
