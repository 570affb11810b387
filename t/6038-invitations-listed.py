#!/usr/bin/python3
"""Invitations that nobody has used: an administrator lists them, without their codes, and revokes one, which then lets nobody in."""

import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import CONFIG
from mayfly import PASSWORD, SCRATCH, Client, check, done, new_name, psql, same, settings
from memcached import session_id


def ctl(*words):
    ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", CONFIG, *words], capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


def invitation():
    return "mfi_" + ctl("invite")[1].strip().rpartition("mfi_")[2]


def listed():
    return {one["id"]: one for one in json.loads(ctl("invitation", "list", "--json")[1])}


def register(code):
    return Client().post("/register", json={"username": new_name(), "password": PASSWORD, "invite": code}).status


with settings(registration="invite"):
    first, second, ended = invitation(), invitation(), invitation()
    psql(f"UPDATE mayfly.invitation SET expires_at = now() WHERE id = '{session_id(ended)}'")
    there = listed()
    same([session_id(code) in there for code in (first, second, ended)], [True, True, False], "those that are good are listed")
    one = there[session_id(first)]
    check(sorted(one) == ["created_at", "created_by", "expires_at", "id"] and one["created_by"].startswith("mayflyctl ("), "with who made them, and until when they are good", one)
    table = ctl("invitation", "list")
    check(table[0] == 0 and session_id(first) in table[1] and first[4:] not in table[1] and "mfi_" not in table[1], "as a table as well, and never with their codes", table)
    same(ctl("invitation", "revoke", session_id(first))[0], 0, "one is revoked by its id")
    same((register(first), session_id(first) in listed()), (422, False), "and lets nobody in")
    gone = ctl("invitation", "revoke", session_id(first))
    check(gone[0] == 1 and "there is no such invitation" in gone[2], "once", gone)
    wrong = ctl("invitation", "revoke", first)
    check(wrong[0] == 2 and "is no invitation's id" in wrong[2] and first not in wrong[2].partition("'")[0], "a code is no id", wrong)
    same((register(second), session_id(second) in listed()), (201, False), "one that was used is not listed")
    used = ctl("invitation", "revoke", session_id(second))
    check(used[0] == 1, "nor revoked", used)
done()
