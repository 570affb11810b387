#!/usr/bin/python3
"""
The wrong files of t/data/nginx-check, each a server of one nginx: mayflyctl gate prove finds each one's fault from outside, in a row that
says what it is, and mayflyctl nginx check names it from inside.
"""

import json
import re
import shutil
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
    "around": (["/"], TOLD, "200"),
    "beside": (["/", "/api/x"], GUEST.format("/api/x"), "200"),
    "cache": (["/", "--echo", "/echo"], "each request is answered anew", "without what was sent"),
    "error-page": (["/", "/shop/x"], GUEST.format("/shop/x"), "401, which is not the gate's"),
    "gate-headers": (["/"], TOLD, "500"),
    "header": (["/", "--echo", "/live/echo"], FORGED, "the app gets gate-prove-forged-User"),
    "internal": (["/"], TOLD, "500"),
    "nested": (["/", "--denied", "/admin/files/a.txt"], ACCOUNT.format("/admin/files/a.txt") + "as it is", "200"),
    "no-gate": (["/"], TOLD, "503"),
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
# What nobody sees from outside, and why; all of it that is asked holds, unless there is nothing to ask.
UNSEEN = {
    "alias": "only who may pass gets out of the folder",
    "backend": None,  # the app has an address of its own
    "php": None,  # there is no PHP behind this nginx
    "remote-user": None,
    "underscores": "mayfly-protect.conf empties the other spellings as well",
}
# nginx takes merge_slashes and underscores_in_headers of the first server of a port.
ALONE = ("slashes", "underscores")
# Where it is open, when that is another server than the one with the gate.
ELSEWHERE = {"around": "around-old", "underscores": "127.0.0.1"}  # the latter's has no name
FILES = ("app/fallback/page.html", "www/page.html", "in/page.html", "files/a.txt", "wiki/none")


def server_of(name, text):
    """The file as it stands, at the one port of this nginx, or at one of its own, in front of this app."""
    port = f"OWN_{name}" if name in ALONE else "PORT"
    old = "OWN_around" if name == "around" else f"127.0.0.1:{port}"  # a listener of this host alone would be no way around
    for pattern, put in ((r"listen 28080;", f"listen {old};"), (r"listen 28(?:443 ssl|080)( default_server)?;", rf"listen 127.0.0.1:{port}\1;"), (r"server_name git\.example\.org;", f"server_name {name}.MARK.localhost;"),
                         (r"server_name old\.example\.org;", f"server_name {name}-old.MARK.localhost;"), (r"server 127\.0\.0\.1:300\d;", "server unix:FOLDER/app.sock;"),
                         (r"(?m)^ *ssl_.*\n", ""), (r"http://127\.0\.0\.1:300\d", "APP"), (r"/srv/", "FOLDER/srv/"), (r"192\.0\.2\.0/24", "127.0.0.0/8"),
                         (r"/var/cache/nginx/", "FOLDER/"), (r"include uwsgi_params;\s+uwsgi_pass [\d.:]+;", "proxy_pass APP;")):
        text = re.sub(pattern, put, text)
    return text


def prove(gate, name, user, port):
    (path, *words), _, _ = WRONG.get(name, (["/", "--echo", "/echo"], None, None))
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "gate", "prove", f"http://{gate.host(ELSEWHERE.get(name, name) if name in WRONG else name, port)}{path}", *words, "--json"], capture_output=True,
                         text=True, timeout=240, env={"MAYFLY_PROVE_NAME": user.username, "MAYFLY_PROVE_PASSWORD": user.password})
    return name, ran.returncode, ran.stdout, ran.stderr


def check_proof(name, status, out, err):
    broken = [(row["what"], row["came"]) for row in json.loads(out)["rows"] if row["result"] == "broken"] if out else []
    if name not in WRONG:
        same((status, broken), (0, []), f"{name}: nothing is broken, since {UNSEEN.get(name, 'it is right')}", err)
        return
    _, what, came = WRONG[name]
    same((status, [one for one in broken if one[0] == what and re.search(came, one[1])] != []), (1, True), f"{name}: {what}: {came}", broken, err)


def check_named(gate, ports):
    """By nginx -T of this very nginx."""
    dump = subprocess.run(["/usr/sbin/nginx", "-T", "-e", gate.folder / "t.log", "-c", gate.folder / "nginx.conf"], capture_output=True, text=True, check=True).stdout
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "nginx", "check", "-", "--json"], input=dump, capture_output=True, text=True, timeout=60)
    found = {(one["kind"], one["where"].partition(",")[0]) for one in json.loads(ran.stdout)["findings"]}
    for name in (*WRONG, *UNSEEN):
        server = gate.host(ELSEWHERE.get(name, name)).partition(":")[0] if "." not in ELSEWHERE.get(name, "") else f"{ELSEWHERE[name]}:{ports[name]}"
        kinds = set(re.findall(r"# found: ([a-z-]+)", (SAMPLES / "wrong" / f"{name}.conf").read_text()))
        check(all((kind, f"server {server}") in found for kind in kinds) and kinds, f"{name}: nginx check names it", kinds, server,
              [one for one in found if one[0] in kinds])


def main():
    texts = {path.stem: path.read_text() for path in sorted((SAMPLES / "wrong").glob("*.conf"))}
    same(sorted(texts), sorted((*WRONG, *UNSEEN)), "of each sample it is said whether prove sees it")
    texts["proxy"] = (SAMPLES / "right/proxy.conf").read_text().partition("\nserver {\n    listen 28080;")[0]  # one server of each name
    check(len(WRONG) >= 12, "it sees twelve at least", len(WRONG))
    user = new_user()
    ports = dict.fromkeys(texts) | dict(zip(("around", *ALONE), free_ports(1 + len(ALONE))))
    with front(http="\n".join(server_of(name, text) for name, text in texts.items()), start=False) as gate:
        for name in ("around", *ALONE):
            gate.conf(lambda text: text.replace(f"OWN_{name}", str(ports[name])), "nginx.conf")
        gate.conf(lambda text: text.replace("PORT", str(gate.port)).replace("MARK", gate.mark).replace("FOLDER", str(gate.folder)), "nginx.conf")
        shutil.copy("/etc/nginx/fastcgi.conf", gate.folder)
        for file in FILES:
            (gate.folder / "srv" / file).parent.mkdir(parents=True, exist_ok=True)
            (gate.folder / "srv" / file).write_text("for few\n")
        gate.start()
        for name in texts:
            gate.site(name, "any", port=ports[name] if name in ALONE else None)
        with settings(home=f"http://{gate.host('home')}"), ThreadPoolExecutor(6) as pool:  # of three no answer comes until prove gives up
            for answer in pool.map(lambda name: prove(gate, name, user, ports[name]), [name for name in texts if UNSEEN.get(name, "") is not None]):
                check_proof(*answer)
        check_named(gate, ports)
    done()


main()
