#!/usr/bin/python3
"""What the gate costs: a file of 4 kB behind it and without it, with the cache of answers, behind another stack's gate, and GET /profile, on
one nginx in one run; then with 10 sites and 10,000, and with no group and 64, all that somebody can have.

The speed of a shared machine changes within seconds, so what is compared runs next to each other, there and back, and the medians of the
rounds' ratios are printed, with what is wanted beside them.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
from bench_cpu import cpu_seconds

SCRATCH, URL, DEV, INST = (os.environ[name] for name in ("MAYFLY_SCRATCH", "MAYFLY_URL", "MAYFLY_DEV", "MAYFLY_INST"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
FOLDER = Path(SCRATCH) / "tmp/bench-gate"
PASSWORD = "a quiet green lamp"
CLIENTS = (32, 128)
SECONDS = 1
MANY_SITES = 10000
MANY_GROUPS = 64  # mayflyctl gives no more
WANTED = {32: 0.32, 128: 0.40}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def dev(*words, typed=None):
    return subprocess.run([DEV, *words], check=True, input=typed, stdout=subprocess.PIPE, text=True).stdout


def ctl(*words):
    subprocess.run([f"{INST}/bin/mayflyctl", "-c", f"{SCRATCH}/etc/mayfly.conf", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def post(path, fields):
    with urllib.request.urlopen(URL + path, urllib.parse.urlencode(fields).encode()) as answer:
        return json.load(answer)


def somebody(name, groups):
    post("/register", {"username": name, "password": PASSWORD})
    ctl("user", "groups", name, ",".join(groups))
    return post("/login", {"username": name, "password": PASSWORD})["token"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


# --- nginx


def nginx_conf(port):
    """One server for all of it; the cache is on where the path says so."""
    temporary = "".join(f"{kind}_temp_path {FOLDER}/{kind}; " for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    return f"""
        daemon off; worker_processes 2; pid {FOLDER}/pid; error_log {FOLDER}/error.log warn;
        include main.d/*.conf;
        events {{ include snippets/mayfly-events.conf; }}
        http {{
            variables_hash_max_size 2048; proxy_headers_hash_max_size 1024;
            {temporary}
            include /etc/nginx/mime.types;
            sendfile on; tcp_nopush on; keepalive_requests 100000;
            include conf.d/*.conf;
            proxy_cache_path {FOLDER}/cache levels=1:2 use_temp_path=off keys_zone=mayfly_gate:10m max_size=100m inactive=2s;
            map $request_uri $mayfly_gate_cache {{ default off; "~^/cached/" mayfly_gate; }}
            upstream fastify {{ server unix:{FOLDER}/fastify-0.sock; server unix:{FOLDER}/fastify-1.sock; keepalive 128; keepalive_requests 100000; }}
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                access_log {FOLDER}/access.log mayfly buffer=64k flush=1s;
                include snippets/mayfly-errors.conf;
                include snippets/mayfly-locations.conf;
                include snippets/mayfly-gate.conf;
                location /plain/ {{ alias {FOLDER}/www/; }}
                location /gated/ {{ include snippets/mayfly-protect.conf; alias {FOLDER}/www/; }}
                location /cached/ {{ include snippets/mayfly-protect.conf; alias {FOLDER}/www/; }}
                location /fastify/ {{ auth_request fastify:gate; auth_request_set $other_user $upstream_http_x_auth_user; alias {FOLDER}/www/; }}
                location = fastify:gate {{
                    internal;
                    proxy_http_version 1.1;
                    proxy_pass_request_headers off;
                    proxy_pass_request_body off;
                    proxy_set_header Connection "";
                    proxy_set_header Content-Length "";
                    proxy_set_header Cookie $http_cookie;
                    proxy_pass http://fastify/gate;
                }}
            }}
        }}"""


@contextlib.contextmanager
def nginx(port):
    for name in ("conf.d", "snippets", "main.d"):
        shutil.copytree(Path(SCRATCH) / "etc" / name, FOLDER / name)
    inner = FOLDER / "conf.d/mayfly-inner.conf"
    inner.write_text(inner.read_text().replace(f"{SCRATCH}/run/gate.sock", f"{FOLDER}/gate.sock"))
    (FOLDER / "www").mkdir()
    (FOLDER / "www/file").write_bytes(os.urandom(4096))
    (FOLDER / "nginx.conf").write_text(nginx_conf(port))
    process = subprocess.Popen(["nginx", "-e", FOLDER / "start.log", "-c", FOLDER / "nginx.conf"])
    try:
        wait_for(lambda: (FOLDER / "pid").exists() and (FOLDER / "pid").read_text(), process, "nginx")
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for(condition, process, name):
    until = time.monotonic() + 30
    while not condition():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{name} does not start; see {FOLDER}")
        time.sleep(0.05)


# --- the other stack


@contextlib.contextmanager
def fastify():
    """Its session's cookie, or None with the reason said."""
    missing = [name for name in ("node", "npm", "redis-server") if shutil.which(name) is None]
    if missing:
        say(f"no Fastify: {', '.join(missing)} is not installed")
        yield None
        return
    folder = FOLDER / "node"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("bench_gate.js"), folder / "gate.js")
    say("npm install fastify ioredis")
    ran = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", folder, "--cache", folder / "npm", "fastify@5", "ioredis@5"],
                         cwd=folder, capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        say(f"no Fastify: npm has failed: {ran.stderr.strip()[-200:]}")
        yield None
        return
    redis = FOLDER / "redis.sock"
    processes = [subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", redis, "--save", "", "--appendonly", "no", "--dir", FOLDER],
                                  stdout=subprocess.DEVNULL)]
    try:
        wait_for(redis.exists, processes[0], "redis-server")
        sid = secrets.token_urlsafe(32)
        value = json.dumps({"id": "0190f5e4-0000-7000-8000-000000000000", "user": "ann", "groups": ["staff"], "expires": time.time() * 1000 + 3.6e6})
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(redis))
            connection.sendall(b"".join([b"*3\r\n", *(f"${len(word)}\r\n{word}\r\n".encode() for word in ("SET", f"sess:{sid}", value))]))
            if connection.recv(100) != b"+OK\r\n":
                raise RuntimeError("redis takes no session")
        for number in range(2):
            listen = FOLDER / f"fastify-{number}.sock"
            processes.append(subprocess.Popen(["node", "gate.js"], cwd=folder, stdout=subprocess.DEVNULL,
                                              env={**os.environ, "NODE_ENV": "production", "REDIS": str(redis), "LISTEN": str(listen)}))
            wait_for(listen.exists, processes[-1], "Fastify")
            # nginx's processes have another user.
            listen.chmod(0o666)
        yield f"sid={sid}"
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


# --- measuring


def wrk(port, path, clients, cookie):
    before = cpu_seconds(SCRATCH)
    out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}", "--latency", "-H", f"Cookie: {cookie}", f"http://127.0.0.1:{port}{path}"], check=True,
                         capture_output=True, text=True).stdout
    after = cpu_seconds(SCRATCH)
    count = int(re.search(r"(\d+) requests in", out).group(1))

    def latency(part):
        number, unit = re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "p50": latency(50), "p99": latency(99), "bad": int(bad.group(1)) if bad else 0,
            "count": count, "cpu": sum(after[kind] - before[kind] for kind in ("nginx", "worker", "memcached")) * 1e6 / max(count, 1)}


def mean(runs):
    return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}


def measure(cases):
    """Rounds of all cases, each there and back."""
    results = {name: [] for name in cases}
    for number in range(ROUNDS):
        runs = {name: [] for name in cases}
        say(f"round {number + 1} of {ROUNDS}")
        for name in [*cases, *reversed(cases)]:
            runs[name].append(cases[name]())
        for name in cases:
            results[name].append(mean(runs[name]))
    return results


def ratio(results, a, b, what="rate"):
    return statistics.median(x[what] / y[what] for x, y in zip(results[a], results[b]))


def show(results):
    for name, rounds in results.items():
        rate, p50, p99, cpu = (statistics.median(run[what] for run in rounds) for what in ("rate", "p50", "p99", "cpu"))
        bad = sum(run["bad"] for run in rounds)
        print(f"{name:34} {rate:9.0f} {p50:8.2f} {p99:8.2f} {cpu:8.1f}{f'  {bad:.0f} not 2xx' if bad else ''}", flush=True)


def line(text, value, wanted):
    print(f"{text:58} {value:>7}   wanted: {wanted}")


# --- what the cost may not depend on


def more_sites(count):
    """Copies of the site's row at names of hosts of their own."""
    dev("psql", "-q", "-v", "ON_ERROR_STOP=1", typed=f"""SET search_path = mayfly;
        WITH made AS (INSERT INTO site (id, name, rules, rules_form, created_by, updated_by)
            SELECT gen_random_uuid(), 'many-' || n, rules, rules_form, 'bench', 'bench' FROM site, generate_series(1, {count}) n WHERE name = 'bench'
            RETURNING id, name)
        INSERT INTO site_origin (site_id, place, host, port, https, prefix, origin)
            SELECT id, 0, name || '.example.org', 443, true, '/', 'https://' || name || '.example.org' FROM made;
        VACUUM ANALYZE site, site_origin; CHECKPOINT;""")
    flush()


def fewer_sites():
    dev("psql", "-q", "-v", "ON_ERROR_STOP=1", typed="SET search_path = mayfly; DELETE FROM site WHERE name LIKE 'many-%';")
    flush()


def flush():
    with socket.socket(socket.AF_UNIX) as memcached:
        memcached.connect(f"{SCRATCH}/run/memcached.sock")
        memcached.sendall(b"flush_all\r\n")
        memcached.recv(64)


def statements(work):
    """How many statements PostgreSQL gets meanwhile, by its own log."""
    log = Path(SCRATCH) / "log/postgres.log"

    def set_logging(value):
        dev("psql", "-q", typed=f"ALTER SYSTEM SET log_min_duration_statement = {value}; SELECT pg_reload_conf();")
        time.sleep(0.5)

    set_logging(0)
    before = log.stat().st_size
    done = work()
    with open(log, errors="replace") as text:
        text.seek(before)
        seen = [one for one in text if "duration:" in one and "pg_reload_conf" not in one]
    set_logging(-1)
    return done, seen


# --- all of it


def compare(port, tokens, other):
    mine = f"mayfly={tokens['few']}"
    cases = {}
    for clients in CLIENTS:
        for name, path, cookie in (("plain file", "/plain/file", mine), ("behind the gate", "/gated/file", mine), ("with the cache of a second", "/cached/file", mine),
                                   ("GET /profile", "/profile", mine), ("behind Fastify and Redis", "/fastify/file", other)):
            if cookie is not None:
                cases[f"{name}, {clients}"] = lambda path=path, clients=clients, cookie=cookie: wrk(port, path, clients, cookie)
    results = measure(cases)
    print(f"{'case, clients':34} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8}   CPU of nginx, workers and memcached, not of node and redis")
    show(results)
    print()
    for clients in CLIENTS:
        line(f"behind the gate / plain, {clients} clients", f"{ratio(results, f'behind the gate, {clients}', f'plain file, {clients}'):.2f}", f"{WANTED[clients]:.2f} or more")
    for clients in CLIENTS:
        line(f"with the cache / plain, {clients} clients", f"{ratio(results, f'with the cache of a second, {clients}', f'plain file, {clients}'):.2f}", "0.80 or more")
    for clients in CLIENTS:
        text = f"behind the gate / behind Fastify, {clients} clients"
        if other is None:
            line(text, "-", "4.5 or more; node, npm or redis-server is missing, or npm could not install")
        else:
            line(text, f"{ratio(results, f'behind the gate, {clients}', f'behind Fastify and Redis, {clients}'):.1f}", "4.5 or more")
    for clients in CLIENTS:
        line(f"p99 behind the gate / of GET /profile, {clients} clients", f"{ratio(results, f'behind the gate, {clients}', f'GET /profile, {clients}', 'p99'):.2f}", "2.0 or less")


def flatness(port, tokens):
    few, many = (f"mayfly={tokens[name]}" for name in ("few", "many"))

    def at_sites(count):
        more_sites(count)
        wrk(port, "/gated/file", 32, few)  # the copies in the cache are made
        try:
            return wrk(port, "/gated/file", 32, few)
        finally:
            fewer_sites()

    results = measure({"no group": lambda: wrk(port, "/gated/file", 32, few), f"{MANY_GROUPS} groups": lambda: wrk(port, "/gated/file", 32, many),
                       "10 sites": lambda: at_sites(9), f"{MANY_SITES} sites": lambda: at_sites(MANY_SITES - 1)})
    print()
    show(results)
    line(f"CPU of a request at {MANY_SITES} sites / at 10", f"{ratio(results, f'{MANY_SITES} sites', '10 sites', 'cpu'):.2f}", "1.10 or less")
    line(f"CPU of a request with {MANY_GROUPS} groups / with none", f"{ratio(results, f'{MANY_GROUPS} groups', 'no group', 'cpu'):.2f}", "1.10 or less")


def queries(port, tokens):
    run, seen = statements(lambda: wrk(port, "/gated/file", 32, f"mayfly={tokens['few']}"))
    line(f"statements of PostgreSQL for {run['count']} requests", str(len(seen)), "none but those by which copies are made fresh")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    port = free_port()
    tokens = {"few": somebody("few", []), "many": somebody("many", [f"group-{n:02}" for n in range(MANY_GROUPS)])}
    ctl("site", "add", "bench", f"http://127.0.0.1:{port}", "--require", "any")
    with nginx(port), fastify() as other:
        for path, cookie in (("/gated/file", f"mayfly={tokens['few']}"), ("/gated/file", f"mayfly={tokens['many']}"), ("/cached/file", f"mayfly={tokens['few']}"),
                             ("/fastify/file", other)):
            if cookie is not None and wrk(port, path, 4, cookie)["bad"]:
                raise RuntimeError(f"{path} is not 200; see {FOLDER}/error.log")
        compare(port, tokens, other)
        flatness(port, tokens)
        queries(port, tokens)
    shutil.rmtree(FOLDER, ignore_errors=True)


main()
