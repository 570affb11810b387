#!/usr/bin/python3
"""
What a site is called and looks like is a setting that each page follows; nothing that is set can be markup, or make a page load
something from elsewhere.
"""

import html
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, SCRATCH, Client, check, done, login, new_user, same, settings

BROWSER = {"Accept": PAGE}
NAME = """Caf\u00e9 <b>&"'{{x}} & Sons"""
LOGO, CSS = "/brand/logo.png?v=2&w=1", "/brand/own.css"


def refused(name, value, said):
    path = SCRATCH / "tmp" / "brand.conf"
    path.write_text(f"{(SCRATCH / 'etc/mayfly.conf').read_text()}\n{name} = {value}\n")
    run = subprocess.run([SCRATCH / "inst/bin/mayfly-worker", "-t", "-c", path], capture_output=True, text=True)
    check(run.returncode != 0 and said in run.stderr, f"{name} = {value[:30]!r} is refused", run)


for value in ("", "a" * 61, "\x7f"):
    refused("brand_name", value, "say a name of 1 to 60 characters")
for value in ("https://evil.example/a.css", "//evil.example/a.css", "a.css", '/a"onload=x', "/a b", "/<", "/a'", "/a;b"):
    refused("brand_css", value, "say a path of this site")
    refused("brand_logo", value, "say a path of this site")
refused("brand_logo", "", "say a path of this site")

browser = Client(cookie=f"mayfly={login(new_user())}")
PAGES = [(Client(), path, status) for path, status in (("/", 200), ("/login", 200), ("/register", 200), ("/nothing", 404))]
PAGES += [(browser, path, 200) for path in ("/", "/account", "/files")]
for client, path, status in PAGES:
    page = client.get(path, headers=BROWSER)
    check(page.status == status and "mayfly</title>" in page.text and "/brand/" not in page.text, f"{path} has mayfly's name where nothing is set", page)
with settings(brand_name=NAME, brand_logo=LOGO, brand_css=CSS, demo="no"):
    for client, path, status in PAGES:
        page = client.get(path, headers=BROWSER)
        title, head = re.search(r"<title>(.*)</title>", page.text)[1], page.text.partition("<main")[0]
        check(page.status == status and html.unescape(title).endswith(NAME) and "<b>" not in page.text and '<b>&"' not in title,
              f"{path} says the name, and it is no markup", title)
        same((re.findall(r'<img src="([^"]*)" alt="" width="32"', head), re.findall(r'rel="stylesheet" href="([^"]*)"', head)),
             ([html.escape(LOGO)], ["/static/mayfly.css", CSS]), "with its picture, and its style after mayfly's")
        same(re.findall(r"mayfly(?!\.css|\.svg)", re.sub(r"<[^>]*>", "", page.text)), [], "and of mayfly it says nothing")
        check("style-src 'self'; script-src 'self'; img-src 'self'" in page.headers["content-security-policy"], "its policy is as before", page.headers)
done()
