#!/usr/bin/python3
"""A password is the same however a keyboard composes it, and older hashes still work."""

import ctypes
import sys
import unicodedata
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import Client, check, done, login, new_user, psql, same, try_login

PASSWORD = "fünf Störche über Köln"
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, PASSWORD) for form in ("NFC", "NFD"))
check(COMPOSED != DECOMPOSED, "it has two forms")


def hash_of(user):
    return psql(f"SELECT password_hash FROM mayfly.account WHERE id = '{user.id}'")


for mine, others in ((COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)):
    user = new_user(password=mine)
    before = hash_of(user)
    same([try_login(user.username, one).status for one in (mine, others, others.replace(" ", "\u00a0"))], [200, 200, 200],
         f"registered with {len(mine)} characters it logs in with {len(others)}, and with spaces of another kind")
    same(hash_of(user), before, "without a new hash")
    same(try_login(user.username, unicodedata.normalize("NFD", "fünf Storche über Köln")).status, 401, "an accent that lacks is another password")
    client = Client(login(user))
    answer = client.post("/password", json={"current": others, "new": "sechs " + mine})
    same((answer.status, try_login(user.username, "sechs " + others).status), (200, 200), "so when it is changed", answer)
    answer = Client(answer.token).request("DELETE", "/profile", json={"password": "sechs " + mine})
    same(answer.status, 204, "and when the account is closed", answer)

# As the release before made them: of the bytes that came. libsodium is what it called.
sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()
made = ctypes.create_string_buffer(128)
came = DECOMPOSED.encode()
settings = psql("SELECT split_part(password_hash, '$', 4) FROM mayfly.account LIMIT 1")
memory, passes = (int(part.split("=")[1]) for part in settings.split(",")[:2])
check(sodium.crypto_pwhash_str_alg(made, came, ctypes.c_ulonglong(len(came)), ctypes.c_ulonglong(passes), ctypes.c_size_t(memory * 1024), 2) == 0,
      "a hash of the release before")
user = new_user(password=COMPOSED)
psql(f"UPDATE mayfly.account SET password_hash = '{made.value.decode()}' WHERE id = '{user.id}'")
same(try_login(user.username, COMPOSED).status, 401, "fits the very bytes it was made of only")
same((try_login(user.username, DECOMPOSED).status, hash_of(user) != made.value.decode()), (200, True), "and is made anew when they come")
same([try_login(user.username, one).status for one in (COMPOSED, DECOMPOSED)], [200, 200], "from then on it is one password")
done()
