#!/usr/bin/python3
"""P12: a request that has much to do, and a sweep of what is long, is done in pieces: whoever comes to that worker meanwhile waits
for one of them and not for all."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import files
from chaos import Session, Threads, wait_until
from mayfly import Client, check, dev, done, note, psql, same, settings, signed_in, try_login

POOLS = ("a", "b", "password-a", "password-b", "files-a", "files-b")
CHUNKS = 800  # of 256 KiB
FORMS, FILES = 4, 256  # MULTIPART_PARTS_MAX


def beside(what, asks, goes_on):
    """Others ask in turns while it goes on."""
    took, wrong, since = [], [], time.monotonic()
    while goes_on():
        # Each twice, for the two pools of its kind.
        for ask in 2 * asks:
            began = time.monotonic()
            answer = ask()
            took.append(time.monotonic() - began)
            wrong += [answer] if answer.status != 200 else []
    lasted = time.monotonic() - since
    note(f"{what}: {lasted:.2f} s; of {len(took)} requests beside it the longest took {max(took, default=0):.3f} s")
    same(wrong[:2], [], f"{what}: others are answered beside it")
    check(took and max(took) < lasted / 3, f"{what}: and wait for a small part of the time that it takes", max(took, default=0), lasted)


def forms(client, url):
    """One body of 30 kB makes many files, each with some transactions."""
    _, busy = signed_in()
    answers = []
    parts = [files.part(f"f{number}", b"GIF89a", f"{number}.gif") for number in range(FILES)]

    def send():
        answers.append(files.post_form(Client(busy.token), *parts))

    with Threads() as threads:
        for _ in range(FORMS):
            threads.add(send)
        beside(f"{FORMS} forms of {FILES} files", (lambda: client.get(url),), lambda: len(answers) + len(threads.errors) < FORMS)
    same(([answer.status for answer in answers], threads.errors), ([201] * FORMS, []), "each form is taken")
    same(sum(len(answer.json()["files"]) for answer in answers), FORMS * FILES, "and each of its files made")


def sweep(user, client, url):
    """The chunks of a long file, by a worker that had nothing else to do."""
    long_one = files.post_raw(client, b"x").json()["id"]
    psql(f"INSERT INTO mayfly.file_chunk SELECT '{long_one}', n * 262144, repeat('x', 262144)::bytea FROM generate_series(1, {CHUNKS}) n")
    with settings(sweep_every_s=1), Session() as other:
        def left():
            return int(other.ask(f"SELECT count(*) FROM mayfly.file_chunk WHERE file_id = '{long_one}'")[0])

        psql(f"UPDATE mayfly.file SET state = 'deleting', sweep_at = 'epoch' WHERE id = '{long_one}'")
        check(wait_until(20, lambda: left() <= CHUNKS), "a worker removes a long file")
        beside(f"a sweep of {CHUNKS} chunks", (lambda: client.get(url), lambda: client.get("/profile"), lambda: try_login(user.username)),
               lambda: left() > 0)


def main():
    for pool in POOLS:
        dev("scale", pool, 1)
    try:
        user, client = signed_in()
        url = files.post_raw(client, b"0123456789").json()["url"]
        forms(client, url)
        sweep(user, client, url)
    finally:
        for pool in POOLS:
            dev("scale", pool, 2 if pool in "ab" else 1)
    done()


main()
