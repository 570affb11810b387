#!/usr/bin/python3
"""
What `./dev up` shows: the sites of examples/, by their own nginx files, with one log-in for all of them at a home of its own. Their apps keep
nothing: replaced, they know all; an outage shows no empty page. In Chromium they are what a person may use, by day and by night.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import browser
from chaos import wait_until
from mayfly import CHECKOUT, DEV, SCRATCH, check, done, note, same
from visitor import Visitor

UP = SCRATCH / "up"
NPM = CHECKOUT / "examples/express"
WANTED = ["wiki", "shop", "notes", "tasks"]


def dev(*words):
    return subprocess.run([DEV, *words], env={**os.environ, "MAYFLY_SCRATCH": str(UP), "MAYFLY_KIND": "up"}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)


def npm_install():
    """Express itself, as its lock file says. None when npm can't fetch it; then why."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "there is no npm; apt-get install nodejs npm"
    (UP / "npm").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NPM / name, UP / "npm")
    try:
        ran = subprocess.run(["npm", "ci", "--prefix", UP / "npm", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"],
                             capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        shutil.rmtree(UP / "npm")
        return "npm did not fetch it in two minutes"
    return None if ran.returncode == 0 else f"npm can't fetch it: {ran.stderr[-500:]}"


def gone(pid):
    """Ended, even if its parent has not asked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Sites:
    def __init__(self, said):
        self.port = int((UP / "port").read_text())
        self.said = said
        self.password = (UP / "etc/demo").read_text().strip()

    def url(self, name, path="/"):
        return f"http://{name}.localhost:{self.port}{path}"

    def visitor(self):
        return Visitor(self.port)

    def replace(self):
        """The programs are killed, and started by the next `up`."""
        pids = [int(path.read_text()) for name in self.shown if (path := UP / f"pid/{name}.pid").exists()]
        for pid in pids:
            os.killpg(pid, signal.SIGKILL)
        if not wait_until(10, lambda: all(gone(pid) for pid in pids)):
            raise RuntimeError("the programs can't be killed")
        same((len(pids) >= 2, dev("stack", "up").returncode), (True, 0), "the programs of all examples are killed and replaced")


def rows(page):
    """What the list of a page has, without its buttons."""
    return [re.sub(r"<form.*?</form>|<[^>]+>", "", row, flags=re.S).strip() for row in re.findall(r"<li>(.*?)</li>", page.text, re.S)]


def check_wiki(sites, visitor):
    target = sites.url("wiki", "/?page=a%26b&to=http://other.example/")
    visitor.open(target)
    check(visitor.url.startswith(sites.url("auth", "/enter?to=")), "wiki: a guest is led to the log-in at home, which is another host", visitor.url)
    page = visitor.log_in("demo", sites.password)
    same((visitor.url, page.status), (target, 200), "and comes back to the whole address, query and all")
    check("You are <strong>demo</strong>" in page.text and f'href="{sites.url("auth", "/account")}"' in page.text, "the page says who it is, and leads to the account", page)
    same(page.headers["cache-control"], "private, no-cache", "a browser asks before it shows what it has kept")
    style = visitor.ask(sites.url("wiki", "/style.css"))
    same(visitor.ask(sites.url("wiki", "/style.css"), headers={"If-None-Match": style.headers["etag"]}).status, 304, "and is told so when nothing has changed")
    check("of staff" in visitor.open(sites.url("wiki", "/staff/")).text, "a part for a group is open to whoever has it")
    same([sites.visitor().ask(sites.url("wiki", path), headers={}).status for path in ("/", "/index.html", "/staff/", "/style.css")], [401] * 4, "all of it is closed to programs")
    ann = sites.visitor()
    ann.open(sites.url("wiki", "/staff/"))
    ann.open(sites.url("auth", "/register"))
    ann.send("/register", username="ann", password="a quiet green lamp")
    ann.open(sites.url("wiki", "/staff/"))
    page = ann.log_in("ann", "a quiet green lamp")
    check(page.status == 403 and "may not enter" in page.text and "ann" in page.text, "whoever registers and has not the group gets a page that says so", page)
    same(ann.open(sites.url("wiki")).status, 200, "and the rest")


def check_shop(sites, visitor):
    guest = sites.visitor()
    page = guest.open(sites.url("shop"))
    check(page.status == 200 and "You are a guest" in page.text, "shop: everybody may look", page)
    guest.send("/cart", item="tea")
    guest.send("/cart", item="tea")
    yield
    check("Cart (2)" in guest.open(sites.url("shop")).text, "what a guest put into the cart is there when the pool is another one")
    guest.open(sites.url("shop", "/order"))
    check(guest.url.startswith(sites.url("auth", "/enter")), "to order one has to log in", guest.url)
    page = guest.log_in("demo", sites.password)
    same((guest.url, rows(page)), (sites.url("shop", "/order"), ["Tea from the hills 2"]), "and the cart comes along")
    check("mayfly" not in guest.jar["shop.localhost"].get("PHPSESSID", "") and {"PHPSESSID", "mayfly"} <= set(guest.jar["shop.localhost"]), "the shop has its own cookie beside", guest.jar)
    page = guest.send("/order")
    check("It is on its way" in page.text and "It is empty" in page.text and "Orders so far: 1" in page.text, "it is ordered", page)
    check("Orders so far: 1" in visitor.open(sites.url("shop", "/order")).text and "/login" not in str(visitor.trail[-6:]),
          "which another browser sees that has logged in at another site", visitor.trail[-6:])


def check_notes(sites, visitor):
    page = visitor.open(sites.url("notes"))
    same((visitor.url, page.status), (sites.url("notes"), 200), "notes: who has logged in elsewhere is in")
    page = visitor.send("/notes", text="<b>milk</b> & honey")
    check(rows(page) == ["&lt;b&gt;milk&lt;/b&gt; &amp; honey"] and "It is noted." in page.text, "a note is kept, and said to be", page)
    yield
    page = visitor.open(sites.url("notes"))
    check(len(rows(page)) == 1 and "It is noted." not in page.text, "it is there when the server is another one; what was said once is not said again", page)
    page = visitor.send(re.search(r'action="(/notes/\w+/remove)"', page.text)[1])
    same((rows(page), "It is gone." in page.text), ([], True), "and it can be removed")
    same(sites.visitor().ask(sites.url("notes", "/notes"), "POST", headers={}, form={"text": "forged"}).status, 401, "not by a guest's POST")


def check_tasks(sites, visitor):
    visitor.open(sites.url("tasks"))
    check("Tasks of demo" in visitor.page.text, "tasks: a page", visitor.page)

    def api(method, path="", **more):
        return visitor.ask(sites.url("tasks", f"/api/tasks{path}"), method, headers={"Accept": "application/json"}, **more)

    made = api("POST", json={"text": "x" * 30})
    check(made.status == 201 and made.headers["location"].startswith("/api/tasks/"), "POST makes a task", made)
    path = "/" + made.json()["id"]
    same(api("PUT", path, json={"done": True}).json(), {"text": "x" * 30, "done": True}, "PUT changes it")
    yield
    same(api("GET").json(), {path[1:]: {"text": "x" * 30, "done": True}}, "another process knows it")
    same((api("DELETE", path).status, api("PUT", path, json={}).status, api("GET").json()), (204, 404, {}), "DELETE removes it, and nothing else")
    guest = sites.visitor().ask(sites.url("tasks", "/api/tasks"), "DELETE", headers={})
    check(guest.status == 401 and guest.error and 'rel="login"' in guest.headers.get("link", ""), "a script that is not logged in is told where one would be", guest)
    key = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", UP / "etc/mayfly.conf", "key", "add", "demo", "robot", "--scopes", "gate", "--sites", "tasks"],
                         capture_output=True, text=True, check=True).stdout.strip()
    robot = sites.visitor()
    robot_headers = {"Authorization": f"Bearer {key}"}
    same([robot.ask(sites.url("tasks", path), headers=robot_headers).status for path in ("/api/tasks", "/tasks.js")], [200, 403],
         "a key of somebody's opens the interface, and nothing else")


def check_log_out(sites):
    """By a link of each app's own page, which needs nothing of the app."""
    for name in sites.shown:
        where = sites.url(name, "/order" if name == "shop" else "/")  # the rest of the shop is public
        visitor, kept = sites.visitor(), sites.visitor()
        visitor.open(where)
        page = visitor.log_in("demo", sites.password)
        link = re.search(r'<a href="(/mayfly/logout[^"]*)">Log out</a>', page.text)
        if not check(page.status == 200 and link, f"{name}: a page has a link to the log-out", page.text):
            continue
        kept.jar = {host: dict(cookies) for host, cookies in visitor.jar.items()}
        page = visitor.open(sites.url(name, link[1]))
        same((visitor.url, page.status, "Log out?" in page.text, kept.ask(where).status), (sites.url(name, link[1]), 200, True, 200), f"{name}: it leads to a page that asks")
        visitor.send("")
        same((kept.ask(where, headers={}).status, kept.ask(sites.url("auth", "/profile"), headers={}).status), (401, 401), f"{name}: its button ends the session there and at home")
    guest = sites.visitor()
    link = re.search(r'<a href="(/mayfly/login[^"]*)">Log in</a>', guest.open(sites.url("shop")).text)
    if check(link, "shop: a guest has a link to the log-in instead"):
        guest.open(sites.url("shop", link[1]))
        page = guest.log_in("demo", sites.password)
        check(guest.url == sites.url("shop") and "You are <strong>demo" in page.text, "which leads there and back", guest.url, page)


def check_outage(sites, visitor):
    """Each app without the database: 503, and no page that looks empty."""
    dev("service", "stop", "postgres")
    try:
        for name in ("shop", "notes", "tasks"):
            if name in sites.shown:
                answer = visitor.ask(sites.url(name, "/api/tasks" if name == "tasks" else "/"))
                check(answer.status == 503 and not answer.cookies, f"{name}: while the database is away it answers 503", answer)
        same(visitor.ask(sites.url("wiki")).status in (200, 503), True, "wiki: a session that is fresh goes on, or it is 503")
    finally:
        dev("service", "start", "postgres")
    check(wait_until(20, lambda: visitor.ask(sites.url("notes")).status == 200), "and goes on afterwards")


def check_nginx(sites):
    ran = subprocess.run(["/usr/sbin/nginx", "-T", "-c", UP / "etc/nginx.conf", "-e", "/dev/null"], capture_output=True, text=True, check=False)
    text = ran.stdout.replace(f"{UP}/run/gate.sock", "/run/mayfly/nginx/gate.sock")
    ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", UP / "etc/mayfly.conf", "nginx", "check", "-"], input=text, capture_output=True, text=True, check=False)
    found = [line for line in ran.stdout.splitlines() if f"{UP}/etc/sites.d" in line]
    check("server" in text and ran.returncode in (0, 1), "mayflyctl reads what nginx has", ran)
    same(found, [], "and finds nothing open in the files of the examples", ran.stderr)


def check_told(sites):
    """What `up` prints is what one needs."""
    said = subprocess.run(["bash", "-euc", 'for part in say service sites; do . "$0/dev.d/$part.sh"; done; SCRATCH=$1 sites_tell "$2"', CHECKOUT, UP, str(sites.port)],
                          capture_output=True, text=True, check=True).stdout
    same([name for name in (*sites.shown, "auth") if sites.url(name) not in said], [], "`up` tells the address of each", said)
    check(f"demo with the password {sites.password}" in said, "and who may log in", said)


def check_browser(sites):
    screens = UP / "screens"
    screens.mkdir(exist_ok=True)
    with browser.Browser(sites.url("wiki", ""), screens) as b:
        b.open("/staff/?from=chromium&x=%26")
        check(b.driver.current_url.startswith(sites.url("auth", "/enter")), "Chromium: the wiki leads to the log-in at home", b.driver.current_url)
        b.driver.get(sites.url("auth", "/login"))
        b.send("/login", username="demo", password=sites.password)
        b.open("/staff/?from=chromium&x=%26")
        check(b.driver.current_url == sites.url("wiki", "/staff/?from=chromium&x=%26") and "demo" in b.text("main"),
              "and, once somebody has logged in there, to the whole address", b.driver.current_url, b.text("main"))
        b.driver.get(sites.url("shop", "/order"))  # where one has to be logged in; the rest is public, and asks nobody who it is
        for name in sites.shown:
            b.driver.get(sites.url(name))
            check(b.driver.current_url == sites.url(name) and "demo" in b.text("body"), f"{name}: nobody logs in again", b.driver.current_url)
            b.check(name)
        b.driver.get(sites.url("shop"))
        b.leave("main li button")
        b.driver.get(sites.url("shop", "/order"))
        b.check("shop-order")
        if "tasks" in sites.shown:
            b.driver.get(sites.url("tasks"))
            b.one("#text").send_keys("water the plants")
            b.one("#add button").click()
            b.wait(lambda driver: "water the plants" in b.text("#tasks"))
            b.check("tasks-one")
            b.one("#tasks button:last-of-type").click()
            b.wait(lambda driver: not b.all("#tasks li"))
            check(True, "tasks: the page's script adds and removes")
        b.driver.get(sites.url("auth", "/"))
        titles = b.text("main")
        same([name for name in sites.shown if name.capitalize() not in titles], [], "the front page at home has a tile for each", titles)
        same(b.complaints(), [], "the browser has no complaint")
    note(f"the screens are in {screens}")


shutil.rmtree(UP, ignore_errors=True)
without = npm_install()
UP.mkdir(exist_ok=True)
try:
    ran = dev("stack", "up")
    if not check(ran.returncode == 0, "the stack that `up` makes starts", ran.stderr):
        done()
    made = Sites(ran.stderr)
    made.shown = [name for name in WANTED if (UP / f"etc/sites.d/{name}.conf").exists()]
    if without is not None:
        note(f"SKIP tasks, of Express: {without}")
    same([name for name in WANTED if name not in made.shown and (name != "tasks" or without is None)], [], "all examples are shown whose programs are installed", made.said)
    check(len(made.shown) >= 3, "three at least", made.shown)
    same(dev("status").returncode, 0, "and `status` says that they run")
    somebody = made.visitor()
    check_wiki(made, somebody)
    # Each pauses where its program is replaced.
    pausing = [one(made, somebody) for one in (check_shop, check_notes, check_tasks) if one.__name__[6:] in made.shown]
    for one in pausing:
        next(one)
    made.replace()
    for one in pausing:
        next(one, None)
    check_log_out(made)
    check_outage(made, somebody)
    check_nginx(made)
    check_told(made)
    if browser.missing():
        note(f"SKIP the browser: {browser.missing()}")
    else:
        check_browser(made)
    pids = [int(path.read_text()) for path in (UP / "pid").glob("*.pid")]
    dev("down")
    same([pid for pid in pids if not gone(pid)], [], "`down` stops all of it")
finally:
    dev("down")
done()
