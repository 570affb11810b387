#!/usr/bin/python3
"""The pages in a real browser, with JavaScript on and off: from register to closing the account."""

import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import Browser, http, missing
from mayfly import check, done, same

PHONE = ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/17.5 Mobile/15E148 Safari/604.1")
FIRST = "seven herons over the weir"
SECOND = "nine otters under the bridge"
NAME = '<b>Ada & "Co"</b>'  # a page that forgets to escape shows it bold


def phone_logs_in(url, username, password):
    status, answer = http("POST", f"{url}/login", {"username": username, "password": password}, User_Agent=PHONE)
    return answer["token"] if status == 200 else None


def is_live(url, token):
    return http("GET", f"{url}/profile", Authorization=f"Bearer {token}")[0] == 200


def guest(b, username):
    b.open("/")
    same(b.path(), "/", "the front page opens for a guest")
    check(b.all('a[href="/register"]') and b.all('a[href="/login"]'), "it leads to register and log in")
    b.check("index")

    b.open("/register")
    b.check("register")
    b.send("/register", username=username, email=f"{username}@example.org", password="password1")
    check(b.text('[role="alert"]'), "a common password is refused with a message")
    same(b.value("#username"), username, "what was typed is still there")
    same(b.value("#password"), "", "but not the password")
    b.check("register-error")
    b.send("/register", password=FIRST)
    same(b.path(), "/login", "after registering comes the log-in page")
    check(b.text('[role="status"]'), "which says that it worked")

    b.open("/account")
    same(b.path(), "/login", "a guest who wants the account page is shown the way in")
    b.check("login")
    b.send("/login", username=username, password="not this one")
    check(b.text('[role="alert"]'), "a wrong password is answered on the page")
    b.check("login-error")
    b.send("/login", username=username, password=FIRST)
    same(b.path(), "/account", "after logging in comes the page that was wanted")


def account(b, username):
    b.send("/profile", name=NAME, email=f"{username}@example.com")
    check("password" in b.text('[role="alert"]'), "another e-mail address needs the password")
    same(b.value("#email"), f"{username}@example.com", "and what was typed is still there")
    b.check("profile-error")
    b.send("/profile", password=FIRST)
    check(b.text('[role="status"]'), "changing the profile is confirmed")
    b.open("/account")
    same(b.value("#name"), NAME, "the name stays")
    same(b.value("#email"), f"{username}@example.com", "so does the address")
    b.open("/login")
    check(NAME in b.text("main p"), "markup in a name is text", b.text("main"))

    token = phone_logs_in(b.url, username, FIRST)
    check(token and is_live(b.url, token), "a phone logs in")
    b.open("/account")
    same(len(b.all(".devices li")), 2, "two devices are shown")
    same(len(b.all(".devices .tag")), 1, "one of them is this one")
    check("iPhone" in b.text(".devices"), "the other one is the phone", b.text(".devices"))
    moment = b.one("time")
    same(moment.text != moment.get_attribute("datetime"), b.javascript, "times are the visitor's own where scripts run")
    b.check("account")
    b.leave(".devices form button")
    same(len(b.all(".devices li")), 1, "the phone's session can be ended")
    check(not is_live(b.url, token), "it is dead")

    token = phone_logs_in(b.url, username, FIRST)
    check(token and is_live(b.url, token), "the phone logs in again")
    b.send("/password", current="not this one", new=SECOND)
    check(b.text('[role="alert"]'), "a wrong current password is refused")
    check(is_live(b.url, token), "and ends no session")
    b.open("/account")
    b.send("/password", current=FIRST, new=SECOND)
    check(b.text('[role="status"]'), "changing the password is confirmed")
    check(not is_live(b.url, token), "it ended the phone's session")
    b.open("/account")
    same(b.path(), "/account", "this one goes on")
    same(phone_logs_in(b.url, username, FIRST), None, "the old password is no longer taken")


def workers(b):
    b.open("/workers")
    shown = b.text(".lead .worker")
    check("/" in shown, "the page names its worker", shown)
    if not b.javascript:
        check(not b.one("#live").is_displayed(), "scripts are really off")
        others = set()
        for _ in range(30):
            b.leave('main a[href="/workers"]')
            others.add(b.text(".lead .worker"))
        check(len(others) > 1, "reloading shows another one", others)
    else:
        b.wait(lambda _: len(b.all("#dots .answered")) >= 100)
        rows = len(b.all("#workers tr"))
        check(rows > 1, f"{rows} workers answered", b.text("#workers"))
        b.one("#pause").click()
        same(b.one("#pause").text, "Go on", "it can be paused")
        time.sleep(1)
        before = len(b.all("#dots .answered"))
        time.sleep(1)
        same(len(b.all("#dots .answered")), before, "then it asks no more")
        check("None failed" in b.text("#summary"), "no request failed", b.text("#summary"))
    b.check("workers")


def leaving(b, username):
    b.open("/nothing-here")
    same(b.text("h1"), "Not found", "an unknown address gets a page that says so")
    b.check("error")
    b.open("/account")
    b.leave('form[action="/logout"] button')
    check(b.all('a[href="/login"]'), "after logging out one is a guest")
    b.open("/account")
    same(b.path(), "/login", "and the account page is closed")
    b.send("/login", username=username, password=SECOND)
    same(b.path(), "/account", "the new password lets in")
    b.one('[aria-labelledby="close"] summary').click()
    b.send("/profile/delete", password=SECOND)
    same(b.path(), "/", "the account can be closed")
    same(phone_logs_in(b.url, username, SECOND), None, "then nobody gets in")
    complaints = b.complaints()
    check(not complaints, "the browser has nothing to complain of", *complaints)


def main():
    if missing():
        print(f"1..0 # SKIP {missing()}")
        return
    url = os.environ["MAYFLY_URL"].rstrip("/")
    screens = Path(os.environ.get("MAYFLY_SCRATCH", ".")) / "screens"
    screens.mkdir(parents=True, exist_ok=True)
    for javascript in (True, False):
        print(f"# JavaScript {'on' if javascript else 'off'}")
        username = f"ada-{'js' if javascript else 'no'}-{os.getpid()}-{time.time_ns() % 10**6}"
        with Browser(url, screens, javascript) as b:
            guest(b, username)
            account(b, username)
            workers(b)
            leaving(b, username)
    done()


main()
