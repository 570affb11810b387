"""People who do honest work beside an attack (t/5990), and know afterwards what must be there."""

import random
import time
from collections import Counter

import chaos
import mayfly
from attackers import OVER
from chaos import Lost, Threads, psql
from files import CHUNK, TUS, noise, sha256
from mayfly import PASSWORD, new_name


class Noting(chaos.Client):
    """seen: (when, status) of each answer."""

    seen = []

    def __call__(self, *words, **more):
        answer = super().__call__(*words, **more)
        self.seen.append((answer.ended, answer.status))
        return answer


class Person:
    def __init__(self, rng):
        self.rng, self.http = random.Random(rng.random()), chaos.Persistent()
        self.http.client, self.dead, self.done = Noting(), [], Counter()
        self.name = mayfly.new_user(username=new_name("honest5990")).username

    def run(self, threads):
        while not threads.over.wait(self.rng.uniform(0.1, 0.4)):
            self.turn()

    def blame(self, what, answer):
        self.http.surprises.append(f"{self.name}: {what}: {answer}")

    def differences(self):
        found = list(self.http.surprises)
        for token in self.dead:
            # After an hour there are more than nginx takes of one address at once.
            while (answer := mayfly.Client(token).get("/profile")).status == 429:
                time.sleep(0.5)
            found += [f"{self.name}: a session that was ended: {answer}"] * (answer.status != 401)
        return found


class Writing(Person, chaos.Counting):
    """Raises a counter with If-Match, and logs out and in again at times."""

    def __init__(self, rng):
        super().__init__(rng)
        chaos.Counting.__init__(self, self.name, self.http)
        self.log_in()

    def turn(self):
        self.step()
        if self.acknowledged % 12 == 0:
            token = self.http.client.token
            self.http.expect(200, "POST", "/logout")
            self.logouts += 1
            self.dead.append(token)
            self.http.expect(401, "GET", "/profile")
            self.log_in()

    def differences(self):
        self.done.update(writes=self.acknowledged, log_ins=self.logins, log_outs=self.logouts)
        return Person.differences(self) + chaos.Counting.differences(self)


class Storing(Person):
    """Uploads, in one piece and in parts, downloads, removes."""

    def __init__(self, rng):
        super().__init__(rng)
        self.http.client.token, self.kept = mayfly.login(mayfly.User(self.name)), {}

    def turn(self):
        content = noise(self.rng.randrange(1, 200_000), self.rng.random())
        if self.rng.random() < 0.5:
            answer = self.http.expect(201, "POST", "/upload", content, Content_Type="application/octet-stream")
            self.kept[answer.json()["url"]] = sha256(content)
        else:
            self.kept[self.in_parts(content).replace("/uploads/", "/files/")] = sha256(content)
        self.done["uploads"] += 1
        self.download(self.rng.choice(sorted(self.kept)))
        if len(self.kept) > 20:
            url = self.rng.choice(sorted(self.kept))
            self.http.expect(204, "DELETE", url)
            del self.kept[url]

    def in_parts(self, content):
        url = self.http.expect(201, "POST", "/uploads", b"", Upload_Length=str(len(content)), **TUS).headers["Location"]
        offset = 0
        while offset < len(content):
            part = content[offset:offset + self.rng.randrange(1, len(content) + 1)]
            try:
                answer = self.http.client("PATCH", url, part, Upload_Offset=str(offset), Content_Type=CHUNK, **TUS)
                offset += len(part)
                if answer.status == 204 and answer.headers["Upload-Offset"] == str(offset):
                    continue
                if not answer.stated_503() and answer.status != 409:  # a repetition by nginx is told where to go on
                    self.blame("PATCH", answer)
            except Lost:
                self.done["cut"] += 1  # what comes as it is sent is nothing that nginx could send again
            offset = self.offset(url)
        return url

    def offset(self, url):
        until = time.monotonic() + 40
        while time.monotonic() < until:
            answer = self.http.client("HEAD", url, **TUS)
            if answer.status == 200:
                return int(answer.headers["Upload-Offset"])
            if answer.status != 423:
                break
            time.sleep(0.1)
        raise RuntimeError(f"HEAD {url}: {answer}")

    def download(self, url):
        for _ in range(5):
            try:
                answer = self.http.client("GET", url)
            except Lost:
                self.done["cut"] += 1  # its worker was killed after the answer's beginning
                continue
            if answer.status == 200 and sha256(answer.body) == self.kept[url]:
                self.done["downloads"] += 1
                return
            if not answer.stated_503():
                self.blame(f"GET {url}", answer)
            time.sleep(0.2)
        self.blame(f"GET {url}", "five times in vain")

    def differences(self):
        for url in sorted(self.kept):
            self.download(url)
        # What a killed worker leaves pending is nobody's file, and swept.
        there = psql("SELECT f.id FROM mayfly.file f JOIN mayfly.account a ON a.id = f.account_id "
                     f"WHERE a.username = '{self.name}' AND f.state = 'committed'").splitlines()
        wanted = [url.rpartition("/")[2] for url in self.kept]
        return super().differences() + [f"{self.name}: a file too many or too few: {one}" for one in set(there) ^ set(wanted)]


class Owner(Person):
    """Somebody whose password is guessed all the time; he has a device."""

    def __init__(self, rng):
        super().__init__(rng)
        self.cookie = None

    def turn(self):
        self.http.client.token = None
        more = {"Cookie": self.cookie} if self.cookie else {}
        answer = self.http.expect(200, "POST", "/login", {"username": self.name, "password": PASSWORD}, **more)
        self.cookie = next((one.split(";")[0] for one in answer.cookies if "device=" in one), self.cookie)
        self.http.client.token = answer.token
        self.http.expect(200, "POST", "/logout")
        self.dead.append(answer.token)
        self.done["owner's log-ins"] += 1
        time.sleep(1)


def compared(person):
    """What is there, when nginx takes requests of this address again."""
    while mayfly.Client().get("/health/live").status == 429:
        time.sleep(0.5)
    return person.differences()


def live(phase, people):
    with Threads() as threads:
        for person in people:
            threads.add(person.run, threads)
        while phase.value != OVER:
            time.sleep(0.1)
    return {"wrong": threads.errors + [text for person in people for text in compared(person)],
            "done": sum((person.done for person in people), Counter()), "seen": Noting.seen,
            "least": min(min(person.done.values()) for person in people)}
