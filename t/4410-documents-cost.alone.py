#!/usr/bin/python3
"""A document costs what its bytes cost: what is sent to be dear is refused or stored as quickly as any other, and holds nobody
else up. What is stored is what was sent, and what a change answers is what a read answers, whatever the document."""

import json
import random
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, done, note, same, signed_in

JSON, KIB64 = {"Content-Type": "application/json"}, 65536
ATTACK_S, CLIENTS = 4, 6


def many(one, most=KIB64, begin='{"a":[', end="]}"):
    """As often as it fits into the longest body."""
    return begin + ",".join([one] * ((most - len(begin) - len(end) + 1) // (len(one) + 1))) + end


def members(value, most=KIB64, name=lambda index: f"{index:x}"):
    text, parts = len("{}"), []
    while True:
        part = f'"{name(len(parts))}":{value}'
        text += len(part) + 1
        if text > most:
            return "{" + ",".join(parts) + "}"
        parts.append(part)


def exact(text):
    """Numbers as what they stand for, not as the nearest double."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


# what, body, statuses that are right
DEAR = (
    ("numbers like 1e-16383", many("1e-16383"), (413,)),
    ("numbers like 1e-1638", many("1e-1638"), (413,)),
    ("1e308 over and over", many("1e308"), (413,)),
    ("1.7976931348623157e308 over and over", many("1.7976931348623157e308"), (413,)),
    ("0e-16383, which is nothing", many("0e-16383"), (413,)),
    ("numbers beyond numbers", many("1e999999999"), (400,)),
    ("an exponent of 60,000 digits", '{"a":1e' + "9" * 60000 + "}", (400,)),
    ("an integer of 60,000 digits", '{"a":' + "9" * 60000 + "}", (400,)),
    ("a fraction of 60,000 digits", '{"a":0.' + "9" * 60000 + "}", (400,)),
    ("fractions of 16,383 digits", many("0." + "9" * 16383), (200,)),
    ("integers of 308 digits", many("9" * 308, KIB64 - 1024), (200,)),
    ("lists in lists", many("[" * 30 + "]" * 30, KIB64 // 2), (200,)),
    ("objects in objects", many('{"a":' * 29 + "1" + "}" * 29, KIB64 // 2), (200,)),
    ("empty lists", many("[]", KIB64 // 2), (200,)),
    ("members", members("1", KIB64 // 2), (200,)),
    ("members that differ at their ends", members("1", KIB64 // 2, lambda index: "x" * 60 + f"{index:x}"), (200,)),
    ("a long name", '{"' + "n" * 60000 + '":1}', (200,)),
    ("escapes of letters", '{"a":"' + "\\u0061" * 10000 + '"}', (200,)),
    ("escapes that stay", '{"a":"' + "\\u0001" * 10000 + '"}', (200,)),
    ("letters that become escapes", '{"a":"' + "\\u0022" * 10000 + '"}', (200,)),
    ("the same member to the end", "{" + ",".join(['"a":1'] * 10000) + "}", (400,)),
    ("brackets without an end", '{"a":' + "[" * 60000, (400,)),
)


def timed(client, method, body):
    began = time.monotonic()
    answer = client.request(method, "/session/data", body=body, headers=JSON)
    return time.monotonic() - began, answer


def fastest(client, method, body):
    return min((timed(client, method, body) for _ in range(3)), key=lambda one: one[0])


def nothing_is_dear(client):
    usual = fastest(client, "PUT", many("0.123456789", KIB64 // 2))[0]
    note(f"an ordinary document takes {usual * 1e3:.1f} ms")
    for method in ("PUT", "PATCH"):
        client.put("/session/data", json={})
        for what, body, right in DEAR:
            client.put("/session/data", json={})
            took, answer = fastest(client, method, body)
            check(answer.status in right, f"{method} of {what} is {right[0]}", answer)
            check(took < 6 * usual + 0.05, "and costs what others do", f"{took * 1e3:.1f} ms, usually {usual * 1e3:.1f}")
            if answer.status == 200:
                same(exact(answer.text), exact(body), "it comes back as it was")
                same(client.get("/session/data").text, answer.text, "as the answer said")


def beside(what, attack):
    """How long GET /health/live takes for others, before and while attack(client) goes on from several clients."""

    def waits(seconds):
        client, took, end = Client(), [], time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            client.get("/health/live")
            took.append(time.monotonic() - began)
            time.sleep(0.02)
        return sorted(took)

    user, person = signed_in()
    stop, statuses = threading.Event(), []

    def go_on():
        client = Client(person.token)
        while not stop.is_set():
            statuses.append(attack(client))

    threads = [threading.Thread(target=go_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    took = waits(ATTACK_S)
    stop.set()
    for thread in threads:
        thread.join()
    p90 = took[int(len(took) * 0.9)]
    note(f"{what}: {len(statuses)} requests, GET /health/live beside them {took[len(took) // 2] * 1e3:.0f} ms (p50), {p90 * 1e3:.0f} ms (p90)")
    check(p90 < 0.25, f"{CLIENTS} clients that send {what} hold nobody up", f"p90 {p90 * 1e3:.0f} ms")
    same({status for status in statuses if status not in (200, 413, 503)}, set(), "and are answered")
    return statuses


def nobody_is_held_up():
    bomb = many("1e-16383")
    beside("numbers like 1e-16383", lambda client: timed(client, "PUT", bomb)[1].status)
    patch = members('{"b":{}}', 53000)
    statuses = beside("one document's merge patches of thousands of objects", lambda client: timed(client, "PATCH", patch)[1].status)
    same(statuses.count(503), 0, "which are all merged")
    removal = members("null", 53000)
    turns = iter(range(10**9))
    beside("patches that fill it and empty it", lambda client: timed(client, "PATCH", (patch, removal)[next(turns) % 2])[1].status)


# --- what was sent is what is stored


def value(rng, depth):
    kind = rng.randrange(9 if depth < 5 else 6)
    if kind == 0:
        return rng.choice(("null", "true", "false"))
    if kind == 1:
        return rng.choice(("0", "-0", "-0.0", "1e2", "1E-7", "1.50", "-12.340e1", "0.0e3", "100e-2", "5e-324", "1.7976931348623157e308",
                           "12345678901234567890123456789", "0.1000000000000000055511151231257827", "1e22", "9007199254740993"))
    if kind == 2:
        return f"{rng.choice(('', '-'))}{rng.randrange(10**rng.randrange(1, 30))}" + (
            f".{rng.randrange(10**12):012}" if rng.random() < 0.5 else "") + (f"e{rng.randrange(-40, 40)}" if rng.random() < 0.5 else "")
    if kind < 6:
        return text(rng)
    if kind == 6:
        return "[" + " , ".join(value(rng, depth + 1) for _ in range(rng.randrange(5))) + "]"
    return objects(rng, depth + 1)


def text(rng):
    return '"' + "".join(rng.choice(("a", "B", "ö", "名", "\U0001f41d", "\\u00e9", "\\ud83d\\udc1d", "\\n", "\\t", "\\b", "\\f", "\\r", "\\/", "/",
                                     '\\"', "\\\\", "\\u0001", "\\u001f", "\\u0022", "\x7f", "\\u2028", "\\uffff", "<", "'"))
                         for _ in range(rng.randrange(9))) + '"'


def objects(rng, depth):
    names = {}
    for _ in range(rng.randrange(7)):
        name = text(rng)
        names[json.loads(name)] = name
    return "{" + ",".join(f"{name} : {value(rng, depth)}" for name in names.values()) + "}"


def merge(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, one in patch.items():
        if one is None:
            target.pop(name, None)
        else:
            target[name] = merge(target.get(name), one)
    return target


def what_was_sent_is_stored(client):
    rng = random.Random(4410)
    wrong, model = [], {}
    for turn in range(400):
        body = objects(rng, 0)
        method = "PATCH" if turn % 2 else "PUT"
        model = merge(model, exact(body)) if method == "PATCH" else exact(body)
        answer = client.request(method, "/session/data", body=body.encode(), headers=JSON)
        stored = client.get("/session/data")
        if (answer.status, answer.text, answer.etag) != (200, stored.text, stored.etag):
            wrong.append(f"{method} {body}: {answer.status} {answer.text} but then {stored.text}")
        elif exact(stored.text) != model:
            wrong.append(f"{method} {body}: {stored.text} is not {model}")
    same(wrong[:3], [], "of 400 documents and patches each is stored as it was sent, and answered as it is stored")


def the_limit_is_exact(client):
    """64 KiB as the database writes them: not a byte less, not one more, also by a patch."""
    for what, made in (("text", lambda n: '{"a": "' + "x" * n + '"}'), ("short", lambda n: '{"a":"' + "x" * n + '"}'),
                       ("escapes", lambda n: '{"a":"\\n\\"' + "x" * n + '"}'), ("numbers", lambda n: '{"a":[1e3,2,3],"b":"' + "x" * n + '"}')):
        room = KIB64 - len(client.put("/session/data", body=made(0), headers=JSON).text)
        same([client.put("/session/data", body=made(n), headers=JSON).status for n in (room - 1, room, room + 1)], [200, 200, 413],
             f"64 KiB are the limit: {what}")
    client.put("/session/data", json={"a": "x" * 60000})
    base = len(client.patch("/session/data", json={"b": ""}).text)
    same([client.patch("/session/data", json={"b": "y" * (KIB64 - base + n)}).status for n in (-1, 0, 1)], [200, 200, 413],
         "and a patch's too")


def main():
    client = signed_in()[1]
    nothing_is_dear(client)
    what_was_sent_is_stored(client)
    the_limit_is_exact(client)
    nobody_is_held_up()
    done()


main()
