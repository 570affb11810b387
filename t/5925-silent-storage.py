#!/usr/bin/python3
"""
An object storage that accepts and stays silent: whoever wants something of it hears 503 in time, everybody else is answered as
if they were not there, and nothing is lost or half written, also when workers are killed or replaced meanwhile.
"""

import contextlib
import http.client
import io
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import s3
from chaos import INST, at_once, wait_until, worker_size, workers
from files import CHUNK, TUS, noise, post_raw, sha256, tus_create, tus_head, tus_patch
from mayfly import SCRATCH, Client, check, dev, done, login, new_name, note, psql, same, settings, signed_in

from PIL import Image

MIB = 1024 * 1024
PART = 5 * MIB
TIMEOUT_S = 9  # s3_timeout_ms where it is measured what others do meanwhile
QUICK_S = 4  # and where it is not
BEYOND_S = 6  # until an answer is through a busy machine
ROUNDS = 10
HEAVY = ("files-a", "files-b")
# Each is one request of the heavy pools or of the ordinary ones. Measured times are some milliseconds to some tens of them.
SLOWER = 4  # times what they are without anybody; waiting for the storage would be hundreds of times
FLOOR_S = 0.02

user, client = signed_in()
others = [signed_in() for _ in range(5)]
people = [user, *(one for one, _ in others)]
owners = [client, *(theirs for _, theirs in others)]


def picture(width, height, seed):
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), noise(width * height * 3, seed)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def me():
    """One for each thread."""
    return Client(client.token)


@contextlib.contextmanager
def silent():
    """The storage says nothing, and is back for the workers too in the end."""
    with s3.silent():
        yield
    check(wait_until(30, lambda: post_raw(me(), b"back").status == 201), "the storage is back")


class Beside:
    """What others do meanwhile, all of it without the storage: log-ins, profiles, uploads and downloads of PostgreSQL's files."""

    def __init__(self):
        """While new files go to PostgreSQL: an upload stays where it began."""
        self.user, self.client = signed_in()
        self.content = noise(300_000, 1)
        self.file = post_raw(self.client, self.content, "here").json()["url"]
        image = post_raw(self.client, picture(200, 100, 2), "image.png", "image/png").json()["url"]
        self.thumbnail = f"{image}/thumbnail"
        same(self.client.get(self.thumbnail).status, 200, "a thumbnail is made")
        self.fresh = [post_raw(self.client, picture(100, 100, index), "fresh.png", "image/png").json()["url"] for index in range(6)]
        self.upload = tus_create(self.client, 100 * MIB).headers["Location"]
        self.offset = 0

    def log_in(self):
        return login(self.user)

    def profile(self):
        return self.client.get("/profile").status == 200

    def receive(self):
        return self.client.get(self.file).body == self.content

    def thumb(self):
        return self.client.get(self.thumbnail).status == 200

    def send(self):
        self.offset += 1000
        return tus_patch(self.client, self.upload, self.offset - 1000, b"x" * 1000).status == 204

    def measure(self):
        """Seconds of each of them; infinite when it was not done well."""
        times = {}
        for _ in range(ROUNDS):
            for do in (self.log_in, self.profile, self.receive, self.thumb, self.send):
                began = time.monotonic()
                try:
                    done_well = do()
                except (OSError, RuntimeError, http.client.HTTPException):
                    done_well = False
                times.setdefault(do.__name__, []).append(time.monotonic() - began if done_well else float("inf"))
        return times

    def compare(self, idle, busy, whom):
        """The middle tells what it costs; the slowest that nobody of them had to wait for the storage."""
        for name, times in busy.items():
            middle, before = statistics.median(times), statistics.median(idle[name])
            check(middle < SLOWER * before + FLOOR_S and max(times) < TIMEOUT_S / 2,
                  f"{name} beside {whom} is answered as if they were not there",
                  f"median {middle * 1000:.1f} ms instead of {before * 1000:.1f}, slowest {max(times) * 1000:.0f}")


class Stored:
    """What is in S3 or on its way there."""

    def __init__(self):
        self.content = noise(700_000, 3)
        self.file = post_raw(client, self.content, "there").json()["url"]
        self.image = post_raw(client, picture(400, 300, 4), "image.png", "image/png").json()["url"]
        self.parts = [self.part(noise(400_000, 5)), self.part(noise(300_000, 6))]
        self.direct = client.post("/files/direct", json={"name": "direct", "size": 1000}).json()
        place = urllib.parse.urlsplit(self.direct["put"][0]["url"])
        outside = Client(url=f"{place.scheme}://{place.netloc}")
        same(outside.put(f"{place.path}?{place.query}", body=b"d" * 1000).status, 200, "S3 takes a part")
        self.large = tus_create(client, PART + 1000).headers["Location"]
        same(tus_patch(client, self.large, 0, noise(PART - 1000, 7)).status, 204, "most of a large upload is there")

    def part(self, content):
        return client.post("/uploads", body=content, headers={**TUS, "Content-Type": CHUNK, "Upload-Concat": "partial",
                                                              "Upload-Length": str(len(content))}).headers["Location"]

    def requests(self):
        """All ways to want something of S3."""
        return {
            "an upload": lambda who: post_raw(who, b"small", "raw", Idempotency_Key="raw"),
            "a download": lambda who: who.get(self.file),
            "a thumbnail": lambda who: who.get(f"{self.image}/thumbnail?size=128"),
            "a CSV": lambda who: who.post(f"{self.file}/csv"),
            "a direct upload's completion": lambda who: who.post(f"{self.direct['url']}/complete"),
            "a direct upload's beginning": lambda who: who.post("/files/direct", json={"name": "d", "size": 10},
                                                                headers={"Idempotency-Key": "direct"}),
            "a join": lambda who: who.post("/uploads", headers={**TUS, "Idempotency-Key": "join",
                                                                "Upload-Concat": "final;" + " ".join(self.parts)}),
            "the last bytes of a large upload": lambda who: tus_patch(who, self.large, PART - 1000, noise(2000, 8)),
        }


def refused_in_time(answer, timeout_s=TIMEOUT_S):
    return answer is not None and answer.stated_503() and answer.ended - answer.started < timeout_s + BEYOND_S


def answer_to(ask):
    """None: it broke off."""
    try:
        return ask(me())
    except (OSError, http.client.HTTPException):
        return None


def in_transaction():
    return int(psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly' AND state LIKE 'idle in transaction%'"))


def all_ways(stored):
    """Each of them is told in time; afterwards each works, as if nothing had been."""
    asked = stored.requests()
    with silent():
        names = list(asked)
        answers = dict(zip(names, at_once(len(names), lambda index: answer_to(asked[names[index]]))))
    for name, answer in answers.items():
        check(refused_in_time(answer, QUICK_S), f"{name} is 503 with Retry-After in time", answer)
    for name, ask in asked.items():
        # A lease of the refused ones may have to end first, and its tus client asks where to go on.
        if name == "the last bytes of a large upload":
            check(wait_until(30, lambda: tus_head(me(), stored.large).headers.get("Upload-Offset") == str(PART - 1000)),
                  "HEAD tells where the large one goes on")
        good = []
        check(wait_until(30, lambda: good.append(ask(me())) or good[-1].status in (200, 201, 202, 204)), f"{name} works later",
              good[-1])
    same(client.get(stored.file).body == stored.content, True, "the file is what it was")
    whole = client.get(f"/files/{stored.large.rpartition('/')[2]}")
    same(sha256(whole.body), sha256(noise(PART - 1000, 7) + noise(2000, 8)), "the large one has its bytes, each once")


def owner_of(key):
    """Several, since one account's requests may not take all there is."""
    return Client(owners[int(key.rpartition("-")[2]) % len(owners)].token)


def uploads(count, done_by):
    """So many small ones at the same time, each with a key of its own, whose answers go to done_by."""
    def one(index):
        key = f"{done_by['name']}-{index}"
        with contextlib.suppress(OSError):
            done_by["answers"][key] = post_raw(owner_of(key), key.encode(), "small", Idempotency_Key=key)
    threads = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    return threads


def repeat(keys):
    """As clients do; each becomes one file."""
    def one(key):
        until = time.monotonic() + 60
        while (answer := post_raw(owner_of(key), key.encode(), "small", Idempotency_Key=key)).status != 201:
            if time.monotonic() > until:
                raise TimeoutError(f"{key}: {answer}")
            time.sleep(0.2)
        return answer.json()
    files = [one(key) for key in keys]
    same(len({file["id"] for file in files}), len(keys), f"each of {len(keys)} that were refused becomes a file later")
    wrong = [file for file, key in zip(files, keys) if owner_of(key).get(file["url"]).body != key.encode()]
    same(wrong, [], "with its bytes")


def crowd(count, beside, idle):
    """Of more than may wait the others are refused at once."""
    made = {"name": new_name("crowd"), "answers": {}}
    with silent():
        threads = uploads(count, made)
        time.sleep(0.5)
        busy = beside.measure()
        waiting = sum(thread.is_alive() for thread in threads)
        open_ones, sizes = in_transaction(), [worker_size(pid) for pid in workers(*HEAVY)]
        for thread in threads:
            thread.join()
    beside.compare(idle, busy, f"{count} uploads")
    check(waiting >= min(count, 60), f"of which {waiting} waited all the time")
    same(open_ones, 0, "no transaction stands open meanwhile")
    same([key for key, answer in made["answers"].items() if not refused_in_time(answer)], [],
         f"each of {count} is 503 with Retry-After in time")
    note(f"resident and private memory of their workers meanwhile, in KiB: {sizes}")
    repeat(list(made["answers"]))


def thumbnails_beside(beside, images):
    """Makers that wait for images from the storage hold no place of those whose images are in PostgreSQL."""
    asks = [lambda _, owner=owner, url=url: Client(owner.token).get(f"{url}/thumbnail?size=512") for owner, url in zip(owners, images)]
    with silent():
        asked = [threading.Thread(target=answer_to, args=(ask,), daemon=True) for ask in asks]
        for thread in asked:
            thread.start()
        time.sleep(1)
        answers, took = [], []
        for url in beside.fresh:
            began = time.monotonic()
            answers.append(beside.client.get(f"{url}/thumbnail").status)
            took.append(time.monotonic() - began)
        waiting = sum(thread.is_alive() for thread in asked)
        for thread in asked:
            thread.join()
    same(answers, [200] * len(beside.fresh), f"new thumbnails are made beside {waiting} that wait for the storage")
    check(max(took) < TIMEOUT_S / 2 and waiting == len(asked), "and wait for none of them", took, waiting)


def killed_meanwhile():
    made = {"name": new_name("killed"), "answers": {}}
    with silent():
        threads = uploads(20, made)
        time.sleep(0.5)
        dying = workers(*HEAVY)
        dev("kill")
        check(wait_until(10, lambda: len(workers(*HEAVY) - dying) == len(dying)), "workers are killed while they wait")
        for thread in threads:
            thread.join()
    check(not [answer for answer in made["answers"].values() if answer.status == 201], "nothing is acknowledged")
    repeat([f"{made['name']}-{index}" for index in range(20)])


def replaced_meanwhile():
    made = {"name": new_name("replaced"), "answers": {}}
    with silent():
        threads = uploads(20, made)
        time.sleep(0.5)
        for pool in HEAVY:
            dev("restart", pool)
        for thread in threads:
            thread.join()
    same((len(made["answers"]), [answer for answer in made["answers"].values() if not refused_in_time(answer, QUICK_S)]), (20, []),
         "a worker that is replaced answers those who wait")
    repeat(list(made["answers"]))


def a_listener_that_says_nothing(beside, idle):
    """It never was a storage, and takes no byte."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        made = {"name": new_name("listener"), "answers": {}}
        with settings(s3_endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}"):
            threads = uploads(6, made)
            time.sleep(0.5)
            busy = beside.measure()
            for thread in threads:
                thread.join()
    beside.compare(idle, busy, "6 that wait for a listener")
    same([answer for answer in made["answers"].values() if not refused_in_time(answer)], [], "these are 503 with Retry-After too")


def swept_meanwhile(beside, idle):
    """Idle workers remove garbage, and wait for the storage as well."""
    with silent():
        for index in range(4):
            file = post_raw(beside.client, b"x", f"garbage-{index}")
            psql(f"UPDATE mayfly.file SET back_end = 's3', state = 'deleting', sweep_at = 'epoch' WHERE id = '{file.json()['id']}'")
        check(wait_until(20, lambda: int(psql("SELECT count(*) FROM mayfly.file WHERE name LIKE 'garbage-%' "
                                              "AND sweep_at > now()")) > 0), "workers begin to sweep",
              psql("SELECT name, state, sweep_at FROM mayfly.file WHERE name LIKE 'garbage-%'"))
        busy = beside.measure()
    beside.compare(idle, busy, "a sweep that waits")
    psql("UPDATE mayfly.file SET sweep_at = 'epoch' WHERE name LIKE 'garbage-%'")
    left = "SELECT name, state, removals FROM mayfly.file WHERE name LIKE 'garbage-%' AND removals = 0"
    check(wait_until(30, lambda: psql(left) == ""), "and workers remove the garbage when the storage is back", psql(left))


def fsck():
    """What is wrong with this account's files; what is younger than others' leftovers may be on its way."""
    ran = subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "fsck", "--deep", "--json"],
                         capture_output=True, text=True, timeout=120, check=False)
    ours = set(psql(f"""SELECT id FROM mayfly.file WHERE account_id IN
                        (SELECT account_id FROM mayfly.file WHERE object_name IN ('small', 'there'))""").split())
    # What was begun while the answer did not come is found by fsck and harms nobody.
    found = [one for one in map(json.loads, ran.stdout.splitlines()) if one["finding"] != "unfinished"]
    return [one for one in found if one["key"].removeprefix("uploads/")[:36] in ours], ran.returncode


def everything_goes():
    """Whoever closes the account leaves nothing in the storage, however often something was begun in vain."""
    ids = set(psql(f"""SELECT id FROM mayfly.file WHERE account_id IN
                       ('{"', '".join(psql("SELECT id FROM mayfly.account WHERE username = '" + one.username + "'")
                                      for one in people)}')""").split())
    for one in people:
        same(Client(login(one)).request("DELETE", "/profile", json={"password": one.password}).status, 204, "an account is closed")
    # As if the claims of those had ended that could not remove anything.
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting'")

    def left():
        ran = subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], capture_output=True, timeout=120,
                             check=False)
        return ran.returncode, [key for key in s3.keys() + s3.unfinished() if key.split("/")[1] in ids]
    check(wait_until(60, lambda: left() == (0, [])), "and nothing of theirs is left in the storage", left())


def main():
    s3.start()
    with settings(objects="postgres", sweep_every_s=0):
        beside = Beside()
        idle = beside.measure()
        people.append(beside.user)
    s3_settings = {"s3_accel": "no", "s3_timeout_ms": TIMEOUT_S * 1000, "s3_part_bytes": PART, "upload_lease_ms": 3000,
                   "s3_retry_ms": 100, "sweep_again_s": 1}
    with settings(objects="s3", sweep_every_s=0, **s3_settings):
        stored = Stored()
        images = [post_raw(owner, picture(64, 64, index), "image.png", "image/png").json()["url"] for index, owner in enumerate(owners)]
        crowd(60, beside, idle)
        crowd(150, beside, idle)
        a_listener_that_says_nothing(beside, idle)
        crowd(6, beside, idle)
        dev("config", "s3_timeout_ms", QUICK_S * 1000)
        all_ways(stored)
        killed_meanwhile()
        replaced_meanwhile()
        wrong, status = fsck()
        check(status in (0, 1) and not wrong, "rows and bytes agree", status, wrong)
    with settings(objects="postgres", sweep_every_s=0, **s3_settings):
        thumbnails_beside(beside, images)
    with settings(objects="postgres", sweep_every_s=1, **s3_settings):
        swept_meanwhile(beside, idle)
    with settings(sweep_every_s=0, **s3_settings):
        everything_goes()


main()
done()
