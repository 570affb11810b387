"""The two example shops (examples/php-sessions, examples/python-sessions): how their processes are begun, asked, killed and judged."""

import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos import wait_until
from files import postgres_away
from mayfly import SCRATCH, URL, check, new_user, note, psql, same

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def ctl(*words):
    return subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True,
                          timeout=60, check=True).stdout.strip()


def new_site():
    """(name, a key of it)."""
    name = f"s{secrets.token_hex(4)}"
    ctl("site", "add", name, f"https://{name}.example", "--require", "any")
    return name, ctl("site", "key", name, "the shop")


class Away(Exception):
    """No process answered."""


class Program:
    """Two copies of a program, which answer in turns. begin(n, folder, environment) -> a process; ask(n, folder, method, query, headers) -> answer."""

    def __init__(self, begin, ask, ready, folder, **environment):
        self.begin, self.ask_one, self.ready, self.folder = begin, ask, ready, folder
        self.environment = {**os.environ, "MAYFLY_URL": URL, "SHOP_LOCK": "3", **environment}
        self.copies, self.turn, self.lock = {}, 0, threading.Lock()
        for number in (0, 1):
            self.start(number)

    def start(self, number):
        self.copies[number] = self.begin(number, self.folder, self.environment)
        if not wait_until(30, lambda: self.ready(number, self.folder)):
            raise RuntimeError(f"copy {number} does not begin: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, number, how=signal.SIGKILL):
        process = self.copies.pop(number)
        os.killpg(process.pid, how)
        process.wait()

    def replace(self, number):
        self.stop(number)
        self.start(number)

    def end(self):
        for number in list(self.copies):
            self.stop(number)

    def ask(self, method, query="", cookie="", account="", only=None):
        """(status, answer, cookie) of the copy whose turn it is, or of the other one when that is gone."""
        with self.lock:
            self.turn += 1
            first = self.turn % 2
        for number in (first, 1 - first, first) if only is None else (only,):
            headers = {"Cookie": cookie, "X-Auth-Id": account}
            try:
                status, fields, body = self.ask_one(number, self.folder, method, query, headers)
            except (ConnectionRefusedError, FileNotFoundError):
                continue
            except OSError as cut:
                if method == "POST":  # it may have been done
                    raise Away from cut
                continue
            set_cookies = [value.partition(";")[0] for name, value in fields if name.lower() == "set-cookie"]
            return status, json.loads(body) if status == 200 else body, set_cookies[-1] if set_cookies else cookie
        raise Away


class Visitor:
    def __init__(self, program, account=""):
        self.program, self.account, self.cookie = program, account, ""

    def put(self, item, **more):
        status, _, cookie = self.program.ask("POST", f"item={item}", self.cookie, self.account, **more)
        if status == 200:
            self.cookie = cookie
        return status

    def cart(self, **more):
        status, answer, self.cookie = self.program.ask("GET", "", self.cookie, self.account, **more)
        return answer["cart"] if status == 200 else status


def judge_memory(program):
    """The program before its two lines: both copies replaced, one after the other."""
    visitors = [Visitor(program) for _ in range(4)]
    for visitor in visitors:
        visitor.put("tea", only=0)
    same([visitor.cart(only=0) for visitor in visitors], [{"tea": 1}] * 4, "before: who stays at one process has his cart")
    check(any(visitor.cart(only=1) != {"tea": 1} for visitor in visitors), "before: the other process does not know it")
    program.replace(0)
    program.replace(1)
    check(all(visitor.cart(only=0) != {"tea": 1} for visitor in visitors), "before: when processes are replaced every cart is lost")


def judge_replaced(program):
    """Carts that grow while one copy after the other is killed: what was acknowledged is there."""
    visitors, stop = [Visitor(program) for _ in range(4)], threading.Event()
    same([visitor.put("tea") for visitor in visitors], [200] * 4, "four visitors begin")
    counts = {visitor: [1, 0] for visitor in visitors}

    def shop(visitor):
        while not stop.is_set():
            try:
                status = visitor.put("tea")
            except Away:
                status = 0
            counts[visitor][0 if status == 200 else 1] += 1  # what was not acknowledged may be there too

    with ThreadPoolExecutor(len(visitors)) as pool:
        running = [pool.submit(shop, visitor) for visitor in visitors]
        try:
            for number in (0, 1, 0, 1):
                program.replace(number)
                time.sleep(0.2)
        finally:
            stop.set()
        for one in running:
            one.result()
    for visitor, (told, untold) in counts.items():
        have = visitor.cart()
        have = have.get("tea", 0) if isinstance(have, dict) else have
        check(told <= have <= told + untold, f"{told} acknowledged over processes that were killed: none is lost", have, told, untold)
    note(f"{sum(told for told, _ in counts.values())} acknowledged, {sum(untold for _, untold in counts.values())} not")


def judge_parallel(program):
    visitor = Visitor(program)
    visitor.put("tea")
    other = Visitor(program)
    other.cookie = visitor.cookie
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: (visitor, other)[n % 2].put("tea", only=n % 2), range(12)))
    same((statuses, visitor.cart(), other.cart()), ([200] * 12, {"tea": 13}, {"tea": 13}), "12 requests of one session at once, over both: 13 teas")


def judge_log_in(program):
    ann, bob = new_user(), new_user()
    at_home = Visitor(program, ann.id)
    at_home.put("book")
    guest = Visitor(program)
    guest.put("tea")
    guest.put("tea")
    before = guest.cookie
    same(guest.cart(), {"tea": 2}, "a guest's cart")
    guest.account = ann.id
    same(guest.cart(), {"book": 1, "tea": 2}, "joins what she has when she logs in")
    check(guest.cookie != before, "and the session has another id", guest.cookie)
    same((guest.cart(), at_home.cart()), ({"book": 1, "tea": 2},) * 2, "once, and on her other device as well")
    old = Visitor(program)
    old.cookie = before
    same(old.cart(), {}, "the id from before the log-in opens nothing")
    for account, whose in ((bob.id, "somebody else"), ("", "nobody")):
        stranger = Visitor(program, account)
        stranger.cookie = guest.cookie
        same(stranger.cart(), {}, f"when {whose} is logged in in her browser, her cart is not there")


def judge_away(program):
    visitor = Visitor(program)
    visitor.put("tea")
    cookie = visitor.cookie
    with postgres_away():
        same((visitor.cart(), visitor.put("tea")), (503, 503), "while the database is away the shop answers 503")
        same(visitor.cookie, cookie, "and the browser keeps its cookie: it is no new session")
    check(wait_until(20, lambda: visitor.cart() == {"tea": 1}), "afterwards the cart is there", visitor.cart())


def judge_expired(program, site):
    visitor = Visitor(program)
    visitor.put("tea")
    psql("UPDATE mayfly.app_document SET ends_at = now() - interval '1 second' "
         f"WHERE idle IS NOT NULL AND site_id = (SELECT id FROM mayfly.site WHERE name = '{site}')")
    same((visitor.cart(), visitor.put("tea"), visitor.cart()), ({}, 200, {"tea": 1}), "a session that was not used for its time is over, and another begins")


def judge_foreign_key(begin, folder, cookie):
    """Another site's key opens no session of this one, and one that is none no session at all."""
    for key, wanted, what in ((new_site()[1], {}, "another site's key: the session is not there"), ("mfk_" + "x" * 64, 503, "no key: 503, and no new session")):
        program = begin(folder(), MAYFLY_KEY=key)
        try:
            visitor = Visitor(program)
            visitor.cookie = cookie
            same(visitor.cart(), wanted, what)
        finally:
            program.end()


def judge(begin):
    """begin(folder, **environment) -> a Program."""
    with tempfile.TemporaryDirectory(prefix="mayfly-shop-") as scratch:
        Path(scratch).chmod(0o755)

        def folder():
            made = Path(tempfile.mkdtemp(dir=scratch))
            made.chmod(0o755)
            return made

        before = begin(folder(), SHOP_SESSIONS="before")
        try:
            judge_memory(before)
        finally:
            before.end()
        site, key = new_site()
        program = begin(folder(), MAYFLY_KEY=key)
        try:
            judge_parallel(program)
            judge_log_in(program)
            judge_replaced(program)
            judge_expired(program, site)
            judge_away(program)
            visitor = Visitor(program)
            visitor.put("tea")
            judge_foreign_key(begin, folder, visitor.cookie)
        finally:
            program.end()
