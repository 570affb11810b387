#!/usr/bin/python3
"""mayflyctl run by root becomes the workers' user, or says what to do; it finds the database's password beside the settings. That
it does become this user is seen by t/7000, which follows README as root."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, URL, check, done, same

PROGRAM = SCRATCH / "inst/bin/mayflyctl"
CONFIG = SCRATCH / "etc/mayfly.conf"
# Root of a user namespace is root to mayflyctl, and may replace /etc/passwd there; but it has no other user to become.
ROOT = ("unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"')


def as_root(users, *words, config=CONFIG):
    with tempfile.NamedTemporaryFile("w") as passwd:
        passwd.write(users)
        passwd.flush()
        return subprocess.run([*ROOT, passwd.name, PROGRAM, "-c", config, *words], capture_output=True, text=True, timeout=60)


def with_settings(folder, **settings):
    lines = [line for line in CONFIG.read_text().splitlines() if line.split("=")[0].strip() not in settings]
    path = Path(folder) / "mayfly.conf"
    path.write_text("\n".join(lines + [f"{name} = {value}" for name, value in settings.items()]) + "\n")
    return path


if not URL:
    print("1..0 # SKIP needs a stack: ./dev test 5713")
    sys.exit()
NOBODY = "root:x:0:0::/:/bin/sh\n"
MAYFLY = NOBODY + "mayfly:x:0:0::/:/bin/sh\n"
if subprocess.run([*ROOT, "/dev/null", "true"], capture_output=True).returncode != 0:
    print("1..0 # SKIP this machine has no user namespaces for us")
    sys.exit()
with tempfile.TemporaryDirectory() as folder:
    away = with_settings(folder, database="host=/nowhere dbname=mayfly")
    ran = as_root(NOBODY, "user", "list", config=away)
    check(ran.returncode == 1 and ran.stderr.endswith("There is no user mayfly to become. Run this as the user that the workers run as: "
                                                      "runuser -u USER -- mayflyctl ...\n"), "without such a user root is told what to do", ran)
    ran = as_root(NOBODY, "user", "list")
    same((ran.returncode, ran.stderr), (0, ""), "a database that accepts root is used")
    ran = as_root(MAYFLY, "user", "list")
    check(ran.returncode == 1 and "can't become the user mayfly: Operation not permitted; run this as that user\n" in ran.stderr and
          ran.stdout == "", "a user that it may not become is named, and nothing is done", ran)
    for words in (("secret", "list"), ("routes",)):
        ran = as_root(MAYFLY, *words)
        check(ran.returncode == 0 and ran.stdout, f"mayflyctl {words[0]} stays root", ran)
    (Path(folder) / "pgpass").write_text("*:*:*:*:x\n")
    (Path(folder) / "pgpass").chmod(0o644)
    there = with_settings(folder)
    plain = subprocess.run([PROGRAM, "-c", there, "user", "list"], capture_output=True, text=True, timeout=60)
    check(f'password file "{folder}/pgpass" has group or world access' in plain.stderr, "libpq reads pgpass beside the settings", plain)
    named = subprocess.run([PROGRAM, "-c", there, "user", "list"], capture_output=True, text=True, timeout=60,
                           env={"PGPASSFILE": "/nowhere", "PATH": "/usr/bin:/bin"})
    check("password file" not in named.stderr, "unless PGPASSFILE names another", named)
done()
