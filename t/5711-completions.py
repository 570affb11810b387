#!/usr/bin/python3
"""The completions that are installed offer in bash and in zsh what the tables of commands and options have."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, SCRATCH, check, done, note, same

INST = SCRATCH / "inst"
SOURCE = re.sub(r'"\n +"', "", (CHECKOUT / "src/ctl/ctl.c").read_text())  # a string may go on in the next line
TABLE = [(f"{family} {verb}".strip(), set(re.findall(r"--[a-z-]+", arguments)), arguments)
         for family, verb, arguments in re.findall(r'^    \{"(\w+)", (?:"(\w+)"|NULL), "([^"]*)"', SOURCE, re.M)]
VALUES = dict(re.findall(r'^    \[OPTION_\w+\] = \{"([\w-]+)", (NULL|"[^"]*")', SOURCE, re.M))
HELP = {"-h", "--help"}
FAMILIES = {name.split()[0] for name, _, _ in TABLE}
BASH = """
. "$1"
while read -r line; do
    COMP_WORDS=($line)
    COMP_WORDS[${#COMP_WORDS[@]} - 1]=${COMP_WORDS[-1]#.}
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _mayflyctl 2>/dev/null
    echo "${COMPREPLY[*]}"
done
"""
# The matches of zsh's own completion, which compadd is given; no stub takes the place of anything.
ZSH = """
PROMPT= RPROMPT= LISTMAX=1000
fpath=(%s $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
    local -a found
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
        builtin compadd "$@"
        return
    fi
    builtin compadd -A found "$@"
    print -l -- $found >>%s
    builtin compadd "$@"
}
mark() { print -- '<end>' >>%s; BUFFER= }
zle -N mark
bindkey '^X' mark
bindkey '^I' complete-word
print -- '<end>' >>%s
"""


def in_bash(lines):
    """What each line gets offered. The word at the cursor follows a dot, since it may be empty."""
    words = "\n".join(f"{line.rpartition(' ')[0]} .{line.rpartition(' ')[2]}" for line in lines) + "\n"
    # bash gives = as a word of its own, as COMP_WORDBREAKS has it.
    words = re.sub(r"\.(--\w+)=(\w*)$", r"\1 = .\2", words, flags=re.M)
    ran = subprocess.run(["bash", "--norc", "-c", BASH, "bash", INST / "share/bash-completion/completions/mayflyctl"],
                         input=words, capture_output=True, text=True, timeout=60)
    same(ran.stderr, "", "bash reads the script without a complaint")
    return [set(answer.split()) for answer in ran.stdout.splitlines()]


def in_zsh(lines):
    with tempfile.TemporaryDirectory() as folder:
        out, rc = Path(folder) / "out", Path(folder) / ".zshrc"
        out.touch()
        rc.write_text(ZSH % (INST / "share/zsh/site-functions", out, out, out))
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-d", "-i"], {**os.environ, "ZDOTDIR": folder, "TERM": "dumb", "HOME": folder})

        def ends(count):
            until = time.monotonic() + 30
            while out.read_text().count("<end>") < count and time.monotonic() < until:
                if select.select([terminal], [], [], 0.02)[0]:
                    os.read(terminal, 65536)  # what it shows is of no interest, but has to be taken

        ends(1)
        for number, line in enumerate(lines, 2):
            os.write(terminal, f"{line}\t\x18".encode())
            ends(number)
        os.close(terminal)
        os.waitpid(pid, 0)
        return [set(answer.split()) for answer in out.read_text().split("<end>")[1:-1]]


def wanted(every=True):
    """(line, what may follow); not every: no more than one line for each kind of case, since zsh takes a quarter of a second for each."""
    yield "mayflyctl ", FAMILIES
    yield "mayflyctl -", HELP | {"-c", "--config", "-V", "--version"}
    yield "mayflyctl -c /x/y.conf ", FAMILIES
    for name, options, arguments in TABLE:
        family, _, verb = name.partition(" ")
        if verb:
            yield f"mayflyctl {family} ", {other.split()[1] for other, _, _ in TABLE if other.startswith(family + " ")}
        if every or options:
            yield f"mayflyctl {name} -", options | HELP
        if every:
            yield f"mayflyctl {name} word -", options | HELP
        if re.fullmatch(r"\w+(\|\w+)+", arguments):
            yield f"mayflyctl {name} ", set(arguments.split("|"))
    yield "mayflyctl us", {"user"}
    yield "mayflyctl user add --email a@b.c ann --n", {"--name"}
    yield "mayflyctl files move --to ", {"postgres", "s3"}
    yield "mayflyctl files move --to p", {"postgres"}
    yield "mayflyctl files move --to=p", {"postgres"}
    yield "mayflyctl files move --account ", set()


check(len(TABLE) > 20 and len(VALUES) > 10, "the tables are found", TABLE, VALUES)
same({option[2:] for _, options, _ in TABLE for option in options} ^ set(VALUES), set(),
     "each option of the table of options is shown with a command, and no other one")
if not (INST / "bin/mayflyctl").exists():
    print("1..0 # SKIP needs a stack: ./dev test 5711")
    sys.exit()
for shell, complete in (("bash", in_bash), ("zsh", in_zsh)):
    if not shutil.which(shell):
        note(f"{shell} is not installed")
        continue
    cases = list(dict.fromkeys((line, frozenset(words)) for line, words in wanted(shell == "bash")))
    offers = complete([line for line, _ in cases])
    same(len(offers), len(cases), f"{shell} answers each line")
    wrong = []
    for (line, words), got in zip(cases, offers):
        # Where the word does not begin with a dash, options may be offered as well.
        if not line.rpartition(" ")[2].startswith("-"):
            got = {one for one in got if not one.startswith("-")}
        if got != words:
            wrong.append((line, sorted(got), sorted(words)))
    same(wrong, [], f"{shell} offers what the tables have")
for shell, path in (("bash", "share/bash-completion/completions/mayflyctl"), ("zsh", "share/zsh/site-functions/_mayflyctl")):
    ran = subprocess.run([INST / "bin/mayflyctl", "completion", shell], capture_output=True, text=True)
    same(ran.stdout, (INST / path).read_text(), f"mayflyctl completion {shell} prints what is installed")
ran = subprocess.run([INST / "bin/mayflyctl", "completion", "fish"], capture_output=True, text=True)
check(ran.returncode == 2 and "bash and zsh" in ran.stderr, "another shell is refused", ran)
done()
