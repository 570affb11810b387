#!/usr/bin/python3
"""Whatever arrives on the pool's socket, other requests are served meanwhile, no worker dies and none spins."""

import random
import select
import struct
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import (BEGIN, GET_VALUES, PARAMS, STDIN, Client, Threads, check, cpu_seconds, done, fcgi_connect, fcgi_pair,
                   fcgi_record, fcgi_request, login, new_user, note, same, workers)

POOLS = ("a", "b")
MOST_CPU = 0.2  # of one second, while nothing but hostile connections is open
CONNECTIONS_MAX = 512  # of fcgi/server.c
TIMEOUT_S = 5  # request_timeout_ms
BEGIN_RESPONDER = fcgi_record(BEGIN, struct.pack(">HB5x", 1, 1))


def send(pool, data):
    """A connection that stays open; what it sent may already be refused."""
    connection = fcgi_connect(pool)
    try:
        connection.sendall(data)
    except OSError:
        pass
    return connection


def all_received(connection):
    received = b""
    try:
        while True:
            part = connection.recv(65536)
            if not part:
                return received
            received += part
    except OSError:
        return received


def silent(pool, _random):
    return [fcgi_connect(pool)]


def half_head(pool, rng):
    whole = fcgi_request("GET", "/profile")
    return [send(pool, whole[:rng.randrange(1, len(whole) - 8)])]


def garbage(pool, rng):
    return [send(pool, rng.randbytes(rng.randrange(1, 5000)))]


def garbage_after_begin(pool, rng):
    return [send(pool, BEGIN_RESPONDER + rng.randbytes(rng.randrange(1, 500)))]


def http_instead(pool, _random):
    return [send(pool, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]


def get_values(pool, rng):
    """libfcgi once overran its answer when a name was repeated."""
    names = b"".join(fcgi_pair(name, "") for name in ("FCGI_MAX_CONNS", "FCGI_MPXS_CONNS", "FCGI_MAX_REQS"))
    return [send(pool, fcgi_record(GET_VALUES, (names * rng.randrange(1, 900))[:65000], request_id=0))]


def unknown_types(pool, rng):
    records = b"".join(fcgi_record(rng.randrange(12, 256), b"?" * rng.randrange(100), request_id=0) for _ in range(50))
    return [send(pool, records)]


def lying_lengths(pool, rng):
    """Pairs that claim more than there is, up to 2 GiB."""
    claims = rng.choice((b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80\x10\x00\x00\x01", b"\x7f\x7fAB", b"\xff"))
    records = BEGIN_RESPONDER + fcgi_record(PARAMS, claims + b"x" * rng.randrange(64)) + fcgi_record(PARAMS)
    return [send(pool, records + fcgi_record(STDIN))]


def lying_record(pool, rng):
    """A record that claims more than comes."""
    return [send(pool, BEGIN_RESPONDER + struct.pack(">BBHHBx", 1, PARAMS, 1, 65535, 255) + rng.randbytes(100))]


def lying_content_length(pool, rng):
    length = rng.choice(("-1", "99999999999999999999", "0x10", "1e3", "", "65537", "7"))
    return [send(pool, fcgi_request("POST", "/login", b'{"username":"x"}', CONTENT_LENGTH=length))]


def body_cut_off(pool, _random):
    """Closed in the middle of the body."""
    whole = fcgi_request("POST", "/login", b'{"username":"half', length=1000)
    send(pool, whole[:-8]).close()
    return []


def repeated_names(pool, _random):
    pairs = b"".join(fcgi_pair("REQUEST_METHOD", "GET") for _ in range(2000))
    return [send(pool, BEGIN_RESPONDER + fcgi_record(PARAMS, pairs) + fcgi_record(PARAMS) + fcgi_record(STDIN))]


def aborted(pool, _random):
    return [send(pool, fcgi_request("GET", "/profile")[:-8] + fcgi_record(2))]


QUICK = (silent, half_head, garbage, garbage_after_begin, http_instead, get_values, unknown_types, lying_lengths, lying_record,
         lying_content_length, body_cut_off, repeated_names, aborted)


def body_never_comes(pool, _random):
    return [send(pool, fcgi_request("POST", "/login", b'{"username":"half', length=1000)[:-8])]


def answers_never_read(token):
    """Long answers on one kept connection, until they fill what the kernel holds for it."""
    assert Client(token)("PUT", "/profile/data", {"long": "x" * 60000}).status == 200
    request = fcgi_request("GET", "/profile/data", keep=True, HTTP_AUTHORIZATION=f"Bearer {token}")

    def attack_one(pool, _random):
        connection = fcgi_connect(pool, 0.2)
        try:
            for _ in range(6):
                connection.sendall(request)
                time.sleep(0.03)
        except OSError:
            pass
        return [connection]

    return attack_one


class Honest:
    """Somebody who is served by nginx all the time."""

    def __init__(self, token):
        self.client, self.statuses, self.slowest_s = Client(token), Counter(), 0

    def ask(self):
        reply = self.client("GET", "/profile")
        self.statuses[reply.status] += 1
        self.slowest_s = max(self.slowest_s, reply.ended - reply.started)
        time.sleep(0.005)


def attack(what, kinds, rounds, token, rng, most_s, hold_s=0.3):
    before = workers(*POOLS)
    honest, open_ones = [Honest(token) for _ in range(3)], []
    with Threads() as threads:
        for client in honest:
            threads.repeat(client.ask)
        for _ in range(rounds):
            for kind in kinds:
                for pool in POOLS:
                    open_ones += kind(pool, rng)
        time.sleep(hold_s)
    with Threads() as closing:
        used = {pid: cpu_seconds(pid) for pid in before & workers(*POOLS)}
        time.sleep(1)
        used = {pid: cpu_seconds(pid) - seconds for pid, seconds in used.items() if Path(f"/proc/{pid}").exists()}
        honest.append(Honest(token))
        closing.repeat(honest[-1].ask)
        for connection in open_ones:
            connection.close()
        time.sleep(0.2)
    statuses = sum((client.statuses for client in honest), Counter())
    slowest = max(client.slowest_s for client in honest)
    note(f"{what}: {rounds * len(kinds) * len(POOLS)} hostile connections, honest {dict(statuses)}, slowest "
         f"{slowest * 1000:.0f} ms, CPU of an idle second {max(used.values(), default=0):.2f} s at most")
    same(threads.errors + closing.errors, [], f"{what}: the honest clients lost no connection")
    same(set(statuses), {200}, f"{what}: others are served meanwhile")
    check(slowest <= most_s, f"{what}: nobody waits longer than {most_s} s", f"{slowest:.2f} s")
    same(workers(*POOLS), before, f"{what}: no worker dies")
    check(max(used.values(), default=0) <= MOST_CPU, f"{what}: no worker spins", used)


def closes_in_time(what, connections):
    began = time.monotonic()
    closed = 0
    for connection in connections:
        connection.settimeout(TIMEOUT_S + 3)
        try:
            while connection.recv(65536):
                pass
            closed += 1
        except ConnectionError:
            closed += 1
        except TimeoutError:
            pass
        connection.close()
    same(closed, len(connections), f"{what}: is closed after request_timeout_ms")
    note(f"{what}: all closed after {time.monotonic() - began:.1f} s")


def gives_up_in_time(what, connections):
    """As closes_in_time, of connections that are not read, since an answer that is taken gets on."""
    began, hung_up = time.monotonic(), []
    for connection in connections:
        watcher = select.poll()
        watcher.register(connection, select.POLLRDHUP)
        left_s = began + TIMEOUT_S + 3 - time.monotonic()
        hung_up.append(bool(watcher.poll(max(left_s, 0) * 1000)))
        connection.close()
    same(hung_up, [True] * len(connections), f"{what}: is given up after request_timeout_ms")


def ask_kept(connection):
    connection.sendall(fcgi_request("GET", "/health/live", keep=True))
    return connection.recv(65536)


def more_than_it_may():
    """A worker has as many connections as it may: the next one waits, and the worker does not spin for it."""
    pool = "files-a"
    connections = [fcgi_connect(pool) for _ in range(CONNECTIONS_MAX)]
    same([one for one in connections if b'"live"' not in ask_kept(one)], [], f"{CONNECTIONS_MAX} connections of one worker are answered")
    waiting = send(pool, fcgi_request())
    (pid,), began = workers(pool), time.monotonic()
    before = cpu_seconds(pid)
    time.sleep(1)
    check((cpu_seconds(pid) - before) / (time.monotonic() - began) < MOST_CPU, "one more does not make it spin")
    connections.pop().close()
    check(b'"live"' in waiting.recv(65536), "it is answered when another one goes")


def answers_are_sane():
    """A pool's socket answers an honest raw request, and refuses a wrong one with words."""
    for pool in POOLS:
        connection = send(pool, fcgi_request())
        received = all_received(connection)
        check(b"Status: 200" in received and b'"live"' in received, f"pool {pool} answers a whole request")
    cut = send("a", fcgi_request("POST", "/login", b'{"username":"half', length=1000))
    received = all_received(cut)
    check(b"Status: 400" in received, "a body shorter than its length is a bad request", received[:300])


def sent_slowly(pool, request, step=7000):
    connection = fcgi_connect(pool)
    for at in range(0, len(request), step):
        connection.sendall(request[at:at + step])
        time.sleep(0.01)
    return all_received(connection)


def bodies_that_take_their_time(token):
    """A body that comes bit by bit is served when it is whole, one that is too long is refused; neither holds others up."""
    honest, asked = Honest(token), {"HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_TYPE": "application/json"}
    document = b'{"slow":"%s"}' % (b"x" * 60000)
    with Threads() as threads:
        threads.repeat(honest.ask)
        put = [sent_slowly(pool, fcgi_request("PUT", "/profile/data", document, **asked)) for pool in POOLS]
        refused = [sent_slowly(pool, fcgi_request("PUT", "/profile/data", b" " * size, **asked), 30000)
                   for pool in POOLS for size in (250 * 1024, 300 * 1024, 2 * 1024 * 1024)]
    same([b"Status: 200" in answer for answer in put], [True] * 2, "a body that comes bit by bit is served", put)
    check(Client(token)("GET", "/profile/data").json() == {"slow": "x" * 60000}, "as it was sent")
    same([b"Status: 413" in answer for answer in refused], [True] * 6, "one that is too long is refused",
         [answer[:100] for answer in refused])
    same((threads.errors, set(honest.statuses)), ([], {200}), "others are served meanwhile")
    check(honest.slowest_s <= 1, "and don't wait", honest.slowest_s)


def main():
    rng = random.Random(5800)
    token = login(new_user("honest"))
    answers_are_sane()
    attack("all kinds, again and again", QUICK, 30, token, rng, 1)
    attack("bodies that never come", (body_never_comes,), 30, token, rng, 1, 1.5)
    attack("answers never read", (answers_never_read(token),), 5, token, rng, 1, 1.5)
    closes_in_time("half a head", [connection for pool in POOLS for connection in half_head(pool, rng)])
    closes_in_time("a body that never comes", [connection for pool in POOLS for connection in body_never_comes(pool, rng)])
    unread = answers_never_read(token)
    gives_up_in_time("an answer that is never read", [connection for pool in POOLS for connection in unread(pool, rng)])
    bodies_that_take_their_time(token)
    answers_are_sane()
    more_than_it_may()
    done()


main()
