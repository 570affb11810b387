#!/usr/bin/python3
"""P2 and P5 over two PostgreSQL servers: the primary is killed, demoted or hangs, its standby takes over under load."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (INST, PASSWORD, SCRATCH, Client, Counting, Threads, check, children, done, login, new_name, new_user,
                   note, same, settings, wait_until)

FOLDER = SCRATCH / "ha"
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
DECIDE_S = 1  # what whoever elects a new primary takes until it does
HEAL_S = 10  # from the promotion to the next acknowledged write of every client


def run(program, *words):
    ran = subprocess.run([BIN / program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"{program}: {ran.stdout[-1000:]}")
    return ran.stdout.strip()


class Server:
    """One PostgreSQL server. Every commit waits until a standby has it, once there is one."""

    def __init__(self, name):
        self.name, self.data, self.sockets = name, FOLDER / name, FOLDER / f"run-{name}"
        self.process = None
        self.sockets.mkdir(parents=True)

    def start(self):
        words = [BIN / "postgres", "-D", self.data, "-k", self.sockets, "-c", "listen_addresses=", "-c", "max_connections=100",
                 "-c", "timezone=UTC", "-c", f"cluster_name={self.name}"]
        with open(FOLDER / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not wait_until(20, lambda: subprocess.run([BIN / "pg_isready", "-q", "-h", self.sockets, "-U", "postgres"],
                                                     check=False).returncode == 0):
            raise RuntimeError(f"{self.name} does not start: {(FOLDER / f'{self.name}.log').read_text()[-800:]}")

    def psql(self, sql):
        return run("psql", "-X", "-h", self.sockets, "-U", "postgres", "-d", "mayfly", "-Atqc", sql)

    def signal(self, number):
        """The server with all that it has forked."""
        for pid in [self.process.pid, *children(self.process.pid)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def alter(self, name, value):
        self.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.psql("SELECT pg_reload_conf()")

    def promote(self):
        """It is the primary from here on, and waits for no standby until one follows it."""
        self.alter("synchronous_standby_names", "")
        run("psql", "-X", "-h", self.sockets, "-U", "postgres", "-Atqc", "SELECT pg_promote()")

    def follow(self, primary):
        """As a standby from here on; what it alone has, and nobody was told of, is undone first."""
        connection = f"host={primary.sockets} user=postgres dbname=postgres"
        if (self.data / "PG_VERSION").exists():
            primary.psql("CHECKPOINT")  # only then pg_rewind sees that it has begun a timeline of its own
            run("pg_rewind", "-D", self.data, "--source-server", connection, "--no-sync")
        else:
            run("pg_basebackup", "-D", self.data, "-h", primary.sockets, "-U", "postgres", "-c", "fast", "--no-sync", "-X", "stream")
        (self.data / "postgresql.auto.conf").write_text(
            f"primary_conninfo = 'host={primary.sockets} user=postgres application_name={self.name}'\n")
        (self.data / "standby.signal").touch()
        self.start()
        primary.alter("synchronous_standby_names", "*")
        if not wait_until(20, lambda: primary.psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"):
            raise RuntimeError(f"{self.name} does not follow {primary.name}")


def make(server):
    run("initdb", "-D", server.data, "--username=postgres", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync")
    with open(server.data / "postgresql.conf", "a", encoding="utf-8") as conf:
        conf.write("wal_log_hints = on\nwal_keep_size = 256MB\n")  # for pg_rewind
    server.start()
    run("psql", "-X", "-h", server.sockets, "-U", "postgres", "-d", "postgres", "-qc", "CREATE DATABASE mayfly")
    run("psql", "-X", "-h", server.sockets, "-U", "postgres", "-d", "mayfly", "-q", "-v", "ON_ERROR_STOP=1", "-f",
        INST / "share/mayfly/sql/schema/apply.sql")


class Reading:
    """Whoever only reads, with a session of long ago."""

    def __init__(self, path):
        self.client, self.path, self.replies = Client(login(new_user("reading")), cookie=True), path, []

    def ask(self):
        self.replies.append(self.client("GET", self.path))
        time.sleep(0.01)


def failover(what, fall, rise, away=(200, 503)):
    """fall() takes the primary away, rise() answers the new one. away: what a reader may be told meanwhile."""
    counting = [Counting() for _ in range(4)]
    reading = [Reading(path) for path in ("/profile", "/session/data", "/sessions")]

    def progress():
        return [client.acknowledged for client in counting]

    with Threads() as threads:
        for client in counting:
            threads.add(client.run, threads)
        for reader in reading:
            threads.repeat(reader.ask)
        time.sleep(1)
        fall()
        time.sleep(DECIDE_S)
        primary = rise()
        began, before = time.monotonic(), progress()
        healed = wait_until(HEAL_S, lambda: all(now > then for now, then in zip(progress(), before)))
        took = time.monotonic() - began
        time.sleep(1)
    clients = [client.http for client in counting]
    seen = sum((http.seen for http in clients), Counter())
    told = Counter(reply.status for reader in reading for reply in reader.replies)
    slowest = max(reply.ended - reply.started for reader in reading for reply in reader.replies)
    note(f"{what}: writers {dict(seen)}, readers {dict(told)}, slowest read {slowest:.1f} s, "
         f"all write again {took:.2f} s after the promotion")
    same(threads.errors + [surprise for http in clients for surprise in http.surprises][:10], [],
         f"{what}: no writer saw anything but success or a stated 503, nobody is logged out")
    same(set(told) - set(away), set(), f"{what}: no reader was told anything but {' or '.join(map(str, away))}")
    check(all(reply.stated_503() for reader in reading for reply in reader.replies if reply.status == 503),
          f"{what}: a 503 says when to try again")
    check(healed, f"{what}: every client writes again within {HEAL_S} s after the promotion, by itself")
    check(sum(before) > 50, f"{what}: there was a load", before)
    same([line for client in counting for line in client.differences(primary.psql)], [],
         f"{what}: each acknowledged write, log-in and log-out is there once")
    same(primary.psql("SELECT pg_is_in_recovery()"), "f", f"{what}: on the server that was promoted")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    one, two = Server("one"), Server("two")
    try:
        make(one)
        two.follow(one)
        # Always in this order: the first is not always the primary.
        both = f"host={one.sockets},{two.sockets} dbname=mayfly user=mayfly"
        with settings(database=both):
            scenes(one, two)
    finally:
        for server in (one, two):
            if server.process is not None and server.process.poll() is None:
                server.kill()


def scenes(one, two):
    def promote(server):
        server.promote()
        return server

    failover("killed", one.kill, lambda: promote(two))

    one.follow(two)
    check(int(two.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly'")) > 0 and
          one.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly'") == "0",
          "the old primary, back as a read-only standby and first in the list, is left alone")

    # Its clients stay connected, and learn by SQLSTATE 25006 that it takes no writes any more.
    def demote():
        two.alter("default_transaction_read_only", "on")
        demoted.append(two.psql("SELECT clock_timestamp()"))

    def switch():
        for _ in range(6):  # the other pools' workers have not met a write yet
            Client()("POST", "/login", {"username": new_name(), "password": PASSWORD})
        demoted.append(two.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mayfly' AND "
                                f"backend_start < '{demoted[0]}'"))
        two.stop()
        return promote(one)

    demoted = []
    failover("demoted", demote, switch)
    lines = sum((SCRATCH / "log" / f"pool-{pool}.log").read_text().count("25006") for pool in ("a", "b"))
    check(lines > 0, "demoted: workers met SQLSTATE 25006", lines)
    same(demoted[1], "0", "demoted: and stayed with it no longer")

    two.follow(one)
    failover("hangs", lambda: one.signal(signal.SIGSTOP), lambda: promote(two))
    one.kill()  # as whoever promotes another one has to, before it can wake up
    time.sleep(1)
    same(Client()("GET", "/health/ready").status, 200, "hangs: all is well with one of two")


main()
done()
