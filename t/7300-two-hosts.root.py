#!/usr/bin/python3
"""Two application hosts behind an edge server, each in a network of its own: one is cut off under load, the other carries on;
what both had in hand is done once."""

import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import PASSWORD, check, done, new_name, note, same
from ledger import Ledger
from machine import POOLS, Machine, deploy, package, require

# The first host has the README's pools; the second one others. PostgreSQL and memcached are on unix sockets, which networks
# do not separate.
HOSTS = {"first": (POOLS, 1), "second": (("c", "d", "files-c", "files-d", "password-c", "password-d"), 2)}
AWAY_S = 9  # longer than an edge waits for a host that says nothing


def make_host(machine, name):
    """A network with one way to the edge, and an nginx in it, of the shipped files."""
    pools, number = HOSTS[name]
    swap = "; ".join(f"s,/run/mayfly/{old}/,/run/mayfly/{new}/," for old, new in zip(HOSTS["first"][0], pools))
    machine(f"""
        ip netns add {name}
        ip link add to-{name} type veth peer name edge netns {name}
        ip address add 10.99.{number}.1/24 dev to-{name}
        ip link set to-{name} up
        ip -n {name} address add 10.99.{number}.2/24 dev edge
        ip -n {name} link set edge up
        ip -n {name} link set lo up
        systemctl start {' '.join(f'mayfly-pool@{pool}' for pool in pools)}
        cp -r /etc/nginx /etc/nginx-{name}
        cd /etc/nginx-{name}
        sed -i 's,/etc/nginx/,/etc/nginx-{name}/,; s,^pid .*,pid /run/nginx-{name}.pid;,; s,^user,daemon off;\\nuser,' nginx.conf
        rm conf.d/mayfly-http.conf sites-enabled/*
        printf 'include /usr/share/mayfly/nginx/%s;\\n' mayfly.conf mayfly-limits.conf >conf.d/mayfly.conf
        echo 'geo $mayfly_limited {{ default 0; }}' >>conf.d/mayfly.conf
        sed '{swap}; s,# 192.0.2.20 ,10.99.{number}.1 ,' /usr/share/mayfly/nginx/mayfly-host.conf >conf.d/mayfly-host.conf
        sed 's,192.0.2.20,10.99.{number}.1,; s,/var/log/nginx/mayfly.log,/var/log/nginx/{name}.log,' \\
            /usr/share/mayfly/nginx/behind-edge.conf >sites-enabled/mayfly
        systemd-run --quiet --unit=nginx-{name} -p NetworkNamespacePath=/run/netns/{name} nginx -c /etc/nginx-{name}/nginx.conf""")


def make_edge(machine):
    """Debian's own nginx, of which nothing is left but edge.conf, its limits and mayfly-events.conf."""
    machine("""
        rm /etc/nginx/conf.d/mayfly-http.conf /etc/nginx/sites-enabled/*
        echo 'include /usr/share/mayfly/nginx/mayfly-limits.conf; geo $mayfly_limited { default 0; }' >/etc/nginx/conf.d/mayfly-limits.conf
        sed 's,192.0.2.21,10.99.1.2,; s,192.0.2.22,10.99.2.2,' /usr/share/mayfly/nginx/edge.conf >/etc/nginx/sites-enabled/mayfly
        nginx -t
        systemctl restart nginx
        echo public_origin = https://example.org >>/etc/mayfly/mayfly.conf
        systemctl reload 'mayfly-pool@*'""")


def pool_of(reply):
    return reply.headers.get("X-Mayfly-Worker", "").partition("/")[0]


def host_of(pool):
    return next((name for name, (pools, _) in HOSTS.items() if pool in pools), "nobody")


def answered_by(machine, count=60):
    return Counter(host_of(pool_of(machine.client()("GET", "/worker"))) for _ in range(count))


def check_answers_on_purpose(machine):
    """What a host answers takes it out for nobody, be it 503."""
    machine("systemctl stop postgresql 'postgresql@*'")
    unready = [machine.client()("GET", "/health/ready") for _ in range(6)]
    check({(reply.status, host_of(pool_of(reply))) for reply in unready} == {(503, name) for name in HOSTS},
          "without a database both hosts say that they are not ready", unready)
    live = [machine.client()("GET", "/health/live") for _ in range(20)]
    check({(reply.status, host_of(pool_of(reply))) for reply in live} == {(200, name) for name in HOSTS},
          "which takes neither of them out", live)
    machine("systemctl start postgresql")
    until = time.monotonic() + 30
    while machine.client()("GET", "/health/ready").status != 200 and time.monotonic() < until:
        time.sleep(0.2)


def check_without_workers(machine):
    """A host whose pools are stopped has its nginx left, which is not to answer for it."""
    stop, start = (f"systemctl {verb} " + " ".join(f"mayfly-pool@{pool}" for pool in HOSTS["second"][0]) for verb in ("stop", "start"))
    machine(stop)
    asked = [machine.client()("GET", path) for path in ("/worker", "/health/live") for _ in range(8)]
    same({(reply.status, host_of(pool_of(reply))) for reply in asked}, {(200, "first")}, "a host without workers: the other one answers")
    same(machine.client()("HEAD", "/uploads/none", Tus_Resumable="1.0.0").status, 401, "uploads too")
    machine(f"{stop} {' '.join(f'mayfly-pool@{pool}' for pool in HOSTS['first'][0])}")
    nobody = machine.client()("GET", "/worker")
    check(nobody.status == 503 and nobody.headers.get("Retry-After") == "1" and "No host answers" in nobody.text,
          "no workers anywhere: 503 and when to come again", nobody)
    same(machine.client()("HEAD", "/uploads/none", Tus_Resumable="1.0.0").status, 423, "and what tus clients wait at")
    machine(f"{start} {' '.join(f'mayfly-pool@{pool}' for pool in HOSTS['first'][0])}")
    wait_for_both(machine)


def wait_for_both(machine):
    """As long as the edge leaves one out, and some."""
    until = time.monotonic() + 30
    while set(answered_by(machine, 10)) != set(HOSTS) and time.monotonic() < until:
        time.sleep(0.5)


class Registrations:
    """People who register, without a key of their own: only the edge's request id can tell a second try from a second person."""

    def __init__(self, machine):
        self.machine, self.answers, self.slowest = machine, Counter(), 0.0

    def one(self):
        reply = self.machine.client()("POST", "/register", {"username": new_name("behind"), "password": PASSWORD})
        self.answers[reply.status] += 1
        self.slowest = max(self.slowest, reply.ended - reply.started)


def main():
    require()
    deb = package()
    with Machine(deb) as machine:
        deploy(machine)
        for name in HOSTS:
            make_host(machine, name)
        make_edge(machine)

        seen = answered_by(machine)
        check(set(seen) == set(HOSTS) and min(seen.values()) > 15, "both hosts answer", seen)
        mine = "0123456789abcdef" * 2
        forged = {machine.client()("GET", "/worker", X_Request_Id=mine).headers["X-Request-Id"] for _ in range(4)}
        check(mine not in forged and len(forged) == 4, "a client's own request id is not taken", forged)
        log = machine("sleep 1; tail -qn 400 /var/log/nginx/first.log /var/log/nginx/second.log")
        check('"address":"127.0.0.1"' in log and '"address":"10.99.' not in log, "hosts know the client's address, not the edge's", log[-300:])
        edge = re.findall(r'"request_id":"([0-9a-f]{32})"', log)
        check(forged <= set(edge), "and the edge's request ids", forged)

        check_answers_on_purpose(machine)
        check_without_workers(machine)
        registrations = Registrations(machine)
        with Ledger(machine) as ledger:
            for _ in range(3):
                ledger.threads.repeat(registrations.one)
            time.sleep(1)
            machine("ip link set to-second down")
            cut = time.monotonic()
            time.sleep(AWAY_S)
            during = answered_by(machine, 20)
            machine("ip link set to-second up")
            note(f"cut off for {time.monotonic() - cut:.1f} s; registrations {dict(registrations.answers)}, the slowest took "
                 f"{registrations.slowest:.1f} s")
        ledger.judge("a host is cut off", rolling=True)
        same(set(during), {"first"}, "meanwhile the other host answers alone")
        check(set(registrations.answers) == {201} and registrations.answers[201] > 20,
              "nobody is told that his name is taken, by himself", registrations.answers)
        check(5 <= registrations.slowest < 20, "some had been in the cut-off host's hands, and were tried again", registrations.slowest)
        names = {host_of(pool) for pool in ledger.workers}
        check({"first", "second"} <= names, "both hosts had a part in it", ledger.workers)
        wait_for_both(machine)
        seen = answered_by(machine)
        check(min(seen.get(name, 0) for name in HOSTS) > 10, "afterwards both answer again", seen)
    done()


main()
