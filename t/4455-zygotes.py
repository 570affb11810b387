#!/usr/bin/python3
"""The programs that look at strangers' files are loaded once for each worker, and have nothing of it: neither before a file comes nor after
their worker was killed, replaced or told to leave is anything of them left."""

import os
import signal
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import children, successors, wait_until, workers
from files import noise, post_raw
from images import photograph
from mayfly import Client, check, dev, done, note, same, settings, signed_in
from zygotes import POOLS, WAITING, zygotes

_, client = signed_in()
WORDS = "text/plain"


def type_of(content=b"some words", who=client):
    answer = post_raw(who, content, "words")
    return answer.status, answer.json().get("type")


def until_all_have(program, ask):
    """Until each worker has been asked. nginx goes round the pools, the kernel among their workers."""
    def have():
        ask()
        return {parent_of(pid) for pid in zygotes(program)} >= workers(*POOLS)
    return wait_until(20, have)


def parent_of(pid):
    text = stat(pid)
    return int(text[text.rindex(")") + 2:].split()[1]) if text else 0


def stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""


def lives(pid):
    text = stat(pid)
    return bool(text) and text[text.rindex(")") + 2] != "Z"


def unburied(pids):
    return [pid for pid in pids if stat(pid)]


def family():
    """Every zygote of both kinds, and its children."""
    pids = zygotes()
    return pids + [child for pid in pids for child in children(pid)]


def status(pid, name):
    return next((line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{name}:")), "")


# --- one for each worker, when it is first needed

dev("restart")
same(family(), [], "a worker that has seen no file has no zygote")
check(until_all_have("mayfly-sniff", type_of), "a worker has one from its first file on", workers(*POOLS), zygotes())
first = set(zygotes("mayfly-sniff"))
same([type_of()[1] for _ in range(20)], [WORDS] * 20, "which tells the types of all that come after")
same(set(zygotes("mayfly-sniff")), first, "and stays the same")
same(zygotes("mayfly-thumbnail"), [], "the one for images is started by the first image")
picture = photograph(1)


def thumbnail(who=None):
    who = who or signed_in()[1]
    url = post_raw(who, picture, "p.jpg").json()["url"]
    return who.get(f"{url}/thumbnail").status


same(thumbnail(), 200, "an image has a thumbnail")
check(wait_until(5, lambda: all(len(children(pid)) == WAITING for pid in zygotes())), "each has two children that wait", family())

# --- what they have

for program in ("mayfly-sniff", "mayfly-thumbnail"):
    zygote = zygotes(program)[0]
    for pid in (zygote, *children(zygote)):
        same([status(pid, name) for name in ("Threads", "NoNewPrivs", "Seccomp", "Seccomp_filters")], ["1", "1", "2", "1" if pid == zygote else "2"],
             f"{program}: {'the zygote' if pid == zygote else 'a child'} has one thread and no rights")
        try:
            os.listdir(f"/proc/{pid}/fd")
            check(os.geteuid() == 0, "nobody but root may look into it")
        except PermissionError:
            check(True, "nobody but root may look into it")
    # Of what is its own a child shares the most with its zygote.
    kib = [int(status(pid, "RssAnon")) for pid in (zygote, *children(zygote))]
    note(f"{program}: memory of its own in KiB, the zygote's and its children's: {kib}")
    most = {"mayfly-sniff": 4096, "mayfly-thumbnail": 16384}[program]
    check(max(kib) < most, f"{program}: it takes less than {most} KiB of its own", kib)

# --- killed

killed = zygotes("mayfly-sniff")
theirs = [child for pid in killed for child in children(pid)]
for pid in killed:
    os.kill(pid, signal.SIGKILL)
same([type_of()[1] for _ in range(8)], [WORDS] * 8, "zygotes that are killed are replaced, and no file's type is lost")
check(wait_until(5, lambda: not unburied(killed + theirs)), "nothing of them is left, buried or not", unburied(killed + theirs))
until_all_have("mayfly-sniff", type_of)
for pid in [child for zygote in zygotes("mayfly-sniff") for child in children(zygote)]:
    os.kill(pid, signal.SIGKILL)
same([type_of()[1] for _ in range(8)], [WORDS] * 8, "so if their waiting children are")

# --- the worker is killed, replaced, told to leave

until_all_have("mayfly-sniff", type_of)
before = family()
dev("kill")
check(wait_until(10, lambda: not unburied(before)), "a worker that is killed takes them along", [stat(pid) for pid in unburied(before)])
until_all_have("mayfly-sniff", type_of)
before = family()
check(len(before) >= 2 * (1 + WAITING), "its successors have their own", before)
dev("restart")
check(wait_until(10, lambda: not unburied(before)), "so does one that is told to leave", [stat(pid) for pid in unburied(before)])
with settings(worker_max_requests=8):
    until_all_have("mayfly-sniff", type_of)
    seen, taken = set(family()), successors(*POOLS)
    answers = []

    def ask_more():
        answers.append(type_of())
        seen.update(family())
        return successors(*POOLS) >= taken + 4

    check(wait_until(30, ask_more), "workers are replaced by themselves again and again")
    same({answer for answer in answers}, {(201, WORDS)}, "and every file has its type")
    gone = seen - set(family())
    check(wait_until(10, lambda: not [pid for pid in seen - set(family()) if stat(pid)]), "what their zygotes were is gone", [stat(pid) for pid in seen - set(family())])
    check(len(gone) > 0, "and there were some", len(seen))

# --- files at once are files apart

until_all_have("mayfly-sniff", type_of)
crowd = [signed_in()[1] for _ in range(6)]
kinds = {b"words of one": WORDS, b"\x7fELF" + bytes(60): None, b"{\"a\": 1}": "application/json", noise(4000): "application/octet-stream",
         b"\x89HDF\r\n\x1a\n" + bytes(100): None, b"%!PS-Adobe-3.0\n": None}
alone = {content: type_of(content)[1] for content in kinds}
wrong = []


def many(who, shift):
    contents = list(kinds)
    for number in range(15):
        content = contents[(number + shift) % len(contents)]
        if (told := type_of(content, Client(who.token))[1]) != alone[content]:
            wrong.append((content, told))


threads = [threading.Thread(target=many, args=(who, shift)) for shift, who in enumerate(crowd)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
same(wrong, [], "files that come at once have each the type that it has alone")
check(wait_until(5, lambda: all(len(children(pid)) == WAITING for pid in zygotes())), "and no child stays behind its file", family())
done()
