#!/usr/bin/python3
"""
nginx's files have a number. A request that comes through files of an earlier release still works; its worker says in the log that
they are old, once, and /health/ready says it with the command that mends it. The command replaces copies by links, unless
nginx refuses the installed files.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from mayfly import CHECKOUT, SCRATCH, Client, check, done, note, same
from nginx import nginx_around

SHIPPED = SCRATCH / "inst/share/mayfly/nginx"
NEEDED = int(re.search(r"NGINX_NUMBER = (\d+)", (CHECKOUT / "src/app/nginx_number.h").read_text())[1])
COMMAND = re.compile(r"sh /\S+/share/mayfly/nginx/update\.sh")  # of the installation that this one was built for
CURRENT = {"state": "current"}
# file, what an earlier release had in it instead of the pattern, and the number that is found then
OLD = (
    ("conf.d/mayfly.conf", rf'(map "" \$mayfly_nginx_http \{{\s+default) {NEEDED};', r"\1 %d;", NEEDED - 1),
    ("snippets/mayfly-locations.conf", rf"(set \$mayfly_nginx_server) {NEEDED};", r"\1 %d;", NEEDED - 1),
    ("snippets/mayfly-locations.conf", r"set \$mayfly_nginx_server .*\n", "", 0),
    ("snippets/mayfly-params.conf", rf"(fastcgi_param MAYFLY_NGINX .*:){NEEDED};", r"\g<1>%d;", NEEDED - 1),
    ("snippets/mayfly-params.conf", r"fastcgi_param MAYFLY_NGINX .*\n", "", 0),
)


def reload(nginx):
    """Returns when no process with the files of before is left."""
    master = (nginx.folder / "pid").read_text().strip()
    children = Path(f"/proc/{master}/task/{master}/children")
    check(wait_until(20, lambda: children.read_text().split()), "nginx runs")
    before = set(children.read_text().split())
    os.kill(int(master), signal.SIGHUP)
    check(wait_until(20, lambda: (now := set(children.read_text().split())) and not now & before), "nginx reads its files again")


def told(worker):
    """The lines of one worker."""
    pool = worker.partition("/")[0]
    lines = (line for line in (SCRATCH / f"log/pool-{pool}.log").read_text().splitlines() if "old_nginx_files" in line)
    return [event for line in lines if (event := json.loads(line))["worker"] == worker]


def check_old(nginx, file, pattern, put, found):
    path = nginx.folder / file
    before = path.read_text()
    after, count = re.subn(pattern, put % found if "%" in put else put, before)
    same(count, 1, f"{file} has its number in one place")
    path.write_text(after)
    reload(nginx)
    client = nginx.client(nginx.host)
    ready = client.get("/health/ready")
    said = ready.json()["nginx"]
    same((ready.status, {**said, "command": bool(COMMAND.fullmatch(said.get("command", "")))}),
         (200, {"state": "old files", "found": found, "needed": NEEDED, "command": True}), f"/health/ready tells of {file}, {found}", said)
    lines = [client.get("/worker") and told(ready.worker) for _ in range(2)][-1]
    same(len(lines), 1, "its worker has said so, once", lines)
    same((lines[0]["level"], lines[0]["needed"], lines[0]["command"]), ("warn", NEEDED, said["command"]), "with the command")
    path.write_text(before)


class Host:
    """A folder as /etc/nginx with copies, and programs in the place of nginx and systemctl."""

    def __init__(self, folder, accepts):
        self.etc, self.calls = folder / "etc", folder / "calls"
        for part in ("conf.d", "snippets"):
            (self.etc / part).mkdir(parents=True)
        for name in ("conf.d/mayfly.conf", "conf.d/mayfly-host.conf", "conf.d/mayfly-http.conf", "snippets/mayfly-params.conf", "snippets/mayfly-mine.conf"):
            (self.etc / name).write_text("a copy\n")
        (folder / "bin").mkdir()
        for program, status in (("nginx", 0 if accepts else 1), ("systemctl", 0)):
            (folder / "bin" / program).write_text(f'#!/bin/sh\necho {program} "$@" >>{self.calls}\nexit {status}\n')
            (folder / "bin" / program).chmod(0o755)
        self.path = f"{folder / 'bin'}:/usr/bin:/bin"

    def update(self):
        self.calls.write_text("")
        ran = subprocess.run(["sh", SHIPPED / "update.sh", self.etc], capture_output=True, text=True, env={"PATH": self.path}, timeout=30)
        return ran.returncode, self.calls.read_text().splitlines(), ran.stderr

    def links(self):
        return {str(path.relative_to(self.etc)): str(path.readlink()) for path in self.etc.rglob("*") if path.is_symlink()}

    def copies(self):
        return {str(path.relative_to(self.etc)) for path in self.etc.rglob("*") if path.is_file() and not path.is_symlink()}


def check_command(root):
    own = {"conf.d/mayfly-host.conf", "conf.d/mayfly-http.conf", "snippets/mayfly-mine.conf"}
    replaced = {"conf.d/mayfly.conf", "snippets/mayfly-params.conf"}
    host = Host(root / "accepts", True)
    same(host.update()[:2], (0, ["nginx -t", "systemctl reload nginx"]), "the command tries the files, and reloads nginx")
    same(host.links(), {name: f"{SHIPPED}/{Path(name).name}" for name in replaced}, "copies are links to the installed files now")
    same(host.copies(), own | {f"{name}.old" for name in replaced}, "copies are kept, and administrators' own files are as they were")
    same((host.update()[0], host.links().keys()), (0, replaced), "the second time it changes nothing")
    refused = Host(root / "refuses", False)
    status, calls, err = refused.update()
    check(status == 1 and calls == ["nginx -t"] and "the copies are back" in err, "where nginx refuses them, it is not reloaded", status, calls, err)
    same((refused.links(), refused.copies()), ({}, own | replaced), "and the copies are back")


def check_number():
    """Files that differ from those of the release before have a higher number."""
    commit = re.search(r'RELEASE_BEFORE = "(\w+)"', (CHECKOUT / "t/5510-two-releases.py").read_text())[1]

    def git(*words):
        return subprocess.run(["git", "-c", f"safe.directory={CHECKOUT}", "-C", CHECKOUT, *words], capture_output=True, text=True)

    try:
        changed = git("diff", "--quiet", commit, "--", "nginx/*.conf").returncode
    except OSError:
        changed = 128
    if changed > 1:
        note("the repository's history is not here")
        return
    before = re.search(r"NGINX_NUMBER = (\d+)", git("show", f"{commit}:src/app/nginx_number.h").stdout)
    check(not changed or NEEDED > (int(before[1]) if before else 0), "a release that changes nginx's files has a higher number", NEEDED)


def main():
    same(Client().get("/health/ready").json()["nginx"], CURRENT, "the installed files are current")
    with nginx_around(SCRATCH / "tmp/nginx-files") as nginx:
        for row in OLD:
            check_old(nginx, *row)
        reload(nginx)
        same(nginx.client(nginx.host).get("/health/ready").json()["nginx"], CURRENT, "the next request through current files is told so")
    with tempfile.TemporaryDirectory(dir=SCRATCH / "tmp") as folder:
        check_command(Path(folder))
    check_number()
    done()


main()
