#!/usr/bin/python3
"""
Each recipe of doc/recipes.md, as it is written there: its lines for nginx in an nginx of the test's, which takes them, its commands, and what
they promise, asked. What the page says is not tried by being repeated here: a recipe without its test fails.
"""

import contextlib
import re
import secrets
import shutil
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import gate
from gate import front
from mayfly import CHECKOUT, PAGE, PROBLEM, SCRATCH, Client, check, done, login, new_user, note, same
from real_apps import Apps, lacks, masked
from visitor import NAVIGATES

PAGE_OF_RECIPES = (CHECKOUT / "doc/recipes.md").read_text()
ELSEWHERE = "127.0.0.9"  # an address that no proxy in front has


def recipes():
    """{title: [(language, text), ...]}"""
    return {part.partition("\n")[0]: re.findall(r"^```(\w*)\n(.*?)^```$", part, re.S | re.M) for part in re.split(r"^## ", PAGE_OF_RECIPES, flags=re.M)[1:]}


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads, allow_reuse_address, seen = True, True, 0


class Recipe:
    """A recipe with names, addresses and folders that are this test's; everything else is the page's."""

    def __init__(self, made, title, port):
        self.made, self.title, self.port = made, title, port
        self.mark = secrets.token_hex(4)
        self.blocks, self.sites, self.said = recipes()[title], [], []

    def ours(self, text):
        for pattern, put in ((r"example\.(org|net)", rf"{self.mark}.\1.example"), (r"gitea\.\*", f"gitea.{self.mark}.org.example"),
                             (r"listen 443 .*;", f"listen 127.0.0.1:{self.made.port};"), (r" *(ssl_|include /config/nginx/(ssl|resolver)).*\n", ""),
                             (r"http://127\.0\.0\.1:300[01]", f"http://unix:{self.made.folder}/app.sock"), (r"/srv/www", f"{self.made.folder}/www"),
                             (r"unix:/run/php/php-fpm\.sock", f"unix:{self.made.folder}/php.sock"), (r"/usr/share/mayfly/nginx/mayfly-http\.conf", "conf.d/*.conf"), (r"/usr/share/mayfly/nginx/", "snippets/"),
                             (r"upstream_app gitea", "upstream_app 127.0.0.1"), (r"upstream_port 3000", f"upstream_port {self.port}"),
                             (r"192\.0\.2\.10", "127.0.0.1"), (r"(mayflyctl site \w+ |--sites )(\w+)", rf"\g<1>\2-{self.mark}")):
            text = re.sub(pattern, put, text)
        return text

    def lines(self, place):
        """What stands at the place of its nginx blocks; all of one server, if that is what it is."""
        return self.ours([text for language, text in self.blocks if language == "nginx"][place])

    def host(self, name="git", domain="org"):
        return f"{name}.{self.mark}.{domain}.example"

    def commands(self, user):
        """Its commands; what each has printed. A site that is edited is one that is there."""
        for line in [line for language, text in self.blocks if language == "sh" for line in text.splitlines()]:
            words = re.findall(r"'[^']*'|\S+", self.ours(line).replace(" ann ", f" {user.username} "))
            words = [word.strip("'") for word in words[1:]]
            if words[:2] == ["site", "edit"]:
                self.ctl("site", "add", words[2], f"https://{self.host(words[2].partition('-')[0])}", "--require", "any")
            if words[0] == "site":
                self.sites.append(words[2])
            self.said.append(self.ctl(*words))

    def site(self, *rules, name="git"):
        self.sites.append(f"{name}-{self.mark}")
        self.ctl("site", "add", self.sites[-1], f"https://{self.host(name)}", *[word for rule in rules for word in ("--require", rule)])

    @staticmethod
    def ctl(*words):
        return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", gate.CONFIG, *words], capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    def ask(self, path="/", host=None, method="GET", token=None, headers=(), source=None, **more):
        fields = [("Host", host or self.host()), *(headers.items() if isinstance(headers, dict) else headers)]
        if token:
            fields.append(("Cookie", f"mayfly={token}"))
        client = Client(url=f"http://127.0.0.1:{self.made.port}", source=source)
        try:
            return client.request(method, path, headers=fields, **more)
        finally:
            client.close()

    def seen(self, *words, **more):
        """The headers that the app has got."""
        answer = self.ask(*words, **more)
        return {name.lower(): value for name, value in answer.json()["headers"]} if answer.status == 200 else answer

    def statuses(self, *paths, **more):
        return [self.ask(path, **more).status for path in paths]

    def taken(self, server="", http="", conf="include conf.d/*.conf;", scheme='map "" $mayfly_scheme { default https; }'):
        """Puts the lines into nginx, which has to take them. The sites are https, as they are behind TLS, which this nginx has not."""
        made = self.made
        if server:
            server = f"server {{ listen 127.0.0.1:{made.port}; server_name {self.host()} {self.host('files')}; include snippets/mayfly-gate.conf; {server} }}"
        made.conf(lambda text: BARE.replace("include conf.d/*.conf;", f"access_log off; {conf} {scheme} {http} {server}"), "nginx.conf")
        ran = subprocess.run(["/usr/sbin/nginx", "-t", "-q", "-e", made.folder / "start.log", "-c", made.folder / "nginx.conf"], capture_output=True, text=True, check=False)
        check(ran.returncode == 0, f"{self.title}: nginx takes it", ran.stderr)
        made.start()

    def end(self):
        self.made.stop()
        for name in dict.fromkeys(self.sites):
            self.ctl("site", "remove", name)


BARE = ""  # the test's nginx without the site of front()


# --- what each promises


def files(recipe, people):
    recipe.site("any")
    recipe.taken(recipe.lines(0))
    same((recipe.ask("/a/", token=people.token).body, recipe.ask("/a/index.html", token=people.token).body), (b"a page", b"a page"), "files are sent to whoever is logged in")
    same(recipe.statuses("/a/", "/a/index.html", "/none"), [401] * 3, "and to nobody else")


def part_for_few(recipe, people):
    recipe.site("any")
    recipe.taken(f"location / {{ include snippets/mayfly-protect.conf; proxy_pass http://unix:{recipe.made.folder}/app.sock; }} {recipe.lines(0)}")
    same((recipe.statuses("/", "/admin/", token=people.token), recipe.statuses("/", "/admin/", token=people.admin)), ([200, 403], [200, 200]), "a part is for a group only")


def php(recipe, people):
    recipe.site("any")
    recipe.taken(recipe.lines(0))
    told = recipe.ask("/echo.php?a=b", method="POST", body=b"x", token=people.token, headers={"Authorization": "Basic bWFsbG9yeTp4"}).json()
    same((told["user"], told["method"], told["secure"]), (people.user.username, "POST", True), "REMOTE_USER is who it is, and no claim of Authorization's")
    same(recipe.statuses("/echo.php"), [401], "a guest gets nothing")


def api(recipe, people):
    recipe.commands(people.user)
    recipe.taken(recipe.lines(0))
    bearer = gate.bearer(recipe.said[-1])
    got = recipe.seen("/api/x", headers=bearer)
    same((got["x-auth-user"], got["x-auth-method"], got.get("authorization")), (people.user.username, "key", None), "a program comes with a key, which the app does not get")
    same((recipe.ask("/x", headers=bearer).status, recipe.ask("/x", token=people.token).status), (403, 200), "it opens no pages")
    answer = recipe.ask("/api/x", headers={"Accept": "application/json"})
    check(answer.status == 401 and answer.headers["content-type"] == PROBLEM and 'rel="login"' in answer.headers["link"], "a script is told where the log-in is", answer)
    answer = recipe.ask("/page?x=1", headers=NAVIGATES)
    check(answer.status == 303 and "/enter?to=" in answer.headers["location"], "a page leads there", answer)


def public_path(recipe, people):
    recipe.commands(people.user)
    recipe.taken(recipe.lines(0))
    got = recipe.seen("/hooks/push?x=1", method="POST", body=b"{}", headers={"X-Hub-Signature-256": "sha256=00", "Authorization": "Bearer theirs", "X-Auth-User": "ann"})
    same((got["x-hub-signature-256"], got["authorization"], got.get("x-auth-user")), ("sha256=00", "Bearer theirs", None), "a webhook gets there as it was sent, from nobody")
    same(recipe.seen("/hooks/x", token=people.token)["x-auth-user"], people.user.username, "the app learns who somebody is who is logged in")
    same(recipe.statuses("/favicon.ico", "/", "/hook/", "/Hooks/x", "/hooks/../admin", "/hooks/%2e%2e/admin", "/hooks/..%2fadmin", "/hooks//x", "//hooks/x", "/admin?/hooks/"),
         [200] + [401] * 9, "nothing else is public")


def websockets(recipe, people):
    recipe.site("any")
    recipe.taken(recipe.lines(0))
    connection = Client(url=f"http://127.0.0.1:{recipe.made.port}").connect()
    connection.connect()
    with connection.sock as line:
        line.sendall(f"GET /socket HTTP/1.1\r\nHost: {recipe.host()}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: mayfly={people.token}\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        stream = line.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        line.sendall(masked("hello"))
        same((head[:12], stream.read(11)), (b"HTTP/1.1 101", masked("hello")), "a WebSocket is opened, and says back what it is told")
    same(recipe.ask("/socket", headers={"Upgrade": "websocket", "Connection": "Upgrade"}).status, 401, "none for a guest")


def large_bodies(recipe, people):
    recipe.site("any")
    recipe.taken(recipe.lines(0))
    body = bytes(3_000_000)
    same(recipe.ask("/files/x", method="PUT", token=people.token, body=body).json()["length"], len(body), "a body that nginx does not hold arrives whole")
    same(recipe.ask("/files/x", method="PUT", headers={"Content-Length": "3000000", "Expect": "100-continue"}).status, 401, "a guest is told before it was sent")


def native_app(recipe, people):
    recipe.commands(people.user)
    recipe.taken(recipe.lines(0))
    key, host = recipe.said[-1], recipe.host("files")
    got = recipe.seen("/dav/notes", host, method="PUT", body=b"x", headers=gate.basic(people.user.username, key))
    same((got["x-auth-user"], got.get("authorization")), (people.user.username, None), "a program that knows only Basic gets in by a key, which the app does not see")
    same([recipe.ask("/dav/", host, headers=gate.basic(name, word)).status for name, word in
          ((people.user.username, people.user.password), (people.other.username, key), (people.user.username, key[:-1] + ("A" if key[-1] != "A" else "B")))],
         [401] * 3, "not by the account's password, by another name, or by a key that is none")


def several_domains(recipe, people):
    recipe.commands(people.user)
    recipe.taken(http=recipe.lines(0))
    git, shop = recipe.host("git"), recipe.host("shop", "net")
    answers = [recipe.ask("/order?x=%26", host, headers=NAVIGATES) for host in (git, shop)]
    check(all(answer.status == 303 and "/enter?to=" in answer.headers["location"] for answer in answers), "each leads to the same log-in", answers)
    same((recipe.ask("/", git).status, recipe.ask("/", shop).status, recipe.ask("/order", shop).status), (401, 200, 401), "what is public is, and the rest is not")


def two_apps(recipe, people):
    recipe.commands(people.user)
    recipe.taken(recipe.lines(0))
    same((recipe.statuses("/", "/x", "/wiki/", "/wiki/x", token=people.token), recipe.statuses("/wiki/x", token=people.staff)), ([200, 200, 403, 403], [200]), "the longest path counts")


def behind_proxy(recipe, people):
    recipe.site("any net:203.0.113.0/24")
    recipe.taken(f"location / {{ include snippets/mayfly-protect.conf; proxy_pass http://unix:{recipe.made.folder}/app.sock; }}", http=recipe.lines(0), scheme="")
    tells = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    got = recipe.seen("/", token=people.token, headers=tells)
    same([got[name] for name in ("x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")], ["203.0.113.9", "203.0.113.9", "https", "443"],
         "the proxy is believed: the client's address, for the rules as well, and the scheme, for the site's origin as well")
    same(recipe.ask("/", token=people.token, headers=tells, source=ELSEWHERE).status, 403, "nobody else is: neither the origin nor the address counts")
    same(recipe.ask("/", token=people.token, headers={**tells, "X-Forwarded-For": "198.51.100.9"}).status, 403, "an address that the rules do not have is refused")


def proxy_manager(recipe, people):
    recipe.site("any")
    # What it writes around.
    around = f"set $forward_scheme http; set $server 127.0.0.1; set $port {recipe.port};"
    home = f"server {{ listen 127.0.0.1:{recipe.made.port}; server_name auth.{recipe.mark}.example; {recipe.lines(2)} }}"
    recipe.taken(around + recipe.lines(1).replace("include snippets/mayfly-gate.conf;", ""), http=home, conf=recipe.lines(0))
    check("include snippets/mayfly-gate.conf;" in recipe.lines(1), "the gate is in it")
    same(recipe.seen("/", token=people.token)["x-auth-user"], people.user.username, "the app of a proxy host learns who it is")
    same(recipe.statuses("/", "/logo.png"), [401, 401], "and guests do not get there")
    answer = recipe.ask("/login", f"auth.{recipe.mark}.example", headers={"Accept": PAGE})
    check(answer.status == 200 and "password" in answer.text, "the home has the log-in", answer)


def swag(recipe, people):
    recipe.site("any", name="gitea")
    recipe.taken(http=recipe.lines(0))
    got = recipe.seen("/x", recipe.host("gitea"), token=people.token)
    same((got["x-auth-user"], got["host"]), (people.user.username, recipe.host("gitea")), "the app of a proxy-conf learns who it is, and each header once")
    same(recipe.ask("/x", recipe.host("gitea")).status, 401, "and guests do not get there")


PROMISES = {"Files": files, "A part for few": part_for_few, "PHP under php-fpm": php, "An API beside pages": api, "A public path, such as a webhook": public_path,
            "WebSockets": websockets, "Large bodies and long answers": large_bodies, "A native app with Basic": native_app, "Several domains": several_domains,
            "Two apps on one host": two_apps, "Behind another proxy": behind_proxy, "Nginx Proxy Manager": proxy_manager, "SWAG": swag}


class People:
    def __init__(self):
        self.user, self.other, staff, admin = (new_user() for _ in range(4))
        gate.ctl("user", "groups", staff.username, "staff")
        gate.ctl("user", "groups", admin.username, "admin")
        self.token, self.staff, self.admin = login(self.user), login(staff), login(admin)


same(sorted(recipes()), sorted(PROMISES), "each recipe has its test")
somebody = People()
with _Tcp(("127.0.0.1", 0), gate._Echo) as tcp, front("", start=False) as made:
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    BARE = re.sub(r"server \{\s+listen 127\.0\.0\.1:\d+ default_server;.*\Z", "}", (made.folder / "nginx.conf").read_text(), flags=re.S)
    for name in ("fastcgi.conf", "snippets/fastcgi-php.conf"):
        shutil.copy(Path("/etc/nginx") / name, made.folder / name)
    (made.folder / "www/a").mkdir(parents=True)
    (made.folder / "www/a/index.html").write_text("a page")
    if lacks():
        note(f"SKIP PHP: {', '.join(lacks())}")
        del PROMISES["PHP under php-fpm"]
    with contextlib.nullcontext() if lacks() else Apps(made.folder):
        if not lacks():
            shutil.copy(made.folder / "echo.php", made.folder / "www")
        for title, promise in PROMISES.items():
            one = Recipe(made, title, tcp.server_address[1])
            try:
                promise(one, somebody)
            finally:
                one.end()
    tcp.shutdown()
done()
