#!/usr/bin/python3
"""P12: nobody waits in a worker for another's lock. While a row is locked, others are answered by the same worker as if it were not;
who needs it is answered when it is free again, once, or with 503 and Retry-After when that takes too long. Nor for a statement
beyond the budget."""

import http.client
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import files
from chaos import PASSWORD, check, dev, done, flush_cache, held, new_name, note, psql, same, settings, wait_until
from mayfly import Client, login, new_user, signed_in

POOLS = ("a", "b", "password-a", "password-b", "files-a", "files-b")
HOLD_S = 1.5
WRITERS = 50


class Others:
    """Somebody else, whose requests come all the time, to the pools that have the blocked ones too. How long each took."""

    def __init__(self, kind):
        self.took, self.wrong, self.over = [], [], threading.Event()
        self.user, self.client = signed_in()
        if kind == "file":
            url = files.post_raw(self.client, b"0123456789").json()["url"]
        self.ask = {"document": lambda turn: self.client.put("/session/data", json={"turn": turn}) if turn % 2 else self.client.get("/profile"),
                    "login": lambda _: Client().post("/login", json={"username": self.user.username, "password": PASSWORD}),
                    "file": lambda _: self.client.get(url)}[kind]
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        turn = 0
        while not self.over.is_set():
            turn += 1
            began = time.monotonic()
            answer = self.ask(turn)
            self.took.append(time.monotonic() - began)
            if answer.status != 200:
                self.wrong.append(answer)
            time.sleep(0.01)


def blocked(what, sql, requests, statuses=(200,), others="document"):
    """All requests at once while sql is held: nobody else waits, and each is done when the lock is gone."""
    answers = [None] * len(requests)

    def one(index):
        answers[index] = requests[index]()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(requests))]
    with Others(others or "document") as somebody, held(sql):
        somebody.took.clear()
        for thread in threads:
            thread.start()
        time.sleep(HOLD_S)
        took = sorted(somebody.took)
        early = sum(answer is not None for answer in answers)
    for thread in threads:
        thread.join()
    same(early, 0, f"{what}: waits for the lock", [answer for answer in answers if answer is not None][:2])
    if others:
        slowest = took[int(len(took) * 0.9)] if len(took) > 3 else HOLD_S
        note(f"{what}: {len(took)} requests of others meanwhile, {slowest * 1e3:.0f} ms (p90), {took[-1] * 1e3 if took else 0:.0f} ms at most")
        check(slowest < HOLD_S / 2, f"{what}: others are answered meanwhile", f"{slowest:.3f} s")
        same(somebody.wrong[:2], [], f"{what}: and rightly")
    same([answer.status for answer in answers if answer.status not in statuses], [], f"{what}: is done when the lock is gone",
         [answer for answer in answers if answer.status not in statuses][:2])
    return answers


def row(table, client, column="id"):
    return f"SELECT FROM mayfly.{table} WHERE {column} = '{client.id}' FOR UPDATE"


def person():
    user, client = signed_in()
    client.user, client.id = user, user.id
    client.session = psql(f"SELECT id FROM mayfly.session WHERE account_id = '{user.id}'")
    return client


def patches(client, path, count=8):
    """Each has a connection and a member of its own."""
    return [lambda index=index: Client(client.token).patch(path, json={f"m{index}": index}) for index in range(count)]


def check_patches(what, client, path, before=0, count=8):
    now = client.get(path)
    check(now.json().items() >= {f"m{index}": index for index in range(count)}.items(), f"{what}: all members are there", now)
    same(now.etag, f'"{before + count}"', f"{what}: each was done once")


def documents():
    for path, table, column, of in (("/profile/data", "account", "id", "id"), ("/session/data", "session", "id", "session"),
                                    ("/session/data", "session_data", "session_id", "session"),
                                    ("/profile/data", "profile_data", "account_id", "id")):
        client, before = person(), 0
        if table.endswith("_data"):
            client.put(path, json={"first": 1})
            before = 1
        what = f"PATCH {path}, {table} locked"
        blocked(what, f"SELECT FROM mayfly.{table} WHERE {column} = '{getattr(client, of)}' FOR UPDATE", patches(client, path))
        check_patches(what, client, path, before)


def accounts():
    client = person()
    blocked("PATCH /profile, account locked", row("account", client),
            [lambda name=name: Client(client.token).patch("/profile", json={"name": name}) for name in ("one", "two", "three", "four")],
            others="login")
    check(client.get("/profile").json()["name"] in ("one", "two", "three", "four"), "and has the name that one of them gave")

    with settings(login_failures_per_pair=3):
        client = person()
        blocked("POST /login, account locked", row("account", client),
                [lambda: Client().post("/login", json={"username": client.user.username, "password": PASSWORD}) for _ in range(2)],
                others="login")
        same(psql(f"SELECT count(*) FROM mayfly.session WHERE account_id = '{client.id}'"), "3", "POST /login: each log-in made one session")
        client = person()
        blocked("POST /login, attempts locked", "SELECT FROM mayfly.attempt FOR UPDATE",
                [lambda: Client().post("/login", json={"username": client.user.username, "password": PASSWORD})], others=None)
        client = person()
        blocked("POST /password, account locked", row("account", client),
                [lambda: Client(client.token).post("/password", json={"current": PASSWORD, "new": "eleven geese across the lake"})], others="login")

    name = new_name("wanted")
    blocked("POST /register, the name is being taken", "INSERT INTO mayfly.account (id, username, password_hash) "
            f"VALUES (gen_random_uuid(), '{name}', 'x')",
            [lambda: Client().post("/register", json={"username": name, "password": PASSWORD})], statuses=(201,),
            others="login")
    same(psql(f"SELECT count(*) FROM mayfly.account WHERE username = '{name}'"), "1", "and there is one account of that name")

    client = person()
    blocked("POST /logout, session locked", f"SELECT FROM mayfly.session WHERE id = '{client.session}' FOR UPDATE",
            [lambda: Client(client.token).post("/logout")])
    same(client.get("/profile").status, 401, "and the session is over")

    client = person()
    flush_cache()
    blocked("GET /profile, the table locked", "LOCK TABLE mayfly.session IN ACCESS EXCLUSIVE MODE",
            [lambda: Client(client.token).get("/profile") for _ in range(4)], others=None)


def uploads():
    client = person()
    content = files.noise(600_000)
    for what, sql in (("account locked", row("account", client)), ("its count locked", row("account_usage", client, "account_id"))):
        answers = blocked(f"POST /upload, {what}", sql, [lambda index=index: files.post_raw(Client(client.token), content, f"{what} {index}")
                                                         for index in range(3)], statuses=(201,), others="file")
        same({answer.json()["sha256"] for answer in answers}, {files.sha256(content)}, f"POST /upload, {what}: whole")
    same([int(word) for word in psql(f"SELECT files, bytes FROM mayfly.account_usage WHERE account_id = '{client.id}'").split("|")],
         [6, 6 * len(content)], "POST /upload: and each counts once")

    ids = [one["id"] for one in client.get("/files").json()["files"]]
    locked = f"SELECT FROM mayfly.file WHERE account_id = '{client.id}' FOR UPDATE"
    blocked("PATCH /files/ID, file locked", locked, [lambda name=name: Client(client.token).patch(f"/files/{ids[0]}", json={"name": name})
                                                     for name in ("one", "two")], statuses=(204,), others="file")
    blocked("DELETE /files/ID, file locked", locked, [lambda: Client(client.token).delete(f"/files/{ids[0]}")], statuses=(204,),
            others="file")
    same(client.get(f"/files/{ids[0]}").status, 404, "and the file is gone")

    link = client.post(f"/files/{ids[1]}/link", json={"uses": 3}).json()["url"]
    blocked("GET /shared/TOKEN, link locked", "SELECT FROM mayfly.file_link FOR UPDATE", [lambda: Client().get(link) for _ in range(2)],
            others="file")
    same(psql(f"SELECT uses_left FROM mayfly.file_link WHERE file_id = '{ids[1]}'"), "1", "and each download counted once")

    made = client.post("/uploads", headers={**files.TUS, "Upload-Length": "600000"})
    place = made.headers["location"]
    answers = blocked("PATCH /uploads/ID, file locked", locked, [lambda: Client(client.token).patch(
        place, body=content, headers={**files.TUS, "Upload-Offset": "0", "Content-Type": files.CHUNK})], statuses=(204,), others="file")
    same(client.get(place.replace("/uploads/", "/files/")).body == content, True, "and the file is whole")


def bodies():
    """Bytes that came can't be given back, nor can a step of a job be: what meets a lock there goes on from there."""
    client = person()
    content = files.noise(600_000)
    place = files.tus_create(client, len(content)).headers["location"]
    with files.half_patch(client, place, 0, len(content), content[:1000]) as half:
        check(wait_until(5, lambda: psql(f"SELECT lease_until > now() FROM mayfly.file WHERE account_id = '{client.id}'") == "t"),
              "an upload has begun")

        def rest():
            half.sendall(content[1000:])
            answer = http.client.HTTPResponse(half)
            answer.begin()
            return answer

        blocked("the rest of a PATCH, file locked", f"SELECT FROM mayfly.file WHERE account_id = '{client.id}' FOR UPDATE", [rest],
                statuses=(204,), others="file")
    same(client.get(place.replace("/uploads/", "/files/")).body == content, True, "and the file is whole")

    answers = blocked("the end of a POST /upload, outcomes locked", "LOCK TABLE mayfly.outcome_request IN SHARE MODE",
                      [lambda index=index: files.post_raw(Client(client.token), content, f"late {index}") for index in range(3)],
                      statuses=(201,), others="file")
    same({answer.json()["sha256"] for answer in answers}, {files.sha256(content)}, "and each file is whole")


def sweeping():
    """Workers that have nothing to do remove garbage, and somebody comes."""
    _, client = signed_in()
    url = files.post_raw(client, b"0123456789").json()["url"]
    with settings(sweep_every_s=1), held("LOCK TABLE mayfly.file_link IN SHARE MODE"):
        time.sleep(2.5)
        took = []
        for _ in range(8):
            began = time.monotonic()
            same(client.get(url).status, 200, "a download beside a sweep that meets a lock")
            took.append(time.monotonic() - began)
    check(max(took) < HOLD_S / 2, "does not wait for it", took)


def patience():
    client = person()
    with settings(database_patience_ms=300):
        for what, ask in (("PATCH /profile/data", lambda: client.patch("/profile/data", json={"late": 1})),
                          ("POST /upload", lambda: files.post_raw(client, b"late"))):
            with held(row("account", client)):
                began = time.monotonic()
                answer = ask()
                took = time.monotonic() - began
            check(answer.stated_503() and answer.error == "unavailable", f"{what}: a lock that stays is 503 with Retry-After", answer)
            check("x-mayfly-worker" in answer.headers, "which the worker says, before nginx is tired of it", answer.headers)
            note(f"after {took:.2f} s, with a patience of 0.3 s")
        same((client.get("/profile/data").json(), client.get("/files").json()["files"]), ({}, []), "and nothing is done later")
        same(client.patch("/profile/data", json={"late": 1}).status, 200, "when it is gone the next one is done")


def cancelled():
    """PostgreSQL says of a lock timeout at a bad moment that the statement was cancelled; pg_cancel_backend makes the same error."""
    client = person()
    waits = f"""SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
                WHERE usename = 'mayfly' AND wait_event_type = 'Lock'"""
    answers = []
    with settings(database_lock_ms=800):
        with held(row("account", client)):
            thread = threading.Thread(target=lambda: answers.append(client.patch("/profile/data", json={"m0": 0})))
            thread.start()
            check(wait_until(5, lambda: int(psql(waits)) > 0), "a statement that waits for a lock is cancelled")
        thread.join()
        same(answers[0].status, 200, "its request is done when the lock is gone", answers[0])
        check_patches("cancelled", client, "/profile/data", 0, 1)


def killed():
    client = person()
    answers = []
    threads = [threading.Thread(target=lambda one=one: answers.append(one())) for one in patches(client, "/profile/data", 4)]
    with held(row("account", client)):
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        dev("kill")
    for thread in threads:
        thread.join()
    same(Counter(answer.status for answer in answers), {200: 4}, "who is put aside loses nothing when every worker is killed", answers)
    check_patches("killed", client, "/profile/data", 0, 4)


def sleeping():
    return int(psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'mayfly'"))


def budget():
    """A statement that would take five seconds; it is ended where it runs, not only given up."""
    client = person()
    psql("CREATE FUNCTION mayfly.t5410() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(5); RETURN NEW; END';"
         "CREATE TRIGGER t5410 BEFORE INSERT ON mayfly.profile_data FOR EACH ROW EXECUTE FUNCTION mayfly.t5410()")
    try:
        # No other limit ends it: a client waits for it for longer than it takes.
        with settings(database_budget_ms=300, database_timeout_ms=60000):
            answer = client.put("/profile/data", json={"late": 1})
            same(sleeping(), 0, "a statement beyond the budget goes on nowhere")
            check(answer.stated_503(), "and is 503 with Retry-After", answer)
    finally:
        psql("DROP FUNCTION mayfly.t5410() CASCADE")
    same(client.get("/profile/data").json(), {}, "and has changed nothing")


def fairness():
    client = person()
    answers = blocked(f"{WRITERS} writers of one document", row("account", client), patches(client, "/profile/data", WRITERS))
    check_patches("fairness", client, "/profile/data", 0, WRITERS)
    same(len({answer.etag for answer in answers}), WRITERS, "each of them made a version of its own")


def main():
    for pool in POOLS:
        dev("scale", pool, 1)
    try:
        documents()
        accounts()
        uploads()
        bodies()
        sweeping()
        patience()
        cancelled()
        killed()
        budget()
        fairness()
    finally:
        for pool in POOLS:
            dev("scale", pool, 2 if pool in "ab" else 1)
    done()


main()
