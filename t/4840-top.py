#!/usr/bin/python3
"""mayflyctl top shows what is true and who is busy, live and once, and leaves nothing behind."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, Client, check, dev, done, login, new_user, psql, same, settings

SOCKET = SCRATCH / "run/statsd.sock"
WORDS = [SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "top"]
POOLS = ("a", "b", "password-a", "password-b", "files-a", "files-b")
END = re.compile(r"\x1b\[(?:[HJK]|2J|\d+m)")


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
    seen, until, decoder = "", time.monotonic() + 20, codecs.getincrementaldecoder("utf-8")()
    while seen.count("\x1b[J") < count and time.monotonic() < until and process.poll() is None:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += decoder.decode(os.read(terminal, 65536))
    return seen


class Screen:
    """What a terminal of this size shows of all this, and how many lines it has lost at its top."""

    def __init__(self, rows, columns, text):
        self.lines, self.columns, self.row, self.column, self.lost = [" " * columns] * rows, columns, 0, 0, 0
        for one in re.findall(r"\x1b\[2?[HJK]|\x1b\[\d+m|.", text, re.S):
            if not one.endswith("m") or len(one) == 1:  # a colour takes no room
                self.take(one)

    def take(self, one):
        line, rows = self.lines[self.row], len(self.lines)
        if one == "\x1b[H":
            self.row = self.column = 0
        elif one == "\x1b[2J":
            self.lines = [" " * self.columns] * rows
        elif one in ("\x1b[K", "\x1b[J"):
            self.lines[self.row] = line[:self.column].ljust(self.columns)
            if one == "\x1b[J":
                self.lines[self.row + 1:] = [" " * self.columns] * (rows - self.row - 1)
        elif one == "\r":
            self.column = 0
        elif one == "\n":
            self.next_line()
        else:
            if self.column == self.columns:
                self.column = 0
                self.next_line()
                line = self.lines[self.row]
            self.lines[self.row] = line[:self.column] + one + line[self.column + 1:]
            self.column += 1

    def next_line(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines, self.row, self.lost = [*self.lines[1:], " " * self.columns], self.row - 1, self.lost + 1

    def __repr__(self):
        return "\n".join(f"|{line}|" for line in self.lines)


def screen(rows, columns, **environment):
    """After a second drawing, while more routes of six pools are busy than there is room for: what is shown, and what was sent."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    process = subprocess.Popen(WORDS, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
                               env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
    os.close(inner)
    seen = screens(process, terminal, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for pool in POOLS:
            for number in range(40):
                sender.sendto(f"mayfly.requests.{pool}.GET.a-route-{number}.2xx:1|c".encode(), str(SOCKET))
        sender.sendto(b"mayfly.requests.b.GET.a-route-0.5xx:1|c", str(SOCKET))
        sender.sendto(b"nonsense \x1b[2J", str(SOCKET))
        seen += screens(process, terminal, 1)
    process.send_signal(signal.SIGINT)
    same(process.wait(10), 0, f"{rows}x{columns}: it ends")
    os.close(terminal)
    seen = seen[:seen.rindex("\x1b[J") + 3]
    return Screen(rows, columns, seen), seen


def begins(shown, *names):
    return all(any(re.match(rf"{name}\b", line) for line in shown.lines) for name in names)


token = login(new_user())
users = psql("SELECT count(*) FROM mayfly.account WHERE closing_at IS NULL")

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

    shown, sent = screen(24, 80)
    check(begins(shown, "mayfly", "database", "users", "files", "cache", "POOL", *POOLS, "ROUTE", "GET a-route"),
          "24x80: everything has its line", shown)
    check(re.search(r"CACHE HIT *$", shown.lines[6]) and "1 lines were not understood" in shown.lines[-1],
          "24x80: whole ones, down to the last", shown)
    same(shown.lost, 0, "24x80: and nothing moves up", shown)
    check(re.search(r"   \u2588  1\d\d\.\d requests/s", shown.lines[0]), "24x80: the first line has the rates of the last minute", shown)
    check("\x1b[1mPOOL " in sent and "\x1b[31mb  " in sent and "\x1b[31ma  " not in sent, "a pool with failures is red", sent)
    shown, sent = screen(8, 80, NO_COLOR="1", LC_ALL="C")
    check(begins(shown, "mayfly", "database", "users", "files", "cache", "POOL", "a"), "8x80: as much as there is room for", shown)
    same(shown.lost, 0, "8x80: and nothing moves up", shown)
    check(not re.search(r"\x1b\[\d+m", sent), "NO_COLOR takes the colours away", sent)
    check(re.search(r" #  1\d\d\.\d requests/s", shown.lines[0]), "without UTF-8 the rates are drawn in ASCII", shown)
    shown, _ = screen(24, 40)
    check(begins(shown, "mayfly", "database", *POOLS, "ROUTE") and shown.lost == 0, "24x40: lines are cut", shown)
    shown, _ = screen(24, 120)
    check(shown.lines[6].rstrip().endswith("LAST MINUTE") and re.search(r"^a .* \u2588 *$", repr(shown).replace("|", ""), re.M) and shown.lost == 0,
          "24x120: each pool has its last minute", shown)
done()
