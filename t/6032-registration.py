#!/usr/bin/python3
"""
Who may register is a setting: everybody, whoever has an invitation that nobody has used, or nobody. Only an administrator makes
invitations; one is used up by the registration that it let in, and by no other.
"""

import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import PAGE, PASSWORD, SCRATCH, Client, check, done, new_name, psql, same, settings
from memcached import session_id, wrong_secret

BROWSER = {"Accept": PAGE}
HELP = "mailto:help@example.org"


def ctl(*words):
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", *words], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def invitation(*words):
    """The code of a new one."""
    return re.search(r"mfi_\S{64}", ctl("invite", *words)[1])[0]


def register(code=None, headers=(), **fields):
    return Client().post("/register", json={"username": new_name(), "password": PASSWORD, "invite": code, **fields}, headers=headers)


def field(answer):
    return answer.status, answer.json().get("field")


def check_words():
    for name, value, said in (("registration", "no", "say open, invite or closed"), ("support_url", "help", "say an address such as"),
                              ("support_url", "javascript:alert(1)", "say an address such as"), ("support_url", 'https://x/"onclick=', "say an address such as"),
                              ("support_url", "https://x/ y", "say an address such as"), ("support_url", "https://", "say an address such as")):
        path = SCRATCH / "tmp" / "registration.conf"
        path.write_text(f"{(SCRATCH / 'etc/mayfly.conf').read_text()}\n{name} = {value}\n")
        run = subprocess.run([SCRATCH / "inst/bin/mayfly-worker", "-t", "-c", path], capture_output=True, text=True)
        check(run.returncode != 0 and said in run.stderr, f"{name} = {value} is refused", run)


def check_open():
    same(register().status, 201, "everybody may register")
    page = Client().get("/", headers=BROWSER).text
    check('href="/register"' in page, "and is shown where")
    made = ctl("invite")
    check(made[0] == 0 and "warning: an invitation is not needed while registration = open" in made[2], "an invitation is needed by nobody", made)
    same(register("mfi_nonsense").status, 201, "and not looked at")


def check_closed():
    before = psql("SELECT count(*) FROM mayfly.attempt")
    answer = register(invitation())
    check(answer.status == 403 and answer.json()["detail"] == f"registration is closed here; ask {HELP}", "nobody may register, and is told whom to ask", answer)
    same(psql("SELECT count(*) FROM mayfly.attempt"), before, "which costs nothing")
    pages = {path: Client().get(path, headers=BROWSER) for path in ("/", "/login", "/register")}
    same({path: answer.status for path, answer in pages.items()}, {"/": 200, "/login": 200, "/register": 403}, "there is no form")
    check(f'href="{HELP}"' in pages["/register"].text and "<form" not in pages["/register"].text, "but whom to ask", pages["/register"].text)
    same([path for path, answer in pages.items() if "/register" in answer.text], [], "and no link to one")
    form = Client().post("/register", form={"username": new_name(), "password": PASSWORD}, headers=BROWSER)
    check(form.status == 403 and f'href="{HELP}"' in form.text, "a form from before is told the same", form)
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", SCRATCH / "etc/mayfly.conf", "user", "add", new_name(), "--generate"], capture_output=True)
    same(run.returncode, 0, "an administrator makes accounts all the same")


def check_invite():
    same(field(register()), (422, "invite"), "without an invitation nobody may register")
    check(HELP in register().json()["detail"], "and is told whom to ask")
    code = invitation()
    row = psql(f"SELECT row_to_json(i) FROM mayfly.invitation i WHERE id = '{session_id(code)}'")
    check("mayflyctl (" in row and code[4:] not in row, "the database has an invitation's hash, and who made it", row)
    _, client = signed_in_by(invitation())
    key = client.post("/keys", json={"name": "x", "scopes": ["data"]}).json()["key"]
    ended = invitation()
    psql(f"UPDATE mayfly.invitation SET expires_at = now() WHERE id = '{session_id(ended)}'")
    attempts = psql("SELECT count(*) FROM mayfly.attempt")
    for what, wrong in (("another secret", "mfi_" + wrong_secret(code)[4:]), ("an id that nobody made", "mfi_B" + code[5:]), ("a key", key), ("a session", client.token),
                        ("a part of it", code[:-1]), ("one that has ended", ended)):
        same(field(register(wrong)), (422, "invite"), f"{what} is no invitation")
    same(psql("SELECT count(*) FROM mayfly.attempt"), attempts, "no password was hashed for any of these")
    name = new_name()
    Client().post("/register", json={"username": name, "password": PASSWORD, "invite": invitation()})
    same([register(code, username=name).status, register(code, password="short").status], [409, 422], "what is refused for another reason uses up none")
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    fields = {"username": new_name(), "password": PASSWORD, "invite": code}
    first, again = (Client().post("/register", json=fields, headers=headers) for _ in range(2))
    same((first.status, again.status, again.headers.get("idempotent-replayed"), again.json()), (201, 201, "true", first.json()), "it lets somebody in, and the same request again is told so", again)
    same(field(register(code)), (422, "invite"), "and nobody else")
    code = invitation()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: register(code).status, range(20)))
    same(sorted(answers), [201] + [422] * 19, "of twenty at once one gets in")
    page = Client().get(f"/register?invite={code}", headers=BROWSER).text
    check(re.search(rf'<input id="invite"[^>]*value="{code}"', page) and f'href="{HELP}"' in page, "a link to the form brings the code along", page)
    form = Client().post("/register", form={"username": new_name(), "password": PASSWORD, "invite": code}, headers=BROWSER)
    focus = re.search(r"<input[^>]*\bautofocus\b[^>]*>", form.text)
    check(form.status == 422 and focus and 'id="invite"' in focus[0] and code in focus[0] and "was used" in form.text, "the form says when it is not good", form.text)
    form = Client().post("/register", form={"username": new_name(), "password": PASSWORD, "invite": invitation()}, headers=BROWSER)
    same((form.status, form.headers.get("location")), (303, "/login?registered=1"), "and goes on when it is")


def signed_in_by(code):
    name = new_name()
    Client().post("/register", json={"username": name, "password": PASSWORD, "invite": code})
    return name, Client(Client().post("/login", json={"username": name, "password": PASSWORD}).token)


def check_making():
    for words, said in ((("--days", "0"), "--days: a number from 1 to 365"), (("--days", "x"), "--days: a number")):
        seen = ctl("invite", *words)
        check(seen[0] == 2 and said in seen[2] and not seen[1], f"invite {' '.join(words)}", seen)
    code = invitation("--days", "3")
    same(psql(f"SELECT round(extract(epoch FROM expires_at - created_at) / 86400) FROM mayfly.invitation WHERE id = '{session_id(code)}'"), "3", "for so many days")
    made = ctl("invite")
    check(made[0] == 0 and re.fullmatch(r"(\S+/register\?invite=)?mfi_\S{64}\n", made[1]) and not made[2], "mayflyctl invite prints it, alone", made)
    for sql in ("INSERT INTO invitation (id, secret_hash, created_by, expires_at) VALUES (gen_random_uuid(), decode(repeat('00', 32), 'hex'), '', now())",
                "UPDATE invitation SET expires_at = now()"):
        try:
            psql(f"SET ROLE mayfly; SET search_path = mayfly; {sql}")
            check(False, f"a worker may not: {sql[:24]}")
        except RuntimeError as error:
            check("permission denied" in str(error), f"a worker may not: {sql[:24]}", error)
    with settings(invitations_max=1):
        seen = ctl("invite")
        check(seen[0] == 1 and "as many as invitations_max allows" in seen[2] and not seen[1], "there are invitations_max of them", seen)
    psql("UPDATE mayfly.invitation SET expires_at = now()")
    with settings(invitations_max=1):
        same(ctl("invite")[0], 0, "those that have ended make room")


check_words()
check_open()
with settings(registration="closed", support_url=HELP):
    check_closed()
with settings(registration="invite", support_url=HELP):
    check_invite()
    check_making()
logs = "".join(path.read_text(errors="replace") for path in (SCRATCH / "log").glob("*.log"))
check("mfi_" not in logs, "no code is in a log")
done()
