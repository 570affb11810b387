#!/usr/bin/python3
"""The release before the last changes of the schema, built from the repository, serves beside this one under load, on one
database and one cache: no request fails, and what one of them writes the other one reads."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import (CHECKOUT, PASSWORD, POOLS, SCRATCH, Client, Threads, check, dev, done, login, new_name, new_user, note, psql, same, wait_until,
                   workers)

HEADERS = ("src/store/schema.h", "src/store/operate.h")  # the second one in the release before
NUMBER = re.compile(r"SCHEMA_NUMBER = (\d+)")
RELEASE_BEFORE = "0601d0bc5fd2f983157aa94fa7fce66f4957ca80"  # what has changed since belongs to the next one
PROGRAM, CONF = SCRATCH / "inst/bin/mayfly-worker", SCRATCH / "etc/mayfly.conf"
OLD_POOLS = ("a", "password-a", "files-a")
PEOPLE = 6
LEAST = 10  # requests that each pool answers while both serve
PATCHES = (1000, 300, 80, 20, 5, 400, 100)  # bytes, so that what is kept of them is in several pieces


def git(*words, **options):
    return subprocess.run(["git", "-c", "safe.directory=*", "-C", CHECKOUT, *words], check=True, capture_output=True, **options).stdout


def schema_number(folder):
    header = next(folder / name for name in HEADERS if (folder / name).exists())
    return int(NUMBER.search(header.read_text()).group(1))


def build(commit):
    """Its worker; it is kept for the next run."""
    folder = SCRATCH / f"release-{commit[:12]}"
    program = folder / "mayfly-worker"
    if not program.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        subprocess.run(["tar", "-x", "-C", folder], input=git("archive", commit), check=True)
        ran = subprocess.run("autoreconf -fi && ./configure -q CFLAGS=-O1 && make -s -j2 mayfly-worker", shell=True, cwd=folder,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if ran.returncode != 0:
            raise RuntimeError(f"{commit}: {ran.stderr[-2000:]}")
    return program, folder


class Person:
    """Writes by whichever release answers, and reads what the last write has left by whichever answers then."""

    def __init__(self, index):
        self.name, self.index = new_user("both"), index
        self.token, self.count = login(self.name), 0
        self.wrong, self.seen, self.repeated, self.left, self.uploads = [], Counter(), 0, 0, 0
        self.file = self.ask(201, "POST", "/upload?name=shared.bin", self.name.encode()).json()["id"]

    def ask(self, wanted, method, path, body=None, token=None, **headers):
        reply = Client(token or self.token, keep=False)(method, path, body, **headers)
        self.seen[reply.worker.partition("/")[0]] += 1
        if reply.status != wanted:
            self.wrong.append(f"{method} {path}: {reply}")
        return reply

    def live(self):
        self.count += 1
        for path in ("/session/data", "/profile/data"):
            self.ask(200, "PATCH", path, {"count": self.count, f"step{self.count % 20}": self.count})
            seen = self.ask(200, "GET", path).json().get("count")
            if seen != self.count:
                self.wrong.append(f"{path}: wrote {self.count}, read {seen}")
        self.repeat()
        if self.count % 4 == 0:
            old = self.token
            reply = self.ask(200, "POST", "/login", {"username": self.name, "password": PASSWORD})
            self.token = reply.json()["token"]
            self.ask(200, "POST", "/logout", token=old)
            self.ask(401, "GET", "/profile", token=old)
            self.ask(200, "PATCH", "/session/data", {"count": self.count})
            self.ask(201, "POST", "/register", {"username": new_name("born"), "password": PASSWORD})
            link = self.ask(201, "POST", f"/files/{self.file}/link").json()["url"]
            for _ in range(4):
                self.ask(200, "GET", link)
            self.leave()
            self.upload()
        time.sleep(0.01)

    def leave(self):
        """An account comes and goes: whichever release closes it, no copy of it is good and its name is free for both."""
        name = new_name("gone")
        for _ in range(2):
            self.ask(201, "POST", "/register", {"username": name, "password": PASSWORD})
            token = self.ask(200, "POST", "/login", {"username": name, "password": PASSWORD}).json()["token"]
            for _ in range(3):
                self.ask(200, "GET", "/profile", token=token)
            self.ask(204, "DELETE", "/profile", {"password": PASSWORD}, token=token)
            for _ in range(4):
                self.ask(401, "GET", "/profile", token=token)
        self.left += 1

    def upload(self):
        """One upload, each PATCH of which goes to whichever answers: the offset is that of the last one, and all bytes are there."""
        content, offset = self.name.encode() * 400, 0
        url = self.ask(201, "POST", "/uploads", Tus_Resumable="1.0.0", Upload_Length=str(len(content))).headers["location"]
        for size in PATCHES:
            said = self.ask(200, "HEAD", url, Tus_Resumable="1.0.0").headers.get("upload-offset")
            if said != str(offset):
                self.wrong.append(f"{url}: {offset} bytes were taken, HEAD says {said}")
            self.ask(204, "PATCH", url, content[offset:offset + size], Tus_Resumable="1.0.0", Upload_Offset=str(offset),
                     Content_Type="application/offset+octet-stream")
            offset += size
        self.ask(204, "PATCH", url, content[offset:], Tus_Resumable="1.0.0", Upload_Offset=str(offset),
                 Content_Type="application/offset+octet-stream")
        if self.ask(200, "GET", url.replace("uploads", "files")).body != content:
            self.wrong.append(f"{url}: the file has other bytes")
        self.uploads += 1

    def repeat(self):
        """One change under one key, sent until both releases have seen it: it is done once, whichever was the first."""
        key, answers = f"{self.name}-{self.count}", []
        for _ in range(4):
            reply = Client(self.token, keep=False)("PATCH", "/profile/data", {"repeated": self.count}, key)
            answers.append((reply.status, reply.headers.get("etag"), reply.headers.get("idempotent-replayed")))
        self.repeated += 1
        if answers != [answers[0], *[(200, answers[0][1], "true")] * 3] or answers[0][2] is not None:
            self.wrong.append(f"one key: {answers}")


def install(program):
    """By another name first: workers that run keep what they have."""
    shutil.copy(program, f"{PROGRAM}.next")
    os.replace(f"{PROGRAM}.next", PROGRAM)


def runs(program, pool):
    wanted = Path(program).read_bytes()
    found = workers(pool)
    return bool(found) and all(Path(f"/proc/{pid}/exe").read_bytes() == wanted for pid in found)


def main():
    now = schema_number(CHECKOUT)
    try:
        commit = git("rev-parse", "--verify", f"{RELEASE_BEFORE}^{{commit}}", text=True).strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        print("1..0 # SKIP the repository's history is not here")
        return
    old, folder = build(commit)
    before = schema_number(folder)
    check(before < now, f"{commit[:12]} needs schema {before}, this build {now}")
    same(int(psql("SELECT max(number) FROM mayfly.schema_change")), now, "the database has this build's")

    conf, new = CONF.read_text(), SCRATCH / "tmp/mayfly-worker.new"
    shutil.copy(PROGRAM, new)
    # What the old release does not know is refused by it; an operator removes that before going back.
    known = set(re.findall(r"^\w+\((\w+),", (folder / "src/base/settings.def").read_text(), re.M))
    CONF.write_text("".join(line for line in conf.splitlines(True) if line.startswith("#") or line.partition("=")[0].strip() in known))
    people = [Person(index) for index in range(PEOPLE)]

    def answered():
        return {pool: sum(person.seen[pool] for person in people) for pool in POOLS}

    try:
        with Threads() as threads:
            for person in people:
                threads.repeat(person.live)
            time.sleep(0.5)
            install(old)
            for pool in OLD_POOLS:
                dev("restart", pool)
            # A worker that multiwatch replaces is multiwatch for a moment.
            check(wait_until(10, lambda: all(runs(old, pool) for pool in OLD_POOLS) and all(runs(new, pool) for pool in ("b", "password-b", "files-b"))),
                  "the old release runs in one pool of each kind, this one in the other")
            for person in people:
                person.seen.clear()
            time.sleep(3)
            wait_until(60, lambda: min(answered().values()) > LEAST)
            together = answered()
            install(new)
            for pool in OLD_POOLS:
                dev("restart", pool)
            time.sleep(0.5)
        check(all(runs(new, pool) for pool in OLD_POOLS), "and this one in all of them again")
        note(f"side by side: {together} requests by pool")
        check(min(together.values()) > LEAST, "both have answered many requests", together)
        same(threads.errors, [], "no connection is lost")
        same([one for person in people for one in person.wrong][:5], [], "no request failed: not at the deploys, and not side by side")
        check(sum(person.repeated for person in people) > 20, "changes were repeated under their keys, and done once")
        check(sum(person.left for person in people) > 2, "accounts were closed by one and gone for the other")
        check(sum(person.uploads for person in people) > 5, "uploads went on from one release to the other", [person.uploads for person in people])
        same([Client(person.token)("GET", "/profile/data").json()["count"] for person in people], [person.count for person in people],
             "the last write of each is there")
    finally:
        install(new)
        mayfly._configure(conf.splitlines())  # pylint: disable=protected-access
    done()


main()
