#!/usr/bin/python3
"""Answers that nginx makes itself, when no worker is there or none is asked: errors like those of workers, as JSON and as pages."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from files import pools_away
from mayfly import PAGE, PASSWORD, PROBLEM, Client, check, done, same, signed_in

HTML = "text/html; charset=utf-8"
TITLES = {400: "Bad request", 403: "Forbidden", 404: "Not found", 405: "Method not allowed", 413: "Content too large",
          501: "Not implemented", 503: "Service unavailable"}
WORDS = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
         501: "bad_request", 503: "unavailable"}
# Of these a client learns nothing.
INTERNALS = re.compile(r"nginx|sock|upstream|fastcgi|fcgi|pool|(?:password|files)-[ab]|/run/|/tmp/|\d+\.\d+\.\d+\.\d+", re.I)

user, client = signed_in()
browser = Client(cookie=f"mayfly={client.token}")
MEMBERS = set(client.get("/nothing-here").json())  # of a worker's own


def ask(words, accept, **more):
    method, path = words.split()
    headers = [("Accept", accept), *more.pop("headers", ())]  # before what nginx refuses a request for
    return browser.request(method, path, headers=headers, **more)


def common(answer, status):
    """What an error of nginx's has in either form."""
    heads = {name: value for name, value in answer.headers.items() if name not in ("server", "x-request-id")}
    return (answer.status == status and answer.headers.get("server") == "nginx" and
            answer.headers.get("cache-control") == "no-store" and answer.headers.get("x-content-type-options") == "nosniff" and
            answer.headers.get("retry-after") == ("1" if status == 503 else None) and
            re.fullmatch("[0-9a-f]{32}", answer.headers.get("x-request-id", "")) and "x-mayfly-worker" not in answer.headers and
            "set-cookie" not in answer.headers and "location" not in answer.headers and
            not INTERNALS.search(f"{heads} {answer.text}"))


def problem(answer, status, promise):
    good = common(answer, status) and answer.headers.get("content-type") == PROBLEM
    if good:
        fields = answer.json()
        wanted = {"type": "about:blank", "title": TITLES[status], "status": status, "error": WORDS[status]}
        good = fields.keys() == MEMBERS and wanted.items() <= fields.items() and fields["detail"].endswith(".")
    return check(good, f"{promise}: {status} as problem+json", answer)


def page(answer, status, promise):
    good = (common(answer, status) and answer.headers.get("content-type") == HTML and
            answer.headers.get("content-security-policy", "").startswith("default-src 'none';") and
            f"<h1>{TITLES[status]}</h1>" in answer.text and answer.headers["x-request-id"] in answer.text)
    return check(good, f"{promise}: {status} as a page", answer)


def both(words, status, promise="", **more):
    promise = f"{words}{promise}"
    problem(ask(words, "application/json", **more), status, promise)
    page(ask(words, PAGE, **more), status, promise)


def log_in(accept="application/json"):
    """Without a cookie, which would want a proof of origin."""
    return Client().post("/login", json={"username": user.username, "password": PASSWORD}, headers={"Accept": accept})


# --- no worker

with pools_away("password-a", "password-b"):
    same(client.get("/profile").status, 200, "without the pools of passwords sessions go on")
    same(client.get("/files").status, 200, "and files")
    problem(log_in(), 503, "without them nobody logs in")
    page(log_in(PAGE), 503, "without them no browser does")
    with pools_away("a", "b", "files-a", "files-b"):
        for words in ("GET /", "GET /profile", "GET /login", "GET /account", "GET /session/data", "GET /sessions",
                      "GET /workers", "GET /health/live", "GET /files", "GET /files/x", "GET /shared/x"):
            both(words, 503)
        for words in ("POST /login", "POST /register", "POST /logout", "PATCH /session/data", "PUT /profile/data",
                      "DELETE /sessions", "POST /files/x/csv", "POST /uploads"):
            both(words, 503, json={})
        answer = ask("HEAD /profile", "*/*")
        check(common(answer, 503) and answer.body == b"", "HEAD has the same head", answer)
        problem(ask("GET /account", "application/json, text/html"), 503, "who would rather have JSON")
        # An error page is a request of its own, with the body of the one before.
        both("POST /login", 503, " with 100 kB", body="x" * 100_000)
        both("POST /upload", 503, " with 2 MB", body="x" * 2_000_000)
        both("POST /login", 413, " with 200 kB, which no worker would have taken either", body="x" * 200_000)
        style = re.search(r'href="(/static/[^"]+)"', ask("GET /", PAGE).text)
        same(style and ask(f"GET {style[1]}", "text/css").status, 200, "the style of these pages needs no worker")
same(ask("GET /profile", "application/json").status, 200, "with workers the same cookie is still good")
same(ask("GET /account", PAGE).status, 200, "for pages too")
same(log_in().status, 200, "and a log-in is one")

# --- nobody asked

both("GET /static/nothing", 404)
both("GET /static/", 403)
both("POST /static/mayfly.css", 405, json={})
both("TRACE /profile", 405)
same([ask(words, form, **more).headers.get("allow") for form in ("application/json", PAGE)
      for words, more in (("POST /static/mayfly.css", {"json": {}}), ("TRACE /profile", {}), ("GET /static/nothing", {}))],
     ["GET, HEAD", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", None] * 2, "405 says which methods are taken")
for form in ("json", "html", "hang-up"):
    both(f"GET /mayfly-error/{form}", 404)
for words, status in (("PUT /session/data", 413), (f"PUT /app/sessions/{'x' * 30}", 413), (f"PUT /app/accounts/{'x' * 36}", 413), ("PUT /keys", 405)):
    both(words, status, " with 200 kB", body="x" * 200_000)
both("POST /login", 501, " in an encoding that nobody knows", body="x", headers=[("Transfer-Encoding", "gzip")])
both("GET /profile", 400, " with two hosts", headers=[("Host", "one.example"), ("Host", "two.example")])
done()
