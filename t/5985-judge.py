#!/usr/bin/python3
"""The judge of t/5990, which attacks for minutes: what it lets pass and what it does not, of times that were never measured."""

import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from judge import FLOOR_MS, SLOWEST_S, TIMES, Verdict
from mayfly import check, done

ROUNDS, PEACE_S, WAR_S, PROBES = 5, 10, 20, 50
WINDOWS = [window for number in range(ROUNDS) for start in [number * (PEACE_S + WAR_S)]
           for window in ((False, start, start + PEACE_S), (True, start + PEACE_S, start + PEACE_S + WAR_S))]


def verdict(took):
    """took(war, number of the window, random) -> seconds"""
    rng, samples = random.Random(5985), []
    for number, (war, first, last) in enumerate(WINDOWS):
        samples += [(first + index / PROBES, took(war, number // 2, rng), 200) for index in range((last - first) * PROBES)]
    return Verdict(samples, WINDOWS)


def usual(rng, ms=6):
    return rng.uniform(0.1, 1) * ms / 1000


def is_fair(promise, took):
    one = verdict(took)
    check(one.as_in_peace() and one.nobody_waits_for_long(), f"passes: {promise}", vars(one)["p99s"])


def is_unfair(promise, took):
    check(not verdict(took).as_in_peace(), f"does not: {promise}", verdict(took).p99s)


is_fair("an attack that nobody notices", lambda war, number, rng: usual(rng))
is_fair("twice the time", lambda war, number, rng: usual(rng) * (2 if war else 1))
is_unfair("four times the time", lambda war, number, rng: usual(rng) * (4 if war else 1))
is_unfair("two of a hundred that wait for long", lambda war, number, rng: 0.2 if war and rng.random() < 0.02 else usual(rng))
is_fair("one of four hundred", lambda war, number, rng: 0.2 if war and rng.random() < 0.0025 else usual(rng))
is_fair("one window in which the machine had something else to do", lambda war, number, rng: 0.2 if war and number == 2 else usual(rng))
is_unfair("most windows", lambda war, number, rng: 0.2 if war and number > 1 else usual(rng))
is_fair("a machine that becomes slower all the time", lambda war, number, rng: usual(rng) * (1 + number))
is_unfair("an attack on it", lambda war, number, rng: usual(rng) * (1 + number) * (5 if war else 1))
is_fair("a turn of another process beside hardly any time at all",
        lambda war, number, rng: usual(rng, TIMES * FLOOR_MS - 1) if war else usual(rng, 0.5))
is_unfair("more than that", lambda war, number, rng: usual(rng, TIMES * FLOOR_MS + 2) if war else usual(rng, 0.5))
slow = verdict(lambda war, number, rng: SLOWEST_S + 1 if war and rng.random() < 0.0005 else usual(rng))
check(slow.as_in_peace() and not slow.nobody_waits_for_long(), "somebody who waits for seconds is found, though he is one of thousands")
done()
