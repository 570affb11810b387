#!/usr/bin/python3
"""A mayfly that has all its protections is proven 20 times in a row, every other time with its workers killed meanwhile: what t/5975
finds is no chance."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST
from mayfly import DEV, SCRATCH, URL, check, done, note

TIMES = int(os.environ.get("MAYFLY_TIMES", "20"))
SECONDS = 10  # of load each time


def prove(number):
    """(exit status, report, what was said)"""
    path = SCRATCH / "tmp" / "proven.json"
    path.unlink(missing_ok=True)
    hooks = ["--hook", f"outage:workers killed={DEV} kill"] if number % 2 else []
    ran = subprocess.run([INST / "bin/mayflyctl", "prove", "--url", URL, "--users", "12", "--clients", "6", "--duration", str(SECONDS),
                          "--seed", str(number), "--json", path, *hooks], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300,
                         check=False)
    return ran.returncode, json.loads(path.read_text()) if path.exists() else {}, ran.stdout + ran.stderr


def main():
    for number in range(TIMES):
        status, report, said = prove(number)
        sums = report.get("sums", {})
        note(f"run {number + 1}: exit {status}, {sums}")
        check(status == 0 and report.get("proven") is True and min(sums["rivals"], sums["repetitions"], sums["dead_asked"]) > 50,
              f"run {number + 1} of {TIMES} is proven, and has asked for enough", said)
    done()


main()
