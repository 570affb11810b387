#!/usr/bin/python3
"""A client that knows a session's id but not its secret is refused and changes nothing of it: no seen_at, no copy, no lease."""

import re
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, Client, check, done, psql, same, signed_in
from memcached import ENTRY, Item, Memcached, is_sealed, key_of, session_id, wrong_secret

FRESH_S = 5  # cache_fresh_s
LOG = SCRATCH / "log" / "postgres.log"
FIND, TOUCH = r"execute \w+: SELECT s\.id, s\.secret_hash", r"execute \w+: UPDATE session SET seen_at"

cache = Memcached()


@contextmanager
def statements(counts):
    """How often sessions were looked for and touched meanwhile, by all workers."""
    begin = LOG.stat().st_size
    yield
    with LOG.open(errors="replace") as log:
        log.seek(begin)
        text = log.read()
    counts[:] = [len(re.findall(FIND, text)), len(re.findall(TOUCH, text))]


def log_statements(what):
    mark = uuid.uuid4().hex
    psql(f"ALTER SYSTEM SET log_statement = '{what}'")
    psql("SELECT pg_reload_conf()")
    if what == "none":
        return
    for _ in range(200):  # a process reads its settings between two statements
        psql(f"SELECT '{mark}'")
        if mark in LOG.read_text(errors="replace"):
            break
        time.sleep(0.05)


def row(token):
    return psql(f"SELECT xmin, seen_at FROM mayfly.session WHERE id = '{session_id(token)}'")


def unused_for_long(token):
    """So that the next request is to be noted in it."""
    psql(f"UPDATE mayfly.session SET seen_at = seen_at - interval '10 min' WHERE id = '{session_id(token)}'")


user, client = signed_in()
_, other = signed_in()
thief, key = Client(wrong_secret(client.token)), key_of(client.token)
invented = Client(wrong_secret(client.token).replace("mfs_", "mfs_A", 1)[:-1])
counts = []

same(other.get("/profile").status, 200, "a session is cached")
stale = cache.get(key_of(other.token))
old_thief = Client(wrong_secret(other.token))

log_statements("all")
try:
    same(client.get("/profile").status, 200, "a session is good")
    with statements(counts):
        answers = [thief.get("/profile").status for _ in range(20)]
    same((set(answers), counts), ({401}, [0, 0]), "with a copy at hand a wrong secret is refused without a statement")

    unused_for_long(client.token)
    cache.delete(key)
    before = row(client.token)
    with statements(counts):
        answers = [thief.get("/profile").status, thief.post("/logout").status, thief.get("/account", headers={"Accept": "text/html"}).status]
    same(answers, [401, 401, 303], "without one it is refused")
    same((counts, row(client.token)), ([3, 0], before), "after a look into the database, and the session was not touched", before)
    same(cache.get(key), None, "nor is anything in the cache: no copy, and the lease was given back")
    with statements(counts):
        same(client.get("/profile").status, 200, "whose session it is goes on")
    same(counts, [1, 1], "and touches it")
    check(row(client.token) != before and is_sealed(cache.get(key)) and Item.read(cache.get(key)).kind == ENTRY, "with a copy afterwards")

    answers = invented.get("/profile").status
    same((answers, cache.get(key_of(invented.token))), (401, None), "an id that nobody has leaves no lease either")

    # Many at once, so that they come in one batch; who comes first is not known.
    unused_for_long(client.token)
    before = row(client.token)
    cache.delete(key)
    found = {True: [], False: []}

    def ask(good):
        own = Client(client.token if good else thief.token)
        for _ in range(25):
            found[good].append(own.get("/profile").status)

    def all_at_once(*kinds):
        threads = [threading.Thread(target=ask, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_at_once(*[False] * 12)
    same((set(found[False]), row(client.token), cache.get(key)), ({401}, before, None), "300 wrong ones at once leave no trace")
    with statements(counts):
        all_at_once(*[False, True] * 6)
    same((set(found[True]), set(found[False])), ({200}, {401}), "beside right ones each gets its own answer")
    check(row(client.token) != before and is_sealed(cache.get(key)) and Item.read(cache.get(key)).kind == ENTRY,
          "and the right ones have touched the session and made its copy")
    check(1 <= counts[1] <= 12, "the touches were theirs", counts)

    age = time.time() - Item.read(stale).read_at_ms / 1000
    time.sleep(max(0, FRESH_S + 0.1 - age))
    unused_for_long(other.token)
    before = row(other.token)
    with statements(counts):
        answers = [old_thief.get("/profile").status for _ in range(5)]
    same((set(answers), counts, row(other.token), cache.get(key_of(other.token)) == stale), ({401}, [0, 0], before, True),
         "a copy that is too old to let anybody in refuses a wrong secret all the same")
    same(other.get("/profile").status, 200, "and keeps nobody out")
    check(row(other.token) != before and cache.get(key_of(other.token)) != stale, "who then is noted and has a new one")
finally:
    log_statements("none")
done()
