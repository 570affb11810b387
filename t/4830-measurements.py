#!/usr/bin/python3
"""Each request is measured once, at a real StatsD collector; a collector that is missing, full or not configured costs nothing."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, Client, check, done, login, new_user, note, same, settings

SOCKET = SCRATCH / "run/statsd.sock"
PACKET_BYTES = 1432
COLLECTD = shutil.which("collectd", path=os.environ.get("PATH", "") + ":/usr/sbin")
LINE = re.compile(r"^(mayfly\.requests\.(\w+)\.(\w+)\.(\w+)\.[1-5]xx:1\|c|mayfly\.time\.(\w+)\.(\w+)\.(\w+)\.[1-5]xx:\d+\.\d{3}\|ms|mayfly\.cache\.(\w+)\.(hit|miss):1\|c)$")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def collectd(port):
    folder = SCRATCH / "tmp/collectd"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "csv/here/statsd").mkdir(parents=True)  # its threads get into each other's way otherwise
    (folder / "collectd.conf").write_text(f"""
Hostname "here"
BaseDir "{folder}"
PIDFile "{folder}/pid"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin logfile
<Plugin logfile>
  File "{folder}/log"
</Plugin>
LoadPlugin statsd
<Plugin statsd>
  Host "127.0.0.1"
  Port "{port}"
  TimerCount true
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates false
</Plugin>
""")
    process = subprocess.Popen([COLLECTD, "-f", "-C", folder / "collectd.conf"], stdin=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if f"127.0.0.1:{port}" in subprocess.run(["ss", "-lun"], capture_output=True, text=True).stdout:
                break
            time.sleep(0.05)
        yield folder
    finally:
        process.terminate()
        process.wait()


def counted(folder):
    """What collectd has written: events by name, how many times were measured by name."""
    found = Counter()
    for file in folder.glob("csv/here/statsd/*"):
        kind, _, name = re.sub(r"-\d{4}-\d\d-\d\d$", "", file.name).partition("-")
        rows = [line.split(",")[1] for line in file.read_text().splitlines()[1:]]
        rows = [float(row) for row in rows if row != "nan"]
        if kind == "derive":  # the sum so far
            found[name] = int(rows[-1]) if rows else 0
        elif kind == "gauge" and name.endswith("-count"):  # of each second
            found[name.removesuffix("-count")] = int(sum(rows))
    return found


class Collector(threading.Thread):
    """A socket at the path that the setting names. Linux keeps ten datagrams for one that does not read."""

    def __init__(self, reads=True):
        super().__init__()
        self.reads = reads
        self.found = []

    def __enter__(self):
        SOCKET.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(SOCKET))
        if self.reads:
            self.start()
        return self

    def __exit__(self, *_):
        if self.reads:
            self.socket.shutdown(socket.SHUT_RDWR)
            self.join()
        self.socket.close()
        SOCKET.unlink(missing_ok=True)

    def run(self):
        while packet := self.socket.recv(65536):
            self.found.append(packet.decode())

    def packets(self):
        time.sleep(0.3)  # what is under way
        return list(self.found)


def without_pool(name):
    return re.sub(r"^(mayfly\.\w+)\.\w+", r"\1", name)


user = new_user()
token = login(user)

if COLLECTD is None:
    note("collectd is not installed")
else:
    port = free_port()
    with settings(statsd=f"127.0.0.1:{port}"), collectd(port) as folder:
        client = Client(token)

        def requests(profiles, unknown, logins, patches):
            for _ in range(profiles):
                client.get("/profile")
            for _ in range(unknown):
                client.get("/profile/nothing")
            for _ in range(logins):
                login(user)
            for _ in range(patches):
                client.patch("/session/data", json={"a": 1}, headers={"Content-Type": "application/merge-patch+json"})
            time.sleep(2.5)  # two of its intervals

        requests(12, 12, 12, 12)  # it writes nothing of a name's first interval
        before = counted(folder)
        requests(40, 3, 5, 1)
        seen = Counter()
        for name, times in counted(folder).items():
            seen[without_pool(name)] += times - before[name]
        note(dict(seen))
        same({name: times for name, times in seen.items() if "requests" in name},
             {"mayfly.requests.GET.profile.2xx": 40, "mayfly.requests.GET.none.4xx": 3, "mayfly.requests.POST.login.2xx": 5,
              "mayfly.requests.PATCH.session_data.2xx": 1}, "collectd has counted each request, by method, route and status class")
        same(seen["mayfly.time.POST.login.2xx"], 5, "how long log-ins took")
        same(seen["mayfly.cache.hit"] + seen["mayfly.cache.miss"], 41, "and each look-up of a session")
        check(seen["mayfly.cache.hit"] >= 30, "most of which the cache has answered", seen)
        same([line for line in (folder / "log").read_text().splitlines() if "statsd" in line and "fail" in line.lower()], [],
             "it understood every line")

with settings(statsd=f"unix:{SOCKET}"):
    with Collector() as collector:
        client = Client(token)
        for _ in range(100):
            client.get("/profile")
        packets = collector.packets()
        lines = "".join(packets).splitlines()
        same([line for line in lines if not LINE.match(line)], [], "on a unix socket come the same lines")
        same((sum("requests" in line for line in lines), sum("time" in line for line in lines)), (100, 100), "a count and a time for each request")
        check({LINE.match(line).group(2) for line in lines if "requests" in line} == {"a", "b"}, "with the pool that answered", lines[:3])
        check(all(len(packet) <= PACKET_BYTES and packet.endswith("\n") for packet in packets), "in whole lines, no datagram too long")
        times = [float(re.search(r":([\d.]+)\|ms", line).group(1)) for line in lines if "time" in line]
        check(all(0 < one < 5000 for one in times), "in milliseconds", times)
    with Collector(reads=False):
        statuses = Counter(client.get("/profile").status for _ in range(1500))
        same(statuses, {200: 1500}, "a collector that reads nothing fails no request and holds none up")
    statuses = Counter(client.get("/profile").status for _ in range(50))
    same(statuses, {200: 50}, "nor does one that is gone")
    with Collector() as collector:
        client.get("/profile")
        check(any("GET.profile.2xx" in packet for packet in collector.packets()), "and who comes in its place gets what comes then")
with Collector() as collector:
    Client(token).get("/profile")
    same(collector.packets(), [], "without the setting nothing is sent")

# --- the trace of a request

REQUESTS = {
    "a trace": ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
    "a later version": ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", True),
    "a later version without more": ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
    "no trace": (None, False), "an empty one": ("", False), "a word": ("hello", False),
    "version ff": ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
    "version 00 with more": ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", False),
    "a later version with more and no dash": ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", False),
    "a trace of zeroes": ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
    "a sender of zeroes": ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
    "capitals": ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
    "a quote": ('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"', False),
}
ids = {}
for name, (field, _) in REQUESTS.items():
    answer = Client(token).get("/profile", headers={"traceparent": field} if field is not None else {})
    ids[answer.headers["x-request-id"]] = name
time.sleep(1.5)  # nginx writes its log each second


def lines_of(*files):
    return {line["request_id"]: line for file in files for text in file.read_text(errors="replace").splitlines()
            if '"request_id"' in text and any(one in text for one in ids) for line in [json.loads(text)]}


log = SCRATCH / "log"
workers, nginx = lines_of(*log.glob("pool-*.log")), lines_of(log / "access.log")
check(set(workers) == set(nginx) == set(ids), "each request is in nginx's log and in a worker's")
for request_id, name in ids.items():
    field, good = REQUESTS[name]
    wanted = field[3:35] if good else request_id
    line = workers[request_id]
    same((nginx[request_id]["trace_id"], line["trace_id"], line.get("parent_id")), (wanted, wanted, field[36:52] if good else None),
         f"{name}: both logs name " + ("the client's trace" if good else "a new trace by the request id"))
same(len({line["span_id"] for line in workers.values()}), len(ids), "each request is a span of its own")
done()
