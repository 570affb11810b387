#!/usr/bin/python3
"""What the tree promises of itself: layers, sole users of libraries, no state in a worker, documents that are true."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same
from statements import STATEMENTS

SRC = CHECKOUT / "src"
BUILD = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build"))
FILES = {str(path.relative_to(SRC)): path.read_text() for path in sorted(SRC.rglob("*.[ch]"))}
HEADERS = [name for name in FILES if name.endswith(".h")]

BENEATH = {
    "base": {"base"}, "gate": {"base", "gate"}, "db": {"base", "db"}, "object": {"base", "db", "object"},
    "store": {"base", "gate", "db", "object", "store"},
    "fcgi": {"base", "fcgi"}, "http": {"base", "http"}, "media": {"base", "media"},
    "app": {"base", "gate", "object", "store", "http", "media", "app"},
    "worker": {"base", "db", "store", "fcgi", "app", "worker"},
    "ctl": {"base", "gate", "store", "app", "prove", "ctl"}, "prove": {"base", "http", "prove"},
}
# header -> who may include it, as a regular expression of whole names
SOLE_USERS = {
    "libpq-fe.h": r"db/db_(state|connection)\.h|db/db_(connection|result)\.c", "libmemcached/.*": r"db/cache\.[ch]", "fcgiapp.h": r"fcgi/params\.c",
    "fcgi_stdio.h": r"never", "fcgios.h": r"never", "zxcvbn.h": r"base/password\.c", "sodium.*": r"(base/.*|object/access_key\.c)",
    "jansson.h": r"http/json\.[ch]", "curl/.*": r"(object/s3_curl\.h|prove/(http\.c|http_slot\.[ch]))", "expat.h": r"object/s3_xml\.c",
    "vips/.*": r"media/thumbnail_program\.c", "seccomp.h": r"media/child_limits\.c", "magic.h": r"media/sniff_program\.c", "pcre2.*": r"prove/pattern\.c",
    "openssl/.*": r"base/(sha1\.c|sha256\.h)", r"uni(ctype|norm|str|width)\.h": r"base/(character|precis)\.c",
}
# Writable symbols that a worker may have, each with its reason. There is none.
WRITABLE = {}


def lines_like(pattern, only=r".*"):
    """(file:line, groups) of what matches in the sources."""
    return [(f"{name}:{number}", found.groups()) for name, text in FILES.items() if re.fullmatch(only, name)
            for number, line in enumerate(text.splitlines(), 1) if (found := re.search(pattern, line))]


check(len(FILES) > 60, "the sources are found", len(FILES))
same({name.split("/")[0] for name in FILES} ^ set(BENEATH), set(), "each folder of sources is a layer")

numbers = [name[:4] for name in os.listdir(CHECKOUT / "t") if re.match(r"\d{4}-", name)]
same(sorted({number for number in numbers if numbers.count(number) > 1}), [], "no two tests have the same number")
makefile = (CHECKOUT / "Makefile.am").read_text()
shipped = {str(path.relative_to(CHECKOUT)) for folder in ("sql", "nginx", "src") for path in (CHECKOUT / folder).rglob("*")
           if path.is_file() and path.suffix != ".pyc"}
same(sorted(shipped ^ set(re.findall(r"(?<=\s)(?:nginx/README|(?:sql|nginx|src)/[\w/-]+\.[\w.]+)", makefile)) - {"src/db/statements.h", "src/http/pages.c", "src/prove/pages.c"}), [],
     "Makefile.am lists each file of sql, nginx and src, and none that is not there")
# Not -B: make brings its own Makefile up to date even with -n, and may not write to the build here.
flags = subprocess.run(["make", "-C", BUILD, "-n", "-W", "src/base/err.c", "V=1", "CFLAGS=-Og", "src/base/err.o"], capture_output=True, text=True).stdout
check("-Og" in flags and not re.search(r"-O[123s]\b", flags), "who builds a package chooses how it is optimised", flags[:300])

written = {str(path.relative_to(SRC)): path.read_text() for path in sorted(SRC.rglob("*")) if path.is_file() and path.suffix != ".pyc"}
same([f"{name}:{number}" for name, text in written.items() for number, line in enumerate(text.splitlines(), 1) if len(line) > 120],
     [], "no line of a source, a setting, a page or a folder's README has more than 120 columns")

# --- layers

for layer, beneath in BENEATH.items():
    upward = [f"{place} includes {group[0]}/{group[1]}"
              for place, group in lines_like(r'^\s*#\s*include "([^"/]*)/([^"]*)"', rf"{layer}/.*") if group[0] not in beneath]
    same(upward, [], f"{layer} includes nothing but {', '.join(sorted(beneath))}")
same([f"{place} includes prove/{group[0]}" for place, group in lines_like(r'^\s*#\s*include "prove/([^"]*)"', r"ctl/.*") if group[0] != "http.h"],
     [], "of prove, ctl includes the HTTP client alone")
local = [place for place, group in lines_like(r'^\s*#\s*include "([^"]*)"') if "/" not in group[0] and not group[0].endswith(".def")]
same(local, [], "every include names its folder")
handlers = [place for place, group in lines_like(r'#\s*include "app/[a-z]+/(api_[a-z]+)', r"app/[a-z]+/api_.*")]
same(handlers, [], "handlers do not include each other")
same([place for place, _ in lines_like(r"\bsetlocale\((?!3\))")], [], "every process keeps the C locale, by which dates are written and read")
for header, allowed in SOLE_USERS.items():
    strangers = [place for place, _ in lines_like(rf"^\s*#\s*include <{header}>")
                 if not re.fullmatch(allowed, place.split(":")[0])]
    same(strangers, [], f"<{header}> is only for {allowed}")
same([place for place, _ in lines_like(r"\b(?:curl_)?easy_reset\b")], [], "no handle of libcurl is used for a second exchange")
first = [name for name, text in FILES.items()
         if name.endswith(".c") and name[:-2] + ".h" in FILES and
         re.search(r'#\s*include [<"]([^>"]+)', text).group(1) != name[:-2] + ".h"]
same(first, [], "each file includes its own header first")

# --- what clangd is told

one_of_each = sorted({path.parent: path for path in sorted([*SRC.rglob("*.c"), *(CHECKOUT / "t").glob("*.c")])}.values())
said = [flag for flag in (CHECKOUT / "compile_flags.txt").read_text().splitlines() if flag]
told = [flag.replace("-Ibuild", f"-I{BUILD}") for flag in said]
wrong = [ran.stderr for path in one_of_each
         if (ran := subprocess.run([*shlex.split(os.environ.get("CC", "cc")), *told, "-fsyntax-only", path], cwd=CHECKOUT, capture_output=True,
                                   text=True)).returncode != 0]
same((len(one_of_each) > 10, wrong), (True, []), "compile_flags.txt is what a file of each folder needs")

# --- headers stand alone

compiler = os.environ.get("CC", "cc")
flags = subprocess.run(["pkg-config", "--cflags", "libsodium", "jansson", "libpq", "libmemcached"], capture_output=True, text=True,
                       check=True).stdout


def compile_alone(name):
    # Twice: it must bear that too.
    ran = subprocess.run([*shlex.split(compiler), "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", SRC, "-I", BUILD / "src",
                          *shlex.split(flags), "-x", "c", "-"], input=f'#include "{name}"\n#include "{name}"\n', capture_output=True, text=True)
    return None if ran.returncode == 0 else f"{name}: {ran.stderr}"


with ThreadPoolExecutor(2) as pool:
    broken = [message for message in pool.map(compile_alone, HEADERS) if message]
same(broken, [], f"each of {len(HEADERS)} headers compiles alone")

# --- P9: a worker keeps nothing

objects = [path for name in FILES if name.endswith(".c") for path in [BUILD / "src" / (name[:-2] + ".o")] if path.exists()]
objects += [path for path in (BUILD / "src/http/pages.o",) if path.exists()]
sources = [name for name in FILES if name.endswith(".c") and not re.match(r"(ctl|prove)/|media/(child_limits|zygote_loop|thumbnail_options|.*_program)\.c", name)]
missing = [name for name in sources if not (BUILD / "src" / (name[:-2] + ".o")).exists()]
same(missing, [], f"the objects are in {BUILD}")


def writable(path):
    """Symbols in sections that stay writable; constant tables with pointers in .data.rel.ro do not."""
    table = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True).stdout
    found = []
    for line in table.splitlines():
        # value, seven flags, section, TAB, size, name; the seventh flag of a section's or a file's own symbol is d or f
        parts = re.match(r"^[0-9a-f]+ (.{7}) (\S+)\t([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
        if not parts or parts.group(1)[5] in "df" or int(parts.group(3), 16) == 0:
            continue
        section, name = parts.group(2), parts.group(4)
        if re.match(r"^(\.t?data(?!\.rel\.ro)|\.t?bss|\*COM\*)", section) and name not in WRITABLE and \
                not re.match(r"__(a|ub|t|l)san|__odr_asan|__sancov|__gcov|__unnamed_|\*?\.L", name):  # of sanitizers
            found.append(f"{path.name}: {name} in {section}")
    return found


same([one for path in objects for one in writable(path)], [], "no object of ours defines anything that can be written to")
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "probe.c").write_text("int a = 1; static int b; int *f(void) { b++; return &b; } _Thread_local int c;"
                                          " static const char *const d[] = {\"x\"}; const char *const *g(void) { return d; }")
    subprocess.run([*shlex.split(compiler), "-fPIC", "-c", "probe.c", "-o", "probe.o"], cwd=folder, check=True)
    same([one.split()[1] for one in sorted(writable(Path(folder) / "probe.o"))], ["a", "b", "c"], "which this test would see")
if shutil.which("nm"):
    archives = sorted(BUILD.glob("lib*.a"))
    symbols = subprocess.run(["nm", "-A", *archives], capture_output=True, text=True).stdout if archives else ""
    bss = [line for line in symbols.splitlines() if re.search(r" [bBCG] ", line)]
    same((len(archives), bss), (11, []), "no library of ours has a symbol of type b, B or C")
static = [place for place, group in lines_like(r"^\s+static (?!const\b|_Noreturn|inline)[a-z_ ]+[ *]+\w+(\[[^\]]*\])*( =|;)")
          if not re.search(r"static .*\bconst\b", FILES[place.split(":")[0]].splitlines()[int(place.split(":")[1]) - 1])]
same(static, [], "no function has a static variable that is not const")

# --- what parses strangers' files is not in a worker

parsers = r"lib(magic|vips|jpeg|png|webp|gif|nsgif)"
for program in ("mayfly-worker", "mayflyctl"):
    needed = subprocess.run(["ldd", BUILD / program], capture_output=True, text=True, check=True).stdout
    same(re.findall(rf"^\s*({parsers}\S*)", needed, re.M), [], f"{program} is linked with no library that parses what strangers send")
    strings = (BUILD / program).read_bytes()
    same(re.findall(parsers.encode() + rb"[a-z0-9.-]*\.so", strings), [], "and loads none later")
check("libmagic" in subprocess.run(["ldd", BUILD / "mayfly-sniff"], capture_output=True, text=True, check=True).stdout,
      "mayfly-sniff has it, so this test would see it")

# --- one place for a connection's state, and for its end

states = "|".join(re.search(r"^enum fcgi_connection_state \{ (.*?) \};", FILES["fcgi/connection.h"], re.M)[1].split(", "))
setting = [place.split(":")[0] for place, _ in lines_like(rf"\bconnection->state = (?:{states}|state);")]
same(setting, ["fcgi/connection.c"], "the state of a connection is set by fcgi_connection_enter, nowhere else")
closing = [place.split(":")[0] for place, _ in lines_like(r"\bclose\((?:connection|request)->fd\)", r"(fcgi|worker)/.*")]
same(closing, ["fcgi/connection.c"], "and fcgi_abandon alone closes one, which wants a reason")
reasons = {reason for path, text in FILES.items() if path.startswith(("fcgi/", "worker/"))
           for call in re.findall(r'\bfcgi_abandon\([^;]*"[^;]*;|->flaw = "[^;]*;', text) for reason in re.findall(r'"([^"]+)"', call)}
check(len(reasons) > 15, "the reasons are found", reasons)
shown = "".join(path.read_text() for name in ("2070-*.c", "3055-*.c", "5813-*.py") for path in (CHECKOUT / "t").glob(name))
same(sorted(reason for reason in reasons if f'"{reason}"' not in shown), [], "and each of these is seen by t/2070, t/3055 or t/5813")

# --- what knows a site by HTTP alone

needed = subprocess.run(["readelf", "-d", BUILD / "mayfly-prove"], capture_output=True, text=True, check=True).stdout
same(sorted(set(re.findall(r"NEEDED.*\[lib([a-z0-9]+)[.-]", needed)) - {"c", "m", "asan", "ubsan"}),
     ["crypto", "curl", "jansson", "pcre2", "sodium"], "mayfly-prove is linked with what base and http need of these, libcurl and PCRE2")

# --- SQL

SQL = r'"[^"]*\b(SELECT\b.*|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|WITH \w+ AS)'
same([place for place, _ in lines_like(SQL)], [], "SQL is in sql/, not in src")
statements = {name for name, _ in STATEMENTS}
used = {name for text in FILES.values() for name in re.findall(r"\bsql_([a-z0-9_]+)\b", text)}
same(sorted(used - statements), [], "each statement that is used is in sql/query")
same(sorted(statements - used), [], "and each that is in sql/query is used")
numbers = sorted(path.name for path in (CHECKOUT / "sql/schema").glob("[0-9]*.sql"))
apply_text = (CHECKOUT / "sql/schema/apply.sql").read_text()
same([int(name[:4]) for name in numbers], list(range(1, len(numbers) + 1)), "schema changes are numbered without a gap")
changes = re.findall(r"^\\set change (\S+) \\set locks (''|\w+|'[\w ]+') \\ir change\.sql$", apply_text, re.M)
same([f"{change}.sql" for change, _ in changes], numbers, "and apply.sql applies each, in order")
same(re.findall(r"^\\ir (\S+)$", apply_text, re.M), ["wait.sql", "later.sql"], "and what comes later")
unlocked = [change for change, locks in changes
            if re.search(r"^(ALTER TABLE|CREATE (UNIQUE )?INDEX|CREATE TRIGGER)", (CHECKOUT / f"sql/schema/{change}.sql").read_text(), re.M)
            and int(change[:4]) > 1 and locks == "''"]
same(unlocked, [], "whatever alters a table locks it as a whole, or tries again")
texts = {change: (CHECKOUT / f"sql/schema/{change}.sql").read_text() for change, _ in changes}
same([(change, table) for change, locks in changes for table in set(re.findall(r"\bREFERENCES (\w+)", texts[change]))
      if table not in locks.strip("'").split() and not re.search(rf"^CREATE TABLE {table} ", texts[change], re.M)], [],
     "and so does what refers to a table that was there, which gets a trigger by that")
later = (CHECKOUT / "sql/schema/later.sql").read_text()
same([line for line in later.splitlines() if re.match(r"(CREATE (UNIQUE )?|DROP )INDEX (?!CONCURRENTLY)|UPDATE|DELETE|ALTER TABLE (?!\w+ VALIDATE)", line)], [],
     "and nothing of what comes later does")

# --- settings

DEF = (SRC / "base/settings.def").read_text()
settings = {}
for kind, name, default in re.findall(r'^(TEXT|FLAG|NUMBER)\((\w+), ("(?:[^"\\]|\\.)*"|[^,]+),', DEF, re.M):
    settings[name] = {"TEXT": default.strip('"'), "FLAG": {"true": "yes", "false": "no"}.get(default, default), "NUMBER": default}[kind]
sample = (CHECKOUT / "etc/mayfly.conf").read_text()
shown = dict(re.findall(r"^#?(\w+) = ?(.*)$", sample, re.M))
check(len(settings) > 20, "the settings are found", settings)
same(sorted(set(settings) - set(shown)), [], "every setting is in etc/mayfly.conf")
same(sorted(set(shown) - set(settings)), [], "and nothing else is")
wrong = {name: (shown[name], settings[name]) for name in settings if name in shown and shown[name].strip() != settings[name]}
same(wrong, {}, "with its default")
paragraphs = sample.split("\n\n")
lonely = [name for before, text in zip([""] + paragraphs, paragraphs) for name in re.findall(r"^#?(\w+) = ?", text, re.M)
          if not text.startswith("# ") and not before.startswith("# ---")]
same(lonely, [], "below words that explain it")
unread = [name for name in settings if not any(re.search(rf"\b{name}\b", text) for file, text in FILES.items() if not file.startswith("base/config"))]
same(unread, [], "each is read somewhere")

# --- documents

bodies = {name: body for text in FILES.values()
          for name, body in re.findall(r"^(?:\w+ )+\**(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", text, re.M | re.S)}
defined = set(bodies)
readme, hacking = (CHECKOUT / "README.md").read_text(), (CHECKOUT / "HACKING.md").read_text()
decisions = {path.name: path.read_text() for path in sorted((CHECKOUT / "doc/decisions").glob("*.md"))}
line = readme.partition("## One request")[2].partition("##")[0].partition("[HACKING")[0]
way = re.findall(r"`(\w+)`", line)
check(len(way) >= 8, "README shows a request's way", line)
same([name for name in way if name not in defined], [], "by names of functions that exist")
names = {name for name in re.findall(r"`([a-z]+_[a-z_]+)`", hacking) if not name.startswith("api_")}
macros = {group[0] for _, group in lines_like(r"^#define (\w+)")}
known = defined | macros | set(settings) | statements | {name.split("/")[-1].partition(".")[0] for name in FILES} | \
    set(re.findall(r"struct (\w+)", "".join(FILES.values())))
schema = "".join((CHECKOUT / "sql/schema" / one).read_text() for one in numbers)
other = sample + apply_text + later + schema + (CHECKOUT / "nginx/mayfly-locations.conf").read_text()
same(sorted(name for name in names if name not in known and not re.search(rf"\b{name}\b", other)), [], "HACKING names nothing that is gone")
# Pages of decisions also name members, constants, columns, variables: words of the code, of which comments are no part.
code = "".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S) for text in FILES.values()) + (CHECKOUT / "t/model/session_cache.pml").read_text()
for path in [*CHECKOUT.glob("sql/*/*.sql"), *CHECKOUT.glob("nginx/*.conf"), *CHECKOUT.glob("t/lib/*.py")]:
    code += re.sub(r"^\s*(--|#).*", "", path.read_text(), flags=re.M)
known |= set(re.findall(r"\w+", code))
for page, text in {"HACKING": hacking, **decisions}.items():
    names = re.findall(r"`(?:struct |x->|\$)?([a-z0-9]+_[a-z0-9_]+|[A-Z]+_[A-Z_]+)(?:\(\))?`", text)
    same(sorted(set(names) - known), [], f"{page} names functions, settings, members and constants that are there")
pages = {"README.md": readme, "HACKING.md": hacking, "doc/threat-model.md": (CHECKOUT / "doc/threat-model.md").read_text(),
         "doc/object-storage.md": (CHECKOUT / "doc/object-storage.md").read_text(),
         **{f"doc/decisions/{page}": text for page, text in decisions.items()}}
paths = {(page, path) for page, text in pages.items() for path in re.findall(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+\.[a-z]+)`", text)}
same(sorted(f"{page}: {path}" for page, path in paths if not (CHECKOUT / path).exists() and not (SRC / path).exists() and "NAME" not in path), [],
     "README, HACKING and what is in doc name files that are there")
bare = {path.name for folder in ("src", "sql", "nginx", "etc", "doc", "dev.d", "t", "build-aux") for path in (CHECKOUT / folder).rglob("*")}
bare |= set(os.listdir(CHECKOUT))
lonely = {(page, name) for page, text in pages.items() for name in re.findall(r"`([A-Za-z0-9_-]+\.(?:c|h|def|sql|awk|pl|md|ac))`", text)}
same(sorted(f"{page}: {name}" for page, name in lonely if name not in bare | {"statements.h"}), [], "also where the folder is understood")
links = {(page, link) for page, text in pages.items() for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
same(sorted(f"{page}: {link}" for page, link in links if not (CHECKOUT / page).parent.joinpath(link).exists()), [], "and link to such")
numbered = {name[:4] for name in os.listdir(CHECKOUT / "t")}
proofs = {(page, number) for page, text in pages.items()
         for number in re.findall(r"\bt/(\d{4})\b", text) + (re.findall(r"[|,;] (\d{4})\b", text) if page == "doc/threat-model.md" else [])}
check(len(proofs) > 100, "tests that stand for promises and decisions are found", len(proofs))
same(sorted(f"{page}: t/{number}" for page, number in proofs if number not in numbered), [], "and name tests that are there")
same(sorted(re.findall(r"^- \[([\w-]+\.md)\]\(", decisions["README.md"], re.M)), sorted(set(decisions) - {"README.md"}),
     "doc/decisions/README.md lists each page")
same(sorted(f"doc/{name}" for name in os.listdir(CHECKOUT / "doc") if not re.search(rf"\sdoc/{re.escape(name)}\s", makefile)), [],
     "Makefile.am ships what is in doc")
promised = {int(number): tests for number, tests in re.findall(r"^\| P(\d+) \|.*\|([^|]*)\|$", pages["doc/threat-model.md"], re.M)}
same([number for number in range(1, 15) if not re.search(r"\d{4}", promised.get(number, ""))], [], "the threat model names at least one test for each promise")
routes = FILES["app/routes.c"]
costly = (CHECKOUT / "nginx/mayfly.conf").read_text()
slow = {name for name, body in bodies.items() if name.startswith("api_") and
        re.search(r"\bcredentials_(check|confirm|hash)\(", body)}
rows = re.findall(r'\{METHOD_(\w+), "([^"]+)", NEED_\w+, (\w+), \w+, (?!AT_SITE)[A-Z_ |]+\}', routes)
same(sorted(f"{method}:{path}" for method, path, handler in rows if handler in slow),
     sorted(re.findall(r"^\s+([A-Z]+:/\S+)\s+1;", costly, re.M)), "nginx sends to the pools of passwords what verifies passwords, and nothing else")
locations = re.findall(r"^location (~|\^~|=) (\S+) \{", (CHECKOUT / "nginx/mayfly-locations.conf").read_text(), re.M)
tests = {"~": lambda path, place: re.search(place, path), "^~": str.startswith, "=": str.__eq__}
check(len(rows) > 60, "the route table is read", len(rows))
same([path for _, path, _ in rows if path != "/" and not any(tests[kind](path, place) for kind, place in locations)], [],
     "nginx knows each route's beginning")
used_params = set(re.findall(r'ROW\("(\w+)"', FILES["http/request.c"])) | {
    "REQUEST_METHOD", "CONTENT_LENGTH", "MAYFLY_STREAM"}
sent_params = re.findall(r"^fastcgi_param (\w+)", (CHECKOUT / "nginx/mayfly-params.conf").read_text(), re.M)
gate_params = set(re.findall(r"^\s*fastcgi_param (\w+)", (CHECKOUT / "nginx/mayfly-inner.conf").read_text() + (CHECKOUT / "nginx/mayfly-refused.conf").read_text(), re.M))
same((sorted(set(sent_params) | gate_params), len(sent_params)), (sorted(used_params), len(set(sent_params))),
     "nginx sends the parameters that the worker reads, each once")

nginx_numbers = {int(number) for name, pattern in (
    ("mayfly.conf", r'map "" \$mayfly_nginx_http \{\n\s+default (\d+);'), ("mayfly-locations.conf", r"^set \$mayfly_nginx_server (\d+);"),
    *((f"mayfly-{file}.conf", r"fastcgi_param MAYFLY_NGINX\s+\S+:(\d+);") for file in ("params", "inner", "refused")))
    for number in re.findall(pattern, (CHECKOUT / "nginx" / name).read_text(), re.M) or [0]}
same(nginx_numbers, {int(re.search(r"NGINX_NUMBER = (\d+)", FILES["app/nginx_number.h"])[1])}, "nginx's files have the number that workers need")

# --- what is shipped has room for what the settings allow

defaults = {name: int(value) for name, value in re.findall(r"^NUMBER\((\w+), (\d+),", DEF, re.M)}

limit = int(re.search(r"^LimitNOFILE=(\d+)$", (CHECKOUT / "systemd/mayfly-pool@.service").read_text(), re.M)[1])


def constant(file, name):
    return int(re.search(rf"\b{name} = (\d+),", FILES[file])[1])


# Who waits for the object storage has a connection to it; sockets of the log, the database and the cache, children's pipes, images.
wanted = defaults["worker_streams_max"] + constant("worker/worker.c", "CONNECTIONS_BESIDE") + constant("worker/turns.h", "TURNS_WAITING_MAX") + 256
check(limit >= wanted, "LimitNOFILE of the unit has room for worker_streams_max and what a worker opens besides", limit, wanted)
connections = int(re.search(r"^worker_connections (\d+);", (CHECKOUT / "nginx/mayfly-events.conf").read_text(), re.M)[1])
address = int(re.search(r"^limit_conn\s+mayfly_address (\d+);", (CHECKOUT / "nginx/mayfly-fastcgi.conf").read_text(), re.M)[1])
check(connections >= 2 * 16 * 2 * address, "16 addresses that do their worst leave half of worker_connections", connections, address)
files = int(re.search(r"^worker_rlimit_nofile (\d+);", (CHECKOUT / "nginx/mayfly-main.conf").read_text(), re.M)[1])
check(files > connections, "a process of nginx may open more files than it has connections", files, connections)
# A client's connection and the one to a worker, for all streams of the two pools of files.
check(connections >= 2 * 2 * defaults["worker_streams_max"], "one process of nginx has room for the streams of both pools' workers",
      connections, defaults["worker_streams_max"])

# --- nginx waits for longer than a worker does


def seconds(text, name, otherwise=None):
    """The last that a location says of it."""
    found = re.findall(rf"^\s*{name}\s+(\d+)s;", text, re.M)
    return int(found[-1]) if found else otherwise


def nginx_locations(name):
    """path -> what the location says, with what it includes."""
    text = (CHECKOUT / "nginx" / name).read_text()
    snippets = {snippet.name: snippet.read_text() for snippet in (CHECKOUT / "nginx").glob("mayfly-*.conf")}
    found = {}
    for _, path, body in re.findall(r"^( *)location (?:[~=^]+ )?(\S+) \{\n(.*?)^\1\}$", text, re.M | re.S):
        found[path] = re.sub(r"include snippets/([\w-]+\.conf);", lambda include: snippets[include[1]], body)
    return found


in_line = int(re.search(r"SHARE_PATIENCE_MS = (\d+)", FILES["app/file/thumbnail_request_wait.c"])[1])
WAITS_MS = {
    "/upload": defaults["worker_stream_patience_ms"] + defaults["s3_timeout_ms"], "^/uploads(?:/|$)": defaults["s3_timeout_ms"],
    "^/files/[^/]+/(?:csv|thumbnail)$": in_line + 2 * defaults["s3_timeout_ms"] + defaults["thumbnail_timeout_ms"],
    "^/files(?:/|$)": defaults["s3_timeout_ms"], "^/shared/": defaults["s3_timeout_ms"],
    "^/(?:files|shared)(?:/|$)": defaults["s3_timeout_ms"],
}
for name, kind in (("mayfly-locations.conf", "fastcgi"), ("edge.conf", "proxy")):
    served = {path: body for path, body in nginx_locations(name).items() if f"{kind}_pass " in body and path in WAITS_MS}
    check(len(served) >= 4, f"{name}: the locations that wait for the object storage", sorted(served))
    for path, body in served.items():
        read = seconds(body, f"{kind}_read_timeout", 60)
        check(read * 1000 > WAITS_MS[path] + defaults["s3_connect_ms"], f"{name}, {path}: nginx waits for an answer for longer than a worker may take",
              read, WAITS_MS[path])
        # What is passed on as it comes can't be sent again.
        check(re.search(r"request_buffering +off", body) or seconds(body, f"{kind}_next_upstream_timeout", 20) > read,
              f"{name}, {path}: and has time for another one", body)
small = seconds((CHECKOUT / "nginx/mayfly-small.conf").read_text(), "fastcgi_read_timeout")
check(small * 1000 > sum(defaults[f"database_{name}_ms"] for name in ("timeout", "connect", "patience")),
      "so it does for what waits for the database only", small)
done()
