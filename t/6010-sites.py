#!/usr/bin/python3
"""
mayflyctl site: what is behind the gate and who may pass there. A rule that can't be understood is refused where it is written, with
its place; workers can read sites and write none; rules that were damaged let nobody pass, and that is said.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, psql, same, signed_in

MARK = f"s{secrets.token_hex(4)}"  # the lane's stack may have sites of other scripts
CONFIG = SCRATCH / "etc/mayfly.conf"
AS_WORKER = "SET ROLE mayfly; SET search_path = mayfly;"


def ctl(*words, typed="", config=CONFIG):
    run = subprocess.run([SCRATCH / "inst/bin/mayflyctl", "-c", config, *words], input=typed.encode(), capture_output=True, timeout=60)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def does(promise, *words, status=0, out="", err="", **more):
    seen = ctl("site", *words, **more)
    check(seen[0] == status and re.search(out, seen[1]) and re.search(err, seen[2]), promise, seen)
    return seen[1]


def name(text):
    return f"{MARK}-{text}"


def origin(text, path=""):
    return f"https://{text}.{MARK}.example{path}"


def shown(one):
    return json.loads(ctl("site", "show", name(one), "--json")[1])


def listed():
    return [site for site in json.loads(ctl("site", "list", "--json")[1]) if site["name"].startswith(MARK)]


def check_words():
    for verb in ("add", "list", "show", "edit", "remove", "try"):
        does(f"site {verb} --help", verb, "--help", out=rf"^usage: mayflyctl \[-c FILE\] site {verb}")
    does("a site needs an origin", "add", name("x"), status=2, err="an argument is missing")
    does("and rules", "add", name("x"), origin("x"), status=2, err="say who may pass: --require RULE, or --rules FILE")
    does("of one source", "add", name("x"), origin("x"), "--require", "any", "--rules", "-", status=2, err="--require or --rules, not both")
    does("a name is as in a host's", "add", "Git", origin("x"), "--require", "any", status=1, err="'Git': a site's name is 1 to 40 of a-z 0-9 -")
    does("a long one is none", "add", "a" * 41, origin("x"), "--require", "any", status=1, err="1 to 40 of")
    does("an origin has a scheme", "add", name("x"), "git.example.org", "--require", "any", status=1, err="write an origin, such as https://git")
    does("and a cookie wants https", "add", name("x"), "http://git.example.org", "--require", "any", status=1, err="write https")
    does("an order is a number", "add", name("x"), origin("x"), "--require", "any", "--order", "first", status=2, err="--order: a number from 0 to")
    does("a title is a text", "add", name("x"), origin("x"), "--require", "any", "--title", "a\x1bb", status=1, err="title: no control characters")
    does("with an end", "add", name("x"), origin("x"), "--require", "any", "--title", "a" * 201, status=1, err="title: 0 to 200 characters")
    does("a site that is none is shown to nobody", "show", name("x"), status=1, err="there is no such site; mayflyctl site list shows all")
    same(listed(), [], "and nothing was made")


def check_add(user):
    does("site add", "add", name("git"), origin("GIT"), origin("code", ":8443/w%69ki/"), "--require", f"group:staff factor:2|user:{user.username}",
         "--require", "any net:192.0.2.0/24", "--title", "Gits & more", "--order", "3", err=f"^{name('git')}: the site is added\n$")
    site = shown("git")
    same((site["origins"], site["rules"], site["title"], site["order"], site["state"]),
         ([origin("git"), origin("code", ":8443/wiki/")], f"group:staff factor:2|user:{user.username}\nany net:192.0.2.0/24", "Gits & more", 3, "good"),
         "it is as it was described, with its origins in one spelling")
    check(site["created_by"] == site["updated_by"] and re.fullmatch(r"mayflyctl \(\S+\)", site["created_by"]), "and who made it", site)
    does("site show has the rules below an empty line", "show", name("git"), out=rf"^name +{name('git')}\n(.+\n)+\ngroup:staff factor:2\|user:\S+\nany net:192.0.2.0/24\n$")
    does("its name is taken", "add", name("git"), origin("other"), "--require", "any", status=1, err=f"there is a site {name('git')} already")
    does("so is its origin", "add", name("two"), origin("two"), origin("git", ".:443/"), "--require", "any", status=1,
         err=f"{re.escape(origin('git'))} is where the site {name('git')} is")
    does("not so a path beneath it", "add", name("two"), origin("git", "/two/"), "--rules", "-", typed="# all\nany\n", err="is added")
    same((shown("two")["rules"], [site["name"] for site in listed()]), ("# all\nany\n", [name("two"), name("git")]),
         "rules come from standard input as they are, and sites are listed by their order")
    does("a list for people", "list", out=rf"(?m)^{name('git')} +3 +good +{re.escape(origin('git'))} {re.escape(origin('code', ':8443/wiki/'))}$")
    nine = [origin(f"n{i}") for i in range(9)]
    does("a site is at eight origins", "add", name("nine"), *nine[:8], "--require", "any", err="is added")
    does("and no more", "edit", name("nine"), *nine, status=2, err=f"{re.escape(nine[8])}: one argument too many")
    does("of localhost http is good too", "add", name("local"), f"http://{MARK}.localhost:8080", "--require", "public", err="is added")


def check_bad_rules(folder):
    """What is wrong is told where it is written, and nothing is changed."""
    before = listed()
    file = Path(folder) / "rules.txt"
    file.write_text("# who\nany\ngroup:staff recent:soon\n")
    does("a rule of a file is refused with its line and character", "edit", name("git"), "--rules", file, status=1,
         err=rf"^mayflyctl site edit: {file}, line 3, character 20: expected seconds since the last proof, 30 to 31622400, found 'soon'\n"
             r"  group:staff recent:soon\n                     \^\n$")
    does("so is one of a pipe", "edit", name("git"), "--rules", "-", typed="any\n|| any", status=1, err="standard input, line 2, character 2: .*found '\\|'")
    does("one of the command", "add", name("bad"), origin("bad"), "--require", "grup:staff", status=1,
         err=r"^mayflyctl site add: --require, character 1: expected public, any, .*, found 'grup:staff'\n  grup:staff\n  \^\n$")
    does("and the second of two", "add", name("bad"), origin("bad"), "--require", "any", "--require", "net:10.0.0.0/8", status=1,
         err="--require, number 2, character 1: net: the row does not say who passes; add any ")
    does("a long line is shown around the place", "edit", name("git"), "--require", "group:" + "a," * 60 + "!" + ",b" * 60, status=1,
         err=r"character 127: .*\n  (a,){20}!(,b){9},\n {42}\^\n$")
    does("a user whom nobody is called", "edit", name("git"), "--require", f"any | user:{MARK}", status=1,
         err=f"--require, character 12: there is no account '{MARK}'\n")
    does("what a terminal obeys is not sent to it", "edit", name("git"), "--rules", "-", typed="any \x1b[2J", status=1,
         err=r"character 5: expected a character, found the byte 0x1B\n  any \?\[2J\n")
    does("a file that is not there", "edit", name("git"), "--rules", file.with_name("none"), status=1, err="none: No such file or directory")
    does("a file that is too long", "edit", name("git"), "--rules", "-", typed="any\n" * 2000, status=1, err="at most 4096 bytes")
    does("no rules", "edit", name("git"), "--rules", os.devnull, status=1, err="expected a term such as any or group:staff, found nothing")
    same(listed(), before, "nothing was changed by any of these")
    for example in re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", (CHECKOUT / "man/mayfly-rules.5").read_text(), re.M | re.S):
        status, _, said = ctl("site", "edit", name("two"), "--rules", "-", typed=example)
        check(status == 0 or "there is no account 'ann'" in said, "an example of the manual is taken", example, said)


def check_edit():
    before = shown("git")
    does("nothing to change", "edit", name("git"), status=2, err="say what to change")
    does("site edit", "edit", name("git"), "--title", "", err=f"^{name('git')}: the site is changed\n$")
    after = shown("git")
    same({**before, "title": "", "updated_at": after["updated_at"]}, after, "leaves alone what is not named")
    does("origins that are named are all", "edit", name("git"), origin("code", ":8443/wiki/"), origin("git2"), "--order", "0", "--require", "public")
    after = shown("git")
    same((after["origins"], after["order"], after["rules"]), ([origin("code", ":8443/wiki/"), origin("git2")], 0, "public"), "so are rules")
    does("what another site left can be had", "edit", name("two"), origin("git"), err="is changed")
    does("what it has can't", "edit", name("git"), origin("git"), "--title", "lost", status=1, err=f"is where the site {name('two')} is")
    same(shown("git"), after, "and then nothing is changed")
    does("a site that is none", "edit", name("none"), "--title", "a", status=1, err="no such site")


def check_users(user):
    does("a rule of a user", "edit", name("git"), "--require", f"user:{user.username}", err="is changed")
    same(ctl("site", "show", name("git"))[2], "", "whose account is there: nothing to say")
    ctl("user", "disable", user.username)
    does("of an account that nobody can log in to it is said", "show", name("git"), err=f"user:{user.username} lets nobody pass")
    ctl("user", "delete", user.username)
    same(ctl("user", "add", user.username, "--generate")[0], 0, "somebody else takes the name")
    does("and the rule stays with the account of before", "show", name("git"), err=f"user:{user.username} lets nobody pass")


def check_limits(folder):
    config = Path(folder) / "few.conf"
    config.write_text("".join(line + "\n" for line in CONFIG.read_text().splitlines() if not line.startswith("sites_max")) +
                      f"sites_max = {psql('SELECT count(*) FROM mayfly.site')}\n")
    does("more sites than sites_max", "add", name("more"), origin("more"), "--require", "any", status=1, config=config,
         err="there are \\d+ sites already, as many as sites_max allows")
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda n: ctl("site", "add", name(f"race{n}"), origin("race"), "--require", "any")[0], range(4)))
    same(sorted(seen), [0, 1, 1, 1], "of four that want one origin at once one has it")


def refused(sql):
    """By the rights of the workers' role; what is not refused is taken back."""
    said = psql(f"{AS_WORKER} DO $$ BEGIN EXECUTE $q${sql}$q$; RAISE EXCEPTION 'done'; EXCEPTION WHEN raise_exception THEN NULL; "
                "WHEN insufficient_privilege THEN PERFORM set_config('mayfly.refused', 'yes', false); END $$; "
                "SELECT coalesce(current_setting('mayfly.refused', true), 'no')")
    return said.split()[-1] == "yes"


def check_rights():
    check(int(psql(f"{AS_WORKER} SELECT count(*) FROM site JOIN site_origin ON site_id = id").split()[-1]) > 0, "the workers' role reads sites")
    for sql in ("INSERT INTO site (id, name, rules, rules_form, created_by, updated_by) VALUES (gen_random_uuid(), 'x', 'any', 'x', '', '')",
                "UPDATE site SET rules = 'public'", "DELETE FROM site", "UPDATE site_origin SET host = host", "DELETE FROM site_origin",
                "TRUNCATE site CASCADE"):
        check(refused(sql), f"and may not: {sql[:40]}")
    check(refused("SET LOCAL ROLE mayfly_operator; UPDATE account SET disabled = false"), "whoever changes sites may change nothing else meanwhile")
    same(psql(f"{AS_WORKER} BEGIN; SELECT set_config('role', 'mayfly_operator', true); COMMIT; SELECT current_user").split()[-1], "mayfly",
         "and only to the end of the transaction")


def check_try():
    """What rules say of a request, by the sites and accounts that are there."""
    one, _ = signed_in()
    rules = f"public path:/static/\nuser:{one.username} net:192.0.2.0/24 method:GET\ngroup:staff factor:2\n"
    does("a site to try", "add", name("try"), origin("try"), "--rules", "-", typed=rules)
    does("and one beneath a path", "add", name("deep"), origin("try", "/admin/"), "--require", "group:admin")
    here = origin("try")

    def tried(promise, url, said, *words):
        does(promise, "try", url, *words, status=0 if "passes" in said else 1, out=f"^{said}\n$")

    tried("a public path passes", here + "/static/a.css?x", f"{name('try')}: passes by row 1")
    tried("climbing out of it does not", here + "/static/%2e%2e/a", "no site is there, or the path can be read in two ways: is refused")
    tried("a stranger is asked to log in", here, f"{name('try')}: is asked to log in, for row 3")
    tried("somebody of another name is refused", here, f"{name('try')}: is refused", "--user", one.username)
    tried("from the right network it passes", here, f"{name('try')}: passes by row 2", "--user", one.username, "--address", "192.0.2.9")
    tried("by the right method only", here, f"{name('try')}: is refused", "--user", one.username, "--address", "192.0.2.9", "--method", "POST")
    ctl("user", "groups", one.username, "a,staff")
    tried("groups count", here, f"{name('try')}: is asked for a proof, for row 3: factor:2", "--user", one.username)
    tried("and factors", here, f"{name('try')}: passes by row 3", "--user", one.username, "--factors", "2")
    tried("the longest path has its own rules", here + "/admin/x", f"{name('deep')}: is refused", "--user", one.username, "--factors", "2")
    ctl("site", "remove", name("deep"))
    tried("a path in two ways is nobody's hindrance where all is one site's", here + "/a%2Fb", f"{name('try')}: passes by row 3", "--user",
          one.username, "--factors", "2")
    tried("a host without a site", origin("nowhere"), "no site is there, or .*: is refused")
    tried("another port is another origin", origin("try", ":444/static/a"), "no site is there, or .*: is refused")
    does("what is no URL", "try", "/static/", status=2, err="write an origin")
    does("an account that is none", "try", here, "--user", name("none"), status=2, err="no such account")
    does("an address that is none", "try", here, "--address", "here", status=2, err="--address: 'here' is none")


def check_damage():
    """As by somebody's SQL, a disk, or a newer release that this one does not know."""
    for what, change in (("its text", "rules = 'public '"), ("a bit of its form", "rules_form = set_byte(rules_form, 30, 99)"),
                         ("its length", "rules_form = substr(rules_form, 1, 20)"), ("its version", "rules_form = set_byte(rules_form, 3, 2)")):
        does("a site", "edit", name("git"), "--require", "public", "--title", what)
        same(shown("git")["state"], "good", "is good")
        psql(f"UPDATE mayfly.site SET {change} WHERE name = '{name('git')}'")
        seen = ctl("site", "list")
        check(seen[0] == 1 and f"{name('git')}: nobody passes, " in seen[2] and re.search(rf"(?m)^{name('git')} +0 +damaged", seen[1]),
              f"when {what} is another, nobody passes, and that is said", seen)
        does("also where it is shown", "show", name("git"), status=1, err=f"nobody passes, .*mayflyctl site edit {name('git')} --rules FILE")
        same(shown("git")["state"], "damaged", "and to programs")
        does("nobody passes", "try", origin("git2"), status=1, out=f"^{name('git')}: is refused, as everybody is: ")


def check_remove():
    for site in listed():
        does("site remove", "remove", site["name"], err="the site is removed")
    same((listed(), psql(f"SELECT count(*) FROM mayfly.site_origin WHERE host LIKE '%{MARK}%'")), ([], "0"), "nothing is left of what was removed")
    does("once", "remove", name("git"), status=1, err="no such site")


user, _ = signed_in()
with tempfile.TemporaryDirectory() as folder:
    check_words()
    check_add(user)
    check_bad_rules(folder)
    check_edit()
    check_users(user)
    check_limits(folder)
    check_rights()
    check_try()
    check_damage()
    check_remove()
done()
