#!/usr/bin/python3
"""The installation's secret is rotated while people work, step by step, one pool after the other: no change is done twice, no link,
form, device or session is lost, and mayflyctl refuses the steps that would lose one."""

import base64
import hashlib
import os
import re
import secrets
import stat
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import POOLS, wait_until
from mayfly import PAGE, PASSWORD, SCRATCH, Client, check, dev, done, new_name, note, psql, same, settings, signed_in, try_login

PROGRAM = SCRATCH / "inst/bin/mayflyctl"
SECRET = SCRATCH / "etc/secret"
NAME = re.compile(r"[0-9a-f]{8}")
GUESSES = 4  # at a password from one address


def ctl(*words):
    ran = subprocess.run([PROGRAM, "-c", SCRATCH / "etc/mayfly.conf", "secret", *words], capture_output=True, text=True)
    return ran.returncode, ran.stdout, ran.stderr


def keys():
    """[(name, state, workers without it)]"""
    status, out, err = ctl("list")
    assert status == 0, err
    return [(words[0], words[1], words[3]) for words in (line.split(maxsplit=3) for line in out.splitlines()[1:])]


def placed():
    found = SECRET.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def restart_all():
    for pool in POOLS:
        dev("restart", pool)


def keyed_link(file):
    """As the release before makes one: its hash is keyed with the first key."""
    raw = uuid.UUID(psql("SELECT gen_random_uuid()")).bytes + os.urandom(32)
    key = bytes.fromhex(SECRET.read_text().split()[0])
    mac = hashlib.blake2b(b"file link\0" + raw, key=key, digest_size=32).hexdigest()
    psql(f"INSERT INTO mayfly.file_link (id, file_id, secret_hash, expires_at) VALUES ('{raw[:16].hex()}', '{file}', '\\x{mac}',"
         " now() + interval '1 hour')")
    return "/shared/" + base64.urlsafe_b64encode(raw).decode()


class Person:
    """Works, keeps what it was given, and repeats and uses all of it again and again."""

    def __init__(self):
        self.user, self.client = signed_in()
        self.wrong, self.kept, self.links, self.forms = [], [], [], []
        self.count, self.born, self.begins_anew = 0, [], False
        self.file = self.client.post("/upload?name=a", body=b"bytes", headers={"Content-Type": "application/octet-stream"}).json()["id"]
        self.browser = Client(cookie=f"mayfly={self.client.token}")

    def wants(self, right, what, answer):
        if not right:
            self.wrong.append(f"{what}: {answer}")
        return right

    def fresh(self):
        return Client(self.client.token)

    def change(self):
        """Once, sent twice at the same time."""
        headers = {"Idempotency-Key": f"k-{secrets.token_hex(8)}"}
        body = {"n": self.count}
        answers = []

        def send():
            answers.append(self.fresh().patch("/profile/data", json=body, headers=headers))

        pair = [threading.Thread(target=send) for _ in range(2)]
        for one in pair:
            one.start()
        for one in pair:
            one.join()
        self.count += 1
        for answer in answers:
            self.wants(answer.status == 200 and answer.etag == answers[0].etag, "two at once are one change", answer)
        self.kept.append((headers, body, answers[0].etag))

    def register(self):
        headers, name = {"Idempotency-Key": f"r-{secrets.token_hex(8)}"}, new_name("rot")
        body = {"username": name, "password": PASSWORD}
        answer = Client().post("/register", json=body, headers=headers)
        if self.wants(answer.status == 201, "register", answer):
            self.born.append((headers, body, answer.json()["user"]["id"]))

    def take(self):
        """What is good for longer."""
        answer = self.fresh().post(f"/files/{self.file}/link")
        if self.wants(answer.status == 201, "a link", answer):
            self.links.append(answer.json()["url"])
        page = self.browser.get("/account", headers={"Accept": PAGE})
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        if self.wants(found, "a form", page):
            self.forms.append(found.group(1))

    def live(self):
        if self.begins_anew:  # what it was given has had its time, but for links that outlive any key
            self.kept, self.born, self.forms, self.links, self.begins_anew = [], [], [], self.links[1:], False
            self.take()
        self.change()
        for headers, body, etag in self.kept[:3] + self.kept[-3:]:
            answer = self.fresh().patch("/profile/data", json=body, headers=headers)
            self.wants(answer.status == 200 and answer.etag == etag and answer.headers.get("idempotent-replayed") == "true",
                       "a change of before, repeated", answer)
        for link in self.links[:3] + self.links[-2:]:
            answer = Client().get(link)
            self.wants(answer.status == 200 and answer.body == b"bytes", "a link of before", answer)
        for form in {*self.forms[:2], *self.forms[-2:]}:
            answer = self.browser.post("/profile", form={"name": "N", "csrf": form})
            self.wants(answer.status == 200, "a form of before", answer)
        if self.count % 4 == 0:
            self.take()
            self.register()
            for headers, body, ident in self.born[:1] + self.born[-1:]:
                answer = Client().post("/register", json=body, headers=headers)
                self.wants(answer.status == 201 and answer.json()["user"]["id"] == ident, "a registration of before", answer)
            answer = try_login(self.user.username)
            self.wants(answer.status == 200, "a log-in", answer)
            self.wants(Client(answer.token).get("/profile").status == 200, "its session", answer)
        self.wants(self.fresh().get("/profile").status == 200, "the session of before", self.user.username)


def forged():
    """How often a copy in the cache was taken for somebody else's."""
    return sum(path.read_text(errors="replace").count('"cache_item_forged"') for path in (SCRATCH / "log").glob("pool-*.log"))


def device_of(answer):
    return next((cookie.partition(";")[0] for cookie in answer.cookies if "device" in cookie), None)


def still_known(user, device):
    """Whether the owner's device has its own count, while somebody guesses who has none."""
    for _ in range(GUESSES):
        try_login(user.username, f"wrong {secrets.token_hex(4)}")
    refused = try_login(user.username).status
    answer = Client(cookie=device).post("/login", json={"username": user.username, "password": PASSWORD})
    return refused, answer.status


def work(person):
    try:
        while not over.is_set():
            person.live()
    except Exception as error:  # pylint: disable=broad-except
        failures.append(repr(error))


def while_they_work(changes=3):
    """Until each has come round some times."""
    goals = [person.count + changes for person in people]
    until = time.monotonic() + 60
    while any(person.count < goal for person, goal in zip(people, goals)) and not failures and time.monotonic() < until:
        time.sleep(0.02)


failures, over = [], threading.Event()
before, place, forged_before = SECRET.read_text(), placed(), forged()
with settings(login_failures_per_pair=GUESSES):
    people = [Person() for _ in range(3)]
    for person in people:
        person.take()
        person.links.insert(0, keyed_link(person.file))
    owner = signed_in()[0]
    device = device_of(try_login(owner.username))
    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        first, = (name for name, *_ in keys())
        same(keys(), [(first, "signs", "-")], "there is one key, which signs, and every worker has it")
        same(ctl("remove", first)[0], 1, "it can't be removed")
        while_they_work()

        status, out, err = ctl("add")
        second = out.strip()
        check(status == 0 and NAME.fullmatch(second) and "mayflyctl deploy" in err, "a key is added, and what is next is said", out, err)
        same((placed(), SECRET.read_text().split()[0], SECRET.with_name("secret.new").exists()), (place, before.split()[0], False),
             "the file has its owner, group and mode, and the first key is the first")
        same(ctl("add")[0], 1, "a second one has to wait")
        status, out, err = ctl("promote", second)
        check(status == 1 and "without" in err and "mayflyctl deploy" in err, "promoted it is only when all workers have it", status, err)
        same(len(keys()), 2, "and nothing was changed")
        for pool in POOLS[:3]:
            dev("restart", pool)
        while_they_work()
        same(ctl("promote", second)[0], 1, "half of them is not all")
        for pool in POOLS[3:]:
            dev("restart", pool)
        while_they_work()
        wait_until(20, lambda: keys()[1][2] == "-")  # those that were replaced have hung up
        status, out, err = ctl("promote", second)
        same((status, [key[:2] for key in keys()]), (0, [(second, "signs"), (first, "retired")]), "then it is", err)

        for pool in POOLS:
            dev("restart", pool)
            while_they_work(2)
        same(still_known(owner, device), (429, 200), "a device of before has its own count")
        device = device_of(Client(cookie=device).post("/login", json={"username": owner.username, "password": PASSWORD}))
        status, out, err = ctl("remove", first)
        check(status == 1 and "are valid until" in err, "the old key can't go while what it signed is good", err)

        same(forged() - forged_before, 0, "copies in the cache are good whichever key has signed them")
        old = SECRET.read_text()
        SECRET.write_text(re.sub(r"retired since \d{4}", "retired since 2001", old))
        status, out, err = ctl("remove", first)
        check(status == 1 and "links of an earlier release" in err, "nor while a link of the release before needs it", err)
        for person in people:
            person.begins_anew = True
        while_they_work()
        psql("DELETE FROM mayfly.file_link WHERE token_hash IS NULL")
        status, out, err = ctl("remove", first)
        same((status, [key[:2] for key in keys()], placed()), (0, [(second, "signs")], place), "but when all of that has ended", err)
        restart_all()
        while_they_work()
        same(still_known(owner, device), (429, 200), "and the device that has logged in since is known")
    finally:
        over.set()
        for thread in threads:
            thread.join()
        SECRET.write_text(before)  # which is read again with the settings
same((failures, [one for person in people for one in person.wrong][:5]), ([], []), "nobody noticed")
note(f"{sum(person.count for person in people)} changes, {sum(len(person.links) for person in people)} links")
twice = [person.user.username for person in people if
         int(psql(f"SELECT version FROM mayfly.profile_data WHERE account_id = '{person.user.id}'")) != person.count]
same(twice, [], "each change was done once")
same(psql("SELECT count(*) FROM mayfly.outcome WHERE sealed IS NULL"), "0", "no claim was left behind")
names = [body["username"] for person in people for _, body, _ in person.born]
same(psql(f"SELECT count(*) FROM mayfly.account WHERE username IN ({', '.join(repr(name) for name in names) or 'NULL'})"), str(len(names)),
     "nor was anybody registered twice")
done()
