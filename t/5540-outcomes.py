#!/usr/bin/python3
"""
What is kept of a mutation's outcome is small and goes as a whole: a document's body is not kept twice, nginx's request ids fill
partitions of an hour that are emptied, and the keys of one account are bounded. A repetition has the first answer all the same.
"""

import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, check, dev, done, note, psql, same, settings, signed_in

BYTES = 40_000  # of a document that nothing can compress
CHANGES = 12


def text(length=BYTES):
    return secrets.token_urlsafe(length)[:length]


def lsn():
    return int(psql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))


def key(name):
    return {"Idempotency-Key": f"{name}-{os.getpid()}-{secrets.token_hex(4)}"}


def as_worker(sql):
    return dev("psql", "-U", "mayfly", "-Atqc", sql).strip()


# --- bytes

_, client = signed_in()
client.put("/session/data", json={"text": text()})
statuses, written = set(), []
for _ in range(CHANGES):
    before = lsn()
    statuses.add(client.put("/session/data", json={"text": text()}).status)
    written.append((lsn() - before) / BYTES)
same(statuses, {200}, f"a document of {BYTES} bytes is written {CHANGES} times")
check(min(written) < 1.7, f"each time the log of the database grows by {min(written):.2f} times its size, and what else there was",
      written)

# --- what a repetition answers

answers = {}
for method, path, body in (("PUT", "/session/data", {"text": text()}), ("PATCH", "/session/data", {"more": text(5000)}),
                           ("PATCH", "/profile/data", {"small": 1}), ("DELETE", "/profile/data", None)):
    headers = key(method)
    first, again = (client.request(method, path, json=body, headers=headers) for _ in range(2))
    same((again.status, again.etag, again.body, again.headers.get("idempotent-replayed")), (first.status, first.etag, first.body, "true"),
         f"{method} {path}: a repetition has the first answer, body and all")
    check("mayfly-body" not in again.headers, "and nothing of how it is kept", again.headers)
    answers[method, path] = headers, body, first
for path in ("/session/data", "/profile/data"):
    same(client.patch(path, json={"changed": "since"}).status, 200, f"{path} is changed by another request")
for (method, path), (headers, body, first) in answers.items():
    again = client.request(method, path, json=body, headers=headers)
    whole = method != "PATCH" or path == "/profile/data"
    same((again.status, again.etag, again.headers.get("idempotent-replayed")), (first.status, first.etag, "true"),
         f"{method} {path}: a repetition has the first answer's status and ETag when the document has moved on")
    same(again.body, first.body if whole else b"", "and its body" if whole else "but no body, since that is nowhere any more")
largest = int(psql("SELECT max(octet_length(sealed)) FROM (SELECT sealed FROM mayfly.outcome UNION ALL SELECT sealed FROM mayfly.outcome_request) o"))
check(largest < 3000, f"no outcome has more than {largest} bytes")

# --- keys that are counted

_, client = signed_in()
with settings(outcomes_max_count=10):
    used = [key(f"n{n}") for n in range(11)]
    same([client.patch("/profile/data", json={"n": n}, headers=one).status for n, one in enumerate(used)], [200] * 10 + [429],
         "an account may use so many Idempotency-Keys as the setting says")
    refused = client.patch("/profile/data", json={"n": 10}, headers=used[10])
    check(refused.headers.get("retry-after") == "60" and refused.json().get("field") == "Idempotency-Key", "what is refused says why, and when to come again", refused)
    same(client.patch("/profile/data", json={"n": 0}, headers=used[0]).headers.get("idempotent-replayed"), "true", "repetitions are answered")
    same(client.patch("/profile/data", json={"n": 12}).status, 200, "and so is what has no key")

# --- hours

psql(f"INSERT INTO mayfly.outcome_request (key, fingerprint, sealed, forgets, hour) SELECT sha256(('hour {os.getpid()} ' || n)::bytea), sha256('x'), 'x', '{{}}', "
     "(floor(extract(epoch FROM now()) / 3600)::bigint + n) % 4 FROM generate_series(0, 3) n")
ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "sweep"], capture_output=True, text=True, check=False)
same(ran.returncode, 0, "mayflyctl sweep", ran)
left = psql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM generate_series(0, 3) n WHERE EXISTS (SELECT FROM mayfly.outcome_request "
            f"WHERE key = sha256(('hour {os.getpid()} ' || n)::bytea))")
check(left in ("0 2 3", "0 3"), "empties the partition of the next hour, and no other", left)  # "0 3": an hour has just begun

# --- the release before, which claims with an empty row in the other table

CLAIM = ("INSERT INTO outcome AS o (key, fingerprint) VALUES ({key}, sha256('f')) ON CONFLICT (key) DO UPDATE SET key = excluded.key "
         "RETURNING o.fingerprint = sha256('f'), encode(o.sealed, 'escape')")
KEPT = "INSERT INTO outcome_request (key, fingerprint, sealed, forgets) VALUES ({key}, sha256('f'), 'done here', '{{}}')"
one, two = (f"sha256('{secrets.token_hex(8)}')" for _ in range(2))
as_worker(KEPT.format(key=one))
same(as_worker(CLAIM.format(key=one)), "t|done here", "the release before finds what this one has done under a request id")
slow = threading.Thread(target=as_worker, args=[f"BEGIN; SELECT outcome_lock({two}); {KEPT.format(key=two)}; SELECT pg_sleep(1); COMMIT"])
slow.start()
until = time.monotonic() + 30
while psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%done here%pg_sleep%' AND wait_event = 'PgSleep'") == "0" and time.monotonic() < until:
    time.sleep(0.02)
same(as_worker(CLAIM.format(key=two)), "t|done here", "and waits for what is just being done")
slow.join()
note(f"partitions: {psql('SELECT string_agg(tableoid::regclass::text, chr(32)) FROM (SELECT DISTINCT tableoid FROM mayfly.outcome_request) o')}")
done()
