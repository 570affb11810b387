#!/usr/bin/python3
"""A client can't pretend to be nginx, another site can't use a visitor's cookie, and no redirect leads to another site."""

import re
import secrets
import sys
import time
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import (PAGE, PASSWORD, SCRATCH, URL, Client, check, done, login, new_name, new_user, same, settings,
                    signed_in, try_login)

HEX32 = re.compile(r"^[0-9a-f]{32}$")
COOKIE = "mayfly"


def hidden(page):
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return found.group(1) if found else ""


def browser(user):
    """A client with a cookie, and its form token."""
    client = Client(cookie=f"{COOKIE}={login(user)}")
    token = hidden(client.get("/account", headers={"Accept": PAGE}).text)
    assert token, "no form token on /account"
    return client, token


# --- what nginx tells the worker

MINE = "0123456789abcdef0123456789abcdef"
user, client = signed_in()
for name in ("X-Request-Id", "X_Request_Id", "Mayfly-Request-Id", "MAYFLY_REQUEST_ID", "Mayfly-Request_Id", "Request-Id",
             "HTTP-MAYFLY-REQUEST-ID", "X-Mayfly-Request-Id"):
    ids = [client.get("/profile", headers={name: MINE}).headers.get("x-request-id", "") for _ in range(3)]
    check(len(set(ids)) == 3 and all(HEX32.match(one) and one != MINE for one in ids), f"{name} does not name the request", ids)
ids = [client.post("/logout-not", headers={"X-Request-Id": MINE}).headers.get("x-request-id") for _ in range(2)]
check(MINE not in ids and ids[0] != ids[1], "nor that of an error", ids)

# The request id makes a mutation once: were it the client's, the second would be a replay.
names = [new_name(), new_name()]
answers = [Client().post("/register", json={"username": name, "password": PASSWORD},
                         headers={"X-Request-Id": MINE, "Mayfly-Request-Id": MINE, "MAYFLY_REQUEST_ID": MINE})
           for name in names]
same([(answer.status, answer.json()["user"]["username"]) for answer in answers], [(201, name) for name in names],
     "so two requests under one invented id are two")

for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "REMOTE_ADDR", "Remote-Addr", "X-Client-IP", "True-Client-IP",
             "CF-Connecting-IP", "X_Forwarded_For"):
    value = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"
    other = new_user()
    token = Client().post("/login", json={"username": other.username, "password": PASSWORD}, headers={name: value}).token
    sessions = Client(token).get("/sessions").json()["sessions"]
    same([one["address"] for one in sessions], ["127.0.0.1"], f"{name} does not change the address")

for name, value in (("Proxy", "http://evil.example:8080"), ("Http-Proxy", "x"), ("REQUEST_METHOD", "DELETE"), ("Request-Method", "DELETE"),
                    ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("DOCUMENT_URI", "/sessions"),
                    ("X-Original-URL", "/sessions"), ("X-Rewrite-URL", "/sessions"), ("QUERY_STRING", "rd=/x"),
                    ("SCRIPT_FILENAME", "/etc/passwd"), ("MAYFLY_ORIGIN", "http://evil.example"), ("MAYFLY_CONFIG", "/dev/null"),
                    ("MAYFLY_CRASH", "before-answer:1"), ("HTTP_AUTHORIZATION", "mfs_x"), ("HTTP_COOKIE", "x"), ("Mayfly-Origin", "x"),
                    ("FCGI_ROLE", "FILTER"), ("CONTENT_LENGTH", "9999"), ("X-Mayfly-Worker", "evil/1"), ("Idempotent-Replayed", "true")):
    answer = client.get("/profile", headers={name: value})
    same((answer.status, answer.json().get("id"), answer.worker.startswith("evil"), "idempotent-replayed" in answer.headers),
         (200, user.id, False, False), f"{name} changes nothing", answer)
log = (SCRATCH / "log").glob("*.log")
time.sleep(1.2)
check(not any(MINE in path.read_text(errors="replace") for path in log), "no invented request id is in a log")
for host in ("evil.example", "evil.example:80", "x\"><script>"):
    for path in ("/login", "/account", "/"):
        answer = Client().get(path, headers=[("Host", host), ("Accept", PAGE)])
        check("evil" not in answer.text and "<script>\">" not in answer.text and "evil" not in answer.headers.get("location", ""),
              f"Host: {host} is nowhere in {path}", answer)
for method in ("get", "post"):
    answer = getattr(Client(client.token), method)("/profile?_method=DELETE", **({"form": {"_method": "DELETE"}} if method == "post" else {}))
    check(answer.status in (200, 422), f"_method in {method.upper()} is no method", answer)
same(client.get("/profile").status, 200, "the account is still there")

# --- cookies

token = login(user)
good = f"{COOKIE}={token}"
for what, cookie in (("alone", good), ("among others", f"a=b; {good}; c=d"), ("after one that looks alike", f"x{COOKIE}=1; {COOKIE}x=2; {good}"),
                     ("in quotes", f'{COOKIE}="{token}"'), ("without a space", f"a=b;{good}")):
    same(Client(cookie=cookie).get("/profile").status, 200, f"a cookie {what} is found")
for what, cookie in (("of another name", f"x{COOKIE}={token}"), ("of capitals", f"{COOKIE.upper()}={token}"), ("within a value", f"a=\"{good}"[:-1]),
                     ("empty", f"{COOKIE}="), ("with a space", f"{COOKIE}= x")):
    same(Client(cookie=cookie).get("/profile").status, 401, f"a cookie {what} is none")
victim, attacker = signed_in()[1], signed_in()[1]
twice = [("Cookie", f"{COOKIE}={victim.token}; {COOKIE}={attacker.token}")]
first = Client().get("/profile", headers=twice).json().get("id")
same({Client().get("/profile", headers=twice).json().get("id") for _ in range(8)}, {first}, "of two cookies all workers take the same")
lines = [("Cookie", f"{COOKIE}={victim.token}"), ("Cookie", f"{COOKIE}={attacker.token}")]
answers = {Client().get("/profile", headers=lines).status for _ in range(4)}
check(answers <= {200, 400, 401}, "two Cookie lines break nothing", answers)
mixed = Client(cookie=f"{COOKIE}={victim.token}").get("/profile", headers={"Authorization": f"Bearer {attacker.token}"})
same(mixed.json()["id"], attacker.get("/profile").json()["id"], "Authorization goes before the cookie")
same(Client(cookie=f"{COOKIE}={victim.token}").get("/profile", headers={"Authorization": "Bearer nonsense"}).status, 401,
     "and a bad one is not made good by the cookie")

# --- another site

bearer = signed_in()[1]
same(bearer.patch("/profile", json={"name": "from afar"}, headers={"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}).status,
     200, "a bearer's token is proof enough, wherever the page is that has it")
user = new_user()
visitor, form = browser(user)
own = URL
foreign = (
    ("a foreign Origin", {"Origin": "https://evil.example"}), ("Origin: null", {"Origin": "null"}),
    ("an Origin that begins like ours", {"Origin": own + ".evil.example"}), ("our host over https", {"Origin": own.replace("http:", "https:")}),
    ("another port", {"Origin": own.rsplit(":", 1)[0] + ":1"}), ("Sec-Fetch-Site: cross-site", {"Sec-Fetch-Site": "cross-site"}),
    ("Sec-Fetch-Site: same-site", {"Sec-Fetch-Site": "same-site"}),
    ("our Origin, but cross-site", {"Origin": own, "Sec-Fetch-Site": "cross-site"}), ("an Origin of two", {"Origin": f"{own}, https://evil.example"}),
)
changes = (
    ("PATCH /profile", "PATCH", "/profile", {"json": {"name": "evil"}}), ("POST /profile", "POST", "/profile", {"form": {"name": "evil"}}),
    ("PUT /profile/data", "PUT", "/profile/data", {"json": {"evil": 1}}), ("DELETE /profile/data", "DELETE", "/profile/data", {}),
    ("POST /logout", "POST", "/logout", {}), ("DELETE /sessions", "DELETE", "/sessions", {}),
    ("POST /sessions/end-others", "POST", "/sessions/end-others", {}),
    ("POST /password", "POST", "/password", {"form": {"current": PASSWORD, "new": "eleven herons on one leg"}}),
    ("POST /profile/delete", "POST", "/profile/delete", {"form": {"password": PASSWORD}}),
    ("DELETE /profile", "DELETE", "/profile", {"json": {"password": PASSWORD}}),
)
visitor.put("/profile/data", json={"mine": 1}, headers={"X-CSRF-Token": form})
for what, method, path, body in changes:
    for site, headers in foreign:
        answer = visitor.request(method, path, headers=headers, **body)
        if (answer.status, answer.error) != (403, "forbidden"):
            break
        answer = visitor.request(method, path, headers={**headers, "X-CSRF-Token": form}, **body)
        if (answer.status, answer.error) != (403, "forbidden"):
            break
    same((answer.status, answer.error), (403, "forbidden"), f"{what} from another site is 403, in nine disguises", site, answer)
    answer = visitor.request(method, path, **body)
    same((answer.status, answer.error), (403, "forbidden"), f"{what} without any proof is 403", answer)
for what, token in (("no token", ""), ("a guess", "x" * 43), ("a longer one", form + "A"), ("a shorter one", form[:-1]),
                    ("another session's", browser(user)[1]), ("another user's", browser(new_user())[1])):
    answer = visitor.post("/profile", form={"name": "evil", "csrf": token})
    same((answer.status, answer.error), (403, "forbidden"), f"a form with {what} is 403", answer)
    answer = visitor.patch("/profile", json={"name": "evil"}, headers={"X-CSRF-Token": token} if token else {})
    same(answer.status, 403, f"X-CSRF-Token with {what} is 403", answer)
answer = visitor.post("/profile", form={"name": "evil"}, headers={"Origin": own, "Sec-Fetch-Site": "same-origin"})
same(answer.status, 403, "a form needs its token even from our own origin", answer)
answer = visitor.request("PATCH", "/profile", body='{"name":"evil"}', headers={"Content-Type": "text/plain"})
check(answer.status in (403, 415), "JSON as text/plain, which any form can send, is refused", answer)

# What a browser sends to a site that has auth_basic in front of it is not ours, and hides no cookie.
basic = {"Authorization": "Basic dTpw"}
guest, _ = browser(new_user())
same([guest.get("/profile", headers=basic).status, guest.patch("/profile", json={"name": "x"}, headers=basic).status], [200, 403],
     "beside Basic the cookie counts, and wants its proof")
same((visitor.get("/profile").json()["name"], visitor.get("/profile/data").json(), visitor.get("/profile").status), ("", {"mine": 1}, 200),
     "after all of that nothing was changed and nobody is logged out")
answer = Client().post("/login", form={"username": user.username, "password": PASSWORD}, headers={"Origin": "https://evil.example"})
same((answer.status, answer.cookies), (403, []), "another site can't log its visitor in as somebody", answer)
answer = Client(visitor.cookie.split("=")[1]).patch("/profile", json={"name": "App"})
same(answer.status, 200, "a Bearer token needs no proof: a browser never sends one by itself", answer)

answer = visitor.post("/profile", form={"name": "Form", "csrf": form})
same((answer.status, answer.json().get("name")), (200, "Form"), "the form with its token passes", answer)
answer = visitor.post("/profile", form={"name": "Form", "csrf": form}, headers={"Accept": PAGE, "Origin": own, "Sec-Fetch-Site": "same-origin"})
same((answer.status, answer.headers.get("location")), (303, "/account?saved=1"), "as a browser sends it as well", answer)
for what, headers in (("X-CSRF-Token", {"X-CSRF-Token": form}), ("Sec-Fetch-Site: same-origin", {"Sec-Fetch-Site": "same-origin"}),
                      ("our Origin", {"Origin": own}), ("our Origin in capitals", {"Origin": own.upper()})):
    answer = visitor.patch("/profile", json={"name": what}, headers=headers)
    same((answer.status, answer.status == 200 and answer.json()["name"]), (200, what), f"JSON with {what} passes", answer)
same(visitor.delete("/profile/data", headers={"Sec-Fetch-Site": "same-origin"}).status, 204, "DELETE by our own script passes")

# --- nothing changes by GET

for path in ("/logout", "/password", "/profile/delete", "/sessions/end-others", f"/sessions/{secrets.token_hex(8)}/end"):
    for method in ("GET", "HEAD"):
        answer = visitor.request(method, path)
        check(answer.status == 405 and "POST" in answer.headers.get("allow", ""), f"{method} {path[:24]} is 405", answer)
same(visitor.get(f"/login?username={user.username}&password={urllib.parse.quote(PASSWORD)}").cookies, [], "GET /login logs nobody in")
same(visitor.get("/profile").status, 200, "the visitor is still logged in")
for path in ("/", "/login", "/register", "/account", "/profile", "/sessions", "/workers", "/worker", "/health/ready"):
    same(Client().get(path, headers={"Accept": PAGE}).cookies, [], f"GET {path} sets no cookie")

# --- where a log-in leads

evil_places = ("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "///evil.example", "evil.example",
               "javascript:alert(1)//evil", "/\n/evil.example", "http:evil.example", "https:/evil.example", "/ok\r\nSet-Cookie: evil=1", " //evil.example",
               "/%09/evil.example", "/.//evil.example", "/\x7f/evil.example", "/x\\..\\evil.example", "@evil.example", "/\u2028/evil", "//evil%2eexample@x")
for rd in evil_places:
    answer = Client().post("/login", form={"username": user.username, "password": PASSWORD, "rd": rd}, headers={"Accept": PAGE})
    place = answer.headers.get("location", "")
    target = urllib.parse.urljoin("http://here.example/login", place.replace("\\", "/"))
    check(answer.status == 303 and place.startswith("/") and not place.startswith(("//", "/\\")) and
          urllib.parse.urlsplit(target).hostname == "here.example" and "\\" not in place and not any(name == "Set-Cookie" and "evil" in value for name, value in answer.fields),
          f"rd={rd!r} leads nowhere else", answer)
    page = Client().get("/login?" + urllib.parse.urlencode({"rd": rd}), headers={"Accept": PAGE})
    hidden_rd = re.search(r'name="rd" value="([^"]*)"', page.text)
    check(page.status in (200, 400) and (hidden_rd is None or not hidden_rd.group(1).startswith(("//", "/\\", "http"))), "nor does the page keep it", page)
for rd in ("/account", "/workers?x=1#y", "/account?a=b&c=d"):
    answer = Client().post("/login", form={"username": user.username, "password": PASSWORD, "rd": rd}, headers={"Accept": PAGE})
    same((answer.status, answer.headers.get("location")), (303, rd), f"rd={rd} leads there")
    check(not any(part in answer.headers["location"] for part in ("mfs_", "token")), "and takes no token along")
for what, rd in (("of 9000 bytes", "/" + "x" * 9000), ("of other scripts", "/ünï/\u540d")):
    answer = Client().post("/login", form={"username": user.username, "password": PASSWORD, "rd": rd}, headers={"Accept": PAGE})
    place = answer.headers.get("location", "")
    check(answer.status == 303 and place.startswith("/") and place.isascii(), f"an rd {what} does not keep anybody from logging in", answer)
for path in ("//evil.example/account", "/account//evil.example", "/%5cevil.example/..%2faccount"):
    answer = Client().get(path, headers={"Accept": PAGE})
    check("//" not in answer.headers.get("location", "").replace("://", "", 1) or answer.status != 303, f"{path} sends nobody away", answer)


# --- the cookie itself

def attributes(answer):
    """(name, value, attributes) of the only Set-Cookie but the device's (t/4220)."""
    cookies = [cookie for cookie in answer.cookies if "-device=" not in cookie]
    assert len(cookies) == 1, answer
    first, *rest = cookies[0].split("; ")
    name, _, value = first.partition("=")
    return name, value, {part.partition("=")[0].lower(): part.partition("=")[2] for part in rest}


answer = try_login(user.username)
name, value, found = attributes(answer)
same((name, value, found), ("mayfly", answer.token, {"path": "/", "httponly": "", "samesite": "Lax"}),
     "without TLS the cookie is mayfly, HttpOnly, SameSite=Lax, for the whole site, until the browser ends")
name, value, found = attributes(try_login(user.username, remember=True))
check(int(found.get("max-age", 0)) > 86400, "remembered it has a Max-Age", found)
name, value, found = attributes(Client(value).post("/logout"))
same((name, value, found.get("max-age"), found.get("path")), ("mayfly", "", "0", "/"), "a log-out removes it")
page = Client().post("/login", form={"username": user.username, "password": PASSWORD}, headers={"Accept": PAGE})
check(attributes(page)[1] not in page.text, "the body a browser gets has no token")
with settings(cookie_secure="yes"):
    answer = try_login(user.username)
    name, value, found = attributes(answer)
    same((name, found), ("__Host-mayfly", {"path": "/", "httponly": "", "samesite": "Lax", "secure": ""}),
         "with TLS it is __Host-mayfly and Secure, with no Domain")
    same(Client(cookie=f"__Host-mayfly={value}").get("/profile").status, 200, "and logs in")
    same(Client(cookie=f"mayfly={value}").get("/profile").status, 401, "under its full name only")
    name, gone, found = attributes(Client(value).post("/logout"))
    same((name, gone, found.get("max-age"), "secure" in found), ("__Host-mayfly", "", "0", True), "and is removed alike")
with settings(cookie_secure="yes", cookie_domain="example.org"):
    name, value, found = attributes(try_login(user.username))
    same((name, found.get("domain"), "secure" in found), ("__Secure-mayfly", "example.org", True), "shared with subdomains it is __Secure-mayfly")
with settings(public_origin="https://front.example"):
    visitor, form = browser(user)
    same([visitor.patch("/profile", json={"name": "x"}, headers={"Origin": origin}).status for origin in ("https://front.example", own, "https://evil.example")],
         [200, 403, 403], "public_origin is the only origin that counts when it is set")
    same(visitor.patch("/profile", json={"name": "x"}, headers={"Origin": "http://x", "Host": "x"}).status, 403, "whatever Host says")
done()
