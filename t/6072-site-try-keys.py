#!/usr/bin/python3
"""mayflyctl site try with a key: what it says is what the gate does with that key, and no use of the key is noted."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from gate import CONFIG, basic, bearer, ctl, front, key
from mayfly import SCRATCH, Client, check, done, login, new_user, psql, same
from memcached import session_id


def tried(url, *words, typed=""):
    ran = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", CONFIG, "site", "try", url, *words], input=typed, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout.strip(), ran.stderr.strip()


def check_as_the_gate(gate, user, folder):
    client = Client(login(user))
    keyed, other = gate.site("keyed", "group:staff", "group:staff key path:/api/ method:GET,HEAD", "public path:/about/"), gate.site("other", "any")
    ctl("user", "groups", user.username, "staff")
    keys = {"for all sites": key(client, "gate"), "for this one": key(client, "gate", sites=[keyed]), "for another one": key(client, "gate", sites=[other]),
            "for data": key(client, "data"), "an app password": key(client, "password")}
    path = folder / "key"
    for name, text in keys.items():
        path.write_text(text + "\n")
        headers = basic(user.username, text) if name == "an app password" else bearer(text)
        for target in ("/api/x", "/x", "/about/x"):
            status, out, err = tried(f"http://{gate.host('keyed')}{target}", "--key-file", path)
            same((status, err), (0 if gate.ask("keyed", target, headers=headers).status == 200 else 1, ""), f"a key {name} at {target}: as the gate", out)
    path.write_text(keys["for all sites"])
    url = f"http://{gate.host('keyed')}"
    same(tried(url + "/api/x", "--key-file", "-", typed=keys["for all sites"] + "\n"), (0, f"{keyed}: passes by row 2", ""), "by the row that is for keys, from standard input")
    same(tried(url + "/api/x", "--key-file", path, "--method", "POST"), (1, f"{keyed}: is refused", ""), "by its methods alone")
    path.write_text(keys["for another one"])
    same(tried(url + "/about/x", "--key-file", path)[:2], (1, f"{keyed}: is refused: the key is not for this site"), "a key of another site is refused everywhere, with the reason")
    path.write_text(keys["for data"])
    same(tried(url + "/about/x", "--key-file", path)[:2], (1, f"{keyed}: is refused: the key has not the scope gate"), "so is one without the scope")
    return keys


def check_noted(user, folder):
    fresh = key(Client(login(user)), "gate")
    (folder / "key").write_text(fresh)
    tried("http://localhost/", "--key-file", folder / "key")
    same(psql(f"SELECT seen_at IS NULL FROM mayfly.key WHERE id = '{session_id(fresh)}'"), "t", "a key that is tried was not used")
    return fresh


def check_refused(gate, user, folder, good):
    url, path = f"http://{gate.host('keyed')}/api/x", folder / "key"
    own = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", CONFIG, "site", "key", f"{gate.mark}-keyed", "x"], capture_output=True, text=True, check=True).stdout
    unknown = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBA")
    for promise, text, says in (("with another secret", unknown, "no account has this key"), ("of the site's own server", own, "no account has this key"),
                                ("that is none", "mfk_x", "its first line is no key"), ("that is a session", login(user), "its first line is no key"),
                                ("that is missing", "\n", "key: line 1 is missing")):
        path.write_text(text)
        status, out, err = tried(url, "--key-file", path)
        check((status, out) == (2, "") and says in err and (len(text) < 20 or text.strip() not in err), f"a key {promise}", status, out, err)
    path.write_text(good)
    status, _, err = tried(url, "--key-file", path, "--user", user.username)
    check(status == 2 and "not by both" in err, "a request comes by one of the two", err)
    ctl("user", "disable", user.username)
    status, _, err = tried(url, "--key-file", path)
    check(status == 2 and "no account has this key" in err, "the key of a disabled account is none", err)


with front() as started, tempfile.TemporaryDirectory(dir=SCRATCH / "tmp") as place:
    Path(place).chmod(0o755)
    someone = new_user()
    check_as_the_gate(started, someone, Path(place))
    check_refused(started, someone, Path(place), check_noted(someone, Path(place)))
done()
