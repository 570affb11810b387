"""A real Chromium with a fresh profile, and plain HTTP beside it."""

import base64
import json
import os
import shutil
import tempfile
import traceback
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from mayfly import check

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    webdriver = None

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
WAIT_S = 20  # log-ins cost argon2id, on a machine that may run other tests
PAGE_CHECK = Path(__file__).with_name("page-check.js").read_text()


def missing():
    """Why there can be no browser here; None when there can."""
    if webdriver is None:
        return "python3-selenium is not installed"
    return next((f"{path} is not there" for path in (CHROMIUM, CHROMEDRIVER) if not os.access(path, os.X_OK)), None)


def gone(element):
    """Whether its page was left. While one page gives way to the next, chromedriver has more errors than the stale one."""
    try:
        element.is_enabled()
        return False
    except WebDriverException:
        return True


def loaded(driver):
    try:
        return driver.execute_script("return document.readyState") == "complete"
    except WebDriverException:
        return False


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def http(method, url, fields=None, **headers):
    """A client that is no browser: (status, answer as JSON or None)."""
    data = urllib.parse.urlencode(fields).encode() if fields is not None else None
    headers = {"Accept": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=WAIT_S) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, None


class Browser:
    """One window. Elements are found by CSS; an action that leaves the page waits for the next one. arguments are more of Chromium's."""

    def __init__(self, url, screens, javascript=True, arguments=()):
        self.url = url.rstrip("/")
        self.screens = screens
        self.javascript = javascript
        self.profile = tempfile.mkdtemp(prefix="mayfly-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-quic", "no-first-run",
            "disable-background-networking", "disable-component-update", "disable-sync", "lang=en-GB",
            f"user-data-dir={self.profile}", *arguments,
        ):
            options.add_argument(f"--{argument}")
        preferences = {"credentials_enable_service": False, "profile.password_manager_leak_detection": False}
        if not javascript:
            preferences["profile.managed_default_content_settings.javascript"] = 2
        options.add_experimental_option("prefs", preferences)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        self.driver.set_page_load_timeout(WAIT_S)
        self.look()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            check(False, "no exception", "".join(traceback.format_exception(kind, error, trace)), self.driver.current_url,
               self.text("main")[:600])
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)
        return kind is not None and issubclass(kind, Exception)

    def look(self, width=1200, dark=False):
        """Whose eyes: the width of the screen and the colour scheme."""
        self.width = width
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def check(self, name):
        """Looks at the page as phone and desktop, by day and by night; keeps the screens; says what is wrong."""
        for width in (1200, 360):
            for dark in (False, True):
                self.look(width, dark)
                complaints = self.driver.execute_script(PAGE_CHECK, width)
                view = f"{name}, {width} px, {'dark' if dark else 'light'}"
                check(not complaints, f"page is sound: {view}", *complaints)
                self.screenshot(f"{name}-{width}-{'dark' if dark else 'light'}")
        self.look()

    def screenshot(self, name):
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}})
        name = f"{name}{'' if self.javascript else '-noscript'}.png"
        (self.screens / name).write_bytes(base64.b64decode(picture["data"]))

    def open(self, path):
        self.driver.get(self.url + path)

    def path(self):
        return self.driver.current_url.removeprefix(self.url).partition("?")[0]

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css):
        """What is to be read there; "" when there is no such place."""
        return " ".join(element.text for element in self.all(css))

    def value(self, css):
        return self.one(css).get_property("value")

    def wait(self, condition):
        return WebDriverWait(self.driver, WAIT_S).until(condition)

    def leave(self, css):
        """Clicks what leads to another page, and waits for that."""
        page = self.one("html")
        self.one(css).click()
        self.wait(lambda driver: gone(page))
        self.wait(lambda driver: loaded(driver))

    def send(self, action, **fields):
        """Fills the form that posts to action as a person would, and sends it."""
        form = f'form[action="{action}"]'
        for name, value in fields.items():
            field = self.one(f'{form} [name="{name}"]')
            field.clear()
            field.send_keys(value)
        self.leave(f'{form} button:not([type="button"])')

    def complaints(self):
        """What the browser itself found wrong, other than a refused request."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "status of 4" not in entry["message"]]
