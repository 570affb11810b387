#!/usr/bin/python3
"""
An account is closed in one short transaction, however much it owns: from the answer on nothing of it can be reached, its names
are free, and the sweeper lets go of its files, a bounded number at a time, and goes on where one that died has stopped.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import fill
from mayfly import PASSWORD, SCRATCH, Client, User, check, dev, done, login, note, psql, same, settings, signed_in, try_login

FILES = 20_000  # so many take several times the deadline below when their rows are changed in one statement
DEADLINE_MS = 150
LEFT = 700  # more than one step of the sweeper lets go of


def ctl(*words, **environment):
    return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True,
                          env={**os.environ, **environment}, check=False)


def owner(email):
    user, client = signed_in(email=email)
    file = client.post("/upload?name=a.txt", body=b"mine", headers={"Content-Type": "text/plain"}).json()["id"]
    link = client.post(f"/files/{file}/link", json={}).json()["url"]
    client.put("/profile/data", json={"secret": "diary"})
    return user, client, file, link


def nothing_is_reached(how, user, client, file, link, email):
    same([client.get(path).status for path in ("/profile", f"/files/{file}", "/profile/data", "/session/data")], [401] * 4,
         f"{how}: its session has ended")
    same(Client().get(link).status, 404, f"{how}: its link has ended")
    same(try_login(user.username).status, 401, f"{how}: nobody logs in by its name")
    same(Client().post("/register", json={"username": user.username, "email": email, "password": PASSWORD}).status, 201,
         f"{how}: name and address are free")
    same(Client(login(User(user.username))).get("/files?format=json").json()["files"], [], f"{how}: and whoever takes them has nothing of it")
    row = psql(f"SELECT coalesce(username, '-'), coalesce(email, '-'), name, password_hash, groups, disabled, closing_at IS NOT NULL, "
               f"profile ~ '{user.username}' FROM mayfly.account WHERE id = '{user.id}'")
    check(row in ("", "-|-|||{}|t|t|f"), f"{how}: the row says nothing of anybody", row)
    same(psql(f"SELECT (SELECT count(*) FROM mayfly.session WHERE account_id = '{user.id}'), (SELECT count(*) FROM mayfly.profile_data "
              f"WHERE account_id = '{user.id}'), (SELECT count(*) FROM mayfly.account_usage WHERE account_id = '{user.id}')"), "0|0|0",
         f"{how}: neither sessions nor a document are left")


def listed(name):
    return name in ctl("user", "list", "--json").stdout


email = f"large{os.getpid()}@example.org"
user, client, file, link = owner(email)
same(Client().get(link).status, 200, "an account has a link that works")
with settings(sweep_every_s=0):  # workers keep off, so that each step can be looked at
    began = time.monotonic()
    fill(user.id, FILES)
    note(f"{FILES} rows of files in {time.monotonic() - began:.1f} s")
    key = {"Idempotency-Key": f"close-{os.getpid()}"}
    with settings(database_timeout_ms=DEADLINE_MS, database_budget_ms=DEADLINE_MS):
        for _ in range(8):  # a busy machine may take that long for nothing
            answer = client.delete("/profile", json={"password": PASSWORD}, headers=key)
            if answer.status != 503:
                break
    same(answer.status, 204, f"an account with {FILES:,} files is closed within a deadline of {DEADLINE_MS} ms", answer)
    same(client.delete("/profile", json={"password": PASSWORD}, headers=key).status, 204, "and once: a repetition is told the same")
    nothing_is_reached("closed by its owner", user, client, file, link, email)
    same(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}'"), str(FILES + 1), "its files are there still")
    psql(f"DELETE FROM mayfly.file WHERE id IN (SELECT id FROM mayfly.file WHERE account_id = '{user.id}' AND id <> '{file}' "
         f"LIMIT {FILES - LEFT})")
    same([line for line in ctl("fsck").stdout.splitlines() if user.id in line], [], "which is no finding of fsck")
    died = ctl("sweep", MAYFLY_CRASH="account-swept:1")
    check(died.returncode < 0, "a sweeper dies after its first step", died)
    left = int(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}'"))
    check(0 < left < LEFT, f"which was a part of the work: {left} of {LEFT + 1} are left", left)
    same(psql(f"SELECT closing_at IS NOT NULL FROM mayfly.account WHERE id = '{user.id}'"), "t", "and the account is closing still")
    swept = ctl("sweep")
    same(swept.returncode, 0, "the next one goes on", swept)
    check(", 1 accounts" in swept.stderr, "and tells that the account is gone", swept.stderr)
    same(psql(f"SELECT (SELECT count(*) FROM mayfly.account WHERE id = '{user.id}'), (SELECT count(*) FROM mayfly.file WHERE account_id = "
              f"'{user.id}'), (SELECT count(*) FROM mayfly.file_chunk WHERE file_id = '{file}')"), "0|0|0", "nothing of it is left")

    email = f"other{os.getpid()}@example.org"
    user, client, file, link = owner(email)
    check(listed(user.username), "mayflyctl user list has an account")
    closed = ctl("user", "delete", user.username)
    same(closed.returncode, 0, "mayflyctl user delete closes it", closed)
    check(not listed(user.id) and not listed(user.username), "and lists it no more")
    nothing_is_reached("closed by mayflyctl", user, client, file, link, email)
    same(ctl("user", "delete", f"nobody{os.getpid()}").returncode, 1, "there is nobody to be closed by a wrong name")

with settings(sweep_every_s=1):
    until = time.monotonic() + 60
    while psql(f"SELECT count(*) FROM mayfly.account WHERE id = '{user.id}'") != "0" and time.monotonic() < until:
        time.sleep(0.1)
    same(psql(f"SELECT count(*) FROM mayfly.account WHERE id = '{user.id}'"), "0", "workers that have nothing to do finish it")
psql("DELETE FROM mayfly.file WHERE state = 'deleting' AND size = 0")
done()
