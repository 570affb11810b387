#!/usr/bin/python3
"""What it costs others that workers are replaced: GET /profile at half of the capacity, open loop, with a replacement after every thousand
requests and without any, there and back. Prints percentiles and their ratios, for each round and the medians."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

URL, DEV = os.environ["MAYFLY_URL"], os.environ["MAYFLY_DEV"]
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
CLIENTS = 32
SECONDS = 6
OFTEN = 1000
PASSWORD = "a quiet green lamp"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def post(path, fields):
    with urllib.request.urlopen(URL + path, urllib.parse.urlencode(fields).encode()) as answer:
        return json.load(answer)


def capacity(token):
    out = subprocess.run(["wrk", "-t1", f"-c{CLIENTS}", "-d3", "-H", f"Authorization: {token}", URL + "/profile"], check=True, capture_output=True,
                         text=True).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def measure(token, rate, replaced_after):
    """Milliseconds that the slowest hundredth and thousandth took at least, and how many failed."""
    subprocess.run([DEV, "config", "worker_max_requests", str(replaced_after)], check=True, stdout=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(["h2load", "--h1", f"-c{CLIENTS}", "-t1", f"-D{SECONDS}", "--warm-up-time=1", f"--rps={rate / CLIENTS:.1f}",
                        f"--log-file={log.name}", "-H", f"Authorization: {token}", URL + "/profile"], check=True, stdout=subprocess.DEVNULL)
        lines = [line.split("\t") for line in open(log.name)]
    took = sorted(int(line[2]) / 1000 for line in lines)
    failed = sum(line[1] != "200" for line in lines)
    return {"p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "p99.9": took[int(len(took) * 0.999)], "failed": failed, "count": len(took)}


def mean(runs):
    return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}


def main():
    post("/register", {"username": "replaced", "password": PASSWORD})
    token = post("/login", {"username": "replaced", "password": PASSWORD})["token"]
    rate = capacity(token) / 2
    say(f"{rate:.0f} requests a second, half of what {CLIENTS} clients get")
    rounds = []
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}")
        runs = {0: [], OFTEN: []}
        for after in (0, OFTEN, OFTEN, 0):
            runs[after].append(measure(token, rate, after))
        rounds.append({after: mean(runs[after]) for after in runs})
    print(f"{'GET /profile, open loop':44} {'p50 ms':>8} {'p99 ms':>8} {'p99.9 ms':>9} {'failed':>7}")
    for after, name in ((0, "workers stay"), (OFTEN, f"replaced after {OFTEN} requests each")):
        values = [statistics.median(one[after][which] for one in rounds) for which in ("p50", "p99", "p99.9")]
        print(f"{name:44} {values[0]:8.2f} {values[1]:8.2f} {values[2]:9.2f} {sum(one[after]['failed'] for one in rounds):7.0f}")
    for which in ("p99", "p99.9"):
        ratios = [one[OFTEN][which] / one[0][which] for one in rounds]
        print(f"{which} replaced / staying    {statistics.median(ratios):.2f}   wanted: 1.20 or less   ({', '.join(f'{ratio:.2f}' for ratio in ratios)})")


main()
