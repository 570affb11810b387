#!/usr/bin/python3
"""The article's program, with everything in Redis: mayfly-prove proves it, whatever is done to its two processes. When
it orders twice, or forgets to end a session, that is found, and nothing else."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, note, same
from scenario import ARTICLE, COPIES, SCENARIO, Run, article_command, redis, served


def green(socket):
    run = Run(SCENARIO, "--command", article_command("shared", socket), "--users", 4, "--duration", 6, "--unavailable-max", 60)
    note(run.out)
    same((run.status, run.report.get("proven"), run.broken()), (0, True, {}), "two processes with a shared store: proven", run)
    same([(name, event["kind"], event["hook_failure"]) for name, event in run.events.items()],
         [(name, kind, "") for name, kind in zip(["before", *COPIES, "check"], ["quiet", "rolling"] + ["outage"] * 4 + ["quiet"])],
         "its copies were replaced, killed, stopped and restarted", run)
    same(run.events[COPIES[0]]["failed"], 0, "nobody notices that they are replaced one by one", run)
    check(run.events["all copies killed at once"]["failed"] > 0 and all(run.events[name]["healed_ms"] is not None for name in COPIES),
          "that all are killed is noticed, and it heals", run.events)
    sums = run.report["sums"]
    check(sums["acknowledged"] > 200 and sums["checked"] > 100 and sums["repetitions"] > 10 and sums["dead_asked"] > 50,
          "hundreds of effects were acknowledged and checked, requests were repeated, and what was undone was asked for", sums)
    check(sums["moved"] * 3 > sums["followed"] > 200 and len(run.report["workers"]) >= 10, "by all processes there were", sums, run.report["workers"])


def sin(socket, name, kind, text):
    with served(["/usr/bin/python3", ARTICLE, "shared", socket], ARTICLE_SIN=name) as url:
        run = Run(SCENARIO, "--url", url, "--users", 4, "--duration", 2)
    same((run.status, set(run.broken())), (1, {kind}), f"{name}: found, and called {kind}", run)
    check(re.search(text, run.of(kind)[0]["text"]), f"{name}: with the request that did it and the one that shows it", run.of(kind)[0])


with redis() as socket:
    green(socket)
    sin(socket, "doubled", "doubled effect", r"^write order: POST /orders \(.*; GET /carts/orders-\S+ \(.*jsonpath is 2, and should be == 1$")
    sin(socket, "revived", "revived session", r"^session was undone by POST /logout \(.*, and is shown by GET /me \(")
done()
