#!/usr/bin/python3
"""The options of mayfly-worker and mayflyctl: they print help, and refuse wrong arguments with status 2 and a hint."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

BUILD = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build"))
OPTIONS = re.findall(r'\{"([\w-]+)", (?:no|required)_argument', (CHECKOUT / "src/worker/options.c").read_text())


def called(program, *words):
    """Its status, and what it said where. Nothing is given to it: neither a socket nor settings."""
    ran = subprocess.run([BUILD / program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                         check=False, env={"MAYFLY_CONFIG": "/nowhere"})
    return ran.returncode, ran.stdout, ran.stderr


def refuses(promise, program, *words, said):
    status, out, err = called(program, *words)
    check((status, out) == (2, "") and re.search(said, err) and "--help" in err, promise, status, out, err)


check(len(OPTIONS) > 5, "the worker's options are found", OPTIONS)
status, out, err = called("mayfly-worker", "--help")
check((status, err) == (0, "") and out.startswith("usage: "), "mayfly-worker --help says how it is called", status, err)
same([option for option in OPTIONS if f"--{option}" not in out], [], "with each option")
for program in ("mayfly-worker", "mayflyctl"):
    same(called(program, "-h"), called(program, "--help"), f"{program} -h is --help")
    status, out, err = called(program, "--version")
    check((status, err) == (0, "") and re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", out),
          f"{program} --version is one line", out, err)
    same(called(program, "-V"), (status, out, err), f"{program} -V is --version")
    refuses(f"{program} with an option that is none", program, "--bogus", said="--bogus")
    refuses(f"{program} -c without a file", program, "-c", said="-c|'c'")
refuses("a worker's pool without a name", "mayfly-worker", "--pool", said="'--pool'")
for name in ("", "a b", "a\n", "x" * 33):
    refuses(f"a pool called {name[:3]!r}", "mayfly-worker", "--pool", name, said="1 to 32 letters")
refuses("a word that no option is", "mayfly-worker", "serve", said="no other arguments")
refuses("--no-secret, which is for --test", "mayfly-worker", "--no-secret", said="for --test only")
refuses("mayflyctl alone", "mayflyctl", said="name a command")
status, out, err = called("mayfly-worker", "--test")
check((status, out) == (1, "") and "/nowhere" in err, "settings that are not there are no matter of how it is called",
      status, out, err)
done()
