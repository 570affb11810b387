#!/usr/bin/python3
"""
The wrong files of t/data/nginx-check, each a server of one nginx: mayflyctl gate prove finds each one's fault from outside, in a row that
says what it is, and mayflyctl nginx check names it from inside.
"""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import CHECKOUT, SCRATCH, check, done, new_user, same, settings
from nginx import free_ports

CTL = SCRATCH / "inst/bin/mayflyctl"
SAMPLES = CHECKOUT / "t/data/nginx-check"
GUEST, ACCOUNT, TOLD = "a guest at {}, as it is", "the account at {}, ", "a script without a log-in is told where it is"
FORGED = "the account sends X-Auth-User and the like"
# What is given to it beside the address, the row that is broken, and what came.
WRONG = {
    "beside": (["/", "/api/x"], GUEST.format("/api/x"), "200"),
    "cache": (["/", "--echo", "/echo"], "each request is answered anew", "without what was sent"),
    "error-page": (["/", "/shop/x"], GUEST.format("/shop/x"), "401, which is not the gate's"),
    "header": (["/", "--echo", "/live/echo"], FORGED, "the app gets gate-prove-forged-User"),
    "nested": (["/", "--denied", "/admin/files/a.txt"], ACCOUNT.format("/admin/files/a.txt") + "as it is", "200"),
    "no-root": (["/app/", "/page.html"], GUEST.format("/page.html"), "200"),
    "off": (["/", "/hooks/x"], GUEST.format("/hooks/x"), "200"),
    "regex": (["/"], "a guest at /, names of files", r"GET /gate-prove\.png: 404"),
    "return": (["/"], TOLD, "200"),
    "rewrite": (["/", "/old/page.html"], GUEST.format("/old/page.html"), "200"),
    "rule": (["/"], TOLD, "403"),
    "satisfy": (["/"], TOLD, "200"),
    "slashes": (["/", "--denied", "/admin/x"], ACCOUNT.format("/admin/x") + "with // and %2f", "GET //admin/x: 200"),
    "try-files": (["/", "/fallback/page.html"], GUEST.format("/fallback/page.html"), "200"),
    "uwsgi": (["/", "--echo", "/echo"], FORGED, "the app gets gate-prove-forged-User"),
}
# nginx takes merge_slashes of the first server of a port.
ALONE = "slashes"
FILES = ("app/fallback/page.html", "www/page.html", "in/page.html", "files/a.txt", "wiki/none")


def server_of(name, text):
    """The file as it stands, at the one port of this nginx, or at one of its own, in front of this app."""
    for pattern, put in ((r"listen 28(?:443 ssl|080);", f"listen 127.0.0.1:{'OWN' if name == ALONE else 'PORT'};"), (r"server_name git\.example\.org;", f"server_name {name}.MARK.localhost;"),
                         (r"(?m)^ *ssl_.*\n", ""), (r"http://127\.0\.0\.1:300\d", "APP"), (r"/srv/", "FOLDER/srv/"), (r"192\.0\.2\.0/24", "127.0.0.0/8"),
                         (r"/var/cache/nginx/", "FOLDER/"), (r"include uwsgi_params;\s+uwsgi_pass [\d.:]+;", "proxy_pass APP;")):
        text = re.sub(pattern, put, text)
    return text


def prove(gate, name, user, port):
    (path, *words), _, _ = WRONG.get(name, (["/", "--echo", "/echo"], None, None))
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "gate", "prove", f"http://{gate.host(name, port)}{path}", *words, "--json"], capture_output=True,
                         text=True, timeout=240, env={"MAYFLY_PROVE_NAME": user.username, "MAYFLY_PROVE_PASSWORD": user.password})
    return name, ran.returncode, ran.stdout, ran.stderr


def check_proof(name, status, out, err):
    broken = [(row["what"], row["came"]) for row in json.loads(out)["rows"] if row["result"] == "broken"] if out else []
    if name not in WRONG:
        same((status, broken), (0, []), f"{name}: a right file has nothing broken", err)
        return
    _, what, came = WRONG[name]
    same((status, [one for one in broken if one[0] == what and re.search(came, one[1])] != []), (1, True), f"{name}: {what}: {came}", broken, err)


def check_named(gate):
    """By nginx -T of this very nginx."""
    dump = subprocess.run(["/usr/sbin/nginx", "-T", "-e", gate.folder / "t.log", "-c", gate.folder / "nginx.conf"], capture_output=True, text=True, check=True).stdout
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "nginx", "check", "-", "--json"], input=dump, capture_output=True, text=True, timeout=60)
    found = {(one["kind"], one["where"].partition(",")[0]) for one in json.loads(ran.stdout)["findings"]}
    for name in WRONG:
        kinds = set(re.findall(r"# found: ([a-z-]+)", (SAMPLES / "wrong" / f"{name}.conf").read_text()))
        check(all((kind, f"server {gate.host(name).partition(':')[0]}") in found for kind in kinds) and kinds, f"{name}: nginx check names it", kinds, found)


def main():
    texts = {path.stem: path.read_text() for path in sorted((SAMPLES / "wrong").glob("*.conf")) if path.stem in WRONG}
    texts["proxy"] = (SAMPLES / "right/proxy.conf").read_text().partition("\nserver {\n    listen 28080;")[0]  # one server of each name
    same((sorted(set(WRONG) - set(texts)), len(WRONG) >= 12), ([], True), "the samples are there")
    user = new_user()
    own, = free_ports(1)
    ports = {name: own if name == ALONE else None for name in texts}
    with front(http="\n".join(server_of(name, text) for name, text in texts.items()), start=False) as gate:
        gate.conf(lambda text: text.replace("PORT", str(gate.port)).replace("OWN", str(own)).replace("MARK", gate.mark).replace("FOLDER", str(gate.folder)), "nginx.conf")
        for file in FILES:
            (gate.folder / "srv" / file).parent.mkdir(parents=True, exist_ok=True)
            (gate.folder / "srv" / file).write_text("for few\n")
        gate.start()
        for name in texts:
            gate.site(name, "any", port=ports[name])
        with settings(home=f"http://{gate.host('home')}"), ThreadPoolExecutor(2) as pool:
            for answer in pool.map(lambda name: prove(gate, name, user, ports[name]), texts):
                check_proof(*answer)
        check_named(gate)
    done()


main()
