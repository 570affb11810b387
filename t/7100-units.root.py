#!/usr/bin/python3
"""The units themselves: what a worker can't reach, that READY is the truth, and that what is wrong is said once, waits and
heals."""

import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import CHECKOUT, check, done, note, same, wait_until
from machine import Machine, deploy, package, require

UNIX_EXPOSURE, TCP_EXPOSURE = 5, 15  # tenths, as systemd-analyze counts
CONFIG = "/etc/mayfly/mayfly.conf"
WATCHED_S = 11  # two pauses of 5 s
SCHEMA = int(re.search(r"SCHEMA_NUMBER = (\d+)", (CHECKOUT / "src/store/schema.h").read_text()).group(1))


def status(machine, path="/health/ready"):
    return machine.client()("GET", path).status


def exposure(machine, most, *units):
    for unit in units:
        ran = machine.run(f"systemd-analyze security --no-pager --threshold={most} {unit}")
        note(ran.stdout.splitlines()[-1].strip("→ "))
        check(ran.returncode == 0, f"{unit}: exposed no more than {most / 10}", ran.stdout)
    ran = machine.run(f"systemd-analyze security --no-pager --threshold={most} nginx")
    check(ran.returncode != 0, "which this test could refuse")


def check_sandbox(machine):
    exposure(machine, UNIX_EXPOSURE, "mayfly-pool@a", "mayfly-sweep", "mayfly-schema")
    verified = machine.run("systemd-analyze verify --man=no mayfly-pool@a.service mayfly-sweep.service mayfly-sweep.timer "
                           "mayfly-schema.service mayfly.target mayfly.slice")
    lines = [line for line in verified.stderr.splitlines() if "mayfly" in line]
    check(verified.returncode == 0 and not lines, "systemd-analyze verify has nothing to say", *lines)
    pid = sorted(machine.workers("a"))[0]
    fields = dict(line.split(":\t", 1) for line in machine(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    same((fields["CapEff"], fields["CapPrm"], fields["CapBnd"], fields["NoNewPrivs"], fields["Seccomp"]),
         ("0" * 16, "0" * 16, "0" * 16, "1", "2"), "a worker has no capability, none to gain, and a system-call filter")
    check("SCHED_BATCH" in machine(f"chrt --pid {pid}"), "it preempts nobody by waking up")
    same(machine(f"stat -c %U:%G /proc/{pid}").strip(), "mayfly:www-data", "a user of its own and nginx's group")
    groups = fields["Groups"].strip().replace(" ", ",")
    inside = f"nsenter -t {pid} -m -n -- setpriv --reuid=mayfly --regid=www-data --groups={groups}"
    written = machine.run(f"{inside} find / \\( -path /proc -o -path /sys \\) -prune -o \\( -type d -o -type f \\) -writable -print")
    same(written.stdout.split(), ["/run/mayfly/a"], "nothing can be written to but its socket's folder")
    check(machine.run(f"{inside} cat /etc/mayfly/secret").returncode != 0, "the secret's own file can't be read")
    same(machine(f"nsenter -t {pid} -n ip -brief link").split()[:1], ["lo"], "it has no network")
    same(len(machine(f"nsenter -t {pid} -n ip -brief link").splitlines()), 1, "but a loopback of its own")
    same(machine("stat -c '%a %U:%G' /run/mayfly/a /run/mayfly/a/fcgi.sock").split("\n")[:2],
         ["750 mayfly:www-data", "660 mayfly:www-data"], "nginx may open the socket, others not even see it")
    check(machine.run("runuser -u nobody -- ls /run/mayfly/a").returncode != 0, "nobody else may")


def check_ready(machine):
    """With one pool only, whoever asks right after a restart would notice."""
    machine("systemctl stop mayfly-pool@b")
    seen = []
    for _ in range(10):
        machine("systemctl restart mayfly-pool@a")
        seen.append(status(machine))
    machine("systemctl start mayfly-pool@b")
    same(seen, [200] * 10, "systemctl restart returns when the pool answers")
    same(machine("systemctl show -P Type mayfly-pool@a").strip(), "notify", "because a worker said so")


def refused(machine, what, spoil, mend, wanted, at_least=1):
    """Pool b does not start with it, says why in few lines, and comes back by itself; the others answer meanwhile."""
    machine(spoil)
    machine("journalctl --rotate -q; sleep 0.05; date +%s.%N >/run/began")
    began = time.monotonic()
    restart = machine.run("systemctl restart mayfly-pool@b")
    check(restart.returncode != 0, f"{what}: systemctl restart fails")
    answers = [status(machine, "/health/live") for _ in range(20)]
    time.sleep(max(0, began + WATCHED_S - time.monotonic()))
    journal = machine.journal("mayfly-pool@b", "-S @$(cat /run/began)")
    # systemd's own lines come another way.
    ours = machine.journal("mayfly-pool@b", "-S @$(cat /run/began) _TRANSPORT=stdout")
    lines = [line for line in ours if wanted in line]
    note(f"{what}: {lines[0] if lines else journal[-5:]}")
    check(at_least <= len(lines) <= 3, f"{what}: one clear line, again after a pause", *journal[-12:])
    same([line for line in ours if line not in lines], [], f"{what}: and no other line of ours")
    same(set(answers), {200}, f"{what}: the other pool answers")
    machine(mend)
    healed = wait_until(10, lambda: machine.run("systemctl is-active -q mayfly-pool@b").returncode == 0)
    check(healed, f"{what}: mended, the pool starts by itself")


def check_wrong(machine):
    lines = len(machine(f"cat {CONFIG}").splitlines())
    refused(machine, "a wrong setting", f"cp {CONFIG} /root/kept; echo session_idle_s = soon >>{CONFIG}", f"cp /root/kept {CONFIG}",
            f"{CONFIG}:{lines + 1}: session_idle_s: say a whole number from 1 to 31536000")
    refused(machine, "no secret", "mv /etc/mayfly/secret /root/", "mv /root/secret /etc/mayfly/",
            "/etc/mayfly/secret: No such file or directory; make it with `openssl rand -hex 32`")
    refused(machine, "a damaged secret", "cp -p /etc/mayfly/secret /root/; truncate -s 60 /etc/mayfly/secret",
            "cp -p /root/secret /etc/mayfly/", "/secret:1: not 64 hexadecimal digits; make a key with `openssl rand -hex 32` (a copy of /etc/mayfly/secret")
    refused(machine, "an old schema", "runuser -u postgres -- psql -q -d mayfly -c 'UPDATE mayfly.schema_change SET number = 0 WHERE "
            "number = (SELECT max(number) FROM mayfly.schema_change)'",
            f"runuser -u postgres -- psql -q -d mayfly -c 'UPDATE mayfly.schema_change SET number = {SCHEMA} WHERE number = 0'",
            f"this build needs {SCHEMA}; run as PostgreSQL's superuser: psql -d mayfly -f /usr/share/mayfly/sql/schema/apply.sql")
    refused(machine, "a wrong number of workers", "echo WORKERS=many >/etc/default/mayfly-b", "rm /etc/default/mayfly-b",
            "WORKERS='many' is not a number of workers from 1 to 9999")


def check_reload(machine):
    lines = len(machine(f"cp {CONFIG} /root/kept; cat {CONFIG}").splitlines())
    before = machine.workers()
    for setting, wanted in (("no_such_setting = 1", "no_such_setting: no such setting"),
                            ("statsd = localhost:8125", "statsd: say unix:/path or ADDRESS:PORT"),
                            ("database = hots=/run", 'database: invalid connection option "hots"'),
                            ("objects = s3", "objects: s3 wants a bucket"),
                            ("cache = host:99999", "cache: 'host:99999'")):
        machine(f"cp /root/kept {CONFIG}; echo '{setting}' >>{CONFIG}")
        ran = machine.run("systemctl reload mayfly-pool@a")
        check(ran.returncode != 0, f"reload refuses {setting}, with which no worker would start")
        same(machine.workers(), before, "and leaves the workers as they are")
        check(any(f"{CONFIG}:{lines + 1}: {wanted}" in line for line in machine.journal("mayfly-pool@a")), "saying where and why")
    check_lost(machine)
    machine(f"cp /root/kept {CONFIG}; echo worker_header = no >>{CONFIG}; systemctl reload 'mayfly-pool@*'")
    headers = [machine.client()("GET", "/health/live").headers.get("X-Mayfly-Worker") for _ in range(8)]
    same(set(headers), {None}, "when reload returns, every worker has the new settings")
    machine(f"cp /root/kept {CONFIG}; systemctl reload 'mayfly-pool@*'")


def check_lost(machine):
    """The check can't know everything: recycling stops at the first worker that nobody follows. The settings are wrong here."""
    before = machine.workers("a")
    ran = machine.run("/usr/libexec/mayfly/pool recycle $(systemctl show -P MainPID mayfly-pool@a)")
    check(ran.returncode != 0 and "no new worker serves" in ran.stderr, "recycle fails when no successor serves", ran.stderr)
    same(len(before & machine.workers("a")), len(before) - 1, "and only one worker has left")
    machine(f"cp /root/kept {CONFIG}")
    machine("systemctl restart mayfly-pool@a")


def check_without_database(machine):
    machine("systemctl stop postgresql")
    restart = machine.run("systemctl restart mayfly-pool@a mayfly-pool@b")
    same((restart.returncode, status(machine, "/health/live"), status(machine)), (0, 200, 503),
         "without a database pools start, and say that they are not ready")
    machine("systemctl start postgresql")
    check(wait_until(10, lambda: status(machine) == 200), "and are, once it is back")


def check_tcp(machine):
    """PostgreSQL by TCP and password: only with the drop-in, and the password is a credential."""
    machine(f"""
        runuser -u postgres -- psql -q -c "ALTER ROLE mayfly PASSWORD 'seven swans'"
        install -m 600 -o mayfly -g mayfly /dev/null /etc/mayfly/pgpass
        echo '127.0.0.1:5432:mayfly:mayfly:seven swans' >/etc/mayfly/pgpass
        echo 'database = host=127.0.0.1 dbname=mayfly user=mayfly' >>{CONFIG}
        systemctl restart mayfly-pool@a mayfly-pool@b""")
    same(status(machine), 503, "without tcp.conf no worker reaches TCP")
    machine("""
        for unit in mayfly-pool@ mayfly-sweep; do
            install -D -m 644 /usr/share/mayfly/systemd/tcp.conf /etc/systemd/system/$unit.service.d/tcp.conf
        done
        systemctl daemon-reload
        systemctl restart mayfly-pool@a mayfly-pool@b
        systemctl start mayfly-sweep""")
    same(status(machine), 200, "with it they do, with the password of /etc/mayfly/pgpass")
    exposure(machine, TCP_EXPOSURE, "mayfly-pool@a", "mayfly-sweep")


def main():
    require()
    with Machine(package()) as machine:
        deploy(machine)
        check_sandbox(machine)
        check_ready(machine)
        check_wrong(machine)
        check_reload(machine)
        check_without_database(machine)
        check_tcp(machine)
    done()


main()
