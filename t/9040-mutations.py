#!/usr/bin/python3
"""Each patch of t/mutations applies to the sources as they are, says which protection it takes away, and what prove calls it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same
from mutations import mutations

BUILD = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build"))
WORDS = set(re.findall(r'^\s*\[FINDING_\w+\] = \{"([^"]+)"', (CHECKOUT / "src/prove/tally.c").read_text(), re.M))
LEAST = 15


def compiler_says(one):
    """What the compiler says of the sources without the protection; None when they compile."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        shutil.copytree(CHECKOUT / "src", tree / "src")
        shutil.copytree(CHECKOUT / "nginx", tree / "nginx")
        shutil.copy(CHECKOUT / "compile_flags.txt", tree)
        one.patch(tree)
        sources = [name for name in re.findall(r"^\+\+\+ (\S+\.c)$", one.path.read_text(), re.M)]
        flags = (tree / "compile_flags.txt").read_text().split()
        ran = subprocess.run(["cc", "-fsyntax-only", *flags, f"-I{BUILD}", f"-I{BUILD / 'src'}", *sources], cwd=tree, capture_output=True,
                             text=True, check=False) if sources else None
    return ran.stderr if ran is not None and ran.returncode != 0 else None


def main():
    all_of_them = mutations()
    check(len(all_of_them) >= LEAST, f"there are {LEAST} at least", len(all_of_them))
    same([one.name for one in all_of_them if not set(one.names) <= WORDS], [], "each names what prove can find", sorted(WORDS))
    for one in all_of_them:
        check(one.patch(CHECKOUT, "--dry-run") is None, f"{one.name} applies; if not, write it anew for the sources as they are",
              one.patch(CHECKOUT, "--dry-run"))
        same(compiler_says(one), None, f"{one.name} compiles")
    done()


main()
