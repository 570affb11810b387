#!/usr/bin/python3
"""examples/spa in Chromium: a page for everybody whose API is behind the gate. What its scripts ask is refused with a status, a window for the
log-in opens, and the requests are sent again, bodies and all."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import browser
from gate import front
from mayfly import CHECKOUT, SCRATCH, check, done, new_user, same, settings

if browser.missing():
    print(f"1..0 # SKIP {browser.missing()}")
    sys.exit()
LOCATIONS = """
    location /app/ { include snippets/mayfly-public.conf; alias SPA/; }
    location /api/ { include snippets/mayfly-protect.conf; proxy_pass APP; }
"""


def others(one):
    return [handle for handle in one.driver.window_handles if handle != one.driver.current_window_handle]


def save(one):
    """Clicks, and is then in the window that this opens."""
    one.one("#note button").click()
    one.wait(lambda _: others(one))
    page = one.driver.current_window_handle
    one.driver.switch_to.window(others(one)[0])
    one.wait(lambda driver: driver.current_url.startswith(home) and browser.loaded(driver))
    return page


def news(one, begins):
    one.wait(lambda _: one.text("#news").startswith(begins))
    return one.text("#news")


user = new_user()
with front(LOCATIONS.replace("SPA", str(CHECKOUT / "examples/spa"))) as gate:
    home = f"http://{gate.host('home')}"
    gate.site("notes", "any", "public path:/app/")
    screens = SCRATCH / "log"
    with settings(home=home), browser.Browser(f"http://{gate.host('notes')}", screens) as one:
        one.open("/app/")
        check("for everybody" in one.text("#news"), "a page for everybody is shown without a log-in")
        page = save(one)
        same(len(others(one)), 1, "two requests that are refused open one window, which is at the log-in")
        one.driver.close()
        one.driver.switch_to.window(page)
        same(news(one, "Not saved"), "Not saved: 401", "whoever closes it gets the refusal, not an endless wait")
        save(one)
        for name, value in (("username", user.username), ("password", user.password)):
            one.one(f'form[action="/login"] [name="{name}"]').send_keys(value)
        same([one.value("#username"), one.value("#password")], [user.username, user.password], "the form of the log-in is filled in")
        one.one("#password").send_keys("\ue007")
        one.driver.switch_to.window(page)
        one.wait(lambda _: not others(one))
        told = news(one, "Saved.")
        check('"method": "POST"' in told and "buy a lamp" not in told and user.username in told, "after the log-in the window closes and what was refused is done", told)
        check('"length": 0' not in told, "with its body", told)
        before = gate.app.seen
        one.one("#note button").click()
        one.wait(lambda _: gate.app.seen == before + 2)
        same(others(one), [], "afterwards nobody is asked again")
        one.driver.execute_script("arguments[0].click()", one.one('a[href^="/mayfly/logout"]'))
        one.wait(lambda driver: "/mayfly/logout" in driver.current_url and browser.loaded(driver))
        one.leave('form[method="post"] button')
        same((one.driver.current_url, one.text("h1")), (f"http://{gate.host('notes')}/app/", "Notes"), "the page's link asks, logs out, and leads back to the page")
        save(one)
        one.driver.close()
        one.driver.switch_to.window(page)
        check(news(one, "Not saved"), "where somebody has to log in again")
        same(one.complaints(), [], "and the browser has nothing to complain of")
done()
