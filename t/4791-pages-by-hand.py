#!/usr/bin/python3
"""What the pages offer to a hand: passwords that are shown, files that are selected, looked at and dropped; on a phone as well."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import Browser, missing
from files import post_raw
from images import png
from mayfly import PASSWORD, check, done, same, signed_in

KEYS = {"escape": "\ue00c", "right": "\ue014"}
NAMES = ("notes from a meeting of which nobody knows any more what it was about.txt", "second.png", "first.png")


def focus_is_on(b, css):
    return b.driver.execute_script("return document.activeElement.matches(arguments[0])", css)


def wide(b, css):
    """The width of an element as a part of its card's inner width."""
    return b.driver.execute_script("""
        const box = (node) => node.getBoundingClientRect();
        const node = document.querySelector(arguments[0]), card = getComputedStyle(node.closest(".card"));
        return box(node).width / (node.closest(".card").clientWidth - parseFloat(card.paddingLeft) - parseFloat(card.paddingRight));""", css)


def passwords(b):
    b.open("/login")
    b.look(390)
    check(wide(b, "main form > button") > 0.99, "on a phone a form's button is as wide as its fields", wide(b, "main form > button"))
    show = b.all(".password button")
    same(len(show), 1 if b.javascript else 0, "a button shows the password where scripts run")
    if b.javascript:
        b.one("#password").send_keys("visible words")
        show[0].click()
        same((b.one("#password").get_attribute("type"), show[0].text, show[0].get_attribute("aria-label")), ("text", "Hide", "Hide: Password"),
             "what was typed is shown")
        check(focus_is_on(b, "#password"), "and the focus stays in the field")
        show[0].click()
        same(b.one("#password").get_attribute("type"), "password", "and hidden again")
        show[0].click()  # the form is sent as a password all the same, so that no browser keeps it
    b.look()
    b.open("/register")
    same(len(b.all(".password button")), 1 if b.javascript else 0, "so on the page for a new account")


def phone(b):
    b.look(390)
    heights = [row.size["height"] for row in b.all(".files > li")]
    check(len(heights) == 3 and max(heights) < 80, "on a phone a row takes two lines, however long its name", heights)
    meter = b.one("#room meter")
    check(meter.size["width"] > 250 and meter.size["height"] >= 8, "the quota is a bar that can be seen", meter.size)
    targets = [one.size for one in b.all(".files summary.icon")]
    check(targets and all(min(one["width"], one["height"]) >= 44 for one in targets), "an icon is as large as a finger", targets)
    b.look()


def without_scripts(b):
    check(not any(one.is_displayed() for one in b.all(".pick, #selection, #preview")), "nothing is shown that needs scripts")
    check(b.one("#chosen").is_displayed() and b.one("#upload button").is_displayed(), "the browser's own field chooses files")
    b.leave("a.picture")
    check(b.path().endswith("/thumbnail"), "a picture leads to a larger one", b.path())


def drop_target(b):
    box = b.one("#upload")
    same(b.driver.execute_script("""
        const box = arguments[0].getBoundingClientRect();
        const at = (x, y) => document.elementFromPoint(box.left + x * box.width, box.top + y * box.height).closest("label")?.htmlFor;
        return [at(0.05, 0.1), at(0.5, 0.5), at(0.95, 0.9)];""", box), ["chosen"] * 3, "the whole box chooses files")
    b.driver.execute_script("document.getElementById('chosen').focus()")
    check(focus_is_on(b, "#chosen"), "the keyboard reaches it")


def menu(b):
    b.all(".files summary.icon")[2].click()
    same([one.text for one in b.all(".menu[open] .more > details > summary")], ["Rename", "Share by a link", "Delete"], "an icon opens a file's menu")
    b.all(".files summary.icon")[0].click()
    same(len(b.all(".menu[open]")), 1, "another menu closes the first one")
    b.one("body").send_keys(KEYS["escape"])
    same(len(b.all(".menu[open]")), 0, "so does Escape")
    check(focus_is_on(b, "summary.icon"), "and the focus goes back to the icon")
    check(all(name in (one.get_attribute("aria-label") or "") for one, name in zip(b.all("summary.icon"), NAMES)),
          "each icon is named by its file", [one.get_attribute("aria-label") for one in b.all("summary.icon")])


def preview(b):
    b.all("a.picture")[0].click()
    b.wait(lambda _: b.one("#preview img").get_property("naturalWidth") == 600)
    same((b.text("#preview h2"), b.one("#preview-before").is_enabled(), b.one("#preview-after").is_enabled()), ("second.png", False, True),
         "a picture is looked at in its place")
    b.check("files-preview")
    b.one("#preview").send_keys(KEYS["right"])
    b.wait(lambda _: b.text("#preview h2") == "first.png")
    check(not b.one("#preview-after").is_enabled(), "an arrow key goes to the next one, which is the last")
    b.one("#preview").send_keys(KEYS["escape"])
    check(not b.one("#preview").is_displayed() and focus_is_on(b, "a.picture"), "Escape closes it, and the focus goes back")


def selecting(b, client):
    for pick in b.all(".pick")[:2]:
        pick.click()
    same(b.text("#selection p"), "2 files selected", "files can be selected")
    b.check("files-selected")
    b.one("#selection-delete").click()
    same(b.text("#confirm h2"), "Delete 2 files?", "deleting them is asked for again")
    b.check("files-confirm")
    b.one('#confirm [value="keep"]').click()
    same(len(client.get("/files").json()["files"]), 3, "and may be kept")
    b.one("#selection-delete").click()
    b.one('#confirm [value="delete"]').click()
    b.wait(lambda _: len(b.all(".files > li")) == 1)
    same([one["name"] for one in client.get("/files").json()["files"]], ["first.png"], "then the others stay")
    check(not b.one("#selection").is_displayed(), "and nothing is selected any more")
    b.one(".pick").click()
    b.one("#selection-clear").click()
    check(not b.one("#selection").is_displayed() and not b.one(".pick input").is_selected(), "a selection can be cleared")


if missing():
    print(f"1..0 # SKIP {missing()}")
    sys.exit()
screens = Path(os.environ.get("MAYFLY_SCRATCH", ".")) / "screens"
screens.mkdir(parents=True, exist_ok=True)
for javascript in (False, True):
    user, other = signed_in()
    for name in reversed(NAMES):
        answer = post_raw(other, png(600, 400) if name.endswith("png") else b"text", name)
        check(answer.status == 201, f"{name} is uploaded", answer)
    with Browser(os.environ["MAYFLY_URL"], screens, javascript) as b:
        passwords(b)
        b.open("/login")
        b.send("/login", username=user.username, password=PASSWORD)
        b.open("/files")
        phone(b)
        if javascript:
            for part in (drop_target, menu, preview):
                part(b)
            selecting(b, other)
        else:
            without_scripts(b)
        # The page that a browser makes around a picture has a style of its own, which our policy does not let it use.
        same([one for one in b.complaints() if "/thumbnail?" not in one], [], "the browser has nothing to complain of")
done()
