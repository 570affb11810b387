#!/usr/bin/python3
"""Which worker answered is shown, and with worker_header off it is told nowhere."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import POOLS
from mayfly import PAGE, Client, check, done, same, settings

GUEST = Client()


def told():
    """Where a worker is named, by what is asked for."""
    found = {}
    for path, accept in (("/", PAGE), ("/workers", PAGE), ("/worker", "application/json"), ("/health/ready", "application/json"),
                         ("/nothing", PAGE), ("/nothing", "application/json")):
        answer = GUEST.get(path, headers={"Accept": accept})
        found[f"{path} {answer.status}"] = [place for place, text in (("header", str(answer.headers)), ("body", answer.text))
                                            if any(f"{pool}/" in text for pool in POOLS[2:])
                                            or any(f"{quote}{pool}/{digit}" in text for quote in "\"'>" for pool in "ab"
                                                   for digit in range(1, 10))]
    return found


shown = told()
same(shown["/worker 200"], ["header", "body"], "GET /worker names it")
same(shown["/workers 200"], ["header", "body"], "the page of workers does")
with settings(worker_header="no"):
    hidden = told()
    same({path: places for path, places in hidden.items() if places}, {}, "with worker_header = no no answer names one")
    check("/worker 404" in hidden, "GET /worker is then 404", list(hidden))
    page = GUEST.get("/workers", headers={"Accept": PAGE})
    check("does not tell" in page.text and "workers.js" not in page.text, "and the page does not ask for it", page)
done()
