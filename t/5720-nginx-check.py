#!/usr/bin/python3
"""
mayflyctl nginx check, on what nginx itself prints of the shipped files: each deliberately wrong file of t/data/nginx-check/wrong is
named for its own reason at its own line, and nothing that is right is named at all.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, same

CTL = SCRATCH / "inst/bin/mayflyctl"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
SHIPPED = SCRATCH / "inst/share/mayfly/nginx"
SAMPLES = CHECKOUT / "t/data/nginx-check"
HTTP = ("mayfly.conf", "mayfly-host.conf", "mayfly-limits.conf", "mayfly-inner.conf")
TEMPORARY = "".join(f"{kind}_temp_path {{0}}/{kind}; " for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))


def home():
    """The shipped site, on ports that anybody may have."""
    return re.sub(r"\blisten (\[::\]:)?(80|443)\b", lambda found: f"listen {'[::1]' if found[1] else '127.0.0.1'}:2{found[2]:0>4}",
                  (CHECKOUT / "nginx/site.conf").read_text())


def folder_of(root, name, site):
    """A folder as /etc/nginx, with the shipped files as README says, mayfly's own site, and one behind the gate."""
    folder = root / name
    for part in ("conf.d", "snippets", "sites-enabled", "run"):
        (folder / part).mkdir(parents=True)
    for path in SHIPPED.glob("mayfly*.conf"):
        text = path.read_text().replace("/run/mayfly/nginx/", f"{folder}/run/").replace("/var/log/nginx/", f"{folder}/")
        (folder / ("conf.d" if path.name in HTTP else "snippets") / path.name).write_text(text)
    for path in ("fastcgi.conf", "fastcgi_params", "uwsgi_params", "snippets/fastcgi-php.conf"):
        shutil.copy(Path("/etc/nginx") / path, folder / path)
    for file, text in (("home", home()), ("site", site)):
        for path, put in (("/etc/ssl/example.org/", root), ("/var/log/nginx/", folder), ("/var/cache/nginx/", folder)):
            text = text.replace(path, f"{put}/")
        (folder / "sites-enabled" / file).write_text(text)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ variables_hash_max_size 2048; {TEMPORARY.format(folder)} access_log off; include conf.d/*.conf; include sites-enabled/*; }}\n")
    return folder


def printed(folder):
    """By nginx -T, which also says that nginx would take it."""
    ran = subprocess.run([NGINX, "-T", "-c", folder / "nginx.conf", "-e", folder / "error.log"], capture_output=True, text=True,
                         timeout=60)
    # As they were copied, so that they are the installed ones.
    return ran.stdout.replace(f"{folder}/run/", "/run/mayfly/nginx/"), ran.stderr if ran.returncode != 0 else ""


def checked(text, *words, path="/usr/bin:/bin"):
    """Without a configuration of mayfly, so without its database."""
    ran = subprocess.run([CTL, "-c", "/nonexistent/mayfly.conf", "nginx", "check", *words], input=text, capture_output=True, text=True, timeout=60,
                         env={"PATH": path})
    return ran.returncode, ran.stdout, ran.stderr


def expected(text):
    return sorted((number, found[1]) for number, line in enumerate(text.splitlines(), 1) if (found := re.search(r"# found: ([a-z-]+)", line)))


def seen(root, path):
    """In a thread: what nginx prints of a sample, and what the check says of it."""
    folder = folder_of(root, f"{path.parent.name}-{path.stem}", path.read_text())
    dump, refusal = printed(folder)
    return path, folder, dump, refusal, checked(dump, "-", "--json")


def check_sample(path, folder, dump, refusal, answer):
    status, out, err = answer
    wanted, name = expected(path.read_text()), f"{path.parent.name}/{path.stem}"
    same(refusal, "", f"{name}: nginx takes it")
    report = json.loads(out)
    site = str(folder / "sites-enabled/site")
    found = [finding for finding in report["findings"] if not finding["hint"]]
    same(sorted((finding["line"], finding["kind"]) for finding in found if finding["file"] == site), wanted,
         f"{name}: {'its fault alone is named' if wanted else 'nothing is named'}", found)
    same([finding for finding in found if finding["file"] != site], [], f"{name}: and nothing elsewhere")
    same(status, 1 if wanted else 0, f"{name}: the exit status says so", err)
    check(report["gated"] > 0, f"{name}: it has the gate")
    return path.stem, (dump, found, folder)


def check_words(dump, found):
    """The same for people: place, kind, what, why and what to write."""
    status, out, err = checked(dump, "-")
    one = found[0]
    same((status, out), (1, f"{one['file']}:{one['line']}: {one['kind']}: {one['where']}: {one['what']}\n"
                            f"    why: {one['why']}\n    instead: {one['instead']}\n"), "a finding in words")
    check("server git.example.org, location /api/" == one["where"], "says in which location", one)
    check("not compared: server names with the sites, groups, TLS: /nonexistent/mayfly.conf: " in err, "what could not be compared is said", err)


def check_nginx(root, found, folder):
    """Without a file nginx is asked: the first one of PATH, here the real one with this folder."""
    program = root / "bin/nginx"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {NGINX} -c {folder}/nginx.conf -e {folder}/error.log "$@"\n')
    program.chmod(0o755)
    status, out, err = checked("", "--json", path=f"{program.parent}:/usr/bin:/bin")
    # The socket of the gate is in this folder, which the shipped file does not know.
    same((status, [one for one in json.loads(out)["findings"] if one["kind"] != "snippet"]), (1, found), "nginx -T is run when nothing is given", err)
    (folder / "sites-enabled/site").write_text("server {")
    status, out, err = checked("", path=f"{program.parent}:/usr/bin:/bin")
    check((status, out) == (2, "") and "nginx -T has failed" in err and "sites-enabled/site" in err, "a configuration that nginx refuses can't be read", err)


def check_snippets(dump):
    old = dump.replace("proxy_set_header Remote-User         \"\";\n", "", 1)
    check(old != dump, "a snippet of a release before")
    status, out, _ = checked(old, "-", "--json")
    found = json.loads(out)["findings"]
    line = (CHECKOUT / "nginx/mayfly-protect.conf").read_text().splitlines().index('proxy_set_header Remote-User         "";') + 1
    same((status, [(one["kind"], Path(one["file"]).name, one["line"]) for one in found]), (1, [("snippet", "mayfly-protect.conf", line)]),
         "is named, from the line on that it does not have", out)
    map_of_origin = re.search(r'(?m)^map "" \$mayfly_site_origin \{\n.*\n\}\n', dump)[0]
    same(checked(dump.replace(map_of_origin, ""), "-")[:2], (0, ""), "nor is another map of the origin, as behind another proxy")
    same(checked(re.sub(r"(?m)^ *# .*", lambda found: found[0] if "configuration file" in found[0] else "", dump), "-")[:2], (0, ""), "comments do not count")
    other = dump.replace("set $mayfly_prefix /mayfly;", "set $mayfly_prefix /me;").replace("location ^~ /mayfly/ {", "location ^~ /me/ {")
    same(checked(other, "-")[:2], (0, ""), "another prefix in the two lines that are for it is not")


def check_input(root, dump):
    saved = root / "saved"
    saved.write_text(dump)
    same(checked("", saved)[:2], (0, ""), "a file is read")
    saved.write_text("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n" + dump)
    same(checked("", saved)[:2], (0, ""), "also with what nginx said beside it")
    for promise, text, says in (("a file that is cut", dump[:len(dump) * 2 // 3], r":\d+: "), ("nothing", "\n", "standard input: there is no configuration in it"), ("no configuration", "{", "standard input:1: unexpected {"),
                                ("one file of several", "http { include conf.d/*; }", "standard input:1: the included file is not here; give what nginx -T"),
                                ("bytes", "a \0;", "standard input:1: there is a control character")):
        status, out, err = checked(text, "-")
        check((status, out) == (2, "") and re.search(says, err), f"{promise} can't be read", status, out, err)
    status, out, err = checked("", root / "none")
    check((status, out) == (2, "") and "none: No such file" in err, "nor what is not there", err)
    status, out, err = checked("server { server_name \x1b[2J; }".replace("\x1b", "'\t\n'"), "-")
    check("\x1b" not in out + err, "what a terminal obeys is not sent to it")


def main():
    if NGINX is None:
        print("1..0 # SKIP there is no nginx")
        sys.exit()
    with tempfile.TemporaryDirectory(dir=SCRATCH / "tmp") as folder:
        root = Path(folder)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=git.example.org", "-keyout", root / "privkey.pem", "-out", root / "fullchain.pem"], check=True, capture_output=True)
        wrong, right = (sorted((SAMPLES / kind).glob("*.conf")) for kind in ("wrong", "right"))
        check(len(wrong) >= 12 and len(right) >= 5, "the samples are found", len(wrong), len(right))
        check(all(expected(path.read_text()) for path in wrong) and not any(expected(path.read_text()) for path in right), "each wrong one says why")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda path: seen(root, path), wrong + right))
        tried = dict(check_sample(*one) for one in answers)
        same(sorted({path.stem for path in wrong + right} ^ set(tried)), [], "no two have one name")
        same(checked(printed(folder_of(root, "home-alone", ""))[0], "-")[:2], (0, ""), "nor is anything of the shipped site without a gate")
        check_words(*tried["beside"][:2])
        check_nginx(root, *tried["beside"][1:])
        check_snippets(tried["proxy"][0])
        check_input(root, tried["files"][0])
    done()


main()
