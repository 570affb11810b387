#!/usr/bin/python3
"""
What is kept of a block that is not full: pieces, each at least twice as long as the next, that are the bytes which came, whoever goes
on with the upload, the release before among them, which reads one piece only.
"""

import random
import sys
import uuid
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import checksum, download, file_url, noise, tus_create, tus_offset, tus_patch
from mayfly import check, done, note, psql, same, signed_in

BLOCK = 256 * 1024
# What the release before does first, and what it reads then: statements file_lease, file_chunk_read and file_release of schema 11.
LEASE = ("UPDATE file SET lease = '{holder}', lease_until = statement_timestamp() + make_interval(secs => 60) WHERE id = '{id}' AND "
         "state = 'pending' AND (lease IS NULL OR lease = '{holder}' OR lease_until <= statement_timestamp() OR back_end = 'postgres') RETURNING received")
READ = "SELECT encode(substr(bytes, ({at} - at)::int + 1, {most}), 'hex') FROM file_chunk WHERE file_id = '{id}' AND at <= {at} ORDER BY at DESC LIMIT 1"
RELEASE = "UPDATE file SET lease = NULL, lease_until = NULL WHERE id = '{id}' AND lease = '{holder}'"

user, client = signed_in()


def as_worker(sql):
    return psql(f"SET ROLE mayfly; SET search_path = mayfly; {sql}")


def pieces(url, received):
    """Of the last block: (place, length) of each."""
    start = received - received % BLOCK
    rows = psql(f"SELECT at - {start}, octet_length(bytes) FROM mayfly.file_chunk WHERE file_id = '{url[9:]}' AND at >= {start} ORDER BY at")
    return [tuple(int(word) for word in row.split("|")) for row in rows.splitlines()]


def in_order(found, tail):
    """They follow one another up to the end, and halve at least."""
    ends = [at + length for at, length in found]
    return [at for at, _ in found] == ([0] + ends)[:len(found)] and (ends or [0])[-1] == tail and \
        all(one[1] >= 2 * next_one[1] for one, next_one in zip(found, found[1:]))


def before(url, received, content, what):
    """The release before takes the lease, and finds in one piece what came."""
    names = {"id": url[9:], "holder": uuid.uuid4(), "at": received - received % BLOCK, "most": received % BLOCK}
    same(as_worker(LEASE.format(**names)), str(received), f"{what}: the release before takes the lease")
    same(as_worker(READ.format(**names)), content[names["at"]:received].hex(), "and reads the tail as one piece")
    as_worker(RELEASE.format(**names))


def begun(length):
    return tus_create(client, length).headers["location"]


def send(url, content, offset, length):
    """The offset behind it."""
    answer = tus_patch(client, url, offset, content[offset:offset + length])
    if answer.status != 204:
        raise RuntimeError(f"{length} bytes at {offset}: {answer}")
    return offset + length


# --- sizes of all kinds

random.seed(5559)
content, offset, wrong, most = noise(2 * BLOCK + 70_000, 1), 0, [], 0
url = begun(len(content))
while offset < len(content):
    offset = min(send(url, content, offset, min(random.choice((1, 7, 100, 1000, 5000, 30_000)), len(content) - offset)), len(content))
    if offset < len(content) and random.random() < 0.3:
        found = pieces(url, offset)
        most = max(most, len(found))
        if not in_order(found, offset % BLOCK):
            wrong.append((offset, found))
same(wrong, [], "between PATCHes the pieces are what came of the block")
note(f"{most} pieces at most")
check(1 < most <= 18, "and few", most)
check(download(client, file_url(url)).body == content, "the file has all bytes")
same(psql(f"SELECT string_agg(at::text, ' ' ORDER BY at) FROM mayfly.file_chunk WHERE file_id = '{url[9:]}'"), f"0 {BLOCK} {2 * BLOCK}",
     "and nothing is left of the pieces")

# --- the release before

SIZES = (40_000, 9_000, 2_000, 300, 20, 1)
content, offset = noise(BLOCK + 80_000, 2), 0
url = begun(len(content))
for size in SIZES:
    offset = send(url, content, offset, size)
same(len(pieces(url, offset)), len(SIZES), "an upload in pieces")
before(url, offset, content, "of these")
same(pieces(url, offset), [(0, offset)], "one is left")
for size in SIZES[1:]:
    offset = send(url, content, offset, size)
check(len(pieces(url, offset)) > 1 and in_order(pieces(url, offset), offset), "this one goes on in pieces", pieces(url, offset))
before(url, offset, content, "again")
for size in (BLOCK, 10_000, 100):
    offset = send(url, content, offset, size)
before(url, offset, content, "in the next block")
same(tus_offset(client, url), offset, "the offset is what it was")
send(url, content, offset, len(content) - offset)
check(download(client, file_url(url)).body == content, "and the file has all bytes")

# --- a block that was full of wrong bytes

content, offset = noise(BLOCK + 90_000, 3), 0
url = begun(len(content))
for size in SIZES:
    offset = send(url, content, offset, size)
for last in (False, True):
    answer = tus_patch(client, url, offset, noise(BLOCK, 4), upload_checksum=checksum("sha1", b"another"))
    same((answer.status, tus_offset(client, url)), (460, offset), "bytes with a wrong checksum fill the block, and count for nothing")
    if last:
        before(url, offset, content, "after that")
    for size in SIZES[2:]:
        offset = send(url, content, offset, size)
send(url, content, offset, len(content) - offset)
check(download(client, file_url(url)).body == content, "the file has the right ones")
same(psql(f"SELECT string_agg(at::text, ' ' ORDER BY at) FROM mayfly.file_chunk WHERE file_id = '{url[9:]}'"), f"0 {BLOCK}", "and no others")
done()
