#!/usr/bin/python3
"""
An upload by tus that comes in many small PATCHes: what the database writes is in proportion to what came, not to what is kept of the
last block already, and no index of files is written for an offset.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from files import download, file_url, forget_others, metadata, noise, tus_create, tus_head, tus_patch
from mayfly import check, done, note, psql, same, signed_in

PIECE, PATCHES = 1024, 250  # within one block of 256 KiB
WINDOW = 50
NAMES = {"upload_metadata": metadata(filename="x" * 200, about="y" * 1200)}  # as wide as a row is without being kept elsewhere


def written():
    """Bytes of the log so far; without images of whole pages, which tests switch off."""
    return int(psql("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"))


def updates():
    """Of files, and how many of them were heap-only."""
    return [int(word) for word in psql("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'mayfly.file'::regclass").split("|")]


_, client = signed_in()
# What is swept meanwhile would be counted here.
forget_others()
content = noise(PIECE * PATCHES)
for _ in range(20):  # its row has neighbours
    client.post("/upload?name=small.bin", body=b"small", headers={"Content-Type": "application/octet-stream"})

before = written()
url = tus_create(client, len(content), **NAMES).headers["location"]
same(tus_patch(client, url, 0, content).status, 204, "an upload in one PATCH")
at_once = written() - before

url = tus_create(client, len(content), **NAMES).headers["location"]
counts, places, answers = updates(), {}, []
for number in range(PATCHES):
    if number in (0, WINDOW, PATCHES - WINDOW):
        places[number] = written()
    answers.append(tus_patch(client, url, number * PIECE, content[number * PIECE:(number + 1) * PIECE]).status)
places[PATCHES] = written()
same(answers, [204] * PATCHES, f"the same in {PATCHES} PATCHes")
check(download(client, file_url(url)).body == content, "it is whole")
whole, first, last = places[PATCHES] - places[0], places[WINDOW] - places[0], places[PATCHES] - places[PATCHES - WINDOW]
note(f"{len(content)} bytes at once: {at_once} bytes of log; in {PATCHES} PATCHes: {whole}; the first {WINDOW}: {first}, the last {WINDOW}: {last}")
check(whole < 25 * at_once, "the log has less than 25 times as much as for one", whole, at_once)
check(last < 3 * first, "the last ones cost what the first ones do", first, last)


def changed():
    """Workers tell what they have counted when they are asked again."""
    tus_head(client, url)
    return updates()[0] - counts[0] >= 2 * PATCHES


check(wait_until(30, changed), "each PATCH takes the lease and gives it back with the offset", updates(), counts)
all_of_them, heap_only = (now - then for now, then in zip(updates(), counts))
note(f"{all_of_them} updates of files, {heap_only} of them heap-only")
check(heap_only > 0.9 * all_of_them, "and nine of ten updates are heap-only at least", all_of_them, heap_only)
done()
