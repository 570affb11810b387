#!/usr/bin/python3
"""
Each fuzzing harness of t/fuzz takes its seeds and the inputs that were too much in the past, and then looks for new ones
for some seconds. A build with ASan and UBSan (build-fuzz/) sees what is only a byte too far. `./dev fuzz` looks for longer.
"""

import base64
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, note, same

SECONDS = int(os.environ.get("MAYFLY_SECONDS", "4"))
SEED = int(os.environ.get("MAYFLY_SEED", "950"))
LEAST = 30  # inputs with the seeds, on a busy machine too
SOURCES = CHECKOUT / "t" / "fuzz"
PROGRAMS = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build")).with_name("build-fuzz") / "t" / "fuzz"
WORK = SCRATCH / "tmp" / "fuzz"
FOUND = SCRATCH / "log" / "fuzz"


def run(harness, *options):
    """libFuzzer's exit status and what it said."""
    (FOUND / harness).mkdir(parents=True, exist_ok=True)
    ran = subprocess.run([PROGRAMS / harness, "-timeout=20", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1",
                          f"-seed={SEED}", f"-artifact_prefix={FOUND / harness}/", *map(str, options)],
                         cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return ran.returncode, ran.stdout.decode("utf-8", "replace")


def units(said):
    found = re.search(r"number_of_executed_units: *([0-9]+)", said)
    return int(found[1]) if found else 0


def why(harness, said):
    """The reason, and the input as it is kept in t/fuzz/past."""
    reasons = re.findall(r"^(?:.*ERROR:.*|SUMMARY:.*|broken promise.*|.*runtime error:.*)$", said, re.M) or said.splitlines()[-20:]
    inputs = [f"{path}: {base64.b64encode(path.read_bytes()).decode()}" for path in sorted((FOUND / harness).iterdir())]
    return "\n".join(reasons[:5] + inputs[:3])


def fuzz(harness):
    corpus = WORK / "corpus" / harness
    corpus.mkdir(parents=True, exist_ok=True)
    return run(harness, f"-max_total_time={SECONDS}", corpus, WORK / "seeds" / harness)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    harnesses = sorted(path.stem for path in SOURCES.glob("*.c"))
    check(len(harnesses) >= 9, "the harnesses are found", harnesses)
    same([name for name in harnesses if not os.access(PROGRAMS / name, os.X_OK)], [], f"each is built in {PROGRAMS}")
    subprocess.run([SOURCES / "seeds.py", WORK / "seeds"], check=True)
    same([name for name in harnesses if not any((WORK / "seeds" / name).glob("*"))], [], "each has seeds")
    past = sorted(path.name for path in (SOURCES / "past").iterdir() if path.is_dir())
    same([name for name in past if name not in harnesses], [], "each input of the past is for one of them")
    note(f"seed {SEED}, {SECONDS} s each")
    for name in past:
        inputs = sorted((SOURCES / "past" / name).iterdir())
        status, said = run(name, *inputs)
        taken = said.count("Executed ")
        same((status, taken), (0, len(inputs)), f"{name} takes {len(inputs)} inputs of the past", why(name, said))
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
        for name, (status, said) in zip(harnesses, pool.map(fuzz, harnesses)):
            same(status, 0, f"{name} takes {units(said)} inputs in {SECONDS} s", why(name, said))
            check(units(said) >= LEAST, f"{name} has taken at least {LEAST}", said[-2000:])
    done()


main()
