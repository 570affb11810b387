#!/usr/bin/python3
"""mayflyctl: when it returns, a change has taken effect at every worker, and its messages say what to do."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from browser import http
from mayfly import check, done, same

SCRATCH = Path(os.environ.get("MAYFLY_SCRATCH", "/nowhere"))
PROGRAM = SCRATCH / "inst/bin/mayflyctl"
WORKER = SCRATCH / "inst/bin/mayfly-worker"
CONFIG = SCRATCH / "etc/mayfly.conf"
URL = os.environ.get("MAYFLY_URL", "").rstrip("/")
NAME = f"ctl{time.time_ns() // 1000:x}"  # the stack may have served other runs
FIRST = "three storks on a chimney"
SECOND = "eleven geese across the lake"
COMMANDS = ("user add", "user list", "user passwd", "user disable", "user enable", "user groups", "session list",
            "session end", "config show", "config check", "routes", "sweep", "fsck", "files list",
            "files show", "files move", "deploy", "prove", "top", "schema status")
# Settings that only a worker's start finds wrong, and what to do about each.
WRONG = (
    ("statsd", "localhost:8125", "say unix:/path or ADDRESS:PORT"),
    ("statsd_prefix", "a b", "say 1 to 32 letters"),
    ("metrics_allow", "everybody", "'everybody' is no address"),
    ("cache", "host:99999", "'host:99999': say host:port"),
    ("database", "hots=/run dbname=x", 'invalid connection option "hots"; say host='),
    ("database", "postgresql://[::1/mayfly", ".*IPv6 host address"),
    ("s3_ca_file", "/nowhere/ca.pem", "/nowhere/ca.pem: No such file"),
    ("s3_credentials", "/nowhere/s3", "/nowhere/s3: No such file"),
    ("s3_endpoint", "example.org", "'example.org': say http:// or https://"),
)


def ctl(*words, typed="", config=CONFIG):
    """(status, stdout, stderr)"""
    run = subprocess.run([PROGRAM, "-c", config, *words], input=typed.encode(), capture_output=True, timeout=60)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def does(name, *words, status=0, out="", err="", **more):
    """Runs a command; its status and what its output and messages match are one test. Returns the output."""
    seen = ctl(*words, **more)
    check(seen[0] == status and re.search(out, seen[1]) and re.search(err, seen[2]), name, seen)
    return seen[1]


def log_in(password, username=None):
    status, answer = http("POST", f"{URL}/login", {"username": username or NAME, "password": password})
    return answer["token"] if status == 200 else status


def profile(token):
    status, answer = http("GET", f"{URL}/profile", Authorization=f"Bearer {token}")
    return answer if status == 200 else status


def every_worker(token):
    """What many requests see, each at whichever worker takes it; their cache is warm afterwards."""
    seen = [profile(token) for _ in range(12)]
    return seen[0] if all(one == seen[0] for one in seen) else seen


def sessions():
    return json.loads(ctl("session", "list", NAME, "--json")[1])


def with_settings(folder, **settings):
    """A copy of the configuration with other values."""
    lines = [line for line in CONFIG.read_text().splitlines() if line.split("=")[0].strip() not in settings]
    path = Path(folder) / "other.conf"
    path.write_text("\n".join(lines + [f"{name} = {value}" for name, value in settings.items()]) + "\n")
    return path


def at_terminal(typed, *words):
    """Answers prompts, one line each, at a terminal. Returns the status, what it showed and whether it echoes afterwards."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PROGRAM, [str(PROGRAM), "-c", str(CONFIG), *words])
    shown, left, until = "", list(typed), time.monotonic() + 20
    echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    while time.monotonic() < until and select.select([terminal], [], [], 20)[0]:
        echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # the other side is closed
            break
        if left and shown.rstrip(" ").endswith(":"):
            os.write(terminal, left.pop(0).encode())
            shown += "\n"
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, shown, echoes


def check_words():
    words = does("--help lists the commands", "--help", out=r"usage: mayflyctl")
    check(all(f"  {command} " in words for command in COMMANDS), "and none is missing", words)
    does("--version", "--version", out=r"^mayflyctl \d")
    for command in COMMANDS:
        # prove is another program, which mayflyctl becomes.
        usage = "mayfly-prove" if command == "prove" else rf"mayflyctl \[-c FILE\] {command}"
        does(f"{command} --help", *command.split(), "--help", out=rf"^usage: {usage}")
    does("a family explains itself", "user", status=2, err="user add .*\n")
    does("a command that is none", "users", status=2, err="users: no such command; did you mean user\\?\n$")
    does("one of a family", "session", "lst", status=2, err=r"session lst: no such command; did you mean session list\?\n$")
    does("one that resembles none", "frobnicate", status=2, err="no such command; mayflyctl --help lists them")
    does("one of a family that resembles none", "user", "frobnicate", status=2, err="no such command; name one of these:\n  user add NAME ")
    does("a missing argument", "user", "add", status=2, err="usage: mayflyctl .* user add NAME")
    does("an argument too many", "user", "enable", "a", "b", status=2, err="b: one argument too many")
    does("an option that is none", "user", "list", "--all", status=2, err="--all: no such option")
    does("one that resembles another", "user", "list", "--jsno", status=2, err=r"--jsno: no such option; did you mean --json\?")
    does("only those of the command are offered", "user", "list", "--omce", status=2, err="--omce: no such option, or")
    does("a value that an option does not take", "user", "list", "--json=1", status=2, err="--json takes no value")
    does("help shows arguments", "--help", out=r"(?m)^  session list NAME \[--json\]  +list the sessions of an account$")
    does("a command's help explains its options", "files", "move", "--help", out=r"(?m)^  --account NAME  +only the files of this account$")
    does("an option of another command", "routes", "--json", status=2, err="not for this command")
    does("an argument that is not UTF-8", "user", "enable", b"\xff", status=2, err="not UTF-8")


def check_system():
    does("config check", "config", "check", err="is good")
    does("config show", "config", "show", out=r"(?m)^cache_fresh_s = \d+$")
    does("routes", "routes", out=r"(?m)^DELETE +/sessions/:id +signed in$")
    does("schema status", "schema", "status", out="accounts-and-sessions", err="as this build needs it")
    does("deploy is root's", "deploy", status=1, err="as root.*nothing was restarted")
    does("sweep", "sweep", err=r"\d+ rows removed, \d+ partitions")
    with tempfile.TemporaryDirectory() as folder:
        does("a file that is not there", "config", "check", status=1, err="other.conf: No such file",
             config=Path(folder) / "other.conf")
        wrong = with_settings(folder, login_window_s="soon")
        does("a wrong setting is named", "config", "check", status=1, err=r"other.conf:\d+: login_window_s: ",
             config=wrong)
        wrong = with_settings(folder, statsd="localhost:8125")
        does("so is one that only a start finds", "config", "check", status=1, err=r"other.conf:\d+: statsd: say unix:/path",
             config=wrong)
        away = with_settings(folder, database="host=/nowhere dbname=mayfly")
        does("a database that is away", "user", "list", status=1, err=f"Check `database` in {away}", config=away)
        does("a schema that can't be looked at is not called old", "schema", "status", status=2, config=away)


def check_worker_test():
    """What a pool's start and its reload ask. A reload is not shown the secret, and must refuse all else."""
    with tempfile.TemporaryDirectory() as folder:
        def tested(*options, libraries=None, **settings):
            environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else None
            run = subprocess.run([WORKER, "--test", *options, "-c", with_settings(folder, **settings)], capture_output=True,
                                 text=True, timeout=60, env=environment)
            return run.returncode, run.stderr

        same([tested(), tested("--no-secret")], [(0, "")] * 2, "mayfly-worker --test takes what the stack runs with")
        same([tested(secret_file="/nowhere")[0], tested("--no-secret", secret_file="/nowhere")[0]], [1, 0],
             "without its secret too, when it is told so")
        for name, value, wanted in WRONG:
            status, said = tested("--no-secret", **{"s3_bucket": "b", "s3_credentials": "credential", name: value})
            check(status == 1 and re.match(rf"mayfly-worker: {folder}/other.conf:\d+: {name}: {wanted}", said) and
                  len(said.splitlines()) == 1, f"{name} = {value} is refused", said)
        status, said = tested("--no-secret", objects="s3", s3_bucket="")
        check(status == 1 and "objects: s3 wants a bucket; set s3_bucket too" in said, "S3 without a bucket is refused", said)
        seen = [tested(*options, s3_bucket="b", s3_credentials=named)
                for named in ("", "credential") for options in ((), ("--no-secret",))]
        check([status for status, _ in seen] == [1, 0, 1, 0] and "AWS_ACCESS_KEY_ID is missing" in seen[0][1],
              "a worker wants its key for S3, and who is not shown the worker's own does not", *seen)
        (Path(folder) / "libcurl.so.4").write_text("")
        status, said = tested("--no-secret", libraries=folder, s3_bucket="b", s3_credentials="credential")
        check(status == 1 and re.match(r"mayfly-worker: .*: s3_bucket: .*libcurl.so.4: .*; install libcurl\n$", said),
              "S3 without libcurl is refused", said)
        same(tested("--no-secret", libraries=folder, s3_bucket=""), (0, ""), "who has no S3 needs no libcurl")
        does("nor does config check", "config", "check", err="is good",
             config=with_settings(folder, s3_bucket="b", s3_credentials=""))
        status, said = tested("--no-secret", database="host=/nowhere dbname=mayfly")
        check(status == 0 and "the schema was not checked" in said, "a database that is away is not", said)


def check_add():
    does("user add", "user", "add", NAME, "--email", f"{NAME}@example.org", "--name", "Ada L.", "--groups", "staff,null",
         typed=FIRST + "\nnot read\n", err=f"{NAME}: the account is made")
    user = profile(log_in(FIRST))
    same((user["email"], user["name"], user["groups"]), (f"{NAME}@example.org", "Ada L.", ["staff", "null"]),
         "the account is as it was described, and its password logs in")
    does("a name that is taken", "user", "add", NAME, typed=FIRST, status=1, err="username: already taken")
    does("a bad name", "user", "add", "a b", typed=FIRST, status=1, err="username: letters and digits of any script, and of ASCII also - . _ and the like; no spaces")
    does("a common password", "user", "add", f"{NAME}-2", typed="password1\n", status=1, err="too common")
    does("no password", "user", "add", f"{NAME}-2", status=1, err="no password was given")
    does("a bad group", "user", "add", f"{NAME}-2", "--groups", "a,,b", status=1, err="group ''")
    password = does("user add --generate", "user", "add", f"{NAME}-2@example.org", "--generate", out=r"^\S{20}\n$")
    same(profile(log_in(password.strip(), f"{NAME}-2@example.org"))["username"], None,
         "an account with an address only; the password that was made logs in")


def check_list():
    does("user list", "user", "list", out=rf"(?m)^\S+Z active +{NAME} +{NAME}@example.org +staff,null$")
    listed = json.loads(does("user list --json", "user", "list", "--json", "--after", NAME, out=r"^\["))
    same([user["email"] for user in listed], [f"{NAME}-2@example.org"], "--after lists those that were made later")
    does("--after nobody", "user", "list", "--after", f"{NAME}-3", status=1, err="no such account")


def check_groups():
    token = log_in(FIRST)
    every_worker(token)
    does("user groups", "user", "groups", f"{NAME}@example.org".upper(), "b:1,a.2", err="the groups are b:1,a.2")
    same(every_worker(token)["groups"], ["b:1", "a.2"], "every worker sees the new groups at once")
    does("no groups", "user", "groups", NAME, "", err="no groups")
    same(every_worker(token)["groups"], [], "every worker sees that there are none")
    does("a group named twice", "user", "groups", NAME, "a,b,a", status=1, err="named twice")
    does("65 groups", "user", "groups", NAME, ",".join(f"g{i}" for i in range(65)), status=1, err="at most 64 groups")
    does("64 groups of 64", "user", "groups", NAME, ",".join(f"{i:064}" for i in range(64)))
    same(len(every_worker(token)["groups"]), 64, "they are all there")
    with tempfile.TemporaryDirectory() as folder:
        does("a cache that can't be told", "user", "groups", NAME, "late", err=r"accepted for up to \d+ seconds",
             config=with_settings(folder, cache="unix:/nowhere/memcached.sock"))


def check_passwd():
    tokens = [log_in(FIRST) for _ in range(2)]
    for token in tokens:
        every_worker(token)
    does("a password like the name", "user", "passwd", NAME, typed=f"{NAME}@example.org\n", status=1, err="too common")
    check(isinstance(every_worker(tokens[0]), dict), "a refused password ends nothing")
    does("user passwd", "user", "passwd", NAME, typed=SECOND, err="all sessions have ended")
    same([every_worker(token) for token in tokens], [401, 401], "no worker accepts a session of before")
    same(log_in(FIRST), 401, "the old password is refused")
    check(isinstance(log_in(SECOND), str), "the new one logs in")
    does("nobody's password", "user", "passwd", f"{NAME}-3", status=1, err="no such account")


def check_disable():
    token = log_in(SECOND)
    every_worker(token)
    does("user disable", "user", "disable", NAME, err="all sessions have ended")
    same(every_worker(token), 401, "no worker accepts its session")
    same(log_in(SECOND), 401, "its log-in is refused")
    does("it is listed as disabled", "user", "list", out=rf"disabled +{NAME} ")
    does("user enable", "user", "enable", NAME, err="is enabled")
    check(isinstance(log_in(SECOND), str), "it logs in again")
    same(every_worker(token), 401, "its old session stays ended")


def check_sessions():
    does("session end --user", "session", "end", "--user", NAME, err="all sessions have ended")
    same(sessions(), [], "none is left")
    kept, ended = log_in(SECOND), log_in(SECOND)
    every_worker(kept), every_worker(ended)
    listed = sessions()
    same(len(listed), 2, "session list --json")
    newest = max(session["id"] for session in listed)  # ids grow with time
    does("session list", "session", "list", NAME, out=rf"(?m)^{newest} \S+Z \S+Z ")
    does("session end", "session", "end", newest, err="has ended")
    same(every_worker(ended), 401, "no worker accepts it")
    check(isinstance(every_worker(kept), dict), "the other one goes on")
    does("a session that is gone", "session", "end", newest, status=1, err="no such session")
    does("an id that is none", "session", "end", "1", status=2, err="not a session's id")
    does("a session or an account", "session", "end", newest, "--user", NAME, status=2, err="usage: ")


def check_terminal():
    status, shown, echoes = at_terminal([FIRST + "\n", FIRST + "\n"], "user", "passwd", NAME)
    check(status == 0 and FIRST not in shown and echoes, "a terminal is asked twice and shows nothing", status, shown)
    check(isinstance(log_in(FIRST), str), "what was typed logs in")
    status, shown, echoes = at_terminal([SECOND + "\n", FIRST + "\n"], "user", "passwd", NAME)
    check(status == 1 and "the two passwords differ" in shown, "two that differ change nothing", status, shown)
    status, shown, echoes = at_terminal(["\x03"], "user", "passwd", NAME)
    check(status == -2 and echoes, "control-C leaves a terminal that shows what is typed", status, shown, echoes)


if not URL or not os.access(PROGRAM, os.X_OK):
    print("1..0 # SKIP needs a stack: ./dev test 4800")
    sys.exit()
for part in (check_words, check_system, check_worker_test, check_add, check_list, check_groups, check_passwd, check_disable, check_sessions,
             check_terminal):
    try:
        part()
    except Exception as error:  # the rest is still worth knowing
        check(False, f"{part.__name__} runs to its end", repr(error))
done()
