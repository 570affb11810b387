#!/usr/bin/python3
"""The front page of somebody who is logged in has a tile for each site that he may enter, in their order, and for no other."""

import html
import re
import secrets
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import postgres_away
from mayfly import PAGE, SCRATCH, Client, check, done, login, new_user, psql, same, settings

BROWSER, MARK = {"Accept": PAGE}, f"t{secrets.token_hex(4)}"


def ctl(*words):
    return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], check=True, capture_output=True)


def tiles(client):
    """(title, address, whether a proof is asked for) of this script's."""
    page = client.get("/", headers=BROWSER).text
    found = re.findall(r'<li>\s*<a class="card" href="([^"]*)">\s*<strong>(.*?)</strong>\s*<span class="hint">(.*?)</span>\s*</a>\s*</li>', page)
    return [(html.unescape(title), address, "another proof" in hint) for address, title, hint in found if MARK in address]


def site(name, order, *rules, title="", path=""):
    words = [word for rule in rules for word in ("--require", rule)]
    ctl("site", "add", f"{MARK}-{name}", f"https://{name}.{MARK}.example{path}", *words, "--order", str(order), *(["--title", title] if title else []))


user, other = new_user(), new_user()
browser, stranger = (Client(cookie=f"mayfly={login(one)}") for one in (user, other))
SITES = ("wiki", "git", "bank", "vault", "own", "open", "net", "deep", "keys", "broken")
try:
    site("wiki", 2, "any", title="<b>Wiki & more")
    site("git", 1, "group:staff")
    site("bank", 3, "group:staff factor:2")
    site("vault", 4, "any recent:60")
    site("own", 5, f"user:{user.username}")
    site("open", 6, "public")
    site("net", 7, "any net:203.0.113.0/24")
    site("deep", 8, "any path:/deep/", path="/deep/")
    site("keys", 9, "key any")
    site("broken", 10, "any")
    psql(f"UPDATE mayfly.site SET rules = 'public ' WHERE name = '{MARK}-broken'")

    def at(name, path=""):
        return f"https://{name}.{MARK}.example{path}"

    everybody = [("<b>Wiki & more", at("wiki"), False), (f"{MARK}-vault", at("vault"), False), (f"{MARK}-open", at("open"), False),
                 (f"{MARK}-deep", at("deep", "/deep/"), False)]
    same(tiles(stranger), everybody, "what everybody may enter who is logged in, by its title or name")
    own = everybody[:2] + [(f"{MARK}-own", at("own"), False)] + everybody[2:]
    same(tiles(browser), own, "and whoever is named, his own")
    ctl("user", "groups", user.username, "staff")
    staff = [(f"{MARK}-git", at("git"), False), own[0], (f"{MARK}-bank", at("bank"), True), *own[1:]]
    same(tiles(browser), staff, "with a group its sites, in their order; where a factor is missing, with a hint")
    same(tiles(Client()), [], "a guest sees none")
    with settings(demo="no"):
        same(tiles(browser), staff, "without the demonstration too")
    with settings(cache_fresh_s=60):
        same(tiles(stranger), everybody, "there is a copy of this session")
        with postgres_away():
            page = stranger.get("/", headers=BROWSER)
        check(page.status == 200 and "can't be listed at the moment" in page.text and other.username in page.text,
              "while the database is away it says so, and is a page all the same", page)
finally:
    for name in SITES:
        subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "site", "remove", f"{MARK}-{name}"], capture_output=True)
same(tiles(browser), [], "and of a site that is removed nothing is left")
done()
