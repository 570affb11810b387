#!/usr/bin/python3
"""P2, P5, P8 under a real systemd with Debian's own services: whatever is restarted, killed or stopped, nothing that was
acknowledged is lost, done twice or comes back; and what happens to one pool after the other fails no request."""

import random
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import check, done, note, same, wait_until
from ledger import Ledger
from machine import POOLS, Machine, deploy, package, require

AWAY_S = 10
ROUNDS = 3


def event(machine, what, action, rolling=True, longest_s=None):
    with Ledger(machine) as ledger:
        action()
    ledger.judge(what, rolling, longest_s)


def whole(machine, size=2):
    """Every pool has its workers again."""
    return wait_until(20, lambda: len(machine.workers()) == size * len(POOLS))


def replaced(machine, old):
    return wait_until(20, lambda: not old & machine.workers() and len(machine.workers()) == len(old))


def rolling_restarts(machine):
    for _ in range(ROUNDS):
        for pool in POOLS:
            machine(f"systemctl restart mayfly-pool@{pool}")


def deploys(machine):
    old = machine.workers()
    said = machine.run("mayflyctl deploy").stderr
    check(not old & machine.workers(), "mayflyctl deploy: every worker is a new one")
    same([line.split()[0] for line in said.splitlines() if "answers again after" in line],
         [f"mayfly-pool@{pool}.service" for pool in POOLS], "mayflyctl deploy: one pool after the other, and says so")


def broken_deploy(machine):
    old = machine.workers(*POOLS[1:])
    machine("cp -p /usr/bin/mayfly-worker /root/good; install /bin/false /usr/bin/mayfly-worker")
    ran = machine.run("mayflyctl deploy")
    check(ran.returncode == 1 and "mayfly-pool@a.service does not come back" in ran.stderr and "install the version before" in ran.stderr,
          "a program that does not start: deploy stops at the first pool and says how to go back", ran.stderr)
    same(machine.workers(*POOLS[1:]), old, "a program that does not start: the other pools run on as they were")
    machine("install /root/good /usr/bin/mayfly-worker; mayflyctl deploy")
    check(whole(machine), "the program of before, deployed again: all workers are back")


def kill(machine, what):
    """SIGKILL of each pool's multiwatch, or of all workers; again when they are back."""
    for _ in range(ROUNDS):
        machine(f"for pool in {' '.join(POOLS)}; do pid=$(systemctl show -P MainPID mayfly-pool@$pool); "
                f"{'kill -KILL $pid' if what == 'multiwatch' else 'pkill -KILL -P $pid'}; done")
        check(whole(machine), f"SIGKILL of {what}: all workers are back")


def reload(machine):
    for _ in range(2):
        old = machine.workers()
        machine("systemctl reload 'mayfly-pool@*'")
        check(not old & machine.workers(), "reload: returns when every worker has been replaced", old, machine.workers())


def scale(machine, size):
    machine(f"echo WORKERS={size} >/etc/default/mayfly-a; echo WORKERS={size} >/etc/default/mayfly-b; "
            "systemctl restart mayfly-pool@a && systemctl restart mayfly-pool@b")
    check(wait_until(20, lambda: len(machine.workers("a", "b")) == 2 * size), f"scale: {size} workers in each pool")


def away(machine, service):
    machine(f"systemctl stop {service}")
    time.sleep(AWAY_S)
    machine(f"systemctl start {service}")


def heals(machine, service, rolling):
    before = machine.workers()
    with Ledger(machine) as ledger:
        away(machine, service)
        back = time.monotonic()
        ready = wait_until(10, lambda: machine.client()("GET", "/health/ready").status == 200)
        note(f"{service}: all is ready {time.monotonic() - back:.2f} s after its return")
        check(ready, f"{service} away for {AWAY_S} s: heals alone")
    ledger.judge(f"{service} away for {AWAY_S} s", rolling)
    check(before == machine.workers(), f"{service} away for {AWAY_S} s: by the same workers")


def ledger_sees(machine):
    """What must never happen is made to happen behind its back."""
    with Ledger(machine) as ledger:
        pass
    twice, gone = ledger.writers[0].name, ledger.writers[1].name
    machine.psql(f"UPDATE mayfly.profile_data SET version = version + 1 WHERE account_id = "
                 f"(SELECT id FROM mayfly.account WHERE username = '{twice}')")
    machine.psql(f"UPDATE mayfly.profile_data SET data = '{{}}' WHERE account_id = "
                 f"(SELECT id FROM mayfly.account WHERE username = '{gone}')")
    machine.psql(f"DELETE FROM mayfly.account WHERE username = '{ledger.comer.names[0]}'")
    ledger.comer.dead.append(ledger.comer.live[-1])
    lost, doubled, revived = ledger.effects()
    check(any(gone in one for one in lost) and any(ledger.comer.names[0] in one for one in lost) and
          any(twice in one for one in doubled) and revived,
          "the ledger sees a lost write, a lost account, a write done twice and a session that came back", lost, doubled, revived)


def power_cut(machine):
    ledger = Ledger(machine)
    with ledger:
        machine.cut_power()
        ledger.threads.over.set()
    ledger.threads.errors.clear()  # there is nobody to insist with
    took = machine.boot()
    answers = wait_until(20, lambda: ready(machine))
    check(answers, "power cut: the machine comes up again by itself")
    note(f"power cut: up after {took:.1f} s")
    lost, doubled, revived = ledger.effects()
    done_before = sum(writer.acknowledged for writer in ledger.writers)
    note(f"power cut: {done_before} writes and {ledger.comer.log_ins} log-ins before; "
         f"lost {len(lost)}, revived {len(revived)}")
    check(done_before > 5, "power cut: there was load", done_before)
    check(not lost and not revived, "power cut: everything that was acknowledged is there", lost[:5], revived[:5])


def ready(machine):
    try:
        return machine.client()("GET", "/health/ready").status == 200
    except Exception:  # pylint: disable=broad-except
        return False


def main():
    require()
    random.seed(7200)
    with Machine(package()) as machine:
        deploy(machine)
        event(machine, "rolling restart of every pool", lambda: rolling_restarts(machine))
        event(machine, "mayflyctl deploy", lambda: deploys(machine))
        event(machine, "deploying a program that does not start", lambda: broken_deploy(machine))
        event(machine, "restart of all pools at once", lambda: machine("systemctl restart 'mayfly-pool@*'"), rolling=False,
              longest_s=5)
        event(machine, "SIGKILL of every multiwatch", lambda: kill(machine, "multiwatch"), rolling=False)
        event(machine, "SIGKILL of all workers", lambda: kill(machine, "workers"), rolling=False)
        event(machine, "reload", lambda: reload(machine))
        event(machine, "from 2 workers to 200 and back", lambda: [scale(machine, size) for size in (200, 2)])
        heals(machine, "postgresql", rolling=False)
        heals(machine, "memcached", rolling=True)
        ledger_sees(machine)
        power_cut(machine)
    done()


main()
