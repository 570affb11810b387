#!/usr/bin/python3
"""
mayflyctl gate prove on a live site by the shipped files, behind which an app echoes: all that it asks has held, also with the database away.
What it is not given it says it has not asked. Secrets come by a file or the environment, and nothing of them is printed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import DEV, SCRATCH, check, done, login, new_user, psql, same, settings
from memcached import session_id

CTL = SCRATCH / "inst/bin/mayflyctl"
LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /about/ { include snippets/mayfly-public.conf; proxy_pass APP; }
    location /admin/ { set $mayfly_require "group:nobody-is-in"; include snippets/mayfly-protect.conf; proxy_pass APP; }
"""


def prove(*words, typed="", **environment):
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "gate", "prove", *map(str, words)], input=typed, capture_output=True, text=True, timeout=240,
                         env={"PATH": "/usr/bin:/bin", **environment})
    return ran.returncode, ran.stdout, ran.stderr


def rows_of(out):
    return [(row["result"], row["what"], row["came"]) for row in json.loads(out)["rows"]]


def but(rows, result):
    return [row for row in rows if row[0] != result]


def expired(user):
    token = login(user)
    psql(f"UPDATE mayfly.session SET expires_at = now() - interval '1 minute' WHERE id = '{session_id(token)}'")
    return token


def check_all(gate, user, folder):
    secret, old = folder / "login", folder / "expired"
    secret.write_text(f"{user.username}\n{user.password}\n")
    old.write_text(expired(user) + "\n")
    environment = f"MAYFLY_SCRATCH={SCRATCH} {DEV} service"
    status, out, err = prove(f"http://{gate.host('one')}/", "/deep/page", "--login", secret, "--echo", "/echo", "--public", "/about/", "--denied", "/admin/",
                             "--other", f"http://{gate.host('two')}/", "--expired", old, "--away", f"{environment} stop postgres",
                             "--back", f"{environment} start postgres", "--json")
    rows = rows_of(out) if out else []
    same((but(rows, "held"), status), ([], 0), "on the shipped files all has held", err)
    check(len(rows) > 80, "and it was much", len(rows))
    same(re.fullmatch(r"mayflyctl gate prove: (\d+) held, 0 broken, 0 not asked\n", err) is not None, True, "which is counted", err)
    tickets = [what for _, what, _ in rows if "ticket" in what]
    check(len(tickets) >= 7, "tickets are among them", tickets)
    check(any("503 after" in came for _, _, came in rows), "and the outage", rows)
    for text in (user.password, "mfs_", "mfv_", "ticket=", "to="):
        check(text not in out + err, f"nothing secret is printed: {text[:7]}")


def check_little(gate, user):
    status, out, err = prove(f"http://{gate.host('one')}/", "--json", MAYFLY_PROVE_NAME=user.username, MAYFLY_PROVE_PASSWORD=user.password)
    rows = rows_of(out)
    left = but(rows, "held")
    same((status, {row[0] for row in left}), (0, {"not_asked"}), "with a log-in from the environment alone the rest holds", left, err)
    same(sorted({found for _, _, came in left for found in re.findall(r"--[a-z]+", came)}), ["--away", "--back", "--denied", "--echo", "--expired", "--other", "--public"],
         "and what was not asked names its option")
    status, out, err = prove(f"http://{gate.host('home')}/behind/x", MAYFLY_PROVE_NAME=user.username, MAYFLY_PROVE_PASSWORD=user.password)
    lines = out.splitlines()
    same((status, [line for line in lines if line.startswith("BROKEN")]), (0, []), "a site that shares mayfly's own host", err, out)
    check(lines[0].split() == ["RESULT", "WHAT", "CAME"] and any("needs none" in line for line in lines), "in a table for people, without tickets there", out)


def check_refused(gate, user, folder):
    url = f"http://{gate.host('one')}/"
    secret, empty = folder / "login", folder / "empty"
    secret.write_text(f"{user.username}\nnot the password\n")
    empty.write_text("ann\n")
    for promise, words, says in (("a wrong password", [url, "--login", secret], "/login does not take the account of --login: 401"),
                                 ("no account", [url], "say whose log-in is used"), ("half of one", [url, "--login", empty], "empty: line 2 is missing"),
                                 ("what is no file", [url, "--login", folder / "none"], "none: No such file"), ("no URL", ["/x"], "write an origin"),
                                 ("half of an outage", [url, "--away", "true"], "--away and --back belong together"),
                                 ("a path that is none", [url, "deep"], "a path such as /admin/, not 'deep'"),
                                 ("another's option", [url, "--groups", "a"], "--groups is not for this command")):
        status, out, err = prove(*words)
        check((status, out) == (2, "") and says in err, f"{promise} is refused", status, out, err)
    status, out, err = prove(url, "--login", "-", "--json", typed=f"{user.username}\n{user.password}\n", MAYFLY_PROVE_NAME="x")
    same(status, 0, "a log-in comes from standard input as well", err)
    secret.write_text(f"{user.username}\n{user.password}\n")
    status, out, err = prove(url, "--login", secret, "--away", "echo broken >&2; exit 3", "--back", f"touch {folder}/back")
    check((status, out) == (2, "") and "the command of --away has failed: broken" in err and (folder / "back").exists(),
          "a command that fails is told, after the other one has run", status, err)
    status, out, err = prove("http://127.0.0.1:1/", "--login", secret)
    check(status == 1 and "no answer" in out, "a site that does not answer is none that holds", status, out, err)


with front(LOCATIONS) as started, tempfile.TemporaryDirectory() as place:
    someone = new_user()
    started.site("one", "any", "public path:/about/")
    started.site("two", "any")
    started.site("home", "any", path="/behind/")
    with settings(home=f"http://{started.host('home')}", cache_fresh_s=1, site_fresh_s=1, database_connect_ms=200, database_retry_ms=50):
        check_little(started, someone)
        check_refused(started, someone, Path(place))
        check_all(started, someone, Path(place))
done()
