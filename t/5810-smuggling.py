#!/usr/bin/python3
"""
A request's bytes are that request's. Strangers' bodies are full of FastCGI records, of all sizes, on all paths; whatever
comes of them, everybody else's answers are their own, nobody stalls, and no request that was in a body is ever performed.
"""

import json
import multiprocessing
import os
import random
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import fcgi_request, wait_until
from files import CHUNK, TUS, noise
from mayfly import FORM, SCRATCH, Client, check, done, login, new_user, note, psql, same
from smuggle import FORGED_ADDRESS, FORGED_ID, FastCgi, Forger, Wire, Witness, is_answer, run_until, trace

SECONDS = float(os.environ.get("MAYFLY_SECONDS", "12"))
SEED = int(os.environ.get("MAYFLY_SEED", "5810"))
# Whoever lost bytes is waited for by a worker for request_timeout_ms (5 s), or waits for an answer until nginx has enough.
MOST_S = 5
SMALL, LARGE = 131072, 1048576  # what nginx takes on ordinary paths; enough for uploads
NGINX_SAYS = {401, 403, 413, 429}  # by itself, of what is too long or too much
HONEST = 10
ATTACKERS = 12
JSON, OCTETS = "application/json", "application/octet-stream"
ANYTHING = "text/plain"
# Refused at once, so the next request follows as soon as it can.
STORM = (("POST", "/session/data", {"Content-Type": JSON}, {405}), ("PUT", "/session/data", {"Content-Type": JSON}, {401}))


# --- the attackers


class Attacker:
    """One connection to nginx. token and cookie are his own."""

    def __init__(self, seed, own, witness):
        self.rng, self.witness = random.Random(seed), witness
        self.user, self.token = own
        self.forger = Forger(self.rng, self.token, self.user.username)
        self.bearer = {"Authorization": f"Bearer {self.token}"}
        makers = (self.forger.short, self.forger.slow)
        self.bodies = [self.forger.dense(20000, make) for make in makers for _ in range(10)]
        self.wire = None

    def target(self):
        """(method, path, fields, longest body, statuses that its answer may have)"""
        rng, login_ = self.rng, self.bearer
        cookie = {"Cookie": f"mayfly={self.token}", "Origin": "https://elsewhere.example"}
        nobody = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        small = (
            ("PUT", "/session/data", {"Content-Type": JSON}, {401}),
            ("PATCH", "/profile/data", {"Content-Type": JSON}, {401}),
            ("POST", "/logout", {"Content-Type": ANYTHING}, {401}),
            ("DELETE", "/session/data", {}, {401}),
            ("GET", "/profile", {}, {401}),
            ("PUT", "/session/data", {"Content-Type": JSON, **cookie}, {403}),
            ("POST", "/session/nothing", {"Content-Type": JSON}, {404}),
            ("PUT", "/health/nothing", {}, {404}),
            ("POST", "/session/data", {"Content-Type": JSON}, {405}),
            ("POST", "/health/live", {}, {405}),
            ("PUT", "/session/data", {"Content-Type": ANYTHING, **login_}, {415}),
            ("PATCH", "/profile/data", {"Content-Type": FORM, **login_}, {415}),
            ("PUT", "/session/data", {"Content-Type": JSON, **login_}, {400, 413, 422}),  # read whole, unless it is too long
            ("PATCH", "/session/data", {"Content-Type": JSON, "If-Match": "nonsense", **login_}, {400, 413, 422}),
            ("POST", "/sessions/end-others", {"Content-Type": FORM, "Cookie": f"mayfly={self.token}"}, {400, 403, 413, 422}),
            ("GET", "/health/live", {}, {200}),
            ("HEAD", "/health/live", {}, {200}),
            ("OPTIONS", "/session/data", {}, {204}),
            ("GET", "/session/data", dict(login_), {200}),
            ("POST", "/login", {"Content-Type": JSON}, {400, 422}),
            ("POST", "/register", {"Content-Type": ANYTHING}, {415}),
            ("POST", "/password", {"Content-Type": JSON}, {401}),
            ("PATCH", f"/files/{nobody}", {"Content-Type": JSON}, {401}),
            ("DELETE", f"/files/{nobody}", dict(login_), {404}),
            ("POST", f"/files/{nobody}/csv", {"Content-Type": JSON}, {401}),
        )
        large = (
            ("POST", "/upload", {"Content-Type": OCTETS}, {401}),
            ("POST", "/upload", {"Content-Type": "multipart/form-data; boundary=x", **login_}, {400}),
            ("POST", "/uploads", {"Content-Type": CHUNK, "Upload-Length": "9", **TUS}, {401}),
            ("POST", "/uploads", {"Content-Type": ANYTHING, **login_}, {412}),
            ("PATCH", f"/uploads/{nobody}", {"Content-Type": CHUNK, "Upload-Offset": "0", **TUS}, {401}),
            ("PATCH", f"/uploads/{nobody}", {"Content-Type": CHUNK, "Upload-Offset": "0", **TUS, **login_}, {404}),
            ("PATCH", f"/uploads/{nobody}", {"Content-Type": ANYTHING, "Upload-Offset": "0", **TUS, **login_}, {415}),
            ("PUT", f"/uploads/{nobody}", {}, {405}),
        )
        chosen, most = (rng.choice(small), SMALL) if rng.random() < 0.85 else (rng.choice(large), LARGE)
        method, path, fields, statuses = chosen
        return method, path, fields, most, statuses

    def request(self, storm=False):
        """(its bytes, what answer() and judge() want to know of it)"""
        if storm:
            method, path, fields, statuses = self.rng.choice(STORM)
            body = self.rng.choice(self.bodies)
        else:
            method, path, fields, most, statuses = self.target()
            body = self.forger.body(self.forger.length(most))
        parent, name = trace(self.rng)
        fields = {"Host": self.wire.host, "Traceparent": parent, "User-Agent": "x" * self.rng.randrange(200), **fields}
        if self.rng.random() < 0.15:
            fields["Transfer-Encoding"] = "chunked"
            step = self.rng.choice((1000, 8192, 65536))
            parts = [body[at:at + step] for at in range(0, len(body), step)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        else:
            fields["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{field}: {value}\r\n" for field, value in fields.items())
        return head.encode() + b"\r\n" + body, (method, path, statuses, name)

    def judge(self, asked, answer, took_s):
        method, path, statuses, name = asked
        self.witness.saw("attacker", name, answer, took_s)
        if answer.status in NGINX_SAYS and "x-mayfly-worker" not in answer.headers:
            return
        if answer.status not in statuses:
            self.witness.blame(f"attacker: {method} {path} answered with {answer}")
        if b"honest" in answer.body or b"smuggled" in answer.body:
            self.witness.blame(f"attacker: {method} {path} got somebody's {answer}")

    def attack(self):
        """A few requests, one after the other or all at once; or one that breaks off in its middle."""
        if self.wire is None:
            self.wire = Wire()
        kind = self.rng.random()
        if kind < 0.1:
            data, _ = self.request()
            self.wire.connection.sendall(data[:self.rng.randrange(len(data))])
            self.leave()
            return
        if kind < 0.4:
            shots = [self.request(storm=True) for _ in range(8)]
        else:
            shots = [self.request() for _ in range(1 if kind < 0.7 else self.rng.randrange(2, 6))]
        try:
            began = time.monotonic()
            self.wire.connection.sendall(b"".join(data for data, _ in shots))
            for _, asked in shots:
                answer = self.wire.answer(asked[0])
                self.judge(asked, answer, time.monotonic() - began if len(shots) == 1 else 0)
                if answer.closes:
                    raise EOFError
        except (EOFError, ConnectionError):
            self.leave()  # nginx closes after some errors

    def leave(self):
        self.wire.close()
        self.wire = None


class RawAttacker:
    """The same on a pool's socket, where requests meet as closely as they can."""

    def __init__(self, seed, own, pools, witness):
        self.rng, self.witness, self.pools = random.Random(seed), witness, pools
        self.forger = Forger(self.rng, own[1], own[0].username)

    def attack(self):
        pool = self.rng.choice(self.pools)
        asked = [self.request() for _ in range(self.rng.randrange(2, 5))]
        with FastCgi(pool, MOST_S) as wire:
            try:
                wire.send(b"".join(data for data, *_ in asked))
            except ConnectionError:
                pass  # it is closed before it has taken all; what was answered is there all the same
            for _, name, status in asked:
                try:
                    output, over = wire.answer(), False
                except ConnectionError:
                    return
                except EOFError as ended:
                    output, over = ended.args[0], True
                except TimeoutError:
                    self.witness.blame(f"raw: a request is not answered on {pool}, and the connection stays")
                    return
                if over and not output:
                    return
                self.witness.count[pool] = self.witness.count.get(pool, 0) + 1
                if not is_answer(output, name, status):
                    self.witness.blame(f"raw: wanted {status} for {name}: {output[:300]}")
                if over:
                    return

    def request(self):
        """(its bytes, its id, its status)"""
        method, path, status, more = self.rng.choice((
            ("POST", "/session/data", 405, {}), ("PUT", "/session/data", 401, {}), ("POST", "/session/none", 404, {}),
            ("GET", "/health/live", 200, {}), ("POST", "/upload", 401, {"MAYFLY_STREAM": "1"}),
            ("PATCH", "/uploads/none", 401, {"MAYFLY_STREAM": "1"}), ("GET", "/health/live", 200, {"MAYFLY_STREAM": "1"})))
        body = self.forger.body(self.forger.length(SMALL)) if self.rng.random() < 0.8 else b""
        name = "5810aaaa" + self.rng.randbytes(12).hex()
        return fcgi_request(method, path, body, keep=True, MAYFLY_REQUEST_ID=name, **more), name, status


# --- everybody else


class Honest:
    """Somebody with an account, on a kept connection, who looks at each answer."""

    def __init__(self, seed, user, token, witness):
        self.rng, self.user, self.witness = random.Random(seed), user, witness
        self.client, self.number = Client(token, timeout=30), 0
        self.document = {}
        self.kept = {}

    def ask(self, statuses, method, path, body=None, **fields):
        parent, name = trace(self.rng)
        answer = self.client.request(method, path, body=body, headers={"Traceparent": parent, **fields})
        self.witness.saw("honest", name, answer, answer.ended - answer.started)
        if answer.status not in statuses or "x-mayfly-worker" not in answer.headers:
            self.wrong(method, path, answer)
        return answer

    def wrong(self, method, path, answer):
        self.witness.blame(f"{self.user.username}: {method} {path} answered with {answer}")

    def expect(self, right, method, path, answer):
        if not right:
            self.wrong(method, path, answer)

    def profile(self):
        answer = self.ask({200}, "GET", "/profile")
        self.expect(self.user.username.encode() in answer.body and self.user.id.encode() in answer.body, "GET", "/profile", answer)

    def write(self):
        self.number += 1
        mine = {"whose": self.user.username, "number": self.number, "pad": "p" * self.rng.choice((10, 1000, 20000, 60000))}
        method = self.rng.choice(("PUT", "PATCH"))
        answer = self.ask({200}, method, "/session/data", json.dumps(mine), **{"Content-Type": JSON})
        self.expect(answer.status == 200 and answer.json() == mine, method, "/session/data", answer)
        answer = self.ask({200}, "GET", "/session/data")
        self.expect(answer.status == 200 and answer.json() == mine, "GET", "/session/data", answer)

    def guest(self):
        """A long body that nobody reads."""
        path = f"/session/{self.user.username}-{self.number}"
        self.ask({404}, "POST", path, noise(self.rng.randrange(1, 100000)), **{"Content-Type": JSON, "Authorization": "none"})

    def end_others(self):
        body = b" " * self.rng.randrange(1, 100000) + b"{}"
        self.ask({200, 204, 303}, "POST", "/sessions/end-others", body, **{"Content-Type": JSON})

    def upload(self):
        content = noise(self.rng.randrange(1, 300000), self.rng.random())
        answer = self.ask({201}, "POST", "/upload", content, **{"Content-Type": OCTETS})
        self.kept[answer.json()["url"]] = content

    def resumable(self):
        content = noise(self.rng.randrange(2, 300000), self.rng.random())
        answer = self.ask({201}, "POST", "/uploads", b"", **TUS, **{"Upload-Length": str(len(content))})
        url, at = answer.headers["Location"], self.rng.randrange(1, len(content))
        for offset, part in ((0, content[:at]), (at, content[at:])):
            answer = self.ask({204}, "PATCH", url, part, **TUS, **{"Content-Type": CHUNK, "Upload-Offset": str(offset)})
            self.expect(answer.headers.get("upload-offset") == str(offset + len(part)), "PATCH", url, answer)
        self.kept[url.replace("/uploads/", "/files/")] = content

    def download(self):
        if not self.kept:
            return
        url = self.rng.choice(sorted(self.kept))
        content = self.kept.pop(url)
        answer = self.ask({200}, "GET", url)
        self.expect(answer.body == content, "GET", url, answer)
        self.ask({200, 204}, "DELETE", url)

    def turn(self):
        self.profile()
        self.rng.choice((self.profile, self.profile, self.write, self.write, self.guest, self.end_others, self.upload,
                         self.resumable, self.download))()


# --- all at once


def in_processes(jobs):
    """Runs each job(witness) in a process of its own; their results together."""
    context = multiprocessing.get_context("fork")
    results = []

    def run(job, sender):
        witness = Witness(MOST_S)
        sender.send(job(witness))
        sender.close()

    started = []
    for job in jobs:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=run, args=(job, sender))
        process.start()
        sender.close()
        started.append((process, receiver))
    for process, receiver in started:
        results.append(receiver.recv())
        process.join()
    return results


def log_sizes():
    return {path: path.stat().st_size for path in (SCRATCH / "log").glob("*.log")}


def lines_since(before, name):
    for path in sorted((SCRATCH / "log").glob(name)):
        with open(path, "rb") as log:
            log.seek(before.get(path, 0))
            for line in log.read().splitlines():
                if line.startswith(b"{"):
                    yield json.loads(line)


def as_nginx_has_it(answers, before):
    """What nginx's log says otherwise of the answers that have an id: {trace id: line}, differences."""

    def complete():
        found = {line["trace_id"]: line for line in lines_since(before, "access.log")}
        return found if all(name in found for name, *_ in answers) else None

    found = {}
    wait_until(10, lambda: found.update(complete() or {}) or found)  # nginx writes once a second
    if not found:
        return {}, ["not every answer is in nginx's log"]
    different = []
    for name, request_id, status, who in answers:
        line = found[name]
        if (line["request_id"], line["status"]) != (request_id, str(status)):
            different.append(f"{who} got {status} {request_id}, in the log it is {line}")
    return found, different


def main():
    pools = sorted(path.parent.name for path in (SCRATCH / "run").glob("*/fcgi.sock"))
    own = [(user, login(user)) for user in (new_user(username=f"attacker{SEED}{i}{os.getpid()}") for i in range(2))]
    victims = [(user, login(user)) for user in (new_user(username=f"honest{SEED}x{i}x{os.getpid()}") for i in range(HONEST))]
    before, end = log_sizes(), time.monotonic() + SECONDS
    note(f"seed {SEED}, {SECONDS:g} s, pools {pools}")

    def honest(number):
        return lambda witness: run_until(end, [Honest(SEED + i, *victims[i], witness).turn for i in range(number, HONEST, 2)],
                                         witness)

    def attack(number):
        return lambda witness: run_until(end, [Attacker(SEED + 100 + i, own[0], witness).attack
                                               for i in range(number, ATTACKERS, 2)], witness)

    def attack_raw(witness):
        return run_until(end, [RawAttacker(SEED + 200 + i, own[1], pools, witness).attack for i in range(3)], witness)

    results = in_processes((honest(0), honest(1), attack(0), attack(1), attack_raw))
    answers = [tuple(answer) for result in results for answer in result["answers"]]
    wrong = [text for result in results for text in result["wrong"]]
    count = sum((Counter(result["count"]) for result in results), Counter())
    note(f"{dict(sorted(count.items()))}, slowest {max(result['slowest_s'] for result in results):.2f} s")
    same((len(wrong), wrong[:10]), (0, []), "everybody gets his own answers, in time")
    check(min(count["honest 200"], count["attacker 401"], count["attacker 405"], count[pools[0]]) > 20 or wrong,
          "there was something to see", count)

    names = Counter(request_id for _, request_id, *_ in answers)
    same({name: times for name, times in names.items() if times > 1}, {}, "no id of a request is on two answers")
    by_trace, different = as_nginx_has_it(answers, before)
    same((len(different), different[:5]), (0, []), "each answer is the one that nginx's log has for this request")
    again = [line for line in by_trace.values() if "," in line["upstream"]]
    same((len(again), again[:3]), (0, []), "none was tried twice: no worker has closed a connection on it")

    nginx_ids = {line["request_id"] for line in lines_since(before, "access.log")}
    worker_lines = list(lines_since(before, "pool-*.log"))
    strangers = [line for line in worker_lines if line["event"] == "request" and line.get("request_id") not in nginx_ids and
                 not line.get("request_id", "").startswith("5810aaaa")]
    same((len(strangers), strangers[:5]), (0, []), "workers answer what nginx or we have asked, and nothing else")
    events = Counter(line["event"] for line in worker_lines)
    note(f"workers' logs: {dict(events)}")
    flaws = [line for line in worker_lines if line["event"] == "fastcgi_closed" and line["level"] == "warn"]
    same([line for line in flaws if "head of a request" in line["reason"]], [], "no worker met a head that nobody has sent")
    logs = b"".join(path.read_bytes() for path in (SCRATCH / "log").glob("*.log"))
    same((logs.count(FORGED_ID.encode()), logs.count(FORGED_ADDRESS.encode())), (0, 0),
         "no forged id, trace or address is in a log")
    same(psql(f"SELECT count(*) FROM mayfly.session WHERE address = '{FORGED_ADDRESS}'"), "0",
         "nobody has logged in from the forged address")
    same([Client(token).get("/profile/data").json() for _, token in own], [{}, {}],
         "nothing was written by a request inside of a body")
    same([user.username for user, token in victims if Client(token).get("/profile").json()["username"] != user.username], [],
         "every session is still its owner's")
    done()


main()
