#!/usr/bin/python3
"""
The cache of the gate's answers, which is off: turned on by the two lines of doc/gate.md, an answer that lets pass is good for a
second, for the same request alone. A log-out counts after that second, and an app's own errors stay its own.
"""

import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import CHECKOUT, Client, check, done, login, new_user, same

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /staff/ { set $mayfly_require "group:staff"; include snippets/mayfly-protect.conf; proxy_pass APP; }
"""


def turn_on(gate):
    """By the lines of doc/gate.md, behind the other files of the http block; and what nginx asks is noted."""
    lines = re.findall(r"(?m)^    (proxy_cache_path .*|map \"\" \$mayfly_gate_cache .*)$", (CHECKOUT / "doc/gate.md").read_text())
    same(len(lines), 2, "doc/gate.md has two lines", lines)
    (gate.folder / "conf.d/zz-cache.conf").write_text("\n".join(lines).replace("/run/mayfly/nginx/cache", f"{gate.folder}/cache") + "\n")
    gate.conf(lambda text: text.replace("access_log off;", f"access_log {gate.folder}/gate.log;"), "conf.d/mayfly-inner.conf")


def asked(gate):
    """How often nginx has asked for an answer."""
    return len((gate.folder / "gate.log").read_text().splitlines())


def who(answer):
    return [value for name, value in answer.json()["headers"] if name == "X-Auth-User"] if answer.status == 200 else answer.status


def check_kept(gate, users, tokens):
    before, seen, until = asked(gate), [], time.monotonic() + 0.5
    while time.monotonic() < until:
        seen.append(gate.ask("app", "/a", token=tokens[0]))
    same(([who(one) for one in seen] == [[users[0].username]] * len(seen), len(seen) > 5), (True, True), "somebody who asks again and again", seen[:3])
    check(asked(gate) - before <= 2, "is asked for once in a second", asked(gate) - before, len(seen))
    for name, wanted, path, more in (("somebody else", [users[1].username], "/a", {"token": tokens[1]}), ("a guest", 401, "/a", {}),
                                     ("a cookie that is changed", 401, "/a", {"token": tokens[0][:-1] + ("A" if tokens[0][-1] != "A" else "B")}),
                                     ("the same cookie in another name", 401, "/a", {"headers": {"Cookie": f"other={tokens[0]}"}})):
        same(who(gate.ask("app", path, **more)), wanted, f"{name} gets no answer of another's")
    same((gate.ask("app", "/staff/a", token=tokens[0]).status, gate.ask("app", "/a", token=tokens[0]).status), (403, 200), "nor does another location's rule")
    gate.ask("app", "/get", token=tokens[0])
    same([gate.ask("app", "/get", method=method, token=tokens[0], body=b"x").status for method in ("POST", "PUT", "DELETE")], [403] * 3,
         "nor a method that the rules do not let pass")
    gate.ask("other", "/a", token=tokens[0])
    same([gate.ask("app", "/status/500", token=tokens[0]).status for _ in range(3)], [500] * 3, "an app's own 500 is no outage, kept or not")


def check_log_out(gate, user):
    token = login(user)
    same(gate.ask("app", "/out", token=token).status, 200, "before a log-out")
    Client(token).post("/logout")
    began, statuses = time.monotonic(), []
    while (status := gate.ask("app", "/out", token=token).status) == 200 and time.monotonic() < began + 20:
        statuses.append(status)
    took = time.monotonic() - began
    check(status == 401 and took < 3, "a log-out counts after a second at most, and some of a busy machine", took, status)
    token = login(user)
    same([gate.ask("app", "/in").status, gate.ask("app", "/in", token=token).status], [401, 200], "a refusal is not kept")


with front(LOCATIONS, start=False) as made:
    turn_on(made)
    made.start()
    people = new_user(), new_user()
    made.site("app", "any method:GET,HEAD", "group:staff")
    made.site("other", "any")
    check_kept(made, people, [login(one) for one in people])
    check_log_out(made, people[1])
done()
