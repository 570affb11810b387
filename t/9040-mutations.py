#!/usr/bin/python3
"""Each patch of t/mutations applies to the sources as they are, says which protection it takes away, and what prove calls it."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same
from mutations import mutations

WORDS = set(re.findall(r'^\s*\[FINDING_\w+\] = \{"([^"]+)"', (CHECKOUT / "src/prove/tally.c").read_text(), re.M))
LEAST = 15


def main():
    all_of_them = mutations()
    check(len(all_of_them) >= LEAST, f"there are {LEAST} at least", len(all_of_them))
    same([one.name for one in all_of_them if not set(one.names) <= WORDS], [], "each names what prove can find", sorted(WORDS))
    for one in all_of_them:
        check(one.patch(CHECKOUT, "--dry-run") is None, f"{one.name} applies; if not, write it anew for the sources as they are",
              one.patch(CHECKOUT, "--dry-run"))
    done()


main()
