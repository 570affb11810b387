#!/usr/bin/python3
"""Rates, latencies and CPU of the main requests, interleaved in one run on one nginx, as ratios of each other.

These machines are shared, and their speed changes within seconds, so only the ratios of a round mean something: what is
compared runs next to each other, there and back, and the medians of the rounds are printed.
"""
import base64, hashlib, json, os, re, statistics, subprocess, sys, tempfile, time, urllib.parse, urllib.request

sys.dont_write_bytecode = True
from bench_cpu import cpu_seconds

SCRATCH, URL, DEV = (os.environ[name] for name in ("MAYFLY_SCRATCH", "MAYFLY_URL", "MAYFLY_DEV"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
SECONDS = 1
MISS_TOKENS = 60000  # more than can be asked for in one round, so that each is asked for once
SESSIONS_EACH = 50  # half of what one account may have


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def dev(*args, **kwargs):
    return subprocess.run([DEV, *args], check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def post(path, fields, headers={}):
    data = urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers)) as answer:
        return json.load(answer)


def new_token():
    """A token as src/base/token.c makes it: id, secret, and the hash that the database keeps."""
    ident = int(time.time() * 1000).to_bytes(6, "big") + b"\x70" + os.urandom(1) + b"\x80" + os.urandom(7)
    secret = os.urandom(32)
    text = "mfs_" + base64.urlsafe_b64encode(ident + secret).decode().rstrip("=")
    return text, ident.hex(), hashlib.blake2b(secret, digest_size=32).hexdigest()


def make_sessions(count):
    """Sessions that nobody has asked for yet, so that each first request of one is a miss; some for each of a crowd."""
    tokens = [new_token() for _ in range(count)]
    rows = "".join(f"{number}\t{ident}\t\\\\x{digest}\n" for number, (_, ident, digest) in enumerate(tokens))
    accounts = count // SESSIONS_EACH + 1
    sql = ("SET search_path = mayfly; CREATE TEMP TABLE t (n int, id uuid, hash bytea);\n"
           f"COPY t FROM STDIN;\n{rows}\\.\n"
           f"CREATE TEMP TABLE crowd AS SELECT n, gen_random_uuid() AS id FROM generate_series(0, {accounts - 1}) n;\n"
           "INSERT INTO account (id, username, password_hash) SELECT id, 'crowd' || n, '!' FROM crowd;\n"
           "INSERT INTO session (id, account_id, secret_hash, idle, expires_at, remember, user_agent)"
           " SELECT t.id, crowd.id, hash, '1 hour', now() + interval '1 hour', false, 'bench'"
           f" FROM t JOIN crowd ON crowd.n = t.n % {accounts};\n"
           # Or it would be done in the background, beside what is measured.
           "VACUUM ANALYZE account, session;\nCHECKPOINT;\n")
    dev("psql", "-q", "-v", "ON_ERROR_STOP=1", input=sql)
    return [token for token, _, _ in tokens]


def wrk(connections, seconds, path, *args):
    before = cpu_seconds(SCRATCH)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", *args, URL + path],
                         check=True, capture_output=True, text=True).stdout
    after = cpu_seconds(SCRATCH)
    requests = int(re.search(r"(\d+) requests in", out).group(1))

    def latency(part):
        number, unit = re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "p50": latency(50), "p99": latency(99),
            "cpu": {k: (after[k] - before[k]) * 1e6 / max(requests, 1) for k in after}, "bad": int(bad.group(1)) if bad else 0}


def mean(runs):
    """One run in the place of several of the same case."""
    def of(values):
        return sum(values) / len(runs)
    return {**{k: of([r[k] for r in runs]) for k in ("rate", "p50", "p99")}, "bad": sum(r["bad"] for r in runs),
            "cpu": {k: of([r["cpu"][k] for r in runs]) for k in runs[0]["cpu"]}}


def flush_cache():
    import socket
    with socket.socket(socket.AF_UNIX) as memcached:
        memcached.connect(f"{SCRATCH}/run/memcached.sock")
        memcached.sendall(b"flush_all\r\n")
        memcached.recv(64)


def main():
    password = "a quiet green lamp"
    post("/register", {"username": "bench", "password": password})
    login = post("/login", {"username": "bench", "password": password})
    # An account of its own: a log-in ends all but the account's newest hundred sessions.
    post("/register", {"username": "visitor", "password": password})
    say(f"making {MISS_TOKENS * ROUNDS} sessions for the misses")
    tokens = make_sessions(MISS_TOKENS * ROUNDS)
    token = login["token"]
    folder = tempfile.mkdtemp(prefix="mayfly-bench-")
    login_script, miss_scripts = f"{folder}/login.lua", []
    with open(login_script, "w") as out:
        out.write('wrk.method = "POST"\nwrk.body = "username=visitor&password=a+quiet+green+lamp"\n'
                  'wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n')
    for number in range(ROUNDS):
        part, script = f"{folder}/tokens-{number}", f"{folder}/miss-{number}.lua"
        with open(part, "w") as out:
            out.write("\n".join(tokens[number * MISS_TOKENS:(number + 1) * MISS_TOKENS]))
        with open(script, "w") as out:
            out.write(f'local t = {{}}\nfor line in io.lines("{part}") do t[#t + 1] = line end\nlocal i = 0\n'
                      'request = function() i = i % #t + 1\n'
                      '  return wrk.format("GET", "/profile", {Authorization = t[i]}) end\n')
        miss_scripts.append(script)

    bearer = ("-H", f"Authorization: {token}")
    cases = {
        "login (argon2id), 8": lambda n: wrk(8, SECONDS, "/login", "-s", login_script),
        "nginx return 200, 32 clients": lambda n: wrk(32, SECONDS, "/return-200"),
        "hello from a worker, 128": lambda n: wrk(128, SECONDS, "/health/live"),
        "GET /profile hit, 128": lambda n: wrk(128, SECONDS, "/profile", *bearer),
        "hello from a worker, 32": lambda n: wrk(32, SECONDS, "/health/live"),
        "GET /profile hit, 32": lambda n: wrk(32, SECONDS, "/profile", *bearer),
        "GET /profile miss, 32": lambda n: wrk(32, SECONDS, "/profile", "-s", miss_scripts[n]),
    }
    names = list(cases)
    there_and_back = names + names[-2:1:-1]
    results = {name: [] for name in cases}
    for number in range(ROUNDS):
        runs = {name: [] for name in cases}
        for name in there_and_back:
            say(f"round {number + 1} of {ROUNDS}: {name}")
            if "miss" in name:
                flush_cache()
            runs[name].append(cases[name](number))
        for name in cases:
            results[name].append(mean(runs[name]))

    print(f"{'case':32} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8}   CPU us: nginx worker memcached postgres")
    middle = {}
    for name, rounds in results.items():
        value = {k: statistics.median(r[k] for r in rounds) for k in ("rate", "p50", "p99")}
        value["cpu"] = {k: statistics.median(r["cpu"][k] for r in rounds) for k in rounds[0]["cpu"]}
        middle[name] = value
        cpu = " ".join(f"{value['cpu'][k]:9.1f}" for k in ("nginx", "worker", "memcached", "postgres"))
        bad = sum(r["bad"] for r in rounds)
        print(f"{name:32} {value['rate']:9.0f} {value['p50']:8.2f} {value['p99']:8.2f}   {cpu}{f'  {bad} not 2xx' if bad else ''}")

    def ratio(a, b):
        return statistics.median(x["rate"] / y["rate"] for x, y in zip(results[a], results[b]))

    def cpu_ratio(a, b):
        return statistics.median(sum(x["cpu"].values()) / sum(y["cpu"].values()) for x, y in zip(results[a], results[b]))

    print()
    print(f"hit / hello, 32 clients     {ratio('GET /profile hit, 32', 'hello from a worker, 32'):.2f}   wanted: 0.70 or more")
    print(f"hit / hello, 128 clients    {ratio('GET /profile hit, 128', 'hello from a worker, 128'):.2f}   wanted: 0.85 or more")
    print(f"CPU of a miss / of a hit    {cpu_ratio('GET /profile miss, 32', 'GET /profile hit, 32'):.2f}   wanted: 2.20 or less")
    print(f"private memory of a worker  {private_memory()} kB   wanted: under 4096 kB")
    print(f"exec to first answer        {start_ms():.1f} ms   wanted: under 10 ms")


def private_memory():
    """Of the largest ordinary worker, after all of the above; one of passwords has its argon2id memory while it computes."""
    most = 0
    for pid in subprocess.run(["pgrep", "-f", f"mayfly-worker -c {SCRATCH}/"], capture_output=True, text=True).stdout.split():
        try:
            if open(f"/proc/{pid}/comm").read().strip() != "mayfly-worker":
                continue
            if open(f"/proc/{pid}/cmdline").read().split("\0")[4] not in ("a", "b"):
                continue
            rollup = open(f"/proc/{pid}/smaps_rollup").read()
        except OSError:
            continue
        most = max(most, sum(int(kb) for kb in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", rollup)))
    return most


def start_ms():
    """Median of 20 workers: from exec to the first answer, asked for by a raw FastCGI request."""
    import socket
    import struct

    def record(kind, content):
        return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content

    def pair(name, value):
        return bytes([len(name), len(value)]) + name + value

    request = (record(1, b"\0\1\0\0\0\0\0\0") + record(4, pair(b"REQUEST_METHOD", b"GET") + pair(b"DOCUMENT_URI", b"/health/live"))
               + record(4, b"") + record(5, b""))
    path, times = f"{SCRATCH}/run/start.sock", []
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as listener:
            if os.path.exists(path):
                os.unlink(path)
            listener.bind(path)
            listener.listen(8)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(request)
                begin = time.monotonic()
                worker = subprocess.Popen([f"{os.environ['MAYFLY_INST']}/bin/mayfly-worker", "-c", f"{SCRATCH}/etc/mayfly.conf"],
                                          stdin=listener, stderr=subprocess.DEVNULL)
                assert client.recv(4096)
                times.append((time.monotonic() - begin) * 1000)
            worker.terminate()
            worker.wait()
    return statistics.median(times)


main()
