#!/usr/bin/python3
"""
A real browser over TLS, with scripts and without: two subdomains of the home's domain and two domains that have nothing to do with it. One
log-in opens all four, each by a cookie of its own; one log-out at home closes all four.
"""

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import Browser, missing
from gate import ctl, front
from mayfly import SCRATCH, check, done, new_user, same, settings

def certificate(folder, names):
    """Made for all names; the digest of its public key, by which the browser takes it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={names[0]}",
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    public = subprocess.run(["openssl", "x509", "-in", folder / "cert.pem", "-noout", "-pubkey"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def where(b):
    return b.driver.current_url


def at_log_in(b, home):
    return where(b).startswith(f"https://{home}/enter?to=") and len(b.all('form[action="/login"]')) == 1


def check_closed(b, home, sites, promise):
    seen = []
    for site in sites:
        b.driver.get(f"https://{site}/x?q=1&r=%26")
        seen.append(at_log_in(b, home))
    same(seen, [True] * len(sites), promise, where(b))


def check_open(b, sites, user, promise):
    seen = []
    for site in sites:
        b.driver.get(f"https://{site}/page")
        seen.append((where(b), user.username in b.text("body")))
    same(seen, [(f"https://{site}/page", True) for site in sites], promise)


def cookies(b, site):
    b.driver.get(f"https://{site}/page")
    return {one["name"]: (one["value"], one["domain"], one["secure"], one["httpOnly"], one["sameSite"], one["path"]) for one in b.driver.get_cookies()}


def go(b, home, sites, user):
    check_closed(b, home, sites, "guests are led from all four sites to the log-in at home")
    b.driver.get(f"https://{sites[0]}/x?q=1&r=%26")
    b.send("/login", username=user.username, password="not the password")
    check(b.text('[role="alert"]'), "a wrong password is told there", where(b), b.text("body")[:300])
    b.send("/login", username=user.username, password=user.password)
    b.wait(lambda driver: driver.current_url.startswith(f"https://{sites[0]}/") and user.username in b.text("body"))
    same(where(b), f"https://{sites[0]}/x?q=1&r=%26", "the right one leads back to the whole address")
    check_open(b, sites, user, "and opens all four, without another log-in")
    jars = {site: cookies(b, site) for site in sites}
    session = {site: jar.get("__Host-mayfly") for site, jar in jars.items()}
    check(all(session.values()) and len({one[0] for one in session.values()}) == 4, "each has a cookie of its own", jars)
    check(all(one[1:] == (site, True, True, "Lax", "/") for site, one in session.items()), "of that host alone, over TLS alone, for no script", session)
    b.driver.get(f"https://{home}/account")
    b.leave('form[action="/logout"] button')
    check_closed(b, home, sites, "after a log-out at home all four are closed")
    b.driver.get(f"https://{home}/account")
    check("/login" in where(b) or b.all('form[action="/login"]'), "and the home too", where(b))
    complaints = [line for line in b.complaints() if "favicon" not in line]
    same(complaints, [], "the browser has nothing to complain of")


def main():
    if missing():
        print(f"1..0 # SKIP {missing()}")
        return
    screens = SCRATCH / "screens"
    screens.mkdir(parents=True, exist_ok=True)
    with front(start=False) as gate:
        mark = gate.mark
        home, sites = f"auth.{mark}-a.example", [f"git.{mark}-a.example", f"wiki.{mark}-a.example", f"{mark}-b.example", f"shop.{mark}-c.test"]
        digest = certificate(gate.folder, [home, *sites])
        tls = f"listen 127.0.0.1:{gate.port} ssl"
        gate.conf(lambda text: text.replace(f"listen 127.0.0.1:{gate.port};", tls + ";").replace(f"listen 127.0.0.1:{gate.port} default_server;", tls + " default_server;")
                  .replace(f"server_name home.{mark}.localhost;", f"server_name {home};")
                  .replace("include /etc/nginx/mime.types;", f"include /etc/nginx/mime.types; ssl_certificate {gate.folder}/cert.pem; ssl_certificate_key {gate.folder}/key.pem;"),
                  "nginx.conf")
        gate.start()
        for n, site in enumerate(sites):
            ctl("site", "add", f"{mark}-{n}", f"https://{site}", "--require", "any")
            gate._sites.append(f"{mark}-{n}")
        arguments = (f"host-resolver-rules=MAP * 127.0.0.1:{gate.port}", f"ignore-certificate-errors-spki-list={digest}")
        with settings(home=f"https://{home}", cookie_secure="yes"):
            for javascript in (True, False):
                print(f"# JavaScript {'on' if javascript else 'off'}")
                with Browser(f"https://{home}", screens, javascript, arguments) as b:
                    go(b, home, sites, new_user())
    done()


main()
