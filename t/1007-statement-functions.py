#!/usr/bin/python3
"""What build-aux/statements.awk makes of a statement: a function that only takes what the statement wants, and what it refuses."""
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

GOOD = """-- name: thing_find (id, name, most, since?)
-- -> what there is
SELECT data FROM thing WHERE id = $1::uuid AND name = $2::text AND made > $4::bigint LIMIT $3::int;

-- name: things_all
SELECT 1;
"""


def made(sql):
    """(exit status, statements.h or what was said)"""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(sql)
        file.flush()
        ran = subprocess.run([os.environ.get("AWK", "awk"), "-f", CHECKOUT / "build-aux/statements.awk", file.name], capture_output=True, text=True,
                             env={**os.environ, "LC_ALL": "C"})
    return ran.returncode, ran.stdout if ran.returncode == 0 else ran.stderr


def compiles(header, body):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "db").mkdir()
        (Path(folder) / "db/statements.h").write_text(header)
        source = f'#include "db/statements.h"\nstatic struct uuid id; int64_t n = 5;\nstruct db_call call(void) {{ (void)id; return {body}; }}\n'
        ran = subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-Werror", "-fsyntax-only", "-I", folder, "-I", CHECKOUT / "src",
                              "-x", "c", "-"], input=source, capture_output=True, text=True)
    return ran.returncode == 0


rc, header = made(GOOD)
same(rc, 0, "statements are turned into functions")
check("struct db_call sql_thing_find(const struct uuid *id, const char *name, int64_t most, const int64_t *since)" in header,
      "with the names and the types of their parameters", header)
for body in ('sql_thing_find(&id, "a", 5, NULL)', 'sql_thing_find(NULL, NULL, 5, &n)', "sql_things_all()"):
    check(compiles(header, body), f"{body} compiles")
for body, why in (('sql_thing_find(&id, "a", 5)', "too few"), ('sql_thing_find(&id, "a", 5, NULL, 1)', "too many"),
                  ('sql_thing_find("a", &id, 5, NULL)', "the wrong way round"), ('sql_thing_find(&id, "a", 5, 5)', "a number that may be null"),
                  ("sql_things_all(5)", "none is wanted")):
    check(not compiles(header, body), f"{body} does not: {why}")

rc, both = made("-- for: table=a key=x_id\n-- for: table=b key=y_id\n-- name: {table}_get (id)\nSELECT FROM {table} WHERE {key} = $1::uuid;\n")
same((rc, "sql_a_get(" in both, "sql_b_get(" in both, "SELECT FROM b WHERE y_id = $1::uuid" in both), (0, True, True, True),
     "a statement of a file with lines '-- for:' is made once for each")
for sql, why in ((GOOD.replace(", since?", ""), "4 parameters, but not as many names"), (GOOD.replace("since?", "since, more"), "not as many names"),
                 (GOOD.replace("$2::text", "$2"), "$2 has no type"), (GOOD.replace("::uuid", "::point"), "$1 has no type that is known"),
                 (GOOD.replace("1;", "$1::int + $1::bigint;").replace("things_all", "things_all (n)"), "$1 is both int and bigint"),
                 (GOOD.replace("most,", "most?,").replace("$3::int", "$3::text"), "needs no ?"),
                 (GOOD.replace("$1::uuid", "$5::uuid").replace("since?", "since?, fifth"), "there is no $1"),
                 (GOOD.replace("data FROM", "{thing_row} FROM"), "no columns are called thing_row")):
    rc, said = made(sql)
    check(rc != 0 and why in said, f"refused: {why}", said)
done()
