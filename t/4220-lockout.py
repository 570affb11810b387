#!/usr/bin/python3
"""
Nobody locks anybody out: neither strangers with a hundred addresses nor a neighbour behind the same one keep the owner of an
account from logging in on a device that has done so before, nor does he by weak new passwords or a program with an old one.
"""

import base64
import json
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import at_once, fcgi_connect, fcgi_request
from mayfly import (PAGE, PASSWORD, SCRATCH, Client, User, check, dev, done, new_name, new_user, psql, same, settings, signed_in)

NETWORK = f"127.{secrets.randbelow(200) + 20}"
HALF_A_YEAR_S = 180 * 86400


def abroad():
    """Addresses of this machine that nobody has come from, without an end."""
    for number in range(256 * 254):
        yield f"{NETWORK}.{number // 254}.{number % 254 + 1}"


elsewhere = abroad()
wrong = (f"wrong guess {number}" for number in range(10**6))


class Browser(Client):
    """Keeps the device's cookie, and no session."""

    def __init__(self, source=None, device=None):
        super().__init__(source=source or next(elsewhere))
        self.device = device

    def log_in(self, user, password=None, **more):
        if self.device is not None:
            more.setdefault("headers", {})["Cookie"] = f"mayfly-device={self.device}"
        fields = {"username": user.username, "password": password or user.password}
        answer = self.post("/login", **{"form" if "Accept" in more.get("headers", {}) else "json": fields}, **more)
        self.device = device_of(answer) or self.device
        return answer


def device_of(answer, name="mayfly-device"):
    """The value of the cookie, or None."""
    found = [re.match(rf"{name}=([^;]*)", cookie) for cookie in answer.cookies]
    return next((match.group(1) for match in found if match), None)


def statuses(answers):
    return [answer.status for answer in answers]


def forget_all():
    psql("DELETE FROM mayfly.attempt")


def highest():
    """How full the fullest count is, but for what has drained."""
    return round(float(psql("SELECT coalesce(max(level), 0) FROM mayfly.attempt")))


def known_device(user):
    """One that has logged in, and out again: no session makes an address known."""
    browser = Browser()
    answer = browser.log_in(user)
    Client(answer.token).post("/logout")
    return browser.device


def lock(user, count):
    """As strangers do."""
    return statuses(Browser().log_in(user, next(wrong)) for _ in range(count))


# Those of etc/mayfly.conf; the stack of the tests has larger ones.
DEFAULTS = {"login_failures_per_pair": 10, "login_failures_per_account": 100, "login_failures_per_address": 100}


def limits(**wanted):
    return settings(**{**DEFAULTS, **wanted})


# --- the cookie

owner = new_user()
answer = Browser().log_in(owner)
cookie = next((cookie for cookie in answer.cookies if cookie.startswith("mayfly-device=")), "")
same(sorted(cookie.split("; ")[1:]), ["HttpOnly", f"Max-Age={HALF_A_YEAR_S}", "Path=/", "SameSite=Lax"], "a log-in leaves a cookie on the device")
same(Client(cookie=cookie.split(";")[0]).get("/profile").status, 401, "which logs nobody in")
page = Browser().log_in(owner, headers={"Accept": PAGE})
same((page.status, device_of(page) is not None), (303, True), "a log-in by the page does so too")
for what, headers, given in (("a script's form", {}, False), ("a form of one that keeps cookies", {"Cookie": "mayfly=old"}, True),
                             ("a browser's script", {"Sec-Fetch-Site": "same-origin"}, True)):
    answer_to_form = Client().post("/login", form={"username": owner.username, "password": PASSWORD}, headers=headers)
    same((device_of(answer_to_form) is not None, len(answer_to_form.cookies)), (given, 1 + given), f"{what} is given {1 + given} cookies")
check(owner.id.replace("-", "") in base64.urlsafe_b64decode(device_of(answer) + "==").hex(), "it says whose device it is")
same(len({device_of(Browser().log_in(owner)) for _ in range(3)}), 3, "no two are alike")
failed = Browser().log_in(owner, next(wrong))
same((failed.status, failed.cookies), (401, []), "a wrong password leaves none")
gone = new_user()
answer = Client(Browser().log_in(gone).token).delete("/profile", json={"password": PASSWORD})
same((answer.status, device_of(answer)), (204, ""), "closing the account removes it")
with settings(cookie_secure="yes"):
    answer = Client().post("/login", json={"username": owner.username, "password": PASSWORD})
    cookie = next((cookie for cookie in answer.cookies if "device" in cookie), "")
    check(cookie.startswith("__Host-mayfly-device=") and "; Secure" in cookie, "with TLS it is __Host-mayfly-device, and Secure", cookie)
with settings(cookie_secure="yes", cookie_domain="example.org"):
    answer = Client().post("/login", json={"username": owner.username, "password": PASSWORD})
    check(device_of(answer, "__Secure-mayfly-device"), "shared with subdomains it is __Secure-mayfly-device", answer.cookies)

# --- strangers, and neighbours

with limits():
    device = known_device(owner)
    same(lock(owner, 100), [401] * 100, "a hundred wrong guesses from a hundred addresses are answered")
    same(lock(owner, 1), [429], "then the account takes no more")
    same(Browser().log_in(owner).status, 429, "nor the right password from an address that is new")
    same(Browser(device=device).log_in(owner).status, 200, "but from the owner's device it does, wherever that is")
    same(Browser(device=device).log_in(owner, headers={"Accept": PAGE}).status, 303, "in a browser as well")
    same(statuses([Browser(device=device).log_in(owner, next(wrong)), Browser(device=device).log_in(owner)]), [401, 200],
         "who may even mistype it")
    same(lock(owner, 2), [429, 429], "which lets nobody else in")
    session = Client(Browser(device=device).log_in(owner).token, source=next(elsewhere))
    answer = session.post("/password", json={"current": next(wrong), "new": "eleven herons on a leg"})
    same((answer.status, answer.error), (403, "forbidden"), "within a session a password is counted by the session alone")
    answer = session.post("/password", json={"current": PASSWORD, "new": "eleven herons on a leg"})
    same((answer.status, device_of(answer) is not None), (200, True), "so the owner can change it while strangers guess")
    owner.password = "eleven herons on a leg"
    same(Browser(device=device).log_in(owner).status, 200, "and his device is his as before")
forget_all()

with limits(login_failures_per_address=5):
    home = next(elsewhere)
    same(statuses(Browser(home).log_in(User(new_name()), next(wrong)) for _ in range(6)), [401] * 5 + [429],
         "a neighbour behind the same address has guessed as often as it may")
    same(Browser(home).log_in(owner).status, 429, "so the owner can't log in from there on a new device")
    same(Browser(home, device).log_in(owner).status, 200, "but on his own he can")
    same(Browser(home).post("/register", json={"username": new_name(), "password": PASSWORD}).status, 429, "which is no way to register")
forget_all()

# --- the cookie's own count

with limits(login_failures_per_pair=3, login_failures_per_account=4):
    device = known_device(owner)
    same(lock(owner, 4), [401] * 4, "strangers take what the account has")
    same(statuses(Browser(device=device).log_in(owner, next(wrong)) for _ in range(4)), [401, 401, 401, 429],
         "a device has as many guesses as an address, wherever it is")
    same(Browser(device=device).log_in(owner).status, 429, "and is no different from others when it has had them")
    psql("UPDATE mayfly.attempt SET updated_at = updated_at - interval '301 seconds'")  # a third of the window
    same(Browser(device=device).log_in(owner).status, 200, "until some time has passed")
    forget_all()
    same(statuses(Browser(device=device).log_in(owner, next(wrong)) for _ in range(8)), [401] * 7 + [429],
         "when it has had them, it has what any address has: four of the account's")
forget_all()

# --- forged, another's, old

other = new_user()
device, others = known_device(owner), known_device(other)
raw = base64.urlsafe_b64decode(device + "==")


def changed(at):
    return base64.urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]).decode().rstrip("=")


forged = base64.urlsafe_b64encode(raw[:32] + secrets.token_bytes(32)).decode().rstrip("=")
stolen = base64.urlsafe_b64encode(raw[:16] + base64.urlsafe_b64decode(others + "==")[16:]).decode().rstrip("=")
with limits(login_failures_per_account=3):
    lock(owner, 3)
    for what, value in (("a forged one", forged), ("one with another account's id", changed(3)), ("with another id of its own", changed(30)),
                        ("with another signature", changed(60)), ("another account's", others), ("a mix of two", stolen), ("half of one", device[:40]),
                        ("an empty one", ""), ("a long one", device * 40), ("no base64", "!" * len(device))):
        same(Browser(device=value).log_in(owner).status, 429, f"{what} gives nothing")
    same(Browser(device=device).log_in(owner).status, 200, "the right one does")
    nobody = User(new_name())
    answers = [Browser(device=value).log_in(somebody, next(wrong)) for value in (device, others, None) for somebody in (nobody, new_user())]
    same(len({(answer.status, answer.body, tuple(sorted(set(answer.headers) - {"set-cookie"}))) for answer in answers}), 1,
         "a cookie of another account makes no difference between names that are somebody's and those that are not", answers)
    same(lock(nobody, 3)[-1], 429, "both are locked alike")
forget_all()
with limits(login_failures_per_account=2, device_keep_s=2):
    device = known_device(owner)
    lock(owner, 2)
    same(Browser(device=device).log_in(owner).status, 200, "it is good for as long as the setting says")
    time.sleep(2.1)
    same(Browser(device=device).log_in(owner).status, 429, "and no longer, though a client may keep it")
forget_all()
with limits(login_failures_per_account=2, device_keep_s=0):
    answer = Browser().log_in(owner)
    same((answer.status, device_of(answer)), (200, None), "who wants no such cookie gets none")
    Client(answer.token).post("/logout")
    lock(owner, 2)
    same(Browser(device=known_device(other)).log_in(owner).status, 429, "and none counts")
forget_all()

# --- keys of the secret

path = SCRATCH / "etc" / "secret"
before = path.read_text()
device = known_device(owner)
try:
    path.write_text(secrets.token_hex(32) + "\n" + before)
    with limits(login_failures_per_account=2):
        lock(owner, 2)
        same(Browser(device=device).log_in(owner).status, 200, "a cookie that an older key has signed is good")
        device = known_device(other)
        path.write_text(secrets.token_hex(32) + "\n")
    with limits(login_failures_per_account=2):
        lock(other, 2)
        same(Browser(device=device).log_in(other).status, 429, "one whose key is gone is not")
finally:
    path.write_text(before)
    with limits(login_failures_per_account=2):
        pass
forget_all()

# --- the same again

with limits():
    victim, home = new_user(), next(elsewhere)
    same(set(statuses(Browser(home).log_in(victim, "an old password") for _ in range(200))), {401}, "a program with an old password is told so 200 times")
    same(statuses(Browser(home).log_in(victim, next(wrong)) for _ in range(10)), [401] * 9 + [429], "and has counted once")
    same(Browser(home).log_in(victim, "an old password").status, 429, "a full count refuses it as anything else, so nobody learns that it was tried before")
    same(Browser().log_in(victim, "an old password").status, 401, "elsewhere it is not known")
    nobody = User(new_name())
    same((set(statuses(Browser(home).log_in(nobody, "an old password") for _ in range(30))),
          statuses(Browser(home).log_in(nobody, next(wrong)) for _ in range(10))), ({401}, [401] * 9 + [429]), "with a name that nobody has it is the same")
    other = new_user()
    same(statuses(at_once(30, lambda _: Browser(home).log_in(other, "an old password"))), [401] * 30, "also at the same time")
    same(statuses(Browser(home).log_in(other, next(wrong)) for _ in range(9)), [401] * 9, "which counted once too")
    psql("UPDATE mayfly.attempt SET made_at = made_at - interval '901 seconds', updated_at = updated_at - interval '901 seconds'")
    same(statuses(Browser(home).log_in(other, word) for word in ("an old password", *(next(wrong) for _ in range(10)))), [401] * 10 + [429],
         "in the next window it counts again")
    forget_all()
    kept = []
    for turn in range(4):
        Browser(home).log_in(other, "an old password")
        kept.append(Browser(home).log_in(other).status)
    same(kept, [200] * 4, "log-ins between two of them are not disturbed")
    same(highest(), 1, "and give back what they took, no more and no less")
    forget_all()
    changing, home = new_user(), next(elsewhere)
    for _ in range(3):
        Browser(home).log_in(User(new_name()), next(wrong))
    Browser(home).log_in(changing, "eleven herons on a leg")
    Client(Browser().log_in(changing).token).post("/password", json={"current": PASSWORD, "new": "eleven herons on a leg"})
    changing.password = "eleven herons on a leg"
    same((statuses(Browser(home).log_in(changing) for _ in range(3)), highest()), ([200] * 3, 4),
         "nor does a password that was wrong before and is right now give back what was never taken")

# --- what is no failed attempt

with limits():
    patient, client = signed_in(email=f"{new_name()}@example.org")
    same([client.post("/password", json={"current": PASSWORD, "new": "password1"}).status for _ in range(12)], [422] * 12,
         "twelve weak new passwords are refused")
    taken = new_user(email=f"{new_name()}@example.org")
    same([client.patch("/profile", json={"email": taken.email, "password": PASSWORD}).status for _ in range(12)], [409] * 12,
         "twelve times an address is somebody else's")
    same(client.patch("/profile", json={"email": f"{new_name()}@example.org", "password": PASSWORD}).status, 200, "and none of it was a failed attempt")
    same(client.post("/password", json={"current": PASSWORD, "new": "eleven herons on a leg"}).status, 200, "nor for the password")
    home = next(elsewhere)
    same(statuses(Browser(home).post("/register", json={"username": new_name(), "password": "password1"}) for _ in range(3)), [422] * 3,
         "weak passwords to register with are refused")
    patient.password = "eleven herons on a leg"
    same(Browser().log_in(patient).status, 200, "its owner logs in")
    thief = Client(Browser().log_in(patient).token)
    same([thief.post("/password", json={"current": next(wrong), "new": "nine owls in a barn"}).status for _ in range(11)], [403] * 10 + [429],
         "but who has only a session has ten guesses")
    same(Browser().log_in(patient).status, 200, "that count for nobody else")
    forget_all()


# --- IPv6


def from_address(address, path="/login", device=None, **fields):
    """Of an address that only nginx can name."""
    more = {"HTTP_COOKIE": f"mayfly-device={device}"} if device else {}
    connection = fcgi_connect("a")
    connection.sendall(fcgi_request("POST", path, json.dumps(fields).encode(), REMOTE_ADDR=address, **more))
    return int(re.search(rb"Status: (\d+)", connection.recv(65536)).group(1))


def guess_from(address, user, password=None):
    return from_address(address, username=user.username, password=password or next(wrong))


victim = new_user()
with limits(login_failures_per_pair=3):
    same([guess_from(f"2001:db8:7:1:{number}::{number}", victim) for number in range(5)], [401, 401, 401, 429, 429],
         "all addresses of a /64 are one client's")
    same(guess_from("2001:db8:7:2::1", victim), 401, "the next /64 is another's")
    same([guess_from(address, victim) for address in ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207", "192.0.2.7")], [401, 401, 401, 429],
         "IPv4 as IPv6 writes it is the same address")
    same(guess_from("::ffff:192.0.2.8", victim), 401, "of which each is another's")
forget_all()
with limits(login_failures_per_address=3):
    same([from_address(f"2001:db8:8:1:{number}::", "/register", username=new_name(), password=PASSWORD) for number in range(4)],
         [201, 201, 201, 429], "so registrations are counted")
    same(guess_from("2001:db8:8:1::77", victim), 429, "together with guesses")
forget_all()
with limits(login_failures_per_account=2):
    same(guess_from("2001:db8:9:1::1", victim, PASSWORD), 200, "somebody logs in by IPv6")
    same(guess_from("::ffff:192.0.2.9", victim, PASSWORD), 200, "and by IPv4 as IPv6 writes it")
    lock(victim, 2)
    same([guess_from(address, victim, PASSWORD) for address in ("2001:db8:9:1:ffff::2", "192.0.2.9", "2001:db8:9:2::1", "192.0.2.10")],
         [200, 200, 429, 429], "the account's other addresses are those of its /64, and the same of IPv4")
shown = Client(Browser(device=known_device(victim)).log_in(victim).token).get("/sessions").json()["sessions"]
check({"2001:db8:9:1::1", "192.0.2.9"} <= {one["address"] for one in shown}, "sessions show the address as it is", shown)
forget_all()

# --- what is kept

def rows():
    return int(psql("SELECT count(*) FROM mayfly.attempt"))


with limits(login_failures_per_address=3):
    home = next(elsewhere)
    for _ in range(4):
        Browser(home).log_in(User(new_name()), next(wrong))
    before = rows()
    refused = statuses(Browser(home).log_in(User(new_name()), next(wrong)) for _ in range(40))
    same((set(refused), rows() - before), ({429}, 0), "who is refused leaves no rows")
    check(before <= 3 * 3 + 1, "each attempt that counts leaves three at most", before)
psql("UPDATE mayfly.attempt SET made_at = made_at - interval '901 seconds', updated_at = updated_at - interval '901 seconds'")
subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], check=True, capture_output=True)
same(rows(), 0, "which end with the window")
done()
