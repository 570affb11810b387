#!/usr/bin/python3
"""
Scripts of other origins (CORS): those of known sites may use a key that they have, and may ask by the visitor's cookie who that is, where he
passes. No script but theirs reads an answer, and no cookie does anything for them: an app that was taken over can't act as its visitors at home.
Preflights are answered without asking anybody; those of the apps pass the gate where a row lets them.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import postgres_away
from gate import ctl, front, key
from mayfly import PASSWORD, Client, check, dev, done, login, new_user, psql, same, settings

EVIL = "https://evil.example"
LOCATIONS = "location / { include snippets/mayfly-protect.conf; proxy_pass APP; }"


def told(answer):
    """What a browser makes of it: the origin whose scripts may read it, and whether with a cookie."""
    return answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-allow-credentials")


def preflight(gate, host, path, method, origin, **more):
    return gate.ask(host, path, method="OPTIONS", headers={"Origin": origin, "Access-Control-Request-Method": method,
                                                           "Access-Control-Request-Headers": "authorization", "Sec-Fetch-Mode": "cors"}, **more)


def of(gate, name):
    return f"http://{gate.host(name)}"


def check_visitor(gate, ann, bob):
    """By the cookie, which a browser sends from a site of the same domain."""
    def ask(name, token, **fields):
        return gate.ask("home", "/profile/identity", token=token, headers={"Origin": name, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", **fields})

    token, other = login(ann), login(bob)
    answer = ask(of(gate, "app"), token)
    same((answer.status, told(answer), answer.json()), (200, (of(gate, "app"), "true"),
                                                        {"user": ann.username, "id": ann.id, "email": ann.email, "name": 'Änne "A"', "groups": ["staff", "admin"]}),
         "a script of a site where the visitor passes may ask who that is")
    check("Origin" in answer.headers["vary"] and answer.headers["cache-control"] == "no-store", "no cache gives the answer to another origin", answer)
    answer = ask(of(gate, "app"), None)
    same((answer.status, answer.error, told(answer)), (401, "unauthorized", (of(gate, "app"), "true")), "and hears when nobody is logged in")
    answer = ask(of(gate, "app"), other)
    same((answer.status, told(answer), bob.username in answer.text), (403, (None, None), False), "of a visitor who may not pass there it hears nothing")
    for origin in (EVIL, "null", of(gate, "none"), of(gate, "app").replace("http:", "https:"), of(gate, "app") + "0", of(gate, "app").replace("app.", "app.app."), "http://["):
        answer = ask(origin, token)
        same((answer.status, told(answer), ann.username in answer.text), (403, (None, None), False), f"nor does a script of {origin.partition('.g')[0]}")
    answer = gate.ask("home", "/profile/identity", token=token, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    same(answer.status, 403, "nor what a browser fetches for another page without saying for which")
    same([told(preflight(gate, "home", "/profile/identity", "GET", origin)) for origin in (of(gate, "app"), EVIL)], [(None, None)] * 2,
         "it is asked as a simple request or not at all")
    own = gate.ask("home", "/profile/identity", token=token)
    same((own.status, told(own), own.json()["groups"]), (200, (None, None), ["staff", "admin"]), "a program and the home's own pages may ask as well")
    return token


def check_cookie(gate, token):
    """Everything else is deaf to the cookie of a script of another origin, that of a known site too."""
    for origin in (of(gate, "app"), EVIL):
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
        seen = [gate.ask("home", path, token=token, headers=headers) for path in ("/profile", "/sessions", "/keys", "/session/data", "/profile/data", "/files", "/account", "/")]
        same([told(answer) for answer in seen], [(None, None)] * 8, f"no script of {origin.partition('.g')[0]} reads anything by the cookie")
        tried = [gate.ask("home", path, method=method, token=token, headers=headers, json=body).status for method, path, body in
                 (("PUT", "/session/data", {"a": 1}), ("PATCH", "/profile", {"name": "x"}), ("POST", "/keys", {"name": "x", "scopes": ["gate"]}), ("DELETE", "/sessions", None),
                  ("DELETE", "/profile", {"password": PASSWORD}), ("POST", "/password", {"current": PASSWORD, "new": PASSWORD}), ("POST", "/upload?name=a", {}), ("PUT", "/profile/data", {}))]
        same(tried, [403] * 8, "or changes anything")
    same(gate.ask("home", "/profile", token=token).status, 200, "and the session goes on")


def check_keys(gate, ann, robot):
    def ask(origin, path="/profile/data", method="GET", key=robot, **more):
        return gate.ask("home", path, method=method, headers={"Origin": origin, "Authorization": f"Bearer {key}", "Sec-Fetch-Site": "cross-site", **more.pop("headers", {})}, **more)

    site = of(gate, "app")
    answer = ask(site, "/profile/data", "PUT", json={"n": 1})
    same((answer.status, told(answer)), (200, (site, None)), "a script of a known site writes with a key that it has, and reads the answer, without a cookie", answer)
    check("ETag" in answer.headers["access-control-expose-headers"] and "Origin" in answer.headers["vary"], "tags as well", answer)
    answer = ask(site, "/upload?name=a.txt", "POST", body=b"hello")
    same((answer.status, told(answer)), (201, (site, None)), "it uploads")
    place = answer.json()["url"]
    answer = ask(site, place)
    same((answer.status, answer.body, told(answer)), (200, b"hello", (site, None)), "and downloads", answer)
    answer = ask(site, "/uploads", "POST", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"})
    same((answer.status, told(answer), "Upload-Offset" in answer.headers.get("access-control-expose-headers", "")), (201, (site, None), True), "in parts, too")
    bad = robot[:-4] + ("AAAA" if robot[-4:] != "AAAA" else "BBBB")
    same([(answer.status, answer.error, told(answer)) for answer in (ask(site, key=bad), ask(site, "/profile/none"), ask(site, "/profile/data", "PUT", json=[]))],
         [(401, "unauthorized", (site, None)), (404, "not_found", (None, None)), (422, "unprocessable", (site, None))], "it reads why something is refused")
    same([told(ask(origin)) for origin in (EVIL, "null", of(gate, "none"))], [(None, None)] * 3, "a script of an unknown origin does not, with the same key")
    same([(answer.status, told(answer)) for answer in (ask(site, "/profile"), ask(site, "/keys"), ask(site, "/sessions", "DELETE"))], [(403, (None, None))] * 3,
         "and a key opens what a key opens")
    gate.site("left", "any")
    before = told(ask(of(gate, "left")))
    ctl("site", "remove", f"{gate.mark}-left")
    gate._sites.remove(f"{gate.mark}-left")
    same((before, told(ask(of(gate, "left")))), ((of(gate, "left"), None), (None, None)), "a site that is removed is unknown at the next request")


def check_preflights(gate):
    answer = preflight(gate, "home", "/profile/data", "PUT", of(gate, "app"))
    same((answer.status, told(answer), answer.headers.get("access-control-allow-methods"), answer.body), (204, ("*", None), "PUT", b""),
         "a preflight says what may be tried with a key, and by no means with a cookie")
    check("Authorization" in answer.headers["access-control-allow-headers"] and "Origin" in answer.headers["vary"], "which header has it", answer)
    check(0 < int(answer.headers["access-control-max-age"]) <= 7200, "for a while", answer)
    same([told(preflight(gate, "home", path, method, of(gate, "app"))) for path, method in
          (("/profile", "PATCH"), ("/login", "POST"), ("/logout", "POST"), ("/keys", "POST"), ("/sessions", "DELETE"), ("/session/data", "PUT"), ("/none", "GET"),
           ("/profile/data", "BREW"), ("/app/sessions/x", "PUT"), ("/files/x/link", "POST"))], [(None, None)] * 10, "nothing else")
    same([told(preflight(gate, "home", path, method, of(gate, "app")))[0] for path, method in (("/upload", "POST"), ("/uploads", "POST"), ("/uploads/x", "PATCH"), ("/files", "GET"),
                                                                                               ("/files/x", "GET"))], ["*"] * 5, "uploads and downloads are among it")
    same([preflight(gate, "home", "/profile/data", "PUT", "x" * length).status for length in (3000,)], [204], "whatever the origin is")
    with postgres_away():
        dev("service", "stop", "memcached")
        try:
            seen = [preflight(gate, "home", "/profile/data", "PUT", of(gate, "app"), token=TOKEN).status for _ in range(3)]
        finally:
            dev("service", "start", "memcached")
    same(seen, [204] * 3, "nobody is asked for it: neither the database nor the cache need be there")


def check_apps(gate):
    """What an app says to preflights itself."""
    def ask(name, path="/api/x", method="OPTIONS"):
        return preflight(gate, name, path, "PUT", EVIL) if method == "OPTIONS" else gate.ask(name, path, method=method)

    gate.site("api", "any")
    same(ask("api").status, 401, "a preflight, which has no cookie, does not pass to an app by itself")
    gate.site("api", "any", "public method:OPTIONS path:/api/")
    answer = ask("api")
    same((answer.status, answer.json()["method"], ask("api", "/other").status, ask("api", method="GET").status), (200, "OPTIONS", 401, 401),
         "and does where a row of the site says so, and nothing with it")
    names = {name.lower() for name, _ in answer.json()["headers"]}
    check({"origin", "access-control-request-method", "access-control-request-headers"} <= names, "the app gets all that it needs to answer", names)


ANN = new_user(name='Änne "A"', email=f"{psql('SELECT gen_random_uuid()')}@example.org")
BOB = new_user()
ctl("user", "groups", ANN.username, "staff,admin")
TOKEN = login(ANN)
with front(LOCATIONS) as started:
    with settings(home=f"http://{started.host('home')}"):
        started.site("app", "group:staff")
        check_cookie(started, check_visitor(started, ANN, BOB))
        check_keys(started, ANN, key(Client(TOKEN), "data", "files"))
        check_preflights(started)
        check_apps(started)
done()
