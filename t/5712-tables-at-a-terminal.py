#!/usr/bin/python3
"""mayflyctl's tables fit the terminal and their content: long texts are cut, ids never, and a file gets everything."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import post_raw
from images import png
from mayfly import SCRATCH, URL, check, done, same, signed_in

PROGRAM = [str(SCRATCH / "inst/bin/mayflyctl"), "-c", str(SCRATCH / "etc/mayfly.conf")]
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LONG = "a picture of the whole harbour with every boat and every gull that was there that morning.png"
WIDE = "港の写真.png"  # each sign takes two columns


def at_terminal(columns, *words, **environment):
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
    process = subprocess.Popen([*PROGRAM, *words], stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
                               env={**os.environ, "TERM": "xterm", **environment})
    os.close(inner)
    seen, until = b"", time.monotonic() + 20
    while time.monotonic() < until and select.select([terminal], [], [], 20)[0]:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
    same(process.wait(20), 0, f"mayflyctl {' '.join(words)} at {columns} columns", seen)
    os.close(terminal)
    return seen.decode()


def piped(*words):
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60).stdout


def width(line):
    return sum(2 if "\u2e80" <= one <= "\u9fff" else 1 for one in line)


if not URL:
    print("1..0 # SKIP needs a stack: ./dev test 5712")
    sys.exit()
user, client = signed_in()
for name, content in ((LONG, png(300, 200)), (WIDE, b"some bytes"), ("short.txt", b"some bytes")):
    answer = post_raw(client, content, name)
    check(answer.status == 201, f"{name} is uploaded", answer)
    if name == LONG:
        answer = client.get(answer.json()["url"] + "/thumbnail?size=64")
        check(answer.status == 200, "and has a thumbnail", answer)

out = piped("files", "list", user.username)
lines = out.splitlines()
check(LONG in out and "\u2026" not in out and "\x1b" not in out, "a file gets whole names and no colour", out)
same(sorted(line.split()[1] for line in lines[1:]), ["file", "file", "file", "thumbnail"], "files list names a thumbnail as such", out)
places = {line.index(line.split(maxsplit=5)[4]) for line in lines[1:]} if "postgres" in out else set()
same(len(places), 1, "columns begin at the same place in each row", out)

# An id, a kind, the sizes, the back end and the time take 92 columns.
for columns in (130, 110):
    shown = at_terminal(columns, "files", "list", user.username).replace("\r", "")
    plain = re.sub(r"\x1b\[\d*m", "", shown)
    check(all(width(line) <= columns for line in plain.splitlines()), f"{columns} columns: each row takes one line", shown)
    same(len(re.findall(rf"^{ID} ", plain, re.M)), 4, f"{columns} columns: ids are whole", shown)
    check("a picture" in plain and LONG not in plain and "\u2026" in plain, f"{columns} columns: a long name is cut", shown)
    check(shown.startswith("\x1b[1mID ") and shown.count("\x1b") == 2, "the titles are bold, and nothing else", shown)
narrow = at_terminal(60, "files", "list", user.username)
same(len(re.findall(rf"{ID} ", narrow)), 4, "60 columns, too few for what is never cut: ids are whole", narrow)
check("\x1b" not in at_terminal(130, "files", "list", user.username, NO_COLOR="1"), "NO_COLOR takes the colours away")
check("\x1b" not in at_terminal(130, "files", "list", user.username, TERM="dumb"), "so does TERM=dumb")

status = client.request("POST", "/login", form={"username": user.username, "password": user.password}, headers={"User-Agent": "y" * 300}).status
same(status, 200, "a device with a long description logs in")
shown = at_terminal(130, "session", "list", user.username)
check(all(width(line) <= 130 for line in re.sub(r"\x1b\[\d*m", "", shown).splitlines()) and re.search(r"yyyy\u2026\r", shown),
      "its description is cut", shown)
done()
