#!/usr/bin/python3
"""P8: workers that started together are replaced by age one after the other, and no client notices."""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST, SCRATCH, Threads, check, done, fcgi_request, note, same

AGE_S = 2
WORKERS = 16
LEAST_S = 0.75 * AGE_S  # up to a quarter is taken off by chance
APART_S = 0.15  # of half a second; that all are within less would be luck of one in a million


def start(config, listener, log):
    with log.open("w") as out:
        return subprocess.Popen([INST / "bin" / "mayfly-worker", "-c", config, "--pool", "own"], stdin=listener, stderr=out)


def ask(path, answers):
    """One request on a connection of its own: an answer, or what there was instead."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall(fcgi_request())
        received = b""
        while part := connection.recv(65536):
            received += part
    answers.append("live" if b'"live"' in received else received)
    time.sleep(0.001)


def grow_old(folder):
    """One worker stays. The ages of the others when their successors took over, and what requests were answered."""
    path, listener, answers = folder / "fcgi.sock", socket.socket(socket.AF_UNIX), []
    listener.bind(str(path))
    listener.listen(1024)
    ever, ageing = folder / "ever.conf", folder / "ageing.conf"
    for config, age_s in ((ever, 0), (ageing, AGE_S)):
        config.write_text((SCRATCH / "etc/mayfly.conf").read_text() + f"worker_max_age_s = {age_s}\n")
    staying, began, ages = start(ever, listener, folder / "ever.log"), {}, {}
    try:
        with Threads() as threads:
            for number in range(WORKERS):
                began[start(ageing, listener, folder / f"{number}.log")] = (time.monotonic(), folder / f"{number}.log")
            # A worker looks at its age between requests, else once a second.
            for _ in range(2):
                threads.repeat(ask, path, answers)
            until = time.monotonic() + 10 * AGE_S
            while len(ages) < WORKERS and time.monotonic() < until:
                for worker in began.keys() - ages.keys():
                    if '"event":"took_over"' in began[worker][1].read_text():
                        ages[worker] = time.monotonic() - began[worker][0]
                time.sleep(0.005)
        ended = [worker.returncode for worker in began if worker.poll() is not None]
    finally:
        for worker in (staying, *began):
            worker.terminate()
            worker.wait()
    same(threads.errors, [], "no connection is lost")
    same((len(ages), ended), (WORKERS, []), "each worker is replaced by itself, and goes on under its process id")
    same([worker.returncode for worker in began], [0] * WORKERS, "until it is told to end, which it does in peace")
    return sorted(ages.values()), answers


def main():
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        ages, answers = grow_old(Path(folder))
    note(f"{len(answers)} requests; workers that were to live for {AGE_S} s lived for {', '.join(f'{age:.2f}' for age in ages)} s")
    same([answer for answer in answers if answer != "live"][:5], [], "no request fails")
    check(ages and ages[0] > LEAST_S, "none is replaced before three quarters of its time", ages)
    check(ages and ages[-1] - ages[0] > APART_S, "nor all of them together, though they began so", ages)
    done()


main()
