#!/usr/bin/python3
"""
Who does not pass: somebody on the way to a page is led to the log-in and comes back to the whole address; a script is told, as
problem+json, where the log-in is; who is logged in and may not pass sees a page that says who this is and how to be somebody else. Nobody can
make up where the way leads.
"""

import base64
import html
import re
import sys
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import ctl, front
from mayfly import PAGE, check, done, login, new_user, psql, same, settings

LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /admin/ { set $mayfly_require "group:admin"; include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /away/ { include snippets/mayfly-protect.conf; proxy_pass http://127.0.0.1:1; }
"""
BROWSER = {"Accept": PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
LONG = "/a%20b/%C3%A4;x=1?q=1&r=%26%3D+%2f&url=https://other.example/?a=b&c=d&empty=&=&&%00#"[:-1]


def home(gate, path, **more):
    client = gate.client()
    try:
        return client.get(path, headers={"Host": gate.host("home"), "Accept": PAGE, **more.pop("headers", {})}, **more)
    finally:
        client.close()


def check_ways(gate, user, token):
    """All of it on one host: the home's own is behind the gate as well."""
    answer = gate.ask("app", LONG, headers=BROWSER)
    same(answer.status, 303, "somebody on the way to a page is led on")
    place = urllib.parse.urlsplit(answer.headers["location"])
    same((f"{place.scheme}://{place.netloc}{place.path}", sorted(urllib.parse.parse_qs(place.query))), (f"http://{gate.host('home')}/enter", ["to"]),
         "to the log-in at mayfly's home")
    check("app" not in place.query and "q%3D1" not in place.query, "with an address that only mayfly reads")
    way = f"{place.path}?{place.query}"
    page = home(gate, way)
    check(page.status == 200 and '<form method="post" action="/login">' in page.text, "which is the log-in", page)
    rd = re.search(r'name="rd" value="([^"]+)"', page.text)
    check(rd is not None, "it knows the way", page.text)
    client = gate.client()
    wanted = html.unescape(rd.group(1))
    wrong = client.post("/login", form={"username": user.username, "password": "not this one", "rd": wanted},
                        headers={"Host": gate.host("home"), "Accept": PAGE, "Origin": f"http://{gate.host('home')}"})
    check(wrong.status == 401 and f'value="{rd.group(1)}"' in wrong.text, "also after a wrong password", wrong)
    logged = client.post("/login", form={"username": user.username, "password": user.password, "rd": wanted},
                         headers={"Host": gate.host("home"), "Accept": PAGE, "Origin": f"http://{gate.host('home')}"})
    same((logged.status, logged.headers.get("location")), (303, wanted), "the log-in leads on")
    cookie = next(one.partition(";")[0] for one in logged.cookies if one.startswith("mayfly="))
    return way, cookie


def check_whole(gate, token):
    gate.site("same", "any")
    with settings(home=f"http://{gate.host('same')}"):
        place = urllib.parse.urlsplit(gate.ask("same", LONG, headers=BROWSER).headers["location"])
        same(f"{place.scheme}://{place.netloc}", f"http://{gate.host('same')}", "the home is a setting")
    gate.site("home", "any")
    with settings(home=f"http://{gate.host('home')}"):
        client = gate.client()
        ask = {**BROWSER, "Host": gate.host("home")}
        answer = client.get("/behind" + LONG, headers=ask)
        way = urllib.parse.urlsplit(answer.headers["location"])
        back = client.get(f"{way.path}?{way.query}", headers={**ask, "Cookie": f"mayfly={token}"})
        same((back.status, back.headers.get("location")), (303, f"http://{gate.host('home')}/behind{LONG}"),
             "whoever is logged in comes back to the whole address, query and all, byte for byte")
        long = "/behind/" + "x" * 4000
        answer = client.get(long, headers=ask)
        way = urllib.parse.urlsplit(answer.headers["location"])
        back = client.get(f"{way.path}?{way.query}", headers={**ask, "Cookie": f"mayfly={token}"})
        same((answer.status, back.headers.get("location")), (303, f"http://{gate.host('home')}/"), "from an address that is too long, to the site's beginning")
        for name, sealed in (("made up", "AAAA"), ("none", ""), ("changed", way.query[3:-1] + ("A" if way.query[-1] != "A" else "B")),
                             ("no base64", "%ff%00"), ("another's", token), ("cut", way.query[3:40])):
            answer = client.get(f"/enter?to={sealed}", headers={**ask, "Cookie": f"mayfly={token}"})
            check(answer.status in (400, 422) and "location" not in answer.headers, f"a way that is {name}: one plain page", answer)
        again = client.get("/enter?to=" + urllib.parse.quote("http://evil.example/"), headers={**ask, "Cookie": f"mayfly={token}"})
        same((again.status, again.headers.get("location")), (422, None), "an address in clear leads nowhere")


def check_scripts(gate):
    for name, fields in (("fetch", {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}), ("curl", {"Accept": "*/*"}), ("a client without Accept", {}),
                         ("an image", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/*"}),
                         ("a script that asks for HTML", {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "text/html"}),
                         ("a frame", {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": PAGE})):
        answer = gate.ask("app", "/x?y=1", headers=fields)
        same((answer.status, answer.error, answer.headers.get("www-authenticate"), "location" in answer.headers), (401, "unauthorized", 'Bearer realm="mayfly"', False),
             f"{name} is told by a status, not led anywhere", answer)
        same(answer.headers.get("link"), f'<http://{gate.host("home")}/login>; rel="login"', "and where the log-in is")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = gate.ask("app", "/x", method=method, headers=BROWSER, body=b"a" * 200000)
        same((answer.status, answer.error), (401, "unauthorized"), f"a {method} can't come back, so it is told as well")
    old = gate.ask("app", "/x", headers={"Accept": PAGE})
    same(old.status, 303, "a browser that says nothing but that it wants a page is led")
    same(gate.ask("app", "/x", method="HEAD", headers=BROWSER).status, 401, "HEAD is told, without a body")


def check_refused(gate, user, token):
    gate.site("app", "group:staff net:127.0.0.0/8|user:" + user.username, "group:other")
    ctl("user", "groups", user.username, "")
    bob = new_user()
    other = login(bob)
    page = gate.ask("app", "/x?y=<script>", headers=BROWSER, token=other)
    check(page.status == 403 and page.headers["content-type"].startswith("text/html") and bob.username in page.text, "a page says who this is", page)
    check("the group staff" in page.text and "certain accounts" in page.text and user.username not in page.text and "127.0.0" not in page.text,
          "and whom the site is for, without telling on others", page.text)
    way = re.search(r'href="(http[^"]+/enter\?to=[^"]+)"', page.text)
    check(way is not None, "and where to log in as somebody else", page.text)
    place = urllib.parse.urlsplit(way.group(1))
    answer = home(gate, f"{place.path}?{place.query}", headers={"Cookie": f"mayfly={other}"})
    check(answer.status == 200 and "log in with another account" in answer.text, "which is a log-in though there is one", answer)
    styles = re.findall(r'href="(/[^"]+\.(?:css|svg))"', page.text)
    same([gate.ask("app", style).status for style in styles], [200, 200], "the page's style is there without a log-in")
    same(gate.ask("app", "/x", headers={"Accept": "application/json"}, token=other).error, "forbidden", "scripts get a problem")
    same(gate.ask("app", "/mayfly/none", token=token).status, 404, "what else is beneath the prefix is not the app's")
    gate.site("app", "any")
    narrowed = gate.ask("app", "/admin/", headers=BROWSER, token=other)
    check(narrowed.status == 403 and "may be open to fewer" in narrowed.text, "a part of a site says so", narrowed.text)
    unknown = gate.ask("unknown", "/", headers=BROWSER, token=other)
    check(unknown.status == 403 and "There is no such site" in unknown.text, "an address that is no site's says that", unknown.text)


def aged(token, seconds):
    """The same session as if it had been made so much earlier, which its id tells."""
    bytes_ = base64.urlsafe_b64decode(token.removeprefix("mfs_"))
    before = bytes_[:16].hex()
    made = (int.from_bytes(bytes_[:6], "big") - 1000 * seconds).to_bytes(6, "big") + bytes_[6:]
    psql(f"UPDATE mayfly.session SET id = '{made[:16].hex()}' WHERE id = '{before}'")
    return "mfs_" + base64.urlsafe_b64encode(made).decode()


def check_recent(gate, user):
    """A page that wants a newer proof leads to the log-in, and from there back."""
    old = aged(login(user), 100)
    gate.site("home", "any recent:60")
    client, ask = gate.client(), {**BROWSER, "Host": gate.host("home")}
    same(client.get("/behind", headers={**ask, "Accept": "*/*", "Sec-Fetch-Mode": "cors", "Cookie": f"mayfly={old}"}).status, 403,
         "a proof that is too old is none")
    answer = client.get("/behind?a=b", headers={**ask, "Cookie": f"mayfly={old}"})
    way = urllib.parse.urlsplit(answer.headers["location"])
    page = client.get(f"{way.path}?{way.query}", headers={**ask, "Cookie": f"mayfly={old}"})
    check(page.status == 200 and "Continue" in page.text, "who is logged in is asked to log in again", page)
    logged = client.post("/login", form={"username": user.username, "password": user.password, "rd": f"{way.path}?{way.query}"},
                         headers={"Host": gate.host("home"), "Accept": PAGE, "Origin": f"http://{gate.host('home')}"})
    cookie = next(one.partition(";")[0] for one in logged.cookies if one.startswith("mayfly="))
    back = client.get(logged.headers["location"], headers={**ask, "Cookie": cookie})
    same((back.status, back.headers.get("location")), (303, f"http://{gate.host('home')}/behind?a=b"), "and then comes back")
    same(client.get("/behind?a=b", headers={**ask, "Cookie": cookie}).status, 200, "and passes")
    gate.site("home", "any")


def check_proof(gate, token):
    gate.site("app", "any recent:31536000")
    same(gate.ask("app", "/x", token=token).status, 200, "a log-in of this year is recent enough")
    gate.site("app", "any factor:2")
    page = gate.ask("app", "/x", token=token, headers=BROWSER)
    check(page.status == 403 and "second factor" in page.text, "a second factor is said to be wanted", page.text)
    gate.site("app", "any")


def check_app_away(gate, token):
    same(gate.ask("app", "/away/", token=token).status, 502, "an app that is away is its own error, no log-in and no 503 of the gate's")
    same(gate.ask("app", "/x/status/401", token=token).status, 401, "a 401 of the app's own reaches the client")
    same((gate.ask("app", "/x/status/403", token=token).json()["target"], gate.ask("app", "/x/status/500", token=token).json()["target"]),
         ("/x/status/403", "/x/status/500"), "so do 403 and 500, as they are")


USER = new_user()
TOKEN = login(USER)
with front(LOCATIONS) as started:
    started.site("app", "any")
    with settings(home=f"http://{started.host('home')}"):
        check_ways(started, USER, TOKEN)
        check_scripts(started)
        check_refused(started, USER, TOKEN)
        check_proof(started, TOKEN)
        check_app_away(started, TOKEN)
    check_whole(started, TOKEN)
    with settings(home=f"http://{started.host('home')}"):
        check_recent(started, USER)
done()
