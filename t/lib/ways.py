"""A browser's way between mayfly's home and sites behind the gate, with cookies by host but without scripts."""

import html
import re
import urllib.parse

from mayfly import PAGE

NAVIGATES = {"Accept": PAGE, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def at(gate, name, target="/"):
    return f"http://{gate.host(name)}{target}"


class Browser:
    """Follows as a browser does, with cookies by host."""

    def __init__(self, gate):
        self.gate, self.jar, self.trail = gate, {}, []

    def get(self, url, method="GET", **more):
        place = urllib.parse.urlsplit(url)
        host = place.netloc.partition(":")[0]
        cookies = self.jar.setdefault(host, {})
        headers = {**NAVIGATES, "Host": place.netloc, **more.pop("headers", {})}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        client = self.gate.client()
        answer = client.request(method, url.partition(place.netloc)[2] or "/", headers=headers, **more)
        client.close()
        for one in answer.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            cookies[name] = value
            if "Max-Age=0" in one:
                del cookies[name]
        self.trail.append((url, answer.status))
        return answer

    def follow(self, url, most=10):
        for _ in range(most):
            answer = self.get(url)
            if answer.status != 303:
                return url, answer
            url = urllib.parse.urljoin(url, answer.headers["location"])
        raise RuntimeError(f"it goes round and round: {self.trail}")

    def log_in(self, user):
        """At home, in the form that is shown now."""
        url, page = self.trail[-1][0], self.get(self.trail[-1][0])
        found = re.findall(r'<input type="hidden" name="(rd|csrf)" value="([^"]+)">', page.text.partition('action="/login"')[2])
        hidden = {name: html.unescape(value) for name, value in found}
        home = f"http://{self.gate.host('home')}"
        answer = self.get(home + "/login", "POST", form={"username": user.username, "password": user.password, **hidden}, headers={"Origin": home})
        return self.follow(urllib.parse.urljoin(url, answer.headers["location"]))

    def visit(self, name):
        return self.jar.get(self.gate.host(name).partition(":")[0], {}).get("mayfly")
