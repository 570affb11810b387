#!/usr/bin/python3
"""
The log-out of a site: a page of it asks, and a form of the app's own pages will do; either ends the session at home, and with it every site, at
the next request, whatever the cache does. What another site's page sends ends nothing.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from chaos import wait_until
from gate import bearer, ctl, front, key
from mayfly import Client, check, dev, done, login, new_user, same, settings
from memcached import Memcached
from ways import Browser, at

EVIL = "https://evil.example"
LOGOUT = "/mayfly/logout"


def arrive(gate, user):
    browser = Browser(gate)
    browser.follow(at(gate, "one"))
    browser.log_in(user)
    browser.follow(at(gate, "two"))
    return browser


def lives(gate, browser):
    """At both sites, and at home."""
    home = browser.jar[gate.host("home").partition(":")[0]]["mayfly"]
    return [gate.ask("one", token=browser.visit("one")).status, gate.ask("two", token=browser.visit("two")).status,
            gate.ask("home", "/profile", token=home).status]


def kept(gate, browser):
    """The same browser, whose cookies stay whatever is answered."""
    other = Browser(gate)
    other.jar = {host: dict(cookies) for host, cookies in browser.jar.items()}
    return other


def form_of(page):
    return dict(re.findall(r'<input type="hidden" name="(csrf)" value="([^"]+)">', page.text))


def check_page(gate, user):
    browser = arrive(gate, user)
    before = kept(gate, browser)
    page = browser.get(at(gate, "one", LOGOUT))
    check(page.status == 200 and user.username in page.text and '<form method="post">' in page.text, "a link leads to a page of the site that asks", page)
    same(page.headers["referrer-policy"], "same-origin", "and sends its origin with its form, which browsers leave out where no referrer is sent")
    styles = re.findall(r'(?:href|src)="(/mayfly/[^"]+)"', page.text)
    same([gate.ask("one", style).status for style in styles], [200] * 2, "with its style")
    same(lives(gate, before), [200] * 3, "which ends nothing by itself")
    answer = browser.get(at(gate, "one", LOGOUT), "POST", form=form_of(page))
    same((answer.status, answer.headers.get("location"), lives(gate, before), browser.visit("one")), (303, at(gate, "home", "/"), [401] * 3, None),
         "its form, by its token, ends the session at home and at both sites, and leads home", answer)
    again = before.get(at(gate, "one", LOGOUT), "POST", form=form_of(page))
    same((again.status, again.headers.get("location")), (303, at(gate, "home", "/")), "once more it is as it was")
    answer = browser.get(at(gate, "one", LOGOUT))
    same((answer.status, answer.headers.get("location")), (303, at(gate, "home", "/")), "whoever is not logged in need not log out")


def check_own_form(gate, user):
    browser = arrive(gate, user)
    before = kept(gate, browser)
    answer = browser.get(at(gate, "two", LOGOUT), "POST", form={}, headers={"Origin": at(gate, "two", ""), "Sec-Fetch-Site": "same-origin"})
    same((answer.status, lives(gate, before)), (303, [401] * 3), "a form of the app's own page, which knows no token, does the same", answer)
    browser = arrive(gate, user)
    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(lambda _: kept(gate, browser).get(at(gate, "one", LOGOUT), "POST", headers={"Origin": at(gate, "one", "")}).status, range(20)))
    same((set(seen), lives(gate, browser)), ({303}, [401] * 3), "20 at once are one")


def check_forged(gate, user):
    browser = kept(gate, arrive(gate, user))
    token = form_of(browser.get(at(gate, "one", LOGOUT)))
    for name, fields, form in (("of an unknown origin", {"Origin": EVIL}, {}), ("of none that is told", {}, {}), ("of a frame without one", {"Origin": "null"}, {}),
                               ("of another site", {"Origin": at(gate, "two", ""), "Sec-Fetch-Site": "same-site"}, {}), ("from elsewhere", {"Sec-Fetch-Site": "cross-site"}, {}),
                               ("with a token that is none", {}, {"csrf": "A" * 43}), ("with the token, of an unknown origin", {"Origin": EVIL}, token)):
        answer = kept(gate, browser).get(at(gate, "one", LOGOUT), "POST", form=form, headers=fields)
        check(answer.status == 403 and "text/html" in answer.headers["content-type"] and "/mayfly/static/" in answer.text, f"a POST {name} is refused, on a plain page", answer)
    same(lives(gate, browser), [200] * 3, "and nobody is logged out")
    same(kept(gate, browser).get(at(gate, "two", LOGOUT), "POST", form=token).status, 403, "a token of one site is none at another")
    answer = kept(gate, browser).get(at(gate, "home", "/logout"), "POST", form=token)
    same((answer.status, lives(gate, browser)), (403, [200] * 3), "nor at home: an app that reads what is shown at its site has nothing there")
    robot = key(Client(login(user)), "gate")
    same(gate.ask("one", LOGOUT, method="POST", headers={**bearer(robot), "Origin": at(gate, "one", "")}).status, 403, "a key has nothing to end")
    return browser


def check_home(gate, browser):
    """A form of a site's page that posts to the home: browsers send the cookie there when both are of one domain."""
    def post(origin, **fields):
        return kept(gate, browser).get(at(gate, "home", "/logout"), "POST", form={}, headers={"Origin": origin, **fields}).status

    gate.site("gone", "any")
    ctl("site", "remove", f"{gate.mark}-gone")
    gate._sites.remove(f"{gate.mark}-gone")
    same([post(origin, **{"Sec-Fetch-Site": "same-site"}) for origin in (EVIL, "null", at(gate, "gone", ""), at(gate, "none", ""), "http://[", at(gate, "one", "").replace("http:", "https:"))],
         [403] * 6, "the home's log-out takes no form of an unknown origin")
    same((kept(gate, browser).get(at(gate, "home", "/sessions/end-others"), "POST", form={}, headers={"Origin": at(gate, "two", "")}).status, lives(gate, browser)),
         (403, [200] * 3), "and of a known site nothing but the log-out")
    same((post(at(gate, "two", ""), **{"Sec-Fetch-Site": "same-site"}), lives(gate, browser)), (303, [401] * 3), "which it does")


def check_way_out(gate, user):
    gate.site("one", "any", "public path:/about/")
    for query, wanted in (("", at(gate, "home", "/")), ("?back=/about/us%3Fa", at(gate, "one", "/about/us?a")), ("?back=/secret", at(gate, "home", "/")),
                          ("?back=https://evil.example/", at(gate, "home", "/")), ("?back=//evil.example/about/", at(gate, "home", "/")),
                          ("?back=/about/..%2f..%2fx", at(gate, "home", "/"))):
        browser = arrive(gate, user)
        answer = browser.get(at(gate, "one", LOGOUT + query), "POST", headers={"Origin": at(gate, "one", "")})
        same((answer.status, answer.headers.get("location")), (303, wanted), f"the log-out goes on where everybody may be, or home: {query}")
    browser = arrive(gate, user)
    gate.site("one", "any", "public")
    answer = browser.get(at(gate, "one", LOGOUT), "POST", headers={"Origin": at(gate, "one", "")})
    same(answer.headers.get("location"), at(gate, "one", "/"), "the site's own first page, when that is public")
    gate.site("one", "any")


def check_log_in(gate, user):
    """The other link of a public page."""
    gate.site("one", "any", "public path:/about/")
    browser = Browser(gate)
    browser.follow(at(gate, "one", "/mayfly/login?back=/about/us"))
    url, page = browser.log_in(user)
    same((url, page.status), (at(gate, "one", "/about/us"), 200), "a link to the site's log-in leads there and back")
    page = browser.get(at(gate, "one", "/mayfly/login"))
    check(page.status == 200 and user.username in page.text and "/mayfly/static/arrived.js" in page.text, "without a way back it says that somebody is logged in", page)
    same(gate.ask("one", "/mayfly/static/arrived.js").status, 200, "and tells the site's other pages")
    same([browser.get(at(gate, "one", f"/mayfly/login?back={back}")).headers.get("location") for back in ("https://evil.example/", "//evil.example/", "/\\evil.example")],
         [None] * 3, "it leads nowhere else")
    gate.site("one", "any")


def check_caches(gate, user):
    def hang(going_on):
        dev("service", "signal", "memcached", "CONT" if going_on else "STOP")

    def flush(_):
        with Memcached() as cache:
            cache.flush()

    def nothing(_):
        pass

    def cut_off(back):
        dev("service", "start" if back else "stop", "memcached")

    for name, change in (("healthy", nothing), ("flushed", flush), ("hung", hang), ("cut off", cut_off)):
        browser = arrive(gate, user)
        before = lives(gate, browser)
        change(False)
        try:
            answer = kept(gate, browser).get(at(gate, "one", LOGOUT), "POST", headers={"Origin": at(gate, "one", "")})
            during = lives(gate, browser)
        finally:
            change(True)
        same((before, answer.status, during, lives(gate, browser)), ([200] * 3, 303, [401] * 3, [401] * 3),
             f"a log-out at one site closes every site at the next request, and afterwards; the cache is {name}")


def check_outage(gate, user):
    browser = arrive(gate, user)
    lives(gate, browser)
    dev("service", "stop", "postgres")
    try:
        answer = kept(gate, browser).get(at(gate, "one", LOGOUT), "POST", headers={"Origin": at(gate, "one", "")})
    finally:
        dev("service", "start", "postgres")
    check(answer.stated_503() and not answer.cookies, "while the database is away the log-out is 503, and no cookie is taken", answer)
    # Each worker finds the database again in its own time.
    answers = []
    wait_until(10, lambda: answers.append(lives(gate, browser)) or 503 not in answers[-1])
    same((answers[-1], 401 in sum(answers, [])), ([200] * 3, False), "and nobody is logged out")


USER = new_user()
with front() as started:
    # A node that hangs is waited for until its copies are too old.
    with settings(home=f"http://{started.host('home')}", cache_fresh_s=1):
        started.site("one", "any")
        started.site("two", "any")
        check_page(started, USER)
        check_own_form(started, USER)
        check_home(started, check_forged(started, USER))
        check_way_out(started, USER)
        check_log_in(started, USER)
        check_caches(started, USER)
        check_outage(started, USER)
done()
