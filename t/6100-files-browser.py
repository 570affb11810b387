#!/usr/bin/python3
"""The page /files in a real browser: uploads that survive a reload, a lost connection and killed workers; and plain forms."""

import hashlib
import os
import signal
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import Browser, missing
from chaos import workers
from mayfly import PAGE, PASSWORD, Client, check, done, login, new_user, note, same

LARGE = 24 * 1024 * 1024  # three chunks
SLOW = 3 * 1024 * 1024  # bytes a second
NAMES = ("first & <second>.txt", "naïve 🦟.png")

DROP = """
const transfer = new DataTransfer();
for (const [name, text] of arguments[0]) transfer.items.add(new File([text], name, { type: "text/plain" }));
for (const kind of ["dragenter", "dragover", "drop"]) {
  const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
  document.querySelector("main").dispatchEvent(event);
}
"""
# A file of the browser's own that has a handle, in place of one that a person would pick.
PICK = """
const [bytes, finish] = arguments;
(async () => {
  const handle = await (await navigator.storage.getDirectory()).getFileHandle("kept.bin", { create: true });
  const out = await handle.createWritable();
  const block = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) block[at] = at * 7 + (at >> 10);
  await out.write(block);
  await out.close();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", block));
  window.showOpenFilePicker = async () => [handle];
  document.getElementById("chosen").click();
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
})().then(finish, (error) => finish(String(error)));
"""


def png(side):
    """A square of colours."""
    rows = b"".join(b"\0" + bytes(value for x in range(side) for value in (255 * x // side, 255 * y // side, 120))
                    for y in range(side))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                                           for kind, data in chunks)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Visit:
    """Somebody new, their browser on /files, and a client beside it that sees what the server has."""

    def __init__(self, b, folder):
        self.b, self.folder = b, folder
        self.user = new_user()
        self.client = Client(login(self.user))
        b.open("/files")
        same(b.path(), "/login", "a guest who wants the files is shown the way in")
        b.send("/login", username=self.user.username, password=PASSWORD)
        same(b.path(), "/files", "and comes back to them")

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def stored(self):
        """name -> SHA-256 of the bytes that a download gives."""
        listed = self.client.get("/files").json()["files"]
        found = {one["name"]: sha256(self.client.get(one["url"]).body) for one in listed}
        same(len(found), len(listed), "no file is there twice", listed)
        return found

    def shown(self):
        return [element.text for element in self.b.all("#list .name")]

    def choose(self, *paths):
        self.b.one("#chosen").send_keys("\n".join(map(str, paths)))

    def row(self, css=""):
        return f"#queue li {css}".strip()

    def progress(self):
        return float(self.b.one(self.row("progress")).get_property("value")) if self.b.all(self.row()) else 1.0

    def words(self):
        return self.b.text(self.row(".hint"))

    def state(self):
        rows = self.b.all(self.row())
        return rows[0].get_attribute("data-state") if rows else "none"

    def wait(self, name, condition, seconds=60):
        until = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return check(True, name)
            except Exception as error:  # pylint: disable=broad-except
                last = error  # the row was replaced just now
            else:
                last = ""
            if time.monotonic() > until:
                return check(False, name, last, self.state(), self.words(), self.b.text("main")[:800])
            time.sleep(0.05)

    def more(self, name):
        """Opens what can be done with a file: the menu, and each of its entries."""
        item = next(one for one in self.b.all("#list li") if self.b.driver.execute_script(
            "return arguments[0].querySelector('.name').textContent", one) == name)
        if not item.find_element("css selector", "details").get_property("open"):
            item.find_element("css selector", "summary").click()
        for entry in item.find_elements("css selector", ".more > details:not([open]) > summary"):
            entry.click()
        return f'#list li[data-id="{item.get_attribute("data-id")}"]'


def plain_forms(v):
    """What works without scripts."""
    b = v.b
    check("no files yet" in b.text("#list"), "an empty list says so", b.text("#list"))
    b.check("files-empty")
    data = [b"one\n", png(300)]
    v.choose(*(v.file(name, one) for name, one in zip(NAMES, data)))
    b.leave("#upload button")
    check(b.text('[role="status"]'), "a plain form uploads, and the page says so", b.text("main"))
    same(v.stored(), {name: sha256(one) for name, one in zip(NAMES, data)}, "both files are there, byte by byte")
    same(v.shown(), list(reversed(NAMES)), "the newest comes first, names are text")
    check(b.text("#room").startswith("134 KB of"), "the room that they take is told", b.text("#room"))

    place = v.more(NAMES[0])
    b.check("files-open")
    b.send(b.one(f"{place} form").get_attribute("action").removeprefix(b.url), name="renamed.txt")
    same(v.shown(), [NAMES[1], "renamed.txt"], "a file can be renamed")
    shared(v, "renamed.txt", "one")
    revoked(v, "renamed.txt")
    b.one("#q").send_keys("NAÏVE")
    b.leave("#search button")
    same(v.shown(), [NAMES[1]], "names can be searched for, in any case")
    b.open("/files?q=%22%3E%3Cb%3E%26")
    check('"><b>&' in b.text("#list"), "what was searched for is text", b.text("#list"))
    b.open("/files")
    place = v.more("renamed.txt")
    b.leave(f'{place} form[action$="/delete"] button')
    same(v.shown(), [NAMES[1]], "a file can be deleted")
    same(list(v.stored()), [NAMES[1]], "then it is gone")
    b.open("/files?before=nonsense")
    check(b.text("h1"), "a wrong address gets a page that says so")


def shared(v, name, text):
    """A link that is made here and opened in another browser, which nobody has logged in with."""
    b = v.b
    place = v.more(name)
    making = f"{place} form.link"
    if b.javascript:
        b.one(f"{making} button").click()
        v.wait("a link is made in its place", lambda: b.all(f"{making} .message input"))
        address = b.value(f"{making} .message input")
        v.wait("it is listed", lambda: len(b.all(f"{making} li")) == 1)
    else:
        b.one(f'{making} [name="uses"]').send_keys("1")
        b.leave(f"{making} button")
        address = b.value("#address")
    check(address.startswith(f"{b.url}/shared/"), "the link is an address of this site", address)
    b.check("files-link")
    with Browser(b.url, b.screens, b.javascript) as guest:
        guest.open(address.removeprefix(b.url))
        if not b.javascript:
            check(name in guest.text("main"), "a link for one download shows what it is for", guest.text("main"))
            guest.check("shared")
            guest.leave("main form button")
        same(guest.text("body"), text, "somebody else opens the file by it")
        if b.javascript:
            b.one(f"{making} li button").click()
            v.wait("it can be revoked", lambda: not b.all(f"{making} li"))
    same(Client().get(address.removeprefix(b.url)).status, 404, "revoked, or used as often as allowed, it leads to nothing")


def revoked(v, name):
    """A file's links, without scripts: the one that was used up, and another one."""
    b = v.b
    b.open("/files")
    b.leave(f"{v.more(name)} form.link button")
    address = b.value("#address").removeprefix(b.url)
    b.open("/files")
    b.leave(f"{v.more(name)} form.link a")
    same((b.text("h2"), len(b.all("main li"))), (name, 2), "the links to a file have a page")
    check("0 downloads left" in b.text("main li:last-child"), "one was used up", b.text("main"))
    b.check("files-links")
    b.leave("main li:first-child button")
    check("revoked" in b.text('[role="status"]'), "a link can be revoked, and the page says so", b.text("main"))
    same(len(b.all("main li")), 1, "it is not listed any more")
    same(Client().get(address).status, 404, "and leads to nothing")
    b.leave("main li button")
    check("Nobody has a link" in b.text("main"), "a file without links says so", b.text("main"))
    b.open("/files")


def not_by_others():
    """What other sites and scripts get."""
    token = login(new_user())
    visitor, scripts = Client(cookie=f"mayfly={token}"), Client(token)
    same(Client().get("/files").status, 401, "a script without a session is told so")
    answer = Client().get("/files", headers={"Accept": PAGE})
    same((answer.status, answer.headers.get("location")), (303, "/login?rd=/files"), "a browser is shown the way in")
    same(scripts.get("/files").json(), {"files": []}, "scripts get JSON")

    def upload(part, **headers):
        body = f'--b\r\nContent-Disposition: form-data; name="file"{part}\r\n\r\nx\r\n--b--\r\n'
        return visitor.post("/upload", body=body, headers={"Content-Type": "multipart/form-data; boundary=b", "Accept": PAGE, **headers})

    a_file, ours = '; filename="a.txt"', {"Sec-Fetch-Site": "same-origin"}
    same(upload(a_file, Origin="https://evil.example").status, 403, "another site's form uploads nothing")
    same(upload(a_file).status, 403, "nor does one of unknown origin")
    answer = upload("", **ours)
    check(answer.status == 422 and 'role="alert"' in answer.text and 'id="upload"' in answer.text,
          "a form without a file is shown again with what is wrong", answer)
    answer = upload(a_file, **ours)
    same((answer.status, answer.headers.get("location")), (303, "/files?uploaded=1"), "our own form uploads", answer)
    place = scripts.get("/files").json()["files"][0]["url"]
    for form in ("rename", "delete"):
        answer = visitor.post(f"{place}/{form}", form={"name": "b.txt"}, headers={"Accept": PAGE, **ours})
        check(answer.status == 403 and 'role="alert"' in answer.text, f"without the form's token there is no {form}", answer)
    same(scripts.get("/files").json()["files"][0]["name"], "a.txt", "the file is as it was")
    same([scripts.get("/files?before=x", headers=headers).status for headers in ({"Accept": PAGE}, {})], [200, 422],
         "a wrong address shows the page, and is refused to programs")


def pages(v):
    b = v.b
    for number in range(31):
        answer = v.client.post(f"/upload?name=many-{number:02}.txt", body=b"x", headers={"Content-Type": "text/plain"})
        if answer.status != 201:
            raise RuntimeError(f"/upload answers {answer}")
    b.open("/files?q=many")
    same(len(v.shown()), 30, "a page has 30 files")
    link = '#list a[href*="before="]'
    if b.javascript:
        b.one(link).click()
        v.wait("the next page comes into its place", lambda: v.shown() == ["many-00.txt"])
        b.driver.back()
        v.wait("and back", lambda: len(v.shown()) == 30)
    else:
        b.leave(link)
    if not b.javascript:
        same(v.shown(), ["many-00.txt"], "the next page has the rest, of the same search")


def uploads(v):
    """With scripts."""
    b = v.b
    check(not b.one("#upload button").is_displayed(), "nothing has to be sent by hand")
    b.check("files-scripts")
    wanted = {}
    for name, one in (("small.txt", b"small\n"), ("empty.txt", b""), ("picture.png", png(300)), ("four.txt", b"4" * 70000)):
        v.file(name, one)
        wanted[name] = sha256(one)
    v.choose(*(v.folder / name for name in wanted))
    v.wait("four chosen files are uploaded and listed", lambda: sorted(v.shown()) == sorted(wanted))
    v.wait("no row is left over", lambda: v.state() == "none")
    same(v.stored(), wanted, "they are there, byte by byte")
    check("uploaded" in b.driver.execute_script("return document.getElementById('news').textContent"), "a screen reader is told")

    b.driver.execute_script(DROP, [["dropped.txt", "dropped"], ["other.txt", "other"]])
    wanted |= {"dropped.txt": sha256(b"dropped"), "other.txt": sha256(b"other")}
    v.wait("two dropped files are uploaded", lambda: sorted(v.shown()) == sorted(wanted))
    same(v.stored(), wanted, "they are there too")
    v.wait("a picture is seen", lambda: b.one("#list img").get_property("naturalWidth") > 0)
    return wanted


def throttle(b, bytes_per_second, offline=False):
    b.driver.execute_cdp_cmd("Network.enable", {})
    b.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
        "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second})


def kill_workers():
    for pid in workers():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def long_upload(v, wanted):
    b = v.b
    data = os.urandom(LARGE)
    large = v.file("large.bin", data)
    wanted["large.bin"] = sha256(data)
    throttle(b, SLOW)
    v.choose(large)
    v.wait("a long upload tells its speed and the time that is left", lambda: "/s ·" in v.words() and "left" in v.words())
    v.wait("it moves", lambda: v.progress() > 0.1)
    b.check("files-uploading")
    b.one(v.row(".toggle")).send_keys("\ue007")
    v.wait("the keyboard pauses it", lambda: "Paused" in v.words())
    time.sleep(0.5)
    before = v.progress()
    time.sleep(1)
    same(v.progress(), before, "then it stands still")
    b.one(v.row(".toggle")).click()
    v.wait("it goes on", lambda: v.progress() > 0.3)
    kill_workers()
    v.wait("all workers are killed, and it goes on", lambda: v.progress() > 0.45)
    throttle(b, SLOW, offline=True)
    v.wait("the connection is lost: it says when it tries again", lambda: "lost · next try" in v.words())
    b.screenshot("files-retrying")
    throttle(b, SLOW)
    v.wait("it goes on when the connection is back", lambda: v.progress() > 0.6)

    b.driver.refresh()
    v.wait("after a reload its row is there and asks for the file", lambda: v.state() == "lacking" and "Choose" in v.words())
    check(v.progress() > 0.3, f"{v.progress():.0%} of it are on the server already")
    b.check("files-lacking")
    v.choose(large)
    kill_workers()
    v.wait("with the same file it goes on where it was", lambda: v.progress() > 0.75)
    throttle(b, -1)
    v.wait("it is uploaded", lambda: "large.bin" in v.shown())
    same(v.stored(), wanted, "byte by byte, across a pause, a reload, a lost connection and killed workers")
    same(b.driver.execute_script("return localStorage.length"), 0, "nothing is kept of what is finished")


def by_itself(v, wanted):
    b = v.b
    throttle(b, SLOW)
    wanted["kept.bin"] = b.driver.execute_async_script(PICK, LARGE)
    v.wait("a picked file is being uploaded", lambda: v.progress() > 0.2 and v.state() == "sending")
    b.driver.refresh()
    v.wait("after a reload it goes on by itself", lambda: v.state() == "sending" and v.progress() > 0.4)
    throttle(b, -1)
    v.wait("it is uploaded as well", lambda: "kept.bin" in v.shown())
    same(v.stored(), wanted, "byte by byte")


def cancelled(v, wanted):
    b = v.b
    b.open("/files")
    used = b.text("#room")
    throttle(b, SLOW)
    v.choose(v.file("unwanted.bin", os.urandom(LARGE)))
    v.wait("another upload runs", lambda: v.progress() > 0.1)
    b.one(v.row(".remove")).click()
    v.wait("it can be cancelled", lambda: v.state() == "none")
    throttle(b, -1)
    v.wait("its room is free again", lambda: b.open("/files") or b.text("#room") == used)
    time.sleep(0.5)
    same((v.state(), sorted(v.stored())), ("none", sorted(wanted)), "and nothing comes back")


def in_place(v, wanted):
    """Renaming and deleting while the page stays."""
    b = v.b
    page = b.one("html")
    place = v.more("small.txt")
    field = b.one(f'{place} input[name="name"]')
    field.clear()
    field.send_keys("tiny.txt")
    b.one(f'{place} form[action$="/rename"] button').click()
    v.wait("a file is renamed in its place", lambda: "tiny.txt" in v.shown() and "small.txt" not in v.shown())
    same(b.driver.execute_script("return document.activeElement.id"), "list-title", "the focus is where one can go on")
    place = v.more("tiny.txt")
    b.one(f'{place} form[action$="/delete"] button').click()
    v.wait("a file is deleted in its place", lambda: "tiny.txt" not in v.shown())
    check(page.is_enabled(), "the page is still the same one")
    del wanted["small.txt"]
    same(v.stored(), wanted, "the others are untouched")
    shared(v, "four.txt", "4" * 70000)
    b.check("files-many")


def main():
    if missing():
        print(f"1..0 # SKIP {missing()}")
        return
    url = os.environ["MAYFLY_URL"].rstrip("/")
    screens = Path(os.environ.get("MAYFLY_SCRATCH", ".")) / "screens"
    screens.mkdir(parents=True, exist_ok=True)
    not_by_others()
    for javascript in (False, True):
        note(f"JavaScript {'on' if javascript else 'off'}")
        with tempfile.TemporaryDirectory() as folder, Browser(url, screens, javascript) as b:
            v = Visit(b, Path(folder))
            if javascript:
                wanted = uploads(v)
                long_upload(v, wanted)
                by_itself(v, wanted)
                cancelled(v, wanted)
                in_place(v, wanted)
            else:
                plain_forms(v)
            pages(v)
            complaints = [one for one in b.complaints() if "ERR_" not in one and "status of 503" not in one]
            check(not complaints, "the browser has nothing to complain of but what was broken on purpose", *complaints)
    done()


main()
