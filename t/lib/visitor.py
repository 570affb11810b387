"""Somebody in front of a browser without scripts: cookies by host, redirects, forms. All hosts are at one port of this machine."""

import html
import http.cookies
import re
import urllib.parse

import mayfly
from mayfly import PAGE

NAVIGATES = {"Accept": PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Visitor:
    def __init__(self, port, client=None):
        """client: makes one for a connection, instead of the plain one to the port."""
        self.client = client or (lambda: mayfly.Client(url=f"http://127.0.0.1:{port}"))
        self.jar, self.trail, self.url, self.page = {}, [], "", None

    def ask(self, url, method="GET", headers=NAVIGATES, **more):
        """One request with the cookies of its host; no redirect is followed."""
        place = urllib.parse.urlsplit(url)
        cookies = self.jar.setdefault(place.hostname, {})
        fields = {"Host": place.netloc, **headers}
        if cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        client = self.client()
        try:
            answer = client.request(method, url.partition(place.netloc)[2] or "/", headers=fields, **more)
        finally:
            client.close()
        for one in answer.cookies:
            for name, morsel in http.cookies.SimpleCookie(one).items():
                cookies[name] = morsel.value
                if morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                    del cookies[name]
        self.trail.append((method, url, answer.status))
        return answer

    def open(self, url, method="GET", **more):
        """Goes there, and on as long as it is led on: the last page."""
        for _ in range(12):
            answer = self.ask(url, method, **more)
            if answer.status not in (301, 302, 303, 307, 308):
                self.url, self.page = url, answer
                return answer
            url, method, more = urllib.parse.urljoin(url, answer.headers["location"]), "GET", {}
        raise RuntimeError(f"it goes round and round: {self.trail}")

    def send(self, action, **fields):
        """The form of this page that goes to action, '' for one without, with what is hidden in it."""
        for form, inside in re.findall(r"<form([^>]*)>(.*?)</form>", self.page.text, re.S):
            to = re.search(r'action="([^"]*)"', form)
            hidden = {html.unescape(name): html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', inside)}
            if html.unescape(to[1] if to else "") == action and hidden.items() >= {name: value for name, value in fields.items() if name in hidden}.items():
                place = urllib.parse.urlsplit(self.url)
                return self.open(urllib.parse.urljoin(self.url, action), "POST", form={**hidden, **fields},
                                 headers={**NAVIGATES, "Origin": f"{place.scheme}://{place.netloc}"})
        raise RuntimeError(f"{self.url} has no form for {action} with {fields}: {self.page}")

    def log_in(self, username, password):
        """On the page of the log-in, where one was led to."""
        return self.send("/login", username=username, password=password)
