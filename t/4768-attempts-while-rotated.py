#!/usr/bin/python3
"""While the installation's secret is rotated, workers that sign with the old key and those that sign with the new one count failed
log-ins together: a rotation forgives none, gives nobody a second count, and a password that was tried is known again."""

import itertools
import secrets
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import POOLS
from mayfly import PASSWORD, SCRATCH, Client, check, dev, done, new_user, same, settings, try_login

SECRET = SCRATCH / "etc/secret"
MOST = 4  # guesses
WORDS = itertools.count()


def write(*keys):
    SECRET.write_text("".join(f"{key}\n" for key in keys))


def restart(*pools):
    for pool in pools:
        dev("restart", pool)


def guess(user, times):
    return [try_login(user.username, f"not it {next(WORDS)}") for _ in range(times)]


def statuses(answers):
    return [answer.status for answer in answers]


before = SECRET.read_text()
old, new = before.split()[0], secrets.token_hex(32)
try:
    with settings(login_failures_per_pair=MOST, login_failures_per_account=1000, login_failures_per_address=1000, login_window_s=3600):
        victim, repeats, owner, confirms = (new_user() for _ in range(4))
        write(old, new)  # added
        restart("password-a", "password-b")
        same(statuses(guess(victim, 2)), [401] * 2, "two guesses before the new key signs")
        same(try_login(repeats.username, "an old password").status, 401, "somebody's program has an old password")
        session = Client(try_login(confirms.username).token)
        same([session.post("/password", json={"current": f"no {n}", "new": PASSWORD}).status for n in range(2)], [403] * 2, "and two in a session")

        write(new, old)  # promoted, and one pool has read that
        restart("password-a")
        answers = guess(victim, 6)
        same(statuses(answers), [401] * 2 + [429] * 4, "are counted by those whom it signs for, and by the others")
        check(len({answer.pool for answer in answers}) == 2, "who both answered", [answer.worker for answer in answers])
        same({try_login(repeats.username, "an old password").status for _ in range(6)}, {401}, "what was tried is known by both")
        same(statuses(guess(repeats, MOST)), [401] * (MOST - 1) + [429], "and has counted once")
        same([session.post("/password", json={"current": f"nor {n}", "new": PASSWORD}).status for n in range(4)], [403] * 2 + [429] * 2,
             "so are those of a session")
        same((statuses(guess(owner, MOST - 1)), try_login(owner.username).status), ([401] * (MOST - 1), 200), "an owner who gets in")

        restart("password-b")
        same({answer.status for answer in guess(victim, 4)}, {429}, "when all sign with the new key nothing is forgiven")
        same(statuses(guess(owner, MOST + 1)), [401] * MOST + [429], "but the owner's failures were, by both keys")
        write(new)  # and the old one removed
        restart("password-a", "password-b")
        same({answer.status for answer in guess(victim, 4)}, {429}, "nor is it when the old key is gone")
finally:
    write(*before.splitlines())
    restart(*POOLS)  # all have read the new key, when the settings were restored
done()
