#!/usr/bin/python3
"""mayfly-prove proves: green on mayfly whatever is done to it, red on what keeps its sessions and files in a process, red
on each kind of broken promise, and it says what was lost."""

import html
import html.parser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import Browser, missing
from chaos import INST
from mayfly import CHECKOUT, DEV, SCRATCH, URL, check, dev, done, note, psql, same

PROGRAM = INST / "bin/mayfly-prove"
TOY = CHECKOUT / "t/toy/stateful.py"
FOLDER = Path(tempfile.mkdtemp(prefix="prove"))
SCREENS = SCRATCH / "screens"
ROLLING = ["pool a restarted", "every pool restarted", "workers replaced", "cache flushed", "cache away"]
OUTAGES = ["workers killed thrice", "all pools restarted at once", "database away"]


class Run:
    def __init__(self, command, during=None):
        json_path, self.html_path = FOLDER / "report.json", FOLDER / "report.html"
        json_path.unlink(missing_ok=True)
        process = subprocess.Popen([*map(str, command), "--json", json_path, "--html", self.html_path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if during is not None:
            during(process)
        self.out, self.err = process.communicate(timeout=300)
        self.status = process.returncode
        text = json_path.read_text() if json_path.exists() else ""
        self.report = json.loads(text) if text else {}
        self.events = {event["name"]: event for event in self.report.get("events", [])}

    def broken(self):
        """How often each promise was, by its name."""
        return {name: one["count"] for name, one in self.report.get("broken", {"no report": {"count": 1}}).items()}

    def texts(self, kind):
        return [one["text"] for one in self.report.get("findings", []) if one["kind"] == kind]

    def __repr__(self):
        return f"exit {self.status}\n{self.out}\n{self.err}"


def prove(*options, url=URL, users=6, clients=4, duration=2, during=None):
    return Run([PROGRAM, "--url", url, "--users", users, "--clients", clients, "--duration", duration, *options], during)


@contextmanager
def toy(*options):
    """(its address, its pid)"""
    with tempfile.TemporaryDirectory() as folder, \
            subprocess.Popen([sys.executable, TOY, folder, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def accounts():
    return int(psql("SELECT count(*) FROM mayfly.account WHERE username LIKE 'prove-%'"))


class Page(html.parser.HTMLParser):
    """What a browser would make of it without scripting."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "data", "action")]

    def handle_data(self, data):
        self.text += data


# The chart is as wide as its place.
DRAWN = "const svg = document.querySelector('svg'); return svg && svg.viewBox.baseVal.width === svg.parentNode.clientWidth"
# What a reader meets in the page, by name.
LOOK = """
const all = (selector) => Array.from(document.querySelectorAll(selector));
const seen = (node) => node.getClientRects().length > 0;
return {
  html: document.querySelector("main").innerHTML,
  wide: document.documentElement.scrollWidth,
  outside: all("main *").filter((node) => seen(node) && !node.closest(".wide") && node.getBoundingClientRect().right > innerWidth + 1).length,
  small: all("main *, svg text").filter((node) => seen(node) && parseFloat(getComputedStyle(node).fontSize) < 11.5).length,
  overlaps: all("svg text[text-anchor=middle]").map((node) => node.getBoundingClientRect())
    .filter((one, at, boxes) => boxes.slice(0, at).some((other) => one.left < other.right && other.left < one.right && Math.abs(one.top - other.top) < 5)).length,
  cut: all(".events .wide").filter((node) => node.scrollWidth > node.clientWidth).length,
  chart: all("svg[role=img]").map((svg) => svg.getAttribute("aria-labelledby").split(" ").map((id) => document.getElementById(id).textContent)),
  events: all(".events tbody th").map((one) => one.textContent),
  figures: all("figure table tbody tr").length,
  pools: Object.fromEntries(all("details.pool").map((pool) => [pool.querySelector("b").textContent,
    Array.from(pool.querySelectorAll("li span:first-child")).map((one) => one.textContent)])),
};
"""


class Reader:
    """Whoever opens the report in a browser, on a desktop and on a phone, by day and by night."""

    def __init__(self, run, name, views=((1200, False), (1200, True), (390, False), (390, True))):
        self.views = {}
        with Browser(f"file://{FOLDER}", SCREENS) as b:
            b.open(f"/{run.html_path.name}")
            for width, dark in views:
                b.look(width, dark)
                b.wait(lambda driver: driver.execute_script(DRAWN))
                self.views[width, dark] = b.driver.execute_script(LOOK)
                b.screenshot(f"prove-{name}-{width}-{'dark' if dark else 'light'}")
            self.complaints = b.complaints()
        self.view = self.views[views[-1]]
        self.page = Page(self.view["html"])

    def ugly(self):
        """What is wrong with each view, if anything."""
        found = {at: [name for name in ("outside", "small", "overlaps", "cut") if view[name]] + ["wide"] * (view["wide"] > at[0])
                 for at, view in self.views.items()}
        return {at: names for at, names in found.items() if names}


def read_without_scripting(run):
    with Browser(f"file://{FOLDER}", SCREENS, javascript=False) as b:
        b.open(f"/{run.html_path.name}")
        b.look(390)
        b.screenshot("prove-390")
        return b.text("main")


def embedded(run):
    """The report that is in the page."""
    found = re.findall(r'<template id="report">(.*?)</template>', run.html_path.read_text(), re.S)
    return json.loads(html.unescape(found[0])) if len(found) == 1 else found


def page_of_green(run):
    same(embedded(run), run.report, "the page has the report in it")
    static = Page(run.html_path.read_text())
    same((static.links, static.tags.count("script")), ([], 1), "the page needs no other file")
    check("Proven." in static.text and run.out in static.text, "without scripting it has the verdict and what is printed", static.text[:2000])
    if missing():
        return note(f"the page is not opened: {missing()}")
    reader = Reader(run, "green")
    same(reader.complaints, [], "a browser has no complaint")
    shown = read_without_scripting(run)
    check("Proven." in shown and all(name in shown for name in OUTAGES + ROLLING), "with scripting off it shows them", shown)
    repeated = run.report["sums"]["repeated"]
    check(f"repeated{repeated}" in reader.page.text, "the page has what was asked for again", reader.page.text)
    check("svg" in reader.page.tags and "polyline" in reader.page.tags, "the page has the chart", reader.page.tags)
    same(reader.view["events"], list(run.events), "and each event")
    same(reader.ugly(), {}, "nothing is cut, too small to be read or over one another, on a phone either")
    title, description = reader.view["chart"][0]
    check(title and "answers a second" in description and all(name in description for name in OUTAGES + ROLLING) and reader.view["figures"] >= 10,
          "who does not see the chart has it in words, and its figures in a table", title, description, reader.view["figures"])
    pools = {}
    for worker in run.report["workers"]:
        pools.setdefault(worker.partition("/")[0], set()).add(worker)
    same({name: set(workers) for name, workers in reader.view["pools"].items()}, pools, "workers are grouped by their pool")
    return None


def green():
    run = Run([DEV, "prove", "--users", 12, "--duration", 30, "--seed", 5970])
    note("\n".join(run.out.splitlines()))
    same(run.status, 0, "./dev prove: exits with 0", run)
    check(run.report.get("proven") is True, "./dev prove: proven", run)
    same(run.broken(), {}, "./dev prove: no promise is broken", run)
    same([name for name in ROLLING if run.events[name]["failed"]], [], "./dev prove: nobody notices what is rolling", run)
    same([run.events[name]["kind"] for name in OUTAGES + ROLLING], ["outage"] * 3 + ["rolling"] * 5,
         "./dev prove: kills, restarts, reloads and outages were tried")
    same([name for name in OUTAGES + ROLLING if run.events[name]["hook_failure"] or not run.events[name]["healed_ms"]], [],
         "./dev prove: each command was done, and the site healed after each", run.events)
    check(run.events["database away"]["failed"] > 0 and run.events["database away"]["longest_ms"] > 2000,
          "./dev prove: the database's outage was noticed, and is measured", run.events["database away"])
    sums = run.report["sums"]
    check(sums["acknowledged"] > 500 and sums["checked"] > 300 and run.report["uploads"],
          "./dev prove: hundreds of effects were acknowledged and checked, files among them", sums)
    check(min(sums["rivals"], sums["repetitions"], sums["dead_asked"]) > 200,
          "./dev prove: hundreds of writers had rivals, hundreds of requests were repeated, dead tokens were asked for", sums)
    check(len(run.report["workers"]) > 10 and sums["moved"] * 3 > sums["followed"] > 1000,
          "./dev prove: a session's requests are answered by many workers", sums, run.report["workers"])
    ticks = run.report["timeline"]
    answers, failed = sum(tick[0] for tick in ticks), sum(tick[1] for tick in ticks)
    # What was never answered, such as a download that was cut, is a failure and no answer.
    check(failed == sums["failed"] and sums["requests"] - failed <= answers <= sums["requests"],
          "./dev prove: the time line has each answer and each failure", answers, failed, sums)
    check(dev("status"), "./dev prove: every service and worker is there afterwards")
    same(accounts(), 0, "./dev prove: its accounts are closed afterwards")
    repeated = sum(event["repeated"] for event in run.report["events"])
    line = re.search(r"^all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", run.out, re.M)
    check(repeated > 0 and line and int(line.group(4)) == repeated == sums["repeated"],
          "./dev prove: what was asked for again is in the table and the JSON", run)
    check(all(re.search(rf"^  {name} +[\d.]+ %$", run.out, re.M) for name in list(run.report["workers"])[:20]),
          "./dev prove: and the share of each worker", run)
    page_of_green(run)


def hooks():
    name = "hangs <b>&\"'</script>\u2028</template><b>"
    long = "é" * 31  # is cut within the table
    run = prove("--hook", f"outage:1:{name}=sleep 7531", "--hook", "breaks=echo there is no pool >&2; exit 3",
                "--hook", "1:99%=true", "--hook", "rolling:1:talks=yes", "--hook", f"{long}=exit 1")
    event = run.events[name]
    check(run.status == 1 and "was killed" in event["hook_failure"], "a command that hangs is killed, reported and no proof", run)
    check("was killed" in run.events["talks"]["hook_failure"] and run.events["talks"]["longest_ms"] < 2000,
          "one that talks without end keeps nobody waiting", run)
    same(subprocess.run(["pgrep", "-f", "^sleep 7531"], stdout=subprocess.DEVNULL, check=False).returncode, 1,
         "and nothing of it is left")
    check("exits with 3: there is no pool" in run.events["breaks"]["hook_failure"], "one that fails is reported in its words", run)
    same((run.broken(), run.events["99%"]["hook_failure"]), ({}, ""), "the others are run nevertheless", run)
    check(f"\n{long[:28]} rolling " in run.out, "a long name is cut between characters", run)
    text = run.html_path.read_text()
    page = Page(text)
    check("b" not in page.tags and page.tags.count("script") == text.count("</script>") == text.count("</template>") == 1 and name[:20] in page.text,
          "names are text in the page, whatever is in them", text[:2000])
    same(embedded(run), run.report, "also in the report that is in it")
    if not missing():
        reader = Reader(run, "hooks", [(390, False)])
        check(name in reader.page.text and long in reader.page.text and "was killed" in reader.page.text and reader.complaints == [],
              "and in what a browser makes of it", reader.page.text, reader.complaints)
        same(reader.ugly(), {}, "and long ones are not cut there")


def sabotage():
    """What must never happen is made to happen behind the site's back."""
    run = prove("--hook", f"outage:sabotage={DEV} psql -qc \"UPDATE mayfly.profile_data SET version = version + 1\" "
                "-c \"UPDATE mayfly.session_data SET data = '{}'\"", duration=3)
    check(run.status == 1 and {"lost update", "done twice"} <= set(run.broken()),
          "mayfly with overwritten and doubled writes in its database is not proven", run)
    check(any("session data" in text for text in run.texts("lost update")) and any("profile data" in text for text in run.texts("done twice")),
          "and what they were is said", run)
    run = prove("--until-failure", "--hook", f"outage:sabotage={DEV} psql -qc 'DELETE FROM mayfly.session'", duration=30)
    check(run.status == 1 and "lost session" in run.broken(), "sessions that vanish are lost", run)
    check(run.report["sums"]["seconds"] < 25, "--until-failure: it ends then", run)
    check(re.search(r"(a session with \d+ writes|\d+ sessions are listed, acknowledged: \d+): [A-Z]+ /\S+ \(request [0-9a-f]{32} by [a-z-]+/\d+, at [\d.]+ s\)", run.texts("lost session")[0])
          and run.report["findings"][0]["account"].startswith("prove-") and run.report["findings"][0]["at_ms"] > 0,
          "a finding names the account, the request, its worker and the time", run.report["findings"][0])
    page = run.html_path.read_text()
    promise = run.report["broken"]["lost session"]["promise"]
    check(f"lost session: " in run.out and promise in run.out and promise in Page(page).text and "lost session" in run.err,
          "the promise that was broken is named in the text, the verdict, the JSON and the page", run)
    if not missing():
        reader = Reader(run, "red", [(390, True)])
        found = run.report["findings"][0]
        check("Not proven" in reader.page.text and promise in reader.page.text and f"{found['account']}: {found['text']}" in reader.page.text
              and not reader.ugly() and not reader.complaints, "a browser shows it, and each finding", reader.page.text, reader.ugly(), reader.complaints)
    psql("DELETE FROM mayfly.account WHERE username LIKE 'prove-%'")


def interrupted():
    def during(process):
        time.sleep(2.5)
        process.send_signal(signal.SIGINT)

    run = prove(duration=100, during=during)
    check(run.status == 1 and run.report["interrupted"] and not run.report["proven"], "^C: reported, and no proof", run)
    check(run.events["before"]["requests"] > 10 and "interrupted" in run.out, "^C: what is known so far is said", run)
    same(accounts(), 0, "^C: the accounts are closed")


FAST_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    long long nanoseconds;
    int status;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    status = real(clock, time);
    if (status != 0 || clock != CLOCK_MONOTONIC)
        return status;
    nanoseconds = (time->tv_sec * 1000000000LL + time->tv_nsec) * 100;
    time->tv_sec = nanoseconds / 1000000000;
    time->tv_nsec = nanoseconds % 1000000000;
    return 0;
}
"""


def full():
    """Minutes are less than a second for it, while the site lets it make half of its accounts."""
    library = FOLDER / "fast.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=FAST_CLOCK, text=True, check=True)
    with toy("--sticky", "--sin", "full") as (url, _):
        # A sanitizer wants to be loaded first, unless it is told that the clock is no offence.
        run = Run(["env", f"LD_PRELOAD={library}", f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0",
                   PROGRAM, "--url", url, "--users", 6, "--clients", 2])
        check(run.status == 2 and "login_failures_per_address" in run.err and "could not be closed" not in run.err,
              "a site that lets no more accounts be made: it ends, and says what may be the reason", run)
        answer = subprocess.run(["curl", "-s", f"{url}/accounts"], capture_output=True, text=True, check=True).stdout
        same(answer, "[]", "and the accounts that were made are closed", run)


def ends_by(process, number):
    """How long it takes to end by the signal."""
    since = time.monotonic()
    process.send_signal(number)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return time.monotonic() - since


def silent():
    """A site that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([PROGRAM, "--url", f"http://127.0.0.1:{server.getsockname()[1]}"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with server.accept()[0] as connection:
                connection.recv(1)
                check(ends_by(process, number) < 10 and process.returncode != 0,
                      f"{number.name} ends it also before the first answer", process.returncode)


def refused():
    for what, words in {
            "no address": [], "an address that is none": ["--url", "example"], "nobody there": ["--url", "http://127.0.0.1:9"],
            "not mayfly": ["--url", URL + "/static"], "an option that is none": ["--url", URL, "--bogus"],
            "a number that is none": ["--url", URL, "--users", "many"], "no users": ["--url", URL, "--users", "0"],
            "a hook without a command": ["--url", URL, "--hook", "name"], "a hook without a name": ["--url", URL, "--hook", "=true"],
            "a hook without time": ["--url", URL, "--hook", "0:name=true"], "a word too many": ["--url", URL, "word"],
            "a file that can't be": ["--url", URL, "--json", str(FOLDER / "no" / "where")]}.items():
        ran = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False)
        check(ran.returncode == 2 and ran.stderr.startswith("mayfly-prove: ") and not ran.stdout, f"{what}: exit 2 and a reason", ran)
    ran = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=60, check=False)
    options = re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', (CHECKOUT / "src/prove/options.c").read_text())
    same((ran.returncode, len(options) > 8, [one for one in options if not re.search(rf"\n  (-[hV], )?--{one} ", ran.stdout)]), (0, True, []),
         "--help has each option", ran)
    ran = subprocess.run([PROGRAM, "-V"], capture_output=True, text=True, timeout=60, check=False)
    check(ran.returncode == 0 and re.fullmatch(r"mayfly-prove \d+\.\d+\.\d+\n", ran.stdout), "--version prints it", ran)


def by_its_old_name():
    """Scripts say `mayflyctl prove`."""
    old = [INST / "bin/mayflyctl", "-c", "/nowhere/mayfly.conf", "prove"]
    run = Run([*old, "--url", URL, "--users", 2, "--clients", 1, "--duration", 1])
    same((run.status, run.report.get("proven")), (0, True), "mayflyctl prove proves as before", run)
    ran, now = (subprocess.run([*program, "--help"], capture_output=True, text=True, timeout=60, check=False) for program in (old, [PROGRAM]))
    same((ran.returncode, ran.stdout), (now.returncode, now.stdout), "mayflyctl prove --help is mayfly-prove's own")
    ran = subprocess.run([*old, "--users", "many"], capture_output=True, text=True, timeout=60, check=False)
    same(ran.returncode, 2, "and so are its exit statuses", ran)
    ran = subprocess.run([old[0], "--help"], capture_output=True, text=True, timeout=60, check=False)
    check(re.search(r"^  prove .* deprecated: .*mayfly-prove", ran.stdout, re.M), "mayflyctl's help names the program to use instead", ran)
    alone = FOLDER / "mayflyctl"
    shutil.copy2(old[0], alone)
    ran = subprocess.run([alone, "prove", "--help"], capture_output=True, text=True, timeout=60, check=False)
    check(ran.returncode == 2 and f"{FOLDER}/mayfly-prove can't be run: No such file" in ran.stderr, "without it beside, that is said", ran)


def toys():
    with toy() as (url, _):
        run = prove(url=url)
        check(run.status == 1 and run.broken().get("lost session", 0) > 5, "red on a site whose sessions are in a process's memory", run)
    with toy("--sticky") as (url, _):
        run = prove(url=url, duration=4)
        same((run.status, set(run.broken())), (1, {"sticky routing"}), "sticky routing does not hide it: that is found itself", run)
    with toy("--sticky", "--anonymous") as (url, pid):
        run = prove(url=url, duration=3)
        same((run.status, run.broken()), (0, {}), "nothing is found while nothing happens and nobody says who answers", run)
        run = prove("--hook", f"outage:a process ends=kill -HUP {pid}", url=url, duration=4)
        check(run.status == 1 and set(run.broken()) & {"lost session", "lost write"}, "until a process ends", run)
        check("lost session: " in run.out and "not proven" in run.err, "also for people", run)
    for sin, kind in (("doubled", "done twice"), ("revived", "ended session accepted")):
        with toy("--sticky", "--anonymous", "--sin", sin) as (url, _):
            run = prove(url=url, duration=5)
            check(run.status == 1 and kind in run.broken() and "lost write" not in run.broken(), f"red on what is {sin}: {kind}", run)
    with toy("--sticky", "--anonymous", "--sin", "patience") as (url, _):
        run = prove(url=url)
        check(run.status == 1 and run.broken() == {} and run.report["sums"]["failed"] > 0,
              "red on requests that fail, though a repetition hides it", run)


def main():
    SCREENS.mkdir(parents=True, exist_ok=True)
    green()
    hooks()
    sabotage()
    interrupted()
    silent()
    refused()
    by_its_old_name()
    full()
    toys()
    done()


main()
