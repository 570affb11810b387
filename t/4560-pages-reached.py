#!/usr/bin/python3
"""Pages and JSON as Accept asks for them, by a worker as by nginx; addresses with odd parameters; the way back after a log-in."""

import re
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import FORM, PAGE, PASSWORD, PROBLEM, Client, check, done, new_name, new_user, same, signed_in

BROWSER = {"Accept": PAGE}
# Accept, and whether it asks for a page.
ACCEPTS = (
    ("text/html;q=0.1, application/json", False), ("text/html;q=0, application/json", False), ("text/html;q=0", False),
    ("application/json;q=0.1, text/html", True), ("Text/HTML", True), ("TEXT/html;Q=0.5, Application/JSON;q=0.4", True),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True), ("text/html", True), ("", False), ("*/*", False),
    ("application/json, text/plain, */*", False), ("application/json, text/html", False), ("text/html, application/json", True),
    ("text/*", True), ("text/*, application/json;q=0.999", True), ("text/*;q=0.3, */*;q=0.2", True), ("application/*, text/html;q=0.9", False),
    ("*/*;q=0.5, text/html;q=0.4", False), ("*/*;q=0.5, text/html;q=0.501", True), ("text/html;level=1;q=0.7, application/json;q=0.65", True),
    ("application/problem+json, text/html;q=0.9", False), ("application/problem+json;q=0.2, text/html;q=0.3", True),
    ("text/html ; q=0.25 , application/json;q=0.250", True), ("application/json;q=0.25, text/html;q=0.25", False),
    ("text/html;q=nonsense, application/json;q=0.9", True), ("text/html;q=0.000, */*;q=0.0", False), ("text/htmlx", False),
    ("text/plain;x=text/html", False), ("text/html;q=1.000, application/json;q=1.0", True), (" , text/html", True),
    ("text/html;q=0.09, application/json;q=0.1", False), ("text/html;q=0.1, application/json;q=0.09", True),
    ("text/html;q=0.8, text/html;q=0.1, application/json;q=0.5", True),
)


def accept():
    _, client = signed_in()
    for value, page in ACCEPTS:
        headers = {"Accept": value}
        worker, error = client.get("/files", headers=headers), client.get("/files/none", headers=headers)
        nginx = client.post("/static/mayfly.css", headers=headers)
        same([answer.headers.get("content-type", "").partition(";")[0] for answer in (worker, error, nginx)],
             ["text/html"] * 3 if page else ["application/json", PROBLEM, PROBLEM],
             f"Accept: {value} is {'a page' if page else 'JSON'}, of a worker, its error and nginx's")
        same({"accept" in answer.headers.get("vary", "").lower() for answer in (worker, error, nginx)}, {True},
             f"Accept: {value}: and each says that it depends on that")


def odd_addresses():
    _, client = signed_in()
    odd = ("utm_source=a&utm_source=b", "discount=100%", "name=%E9", "q=%E9", "q=a&q=b", "before=nonsense", "before=&limit=x",
           "%=1&&&=&%00=2", "registered=1&saved=%", "rd=%", "rd=/a&rd=/b", "rd=//example.org", "rd=%0d%0aX:y",
           "&".join(f"f{n}={n}" for n in range(300)))
    for path, who in (("/", Client()), ("/login", Client()), ("/register", Client()), ("/workers", Client()), ("/account", client), ("/files", client)):
        wrong = [(query, answer.status) for query in odd if (answer := who.get(f"{path}?{query}", headers=BROWSER)).status != 200]
        same(wrong, [], f"{path} opens whatever is behind its ?")
    check("Your account is ready" in Client().get("/login?utm_source=a&registered=1", headers=BROWSER).text, "and says what went well before")
    same([client.get(f"/files?{query}").status for query in ("utm=a&utm=b", "q=%E9", "q=a&q=b", "before=x")], [200, 400, 400, 422],
         "a program hears of its own fields only")
    for path in ("/files%0a", "/files/%0d%0aX-Injected:%20yes", "/files/%7f", "/account%1b", "/uploads/%0a", "/shared/%09"):
        for headers in ({}, BROWSER):
            answer = client.get(path, headers=headers)
            check(answer.status in (400, 404) and "x-injected" not in answer.headers, f"{path}: {answer.status}", answer)
    same(Client().get("/files/%0a", headers=BROWSER).status, 400, "a control character in a path is 400")


def location(answer):
    return answer.headers.get("location", "")


def way_back():
    user = new_user()
    for place in ("/files?q=abc", "/files?q=a%26b&before=%22", "/account?x=1&rd=/workers", "/files?a=" + "b" * 900):
        guest = Client()
        entrance = location(guest.get(place, headers=BROWSER))
        check(entrance.startswith("/login?rd="), f"{place}: a guest is sent to the log-in", entrance)
        same(urllib.parse.parse_qs(entrance.partition("?")[2]).get("rd"), [place], f"{place}: percent-encoded, with its query")
        page = guest.get(entrance, headers=BROWSER)
        field = re.search(r'name="rd" value="([^"]*)"', page.text)
        link = re.search(r'No account yet\? <a href="([^"]*)"', page.text)[1]
        page = guest.get(link, headers=BROWSER)
        kept = re.search(r'name="rd" value="([^"]*)"', page.text)
        check(field and kept and field[1] == kept[1], f"{place}: the registration's form has it too", link, page)
        rd = kept[1].replace("&amp;", "&").replace("&quot;", '"').replace("&#39;", "'") if kept else ""
        refused = guest.post("/register", form={"username": new_name(), "password": "x", "rd": rd}, headers=BROWSER)
        check(refused.status == 422 and f'name="rd" value="{kept and kept[1]}"' in refused.text, f"{place}: also when it was refused", refused)
        made = guest.post("/register", form={"username": new_name(), "password": PASSWORD, "rd": rd}, headers=BROWSER)
        same(urllib.parse.parse_qs(location(made).partition("?")[2]), {"registered": ["1"], "rd": [place]}, f"{place}: and so does the log-in after it")
        same(location(guest.post("/login", form={"username": user.username, "password": PASSWORD, "rd": rd}, headers=BROWSER)), place,
             f"{place}: which leads there")
    same(location(Client().get("/files?a=" + "b" * 2000, headers=BROWSER)), "/login?rd=/files", "a query that is too long is left behind")
    for rd in ("javascript:alert(1)", "//example.org/", "/\\example.org", "https://example.org/", "/a\nb"):
        answer = Client().post("/login", body=urllib.parse.urlencode({"username": "nobody", "password": "x", "rd": rd}),
                               headers={**BROWSER, "Content-Type": FORM})
        check('name="rd"' not in answer.text and rd not in answer.text, f"a refused log-in's page leads nowhere else: {rd!r}", answer)


accept()
odd_addresses()
way_back()
done()
