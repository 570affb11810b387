#!/usr/bin/python3
"""
On a kept connection the next request may follow as soon as an answer has ended, or sooner. A worker that did not read the
first one's body to its end must take nothing of the second for it, and nothing of the body for the second: the second is
answered, or the connection has ended with the first answer, so that nginx knows.
"""

import os
import random
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import fcgi_request
from mayfly import SCRATCH, check, done, note, same
from smuggle import FastCgi, is_answer

SEED = int(os.environ.get("MAYFLY_SEED", "5812"))
SECONDS = float(os.environ.get("MAYFLY_SECONDS", "1.5"))  # for each pool and way, after what is always tried
ANSWERED_S = 3  # a worker waits for the rest of a head for 5 s
ENOUGH = 3  # requests that are lost in one way
FORM = "multipart/form-data; boundary=x"
# What is refused or answered without its body: method, path, status, further parameters.
UNREAD = (
    ("POST", "/session/data", 405, {}), ("PUT", "/session/data", 401, {}), ("POST", "/session/none", 404, {}),
    ("GET", "/health/live", 200, {}), ("HEAD", "/health/live", 200, {}), ("OPTIONS", "/profile", 204, {}),
    ("GET", "/health/live", 200, {"MAYFLY_STREAM": "1"}), ("POST", "/upload/none", 404, {"MAYFLY_STREAM": "1"}),
    ("POST", "/upload", 401, {"MAYFLY_STREAM": "1", "CONTENT_TYPE": FORM}), ("PATCH", "/uploads/none", 401, {"MAYFLY_STREAM": "1"}),
    ("GET", "/shared/none", 404, {"MAYFLY_STREAM": "1"}),
)
BLOCKS = [8192 * n for n in (1, 2, 3, 4, 8, 16)] + [65536 * n for n in (3, 4, 5, 8, 16)]
POOLS = sorted(path.parent.name for path in (SCRATCH / "run").glob("*/fcgi.sock"))


class Violation(Exception):
    pass


def make(rng, kind, body):
    """(its bytes, what is_answer wants to know)"""
    method, path, status, more = kind
    name = "5812" + rng.randbytes(14).hex()
    data = fcgi_request(method, path, body, keep=True, **{"MAYFLY_REQUEST_ID": name, **more})
    return data, (name, status, method)


def ends_at(rng, kind, length):
    """A request whose last byte is the connection's byte `length`, as near as its records allow."""
    around = len(make(rng, kind, b"x")[0]) - 1
    body = max(1, length - around - length // 32768 * 8)
    return make(rng, kind, rng.randbytes(body))


def answer(wire, wanted, which):
    """Whether there is one. False: the connection has ended instead. An answer that END_REQUEST did not end is one, too."""
    try:
        output = wire.answer()
    except TimeoutError:
        raise Violation(f"the {which} request has no answer after {ANSWERED_S} s") from None
    except ConnectionError:
        return False
    except EOFError as over:
        output = over.args[0]
        if not output:
            return False
    if not is_answer(output, *wanted):
        raise Violation(f"the {which} request got {output[:300]}, wanted {wanted}")
    return True


def after(wire, first, second, _):
    """nginx's way: the second request follows the end of the first answer. False: the connection has ended with that."""
    for data, wanted, which in ((*first, "first"), (*second, "second")):
        try:
            wire.send(data)
        except ConnectionError:
            pass  # an answer may be there all the same
        if not answer(wire, wanted, which):
            raise Violation(f"the {which} request is lost: the connection ended when the answer before had been taken")
        if wire.is_over():
            return False
    return True


def together(wire, first, second, rng):
    """Both at once, or with a pause somewhere. Here the connection may end with the first answer at any time."""
    data, at = first[0] + second[0], rng.randrange(len(first[0]) + len(second[0]))
    try:
        wire.send(data[:at])
        time.sleep(rng.choice((0, 0.001)))
        wire.send(data[at:])
    except ConnectionError:
        pass  # what was answered is there all the same
    return answer(wire, first[1], "first") and answer(wire, second[1], "second")


def rounds(rng):
    """(kind of the first request, bytes until its end): each boundary exactly, then any for a time."""
    for block in BLOCKS:
        for beyond in (-8, 0, 8, 16):
            yield rng.choice(UNREAD), block + beyond
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield rng.choice(UNREAD), rng.choice((rng.randrange(1000, 80000), rng.choice(BLOCKS) + rng.randrange(-2000, 2000), 20000))


def attempt(pool, way, rng, report):
    wire = None
    try:
        for kind, length in rounds(rng):
            first = ends_at(rng, kind, length)
            follower = rng.choice(UNREAD)
            second = make(rng, follower, rng.randbytes(rng.choice((0, 0, 100, 20000))))
            if wire is None:
                wire = FastCgi(pool, ANSWERED_S)
            report["rounds"] += 1
            try:
                if way(wire, first, second, rng) and not wire.is_over():
                    if wire.received:
                        raise Violation(f"there is more than two answers: {wire.received[:100]}")
                    continue
                report["closed"] += 1
            except Violation as violation:
                report["wrong"].append(f"{kind[0]} {kind[1]} of {len(first[0])} bytes, then {follower[0]} {follower[1]}: "
                                       f"{violation}")
            wire.connection.close()
            wire = None
            if len(report["wrong"]) >= ENOUGH:
                break
    finally:
        if wire is not None:
            wire.connection.close()


def main():
    note(f"seed {SEED}")
    check(len(POOLS) >= 4, "the pools are there", POOLS)
    for pool in POOLS:
        for way in (after, together):
            report = {"rounds": 0, "closed": 0, "wrong": []}
            attempt(pool, way, random.Random(f"{SEED} {pool} {way.__name__}"), report)
            note(f"{pool}, {way.__name__}: {report['rounds']} rounds, {report['closed']} connections closed in time")
            same(report["wrong"], [], f"{pool}: who comes {'after an answer' if way is after else 'at once'} gets his own answer")
            check(report["rounds"] >= 40 or report["wrong"], f"{pool}: there was something to see", report)
    done()


main()
