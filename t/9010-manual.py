#!/usr/bin/python3
"""The manual is complete: each setting with its default and limits, each command, each option, and no page has a warning."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

BUILD = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build"))
PAGES = {"worker": CHECKOUT / "man/mayfly-worker.8", "ctl": CHECKOUT / "man/mayflyctl.8", "prove": CHECKOUT / "man/mayfly-prove.1",
         "rules": CHECKOUT / "man/mayfly-rules.5", "conf": BUILD / "man/mayfly.conf.5"}


def shown(page):
    """As a reader sees it, on one long line."""
    ran = subprocess.run(["man", "--warnings", "-l", PAGES[page]], capture_output=True, text=True, check=False,
                         env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "400"})
    same((ran.returncode, ran.stderr), (0, ""), f"{PAGES[page].name}: man has no warning")
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", PAGES[page]], capture_output=True, text=True, check=False)
        same((lint.returncode, lint.stdout), (0, ""), f"{PAGES[page].name}: mandoc has none either")
    return re.sub(r"\s+", " ", ran.stdout).replace("\u2010", "-")


if not shutil.which("man"):
    print("1..0 # SKIP there is no man")
    sys.exit()

conf = shown("conf")
settings = re.findall(r'^(TEXT|FLAG|NUMBER)\((\w+), ("[^"]*"|[^,]+)(?:, (\d+), (\d+),)?', (CHECKOUT / "src/base/settings.def").read_text(), re.M)
check(len(settings) > 20, "the settings are found", settings)
missing = []
for kind, name, default, least, most in settings:
    default = {"true": "yes", "false": "no"}.get(default, default.strip('"'))
    wanted = f"{name} = {default}" if default else f"{name} ="
    if kind == "NUMBER":
        wanted += f" ({least} to {most})"
    if wanted not in conf:
        missing.append(wanted)
same(missing, [], "mayfly.conf(5) has each setting with its default and limits")

ctl = shown("ctl")
source = re.sub(r'"\n +"', "", (CHECKOUT / "src/ctl/ctl.c").read_text())  # a string may go on in the next line
table = re.findall(r'^    \{"(\w+)", (?:"(\w+)"|NULL), "([^"]*)"', source, re.M)
check(len(table) > 10, "the commands are found", table)
commands = {f"{family} {verb}".strip(): set(re.findall(r"--[a-z-]+", arguments)) for family, verb, arguments in table}
# An item of a list begins with its command.
items = re.findall(r"^\.It Ic (.*)$", PAGES["ctl"].read_text(), re.M)
named = {command: [item for item in items if re.match(rf"{command}(?: |$)", item)] for command in commands}
same([command for command, found in named.items() if len(found) != 1], [], "mayflyctl(8) has each command, once")
same([item for item in items if not any(item in found for found in named.values())], [], "and nothing else")
same([f"{command} {option}" for command, options in commands.items() for option in options
      if not any(f"Fl {option[1:]}" in item for item in named[command])], [], "with each option")

rules = shown("rules")  # t/0400 reads its examples
check("EXAMPLES" in rules, "mayfly-rules(5) has examples")

worker = shown("worker")
options = re.findall(r'\{"(\w+)", (?:no|required)_argument', (CHECKOUT / "src/worker/options.c").read_text())
check(len(options) >= 5, "the worker's options are found", options)
same([option for option in options if f"--{option}" not in worker], [], "mayfly-worker(8) has each option")

prove = shown("prove")
options = re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', (CHECKOUT / "src/prove/options.c").read_text())
check(len(options) >= 12, "mayfly-prove's options are found", options)
synopsis, _, items = PAGES["prove"].read_text().partition(".Sh DESCRIPTION")
same([option for option in options if not re.search(rf"^\.It (Fl . , -|Fl -){option}\b", items, re.M)], [], "mayfly-prove(1) explains each option")
same([option for option in options if option not in ("help", "version") and f"Fl -{option}" not in synopsis], [], "and shows how each is given")
promises = re.findall(r'^    \[FINDING_\w+\] = \{"([^"]+)"', (CHECKOUT / "src/prove/tally.c").read_text(), re.M)
same((len(promises) > 10, [one for one in promises if not re.search(rf"\b{one}\b", prove)]), (True, []), "and each promise that can be found to be broken")
done()
