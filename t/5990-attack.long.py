#!/usr/bin/python3
"""
P10 to P12 together, for three minutes or MAYFLY_SECONDS: all that t/lib/attackers.py knows at once, while workers are killed every
few seconds, memcached is flushed and a row is locked. Nothing that was acknowledged is lost or done twice, nobody is logged out or
gets another's answer, nothing grows, and GET /profile of somebody else takes no longer than it should.

How long it takes: one process asks PROBES times a second on kept connections, and counts from the moment at which a request was due,
so whoever is kept waiting does not ask less often. Windows of peace and of attack alternate; what honest people do goes on in both, and
the first seconds of each peace are left out, in which the attack's work ends. t/lib/judge.py compares the two. Where processors were not
mostly idle in peace, others were at work on this machine, and the times tell of them.

The acceptance of an hour: MAYFLY_SECONDS=3600 MAYFLY_TEST_TIMEOUT=5000 ./dev test --long -v ^5990
All samples are then in tmp/attack.json of the scratch folder. MAYFLY_SEED gives other attacks; MAYFLY_ATTACKERS=Smuggler,HalfSent are
some of them only, and MAYFLY_ATTACKERS=none is the kills alone.
"""

import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import random
import re
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import attackers
import honest
import mayfly
from attackers import ATTACK, IDLE, OVER
from chaos import Session, children, flush_cache, nginx_limits, service_pid, wait_until, worker_size, workers
from files import noise, post_raw
from images import frames, png, progressive
from judge import TIMES, Verdict, p99_ms
from mayfly import SCRATCH, check, done, login, new_name, note, psql, same, settings
from smuggle import FORGED_ADDRESS, FORGED_ID

SECONDS = float(os.environ.get("MAYFLY_SECONDS", "180"))
SEED = int(os.environ.get("MAYFLY_SEED", "5990"))
ONLY = tuple(name for name in os.environ.get("MAYFLY_ATTACKERS", "").split(",") if name)

PEACE_S, SETTLE_S, WAR_S = 12, 3, 24
PROBES, PROBERS = 50, 10  # requests a second, connections
KILL_S = (1.5, 4)
# All at once in about every second window of attack: until the new ones are there nobody is answered, 0.1 s on a busy machine, and more
# than one such moment in a window would be a hundredth of it.
KILL_ALL_S = (45, 55)
LOCK_S = 1
AFTER_KILL_S = 3  # so long a 503 is owed to a kill
MEMORY_KIB = 96 * 1024  # of a worker's own
DISK = 64 << 20  # of bodies that nginx holds
# As they are by default; the stack of the tests has others.
SHIPPED = {"password_memory_kib": 19456, "password_passes": 2, "login_failures_per_pair": 10, "login_failures_per_account": 100,
           "login_failures_per_address": 100}


def somebody(prefix):
    """(name, token, id)"""
    user = mayfly.new_user(username=new_name(prefix))
    return user.username, login(user), user.id


# --- whoever reads his profile


def prober(phase, people):
    """[(when it was due, how long it took, status or what was wrong)]"""
    place, samples = mayfly.Client(), []
    gc.disable()

    async def one(number):
        reader = writer = None
        due = time.monotonic() + number / PROBES
        while phase.value != OVER:
            due += PROBERS / PROBES
            await asyncio.sleep(due - time.monotonic())
            name, token, account = people[int(due * 10) % len(people)]
            for _ in range(2):  # nginx may close a kept connection at any time, a new one not
                fresh = writer is None
                if fresh:
                    reader, writer = await asyncio.open_connection(place.host, place.port)
                try:
                    writer.write(f"GET /profile HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head).group(1)))
                    said = int(head[9:12])
                    if said == 200 and (name.encode() not in body or account.encode() not in body):
                        said = f"another's answer: {body}"
                    elif said == 503 and b"Retry-After: " not in head:
                        said = f"503 without Retry-After: {head}"
                    break
                except (OSError, EOFError) as failure:
                    said, writer = f"no answer: {failure!r}", None
                    if fresh:
                        break
            samples.append((due, time.monotonic() - due, said))

    async def all_of_them():
        await asyncio.gather(*(one(number) for number in range(PROBERS)))

    asyncio.run(all_of_them())
    return samples


# --- what is done to the stack, and what is looked at


class Havoc(threading.Thread):
    """In war workers are killed, memcached is flushed and a row is locked; in peace too it is looked at what things take."""

    def __init__(self, phase, locked):
        super().__init__(daemon=True)
        self.phase, self.locked = phase, locked
        self.rng, self.sql, self.locker = random.Random(SEED), Session(), Session()
        self.kills, self.killed, self.done, self.locked_until = [], 0, Counter(), 0
        self.memory, self.disk, self.backends, self.longest = {}, 0, 0, 0.0

    def run(self):
        at = {"kill_all": time.monotonic() + PEACE_S + WAR_S / 2}
        while self.phase.value != OVER:
            now, war = time.monotonic(), self.phase.value == ATTACK
            for what, pause in (("kill", KILL_S), ("kill_all", KILL_ALL_S), ("flush", (6, 12)), ("lock", (4, 8)), ("look", (2, 2))):
                if now >= at.get(what, 0) and (war or what == "look"):
                    getattr(self, what)()
                    at[what] = now + self.rng.uniform(*pause)
            if self.locked_until and now > self.locked_until:
                self.unlock()
            time.sleep(0.1)

    def kill(self):
        self.end(sorted(workers(), key=lambda _: self.rng.random())[:1])
        self.done["one worker killed"] += 1

    def kill_all(self):
        self.end(workers())
        self.done["all workers killed"] += 1

    def end(self, pids):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                self.killed += 1
        self.kills.append(time.monotonic())

    def flush(self):
        flush_cache()
        self.done["flushes"] += 1

    def lock(self):
        self.locker.ask(f"BEGIN; SELECT FROM mayfly.account WHERE id = '{self.locked}' FOR UPDATE")
        self.done["locks"] += 1
        self.locked_until = time.monotonic() + LOCK_S

    def unlock(self):
        self.locker.ask("ROLLBACK")
        self.locked_until = 0

    def look(self):
        for pid in workers():
            with contextlib.suppress(OSError, KeyError):
                self.memory[pid] = max(self.memory.get(pid, 0), worker_size(pid)[1])
        self.disk = max(self.disk, on_disk())
        count, longest = self.sql.ask("SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE "
                                      "state = 'active'), 0) FROM pg_stat_activity WHERE usename = 'mayfly'")[0].split("|")
        self.backends, self.longest = max(self.backends, int(count)), max(self.longest, float(longest))


def on_disk():
    """Bytes of bodies and answers that nginx has written down; these files have lost their names, but are open."""
    total = 0
    for pid in children(service_pid("nginx")):
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(file).startswith(str(SCRATCH / "tmp")):
                    total += os.stat(file).st_blocks * 512
    return total


def connections():
    """How many clients nginx has."""
    port = mayfly.Client().port
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01")


def sockets():
    """Of the workers whose connections are for one request each."""
    count = 0
    for pid in workers("password-a", "password-b", "files-a", "files-b"):
        with contextlib.suppress(OSError):
            count += sum(os.readlink(file).startswith("socket:") for file in Path(f"/proc/{pid}/fd").glob("*"))
    return count


def started(function, *arguments):
    """A process of its own, and where its result comes from."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(function(*arguments)), daemon=True)
    process.start()
    sender.close()
    return receiver


def result(receiver):
    if not receiver.poll(300):
        raise TimeoutError("one of the processes does not end")
    return receiver.recv()


def idle_share(before, after):
    """Of all processors, between two lines of /proc/stat."""
    spent = [last - first for first, last in zip(before, after)]
    return (spent[3] + spent[4]) / max(1, sum(spent[:8]))


def processors():
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]


def windows(phase):
    """[(war, from, to)] as they pass; notes how busy the machine was."""
    idle = {False: [], True: []}
    passed, rounds = [], max(1, round(SECONDS / (PEACE_S + WAR_S)))
    for _ in range(rounds):
        for war, seconds, settle in ((False, PEACE_S, SETTLE_S), (True, WAR_S, 0)):
            phase.value = ATTACK if war else IDLE
            time.sleep(settle)
            began, before = time.monotonic(), processors()
            time.sleep(seconds - settle)
            passed.append((war, began, time.monotonic()))
            idle[war].append(idle_share(before, processors()))
    phase.value = IDLE
    time.sleep(SETTLE_S)
    note(f"processors were idle for {statistics.median(idle[False]):.0%} in peace, {statistics.median(idle[True]):.0%} in attack")
    return passed


# --- what came of it


def judge_times(samples, passed, kills):
    verdict = Verdict(samples, passed)
    for name, war in (("peace", False), ("attack", True)):
        values, pooled = verdict.p99s[war], verdict.pooled[war]
        note(f"GET /profile in {name}: {len(pooled)} requests in {len(values)} windows; p99 of windows {min(values):.1f} to "
             f"{max(values):.1f} ms, median {statistics.median(values):.1f} ms; all together p50 {statistics.median(pooled) * 1e3:.1f}, "
             f"p99 {p99_ms(pooled):.1f}, slowest {max(pooled) * 1e3:.0f} ms")
    idle, beside, bound, attack = verdict.peace_ms, verdict.war_ms, verdict.bound_ms, verdict.p99s[True]
    note(f"ratio {beside / idle:.2f}; bound {bound:.1f} ms; {sum(one > bound for one in attack)} of {len(attack)} windows of attack beyond it")
    check(verdict.as_in_peace(), f"p99 of GET /profile is at most {TIMES} times that of peace", f"{beside:.1f} ms, in peace {idle:.1f} ms")
    slow = [due for due, took, _ in samples if took * 1e3 > bound]
    near = sum(any(-0.2 < due - kill < 1 for kill in kills) for due in slow)
    note(f"beyond the bound: {len(slow)} requests, {near} of them within a second of a kill")
    (SCRATCH / "tmp" / "attack.json").write_text(json.dumps({"samples": samples, "kills": kills, "windows": passed}))
    check(verdict.nobody_waits_for_long(), "and nobody waits for long", verdict.slowest_s)


def main():
    rng = random.Random(SEED)
    note(f"seed {SEED}, {SECONDS:g} s")
    services = (service_pid("nginx"), psql("SELECT pg_postmaster_start_time()"))
    images = [png(1, 7_500_000), png(7000, 7000, depth=16, channels=4, filtered=4), frames(100_000), progressive(5000)]
    with settings(**SHIPPED), nginx_limits():
        readers = [somebody("honest5990") for _ in range(4)]
        people = [honest.Writing(rng), honest.Writing(rng), honest.Storing(rng), honest.Storing(rng), honest.Owner(rng)]
        spoils = {who: somebody(who) for who in ("attacker", "smuggler", "writer", "painter", "dripper")}
        lender = mayfly.Client(somebody("lender")[1])
        link = lender.post(f"{post_raw(lender, noise(8_000_000), 'big.bin').json()['url']}/link", json={}).json()["url"]
        spoils.update(link=link[link.index("/shared/"):], owner=people[-1].name)
        before, log_from = sockets(), {path: path.stat().st_size for path in (SCRATCH / "log").glob("*.log")}
        phase = multiprocessing.get_context("fork").Value("i", IDLE, lock=False)
        havoc = Havoc(phase, spoils["writer"][2])
        crowds = [started(prober, phase, readers), started(honest.live, phase, people),
                  started(attackers.attack, phase, SEED, spoils, images, ONLY)]
        havoc.start()
        passed = windows(phase)
        phase.value = OVER
        samples, honestly, attacked = [result(receiver) for receiver in crowds]
        havoc.join()
        report(samples, passed, honestly, attacked, havoc)
        check(wait_until(90, lambda: connections() == 0), "nginx holds no connection of theirs", connections())
        check(wait_until(90, lambda: sockets() <= before + 4), "and no worker", before, sockets())
        same((service_pid("nginx"), psql("SELECT pg_postmaster_start_time()")), services, "PostgreSQL and nginx have never been started anew")
        same(psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly' AND state <> 'idle'"), "0", "no backend is left at work")
        logs(log_from, havoc)
        smuggled(spoils)
    done()


def report(samples, passed, honestly, attacked, havoc):
    note(f"done to it: {dict(havoc.done)}")
    note(f"attackers: {dict(sorted(attacked['count'].items()))}")
    note(f"honest: {dict(honestly['done'])}, answers {dict(Counter(status for _, status in honestly['seen']))}")
    note(f"most: {max(havoc.memory.values()) // 1024} MiB of a worker's own, {havoc.disk >> 20} MiB of bodies on disk, {havoc.backends} "
         f"backends, {havoc.longest:.1f} s in a statement")
    judge_times(samples, passed, havoc.kills)
    wrong = [said for _, _, said in samples if said not in (200, 503)]
    same((len(wrong), wrong[:5]), (0, []), "everybody reads his own profile, or is told 503 with Retry-After")
    refused = [when for when, took, said in [*samples, *((at, 0, status) for at, status in honestly["seen"])] if said == 503]
    note(f"503: {len(refused)}")
    unowed = [when - passed[0][1] for when in refused if not any(-1 < when - kill < AFTER_KILL_S for kill in havoc.kills)]
    same((len(unowed), unowed[:5]), (0, []), f"each 503 is within {AFTER_KILL_S} s of a kill")
    same((len(honestly["wrong"]), honestly["wrong"][:10]), (0, []), "whatever was acknowledged is there exactly once, and nobody is logged out")
    check(honestly["least"] > 0 and len(havoc.kills) > SECONDS / 10, "everybody got on, and workers were killed", honestly["done"], havoc.kills)
    same((len(attacked["wrong"]), attacked["wrong"][:10]), (0, []), "attackers are told what is right, and nothing of others")
    missing = [kind.__name__ for kind in attackers.KINDS if (not ONLY or kind.__name__ in ONLY) and not any(
        name.startswith(kind.__name__ + " ") and not name.endswith("cut") for name in attacked["count"])]
    same(missing, [], "each kind has attacked")
    check(max(havoc.memory.values()) < MEMORY_KIB, "no worker grows", havoc.memory)
    check(havoc.disk < DISK, "nginx writes no long bodies of strangers down", havoc.disk)
    check(havoc.longest < 5, "no statement goes on for long", havoc.longest)


def logs(log_from, havoc):
    found = Counter()
    marks = (FORGED_ID, FORGED_ADDRESS, "terminating any other active server processes", "exited on signal", "died, respawn")
    for path, first in log_from.items():
        with open(path, "rb") as log:
            log.seek(first)
            for line in log:
                found.update(mark for mark in marks if mark.encode() in line)
    died = found.pop("died, respawn", 0)
    check(0 < died <= havoc.killed, "no worker has died but those that were killed", died, havoc.killed)
    same(dict(found), {}, "no request inside of a body is in a log, and neither PostgreSQL nor nginx has crashed")


def smuggled(spoils):
    same(mayfly.Client(spoils["smuggler"][1]).get("/profile/data").json(), {}, "nothing was written by a request inside of a body")
    same(psql(f"SELECT count(*) FROM mayfly.session WHERE address = '{FORGED_ADDRESS}'"), "0", "nor has one logged in")


main()
