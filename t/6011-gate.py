#!/usr/bin/python3
"""
The gate's answer: who passes at a site, by its rules and by a rule of nginx's that narrows them. What it asks for is cached beside the
session, so that a request costs no look at the database; a change counts at once; strangers can't make it look, and an outage lets
nobody in and logs nobody out.
"""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import postgres_away
from gate import CONFIG, basic, bearer, ctl, front, key
from mayfly import SCRATCH, Client, check, dev, done, login, new_user, psql, same, settings
from memcached import session_id

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /admin/ { set $mayfly_require "group:admin"; include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /mine/ { set $mayfly_require "user:NOBODY | public path:/mine/all/"; include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /bad/ { set $mayfly_require "grup:admin"; include snippets/mayfly-protect.conf; proxy_pass APP; }
"""


def status(gate, *words, **more):
    return gate.ask(*words, **more).status


def log_lines(event):
    lines = []
    for path in (SCRATCH / "log").glob("pool-*.log"):
        lines += [json.loads(line) for line in path.read_text(errors="replace").splitlines() if f'"event":"{event}"' in line]
    return lines


def memcached(command):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(SCRATCH / "run/memcached.sock"))
        connection.sendall(command.encode() + b"\r\n")
        answer = b""
        while not re.search(rb"(?:END|OK|ERROR|DELETED|NOT_FOUND|STORED)\r\n$", answer):
            answer += connection.recv(65536)
        return answer


def items():
    """The keys of cached sites."""
    listed = memcached("lru_crawler metadump all").decode()
    return set(re.findall(r"key=(mfg%3A\w+|mfg:\w+)", listed))


def check_verdicts(gate, ann, bob):
    gate.site("app", "any")
    same(status(gate, "app"), 401, "nobody is logged in: 401")
    same(status(gate, "app", token=ann), 200, "somebody is")
    same(status(gate, "app", token=ann[:-4] + "AAAA"), 401, "with a token that is none: 401")
    same([status(gate, "app", method=method, token=ann, body=b"x" * 10) for method in ("POST", "PUT", "PATCH", "DELETE")], [200] * 4,
         "every method passes")
    same([status(gate, "app", method=method, body=b"x" * 10) for method in ("POST", "PUT", "DELETE")], [401] * 3, "or none does")
    gate.site("app", "group:staff")
    same((status(gate, "app", token=ann), status(gate, "app", token=bob), status(gate, "app")), (200, 403, 401),
         "a group lets its members pass; others are refused, and guests are asked to log in")
    gate.site("app", "any net:192.0.2.0/24", "public path:/about/ method:GET,HEAD")
    same((status(gate, "app", token=ann), status(gate, "app", "/about/us"), status(gate, "app", "/about/us", method="POST")), (403, 200, 403),
         "networks, paths and methods count")
    same([status(gate, "app", path) for path in ("/about/../x", "/about/%2e%2e/x", "/about//x", "/about%2f..%2fx", "/about/..;/x")],
         [403] * 5, "and a path counts as what everybody reads")
    gate.site("app", "any recent:30")
    same(status(gate, "app", token=ann), 200, "a log-in of just now is recent")
    gate.site("app", "any factor:2")
    same(status(gate, "app", token=ann), 403, "one by a password has one factor")


def check_narrowing(gate, ann, bob):
    gate.site("app", "any")
    same((status(gate, "app", "/admin/", token=ann), status(gate, "app", "/admin/", token=bob), status(gate, "app", "/admin/")), (200, 403, 401),
         "a location narrows its site's rules")
    same(status(gate, "app", "/mine/x", token=ann), 403, "by a user whom nobody is called, for everybody")
    same(status(gate, "app", "/mine/all/x"), 401, "and never widens them: public in nginx is not public at the site")
    same((status(gate, "app", "/bad/", token=ann), any("grup" in line.get("detail", "") for line in log_lines("gate_rules"))), (403, True),
         "a rule that can't be read lets nobody pass, and the log says why")


def check_keys(gate):
    user = new_user()
    token = login(user)
    client = Client(token)
    ctl("user", "groups", user.username, "admin")
    here = gate.site("keyed", "any", "any key path:/api/,/admin/", "public path:/about/")
    gate.site("two", "any key")

    def ways(headers):
        return tuple(status(gate, "keyed", path, headers=headers) for path in ("/api/x", "/x", "/about/x"))

    robot = key(client, "gate")
    same(ways(bearer(robot)), (200, 403, 200), "a key passes where a row is for keys, and where everybody does")
    same(tuple(status(gate, "keyed", path, token=token) for path in ("/api/x", "/x")), (200, 200), "its owner passes in both places")
    same(status(gate, "keyed", "/x", token=token, headers=bearer(robot)), 403, "and with it in front of the cookie in the one")
    same(status(gate, "keyed", "/admin/", headers=bearer(robot)), 403, "a location that narrows has to say that it is for keys as well")
    local = key(client, "gate", sites=[here])
    same((ways(bearer(local)), status(gate, "two", headers=bearer(local)), status(gate, "two", headers=bearer(robot))), ((200, 403, 200), 403, 200),
         "a key for one site is good at that one")
    same(ways(bearer(key(client, "gate", sites=[]))), (403,) * 3, "a key for none is refused everywhere")
    same(ways(bearer(key(client, "data", "files"))), (403,) * 3, "so is one that has not the scope")
    password = key(client, "password")
    same((ways(basic(user.username, password)), ways(basic(BOB.username, password))), ((200, 403, 200), (401, 401, 200)),
         "an app password passes as the password of Basic, beside the name of its account")
    same((ways(bearer(password)), ways(basic(user.username, robot))), ((403,) * 3, (403,) * 3), "and neither it nor another key in the other's way")
    unknown = robot[:-4] + ("AAAA" if robot[-4:] != "AAAA" else "BBBA")
    own = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", CONFIG, "site", "key", here, "x"], capture_output=True, text=True, check=True).stdout.strip()
    same((ways(bearer(unknown)), ways(basic(user.username, unknown)), ways(bearer(own))), ((401, 401, 200),) * 3,
         "what is no key of an account is nobody, the key of the site's own server too")
    told = [(line["key_id"], line["reason"]) for line in log_lines("key_refused")]
    same((told.count((session_id(unknown), "unknown")), told.count((session_id(own), "unknown"))), (6, 3), "and the log has a line for each")
    same(("scope" in [reason for id, reason in told if id == session_id(password)]), True, "as for one that has not the scope")
    same(client.delete(f"/keys/{client.get('/keys').json()['keys'][-1]['id']}").status, 204, "a key is revoked")
    same(ways(bearer(robot)), (401, 401, 200), "and opens nothing at the next request")
    gate.site("keyed", "group:bots key")
    before = status(gate, "keyed", headers=bearer(local))
    ctl("user", "groups", user.username, "bots")
    same((before, status(gate, "keyed", headers=bearer(local))), (403, 200), "it is in the groups of its owner, at once")


def check_prefixes(gate, ann, bob):
    gate.site("two", "any")
    known = f"{gate.mark}-wiki"
    ctl("site", "add", known, f"http://{gate.host('two')}/wiki/", "--require", "group:staff")
    gate._sites.append(known)
    same((status(gate, "two", "/", token=bob), status(gate, "two", "/wiki/", token=bob), status(gate, "two", "/wiki/x?y", token=ann)), (200, 403, 200),
         "two sites share a host by their paths")
    same([status(gate, "two", path, token=bob) for path in ("/x/..%2fwiki/", "//wiki/", "/%77iki/x", "/wiki%2fx")], [403] * 4,
         "and a path that can be read in two ways is neither's")
    same([gate.client().get("/", headers={"Host": host, "Cookie": f"mayfly={bob}"}).status
          for host in (gate.host("two").upper(), gate.host("two").replace(":", ".:"), gate.host("two").replace("localhost", "localhost@x"),
                       gate.host("two").partition(":")[0])], [200, 200, 403, 403],
         "a host's name is one in upper case and with a dot; without its port it is another origin")


def check_changes(gate, ann, bob):
    gate.site("quick", "any")
    token = login(ANN)
    same(status(gate, "quick", token=token), 200, "before the log-out")
    Client(token).post("/logout")
    same(status(gate, "quick", token=token), 401, "a log-out counts at the next request")
    for turn in range(5):
        gate.site("quick", "group:nobody")
        seen = status(gate, "quick", token=ann)
        gate.site("quick", "any")
        if (seen, status(gate, "quick", token=ann)) != (403, 200):
            break
    else:
        turn = "all"
    same(turn, "all", "a change of a site counts at the next request, both ways")
    ctl("user", "groups", BOB.username, "staff")
    gate.site("quick", "group:staff")
    same(status(gate, "quick", token=bob), 200, "so does a group that somebody gets")
    ctl("user", "groups", BOB.username, "")
    same(status(gate, "quick", token=bob), 403, "and one that is taken away")
    ctl("site", "remove", f"{gate.mark}-quick")
    gate._sites.remove(f"{gate.mark}-quick")
    same(status(gate, "quick", token=ann), 403, "a site that is removed lets nobody pass")
    gate.site("quick", "any")
    same(status(gate, "quick", token=ann), 200, "and one that is added is there at once, though the cache knew that there was none")
    psql(f"UPDATE mayfly.site SET rules = 'public' WHERE name = '{gate.mark}-quick'")
    memcached("flush_all")
    same(status(gate, "quick", token=ann), 403, "rules that were changed beside mayfly let nobody pass")
    gate.site("quick", "any")


def check_strangers(gate, ann):
    same(status(gate, "none", token=ann), 403, "a site that mayfly does not know: 403")
    told = [line for line in log_lines("gate_no_site")]
    check(any(line["command"].startswith("mayflyctl site add NAME http://") for line in told), "and the log has the administrator's command", told)
    before = len(told)
    for n in range(300):
        gate.client().get("/", headers={"Host": f"x{n}.{gate.mark}.example:{gate.port}"})
    check(len(log_lines("gate_no_site")) - before < 30, "but not for each request", len(log_lines("gate_no_site")) - before)
    fewer = [{"Host": f"h{n}.{gate.mark}.localhost:{gate.port}"} for n in range(40)]
    with settings(cache_fresh_s=60, site_fresh_s=60):
        gate.site("two", "any")
        for host in fewer:
            gate.client().get("/", headers=host)
        status(gate, "two", token=ann)
        with postgres_away():
            seen = [gate.client().get("/", headers=host).status for host in fewer * 3] + [status(gate, "two", token=ann) for _ in range(50)]
    same({(status, seen.count(status)) for status in seen}, {(403, 120), (200, 50)},
         "neither a site that is cached nor one that is known not to be there costs a look at the database")
    check(len(items()) <= 4096, "names that strangers make up become no more items than there are buckets", len(items()))


def check_forged_item(gate, ann):
    gate.site("sealed", "group:nobody")
    status(gate, "sealed", token=ann)
    gate.site("open", "any")
    status(gate, "open", token=ann)
    for key in sorted(items()):
        name = key.replace("%3A", ":")
        answer = memcached(f"get {name}")
        body = re.search(rb"^VALUE \S+ (\d+) (\d+)\r\n", answer)
        if body is None:
            continue
        value = bytearray(answer[body.end():body.end() + int(body.group(2))])
        if b"sealed." not in bytes(value):
            continue
        place = bytes(value).index(b"nobody")
        value[place:place + 6] = b"staff\0"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(SCRATCH / "run/memcached.sock"))
            connection.sendall(f"set {name} {body.group(1).decode()} 300 {len(value)}\r\n".encode() + bytes(value) + b"\r\n")
            same(connection.recv(100), b"STORED\r\n", "somebody who can write to memcached changes a site's item")
        break
    same(status(gate, "sealed", token=ann), 403, "and it is not believed")


def check_outage(gate, ann):
    gate.site("last", "any", "public path:/about/")
    # Fresh for longer than it takes to stop PostgreSQL on a busy machine.
    with settings(cache_fresh_s=8, site_fresh_s=8, database_connect_ms=200, database_retry_ms=50):
        status(gate, "last", token=ann)
        dev("service", "stop", "postgres")
        try:
            first = [gate.ask("last", token=ann).status for _ in range(5)]
            check(set(first) == {200}, "the database is away: who was let in goes on for as long as copies are fresh", first)
            until = time.monotonic() + 20
            while (answer := gate.ask("last", token=ann)).status == 200 and time.monotonic() < until:
                time.sleep(0.1)
            check(answer.stated_503() and answer.error == "unavailable", "then it is 503 with Retry-After", answer)
            while gate.ask("last", "/about/").status != 503 and time.monotonic() < until:
                time.sleep(0.1)
            pages = [gate.ask("last", path, token=token, headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
                     for token in (ann, None) for path in ("/", "/about/")]
            same([(page.status, page.headers.get("location")) for page in pages], [(503, None)] * 4,
                 "and neither a log-in page nor a pass, with a cookie or without")
            same(gate.ask("last", method="POST", body=b"x", token=ann).status, 503, "for every method")
        finally:
            dev("service", "start", "postgres")
    same(gate.ask("last", token=ann).status, 200, "afterwards nobody has been logged out")


ANN, BOB = new_user(), new_user()
ctl("user", "groups", ANN.username, "staff,admin")
with front(LOCATIONS) as started:
    tokens = login(ANN), login(BOB)
    check_verdicts(started, *tokens)
    check_narrowing(started, *tokens)
    check_keys(started)
    check_prefixes(started, *tokens)
    check_changes(started, *tokens)
    check_strangers(started, tokens[0])
    check_forged_item(started, tokens[0])
    check_outage(started, tokens[0])
done()
