#!/usr/bin/python3
"""/metrics gives the cluster's state to the addresses that may read it, in the format of Prometheus, also during an outage."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import postgres_away
from mayfly import PROBLEM, SCRATCH, Client, check, dev, done, new_user, note, login, psql, same, settings
from statements import statement

TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
WORKER = SCRATCH / "inst/bin/mayfly-worker"


def scrape():
    """The answer, and its samples by name; labels are part of it."""
    answer = Client().get("/metrics")
    return answer, {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", answer.text, re.M)}


def value(name):
    return scrape()[1].get(name)


def after(change, name):
    """How much a gauge grows by a change."""
    before = value(name)
    change()
    return value(name) - before


answer = Client().get("/metrics")
same((answer.status, answer.headers.get("content-type"), answer.error), (403, PROBLEM, "forbidden"),
     "nobody reads /metrics as it is installed")
with settings(metrics_allow="192.0.2.0/24, unix"):
    same(Client().get("/metrics").status, 403, "nor an address that is not in metrics_allow")
    same(Client().get("/metrics", headers={"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1",
                                           "Remote-Addr": "192.0.2.1"}).status, 403, "nor one that only says it is")

for name, text, words in (("metrics_allow", "10.0.0.0/8, everybody", "'everybody' is no address"),
                          ("statsd", "collector.example.org:8125", "no host names"),
                          ("statsd", "unix:statsd.sock", "begins with /"), ("statsd_prefix", "two words", "letters, digits")):
    conf = SCRATCH / "tmp/wrong.conf"
    conf.write_text((SCRATCH / "etc/mayfly.conf").read_text() + f"{name} = {text}\n")
    ran = subprocess.run([WORKER, "-t", "-c", conf], capture_output=True, text=True)
    check(ran.returncode == 1 and name in ran.stderr and words in ran.stderr, f"{name} = {text} is refused at start", ran)

with settings(metrics_allow="127.0.0.1"):
    answer, samples = scrape()
    same((answer.status, answer.headers.get("content-type")), (200, TYPE), "an address that is named reads it, as OpenMetrics")
    check(answer.text.endswith("\n# EOF\n") and answer.text.count("# EOF") == 1, "which ends with # EOF", answer.text[-100:])
    names = {name.partition("{")[0] for name in samples}
    same(set(re.findall(r"^# TYPE (\S+) gauge$", answer.text, re.M)), names, "each metric has a type")
    same(set(re.findall(r"^# HELP (\S+) [A-Z].*\.$", answer.text, re.M)), names, "and a sentence that explains it")
    if shutil.which("promtool"):
        ran = subprocess.run(["promtool", "check", "metrics"], input=answer.text, capture_output=True, text=True)
        same((ran.returncode, ran.stdout + ran.stderr), (0, ""), "promtool has nothing to say about it")
    else:
        note("promtool is not installed")
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        same(sum(len(family.samples) for family in text_string_to_metric_families(answer.text)), len(samples),
             "a strict reader of OpenMetrics takes all of it")
    except ImportError:
        note("python3-prometheus-client is not installed")

    user = new_user()
    same(after(new_user, "mayfly_users"), 1, "a registration is one more account")
    same(after(lambda: login(user), "mayfly_sessions"), 1, "a log-in is one more session")
    client = Client(login(user))
    same(after(lambda: client.post("/logout"), "mayfly_sessions"), -1, "a log-out is one less")
    client = Client(login(user))
    body = b"x" * 70001
    same(after(lambda: client.post("/upload", body=body, headers={"Content-Type": "text/plain"}), "mayfly_files_bytes"),
         len(body), "a file's bytes are counted")
    same(after(lambda: client.post("/uploads", body=body[:500], headers={
        "Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Content-Type": "application/offset+octet-stream"}),
        "mayfly_uploads_pending_bytes"), 500, "and those of an upload that was interrupted")
    check(after(lambda: psql("UPDATE mayfly.file SET sweep_at = now() - interval '2 hours' WHERE state = 'pending' AND"
                             " id = (SELECT max(id::text)::uuid FROM mayfly.file WHERE state = 'pending')"),
                "mayfly_sweep_queue") >= 1, "what waits for the sweeper is in its queue")
    check(7000 < value("mayfly_sweep_oldest_seconds") < 100000, "with how long it has waited", value("mayfly_sweep_oldest_seconds"))
    same(value("mayfly_schema_number"), float(psql("SELECT max(number) FROM mayfly.schema_change")), "the schema's number is shown")
    check(0 < value("mayfly_database_connections") < value("mayfly_database_connections_max"), "and the connections")
    check(13 <= value("mayfly_partitions_ahead") <= 21, "and the partitions", value("mayfly_partitions_ahead"))

    # What is too large to be counted at each reading is estimated: as good as a sample is.
    psql("BEGIN; INSERT INTO mayfly.outcome (key, fingerprint) SELECT sha256(n::text::bytea), sha256('') FROM"
         " generate_series(1, 20000) n; COMMIT")
    exact = int(psql("SELECT (SELECT count(*) FROM mayfly.outcome) + (SELECT count(*) FROM mayfly.outcome_request)"))
    same(value("mayfly_outcomes"), exact, "what is small is counted to the last one")
    rows = psql("SET ROLE mayfly; SET search_path = mayfly; " + statement("truths").replace("$1", "409600")).splitlines()[-1].split("|")
    check(exact * 0.5 < int(rows[9]) < exact * 1.5, "what is large is estimated from a part of it", rows[9], exact)
    psql("DELETE FROM mayfly.outcome WHERE fingerprint = sha256('')")

    node = f'{{node="unix:{SCRATCH}/run/memcached.sock"}}'
    same(value(f"mayfly_cache_up{node}"), 1, "the cache's node is up")
    profile = Client(login(user))
    check(after(lambda: [profile.get("/profile") for _ in range(4)], f"mayfly_cache_hits{node}") >= 2, "and its hits are seen")
    dev("service", "stop", "memcached")
    try:
        answer, samples = scrape()
        same((answer.status, samples.get(f"mayfly_cache_up{node}"), samples["mayfly_database_up"]), (200, 0, 1),
             "a node that is down is said to be down")
        check(f"mayfly_cache_items{node}" not in samples, "and nothing else is said of it", samples)
    finally:
        dev("service", "start", "memcached")
    with postgres_away():
        answer, samples = scrape()
        same((answer.status, samples.get("mayfly_database_up")), (200, 0), "PostgreSQL that is down is an answer, not an error")
        check("mayfly_users" not in samples and answer.text.endswith("# EOF\n"), "without numbers that nobody knows", answer)
done()
