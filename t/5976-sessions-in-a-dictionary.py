#!/usr/bin/python3
"""The article's program, with sessions in a dictionary: mayfly-prove says which sessions and uploads two processes lose
and that their caches differ, by which request, whose answer and in which event. Of one process alone it finds nothing."""

import re
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, note, same
from scenario import ARTICLE, COPIES, SCENARIO, Run, article_command, served

KINDS = ("lost session", "lost upload", "stale cache")


def two():
    with tempfile.TemporaryDirectory() as folder:
        run = Run(SCENARIO, "--command", article_command("dictionary", folder), "--users", 6, "--duration", 6,
                  "--unavailable-max", 60)
    note(run.out)
    same(run.status, 1, "two processes: not proven", run)
    same([kind for kind in KINDS if kind not in run.broken()], [], "sessions are lost, uploads are lost, caches differ", run)
    same([(name, event["hook_failure"]) for name, event in run.events.items()], [(name, "") for name in ["before", *COPIES, "check"]],
         "its copies were replaced, killed, stopped and restarted", run)
    for kind in KINDS:
        found = (run.of(kind) or [{"text": "", "request": "", "worker": "", "event": ""}])[0]
        check(re.match(r"(GET|POST|PUT) /[\w/-]* \(by article/\d+, at [\d.]+ s\)$", found["request"]) and re.fullmatch(r"article/\d+", found["worker"])
              and found["event"] in run.events, f"{kind}: with its request, the worker and the event", found)
        check(f"{kind}: " in run.out and found["text"] in run.out and kind in run.html, f"{kind}: in the table and the page", run)
    stale = run.of("stale cache")[0]["text"]
    check(re.search(r"^write cart: PUT /carts/\S+ .*; GET /carts/\S+ .*jsonpath is 1, and should be == 2; asked again: [1-5] of 5 have it$", stale),
          "a stale cache is told with what was acknowledged, what was read, and how many have it", stale)


def one():
    with tempfile.TemporaryDirectory() as folder, served(["/usr/bin/python3", ARTICLE, "dictionary", folder]) as url:
        run = Run(SCENARIO, "--url", url, "--users", 3, "--duration", 2)
        same((run.status, run.broken()), (0, {}), "one process alone is proven, while nothing happens", run)
        check(run.report["sums"]["acknowledged"] > 10 and run.report["sums"]["checked"] > 5 and "by 1 workers" in run.out,
              "effects were acknowledged and checked", run)


two()
one()
done()
