#!/usr/bin/python3
"""Whoever can write to memcached, or read it, can be nobody: what he makes, mixes or cuts is not believed, is told and goes; what he
puts back as it was is good until cache_fresh_s after it was read, and no longer."""

import base64
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, Client, check, done, login, note, psql, same, signed_in
from memcached import ENDED, LEASE, SEAL, Item, Memcached, is_sealed, key_of, raw, session_id

FRESH_S = 5  # cache_fresh_s

cache = Memcached()


def kept(client):
    """
    The client's entry, made by requests if need be: a worker that has seen a node fail skips it for a second, and what it found
    then is a lease still.
    """
    until = time.monotonic() + 15
    while time.monotonic() < until:
        assert client.get("/profile").status == 200
        value = cache.get(key_of(client.token))
        if value is not None and b'"groups":' in value:
            return value
    raise TimeoutError("a session that is asked for does not come into the cache")


def who(client):
    answer = client.get("/profile")
    return answer.json()["id"] if answer.status == 200 else answer.status


def forged_in_logs(session):
    return sum(f'"cache_item_forged"' in line and session in line for path in (SCRATCH / "log").glob("*.log")
               for line in path.read_text(errors="replace").splitlines())


staff, boss = signed_in()
psql(f"UPDATE mayfly.account SET groups = ARRAY['staff'] WHERE id = '{staff.id}'")
boss = Client(login(staff))
member, mallory = signed_in()
key = key_of(mallory.token)
own, bosses = kept(mallory), kept(boss)
check(is_sealed(own) and is_sealed(bosses), "each item has a layout and a MAC", own[:SEAL.size], bosses[:SEAL.size])
same(json.loads(Item.read(bosses).texts[0])["groups"], ["staff"], "and says who its session is")

# --- what somebody makes

mine, target = Item.read(own), Item.read(bosses)
as_boss = replace(target, hash=mine.hash)  # mallory's own secret fits it
seal, other_seal = own[4:SEAL.size], bosses[4:SEAL.size]
flipped = bytearray(own)
flipped[own.index(b'"groups":[') + 2] ^= 0x20
attempts = {
    "an item of the release before, for another account": as_boss.written_before(),
    "one of this layout, without a MAC": as_boss.written(),
    "one with the MAC of mallory's own": as_boss.written(seal),
    "one with the MAC of the other's": as_boss.written(other_seal),
    "mallory's own with a group more": replace(mine, texts=[mine.texts[0].replace(b'"groups":[]', b'"groups":["staff"]'), *mine.texts[1:3], b"staff"]).written(seal),
    "mallory's own with a later end": replace(mine, expires_at_ms=mine.expires_at_ms + 1).written(seal),
    "mallory's own with a bit changed": bytes(flipped),
    "the other's whole item under mallory's key": bosses,
    "mallory's own with something behind it": own + b"\0",
    "a tombstone without a MAC": replace(mine, kind=ENDED, texts=[]).written(),
    "a lease with the MAC of an entry": replace(mine, kind=LEASE, texts=[]).written(seal),
    "nothing": b"",
    "a long text": b"x" * 100_000,
}
for what, value in attempts.items():
    before = forged_in_logs(session_id(mallory.token))
    cache.set(key, value)
    same([who(mallory), who(mallory)], [member.id] * 2, f"{what} is not believed")
    check(is_sealed(cache.get(key)) and cache.get(key) != value, "and a true copy is in its place", cache.get(key)[:80])
    if value[:4] != attempts["an item of the release before, for another account"][:4]:
        check(forged_in_logs(session_id(mallory.token)) > before, "and it is told")
answers = set()
for length in range(0, len(own), 9):
    cache.set(key, own[:length])
    answers.add(who(mallory))
same(answers, {member.id}, "cut anywhere it is no item")
cache.set(key, own.replace(b"\0", b"\1"))
same(who(mallory), member.id, "nor without the ends of its strings")

second = Client(login(member))
theirs = kept(second)
cache.set(key, theirs)
same([who(mallory), who(second)], [member.id] * 2, "the item of another session of one's own is no copy of this one")
stranger = Client("mfs_" + mallory.token[4:-4] + "AAAA")
cache.set(key, replace(mine, hash=Item.read(theirs).hash).written(seal))
mixed = Client("mfs_" + base64.urlsafe_b64encode(raw(mallory.token)[:16] + raw(second.token)[16:]).decode())
same((who(mixed), who(stranger), who(mallory)), (401, 401, member.id), "no hash in it lets another secret in")

# --- what somebody reads

items = [kept(client) for client in (boss, mallory, second)]
check(not any(raw(client.token)[16:] in item or client.token.encode() in item for client in (boss, mallory, second) for item in items),
      "no item has a token's secret")

# --- what somebody puts back

victim, device = signed_in()
first = kept(device)
same(who(device), victim.id, "a session is good, and its copy is kept by somebody")
same(device.post("/logout").status, 200, "its log-out is answered")
same(who(device), 401, "and wins")
accepted, refused = [], []
while not refused or time.time() < Item.read(first).read_at_ms / 1000 + FRESH_S + 1:
    cache.set(key_of(device.token), first)
    asked = time.time()
    (accepted if who(device) == victim.id else refused).append(asked)
    time.sleep(0.1)
latest = max(accepted, default=0) - Item.read(first).read_at_ms / 1000
note(f"put back, the copy was believed {len(accepted)} times, until {latest:.1f} s after it was read")
check(latest <= FRESH_S, f"put back, it is good for no longer than cache_fresh_s ({FRESH_S} s) after it was read", latest)
check(accepted == [] or min(refused) > max(accepted), "once it is refused it stays so", accepted, refused)
fresh = kept(mallory)
cache.set(key, own)
same(who(mallory), member.id, "an older true copy is read again")
check(Item.read(cache.get(key)).read_at_ms >= Item.read(fresh).read_at_ms, "and replaced")
tombstone = cache.get(key_of(device.token))
cache.delete(key)
psql(f"UPDATE mayfly.account SET groups = ARRAY['left'] WHERE id = '{member.id}'")
same(mallory.get("/profile").json()["groups"], ["left"], "and without any the database is asked", tombstone)
cache.set(key, own)
same(mallory.get("/profile").json()["groups"], ["left"], "which no old copy hides")
done()
