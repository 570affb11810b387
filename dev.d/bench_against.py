#!/usr/bin/python3
"""Two checkouts on one machine, each with a stack of its own: how fast this one is, and how much CPU it takes, as ratios to the other.

What is compared runs next to each other, there and back, so that what else the machine does meets both.
"""
import hashlib, http.client, json, os, re, socket, statistics, subprocess, sys, tempfile, time, urllib.parse

OTHER = os.path.realpath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 9
ONLY = sys.argv[3] if len(sys.argv) > 3 else ""
FORM = "application/x-www-form-urlencoded"
MB = 1_000_000
BUFFER = bytearray(1 << 20)
# multiwatch has the time of workers that have ended.
KINDS = {"nginx", "multiwatch", "mayfly-worker", "mayfly-sniff", "memcached", "postgres"}


class Stack:
    def __init__(self, scratch):
        self.scratch, self.port = scratch, int(open(f"{scratch}/port").read())
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.token = None
        name = f"bench{time.time_ns():x}"
        # The visitor's log-ins end all but his newest hundred sessions.
        self.visitor, member = (urllib.parse.urlencode({"username": name + who, "password": "a quiet green lamp"}) for who in ("v", "m"))
        for form in (self.visitor, member):
            self.ask("POST", "/register", form, FORM)
        self.token = self.json("POST", "/login", member, FORM)["token"]
        self.ask("PUT", "/profile/data", json.dumps({f"member{n}": "x" * 80 for n in range(400)}), "application/json")
        self.files = {size: self.json("POST", "/upload", os.urandom(size))["url"] for size in (4096, MB, 100 * MB)}

    def ask(self, method, path, body=None, kind="application/octet-stream", keep=False):
        headers = {"Content-Type": kind} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        if answer.status not in (200, 201, 204):
            sys.exit(f"bench: {method} {path}: {answer.status} {answer.read()[:300]}")
        if keep:
            return answer.read()
        while answer.readinto(BUFFER):
            pass
        return None

    def json(self, *args):
        return json.loads(self.ask(*args, keep=True))

    def cpu(self):
        """Seconds of its processes so far. Children of nginx and PostgreSQL have titles without a path, their parents name it."""
        total = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = open(f"/proc/{pid}/stat").read()
                name, fields = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
                if name in KINDS and any(self.scratch in open(f"/proc/{one}/cmdline").read() for one in (pid, fields[1])):
                    total += int(open(f"/proc/{pid}/schedstat").read().split()[0]) / 1e9 + sum(map(int, fields[13:15])) / 100
            except OSError:
                continue
        return total


def wrk(stack, clients, path, script=None):
    """(requests, seconds)"""
    args = ["-s", script] if script else []
    out = subprocess.run(["wrk", "-t1", f"-c{clients}", "-d1", "-H", f"Authorization: Bearer {stack.token}", *args,
                          f"http://127.0.0.1:{stack.port}{path}"], check=True, capture_output=True, text=True).stdout
    if bad := re.search(r"Non-2xx or 3xx responses: \d+", out):
        sys.exit(f"bench: {path}: {bad[0]}")
    return int(re.search(r"(\d+) requests in", out)[1]), 1


def timed(count, work, before=lambda: None):
    took = 0
    for _ in range(count):
        before()
        began = time.monotonic()
        work()
        took += time.monotonic() - began
    return count, took


def flush(stack):
    with socket.socket(socket.AF_UNIX) as memcached:
        memcached.connect(f"{stack.scratch}/run/memcached.sock")
        memcached.sendall(b"flush_all\r\n")
        memcached.recv(64)


def upload(stack, content, count):
    made = []
    result = timed(count, lambda: made.append(stack.json("POST", "/upload", content)["url"]))
    for url in made:
        stack.ask("DELETE", url)
    return result


def login(stack):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.body = "{stack.visitor}"\nwrk.headers["Content-Type"] = "{FORM}"\n'
                     'wrk.headers["Authorization"] = nil\n')
        script.flush()
        return wrk(stack, 8, "/login", script.name)


def cases():
    yield "hello, 32 clients", lambda stack: wrk(stack, 32, "/health/live")
    yield "session hit, 32 clients", lambda stack: wrk(stack, 32, "/profile")
    yield "session hit, 128 clients", lambda stack: wrk(stack, 128, "/profile")
    yield "session miss", lambda stack: timed(200, lambda: stack.ask("GET", "/profile"), lambda: flush(stack))
    yield "log-in, 8 clients", login
    number = iter(range(1 << 30))
    yield "one member of 40 kB", lambda stack: timed(100, lambda: stack.ask(
        "PATCH", "/profile/data", json.dumps({"member7": next(number)}), "application/merge-patch+json"))
    for name, size, count in (("4 kB", 4096, 40), ("1 MB", MB, 20), ("100 MB", 100 * MB, 1)):
        content = os.urandom(size)
        yield f"{name} up", lambda stack, content=content, count=count: upload(stack, content, count)
        yield f"{name} down", lambda stack, size=size, count=count: timed(count, lambda: stack.ask("GET", stack.files[size]))


def measure(stack, case):
    """(units a second, CPU of one)"""
    stack.connection.close()  # nginx has closed it, if it was left for long
    before = stack.cpu()
    units, seconds = case(stack)
    return units / seconds, (stack.cpu() - before) / units


def main():
    ours = Stack(os.environ["MAYFLY_SCRATCH"])
    theirs = Stack(f"/tmp/mayfly-bench-{hashlib.sha256((OTHER + chr(10)).encode()).hexdigest()[:8]}")
    print(f"{'ours / theirs':26} {'rate: quartiles':>24}   {'CPU: quartiles':>24}")
    for name, case in cases():
        if not re.search(ONLY, name):
            continue
        rates, cpus = [], []
        for number in range(ROUNDS):
            print(f"bench: {name}, round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            runs = [measure(stack, case) for stack in (ours, theirs, theirs, ours)]
            rates.append((runs[0][0] + runs[3][0]) / (runs[1][0] + runs[2][0]))
            cpus.append((runs[0][1] + runs[3][1]) / max(runs[1][1] + runs[2][1], 1e-9))
        columns = ["".join(f"{value:8.2f}" for value in statistics.quantiles(values, n=4)) for values in (rates, cpus)]
        print(f"{name:26} {columns[0]}   {columns[1]}", flush=True)


main()
