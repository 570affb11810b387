#!/usr/bin/python3
"""Pages speak to a site's users: of workers only with demo = yes, with the way in and the account also where something went wrong."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, PAGE, Client, check, done, login, new_user, same, settings

BROWSER = {"Accept": PAGE}
ABOUT_WORKERS = re.compile(r"worker", re.I)


def navigation(answer):
    found = re.search(r"<nav.*?</nav>", answer.text, re.S)
    return re.findall(r">([^<>\n]+)</(?:a|button)>", found[0]) if found else None


def pages(client, *more):
    return {path: client.get(path, headers=BROWSER) for path in ("/", "/login", "/register", "/nothing", *more)}


user = new_user()
member, stranger = Client(cookie=f"mayfly={login(user)}"), Client(cookie=f"mayfly=mfs_{'A' * 64}")
same(re.search(r"^FLAG\(demo, (\w+),", (CHECKOUT / "src/base/settings.def").read_text(), re.M)[1], "false", "demo is off where nobody sets it")

with settings(demo="no"):
    for name, seen in (("a guest", pages(Client())), ("a user", pages(member, "/account", "/files"))):
        same({path: ABOUT_WORKERS.findall(re.sub(r"<!--.*?-->", "", answer.text, flags=re.S)) for path, answer in seen.items()
              if ABOUT_WORKERS.search(answer.text)}, {}, f"no page for {name} speaks of workers")
    answer = Client().get("/workers", headers=BROWSER)
    same((answer.status, "Not found" in answer.text), (404, True), "/workers is not there")
    same(Client().get("/worker").status, 200, "a program may still ask which worker answered, which is worker_header's")
    same(navigation(Client().get("/", headers=BROWSER)), ["Log in", "Register"], "a guest's way in")

with settings(demo="yes"):
    answer = Client().get("/", headers=BROWSER)
    check("Workers" in navigation(answer) and "Answered by worker" in answer.text, "with demo = yes a page says which worker answered", answer)
    same(Client().get("/workers", headers=BROWSER).status, 200, "and /workers is there")

wrong = (("GET", "/nothing"), ("PUT", "/login"), ("GET", "/files/none"), ("GET", "/shared/none"), ("GET", "/health/none"))
for name, client, wanted in (("a guest", Client(), "Log in"), ("a session that has ended", stranger, "Log in"), ("a user", member, "Log out")):
    seen = {f"{method} {path}": navigation(client.request(method, path, headers=BROWSER)) for method, path in wrong}
    same({words: links for words, links in seen.items() if not links or wanted not in links or {"Log in": "Log out", "Log out": "Log in"}[wanted] in links},
         {}, f"{name}: the page of an error has {wanted}")
answer = Client().get("/nothing", headers=BROWSER)
check(answer.headers["x-request-id"] in answer.text, "an error's page has the number by which the log has it", answer)
check(answer.headers["x-request-id"] not in Client().get("/", headers=BROWSER).text, "another page does not")
done()
