#!/usr/bin/python3
"""An nginx that has sites behind the gate and not mayfly's own pages, and one that has those and no site, start and do their part."""

import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import check, done, login, new_user, same


def without(text, wanted):
    """nginx.conf without its server that has this in it."""
    first, *servers = re.split(r"(?m)^(?= {16}server \{)", text)
    kept = [server for server in servers if wanted not in server]
    if len(kept) != len(servers) - 1:
        raise RuntimeError(f"no server has {wanted}")
    # What is behind the last one ends the http block.
    return first + "".join(kept) + ("" if servers[-1] in kept else "            }")


def tested(made):
    ran = subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-e", made.folder / "test.log", "-c", made.folder / "nginx.conf"], capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stderr


TOKEN = login(new_user())
with front(start=False) as made:
    made.conf(lambda text: without(text, "server_name home."), "nginx.conf")
    same(tested(made), (0, ""), "nginx -t of a server with sites alone")
    made.start()
    made.site("app", "any")
    same([made.ask("app", token=token).status for token in (None, TOKEN)], [401, 200], "which asks and lets through")
    answer = made.ask("app", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
    same((answer.status, "/enter?to=" in answer.headers.get("location", "")), (303, True), "and leads to a home that is on another host")
with front(start=False) as made:
    made.conf(lambda text: without(text, "default_server").replace("include snippets/mayfly-gate.conf;", "")
              .replace("location /behind { include snippets/mayfly-protect.conf;", "location /behind {"), "nginx.conf")
    same(tested(made), (0, ""), "nginx -t of a server with mayfly's own pages alone")
    made.start()
    same(made.ask("home", "/profile", token=TOKEN).status, 200, "which answers")
    check(made.ask("home", "/mayfly/logout").status == 404, "and has no site's prefix")
done()
