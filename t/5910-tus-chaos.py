#!/usr/bin/python3
"""P3: files that tus-js-client uploads while all workers are killed again and again arrive once and byte for byte."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until, workers
from files import file_url, rows, usage
from mayfly import CHECKOUT, SCRATCH, URL, check, dev, done, note, psql, same, signed_in

KILLS = 100
POOLS = ("files-a", "files-b")  # that take uploads
SEED = 4
TUS_JS_CLIENT = "tus-js-client@4.3.1"
MB = 1_000_000
# Nothing, less than a block, blocks exactly and nearly, and long ones that live through many kills.
SIZES = [0, 1, 1000, 262_143, 262_144, 262_145, 524_288, MB, 2 * MB, 3 * MB + 7, 5 * MB, 5 * MB + 1, 7 * MB, 8_388_608,
         10 * MB, 13 * MB, 16 * MB, 20 * MB, 30 * MB, 40 * MB]
# 0: the whole file in one request, which each kill breaks off.
CHUNKS = [0, 0, 100_000, 262_144, 300_001, MB, 4 * MB]


def install(folder):
    """tus-js-client itself. None when npm can't fetch it; then why."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "there is no npm"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "tus-js-client").exists():
        ran = subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts",
                              "--cache", folder / "cache", TUS_JS_CLIENT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=120)
        if ran.returncode != 0:
            note(ran.stdout)
            return "npm can't fetch it"
    return None


def make_files(folder, chance):
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, size in enumerate(SIZES):
        path = folder / f"{number}.bin"
        path.write_bytes(chance.randbytes(size))
        files.append({"path": str(path), "name": f"file {number} of {size}.bin", "chunk": chance.choice(CHUNKS)})
    chance.shuffle(files)
    return files


class Killer(threading.Thread):
    """Kills all workers, and restarts pools, until told to stop; counts those of the pools that take uploads."""

    def __init__(self, chance):
        super().__init__(daemon=True)
        self.chance, self.over = chance, threading.Event()
        self.killed = self.rounds = self.restarts = 0
        self.error = None

    def run(self):
        try:
            while not self.over.wait(0.15 + self.chance.random() * 0.35):
                self.rounds += 1
                if self.rounds % 6 == 0:
                    dev("restart", self.chance.choice((*POOLS, "a", "b")))
                    self.restarts += 1
                    continue
                victims = workers(*POOLS)
                dev("kill")
                wait_until(5, lambda: not victims & workers(*POOLS))  # pylint: disable=cell-var-from-loop
                self.killed += len(victims - workers(*POOLS))
        except Exception as error:  # pylint: disable=broad-except
            self.error = error


def upload(plan):
    """What tus-js-client tells of each file, by name."""
    ran = subprocess.run(["node", CHECKOUT / "t/js/tus-upload.mjs"], input=json.dumps(plan), stdout=subprocess.PIPE, text=True,
                         check=True, timeout=240)
    return {one["name"]: one for one in map(json.loads, ran.stdout.splitlines())}


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    missing = install(SCRATCH / "tmp" / "tus-js-client")
    if missing is not None:
        print(f"1..0 # SKIP tus-js-client: {missing}")
        sys.exit(0)
    chance = random.Random(SEED)
    folder = SCRATCH / "tmp" / "tus-chaos"
    user, client = signed_in()
    files = make_files(folder, chance)
    plan = {"module": str(SCRATCH / "tmp" / "tus-js-client" / "node_modules"), "endpoint": f"{URL}/uploads", "token": client.token,
            "seed": SEED}
    began, rounds, told = time.monotonic(), [], []
    killer = Killer(chance)
    killer.start()
    try:
        # The same files again and again, each time other ways through the kills, until there were enough.
        while not rounds or killer.killed < KILLS:
            rounds.append(chance.randint(3, 8))
            told.append(upload({**plan, "together": rounds[-1], "files": files}))
    finally:
        killer.over.set()
        killer.join()
    note(f"{killer.killed} workers killed in {killer.rounds} rounds, {killer.restarts} pools restarted, in "
         f"{time.monotonic() - began:.1f} s; {len(rounds)} times {len(files)} files of {sum(SIZES) / MB:.0f} MB, {rounds} at a time; "
         f"{sum(one.get('retries', 0) for each in told for one in each.values())} retries by the client")
    same(killer.error, None, "the kills went on")
    check(killer.killed >= KILLS, f"at least {KILLS} workers that take uploads were killed")
    errors = [one for each in told for one in each.values() if "error" in one]
    same(errors[:5], [], "every upload ended well")
    check(all(len(each) == len(files) for each in told), "every file was told of")

    hashes = {one["name"]: sha256_of(one["path"]) for one in files}
    urls = {file_url(one["url"].removeprefix(URL)): name for each in told for name, one in each.items() if "url" in one}
    different = [f"{url} {name}" for url, name in urls.items()
                 if hashlib.sha256(client.get(url).body).hexdigest() != hashes[name]]
    same(different, [], f"each of {len(urls)} downloads is byte for byte what was uploaded")
    listed = psql(f"SELECT name, count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND state = 'committed' GROUP BY 1")
    counts = dict(line.rsplit("|", 1) for line in listed.splitlines())
    same({name: int(counts.get(name, 0)) for name in hashes}, {name: len(rounds) for name in hashes},
         "none is missing, and none is there twice")
    same(psql(f"SELECT count(*) FROM mayfly.file WHERE account_id = '{user.id}' AND state = 'committed' AND "
              "encode(sha256, 'hex') NOT IN (" + ",".join(f"'{one}'" for one in hashes.values()) + ")"), "0",
         "the SHA-256 of each, which went from worker to worker, is right")
    pending = rows(user, "'pending'")
    reserved = int(psql(f"SELECT coalesce(sum(reserved), 0) FROM mayfly.file WHERE account_id = '{user.id}' AND state <> 'deleting'"))
    same(usage(user), (reserved, len(urls) + pending), "what is counted for the account is what is there")
    note(f"{pending} creations whose answer never came wait for their expiry")
    shutil.rmtree(folder)
    done()


main()
