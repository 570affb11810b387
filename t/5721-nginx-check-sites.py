#!/usr/bin/python3
"""
mayflyctl nginx check beside the database: names of servers with the gate are compared with the sites, both ways, and rules of
locations with the groups that people have; what can't be compared is said.
"""

import json
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import SCRATCH, check, done, same, signed_in

MARK = f"c{secrets.token_hex(4)}"  # the lane's stack may have sites of other scripts
CONFIG = SCRATCH / "etc/mayfly.conf"
GATE = "location = mayfly:gate { internal; proxy_pass_request_headers off; proxy_pass http://unix:/run/gate; } location @mayfly_401 { return 401; }"
GATED = "auth_request mayfly:gate; error_page 401 = @mayfly_401; root /srv/a;"


def ctl(*words, typed="", config=CONFIG):
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", config, *words], input=typed, capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def server(*names, listen="443 ssl", location=""):
    return f"server {{ listen {listen}; server_name {' '.join(names)};\n{GATE}\nlocation / {{ {location} {GATED} }} }}\n"


def found(*servers, config=CONFIG):
    """Kinds and words, of this script's names; nothing else is compared with anything of it."""
    status, out, err = ctl("nginx", "check", "-", "--json", typed="http {" + "".join(servers) + "}", config=config)
    report = json.loads(out) if out else {"findings": []}
    return [(one["kind"], one["what"]) for one in report["findings"] if MARK in one["what"]], status, err


def main():
    git, wiki = f"git.{MARK}.example", f"wiki.{MARK}.example"
    same(ctl("site", "add", f"{MARK}-git", f"https://{git}", "--require", "any")[0], 0, "a site is made")
    same(found(server(git))[0], [], "a server of its name is not named")
    same(found(server(git.upper()))[0], [], "nor in other letters")
    same(found(server(git, wiki, "*.example", "_"))[0], [("no-site", f"{wiki} is no site")], "a name that is no site is; patterns are not compared")
    seen, status, _ = found(server(wiki))
    same((seen, status), ([("no-site", f"{wiki} is no site"), ("no-server", f"the site {MARK}-git is at https://{git}")], 1), "a site that no server has is")
    open_one = f"server {{ listen 443 ssl; server_name {git}; location / {{ root /srv/b; }} }}"
    same([kind for kind, _ in found(open_one)[0]], ["no-server"], "also when a server without the gate has its name")
    same(found(server(git, listen="80"))[0], [("tls", f"the site {MARK}-git is at https://{git}, and no server of this name has TLS")],
         "https wants TLS")
    same(found(server(git, listen="80"), server(git))[0], [], "of one of the servers of the name")
    same(found("set_real_ip_from 192.0.2.1;", server(git, listen="80"))[0], [], "or of a server in front")
    group = f"g{MARK}"
    rule = server(git, location=f'set $mayfly_require "group:{group},none-{MARK} | user:ann";')
    same(found(rule)[0], [("rule", f"nobody has the group {group}"), ("rule", f"nobody has the group none-{MARK}")], "groups that nobody has")
    one, _ = signed_in()
    ctl("user", "groups", one.username, f"a,{group}")
    same(found(rule)[0], [("rule", f"nobody has the group none-{MARK}")], "somebody has one of them now")
    ctl("site", "edit", f"{MARK}-git", f"https://{git}", f"https://{wiki}/deep/")
    same(found(server(git))[0], [("no-server", f"the site {MARK}-git is at https://{wiki}/deep/")], "each origin of a site wants a server")
    with tempfile.TemporaryDirectory(dir=SCRATCH / "tmp") as folder:
        away = Path(folder) / "away.conf"
        away.write_text(re.sub(r"(?m)^database *=.*$", "database = host=/nonexistent dbname=mayfly connect_timeout=1", CONFIG.read_text()))
        seen, status, err = found(server(git, f"no.{MARK}.example"), config=away)
        same((seen, status), ([], 0), "without the database nothing is compared", err)
        check("not compared: server names with the sites, groups, TLS: " in err, "and that is said", err)
        status, _, err = ctl("nginx", "check", "-", typed="http {" + server(git).replace("internal;", "") + "}", config=away)
        check(status == 1 and "not compared" in err, "what needs no database is found all the same", status, err)
    ctl("site", "remove", f"{MARK}-git")
    done()


main()
