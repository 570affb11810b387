#!/usr/bin/python3
"""Guessing is limited by one counter for all workers; the answer says when to try again, and the owner is never locked out for good."""

import itertools
import json
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import fcgi_connect, fcgi_request
from mayfly import PAGE, Client, User, check, done, new_name, new_user, psql, same, settings, signed_in, try_login

WORDS = itertools.count()
HOME, ABROAD = "127.0.0.1", [f"127.0.0.{number}" for number in range(11, 20)]


def wrong():
    """A password that is nobody's, and another one each time: the same again does not count (t/4220)."""
    return f"not it at all, sorry {next(WORDS)}"


def ask_raw(address, name):
    """A wrong log-in from an address that only nginx can name."""
    connection = fcgi_connect("a")
    connection.sendall(fcgi_request("POST", "/login", json.dumps({"username": name, "password": wrong()}).encode(), REMOTE_ADDR=address))
    received = connection.recv(65536)
    return int(re.search(rb"Status: (\d+)", received).group(1))


def guess(name, times):
    return [try_login(name, wrong()) for _ in range(times)]


def log_in_from(address, user, password=None):
    return Client(source=address).post("/login", json={"username": user.username, "password": password or user.password})


victim, bystander, unknown = new_user(), new_user(), new_name()
owner, client = signed_in()
with settings(login_failures_per_pair=3, login_window_s=6):
    answers = guess(victim.username, 8)
    statuses = [answer.status for answer in answers]
    # The bucket drains meanwhile, a third in two seconds.
    same(statuses[:4], [401, 401, 401, 429], "three guesses are answered, the fourth is 429", statuses)
    refused = [answer for answer in answers if answer.status == 429]
    answer = refused[0]
    same(answer.error, "too_many_requests", "with its word", answer)
    retry = answer.headers.get("retry-after", "")
    check(retry.isdigit() and 1 <= int(retry) <= 6, "and Retry-After in seconds", retry)
    same(len({answer.pool for answer in answers}), 2, "both pools answered: they count together",
         [answer.worker for answer in answers])
    check("set-cookie" not in answer.headers, "no cookie is touched")
    same(try_login(victim.username).status, 429, "the right password is not taken now either: a guesser learns nothing")
    same(try_login(victim.username.upper(), wrong()).status, 429, "another spelling is the same account")
    same(try_login(bystander.username).status, 200, "somebody else logs in meanwhile")
    page = Client().post("/login", form={"username": victim.username, "password": wrong()}, headers={"Accept": PAGE})
    same((page.status, page.headers.get("content-type"), "retry-after" in page.headers),
         (429, "text/html; charset=utf-8", True), "a browser is shown a page")

    spelt = new_user(email=f"{new_name()}@example.org")
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in spelt.username)
    statuses = [try_login(name, wrong()).status for name in (spelt.username, wide, spelt.email, wide.upper())]
    same(statuses, [401, 401, 401, 429], "however an account's name is spelt, and by its address, it is one account")
    same(try_login(wide, spelt.password).status, 429, "also with the right password")
    nobody = new_name()
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in nobody)
    same([try_login(name, wrong()).status for name in (nobody, wide, wide.upper(), nobody)], [401, 401, 401, 429],
         "nor do spellings of a name that nobody has tell that nobody has it")

    answers = guess(unknown, 4)
    same([answer.status for answer in answers], [401, 401, 401, 429], "a name that nobody has is limited alike")
    strip = [{**answer.headers, "x-request-id": "", "x-mayfly-worker": "", "date": ""} for answer in (answers[3], refused[0])]
    same(sorted(strip[0]), sorted(strip[1]), "and tells the same")

    began = time.monotonic()
    status = 429
    while status == 429 and time.monotonic() - began < 20:
        answer = try_login(victim.username)
        status = answer.status
        if status == 429:
            time.sleep(min(float(answer.headers["retry-after"]), 3))
    same(status, 200, "who waits for Retry-After gets in")
    check(time.monotonic() - began < 8, "within the window", time.monotonic() - began)
    same([answer.status for answer in guess(victim.username, 3)], [401] * 3, "a log-in clears the counter")

    time.sleep(6.5)
    same([try_login(victim.username).status for _ in range(10)], [200] * 10, "log-ins that succeed are not limited")
    same(sorted(answer.status for answer in guess(victim.username, 4)), [401, 401, 401, 429], "nor do they buy guesses")

    keyed = {"Idempotency-Key": new_name()}
    fields = {"username": bystander.username, "password": bystander.password}
    statuses = [Client().post("/login", json=fields, headers=keyed).status for _ in range(8)]
    same(statuses, [200] * 8, "nor is repeating one under its Idempotency-Key")

    answers = [client.post("/password", json={"current": wrong(), "new": "eleven herons on a leg"}).status for _ in range(4)]
    same(answers, [403, 403, 403, 429], "guessing the password within a session is limited as well")
    same(client.patch("/profile", json={"email": "thief@example.org", "password": wrong()}).status, 429,
         "by the same count for changes of the e-mail address")
    same(client.patch("/profile", json={"name": "Ann"}).status, 200, "which a change of the name has no part in")
    same(client.get("/profile").status, 200, "and does not end the session")

with settings(login_failures_per_pair=2, login_window_s=600):
    statuses = [ask_raw("unix:", victim.username) for _ in range(4)]
    same(statuses, [401, 401, 429, 429], "a client that nginx has no address of is limited as well")

owner, _ = signed_in()  # from HOME
with settings(login_failures_per_account=3, login_window_s=600):
    answers = [log_in_from(address, owner, wrong()) for address in ABROAD[:4]]
    same([answer.status for answer in answers], [401, 401, 401, 429],
         "three guesses from three addresses are answered, the fourth from one more is 429", answers)
    retry = answers[3].headers.get("retry-after", "")
    check(retry.isdigit() and 1 <= int(retry) <= 200, "with Retry-After in seconds: a third of the window at most", retry)
    same(log_in_from(ABROAD[4], owner).status, 429, "the right password is not taken either from an address that is new")
    same(log_in_from(HOME, owner).status, 200, "but strangers lock no owner out who has a session from his address")
    same(log_in_from(ABROAD[5], owner).status, 429, "which lets nobody else in")
    same(log_in_from(HOME, owner, wrong()).status, 401, "while he may even mistype it")
    same([log_in_from(ABROAD[0], bystander, password).status for password in (wrong(), None)], [401, 200],
         "other accounts are not affected, not even where the guesses came from")
    same(log_in_from(ABROAD[0], owner).status, 429, "nor does their session make that address one of the owner's")
    nobody = User(new_name())
    same([log_in_from(address, nobody, wrong()).status for address in ABROAD[:4]], [401, 401, 401, 429],
         "a name that nobody has is limited alike")
    psql(f"UPDATE mayfly.attempt SET updated_at = updated_at - interval '{retry or 0} seconds'")
    same([log_in_from(address, owner).status for address in ABROAD[5:8]], [200, 200, 200],
         "after Retry-After the owner gets in from anywhere, as often as he likes")
    same([log_in_from(ABROAD[8], owner, wrong()).status for _ in range(2)], [401, 429], "while a guesser has one more guess")

names = [new_name() for _ in range(3)]
with settings(login_failures_per_address=3, login_window_s=6):
    statuses = [try_login(name, wrong()).status for name in [new_name() for _ in range(5)]]
    same(statuses[:4], [401, 401, 401, 429], "many names from one address are limited by the address", statuses)
    time.sleep(6.5)
    statuses = [Client().post("/register", json={"username": new_name(), "password": "a quiet green lamp"}).status
                for _ in range(5)]
    same(statuses[:4], [201, 201, 201, 429], "so are registrations", statuses)
same(try_login(victim.username).status, 200, "with the settings as before everybody logs in")
done()
