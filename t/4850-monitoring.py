#!/usr/bin/python3
"""The dashboard, the alerts and the names for Prometheus fit what workers really say; a real Prometheus reads it."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, URL, Client, check, dev, done, new_user, login, note, psql, same, settings

DASHBOARD = CHECKOUT / "etc/grafana/mayfly.json"
RULES = CHECKOUT / "etc/prometheus/mayfly.rules.yml"
MAPPING = CHECKOUT / "etc/prometheus/mayfly.statsd.yml"
SOCKET = SCRATCH / "run/statsd.sock"
FUNCTIONS = set("sum max min count by rate delta topk on histogram_quantile le".split())


def metrics_of(expression):
    """Names of metrics in an expression of Prometheus, without labels, windows and words of its own."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on)\s*\([^)]*\)|\"[^\"]*\"", "", expression)
    return {name for name in re.findall(r"[a-z_][a-z0-9_:]*", bare) if name not in FUNCTIONS}


def measured():
    """Names of lines that workers send for a few requests."""
    found = []
    SOCKET.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector, settings(statsd=f"unix:{SOCKET}"):
        collector.bind(str(SOCKET))

        def receive():
            while packet := collector.recv(65536):
                found.extend(line.partition(":")[0] for line in packet.decode().splitlines())
        reader = threading.Thread(target=receive)
        reader.start()
        client = Client(login(new_user()))
        for path in ("/profile", "/", "/files", "/files/nothing", "/nowhere", "/health/live", "/session/data"):
            client.get(path)
        time.sleep(0.3)
        collector.shutdown(socket.SHUT_RDWR)
        reader.join()
    SOCKET.unlink(missing_ok=True)
    return found


with settings(metrics_allow="127.0.0.1"):
    exposed = set(re.findall(r"^# TYPE (\S+)", Client().get("/metrics").text, re.M)) | {"up"}

# --- the names that the exporter makes of StatsD lines: it matches one part of a name with each star

mapping = MAPPING.read_text()
rules = [(re.compile(re.escape(match).replace(r"\*", r"([^.]*)")), name, labels) for match, name, labels in
         re.findall(r'- match: "([^"]+)"\n +name: (\w+)\n(?:.*\n)*? +labels: \{([^}]*)\}', mapping)]
same(len(rules), mapping.count("- match:"), "the mapping is read")
lines = measured()
kinds = {name.split(".")[1] for name in lines}
same(kinds, {"requests", "time", "cache"}, "workers send three kinds of lines")
same([line for line in lines if sum(bool(rule.fullmatch(line)) for rule, _, _ in rules) != 1], [], "each fits one of the mapping's rules")
same([name for rule, name, labels in rules if labels.count("$") != rule.groups], [], "and each part of a name is a label")
mapped = {name for _, name, _ in rules} | {f"{name}_{part}" for _, name, _ in rules if name.endswith("_seconds") for part in ("bucket", "sum", "count")}

# --- the dashboard

dashboard = json.loads(DASHBOARD.read_text())
panels = dashboard["panels"]
targets = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
same(len({panel["id"] for panel in panels}), len(panels), "each panel of the dashboard has an id of its own")
cells = [(x, y) for panel in panels for place in [panel["gridPos"]] for x in range(place["x"], place["x"] + place["w"])
         for y in range(place["y"], place["y"] + place["h"])]
check(len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24, "no panel covers another")
used = {name for _, expression in targets for name in metrics_of(expression)}
same(used - exposed - mapped, set(), "it shows nothing that nobody says")
same(exposed - used - {"up"}, set(), "and all that /metrics says")

# --- the alerts

text = RULES.read_text()
expressions = re.findall(r"^ +expr: (.*)$", text, re.M)
same({name for one in expressions for name in metrics_of(one)} - exposed - mapped, set(), "alerts look at nothing that nobody says")
if not shutil.which("promtool") or not shutil.which("prometheus"):
    note("prometheus is not installed")
    done()
for words in (["check", "rules", RULES], ["test", "rules", CHECKOUT / "t/data/mayfly.rules-test.yml"]):
    ran = subprocess.run(["promtool", *words], capture_output=True, text=True)
    check(ran.returncode == 0 and "SUCCESS" in ran.stdout, f"promtool {words[0]} {words[1]}: good", ran.stdout, ran.stderr)
tried = (CHECKOUT / "t/data/mayfly.rules-test.yml").read_text()
well, ill = (set(re.findall(pattern, tried)) for pattern in (r"alertname: (\w+)", r"ALERTS\{alertname=\"(\w+)"))
same(set(re.findall(r"alert: (\w+)", text)) - (well & ill), set(), "each alert has been seen to be raised and not to be")

# --- a real Prometheus


def ask(port, path, **values):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(values)}", timeout=5) as answer:
        return json.loads(answer.read())["data"]


@contextmanager
def prometheus():
    folder = SCRATCH / "tmp/prometheus"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text(f"""global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{RULES}"]
scrape_configs:
  - job_name: mayfly
    static_configs: [{{targets: ["{urllib.parse.urlsplit(URL).netloc}"]}}]
""")
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                    f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def value(port, query):
    found = ask(port, "/api/v1/query", query=query)["result"]
    return found[0]["value"][1] if found else None


def becomes(port, query, wanted):
    """What it has become after some seconds at most."""
    until = time.monotonic() + 15
    seen = None
    while seen != wanted and time.monotonic() < until:
        time.sleep(0.3)
        try:
            seen = value(port, query)
        except OSError:  # it is not up yet
            pass
    return seen


with settings(metrics_allow="127.0.0.1"), prometheus() as port:
    same(becomes(port, 'up{job="mayfly"}', "1"), "1", "Prometheus reads /metrics")
    accounts = psql("SELECT count(*) FROM mayfly.account WHERE closing_at IS NULL")
    same(becomes(port, "mayfly_users", accounts), accounts, "and knows how many accounts there are")
    stored = {name for name in ask(port, "/api/v1/label/__name__/values") if name.startswith("mayfly_")}
    same(exposed - {"up"} - stored, set(), "it keeps every metric")
    time.sleep(1.2)
    health = {rule["name"]: rule["health"] for group in ask(port, "/api/v1/rules")["groups"] for rule in group["rules"]}
    check(health and set(health.values()) == {"ok"}, "each alert is evaluated", health)
    wrong = [f"{title}: {expression}" for title, expression in targets
             if "result" not in ask(port, "/api/v1/query", query=expression.replace("$__rate_interval", "1m"))]
    same(wrong, [], "each query of the dashboard is one")
    dev("service", "stop", "postgres")
    try:
        same(becomes(port, 'count(ALERTS{alertname="MayflyDatabaseDown",alertstate="pending"})', "1"), "1",
             "PostgreSQL that is down begins to be an alert")
    finally:
        dev("service", "start", "postgres")
    same(becomes(port, 'max(mayfly_database_up)', "1"), "1", "which ends with it")
done()
