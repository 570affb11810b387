#!/usr/bin/python3
"""P4: once a session's end has been answered, be it by log-out, revocation, a new password or an administrator, no request that
starts later is answered with the session; nor with groups that it no longer has."""

import base64
import os
import random
import signal
import subprocess
import sys
import threading
import time
import types
import uuid
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import mayfly
from chaos import (INST, MEMCACHED, PASSWORD, SCRATCH, Client, Lost, Threads, check, dev, done, flush_cache, held, login, new_user,
                   note, same, wait_until, workers)
from mayfly import psql

EACH = 100  # log-outs for each state of the cache, 500 in all
OTHERS = 30  # of each other way to end sessions, or to change what they say
LANES, READERS = 2, 2
AFTER_S = 0.06  # readers go on for so long after the answer
AGAIN = 4  # each token is asked so often at the end, of several workers
FRESH_S = 5  # cache_fresh_s


def session_id(token):
    return uuid.UUID(bytes=base64.urlsafe_b64decode(token.removeprefix("mfs_") + "==")[:16])


class Lane:
    """Logs in, lets readers loose on the session, ends it, and looks at what the readers got."""

    def __init__(self, seed, end):
        self.random, self.end = random.Random(seed), end
        self.name, self.password, self.group = new_user("leaving"), PASSWORD, ""
        self.seen, self.late, self.longest_s, self.tokens = Counter(), [], 0, []
        self.readers = [Client() for _ in range(READERS)]
        self.client, self.owner, self.token = Client(), Client(login(self.name)), None

    def end_once(self):
        if self.end is disable:
            ctl("user", "enable", self.name)
        self.token = mayfly.login(mayfly.User(self.name, self.password))
        self.tokens.append(self.token)
        answers, over = [], threading.Event()
        with Threads() as threads:
            threads.over = over
            for reader in self.readers:
                reader.token = self.token
                threads.repeat(lambda reader=reader: answers.append(reader("GET", "/profile")))
            time.sleep(self.random.uniform(0.002, 0.03))
            reply = self.end(self)
            time.sleep(AFTER_S)
        if threads.errors:
            self.seen["errors"] += 1
            note(threads.errors[0])
        self.seen[f"ended {reply.status}"] += 1
        self.longest_s = max(self.longest_s, reply.ended - reply.started)
        if reply.status not in (200, 204):
            return
        for answer in answers:
            after = answer.started > reply.ended
            self.seen[f"{'later' if after else 'earlier'} {answer.status}"] += 1
            if after and self.is_old(answer):
                self.late.append(answer.started - reply.ended)

    def is_old(self, answer):
        if self.end is change_groups:
            return answer.status != 200 or answer.json()["groups"] != [self.group]
        return answer.status == 200

    def run(self, count):
        for _ in range(count):
            self.end_once()

    def still_let_in(self):
        """What came into the cache late would be seen by whoever asks again."""
        reader, answers = Client(), []
        for token in self.tokens * AGAIN:
            reader.token = token
            answers.append(reader("GET", "/profile").status)
        return len(answers) - answers.count(401)


# --- ways to end a session


def log_out(lane):
    lane.client.token = lane.token
    return lane.client("POST", "/logout")


def revoke(lane):
    """From another device."""
    return lane.owner("DELETE", f"/sessions/{session_id(lane.token)}")


def change_password(lane):
    new = f"a quiet green lamp {len(lane.tokens)}"
    reply = lane.owner("POST", "/password", {"current": lane.password, "new": new})
    lane.password, lane.owner.token = new, reply.json()["token"]
    return reply


def ctl(*words):
    started = time.monotonic()
    ran = subprocess.run([INST / "bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, check=False)
    return types.SimpleNamespace(status=200 if ran.returncode == 0 else ran.stderr.decode(), started=started, ended=time.monotonic())


def disable(lane):
    return ctl("user", "disable", lane.name)


def change_groups(lane):
    """Ends no session, but from then on it must say so."""
    lane.group = f"group{len(lane.tokens)}"
    return ctl("user", "groups", lane.name, lane.group)


def race(state, disturb=None, end=log_out, each=EACH):
    """Sessions are ended while disturb is called again and again."""
    lanes = [Lane(5200 + index, end) for index in range(LANES)]
    began = time.monotonic()
    with Threads() as disturbing:
        disturbing.repeat(pause_a_worker)
        if disturb is not None:
            disturbing.repeat(disturb)
        with Threads() as threads:
            for lane in lanes:
                threads.add(lane.run, each // LANES)
            threads.join()
    report(state, lanes, each, began, threads.errors + disturbing.errors)
    if end is not change_groups:
        same(sum(lane.still_let_in() for lane in lanes), 0, f"{state}: nor is anybody who asks again when all is quiet")


def report(state, lanes, each, began, errors):
    seen = sum((lane.seen for lane in lanes), Counter())
    late = sorted(delay for lane in lanes for delay in lane.late)
    later = 200 if lanes[0].end is change_groups else 401
    note(f"{state}: {dict(sorted(seen.items()))} in {time.monotonic() - began:.1f} s, "
         f"slowest end {max(lane.longest_s for lane in lanes) * 1000:.0f} ms")
    same(errors, [], f"{state}: the test ran through")
    same(seen["ended 200"] + seen["ended 204"], each, f"{state}: {each} ends are acknowledged")
    check(seen["earlier 200"] >= each and seen[f"later {later}"] >= each, f"{state}: readers raced them before and after")
    same(set(seen) - {"ended 200", "ended 204", "earlier 200", "earlier 401", "later 401", "later 200"}, set(),
         f"{state}: readers got 200 or 401 and nothing else")
    same([f"{delay * 1000:.1f} ms" for delay in late], [], f"{state}: nobody who came after the answer was let in")


def pause_a_worker():
    """Makes a slow reader: whatever this worker has in hand goes on only some time later."""
    pids = sorted(workers("a", "b"))
    if pids:
        pid = random.choice(pids)
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.01, 0.06))
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    time.sleep(0.01)


def flush():
    flush_cache()
    time.sleep(random.uniform(0, 0.01))


def restart():
    dev("service", "stop", "memcached")
    dev("service", "start", "memcached")
    time.sleep(random.uniform(0.02, 0.2))


def hang():
    dev("service", "signal", "memcached", "STOP")
    time.sleep(random.uniform(0.02, 0.4))
    dev("service", "signal", "memcached", "CONT")
    time.sleep(random.uniform(0.02, 0.4))


def back_again():
    """
    A node that could not be told of some changes is told of the next one as soon as it is back: others have found it again by then,
    and the workers that change profiles are others than those that read them.
    """
    name = new_user("back")
    client, meanwhile, stale, count = Client(login(name)), [], [], 0

    def change():
        nonlocal count
        count += 1
        return client("PATCH", "/profile", {"name": f"change {count}"}).status

    dev("service", "stop", "memcached")
    with Threads() as threads:
        threads.repeat(lambda: (meanwhile.append(change()), time.sleep(0.02)))
        time.sleep(2)  # until libmemcached has given it up
        dev("service", "start", "memcached")
    # New ones have not seen it fail.
    for pid in workers("a", "b"):
        os.kill(pid, signal.SIGKILL)
    wait_until(5, lambda: {client("GET", "/profile").status for _ in range(8)} == {200})
    until = time.monotonic() + 3
    while time.monotonic() < until:
        statuses = {client("GET", "/profile").status for _ in range(4)}
        statuses.add(change())
        seen = [client("GET", "/profile").json()["name"] for _ in range(4)]
        if statuses != {200} or set(seen) != {f"change {count}"}:
            stale.append((statuses, count, seen))
    same((threads.errors, set(meanwhile)), ([], {200}), "back again: changes while it is away")
    check(count > 50, "back again: and many afterwards", count)
    same(stale[:3], [], "back again: whoever reads after a change reads the change")


def cut_off():
    """The one case with a bound: nobody can reach the node at the log-out, and it comes back with its memory."""
    name = new_user("cut-off")
    tokens = [login(name) for _ in range(EACH)]
    reader, late, seen, answers = Client(), [], Counter(), []
    ended = {}

    def ask(token, client=reader):
        client.token = token
        return client("GET", "/profile")

    read = time.monotonic()
    for _ in range(2):
        same(Counter(ask(token).status for token in tokens), {200: EACH}, "cut off: the sessions are live and cached")
    hidden = MEMCACHED.with_suffix(".hidden")
    MEMCACHED.rename(hidden)
    # New workers, since the old ones are connected already.
    dev("kill")
    racing = Client()

    def race_once():
        token = random.choice(tokens)
        answers.append((token, ask(token, racing)))

    try:
        with Threads() as threads:
            threads.repeat(race_once)
            for token in tokens:
                leaving = Client(token, keep=False)
                reply = leaving("POST", "/logout")
                seen[f"log-out {reply.status}"] += 1
                ended[token] = reply.ended
                seen[f"while cut off {ask(token).status}"] += 1
    finally:
        hidden.rename(MEMCACHED)
    back = time.monotonic()
    until = max(ended.values()) + FRESH_S + 1.5
    while time.monotonic() < until:
        for token in tokens:
            answer = ask(token)
            seen[f"{'within' if answer.started - ended[token] <= FRESH_S else 'past'} the bound {answer.status}"] += 1
            if answer.status == 200:
                late.append(answer.started - ended[token])
        time.sleep(0.05)
    note(f"cut off: {dict(sorted(seen.items()))}; {len(answers)} raced; back after {back - min(ended.values()):.2f} s; "
         f"the last 200 came {max(late, default=0):.2f} s after its log-out")
    same(threads.errors, [], "cut off: the test ran through")
    same(seen["log-out 200"], EACH, f"cut off: {EACH} log-outs are answered with 200")
    same(seen["while cut off 401"], EACH, "cut off: nobody is let in while the node is away")
    check(len(answers) > EACH, "cut off: others asked meanwhile", len(answers))
    same([answer for token, answer in answers if answer.status != 401 and answer.started > ended[token]], [],
         "cut off: and none of them was let in after a log-out")
    check(late or back - read > FRESH_S / 2, "cut off: the node comes back with the old copies")
    check(max(late, default=0) <= FRESH_S, f"cut off: an old copy is trusted for {FRESH_S} s at most")
    check(seen["past the bound 401"] >= EACH, "cut off: after that every session is over")


def begun_before():
    """Changes that wait for a lock while their session is logged out."""
    name = new_user("waiting")
    staying = Client(login(name))
    session = psql(f"SELECT s.id FROM mayfly.session s JOIN mayfly.account a ON a.id = s.account_id WHERE a.username = '{name}'")
    account_lock = f"SELECT FROM mayfly.account WHERE username = '{name}' FOR NO KEY UPDATE"
    session_lock = f"SELECT FROM mayfly.session WHERE id = '{session}' FOR UPDATE"
    for method, path, body, lock in (("PATCH", "/profile/data", {"late": 1}, account_lock), ("PATCH", "/profile", {"name": "late"}, account_lock),
                                     ("DELETE", "/sessions", None, session_lock)):
        what, answers = f"{method} {path}", []
        waiting, leaving = (Client(token) for token in [login(name)] * 2)
        before = [staying("GET", seen).body for seen in ("/profile", "/profile/data")]
        with Threads() as threads:
            with held(lock):
                threads.add(lambda: answers.append(waiting(method, path, body)))  # pylint: disable=cell-var-from-loop
                time.sleep(0.3)  # it is put aside and tried again, so nothing in the database shows that it waits
                same(answers, [], f"{what}: waits for a lock")
                same(leaving("POST", "/logout").status, 200, f"{what}: its session is logged out meanwhile")
            threads.join()
        same(threads.errors, [], f"{what}: the test ran through")
        same([answer.status for answer in answers], [401], f"{what}: is not done then", answers)
        same([staying("GET", seen).body for seen in ("/profile", "/profile/data")], before, f"{what}: and has changed nothing")


def main():
    random.seed(5200)
    begun_before()
    race("healthy")
    race("flushed", flush)
    race("restarted", restart)
    race("stopped", hang)
    for end in (revoke, change_password, disable, change_groups):
        race(end.__name__.replace("_", " "), end=end, each=OTHERS)
    back_again()
    cut_off()
    check(wait_healthy(), "the cache answers again at the end")
    done()


def wait_healthy():
    for _ in range(50):
        try:
            if Client()("GET", "/health/ready").status == 200:
                return True
        except Lost:
            pass
        time.sleep(0.1)
    return False


main()
