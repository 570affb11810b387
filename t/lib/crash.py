"""What happens to files when a worker or a sweeper dies at any named point; over the back end that is named."""

import hashlib
import os
import secrets
import subprocess
import time

from chaos import INST, SCRATCH, WorkerCensus, check, dev, note, psql, same, settings
from files import forget_others, part, post_form, rows, usage
from mayfly import signed_in

# Where workers die; the number is the passage at which each of them does. Whoever repeats must get through: so it is beyond
# what one request passes, or the first where a repetition has less to do.
POINTS = {"upload-block": None, "upload-kept": 1, "upload-sealed": 2, "upload-commit": 2, "upload-committed": 2,
          "file-dropped": 2, "before-commit": 5, "after-commit": 5, "before-answer": 4}
BLOCK_PASSAGE = {"postgres": 3, "s3": 2}
SWEEP_POINTS = ("sweep-claimed", "sweep-removed", "sweep-told")
SIZES = {"postgres": (0, 10, 262144, 700001), "s3": (0, 6000000)}
PATIENCE_S = 30  # each death inside an upload to S3 costs a lease of one second


def ctl(*words, **environment):
    return subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=120, check=False)


class Person:
    """Uploads and deletes until it is acknowledged, as a client with a key does."""

    def __init__(self):
        self.user, self.client = signed_in()
        self.files, self.deleted, self.surprises = {}, set(), []

    def insist(self, statuses, method, path, **more):
        """Repeats the request until one of these answers comes; None: it never did."""
        last = None
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                last = self.client.request(method, path, **more)
            except OSError as error:
                last = error
                self.client.close()
            if getattr(last, "status", None) in statuses:
                return last
            time.sleep(0.1)
        self.surprises.append(f"{method} {path}: {last!r}")
        return None

    def acknowledged(self, file, content):
        self.files[file] = hashlib.sha256(content).hexdigest()

    def upload(self, content):
        headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/octet-stream"}
        first = self.insist({201}, "POST", "/upload?name=crash.bin", body=content, headers=headers)
        again = self.insist({201}, "POST", "/upload?name=crash.bin", body=content, headers=headers)
        if first is None or again is None:
            return
        if first.body != again.body:
            self.surprises.append(f"one key, two files: {first.body} {again.body}")
        self.acknowledged(first.json()["id"], content)

    def tus(self, content, at_once):
        """With the first chunk in the creation or without; a client believes the answer that says that all is there."""
        tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        creation = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content)), "Idempotency-Key": secrets.token_hex(8)}
        if at_once:
            made = self.insist({201}, "POST", "/uploads", headers={**creation, **tus}, body=content)
        else:
            made = self.insist({201}, "POST", "/uploads", headers=creation)
        if made is None:
            return
        place = made.headers["location"]
        if int(made.headers.get("upload-offset", 0)) == len(content):
            self.acknowledged(place.rpartition("/")[2], content)
            return
        until, step = time.monotonic() + PATIENCE_S, 0
        while time.monotonic() < until:
            head = self.insist({200, 404}, "HEAD", place, headers={"Tus-Resumable": "1.0.0"})
            if head is None or head.status == 404:
                self.surprises.append(f"HEAD {place}: {head!r}")
                return
            offset = int(head.headers["upload-offset"])
            if offset == len(content):
                self.acknowledged(place.rpartition("/")[2], content)
                return
            part = content[offset:offset + (len(content) // 2 + 1 if step % 2 == 0 else len(content))]
            step += 1
            try:
                if self.client.request("PATCH", place, body=part, headers={**tus, "Upload-Offset": str(offset)}).status == 204:
                    continue
            except OSError:
                self.client.close()
            time.sleep(0.1)
        self.surprises.append(f"{place} does not come to its end")

    def delete_one(self):
        file = next((file for file in self.files if file not in self.deleted), None)
        if file is None:
            return
        if self.insist({204}, "DELETE", f"/files/{file}", headers={"Idempotency-Key": secrets.token_hex(8)}):
            self.deleted.add(file)

    def work(self, sizes):
        for size in sizes:
            self.upload(secrets.token_bytes(size))
            self.tus(secrets.token_bytes(size), at_once=False)
        for size in (sizes[0], sizes[-1]):
            self.tus(secrets.token_bytes(size), at_once=True)
        self.delete_one()
        self.delete_one()

    def differences(self):
        """What is there against what was acknowledged."""
        wanted = {file: sha for file, sha in self.files.items() if file not in self.deleted}
        listed = {file["id"] for file in self.client.get("/files?limit=200").json()["files"]}
        found = [f"{file} is {'missing' if file in wanted else 'one too many'}" for file in listed ^ set(wanted)]
        for file, sha in wanted.items():
            answer = self.client.get(f"/files/{file}")
            if answer.status != 200 or hashlib.sha256(answer.body).hexdigest() != sha:
                found.append(f"{file}: {answer.status}, {len(answer.body)} bytes that are others")
        return found


def clean(what):
    """One sweep, and nothing is found."""
    swept = ctl("sweep")
    found = ctl("fsck", "--deep")
    check(swept.returncode == 0 and found.returncode == 0 and found.stdout == "", f"{what}: after one sweep fsck finds nothing",
          swept.stderr, found.stdout, found.stderr)


def die_at(point, passage, sizes):
    person = Person()
    with WorkerCensus() as census:
        dev("restart", MAYFLY_CRASH=f"{point}:{passage}")
        census.seen.clear()
        person.work(sizes)
        died = census.died()
    dev("restart")
    time.sleep(1.1)  # leases are over
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'pending'")  # and what nobody goes on with is overdue
    check(died > 0, f"{point}: workers died there", died)
    same(person.surprises[:5], [], f"{point}: every request came to its end, and a key has one file")
    clean(point)
    same(person.differences()[:5], [], f"{point}: {len(person.files) - len(person.deleted)} files are there to the byte, none twice")


def die_at_the_quota(point, passage, size):
    """The attempt of nginx on the other pool finds the room taken by the first one: by its file, or by what it left behind."""
    user, client = signed_in()
    contents = [secrets.token_bytes(size), secrets.token_bytes(size)]
    with settings(files_max_bytes=2 * size + 1000):
        with WorkerCensus() as census:
            dev("restart", "files-a", MAYFLY_CRASH=f"{point}:{passage}")
            census.seen.clear()
            for _ in range(4):  # an odd number of requests each, so both pools come first
                answer = post_form(client, *[part("file", content, "file") for content in contents])
                same((answer.status, usage(user), rows(user)), (201, (2 * size, 2), 2), f"{point}, no room for two attempts: one is enough",
                     answer)
                urls = [file["url"] for file in answer.json().get("files", [])]
                check([client.get(url).body for url in urls] == contents, f"{point}, no room for two attempts: to the byte")
                same([client.delete(url).status for url in urls], [204, 204], f"{point}, no room for two attempts: deleted")
            died = census.died()
        dev("restart", "files-a")
    check(died > 0, f"{point}: workers died there", died)
    same(usage(user), (0, 0), f"{point}, no room for two attempts: nothing of them counts in the end")
    clean(point)


def sweeper_dies_at(point):
    person = Person()
    person.work((10, 300000))
    ran = ctl("sweep", MAYFLY_CRASH=f"{point}:1")
    same(ran.returncode, -9, f"{point}: the sweeper died there", ran.stderr)
    found = ctl("fsck", "--deep")
    same((found.returncode, found.stdout), (0, ""), f"{point}: fsck finds nothing", found.stderr)
    # The claim of the dead one ends in five minutes, here now.
    psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting' AND sweep_at > now() + interval '2 minutes'")
    clean(point)
    same(person.differences()[:5], [], f"{point}: what is not deleted is there")


def sweep_all():
    """Twice, with the time between that tombstones stand."""
    for _ in range(2):
        psql("UPDATE mayfly.file SET sweep_at = now() WHERE state = 'deleting'")
        psql("UPDATE mayfly.file_copy SET sweep_at = now()")
        ctl("sweep")
    return psql("SELECT count(*) FROM mayfly.file WHERE state <> 'committed'"), psql("SELECT count(*) FROM mayfly.file_copy")


def many_sweepers():
    person = Person()
    for _ in range(30):
        person.upload(secrets.token_bytes(1000))
    psql(f"UPDATE mayfly.file SET state = 'deleting', sweep_at = now(), reserved = 0 WHERE account_id = '{person.user.id}'")
    psql(f"UPDATE mayfly.account_usage SET bytes = 0, files = 0 WHERE account_id = '{person.user.id}'")
    rows = psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{person.user.id}'")  # repeated uploads made some, too
    sweepers = [subprocess.Popen([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], stderr=subprocess.PIPE,
                                 text=True) for _ in range(4)]
    said = [sweeper.communicate()[1] for sweeper in sweepers]
    same([sweeper.returncode for sweeper in sweepers], [0] * 4, "four sweepers at once get on", *said)
    same(psql(f"SELECT count(*), min(removals), max(removals) FROM mayfly.file WHERE account_id = '{person.user.id}'"), f"{rows}|1|1",
         "each row was taken by one of them, none by two", *said)


def moved():
    person = Person()
    person.work(SIZES["s3"])
    wanted = len(person.files) - len(person.deleted)
    mover = ctl("files", "move", "--to", "postgres", "--account", person.user.username, MAYFLY_CRASH="move-copied:2")
    same(mover.returncode, -9, "a mover that dies", mover.stderr)
    found = ctl("fsck", "--deep")
    same((found.returncode, found.stdout), (0, ""), "leaves nothing that fsck finds", found.stderr)
    psql("UPDATE mayfly.file_copy SET sweep_at = now() WHERE lease IS NOT NULL")  # its lease ends in a minute, here now
    mover = ctl("files", "move", "--to", "postgres", "--account", person.user.username)
    same((mover.returncode, psql(f"SELECT back_end, count(*) FROM mayfly.file WHERE account_id = '{person.user.id}'"
                                 " AND state = 'committed' GROUP BY 1")), (0, f"postgres|{wanted}"), "the next one goes on", mover.stderr)
    same(person.differences()[:5], [], "every file is there to the byte")
    same(sweep_all(), ("0", "0"), "the sweeper removes the old bytes")
    found = ctl("fsck", "--deep")
    same((found.returncode, found.stdout), (0, ""), "and fsck finds nothing", found.stderr)
    same(person.differences()[:5], [], "nor is anything missing then")


def storage(name):
    forget_others()
    with settings(objects=name, sweep_again_s=3600, upload_lease_ms=1000, sweep_every_s=0,
                  s3_part_bytes=5242880):
        for point, passage in POINTS.items():
            die_at(point, BLOCK_PASSAGE[name] if point == "upload-block" else passage, SIZES[name])
        for point, passage in (("upload-sealed", 1), ("upload-sealed", 2), ("upload-committed", 1)):
            die_at_the_quota(point, passage, SIZES[name][-1])
        for point in SWEEP_POINTS:
            sweeper_dies_at(point)
        if name == "postgres":
            many_sweepers()
        else:
            moved()
        same(sweep_all(), ("0", "0"), f"{name}: the second removal leaves no row behind")
        found = ctl("fsck", "--deep")
        same((found.returncode, found.stdout), (0, ""), f"{name}: and fsck finds nothing then", found.stderr)
    note(f"{name}: {found.stderr.strip()}")
