#!/usr/bin/python3
"""
mayfly-prove makes and revokes keys, and goes to a site behind the gate and logs out at home: proven here, while workers are replaced. A
gate whose answers are kept lets in whom it should refuse, which is found, and called so.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import INST
from gate import front
from mayfly import DEV, SCRATCH, check, done, same, settings

KEEPS = ("proxy_cache gate; proxy_cache_key $http_cookie$mayfly_site_origin; proxy_cache_valid 200 60s; "
         "proxy_ignore_headers Cache-Control Expires Vary Set-Cookie;")


def prove(gate, *options, duration=4):
    """(what it says and its exit status, its report)"""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        ran = subprocess.run([INST / "bin/mayfly-prove", "--url", f"http://{gate.host('home')}", "--site", f"http://{gate.host('one')}", "--users", "8", "--clients", "4",
                              "--duration", str(duration), "--upload", "no", "--json", report.name, *options], capture_output=True, text=True, timeout=300, check=False)
        text = Path(report.name).read_text()
    return ran, json.loads(text) if text else {}


def keys_made():
    """By the log of the workers."""
    return sum(path.read_text(errors="replace").count('"route":"/keys","status":201') for path in (SCRATCH / "log").glob("pool-*.log"))


def at_home(gate):
    return settings(home=f"http://{gate.host('home')}", public_origin=f"http://{gate.host('home')}")


with front() as started, at_home(started):
    started.site("one", "any")
    before, keys = started.app.seen, keys_made()
    ran, _ = prove(started, "--hook", f"rolling:workers replaced={DEV} restart a", duration=8)
    check(ran.returncode == 0, "with keys and visits it is proven, while workers are replaced", ran)
    check(started.app.seen - before >= 3 and keys_made() > keys, "and both were tried", started.app.seen - before, keys_made() - keys)

with front(start=False, http=f"proxy_cache_path {SCRATCH}/tmp/gate-cache keys_zone=gate:1m;") as kept, at_home(kept):
    kept.conf(lambda text: KEEPS.join(re.split(r"(?m)(?:^ +proxy_(?:cache|cache_key|cache_valid|ignore_headers) .*\n)+", text)), "snippets/mayfly-gate.conf")
    kept.start()
    kept.site("one", "any")
    ran, report = prove(kept, "--until-failure", duration=30)
    found = report.get("findings", [{}])
    check(ran.returncode == 1 and found[0].get("kind") == "ended session accepted" and "lets its visit in" in found[0]["text"],
          "a gate whose answers are kept lets in whom a log-out has ended: that is found", ran, found[:1])

wrong = subprocess.run([INST / "bin/mayfly-prove", "t.hurl", "--url", "http://localhost", "--site", "http://localhost"], capture_output=True, text=True, check=False)
same((wrong.returncode, "--site is for mayfly" in wrong.stderr), (2, True), "a scenario says itself where it goes")
done()
