#!/usr/bin/python3
"""mayfly-prove with a scenario: events by a pid file and by units, how long nobody was answered, sessions that stick to a process, ^C, and what
it says of wrong arguments and scenarios."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same
from scenario import PROGRAM, SCENARIO, Run, article_command, served

NOTES = CHECKOUT / "t/toy/notes.hurl"
PREFORK = CHECKOUT / "t/toy/prefork.py"
STATEFUL = CHECKOUT / "t/toy/stateful.py"
STICKY = """# prove: acknowledges write
POST {{url}}/register
{"username": "{{user}}", "password": "{{password}}"}
HTTP 201
# prove: acknowledges session
# prove: shows write
POST {{url}}/login
{"username": "{{user}}", "password": "{{password}}"}
HTTP 200
[Captures]
token: jsonpath "$.token"
# prove: shows session
GET {{url}}/profile
Authorization: Bearer {{token}}
HTTP 200
"""
SYSTEMCTL = """#!/bin/sh
printf '%s|' "$@" >>"$ASKED"
echo >>"$ASKED"
"""


def prefork(folder, url):
    common = [NOTES, "--url", url, "--users", 4, "--variable", "greeting=hello"]
    run = Run(*common, "--duration", 4, "--pid-file", folder / "pid")
    same((run.status, run.broken()), (0, {}), "a master and its workers: proven", run)
    same([(name, event["kind"], event["hook_failure"], event["healed_ms"] is not None) for name, event in run.events.items()][1:-1],
         [("reloaded", "rolling", "", True), ("workers killed", "outage", "", True), ("one worker killed", "outage", "", True)],
         "by its pid file it is reloaded, which nobody notices, and its workers are killed", run.events)
    check(len(run.report["workers"]) >= 7, "each time others answer", run.report["workers"])
    run = Run(*common, "--duration", 2, "--pid-file", folder / "nothing")
    check(run.status == 1 and "nothing" in run.events["reloaded"]["hook_failure"], "an event that was not done is no proof", run)
    run = Run(*common, "--duration", 2, "--unavailable-max", 1, "--hook", f"outage:away=touch {folder}/away; sleep 2; rm {folder}/away")
    same((run.status, run.broken()), (1, {"unavailable too long": 1}), "longer than --unavailable-max is found, once for its event", run)
    check(run.of("unavailable too long")[0]["event"] == "away" and re.match(r"(GET|PUT) /notes/\S+ .* has waited for [\d.]+ s, longer than 1 s",
          run.of("unavailable too long")[0]["text"]), "with the request that waited", run.findings)


def units(folder, url):
    """What systemctl is asked; the site goes on."""
    asked, path = folder / "asked", folder / "bin"
    path.mkdir()
    (path / "systemctl").write_text(SYSTEMCTL)
    (path / "systemctl").chmod(0o755)
    run = Run(NOTES, "--url", url, "--users", 2, "--duration", 2, "--variable", "greeting=hi", "--systemd-unit", "shop@1", "--systemd-unit",
              "it's @2", env={"ASKED": str(asked), "PATH": f"{path}:{os.environ['PATH']}"})
    same((run.status, [event["kind"] for event in run.events.values()]), (0, ["quiet", "rolling", "outage", "outage", "quiet"]), "units: proven", run)
    same(asked.read_text().splitlines(), ["restart|--|shop@1|", "restart|--|it's @2|", "kill|--signal=KILL|--|shop@1|it's @2|",
                                          "start|--|shop@1|it's @2|", "stop|--|shop@1|", "start|--|shop@1|"],
         "units are restarted one by one, killed at once, and one is stopped and started")


def sticky(folder):
    scenario = folder / "sticky.hurl"
    scenario.write_text(STICKY)
    with tempfile.TemporaryDirectory() as place, \
            subprocess.Popen([sys.executable, STATEFUL, place, "--sticky"], stdout=subprocess.PIPE, text=True) as process:
        try:
            run = Run(scenario, "--url", process.stdout.readline().strip(), "--users", 6, "--duration", 8)
        finally:
            process.terminate()
    same((run.status, set(run.broken())), (1, {"sticky routing"}), "sessions that always meet the same process are found", run)


def interrupted():
    def during(process):
        time.sleep(4)
        children.extend(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        process.send_signal(signal.SIGINT)

    children = []
    with tempfile.TemporaryDirectory() as place:
        run = Run(SCENARIO, "--command", article_command("dictionary", place), "--duration", 100, during=during)
    check(run.status == 1 and run.report.get("interrupted"), "^C: reported, and no proof", run)
    same((len(children) >= 2, [pid for pid in children if Path(f"/proc/{pid}").exists()]), (True, []), "and its copies have ended", run)


def refused(folder):
    wrong = folder / "wrong.hurl"
    wrong.write_text("# prove: acknowledges write\nPUT {{url}}/x\nHTTP 200\n[Asserts]\nxpath \"//a\" exists\n")
    for what, words, said in (
            ("a scenario with an error", [wrong, "--url", "http://127.0.0.1:9"], f"{wrong}:5:1: xpath is not read here; use jsonpath or regex"),
            ("no such scenario", [folder / "none.hurl", "--url", "http://127.0.0.1:9"], "none.hurl: No such file or directory"),
            ("a scenario that is a folder", [folder, "--url", "http://127.0.0.1:9"], "Is a directory"),
            ("no address", [NOTES], "--url is missing"),
            ("nobody there", [NOTES, "--url", "http://127.0.0.1:9"], "http://127.0.0.1:9 does not answer"),
            ("a variable without a value", [NOTES, "--url", "http://127.0.0.1:9", "--variable", "a"], "--variable a: say NAME=VALUE"),
            ("a variable without a scenario", ["--url", "http://127.0.0.1:9", "--variable", "a=b"], "--variable goes with a scenario"),
            ("a command without a scenario", ["--command", "true"], "--command goes with a scenario"),
            ("--upload with a scenario", [NOTES, "--url", "http://127.0.0.1:9", "--upload", "yes"], "--upload is for mayfly"),
            ("too many copies", [NOTES, "--command", "true", "--copies", "17"], "--copies 17: a number from 1 to 16"),
            ("a command that ends", [NOTES, "--command", "sh -c 'echo no port; exit 3'"], "copy 1 has ended by itself: no port"),
            ("a command that is none", [NOTES, "--command", "nothing-at-all"], "nothing-at-all")):
        ran = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=100, check=False)
        check(ran.returncode == 2 and ran.stderr.startswith("mayfly-prove: ") and said in ran.stderr and not ran.stdout,
              f"{what}: exit 2, and what is wrong", ran)


with tempfile.TemporaryDirectory() as name:
    refused(Path(name))
    with served(["/usr/bin/python3", PREFORK, name]) as address:
        prefork(Path(name), address)
        units(Path(name), address)
    sticky(Path(name))
    interrupted()
done()
