#!/usr/bin/python3
"""
What an app behind the gate receives: who it is, in headers that no client can send; its own cookies, without mayfly's; no Authorization that
is mayfly's; nothing by which it would take the request for another one. Under proxy_pass and under php-fpm.
"""

import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import basic, bearer, ctl, front, key
from mayfly import Client, check, done, login, new_user, note, same

IDENTITY = ("x-auth-user", "x-auth-id", "x-auth-email", "x-auth-name", "x-auth-groups", "x-auth-method")
DANGEROUS = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Original-URI",
             "X-Forwarded-URI", "X-Forwarded-Prefix", "Forwarded", "Remote-User", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email",
             "X-Forwarded-Groups", "X-WebAuth-User", "Proxy")
LOCATIONS = """
    location / { include snippets/mayfly-protect.conf; proxy_pass APP; }
    location /about/ { include snippets/mayfly-public.conf; proxy_pass APP; }
    location /php/ { include /etc/nginx/fastcgi_params; include snippets/mayfly-protect-fastcgi.conf;
        fastcgi_param SCRIPT_FILENAME FOLDER/echo.php; fastcgi_pass unix:FOLDER/php.sock; }
"""
PHP = """<?php
header('Content-Type: application/json');
echo json_encode(array_filter($_SERVER, function ($value, $name) {
    return preg_match('/^(HTTP_|MAYFLY_|REMOTE_USER|PHP_AUTH)/', $name); }, ARRAY_FILTER_USE_BOTH));
"""


def forged(value="mallory"):
    """Each header of identity as somebody could spell it, and twice."""
    fields = []
    for name in ("User", "Id", "Email", "Name", "Groups", "Method"):
        fields += [(spelling, value) for spelling in (f"X-Auth-{name}", f"X_Auth_{name}", f"X-Auth_{name}", f"X_Auth-{name}", f"x-auth-{name.lower()}",
                                                      f"X.Auth.{name}", f"X-AUTH-{name.upper()}")]
    return fields + fields


def identity(seen):
    return {name: seen["headers"].get(name) for name in IDENTITY}


def check_identity(gate, ann, tokens):
    seen = identity(gate.seen("app", token=tokens[0]))
    same(seen, {"x-auth-user": [ann.username], "x-auth-id": [ann.id], "x-auth-email": [ann.email], "x-auth-name": ["UTF-8''%C3%84nne%20%22A%22"],
                "x-auth-groups": ["staff,admin"], "x-auth-method": ["session"]}, "the app learns who it is; what is not ASCII, as RFC 8187 writes it")
    seen = identity(gate.seen("app", token=tokens[1]))
    same((seen["x-auth-email"], seen["x-auth-name"], seen["x-auth-groups"]), (None, None, None), "what somebody has not is not there")
    seen = identity(gate.seen("app", token=tokens[2]))
    same((seen["x-auth-user"], seen["x-auth-email"]), (seen["x-auth-id"], [MAIL]), "who has no username is not called by an address that nobody verified")


def check_forged(gate, ann, tokens):
    honest = identity(gate.seen("app", token=tokens[0]))
    seen = gate.seen("app", token=tokens[0], headers=forged())
    same((identity(seen), "mallory" in str(seen)), (honest, False), "headers that a client makes up reach nobody, in any spelling, twice")
    seen = gate.seen("app", "/about/", headers=forged())
    same((identity(seen), "mallory" in str(seen)), (dict.fromkeys(IDENTITY), False), "nor on public paths, where nobody is logged in")
    same(identity(gate.seen("app", "/about/", token=tokens[0])), honest, "where the app learns who it is all the same")
    seen = gate.seen("app", token=tokens[0], headers=[(name, "/mallory") for name in DANGEROUS])
    check("mallory" not in str(seen), "nor what some apps take for another address, method or user", seen)


def check_cookies(gate, tokens):
    def told(cookie, **more):
        return gate.seen("app", headers={"Cookie": cookie}, **more)["headers"].get("cookie")

    token = tokens[0]
    same(told(f"mayfly={token}"), None, "the app does not get mayfly's cookie")
    same([told(cookie.replace("M", f"mayfly={token}")) for cookie in
          ("M; a=b", "a=b; M", "a=b; M; c=d", "a=b;M;c=d", "a=b;c=d;M", "M;a=b", "mayfly-device=x; a=b; M; c=d", "M; __Host-mayfly-visit=y; __Secure-mayfly=z; a=b")],
         [[text] for text in ("a=b", "a=b", "a=b; c=d", "a=b;c=d", "a=b;c=d", "a=b", "a=b; c=d", "a=b")], "and all of its own")
    same(told(f"notmayfly=1; mayfly={token}; mayflyer=2; amayfly-device=3; mayfly-devices=4"), ["notmayfly=1; mayflyer=2; amayfly-device=3; mayfly-devices=4"],
         "also those that are nearly called so")
    many = told("; ".join([f"mayfly={token}", *[f"mayfly=x{n}" for n in range(9)], "a=b"]))
    check(many is None or "mayfly" not in many[0], "with too many of one name none is let through", many)
    seen = gate.seen("app", headers=[("Cookie", "a=b"), ("Cookie", f"mayfly={token}"), ("Cookie", "c=d")])["headers"].get("cookie")
    same(seen, ["a=b; c=d"], "in several headers too")
    check(all(token not in str(gate.seen("app", headers={"Cookie": cookie})) for cookie in
              (f"mayfly={token}", f"\tmayfly={token}", f" ; mayfly={token};;", f"mayfly={token}; mayfly", f'mayfly="{token}"')), "however it is spaced")


def check_authorization(gate, tokens):
    def told(value, **more):
        return gate.seen("app", headers={"Authorization": value}, **more)["headers"].get("authorization")

    same(told(f"Bearer {tokens[0]}"), None, "a token of ours is not for the app")
    same((told("Bearer app.own.jwt", token=tokens[0]), told("Basic YTpi", token=tokens[0]), told("Digest x", token=tokens[0])),
         (["Bearer app.own.jwt"], ["Basic YTpi"], ["Digest x"]), "the app's own comes through, and does not hide who is logged in")
    seen = gate.seen("app", "/about/", headers={"Authorization": f"Bearer {tokens[0][:-4]}AAAA"})
    same(seen["headers"].get("authorization"), None, "also on public paths, when it is good no more")


def check_keys(gate, ann):
    client = Client(login(ann))
    robot, password = key(client, "gate"), key(client, "password")
    wrong = password[:-4] + ("AAAA" if password[-4:] != "AAAA" else "BBBA")
    ways = (bearer(robot), basic(ann.username, password), basic(ann.email, password))
    seen = [gate.seen("robots", headers=way) for way in ways]
    same([identity(one) for one in seen], [{**identity(gate.seen("app", token=TOKENS[0])), "x-auth-method": ["key"]}] * 3,
         "with a key it is the key's owner, and the app learns that it is a key")
    check(all("authorization" not in one["headers"] for one in seen), "which the app does not get", seen)
    seen = [gate.seen("robots", "/about/", headers=way) for way in (*ways, bearer(wrong), basic(ann.username, wrong), basic("bob", password))]
    check(all("authorization" not in one["headers"] for one in seen), "nor on public paths, also one that is good no more or of another name", seen)
    same([one["headers"].get("x-auth-id") for one in seen], [[ann.id]] * 3 + [None] * 3, "where it is somebody with a key that is good")
    seen = gate.ask("robots", "/php/x", headers=basic(ann.username, password)).json()
    same([seen.get(name) for name in ("REMOTE_USER", "MAYFLY_METHOD", "HTTP_X_AUTH_METHOD", "HTTP_AUTHORIZATION", "PHP_AUTH_USER", "PHP_AUTH_PW")],
         [ann.username, "key", "key", None, None, None], "php-fpm gets the same, and no password")


def check_many_groups(gate):
    many = new_user()
    groups = [f"group-{n:02}-{'x' * 50}" for n in range(30)]
    ctl("user", "groups", many.username, ",".join(groups))
    token = login(many)
    same(gate.seen("app", token=token)["headers"]["x-auth-groups"], [",".join(groups)], "thirty groups with long names come through")
    groups = [f"group-{n:02}-{'x' * 55}" for n in range(64)]
    ctl("user", "groups", many.username, ",".join(groups))
    same(gate.seen("app", token=token)["headers"]["x-auth-groups"], [",".join(groups)], "so do as many as somebody can have")


def check_long_names(gate):
    longest = new_user(name="😀" * 200, username="ü" * 60 + os.urandom(2).hex(), email=f"{os.urandom(6).hex()}{'e' * 40}@{'x' * 60}.{'y' * 60}.example.org")
    seen = gate.seen("app", token=login(longest))["headers"]
    same([urllib.parse.unquote(seen[name][0].removeprefix("UTF-8''")) for name in ("x-auth-user", "x-auth-name")], [longest.username, "😀" * 200],
         "the longest names that there are come through")


def check_php(gate, ann, tokens):
    seen = gate.ask("app", "/php/x", token=tokens[0], headers=[*forged(), ("Cookie", "a=b"), *[(name, "/mallory") for name in DANGEROUS]]).json()
    check("mallory" not in str(seen), "php-fpm gets no forged header", seen)
    same([seen.get(name) for name in ("REMOTE_USER", "HTTP_X_AUTH_USER", "MAYFLY_USER", "MAYFLY_ID", "HTTP_X_AUTH_GROUPS", "MAYFLY_METHOD", "HTTP_COOKIE")],
         [ann.username] * 3 + [ann.id, "staff,admin", "session", "a=b"], "but who it is, as REMOTE_USER and by other names, and the app's own cookie")
    seen = gate.ask("app", "/php/x", token=tokens[0], headers={"Authorization": "Basic bWFsbG9yeTp4"}).json()
    same((seen["REMOTE_USER"], seen["PHP_AUTH_USER"]), (ann.username, "mallory"), "which nobody becomes by an Authorization of the app's own")
    seen = gate.ask("app", "/php/x", headers={"Authorization": f"Bearer {tokens[0]}"}).json()
    same([name for name in seen if "AUTHORIZATION" in name or "PHP_AUTH" in name], [], "and no Authorization of ours")
    same((gate.ask("app", "/php/x").status, gate.ask("app", "/php/x", method="POST", body=b"x" * 100000).status), (401, 401), "guests are asked to log in")


def php_start(folder):
    (folder / "echo.php").write_text(PHP)
    (folder / "php.conf").write_text(f"[global]\nerror_log = {folder}/php.log\ndaemonize = no\n[www]\nlisten = {folder}/php.sock\nlisten.mode = 0666\n"
                                     "pm = static\npm.max_children = 2\n")
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    process = subprocess.Popen([found[-1], "-n", "-y", folder / "php.conf"], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while not (folder / "php.sock").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return process


MAIL = f"{os.urandom(6).hex()}@example.org"
ANN = new_user(name='Änne "A"', email=f"{os.urandom(6).hex()}@example.org")
ctl("user", "groups", ANN.username, "staff,admin")
answer = Client().post("/register", json={"email": MAIL, "password": "a quiet green lamp"})
TOKENS = [login(ANN), login(new_user()), Client().post("/login", json={"username": MAIL, "password": "a quiet green lamp"}).token]
with front(LOCATIONS, start=False) as made:
    made.conf(lambda text: text.replace("FOLDER", str(made.folder)), "nginx.conf")
    php = php_start(made.folder)
    try:
        for underscores in (False, True):
            made.conf(lambda text: text.replace("include snippets/mayfly-gate.conf;", "underscores_in_headers on; include snippets/mayfly-gate.conf;")
                      if underscores else text, "nginx.conf")
            made.conf(lambda text: text.replace("underscores_in_headers off;\n", "") if underscores else text, "snippets/mayfly-gate.conf")
            note(f"underscores_in_headers is {'on' if underscores else 'off'}")
            made.start()
            made.site("app", "any", "public path:/about/")
            check_forged(made, ANN, TOKENS)
            check_php(made, ANN, TOKENS)
            if not underscores:
                check_identity(made, ANN, TOKENS)
                check_cookies(made, TOKENS)
                check_authorization(made, TOKENS)
                made.site("robots", "any key", "public path:/about/")
                check_keys(made, ANN)
                check_many_groups(made)
                check_long_names(made)
            made.stop()
    finally:
        php.terminate()
        php.wait(20)
done()
