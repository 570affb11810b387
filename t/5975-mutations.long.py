#!/usr/bin/python3
"""prove can fail: mayfly with a single protection taken away is not proven, within a minute, and what is missing is named. With
all of them it is proven, again and again."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST
from mayfly import SCRATCH, check, done
from mutations import Mutant, mutations

WHOLE = 3  # times that the whole mayfly is proven
MINUTE = 60


def progress(text):
    """The harness shows at once what is said there."""
    print(f"# {text}", file=sys.stderr, flush=True)


def found(mutant, mutation):
    mutant.mutate(mutation)
    try:
        mutant.install()
        hook = ["--hook", mutation.hook] if mutation.hook else []
        status, report, seconds = mutant.prove("--until-failure", *hook, duration=12 if hook else 45)
    finally:
        mutant.mutate(mutation, "-R")
    first = next(iter(report.get("findings", [])), {"kind": "nothing", "text": report.get("reason", "")})
    progress(f"{mutation.name}: {first['kind']} after {seconds:.0f} s: {first['text']}")
    check(status == 1 and first["kind"] in mutation.names and seconds < MINUTE,
          f"{mutation.name}: found within a minute, and called {' or '.join(mutation.names)}", f"exit {status}, {seconds:.0f} s", first,
          report["said"])


def main():
    mutant = Mutant(SCRATCH / "mutant", INST)
    try:
        for mutation in mutations():
            found(mutant, mutation)
        mutant.install()
        for number in range(WHOLE):
            status, report, _ = mutant.prove(duration=15)
            progress(f"with all protections, run {number + 1}: exit {status}")
            check(status == 0, f"with all protections it is proven, run {number + 1}", report["said"])
    finally:
        mutant.down()
    done()


main()
