#!/usr/bin/python3
"""mayflyctl top shows what is true and who is busy, live and once, and leaves nothing behind."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, Client, check, dev, done, login, new_user, psql, same, settings

SOCKET = SCRATCH / "run/statsd.sock"
WORDS = [SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "top"]
END = re.compile(r"\x1b\[(?:[HJK]|2J)")


class Load(threading.Thread):
    """Profiles and paths that are not there, until it is told to stop."""

    def __init__(self, token):
        super().__init__()
        self.client, self.going, self.count = Client(token), True, 0

    def run(self):
        while self.going:
            self.client.get("/profile")
            self.client.get("/profile/nothing")
            self.count += 1
            time.sleep(0.02)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.join()


def once():
    ran = subprocess.run([*WORDS, "--once"], capture_output=True, text=True, timeout=30)
    return ran.returncode, ran.stdout, ran.stderr


def row(text, name):
    """The numbers of a line that begins with this."""
    found = re.search(rf"^{name} +(\S.*)$", text, re.M)
    return [float(one) for one in re.findall(r"[\d.]+", found.group(1))] if found else None


def screens(process, terminal, count):
    """What a terminal shows, a screen at a time."""
    seen, until = "", time.monotonic() + 20
    while seen.count("\x1b[J") < count and time.monotonic() < until and process.poll() is None:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536).decode()
    return seen


token = login(new_user())
users = psql("SELECT count(*) FROM mayfly.account")

status, out, err = once()
same((status, err), (0, ""), "without a collector it works too")
check("statsd is not set" in out, "and says what is missing", out)
check(re.search(rf"^users +{users} +sessions [1-9]", out, re.M) and re.search(r"^database +up", out, re.M)
      and re.search(r"^cache +up", out, re.M), "with what is true of the cluster", out)
check("\x1b" not in out, "as plain text", out)

with settings(statsd=f"unix:{SOCKET}"):
    with Load(token):
        status, out, err = once()
    same((status, err), (0, ""), "it is its own collector")
    pools, profile, none = row(out, "a"), row(out, "GET profile"), row(out, "GET none")
    check(pools and row(out, "b") and pools[0] > 1, "each pool has a line", out)
    check(profile and none and 5 < profile[0] < 60 and abs(profile[0] - none[0]) < 3, "and each route, with its rate", out)
    check(max(map(float, re.findall(r"([\d.]+) %$", out, re.M)), default=0) > 50, "most look-ups are answered by the cache", out)
    check("not understood" not in out, "every line is understood", out)
    check(not SOCKET.exists(), "nothing is left of it")

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(SOCKET))
        status, out, err = once()
        check(status == 0 and "another collector has it" in out and "users" in out and SOCKET.exists(),
              "another's socket is left to it, and the rest is shown", out)
    check(SOCKET.exists(), "a socket that a killed one has left")
    status, out, err = once()
    check(status == 0 and "POOL" in out, "is taken over", out)

    dev("service", "stop", "postgres")
    try:
        status, out, err = once()
        check(status == 0 and re.search(r"^database +down: \S", out, re.M) and "POOL" in out, "an outage is shown, not an end", out, err)
    finally:
        dev("service", "start", "postgres")

    terminal, inner = pty.openpty()
    process = subprocess.Popen(WORDS, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    with Load(token):
        seen = screens(process, terminal, 2)
    shown = [END.sub("", one) for one in seen.split("\x1b[J")[:2]]
    check(len(shown) == 2 and all("GET profile" in one and "users" in one for one in shown), "in a terminal it goes on", seen[-600:])
    same(seen.count("\x1b[2J"), 1, "drawing over what is there")
    process.send_signal(signal.SIGINT)
    same(process.wait(10), 0, "until Control-C, which is no failure")
    os.close(terminal)
    check(not SOCKET.exists(), "and nothing is left either")
done()
