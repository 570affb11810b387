"""
Those who attack in t/5990: each kind is a class, all of them are coroutines of one process that mostly sleeps. What is hostile is
what they send, not how much: together some 60 requests a second from addresses 127.20.0.0 to 127.40.255.255. They begin and end
together, with the phase that the test sets.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import urllib.parse
from collections import Counter

from files import CHUNK, TUS, metadata
from mayfly import FORM, PASSWORD, Client
from smuggle import Forger

IDLE, ATTACK, OVER = range(3)
NICE = 10  # theirs are other machines, so on this one they give way
JSON, OCTETS = "application/json", "application/octet-stream"
MARKS = "\u0300\u0316"
VICTIM = b"honest5990"  # what the names of those begin with whose answers are nobody else's
GONE = (OSError, EOFError, asyncio.IncompleteReadError, asyncio.TimeoutError)


class Attacker:
    """size of them do attempt() again and again, pause_s apart on average, from so many addresses. Whatever they are told is counted."""

    size, pause_s, addresses = 1, 0.5, 4
    wanted = set()  # statuses that are right, besides of 429 and 503

    def __init__(self, camp, network):
        self.camp, self.network = camp, network
        self.rng = random.Random(f"{camp.seed} {network}")
        place = Client()
        self.host, self.port = place.host, place.port

    def address(self, number):
        number %= self.addresses
        return f"127.{self.network}.{number // 250}.{number % 250 + 1}"

    async def one(self, number):
        await asyncio.sleep(self.rng.uniform(0, 3))
        while True:
            try:
                await self.attempt(number)
            except GONE:
                self.count("cut")
            await asyncio.sleep(self.pause_s * self.rng.uniform(0.5, 1.5))

    async def attempt(self, number):
        raise NotImplementedError

    def count(self, what):
        self.camp.count[f"{type(self).__name__} {what}"] += 1

    def judge(self, what, status, body):
        self.count(status)
        if status not in self.wanted | {429, 503}:
            self.camp.wrong.append(f"{type(self).__name__}: {what}: {status} {body[:300]}")
        if VICTIM in body:
            self.camp.wrong.append(f"{type(self).__name__}: {what}: got another's {status} {body[:300]}")

    @contextlib.asynccontextmanager
    async def connect(self, number, receive_bytes=None):
        one = socket.socket()
        if receive_bytes:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        one.setblocking(False)
        try:
            one.bind((self.address(number), 0))
            await asyncio.get_running_loop().sock_connect(one, (self.host, self.port))
            reader, writer = await asyncio.open_connection(sock=one, limit=512 if receive_bytes else 1 << 18)
        except BaseException:
            one.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def head(self, method, path, length, **fields):
        fields = {"Host": f"{self.host}:{self.port}", "Content-Length": length, **fields}
        return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()) +
                "\r\n").encode()

    async def answer(self, reader):
        """(status, head and body, Location)"""
        head = await reader.readuntil(b"\r\n\r\n")
        given = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        status = int(head.split()[1])
        body = b"" if status in (204, 304) else await reader.readexactly(int(given.get(b"content-length", b"0")))
        place = next((line[10:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"location: ")), None)
        return status, head + body, place

    async def ask(self, number, method, path, body=b"", timeout=40, **fields):
        async with self.connect(number) as (reader, writer):
            writer.write(self.head(method, path, len(body), **fields) + body)
            answer = await asyncio.wait_for(self.answer(reader), timeout)
        self.judge(f"{method} {path[:60]}", *answer[:2])
        return answer

    def bearer(self, who="attacker"):
        return {"Authorization": f"Bearer {self.camp.spoils[who][1]}"}


# --- section 1: bodies that are requests


class Smuggler(Attacker):
    """Records of FastCGI inside of bodies that are refused, answered early, or read to their ends; on kept connections, in a row."""

    size, pause_s = 8, 0.4
    wanted = {200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422}

    def __init__(self, camp, network):
        super().__init__(camp, network)
        forger = Forger(self.rng, camp.spoils["smuggler"][1], camp.spoils["smuggler"][0])
        self.bodies = [forger.dense(20000, make) for make in (forger.short, forger.slow) for _ in range(6)]
        self.bodies += [forger.body(forger.length(131072)) for _ in range(24)]
        typed = {"Content-Type": JSON}
        own = {**typed, **self.bearer("smuggler")}
        self.targets = (("POST", "/session/data", typed), ("PUT", "/session/data", typed), ("PATCH", "/profile/data", typed),
                        ("POST", "/session/nothing", typed), ("GET", "/profile", {}), ("POST", "/health/live", {}),
                        ("PUT", "/session/data", own), ("PATCH", "/profile/data", {**own, "Content-Type": FORM}),
                        ("PUT", "/session/data", {**typed, "Cookie": "mayfly=" + own["Authorization"][7:], "Origin": "https://elsewhere.example"}),
                        ("POST", "/login", typed), ("POST", "/register", {"Content-Type": "text/plain"}), ("POST", "/upload", {}),
                        ("GET", "/shared/nothing", {}), ("PATCH", "/uploads/nothing", {"Upload-Offset": "0", **TUS}),
                        ("POST", "/upload", {**own, "Content-Type": "multipart/form-data"}))

    async def attempt(self, number):
        async with self.connect(number) as (reader, writer):
            for _ in range(self.rng.randrange(1, 6)):
                method, path, fields = self.rng.choice(self.targets[:2] if self.rng.random() < 0.4 else self.targets)
                body = self.rng.choice(self.bodies)
                data = self.head(method, path, len(body), **fields) + body
                if self.rng.random() < 0.1:
                    writer.write(data[:self.rng.randrange(len(data))])
                    await asyncio.sleep(0.05)
                    return self.count("left")
                writer.write(data)
                self.judge(f"{method} {path}", *(await asyncio.wait_for(self.answer(reader), 40))[:2])


# --- section 3: cost before anybody is known, and of one account


class HopelessTexts(Attacker):
    """Thousands of combining marks wherever a text is taken."""

    size, pause_s = 4, 0.8
    wanted = {400, 401, 413, 422}

    async def attempt(self, number):
        name = "a" + MARKS * self.rng.choice((16, 600, 6000, 32000 // len(PASSWORD)))
        fields = {"Content-Type": JSON}
        body = json.dumps({"username": name, "password": PASSWORD}, ensure_ascii=False).encode()
        await self.rng.choice((
            lambda: self.ask(number, "POST", "/login", body, **fields), lambda: self.ask(number, "POST", "/register", body, **fields),
            lambda: self.ask(number, "GET", f"/files?q={urllib.parse.quote(name[:600])}", **self.bearer()),
            lambda: self.ask(number, "PATCH", "/profile", json.dumps({"name": name}).encode(), **fields, **self.bearer())))()


class HostileDocuments(Attacker):
    """Numbers that are long when they are written out, thousands of objects to be merged, and their removal; one document."""

    size, pause_s = 4, 1
    wanted = {200, 400, 413}
    bodies = (b'{"a":[' + b"1e-16383," * 7200 + b"1]}", b'{"a":1e' + b"9" * 60000 + b"}", b'{"a":' + b"[" * 60000,
              json.dumps({f"{index:x}": {"b": {}} for index in range(3000)}, separators=(",", ":")).encode(),
              json.dumps({f"{index:x}": None for index in range(4500)}, separators=(",", ":")).encode())

    async def attempt(self, number):
        await self.ask(number, self.rng.choice(("PUT", "PATCH", "PATCH")), "/session/data", self.rng.choice(self.bodies),
                       Content_Type=JSON, **self.bearer())


class RowWriters(Attacker):
    """Many writers of one row, which the test locks as well for a second now and then."""

    size, pause_s = 12, 1.5
    wanted = {200}

    async def attempt(self, number):
        await self.ask(number, "PATCH", "/profile/data", json.dumps({f"m{number}": self.rng.random()}).encode(), Content_Type=JSON,
                       **self.bearer("writer"))


class HostileImages(Attacker):
    """Images that are dear to decode, each asked for at once in several sizes; and bytes that libmagic has to think about."""

    size, pause_s, addresses = 3, 2, 2
    wanted = {201, 200, 204, 404, 413, 415, 422}

    async def attempt(self, number):
        if number == 0:
            body = (b"%PDF-" + bytes(50), b"PK\3\4" * 30000, b"\0\1" * 50000, b"<" * 100000, b"{\n" * 50000, b"\xd0\xcf\x11\xe0" * 20000,
                    b"#!" + b" " * 60000, self.rng.randbytes(60000))
            await self.ask(number, "POST", "/upload?name=a", self.rng.choice(body), **self.bearer("painter"))
            return
        status, made, _ = await self.ask(number, "POST", "/upload?name=a", self.rng.choice(self.camp.images), **self.bearer("painter"))
        if status == 201:
            url = json.loads(made.partition(b"\r\n\r\n")[2])["url"]
            await asyncio.gather(*(self.ask(number, "GET", f"{url}/thumbnail?size={size}", **self.bearer("painter")) for size in (64, 256)))
            await self.ask(number, "DELETE", url, **self.bearer("painter"))


# --- section 4: holding


class HalfSent(Attacker):
    """Log-ins, documents and heads that stop after their first bytes, on as many connections as nginx lets them have for a while."""

    size, pause_s, addresses = 120, 1, 6
    wanted = {400, 408}

    async def attempt(self, number):
        async with self.connect(number) as (reader, writer):
            method, path = (("POST", "/login"), ("PUT", "/session/data"), ("GET", "/profile"))[number % 3]
            head = self.head(method, path, 200, Content_Type=JSON)
            writer.write(head + b"{" if number % 3 < 2 else head[:40])
            with contextlib.suppress(asyncio.TimeoutError):
                if data := await asyncio.wait_for(reader.read(12), self.rng.uniform(5, 15)):
                    return self.judge(path, int(data[9:12]), data)
            self.count("held")


class SlowReaders(Attacker):
    """A public link, read by 512 bytes. Whoever is cut off comes again some seconds later: to come at once would be sheer load."""

    size, pause_s, addresses = 200, 6, 8
    wanted = {200}

    async def attempt(self, number):
        async with self.connect(number, receive_bytes=4096) as (reader, writer):
            writer.write(self.head("GET", self.camp.spoils["link"], 0))
            status = int((await reader.readexactly(12))[9:])
            self.judge("link", status, b"")
            while status == 200:
                await asyncio.sleep(self.rng.uniform(1.5, 2.5))
                if not await reader.read(512):
                    raise EOFError


class SlowWriters(Attacker):
    """PATCHes of uploads that come byte by byte."""

    size, pause_s, addresses = 200, 6, 8
    wanted = {201, 204}

    async def attempt(self, number):
        status, _, url = await self.ask(number, "POST", "/uploads", Upload_Length=100_000, Upload_Metadata=metadata(filename="slow"), **TUS,
                                        **self.bearer("dripper"))
        if status != 201:
            return
        async with self.connect(number) as (reader, writer):
            writer.write(self.head("PATCH", url, 100_000, Upload_Offset=0, Content_Type=CHUNK, **TUS, **self.bearer("dripper")))
            while True:
                writer.write(b"y")
                with contextlib.suppress(asyncio.TimeoutError):
                    data = await asyncio.wait_for(reader.read(12), self.rng.uniform(1.5, 2.5))
                    if not data:
                        raise EOFError
                    return self.judge("PATCH", int(data[9:12]), data)


class LargeBodies(Attacker):
    """A gigabyte that nobody asked for, from nobody: as much of it as is taken, up to 2 MiB."""

    size, pause_s = 3, 0.8
    wanted = {401, 404, 413}

    async def attempt(self, number):
        async with self.connect(number) as (reader, writer):
            method, path = self.rng.choice((("POST", "/upload"), ("PATCH", "/uploads/x"), ("POST", "/login"), ("PUT", "/session/data"),
                                            ("POST", "/uploads")))
            writer.write(self.head(method, path, 1 << 30, **TUS))
            answer = asyncio.create_task(asyncio.wait_for(self.answer(reader), 40))
            try:
                for _ in range(32):
                    if answer.done():
                        break
                    writer.write(bytes(65536))
                    await asyncio.wait_for(writer.drain(), 10)
                    await asyncio.sleep(0.002)
                self.judge(f"{method} {path}", *(await answer)[:2])
            finally:
                answer.cancel()
                await asyncio.gather(answer, return_exceptions=True)


class Hoarders(Attacker):
    """A member's gigabytes from many addresses, of which a byte comes now and then; and refused bodies that don't end."""

    size, pause_s, addresses = 60, 2, 30
    wanted = {413}

    async def attempt(self, number):
        async with self.connect(number) as (reader, writer):
            path, fields = (("/upload", self.bearer("dripper")), ("/nothing", {}))[number % 2]
            writer.write(self.head("POST", path, 1 << 30 if path == "/upload" else 1 << 20, **fields))
            for _ in range(6):
                writer.write(b"y")
                with contextlib.suppress(asyncio.TimeoutError):
                    if data := await asyncio.wait_for(reader.read(12), self.rng.uniform(1, 3)):
                        self.judge(path, int(data[9:12]), data)
                    else:
                        raise EOFError
            self.count(f"held {path}")


class Guessers(Attacker):
    """Wrong passwords for somebody who is known, and for names that nobody has, from thousands of addresses."""

    size, pause_s, addresses = 2, 0.5, 50000
    wanted = {401}

    async def attempt(self, number):
        name = self.camp.spoils["owner"] if number == 0 else f"nobody{self.rng.random()}"
        body = json.dumps({"username": name, "password": f"wrong {self.rng.random()}"}).encode()
        await self.ask(self.rng.randrange(self.addresses), "POST", "/login", body, Content_Type=JSON)


KINDS = (Smuggler, HopelessTexts, HostileDocuments, RowWriters, HostileImages, HalfSent, SlowReaders, SlowWriters, LargeBodies, Hoarders, Guessers)


class Camp:
    """What they all have: what they know, and what they were told."""

    def __init__(self, seed, spoils, images):
        self.seed, self.spoils, self.images = seed, spoils, images
        self.count, self.wrong = Counter(), []


async def campaign(camp, phase, kinds):
    armies = [kind(camp, 20 + KINDS.index(kind)) for kind in kinds]
    while phase.value != OVER:
        await asyncio.sleep(0.05)
        if phase.value == ATTACK:
            tasks = [asyncio.create_task(army.one(number)) for army in armies for number in range(army.size)]
            while phase.value == ATTACK:
                await asyncio.sleep(0.05)
            await end(camp, tasks)


async def end(camp, tasks):
    """Again and again, since wait_for loses a cancellation that comes with its result."""
    over = set()
    while tasks:
        for task in tasks:
            task.cancel()
        done, tasks = await asyncio.wait(tasks, timeout=0.2)
        over |= done
    for task in over:
        if not task.cancelled():
            camp.wrong.append(f"an attacker failed: {task.exception()!r}")


def attack(phase, seed, spoils, images, only=()):
    """Until phase is OVER; what they were told, and what none should have been."""
    os.nice(NICE)
    camp = Camp(seed, spoils, images)
    asyncio.run(campaign(camp, phase, [kind for kind in KINDS if not only or kind.__name__ in only]))
    return {"count": dict(camp.count), "wrong": camp.wrong}
