#!/usr/bin/python3
"""Nobody can register a name that looks like another user's: names have no invisible characters, and spaces around them are ignored."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, PASSWORD, Client, User, done, login, new_name, psql, same, try_login

GUEST = Client()
# Fillers, joiners, variation selectors, changes of direction, tags: what shows nothing.
HIDDEN = [0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200B, 0x200C, 0x200D, 0x202E, 0x2060, 0x2066, 0x206F, 0x2800,
          0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0x1BCA0, 0x1D173, 0xE0061, 0xE0100]


def register(**fields):
    return GUEST.post("/register", json={"password": PASSWORD, **fields})


def refused(answer, field, promise):
    same((answer.status, answer.error, answer.json().get("field")), (422, "unprocessable", field), promise, answer)


def registered_before(column, name):
    """An account that a release without these rules has let in: its name as it is now, and its id."""
    answer = register(username=new_name(), email=f"{new_name()}@example.org")
    identity = answer.json()["user"]["id"]
    psql(f"SET session_replication_role = replica; UPDATE mayfly.account SET {column} = U&'{name}' WHERE id = '{identity}'")
    return identity


def escaped(text):
    return "".join(character if character.isascii() else f"\\+{ord(character):06X}" for character in text)


# --- who comes new

name = new_name()
mail = f"{name}@example.org"
same((register(username=name).status, register(email=mail).status), (201, 201), "somebody has a name, and somebody an address")
for code in HIDDEN:
    refused(register(username=name + chr(code)), "username", f"U+{code:04X} can't be in a name")
    refused(register(email=mail.replace("@", f"{chr(code)}@")), "email", f"nor in an address: U+{code:04X}")
for what, bad in (("only fillers", "\u3164\u3164"), ("a circled letter", "\u24d0nn"), ("a ligature", "\ufb01sh"), ("a picture", "ann\U0001f600"),
                  ("a private character", "ann\ue000"), ("digits of two kinds", "\u0627\u0661\u06f2"), ("two directions", "ann\u05d0"),
                  ("a digit before Hebrew", "1\u05d0")):
    refused(register(username=bad), "username", f"{what} is no name")
refused(register(email=f"a\u3000b@{name}.org"), "email", "a wide space can't be in an address")
for good in ("ä名", "Ελένη", "Өлзий", "שָׁלוֹם", "سارة", "हिन्दी", "한국", "l·lu", "עט׳"):
    same(register(username=f"{good}{secrets.randbelow(10 ** 12)}").status, 201, f"{good} may be one")

# --- what is shown

user = Client(login(User(name)))
for good in ("Ann ❤️", "👩‍💻 Ann", "葛\U000e0100城", "می‌خواهم", "", "Ann  B. Lamp"):
    same(user.patch("/profile", json={"name": good}).json().get("name"), good, f"{good!r} is shown as it is")
for bad in ("\u200b", "\u3164\u3164", "Ann\u202etxt", "\u200dAnn", "A \ufe0f", "Ann\u2028B", "Ann\U000e0061", "Ann\u2800"):
    refused(user.patch("/profile", json={"name": bad}), "name", f"{ascii(bad)} is not shown to anybody")
refused(user.patch("/profile", json={"email": "a\u200bb@example.org", "password": PASSWORD}), "email", "an address is not changed to such a one")

# --- spaces

own = new_name()
answer = register(username=f" {own}\t", email=f"\u3000{own}@example.org ")
same((answer.status, answer.json()["user"]["username"], answer.json()["user"]["email"]), (201, own, f"{own}@example.org"),
     "spaces around a name and an address are not part of them", answer)
for spelling in (f"{own} ", f" {own}", f"\u00a0{own}\u3000", f"{own}\n", f" {own}@example.org ", f"{own.upper()} "):
    same(try_login(spelling).status, 200, f"{spelling!r} logs in")
same(register(username=f" {own}").status, 409, "with a space it is taken, too")
same((try_login(own[:2] + " " + own[2:]).status, try_login(" ").status), (401, 422), "a space within is another name, and alone none")
mine = Client(login(User(own)))
same(mine.patch("/profile", json={"email": f" {own}@example.org"}).status, 200, "one's own address with a space needs no password")

# --- who was there before

odd = new_name()
registered_before("username", escaped(odd + "\u3164"))
same(try_login(odd + "\u3164").status, 200, "a name of before with a filler still logs in")
same(try_login(odd).status, 401, "which is not the name without")
answer = register(username=odd)
same((answer.status, answer.json().get("field")), (409, "username"), "and nobody takes the name that looks the same", answer)
same(register(username=odd.upper()).status, 409, "in whatever case")
refused(register(username=odd + "\u2800"), "username", "or with another filler")
session = Client(login(User(odd + "\u3164")))
same(session.patch("/profile", json={"name": "Somebody"}).status, 200, "its owner goes on as before")
address = f"{new_name()}@example.org"
identity = registered_before("email", escaped("x\u200b" + address))
same((try_login("x\u200b" + address).status, register(email="x" + address).status), (200, 409), "so with an address")
session = Client(login(User("x\u200b" + address)))
same(session.patch("/profile", form={"name": "Ann", "email": "x\u200b" + address}).status, 200, "a form that sends it as it was is no change of it")
same(session.patch("/profile", json={"email": "x" + address, "password": PASSWORD}).status, 200, "and its owner may take the plain one")
wide = f"{new_name()}@example.org"
registered_before("email", escaped("\u3000" + wide))
same(try_login("\u3000" + wide).status, 200, "an address of before with a wide space before it logs in as well")

# --- who comes without our checks

for column, bad in (("username", odd[:3] + "\\+00FE0F"), ("email", "a\\+00200B@example.org")):
    try:
        answer = psql(f"UPDATE mayfly.account SET {column} = U&'{bad}' WHERE id = '{identity}'")
    except Exception as error:
        answer = str(error)
    same(psql(f"SELECT count(*) FROM mayfly.account WHERE {column} = U&'{bad}'"), "0", f"the table takes no such {column}", answer)
schema = (CHECKOUT / "sql/schema/0011-names-that-look-alike.sql").read_text()
listed = "".join(re.search(r"regexp_replace\(name,\s*'\[(.*?)'\s*'(.*?)\]'", schema, re.S).groups())
listed = re.compile(f"[{listed}]")
printed = subprocess.run(["perl", "-e", 'for (0 .. 0x10FFFF) { print "$_\\n" if chr =~ /\\p{Default_Ignorable_Code_Point}/ }'],
                         capture_output=True, text=True, check=True).stdout
unicode = {int(code) for code in printed.split()} | {0x2800}
same({ord(character) for character in map(chr, range(0x110000)) if listed.match(character)} ^ unicode, set(),
     "its list is that of Unicode's data, and the Braille pattern without dots")
done()
