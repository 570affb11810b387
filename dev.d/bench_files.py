#!/usr/bin/python3
"""MB/s of uploads and downloads of 1 MB and 100 MB, from PostgreSQL and, with --s3, from S3, beside what nginx does alone:
it throws away a body that nobody wants, and sends a file of its own. Medians of rounds that take turns with each other.

These machines are shared, so only the ratios mean something.
"""
import http.client, json, os, statistics, subprocess, sys, time, urllib.parse

sys.dont_write_bytecode = True
SCRATCH, URL, DEV = (os.environ[name] for name in ("MAYFLY_SCRATCH", "MAYFLY_URL", "MAYFLY_DEV"))
PLACE = urllib.parse.urlsplit(URL)
MB = 1_000_000
# Bytes of a file, and how many of them one after the other are a round.
SIZES = ((MB, 20), (100 * MB, 1))
ROUNDS = 3
BUFFER = bytearray(1 << 20)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def dev(*words):
    subprocess.run([DEV, *words], check=True, stdout=subprocess.DEVNULL)


class Client:
    """One kept connection. What is received is counted and thrown away."""

    def __init__(self, token=None):
        self.connection = http.client.HTTPConnection(PLACE.hostname, PLACE.port, timeout=120)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method, path, body=None, kind="application/octet-stream", keep=False):
        headers = dict(self.headers)
        if body is not None:
            headers.update({"Content-Type": kind, "Content-Length": str(len(body))})
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        if answer.status not in (200, 201, 204):
            sys.exit(f"bench: {method} {path}: {answer.status} {answer.read()[:300]}")
        if keep:
            return answer.read()
        count = 0
        while got := answer.readinto(BUFFER):
            count += got
        return count


def token():
    form = urllib.parse.urlencode({"username": f"bench{time.time_ns():x}", "password": "a quiet green lamp"}).encode()
    Client()("POST", "/register", form, "application/x-www-form-urlencoded")
    return json.loads(Client()("POST", "/login", form, "application/x-www-form-urlencoded", keep=True))["token"]


def rate(size, count, action):
    started = time.monotonic()
    results = [action() for _ in range(count)]
    return size * count / MB / (time.monotonic() - started), results


def round_alone(content, count):
    """nginx without a worker: (up, down)"""
    client = Client()
    up, _ = rate(len(content), count, lambda: client("POST", "/return-200", content))
    down, _ = rate(len(content), count, lambda: client("GET", f"/bench-files/{len(content)}"))
    return up, down


def round_files(client, content, count):
    up, made = rate(len(content), count, lambda: json.loads(client("POST", "/upload", content, keep=True))["url"])
    urls = iter(made)
    down, sizes = rate(len(content), count, lambda: client("GET", next(urls)))
    if set(sizes) != {len(content)}:
        sys.exit(f"bench: downloads of {sizes} instead of {len(content)} bytes")
    for url in made:
        client("DELETE", url)
    return up, down


def main():
    s3 = "--s3" in sys.argv[1:]
    back_ends = ["postgres", "s3"] if s3 else ["postgres"]
    rates = {}
    if s3:
        dev("service", "start", "radosgw")
    os.makedirs(f"{SCRATCH}/tmp/bench", exist_ok=True)
    client = Client(token())
    contents = {size: os.urandom(size) for size, _ in SIZES}
    for size, content in contents.items():
        with open(f"{SCRATCH}/tmp/bench/{size}", "wb") as file:
            file.write(content)
    for number in range(ROUNDS):
        for name in ["nginx alone", *back_ends]:
            say(f"round {number + 1} of {ROUNDS}: {name}")
            if name in back_ends:
                dev("config", "objects", name)
            for size, count in SIZES:
                found = round_files(client, contents[size], count) if name in back_ends else round_alone(contents[size], count)
                rates.setdefault((name, size), []).append(found)
    print(f"{'MB/s':12}" + "".join(f"{f'{size // MB} MB {way}':>20}" for size, _ in SIZES for way in ("up", "down")))
    for name in ["nginx alone", *back_ends]:
        line = f"{name:12}"
        for size, _ in SIZES:
            for way in (0, 1):
                mine, ceiling = (statistics.median(one[way] for one in rates[who, size]) for who in (name, "nginx alone"))
                line += f"{mine:13.0f} {mine / ceiling:5.0%} "
        print(line.rstrip())


main()
