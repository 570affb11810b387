#!/usr/bin/python3
"""A browser with a live session among its cookies is known by it, whatever other cookies it sends."""

import secrets
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, done, login, new_user, same, settings

ORIGIN = {"Sec-Fetch-Site": "same-origin"}
user = new_user()


def cookies():
    """The session's and the device's, as a log-in gives them."""
    answer = Client().post("/login", json={"username": user.username, "password": user.password})
    return dict(field.partition(";")[0].split("=", 1) for field in answer.cookies)


given = cookies()
SESSION = next(name for name in given if not name.endswith("-device"))
DEVICE = f"{SESSION}-device"


def live():
    return login(user)


def dead():
    token = login(user)
    Client(token).post("/logout")
    return token


def ask(*values, method="GET", path="/profile", **headers):
    header = "; ".join(value if "=" in value else f"{SESSION}={value}" for value in values)
    return Client(cookie=header).request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


ended, token = dead(), live()
forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
for what, before in (("nothing", ()), ("junk", ("old",)), ("an empty one", ("",)), ("an ended one", (ended,)), ("a forged one", (forged,)),
                     ("its own twice", (token,)), ("a longer name", ("xmayfly=1", f"{SESSION}x=2")), ("seven ended ones", (ended,) * 7),
                     ("a hundred of junk", ("x",) * 100)):
    same([ask(*before, token).status, ask(token, *before).status], [200, 200], f"{what} before or behind a good one hides it not")
same([ask(ended).status, ask(ended, forged, "x").status], [401, 401], "without a good one it is 401")
check(ask(*[ended] * 8, token).status in (200, 401), "and there is an end to it")

for value in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Negotiate", "undefined", "Digest a=b"):
    same(ask(token, Authorization=value).status, 200, f"Authorization: {value!r} hides no cookie")
for value in (ended, "undefined", "mfs_"):
    same(ask(token, Authorization=f"Bearer {value}").status, 401, f"Bearer {value[:9]} does: it says which session is meant")
same(ask(ended, Authorization=f"Bearer {token}").status, 200, "and counts before cookies")
same(ask("old", token, method="PUT", path="/session/data", Authorization="Basic eDp5", Content_Type="application/json").status, 403,
     "a change by any of the cookies needs its proof of origin")

first, second = live(), live()
both = [ask(ended, first, second, method="POST", path="/logout", Content_Type="application/json", Idempotency_Key="one-logout", **ORIGIN)
        for _ in range(2)]
check(all(answer.status == 200 for answer in both), "a log-out ends the live one", *both)
same([Client(first).get("/profile").status, Client(second).get("/profile").status], [401, 200],
     "and only that: the next one is another session's turn")

again = secrets.token_hex(8)
answers = [ask(ended, second, method="POST", path="/logout", Idempotency_Key=again, **ORIGIN) for _ in range(2)]
same([(answer.status, answer.headers.get("idempotent-replayed")) for answer in answers], [(200, None), (200, "true")],
     "what ended the last one can be asked for again", *answers)

with settings(login_failures_per_pair=2, login_failures_per_account=2, login_failures_per_address=1000):
    victim = new_user()
    device = dict(field.partition(";")[0].split("=", 1) for field in
                  Client().post("/login", json={"username": victim.username, "password": victim.password}).cookies)[DEVICE]

    def log_in(*values):
        return Client(cookie="; ".join(f"{DEVICE}={value}" for value in values)).post(
            "/login", json={"username": victim.username, "password": victim.password}).status

    for guess in range(4):
        Client().post("/login", json={"username": victim.username, "password": f"wrong {guess}"})
    same([log_in("x"), log_in("x", given[DEVICE], device)], [429, 200], "a device's cookie is found among others as well")
done()
