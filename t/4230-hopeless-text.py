#!/usr/bin/python3
"""
Texts that take long to normalise, in every place that takes a text: each is refused or cut before the database sees it, and
whoever logs in meanwhile is served as if nobody had sent them. Times are compared with those of this very run.
"""

import base64
import json
import subprocess
import sys
import time
import unicodedata
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import files
from chaos import Threads
from mayfly import (PAGE, PASSWORD, SCRATCH, Client, check, done, new_name, new_user, note, psql, same, settings, signed_in,
                    try_login)

# Two classes in turns: canonical ordering moves each mark past all before it.
MARKS = "\u0300\u0316"
LONG = "a" + MARKS * 32_700  # a body of 130 kB
SEARCH = "a" + MARKS * 640
MARKS_MAX = 30
# What takes no longer than this does not hold anybody up; a log-in takes some 5 ms here. For a busy machine.
PATIENCE_S = 1.5


def took(function):
    began = time.monotonic()
    answer = function()
    return time.monotonic() - began, answer


def utf8(fields):
    """A body as UTF-8, where \\u0300 would be three times as long."""
    return {"body": json.dumps(fields, ensure_ascii=False).encode(), "headers": {"Content-Type": "application/json"}}


def log_in_as(name):
    return Client(timeout=20).post("/login", **utf8({"username": name, "password": PASSWORD}))


def longest_run(text):
    longest = run = 0
    for character in unicodedata.normalize("NFD", text):
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest


def key_of(text):
    """What name_key makes of it; the error's text when that takes too long."""
    try:
        return psql(f"SET statement_timeout = '5s'; SELECT mayfly.name_key({text}) IS NULL")
    except RuntimeError as error:
        return str(error)


def busy_backends():
    return int(psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly' AND state = 'active'"))


user, client = signed_in()
guest = Client()

# --- before anybody is known

for what, name in (("65,400 marks", LONG), ("1,280 marks", SEARCH), ("31 marks", "a" + "\u0300" * 31), ("64 kB of letters", "a" * 65536),
                   ("a ligature that NFKC makes 18 of", "\ufdfa" * 40_000), ("half-width sound marks", "\uff76" + "\uff9e\u0316" * 20_000),
                   ("255 characters", "a" * 255)):
    seconds, answer = took(lambda name=name: log_in_as(name))
    same((answer.status, answer.error), (422, "unprocessable"), f"a log-in by {what} is refused", answer)
    check(seconds < PATIENCE_S, "at once", seconds)
same(try_login("a" * 254).status, 401, "254 characters may be a name, so that is 401 as for any that nobody has")
same(try_login("a" + MARKS * 15).status, 401, "and so may thirty marks in a row")
answer = guest.post("/login", form={"username": SEARCH, "password": PASSWORD}, headers={"Accept": PAGE})
same((answer.status, answer.headers.get("content-type")), (422, "text/html; charset=utf-8"), "a browser is shown a page")

for field in ("username", "email", "name"):
    for what, text in (("65,400", LONG), ("60", "a" + MARKS * 30)):
        value = f"{text}@example.org" if field == "email" else text
        seconds, answer = took(lambda: guest.post("/register", **utf8({"username": new_name(), "password": PASSWORD, field: value})))
        same((answer.status, seconds < PATIENCE_S), (422, True), f"{what} marks are no {field} to register", seconds, answer)
same(guest.post("/register", json={"username": new_name("e\u0301\u0327"), "password": PASSWORD}).status, 201, "a few marks are")

# --- of somebody who is logged in

for body in ({"name": LONG}, {"email": LONG + "@example.org", "password": PASSWORD}):
    seconds, answer = took(lambda body=body: client.patch("/profile", **utf8(body)))
    same((answer.status, seconds < PATIENCE_S), (422, True), f"nor a change of {next(iter(body))}", seconds, answer)

query = urllib.parse.quote(SEARCH)
for headers, kind in (({}, "application/problem+json"), ({"Accept": PAGE}, "text/html; charset=utf-8")):
    answer = client.get(f"/files?q={query}", headers=headers)
    same((answer.status, answer.headers.get("content-type")), (422, kind), f"a search for 1,280 marks is refused, as {kind}", answer)
same(client.get(f"/files?q={'a' * 256}").status, 422, "so is one for more than a name can have")

HOSTILE = "a" + MARKS * 60 + ".txt"
ways = {
    "a raw body": lambda: files.post_raw(client, b"x", HOSTILE).json()["id"],
    "Content-Disposition": lambda: client.post(
        "/upload", body=b"x", headers={"Content-Disposition": f"attachment; filename*=UTF-8''{urllib.parse.quote(HOSTILE)}"}).json()["id"],
    "a form": lambda: files.post_form(client, files.part("file", b"x", HOSTILE)).json()["id"],
    "tus": lambda: files.tus_create(client, 1, b"x", Upload_Metadata=files.metadata(filename=HOSTILE)).headers["location"].split("/")[-1],
}
for way, send in ways.items():
    sent = send()
    name = next(one["name"] for one in client.get("/files").json()["files"] if one["id"] == sent)
    check(name.endswith(".txt") and longest_run(name) == MARKS_MAX, f"a file's name by {way} is kept with thirty marks in a row", ascii(name))
    client.patch(f"/files/{sent}", json={"name": HOSTILE})
    renamed = client.get("/files").json()["files"][0]["name"]
    check(renamed.endswith(".txt") and longest_run(renamed) == MARKS_MAX, "and so when it is renamed", ascii(renamed))
metadata = "filename " + base64.b64encode(LONG[:1500].encode()).decode()
same(files.tus_create(client, 1, Upload_Metadata=metadata).status, 201, "of a longer one by tus a name is made as well")

agent = Client().post("/login", json={"username": user.username, "password": PASSWORD}, headers={"User-Agent": HOSTILE.encode().decode("latin-1")})
same(agent.status, 200, "a program may call itself what it likes")
shown = next(one["user_agent"] for one in Client(agent.token).get("/sessions").json()["sessions"] if one["current"])
same(longest_run(shown), MARKS_MAX, "and is shown without the marks that are too many", ascii(shown))

# --- by the administrator

control = [SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf"]
for words in (["user", "add", "a" + MARKS * 5000], ["user", "disable", "a" + MARKS * 5000], ["user", "groups", user.username, "g" * 65],
              ["user", "add", new_name(), "--name", "a" + MARKS * 20]):
    seconds, ran = took(lambda words=words: subprocess.run([*control, *words], input="a quiet green lamp\n", capture_output=True, text=True,
                                                           errors="replace", timeout=30))
    check(ran.returncode != 0 and ("marks" in ran.stderr or "characters" in ran.stderr) and seconds < PATIENCE_S,
          f"mayflyctl {' '.join(words[:2])} refuses them too", seconds, ran.stderr)

# --- in the database, for whoever did not check

seconds, key = took(lambda: key_of(f"'a' || repeat('{MARKS}', 6000)"))
same((key, seconds < PATIENCE_S), ("t", True), "the database normalises nothing that is longer than a name can be", seconds)
# A table of some rows is read whole, whatever indexes it has.
plan = psql(f"SET enable_seqscan = off; EXPLAIN SELECT * FROM mayfly.account WHERE mayfly.name_key(username) = mayfly.name_key('{user.username}')")
check("account_username" in plan, "while it finds names by their index", plan)

# --- beside others

crowd = [new_user().username for _ in range(4)]
names = [f"{new_name()}{MARKS * 15}.txt" for _ in range(300)]
for name in names:
    files.post_raw(client, b"x", name)


def log_in(times, name):
    seconds, answer = took(lambda: Client(timeout=90).post("/login", json={"username": name, "password": PASSWORD}))
    times.append(seconds)
    assert answer.status == 200, answer


def hostile_login():
    log_in_as(LONG)


def hostile_search():
    Client(client.token, timeout=90).get(f"/files?q={urllib.parse.quote(new_name() + MARKS * 15)}")


def ninth(times):
    return sorted(times)[int(len(times) * 0.9)]


def together(hostile, seconds=4):
    times = []
    with Threads() as threads:
        for name in crowd:
            threads.repeat(log_in, times, name)
        for function in hostile:
            threads.repeat(function)
        time.sleep(seconds)
    return times, threads.errors


# Passwords take what they take where they are hashed in earnest, so that what is beside them is seen in proportion.
with settings(password_memory_kib=1024, password_passes=2, sessions_per_account=1):
    alone, errors = together([])
    same(errors, [], "people log in")
    for what, hostile in (("hopeless log-ins", [hostile_login] * 3), ("searches", [hostile_search] * 3)):
        beside, errors = together(hostile)
        note(f"nine of ten log-ins within {ninth(alone):.3f} s alone, {ninth(beside):.3f} s beside {what}; {len(alone)} and {len(beside)}")
        same(errors, [], f"beside {what} nobody is refused")
        # Seven instead of four share the machine, and each sends 130 kB to be read.
        check(ninth(beside) < max(8 * ninth(alone), 0.5) and len(beside) > len(alone) / 8, f"and log-ins go on beside {what}",
              ninth(alone), ninth(beside))
check(busy_backends() <= 1, "no backend of the database is left at work")
done()
