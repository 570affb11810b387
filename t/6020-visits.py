#!/usr/bin/python3
"""
One log-in over unrelated hosts: from a site to the log-in at mayfly's home, and back by a ticket that is good in this browser, at this site,
for half a minute. What the browser has then is good at that site alone and as long as the session at home. Nothing of all this is kept, so
it may be repeated, raced and killed at any point.
"""

import re
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until, workers
from gate import ctl, front
from mayfly import Client, check, dev, done, login, new_user, same, settings
from ways import NAVIGATES, Browser, at

TARGET = "/a%20b?q=1&r=%26&url=https://other.example/?x=y"


def ticket_of(gate, browser, name):
    """Where the home leads a browser that is logged in there."""
    way = browser.get(at(gate, name)).headers["location"]
    return browser.get(way).headers["location"]


def check_way(gate, user):
    browser = Browser(gate)
    url, page = browser.follow(at(gate, "one", TARGET))
    check(url.startswith(at(gate, "home", "/enter?to=")) and page.status == 200, "a guest at a site comes to the log-in at home", url)
    url, answer = browser.log_in(user)
    same((url, answer.status), (at(gate, "one", TARGET), 200), "and back to the whole address")
    told = answer.json()
    same([value for field, value in told["headers"] if field == "X-Auth-User"], [user.username], "where the app knows who it is")
    check("mfv_" not in str(told) and "mfs_" not in str(told) and "mayfly-visit" not in str(told), "and gets none of the cookies", told)
    cookies = browser.get(ticket_of(gate, without_visit(browser, gate), "one")).cookies
    check(all("Path=/" in one and "HttpOnly" in one and "SameSite=Lax" in one and "Domain" not in one for one in cookies), "which are of that host alone", cookies)
    url, answer = browser.follow(at(gate, "two", "/second"))
    same((url, answer.status), (at(gate, "two", "/second"), 200), "at a second site nobody logs in again")
    check(browser.visit("one") != browser.visit("two"), "but has another cookie there", browser.jar)
    url, answer = browser.follow(at(gate, "one", "/again"))
    same((url, answer.status, browser.trail[-1]), (at(gate, "one", "/again"), 200, (at(gate, "one", "/again"), 200)), "afterwards the way is not gone again")
    return browser


def without_visit(browser, gate):
    """Another of the same cookies, without its visits."""
    other = Browser(gate)
    home = gate.host("home").partition(":")[0]
    other.jar = {home: dict(browser.jar[home])}
    browser.jar.setdefault(gate.host("one").partition(":")[0], {})
    other.jar[gate.host("one").partition(":")[0]] = {name: value for name, value in browser.jar[gate.host("one").partition(":")[0]].items() if name != "mayfly"}
    return other


def check_confined(gate, browser):
    """A hijacked app that gets hold of its cookie has nothing but itself."""
    token = browser.visit("one")
    same(gate.ask("two", token=token).status, 401, "a visit is good at its own site alone")
    same([gate.ask("home", path, token=token).status for path in ("/profile", "/sessions", "/session/data", "/files")], [401] * 4, "not at home")
    same([Client(token).get(path).status for path in ("/profile", "/sessions", "/files")], [401] * 3, "not as a bearer's token")
    same((gate.ask("one", headers={"Authorization": f"Bearer {token}"}).status, gate.ask("one", token=token).status), (401, 200), "nor as one at the site")
    same([gate.ask("one", token=token[:at_] + ("A" if token[at_] != "A" else "B") + token[at_ + 1:]).status for at_ in range(4, 68, 7)], [401] * 10,
         "a changed one is none")


def check_tickets(gate, browser):
    clean = without_visit(browser, gate)
    url = ticket_of(gate, clean, "one")
    check(url.startswith(at(gate, "one", "/mayfly/enter?ticket=")), "the home gives a ticket", url)
    stranger = Browser(gate)
    answer = stranger.get(url)
    check(answer.status == 403 and stranger.visit("one") is None and "allow cookies" in answer.text, "in another browser it is nothing: one plain page", answer)
    stranger.jar = {gate.host("one").partition(":")[0]: {"mayfly-visit": "A" * 43}}
    same((stranger.get(url).status, stranger.visit("one")), (403, None), "also in one with a cookie of its own")
    moved = url.replace(gate.host("one"), gate.host("two"))
    clean.jar[gate.host("two").partition(":")[0]] = dict(clean.jar[gate.host("one").partition(":")[0]])
    same((clean.get(moved).status, clean.visit("two")), (403, None), "at another site it is nothing")
    for name, bad in (("changed", url[:-5] + ("AAAAA" if url[-5:] != "AAAAA" else "BBBBB")), ("none", url.partition("?")[0]), ("a way", url.partition("ticket=")[0] + "ticket=" +
                      urllib.parse.urlsplit(clean.get(at(gate, "one")).headers["location"]).query[3:])):
        answer = clean.get(bad)
        check(answer.status == 422 and clean.visit("one") is None, f"one that is {name}: a plain page", answer)
    answer = clean.get(url)
    same((answer.status, answer.headers["location"]), (303, at(gate, "one", "/")), "in its own browser it is good")
    refuses = without_visit(browser, gate)
    trail = []
    url = at(gate, "one", "/x")
    for _ in range(6):  # who keeps no cookies at the site
        refuses.jar.pop(gate.host("one").partition(":")[0], None)
        answer = refuses.get(url)
        trail.append(answer.status)
        if answer.status != 303:
            break
        url = answer.headers["location"]
    same(trail, [303, 303, 403], "a browser that refuses cookies is told so, and not led round and round")


def check_raced(gate, browser):
    clean = without_visit(browser, gate)
    url = ticket_of(gate, clean, "one")
    cookie = "; ".join(f"{name}={value}" for name, value in clean.jar[gate.host("one").partition(":")[0]].items())

    def redeem(_):
        client = gate.client()
        answer = client.get(url.partition(gate.host("one"))[2], headers={**NAVIGATES, "Host": gate.host("one"), "Cookie": cookie})
        client.close()
        return answer.status, answer.worker, *answer.cookies

    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(redeem, range(20)))
    same((len({one[0] for one in seen} | {303}), len({one[2:] for one in seen})), (1, 1), "20 requests with one ticket get one visit, whichever worker answers", seen)


def check_killed(gate, user):
    """Whoever logs in while workers are killed all the time gets there."""
    def log_in(n):
        browser = Browser(gate)
        browser.follow(at(gate, "one", f"/{n}"))
        return browser.log_in(user)[0], browser.follow(at(gate, "two", f"/{n}"))[1].status

    began = time.monotonic()
    log_in(0)
    took = time.monotonic() - began
    going = True

    def kill():
        while going:
            dev("kill")
            # A request has four tries, of which one must be as long as it takes on this machine now, with a new worker's start.
            wait_until(10, lambda: len(workers()) >= count)
            time.sleep(max(0.3, 2 * took))

    count = len(workers())
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        arrived = []
        for n in range(8):
            arrived.append(log_in(n))
    finally:
        going = False
        killer.join()
    same(arrived, [(at(gate, "one", f"/{n}"), 200) for n in range(8)], "workers that are killed cost a log-in nothing but time")


def check_ends(gate, user):
    """The session at home is what ends: by log-out, by an administrator, by a new password."""
    def arrive():
        browser = Browser(gate)
        browser.follow(at(gate, "one"))
        browser.log_in(user)
        browser.follow(at(gate, "two"))
        return browser, [browser.visit("one"), browser.visit("two")]

    def statuses(visits):
        return [gate.ask(name, token=token).status for name, token in zip(("one", "two"), visits)]

    def log_out(browser):
        page = browser.get(at(gate, "home", "/account"))
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text).group(1)
        return browser.get(at(gate, "home", "/logout"), "POST", form={"csrf": csrf}, headers={"Origin": at(gate, "home", "")}).status

    for name, prepare in (("healthy", lambda: None), ("cut off", lambda: dev("service", "stop", "memcached"))):
        browser, visits = arrive()
        before = statuses(visits)
        prepare()
        try:
            same((before, log_out(browser), statuses(visits)), ([200, 200], 303, [401, 401]), f"a log-out at home ends both visits at the next request; the cache is {name}")
        finally:
            dev("service", "start", "memcached")
    browser, visits = arrive()
    ctl("session", "end", "--user", user.username)
    same(statuses(visits), [401, 401], "so does an administrator who ends the sessions")
    browser, visits = arrive()
    ctl("user", "disable", user.username)
    same(statuses(visits), [401, 401], "or disables the account")
    ctl("user", "enable", user.username)


def check_other_account(gate, user):
    gate.site("few", f"user:{user.username}")
    other = new_user()
    browser = Browser(gate)
    browser.follow(at(gate, "few", "/x"))
    url, page = browser.log_in(other)
    check(page.status == 403 and other.username in page.text, "who may not pass at a site sees who this is, after the log-in", url, page)
    way = re.search(r'href="(http[^"]+/enter\?to=[^"]+)"', page.text).group(1)
    browser.get(way)
    url, page = browser.log_in(user)
    same((url, page.status), (at(gate, "few", "/x"), 200), "and as somebody else gets there")


def check_cookie_domain():
    with settings(cookie_domain="example.org"):
        said = ctl("config", "check")
    check("warning: cookie_domain will be removed" in said and "site add" in said, "cookie_domain is on its way out, and what to do instead is said", said)
    check("cookie_domain" not in ctl("config", "check"), "where it is not set nothing is")


USER = new_user()
check_cookie_domain()
with front() as started:
    with settings(home=f"http://{started.host('home')}"):
        started.site("one", "any")
        started.site("two", "any")
        used = check_way(started, USER)
        check_confined(started, used)
        check_tickets(started, used)
        check_raced(started, used)
        check_ends(started, USER)
        check_other_account(started, USER)
        check_killed(started, USER)
done()
