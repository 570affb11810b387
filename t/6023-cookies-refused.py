#!/usr/bin/python3
"""A browser that keeps no cookies is told so, at the site and at the log-in, and goes round no circle; so is curl without a jar."""

import html
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import front
from mayfly import PAGE, check, done, new_user, same, settings
from ways import Browser, at


class Forgetful(Browser):
    """Keeps no cookies of these hosts."""

    def __init__(self, gate, *names):
        super().__init__(gate)
        self.refuses = [gate.host(name).partition(":")[0] for name in names]

    def get(self, *words, **more):
        for host in self.refuses:
            self.jar.pop(host, None)
        return super().get(*words, **more)


def check_home(gate, user):
    for names in (("home",), ("home", "one")):
        browser = Forgetful(gate, *names)
        url, page = browser.follow(at(gate, "one", "/x"))
        same((page.status, url.startswith(at(gate, "home", "/enter"))), (200, True), "somebody who keeps no cookies comes to the log-in")
        url, page = browser.log_in(user)
        check(page.status == 422 and "allow cookies" in page.text and "/enter?" in url, "and after it is told that the browser has not kept the cookie", url, page)
        same(len(browser.trail) < 8, True, "in a few steps", browser.trail)


def check_site(gate, user):
    browser = Forgetful(gate, "one")
    browser.follow(at(gate, "one", "/x"))
    url, page = browser.log_in(user)
    check(page.status == 403 and "allow cookies" in page.text and url.startswith(at(gate, "one", "/mayfly/enter")), "who keeps none of the site is told there", url, page)


def check_curl(gate, user):
    def curl(*options):
        ran = subprocess.run(["curl", "-s", "-L", "--max-redirs", "8", "-H", f"Accept: {PAGE}", "-w", "\n%{http_code} %{num_redirects} %{url_effective}", "--connect-to",
                              f"::127.0.0.1:{gate.port}", *options], capture_output=True, text=True, timeout=60, check=False)
        page, _, told = ran.stdout.rpartition("\n")
        return ran.returncode, page, *told.split()

    code, page, status, redirects, url = curl(at(gate, "one", "/x"))
    same((code, status, redirects), (0, "200", "1"), "curl without a jar comes to the log-in, once", url)
    rd = html.unescape(re.search(r'name="rd" value="([^"]+)"', page).group(1))
    code, page, status, redirects, url = curl("--data-urlencode", f"username={user.username}", "--data-urlencode", f"password={user.password}", "--data-urlencode",
                                              f"rd={rd}", at(gate, "home", "/login"))
    check((code, status) == (0, "422") and "allow cookies" in page, "and after it to the page that says what is missing", status, redirects, page)


USER = new_user()
with front() as started:
    with settings(home=f"http://{started.host('home')}"):
        started.site("one", "any")
        check_home(started, USER)
        check_site(started, USER)
        check_curl(started, USER)
        url, page = (usual := Browser(started)).follow(at(started, "one", "/x")) and usual.log_in(USER)
        same((url, page.status), (at(started, "one", "/x"), 200), "whoever keeps them gets there")
done()
